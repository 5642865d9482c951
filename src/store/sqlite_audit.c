/* sqlite_audit.c - the audit chain in SQLite */

#include "store/sqlite_audit.h"

#include "base/mem.h"
#include "store/sqlite_file.h"
#include "store/sqlite_rows.h"

#include <stdlib.h>
#include <string.h>

enum {
	SLICE_LINKS = 256,
	SLICE_BYTES = 1 << 20,
	SLICE_EXTRA = 1000,     /* nobody needs more of them to see that something is wrong */
	PRUNE_LINKS = 20000,    /* deleted in one transaction, some 50 ms */
};

static int run(sqlite3_stmt *st)
{
	int r = sqlite3_step(st);

	sqlite3_reset(st);
	return r == SQLITE_DONE ? SQLITE_OK : r;
}

/* ---- in ---- */

static int insert(struct sqlite_audit_writer *w, struct chain_link *l, const void *body, size_t n)
{
	sqlite3_stmt *st = w->insert;

	chain_add(&w->chain, l, body, n);
	sqlite3_bind_int64(st, 1, (int64_t)l->no);
	sqlite3_bind_int64(st, 2, l->at_ms);
	sqlite3_bind_int64(st, 3, (int64_t)l->seq);
	sqlite3_bind_int64(st, 4, l->kind);
	sqlite3_bind_int64(st, 5, (int64_t)l->subject);
	sqlite3_bind_int64(st, 6, (int64_t)l->task);
	sqlite3_bind_int(st, 7, (int)l->digest);
	sqlite3_bind_text(st, 8, l->actor, -1, SQLITE_STATIC);
	sqlite3_bind_blob(st, 9, l->body, DIGEST_LEN, SQLITE_STATIC);
	sqlite3_bind_blob(st, 10, l->hash, DIGEST_LEN, SQLITE_STATIC);
	if (l->seq)
		sqlite3_bind_null(st, 11);
	else
		sqlite3_bind_blob64(st, 11, body, n, SQLITE_STATIC);
	return run(st);
}

int sqlite_audit_add(struct sqlite_audit_writer *w, const struct store_row *row)
{
	struct chain_link l;

	audit_link(row, &l);
	return insert(w, &l, row->body, row->body_len);
}

/* A link about the chain or the journal itself. */
static int add_own(struct sqlite_audit_writer *w, int64_t now_ms, uint32_t kind, const char *text,
		   size_t n)
{
	struct chain_link l = { .at_ms = now_ms, .kind = kind };

	chain_actor(l.actor, "node");
	return insert(w, &l, text, n);
}

int sqlite_audit_add_pruned(struct sqlite_audit_writer *w, int64_t now_ms, int64_t before_ms)
{
	char text[AUDIT_TEXT_MAX];

	return add_own(w, now_ms, STORE_KIND_PRUNED, text, audit_pruned_text(before_ms, text));
}

/* One number, 0 when there is none. */
static int number(sqlite3_stmt *st, uint64_t *ret)
{
	int r = sqlite3_step(st);

	*ret = r == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(st, 0) : 0;
	sqlite3_reset(st);
	return r == SQLITE_ROW || r == SQLITE_DONE ? SQLITE_OK : r;
}

static int load_hash(sqlite3_stmt *st, int column, uint8_t out[DIGEST_LEN])
{
	const void *p = sqlite3_column_blob(st, column);

	memset(out, 0, DIGEST_LEN);
	if (!p || sqlite3_column_bytes(st, column) != DIGEST_LEN)
		return 1;
	memcpy(out, p, DIGEST_LEN);
	return 0;
}

static int hash_of(struct sqlite_audit_writer *w, uint64_t no, uint8_t out[DIGEST_LEN])
{
	int r;

	sqlite3_bind_int64(w->hash_of, 1, (int64_t)no);
	r = sqlite3_step(w->hash_of);
	if (r == SQLITE_ROW)
		load_hash(w->hash_of, 0, out);
	sqlite3_reset(w->hash_of);
	return r == SQLITE_ROW ? SQLITE_OK : r == SQLITE_DONE ? SQLITE_CORRUPT : r;
}

/* The last link always stays: the next one follows it. */
int sqlite_audit_prune(struct sqlite_audit_writer *w, int64_t now_ms, int64_t before_ms)
{
	uint8_t hash[DIGEST_LEN];
	char text[AUDIT_TEXT_MAX];
	uint64_t kept;
	int r;

	sqlite3_bind_int64(w->first_kept, 1, before_ms);
	sqlite3_bind_int64(w->first_kept, 2, PRUNE_LINKS);
	r = number(w->first_kept, &kept);
	if (r != SQLITE_OK || kept < 2)
		return r;
	r = hash_of(w, kept - 1, hash);
	if (r == SQLITE_CORRUPT)
		return SQLITE_OK;       /* they are gone already: nothing before `kept` */
	if (r == SQLITE_OK) {
		sqlite3_bind_int64(w->forget, 1, (int64_t)kept);
		r = run(w->forget);
	}
	if (r == SQLITE_OK)
		r = add_own(w, now_ms, STORE_KIND_ANCHOR, text,
			    audit_anchor_text(kept - 1, hash, text));
	return r;
}

