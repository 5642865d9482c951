/* logs.c - what a run wrote: a piece of it, or followed until the task is over */

#include "api/call.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
	PIECE_MAX = 1 << 20,
	PIECE_DEFAULT = 256 << 10,
	CHUNK = 64 << 10,               /* of one event */
	UNSENT_MAX = 256 << 10,         /* a client behind by more is not read for */
};

struct want {
	int stream;                     /* 1, 2; 0: both (follow only) */
	int64_t attempt, offset, limit;
	bool follow;
};

static const char *const stream_names[] = { "", "stdout", "stderr" };

static int read_stream(struct api_call *c, struct want *w)
{
	const char *s = query_str(c, "stream");

	w->stream = w->follow ? 0 : 1;
	if (!s)
		return 0;
	for (int i = 1; i <= 2; i++) {
		if (!strcmp(s, stream_names[i])) {
			w->stream = i;
			return 0;
		}
	}
	reply_no(c, NO_BAD_REQUEST, "stream", "must be stdout or stderr", NULL);
	return 1;
}

static int read_want(struct api_call *c, struct want *w)
{
	*w = (struct want){ .limit = PIECE_DEFAULT };
	if (query_flag(c, "follow", &w->follow) || read_stream(c, w) ||
	    query_i64(c, "attempt", 1, INT32_MAX, &w->attempt) ||
	    query_i64(c, "offset", 0, INT64_MAX, &w->offset) ||
	    query_i64(c, "limit", 1, PIECE_MAX, &w->limit))
		return 1;
	if (w->follow && w->offset && !w->stream) {
		reply_no(c, NO_BAD_REQUEST, "offset", "needs stream=stdout or stream=stderr",
			 NULL);
		return 1;
	}
	return 0;
}

/* ---- a piece ---- */

static void set_number(struct api_call *c, const char *name, uint64_t v)
{
	http_reply_header(c->req, name, arena_printf(&c->req->arena, "%llu",
						     (unsigned long long)v));
}

static void piece(struct api_call *c, const struct task *t, const struct want *w)
{
	struct err err = { 0 };
	uint64_t size = 0;
	struct buf *b;
	int r = 0;

	b = reply_begin(c, 200);
	c->type = "text/plain; charset=utf-8";
	b->max = (size_t)w->limit;
	if (t->attempt || w->attempt)
		r = flow_log(c->api->flow, t, (uint32_t)w->attempt, w->stream,
			     (uint64_t)w->offset, b, &size, &err);
	/* Nothing was written yet: an empty log, so that a client can begin to poll. */
	if (r == FLOW_E_NOT_FOUND && !w->attempt)
		r = 0;
	if (r) {
		reply_err(c, r, &err);
		return;
	}
	b->full = false;
	set_number(c, "X-Log-Offset", (uint64_t)w->offset + b->len);
	set_number(c, "X-Log-Size", size);
	reply_send(c);
}

/* ---- follow ---- */

struct follow {
	struct stream stream;           /* first */
	uint64_t no;
	struct task past;               /* when flow has forgotten it; its spec is referenced */
	bool is_past;
	uint32_t attempt;               /* the one that is read now; 0: none yet */
	bool only;                      /* the client named it */
	int which;                      /* 0: both */
	uint64_t offset[3];
	enum { READING, ENDING, ENDED } end;
};

static void follow_free(struct stream *s)
{
	struct follow *fo = (struct follow *)s;

	task_spec_unref(fo->past.spec);
	free(fo);
}

/* Bytes at the end that are the beginning of a UTF-8 sequence: they wait for the rest. */
static size_t cut_tail(const char *p, size_t n)
{
	for (size_t k = 1; k <= 3 && k <= n; k++) {
		unsigned char ch = (unsigned char)p[n - k];

		if (ch < 0x80)
			return 0;
		if (ch >= 0xc0)
			return (ch >= 0xf0 ? 4u : ch >= 0xe0 ? 3u : 2u) > k ? k : 0;
	}
	return 0;
}

static void send_log(struct follow *fo, int which, const char *p, size_t n)
{
	struct buf b;

	buf_init(&b, 6 * n + 256);
	buf_printf(&b, "{\"stream\":\"%s\",\"attempt\":%u,\"offset\":%llu,\"text\":",
		   stream_names[which], fo->attempt, (unsigned long long)fo->offset[which]);
	json_put_str(&b, p, n);
	buf_str(&b, "}");
	stream_send(&fo->stream, "log", 0, b.data, b.len);
	buf_done(&b);
}

