/* login.h - a browser logs in at an OpenID provider: the authorization code flow (Core 1.0, 3.1)
 *
 *	GET /v1/session/providers           those that do this, for the page with the buttons
 *	GET /v1/session/providers/{name}    302 to the provider, with state, nonce and the hash of a
 *	                                    verifier (PKCE S256, RFC 7636), which a cookie keeps
 *	GET /v1/session/callback            back with a code: exchanged for an ID token here, which
 *	                                    becomes the cookie of the session; 303 to the console
 *
 * Nothing of a login is kept here while the browser is away.  While its code is exchanged it is
 * a call of fetch, LOGINS_MAX at most for each provider, LOGIN_MS long.
 *
 * A login that fails is 303 to /console/#/login?error=CODE:
 *	denied          the person or the provider said no (access_denied)
 *	state           this browser began no such login, or more than LOGIN_S ago
 *	provider        the provider's answers do not hold, or did not come
 *	forbidden       it is known who it is, but here they have no role, tenant or usable name
 *	large           the token does not fit into a cookie
 */
#ifndef API_LOGIN_H
#define API_LOGIN_H

#include "api/oidc.h"

enum {
	LOGINS_MAX = 8, LOGIN_MS = 10000, LOGIN_S = 600,
	LOGIN_ANSWER_MAX = 64 << 10,    /* of a token endpoint */
	LOGIN_CODE_MAX = 2048,
	LOGIN_SECRET = 43,              /* 32 random bytes as letters; PKCE wants 43 to 128 */
	LOGIN_COOKIE_MAX = OIDC_NAME_MAX + 3 * (LOGIN_SECRET + 1),
};

/* What the cookie keeps: "city.STATE.NONCE.VERIFIER". */
struct attempt {
	char provider[OIDC_NAME_MAX + 1];
	char state[LOGIN_SECRET + 1], nonce[LOGIN_SECRET + 1], verifier[LOGIN_SECRET + 1];
};

int attempt_new(struct attempt *ret, const char *provider);             /* 0 or -errno */
char *attempt_text(const struct attempt *l, char out[LOGIN_COOKIE_MAX + 1]);
int attempt_read(const char *text, struct attempt *ret);                /* 0, or 1: not such a text */

/* Where the browser is sent; `endpoint` may have a query of its own. */
char *login_url(struct arena *a, const char *endpoint, const struct oidc_config *c,
		const struct attempt *l);
/* What is posted for the token.  A public client names itself in it. */
char *login_form(struct arena *a, const struct oidc_config *c, const char *code,
		 const struct attempt *l);
/* "Authorization: Basic …" of a client with a secret (RFC 6749, 2.3.1). */
char *login_basic(struct arena *a, const char *client_id, const char *secret);
/* A code of an error as RFC 6749 allows it, for the log; else "?". */
const char *login_tame(const char *error);

struct logins;

/* Borrows all three.  Secrets are read once, so that a wrong file is told at once, and again at
 * each login, so that a new one needs no restart. */
int logins_new(uv_loop_t *loop, struct oidc *oidc, const struct oidc_config *c, uint32_t n,
	       struct logins **ret, struct err *err);
/* Takes NULL; NULL back.  No code is being exchanged any more: all calls are answered or gone. */
struct logins *logins_free(struct logins *all);

#endif
