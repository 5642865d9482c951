/* test_worker.c - a thread of its own for what may hang */

#include "base/mem.h"
#include "loop/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { JOBS_MAX = 16 };

struct note {
	struct worker_job job;
	char name;
	int hang_fd;                    /* read from it first; -1: do not */
};

static uv_loop_t loop;
static char done[JOBS_MAX + 1];
static unsigned dropped, ran;

static void do_it(struct worker_job *j)
{
	struct note *n = (struct note *)j;
	char c;

	if (n->hang_fd >= 0 && read(n->hang_fd, &c, 1) < 0)
		abort();
	__atomic_fetch_add(&ran, 1, __ATOMIC_SEQ_CST);
}

static void on_done(struct worker_job *j)
{
	done[strlen(done)] = ((struct note *)j)->name;
	free(j);
}

static void on_drop(struct worker_job *j)
{
	__atomic_fetch_add(&dropped, 1, __ATOMIC_SEQ_CST);
	free(j);
}

static void add(struct worker *w, char name, int hang_fd, bool first)
{
	struct note *n = mem_alloc(sizeof(*n));

	*n = (struct note){ .job = { do_it, on_done, on_drop }, .name = name, .hang_fd = hang_fd };
	worker_add(w, &n->job, first);
}

static int set_up(void **state)
{
	memset(done, 0, sizeof(done));
	dropped = ran = 0;
	return uv_loop_init(&loop);
}

static int tear_down(void **state)
{
	uv_run(&loop, UV_RUN_DEFAULT);
	return uv_loop_close(&loop);
}

static void jobs_are_done_in_their_order_but_for_what_goes_first(void **state)
{
	struct worker *w = worker_new(&loop);
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	add(w, 'a', fd[0], false);
	usleep(50000);                  /* it hangs */
	add(w, 'b', -1, false);
	add(w, 'c', -1, false);
	add(w, 'd', -1, true);
	assert_int_equal(uv_run(&loop, UV_RUN_NOWAIT) != 0, 1);
	assert_string_equal(done, "");
	assert_int_equal(write(fd[1], "x", 1), 1);
	uv_run(&loop, UV_RUN_DEFAULT);  /* comes back when nothing is left */
	assert_string_equal(done, "adbc");
	add(w, 'e', -1, false);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_string_equal(done, "adbce");
	worker_free(w);
	close(fd[0]), close(fd[1]);
}

static void what_waits_is_still_done_when_the_lane_goes_and_done_is_not_called(void **state)
{
	struct worker *w = worker_new(&loop);

	for (unsigned i = 0; i < 5; i++)
		add(w, 'a', -1, false);
	worker_free(w);
	assert_int_equal(ran, 5);
	assert_int_equal(dropped, 5);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_string_equal(done, "");
}

static void a_job_that_hangs_is_left_behind(void **state)
{
	struct worker *w = worker_new(&loop);
	uint64_t began = uv_hrtime();
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	add(w, 'a', fd[0], false);
	add(w, 'b', -1, false);
	worker_free(w);
	assert_in_range((uv_hrtime() - began) / 1000000, 900, 5000);
	assert_int_equal(__atomic_load_n(&dropped, __ATOMIC_SEQ_CST), 1);
	assert_int_equal(write(fd[1], "x", 1), 1);
	for (unsigned i = 0; i < 500 && __atomic_load_n(&dropped, __ATOMIC_SEQ_CST) < 2; i++)
		usleep(10000);
	assert_int_equal(dropped, 2);
	assert_int_equal(ran, 1);       /* the other did not begin */
	close(fd[0]), close(fd[1]);
}

static void a_lane_that_hangs_takes_nobody_elses_thread(void **state)
{
	struct worker *workers[JOBS_MAX];
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	for (unsigned i = 0; i < JOBS_MAX; i++) {
		workers[i] = worker_new(&loop);
		add(workers[i], 'h', i ? fd[0] : -1, false);
	}
	for (unsigned i = 0; i < 100 && !*done; i++) {
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(10000);
	}
	assert_string_equal(done, "h");
	for (unsigned i = 1; i < JOBS_MAX; i++)
		assert_int_equal(write(fd[1], "x", 1), 1);
	for (unsigned i = 0; i < JOBS_MAX; i++)
		worker_free(workers[i]);
	close(fd[0]), close(fd[1]);
}

static void the_loop_may_wait_for_a_job_but_not_for_ever(void **state)
{
	struct worker *w = worker_new(&loop);
	struct note a = { .job = { do_it, on_done, on_drop }, .name = 'a', .hang_fd = -1 };
	struct note *b = mem_alloc(sizeof(*b));
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	assert_true(worker_add_wait(w, &a.job, 5000));
	assert_int_equal(ran, 1);
	*b = (struct note){ .job = { do_it, on_done, on_drop }, .name = 'b', .hang_fd = fd[0] };
	assert_false(worker_add_wait(w, &b->job, 50));
	assert_int_equal(write(fd[1], "x", 1), 1);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_string_equal(done, "b"); /* the other was ours again */
	worker_free(w);
	close(fd[0]), close(fd[1]);
}

static void an_unused_lane_has_no_thread_and_goes(void **state)
{
	assert_null(worker_free(worker_new(&loop)));
	assert_null(worker_free(NULL));
}

#define row(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		row(jobs_are_done_in_their_order_but_for_what_goes_first),
		row(what_waits_is_still_done_when_the_lane_goes_and_done_is_not_called),
		row(a_job_that_hangs_is_left_behind),
		row(a_lane_that_hangs_takes_nobody_elses_thread),
		row(the_loop_may_wait_for_a_job_but_not_for_ever),
		row(an_unused_lane_has_no_thread_and_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
