/* test_json.c - strict and bounded, whatever comes in */

#include "base/json.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void refused_n(const char *text, size_t n, const char *words)
{
	json_t *v = NULL;
	struct err err;

	assert_int_equal(json_parse(text, n, &v, &err), ERR_E_INPUT);
	assert_null(v);
	if (!strstr(err.text, words))
		fail_msg("\"%s\" does not say \"%s\"", err.text, words);
	assert_int_equal(json_parse(text, n, &v, NULL), ERR_E_INPUT);
}

static void refused(const char *text, const char *words)
{
	refused_n(text, strlen(text), words);
}

static void accepted(const char *text)
{
	json_t *v = NULL;
	struct err err;

	if (json_parse(text, strlen(text), &v, &err) != 0)
		fail_msg("%s: %s", text, err.text);
	json_decref(v);
}

static void documents_are_read(void **state)
{
	static const char text[] = "{\"a\": [1, 2.5, \"\\u7b97\"]}";
	json_t *v = NULL;
	struct err err;

	assert_int_equal(json_parse(text, strlen(text), &v, &err), 0);
	assert_int_equal(json_array_size(json_object_get(v, "a")), 3);
	json_decref(v);
	accepted("[]");
	accepted("\"text\"");
	accepted("{\"n\": -9223372036854775808, \"m\": 9223372036854775807}");
	accepted("{\"n\": 9.2e18, \"m\": -1.5E3, \"o\": 1e-5}");
	accepted("{\"brackets in text\": \"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[\"}");
}

static void broken_syntax_is_refused_with_its_place(void **state)
{
	json_t *v = NULL;
	struct err err;

	assert_int_equal(json_parse("{\n\"a\": 1,\n\"b\" 2}", 17, &v, &err), ERR_E_INPUT);
	assert_int_equal(err.line, 3);
	assert_non_null(strstr(err.text, "at line 3, column "));
	refused("", "is empty");
	refused(" ", "line 1");
	refused("{", "line 1");
	refused("{\"a\": 1", "line 1");
	refused("[1,]", "line 1");
	refused("{'a': 1}", "line 1");
	refused("[NaN]", "line 1");
	refused("[01]", "line 1");
	refused("\"open", "line 1");
	refused("\"open\\", "line 1");
	refused("]]]]}}}}", "line 1");
	refused("\xef\xbb\xbf{}", "line 1");
}

static void trailing_bytes_are_refused(void **state)
{
	refused("{} x", "line 1");
	refused("{}{}", "line 1");
	refused_n("{}\0", 3, "line 1");
}

static void duplicate_keys_are_refused(void **state)
{
	refused("{\"a\": 1, \"a\": 1}", "duplicate");
	refused("{\"o\": {\"a\": 1, \"\\u0061\": 2}}", "duplicate");
}

static void invalid_utf8_is_refused(void **state)
{
	refused("{\"a\": \"\xff\"}", "line 1");
	refused("{\"\xc0\x80\": 1}", "line 1");
	refused("[\"\xed\xa0\x80\"]", "line 1");
	refused("[\"\\ud800\"]", "line 1");
	refused("[\"\\udc00x\"]", "line 1");
}

static void the_nul_character_is_refused(void **state)
{
	refused("[\"a\\u0000b\"]", "line 1");
	refused("{\"a\\u0000b\": 1}", "line 1");
	refused_n("[\"a\0b\"]", 7, "line 1");
	refused_n("\0", 1, "line 1");
}

static void numbers_that_do_not_fit_are_refused(void **state)
{
	refused("[9223372036854775808]", "line 1");
	refused("[-9223372036854775809]", "line 1");
	refused("[1e999]", "line 1");
	refused("[1e19]", "64 bits");
	refused("{\"a\": {\"b\": [0, -9.3E18]}}", "64 bits");
	refused("[99999999999999999999.5]", "64 bits");
}

static void nesting_has_a_floor(void **state)
{
	char text[200] = "";

	memset(text, '[', 32);
	memset(text + 32, ']', 32);
	accepted(text);
	memset(text, '[', 33);
	memset(text + 33, ']', 33);
	refused(text, "nested too deeply");
	memset(text, '[', 199);
	refused(text, "nested too deeply");
}

static void a_million_brackets_are_refused_at_once(void **state)
{
	static char text[1000 * 1000];

	memset(text, '[', sizeof(text));
	refused_n(text, sizeof(text), "nested too deeply");
	for (size_t i = 0; i + 5 <= sizeof(text); i += 5)
		memcpy(text + i, "{\"a\":", 5);
	refused_n(text, sizeof(text), "nested too deeply");
}

static void literal(const char *s, size_t n, const char *want)
{
	struct buf b;

	buf_init(&b, 1000);
	assert_int_equal(json_put_str(&b, s, n), 0);
	assert_string_equal(b.data, want);
	buf_done(&b);
}

static void a_literal_is_escaped(void **state)
{
	literal("", 0, "\"\"");
	literal("a\"b\\c\n\t\r\b\f/", 11, "\"a\\\"b\\\\c\\n\\t\\r\\b\\f/\"");
	literal("\x01\0\x1f\x7f", 4, "\"\\u0001\\u0000\\u001f\x7f\"");
	literal("\xe7\xae\x97\xf0\x9f\x9a\x80", 7, "\"\xe7\xae\x97\xf0\x9f\x9a\x80\"");
}

static void an_invalid_byte_becomes_the_replacement_character(void **state)
{
	literal("a\xff""b", 3, "\"a\xef\xbf\xbd""b\"");
	literal("\xe7\xae", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	literal("\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void a_literal_stops_at_the_ceiling(void **state)
{
	struct buf b;

	buf_init(&b, 5);
	assert_true(json_put_str(&b, "abcdef", 6) < 0);
	assert_true(b.full);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents_are_read),
		cmocka_unit_test(broken_syntax_is_refused_with_its_place),
		cmocka_unit_test(trailing_bytes_are_refused),
		cmocka_unit_test(duplicate_keys_are_refused),
		cmocka_unit_test(invalid_utf8_is_refused),
		cmocka_unit_test(the_nul_character_is_refused),
		cmocka_unit_test(numbers_that_do_not_fit_are_refused),
		cmocka_unit_test(nesting_has_a_floor),
		cmocka_unit_test(a_million_brackets_are_refused_at_once),
		cmocka_unit_test(a_literal_is_escaped),
		cmocka_unit_test(an_invalid_byte_becomes_the_replacement_character),
		cmocka_unit_test(a_literal_stops_at_the_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
