/* placer.h - the nodes of a trace and the policy that fills them
 *
 * What replay.h (tasks only arrive) and live.h (they leave again) have in common: our own
 * policy through select/node_placer.h, as in the daemon, or a baseline.  The placer's nodes are
 * a copy.
 */
#ifndef SIM_PLACER_H
#define SIM_PLACER_H

#include "select/node_placer.h"
#include "sim/baseline.h"
#include "sim/trace.h"

struct placer {
	const struct trace *trace;
	struct node *nodes;
	struct node_mix *mix;
	struct baseline *baseline;      /* or … */
	struct node_placer *ours;
	bool learn;
	uint64_t lesson;                /* arrivals after which the mix is learned again */
};

/* BASELINE_NONE: our own; `learn`: it begins without a mix and learns from placer_saw(). */
void placer_init(struct placer *p, const struct trace *t, enum baseline_kind kind, bool learn,
		 uint64_t seed);
void placer_done(struct placer *p);

/* A task has come: it counts for the mix. */
void placer_saw(struct placer *p, const struct node_ask *ask);
/* 0: *ret filled in, nothing is occupied yet; 1: no node fits. */
int placer_find(struct placer *p, const struct node_ask *ask, struct node_choice *ret);
void placer_take(struct placer *p, const struct node_ask *ask, const struct node_choice *c);
void placer_give(struct placer *p, const struct node_ask *ask, const struct node_choice *c);

#endif
