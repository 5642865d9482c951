/* node_value.h - what the room left on a node is worth to the tasks that usually come
 *
 * A node's free room is worth the accelerator thousandths that future tasks can still be
 * expected to put there.  A task goes to the node that loses the least of it.  Per device
 * with r thousandths free, with the mix of task shapes m (share p, size g):
 *
 *     value(r) = fill(r) * (1 - exp(-K s)) * (s / a) ^ E
 *
 *   fill(r)  how much of r gets used once takers come: sizes that leave less are likelier
 *            to be chosen (THETA), and a rest that nobody asks for is worth nothing
 *   s        share of the mix that fits this device now, counting how many of them the
 *            node's cpu and memory can feed; weighted by scarcity: a task that may use only
 *            a tenth of the devices counts ten times
 *   a        share of the mix that would fit r on a node with cpu and memory to spare
 *
 * The middle factor saturates: room that somebody can use is nearly as good as room that
 * everybody can use, so light tasks go where only they fit.  doc/placement.md has the whys.
 * Pure.  Scores are whole numbers; same machine, same input, same output.
 */
#ifndef SELECT_NODE_VALUE_H
#define SELECT_NODE_VALUE_H

#include "domain/pool.h"

enum {
	NODE_KINDS_MAX = 32,            /* models of accelerators in one pool; openb has 7 */
	NODE_MIX_MAX = 512,             /* shapes remembered; the lists of openb have 78 to 457 */
	DEVICE_MILLI = 1000,
	NODE_VALUE_SCALE = 1000,        /* a value of 1 is a millionth of a device */
	LESSON_FIRST = 64,              /* tasks counted before the first lesson; then doubled … */
	LESSON_FADE = 65536,            /* … up to here, where what is old begins to count less */
};

/* A task as placement sees it, on each of its nodes.  Compared byte by byte: start from zero. */
struct node_ask {
	uint32_t cpu_milli, memory_mb;
	uint32_t share_milli;                   /* of each device; 0: no accelerators */
	uint8_t devices[NODE_KINDS_MAX];        /* by kind of the pool; 0: this kind cannot */
};

/* The kinds of accelerator of a pool, and how many devices there are of each. */
struct node_kinds {
	uint32_t n;
	uint16_t model[NODE_KINDS_MAX];
	uint64_t devices[NODE_KINDS_MAX];
};

/* 0, or 1: more kinds than NODE_KINDS_MAX, this pool needs another way of placing. */
int node_kinds_of(uint32_t nnodes, const struct node *nodes, struct node_kinds *ret);
uint32_t node_kind(const struct node_kinds *k, uint16_t model); /* UINT32_MAX: not there */

/* ---- the mix: which shapes come, and how often ---- */

struct node_mix {
	uint32_t n;
	uint64_t total;
	struct { struct node_ask ask; uint64_t count; } shapes[NODE_MIX_MAX];
};

/* Count one task.  When the table is full the rarest shape gives its place and its count to
 * the newcomer (Metwally et al., "space saving", ICDT 2005): frequent shapes are never lost. */
void node_mix_add(struct node_mix *mix, const struct node_ask *ask);

/* Who counts as tasks come learns anew when so many have come: 64, 128, 256 …  At 65,536 all
 * counts are halved first, so that the mix of last year fades. */
uint64_t node_mix_next(uint64_t total);
void node_mix_fade(struct node_mix *mix);

/* ---- the value ---- */

/* The free room of a node; nodes with equal states are interchangeable. */
struct node_state {
	uint32_t cpu_milli, memory_mb;
	uint16_t kind;                          /* NODE_KINDS_MAX: no accelerators */
	uint16_t ndevices;
	uint16_t free_milli[NODE_ACCELS_MAX];   /* ascending */
};

void node_state_of(const struct node *n, const struct node_kinds *k, struct node_state *ret);
bool node_state_fits(const struct node_state *s, const struct node_ask *ask);

struct node_value;

/* With an empty mix, or as NULL wherever a value is read, everything is worth 0, and ties
 * decide: the tightest node is taken. */
struct node_value *node_value_new(const struct node_kinds *k, const struct node_mix *mix);
struct node_value *node_value_free(struct node_value *v);

int32_t node_value_of(const struct node_value *v, const struct node_state *s);

/* The loss of placing `ask` on a node in state `s`, which must fit; value: node_value_of(s).
 * *ret_milli (may be NULL): the free thousandths of the device that a share goes to. */
int32_t node_value_loss(const struct node_value *v, const struct node_state *s, int32_t value,
			const struct node_ask *ask, uint32_t *ret_milli);

/* Rank of a placement, lower is better: the loss; among equal losses the state with less free
 * of its devices, then of its cpu (in steps of 8 thousandths; of its cpu and memory where it has
 * no devices).  Who still ties: the lower node. */
uint64_t node_state_rank(const struct node_state *s, int32_t loss);

/* Devices of the node for this ask: of a share the lowest one with exactly `milli` free, else
 * the lowest wholly free ones. */
uint16_t node_pick_devices(const struct node *n, uint32_t kind, const struct node_ask *ask,
			   uint32_t milli);

#endif
