/* money.c - what one run takes from whom */

#include "domain/money.h"

#include "domain/wire.h"

#include <assert.h>
#include <string.h>

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* a * b / c, down; a, b >= 0, c > 0 */
static int64_t share(int64_t a, int64_t b, int64_t c)
{
	return (int64_t)((__int128)a * b / c);
}

int64_t money_total(const struct money *m)
{
	int64_t sum = m->own_micro;

	for (uint32_t i = 0; i < m->n; i++)
		sum += m->part[i].micro;
	return sum;
}

/* Of the cap, less what earlier vouchers of the same issuer take in this very run. */
static int64_t cap_left(const struct purse_voucher *v, const struct money *m)
{
	int64_t left = v->cap_left_micro;

	for (uint32_t i = 0; left != INT64_MAX && i < m->n; i++)
		if (!strcmp(m->part[i].issuer, v->v->issuer))
			left -= m->part[i].micro;
	return left;
}

void money_split(const struct purse *purse, const struct pool *p, bool domestic,
		 const char *kind, int64_t now_ms, int64_t cost_micro, struct money *ret)
{
	int64_t rest = cost_micro;

	ret->n = 0;
	for (uint32_t i = 0; purse && i < purse->n && ret->n < MONEY_PARTS_MAX; i++) {
		const struct voucher *v = purse->voucher[i].v;
		uint32_t rate = voucher_rate(v, p, domestic, kind, now_ms);
		int64_t micro = share(cost_micro, rate, 1000);

		if (v->exclusive && ret->n)
			continue;
		micro = least(micro, purse->voucher[i].left_micro);
		micro = least(micro, cap_left(&purse->voucher[i], ret));
		micro = least(micro, rest);
		if (micro <= 0)
			continue;
		ret->part[ret->n++] = (struct money_part){ v->id, rate, v->issuer, micro };
		rest -= micro;
		if (v->exclusive)
			break;
	}
	ret->own_micro = rest;
}

void money_charge(const struct money *held, int64_t cost_micro, struct money *ret)
{
	int64_t cost = least(cost_micro, money_total(held)), rest = cost, over;

	*ret = *held;
	for (uint32_t i = 0; i < held->n; i++) {
		struct money_part *p = &ret->part[i];

		p->micro = least(least(share(cost, p->rate_milli, 1000), p->micro), rest);
		rest -= p->micro;
	}
	over = rest - held->own_micro;
	for (uint32_t i = 0; over > 0 && i < held->n; i++) {
		int64_t room = least(held->part[i].micro - ret->part[i].micro, over);

		ret->part[i].micro += room;
		rest -= room;
		over -= room;
	}
	ret->own_micro = rest;
	assert(rest >= 0 && rest <= held->own_micro && money_total(ret) == cost);
}

void money_refund(const struct money *charge, const struct money *back, int64_t micro,
		  struct money *ret)
{
	int64_t left = money_total(charge) - money_total(back), rest = micro, over;

	assert(micro > 0 && micro <= left && (back->n == charge->n || !money_total(back)));
	*ret = *charge;
	for (uint32_t i = 0; i < charge->n; i++) {
		int64_t open = charge->part[i].micro - (back->n ? back->part[i].micro : 0);

		ret->part[i].micro = share(micro, open, left);
		rest -= ret->part[i].micro;
	}
	/* Rounded down n times, the tenant may be left with more than he paid. */
	over = rest - (charge->own_micro - back->own_micro);
	for (uint32_t i = 0; over > 0 && i < charge->n; i++) {
		int64_t open = charge->part[i].micro - (back->n ? back->part[i].micro : 0);
		int64_t more = least(open - ret->part[i].micro, over);

		ret->part[i].micro += more;
		rest -= more;
		over -= more;
	}
	ret->own_micro = rest;
	assert(money_total(ret) == micro);
}

/* ---- JSON ---- */

static void put_str(struct buf *b, const char *key, const char *s)
{
	buf_str(b, key);
	json_put_str(b, s, strlen(s));
}

