/* tokens.c - make and revoke tokens: those of machines, and those that people make themselves
 *
 * A token never does more than who made it: a narrowed one makes narrower ones only.  Once
 * there are accounts, admin and security belong to people, so no machine is given them.
 */

#include "flow/state.h"

#include "base/clock.h"

#include <string.h>

uint32_t flow_ntokens(const struct flow *f)
{
	return f->who.ntokens;
}

const struct token *flow_token_at(const struct flow *f, uint32_t i)
{
	return i < f->who.ntokens ? token_now(f, f->who.token_list[i]) : NULL;
}

/* Each pool of the list, by its name: false when `who` may not use one that is there. */
static int pools_check(const struct flow *f, const struct token *t, const struct token *who,
		       struct err *err)
{
	char name[64];

	for (const char *p = t->pools; p && *p; ) {
		size_t n = strcspn(p, ",");

		snprintf(name, sizeof(name), "%.*s", (int)n, p);
		if (!flow_pool_find(f, name))
			return err_field(err, "pools", "there is no pool \"%s\"", name);
		if (who && !token_has_pool(who, name))
			return err_field(err, "pools", "has a pool that your own token leaves out");
		p += n + (p[n] == ',');
	}
	if (who && who->pools && !t->pools)
		return err_field(err, "pools", "is missing: your own token names pools, so must this");
	return 0;
}

static int limits_check(const struct flow *f, const struct token *t, const struct token *who,
			struct err *err)
{
	if (t->expires_ms && t->expires_ms <= clock_now_ms())
		return err_field(err, "expires", "must be in the future");
	if (who && who->scopes && (!t->scopes || t->scopes & ~who->scopes))
		return err_field(err, "scopes", "must be among those of your own token");
	return pools_check(f, t, who, err);
}

static int roles_check(const struct flow *f, const struct token *t, const struct token *who,
		       struct err *err)
{
	if (f->who.separate && t->roles & (ROLE_ADMIN | ROLE_SECURITY)) {
		err_set(err, FLOW_E_FORBIDDEN, "admin and security belong to people, not to machines");
		err_hint(err, "let the person make a token of their own: suanlu token new --own");
		return FLOW_E_FORBIDDEN;
	}
	if (t->roles & (ROLE_ADMIN | ROLE_SECURITY) && !(who->roles & ROLE_SECURITY))
		return err_set(err, FLOW_E_FORBIDDEN, "only security gives admin and security");
	return 0;
}

/* What an account owns is its own by its name: a machine of that name would own it, too. */
static int name_check(const struct flow *f, const struct token *t, struct err *err)
{
	return user_entry(f, t->name) ?
		err_set(err, FLOW_E_CONFLICT, "an account has or had this name") : 0;
}

/* Of one account or of all (NULL): those that are good, or all but those to be forgotten. */
static uint32_t count(const struct flow *f, const char *user, bool good)
{
	int64_t now_ms = clock_now_ms();
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->who.ntokens; i++) {
		const struct token_entry *e = f->who.token_list[i];

		if (user && strcmp(e->t.user, user))
			continue;
		n += good ? !e->t.revoked && (!e->t.expires_ms || now_ms < e->t.expires_ms) :
			    !token_long_over(e, now_ms);
	}
	return n;
}

static int own_limits(const struct flow *f, const char *user, struct err *err)
{
	if (count(f, user, true) >= USER_TOKENS_MAX)
		return err_set(err, FLOW_E_LIMIT, "you have %d tokens; revoke one", USER_TOKENS_MAX);
	if (count(f, user, false) < USER_KNOWN_MAX)
		return 0;
	err_set(err, FLOW_E_LIMIT, "you have %d tokens with those that were over within a day",
		USER_KNOWN_MAX);
	err_hint(err, "use one for longer, or come back tomorrow");
	return FLOW_E_LIMIT;
}

static int token_add(struct flow *f, struct token *t, const struct token *who, char *ret_text,
		     const struct token **ret, struct err *err)
{
	int e;

	if (count(f, NULL, false) >= TOKENS_MAX)
		return err_set(err, FLOW_E_LIMIT, "there are %d tokens already", TOKENS_MAX);
	e = token_make(ret_text, t->hash);
	if (e)
		return err_set(err, e, "the kernel gave no random bits");
	t->id = f->who.last_token + 1;
	t->created_ms = clock_now_ms();
	identity_commit(f, RECORD_TOKEN, token_record_json(t), who);
	*ret = flow_token_at(f, f->who.ntokens - 1);
	return 0;
}

int flow_token_new(struct flow *f, const json_t *doc, const struct token *who, char *ret_text,
		   const struct token **ret, struct err *err)
{
	char pools[TOKEN_POOLS_LEN];
	struct token t;
	int e = flow_busy(f, err);

	if (!e)
		e = token_decode(doc, !who, pools, &t, err);
	if (!e && who)
		e = tenant_check(f, t.tenant, err);
	if (!e && who)
		e = roles_check(f, &t, who, err);
	if (!e)
		e = name_check(f, &t, err);
	if (!e)
		e = limits_check(f, &t, who, err);
	return e ? e : token_add(f, &t, who, ret_text, ret, err);
}

int flow_token_new_own(struct flow *f, const json_t *doc, const struct token *who, char *ret_text,
		       const struct token **ret, struct err *err)
{
	char pools[TOKEN_POOLS_LEN];
	struct token t;
	int e = flow_busy(f, err);

	if (e)
		return e;
	if (!*who->user || !user_entry(f, who->user))
		return err_set(err, FLOW_E_CONFLICT, "a machine has no tokens of its own");
	e = token_decode_own(doc, who, pools, &t, err);
	if (!e)
		e = limits_check(f, &t, who, err);
	if (!e)
		e = own_limits(f, who->user, err);
	if (e)
		return e;
	return token_add(f, &t, who, ret_text, ret, err);
}

static int drop(struct flow *f, const struct token_entry *e, const struct token *who,
		struct err *err)
{
	struct token t = e->t;

	if (!*t.user && t.roles & ROLE_ADMIN && !role_holders(f, ROLE_ADMIN, NULL, t.id))
		return err_set(err, FLOW_E_CONFLICT, "it is the last token with the admin role");
	t.revoked = true;
	identity_commit(f, RECORD_TOKEN, token_record_json(&t), who);
	return 0;
}

static const struct token_entry *not_revoked(const struct flow *f, uint32_t id)
{
	const struct token_entry *e = token_id(f, id);

	return e && !e->t.revoked ? e : NULL;
}

int flow_token_revoke(struct flow *f, uint32_t id, const struct token *who, struct err *err)
{
	const struct token_entry *e = not_revoked(f, id);
	int r = flow_busy(f, err);

	if (r)
		return r;
	return e ? drop(f, e, who, err) :
		   err_set(err, FLOW_E_NOT_FOUND, "there is no such token");
}

int flow_token_revoke_own(struct flow *f, uint32_t id, const struct token *who, struct err *err)
{
	const struct token_entry *e = not_revoked(f, id);
	int r = flow_busy(f, err);

	if (r)
		return r;
	return e && *who->user && !strcmp(e->t.user, who->user) ? drop(f, e, who, err) :
		err_set(err, FLOW_E_NOT_FOUND, "you have no such token");
}
