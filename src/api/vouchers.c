/* vouchers.c - 算力券, budgets and the ledger's accounts; a tenant sees its own */

#include "api/call.h"

#include "base/text.h"
#include "domain/wire.h"

#include <string.h>

/* The voucher with what the ledger says of it. */
static json_t *voucher_doc(const struct flow *f, const struct voucher *v)
{
	const struct ledger *l = flow_ledger(f);
	int64_t left = ledger_voucher(l, ACCOUNT_VOUCHER, v->id);
	int64_t held = ledger_voucher(l, ACCOUNT_VOUCHER_HELD, v->id);
	json_t *doc = voucher_json(v);

	json_object_set_new(doc, "withdrawn", json_boolean(v->withdrawn));
	json_object_set_new(doc, "left_micro", json_integer(left));
	json_object_set_new(doc, "held_micro", json_integer(held));
	json_object_set_new(doc, "used_micro", json_integer(v->face_micro - left - held));
	return doc;
}

static bool asked_for(struct api_call *c, const struct voucher *v, const char *tenant,
		      const char *issuer)
{
	return flow_may_see(&c->who, v->tenant) && (!tenant || !strcmp(tenant, v->tenant)) &&
	       (!issuer || !strcmp(issuer, v->issuer));
}

void api_voucher_list(struct api_call *c)
{
	const struct flow *f = c->api->flow;
	const char *tenant = query_str(c, "tenant"), *issuer = query_str(c, "issuer");
	int64_t limit = API_PAGE_MAX, after = 0, n = 0;
	uint32_t id, last = 0;
	struct buf *b;

	if (query_i64(c, "limit", 1, API_PAGE_MAX, &limit) ||
	    query_i64(c, "after", 0, UINT32_MAX, &after))
		return;
	b = reply_begin(c, 200);
	buf_str(b, "{\"vouchers\":[");
	for (id = (uint32_t)after + 1; id <= flow_nvouchers(f) && n < limit; id++) {
		json_t *doc;

		if (!asked_for(c, flow_voucher(f, id), tenant, issuer))
			continue;
		if (n++)
			buf_str(b, ",");
		doc = voucher_doc(f, flow_voucher(f, id));
		put_json(b, doc);
		json_decref(doc);
		last = id;
	}
	if (n && id <= flow_nvouchers(f))
		buf_printf(b, "],\"next\":%u}", last);
	else
		buf_str(b, "],\"next\":null}");
	reply_send(c);
}

/* NULL: answered. */
static const struct voucher *voucher_of(struct api_call *c)
{
	const struct voucher *v;
	struct err err = { 0 };
	int64_t id;

	if (text_i64(c->param, 1, UINT32_MAX, &id)) {
		reply_no(c, NO_BAD_REQUEST, "id", "a voucher id is a whole number", NULL);
		return NULL;
	}
	v = flow_voucher(c->api->flow, (uint32_t)id);
	if (v && flow_may_see(&c->who, v->tenant))
		return v;
	err_set(&err, FLOW_E_NOT_FOUND, "there is no such voucher, or it is not yours");
	reply_err(c, FLOW_E_NOT_FOUND, &err);
	return NULL;
}

void api_voucher_get(struct api_call *c)
{
	const struct voucher *v = voucher_of(c);

	if (v)
		reply_json(c, 200, voucher_doc(c->api->flow, v));
}

void api_voucher_issue(struct api_call *c)
{
	const struct voucher *v = NULL;
	struct err err = { 0 };
	int r;

	if (call_json(c))
		return;
	r = flow_voucher_issue(c->api->flow, c->body, &c->who, &v, &err);
	if (r)
		reply_err(c, r, &err);
	else
		reply_json(c, 201, voucher_doc(c->api->flow, v));
}

/* {"reason": "…"}, in the arena of the request.  1: answered. */
static int reason_of(struct api_call *c, const char **ret)
{
	struct err err = { 0 };
	struct dec d;

	if (call_json(c))
		return 1;
	dec_begin(&d, c->body, "", NULL, &c->req->arena, &err);
	wire_str(&d, "reason", DEC_NEED, WIRE_REASON_MAX, wire_printable, ret);
	if (!dec_end(&d))
		return 0;
	reply_err(c, d.r, &err);
	return 1;
}

void api_voucher_withdraw(struct api_call *c)
{
	const struct voucher *v = voucher_of(c);
	const char *reason = NULL;
	struct err err = { 0 };
	int r;

	if (!v || reason_of(c, &reason))
		return;
	r = flow_voucher_withdraw(c->api->flow, v->id, reason, &c->who, &err);
	if (r)
		reply_err(c, r, &err);
	else
		reply_json(c, 200, voucher_doc(c->api->flow, v));
}

/* ---- budgets ---- */

static json_t *budget_doc(const struct flow *f, const char *tenant)
{
	struct budget b;

	flow_budget(f, tenant, &b);
	return json_pack("{s:s, s:b, s:I, s:I}", "tenant", tenant, "limited", b.limited,
			 "available_micro", (json_int_t)b.available_micro, "held_micro",
			 (json_int_t)b.held_micro);
}

void api_budget_get(struct api_call *c)
{
	const char *tenant = query_str(c, "tenant");
	struct err err = { 0 };

	if (!tenant)
		tenant = c->who.tenant;
	if (text_is_name(tenant) && flow_may_see(&c->who, tenant)) {
		reply_json(c, 200, budget_doc(c->api->flow, tenant));
		return;
	}
	err_set(&err, FLOW_E_NOT_FOUND, "there is no such tenant, or it is not yours");
	reply_err(c, FLOW_E_NOT_FOUND, &err);
}

void api_budget_change(struct api_call *c)
{
	struct err err = { 0 };
	int r;

	if (call_json(c))
		return;
	r = flow_budget_change(c->api->flow, c->body, &c->who, &err);
	if (r)
		reply_err(c, r, &err);
	else
		reply_json(c, 200, budget_doc(c->api->flow, json_string_value(
					json_object_get(c->body, "tenant"))));
}

/* ---- accounts ---- */

void api_ledger(struct api_call *c)
{
	const struct ledger *l = flow_ledger(c->api->flow);
	int64_t limit = API_PAGE_MAX, after = 0;
	struct account a;
	uint32_t i;
	struct buf *b;

	if (query_i64(c, "limit", 1, API_PAGE_MAX, &limit) ||
	    query_i64(c, "after", 0, UINT32_MAX, &after))
		return;
	b = reply_begin(c, 200);
	buf_str(b, "{\"accounts\":[");
	for (i = (uint32_t)after; i < after + limit && ledger_at(l, i, &a); i++) {
		buf_printf(b, "%s{\"kind\":\"%s\",\"name\":", i > after ? "," : "",
			   account_kind_name(a.kind));
		put_text(b, a.name);
		buf_printf(b, ",\"balance_micro\":%lld}", (long long)a.micro);
	}
	buf_printf(b, "],\"sum_micro\":%lld,\"next\":", (long long)ledger_sum(l));
	if (ledger_at(l, i, &a))
		buf_printf(b, "%u}", i);
	else
		buf_str(b, "null}");
	reply_send(c);
}
