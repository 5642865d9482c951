/* lane.c - a thread of its own for what may hang, such as files on a network, one job after the other */

#include "loop/lane.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdlib.h>

enum { LAST_MS = 1000 };                /* for what waits when the lane goes */

STAILQ_HEAD(jobs, lane_job);

struct lane {
	uv_async_t *news;               /* outlives us until libuv let go of it */
	unsigned open;                  /* of the loop: added, done() not called yet */
	bool threaded;
	uv_thread_t thread;

	uv_mutex_t lock;                /* of what follows */
	uv_cond_t wake, idle;           /* for the thread; for the loop, when it waits */
	struct jobs waiting, finished;
	bool busy, closing, closed;
	bool left;                      /* closed while a job hung: its thread frees us */
};

static void destroy(struct lane *l)
{
	uv_cond_destroy(&l->wake);
	uv_cond_destroy(&l->idle);
	uv_mutex_destroy(&l->lock);
	free(l);
}

/* With the lock held, and so it returns. */
static void work(struct lane *l, struct lane_job *j)
{
	STAILQ_REMOVE_HEAD(&l->waiting, link);
	l->busy = true;
	uv_mutex_unlock(&l->lock);
	j->do_it(j);
	uv_mutex_lock(&l->lock);
	l->busy = false;
	if (l->left) {
		j->drop(j);
		return;
	}
	STAILQ_INSERT_TAIL(&l->finished, j, link);
	uv_cond_signal(&l->idle);
	if (!l->closing)
		uv_async_send(l->news);
}

static void on_thread(void *arg)
{
	struct lane *l = arg;
	struct lane_job *j;
	bool left;

	uv_mutex_lock(&l->lock);
	while (!l->closed) {
		j = STAILQ_FIRST(&l->waiting);
		if (j) {
			work(l, j);
			continue;
		}
		uv_cond_signal(&l->idle);
		uv_cond_wait(&l->wake, &l->lock);
	}
	left = l->left;
	uv_mutex_unlock(&l->lock);
	if (left)
		destroy(l);
}

static struct lane_job *next(struct lane *l, struct jobs *from)
{
	struct lane_job *j;

	uv_mutex_lock(&l->lock);
	j = STAILQ_FIRST(from);
	if (j)
		STAILQ_REMOVE_HEAD(from, link);
	uv_mutex_unlock(&l->lock);
	return j;
}

/* done() may add more, but not free the lane. */
static void on_news(uv_async_t *a)
{
	struct lane *l = a->data;
	struct lane_job *j;

	while ((j = next(l, &l->finished))) {
		if (--l->open == 0)
			uv_unref((uv_handle_t *)l->news);
		j->done(j);
	}
}

struct lane *lane_new(uv_loop_t *loop)
{
	struct lane *l = mem_alloc(sizeof(*l));

	l->news = mem_alloc(sizeof(*l->news));
	uv_async_init(loop, l->news, on_news);
	l->news->data = l;
	uv_unref((uv_handle_t *)l->news);
	uv_mutex_init(&l->lock);
	uv_cond_init(&l->wake);
	uv_cond_init(&l->idle);
	STAILQ_INIT(&l->waiting);
	STAILQ_INIT(&l->finished);
	return l;
}

void lane_add(struct lane *l, struct lane_job *j, bool first)
{
	if (!l->threaded && uv_thread_create(&l->thread, on_thread, l) != 0)
		abort();                /* as without memory */
	l->threaded = true;
	if (l->open++ == 0)
		uv_ref((uv_handle_t *)l->news);
	uv_mutex_lock(&l->lock);
	if (first)
		STAILQ_INSERT_HEAD(&l->waiting, j, link);
	else
		STAILQ_INSERT_TAIL(&l->waiting, j, link);
	uv_cond_signal(&l->wake);
	uv_mutex_unlock(&l->lock);
}

static bool is_finished(const struct lane *l, const struct lane_job *j)
{
	const struct lane_job *one;

	STAILQ_FOREACH(one, &l->finished, link)
		if (one == j)
			return true;
	return false;
}

bool lane_add_wait(struct lane *l, struct lane_job *j, unsigned ms)
{
	uint64_t end = uv_hrtime() + ms * UINT64_C(1000000), now;
	bool finished;

	lane_add(l, j, true);
	uv_mutex_lock(&l->lock);
	while (!(finished = is_finished(l, j)) && (now = uv_hrtime()) < end)
		uv_cond_timedwait(&l->idle, &l->lock, end - now);
	if (finished)
		STAILQ_REMOVE(&l->finished, j, lane_job, link);
	uv_mutex_unlock(&l->lock);
	if (finished && --l->open == 0)
		uv_unref((uv_handle_t *)l->news);
	return finished;
}

static void on_closed(uv_handle_t *h)
{
	free(h);
}

/* True: the thread is on its way out, and not in a job.  Else the lane is its own from now on. */
static bool let_finish(struct lane *l, struct jobs *ret_left)
{
	uint64_t end = uv_hrtime() + LAST_MS * UINT64_C(1000000), now;
	bool whole;

	uv_mutex_lock(&l->lock);
	while (l->threaded && (l->busy || !STAILQ_EMPTY(&l->waiting)) && (now = uv_hrtime()) < end)
		uv_cond_timedwait(&l->idle, &l->lock, end - now);
	l->closed = true;
	l->left = l->busy;
	whole = !l->left;
	STAILQ_CONCAT(ret_left, &l->waiting);
	STAILQ_CONCAT(ret_left, &l->finished);
	uv_cond_signal(&l->wake);
	uv_mutex_unlock(&l->lock);
	return whole;
}

struct lane *lane_free(struct lane *l)
{
	struct jobs left;
	struct lane_job *j;
	uv_thread_t thread;
	bool threaded;

	if (!l)
		return NULL;
	STAILQ_INIT(&left);
	thread = l->thread;
	threaded = l->threaded;
	uv_mutex_lock(&l->lock);
	l->closing = true;
	uv_mutex_unlock(&l->lock);
	uv_close((uv_handle_t *)l->news, on_closed);
	if (let_finish(l, &left)) {
		if (threaded)
			uv_thread_join(&thread);
		destroy(l);
	} else {
		pthread_detach(thread);
	}
	while ((j = STAILQ_FIRST(&left))) {
		STAILQ_REMOVE_HEAD(&left, link);
		j->drop(j);
	}
	return NULL;
}
