/* worker.h - a thread of its own for what may hang, such as files on a network, one job after the other
 *
 * libuv's four threads are everybody's: as many directories that do not answer would hold them all,
 * and nobody could log in.  All calls from the loop thread.
 */
#ifndef LOOP_WORKER_H
#define LOOP_WORKER_H

#include <stdbool.h>
#include <sys/queue.h>
#include <uv.h>

/* A user puts this first in its own struct. */
struct worker_job {
	void (*do_it)(struct worker_job *j);      /* on the thread; touches nothing but the job */
	void (*done)(struct worker_job *j);       /* on the loop; the job is the user's again */
	void (*drop)(struct worker_job *j);       /* instead, on either thread: the worker is gone */
	STAILQ_ENTRY(worker_job) link;
};

struct worker;

struct worker *worker_new(uv_loop_t *loop);
/* `first`: before all that wait. */
void worker_add(struct worker *w, struct worker_job *j, bool first);
/* The same, and wait for it, up to so long.  True: it is the caller's again, and done() will not be called. */
bool worker_add_wait(struct worker *w, struct worker_job *j, unsigned ms);
/* What waits is still done within a second; a job that hangs is left behind with its thread.  Takes
 * NULL; NULL back. */
struct worker *worker_free(struct worker *w);

#endif
