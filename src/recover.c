/* recover.c - `suanlu user recover`: a way back for a security account that nobody can open any more
 *
 * Only security resets the password of security, so when the last one is lost nobody online can.  Whoever
 * may write the state directory can do anything to it; this is the way that leaves a trace.  The
 * daemon is stopped (it holds the lock), the journal gets the rows that a reset by a colleague would
 * have written, and the chain says that the machine's operator did it, and why.  Nothing but a
 * password and sessions is touched: roles, tenant and state of the account stay as they are.
 */

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/out.h"
#include "cmd/remote.h"
#include "domain/password.h"
#include "domain/record.h"
#include "domain/token.h"
#include "domain/user.h"
#include "store/store.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct recovery {
	uv_loop_t loop;
	struct store *store;
	const char *name, *reason;
	bool known;
	struct user user;
	json_t *open;                   /* its sessions, as the journal has them, by hash */
	enum digest_kind digest;        /* of the newest link: new ones go on with it */
	uint64_t durable;
	struct err err;
};

/* ---- what the journal says ---- */

static void see_session(struct recovery *v, json_t *doc)
{
	const char *user = json_string_value(json_object_get(doc, "user"));
	const char *hash = json_string_value(json_object_get(doc, "hash"));

	if (!user || !hash || strcmp(user, v->name))
		return;
	if (json_is_true(json_object_get(doc, "revoked")))
		json_object_del(v->open, hash);
	else if (json_integer_value(json_object_get(doc, "expires_ms")) > clock_now_ms())
		json_object_set(v->open, hash, doc);
}

static int see_user(struct recovery *v, const json_t *doc)
{
	struct user u;

	if (user_record_decode(doc, &u, &v->err))
		return -EPROTO;
	if (!strcmp(u.name, v->name)) {
		v->user = u;
		v->known = !u.removed;
	}
	return 0;
}

static int see_row(void *arg, const struct store_row *row)
{
	struct recovery *v = arg;
	json_t *doc = NULL;
	int r;

	if (row->kind != RECORD_USER && row->kind != RECORD_SESSION)
		return 0;
	r = record_parse(row->kind, row->subject, row->task, row->body, row->body_len, &doc, &v->err);
	if (!r && row->kind == RECORD_USER)
		r = see_user(v, doc);
	else if (!r)
		see_session(v, doc);
	json_decref(doc);
	return r;
}

static int see_link(void *arg, const struct chain_entry *e)
{
	((struct recovery *)arg)->digest = e->link.digest;
	return 0;
}

static void on_links(void *arg, int r)
{
	struct recovery *v = arg;

	if (r)
		err_set(&v->err, r, "could not read the audit log: %s", uv_strerror(r));
	uv_stop(&v->loop);
}

static int look(struct recovery *v)
{
	struct store *s = v->store;
	int r = s->ops->replay(s, 0, see_row, v, &v->err);

	if (r)
		return r;
	v->digest = DIGEST_SM3;
	s->ops->audit_read(s, UINT64_MAX, 1, see_link, on_links, v);
	uv_run(&v->loop, UV_RUN_DEFAULT);
	s->digest = v->digest;
	return v->err.text[0] ? -EIO : 0;
}

static int allowed(struct recovery *v)
{
	struct err *err = &v->err;

	if (!v->known)
		return err_set(err, CMD_NOT_FOUND, tr("there is no account \"%s\" in this journal",
						      "日志中没有账号 “%s”"), v->name);
	if (!(v->user.roles & ROLE_SECURITY)) {
		err_set(err, CMD_CONFLICT, tr("%s does not have the role security", "%s 没有 security 角色"),
			v->name);
		err_hint(err, tr("security gives it a new password: suanlu user reset %s",
				 "由 security 重置其密码：suanlu user reset %s"), v->name);
		return CMD_CONFLICT;
	}
	if (v->user.disabled) {
		err_set(err, CMD_CONFLICT, tr("%s was disabled, and stays so", "%s 已停用，且保持停用"), v->name);
		err_hint(err, "%s", tr("another account with the role security is there and can enable it",
				       "另有 security 账号可将其启用"));
		return CMD_CONFLICT;
	}
	return 0;
}

