/* events.c - the journal as it grows, to those who may see it: no gap and no double
 *
 *   CATCH UP --page--> CATCH UP --all read that came meanwhile--> LIVE
 *   LIVE --the client reads too slowly--> CATCH UP
 *
 * While a stream catches up, rows that become durable are only noted (`newest`); it reads
 * until it has read that far.  Rows then wait in a queue until it is known whose they are,
 * which for old ones takes a look into the journal.  A row is told when it is durable:
 * the watch and the journal both promise that.
 */

#include "api/call.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PAGE = 256,
	UNSENT_MAX = 256 * 1024,        /* bytes not read by the client: no page more */
	QUEUE = 512,                    /* rows not sent yet; more are read from the journal later */
};

/* What is told of a row. */
struct event {
	uint64_t seq, sub, no;
	int64_t at_ms;
	enum record_kind kind;
	enum task_state state;          /* TASK_NONE: not known or not of a task */
	uint32_t attempt;
	int exit_code;
	bool has_exit, closes;
	char reason[48], name[64];      /* name: of the pool, dataset or token */
};

struct events {
	struct stream stream;           /* first */
	struct walk walk;
	struct token who;
	uint64_t sub, no;               /* this submission, this task of it; 0: all */
	bool over;                      /* the task was over when we began: only history follows */
	bool live, walking;
	uint64_t read, newest;          /* seq read from the journal; seen by the watch meanwhile */
	uint32_t head, n;
	struct event *queue;            /* QUEUE of them */
};

/* ---- rows to events ---- */

static void copy(char *out, size_t max, const char *s)
{
	snprintf(out, max, "%s", s ? s : "");
}

static enum task_state state_after(const struct api *a, const struct record *r)
{
	static const enum task_event events[] = {
		[RECORD_WAIT] = TASK_EV_WAIT, [RECORD_REFUSE] = TASK_EV_REFUSE,
		[RECORD_GIVE_UP] = TASK_EV_GIVE_UP, [RECORD_CHOOSE] = TASK_EV_CHOOSE,
		[RECORD_ACCEPT] = TASK_EV_ACCEPT, [RECORD_START] = TASK_EV_START,
		[RECORD_LOST] = TASK_EV_LOST,
	};
	const struct task *t = flow_task(a->flow, r->task);

	switch (r->kind) {
	case RECORD_SUBMIT:
	case RECORD_WAIT:
		return TASK_WAITING;
	case RECORD_END:
		return task_next(TASK_RUNNING, r->event);
	case RECORD_LOST:
		return task_next(TASK_RUNNING, events[r->kind]);
	case RECORD_CHOOSE:
	case RECORD_REFUSE:
	case RECORD_GIVE_UP:
		return task_next(TASK_WAITING, events[r->kind]);
	case RECORD_ACCEPT:
	case RECORD_START:
		return task_next(TASK_SENDING, events[r->kind]);
	case RECORD_CANCEL:
		/* Rows of an older program do not say; of those the task does, while it is known. */
		return r->at_once || (t && t->state == TASK_CANCELLED && t->ended_ms == r->at_ms) ?
		       TASK_CANCELLED : TASK_NONE;
	default:
		return TASK_NONE;
	}
}

/* Rows of the node: whatever names the thing, and never more (a token's row has its hash). */
static const char *node_name(const struct record *r)
{
	static const char *const keys[] = { "pool", "removed", "name", "user", "node" };
	const json_t *doc = r->doc;

	if (json_object_get(doc, "dataset"))
		doc = json_object_get(doc, "dataset");
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (json_is_string(json_object_get(doc, keys[i])))
			return json_string_value(json_object_get(doc, keys[i]));
	return NULL;
}

