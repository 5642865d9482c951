/* money.h - what one run takes from whom: reserved when it is chosen, charged when it is over
 *
 * The rules, in the order in which they apply:
 *
 *  1. Reserved is the most the run can cost: its walltime at the rate in force.
 *  2. Vouchers come in the order of their expiry, then of their number.  Each pays its rate of
 *     the whole cost, rounded down to the micro-yuan, but no more than is left of it, of its
 *     issuer's cap for the year, and of the cost.  One that is exclusive is passed over when
 *     another was taken, and ends the list when it is the first.
 *  3. The tenant pays the rest, so the parts are the whole to the last micro-yuan.
 *  4. Charged is what was measured (meter.c), never more than was reserved; parts as in 2, from
 *     what was reserved of each.  Where rounding would leave the tenant more than was reserved
 *     of him, the vouchers bear it.
 *  5. What was reserved stays good: a voucher that expires or is withdrawn meanwhile pays.
 *  6. A run that was lost, or given back unstarted, costs nothing: nothing was measured.  One
 *     that failed, was cancelled or ran out of time is charged for the time it held the pool.
 */
#ifndef DOMAIN_MONEY_H
#define DOMAIN_MONEY_H

#include "domain/price.h"
#include "domain/voucher.h"

enum { MONEY_PARTS_MAX = 8 };           /* vouchers in one run */
#define MONEY_RUN_MAX 1000000000000000LL        /* a billion yuan: no run may cost more */

struct money_part {
	uint32_t voucher;
	uint32_t rate_milli;
	const char *issuer;
	int64_t micro;
};

struct money {
	const char *tenant, *owner, *pool, *chip;
	uint32_t attempt;
	int year;                       /* of the choice: for the caps */
	struct rate rate;
	int64_t own_micro;              /* the tenant's own part */
	uint32_t n;
	struct money_part part[MONEY_PARTS_MAX];
};

int64_t money_total(const struct money *m);

/* What a tenant can pay with at one moment. */
struct purse {
	bool limited;                   /* the tenant has a budget */
	int64_t available_micro;        /* of it, reservations taken off; may be negative */
	uint32_t n;
	struct purse_voucher {
		const struct voucher *v;
		int64_t left_micro;             /* of its face value */
		int64_t cap_left_micro;         /* of its issuer's cap this year; INT64_MAX: none */
	} voucher[VOUCHERS_TENANT_MAX]; /* in the order of rule 2 */
};

/* Rules 2 and 3 for a cost: fills own_micro, n and part of *ret. */
void money_split(const struct purse *purse, const struct pool *p, bool domestic,
		 const char *kind, int64_t now_ms, int64_t cost_micro, struct money *ret);

/* Rule 4: *ret is `held` with the amounts for `cost_micro`. */
void money_charge(const struct money *held, int64_t cost_micro, struct money *ret);

/* A refund of `micro` of a charge, of which `back` came back already: vouchers first get their
 * share of it rounded down, the tenant the rest; with the last micro-yuan all are whole again.
 * 0 < micro <= total(charge) - total(back). */
void money_refund(const struct money *charge, const struct money *back, int64_t micro,
		  struct money *ret);

/* {"tenant":"acme","owner":"city","pool":"hub","chip":"cpu","attempt":1,"year":2026,
 *  "rate":[120000,0],"own":700,"parts":[[3,300,"shanghai",300]]} */
void money_put(struct buf *b, const struct money *m);
/* Strings in the arena of `d`. */
void dec_money(struct dec *d, const char *key, struct money *ret);

#endif
