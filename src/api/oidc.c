/* oidc.c - callers whom an OpenID provider vouches for */

#include "api/oidc.h"

#include "base/clock.h"
#include "base/fnv.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "domain/jwt.h"
#include "http/fetch.h"
#include "loop/timer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TICK_MS = 5000, URL_MAX = 2048, NAME_MAX_LEN = 63, DISCOVERY_MAX = 64 << 10 };

struct provider {
	struct oidc *oidc;
	const struct oidc_config *c;
	struct fetch *fetch;
	struct fetch_call *call;        /* under way */
	struct jwks *keys;              /* NULL: none yet */
	int64_t fetched_ms, tried_ms;   /* monotonic; 0: never */
	char *authorization, *token;    /* endpoints; NULL: not known */
	bool says_issuer;
	bool complained;
};

/* In the slot that its first bytes name; a later one takes its place. */
struct seen {
	uint8_t digest[JWT_DIGEST_LEN];
	uint32_t generation;            /* 0: free */
	struct token t;
};

struct oidc {
	struct timer *tick;
	uint32_t generation;            /* of all keys together; begins at 1 */
	struct seen seen[OIDC_SEEN];
	uint32_t n;
	struct provider p[OIDC_PROVIDERS_MAX];
};

/* ---- keys ---- */

static void failed(struct provider *p, const char *why)
{
	if (!p->complained)
		log_warn("oidc", "%s: %s", p->c->name, why);
	p->complained = true;
}

static bool answered(struct provider *p, const struct fetch_answer *a)
{
	char why[160];

	p->call = NULL;
	if (!a->result && a->status == 200)
		return true;
	if (a->result)
		snprintf(why, sizeof(why), "could not fetch its keys: %s", a->text);
	else
		snprintf(why, sizeof(why), "could not fetch its keys: status %u", a->status);
	failed(p, why);
	return false;
}

static void on_keys(void *arg, const struct fetch_answer *a)
{
	struct provider *p = arg;
	struct jwks *keys = NULL;
	struct err err = { 0 };

	if (!answered(p, a))
		return;
	if (jwks_parse(a->body->data, a->body->len, &keys, &err)) {
		failed(p, err.text);
		return;
	}
	if (!jwks_count(keys)) {
		failed(p, "there is no key for RS256, ES256 or EdDSA among its keys");
		jwks_free(keys);
		return;
	}
	if (!p->keys || p->complained)
		log_info("oidc", "%s: %u keys", p->c->name, jwks_count(keys));
	jwks_free(p->keys);
	p->keys = keys;
	p->oidc->generation++;
	p->fetched_ms = clock_mono_ms();
	p->complained = false;
}

static void get(struct provider *p, const char *url, fetch_fn fn)
{
	const char *const headers[] = { "Accept: application/json", NULL };
	struct fetch_request r = { .method = "GET", .url = url, .headers = headers };
	struct err err = { 0 };

	if (fetch_start(p->fetch, &r, fn, p, &p->call, &err))
		failed(p, err.text);
}

/* A description that came by https names nothing on this machine: who wrote it is elsewhere. */
static bool may_ask(const struct provider *p, const char *url)
{
	return url && strlen(url) <= URL_MAX && !oidc_url_check(url) &&
	       (strncmp(p->c->issuer, "https:", 6) || !strncmp(url, "https:", 6));
}

/* An address that we send a browser to, or a secret: nothing in it that ends a header, or is cut off. */
static char *endpoint(const struct provider *p, const json_t *doc, const char *name)
{
	const char *url = json_string_value(json_object_get(doc, name));

	if (!may_ask(p, url) || strchr(url, '#'))
		return NULL;
	for (const char *s = url; *s; s++)
		if (*s <= ' ' || *s > '~')
			return NULL;
	return mem_strdup(url);
}

