/* tokens.c - who may call; the text of a token is shown once, when it is made */

#include "api/call.h"

#include "base/text.h"

#include <string.h>

/* All, or with `user` those of one account. */
static void list(struct api_call *c, const char *user)
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

		if (t->id <= after || (user && (!*user || strcmp(t->user, user))))
			continue;
		if (n == limit)
			break;
		if (n++)
			buf_str(b, ",");
		put_new(b, token_json(t));
		last = t->id;
	}
	if (i < flow_ntokens(f))
		buf_printf(b, "],\"next\":%u}", last);
	else
		buf_str(b, "],\"next\":null}");
	reply_send(c);
}

void api_token_list(struct api_call *c)
{
	list(c, NULL);
}

void api_own_token_list(struct api_call *c)
{
	list(c, c->who.user);
}

typedef int (*make_fn)(struct flow *f, const json_t *doc, const struct token *who, char *ret_text,
		       const struct token **ret, struct err *err);

static void make(struct api_call *c, make_fn fn)
{
	char text[TOKEN_TEXT_LEN + 1];
	const struct token *t = NULL;
	struct err err = { 0 };
	json_t *doc;
	int r;

	if (call_json(c))
		return;
	r = fn(c->api->flow, c->body, &c->who, text, &t, &err);
	if (r) {
		reply_err(c, r, &err);
		return;
	}
	doc = token_json(t);
	json_object_set_new(doc, "token", json_string(text));
	explicit_bzero(text, sizeof(text));
	http_reply_header(c->req, "Cache-Control", "no-store");
	reply_json(c, 201, doc);
}

void api_token_new(struct api_call *c)
{
	make(c, flow_token_new);
}

void api_own_token_new(struct api_call *c)
{
	make(c, flow_token_new_own);
}

typedef int (*drop_fn)(struct flow *f, uint32_t id, const struct token *who, struct err *err);

static void drop(struct api_call *c, drop_fn fn)
{
	struct err err = { 0 };
	int64_t id;
	int r;

	if (text_i64(c->param, 1, UINT32_MAX, &id)) {
		reply_no(c, NO_BAD_REQUEST, "id", "a token id is a whole number", NULL);
		return;
	}
	r = fn(c->api->flow, (uint32_t)id, &c->who, &err);
	if (r)
		reply_err(c, r, &err);
	else
		reply_empty(c);
}

void api_token_revoke(struct api_call *c)
{
	drop(c, flow_token_revoke);
}

void api_own_token_revoke(struct api_call *c)
{
	drop(c, flow_token_revoke_own);
}
