/* server.c - listen, keep the time limits, stop in order */

#include "http/conn.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* Apart from the server, because libuv holds it until its close callback. */
struct http_listener {
	uv_tcp_t tcp;
	struct http_server *server;     /* NULL: nobody waits for the end */
};

enum { BACKLOG = 4096, TICK_MIN_MS = 10, TICK_MAX_MS = 250 };

void http_limits_default(struct http_limits *l)
{
	*l = (struct http_limits){
		.head_max = 16 * 1024,
		.headers_max = 64,
		.conns_max = 20000,
		.head_ms = 10 * 1000,
		.body_ms = 60 * 1000,
		.idle_ms = 75 * 1000,
		.write_ms = 30 * 1000,
		.stream_max = 1024 * 1024,
	};
}

/* ---- time ---- */

static void finish_stop(struct http_server *s)
{
	void (*done)(void *arg) = s->done;

	if (!s->stopping || s->nconns || s->noverflow || s->listener || !done)
		return;
	s->done = NULL;
	timer_stop(s->tick);
	done(s->done_arg);
}

static void close_phase(struct http_server *s, enum conn_phase phase)
{
	while (s->phase[phase])
		conn_close(s->phase[phase]);
}

static void on_tick(void *arg)
{
	struct http_server *s = arg;
	uint64_t now = uv_now(s->loop);

	for (int i = CONN_IDLE; i < CONN_CLOSING; i++) {
		struct http_conn *c = s->phase[i];

		/* Each call moves the connection to a list's end or away. */
		while (c && c->deadline && c->deadline <= now) {
			conn_late(c);
			c = s->phase[i];
		}
	}
	if (s->stopping && now >= s->stop_at)
		for (int i = CONN_IDLE; i < CONN_CLOSING; i++)
			close_phase(s, (enum conn_phase)i);
	finish_stop(s);
}

static void on_ready(void *arg)
{
	conn_ready(arg);
}

void server_conn_gone(struct http_server *s)
{
	if (!s->nconns && !s->noverflow && !s->stopping)
		timer_stop(s->tick);
	finish_stop(s);
}

/* A tenth of the shortest limit: late by that much at most. */
static unsigned tick_of(const struct http_server *s)
{
	unsigned ms = TICK_MAX_MS;

	for (int i = CONN_IDLE; i < CONN_PHASES; i++)
		if (s->wait_ms[i] && s->wait_ms[i] / 10 < ms)
			ms = s->wait_ms[i] / 10;
	return ms < TICK_MIN_MS ? TICK_MIN_MS : ms;
}

/* ---- life ---- */

struct http_server *http_server_new(uv_loop_t *loop, const struct http_limits *l,
				    const struct http_handler *h)
{
	struct http_server *s = mem_alloc(sizeof(*s));

	/* libuv writes with plain write(): a client that left would end the process. */
	signal(SIGPIPE, SIG_IGN);
	s->loop = loop;
	s->limits = *l;
	s->handler = *h;
	s->wait_ms[CONN_IDLE] = l->idle_ms;
	s->wait_ms[CONN_HEAD] = l->head_ms;
	s->wait_ms[CONN_BODY] = l->body_ms;
	s->wait_ms[CONN_WRITE] = l->write_ms;
	s->wait_ms[CONN_LINGER] = HTTP_LINGER_MS;
	s->wait_ms[CONN_KNOCK] = l->head_ms;
	s->wait_ms[CONN_HELLO] = l->head_ms;
	s->tick_ms = tick_of(s);
	s->tick = timer_new(loop, on_tick, s);
	s->ready = timer_new(loop, on_ready, s);
	return s;
}

static void on_listener_closed(uv_handle_t *h)
{
	struct http_listener *l = h->data;

	if (l->server) {
		l->server->listener = NULL;
		finish_stop(l->server);
	}
	free(l);
}

struct http_server *http_server_free(struct http_server *s)
{
	if (!s)
		return NULL;
	assert(!s->nconns && !s->noverflow);
	if (s->listener) {
		s->listener->server = NULL;
		if (!uv_is_closing((uv_handle_t *)&s->listener->tcp))
			uv_close((uv_handle_t *)&s->listener->tcp, on_listener_closed);
	}
	while (s->pool) {
		struct exchange *x = s->pool;

		s->pool = x->next;
		exchange_free(x);
	}
	timer_free(s->tick);
	timer_free(s->ready);
	free(s);
	return NULL;
}

/* ---- listening ---- */

