/* tokens.c - who may call; the text of a token is shown once, when it is made */

#include "api/call.h"

#include "base/text.h"

#include <string.h>

void api_token_list(struct api_call *c)
{
	struct flow *f = c->api->flow;
	int64_t limit = API_PAGE_MAX, after = 0, n = 0;
	uint32_t last = 0, i;
	struct buf *b;

	if (query_i64(c, "limit", 1, API_PAGE_MAX, &limit) ||
	    query_i64(c, "after", 0, UINT32_MAX, &after))
		return;
	b = reply_begin(c, 200);
	buf_str(b, "{\"tokens\":[");
	for (i = 0; i < flow_ntokens(f); i++) {
		const struct token *t = flow_token_at(f, i);
		json_t *doc;

		if (t->id <= after)
			continue;
		if (n == limit)
			break;
		if (n++)
			buf_str(b, ",");
		doc = token_json(t);
		put_json(b, doc);
		json_decref(doc);
		last = t->id;
	}
	if (i < flow_ntokens(f))
		buf_printf(b, "],\"next\":%u}", last);
	else
		buf_str(b, "],\"next\":null}");
	reply_send(c);
}

void api_token_new(struct api_call *c)
{
	char text[TOKEN_TEXT_LEN + 1];
	const struct token *t = NULL;
	struct err err = { 0 };
	json_t *doc;
	int r;

	if (call_json(c))
		return;
	r = flow_token_new(c->api->flow, c->body, false, text, &t, &err);
	if (r) {
		reply_err(c, r, &err);
		return;
	}
	doc = token_json(t);
	json_object_set_new(doc, "token", json_string(text));
	explicit_bzero(text, sizeof(text));
	reply_json(c, 201, doc);
}

void api_token_revoke(struct api_call *c)
{
	struct err err = { 0 };
	int64_t id;
	int r;

	if (text_i64(c->param, 1, UINT32_MAX, &id)) {
		reply_no(c, NO_BAD_REQUEST, "id", "a token id is a whole number", NULL);
		return;
	}
	r = flow_token_revoke(c->api->flow, (uint32_t)id, &err);
	if (r)
		reply_err(c, r, &err);
	else
		reply_empty(c);
}
