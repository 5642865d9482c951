/* node_placer.h - which nodes of a pool a task gets
 *
 * One policy for the daemon, its dry runs and the simulator: the node that loses the least
 * of what the usual tasks could still put there (node_value.h), ties as node_state_rank() has
 * them, then the lowest node.  Few nodes are looked at one by one, many through node_index.h;
 * the answer is the same.  A gang takes its nodes in the order of their ranks, each judged as
 * it stands before the gang.
 *
 * A placer remembers, but only what the nodes and the last lesson imply: two placers of equal
 * nodes and equal lessons give equal answers, however they came there.  One thread.
 */
#ifndef SELECT_NODE_PLACER_H
#define SELECT_NODE_PLACER_H

#include "select/node_index.h"

enum { NODE_PLACER_INDEX_MIN = 64 };         /* nodes from which on an index pays */

struct node_placer;

/* `nodes` stay the caller's and outlive the placer. */
struct node_placer *node_placer_new(uint32_t nnodes, const struct node *nodes);
struct node_placer *node_placer_free(struct node_placer *p);

/* nodes[i] has changed: occupied, given back, down, up. */
void node_placer_touch(struct node_placer *p, uint32_t i);

/* Forget what was seen of the nodes if they are others, or of another generation, than last
 * time; generation 0 to begin with. */
void node_placer_follow(struct node_placer *p, uint64_t generation, uint32_t nnodes,
		   const struct node *nodes);

/* The index proved wrong, for somebody changed a node without a word: build it again. */
void node_placer_forget(struct node_placer *p);

/* NULL: there are more than NODE_KINDS_MAX models, and no ask can be made for these nodes. */
const struct node_kinds *node_placer_kinds(const struct node_placer *p);

/* What usually comes.  `lesson` is the caller's number for this mix, never 0; node_placer_lesson()
 * tells the last one, 0: none yet.  The mix is not kept. */
void node_placer_learn(struct node_placer *p, const struct node_mix *mix, uint64_t lesson);
uint64_t node_placer_lesson(const struct node_placer *p);

/* Find `n` nodes (distinct, ascending) for an ask that each of them must fit.  0: ret[0..n-1]
 * filled in, nothing is occupied yet; 1: fewer than n nodes that are up fit. */
int node_placer_find(struct node_placer *p, const struct node_ask *ask, uint32_t n,
		struct node_choice *ret);

/* Is there a node for it?  The answer of node_placer_find() for n = 1. */
bool node_placer_room(struct node_placer *p, const struct node_ask *ask);

void node_placer_size(const struct node_placer *p, struct node_index_size *ret);

#endif
