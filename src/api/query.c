/* query.c - query parameters: what is not understood is refused, never ignored */

#include "api/call.h"

#include "base/text.h"

#include <string.h>

/* The name's place in the list, or NULL. */
static const char *listed(const char *names, const char *name, size_t n)
{
	while (*names) {
		size_t len = strcspn(names, " +");

		if (len == n && !memcmp(names, name, n))
			return names;
		names += len;
		names += strspn(names, " +");
	}
	return NULL;
}

static int refuse(struct api_call *c, const char *name, const char *what)
{
	const char *known = c->route->query;

	reply_no(c, NO_BAD_REQUEST, name, what,
		 *known ? arena_printf(&c->req->arena, "known here: %s", known) :
		 "this path takes no query parameters");
	return 1;
}

int query_check(struct api_call *c)
{
	const char *p = c->req->query;
	uint64_t seen = 0;

	while (*p) {
		size_t n = strcspn(p, "&");
		size_t len = strcspn(p, "=&");
		char *name = arena_strndup(&c->req->arena, p, len);
		const char *at = listed(c->route->query, name, len);

		p += n + (p[n] == '&');
		if (!len && !n)
			continue;
		if (!at && strchr(c->route->query, '*'))
			continue;
		if (!at)
			return refuse(c, len > 40 ? "" : name, "unknown query parameter");
		if (!http_query(c->req, name))
			return refuse(c, name, "the value has a broken %XX escape, a control "
				      "byte or invalid UTF-8");
		/* The offset in the list of names tells them apart; it is below 64. */
		if (seen & 1ULL << (at - c->route->query) && at[len] != '+')
			return refuse(c, name, "given twice");
		seen |= 1ULL << (at - c->route->query);
	}
	return 0;
}

const char *query_str(struct api_call *c, const char *name)
{
	return http_query(c->req, name);
}

int query_i64(struct api_call *c, const char *name, int64_t min, int64_t max, int64_t *ret)
{
	const char *s = query_str(c, name);

	if (!s || !text_i64(s, min, max, ret))
		return 0;
	reply_no(c, NO_BAD_REQUEST, name,
		 arena_printf(&c->req->arena, "must be a whole number from %lld to %lld",
			      (long long)min, (long long)max), NULL);
	return 1;
}

int query_flag(struct api_call *c, const char *name, bool *ret)
{
	int64_t v = *ret;

	if (query_i64(c, name, 0, 1, &v))
		return 1;
	*ret = v != 0;
	return 0;
}
