/* tenant.c - tenants as documents */

#include "domain/tenant.h"

#include "base/clock.h"
#include "domain/wire.h"

static void decode_names(struct dec *d, struct tenant *t)
{
	wire_text(d, "name", DEC_NEED, 63, wire_name, t->name);
	wire_text(d, "title", DEC_OPT, TENANT_TITLE_MAX, wire_printable, t->title);
}

int tenant_decode(const json_t *json, struct tenant *ret, struct err *err)
{
	struct tenant t = { .created_ms = 0 };
	struct arena arena;
	struct dec d;
	int r;

	arena_init(&arena);
	dec_begin(&d, json, "", NULL, &arena, err);
	decode_names(&d, &t);
	r = dec_end(&d);
	arena_done(&arena);
	if (r == 0)
		*ret = t;
	return r;
}

int tenant_change(const json_t *json, struct tenant *t, struct err *err)
{
	struct tenant to = *t;
	struct arena arena;
	struct dec d;
	int r;

	arena_init(&arena);
	dec_begin(&d, json, "", NULL, &arena, err);
	wire_text(&d, "title", DEC_OPT, TENANT_TITLE_MAX, wire_printable, to.title);
	dec_bool(&d, "disabled", DEC_OPT, &to.disabled);
	r = dec_end(&d);
	arena_done(&arena);
	if (r == 0)
		*t = to;
	return r;
}

json_t *tenant_json(const struct tenant *t)
{
	json_t *obj = json_object();
	char when[CLOCK_TEXT_MAX];

	wire_put_str(obj, "name", t->name);
	wire_put_str(obj, "title", t->title);
	wire_put(obj, "disabled", json_boolean(t->disabled));
	wire_put(obj, "created", t->created_ms ? json_string(clock_format(t->created_ms, when))
					       : json_null());
	return obj;
}

json_t *tenant_record_json(const struct tenant *t)
{
	json_t *obj = json_object();

	wire_put_str(obj, "name", t->name);
	if (*t->title)
		wire_put_str(obj, "title", t->title);
	wire_put(obj, "disabled", json_boolean(t->disabled));
	wire_put(obj, "removed", json_boolean(t->removed));
	wire_put_int(obj, "created_ms", t->created_ms);
	return obj;
}

int tenant_record_decode(const json_t *json, struct tenant *ret, struct err *err)
{
	struct tenant t = { .created_ms = 0 };
	const char *by = NULL;
	struct arena arena;
	struct dec d;
	int r;

	arena_init(&arena);
	dec_begin(&d, json, "", NULL, &arena, err);
	decode_names(&d, &t);
	dec_bool(&d, "disabled", DEC_NEED, &t.disabled);
	dec_bool(&d, "removed", DEC_NEED, &t.removed);
	dec_i64(&d, "created_ms", DEC_NEED, 0, INT64_MAX, &t.created_ms);
	dec_str(&d, "by", DEC_OPT, 0, 63, &by);
	r = dec_end(&d);
	arena_done(&arena);
	if (r == 0)
		*ret = t;
	return r;
}
