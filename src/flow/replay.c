/* replay.c - the journal at a start: another thread reads and parses it, this one applies it
 *
 * Parsing is more than half of the work and knows nothing of us.  The rows travel in batches, which
 * go round in a ring; the order of the rows is that of the journal, and apply() runs on the
 * thread that owns the nouns, as in life.
 *
 *	      room                                full
 *	reader: take an empty batch, fill it  --->  main: decode, apply
 *	        free what it held before      <---        give it back
 */

#include "flow/state.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
	BATCHES = 8,
	BATCH_ROWS = 32,
	BATCH_BYTES = 1 << 20,          /* of bodies: what is under way stays small */
};

struct parsed {
	struct store_row row;           /* without its body */
	json_t *doc;
};

struct batch {
	unsigned n;
	size_t bytes;
	struct parsed rows[BATCH_ROWS];
	bool last;
	int r;                          /* with `last`: what ended the walk … */
	uint64_t bad_seq;               /* … at this row, or 0 … */
	struct err err;                 /* … and its words */
};

struct replay {
	struct flow *f;
	uv_thread_t thread;
	uv_sem_t room, full;            /* empty batches; batches to apply */
	unsigned in;                    /* the one being filled, if `taken` */
	bool taken;
	atomic_bool stop;               /* a row could not be applied: read no more */
	struct batch batches[BATCHES];
};

/* ---- the reader ---- */

static void batch_clear(struct batch *b)
{
	for (unsigned i = 0; i < b->n; i++)
		json_decref(b->rows[i].doc);
	b->n = 0;
	b->bytes = 0;
}

static struct batch *filling(struct replay *p)
{
	struct batch *b = &p->batches[p->in];

	if (p->taken)
		return b;
	uv_sem_wait(&p->room);
	p->taken = true;
	batch_clear(b);
	return b;
}

static void hand_over(struct replay *p)
{
	p->taken = false;
	p->in = (p->in + 1) % BATCHES;
	uv_sem_post(&p->full);
}

static int read_row(void *arg, const struct store_row *row)
{
	struct replay *p = arg;
	struct batch *b = filling(p);
	struct parsed *to = &b->rows[b->n];
	int r = atomic_load(&p->stop) ? -ECANCELED
				      : record_parse(row->kind, row->subject, row->task, row->body,
						     row->body_len, &to->doc, &b->err);

	if (r) {
		b->bad_seq = row->seq;
		return r;
	}
	to->row = *row;
	to->row.body = NULL;
	b->n++;
	b->bytes += row->body_len;
	if (b->n == BATCH_ROWS || b->bytes >= BATCH_BYTES)
		hand_over(p);
	return 0;
}

static void read_all(void *arg)
{
	struct replay *p = arg;
	struct store *s = p->f->c.store;
	struct err err = { 0 };
	int r = s->ops->replay(s, p->f->c.limits.finished_max, read_row, p, &err);
	struct batch *b = filling(p);

	/* What a row brought stands in the batch already; what the store has to say, here. */
	if (r && err.text[0])
		b->err = err;
	b->last = true;
	b->r = r;
	hand_over(p);
	json_mem_trim();
}

/* ---- the owner of the nouns ---- */

static int apply_row(struct flow *f, const struct parsed *p, struct err *err)
{
	const struct store_row *row = &p->row;
	struct record r = { 0 };
	int e = record_decode_doc(row->kind, row->at_ms, row->subject, row->task, p->doc, &r, err);

	if (!e && row->alone)
		ledger_follow_alone(f, &r);
	else if (!e)
		e = flow_apply(f, &r, err);
	record_done(&r);
	f->appended = f->durable = row->seq;
	if (!e && row->closes)
		table_forget(f);
	return e;
}

static int apply_batch(struct flow *f, struct batch *b, struct err *err)
{
	uint64_t seq = b->bad_seq;
	int r = 0;

	for (unsigned i = 0; i < b->n && !r; i++) {
		seq = b->rows[i].row.seq;
		r = apply_row(f, &b->rows[i], err);
	}
	if (!r && b->last && b->r) {
		seq = b->bad_seq;
		r = b->r;
		if (err)
			*err = b->err;
	}
	return r && seq ? err_prefix(err, r, "row %llu: ", (unsigned long long)seq) : r;
}

static int apply_all(struct replay *p, struct err *err)
{
	bool last = false;
	int r = 0;

	for (unsigned out = 0; !last; out = (out + 1) % BATCHES) {
		struct batch *b = &p->batches[out];

		uv_sem_wait(&p->full);
		if (!r)
			r = apply_batch(p->f, b, err);
		if (r)
			atomic_store(&p->stop, true);
		last = b->last;
		uv_sem_post(&p->room);
	}
	return r;
}

static int replay(struct flow *f, struct err *err)
{
	struct replay *p = mem_alloc(sizeof(*p));
	int r;

	p->f = f;
	if (uv_sem_init(&p->room, BATCHES) || uv_sem_init(&p->full, 0))
		abort();
	r = uv_thread_create(&p->thread, read_all, p);
	if (r) {
		err_set(err, r, "no thread could be made: %s", uv_strerror(r));
	} else {
		r = apply_all(p, err);
		uv_thread_join(&p->thread);
	}
	for (unsigned i = 0; i < BATCHES; i++)
		batch_clear(&p->batches[i]);
	uv_sem_destroy(&p->room);
	uv_sem_destroy(&p->full);
	free(p);
	return r;
}

int replay_journal(struct flow *f, struct err *err)
{
	int64_t before = clock_mono_ms();
	uint64_t last;
	int r;

	f->replaying = true;
	r = replay(f, err);
	f->replaying = false;
	if (r)
		return err_prefix(err, r < 0 ? r : -EPROTO, "could not read the journal: ");
	/* The newest submission may be closed and not among those replayed: its numbers are
	 * taken all the same. */
	last = f->c.store->ops->subject_of(f->c.store, UINT64_MAX >> 1);
	if (last && !sub_find(f, last))
		f->next_no = last + TASK_ARRAY_MAX;
	log_info("flow", "journal read in %lld ms: %llu submissions, %llu tasks not over",
		 (long long)(clock_mono_ms() - before),
		 (unsigned long long)f->nsubs,
		 (unsigned long long)(f->counts.by_state[TASK_WAITING] +
				      f->counts.by_state[TASK_SENDING] +
				      f->counts.by_state[TASK_QUEUED] +
				      f->counts.by_state[TASK_RUNNING]));
	return 0;
}
