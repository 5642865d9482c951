/* token.h - who is calling: tokens, their owners, roles and limits
 *
 * A token is 256 random bits, written `sl_` + 43 characters of base64url.  Only its
 * SHA-256 is kept.  It belongs to an account (`user`), and then can do at most what the
 * account can at that moment, or to a machine (no user).
 *
 * The first token of a node holds user, operator, admin and security at once, the
 * single-user default, and the daemon says so.  Roles: domain/role.h.
 */
#ifndef DOMAIN_TOKEN_H
#define DOMAIN_TOKEN_H

#include "base/json.h"
#include "domain/role.h"
#include "domain/scope.h"

#include <stdint.h>

enum {
	TOKEN_TEXT_LEN = 46, TOKEN_HASH_LEN = 32, TOKENS_MAX = 100000,
	TOKEN_POOLS_MAX = 16,           /* as many as a task may name */
	TOKEN_POOLS_LEN = TOKEN_POOLS_MAX * 64,
};

struct token {
	uint32_t id;
	char name[64], tenant[64];
	char user[64];                  /* "": a machine */
	unsigned roles;                 /* of enum role */
	unsigned scopes;                /* of enum scope; 0: all that the roles allow */
	const char *pools;              /* "east,west", or NULL: all.  Whose memory: the maker's */
	uint8_t hash[TOKEN_HASH_LEN];
	bool revoked;
	bool foreign;                   /* not in our tables: an OpenID provider vouches for it, or (with a
	                                 * user) a client certificate */
	bool session;                   /* opened by a password, gone when it is over */
	int64_t created_ms;
	int64_t expires_ms;             /* 0: never */
	int64_t used_ms;                /* last use, 0: none.  As the API shows it, not in its record */
};

int token_make(char text[TOKEN_TEXT_LEN + 1], uint8_t hash[TOKEN_HASH_LEN]);     /* 0 or -errno */
int token_hash(const char *text, uint8_t hash[TOKEN_HASH_LEN]);         /* 0, or 1: not of that form */

/* Who did it, for records: the account, else the token's own name. */
static inline const char *token_by(const struct token *t)
{
	return *t->user ? t->user : t->name;
}

/* May it act on this pool? */
bool token_has_pool(const struct token *t, const char *pool);

/* {"name","tenant","roles":["user",…],"scopes"?,"pools"?,"expires"?}; refuses unions of admin,
 * security and auditor unless `first`.  `pools`: a buffer of TOKEN_POOLS_LEN for t->pools. */
int token_decode(const json_t *json, bool first, char *pools, struct token *ret, struct err *err);
/* The same for a token of one's own: no tenant, and without roles those of `owner`. */
int token_decode_own(const json_t *json, const struct token *owner, char *pools,
		     struct token *ret, struct err *err);
json_t *token_json(const struct token *t);              /* as the API shows it: no hash */

/* The full form for the journal, hash in hex. */
json_t *token_record_json(const struct token *t);
int token_record_decode(const json_t *json, char *pools, struct token *ret, struct err *err);

#endif
