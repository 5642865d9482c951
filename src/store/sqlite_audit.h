/* sqlite_audit.h - the audit chain in SQLite: written with the rows, read, pruned, looked at offline
 *
 * As in sqlite_rows.h each struct belongs to the thread whose connection it holds.
 */
#ifndef STORE_SQLITE_AUDIT_H
#define STORE_SQLITE_AUDIT_H

#include "store/audit.h"

#include <sqlite3.h>

struct sqlite_audit_writer {
	sqlite3 *db;
	struct chain chain;
	struct chain before;            /* as it was when the transaction began */
	sqlite3_stmt *insert, *first_kept, *hash_of, *forget;
};

/* Prepare, and load the end of the chain. */
int sqlite_audit_open(struct sqlite_audit_writer *w, sqlite3 *db, struct err *err);
void sqlite_audit_close(struct sqlite_audit_writer *w);

/* Around a transaction: after a rollback the chain ends where it did. */
void sqlite_audit_begin(struct sqlite_audit_writer *w, enum digest_kind digest);
void sqlite_audit_rollback(struct sqlite_audit_writer *w);

/* Within a transaction: SQLITE_OK or a code of SQLite. */
int sqlite_audit_add(struct sqlite_audit_writer *w, const struct store_row *row);
int sqlite_audit_add_pruned(struct sqlite_audit_writer *w, int64_t now_ms, int64_t before_ms);
int sqlite_audit_prune(struct sqlite_audit_writer *w, int64_t now_ms, int64_t before_ms);

/* The next links after *after_no into `to`; *ret_more: there may be others. */
struct sqlite_audit_query {
	uint64_t after_no;              /* UINT64_MAX: the newest one alone */
	unsigned left;
	bool (*audited)(uint32_t kind); /* NULL: rows without links are not looked for */
};
struct sqlite_audit_reader {
	sqlite3 *db;
	sqlite3_stmt *links, *next, *rows;
	struct digest *d;
};
int sqlite_audit_prepare_links(sqlite3 *db, sqlite3_stmt **ret, struct err *err);
void sqlite_audit_load(sqlite3_stmt *st, struct chain_entry *e);         /* of a row of that statement */
int sqlite_audit_open_reader(struct sqlite_audit_reader *rd, sqlite3 *db, struct err *err);
void sqlite_audit_close_reader(struct sqlite_audit_reader *rd);
int sqlite_audit_slice(struct sqlite_audit_reader *rd, struct sqlite_audit_query *q, struct audit_list *to,
		       bool *ret_more, struct err *err);

#endif
