/* select.h - 算力选择: which pool does this task fit, why, and why not the others
 *
 * eligible.c (hard rules) -> forecast.c (transfer, wait, run, cost, carbon) -> score.c ->
 * choose here -> explain.c (the decision as JSON).  place.c finds room node by node.
 * Pure: reads no clock, throws no dice, does no I/O; the same ask on the same snapshot with
 * the same seed gives the same decision.  Serves, simulates and plans.
 */
#ifndef SELECT_SELECT_H
#define SELECT_SELECT_H

#include "base/buf.h"
#include "domain/money.h"
#include "domain/pool.h"
#include "domain/task.h"
#include "select/demand.h"
#include "select/history.h"
#include "select/node_placer.h"
#include "select/shortlist.h"

/* Reasons, as bits.  The codes and both languages are in reason.c. */
enum reason {
	/* could never fit */
	REASON_CLEARANCE, REASON_REGION, REASON_NOT_ADMITTED, REASON_NOT_NAMED,
	REASON_ACCELERATOR, REASON_CPU,
	REASON_MEMORY, REASON_NODES, REASON_IMAGE, REASON_WALLTIME, REASON_LATENCY,
	/* a forecast says no */
	REASON_DEADLINE, REASON_BUDGET,
	/* not now */
	REASON_QUOTA, REASON_STALE, REASON_DRAINED, REASON_DOWN,
	/* eligible, but no room at this moment */
	REASON_FULL,            /* no node has what it asks for free */
	REASON_BEHIND,          /* an earlier task was promised the room */
	/* of the task, not of a pool */
	REASON_DEPENDENCY, REASON_ARRAY_LIMIT, REASON_BACKOFF, REASON_HELD,
	REASON_COUNT
};
#define REASON_BIT(r) (1u << (r))
#define REASONS_NEVER (REASON_BIT(REASON_LATENCY + 1) - 1)
#define REASONS_NOT_NOW (REASON_BIT(REASON_QUOTA) | REASON_BIT(REASON_STALE) | \
			 REASON_BIT(REASON_DRAINED) | REASON_BIT(REASON_DOWN))

const char *reason_code(enum reason r);                 /* "clearance" */
const char *reason_text(enum reason r, int zh);         /* one sentence for people */
/* Also for the ways a run may end ("exit", "timeout", "lost" …); the code itself when unknown. */
const char *reason_text_of(const char *code, int zh);

enum { LANE_KEPT_MAX = PLACE_BARRED_MAX };
#define LANE_ANY UINT32_MAX

/* One pool, within one pass over the waiting tasks: what was promised to earlier ones. */
struct lane {
	int64_t ahead_cpu_ms;           /* expected cpu time of tasks that wait for this pool … */
	int64_t ahead_accel_ms;         /* … and time of its devices */
	uint32_t nkept;                 /* nodes, and from when on they are kept; one may be there twice */
	struct lane_kept {
		uint32_t node;          /* LANE_ANY: every one */
		int64_t start_ms;
	} kept[LANE_KEPT_MAX];
};

struct snapshot {
	int64_t now_ms;
	const struct catalogue *catalogue;
	const struct history *history;
	uint32_t npools;
	const struct pool *const *pools;
	struct lane *lanes;             /* npools; NULL: nobody is ahead */
	const struct demand *demand;    /* what usually comes; NULL: not known */
	struct shortlists *shortlists;  /* NULL: every pool is weighed.  The answer is the same */
	uint64_t generation;            /* another one when a pool declares anything else */
	struct node_placer *const *placers;     /* npools, told of every hold and release; NULL:
	                                 * nodes are looked at one by one, and no mix is known */
};

struct ask {
	const struct task_spec *spec;
	enum level data_level;          /* of its inputs as they are now; counts if it is higher */
	const char *data_within;        /* the region its inputs must not leave; NULL: none */
	uint64_t data_mb[8];            /* to be moved, per place … */
	const char *data_from[8];       /* … region, NULL: unknown */
	uint32_t ndata;
	const struct purse *purse;      /* what the tenant can pay with; NULL: it pays later, alone */
	bool over_quota;
	uint64_t seed;
};

struct terms {
	int64_t transfer_s, wait_p50_s, wait_p90_s, run_p50_s, run_p90_s;
	int64_t cost_micro, energy_j, carbon_mg;
	uint32_t accel_milli;           /* thousandths of devices on each node */
	int64_t reserve_micro;          /* of a tenant with a budget: its part for the whole walltime */
	int64_t score_micro;
	struct run_forecast run;        /* basis of run_* */
};