/* One chunk of one stream; `last`: nothing will be added any more.  True: there may be more. */
static bool step_one(struct follow *fo, const struct task *t, int which, bool last)
{
	_cleanup_(buf_done) struct buf b = { 0 };
	struct err err = { 0 };
	uint64_t size = 0;
	size_t n;

	buf_init(&b, CHUNK);
	if (flow_log(fo->stream.api->flow, t, fo->attempt, which, fo->offset[which], &b, &size,
		     &err) || !b.len)
		return false;
	n = b.len;
	if (!last || fo->offset[which] + n < size)
		n -= cut_tail(b.data, n);
	if (!n)
		return false;
	send_log(fo, which, b.data, n);
	fo->offset[which] += n;
	return fo->offset[which] < size;
}

static const struct task *task_of(const struct follow *fo)
{
	const struct task *t = flow_task(fo->stream.api->flow, fo->no);

	return t ? t : fo->is_past ? &fo->past : NULL;
}

/* Is the run that is read now over, as far as memory says? */
static bool run_over(const struct follow *fo, const struct task *t)
{
	return t->attempt > fo->attempt || !task_state_on_pool(t->state);
}

static void say_end(void *arg)
{
	struct follow *fo = arg;
	const struct task *t = task_of(fo);
	_cleanup_(buf_done) struct buf b = { 0 };

	buf_init(&b, 4096);
	buf_str(&b, "{\"state\":");
	put_text(&b, t ? task_state_name(t->state) : NULL);
	if (t && (t->end == RUN_END_EXIT || t->end == RUN_END_SIGNAL))
		buf_printf(&b, ",\"exit_code\":%d}", t->exit_code);
	else
		buf_str(&b, ",\"exit_code\":null}");
	fo->end = ENDED;
	stream_send(&fo->stream, "end", 0, b.data, b.len);
	stream_end(&fo->stream);
}

/* All of this run was sent: go to the next one, or end. */
static void run_sent(struct follow *fo, const struct task *t)
{
	if (!fo->only && t->attempt > fo->attempt) {
		fo->attempt++;
		fo->offset[1] = fo->offset[2] = 0;
	} else if (fo->only || task_state_final(t->state)) {
		/* The state that `end` tells must be durable. */
		fo->end = ENDING;
		flow_when_durable(fo->stream.api->flow, say_end, fo);
	}
}

static bool follow_step(struct stream *s)
{
	struct follow *fo = (struct follow *)s;
	const struct task *t = task_of(fo);
	bool more = false, over;

	if (fo->end != READING || stream_unsent(s) > UNSENT_MAX)
		return false;
	if (!t) {
		/* Forgotten between two ticks: its end is durable long since. */
		say_end(fo);
		return false;
	}
	if (!fo->attempt && t->attempt)
		fo->attempt = 1;
	/* Asked before reading: what was written until now is then all there is. */
	over = run_over(fo, t);
	for (int i = 1; i <= 2; i++)
		if (fo->attempt && (!fo->which || fo->which == i))
			more |= step_one(fo, t, i, over);
	if (!more && over)
		run_sent(fo, t);
	return more;
}

static void follow_begin(struct api_call *c)
{
	struct follow *fo = c->arg;

	stream_open(c, &fo->stream);
}

static void gone_early(void *arg)
{
	follow_free(arg);
}

static void follow(struct api_call *c, const struct found *found, const struct want *w)
{
	struct follow *fo;

	if (stream_room(c))
		return;
	fo = mem_alloc(sizeof(*fo));
	fo->no = found->task->no;
	fo->is_past = found->past;
	fo->attempt = w->attempt ? (uint32_t)w->attempt : found->task->attempt;
	fo->only = w->attempt != 0;
	fo->which = w->stream;
	if (w->stream)
		fo->offset[w->stream] = (uint64_t)w->offset;
	if (found->past) {
		fo->past = *found->task;
		task_spec_ref(fo->past.spec);
	}
	fo->stream.step = follow_step;
	fo->stream.free = follow_free;
	c->gone = gone_early;
	c->arg = fo;
	call_hold(c, follow_begin);
}

static void logs(struct api_call *c, const struct found *found)
{
	struct want w;

	if (read_want(c, &w))
		return;
	if (w.attempt > found->task->attempt)
		reply_no(c, NO_NOT_FOUND, "attempt", "the task has had no such run", NULL);
	else if (w.follow)
		follow(c, found, &w);
	else
		piece(c, found->task, &w);
}

void api_task_logs(struct api_call *c)
{
	find_task(c, false, logs);
}
