/* conn.c - a connection's way through its phases */

#include "http/conn.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <utlist.h>

struct out {
	uv_write_t uv;
	size_t n;
	char data[];
};

void conn_enter(struct http_conn *c, enum conn_phase phase)
{
	struct http_server *s = c->server;

	if (c->phase)
		DL_DELETE(s->phase[c->phase], c);
	c->phase = phase;
	DL_APPEND(s->phase[phase], c);
	c->deadline = s->wait_ms[phase] ? uv_now(s->loop) + s->wait_ms[phase] : 0;
	if (phase == CONN_WRITE)
		c->mark = uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp);
	if (phase == CONN_LINGER)
		c->mark = 0;
}

/* ---- TLS, what it says ---- */

/* What TLS has to say of itself; ours, so it is not counted as an answer's bytes. */
static void on_said(uv_write_t *w, int status)
{
	free(w);
}

static void tls_flush(struct http_conn *c)
{
	char *data;
	size_t n = tls_give(c->tls, &data);
	uv_buf_t b = uv_buf_init(data, (unsigned)n);
	struct out *o;
	int r;

	if (!n)
		return;
	r = uv_try_write((uv_stream_t *)&c->tcp, &b, 1);
	if (r >= 0 && (size_t)r < n) {
		n -= (size_t)r;
		o = mem_grow(NULL, sizeof(*o) + n, 1);
		memcpy(o->data, data + r, n);
		b = uv_buf_init(o->data, (unsigned)n);
		if (uv_write(&o->uv, (uv_stream_t *)&c->tcp, &b, 1, on_said))
			free(o);
	}
	tls_given(c->tls);
}

static void tls_end(struct http_conn *c)
{
	if (!c->tls || c->phase == CONN_HELLO)
		return;
	tls_bye(c->tls);
	tls_flush(c);
}

/* ---- the end ---- */

static void on_closed(uv_handle_t *h)
{
	struct http_conn *c = h->data;
	struct http_server *s = c->server;
	struct exchange *x = c->x;

	if (x && x->headed && !x->answered && s->handler.gone)
		s->handler.gone(s->handler.arg, &x->req);
	exchange_put(s, x);
	tls_conn_free(c->tls);
	DL_DELETE(s->phase[c->phase], c);
	if (c->overflow)
		s->noverflow--;
	else
		s->nconns--;
	free(c);
	server_conn_gone(s);
}

