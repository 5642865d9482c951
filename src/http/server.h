/* server.h - HTTP/1.1 in: bytes become requests, answers become bytes
 *
 * One loop thread, no locks.  A connection handles one request at a time; of a
 * pipelined successor a few bytes are kept, the others wait, unread, in the socket
 * (back-pressure).  Knows no tasks: what a path means is the handler's business.
 *
 * A request lives from `head` until its answer is handed to the kernel, or until
 * the client is gone.  The handler may answer at once or later, from the loop
 * thread only.
 *
 * Refused by the server itself, with the connection closed: malformed heads and
 * every request-smuggling shape (400), a head above head_max (431), a target
 * above 8 KiB (414), unknown methods and transfer codings (501), a body above the limit that
 * `head` set (413), a phase deadline passed (408), too many connections (503).
 * These answers carry the JSON of http_error(), and `message_zh`.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct http_server;
struct http_conn;

struct http_limits {
	size_t head_max;        /* bytes of request line and headers; default 16 KiB */
	unsigned headers_max;   /* lines; default 64 */
	unsigned conns_max;     /* open at once; default 20,000 */
	unsigned head_ms;       /* from the first byte to the end of the head; default 10 s */
	unsigned body_ms;       /* a whole body; default 60 s */
	unsigned idle_ms;       /* between requests; default 75 s */
	unsigned write_ms;      /* an answer that the client does not read; default 30 s */
	size_t stream_max;      /* unsent bytes of one stream; default 1 MiB */
};

struct http_header {
	const char *name;       /* lower case */
	const char *value;      /* without surrounding blanks */
};

struct http_request {
	struct arena arena;     /* dies with the request */
	const char *method;     /* "GET" */
	const char *path;       /* percent-decoded, no NUL, no ".." part, starts with '/' */
	const char *query;      /* raw, "" when there is none */
	const char *body;       /* NUL-terminated for convenience; "" when there is none */
	size_t body_len;
	unsigned nheaders;
	const struct http_header *headers;
	bool has_body;          /* a Content-Length above 0, or chunked */
	void *user;             /* the handler's own */
	struct http_conn *conn; /* the server's own */
};

struct http_handler {
	void *arg;

	/* The head is in.  Set *ret_body_max (0: a body is refused with 413), or
	 * answer now with http_reply() and return false: the body is not read and
	 * the connection closes. */
	bool (*head)(void *arg, struct http_request *req, size_t *ret_body_max);

	/* The body is in.  Answer with http_reply() or http_stream_begin(), now or later. */
	void (*request)(void *arg, struct http_request *req);

	/* `head` agreed, but the client left before the answer was complete, its body
	 * was refused or late, or the stream could not be sent; `req` is invalid after
	 * this returns.  Not called after an answer is complete.  Never called from
	 * within http_reply() or http_stream_write().  May be NULL. */
	void (*gone)(void *arg, struct http_request *req);
};

/* Who is at the other end: "192.0.2.7:4711", "[2001:db8::1]:4711", or "" (the request's lifetime). */
enum { HTTP_PEER_MAX = 56 };
const char *http_peer_text(const struct http_request *req);

void http_limits_default(struct http_limits *l);

/* Create (SIGPIPE is ignored from here on), then listen on "127.0.0.1:8080" or
 * "[::1]:8080"; port 0 picks one, read it back with http_server_port(). */
struct http_server *http_server_new(uv_loop_t *loop, const struct http_limits *l,
				    const struct http_handler *h);
/* Before listening: speak TLS only.  `t` outlives the server. */
struct http_tls;
void http_server_tls(struct http_server *s, struct http_tls *t);
int http_server_listen(struct http_server *s, const char *address, struct err *err);
unsigned http_server_port(const struct http_server *s);
unsigned http_server_conns(const struct http_server *s);

/* Stop accepting, let requests under way finish for at most grace_ms, close idle
 * connections at once, end streams; then done(arg).  Free after done only. */
void http_server_stop(struct http_server *s, unsigned grace_ms, void (*done)(void *arg), void *arg);
struct http_server *http_server_free(struct http_server *s);

/* NULL when absent.  A header given twice was refused if that matters
 * (Host, Content-Length, Authorization), else the first one counts. */
const char *http_header(const struct http_request *req, const char *name);

/* Where it comes from: an IPv6 address, or an IPv4 one as ::ffff:a.b.c.d; zeros when not known. */
void http_peer(const struct http_request *req, uint8_t ret[16]);

/* The client's certificate was verified, and this is its subject (RFC 2253); "" without one. */
const char *http_peer_subject(const struct http_request *req);
/* Is this among its alternative names: "DNS:edge-1.city", "URI:…"? */
bool http_peer_has_name(const struct http_request *req, const char *name);

/* The decoded value of a query parameter, in the request's arena; NULL when absent
 * or not decodable.  Given twice: the first. */
const char *http_query(struct http_request *req, const char *name);

/* One more response header, before http_reply or http_stream_begin.  Name and
 * value are ours, never a client's bytes. */
void http_reply_header(struct http_request *req, const char *name, const char *value);

/* The whole answer.  `body` is copied.  `req` is invalid afterwards. */
void http_reply(struct http_request *req, unsigned status, const char *type, const void *body,
		size_t len);

/* The same of a body that may be long: it is taken, not copied (`body` is done with), and sent a piece at
 * a time, others having their turn of the loop in between. */
void http_reply_take(struct http_request *req, unsigned status, const char *type, struct buf *body);

/* The project's error object: {"code","message","detail","hint"}; detail and
 * hint may be NULL.  Answers like http_reply. */
void http_error(struct http_request *req, unsigned status, const char *code, const char *message,
		const char *detail, const char *hint);

/* A body of unknown length (server-sent events, logs): chunked.  stream_write
 * returns 0, or -ENOBUFS when the client reads too slowly (the stream is then
 * closed and `gone` follows; do not write again). */
void http_stream_begin(struct http_request *req, unsigned status, const char *type);
int http_stream_write(struct http_request *req, const void *p, size_t n);
size_t http_stream_unsent(const struct http_request *req);      /* bytes not taken by the kernel */
void http_stream_end(struct http_request *req);         /* `req` is invalid afterwards */

const char *http_status_text(unsigned status);

#endif
