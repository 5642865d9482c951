/* user.c - accounts as documents */

#include "domain/user.h"

#include "base/clock.h"
#include "domain/wire.h"

static void decode_roles(struct dec *d, enum dec_need need, struct user *u)
{
	dec_roles(d, "roles", need, &u->roles);
	if (!roles_separate(u->roles))
		dec_fail(d, "roles", "must not join admin, security and auditor in one account");
}

static void decode_who(struct dec *d, struct user *u)
{
	wire_text(d, "name", DEC_NEED, 63, wire_name, u->name);
	wire_text(d, "tenant", DEC_NEED, 63, wire_name, u->tenant);
	wire_text(d, "title", DEC_OPT, USER_TITLE_MAX, wire_printable, u->title);
}

int user_decode(const json_t *json, struct user *ret, struct err *err)
{
	struct user u = { .roles = 0 };
	struct arena arena;
	struct dec d;
	int r;

	arena_init(&arena);
	dec_begin(&d, json, "", NULL, &arena, err);
	decode_who(&d, &u);
	decode_roles(&d, DEC_NEED, &u);
	r = dec_end(&d);
	arena_done(&arena);
	if (r == 0)
		*ret = u;
	return r;
}

int user_change(const json_t *json, struct user *u, struct err *err)
{
	struct user to = *u;
	struct arena arena;
	struct dec d;
	int r;

	arena_init(&arena);
	dec_begin(&d, json, "", NULL, &arena, err);
	decode_roles(&d, DEC_OPT, &to);
	wire_text(&d, "title", DEC_OPT, USER_TITLE_MAX, wire_printable, to.title);
	dec_bool(&d, "disabled", DEC_OPT, &to.disabled);
	r = dec_end(&d);
	arena_done(&arena);
	if (r == 0)
		*u = to;
	return r;
}

json_t *user_json(const struct user *u)
{
	json_t *obj = json_object();
	char when[CLOCK_TEXT_MAX];

	wire_put_str(obj, "name", u->name);
	wire_put_str(obj, "tenant", u->tenant);
	wire_put_str(obj, "title", u->title);
	wire_put(obj, "roles", roles_json(u->roles));
	wire_put(obj, "disabled", json_boolean(u->disabled));
	wire_put_str(obj, "created", clock_format(u->created_ms, when));
	return obj;
}

json_t *user_record_json(const struct user *u)
{
	json_t *obj = json_object();

	wire_put_str(obj, "name", u->name);
	wire_put_str(obj, "tenant", u->tenant);
	if (*u->title)
		wire_put_str(obj, "title", u->title);
	wire_put(obj, "roles", roles_json(u->roles));
	wire_put(obj, "disabled", json_boolean(u->disabled));
	wire_put(obj, "removed", json_boolean(u->removed));
	wire_put_int(obj, "created_ms", u->created_ms);
	return obj;
}

int user_record_decode(const json_t *json, struct user *ret, struct err *err)
{
	struct user u = { .roles = 0 };
	const char *by = NULL;
	struct arena arena;
	struct dec d;
	int r;

	arena_init(&arena);
	dec_begin(&d, json, "", NULL, &arena, err);
	decode_who(&d, &u);
	decode_roles(&d, DEC_NEED, &u);
	dec_bool(&d, "disabled", DEC_NEED, &u.disabled);
	dec_bool(&d, "removed", DEC_NEED, &u.removed);
	dec_i64(&d, "created_ms", DEC_NEED, 0, INT64_MAX, &u.created_ms);
	dec_str(&d, "by", DEC_OPT, 0, 63, &by);
	r = dec_end(&d);
	arena_done(&arena);
	if (r == 0)
		*ret = u;
	return r;
}
