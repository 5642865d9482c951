/* test_money.c - who bears which part of a run, to the last micro-yuan */

#include "../lib/domain.h"

#include "base/clock.h"
#include "base/rng.h"
#include "domain/money.h"
#include "domain/pool.h"

#define NOW 1800000000000LL
#define CAP_NONE INT64_MAX

static const struct pool hub = { .name = "hub", .owner = "city" };

static struct voucher paper(uint32_t id, const char *issuer, uint32_t milli)
{
	return (struct voucher){ .id = id, .issuer = issuer, .tenant = "acme", .face_micro = 1 << 30,
				 .domestic_milli = milli, .other_milli = milli, .from_ms = NOW,
				 .until_ms = NOW + 1000 };
}

static void put(struct purse *p, const struct voucher *v, int64_t left, int64_t cap)
{
	p->voucher[p->n++] = (struct purse_voucher){ v, left, cap };
}

static struct money split(const struct purse *p, int64_t cost)
{
	struct money m = { .tenant = "acme", .owner = "city", .pool = "hub", .chip = "cpu" };

	money_split(p, &hub, false, "train", NOW, cost, &m);
	assert_true(m.own_micro >= 0);
	assert_int_equal(money_total(&m), cost);
	return m;
}

static void without_a_voucher_the_tenant_pays_all(void **state)
{
	assert_int_equal(split(NULL, 1001).own_micro, 1001);
	assert_int_equal(split(NULL, 1001).n, 0);
}

static void a_share_is_rounded_down_and_the_tenant_pays_the_rest(void **state)
{
	const struct voucher a = paper(1, "sh", 300);
	struct purse p = { 0 };
	struct money m;

	put(&p, &a, 1 << 30, CAP_NONE);
	m = split(&p, 1001);            /* 300.3 */
	assert_int_equal(m.part[0].micro, 300);
	assert_int_equal(m.own_micro, 701);
	assert_int_equal(split(&p, 3).n, 0);
}

static void a_voucher_pays_no_more_than_is_left_of_it_and_of_the_years_cap(void **state)
{
	const struct voucher a = paper(1, "sh", 500), b = paper(2, "sh", 500);
	struct purse p = { 0 };
	struct money m;

	put(&p, &a, 100, CAP_NONE);
	put(&p, &b, 1 << 30, 250);      /* 100 of the issuer's 250 are in the first */
	m = split(&p, 1000);
	assert_int_equal(m.part[0].micro, 100);
	assert_int_equal(m.part[1].micro, 150);
	assert_int_equal(m.own_micro, 750);
}

static void all_vouchers_together_pay_no_more_than_the_cost(void **state)
{
	const struct voucher a = paper(1, "a", 700), b = paper(2, "b", 700);
	struct purse p = { 0 };
	struct money m;

	put(&p, &a, 1 << 30, CAP_NONE);
	put(&p, &b, 1 << 30, CAP_NONE);
	m = split(&p, 1000);
	assert_int_equal(m.part[0].micro, 700);
	assert_int_equal(m.part[1].micro, 300);
	assert_int_equal(m.own_micro, 0);
}

static void an_exclusive_voucher_stands_alone(void **state)
{
	struct voucher a = paper(1, "a", 100), b = paper(2, "b", 300);
	struct purse p = { 0 };
	struct money m;

	put(&p, &a, 1 << 30, CAP_NONE);
	put(&p, &b, 1 << 30, CAP_NONE);
	a.exclusive = true;
	m = split(&p, 1000);
	assert_int_equal(m.n, 1);
	assert_int_equal(m.part[0].voucher, 1);
	a.exclusive = false;
	b.exclusive = true;
	m = split(&p, 1000);
	assert_int_equal(m.n, 1);
	assert_int_equal(m.part[0].voucher, 1);
	p.voucher[0].left_micro = 0;    /* used up: it was not taken, so the next may */
	m = split(&p, 1000);
	assert_int_equal(m.part[0].voucher, 2);
}

static void a_charge_takes_its_shares_from_what_was_reserved(void **state)
{
	const struct voucher a = paper(1, "sh", 300);
	struct purse p = { 0 };
	struct money held, m;

	put(&p, &a, 200, CAP_NONE);
	held = split(&p, 1000);         /* 200 + 800: no more was left of it */
	money_charge(&held, 500, &m);
	assert_int_equal(m.part[0].micro, 150);
	assert_int_equal(m.own_micro, 350);
	money_charge(&held, 999, &m);
	assert_int_equal(m.part[0].micro, 200);
	money_charge(&held, 0, &m);
	assert_int_equal(money_total(&m), 0);
}

static void no_more_is_charged_than_was_reserved(void **state)
{
	const struct money held = { .tenant = "acme", .own_micro = 70, .n = 1,
				    .part = { { 1, 300, "sh", 30 } } };
	struct money m;

	money_charge(&held, 5000, &m);
	assert_int_equal(money_total(&m), 100);
	assert_int_equal(m.own_micro, 70);
}

static void rounding_never_takes_more_from_the_tenant_than_was_reserved_of_it(void **state)
{
	const struct voucher a = paper(1, "a", 500), b = paper(2, "b", 500);
	struct purse p = { 0 };
	struct money held, m;

	put(&p, &a, 1 << 30, CAP_NONE);
	put(&p, &b, 1 << 30, CAP_NONE);
	held = split(&p, 2);            /* 1 + 1, and nothing from the tenant */
	assert_int_equal(held.own_micro, 0);
	money_charge(&held, 1, &m);     /* half of 1 rounds to 0, twice */
	assert_int_equal(m.own_micro, 0);
	assert_int_equal(money_total(&m), 1);
}

