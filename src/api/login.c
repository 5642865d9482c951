/* login.c - a browser goes to its OpenID provider and comes back with a session
 *
 *	api_provider_login   attempt_new -> the cookie keeps it, login_url carries it away
 *	        … the person is at the provider, nothing is kept here …
 *	api_login_callback   resume (is it this browser's?) -> exchange -> post
 *	        … the provider's answer, or on_left when the browser does not wait …
 *	on_answer            id_token -> settle (whose is it?) -> the cookie of the session
 *
 * failed() is the other way out of each of them.
 */

#include "api/login.h"

#include "api/cookie.h"
#include "api/guard.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/keyfile.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include "domain/jwt.h"
#include "domain/wire.h"
#include "http/fetch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECRET_BYTES = 32, CLIENT_SECRET_MAX = 1024, SAY_MS = 1000, WHY_MAX = 200 };

struct logins {
	struct oidc *oidc;
	const struct oidc_config *c;
	uint32_t n;
	int64_t said_ms;                /* monotonic: a login that nobody began was last told of */
	struct fetch *fetch[OIDC_PROVIDERS_MAX];        /* NULL: no logins there */
};

/* One whose code is being exchanged. */
struct login {
	struct logins *all;
	uint32_t at;                    /* the provider */
	struct api_call *call;
	struct fetch_call *fetch;
	char nonce[LOGIN_SECRET + 1];
};

/* ---- texts ---- */

int attempt_new(struct attempt *ret, const char *provider)
{
	char *const texts[] = { ret->state, ret->nonce, ret->verifier };
	uint8_t bits[SECRET_BYTES];

	snprintf(ret->provider, sizeof(ret->provider), "%s", provider);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		int r = rng_secret(bits, sizeof(bits));

		if (r)
			return r;
		base64url(bits, sizeof(bits), texts[i]);
	}
	explicit_bzero(bits, sizeof(bits));
	return 0;
}

char *attempt_text(const struct attempt *l, char out[LOGIN_COOKIE_MAX + 1])
{
	snprintf(out, LOGIN_COOKIE_MAX + 1, "%s.%s.%s.%s", l->provider, l->state, l->nonce,
		 l->verifier);
	return out;
}

/* Up to a dot or the end. */
static const char *piece(const char *s, char *out, size_t size)
{
	size_t n = s ? strcspn(s, ".") : 0;

	if (!n || n >= size)
		return NULL;
	memcpy(out, s, n);
	out[n] = '\0';
	return s + n + (s[n] == '.');
}

int attempt_read(const char *text, struct attempt *ret)
{
	const char *s = piece(text, ret->provider, sizeof(ret->provider));

	s = piece(s, ret->state, sizeof(ret->state));
	s = piece(s, ret->nonce, sizeof(ret->nonce));
	s = piece(s, ret->verifier, sizeof(ret->verifier));
	return !s || strlen(ret->state) != LOGIN_SECRET || strlen(ret->nonce) != LOGIN_SECRET ||
	       strlen(ret->verifier) != LOGIN_SECRET ||
	       strlen(text) != strlen(ret->provider) + 3 * (LOGIN_SECRET + 1);
}

