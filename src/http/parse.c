/* parse.c - our check first, llhttp behind it, and both must have read the same
 *
 * llhttp gets the head in one piece and of the body only bytes that the check has
 * passed, up to the byte where the check saw the message end.  When llhttp sees
 * another end, another length or another framing, the request is refused: two
 * readers that disagree are what request smuggling is made of.
 */

#include "http/parse.h"

#include "base/buf.h"
#include "base/mem.h"
#include "http/chunk.h"

#include <llhttp.h>
#include <stdlib.h>
#include <string.h>

enum { KEEP_MAX = 16 * 1024 };          /* memory kept from one request to the next */

struct http_parse {
	llhttp_t ll;
	struct http_limits limits;
	struct http_request *req;
	enum http_parse_state state;
	struct http_no no;
	struct http_scan scan;
	struct http_chunk chunk;
	struct http_head head_says;
	struct buf head, body;          /* req points into both */
	size_t body_max;
	uint64_t left;                  /* of Content-Length */

	/* What llhttp has seen. */
	bool ll_head, ll_end, ll_chunked, ll_keep;
	uint64_t ll_length;
};

/* ---- what llhttp tells ---- */

static int on_head(llhttp_t *ll)
{
	struct http_parse *p = ll->data;

	p->ll_head = true;
	p->ll_chunked = ll->flags & F_CHUNKED;
	p->ll_length = ll->flags & F_CONTENT_LENGTH ? ll->content_length : 0;
	p->ll_keep = llhttp_should_keep_alive(ll);
	/* Upgrade is not offered here; the request is read as if it had not asked. */
	ll->upgrade = 0;
	return 0;
}

static int on_body(llhttp_t *ll, const char *at, size_t n)
{
	struct http_parse *p = ll->data;

	return buf_add(&p->body, at, n) ? -1 : 0;
}

static int on_end(llhttp_t *ll)
{
	struct http_parse *p = ll->data;

	p->ll_end = true;
	return 0;
}

/* No lenient flag is ever set on a parser made with these. */
static const llhttp_settings_t settings = {
	.on_headers_complete = on_head,
	.on_body = on_body,
	.on_message_complete = on_end,
};

/* ---- life ---- */

struct http_parse *http_parse_new(const struct http_limits *l)
{
	struct http_parse *p = mem_alloc(sizeof(*p));

	p->limits = *l;
	buf_init(&p->head, l->head_max);
	buf_init(&p->body, 0);
	llhttp_init(&p->ll, HTTP_REQUEST, &settings);
	p->ll.data = p;
	return p;
}

struct http_parse *http_parse_free(struct http_parse *p)
{
	if (p) {
		buf_done(&p->head);
		buf_done(&p->body);
		free(p);
	}
	return NULL;
}

static void trim(struct buf *b)
{
	if (b->cap > KEEP_MAX) {
		buf_done(b);
		buf_init(b, 0);
	}
}

static void renew(struct buf *b, size_t max)
{
	b->max = max;
	buf_reset(b);
}

void http_parse_trim(struct http_parse *p)
{
	trim(&p->head);
	trim(&p->body);
}

void http_parse_begin(struct http_parse *p, struct http_request *req)
{
	p->req = req;
	req->method = req->path = req->query = req->body = "";
	req->body_len = 0;
	req->nheaders = 0;
	req->headers = NULL;
	req->has_body = false;
	p->state = HTTP_PARSE_HEAD;
	p->no = (struct http_no){ 0 };
	http_parse_trim(p);
	http_scan_init(&p->scan);
	http_chunk_init(&p->chunk);
	p->head_says = (struct http_head){ 0 };
	renew(&p->head, p->limits.head_max);
	renew(&p->body, 0);
	p->body_max = 0;
	p->ll_head = p->ll_end = p->ll_chunked = p->ll_keep = false;
	p->ll_length = 0;
	llhttp_reset(&p->ll);
}

void http_parse_body_max(struct http_parse *p, size_t max)
{
	p->body_max = max;
	p->body.max = max;
}

/* ---- feeding ---- */

static enum http_parse_state bad(struct http_parse *p, unsigned status, const char *why)
{
	http_refuse(&p->no, status, why);
	return p->state = HTTP_PARSE_BAD;
}

static enum http_parse_state disagree(struct http_parse *p)
{
	return bad(p, 400, "this request can be read in two ways");
}

