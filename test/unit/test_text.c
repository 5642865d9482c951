/* test_text.c - names, money, durations, sizes and languages */

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void labels_are_names_and_nothing_else(void **state)
{
	static const char *const bad[] = { "", "-a", "a-", "A", "a_b", "a.b", "a b",
		"\xe7\xae\x97" };
	char name[65];

	assert_true(text_is_name("a"));
	assert_true(text_is_name("city-centre-1"));
	memset(name, 'a', 64);
	name[64] = '\0';
	assert_false(text_is_name(name));
	assert_true(text_is_name(name + 1));
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(text_is_name(bad[i]));
}

static void only_well_formed_utf8_passes(void **state)
{
	static const char *const good[] = {
		"", "ascii", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
		"\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\xe7\xae\x97\xe8\xb7\xaf",
	};
	static const char *const bad[] = {
		"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xc2", "\xe7\xae", "\xf0\x90\x80",
		"\xc2 ", "\xe7\xae ", "a\xfe",
	};

	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(text_is_utf8(good[i], strlen(good[i])));
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(text_is_utf8(bad[i], strlen(bad[i])));
}

static void money_is_read_to_the_millionth(void **state)
{
	int64_t v;

	assert_int_equal(text_yuan_parse("3.50", &v), 0);
	assert_true(v == 3500000);
	assert_int_equal(text_yuan_parse("0.000123", &v), 0);
	assert_true(v == 123);
	assert_int_equal(text_yuan_parse("9000000000000", &v), 0);
	assert_true(v == 9000000000000000000);
}

static void other_text_is_not_money(void **state)
{
	static const char *const bad[] = {
		"", ".5", "5.", "-1", "+1", "1.0000001", "9000000000000.000001", "9000000000001",
		"99999999999999999999", "1,5", "1e3", " 1", "1 ", "0x1", "1.2.3",
	};
	int64_t v = 42;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(text_yuan_parse(bad[i], &v), 1);
	assert_true(v == 42);
}

static void money_is_written_with_at_least_two_decimals(void **state)
{
	char out[32];

	assert_string_equal(text_yuan(3500000, out), "3.50");
	assert_string_equal(text_yuan(3505000, out), "3.505");
	assert_string_equal(text_yuan(123, out), "0.000123");
	assert_string_equal(text_yuan(0, out), "0.00");
	assert_string_equal(text_yuan(-3500000, out), "-3.50");
	assert_string_equal(text_yuan(INT64_MIN, out), "-9223372036854.775808");
}

static void durations_go_there_and_back(void **state)
{
	static const struct {
		const char *in;
		int64_t s;
		const char *out;
	} rows[] = {
		{ "90", 90, "1m30s" }, { "90s", 90, "1m30s" }, { "15m", 900, "15m" },
		{ "2h", 7200, "2h" }, { "1d", 86400, "1d" }, { "1h30m", 5400, "1h30m" },
		{ "0", 0, "0s" }, { "45s", 45, "45s" }, { "1d1h1m1s", 90061, "1d1h1m1s" },
	};
	char out[32];
	int64_t s;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(text_duration_parse(rows[i].in, &s), 0);
		assert_true(s == rows[i].s);
		assert_string_equal(text_duration(s, out), rows[i].out);
	}
	assert_string_equal(text_duration(INT64_MIN, out), "-106751991167300d15h30m8s");
}

static void other_text_is_not_a_duration(void **state)
{
	static const char *const bad[] = {
		"", "h", "1h30", "30m1h", "1m1m", "-5s", "5 s", "5w", "1.5h", "5S", "1hh",
		"9223372036854775808", "106751991167301d", "106751991167300d24h",
	};
	int64_t s = 42;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(text_duration_parse(bad[i], &s), 1);
	assert_true(s == 42);
}

