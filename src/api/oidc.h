/* oidc.h - callers whom an OpenID provider vouches for: bearer JWTs become callers
 *
 * The configuration names the provider, and says which claims are the name, the tenant and the
 * roles.  Its keys are fetched on the loop: at start, every OIDC_REFRESH_S, and when a token names
 * a key that is not known, but not more often than every OIDC_RETRY_S.  While nothing was
 * fetched, or such a fetch is under way, callers are told to come again in a second.
 *
 * A caller is named PROVIDER.NAME.  A dot is in no name of our own, so nobody outside is taken
 * for an account, and such a caller has no password and no tokens here.
 */
#ifndef API_OIDC_H
#define API_OIDC_H

#include "flow/flow.h"

enum {
	OIDC_PROVIDERS_MAX = 4, OIDC_VALUES_MAX = 32, OIDC_NAME_MAX = 20,
	OIDC_REFRESH_S = 600, OIDC_RETRY_S = 10,
	OIDC_SEEN = 1024,               /* tokens that held, remembered: ~400 bytes each */
	OIDC_KEEP_S = 24 * 3600,        /* keys of a provider that cannot be reached */
};

/* 401, 403, 503; and 401 for one that says itself that it is over: nothing else was looked at. */
enum { OIDC_E_WRONG = 1, OIDC_E_FORBIDDEN, OIDC_E_LATER, OIDC_E_OVER };

struct oidc_config {
	const char *name;               /* of the provider, a short name of ours */
	const char *issuer;
	const char *audience;           /* NULL: client_id alone */
	const char *jwks;               /* NULL: by discovery (OpenID Connect Discovery 1.0) */
	const char *ca_file;            /* NULL: the system's */
	const char *user_claim;         /* default sub; a.b is b within a */
	const char *tenant;             /* all callers are of this one, or NULL: … */
	const char *tenant_claim;
	const char *roles_claim;
	uint32_t nvalues[5];            /* in the order of enum role; "*": everybody */
	const char *const *values[5];
	uint32_t skew_s;                /* default 60 */
	/* Logins of browsers (login.h); client_id NULL: none, and the rest is not there. */
	const char *client_id;
	const char *client_secret;      /* a file, or credential:NAME; NULL: a public client */
	const char *redirect;           /* https://HOST/v1/session/callback */
	const char *scope;              /* NULL: "openid profile" */
	const char *title, *title_zh;   /* of the button, or NULL */
};

struct oidc;

/* Of a provider's description; good until the loop turns. */
struct oidc_endpoints {
	const char *authorization, *token;
	bool says_issuer;               /* its answers name it: RFC 9207 */
};

/* NULL, or what is wrong: plain http only on this machine. */
const char *oidc_url_check(const char *url);

/* Borrows the configurations.  Fetching begins at once. */
struct oidc *oidc_new(uv_loop_t *loop, const struct oidc_config *c, uint32_t n);
struct oidc *oidc_free(struct oidc *o);         /* takes NULL; NULL back */

/* A text that held a while ago, under the same keys: 0, and no signature is looked at; else 1. */
int oidc_seen(const struct oidc *o, const char *text, int64_t now_ms, struct token *ret);

/* Who is calling with this text?  Whether there is such a tenant is not asked here. */
int oidc_find(struct oidc *o, const char *text, int64_t now_ms, struct token *ret, struct err *err);

/* Of the provider at this place of the configurations: 0, or 1: not fetched yet, or not named. */
int oidc_endpoints(const struct oidc *o, uint32_t at, struct oidc_endpoints *ret);
/* The same as oidc_find for an ID token that must be for client_id and of this login. */
int oidc_login(struct oidc *o, uint32_t at, const char *text, const char *nonce, int64_t now_ms,
	       struct token *ret, struct err *err);

#endif
