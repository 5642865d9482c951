/* test_tes.c - the TES border: urls, quoting, and a document becomes a native task or is refused */

#include "api/tes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;

/* Each test has the arena for itself. */
static int setup(void **state)
{
	arena_init(&arena);
	return 0;
}

static int teardown(void **state)
{
	arena_done(&arena);
	return 0;
}

static json_t *parse(const char *text)
{
	json_error_t e;
	json_t *v = json_loads(text, 0, &e);

	if (!v)
		fail_msg("%s: %s", text, e.text);
	return v;
}

/* The native task of a document. */
static json_t *native(const char *text)
{
	json_t *v = parse(text), *out = NULL;
	struct tes_doc d;
	struct err err;

	if (tes_doc_read(v, &arena, &d, &err) || tes_native(&d, &out, &err))
		fail_msg("%s: %s: %s", text, err.field, err.text);
	tes_doc_done(&d);
	json_decref(v);
	return out;
}

static const char *text_of(const json_t *v, const char *key)
{
	return json_string_value(json_object_get(v, key));
}

static void a_url_is_written_as_the_native_task_wants_it(void **state)
{
	assert_string_equal(tes_url(&arena, "/a b%41"), "file:///a%20b%2541");
	assert_string_equal(tes_url(&arena, "file:///a?b#c%41"), "file:///a%3Fb%23c%41");
	assert_string_equal(tes_url(&arena, "file:///dir/"), "file:///dir");
	assert_string_equal(tes_url(&arena, "file:///"), "file:///");
	assert_string_equal(tes_url(&arena, "https://h/a?b=c/"), "https://h/a?b=c/");
	assert_string_equal(tes_url(&arena, "/\xe7\xae\x97"), "file:///%E7%AE%97");
	assert_string_equal(tes_url(&arena, "s3://b/k"), "s3://b/k");
}

static void a_content_comes_back_from_the_script(void **state)
{
	json_t *doc = native("{\"executors\":[{\"image\":\"x\",\"command\":[\"true\"]}],"
			     "\"inputs\":[{\"path\":\"/a\",\"url\":\"/x\"},"
			     "{\"path\":\"/b\",\"content\":\"it's '\"}]}");
	const json_t *at = json_object_get(json_object_get(doc, "meta"), "contents");
	json_t *v;

	assert_true(json_is_null(json_array_get(at, 0)));
	at = json_array_get(at, 1);
	v = tes_unquote(text_of(doc, "script"), json_integer_value(json_array_get(at, 0)),
			json_integer_value(json_array_get(at, 1)));
	assert_string_equal(json_string_value(v), "it's '");
	json_decref(v);
	json_decref(doc);
}

static void a_place_outside_the_script_is_no_content(void **state)
{
	static const int64_t places[][2] = {
		{ -1, 2 }, { 0, 100 }, { 100, 2 }, { 0, 1 }, { 0, -5 }, { INT64_MAX, INT64_MAX },
		{ INT64_MIN, 2 }, { 3, INT64_MAX },
	};
	json_t *v;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		assert_null(tes_unquote("'abc'", places[i][0], places[i][1]));
	assert_null(tes_unquote(NULL, 0, 2));
	/* A forged place within it is some text, read within its bounds. */
	for (int64_t n = 2; n <= 5; n++) {
		v = tes_unquote("a'b'c", 0, n);
		json_decref(v);
	}
}

static void an_exit_of_ours_is_not_the_executors(void **state)
{
	struct task t = { .state = TASK_FAILED, .phase = PHASE_COMMAND, .end = RUN_END_EXIT,
			  .exit_code = 1 };

	assert_string_equal(tes_state(&t), "EXECUTOR_ERROR");
	t.exit_code = 125;
	assert_string_equal(tes_state(&t), "SYSTEM_ERROR");
	t.end = RUN_END_WALLTIME;
	assert_string_equal(tes_state(&t), "EXECUTOR_ERROR");
	t.phase = PHASE_OUTPUT;
	assert_string_equal(tes_state(&t), "SYSTEM_ERROR");
	t = (struct task){ .state = TASK_FAILED };
	assert_string_equal(tes_state(&t), "SYSTEM_ERROR");
}

