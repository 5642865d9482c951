/* run_limits.c - what the daemon tells the shim about one run */

#include "engine/run_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The numbers, with the most each may be. */
#define NUMBERS(X)                                                              \
	X("walltime_ms", l->walltime_ms, INT64_MAX)                             \
	X("grace_ms", l->grace_ms, INT64_MAX)                                   \
	X("cpu_milli", l->cpu_milli, UINT32_MAX)                                \
	X("memory_mb", l->memory_mb, INT64_MAX >> 20)                           \
	X("pids", l->pids, UINT32_MAX)                                          \
	X("out_max", l->out_max, INT64_MAX)                                     \
	X("cgroup_version", l->cgroup.version, 2)                               \
	X("cgroup_have", l->cgroup.have, 15)                                    \
	X("rlimits", l->rlimits, 15)                                            \
	X("uid", l->uid, UINT32_MAX)                                            \
	X("gid", l->gid, UINT32_MAX)

int limits_format(const struct limits *l, char *out, size_t size)
{
	size_t n = 0;

#define ADD(...) do {                                                           \
		if (n < size)                                                   \
			n += (size_t)snprintf(out + n, size - n, __VA_ARGS__);  \
	} while (0)
#define NUMBER(key, value, most) ADD(key " %" PRId64 "\n", (int64_t)(value));
	NUMBERS(NUMBER)
#undef NUMBER
	if (l->cgroup.root[0])
		ADD("cgroup_root %s\n", l->cgroup.root);
	ADD("group %s\n", l->group);
	for (unsigned i = 0; i < l->ngroups; i++)
		ADD("groups %" PRIu32 "\n", (uint32_t)l->groups[i]);
#undef ADD
	return n < size ? 0 : -EINVAL;
}

/* -1 is allowed where it means "not set": the ids. */
static int number(const char *key, const char *text, int64_t most, int64_t *ret)
{
	int64_t min = strcmp(key, "uid") == 0 || strcmp(key, "gid") == 0 ? -1 : 0;
	char *end;
	long long v;

	errno = 0;
	v = strtoll(text, &end, 10);
	if (errno || end == text || *end || v < min || v > most)
		return -EINVAL;
	*ret = v;
	return 0;
}

static int word(const char *text, char *out, size_t size)
{
	if (strlen(text) >= size)
		return -EINVAL;
	strcpy(out, text);
	return 0;
}

static int take(struct limits *l, const char *key, const char *value)
{
	int64_t v;

#define NUMBER(name, into, most)                                                \
	if (strcmp(key, name) == 0) {                                           \
		if (number(key, value, most, &v) < 0)                           \
			return -EINVAL;                                         \
		into = (__typeof__(into))v;                                     \
		return 0;                                                       \
	}
	NUMBERS(NUMBER)
#undef NUMBER
	if (strcmp(key, "cgroup_root") == 0)
		return word(value, l->cgroup.root, sizeof(l->cgroup.root));
	if (strcmp(key, "group") == 0)
		return word(value, l->group, sizeof(l->group));
	if (strcmp(key, "groups") == 0) {
		if (l->ngroups == LIMITS_GROUPS_MAX || number(key, value, UINT32_MAX, &v) < 0)
			return -EINVAL;
		l->groups[l->ngroups++] = (gid_t)v;
		return 0;
	}
	return -EINVAL;
}

int limits_parse(const char *text, struct limits *ret)
{
	struct limits l = { .uid = -1, .gid = -1 };
	char copy[LIMITS_TEXT_MAX], *line, *rest = copy, *value;

	if (word(text, copy, sizeof(copy)) < 0)
		return -EINVAL;
	while ((line = strsep(&rest, "\n"))) {
		if (!*line)
			continue;
		value = strchr(line, ' ');
		if (!value)
			return -EINVAL;
		*value++ = '\0';
		if (take(&l, line, value) < 0)
			return -EINVAL;
	}
	if (!l.group[0] || l.walltime_ms <= 0)
		return -EINVAL;         /* cut off, or not ours */
	*ret = l;
	return 0;
}

int limits_load(int dirfd, struct limits *ret)
{
	char text[LIMITS_TEXT_MAX];
	int fd = openat(dirfd, "limits", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	text[n] = '\0';
	return limits_parse(text, ret);
}
