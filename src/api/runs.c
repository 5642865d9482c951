/* runs.c - the runs of a task and the decisions made for it, read from the journal */

#include "api/call.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	RUNS_MAX = 64,                  /* retries and losses are limited to less */
	RUNS_PAGE = 256,
	DECISIONS_PAGE = 16,            /* each may be megabytes at 10,000 pools */
	DECISIONS_DEFAULT = 100,
	DECISIONS_BYTES = 16 << 20,     /* then `next` says where to go on */
};

/* Both questions: read all rows of one task, keep what is asked. */
struct reading {
	struct walk walk;               /* first */
	struct api_call *call;          /* NULL: the client is gone */
	uint64_t sub, no;
	struct task task;               /* a copy; its spec is referenced */
	struct err err;
	runs_fn fn;
	uint32_t nruns;
	struct run *runs;
	struct buf decisions;
	int64_t limit, n;
	uint64_t next;
};

static void reading_free(struct reading *rd)
{
	task_spec_unref(rd->task.spec);
	for (uint32_t i = 0; i < rd->nruns; i++)
		free(rd->runs[i].outputs);
	buf_done(&rd->decisions);
	free(rd->runs);
	free(rd);
}

static void reading_gone(void *arg)
{
	struct reading *rd = arg;

	rd->call = NULL;
}

/* NULL: answered. */
static struct reading *reading_new(struct api_call *c, const struct task *t)
{
	struct reading *rd;

	if (!walk_room(c->api)) {
		reply_no(c, NO_UNAVAILABLE, NULL, "too many reads of the journal are under way",
			 NULL);
		return NULL;
	}
	rd = mem_alloc(sizeof(*rd));
	rd->call = c;
	rd->sub = t->sub;
	rd->no = t->no;
	rd->task = *t;
	rd->task.next = NULL;
	rd->task.bucket = NULL;
	task_spec_ref(rd->task.spec);
	return rd;
}

static int decode(struct reading *rd, const struct store_row *row, struct record *r)
{
	int res = record_decode(row->kind, row->at_ms, row->subject, row->task, row->body,
				row->body_len, r, &rd->err);

	return res > 0 ? -EPROTO : res;
}

/* Take the call back from a reading that is done, or NULL. */
static struct api_call *reading_end(struct reading *rd, int r)
{
	struct api_call *c = rd->call;

	if (!c)
		return NULL;
	c->gone = NULL;
	rd->call = NULL;
	if (!r)
		return c;
	reply_err(c, r, &rd->err);
	return NULL;
}

/* Wait for what was decided so far, so that an answer is not behind an earlier one. */
static void first_page(struct api_call *c)
{
	struct reading *rd = c->arg;

	c->gone = reading_gone;
	walk_page(&rd->walk, c->api, rd->sub, rd->no, rd->walk.last,
		  rd->runs ? RUNS_PAGE : DECISIONS_PAGE);
}

static void gone_before(void *arg)
{
	reading_free(arg);
}

static void reading_start(struct api_call *c, struct reading *rd)
{
	c->gone = gone_before;
	c->arg = rd;
	call_hold(c, first_page);
}

/* ---- runs ---- */

static struct run *run_of(struct reading *rd)
{
	return rd->nruns ? &rd->runs[rd->nruns - 1] : NULL;
}

static void run_begin(struct reading *rd, const struct record *r)
{
	struct run *run;

	if (rd->nruns == RUNS_MAX) {
		free(rd->runs[0].outputs);
		memmove(rd->runs, rd->runs + 1, (RUNS_MAX - 1) * sizeof(*rd->runs));
		rd->nruns--;
	}
	run = &rd->runs[rd->nruns++];
	*run = (struct run){ .attempt = r->attempt, .chosen_ms = r->at_ms,
			     .wait_p50_s = r->wait_p50_s, .run_p50_s = r->run_p50_s };
	snprintf(run->pool, sizeof(run->pool), "%s", r->pool ? r->pool : "");
}

static void keep_outputs(struct run *run, const struct record *r)
{
	free(run->outputs);
	run->outputs = r->noutputs ? mem_array(r->noutputs, sizeof(*r->outputs)) : NULL;
	run->noutputs = r->noutputs;
	if (r->noutputs)
		memcpy(run->outputs, r->outputs, r->noutputs * sizeof(*r->outputs));
}