static void sizes_are_megabytes(void **state)
{
	static const char *const bad[] = {
		"", "G", "16g", "16GB", "1.5G", "-1", "16 G", "17592186044416T",
			"18446744073709551616",
	};
	uint64_t mb = 42;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(text_size_parse(bad[i], &mb), 1);
	assert_true(mb == 42);
	assert_int_equal(text_size_parse("512", &mb) || mb != 512, 0);
	assert_int_equal(text_size_parse("512M", &mb) || mb != 512, 0);
	assert_int_equal(text_size_parse("16G", &mb) || mb != 16384, 0);
	assert_int_equal(text_size_parse("1T", &mb) || mb != 1048576, 0);
}

static void numbers_are_read_whole_and_in_bounds(void **state)
{
	static const char *const bad[] = {
		"", "-", "+1", " 1", "1 ", "1x", "0x1", "--1", "9223372036854775808",
		"-9223372036854775809", "99999999999999999999999",
	};
	int64_t v = 42;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(text_i64(bad[i], INT64_MIN, INT64_MAX, &v), 1);
	assert_int_equal(text_i64("0", 1, 9, &v), 1);
	assert_int_equal(text_i64("10", 1, 9, &v), 1);
	assert_true(v == 42);
	assert_int_equal(text_i64("-9223372036854775808", INT64_MIN, 0, &v), 0);
	assert_true(v == INT64_MIN);
	assert_int_equal(text_i64("9223372036854775807", 0, INT64_MAX, &v), 0);
	assert_true(v == INT64_MAX);
}

static void the_first_variable_that_is_set_names_the_language(void **state)
{
	unsetenv("SUANLU_LANG");
	unsetenv("LC_ALL");
	setenv("LC_MESSAGES", "", 1);
	setenv("LANG", "zh_CN.UTF-8", 1);
	lang_from_env();
	assert_string_equal(tr("waiting", "\xe7\xad\x89"), "\xe7\xad\x89");
	setenv("LC_ALL", "C.UTF-8", 1);
	lang_from_env();
	assert_string_equal(tr("waiting", "\xe7\xad\x89"), "waiting");
	setenv("SUANLU_LANG", "zh", 1);
	lang_from_env();
	assert_int_equal(lang_get(), LANG_ZH);
	setenv("SUANLU_LANG", "zhuang", 1);
	lang_from_env();
	assert_int_equal(lang_get(), LANG_EN);
}

static void a_byte_is_read_from_its_two_digits(void **state)
{
	assert_int_equal(text_hex('9'), 9);
	assert_int_equal(text_hex('f'), 15);
	assert_int_equal(text_hex('F'), 15);
	assert_int_equal(text_escaped("%2Fx"), '/');
	assert_int_equal(text_escaped("%fF"), 255);
	assert_int_equal(text_escaped("%00"), 0);
}

static void what_is_no_digit_is_no_byte(void **state)
{
	static const char *const none[] = { "", "%", "%2", "%2g", "%g2", "2f", "% 2", "%+1", "%\xc3\xa9" };

	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		assert_int_equal(text_escaped(none[i]), -1);
	assert_int_equal(text_hex('g'), -1);
	assert_int_equal(text_hex('\0'), -1);
	assert_int_equal(text_hex('@'), -1);
}

static void texts_are_compared_to_their_end(void **state)
{
	assert_true(text_equal_ct("abc", "abc", 3));
	assert_false(text_equal_ct("abc", "abd", 3));
	assert_false(text_equal_ct("xbc", "abc", 3));
	assert_true(text_equal_ct("abx", "aby", 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels_are_names_and_nothing_else),
		cmocka_unit_test(only_well_formed_utf8_passes),
		cmocka_unit_test(a_byte_is_read_from_its_two_digits),
		cmocka_unit_test(what_is_no_digit_is_no_byte),
		cmocka_unit_test(money_is_read_to_the_millionth),
		cmocka_unit_test(other_text_is_not_money),
		cmocka_unit_test(money_is_written_with_at_least_two_decimals),
		cmocka_unit_test(durations_go_there_and_back),
		cmocka_unit_test(other_text_is_not_a_duration),
		cmocka_unit_test(sizes_are_megabytes),
		cmocka_unit_test(numbers_are_read_whole_and_in_bounds),
		cmocka_unit_test(texts_are_compared_to_their_end),
		cmocka_unit_test(the_first_variable_that_is_set_names_the_language),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
