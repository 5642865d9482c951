/* memory.c - the journal in memory: the same order and the same promises, without a disk
 *
 * A commit happens when the loop next turns, so the caller sees the same gap between
 * append and durable as with a disk.  Everything runs on the loop thread.
 */

#include "base/clock.h"
#include "base/mem.h"
#include "loop/mail.h"
#include "loop/timer.h"
#include "store/audit.h"
#include "store/queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_MS = 10 };         /* quicker than a disk's: tests wait for it */

struct subject {
	uint64_t no, opened_seq;
	int64_t closed_ms;
	bool closed, wanted;
};

struct read_job {
	struct read_job *next;
	bool lasting;
	int64_t from_ms, until_ms;      /* of a lasting one */
	uint64_t subject, task, after_seq;
	unsigned max;
	store_row_fn fn;
	store_end_fn end;
	void *arg;
	store_audit_fn audit_fn;        /* links of the audit chain after after_seq */
};

struct memory_store {
	struct store base;
	struct store_events ev;
	struct mail *mail;
	struct timer *retry;
	struct store_queue queue, rows;         /* appended, durable */
	uint64_t next_seq;
	struct subject *subjects;               /* by no */
	size_t nsubjects, subjects_cap;
	struct read_job *reads, **reads_end;
	int64_t prune_before_ms;
	int64_t audit_before_ms;
	unsigned prune_max, fail;
	int64_t failing_since_ms;
	struct chain chain;
	struct audit_list links;        /* without bodies, but for the store's own */
};

static struct memory_store *self(const struct store *s)
{
	return (struct memory_store *)(uintptr_t)s;
}

static int64_t mono_ms(void)
{
	return (int64_t)(uv_hrtime() / 1000000);
}

/* Index of the first subject above `no`. */
static size_t above(const struct memory_store *s, uint64_t no)
{
	size_t lo = 0, hi = s->nsubjects;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->subjects[mid].no <= no)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct subject *find(const struct memory_store *s, uint64_t no)
{
	size_t i = above(s, no);

	return i && s->subjects[i - 1].no == no ? &s->subjects[i - 1] : NULL;
}

static void subject_open(struct memory_store *s, const struct store_row *row)
{
	size_t at = above(s, row->subject);

	assert(!find(s, row->subject));
	if (s->nsubjects == s->subjects_cap) {
		s->subjects_cap = s->subjects_cap ? s->subjects_cap * 2 : 64;
		s->subjects = mem_grow(s->subjects, s->subjects_cap, sizeof(*s->subjects));
	}
	for (size_t i = s->nsubjects++; i > at; i--)
		s->subjects[i] = s->subjects[i - 1];
	s->subjects[at] = (struct subject){ .no = row->subject, .opened_seq = row->seq };
}

static void subject_close(struct memory_store *s, const struct store_row *row)
{
	struct subject *j = find(s, row->subject);

	assert(j);
	j->closed = true;
	j->closed_ms = row->at_ms;
}

static void note_failure(struct memory_store *s)
{
	int64_t now = mono_ms();

	s->fail--;
	if (!s->failing_since_ms)
		s->failing_since_ms = now;
	timer_start(s->retry, RETRY_MS, 0);
	if (s->ev.trouble)
		s->ev.trouble(s->ev.arg, "could not write the journal: made to fail",
			      now - s->failing_since_ms + 1);
}

static void link_add(struct memory_store *s, struct chain_link *l, const char *body, size_t n,
		     bool keep)
{
	struct chain_entry a = { .body = keep ? body : NULL, .body_len = n };

	s->chain.kind = s->base.digest ? s->base.digest : DIGEST_SM3;
	memcpy(a.prev, s->chain.head, DIGEST_LEN);
	chain_add(&s->chain, l, body, n);
	a.link = *l;
	audit_list_push(&s->links, &a);
}

static void link_row(struct memory_store *s, const struct store_row *row)
{
	struct chain_link l;

	audit_link(row, &l);
	link_add(s, &l, row->body, row->body_len, row->only);
}

