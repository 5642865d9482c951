/* jwt.c - is this text signed by one of these keys, and is it for us, now? */

#include "domain/jwk.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <stdlib.h>
#include <string.h>

struct parts {
	const char *head, *body, *sig;
	size_t nhead, nbody, nsig;
	size_t nsigned;                 /* head.body, which is what is signed */
};

static int form(struct err *err, const char *what)
{
	return err_set(err, JWT_E_FORM, "%s", what);
}

static int split(const char *text, struct parts *p, struct err *err)
{
	const char *one = strchr(text, '.'), *two = one ? strchr(one + 1, '.') : NULL;
	size_t n = strlen(text);

	if (n > JWT_MAX)
		return form(err, "the token is too long");
	if (!two || strchr(two + 1, '.'))
		return form(err, "the token has not three parts");
	*p = (struct parts){ text, one + 1, two + 1, (size_t)(one - text),
			     (size_t)(two - one - 1), n - (size_t)(two + 1 - text),
			     (size_t)(two - text) };
	return 0;
}

static int part(const char *text, size_t n, json_t **ret, struct err *err)
{
	uint8_t bytes[JWT_MAX];
	size_t len;

	if (base64url_decode(text, n, bytes, sizeof(bytes), &len) ||
	    json_parse((const char *)bytes, len, ret, NULL))
		return form(err, "a part of the token is not JSON in base64url");
	if (json_is_object(*ret))
		return 0;
	json_decref(*ret);
	return form(err, "a part of the token is not a JSON object");
}

static const char *str(const json_t *obj, const char *name)
{
	return json_string_value(json_object_get(obj, name));
}

/* ---- header ---- */

static int read_header(const json_t *h, enum jwt_alg *ret, struct err *err)
{
	static const char *const names[] = { [JWT_RS256] = "RS256", [JWT_ES256] = "ES256",
					     [JWT_EDDSA] = "EdDSA" };
	const char *alg = str(h, "alg"), *typ = str(h, "typ");

	/* Something that must be understood, and is not (RFC 7515, 4.1.11). */
	if (json_object_get(h, "crit"))
		return form(err, "the token asks for an extension (crit)");
	/* Of what kind it says it is: no logout token, no proof of possession (RFC 8725, 3.11). */
	if (json_object_get(h, "typ") && (!typ || (strcasecmp(typ, "JWT") &&
						   strcasecmp(typ, "at+jwt") &&
						   strcasecmp(typ, "application/at+jwt"))))
		return form(err, "the token is of another kind (typ)");
	for (int i = JWT_RS256; alg && i <= JWT_EDDSA; i++)
		if (!strcmp(alg, names[i])) {
			*ret = (enum jwt_alg)i;
			return 0;
		}
	return form(err, "the signature is not RS256, ES256 or EdDSA");
}

/* By its kid; a token without one fits only when there is no choice. */
static const struct jwk *choose(const struct jwks *set, enum jwt_alg alg, const char *kid)
{
	const struct jwk *found = NULL;

	for (uint32_t i = 0; i < set->n; i++) {
		const struct jwk *k = &set->keys[i];

		if (k->alg != alg || (kid && (!k->kid || strcmp(k->kid, kid))))
			continue;
		if (found)
			return NULL;
		found = k;
	}
	return found;
}

/* ---- signature ---- */

/* Two numbers of 32 bytes become what OpenSSL reads. */
static int ecdsa_der(const uint8_t raw[64], uint8_t *out, size_t max)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw, 32, NULL), *s = BN_bin2bn(raw + 32, 32, NULL);
	unsigned char *der = NULL;
	int n = -1;

	if (sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1) {
		n = i2d_ECDSA_SIG(sig, &der);
	} else {
		BN_free(r);
		BN_free(s);
	}
	if (n > 0 && (size_t)n <= max)
		memcpy(out, der, (size_t)n);
	else
		n = -1;
	OPENSSL_free(der);
	ECDSA_SIG_free(sig);
	return n;
}

static bool signed_by(const struct jwk *k, const struct parts *p, const char *text)
{
	uint8_t sig[1024], der[80];
	EVP_MD_CTX *ctx;
	const uint8_t *use = sig;
	size_t n;
	bool good;

	if (base64url_decode(p->sig, p->nsig, sig, sizeof(sig), &n))
		return false;
	if (k->alg == JWT_ES256) {
		int len = n == 64 ? ecdsa_der(sig, der, sizeof(der)) : -1;

		if (len < 0)
			return false;
		use = der;
		n = (size_t)len;
	}
	ctx = EVP_MD_CTX_new();
	good = ctx && EVP_DigestVerifyInit(ctx, NULL, k->alg == JWT_EDDSA ? NULL : EVP_sha256(), NULL,
					   k->key) == 1 &&
	       EVP_DigestVerify(ctx, use, n, (const unsigned char *)text, p->nsigned) == 1;
	EVP_MD_CTX_free(ctx);
	return good;
}

/* ---- claims ---- */

static int claim(struct err *err, const char *what)
{
	return err_set(err, JWT_E_CLAIMS, "%s", what);
}

