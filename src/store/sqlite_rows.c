/* sqlite_rows.c - rows into SQLite and out again; knows no threads */

#include "store/sqlite_rows.h"

#include "base/clock.h"
#include "base/mem.h"
#include "store/sqlite_file.h"

#include <stdlib.h>

enum {
	SLICE_ROWS = 256,       /* of a read, held in memory until the loop has taken them */
	SLICE_BYTES = 1 << 20,

	PRUNE_ROWS = 4096,      /* deleted between two commits; one subject is never split */

	FLAG_OPENS = 1,
	FLAG_CLOSES = 2,
	FLAG_LASTS = 4,         /* 4 and 8 stand in the SQL of this file and of the schema, too */
	FLAG_CHECKPOINT = 8,
};

#define COLUMNS "SELECT seq, at_ms, subject, task, kind, flags, body FROM record "

static int64_t sql_no(uint64_t no)
{
	return no > INT64_MAX ? INT64_MAX : (int64_t)no;
}

int sqlite_rows_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret, struct err *err)
{
	if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) != SQLITE_OK)
		return sqlite_file_error(db, "prepare a statement of the store", err);
	return 0;
}

/* Run a statement that gives no rows. */
static int run(sqlite3_stmt *st)
{
	int r = sqlite3_step(st);

	/* reset repeats the step's error and keeps it as the connection's last one */
	sqlite3_reset(st);
	return r == SQLITE_DONE ? SQLITE_OK : r;
}

static int run_with(sqlite3_stmt *st, int64_t a, int64_t b)
{
	sqlite3_bind_int64(st, 1, a);
	sqlite3_bind_int64(st, 2, b);           /* out of range for some: ignored by SQLite */
	return run(st);
}

/* The body stays SQLite's until the next step. */
static void row_load(sqlite3_stmt *st, struct store_row *row)
{
	int flags = sqlite3_column_int(st, 5);

	*row = (struct store_row){
		.seq = (uint64_t)sqlite3_column_int64(st, 0),
		.at_ms = sqlite3_column_int64(st, 1),
		.subject = (uint64_t)sqlite3_column_int64(st, 2),
		.task = (uint64_t)sqlite3_column_int64(st, 3),
		.kind = (uint32_t)sqlite3_column_int64(st, 4),
		.opens = flags & FLAG_OPENS,
		.closes = flags & FLAG_CLOSES,
		.lasts = flags & FLAG_LASTS,
		.checkpoint = flags & FLAG_CHECKPOINT,
		.body = sqlite3_column_blob(st, 6),
		.body_len = (size_t)sqlite3_column_bytes(st, 6),
	};
	if (!row->body)
		row->body = "";
}

/* ---- in ---- */

static int flags_of(const struct store_row *row)
{
	return (row->opens ? FLAG_OPENS : 0) | (row->closes ? FLAG_CLOSES : 0) |
	       (row->lasts ? FLAG_LASTS : 0) | (row->checkpoint ? FLAG_CHECKPOINT : 0);
}

static int insert(struct sqlite_writer *w, const struct store_row *row)
{
	sqlite3_stmt *st = w->insert;
	int r;

	if (row->only)
		return sqlite_audit_add(&w->audit, row);
	sqlite3_bind_int64(st, 1, (int64_t)row->seq);
	sqlite3_bind_int64(st, 2, row->at_ms);
	sqlite3_bind_int64(st, 3, (int64_t)row->subject);
	sqlite3_bind_int64(st, 4, (int64_t)row->task);
	sqlite3_bind_int64(st, 5, row->kind);
	sqlite3_bind_int(st, 6, flags_of(row));
	sqlite3_bind_blob64(st, 7, row->body, row->body_len, SQLITE_STATIC);
	r = run(st);
	if (r == SQLITE_OK && row->opens)
		r = run_with(w->open, (int64_t)row->subject, (int64_t)row->seq);
	if (r == SQLITE_OK && row->closes)
		r = run_with(w->close, (int64_t)row->subject, row->at_ms);
	if (r == SQLITE_OK && row->audit)
		r = sqlite_audit_add(&w->audit, row);
	return r;
}

