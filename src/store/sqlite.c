/* sqlite.c - the journal in SQLite: one thread commits, one reads, the loop never waits for either
 *
 * Three connections, one per thread.  The writer takes whatever has gathered while its
 * last commit ran, so the batch grows with the load and a lone row waits for nobody.
 * Reads have a thread of their own, because a commit must not queue behind a long read
 * (WAL lets them run side by side), and they go in slices, so that no snapshot lives long
 * enough to keep the log from being reset.  The loop's own connection serves the blocking
 * calls.  One mutex guards what the threads share; no SQLite call is made under it.
 */

#include "base/log.h"
#include "base/mem.h"
#include "loop/mail.h"
#include "store/queue.h"
#include "store/sqlite_file.h"
#include "store/sqlite_rows.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	/* One transaction: enough to divide the cost of an fsync by thousands, small
	 * enough to be written in some 50 ms. */
	BATCH_ROWS = 4096,
	BATCH_BYTES = 4 << 20,

	RETRY_MIN_MS = 100,
	RETRY_MAX_MS = 1000,
};

struct read_job {
	struct read_job *next;
	struct sqlite_query query;
	store_row_fn fn;
	store_end_fn end;
	void *arg;
	struct store_queue rows;        /* the slice just read */
	store_audit_fn audit_fn;        /* not NULL: links of the audit chain are read */
	struct sqlite_audit_query audit_query;
	struct audit_list links;
	bool more;
	int r;
};

struct read_list {
	struct read_job *head, *last;
};

struct sqlite_store {
	struct store base;

	/* Loop thread. */
	struct store_events ev;
	struct mail *mail;
	int lock_fd;
	sqlite3 *db;
	sqlite3_stmt *covers;
	uint64_t next_seq, told_seq;
	size_t pending;

	/* Their threads. */
	struct sqlite_writer w;
	struct sqlite_reader r;
	uv_thread_t writer_thread, reader_thread;

	uv_mutex_t mutex;
	uv_cond_t writer_cond, reader_cond;
	/* Under the mutex. */
	struct store_queue queue;
	uint64_t durable_seq;
	size_t durable_bytes;           /* since the loop last looked */
	int64_t failing_since_ms;       /* 0: commits work */
	bool trouble;                   /* the loop has not been told the latest */
	char trouble_text[240];
	int64_t prune_before_ms;
	unsigned prune_left;
	int64_t audit_before_ms;        /* links older than this may go; 0: nothing is asked */
	struct read_list asked, answered;
	bool stop, gave_up;
};

static struct sqlite_store *self(const struct store *s)
{
	return (struct sqlite_store *)(uintptr_t)s;
}

static int64_t mono_ms(void)
{
	return (int64_t)(uv_hrtime() / 1000000);
}

/* ---- the writer's thread ---- */

static void committed(struct sqlite_store *s, const struct store_queue *batch)
{
	uv_mutex_lock(&s->mutex);
	s->durable_seq = batch->last->row.seq;
	s->durable_bytes += batch->bytes;
	if (s->failing_since_ms) {
		s->failing_since_ms = 0;
		s->trouble = true;
	}
	uv_mutex_unlock(&s->mutex);
	mail_send(s->mail);
}

/* Report, then wait; a stop ends the wait. */
static void failed(struct sqlite_store *s, const struct err *err, int64_t wait_ms)
{
	int64_t now = mono_ms(), until = now + wait_ms;

	uv_mutex_lock(&s->mutex);
	if (!s->failing_since_ms)
		s->failing_since_ms = now;
	s->trouble = true;
	snprintf(s->trouble_text, sizeof(s->trouble_text), "%s", err->text);
	mail_send(s->mail);
	while (!s->stop && (now = mono_ms()) < until)
		uv_cond_timedwait(&s->writer_cond, &s->mutex, (uint64_t)(until - now) * 1000000);
	uv_mutex_unlock(&s->mutex);
}

static bool stopping(struct sqlite_store *s)
{
	bool stop;

	uv_mutex_lock(&s->mutex);
	stop = s->stop;
	uv_mutex_unlock(&s->mutex);
	return stop;
}

/* Until it is durable; or, once we are stopping, one last try. */
static void write_batch(struct sqlite_store *s, const struct store_queue *batch)
{
	int64_t wait_ms = RETRY_MIN_MS;
	struct err err;

	for (;;) {
		bool last = stopping(s);

		if (sqlite_rows_commit(&s->w, batch, s->base.digest, &err) == 0) {
			committed(s, batch);
			return;
		}
		if (last)
			break;
		failed(s, &err, wait_ms);
		wait_ms = wait_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : wait_ms * 2;
	}
	log_error("store", "%s: the last rows from %llu on are not kept; nobody was told they were",
		  err.text, (unsigned long long)batch->head->row.seq);
	uv_mutex_lock(&s->mutex);
	s->gave_up = true;
	uv_mutex_unlock(&s->mutex);
}

