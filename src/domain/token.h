/* token.h - who is calling: tokens, roles, tenants
 *
 * Roles as in DESIGN.md: user (own tasks), operator (pools), admin (tokens), security
 * (labels and clearances), auditor (reads all, writes nothing).  The first token of a
 * node holds user, operator, admin and security at once, the single-user default, and
 * the daemon says so; a token made later may not join admin, security and auditor.
 *
 * A token is 256 random bits, written `sl_` + 43 characters of base64url.  Only its
 * SHA-256 is kept.
 */
#ifndef DOMAIN_TOKEN_H
#define DOMAIN_TOKEN_H

#include "base/json.h"

#include <stdint.h>

enum role {
	ROLE_USER = 1, ROLE_OPERATOR = 2, ROLE_ADMIN = 4, ROLE_SECURITY = 8, ROLE_AUDITOR = 16,
};

enum { TOKEN_TEXT_LEN = 46, TOKEN_HASH_LEN = 32, TOKENS_MAX = 100000 };

struct token {
	uint32_t id;
	char name[64], tenant[64];
	unsigned roles;                 /* of enum role */
	uint8_t hash[TOKEN_HASH_LEN];
	bool revoked;
	int64_t created_ms;
};

int token_make(char text[TOKEN_TEXT_LEN + 1], uint8_t hash[TOKEN_HASH_LEN]);     /* 0 or -errno */
int token_hash(const char *text, uint8_t hash[TOKEN_HASH_LEN]);         /* 0, or 1: not of that form */

/* {"name","tenant","roles":["user",…]}; refuses unions of admin, security and auditor
 * unless `first`. */
int token_decode(const json_t *json, bool first, struct token *ret, struct err *err);
json_t *token_json(const struct token *t);              /* as the API shows it: no hash */
unsigned role_parse(const char *s);                     /* 0: none of them */

/* The full form for the journal, hash in hex. */
json_t *token_record_json(const struct token *t);
int token_record_decode(const json_t *json, struct token *ret, struct err *err);

#endif
