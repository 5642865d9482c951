/* jwt.h - tokens of an OpenID provider: a signed text with claims, and the keys that prove it
 *
 * JWS in compact form (RFC 7515), JWT (RFC 7519) with the advice of RFC 8725, keys as a JWK set
 * (RFC 7517, 7518, 8037).  Signatures: RS256, ES256 and EdDSA with Ed25519; what providers sign
 * with.  `none` and the HS family are not known here, so nothing can talk us into them.
 *
 * The key is chosen by `kid` among those of the right kind; the header cannot bring a key or
 * name a place to fetch one from.
 */
#ifndef DOMAIN_JWT_H
#define DOMAIN_JWT_H

#include "base/json.h"

#include <stdint.h>

enum {
	JWT_MAX = 12 << 10,             /* bytes; a request's head has 16 KiB */
	JWKS_MAX = 256 << 10,           /* bytes of a set */
	JWKS_KEYS_MAX = 32,             /* usable ones; a provider has two to four */
	JWT_RSA_BITS_MIN = 2048,        /* RFC 7518, 3.3 */
};

/* The answer is no. */
enum {
	JWT_E_FORM = 1,                 /* not such a text, or of a kind we do not take */
	JWT_E_KEY,                      /* no key of this set fits: it may be newer than the set */
	JWT_E_SIGNATURE,
	JWT_E_CLAIMS,                   /* of somebody else, for somebody else, over, not begun */
};

struct jwks;

/* Keys of other kinds, for other uses or too short are left out.  ERR_E_INPUT: not a JWK set. */
int jwks_parse(const char *text, size_t n, struct jwks **ret, struct err *err);
struct jwks *jwks_free(struct jwks *set);       /* takes NULL; NULL back */
uint32_t jwks_count(const struct jwks *set);

struct jwt_rules {
	const char *issuer, *audience;  /* must be equal to iss; among aud */
	unsigned skew_s;                /* by how much clocks may differ: exp, nbf, iat */
	int64_t now_ms;
	const char *client;             /* may be among aud in place of audience, and is azp then, if
					 * there is one.  Either may be NULL, not both */
};

/* The claims of a text that holds (new reference), or JWT_E_*.  exp is needed. */
int jwt_verify(const char *text, const struct jwks *set, const struct jwt_rules *rules,
	       json_t **ret, struct err *err);

enum { JWT_DIGEST_LEN = 32 };
void jwt_digest(const char *text, uint8_t ret[JWT_DIGEST_LEN]);         /* SHA-256 */

/* iss as it is claimed, before anything is proved, in `out`: 0, or JWT_E_FORM. */
int jwt_issuer(const char *text, char *out, size_t size);
/* Does it say, with nothing proved, that it is over? */
bool jwt_over(const char *text, unsigned skew_s, int64_t now_ms);

#endif
