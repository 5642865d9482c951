/* place.c - find room node by node
 *
 * Version 1 is best fit: of the nodes that fit, the one that is left with the least, its
 * accelerators counting before cpu and memory.  Free capacity of the whole pool says
 * nothing; only a node, or as many nodes as a gang has, can take a task.
 */

#include "select/part.h"

#include <assert.h>
#include <stdlib.h>

void want_init(struct want *w, const struct task_spec *spec, const struct catalogue *c)
{
	*w = (struct want){
		.need = &spec->accel,
		.catalogue = c,
		.nodes = spec->nodes ? spec->nodes : 1,
		.cpu_milli = spec->cpu_milli,
		.memory_mb = spec->memory_mb,
		.last_model = UINT32_MAX,
	};
	if (accel_need_empty(&spec->accel))
		return;
	w->share_milli = 1000;
	if (spec->accel.count == 1 && spec->accel.share_milli)
		w->share_milli = spec->accel.share_milli;
}

uint32_t want_devices(struct want *w, uint32_t model)
{
	if (!w->share_milli || model == ACCEL_NONE || !w->catalogue)
		return 0;
	if (model != w->last_model) {
		w->last_model = model;
		w->last_count = accel_need_count(w->need, w->catalogue, (uint16_t)model);
	}
	return w->last_count;
}

static uint32_t devices_free(const struct node *n, uint32_t milli)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < n->naccels; i++)
		k += n->accel_free_milli[i] >= milli;
	return k;
}

bool want_fits(struct want *w, const struct node *n)
{
	uint32_t k;

	if (n->down || n->cpu_free_milli < w->cpu_milli || n->memory_free_mb < w->memory_mb)
		return false;
	if (!w->share_milli)
		return true;
	k = want_devices(w, n->model);
	return k && k <= n->naccels && devices_free(n, w->share_milli) >= k;
}

static bool accel_fits_empty(struct want *w, const struct node *n)
{
	uint32_t k = want_devices(w, n->model);

	return !w->share_milli || (k && k <= n->naccels && w->share_milli <= 1000);
}

bool want_fits_empty(struct want *w, const struct node *n)
{
	return n->cpu_milli >= w->cpu_milli && n->memory_mb >= w->memory_mb &&
	       accel_fits_empty(w, n);
}

uint32_t want_room(struct want *w, uint32_t nnodes, const struct node *nodes)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < nnodes && k < w->nodes; i++)
		k += want_fits(w, &nodes[i]);
	return k;
}

/* Nodes of a group stand together and are of one make. */
static bool same_make(const struct node *a, const struct node *b)
{
	return a->cpu_milli == b->cpu_milli && a->memory_mb == b->memory_mb &&
		a->model == b->model && a->naccels == b->naccels;
}

/* Which figure is too large?  Cpu and memory are compared with the nodes whose
 * accelerators fit, if there are any: the cpus of other nodes are of no use. */
static uint32_t never_which(struct want *w, const struct pool *p)
{
	bool accel = false, cpu[2] = { 0 }, memory[2] = { 0 };

	for (uint32_t i = 0; i < p->nnodes; i++) {
		const struct node *n = &p->nodes[i];
		bool a;

		if (i && same_make(n, n - 1))
			continue;
		a = accel_fits_empty(w, n);
		accel |= a;
		cpu[a] |= n->cpu_milli >= w->cpu_milli;
		memory[a] |= n->memory_mb >= w->memory_mb;
	}
	return (accel ? 0 : REASON_BIT(REASON_ACCELERATOR)) |
	       (cpu[accel] ? 0 : REASON_BIT(REASON_CPU)) |
	       (memory[accel] ? 0 : REASON_BIT(REASON_MEMORY));
}

uint32_t place_never_want(struct want *w, const struct pool *p)
{
	uint32_t fit = 0, why = 0;
	bool fits = false;

	for (uint32_t i = 0; i < p->nnodes && fit < w->nodes; i++) {
		if (!i || !same_make(&p->nodes[i], &p->nodes[i - 1]))
			fits = want_fits_empty(w, &p->nodes[i]);
		fit += fits;
	}
	if (fit >= w->nodes && w->nodes <= PLACE_NODES_MAX)
		return 0;
	if (!fit && p->nnodes)
		why = never_which(w, p);
	/* No single figure is too large, or some nodes fit: then they are too few. */
	if (!why || p->nnodes < w->nodes || w->nodes > PLACE_NODES_MAX)
		why |= REASON_BIT(REASON_NODES);
	return why;
}

uint32_t place_never(const struct task_spec *spec, const struct catalogue *c, const struct pool *p)
{
	struct want w;

	want_init(&w, spec, c);
	return place_never_want(&w, p);
}

/* ---- which of the nodes that fit ---- */

/* The device of which least is left over; the lowest index on ties. */
static uint32_t tightest_device(const struct node *n, uint32_t milli)
{
	uint32_t best = UINT32_MAX;

	for (uint32_t i = 0; i < n->naccels; i++)
		if (n->accel_free_milli[i] >= milli &&
		    (best == UINT32_MAX || n->accel_free_milli[i] < n->accel_free_milli[best]))
			best = i;
	return best;
}

/* What is left of the accelerators, the part that counts first.  A task without
 * accelerators leaves the most on a node without any; where it must sit beside some, it
 * strands the fewest where the fewest are free. */