struct candidate {
	uint32_t pool;
	uint32_t reasons;               /* bits; FULL and BEHIND are set beside valid terms */
	bool has_terms;                 /* eligible or refused by DEADLINE or BUDGET only */
	struct terms terms;
};

enum outcome {
	OUTCOME_NONE,
	OUTCOME_CHOSEN,         /* `best` has room now: `place` says where */
	OUTCOME_WAIT,           /* `best` has no room now, or no pool is usable now (best UINT32_MAX) */
	OUTCOME_REFUSED,        /* no pool could ever take it */
};

enum { SELECT_POLICY = 1 };     /* version, stored with every decision */

struct decision {
	enum outcome outcome;
	uint32_t best;                  /* pool id or UINT32_MAX; ties: see select.c */
	enum reason reason;             /* see decision_reason() */
	struct candidate top;           /* the best, if there is one */
	uint32_t n;
	struct candidate *cand;         /* one per pool, order of the snapshot; in `arena`; NULL when
	                                 * a shortlist made it needless: decision_fill() */
	struct placement place;         /* in `arena` */
	uint64_t seed;
};

/* `arena` holds what the decision points to. */
void select_decide(const struct snapshot *s, const struct ask *a, struct arena *arena,
		   struct decision *ret);

/* What a run would be charged by: chip and rate in force now.  `model`: of the node, if the
 * run takes devices of it, else ACCEL_NONE. */
struct tariff {
	struct rate rate;
	const char *chip;               /* "cpu" when it takes none */
	bool domestic;                  /* the chip; never of a cpu */
};
void tariff_of(const struct snapshot *s, const struct pool *p, uint16_t model, struct tariff *ret);

/* Weigh every pool, if that was not done: same snapshot, same ask. */
void decision_fill(const struct snapshot *s, const struct ask *a, struct arena *arena,
		   struct decision *d);

/* The pool that was chosen cannot have it after all, for a reason that this room does not know
 * of: the task waits for any. */
void decision_bar(const struct snapshot *s, const struct ask *a, struct arena *arena,
		  struct decision *d, enum reason why);

/* The most telling reason of a decision to wait or to refuse; REASON_COUNT when CHOSEN. */
enum reason decision_reason(const struct decision *d);

/* The whole decision as one JSON object, refusals with their figures (what was asked, what
 * the pool has), terms of the others, rank, weights, seed, policy.  doc/openapi.yaml: Decision. */
int decision_encode(const struct snapshot *s, const struct ask *a, const struct decision *d,
		    struct buf *out);

/* Promise a node from start_ms on; nothing when the list is full. */
void lane_keep(struct lane *l, uint32_t node, int64_t start_ms);
/* The earliest start promised to one of them; 0: none. */
int64_t lane_shadow_ms(const struct lane *l);

/* After a decision to wait: charge the lane for so many tasks like this one, so that the next
 * sees a queue. */
void lane_charge(struct lane *l, const struct snapshot *s, const struct ask *a,
		 const struct candidate *c, uint32_t times);

/* ---- parts, for tests and for the simulator ---- */

uint32_t eligible_reasons(const struct snapshot *s, const struct ask *a, const struct pool *p);
void forecast_terms(const struct snapshot *s, const struct ask *a, const struct pool *p,
		    const struct lane *l, struct terms *ret);
int64_t score_terms(const struct prefer *w, const struct terms *t);

/* Find room for the spec's nodes on nodes as they are, with no mix known.
 * 0: *ret filled in `arena`; 1: no room now. */
int place_find(const struct task_spec *spec, const struct catalogue *c, uint32_t nnodes,
	       const struct node *nodes, struct arena *arena, struct placement *ret);
/* Examples of nodes it would fit were they empty, for a run that is to wait in the queue of its
 * engine (ret->ahead).  0, or 1: too few. */
int place_ahead(const struct task_spec *spec, const struct catalogue *c, const struct pool *p,
		struct arena *arena, struct placement *ret);
/* Would it fit on an empty pool?  The reasons why not (ACCELERATOR, CPU, MEMORY, NODES). */
uint32_t place_never(const struct task_spec *spec, const struct catalogue *c, const struct pool *p);

#endif
