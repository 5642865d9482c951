/* task_spec.c - a submission, decoded and checked; the contract is doc/openapi.yaml: TaskSpec */

#include "domain/task.h"

#include "base/clock.h"
#include "base/mem.h"
#include "domain/wire.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	SPEC_TEXT_MAX = 64 << 10,       /* of the first piece; what is longer gets its own */
	NAME_MAX_LEN = 128,
	IMAGE_MAX = 512,
	PATH_MAX_LEN = 1024,
	ARRAY_TEXT_MAX = 8192,
	CPUS_MAX_MILLI = 4096000,       /* as in a pool's declaration */
	MEMORY_MAX_MB = 64 << 20,
	LATENCY_MAX_MS = 60000,
	WEIGHT_MAX = 1000000000,        /* 1,000 yuan for a second, or for a gram */
};

#define BUDGET_MAX_MICRO 9000000000000000LL     /* JSON readers keep 53 bits of a number */

/* The last part of the command, if that can be a name. */
static const char *name_of(const struct task_spec *s)
{
	const char *base;

	if (s->script)
		return "script";
	base = strrchr(s->command[0], '/');
	base = base ? base + 1 : s->command[0];
	return *base && strlen(base) <= NAME_MAX_LEN && !wire_printable(base) ? base : "command";
}

static void decode_env(struct dec *d, struct task_spec *s)
{
	dec_pairs(d, "env", DEC_OPT, TASK_ENV_MAX, TASK_ARG_LEN_MAX, &s->env, &s->nenv);
	for (uint32_t i = 0; d->r == 0 && i < s->nenv; i++) {
		const char *wrong = wire_env_key(s->env[2 * i]);

		if (wrong)
			dec_fail(d, "env", "%s", wrong);
	}
}

static void decode_what(struct dec *d, struct task_spec *s)
{
	bool command = dec_has(d, "command"), script = dec_has(d, "script");

	dec_strs(d, "command", DEC_OPT, TASK_ARGS_MAX, TASK_ARG_LEN_MAX, &s->command,
		 &s->ncommand);
	dec_str(d, "script", DEC_OPT, 1, TASK_SCRIPT_MAX, &s->script);
	if (command && script)
		dec_fail(d, "script", "must not stand beside command; send one of the two");
	else if (!command && !script)
		dec_fail(d, "command", "is missing; send command (a list) or script (a text)");
	else if (command && d->r == 0 && (!s->ncommand || !*s->command[0]))
		dec_fail(d, "command", "must begin with the program to run");
	if (d->r != 0)
		return;
	s->name = name_of(s);
	wire_str(d, "name", DEC_OPT, NAME_MAX_LEN, wire_printable, &s->name);
	s->kind = "compute";
	wire_str(d, "kind", DEC_OPT, 63, wire_name, &s->kind);
	wire_str(d, "image", DEC_OPT, IMAGE_MAX, wire_image, &s->image);
	decode_env(d, s);
}

static void decode_size(struct dec *d, const struct catalogue *c, struct task_spec *s)
{
	s->nodes = 1;
	s->cpu_milli = 1000;
	s->memory_mb = 512;
	s->walltime_s = 3600;
	s->accel.share_milli = 1000;
	dec_u32(d, "nodes", DEC_OPT, 1, PLACE_NODES_MAX, &s->nodes);
	dec_milli(d, "cpus", DEC_OPT, 1, CPUS_MAX_MILLI, &s->cpu_milli);
	dec_u32(d, "memory_mb", DEC_OPT, 1, MEMORY_MAX_MB, &s->memory_mb);
	dec_accel_need(d, "accelerators", c, &s->accel);
	dec_u32(d, "walltime_s", DEC_OPT, 1, TASK_WALLTIME_MAX_S, &s->walltime_s);
}

