/* jwk.c - public keys of a JWK set */

#include "domain/jwk.h"

#include "base/mem.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <stdlib.h>
#include <string.h>

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* Bits that stand behind the last byte must be zero: a text has one spelling. */
int base64url_decode(const char *text, size_t n, uint8_t *out, size_t max, size_t *ret_n)
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		int v = digit(text[i]);

		if (v < 0)
			return 1;
		bits = (bits << 6 | (uint32_t)v) & 0xffff;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		if (len == max)
			return 1;
		out[len++] = (uint8_t)(bits >> have);
	}
	if (have >= 6 || bits & ((1U << have) - 1))
		return 1;
	*ret_n = len;
	return 0;
}

static int member(const json_t *jwk, const char *name, uint8_t *out, size_t max, size_t *ret_n)
{
	const json_t *v = json_object_get(jwk, name);

	return !json_is_string(v) || base64url_decode(json_string_value(v), json_string_length(v),
						      out, max, ret_n);
}

static EVP_PKEY *from_params(const char *type, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static EVP_PKEY *rsa_key(const json_t *jwk)
{
	uint8_t n[1024], e[8];
	size_t nn, ne;
	OSSL_PARAM_BLD *b;
	OSSL_PARAM *params;
	BIGNUM *bn, *be;
	EVP_PKEY *key = NULL;

	if (member(jwk, "n", n, sizeof(n), &nn) || member(jwk, "e", e, sizeof(e), &ne))
		return NULL;
	b = OSSL_PARAM_BLD_new();
	bn = BN_bin2bn(n, (int)nn, NULL);
	be = BN_bin2bn(e, (int)ne, NULL);
	if (b && bn && be && BN_is_odd(be) && BN_num_bits(bn) >= JWT_RSA_BITS_MIN &&
	    OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, bn) == 1 &&
	    OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, be) == 1) {
		params = OSSL_PARAM_BLD_to_param(b);
		key = params ? from_params("RSA", params) : NULL;
		OSSL_PARAM_free(params);
	}
	BN_free(bn);
	BN_free(be);
	OSSL_PARAM_BLD_free(b);
	return key;
}

static bool on_curve(EVP_PKEY *key)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	bool good = ctx && EVP_PKEY_public_check(ctx) == 1;

	EVP_PKEY_CTX_free(ctx);
	return good;
}

static EVP_PKEY *ec_key(const json_t *jwk)
{
	char curve[] = "prime256v1";
	uint8_t point[65] = { 4 };      /* not compressed: x and y follow */
	size_t nx, ny;
	OSSL_PARAM params[3];
	const char *crv = json_string_value(json_object_get(jwk, "crv"));
	EVP_PKEY *key;

	if (!crv || strcmp(crv, "P-256") || member(jwk, "x", point + 1, 32, &nx) || nx != 32 ||
	    member(jwk, "y", point + 33, 32, &ny) || ny != 32)
		return NULL;
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve, 0);
	params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point));
	params[2] = OSSL_PARAM_construct_end();
	key = from_params("EC", params);
	if (key && !on_curve(key)) {
		EVP_PKEY_free(key);
		return NULL;
	}
	return key;
}

static EVP_PKEY *ed_key(const json_t *jwk)
{
	const char *crv = json_string_value(json_object_get(jwk, "crv"));
	uint8_t x[32];
	size_t n;

	if (!crv || strcmp(crv, "Ed25519") || member(jwk, "x", x, sizeof(x), &n) || n != sizeof(x))
		return NULL;
	return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, n);
}

static bool is(const json_t *jwk, const char *name, const char *value, bool absent_too)
{
	const json_t *v = json_object_get(jwk, name);

	return v ? json_is_string(v) && !strcmp(json_string_value(v), value) : absent_too;
}

/* For signatures, and of the one algorithm that its kind has here. */
static bool fits(const json_t *jwk, const char *alg)
{
	return is(jwk, "use", "sig", true) && is(jwk, "alg", alg, true);
}

static void add(struct jwks *set, const json_t *jwk)
{
	struct jwk *k = &set->keys[set->n];
	const char *kid = json_string_value(json_object_get(jwk, "kid"));

	if (is(jwk, "kty", "RSA", false) && fits(jwk, "RS256")) {
		k->alg = JWT_RS256;
		k->key = rsa_key(jwk);
	} else if (is(jwk, "kty", "EC", false) && fits(jwk, "ES256")) {
		k->alg = JWT_ES256;
		k->key = ec_key(jwk);
	} else if (is(jwk, "kty", "OKP", false) && fits(jwk, "EdDSA")) {
		k->alg = JWT_EDDSA;
		k->key = ed_key(jwk);
	}
	if (!k->key)
		return;
	k->kid = mem_strdup(kid);
	set->n++;
}

int jwks_parse(const char *text, size_t n, struct jwks **ret, struct err *err)
{
	const json_t *list, *jwk;
	struct jwks *set;
	json_t *doc;
	size_t i;
	int r;

	if (n > JWKS_MAX)
		return err_set(err, ERR_E_INPUT, "a set of keys is larger than %d bytes", JWKS_MAX);
	r = json_parse(text, n, &doc, err);
	if (r)
		return r;
	list = json_object_get(doc, "keys");
	if (!json_is_array(list)) {
		json_decref(doc);
		return err_field(err, "keys", "is missing: this is not a set of keys (RFC 7517)");
	}
	set = mem_alloc(sizeof(*set));
	json_array_foreach(list, i, jwk)
		if (set->n < JWKS_KEYS_MAX)
			add(set, jwk);
	json_decref(doc);
	*ret = set;
	return 0;
}

struct jwks *jwks_free(struct jwks *set)
{
	if (!set)
		return NULL;
	for (uint32_t i = 0; i < set->n; i++) {
		EVP_PKEY_free(set->keys[i].key);
		free(set->keys[i].kid);
	}
	free(set);
	return NULL;
}

uint32_t jwks_count(const struct jwks *set)
{
	return set->n;
}