static int event_read(struct api *a, const struct store_row *row, struct event *e)
{
	struct record r = { 0 };
	struct err err = { 0 };
	struct task_spec *spec;
	int res = record_decode(row->kind, row->at_ms, row->subject, row->task, row->body,
				row->body_len, &r, &err);

	if (res)
		return -1;
	*e = (struct event){ .seq = row->seq, .sub = row->subject, .no = row->task,
			     .at_ms = row->at_ms, .kind = r.kind, .attempt = r.attempt,
			     .closes = row->closes };
	e->state = state_after(a, &r);
	e->has_exit = r.kind == RECORD_END &&
		      (r.end == RUN_END_EXIT || r.end == RUN_END_SIGNAL);
	e->exit_code = r.exit_code;
	copy(e->reason, sizeof(e->reason), r.reason);
	copy(e->name, sizeof(e->name), row->subject ? r.pool : node_name(&r));
	if (r.kind == RECORD_SUBMIT && !flow_task_by_id(a->flow, row->subject, -1) &&
	    !spec_from_journal(a, &r, &spec, &err)) {
		origin_put(a, row->subject, spec);
		task_spec_unref(spec);
	}
	record_done(&r);
	return 0;
}

static const char *name_key(const struct event *e)
{
	switch (e->kind) {
	case RECORD_TOKEN:
		return "token";
	case RECORD_TENANT:
		return "tenant";
	case RECORD_USER:
	case RECORD_PASSWORD:
	case RECORD_SESSION:
		return "user";
	case RECORD_DATASET:
		return "dataset";
	case RECORD_NODE:
		return "node";
	default:
		return "pool";
	}
}

static void event_write(const struct event *e, const struct origin *o, struct buf *b)
{
	char id[TASK_ID_TEXT_MAX], at[CLOCK_TEXT_MAX];
	bool whole = e->kind == RECORD_SUBMIT;

	buf_printf(b, "{\"seq\":%llu,\"at\":\"%s\",\"task\":", (unsigned long long)e->seq,
		   clock_format(e->at_ms, at));
	put_text(b, o ? origin_id(o, whole ? 0 : e->no, id) : NULL);
	buf_printf(b, ",\"event\":\"%s\"", record_kind_name(e->kind));
	if (whole)
		buf_printf(b, ",\"tasks\":%u", o ? o->n : 1);
	if (e->state)
		buf_printf(b, ",\"state\":\"%s\"", task_state_name(e->state));
	if (e->attempt)
		buf_printf(b, ",\"attempt\":%u", e->attempt);
	if (e->name[0]) {
		buf_printf(b, ",\"%s\":", name_key(e));
		put_text(b, e->name);
	}
	if (e->reason[0]) {
		buf_str(b, ",\"reason\":");
		put_reason(b, e->reason);
	}
	if (e->has_exit)
		buf_printf(b, ",\"exit_code\":%d", e->exit_code);
	buf_str(b, "}");
}

/* ---- a stream ---- */

static void events_free(struct stream *s)
{
	struct events *es = (struct events *)s;

	free(es->queue);
	free(es);
}

static bool wanted(const struct events *es, uint64_t sub, uint64_t no, enum record_kind kind)
{
	if (!es->sub)
		return true;
	return sub == es->sub && (!es->no || no == es->no || kind == RECORD_SUBMIT);
}

static void push(struct events *es, const struct event *e)
{
	assert(es->n < QUEUE);
	es->queue[(es->head + es->n++) % QUEUE] = *e;
}

/* Was this the last thing that can be said? */
static bool was_last(const struct events *es, const struct event *e)
{
	return es->sub && (e->closes || (es->no && e->no == es->no && e->state &&
					 task_state_final(e->state)));
}

static void tell(struct events *es, const struct event *e, const struct origin *o)
{
	struct buf b;

	if (!flow_may_see(&es->who, o ? o->tenant : ""))
		return;
	buf_init(&b, 4096);
	event_write(e, o, &b);
	stream_send(&es->stream, record_kind_name(e->kind), e->seq, b.data, b.len);
	buf_done(&b);
	if (was_last(es, e))
		stream_end(&es->stream);
}

static void pump(struct events *es);

