/* test_history.c - what was measured is remembered, within bounds, and used with care */

#include "../lib/city.h"

#include <stdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct run_forecast at(struct city *c, const char *name, const char *chip, uint32_t speed)
{
	struct run_forecast f;

	history_forecast(c->history, "train", name, chip, speed, 3600, &f);
	return f;
}

static void add(struct city *c, const char *name, const char *chip, int64_t run_s)
{
	history_add(c->history, "train", name, chip, run_s * 1000, 3600);
}

static void nothing_known_means_half_the_walltime(void **state)
{
	struct run_forecast f = at(*state, "iris", "cpu", 1000);

	assert_string_equal(f.basis, "walltime");
	assert_int_equal(f.p50_s, 1800);
	assert_int_equal(f.p90_s, 3600);
	assert_int_equal(f.samples, 0);
	f = at(*state, "iris", "cpu", 2000);
	assert_int_equal(f.p50_s, 900);
	assert_int_equal(f.speed_milli, 2000);
}

static void a_slow_pool_is_never_forecast_beyond_the_walltime(void **state)
{
	struct run_forecast f = at(*state, "iris", "cpu", 100);

	assert_int_equal(f.p50_s, 3600);
	assert_int_equal(f.p90_s, 3600);
}

static void past_runs_of_the_name_on_the_chip_count_most(void **state)
{
	struct city *c = *state;
	struct run_forecast f;

	for (int i = 1; i <= 10; i++)
		add(c, "iris", "a100-80-sxm", i * 10);
	f = at(c, "iris", "a100-80-sxm", 1000);
	assert_string_equal(f.basis, "history");
	assert_int_equal(f.samples, 10);
	assert_int_equal(f.p50_s, 50);
	assert_int_equal(f.p90_s, 90);
}

static void of_few_runs_the_worst_is_not_the_worst_to_come(void **state)
{
	struct city *c = *state;

	add(c, "iris", "cpu", 100);
	assert_int_equal(at(c, "iris", "cpu", 1000).p50_s, 100);
	assert_int_equal(at(c, "iris", "cpu", 1000).p90_s, 150);
}

static void only_the_last_runs_count(void **state)
{
	struct city *c = *state;

	for (int i = 0; i < HISTORY_RING; i++)
		add(c, "iris", "cpu", 1000);
	for (int i = 0; i < HISTORY_RING; i++)
		add(c, "iris", "cpu", 10);
	assert_int_equal(at(c, "iris", "cpu", 1000).p90_s, 10);
	assert_int_equal(at(c, "iris", "cpu", 1000).samples, HISTORY_RING);
}

static void the_speed_of_a_chip_is_learned_from_names_that_ran_on_both(void **state)
{
	struct city *c = *state;
	struct run_forecast f;

	add(c, "iris", "cpu", 400);
	add(c, "iris", "a100-80-sxm", 100);
	add(c, "news", "cpu", 800);
	f = at(c, "news", "a100-80-sxm", 1000);
	assert_string_equal(f.basis, "other_chip");
	assert_int_equal(f.speed_milli, 4000);
	assert_int_equal(f.p50_s, 200);
	add(c, "digits", "a100-80-sxm", 50);
	f = at(c, "digits", "cpu", 1000);
	assert_int_equal(f.speed_milli, 250);
	assert_int_equal(f.p50_s, 200);
}

static void what_was_learned_for_one_kind_is_not_used_for_another(void **state)
{
	struct city *c = *state;
	struct run_forecast f;

	add(c, "iris", "cpu", 400);
	add(c, "iris", "a100-80-sxm", 100);
	history_add(c->history, "render", "frame", "cpu", 800000, 3600);
	history_forecast(c->history, "render", "frame", "a100-80-sxm", 2000, 3600, &f);
	assert_string_equal(f.basis, "other_chip");
	assert_int_equal(f.speed_milli, 2000);          /* declared */
	assert_int_equal(f.p50_s, 400);
}

static void one_name_has_one_voice(void **state)
{
	struct city *c = *state;

	for (int i = 0; i < 3; i++) {
		char name[] = { 'a', (char)('0' + i), 0 };

		add(c, name, "cpu", 200);
		add(c, name, "npu", 100);
	}
	for (int i = 0; i < 100; i++) {
		add(c, "odd", "cpu", 100);
		add(c, "odd", "npu", 1000);
	}
	add(c, "new", "cpu", 200);
	assert_int_equal(at(c, "new", "npu", 1000).p50_s, 100);
}

static void an_unknown_name_is_forecast_from_its_kind(void **state)
{
	struct city *c = *state;
	struct run_forecast f;

	for (int i = 0; i < 10; i++)
		history_add(c->history, "train", "iris", "cpu", 10000, 100);
	f = at(c, "never-seen", "cpu", 1000);
	assert_string_equal(f.basis, "kind");
	assert_int_equal(f.samples, 10);
	assert_int_equal(f.p50_s, 360);                 /* a tenth of what it declares */
}

static void cpus_of_other_speed_are_told_apart(void **state)
{
	struct city *c = *state;

	history_add_on(c->history, "train", "iris", "cpu", 2000, 100000, 3600);
	assert_int_equal(at(c, "iris", "cpu", 2000).p50_s, 100);
	assert_int_equal(at(c, "iris", "cpu", 1000).p50_s, 200);
	assert_int_equal(at(c, "iris", "cpu", 1000).speed_milli, 500);
	history_add_on(c->history, "train", "big", "a100-80-sxm", 2000, 100000, 3600);
	assert_int_equal(at(c, "big", "a100-80-sxm", 1000).p50_s, 100);
}

