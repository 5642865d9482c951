/* test_jwt.c - tokens of a provider: signed by it, for us, now; and nothing else */

#include "../lib/domain.h"

#include "domain/jwt.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <stdio.h>

enum { TEXT_MAX = 8192 };

static EVP_PKEY *rsa, *ec, *ed, *other, *small;
static const int64_t now_ms = 1800000000000;

/* ---- a small provider ---- */

static char *b64(const void *p, size_t n, char *out)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const uint8_t *in = p;
	uint32_t bits = 0;
	unsigned have = 0;
	char *to = out;

	for (size_t i = 0; i < n; i++) {
		bits = bits << 8 | in[i];
		for (have += 8; have >= 6; have -= 6)
			*to++ = letters[bits >> (have - 6) & 63];
	}
	if (have)
		*to++ = letters[bits << (6 - have) & 63];
	*to = '\0';
	return out;
}

static void param(EVP_PKEY *key, const char *name, json_t *jwk, const char *member)
{
	BIGNUM *n = NULL;
	uint8_t bytes[600];
	char text[1000];
	int len;

	assert_int_equal(EVP_PKEY_get_bn_param(key, name, &n), 1);
	len = !strcmp(member, "x") || !strcmp(member, "y") ? BN_bn2binpad(n, bytes, 32) :
							    BN_bn2bin(n, bytes);
	json_object_set_new(jwk, member, json_string(b64(bytes, (size_t)len, text)));
	BN_free(n);
}

static json_t *jwk_of(EVP_PKEY *key, const char *kid)
{
	json_t *jwk = json_pack("{s:s, s:s}", "kid", kid, "use", "sig");
	uint8_t raw[32];
	size_t n = sizeof(raw);
	char text[100];

	if (EVP_PKEY_is_a(key, "RSA")) {
		json_object_set_new(jwk, "kty", json_string("RSA"));
		param(key, OSSL_PKEY_PARAM_RSA_N, jwk, "n");
		param(key, OSSL_PKEY_PARAM_RSA_E, jwk, "e");
	} else if (EVP_PKEY_is_a(key, "EC")) {
		json_object_set_new(jwk, "kty", json_string("EC"));
		json_object_set_new(jwk, "crv", json_string("P-256"));
		param(key, OSSL_PKEY_PARAM_EC_PUB_X, jwk, "x");
		param(key, OSSL_PKEY_PARAM_EC_PUB_Y, jwk, "y");
	} else {
		json_object_set_new(jwk, "kty", json_string("OKP"));
		json_object_set_new(jwk, "crv", json_string("Ed25519"));
		EVP_PKEY_get_raw_public_key(key, raw, &n);
		json_object_set_new(jwk, "x", json_string(b64(raw, n, text)));
	}
	return jwk;
}

static struct jwks *set_of(json_t *keys)
{
	json_t *doc = json_pack("{s:o}", "keys", keys);
	char *text = json_dumps(doc, 0);
	struct jwks *set = NULL;

	assert_int_equal(jwks_parse(text, strlen(text), &set, NULL), 0);
	free(text);
	json_decref(doc);
	return set;
}

static struct jwks *the_set(void)
{
	json_t *keys = json_array();

	json_array_append_new(keys, jwk_of(rsa, "r1"));
	json_array_append_new(keys, jwk_of(ec, "e1"));
	json_array_append_new(keys, jwk_of(ed, "d1"));
	return set_of(keys);
}

static size_t raw_ecdsa(uint8_t *sig, size_t n)
{
	const unsigned char *p = sig;
	ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &p, (long)n);
	uint8_t out[64];

	BN_bn2binpad(ECDSA_SIG_get0_r(s), out, 32);
	BN_bn2binpad(ECDSA_SIG_get0_s(s), out + 32, 32);
	ECDSA_SIG_free(s);
	memcpy(sig, out, 64);
	return 64;
}

