/* find.c - the task of {id}: from memory, else rebuilt from the journal by the same records
 *
 * flow keeps what is not over and the latest ended tasks.  Older ones are read back: first
 * the opening row (whose are they, how many), then all rows of the task, or of the whole
 * array when its states are to be counted, applied to fresh tasks page by page.
 */

#include "api/call.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 256 };

struct past {
	struct walk walk;               /* first */
	struct api_call *call;          /* NULL: the client is gone */
	found_fn fn;
	uint64_t sub;
	int64_t index;
	bool all;
	struct task_spec *spec;
	uint64_t first;                 /* number of tasks[0] */
	uint32_t n;
	struct task *tasks;
	struct err err;
};

static void not_found(struct api_call *c)
{
	struct err err = { 0 };

	err_set(&err, FLOW_E_NOT_FOUND, "there is no task %.31s, or it is not yours", c->param);
	reply_err(c, FLOW_E_NOT_FOUND, &err);
}

int spec_from_journal(const struct api *a, const struct record *submit, struct task_spec **ret,
		      struct err *err)
{
	/* Tenant and owner are in the document, as flow wrote it. */
	struct task_world w = { flow_catalogue(a->flow), prefer_profiles, NULL, NULL, 0 };
	int r = task_spec_decode(submit->doc, &w, ret, err);

	return r > 0 ? -EPROTO : r;
}

static void past_free(struct past *p)
{
	for (uint32_t i = 0; i < p->n; i++)
		task_spec_unref(p->tasks[i].spec);
	if (p->walk.api)
		p->walk.api->npast -= p->n;
	free(p->tasks);
	task_spec_unref(p->spec);
	free(p);
}

static void past_gone(void *arg)
{
	struct past *p = arg;

	p->call = NULL;
}

static uint32_t pool_id(const struct flow *f, const char *name)
{
	const struct pool *p = name ? flow_pool_find(f, name) : NULL;

	return p ? p->id : UINT32_MAX;
}

static int past_row(struct walk *w, const struct store_row *row)
{
	struct past *p = (struct past *)w;
	struct record r = { 0 };
	int res;

	if (!p->call)
		return 1;
	if (row->kind == RECORD_SUBMIT || row->task < p->first || row->task >= p->first + p->n)
		return 0;
	res = record_decode(row->kind, row->at_ms, row->subject, row->task, row->body,
			    row->body_len, &r, &p->err);
	if (!res)
		res = task_apply(&p->tasks[row->task - p->first], &r,
				 pool_id(w->api->flow, r.pool), &p->err);
	record_done(&r);
	return res > 0 ? -EPROTO : res;
}

static void past_answer(struct past *p)
{
	uint32_t by_state[TASK_STATE_COUNT] = { 0 };
	struct found found = { .task = &p->tasks[0], .past = true };
	struct api_call *c = p->call;

	for (uint32_t i = 0; i < p->n; i++)
		by_state[p->tasks[i].state]++;
	if (p->all && p->spec->array && p->index < 0)
		found.by_state = by_state;
	/* fn may keep the call for another read. */
	c->gone = NULL;
	p->call = NULL;
	p->fn(c, &found);
}

static void past_done(struct walk *w, int r)
{
	struct past *p = (struct past *)w;
	struct api_call *c = p->call;

	if (c && !r && walk_more(w)) {
		walk_page(w, w->api, p->sub, p->n == 1 ? p->first : 0, w->last, PAGE);
		return;
	}
	if (c && r) {
		p->call = NULL;
		c->gone = NULL;
		reply_err(c, r, &p->err);
	} else if (c) {
		past_answer(p);
	}
	past_free(p);
}

/* Element of `index`, or UINT32_MAX. */
static uint32_t element(const struct task_spec *s, int64_t index)
{
	if (index < 0)
		return 0;
	for (uint32_t i = 0; s->array && i < s->array_n; i++)
		if (s->array[i] == (uint64_t)index)
			return i;
	return UINT32_MAX;
}

