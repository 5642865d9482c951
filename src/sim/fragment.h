/* fragment.h - how much of what is idle the usual tasks could not use
 *
 * The measure of "Beware of Fragmentation" (USENIX ATC 2023, section 4): for a node n and a
 * shape m, all that is idle on n when m does not fit there (or asks for no device), else the
 * idle thousandths of the devices that are too full for m; the mean over the shapes, weighted
 * by how often they come; the sum over the nodes.  The shapes are the most frequent ones that
 * make up 95 % of the tasks; memory is not looked at.
 */
#ifndef SIM_FRAGMENT_H
#define SIM_FRAGMENT_H

#include "select/node_value.h"

struct fragment_mix {
	uint32_t n;
	struct { struct node_ask ask; uint64_t count; double share; } shapes[NODE_MIX_MAX];
};

void fragment_learn(const struct node_mix *mix, struct fragment_mix *ret);

/* Thousandths of one node, which may be down or not; `kind` is that of its devices. */
double fragment_of(const struct fragment_mix *mix, const struct node *n, uint32_t kind);

/* Of all nodes together. */
double fragment_sum(const struct fragment_mix *mix, uint32_t nnodes, const struct node *nodes,
		    const struct node_kinds *kinds);

#endif
