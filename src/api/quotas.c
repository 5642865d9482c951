/* quotas.c - what tenants may take, what they took, and their part when pools are full */

#include "api/call.h"

#include "domain/role.h"

#include <string.h>

static json_t *real_of(double v)
{
	/* Three digits tell enough, and are the same on every machine. */
	return json_real((double)(int64_t)(v * 1000 + 0.5) / 1000);
}

json_t *quota_view(const struct flow *f, const char *tenant)
{
	struct flow_quota q;
	json_t *doc = json_object();

	flow_quota(f, tenant, &q);
	json_object_set_new(doc, "tenant", json_string(tenant));
	json_object_set_new(doc, "limits", quota_json(&q.quota));
	json_object_set_new(doc, "running", json_integer(q.running));
	json_object_set_new(doc, "waiting", json_integer(q.waiting));
	json_object_set_new(doc, "accelerator_hours", real_of((double)q.accel_ms / 3600000));
	json_object_set_new(doc, "usage_hours", real_of(q.usage_hours));
	json_object_set_new(doc, "usage_part", real_of(q.usage_part));
	return doc;
}

void api_quota_own(struct api_call *c)
{
	reply_json(c, 200, quota_view(c->api->flow, c->who.tenant));
}

void api_quota_list(struct api_call *c)
{
	struct flow *f = c->api->flow;
	const char *after = query_str(c, "after"), *name;
	int64_t limit = API_PAGE_MAX, n = 0;
	const char *last = NULL;
	struct buf *b;

	if (query_i64(c, "limit", 1, API_PAGE_MAX, &limit))
		return;
	b = reply_begin(c, 200);
	buf_str(b, "{\"quotas\":[");
	for (name = flow_quota_next(f, after); name && n < limit; name = flow_quota_next(f, name)) {
		json_t *doc = quota_view(f, name);

		if (n++)
			buf_str(b, ",");
		put_json(b, doc);
		json_decref(doc);
		last = name;
	}
	buf_str(b, "],\"next\":");
	put_text(b, name ? last : NULL);
	buf_str(b, "}");
	reply_send(c);
}

void api_quota_get(struct api_call *c)
{
	if (!flow_may_see(&c->who, c->param)) {
		reply_no(c, NO_NOT_FOUND, NULL, "there is no such tenant, or it is not yours", NULL);
		return;
	}
	reply_json(c, 200, quota_view(c->api->flow, c->param));
}

void api_quota_set(struct api_call *c)
{
	struct err err = { 0 };
	int r;

	if (call_json(c))
		return;
	r = flow_quota_set(c->api->flow, c->param, c->body, &c->who, &err);
	if (r)
		reply_err(c, r, &err);
	else
		reply_json(c, 200, quota_view(c->api->flow, c->param));
}
