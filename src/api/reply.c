/* reply.c - answers: JSON once it is durable, and refusals in both languages */

#include "api/call.h"

#include "api/guard.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "domain/phrase.h"

#include <stdlib.h>
#include <string.h>

static const struct no_row {
	unsigned status;
	const char *code, *en, *zh, *retry_after;
} no_rows[] = {
	[NO_BAD_REQUEST] = { 400, "bad_request", "the request is not valid", "请求无效", NULL },
	[NO_UNAUTHORIZED] = { 401, "unauthorized", "a valid token is needed",
			      "需要有效的令牌", NULL },
	[NO_FORBIDDEN] = { 403, "forbidden", "this token may not do that",
			   "该令牌无权执行此操作", NULL },
	[NO_NOT_FOUND] = { 404, "not_found", "there is no such thing", "找不到所请求的对象", NULL },
	[NO_METHOD] = { 405, "method_not_allowed", "this path does not know that method",
			"该路径不支持此方法", NULL },
	[NO_CONFLICT] = { 409, "conflict", "the present state does not allow it",
			  "当前状态不允许此操作", NULL },
	[NO_TYPE] = { 415, "unsupported_type", "the body must be application/json",
		      "请求体必须是 application/json", NULL },
	[NO_TOO_MANY] = { 429, "too_many", "a limit is reached; try again later",
			  "已达上限，请稍后再试", "10" },
	[NO_UNAVAILABLE] = { 503, "unavailable", "not possible at the moment; try again",
			     "暂时无法处理，请稍后再试", "2" },
	[NO_INTERNAL] = { 500, "internal", "something broke on our side; it is in the log",
			  "服务内部出错，详情见日志", NULL },
};

void call_done(struct api_call *c)
{
	buf_done(&c->out);
	json_decref(c->body);
	c->body = NULL;
}

static void on_durable(void *arg)
{
	struct api_call *c = arg;

	c->then(c);
}

void call_hold(struct api_call *c, api_fn fn)
{
	c->then = fn;
	flow_when_durable(c->api->flow, on_durable, c);
}

struct buf *reply_begin(struct api_call *c, unsigned status)
{
	c->status = status;
	c->type = "application/json";
	buf_done(&c->out);
	buf_init(&c->out, API_OUT_MAX);
	return &c->out;
}

void reply_send_now(struct api_call *c)
{
	struct http_request *req = c->req;
	struct buf out = c->out;

	if (out.full) {
		log_error("api", "%s %s: the answer is larger than %d bytes", req->method,
			  req->path, API_OUT_MAX);
		reply_no(c, NO_INTERNAL, NULL, "the answer is too large",
			 "ask for fewer items with limit");
		return;
	}
	/* The call dies with the request. */
	c->out = (struct buf){ 0 };
	call_done(c);
	http_reply_take(req, c->status, c->type, &out);
}

void reply_send(struct api_call *c)
{
	call_hold(c, reply_send_now);
}

void reply_json(struct api_call *c, unsigned status, json_t *json)
{
	struct buf *b = reply_begin(c, status);

	put_json(b, json);
	json_decref(json);
	reply_send(c);
}

void reply_page(struct api_call *c, const struct page *p, uint32_t n)
{
	const char *after = query_str(c, "after"), *last = NULL, *name = NULL;
	int64_t from = after ? p->place(c, after) : -1;
	int64_t limit = API_PAGE_MAX, got = 0;
	json_t *doc = NULL;
	struct buf *b;

	if (query_i64(c, "limit", 1, API_PAGE_MAX, &limit))
		return;
	if (after && from < 0) {
		reply_no(c, NO_BAD_REQUEST, "after", p->none, NULL);
		return;
	}
	b = reply_begin(c, 200);
	buf_printf(b, "{\"%s\":[", p->key);
	for (uint32_t i = (uint32_t)(from + 1); i < n && got <= limit; i++) {
		doc = p->item(c, i, &name);
		if (!doc)
			continue;
		if (got++ == limit)
			break;
		buf_str(b, got > 1 ? "," : "");
		put_new(b, doc);
		last = name;
	}
	buf_str(b, "],\"next\":");
	put_text(b, got > limit ? last : NULL);
	buf_str(b, "}");
	if (got > limit)
		json_decref(doc);
	reply_send(c);
}

