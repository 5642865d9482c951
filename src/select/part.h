/* part.h - what the files of select/ share among themselves; nobody else includes it
 *
 * A pass over the pools for one ask keeps what does not depend on the pool in a
 * `struct pass`, so that 1,000 pools cost 1,000 times a few comparisons.  It lives on the
 * stack of select_decide(); nothing in it outlives the call.
 */
#ifndef SELECT_PART_H
#define SELECT_PART_H

#include "select/select.h"
#include "select/scope.h"

/* What one node has to offer, with the devices of the model looked at last: nodes of
 * one model come in rows, and the catalogue is asked once per row. */
struct want {
	const struct accel_need *need;
	const struct catalogue *catalogue;
	uint32_t nodes, cpu_milli, memory_mb;
	uint32_t share_milli;           /* of each device; 0: no accelerators wanted */
	uint32_t last_count;
	uint32_t last_model;            /* UINT32_MAX: none looked at yet */
};

void want_init(struct want *w, const struct task_spec *spec, const struct catalogue *c);
void want_init_one(struct want *w, const struct accel_need *need, uint32_t cpu_milli,
		   uint32_t memory_mb, const struct catalogue *c);      /* one node; borrows `need` */
/* The same in the words of a pool with these kinds; false: none of them can do it. */
bool want_ask(struct want *w, const struct node_kinds *k, struct node_ask *ret);
/* Devices that a node of this model must give; 0: the model cannot do it. */
uint32_t want_devices(struct want *w, uint32_t model);
bool want_fits(struct want *w, const struct node *n);           /* as it is now */
bool want_fits_empty(struct want *w, const struct node *n);     /* were it empty and up */
/* Nodes that fit now; stops counting at w->nodes. */
uint32_t want_room(struct want *w, uint32_t nnodes, const struct node *nodes);

uint32_t place_never_want(struct want *w, const struct pool *p);
/* 0: *ret filled in `arena`; 1: no room now.  `pl` is the placer of these nodes. */
int place_want(struct want *w, struct node_placer *pl, uint32_t nnodes, const struct node *nodes,
	       struct arena *arena, struct placement *ret);

enum { PASS_RUNS_MAX = 64 };            /* kinds of chip and speed in one city */

struct pass {
	const struct snapshot *s;
	const struct ask *a;
	struct scope scope;
	struct want want;
	struct history_view history;
	char kind[HISTORY_KIND_MAX];    /* what `history` is about */
	uint32_t nruns;
	struct pass_run {
		const char *chip;
		uint32_t speed_milli;
		struct run_forecast f;
	} runs[PASS_RUNS_MAX];
};

void pass_init(struct pass *x, const struct snapshot *s, const struct ask *a);
uint32_t eligible_pass(struct pass *x, const struct pool *p);
/* Its part that only the scope of the task and what the pool declares decide, all of it
 * reasons that say "never". */
uint32_t eligible_fixed(const struct scope *t, struct want *w, const struct pool *p);
/* The placer of pool i of the snapshot, which knows its nodes; NULL: it has none. */
struct node_placer *pass_placer(const struct snapshot *s, uint32_t i);
/* Fills *ret; returns FULL, BEHIND, DEADLINE and BUDGET as they apply.  l, pl: NULL is fine. */
uint32_t forecast_pass(struct pass *x, const struct pool *p, const struct lane *l,
		       struct node_placer *pl, struct terms *ret);
/* What pool p takes at the least, whatever the hour, its queue and its price list say: the
 * terms of forecast_pass() are no lower, but for rounding. */
struct floor {
	float transfer_s;
	float slow;                     /* 1000 / speed_milli */
	float cost_micro, carbon_mg;    /* for each second of the run */
	float carbon_slack_mg;          /* that rounding may take off */
};
void forecast_floor(struct pass *x, const struct pool *p, struct floor *ret);
/* Would the deadline or the budget be missed even if it started at once? */
bool forecast_hopeless(const struct snapshot *s, const struct ask *a, const struct terms *t);

