/* test_url_place.c - one place, many spellings */

#include "domain/url_place.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void is(const char *url, const char *place)
{
	char *s = url_place(url);

	assert_string_equal(s, place);
	free(s);
}

static void every_spelling_of_a_place_is_the_same(void **state)
{
	static const char *const urls[] = {
		"http://data.example/x/y", "http://DATA.example/x/y", "http://data.example:80/x/y",
		"http://data.example:0080/x/y", "http://data.example./x/y",
		"https://data.example:443/x/y", "http://data.example/%78/%79",
		"http://data.example//x///y/", "http://data.example/./x/y", "http://data.example/a/../x/y",
		"http://data.example/%2e%2E/x/y", "http://data.example/x%2Fy", "http://data.example/x/y#f",
		"http://data.example/x/y?q=/z#f",
	};

	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++)
		is(urls[i], "//data.example/x/y");
	is("file:///srv/%61", "/srv/a");
}

static void every_spelling_of_an_address_is_the_same(void **state)
{
	static const char *const ours[] = {
		"127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.8.8.8", "127.0.0.1.",
		"0.0.0.0", "0", "[::1]", "[0:0:0::1]", "[::ffff:127.0.0.1]", "[::]", "LocalHost",
	};
	char url[80];

	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++) {
		snprintf(url, sizeof(url), "http://%s:81/x", ours[i]);
		is(url, "//localhost:81/x");
	}
	is("http://[FD00:0:0::00a]/x", "//[fd00::a]/x");
	is("http://[::ffff:10.1.2.3]:80/x", "//10.1.2.3/x");
	is("http://10.1.515/x", "//10.1.2.3/x");
}

static void other_places_stay_apart(void **state)
{
	is("http://h:8080/x", "//h:8080/x");
	is("http://h/X", "//h/X");
	is("http://[fd00::1]:81/x", "//[fd00::1]:81/x");
	is("http://[fd00::1]", "//[fd00::1]");
	is("http://10.0.0.1", "//10.0.0.1");
	is("http://1.example", "//1.example");
	is("http://h", "//h");
	is("http://h/../..", "//h");
	is("http://h/a%00b", "//h/a%00b");
	is("http://h/a%", "//h/a%");
	is("http://h/a%4", "//h/a%4");
	is("http://h/a?%41", "//h/a");
	is("http://h/a//../b", "//h/b");
}

static void what_servers_read_in_two_ways_is_unclear(void **state)
{
	static const char *const clear[] = {
		"file:///srv/x", "http://h", "http://h/x?a=/../b", "http://h/x%2Fy", "http://h/..x/...",
	};
	static const char *const unclear[] = {
		"http://h/a/../x", "http://h/./x", "http://h/%2e%2e/x", "http://h/..%2fx", "http://h/..%5Cx",
		"http://h/x/..", "http://h/%00", "http://h/%", "http://h/%4", "http://h/%{index}", "https://h/.",
	};

	for (size_t i = 0; i < sizeof(clear) / sizeof(*clear); i++)
		assert_null(url_place_unclear(clear[i]));
	for (size_t i = 0; i < sizeof(unclear) / sizeof(*unclear); i++)
		assert_non_null(url_place_unclear(unclear[i]));
}

static void a_place_is_met_from_inside_and_a_directory_from_above(void **state)
{
	assert_true(url_place_meets("/srv/x", "/srv/x"));
	assert_true(url_place_meets("/srv/x/y", "/srv/x"));
	assert_true(url_place_meets("/srv", "/srv/x"));
	assert_true(url_place_meets("//h/x/y", "//h/x"));
	assert_false(url_place_meets("//h", "//h/x"));
	assert_false(url_place_meets("/srv/xy", "/srv/x"));
	assert_false(url_place_meets("/srv/x", "/srv/xy"));
}

static void an_index_may_be_any_number(void **state)
{
	assert_true(url_place_meets("/srv/{index}", "/srv/17"));
	assert_true(url_place_meets("/srv/{index}7/a", "/srv/17"));
	assert_true(url_place_meets("/s{index}/{index}", "/s17/17/part"));
	assert_true(url_place_meets("//h/s{index}/a", "//h/s3"));
	assert_true(url_place_meets("/srv/{index}", "/srv/{index}"));
	assert_false(url_place_meets("/s{index}/{index}", "/s17/18"));
	assert_false(url_place_meets("/srv/{index}", "/srv/a"));
	assert_false(url_place_meets("/srv/{index}", "/srv/17a"));
	assert_false(url_place_meets("//h/{index}", "//h/3/a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_spelling_of_a_place_is_the_same),
		cmocka_unit_test(every_spelling_of_an_address_is_the_same),
		cmocka_unit_test(other_places_stay_apart),
		cmocka_unit_test(what_servers_read_in_two_ways_is_unclear),
		cmocka_unit_test(a_place_is_met_from_inside_and_a_directory_from_above),
		cmocka_unit_test(an_index_may_be_any_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
