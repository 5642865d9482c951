/* node_index.c - the best node for an ask, out of many, without looking at each */

#include "select/node_index.h"

#include "base/mem.h"
#include "base/rng.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	BLOCK = 64,                     /* ranks of a row that share one minimum */
	ROW_BUCKETS = 1024,
	CLASSES_MIN = 256,
	LOG_MIN = 1024, LOG_MAX = 65536,        /* a row further behind is scored anew */
};

/* A node in the heap of its class, the lowest index on top (Fredman et al., "the pairing
 * heap", Algorithmica 1986): nodes join in one step and leave from anywhere. */
struct member {
	uint32_t class;                 /* NODE_NONE: down */
	uint32_t child, next, prev;     /* prev: elder sibling, or the parent of the first */
};

struct class {
	struct node_state state;
	int32_t value;
	uint32_t top;                   /* NODE_NONE: this slot is free */
	uint32_t next;                  /* in its bucket, or in the list of free slots */
	uint64_t changed;               /* when the slot was last taken or freed */
};

struct row {
	struct node_ask ask;
	uint32_t next;                  /* in its bucket */
	uint32_t cap;                   /* multiple of BLOCK */
	uint64_t *ranks, *least;        /* per slot; per block */
	uint64_t seen;                  /* changes taken in */
	uint64_t used;                  /* for the least recently used */
};

struct node_index {
	const struct node *nodes;
	const struct node_kinds *kinds;
	const struct node_value *value;
	uint32_t nnodes;
	struct member *members;

	struct class *classes;
	uint32_t nslots, cap, free_slot, nclasses, classes_max;
	uint32_t *buckets, nbuckets;

	uint32_t *log, log_size;        /* slots that changed, the last log_size of them */
	uint64_t changes;

	struct row rows[NODE_ROWS_MAX];
	uint32_t nrows, row_bucket[ROW_BUCKETS];
	uint64_t finds, scored;
};

/* ---- heaps of nodes ---- */

static uint32_t heap_meld(struct member *m, uint32_t a, uint32_t b)
{
	if (a == NODE_NONE || b == NODE_NONE)
		return a == NODE_NONE ? b : a;
	if (b < a) {
		uint32_t t = a;

		a = b;
		b = t;
	}
	m[b].prev = a;
	m[b].next = m[a].child;
	if (m[a].child != NODE_NONE)
		m[m[a].child].prev = b;
	m[a].child = b;
	m[a].next = m[a].prev = NODE_NONE;
	return a;
}

/* Siblings become one heap: in pairs from the left, then all from the right. */
static uint32_t heap_gather(struct member *m, uint32_t first)
{
	uint32_t done = NODE_NONE, all = NODE_NONE;

	while (first != NODE_NONE) {
		uint32_t a = first, b = m[a].next;

		first = b == NODE_NONE ? NODE_NONE : m[b].next;
		m[a].next = m[a].prev = NODE_NONE;
		if (b != NODE_NONE)
			m[b].next = m[b].prev = NODE_NONE;
		a = heap_meld(m, a, b);
		m[a].next = done;
		done = a;
	}
	while (done != NODE_NONE) {
		uint32_t next = m[done].next;

		m[done].next = NODE_NONE;
		all = heap_meld(m, all, done);
		done = next;
	}
	return all;
}

static uint32_t heap_remove(struct member *m, uint32_t top, uint32_t i)
{
	uint32_t below = heap_gather(m, m[i].child);

	m[i].child = NODE_NONE;
	if (i == top)
		return below;
	if (m[m[i].prev].child == i)
		m[m[i].prev].child = m[i].next;
	else
		m[m[i].prev].next = m[i].next;
	if (m[i].next != NODE_NONE)
		m[m[i].next].prev = m[i].prev;
	m[i].next = m[i].prev = NODE_NONE;
	return heap_meld(m, top, below);
}

/* ---- classes ---- */

static uint32_t bucket_of(const struct node_index *x, const struct node_state *s)
{
	uint64_t h = rng_mix((uint64_t)s->cpu_milli << 32 | s->memory_mb,
			     (uint64_t)s->kind << 16 | s->ndevices), w;

	for (uint32_t i = 0; i < NODE_ACCELS_MAX; i += 4) {
		if (i >= s->ndevices)
			break;
		memcpy(&w, &s->free_milli[i], sizeof(w));
		h = rng_mix(h, w);
	}
	return (uint32_t)h & (x->nbuckets - 1);
}