/* ---- room.c ---- */

/* Nodes that are down, or used by somebody we do not know, come back in an hour: a guess. */
enum { ROOM_UNKNOWN_MS = 3600 * 1000 };

/* Nodes that fit now; stops counting at x->want.nodes.  Of many nodes the index knows at once. */
uint32_t room_now(struct pass *x, const struct pool *p, struct node_placer *pl);
bool room_enough(struct pass *x, const struct pool *p, struct node_placer *pl);
/* `room` nodes fit now, which is too few: when do enough? */
struct room_ends {
	int64_t p50_ms, p90_ms;
};
struct room_ends room_comes(struct pass *x, const struct pool *p, uint32_t room);
/* The x->want.nodes nodes on which it has room first, those that fit now included; returns how many
 * of them are known. */
uint32_t room_nodes(struct pass *x, const struct pool *p, uint32_t *ret);

/* ---- lane.c ---- */

/* Is this node kept for an earlier task that starts before over_ms? */
bool lane_bars(const struct lane *l, uint32_t node, int64_t over_ms);
/* Enough nodes that fit now and are not kept? */
bool lane_leaves_room(const struct lane *l, struct want *w, const struct pool *p, int64_t over_ms);
/* Fills in which are. */
void lane_tell(const struct lane *l, int64_t over_ms, struct placement *ret);

/* ---- wait.c ---- */

/* Seconds that a pool without room for it keeps it waiting at the least. */
int64_t wait_floor_s(const struct snapshot *s, const struct pool *p);
/* When a run that begins now is over, nine times out of ten.  With history that is far earlier than
 * its walltime, of which people ask for several times what they use; promises are then kept nearly
 * always instead of always, and wait less (Tsafrir, Etsion, Feitelson, "Backfilling using
 * system-generated predictions", IEEE TPDS 18(6), 2007).  Without history it is the walltime. */
int64_t wait_over_ms(const struct snapshot *s, const struct task_spec *t, const struct terms *m);
/* Wait of ret->wait_*; returns FULL and BEHIND as they apply. */
uint32_t wait_pass(struct pass *x, const struct pool *p, const struct lane *l,
		   struct node_placer *pl, struct terms *ret);

/* Not refused by any rule or forecast: it may be full or promised, and it has a rank. */
bool decision_candidate(const struct candidate *c);
/* Candidate i before candidate j: lower score, then rng_mix(seed, pool id). */
bool decision_better(const struct decision *d, uint32_t i, uint32_t j);
bool candidate_better(const struct candidate *a, const struct candidate *b, uint64_t seed);
/* The terms of pool i of the snapshot, which no rule bars. */
void candidate_terms(struct pass *x, uint32_t i, struct candidate *ret);
/* Of several reasons to wait, the one that a person should hear first; of the reasons `bits` to
 * refuse, the one that most pools share. */
enum reason reason_telling(uint32_t bits);
enum reason reason_shared(const uint32_t shared[REASON_COUNT], uint32_t bits);
#define REASONS_FORECAST (REASON_BIT(REASON_DEADLINE) | REASON_BIT(REASON_BUDGET))

/* The best pool by way of the shortlist: sets outcome, best, top and reason of *ret, and *ret_i
 * to the best one's place in the snapshot.  False: this ask has to be weighed at every pool. */
bool shortlist_decide(struct pass *x, struct decision *ret, uint32_t *ret_i);

/* Latency to where the users are; false: not known. */
bool eligible_latency(const struct pool *p, const char *near, uint32_t *ret_ms);

/* The level that counts: the declared one, or that of its data. */
enum level eligible_level(const struct ask *a);

/* Money and time are far below this; garbage in must not wrap around. */
int64_t sat_add(int64_t a, int64_t b);
int64_t sat_mul(int64_t a, int64_t b);
int64_t sat_muldiv(int64_t a, int64_t b, int64_t div);  /* a * b / div, div > 0 */

#endif
