/* fetch.h - HTTP out, for the daemon: many calls at once on the loop, none of which waits
 *
 * libcurl's multi interface on libuv.  One `struct fetch` stands for one server or one kind of
 * server (limits, certificates, a Unix socket); its calls share kept-alive connections, at most
 * conns_max at a time, and further calls queue in order.  Loop thread only.
 *
 * Redirects are not followed and no proxy is taken from the environment, so what is in a header
 * reaches the named server and nobody else.  Header text is wiped from our memory after use.
 */
#ifndef HTTP_FETCH_H
#define HTTP_FETCH_H

#include "base/buf.h"
#include "base/err.h"

#include <uv.h>

struct fetch;
struct fetch_call;

enum {
	FETCH_E_REACH = 1,              /* no connection came about: certainly nothing was sent */
	FETCH_E_BROKEN,                 /* the connection ended before the answer did */
	FETCH_E_TIME,                   /* no complete answer in time */
	FETCH_E_LARGE,                  /* the answer exceeds body_max */
	FETCH_E_TLS,                    /* the server's certificate is not accepted; nothing sent */
	FETCH_CALLS_MAX = 100000,       /* queued: as many runs as one pool may have on their way */
	FETCH_URL_MAX = 4096,
	FETCH_HEADERS_MAX = 16,
};

struct fetch_config {
	const char *unix_path;          /* connect there, whatever the url says; NULL: TCP */
	const char *ca_file;            /* NULL: the system's */
	const char *agent;              /* User-Agent, or NULL */
	unsigned conns_max;             /* 0: 4 */
	unsigned connect_ms;            /* 0: 5 s */
	unsigned timeout_ms;            /* of a call from its first byte on; 0: 30 s */
	size_t body_max;                /* of an answer; 0: 1 MiB */
};

struct fetch_request {
	const char *method, *url;
	const char *const *headers;     /* "Name: value", NULL-terminated; NULL: none */
	const char *body;               /* NULL: none.  Copied, as all the rest */
	size_t body_len;
	unsigned timeout_ms;            /* 0: the client's */
	bool once;                      /* never sent a second time, not even when a kept-alive
	                                 * connection turns out to be dead */
};

struct fetch_answer {
	int result;                     /* 0: an answer came, whatever its status; else FETCH_E_* */
	bool sent;                      /* some of the request may have reached the server */
	unsigned status;                /* of HTTP */
	const char *type;               /* Content-Type, "" when absent */
	struct buf *body;               /* to be read, or taken over by emptying it (buf_init) */
	const char *text;               /* for people, when result is not 0 */
	unsigned took_ms;               /* from its first byte on: time in our queue not counted */
};

/* `a` is valid during the call.  It may start and cancel calls, but not free the client. */
typedef void (*fetch_fn)(void *arg, const struct fetch_answer *a);

/* Everything in `c` is copied. */
struct fetch *fetch_new(uv_loop_t *loop, const struct fetch_config *c);
/* Takes NULL, gives NULL; calls still under way are dropped, their fn is not called. */
struct fetch *fetch_free(struct fetch *f);

/* fn(arg) is called later, exactly once unless cancelled.  *ret (may be NULL) is good until
 * then.  ERR_E_INPUT: not an http or https url.  -ENOBUFS: FETCH_CALLS_MAX are queued. */
int fetch_start(struct fetch *f, const struct fetch_request *r, fetch_fn fn, void *arg,
		struct fetch_call **ret, struct err *err);
/* What was sent stays sent; fn is not called.  Takes NULL; NULL back. */
struct fetch_call *fetch_cancel(struct fetch_call *c);

unsigned fetch_pending(const struct fetch *f);          /* queued and under way */

#endif
