/* identity.h - who there is: tenants, accounts, tokens, sessions; private to this folder
 *
 * identity.c keeps and finds them and applies their records; tenants.c, users.c and tokens.c
 * decide what may be changed.
 */
#ifndef FLOW_IDENTITY_H
#define FLOW_IDENTITY_H

#include "domain/tenant.h"
#include "domain/token.h"
#include "domain/user.h"

#include <uthash.h>

enum {
	SESSIONS_MAX = 10000,           /* open at once, ~1 KB each */
	USER_SESSIONS_MAX = 20,         /* of one account: beyond, its oldest one is closed */
	USER_TOKENS_MAX = 100,          /* of one account, good ones */
	USER_KNOWN_MAX = 200,           /* and with those that were over not long ago */
	TOKEN_KEPT_MS = 24 * 3600 * 1000,       /* so long a token that is over is listed and counts */
	SESSION_MS = 12 * 3600 * 1000,  /* a working day */
	USE_TOLD_MS = 10 * 60 * 1000,   /* a last use is durable to within this time … */
	USE_EVERY_MS = 60 * 1000,       /* … in one row a minute at most … */
	USE_ROW_MAX = 1000,             /* … of so many tokens */
	SESSION_ID = 1 << 30,           /* ids of sessions begin here: above TOKENS_MAX */
};

/* Of each tenant that a record names, a submission or a token; they stay. */
struct tenant_entry {
	struct tenant t;
	bool listed;                    /* by a record of its own, or by a token */
	uint32_t index;                 /* in the list */
	uint64_t waiting, alive;        /* tasks: in the queue or before it; on a pool */
	UT_hash_handle hh;
};

struct user_entry {
	struct user u;
	char *password;                 /* as argon2id writes it, or NULL: none was set */
	bool one_time;                  /* it is to be changed at the first login */
	uint32_t index, nsessions;
	UT_hash_handle hh;
};

struct token_entry {
	struct token t;                 /* as recorded */
	struct token now;               /* as it counts at this moment … */
	bool alive;
	uint32_t version;               /* … of the identities */
	char *pools;
	int64_t used_told_ms;
	int64_t over_ms;                /* when it was revoked */
	struct token_entry *prev, *next;        /* open sessions, oldest first */
	UT_hash_handle hh;              /* by hash */
};

struct identity {
	struct tenant_entry *tenants;   /* by name; listed ones also in order */
	struct tenant_entry **tenant_list;
	struct user_entry *users;
	struct user_entry **user_list;
	struct token_entry *tokens;     /* by hash, sessions too */
	struct token_entry **token_list;        /* in the order of ids, without the sessions */
	struct token_entry *sessions;
	uint32_t ntenants, nusers, ntokens, nsessions;
	uint32_t last_token, last_session;      /* ids are never given again */
	uint32_t version;               /* counts changes; begins at 1 */
	bool separate;                  /* a second person exists: 三员分立 holds */
	int64_t use_ms, sweep_ms;       /* when last looked at */
};

struct flow;
struct record;

void identity_init(struct identity *who, bool separate);
void identity_done(struct identity *who);
int identity_apply(struct flow *f, const struct record *r, struct err *err);    /* kinds 2, 30-34 */
void identity_tick(struct flow *f, int64_t now_ms);
/* Commit a document with who did it; steals doc. */
void identity_commit(struct flow *f, int kind, json_t *doc, const struct token *by);

struct user_entry *user_entry(const struct flow *f, const char *name);          /* or NULL */
struct tenant_entry *tenant_get(struct flow *f, const char *name);              /* made */
struct tenant_entry *tenant_find(const struct flow *f, const char *name);       /* or NULL */
/* May accounts and tokens be made for it?  0, or ERR_E_INPUT on the field `tenant`. */
int tenant_check(const struct flow *f, const char *name, struct err *err);
/* By id, or NULL; over for so long that it is forgotten with the next one that is made. */
struct token_entry *token_id(const struct flow *f, uint32_t id);
bool token_long_over(const struct token_entry *e, int64_t at_ms);
/* Is there such a tenant, disabled or not?  0, or FLOW_E_NOT_FOUND. */
int tenant_known(const struct flow *f, const char *name, struct err *err);
/* What it is at this moment. */
const struct token *token_now(const struct flow *f, struct token_entry *e);
/* Accounts and machines that hold this role and could use it, but for one account and one token. */
uint32_t role_holders(const struct flow *f, unsigned role, const char *but_user,
		      uint32_t but_token);

#endif
