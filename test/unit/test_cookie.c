/* test_cookie.c - cookies are read strictly, and written for this host and its pages alone */

#include "api/cookie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;

static const char *read_one(const char *header)
{
	return cookie_read(header, "suanlu", &arena);
}

static void a_cookie_is_found_among_others(void **state)
{
	static const char *const good[] = {
		"suanlu=sl_a", "a=b; suanlu=sl_a", "suanlu=sl_a; a=b", "a=b;suanlu=sl_a;c", " \tsuanlu=sl_a \t",
		";;suanlu=sl_a;;", "a=suanlu; suanlu=sl_a; __Host-suanlu=x; suanlu-login=y; xsuanlu=z",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_string_equal(read_one(good[i]), "sl_a");
	assert_string_equal(read_one("suanlu=aZ09._~-"), "aZ09._~-");
	assert_string_equal(cookie_read("suanlu=x; __Host-suanlu=y", "__Host-suanlu", &arena), "y");
	assert_string_equal(cookie_read("suanlu=x; suanlu-login=y", "suanlu-login", &arena), "y");
}

static void what_is_not_quite_it_is_none(void **state)
{
	static const char *const bad[] = {
		"", ";", "=", "suanlu", "suanlu=", "suanlu =a", "Suanlu=a", "xsuanlu=a", "suanlu2=a", "a=suanlu=b",
		"suanlu=\"a\"", "suanlu=a b", "suanlu=a,suanlu=b", "suanlu=a%41", "suanlu=a=b", "suanlu= a",
		"suanlu=\xe4\xb8\xad", "__Host-suanlu=a",
	};

	assert_null(read_one(NULL));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (read_one(bad[i]))
			fail_msg("\"%s\" gave \"%s\"", bad[i], read_one(bad[i]));
}

/* One of the two was set by somebody else, for a wider domain or a narrower path. */
static void two_of_one_name_are_none(void **state)
{
	assert_null(read_one("suanlu=a; suanlu=b"));
	assert_null(read_one("suanlu=a; x=y; suanlu=a"));
	assert_null(read_one("suanlu=a; suanlu=b; suanlu=c"));
}

static void a_cookie_is_for_no_script_and_no_other_site(void **state)
{
	assert_string_equal(cookie_text(&arena, COOKIE_BEARER, false, "v", 60),
			    "suanlu=v; HttpOnly; SameSite=Strict; Path=/; Max-Age=60");
	assert_string_equal(cookie_text(&arena, COOKIE_BEARER, true, "v", -1),
			    "__Host-suanlu=v; HttpOnly; SameSite=Strict; Path=/; Secure");
	assert_string_equal(cookie_text(&arena, COOKIE_LOGIN, true, "", 0),
			    "__Host-suanlu-login=; HttpOnly; SameSite=Lax; Path=/; Secure; Max-Age=0");
	assert_string_equal(cookie_text(&arena, COOKIE_LOGIN, false, "v", 600),
			    "suanlu-login=v; HttpOnly; SameSite=Lax; Path=/; Max-Age=600");
}

static void a_cookie_that_browsers_would_drop_is_not_made(void **state)
{
	char value[COOKIE_MAX + 1];
	size_t rest = strlen("suanlu=; HttpOnly; SameSite=Strict; Path=/");

	memset(value, 'x', sizeof(value));
	value[COOKIE_MAX - rest] = '\0';
	assert_int_equal(strlen(cookie_text(&arena, COOKIE_BEARER, false, value, -1)), COOKIE_MAX);
	assert_null(cookie_text(&arena, COOKIE_BEARER, false, value, 1));
	assert_null(cookie_text(&arena, COOKIE_BEARER, true, value, -1));
	value[COOKIE_MAX - rest] = 'x';
	value[COOKIE_MAX - rest + 1] = '\0';
	assert_null(cookie_text(&arena, COOKIE_BEARER, false, value, -1));
}

static void an_origin_is_ours_by_its_whole_host_and_port(void **state)
{
	assert_true(caller_same_host("https://node.city", "node.city"));
	assert_true(caller_same_host("http://Node.City:7070", "node.city:7070"));
	assert_true(caller_same_host("http://[::1]:7070", "[::1]:7070"));
	assert_false(caller_same_host("https://node.city:7070", "node.city"));
	assert_false(caller_same_host("https://node.city", "node.city:7070"));
	assert_false(caller_same_host("https://node.city.evil", "node.city"));
	assert_false(caller_same_host("https://evil/https://node.city", "node.city"));
	assert_false(caller_same_host("https://x@node.city", "node.city"));
	assert_false(caller_same_host("node.city", "node.city"));
	assert_false(caller_same_host("null", "node.city"));
	assert_false(caller_same_host("", "node.city"));
	assert_false(caller_same_host(NULL, "node.city"));
	assert_false(caller_same_host("https://node.city", NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cookie_is_found_among_others),
		cmocka_unit_test(what_is_not_quite_it_is_none),
		cmocka_unit_test(two_of_one_name_are_none),
		cmocka_unit_test(a_cookie_is_for_no_script_and_no_other_site),
		cmocka_unit_test(a_cookie_that_browsers_would_drop_is_not_made),
		cmocka_unit_test(an_origin_is_ours_by_its_whole_host_and_port),
	};
	int r;

	arena_init(&arena);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	arena_done(&arena);
	return r;
}
