/* reply.c - answers: whole, refused, or streamed */

#include "http/conn.h"

#include "base/json.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	HEAD_BYTES = HTTP_EXTRA_MAX + 512,
	ERROR_BYTES = 256 * 1024,       /* our words plus what a message quotes of the input */
};

/* How the body travels. */
enum framing { LENGTH = 1, CHUNKED, TO_THE_END, NO_BODY };

struct answer {
	unsigned status;
	const char *type;
	enum framing framing;
	size_t len;
	bool keep;
	unsigned minor;
	const struct buf *extra;        /* NULL: none */
};

static int put_framing(const struct answer *a, char *out, size_t max)
{
	switch (a->framing) {
	case LENGTH:
		return snprintf(out, max, "Content-Type: %s\r\nContent-Length: %zu\r\n", a->type,
				a->len);
	case CHUNKED:
		return snprintf(out, max, "Content-Type: %s\r\nTransfer-Encoding: chunked\r\n",
				a->type);
	case TO_THE_END:
		return snprintf(out, max, "Content-Type: %s\r\n", a->type);
	default:
		return 0;
	}
}

static bool has_line(const struct buf *extra, const char *name)
{
	return extra && extra->len && strcasestr(extra->data, name);
}

static const char *connection(const struct answer *a)
{
	if (!a->keep)
		return "Connection: close\r\n";
	return a->minor == 0 ? "Connection: keep-alive\r\n" : "";
}

/* The head of an answer; `out` holds HEAD_BYTES.  Returns its length. */
static size_t compose(const struct answer *a, char *out)
{
	int n = snprintf(out, HEAD_BYTES, "HTTP/1.1 %u %s\r\n", a->status,
			 http_status_text(a->status));

	n += put_framing(a, out + n, HEAD_BYTES - (size_t)n);
	n += snprintf(out + n, HEAD_BYTES - (size_t)n,
		      "%sX-Content-Type-Options: nosniff\r\n%s%s\r\n", connection(a),
		      has_line(a->extra, "cache-control:") ? "" : "Cache-Control: no-store\r\n",
		      a->extra && a->extra->len ? a->extra->data : "");
	assert(n > 0 && n < HEAD_BYTES);
	return (size_t)n;
}

/* An answer may come for a client that has just left: then only gone() is spared. */
static bool take_answer(struct http_conn *c, struct exchange *x)
{
	assert(!x->answered && c->x == x);
	if (c->phase == CONN_CLOSING) {
		x->answered = true;
		return false;
	}
	x->unread = x->req.has_body && (c->phase == CONN_HEAD || c->phase == CONN_BODY);
	x->keep = http_parse_keep_alive(x->parse) && !x->unread && !c->server->stopping;
	x->mute = !strcmp(x->req.method, "HEAD");
	return true;
}

static struct exchange *exchange_of(struct http_request *req)
{
	return (struct exchange *)req;
}

void http_reply_header(struct http_request *req, const char *name, const char *value)
{
	struct exchange *x = exchange_of(req);
	int r = buf_printf(&x->extra, "%s: %s\r\n", name, value);

	assert(!r && !strpbrk(name, "\r\n:") && !strpbrk(value, "\r\n"));
	(void)r;
}

void http_reply(struct http_request *req, unsigned status, const char *type, const void *body,
		size_t len)
{
	struct exchange *x = exchange_of(req);
	struct http_conn *c = req->conn;
	char head[HEAD_BYTES];
	uv_buf_t bufs[2];
	struct answer a = { status, type, LENGTH, len, .extra = &x->extra };

	if (!take_answer(c, x))
		return;
	if (status == 204 || status == 304)
		a.framing = NO_BODY;
	a.keep = x->keep;
	a.minor = http_parse_minor(x->parse);
	bufs[0] = uv_buf_init(head, (unsigned)compose(&a, head));
	bufs[1] = uv_buf_init((char *)body, (unsigned)len);
	x->answered = true;
	if (!conn_send(c, bufs, len && !x->mute && a.framing == LENGTH ? 2 : 1) && !x->in_head)
		conn_finish(c);
}

void http_reply_take(struct http_request *req, unsigned status, const char *type, struct buf *body)
{
	struct exchange *x = exchange_of(req);
	struct http_conn *c = req->conn;
	struct answer a = { status, type, LENGTH, body->len, .extra = &x->extra };
	char head[HEAD_BYTES];
	uv_buf_t b;

	if (body->len <= HTTP_PIECE || x->in_head || !strcmp(req->method, "HEAD")) {
		http_reply(req, status, type, body->data, body->len);
		buf_done(body);
		return;
	}
	x->body = *body;
	*body = (struct buf){ 0 };
	x->sent = 0;
	if (!take_answer(c, x))
		return;
	a.keep = x->keep;
	a.minor = http_parse_minor(x->parse);
	b = uv_buf_init(head, (unsigned)compose(&a, head));
	x->answered = true;
	if (!conn_send(c, &b, 1))
		conn_send_piece(c);
}

/* ---- errors ---- */

static void put_pair(struct buf *b, const char *key, const char *value)
{
	if (!value)
		return;
	buf_printf(b, "%c\"%s\":", b->len ? ',' : '{', key);
	json_put_str(b, value, strlen(value));
}

static void put_error(struct buf *b, const char *code, const char *message, const char *message_zh,
		      const char *detail, const char *hint)
{
	buf_init(b, ERROR_BYTES);
	put_pair(b, "code", code);
	put_pair(b, "message", message);
	put_pair(b, "message_zh", message_zh);
	put_pair(b, "detail", detail);
	put_pair(b, "hint", hint);
	buf_str(b, "}\n");
}

