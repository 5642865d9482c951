/* api.c - from a request's head to the function of its row: closed unless a row opens it */

#include "api/call.h"

#include "base/clock.h"
#include "base/mem.h"
#include "api/guard.h"
#include "api/login.h"
#include "loop/timer.h"
#include "loop/work.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int check_route(struct api_call *c, const char *allow)
{
	if (c->route)
		return 0;
	if (allow) {
		http_reply_header(c->req, "Allow", allow);
		reply_no(c, NO_METHOD, NULL,
			 arena_printf(&c->req->arena, "allowed here: %s", allow), NULL);
		return 1;
	}
	reply_no(c, NO_NOT_FOUND, NULL, "no such path", "the paths are in doc/openapi.yaml");
	return 1;
}

static int check_role(struct api_call *c)
{
	const struct api_route *r = c->route;

	if (!(r->roles & (ROLE_PUBLIC | c->who.roles))) {
		reply_no(c, NO_FORBIDDEN, NULL, "the token does not have a role that may do this",
			 "ask an admin of this node for another token");
		return 1;
	}
	if (r->roles & ROLE_PUBLIC || !c->who.scopes || r->scope & c->who.scopes)
		return 0;
	reply_no(c, NO_FORBIDDEN, NULL,
		 arena_printf(&c->req->arena, "the token is not for this, which is %s",
			      scope_name(r->scope)),
		 "use a token with this scope");
	return 1;
}

/* application/json, with or without charset=utf-8 */
static bool is_json(const char *s)
{
	static const char type[] = "application/json";
	size_t n = sizeof(type) - 1;

	if (!s || strncasecmp(s, type, n))
		return false;
	s += n;
	s += strspn(s, " \t");
	if (!*s)
		return true;
	if (*s++ != ';')
		return false;
	s += strspn(s, " \t");
	return !strcasecmp(s, "charset=utf-8") || !strcasecmp(s, "charset=\"utf-8\"");
}

static int check_type(struct api_call *c)
{
	/* A body that the row refuses is the server's to refuse, with 413. */
	if (!c->req->has_body || !c->route->body_max ||
	    is_json(http_header(c->req, "content-type")))
		return 0;
	reply_no(c, NO_TYPE, NULL, NULL, "send Content-Type: application/json");
	return 1;
}

static bool on_head(void *arg, struct http_request *req, size_t *ret_body_max)
{
	struct api_call *c = arena_alloc(&req->arena, sizeof(*c));
	const char *allow;

	c->api = arg;
	c->req = req;
	req->user = c;
	c->route = route_find(req->method, req->path, &req->arena, &c->param, &allow);
	if (caller_site(c) || caller_find(c) || check_route(c, allow) || check_role(c) ||
	    query_check(c) || check_type(c))
		return false;
	*ret_body_max = c->route->body_max;
	return true;
}

/* For the audit log. */
static void actor(void *arg, char out[CHAIN_ACTOR_MAX])
{
	const struct api_call *c = arg;
	char text[CHAIN_ACTOR_MAX];

	snprintf(text, sizeof(text), "%s of %s, token %u, from %s",
		 c->who.user[0] ? c->who.user : c->who.name, c->who.tenant,
		 c->who.id, http_peer_text(c->req));
	chain_actor(out, text);
}

static void on_request(void *arg, struct http_request *req)
{
	struct api_call *c = req->user;
	struct flow *f = c->api->flow;

	flow_actor(f, actor, c);
	c->route->fn(c);        /* may be the end of it */
	flow_actor(f, NULL, NULL);
}

static void on_gone(void *arg, struct http_request *req)
{
	struct api_call *c = req->user;

	flow_forget_durable(c->api->flow, c);
	if (c->gone)
		c->gone(c->arg);
	call_done(c);
}

struct api *api_new(uv_loop_t *loop, struct flow *f, const char *version)
{
	struct api *a = mem_alloc(sizeof(*a));

	a->loop = loop;
	a->flow = f;
	a->version = version;
	a->started_ms = clock_now_ms();
	a->guard = guard_new();
	a->work = work_new(loop, API_PASSWORDS, API_PASSWORDS_WAIT);
	a->statements = work_new(loop, 1, API_STATEMENTS_WAIT);
	return a;
}

void api_handler(struct api *a, struct http_handler *ret)
{
	*ret = (struct http_handler){ .arg = a, .head = on_head, .request = on_request,
				      .gone = on_gone };
}

int api_oidc(struct api *a, const struct oidc_config *c, uint32_t n, struct err *err)
{
	bool logins = false;

	if (!n)
		return 0;
	a->oidc = oidc_new(a->loop, c, n);
	for (uint32_t i = 0; i < n; i++) {
		if (!c[i].client_id)
			continue;
		logins = true;
		if (!strncmp(c[i].redirect, "https:", 6))
			api_https(a);
	}
	return logins ? logins_new(a->loop, a->oidc, c, n, &a->logins, err) : 0;
}

void api_certificates(struct api *a, const struct api_clients *c)
{
	a->clients = c->n ? c : NULL;
}

void api_https(struct api *a)
{
	a->https = true;
}

void api_http(struct api *a, const struct http_server *s)
{
	a->http = s;
}

void api_stop(struct api *a)
{
	a->stopping = true;
	streams_end(a);
}

struct api *api_free(struct api *a)
{
	if (!a)
		return NULL;
	api_stop(a);
	work_free(a->work);
	work_free(a->statements);
	logins_free(a->logins);
	oidc_free(a->oidc);
	guard_free(a->guard);
	for (struct walk *w = a->walks; w; w = w->next)
		w->api = NULL;
	origins_done(a);
	flow_watch_free(a->watch);
	timer_free(a->tick);
	free(a);
	return NULL;
}
