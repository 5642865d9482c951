/* pool_seen.h - the machines of a pool as its engine sees them
 *
 * For pools whose nodes are not declared but told by a cluster, where other people work, too.
 * What others use is taken from what is free; of the nodes of our own runs only the number is
 * certain, for the cluster places them itself.
 */
#ifndef DOMAIN_POOL_SEEN_H
#define DOMAIN_POOL_SEEN_H

#include "domain/pool.h"

struct pool_seen_node {
	uint32_t cpu_milli, memory_mb;
	uint32_t cpu_used_milli, memory_used_mb;        /* by others */
	const char *accel;              /* catalogue name, NULL: none */
	uint8_t naccels, accels_used;   /* used: by others */
	bool down;
};

struct pool_seen {
	uint32_t nnodes;                /* in an order that stays */
	const struct pool_seen_node *nodes;
	uint32_t queue_max;             /* runs that may wait in the cluster's own queue */
	uint32_t ahead_s;               /* … when there should be room within so long */
	int64_t queue_cpu_ms;           /* expected work of others that waits there */
	int64_t queue_start_ms;         /* see pool.h */
	uint32_t nbusy;
	const struct pool_busy *busy;   /* of others, in any order; copied */
};

/* Take it over.  Returns how many accelerator names are not in the catalogue: their nodes
 * count as nodes without devices. */
unsigned pool_see(struct pool *p, const struct pool_seen *s, const struct catalogue *c);

/* Free room anew, after a run came or went. */
void pool_recount(struct pool *p);

#endif
