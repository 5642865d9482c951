/* test_hide.c - what is its owner's alone is hidden at any depth, and nothing else is */

#include "domain/hide.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* hide_private() makes `want` of `text`; it says whether that is a difference. */
static void becomes(const char *text, const char *want)
{
	json_t *doc = json_loads(text, 0, NULL), *wanted = json_loads(want, 0, NULL);
	bool differs;

	assert_non_null(doc);
	assert_non_null(wanted);
	differs = !json_equal(doc, wanted);
	if (differs)
		assert_true(hide_may_be(text, strlen(text)));
	assert_int_equal(hide_private(doc), differs);
	assert_true(json_equal(doc, wanted));
	assert_false(hide_private(doc));        /* once is enough */
	json_decref(doc);
	json_decref(wanted);
}

static void values_of_an_environment_are_hidden_and_names_are_not(void **state)
{
	becomes("{\"env\":{\"KEY\":\"s3cret\",\"B\":\"\"}}", "{\"env\":{\"KEY\":\"***\",\"B\":\"***\"}}");
	becomes("{\"env\":{}}", "{\"env\":{}}");
	becomes("{\"env\":\"a text\"}", "{\"env\":\"a text\"}");
}

static void what_stands_behind_a_question_mark_is_hidden(void **state)
{
	becomes("{\"inputs\":[{\"url\":\"https://s/b/k?X-Amz-Signature=ab#c\",\"path\":\"what?\"}]}",
		"{\"inputs\":[{\"url\":\"https://s/b/k?***\",\"path\":\"what?\"}]}");
	becomes("{\"outputs\":[{\"url\":\"https://s/b/k?\"},{\"url\":\"file:///a\"}]}",
		"{\"outputs\":[{\"url\":\"https://s/b/k?***\"},{\"url\":\"file:///a\"}]}");
	becomes("{\"dataset\":{\"name\":\"d\",\"url\":\"http://h/x?sig=1\"}}",
		"{\"dataset\":{\"name\":\"d\",\"url\":\"http://h/x?***\"}}");
	becomes("{\"url\":7}", "{\"url\":7}");
}

static void so_is_what_a_border_kept_and_the_script_that_was_made_of_it(void **state)
{
	becomes("{\"script\":\"export K='s'\",\"meta\":{\"tes\":{\"executors\":[{\"env\":{\"K\":\"s\"}}]}}}",
		"{\"script\":\"***\",\"meta\":{\"tes\":{\"executors\":[{\"env\":{\"K\":\"***\"}}]}}}");
	becomes("{\"script\":\"true\",\"meta\":{\"tes\":{\"inputs\":[{\"url\":\"http://h/?a\"}]}}}",
		"{\"script\":\"true\",\"meta\":{\"tes\":{\"inputs\":[{\"url\":\"http://h/?***\"}]}}}");
}

static void the_rest_is_shown(void **state)
{
	static const char text[] = "{\"name\":\"a\",\"script\":\"echo $KEY?\",\"command\":[\"?\"],\"nodes\":1}";

	becomes(text, text);
	assert_false(hide_may_be("{\"name\":\"a\"}", 12));
	assert_false(hide_private(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_an_environment_are_hidden_and_names_are_not),
		cmocka_unit_test(what_stands_behind_a_question_mark_is_hidden),
		cmocka_unit_test(so_is_what_a_border_kept_and_the_script_that_was_made_of_it),
		cmocka_unit_test(the_rest_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