/* ---- what is written ---- */

static void on_durable(void *arg, uint64_t seq)
{
	struct recovery *v = arg;

	v->durable = seq;
	uv_stop(&v->loop);
}

static void on_trouble(void *arg, const char *text, int64_t failing_ms)
{
	struct recovery *v = arg;

	if (failing_ms)
		err_set(&v->err, -EIO, "could not write the journal: %s", text);
	uv_stop(&v->loop);
}

static uint64_t append(struct recovery *v, enum record_kind kind, json_t *doc)
{
	char actor[CHAIN_ACTOR_MAX];
	struct store_row row = { .at_ms = clock_now_ms(), .kind = kind, .audit = true, .actor = actor };
	char *body;

	snprintf(actor, sizeof(actor), "operator of this machine, offline, uid %u", (unsigned)getuid());
	json_object_set_new(doc, "by", json_string("operator, offline"));
	body = json_dumps(doc, JSON_COMPACT);
	row.body = body;
	row.body_len = strlen(body);
	v->store->ops->append(v->store, &row);
	free(body);
	json_decref(doc);
	return row.seq;
}

static int put(struct recovery *v, const char *hash)
{
	uint64_t last = append(v, RECORD_PASSWORD, json_pack("{s:s, s:s, s:b, s:s}", "user", v->name,
							     "hash", hash, "one_time", 1, "reason",
							     v->reason));
	const char *key;
	json_t *doc;

	/* Whoever is in by the old password is out. */
	json_object_foreach(v->open, key, doc) {
		json_t *closed = json_copy(doc);

		json_object_set_new(closed, "revoked", json_true());
		last = append(v, RECORD_SESSION, closed);
	}
	while (v->durable < last && !v->err.text[0])
		uv_run(&v->loop, UV_RUN_DEFAULT);
	return v->err.text[0] ? -EIO : 0;
}

/* ---- the verb ---- */

static int open_store(struct recovery *v, const char *state)
{
	struct store_events ev = { .arg = v, .durable = on_durable, .trouble = on_trouble };
	char path[PATH_MAX];

	/* A mistyped directory is not made. */
	snprintf(path, sizeof(path), "%s/suanlu.db", state);
	if (access(path, F_OK))
		return err_set(&v->err, -errno, tr("there is no journal in %s: %s", "%s 中没有日志：%s"), state,
			       strerror(errno));
	return store_sqlite_open(&v->loop, state, &ev, &v->store, &v->err);
}

static int exit_of(int r)
{
	if (r >= 0)
		return r;
	return r == -EBUSY ? CMD_CONFLICT : r == -ENOENT || r == -ENOTDIR ? CMD_NOT_FOUND :
	       r == -EPERM || r == -EACCES ? CMD_NOT_ALLOWED : CMD_INTERNAL;
}

static int recover(struct recovery *v, const char *state, char password[PASSWORD_ONCE_LEN + 1])
{
	char hash[PASSWORD_HASH_MAX];
	int r = open_store(v, state);

	if (!r)
		r = look(v);
	if (!r)
		r = allowed(v);
	if (!r && (password_once(password) || password_hash(password, hash)))
		r = err_set(&v->err, -ENOMEM, "a password could not be made");
	if (!r)
		r = put(v, hash);
	if (v->store)
		v->store = v->store->ops->free(v->store);
	return r;
}

int cmd_user_recover(const char *state, const char *name, const char *reason)
{
	struct recovery v = { .name = name, .reason = reason, .open = json_object() };
	char password[PASSWORD_ONCE_LEN + 1];
	int r;

	uv_loop_init(&v.loop);
	r = recover(&v, state, password);
	while (uv_run(&v.loop, UV_RUN_NOWAIT))
		;
	uv_loop_close(&v.loop);
	json_decref(v.open);
	if (r) {
		remote_say(&v.err);
	} else {
		out_safe(stderr, tr("a password for %s, good for one login; it is shown this once:\n",
				    "%s 的一次性登录密码，仅显示这一次：\n"), name);
		out_safe(stdout, "%s\n", password);
	}
	explicit_bzero(password, sizeof(password));
	return exit_of(r);
}
