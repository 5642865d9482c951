/* pool_decode.c - a pool as its owner declares it
 *
 *	name: hub                     clearance: 2 | important | core   (default 1: fails closed)
 *	title, title_zh: text         tier: centre | edge               (default centre)
 *	region: cn/64/640500          engine: local, fake …
 *	owner: text                   admits: [tenant, …]               (absent: every tenant)
 *	images: none | host | run     (default none)
 *	price: { cpu_hour: "0.12", accelerator_hour: "8.00" }           yuan, decimal text
 *	pue: 1.25                     carbon_g_kwh: 580 | [24 numbers]  by hour of the day, UTC
 *	green_share: 0.6              cpu_watts: 7
 *	speed: 1.0                    walltime_max: "24h"               (absent: no limit)
 *	fresh_s: 60                   (absent: its news never goes stale)
 *	links: [{ region: cn/50, latency_ms: 12, mbps: 1000 }]
 *	groups: [{ count: 4, cpus: 64, memory_mb: 262144,
 *		   accelerators: { model: a100-80-sxm, count: 8 } }]
 *	                              (absent: the engine tells its nodes, as slurm does)
 *	options: { … }                the engine's own
 */

#include "domain/pool.h"

#include "base/mem.h"
#include "base/text.h"
#include "domain/wire.h"

#include <string.h>

enum {
	GROUPS_MAX = 256,
	TITLE_MAX = 128,
	CPUS_MAX_MILLI = 4096000,       /* of one node; the largest servers have 1,920 threads */
	NODE_MEMORY_MAX_MB = 64 << 20,

	/* Two defaults that an operator should replace by their own figures.
	 *
	 * PUE: 1.5, the average that the national plan of 2024 wants for the end of 2025.
	 * Carbon: 580 g/kWh, about the grid factor of 0.5810 t/MWh that enterprises were
	 * told to report with for 2021 (Ministry of Ecology and Environment). */
	PUE_DEFAULT_MILLI = 1500,
	CARBON_DEFAULT_G = 580,

	/* Power of one busy cpu: an assumption too.  Published TDP by core of a usual server
	 * part: Intel Xeon Platinum 8380, 270 W / 40 cores = 6.75 W, rounded up. */
	CPU_DEFAULT_MILLIWATT = 7000,
};

static void decode_who(struct dec *d, struct pool *p)
{
	static const char *const tiers[] = { "", "centre", "edge", NULL };
	static const char *const images[] = { "none", "host", "run", NULL };
	unsigned tier = TIER_CENTRE, image = IMAGES_NONE;

	wire_str(d, "name", DEC_NEED, 63, wire_name, &p->name);
	p->title = p->name;
	wire_str(d, "title", DEC_OPT, TITLE_MAX, wire_printable, &p->title);
	p->title_zh = p->title;
	wire_str(d, "title_zh", DEC_OPT, TITLE_MAX, wire_printable, &p->title_zh);
	dec_enum(d, "tier", DEC_OPT, tiers, &tier);
	wire_str(d, "region", DEC_NEED, 120, wire_region, &p->region);
	p->owner = "";
	wire_str(d, "owner", DEC_OPT, TITLE_MAX, wire_printable, &p->owner);
	wire_str(d, "engine", DEC_NEED, 63, wire_name, &p->engine);
	p->clearance = LEVEL_1;
	dec_level(d, "clearance", DEC_OPT, &p->clearance);
	dec_enum(d, "images", DEC_OPT, images, &image);
	p->tier = (enum pool_tier)tier;
	p->images = (enum pool_images)image;
}

static void decode_admits(struct dec *d, struct pool *p)
{
	dec_strs(d, "admits", DEC_OPT, POOL_ADMITS_MAX, 63, &p->admits, &p->nadmits);
	for (uint32_t i = 0; i < p->nadmits; i++)
		if (!text_is_name(p->admits[i]))
			dec_fail(d, "admits", "must be a list of tenant names");
	if (p->admits && !p->nadmits)
		dec_fail(d, "admits", "must name a tenant; leave it out to admit everyone");
}

