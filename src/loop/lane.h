/* lane.h - a thread of its own for what may hang, such as files on a network, one job after the other
 *
 * libuv's four threads are everybody's: as many directories that do not answer would hold them all,
 * and nobody could log in.  All calls from the loop thread.
 */
#ifndef LOOP_LANE_H
#define LOOP_LANE_H

#include <stdbool.h>
#include <sys/queue.h>
#include <uv.h>

/* A user puts this first in its own struct. */
struct lane_job {
	void (*do_it)(struct lane_job *j);      /* on the thread; touches nothing but the job */
	void (*done)(struct lane_job *j);       /* on the loop; the job is the user's again */
	void (*drop)(struct lane_job *j);       /* instead, on either thread: the lane is gone */
	STAILQ_ENTRY(lane_job) link;
};

struct lane;

struct lane *lane_new(uv_loop_t *loop);
/* `first`: before all that wait. */
void lane_add(struct lane *l, struct lane_job *j, bool first);
/* The same, and wait for it, up to so long.  True: it is the caller's again, and done() will not be called. */
bool lane_add_wait(struct lane *l, struct lane_job *j, unsigned ms);
/* What waits is still done within a second; a job that hangs is left behind with its thread.  Takes
 * NULL; NULL back. */
struct lane *lane_free(struct lane *l);

#endif