static void class_changed(struct node_index *x, uint32_t slot)
{
	x->log[x->changes & (x->log_size - 1)] = slot;
	x->classes[slot].changed = x->changes++;
}

static uint32_t slot_new(struct node_index *x)
{
	uint32_t slot = x->free_slot;

	if (slot != NODE_NONE) {
		x->free_slot = x->classes[slot].next;
		return slot;
	}
	if (x->nslots == x->cap) {
		x->cap *= 2;
		x->classes = mem_grow(x->classes, x->cap, sizeof(*x->classes));
	}
	return x->nslots++;
}

static uint32_t class_of(struct node_index *x, const struct node_state *s)
{
	uint32_t bucket = bucket_of(x, s), slot = x->buckets[bucket];

	while (slot != NODE_NONE && memcmp(&x->classes[slot].state, s, sizeof(*s)))
		slot = x->classes[slot].next;
	if (slot != NODE_NONE)
		return slot;
	slot = slot_new(x);
	x->classes[slot] = (struct class){
		.state = *s,
		.value = node_value_of(x->value, s),
		.top = NODE_NONE,
		.next = x->buckets[bucket],
	};
	x->buckets[bucket] = slot;
	class_changed(x, slot);
	if (++x->nclasses > x->classes_max)
		x->classes_max = x->nclasses;
	return slot;
}

static void class_drop(struct node_index *x, uint32_t slot)
{
	struct class *c = &x->classes[slot];
	uint32_t *at = &x->buckets[bucket_of(x, &c->state)];

	while (*at != slot)
		at = &x->classes[*at].next;
	*at = c->next;
	c->next = x->free_slot;
	x->free_slot = slot;
	x->nclasses--;
	class_changed(x, slot);
}

static void member_leave(struct node_index *x, uint32_t i)
{
	uint32_t slot = x->members[i].class;

	if (slot == NODE_NONE)
		return;
	x->classes[slot].top = heap_remove(x->members, x->classes[slot].top, i);
	x->members[i].class = NODE_NONE;
	if (x->classes[slot].top == NODE_NONE)
		class_drop(x, slot);
}

void node_index_update(struct node_index *x, uint32_t i)
{
	struct node_state s;
	uint32_t slot;

	assert(i < x->nnodes);
	slot = x->members[i].class;
	node_state_of(&x->nodes[i], x->kinds, &s);
	if (slot != NODE_NONE && !x->nodes[i].down &&
	    !memcmp(&x->classes[slot].state, &s, sizeof(s)))
		return;
	member_leave(x, i);
	if (x->nodes[i].down)
		return;
	slot = class_of(x, &s);
	x->members[i].class = slot;
	x->classes[slot].top = heap_meld(x->members, x->classes[slot].top, i);
}

/* ---- rows ---- */

static void row_set(struct row *r, uint32_t slot, uint64_t rank)
{
	uint64_t old = r->ranks[slot], *least = &r->least[slot / BLOCK];
	const uint64_t *block = &r->ranks[slot / BLOCK * BLOCK];

	r->ranks[slot] = rank;
	if (rank <= *least) {
		*least = rank;
	} else if (old == *least) {
		*least = block[0];
		for (uint32_t i = 1; i < BLOCK; i++)
			if (block[i] < *least)
				*least = block[i];
	}
}

static void row_score(struct node_index *x, struct row *r, uint32_t slot)
{
	const struct class *c = &x->classes[slot];
	uint64_t rank = NODE_RANK_NEVER;

	if (c->top != NODE_NONE && node_state_fits(&c->state, &r->ask)) {
		rank = node_state_rank(&c->state, node_value_loss(x->value, &c->state, c->value,
								  &r->ask, NULL));
		x->scored++;
	}
	row_set(r, slot, rank);
}

static void row_grow(struct row *r, uint32_t slots)
{
	uint32_t cap = r->cap ? r->cap : CLASSES_MIN;

	while (cap < slots)
		cap *= 2;
	if (cap == r->cap)
		return;
	r->ranks = mem_grow(r->ranks, cap, sizeof(*r->ranks));
	r->least = mem_grow(r->least, cap / BLOCK, sizeof(*r->least));
	memset(r->ranks + r->cap, 0xff, (cap - r->cap) * sizeof(*r->ranks));
	memset(r->least + r->cap / BLOCK, 0xff, (cap - r->cap) / BLOCK * sizeof(*r->least));
	r->cap = cap;
}

/* Take in what changed since the row was last asked.  Of a slot that changed many times only
 * the last change counts. */