/* JSON with ' for ". */
static char *sign(EVP_PKEY *key, const char *head, const char *claims, char *out)
{
	json_t *h = json_of(head), *c = json_of(claims);
	char *hs = json_dumps(h, JSON_COMPACT), *cs = json_dumps(c, JSON_COMPACT);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t sig[600];
	size_t n = sizeof(sig);

	b64(hs, strlen(hs), out);
	strcat(out, ".");
	b64(cs, strlen(cs), out + strlen(out));
	EVP_DigestSignInit(ctx, NULL, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256(), NULL, key);
	assert_int_equal(EVP_DigestSign(ctx, sig, &n, (uint8_t *)out, strlen(out)), 1);
	if (EVP_PKEY_is_a(key, "EC"))
		n = raw_ecdsa(sig, n);
	strcat(out, ".");
	b64(sig, n, out + strlen(out));
	EVP_MD_CTX_free(ctx);
	free(hs);
	free(cs);
	json_decref(h);
	json_decref(c);
	return out;
}

static const char good[] = "{'iss':'https://id.city','aud':'suanlu','sub':'li','exp':1800000300,"
			   "'iat':1799999990}";

static int verify_with(struct jwks *set, const char *text, struct err *err)
{
	struct jwt_rules rules = { "https://id.city", "suanlu", 60, now_ms };
	json_t *claims = NULL;
	int r = jwt_verify(text, set, &rules, &claims, err);

	if (!r)
		assert_string_equal(json_string_value(json_object_get(claims, "sub")), "li");
	json_decref(claims);
	return r;
}

static int verify(const char *text, struct err *err)
{
	struct jwks *set = the_set();
	int r = verify_with(set, text, err);

	jwks_free(set);
	return r;
}

/* ---- what holds ---- */

static void a_token_of_each_kind_holds(void **state)
{
	char text[TEXT_MAX];

	assert_int_equal(verify(sign(rsa, "{'alg':'RS256','kid':'r1','typ':'JWT'}", good, text), NULL), 0);
	assert_int_equal(verify(sign(ec, "{'alg':'ES256','kid':'e1'}", good, text), NULL), 0);
	assert_int_equal(verify(sign(ed, "{'alg':'EdDSA','kid':'d1','typ':'at+jwt'}", good, text), NULL), 0);
}

static void a_token_without_kid_holds_when_there_is_no_choice(void **state)
{
	json_t *keys = json_array();
	char text[TEXT_MAX];
	struct jwks *set;

	sign(rsa, "{'alg':'RS256'}", good, text);
	assert_int_equal(verify(text, NULL), 0);
	json_array_append_new(keys, jwk_of(rsa, "r1"));
	json_array_append_new(keys, jwk_of(other, "r2"));
	set = set_of(keys);
	assert_int_equal(verify_with(set, text, NULL), JWT_E_KEY);
	jwks_free(set);
}

static void one_audience_of_several_is_enough(void **state)
{
	char text[TEXT_MAX];

	sign(ec, "{'alg':'ES256','kid':'e1'}", "{'iss':'https://id.city','aud':['other','suanlu'],"
	     "'sub':'li','exp':1800000300}", text);
	assert_int_equal(verify(text, NULL), 0);
}

static void the_example_of_rfc_7515_is_signed_rightly(void **state)
{
	/* Appendix A.3; it is for nobody and long over, so only the claims are refused. */
	static const char key[] = "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","
		"\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";
	static const char text[] = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQog"
		"Imh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4Gaw"
		"xaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
	struct jwks *set = NULL;
	char changed[sizeof(text)];

	assert_int_equal(jwks_parse(key, strlen(key), &set, NULL), 0);
	assert_int_equal(verify_with(set, text, NULL), JWT_E_CLAIMS);
	memcpy(changed, text, sizeof(text));
	changed[30] ^= 1;
	assert_int_not_equal(verify_with(set, changed, NULL), JWT_E_CLAIMS);
	jwks_free(set);
}

/* ---- what does not ---- */

static void no_signature_and_shared_secrets_are_refused(void **state)
{
	static const char *const heads[] = {
		"{'alg':'none'}", "{'alg':'None','kid':'r1'}", "{'alg':'HS256','kid':'r1'}",
		"{'alg':'HS512'}", "{'alg':'RS384','kid':'r1'}", "{'alg':'PS256','kid':'r1'}",
		"{'alg':'ES384','kid':'e1'}", "{'alg':'ES256K','kid':'e1'}", "{'alg':'','kid':'r1'}",
		"{'kid':'r1'}", "{'alg':256,'kid':'r1'}", "{'alg':['RS256'],'kid':'r1'}",
		"{'alg':'rs256','kid':'r1'}",
	};
	char text[TEXT_MAX];
	struct err err;

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		sign(rsa, heads[i], good, text);
		assert_int_equal(verify(text, &err), JWT_E_FORM);
		says(&err, "", "not RS256");
		*(strrchr(text, '.') + 1) = '\0';       /* and with the signature left out */
		assert_int_equal(verify(text, &err), JWT_E_FORM);
	}
}

