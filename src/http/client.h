/* client.h - HTTP out, for programs that wait: one call at a time, and event streams
 *
 * Blocking, one thread, on a libcurl easy handle; the daemon uses fetch.h.
 * The bearer token goes to the one server the client was made for, redirects are not
 * followed and proxies are not used for loopback addresses, so it cannot leak elsewhere.
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "base/buf.h"
#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	HTTP_CLIENT_E_REACH = 1,        /* nobody answered: the words say why */
	HTTP_CLIENT_E_STATUS,           /* stream: answered with a status other than 200 */
	HTTP_CLIENT_BODY_MAX = 256 << 20,       /* of an answer; 1000 tasks are below 2 MB */
	HTTP_CLIENT_EVENT_MAX = 4 << 20,        /* of one event */
	HTTP_CLIENT_SERVER_MAX = 280,   /* a host name has at most 255 characters */
};

struct http_client;

struct http_client_config {
	const char *server;             /* "127.0.0.1:7070", or with http:// or https:// before */
	const char *token;              /* NULL: none */
	const char *agent;              /* User-Agent, or NULL */
	const char *language;           /* Accept-Language, or NULL; static */
	const char *ca_file;            /* of https; NULL: the system's */
	const char *cert_file, *key_file;       /* our own certificate, or NULL */
	unsigned connect_ms;            /* 0: 5 s */
	unsigned timeout_ms;            /* whole call; 0: 60 s.  Streams: silence, at least 45 s */
};

struct http_answer {
	unsigned status;
	char type[80];                  /* Content-Type without parameters */
	struct buf body;
	int64_t log_offset, log_size;   /* X-Log-Offset, X-Log-Size; -1: absent */
};

/* 0, or ERR_E_INPUT when the address is not one. */
int http_client_new(const struct http_client_config *c, struct http_client **ret, struct err *err);
struct http_client *http_client_free(struct http_client *c);    /* takes NULL; NULL back */
const char *http_client_server(const struct http_client *c);     /* as given, without the scheme */

/* Any answer is 0, whatever its status.  `path` starts with '/', encoded; `body` may be NULL
 * and is borrowed.  *ret is to be freed by http_answer_done() in every case. */
int http_client_call(struct http_client *c, const char *method, const char *path,
		     const json_t *body, struct http_answer *ret, struct err *err);
void http_answer_done(struct http_answer *a);   /* takes a zeroed answer */

struct http_event {
	const char *id, *kind;          /* "" when absent; kind: "message" when absent */
	const char *data;               /* lines joined by '\n' */
	size_t len;
};

/* One event, or about once a second NULL as a tick.  Return true to end the stream. */
typedef bool (*http_event_fn)(void *arg, const struct http_event *ev);

/* Read server-sent events until `fn` says so.  A broken connection is opened again with
 * Last-Event-ID, for at most `patience_s` without one that works.  HTTP_CLIENT_E_STATUS:
 * *ret holds the answer, as above. */
int http_client_stream(struct http_client *c, const char *path, unsigned patience_s,
		       http_event_fn fn, void *arg, struct http_answer *ret, struct err *err);

/* Percent-encode one part of a path or a query value; appended to `out`. */
void http_put_part(struct buf *out, const char *s);

/* ---- the event-stream format (WHATWG HTML, 9.2.6), apart for the tests ---- */

struct http_sse {
	struct buf line, data;
	char id[64], kind[64];
	bool cr, over;                  /* `over`: an event was larger than HTTP_CLIENT_EVENT_MAX */
};

void http_sse_init(struct http_sse *s);
void http_sse_done(struct http_sse *s);
void http_sse_reset(struct http_sse *s);        /* a new connection; the last id stays */
/* True when `fn` wanted the end. */
bool http_sse_feed(struct http_sse *s, const char *p, size_t n, http_event_fn fn, void *arg);

#endif
