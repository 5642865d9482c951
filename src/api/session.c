/* session.c - the caller about itself; passwords, and the sessions they open
 *
 * A password is hashed on a thread.  Meanwhile the client may leave and the account change, so
 * the job keeps its own copies, and flow is asked again when it is done.
 */

#include "api/cookie.h"

#include "api/guard.h"
#include "base/clock.h"
#include "base/mem.h"
#include "domain/jwt.h"
#include "domain/password.h"
#include "domain/wire.h"
#include "loop/work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOGIN, CHANGE, RESET };

/* A hash that no password opens, with the same figures: what is looked at for a name that does
 * not exist takes as long as for one that does. */
static const char nobody[] =
	"$argon2id$v=19$m=65536,t=3,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

struct job {
	struct api *api;
	struct api_call *call;          /* NULL: the client left */
	int what;
	char user[64];
	struct token who;
	char old[PASSWORD_MAX + 1], fresh[PASSWORD_MAX + 1];
	char hash[PASSWORD_HASH_MAX];   /* before: of the old one; after: of the fresh one */
	char opened[PASSWORD_HASH_MAX];
	bool known, right, broken;
	bool cookie;                    /* the text of the session goes there */
};

void api_session_get(struct api_call *c)
{
	json_t *doc = token_json(&c->who);

	json_object_del(doc, "revoked");
	json_object_del(doc, "used");
	wire_put(doc, "session", json_boolean(c->who.session));
	reply_json(c, 200, doc);
}

/* ---- the thread ---- */

static void compute(void *arg)
{
	struct job *j = arg;

	j->right = j->what == RESET || (password_is(j->hash, j->old) && j->known);
	if (j->what == LOGIN || !j->right)
		return;
	j->broken = password_hash(j->fresh, j->hash) != 0;
}

/* ---- the loop again ---- */

static void job_free(struct job *j)
{
	explicit_bzero(j, sizeof(*j));
	free(j);
}

static json_t *expires_json(const struct token *t)
{
	char when[CLOCK_TEXT_MAX];

	return t->expires_ms ? json_string(clock_format(t->expires_ms, when)) : json_null();
}

static int64_t seconds_left(const struct token *t)
{
	int64_t left_ms = t->expires_ms - clock_now_ms();

	if (!t->expires_ms)
		return -1;
	return left_ms > 0 ? left_ms / 1000 : 0;
}

static void open_session(struct job *j)
{
	char text[TOKEN_TEXT_LEN + 1];
	struct err err = { 0 };
	struct token t;
	json_t *doc;
	int r = flow_session_open(j->api->flow, j->user, j->opened, text, &t, &err);

	if (r) {
		reply_err(j->call, r, &err);
		return;
	}
	doc = json_pack("{s:s, s:o, s:o, s:b}", "user", t.user, "roles", roles_json(t.roles), "expires",
			expires_json(&t), "change_password",
			flow_password_once(j->api->flow, j->user));
	if (j->cookie)
		cookie_set(j->call, COOKIE_BEARER, text, seconds_left(&t));
	else
		wire_put(doc, "token", json_string(text));
	explicit_bzero(text, sizeof(text));
	http_reply_header(j->call->req, "Cache-Control", "no-store");
	reply_json(j->call, 201, doc);
}

static void set_password(struct job *j)
{
	bool once = j->what == RESET;
	struct err err = { 0 };
	int r = flow_password_set(j->api->flow, j->user, once ? NULL : j->opened, j->hash, &j->who,
				  &err);

	if (r) {
		reply_err(j->call, r, &err);
		return;
	}
	if (!once) {
		reply_empty(j->call);
		return;
	}
	http_reply_header(j->call->req, "Cache-Control", "no-store");
	reply_json(j->call, 201, json_pack("{s:s, s:s}", "user", j->user, "password", j->fresh));
}

static void on_done(void *arg)
{
	struct job *j = arg;
	struct api *a = j->api;

	if (j->right && j->what != RESET)
		guard_right(a->guard, j->user);
	/* What a client that left wanted is not done: it could not learn of it. */
	if (j->call) {
		j->call->gone = NULL;
		if (j->broken)
			reply_no(j->call, NO_UNAVAILABLE, NULL, "no memory for a password", NULL);
		else if (!j->right)
			reply_wrong(j->call, "the name or the password is wrong", NULL);
		else if (j->what == LOGIN)
			open_session(j);
		else
			set_password(j);
	}
	job_free(j);
}

static void on_left(void *arg)
{
	((struct job *)arg)->call = NULL;
}

static void start(struct api_call *c, struct job *j)
{
	struct api *a = c->api;

	if (work_start(a->work, compute, on_done, j)) {
		job_free(j);
		reply_no(c, NO_UNAVAILABLE, NULL, "too many passwords are being looked at", NULL);
		return;
	}
	c->gone = on_left;
	c->arg = j;
}

/* ---- requests ---- */

static struct job *job_new(struct api_call *c, int what, const char *user)
{
	const char *hash = flow_password_of(c->api->flow, user);
	struct job *j = mem_alloc(sizeof(*j));

	j->api = c->api;
	j->call = c;
	j->what = what;
	j->who = c->who;
	j->known = hash;
	snprintf(j->user, sizeof(j->user), "%s", user);
	snprintf(j->hash, sizeof(j->hash), "%s", hash ? hash : nobody);
	memcpy(j->opened, j->hash, sizeof(j->opened));
	return j;
}