static void a_run_of_no_time_or_less_does_no_harm(void **state)
{
	struct city *c = *state;

	add(c, "iris", "cpu", -5);
	assert_string_equal(at(c, "iris", "cpu", 1000).basis, "walltime");
	add(c, "iris", "cpu", 0);
	add(c, "iris", "npu", 0);
	assert_int_equal(at(c, "iris", "cpu", 1000).p50_s, 1);
	history_add(c->history, NULL, NULL, NULL, 1000, 0);
	history_add(c->history, "train", "iris", "cpu", INT64_MAX, 1);
	assert_int_equal(at(c, "iris", "cpu", 1).p90_s, 3600);
}

static void a_name_that_is_too_long_is_not_kept(void **state)
{
	struct city *c = *state;
	char name[2000];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	add(c, name, "cpu", 100);
	assert_string_equal(at(c, name, "cpu", 1000).basis, "kind");
	add(c, "iris", name, 100);
	assert_string_equal(at(c, "iris", name, 1000).basis, "kind");
}

static void the_least_recently_used_goes_first(void **state)
{
	struct city *c = *state;
	char name[32];

	add(c, "old", "cpu", 10);
	add(c, "kept", "cpu", 10);
	for (int i = 0; i < HISTORY_ENTRIES_MAX - 1; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		add(c, name, "cpu", 10);
		if (i == 5)
			add(c, "kept", "cpu", 10);
	}
	assert_string_equal(at(c, "old", "cpu", 1000).basis, "kind");
	assert_string_equal(at(c, "kept", "cpu", 1000).basis, "history");
}

static void kinds_and_chips_without_number_are_bounded(void **state)
{
	struct city *c = *state;
	char text[32];

	for (int i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "k%d", i);
		history_add(c->history, text, "iris", "cpu", 1000, 60);
		history_add(c->history, "train", "iris", text, 1000, 60);
	}
	assert_string_equal(at(c, "iris", "k4999", 1000).basis, "history");
	assert_string_equal(at(c, "iris", "k0", 1000).basis, "other_chip");
}

static struct run_forecast of(struct city *c, const char *tenant, const char *name, const char *chip)
{
	char kind[HISTORY_KIND_MAX];
	struct run_forecast f;

	history_forecast(c->history, history_kind(tenant, "train", kind), name, chip, 1000, 3600, &f);
	return f;
}

static void a_tenant_does_not_spoil_the_forecasts_of_another(void **state)
{
	struct city *c = *state;
	char kind[HISTORY_KIND_MAX], name[32];

	for (int i = 0; i < 3; i++) {
		history_add(c->history, history_kind("lab", "train", kind), "iris", "cpu", 600000, 3600);
		history_add(c->history, kind, "iris", "a100-80-sxm", 60000, 3600);
	}
	/* False lengths under the same name, the same kind, and many names on the same chips. */
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "n%d", i % 100);
		history_kind("eve", "train", kind);
		history_add(c->history, kind, i % 2 ? "iris" : name, "cpu", 1000, 3600);
		history_add(c->history, kind, i % 2 ? "iris" : name, "a100-80-sxm", 3600000, 3600);
	}
	assert_int_equal(of(c, "lab", "iris", "cpu").p50_s, 600);
	assert_int_equal(of(c, "lab", "iris", "a100-80-sxm").p50_s, 60);
	assert_int_equal(history_speed(c->history, history_kind("lab", "train", kind), "cpu",
				       "a100-80-sxm"), 10000);
	assert_string_equal(of(c, "lab", "new", "cpu").basis, "kind");
	assert_int_equal(of(c, "lab", "new", "cpu").p50_s, 60);     /* the median of its own six */
	/* Who has run nothing yet has the walltime, whatever others ran. */
	assert_string_equal(of(c, "fresh", "iris", "cpu").basis, "walltime");
	assert_string_equal(of(c, "eve", "iris", "cpu").basis, "history");
}

static void the_error_of_wait_forecasts_is_published(void **state)
{
	struct city *c = *state;
	int64_t mean;
	uint64_t n;

	history_wait_error(c->history, "hub", &mean, &n);
	assert_int_equal(mean, 0);
	assert_int_equal(n, 0);
	history_add_wait(c->history, "hub", 10, 40);
	history_add_wait(c->history, "hub", 40, 30);
	history_add_wait(c->history, "hub", INT64_MAX, -1);     /* not a wait */
	history_wait_error(c->history, "hub", &mean, &n);
	assert_int_equal(mean, 20);
	assert_int_equal(n, 2);
}

#define CITY_TEST(f) cmocka_unit_test_setup_teardown(f, city_setup, city_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CITY_TEST(nothing_known_means_half_the_walltime),
		CITY_TEST(a_slow_pool_is_never_forecast_beyond_the_walltime),
		CITY_TEST(past_runs_of_the_name_on_the_chip_count_most),
		CITY_TEST(of_few_runs_the_worst_is_not_the_worst_to_come),
		CITY_TEST(only_the_last_runs_count),
		CITY_TEST(the_speed_of_a_chip_is_learned_from_names_that_ran_on_both),
		CITY_TEST(what_was_learned_for_one_kind_is_not_used_for_another),
		CITY_TEST(one_name_has_one_voice),
		CITY_TEST(an_unknown_name_is_forecast_from_its_kind),
		CITY_TEST(cpus_of_other_speed_are_told_apart),
		CITY_TEST(a_run_of_no_time_or_less_does_no_harm),
		CITY_TEST(a_name_that_is_too_long_is_not_kept),
		CITY_TEST(the_least_recently_used_goes_first),
		CITY_TEST(kinds_and_chips_without_number_are_bounded),
		CITY_TEST(a_tenant_does_not_spoil_the_forecasts_of_another),
		CITY_TEST(the_error_of_wait_forecasts_is_published),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
