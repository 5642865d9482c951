/* chain.h - a row of hashes: whoever changes one link has to change all that follow
 *
 * A link fingerprints its own fields and its body, and the link before it:
 *
 *	hash = H(previous hash | no | at_ms | seq | kind | subject | task | body | actor)
 *
 * numbers as 8 bytes, the highest first, body as the 32 bytes of H(its bytes), actor as its bytes
 * to the end, H the digest that the link names.  The first link follows 32 zero bytes.  doc/decision/0010-audit.md says what this
 * proves and what it does not.
 */
#ifndef BASE_CHAIN_H
#define BASE_CHAIN_H

#include "base/digest.h"

#include <stdbool.h>

enum { CHAIN_ACTOR_MAX = 256 };         /* with its NUL */

struct chain_link {
	uint64_t no;                    /* 1, 2, 3 … without gaps */
	int64_t at_ms;
	uint64_t seq;                   /* of the row of the journal; 0: it has none */
	uint32_t kind;
	uint64_t subject, task;
	enum digest_kind digest;
	char actor[CHAIN_ACTOR_MAX];    /* who did it; no line breaks */
	uint8_t body[DIGEST_LEN];       /* fingerprint of the body */
	uint8_t hash[DIGEST_LEN];
};

/* What a journal said when it was read beside its chain. */
enum chain_fault {
	CHAIN_SOUND,                    /* nothing, or nobody looked */
	CHAIN_CONTENT,                  /* the body is not the one that was fingerprinted */
	CHAIN_ROW,                      /* the row has another kind, time, subject or task */
	CHAIN_EXTRA,                    /* no link, but a row that should have one; no: of the link before it */
};

/* A link as it is read back. */
struct chain_entry {
	struct chain_link link;
	enum chain_fault fault;
	bool hidden;                    /* there is a body, and it is not shown */
	uint8_t prev[DIGEST_LEN];       /* the hash before it; zeros: none, or not known */
	const char *body;               /* NULL: not kept, or not shown */
	size_t body_len;
};

/* What l->hash must be after `prev`. */
void chain_hash(struct digest *d, const uint8_t prev[DIGEST_LEN], const struct chain_link *l,
		uint8_t out[DIGEST_LEN]);

/* Is e->body what was fingerprinted? */
bool chain_body_is_sound(struct digest *d, const struct chain_entry *e);

/* The end of a chain that grows. */
struct chain {
	struct digest *d;
	enum digest_kind kind;          /* of new links; may be changed between two of them */
	uint64_t no;                    /* of the last link, 0: none */
	uint8_t head[DIGEST_LEN];
};

void chain_init(struct chain *c);       /* empty, SM3 */
void chain_done(struct chain *c);

/* Complete `l` (its no, digest, body and hash) with this body, and make it the last one. */
void chain_add(struct chain *c, struct chain_link *l, const void *body, size_t n);

/* Line breaks and control characters become '?'. */
void chain_actor(char out[CHAIN_ACTOR_MAX], const char *s);

#endif
