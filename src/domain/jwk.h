/* jwk.h - what jwk.c and jwt.c share; private to these two */
#ifndef DOMAIN_JWK_H
#define DOMAIN_JWK_H

#include "domain/jwt.h"

#include <openssl/evp.h>

enum jwt_alg { JWT_RS256 = 1, JWT_ES256, JWT_EDDSA };

struct jwk {
	enum jwt_alg alg;
	EVP_PKEY *key;
	char *kid;                      /* NULL: it has none */
};

struct jwks {
	uint32_t n;
	struct jwk keys[JWKS_KEYS_MAX];
};

/* Strict: no padding, no other letters.  0, or 1. */
int base64url_decode(const char *text, size_t n, uint8_t *out, size_t max, size_t *ret_n);

#endif
