/* test_timer.c - later means later, and mail wakes the loop */

#include "base/clock.h"
#include "base/mem.h"
#include "loop/mail.h"
#include "loop/timer.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct seen {
	uv_loop_t loop;
	struct timer *t;
	struct mail *m;
	unsigned fired, stop_at;
};

static void on_fire(void *arg)
{
	struct seen *s = arg;

	if (++s->fired == s->stop_at)
		timer_stop(s->t);
}

static void on_fire_free(void *arg)
{
	struct seen *s = arg;

	s->fired++;
	s->t = timer_free(s->t);
}

static void seen_init(struct seen *s, void (*fn)(void *arg))
{
	memset(s, 0, sizeof(*s));
	uv_loop_init(&s->loop);
	s->t = timer_new(&s->loop, fn, s);
}

static void seen_done(struct seen *s)
{
	s->t = timer_free(s->t);
	uv_run(&s->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&s->loop), 0);
}

static void a_timer_fires_once_and_not_early(void **state)
{
	_cleanup_(seen_done) struct seen s;
	int64_t began;

	seen_init(&s, on_fire);
	usleep(30000);                  /* the loop's own idea of now is old */
	began = clock_mono_ms();
	timer_start(s.t, 20, 0);
	uv_run(&s.loop, UV_RUN_DEFAULT);
	assert_int_equal(s.fired, 1);
	assert_true(clock_mono_ms() - began >= 19);
}

static void a_timer_repeats_until_it_is_stopped(void **state)
{
	_cleanup_(seen_done) struct seen s;

	seen_init(&s, on_fire);
	s.stop_at = 3;
	timer_start(s.t, 0, 1);
	uv_run(&s.loop, UV_RUN_DEFAULT);
	assert_int_equal(s.fired, 3);
}

static void a_stopped_timer_does_not_fire(void **state)
{
	_cleanup_(seen_done) struct seen s;

	seen_init(&s, on_fire);
	timer_start(s.t, 1, 1);
	timer_stop(s.t);
	uv_run(&s.loop, UV_RUN_DEFAULT);
	assert_int_equal(s.fired, 0);
}

static void a_timer_may_free_itself(void **state)
{
	_cleanup_(seen_done) struct seen s;

	seen_init(&s, on_fire_free);
	timer_start(s.t, 1, 1);
	uv_run(&s.loop, UV_RUN_DEFAULT);
	assert_int_equal(s.fired, 1);
	assert_null(s.t);
}

static void nothing_is_freed_without_harm(void **state)
{
	assert_null(timer_free(NULL));
	assert_null(mail_free(NULL));
}

static void on_mail(void *arg)
{
	struct seen *s = arg;

	s->fired++;
	s->m = mail_free(s->m);
}

static void *sender(void *arg)
{
	struct seen *s = arg;

	usleep(10000);
	mail_send(s->m);
	return NULL;
}

static void mail_from_another_thread_wakes_the_loop(void **state)
{
	_cleanup_(seen_done) struct seen s;
	pthread_t t;

	seen_init(&s, on_fire);
	s.m = mail_new(&s.loop, on_mail, &s);
	assert_int_equal(pthread_create(&t, NULL, sender, &s), 0);
	uv_run(&s.loop, UV_RUN_DEFAULT);
	pthread_join(t, NULL);
	assert_int_equal(s.fired, 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_timer_fires_once_and_not_early),
		cmocka_unit_test(a_timer_repeats_until_it_is_stopped),
		cmocka_unit_test(a_stopped_timer_does_not_fire),
		cmocka_unit_test(a_timer_may_free_itself),
		cmocka_unit_test(nothing_is_freed_without_harm),
		cmocka_unit_test(mail_from_another_thread_wakes_the_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
