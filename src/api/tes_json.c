/* tes_json.c - tasks as TES shows them, written straight into the buffer */

#include "api/tes.h"

#include "base/mem.h"
#include "domain/hide.h"

#include <stdlib.h>
#include <string.h>

/* 125 is how tes_script.c ends when it could not do its own part. */
static const char *state_failed(const struct task *t)
{
	bool own = t->phase == PHASE_COMMAND && t->end != RUN_END_NOT_STARTED &&
		   t->end != RUN_END_NONE && !(t->end == RUN_END_EXIT && t->exit_code == 125);

	return own ? "EXECUTOR_ERROR" : "SYSTEM_ERROR";
}

/* No CANCELING: clients of TES 1.0, py-tes among them, stop at a state they do not know. */
const char *tes_state(const struct task *t)
{
	switch (t->state) {
	case TASK_SUBMITTED:
	case TASK_WAITING:
		return "QUEUED";
	case TASK_SENDING:
	case TASK_QUEUED:
		return "INITIALIZING";
	case TASK_RUNNING:
		return "RUNNING";
	case TASK_DONE:
		return "COMPLETE";
	case TASK_FAILED:
		return state_failed(t);
	case TASK_CANCELLED:
		return "CANCELED";
	case TASK_REFUSED:
		return "SYSTEM_ERROR";
	default:
		return "UNKNOWN";
	}
}

bool tes_is(const struct task *t)
{
	/* As tes_spec.c wrote it; jansson keeps the order. */
	return t->spec->meta && !strncmp(t->spec->meta, "{\"tes\":{", 8);
}

json_t *tes_meta(const struct task *t)
{
	return tes_is(t) ? json_loads(t->spec->meta, 0, NULL) : NULL;
}

/* ---- small writers ---- */

static void put_key(struct buf *b, const char *key)
{
	char last = b->len ? b->data[b->len - 1] : '{';

	buf_printf(b, "%s\"%s\":", last == '{' || last == '[' ? "" : ",", key);
}

static void put_member_text(struct buf *b, const char *key, const char *s)
{
	if (!s)
		return;
	put_key(b, key);
	put_text(b, s);
}

static void put_member_time(struct buf *b, const char *key, int64_t ms)
{
	if (!ms)
		return;
	put_key(b, key);
	put_time(b, ms);
}

static void put_comma(struct buf *b)
{
	if (b->len && b->data[b->len - 1] != '[')
		buf_str(b, ",");
}

/* ---- the document ---- */

/* Contents are in the script only. */
static void add_contents(const struct task *t, const json_t *meta, json_t *inputs)
{
	const json_t *at;
	json_t *in, *text;
	size_t i;

	json_array_foreach(inputs, i, in) {
		at = json_array_get(json_object_get(meta, "contents"), i);
		text = tes_unquote(t->spec->script, json_integer_value(json_array_get(at, 0)),
				   json_integer_value(json_array_get(at, 1)));
		if (text && json_is_object(in))
			json_object_set_new(in, "content", text);
		else
			json_decref(text);
	}
}

static void put_document(struct buf *b, const struct task *t, const json_t *meta, bool full)
{
	static const char *const keys[] = { "name", "description", "inputs", "outputs", "resources",
					    "executors", "volumes", "tags" };
	json_t *doc = json_object_get(meta, "tes");

	if (full)
		add_contents(t, meta, json_object_get(doc, "inputs"));
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const json_t *v = json_object_get(doc, keys[i]);

		if (!v)
			continue;
		put_key(b, keys[i]);
		put_json(b, v);
	}
}

/* ---- logs ---- */

/* What a run of a task is known by. */
struct shown {
	struct buf *b;
	struct flow *flow;
	const struct task *t;
	const struct run *run;
	const json_t *meta;
	char run_id[RUN_ID_MAX];
	struct tes_log *log;
	bool full;
	bool last;                      /* the latest run of the task */
	uint32_t nexecutors;
};

static void put_end_of(struct buf *b, const char *key, const struct buf *text, size_t at,
		       size_t n)
{
	if (at > text->len || n > text->len - at)
		return;
	if (n > TES_SHOWN_MAX) {
		at += n - TES_SHOWN_MAX;
		n = TES_SHOWN_MAX;
	}
	put_key(b, key);
	json_put_str(b, text->data + at, n);
}

static void put_part(struct shown *s, const struct tes_part *p, int code)
{
	struct buf *b = s->b;

	put_comma(b);
	buf_str(b, "{");
	put_member_text(b, "start_time", p->began ? p->began_at : NULL);
	put_member_text(b, "end_time", p->ended ? p->ended_at : NULL);
	put_key(b, "exit_code");
	buf_printf(b, "%d", p->ended ? p->code : code);
	if (s->full) {
		put_end_of(b, "stdout", &s->log->out, p->out, p->out_len);
		put_end_of(b, "stderr", &s->log->err, p->err, p->err_len);
	}
	buf_str(b, "}");
}

