/* head.c - a complete head, taken apart line by line */

#include "http/head.h"

#include "base/mem.h"

#include <string.h>
#include <strings.h>

struct reader {
	struct http_request *req;
	struct http_head *head;
	struct http_no *no;
	unsigned seen;                  /* bit i: rule i was met */
	bool host;
};

/* ---- names that matter here ---- */

static int read_host(struct reader *r, const char *value)
{
	r->host = true;
	if (!http_host_ok(value))
		return http_refuse(r->no, 400, "the Host header is not a host name");
	return 0;
}

static int read_length(struct reader *r, const char *value)
{
	uint64_t n = 0;
	size_t len = strlen(value);

	if (!len || len != strspn(value, "0123456789") || len > 18)
		return http_refuse(r->no, 400, "Content-Length must be a plain decimal number");
	for (size_t i = 0; i < len; i++)
		n = n * 10 + (uint64_t)(value[i] - '0');
	r->head->has_length = true;
	r->head->length = n;
	return 0;
}

static int read_coding(struct reader *r, const char *value)
{
	if (strcasecmp(value, "chunked"))
		return http_refuse(r->no, 501, "the only transfer coding known here is chunked");
	r->head->chunked = true;
	return 0;
}

static int read_expect(struct reader *r, const char *value)
{
	if (strcasecmp(value, "100-continue"))
		return http_refuse(r->no, 417, "the only expectation known here is 100-continue");
	r->head->expect = true;
	return 0;
}

static int read_connection(struct reader *r, const char *value)
{
	for (const char *p = value; *p;) {
		size_t n;

		p += strspn(p, " \t,");
		n = strcspn(p, " \t,");
		if (n == 5 && !strncasecmp(p, "close", 5))
			r->head->close = true;
		if (n == 10 && !strncasecmp(p, "keep-alive", 10))
			r->head->keep = true;
		p += n;
	}
	return 0;
}

static const struct rule {
	const char *name;
	bool once;
	int (*read)(struct reader *r, const char *value);
} rules[] = {
	{ "host", true, read_host },
	{ "content-length", true, read_length },
	{ "transfer-encoding", true, read_coding },
	{ "expect", true, read_expect },
	{ "connection", false, read_connection },
	{ "authorization", true, NULL },
	{ "content-type", true, NULL },
	{ "cookie", true, NULL },       /* RFC 9112 has no lists of it; RFC 9113, 8.2.3 joins them */
	{ "origin", true, NULL },
	{ "sec-fetch-site", true, NULL },
};

static int apply_rule(struct reader *r, const char *name, const char *value)
{
	for (unsigned i = 0; i < ARRAY_LEN(rules); i++) {
		if (strcmp(rules[i].name, name))
			continue;
		if (rules[i].once && (r->seen & 1u << i))
			return http_refuse(r->no, 400, "a header that may stand once came twice");
		r->seen |= 1u << i;
		return rules[i].read ? rules[i].read(r, value) : 0;
	}
	return 0;
}

/* ---- lines ---- */

static bool is_token(unsigned char c)
{
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
		return true;
	return (c >= '0' && c <= '9') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* Lower-case the name up to its colon; NULL when it is not a name. */
static char *read_name(char *line)
{
	char *p = line;

	for (; is_token((unsigned char)*p); p++)
		if (*p >= 'A' && *p <= 'Z')
			*p |= 0x20;
	return p > line && *p == ':' ? p : NULL;
}

static int read_header(struct reader *r, char *line, char *end, struct http_header *ret)
{
	char *colon = read_name(line), *value;

	if (!colon)
		return http_refuse(r->no, 400, "a header line must be a name, a colon and a value");
	*colon = '\0';
	for (value = colon + 1; value < end && (*value == ' ' || *value == '\t'); value++)
		;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	*ret = (struct http_header){ line, value };
	return apply_rule(r, line, value);
}

static int read_version(struct reader *r, const char *s)
{
	if (!strcmp(s, "HTTP/1.1"))
		r->head->minor = 1;
	else if (!strcmp(s, "HTTP/1.0"))
		r->head->minor = 0;
	else if (strlen(s) == 8 && !strncmp(s, "HTTP/", 5) && s[6] == '.' &&
		 strchr("0123456789", s[5]) && strchr("0123456789", s[7]))
		return http_refuse(r->no, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
	else
		return http_refuse(r->no, 400, "the request line must end with HTTP/1.1");
	return 0;
}

static int read_method(struct reader *r, const char *s)
{
	static const char *const known[] = {
		"GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS",
	};

	for (unsigned i = 0; i < ARRAY_LEN(known); i++) {
		if (!strcmp(known[i], s)) {
			r->req->method = known[i];
			return 0;
		}
	}
	if (!*s || s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_")])
		return http_refuse(r->no, 400, "the request line must begin with a method");
	return http_refuse(r->no, 501, "this method is not known here");
}

/* METHOD SP target SP version, with single blanks and nothing else. */
static int read_first(struct reader *r, char *line)
{
	char *a = strchr(line, ' '), *b = a ? strchr(a + 1, ' ') : NULL;

	if (!b || strchr(b + 1, ' '))
		return http_refuse(r->no, 400, "the request line must be METHOD target HTTP/1.1");
	*a = *b = '\0';
	if (read_method(r, line) || read_version(r, b + 1))
		return 1;
	return http_target_read(a + 1, r->req, r->no);
}

/* What only the whole head can tell. */
static int read_whole(struct reader *r)
{
	const struct http_head *h = r->head;

	if (h->minor == 1 && !r->host)
		return http_refuse(r->no, 400, "the Host header is missing");
	if (h->chunked && h->has_length)
		return http_refuse(r->no, 400,
				   "Content-Length and Transfer-Encoding must not stand together");
	if (h->chunked && h->minor == 0)
		return http_refuse(r->no, 400, "HTTP/1.0 has no Transfer-Encoding");
	r->req->has_body = h->chunked || h->length;
	return 0;
}

int http_head_read(char *text, size_t n, unsigned headers, struct http_request *req,
		   struct http_head *ret, struct http_no *no)
{
	struct reader r = { .req = req, .head = ret, .no = no };
	struct http_header *list = arena_array(&req->arena, headers, sizeof(*list));
	char *end = memmem(text, n, "\r\n", 2), *line;

	*ret = (struct http_head){ 0 };
	*end = '\0';
	if (read_first(&r, text))
		return 1;
	req->headers = list;
	for (line = end + 2; *line != '\r'; line = end + 2) {
		end = memmem(line, n - (size_t)(line - text), "\r\n", 2);
		if (read_header(&r, line, end, &list[req->nheaders++]))
			return 1;
	}
	return read_whole(&r);
}
