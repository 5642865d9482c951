/* test_yaml.c - a careful subset, with lines */

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void reads_as(const char *yaml, const char *json)
{
	struct json_lines *lines = NULL;
	json_t *v = NULL;
	struct err err;
	char *text;

	if (yaml_parse(yaml, strlen(yaml), &v, &lines, &err) != 0)
		fail_msg("%s: line %u: %s", yaml, err.line, err.text);
	text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
	assert_string_equal(text, json);
	free(text);
	json_decref(v);
	assert_null(json_lines_free(lines));
}

static void refused_n(const char *yaml, size_t n, unsigned line, const char *words)
{
	struct json_lines *lines = NULL;
	json_t *v = NULL;
	struct err err;

	assert_int_equal(yaml_parse(yaml, n, &v, &lines, &err), ERR_E_INPUT);
	assert_null(v);
	assert_null(lines);
	if (!strstr(err.text, words))
		fail_msg("\"%s\" does not say \"%s\"", err.text, words);
	assert_int_equal(err.line, line);
	assert_int_equal(yaml_parse(yaml, n, &v, &lines, NULL), ERR_E_INPUT);
}

static void refused(const char *yaml, unsigned line, const char *words)
{
	refused_n(yaml, strlen(yaml), line, words);
}

static void plain_words_take_their_type(void **state)
{
	reads_as("a: true\nb: False\nc: null\nd: ~\ne:\n",
		"{\"a\":true,\"b\":false,\"c\":null,\"d\":null,\"e\":null}");
	reads_as("[0, 12, -3, +4, 9223372036854775807, -9223372036854775808]",
		 "[0,12,-3,4,9223372036854775807,-9223372036854775808]");
	reads_as("[1.5, -.5, 2., 1e3, 0.0]", "[1.5,-0.5,2.0,1000.0,0.0]");
	reads_as("[yes, no, on, 1.2.3, 12:30, 2026-11-23, 1_000, '.', -, e5, 0xg, 10.0.0.1]",
		 "[\"yes\",\"no\",\"on\",\"1.2.3\",\"12:30\",\"2026-11-23\",\"1_000\",\".\",\"-\","
		 "\"e5\",\"0xg\",\"10.0.0.1\"]");
}

static void quoted_words_are_text(void **state)
{
	reads_as("['12', \"true\", 'null', \"\", \"\\u7b97\"]",
		 "[\"12\",\"true\",\"null\",\"\",\"\xe7\xae\x97\"]");
	reads_as("a: |\n  12\n", "{\"a\":\"12\\n\"}");
	reads_as("'1': x", "{\"1\":\"x\"}");
}

static void nested_blocks_are_read(void **state)
{
	reads_as("---\npools:\n- name: hub # far\n  nodes: [{cpus: 4}]\n...\n",
		 "{\"pools\":[{\"name\":\"hub\",\"nodes\":[{\"cpus\":4}]}]}");
	reads_as("!!map {a: !!str 12, b: !!int 3, c: !!seq [], d: !!null , e: !!float 1.5}",
		 "{\"a\":\"12\",\"b\":3,\"c\":[],\"d\":null,\"e\":1.5}");
}

static void every_value_knows_its_line(void **state)
{
	static const char yaml[] = "# first\na: 1\nb:\n  c: true\n  d:\n  - x\n  -\n    y\n";
	struct json_lines *lines = NULL;
	json_t *v = NULL;
	const json_t *b, *d;

	assert_int_equal(yaml_parse(yaml, strlen(yaml), &v, &lines, NULL), 0);
	b = json_object_get(v, "b");
	d = json_object_get(b, "d");
	assert_int_equal(json_line(lines, v), 2);
	assert_int_equal(json_line(lines, json_object_get(v, "a")), 2);
	assert_int_equal(json_line_key(lines, v, "b"), 3);
	assert_int_equal(json_line(lines, b), 4);
	assert_int_equal(json_line_key(lines, b, "c"), 4);
	assert_int_equal(json_line(lines, json_object_get(b, "c")), 0);
	assert_int_equal(json_line(lines, json_array_get(d, 0)), 6);
	assert_int_equal(json_line(lines, json_array_get(d, 1)), 8);
	assert_int_equal(json_line_key(lines, v, "zz"), 0);
	assert_int_equal(json_line(NULL, v), 0);
	assert_int_equal(json_line(lines, NULL), 0);
	assert_int_equal(json_line_key(NULL, v, "a"), 0);
	json_decref(v);
	json_lines_free(lines);
	assert_null(json_lines_free(NULL));
}

