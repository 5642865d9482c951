/* head.h - the strict check of a request's head, inside http/
 *
 * http_scan_* looks at bytes as they come and finds the end of the head;
 * http_head_read() then takes the whole head apart.  What is refused and why is
 * listed in parse.h.
 */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include "http/server.h"

enum { HTTP_TARGET_MAX = 8 * 1024 };    /* bytes; what common proxies pass on */

/* A refusal: the status and the words for the client (static). */
struct http_no {
	unsigned status;
	const char *why;
};

enum http_scan_result { HTTP_SCAN_MORE = 1, HTTP_SCAN_END, HTTP_SCAN_NO };

struct http_scan {
	size_t total;           /* bytes of the head so far */
	size_t line;            /* bytes of the line so far, without its end */
	unsigned headers;       /* header lines begun */
	bool first;             /* in the request line */
	bool cr;                /* the last byte was a CR */
};

void http_scan_init(struct http_scan *s);

/* Look at up to n bytes.  *ret_used: how many belong to the head; `no` is written
 * with HTTP_SCAN_NO only.  The result does not depend on how bytes are split. */
enum http_scan_result http_scan(struct http_scan *s, const struct http_limits *l,
				const char *p, size_t n, size_t *ret_used, struct http_no *no);

/* What a head says about its message. */
struct http_head {
	unsigned minor;         /* HTTP/1.minor */
	bool chunked;
	bool has_length;
	uint64_t length;
	bool close, keep;       /* the words of Connection */
	bool expect;            /* 100-continue is awaited */
};

/* Take apart a head that http_scan() found complete.  Writes NULs into `text`,
 * which must outlive `req`; fills method, path, query, headers and has_body of
 * `req`.  0, or 1 with `no` written. */
int http_head_read(char *text, size_t n, unsigned headers, struct http_request *req,
		   struct http_head *ret, struct http_no *no);

/* Request target to decoded path and raw query; 0, or 1 with `no` written. */
int http_target_read(char *target, struct http_request *req, struct http_no *no);

/* Percent-decode n bytes into the arena; `plus` makes '+' a blank.  NULL when an
 * escape is broken, or the result holds a control byte or invalid UTF-8. */
char *http_unescape(struct arena *a, const char *s, size_t n, bool plus);

bool http_host_ok(const char *s);
int http_refuse(struct http_no *no, unsigned status, const char *why);  /* returns 1 */

#endif