void reply_empty(struct api_call *c)
{
	reply_begin(c, 204);
	reply_send(c);
}

static void put_member(struct buf *b, const char *key, const char *value)
{
	buf_printf(b, ",\"%s\":", key);
	put_text(b, value && *value ? value : NULL);
}

static void put_said(struct buf *b, const char *key, const char *value, bool zh)
{
	char text[PHRASE_ZH_MAX];

	put_member(b, key, zh ? phrase_zh(value, text) : value);
}

/* The refusal's words in the language that is asked for; its code, field and status are the same. */
static void no_begin(struct api_call *c, enum no no, const char *field, const char *detail,
		     const char *hint)
{
	const struct no_row *row = &no_rows[no];
	struct buf *b = reply_begin(c, row->status);
	bool zh = call_wants_zh(c);

	buf_printf(b, "{\"code\":\"%s\"", row->code);
	put_member(b, "message", zh ? row->zh : row->en);
	put_member(b, "message_zh", row->zh);
	put_said(b, "detail", detail, zh);
	put_said(b, "hint", hint, zh);
	if (field && *field)
		put_member(b, "field", field);
	buf_str(b, "}");
	if (zh)
		http_reply_header(c->req, "Content-Language", "zh");
	if (no == NO_UNAUTHORIZED)
		http_reply_header(c->req, "WWW-Authenticate", "Bearer");
}

/* `retry_after`: NULL, or what stands there. */
static void retry_after(struct api_call *c, const char *s)
{
	if (s)
		http_reply_header(c->req, "Retry-After", s);
}

void reply_no(struct api_call *c, enum no no, const char *field, const char *detail,
	      const char *hint)
{
	no_begin(c, no, field, detail, hint);
	retry_after(c, no_rows[no].retry_after);
	reply_send_now(c);
}

void reply_wait(struct api_call *c, unsigned wait_s, const char *detail)
{
	no_begin(c, NO_TOO_MANY, NULL, detail, NULL);
	retry_after(c, arena_printf(&c->req->arena, "%u", wait_s));
	reply_send_now(c);
}

void reply_wrong(struct api_call *c, const char *detail, const char *hint)
{
	uint8_t addr[16];
	unsigned wait_s;

	http_peer(c->req, addr);
	wait_s = guard_wrong(c->api->guard, addr, clock_now_ms());
	if (wait_s)
		reply_wait(c, wait_s, "too many wrong tokens or passwords from your address");
	else
		reply_no(c, NO_UNAUTHORIZED, NULL, detail, hint);
}

static enum no no_of(int r)
{
	switch (r) {
	case FLOW_E_INPUT:
		return NO_BAD_REQUEST;
	case FLOW_E_NOT_FOUND:
		return NO_NOT_FOUND;
	case FLOW_E_CONFLICT:
		return NO_CONFLICT;
	case FLOW_E_LIMIT:
		return NO_TOO_MANY;
	case FLOW_E_FORBIDDEN:
		return NO_FORBIDDEN;
	case FLOW_E_BUSY:
		return NO_UNAVAILABLE;
	default:
		return NO_INTERNAL;
	}
}

void reply_err(struct api_call *c, int r, const struct err *err)
{
	enum no no = no_of(r);

	if (no == NO_INTERNAL) {
		log_error("api", "%s %s: %s", c->req->method, c->req->path, err->text);
		reply_no(c, no, NULL, NULL, NULL);
		return;
	}
	no_begin(c, no, err->field, err->text, err->hint);
	retry_after(c, no_rows[no].retry_after);
	/* These two speak of what exists, so they wait like any answer; a store in trouble
	 * must not hold back the words that say so. */
	if (no == NO_NOT_FOUND || no == NO_CONFLICT)
		reply_send(c);
	else
		reply_send_now(c);
}

int call_json(struct api_call *c)
{
	struct err err = { 0 };
	int r;

	if (!c->req->has_body) {
		reply_no(c, NO_BAD_REQUEST, NULL, "a JSON body is needed", NULL);
		return 1;
	}
	r = json_parse(c->req->body, c->req->body_len, &c->body, &err);
	if (!r)
		return 0;
	reply_err(c, r, &err);
	return 1;
}
