/* voucher.h - 算力券: an issuer pays a part of what a tenant's runs cost
 *
 * Issued once and never changed; only withdrawn.  How much of it is left is in the ledger.
 * The rules that cities publish (examples/vouchers/) become: a rate for domestic chips and
 * one for others, a face value, a yearly cap for all vouchers of one issuer and tenant, a
 * validity, pools or owners, kinds of task, and whether another voucher may join in.
 */
#ifndef DOMAIN_VOUCHER_H
#define DOMAIN_VOUCHER_H

#include "base/json.h"

#include <stdint.h>

struct pool;

enum {
	VOUCHERS_MAX = 100000,
	VOUCHERS_TENANT_MAX = 64,       /* of one tenant that can still be used: each is looked at
	                                 * for each of its runs */
	VOUCHER_LIST_MAX = 64,          /* pools, owners, kinds that it names */
	VOUCHER_DAYS_MAX = 3660,
};
#define VOUCHER_FACE_MAX 1000000000000000LL     /* a billion yuan; a city's yearly sum is 0.6 */

struct voucher {
	struct arena arena;
	uint32_t id;                    /* 1, 2 … in order of issue */
	const char *issuer, *tenant;    /* names */
	const char *title, *source;     /* for people; source: the rule's document, or NULL */
	int64_t face_micro;             /* it pays no more than that in all */
	uint32_t domestic_milli, other_milli;    /* share of the cost that it pays; 0: nothing */
	int64_t year_cap_micro;         /* per calendar year (Beijing time), all vouchers of this
	                                 * issuer for this tenant together; 0: none */
	int64_t from_ms, until_ms;      /* from <= time of the choice < until */
	uint32_t npools, nowners, nkinds;        /* 0: every one */
	const char *const *pools, *const *owners, *const *kinds;
	bool exclusive;                 /* goes with no other voucher in one run */
	bool withdrawn;                 /* no new run; what is reserved stays reserved */
	int64_t issued_ms;
	const char *by;
};

/* As the API takes it; the journal's form, with `id`, `issued` and `by`, when `record`. */
int voucher_decode(const json_t *json, int64_t now_ms, bool record, struct voucher **ret,
		   struct err *err);
json_t *voucher_json(const struct voucher *v);
struct voucher *voucher_free(struct voucher *v);

/* Thousandths of the cost that it would pay for a run of `kind` chosen at `now_ms`, 0: none.
 * A cpu counts as an other chip: the catalogue knows accelerators only.  It never pays a
 * tenant's runs on the tenant's own pools. */
uint32_t voucher_rate(const struct voucher *v, const struct pool *p, bool domestic,
		      const char *kind, int64_t now_ms);

/* Calendar year in Beijing (UTC+8, no summer time since 1991). */
int voucher_year(int64_t ms);

#endif
