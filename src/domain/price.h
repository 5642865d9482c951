/* price.h - what an hour costs, on which pool and chip, and since when
 *
 * A pool declares a price in the configuration; a price list set later goes before it.  A
 * run is charged at the price in force when its pool was chosen, to its very end: that is
 * what the decision said it would cost, and what was reserved for it.  Forecasts ask the
 * same function.  Prices are never changed after the fact: an entry begins now or later.
 */
#ifndef DOMAIN_PRICE_H
#define DOMAIN_PRICE_H

#include "base/json.h"

#include <stdint.h>

struct pool;

enum {
	PRICES_MAX = 100000,
	POOL_PRICES_MAX = 200,          /* of one pool: they are looked through for each forecast */
	PRICE_HOUR_MAX = 1000000,       /* yuan: a whole supercomputer costs less */
};

struct rate {
	int64_t cpu_hour_micro, accel_hour_micro;        /* of one cpu, one device, for an hour */
};

struct price {
	uint32_t id;                    /* 1, 2 … in order of setting */
	char pool[64], chip[64];        /* chip: a model of the catalogue, "cpu", or "": any */
	struct rate rate;
	int64_t from_ms, until_ms;      /* from <= t < until; 0: open */
	int64_t set_ms;
	char by[64];
};

/* {"pool":"hub","chip":"a100-80-sxm","price":{"cpu_hour":"0.12","accelerator_hour":"8.00"},
 *  "valid_from":"2026-12-01T00:00:00+08:00","valid_until":…}.  valid_from may not lie before
 * `now_ms` and is that when absent. */
int price_decode(const json_t *json, int64_t now_ms, struct price *ret, struct err *err);
json_t *price_json(const struct price *p);
/* The journal's form: the same with "id", "set" and "by". */
int price_record_decode(const json_t *json, struct price *ret, struct err *err);

/* The rate in force on a pool for a chip: of the entries valid at `at_ms` one for that chip
 * goes before one for any, then the one that began last, then the one set last.  None: the
 * pool's declaration.  `chip`: NULL as "cpu". */
void price_at(const struct pool *p, const char *chip, int64_t at_ms, struct rate *ret);

/* "0.12" under `key` into micro-yuan, at most PRICE_HOUR_MAX. */
void dec_price(struct dec *d, const char *key, int64_t *ret_micro);

#endif