/* ---- whose is it?  the opening row of an old submission ---- */

static int origin_row(struct walk *w, const struct store_row *row)
{
	struct event e;

	return row->kind == RECORD_SUBMIT ? event_read(w->api, row, &e) : 0;
}

static struct events *of_walk(struct walk *w)
{
	return (struct events *)((char *)w - offsetof(struct events, walk));
}

static void origin_done(struct walk *w, int r)
{
	struct events *es = of_walk(w);
	const struct event *e = &es->queue[es->head];

	es->walking = false;
	/* Pruned meanwhile, or damaged: nobody can say whose it was, so nobody is told. */
	if (es->stream.call && (r || !origin_find(w->api, e->sub))) {
		es->head = (es->head + 1) % QUEUE;
		es->n--;
	}
	if (es->stream.call)
		pump(es);
	stream_leave(&es->stream);
}

static void ask_origin(struct events *es, uint64_t sub)
{
	es->walking = true;
	stream_enter(&es->stream);
	es->walk.row = origin_row;
	es->walk.done = origin_done;
	walk_page(&es->walk, es->stream.api, sub, 0, 0, 1);
}

/* ---- catching up ---- */

static int page_row(struct walk *w, const struct store_row *row)
{
	struct events *es = of_walk(w);
	struct event e;

	if (!es->stream.call)
		return 1;
	es->read = row->seq;
	if (!wanted(es, row->subject, row->task, row->kind))
		return 0;
	if (event_read(w->api, row, &e))
		return 0;       /* damaged; replay will complain, a watcher cannot help it */
	push(es, &e);
	return 0;
}

static void page_done(struct walk *w, int r)
{
	struct events *es = of_walk(w);

	es->walking = false;
	if (r)
		stream_end(&es->stream);
	/* A short page is the end, unless more became durable while we read. */
	else if (!walk_more(w) && es->newest <= es->read)
		es->live = true;
	if (es->stream.call)
		pump(es);
	stream_leave(&es->stream);
}

static void next_page(struct events *es)
{
	es->walking = true;
	stream_enter(&es->stream);
	es->walk.row = page_row;
	es->walk.done = page_done;
	walk_page(&es->walk, es->stream.api, es->sub ? es->sub : UINT64_MAX, es->no, es->read,
		  PAGE);
}

/* Tell what is queued as far as it is known whose it is; then read on. */
static void pump(struct events *es)
{
	stream_enter(&es->stream);
	while (es->n && es->stream.call && !es->walking) {
		const struct event *e = &es->queue[es->head];
		const struct origin *o = e->sub ? origin_find(es->stream.api, e->sub) : NULL;

		if (e->sub && !o) {
			ask_origin(es, e->sub);
			break;
		}
		tell(es, e, o);
		es->head = (es->head + 1) % QUEUE;
		es->n--;
	}
	if (es->stream.call && !es->walking && !es->live) {
		/* Else the tick comes back to it, when the client has read some. */
		if (stream_unsent(&es->stream) < UNSENT_MAX)
			next_page(es);
	} else if (es->stream.call && !es->n && es->live && es->over) {
		stream_end(&es->stream);
	}
	stream_leave(&es->stream);
}

static bool events_step(struct stream *s)
{
	struct events *es = (struct events *)s;

	if (es->live || es->walking)
		return false;
	pump(es);
	return es->stream.call && !es->live;
}

/* ---- live ---- */

static void live_row(struct events *es, const struct store_row *row, const struct event *e)
{
	if (!wanted(es, row->subject, row->task, row->kind))
		return;
	if (row->seq <= es->read)
		return;
	/* A client that is behind gets it from the journal, when it has read some. */
	if (es->live && (es->n == QUEUE || stream_unsent(&es->stream) > UNSENT_MAX))
		es->live = false;
	if (!es->live) {
		es->newest = row->seq;
		return;
	}
	es->read = row->seq;
	stream_enter(&es->stream);
	push(es, e);
	if (es->stream.call && !es->walking)
		pump(es);
	stream_leave(&es->stream);
}

