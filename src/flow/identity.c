/* identity.c - keep tenants, accounts and tokens, and say who is calling
 *
 * A token is looked up for every request.  What its owner, the separation of roles and its
 * own record leave of it is worked out once after each change of any identity, so a role
 * that is taken away is gone with the next request.
 */

#include "flow/state.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

void identity_init(struct identity *who, bool separate)
{
	*who = (struct identity){ .version = 1, .separate = separate, .use_ms = clock_now_ms() };
}

void identity_commit(struct flow *f, int kind, json_t *doc, const struct token *by)
{
	struct record r = { .kind = (enum record_kind)kind, .doc = doc };

	if (by)
		json_object_set_new(doc, "by", json_string(token_by(by)));
	flow_commit(f, &r);
	json_decref(doc);
}

/* ---- tenants ---- */

struct tenant_entry *tenant_find(const struct flow *f, const char *name)
{
	struct tenant_entry *t = NULL;

	HASH_FIND(hh, f->who.tenants, name, strlen(name), t);
	return t;
}

struct tenant_entry *tenant_get(struct flow *f, const char *name)
{
	struct tenant_entry *t = tenant_find(f, name);

	if (t)
		return t;
	t = mem_alloc(sizeof(*t));
	snprintf(t->t.name, sizeof(t->t.name), "%s", name);
	HASH_ADD_STR(f->who.tenants, t.name, t);
	return t;
}

static struct tenant_entry *tenant_list(struct flow *f, const char *name)
{
	struct tenant_entry *t = tenant_get(f, name);
	struct identity *w = &f->who;

	if (t->listed)
		return t;
	t->listed = true;
	t->index = w->ntenants;
	w->tenant_list = mem_grow(w->tenant_list, w->ntenants + 1, sizeof(struct tenant_entry *));
	w->tenant_list[w->ntenants++] = t;
	return t;
}

static int apply_tenant(struct flow *f, const struct record *r, struct err *err)
{
	struct tenant t;

	if (tenant_record_decode(r->doc, &t, err))
		return -EPROTO;
	tenant_list(f, t.name)->t = t;
	return 0;
}

/* ---- accounts ---- */

struct user_entry *user_entry(const struct flow *f, const char *name)
{
	struct user_entry *u = NULL;

	HASH_FIND(hh, f->who.users, name, strlen(name), u);
	return u;
}

static int apply_user(struct flow *f, const struct record *r, struct err *err)
{
	struct identity *w = &f->who;
	struct user_entry *e;
	struct user u;

	if (user_record_decode(r->doc, &u, err))
		return -EPROTO;
	w->separate = true;
	e = user_entry(f, u.name);
	if (e) {
		e->u = u;
		return 0;
	}
	e = mem_alloc(sizeof(*e));
	e->u = u;
	e->index = w->nusers;
	HASH_ADD_STR(w->users, u.name, e);
	w->user_list = mem_grow(w->user_list, w->nusers + 1, sizeof(struct user_entry *));
	w->user_list[w->nusers++] = e;
	return 0;
}

static int apply_password(struct flow *f, const struct record *r, struct err *err)
{
	const char *name = json_string_value(json_object_get(r->doc, "user"));
	const char *hash = json_string_value(json_object_get(r->doc, "hash"));
	struct user_entry *u = name ? user_entry(f, name) : NULL;

	if (!u || !hash)
		return err_set(err, -EPROTO, "a password names no account");
	free(u->password);
	u->password = mem_strdup(hash);
	u->one_time = json_is_true(json_object_get(r->doc, "one_time"));
	return 0;
}

/* ---- tokens and sessions ---- */

static void count_session(struct flow *f, const struct token *t, int by)
{
	struct user_entry *u = *t->user ? user_entry(f, t->user) : NULL;

	if (u)
		u->nsessions += (uint32_t)by;
}

static struct token_entry *token_add(struct flow *f, const struct token *t)
{
	struct token_entry *e = mem_alloc(sizeof(*e));

	e->t = *t;
	e->pools = mem_strdup(t->pools);
	e->t.pools = e->pools;
	HASH_ADD(hh, f->who.tokens, t.hash, TOKEN_HASH_LEN, e);
	return e;
}

static void session_free(struct flow *f, struct token_entry *e)
{
	struct identity *w = &f->who;

	count_session(f, &e->t, -1);
	DL_DELETE(w->sessions, e);
	w->nsessions--;
	HASH_DELETE(hh, w->tokens, e);
	free(e->pools);
	free(e);
}

static struct token_entry *token_known(const struct flow *f, const uint8_t hash[TOKEN_HASH_LEN])
{
	struct token_entry *e = NULL;

	/* The look-up is by SHA-256 of 256 random bits: its timing tells nothing useful. */
	HASH_FIND(hh, f->who.tokens, hash, TOKEN_HASH_LEN, e);
	return e;
}