static bool ll_feed(struct http_parse *p, const char *data, size_t n)
{
	return !n || llhttp_execute(&p->ll, data, n) == HPE_OK;
}

/* Did llhttp read this head as we did?  A message without a body is over for it. */
static bool same_head(const struct http_parse *p)
{
	const struct http_head *h = &p->head_says;

	return p->ll_head && p->ll_chunked == h->chunked && p->ll_length == h->length &&
	       p->ll_end == !p->req->has_body && p->ll.http_major == 1 &&
	       p->ll.http_minor == h->minor &&
	       !strcmp(llhttp_method_name(p->ll.method), p->req->method);
}

static enum http_parse_state head_end(struct http_parse *p)
{
	bool fine = ll_feed(p, p->head.data, p->head.len);

	/* Our reading cuts the text, so llhttp is fed first; our words come first. */
	if (http_head_read(p->head.data, p->head.len, p->scan.headers, p->req, &p->head_says,
			   &p->no))
		return p->state = HTTP_PARSE_BAD;
	if (!fine)
		return bad(p, 400, "this head is not HTTP/1.1");
	if (!same_head(p))
		return disagree(p);
	p->left = p->head_says.length;
	return p->state = HTTP_PARSE_BODY;
}

static enum http_parse_state feed_head(struct http_parse *p, const char *data, size_t n,
				       size_t *ret_eaten)
{
	enum http_scan_result r = http_scan(&p->scan, &p->limits, data, n, ret_eaten, &p->no);

	if (r == HTTP_SCAN_NO)
		return p->state = HTTP_PARSE_BAD;
	buf_add(&p->head, data, *ret_eaten);
	return r == HTTP_SCAN_END ? head_end(p) : HTTP_PARSE_HEAD;
}

static enum http_parse_state body_end(struct http_parse *p)
{
	p->req->body = p->body.data;
	p->req->body_len = p->body.len;
	if (!p->ll_end)
		return disagree(p);
	return p->state = HTTP_PARSE_DONE;
}

static enum http_parse_state feed_length(struct http_parse *p, const char *data, size_t n,
					 size_t *ret_eaten)
{
	if (p->head_says.length > p->body_max)
		return bad(p, 413, "the body is larger than this address takes");
	if (n > p->left)
		n = (size_t)p->left;
	if (!ll_feed(p, data, n))
		return disagree(p);
	*ret_eaten = n;
	p->left -= n;
	if (!p->left)
		return body_end(p);
	return p->ll_end ? disagree(p) : HTTP_PARSE_BODY;
}

static enum http_parse_state feed_chunks(struct http_parse *p, const char *data, size_t n,
					 size_t *ret_eaten)
{
	struct http_no no;
	enum http_scan_result r = http_chunk_scan(&p->chunk, p->body_max, data, n, ret_eaten, &no);

	if (!ll_feed(p, data, *ret_eaten))
		return bad(p, 400, "the chunked body is malformed");
	if (r == HTTP_SCAN_NO)
		return bad(p, no.status, no.why);
	if (r == HTTP_SCAN_END)
		return body_end(p);
	return p->ll_end ? disagree(p) : HTTP_PARSE_BODY;
}

enum http_parse_state http_parse_feed(struct http_parse *p, const char *data, size_t n,
				      size_t *ret_eaten)
{
	*ret_eaten = 0;
	switch (p->state) {
	case HTTP_PARSE_HEAD:
		return feed_head(p, data, n, ret_eaten);
	case HTTP_PARSE_BODY:
		if (p->head_says.chunked)
			return feed_chunks(p, data, n, ret_eaten);
		return feed_length(p, data, n, ret_eaten);
	default:
		return p->state;
	}
}

/* ---- what the server asks ---- */

unsigned http_parse_status(const struct http_parse *p)
{
	return p->no.status;
}

const char *http_parse_why(const struct http_parse *p)
{
	return p->no.why;
}

bool http_parse_keep_alive(const struct http_parse *p)
{
	const struct http_head *h = &p->head_says;

	return p->ll_keep && !h->close && (h->minor == 1 || h->keep);
}

bool http_parse_expect_continue(const struct http_parse *p)
{
	return p->head_says.expect && p->head_says.minor == 1;
}

unsigned http_parse_minor(const struct http_parse *p)
{
	return p->head_says.minor;
}