/* The public key of an RSA pair as the secret of an HMAC: the classic. */
static void a_public_key_is_no_secret(void **state)
{
	char text[TEXT_MAX];

	sign(rsa, "{'alg':'HS256','kid':'r1'}", good, text);
	assert_int_equal(verify(text, NULL), JWT_E_FORM);
}

static void a_key_of_another_kind_does_not_fit(void **state)
{
	char text[TEXT_MAX];

	assert_int_equal(verify(sign(ec, "{'alg':'ES256','kid':'r1'}", good, text), NULL), JWT_E_KEY);
	assert_int_equal(verify(sign(rsa, "{'alg':'RS256','kid':'e1'}", good, text), NULL), JWT_E_KEY);
	assert_int_equal(verify(sign(ec, "{'alg':'RS256','kid':'r1'}", good, text), NULL),
			 JWT_E_SIGNATURE);
	assert_int_equal(verify(sign(rsa, "{'alg':'ES256','kid':'e1'}", good, text), NULL),
			 JWT_E_SIGNATURE);
}

static void a_token_of_another_key_is_refused(void **state)
{
	char text[TEXT_MAX];

	assert_int_equal(verify(sign(other, "{'alg':'RS256','kid':'r1'}", good, text), NULL),
			 JWT_E_SIGNATURE);
	assert_int_equal(verify(sign(other, "{'alg':'RS256','kid':'new'}", good, text), NULL), JWT_E_KEY);
}

static void a_header_cannot_bring_its_key(void **state)
{
	json_t *jwk = jwk_of(other, "r1");
	char head[2000], text[TEXT_MAX], *inner = json_dumps(jwk, 0);

	for (char *p = inner; *p; p++)
		*p = *p == '"' ? '\'' : *p;
	snprintf(head, sizeof(head), "{'alg':'RS256','kid':'r1','jwk':%s,"
		 "'jku':'https://evil/keys','x5u':'https://evil/cert'}", inner);
	assert_int_equal(verify(sign(other, head, good, text), NULL), JWT_E_SIGNATURE);
	free(inner);
	json_decref(jwk);
}

static void what_must_be_understood_and_is_not_is_refused(void **state)
{
	static const char *const heads[] = {
		"{'alg':'RS256','kid':'r1','crit':['exp']}", "{'alg':'RS256','kid':'r1','typ':'logout+jwt'}",
		"{'alg':'RS256','kid':'r1','typ':5}", "{'alg':'RS256','kid':5}",
	};
	char text[TEXT_MAX];

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		assert_int_equal(verify(sign(rsa, heads[i], good, text), NULL), JWT_E_FORM);
}

static void a_changed_claim_or_signature_is_refused(void **state)
{
	char text[TEXT_MAX], changed[TEXT_MAX];
	size_t n;

	sign(ec, "{'alg':'ES256','kid':'e1'}", good, text);
	n = strlen(text);
	for (size_t i = 0; i < n; i++) {
		strcpy(changed, text);
		changed[i] = changed[i] == 'A' ? 'B' : 'A';
		if (strcmp(changed, text) && !verify(changed, NULL))
			fail_msg("the change at %d of %d was not seen", (int)i, (int)n);
	}
}

