/* test_place.c - room is found node by node, and what is left over stays usable */

#include "../lib/city.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static int find(struct city *c, uint32_t pool, struct placement *ret)
{
	return place_find(&c->spec, c->s.catalogue, c->pool[pool].nnodes, c->pool[pool].nodes,
			  &c->arena, ret);
}

static uint32_t never(struct city *c, uint32_t pool)
{
	return place_never(&c->spec, c->s.catalogue, &c->pool[pool]);
}

static void ask_devices(struct city *c, uint32_t count, uint32_t share_milli)
{
	c->spec.accel = (struct accel_need){ .count = count, .share_milli = share_milli };
}

static void the_tightest_node_is_taken(void **state)
{
	struct city *c = *state;
	struct placement p;

	c->node[HUB][1].cpu_free_milli = 1500;
	assert_int_equal(find(c, HUB, &p), 0);
	assert_int_equal(p.n, 1);
	assert_int_equal(p.nodes[0].node, 1);
	assert_int_equal(p.nodes[0].accels, 0);
	assert_int_equal(p.cpu_milli, 1000);
	assert_int_equal(p.memory_mb, 1024);
	assert_int_equal(p.accel_milli, 0);
}

static void the_first_of_equal_nodes_is_taken(void **state)
{
	struct city *c = *state;
	struct placement p;

	assert_int_equal(find(c, HUB, &p), 0);
	assert_int_equal(p.nodes[0].node, 0);
}

static void a_cpu_task_keeps_away_from_accelerators(void **state)
{
	struct city *c = *state;
	struct placement p;

	c->node[HUB][2].cpu_free_milli = 1000;          /* the tightest, but it has devices */
	assert_int_equal(find(c, HUB, &p), 0);
	assert_int_equal(p.nodes[0].node, 0);
	c->node[HUB][0].cpu_free_milli = c->node[HUB][1].cpu_free_milli = 0;
	assert_int_equal(find(c, HUB, &p), 0);
	assert_int_equal(p.nodes[0].node, 2);
}

static void whole_devices_come_from_the_node_with_the_fewest_free(void **state)
{
	struct city *c = *state;
	struct placement p;

	c->node[HUB][3] = city_node(16, 65536, 4, A100);
	c->node[HUB][3].accel_free_milli[0] = 400;
	c->node[HUB][3].accel_free_milli[2] = 0;
	c->pool[HUB].nnodes = 4;
	ask_devices(c, 2, 1000);
	assert_int_equal(find(c, HUB, &p), 0);
	assert_int_equal(p.nodes[0].node, 3);
	assert_int_equal(p.nodes[0].accels, 1 << 1 | 1 << 3);
	assert_int_equal(p.accel_milli, 1000);
}

static void a_share_goes_to_the_fullest_device_that_fits(void **state)
{
	struct city *c = *state;
	struct placement p;

	c->node[HUB][2].accel_free_milli[1] = 600;
	c->node[HUB][2].accel_free_milli[2] = 400;
	ask_devices(c, 1, 500);
	assert_int_equal(find(c, HUB, &p), 0);
	assert_int_equal(p.nodes[0].accels, 1 << 1);
	assert_int_equal(p.accel_milli, 500);
}

static void a_need_is_served_by_as_many_devices_as_it_takes(void **state)
{
	struct city *c = *state;
	struct placement p;

	c->spec.accel = (struct accel_need){ .fp16_gflops = 600000, .memory_gb = 100 };
	assert_int_equal(find(c, HUB, &p), 0);
	assert_int_equal(p.nodes[0].accels, 3);
	c->spec.accel.memory_gb = 321;                  /* five of them */
	assert_int_equal(find(c, HUB, &p), 1);
	assert_int_equal(never(c, HUB), REASON_BIT(REASON_ACCELERATOR));
}

static void free_devices_on_two_nodes_are_not_two_on_one(void **state)
{
	struct city *c = *state;
	struct placement p;

	c->node[HUB][3] = c->node[HUB][2];
	c->pool[HUB].nnodes = 4;
	for (int i = 0; i < 3; i++)
		c->node[HUB][2].accel_free_milli[i] = c->node[HUB][3].accel_free_milli[i] = 0;
	ask_devices(c, 2, 1000);
	assert_int_equal(find(c, HUB, &p), 1);
	assert_int_equal(never(c, HUB), 0);
}

