/* test_child.c - children start clean, their end is seen, and they may be left alone */

#include "base/mem.h"
#include "loop/child.h"
#include "loop/timer.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct bed {
	uv_loop_t loop;
	unsigned ended;
	int status;                     /* of the last one */
	int out[2];
	char text[4096];
};

static void bed_init(struct bed *b)
{
	memset(b, 0, sizeof(*b));
	uv_loop_init(&b->loop);
	assert_int_equal(pipe2(b->out, O_CLOEXEC | O_NONBLOCK), 0);
}

static void bed_done(struct bed *b)
{
	uv_run(&b->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&b->loop), 0);
	close(b->out[0]);
	close(b->out[1]);
}

static void on_end(void *arg, int status)
{
	((struct bed *)arg)->ended++;
	((struct bed *)arg)->status = status;
}

static int start_in(struct bed *b, const char *script, const char *cwd, struct child **ret,
		    struct err *err)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	const char *const env[] = { "PATH=/usr/bin:/bin", "WORD=yes", NULL };
	struct child_spec spec = { "/bin/sh", argv, env, cwd, b->out[1] };

	return child_start(&b->loop, &spec, on_end, b, ret, err);
}

static struct child *start(struct bed *b, const char *script)
{
	struct child *c = NULL;

	assert_int_equal(start_in(b, script, NULL, &c, NULL), 0);
	return c;
}

static const char *said(struct bed *b)
{
	ssize_t n = read(b->out[0], b->text, sizeof(b->text) - 1);

	b->text[n > 0 ? n : 0] = '\0';
	return b->text;
}

static void a_child_runs_and_its_end_is_seen(void **state)
{
	_cleanup_(bed_done) struct bed b;

	bed_init(&b);
	assert_true(child_pid(start(&b, "echo $WORD; echo too >&2; cat; exit 3")) > 0);
	uv_run(&b.loop, UV_RUN_DEFAULT);
	assert_int_equal(b.ended, 1);
	assert_true(WIFEXITED(b.status) && WEXITSTATUS(b.status) == 3);
	assert_string_equal(said(&b), "yes\ntoo\n");
	/* Nothing is left to wait for. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void a_child_starts_with_clean_signals_and_descriptors(void **state)
{
	/* Descriptors are counted by stat() alone: a glob or a pipe would open more. */
	static const char script[] =
		"grep -E '^Sig(Blk|Ign)' /proc/self/status | cut -f2 | tr '\\n' ' ';"
		"i=0; n=0; while [ $i -lt 64 ]; do [ -e /proc/$$/fd/$i ] && n=$((n+1));"
		"i=$((i+1)); done; echo $n; cut -d' ' -f6 /proc/$$/stat";
	_cleanup_(bed_done) struct bed b;
	sigset_t all, old;
	int leak = dup(STDOUT_FILENO);  /* without CLOEXEC */
	unsigned long blocked, ignored;
	unsigned fds;
	int session;
	pid_t pid;

	bed_init(&b);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	signal(SIGPIPE, SIG_IGN);
	pid = child_pid(start(&b, script));
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &old, NULL);
	uv_run(&b.loop, UV_RUN_DEFAULT);
	assert_int_equal(sscanf(said(&b), "%lx %lx %u %d", &blocked, &ignored, &fds, &session), 4);
	assert_int_equal(blocked, 0);
	/* 32 and 33 are the C library's own; posix_spawn() itself ignores them. */
	assert_int_equal(ignored & ~(3ul << 31), 0);
	assert_int_equal(fds, 3);
	assert_int_equal(session, pid);
	close(leak);
}

static void a_child_runs_in_its_directory(void **state)
{
	_cleanup_(bed_done) struct bed b;
	struct child *c;

	bed_init(&b);
	assert_int_equal(start_in(&b, "pwd", "/usr", &c, NULL), 0);
	uv_run(&b.loop, UV_RUN_DEFAULT);
	assert_string_equal(said(&b), "/usr\n");
}

static void a_killed_child_has_ended(void **state)
{
	_cleanup_(bed_done) struct bed b;

	bed_init(&b);
	kill(child_pid(start(&b, "sleep 60 & wait")), SIGKILL);
	uv_run(&b.loop, UV_RUN_DEFAULT);
	assert_int_equal(b.ended, 1);
	assert_true(WIFSIGNALED(b.status) && WTERMSIG(b.status) == SIGKILL);
}

