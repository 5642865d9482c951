/* chunk.c - follow the framing of a chunked body and refuse what is not exact */

#include "http/chunk.h"

#include "base/text.h"

/*
 *   SIZE -> [EXT] -> SIZE_LF -> DATA -> DATA_CR -> DATA_LF -> SIZE ...
 *                      | size 0
 *                      +-----> LAST_CR -> LAST_LF -> end
 */
enum { SIZE = 1, EXT, SIZE_LF, DATA, DATA_CR, DATA_LF, LAST_CR, LAST_LF };

void http_chunk_init(struct http_chunk *c)
{
	*c = (struct http_chunk){ .at = SIZE };
}

static enum http_scan_result refuse(struct http_no *no, unsigned status, const char *why)
{
	http_refuse(no, status, why);
	return HTTP_SCAN_NO;
}

static enum http_scan_result in_size(struct http_chunk *c, unsigned char b, struct http_no *no)
{
	int v = text_hex((char)b);

	if (v >= 0) {
		if (++c->digits > HTTP_CHUNK_DIGITS_MAX)
			return refuse(no, 400, "a chunk size has more than 8 digits");
		c->left = c->left * 16 + (uint64_t)v;
		return HTTP_SCAN_MORE;
	}
	if (!c->digits || (b != ';' && b != '\r'))
		return refuse(no, 400, "a chunk size must be hexadecimal digits");
	c->at = b == ';' ? EXT : SIZE_LF;
	return HTTP_SCAN_MORE;
}

static enum http_scan_result in_extension(struct http_chunk *c, unsigned char b,
					  struct http_no *no)
{
	if (b == '\r') {
		c->at = SIZE_LF;
		return HTTP_SCAN_MORE;
	}
	if ((b < 0x20 && b != '\t') || b >= 0x7f)
		return refuse(no, 400, "a control byte stands in a chunk extension");
	if (++c->extensions > HTTP_EXTENSIONS_MAX)
		return refuse(no, 400, "chunk extensions are longer than 256 bytes");
	return HTTP_SCAN_MORE;
}

static enum http_scan_result size_known(struct http_chunk *c, uint64_t max, struct http_no *no)
{
	c->total += c->left;
	if (c->total > max)
		return refuse(no, 413, "the body is larger than this address takes");
	c->at = c->left ? DATA : LAST_CR;
	c->digits = 0;
	return HTTP_SCAN_MORE;
}

/* A byte that must be `want`. */
static enum http_scan_result expect(struct http_chunk *c, unsigned char b, char want, int next,
				    struct http_no *no)
{
	if (b != (unsigned char)want)
		return refuse(no, 400, c->at == LAST_CR ?
			      "trailer fields are not taken here, send them as headers" :
			      "a chunk must end with CR LF");
	c->at = next;
	return HTTP_SCAN_MORE;
}

static enum http_scan_result framing_byte(struct http_chunk *c, uint64_t max, unsigned char b,
					  struct http_no *no)
{
	switch (c->at) {
	case SIZE:
		return in_size(c, b, no);
	case EXT:
		return in_extension(c, b, no);
	case SIZE_LF:
		return b == '\n' ? size_known(c, max, no) :
				   refuse(no, 400, "a chunk size must end with CR LF");
	case DATA_CR:
		return expect(c, b, '\r', DATA_LF, no);
	case DATA_LF:
		return expect(c, b, '\n', SIZE, no);
	case LAST_CR:
		return expect(c, b, '\r', LAST_LF, no);
	default:
		return b == '\n' ? HTTP_SCAN_END : refuse(no, 400, "a chunk must end with CR LF");
	}
}

enum http_scan_result http_chunk_scan(struct http_chunk *c, uint64_t max, const char *p, size_t n,
				      size_t *ret_used, struct http_no *no)
{
	enum http_scan_result r = HTTP_SCAN_MORE;
	size_t i = 0;

	while (i < n && r == HTTP_SCAN_MORE) {
		if (c->at == DATA) {
			size_t run = n - i < c->left ? n - i : (size_t)c->left;

			i += run;
			c->left -= run;
			if (!c->left)
				c->at = DATA_CR;
			continue;
		}
		r = framing_byte(c, max, (unsigned char)p[i], no);
		i += r != HTTP_SCAN_NO;
	}
	*ret_used = i;
	return r;
}
