/* test_err.c - words fit, are cut at characters and may name themselves */

#include "base/err.h"

#include <errno.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void the_result_is_passed_on(void **state)
{
	struct err err;

	assert_int_equal(err_set(&err, -EIO, "could not read %s", "it"), -EIO);
	assert_string_equal(err.text, "could not read it");
	assert_int_equal(err_set(NULL, -EIO, "nobody reads this"), -EIO);
	assert_int_equal(err_field(NULL, "a", "nobody"), ERR_E_INPUT);
	assert_int_equal(err_prefix(NULL, 3, "nobody"), 3);
	err_hint(NULL, "nobody");
}

static void a_new_error_forgets_the_old_one(void **state)
{
	struct err err;

	assert_int_equal(err_field(&err, "pools[0].name", "is missing"), ERR_E_INPUT);
	err_hint(&err, "give it one");
	err.line = 7;
	assert_string_equal(err.field, "pools[0].name");
	assert_string_equal(err.hint, "give it one");
	err_set(&err, 1, "another");
	assert_string_equal(err.field, "");
	assert_string_equal(err.hint, "");
	assert_int_equal(err.line, 0);
}

static void a_prefix_keeps_the_rest(void **state)
{
	struct err err;

	err_field(&err, "name", "is missing");
	err.line = 4;
	assert_int_equal(err_prefix(&err, 1, "could not read %s: ", "a.yaml"), 1);
	assert_string_equal(err.text, "could not read a.yaml: is missing");
	assert_string_equal(err.field, "name");
	assert_int_equal(err.line, 4);
}

static void an_error_may_quote_itself(void **state)
{
	struct err err;

	err_field(&err, "name", "is missing");
	err_field(&err, err.field, "%s: %s", err.field, err.text);
	assert_string_equal(err.text, "name: is missing");
	assert_string_equal(err.field, "name");
	err_hint(&err, "see %s", err.field);
	assert_string_equal(err.hint, "see name");
}

static void long_words_are_cut_at_a_character(void **state)
{
	char words[1000] = "";
	struct err err;

	for (int i = 0; i < 300; i++)
		strcat(words, "\xe7\xae\x97");
	err_set(&err, 1, "%s", words);
	assert_int_equal(strlen(err.text), 237);
	err_set(&err, 1, "x%s", words);
	assert_int_equal(strlen(err.text), 238);
	err_prefix(&err, 1, "%s", words);
	assert_int_equal(strlen(err.text), 237);
	err_field(&err, words, "y");
	assert_int_equal(strlen(err.field), 117);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_result_is_passed_on),
		cmocka_unit_test(a_new_error_forgets_the_old_one),
		cmocka_unit_test(a_prefix_keeps_the_rest),
		cmocka_unit_test(an_error_may_quote_itself),
		cmocka_unit_test(long_words_are_cut_at_a_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