static void run_over(struct run *run, const struct record *r)
{
	if (!run->started_ms && r->kind == RECORD_END && r->end != RUN_END_NOT_STARTED) {
		run->started_ms = r->at_ms - r->usage.run_ms;   /* over before anyone saw it */
		if (run->started_ms < run->chosen_ms)
			run->started_ms = run->chosen_ms;
	}
	run->ended_ms = r->at_ms;
	run->lost = r->kind == RECORD_LOST;
	run->end = r->end;
	run->phase = r->phase;
	run->exit_code = r->exit_code;
	run->usage = r->usage;
	keep_outputs(run, r);
	run->cost_micro = r->cost_micro;
	run->energy_j = r->energy_j;
	run->carbon_mg = r->carbon_mg;
	snprintf(run->text, sizeof(run->text), "%s", r->text ? r->text : "");
}

static int runs_row(struct walk *w, const struct store_row *row)
{
	struct reading *rd = (struct reading *)w;
	struct record r = { 0 };
	int res;

	if (!rd->call)
		return 1;
	if (row->task != rd->no || row->kind == RECORD_SUBMIT)
		return 0;
	res = decode(rd, row, &r);
	if (!res && r.kind == RECORD_CHOOSE)
		run_begin(rd, &r);
	else if (!res && r.kind == RECORD_START && run_of(rd))
		run_of(rd)->started_ms = r.at_ms;
	else if (!res && (r.kind == RECORD_END || r.kind == RECORD_LOST) && run_of(rd))
		run_over(run_of(rd), &r);
	record_done(&r);
	return res;
}

static void put_run_times(struct buf *b, const struct run *r)
{
	buf_str(b, ",\"chosen_at\":");
	put_time(b, r->chosen_ms);
	buf_str(b, ",\"started_at\":");
	put_time(b, r->started_ms);
	buf_str(b, ",\"ended_at\":");
	put_time(b, r->ended_ms);
}

static void put_run_end(struct buf *b, const struct run *r)
{
	buf_str(b, ",\"end\":");
	if (r->lost)
		put_text(b, "lost");
	else
		put_end(b, r->end);
	if (r->end == RUN_END_EXIT || r->end == RUN_END_SIGNAL)
		buf_printf(b, ",\"exit_code\":%d", r->exit_code);
	else
		buf_str(b, ",\"exit_code\":null");
	buf_str(b, ",\"phase\":");
	put_phase(b, r->phase);
	buf_str(b, ",\"text\":");
	put_text(b, r->text[0] ? r->text : NULL);
}

static void put_outputs(struct buf *b, const struct task *t, const struct run *r)
{
	const char *comma = "";

	buf_str(b, ",\"outputs\":[");
	for (uint32_t i = 0; i < r->noutputs; i++) {
		const struct run_output *o = &r->outputs[i];
		_cleanup_(mem_freep) char *path = NULL;

		if (o->no >= t->spec->noutputs)
			continue;       /* only a task that lies about itself names such */
		path = task_put_index(t->spec, t->index, t->spec->outputs[o->no].path);
		buf_printf(b, "%s{\"output\":%u,\"path\":", comma, o->no + 1);
		put_text(b, path);
		if (o->tree)
			buf_str(b, ",\"size\":null,\"sha256\":null}");
		else
			buf_printf(b, ",\"size\":%llu,\"sha256\":\"%s\"}",
				   (unsigned long long)o->size, o->sha256);
		comma = ",";
	}
	buf_str(b, "]");
}

static void put_run(struct buf *b, const struct flow *f, const struct task *t,
		    const struct run *r)
{
	const struct usage *u = &r->usage;
	char id[RUN_ID_MAX];

	flow_run_id(f, t, r->attempt, id);
	buf_printf(b, "{\"run_id\":\"%s\",\"attempt\":%u,\"pool\":", id, r->attempt);
	put_text(b, r->pool);
	put_run_times(b, r);
	put_run_end(b, r);
	buf_printf(b, ",\"usage\":{\"run_ms\":%lld,\"cpu_ms\":%lld,\"memory_peak_mb\":%llu,"
		   "\"out_bytes\":%llu,\"out_dropped\":%llu}", (long long)u->run_ms,
		   (long long)u->cpu_ms, (unsigned long long)u->memory_peak_mb,
		   (unsigned long long)u->out_bytes, (unsigned long long)u->out_dropped);
	put_outputs(b, t, r);
	buf_printf(b, ",\"cost_micro\":%lld,\"energy_j\":%lld,\"carbon_mg\":%lld,"
		   "\"wait_p50_s\":%lld,\"run_p50_s\":%lld}", (long long)r->cost_micro,
		   (long long)r->energy_j, (long long)r->carbon_mg, (long long)r->wait_p50_s,
		   (long long)r->run_p50_s);
}

static void runs_done(struct walk *w, int r)
{
	struct reading *rd = (struct reading *)w;
	struct api_call *c;

	if (rd->call && !r && walk_more(w)) {
		walk_page(w, w->api, rd->sub, rd->no, w->last, RUNS_PAGE);
		return;
	}
	c = reading_end(rd, r);
	if (c)
		rd->fn(c, &rd->task, rd->runs, rd->nruns);
	reading_free(rd);
}

