/* test_explain.c - a decision can be read: figures beside every no, terms beside every yes */

#include "../lib/city.h"

#include <stdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static json_t *explain(struct city *c)
{
	struct buf b;
	json_t *j;

	buf_init(&b, 1 << 20);
	city_decide(c);
	assert_int_equal(decision_encode(&c->s, &c->a, &c->d, &b), 0);
	j = json_loadb(b.data, b.len, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(j);
	buf_done(&b);
	return j;
}

static const char *text(const json_t *j, const char *key)
{
	return json_string_value(json_object_get(j, key));
}

static const json_t *pool(const json_t *j, const char *name)
{
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(j, "pools"), i, v)
		if (!strcmp(text(v, "pool"), name))
			return v;
	fail_msg("no pool %s", name);
	return NULL;
}

static void expect_no(const json_t *j, const char *name, const char *reason, const char *need,
		      const char *have)
{
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(pool(j, name), "reasons"), i, v) {
		if (strcmp(text(v, "reason"), reason) != 0)
			continue;
		assert_string_equal(text(v, "need"), need);
		assert_string_equal(text(v, "have"), have);
		return;
	}
	fail_msg("%s is not refused for %s", name, reason);
}

static void a_choice_names_pool_policy_seed_and_weights(void **state)
{
	json_t *j = explain(*state), *w = json_object_get(j, "prefer");

	assert_string_equal(text(j, "outcome"), "chosen");
	assert_string_equal(text(j, "pool"), "west");
	assert_true(json_is_null(json_object_get(j, "reason")));
	assert_string_equal(text(j, "at"), "2026-11-23T09:00:00.000Z");
	assert_int_equal(json_integer_value(json_object_get(j, "policy")), 1);
	assert_string_equal(text(j, "seed"), "0000000000000007");
	assert_string_equal(text(w, "profile"), "cheapest");
	assert_int_equal(json_integer_value(json_object_get(w, "money_milli")), 1000);
	json_decref(j);
}

static void pools_stand_in_the_order_of_their_rank(void **state)
{
	json_t *j = explain(*state), *v = NULL;
	static const char *const order[] = { "west", "hub", "edge" };

	for (size_t i = 0; i < 3; i++) {
		v = json_array_get(json_object_get(j, "pools"), i);
		assert_string_equal(text(v, "pool"), order[i]);
		assert_int_equal(json_integer_value(json_object_get(v, "rank")), i + 1);
		assert_true(json_is_true(json_object_get(v, "now")));
		assert_int_equal(json_array_size(json_object_get(v, "reasons")), 0);
		assert_int_equal(json_object_size(json_object_get(v, "terms")), 12);
	}
	json_decref(j);
}

static void every_refusal_has_its_figures(void **state)
{
	struct city *c = *state;
	json_t *j;

	c->spec.level = LEVEL_IMPORTANT;
	c->spec.stay_within = "cn/50/500112";
	c->spec.cpu_milli = 2500;
	c->spec.memory_mb = 70000;
	c->spec.image = "qc \"best\"";
	c->pool[EDGE].images = IMAGES_NONE;
	c->pool[WEST].walltime_max_s = 600;
	j = explain(c);
	assert_string_equal(text(j, "outcome"), "refused");
	expect_no(j, "west", "clearance", "important", "2");
	expect_no(j, "west", "region", "cn/50/500112", "cn/65");
	expect_no(j, "west", "walltime", "1h", "10m");
	expect_no(j, "edge", "cpu", "2.5 cpus on one node", "at most 2 cpus, 4096 MB on one node");
	expect_no(j, "edge", "memory", "70000 MB on one node",
		  "at most 2 cpus, 4096 MB on one node");
	expect_no(j, "edge", "image", "qc \"best\"", "images are not run");
	assert_null(json_object_get(pool(j, "west"), "terms"));
	assert_null(json_object_get(pool(j, "west"), "rank"));
	json_decref(j);
}

static void other_tenants_are_not_named(void **state)
{
	struct city *c = *state;
	const char *const only[] = { "secret-lab" };
	json_t *j;

	c->pool[HUB].admits = only;
	c->pool[HUB].nadmits = 1;
	j = explain(c);
	expect_no(j, "hub", "not_admitted", "lab", "other tenants only");
	json_decref(j);
}

static void what_passes_is_told_apart(void **state)
{
	struct city *c = *state;
	json_t *j;

	c->pool[HUB].drained = true;
	snprintf(c->pool[HUB].why, sizeof(c->pool[HUB].why), "new cooling, back on Monday");
	c->pool[WEST].seen_ms = CITY_NOW - 95000;
	c->pool[EDGE].down = true;
	j = explain(c);
	assert_string_equal(text(j, "outcome"), "waiting");
	assert_true(json_is_null(json_object_get(j, "pool")));
	assert_string_equal(text(j, "reason"), "drained");
	expect_no(j, "hub", "drained", "in service", "new cooling, back on Monday");
	expect_no(j, "west", "stale", "news within 1m", "1m35s old");
	expect_no(j, "edge", "down", "in service", "down");
	json_decref(j);
}

