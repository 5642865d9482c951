/* test_score.c - money, time and carbon in one sum that cannot wrap */

#include "../lib/city.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct terms terms = {
	.transfer_s = 10, .wait_p50_s = 20, .run_p50_s = 30,
	.cost_micro = 5000000, .carbon_mg = 2500,
};

static void each_part_has_its_weight(void **state)
{
	struct prefer w = { 0 };

	assert_int_equal(score_terms(&w, &terms), 0);
	w.money_milli = 500;
	assert_int_equal(score_terms(&w, &terms), 2500000);
	w.time_micro_per_s = 1000;
	assert_int_equal(score_terms(&w, &terms), 2560000);
	w.carbon_micro_per_g = 80;
	assert_int_equal(score_terms(&w, &terms), 2560200);
}

static void the_wait_is_in_the_score(void **state)
{
	struct terms late = terms;

	late.wait_p50_s += 3600;
	assert_int_equal(score_terms(&prefer_profiles[3], &late) -
			 score_terms(&prefer_profiles[3], &terms), 3600 * 1000);
}

static void the_wide_end_of_a_forecast_does_not_count(void **state)
{
	struct terms t = terms;

	t.wait_p90_s = t.run_p90_s = 1000000;
	assert_int_equal(score_terms(&prefer_profiles[0], &t),
			 score_terms(&prefer_profiles[0], &terms));
}

static void huge_figures_stop_at_the_end_of_the_scale(void **state)
{
	struct prefer w = { .money_milli = UINT32_MAX, .time_micro_per_s = INT64_MAX,
		.carbon_micro_per_g = INT64_MAX };
	struct terms t = { .transfer_s = INT64_MAX, .wait_p50_s = INT64_MAX, .run_p50_s = INT64_MAX,
		.cost_micro = INT64_MAX, .carbon_mg = INT64_MAX };

	assert_true(score_terms(&w, &t) == INT64_MAX);
}

#define CITY_TEST(f) cmocka_unit_test_setup_teardown(f, city_setup, city_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CITY_TEST(each_part_has_its_weight),
		CITY_TEST(the_wait_is_in_the_score),
		CITY_TEST(the_wide_end_of_a_forecast_does_not_count),
		CITY_TEST(huge_figures_stop_at_the_end_of_the_scale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
