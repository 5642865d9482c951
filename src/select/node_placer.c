/* node_placer.c - which nodes of a pool a task gets */

#include "select/node_placer.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct node_placer {
	uint64_t generation;
	uint32_t nnodes;
	const struct node *nodes;
	bool many;                      /* more kinds than the tables have */
	struct node_kinds kinds;
	uint64_t lesson;
	struct node_value *value;       /* NULL: no lesson yet */
	struct node_index *index;       /* NULL: few nodes, or nobody asked yet */
};

static void reset(struct node_placer *p, uint32_t nnodes, const struct node *nodes)
{
	struct node_kinds before = p->kinds;

	p->index = node_index_free(p->index);
	p->nnodes = nnodes;
	p->nodes = nodes;
	p->many = node_kinds_of(nnodes, nodes, &p->kinds);
	if (p->many)
		p->kinds.n = 0;
	if (memcmp(&before, &p->kinds, sizeof(before))) {       /* the value is about the kinds */
		p->value = node_value_free(p->value);
		p->lesson = 0;
	}
}

struct node_placer *node_placer_new(uint32_t nnodes, const struct node *nodes)
{
	struct node_placer *p = mem_alloc(sizeof(*p));

	reset(p, nnodes, nodes);
	return p;
}

struct node_placer *node_placer_free(struct node_placer *p)
{
	if (!p)
		return NULL;
	node_index_free(p->index);
	node_value_free(p->value);
	free(p);
	return NULL;
}

void node_placer_follow(struct node_placer *p, uint64_t generation, uint32_t nnodes,
		   const struct node *nodes)
{
	if (p->generation == generation && p->nnodes == nnodes && p->nodes == nodes)
		return;
	p->generation = generation;
	reset(p, nnodes, nodes);
}

void node_placer_touch(struct node_placer *p, uint32_t i)
{
	if (p->index)
		node_index_update(p->index, i);
}

void node_placer_forget(struct node_placer *p)
{
	p->index = node_index_free(p->index);
}

const struct node_kinds *node_placer_kinds(const struct node_placer *p)
{
	return p->many ? NULL : &p->kinds;
}

uint64_t node_placer_lesson(const struct node_placer *p)
{
	return p->lesson;
}

void node_placer_learn(struct node_placer *p, const struct node_mix *mix, uint64_t lesson)
{
	struct node_value *old = p->value;

	p->lesson = lesson;
	if (!p->kinds.n)
		return;                 /* no devices: all room is worth the same */
	p->value = node_value_new(&p->kinds, mix);
	if (p->index)
		node_index_learn(p->index, p->value);
	node_value_free(old);
}

static struct node_index *index_of(struct node_placer *p)
{
	assert(!p->many);
	if (!p->index && p->nnodes >= NODE_PLACER_INDEX_MIN)
		p->index = node_index_new(p->nnodes, p->nodes, &p->kinds, p->value);
	return p->index;
}

/* ---- several nodes ---- */

struct ranked {
	uint64_t rank;
	uint32_t node;
};

static bool worse(const struct ranked *a, const struct ranked *b)
{
	return a->rank != b->rank ? a->rank > b->rank : a->node > b->node;
}

/* A heap with the worst on top, of the best seen so far. */
static void heap_sink(struct ranked *h, uint32_t n, struct ranked r)
{
	uint32_t i = 0;

	for (;;) {
		uint32_t c = 2 * i + 1;

		if (c + 1 < n && worse(&h[c + 1], &h[c]))
			c++;
		if (c >= n || !worse(&h[c], &r))
			break;
		h[i] = h[c];
		i = c;
	}
	h[i] = r;
}

static void heap_rise(struct ranked *h, uint32_t i, struct ranked r)
{
	while (i && worse(&r, &h[(i - 1) / 2])) {
		h[i] = h[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	h[i] = r;
}

static int by_node(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	return (x->node > y->node) - (x->node < y->node);
}

/* The n best nodes into h, ascending; returns how many there were. */
static uint32_t best_of(struct node_placer *p, const struct node_ask *ask, uint32_t n, struct ranked *h)
{
	struct node_index *x = index_of(p);
	const struct row *row = x ? node_index_row(x, ask) : NULL;
	uint32_t got = 0;

	for (uint32_t i = 0; i < p->nnodes; i++) {
		struct ranked r = { .node = i };

		r.rank = x ? node_index_rank(x, row, i)
			   : node_rank(&p->nodes[i], &p->kinds, p->value, ask);
		if (r.rank == NODE_RANK_NEVER)
			continue;
		if (got < n)
			heap_rise(h, got++, r);
		else if (worse(&h[0], &r))
			heap_sink(h, n, r);
	}
	qsort(h, got, sizeof(*h), by_node);
	return got;
}

static int find_gang(struct node_placer *p, const struct node_ask *ask, uint32_t n,
		     struct node_choice *ret)
{
	_cleanup_(mem_freep) struct ranked *h = mem_array(n, sizeof(*h));

	if (best_of(p, ask, n, h) < n)
		return 1;
	for (uint32_t i = 0; i < n; i++)
		node_choose(&p->nodes[h[i].node], h[i].node, &p->kinds, p->value, ask, &ret[i]);
	return 0;
}

int node_placer_find(struct node_placer *p, const struct node_ask *ask, uint32_t n,
		struct node_choice *ret)
{
	struct node_index *x = index_of(p);

	if (n > p->nnodes)
		return 1;
	if (n > 1)
		return find_gang(p, ask, n, ret);
	return x ? node_index_find(x, ask, ret)
		 : node_scan(p->nnodes, p->nodes, &p->kinds, p->value, ask, ret);
}

bool node_placer_room(struct node_placer *p, const struct node_ask *ask)
{
	struct node_choice c;

	return !node_placer_find(p, ask, 1, &c);
}

void node_placer_size(const struct node_placer *p, struct node_index_size *ret)
{
	*ret = (struct node_index_size){ .classes = 0 };
	if (p->index)
		node_index_size(p->index, ret);
}