static void decode_price(struct dec *d, struct pool *p)
{
	const json_t *obj = dec_object(d, "price", DEC_OPT);
	struct dec c;

	if (!obj)
		return;
	wire_begin(&c, d, obj, dec_path(d, "price"));
	dec_price(&c, "cpu_hour", &p->cpu_hour_micro);
	dec_price(&c, "accelerator_hour", &p->accel_hour_micro);
	wire_end(&c, d);
}

static void decode_carbon(struct dec *d, struct pool *p)
{
	const json_t *v = dec_any(d, "carbon_g_kwh", DEC_OPT);

	for (unsigned h = 0; h < 24; h++) {
		const json_t *one = json_is_array(v) ? json_array_get(v, h) : v;
		json_int_t g = json_integer_value(one);

		p->carbon_g_kwh[h] = CARBON_DEFAULT_G;
		if (!v)
			continue;
		if ((json_is_array(v) && json_array_size(v) != 24) || !json_is_integer(one) ||
		    g < 0 || g > 2000) {
			dec_fail(d, "carbon_g_kwh",
				 "must be a whole number from 0 to 2000, or a list of 24 of them");
			return;
		}
		p->carbon_g_kwh[h] = (uint32_t)g;
	}
}

static void decode_figures(struct dec *d, struct pool *p)
{
	const char *limit = NULL;
	int64_t s = 0;

	p->pue_milli = PUE_DEFAULT_MILLI;
	p->cpu_milliwatt = CPU_DEFAULT_MILLIWATT;
	p->speed_milli = 1000;
	dec_milli(d, "pue", DEC_OPT, 1000, 5000, &p->pue_milli);
	decode_carbon(d, p);
	dec_milli(d, "green_share", DEC_OPT, 0, 1000, &p->green_milli);
	dec_milli(d, "cpu_watts", DEC_OPT, 0, 1000000, &p->cpu_milliwatt);
	dec_milli(d, "speed", DEC_OPT, 10, 100000, &p->speed_milli);
	dec_u32(d, "fresh_s", DEC_OPT, 0, 86400, &p->fresh_s);
	dec_str(d, "walltime_max", DEC_OPT, 1, 32, &limit);
	if (limit && (text_duration_parse(limit, &s) || s < 1 || s > UINT32_MAX))
		dec_fail(d, "walltime_max", "must be a duration such as \"24h\" or \"90m\"");
	p->walltime_max_s = (uint32_t)s;
}

static void decode_link(struct dec *d, const json_t *obj, size_t i, struct pool_link *l)
{
	struct dec c;

	wire_begin(&c, d, obj, dec_path_at(d, "links", i));
	wire_str(&c, "region", DEC_NEED, 120, wire_region, &l->region);
	dec_u32(&c, "latency_ms", DEC_NEED, 0, 60000, &l->latency_ms);
	l->mbps = POOL_MBPS_DEFAULT;
	dec_u32(&c, "mbps", DEC_OPT, 1, 10000000, &l->mbps);
	wire_end(&c, d);
}

static void decode_links(struct dec *d, struct pool *p)
{
	const json_t *list = dec_array(d, "links", DEC_OPT, POOL_LINKS_MAX), *v;
	struct pool_link *links;
	size_t i;

	if (!list)
		return;
	links = arena_array(d->arena, json_array_size(list), sizeof(*links));
	json_array_foreach(list, i, v) {
		decode_link(d, v, i, &links[i]);
		for (size_t k = 0; d->r == 0 && k < i; k++)
			if (!strcmp(links[k].region, links[i].region))
				dec_fail(d, "links", "the region %s is there twice",
					 links[i].region);
		if (d->r != 0)
			return;
	}
	p->links = links;
	p->nlinks = (uint32_t)json_array_size(list);
}

