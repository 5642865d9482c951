/* test_select.c - the choice: the best pool, now or when it has room, or a reasoned no */

#include "../lib/city.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void the_cheapest_pool_is_chosen(void **state)
{
	struct city *c = *state;

	city_decide(c);
	assert_int_equal(c->d.outcome, OUTCOME_CHOSEN);
	assert_int_equal(c->d.best, WEST);
	assert_int_equal(c->d.place.n, 1);
	assert_int_equal(decision_reason(&c->d), REASON_COUNT);
}

static void important_data_go_to_the_dearer_edge(void **state)
{
	struct city *c = *state;

	c->spec.level = LEVEL_IMPORTANT;
	c->spec.stay_within = "cn/50/500112/factory";
	city_decide(c);
	assert_int_equal(c->d.outcome, OUTCOME_CHOSEN);
	assert_int_equal(c->d.best, EDGE);
}

static void a_drained_edge_is_waited_for_and_nothing_else_is_taken(void **state)
{
	struct city *c = *state;

	c->spec.level = LEVEL_IMPORTANT;
	c->pool[EDGE].drained = true;
	city_decide(c);
	assert_int_equal(c->d.outcome, OUTCOME_WAIT);
	assert_int_equal(c->d.best, UINT32_MAX);
	assert_int_equal(decision_reason(&c->d), REASON_DRAINED);
}

static void a_task_that_fits_nowhere_is_refused(void **state)
{
	struct city *c = *state;

	c->spec.cpu_milli = 17000;
	city_decide(c);
	assert_int_equal(c->d.outcome, OUTCOME_REFUSED);
	assert_int_equal(c->d.best, UINT32_MAX);
	assert_int_equal(decision_reason(&c->d), REASON_CPU);
}

static void a_city_without_pools_refuses(void **state)
{
	struct city *c = *state;

	c->s.npools = 0;
	city_decide(c);
	assert_int_equal(c->d.outcome, OUTCOME_REFUSED);
	assert_int_equal(decision_reason(&c->d), REASON_NODES);
}

static void a_better_pool_that_is_full_is_waited_for(void **state)
{
	struct city *c = *state;

	city_fill(c, WEST, 60);
	city_decide(c);
	assert_int_equal(c->d.outcome, OUTCOME_WAIT);
	assert_int_equal(c->d.best, WEST);
	assert_int_equal(c->d.cand[WEST].reasons, REASON_BIT(REASON_FULL));
	assert_true(c->d.cand[WEST].has_terms);
	assert_int_equal(decision_reason(&c->d), REASON_FULL);
}

static void a_long_wait_makes_the_other_pool_better(void **state)
{
	struct city *c = *state;

	c->spec.prefer = prefer_profiles[0];            /* fastest */
	city_fill(c, WEST, 60);
	city_decide(c);
	assert_int_equal(c->d.outcome, OUTCOME_CHOSEN);
	assert_int_not_equal(c->d.best, WEST);
}

static void a_later_task_does_not_delay_a_promised_start(void **state)
{
	struct city *c = *state;

	lane_keep(&c->lane[WEST], LANE_ANY, CITY_NOW + 60000);
	city_decide(c);
	assert_int_equal(c->d.outcome, OUTCOME_WAIT);
	assert_int_equal(c->d.best, WEST);
	assert_int_equal(decision_reason(&c->d), REASON_BEHIND);
	c->spec.walltime_s = 60;                        /* it is over in time */
	city_decide(c);
	assert_int_equal(c->d.outcome, OUTCOME_CHOSEN);
	assert_int_equal(c->d.best, WEST);
}

static void a_task_that_waits_is_seen_by_the_next(void **state)
{
	struct city *c = *state;

	city_fill(c, WEST, 60);
	city_decide(c);
	lane_charge(&c->lane[WEST], &c->s, &c->a, &c->d.cand[WEST], 1);
	assert_int_equal(lane_shadow_ms(&c->lane[WEST]), CITY_NOW + 120000);    /* its p90 */
	assert_int_equal(c->lane[WEST].ahead_cpu_ms, 1800 * 1000);
	assert_int_equal(c->lane[WEST].ahead_accel_ms, 0);
	city_decide(c);
	assert_int_equal(c->d.cand[WEST].terms.wait_p50_s, 60 + 57);    /* 1,800 s over 32 cpus */
	lane_charge(&c->lane[WEST], &c->s, &c->a, &c->d.cand[WEST], 1);
	/* the first promise stays */
	assert_int_equal(lane_shadow_ms(&c->lane[WEST]), CITY_NOW + 120000);
}

static void a_pool_that_cannot_make_the_deadline_is_passed_over(void **state)
{
	struct city *c = *state;

	city_fill(c, WEST, 3600);
	c->spec.deadline_ms = CITY_NOW + 3600 * 1000;
	city_decide(c);
	assert_int_equal(c->d.outcome, OUTCOME_CHOSEN);
	assert_int_equal(c->d.best, HUB);
	assert_true(c->d.cand[WEST].reasons & REASON_BIT(REASON_DEADLINE));
	assert_true(c->d.cand[WEST].has_terms);
}