/* application/x-www-form-urlencoded; a blank as %20, which is right in an address, too. */
static char *form(struct arena *a, const char *s)
{
	char *out = arena_alloc(a, strlen(s) * 3 + 1), *to = out;

	for (; *s; s++) {
		if ((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') ||
		    strchr("-._~", *s))
			*to++ = *s;
		else
			to += sprintf(to, "%%%02X", (unsigned char)*s);
	}
	*to = '\0';
	return out;
}

char *login_url(struct arena *a, const char *endpoint, const struct oidc_config *c,
		const struct attempt *l)
{
	uint8_t digest[DIGEST_LEN];
	char challenge[BASE64_SIZE(DIGEST_LEN)];

	digest_of(DIGEST_SHA256, l->verifier, strlen(l->verifier), digest);
	base64url(digest, sizeof(digest), challenge);
	return arena_printf(a, "%s%cresponse_type=code&client_id=%s&redirect_uri=%s&scope=%s&state=%s"
			    "&nonce=%s&code_challenge=%s&code_challenge_method=S256", endpoint,
			    strchr(endpoint, '?') ? '&' : '?', form(a, c->client_id),
			    form(a, c->redirect),
			    c->scope ? form(a, c->scope) : "openid%20profile", l->state, l->nonce, challenge);
}

char *login_form(struct arena *a, const struct oidc_config *c, const char *code,
		 const struct attempt *l)
{
	char *text = arena_printf(a, "grant_type=authorization_code&code=%s&redirect_uri=%s"
				  "&code_verifier=%s", form(a, code), form(a, c->redirect), l->verifier);

	return c->client_secret ? text :
		arena_printf(a, "%s&client_id=%s", text, form(a, c->client_id));
}

char *login_basic(struct arena *a, const char *client_id, const char *secret)
{
	char *pair = arena_printf(a, "%s:%s", form(a, client_id), form(a, secret));
	size_t n = strlen(pair);

	return arena_printf(a, "Authorization: Basic %s",
			    base64(pair, n, arena_alloc(a, BASE64_SIZE(n))));
}

const char *login_tame(const char *error)
{
	size_t n = error ? strspn(error, "abcdefghijklmnopqrstuvwxyz_") : 0;

	return n && n <= 40 && !error[n] ? error : "?";
}

/* ---- answers to the browser ---- */

static void redirect(struct api_call *c, unsigned status, const char *url)
{
	http_reply_header(c->req, "Location", url);
	http_reply_header(c->req, "Referrer-Policy", "no-referrer");
	http_reply_header(c->req, "Cache-Control", "no-store");
	reply_begin(c, status);
	reply_send_now(c);
}

/* Any page can send a browser here with nonsense: told of now and then, and not counted, or a page
 * elsewhere could make its visitors use up the tries of their address. */
static void stray(struct logins *all, const char *why)
{
	int64_t now = clock_mono_ms();

	if (!all->said_ms || now - all->said_ms > SAY_MS) {
		log_info("login", "state: %s", why);
		all->said_ms = now;
	}
}

/* Each code is a question to the provider, whoever made it up. */
static void count(struct api_call *c)
{
	uint8_t addr[16];

	http_peer(c->req, addr);
	guard_wrong(c->api->guard, addr, clock_now_ms());
}

/* at < 0: of no login that this browser began.  Else it was sent away from here, or somebody made
 * up the cookie as well, which no page elsewhere can. */
static void failed(struct api_call *c, int at, const char *code, const char *why)
{
	if (at < 0) {
		stray(c->api->logins, why);
	} else {
		count(c);
		log_info("login", "%s: %s: %s", c->api->logins->c[at].name, code, why);
	}
	cookie_clear(c, COOKIE_LOGIN);
	redirect(c, 303, arena_printf(&c->req->arena, "/console/#/login?error=%s", code));
}

/* ---- the code becomes a token ---- */

static const char *id_token(const struct fetch_answer *a, struct arena *arena, char why[WHY_MAX])
{
	const char *token = NULL, *error;
	json_t *doc = NULL;

	if (a->result) {
		snprintf(why, WHY_MAX, "the token endpoint: %s", a->text);
		return NULL;
	}
	if (json_parse(a->body->data, a->body->len, &doc, NULL))
		doc = NULL;
	error = json_string_value(json_object_get(doc, "error"));
	if (a->status == 200)
		token = arena_strdup(arena, json_string_value(json_object_get(doc, "id_token")));
	if (!token)
		snprintf(why, WHY_MAX, "the token endpoint answered %u and no token, error %s",
			 a->status, login_tame(error));
	json_decref(doc);
	return token;
}

static void settle(struct login *l, const char *token)
{
	struct api_call *c = l->call;
	int64_t now_ms = clock_now_ms();
	struct err err = { 0 };
	int r = oidc_login(l->all->oidc, l->at, token, l->nonce, now_ms, &c->who, &err);

	if (!r)
		r = caller_has_tenant(c, &err);
	if (r) {
		failed(c, (int)l->at, r == OIDC_E_FORBIDDEN ? "forbidden" : "provider", err.text);
		return;
	}
	if (cookie_set(c, COOKIE_BEARER, token, (c->who.expires_ms - now_ms) / 1000)) {
		failed(c, (int)l->at, "large", "its token does not fit into a cookie");
		return;
	}
	cookie_clear(c, COOKIE_LOGIN);
	redirect(c, 303, "/console/");
}

static void login_free(struct login *l)
{
	explicit_bzero(l, sizeof(*l));
	free(l);
}

static void on_answer(void *arg, const struct fetch_answer *a)
{
	struct login *l = arg;
	char why[WHY_MAX];
	const char *token = id_token(a, &l->call->req->arena, why);

	l->call->gone = NULL;
	if (token)
		settle(l, token);
	else
		failed(l->call, (int)l->at, "provider", why);
	login_free(l);
}

static void on_left(void *arg)
{
	struct login *l = arg;

	count(l->call);
	fetch_cancel(l->fetch);
	login_free(l);
}

/* Without its line end; wiped by the caller. */
static int secret_read(const struct oidc_config *c, char out[CLIENT_SECRET_MAX + 2], struct err *err)
{
	size_t n = 0;
	int r = keyfile_read(c->client_secret, out, CLIENT_SECRET_MAX + 2, &n, err);

	if (r)
		return err_prefix(err, -EACCES, "the client secret ");
	while (n && (out[n - 1] == '\n' || out[n - 1] == '\r'))
		out[--n] = '\0';
	if (n && strlen(out) == n && !wire_printable(out))
		return 0;
	explicit_bzero(out, CLIENT_SECRET_MAX + 2);
	return err_set(err, -EINVAL, "the client secret %.120s must be one line of text",
		       c->client_secret);
}

static int post(struct login *l, const char *url, const char *body, struct err *err)
{
	const struct oidc_config *c = &l->all->c[l->at];
	const char *headers[4] = { "Content-Type: application/x-www-form-urlencoded",
				   "Accept: application/json" };
	struct fetch_request r = { .method = "POST", .url = url, .headers = headers, .body = body,
				   .body_len = strlen(body), .once = true };
	char secret[CLIENT_SECRET_MAX + 2], *basic = NULL;
	int e;

	if (c->client_secret) {
		e = secret_read(c, secret, err);
		if (e)
			return e;
		basic = login_basic(&l->call->req->arena, c->client_id, secret);
		explicit_bzero(secret, sizeof(secret));
		headers[2] = basic;
	}
	e = fetch_start(l->all->fetch[l->at], &r, on_answer, l, &l->fetch, err);
	if (basic)
		explicit_bzero(basic, strlen(basic));
	return e;
}

static void exchange(struct api_call *c, uint32_t at, const struct attempt *t, const char *code,
		     const char *url)
{
	struct logins *all = c->api->logins;
	struct err err = { 0 };
	struct login *l;

	if (fetch_pending(all->fetch[at]) >= LOGINS_MAX) {
		reply_no(c, NO_UNAVAILABLE, NULL, "too many logins are under way", NULL);
		return;
	}
	l = mem_alloc(sizeof(*l));
	l->all = all;
	l->at = at;
	l->call = c;
	memcpy(l->nonce, t->nonce, sizeof(l->nonce));
	if (post(l, url, login_form(&c->req->arena, &all->c[at], code, t), &err)) {
		login_free(l);
		failed(c, (int)at, "provider", err.text);
		return;
	}
	c->gone = on_left;
	c->arg = l;
}

/* ---- requests ---- */

/* With logins, of this name: its place, or -1. */
static int find(const struct logins *all, const char *name)
{
	for (uint32_t i = 0; all && i < all->n; i++)
		if (all->fetch[i] && !strcmp(all->c[i].name, name))
			return (int)i;
	return -1;
}

void api_provider_list(struct api_call *c)
{
	const struct logins *all = c->api->logins;
	json_t *list = json_array();

	for (uint32_t i = 0; all && i < all->n; i++) {
		const struct oidc_config *p = &all->c[i];
		json_t *one;

		if (!all->fetch[i])
			continue;
		one = json_pack("{s:s}", "name", p->name);
		if (p->title)
			wire_put(one, "title", json_string(p->title));
		if (p->title_zh)
			wire_put(one, "title_zh", json_string(p->title_zh));
		json_array_append_new(list, one);
	}
	reply_json(c, 200, json_pack("{s:o}", "providers", list));
}

void api_provider_login(struct api_call *c)
{
	int at = find(c->api->logins, c->param);
	char text[LOGIN_COOKIE_MAX + 1];
	struct oidc_endpoints to;
	struct attempt t;

	/* A page elsewhere would end the session of its visitor by another one. */
	if (caller_not_a_foreign_page(c))
		return;
	if (at < 0) {
		reply_no(c, NO_NOT_FOUND, NULL, "there is no provider of this name for logins",
			 "GET /v1/session/providers lists them");
		return;
	}
	if (oidc_endpoints(c->api->oidc, (uint32_t)at, &to)) {
		reply_no(c, NO_UNAVAILABLE, NULL, "the provider has not yet told where one logs in", NULL);
		return;
	}
	if (attempt_new(&t, c->param)) {
		reply_no(c, NO_INTERNAL, NULL, NULL, NULL);
		return;
	}
	cookie_set(c, COOKIE_LOGIN, attempt_text(&t, text), LOGIN_S);
	redirect(c, 302, login_url(&c->req->arena, to.authorization, &c->api->logins->c[at], &t));
	explicit_bzero(&t, sizeof(t));
	explicit_bzero(text, sizeof(text));
}

/* Which login is this the end of?  Its provider's place, or -1 and answered. */
static int resume(struct api_call *c, struct attempt *ret)
{
	const char *text = cookie_get(c, COOKIE_LOGIN), *state = query_str(c, "state");
	int at = -1;

	if (!text)
		failed(c, -1, "state", "this browser began no login, or too long ago");
	else if (attempt_read(text, ret) || (at = find(c->api->logins, ret->provider)) < 0)
		failed(c, -1, "state", "the cookie of the login is not one of ours");
	else if (!state || strlen(state) != LOGIN_SECRET ||
		 !text_equal_ct(state, ret->state, LOGIN_SECRET))
		failed(c, -1, "state", "the state is that of another login");
	else
		return at;
	return -1;
}

void api_login_callback(struct api_call *c)
{
	const char *iss = query_str(c, "iss"), *error = query_str(c, "error"), *code;
	struct oidc_endpoints to;
	struct attempt t;
	int at;

	if (!c->api->logins) {
		reply_no(c, NO_NOT_FOUND, NULL, "there is no provider of this name for logins", NULL);
		return;
	}
	if (caller_flooded(c))
		return;
	at = resume(c, &t);
	if (at < 0)
		return;
	code = query_str(c, "code");
	if (oidc_endpoints(c->api->oidc, (uint32_t)at, &to))
		failed(c, at, "provider", "its description is not there any more");
	else if (iss ? strcmp(iss, c->api->logins->c[at].issuer) != 0 : to.says_issuer)
		failed(c, at, "provider", "the answer is of another issuer (RFC 9207)");
	else if (error)
		failed(c, at, strcmp(error, "access_denied") ? "provider" : "denied",
			arena_printf(&c->req->arena, "it said %s", login_tame(error)));
	else if (!code || !*code || strlen(code) > LOGIN_CODE_MAX)
		failed(c, at, "provider", "it gave no code");
	else
		exchange(c, (uint32_t)at, &t, code, to.token);
	explicit_bzero(&t, sizeof(t));
}

/* ---- life ---- */

int logins_new(uv_loop_t *loop, struct oidc *oidc, const struct oidc_config *c, uint32_t n,
	       struct logins **ret, struct err *err)
{
	struct logins *all = mem_alloc(sizeof(*all));
	char secret[CLIENT_SECRET_MAX + 2];
	int r = 0;

	all->oidc = oidc;
	all->c = c;
	all->n = n;
	for (uint32_t i = 0; i < n && !r; i++) {
		struct fetch_config fc = { .ca_file = c[i].ca_file, .agent = "suanlu",
					   .conns_max = LOGINS_MAX, .timeout_ms = LOGIN_MS,
					   .body_max = LOGIN_ANSWER_MAX };

		if (!c[i].client_id)
			continue;
		all->fetch[i] = fetch_new(loop, &fc);
		if (c[i].client_secret)
			r = secret_read(&c[i], secret, err);
		explicit_bzero(secret, sizeof(secret));
	}
	if (r)
		logins_free(all);
	else
		*ret = all;
	return r;
}

struct logins *logins_free(struct logins *all)
{
	if (!all)
		return NULL;
	for (uint32_t i = 0; i < all->n; i++)
		fetch_free(all->fetch[i]);
	free(all);
	return NULL;
}