static void a_full_pool_keeps_its_rank_and_its_terms(void **state)
{
	struct city *c = *state;
	json_t *j;

	city_fill(c, WEST, 60);
	j = explain(c);
	assert_string_equal(text(j, "outcome"), "waiting");
	assert_string_equal(text(j, "pool"), "west");
	assert_string_equal(text(j, "reason"), "full");
	assert_true(json_is_false(json_object_get(pool(j, "west"), "now")));
	assert_int_equal(json_integer_value(json_object_get(pool(j, "west"), "rank")), 1);
	expect_no(j, "west", "full", "1 cpus, 1024 MB on one node",
		  "at most 0 cpus, 65536 MB on one node");
	json_decref(j);
}

static void forecasts_that_say_no_show_both_sides(void **state)
{
	struct city *c = *state;
	json_t *j;

	c->spec.deadline_ms = CITY_NOW + 60000;
	c->spec.budget_micro = 150000;
	j = explain(c);
	expect_no(j, "hub", "deadline", "2026-11-23T09:01:00.000Z", "2026-11-23T09:30:00.000Z");
	expect_no(j, "hub", "budget", "0.15 yuan", "0.20 yuan");
	assert_non_null(json_object_get(pool(j, "hub"), "terms"));
	assert_null(json_object_get(pool(j, "hub"), "rank"));
	json_decref(j);
}

static void accelerators_and_distance_are_told(void **state)
{
	struct city *c = *state;
	json_t *j;

	c->spec.accel = (struct accel_need){ .count = 2, .share_milli = 1000, .nmodels = 2,
		.models = { A100, N910B } };
	c->spec.near = "cn/50/500106";
	c->spec.max_latency_ms = 10;
	c->pool[EDGE].nlinks = 0;
	j = explain(c);
	expect_no(j, "west", "accelerator", "2 x a100-80-sxm or ascend-910b", "none");
	expect_no(j, "west", "latency", "10 ms to cn/50/500106", "40 ms");
	expect_no(j, "edge", "latency", "10 ms to cn/50/500106", "no link");
	json_decref(j);
	c->spec.accel = (struct accel_need){ .count = 1, .share_milli = 500 };
	j = explain(c);
	expect_no(j, "west", "accelerator", "0.5 x any model", "none");
	json_decref(j);
	c->spec.accel = (struct accel_need){ .fp16_gflops = 2500000, .memory_gb = 512 };
	j = explain(c);
	expect_no(j, "hub", "accelerator", "2500 fp16 tflops, 512 GB", "none");
	json_decref(j);
}

static void every_reason_of_a_pool_can_be_written(void **state)
{
	struct city *c = *state;
	struct buf b;
	json_t *j;

	city_decide(c);
	c->spec.near = c->spec.image = NULL;
	for (int i = 0; i < CITY_POOLS; i++)
		c->d.cand[i].reasons = REASON_BIT(REASON_BEHIND + 1) - 1;
	buf_init(&b, 1 << 20);
	assert_int_equal(decision_encode(&c->s, &c->a, &c->d, &b), 0);
	j = json_loadb(b.data, b.len, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(pool(j, "hub"), "reasons")),
			 REASON_BEHIND + 1);
	json_decref(j);
	buf_done(&b);
}

static void a_buffer_that_is_too_small_is_an_error(void **state)
{
	struct city *c = *state;
	struct buf b;

	city_decide(c);
	buf_init(&b, 100);
	assert_true(decision_encode(&c->s, &c->a, &c->d, &b) < 0);
	buf_done(&b);
}

#define CITY_TEST(f) cmocka_unit_test_setup_teardown(f, city_setup, city_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CITY_TEST(a_choice_names_pool_policy_seed_and_weights),
		CITY_TEST(pools_stand_in_the_order_of_their_rank),
		CITY_TEST(every_refusal_has_its_figures),
		CITY_TEST(other_tenants_are_not_named),
		CITY_TEST(what_passes_is_told_apart),
		CITY_TEST(a_full_pool_keeps_its_rank_and_its_terms),
		CITY_TEST(forecasts_that_say_no_show_both_sides),
		CITY_TEST(accelerators_and_distance_are_told),
		CITY_TEST(every_reason_of_a_pool_can_be_written),
		CITY_TEST(a_buffer_that_is_too_small_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
