/* past.h - a history as `suanlu export` writes it: what was asked for, and what became of it
 *
 * One JSON object per line (JSONL): a head {"suanlu_history":1,…}, the pools with their nodes
 * {"pool":"hub","groups":[…]} and the tasks in any order, and
 * a tail {"end":true,"tasks":N}, without which the file counts as cut off.  A task is what
 * GET /v1/history says of it; unknown keys are refused, so a later format is never half
 * understood.  doc/simulate.md has every key.
 */
#ifndef SIM_PAST_H
#define SIM_PAST_H

#include "domain/task.h"

#include <stdio.h>

enum {
	PAST_FORMAT = 1,
	PAST_TASKS_MAX = 2000000,       /* ~200 bytes each, and 1 KB for each kind of ask */
	PAST_LINE_MAX = 128 << 10,      /* 64 predecessors and 8 places of data are 5 KB */
	PAST_DATA_MAX = 8,
	PAST_NODES_MAX = 1000000,       /* of all pools */
};

struct past_data {
	const char *from;               /* region, NULL: not known */
	uint64_t mb;
};

struct past_task {
	uint64_t sub;                   /* id "12_3": submission 12, index 3 */
	uint32_t index;
	bool element;                   /* of an array */
	struct task_spec *spec;         /* shared by equal asks; its command is not the real one */
	uint32_t array_limit;
	enum task_state state;          /* when it was exported */
	const char *reason;             /* code, or NULL */
	int64_t submitted_ms, started_ms, ended_ms;     /* 0: it never came so far */
	const char *data_within;        /* region that its data must not leave; NULL: none */
	uint32_t ndata;
	const struct past_data *data;
	/* the last run; pool NULL: none that is known */
	const char *pool, *chip;
	uint32_t speed_milli, attempts;
	int64_t run_ms;                 /* -1: not over */
	int64_t cost_micro, energy_j, carbon_mg;        /* of all runs */
};

struct past_asks;

/* The nodes that a pool had when the history was exported. */
struct past_pool {
	struct pool *pool;              /* name, nodes and chip; nothing else of it counts */
	struct past_pool *next;
};

struct past {
	struct arena arena;
	char node[32];
	uint32_t n, cap;
	struct past_task *tasks;        /* by submitted_ms, then by id */
	uint32_t *by_id;                /* the same by (sub, index) */
	struct past_pool *pools;
	struct past_asks *asks;         /* our own */
};

/* Zero *ret first.  0, ERR_E_INPUT (text begins with path:line; field) or -errno; past_done()
 * in any case.  Models are looked up in `c`, which outlives the past. */
int past_read(struct past *ret, FILE *f, const char *path, const struct catalogue *c,
	      struct err *err);
void past_done(struct past *p);

/* NULL: it does not tell. */
const struct pool *past_pool(const struct past *p, const char *name);

/* Place in by_id of the first task of a submission from this array index on; UINT32_MAX: there
 * is none. */
uint32_t past_find(const struct past *p, uint64_t sub, uint32_t index);

#endif
