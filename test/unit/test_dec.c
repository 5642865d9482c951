/* test_dec.c - one straight column, the first failure kept */

#include "base/json.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *const prefer[] = { "", "fastest", "cheapest", "greenest", NULL };

/* A struct with one field of every sort. */
struct thing {
	const char *name;
	int64_t delta;
	uint32_t cpus, pue, n, npairs;
	uint64_t bytes;
	bool gang;
	unsigned prefer;
	const char *const *args, *const *env;
};

static int read_thing(const json_t *v, const struct json_lines *lines, struct arena *arena,
		      struct thing *t, struct err *err)
{
	struct dec d;

	dec_begin(&d, v, "t", lines, arena, err);
	dec_str(&d, "name", DEC_NEED, 1, 8, &t->name);
	dec_i64(&d, "delta", DEC_OPT, -5, 5, &t->delta);
	dec_u32(&d, "cpus", DEC_OPT, 1, 4096, &t->cpus);
	dec_u64(&d, "bytes", DEC_OPT, 1, INT64_MAX, &t->bytes);
	dec_bool(&d, "gang", DEC_OPT, &t->gang);
	dec_milli(&d, "pue", DEC_OPT, 1000, 3000, &t->pue);
	dec_enum(&d, "prefer", DEC_OPT, prefer, &t->prefer);
	dec_strs(&d, "args", DEC_OPT, 3, 4, &t->args, &t->n);
	dec_pairs(&d, "env", DEC_OPT, 2, 4, &t->env, &t->npairs);
	return dec_end(&d);
}

/* One document in both languages, since JSON is YAML. */
static void refused(const char *text, const char *field, const char *words, const char *hint)
{
	struct arena arena = { 0 };
	struct json_lines *lines = NULL;
	struct thing t = { 0 };
	struct err err = { 0 };
	json_t *v = NULL;

	assert_int_equal(json_parse(text, strlen(text), &v, &err), 0);
	assert_int_equal(read_thing(v, NULL, &arena, &t, &err), ERR_E_INPUT);
	assert_string_equal(err.text, words);
	assert_string_equal(err.field, field);
	assert_string_equal(err.hint, hint);
	assert_int_equal(err.line, 0);
	assert_int_equal(read_thing(v, NULL, &arena, &t, NULL), ERR_E_INPUT);
	json_decref(v);
	assert_int_equal(yaml_parse(text, strlen(text), &v, &lines, &err), 0);
	assert_int_equal(read_thing(v, lines, &arena, &t, &err), ERR_E_INPUT);
	assert_string_equal(err.text, words);
	assert_int_equal(err.line, 1);
	json_decref(v);
	json_lines_free(lines);
	arena_done(&arena);
}

static void every_field_is_read(void **state)
{
	static const char text[] =
		"{\"name\": \"a\", \"delta\": -5, \"cpus\": 4096, \"bytes\": 9223372036854775807,"
		" \"gang\": true, \"pue\": 1.125, \"prefer\": \"greenest\","
		" \"args\": [\"x\", \"\"], \"env\": {\"K\": \"v\", \"L\": \"\"}}";
	struct arena arena = { 0 };
	struct thing t = { 0 };
	json_t *v = NULL;

	assert_int_equal(json_parse(text, strlen(text), &v, NULL), 0);
	assert_int_equal(read_thing(v, NULL, &arena, &t, NULL), 0);
	json_decref(v);
	assert_string_equal(t.name, "a");
	assert_true(t.delta == -5 && t.cpus == 4096 && t.bytes == INT64_MAX && t.gang);
	assert_true(t.pue == 1125 && t.prefer == 3 && t.n == 2 && t.npairs == 2);
	assert_string_equal(t.args[0], "x");
	assert_string_equal(t.args[1], "");
	assert_string_equal(t.env[0], "K");
	assert_string_equal(t.env[1], "v");
	assert_string_equal(t.env[3], "");
	arena_done(&arena);
}

static void an_absent_field_keeps_its_default(void **state)
{
	struct arena arena = { 0 };
	struct thing t = { .cpus = 7, .pue = 1500, .gang = true, .n = 9, .bytes = 3 };
	json_t *v = json_pack("{s:s, s:n, s:n, s:n, s:n}", "name", "a", "cpus", "gang", "args",
		"pue");

	assert_int_equal(read_thing(v, NULL, &arena, &t, NULL), 0);
	assert_true(t.cpus == 7 && t.pue == 1500 && t.gang && t.n == 9 && t.bytes == 3);
	json_decref(v);
	arena_done(&arena);
}

