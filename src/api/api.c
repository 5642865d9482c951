/* api.c - from a request's head to the function of its row: closed unless a row opens it */

#include "api/call.h"

#include "base/clock.h"
#include "base/mem.h"
#include "api/guard.h"
#include "api/oidc.h"
#include "loop/timer.h"
#include "loop/work.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int base64_digit(char ch)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = ch ? strchr(digits, ch) : NULL;

	return p ? (int)(p - digits) : -1;
}

/* "Basic base64(anyone:sl_…)" -> the token, or NULL.  For TES clients, which know a user and
 * a password; the password is the token. */
static const struct token *token_basic(const struct api *a, const char *s)
{
	char text[256], *colon;
	unsigned bits = 0, nbits = 0;
	size_t n = 0;
	int v;

	for (; (v = base64_digit(*s)) >= 0 && n < sizeof(text) - 1; s++) {
		bits = bits << 6 | (unsigned)v;
		nbits += 6;
		if (nbits >= 8) {
			nbits -= 8;
			text[n++] = (char)(bits >> nbits);
		}
	}
	text[n] = '\0';
	s += strspn(s, "=");
	colon = strchr(text, ':');
	if (*s || !colon || strlen(colon + 1) != TOKEN_TEXT_LEN)
		return NULL;
	return flow_token_find(a->flow, colon + 1);
}

/* What stands behind "Bearer", or NULL. */
static const char *bearer(const struct http_request *req)
{
	const char *s = http_header(req, "authorization");

	if (!s || strncasecmp(s, "bearer ", 7))
		return NULL;
	s += 7;
	return s + strspn(s, " ");
}

/* Of a Bearer sl_…, or for TES a Basic; NULL: neither. */
static const struct token *token_of(const struct api *a, const struct http_request *req)
{
	const char *s = http_header(req, "authorization"), *text = bearer(req);

	if (s && !strncasecmp(s, "basic ", 6) && !strncmp(req->path, "/ga4gh/", 7))
		return token_basic(a, s + 6 + strspn(s + 6, " "));
	return text && strlen(text) == TOKEN_TEXT_LEN ? flow_token_find(a->flow, text) : NULL;
}

static const char how[] = "send the header Authorization: Bearer sl_…";

/* A JWT of a provider: 0, or 1 and answered. */
static int check_foreign(struct api_call *c, const char *text)
{
	int64_t now_ms = clock_now_ms();
	struct err err = { 0 };
	uint8_t addr[16];
	unsigned wait_s;
	int r = oidc_seen(c->api->oidc, text, now_ms, &c->who);

	/* A signature costs more than a hash: none is looked at for a source that floods. */
	if (r) {
		http_peer(c->req, addr);
		wait_s = guard_wait(c->api->guard, addr, now_ms);
		if (wait_s) {
			reply_wait(c, wait_s, "too many wrong tokens or passwords from your address");
			return 1;
		}
		r = oidc_find(c->api->oidc, text, now_ms, &c->who, &err);
	}
	if (!r && !flow_tenant_find(c->api->flow, c->who.tenant))
		r = err_set(&err, OIDC_E_FORBIDDEN, "there is no tenant \"%s\" here", c->who.tenant);
	if (r == OIDC_E_WRONG)
		reply_wrong(c, err.text, NULL);
	else if (r)
		reply_no(c, r == OIDC_E_LATER ? NO_UNAVAILABLE : NO_FORBIDDEN, NULL, err.text, NULL);
	return r != 0;
}

/* A machine with a certificate that stands for an account. */
static bool certified(struct api_call *c)
{
	const struct api_clients *all = c->api->clients;
	const char *subject = http_peer_subject(c->req);

	for (uint32_t i = 0; all && *subject && i < all->n; i++) {
		const struct api_client *one = &all->all[i];

		if (one->subject ? !strcmp(one->subject, subject) :
				   http_peer_has_name(c->req, one->name))
			return !flow_caller(c->api->flow, one->user, &c->who);
	}
	return false;
}

static int check_token(struct api_call *c, bool public)
{
	const struct token *t = token_of(c->api, c->req);
	const char *text = t || public ? NULL : bearer(c->req);

	if (t) {
		c->who = *t;
		return 0;
	}
	if (public)
		return 0;
	if (text && c->api->oidc && strchr(text, '.'))
		return check_foreign(c, text);
	if (!http_header(c->req, "authorization") && certified(c))
		return 0;
	if (http_header(c->req, "authorization"))
		reply_wrong(c, "the token is not known here, was revoked, or is over", how);
	else
		reply_no(c, NO_UNAUTHORIZED, NULL, "no token was given", how);
	return 1;
}

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

/* A browser says where a page is from that makes it ask.  None of ours is elsewhere, and the
 * browser sends a certificate of its own accord: a page of strangers would act in its name. */
static int check_site(struct api_call *c)
{
	const char *site = http_header(c->req, "sec-fetch-site");

	if (!site || !strcmp(site, "same-origin") || !strcmp(site, "none") ||
	    !strcmp(c->req->method, "GET") || !strcmp(c->req->method, "HEAD"))
		return 0;
	reply_no(c, NO_FORBIDDEN, NULL, "a page of another site made the browser ask this", NULL);
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
	if (check_site(c) || check_token(c, c->route && c->route->roles & ROLE_PUBLIC) ||
	    check_route(c, allow) || check_role(c) || query_check(c) || check_type(c))
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

void api_oidc(struct api *a, const struct oidc_config *c, uint32_t n)
{
	if (n)
		a->oidc = oidc_new(a->loop, c, n);
}

void api_certificates(struct api *a, const struct api_clients *c)
{
	a->clients = c->n ? c : NULL;
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
