/* test_clock.c - times as RFC 3339 writes them */

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_time_is_written_in_utc(void **state)
{
	char text[CLOCK_TEXT_MAX];

	assert_string_equal(clock_format(1795425302120, text), "2026-11-23T09:15:02.120Z");
	assert_string_equal(clock_format(0, text), "1970-01-01T00:00:00.000Z");
	assert_string_equal(clock_format(-1, text), "1969-12-31T23:59:59.999Z");
	clock_format(INT64_MAX, text);
	clock_format(INT64_MIN, text);
}

static int64_t parsed(const char *text)
{
	int64_t ms = -1;

	assert_int_equal(clock_parse(text, &ms), 0);
	return ms;
}

static void a_time_is_read_with_any_offset(void **state)
{
	assert_true(parsed("2026-11-23T09:15:02.120Z") == 1795425302120);
	assert_true(parsed("2026-11-23T17:15:02.12+08:00") == 1795425302120);
	assert_true(parsed("2026-11-23t09:15:02.1209999999999z") == 1795425302120);
	assert_true(parsed("2026-11-23T04:45:02-04:30") == 1795425302000);
	assert_true(parsed("2024-02-29T00:00:00Z") == 1709164800000);
	assert_true(parsed("9999-12-31T23:59:59.999Z") == 253402300799999);
}

static void a_leap_second_ends_a_day(void **state)
{
	int64_t ms;

	assert_true(parsed("2016-12-31T23:59:60Z") == 1483228800000);
	assert_true(parsed("2017-01-01T07:59:60+08:00") == 1483228800000);
	assert_int_equal(clock_parse("2016-12-31T12:00:60Z", &ms), 1);
}

static void other_text_is_not_a_time(void **state)
{
	static const char *const bad[] = {
		"", "now", "2026-11-23", "2026-11-23T09:15:02", "2026-11-23 09:15:02Z",
		"2026-11-23T09:15Z", "2026-11-23T09:15:02.Z", "2026-11-23T09:15:02Z ",
		"2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z",
		"1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-11-23T24:00:00Z",
		"2026-11-23T09:60:02Z", "2026-11-23T09:15:61Z", "2026-11-23T09:15:02+24:00",
		"2026-11-23T09:15:02+0800", "2026-11-23T09:15:02+08:60", "1969-12-31T23:59:59Z",
		"12026-11-23T09:15:02Z", "+026-11-23T09:15:02Z", "2026-1-23T09:15:02Z",
		"9999-12-31T23:59:59-00:01", "1970-01-01T00:00:00+08:00", "1970-01-01T00:00:00Z",
	};
	int64_t ms = 42;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(clock_parse(bad[i], &ms), 1);
	assert_true(ms == 42);
}

static void the_clocks_run(void **state)
{
	int64_t mono = clock_mono_ms();

	assert_true(clock_now_ms() > 1700000000000);
	assert_true(clock_mono_ms() >= mono);
}

static void a_clock_that_goes_evenly_grows_calm(void **state)
{
	struct clock_calm c = { 0 };

	assert_int_equal(clock_calm_ms(&c, 1000000, 5000), 0);
	for (int64_t i = 1; i <= 7200; i++)     /* slewed by a thousandth, two hours long */
		assert_int_equal(clock_calm_ms(&c, 1000000 + 1001 * i, 5000 + 1000 * i), 1000 * i);
}

static void a_clock_that_jumps_is_calm_no_longer(void **state)
{
	static const int64_t jumps[] = { 86400000LL * 365, -86400000LL * 365, CLOCK_JUMP_MS + 1 };

	for (unsigned i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		struct clock_calm c = { 0 };
		int64_t now = 1700000000000, mono = 1000;

		clock_calm_ms(&c, now, mono);
		assert_int_equal(clock_calm_ms(&c, now + 9000, mono + 9000), 9000);
		assert_int_equal(clock_calm_ms(&c, now + jumps[i] + 9000, mono + 9000), 0);
		assert_int_equal(clock_calm_ms(&c, now + jumps[i] + 9500, mono + 9500), 500);
		/* Set right again: that is a jump, too. */
		assert_int_equal(clock_calm_ms(&c, now + 10000, mono + 10000), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_time_is_written_in_utc),
		cmocka_unit_test(a_time_is_read_with_any_offset),
		cmocka_unit_test(a_leap_second_ends_a_day),
		cmocka_unit_test(other_text_is_not_a_time),
		cmocka_unit_test(the_clocks_run),
		cmocka_unit_test(a_clock_that_goes_evenly_grows_calm),
		cmocka_unit_test(a_clock_that_jumps_is_calm_no_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