static void on_row(void *arg, const struct store_row *row, const char *tenant)
{
	struct api *a = arg;
	struct event e;

	if (event_read(a, row, &e))
		return;
	for (struct stream *s = a->streams, *next; s; s = next) {
		next = s->next;
		if (s->wants_rows)
			live_row((struct events *)s, row, &e);
	}
}

void events_watch(struct api *a, int change)
{
	a->nwatchers += (unsigned)change;
	if (a->nwatchers && !a->watch)
		a->watch = flow_watch_new(a->flow, on_row, a);
	if (!a->nwatchers)
		a->watch = flow_watch_free(a->watch);
}

/* ---- requests ---- */

/* ?after= or Last-Event-ID: 0, or 1 and answered.  *ret stays when there is neither. */
static int resume_from(struct api_call *c, int64_t *ret)
{
	const char *last = http_header(c->req, "last-event-id");
	struct flow_counts counts;

	if (query_i64(c, "after", 0, INT64_MAX, ret))
		return 1;
	if (last && !query_str(c, "after") && text_i64(last, 0, INT64_MAX, ret)) {
		reply_no(c, NO_BAD_REQUEST, "Last-Event-ID", "must be the id of an event", NULL);
		return 1;
	}
	flow_counts(c->api->flow, &counts);
	if (*ret <= (int64_t)counts.appended_seq)
		return 0;
	reply_no(c, NO_BAD_REQUEST, "after", "no event has had this id yet",
		 "it is from another node, or this node's journal was replaced");
	return 1;
}

static void begin(struct api_call *c)
{
	struct events *es = c->arg;
	struct flow_counts counts;

	if (es->read == UINT64_MAX) {
		/* From now on: what is durable at this moment is the past. */
		flow_counts(c->api->flow, &counts);
		es->read = counts.durable_seq;
		es->live = true;
	}
	events_watch(c->api, -1);
	stream_open(c, &es->stream);
	pump(es);
}

static void gone_early(void *arg)
{
	struct events *es = arg;

	events_watch(es->stream.api, -1);
	events_free(&es->stream);
}

static void events_start(struct api_call *c, struct events *es)
{
	es->stream.api = c->api;
	es->stream.free = events_free;
	es->stream.step = events_step;
	es->stream.wants_rows = true;
	es->who = c->who;
	es->queue = mem_array(QUEUE, sizeof(*es->queue));
	/* Watch first, then wait until all that came before is durable: what comes from here
	 * on is either read from the journal or told by the watch. */
	events_watch(c->api, 1);
	c->gone = gone_early;
	c->arg = es;
	call_hold(c, begin);
}

void api_events(struct api_call *c)
{
	int64_t after = -1;
	struct events *es;

	if (resume_from(c, &after) || stream_room(c))
		return;
	es = mem_alloc(sizeof(*es));
	es->read = after < 0 ? UINT64_MAX : (uint64_t)after;
	events_start(c, es);
}

static void of_task(struct api_call *c, const struct found *found)
{
	const struct task *t = found->task;
	uint32_t by_state[TASK_STATE_COUNT];
	uint32_t n = flow_sub_states(c->api->flow, t->sub, by_state);
	bool element = strchr(c->param, '_') != NULL;
	int64_t after = 0;
	struct events *es;

	if (resume_from(c, &after) || stream_room(c))
		return;
	for (unsigned s = 0; s < TASK_STATE_COUNT; s++)
		n -= n && task_state_final(s) ? by_state[s] : 0;
	es = mem_alloc(sizeof(*es));
	es->sub = t->sub;
	es->no = element ? t->no : 0;
	es->read = (uint64_t)after;
	es->over = found->past || (element ? task_state_final(t->state) : n == 0);
	events_start(c, es);
}

void api_task_events(struct api_call *c)
{
	find_task(c, false, of_task);
}