static bool for_us(const json_t *aud, const char *want)
{
	const json_t *one;
	size_t i;

	if (json_is_string(aud))
		return !strcmp(json_string_value(aud), want);
	json_array_foreach(aud, i, one)
		if (json_is_string(one) && !strcmp(json_string_value(one), want))
			return true;
	return false;
}

/* Seconds since 1970: 0 and the number, 1 absent, or -1: something else. */
static int when(const json_t *claims, const char *name, double *ret)
{
	const json_t *v = json_object_get(claims, name);

	if (!v)
		return 1;
	if (!json_is_number(v) || !(json_number_value(v) >= 0 && json_number_value(v) < 1e12))
		return -1;
	*ret = json_number_value(v);
	return 0;
}

static int times_check(const json_t *claims, const struct jwt_rules *r, struct err *err)
{
	double now = (double)r->now_ms / 1000, skew = r->skew_s, exp = 0, nbf = 0, iat = 0;

	if (when(claims, "exp", &exp))
		return claim(err, "the token has no time of its end (exp)");
	if (when(claims, "nbf", &nbf) < 0 || when(claims, "iat", &iat) < 0)
		return claim(err, "a time of the token is not a number");
	if (now >= exp + skew)
		return claim(err, "the token is over");
	if (nbf > now + skew || iat > now + skew)
		return claim(err, "the token is not valid yet; is a clock wrong?");
	return 0;
}

/* An ID token says for whom it is, and, when it is for several, who asked for it (Core 1.0, 2). */
static int audience_check(const json_t *claims, const struct jwt_rules *r, struct err *err)
{
	const json_t *aud = json_object_get(claims, "aud"), *azp = json_object_get(claims, "azp");
	bool client = r->client && for_us(aud, r->client);

	if (r->audience && (!client || strcmp(r->audience, r->client)) && for_us(aud, r->audience))
		return 0;
	if (!client)
		return claim(err, "the token is for another audience");
	if (azp && (!json_is_string(azp) || strcmp(json_string_value(azp), r->client)))
		return claim(err, "another client asked for the token (azp)");
	return 0;
}

static int claims_check(const json_t *claims, const struct jwt_rules *r, struct err *err)
{
	const char *iss = str(claims, "iss");

	if (!iss || strcmp(iss, r->issuer))
		return claim(err, "the token is of another issuer");
	return audience_check(claims, r, err) ? JWT_E_CLAIMS : times_check(claims, r, err);
}

/* ---- all of it ---- */

static int prove(const char *text, const struct parts *p, const struct jwks *set, struct err *err)
{
	enum jwt_alg alg = 0;
	const struct jwk *k = NULL;
	json_t *head;
	bool bad_kid;
	int r = part(p->head, p->nhead, &head, err);

	if (r)
		return r;
	r = read_header(head, &alg, err);
	bad_kid = json_object_get(head, "kid") && !str(head, "kid");
	if (!r && bad_kid)
		r = form(err, "the name of the key (kid) is not a text");
	if (!r) {
		k = choose(set, alg, str(head, "kid"));
		if (!k)
			r = err_set(err, JWT_E_KEY, "the provider has no such key");
	}
	json_decref(head);
	if (r)
		return r;
	return signed_by(k, p, text) ? 0 :
		err_set(err, JWT_E_SIGNATURE, "the signature is wrong");
}

int jwt_verify(const char *text, const struct jwks *set, const struct jwt_rules *rules,
	       json_t **ret, struct err *err)
{
	struct parts p;
	json_t *claims;
	int r = split(text, &p, err);

	if (!r)
		r = prove(text, &p, set, err);
	if (!r)
		r = part(p.body, p.nbody, &claims, err);
	if (r)
		return r;
	r = claims_check(claims, rules, err);
	if (r)
		json_decref(claims);
	else
		*ret = claims;
	return r;
}

void jwt_digest(const char *text, uint8_t ret[JWT_DIGEST_LEN])
{
	unsigned n = 0;

	/* Fails only without memory. */
	if (EVP_Digest(text, strlen(text), ret, &n, EVP_sha256(), NULL) != 1 || n != JWT_DIGEST_LEN)
		abort();
}

static int unproved(const char *text, json_t **ret)
{
	struct parts p;

	return split(text, &p, NULL) || part(p.body, p.nbody, ret, NULL) ? JWT_E_FORM : 0;
}

bool jwt_over(const char *text, unsigned skew_s, int64_t now_ms)
{
	json_t *claims;
	double exp;
	bool over;

	if (unproved(text, &claims))
		return false;
	over = !when(claims, "exp", &exp) && (double)now_ms / 1000 >= exp + skew_s;
	json_decref(claims);
	return over;
}

int jwt_issuer(const char *text, char *out, size_t size)
{
	json_t *claims;
	const char *iss;
	int r = unproved(text, &claims);

	if (r)
		return r;
	iss = str(claims, "iss");
	r = !iss || strlen(iss) >= size ? JWT_E_FORM : 0;
	if (!r)
		memcpy(out, iss, strlen(iss) + 1);
	json_decref(claims);
	return r;
}
