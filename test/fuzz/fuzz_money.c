/* fuzz_money.c - whatever is taken as a price, a voucher, a scheme or a budget comes back from the
 * journal as the same, and splits a cost to the last micro-yuan */

#include "base/json.h"
#include "domain/grant.h"
#include "domain/money.h"
#include "domain/pool.h"
#include "domain/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1800000000000LL     /* 2027-01-15 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_money: %s\n", what);
	abort();
}

/* As the journal has it: numbered, with who and when. */
static json_t *recorded(json_t *doc, const char *when)
{
	char *text;
	json_t *back = NULL;

	wire_put_int(doc, "id", 7);
	wire_put_time(doc, when, NOW);
	wire_put_str(doc, "by", "office");
	text = json_dumps(doc, JSON_COMPACT | JSON_REAL_PRECISION(15));
	must(text && json_parse(text, strlen(text), &back, NULL) == 0, "the record is no JSON");
	must(json_equal(doc, back), "the record changes in its text");
	free(text);
	json_decref(doc);
	return back;
}

static void price(const json_t *json)
{
	struct price p, copy;
	struct pool pool = { .prices = &p, .nprices = 1 };
	struct rate rate;
	struct err err = { 0 };
	json_t *doc, *again;

	if (price_decode(json, NOW, &p, &err)) {
		must(err.text[0], "a price is refused without words");
		return;
	}
	must(p.rate.cpu_hour_micro >= 0 && p.rate.accel_hour_micro >= 0, "a price below nothing");
	must(p.from_ms >= NOW && (!p.until_ms || p.until_ms > p.from_ms), "a price of no time");
	price_at(&pool, p.chip[0] ? p.chip : "any", p.from_ms, &rate);
	must(!memcmp(&rate, &p.rate, sizeof(rate)), "a price is not in force when it begins");
	price_at(&pool, p.chip[0] ? p.chip : "any", p.from_ms - 1, &rate);
	must(!rate.cpu_hour_micro && !rate.accel_hour_micro, "a price is in force before it begins");
	doc = recorded(price_json(&p), "set");
	must(!price_record_decode(doc, &copy, &err), "a price cannot be read back");
	again = price_json(&copy);
	must(json_equal(doc, again), "a price is another one after a restart");
	json_decref(doc);
	json_decref(again);
}

static void pay(const struct voucher *v, int64_t cost)
{
	struct purse purse = { .n = 1, .voucher = { { v, v->face_micro,
		v->year_cap_micro ? v->year_cap_micro : INT64_MAX } } };
	struct pool pool = { .name = "hub", .owner = "city" };
	struct money held, charged, back = { 0 };

	for (int domestic = 0; domestic < 2; domestic++) {
		uint32_t rate = voucher_rate(v, &pool, domestic, "train", v->from_ms);

		must(rate <= 1000, "a voucher pays more than all");
		must(!voucher_rate(v, &pool, domestic, "train", v->until_ms), "a voucher pays when it is over");
		held = (struct money){ .tenant = v->tenant };
		money_split(&purse, &pool, domestic, "train", v->from_ms, cost, &held);
		must(money_total(&held) == cost && held.own_micro >= 0, "a split is not the whole");
		for (uint32_t i = 0; i < held.n; i++)
			must(held.part[i].micro >= 0 && held.part[i].micro <= v->face_micro &&
			     held.part[i].micro <= purse.voucher[0].cap_left_micro, "a voucher pays too much");
		money_charge(&held, cost / 3, &charged);
		must(money_total(&charged) == cost / 3 && charged.own_micro <= held.own_micro,
		     "a charge is not what was measured");
		if (!money_total(&charged))
			continue;
		money_refund(&charged, &back, money_total(&charged), &held);
		must(money_total(&held) == money_total(&charged) && held.own_micro == charged.own_micro,
		     "a refund of all is not all");
	}
}

static void voucher(const json_t *json)
{
	struct voucher *v = NULL, *copy = NULL;
	struct err err = { 0 };
	json_t *doc, *again;

	if (voucher_decode(json, NOW, false, &v, &err)) {
		must(err.text[0], "a voucher is refused without words");
		return;
	}
	must(v->until_ms > NOW && v->until_ms > v->from_ms, "a voucher of no time");
	pay(v, 1);
	pay(v, 123456789);
	pay(v, MONEY_RUN_MAX);
	doc = recorded(voucher_json(v), "issued");
	if (voucher_decode(doc, 0, true, &copy, &err)) {
		fprintf(stderr, "%s: %s\n", err.field, err.text);
		must(false, "a voucher cannot be read back");
	}
	again = voucher_json(copy);
	must(json_equal(doc, again), "a voucher is another one after a restart");
	json_decref(doc);
	json_decref(again);
	voucher_free(v);
	voucher_free(copy);
}

/* A city's scheme is a voucher without the words that its issue adds. */
static void scheme(json_t *json)
{
	json_t *doc = json_copy(json);

	wire_put_str(doc, "tenant", "acme");
	if (!json_object_get(doc, "face_micro"))
		wire_put_int(doc, "face_micro", 1000000);
	if (!json_object_get(doc, "valid_until"))
		wire_put_str(doc, "valid_until", "2027-06-01T00:00:00Z");
	voucher(doc);
	json_decref(doc);
}

static void grant(const json_t *json)
{
	struct err err = { 0 };
	struct arena arena;
	struct grant g;

	arena_init(&arena);
	if (grant_decode(json, &arena, &g, &err))
		must(err.text[0], "a grant is refused without words");
	else
		must(g.tenant && g.reason && g.micro >= -GRANT_MAX && g.micro <= GRANT_MAX, "a grant of what?");
	arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct json_lines *lines = NULL;
	json_t *json = NULL;

	if (json_parse((const char *)data, n, &json, NULL) &&
	    yaml_parse((const char *)data, n, &json, &lines, NULL))
		return 0;
	price(json);
	voucher(json);
	grant(json);
	if (json_is_object(json))
		scheme(json);
	json_decref(json);
	json_lines_free(lines);
	return 0;
}
