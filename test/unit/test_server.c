/* test_server.c - connections: order, limits, time, and clients that leave */

#include "base/buf.h"
#include "base/mem.h"
#include "http/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { BIG = 4 * 1024 * 1024 };

/* A server, and what its handler has seen. */
struct bed {
	uv_loop_t loop;
	struct http_server *s;
	struct http_limits limits;
	struct http_request *held;      /* of /hold or /stream */
	unsigned heads, requests, gone;
	int stream_r;
	bool stopped;
	char *big;
};

struct client {
	int fd;
	struct buf in;
	bool eof;
};

/* ---- the handler ---- */

static bool on_head(void *arg, struct http_request *req, size_t *ret_body_max)
{
	struct bed *b = arg;

	b->heads++;
	if (!strcmp(req->path, "/deny")) {
		http_reply_header(req, "WWW-Authenticate", "Bearer");
		http_error(req, 401, "unauthorized", "a token is \"needed\"", NULL,
			   "see suanlu token");
		return false;
	}
	*ret_body_max = strcmp(req->path, "/nobody") ? 100000 : 0;
	return true;
}

static void on_request(void *arg, struct http_request *req)
{
	struct bed *b = arg;
	char *s;

	b->requests++;
	if (!strcmp(req->path, "/hold")) {
		b->held = req;
	} else if (!strcmp(req->path, "/stream")) {
		b->held = req;
		http_stream_begin(req, 200, "text/event-stream");
	} else if (!strcmp(req->path, "/big")) {
		http_reply(req, 200, "text/plain", b->big, BIG);
	} else if (!strcmp(req->path, "/long")) {
		struct buf long_one;

		buf_init(&long_one, BIG);
		buf_add(&long_one, b->big, BIG);
		http_reply_take(req, 200, "text/plain", &long_one);
	} else if (!strcmp(req->path, "/none")) {
		http_reply(req, 204, "text/plain", NULL, 0);
	} else {
		s = arena_printf(&req->arena, "%s %s %zu", req->method, req->path, req->body_len);
		http_reply(req, 200, "text/plain", s, strlen(s));
	}
}

static void on_gone(void *arg, struct http_request *req)
{
	struct bed *b = arg;

	b->gone++;
	if (b->held == req)
		b->held = NULL;
}

static void on_stopped(void *arg)
{
	((struct bed *)arg)->stopped = true;
}

/* ---- the bed ---- */

static void bed_open(struct bed *b)
{
	struct http_handler h = { b, on_head, on_request, on_gone };

	b->s = http_server_new(&b->loop, &b->limits, &h);
	assert_int_equal(http_server_listen(b->s, "127.0.0.1:0", NULL), 0);
}

static void bed_init(struct bed *b)
{
	memset(b, 0, sizeof(*b));
	uv_loop_init(&b->loop);
	http_limits_default(&b->limits);
	b->big = mem_alloc(BIG);
	memset(b->big, 'x', BIG);
}

static void bed_done(struct bed *b)
{
	if (!b->stopped)
		http_server_stop(b->s, 0, on_stopped, b);
	while (!b->stopped)
		uv_run(&b->loop, UV_RUN_ONCE);
	http_server_free(b->s);
	uv_run(&b->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&b->loop), 0);
	free(b->big);
}