static void decode_input(struct dec *d, const json_t *obj, size_t i, struct task_input *in)
{
	struct dec c;

	wire_begin(&c, d, obj, dec_path_at(d, "inputs", i));
	wire_str(&c, "dataset", DEC_OPT, 63, wire_name, &in->dataset);
	wire_str(&c, "url", DEC_OPT, TASK_URL_MAX, wire_url, &in->url);
	wire_str(&c, "path", DEC_NEED, PATH_MAX_LEN, wire_path, &in->path);
	dec_u64(&c, "size_mb", DEC_OPT, 0, 1ULL << 40, &in->size_mb);
	dec_u64(&c, "size", DEC_OPT, 1, TASK_BYTES_MAX, &in->size);
	wire_str(&c, "sha256", DEC_OPT, 64, wire_sha256, &in->sha256);
	if (in->dataset && in->url)
		dec_fail(&c, "url", "must not stand beside dataset; send one of the two");
	else if (!in->dataset && !in->url)
		dec_fail(&c, "url", "is missing; send url or the name of a dataset");
	else if (in->dataset && in->size_mb)
		dec_fail(&c, "size_mb", "must not stand beside dataset, which knows its size");
	wire_end(&c, d);
}

static void fail_path(struct dec *d, const char *list, size_t i)
{
	const char *key = arena_printf(d->arena, "%s[%zu].path", list, i);

	dec_fail(d, key, "must not be the path of another one, too");
}

static void decode_inputs(struct dec *d, struct task_spec *s)
{
	const json_t *list = dec_array(d, "inputs", DEC_OPT, TASK_IO_MAX), *v;
	struct task_input *in;
	size_t i;

	if (!list)
		return;
	in = arena_array(d->arena, json_array_size(list), sizeof(*in));
	json_array_foreach(list, i, v) {
		decode_input(d, v, i, &in[i]);
		for (size_t k = 0; d->r == 0 && k < i; k++)
			if (!strcmp(in[k].path, in[i].path))
				fail_path(d, "inputs", i);
		if (d->r != 0)
			return;
	}
	s->inputs = in;
	s->ninputs = (uint32_t)json_array_size(list);
}

static void decode_output(struct dec *d, const json_t *obj, size_t i, struct task_output *out)
{
	struct dec c;

	wire_begin(&c, d, obj, dec_path_at(d, "outputs", i));
	wire_str(&c, "path", DEC_NEED, PATH_MAX_LEN, wire_path, &out->path);
	wire_str(&c, "url", DEC_NEED, TASK_URL_MAX, wire_url, &out->url);
	wire_end(&c, d);
}

static void decode_outputs(struct dec *d, struct task_spec *s)
{
	const json_t *list = dec_array(d, "outputs", DEC_OPT, TASK_IO_MAX), *v;
	struct task_output *out;
	size_t i;

	if (!list)
		return;
	out = arena_array(d->arena, json_array_size(list), sizeof(*out));
	json_array_foreach(list, i, v) {
		decode_output(d, v, i, &out[i]);
		for (size_t k = 0; d->r == 0 && k < i; k++)
			if (!strcmp(out[k].path, out[i].path))
				fail_path(d, "outputs", i);
		if (d->r != 0)
			return;
	}
	s->outputs = out;
	s->noutputs = (uint32_t)json_array_size(list);
}

static void decode_pools(struct dec *d, struct task_spec *s)
{
	dec_strs(d, "pools", DEC_OPT, TASK_POOLS_MAX, 63, &s->pools, &s->npools);
	if (s->pools && !s->npools)
		dec_fail(d, "pools", "must have at least one pool, or be left out");
	for (uint32_t i = 0; d->r == 0 && i < s->npools; i++)
		if (wire_name(s->pools[i]))
			dec_fail(d, "pools", "%s", wire_name(s->pools[i]));
}

static void decode_bounds(struct dec *d, struct task_spec *s)
{
	s->level = LEVEL_1;
	dec_level(d, "data_level", DEC_OPT, &s->level);
	wire_str(d, "stay_within", DEC_OPT, 120, wire_region, &s->stay_within);
	wire_str(d, "data_region", DEC_OPT, 120, wire_region, &s->data_region);
	decode_pools(d, s);
	wire_str(d, "near", DEC_OPT, 120, wire_region, &s->near);
	dec_u32(d, "max_latency_ms", DEC_OPT, 1, LATENCY_MAX_MS, &s->max_latency_ms);
	if (s->max_latency_ms && !s->near)
		dec_fail(d, "near", "is missing: max_latency_ms is counted from there");
	else if (s->near && !s->max_latency_ms)
		dec_fail(d, "max_latency_ms", "is missing: near says only from where it counts");
}

static void decode_array(struct dec *d, struct task_spec *s)
{
	struct err words;

	s->array_n = 1;
	dec_str(d, "array", DEC_OPT, 1, ARRAY_TEXT_MAX, &s->array_text);
	if (s->array_text && array_parse(s->array_text, d->arena, &s->array, &s->array_n,
					 &s->array_limit, &words))
		dec_fail(d, "array", "%s", words.text);
}

