/* city.h - a small city for the tests of select/: three pools, one task, one hour
 *
 * hub: city centre, clearance 4, two cpu nodes and one with four a100.  west: far, cheap,
 * clearance 2.  edge: a factory in the city, clearance important, small.  Everything is in
 * the struct; a test changes what it is about and calls city_decide().
 */
#ifndef TEST_LIB_CITY_H
#define TEST_LIB_CITY_H

#include "base/mem.h"
#include "select/select.h"

#include <stdlib.h>
#include <string.h>

enum { HUB, WEST, EDGE, CITY_POOLS, CITY_NODES = 8, CITY_HOLDS = 8 };
enum { A100, N910B, CITY_MODELS };

struct city {
	struct arena arena;
	struct accel_model models[CITY_MODELS];
	struct catalogue catalogue;
	struct pool pool[CITY_POOLS];
	const struct pool *list[CITY_POOLS];
	struct node node[CITY_POOLS][CITY_NODES];
	struct pool_hold hold[CITY_POOLS][CITY_HOLDS];
	struct place_node hold_node[CITY_POOLS][CITY_HOLDS];
	struct pool_link link[CITY_POOLS][2];
	struct lane lane[CITY_POOLS];
	struct history *history;
	struct task_spec spec;
	struct snapshot s;
	struct ask a;
	struct decision d;
};

static const int64_t CITY_NOW = 1795424400000;  /* 2026-11-23T09:00:00Z */

static inline struct node city_node(uint32_t cpus, uint32_t memory_mb, uint8_t naccels,
				    uint16_t model)
{
	struct node n = {
		.cpu_milli = cpus * 1000, .cpu_free_milli = cpus * 1000,
		.memory_mb = memory_mb, .memory_free_mb = memory_mb,
		.naccels = naccels, .model = naccels ? model : ACCEL_NONE,
	};

	for (int i = 0; i < naccels; i++)
		n.accel_free_milli[i] = 1000;
	return n;
}

static inline void city_pool(struct city *c, uint32_t id, const char *name, const char *region,
			     enum level clearance, int64_t cpu_hour_micro)
{
	struct pool *p = &c->pool[id];

	*p = (struct pool){
		.id = id, .name = name, .region = region, .clearance = clearance,
		.tier = id == EDGE ? TIER_EDGE : TIER_CENTRE, .images = IMAGES_RUN,
		.cpu_hour_micro = cpu_hour_micro, .accel_hour_micro = 100 * cpu_hour_micro,
		.pue_milli = 1200, .cpu_milliwatt = 7000, .speed_milli = 1000, .chip = "cpu",
		.fresh_s = 60, .seen_ms = CITY_NOW - 1000,
		.nodes = c->node[id], .holds = c->hold[id], .links = c->link[id],
	};
	for (int h = 0; h < 24; h++)
		p->carbon_g_kwh[h] = id == WEST ? 100 : 500;
	c->list[id] = p;
}

static inline void city_pools(struct city *c)
{
	city_pool(c, HUB, "hub", "cn/50", LEVEL_4, 400000);
	city_pool(c, WEST, "west", "cn/65", LEVEL_2, 100000);
	city_pool(c, EDGE, "edge", "cn/50/500112/factory", LEVEL_IMPORTANT, 800000);
	c->node[HUB][0] = c->node[HUB][1] = city_node(8, 32768, 0, 0);
	c->node[HUB][2] = city_node(16, 65536, 4, A100);
	c->node[WEST][0] = c->node[WEST][1] = city_node(16, 65536, 0, 0);
	c->node[EDGE][0] = city_node(2, 4096, 0, 0);
	c->pool[HUB].nnodes = 3;
	c->pool[WEST].nnodes = 2;
	c->pool[EDGE].nnodes = 1;
	c->link[WEST][0] = (struct pool_link){ "cn/50", 40, 100 };
	c->link[HUB][0] = (struct pool_link){ "cn/65", 40, 100 };
	c->link[EDGE][0] = (struct pool_link){ "cn/50", 2, 1000 };
	for (int i = 0; i < CITY_POOLS; i++)
		c->pool[i].nlinks = 1;
}

/* In the heap: it is large, and ASan watches its edges. */
static inline struct city *city_new(void)
{
	struct city *c = mem_alloc(sizeof(*c));

	c->models[A100] = (struct accel_model){ .name = "a100-80-sxm", .vendor = "nvidia",
		.kind = "gpu", .fp16_gflops = 312000, .memory_gb = 80, .tdp_w = 400 };
	c->models[N910B] = (struct accel_model){ .name = "ascend-910b", .vendor = "huawei",
		.kind = "npu", .fp16_gflops = 320000, .memory_gb = 64, .tdp_w = 350,
		.domestic = true };
	c->catalogue.n = CITY_MODELS;
	c->catalogue.models = c->models;
	c->history = history_new();
	city_pools(c);
	c->spec = (struct task_spec){
		.name = "frame", .tenant = "lab", .owner = "ann", .kind = "render", .nodes = 1,
		.cpu_milli = 1000, .memory_mb = 1024, .walltime_s = 3600, .level = LEVEL_1,
		.prefer = prefer_profiles[1], .array_n = 1,
	};
	c->s = (struct snapshot){ .now_ms = CITY_NOW, .catalogue = &c->catalogue,
		.history = c->history, .npools = CITY_POOLS, .pools = c->list, .lanes = c->lane };
	c->a = (struct ask){ .spec = &c->spec, .seed = 7 };
	return c;
}

static inline struct city *city_free(struct city *c)
{
	history_free(c->history);
	arena_done(&c->arena);
	free(c);
	return NULL;
}

/* cmocka: setup and teardown of each test. */
static inline int city_setup(void **state)
{
	*state = city_new();
	return 0;
}

static inline int city_teardown(void **state)
{
	*state = city_free(*state);
	return 0;
}

static inline void city_decide(struct city *c)
{
	select_decide(&c->s, &c->a, &c->arena, &c->d);
}

/* Occupy part of one node until end_p50 and end_p90, in seconds from now. */
static inline void city_hold(struct city *c, uint32_t id, uint32_t node, uint32_t cpus,
			     int64_t p50_s, int64_t p90_s)
{
	struct pool *p = &c->pool[id];
	uint32_t i = p->nholds++;

	c->hold_node[id][i] = (struct place_node){ .node = node };
	c->hold[id][i] = (struct pool_hold){
		.task = i + 1,
		.end_p50_ms = CITY_NOW + p50_s * 1000, .end_p90_ms = CITY_NOW + p90_s * 1000,
		.place = { .n = 1, .nodes = &c->hold_node[id][i], .cpu_milli = cpus * 1000 },
	};
	p->nodes[node].cpu_free_milli -= cpus * 1000;
}

/* Fill all cpus of a pool for p50_s seconds. */
static inline void city_fill(struct city *c, uint32_t id, int64_t p50_s)
{
	for (uint32_t i = 0; i < c->pool[id].nnodes; i++)
		city_hold(c, id, i, c->node[id][i].cpu_milli / 1000, p50_s, 2 * p50_s);
}

#endif
