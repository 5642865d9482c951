/* work.c - long computing on threads of libuv's pool, so many at a time and no more */

#include "loop/work.h"

#include "base/mem.h"

#include <stdlib.h>
#include <utlist.h>

struct job {
	uv_work_t uv;
	struct work *work;
	void (*do_it)(void *arg);
	void (*done)(void *arg);
	void *arg;
	struct job *next;
};

struct work {
	uv_loop_t *loop;
	unsigned running, running_max, waiting, waiting_max;
	struct job *queue;
};

struct work *work_new(uv_loop_t *loop, unsigned running_max, unsigned waiting_max)
{
	struct work *w = mem_alloc(sizeof(*w));

	*w = (struct work){ .loop = loop, .running_max = running_max, .waiting_max = waiting_max };
	return w;
}

static void on_thread(uv_work_t *uv)
{
	struct job *j = uv->data;

	j->do_it(j->arg);
}

static void run(struct work *w, struct job *j);

static void on_done(uv_work_t *uv, int status)
{
	struct job *j = uv->data, *next;
	struct work *w = j->work;

	w->running--;
	next = w->queue;
	if (next) {
		LL_DELETE(w->queue, next);
		w->waiting--;
		run(w, next);
	}
	j->done(j->arg);
	free(j);
}

static void run(struct work *w, struct job *j)
{
	w->running++;
	uv_queue_work(w->loop, &j->uv, on_thread, on_done);
}

int work_start(struct work *w, void (*do_it)(void *arg), void (*done)(void *arg), void *arg)
{
	struct job *j;

	if (w->running == w->running_max && w->waiting == w->waiting_max)
		return 1;
	j = mem_alloc(sizeof(*j));
	*j = (struct job){ .work = w, .do_it = do_it, .done = done, .arg = arg };
	j->uv.data = j;
	if (w->running < w->running_max) {
		run(w, j);
		return 0;
	}
	LL_APPEND(w->queue, j);
	w->waiting++;
	return 0;
}

struct work *work_free(struct work *w)
{
	if (!w)
		return NULL;
	while (w->running)
		uv_run(w->loop, UV_RUN_ONCE);
	free(w);
	return NULL;
}