static void client_open(struct bed *b, struct client *c)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				  .sin_port = htons((uint16_t)http_server_port(b->s)) };

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	c->eof = false;
	buf_init(&c->in, 64 * 1024 * 1024);
	assert_int_equal(connect(c->fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
}

static void client_done(struct client *c)
{
	mem_closep(&c->fd);
	buf_done(&c->in);
}

static void client_take(struct client *c)
{
	static char piece[65536];
	ssize_t n;

	while ((n = recv(c->fd, piece, sizeof(piece), MSG_DONTWAIT)) > 0)
		buf_add(&c->in, piece, (size_t)n);
	if (!n || errno != EAGAIN)
		c->eof = true;
}

static void pump(struct bed *b)
{
	uv_run(&b->loop, UV_RUN_NOWAIT);
	usleep(200);
}

static void say_n(struct bed *b, struct client *c, const char *s, size_t n)
{
	while (n) {
		ssize_t r = send(c->fd, s, n, MSG_DONTWAIT | MSG_NOSIGNAL);

		assert_true(r > 0 || errno == EAGAIN);
		s += r > 0 ? r : 0;
		n -= r > 0 ? (size_t)r : 0;
		pump(b);
	}
}

static void say(struct bed *b, struct client *c, const char *s)
{
	say_n(b, c, s, strlen(s));
}

/* Run until the client has read `text` (NULL: the end), for at most five seconds. */
static void hear(struct bed *b, struct client *c, const char *text)
{
	for (int i = 0; i < 25000; i++) {
		client_take(c);
		if (text ? strstr(c->in.data, text) != NULL : c->eof)
			return;
		pump(b);
	}
	fail_msg("did not hear %s but: %s", text ? text : "the end", c->in.data);
}

static void run_until(struct bed *b, const unsigned *counter, unsigned n)
{
	for (int i = 0; i < 25000 && *counter < n; i++)
		pump(b);
	assert_int_equal(*counter, n);
}

static unsigned count(const char *text, const char *word)
{
	unsigned n = 0;

	for (; (text = strstr(text, word)); text++)
		n++;
	return n;
}

#define BED(b) _cleanup_(bed_done) struct bed b; bed_init(&b); bed_open(&b)
#define CLIENT(b, c) _cleanup_(client_done) struct client c; client_open(&b, &c)
#define HOST "Host: a\r\n"

/* ---- answers ---- */

static void a_request_is_answered_and_the_connection_stays(void **state)
{
	BED(b);
	CLIENT(b, c);

	say(&b, &c, "GET /one HTTP/1.1\r\n" HOST "\r\n");
	hear(&b, &c, "GET /one 0");
	assert_non_null(strstr(c.in.data, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(c.in.data, "Content-Length: 10\r\n"));
	assert_non_null(strstr(c.in.data, "X-Content-Type-Options: nosniff\r\n"));
	assert_non_null(strstr(c.in.data, "Cache-Control: no-store\r\n"));
	assert_null(strstr(c.in.data, "Connection:"));
	say(&b, &c, "POST /two HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhel");
	say(&b, &c, "lo");
	hear(&b, &c, "POST /two 5");
	assert_false(c.eof);
	assert_int_equal(http_server_conns(b.s), 1);
}

static void requests_in_one_packet_are_answered_in_order(void **state)
{
	BED(b);
	CLIENT(b, c);

	say(&b, &c, "GET /hold HTTP/1.1\r\n" HOST "\r\n"
	    "POST /b HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi"
	    "GET /hold HTTP/1.1\r\n" HOST "\r\n"
	    "GET /d HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
	run_until(&b, &b.requests, 1);
	http_reply(b.held, 200, "text/plain", "first", 5);
	assert_int_equal(b.requests, 1);        /* not from within the answer */
	hear(&b, &c, "POST /b 2");
	run_until(&b, &b.requests, 3);
	http_reply(b.held, 200, "text/plain", "third", 5);
	hear(&b, &c, NULL);
	assert_true(strstr(c.in.data, "first") < strstr(c.in.data, "POST /b 2"));
	assert_true(strstr(c.in.data, "third") < strstr(c.in.data, "GET /d 0"));
	assert_int_equal(count(c.in.data, "200 OK"), 4);
}

static void a_head_request_gets_no_body(void **state)
{
	BED(b);
	CLIENT(b, c);

	say(&b, &c, "HEAD /h HTTP/1.1\r\n" HOST "\r\nGET /after HTTP/1.1\r\n" HOST "\r\n");
	hear(&b, &c, "GET /after 0");
	assert_non_null(strstr(c.in.data, "Content-Length: 9\r\n"));
	assert_null(strstr(c.in.data, "HEAD /h"));
}

/* What the server hands on in one call. */

static size_t most;

static void note(const uv_buf_t *bufs, unsigned n)
{
	size_t total = 0;

	for (unsigned i = 0; i < n; i++)
		total += bufs[i].len;
	most = total > most ? total : most;
}

int __real_uv_write(uv_write_t *w, uv_stream_t *s, const uv_buf_t *bufs, unsigned n, uv_write_cb cb);
int __wrap_uv_write(uv_write_t *w, uv_stream_t *s, const uv_buf_t *bufs, unsigned n, uv_write_cb cb);
int __real_uv_try_write(uv_stream_t *s, const uv_buf_t *bufs, unsigned n);
int __wrap_uv_try_write(uv_stream_t *s, const uv_buf_t *bufs, unsigned n);

int __wrap_uv_write(uv_write_t *w, uv_stream_t *s, const uv_buf_t *bufs, unsigned n, uv_write_cb cb)
{
	note(bufs, n);
	return __real_uv_write(w, s, bufs, n, cb);
}

int __wrap_uv_try_write(uv_stream_t *s, const uv_buf_t *bufs, unsigned n)
{
	note(bufs, n);
	return __real_uv_try_write(s, bufs, n);
}

static void a_long_answer_goes_out_in_pieces(void **state)
{
	BED(b);
	CLIENT(b, c);
	CLIENT(b, other);

	most = 0;
	say(&b, &c, "GET /long HTTP/1.1\r\n" HOST "\r\nGET /after HTTP/1.1\r\n" HOST "\r\n");
	/* It does not read on, and others are served. */
	say(&b, &other, "GET /x HTTP/1.1\r\n" HOST "\r\n");
	hear(&b, &other, "GET /x 0");
	hear(&b, &c, "GET /after 0");
	assert_in_range(most, 1000, 128 * 1024);
	assert_non_null(strstr(c.in.data, "Content-Length: 4194304\r\n"));
	assert_int_equal(strspn(strstr(c.in.data, "\r\n\r\n") + 4, "x"), BIG);
}

static void a_long_answer_to_head_is_its_length_alone(void **state)
{
	BED(b);
	CLIENT(b, c);

	say(&b, &c, "HEAD /long HTTP/1.1\r\n" HOST "\r\nGET /after HTTP/1.1\r\n" HOST "\r\n");
	hear(&b, &c, "GET /after 0");
	assert_non_null(strstr(c.in.data, "Content-Length: 4194304\r\n"));
	assert_null(strstr(c.in.data, "xxx"));
}

static void a_client_that_leaves_in_a_long_answer_harms_nobody(void **state)
{
	BED(b);
	CLIENT(b, other);
	struct client c;

	client_open(&b, &c);
	say(&b, &c, "GET /long HTTP/1.1\r\n" HOST "\r\n");
	hear(&b, &c, "xxx");
	client_done(&c);
	for (int i = 0; i < 25000 && http_server_conns(b.s) > 1; i++)
		pump(&b);
	say(&b, &other, "GET /x HTTP/1.1\r\n" HOST "\r\n");
	hear(&b, &other, "GET /x 0");
	assert_int_equal(http_server_conns(b.s), 1);
	assert_int_equal(b.gone, 0);            /* it had its answer */
}

static unsigned acks;

int __real_setsockopt(int fd, int level, int name, const void *v, socklen_t n);
int __wrap_setsockopt(int fd, int level, int name, const void *v, socklen_t n);

int __wrap_setsockopt(int fd, int level, int name, const void *v, socklen_t n)
{
	acks += level == IPPROTO_TCP && name == TCP_QUICKACK;
	return __real_setsockopt(fd, level, name, v, n);
}

static void a_head_whose_body_is_to_come_is_acknowledged_at_once(void **state)
{
	BED(b);
	CLIENT(b, c);

	acks = 0;
	say(&b, &c, "POST /a HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi");
	hear(&b, &c, "POST /a 2");
	say(&b, &c, "GET /b HTTP/1.1\r\n" HOST "\r\n");
	hear(&b, &c, "GET /b 0");
	assert_int_equal(acks, 0);      /* the answer does that */
	say(&b, &c, "POST /c HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n");
	run_until(&b, &b.heads, 3);
	assert_int_equal(acks, 1);
	say(&b, &c, "h");
	run_until(&b, &acks, 2);
	say(&b, &c, "i");
	hear(&b, &c, "POST /c 2");
	assert_int_equal(acks, 2);
}

static void an_answer_of_204_has_neither_body_nor_length(void **state)
{
	BED(b);
	CLIENT(b, c);

	say(&b, &c, "GET /none HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
	hear(&b, &c, NULL);
	assert_non_null(strstr(c.in.data, "204 No Content"));
	assert_null(strstr(c.in.data, "Content-Length"));
}

static void an_old_client_is_answered_and_closed(void **state)
{
	BED(b);
	CLIENT(b, c);
	CLIENT(b, d);

	say(&b, &c, "GET /old HTTP/1.0\r\n\r\n");
	hear(&b, &c, NULL);
	assert_non_null(strstr(c.in.data, "GET /old 0"));
	assert_non_null(strstr(c.in.data, "Connection: close\r\n"));
	say(&b, &d, "GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	hear(&b, &d, "GET /old 0");
	assert_non_null(strstr(d.in.data, "Connection: keep-alive\r\n"));
	assert_false(d.eof);
}

static void a_large_answer_arrives_whole(void **state)
{
	BED(b);
	CLIENT(b, c);

	say(&b, &c, "GET /big HTTP/1.1\r\n" HOST "\r\nGET /next HTTP/1.1\r\n" HOST "\r\n");
	hear(&b, &c, "GET /next 0");
	assert_true(c.in.len > BIG);
}

static void a_client_that_only_closed_its_side_gets_the_rest(void **state)
{
	BED(b);
	CLIENT(b, c);

	say(&b, &c, "GET /big HTTP/1.1\r\n" HOST "\r\n");
	run_until(&b, &b.requests, 1);
	shutdown(c.fd, SHUT_WR);
	hear(&b, &c, NULL);
	assert_true(c.in.len > BIG);
}

static void a_continue_is_sent_after_the_head_was_agreed(void **state)
{
	BED(b);
	CLIENT(b, c);
	CLIENT(b, d);

	say(&b, &c, "POST /c HTTP/1.1\r\n" HOST
	    "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	hear(&b, &c, "HTTP/1.1 100 Continue\r\n\r\n");
	say(&b, &c, "hi");
	hear(&b, &c, "POST /c 2");
	say(&b, &d, "POST /deny HTTP/1.1\r\n" HOST
	    "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	hear(&b, &d, NULL);
	assert_null(strstr(d.in.data, "100 Continue"));
	assert_non_null(strstr(d.in.data, "HTTP/1.1 401 Unauthorized"));
}

static void a_refusal_in_the_head_keeps_a_connection_without_body(void **state)
{
	BED(b);
	CLIENT(b, c);

	say(&b, &c, "GET /deny HTTP/1.1\r\n" HOST "\r\n");
	hear(&b, &c, "\r\n\r\n{\"code\":\"unauthorized\",\"message\":\"a token is \\\"needed\\\"\","
	     "\"hint\":\"see suanlu token\"}\n");
	assert_non_null(strstr(c.in.data, "WWW-Authenticate: Bearer\r\n"));
	say(&b, &c, "GET /ok HTTP/1.1\r\n" HOST "\r\n");
	hear(&b, &c, "GET /ok 0");
	assert_int_equal(b.gone, 0);
}

/* ---- refusals ---- */

static void a_malformed_request_is_told_why_and_closed(void **state)
{
	BED(b);
	CLIENT(b, c);

	say(&b, &c, "GET /x HTTP/1.1\r\nHost : a\r\n\r\nGET /y HTTP/1.1\r\n" HOST "\r\n");
	hear(&b, &c, NULL);
	assert_non_null(strstr(c.in.data, "HTTP/1.1 400 Bad Request\r\n"));
	assert_non_null(strstr(c.in.data, "{\"code\":\"bad_request\",\"message\":\"a header line"));
	assert_int_equal(b.heads, 0);
	assert_int_equal(count(c.in.data, "HTTP/1.1"), 1);
}

static void a_client_that_still_sends_sees_the_413(void **state)
{
	BED(b);
	CLIENT(b, c);

	say(&b, &c, "POST /x HTTP/1.1\r\n" HOST "Content-Length: 250000\r\n\r\n");
	say_n(&b, &c, b.big, 200000);
	hear(&b, &c, "413 Content Too Large");
	hear(&b, &c, "}\n");
	assert_int_equal(b.requests, 0);
	assert_int_equal(b.gone, 1);
}

static void a_body_where_none_is_taken_is_refused(void **state)
{
	BED(b);
	CLIENT(b, c);
	CLIENT(b, d);

	say(&b, &c, "POST /nobody HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx");
	hear(&b, &c, "413 Content Too Large");
	say(&b, &d, "POST /nobody HTTP/1.1\r\n" HOST "\r\n");
	hear(&b, &d, "POST /nobody 0");
}

static void a_connection_too_many_is_told_so(void **state)
{
	_cleanup_(bed_done) struct bed b;

	bed_init(&b);
	b.limits.conns_max = 2;
	bed_open(&b);
	{
		CLIENT(b, c);
		CLIENT(b, d);
		say(&b, &c, "GET /a HTTP/1.1\r\n" HOST "\r\n");
		hear(&b, &c, "GET /a 0");
		say(&b, &d, "GET /b HTTP/1.1\r\n" HOST "\r\n");
		hear(&b, &d, "GET /b 0");
		CLIENT(b, e);
		say(&b, &e, "GET /c HTTP/1.1\r\n" HOST "\r\n");
		hear(&b, &e, NULL);
		assert_non_null(strstr(e.in.data, "503 Service Unavailable"));
		assert_int_equal(http_server_conns(b.s), 2);
	}
}

static void an_address_that_is_none_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "8080", "localhost:80", "127.0.0.1:", "127.0.0.1:99999", "1.2.3:80",
		"[::1:80", "::1:80", "127.0.0.1:80x",
	};
	struct err err;
	BED(b);
	struct http_server *s = http_server_new(&b.loop, &b.limits, &(struct http_handler){ 0 });
	char taken[40];

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(http_server_listen(s, bad[i], &err), ERR_E_INPUT);
	snprintf(taken, sizeof(taken), "127.0.0.1:%u", http_server_port(b.s));
	assert_int_equal(http_server_listen(s, taken, &err), -EADDRINUSE);
	assert_int_equal(http_server_port(s), 0);
	http_server_free(s);
}

/* ---- time ---- */

static void short_limits(struct bed *b)
{
	b->limits.head_ms = b->limits.body_ms = b->limits.idle_ms = b->limits.write_ms = 150;
}

static void slow_and_idle_clients_are_closed(void **state)
{
	_cleanup_(bed_done) struct bed b;

	bed_init(&b);
	short_limits(&b);
	bed_open(&b);
	{
		CLIENT(b, head);
		CLIENT(b, body);
		CLIENT(b, idle);
		CLIENT(b, held);
		say(&b, &head, "GET / HT");
		say(&b, &body, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhel");
		say(&b, &held, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
		hear(&b, &head, "408 Request Timeout");
		hear(&b, &body, "408 Request Timeout");
		hear(&b, &idle, NULL);
		assert_int_equal(idle.in.len, 0);
		assert_int_equal(b.gone, 1);    /* the body's: its head was agreed */
		/* Waiting for our answer has no limit. */
		client_take(&held);
		assert_false(held.eof);
		http_reply(b.held, 200, "text/plain", "late", 4);
		hear(&b, &held, "late");
	}
}

static void a_client_that_does_not_read_is_closed(void **state)
{
	_cleanup_(bed_done) struct bed b;
	unsigned n = 1;

	bed_init(&b);
	short_limits(&b);
	bed_open(&b);
	{
		CLIENT(b, c);
		say(&b, &c, "GET /big HTTP/1.1\r\n" HOST "\r\n");
		for (int i = 0; i < 25000 && n; i++) {
			pump(&b);
			n = http_server_conns(b.s);
		}
		assert_int_equal(n, 0);
		hear(&b, &c, NULL);
		assert_true(c.in.len < BIG);
	}
}

/* ---- clients that leave ---- */

static void a_client_that_left_before_its_answer_is_noticed(void **state)
{
	BED(b);
	struct client c;

	client_open(&b, &c);
	say(&b, &c, "GET /hold HTTP/1.1\r\n" HOST "\r\nGET /b");
	run_until(&b, &b.requests, 1);
	client_done(&c);
	run_until(&b, &b.gone, 1);
	assert_null(b.held);
	assert_int_equal(http_server_conns(b.s), 0);
}

static void a_client_that_left_in_its_body_is_noticed(void **state)
{
	BED(b);
	struct client c;

	client_open(&b, &c);
	say(&b, &c, "POST /x HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nab");
	run_until(&b, &b.heads, 1);
	client_done(&c);
	run_until(&b, &b.gone, 1);
	assert_int_equal(b.requests, 0);
}

static void bytes_sent_ahead_wait_in_the_socket(void **state)
{
	static const char one[] = "GET /abcdefghij HTTP/1.1\r\n" HOST "\r\n";
	BED(b);
	CLIENT(b, c);
	char *many = mem_alloc(BIG);
	size_t n = 0;
	unsigned sent = 0;

	while (n + sizeof(one) < BIG / 4) {
		memcpy(many + n, one, sizeof(one) - 1);
		n += sizeof(one) - 1;
		sent++;
	}
	say(&b, &c, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
	run_until(&b, &b.requests, 1);
	for (size_t at = 0; at < n;) {
		ssize_t r = send(c.fd, many + at, n - at, MSG_DONTWAIT);

		if (r > 0)
			at += (size_t)r;
		if (b.held && r < 0) {
			for (int i = 0; i < 20; i++)
				pump(&b);
			if (send(c.fd, many + at, 1, MSG_DONTWAIT) < 0) {
				http_reply(b.held, 200, "text/plain", "go", 2);
				b.held = NULL;
			} else {
				at++;
			}
		}
		client_take(&c);
		pump(&b);
	}
	if (b.held)
		http_reply(b.held, 200, "text/plain", "go", 2);
	run_until(&b, &b.requests, sent + 1);
	free(many);
}

/* ---- streams ---- */

static void a_stream_arrives_piece_by_piece(void **state)
{
	BED(b);
	CLIENT(b, c);

	say(&b, &c, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
	hear(&b, &c, "Transfer-Encoding: chunked\r\n");
	assert_int_equal(http_stream_write(b.held, "data: 1\n\n", 9), 0);
	hear(&b, &c, "9\r\ndata: 1\n\n\r\n");
	assert_int_equal(http_stream_write(b.held, "", 0), 0);
	assert_int_equal(http_stream_write(b.held, "x", 1), 0);
	http_stream_end(b.held);
	hear(&b, &c, "1\r\nx\r\n0\r\n\r\n");
	say(&b, &c, "GET /more HTTP/1.1\r\n" HOST "\r\n");
	hear(&b, &c, "GET /more 0");
	assert_int_equal(b.gone, 0);
}

static void a_stream_to_an_old_client_ends_with_the_connection(void **state)
{
	BED(b);
	CLIENT(b, c);

	say(&b, &c, "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	run_until(&b, &b.requests, 1);
	http_stream_write(b.held, "plain", 5);
	http_stream_end(b.held);
	hear(&b, &c, NULL);
	assert_non_null(strstr(c.in.data, "\r\n\r\nplain"));
	assert_null(strstr(c.in.data, "chunked"));
}

static void a_stream_that_is_not_read_is_ended(void **state)
{
	BED(b);
	CLIENT(b, c);
	unsigned n = 0;
	int r = 0;

	say(&b, &c, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
	run_until(&b, &b.requests, 1);
	while (!r && n++ < 1000)
		r = http_stream_write(b.held, b.big, 65536);
	assert_int_equal(r, -ENOBUFS);
	assert_int_equal(b.gone, 0);            /* not from within */
	run_until(&b, &b.gone, 1);
	hear(&b, &c, NULL);
	assert_memory_not_equal(c.in.data + c.in.len - 5, "0\r\n\r\n", 5);
}

static void a_streams_client_that_leaves_is_noticed(void **state)
{
	BED(b);
	struct client c;

	client_open(&b, &c);
	say(&b, &c, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
	run_until(&b, &b.requests, 1);
	client_done(&c);
	run_until(&b, &b.gone, 1);
}

static void a_write_to_a_client_that_is_away_harms_nobody(void **state)
{
	BED(b);
	struct client c;

	client_open(&b, &c);
	say(&b, &c, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
	run_until(&b, &b.requests, 1);
	setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
	client_done(&c);
	/* The loop has not told us yet; the second write meets a broken pipe. */
	http_stream_write(b.held, "a", 1);
	assert_int_equal(http_stream_write(b.held, "b", 1), -ENOBUFS);
	assert_int_equal(b.gone, 0);
	run_until(&b, &b.gone, 1);
}

/* ---- stopping ---- */

static void a_stop_lets_a_request_finish_and_ends_the_rest(void **state)
{
	BED(b);
	CLIENT(b, idle);
	CLIENT(b, held);
	CLIENT(b, stream);
	struct http_request *first;

	say(&b, &held, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
	run_until(&b, &b.requests, 1);
	first = b.held;
	say(&b, &stream, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
	run_until(&b, &b.requests, 2);
	http_server_stop(b.s, 5000, on_stopped, &b);
	hear(&b, &idle, NULL);
	hear(&b, &stream, NULL);
	assert_non_null(strstr(stream.in.data, "0\r\n\r\n"));
	run_until(&b, &b.gone, 1);
	assert_false(b.stopped);
	http_reply(first, 200, "text/plain", "finished", 8);
	hear(&b, &held, NULL);
	assert_non_null(strstr(held.in.data, "finished"));
	assert_non_null(strstr(held.in.data, "Connection: close"));
	for (int i = 0; i < 1000 && !b.stopped; i++)
		pump(&b);
	assert_true(b.stopped);
}

static void a_stop_does_not_wait_longer_than_its_grace(void **state)
{
	BED(b);
	CLIENT(b, c);

	say(&b, &c, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
	run_until(&b, &b.requests, 1);
	http_server_stop(b.s, 100, on_stopped, &b);
	hear(&b, &c, NULL);
	for (int i = 0; i < 1000 && !b.stopped; i++)
		pump(&b);
	assert_true(b.stopped);
	assert_int_equal(b.gone, 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_answered_and_the_connection_stays),
		cmocka_unit_test(requests_in_one_packet_are_answered_in_order),
		cmocka_unit_test(a_long_answer_goes_out_in_pieces),
		cmocka_unit_test(a_long_answer_to_head_is_its_length_alone),
		cmocka_unit_test(a_client_that_leaves_in_a_long_answer_harms_nobody),
		cmocka_unit_test(a_head_whose_body_is_to_come_is_acknowledged_at_once),
		cmocka_unit_test(a_head_request_gets_no_body),
		cmocka_unit_test(an_answer_of_204_has_neither_body_nor_length),
		cmocka_unit_test(an_old_client_is_answered_and_closed),
		cmocka_unit_test(a_large_answer_arrives_whole),
		cmocka_unit_test(a_client_that_only_closed_its_side_gets_the_rest),
		cmocka_unit_test(a_continue_is_sent_after_the_head_was_agreed),
		cmocka_unit_test(a_refusal_in_the_head_keeps_a_connection_without_body),
		cmocka_unit_test(a_malformed_request_is_told_why_and_closed),
		cmocka_unit_test(a_client_that_still_sends_sees_the_413),
		cmocka_unit_test(a_body_where_none_is_taken_is_refused),
		cmocka_unit_test(a_connection_too_many_is_told_so),
		cmocka_unit_test(an_address_that_is_none_is_refused),
		cmocka_unit_test(slow_and_idle_clients_are_closed),
		cmocka_unit_test(a_client_that_does_not_read_is_closed),
		cmocka_unit_test(a_client_that_left_before_its_answer_is_noticed),
		cmocka_unit_test(a_client_that_left_in_its_body_is_noticed),
		cmocka_unit_test(bytes_sent_ahead_wait_in_the_socket),
		cmocka_unit_test(a_stream_arrives_piece_by_piece),
		cmocka_unit_test(a_stream_to_an_old_client_ends_with_the_connection),
		cmocka_unit_test(a_stream_that_is_not_read_is_ended),
		cmocka_unit_test(a_streams_client_that_leaves_is_noticed),
		cmocka_unit_test(a_write_to_a_client_that_is_away_harms_nobody),
		cmocka_unit_test(a_stop_lets_a_request_finish_and_ends_the_rest),
		cmocka_unit_test(a_stop_does_not_wait_longer_than_its_grace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