static void many_children_end_each_once(void **state)
{
	_cleanup_(bed_done) struct bed b;

	bed_init(&b);
	for (int i = 0; i < 20; i++)
		start(&b, ":");
	uv_run(&b.loop, UV_RUN_DEFAULT);
	assert_int_equal(b.ended, 20);
}

static void a_forgotten_child_goes_on(void **state)
{
	_cleanup_(bed_done) struct bed b;
	struct child *c;
	pid_t pid;

	bed_init(&b);
	c = start(&b, "sleep 0.1; echo on");
	pid = child_pid(c);
	assert_null(child_forget(c));
	uv_run(&b.loop, UV_RUN_DEFAULT);        /* does not wait for it */
	assert_int_equal(kill(pid, 0), 0);
	usleep(300000);
	assert_string_equal(said(&b), "on\n");
	assert_int_equal(b.ended, 0);
	/* The next start takes the zombie away. */
	start(&b, ":");
	assert_int_equal(kill(pid, 0), -1);
	uv_run(&b.loop, UV_RUN_DEFAULT);
	assert_int_equal(b.ended, 1);
}

static void a_process_of_an_earlier_life_is_watched(void **state)
{
	_cleanup_(bed_done) struct bed b;
	struct child *c;
	char *end;
	pid_t pid;

	bed_init(&b);
	/* The grandchild is not ours once its parent has ended. */
	start(&b, "sleep 0.3 >/dev/null 2>&1 & echo $!");
	uv_run(&b.loop, UV_RUN_DEFAULT);
	pid = (pid_t)strtol(said(&b), &end, 10);
	assert_int_equal(*end, '\n');
	assert_int_equal(child_watch(&b.loop, pid, on_end, &b, &c, NULL), 0);
	assert_int_equal(child_pid(c), pid);
	assert_int_equal(b.ended, 1);
	uv_run(&b.loop, UV_RUN_DEFAULT);
	assert_int_equal(b.ended, 2);
	assert_int_equal(b.status, -1);         /* how, only its parent hears */
}

/* ---- refusals ---- */

static void a_program_that_is_not_there_is_refused(void **state)
{
	_cleanup_(bed_done) struct bed b;
	const char *const argv[] = { "x", NULL };
	struct child_spec spec = { "/nowhere/x", argv, NULL, NULL, -1 };
	struct child *c = NULL;
	struct err err;

	bed_init(&b);
	assert_int_equal(child_start(&b.loop, &spec, on_end, &b, &c, &err), -ENOENT);
	assert_string_equal(err.text, "could not start \"/nowhere/x\": No such file or directory");
	assert_null(c);
	assert_int_equal(b.ended, 0);
}

static void a_directory_that_is_not_there_is_named(void **state)
{
	_cleanup_(bed_done) struct bed b;
	struct child *c = NULL;
	struct err err;

	bed_init(&b);
	assert_int_equal(start_in(&b, ":", "/nowhere", &c, &err), -ENOENT);
	assert_string_equal(err.text,
			    "could not enter directory \"/nowhere\": No such file or directory");
}

static void a_process_that_is_not_there_is_not_watched(void **state)
{
	_cleanup_(bed_done) struct bed b;
	struct child *c = NULL;
	struct err err;

	bed_init(&b);
	assert_int_equal(child_watch(&b.loop, 0, on_end, &b, &c, &err), -ESRCH);
	assert_int_equal(child_watch(&b.loop, -5, on_end, &b, &c, &err), -ESRCH);
	assert_int_equal(child_watch(&b.loop, 4194305, on_end, &b, &c, &err), -ESRCH);
	assert_null(c);
	assert_null(child_forget(NULL));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_runs_and_its_end_is_seen),
		cmocka_unit_test(a_child_starts_with_clean_signals_and_descriptors),
		cmocka_unit_test(a_child_runs_in_its_directory),
		cmocka_unit_test(a_killed_child_has_ended),
		cmocka_unit_test(many_children_end_each_once),
		cmocka_unit_test(a_forgotten_child_goes_on),
		cmocka_unit_test(a_process_of_an_earlier_life_is_watched),
		cmocka_unit_test(a_program_that_is_not_there_is_refused),
		cmocka_unit_test(a_directory_that_is_not_there_is_named),
		cmocka_unit_test(a_process_that_is_not_there_is_not_watched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