static void a_gang_gets_distinct_nodes_or_none(void **state)
{
	struct city *c = *state;
	struct placement p;

	c->spec.nodes = 2;
	c->node[HUB][0].cpu_free_milli = 2000;
	assert_int_equal(find(c, HUB, &p), 0);
	assert_int_equal(p.n, 2);
	assert_int_equal(p.nodes[0].node, 0);
	assert_int_equal(p.nodes[1].node, 1);
	c->spec.nodes = 3;
	assert_int_equal(find(c, HUB, &p), 0);
	c->node[HUB][1].memory_free_mb = 1023;
	assert_int_equal(find(c, HUB, &p), 1);
	c->spec.nodes = 4;
	assert_int_equal(find(c, HUB, &p), 1);
	assert_int_equal(never(c, HUB), REASON_BIT(REASON_NODES));
}

static void a_gang_takes_the_tightest_nodes_of_many(void **state)
{
	struct city *c = *state;
	static const uint32_t free_cpus[] = { 8, 3, 7, 1, 0, 5, 2, 6 };
	struct placement p;

	for (int i = 0; i < CITY_NODES; i++) {
		c->node[HUB][i] = city_node(8, 32768, 0, 0);
		c->node[HUB][i].cpu_free_milli = free_cpus[i] * 1000;
	}
	c->pool[HUB].nnodes = CITY_NODES;
	c->spec.nodes = 3;
	assert_int_equal(find(c, HUB, &p), 0);
	assert_int_equal(p.nodes[0].node, 1);
	assert_int_equal(p.nodes[1].node, 3);
	assert_int_equal(p.nodes[2].node, 6);
}

static void a_node_that_is_down_is_not_used(void **state)
{
	struct city *c = *state;
	struct placement p;

	c->node[EDGE][0].down = true;
	assert_int_equal(find(c, EDGE, &p), 1);
	assert_int_equal(never(c, EDGE), 0);            /* it may come back */
}

static void cpus_of_nodes_without_the_device_do_not_help(void **state)
{
	struct city *c = *state;

	c->node[HUB][2] = city_node(4, 65536, 4, A100);
	ask_devices(c, 1, 1000);
	c->spec.cpu_milli = 8000;
	assert_int_equal(never(c, HUB), REASON_BIT(REASON_CPU));
}

static void figures_that_no_single_node_joins_are_too_few_nodes(void **state)
{
	struct city *c = *state;

	c->node[WEST][0] = city_node(64, 1024, 0, 0);
	c->node[WEST][1] = city_node(1, 1 << 20, 0, 0);
	c->spec.cpu_milli = 32000;
	c->spec.memory_mb = 65536;
	assert_int_equal(never(c, WEST), REASON_BIT(REASON_NODES));
}

static void more_nodes_than_any_task_may_have_are_refused(void **state)
{
	struct city *c = *state;
	struct node *many = mem_array(PLACE_NODES_MAX + 1, sizeof(*many));

	for (int i = 0; i <= PLACE_NODES_MAX; i++)
		many[i] = city_node(2, 4096, 0, 0);
	c->pool[HUB].nodes = many;
	c->pool[HUB].nnodes = PLACE_NODES_MAX + 1;
	c->spec.nodes = PLACE_NODES_MAX + 1;
	assert_int_equal(never(c, HUB), REASON_BIT(REASON_NODES));
	c->spec.nodes = PLACE_NODES_MAX;
	assert_int_equal(never(c, HUB), 0);
	free(many);
}

#define CITY_TEST(f) cmocka_unit_test_setup_teardown(f, city_setup, city_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CITY_TEST(the_tightest_node_is_taken),
		CITY_TEST(the_first_of_equal_nodes_is_taken),
		CITY_TEST(a_cpu_task_keeps_away_from_accelerators),
		CITY_TEST(whole_devices_come_from_the_node_with_the_fewest_free),
		CITY_TEST(a_share_goes_to_the_fullest_device_that_fits),
		CITY_TEST(a_need_is_served_by_as_many_devices_as_it_takes),
		CITY_TEST(free_devices_on_two_nodes_are_not_two_on_one),
		CITY_TEST(a_gang_gets_distinct_nodes_or_none),
		CITY_TEST(a_gang_takes_the_tightest_nodes_of_many),
		CITY_TEST(a_node_that_is_down_is_not_used),
		CITY_TEST(cpus_of_nodes_without_the_device_do_not_help),
		CITY_TEST(figures_that_no_single_node_joins_are_too_few_nodes),
		CITY_TEST(more_nodes_than_any_task_may_have_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
