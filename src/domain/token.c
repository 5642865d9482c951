/* token.c - who is calling: tokens, roles, tenants */

#include "domain/token.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include "domain/wire.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

static const char prefix[] = "sl_";
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static const struct {
	enum role role;
	const char *name;
} roles[] = {
	{ ROLE_USER, "user" },
	{ ROLE_OPERATOR, "operator" },
	{ ROLE_ADMIN, "admin" },
	{ ROLE_SECURITY, "security" },
	{ ROLE_AUDITOR, "auditor" },
};

unsigned role_parse(const char *s)
{
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (!strcmp(roles[i].name, s))
			return roles[i].role;
	return 0;
}

/* RFC 4648 base64url without padding: 32 bytes become 43 characters, the last of which
 * carries 4 bits. */
static void encode(const uint8_t in[32], char out[44])
{
	uint32_t bits = 0;
	unsigned have = 0, n = 0;

	for (unsigned i = 0; i < 32; i++) {
		bits = bits << 8 | in[i];
		for (have += 8; have >= 6; have -= 6)
			out[n++] = alphabet[bits >> (have - 6) & 63];
	}
	out[n++] = alphabet[bits << (6 - have) & 63];
	out[n] = '\0';
}

/* The last character's two unused bits must be zero: a token has one spelling. */
static bool well_formed(const char *text)
{
	size_t n = strnlen(text, TOKEN_TEXT_LEN + 1);
	const char *last;

	if (n != TOKEN_TEXT_LEN || strncmp(text, prefix, 3) != 0)
		return false;
	if (strspn(text + 3, alphabet) != TOKEN_TEXT_LEN - 3)
		return false;
	last = strchr(alphabet, text[TOKEN_TEXT_LEN - 1]);
	return ((last - alphabet) & 3) == 0;
}

int token_hash(const char *text, uint8_t hash[TOKEN_HASH_LEN])
{
	unsigned n = 0;

	if (!well_formed(text))
		return 1;
	/* SHA-256 of 46 bytes fails only without memory. */
	if (EVP_Digest(text, TOKEN_TEXT_LEN, hash, &n, EVP_sha256(), NULL) != 1 ||
	    n != TOKEN_HASH_LEN)
		abort();
	return 0;
}

int token_make(char text[TOKEN_TEXT_LEN + 1], uint8_t hash[TOKEN_HASH_LEN])
{
	uint8_t secret[32];
	int r = rng_secret(secret, sizeof(secret));

	if (r < 0)
		return r;
	memcpy(text, prefix, 3);
	encode(secret, text + 3);
	OPENSSL_cleanse(secret, sizeof(secret));
	return token_hash(text, hash) ? -EPROTO : 0;
}

/* 三员分立: whoever runs the system neither grants clearances nor reads the audit. */
static bool separated(unsigned r)
{
	unsigned three = r & (ROLE_ADMIN | ROLE_SECURITY | ROLE_AUDITOR);

	return (three & (three - 1)) == 0;
}

static void decode_roles(struct dec *d, unsigned *ret)
{
	const char *const *names = NULL;
	uint32_t n = 0;

	dec_strs(d, "roles", DEC_NEED, ARRAY_LEN(roles), 16, &names, &n);
	if (names && !n)
		dec_fail(d, "roles", "must have at least one role");
	for (uint32_t i = 0; i < n; i++) {
		unsigned r = role_parse(names[i]);

		if (!r || *ret & r)
			dec_fail(d, "roles",
				 "must be user, operator, admin, security or auditor, each once");
		*ret |= r;
	}
}

static void decode_name(struct dec *d, const char *key, char out[64])
{
	const char *s = NULL;

	wire_str(d, key, DEC_NEED, 63, wire_name, &s);
	if (s)
		memcpy(out, s, strlen(s) + 1);
}

int token_decode(const json_t *json, bool first, struct token *ret, struct err *err)
{
	struct token t = { .id = 0 };
	struct arena arena;
	struct dec d;
	int r;

	arena_init(&arena);
	dec_begin(&d, json, "", NULL, &arena, err);
	decode_name(&d, "name", t.name);
	decode_name(&d, "tenant", t.tenant);
	decode_roles(&d, &t.roles);
	if (!first && !separated(t.roles))
		dec_fail(&d, "roles", "must not join admin, security and auditor in one token");
	r = dec_end(&d);
	arena_done(&arena);
	if (r == 0)
		*ret = t;
	return r;
}

static json_t *roles_json(unsigned set)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (set & roles[i].role)
			wire_append(list, json_string(roles[i].name));
	return list;
}

json_t *token_json(const struct token *t)
{
	json_t *obj = json_object();
	char when[CLOCK_TEXT_MAX];

	wire_put_int(obj, "id", t->id);
	wire_put_str(obj, "name", t->name);
	wire_put_str(obj, "tenant", t->tenant);
	wire_put(obj, "roles", roles_json(t->roles));
	wire_put(obj, "revoked", json_boolean(t->revoked));
	wire_put_str(obj, "created", clock_format(t->created_ms, when));
	return obj;
}

json_t *token_record_json(const struct token *t)
{
	static const char digits[] = "0123456789abcdef";
	char hex[2 * TOKEN_HASH_LEN + 1] = "";
	json_t *obj = json_object();

	for (unsigned i = 0; i < TOKEN_HASH_LEN; i++) {
		hex[2 * i] = digits[t->hash[i] >> 4];
		hex[2 * i + 1] = digits[t->hash[i] & 15];
	}
	wire_put_int(obj, "id", t->id);
	wire_put_str(obj, "name", t->name);
	wire_put_str(obj, "tenant", t->tenant);
	wire_put(obj, "roles", roles_json(t->roles));
	wire_put_str(obj, "hash", hex);
	wire_put(obj, "revoked", json_boolean(t->revoked));
	wire_put_int(obj, "created_ms", t->created_ms);
	return obj;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void decode_hash(struct dec *d, uint8_t hash[TOKEN_HASH_LEN])
{
	const char *s = NULL;

	dec_str(d, "hash", DEC_NEED, 2 * TOKEN_HASH_LEN, 2 * TOKEN_HASH_LEN, &s);
	for (unsigned i = 0; s && i < TOKEN_HASH_LEN; i++) {
		int high = nibble(s[2 * i]), low = nibble(s[2 * i + 1]);

		if (high < 0 || low < 0) {
			dec_fail(d, "hash", "must be 64 hexadecimal digits");
			return;
		}
		hash[i] = (uint8_t)(high << 4 | low);
	}
}

int token_record_decode(const json_t *json, struct token *ret, struct err *err)
{
	struct token t = { .id = 0 };
	struct arena arena;
	struct dec d;
	int r;

	arena_init(&arena);
	dec_begin(&d, json, "", NULL, &arena, err);
	dec_u32(&d, "id", DEC_NEED, 0, UINT32_MAX, &t.id);
	decode_name(&d, "name", t.name);
	decode_name(&d, "tenant", t.tenant);
	decode_roles(&d, &t.roles);
	decode_hash(&d, t.hash);
	dec_bool(&d, "revoked", DEC_NEED, &t.revoked);
	dec_i64(&d, "created_ms", DEC_NEED, 0, INT64_MAX, &t.created_ms);
	r = dec_end(&d);
	arena_done(&arena);
	if (r == 0)
		*ret = t;
	return r;
}
