/* commit.c - make records durable, and do what waits for that */

#include "flow/share.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void hold_for_watchers(struct flow *f, const struct store_row *row)
{
	const struct sub *s = sub_find(f, row->subject);
	struct held_row *h;
	char *body;

	if (!f->watches)
		return;
	h = mem_alloc(sizeof(*h));
	body = mem_alloc(row->body_len + 1);
	memcpy(body, row->body, row->body_len);
	h->row = *row;
	h->row.body = body;
	h->tenant = mem_strdup(s ? s->spec->tenant : "");
	*f->held_end = h;
	f->held_end = &h->next;
}

/* The last part of a checkpoint: with it the others count. */
static bool completes(const struct record *r)
{
	return r->kind == RECORD_CHECKPOINT &&
	       json_integer_value(json_object_get(r->doc, "part")) + 1 ==
	       json_integer_value(json_object_get(r->doc, "parts"));
}

/* ---- who does it ---- */

_Static_assert((int)STORE_KIND_PRUNED == RECORD_PRUNED && (int)STORE_KIND_ANCHOR == RECORD_ANCHOR,
	       "the store numbers its own links as domain/record.h does");

void flow_actor(struct flow *f, void (*fn)(void *arg, char out[CHAIN_ACTOR_MAX]), void *arg)
{
	f->actor_fn = fn;
	f->actor_arg = arg;
	f->actor[0] = '\0';
}

/* Asked for only when something is written, and once for each caller. */
static const char *actor(struct flow *f)
{
	if (!f->actor_fn)
		return NULL;
	if (!f->actor[0])
		f->actor_fn(f->actor_arg, f->actor);
	return f->actor;
}

static void note_read(struct flow *f, json_t *doc)
{
	struct record r = { .kind = RECORD_AUDIT_READ, .at_ms = clock_now_ms(), .doc = doc };
	struct store_row row = { .at_ms = r.at_ms, .kind = r.kind, .audit = true, .only = true,
				 .actor = actor(f) };

	buf_reset(&f->body);
	record_encode(&r, &f->body);
	json_decref(r.doc);
	row.body = f->body.data;
	row.body_len = f->body.len;
	f->c.store->ops->append(f->c.store, &row);
	f->appended = row.seq;
}

void flow_audit_note_read(struct flow *f, uint64_t after, unsigned limit)
{
	note_read(f, json_pack("{s:I, s:I}", "after", (json_int_t)after, "limit",
			       (json_int_t)limit));
}

void flow_audit_note_report(struct flow *f, const char *dataset)
{
	note_read(f, json_pack("{s:s}", "dataset", dataset));
}

static void append(struct flow *f, const struct record *r, const char *body, size_t n)
{
	const struct sub *s = sub_find(f, r->sub);
	struct store_row row = {
		.at_ms = r->at_ms, .subject = r->sub, .task = r->task, .kind = r->kind,
		.opens = r->kind == RECORD_SUBMIT, .closes = s && !s->left,
		.lasts = record_lasts(r), .checkpoint = completes(r),
		.body = body, .body_len = n,
	};

	if (record_audit(r->kind) == AUDIT_YES) {
		row.audit = true;
		row.actor = actor(f);
	}
	f->c.store->ops->append(f->c.store, &row);
	f->appended = row.seq;
	hold_for_watchers(f, &row);
	if (row.closes)
		share_closed(f);
}

void flow_commit_body(struct flow *f, struct record *r, const char *body, size_t n)
{
	struct err err = { 0 };
	int e = flow_apply(f, r, &err);

	if (e) {
		/* A decision of ours that the life of a task forbids: a bug, and going on would
		 * write a journal that cannot be replayed. */
		log_error("flow", "record %s refused: %s", record_kind_name(r->kind), err.text);
		abort();
	}
	append(f, r, body, n);
}

void flow_commit(struct flow *f, struct record *r)
{
	int e;

	if (!r->at_ms)
		r->at_ms = clock_now_ms();
	buf_reset(&f->body);
	e = record_encode(r, &f->body);
	assert(!e && "a record is bounded by the limits of what is in it");
	flow_commit_body(f, r, f->body.data, f->body.len);
}

/* ---- what waits ---- */

