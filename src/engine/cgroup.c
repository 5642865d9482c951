/* cgroup.c - a control group per run: limits, use, and the end of everything in it */

#include "engine/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PATH_LEN = CGROUP_ROOT_MAX + CGROUP_NAME_MAX + 80,
	PERIOD_US = 100000,             /* the kernel's default period of the cpu quota */
	QUOTA_MIN_US = 1000,            /* the kernel refuses less */
};

#define PARENT "suanlu"

/* The v1 controllers we use, and the file that proves each of them. */
static const struct {
	unsigned bit;
	const char *name, *proof, *proof_v2;
} controllers[] = {
	{ CGROUP_PIDS, "pids", "pids.max", "pids.max" },
	{ CGROUP_CPU, "cpu", "cpu.cfs_quota_us", "cpu.max" },
	{ CGROUP_CPUACCT, "cpuacct", "cpuacct.usage", "cpu.stat" },
	{ CGROUP_MEMORY, "memory", "memory.limit_in_bytes", "memory.max" },
};
enum { NCONTROLLERS = sizeof(controllers) / sizeof(controllers[0]) };

/* The path of `file` in the group; `name` NULL: in the parent of all groups. */
static const char *path_of(char out[PATH_LEN], const struct cgroup_set *s, const char *ctrl,
			   const char *name, const char *file)
{
	bool v1 = s->version == 1;

	snprintf(out, PATH_LEN, "%s%s%s/" PARENT "%s%s%s%s", s->root, v1 ? "/" : "",
		 v1 ? ctrl : "", name ? "/" : "", name ? name : "", file ? "/" : "",
		 file ? file : "");
	return out;
}

static int put_path(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;
	int r = 0;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	if (n < 0)
		r = -errno;
	close(fd);
	return r;
}

static int put(const struct cgroup_set *s, const char *ctrl, const char *name, const char *file,
	       const char *text)
{
	char path[PATH_LEN];

	return put_path(path_of(path, s, ctrl, name, file), text);
}

