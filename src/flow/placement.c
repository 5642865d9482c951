/* placement.c - what placement goes by: a placer beside each pool, and the demand they learn
 *
 * The demand is counted from submissions, live and on replay.  Each lesson is a record of the
 * node, so that after a restart placement goes by the same mix, although older submissions
 * are not read again:
 *
 *	DEMAND   {"shapes":[{"cpu_milli":4000,"memory_mb":8192,"accelerators":{…},"count":17},…]}
 */

#include "flow/state.h"

#include "base/mem.h"
#include "base/rng.h"
#include "domain/wire.h"

#include <stdlib.h>

void placement_init(struct flow *f)
{
	f->demand = demand_new();
	f->shortlists = shortlists_new();
	f->makes = mem_array(f->c.npools, sizeof(*f->makes));
	f->placers = mem_array(f->c.npools, sizeof(*f->placers));
	for (uint32_t i = 0; i < f->c.npools; i++)
		f->placers[i] = node_placer_new(f->c.pools[i]->nnodes, f->c.pools[i]->nodes);
}

void placement_done(struct flow *f)
{
	for (uint32_t i = 0; f->placers && i < f->c.npools; i++)
		node_placer_free(f->placers[i]);
	free(f->placers);
	free(f->makes);
	shortlists_free(f->shortlists);
	demand_free(f->demand);
}

/* Where the engine tells the nodes all of them are counted anew: another generation. */
static void touch(struct flow *f, const struct pool *p, const struct placement *place)
{
	for (uint32_t i = 0; !p->told && i < place->n; i++)
		node_placer_touch(f->placers[p->id], place->nodes[i].node);
}

void placement_hold(struct flow *f, struct pool *p, uint64_t task, int64_t end_p50_ms,
		    int64_t end_p90_ms, const struct placement *place)
{
	pool_hold(p, task, end_p50_ms, end_p90_ms, place);
	touch(f, p, place);
}

void placement_release(struct flow *f, struct pool *p, uint64_t task)
{
	const struct placement *held = pool_held(p, task);
	struct placement place;

	if (!held)
		return;
	place = *held;
	place.nodes = mem_array(held->n, sizeof(*place.nodes));
	for (uint32_t i = 0; i < place.n; i++)
		place.nodes[i] = held->nodes[i];
	pool_release(p, task);
	touch(f, p, &place);
	free(place.nodes);
}

void placement_pool_changed(struct flow *f, struct pool *p)
{
	p->generation++;
	f->generation++;
}

/* Of everything about nodes that does not depend on what is free or up. */
static uint64_t make_of(const struct pool *p)
{
	uint64_t h = p->nnodes;

	for (uint32_t i = 0; i < p->nnodes; i++) {
		const struct node *n = &p->nodes[i];

		h = rng_mix(h, (uint64_t)n->cpu_milli << 32 | n->memory_mb);
		h = rng_mix(h, (uint64_t)n->model << 8 | n->naccels);
	}
	return h;
}

void placement_nodes_told(struct flow *f, struct pool *p)
{
	uint64_t make = make_of(p);

	if (make == f->makes[p->id])
		return;
	f->makes[p->id] = make;
	placement_pool_changed(f, p);
}

/* ---- lessons ---- */

static json_t *lesson_json(const struct demand_table *t, const struct catalogue *c)
{
	json_t *shapes = json_array();

	for (uint32_t i = 0; i < t->n; i++) {
		const struct demand_shape *s = &t->shapes[i];
		json_t *shape = json_object();

		wire_put_int(shape, "cpu_milli", s->cpu_milli);
		wire_put_int(shape, "memory_mb", s->memory_mb);
		if (!accel_need_empty(&s->accel))
			wire_put(shape, "accelerators", accel_need_json(&s->accel, c));
		wire_put_int(shape, "count", (int64_t)s->count);
		wire_append(shapes, shape);
	}
	return json_pack("{s:o}", "shapes", shapes);
}

static int shape_decode(const struct flow *f, json_t *json, struct demand_shape *ret)
{
	struct demand_shape s = { 0 };
	struct err err = { 0 };
	struct arena arena;
	uint64_t count = 0;
	struct dec d;

	arena_init(&arena);
	dec_begin(&d, json, "", NULL, &arena, &err);
	dec_u32(&d, "cpu_milli", DEC_NEED, 0, UINT32_MAX, &s.cpu_milli);
	dec_u32(&d, "memory_mb", DEC_NEED, 0, UINT32_MAX, &s.memory_mb);
	dec_accel_need(&d, "accelerators", f->c.catalogue, &s.accel);
	dec_u64(&d, "count", DEC_NEED, 1, INT64_MAX, &count);
	s.count = count;
	if (!dec_end(&d))
		*ret = s;
	arena_done(&arena);
	return d.r;
}

/* A shape of which a chip has left the catalogue since is no longer asked for. */
int placement_apply(struct flow *f, const struct record *r)
{
	struct demand_table *t = mem_alloc(sizeof(*t));
	json_t *shape;
	size_t i;

	json_array_foreach(json_object_get(r->doc, "shapes"), i, shape) {
		if (t->n < NODE_MIX_MAX && !shape_decode(f, shape, &t->shapes[t->n]))
			t->total += t->shapes[t->n++].count;
	}
	demand_teach(f->demand, t);
	free(t);
	return 0;
}

void placement_lesson(struct flow *f)
{
	struct record r = { .kind = RECORD_DEMAND };
	struct demand_table *t;

	if (!demand_due(f->demand))
		return;
	t = mem_alloc(sizeof(*t));
	demand_lesson(f->demand, t);
	r.doc = lesson_json(t, f->c.catalogue);
	flow_commit(f, &r);
	json_decref(r.doc);
	free(t);
}
