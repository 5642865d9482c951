/* test_array.c - which elements an array has */

#include "../lib/domain.h"

#include <stdio.h>

static void gives(const char *text, const char *indices, uint32_t limit)
{
	uint32_t n = 0, got_limit = 99;
	const uint32_t *v = NULL;
	char out[512] = "";
	struct arena a;
	struct err err;

	arena_init(&a);
	if (array_parse(text, &a, &v, &n, &got_limit, &err) != 0)
		fail_msg("%s: %s", text, err.text);
	for (uint32_t i = 0; i < n; i++)
		snprintf(out + strlen(out), sizeof(out) - strlen(out), i ? " %u" : "%u", v[i]);
	assert_string_equal(out, indices);
	assert_int_equal(got_limit, limit);
	arena_done(&a);
}

static void refused(const char *text, const char *words)
{
	uint32_t n = 77, limit = 77;
	const uint32_t *v = NULL;
	struct arena a;
	struct err err;

	arena_init(&a);
	if (array_parse(text, &a, &v, &n, &limit, &err) != ERR_E_INPUT)
		fail_msg("\"%s\" was taken", text);
	if (!strstr(err.text, words))
		fail_msg("\"%s\" does not say \"%s\"", err.text, words);
	assert_null(v);
	assert_int_equal(n, 77);
	arena_done(&a);
}

static void ranges_lists_and_steps_are_read(void **state)
{
	gives("0", "0", 0);
	gives("0-3", "0 1 2 3", 0);
	gives("1,3,5-7", "1 3 5 6 7", 0);
	gives("0-100:25", "0 25 50 75 100", 0);
	gives("0-9:4", "0 4 8", 0);
	gives("7-7", "7", 0);
}

static void a_limit_stands_behind_the_percent_sign(void **state)
{
	gives("0-2%4", "0 1 2", 4);
	gives("1,2%1", "1 2", 1);
}

static void indices_ascend_without_doubles(void **state)
{
	gives("5,3,4,3-5", "3 4 5", 0);
}

static void the_largest_array_is_taken_and_one_more_is_refused(void **state)
{
	uint32_t n = 0, limit;
	const uint32_t *v;
	struct arena a;

	arena_init(&a);
	assert_int_equal(array_parse("0-99999", &a, &v, &n, &limit, NULL), 0);
	assert_int_equal(n, TASK_ARRAY_MAX);
	arena_done(&a);
	refused("0-100000", "at most 100000");
	refused("0-99999999", "at most 100000");
	refused("0-99999,0-99999", "at most 100000");
}

static void a_range_must_not_run_backwards(void **state)
{
	refused("5-3", "whose end is not below");
	refused("5-", "whose end is not below");
}

static void a_step_must_be_at_least_one(void **state)
{
	refused("0-9:0", "a step of at least 1");
	refused("0-9:", "a step of at least 1");
	refused("5:2", "must end after the indices");
}

static void a_limit_must_be_at_least_one(void **state)
{
	refused("0-9%0", "a limit from 1");
	refused("0-9%", "a limit from 1");
	refused("0-9%4x", "a limit from 1");
	refused("0-9%100001", "a limit from 1");
}

static void what_is_no_index_is_refused(void **state)
{
	refused("", "indices from 0");
	refused("a", "indices from 0");
	refused("-1", "indices from 0");
	refused("1,", "indices from 0");
	refused(",1", "indices from 0");
	refused("1,,2", "indices from 0");
	refused(" 1", "indices from 0");
	refused("1 ", "must end after the indices");
	refused("100000000", "indices from 0");
	refused("99999999999999999999", "indices from 0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_lists_and_steps_are_read),
		cmocka_unit_test(a_limit_stands_behind_the_percent_sign),
		cmocka_unit_test(indices_ascend_without_doubles),
		cmocka_unit_test(the_largest_array_is_taken_and_one_more_is_refused),
		cmocka_unit_test(a_range_must_not_run_backwards),
		cmocka_unit_test(a_step_must_be_at_least_one),
		cmocka_unit_test(a_limit_must_be_at_least_one),
		cmocka_unit_test(what_is_no_index_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