static void row_sync(struct node_index *x, struct row *r)
{
	row_grow(r, x->nslots);
	if (x->changes - r->seen > x->log_size || x->changes - r->seen > x->nslots) {
		for (uint32_t slot = 0; slot < x->nslots; slot++)
			if (x->classes[slot].changed >= r->seen)
				row_score(x, r, slot);
	} else {
		for (; r->seen < x->changes; r->seen++) {
			uint32_t slot = x->log[r->seen & (x->log_size - 1)];

			if (x->classes[slot].changed == r->seen)
				row_score(x, r, slot);
		}
	}
	r->seen = x->changes;
}

static uint32_t row_bucket(const struct node_ask *ask)
{
	uint64_t h = rng_mix((uint64_t)ask->cpu_milli << 32 | ask->memory_mb, ask->share_milli);

	for (uint32_t i = 0; i < NODE_KINDS_MAX; i += 8) {
		uint64_t w;

		memcpy(&w, &ask->devices[i], sizeof(w));
		h = rng_mix(h, w);
	}
	return (uint32_t)h & (ROW_BUCKETS - 1);
}

/* The place of a row that nobody has asked for longest. */
static uint32_t row_oldest(struct node_index *x)
{
	uint32_t old = 0, *at;

	for (uint32_t i = 1; i < x->nrows; i++)
		if (x->rows[i].used < x->rows[old].used)
			old = i;
	at = &x->row_bucket[row_bucket(&x->rows[old].ask)];
	while (*at != old)
		at = &x->rows[*at].next;
	*at = x->rows[old].next;
	return old;
}

static void row_reset(struct row *r)
{
	if (r->cap) {
		memset(r->ranks, 0xff, r->cap * sizeof(*r->ranks));
		memset(r->least, 0xff, r->cap / BLOCK * sizeof(*r->least));
	}
	r->seen = 0;
}

static struct row *row_of(struct node_index *x, const struct node_ask *ask)
{
	uint32_t bucket = row_bucket(ask), i = x->row_bucket[bucket];

	while (i != NODE_NONE && memcmp(&x->rows[i].ask, ask, sizeof(*ask)))
		i = x->rows[i].next;
	if (i == NODE_NONE) {
		i = x->nrows < NODE_ROWS_MAX ? x->nrows++ : row_oldest(x);
		x->rows[i].ask = *ask;
		x->rows[i].next = x->row_bucket[bucket];
		x->row_bucket[bucket] = i;
		row_reset(&x->rows[i]);
	}
	x->rows[i].used = ++x->finds;
	return &x->rows[i];
}

/* ---- the choice ---- */

/* Of the classes with the least rank, the one with the lowest node. */
static uint32_t row_best(const struct node_index *x, const struct row *r)
{
	uint32_t nblocks = r->cap / BLOCK, best = NODE_NONE;
	uint64_t least = NODE_RANK_NEVER;

	for (uint32_t i = 0; i < nblocks; i++)
		if (r->least[i] < least)
			least = r->least[i];
	if (least == NODE_RANK_NEVER)
		return NODE_NONE;
	for (uint32_t i = 0; i < nblocks; i++)
		for (uint32_t j = 0; r->least[i] == least && j < BLOCK; j++) {
			uint32_t slot = i * BLOCK + j;

			if (r->ranks[slot] == least &&
			    (best == NODE_NONE || x->classes[slot].top < x->classes[best].top))
				best = slot;
		}
	return best;
}

static void choice_fill(const struct node_value *v, const struct node *n, uint32_t node,
			const struct node_state *s, int32_t value, const struct node_ask *ask,
			struct node_choice *ret)
{
	uint32_t milli = 0;

	ret->node = node;
	ret->loss = node_value_loss(v, s, value, ask, &milli);
	ret->devices = node_pick_devices(n, s->kind, ask, milli);
}

int node_index_find(struct node_index *x, const struct node_ask *ask, struct node_choice *ret)
{
	struct row *r = row_of(x, ask);
	const struct class *c;
	uint32_t slot;

	row_sync(x, r);
	slot = row_best(x, r);
	if (slot == NODE_NONE)
		return 1;
	c = &x->classes[slot];
	choice_fill(x->value, &x->nodes[c->top], c->top, &c->state, c->value, ask, ret);
	return 0;
}

const struct row *node_index_row(struct node_index *x, const struct node_ask *ask)
{
	struct row *r = row_of(x, ask);

	row_sync(x, r);
	return r;
}

uint64_t node_index_rank(const struct node_index *x, const struct row *r, uint32_t i)
{
	uint32_t slot = x->members[i].class;

	return slot == NODE_NONE ? NODE_RANK_NEVER : r->ranks[slot];
}

