/* pool.c - who may use a pool, how far it is, and what is free on it */

#include "domain/pool.h"

#include "base/mem.h"
#include "base/region.h"
#include "domain/pool_seen.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct pool *pool_free(struct pool *p)
{
	if (!p)
		return NULL;
	for (uint32_t i = 0; i < p->nholds; i++)
		free(p->holds[i].place.nodes);
	free(p->holds);
	free(p->prices);
	free(p->nodes);
	free(p->others);
	free(p->busy);
	arena_done(&p->arena);
	free(p);
	return NULL;
}

bool pool_admits(const struct pool *p, const char *tenant)
{
	for (uint32_t i = 0; i < p->nadmits; i++)
		if (!strcmp(p->admits[i], tenant))
			return true;
	return p->nadmits == 0;
}

/* A link that is as specific as the pool's own region was declared on purpose and wins. */
const struct pool_link *pool_link_to(const struct pool *p, const char *region)
{
	/* Within one site: no distance, and the 10 Gbit/s that its servers usually have. */
	static const struct pool_link own = { .region = "", .latency_ms = 0, .mbps = 10000 };
	const struct pool_link *best = NULL;
	size_t best_len = 0;

	if (!region)
		return NULL;
	if (region_within(region, p->region)) {
		best = &own;
		best_len = strlen(p->region);
	}
	for (uint32_t i = 0; i < p->nlinks; i++) {
		size_t len = strlen(p->links[i].region);

		if (len >= best_len && region_within(region, p->links[i].region)) {
			best = &p->links[i];
			best_len = len;
		}
	}
	return best;
}

static bool node_can_hold(const struct node *n, const struct placement *place, unsigned accels)
{
	if (n->cpu_free_milli < place->cpu_milli || n->memory_free_mb < place->memory_mb)
		return false;
	if (accels >> n->naccels)
		return false;
	for (unsigned i = 0; i < n->naccels; i++)
		if (accels >> i & 1 && n->accel_free_milli[i] < place->accel_milli)
			return false;
	return true;
}

static void node_take(struct node *n, const struct placement *place, unsigned accels)
{
	n->cpu_free_milli -= place->cpu_milli;
	n->memory_free_mb -= place->memory_mb;
	for (unsigned i = 0; i < n->naccels; i++) {
		uint16_t *left = &n->accel_free_milli[i];

		if (accels >> i & 1)
			*left = (uint16_t)(*left - place->accel_milli);
	}
}

static void node_give(struct node *n, const struct placement *place, unsigned accels)
{
	n->cpu_free_milli += place->cpu_milli;
	n->memory_free_mb += place->memory_mb;
	assert(n->cpu_free_milli <= n->cpu_milli && n->memory_free_mb <= n->memory_mb);
	for (unsigned i = 0; i < n->naccels; i++) {
		uint16_t *left = &n->accel_free_milli[i];

		if (accels >> i & 1)
			*left = (uint16_t)(*left + place->accel_milli);
		assert(*left <= 1000);
	}
}

/* Taken for a moment and given back, so that a placement that names a node twice is seen. */
bool pool_can_hold(const struct pool *p, const struct placement *place)
{
	bool fits = true;
	uint32_t done = 0;

	if (p->told)
		return true;
	for (; fits && done < place->n; done++) {
		const struct place_node *at = &place->nodes[done];

		fits = at->node < p->nnodes &&
		       node_can_hold(&p->nodes[at->node], place, at->accels);
		if (!fits)
			break;
		node_take(&p->nodes[at->node], place, at->accels);
	}
	while (done-- > 0)
		node_give(&p->nodes[place->nodes[done].node], place, place->nodes[done].accels);
	return fits;
}

/* The table is kept by expected end, so that select/ walks it in the order room comes free. */
static struct pool_hold *hold_slot(struct pool *p, int64_t end_p50_ms)
{
	uint32_t i = p->nholds;

