/* test_password.c - passwords are long enough, and kept so that nobody can read them */

#include "../lib/domain.h"

#include "domain/password.h"

#include <stdio.h>

static void a_password_is_known_by_its_hash(void **state)
{
	char hash[PASSWORD_HASH_MAX], again[PASSWORD_HASH_MAX];

	assert_int_equal(password_hash("correct horse battery", hash), 0);
	assert_true(password_is(hash, "correct horse battery"));
	assert_false(password_is(hash, "correct horse batterz"));
	assert_false(password_is(hash, ""));
	assert_int_equal(password_hash("correct horse battery", again), 0);
	assert_string_not_equal(hash, again);
}

static void the_hash_says_how_it_was_made(void **state)
{
	char hash[PASSWORD_HASH_MAX];

	assert_int_equal(password_hash("correct horse battery", hash), 0);
	assert_non_null(strstr(hash, "$argon2id$v=19$m=65536,t=3,p=1$"));
	assert_true(strlen(hash) < PASSWORD_HASH_MAX - 1);
}

static void a_hash_with_other_figures_is_good_too(void **state)
{
	static const char hash[] = "$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$"
				   "Tikn65VjNKv9r3419wmSJI1jHoKt7UrMWJlLmO7lXpU";

	assert_true(password_is(hash, "correct horse battery"));
	assert_false(password_is(hash, "correct horse"));
	assert_false(password_is("$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$AAAA",
				 "correct horse battery"));
	assert_false(password_is("", "x"));
	assert_false(password_is("plain", "plain"));
}

static void a_weak_password_is_refused_with_the_reason(void **state)
{
	static const struct { const char *text, *why; } bad[] = {
		{ "", "12 to 256" }, { "elevenbytes", "12 to 256" },
		{ "aaaaaaaaaaaaaaaa", "different" }, { "abababababababab", "different" },
		{ "zhang-li-2026", "beside the name" }, { "2026ZHANG-LI!", "beside the name" },
		{ "a\tb and a few more", "control" },
	};
	char long_one[PASSWORD_MAX + 2];
	struct err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(password_check(bad[i].text, "zhang-li", "new", &err), ERR_E_INPUT);
		says(&err, "new", bad[i].why);
	}
	for (size_t i = 0; i <= PASSWORD_MAX; i++)
		long_one[i] = (char)('a' + i % 26);
	long_one[PASSWORD_MAX + 1] = '\0';
	assert_int_equal(password_check(long_one, "li", "new", &err), ERR_E_INPUT);
	long_one[PASSWORD_MAX] = '\0';
	assert_int_equal(password_check(long_one, "li", "new", &err), 0);
	assert_int_equal(password_check("算力普惠人人可用", "li", "new", &err), 0);
}

static void one_for_the_first_time_is_good_enough_and_never_the_same(void **state)
{
	char a[PASSWORD_ONCE_LEN + 1], b[PASSWORD_ONCE_LEN + 1];
	struct err err;

	assert_int_equal(password_once(a), 0);
	assert_int_equal(password_once(b), 0);
	assert_int_equal(strlen(a), PASSWORD_ONCE_LEN);
	assert_string_not_equal(a, b);
	assert_int_equal(password_check(a, "li", "new", &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_password_is_known_by_its_hash),
		cmocka_unit_test(the_hash_says_how_it_was_made),
		cmocka_unit_test(a_hash_with_other_figures_is_good_too),
		cmocka_unit_test(a_weak_password_is_refused_with_the_reason),
		cmocka_unit_test(one_for_the_first_time_is_good_enough_and_never_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
