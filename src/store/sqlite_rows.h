/* sqlite_rows.h - rows into SQLite and out again; knows no threads
 *
 * Each struct belongs to the thread whose connection it holds.  db is set by the
 * owner before _prepare; the statements go with the connection.
 */
#ifndef STORE_SQLITE_ROWS_H
#define STORE_SQLITE_ROWS_H

#include "store/queue.h"
#include "store/sqlite_audit.h"

#include <sqlite3.h>

struct sqlite_writer {
	sqlite3 *db;
	sqlite3_stmt *begin, *commit, *insert, *open, *close;
	sqlite3_stmt *old, *forget_rows, *forget;
	struct sqlite_audit_writer audit;
};

struct sqlite_reader {
	sqlite3 *db;
	sqlite3_stmt *all, *subject, *task, *lasting;
	struct sqlite_audit_reader audit;
};

/* As for store_ops.read and read_lasting. */
struct sqlite_query {
	bool lasting;
	int64_t from_ms, until_ms;      /* of a lasting one */
	uint64_t subject, task, after_seq;
	unsigned left;                  /* rows that may still come */
};

int sqlite_rows_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret, struct err *err);
int sqlite_rows_prepare_writer(struct sqlite_writer *w, struct err *err);
void sqlite_rows_close_writer(struct sqlite_writer *w);         /* takes one that was not prepared */
int sqlite_rows_prepare_reader(struct sqlite_reader *rd, struct err *err);
void sqlite_rows_close_reader(struct sqlite_reader *rd);         /* the same */

/* One transaction: all of the batch or, with a failure, nothing. */
int sqlite_rows_commit(struct sqlite_writer *w, const struct store_queue *batch,
		       enum digest_kind digest, struct err *err);

/* Forget old links of the audit chain, as many as fit into one short transaction. */
int sqlite_rows_audit_prune(struct sqlite_writer *w, int64_t before_ms, struct err *err);

/* One short transaction's worth of forgetting.  *left subjects may go; what remains of
 * it is written back, 0 when there is nothing more to forget. */
int sqlite_rows_prune(struct sqlite_writer *w, int64_t before_ms, unsigned *left,
		      struct err *err);

/* Put the next rows into `to` and move `q` past them.  *ret_more: there may be others. */
int sqlite_rows_slice(struct sqlite_reader *rd, struct sqlite_query *q, struct store_queue *to,
		      bool *ret_more, struct err *err);

/* As store_ops.replay. */
int sqlite_rows_replay(sqlite3 *db, unsigned recent, store_row_fn fn, void *arg, struct err *err);

#endif
