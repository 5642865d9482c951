/* caller.c - who is calling: a token, a JWT, a cookie that carries one of them, a certificate */

#include "api/cookie.h"

#include "base/clock.h"
#include "api/guard.h"
#include "api/oidc.h"

#include <string.h>
#include <strings.h>

static int base64_digit(char ch)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = ch ? strchr(digits, ch) : NULL;

	return p ? (int)(p - digits) : -1;
}

static const struct token *ours(const struct api *a, const char *text)
{
	return strlen(text) == TOKEN_TEXT_LEN ? flow_token_find(a->flow, text) : NULL;
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
	return *s || !colon ? NULL : ours(a, colon + 1);
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
	return text ? ours(a, text) : NULL;
}

static const char how[] = "send the header Authorization: Bearer sl_…";

/* Wrong ones are counted, but not those of a cookie that once held: the browser of somebody whose
 * session is over goes on sending it, from each of its windows, and would use up the tries of all
 * who share the address, until nobody there could log in.  Nothing is lost by it.  A text of our
 * form is 256 bits, which no counting makes harder to guess; one that says of itself that it is
 * over is refused before its signature is looked at, so it costs us nothing either. */
static int wrong(struct api_call *c, const char *text, int r, const char *detail)
{
	uint8_t hash[TOKEN_HASH_LEN];

	if (c->by_cookie && (r == OIDC_E_OVER || !token_hash(text, hash)))
		reply_no(c, NO_UNAUTHORIZED, NULL, detail, "log in again");
	else
		reply_wrong(c, detail, r ? NULL : how);
	return 1;
}

int caller_flooded(struct api_call *c)
{
	uint8_t addr[16];
	unsigned wait_s;

	http_peer(c->req, addr);
	wait_s = guard_wait(c->api->guard, addr, clock_now_ms());
	if (wait_s)
		reply_wait(c, wait_s, "too many wrong tokens or passwords from your address");
	return wait_s != 0;
}

int caller_has_tenant(const struct api_call *c, struct err *err)
{
	return flow_tenant_find(c->api->flow, c->who.tenant) ? 0 :
		err_set(err, OIDC_E_FORBIDDEN, "there is no tenant \"%s\" here", c->who.tenant);
}

/* A JWT of a provider: 0, or 1 and answered. */
static int check_foreign(struct api_call *c, const char *text)
{
	int64_t now_ms = clock_now_ms();
	struct err err = { 0 };
	int r = oidc_seen(c->api->oidc, text, now_ms, &c->who);

	/* A signature costs more than a hash: none is looked at for a source that floods. */
	if (r) {
		if (caller_flooded(c))
			return 1;
		r = oidc_find(c->api->oidc, text, now_ms, &c->who, &err);
	}
	if (!r)
		r = caller_has_tenant(c, &err);
	if (r == OIDC_E_WRONG || r == OIDC_E_OVER)
		return wrong(c, text, r, err.text);
	if (r)
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

/* What is no token of ours that counts. */
static int not_ours(struct api_call *c, const char *text)
{
	if (c->api->oidc && strchr(text, '.'))
		return check_foreign(c, text);
	return wrong(c, text, 0, "the token is not known here, was revoked, or is over");
}

int caller_text(struct api_call *c, const char *text)
{
	const struct token *t = ours(c->api, text);

	if (!t)
		return not_ours(c, text);
	c->who = *t;
	return 0;
}

/* ---- a browser, which sends a cookie and a certificate of its own accord ---- */

static bool reads(const struct http_request *req)
{
	return !strcmp(req->method, "GET") || !strcmp(req->method, "HEAD");
}

/* Sec-Fetch-Site: of another site.  "none" is a person, who typed the address. */
static bool foreign(const char *site)
{
	return site && strcmp(site, "same-origin") && strcmp(site, "none");
}

static int foreign_page(struct api_call *c)
{
	reply_no(c, NO_FORBIDDEN, NULL, "a page of another site made the browser ask this", NULL);
	return 1;
}

/* It says where a page is from that makes it ask.  None of ours is elsewhere: a page of strangers
 * would act in its name. */
int caller_site(struct api_call *c)
{
	if (reads(c->req) || !foreign(http_header(c->req, "sec-fetch-site")))
		return 0;
	return foreign_page(c);
}

bool caller_same_host(const char *origin, const char *host)
{
	const char *s = origin ? strstr(origin, "://") : NULL;

	return s && host && !strcasecmp(s + 3, host);
}

/* Sec-Fetch-Site comes by https and on this machine only, Origin with all that is no reading. */
static bool own_page(const struct http_request *req)
{
	const char *site = http_header(req, "sec-fetch-site");

	if (site)
		return !strcmp(site, "same-origin");
	return caller_same_host(http_header(req, "origin"), http_header(req, "host"));
}

int caller_not_a_foreign_page(struct api_call *c)
{
	const char *site = http_header(c->req, "sec-fetch-site");
	const char *origin = http_header(c->req, "origin");

	if (site ? !foreign(site) :
		   !origin || caller_same_host(origin, http_header(c->req, "host")))
		return 0;
	return foreign_page(c);
}

/* Read by a page of another site it does not count, as if there were none. */
static const char *text_of_cookie(struct api_call *c)
{
	if (reads(c->req) && foreign(http_header(c->req, "sec-fetch-site")))
		return NULL;
	return cookie_get(c, COOKIE_BEARER);
}

static int by_cookie(struct api_call *c, const char *text)
{
	c->by_cookie = true;
	if (!reads(c->req) && !own_page(c->req)) {
		reply_no(c, NO_FORBIDDEN, NULL, "with a cookie only pages of this node change something",
			 "send the token in the header Authorization");
		return 1;
	}
	/* Whoever wants to be rid of it is, whatever it is worth. */
	if (c->route && c->route->fn == api_session_close)
		cookie_clear(c, COOKIE_BEARER);
	return caller_text(c, text);
}

/* ---- all of it ---- */

int caller_find(struct api_call *c)
{
	const struct token *t = token_of(c->api, c->req);
	const char *text;

	if (t) {
		c->who = *t;
		return 0;
	}
	if (c->route && c->route->roles & ROLE_PUBLIC)
		return 0;
	text = bearer(c->req);
	if (http_header(c->req, "authorization"))
		return not_ours(c, text ? text : "");
	text = text_of_cookie(c);
	if (text)
		return by_cookie(c, text);
	if (certified(c))
		return !reads(c->req) && caller_not_a_foreign_page(c);
	reply_no(c, NO_UNAUTHORIZED, NULL, "no token was given", how);
	return 1;
}