static void apply_session(struct flow *f, const struct token *t)
{
	struct token_entry *e = token_known(f, t->hash);
	struct identity *w = &f->who;

	if (w->last_session < t->id)
		w->last_session = t->id;
	if (t->revoked && e)
		session_free(f, e);
	if (t->revoked || e)
		return;
	/* All of them last equally long, so the oldest ones are over first. */
	while (w->sessions && w->sessions->t.expires_ms <= t->created_ms)
		session_free(f, w->sessions);
	e = token_add(f, t);
	count_session(f, t, 1);
	DL_APPEND(w->sessions, e);
	w->nsessions++;
}

struct token_entry *token_id(const struct flow *f, uint32_t id)
{
	uint32_t low = 0, high = f->who.ntokens;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (f->who.token_list[mid]->t.id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < f->who.ntokens && f->who.token_list[low]->t.id == id ?
		f->who.token_list[low] : NULL;
}

bool token_long_over(const struct token_entry *e, int64_t at_ms)
{
	int64_t over_ms = e->t.revoked ? e->over_ms : e->t.expires_ms;

	return (e->t.revoked || over_ms) && at_ms - over_ms >= TOKEN_KEPT_MS;
}

/* The journal and the audit log have them for ever.  Without accounts all stay: from their names
 * the daemon tells whether the first token is still to be made. */
static void forget_tokens(struct flow *f, int64_t at_ms)
{
	struct identity *w = &f->who;
	uint32_t n = 0;

	for (uint32_t i = 0; w->nusers && i < w->ntokens; i++) {
		struct token_entry *e = w->token_list[i];

		if (!token_long_over(e, at_ms)) {
			w->token_list[n++] = e;
			continue;
		}
		HASH_DELETE(hh, w->tokens, e);
		free(e->pools);
		free(e);
	}
	if (w->nusers)
		w->ntokens = n;
}

static int apply_token(struct flow *f, const struct record *r, struct err *err)
{
	char pools[TOKEN_POOLS_LEN];
	struct identity *w = &f->who;
	struct token_entry *e;
	struct token t;

	if (token_record_decode(r->doc, pools, &t, err))
		return -EPROTO;
	if (t.session) {
		apply_session(f, &t);
		return 0;
	}
	tenant_list(f, t.tenant);       /* of a journal from before tenants had records */
	e = token_known(f, t.hash);
	if (e) {
		t.pools = e->pools;     /* these never change */
		t.used_ms = e->t.used_ms;
		if (t.revoked && !e->t.revoked)
			e->over_ms = r->at_ms;
		e->t = t;
		return 0;
	}
	if (t.id <= w->last_token)      /* forgotten; of a journal from before that was done */
		return 0;
	w->last_token = t.id;
	forget_tokens(f, t.created_ms);
	e = token_add(f, &t);
	w->token_list = mem_grow(w->token_list, w->ntokens + 1, sizeof(struct token_entry *));
	w->token_list[w->ntokens++] = e;
	return 0;
}

static int apply_use(struct flow *f, const struct record *r)
{
	const json_t *list = json_object_get(r->doc, "used"), *v;
	size_t i;

	json_array_foreach(list, i, v) {
		json_int_t id = json_integer_value(json_array_get(v, 0));
		json_int_t ms = json_integer_value(json_array_get(v, 1));
		struct token_entry *e;

		if (id < 1 || id > f->who.last_token)
			return -EPROTO;
		e = token_id(f, (uint32_t)id);
		if (!e)         /* of a journal from before they were forgotten */
			continue;
		e->used_told_ms = ms;
		if (e->t.used_ms < ms)
			e->t.used_ms = ms;
	}
	return 0;
}

int identity_apply(struct flow *f, const struct record *r, struct err *err)
{
	if (r->kind == RECORD_TOKEN_USE)
		return apply_use(f, r);
	f->who.version++;
	switch (r->kind) {
	case RECORD_TENANT:
		return apply_tenant(f, r, err);
	case RECORD_USER:
		return apply_user(f, r, err);
	case RECORD_PASSWORD:
		return apply_password(f, r, err);
	default:
		return apply_token(f, r, err);
	}
}

/* ---- who is calling ---- */

/* What is left of a token: of its own roles, those that its owner has now; of the three that
 * exclude each other, one. */
static void work_out(const struct flow *f, struct token_entry *e)
{
	const struct user_entry *u = *e->t.user ? user_entry(f, e->t.user) : NULL;

	e->now = e->t;
	e->alive = !e->t.revoked;
	if (*e->t.user) {
		e->alive = e->alive && u && !u->u.disabled && !u->u.removed;
		if (e->t.session)
			e->now.roles = u ? u->u.roles : 0;
		else
			e->now.roles &= u ? u->u.roles : 0;
		if (e->t.session && u && u->one_time)
			e->now.scopes = SCOPE_SELF;
	}
	if (f->who.separate && !roles_separate(e->now.roles))
		e->now.roles = roles_split(e->now.roles);
	e->version = f->who.version;
}

const struct token *token_now(const struct flow *f, struct token_entry *e)
{
	if (e->version != f->who.version)
		work_out(f, e);
	e->now.used_ms = e->t.used_ms;
	return &e->now;
}

static bool usable(const struct flow *f, struct token_entry *e, int64_t now_ms)
{
	const struct token *t = token_now(f, e);

	return e->alive && (!t->expires_ms || now_ms < t->expires_ms);
}

const struct token *flow_token_find(struct flow *f, const char *text)
{
	uint8_t hash[TOKEN_HASH_LEN];
	int64_t now_ms = clock_now_ms();
	struct token_entry *e;

	if (token_hash(text, hash))
		return NULL;
	e = token_known(f, hash);
	if (!e || !usable(f, e, now_ms))
		return NULL;
	e->t.used_ms = now_ms;
	return &e->now;
}

bool flow_token_holds(const struct flow *f, const struct token *who)
{
	struct token_entry *e = token_known(f, who->hash);

	struct token now;

	if (who->foreign && *who->user)
		return !flow_caller(f, who->user, &now) && now.roles == who->roles;
	if (who->foreign)
		return clock_now_ms() < who->expires_ms && flow_tenant_find(f, who->tenant);
	return e && usable(f, e, clock_now_ms()) && e->now.roles == who->roles &&
	       e->now.scopes == who->scopes;
}

int flow_caller(const struct flow *f, const char *user, struct token *ret)
{
	const struct user_entry *u = user_entry(f, user);

	if (!u || u->u.disabled || u->u.removed)
		return 1;
	*ret = (struct token){ .id = SESSION_ID * 2U + u->index, .foreign = true,
			       .roles = u->u.roles, .created_ms = u->u.created_ms };
	memcpy(ret->name, u->u.name, sizeof(ret->name));
	memcpy(ret->user, u->u.name, sizeof(ret->user));
	memcpy(ret->tenant, u->u.tenant, sizeof(ret->tenant));
	return 0;
}

uint32_t flow_identity_version(const struct flow *f)
{
	return f->who.version;
}

uint32_t role_holders(const struct flow *f, unsigned role, const char *but_user,
		      uint32_t but_token)
{
	int64_t now_ms = clock_now_ms();
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->who.ntokens; i++) {
		struct token_entry *e = f->who.token_list[i];

		n += !*e->t.user && e->t.id != but_token && usable(f, e, now_ms) &&
		     e->now.roles & role;
	}
	for (uint32_t i = 0; i < f->who.nusers; i++) {
		const struct user *u = &f->who.user_list[i]->u;

		n += u->roles & role && !u->disabled && !u->removed &&
		     (!but_user || strcmp(u->name, but_user));
	}
	return n;
}