static void claims_that_are_not_for_us_are_refused(void **state)
{
	static const struct { const char *claims, *why; } bad[] = {
		{ "{'aud':'suanlu','exp':1800000300}", "issuer" },
		{ "{'iss':'https://id.city/','aud':'suanlu','exp':1800000300}", "issuer" },
		{ "{'iss':['https://id.city'],'aud':'suanlu','exp':1800000300}", "issuer" },
		{ "{'iss':'https://id.city','exp':1800000300}", "audience" },
		{ "{'iss':'https://id.city','aud':'other','exp':1800000300}", "audience" },
		{ "{'iss':'https://id.city','aud':[],'exp':1800000300}", "audience" },
		{ "{'iss':'https://id.city','aud':{'suanlu':1},'exp':1800000300}", "audience" },
		{ "{'iss':'https://id.city','aud':'suanlu'}", "exp" },
		{ "{'iss':'https://id.city','aud':'suanlu','exp':'1800000300'}", "exp" },
		{ "{'iss':'https://id.city','aud':'suanlu','exp':null}", "exp" },
		{ "{'iss':'https://id.city','aud':'suanlu','exp':-1}", "exp" },
		{ "{'iss':'https://id.city','aud':'suanlu','exp':1799999940}", "over" },
		{ "{'iss':'https://id.city','aud':'suanlu','exp':1800000300,'nbf':1800000061}", "yet" },
		{ "{'iss':'https://id.city','aud':'suanlu','exp':1800000300,'iat':1800000061}", "yet" },
		{ "{'iss':'https://id.city','aud':'suanlu','exp':1800000300,'nbf':'x'}", "not a number" },
	};
	char text[TEXT_MAX];
	struct err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		sign(ed, "{'alg':'EdDSA','kid':'d1'}", bad[i].claims, text);
		if (verify(text, &err) != JWT_E_CLAIMS)
			fail_msg("%s", bad[i].claims);
		says(&err, "", bad[i].why);
	}
}

/* Beside the audience, or without one: client. */
static void a_token_for_the_client_is_one_that_the_client_asked_for(void **state)
{
	static const struct { const char *more, *audience; int r; } rows[] = {
		{ "'aud':'node'", NULL, 0 }, { "'aud':'node','azp':'node'", NULL, 0 },
		{ "'aud':['x','node'],'azp':'node'", NULL, 0 }, { "'aud':'node','azp':'x'", NULL, JWT_E_CLAIMS },
		{ "'aud':['x','node'],'azp':'x'", NULL, JWT_E_CLAIMS }, { "'aud':'node','azp':7", NULL, JWT_E_CLAIMS },
		{ "'aud':'node','azp':null", NULL, JWT_E_CLAIMS }, { "'aud':'suanlu'", NULL, JWT_E_CLAIMS },
		{ "'aud':'x','azp':'node'", NULL, JWT_E_CLAIMS }, { "'azp':'node'", NULL, JWT_E_CLAIMS },
		{ "'aud':'suanlu','azp':'x'", "suanlu", 0 }, { "'aud':'node','azp':'x'", "suanlu", JWT_E_CLAIMS },
		{ "'aud':'node'", "suanlu", 0 }, { "'aud':['node','suanlu'],'azp':'x'", "suanlu", 0 },
		{ "'aud':'node','azp':'x'", "node", JWT_E_CLAIMS }, { "'aud':'node','azp':'node'", "node", 0 },
	};
	struct jwks *set = the_set();
	char claims[200], text[TEXT_MAX];
	struct err err = { 0 };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct jwt_rules rules = { "https://id.city", rows[i].audience, 60, now_ms, "node" };
		json_t *doc = NULL;

		snprintf(claims, sizeof(claims), "{'iss':'https://id.city','exp':1800000300,%s}", rows[i].more);
		sign(rsa, "{'alg':'RS256','kid':'r1'}", claims, text);
		if (jwt_verify(text, set, &rules, &doc, &err) != rows[i].r)
			fail_msg("%s beside %s", rows[i].more, rows[i].audience ? rows[i].audience : "nothing");
		json_decref(doc);
	}
	jwks_free(set);
}

static void clocks_may_differ_by_a_minute(void **state)
{
	char text[TEXT_MAX];

	sign(ed, "{'alg':'EdDSA','kid':'d1'}", "{'iss':'https://id.city','aud':'suanlu','sub':'li',"
	     "'exp':1799999941,'nbf':1800000059,'iat':1800000059.5}", text);
	assert_int_equal(verify(text, NULL), 0);
}

static void a_token_may_say_of_itself_that_it_is_over(void **state)
{
	char text[TEXT_MAX];

	sign(rsa, "{'alg':'RS256'}", "{'exp':1799999940}", text);
	assert_true(jwt_over(text, 60, now_ms));
	assert_false(jwt_over(text, 60, now_ms - 1));
	assert_false(jwt_over(text, 61, now_ms));
	assert_false(jwt_over(sign(rsa, "{'alg':'RS256'}", "{'exp':'1'}", text), 0, now_ms));
	assert_false(jwt_over(sign(rsa, "{'alg':'RS256'}", "{}", text), 0, now_ms));
	assert_false(jwt_over("a.b.c", 0, now_ms));
	assert_false(jwt_over("", 0, now_ms));
}

