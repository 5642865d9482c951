/* node_index.h - the best node for an ask, out of many, without looking at each
 *
 * Nodes in equal states form one class, and a class is scored once per ask: what an ask found
 * last time is kept in a row, and only classes that changed since are scored again.
 *
 *     ask ──> row:  │ 412 │ never │ 97 │ 388 │ ...      one rank per class
 *                           │            v
 *     changed since ────────┘         class {cpu, memory, devices free} ──> lowest node
 *
 * The answer is the same as that of a scan over all nodes (node_scan()).  The index reads the
 * caller's nodes and is told of every change.  One thread.
 */
#ifndef SELECT_NODE_INDEX_H
#define SELECT_NODE_INDEX_H

#include "select/node_value.h"

enum {
	NODE_ROWS_MAX = 512,            /* asks remembered; the least recently used one goes */
	NODE_NONE = 0xffffffff,
};

struct node_choice {
	uint32_t node;
	uint16_t devices;               /* bit i: device i */
	int32_t loss;                   /* for people: millionths of a device given away */
};

struct node_index;

/* `nodes`, `kinds` and `value` are the caller's and outlive the index; value NULL: no mix. */
struct node_index *node_index_new(uint32_t nnodes, const struct node *nodes,
				  const struct node_kinds *kinds, const struct node_value *value);
struct node_index *node_index_free(struct node_index *x);

/* nodes[i] has changed: occupied, given back, down, up.  A node that is down is never chosen. */
void node_index_update(struct node_index *x, uint32_t i);

/* Another mix was learned; the old value may be freed afterwards. */
void node_index_learn(struct node_index *x, const struct node_value *value);

/* Ranks of all nodes for an ask, valid until the next change or find: for who wants several
 * nodes.  NODE_RANK_NEVER: down, or it does not fit. */
#define NODE_RANK_NEVER UINT64_MAX
struct row;
const struct row *node_index_row(struct node_index *x, const struct node_ask *ask);
uint64_t node_index_rank(const struct node_index *x, const struct row *r, uint32_t i);

/* 0: *ret filled in, nothing is occupied yet; 1: no node that is up fits.  Allocates only
 * for an ask not seen before and when there are more classes than ever. */
int node_index_find(struct node_index *x, const struct node_ask *ask, struct node_choice *ret);

/* The choice of node i, which fits. */
void node_choose(const struct node *n, uint32_t i, const struct node_kinds *kinds,
		 const struct node_value *value, const struct node_ask *ask,
		 struct node_choice *ret);

/* Rank of one node, looked at by itself. */
uint64_t node_rank(const struct node *n, const struct node_kinds *kinds,
		   const struct node_value *value, const struct node_ask *ask);

/* The same by looking at every node: for small pools, for copies, and to check the index. */
int node_scan(uint32_t nnodes, const struct node *nodes, const struct node_kinds *kinds,
	      const struct node_value *value, const struct node_ask *ask, struct node_choice *ret);

struct node_index_size {
	uint32_t classes, classes_max, rows;
	uint64_t bytes, scored;         /* scored: classes looked at since the beginning */
};
void node_index_size(const struct node_index *x, struct node_index_size *ret);

#endif
