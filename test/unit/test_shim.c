/* test_shim.c - the shim alone, without a daemon: it starts a run once and tells its end */

#include "../lib/engine_bed.h"

#include "base/json.h"
#include "engine/run_dir.h"

#include <errno.h>
#include <spawn.h>
#include <sys/wait.h>

struct place {
	char dir[64];
};

static int set_up(void **state)
{
	struct place *p = mem_alloc(sizeof(*p));
	char path[128];

	strcpy(p->dir, "/tmp/suanlu-shim-XXXXXX");
	if (!mkdtemp(p->dir))
		return -1;
	snprintf(path, sizeof(path), "%s/work", p->dir);
	*state = p;
	return mkdir(path, 0700);
}

static int tear_down(void **state)
{
	char cmd[128];
	int r;

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", ((struct place *)*state)->dir);
	r = system(cmd);
	free(*state);
	return r;
}

static void put(const struct place *p, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static bool have(const struct place *p, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	return access(path, F_OK) == 0;
}

/* A run without control groups. */
static void prepare(const struct place *p, const char *job, int64_t walltime_ms, int64_t uid)
{
	struct limits l = { .walltime_ms = walltime_ms, .grace_ms = 200, .out_max = 100,
			    .group = "shim-test", .uid = uid, .gid = uid };
	char text[LIMITS_TEXT_MAX];

	assert_int_equal(limits_format(&l, text, sizeof(text)), 0);
	put(p, "limits", text);
	put(p, "job.sh", job);
}

static pid_t start(const char *dir)
{
	char *const argv[] = { (char *)"suanlu-shim", (char *)dir, NULL };
	char *const env[] = { (char *)"SECRET=of the daemon", NULL };
	pid_t pid;

	if (!bed_shim()) {
		print_message("no suanlu-shim was built beside this test: set SUANLU_SHIM\n");
		skip();
	}
	assert_int_equal(posix_spawn(&pid, bed_shim(), NULL, NULL, argv, env), 0);
	return pid;
}

static int wait_for(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int run(const struct place *p)
{
	return wait_for(start(p->dir));
}

static void result(const struct place *p, struct engine_event *ev, char text[200])
{
	int fd = open("/tmp", O_RDONLY | O_DIRECTORY);
	struct err err;

	*ev = (struct engine_event){ 0 };
	if (run_dir_result(fd, p->dir + strlen("/tmp/"), ev, text, 200, &err) != 0)
		fail_msg("%s", err.text);
	close(fd);
}

static void a_run_is_told_in_exit_json(void **state)
{
	struct engine_event ev;
	char text[200];

	prepare(*state, "echo hi; exit 7\n", 60000, -1);
	assert_int_equal(run(*state), 0);
	result(*state, &ev, text);
	assert_int_equal(ev.end, RUN_END_EXIT);
	assert_int_equal(ev.exit_code, 7);
	assert_int_equal(ev.usage.out_bytes, 3);
	assert_true(have(*state, "started"));
	assert_false(have(*state, "exit.tmp"));
}

static void the_job_gets_a_clean_environment(void **state)
{
	struct engine_event ev;
	char text[200];

	prepare(*state, "[ -z \"$SECRET\" ] && [ \"$HOME\" = \"$PWD\" ] && [ -n \"$PATH\" ]\n",
		60000, -1);
	assert_int_equal(run(*state), 0);
	result(*state, &ev, text);
	assert_int_equal(ev.exit_code, 0);
}

static void the_job_inherits_no_descriptor(void **state)
{
	struct engine_event ev;
	char text[200];

	/* 10 is the shell's own, of this script; what it opened to list the rest is closed again. */
	prepare(*state, "for f in /proc/$$/fd/*; do case ${f##*/} in [012]|10) ;; "
		"*) [ ! -e $f ] || exit 1;; esac; done\n", 60000, -1);
	assert_int_equal(run(*state), 0);
	result(*state, &ev, text);
	assert_int_equal(ev.exit_code, 0);
}

static void a_run_that_was_started_is_not_started_again(void **state)
{
	prepare(*state, "touch ran\n", 60000, -1);
	put(*state, "started", "1 1\n");
	assert_int_equal(run(*state), 3);
	assert_false(have(*state, "work/ran"));
	assert_false(have(*state, "exit.json"));
}

static void a_run_that_is_over_is_not_started_again(void **state)
{
	prepare(*state, "touch ran\n", 60000, -1);
	put(*state, "exit.json", "{}\n");
	assert_int_equal(run(*state), 3);
	assert_false(have(*state, "work/ran"));
}

static void of_two_shims_one_runs(void **state)
{
	struct place *p = *state;
	pid_t a, b;
	int ra, rb;

	prepare(p, "echo x >>../count; sleep 0.3\n", 60000, -1);
	a = start(p->dir);
	b = start(p->dir);
	ra = wait_for(a);
	rb = wait_for(b);
	assert_int_equal(ra + rb, 3);
	assert_true(ra == 0 || rb == 0);
}

static void a_wish_to_stop_from_before_is_heard(void **state)
{
	struct engine_event ev;
	char text[200];

	prepare(*state, "touch ran\n", 60000, -1);
	put(*state, "stop", "100\n");
	assert_int_equal(run(*state), 0);
	result(*state, &ev, text);
	assert_int_equal(ev.end, RUN_END_STOPPED);
	assert_int_equal(ev.phase, PHASE_NONE);
	assert_false(have(*state, "work/ran"));
}

static void term_stops_the_job(void **state)
{
	struct place *p = *state;
	struct engine_event ev;
	char text[200];
	pid_t pid;

	prepare(p, "sleep 30\n", 60000, -1);
	pid = start(p->dir);
	while (!have(p, "started"))
		usleep(1000);
	kill(pid, SIGTERM);
	assert_int_equal(wait_for(pid), 0);
	result(p, &ev, text);
	assert_int_equal(ev.end, RUN_END_STOPPED);
}

static void hangup_and_interrupt_do_not_end_it(void **state)
{
	struct place *p = *state;
	struct engine_event ev;
	char text[200];
	pid_t pid;

	prepare(p, "sleep 0.3\n", 60000, -1);
	pid = start(p->dir);
	while (!have(p, "started"))
		usleep(1000);
	kill(pid, SIGHUP);
	kill(pid, SIGINT);
	assert_int_equal(wait_for(pid), 0);
	result(p, &ev, text);
	assert_int_equal(ev.end, RUN_END_EXIT);
}

static void a_stopped_process_cannot_outlast_its_walltime(void **state)
{
	struct engine_event ev;
	char text[200];

	prepare(*state, "kill -STOP $$\n", 200, -1);
	assert_int_equal(run(*state), 0);
	result(*state, &ev, text);
	assert_int_equal(ev.end, RUN_END_WALLTIME);
}

static void a_flood_of_output_does_not_block_the_job(void **state)
{
	struct engine_event ev;
	char text[200];

	prepare(*state, "head -c 5000000 /dev/zero\n", 60000, -1);
	assert_int_equal(run(*state), 0);
	result(*state, &ev, text);
	assert_int_equal(ev.exit_code, 0);
	assert_int_equal(ev.usage.out_bytes, 100);
	assert_int_equal(ev.usage.out_dropped, 4999900);
}

static void limits_that_are_cut_off_start_nothing(void **state)
{
	struct engine_event ev;
	char text[200];

	put(*state, "limits", "walltime_ms 60000\n");
	put(*state, "job.sh", "touch ran\n");
	assert_int_equal(run(*state), 0);
	result(*state, &ev, text);
	assert_int_equal(ev.end, RUN_END_NOT_STARTED);
	assert_non_null(strstr(text, "limits"));
	assert_false(have(*state, "work/ran"));
}

static void a_user_it_cannot_become_starts_nothing(void **state)
{
	struct engine_event ev;
	char text[200];

	if (geteuid() == 0) {
		print_message("root can become any user\n");
		skip();
	}
	prepare(*state, "touch ran\n", 60000, 1);
	assert_int_equal(run(*state), 0);
	result(*state, &ev, text);
	assert_int_equal(ev.end, RUN_END_NOT_STARTED);
}

static void a_work_directory_that_is_missing_starts_nothing(void **state)
{
	struct place *p = *state;
	struct engine_event ev;
	char text[200], path[128];

	prepare(p, "touch ran\n", 60000, -1);
	snprintf(path, sizeof(path), "%s/work", p->dir);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(run(p), 0);
	result(p, &ev, text);
	assert_int_equal(ev.end, RUN_END_NOT_STARTED);
	assert_non_null(strstr(text, "enter the work directory"));
}

static void a_directory_that_is_not_there_or_not_absolute_is_refused(void **state)
{
	assert_int_equal(wait_for(start("/nonexistent/run")), 2);
	assert_int_equal(wait_for(start("run")), 2);
}

#define PLACE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE(a_run_is_told_in_exit_json),
		PLACE(the_job_gets_a_clean_environment),
		PLACE(the_job_inherits_no_descriptor),
		PLACE(a_run_that_was_started_is_not_started_again),
		PLACE(a_run_that_is_over_is_not_started_again),
		PLACE(of_two_shims_one_runs),
		PLACE(a_wish_to_stop_from_before_is_heard),
		PLACE(term_stops_the_job),
		PLACE(hangup_and_interrupt_do_not_end_it),
		PLACE(a_stopped_process_cannot_outlast_its_walltime),
		PLACE(a_flood_of_output_does_not_block_the_job),
		PLACE(limits_that_are_cut_off_start_nothing),
		PLACE(a_user_it_cannot_become_starts_nothing),
		PLACE(a_work_directory_that_is_missing_starts_nothing),
		PLACE(a_directory_that_is_not_there_or_not_absolute_is_refused),
	};

	return cmocka_run_group_tests_name("shim", tests, NULL, NULL);
}
