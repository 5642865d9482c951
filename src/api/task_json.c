/* task_json.c - tasks as the API shows them, written straight into the buffer */

#include "api/call.h"

#include "base/clock.h"
#include "domain/hide.h"

#include <string.h>

static int dump(const char *p, size_t n, void *arg)
{
	return buf_add(arg, p, n) ? -1 : 0;
}

void put_json(struct buf *b, const json_t *json)
{
	/* 15 digits: thousandths are kept, and 0.1 stays 0.1. */
	if (!json)
		buf_str(b, "null");
	else
		json_dump_callback(json, dump, b,
				   JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
}

void put_new(struct buf *b, json_t *json)
{
	put_json(b, json);
	json_decref(json);
}

void put_text(struct buf *b, const char *s)
{
	if (s)
		json_put_str(b, s, strlen(s));
	else
		buf_str(b, "null");
}

void put_time(struct buf *b, int64_t ms)
{
	char text[CLOCK_TEXT_MAX];

	if (ms)
		put_text(b, clock_format(ms, text));
	else
		buf_str(b, "null");
}

void put_reason(struct buf *b, const char *code)
{
	if (!code) {
		buf_str(b, "null");
		return;
	}
	buf_str(b, "{\"code\":");
	put_text(b, code);
	buf_str(b, ",\"text\":");
	put_text(b, reason_text_of(code, 0));
	buf_str(b, ",\"text_zh\":");
	put_text(b, reason_text_of(code, 1));
	buf_str(b, "}");
}

void put_end(struct buf *b, enum run_end e)
{
	put_text(b, e == RUN_END_NONE ? NULL : run_end_name(e));
}

void put_phase(struct buf *b, enum run_phase p)
{
	put_text(b, p == PHASE_NONE ? NULL : run_phase_name(p));
}

/* Our own words need no escapes; printf would be a tenth of a submission. */
static void put_key(struct buf *b, const char *key)
{
	buf_str(b, ",\"");
	buf_str(b, key);
	buf_str(b, "\":");
}

static void put_key_num(struct buf *b, const char *key, int64_t v)
{
	put_key(b, key);
	buf_num(b, v);
}

static void put_key_text(struct buf *b, const char *key, const char *s)
{
	put_key(b, key);
	put_text(b, s);
}

static void put_key_time(struct buf *b, const char *key, int64_t ms)
{
	put_key(b, key);
	put_time(b, ms);
}

/* Seconds between two moments, null unless both are known. */
static void put_key_span(struct buf *b, const char *key, int64_t from_ms, int64_t to_ms)
{
	if (from_ms && to_ms && to_ms >= from_ms)
		put_key_num(b, key, (to_ms - from_ms) / 1000);
	else
		put_key_text(b, key, NULL);
}

static void put_who(struct buf *b, const struct flow *f, const struct task *t)
{
	char id[TASK_ID_TEXT_MAX];

	buf_printf(b, "{\"id\":\"%s\"", task_id_text(t->sub, t->spec, t->index, id));
	put_key_text(b, "name", t->spec->name);
	put_key_text(b, "tenant", t->spec->tenant);
	put_key_text(b, "owner", t->spec->owner);
	put_key_text(b, "kind", t->spec->kind);
	put_key_text(b, "state", task_state_name(t->state));
	put_key(b, "reason");
	put_reason(b, flow_task_reason(f, t));
	if (t->spec->array)
		put_key_num(b, "index", t->index);
	put_key_num(b, "attempt", t->attempt);
	put_key_num(b, "lost", t->lost);
	put_key_num(b, "failures", t->failures);
}

static void put_where_when(struct buf *b, const struct flow *f, const struct task *t)
{
	char run[RUN_ID_MAX];
	int64_t ended = task_state_final(t->state) ? t->ended_ms : 0;

	put_key_text(b, "pool", flow_task_pool(f, t));
	if (t->attempt)
		flow_run_id(f, t, t->attempt, run);
	put_key_text(b, "run_id", t->attempt ? run : NULL);
	put_key_time(b, "submitted_at", t->submitted_ms);
	put_key_time(b, "chosen_at", t->chosen_ms);
	put_key_time(b, "started_at", t->started_ms);
	put_key_time(b, "ended_at", ended);
	put_key_span(b, "wait_s", t->submitted_ms, t->started_ms);
	put_key_span(b, "run_s", t->started_ms, ended);
	put_key_num(b, "choices", t->choices);
	if (t->attempt)
		buf_printf(b, ",\"wait_forecast_s\":%lld,\"run_forecast_s\":%lld",
			   (long long)t->wait_p50_s, (long long)t->run_p50_s);
	else
		buf_str(b, ",\"wait_forecast_s\":null,\"run_forecast_s\":null");
}

static void put_result(struct buf *b, const struct task *t)
{
	const struct usage *u = &t->usage;

	if (t->end == RUN_END_EXIT || t->end == RUN_END_SIGNAL)
		buf_printf(b, ",\"exit_code\":%d", t->exit_code);
	else
		buf_str(b, ",\"exit_code\":null");
	buf_str(b, ",\"end\":");
	put_end(b, t->end);
	buf_str(b, ",\"phase\":");
	put_phase(b, t->phase);
	put_key_num(b, "cost_micro", t->cost_micro);
	put_key_num(b, "energy_j", t->energy_j);
	put_key_num(b, "carbon_mg", t->carbon_mg);
	buf_str(b, ",\"usage\":{\"run_ms\":");
	buf_num(b, u->run_ms);
	put_key_num(b, "cpu_ms", u->cpu_ms);
	put_key_num(b, "memory_peak_mb", (int64_t)u->memory_peak_mb);
	put_key_num(b, "out_bytes", (int64_t)u->out_bytes);
	put_key_num(b, "out_dropped", (int64_t)u->out_dropped);
	buf_str(b, "}");
	put_key(b, "cancel_wanted");
	buf_str(b, t->cancel_wanted ? "true" : "false");
}

static void put_array(struct buf *b, const struct task *t, const uint32_t *by_state)
{
	const char *comma = "";

	buf_str(b, ",\"array\":{\"text\":");
	put_text(b, t->spec->array_text);
	buf_printf(b, ",\"tasks\":%u,\"states\":{", t->spec->array_n);
	for (unsigned s = TASK_NONE + 1; s < TASK_STATE_COUNT; s++) {
		if (!by_state[s])
			continue;
		buf_printf(b, "%s\"%s\":%u", comma, task_state_name(s), by_state[s]);
		comma = ",";
	}
	buf_str(b, "}}");
}

void put_task(struct buf *b, const struct flow *f, const struct task *t,
	      const struct task_extra *extra)
{
	put_who(b, f, t);
	put_where_when(b, f, t);
	put_result(b, t);
	if (extra && extra->by_state)
		put_array(b, t, extra->by_state);
	if (extra && extra->spec) {
		json_t *spec = task_spec_json(t->spec, flow_catalogue(f));

		if (extra->hide)
			hide_private(spec);
		buf_str(b, ",\"spec\":");
		put_json(b, spec);
		json_decref(spec);
	}
	buf_str(b, "}");
}