void sqlite_audit_begin(struct sqlite_audit_writer *w, enum digest_kind digest)
{
	w->chain.kind = digest ? digest : DIGEST_SM3;
	w->before = w->chain;
}

void sqlite_audit_rollback(struct sqlite_audit_writer *w)
{
	w->chain = w->before;
}

static int load_end(struct sqlite_audit_writer *w, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = sqlite_rows_prepare(w->db, "SELECT no, hash FROM audit ORDER BY no DESC LIMIT 1",
				    &st, err), step;

	if (r)
		return r;
	step = sqlite3_step(st);
	if (step == SQLITE_ROW) {
		w->chain.no = (uint64_t)sqlite3_column_int64(st, 0);
		load_hash(st, 1, w->chain.head);
	} else if (step != SQLITE_DONE) {
		r = sqlite_file_error(w->db, "read the audit log", err);
	}
	sqlite3_finalize(st);
	return r;
}

int sqlite_audit_open(struct sqlite_audit_writer *w, sqlite3 *db, struct err *err)
{
	int r;

	w->db = db;
	chain_init(&w->chain);
	r = sqlite_rows_prepare(db, "INSERT INTO audit (no, at_ms, seq, kind, subject, task, digest, "
				"actor, print, hash, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, "
				"?9, ?10, ?11)", &w->insert, err);
	/* The first that stays: the first that is young enough, or the last, or a bound. */
	if (!r)
		r = sqlite_rows_prepare(db, "SELECT min(coalesce((SELECT no FROM audit WHERE "
					"at_ms >= ?1 ORDER BY no LIMIT 1), (SELECT max(no) FROM audit)), "
					"(SELECT min(no) FROM audit) + ?2)", &w->first_kept, err);
	if (!r)
		r = sqlite_rows_prepare(db, "SELECT hash FROM audit WHERE no = ?1", &w->hash_of, err);
	if (!r)
		r = sqlite_rows_prepare(db, "DELETE FROM audit WHERE no < ?1", &w->forget, err);
	return r ? r : load_end(w, err);
}

void sqlite_audit_close(struct sqlite_audit_writer *w)
{
	chain_done(&w->chain);
}

/* ---- out ---- */

/* With the link before it, for its hash, and the row that it is about. */
int sqlite_audit_prepare_links(sqlite3 *db, sqlite3_stmt **ret, struct err *err)
{
	return sqlite_rows_prepare(db, "SELECT a.no, a.at_ms, a.seq, a.kind, a.subject, a.task, "
				   "a.digest, a.actor, a.print, a.hash, p.hash, "
				   "CASE a.seq WHEN 0 THEN a.body ELSE r.body END, "
				   "a.seq = 0 OR r.seq IS NOT NULL, "
				   "coalesce(r.at_ms <> a.at_ms OR r.kind <> a.kind OR "
				   "r.subject <> a.subject OR r.task <> a.task, 0) "
				   "FROM audit a LEFT JOIN audit p ON p.no = a.no - 1 "
				   "LEFT JOIN record r ON r.seq = a.seq "
				   "WHERE a.no > ?1 ORDER BY a.no LIMIT ?2", ret, err);
}

/* Whatever stands in the file comes out: it is for others to judge. */
void sqlite_audit_load(sqlite3_stmt *st, struct chain_entry *a)
{
	struct chain_link *l = &a->link;

	*a = (struct chain_entry){ 0 };
	l->no = (uint64_t)sqlite3_column_int64(st, 0);
	l->at_ms = sqlite3_column_int64(st, 1);
	l->seq = (uint64_t)sqlite3_column_int64(st, 2);
	l->kind = (uint32_t)sqlite3_column_int64(st, 3);
	l->subject = (uint64_t)sqlite3_column_int64(st, 4);
	l->task = (uint64_t)sqlite3_column_int64(st, 5);
	l->digest = (enum digest_kind)sqlite3_column_int(st, 6);
	chain_actor(l->actor, (const char *)sqlite3_column_text(st, 7));
	load_hash(st, 8, l->body);
	load_hash(st, 9, l->hash);
	load_hash(st, 10, a->prev);
	if (sqlite3_column_int(st, 13))
		a->fault = CHAIN_ROW;
	if (!sqlite3_column_int(st, 12))
		return;
	a->body = sqlite3_column_blob(st, 11);
	a->body_len = (size_t)sqlite3_column_bytes(st, 11);
	if (!a->body)
		a->body = "";
}

int sqlite_audit_open_reader(struct sqlite_audit_reader *rd, sqlite3 *db, struct err *err)
{
	int r;

	rd->db = db;
	rd->d = digest_new();
	r = sqlite_audit_prepare_links(db, &rd->links, err);
	if (!r)
		r = sqlite_rows_prepare(db, "SELECT seq FROM audit WHERE no > ?1 AND seq > 0 "
					"ORDER BY no LIMIT 1", &rd->next, err);
	/* Of a table whose bodies come last: no body is read. */
	if (!r)
		r = sqlite_rows_prepare(db, "SELECT seq, at_ms, subject, task, kind FROM record "
					"WHERE seq >= ?1 AND seq < ?2 ORDER BY seq", &rd->rows, err);
	return r;
}