	if (p->nholds == p->holds_cap) {
		p->holds_cap = p->holds_cap ? p->holds_cap * 2 : 8;
		p->holds = mem_grow(p->holds, p->holds_cap, sizeof(*p->holds));
	}
	while (i > 0 && p->holds[i - 1].end_p50_ms > end_p50_ms)
		i--;
	memmove(&p->holds[i + 1], &p->holds[i], (p->nholds - i) * sizeof(*p->holds));
	p->nholds++;
	return &p->holds[i];
}

void pool_hold(struct pool *p, uint64_t task, int64_t end_p50_ms, int64_t end_p90_ms,
	       const struct placement *place)
{
	struct pool_hold *h;

	for (uint32_t i = 0; !p->told && i < place->n; i++) {
		const struct place_node *at = &place->nodes[i];

		assert(at->node < p->nnodes);
		assert(node_can_hold(&p->nodes[at->node], place, at->accels));
		node_take(&p->nodes[at->node], place, at->accels);
	}
	h = hold_slot(p, end_p50_ms);
	*h = (struct pool_hold){ .task = task, .end_p50_ms = end_p50_ms,
				 .end_p90_ms = end_p90_ms, .place = *place };
	h->place.nodes = mem_array(place->n, sizeof(*place->nodes));
	if (place->n)
		memcpy(h->place.nodes, place->nodes, place->n * sizeof(*place->nodes));
	p->nahead += place->ahead;
	if (p->told)
		pool_recount(p);
}

void pool_release(struct pool *p, uint64_t task)
{
	struct pool_hold *h = NULL;

	for (uint32_t i = 0; !h && i < p->nholds; i++)
		if (p->holds[i].task == task)
			h = &p->holds[i];
	if (!h)
		return;
	p->nahead -= h->place.ahead;
	for (uint32_t i = 0; !p->told && i < h->place.n; i++) {
		const struct place_node *at = &h->place.nodes[i];

		node_give(&p->nodes[at->node], &h->place, at->accels);
	}
	free(h->place.nodes);
	p->nholds--;
	memmove(h, h + 1, (size_t)(p->holds + p->nholds - h) * sizeof(*h));
	if (p->told)
		pool_recount(p);
}

const struct placement *pool_held(const struct pool *p, uint64_t task)
{
	for (uint32_t i = 0; i < p->nholds; i++)
		if (p->holds[i].task == task)
			return &p->holds[i].place;
	return NULL;
}

void pool_totals(const struct pool *p, struct pool_totals *ret)
{
	struct pool_totals t = { .nodes = p->nnodes };

	for (uint32_t i = 0; i < p->nnodes; i++) {
		const struct node *n = &p->nodes[i];

		t.cpu_milli += n->cpu_milli;
		t.memory_mb += n->memory_mb;
		t.accels += n->naccels;
		if (n->down) {
			t.nodes_down++;
			continue;       /* what nobody can use is not free */
		}
		t.cpu_free_milli += n->cpu_free_milli;
		t.memory_free_mb += n->memory_free_mb;
		for (unsigned k = 0; k < n->naccels; k++)
			t.accels_free += n->accel_free_milli[k] == 1000;
	}
	*ret = t;
}

/* Whole characters: half of one would be no text for JSON. */
static void put_words(char *out, size_t size, const char *words)
{
	size_t n = words ? strlen(words) : 0;

	if (n >= size)
		for (n = size - 1; n && ((unsigned char)words[n] & 0xc0) == 0x80; n--)
			;
	memmove(out, words ? words : "", n);
	out[n] = '\0';
}

bool pool_stale(const struct pool *p, int64_t now_ms)
{
	int64_t fresh_ms = (int64_t)p->fresh_s * 1000;

	if (!p->nnodes && !p->seen_ms)
		return true;
	return fresh_ms && (now_ms - p->seen_ms > fresh_ms || p->seen_ms - now_ms > fresh_ms);
}

void pool_because(struct pool *p, const char *why, const char *why_zh)
{
	put_words(p->why, sizeof(p->why), why);
	put_words(p->why_zh, sizeof(p->why_zh), why_zh);
}