static void prune_step(struct sqlite_store *s, int64_t before_ms, unsigned left)
{
	unsigned now_left = left;
	struct err err;

	if (sqlite_rows_prune(&s->w, before_ms, &now_left, &err)) {
		log_warn("store", "%s; the next call tries again", err.text);
		now_left = 0;
	}
	uv_mutex_lock(&s->mutex);
	/* Asked again meanwhile: the new request counts. */
	if (s->prune_left == left && s->prune_before_ms == before_ms)
		s->prune_left = now_left;
	uv_mutex_unlock(&s->mutex);
}

struct pruning {
	int64_t before_ms, audit_before_ms;
	unsigned left;
};

/* Sleep until there is work, and take it.  False: the end. */
static bool next_work(struct sqlite_store *s, struct store_queue *batch, struct pruning *ret)
{
	bool go;

	uv_mutex_lock(&s->mutex);
	while (!s->stop && !s->queue.rows && !s->prune_left && !s->audit_before_ms)
		uv_cond_wait(&s->writer_cond, &s->mutex);
	store_queue_take(&s->queue, batch, BATCH_ROWS, BATCH_BYTES);
	*ret = (struct pruning){ s->prune_before_ms, s->audit_before_ms, s->prune_left };
	if (s->stop)
		ret->left = 0, ret->audit_before_ms = 0;
	s->audit_before_ms = 0;
	go = !s->gave_up && (batch->rows || ret->left || ret->audit_before_ms);
	uv_mutex_unlock(&s->mutex);
	return go;
}

static void writer_main(void *arg)
{
	struct sqlite_store *s = arg;
	struct store_queue batch = { 0 };
	struct pruning p;
	struct err err;

	while (next_work(s, &batch, &p)) {
		if (batch.rows)
			write_batch(s, &batch);
		store_queue_done(&batch);
		if (p.left)
			prune_step(s, p.before_ms, p.left);
		if (p.audit_before_ms && sqlite_rows_audit_prune(&s->w, p.audit_before_ms, &err))
			log_warn("store", "%s; the next call tries again", err.text);
	}
	store_queue_done(&batch);
}

/* ---- the reader's thread ---- */

static void list_push(struct read_list *l, struct read_job *j)
{
	j->next = NULL;
	if (l->last)
		l->last->next = j;
	else
		l->head = j;
	l->last = j;
}

static struct read_job *list_pop(struct read_list *l)
{
	struct read_job *j = l->head;

	if (!j)
		return NULL;
	l->head = j->next;
	if (!l->head)
		l->last = NULL;
	return j;
}

static void read_slice(struct sqlite_reader *rd, struct read_job *j)
{
	struct err err;

	if (j->audit_fn)
		j->r = sqlite_audit_slice(&rd->audit, &j->audit_query, &j->links, &j->more, &err);
	else
		j->r = sqlite_rows_slice(rd, &j->query, &j->rows, &j->more, &err);
	if (j->r)
		log_warn("store", "%s", err.text);
}

static void reader_main(void *arg)
{
	struct sqlite_store *s = arg;

	uv_mutex_lock(&s->mutex);
	while (!s->stop) {
		struct read_job *j = list_pop(&s->asked);

		if (!j) {
			uv_cond_wait(&s->reader_cond, &s->mutex);
			continue;
		}
		uv_mutex_unlock(&s->mutex);
		read_slice(&s->r, j);
		uv_mutex_lock(&s->mutex);
		list_push(&s->answered, j);
		mail_send(s->mail);
	}
	uv_mutex_unlock(&s->mutex);
}

/* ---- the loop's thread ---- */

static void ask(struct sqlite_store *s, struct read_job *j)
{
	uv_mutex_lock(&s->mutex);
	list_push(&s->asked, j);
	uv_cond_signal(&s->reader_cond);
	uv_mutex_unlock(&s->mutex);
}

static void job_end(struct read_job *j, int r)
{
	store_queue_done(&j->rows);
	audit_list_done(&j->links);
	if (j->end)
		j->end(j->arg, r);
	free(j);
}

static void deliver(struct sqlite_store *s, struct read_job *j)
{
	int r = 0;

	for (const struct store_item *i = j->rows.head; i && !r; i = i->next)
		r = j->fn(j->arg, &i->row);
	for (const struct audit_item *i = j->links.head; i && !r; i = i->next)
		r = j->audit_fn(j->arg, &i->a);
	if (!r)
		r = j->r;
	store_queue_done(&j->rows);
	audit_list_done(&j->links);
	if (!r && j->more)
		ask(s, j);
	else
		job_end(j, r);
}

