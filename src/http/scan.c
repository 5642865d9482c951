/* scan.c - find the end of a head, byte by byte, and refuse odd bytes on the way */

#include "http/head.h"

/* The request line: the target, the longest method and the version. */
enum { LINE_MAX_BYTES = HTTP_TARGET_MAX + 32 };

void http_scan_init(struct http_scan *s)
{
	*s = (struct http_scan){ .first = true };
}

int http_refuse(struct http_no *no, unsigned status, const char *why)
{
	*no = (struct http_no){ status, why };
	return 1;
}

static enum http_scan_result refuse(struct http_no *no, unsigned status, const char *why)
{
	http_refuse(no, status, why);
	return HTTP_SCAN_NO;
}

static enum http_scan_result end_line(struct http_scan *s, struct http_no *no)
{
	s->cr = false;
	if (!s->line && s->first)
		return refuse(no, 400, "an empty line stands before the request line");
	if (!s->line)
		return HTTP_SCAN_END;
	s->first = false;
	s->line = 0;
	return HTTP_SCAN_MORE;
}

/* A byte that ends no line. */
static enum http_scan_result in_line(struct http_scan *s, const struct http_limits *l,
				     unsigned char c, struct http_no *no)
{
	if (c == '\n')
		return refuse(no, 400, "a line must end with CR LF, not with LF alone");
	if ((c < 0x20 && (c != '\t' || s->first)) || c == 0x7f)
		return refuse(no, 400, "a control byte stands in the head");
	s->line++;
	if (s->first)
		return s->line > LINE_MAX_BYTES ?
			refuse(no, 414, "the request target is longer than 8192 bytes") :
			HTTP_SCAN_MORE;
	if (s->line > 1)
		return HTTP_SCAN_MORE;
	if (c == ' ' || c == '\t')
		return refuse(no, 400, "a header line must not begin with a blank");
	if (++s->headers > l->headers_max)
		return refuse(no, 431, "too many header lines");
	return HTTP_SCAN_MORE;
}

static enum http_scan_result scan_byte(struct http_scan *s, const struct http_limits *l,
				       unsigned char c, struct http_no *no)
{
	if (++s->total > l->head_max)
		return s->first ? refuse(no, 414, "the request line is too long") :
				  refuse(no, 431, "the head is too large");
	if (s->cr)
		return c == '\n' ? end_line(s, no) :
				   refuse(no, 400, "a CR must be followed by LF");
	if (c == '\r') {
		s->cr = true;
		return HTTP_SCAN_MORE;
	}
	return in_line(s, l, c, no);
}

enum http_scan_result http_scan(struct http_scan *s, const struct http_limits *l,
				const char *p, size_t n, size_t *ret_used, struct http_no *no)
{
	enum http_scan_result r = HTTP_SCAN_MORE;
	size_t i = 0;

	while (i < n && r == HTTP_SCAN_MORE)
		r = scan_byte(s, l, (unsigned char)p[i++], no);
	*ret_used = i;
	return r;
}
