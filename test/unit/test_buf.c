/* test_buf.c - it grows to its ceiling and no further */

#include "base/buf.h"

#include <errno.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void an_empty_buffer_is_an_empty_string(void **state)
{
	struct buf b, zero = { 0 };

	buf_init(&b, 10);
	assert_string_equal(b.data, "");
	assert_int_equal(buf_str(&b, ""), 0);
	assert_string_equal(b.data, "");
	buf_reset(&b);
	buf_eat(&b, 0);
	buf_done(&b);
	buf_done(&zero);
}

static void bytes_and_text_follow_each_other(void **state)
{
	struct buf b;

	buf_init(&b, 10000);
	for (int i = 0; i < 500; i++)
		assert_int_equal(buf_printf(&b, "%03d,", i), 0);
	assert_int_equal(b.len, 2000);
	assert_int_equal(strlen(b.data), 2000);
	assert_memory_equal(b.data + 1996, "499,", 4);
	buf_eat(&b, 1996);
	assert_string_equal(b.data, "499,");
	assert_int_equal(buf_add(&b, "a\0b", 3), 0);
	assert_int_equal(b.len, 7);
	buf_reset(&b);
	assert_string_equal(b.data, "");
	buf_done(&b);
}

static void exactly_the_ceiling_fits(void **state)
{
	struct buf b;

	buf_init(&b, 8);
	assert_int_equal(buf_printf(&b, "%s", "12345678"), 0);
	assert_false(b.full);
	assert_int_equal(buf_str(&b, "9"), -ENOBUFS);
	assert_string_equal(b.data, "12345678");
	buf_done(&b);
}

static void a_write_past_the_ceiling_adds_nothing_and_sticks(void **state)
{
	struct buf b;

	buf_init(&b, 8);
	assert_int_equal(buf_str(&b, "1234"), 0);
	assert_int_equal(buf_printf(&b, "%s", "56789"), -ENOBUFS);
	assert_true(b.full);
	assert_string_equal(b.data, "1234");
	assert_int_equal(buf_str(&b, "5"), -ENOBUFS);
	assert_int_equal(buf_printf(&b, "5"), -ENOBUFS);
	assert_string_equal(b.data, "1234");
	buf_reset(&b);
	assert_int_equal(buf_str(&b, "5"), 0);
	buf_done(&b);
}

static void numbers_are_written_to_their_ends(void **state)
{
	struct buf b;

	buf_init(&b, 64);
	assert_int_equal(buf_num(&b, 0), 0);
	buf_str(&b, " ");
	buf_num(&b, -10);
	buf_str(&b, " ");
	buf_num(&b, INT64_MAX);
	buf_str(&b, " ");
	buf_num(&b, INT64_MIN);
	assert_string_equal(b.data, "0 -10 9223372036854775807 -9223372036854775808");
	buf_done(&b);
	buf_init(&b, 2);
	assert_int_equal(buf_num(&b, 100), -ENOBUFS);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_buffer_is_an_empty_string),
		cmocka_unit_test(bytes_and_text_follow_each_other),
		cmocka_unit_test(exactly_the_ceiling_fits),
		cmocka_unit_test(numbers_are_written_to_their_ends),
		cmocka_unit_test(a_write_past_the_ceiling_adds_nothing_and_sticks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
