/* test_prefer.c - each profile prefers what its name says */

#include "../lib/domain.h"

static const struct prefer *profile(const char *name)
{
	for (const struct prefer *p = prefer_profiles; p->profile; p++)
		if (!strcmp(p->profile, name))
			return p;
	fail_msg("no profile \"%s\"", name);
	return NULL;
}

/* What select/ makes of it, in micro-yuan. */
static int64_t score(const char *name, int64_t cost_micro, int64_t seconds, int64_t carbon_g)
{
	const struct prefer *p = profile(name);

	return cost_micro * p->money_milli / 1000 + seconds * p->time_micro_per_s +
	       carbon_g * p->carbon_micro_per_g;
}

#define YUAN 1000000LL

static void there_are_four_profiles_with_names_of_their_own(void **state)
{
	unsigned n = 0;

	for (const struct prefer *p = prefer_profiles; p->profile; p++, n++)
		assert_ptr_equal(profile(p->profile), p);
	assert_int_equal(n, 4);
}

static void no_profile_ignores_money_or_time(void **state)
{
	for (const struct prefer *p = prefer_profiles; p->profile; p++)
		assert_true(p->money_milli > 0 && p->time_micro_per_s > 0);
}

static void fastest_pays_for_a_minute_and_saves_in_a_tie(void **state)
{
	assert_true(score("fastest", 500 * YUAN, 60, 9000) < score("fastest", YUAN, 120, 0));
	assert_true(score("fastest", YUAN, 60, 0) < score("fastest", 2 * YUAN, 60, 0));
}

static void cheapest_waits_a_day_for_a_yuan_but_not_for_nothing(void **state)
{
	assert_true(score("cheapest", YUAN, 86400, 0) < score("cheapest", 2 * YUAN, 60, 0));
	assert_true(score("cheapest", YUAN, 60, 0) < score("cheapest", YUAN, 120, 0));
	assert_true(score("cheapest", 0, 60, 0) < score("cheapest", 0, 61, 0));
}

static void greenest_pays_and_waits_for_a_kilogram_less(void **state)
{
	assert_true(score("greenest", 100 * YUAN, 86400, 1000) < score("greenest", YUAN, 60, 2000));
	assert_true(score("greenest", YUAN, 60, 500) < score("greenest", 2 * YUAN, 60, 500));
}

static void balanced_weighs_an_hour_as_three_yuan_sixty(void **state)
{
	assert_int_equal(score("balanced", 0, 3600, 0), 3600000);
	assert_int_equal(score("balanced", 0, 0, 1000000), 80 * YUAN);
	assert_true(score("balanced", YUAN, 3600, 0) < score("balanced", 5 * YUAN, 60, 0));
	assert_true(score("balanced", 3 * YUAN, 60, 0) < score("balanced", YUAN, 3600, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_are_four_profiles_with_names_of_their_own),
		cmocka_unit_test(no_profile_ignores_money_or_time),
		cmocka_unit_test(fastest_pays_for_a_minute_and_saves_in_a_tie),
		cmocka_unit_test(cheapest_waits_a_day_for_a_yuan_but_not_for_nothing),
		cmocka_unit_test(greenest_pays_and_waits_for_a_kilogram_less),
		cmocka_unit_test(balanced_weighs_an_hour_as_three_yuan_sixty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
