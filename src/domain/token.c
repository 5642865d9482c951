/* token.c - tokens: their text, their hash, their documents */

#include "domain/token.h"

#include "base/base64.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include "domain/wire.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char prefix[] = "sl_";
static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

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
	base64url(secret, sizeof(secret), text + 3);
	OPENSSL_cleanse(secret, sizeof(secret));
	return token_hash(text, hash) ? -EPROTO : 0;
}

bool token_has_pool(const struct token *t, const char *pool)
{
	size_t n = strlen(pool);

	for (const char *p = t->pools; p && *p; ) {
		size_t len = strcspn(p, ",");

		if (len == n && !memcmp(p, pool, n))
			return true;
		p += len + (p[len] == ',');
	}
	return !t->pools;
}

static void decode_name(struct dec *d, const char *key, enum dec_need need, char out[64])
{
	const char *s = NULL;

	wire_str(d, key, need, 63, wire_name, &s);
	if (s)
		memcpy(out, s, strlen(s) + 1);
}

/* Whether the pools exist is for others to know. */
static void decode_pools(struct dec *d, char *out, struct token *t)
{
	const char *const *names = NULL;
	uint32_t n = 0;
	char *to = out;

	dec_strs(d, "pools", DEC_OPT, TOKEN_POOLS_MAX, 63, &names, &n);
	if (!names)
		return;
	if (!n)
		dec_fail(d, "pools", "must have at least one pool, or be left out");
	for (uint32_t i = 0; i < n; i++) {
		const char *wrong = wire_name(names[i]);

		if (wrong) {
			dec_fail(d, "pools", "%s", wrong);
			return;
		}
		to += sprintf(to, "%s%s", i ? "," : "", names[i]);
	}
	t->pools = out;
}

static void decode_limits(struct dec *d, char *pools, struct token *t)
{
	const char *when = NULL;

	dec_scopes(d, "scopes", &t->scopes);
	decode_pools(d, pools, t);
	dec_str(d, "expires", DEC_OPT, 1, 40, &when);
	if (when && (clock_parse(when, &t->expires_ms) || t->expires_ms <= 0))
		dec_fail(d, "expires", "must be a time such as 2027-01-31T00:00:00+08:00");
}

int token_decode(const json_t *json, bool first, char *pools, struct token *ret, struct err *err)
{
	struct token t = { .id = 0 };
	struct arena arena;
	struct dec d;
	int r;

	arena_init(&arena);
	dec_begin(&d, json, "", NULL, &arena, err);
	decode_name(&d, "name", DEC_NEED, t.name);
	decode_name(&d, "tenant", DEC_NEED, t.tenant);
	dec_roles(&d, "roles", DEC_NEED, &t.roles);
	decode_limits(&d, pools, &t);
	if (!first && !roles_separate(t.roles))
		dec_fail(&d, "roles", "must not join admin, security and auditor in one token");
	r = dec_end(&d);
	arena_done(&arena);
	if (r == 0)
		*ret = t;
	return r;
}

int token_decode_own(const json_t *json, const struct token *owner, char *pools,
		     struct token *ret, struct err *err)
{
	struct token t = { .roles = owner->roles };
	struct arena arena;
	struct dec d;
	int r;

	arena_init(&arena);
	dec_begin(&d, json, "", NULL, &arena, err);
	decode_name(&d, "name", DEC_NEED, t.name);
	dec_roles(&d, "roles", DEC_OPT, &t.roles);
	decode_limits(&d, pools, &t);
	if (t.roles & ~owner->roles)
		dec_fail(&d, "roles", "must be among those of the account");
	r = dec_end(&d);
	arena_done(&arena);
	if (r)
		return r;
	memcpy(t.tenant, owner->tenant, sizeof(t.tenant));
	memcpy(t.user, owner->user, sizeof(t.user));
	*ret = t;
	return 0;
}

static json_t *pools_json(const char *list)
{
	json_t *a = json_array();

	while (*list) {
		size_t n = strcspn(list, ",");

		wire_append(a, json_stringn(list, n));
		list += n + (list[n] == ',');
	}
	return a;
}

static json_t *time_json(int64_t ms)
{
	char when[CLOCK_TEXT_MAX];

	return ms ? json_string(clock_format(ms, when)) : json_null();
}

json_t *token_json(const struct token *t)
{
	json_t *obj = json_object();

	wire_put_int(obj, "id", t->id);
	wire_put_str(obj, "name", t->name);
	wire_put_str(obj, "tenant", t->tenant);
	wire_put(obj, "user", *t->user ? json_string(t->user) : json_null());
	wire_put(obj, "roles", roles_json(t->roles));
	wire_put(obj, "scopes", t->scopes ? scopes_json(t->scopes) : json_null());
	wire_put(obj, "pools", t->pools ? pools_json(t->pools) : json_null());
	wire_put(obj, "revoked", json_boolean(t->revoked));
	wire_put(obj, "created", time_json(t->created_ms));
	wire_put(obj, "expires", time_json(t->expires_ms));
	wire_put(obj, "used", time_json(t->used_ms));
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
	if (*t->user)
		wire_put_str(obj, "user", t->user);
	wire_put(obj, "roles", roles_json(t->roles));
	if (t->scopes)
		wire_put(obj, "scopes", scopes_json(t->scopes));
	if (t->pools)
		wire_put(obj, "pools", pools_json(t->pools));
	wire_put_str(obj, "hash", hex);
	wire_put(obj, "revoked", json_boolean(t->revoked));
	if (t->session)
		wire_put(obj, "session", json_true());
	wire_put_int(obj, "created_ms", t->created_ms);
	if (t->expires_ms)
		wire_put_int(obj, "expires_ms", t->expires_ms);
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

int token_record_decode(const json_t *json, char *pools, struct token *ret, struct err *err)
{
	struct token t = { .id = 0 };
	const char *by = NULL;
	struct arena arena;
	struct dec d;
	int r;

	arena_init(&arena);
	dec_begin(&d, json, "", NULL, &arena, err);
	dec_u32(&d, "id", DEC_NEED, 0, UINT32_MAX, &t.id);
	decode_name(&d, "name", DEC_NEED, t.name);
	decode_name(&d, "tenant", DEC_NEED, t.tenant);
	decode_name(&d, "user", DEC_OPT, t.user);
	dec_roles(&d, "roles", DEC_NEED, &t.roles);
	dec_scopes(&d, "scopes", &t.scopes);
	decode_pools(&d, pools, &t);
	decode_hash(&d, t.hash);
	dec_bool(&d, "revoked", DEC_NEED, &t.revoked);
	dec_bool(&d, "session", DEC_OPT, &t.session);
	dec_i64(&d, "created_ms", DEC_NEED, 0, INT64_MAX, &t.created_ms);
	dec_i64(&d, "expires_ms", DEC_OPT, 0, INT64_MAX, &t.expires_ms);
	dec_str(&d, "by", DEC_OPT, 0, 63, &by);
	r = dec_end(&d);
	arena_done(&arena);
	if (r == 0)
		*ret = t;
	return r;
}
