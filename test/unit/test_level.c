/* test_level.c - one value, one spelling */

#include "../lib/domain.h"

static int decode(const char *text, enum dec_need need, enum level *ret, struct err *err)
{
	json_t *v = json_of(text);
	struct arena a;
	struct dec d;
	int r;

	arena_init(&a);
	dec_begin(&d, v, "", NULL, &a, err);
	dec_level(&d, "level", need, ret);
	r = dec_end(&d);
	arena_done(&a);
	json_decref(v);
	return r;
}

static void every_level_comes_back_from_its_name_and_its_json(void **state)
{
	for (int l = LEVEL_1; l < LEVEL_COUNT; l++) {
		json_t *obj = json_pack("{s:o}", "level", level_json((enum level)l));
		char *text = json_dumps(obj, 0);
		enum level back = LEVEL_NONE;

		assert_int_equal(level_parse(level_name((enum level)l), &back), 0);
		assert_int_equal(back, l);
		back = LEVEL_NONE;
		assert_int_equal(decode(text, DEC_NEED, &back, NULL), 0);
		assert_int_equal(back, l);
		free(text);
		json_decref(obj);
	}
}

static void important_stands_above_general_and_below_core(void **state)
{
	assert_true(LEVEL_IMPORTANT > LEVEL_4);
	assert_true(LEVEL_CORE > LEVEL_IMPORTANT);
}

static void an_absent_level_keeps_the_default(void **state)
{
	enum level l = LEVEL_3;

	assert_int_equal(decode("{}", DEC_OPT, &l, NULL), 0);
	assert_int_equal(decode("{'level':null}", DEC_OPT, &l, NULL), 0);
	assert_int_equal(l, LEVEL_3);
}

static void other_values_are_refused(void **state)
{
	static const char *const bad[] = {
		"{'level':0}", "{'level':5}", "{'level':-1}", "{'level':1.0}", "{'level':'2'}",
		"{'level':'Core'}", "{'level':''}", "{'level':true}", "{'level':[1]}",
		"{'level':9223372036854775807}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		enum level l = LEVEL_3;
		struct err err;

		assert_int_equal(decode(bad[i], DEC_OPT, &l, &err), ERR_E_INPUT);
		assert_int_equal(l, LEVEL_3);
		says(&err, "level", "must be 1, 2, 3, 4");
	}
}

static void a_missing_level_is_refused_where_one_is_needed(void **state)
{
	enum level l = LEVEL_NONE;
	struct err err;

	assert_int_equal(decode("{}", DEC_NEED, &l, &err), ERR_E_INPUT);
	says(&err, "level", "is missing");
}

static void a_name_that_is_no_level_is_refused(void **state)
{
	enum level l = LEVEL_NONE;

	assert_int_equal(level_parse("", &l), 1);
	assert_int_equal(level_parse("0", &l), 1);
	assert_int_equal(level_parse("general", &l), 1);
	assert_int_equal(l, LEVEL_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_level_comes_back_from_its_name_and_its_json),
		cmocka_unit_test(important_stands_above_general_and_below_core),
		cmocka_unit_test(an_absent_level_keeps_the_default),
		cmocka_unit_test(other_values_are_refused),
		cmocka_unit_test(a_missing_level_is_refused_where_one_is_needed),
		cmocka_unit_test(a_name_that_is_no_level_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
