/* datasets.c - data that tasks may name; a tenant sees its own */

#include "api/call.h"

#include "domain/hide.h"

/* The data set of that name if this token may see it. */
static const struct dataset *visible(const struct api_call *c, const char *name)
{
	const struct dataset *d = flow_dataset_find(c->api->flow, name);

	return d && flow_may_see(&c->who, d->tenant) ? d : NULL;
}

/* Others than its owner get no query of its address. */
static json_t *shown(const struct api_call *c, const struct dataset *d)
{
	json_t *doc = dataset_json(d);

	if (!flow_owns(&c->who, d->tenant, d->owner))
		hide_private(doc);
	return doc;
}

static json_t *item(const struct api_call *c, uint32_t i, const char **ret_name)
{
	const struct dataset *d = flow_dataset_at(c->api->flow, i);

	if (!d || !flow_may_see(&c->who, d->tenant))
		return NULL;
	*ret_name = d->name;
	return shown(c, d);
}

static int64_t place(const struct api_call *c, const char *name)
{
	const struct dataset *d = visible(c, name);
	int64_t i = -1;

	while (d && flow_dataset_at(c->api->flow, (uint32_t)++i) != d)
		;
	return i;
}

void api_dataset_list(struct api_call *c)
{
	static const struct page p = { "datasets", "there is no such data set", place, item };

	reply_page(c, &p, flow_ndatasets(c->api->flow));
}

static void not_found(struct api_call *c)
{
	struct err err = { 0 };

	err_set(&err, FLOW_E_NOT_FOUND, "there is no such data set, or it is not yours");
	reply_err(c, FLOW_E_NOT_FOUND, &err);
}

void api_dataset_get(struct api_call *c)
{
	const struct dataset *d = visible(c, c->param);

	if (d)
		reply_json(c, 200, shown(c, d));
	else
		not_found(c);
}

void api_dataset_put(struct api_call *c)
{
	const struct dataset *d = NULL;
	struct err err = { 0 };
	int r;

	if (call_json(c))
		return;
	r = flow_dataset_put(c->api->flow, c->body, &c->who, &d, &err);
	if (r)
		reply_err(c, r, &err);
	else
		reply_json(c, 201, shown(c, d));
}

void api_dataset_remove(struct api_call *c)
{
	struct err err = { 0 };
	int r;

	if (!visible(c, c->param)) {
		not_found(c);
		return;
	}
	r = flow_dataset_remove(c->api->flow, c->param, &c->who, &err);
	if (r)
		reply_err(c, r, &err);
	else
		reply_empty(c);
}
