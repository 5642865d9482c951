/* replay.h - let tasks arrive at empty nodes, one by one, and see what fits
 *
 * Nothing departs, is preempted or moved; a task that no node has room for is refused.
 * A decision log lets another program check everything that is claimed here.
 */
#ifndef SIM_REPLAY_H
#define SIM_REPLAY_H

#include "sim/bill.h"
#include "sim/placer.h"

#include <stdio.h>

enum {
	REPLAY_PERCENT_MAX = 400,
	REPLAY_TIMES = 100000,          /* tenths of a microsecond: up to 10 ms */
};

struct replay {
	const struct trace *trace;
	enum baseline_kind baseline;    /* BASELINE_NONE: our own policy */
	bool learn;                     /* our own: begin without a mix, learn it from arrivals */
	uint64_t seed;
	uint32_t percent;               /* of all devices that arrivals ask for; the paper: 130 */
	const struct bill *bill;        /* NULL: nothing is billed */
	FILE *log;                      /* NULL: none.  CSV: arrival,task,node,devices */
	uint64_t (*clock_ns)(void);     /* NULL: decisions are not timed */
	void (*progress)(void *arg, uint64_t done, uint64_t all);       /* NULL: nobody looks */
	void *progress_arg;
};

struct replay_result {
	uint64_t arrived, placed, refused;
	uint64_t capacity_milli, allocated_milli;
	uint64_t at_milli[REPLAY_PERCENT_MAX + 1];      /* allocated when arrivals passed n % */
	uint64_t partly_milli;          /* idle: of devices in use */
	uint64_t starved_milli;         /* idle: whole devices beside less cpu than half of the
					 * tasks with devices ask for */
	uint64_t idle_milli, idle_cpu_milli;            /* idle in all */
	double fragment_milli;          /* idle, and of no use to a usual task: fragment.h */
	/* Of a decision and its effect; p50 and p99 in steps of 100. */
	uint64_t time_ns, p50_ns, p99_ns, max_ns;
	struct bill_sum hour;           /* of all that was placed, running for an hour */
	struct node_index_size index;   /* our own policy */
};

/* 0; -EIO when the log cannot be written.  The log's devices are indexes joined by '+', empty
 * for a task without; node and devices are "-" when the task was refused. */
int replay_run(const struct replay *r, struct replay_result *ret, struct err *err);

#endif
