/* users.c - make, change and remove accounts, under the separation of roles
 *
 * An admin makes accounts, and gives them user and operator.  admin, security and auditor are
 * given and taken by security.  Nobody changes their own account, and the last one that can
 * do something cannot lose it.  The first account is the second person on a node: it must
 * take over security, which the first token gives up at that moment.
 */

#include "flow/state.h"

#include "base/clock.h"

#include <string.h>

static struct user_entry *present(const struct flow *f, const char *name)
{
	struct user_entry *u = user_entry(f, name);

	return u && !u->u.removed ? u : NULL;
}

const struct user *flow_user_find(const struct flow *f, const char *name)
{
	const struct user_entry *u = present(f, name);

	return u ? &u->u : NULL;
}

uint32_t flow_nusers(const struct flow *f)
{
	return f->who.nusers;
}

const struct user *flow_user_at(const struct flow *f, uint32_t i)
{
	const struct user *u = i < f->who.nusers ? &f->who.user_list[i]->u : NULL;

	return u && !u->removed ? u : NULL;
}

uint32_t flow_user_index(const struct flow *f, const struct user *u)
{
	return user_entry(f, u->name)->index;
}

static int refuse_officers(struct err *err)
{
	err_set(err, FLOW_E_FORBIDDEN, "only security gives and takes admin, security and auditor");
	err_hint(err, "make the account as user, then let security give it the role");
	return FLOW_E_FORBIDDEN;
}

static bool machine_has(const struct flow *f, const char *name)
{
	for (uint32_t i = 0; i < f->who.ntokens; i++) {
		const struct token *t = &f->who.token_list[i]->t;

		if (!t->revoked && !*t->user && !strcmp(t->name, name))
			return true;
	}
	return false;
}

static int new_allowed(const struct flow *f, const struct user *u, const struct token *who,
		       struct err *err)
{
	int e = tenant_check(f, u->tenant, err);

	if (e)
		return e;
	if (u->roles & ROLE_OFFICERS && !(who->roles & ROLE_SECURITY))
		return refuse_officers(err);
	if (user_entry(f, u->name))
		return err_set(err, FLOW_E_CONFLICT, "the name is taken, or was by an account that "
			       "is gone");
	if (machine_has(f, u->name)) {
		err_set(err, FLOW_E_CONFLICT, "a token of a machine has this name, and would own what "
			"the account owns");
		err_hint(err, "revoke that token, or take another name");
		return FLOW_E_CONFLICT;
	}
	if (!f->who.separate && !(u->roles & ROLE_SECURITY)) {
		err_set(err, FLOW_E_CONFLICT, "the first account must have the role security");
		err_hint(err, "from then on two people share what the first token held alone: it keeps "
			 "admin, the account has security");
		return FLOW_E_CONFLICT;
	}
	if (f->who.nusers >= USERS_MAX)
		return err_set(err, FLOW_E_LIMIT, "there are %d accounts already", USERS_MAX);
	return 0;
}

int flow_user_new(struct flow *f, const json_t *doc, const struct token *who,
		  const struct user **ret, struct err *err)
{
	struct user u;
	int e = flow_busy(f, err);

	if (!e)
		e = user_decode(doc, &u, err);
	if (!e)
		e = new_allowed(f, &u, who, err);
	if (e)
		return e;
	u.created_ms = clock_now_ms();
	identity_commit(f, RECORD_USER, user_record_json(&u), who);
	*ret = flow_user_find(f, u.name);
	return 0;
}

/* Would nobody be left to do it? */
static int last_check(const struct flow *f, const struct user *old, unsigned keeps,
		      struct err *err)
{
	unsigned lost = old->disabled ? 0 : old->roles & ~keeps & (ROLE_ADMIN | ROLE_SECURITY);

	for (unsigned role = ROLE_ADMIN; role <= ROLE_SECURITY; role <<= 1)
		if (lost & role && !role_holders(f, role, old->name, 0))
			return err_set(err, FLOW_E_CONFLICT, "it is the last account with the role %s",
				       role == ROLE_ADMIN ? "admin" : "security");
	return 0;
}

static int change_allowed(const struct flow *f, const struct user *old, const struct user *u,
			  const struct token *who, struct err *err)
{
	unsigned changed = old->roles ^ u->roles;
	unsigned keeps = u->disabled || u->removed ? 0 : u->roles;

	if (!strcmp(who->user, old->name) && (changed || u->disabled || u->removed))
		return err_set(err, FLOW_E_FORBIDDEN, "nobody changes the roles or the state of their "
			       "own account");
	if (changed & ROLE_OFFICERS && !(who->roles & ROLE_SECURITY))
		return refuse_officers(err);
	return last_check(f, old, keeps, err);
}

static int change(struct flow *f, const struct user *old, const struct user *u,
		  const struct token *who, struct err *err)
{
	int e = change_allowed(f, old, u, who, err);

	if (!e)
		identity_commit(f, RECORD_USER, user_record_json(u), who);
	return e;
}

int flow_user_change(struct flow *f, const char *name, const json_t *doc, const struct token *who,
		     const struct user **ret, struct err *err)
{
	const struct user_entry *old = present(f, name);
	struct user u;
	int e = flow_busy(f, err);

	if (e)
		return e;
	if (!old)
		return err_set(err, FLOW_E_NOT_FOUND, "there is no account of this name");
	u = old->u;
	e = user_change(doc, &u, err);
	if (!e)
		e = change(f, &old->u, &u, who, err);
	if (!e)
		*ret = &old->u;
	return e;
}

int flow_user_remove(struct flow *f, const char *name, const struct token *who, struct err *err)
{
	const struct user_entry *old = present(f, name);
	struct user u;
	int e = flow_busy(f, err);

	if (e)
		return e;
	if (!old)
		return err_set(err, FLOW_E_NOT_FOUND, "there is no account of this name");
	u = old->u;
	u.removed = true;
	return change(f, &old->u, &u, who, err);
}