void runs_read(struct api_call *c, const struct task *t, runs_fn fn)
{
	struct reading *rd = reading_new(c, t);

	if (!rd)
		return;
	rd->fn = fn;
	rd->runs = mem_array(RUNS_MAX, sizeof(*rd->runs));
	rd->walk.row = runs_row;
	rd->walk.done = runs_done;
	reading_start(c, rd);
}

static void show_runs(struct api_call *c, const struct task *t, const struct run *runs,
		      uint32_t n)
{
	struct buf *b = reply_begin(c, 200);

	buf_str(b, "{\"runs\":[");
	for (uint32_t i = 0; i < n; i++) {
		if (i)
			buf_str(b, ",");
		put_run(b, c->api->flow, t, &runs[i]);
	}
	buf_str(b, "]}");
	reply_send(c);
}

static void runs(struct api_call *c, const struct found *found)
{
	runs_read(c, found->task, show_runs);
}

void api_task_runs(struct api_call *c)
{
	find_task(c, false, runs);
}

/* ---- decisions ---- */

/* A decision (its text begins with a brace) with seq and event put in front. */
static void put_decision(struct api_call *c, struct reading *rd, uint64_t seq, const char *event,
			 const char *text)
{
	const char *why = call_wants_zh(c) ? decision_said(c, text) : text;
	struct buf *b = &rd->decisions;

	if (seq)
		buf_printf(b, "{\"seq\":%llu", (unsigned long long)seq);
	else
		buf_str(b, "{\"seq\":null");
	buf_printf(b, ",\"event\":\"%s\"%s", event, why[1] == '}' ? "" : ",");
	buf_str(b, why + 1);
}

static int decisions_row(struct walk *w, const struct store_row *row)
{
	struct reading *rd = (struct reading *)w;
	struct record r = { 0 };
	int res;

	if (!rd->call)
		return 1;
	if (row->task != rd->no || row->kind == RECORD_SUBMIT)
		return 0;
	res = decode(rd, row, &r);
	if (!res && r.why) {
		if (rd->n == rd->limit || rd->decisions.len > DECISIONS_BYTES) {
			rd->next = row->seq - 1;
			res = 1;
		} else {
			if (rd->n++)
				buf_str(&rd->decisions, ",");
			put_decision(rd->call, rd, row->seq, record_kind_name(r.kind), r.why);
		}
	}
	record_done(&r);
	return res;
}

/* A task that waits behind equal ones has no decision of its own yet: say what would be
 * decided for it now. */
static void put_present(struct api_call *c, struct reading *rd)
{
	struct flow *f = c->api->flow;
	const struct task *t = flow_task(f, rd->no);
	_cleanup_(buf_done) struct buf now = { 0 };

	if (!t || t->state != TASK_WAITING || rd->n || rd->next)
		return;
	buf_init(&now, STORE_BODY_MAX);
	if (!flow_task_decide(f, t, &now, NULL))
		put_decision(c, rd, 0, "now", now.data);
}

static void decisions_done(struct walk *w, int r)
{
	struct reading *rd = (struct reading *)w;
	struct api_call *c;
	struct buf *b;

	if (rd->call && !r && walk_more(w)) {
		walk_page(w, w->api, rd->sub, rd->no, w->last, DECISIONS_PAGE);
		return;
	}
	c = reading_end(rd, r);
	if (c) {
		put_present(c, rd);
		b = reply_begin(c, 200);
		buf_str(b, "{\"decisions\":[");
		buf_add(b, rd->decisions.data, rd->decisions.len);
		if (rd->next)
			buf_printf(b, "],\"next\":%llu}", (unsigned long long)rd->next);
		else
			buf_str(b, "],\"next\":null}");
		reply_send(c);
	}
	reading_free(rd);
}

static void decisions(struct api_call *c, const struct found *found)
{
	struct reading *rd;
	int64_t limit = DECISIONS_DEFAULT, after = 0;

	if (query_i64(c, "limit", 1, API_PAGE_MAX, &limit) ||
	    query_i64(c, "after", 0, INT64_MAX, &after))
		return;
	rd = reading_new(c, found->task);
	if (!rd)
		return;
	rd->limit = limit;
	rd->walk.last = (uint64_t)after;
	rd->walk.row = decisions_row;
	rd->walk.done = decisions_done;
	buf_init(&rd->decisions, DECISIONS_BYTES + STORE_BODY_MAX + 4096);
	reading_start(c, rd);
}

void api_task_decisions(struct api_call *c)
{
	find_task(c, false, decisions);
}