static void endpoints_read(struct provider *p, const json_t *doc)
{
	free(p->authorization);
	free(p->token);
	p->authorization = endpoint(p, doc, "authorization_endpoint");
	p->token = endpoint(p, doc, "token_endpoint");
	p->says_issuer = json_is_true(json_object_get(
		doc, "authorization_response_iss_parameter_supported"));
	if (!p->authorization || !p->token)
		log_warn("oidc", "%s: its description names no place for logins that we ask", p->c->name);
}

/* A document that is not about this issuer must not lead us to its keys (Discovery 1.0, 4.3). */
static void on_discovery(void *arg, const struct fetch_answer *a)
{
	struct provider *p = arg;
	const char *issuer, *url;
	json_t *doc = NULL;

	if (!answered(p, a))
		return;
	if (a->body->len > DISCOVERY_MAX || json_parse(a->body->data, a->body->len, &doc, NULL)) {
		failed(p, "its description is not JSON");
		return;
	}
	issuer = json_string_value(json_object_get(doc, "issuer"));
	url = p->c->jwks ? p->c->jwks : json_string_value(json_object_get(doc, "jwks_uri"));
	if (!issuer || strcmp(issuer, p->c->issuer)) {
		failed(p, "its description is of another issuer");
		json_decref(doc);
		return;
	}
	if (p->c->client_id)
		endpoints_read(p, doc);
	if (!p->c->jwks && !may_ask(p, url))
		failed(p, "its description names no place of keys that we ask");
	else
		get(p, url, on_keys);
	json_decref(doc);
}

static void refresh(struct provider *p)
{
	const char *issuer = p->c->issuer;
	size_t n = strlen(issuer);
	char url[URL_MAX + 64];

	if (p->call)
		return;
	p->tried_ms = clock_mono_ms();
	/* Where one logs in stands in the description only. */
	if (p->c->jwks && !p->c->client_id) {
		get(p, p->c->jwks, on_keys);
		return;
	}
	snprintf(url, sizeof(url), "%.*s/.well-known/openid-configuration",
		 (int)(n && issuer[n - 1] == '/' ? n - 1 : n), issuer);
	get(p, url, on_discovery);
}

static void on_tick(void *arg)
{
	struct oidc *o = arg;
	int64_t now = clock_mono_ms();

	for (uint32_t i = 0; i < o->n; i++) {
		struct provider *p = &o->p[i];
		int64_t every = p->keys && !p->complained ? OIDC_REFRESH_S : OIDC_RETRY_S;

		if (p->keys && now - p->fetched_ms > (int64_t)OIDC_KEEP_S * 1000) {
			p->keys = jwks_free(p->keys);
			o->generation++;
		}
		if (now - p->tried_ms > every * 1000)
			refresh(p);
	}
}

struct oidc *oidc_new(uv_loop_t *loop, const struct oidc_config *c, uint32_t n)
{
	struct oidc *o = mem_alloc(sizeof(*o));

	o->n = n;
	o->generation = 1;
	o->tick = timer_new(loop, on_tick, o);
	timer_start(o->tick, TICK_MS, TICK_MS);
	for (uint32_t i = 0; i < n; i++) {
		struct fetch_config fc = { .ca_file = c[i].ca_file, .agent = "suanlu", .conns_max = 1,
					   .timeout_ms = 10000, .body_max = JWKS_MAX };

		o->p[i].oidc = o;
		o->p[i].c = &c[i];
		o->p[i].fetch = fetch_new(loop, &fc);
		refresh(&o->p[i]);
	}
	return o;
}

struct oidc *oidc_free(struct oidc *o)
{
	if (!o)
		return NULL;
	for (uint32_t i = 0; i < o->n; i++) {
		fetch_free(o->p[i].fetch);
		jwks_free(o->p[i].keys);
		free(o->p[i].authorization);
		free(o->p[i].token);
	}
	timer_free(o->tick);
	free(o);
	return NULL;
}

/* ---- claims ---- */

