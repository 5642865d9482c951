/* test_ledger.c - every entry balances, and a checkpoint keeps all but what is held */

#include "../lib/domain.h"

#include "base/clock.h"
#include "base/rng.h"
#include "domain/ledger.h"

static const struct money run = { .tenant = "acme", .owner = "city", .pool = "hub", .chip = "cpu",
				  .attempt = 1, .year = 2026, .own_micro = 700, .n = 1,
				  .part = { { 1, 300, "sh", 300 } } };

static const struct voucher paper = { .id = 1, .issuer = "sh", .tenant = "acme",
				      .face_micro = 10000 };

static int64_t has(const struct ledger *l, enum account_kind k, const char *name)
{
	return ledger_balance(l, k, name);
}

static void a_run_moves_money_from_those_who_pay_to_the_owner(void **state)
{
	struct ledger *l = ledger_new();
	struct money paid = run;

	ledger_grant(l, "acme", 5000);
	ledger_issue(l, &paper);
	ledger_hold(l, &run);
	assert_int_equal(has(l, ACCOUNT_TENANT, "acme"), 4300);
	assert_int_equal(has(l, ACCOUNT_HELD, "acme"), 700);
	assert_int_equal(ledger_voucher(l, ACCOUNT_VOUCHER, 1), 9700);
	assert_int_equal(ledger_use(l, "sh", "acme", 2026), 300);
	paid.own_micro = 70;
	paid.part[0].micro = 30;
	ledger_release(l, &run);
	ledger_charge(l, &paid);
	assert_int_equal(has(l, ACCOUNT_TENANT, "acme"), 4930);
	assert_int_equal(has(l, ACCOUNT_HELD, "acme"), 0);
	assert_int_equal(has(l, ACCOUNT_OWNER, "city"), 100);
	assert_int_equal(ledger_voucher(l, ACCOUNT_VOUCHER, 1), 9970);
	assert_int_equal(ledger_use(l, "sh", "acme", 2026), 30);
	assert_int_equal(ledger_use(l, "sh", "acme", 2027), 0);
	assert_int_equal(has(l, ACCOUNT_OUTSIDE, ""), -5000);
	assert_int_equal(has(l, ACCOUNT_ISSUER, "sh"), -10000);
	assert_int_equal(ledger_sum(l), 0);
	ledger_free(l);
}

static void a_refund_undoes_a_charge(void **state)
{
	struct ledger *l = ledger_new(), *same = ledger_new();

	ledger_charge(l, &run);
	ledger_refund(l, &run);
	assert_true(ledger_equal(l, same));
	ledger_free(l);
	ledger_free(same);
}

static void accounts_of_two_kinds_may_have_one_name(void **state)
{
	struct ledger *l = ledger_new();
	struct money m = run;

	m.owner = "acme";
	ledger_charge(l, &m);
	assert_int_equal(has(l, ACCOUNT_TENANT, "acme"), -700);
	assert_int_equal(has(l, ACCOUNT_OWNER, "acme"), 1000);
	ledger_free(l);
}

static void a_full_ledger_says_so(void **state)
{
	struct ledger *l = ledger_new();

	for (int i = 0; i < 8000; i++)
		ledger_grant(l, "acme", i % 2 ? -VOUCHER_FACE_MAX : VOUCHER_FACE_MAX);
	assert_false(ledger_full(l));
	ledger_grant(l, "acme", 1);
	assert_true(ledger_full(l));
	ledger_free(l);
}

/* ---- checkpoints ---- */

static bool carry(const struct ledger *from, struct ledger *to, uint32_t parts)
{
	bool whole = false;
	struct err err;

	for (uint32_t i = 0; i < parts; i++) {
		json_t *doc = ledger_part(from, i);

		if (ledger_restore(to, doc, &whole, &err))
			fail_msg("%s", err.text);
		json_decref(doc);
	}
	return whole;
}

static void a_checkpoint_keeps_all_but_what_is_held(void **state)
{
	struct ledger *l = ledger_new(), *other = ledger_new();

	ledger_issue(l, &paper);
	ledger_charge(l, &run);
	ledger_hold(l, &run);
	ledger_charge(other, &run);     /* what a checkpoint does not know is not kept … */
	ledger_charge(other, &run);
	assert_true(carry(l, other, ledger_parts(l)));
	assert_int_equal(ledger_sum(other), 0);
	assert_int_equal(has(other, ACCOUNT_OWNER, "city"), 1000);
	assert_int_equal(has(other, ACCOUNT_HELD, "acme"), 0);
	ledger_hold(other, &run);
	assert_true(ledger_equal(l, other));
	assert_true(carry(l, other, ledger_parts(l)));          /* … what is held is */
	assert_true(ledger_equal(l, other));
	ledger_free(l);
	ledger_free(other);
}

