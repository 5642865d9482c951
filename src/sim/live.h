/* live.h - let tasks come when they came, wait, run as long as they ran, and leave
 *
 * A task that fits somewhere starts at once.  One that does not waits: each time room is given
 * back, those that wait are asked in the order in which they came, and who fits goes; room is
 * not held back for anyone, so a large task may be overtaken.  Equal tasks go in order.  A task
 * that no empty node could hold is refused.  Seconds are the smallest step; all that ends in a
 * second gives its room back before those who come in it are asked.
 */
#ifndef SIM_LIVE_H
#define SIM_LIVE_H

#include "sim/bill.h"
#include "sim/placer.h"

#include <stdio.h>

enum {
	LIVE_POINTS = 400,              /* of the curves, evenly spaced in time */
	LIVE_LOOK_MAX = 1000,           /* kinds of waiting task asked when room comes, oldest first */
	LIVE_FASTER_MAX = 1000000,
};

struct live {
	const struct trace *trace;      /* timed */
	enum baseline_kind baseline;
	bool learn;
	uint64_t seed;
	uint32_t faster;                /* arrivals come so many times as fast; runs stay as they are */
	const struct bill *bill;
	FILE *log;                      /* NULL: none.  CSV: task,submit_s,start_s,end_s,node,devices */
	uint64_t (*clock_ns)(void);
	void (*progress)(void *arg, uint64_t done, uint64_t all);
	void *progress_arg;
};

struct live_point {
	uint64_t allocated_milli, waiting;
	double fragment_milli;          /* see fragment.h */
};

struct live_result {
	uint64_t arrived, started, refused, waited;     /* waited: did not start at once */
	uint64_t capacity_milli, cpu_milli;             /* of all nodes */
	uint64_t span_s;                /* from the first arrival to the last end */
	uint64_t arrive_s;              /* … to the last arrival: waiting tasks run on after it */
	double mean_wait_s;
	uint32_t p50_wait_s, p95_wait_s, max_wait_s;    /* of all that started */
	double device_percent, cpu_percent;             /* used, of all of the span */
	double busy_device_percent;     /* likewise, up to the last arrival */
	uint64_t peak_milli, peak_waiting;
	double fragment_percent;        /* of what was idle, mean over the points up to the last arrival */
	struct bill_sum bill;
	uint64_t decisions, time_ns;
	uint32_t npoints;               /* the first at the first arrival, then every step_s */
	uint64_t step_s;
	struct live_point points[LIVE_POINTS];
};

/* 0; -EIO when the log cannot be written. */
int live_run(const struct live *l, struct live_result *ret, struct err *err);

#endif
