/* test_eligible.c - the hard rules refuse, and they refuse what they do not know */

#include "../lib/city.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static uint32_t why(struct city *c, uint32_t pool)
{
	return eligible_reasons(&c->s, &c->a, &c->pool[pool]);
}

static void a_plain_task_may_go_everywhere(void **state)
{
	struct city *c = *state;

	for (uint32_t i = 0; i < CITY_POOLS; i++)
		assert_int_equal(why(c, i), 0);
}

static void a_pool_below_the_level_is_refused(void **state)
{
	struct city *c = *state;

	c->spec.level = LEVEL_IMPORTANT;
	assert_int_equal(why(c, HUB), REASON_BIT(REASON_CLEARANCE));
	assert_int_equal(why(c, WEST), REASON_BIT(REASON_CLEARANCE));
	assert_int_equal(why(c, EDGE), 0);
}

static void a_level_that_was_never_set_is_refused(void **state)
{
	struct city *c = *state;

	c->spec.level = LEVEL_NONE;
	assert_int_equal(why(c, EDGE), REASON_BIT(REASON_CLEARANCE));
	c->spec.level = LEVEL_COUNT;
	assert_int_equal(why(c, EDGE), REASON_BIT(REASON_CLEARANCE));
}

static void a_clearance_above_the_known_ones_is_refused(void **state)
{
	struct city *c = *state;

	c->pool[HUB].clearance = LEVEL_COUNT;
	assert_int_equal(why(c, HUB), REASON_BIT(REASON_CLEARANCE));
	c->pool[HUB].clearance = LEVEL_NONE;
	assert_int_equal(why(c, HUB), REASON_BIT(REASON_CLEARANCE));
}

static void data_that_must_stay_do_not_leave(void **state)
{
	struct city *c = *state;

	c->spec.stay_within = "cn/50/500112";
	assert_int_equal(why(c, HUB), REASON_BIT(REASON_REGION));
	assert_int_equal(why(c, WEST), REASON_BIT(REASON_REGION));
	assert_int_equal(why(c, EDGE), 0);
}

static void a_pool_without_a_region_is_outside(void **state)
{
	struct city *c = *state;

	c->spec.stay_within = "cn";
	c->pool[HUB].region = NULL;
	assert_int_equal(why(c, HUB), REASON_BIT(REASON_REGION));
	c->pool[HUB].region = "";
	assert_int_equal(why(c, HUB), REASON_BIT(REASON_REGION));
}

static void an_empty_boundary_encloses_nothing(void **state)
{
	struct city *c = *state;

	c->spec.stay_within = "";
	assert_int_equal(why(c, HUB), REASON_BIT(REASON_REGION));
}

static void a_tenant_that_is_not_admitted_is_refused(void **state)
{
	struct city *c = *state;
	const char *const only[] = { "factory" };

	c->pool[EDGE].admits = only;
	c->pool[EDGE].nadmits = 1;
	assert_int_equal(why(c, EDGE), REASON_BIT(REASON_NOT_ADMITTED));
	c->spec.tenant = NULL;
	assert_int_equal(why(c, EDGE), REASON_BIT(REASON_NOT_ADMITTED));
	c->spec.tenant = "factory";
	assert_int_equal(why(c, EDGE), 0);
}

static void an_image_needs_a_pool_that_knows_images(void **state)
{
	struct city *c = *state;

	c->pool[HUB].images = IMAGES_NONE;
	assert_int_equal(why(c, HUB), 0);
	c->spec.image = "povray:3.7";
	assert_int_equal(why(c, HUB), REASON_BIT(REASON_IMAGE));
	c->pool[HUB].images = IMAGES_HOST;
	assert_int_equal(why(c, HUB), 0);
}

static void a_run_longer_than_the_pool_allows_is_refused(void **state)
{
	struct city *c = *state;

	c->pool[HUB].walltime_max_s = 3600;
	assert_int_equal(why(c, HUB), 0);
	c->spec.walltime_s = 3601;
	assert_int_equal(why(c, HUB), REASON_BIT(REASON_WALLTIME));
	c->spec.walltime_s = 0;
	assert_int_equal(why(c, HUB), REASON_BIT(REASON_WALLTIME));
}

static void a_far_pool_is_refused_and_so_is_one_without_a_link(void **state)
{
	struct city *c = *state;

	c->spec.near = "cn/50/500106";
	c->spec.max_latency_ms = 10;
	assert_int_equal(why(c, HUB), 0);               /* users are within its region */
	assert_int_equal(why(c, EDGE), 0);              /* 2 ms */
	assert_int_equal(why(c, WEST), REASON_BIT(REASON_LATENCY));
	c->pool[EDGE].nlinks = 0;
	assert_int_equal(why(c, EDGE), REASON_BIT(REASON_LATENCY));
	c->spec.near = "cn/50";
	assert_int_equal(why(c, EDGE), 0);              /* the pool is within it */
}