static void link_own(struct memory_store *s, uint32_t kind, const char *text, size_t n)
{
	struct chain_link l = { .at_ms = clock_now_ms(), .kind = kind };

	chain_actor(l.actor, "node");
	link_add(s, &l, text, n, true);
}

/* All that was appended, but what is a link and nothing else. */
static void keep_rows(struct memory_store *s)
{
	while (s->queue.head) {
		if (s->queue.head->row.only)
			free(store_queue_pop(&s->queue));
		else
			store_queue_take(&s->queue, &s->rows, 1, SIZE_MAX);
	}
}

static void commit(struct memory_store *s)
{
	uint64_t last = s->queue.rows ? s->queue.last->row.seq : 0;

	if (!s->queue.rows)
		return;
	if (s->fail) {
		note_failure(s);
		return;
	}
	for (const struct store_item *i = s->queue.head; i; i = i->next) {
		if (i->row.audit)
			link_row(s, &i->row);
		if (i->row.opens)
			subject_open(s, &i->row);
		if (i->row.closes)
			subject_close(s, &i->row);
	}
	keep_rows(s);
	if (s->failing_since_ms) {
		s->failing_since_ms = 0;
		if (s->ev.trouble)
			s->ev.trouble(s->ev.arg, "the journal is written again", 0);
	}
	s->ev.durable(s->ev.arg, last);
}

static bool asked_for(const struct memory_store *s, const struct read_job *j,
		      const struct store_row *row)
{
	const struct subject *of;

	if (row->seq <= j->after_seq)
		return false;
	if (j->lasting)
		return row->lasts && row->at_ms >= j->from_ms && row->at_ms < j->until_ms;
	if (j->subject == UINT64_MAX)
		return true;
	if (row->subject != j->subject)
		return false;
	if (!j->task || row->task == j->task)
		return true;
	of = find(s, row->subject);
	return of && of->opened_seq == row->seq;
}

static const struct store_item *row_of(const struct memory_store *s, uint64_t seq)
{
	const struct store_item *i = s->rows.head;

	while (i && i->row.seq != seq)
		i = i->next;
	return i;
}

static int read_links(const struct memory_store *s, const struct read_job *j)
{
	uint64_t after = j->after_seq == UINT64_MAX ? s->chain.no - !!s->chain.no : j->after_seq;
	unsigned left = j->max;
	int r = 0;

	for (const struct audit_item *i = s->links.head; i && left && !r; i = i->next) {
		struct chain_entry a = i->a;
		const struct store_item *row = a.link.seq ? row_of(s, a.link.seq) : NULL;

		if (a.link.no <= after)
			continue;
		if (row) {
			a.body = row->row.body;
			a.body_len = row->row.body_len;
		}
		r = j->audit_fn(j->arg, &a);
		left--;
	}
	return r;
}

static void read_one(const struct memory_store *s, const struct read_job *j)
{
	unsigned left = j->max;
	int r = j->audit_fn ? read_links(s, j) : 0;

	if (j->audit_fn)
		left = 0;
	for (const struct store_item *i = s->rows.head; i && left && !r; i = i->next) {
		if (!asked_for(s, j, &i->row))
			continue;
		r = j->fn(j->arg, &i->row);
		left--;
	}
	if (j->end)
		j->end(j->arg, r);
}

/* Only those asked before this turn: a callback that reads again waits for the next. */
static void read_all(struct memory_store *s)
{
	struct read_job *j = s->reads;

	s->reads = NULL;
	s->reads_end = &s->reads;
	while (j) {
		struct read_job *next = j->next;

		read_one(s, j);
		free(j);
		j = next;
	}
}

static void forget(struct memory_store *s, uint64_t no)
{
	struct store_queue kept = { 0 };
	size_t at = above(s, no) - 1;

	while (s->rows.head) {
		if (s->rows.head->row.subject == no && !s->rows.head->row.lasts)
			free(store_queue_pop(&s->rows));
		else
			store_queue_take(&s->rows, &kept, 1, 0);
	}
	s->rows = kept;
	for (s->nsubjects--; at < s->nsubjects; at++)
		s->subjects[at] = s->subjects[at + 1];
}