static void broken_syntax_is_refused_with_its_line(void **state)
{
	refused("a: 1\nb: [1, 2\nc: 3\n", 3, "at line 3, column ");
	refused("a: 1\n\tb: 2\n", 2, "line 2");
	refused("a: \"open\n", 2, "line 2");
	refused("a: b: c\n", 1, "line 1");
	refused("", 1, "is empty");
	refused("# only words\n", 1, "is empty");
	refused("a: 1\nb: \x01\n", 2, "control characters");
}

static void keys_are_text_and_come_once(void **state)
{
	refused("a: 1\nb: 2\na: 3\n", 3, "the key a appears twice");
	refused("{a: 1, \"a\": 2}", 1, "twice");
	refused("1: x\n", 1, "must be text");
	refused("a: 1\ntrue: x\n", 2, "must be text");
	refused("~: x\n", 1, "must be text");
	refused("? [a]\n: x\n", 1, "must be text");
	refused("? {a: 1}\n: x\n", 1, "must be text");
}

static void anchors_aliases_and_foreign_tags_are_refused(void **state)
{
	refused("a: &x 1\n", 1, "anchors");
	refused("a: 1\nb: *x\n", 2, "aliases");
	refused("a: &x [1]\nb: *x\n", 1, "anchors");
	refused("a: &x {b: 1}\n", 1, "anchors");
	refused("&k a: 1\n", 1, "anchors");
	refused("*k : 1\n", 1, "aliases");
	refused("a: !!python/object:os.system x\n", 1, "the tag");
	refused("a: !mine x\n", 1, "the tag");
	refused("a: !mine [x]\n", 1, "the tag");
	refused("a: !mine {x: 1}\n", 1, "the tag");
	refused("a: !!int x\n", 1, "the tag");
	refused("a: !!binary aGk=\n", 1, "the tag");
}

static void a_second_document_is_refused(void **state)
{
	refused("a: 1\n---\nb: 2\n", 2, "second document");
	refused("a: 1\n...\nb: 2\n", 3, "");
}

static void odd_numbers_are_refused(void **state)
{
	refused("[9223372036854775808]", 1, "64 bits");
	refused("[-9223372036854775809]", 1, "64 bits");
	refused("[1e19]", 1, "64 bits");
	refused("[1e999]", 1, "64 bits");
	refused("a: 1\nb: .inf\n", 2, "plain decimal");
	refused("[-.Inf]", 1, "plain decimal");
	refused("[.nan]", 1, "plain decimal");
	refused("[0x1f]", 1, "plain decimal");
	refused("[0o17]", 1, "plain decimal");
	refused("[0644]", 1, "plain decimal");
	refused("[00.5]", 1, "plain decimal");
}

static void bytes_that_are_not_text_are_refused(void **state)
{
	refused("a: 1\nb: \xff\n", 2, "UTF-8");
	refused("a: \xed\xa0\x80", 1, "UTF-8");
	refused("a: 1\nb: \"x\\0y\"\n", 2, "U+0000");
	refused_n("a: 1\nb: x\0y\n", 12, 2, "U+0000");
	refused_n("a: 1\n\xe7", 6, 2, "UTF-8");
}

static void nesting_has_a_floor(void **state)
{
	char text[200] = "";

	memset(text, '[', 32);
	memset(text + 32, ']', 32);
	reads_as(text, text);
	memset(text, '[', 33);
	memset(text + 33, ']', 33);
	refused(text, 1, "nested too deeply");
}

static void too_many_values_are_refused(void **state)
{
	size_t n = 200 * 1000;
	char *text = malloc(3 * n);

	for (size_t i = 0; i < n; i++)
		memcpy(text + 3 * i, "- \n", 3);
	refused_n(text, 3 * n, (unsigned)n, "more than 200000 values");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_words_take_their_type),
		cmocka_unit_test(quoted_words_are_text),
		cmocka_unit_test(nested_blocks_are_read),
		cmocka_unit_test(every_value_knows_its_line),
		cmocka_unit_test(broken_syntax_is_refused_with_its_line),
		cmocka_unit_test(keys_are_text_and_come_once),
		cmocka_unit_test(anchors_aliases_and_foreign_tags_are_refused),
		cmocka_unit_test(a_second_document_is_refused),
		cmocka_unit_test(odd_numbers_are_refused),
		cmocka_unit_test(bytes_that_are_not_text_are_refused),
		cmocka_unit_test(nesting_has_a_floor),
		cmocka_unit_test(too_many_values_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
