/* chunk.h - the strict check of a chunked body, inside http/
 *
 * Follows the framing only: where a chunk begins, how long it is, where the body
 * ends.  Trailer fields are refused: nobody here reads them.
 */
#ifndef HTTP_CHUNK_H
#define HTTP_CHUNK_H

#include "http/head.h"

enum {
	/* All extensions of one body together: many small chunks, each with a long
	 * extension, would cost the server far more bytes than the body limit says. */
	HTTP_EXTENSIONS_MAX = 256,
	HTTP_CHUNK_DIGITS_MAX = 8,      /* 4 GiB a chunk */
};

struct http_chunk {
	int at;                 /* private: where in the framing we are */
	unsigned digits;
	unsigned extensions;    /* bytes so far */
	uint64_t left;          /* bytes of this chunk that are still to come */
	uint64_t total;         /* bytes of data announced so far */
};

void http_chunk_init(struct http_chunk *c);

/* Look at up to n bytes; stops after the end of the body.  *ret_used: bytes that
 * are fine and belong to the body.  `max`: limit of the data. */
enum http_scan_result http_chunk_scan(struct http_chunk *c, uint64_t max, const char *p, size_t n,
				      size_t *ret_used, struct http_no *no);

#endif