void money_put(struct buf *b, const struct money *m)
{
	put_str(b, "{\"tenant\":", m->tenant);
	put_str(b, ",\"owner\":", m->owner);
	put_str(b, ",\"pool\":", m->pool);
	put_str(b, ",\"chip\":", m->chip);
	buf_printf(b, ",\"attempt\":%u,\"year\":%d,\"rate\":[%lld,%lld],\"own\":%lld", m->attempt,
		   m->year, (long long)m->rate.cpu_hour_micro, (long long)m->rate.accel_hour_micro,
		   (long long)m->own_micro);
	for (uint32_t i = 0; i < m->n; i++) {
		buf_printf(b, "%s[%u,%u,", i ? "," : ",\"parts\":[", m->part[i].voucher,
			   m->part[i].rate_milli);
		json_put_str(b, m->part[i].issuer, strlen(m->part[i].issuer));
		buf_printf(b, ",%lld]", (long long)m->part[i].micro);
	}
	buf_str(b, m->n ? "]}" : "}");
}

static void decode_part(struct dec *d, const json_t *v, struct money_part *ret)
{
	const json_t *id = json_array_get(v, 0), *rate = json_array_get(v, 1);
	const json_t *issuer = json_array_get(v, 2), *micro = json_array_get(v, 3);

	if (json_array_size(v) != 4 || !json_is_integer(id) || !json_is_integer(rate) ||
	    !json_is_string(issuer) || !json_is_integer(micro) || json_integer_value(id) < 1 ||
	    json_integer_value(id) > VOUCHERS_MAX || json_integer_value(rate) < 0 ||
	    json_integer_value(rate) > 1000 || json_integer_value(micro) < 0)
		dec_fail(d, "parts", "must be lists of voucher, rate, issuer and amount");
	else
		*ret = (struct money_part){ (uint32_t)json_integer_value(id),
					    (uint32_t)json_integer_value(rate),
					    arena_strdup(d->arena, json_string_value(issuer)),
					    json_integer_value(micro) };
}

static void decode_rate(struct dec *d, struct rate *ret)
{
	const json_t *list = dec_array(d, "rate", DEC_NEED, 2);
	const json_t *cpu = json_array_get(list, 0), *accel = json_array_get(list, 1);

	if (list && (!json_is_integer(cpu) || !json_is_integer(accel)))
		dec_fail(d, "rate", "must be two amounts");
	*ret = (struct rate){ json_integer_value(cpu), json_integer_value(accel) };
}

void dec_money(struct dec *d, const char *key, struct money *ret)
{
	const json_t *obj = dec_object(d, key, DEC_NEED), *list, *v;
	int64_t year = 0;
	struct dec c;
	size_t i;

	if (!obj)
		return;
	*ret = (struct money){ 0 };
	wire_begin(&c, d, obj, dec_path(d, key));
	dec_str(&c, "tenant", DEC_NEED, 0, SIZE_MAX, &ret->tenant);
	dec_str(&c, "owner", DEC_NEED, 0, SIZE_MAX, &ret->owner);
	dec_str(&c, "pool", DEC_NEED, 0, SIZE_MAX, &ret->pool);
	dec_str(&c, "chip", DEC_NEED, 0, SIZE_MAX, &ret->chip);
	dec_u32(&c, "attempt", DEC_NEED, 0, UINT32_MAX, &ret->attempt);
	dec_i64(&c, "year", DEC_NEED, 0, INT32_MAX, &year);
	decode_rate(&c, &ret->rate);
	dec_i64(&c, "own", DEC_NEED, 0, INT64_MAX, &ret->own_micro);
	list = dec_array(&c, "parts", DEC_OPT, MONEY_PARTS_MAX);
	if (list)
		json_array_foreach(list, i, v)
			decode_part(&c, v, &ret->part[ret->n++]);
	ret->year = (int)year;
	wire_end(&c, d);
}
