/* timer.c - call me later, on the loop thread */

#include "loop/timer.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

struct timer {
	uv_timer_t uv;
	void (*fn)(void *arg);
	void *arg;
};

static void fire(uv_timer_t *uv)
{
	struct timer *t = uv->data;

	t->fn(t->arg);
}

static void release(uv_handle_t *uv)
{
	free(uv->data);
}

struct timer *timer_new(uv_loop_t *loop, void (*fn)(void *arg), void *arg)
{
	struct timer *t = mem_alloc(sizeof(*t));
	int r = uv_timer_init(loop, &t->uv);

	assert(!r);
	(void)r;
	t->uv.data = t;
	t->fn = fn;
	t->arg = arg;
	return t;
}

void timer_start(struct timer *t, uint64_t after_ms, uint64_t repeat_ms)
{
	/* libuv counts from its cached time; after long work that would be too early. */
	uv_update_time(t->uv.loop);
	uv_timer_start(&t->uv, fire, after_ms, repeat_ms);
}

void timer_stop(struct timer *t)
{
	uv_timer_stop(&t->uv);
}

struct timer *timer_free(struct timer *t)
{
	if (t)
		uv_close((uv_handle_t *)&t->uv, release);
	return NULL;
}