static void texts_that_are_no_jwt_are_refused(void **state)
{
	static const char *const bad[] = {
		"", ".", "..", "...", "a.b", "a.b.c", "a.b.c.d", "e30.e30.", "e30.e30.e30",
		"eyJhbGciOiJSUzI1NiJ9", "eyJhbGciOiJSUzI1NiJ9..", "eyJhbGciOiJSUzI1NiJ9.e30",
		"eyJhbGciOiJSUzI1NiJ9=.e30.e30", "W10.W10.AAAA", " eyJhbGciOiJSUzI1NiJ9.e30.AAAA",
	};
	char large[JWT_MAX + 100];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(verify(bad[i], NULL) > 0);
	memset(large, 'A', sizeof(large));
	large[10] = large[20] = '.';
	large[sizeof(large) - 1] = '\0';
	assert_int_equal(verify(large, NULL), JWT_E_FORM);
}

/* ---- sets of keys ---- */

static uint32_t count(const char *keys)
{
	json_t *list = json_of(keys);
	struct jwks *set = set_of(list);
	uint32_t n = jwks_count(set);

	jwks_free(set);
	return n;
}

static void keys_we_cannot_use_are_left_out(void **state)
{
	json_t *k = jwk_of(small, "s"), *list = json_array();
	struct jwks *set;

	json_array_append_new(list, k);
	set = set_of(list);
	assert_int_equal(jwks_count(set), 0);   /* 1,024 bits */
	jwks_free(set);
	assert_int_equal(count("[]"), 0);
	assert_int_equal(count("[5,null,'x',[],{},{'kty':'oct','k':'AAAA'}]"), 0);
	assert_int_equal(count("[{'kty':'EC','crv':'P-384','x':'AA','y':'AA'}]"), 0);
	assert_int_equal(count("[{'kty':'OKP','crv':'X25519','x':'AA'}]"), 0);
	/* Not a point of the curve. */
	assert_int_equal(count("[{'kty':'EC','crv':'P-256',"
			       "'x':'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',"
			       "'y':'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU'}]"), 0);
	/* For encryption, or for another algorithm. */
	assert_int_equal(count("[{'kty':'OKP','crv':'Ed25519','use':'enc',"
			       "'x':'11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'}]"), 0);
	assert_int_equal(count("[{'kty':'OKP','crv':'Ed25519','alg':'ES256',"
			       "'x':'11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'}]"), 0);
	assert_int_equal(count("[{'kty':'OKP','crv':'Ed25519',"
			       "'x':'11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'}]"), 1);
}

static void what_is_no_set_of_keys_is_refused(void **state)
{
	static const char *const bad[] = { "", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[]", "x" };
	struct jwks *set;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_not_equal(jwks_parse(bad[i], strlen(bad[i]), &set, NULL), 0);
}

static int make_keys(void **state)
{
	rsa = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	other = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	small = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
	ec = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return !rsa || !other || !small || !ec || !ed;
}

static int free_keys(void **state)
{
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(other);
	EVP_PKEY_free(small);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(ed);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_of_each_kind_holds),
		cmocka_unit_test(a_token_without_kid_holds_when_there_is_no_choice),
		cmocka_unit_test(one_audience_of_several_is_enough),
		cmocka_unit_test(the_example_of_rfc_7515_is_signed_rightly),
		cmocka_unit_test(no_signature_and_shared_secrets_are_refused),
		cmocka_unit_test(a_public_key_is_no_secret),
		cmocka_unit_test(a_key_of_another_kind_does_not_fit),
		cmocka_unit_test(a_token_of_another_key_is_refused),
		cmocka_unit_test(a_header_cannot_bring_its_key),
		cmocka_unit_test(what_must_be_understood_and_is_not_is_refused),
		cmocka_unit_test(a_changed_claim_or_signature_is_refused),
		cmocka_unit_test(claims_that_are_not_for_us_are_refused),
		cmocka_unit_test(a_token_for_the_client_is_one_that_the_client_asked_for),
		cmocka_unit_test(clocks_may_differ_by_a_minute),
		cmocka_unit_test(a_token_may_say_of_itself_that_it_is_over),
		cmocka_unit_test(texts_that_are_no_jwt_are_refused),
		cmocka_unit_test(keys_we_cannot_use_are_left_out),
		cmocka_unit_test(what_is_no_set_of_keys_is_refused),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
