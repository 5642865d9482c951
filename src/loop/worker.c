/* worker.c - a thread of its own for what may hang, such as files on a network, one job after the other */

#include "loop/worker.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdlib.h>

enum { LAST_MS = 1000 };                /* for what waits when the worker goes */

STAILQ_HEAD(jobs, worker_job);

struct worker {
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

static void destroy(struct worker *w)
{
	uv_cond_destroy(&w->wake);
	uv_cond_destroy(&w->idle);
	uv_mutex_destroy(&w->lock);
	free(w);
}

/* With the lock held, and so it returns. */
static void work(struct worker *w, struct worker_job *j)
{
	STAILQ_REMOVE_HEAD(&w->waiting, link);
	w->busy = true;
	uv_mutex_unlock(&w->lock);
	j->do_it(j);
	uv_mutex_lock(&w->lock);
	w->busy = false;
	if (w->left) {
		j->drop(j);
		return;
	}
	STAILQ_INSERT_TAIL(&w->finished, j, link);
	uv_cond_signal(&w->idle);
	if (!w->closing)
		uv_async_send(w->news);
}

static void on_thread(void *arg)
{
	struct worker *w = arg;
	struct worker_job *j;
	bool left;

	uv_mutex_lock(&w->lock);
	while (!w->closed) {
		j = STAILQ_FIRST(&w->waiting);
		if (j) {
			work(w, j);
			continue;
		}
		uv_cond_signal(&w->idle);
		uv_cond_wait(&w->wake, &w->lock);
	}
	left = w->left;
	uv_mutex_unlock(&w->lock);
	if (left)
		destroy(w);
}

static struct worker_job *next(struct worker *w, struct jobs *from)
{
	struct worker_job *j;

	uv_mutex_lock(&w->lock);
	j = STAILQ_FIRST(from);
	if (j)
		STAILQ_REMOVE_HEAD(from, link);
	uv_mutex_unlock(&w->lock);
	return j;
}

/* done() may add more, but not free the worker. */
static void on_news(uv_async_t *a)
{
	struct worker *w = a->data;
	struct worker_job *j;

	while ((j = next(w, &w->finished))) {
		if (--w->open == 0)
			uv_unref((uv_handle_t *)w->news);
		j->done(j);
	}
}

struct worker *worker_new(uv_loop_t *loop)
{
	struct worker *w = mem_alloc(sizeof(*w));

	w->news = mem_alloc(sizeof(*w->news));
	uv_async_init(loop, w->news, on_news);
	w->news->data = w;
	uv_unref((uv_handle_t *)w->news);
	uv_mutex_init(&w->lock);
	uv_cond_init(&w->wake);
	uv_cond_init(&w->idle);
	STAILQ_INIT(&w->waiting);
	STAILQ_INIT(&w->finished);
	return w;
}

void worker_add(struct worker *w, struct worker_job *j, bool first)
{
	if (!w->threaded && uv_thread_create(&w->thread, on_thread, w) != 0)
		abort();                /* as without memory */
	w->threaded = true;
	if (w->open++ == 0)
		uv_ref((uv_handle_t *)w->news);
	uv_mutex_lock(&w->lock);
	if (first)
		STAILQ_INSERT_HEAD(&w->waiting, j, link);
	else
		STAILQ_INSERT_TAIL(&w->waiting, j, link);
	uv_cond_signal(&w->wake);
	uv_mutex_unlock(&w->lock);
}

static bool is_finished(const struct worker *w, const struct worker_job *j)
{
	const struct worker_job *one;

	STAILQ_FOREACH(one, &w->finished, link)
		if (one == j)
			return true;
	return false;
}

bool worker_add_wait(struct worker *w, struct worker_job *j, unsigned ms)
{
	uint64_t end = uv_hrtime() + ms * UINT64_C(1000000), now;
	bool finished;

	worker_add(w, j, true);
	uv_mutex_lock(&w->lock);
	while (!(finished = is_finished(w, j)) && (now = uv_hrtime()) < end)
		uv_cond_timedwait(&w->idle, &w->lock, end - now);
	if (finished)
		STAILQ_REMOVE(&w->finished, j, worker_job, link);
	uv_mutex_unlock(&w->lock);
	if (finished && --w->open == 0)
		uv_unref((uv_handle_t *)w->news);
	return finished;
}

static void on_closed(uv_handle_t *h)
{
	free(h);
}

/* True: the thread is on its way out, and not in a job.  Else the worker is its own from now on. */
static bool let_finish(struct worker *w, struct jobs *ret_left)
{
	uint64_t end = uv_hrtime() + LAST_MS * UINT64_C(1000000), now;
	bool whole;

	uv_mutex_lock(&w->lock);
	while (w->threaded && (w->busy || !STAILQ_EMPTY(&w->waiting)) && (now = uv_hrtime()) < end)
		uv_cond_timedwait(&w->idle, &w->lock, end - now);
	w->closed = true;
	w->left = w->busy;
	whole = !w->left;
	STAILQ_CONCAT(ret_left, &w->waiting);
	STAILQ_CONCAT(ret_left, &w->finished);
	uv_cond_signal(&w->wake);
	uv_mutex_unlock(&w->lock);
	return whole;
}

struct worker *worker_free(struct worker *w)
{
	struct jobs left;
	struct worker_job *j;
	uv_thread_t thread;
	bool threaded;

	if (!w)
		return NULL;
	STAILQ_INIT(&left);
	thread = w->thread;
	threaded = w->threaded;
	uv_mutex_lock(&w->lock);
	w->closing = true;
	uv_mutex_unlock(&w->lock);
	uv_close((uv_handle_t *)w->news, on_closed);
	if (let_finish(w, &left)) {
		if (threaded)
			uv_thread_join(&thread);
		destroy(w);
	} else {
		pthread_detach(thread);
	}
	while ((j = STAILQ_FIRST(&left))) {
		STAILQ_REMOVE_HEAD(&left, link);
		j->drop(j);
	}
	return NULL;
}