/* ---- time ---- */

/* Last uses are told late and together: a row for each request would cost more than it. */
static void tell_uses(struct flow *f, int64_t now_ms)
{
	json_t *list = json_array();

	f->who.use_ms = now_ms;
	for (uint32_t i = 0; i < f->who.ntokens && json_array_size(list) < USE_ROW_MAX; i++) {
		const struct token_entry *e = f->who.token_list[i];

		if (e->t.used_ms - e->used_told_ms >= USE_TOLD_MS)
			json_array_append_new(list, json_pack("[I,I]", (json_int_t)e->t.id,
							      (json_int_t)e->t.used_ms));
	}
	if (json_array_size(list) && !f->trouble)
		identity_commit(f, RECORD_TOKEN_USE, json_pack("{s:O}", "used", list), NULL);
	json_decref(list);
}

/* Sessions that are over need no row: their record says when they end. */
static void sweep(struct flow *f, int64_t now_ms)
{
	struct token_entry *e, *next;

	f->who.sweep_ms = now_ms;
	DL_FOREACH_SAFE(f->who.sessions, e, next)
		if (e->t.expires_ms <= now_ms)
			session_free(f, e);
}

void identity_tick(struct flow *f, int64_t now_ms)
{
	if (llabs(now_ms - f->who.use_ms) >= USE_EVERY_MS)
		tell_uses(f, now_ms);
	if (llabs(now_ms - f->who.sweep_ms) >= USE_EVERY_MS)
		sweep(f, now_ms);
}

void identity_done(struct identity *w)
{
	struct tenant_entry *t, *ttmp;
	struct user_entry *u, *utmp;
	struct token_entry *k, *ktmp;

	HASH_ITER(hh, w->tenants, t, ttmp) {
		HASH_DELETE(hh, w->tenants, t);
		free(t);
	}
	HASH_ITER(hh, w->users, u, utmp) {
		HASH_DELETE(hh, w->users, u);
		free(u->password);
		free(u);
	}
	HASH_ITER(hh, w->tokens, k, ktmp) {
		HASH_DELETE(hh, w->tokens, k);
		free(k->pools);
		free(k);
	}
	free(w->tenant_list);
	free(w->user_list);
	free(w->token_list);
}
