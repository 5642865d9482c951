/* test_rng.c - the same numbers everywhere */

#include "base/rng.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_seed_gives_the_published_numbers(void **state)
{
	struct rng r = { 1234567 };

	assert_true(rng_next(&r) == 6457827717110365317ULL);
	assert_true(rng_next(&r) == 3203168211198807973ULL);
	assert_true(rng_next(&r) == 9817491932198370423ULL);
}

static void numbers_stay_below_the_bound_and_reach_each(void **state)
{
	struct rng r = { 1 };
	unsigned count[7] = { 0 };

	for (int i = 0; i < 7000; i++) {
		uint64_t x = rng_below(&r, 7);

		assert_true(x < 7);
		count[x]++;
	}
	for (int i = 0; i < 7; i++)
		assert_in_range(count[i], 850, 1150);
	assert_true(rng_below(&r, 1) == 0);
	assert_true(rng_below(&r, UINT64_MAX) < UINT64_MAX);
}

static void a_mix_depends_on_both_and_on_their_order(void **state)
{
	assert_true(rng_mix(1, 2) == rng_mix(1, 2));
	assert_true(rng_mix(1, 2) != rng_mix(2, 1));
	assert_true(rng_mix(0, 0) != 0);
	assert_true(rng_mix(1, 2) != rng_mix(1, 3));
}

static void secrets_differ(void **state)
{
	char a[64] = "", b[64] = "";

	assert_int_equal(rng_secret(a, sizeof(a)), 0);
	assert_int_equal(rng_secret(b, sizeof(b)), 0);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_int_equal(rng_secret(a, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_seed_gives_the_published_numbers),
		cmocka_unit_test(numbers_stay_below_the_bound_and_reach_each),
		cmocka_unit_test(a_mix_depends_on_both_and_on_their_order),
		cmocka_unit_test(secrets_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
