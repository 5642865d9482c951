/* test_price.c - the price of an hour: the narrower entry wins, and the past stays as it was */

#include "../lib/domain.h"

#include "domain/pool.h"

enum { NOW = 1800000000 };      /* seconds */
#define MS(s) ((int64_t)(s) * 1000)

static struct price entry(uint32_t id, const char *chip, int64_t from_s, int64_t until_s,
			  int64_t accel)
{
	struct price p = { .id = id, .rate = { 1, accel }, .from_ms = MS(from_s),
			   .until_ms = MS(until_s) };

	strcpy(p.pool, "hub");
	strcpy(p.chip, chip);
	return p;
}

static int64_t at(const struct pool *p, const char *chip, int64_t s)
{
	struct rate r;

	price_at(p, chip, MS(s), &r);
	return r.accel_hour_micro;
}

static void without_a_list_the_declaration_counts(void **state)
{
	const struct pool p = { .accel_hour_micro = 7 };

	assert_int_equal(at(&p, "big", NOW), 7);
	assert_int_equal(at(&p, NULL, 0), 7);
}

static void an_entry_is_in_force_from_its_first_to_before_its_last_moment(void **state)
{
	struct price e[] = { entry(1, "", 100, 200, 5) };
	const struct pool p = { .accel_hour_micro = 7, .nprices = 1, .prices = e };

	assert_int_equal(at(&p, "big", 99), 7);
	assert_int_equal(at(&p, "big", 100), 5);
	assert_int_equal(at(&p, "big", 199), 5);
	assert_int_equal(at(&p, "big", 200), 7);
}

static void a_chip_goes_before_any_then_the_later_begin_then_the_later_word(void **state)
{
	struct price e[] = { entry(1, "big", 100, 0, 11), entry(2, "", 500, 0, 12),
			     entry(3, "", 500, 0, 13), entry(4, "", 300, 0, 14) };
	const struct pool p = { .nprices = 4, .prices = e };

	assert_int_equal(at(&p, "big", 600), 11);
	assert_int_equal(at(&p, "small", 600), 13);
	assert_int_equal(at(&p, "small", 400), 14);
	assert_int_equal(at(&p, NULL, 600), 13);
}

static int read(const char *text, struct price *ret, struct err *err)
{
	json_t *doc = json_of(text);
	int r = price_decode(doc, MS(NOW), ret, err);

	json_decref(doc);
	return r;
}

static void a_price_reads_as_it_is_written(void **state)
{
	struct price p, q;
	struct err err = { 0 };
	json_t *doc;

	assert_int_equal(read("{'pool':'hub','chip':'big','price':{'cpu_hour':'0.12',"
			      "'accelerator_hour':'8.00'},'valid_until':'2030-01-01T00:00:00+08:00'}",
			      &p, &err), 0);
	assert_int_equal(p.rate.cpu_hour_micro, 120000);
	assert_int_equal(p.rate.accel_hour_micro, 8000000);
	assert_int_equal(p.from_ms, MS(NOW));
	p.id = 3;
	strcpy(p.by, "Ann");
	doc = price_json(&p);
	assert_int_equal(price_record_decode(doc, &q, &err), 0);
	json_decref(doc);
	assert_memory_equal(&p, &q, sizeof(p));
}

static void refused(const char *text, const char *field, const char *words)
{
	struct err err = { 0 };
	struct price p;

	assert_int_equal(read(text, &p, &err), ERR_E_INPUT);
	says(&err, field, words);
}

static void a_wrong_price_is_refused(void **state)
{
	refused("{'pool':'hub','price':{}}", "price", "cpu_hour");
	refused("{'price':{'cpu_hour':'1'}}", "pool", "missing");
	refused("{'pool':'hub','price':{'cpu_hour':'-1'}}", "price.cpu_hour", "yuan");
	refused("{'pool':'hub','price':{'cpu_hour':0.1}}", "price.cpu_hour", "text");
	refused("{'pool':'hub','price':{'cpu_hour':'1000000.01'}}", "price.cpu_hour", "yuan");
	refused("{'pool':'hub','price':{'cpu_hour':'1'},'chip':'A B'}", "chip", "must be");
	refused("{'pool':'hub','price':{'cpu_hour':'1'},'id':1}", "id", "not known");
	refused("{'pool':'hub','price':{'cpu_hour':'1'},'valid_from':'tomorrow'}", "valid_from",
		"time");
	refused("{'pool':'hub','price':{'cpu_hour':'1'},'valid_until':'2027-01-14T00:00:00Z'}",
		"valid_until", "after");
}

static void a_price_cannot_be_changed_for_the_past(void **state)
{
	refused("{'pool':'hub','price':{'cpu_hour':'1'},'valid_from':'2020-01-01T00:00:00Z'}",
		"valid_from", "past");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_list_the_declaration_counts),
		cmocka_unit_test(an_entry_is_in_force_from_its_first_to_before_its_last_moment),
		cmocka_unit_test(a_chip_goes_before_any_then_the_later_begin_then_the_later_word),
		cmocka_unit_test(a_price_reads_as_it_is_written),
		cmocka_unit_test(a_wrong_price_is_refused),
		cmocka_unit_test(a_price_cannot_be_changed_for_the_past),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
