/* virtual_time.h - clocks and timers for a program whose own are replaced (-Wl,--wrap, test/meson.build) */
#ifndef TEST_LIB_VIRTUAL_TIME_H
#define TEST_LIB_VIRTUAL_TIME_H

#include "base/mem.h"
#include "loop/timer.h"

#include <stdbool.h>
#include <stdlib.h>

static int64_t now_ms = 1795424400000;

int64_t __wrap_clock_now_ms(void);
int64_t __wrap_clock_mono_ms(void);
uint64_t __wrap_uv_hrtime(void);
uint64_t __wrap_uv_now(const uv_loop_t *loop);
struct timer *__wrap_timer_new(uv_loop_t *loop, void (*fn)(void *arg), void *arg);
void __wrap_timer_start(struct timer *t, uint64_t after_ms, uint64_t repeat_ms);
void __wrap_timer_stop(struct timer *t);
struct timer *__wrap_timer_free(struct timer *t);

int64_t __wrap_clock_now_ms(void)
{
	return now_ms;
}

int64_t __wrap_clock_mono_ms(void)
{
	return now_ms;
}

uint64_t __wrap_uv_hrtime(void)
{
	return (uint64_t)now_ms * 1000000;
}

uint64_t __wrap_uv_now(const uv_loop_t *loop)
{
	return (uint64_t)now_ms;
}

struct timer {
	void (*fn)(void *arg);
	void *arg;
	int64_t due_ms, repeat_ms;      /* due < 0: stopped */
	struct timer *prev, *next;
};

static struct timer *timers;

struct timer *__wrap_timer_new(uv_loop_t *loop, void (*fn)(void *arg), void *arg)
{
	struct timer *t = mem_alloc(sizeof(*t));

	*t = (struct timer){ .fn = fn, .arg = arg, .due_ms = -1, .next = timers };
	if (timers)
		timers->prev = t;
	timers = t;
	return t;
}

void __wrap_timer_start(struct timer *t, uint64_t after_ms, uint64_t repeat_ms)
{
	t->due_ms = now_ms + (int64_t)after_ms;
	t->repeat_ms = (int64_t)repeat_ms;
}

void __wrap_timer_stop(struct timer *t)
{
	t->due_ms = -1;
}

struct timer *__wrap_timer_free(struct timer *t)
{
	if (!t)
		return NULL;
	*(t->prev ? &t->prev->next : &timers) = t->next;
	if (t->next)
		t->next->prev = t->prev;
	free(t);
	return NULL;
}

/* The earliest that is due, once; false: none is. */
static bool fire(void)
{
	struct timer *best = NULL;

	for (struct timer *t = timers; t; t = t->next)
		if (t->due_ms >= 0 && t->due_ms <= now_ms && (!best || t->due_ms < best->due_ms))
			best = t;
	if (!best)
		return false;
	best->due_ms = best->repeat_ms ? now_ms + best->repeat_ms : -1;
	best->fn(best->arg);
	return true;
}

/* All that is due now, and what follows from it. */
static inline void settle(uv_loop_t *loop)
{
	for (int i = 0; i < 400; i++) {
		bool more = fire();

		uv_run(loop, UV_RUN_NOWAIT);
		if (!more && i > 3)
			return;
	}
}

/* Let time pass, timer by timer. */
static inline void pass_ms(uv_loop_t *loop, int64_t ms)
{
	int64_t until = now_ms + ms;

	for (;;) {
		int64_t next = until;

		for (struct timer *t = timers; t; t = t->next)
			if (t->due_ms >= 0 && t->due_ms < next)
				next = t->due_ms;
		if (next > now_ms)
			now_ms = next;
		settle(loop);
		if (now_ms >= until)
			return;
	}
}

#endif