/* "realm_access.roles": one name within another. */
static const json_t *claim(const json_t *doc, const char *path)
{
	while (doc && path) {
		const char *dot = strchr(path, '.');
		size_t n = dot ? (size_t)(dot - path) : strlen(path);

		/* A name with a dot in it, as in https://example.org/roles, is looked for first. */
		if (json_object_get(doc, path))
			return json_object_get(doc, path);
		doc = json_object_getn(doc, path, n);
		path = dot ? dot + 1 : NULL;
	}
	return doc;
}

static bool has(const json_t *v, const char *value)
{
	const json_t *one;
	size_t i;

	if (!strcmp(value, "*"))
		return true;
	if (json_is_string(v))
		return !strcmp(json_string_value(v), value);
	json_array_foreach(v, i, one)
		if (json_is_string(one) && !strcmp(json_string_value(one), value))
			return true;
	return false;
}

static unsigned roles_of(const struct oidc_config *c, const json_t *claims)
{
	const json_t *v = c->roles_claim ? claim(claims, c->roles_claim) : NULL;
	unsigned set = 0;

	for (unsigned role = 0; role < ARRAY_LEN(c->values); role++)
		for (uint32_t i = 0; i < c->nvalues[role]; i++)
			if (has(v, c->values[role][i]))
				set |= 1U << role;
	return set;
}

static int forbidden(struct err *err, const char *what)
{
	return err_set(err, OIDC_E_FORBIDDEN, "%s", what);
}

static int to_caller(const struct oidc_config *c, const json_t *claims, struct token *t,
		     struct err *err)
{
	const char *user = json_string_value(claim(claims, c->user_claim));
	const char *tenant = c->tenant ? c->tenant :
					 json_string_value(claim(claims, c->tenant_claim));

	*t = (struct token){ .foreign = true, .roles = roles_of(c, claims) };
	if (!user || !text_is_name(user) || strlen(c->name) + 1 + strlen(user) > NAME_MAX_LEN)
		return forbidden(err, "the claim that is the caller's name is not 1-40 of a-z, 0-9 "
				      "and -");
	if (!tenant || !text_is_name(tenant))
		return forbidden(err, "the claim that is the caller's tenant is not a name");
	if (!t->roles)
		return forbidden(err, "the provider gives the caller no role that is known here");
	if (!roles_separate(t->roles))
		return forbidden(err, "the provider joins admin, security and auditor in one caller");
	snprintf(t->name, sizeof(t->name), "%s.%s", c->name, user);
	snprintf(t->tenant, sizeof(t->tenant), "%s", tenant);
	t->expires_ms = (int64_t)(json_number_value(json_object_get(claims, "exp")) * 1000) +
		(int64_t)c->skew_s * 1000;
	return 0;
}

/* A number that tells callers apart, for limits of one caller: above all ids of tokens. */
static uint32_t id_of(const char *name)
{
	return fnv32(name) | 1U << 31;
}

static int unknown_key(struct provider *p, struct err *err)
{
	if (!p->call && clock_mono_ms() - p->tried_ms > OIDC_RETRY_S * 1000)
		refresh(p);
	if (p->call)
		return err_set(err, OIDC_E_LATER, "the keys of the provider are being fetched");
	return p->keys ? OIDC_E_WRONG :
		err_set(err, OIDC_E_LATER, "the keys of the provider could not be fetched");
}

static int nonce_check(const json_t *claims, const char *nonce, struct err *err)
{
	const char *said = json_string_value(json_object_get(claims, "nonce"));

	return said && !strcmp(said, nonce) ? 0 :
		err_set(err, OIDC_E_WRONG, "the token is not of this login (nonce)");
}

/* nonce: of a login, whose token is for client_id and nobody else; or NULL. */
static int verify(struct provider *p, const char *text, const char *nonce, int64_t now_ms,
		  struct token *ret, struct err *err)
{
	struct jwt_rules rules = { p->c->issuer, nonce ? NULL : p->c->audience, p->c->skew_s, now_ms,
				   p->c->client_id };
	json_t *claims;
	int r;