/* The one closed longest ago; never the newest, nor that of the newest row. */
static const struct subject *oldest(const struct memory_store *s)
{
	const struct subject *best = NULL;

	for (size_t i = 0; i + 1 < s->nsubjects; i++) {
		const struct subject *j = &s->subjects[i];

		if (j->closed && j->closed_ms < s->prune_before_ms &&
		    j->no != s->rows.last->row.subject && (!best || j->closed_ms < best->closed_ms))
			best = j;
	}
	return best;
}

static void prune(struct memory_store *s)
{
	char text[AUDIT_TEXT_MAX];
	bool some = false;

	for (const struct subject *j; s->prune_max && (j = oldest(s)) != NULL; s->prune_max--) {
		forget(s, j->no);
		some = true;
	}
	if (some)
		link_own(s, STORE_KIND_PRUNED, text, audit_pruned_text(s->prune_before_ms, text));
	s->prune_max = 0;
}

static void audit_prune(struct memory_store *s)
{
	struct audit_item *i = s->links.head, *next;
	uint8_t hash[DIGEST_LEN];
	char text[AUDIT_TEXT_MAX];
	uint64_t up_to = 0;

	for (; i && i->next && i->a.link.at_ms < s->audit_before_ms; i = next) {
		next = i->next;
		up_to = i->a.link.no;
		memcpy(hash, i->a.link.hash, DIGEST_LEN);
		s->links.head = next;
		s->links.n--;
		free(i);
	}
	s->audit_before_ms = 0;
	if (up_to)
		link_own(s, STORE_KIND_ANCHOR, text, audit_anchor_text(up_to, hash, text));
}

static void on_mail(void *arg)
{
	struct memory_store *s = arg;

	if (!s->failing_since_ms)       /* else the timer tries again */
		commit(s);
	read_all(s);
	prune(s);
	audit_prune(s);
}

static void on_retry(void *arg)
{
	commit(arg);
}

static int by_closing(const void *a, const void *b)
{
	const struct subject *x = *(struct subject *const *)a, *y = *(struct subject *const *)b;

	if (x->closed_ms != y->closed_ms)
		return x->closed_ms < y->closed_ms ? 1 : -1;
	return (x->no < y->no) - (x->no > y->no);
}

static void mark_wanted(struct memory_store *s, unsigned recent)
{
	struct subject **closed = mem_array(s->nsubjects + 1, sizeof(struct subject *));
	size_t n = 0;

	for (size_t i = 0; i < s->nsubjects; i++) {
		struct subject *j = &s->subjects[i];

		j->wanted = !j->closed || i + 1 == s->nsubjects;
		if (j->closed)
			closed[n++] = j;
	}
	qsort(closed, n, sizeof(struct subject *), by_closing);
	for (size_t i = 0; i < n && i < recent; i++)
		closed[i]->wanted = true;
	free(closed);
}

static int memory_replay(struct store *base, unsigned recent, store_row_fn fn, void *arg,
			 struct err *err)
{
	struct memory_store *s = self(base);
	uint64_t checkpoint = 0;
	int r = 0;

	mark_wanted(s, recent);
	for (const struct store_item *i = s->rows.head; i; i = i->next)
		if (i->row.checkpoint)
			checkpoint = i->row.seq;
	for (const struct store_item *i = s->rows.head; i && !r; i = i->next) {
		const struct subject *j = find(s, i->row.subject);
		struct store_row row = i->row;

		row.alone = row.subject && !(j && j->wanted);
		if (!row.alone || (row.lasts && row.seq > checkpoint))
			r = fn(arg, &row);
	}
	return r;
}

static void memory_append(struct store *base, struct store_row *row)
{
	struct memory_store *s = self(base);

	assert(row->body_len <= STORE_BODY_MAX);
	assert(row->subject <= INT64_MAX && row->task <= INT64_MAX);
	assert(row->subject || !(row->opens || row->closes));
	row->seq = s->next_seq++;
	store_queue_push(&s->queue, row);
	mail_send(s->mail);
}