/* An executor that has not ended has no exit code, which TES wants: it is not shown before
 * the run is over. */
static void put_parts(struct shown *s)
{
	const struct run *r = s->run;
	bool over = r->ended_ms != 0;

	put_key(s->b, "logs");
	buf_str(s->b, "[");
	for (uint32_t i = 0; i < s->log->nparts; i++)
		if (s->log->parts[i].ended || (over && s->log->parts[i].began))
			put_part(s, &s->log->parts[i], r->exit_code);
	/* Its lines were lost in too long an output: what the journal has. */
	if (!s->log->nparts && over && r->phase == PHASE_COMMAND && r->end == RUN_END_EXIT &&
	    r->exit_code != 125)
		put_part(s, &s->log->parts[0], r->exit_code);
	buf_str(s->b, "]");
}

struct out {
	struct shown *s;
	const json_t *spec;
	bool wild;
};

static const char *text_of(const json_t *obj, const char *key)
{
	const char *s = json_string_value(json_object_get(obj, key));

	return s ? s : "";
}

/* A url or a path, and what lies below it. */
static void put_joined(struct buf *b, const char *key, const char *head, const char *tail,
		       size_t n)
{
	struct buf text;

	buf_init(&text, strlen(head) + n + 2);
	buf_add(&text, head, strlen(head) - (n && *head && head[strlen(head) - 1] == '/'));
	if (n) {
		buf_str(&text, "/");
		buf_add(&text, tail, n);
	}
	put_key(b, key);
	json_put_str(b, text.data, text.len);
	buf_done(&text);
}

static void put_file(void *arg, int64_t size, const char *path, size_t n)
{
	struct out *o = arg;
	struct buf *b = o->s->b;

	put_comma(b);
	buf_str(b, "{");
	put_joined(b, "url", text_of(o->spec, "url"), path, n);
	put_joined(b, "path", text_of(o->spec, o->wild ? "path_prefix" : "path"), path, n);
	put_key(b, "size_bytes");
	buf_printf(b, "\"%lld\"}", (long long)size);
}

/* Sizes are those at the end of the command; they count once the files were stored. */
static void put_files(struct shown *s)
{
	const json_t *list = json_object_get(json_object_get(s->meta, "tes"), "outputs"), *v;
	bool stored = s->last && s->t->state == TASK_DONE;
	size_t i;

	put_key(s->b, "outputs");
	buf_str(s->b, "[");
	if (stored)
		json_array_foreach(list, i, v) {
			struct out o = { s, v, strpbrk(text_of(v, "path"), "*?[") != NULL };

			tes_log_files(s->log, s->run_id, (uint32_t)i, put_file, &o);
		}
	buf_str(s->b, "]");
}

static void put_number(struct buf *b, const char *key, int64_t v)
{
	put_key(b, key);
	buf_printf(b, "\"%lld\"", (long long)v);
}

static void put_metadata(struct shown *s)
{
	const struct run *r = s->run;
	struct buf *b = s->b;

	put_key(b, "metadata");
	buf_str(b, "{");
	put_member_text(b, "pool", r->pool);
	put_member_text(b, "run_id", s->run_id);
	if (r->ended_ms) {
		put_member_text(b, "end", r->lost ? "lost" : run_end_name(r->end));
		put_number(b, "cpu_ms", r->usage.cpu_ms);
		put_number(b, "memory_peak_mb", (int64_t)r->usage.memory_peak_mb);
		put_number(b, "cost_micro", r->cost_micro);
		put_number(b, "energy_j", r->energy_j);
		put_number(b, "carbon_mg", r->carbon_mg);
	}
	buf_str(b, "}");
}

static void put_line(struct buf *b, const char *head, const char *text)
{
	struct buf line;

	buf_init(&line, 1024);
	buf_printf(&line, "%s%.700s", head, text);
	put_comma(b);
	json_put_str(b, line.data, line.len);
	buf_done(&line);
}

static void put_reason_line(struct buf *b, const struct flow *f, const struct task *t)
{
	const char *code = flow_task_reason(f, t), *text;
	char head[128];

	if (!code)
		return;
	text = reason_text_of(code, 0);
	snprintf(head, sizeof(head), "%s: %s: ", task_state_name(t->state), code);
	put_line(b, head, text ? text : "");
}

static void put_notes(struct buf *b, const json_t *meta)
{
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(meta, "notes"), i, v)
		if (json_is_string(v))
			put_line(b, "", json_string_value(v));
}