static void a_missing_field_is_named(void **state)
{
	refused("{}", "t.name", "is missing", "");
	refused("{\"name\": null}", "t.name", "is missing", "");
}

static void an_unknown_field_is_refused(void **state)
{
	refused("{\"name\": \"a\", \"cpu\": 4}", "t.cpu", "is not known here",
		"did you mean \"cpus\"?");
	refused("{\"name\": \"a\", \"perfer\": null}", "t.perfer", "is not known here",
		"did you mean \"prefer\"?");
	refused("{\"name\": \"a\", \"colour\": true}", "t.colour", "is not known here", "");
	refused("{\"name\": \"a\", \"\": 1}", "t.", "is not known here", "");
}

static void a_very_long_unknown_field_is_refused(void **state)
{
	struct arena arena = { 0 };
	struct thing t;
	struct err err;
	char key[5000];
	json_t *v = json_pack("{s:s}", "name", "a");

	memset(key, 'c', sizeof(key));
	key[sizeof(key) - 1] = '\0';
	json_object_set_new(v, key, json_true());
	assert_int_equal(read_thing(v, NULL, &arena, &t, &err), ERR_E_INPUT);
	assert_string_equal(err.text, "is not known here");
	assert_int_equal(strlen(err.field), sizeof(err.field) - 1);
	json_decref(v);
	arena_done(&arena);
}

static void text_has_bounds(void **state)
{
	refused("{\"name\": \"\"}", "t.name", "must not be empty", "");
	refused("{\"name\": \"123456789\"}", "t.name", "must be at most 8 bytes long, not 9", "");
	refused("{\"name\": []}", "t.name", "must be text", "");
	refused("{\"name\": {}}", "t.name", "must be text", "");
}

static void numbers_have_bounds(void **state)
{
	refused("{\"name\": \"a\", \"cpus\": 0}", "t.cpus", "must be between 1 and 4096, not 0",
		"");
	refused("{\"name\": \"a\", \"cpus\": 4097}", "t.cpus",
		"must be between 1 and 4096, not 4097", "");
	refused("{\"name\": \"a\", \"cpus\": -1}", "t.cpus", "must be between 1 and 4096, not -1",
		"");
	refused("{\"name\": \"a\", \"cpus\": 4294967297}", "t.cpus",
		"must be between 1 and 4096, not 4294967297", "");
	refused("{\"name\": \"a\", \"delta\": -6}", "t.delta", "must be between -5 and 5, not -6",
		"");
	refused("{\"name\": \"a\", \"bytes\": 0}", "t.bytes", "must be at least 1, not 0", "");
	refused("{\"name\": \"a\", \"cpus\": 1.5}", "t.cpus", "must be a whole number", "");
	refused("{\"name\": \"a\", \"cpus\": \"4\"}", "t.cpus", "must be a whole number", "");
	refused("{\"name\": \"a\", \"cpus\": true}", "t.cpus", "must be a whole number", "");
	refused("{\"name\": \"a\", \"gang\": 1}", "t.gang", "must be true or false", "");
}

static void thousandths_are_exact(void **state)
{
	struct arena arena = { 0 };

	for (uint32_t want = 1000; want <= 3000; want++) {
		struct thing t = { 0 };
		char text[64];
		json_t *v = NULL;

		snprintf(text, sizeof(text), "{\"name\": \"a\", \"pue\": %u.%03u}", want / 1000,
			 want % 1000);
		assert_int_equal(json_parse(text, strlen(text), &v, NULL), 0);
		assert_int_equal(read_thing(v, NULL, &arena, &t, NULL), 0);
		assert_int_equal(t.pue, want);
		json_decref(v);
	}
	arena_done(&arena);
	refused("{\"name\": \"a\", \"pue\": 1.0005}", "t.pue", "must have at most three decimals",
		"");
	refused("{\"name\": \"a\", \"pue\": 1.0000001}", "t.pue",
		"must have at most three decimals", "");
	refused("{\"name\": \"a\", \"pue\": 0.5}", "t.pue", "must be between 1 and 3, not 0.5", "");
	refused("{\"name\": \"a\", \"pue\": 9e18}", "t.pue", "must be between 1 and 3, not 9e+18",
		"");
	refused("{\"name\": \"a\", \"pue\": \"1.5\"}", "t.pue", "must be a number", "");
}