static void decode_one_after(struct dec *d, const json_t *obj, size_t i, struct task_after *a)
{
	static const char *const when_names[] = { "done", "ended", "failed", NULL };
	const char *task = NULL;
	unsigned when = AFTER_DONE;
	int64_t index = -1;
	struct dec c;

	wire_begin(&c, d, obj, dec_path_at(d, "after", i));
	dec_str(&c, "task", DEC_NEED, 1, TASK_ID_TEXT_MAX, &task);
	dec_enum(&c, "when", DEC_OPT, when_names, &when);
	if (task && task_id_parse(task, &a->sub, &index))
		dec_fail(&c, "task", "must be the number of a task such as \"12\" or \"12_3\"");
	a->task = index < 0 ? 0 : a->sub + (uint64_t)index;
	a->when = (enum after_when)when;
	wire_end(&c, d);
}

static void decode_after(struct dec *d, struct task_spec *s)
{
	const json_t *list = dec_array(d, "after", DEC_OPT, TASK_AFTER_MAX), *v;
	struct task_after *after;
	size_t i;

	if (!list)
		return;
	after = arena_array(d->arena, json_array_size(list), sizeof(*after));
	json_array_foreach(list, i, v) {
		decode_one_after(d, v, i, &after[i]);
		if (d->r != 0)
			return;
	}
	s->after = after;
	s->nafter = (uint32_t)json_array_size(list);
}

static void decode_weights(struct dec *d, const json_t *obj, struct prefer *p)
{
	struct prefer own = { .profile = "custom" };
	struct dec c;

	wire_begin(&c, d, obj, dec_path(d, "prefer"));
	dec_u32(&c, "money_milli", DEC_OPT, 0, 1000000, &own.money_milli);
	dec_i64(&c, "time_micro_per_s", DEC_OPT, 0, WEIGHT_MAX, &own.time_micro_per_s);
	dec_i64(&c, "carbon_micro_per_g", DEC_OPT, 0, WEIGHT_MAX, &own.carbon_micro_per_g);
	wire_end(&c, d);
	if (d->r == 0 && !own.money_milli && !own.time_micro_per_s && !own.carbon_micro_per_g)
		dec_fail(d, "prefer", "must give money, time or carbon a weight above 0");
	if (d->r == 0)
		*p = own;
}

static const struct prefer *profile_find(const struct prefer *table, const char *name)
{
	for (; table->profile; table++)
		if (!strcmp(table->profile, name))
			return table;
	return NULL;
}

static void decode_prefer(struct dec *d, const struct prefer *profiles, struct task_spec *s)
{
	const json_t *v = dec_any(d, "prefer", DEC_OPT);
	const struct prefer *p;

	if (json_is_object(v)) {
		decode_weights(d, v, &s->prefer);
		return;
	}
	p = profile_find(profiles, v && json_is_string(v) ? json_string_value(v) : "balanced");
	if (!p || (v && !json_is_string(v)))
		dec_fail(d, "prefer",
			 "must be fastest, cheapest, greenest, balanced or an object of weights");
	else
		s->prefer = *p;
}

static void decode_deadline(struct dec *d, int64_t now_ms, struct task_spec *s)
{
	const char *text = NULL;
	int64_t ms;

	dec_str(d, "deadline", DEC_OPT, 1, 40, &text);
	if (!text)
		return;
	if (clock_parse(text, &ms) || ms <= 0)
		dec_fail(d, "deadline", "must be a time such as 2026-11-23T18:00:00+08:00");
	else if (ms <= now_ms)
		dec_fail(d, "deadline", "must be in the future");
	else
		s->deadline_ms = ms;
}

/* Levels of a value, looked at no deeper than `max`. */
static unsigned depth(const json_t *v, unsigned max)
{
	unsigned deepest = 0, n;
	const char *key;
	json_t *item;
	size_t i;

	if (!max || (!json_is_object(v) && !json_is_array(v)))
		return 0;
	json_array_foreach(v, i, item) {
		n = depth(item, max - 1);
		deepest = n > deepest ? n : deepest;
	}
	json_object_foreach((json_t *)v, key, item) {
		n = depth(item, max - 1);
		deepest = n > deepest ? n : deepest;
	}
	return deepest + 1;
}

