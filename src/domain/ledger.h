/* ledger.h - double entry: money is moved between accounts, and never made or lost
 *
 *	outside   where budgets come from             issuer NAME    what it has promised, negative
 *	tenant NAME   budget left, or, negative, owed  voucher ID    face value that is left
 *	held NAME     of a tenant, for its runs        voucher-held ID
 *	owner NAME    earned by a pool's owner
 *
 * Every movement is an entry of postings that sum to zero, so the sum over all accounts is
 * always zero.  Amounts are micro-yuan in whole numbers.
 *
 * What is held follows the runs that are alive: a reservation is posted when a run is chosen
 * and taken back when it is over.  Everything else is for good.  A checkpoint has the latter
 * only; after a restart the runs that are still alive are held again.
 *
 * Beside the accounts stands what vouchers of one issuer paid for one tenant in a calendar
 * year (`use`): the caps are measured by it.  No I/O, no clock.
 */
#ifndef DOMAIN_LEDGER_H
#define DOMAIN_LEDGER_H

#include "domain/money.h"

enum account_kind {
	ACCOUNT_NONE, ACCOUNT_OUTSIDE, ACCOUNT_TENANT, ACCOUNT_HELD, ACCOUNT_ISSUER,
	ACCOUNT_VOUCHER, ACCOUNT_VOUCHER_HELD, ACCOUNT_OWNER,
	ACCOUNT_KINDS
};

/* Above it no reservation is made: sums stay below 2^63 with room to spare.  Everything ever
 * moved counts: eight trillion yuan. */
#define LEDGER_VOLUME_MAX 8000000000000000000LL

struct ledger;

struct ledger *ledger_new(void);
struct ledger *ledger_free(struct ledger *l);

struct posting {
	enum account_kind kind;
	const char *name;               /* "" for outside */
	int64_t micro;
};

/* One entry.  Asserts that it sums to zero. */
void ledger_post(struct ledger *l, const struct posting *p, uint32_t n);

void ledger_hold(struct ledger *l, const struct money *m);      /* reserve */
void ledger_release(struct ledger *l, const struct money *m);   /* the same money as held */
void ledger_charge(struct ledger *l, const struct money *m);    /* tenant, vouchers -> owner */
void ledger_refund(struct ledger *l, const struct money *m);    /* owner -> tenant, vouchers */
void ledger_issue(struct ledger *l, const struct voucher *v);   /* issuer -> voucher */
void ledger_grant(struct ledger *l, const char *tenant, int64_t micro); /* outside -> tenant; < 0: back */

int64_t ledger_balance(const struct ledger *l, enum account_kind kind, const char *name);
int64_t ledger_voucher(const struct ledger *l, enum account_kind kind, uint32_t id);
/* Used in a year, what is held included. */
int64_t ledger_use(const struct ledger *l, const char *issuer, const char *tenant, int year);
int64_t ledger_sum(const struct ledger *l);             /* 0, or we are wrong */
bool ledger_full(const struct ledger *l);               /* LEDGER_VOLUME_MAX is reached */

struct account {
	enum account_kind kind;
	const char *name;
	int64_t micro;
};
/* Account i in order of their making; false: there are no more. */
bool ledger_at(const struct ledger *l, uint32_t i, struct account *ret);
const char *account_kind_name(enum account_kind k);

/* What is for good, as JSON documents of at most LEDGER_PART accounts each, so that each fits a
 * row: {"part":0,"parts":2,"accounts":[["tenant","acme",-5],…],"use":[["sh","acme",2026,5],…]}.
 * Part i, i < ledger_parts(). */
enum { LEDGER_PART = 4000 };
uint32_t ledger_parts(const struct ledger *l);
json_t *ledger_part(const struct ledger *l, uint32_t i);

/* Take over a part.  0: read; with the last one, if all came in order, the ledger is as they
 * say plus what it holds (*ret_whole).  Negative: damaged. */
int ledger_restore(struct ledger *l, const json_t *doc, bool *ret_whole, struct err *err);

/* Equal in every account, held ones included? */
bool ledger_equal(const struct ledger *a, const struct ledger *b);

#endif