static void a_word_outside_the_list_is_refused(void **state)
{
	refused("{\"name\": \"a\", \"prefer\": \"cheap\"}", "t.prefer",
		"must be one of fastest, cheapest, greenest", "");
	refused("{\"name\": \"a\", \"prefer\": \"fastets\"}", "t.prefer",
		"must be one of fastest, cheapest, greenest", "did you mean \"fastest\"?");
	refused("{\"name\": \"a\", \"prefer\": \"\"}", "t.prefer",
		"must be one of fastest, cheapest, greenest", "");
	refused("{\"name\": \"a\", \"prefer\": []}", "t.prefer", "must be text", "");
}

static void lists_have_bounds(void **state)
{
	refused("{\"name\": \"a\", \"args\": {}}", "t.args", "must be a list", "");
	refused("{\"name\": \"a\", \"args\": [\"\", \"\", \"\", \"\"]}", "t.args",
		"must have at most 3 items, not 4", "");
	refused("{\"name\": \"a\", \"args\": [\"\", [1]]}", "t.args[1]", "must be text", "");
	refused("{\"name\": \"a\", \"args\": [null]}", "t.args[0]", "must be text", "");
	refused("{\"name\": \"a\", \"args\": [\"12345\"]}", "t.args[0]",
		"must be at most 4 bytes long, not 5", "");
	refused("{\"name\": \"a\", \"env\": []}", "t.env", "must be an object", "");
	refused("{\"name\": \"a\", \"env\": {\"A\": \"12345\"}}", "t.env.A",
		"must be at most 4 bytes long, not 5", "");
	refused("{\"name\": \"a\", \"env\": {\"ABCDE\": \"1\"}}", "t.env.ABCDE",
		"the name must be at most 4 bytes long", "");
	refused("{\"name\": \"a\", \"env\": {\"A\": \"\", \"B\": \"\", \"C\": \"\"}}", "t.env",
		"must have at most 2 entries, not 3", "");
}

static void the_first_failure_is_kept(void **state)
{
	struct arena arena = { 0 };
	struct err err;
	struct dec d;
	uint32_t n = 7;
	json_t *v = json_pack("{s:i, s:i}", "a", 0, "b", 0);

	dec_begin(&d, v, "", NULL, &arena, &err);
	dec_u32(&d, "a", DEC_NEED, 1, 2, &n);
	dec_u32(&d, "b", DEC_NEED, 0, 2, &n);
	dec_fail(&d, "b", "later");
	assert_null(dec_any(&d, "b", DEC_OPT));
	assert_false(dec_has(&d, "b"));
	assert_int_equal(dec_end(&d), ERR_E_INPUT);
	assert_string_equal(err.field, "a");
	assert_int_equal(n, 7);
	json_decref(v);
	arena_done(&arena);
}

/* More members than the decoder lists. */
static void a_large_object_is_read_and_checked_to_its_end(void **state)
{
	enum { N = DEC_KEYS_MAX + 20 };
	struct arena arena = { 0 };
	json_t *v = json_object();
	struct dec d;
	struct err err;
	int64_t n = 0;
	char key[16];

	for (int i = 0; i < N; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		json_object_set_new(v, key, json_integer(i));
	}
	dec_begin(&d, v, "", NULL, &arena, &err);
	snprintf(key, sizeof(key), "k%d", N - 1);
	dec_i64(&d, key, DEC_NEED, 0, N, &n);
	assert_int_equal(n, N - 1);
	dec_i64(&d, "k3", DEC_NEED, 0, N, &n);
	assert_int_equal(n, 3);
	assert_false(dec_has(&d, "k"));
	assert_int_equal(dec_end(&d), ERR_E_INPUT);
	assert_string_equal(err.text, "is not known here");
	json_decref(v);
	arena_done(&arena);
}

