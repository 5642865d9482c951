/* test_meter.c - a bill can be checked by hand, and never overflows */

#include "../lib/domain.h"

#include "base/rng.h"

#define HOUR 3600000LL
#define DAY (24 * HOUR)

static struct pool site(void)
{
	struct pool p = { .cpu_hour_micro = 120000, .accel_hour_micro = 8000000, .pue_milli = 1250,
			  .cpu_milliwatt = 7000, .chip = "big" };

	for (unsigned h = 0; h < 24; h++)
		p.carbon_g_kwh[h] = 580;
	return p;
}

static int64_t cost(const struct pool *p, uint32_t nodes, uint32_t cpu_milli, uint32_t accels,
		    uint32_t accel_milli, int64_t run_ms)
{
	struct rate r;

	price_at(p, NULL, 0, &r);
	return meter_cost_micro(&r, nodes, cpu_milli, accels, accel_milli, run_ms);
}

static void an_hour_costs_what_the_price_list_says(void **state)
{
	struct pool p = site();

	assert_int_equal(cost(&p, 1, 1000, 0, 0, HOUR), 120000);
	assert_int_equal(cost(&p, 2, 1500, 0, 0, HOUR), 360000);
	assert_int_equal(cost(&p, 1, 0, 8, 1000, HOUR), 64000000);
	assert_int_equal(cost(&p, 1, 1000, 1, 500, HOUR / 2), 60000 + 2000000);
}

static void a_millisecond_is_billed_and_rounded_to_the_nearest(void **state)
{
	struct pool p = site();

	p.cpu_hour_micro = HOUR;        /* one micro-yuan for a millisecond */
	assert_int_equal(cost(&p, 1, 1000, 0, 0, 1), 1);
	assert_int_equal(cost(&p, 1, 500, 0, 0, 1), 1);
	assert_int_equal(cost(&p, 1, 499, 0, 0, 1), 0);
	assert_int_equal(cost(&p, 1, 1499, 0, 0, 1), 1);
}

static void no_time_and_no_price_cost_nothing(void **state)
{
	struct pool p = site();
	struct catalogue c;

	chips(&c);
	assert_int_equal(cost(&p, 1, 1000, 8, 1000, 0), 0);
	assert_int_equal(cost(&p, 1, 1000, 8, 1000, -5), 0);
	assert_int_equal(meter_energy_j(&p, &c, 1, 1000, 8, 1000, -5), 0);
	assert_int_equal(meter_carbon_mg(&p, 100, 0, 0), 0);
	assert_int_equal(meter_carbon_mg(&p, 0, 0, 100), 0);
	assert_int_equal(meter_carbon_mg(&p, -1, 0, -1), 0);
	p.cpu_hour_micro = 0;
	assert_int_equal(cost(&p, 1, 1000, 0, 0, HOUR), 0);
	catalogue_done(&c);
}

static void energy_is_power_times_pue_times_time(void **state)
{
	struct pool p = site();
	struct catalogue c;

	chips(&c);
	/* 4 cpus * 7 W * 1.25 * 100 s */
	assert_int_equal(meter_energy_j(&p, &c, 1, 4000, 0, 0, 100000), 3500);
	/* + 2 devices * 400 W, half of each, on two nodes */
	assert_int_equal(meter_energy_j(&p, &c, 2, 4000, 2, 500, 100000), 2 * (3500 + 50000));
	catalogue_done(&c);
}

static void a_chip_of_unknown_power_is_not_the_greenest(void **state)
{
	struct pool p = site();
	struct catalogue c;

	chips(&c);
	p.chip = "silent";
	assert_int_equal(meter_energy_j(&p, &c, 1, 0, 1, 1000, 1000), 500);
	p.chip = "small";
	assert_int_equal(meter_energy_j(&p, &c, 1, 0, 1, 1000, 1000), 188);  /* 187.5 */
	catalogue_done(&c);
}

static void carbon_follows_the_hours_of_the_run(void **state)
{
	struct pool p = site();

	/* 1 kWh at 580 g/kWh, whenever and however long */
	assert_int_equal(meter_carbon_mg(&p, 3600000, 12345, HOUR), 580000);
	assert_int_equal(meter_carbon_mg(&p, 3600000, -12345, 3 * DAY + 7), 580000);
	p.carbon_g_kwh[1] = 100;
	assert_int_equal(meter_carbon_mg(&p, 3600000, HOUR, HOUR), 100000);
	assert_int_equal(meter_carbon_mg(&p, 3600000, HOUR / 2, HOUR), 340000);
	assert_int_equal(meter_carbon_mg(&p, 3600000, 23 * HOUR, 4 * HOUR), 460000);
	assert_int_equal(meter_carbon_mg(&p, 3600000, -HOUR, 2 * HOUR), 580000);
	assert_int_equal(meter_carbon_mg(&p, 3600000, 5 * DAY, 2 * DAY), 560000);
}

static void the_parts_of_a_run_burn_what_the_whole_burns(void **state)
{
	struct pool p = site();
	struct rng r = { 99 };

	for (unsigned h = 0; h < 24; h++)
		p.carbon_g_kwh[h] = (uint32_t)rng_below(&r, 1000);
	for (int i = 0; i < 2000; i++) {
		int64_t start = (int64_t)rng_below(&r, 40 * DAY),
			a = 1 + (int64_t)rng_below(&r, 3 * DAY);
		int64_t b = 1 + (int64_t)rng_below(&r, 3 * DAY);
		/* one joule a millisecond */
		int64_t whole = meter_carbon_mg(&p, a + b, start, a + b);
		int64_t parts =
			meter_carbon_mg(&p, a, start, a) + meter_carbon_mg(&p, b, start + a, b);

		assert_true(whole - parts >= -1 && whole - parts <= 1);
	}
}

static void the_largest_figures_do_not_overflow(void **state)
{
	struct pool p = site();
	struct catalogue c;

	chips(&c);
	p.cpu_hour_micro = p.accel_hour_micro = 1000000000000;
	p.cpu_milliwatt = 1000000;
	p.pue_milli = 5000;
	for (unsigned h = 0; h < 24; h++)
		p.carbon_g_kwh[h] = 2000;
	assert_true(cost(&p, PLACE_NODES_MAX, 4096000, 16, 1000, INT64_MAX) ==
		    INT64_MAX);
	assert_true(meter_energy_j(&p, &c, PLACE_NODES_MAX, 4096000, 16, 1000, INT64_MAX) > 0);
	assert_true(meter_carbon_mg(&p, INT64_MAX, INT64_MIN, INT64_MAX) > 0);
	assert_true(meter_carbon_mg(&p, INT64_MAX, INT64_MAX, INT64_MAX) > 0);
	catalogue_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_hour_costs_what_the_price_list_says),
		cmocka_unit_test(a_millisecond_is_billed_and_rounded_to_the_nearest),
		cmocka_unit_test(no_time_and_no_price_cost_nothing),
		cmocka_unit_test(energy_is_power_times_pue_times_time),
		cmocka_unit_test(a_chip_of_unknown_power_is_not_the_greenest),
		cmocka_unit_test(carbon_follows_the_hours_of_the_run),
		cmocka_unit_test(the_parts_of_a_run_burn_what_the_whole_burns),
		cmocka_unit_test(the_largest_figures_do_not_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
