/* test_cgroup.c - groups are found, filled in, read, emptied and removed
 *
 * On a tree of plain files for what this machine does not have, and on the real one for
 * what it does.
 */

#include "engine/cgroup.h"
#include "engine/run_limits.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- a tree of plain files ---- */

struct tree {
	char top[64];
	struct cgroup_set set;
};

static void put(const struct tree *t, const char *name, const char *text)
{
	char path[256], *slash;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", t->top, name);
	for (slash = strchr(path + strlen(t->top) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* What was written there: the kernel reads each write whole, a plain file keeps what is
 * longer, so the files begin empty. */
static const char *get(const struct tree *t, const char *name)
{
	static char text[256];
	char path[256];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", t->top, name);
	f = fopen(path, "r");
	if (f) {
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
	}
	text[n] = '\0';
	return text;
}

static int set_up(void **state)
{
	struct tree *t = calloc(1, sizeof(*t));

	strcpy(t->top, "/tmp/suanlu-cgroup-XXXXXX");
	if (!mkdtemp(t->top))
		return -1;
	strcpy(t->set.root, t->top);
	*state = t;
	return 0;
}

static int tear_down(void **state)
{
	struct tree *t = *state;
	char cmd[128];
	int r;

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", t->top);
	r = system(cmd);
	free(t);
	return r;
}

static const struct cgroup_limits some = {
	.cpu_milli = 1500, .memory_bytes = 64 << 20, .pids = 32,
};

static void v2_limits_are_written_as_the_kernel_wants_them(void **state)
{
	struct tree *t = *state;

	t->set.version = 2;
	t->set.have = 15;
	put(t, "suanlu/a/cpu.max", "");
	put(t, "suanlu/a/memory.max", "");
	put(t, "suanlu/a/memory.swap.max", "");
	put(t, "suanlu/a/pids.max", "");
	assert_int_equal(cgroup_make(&t->set, "a", &some), 0);
	assert_string_equal(get(t, "suanlu/a/cpu.max"), "150000 100000");
	assert_string_equal(get(t, "suanlu/a/memory.max"), "67108864");
	assert_string_equal(get(t, "suanlu/a/memory.swap.max"), "0");
	assert_string_equal(get(t, "suanlu/a/pids.max"), "32");
}

static void v1_limits_are_written_as_the_kernel_wants_them(void **state)
{
	struct tree *t = *state;

	t->set.version = 1;
	t->set.have = 15;
	put(t, "cpu/suanlu/a/cpu.cfs_quota_us", "");
	put(t, "cpuacct/suanlu/a/cpuacct.usage", "");
	put(t, "memory/suanlu/a/memory.limit_in_bytes", "");
	put(t, "pids/suanlu/a/pids.max", "");
	assert_int_equal(cgroup_make(&t->set, "a", &some), 0);
	assert_string_equal(get(t, "cpu/suanlu/a/cpu.cfs_quota_us"), "150000");
	assert_string_equal(get(t, "memory/suanlu/a/memory.limit_in_bytes"), "67108864");
	assert_string_equal(get(t, "pids/suanlu/a/pids.max"), "32");
}

static void a_tiny_share_of_cpu_is_raised_to_what_the_kernel_takes(void **state)
{
	struct tree *t = *state;
	const struct cgroup_limits l = { .cpu_milli = 1 };

	t->set.version = 2;
	t->set.have = CGROUP_CPU;
	put(t, "suanlu/a/cpu.max", "");
	assert_int_equal(cgroup_make(&t->set, "a", &l), 0);
	assert_string_equal(get(t, "suanlu/a/cpu.max"), "1000 100000");
}

static void no_limit_writes_nothing(void **state)
{
	struct tree *t = *state;
	const struct cgroup_limits l = { 0 };

	t->set.version = 2;
	t->set.have = 15;
	put(t, "suanlu/a/cpu.max", "");
	assert_int_equal(cgroup_make(&t->set, "a", &l), 0);
	assert_string_equal(get(t, "suanlu/a/cpu.max"), "");
}

static void a_limit_that_cannot_be_written_is_an_error(void **state)
{
	struct tree *t = *state;

	t->set.version = 2;
	t->set.have = CGROUP_MEMORY;
	put(t, "suanlu/cgroup.procs", "");
	assert_int_equal(cgroup_make(&t->set, "a", &some), -ENOENT);
}

static void v2_use_is_read(void **state)
{
	struct tree *t = *state;
	struct cgroup_usage u;

	t->set.version = 2;
	t->set.have = 15;
	put(t, "suanlu/a/cpu.stat", "usage_usec 12345678\nuser_usec 1\n");
	put(t, "suanlu/a/memory.peak", "4096\n");
	put(t, "suanlu/a/memory.events", "low 0\nhigh 0\nmax 9\noom 4\noom_kill 3\n");
	cgroup_read(&t->set, "a", &u);
	assert_int_equal(u.cpu_ms, 12345);
	assert_int_equal(u.memory_peak, 4096);
	assert_int_equal(u.oom_kills, 3);
}

static void v1_use_is_read(void **state)
{
	struct tree *t = *state;
	struct cgroup_usage u;

	t->set.version = 1;
	t->set.have = 15;
	put(t, "cpuacct/suanlu/a/cpuacct.usage", "2500000000\n");
	put(t, "memory/suanlu/a/memory.max_usage_in_bytes", "8192\n");
	put(t, "memory/suanlu/a/memory.oom_control",
	    "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
	cgroup_read(&t->set, "a", &u);
	assert_int_equal(u.cpu_ms, 2500);
	assert_int_equal(u.memory_peak, 8192);
	assert_int_equal(u.oom_kills, 1);
}

static void what_was_not_measured_says_so(void **state)
{
	struct tree *t = *state;
	struct cgroup_usage u;

	t->set.version = 1;
	t->set.have = 15;
	cgroup_read(&t->set, "a", &u);
	assert_int_equal(u.cpu_ms, -1);
	t->set.version = 0;
	cgroup_read(&t->set, "a", &u);
	assert_int_equal(u.cpu_ms, -1);
	assert_int_equal(u.memory_peak, 0);
}

static void a_place_without_groups_is_refused_in_words(void **state)
{
	struct cgroup_set s = { .version = 7 };
	char why[CGROUP_WHY_MAX];

	assert_int_equal(cgroup_probe("/nonexistent", &s, why), 1);
	assert_non_null(strstr(why, "/nonexistent"));
	assert_int_equal(s.version, 7);
}

static void a_path_that_is_too_long_is_refused(void **state)
{
	struct cgroup_set s;
	char why[CGROUP_WHY_MAX], root[CGROUP_ROOT_MAX + 1];

	memset(root, 'x', sizeof(root) - 1);
	root[sizeof(root) - 1] = '\0';
	assert_int_equal(cgroup_probe(root, &s, why), 1);
}

static void a_group_that_is_not_there_is_empty_and_removed(void **state)
{
	struct tree *t = *state;

	t->set.version = 1;
	t->set.have = 15;
	assert_int_equal(cgroup_kill(&t->set, "a"), 0);
	assert_int_equal(cgroup_remove(&t->set, "a"), 0);
}

/* ---- the real thing ---- */

static void emptied(const char *root)
{
	char why[CGROUP_WHY_MAX], name[64];
	struct cgroup_limits none = { 0 };
	struct cgroup_set s;
	int left = 1;
	pid_t pid;

	if (cgroup_probe(root, &s, why) != 0) {
		print_message("%s\n", why);
		skip();
	}
	snprintf(name, sizeof(name), "test-%d", (int)getpid());
	assert_int_equal(cgroup_make(&s, name, &none), 0);
	pid = fork();
	if (pid == 0) {
		if (cgroup_join(&s, name) < 0 || fork() < 0)
			_exit(1);
		pause();
	}
	while (cgroup_signal(&s, name, 0) < 2 && waitpid(pid, NULL, WNOHANG) == 0)
		usleep(1000);
	assert_int_equal(cgroup_signal(&s, name, 0), 2);
	assert_int_equal(cgroup_remove(&s, name), -EBUSY);
	for (int i = 0; i < 1000 && left > 0; i++, usleep(1000))
		left = cgroup_kill(&s, name);
	assert_int_equal(left, 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	for (int i = 0; i < 1000 && cgroup_remove(&s, name) == -EBUSY; i++)
		usleep(1000);
	assert_int_equal(cgroup_remove(&s, name), 0);
}

static void a_real_group_is_emptied_and_removed(void **state)
{
	emptied("/sys/fs/cgroup");
}

static void a_real_group_of_the_second_kind_is_too(void **state)
{
	if (access("/sys/fs/cgroup/unified/cgroup.controllers", F_OK) < 0)
		skip();
	emptied("/sys/fs/cgroup/unified");
}

/* ---- the file `limits` ---- */

static const struct limits whole = {
	.walltime_ms = 60000, .grace_ms = 10000, .cpu_milli = 500, .memory_mb = 64, .pids = 9,
	.out_max = 1 << 20, .cgroup = { .version = 1, .have = 15, .root = "/sys/fs/cgroup" },
	.group = "n-1-1.abc", .rlimits = 4, .uid = 65534, .gid = -1, .ngroups = 2,
	.groups = { 3, 4 },
};

static void limits_survive_the_way_to_the_shim(void **state)
{
	char text[LIMITS_TEXT_MAX];
	struct limits l;

	assert_int_equal(limits_format(&whole, text, sizeof(text)), 0);
	assert_int_equal(limits_parse(text, &l), 0);
	assert_int_equal(l.walltime_ms, 60000);
	assert_int_equal(l.uid, 65534);
	assert_int_equal(l.gid, -1);
	assert_int_equal(l.ngroups, 2);
	assert_int_equal(l.groups[1], 4);
	assert_string_equal(l.group, "n-1-1.abc");
	assert_string_equal(l.cgroup.root, "/sys/fs/cgroup");
}

static void limits_that_make_no_sense_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "walltime_ms 5\n", "group a\n", "walltime_ms 0\ngroup a\n",
		"walltime_ms 5x\ngroup a\n", "walltime_ms\ngroup a\n",
		"walltime_ms 5\ngroup a\ncolour blue\n", "walltime_ms 5\ngroup a\npids -1\n",
		"walltime_ms 5\ngroup a\ncpu_milli 4294967296\n",
		"walltime_ms 5\ngroup a\ncgroup_version 3\n",
	};
	struct limits l;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (limits_parse(bad[i], &l) != -EINVAL)
			fail_msg("taken: %s", bad[i]);
}

static void a_text_that_does_not_fit_is_an_error(void **state)
{
	char text[100];

	assert_int_equal(limits_format(&whole, text, sizeof(text)), -EINVAL);
}

#define TREE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TREE(v2_limits_are_written_as_the_kernel_wants_them),
		TREE(v1_limits_are_written_as_the_kernel_wants_them),
		TREE(a_tiny_share_of_cpu_is_raised_to_what_the_kernel_takes),
		TREE(no_limit_writes_nothing),
		TREE(a_limit_that_cannot_be_written_is_an_error),
		TREE(v2_use_is_read),
		TREE(v1_use_is_read),
		TREE(what_was_not_measured_says_so),
		TREE(a_group_that_is_not_there_is_empty_and_removed),
		cmocka_unit_test(a_place_without_groups_is_refused_in_words),
		cmocka_unit_test(a_path_that_is_too_long_is_refused),
		cmocka_unit_test(a_real_group_is_emptied_and_removed),
		cmocka_unit_test(a_real_group_of_the_second_kind_is_too),
		cmocka_unit_test(limits_survive_the_way_to_the_shim),
		cmocka_unit_test(limits_that_make_no_sense_are_refused),
		cmocka_unit_test(a_text_that_does_not_fit_is_an_error),
	};

	return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
