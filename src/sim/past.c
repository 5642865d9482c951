/* past.c - a history as `suanlu export` writes it */

#include "sim/past.h"

#include "base/clock.h"
#include "base/mem.h"
#include "domain/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* Equal asks share one spec: arrays and pipelines ask for the same many times. */
struct past_asks {
	char *text;
	struct task_spec *spec;
	UT_hash_handle hh;
};

struct reader {
	struct past *past;
	const struct catalogue *catalogue;
	FILE *file;
	const char *path;
	char *text;
	size_t cap;
	unsigned line;
	bool ended;
	uint32_t nodes;
	struct err *err;
};

static int at_line(const struct reader *r, int bad)
{
	char field[sizeof(r->err->field)];

	if (!bad || !r->err)
		return bad;
	memcpy(field, r->err->field, sizeof(field));
	err_prefix(r->err, bad, "%.100s:%u: ", r->path, r->line);
	memcpy(r->err->field, field, sizeof(field));
	r->err->line = r->line;
	return bad;
}

static int fail(const struct reader *r, const char *field, const char *words)
{
	return at_line(r, err_field(r->err, field, "%s", words));
}

/* 0: a line; 1: no more; negative or ERR_E_INPUT + 1: failed. */
static int next_line(struct reader *r, json_t **ret)
{
	ssize_t n = getline(&r->text, &r->cap, r->file);
	int bad;

	if (n < 0)
		return ferror(r->file) ? err_set(r->err, -EIO, "could not read %.120s", r->path) : 1;
	r->line++;
	if (n > PAST_LINE_MAX)
		return fail(r, "", "the line is too long") + 1;
	while (n && (r->text[n - 1] == '\n' || r->text[n - 1] == '\r'))
		n--;
	bad = at_line(r, json_parse(r->text, (size_t)n, ret, r->err));
	return bad > 0 ? bad + 1 : bad;
}

/* ---- one task ---- */

/* The keys that make up what was asked for. */
static const char *const ask_keys[] = {
	"name", "tenant", "kind", "nodes", "cpus", "memory_mb", "accelerators", "walltime_s",
	"data_level", "stay_within", "near", "max_latency_ms", "deadline", "budget_micro", "prefer",
	"after",
};

static json_t *ask_doc(struct dec *d, bool image)
{
	json_t *doc = json_object(), *command = json_array();

	for (size_t i = 0; i < ARRAY_LEN(ask_keys); i++) {
		const json_t *v = dec_any(d, ask_keys[i], DEC_OPT);

		if (v)
			wire_put(doc, ask_keys[i], json_incref((json_t *)v));
	}
	wire_append(command, json_string("recorded"));
	wire_put(doc, "command", command);
	wire_put_str(doc, "owner", "");
	if (image)
		wire_put_str(doc, "image", "recorded");
	return doc;
}

static void decode_ask(struct dec *d, struct reader *r, struct past_task *t)
{
	struct task_world w = { r->catalogue, prefer_profiles, NULL, NULL, 0 };
	struct past_asks *known = NULL;
	bool image = false;
	json_t *doc;
	char *text;

	dec_bool(d, "image", DEC_OPT, &image);
	if (!dec_any(d, "tenant", DEC_NEED) || d->r)
		return;
	doc = ask_doc(d, image);
	text = json_dumps(doc, JSON_COMPACT | JSON_SORT_KEYS);
	HASH_FIND_STR(r->past->asks, text, known);
	if (!known) {
		struct task_spec *spec;

		d->r = task_spec_decode(doc, &w, &spec, r->err);
		if (!d->r) {
			known = mem_alloc(sizeof(*known));
			known->text = text;
			known->spec = spec;
			HASH_ADD_KEYPTR(hh, r->past->asks, known->text, strlen(known->text), known);
			text = NULL;
		}
	}
	free(text);
	json_decref(doc);
	if (known)
		t->spec = known->spec;
}

static void decode_id(struct dec *d, struct past_task *t)
{
	const char *id = NULL;
	int64_t index = -1;

	dec_str(d, "id", DEC_NEED, 1, TASK_ID_TEXT_MAX, &id);
	if (!id)
		return;
	if (task_id_parse(id, &t->sub, &index) || index > UINT32_MAX) {
		dec_fail(d, "id", "must be the number of a task such as \"12\" or \"12_3\"");
		return;
	}
	t->element = index >= 0;
	t->index = index < 0 ? 0 : (uint32_t)index;
}

static void decode_time(struct dec *d, const char *key, enum dec_need need, int64_t *ret)
{
	const char *text = NULL;

	dec_str(d, key, need, 1, CLOCK_TEXT_MAX, &text);
	if (text && (clock_parse(text, ret) || *ret <= 0))
		dec_fail(d, key, "must be a time such as 2026-11-23T09:15:02.120Z");
}

