/* tenants.c - for whom tasks are run: list, make, change, remove */

#include "api/call.h"

static int64_t place(const struct api_call *c, const char *name)
{
	const struct tenant *t = flow_tenant_find(c->api->flow, name);

	return t ? (int64_t)flow_tenant_index(c->api->flow, t) : -1;
}

static json_t *item(const struct api_call *c, uint32_t i, const char **ret_name)
{
	const struct tenant *t = flow_tenant_at(c->api->flow, i);

	*ret_name = t ? t->name : NULL;
	return t ? tenant_json(t) : NULL;
}

void api_tenant_list(struct api_call *c)
{
	static const struct page p = { "tenants", "there is no such tenant", place, item };

	reply_page(c, &p, flow_ntenants(c->api->flow));
}

/* One alone comes with its limits and what it uses of them. */
static json_t *tenant_view(const struct flow *f, const struct tenant *t)
{
	json_t *doc = tenant_json(t);

	json_object_set_new(doc, "quota", quota_view(f, t->name));
	return doc;
}

void api_tenant_get(struct api_call *c)
{
	const struct tenant *t = flow_tenant_find(c->api->flow, c->param);

	if (t)
		reply_json(c, 200, tenant_view(c->api->flow, t));
	else
		reply_no(c, NO_NOT_FOUND, NULL, "there is no tenant of this name",
			 "GET /v1/tenants lists them");
}

static void answer(struct api_call *c, int r, unsigned status, const struct tenant *t,
		   const struct err *err)
{
	if (r)
		reply_err(c, r, err);
	else
		reply_json(c, status, tenant_view(c->api->flow, t));
}

void api_tenant_new(struct api_call *c)
{
	const struct tenant *t = NULL;
	struct err err = { 0 };
	int r;

	if (call_json(c))
		return;
	r = flow_tenant_new(c->api->flow, c->body, &c->who, &t, &err);
	answer(c, r, 201, t, &err);
}

void api_tenant_change(struct api_call *c)
{
	const struct tenant *t = NULL;
	struct err err = { 0 };
	int r;

	if (call_json(c))
		return;
	r = flow_tenant_change(c->api->flow, c->param, c->body, &c->who, &t, &err);
	answer(c, r, 200, t, &err);
}

void api_tenant_remove(struct api_call *c)
{
	struct err err = { 0 };
	int r = flow_tenant_remove(c->api->flow, c->param, &c->who, &err);

	if (r)
		reply_err(c, r, &err);
	else
		reply_empty(c);
}