static void every_state_has_a_name_in_tes(void **state)
{
	struct task t = { 0 };

	assert_string_equal(tes_state(&t), "UNKNOWN");
	for (int s = TASK_NONE + 1; s < TASK_STATE_COUNT; s++) {
		t.state = (enum task_state)s;
		assert_string_not_equal(tes_state(&t), "UNKNOWN");
	}
	t = (struct task){ .state = TASK_RUNNING, .cancel_wanted = true };
	assert_string_equal(tes_state(&t), "RUNNING");
}

static void a_name_too_long_for_the_native_task_is_cut_between_letters(void **state)
{
	char text[600];
	json_t *doc;

	strcpy(text, "{\"executors\":[{\"image\":\"x\",\"command\":[\"true\"]}],\"name\":\"a");
	for (int i = 0; i < 100; i++)
		strcat(text, "\xe7\xae\x97");
	strcat(text, "\"}");
	doc = native(text);
	assert_int_equal(strlen(text_of(doc, "name")), 127);
	assert_int_equal(strlen(text_of(json_object_get(json_object_get(doc, "meta"), "tes"), "name")),
			 301);
	json_decref(doc);
}

static void refused(const char *text, const char *field)
{
	json_t *v = parse(text), *out = NULL;
	struct tes_doc d;
	struct err err;
	int r = tes_doc_read(v, &arena, &d, &err);

	if (!r)
		r = tes_native(&d, &out, &err);
	assert_int_equal(r, ERR_E_INPUT);
	assert_string_equal(err.field, field);
	tes_doc_done(&d);
	json_decref(v);
}

static void what_is_no_document_is_refused(void **state)
{
	refused("[]", "");
	refused("{}", "executors");
	refused("{\"executors\":{}}", "executors");
	refused("{\"executors\":[1]}", "executors[0]");
	refused("{\"executors\":[null]}", "executors[0]");
	refused("{\"inputs\":[[]],\"executors\":[{}]}", "inputs[0]");
	refused("{\"resources\":[],\"executors\":[{\"image\":\"x\",\"command\":[\"a\"]}]}", "resources");
}

static void a_refusal_names_the_field_of_the_document(void **state)
{
	json_t *v = parse("{\"executors\":[{\"image\":\"x\",\"command\":[\"true\"]}],\"inputs\":["
			  "{\"path\":\"/a\",\"content\":\"x\"},{\"path\":\"/b\",\"url\":\"/x\"}]}");
	static const char *const pairs[][2] = {
		{ "inputs[0].url", "inputs[1].url" }, { "memory_mb", "resources.ram_gb" },
		{ "outputs[3].url", "outputs[3].url" }, { "script", "executors" }, { "", "" },
		{ "walltime_s", "resources.backend_parameters.walltime_s" },
		{ "inputs[9].url", "inputs[0].url" },
	};
	struct tes_doc d;
	struct err err;

	assert_int_equal(tes_doc_read(v, &arena, &d, &err), 0);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		err_field(&err, pairs[i][0], "wrong");
		tes_blame(&d, &err);
		assert_string_equal(err.field, pairs[i][1]);
	}
	tes_doc_done(&d);
	json_decref(v);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_url_is_written_as_the_native_task_wants_it),
		TEST(a_content_comes_back_from_the_script),
		TEST(a_place_outside_the_script_is_no_content),
		TEST(an_exit_of_ours_is_not_the_executors),
		TEST(every_state_has_a_name_in_tes),
		TEST(a_name_too_long_for_the_native_task_is_cut_between_letters),
		TEST(what_is_no_document_is_refused),
		TEST(a_refusal_names_the_field_of_the_document),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
