/* pool_seen.c - the machines of a pool as its engine sees them, and what is free on them */

#include "domain/pool_seen.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* What others use of each node. */
struct pool_others {
	uint32_t n;
	struct pool_use {
		uint32_t cpu_milli, memory_mb;
		uint8_t accels;
	} use[];
};

static uint32_t less(uint32_t a, uint32_t b)
{
	return a > b ? a - b : 0;
}

/* Devices are only counted: which ones a run got is known on its node alone. */
static void take_devices(struct node *n, unsigned count, uint32_t milli)
{
	for (unsigned i = 0; i < n->naccels && count; i++)
		if (n->accel_free_milli[i] >= milli) {
			n->accel_free_milli[i] = (uint16_t)(n->accel_free_milli[i] - milli);
			count--;
		}
	for (unsigned i = 0; i < n->naccels && count; i++)
		if (n->accel_free_milli[i]) {
			n->accel_free_milli[i] = 0;
			count--;
		}
}

static void take(struct pool *p, const struct placement *place)
{
	for (uint32_t i = 0; i < place->n; i++) {
		struct node *n = place->nodes[i].node < p->nnodes ? &p->nodes[place->nodes[i].node]
								  : NULL;

		if (!n)
			continue;
		n->cpu_free_milli = less(n->cpu_free_milli, place->cpu_milli);
		n->memory_free_mb = less(n->memory_free_mb, place->memory_mb);
		take_devices(n, (unsigned)__builtin_popcount(place->nodes[i].accels),
			     place->accel_milli);
	}
}

void pool_recount(struct pool *p)
{
	p->generation++;
	for (uint32_t i = 0; i < p->nnodes; i++) {
		struct node *n = &p->nodes[i];
		const struct pool_use *u = &p->others->use[i];

		n->cpu_free_milli = less(n->cpu_milli, u->cpu_milli);
		n->memory_free_mb = less(n->memory_mb, u->memory_mb);
		for (unsigned k = 0; k < n->naccels; k++)
			n->accel_free_milli[k] = 1000;
		take_devices(n, u->accels, 1000);
	}
	for (uint32_t i = 0; i < p->nholds; i++)
		if (!p->holds[i].place.ahead)
			take(p, &p->holds[i].place);
}

static bool see_node(const struct pool_seen_node *s, const struct catalogue *c, struct node *n,
		     struct pool_use *u)
{
	*n = (struct node){
		.cpu_milli = s->cpu_milli, .memory_mb = s->memory_mb, .model = ACCEL_NONE,
		.down = s->down,
	};
	*u = (struct pool_use){ s->cpu_used_milli, s->memory_used_mb, s->accels_used };
	if (!s->accel)
		return true;
	n->model = catalogue_find(c, s->accel);
	if (n->model == ACCEL_NONE)
		return false;
	n->naccels = s->naccels < NODE_ACCELS_MAX ? s->naccels : NODE_ACCELS_MAX;
	return true;
}

static int by_end(const void *a, const void *b)
{
	const struct pool_busy *x = a, *y = b;

	return x->end_p50_ms < y->end_p50_ms ? -1 : x->end_p50_ms > y->end_p50_ms;
}

static void see_queue(struct pool *p, const struct pool_seen *s)
{
	free(p->busy);
	p->busy = mem_array(s->nbusy + 1, sizeof(*p->busy));
	if (s->nbusy)
		memcpy(p->busy, s->busy, s->nbusy * sizeof(*p->busy));
	p->nbusy = s->nbusy;
	qsort(p->busy, p->nbusy, sizeof(*p->busy), by_end);
	p->queue_max = s->queue_max;
	p->ahead_s = s->ahead_s;
	p->queue_cpu_ms = s->queue_cpu_ms;
	p->queue_start_ms = s->queue_start_ms;
}

unsigned pool_see(struct pool *p, const struct pool_seen *s, const struct catalogue *c)
{
	uint32_t n = s->nnodes < POOL_NODES_MAX ? s->nnodes : POOL_NODES_MAX;
	unsigned unknown = 0;

	free(p->others);
	p->others = mem_alloc(sizeof(*p->others) + n * sizeof(p->others->use[0]));
	p->others->n = n;
	p->nodes = mem_grow(p->nodes, n + 1, sizeof(*p->nodes));
	p->nnodes = n;
	for (uint32_t i = 0; i < n; i++) {
		unknown += !see_node(&s->nodes[i], c, &p->nodes[i], &p->others->use[i]);
		if (p->nodes[i].model != ACCEL_NONE && !strcmp(p->chip, "cpu"))
			p->chip = c->models[p->nodes[i].model].name;
	}
	see_queue(p, s);
	pool_recount(p);
	return unknown;
}

void pool_begun(struct pool *p, uint64_t task, const uint32_t *nodes, uint32_t n)
{
	struct pool_hold *h = NULL;

	for (uint32_t i = 0; p->told && !h && i < p->nholds; i++)
		if (p->holds[i].task == task)
			h = &p->holds[i];
	if (!h)
		return;
	p->nahead -= h->place.ahead;
	h->place.ahead = false;
	for (uint32_t i = 0; i < n && i < h->place.n; i++)
		h->place.nodes[i].node = nodes[i];
	pool_recount(p);
}