static int read_address(const char *text, struct sockaddr_storage *ret, struct err *err)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;
	char host[64], *end;
	unsigned long port;
	int r = UV_EINVAL;

	if (colon && n && n < sizeof(host) && colon[1] >= '0' && colon[1] <= '9') {
		memcpy(host, text, n);
		host[n] = '\0';
		port = strtoul(colon + 1, &end, 10);
		if (!*end && port <= 65535 && host[0] == '[' && host[n - 1] == ']') {
			host[n - 1] = '\0';
			r = uv_ip6_addr(host + 1, (int)port, (struct sockaddr_in6 *)ret);
		} else if (!*end && port <= 65535) {
			r = uv_ip4_addr(host, (int)port, (struct sockaddr_in *)ret);
		}
	}
	if (r)
		return err_set(err, ERR_E_INPUT, "\"%.80s\" is not an address to listen on, "
			       "write 127.0.0.1:8080 or [::1]:8080", text);
	return 0;
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct http_listener *l = listener->data;
	struct http_server *s = l->server;

	if (status < 0 || s->stopping)
		return;
	if (!s->nconns && !s->noverflow)
		timer_start(s->tick, s->tick_ms, s->tick_ms);
	conn_accept(s, listener);
}

int http_server_listen(struct http_server *s, const char *address, struct err *err)
{
	struct sockaddr_storage sa;
	struct http_listener *l;
	int r = read_address(address, &sa, err);

	if (r)
		return r;
	assert(!s->listener);
	l = mem_alloc(sizeof(*l));
	uv_tcp_init(s->loop, &l->tcp);
	l->tcp.data = l;
	r = uv_tcp_bind(&l->tcp, (struct sockaddr *)&sa, 0);
	if (!r)
		r = uv_listen((uv_stream_t *)&l->tcp, BACKLOG, on_connection);
	if (r) {
		uv_close((uv_handle_t *)&l->tcp, on_listener_closed);
		return err_set(err, r, "could not listen on %.80s: %s", address, uv_strerror(r));
	}
	l->server = s;
	s->listener = l;
	return 0;
}

unsigned http_server_port(const struct http_server *s)
{
	struct sockaddr_storage sa = { 0 };
	int n = sizeof(sa);

	if (!s->listener || uv_tcp_getsockname(&s->listener->tcp, (struct sockaddr *)&sa, &n))
		return 0;
	return sa.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&sa)->sin6_port) :
					  ntohs(((struct sockaddr_in *)&sa)->sin_port);
}

void http_server_tls(struct http_server *s, struct http_tls *t)
{
	s->tls = t;
}

const char *http_peer_subject(const struct http_request *req)
{
	return req->conn->tls ? tls_subject(req->conn->tls) : "";
}

bool http_peer_has_name(const struct http_request *req, const char *name)
{
	return req->conn->tls && tls_has_name(req->conn->tls, name);
}

void http_peer(const struct http_request *req, uint8_t ret[16])
{
	struct sockaddr_storage sa = { 0 };
	int n = sizeof(sa);

	memset(ret, 0, 16);
	if (uv_tcp_getpeername(&req->conn->tcp, (struct sockaddr *)&sa, &n))
		return;
	if (sa.ss_family == AF_INET6) {
		memcpy(ret, &((struct sockaddr_in6 *)&sa)->sin6_addr, 16);
	} else {
		ret[10] = ret[11] = 0xff;
		memcpy(ret + 12, &((struct sockaddr_in *)&sa)->sin_addr, 4);
	}
}

unsigned http_server_conns(const struct http_server *s)
{
	return s->nconns;
}

/* ---- stopping ---- */

static void stop_streams(struct http_server *s, enum conn_phase phase)
{
	struct http_conn *c, *next;

	DL_FOREACH_SAFE(s->phase[phase], c, next)
		if (c->x->stream && !c->x->answered)
			stream_stop(c);
}

void http_server_stop(struct http_server *s, unsigned grace_ms, void (*done)(void *arg), void *arg)
{
	assert(!s->stopping);
	s->stopping = true;
	uv_update_time(s->loop);
	s->stop_at = uv_now(s->loop) + grace_ms;
	s->done = done;
	s->done_arg = arg;
	if (s->listener)
		uv_close((uv_handle_t *)&s->listener->tcp, on_listener_closed);
	close_phase(s, CONN_IDLE);
	close_phase(s, CONN_KNOCK);
	close_phase(s, CONN_HELLO);
	stop_streams(s, CONN_WORK);
	stop_streams(s, CONN_WRITE);
	/* Also when nothing is open: done() comes from the loop, never from here. */
	timer_start(s->tick, 1, s->tick_ms);
}