static void a_declared_distance_wins_over_a_common_region(void **state)
{
	struct city *c = *state;

	c->link[HUB][0] = (struct pool_link){ "cn/50/500240", 30, 100 };
	c->spec.near = "cn/50/500240/valley";
	c->spec.max_latency_ms = 20;
	assert_int_equal(why(c, HUB), REASON_BIT(REASON_LATENCY));
	c->pool[HUB].region = NULL;
	assert_int_equal(why(c, HUB), REASON_BIT(REASON_LATENCY));
}

static void a_latency_bound_to_nowhere_is_refused(void **state)
{
	struct city *c = *state;

	c->spec.max_latency_ms = 10;
	assert_int_equal(why(c, HUB), REASON_BIT(REASON_LATENCY));
}

static void an_unknown_accelerator_is_refused(void **state)
{
	struct city *c = *state;

	c->spec.accel = (struct accel_need){ .count = 1, .share_milli = 1000, .nmodels = 1,
		.models = { N910B } };
	assert_int_equal(why(c, HUB), REASON_BIT(REASON_ACCELERATOR));
	c->spec.accel.models[0] = A100;
	assert_int_equal(why(c, HUB), 0);
	c->s.catalogue = NULL;
	assert_int_equal(why(c, HUB), REASON_BIT(REASON_ACCELERATOR));
}

static void old_news_make_a_pool_stale(void **state)
{
	struct city *c = *state;

	c->pool[HUB].seen_ms = CITY_NOW - 60000;
	assert_int_equal(why(c, HUB), 0);
	c->pool[HUB].seen_ms = CITY_NOW - 60001;
	assert_int_equal(why(c, HUB), REASON_BIT(REASON_STALE));
	c->pool[HUB].seen_ms = CITY_NOW + 60001;
	assert_int_equal(why(c, HUB), REASON_BIT(REASON_STALE));
	c->pool[HUB].fresh_s = 0;
	assert_int_equal(why(c, HUB), 0);
}

static void a_pool_that_never_told_its_nodes_is_waited_for(void **state)
{
	struct city *c = *state;

	c->pool[HUB].nnodes = 0;
	assert_int_equal(why(c, HUB), REASON_BIT(REASON_NODES));
	c->pool[HUB].seen_ms = 0;
	assert_int_equal(why(c, HUB), REASON_BIT(REASON_STALE));
}

static void drained_down_and_quota_are_not_for_ever(void **state)
{
	struct city *c = *state;

	c->pool[HUB].drained = c->pool[HUB].down = true;
	c->a.over_quota = true;
	assert_int_equal(why(c, HUB), REASON_BIT(REASON_DRAINED) | REASON_BIT(REASON_DOWN) |
				      REASON_BIT(REASON_QUOTA));
	assert_int_equal(why(c, HUB) & REASONS_NEVER, 0);
}

static void all_reasons_are_collected(void **state)
{
	struct city *c = *state;

	c->spec.level = LEVEL_CORE;
	c->spec.stay_within = "cn/11";
	c->spec.memory_mb = 1 << 30;
	c->spec.cpu_milli = 1 << 30;
	c->pool[HUB].down = true;
	assert_int_equal(why(c, HUB), REASON_BIT(REASON_CLEARANCE) | REASON_BIT(REASON_REGION) |
				      REASON_BIT(REASON_CPU) | REASON_BIT(REASON_MEMORY) |
				      REASON_BIT(REASON_DOWN));
}

#define CITY_TEST(f) cmocka_unit_test_setup_teardown(f, city_setup, city_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CITY_TEST(a_plain_task_may_go_everywhere),
		CITY_TEST(a_pool_below_the_level_is_refused),
		CITY_TEST(a_level_that_was_never_set_is_refused),
		CITY_TEST(a_clearance_above_the_known_ones_is_refused),
		CITY_TEST(data_that_must_stay_do_not_leave),
		CITY_TEST(a_pool_without_a_region_is_outside),
		CITY_TEST(an_empty_boundary_encloses_nothing),
		CITY_TEST(a_tenant_that_is_not_admitted_is_refused),
		CITY_TEST(an_image_needs_a_pool_that_knows_images),
		CITY_TEST(a_run_longer_than_the_pool_allows_is_refused),
		CITY_TEST(a_far_pool_is_refused_and_so_is_one_without_a_link),
		CITY_TEST(a_declared_distance_wins_over_a_common_region),
		CITY_TEST(a_latency_bound_to_nowhere_is_refused),
		CITY_TEST(an_unknown_accelerator_is_refused),
		CITY_TEST(old_news_make_a_pool_stale),
		CITY_TEST(a_pool_that_never_told_its_nodes_is_waited_for),
		CITY_TEST(drained_down_and_quota_are_not_for_ever),
		CITY_TEST(all_reasons_are_collected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
