/* history.c - what was asked for and what became of it, for replaying: GET /v1/history
 *
 * Shapes and times, but no command, script, environment, address of data or owner: a history
 * may be given away.  One object here is one line of what `suanlu export` writes, and what
 * sim/past.h reads; doc/simulate.md has the format, HISTORY_FORMAT its version.
 */

#include "api/call.h"

#include "base/clock.h"
#include "domain/wire.h"

#include <string.h>

enum {
	HISTORY_FORMAT = 1,
	PAGE_DEFAULT = 100,
	VISIT_MAX = 200000,             /* as for a page of tasks */
};

static void put_size(json_t *o, const struct task_spec *s, const struct catalogue *c)
{
	wire_put_int(o, "nodes", s->nodes);
	wire_put(o, "cpus", wire_milli(s->cpu_milli));
	wire_put_int(o, "memory_mb", s->memory_mb);
	if (!accel_need_empty(&s->accel))
		wire_put(o, "accelerators", accel_need_json(&s->accel, c));
	wire_put_int(o, "walltime_s", s->walltime_s);
	wire_put(o, "image", json_boolean(s->image != NULL));
	if (s->array_limit)
		wire_put_int(o, "array_limit", s->array_limit);
}

/* The level and the region that count today: those of its data bind it, too. */
static void put_labels(json_t *o, const struct task_spec *s, const struct ask *a)
{
	wire_put(o, "data_level", level_json(a->data_level > s->level ? a->data_level : s->level));
	wire_put_str(o, "data_within", a->data_within);
}

/* The whole spec is written as the API shows it, then only these keys are taken from it. */
static void put_bounds(json_t *o, const struct task_spec *s, const struct catalogue *c)
{
	static const char *const keys[] = { "stay_within", "near", "max_latency_ms",
					    "deadline", "budget_micro", "prefer", "after" };
	json_t *spec = task_spec_json(s, c);

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		json_t *v = json_object_get(spec, keys[i]);

		if (v)
			wire_put(o, keys[i], json_incref(v));
	}
	json_decref(spec);
}

static void put_data(json_t *o, const struct ask *a)
{
	json_t *list;

	if (!a->ndata)
		return;
	list = json_array();
	for (uint32_t i = 0; i < a->ndata; i++) {
		json_t *one = json_object();

		wire_put_str(one, "from", a->data_from[i]);
		wire_put_int(one, "mb", (int64_t)a->data_mb[i]);
		wire_append(list, one);
	}
	wire_put(o, "data", list);
}

static void put_run(json_t *o, const struct flow *f, const struct task *t)
{
	const char *name = t->attempt ? flow_task_pool(f, t) : NULL;
	const struct pool *p = name ? flow_pool_find(f, name) : NULL;
	json_t *run;

	if (!p)
		return;
	run = json_object();
	wire_put_str(run, "pool", p->name);
	wire_put_str(run, "chip", p->chip);
	wire_put(run, "speed", wire_milli(p->speed_milli));
	wire_put_int(run, "attempts", t->attempt);
	if (task_state_final(t->state) && t->started_ms)
		wire_put_int(run, "run_ms", t->usage.run_ms);
	wire_put_int(run, "cost_micro", t->cost_micro);
	wire_put_int(run, "energy_j", t->energy_j);
	wire_put_int(run, "carbon_mg", t->carbon_mg);
	wire_put(o, "run", run);
}

static void put_at(json_t *o, const char *key, int64_t ms)
{
	char text[CLOCK_TEXT_MAX];

	if (ms)
		wire_put_str(o, key, clock_format(ms, text));
}

static json_t *line(const struct flow *f, const struct task *t)
{
	const struct task_spec *s = t->spec;
	char id[TASK_ID_TEXT_MAX];
	json_t *o = json_object();
	struct ask a;

	flow_task_ask(f, t, &a);
	wire_put_str(o, "id", task_id_text(t->sub, s, t->index, id));
	wire_put_str(o, "name", s->name);
	wire_put_str(o, "tenant", s->tenant);
	wire_put_str(o, "kind", s->kind);
	wire_put_str(o, "state", task_state_name(t->state));
	wire_put_str(o, "reason", flow_task_reason(f, t));
	put_at(o, "submitted_at", t->submitted_ms);
	put_at(o, "started_at", t->started_ms);
	put_at(o, "ended_at", task_state_final(t->state) ? t->ended_ms : 0);
	put_size(o, s, flow_catalogue(f));
	put_labels(o, s, &a);
	put_bounds(o, s, flow_catalogue(f));
	put_data(o, &a);
	put_run(o, f, t);
	return o;
}

static int read_query(struct api_call *c, uint64_t *ret_before, int64_t *ret_limit)
{
	const char *before = query_str(c, "before");
	int64_t v = 0;

	if (query_i64(c, "limit", 1, API_PAGE_MAX, ret_limit) ||
	    (before && query_i64(c, "before", 1, INT64_MAX, &v)))
		return 1;
	*ret_before = before ? (uint64_t)v : UINT64_MAX;
	return 0;
}

void api_history(struct api_call *c)
{
	const struct flow *f = c->api->flow;
	int64_t limit = PAGE_DEFAULT, n = 0;
	unsigned visits = 0;
	const struct task *t;
	uint64_t next;
	struct buf *b;

	if (read_query(c, &next, &limit))
		return;
	b = reply_begin(c, 200);
	buf_printf(b, "{\"format\":%d,\"node\":\"%s\",\"tasks\":[", HISTORY_FORMAT, flow_node_id(f));
	while ((t = flow_task_before(f, next)) && n < limit && visits++ < VISIT_MAX) {
		json_t *one;

		next = t->no;
		if (!flow_may_see(&c->who, t->spec->tenant))
			continue;
		one = line(f, t);
		if (n++)
			buf_str(b, ",");
		put_json(b, one);
		json_decref(one);
	}
	if (t)
		buf_printf(b, "],\"next\":%llu}", (unsigned long long)next);
	else
		buf_str(b, "],\"next\":null}");
	reply_send(c);
}
