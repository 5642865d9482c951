/* chain.c - fingerprints that depend on all before them */

#include "base/chain.h"

#include <string.h>

static uint8_t *put(uint8_t *p, uint64_t v)
{
	for (int shift = 56; shift >= 0; shift -= 8)
		*p++ = (uint8_t)(v >> shift);
	return p;
}

void chain_hash(struct digest *d, const uint8_t prev[DIGEST_LEN], const struct chain_link *l,
		uint8_t out[DIGEST_LEN])
{
	uint8_t bytes[2 * DIGEST_LEN + 6 * sizeof(uint64_t) + CHAIN_ACTOR_MAX], *p = bytes;
	size_t n = strnlen(l->actor, CHAIN_ACTOR_MAX);

	memcpy(p, prev, DIGEST_LEN);
	p = put(p + DIGEST_LEN, l->no);
	p = put(p, (uint64_t)l->at_ms);
	p = put(p, l->seq);
	p = put(p, l->kind);
	p = put(p, l->subject);
	p = put(p, l->task);
	memcpy(p, l->body, DIGEST_LEN);
	memcpy(p + DIGEST_LEN, l->actor, n);
	digest_begin(d, l->digest);
	digest_add(d, bytes, (size_t)(p - bytes) + DIGEST_LEN + n);
	digest_end(d, out);
}

static void fingerprint(struct digest *d, enum digest_kind kind, const void *body, size_t n,
			uint8_t out[DIGEST_LEN])
{
	digest_begin(d, kind);
	digest_add(d, body, n);
	digest_end(d, out);
}

bool chain_body_is_sound(struct digest *d, const struct chain_entry *e)
{
	uint8_t print[DIGEST_LEN];

	fingerprint(d, e->link.digest, e->body, e->body_len, print);
	return !memcmp(print, e->link.body, DIGEST_LEN);
}

void chain_init(struct chain *c)
{
	*c = (struct chain){ .d = digest_new(), .kind = DIGEST_SM3 };
}

void chain_done(struct chain *c)
{
	c->d = digest_free(c->d);
}

void chain_add(struct chain *c, struct chain_link *l, const void *body, size_t n)
{
	l->no = ++c->no;
	l->digest = c->kind;
	fingerprint(c->d, c->kind, body, n, l->body);
	chain_hash(c->d, c->head, l, l->hash);
	memcpy(c->head, l->hash, DIGEST_LEN);
}

void chain_actor(char out[CHAIN_ACTOR_MAX], const char *s)
{
	size_t i = 0;

	for (; s && s[i] && i < CHAIN_ACTOR_MAX - 1; i++)
		out[i] = (unsigned char)s[i] < 0x20 || s[i] == 0x7f ? '?' : s[i];
	out[i] = '\0';
}
