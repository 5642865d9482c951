/* chain.c - fingerprints that depend on all before them */

#include "base/chain.h"

#include <stdio.h>
#include <string.h>

void chain_hash(struct digest *d, const uint8_t prev[DIGEST_LEN], const struct chain_link *l,
		uint8_t out[DIGEST_LEN])
{
	char hex[DIGEST_HEX + 1], text[CHAIN_ACTOR_MAX + DIGEST_HEX + 160];
	int n = snprintf(text, sizeof(text), "%llu\n%lld\n%llu\n%u\n%llu\n%llu\n%s\n%s\n",
			 (unsigned long long)l->no, (long long)l->at_ms, (unsigned long long)l->seq,
			 l->kind, (unsigned long long)l->subject, (unsigned long long)l->task,
			 l->actor, digest_hex(l->body, hex));

	digest_begin(d, l->digest);
	digest_add(d, prev, DIGEST_LEN);
	digest_add(d, text, (size_t)n);
	digest_end(d, out);
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
	digest_begin(c->d, c->kind);
	digest_add(c->d, body, n);
	digest_end(c->d, l->body);
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