static void decode_meta(struct dec *d, struct task_spec *s)
{
	const json_t *v = dec_object(d, "meta", DEC_OPT);
	char *text;

	if (!v)
		return;
	if (depth(v, TASK_META_DEPTH_MAX + 1) > TASK_META_DEPTH_MAX) {
		dec_fail(d, "meta", "must not be nested deeper than %d levels",
			 TASK_META_DEPTH_MAX);
		return;
	}
	text = wire_dump(d->arena, v);
	if (strlen(text) > TASK_META_MAX)
		dec_fail(d, "meta", "must not be larger than %d bytes", TASK_META_MAX);
	else
		s->meta = text;
}

static void decode_terms(struct dec *d, const struct task_world *w, struct task_spec *s)
{
	decode_deadline(d, w->now_ms, s);
	dec_i64(d, "budget_micro", DEC_OPT, 1, BUDGET_MAX_MICRO, &s->budget_micro);
	decode_prefer(d, w->profiles, s);
	dec_u32(d, "retries", DEC_OPT, 0, TASK_RETRIES_MAX, &s->retries);
	wire_str(d, "idempotency_key", DEC_OPT, NAME_MAX_LEN, wire_printable, &s->idempotency_key);
}

/* A client never says who it is: its token does.  The journal does. */
static void decode_owner(struct dec *d, const struct task_world *w, struct task_spec *s)
{
	if (w->tenant) {
		s->tenant = arena_strdup(d->arena, w->tenant);
		s->owner = arena_strdup(d->arena, w->owner ? w->owner : "");
		return;
	}
	dec_str(d, "tenant", DEC_NEED, 0, 63, &s->tenant);
	dec_str(d, "owner", DEC_NEED, 0, 63, &s->owner);
}

/* About what a value takes once decoded: its texts and the lists that point to them. */
static size_t room_of(const json_t *v)
{
	size_t n = json_is_string(v) ? json_string_length(v) + 1 : 0, i;
	const char *key;
	json_t *item;

	if (json_is_array(v))
		n += _Alignof(max_align_t);
	json_array_foreach(v, i, item)
		n += sizeof(char *) + room_of(item);
	json_object_foreach((json_t *)v, key, item)
		n += 2 * sizeof(char *) + strlen(key) + 1 + room_of(item);
	return n;
}

static size_t room_for(const json_t *json, const struct task_world *w)
{
	size_t n = _Alignof(max_align_t);
	const char *key;
	json_t *v;

	n += w->tenant ? strlen(w->tenant) + 1 : 0;
	n += w->owner ? strlen(w->owner) + 1 : 0;
	json_object_foreach((json_t *)json, key, v)
		n += room_of(v);
	return n < SPEC_TEXT_MAX ? n : SPEC_TEXT_MAX;
}

int task_spec_decode(const json_t *json, const struct task_world *w, struct task_spec **ret,
		     struct err *err)
{
	struct arena arena;
	struct task_spec *s;
	struct dec d;
	int r;

	/* The spec lies in its own arena, one piece of memory for a task of the usual kind: there
	 * may be millions. */
	arena_init_small(&arena, sizeof(*s) + room_for(json, w));
	s = arena_alloc(&arena, sizeof(*s));
	s->refs = 1;
	s->arena = arena;
	dec_begin(&d, json, "", NULL, &s->arena, err);
	decode_owner(&d, w, s);
	decode_what(&d, s);
	decode_size(&d, w->catalogue, s);
	decode_inputs(&d, s);
	decode_outputs(&d, s);
	decode_bounds(&d, s);
	decode_array(&d, s);
	decode_after(&d, s);
	decode_terms(&d, w, s);
	decode_meta(&d, s);
	r = dec_end(&d);
	if (r != 0) {
		task_spec_unref(s);
		return r;
	}
	*ret = s;
	return 0;
}

struct task_spec *task_spec_ref(struct task_spec *s)
{
	assert(s->refs > 0 && s->refs < UINT32_MAX);
	s->refs++;
	return s;
}

struct task_spec *task_spec_unref(struct task_spec *s)
{
	if (!s)
		return NULL;
	assert(s->refs > 0);
	if (--s->refs == 0) {
		struct arena arena = s->arena;

		arena_done(&arena);
	}
	return NULL;
}