/* ---- properties ---- */

static uint64_t dice(uint64_t *s, uint64_t n)
{
	return rng_mix(7, (*s)++) % n;
}

static uint64_t first_seed(void)
{
	const char *env = getenv("SUANLU_TEST_SEED");
	uint64_t seed = env ? strtoull(env, NULL, 10) : (uint64_t)clock_now_ms();

	print_message("seed: SUANLU_TEST_SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

static uint32_t random_purse(uint64_t *s, struct voucher *v, struct purse *p)
{
	static const char *const issuers[] = { "sh", "hz", "hn" };
	uint32_t n = (uint32_t)dice(s, 12);

	*p = (struct purse){ 0 };
	for (uint32_t i = 0; i < n; i++) {
		v[i] = paper(i + 1, issuers[dice(s, 3)], (uint32_t)dice(s, 1001));
		v[i].exclusive = !dice(s, 5);
		put(p, &v[i], (int64_t)dice(s, 1 << dice(s, 30)),
		    dice(s, 2) ? CAP_NONE : (int64_t)dice(s, 2000));
	}
	return n;
}

static void within(const struct money *part, const struct money *whole)
{
	assert_true(part->own_micro >= 0 && part->own_micro <= whole->own_micro);
	for (uint32_t i = 0; i < part->n; i++)
		assert_true(part->part[i].micro >= 0 &&
			    part->part[i].micro <= whole->part[i].micro);
}

/* In pieces of any size, until nothing is left. */
static void refund_all(uint64_t *s, const struct money *charge)
{
	struct money back = *charge, m;
	int64_t left = money_total(charge);

	back.own_micro = 0;
	for (uint32_t i = 0; i < back.n; i++)
		back.part[i].micro = 0;
	while (left) {
		int64_t micro = 1 + (int64_t)dice(s, (uint64_t)left);

		money_refund(charge, &back, micro, &m);
		assert_int_equal(money_total(&m), micro);
		back.own_micro += m.own_micro;
		for (uint32_t i = 0; i < back.n; i++)
			back.part[i].micro += m.part[i].micro;
		within(&back, charge);
		left -= micro;
	}
	assert_memory_equal(&back, charge, sizeof(back));
}

static void parts_are_the_whole_and_stay_within_what_was_reserved(void **state)
{
	struct voucher v[12];
	struct purse p;
	uint64_t s = first_seed();

	for (int round = 0; round < 20000; round++) {
		int64_t cost = (int64_t)dice(&s, 1ull << dice(&s, 45));
		struct money held, m;
		uint32_t n = random_purse(&s, v, &p);

		(void)n;
		held = split(&p, cost);
		for (uint32_t i = 0; i < held.n; i++)
			assert_true(held.part[i].micro <=
				    p.voucher[held.part[i].voucher - 1].left_micro);
		money_charge(&held, (int64_t)dice(&s, 2 * (uint64_t)cost + 1), &m);
		within(&m, &held);
		if (round % 10 == 0)
			refund_all(&s, &m);
	}
}

static void money_reads_as_it_is_written(void **state)
{
	const struct money m = { .tenant = "acme", .owner = "城\"市", .pool = "hub", .chip = "big",
				 .attempt = 2, .year = 2026, .rate = { 120000, 8000000 },
				 .own_micro = 700, .n = 2,
				 .part = { { 3, 300, "sh", 250 }, { 9, 50, "hz", 50 } } };
	struct money got = { 0 };
	struct arena arena;
	struct err err;
	struct dec d;
	struct buf b;
	json_t *doc;

	arena_init(&arena);
	buf_init(&b, 4096);
	buf_str(&b, "{\"money\":");
	money_put(&b, &m);
	buf_str(&b, "}");
	assert_int_equal(json_parse(b.data, b.len, &doc, &err), 0);
	dec_begin(&d, doc, "", NULL, &arena, &err);
	dec_money(&d, "money", &got);
	assert_int_equal(dec_end(&d), 0);
	assert_string_equal(got.owner, m.owner);
	assert_string_equal(got.part[1].issuer, "hz");
	assert_int_equal(got.part[1].micro, 50);
	assert_int_equal(got.rate.accel_hour_micro, 8000000);
	assert_int_equal(money_total(&got), 1000);
	json_decref(doc);
	buf_done(&b);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_voucher_the_tenant_pays_all),
		cmocka_unit_test(a_share_is_rounded_down_and_the_tenant_pays_the_rest),
		cmocka_unit_test(a_voucher_pays_no_more_than_is_left_of_it_and_of_the_years_cap),
		cmocka_unit_test(all_vouchers_together_pay_no_more_than_the_cost),
		cmocka_unit_test(an_exclusive_voucher_stands_alone),
		cmocka_unit_test(a_charge_takes_its_shares_from_what_was_reserved),
		cmocka_unit_test(no_more_is_charged_than_was_reserved),
		cmocka_unit_test(rounding_never_takes_more_from_the_tenant_than_was_reserved_of_it),
		cmocka_unit_test(parts_are_the_whole_and_stay_within_what_was_reserved),
		cmocka_unit_test(money_reads_as_it_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
