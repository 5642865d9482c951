/* bill.h - what running a task of a trace costs: money, energy, carbon
 *
 * By the formulas that the daemon bills with (meter.c, domain/task.h), from figures declared
 * for the whole site: price of a cpu and of a device for an hour, PUE, carbon, watts of a busy
 * cpu.  The power of a device is that of the node list (tdp_w), else that of the catalogue's
 * model of the same name in small letters, else 400 W; a busy share draws its part of it.
 */
#ifndef SIM_BILL_H
#define SIM_BILL_H

#include "sim/trace.h"

struct bill {
	const struct trace *trace;
	struct pool site;               /* declared figures only; set them after bill_init() */
	struct catalogue power;         /* of the trace's models */
	struct accel_model models[NODE_KINDS_MAX];
	uint32_t assumed;               /* models whose power nobody knows */
};

struct bill_sum {
	int64_t cost_micro, energy_j, carbon_mg;
};

/* Prices 0, and the defaults that a pool has: PUE 1.5, 580 g/kWh, 7 W. */
void bill_init(struct bill *b, const struct trace *t, const struct catalogue *known);
/* A share of its device's figures for a run on that node. */
void bill_add(const struct bill *b, const struct trace_task *t, uint32_t node, int64_t start_ms,
	      int64_t run_ms, struct bill_sum *sum);

#endif
