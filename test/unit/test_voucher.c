/* test_voucher.c - a voucher says whom it helps, with what, where and until when */

#include "../lib/domain.h"

#include "domain/pool.h"
#include "domain/voucher.h"

#define NOW 1800000000000LL     /* 2027-01-15 */

#define GOOD "'issuer':'sh','tenant':'acme','face_micro':1000,'valid_until':'2027-06-01T00:00:00Z'"

static int read(const char *text, struct voucher **ret, struct err *err)
{
	json_t *doc = json_of(text);
	int r = voucher_decode(doc, NOW, false, ret, err);

	json_decref(doc);
	return r;
}

static struct voucher *good(const char *text)
{
	struct voucher *v = NULL;
	struct err err;

	if (read(text, &v, &err))
		fail_msg("%s: %s", err.field, err.text);
	return v;
}

static void a_voucher_reads_as_it_is_written(void **state)
{
	struct voucher *v = good("{" GOOD ",'title':'券','rate':{'domestic':0.3,'other':0.205},"
				 "'year_cap_micro':500,'pools':['hub'],'owners':['city'],"
				 "'kinds':['train','infer'],'exclusive':true,'source':'x'}"), *w;
	struct err err;
	json_t *doc, *again;

	assert_int_equal(v->domestic_milli, 300);
	assert_int_equal(v->other_milli, 205);
	assert_int_equal(v->from_ms, NOW);
	v->id = 7;
	v->by = "Ann";
	doc = voucher_json(v);
	assert_int_equal(voucher_decode(doc, 0, true, &w, &err), 0);
	again = voucher_json(w);
	assert_true(same_json(doc, again));
	voucher_free(v);
	voucher_free(w);
}

static void one_rate_is_that_of_all_chips(void **state)
{
	struct voucher *v = good("{" GOOD ",'rate':0.2}");

	assert_int_equal(v->domestic_milli, 200);
	assert_int_equal(v->other_milli, 200);
	voucher_free(v);
}

static void refused(const char *text, const char *field, const char *words)
{
	struct voucher *v;
	struct err err = { 0 };

	assert_int_equal(read(text, &v, &err), ERR_E_INPUT);
	says(&err, field, words);
}

static void a_wrong_voucher_is_refused(void **state)
{
	refused("{" GOOD "}", "rate", "missing");
	refused("{" GOOD ",'rate':0}", "rate", "between");
	refused("{" GOOD ",'rate':1.001}", "rate", "between");
	refused("{" GOOD ",'rate':0.3333}", "rate", "three decimals");
	refused("{" GOOD ",'rate':{'domestic':0,'other':0}}", "rate", "above 0");
	refused("{" GOOD ",'rate':{'domestic':0.3}}", "rate.other", "missing");
	refused("{" GOOD ",'rate':0.3,'year_cap_micro':0}", "year_cap_micro", "between");
	refused("{" GOOD ",'rate':0.3,'pools':[]}", "pools", "leave it out");
	refused("{" GOOD ",'rate':0.3,'pools':['A B']}", "pools", "names");
	refused("{" GOOD ",'rate':0.3,'id':1}", "id", "not known");
	refused("{" GOOD ",'rate':0.3,'valid_from':'2027-06-01T00:00:00Z'}", "valid_until", "after");
	refused("{'issuer':'sh','tenant':'acme','face_micro':0,'rate':0.3,"
		"'valid_until':'2027-06-01T00:00:00Z'}", "face_micro", "between");
	refused("{'issuer':'sh','tenant':'acme','face_micro':5,'rate':0.3,"
		"'valid_from':'2026-01-01T00:00:00Z','valid_until':'2026-06-01T00:00:00Z'}",
		"valid_until", "future");
	refused("{'issuer':'sh','tenant':'acme','face_micro':5,'rate':0.3,"
		"'valid_until':'2039-06-01T00:00:00Z'}", "valid_until", "at most");
}

static void it_pays_by_chip_kind_pool_and_owner(void **state)
{
	struct voucher *v = good("{" GOOD ",'rate':{'domestic':0.3,'other':0.2},'pools':['hub'],"
				 "'owners':['city'],'kinds':['train']}");
	const struct pool hub = { .name = "hub", .owner = "city" };
	const struct pool edge = { .name = "edge", .owner = "city" };
	const struct pool other = { .name = "hub", .owner = "park" };

	assert_int_equal(voucher_rate(v, &hub, true, "train", NOW), 300);
	assert_int_equal(voucher_rate(v, &hub, false, "train", NOW), 200);
	assert_int_equal(voucher_rate(v, &hub, true, "infer", NOW), 0);
	assert_int_equal(voucher_rate(v, &edge, true, "train", NOW), 0);
	assert_int_equal(voucher_rate(v, &other, true, "train", NOW), 0);
	voucher_free(v);
}

static void it_pays_from_its_first_to_before_its_last_moment(void **state)
{
	struct voucher *v = good("{" GOOD ",'rate':0.3}");
	const struct pool hub = { .name = "hub", .owner = "city" };

	assert_int_equal(voucher_rate(v, &hub, true, "x", v->from_ms - 1), 0);
	assert_int_equal(voucher_rate(v, &hub, true, "x", v->from_ms), 300);
	assert_int_equal(voucher_rate(v, &hub, true, "x", v->until_ms - 1), 300);
	assert_int_equal(voucher_rate(v, &hub, true, "x", v->until_ms), 0);
	v->withdrawn = true;
	assert_int_equal(voucher_rate(v, &hub, true, "x", v->from_ms), 0);
	voucher_free(v);
}

static void nobody_is_helped_to_pay_himself(void **state)
{
	struct voucher *v = good("{" GOOD ",'rate':0.3}");
	const struct pool own = { .name = "hub", .owner = "acme" };
	const struct pool bare = { .name = "acme", .owner = "" };

	assert_int_equal(voucher_rate(v, &own, true, "x", NOW), 0);
	assert_int_equal(voucher_rate(v, &bare, true, "x", NOW), 0);
	voucher_free(v);
}

static void years_change_at_midnight_in_beijing(void **state)
{
	assert_int_equal(voucher_year(1767196799999LL), 2025);   /* 2025-12-31T23:59:59.999+08:00 */
	assert_int_equal(voucher_year(1767196800000LL), 2026);
	assert_int_equal(voucher_year(951753600000LL), 2000);    /* 2000-02-29 */
	assert_int_equal(voucher_year(978278399999LL), 2000);
	assert_int_equal(voucher_year(978278400000LL), 2001);
	assert_int_equal(voucher_year(0), 1970);
	assert_int_equal(voucher_year(-86400000), 1969);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_voucher_reads_as_it_is_written),
		cmocka_unit_test(one_rate_is_that_of_all_chips),
		cmocka_unit_test(a_wrong_voucher_is_refused),
		cmocka_unit_test(it_pays_by_chip_kind_pool_and_owner),
		cmocka_unit_test(it_pays_from_its_first_to_before_its_last_moment),
		cmocka_unit_test(nobody_is_helped_to_pay_himself),
		cmocka_unit_test(years_change_at_midnight_in_beijing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
