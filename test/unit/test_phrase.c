/* test_phrase.c - what we say of a refusal has Chinese, with all of its figures */

#include "domain/phrase.h"

#include "base/err.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void says(const char *en, const char *zh)
{
	char out[PHRASE_ZH_MAX];

	assert_string_equal(phrase_zh(en, out), zh);
}

/* The conversion at `s`: its length, 0 when there is none, and its letter. */
static size_t conversion(const char *s, char *ret)
{
	size_t n = 1 + strspn(s + 1, "0123456789.lz");

	*ret = s[n];
	return *s == '%' && s[n] && strchr("sduogx", s[n]) ? n + 1 : 0;
}

/* The sentence with a figure for each conversion; returns how many. */
static unsigned example(const char *fmt, char *out, size_t size)
{
	unsigned k = 0;
	size_t n = 0;

	while (*fmt && n + 16 < size) {
		char kind;
		size_t len = conversion(fmt, &kind);

		if (len)
			n += (size_t)snprintf(out + n, 16, kind == 's' ? "w%u" : "7%u", ++k);
		else
			out[n++] = *fmt;
		fmt += len ? len : *fmt == '%' && fmt[1] == '%' ? 2 : 1;
	}
	if (n && out[n - 1] == ' ')             /* it stands before another one */
		n += (size_t)snprintf(out + n, 16, "w%u", ++k);
	out[n] = '\0';
	return k;
}

/* What `zh` becomes of these figures. */
static void expected(const char *en, const char *zh, unsigned figures, char *out)
{
	bool used[PHRASE_FIGURES_MAX + 1] = { false };
	char kinds[PHRASE_FIGURES_MAX + 1] = "", kind;
	unsigned k = 0;
	size_t n = 0;

	for (const char *p = en; *p; p++)
		if (conversion(p, &kind))
			kinds[k++] = kind;
	for (; *zh; zh++) {
		unsigned i = (unsigned)(zh[1] - '0');

		if (*zh == '%' && i && i <= figures) {
			n += (size_t)sprintf(out + n, kinds[i - 1] && kinds[i - 1] != 's' ? "7%u" : "w%u", i);
			used[i] = true;
			zh++;
		} else {
			out[n++] = *zh;
		}
	}
	out[n] = '\0';
	for (unsigned i = 1; i <= figures; i++)
		if (!used[i])
			fail_msg("\"%s\": figure %u is not in the Chinese", en, i);
}

static bool is_format(const char *en)
{
	char kind;

	for (; *en; en++)
		if (conversion(en, &kind))
			return true;
	return false;
}

static void each_sentence_is_found_by_its_format_with_all_figures(void **state)
{
	assert_true(phrases_n > 400);
	for (size_t i = 0; i < phrases_n; i++) {
		char en[PHRASE_ZH_MAX], zh[PHRASE_ZH_MAX], out[PHRASE_ZH_MAX];
		const struct phrase *p = &phrases[i];
		unsigned n = 0;

		if (is_format(p->en) || p->en[strlen(p->en) - 1] == ' ')
			n = example(p->en, en, sizeof(en));
		else
			snprintf(en, sizeof(en), "%s", p->en);
		assert_true(n <= PHRASE_FIGURES_MAX);
		expected(p->en, p->zh, n, zh);
		assert_string_equal(phrase_zh(en, out), zh);
	}
}

static void no_sentence_stands_there_twice(void **state)
{
	for (size_t i = 0; i < phrases_n; i++)
		for (size_t k = 0; k < i; k++)
			if (!strcmp(phrases[i].en, phrases[k].en))
				fail_msg("\"%s\" is there twice", phrases[i].en);
}

static void every_sentence_has_chinese_that_is_valid(void **state)
{
	for (size_t i = 0; i < phrases_n; i++) {
		assert_true(*phrases[i].zh);
		assert_true(text_is_utf8(phrases[i].zh, strlen(phrases[i].zh)));
	}
}

static void figures_stand_where_chinese_wants_them(void **state)
{
	says("12 tasks of lab wait already, its quota is 10", "租户 lab 已有 12 个任务在等待，其配额为 10");
	says("must be between -5 and 1.5, not 2e+10", "须在 -5 与 1.5 之间，现为 2e+10");
	says("must end after the indices, or with % and a limit from 1 to 1000",
	     "须止于下标，或以 % 加 1 至 1000 的上限结尾");
}

static void a_sentence_within_a_sentence_is_translated_too(void **state)
{
	says("the tenant still has tasks that are not over", "该租户仍有未结束的任务");
	says("could not reach suanlu at 127.0.0.1:9: connection refused",
	     "无法连接 127.0.0.1:9 上的 suanlu：连接被拒绝");
	says("task.yaml:3: must be a list", "task.yaml:3：须为列表");
}

static void what_somebody_typed_stays_as_it_is(void **state)
{
	says("there is no pool \"data sets\"", "没有资源池 “data sets”");
	says("did you mean \"down\"?", "是否想写 “down”？");
	says("lab has 3 vouchers already that are good", "租户 lab 已有 3 张有效的算力券");
}

static void a_sentence_that_is_not_ours_stays_english(void **state)
{
	char out[PHRASE_ZH_MAX];

	says("", "");
	says("slurmctld says 12", "slurmctld says 12");
	says("must be between a and b", "must be between a and b");
	says("there are many tokens already", "there are many tokens already");
	assert_null(phrase_zh(NULL, out));
}

static void what_would_be_longer_than_there_is_room_stays_english(void **state)
{
	char en[2 * PHRASE_ZH_MAX], out[PHRASE_ZH_MAX];

	snprintf(en, sizeof(en), "there is no pool \"%0*d\"", PHRASE_ZH_MAX, 7);
	assert_ptr_equal(phrase_zh(en, out), en);
}

static void a_sentence_full_of_separators_is_done_at_once(void **state)
{
	char en[PHRASE_ZH_MAX] = "could not open ", out[PHRASE_ZH_MAX];

	for (size_t n = strlen(en); n + 3 < sizeof(en); n += 2)
		memcpy(en + n, ": ", 3);
	phrase_zh(en, out);
	memset(en, ':', sizeof(((struct err *)0)->text));
	assert_ptr_equal(phrase_zh(en, out), en);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_sentence_is_found_by_its_format_with_all_figures),
		cmocka_unit_test(no_sentence_stands_there_twice),
		cmocka_unit_test(every_sentence_has_chinese_that_is_valid),
		cmocka_unit_test(figures_stand_where_chinese_wants_them),
		cmocka_unit_test(a_sentence_within_a_sentence_is_translated_too),
		cmocka_unit_test(what_somebody_typed_stays_as_it_is),
		cmocka_unit_test(a_sentence_that_is_not_ours_stays_english),
		cmocka_unit_test(what_would_be_longer_than_there_is_room_stays_english),
		cmocka_unit_test(a_sentence_full_of_separators_is_done_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
