/* work.h - long computing on threads of libuv's pool, so many at a time and no more
 *
 * For what takes tens of milliseconds of one core, such as the hash of a password.
 * All calls from the loop thread.
 */
#ifndef LOOP_WORK_H
#define LOOP_WORK_H

#include <uv.h>

struct work;

struct work *work_new(uv_loop_t *loop, unsigned running_max, unsigned waiting_max);
/* do_it(arg) runs on a thread and touches nothing but arg; then done(arg) on the loop.  0, or 1
 * when so many wait already: nothing is called. */
int work_start(struct work *w, void (*do_it)(void *arg), void (*done)(void *arg), void *arg);
/* Waits for those that run; done() of all that were started has been called.  NULL back. */
struct work *work_free(struct work *w);

#endif
