/* task_json.c - a submission as a document again, every default written out */

#include "domain/task.h"

#include "base/clock.h"
#include "domain/wire.h"

#include <string.h>

static json_t *command_json(const struct task_spec *s)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < s->ncommand; i++)
		wire_append(list, json_string(s->command[i]));
	return list;
}

static json_t *pools_json(const struct task_spec *s)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < s->npools; i++)
		wire_append(list, json_string(s->pools[i]));
	return list;
}

static json_t *env_json(const struct task_spec *s)
{
	json_t *obj = json_object();

	for (uint32_t i = 0; i < s->nenv; i++)
		wire_put_str(obj, s->env[2 * i], s->env[2 * i + 1]);
	return obj;
}

static json_t *inputs_json(const struct task_spec *s)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < s->ninputs; i++) {
		const struct task_input *in = &s->inputs[i];
		json_t *obj = json_object();

		wire_put_str(obj, "dataset", in->dataset);
		wire_put_str(obj, "url", in->url);
		wire_put_str(obj, "path", in->path);
		if (in->size_mb)
			wire_put_int(obj, "size_mb", (int64_t)in->size_mb);
		if (in->size)
			wire_put_int(obj, "size", (int64_t)in->size);
		wire_put_str(obj, "sha256", in->sha256);
		wire_append(list, obj);
	}
	return list;
}

static json_t *outputs_json(const struct task_spec *s)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < s->noutputs; i++) {
		json_t *obj = json_object();

		wire_put_str(obj, "path", s->outputs[i].path);
		wire_put_str(obj, "url", s->outputs[i].url);
		wire_append(list, obj);
	}
	return list;
}

static json_t *after_json(const struct task_spec *s)
{
	static const char *const when[] = { "done", "ended", "failed" };
	json_t *list = json_array();

	for (uint32_t i = 0; i < s->nafter; i++) {
		const struct task_after *a = &s->after[i];
		unsigned long long sub = a->sub, task = a->task;
		json_t *obj = json_object();

		wire_put(obj, "task", task ? json_sprintf("%llu_%llu", sub, task - sub)
					   : json_sprintf("%llu", sub));
		wire_put_str(obj, "when", when[a->when]);
		wire_append(list, obj);
	}
	return list;
}

static json_t *prefer_json(const struct prefer *p)
{
	json_t *obj;

	if (strcmp(p->profile, "custom") != 0)
		return json_string(p->profile);
	obj = json_object();
	wire_put_int(obj, "money_milli", p->money_milli);
	wire_put_int(obj, "time_micro_per_s", p->time_micro_per_s);
	wire_put_int(obj, "carbon_micro_per_g", p->carbon_micro_per_g);
	return obj;
}

static void put_what(json_t *obj, const struct task_spec *s)
{
	wire_put_str(obj, "name", s->name);
	wire_put_str(obj, "tenant", s->tenant);
	wire_put_str(obj, "owner", s->owner);
	wire_put_str(obj, "kind", s->kind);
	if (s->ncommand)
		wire_put(obj, "command", command_json(s));
	wire_put_str(obj, "script", s->script);
	wire_put_str(obj, "image", s->image);
	if (s->nenv)
		wire_put(obj, "env", env_json(s));
}

static void put_size(json_t *obj, const struct task_spec *s, const struct catalogue *c)
{
	wire_put_int(obj, "nodes", s->nodes);
	wire_put(obj, "cpus", wire_milli(s->cpu_milli));
	wire_put_int(obj, "memory_mb", s->memory_mb);
	if (!accel_need_empty(&s->accel))
		wire_put(obj, "accelerators", accel_need_json(&s->accel, c));
	wire_put_int(obj, "walltime_s", s->walltime_s);
}

static void put_data(json_t *obj, const struct task_spec *s)
{
	if (s->ninputs)
		wire_put(obj, "inputs", inputs_json(s));
	if (s->noutputs)
		wire_put(obj, "outputs", outputs_json(s));
	wire_put(obj, "data_level", level_json(s->level));
	wire_put_str(obj, "stay_within", s->stay_within);
	wire_put_str(obj, "data_region", s->data_region);
	if (s->npools)
		wire_put(obj, "pools", pools_json(s));
	wire_put_str(obj, "near", s->near);
	if (s->max_latency_ms)
		wire_put_int(obj, "max_latency_ms", s->max_latency_ms);
}

static void put_terms(json_t *obj, const struct task_spec *s)
{
	char when[CLOCK_TEXT_MAX];

	wire_put_str(obj, "array", s->array_text);
	if (s->nafter)
		wire_put(obj, "after", after_json(s));
	wire_put_str(obj, "deadline", s->deadline_ms ? clock_format(s->deadline_ms, when) : NULL);
	if (s->budget_micro)
		wire_put_int(obj, "budget_micro", s->budget_micro);
	wire_put(obj, "prefer", prefer_json(&s->prefer));
	wire_put_int(obj, "retries", s->retries);
	wire_put_str(obj, "idempotency_key", s->idempotency_key);
	if (s->meta)
		wire_put(obj, "meta", json_loads(s->meta, 0, NULL));
}

json_t *task_spec_json(const struct task_spec *s, const struct catalogue *c)
{
	json_t *obj = json_object();

	put_what(obj, s);
	put_size(obj, s, c);
	put_data(obj, s);
	put_terms(obj, s);
	return obj;
}