/* The beginning of a small file as a string; "" when it cannot be read. */
static const char *get(const struct cgroup_set *s, const char *ctrl, const char *name,
		       const char *file, char *out, size_t size)
{
	char path[PATH_LEN];
	int fd = open(path_of(path, s, ctrl, name, file), O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	if (fd >= 0) {
		n = read(fd, out, size - 1);
		close(fd);
	}
	out[n > 0 ? n : 0] = '\0';
	return out;
}

/* The number after `key` at the start of a line; 0 when it is not there. */
static uint64_t field(const char *text, const char *key)
{
	size_t n = strlen(key);

	while (text) {
		if (strncmp(text, key, n) == 0 && text[n] == ' ')
			return strtoull(text + n + 1, NULL, 10);
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return 0;
}

/* Where the list of processes is read: v2 has one tree, of v1 any tree we joined will do. */
static const char *procs_controller(const struct cgroup_set *s)
{
	for (unsigned i = 0; i < NCONTROLLERS; i++)
		if (s->have & controllers[i].bit)
			return controllers[i].name;
	return "";
}

/* mkdir of the group in each tree; stops at the first failure. */
static int make_dirs(const struct cgroup_set *s, const char *name)
{
	char path[PATH_LEN];

	for (unsigned i = 0; i < NCONTROLLERS; i++) {
		if (s->version == 1 && !(s->have & controllers[i].bit))
			continue;
		path_of(path, s, controllers[i].name, name, NULL);
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
		if (s->version == 2)
			break;
	}
	return 0;
}

static bool exists(const struct cgroup_set *s, const char *ctrl, const char *name,
		   const char *file)
{
	char path[PATH_LEN];

	return access(path_of(path, s, ctrl, name, file), W_OK) == 0;
}

/* v2: the parent must hand the controllers down; each may be missing on its own. */
static int probe_v2(struct cgroup_set *s, const char *name)
{
	static const char *const down[] = { "+cpu", "+memory", "+pids" };
	char path[PATH_LEN];
	int r;

	r = make_dirs(s, NULL);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < sizeof(down) / sizeof(down[0]); i++) {
		snprintf(path, sizeof(path), "%s/cgroup.subtree_control", s->root);
		put_path(path, down[i]);
		put(s, "", NULL, "cgroup.subtree_control", down[i]);
	}
	r = make_dirs(s, name);
	if (r < 0)
		return r;
	if (!exists(s, "", name, "cgroup.procs"))
		return -EACCES;
	for (unsigned i = 0; i < NCONTROLLERS; i++)
		if (exists(s, "", name, controllers[i].proof_v2) ||
		    (controllers[i].bit == CGROUP_CPUACCT))
			s->have |= controllers[i].bit;
	return 0;
}

static int probe_v1(struct cgroup_set *s, const char *name)
{
	struct cgroup_set one = *s;
	int r = -ENOENT, made;

	for (unsigned i = 0; i < NCONTROLLERS; i++) {
		one.have = controllers[i].bit;
		made = make_dirs(&one, NULL);
		if (made == 0)
			made = make_dirs(&one, name);
		if (made == 0 && exists(&one, controllers[i].name, name, controllers[i].proof))
			s->have |= controllers[i].bit;
		else if (made < 0 && r == -ENOENT)
			r = made;
	}
	return s->have ? 0 : r;
}

int cgroup_probe(const char *root, struct cgroup_set *ret, char why[CGROUP_WHY_MAX])
{
	struct cgroup_set s = { 0 };
	char path[PATH_LEN], name[CGROUP_NAME_MAX];
	struct cgroup_limits l = { .cpu_milli = 1000, .memory_bytes = 64 << 20, .pids = 16 };
	int r;

	if (strlen(root) >= sizeof(s.root)) {
		snprintf(why, CGROUP_WHY_MAX, "the path of the control groups is too long");
		return 1;
	}
	strcpy(s.root, root);
	snprintf(path, sizeof(path), "%s/cgroup.controllers", root);
	s.version = access(path, F_OK) == 0 ? 2 : 1;
	snprintf(name, sizeof(name), "probe-%d", (int)getpid());
	r = s.version == 2 ? probe_v2(&s, name) : probe_v1(&s, name);
	if (r == 0)
		r = cgroup_make(&s, name, &l);
	cgroup_remove(&s, name);
	if (r < 0) {
		snprintf(why, CGROUP_WHY_MAX, "no control group can be made below %s: %s", root,
			 strerror(-r));
		return 1;
	}
	*ret = s;
	return 0;
}

static int limit_cpu(const struct cgroup_set *s, const char *name, uint32_t milli)
{
	char text[64];
	uint64_t quota = (uint64_t)milli * PERIOD_US / 1000;

	if (quota < QUOTA_MIN_US)
		quota = QUOTA_MIN_US;
	if (s->version == 2) {
		snprintf(text, sizeof(text), "%" PRIu64 " %d", quota, PERIOD_US);
		return put(s, "", name, "cpu.max", text);
	}
	snprintf(text, sizeof(text), "%" PRIu64, quota);
	return put(s, "cpu", name, "cpu.cfs_quota_us", text);
}

/* Swap counts as memory: else a limit would only make the machine slow.  Its file is
 * missing where the kernel does not account swap; then there is nothing to set. */
static int limit_memory(const struct cgroup_set *s, const char *name, uint64_t bytes)
{
	char text[32];
	int r;

	snprintf(text, sizeof(text), "%" PRIu64, bytes);
	if (s->version == 2) {
		r = put(s, "", name, "memory.max", text);
		put(s, "", name, "memory.swap.max", "0");
		return r;
	}
	r = put(s, "memory", name, "memory.limit_in_bytes", text);
	put(s, "memory", name, "memory.memsw.limit_in_bytes", text);
	return r;
}

int cgroup_make(const struct cgroup_set *s, const char *name, const struct cgroup_limits *l)
{
	char text[32];
	int r = make_dirs(s, name);

	if (r == 0 && l->pids && (s->have & CGROUP_PIDS)) {
		snprintf(text, sizeof(text), "%" PRIu32, l->pids);
		r = put(s, "pids", name, "pids.max", text);
	}
	if (r == 0 && l->cpu_milli && (s->have & CGROUP_CPU))
		r = limit_cpu(s, name, l->cpu_milli);
	if (r == 0 && l->memory_bytes && (s->have & CGROUP_MEMORY))
		r = limit_memory(s, name, l->memory_bytes);
	return r;
}

int cgroup_join(const struct cgroup_set *s, const char *name)
{
	int r = 0;

	if (s->version == 2)
		return put(s, "", name, "cgroup.procs", "0");
	for (unsigned i = 0; i < NCONTROLLERS && r == 0; i++)
		if (s->have & controllers[i].bit)
			r = put(s, controllers[i].name, name, "cgroup.procs", "0");
	return r;
}

int cgroup_signal(const struct cgroup_set *s, const char *name, int sig)
{
	char path[PATH_LEN];
	FILE *f;
	int n = 0;
	long pid;

	if (!s->version)
		return 0;
	f = fopen(path_of(path, s, procs_controller(s), name, "cgroup.procs"), "re");
	if (!f)
		return errno == ENOENT ? 0 : -errno;
	while (fscanf(f, "%ld", &pid) == 1) {
		if (pid <= 1)           /* 0: a process we cannot see from our pid namespace */
			continue;
		kill((pid_t)pid, sig);
		n++;
	}
	fclose(f);
	return n;
}

int cgroup_kill(const struct cgroup_set *s, const char *name)
{
	if (!s->version)
		return 0;
	/* Forks would win a race against a list of pids; none can begin any more. */
	if (s->have & CGROUP_PIDS)
		put(s, "pids", name, "pids.max", "0");
	if (s->version == 2 && put(s, "", name, "cgroup.kill", "1") == 0)
		return cgroup_signal(s, name, 0);
	return cgroup_signal(s, name, SIGKILL);
}

static void read_v1(const struct cgroup_set *s, const char *name, struct cgroup_usage *ret)
{
	char text[512];

	if (s->have & CGROUP_CPUACCT) {
		get(s, "cpuacct", name, "cpuacct.usage", text, sizeof(text));
		if (*text)
			ret->cpu_ms = (int64_t)(strtoull(text, NULL, 10) / 1000000);
	}
	if (s->have & CGROUP_MEMORY) {
		get(s, "memory", name, "memory.max_usage_in_bytes", text, sizeof(text));
		ret->memory_peak = strtoull(text, NULL, 10);
		get(s, "memory", name, "memory.oom_control", text, sizeof(text));
		ret->oom_kills = field(text, "oom_kill");
	}
}

static void read_v2(const struct cgroup_set *s, const char *name, struct cgroup_usage *ret)
{
	char text[512];

	get(s, "", name, "cpu.stat", text, sizeof(text));
	if (*text)
		ret->cpu_ms = (int64_t)(field(text, "usage_usec") / 1000);
	if (s->have & CGROUP_MEMORY) {
		get(s, "", name, "memory.peak", text, sizeof(text));     /* since Linux 5.19 */
		ret->memory_peak = strtoull(text, NULL, 10);
		get(s, "", name, "memory.events", text, sizeof(text));
		ret->oom_kills = field(text, "oom_kill");
	}
}

void cgroup_read(const struct cgroup_set *s, const char *name, struct cgroup_usage *ret)
{
	*ret = (struct cgroup_usage){ .cpu_ms = -1 };
	if (s->version == 1)
		read_v1(s, name, ret);
	else if (s->version == 2)
		read_v2(s, name, ret);
}

int cgroup_remove(const struct cgroup_set *s, const char *name)
{
	char path[PATH_LEN];
	int r = 0;

	for (unsigned i = 0; s->version && i < NCONTROLLERS; i++) {
		if (s->version == 1 && !(s->have & controllers[i].bit))
			continue;
		path_of(path, s, controllers[i].name, name, NULL);
		if (rmdir(path) < 0 && errno != ENOENT && r == 0)
			r = -errno;
		if (s->version == 2)
			break;
	}
	return r;
}
