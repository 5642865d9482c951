/* price.c - what an hour costs, on which pool and chip, and since when */

#include "domain/price.h"

#include "base/clock.h"
#include "base/text.h"
#include "domain/pool.h"
#include "domain/wire.h"

#include <stdio.h>
#include <string.h>

void dec_price(struct dec *d, const char *key, int64_t *ret_micro)
{
	const char *s = NULL;
	int64_t micro;

	dec_str(d, key, DEC_OPT, 1, 32, &s);
	if (!s)
		return;
	if (text_yuan_parse(s, &micro) || micro > PRICE_HOUR_MAX * 1000000LL)
		dec_fail(d, key, "must be yuan for an hour as decimal text such as \"0.12\"");
	else
		*ret_micro = micro;
}

static void decode_rate(struct dec *d, struct rate *ret)
{
	const json_t *obj = dec_object(d, "price", DEC_NEED);
	struct dec c;

	if (!obj)
		return;
	if (!json_object_size(obj))
		dec_fail(d, "price", "must have cpu_hour, accelerator_hour or both");
	wire_begin(&c, d, obj, dec_path(d, "price"));
	dec_price(&c, "cpu_hour", &ret->cpu_hour_micro);
	dec_price(&c, "accelerator_hour", &ret->accel_hour_micro);
	wire_end(&c, d);
}

static void decode_text(struct dec *d, const char *key, enum dec_need need, wire_rule_fn rule,
			char ret[64])
{
	const char *s = NULL;

	wire_str(d, key, need, 63, rule, &s);
	if (s)
		snprintf(ret, 64, "%s", s);
}

static void decode(struct dec *d, struct price *p)
{
	decode_text(d, "pool", DEC_NEED, wire_name, p->pool);
	decode_text(d, "chip", DEC_OPT, wire_name, p->chip);
	decode_rate(d, &p->rate);
	wire_time(d, "valid_from", DEC_OPT, &p->from_ms);
	wire_time(d, "valid_until", DEC_OPT, &p->until_ms);
	if (!d->r && p->until_ms && p->until_ms <= p->from_ms)
		dec_fail(d, "valid_until", "must be after valid_from");
}

int price_decode(const json_t *json, int64_t now_ms, struct price *ret, struct err *err)
{
	struct price p = { .from_ms = now_ms, .set_ms = now_ms };
	struct arena arena;
	struct dec d;
	int r;

	arena_init(&arena);
	dec_begin(&d, json, "", NULL, &arena, err);
	decode(&d, &p);
	if (!d.r && p.from_ms < now_ms)
		dec_fail(&d, "valid_from", "must not lie in the past");
	r = dec_end(&d);
	arena_done(&arena);
	if (!r)
		*ret = p;
	return r;
}

int price_record_decode(const json_t *json, struct price *ret, struct err *err)
{
	struct price p = { 0 };
	struct arena arena;
	struct dec d;
	int r;

	arena_init(&arena);
	dec_begin(&d, json, "", NULL, &arena, err);
	decode(&d, &p);
	dec_u32(&d, "id", DEC_NEED, 1, PRICES_MAX, &p.id);
	wire_time(&d, "set", DEC_NEED, &p.set_ms);
	decode_text(&d, "by", DEC_NEED, wire_printable, p.by);
	r = dec_end(&d);
	arena_done(&arena);
	if (!r)
		*ret = p;
	return r;
}

json_t *price_json(const struct price *p)
{
	json_t *obj = json_object(), *rate = json_object();
	char text[32];

	wire_put_int(obj, "id", p->id);
	wire_put_str(obj, "pool", p->pool);
	wire_put_str(obj, "chip", p->chip[0] ? p->chip : NULL);
	wire_put_str(rate, "cpu_hour", text_yuan(p->rate.cpu_hour_micro, text));
	wire_put_str(rate, "accelerator_hour", text_yuan(p->rate.accel_hour_micro, text));
	wire_put(obj, "price", rate);
	wire_put_time(obj, "valid_from", p->from_ms);
	wire_put_time(obj, "valid_until", p->until_ms);
	wire_put_time(obj, "set", p->set_ms);
	wire_put_str(obj, "by", p->by);
	return obj;
}

/* Does `a`, which is in force, go before `b`? */
static bool before(const struct price *a, const struct price *b)
{
	if (!a->chip[0] != !b->chip[0])
		return a->chip[0];
	return a->from_ms != b->from_ms ? a->from_ms > b->from_ms : a->id > b->id;
}

void price_at(const struct pool *p, const char *chip, int64_t at_ms, struct rate *ret)
{
	const struct price *best = NULL;

	for (uint32_t i = 0; i < p->nprices; i++) {
		const struct price *e = &p->prices[i];

		if (e->from_ms > at_ms || (e->until_ms && e->until_ms <= at_ms))
			continue;
		if (e->chip[0] && strcmp(e->chip, chip ? chip : "cpu") != 0)
			continue;
		if (!best || before(e, best))
			best = e;
	}
	*ret = best ? best->rate : (struct rate){ p->cpu_hour_micro, p->accel_hour_micro };
}
