/* test_fnv.c - the values that its authors published */

#include "base/fnv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void the_published_values_come_out(void **state)
{
	assert_int_equal(fnv32(""), 0x811c9dc5);
	assert_int_equal(fnv32("a"), 0xe40c292c);
	assert_int_equal(fnv32("foobar"), 0xbf9cf968);
	assert_true(fnv64(FNV64, "") == 0xcbf29ce484222325ULL);
	assert_true(fnv64(FNV64, "a") == 0xaf63dc4c8601ec8cULL);
	assert_true(fnv64(FNV64, "foobar") == 0x85944171f73967e8ULL);
}

static void a_text_may_come_in_parts_and_bytes_have_no_sign(void **state)
{
	assert_true(fnv64(fnv64(FNV64, "foo"), "bar") == fnv64(FNV64, "foobar"));
	assert_true(fnv64(FNV64, NULL) == FNV64);
	assert_int_equal(fnv32("\xff"), (0x811c9dc5U ^ 0xff) * 0x01000193U);
	assert_true(fnv64(FNV64, "\xff") == (FNV64 ^ 0xff) * 0x100000001b3ULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_values_come_out),
		cmocka_unit_test(a_text_may_come_in_parts_and_bytes_have_no_sign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
