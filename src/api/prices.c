/* prices.c - the price list: who may see the pools may see what they cost */

#include "api/call.h"

#include <string.h>

void api_price_list(struct api_call *c)
{
	const struct flow *f = c->api->flow;
	const char *pool = query_str(c, "pool");
	int64_t limit = API_PAGE_MAX, after = 0, n = 0;
	uint32_t id, last = 0;
	struct buf *b;

	if (query_i64(c, "limit", 1, API_PAGE_MAX, &limit) ||
	    query_i64(c, "after", 0, UINT32_MAX, &after))
		return;
	b = reply_begin(c, 200);
	buf_str(b, "{\"prices\":[");
	for (id = (uint32_t)after + 1; id <= flow_nprices(f) && n < limit; id++) {
		const struct price *p = flow_price(f, id);
		json_t *doc;

		if (pool && strcmp(pool, p->pool) != 0)
			continue;
		if (n++)
			buf_str(b, ",");
		doc = price_json(p);
		put_json(b, doc);
		json_decref(doc);
		last = id;
	}
	if (id <= flow_nprices(f))
		buf_printf(b, "],\"next\":%u}", last);
	else
		buf_str(b, "],\"next\":null}");
	reply_send(c);
}

void api_price_set(struct api_call *c)
{
	const struct price *p = NULL;
	struct err err = { 0 };
	int r;

	if (call_json(c))
		return;
	r = flow_price_set(c->api->flow, c->body, &c->who, &p, &err);
	if (r)
		reply_err(c, r, &err);
	else
		reply_json(c, 201, price_json(p));
}