static void decode_life(struct dec *d, struct past_task *t)
{
	const char *state = NULL;

	dec_str(d, "state", DEC_NEED, 1, 32, &state);
	if (state && task_state_parse(state, &t->state))
		dec_fail(d, "state", "is not the state of a task");
	wire_str(d, "reason", DEC_OPT, 31, wire_printable, &t->reason);
	decode_time(d, "submitted_at", DEC_NEED, &t->submitted_ms);
	decode_time(d, "started_at", DEC_OPT, &t->started_ms);
	decode_time(d, "ended_at", DEC_OPT, &t->ended_ms);
	dec_u32(d, "array_limit", DEC_OPT, 1, TASK_ARRAY_MAX, &t->array_limit);
}

static void decode_data(struct dec *d, struct past_task *t)
{
	const json_t *list = dec_array(d, "data", DEC_OPT, PAST_DATA_MAX), *v;
	struct past_data *data;
	struct dec c;
	size_t i;

	wire_str(d, "data_within", DEC_OPT, 120, wire_region, &t->data_within);
	if (!list || d->r)
		return;
	data = arena_array(d->arena, json_array_size(list), sizeof(*data));
	json_array_foreach(list, i, v) {
		wire_begin(&c, d, v, dec_path_at(d, "data", i));
		wire_str(&c, "from", DEC_OPT, 120, wire_region, &data[i].from);
		dec_u64(&c, "mb", DEC_NEED, 0, 1ULL << 40, &data[i].mb);
		wire_end(&c, d);
	}
	t->data = data;
	t->ndata = (uint32_t)json_array_size(list);
}

static void decode_run(struct dec *d, struct past_task *t)
{
	const json_t *obj = dec_object(d, "run", DEC_OPT);
	struct dec c;

	t->run_ms = -1;
	if (!obj || d->r)
		return;
	wire_begin(&c, d, obj, dec_path(d, "run"));
	wire_str(&c, "pool", DEC_NEED, 63, wire_name, &t->pool);
	dec_str(&c, "chip", DEC_NEED, 1, 63, &t->chip);
	dec_milli(&c, "speed", DEC_NEED, 10, 100000, &t->speed_milli);
	dec_u32(&c, "attempts", DEC_NEED, 1, UINT32_MAX, &t->attempts);
	dec_i64(&c, "run_ms", DEC_OPT, 0, 10LL * TASK_WALLTIME_MAX_S * 1000, &t->run_ms);
	dec_i64(&c, "cost_micro", DEC_NEED, 0, INT64_MAX, &t->cost_micro);
	dec_i64(&c, "energy_j", DEC_NEED, 0, INT64_MAX, &t->energy_j);
	dec_i64(&c, "carbon_mg", DEC_NEED, 0, INT64_MAX, &t->carbon_mg);
	wire_end(&c, d);
}

static int read_task(struct reader *r, const json_t *json)
{
	struct past *p = r->past;
	struct past_task t = { .sub = 0 };
	struct dec d;

	dec_begin(&d, json, "", NULL, &p->arena, r->err);
	decode_id(&d, &t);
	decode_life(&d, &t);
	decode_data(&d, &t);
	decode_run(&d, &t);
	decode_ask(&d, r, &t);
	if (dec_end(&d))
		return at_line(r, d.r);
	if (p->n == PAST_TASKS_MAX)
		return fail(r, "", "there are too many tasks");
	if (p->n == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 1024;
		p->tasks = mem_grow(p->tasks, p->cap, sizeof(*p->tasks));
	}
	p->tasks[p->n++] = t;
	return 0;
}

/* ---- one pool ---- */

const struct pool *past_pool(const struct past *p, const char *name)
{
	for (const struct past_pool *x = p->pools; x; x = x->next)
		if (!strcmp(x->pool->name, name))
			return x->pool;
	return NULL;
}

/* Decoded as a declaration, of which only name and groups are said. */
static int read_pool(struct reader *r, const json_t *json)
{
	const json_t *name = json_object_get(json, "pool"), *groups = json_object_get(json, "groups");
	json_t *doc = json_pack("{s:s, s:s}", "region", "cn", "engine", "recorded");
	struct pool *p = NULL;
	struct past_pool *x;
	int bad;

	if (name)
		wire_put(doc, "name", json_incref((json_t *)name));
	if (groups)
		wire_put(doc, "groups", json_incref((json_t *)groups));
	bad = json_object_size(json) != 2 || !groups
		      ? err_field(r->err, "pool", "a pool has two keys: pool and groups")
		      : pool_decode(doc, "", NULL, r->catalogue, &p, r->err);
	json_decref(doc);
	if (bad)
		return at_line(r, bad);
	if (past_pool(r->past, p->name) || r->nodes + p->nnodes > PAST_NODES_MAX) {
		bad = fail(r, "pool", past_pool(r->past, p->name) ? "the pool is there twice"
								  : "there are too many nodes");
		pool_free(p);
		return bad;
	}
	r->nodes += p->nnodes;
	x = mem_alloc(sizeof(*x));
	*x = (struct past_pool){ p, r->past->pools };
	r->past->pools = x;
	return 0;
}

/* ---- the file ---- */