static void a_deadline_that_nobody_can_make_is_refused(void **state)
{
	struct city *c = *state;

	c->spec.deadline_ms = CITY_NOW + 1799 * 1000;
	city_decide(c);
	assert_int_equal(c->d.outcome, OUTCOME_REFUSED);
	assert_int_equal(decision_reason(&c->d), REASON_DEADLINE);
	c->spec.deadline_ms = CITY_NOW + 1800 * 1000;
	city_decide(c);
	assert_int_equal(c->d.outcome, OUTCOME_CHOSEN);
}

static void a_deadline_missed_only_by_the_wait_waits(void **state)
{
	struct city *c = *state;

	for (uint32_t i = 0; i < CITY_POOLS; i++)
		city_fill(c, i, 60);
	c->spec.deadline_ms = CITY_NOW + 1800 * 1000;
	city_decide(c);
	assert_int_equal(c->d.outcome, OUTCOME_WAIT);
	assert_int_equal(c->d.best, UINT32_MAX);
	assert_int_equal(decision_reason(&c->d), REASON_DEADLINE);
}

static void a_budget_below_every_price_is_refused(void **state)
{
	struct city *c = *state;

	c->spec.budget_micro = 49999;
	city_decide(c);
	assert_int_equal(c->d.outcome, OUTCOME_REFUSED);
	assert_int_equal(decision_reason(&c->d), REASON_BUDGET);
	c->spec.budget_micro = 50000;
	city_decide(c);
	assert_int_equal(c->d.best, WEST);
}

static void a_quota_makes_wait_not_refuse(void **state)
{
	struct city *c = *state;

	c->a.over_quota = true;
	city_decide(c);
	assert_int_equal(c->d.outcome, OUTCOME_WAIT);
	assert_int_equal(decision_reason(&c->d), REASON_QUOTA);
}

static void equal_pools_share_the_tasks_by_the_seed(void **state)
{
	struct city *c = *state;
	unsigned got[CITY_POOLS] = { 0 };

	c->pool[HUB].cpu_hour_micro = c->pool[EDGE].cpu_hour_micro = 100000;
	for (uint64_t seed = 0; seed < 300; seed++) {
		c->a.seed = seed;
		city_decide(c);
		got[c->d.best]++;
		arena_reset(&c->arena);
	}
	for (int i = 0; i < CITY_POOLS; i++)
		assert_true(got[i] > 60);
}

static void the_id_of_a_pool_is_not_its_place_in_the_snapshot(void **state)
{
	struct city *c = *state;

	c->list[0] = &c->pool[WEST];
	c->list[1] = &c->pool[EDGE];
	c->list[2] = &c->pool[HUB];
	city_decide(c);
	assert_int_equal(c->d.best, WEST);
	assert_int_equal(c->d.cand[0].pool, WEST);
	assert_int_equal(c->d.cand[2].pool, HUB);
}

static void a_refusal_names_what_stood_between_it_and_the_closest_pool(void **state)
{
	struct city *c = *state;

	c->spec.level = LEVEL_3;                        /* west: too low */
	c->spec.stay_within = "cn/50";                  /* west: outside */
	c->spec.memory_mb = 1 << 20;                    /* all: too little */
	city_decide(c);
	assert_int_equal(c->d.outcome, OUTCOME_REFUSED);
	assert_int_equal(decision_reason(&c->d), REASON_MEMORY);
}

static void every_reason_has_a_code_and_two_languages(void **state)
{
	for (int r = 0; r < REASON_COUNT; r++) {
		assert_true(strlen(reason_code((enum reason)r)) > 0);
		assert_true(strlen(reason_text((enum reason)r, 0)) > 0);
		assert_string_not_equal(reason_text((enum reason)r, 0),
					reason_text((enum reason)r, 1));
		assert_string_equal(reason_text_of(reason_code((enum reason)r), 1),
				    reason_text((enum reason)r, 1));
	}
	assert_string_equal(reason_text_of("from_the_future", 1), "from_the_future");
}

#define CITY_TEST(f) cmocka_unit_test_setup_teardown(f, city_setup, city_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CITY_TEST(the_cheapest_pool_is_chosen),
		CITY_TEST(important_data_go_to_the_dearer_edge),
		CITY_TEST(a_drained_edge_is_waited_for_and_nothing_else_is_taken),
		CITY_TEST(a_task_that_fits_nowhere_is_refused),
		CITY_TEST(a_city_without_pools_refuses),
		CITY_TEST(a_better_pool_that_is_full_is_waited_for),
		CITY_TEST(a_long_wait_makes_the_other_pool_better),
		CITY_TEST(a_later_task_does_not_delay_a_promised_start),
		CITY_TEST(a_task_that_waits_is_seen_by_the_next),
		CITY_TEST(a_pool_that_cannot_make_the_deadline_is_passed_over),
		CITY_TEST(a_deadline_that_nobody_can_make_is_refused),
		CITY_TEST(a_deadline_missed_only_by_the_wait_waits),
		CITY_TEST(a_budget_below_every_price_is_refused),
		CITY_TEST(a_quota_makes_wait_not_refuse),
		CITY_TEST(equal_pools_share_the_tasks_by_the_seed),
		CITY_TEST(the_id_of_a_pool_is_not_its_place_in_the_snapshot),
		CITY_TEST(a_refusal_names_what_stood_between_it_and_the_closest_pool),
		CITY_TEST(every_reason_has_a_code_and_two_languages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