static void put_system_logs(struct shown *s)
{
	const struct run *r = s->run;
	struct buf *b = s->b;
	char head[96];

	put_key(b, "system_logs");
	buf_str(b, "[");
	if (r->attempt <= 1)
		put_notes(b, s->meta);
	snprintf(head, sizeof(head), "run %.63s on pool ", s->run_id);
	put_line(b, head, r->pool);
	if (r->ended_ms) {
		snprintf(head, sizeof(head), "ended: %s, phase %s%s",
			 r->lost ? "lost" : run_end_name(r->end), run_phase_name(r->phase),
			 r->text[0] ? ": " : "");
		put_line(b, head, r->text);
	}
	if (s->last)
		put_reason_line(b, s->flow, s->t);
	buf_str(b, "]");
}

static void put_run_log(struct shown *s)
{
	struct tes_log *log = mem_alloc(sizeof(*log));

	s->log = log;
	flow_run_id(s->flow, s->t, s->run->attempt, s->run_id);
	tes_log_read(s->flow, s->t, s->run->attempt, s->nexecutors, s->full, log);
	put_comma(s->b);
	buf_str(s->b, "{");
	put_parts(s);
	put_metadata(s);
	put_member_time(s->b, "start_time", s->run->started_ms);
	put_member_time(s->b, "end_time", s->run->ended_ms);
	put_files(s);
	if (s->full)
		put_system_logs(s);
	buf_str(s->b, "}");
	tes_log_done(log);
	free(log);
}

/* No run yet, or never one: why. */
static void put_no_run(struct buf *b, const struct flow *f, const struct task *t,
		       const json_t *meta, bool full)
{
	const char *code = flow_task_reason(f, t);

	buf_str(b, "{\"logs\":[],\"outputs\":[]");
	if (code) {
		buf_str(b, ",\"metadata\":{");
		put_member_text(b, "reason", code);
		buf_str(b, "}");
	}
	if (full) {
		buf_str(b, ",\"system_logs\":[");
		put_notes(b, meta);
		put_reason_line(b, f, t);
		buf_str(b, "]");
	}
	buf_str(b, "}");
}

/* The latest run, as the task in memory tells it. */
static void run_of_task(const struct flow *f, const struct task *t, struct run *ret)
{
	const char *pool = flow_task_pool(f, t);
	bool over = !task_state_on_pool(t->state);

	*ret = (struct run){ .attempt = t->attempt, .chosen_ms = t->chosen_ms,
			     .started_ms = t->started_ms, .ended_ms = over ? t->ended_ms : 0,
			     .end = t->end, .phase = t->phase, .exit_code = t->exit_code,
			     .usage = t->usage, .cost_micro = t->cost_micro,
			     .energy_j = t->energy_j, .carbon_mg = t->carbon_mg };
	snprintf(ret->pool, sizeof(ret->pool), "%s", pool ? pool : "");
}

static void put_logs(struct buf *b, struct flow *f, const struct task *t, const json_t *meta,
		     bool full, const struct run *runs, uint32_t n)
{
	const json_t *executors = json_object_get(json_object_get(meta, "tes"), "executors");
	size_t nexecutors = json_array_size(executors);
	struct run latest;

	if (!runs && t->attempt) {
		run_of_task(f, t, &latest);
		runs = &latest;
		n = 1;
	}
	put_key(b, "logs");
	buf_str(b, "[");
	for (uint32_t i = 0; i < n; i++) {
		struct shown s = { .b = b, .flow = f, .t = t, .run = &runs[i], .meta = meta,
				   .full = full, .last = i + 1 == n };

		s.nexecutors = nexecutors < TES_EXECUTORS_MAX ? (uint32_t)nexecutors
							      : TES_EXECUTORS_MAX;
		put_run_log(&s);
	}
	if (!n && (full || flow_task_reason(f, t)))
		put_no_run(b, f, t, meta, full);
	buf_str(b, "]");
}

void tes_put_task(struct buf *b, struct flow *f, const struct token *who, const struct task *t,
		  enum tes_view view, const struct run *runs, uint32_t nruns)
{
	char id[TASK_ID_TEXT_MAX];
	json_t *meta;

	buf_printf(b, "{\"id\":\"%s\",\"state\":\"%s\"",
		   task_id_text(t->sub, t->spec, t->index, id), tes_state(t));
	if (view != TES_MINIMAL) {
		meta = tes_meta(t);
		if (!flow_owns(who, t->spec->tenant, t->spec->owner))
			hide_private(meta);
		put_document(b, t, meta, view == TES_FULL);
		put_member_time(b, "creation_time", t->submitted_ms);
		put_logs(b, f, t, meta, view == TES_FULL, runs, nruns);
		json_decref(meta);
	}
	buf_str(b, "}");
}