static int read_head(struct reader *r)
{
	const char *node = "", *at = NULL;
	json_t *json = NULL;
	uint32_t format = 0;
	struct dec d;
	int bad = next_line(r, &json);

	if (bad || !json_object_get(json, "suanlu_history")) {
		json_decref(json);
		return bad < 0 ? bad
			       : err_set(r->err, ERR_E_INPUT,
					 "%.120s is not a history as `suanlu export` writes it",
					 r->path);
	}
	dec_begin(&d, json, "", NULL, &r->past->arena, r->err);
	dec_u32(&d, "suanlu_history", DEC_NEED, 1, 1000, &format);
	if (!d.r && format != PAST_FORMAT)
		dec_fail(&d, "suanlu_history", "is format %u; this program knows format %d", format,
			 PAST_FORMAT);
	wire_str(&d, "node", DEC_OPT, 31, wire_printable, &node);
	dec_str(&d, "exported_at", DEC_OPT, 1, CLOCK_TEXT_MAX, &at);
	bad = at_line(r, dec_end(&d));
	snprintf(r->past->node, sizeof(r->past->node), "%s", node);
	json_decref(json);
	return bad;
}

static int read_tail(struct reader *r, const json_t *json)
{
	bool end = false;
	uint64_t n = 0;
	struct dec d;

	dec_begin(&d, json, "", NULL, &r->past->arena, r->err);
	dec_bool(&d, "end", DEC_NEED, &end);
	dec_u64(&d, "tasks", DEC_NEED, 0, INT64_MAX, &n);
	if (!d.r && n != r->past->n)
		dec_fail(&d, "tasks", "says %llu, but there are %u tasks", (unsigned long long)n,
			 r->past->n);
	r->ended = true;
	return at_line(r, dec_end(&d));
}

static int read_tasks(struct reader *r)
{
	json_t *json = NULL;
	int got;

	while (!(got = next_line(r, &json))) {
		int bad = r->ended ? fail(r, "", "nothing may follow the last line")
			  : json_object_get(json, "end") ? read_tail(r, json)
			  : json_object_get(json, "pool") ? read_pool(r, json) : read_task(r, json);

		json_decref(json);
		if (bad)
			return bad;
	}
	if (got != 1)
		return got > 1 ? ERR_E_INPUT : got;
	if (!r->ended) {
		err_set(r->err, ERR_E_INPUT, "%.120s is cut off after line %u: its last line is missing",
			r->path, r->line);
		err_hint(r->err, "export it again");
		return ERR_E_INPUT;
	}
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct past_task *x = a, *y = b;

	if (x->submitted_ms != y->submitted_ms)
		return x->submitted_ms < y->submitted_ms ? -1 : 1;
	if (x->sub != y->sub)
		return x->sub < y->sub ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static int by_id(const void *a, const void *b, void *arg)
{
	const struct past *p = arg;
	const struct past_task *x = &p->tasks[*(const uint32_t *)a];
	const struct past_task *y = &p->tasks[*(const uint32_t *)b];

	if (x->sub != y->sub)
		return x->sub < y->sub ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static int put_in_order(struct past *p, const char *path, struct err *err)
{
	if (!p->n)
		return err_set(err, ERR_E_INPUT, "%.120s has no task", path);
	qsort(p->tasks, p->n, sizeof(*p->tasks), by_time);
	p->by_id = mem_array(p->n, sizeof(*p->by_id));
	for (uint32_t i = 0; i < p->n; i++)
		p->by_id[i] = i;
	qsort_r(p->by_id, p->n, sizeof(*p->by_id), by_id, p);
	for (uint32_t i = 1; i < p->n; i++) {
		const struct past_task *x = &p->tasks[p->by_id[i - 1]], *y = &p->tasks[p->by_id[i]];

		if (x->sub == y->sub && x->index == y->index)
			return err_field(err, "id", "%.120s: task %llu, index %u, is there twice", path,
					 (unsigned long long)x->sub, x->index);
	}
	return 0;
}

int past_read(struct past *ret, FILE *f, const char *path, const struct catalogue *c,
	      struct err *err)
{
	struct reader r = { .past = ret, .catalogue = c, .file = f, .path = path, .err = err };
	int bad;

	arena_init(&ret->arena);
	bad = read_head(&r);
	bad = bad ? bad : read_tasks(&r);
	free(r.text);
	return bad ? bad : put_in_order(ret, path, err);
}

uint32_t past_find(const struct past *p, uint64_t sub, uint32_t index)
{
	uint32_t lo = 0, hi = p->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		const struct past_task *t = &p->tasks[p->by_id[mid]];

		if (t->sub < sub || (t->sub == sub && t->index < index))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < p->n && p->tasks[p->by_id[lo]].sub == sub ? lo : UINT32_MAX;
}

void past_done(struct past *p)
{
	struct past_asks *a, *tmp;

	HASH_ITER(hh, p->asks, a, tmp) {
		HASH_DEL(p->asks, a);
		task_spec_unref(a->spec);
		free(a->text);
		free(a);
	}
	while (p->pools) {
		struct past_pool *next = p->pools->next;

		pool_free(p->pools->pool);
		free(p->pools);
		p->pools = next;
	}
	free(p->tasks);
	free(p->by_id);
	arena_done(&p->arena);
	*p = (struct past){ .n = 0 };
}