/* Too many wrong ones, from there or for this name: 1, and answered. */
static int too_many(struct api_call *c, const char *name)
{
	int64_t now_ms = clock_now_ms();
	uint8_t addr[16];
	unsigned wait;

	http_peer(c->req, addr);
	wait = guard_wait(c->api->guard, addr, now_ms);
	if (!wait)
		wait = guard_try(c->api->guard, name, now_ms);
	if (wait)
		reply_wait(c, wait, "too many wrong passwords");
	return wait != 0;
}

struct opening {
	const char *user, *password, *token;
	bool cookie;
};

static int opening_read(struct api_call *c, struct opening *l)
{
	struct err err = { 0 };
	struct dec d;
	bool token;
	int r;

	dec_begin(&d, c->body, "", NULL, &c->req->arena, &err);
	token = dec_has(&d, "token");
	dec_str(&d, "token", DEC_OPT, 1, JWT_MAX, &l->token);
	dec_bool(&d, "cookie", DEC_OPT, &l->cookie);
	dec_str(&d, "user", token ? DEC_OPT : DEC_NEED, 1, 63, &l->user);
	dec_str(&d, "password", token ? DEC_OPT : DEC_NEED, 1, PASSWORD_MAX, &l->password);
	if (token && (l->user || l->password))
		dec_fail(&d, "token", "must not stand beside user and password");
	if (token && !l->cookie)
		dec_fail(&d, "cookie", "must be true: a token is given to put it into a cookie");
	r = dec_end(&d);
	if (r)
		reply_err(c, r, &err);
	return r;
}

/* A text that the caller has already moves into a cookie, where no script can read it. */
static void bear(struct api_call *c, const char *text)
{
	json_t *doc;

	if (caller_text(c, text))
		return;
	if (cookie_set(c, COOKIE_BEARER, text, seconds_left(&c->who))) {
		reply_no(c, NO_BAD_REQUEST, "token",
			 arena_printf(&c->req->arena, "is larger than a cookie, which has %d bytes",
				      COOKIE_MAX),
			 "let the provider put less into its tokens");
		return;
	}
	doc = json_pack("{s:o, s:s, s:o, s:o, s:b}", "user",
			*c->who.user ? json_string(c->who.user) : json_null(), "name", c->who.name,
			"roles", roles_json(c->who.roles), "expires", expires_json(&c->who),
			"change_password",
			c->who.session && flow_password_once(c->api->flow, c->who.user));
	http_reply_header(c->req, "Cache-Control", "no-store");
	reply_json(c, 201, doc);
}

void api_session_open(struct api_call *c)
{
	struct opening l = { 0 };
	struct job *j;

	if (call_json(c) || opening_read(c, &l))
		return;
	/* Or a page of strangers would log their victim in as somebody else, and read what it writes. */
	if (l.cookie && caller_not_a_foreign_page(c))
		return;
	if (l.token) {
		bear(c, l.token);
		return;
	}
	if (too_many(c, l.user))
		return;
	j = job_new(c, LOGIN, l.user);
	j->cookie = l.cookie;
	snprintf(j->old, sizeof(j->old), "%s", l.password);
	start(c, j);
}

void api_session_close(struct api_call *c)
{
	struct err err = { 0 };
	int r = 0;

	/* What is no session is not ended with the cookie, which is cleared already. */
	if (!c->by_cookie || c->who.session)
		r = flow_session_close(c->api->flow, &c->who, &err);
	if (r)
		reply_err(c, r, &err);
	else
		reply_empty(c);
}

void api_password_change(struct api_call *c)
{
	const char *old = NULL, *fresh = NULL;
	struct err err = { 0 };
	struct job *j;
	struct dec d;
	int r;

	if (call_json(c))
		return;
	dec_begin(&d, c->body, "", NULL, &c->req->arena, &err);
	dec_str(&d, "old", DEC_NEED, 1, PASSWORD_MAX, &old);
	dec_str(&d, "new", DEC_NEED, 1, PASSWORD_MAX, &fresh);
	r = dec_end(&d);
	if (!r)
		r = password_check(fresh, c->who.user, "new", &err);
	if (!r && !strcmp(old, fresh))
		r = err_field(&err, "new", "must not be the old one");
	if (!r && !*c->who.user)
		r = err_set(&err, FLOW_E_CONFLICT, "a machine has no password");
	if (r) {
		reply_err(c, r, &err);
		return;
	}
	if (too_many(c, c->who.user))
		return;
	j = job_new(c, CHANGE, c->who.user);
	snprintf(j->old, sizeof(j->old), "%s", old);
	snprintf(j->fresh, sizeof(j->fresh), "%s", fresh);
	start(c, j);
}

void api_password_reset(struct api_call *c)
{
	struct err err = { 0 };
	struct job *j;
	int r = flow_password_reset_check(c->api->flow, c->param, &c->who, &err);

	if (r) {
		reply_err(c, r, &err);
		return;
	}
	j = job_new(c, RESET, c->param);
	if (password_once(j->fresh)) {
		job_free(j);
		reply_no(c, NO_INTERNAL, NULL, NULL, NULL);
		return;
	}
	start(c, j);
}
