/* stream.c - server-sent events: who has one open, the tick, and their end
 *
 * One timer serves all streams.  It runs while there are any: each 250 ms it lets them
 * step (logs), pings the silent ones, and ends those whose caller may do less than when they
 * were opened, or no more.
 */

#include "api/call.h"

#include "loop/timer.h"

#include <stdio.h>
#include <string.h>
#include <utlist.h>

enum {
	TICK_MS = 250,
	HASTE_MS = 10,                  /* a stream has more to send at once */
	PING_MS = 15000,                /* below the idle limits of common proxies */
};

int stream_room(struct api_call *c)
{
	struct api *a = c->api;
	unsigned mine = 0;

	for (struct stream *s = a->streams; s; s = s->next)
		mine += s->who.id == c->who.id;
	if (!a->stopping && a->nstreams < API_STREAMS_MAX && mine < API_TOKEN_STREAMS_MAX)
		return 0;
	if (a->stopping || a->nstreams >= API_STREAMS_MAX)
		reply_no(c, NO_UNAVAILABLE, NULL, a->stopping ? "the node is stopping" :
			 "too many streams are open on this node", NULL);
	else
		reply_no(c, NO_TOO_MANY, NULL, "too many streams are open with this token", NULL);
	return 1;
}

/* The client is gone, or we ended it: nothing is sent any more. */
static void stream_close(struct stream *s)
{
	struct api *a = s->api;

	s->call = NULL;
	DL_DELETE(a->streams, s);
	a->nstreams--;
	if (s->wants_rows)
		events_watch(a, -1);
}

static void on_gone(void *arg)
{
	struct stream *s = arg;

	flow_forget_durable(s->api->flow, s);
	stream_enter(s);
	stream_close(s);
	stream_leave(s);
}

void stream_leave(struct stream *s)
{
	if (!--s->busy && !s->call)
		s->free(s);
}

void stream_end(struct stream *s)
{
	struct api_call *c = s->call;

	if (!c)
		return;
	flow_forget_durable(s->api->flow, s);
	stream_enter(s);
	stream_close(s);
	c->gone = NULL;
	call_done(c);
	http_stream_end(c->req);
	stream_leave(s);
}

void streams_end(struct api *a)
{
	while (a->streams)
		stream_end(a->streams);
}

static void stream_write(struct stream *s, const char *p, size_t n)
{
	/* A client that is too slow is dropped: on_gone() follows on a later turn. */
	if (s->call)
		http_stream_write(s->call->req, p, n);
	s->ping_at = uv_now(s->api->loop) + PING_MS;
}

void stream_send(struct stream *s, const char *event, uint64_t id, const char *data, size_t n)
{
	struct buf b;

	buf_init(&b, n + 128);
	buf_printf(&b, "event: %s\n", event);
	if (id)
		buf_printf(&b, "id: %llu\n", (unsigned long long)id);
	buf_str(&b, "data: ");
	buf_add(&b, data, n);
	buf_str(&b, "\n\n");
	stream_write(s, b.data, b.len);
	buf_done(&b);
}

size_t stream_unsent(const struct stream *s)
{
	return s->call ? http_stream_unsent(s->call->req) : 0;
}

/* What its caller may do has changed, or its time is over: it asks anew, and is told. */
static bool over(const struct stream *s)
{
	const struct flow *f = s->api->flow;

	if (!s->who.expires_ms && s->api->identities == flow_identity_version(f))
		return false;
	return !flow_token_holds(f, &s->who);
}

static bool stream_tick(struct stream *s)
{
	bool more = false;

	stream_enter(s);
	if (over(s))
		stream_end(s);
	else if (uv_now(s->api->loop) >= s->ping_at)
		stream_write(s, ": ping\n\n", 8);
	if (s->step && s->call)
		more = s->step(s);
	stream_leave(s);
	return more;
}

static void on_tick(void *arg)
{
	struct api *a = arg;
	struct stream *s, *next;
	bool more = false;

	DL_FOREACH_SAFE(a->streams, s, next)
		more |= stream_tick(s);
	a->identities = flow_identity_version(a->flow);
	if (a->streams)
		timer_start(a->tick, more ? HASTE_MS : TICK_MS, 0);
}

void stream_open(struct api_call *c, struct stream *s)
{
	struct api *a = c->api;

	s->api = a;
	s->call = c;
	s->who = c->who;
	s->ping_at = uv_now(a->loop) + PING_MS;
	c->gone = on_gone;
	c->arg = s;
	/* Who may do what can have changed since its head was read: the next tick looks. */
	a->identities = 0;
	DL_APPEND(a->streams, s);
	a->nstreams++;
	if (s->wants_rows)
		events_watch(a, 1);
	if (!a->tick)
		a->tick = timer_new(a->loop, on_tick, a);
	if (a->nstreams == 1)
		timer_start(a->tick, HASTE_MS, 0);
	http_reply_header(c->req, "Cache-Control", "no-store");
	http_reply_header(c->req, "X-Accel-Buffering", "no");
	http_stream_begin(c->req, 200, "text/event-stream; charset=utf-8");
}
