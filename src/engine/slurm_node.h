/* slurm_node.h - the nodes of a Slurm cluster as a listing shows them.  Pure: any thread. */
#ifndef ENGINE_SLURM_NODE_H
#define ENGINE_SLURM_NODE_H

#include "base/arena.h"
#include "engine/slurm_api.h"

enum { SLURM_NODES_MAX = 20000 };       /* of one cluster; the largest have about 10,000 */

struct slurm_node {
	const char *name;
	const char *partition;          /* the first of those asked for that has it; "" */
	uint32_t cpus, cpus_used, memory_mb, memory_used_mb;
	const char *gres;               /* "gpu:a100", or "" */
	uint32_t devices, devices_used;
	bool down;                      /* nothing new can start on it */
	const char *state;              /* for people: "idle", "down+drain" */
};

/* Nodes of the named partitions (n 0: of all), sorted by name, in `a`. */
void slurm_nodes_decode(const json_t *reply, const char *const *partitions, uint32_t n,
			struct arena *a, struct slurm_node **ret, uint32_t *ret_n);

/* "gpu:a100:4(S:0-1),license:2" -> the first kind whose name begins with `name` ("gpu:a100" or
 * "gpu"), with its count; NULL name: the first of all.  "" and 0 when there is none. */
const char *slurm_gres(const char *text, const char *name, struct arena *a, uint32_t *ret_n);

#endif