/* The threads have news. */
static void on_mail(void *arg)
{
	struct sqlite_store *s = arg;
	struct read_list answered;
	char text[sizeof(s->trouble_text)];
	int64_t failing_ms;
	uint64_t seq;
	bool trouble;

	uv_mutex_lock(&s->mutex);
	s->pending -= s->durable_bytes;
	s->durable_bytes = 0;
	seq = s->durable_seq;
	trouble = s->trouble;
	s->trouble = false;
	failing_ms = s->failing_since_ms ? mono_ms() - s->failing_since_ms + 1 : 0;
	memcpy(text, s->trouble_text, sizeof(text));
	answered = s->answered;
	s->answered = (struct read_list){ 0 };
	uv_mutex_unlock(&s->mutex);

	if (trouble && s->ev.trouble)
		s->ev.trouble(s->ev.arg, failing_ms ? text : "the journal is written again",
			      failing_ms);
	if (seq > s->told_seq) {
		s->told_seq = seq;
		s->ev.durable(s->ev.arg, seq);
	}
	for (struct read_job *j; (j = list_pop(&answered)) != NULL; )
		deliver(s, j);
}

static void sqlite_append(struct store *base, struct store_row *row)
{
	struct sqlite_store *s = self(base);

	assert(row->body_len <= STORE_BODY_MAX);
	assert(row->subject <= INT64_MAX && row->task <= INT64_MAX);
	assert(row->subject || !(row->opens || row->closes));
	assert(row->audit || !row->only);
	row->seq = s->next_seq++;
	s->pending += store_item_size(row);
	uv_mutex_lock(&s->mutex);
	store_queue_push(&s->queue, row);
	uv_cond_signal(&s->writer_cond);
	uv_mutex_unlock(&s->mutex);
}

static size_t sqlite_pending(const struct store *base)
{
	return self(base)->pending;
}

static void sqlite_read(struct store *base, uint64_t subject, uint64_t task, uint64_t after_seq,
			unsigned max, store_row_fn fn, store_end_fn end, void *arg)
{
	struct read_job *j = mem_alloc(sizeof(*j));

	*j = (struct read_job){
		.query = { .subject = subject, .task = task, .after_seq = after_seq, .left = max },
		.fn = fn, .end = end, .arg = arg,
	};
	ask(self(base), j);
}

static void sqlite_read_lasting(struct store *base, int64_t from_ms, int64_t until_ms,
				uint64_t after_seq, unsigned max, store_row_fn fn, store_end_fn end,
				void *arg)
{
	struct read_job *j = mem_alloc(sizeof(*j));

	*j = (struct read_job){
		.query = { .lasting = true, .from_ms = from_ms, .until_ms = until_ms,
			   .after_seq = after_seq, .left = max },
		.fn = fn, .end = end, .arg = arg,
	};
	ask(self(base), j);
}

static void sqlite_audit_read(struct store *base, uint64_t after_no, unsigned max,
			      store_audit_fn fn, store_end_fn end, void *arg)
{
	struct read_job *j = mem_alloc(sizeof(*j));

	*j = (struct read_job){
		.audit_query = { after_no, max, base->audited }, .audit_fn = fn, .end = end, .arg = arg,
	};
	ask(self(base), j);
}

static void sqlite_audit_forget(struct store *base, int64_t before_ms)
{
	struct sqlite_store *s = self(base);

	uv_mutex_lock(&s->mutex);
	s->audit_before_ms = before_ms;
	uv_cond_signal(&s->writer_cond);
	uv_mutex_unlock(&s->mutex);
}

static uint64_t sqlite_subject_of(struct store *base, uint64_t no)
{
	struct sqlite_store *s = self(base);
	uint64_t found = 0;

	sqlite3_bind_int64(s->covers, 1, no > INT64_MAX ? INT64_MAX : (int64_t)no);
	if (sqlite3_step(s->covers) == SQLITE_ROW)
		found = (uint64_t)sqlite3_column_int64(s->covers, 0);
	sqlite3_reset(s->covers);
	return found;
}

static void sqlite_prune(struct store *base, int64_t before_ms, unsigned max)
{
	struct sqlite_store *s = self(base);

	uv_mutex_lock(&s->mutex);
	s->prune_before_ms = before_ms;
	s->prune_left = max;
	uv_cond_signal(&s->writer_cond);
	uv_mutex_unlock(&s->mutex);
}

static int sqlite_replay(struct store *base, unsigned recent, store_row_fn fn, void *arg,
			 struct err *err)
{
	return sqlite_rows_replay(self(base)->db, recent, fn, arg, err);
}

/* ---- open and free ---- */