/* End the transaction; after a failure nothing of it remains. */
static int finish(struct sqlite_writer *w, int r, const char *what, struct err *err)
{
	if (r == SQLITE_OK)
		r = run(w->commit);
	if (r == SQLITE_OK)
		return 0;
	r = sqlite_file_error(w->db, what, err);
	sqlite_audit_rollback(&w->audit);
	if (!sqlite3_get_autocommit(w->db))
		sqlite3_exec(w->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

int sqlite_rows_commit(struct sqlite_writer *w, const struct store_queue *batch,
		       enum digest_kind digest, struct err *err)
{
	int r = run(w->begin);

	sqlite_audit_begin(&w->audit, digest);
	for (const struct store_item *i = batch->head; i && r == SQLITE_OK; i = i->next)
		r = insert(w, &i->row);
	return finish(w, r, "write the journal", err);
}

/* Forget the subject that was closed longest ago.  *ret_rows is 0 when there is none. */
static int prune_one(struct sqlite_writer *w, int64_t before_ms, int *ret_rows)
{
	int64_t no = 0;
	int r;

	sqlite3_bind_int64(w->old, 1, before_ms);
	r = sqlite3_step(w->old);
	if (r == SQLITE_ROW)
		no = sqlite3_column_int64(w->old, 0);
	sqlite3_reset(w->old);
	*ret_rows = 0;
	if (r != SQLITE_ROW)
		return r == SQLITE_DONE ? SQLITE_OK : r;
	r = run_with(w->forget_rows, no, 0);
	*ret_rows = sqlite3_changes(w->db) + 1;
	return r == SQLITE_OK ? run_with(w->forget, no, 0) : r;
}

int sqlite_rows_prune(struct sqlite_writer *w, int64_t before_ms, unsigned *left,
		      struct err *err)
{
	unsigned more = *left;
	int r = run(w->begin), rows = 1, sum = 0;

	sqlite_audit_begin(&w->audit, w->audit.chain.kind);
	for (; r == SQLITE_OK && more && rows && sum < PRUNE_ROWS; sum += rows) {
		r = prune_one(w, before_ms, &rows);
		more--;
	}
	if (r == SQLITE_OK && sum)
		r = sqlite_audit_add_pruned(&w->audit, clock_now_ms(), before_ms);
	r = finish(w, r, "prune the history", err);
	if (!r)
		*left = rows ? more : 0;
	return r;
}

int sqlite_rows_audit_prune(struct sqlite_writer *w, int64_t before_ms, struct err *err)
{
	int r = run(w->begin);

	sqlite_audit_begin(&w->audit, w->audit.chain.kind);
	if (r == SQLITE_OK)
		r = sqlite_audit_prune(&w->audit, clock_now_ms(), before_ms);
	return finish(w, r, "prune the audit log", err);
}

void sqlite_rows_close_writer(struct sqlite_writer *w)
{
	sqlite_audit_close(&w->audit);
}

void sqlite_rows_close_reader(struct sqlite_reader *rd)
{
	sqlite_audit_close_reader(&rd->audit);
}

int sqlite_rows_prepare_writer(struct sqlite_writer *w, struct err *err)
{
	const struct {
		sqlite3_stmt **st;
		const char *sql;
	} all[] = {
		{ &w->begin, "BEGIN IMMEDIATE" },
		{ &w->commit, "COMMIT" },
		{ &w->insert, "INSERT INTO record (seq, at_ms, subject, task, kind, flags, body) "
			"VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)" },
		{ &w->open, "INSERT INTO subject (no, opened_seq) VALUES (?1, ?2)" },
		{ &w->close, "UPDATE subject SET closed_ms = ?2 WHERE no = ?1" },
		/* The newest subject and the newest row stay: the next start counts on. */
		{ &w->old, "SELECT no FROM subject WHERE closed_ms IS NOT NULL AND closed_ms < ?1 "
			"AND no <> (SELECT max(no) FROM subject) "
			"AND no <> (SELECT subject FROM record ORDER BY seq DESC LIMIT 1) "
			"ORDER BY closed_ms, no LIMIT 1" },
		{ &w->forget_rows, "DELETE FROM record WHERE subject = ?1 AND NOT flags & 4" },
		{ &w->forget, "DELETE FROM subject WHERE no = ?1" },
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(all) && !r; i++)
		r = sqlite_rows_prepare(w->db, all[i].sql, all[i].st, err);
	return r ? r : sqlite_audit_open(&w->audit, w->db, err);
}

/* ---- out ---- */

static sqlite3_stmt *bind_query(struct sqlite_reader *rd, const struct sqlite_query *q,
				unsigned rows)
{
	sqlite3_stmt *st;

	if (q->lasting)
		st = rd->lasting;
	else if (q->subject == UINT64_MAX)
		st = rd->all;
	else if (q->task)
		st = rd->task;
	else
		st = rd->subject;
	sqlite3_bind_int64(st, 1, sql_no(q->after_seq));
	sqlite3_bind_int64(st, 2, rows);
	if (st == rd->lasting) {
		sqlite3_bind_int64(st, 3, q->from_ms);
		sqlite3_bind_int64(st, 4, q->until_ms);
	} else if (st != rd->all) {
		sqlite3_bind_int64(st, 3, sql_no(q->subject));
	}
	if (st == rd->task)
		sqlite3_bind_int64(st, 4, sql_no(q->task));
	return st;
}

int sqlite_rows_slice(struct sqlite_reader *rd, struct sqlite_query *q, struct store_queue *to,
		      bool *ret_more, struct err *err)
{
	unsigned rows = q->left < SLICE_ROWS ? q->left : SLICE_ROWS;
	sqlite3_stmt *st = bind_query(rd, q, rows);
	int r = SQLITE_ROW;

	while (to->bytes < SLICE_BYTES && (r = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_row row;

		row_load(st, &row);
		store_queue_push(to, &row);
		q->after_seq = row.seq;
		q->left--;
	}
	*ret_more = q->left && (r == SQLITE_ROW || to->rows == rows);
	r = r == SQLITE_ROW || r == SQLITE_DONE ? 0 :
	    sqlite_file_error(rd->db, "read the journal", err);
	sqlite3_reset(st);
	return r;
}

#define LASTING COLUMNS "INDEXED BY record_lasting WHERE flags & 4 "
#define OF_SUBJECT COLUMNS "INDEXED BY record_subject WHERE subject = ?3 AND seq > ?1 "

int sqlite_rows_prepare_reader(struct sqlite_reader *rd, struct err *err)
{
	int r = sqlite_rows_prepare(rd->db, COLUMNS "WHERE seq > ?1 ORDER BY seq LIMIT ?2",
				    &rd->all, err);

	if (!r)
		r = sqlite_rows_prepare(rd->db, OF_SUBJECT "ORDER BY seq LIMIT ?2", &rd->subject,
					err);
	if (!r)
		r = sqlite_rows_prepare(rd->db, OF_SUBJECT "AND (task = ?4 "
					"OR seq = (SELECT opened_seq FROM subject WHERE no = ?3)) "
					"ORDER BY seq LIMIT ?2", &rd->task, err);
	if (!r)
		r = sqlite_rows_prepare(rd->db, LASTING "AND seq > ?1 AND at_ms >= ?3 "
					"AND at_ms < ?4 ORDER BY seq LIMIT ?2", &rd->lasting, err);
	return r ? r : sqlite_audit_open_reader(&rd->audit, rd->db, err);
}

/* ---- replay ---- */

struct wanted {
	int64_t *no;
	size_t n, cap;
	int64_t from;           /* no row of them is before this one */
	int64_t checkpoint;     /* the last one; 0: none */
};

/* Add the subjects that `sql` finds, which has at most one parameter. */
static int want(sqlite3 *db, struct wanted *w, const char *sql, unsigned limit, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = sqlite_rows_prepare(db, sql, &st, err);

	if (r)
		return r;
	sqlite3_bind_int64(st, 1, limit);
	while ((r = sqlite3_step(st)) == SQLITE_ROW) {
		if (w->n == w->cap) {
			w->cap = w->cap ? w->cap * 2 : 1024;
			w->no = mem_grow(w->no, w->cap, sizeof(*w->no));
		}
		w->no[w->n++] = sqlite3_column_int64(st, 0);
		if (sqlite3_column_int64(st, 1) < w->from)
			w->from = sqlite3_column_int64(st, 1);
	}
	r = r == SQLITE_DONE ? 0 : sqlite_file_error(db, "read the subjects of the store", err);
	sqlite3_finalize(st);
	return r;
}

static int by_no(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int want_all(sqlite3 *db, struct wanted *w, unsigned recent, struct err *err)
{
	int r = want(db, w, "SELECT no, opened_seq FROM subject WHERE closed_ms IS NULL", 0, err);

	if (!r)
		r = want(db, w, "SELECT no, opened_seq FROM subject WHERE closed_ms IS NOT NULL "
			 "ORDER BY closed_ms DESC, no DESC LIMIT ?1", recent, err);
	if (!r)
		r = want(db, w, "SELECT no, opened_seq FROM subject ORDER BY no DESC LIMIT 1", 0,
			 err);
	if (w->n)
		qsort(w->no, w->n, sizeof(*w->no), by_no);
	return r;
}

static bool is_wanted(const struct wanted *w, int64_t no)
{
	return !no || (w->n && bsearch(&no, w->no, w->n, sizeof(no), by_no));
}

/* Walk the rows that `sql` gives, skipping those of subjects that nobody wants unless they
 * last.  The body of a skipped row is never loaded. */
static int walk(sqlite3 *db, const struct wanted *w, const char *sql, store_row_fn fn, void *arg,
		struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = sqlite_rows_prepare(db, sql, &st, err), step = SQLITE_DONE;

	if (r)
		return r;
	sqlite3_bind_int64(st, 1, w->from);
	sqlite3_bind_int64(st, 2, w->checkpoint);       /* out of range for one: ignored */
	while (!r && (step = sqlite3_step(st)) == SQLITE_ROW) {
		bool alone = !is_wanted(w, sqlite3_column_int64(st, 2));
		struct store_row row;

		if (alone && !(sqlite3_column_int(st, 5) & FLAG_LASTS &&
			       sqlite3_column_int64(st, 0) > w->checkpoint))
			continue;
		row_load(st, &row);
		row.alone = alone;
		r = fn(arg, &row);
	}
	if (!r && step != SQLITE_DONE)
		r = sqlite_file_error(db, "read the journal", err);
	sqlite3_finalize(st);
	return r;
}

static int last_checkpoint(sqlite3 *db, int64_t *ret, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = sqlite_rows_prepare(db, "SELECT max(seq) FROM record INDEXED BY record_checkpoint "
				    "WHERE flags & 8", &st, err);

	if (r)
		return r;
	if (sqlite3_step(st) == SQLITE_ROW)
		*ret = sqlite3_column_int64(st, 0);
	else
		r = sqlite_file_error(db, "read the journal", err);
	sqlite3_finalize(st);
	return r;
}

/* One scan in order of seq, from the oldest row that is wanted; before it only the rows
 * of the node itself and those that last, by index.  So a long closed history costs nothing, and a million
 * open subjects cost no query each. */
int sqlite_rows_replay(sqlite3 *db, unsigned recent, store_row_fn fn, void *arg, struct err *err)
{
	struct wanted w = { .from = INT64_MAX };
	int r = want_all(db, &w, recent, err);

	if (!r)
		r = last_checkpoint(db, &w.checkpoint, err);
	if (!r)
		r = walk(db, &w, COLUMNS "INDEXED BY record_subject "
			 "WHERE subject = 0 AND seq < ?1 UNION ALL "
			 LASTING "AND subject <> 0 AND seq > ?2 AND seq < ?1 ORDER BY seq", fn, arg, err);
	if (!r)
		r = walk(db, &w, COLUMNS "WHERE seq >= ?1 ORDER BY seq", fn, arg, err);
	free(w.no);
	return r;
}