/* Fresh tasks i to i + n - 1, as the submission made them. */
static int past_begin(struct past *p, struct api *a, uint32_t i, uint32_t n, int64_t at_ms)
{
	if (a->npast + n > API_PAST_MAX)
		return err_set(&p->err, FLOW_E_BUSY,
			       "too many old tasks are being read; try again");
	a->npast += n;
	p->n = n;
	p->tasks = mem_array(n, sizeof(*p->tasks));
	for (uint32_t k = 0; k < n; k++) {
		task_begin(&p->tasks[k], p->spec, p->sub, i + k, at_ms);
		p->tasks[k].state = task_next(p->tasks[k].state, TASK_EV_WAIT);
	}
	return 0;
}

/* The opening row has come: is it theirs to see, and which tasks are to be rebuilt? */
static int past_open(struct walk *w, const struct store_row *row)
{
	struct past *p = (struct past *)w;
	struct record r = { 0 };
	uint32_t i;
	int res;

	if (!p->call || row->kind != RECORD_SUBMIT)
		return 1;
	res = record_decode(row->kind, row->at_ms, row->subject, row->task, row->body,
			    row->body_len, &r, &p->err);
	if (!res)
		res = spec_from_journal(w->api, &r, &p->spec, &p->err);
	record_done(&r);
	if (res)
		return res > 0 ? -EPROTO : res;
	i = element(p->spec, p->index);
	if (!flow_may_see(&p->call->who, p->spec->tenant) || i == UINT32_MAX)
		return 1;
	p->first = p->sub + i;
	return past_begin(p, w->api, i, p->all && p->index < 0 ? p->spec->array_n : 1, row->at_ms);
}

static void past_opened(struct walk *w, int r)
{
	struct past *p = (struct past *)w;
	struct api_call *c = p->call;

	if (c && !r && p->n) {
		w->row = past_row;
		w->done = past_done;
		walk_page(w, w->api, p->sub, p->n == 1 ? p->first : 0, 0, PAGE);
		return;
	}
	if (c) {
		p->call = NULL;
		c->gone = NULL;
		if (r || p->err.text[0])
			reply_err(c, r ? r : FLOW_E_BUSY, &p->err);
		else
			not_found(c);
	}
	past_free(p);
}

static void find_past(struct api_call *c, uint64_t sub, int64_t index, bool all, found_fn fn)
{
	struct past *p;

	if (!walk_room(c->api)) {
		reply_no(c, NO_UNAVAILABLE, NULL, "too many reads of the journal are under way",
			 NULL);
		return;
	}
	p = mem_alloc(sizeof(*p));
	p->call = c;
	p->fn = fn;
	p->sub = sub;
	p->index = index;
	p->all = all;
	p->walk.row = past_open;
	p->walk.done = past_opened;
	c->gone = past_gone;
	c->arg = p;
	walk_page(&p->walk, c->api, sub, 0, 0, 1);
}

void find_task(struct api_call *c, bool all, found_fn fn)
{
	struct flow *f = c->api->flow;
	uint32_t by_state[TASK_STATE_COUNT];
	struct found found = { 0 };
	uint64_t sub;
	int64_t index;

	if (task_id_parse(c->param, &sub, &index)) {
		reply_no(c, NO_BAD_REQUEST, "id", "a task id is written 12 or, an element of an "
			 "array, 12_3", NULL);
		return;
	}
	found.task = flow_task_by_id(f, sub, index);
	if (!found.task) {
		find_past(c, sub, index, all, fn);
		return;
	}
	if (!flow_may_see(&c->who, found.task->spec->tenant)) {
		not_found(c);
		return;
	}
	if (all && index < 0 && found.task->spec->array && flow_sub_states(f, sub, by_state))
		found.by_state = by_state;
	fn(c, &found);
}
