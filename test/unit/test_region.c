/* test_region.c - whole parts are compared, never letters */

#include "base/region.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void paths_of_up_to_eight_parts_are_regions(void **state)
{
	assert_true(region_ok("cn"));
	assert_true(region_ok("cn/50/500106/park-a"));
	assert_true(region_ok("a/b/c/d/e/f/g/h"));
	assert_true(region_ok("abcdefghijklmnopqrstuvwxyz012345"));
}

static void other_text_is_not_a_region(void **state)
{
	static const char *const bad[] = {
		"", "/", "/cn", "cn/", "cn//50", "CN", "cn/50 ", "cn/..", "a/b/c/d/e/f/g/h/i",
		"abcdefghijklmnopqrstuvwxyz0123456", "cn/\xe9\x87\x8d", "cn\n",
		"abcdefghijklmnopqrstuvwxyz012345/abcdefghijklmnopqrstuvwxyz012345/"
		"abcdefghijklmnopqrstuvwxyz012345/abcdefghijklmnopqrstuvwxyz012345",
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(region_ok(bad[i]));
}

static void a_park_is_within_its_city(void **state)
{
	assert_true(region_within("cn/50/500106", "cn/50"));
	assert_true(region_within("cn/50", "cn/50"));
	assert_true(region_within("cn/50/500106/park-a", "cn"));
}

static void a_neighbour_is_not_within(void **state)
{
	assert_false(region_within("cn/50/500106", "cn/5"));
	assert_false(region_within("cn/5", "cn/50"));
	assert_false(region_within("cn", "cn/50"));
	assert_false(region_within("cn/50", ""));
	assert_false(region_within("", "cn"));
}

static void shared_parts_are_counted(void **state)
{
	assert_int_equal(region_common("cn/50/1", "cn/50/2"), 2);
	assert_int_equal(region_common("cn/50", "cn/50"), 2);
	assert_int_equal(region_common("cn/50", "cn/500"), 1);
	assert_int_equal(region_common("cn", "cn/50"), 1);
	assert_int_equal(region_common("cn", "de"), 0);
	assert_int_equal(region_common("", ""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_of_up_to_eight_parts_are_regions),
		cmocka_unit_test(other_text_is_not_a_region),
		cmocka_unit_test(a_park_is_within_its_city),
		cmocka_unit_test(a_neighbour_is_not_within),
		cmocka_unit_test(shared_parts_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
