/* books.h - prices, vouchers, budgets and the ledger as flow keeps them; private to this folder
 *
 * The ledger moves by records alone: CHOOSE reserves, the record that ends a run releases, an END
 * with money charges, and so on.  ledger.c does that, in apply, live and on replay alike; the
 * verbs of vouchers.c only make records.
 */
#ifndef FLOW_BOOKS_H
#define FLOW_BOOKS_H

#include "flow/state.h"

#include "domain/ledger.h"

/* A tenant as far as money goes: one that has a budget or vouchers. */
struct payer {
	char *name;
	bool limited;
	uint32_t n, cap;
	struct voucher **vouchers;      /* by expiry, then by number */
	UT_hash_handle hh;
};

/* The reservation of a run that is alive, with what its bill depends on: not on the pool, which
 * may be declared anew. */
struct booking {
	uint64_t task;
	struct arena arena;             /* strings of money */
	struct money money;
	uint32_t nodes, cpu_milli, accels, accel_milli;
	UT_hash_handle hh;
};

/* What came back of a run's charge. */
struct refunded {
	struct { uint64_t task, attempt; } key;
	struct arena arena;
	struct money back;
	UT_hash_handle hh;
};

struct books {
	struct ledger *ledger;
	struct payer *payers;
	struct booking *bookings;
	struct refunded *refunds;
	uint32_t nprices, nvouchers;
	struct price *prices;
	struct voucher **vouchers;      /* by id - 1 */
	uint32_t since;                 /* lasting movements since the last checkpoint */
	struct purse purse;             /* of the last ask */
};

struct payer *payer_find(const struct books *b, const char *tenant);
struct refunded *refunded_find(const struct books *b, uint64_t task, uint32_t attempt);

#endif
