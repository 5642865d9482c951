/* statement.h - a month's account of one party, made from the rows that last; private to this folder
 *
 * A tenant's statement has its runs, refunds, budget and vouchers; an owner's the runs on its
 * pools; an issuer's the parts that its vouchers paid.  All in micro-yuan, exactly: the sums
 * are those of the ledger's entries.
 */
#ifndef API_STATEMENT_H
#define API_STATEMENT_H

#include "api/call.h"

#include <uthash.h>

enum {
	STATEMENT_LINES_MAX = 100000,   /* ~30 MB as text; more must be asked for by day */
};

enum party { PARTY_NONE, PARTY_TENANT, PARTY_OWNER, PARTY_ISSUER };

enum line_kind { LINE_NONE, LINE_RUN, LINE_REFUND, LINE_BUDGET, LINE_VOUCHER, LINE_WITHDRAWAL, LINE_KINDS };

struct line {
	enum line_kind kind;
	int64_t at_ms;                  /* by day: its first moment in Beijing */
	uint32_t runs;                  /* by day: how many are in it */
	const char *run, *tenant, *owner, *pool, *chip, *note;  /* NULL: does not apply */
	int64_t run_ms;
	int64_t total_micro;            /* what the run cost this party's side; refunds are negative */
	int64_t own_micro, voucher_micro;       /* the tenant's and the vouchers' part of it */
	int64_t in_micro;               /* budget put in, vouchers issued */
};

struct day {
	uint32_t line;
	const char *key;
	UT_hash_handle hh;
};

struct statement {
	struct arena arena;
	enum party party;
	const char *name;
	char month[8];                  /* "2026-11" */
	int64_t from_ms, until_ms;
	bool by_day, zh;
	uint32_t n, cap;
	struct line *lines;
	struct line sum;
	struct day *days;               /* by_day: which line is whose */
};

struct statement *statement_new(enum party party, const char *name, const char *month);
struct statement *statement_free(struct statement *s);  /* takes NULL; NULL back */

/* A row of the journal.  0; 1: it does not concern the party; ERR_E_INPUT + 1: too many lines
 * (STATEMENT_E_FULL); negative: damaged. */
enum { STATEMENT_E_FULL = 2 };
int statement_row(struct statement *s, const char *node_id, const struct store_row *row,
		  struct err *err);

/* Titles of columns and names of kinds, in the statement's language. */
enum column {
	COL_TIME, COL_KIND, COL_RUNS, COL_RUN, COL_TENANT, COL_OWNER, COL_POOL, COL_CHIP, COL_SECONDS,
	COL_TOTAL, COL_OWN, COL_VOUCHER, COL_IN, COL_NOTE,
	COLUMNS
};
const char *statement_title(const struct statement *s);
const char *statement_column(const struct statement *s, enum column c);
const char *statement_kind(const struct statement *s, enum line_kind k);
/* A cell as text; money in yuan with six decimals. */
const char *statement_cell(const struct statement *s, const struct line *l, enum column c,
			   char text[48]);
bool statement_is_money(enum column c);
int64_t statement_micro(const struct line *l, enum column c);   /* of a column of money */

void statement_csv(const struct statement *s, struct buf *out);
void statement_json(const struct statement *s, struct buf *out);
int statement_xlsx(const struct statement *s, struct buf *out, struct err *err);

#endif
