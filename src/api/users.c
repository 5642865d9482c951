/* users.c - accounts: list, make, change, remove */

#include "api/call.h"

static int64_t place(const struct api_call *c, const char *name)
{
	const struct user *u = flow_user_find(c->api->flow, name);

	return u ? (int64_t)flow_user_index(c->api->flow, u) : -1;
}

static json_t *item(const struct api_call *c, uint32_t i, const char **ret_name)
{
	const struct user *u = flow_user_at(c->api->flow, i);

	*ret_name = u ? u->name : NULL;
	return u ? user_json(u) : NULL;
}

void api_user_list(struct api_call *c)
{
	static const struct page p = { "users", "there is no such account", place, item };

	reply_page(c, &p, flow_nusers(c->api->flow));
}

void api_user_get(struct api_call *c)
{
	const struct user *u = flow_user_find(c->api->flow, c->param);

	if (u)
		reply_json(c, 200, user_json(u));
	else
		reply_no(c, NO_NOT_FOUND, NULL, "there is no account of this name",
			 "GET /v1/users lists them");
}

static void answer(struct api_call *c, int r, unsigned status, const struct user *u,
		   const struct err *err)
{
	if (r)
		reply_err(c, r, err);
	else
		reply_json(c, status, user_json(u));
}

void api_user_new(struct api_call *c)
{
	const struct user *u = NULL;
	struct err err = { 0 };
	int r;

	if (call_json(c))
		return;
	r = flow_user_new(c->api->flow, c->body, &c->who, &u, &err);
	answer(c, r, 201, u, &err);
}

void api_user_change(struct api_call *c)
{
	const struct user *u = NULL;
	struct err err = { 0 };
	int r;

	if (call_json(c))
		return;
	r = flow_user_change(c->api->flow, c->param, c->body, &c->who, &u, &err);
	answer(c, r, 200, u, &err);
}

void api_user_remove(struct api_call *c)
{
	struct err err = { 0 };
	int r = flow_user_remove(c->api->flow, c->param, &c->who, &err);

	if (r)
		reply_err(c, r, &err);
	else
		reply_empty(c);
}
