/* test_guard.c - wrong ones are counted by source and by name, in memory that does not grow */

#include "api/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const int64_t now = 1800000000000;

static void address(uint8_t out[16], uint32_t v4)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

	memcpy(out, mapped, 12);
	memcpy(out + 12, &v4, 4);
}

static void a_burst_of_wrong_ones_is_answered_and_then_told_to_wait(void **state)
{
	struct guard *g = guard_new();
	uint8_t a[16], b[16];

	address(a, 1);
	address(b, 2);
	for (int i = 0; i < GUARD_BURST; i++)
		assert_int_equal(guard_wrong(g, a, now), 0);
	assert_true(guard_wrong(g, a, now) > 0);
	assert_true(guard_wait(g, a, now) > 0);
	assert_int_equal(guard_wrong(g, b, now), 0);    /* the neighbour is not meant */
	/* The bucket fills up again. */
	assert_int_equal(guard_wait(g, a, now + 1000 * GUARD_BURST / GUARD_PER_S), 0);
	assert_int_equal(guard_wrong(g, a, now + 1000 * GUARD_BURST / GUARD_PER_S), 0);
	guard_free(g);
}

static void a_flood_is_forgiven_within_seconds(void **state)
{
	struct guard *g = guard_new();
	uint8_t a[16];

	address(a, 1);
	for (int i = 0; i < 1000000; i++)
		assert_true(guard_wrong(g, a, now) <= 2);
	assert_int_equal(guard_wait(g, a, now + 2000), 0);
	assert_int_equal(guard_wrongs(g), 1000000);
	guard_free(g);
}

static void a_clock_that_goes_back_locks_nobody_out(void **state)
{
	struct guard *g = guard_new();
	uint8_t a[16];

	address(a, 1);
	for (int i = 0; i < 10 * GUARD_BURST; i++)
		guard_wrong(g, a, now);
	assert_true(guard_wrong(g, a, now - 3600 * 1000) <= 2);
	assert_int_equal(guard_wait(g, a, now - 3600 * 1000 + 3000), 0);
	guard_free(g);
}

static void addresses_of_one_network_are_one_source(void **state)
{
	struct guard *g = guard_new();
	uint8_t a[16] = { 0x20, 1, 0xd, 0xb8, 0, 0, 0, 1 };

	for (int i = 0; i <= GUARD_BURST; i++) {
		a[15] = (uint8_t)i;
		guard_wrong(g, a, now);
	}
	a[15] = 200;
	assert_true(guard_wait(g, a, now) > 0);
	a[7] = 2;
	assert_int_equal(guard_wait(g, a, now), 0);
	guard_free(g);
}

/* The table is full of strangers, and the one who floods is still known: whoever used least
 * of its bucket makes room. */
static void a_million_sources_do_not_wash_out_a_flood(void **state)
{
	struct guard *g = guard_new();
	uint8_t a[16], b[16];

	address(a, 0);
	for (int i = 0; i < 2 * GUARD_BURST; i++)
		guard_wrong(g, a, now);
	for (uint32_t i = 1; i < 1000000; i++) {
		address(b, i);
		guard_wrong(g, b, now);
	}
	assert_true(guard_wait(g, a, now) > 0);
	assert_int_equal(guard_sources(g), GUARD_SOURCES);
	guard_free(g);
}

static void a_name_is_locked_after_some_wrong_passwords(void **state)
{
	struct guard *g = guard_new();

	for (int i = 0; i < GUARD_TRIES; i++)
		assert_int_equal(guard_try(g, "li", now), 0);
	assert_in_range(guard_try(g, "li", now), GUARD_LOCK_S, GUARD_LOCK_S + 1);
	assert_true(guard_try(g, "li", now + GUARD_LOCK_S * 1000 - 1) > 0);
	/* One more try, and the next lock is twice as long … */
	assert_int_equal(guard_try(g, "li", now + GUARD_LOCK_S * 1000), 0);
	assert_in_range(guard_try(g, "li", now + GUARD_LOCK_S * 1000), 2 * GUARD_LOCK_S,
			2 * GUARD_LOCK_S + 1);
	assert_int_equal(guard_try(g, "wang", now), 0);
	guard_free(g);
}

static void a_lock_does_not_grow_for_ever(void **state)
{
	struct guard *g = guard_new();
	int64_t at = now;

	for (int i = 0; i < 100; i++) {
		unsigned wait = guard_try(g, "li", at);

		assert_true(wait <= GUARD_LOCK_MAX_S + 1);
		at += (int64_t)wait * 1000;
	}
	assert_int_equal(guard_try(g, "li", at + GUARD_FORGET_S * 1000 + 1000 * GUARD_LOCK_MAX_S), 0);
	assert_int_equal(guard_try(g, "li", at + GUARD_FORGET_S * 1000 + 1000 * GUARD_LOCK_MAX_S), 0);
	guard_free(g);
}

static void a_right_password_forgets_the_wrong_ones(void **state)
{
	struct guard *g = guard_new();

	for (int i = 0; i < 20; i++) {
		for (int k = 0; k < GUARD_TRIES; k++)
			assert_int_equal(guard_try(g, "li", now), 0);
		guard_right(g, "li");
	}
	guard_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_of_wrong_ones_is_answered_and_then_told_to_wait),
		cmocka_unit_test(a_flood_is_forgiven_within_seconds),
		cmocka_unit_test(a_clock_that_goes_back_locks_nobody_out),
		cmocka_unit_test(addresses_of_one_network_are_one_source),
		cmocka_unit_test(a_million_sources_do_not_wash_out_a_flood),
		cmocka_unit_test(a_name_is_locked_after_some_wrong_passwords),
		cmocka_unit_test(a_lock_does_not_grow_for_ever),
		cmocka_unit_test(a_right_password_forgets_the_wrong_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