static void decode_devices(struct dec *d, const struct catalogue *cat, struct node *n)
{
	const json_t *obj = dec_object(d, "accelerators", DEC_OPT);
	const char *model = NULL;
	uint32_t count = 1;
	struct dec c;

	n->model = ACCEL_NONE;
	if (!obj)
		return;
	wire_begin(&c, d, obj, dec_path(d, "accelerators"));
	dec_str(&c, "model", DEC_NEED, 1, 63, &model);
	dec_u32(&c, "count", DEC_OPT, 1, NODE_ACCELS_MAX, &count);
	if (model)
		n->model = catalogue_find(cat, model);
	if (model && n->model == ACCEL_NONE)
		dec_fail(&c, "model", "is not in the accelerator catalogue");
	n->naccels = (uint8_t)count;
	wire_end(&c, d);
}

static void node_empty(struct node *n)
{
	n->cpu_free_milli = n->cpu_milli;
	n->memory_free_mb = n->memory_mb;
	for (unsigned i = 0; i < n->naccels; i++)
		n->accel_free_milli[i] = 1000;
}

static void add_nodes(struct pool *p, const struct node *like, uint32_t count)
{
	p->nodes = mem_grow(p->nodes, p->nnodes + count, sizeof(*p->nodes));
	for (uint32_t i = 0; i < count; i++)
		p->nodes[p->nnodes++] = *like;
}

static void decode_group(struct dec *d, const json_t *obj, size_t i, const struct catalogue *cat,
			 struct pool *p)
{
	struct node n = { .model = ACCEL_NONE };
	uint32_t count = 1;
	struct dec c;

	wire_begin(&c, d, obj, dec_path_at(d, "groups", i));
	dec_u32(&c, "count", DEC_OPT, 1, POOL_NODES_MAX, &count);
	dec_milli(&c, "cpus", DEC_NEED, 1, CPUS_MAX_MILLI, &n.cpu_milli);
	dec_u32(&c, "memory_mb", DEC_NEED, 1, NODE_MEMORY_MAX_MB, &n.memory_mb);
	decode_devices(&c, cat, &n);
	if (c.r == 0 && count > POOL_NODES_MAX - p->nnodes)
		dec_fail(&c, "count", "must not bring the pool above %d nodes", POOL_NODES_MAX);
	wire_end(&c, d);
	if (d->r != 0)
		return;
	node_empty(&n);
	add_nodes(p, &n, count);
	if (n.model != ACCEL_NONE && !strcmp(p->chip, "cpu"))
		p->chip = arena_strdup(&p->arena, cat->models[n.model].name);
}

static void decode_groups(struct dec *d, const struct catalogue *cat, struct pool *p)
{
	const json_t *list = dec_array(d, "groups", DEC_OPT, GROUPS_MAX), *v;
	size_t i;

	p->chip = "cpu";
	if (list && !json_array_size(list))
		dec_fail(d, "groups", "must have at least one group of nodes");
	if (!list || d->r != 0)
		return;
	json_array_foreach(list, i, v) {
		decode_group(d, v, i, cat, p);
		if (d->r != 0)
			return;
	}
}

int pool_decode(const json_t *json, const char *path, const struct json_lines *lines,
		const struct catalogue *c, struct pool **ret, struct err *err)
{
	struct pool *p = mem_alloc(sizeof(*p));
	const json_t *options;
	struct dec d;
	int r;

	arena_init(&p->arena);
	dec_begin(&d, json, path, lines, &p->arena, err);
	decode_who(&d, p);
	decode_admits(&d, p);
	decode_price(&d, p);
	decode_figures(&d, p);
	decode_links(&d, p);
	decode_groups(&d, c, p);
	options = dec_object(&d, "options", DEC_OPT);
	p->options_json = options ? wire_dump(&p->arena, options) : "{}";
	p->declared_clearance = p->clearance;
	r = dec_end(&d);
	if (r != 0) {
		pool_free(p);
		return r;
	}
	*ret = p;
	return 0;
}
