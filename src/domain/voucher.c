/* voucher.c - 算力券: who pays which part of what, and for how long
 *
 *	{ "issuer": "shanghai-dec", "tenant": "acme", "title": "上海算力券 2025", "face_micro": 300000000000,
 *	  "rate": {"domestic": 0.3, "other": 0.2} | 0.3, "year_cap_micro": 5000000000000,
 *	  "valid_from": "2025-07-28T00:00:00+08:00", "valid_until": "2026-07-28T00:00:00+08:00",
 *	  "pools": ["hub"], "owners": ["city"], "kinds": ["train"], "exclusive": true,
 *	  "source": "https://…" }
 */

#include "domain/voucher.h"

#include "base/mem.h"
#include "domain/pool.h"
#include "domain/wire.h"

#include <stdlib.h>
#include <string.h>

enum { DAY_MS = 86400000, BEIJING_MS = 8 * 3600000, TEXT_MAX = 200, SOURCE_MAX = 500 };

static void decode_rate(struct dec *d, struct voucher *v)
{
	const json_t *rate = dec_any(d, "rate", DEC_NEED);
	struct dec c;

	if (rate && !json_is_object(rate)) {
		dec_milli(d, "rate", DEC_NEED, 1, 1000, &v->other_milli);
		v->domestic_milli = v->other_milli;
	} else if (rate) {
		wire_begin(&c, d, rate, dec_path(d, "rate"));
		dec_milli(&c, "domestic", DEC_NEED, 0, 1000, &v->domestic_milli);
		dec_milli(&c, "other", DEC_NEED, 0, 1000, &v->other_milli);
		wire_end(&c, d);
		if (!d->r && !v->domestic_milli && !v->other_milli)
			dec_fail(d, "rate", "must be above 0 for some chips");
	}
}

static void decode_names(struct dec *d, const char *key, size_t max, wire_rule_fn rule,
			 const char *const **ret, uint32_t *ret_n)
{
	dec_strs(d, key, DEC_OPT, VOUCHER_LIST_MAX, max, ret, ret_n);
	for (uint32_t i = 0; !d->r && i < *ret_n; i++)
		if (!(*ret)[i][0] || rule((*ret)[i]))
			dec_fail(d, key, "must be a list of names");
	if (!d->r && *ret && !*ret_n)
		dec_fail(d, key, "must name something; leave it out to mean all");
}

static void decode_validity(struct dec *d, int64_t now_ms, struct voucher *v)
{
	v->from_ms = now_ms;
	wire_time(d, "valid_from", DEC_OPT, &v->from_ms);
	wire_time(d, "valid_until", DEC_NEED, &v->until_ms);
	if (d->r)
		return;
	if (v->until_ms <= v->from_ms)
		dec_fail(d, "valid_until", "must be after valid_from");
	else if (v->until_ms - v->from_ms > (int64_t)VOUCHER_DAYS_MAX * DAY_MS)
		dec_fail(d, "valid_until", "must be at most %d days after valid_from",
			 VOUCHER_DAYS_MAX);
}

static void decode(struct dec *d, int64_t now_ms, struct voucher *v)
{
	wire_str(d, "issuer", DEC_NEED, 63, wire_name, &v->issuer);
	wire_str(d, "tenant", DEC_NEED, 63, wire_name, &v->tenant);
	v->title = v->issuer;
	wire_str(d, "title", DEC_OPT, TEXT_MAX, wire_printable, &v->title);
	wire_str(d, "source", DEC_OPT, SOURCE_MAX, wire_printable, &v->source);
	dec_i64(d, "face_micro", DEC_NEED, 1, VOUCHER_FACE_MAX, &v->face_micro);
	decode_rate(d, v);
	dec_i64(d, "year_cap_micro", DEC_OPT, 1, VOUCHER_FACE_MAX, &v->year_cap_micro);
	decode_validity(d, now_ms, v);
	decode_names(d, "pools", 63, wire_name, &v->pools, &v->npools);
	decode_names(d, "owners", 128, wire_printable, &v->owners, &v->nowners);
	decode_names(d, "kinds", 63, wire_printable, &v->kinds, &v->nkinds);
	dec_bool(d, "exclusive", DEC_OPT, &v->exclusive);
}

