/* trace.h - nodes and tasks from CSV, and the order in which the tasks arrive
 *
 * Nodes: sn, cpu_milli, memory_mib, gpu, model, and optionally tdp_w (watts of one device).  Tasks: name, cpu_milli, memory_mib, num_gpu,
 * gpu_milli, and optionally gpu_spec (allowed models, `|` between; empty: any).  Times, in
 * seconds since any beginning, are optional too: submit_s and run_s, or creation_time,
 * deletion_time and scheduled_time (empty: as creation_time), where a task runs from the
 * third to the second.  Columns are found by the names in the first line, others are ignored;
 * fields are not quoted.  This is what Alibaba's cluster-trace-gpu-v2023 ("openb") looks like,
 * and what `suanlu export --csv` writes.  doc/simulate.md.
 */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include "base/arena.h"
#include "base/err.h"
#include "select/node_value.h"

enum {
	TRACE_TASKS_MAX = 4000000,      /* a busy year of a city */
	TRACE_LINE_MAX = 4096,
	TRACE_SECONDS_MAX = 2000000000, /* 63 years: times fit 32 bits */
};

struct trace_task {
	const char *name;
	struct node_ask ask;
	uint32_t devices;               /* asked for: thousandths = devices * ask.share_milli */
	uint32_t submit_s, run_s;       /* when the list has times */
};

struct trace {
	struct arena arena;
	struct node_kinds kinds;
	const char *models[NODE_KINDS_MAX];     /* struct node's model is an index here */
	uint32_t tdp_w[NODE_KINDS_MAX]; /* of a device of that model; 0: not told */
	uint32_t nnodes, ntasks;
	struct node *nodes;             /* empty, as at the start */
	const char **node_names;
	struct trace_task *tasks;       /* by name: strcmp() */
	uint64_t capacity_milli;        /* of all devices */
	bool timed;                     /* every task has a time of arrival and a length */
};

/* Zero *ret first.  0, ERR_E_INPUT (err: file, line, column) or -errno; trace_done() in any
 * case.  The nodes come first: models are known from them. */
int trace_read_nodes(struct trace *ret, const char *path, struct err *err);
int trace_read_tasks(struct trace *ret, const char *path, struct err *err);
void trace_done(struct trace *t);

/* The node list, `times` times over. */
int trace_tile(struct trace *t, uint32_t times, struct err *err);

/* Indexes into tasks[]: all in an order shuffled by the seed, then drawn at random, until what
 * they ask for reaches `percent` of the devices; cut there.  Without any device, or without a
 * task that asks for one, just the shuffled list.  *ret is malloc()ed. */
uint32_t trace_arrivals(const struct trace *t, uint64_t seed, uint32_t percent, uint32_t **ret);

/* The declared history: every task of the list counted once. */
void trace_mix(const struct trace *t, struct node_mix *ret);

/* fragment_sum() of these nodes, by the mix of the list. */
double trace_fragment(const struct trace *t, const struct node *nodes);

#endif