void conn_close(struct http_conn *c)
{
	if (c->phase == CONN_CLOSING)
		return;
	tls_end(c);
	if (c->phase == CONN_HELLO)
		c->server->nhello--;
	conn_enter(c, CONN_CLOSING);
	uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void shut_our_side(struct http_conn *c)
{
	uv_os_fd_t fd;

	tls_end(c);
	if (!uv_fileno((uv_handle_t *)&c->tcp, &fd))
		shutdown(fd, SHUT_WR);
}

/* ---- reading ---- */

static void on_alloc(uv_handle_t *h, size_t want, uv_buf_t *ret)
{
	struct http_conn *c = h->data;
	size_t n = HTTP_READ_MAX;

	/* Of TLS a record may come to its end that began before: up to 16 KiB more. */
	if (c->phase == CONN_IDLE || c->phase == CONN_HEAD || c->server->tls)
		n = HTTP_AHEAD_MAX;
	else if (c->x && c->phase != CONN_BODY && c->x->ahead.len < HTTP_AHEAD_MAX)
		n = HTTP_AHEAD_MAX - c->x->ahead.len;
	*ret = uv_buf_init(c->server->rbuf, (unsigned)n);
}

/* A request is under way: its successor's bytes wait here, and beyond a bound in
 * the socket.  Until then reading goes on, because that is how a client that left
 * is noticed. */
static void keep_ahead(struct http_conn *c, const char *data, size_t n)
{
	if (c->phase == CONN_LINGER) {
		c->mark += n;
		if (c->mark > HTTP_LINGER_BYTES)
			conn_close(c);
		return;
	}
	if (c->phase == CONN_CLOSING || !n)
		return;
	buf_add(&c->x->ahead, data, n);
	if (c->x->ahead.len >= HTTP_AHEAD_MAX && !c->paused) {
		c->paused = true;
		uv_read_stop((uv_stream_t *)&c->tcp);
	}
}

static void head_in(struct http_conn *c, bool body_here)
{
	struct http_server *s = c->server;
	struct exchange *x = c->x;
	size_t body_max = 0;
	bool agreed;

	x->in_head = true;
	agreed = s->handler.head(s->handler.arg, &x->req, &body_max);
	x->in_head = false;
	if (agreed) {
		assert(!x->answered);
		x->headed = true;
		http_parse_body_max(x->parse, body_max);
		conn_enter(c, CONN_BODY);
		if (x->req.has_body && !body_here && http_parse_expect_continue(x->parse))
			reply_continue(c);
		return;
	}
	assert(x->answered);
	if (c->phase == CONN_HEAD)
		conn_finish(c);
}

/* One move of the parser.  True: call again. */
static bool step(struct http_conn *c, const char *data, size_t n, size_t *ret_eaten)
{
	struct http_server *s = c->server;
	enum http_parse_state st;

	*ret_eaten = 0;
	if (c->phase == CONN_IDLE) {
		if (!n)
			return false;
		c->x = exchange_get(s, c);
		conn_enter(c, CONN_HEAD);
	}
	st = http_parse_feed(c->x->parse, data, n, ret_eaten);
	if (st == HTTP_PARSE_BODY && c->phase == CONN_HEAD) {
		head_in(c, n > *ret_eaten);
		return true;
	}
	if (st == HTTP_PARSE_DONE) {
		conn_enter(c, CONN_WORK);
		s->handler.request(s->handler.arg, &c->x->req);
		return true;
	}
	if (st == HTTP_PARSE_BAD)
		reply_refuse(c, http_parse_status(c->x->parse), http_parse_why(c->x->parse));
	return false;
}

static bool parsing(const struct http_conn *c)
{
	return c->phase == CONN_IDLE || c->phase == CONN_HEAD || c->phase == CONN_BODY;
}

static void feed(struct http_conn *c, const char *data, size_t n)
{
	size_t at = 0, eaten;
	bool more = true;

	while (more && parsing(c)) {
		more = step(c, data + at, n - at, &eaten);
		at += eaten;
	}
	if (at < n)
		keep_ahead(c, data + at, n - at);
}

/* ---- TLS ---- */

static void hello(struct http_conn *c)
{
	int r = tls_shake(c->tls);

	tls_flush(c);           /* an alert, too */
	if (r < 0) {
		conn_close(c);
	} else if (r > 0) {
		c->server->nhello--;
		conn_enter(c, CONN_IDLE);
	}
}

/* The oldest handshake makes room: it has had the longest time, and whoever keeps many half open
 * loses them before somebody who goes on with his. */
static void begin_hello(struct http_conn *c)
{
	struct http_server *s = c->server;
	struct http_conn *oldest = s->phase[CONN_HELLO];

	if (s->nhello >= HTTP_HELLO_MAX) {
		conn_close(oldest);
		/* Now: thousands may begin before the loop turns. */
		oldest->tls = tls_conn_free(oldest->tls);
	}
	c->tls = tls_conn_new(s->tls);
	s->nhello++;
	conn_enter(c, CONN_HELLO);
}

static void feed_tls(struct http_conn *c, const char *data, size_t n)
{
	struct http_server *s = c->server;
	int r = 1;

	if (c->phase == CONN_LINGER) {
		keep_ahead(c, data, n);
		return;
	}
	if (c->phase == CONN_KNOCK)
		begin_hello(c);
	if (tls_take(c->tls, data, n)) {
		conn_close(c);
		return;
	}
	if (c->phase == CONN_HELLO)
		hello(c);
	while (r > 0 && c->phase != CONN_HELLO && c->phase != CONN_CLOSING) {
		r = tls_read(c->tls, s->plain, sizeof(s->plain));
		if (r > 0 && c->phase == CONN_LINGER)
			keep_ahead(c, s->plain, (size_t)r);
		else if (r > 0)
			feed(c, s->plain, (size_t)r);
	}
	if (c->phase != CONN_CLOSING)
		tls_flush(c);   /* keys that change */
	if (r < 0)
		conn_close(c);
}

/* A client that writes head and body apart sends the second when the first is acknowledged (Nagle),
 * which the kernel would put off for 40 ms. */
static void ack_now(struct http_conn *c)
{
	const int on = 1;
	uv_os_fd_t fd;

	if (!uv_fileno((uv_handle_t *)&c->tcp, &fd))
		setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

static void on_bytes(struct http_conn *c, const char *data, size_t n)
{
	if (c->server->tls)
		feed_tls(c, data, n);
	else
		feed(c, data, n);
	if (c->phase == CONN_BODY)
		ack_now(c);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
	struct http_conn *c = stream->data;

	if (n > 0) {
		on_bytes(c, b->base, (size_t)n);
	} else if (n == UV_EOF && c->phase == CONN_WRITE && c->x->answered) {
		/* It asked all it wanted and reads on: let it have the rest. */
		c->x->keep = false;
		uv_read_stop(stream);
	} else if (n < 0) {
		conn_close(c);
	}
}

static void resume(struct http_conn *c)
{
	if (c->paused) {
		c->paused = false;
		uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
	}
}

/* ---- writing ---- */

static void on_written(uv_write_t *w, int status)
{
	struct out *o = (struct out *)w;
	struct http_conn *c = w->handle->data;

	c->unsent -= o->n;
	free(o);
	if (c->phase == CONN_CLOSING)
		return;
	if (status < 0)
		conn_close(c);
	else if (c->unsent)
		conn_enter(c, c->phase);        /* progress: the deadline moves */
	else if (c->phase == CONN_LINGER)
		shut_our_side(c);
	else if (c->x->sent < c->x->body.len)
		conn_send_piece(c);
	else if (c->x->answered)
		conn_finish(c);
	else
		conn_enter(c, CONN_WORK);
}

/* Copy what is left of the buffers after `skip` bytes and queue it. */
static int send_rest(struct http_conn *c, const uv_buf_t *bufs, unsigned n, size_t skip,
		     size_t rest)
{
	struct out *o = mem_grow(NULL, sizeof(*o) + rest, 1);
	char *to = o->data;
	uv_buf_t b = uv_buf_init(o->data, (unsigned)rest);
	int r;

	o->n = rest;
	for (unsigned i = 0; i < n; i++) {
		size_t cut = skip < bufs[i].len ? skip : bufs[i].len;

		memcpy(to, bufs[i].base + cut, bufs[i].len - cut);
		to += bufs[i].len - cut;
		skip -= cut;
	}
	r = uv_write(&o->uv, (uv_stream_t *)&c->tcp, &b, 1, on_written);
	if (r < 0) {
		free(o);
		conn_close(c);
		return r;
	}
	c->unsent += rest;
	/* Already waiting: only progress moves the deadline, not more of our bytes. */
	if (c->phase != CONN_LINGER && c->phase != CONN_WRITE)
		conn_enter(c, CONN_WRITE);
	return 1;
}

static int send_plain(struct http_conn *c, const uv_buf_t *bufs, unsigned n)
{
	size_t total = 0;
	int r = 0;

	for (unsigned i = 0; i < n; i++)
		total += bufs[i].len;
	if (!c->unsent)
		r = uv_try_write((uv_stream_t *)&c->tcp, bufs, n);
	if (r == UV_EAGAIN)
		r = 0;
	if (r < 0) {
		conn_close(c);
		return r;
	}
	if ((size_t)r == total)
		return 0;
	return send_rest(c, bufs, n, (size_t)r, total - (size_t)r);
}

int conn_send(struct http_conn *c, const uv_buf_t *bufs, unsigned n)
{
	uv_buf_t b;
	char *data;
	int r = 0;

	if (!c->tls)
		return send_plain(c, bufs, n);
	for (unsigned i = 0; !r && i < n; i++)
		r = tls_write(c->tls, bufs[i].base, bufs[i].len);
	if (r < 0) {
		conn_close(c);
		return r;
	}
	b.len = tls_give(c->tls, &data);
	b.base = data;
	r = send_plain(c, &b, 1);
	tls_given(c->tls);
	return r;
}

/* Always queued, even if the kernel would take it now: on_written() comes in a later turn. */
int conn_send_piece(struct http_conn *c)
{
	struct exchange *x = c->x;
	size_t left = x->body.len - x->sent, n = left < HTTP_PIECE ? left : HTTP_PIECE;
	uv_buf_t b = uv_buf_init(x->body.data + x->sent, (unsigned)n);
	char *data;
	int r;

	x->sent += n;
	if (!c->tls)
		return send_rest(c, &b, 1, 0, n);
	if (tls_write(c->tls, b.base, n)) {
		conn_close(c);
		return -EPROTO;
	}
	b.len = tls_give(c->tls, &data);
	b.base = data;
	r = send_rest(c, &b, 1, 0, b.len);
	tls_given(c->tls);
	return r;
}

bool conn_push(struct http_conn *c, const char *p, size_t n)
{
	uv_buf_t b = uv_buf_init((char *)p, (unsigned)n);

	if (!c->tls)
		return uv_try_write((uv_stream_t *)&c->tcp, &b, 1) == (int)n;
	if (tls_write(c->tls, p, n))
		return false;
	tls_flush(c);
	return true;
}

/* ---- between requests ---- */

static void linger(struct http_conn *c)
{
	struct exchange *x = c->x;

	conn_enter(c, CONN_LINGER);
	c->x = NULL;
	exchange_put(c->server, x);
	if (!c->unsent)
		shut_our_side(c);
	resume(c);
}

void conn_finish(struct http_conn *c)
{
	struct http_server *s = c->server;

	if (!c->x->keep || s->stopping) {
		/* Closing with unread bytes would reset the connection, and the client
		 * might lose the answer. */
		if (c->x->unread || c->x->ahead.len)
			linger(c);
		else
			conn_close(c);
		return;
	}
	if (c->x->ahead.len) {
		/* Not fed here: the handler may stand below us on the stack. */
		conn_enter(c, CONN_READY);
		timer_start(s->ready, 0, 0);
		return;
	}
	exchange_put(s, c->x);
	c->x = NULL;
	conn_enter(c, CONN_IDLE);
	resume(c);
}

static void feed_ahead(struct http_conn *c)
{
	struct buf ahead = c->x->ahead;

	buf_init(&c->x->ahead, HTTP_READ_MAX);
	exchange_put(c->server, c->x);
	c->x = NULL;
	conn_enter(c, CONN_IDLE);
	feed(c, ahead.data, ahead.len);
	buf_done(&ahead);
	if (c->phase != CONN_CLOSING && (!c->x || c->x->ahead.len < HTTP_AHEAD_MAX))
		resume(c);
}

void conn_ready(struct http_server *s)
{
	/* Those that become ready meanwhile start the timer again and have their turn
	 * in the next round of the loop. */
	struct http_conn *batch = s->phase[CONN_READY], *last = batch ? batch->prev : NULL;

	while (batch) {
		bool end = batch == last;

		feed_ahead(batch);
		batch = end ? NULL : s->phase[CONN_READY];
	}
}

void conn_late(struct http_conn *c)
{
	size_t queued;

	switch (c->phase) {
	case CONN_HEAD:
		reply_refuse(c, 408, "the head did not arrive in time");
		break;
	case CONN_BODY:
		reply_refuse(c, 408, "the body did not arrive in time");
		break;
	case CONN_WRITE:
		/* One large write has no progress of its own to report: compare. */
		queued = uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp);
		if (queued < c->mark) {
			conn_enter(c, CONN_WRITE);
			break;
		}
		conn_close(c);
		break;
	default:
		conn_close(c);
	}
}

/* ---- the beginning ---- */

static void on_refused_closed(uv_handle_t *h)
{
	free(h->data);
}

static void read_peer(struct http_conn *c)
{
	struct sockaddr_storage at;
	char host[46] = "";
	int n = sizeof(at);
	bool v6;

	if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&at, &n))
		return;
	v6 = at.ss_family == AF_INET6;
	if (v6)
		uv_ip6_name((struct sockaddr_in6 *)&at, host, sizeof(host));
	else
		uv_ip4_name((struct sockaddr_in *)&at, host, sizeof(host));
	snprintf(c->peer, sizeof(c->peer), v6 ? "[%s]:%u" : "%s:%u", host,
		 ntohs(v6 ? ((struct sockaddr_in6 *)&at)->sin6_port :
			    ((struct sockaddr_in *)&at)->sin_port));
}

const char *http_peer_text(const struct http_request *req)
{
	return req->conn->peer;
}

void conn_accept(struct http_server *s, uv_stream_t *listener)
{
	struct http_conn *c = mem_alloc(sizeof(*c));
	bool over = s->nconns >= s->limits.conns_max;

	uv_tcp_init(s->loop, &c->tcp);
	c->tcp.data = c;
	c->server = s;
	if (uv_accept(listener, (uv_stream_t *)&c->tcp) ||
	    (over && s->noverflow == HTTP_OVERFLOW_MAX)) {
		uv_close((uv_handle_t *)&c->tcp, on_refused_closed);
		return;
	}
	c->overflow = over;
	if (over)
		s->noverflow++;
	else
		s->nconns++;
	uv_tcp_nodelay(&c->tcp, 1);
	read_peer(c);
	conn_enter(c, s->tls ? CONN_KNOCK : CONN_IDLE);
	uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
	if (over && s->tls) {
		conn_close(c);          /* it could not read the words */
	} else if (over) {
		c->x = exchange_get(s, c);
		reply_refuse(c, 503, "too many connections are open, try again later");
	}
}