void sqlite_audit_close_reader(struct sqlite_audit_reader *rd)
{
	rd->d = digest_free(rd->d);
}

static int newest(sqlite3 *db, uint64_t *ret, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = sqlite_rows_prepare(db, "SELECT max(no) FROM audit", &st, err);

	if (!r && number(st, ret) != SQLITE_OK)
		r = sqlite_file_error(db, "read the audit log", err);
	sqlite3_finalize(st);
	return r;
}

/* Those who read the log may not see every body: whether it is the right one is said here. */
static void check_body(struct digest *d, struct chain_entry *a)
{
	if (!a->body || (a->link.digest != DIGEST_SM3 && a->link.digest != DIGEST_SHA256))
		return;
	if (!chain_body_is_sound(d, a))
		a->fault = CHAIN_CONTENT;
}

static int load_links(struct sqlite_audit_reader *rd, struct sqlite_audit_query *q,
		      struct audit_list *to, bool *ret_more)
{
	unsigned n = q->left < SLICE_LINKS ? q->left : SLICE_LINKS;
	int r = SQLITE_ROW;

	sqlite3_bind_int64(rd->links, 1, q->after_no > INT64_MAX ? INT64_MAX : (int64_t)q->after_no);
	sqlite3_bind_int64(rd->links, 2, n);
	while (to->bytes < SLICE_BYTES && (r = sqlite3_step(rd->links)) == SQLITE_ROW) {
		struct chain_entry a;

		sqlite_audit_load(rd->links, &a);
		check_body(rd->d, &a);
		audit_list_push(to, &a);
		q->after_no = a.link.no;
		q->left--;
	}
	*ret_more = q->left && (r == SQLITE_ROW || to->n == n);
	sqlite3_reset(rd->links);
	return r == SQLITE_ROW || r == SQLITE_DONE ? SQLITE_OK : r;
}

static void push_extra(sqlite3_stmt *row, uint64_t before, struct audit_list *to)
{
	struct chain_entry a = { .fault = CHAIN_EXTRA, .link = { .no = before } };

	a.link.seq = (uint64_t)sqlite3_column_int64(row, 0);
	a.link.at_ms = sqlite3_column_int64(row, 1);
	a.link.subject = (uint64_t)sqlite3_column_int64(row, 2);
	a.link.task = (uint64_t)sqlite3_column_int64(row, 3);
	a.link.kind = (uint32_t)sqlite3_column_int64(row, 4);
	audit_list_push(to, &a);
}

/* Rows from the first link of the slice to the next one after it.  Both go by seq. */
static int load_extra(struct sqlite_audit_reader *rd, const struct sqlite_audit_query *q,
		      struct audit_list *to)
{
	const struct audit_item *link = to->head, *const last = to->last;
	uint64_t end, before = 0;
	unsigned found = 0;
	int r;

	while (link && !link->a.link.seq)
		link = link != last ? link->next : NULL;
	if (!link || !q->audited)
		return SQLITE_OK;
	sqlite3_bind_int64(rd->next, 1, (int64_t)q->after_no);
	r = number(rd->next, &end);
	if (r != SQLITE_OK)
		return r;
	sqlite3_bind_int64(rd->rows, 1, (int64_t)link->a.link.seq);
	sqlite3_bind_int64(rd->rows, 2, end ? (int64_t)end : INT64_MAX);
	while ((r = sqlite3_step(rd->rows)) == SQLITE_ROW && found < SLICE_EXTRA) {
		uint64_t seq = (uint64_t)sqlite3_column_int64(rd->rows, 0);

		for (; link && link->a.link.seq < seq; link = link != last ? link->next : NULL)
			before = link->a.link.no;
		if ((link && link->a.link.seq == seq) ||
		    !q->audited((uint32_t)sqlite3_column_int64(rd->rows, 4)))
			continue;
		push_extra(rd->rows, before, to);
		found++;
	}
	sqlite3_reset(rd->rows);
	return r == SQLITE_ROW || r == SQLITE_DONE ? SQLITE_OK : r;
}

int sqlite_audit_slice(struct sqlite_audit_reader *rd, struct sqlite_audit_query *q,
		       struct audit_list *to, bool *ret_more, struct err *err)
{
	uint64_t last = 0;
	int r;

	if (q->after_no == UINT64_MAX) {
		r = newest(rd->db, &last, err);
		if (r)
			return r;
		q->after_no = last ? last - 1 : 0;
		q->audited = NULL;      /* its place in the chain is all that is asked for */
	}
	/* Links and rows of one moment. */
	r = sqlite3_exec(rd->db, "BEGIN", NULL, NULL, NULL);
	if (r == SQLITE_OK)
		r = load_links(rd, q, to, ret_more);
	if (r == SQLITE_OK)
		r = load_extra(rd, q, to);
	if (r != SQLITE_OK)
		r = sqlite_file_error(rd->db, "read the audit log", err);
	sqlite3_exec(rd->db, "COMMIT", NULL, NULL, NULL);
	return r;
}