void http_error(struct http_request *req, unsigned status, const char *code, const char *message,
		const char *detail, const char *hint)
{
	_cleanup_(buf_done) struct buf b = { 0 };

	put_error(&b, code, message, NULL, detail, hint);
	if (b.full) {
		/* What it quotes is too long: the error without the quotations. */
		buf_done(&b);
		put_error(&b, code, http_status_text(status), NULL, NULL, NULL);
	}
	http_reply(req, status, "application/json", b.data, b.len);
}

/* What is wrong in particular is said in English; the first is for all other statuses. */
static const struct refusal {
	unsigned status;
	const char *code, *zh;
} refusals[] = {
	{ 400, "bad_request", "请求不符合 HTTP 规范" },
	{ 408, "timeout", "请求未能按时到达" },
	{ 413, "body_too_large", "请求体超过该地址所接受的大小" },
	{ 414, "target_too_long", "请求行或请求地址过长" },
	{ 417, "expectation_failed", "Expect 头只支持 100-continue" },
	{ 431, "head_too_large", "请求头过大或行数过多" },
	{ 501, "not_implemented", "不支持此方法或传输编码" },
	{ 503, "too_many_connections", "打开的连接过多，请稍后再试" },
	{ 505, "version_not_supported", "只支持 HTTP/1.1 与 HTTP/1.0" },
};

static const struct refusal *refusal(unsigned status)
{
	for (unsigned i = 1; i < ARRAY_LEN(refusals); i++)
		if (refusals[i].status == status)
			return &refusals[i];
	return refusals;
}

void reply_refuse(struct http_conn *c, unsigned status, const char *why)
{
	struct http_server *s = c->server;
	_cleanup_(buf_done) struct buf b = { 0 };
	struct exchange *x = c->x;
	struct answer a = { status, "application/json", LENGTH };
	char head[HEAD_BYTES];
	uv_buf_t bufs[2];

	/* head() agreed, but there will be no request(): the handler must let go. */
	if (x->headed && !x->answered && s->handler.gone)
		s->handler.gone(s->handler.arg, &x->req);
	put_error(&b, refusal(status)->code, why, refusal(status)->zh, NULL, NULL);
	a.len = b.len;
	bufs[0] = uv_buf_init(head, (unsigned)compose(&a, head));
	bufs[1] = uv_buf_init(b.data, (unsigned)b.len);
	x->answered = x->unread = true;
	x->keep = false;
	if (!conn_send(c, bufs, strcmp(x->req.method, "HEAD") ? 2 : 1))
		conn_finish(c);
}

void reply_continue(struct http_conn *c)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	uv_buf_t b = uv_buf_init((char *)text, sizeof(text) - 1);

	/* The socket is empty at this point; if it takes not even this, it is broken. */
	if (!conn_push(c, b.base, b.len))
		conn_close(c);
}

/* ---- streams ---- */

void http_stream_begin(struct http_request *req, unsigned status, const char *type)
{
	struct exchange *x = exchange_of(req);
	struct http_conn *c = req->conn;
	char head[HEAD_BYTES];
	uv_buf_t b;
	struct answer a = { status, type, .extra = &x->extra };

	assert(!x->in_head && !x->stream);
	x->stream = true;
	if (c->phase == CONN_CLOSING || !take_answer(c, x))
		return;
	a.minor = http_parse_minor(x->parse);
	x->chunked = a.minor == 1;
	x->keep = x->keep && x->chunked;
	a.framing = x->chunked ? CHUNKED : TO_THE_END;
	a.keep = x->keep;
	b = uv_buf_init(head, (unsigned)compose(&a, head));
	conn_send(c, &b, 1);
}

int http_stream_write(struct http_request *req, const void *p, size_t n)
{
	struct exchange *x = exchange_of(req);
	struct http_conn *c = req->conn;
	char size[24];
	uv_buf_t bufs[3];

	assert(x->stream);
	if (c->phase == CONN_CLOSING)
		return -ENOBUFS;
	if (x->mute || !n)
		return 0;
	if (n > c->server->limits.stream_max || c->unsent > c->server->limits.stream_max - n) {
		conn_close(c);
		return -ENOBUFS;
	}
	bufs[0] = uv_buf_init(size, (unsigned)snprintf(size, sizeof(size), "%zx\r\n", n));
	bufs[1] = uv_buf_init((char *)p, (unsigned)n);
	bufs[2] = uv_buf_init((char *)"\r\n", 2);
	if (conn_send(c, x->chunked ? bufs : bufs + 1, x->chunked ? 3 : 1) < 0)
		return -ENOBUFS;
	return 0;
}

size_t http_stream_unsent(const struct http_request *req)
{
	return req->conn->unsent;
}

void http_stream_end(struct http_request *req)
{
	struct exchange *x = exchange_of(req);
	struct http_conn *c = req->conn;
	uv_buf_t b = uv_buf_init((char *)"0\r\n\r\n", 5);

	assert(x->stream && !x->answered);
	x->answered = true;
	if (c->phase == CONN_CLOSING)
		return;
	if (x->chunked && !x->mute && conn_send(c, &b, 1) < 0)
		return;
	if (!c->unsent)
		conn_finish(c);
}

void stream_stop(struct http_conn *c)
{
	uv_buf_t b = uv_buf_init((char *)"0\r\n\r\n", 5);

	if (c->x->chunked && !c->x->mute && !c->unsent)
		conn_push(c, b.base, b.len);
	conn_close(c);
}