	if (jwt_over(text, p->c->skew_s, now_ms))
		return err_set(err, OIDC_E_OVER, "the token is over");
	if (!p->keys)
		return unknown_key(p, err);
	r = jwt_verify(text, p->keys, &rules, &claims, err);
	if (r)
		return r == JWT_E_KEY ? unknown_key(p, err) : OIDC_E_WRONG;
	r = nonce ? nonce_check(claims, nonce, err) : 0;
	if (!r)
		r = to_caller(p->c, claims, ret, err);
	json_decref(claims);
	if (!r)
		ret->id = id_of(ret->name);
	return r;
}

static uint32_t slot(const uint8_t digest[JWT_DIGEST_LEN])
{
	return (digest[0] | (uint32_t)digest[1] << 8) % OIDC_SEEN;
}

int oidc_seen(const struct oidc *o, const char *text, int64_t now_ms, struct token *ret)
{
	uint8_t digest[JWT_DIGEST_LEN];
	const struct seen *s;

	jwt_digest(text, digest);
	s = &o->seen[slot(digest)];
	if (s->generation != o->generation || memcmp(s->digest, digest, sizeof(digest)) ||
	    now_ms >= s->t.expires_ms)
		return 1;
	*ret = s->t;
	return 0;
}

static void remember(struct oidc *o, const char *text, const struct token *t)
{
	uint8_t digest[JWT_DIGEST_LEN];
	struct seen *s;

	jwt_digest(text, digest);
	s = &o->seen[slot(digest)];
	memcpy(s->digest, digest, sizeof(digest));
	s->generation = o->generation;
	s->t = *t;
}

int oidc_find(struct oidc *o, const char *text, int64_t now_ms, struct token *ret, struct err *err)
{
	char issuer[URL_MAX];

	if (jwt_issuer(text, issuer, sizeof(issuer)))
		return err_set(err, OIDC_E_WRONG, "this is neither a token of ours nor a JWT");
	for (uint32_t i = 0; i < o->n; i++)
		if (!strcmp(o->p[i].c->issuer, issuer)) {
			int r = verify(&o->p[i], text, NULL, now_ms, ret, err);

			if (!r)
				remember(o, text, ret);
			return r;
		}
	return err_set(err, OIDC_E_WRONG, "the issuer of the token is not known here");
}

int oidc_endpoints(const struct oidc *o, uint32_t at, struct oidc_endpoints *ret)
{
	const struct provider *p = &o->p[at];

	if (!p->authorization || !p->token)
		return 1;
	*ret = (struct oidc_endpoints){ p->authorization, p->token, p->says_issuer };
	return 0;
}

int oidc_login(struct oidc *o, uint32_t at, const char *text, const char *nonce, int64_t now_ms,
	       struct token *ret, struct err *err)
{
	int r = verify(&o->p[at], text, nonce, now_ms, ret, err);

	if (!r)
		remember(o, text, ret);
	return r;
}

/* ---- addresses ---- */

const char *oidc_url_check(const char *url)
{
	static const char *const here[] = { "http://127.0.0.1:", "http://localhost:", "http://[::1]:" };
	size_t n;

	/* What stands before an @ is no host, and no port of one. */
	if (!strncmp(url, "https://", 8)) {
		n = strcspn(url + 8, "/?#@\\");
		if (url[8 + n] == '@')
			return "must not contain a user name or a password";
		if (n && url[8 + n] != '\\')
			return NULL;
	}
	for (size_t i = 0; i < ARRAY_LEN(here); i++) {
		n = strlen(here[i]);
		if (!strncmp(url, here[i], n) && strchr("/?#", url[n + strspn(url + n, "0123456789")]))
			return NULL;
	}
	return "must begin with https:// (or be http on this machine)";
}
