/* sessions.c - passwords and what they open: sessions, which end by themselves
 *
 * The hash of a password is computed elsewhere, on a thread: what was true when it began is
 * asked again here.  A session is a token of the account, with all of its roles; while its
 * password is one for the first time, it can only change that.
 */

#include "flow/state.h"

#include "base/clock.h"

#include <string.h>
#include <utlist.h>

static struct user_entry *usable(const struct flow *f, const char *name)
{
	struct user_entry *u = user_entry(f, name);

	return u && u->password && !u->u.disabled && !u->u.removed ? u : NULL;
}

const char *flow_password_of(const struct flow *f, const char *user)
{
	const struct user_entry *u = usable(f, user);

	return u ? u->password : NULL;
}

bool flow_password_once(const struct flow *f, const char *user)
{
	const struct user_entry *u = usable(f, user);

	return u && u->one_time;
}

static void close_one(struct flow *f, const struct token_entry *e, const struct token *by)
{
	struct token t = e->t;

	t.revoked = true;
	identity_commit(f, RECORD_SESSION, token_record_json(&t), by);
}

/* All of them, or all but that of the caller; or the oldest one only. */
static void close_of(struct flow *f, const char *user, const struct token *but, bool oldest,
		     const struct token *by)
{
	struct token_entry *e, *next;

	DL_FOREACH_SAFE(f->who.sessions, e, next) {
		if (strcmp(e->t.user, user) || (but && !memcmp(e->t.hash, but->hash, TOKEN_HASH_LEN)))
			continue;
		close_one(f, e, by);
		if (oldest)
			return;
	}
}

int flow_session_open(struct flow *f, const char *user, const char *hash, char *ret_text,
		      struct token *ret, struct err *err)
{
	struct user_entry *u = usable(f, user);
	struct token t = { .session = true, .created_ms = clock_now_ms() };
	const struct token *now;
	int e = flow_busy(f, err);

	if (e)
		return e;
	if (!u || strcmp(u->password, hash))
		return err_set(err, FLOW_E_CONFLICT, "the account was changed meanwhile");
	if (u->nsessions >= USER_SESSIONS_MAX)
		close_of(f, user, NULL, true, NULL);
	if (f->who.nsessions >= SESSIONS_MAX)
		return err_set(err, FLOW_E_LIMIT, "there are %d sessions already", SESSIONS_MAX);
	e = token_make(ret_text, t.hash);
	if (e)
		return err_set(err, e, "the kernel gave no random bits");
	t.id = f->who.last_session < SESSION_ID ? SESSION_ID : f->who.last_session + 1;
	t.roles = u->u.roles;
	t.expires_ms = t.created_ms + SESSION_MS;
	memcpy(t.name, u->u.name, sizeof(t.name));
	memcpy(t.user, u->u.name, sizeof(t.user));
	memcpy(t.tenant, u->u.tenant, sizeof(t.tenant));
	identity_commit(f, RECORD_SESSION, token_record_json(&t), &t);
	now = flow_token_find(f, ret_text);
	*ret = now ? *now : t;
	return 0;
}

int flow_session_close(struct flow *f, const struct token *who, struct err *err)
{
	struct token_entry *e, *next;
	int r = flow_busy(f, err);

	if (r)
		return r;
	DL_FOREACH_SAFE(f->who.sessions, e, next)
		if (!memcmp(e->t.hash, who->hash, TOKEN_HASH_LEN)) {
			close_one(f, e, who);
			return 0;
		}
	return err_set(err, FLOW_E_CONFLICT, "this token is not a session; revoke it instead");
}

int flow_password_reset_check(const struct flow *f, const char *user, const struct token *who,
			      struct err *err)
{
	const struct user_entry *u = user_entry(f, user);

	if (!u || u->u.removed)
		return err_set(err, FLOW_E_NOT_FOUND, "there is no account of this name");
	if (!strcmp(who->user, user))
		return err_set(err, FLOW_E_FORBIDDEN, "change your own password with the old one");
	/* The first password of all comes from whoever made the account, or nobody could begin. */
	if (u->password && u->u.roles & ROLE_OFFICERS && !(who->roles & ROLE_SECURITY))
		return err_set(err, FLOW_E_FORBIDDEN,
			       "only security resets the password of admin, security and auditor");
	return 0;
}

/* Is what held when the hash was begun, long before, still so? */
static int set_check(const struct flow *f, const char *user, const char *old,
		     const struct token *who, struct err *err)
{
	const struct user_entry *u = usable(f, user);
	int e = old ? 0 : flow_password_reset_check(f, user, who, err);

	if (e)
		return e;
	if (!flow_token_holds(f, who))
		return err_set(err, FLOW_E_CONFLICT, "your session or token ended meanwhile");
	if (old && (!u || strcmp(u->password, old)))
		return err_set(err, FLOW_E_CONFLICT, "the account was changed meanwhile");
	return 0;
}

int flow_password_set(struct flow *f, const char *user, const char *old, const char *hash,
		      const struct token *who, struct err *err)
{
	bool once = !old;
	int e = flow_busy(f, err);
	json_t *doc;

	if (!e)
		e = set_check(f, user, old, who, err);
	if (e)
		return e;
	doc = json_pack("{s:s, s:s, s:b}", "user", user, "hash", hash, "one_time", once);
	identity_commit(f, RECORD_PASSWORD, doc, who);
	/* Whoever knew the old one is out; the caller stays. */
	close_of(f, user, once ? NULL : who, false, who);
	return 0;
}
