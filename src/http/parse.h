/* parse.h - a strict reading of HTTP/1.x requests, on llhttp
 *
 * llhttp does the grammar; a check of our own stands in front of it and refuses
 * what any two servers have been seen to read differently: a bare LF or CR,
 * obs-fold, a blank before the colon, an empty header name, two Content-Length or
 * Host lines, Content-Length with Transfer-Encoding, a Content-Length that is not
 * all digits, a Transfer-Encoding other than exactly "chunked", chunk extensions
 * above 256 bytes, trailer fields, a control byte in a value, a target that does
 * not begin with '/', an empty line before a request.  Where llhttp and the check
 * read a message differently, it is refused.  See doc/decision for the choice.
 */
#ifndef HTTP_PARSE_H
#define HTTP_PARSE_H

#include "base/arena.h"
#include "base/err.h"
#include "http/server.h"

struct http_parse;

enum http_parse_state {
	HTTP_PARSE_HEAD = 1,    /* wants bytes of the head */
	HTTP_PARSE_BODY,        /* head complete (req filled in), wants bytes of the body */
	HTTP_PARSE_DONE,        /* the whole message is in req */
	HTTP_PARSE_BAD,         /* see http_parse_status() */
};

/* The parser fills `req` (method, path, query, headers, body), in req->arena and in
 * buffers of its own that live until the next http_parse_begin().  The arena is
 * the caller's to reset. */
struct http_parse *http_parse_new(const struct http_limits *l);
struct http_parse *http_parse_free(struct http_parse *p);
void http_parse_begin(struct http_parse *p, struct http_request *req);
void http_parse_trim(struct http_parse *p);     /* free large buffers; no request is under way */

/* Limit of the body; to be set when the state first becomes HTTP_PARSE_BODY, which
 * it does for every request; one without a body is done at the next feed, even of
 * no bytes. */
void http_parse_body_max(struct http_parse *p, size_t max);

/* Feed bytes; *ret_eaten says how many were used (the rest belongs to the next
 * request, or waits for body_max). */
enum http_parse_state http_parse_feed(struct http_parse *p, const char *data, size_t n,
				      size_t *ret_eaten);

/* 400, 413, 414, 417, 431, 501 or 505. */
unsigned http_parse_status(const struct http_parse *p);
const char *http_parse_why(const struct http_parse *p);        /* words for the client */
bool http_parse_keep_alive(const struct http_parse *p);
bool http_parse_expect_continue(const struct http_parse *p);
unsigned http_parse_minor(const struct http_parse *p);          /* HTTP/1.minor */

#endif