static void many(struct ledger *l, unsigned n)
{
	char name[16];

	for (unsigned i = 0; i < n; i++) {
		struct money m = run;

		snprintf(name, sizeof(name), "t%u", i);
		m.tenant = name;
		ledger_charge(l, &m);
	}
}

static void a_checkpoint_of_many_parts_counts_with_the_last_of_them(void **state)
{
	struct ledger *l = ledger_new(), *other = ledger_new();

	many(l, 2 * LEDGER_PART + 5);
	assert_int_equal(ledger_parts(l), 3);
	ledger_charge(other, &run);
	assert_false(carry(l, other, 2));       /* the crash came before the third */
	assert_int_equal(has(other, ACCOUNT_OWNER, "city"), 1000);
	assert_true(carry(l, other, 3));
	assert_true(ledger_equal(l, other));
	ledger_free(l);
	ledger_free(other);
}

static void a_damaged_checkpoint_is_not_taken(void **state)
{
	static const char *const bad[] = {
		"{'part':0,'parts':1,'accounts':[['held','acme',5]],'use':[]}",
		"{'part':0,'parts':1,'accounts':[['tenant','acme','5']],'use':[]}",
		"{'part':0,'parts':1,'accounts':[['nobody','acme',5]],'use':[]}",
		"{'part':0,'parts':0,'accounts':[],'use':[]}",
		"{'part':0,'parts':1,'accounts':[],'use':[['sh','acme',2026]]}",
	};
	struct ledger *l = ledger_new();
	struct err err;
	bool whole;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_t *doc = json_of(bad[i]);

		assert_true(ledger_restore(l, doc, &whole, &err) < 0);
		json_decref(doc);
	}
	assert_int_equal(has(l, ACCOUNT_TENANT, "acme"), 0);
	ledger_free(l);
}

/* ---- any sequence ---- */

static void whatever_happens_the_sum_is_zero(void **state)
{
	static const char *const names[] = { "acme", "lab", "城市" };
	const char *env = getenv("SUANLU_TEST_SEED");
	uint64_t s = env ? strtoull(env, NULL, 10) : (uint64_t)clock_now_ms();
	struct ledger *l = ledger_new(), *copy = ledger_new();

	print_message("seed: SUANLU_TEST_SEED=%llu\n", (unsigned long long)s);
	for (int i = 0; i < 20000; i++) {
		struct money m = run;
		uint64_t d = rng_mix(11, s++);

		m.tenant = names[d % 3];
		m.owner = names[d / 3 % 3];
		m.own_micro = (int64_t)(d >> 30);
		m.part[0].voucher = 1 + (uint32_t)(d / 9 % 5);
		m.part[0].micro = (int64_t)(d >> 40);
		switch (d / 64 % 5) {
		case 0: ledger_hold(l, &m); break;
		case 1: ledger_release(l, &m); break;
		case 2: ledger_charge(l, &m); break;
		case 3: ledger_refund(l, &m); break;
		default: ledger_grant(l, m.tenant, (int64_t)(d >> 35)); break;
		}
		assert_int_equal(ledger_sum(l), 0);
	}
	assert_true(carry(l, copy, ledger_parts(l)));
	assert_int_equal(ledger_sum(copy), 0);
	assert_int_equal(has(copy, ACCOUNT_OWNER, "lab"), has(l, ACCOUNT_OWNER, "lab"));
	ledger_free(l);
	ledger_free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_moves_money_from_those_who_pay_to_the_owner),
		cmocka_unit_test(a_refund_undoes_a_charge),
		cmocka_unit_test(accounts_of_two_kinds_may_have_one_name),
		cmocka_unit_test(a_full_ledger_says_so),
		cmocka_unit_test(a_checkpoint_keeps_all_but_what_is_held),
		cmocka_unit_test(a_checkpoint_of_many_parts_counts_with_the_last_of_them),
		cmocka_unit_test(a_damaged_checkpoint_is_not_taken),
		cmocka_unit_test(whatever_happens_the_sum_is_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
