/* timer.h - call me later, on the loop thread */
#ifndef LOOP_TIMER_H
#define LOOP_TIMER_H

#include <stdint.h>
#include <uv.h>

struct timer;

struct timer *timer_new(uv_loop_t *loop, void (*fn)(void *arg), void *arg);
void timer_start(struct timer *t, uint64_t after_ms, uint64_t repeat_ms);     /* restarts */
void timer_stop(struct timer *t);
struct timer *timer_free(struct timer *t);      /* takes NULL; the memory goes after libuv let go */

#endif
