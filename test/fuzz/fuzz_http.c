/* fuzz_http.c - however the bytes are cut, the reading is the same
 *
 * The first byte chooses the cuts, the second the body limit; the rest is what a
 * client sends.  It is read once whole and once in pieces.
 */

#include "base/mem.h"
#include "base/rng.h"
#include "http/parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct reading {
	struct http_parse *p;
	struct http_request req;
	enum http_parse_state state;
	size_t eaten;
};

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_http: %s\n", what);
	abort();
}

/* seed 0: one piece. */
static void read_it(struct reading *r, const char *s, size_t n, uint64_t seed, size_t body_max)
{
	struct rng rng = { seed };
	bool told = false, more = true;
	size_t eaten;

	while (more) {
		size_t take = n - r->eaten;

		if (seed && take)
			take = rng_below(&rng, take < 9 ? take + 1 : 9);
		r->state = http_parse_feed(r->p, s + r->eaten, take, &eaten);
		must(eaten <= take, "more eaten than fed");
		r->eaten += eaten;
		if (r->state == HTTP_PARSE_BODY && !told) {
			http_parse_body_max(r->p, body_max);
			told = true;
			continue;
		}
		more = (r->state == HTTP_PARSE_HEAD || r->state == HTTP_PARSE_BODY) &&
		       (r->eaten < n);
		must(!more || eaten == take, "bytes left over in the middle of a message");
	}
	if (told && r->state == HTTP_PARSE_BODY)
		r->state = http_parse_feed(r->p, "", 0, &eaten);
}

static void same_request(const struct http_request *a, const struct http_request *b)
{
	must(!strcmp(a->method, b->method), "methods differ");
	must(!strcmp(a->path, b->path), "paths differ");
	must(!strcmp(a->query, b->query), "queries differ");
	must(a->nheaders == b->nheaders, "numbers of headers differ");
	for (unsigned i = 0; i < a->nheaders; i++) {
		must(!strcmp(a->headers[i].name, b->headers[i].name), "names differ");
		must(!strcmp(a->headers[i].value, b->headers[i].value), "values differ");
	}
	must(a->body_len == b->body_len, "body lengths differ");
	must(!memcmp(a->body, b->body, a->body_len), "bodies differ");
}

static void same_reading(const struct reading *a, const struct reading *b)
{
	must(a->state == b->state, "states differ");
	if (a->state == HTTP_PARSE_BAD) {
		must(http_parse_status(a->p) == http_parse_status(b->p), "statuses differ");
		must(!strcmp(http_parse_why(a->p), http_parse_why(b->p)), "words differ");
		return;
	}
	must(a->eaten == b->eaten, "different numbers of bytes eaten");
	if (a->state == HTTP_PARSE_DONE)
		same_request(&a->req, &b->req);
}

/* What a handler relies on. */
static void check_request(const struct reading *r, size_t body_max)
{
	const char *path = r->req.path;

	if (r->state != HTTP_PARSE_DONE)
		return;
	must(path[0] == '/' && !strstr(path, "/../"), "the path is not clean");
	must(r->req.body_len <= body_max, "the body is above its limit");
	must(!r->req.body[r->req.body_len], "the body has no NUL behind it");
	must(!http_header(&r->req, "content-length") || !http_header(&r->req, "transfer-encoding"),
	     "two framings");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct http_limits limits = { .head_max = 2048, .headers_max = 16 };
	static struct reading r[2];
	size_t body_max;

	if (n < 2)
		return 0;
	body_max = data[1] * 16u;
	for (int i = 0; i < 2; i++) {
		/* The parser and the arena stay: leftovers of the last request must not show. */
		if (!r[i].p)
			r[i].p = http_parse_new(&limits);
		arena_reset(&r[i].req.arena);
		r[i].eaten = 0;
		http_parse_begin(r[i].p, &r[i].req);
		read_it(&r[i], (const char *)data + 2, n - 2, i ? data[0] + 1u : 0, body_max);
		check_request(&r[i], body_max);
	}
	same_reading(&r[0], &r[1]);
	return 0;
}
