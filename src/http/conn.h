/* conn.h - one connection of the server, inside http/
 *
 *   IDLE --first byte--> HEAD --head agreed--> BODY --whole--> WORK --answer--> IDLE
 *
 *   KNOCK:   before IDLE, where TLS is spoken: no byte has come yet
 *   HELLO:   then its handshake
 *   WRITE:   an answer or a stream has bytes that the client has not taken
 *   READY:   answered, and bytes of the next request are already here
 *   LINGER:  refused; our side is shut, the client's bytes are thrown away for a while
 *   CLOSING: uv_close() called; memory goes in its callback
 *
 * Each phase is a list in which a connection entered later stands later.  A phase
 * has one time limit, so the heads of the lists are all that a tick looks at:
 * ten thousand idle connections cost it nothing.
 */
#ifndef HTTP_CONN_H
#define HTTP_CONN_H

#include "base/buf.h"
#include "http/parse.h"
#include "http/server.h"
#include "http/tls.h"
#include "loop/timer.h"

enum conn_phase {
	CONN_IDLE = 1,
	CONN_HEAD,
	CONN_BODY,
	CONN_WORK,
	CONN_WRITE,
	CONN_READY,
	CONN_LINGER,
	CONN_KNOCK,
	CONN_HELLO,
	CONN_CLOSING,
	CONN_PHASES
};

enum {
	HTTP_READ_MAX = 64 * 1024,      /* the read buffer that all connections share */
	HTTP_AHEAD_MAX = 16 * 1024,     /* stop reading: a successor's bytes wait in the socket */
	HTTP_EXTRA_MAX = 8 * 1024,      /* response headers of the handler; a cookie is up to 4 KB */
	HTTP_PIECE = 64 * 1024,         /* of a long body; libuv makes up to nine writes in one turn */
	HTTP_POOL_MAX = 256,            /* exchanges kept for the next request, ~10 KiB each */
	HTTP_LINGER_MS = 2000,
	HTTP_LINGER_BYTES = 16 << 20,   /* … or so much: a client that is still sending must see the 413 */
	HTTP_HELLO_MAX = 1000,          /* handshakes at once, some 40 KiB each */
	HTTP_OVERFLOW_MAX = 64,         /* connections above conns_max that are told 503 */
};

/* What a request needs while it is under way; an idle connection has none. */
struct exchange {
	struct http_request req;        /* first: http_request is the handler's name for it */
	struct http_parse *parse;
	struct buf extra;               /* response header lines */
	struct buf ahead;               /* bytes of the successor; one read may pass AHEAD_MAX */
	struct buf body;                /* of the answer, when it is long … */
	size_t sent;                    /* … and how much of it was handed on */
	struct exchange *next;          /* in the pool */
	bool headed;                    /* head() agreed: an answer or gone() follows */
	bool in_head;                   /* head() is running: finish after it */
	bool answered;
	bool unread;                    /* answered before the body was read */
	bool keep;                      /* the connection stays after this answer */
	bool stream, chunked, mute;     /* mute: HEAD, no body goes out */
};

struct http_conn {
	uv_tcp_t tcp;
	char peer[HTTP_PEER_MAX];       /* "192.0.2.7:4711" */
	struct http_server *server;
	struct http_conn *prev, *next;  /* the phase's list */
	struct exchange *x;
	struct http_tls_conn *tls;      /* NULL: none, or no byte has come yet */
	uint64_t deadline;              /* in loop time; 0: none */
	size_t unsent;                  /* handed to uv_write, not yet taken */
	size_t mark;                    /* WRITE: the kernel's share of it at the last look;
					 * LINGER: bytes thrown away */
	enum conn_phase phase;
	bool paused;                    /* reading stopped */
	bool overflow;                  /* above conns_max, there for a 503 only */
};

/* Twenty thousand idle connections should cost megabytes. */
_Static_assert(sizeof(struct http_conn) <= 512, "an idle connection has grown");

struct http_server {
	uv_loop_t *loop;
	struct http_limits limits;
	struct http_handler handler;
	struct http_listener *listener;
	struct http_tls *tls;           /* NULL: plain */
	unsigned nhello;                /* handshakes under way */
	struct http_conn *phase[CONN_PHASES];
	unsigned wait_ms[CONN_PHASES];  /* 0: no limit */
	unsigned nconns, noverflow;
	struct exchange *pool;
	unsigned npool;
	struct timer *tick;
	struct timer *ready;            /* runs while connections are READY */
	unsigned tick_ms;
	bool stopping;
	uint64_t stop_at;
	void (*done)(void *arg);
	void *done_arg;
	char rbuf[HTTP_READ_MAX];
	char plain[HTTP_AHEAD_MAX];     /* what TLS makes of it */
};

/* conn.c */
void conn_accept(struct http_server *s, uv_stream_t *listener);
void conn_enter(struct http_conn *c, enum conn_phase phase);
void conn_close(struct http_conn *c);           /* gone() follows if it is due */
void conn_finish(struct http_conn *c);          /* the answer is with the kernel */
void conn_ready(struct http_server *s);         /* feed the READY ones */
void conn_late(struct http_conn *c);            /* its phase's deadline has passed */

/* Send now what the kernel takes and queue a copy of the rest.  0: all is sent;
 * 1: some is queued; negative: the connection is closing. */
int conn_send(struct http_conn *c, const uv_buf_t *bufs, unsigned n);

/* The next piece of x->body; the rest follows when it is taken.  Returns like conn_send(). */
int conn_send_piece(struct http_conn *c);

/* A few bytes at once, or not at all: false. */
bool conn_push(struct http_conn *c, const char *p, size_t n);

/* exchange.c */
struct exchange *exchange_get(struct http_server *s, struct http_conn *c);
void exchange_put(struct http_server *s, struct exchange *x);
struct exchange *exchange_free(struct exchange *x);

/* reply.c: refuse on the server's own account and linger. */
void reply_refuse(struct http_conn *c, unsigned status, const char *why);
void reply_continue(struct http_conn *c);       /* 100 Continue */
void stream_stop(struct http_conn *c);          /* the server stops: end it and close */

/* server.c */
void server_conn_gone(struct http_server *s);

#endif