/* ---- without an index ---- */

uint64_t node_rank(const struct node *n, const struct node_kinds *kinds,
		   const struct node_value *value, const struct node_ask *ask)
{
	struct node_state s;

	if (n->down)
		return NODE_RANK_NEVER;
	node_state_of(n, kinds, &s);
	if (!node_state_fits(&s, ask))
		return NODE_RANK_NEVER;
	return node_state_rank(&s, node_value_loss(value, &s, node_value_of(value, &s), ask, NULL));
}

void node_choose(const struct node *n, uint32_t i, const struct node_kinds *kinds,
		 const struct node_value *value, const struct node_ask *ask,
		 struct node_choice *ret)
{
	struct node_state s;

	node_state_of(n, kinds, &s);
	choice_fill(value, n, i, &s, node_value_of(value, &s), ask, ret);
}

int node_scan(uint32_t nnodes, const struct node *nodes, const struct node_kinds *kinds,
	      const struct node_value *value, const struct node_ask *ask, struct node_choice *ret)
{
	uint64_t best_rank = NODE_RANK_NEVER;
	uint32_t best = NODE_NONE;

	for (uint32_t i = 0; i < nnodes; i++) {
		uint64_t rank = node_rank(&nodes[i], kinds, value, ask);

		if (rank < best_rank) {
			best_rank = rank;
			best = i;
		}
	}
	if (best == NODE_NONE)
		return 1;
	node_choose(&nodes[best], best, kinds, value, ask, ret);
	return 0;
}

/* ---- the index as a whole ---- */

void node_index_learn(struct node_index *x, const struct node_value *value)
{
	x->value = value;
	for (uint32_t i = 0; i < x->nslots; i++)
		if (x->classes[i].top != NODE_NONE)
			x->classes[i].value = node_value_of(value, &x->classes[i].state);
	for (uint32_t i = 0; i < x->nrows; i++)
		row_reset(&x->rows[i]);
}

static uint32_t power_of_two(uint32_t n, uint32_t min, uint32_t max)
{
	uint32_t p = min;

	while (p < n && p < max)
		p *= 2;
	return p;
}

struct node_index *node_index_new(uint32_t nnodes, const struct node *nodes,
				  const struct node_kinds *kinds, const struct node_value *value)
{
	struct node_index *x = mem_alloc(sizeof(*x));

	x->nodes = nodes;
	x->nnodes = nnodes;
	x->kinds = kinds;
	x->value = value;
	x->members = mem_array(nnodes + 1, sizeof(*x->members));
	memset(x->members, 0xff, (nnodes + 1) * sizeof(*x->members));
	x->cap = CLASSES_MIN;
	x->classes = mem_array(x->cap, sizeof(*x->classes));
	x->free_slot = NODE_NONE;
	x->nbuckets = power_of_two(nnodes, CLASSES_MIN, 1u << 18);
	x->buckets = mem_array(x->nbuckets, sizeof(*x->buckets));
	memset(x->buckets, 0xff, x->nbuckets * sizeof(*x->buckets));
	x->log_size = power_of_two(nnodes, LOG_MIN, LOG_MAX);
	x->log = mem_array(x->log_size, sizeof(*x->log));
	memset(x->row_bucket, 0xff, sizeof(x->row_bucket));
	for (uint32_t i = 0; i < nnodes; i++)
		node_index_update(x, i);
	return x;
}

struct node_index *node_index_free(struct node_index *x)
{
	if (!x)
		return NULL;
	for (uint32_t i = 0; i < x->nrows; i++) {
		free(x->rows[i].ranks);
		free(x->rows[i].least);
	}
	free(x->members);
	free(x->classes);
	free(x->buckets);
	free(x->log);
	free(x);
	return NULL;
}

void node_index_size(const struct node_index *x, struct node_index_size *ret)
{
	*ret = (struct node_index_size){
		.classes = x->nclasses,
		.classes_max = x->classes_max,
		.rows = x->nrows,
		.scored = x->scored,
		.bytes = sizeof(*x) + x->nnodes * sizeof(*x->members) +
			 x->cap * sizeof(*x->classes) + x->nbuckets * sizeof(*x->buckets) +
			 x->log_size * sizeof(*x->log),
	};
	for (uint32_t i = 0; i < x->nrows; i++)
		ret->bytes += (uint64_t)x->rows[i].cap * sizeof(uint64_t) * (BLOCK + 1) / BLOCK;
}
