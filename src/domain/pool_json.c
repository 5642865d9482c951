/* pool_json.c - a pool as the API shows it: the words of its declaration, and its state
 *
 * The engine's own options stay out: they may name files and addresses of the owner's.
 */

#include "domain/pool.h"

#include "base/clock.h"
#include "base/text.h"
#include "domain/wire.h"

static void put_yuan(json_t *obj, const char *key, int64_t micro)
{
	char text[32];

	wire_put_str(obj, key, text_yuan(micro, text));
}

static json_t *declared_price(const struct pool *p)
{
	json_t *obj = json_object();

	put_yuan(obj, "cpu_hour", p->cpu_hour_micro);
	put_yuan(obj, "accelerator_hour", p->accel_hour_micro);
	return obj;
}

static json_t *carbon_json(const struct pool *p)
{
	bool same = true;
	json_t *list;

	for (unsigned h = 1; h < 24; h++)
		same &= p->carbon_g_kwh[h] == p->carbon_g_kwh[0];
	if (same)
		return json_integer(p->carbon_g_kwh[0]);
	list = json_array();
	for (unsigned h = 0; h < 24; h++)
		wire_append(list, json_integer(p->carbon_g_kwh[h]));
	return list;
}

static json_t *admits_json(const struct pool *p)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < p->nadmits; i++)
		wire_append(list, json_string(p->admits[i]));
	return list;
}

static json_t *links_json(const struct pool *p)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < p->nlinks; i++) {
		json_t *obj = json_object();

		wire_put_str(obj, "region", p->links[i].region);
		wire_put_int(obj, "latency_ms", p->links[i].latency_ms);
		wire_put_int(obj, "mbps", p->links[i].mbps);
		wire_append(list, obj);
	}
	return list;
}

static bool alike(const struct node *a, const struct node *b)
{
	return a->cpu_milli == b->cpu_milli && a->memory_mb == b->memory_mb &&
	       a->model == b->model && a->naccels == b->naccels;
}

static json_t *group_json(const struct node *n, uint32_t count, const struct catalogue *c)
{
	json_t *obj = json_object(), *devices;

	wire_put_int(obj, "count", count);
	wire_put(obj, "cpus", wire_milli(n->cpu_milli));
	wire_put_int(obj, "memory_mb", n->memory_mb);
	if (n->naccels && n->model != ACCEL_NONE) {
		devices = json_object();
		wire_put_str(devices, "model", c->models[n->model].name);
		wire_put_int(devices, "count", n->naccels);
		wire_put(obj, "accelerators", devices);
	}
	return obj;
}

/* Neighbours that are alike are one group again. */
static json_t *groups_json(const struct pool *p, const struct catalogue *c)
{
	json_t *list = json_array();

	for (uint32_t i = 0, from = 0; i < p->nnodes; from = i) {
		while (i < p->nnodes && alike(&p->nodes[i], &p->nodes[from]))
			i++;
		wire_append(list, group_json(&p->nodes[from], i - from, c));
	}
	return list;
}

static json_t *whole_or_milli(uint64_t milli)
{
	return milli % 1000 ? json_real((double)milli / 1000)
			    : json_integer((json_int_t)(milli / 1000));
}

static json_t *state_json(const struct pool *p)
{
	json_t *obj = json_object();
	struct pool_totals t;
	char when[CLOCK_TEXT_MAX];

	pool_totals(p, &t);
	wire_put(obj, "drained", json_boolean(p->drained));
	wire_put(obj, "down", json_boolean(p->down));
	wire_put(obj, "stale", json_boolean(p->stale));
	wire_put_str(obj, "why", p->why[0] ? p->why : NULL);
	wire_put_str(obj, "why_zh", p->why_zh[0] ? p->why_zh : NULL);
	wire_put_str(obj, "seen", p->seen_ms ? clock_format(p->seen_ms, when) : NULL);
	wire_put_int(obj, "runs", p->nholds);
	wire_put_int(obj, "nodes", t.nodes);
	wire_put_int(obj, "nodes_down", t.nodes_down);
	wire_put(obj, "cpus", whole_or_milli(t.cpu_milli));
	wire_put(obj, "cpus_free", whole_or_milli(t.cpu_free_milli));
	wire_put_int(obj, "memory_mb", (int64_t)t.memory_mb);
	wire_put_int(obj, "memory_free_mb", (int64_t)t.memory_free_mb);
	wire_put_int(obj, "accelerators", t.accels);
	wire_put_int(obj, "accelerators_free", t.accels_free);
	return obj;
}

static void put_who(json_t *obj, const struct pool *p)
{
	static const char *const images[] = { "none", "host", "run" };

	wire_put_str(obj, "name", p->name);
	wire_put_str(obj, "title", p->title);
	wire_put_str(obj, "title_zh", p->title_zh);
	wire_put_str(obj, "tier", p->tier == TIER_EDGE ? "edge" : "centre");
	wire_put_str(obj, "region", p->region);
	wire_put_str(obj, "owner", p->owner);
	wire_put_str(obj, "engine", p->engine);
	wire_put(obj, "clearance", level_json(p->clearance));
	if (p->nadmits)
		wire_put(obj, "admits", admits_json(p));
	wire_put_str(obj, "images", images[p->images]);
}

json_t *pool_json(const struct pool *p, const struct catalogue *c)
{
	json_t *obj = json_object();
	char text[32];

	put_who(obj, p);
	wire_put(obj, "price", declared_price(p));
	wire_put(obj, "pue", wire_milli(p->pue_milli));
	wire_put(obj, "carbon_g_kwh", carbon_json(p));
	wire_put(obj, "green_share", wire_milli(p->green_milli));
	wire_put(obj, "cpu_watts", wire_milli(p->cpu_milliwatt));
	wire_put(obj, "speed", wire_milli(p->speed_milli));
	if (p->walltime_max_s)
		wire_put_str(obj, "walltime_max", text_duration(p->walltime_max_s, text));
	wire_put_int(obj, "fresh_s", p->fresh_s);
	wire_put(obj, "links", links_json(p));
	wire_put(obj, "groups", groups_json(p, c));
	wire_put(obj, "state", state_json(p));
	return obj;
}