static size_t memory_pending(const struct store *base)
{
	return self(base)->queue.bytes;
}

static void ask(struct memory_store *s, struct read_job *j)
{
	*s->reads_end = j;
	s->reads_end = &j->next;
	mail_send(s->mail);
}

static void memory_read(struct store *base, uint64_t subject, uint64_t task, uint64_t after_seq,
			unsigned max, store_row_fn fn, store_end_fn end, void *arg)
{
	struct memory_store *s = self(base);
	struct read_job *j = mem_alloc(sizeof(*j));

	*j = (struct read_job){
		.subject = subject, .task = task, .after_seq = after_seq, .max = max,
		.fn = fn, .end = end, .arg = arg,
	};
	ask(s, j);
}

static void memory_read_lasting(struct store *base, int64_t from_ms, int64_t until_ms,
				uint64_t after_seq, unsigned max, store_row_fn fn, store_end_fn end,
				void *arg)
{
	struct read_job *j = mem_alloc(sizeof(*j));

	*j = (struct read_job){
		.lasting = true, .from_ms = from_ms, .until_ms = until_ms, .after_seq = after_seq,
		.max = max, .fn = fn, .end = end, .arg = arg,
	};
	ask(self(base), j);
}

static uint64_t memory_subject_of(struct store *base, uint64_t no)
{
	const struct memory_store *s = self(base);
	size_t i = above(s, no);

	return i ? s->subjects[i - 1].no : 0;
}

static void memory_prune(struct store *base, int64_t before_ms, unsigned max)
{
	struct memory_store *s = self(base);

	s->prune_before_ms = before_ms;
	s->prune_max = max;
	mail_send(s->mail);
}

static void memory_audit_read(struct store *base, uint64_t after_no, unsigned max,
			      store_audit_fn fn, store_end_fn end, void *arg)
{
	struct memory_store *s = self(base);
	struct read_job *j = mem_alloc(sizeof(*j));

	*j = (struct read_job){
		.after_seq = after_no, .max = max, .audit_fn = fn, .end = end, .arg = arg,
	};
	*s->reads_end = j;
	s->reads_end = &j->next;
	mail_send(s->mail);
}

static void memory_audit_prune(struct store *base, int64_t before_ms)
{
	struct memory_store *s = self(base);

	s->audit_before_ms = before_ms;
	mail_send(s->mail);
}

static struct store *memory_free(struct store *base)
{
	struct memory_store *s = self(base);
	struct read_job *j = s ? s->reads : NULL;

	if (!s)
		return NULL;
	while (j) {
		struct read_job *next = j->next;

		if (j->end)
			j->end(j->arg, -ECANCELED);
		free(j);
		j = next;
	}
	timer_free(s->retry);
	mail_free(s->mail);
	store_queue_done(&s->queue);
	store_queue_done(&s->rows);
	audit_list_done(&s->links);
	chain_done(&s->chain);
	free(s->subjects);
	free(s);
	return NULL;
}

static const struct store_ops memory_ops = {
	.name = "memory",
	.replay = memory_replay,
	.append = memory_append,
	.pending = memory_pending,
	.read = memory_read,
	.read_lasting = memory_read_lasting,
	.subject_of = memory_subject_of,
	.prune = memory_prune,
	.audit_read = memory_audit_read,
	.audit_prune = memory_audit_prune,
	.free = memory_free,
};

int store_memory_open(uv_loop_t *loop, const struct store_events *ev, struct store **ret,
		      struct err *err)
{
	struct memory_store *s = mem_alloc(sizeof(*s));

	s->base.ops = &memory_ops;
	s->ev = *ev;
	s->next_seq = 1;
	chain_init(&s->chain);
	s->reads_end = &s->reads;
	s->mail = mail_new(loop, on_mail, s);
	s->retry = timer_new(loop, on_retry, s);
	*ret = &s->base;
	return 0;
}

void store_memory_fail(struct store *s, unsigned n)
{
	assert(s->ops == &memory_ops);
	self(s)->fail = n;
}
