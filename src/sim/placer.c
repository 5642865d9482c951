/* placer.c - the nodes of a trace and the policy that fills them */

#include "sim/placer.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void placer_init(struct placer *p, const struct trace *t, enum baseline_kind kind, bool learn,
		 uint64_t seed)
{
	*p = (struct placer){ .trace = t, .learn = learn, .lesson = node_mix_next(0) };
	p->nodes = mem_array(t->nnodes, sizeof(*p->nodes));
	memcpy(p->nodes, t->nodes, t->nnodes * sizeof(*p->nodes));
	p->mix = mem_alloc(sizeof(*p->mix));
	if (!learn)
		trace_mix(t, p->mix);
	if (kind) {
		p->baseline = baseline_new(kind, t->nnodes, p->nodes, &t->kinds, p->mix, seed);
		return;
	}
	p->ours = node_placer_new(t->nnodes, p->nodes);
	if (!learn)
		node_placer_learn(p->ours, p->mix, 1);
}

void placer_done(struct placer *p)
{
	baseline_free(p->baseline);
	node_placer_free(p->ours);
	free(p->nodes);
	free(p->mix);
}

void placer_saw(struct placer *p, const struct node_ask *ask)
{
	if (!p->learn)
		return;
	node_mix_add(p->mix, ask);
	if (p->mix->total < p->lesson)
		return;
	node_mix_fade(p->mix);
	p->lesson = node_mix_next(p->mix->total);
	if (p->ours)
		node_placer_learn(p->ours, p->mix, 1);
}

int placer_find(struct placer *p, const struct node_ask *ask, struct node_choice *ret)
{
	if (p->baseline)
		return baseline_find(p->baseline, ask, ret);
	return node_placer_find(p->ours, ask, 1, ret);
}

void placer_take(struct placer *p, const struct node_ask *ask, const struct node_choice *c)
{
	struct node *n = &p->nodes[c->node];

	assert(n->cpu_free_milli >= ask->cpu_milli && n->memory_free_mb >= ask->memory_mb);
	n->cpu_free_milli -= ask->cpu_milli;
	n->memory_free_mb -= ask->memory_mb;
	for (uint32_t i = 0; i < n->naccels; i++)
		if (c->devices >> i & 1) {
			assert(n->accel_free_milli[i] >= ask->share_milli);
			n->accel_free_milli[i] -= (uint16_t)ask->share_milli;
		}
	if (p->baseline)
		baseline_placed(p->baseline, ask, c->node);
	else
		node_placer_touch(p->ours, c->node);
}

void placer_give(struct placer *p, const struct node_ask *ask, const struct node_choice *c)
{
	struct node *n = &p->nodes[c->node];

	n->cpu_free_milli += ask->cpu_milli;
	n->memory_free_mb += ask->memory_mb;
	assert(n->cpu_free_milli <= n->cpu_milli && n->memory_free_mb <= n->memory_mb);
	for (uint32_t i = 0; i < n->naccels; i++)
		if (c->devices >> i & 1) {
			n->accel_free_milli[i] += (uint16_t)ask->share_milli;
			assert(n->accel_free_milli[i] <= DEVICE_MILLI);
		}
	if (p->baseline)
		baseline_left(p->baseline, ask, c->node);
	else
		node_placer_touch(p->ours, c->node);
}