int voucher_decode(const json_t *json, int64_t now_ms, bool record, struct voucher **ret,
		   struct err *err)
{
	struct voucher *v = mem_alloc(sizeof(*v));
	struct dec d;
	int r;

	arena_init(&v->arena);
	dec_begin(&d, json, "", NULL, &v->arena, err);
	decode(&d, now_ms, v);
	v->issued_ms = now_ms;
	v->by = "";
	if (record) {
		dec_u32(&d, "id", DEC_NEED, 1, VOUCHERS_MAX, &v->id);
		wire_time(&d, "issued", DEC_NEED, &v->issued_ms);
		wire_str(&d, "by", DEC_NEED, 63, wire_printable, &v->by);
	} else if (!d.r && v->until_ms <= now_ms) {
		dec_fail(&d, "valid_until", "must be in the future");
	}
	r = dec_end(&d);
	if (r) {
		voucher_free(v);
		return r;
	}
	*ret = v;
	return 0;
}

static void put_names(json_t *obj, const char *key, uint32_t n, const char *const *names)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < n; i++)
		wire_append(list, json_string(names[i]));
	if (n)
		wire_put(obj, key, list);
	else
		json_decref(list);
}

json_t *voucher_json(const struct voucher *v)
{
	json_t *obj = json_object(), *rate = json_object();

	wire_put_int(obj, "id", v->id);
	wire_put_str(obj, "issuer", v->issuer);
	wire_put_str(obj, "tenant", v->tenant);
	wire_put_str(obj, "title", v->title);
	wire_put_str(obj, "source", v->source);
	wire_put_int(obj, "face_micro", v->face_micro);
	wire_put(rate, "domestic", wire_milli(v->domestic_milli));
	wire_put(rate, "other", wire_milli(v->other_milli));
	wire_put(obj, "rate", rate);
	if (v->year_cap_micro)
		wire_put_int(obj, "year_cap_micro", v->year_cap_micro);
	wire_put_time(obj, "valid_from", v->from_ms);
	wire_put_time(obj, "valid_until", v->until_ms);
	put_names(obj, "pools", v->npools, v->pools);
	put_names(obj, "owners", v->nowners, v->owners);
	put_names(obj, "kinds", v->nkinds, v->kinds);
	wire_put(obj, "exclusive", json_boolean(v->exclusive));
	wire_put_time(obj, "issued", v->issued_ms);
	wire_put_str(obj, "by", v->by);
	return obj;
}

struct voucher *voucher_free(struct voucher *v)
{
	if (!v)
		return NULL;
	arena_done(&v->arena);
	free(v);
	return NULL;
}

static bool listed(uint32_t n, const char *const *names, const char *name)
{
	for (uint32_t i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			return true;
	return !n;
}

uint32_t voucher_rate(const struct voucher *v, const struct pool *p, bool domestic,
		      const char *kind, int64_t now_ms)
{
	const char *owner = pool_payee(p);

	if (v->withdrawn || now_ms < v->from_ms || now_ms >= v->until_ms ||
	    !strcmp(owner, v->tenant) || !listed(v->npools, v->pools, p->name) ||
	    !listed(v->nowners, v->owners, owner) || !listed(v->nkinds, v->kinds, kind))
		return 0;
	return domestic ? v->domestic_milli : v->other_milli;
}

/* Days since 1970 into a year of the Gregorian calendar, by counting 400-year cycles of
 * 146,097 days that begin on 1 March. */
int voucher_year(int64_t ms)
{
	int64_t t = ms + BEIJING_MS;
	int64_t days = t / DAY_MS - (t % DAY_MS < 0) + 719468;
	int64_t era = days / 146097 - (days % 146097 < 0);
	int64_t day = days - era * 146097;
	int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	int64_t of_year = day - (365 * year + year / 4 - year / 100);

	return (int)(year + era * 400 + (of_year >= 306));      /* January and February */
}