static void after_push(struct flow *f, const struct after *a)
{
	if (f->nafter == f->after_cap) {
		uint32_t cap = f->after_cap ? 2 * f->after_cap : 256;
		struct after *ring = mem_array(cap, sizeof(*ring));

		for (uint32_t i = 0; i < f->nafter; i++)
			ring[i] = f->after[(f->after_head + i) % f->after_cap];
		free(f->after);
		f->after = ring;
		f->after_head = 0;
		f->after_cap = cap;
	}
	f->after[(f->after_head + f->nafter++) % f->after_cap] = *a;
}

void flow_after_start(struct flow *f, uint64_t task, uint32_t attempt)
{
	if (f->durable >= f->appended)
		run_send(f, task, attempt);
	else
		after_push(f, &(struct after){ .seq = f->appended, .what = AFTER_SEND,
					       .task = task, .attempt = attempt });
}

void flow_after_settle(struct flow *f, uint32_t pool, uint64_t task, uint32_t attempt)
{
	if (f->durable >= f->appended)
		run_settle(f, pool, task, attempt);
	else
		after_push(f, &(struct after){ .seq = f->appended, .what = AFTER_SETTLE,
					       .pool = pool, .task = task, .attempt = attempt });
}

void flow_when_durable(struct flow *f, void (*fn)(void *arg), void *arg)
{
	if (f->durable >= f->appended)
		fn(arg);
	else
		after_push(f, &(struct after){ .seq = f->appended, .what = AFTER_CALL, .fn = fn,
					       .arg = arg });
}

static void nothing(void *arg)
{
}

void flow_forget_durable(struct flow *f, void *arg)
{
	for (uint32_t i = 0; i < f->nafter; i++) {
		struct after *a = &f->after[(f->after_head + i) % f->after_cap];

		if (a->what == AFTER_CALL && a->arg == arg)
			a->fn = nothing;
	}
}

static void tell_watchers(struct flow *f)
{
	while (f->held && f->held->row.seq <= f->durable) {
		struct held_row *h = f->held;

		f->held = h->next;
		if (!f->held)
			f->held_end = &f->held;
		for (struct flow_watch *w = f->watches, *next; w; w = next) {
			next = w->next;         /* a watcher may leave when told */
			w->fn(w->arg, &h->row, h->tenant);
		}
		free((char *)h->row.body);
		free(h->tenant);
		free(h);
	}
}

void flow_durable(void *arg, uint64_t seq)
{
	struct flow *f = *(struct flow **)arg;

	if (!f)
		return;
	f->durable = seq;
	while (f->nafter && f->after[f->after_head].seq <= seq) {
		struct after a = f->after[f->after_head];

		f->after_head = (f->after_head + 1) % f->after_cap;
		f->nafter--;
		if (a.what == AFTER_CALL)
			a.fn(a.arg);
		else if (a.what == AFTER_SEND)
			run_send(f, a.task, a.attempt);
		else
			run_settle(f, a.pool, a.task, a.attempt);
	}
	tell_watchers(f);
}

void flow_trouble(void *arg, const char *text, int64_t failing_ms)
{
	struct flow *f = *(struct flow **)arg;

	if (!f)
		return;
	if (failing_ms && !f->trouble)
		log_error("store", "cannot commit: %s; answers and actions are held", text);
	if (!failing_ms && f->trouble)
		log_info("store", "commits work again");
	f->trouble = failing_ms != 0;
	if (failing_ms > (int64_t)f->c.limits.commit_fail_s * 1000)
		f->c.fatal(f->c.fatal_arg, text);
}

void flow_store_events(struct flow **slot, struct store_events *ret)
{
	*ret = (struct store_events){ .arg = slot, .durable = flow_durable,
				      .trouble = flow_trouble };
}

/* ---- watchers ---- */

struct flow_watch *flow_watch_new(struct flow *f, flow_watch_fn fn, void *arg)
{
	struct flow_watch *w = mem_alloc(sizeof(*w));

	*w = (struct flow_watch){ f, fn, arg, f->watches };
	f->watches = w;
	return w;
}

struct flow_watch *flow_watch_free(struct flow_watch *w)
{
	if (!w)
		return NULL;
	for (struct flow_watch **p = &w->f->watches; *p; p = &(*p)->next)
		if (*p == w) {
			*p = w->next;
			break;
		}
	free(w);
	return NULL;
}

void commit_done(struct flow *f)
{
	while (f->held) {
		struct held_row *h = f->held;

		f->held = h->next;
		free((char *)h->row.body);
		free(h->tenant);
		free(h);
	}
	free(f->after);
	buf_done(&f->body);
}