static void only_an_object_is_decoded(void **state)
{
	struct arena arena = { 0 };
	struct err err;
	struct dec d;
	json_t *v = json_array();

	dec_begin(&d, v, "pools[0]", NULL, &arena, &err);
	assert_false(dec_has(&d, "a"));
	assert_int_equal(dec_end(&d), ERR_E_INPUT);
	assert_string_equal(err.text, "must be an object");
	assert_string_equal(err.field, "pools[0]");
	json_decref(v);
	dec_begin(&d, NULL, "", NULL, &arena, &err);
	assert_int_equal(dec_end(&d), ERR_E_INPUT);
	arena_done(&arena);
}

static void a_caller_can_refuse_and_name_children(void **state)
{
	struct arena arena = { 0 };
	struct err err;
	struct dec d;
	json_t *v = json_pack("{s:[i], s:{}}", "list", 1, "o");

	dec_begin(&d, v, "", NULL, &arena, &err);
	assert_true(dec_has(&d, "list"));
	assert_int_equal(json_array_size(dec_array(&d, "list", DEC_NEED, 1)), 1);
	assert_non_null(dec_object(&d, "o", DEC_NEED));
	assert_null(dec_array(&d, "none", DEC_OPT, 1));
	assert_string_equal(dec_path(&d, "o"), "o");
	assert_string_equal(dec_path_at(&d, "list", 12), "list[12]");
	dec_fail(&d, "list", "must be %s", "longer");
	assert_int_equal(dec_end(&d), ERR_E_INPUT);
	assert_string_equal(err.text, "must be longer");
	dec_begin(&d, v, "p[1]", NULL, &arena, &err);
	assert_string_equal(dec_path(&d, "o"), "p[1].o");
	assert_string_equal(dec_path_at(&d, "list", 0), "p[1].list[0]");
	json_decref(v);
	arena_done(&arena);
}

static void yaml_failures_name_the_line(void **state)
{
	static const struct {
		const char *yaml, *field, *hint;
		unsigned line;
	} rows[] = {
		{ "name: a\ncpus: 0\n", "t.cpus", "", 2 },
		{ "name: a\ngang: 1\n", "t.gang", "", 2 },
		{ "name: a\n\ngnag: true\n", "t.gnag", "did you mean \"gang\"?", 3 },
		{ "# words\ncpus: 1\n", "t.name", "", 2 },
		{ "name: 12\n", "t.name", "write it in quotes", 1 },
		{ "name: a\nargs:\n- x\n- true\n", "t.args[1]", "write it in quotes", 2 },
		{ "name: a\nargs:\n- x\n- 12\n", "t.args[1]", "write it in quotes", 4 },
		{ "name: a\nenv:\n  A: x\n  B: yes\n  C: 1\n", "t.env", "", 2 },
		{ "name: a\nenv:\n  A: x\n  B: true\n", "t.env.B", "write it in quotes", 4 },
		{ "name: a\nargs: 1\n", "t.args", "", 2 },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arena arena = { 0 };
		struct json_lines *lines = NULL;
		struct thing t = { 0 };
		struct err err = { 0 };
		json_t *v = NULL;

		assert_int_equal(yaml_parse(rows[i].yaml, strlen(rows[i].yaml), &v, &lines,
			&err), 0);
		assert_int_equal(read_thing(v, lines, &arena, &t, &err), ERR_E_INPUT);
		assert_string_equal(err.field, rows[i].field);
		assert_string_equal(err.hint, rows[i].hint);
		assert_int_equal(err.line, rows[i].line);
		json_decref(v);
		json_lines_free(lines);
		arena_done(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_read),
		cmocka_unit_test(an_absent_field_keeps_its_default),
		cmocka_unit_test(a_missing_field_is_named),
		cmocka_unit_test(an_unknown_field_is_refused),
		cmocka_unit_test(a_very_long_unknown_field_is_refused),
		cmocka_unit_test(text_has_bounds),
		cmocka_unit_test(numbers_have_bounds),
		cmocka_unit_test(thousandths_are_exact),
		cmocka_unit_test(a_word_outside_the_list_is_refused),
		cmocka_unit_test(lists_have_bounds),
		cmocka_unit_test(the_first_failure_is_kept),
		cmocka_unit_test(a_large_object_is_read_and_checked_to_its_end),
		cmocka_unit_test(only_an_object_is_decoded),
		cmocka_unit_test(a_caller_can_refuse_and_name_children),
		cmocka_unit_test(yaml_failures_name_the_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
