/* place.c - find room node by node
 *
 * Free capacity of the whole pool says nothing; only a node, or as many nodes as a gang has,
 * can take a task.  Which of those that fit is for node_placer.h to say.
 */

#include "select/part.h"

#include <stdlib.h>
#include <string.h>

void want_init_one(struct want *w, const struct accel_need *need, uint32_t cpu_milli,
		   uint32_t memory_mb, const struct catalogue *c)
{
	*w = (struct want){
		.need = need,
		.catalogue = c,
		.nodes = 1,
		.cpu_milli = cpu_milli,
		.memory_mb = memory_mb,
		.last_model = UINT32_MAX,
	};
	if (accel_need_empty(need))
		return;
	w->share_milli = 1000;
	if (need->count == 1 && need->share_milli)
		w->share_milli = need->share_milli;
}

void want_init(struct want *w, const struct task_spec *spec, const struct catalogue *c)
{
	want_init_one(w, &spec->accel, spec->cpu_milli, spec->memory_mb, c);
	w->nodes = spec->nodes ? spec->nodes : 1;
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

bool want_ask(struct want *w, const struct node_kinds *k, struct node_ask *ret)
{
	bool any = !w->share_milli;

	memset(ret, 0, sizeof(*ret));
	ret->cpu_milli = w->cpu_milli;
	ret->memory_mb = w->memory_mb;
	ret->share_milli = w->share_milli;
	for (uint32_t i = 0; w->share_milli && i < k->n; i++) {
		uint32_t n = want_devices(w, k->model[i]);

		ret->devices[i] = n <= NODE_ACCELS_MAX ? (uint8_t)n : 0;
		any |= ret->devices[i];
	}
	return any;
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

static uint16_t first_devices(struct want *w, const struct node *n)
{
	uint32_t k = want_devices(w, n->model);
	uint16_t bits = 0;

	for (uint32_t i = 0; w->share_milli && i < n->naccels && k; i++)
		if (n->accel_free_milli[i] >= w->share_milli) {
			bits |= (uint16_t)(1u << i);
			k--;
		}
	return bits;
}

/* A pool of more models than a placer tells apart: the first nodes that fit. */
static int first_fit(struct want *w, uint32_t nnodes, const struct node *nodes,
		     struct node_choice *ret)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < nnodes && n < w->nodes; i++)
		if (want_fits(w, &nodes[i]))
			ret[n++] = (struct node_choice){ .node = i,
							 .devices = first_devices(w, &nodes[i]) };
	return n < w->nodes;
}

static int choose(struct want *w, struct node_placer *pl, uint32_t nnodes, const struct node *nodes,
		  struct node_choice *ret)
{
	const struct node_kinds *k = node_placer_kinds(pl);
	struct node_ask ask;

	if (!k)
		return first_fit(w, nnodes, nodes, ret);
	if (!want_ask(w, k, &ask))
		return 1;
	return node_placer_find(pl, &ask, w->nodes, ret);
}

static bool all_fit(struct want *w, const struct node *nodes, const struct node_choice *c)
{
	for (uint32_t i = 0; i < w->nodes; i++)
		if (!want_fits(w, &nodes[c[i].node]))
			return false;
	return true;
}

int place_want(struct want *w, struct node_placer *pl, uint32_t nnodes, const struct node *nodes,
	       struct arena *arena, struct placement *ret)
{
	struct node_choice *c;
	struct place_node *at;

	if (w->nodes > nnodes || w->nodes > PLACE_NODES_MAX)
		return 1;
	c = arena_array(arena, w->nodes, sizeof(*c));
	if (choose(w, pl, nnodes, nodes, c))
		return 1;
	if (!all_fit(w, nodes, c)) {    /* an engine's nodes may change without our being told */
		node_placer_forget(pl);
		if (choose(w, pl, nnodes, nodes, c))
			return 1;
	}
	at = arena_array(arena, w->nodes, sizeof(*at));
	for (uint32_t i = 0; i < w->nodes; i++)
		at[i] = (struct place_node){ c[i].node, c[i].devices };
	*ret = (struct placement){
		.n = w->nodes,
		.nodes = at,
		.cpu_milli = w->cpu_milli,
		.memory_mb = w->memory_mb,
		.accel_milli = w->share_milli,
	};
	return 0;
}

int place_find(const struct task_spec *spec, const struct catalogue *c, uint32_t nnodes,
	       const struct node *nodes, struct arena *arena, struct placement *ret)
{
	struct node_placer *pl = node_placer_new(nnodes, nodes);
	struct want w;
	int r;

	want_init(&w, spec, c);
	r = place_want(&w, pl, nnodes, nodes, arena, ret);
	node_placer_free(pl);
	return r;
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