static uint64_t left_devices(const struct want *w, const struct node *n, uint32_t k)
{
	if (!w->share_milli)
		return n->naccels ? 1 + devices_free(n, 1) : 0;
	if (w->share_milli < 1000)
		return n->accel_free_milli[tightest_device(n, w->share_milli)] - w->share_milli;
	return devices_free(n, 1000) - k;
}

/* Smaller is better.  A cpu weighs as much as 4000 MB, as most servers are built. */
static uint64_t left_key(struct want *w, const struct node *n)
{
	uint64_t dev = left_devices(w, n, want_devices(w, n->model));
	uint64_t cpu = n->cpu_free_milli - w->cpu_milli;
	uint64_t memory = n->memory_free_mb - w->memory_mb;

	return dev << 48 | (cpu * 4 + memory);  /* < 2^35 */
}

static uint16_t pick_devices(struct want *w, const struct node *n)
{
	uint32_t k = want_devices(w, n->model);
	uint16_t bits = 0;

	if (!w->share_milli)
		return 0;
	if (w->share_milli < 1000)
		return (uint16_t)(1u << tightest_device(n, w->share_milli));
	for (uint32_t i = 0; i < n->naccels && k; i++)
		if (n->accel_free_milli[i] >= 1000) {
			bits |= (uint16_t)(1u << i);
			k--;
		}
	return bits;
}

struct ranked {
	uint64_t key;
	uint32_t node;
};

static bool worse(const struct ranked *a, const struct ranked *b)
{
	return a->key != b->key ? a->key > b->key : a->node > b->node;
}

/* A heap with the worst on top, of the best `cap` seen so far. */
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
	const struct place_node *x = a, *y = b;

	return x->node < y->node ? -1 : x->node > y->node;
}

static bool find_gang(struct want *w, uint32_t nnodes, const struct node *nodes,
		      struct arena *arena, struct place_node *ret)
{
	struct ranked *h;
	uint32_t n = 0;

	/* Counting first spares the heap, and the arena, where there is no room. */
	if (want_room(w, nnodes, nodes) < w->nodes)
		return false;
	h = arena_array(arena, w->nodes, sizeof(*h));
	for (uint32_t i = 0; i < nnodes; i++) {
		struct ranked r = { .node = i };

		if (!want_fits(w, &nodes[i]))
			continue;
		r.key = left_key(w, &nodes[i]);
		if (n < w->nodes)
			heap_rise(h, n++, r);
		else if (worse(&h[0], &r))
			heap_sink(h, n, r);
	}
	for (uint32_t i = 0; i < n; i++)
		ret[i].node = h[i].node;
	qsort(ret, n, sizeof(*ret), by_node);
	return true;
}

static bool find_one(struct want *w, uint32_t nnodes, const struct node *nodes,
		     struct place_node *ret)
{
	struct ranked best = { .key = UINT64_MAX, .node = UINT32_MAX };

	for (uint32_t i = 0; i < nnodes; i++) {
		struct ranked r = { .node = i };

		if (!want_fits(w, &nodes[i]))
			continue;
		r.key = left_key(w, &nodes[i]);
		if (worse(&best, &r))
			best = r;
	}
	ret->node = best.node;
	return best.node != UINT32_MAX;
}

int place_find(const struct task_spec *spec, const struct catalogue *c, uint32_t nnodes,
	       const struct node *nodes, struct arena *arena, struct placement *ret)
{
	struct place_node *at;
	struct want w;

	want_init(&w, spec, c);
	if (w.nodes > nnodes || w.nodes > PLACE_NODES_MAX)
		return 1;
	at = arena_array(arena, w.nodes, sizeof(*at));
	if (w.nodes == 1 ? !find_one(&w, nnodes, nodes, at)
			 : !find_gang(&w, nnodes, nodes, arena, at))
		return 1;
	for (uint32_t i = 0; i < w.nodes; i++)
		at[i].accels = pick_devices(&w, &nodes[at[i].node]);
	*ret = (struct placement){
		.n = w.nodes,
		.nodes = at,
		.cpu_milli = w.cpu_milli,
		.memory_mb = w.memory_mb,
		.accel_milli = w.share_milli,
	};
	return 0;
}

int place_ahead(const struct task_spec *spec, const struct catalogue *c, const struct pool *p,
		struct arena *arena, struct placement *ret)
{
	struct place_node *at;
	struct want w;
	uint32_t n = 0;

	want_init(&w, spec, c);
	if (w.nodes > p->nnodes || w.nodes > PLACE_NODES_MAX)
		return 1;
	at = arena_array(arena, w.nodes, sizeof(*at));
	for (uint32_t i = 0; i < p->nnodes && n < w.nodes; i++) {
		if (p->nodes[i].down || !want_fits_empty(&w, &p->nodes[i]))
			continue;
		at[n].node = i;
		at[n++].accels = (uint16_t)((1u << want_devices(&w, p->nodes[i].model)) - 1);
	}
	*ret = (struct placement){
		.n = n, .nodes = at, .cpu_milli = w.cpu_milli, .memory_mb = w.memory_mb,
		.accel_milli = w.share_milli, .ahead = true,
	};
	return n < w.nodes;
}
