/* test_quota.c - limits as documents, months, and the share that a run holds */

#include "../lib/domain.h"

#include "base/clock.h"
#include "domain/quota.h"

#include <math.h>

static void what_is_absent_has_no_limit(void **state)
{
	json_t *doc = json_of("{'running':3,'weight':2.5}");
	struct quota q;

	assert_int_equal(quota_decode(doc, &q, NULL), 0);
	assert_int_equal(q.running, 3);
	assert_int_equal(q.waiting, -1);
	assert_int_equal(q.accel_ms, -1);
	assert_int_equal(q.weight_milli, 2500);
	assert_true(same_json(quota_json(&q), json_of("{'running':3,'weight':2.5}")));
	json_decref(doc);
}

static void a_limit_of_none_is_a_limit(void **state)
{
	json_t *doc = json_of("{'running':0,'accelerator_hours':0,'waiting':0}");
	struct quota q;

	assert_int_equal(quota_decode(doc, &q, NULL), 0);
	assert_int_equal(q.running, 0);
	assert_int_equal(q.accel_ms, 0);
	assert_true(same_json(quota_json(&q),
			      json_of("{'running':0,'waiting':0,'accelerator_hours':0,'weight':1}")));
	json_decref(doc);
}

static void wrong_limits_are_refused_by_field(void **state)
{
	static const char *const rows[][2] = {
		{ "{'running':-1}", "running" }, { "{'waiting':1e9}", "waiting" },
		{ "{'weight':0}", "weight" }, { "{'weight':1001}", "weight" },
		{ "{'accelerator_hours':'8'}", "accelerator_hours" }, { "{'colour':1}", "colour" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *doc = json_of(rows[i][0]);
		struct err err = { .text = "" };
		struct quota q = { .running = 77 };

		assert_int_equal(quota_decode(doc, &q, &err), ERR_E_INPUT);
		assert_string_equal(err.field, rows[i][1]);
		assert_int_equal(q.running, 77);
		json_decref(doc);
	}
}

static int64_t at(const char *text)
{
	int64_t ms = 0;

	if (clock_parse(text, &ms))
		fail_msg("%s is not a time", text);
	return ms;
}

static void a_month_begins_at_midnight_in_china(void **state)
{
	assert_int_equal(quota_month(0), 0);
	assert_int_equal(quota_month(at("2026-11-30T15:59:59Z")), 56 * 12 + 10);
	assert_int_equal(quota_month(at("2026-11-30T16:00:00Z")), 56 * 12 + 11);
	assert_int_equal(quota_month(at("2024-02-29T12:00:00+08:00")), 54 * 12 + 1);
	assert_int_equal(quota_month(at("2024-03-01T00:00:00+08:00")), 54 * 12 + 2);
	/* Each month of four centuries follows the one before it. */
	for (int64_t day = 0, was = 0; day < 146097; day++) {
		int64_t m = quota_month(day * 86400000);

		assert_true(m == was || m == was + 1 || !day);
		was = m;
	}
}

static void the_largest_share_counts(void **state)
{
	struct quota_whole w = { .cpu_milli = 100000, .memory_mb = 100000, .accel_milli = 10000 };
	struct place_node n[2] = { { 0, 0x3 }, { 1, 0x3 } };
	struct placement p = { .n = 2, .nodes = n, .cpu_milli = 5000, .memory_mb = 1000,
			       .accel_milli = 1000 };

	assert_int_equal(quota_accel_milli(&p), 4000);
	assert_int_equal(quota_share_ppb(&w, &p), 400000000);
	n[0].accels = n[1].accels = 0;
	assert_int_equal(quota_share_ppb(&w, &p), 100000000);
	p.memory_mb = 30000;
	assert_int_equal(quota_share_ppb(&w, &p), 600000000);
	assert_int_equal(quota_share_ppb(&(struct quota_whole){ 0 }, &p), 0);
}

static void usage_is_halved_in_a_half_life_and_order_never_changes_by_time(void **state)
{
	int64_t t = at("2026-11-26T00:00:00Z"), later = t + QUOTA_HALF_LIFE_S * 1000ll;
	double a = 10 * quota_grow(t), b = 15 * quota_grow(t - QUOTA_HALF_LIFE_S * 500ll);

	assert_true(fabs(quota_now(a, t) - 10) < 1e-9);
	assert_true(fabs(quota_now(a, later) - 5) < 1e-9);
	for (int i = 0; i < 1000; i++)
		assert_true((quota_now(a, t + i * 86400000ll) < quota_now(b, t + i * 86400000ll)) ==
			    (a < b));
	/* A clock far off makes nothing infinite. */
	assert_true(isfinite(quota_grow(INT64_MAX / 2)) && quota_grow(INT64_MIN / 2) >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_absent_has_no_limit),
		cmocka_unit_test(a_limit_of_none_is_a_limit),
		cmocka_unit_test(wrong_limits_are_refused_by_field),
		cmocka_unit_test(a_month_begins_at_midnight_in_china),
		cmocka_unit_test(the_largest_share_counts),
		cmocka_unit_test(usage_is_halved_in_a_half_life_and_order_never_changes_by_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
