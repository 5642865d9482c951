/* sqlite_audit_walk.c - the audit log of a state directory beside its journal, for a check offline */

#include "store/sqlite_audit.h"

#include "base/mem.h"
#include "store/sqlite_file.h"
#include "store/sqlite_rows.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

struct walk {
	sqlite3 *db;
	sqlite3_stmt *links, *rows;
	bool row_there;
	struct store_row row;           /* the row that is looked at next */
	store_audit_fn entry;
	store_audit_row_fn on_row;
	void *arg;
};

static int next_row(struct walk *w)
{
	int r = sqlite3_step(w->rows);

	w->row_there = r == SQLITE_ROW;
	if (r != SQLITE_ROW)
		return r == SQLITE_DONE ? 0 : -EIO;
	w->row = (struct store_row){
		.seq = (uint64_t)sqlite3_column_int64(w->rows, 0),
		.at_ms = sqlite3_column_int64(w->rows, 1),
		.subject = (uint64_t)sqlite3_column_int64(w->rows, 2),
		.task = (uint64_t)sqlite3_column_int64(w->rows, 3),
		.kind = (uint32_t)sqlite3_column_int64(w->rows, 4),
	};
	return 0;
}

/* Rows before `seq` have no entry; the one that has it goes with `e`. */
static int rows_up_to(struct walk *w, uint64_t seq, const struct chain_entry *e)
{
	int r = 0;

	while (!r && w->row_there && w->row.seq <= seq) {
		r = w->on_row(w->arg, &w->row, w->row.seq == seq ? e : NULL);
		if (!r)
			r = next_row(w);
	}
	return r;
}

static int walk(struct walk *w)
{
	int r = next_row(w), step = SQLITE_DONE;

	while (!r && (step = sqlite3_step(w->links)) == SQLITE_ROW) {
		struct chain_entry e;

		sqlite_audit_load(w->links, &e);
		r = w->entry(w->arg, &e);
		if (!r && e.link.seq)
			r = rows_up_to(w, e.link.seq, &e);
	}
	if (!r && step != SQLITE_DONE)
		return -EIO;
	return r ? r : rows_up_to(w, UINT64_MAX, NULL);
}

static int prepare(struct walk *w, struct err *err)
{
	/* One snapshot for both, also while a daemon writes. */
	if (sqlite3_exec(w->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		return sqlite_file_error(w->db, "read the store", err);
	if (sqlite_audit_prepare_links(w->db, &w->links, err))
		return -EIO;
	sqlite3_bind_int64(w->links, 1, 0);
	sqlite3_bind_int64(w->links, 2, -1);
	/* What is older than the log itself was written by a program that had none. */
	return sqlite_rows_prepare(w->db, "SELECT seq, at_ms, subject, task, kind FROM record WHERE "
				   "seq >= (SELECT min(seq) FROM audit WHERE seq > 0) ORDER BY seq",
				   &w->rows, err);
}

int store_sqlite_audit_walk(const char *dir, store_audit_fn entry, store_audit_row_fn row,
			    void *arg, struct err *err)
{
	struct walk w = { .entry = entry, .on_row = row, .arg = arg };
	char path[PATH_MAX];
	int r;

	if (snprintf(path, sizeof(path), "%s/suanlu.db", dir) >= (int)sizeof(path))
		return err_set(err, -ENAMETOOLONG, "the path is too long");
	r = sqlite3_open_v2(path, &w.db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	if (r != SQLITE_OK)
		r = err_set(err, -ENOENT, "could not open %s: %s", path, sqlite3_errmsg(w.db));
	if (!r)
		r = prepare(&w, err);
	if (!r)
		r = walk(&w);
	if (r == -EIO)
		sqlite_file_error(w.db, "read the audit log", err);
	sqlite3_finalize(w.links);
	sqlite3_finalize(w.rows);
	sqlite3_close(w.db);
	return r;
}