static int load_last_seq(struct sqlite_store *s, struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = sqlite_rows_prepare(s->db, "SELECT max(seq) FROM record", &st, err);

	if (r)
		return r;
	if (sqlite3_step(st) == SQLITE_ROW)
		s->durable_seq = (uint64_t)sqlite3_column_int64(st, 0);
	else
		r = sqlite_file_error(s->db, "read the journal", err);
	sqlite3_finalize(st);
	s->told_seq = s->durable_seq;
	s->next_seq = s->durable_seq + 1;
	return r;
}

static int open_files(struct sqlite_store *s, const char *dir, struct err *err)
{
	int r = sqlite_file_prepare(dir, err);

	if (!r)
		r = sqlite_file_lock(dir, &s->lock_fd, err);
	if (!r)
		r = sqlite_file_connect(dir, &s->db, err);
	if (!r)
		r = sqlite_file_migrate(s->db, dir, err);
	if (!r)
		r = sqlite_file_connect(dir, &s->w.db, err);
	if (!r)
		r = sqlite_file_connect(dir, &s->r.db, err);
	if (!r)
		r = load_last_seq(s, err);
	if (!r)
		r = sqlite_rows_prepare(s->db, "SELECT no FROM subject WHERE no <= ?1 "
					"ORDER BY no DESC LIMIT 1", &s->covers, err);
	if (!r)
		r = sqlite_rows_prepare_writer(&s->w, err);
	return r ? r : sqlite_rows_prepare_reader(&s->r, err);
}

/* Statements first, or SQLite keeps the connection. */
static void close_db(sqlite3 *db)
{
	for (sqlite3_stmt *st; (st = sqlite3_next_stmt(db, NULL)) != NULL; )
		sqlite3_finalize(st);
	sqlite3_close(db);
}

static void close_files(struct sqlite_store *s)
{
	sqlite3 *const dbs[] = { s->r.db, s->w.db, s->db };

	for (size_t i = 0; i < ARRAY_LEN(dbs); i++)
		if (dbs[i])
			close_db(dbs[i]);
	sqlite_rows_close_writer(&s->w);
	sqlite_rows_close_reader(&s->r);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
}

static void stop_threads(struct sqlite_store *s)
{
	uv_mutex_lock(&s->mutex);
	s->stop = true;
	uv_cond_signal(&s->writer_cond);
	uv_cond_signal(&s->reader_cond);
	uv_mutex_unlock(&s->mutex);
	uv_thread_join(&s->writer_thread);
	uv_thread_join(&s->reader_thread);
}

static void cancel_reads(struct read_list *l)
{
	for (struct read_job *j; (j = list_pop(l)) != NULL; )
		job_end(j, -ECANCELED);
}

static struct store *sqlite_free(struct store *base)
{
	struct sqlite_store *s = self(base);

	if (!s)
		return NULL;
	stop_threads(s);
	cancel_reads(&s->answered);
	cancel_reads(&s->asked);
	store_queue_done(&s->queue);
	mail_free(s->mail);
	close_files(s);
	uv_cond_destroy(&s->writer_cond);
	uv_cond_destroy(&s->reader_cond);
	uv_mutex_destroy(&s->mutex);
	free(s);
	return NULL;
}

static const struct store_ops sqlite_ops = {
	.name = "sqlite",
	.replay = sqlite_replay,
	.append = sqlite_append,
	.pending = sqlite_pending,
	.read = sqlite_read,
	.read_lasting = sqlite_read_lasting,
	.subject_of = sqlite_subject_of,
	.prune = sqlite_prune,
	.audit_read = sqlite_audit_read,
	.audit_prune = sqlite_audit_forget,
	.free = sqlite_free,
};

/* Without threads and memory a daemon cannot start at all: these abort. */
static void start(struct sqlite_store *s, uv_loop_t *loop)
{
	if (uv_mutex_init(&s->mutex) || uv_cond_init(&s->writer_cond) ||
	    uv_cond_init(&s->reader_cond))
		abort();
	s->mail = mail_new(loop, on_mail, s);
	if (uv_thread_create(&s->writer_thread, writer_main, s) ||
	    uv_thread_create(&s->reader_thread, reader_main, s))
		abort();
}

int store_sqlite_open(uv_loop_t *loop, const char *path, const struct store_events *ev,
		      struct store **ret, struct err *err)
{
	struct sqlite_store *s = mem_alloc(sizeof(*s));
	int r;

	s->base.ops = &sqlite_ops;
	s->ev = *ev;
	s->lock_fd = -1;
	r = open_files(s, path, err);
	if (r) {
		close_files(s);
		free(s);
		return r;
	}
	start(s, loop);
	*ret = &s->base;
	return 0;
}
