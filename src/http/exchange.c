/* exchange.c - what one request needs, kept in a pool between requests */

#include "http/conn.h"

#include "base/mem.h"

#include <stdlib.h>

struct exchange *exchange_get(struct http_server *s, struct http_conn *c)
{
	struct exchange *x = s->pool;

	if (x) {
		s->pool = x->next;
		s->npool--;
	} else {
		x = mem_alloc(sizeof(*x));
		arena_init(&x->req.arena);
		buf_init(&x->extra, HTTP_EXTRA_MAX);
		buf_init(&x->ahead, HTTP_READ_MAX);
		x->parse = http_parse_new(&s->limits);
	}
	x->req.conn = c;
	x->req.user = NULL;
	x->headed = x->in_head = x->answered = x->unread = x->keep = false;
	x->stream = x->chunked = x->mute = false;
	http_parse_begin(x->parse, &x->req);
	return x;
}

struct exchange *exchange_free(struct exchange *x)
{
	if (x) {
		arena_done(&x->req.arena);
		buf_done(&x->extra);
		buf_done(&x->ahead);
		buf_done(&x->body);
		http_parse_free(x->parse);
		free(x);
	}
	return NULL;
}

void exchange_put(struct http_server *s, struct exchange *x)
{
	if (!x)
		return;
	if (s->npool == HTTP_POOL_MAX) {
		exchange_free(x);
		return;
	}
	arena_reset(&x->req.arena);
	buf_reset(&x->extra);
	buf_done(&x->body);
	if (x->ahead.cap) {
		buf_done(&x->ahead);
		buf_init(&x->ahead, HTTP_READ_MAX);
	}
	http_parse_trim(x->parse);
	x->next = s->pool;
	s->pool = x;
	s->npool++;
}
