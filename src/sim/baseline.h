/* baseline.h - placement policies of others, to compare with
 *
 * Each from its description in "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with
 * Fragmentation Gradient Descent" (USENIX ATC 2023), scores as whole numbers from 0 to 100 as
 * that paper's artefact has them.  Equal scores: the first node in an order shuffled by seed.
 *
 *   random       any node that fits, and any device of it that does
 *   dot-product  the smallest product of what is asked and what is free (Tetris)
 *   clustering   beside tasks that ask for the same number of devices (Gandiva)
 *   packing      used devices first, then used nodes, then idle ones (MLaaS in the Wild)
 *   best-fit     the least left over, cpu and devices weighing the same
 *   fgd          the least growth of fragmentation as the mix of tasks sees it
 *
 * All but fgd and random take the tightest device within the node.
 */
#ifndef SIM_BASELINE_H
#define SIM_BASELINE_H

#include "select/node_index.h"

enum baseline_kind {
	BASELINE_NONE,
	BASELINE_RANDOM, BASELINE_DOT_PRODUCT, BASELINE_CLUSTERING, BASELINE_PACKING,
	BASELINE_BEST_FIT, BASELINE_FGD,
	BASELINE_COUNT
};

const char *baseline_name(enum baseline_kind kind);     /* "dot-product" */
enum baseline_kind baseline_find_name(const char *name);        /* or BASELINE_NONE */

struct baseline;

/* The mix is read by fgd only, and now.  `nodes` outlive the baseline. */
struct baseline *baseline_new(enum baseline_kind kind, uint32_t nnodes, const struct node *nodes,
			      const struct node_kinds *kinds, const struct node_mix *mix,
			      uint64_t seed);
struct baseline *baseline_free(struct baseline *b);

/* 0: *ret filled in; 1: no node fits. */
int baseline_find(struct baseline *b, const struct node_ask *ask, struct node_choice *ret);

/* The task was placed there, and the node shows it: to be told before the next find. */
void baseline_placed(struct baseline *b, const struct node_ask *ask, uint32_t node);
/* It has left, and the node shows it. */
void baseline_left(struct baseline *b, const struct node_ask *ask, uint32_t node);

#endif
