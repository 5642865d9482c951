/* tasks.c - submit, list, look, cancel, and decide without running */

#include "api/call.h"

#include "base/mem.h"

#include <string.h>

enum {
	PAGE_DEFAULT = 100,
	VISIT_MAX = 200000,     /* tasks looked at for one page: ~10 ms of the loop's time */
};

/* ---- submit ---- */

/* The header is the field idempotency_key, for clients that set it for every request. */
static int idempotency(struct api_call *c)
{
	const char *header = http_header(c->req, "idempotency-key");
	const char *field = json_string_value(json_object_get(c->body, "idempotency_key"));

	if (!header || !json_is_object(c->body))
		return 0;
	if (field && strcmp(field, header)) {
		reply_no(c, NO_BAD_REQUEST, "idempotency_key",
			 "the header Idempotency-Key says something else", NULL);
		return 1;
	}
	if (!field && !json_object_get(c->body, "idempotency_key") &&
	    json_object_set_new(c->body, "idempotency_key", json_string(header))) {
		reply_no(c, NO_BAD_REQUEST, "idempotency_key", "is not valid UTF-8", NULL);
		return 1;
	}
	return 0;
}

static void put_submitted(struct api_call *c, const struct flow_submitted *s)
{
	struct flow *f = c->api->flow;
	struct buf *b = reply_begin(c, s->again ? 200 : 201);

	buf_printf(b, "{\"id\":\"%llu\",\"tasks\":%u,\"state\":", (unsigned long long)s->sub, s->n);
	put_text(b, s->task ? task_state_name(s->task->state) : NULL);
	buf_str(b, ",\"reason\":");
	put_reason(b, s->refused ? s->refused : s->task ? flow_task_reason(f, s->task) : NULL);
	buf_printf(b, ",\"again\":%s,\"task\":", s->again ? "true" : "false");
	if (s->task)
		put_task(b, f, s->task, NULL);
	else
		buf_str(b, "null");
	buf_str(b, "}");
}

void api_task_submit(struct api_call *c)
{
	struct flow_submitted s = { 0 };
	struct err err = { 0 };
	int r;

	if (call_json(c) || idempotency(c))
		return;
	r = flow_submit(c->api->flow, c->body, &c->who, &s, &err);
	if (r) {
		reply_err(c, r, &err);
		return;
	}
	put_submitted(c, &s);
	reply_send(c);
}

static void put_batch(struct api_call *c, const struct flow_submitted *s, size_t n)
{
	struct buf *b = reply_begin(c, 201);

	buf_reserve(b, 32 + 80 * n);
	buf_str(b, "{\"tasks\":[");
	for (size_t i = 0; i < n; i++) {
		buf_printf(b, "%s{\"id\":\"%llu\",\"tasks\":%u,\"state\":", i ? "," : "",
			   (unsigned long long)s[i].sub, s[i].n);
		put_text(b, s[i].task ? task_state_name(s[i].task->state) : NULL);
		buf_printf(b, ",\"again\":%s}", s[i].again ? "true" : "false");
	}
	buf_str(b, "]}");
}

/* Each task becomes a row of the journal, so one in a batch may not be larger than one alone. */
static int check_sizes(struct api_call *c, const json_t *list, struct err *err)
{
	/* Whether it is an object at all is for the decoder to say. */
	const size_t flags = JSON_COMPACT | JSON_ENCODE_ANY;

	if (c->req->body_len <= API_BODY_TASK)
		return 0;
	for (size_t i = 0; i < json_array_size(list); i++)
		if (json_dumpb(json_array_get(list, i), NULL, 0, flags) > API_BODY_TASK)
			return err_field(err, arena_printf(&c->req->arena, "tasks[%zu]", i),
					 "is larger than %d bytes", API_BODY_TASK);
	return 0;
}

void api_task_submit_many(struct api_call *c)
{
	struct flow_submitted *s;
	struct err err = { 0 };
	const json_t *list;
	struct dec d;
	int r;

	if (call_json(c))
		return;
	dec_begin(&d, c->body, "", NULL, &c->req->arena, &err);
	list = dec_array(&d, "tasks", DEC_NEED, FLOW_BATCH_MAX);
	r = dec_end(&d);
	if (!r)
		r = check_sizes(c, list, &err);
	if (!r) {
		s = arena_array(&c->req->arena, json_array_size(list), sizeof(*s));
		r = flow_submit_many(c->api->flow, list, &c->who, s, &err);
	}
	if (r) {
		reply_err(c, r, &err);
		return;
	}
	put_batch(c, s, json_array_size(list));
	reply_send(c);
}

void api_decide(struct api_call *c)
{
	struct err err = { 0 };
	struct buf *b;
	int r;

	if (call_json(c))
		return;
	b = reply_begin(c, 200);
	r = flow_dry_run(c->api->flow, c->body, &c->who, b, &err);
	if (r) {
		reply_err(c, r, &err);
		return;
	}
	if (call_wants_zh(c) && !b->full) {
		const char *said = decision_said(c, b->data);

		buf_reset(b);
		buf_str(b, said);
	}
	reply_send(c);
}

/* ---- list ---- */

struct filter {
	unsigned states;                /* bits; 0: all */
	const char *name, *kind, *tenant;
	const struct pool *pool;
	uint64_t sub;                   /* 0: all */
	uint64_t below;                 /* numbers from here on were on earlier pages */
	int64_t limit;
};

static int bad(struct api_call *c, const char *name, const char *detail, const char *hint)
{
	reply_no(c, NO_BAD_REQUEST, name, detail, hint);
	return 1;
}

static int read_states(struct api_call *c, unsigned *ret)
{
	const char *s = query_str(c, "state");

	while (s && *s) {
		size_t n = strcspn(s, ",");
		enum task_state state;

		if (task_state_parse(arena_strndup(&c->req->arena, s, n), &state))
			return bad(c, "state", "there is no such state", "submitted, waiting, "
				   "sending, queued, running, done, failed, cancelled, refused; "
				   "several with commas");
		*ret |= 1u << state;
		s += n + (s[n] == ',');
	}
	return 0;
}

static int read_id(struct api_call *c, const char *name, uint64_t *ret_sub, int64_t *ret_index)
{
	const char *s = query_str(c, name);

	if (s && task_id_parse(s, ret_sub, ret_index))
		return bad(c, name, "a task id is written 12 or 12_3", NULL);
	return 0;
}

/* before= takes what `next` gave: an id, or the number of an element whose array is
 * partly listed. */
static int read_before(struct api_call *c, struct filter *f)
{
	const struct task *t;
	int64_t index = -1;

	if (!query_str(c, "before"))
		return 0;
	if (read_id(c, "before", &f->below, &index))
		return 1;
	if (index < 0)
		return 0;
	t = flow_task_by_id(c->api->flow, f->below, index);
	if (!t)
		return bad(c, "before", "that task is no longer in the list", NULL);
	f->below = t->no;
	return 0;
}

static int read_pool(struct api_call *c, struct filter *f)
{
	const char *name = query_str(c, "pool");

	if (!name)
		return 0;
	f->pool = flow_pool_find(c->api->flow, name);
	return f->pool ? 0 : bad(c, "pool", "there is no such pool", NULL);
}

static int read_array(struct api_call *c, struct filter *f)
{
	uint32_t by_state[TASK_STATE_COUNT];
	int64_t index = -1;
	uint32_t n;

	if (!query_str(c, "array"))
		return 0;
	if (read_id(c, "array", &f->sub, &index))
		return 1;
	if (index >= 0 || !f->sub)
		return bad(c, "array", "name the whole array, like 12", NULL);
	n = flow_sub_states(c->api->flow, f->sub, by_state);
	if (f->below > f->sub + n)
		f->below = f->sub + n;
	return 0;
}

static int read_filter(struct api_call *c, struct filter *f)
{
	*f = (struct filter){ .below = UINT64_MAX, .limit = PAGE_DEFAULT };
	f->name = query_str(c, "name");
	f->kind = query_str(c, "kind");
	f->tenant = query_str(c, "tenant");
	return read_states(c, &f->states) || read_before(c, f) || read_pool(c, f) ||
	       read_array(c, f) || query_i64(c, "limit", 1, API_PAGE_MAX, &f->limit);
}

static bool passes(const struct filter *f, const struct token *who, const struct task *t)
{
	const struct task_spec *s = t->spec;

	return (!f->states || f->states & 1u << t->state) &&
	       (!f->pool || t->pool == f->pool->id) &&
	       (!f->name || (s->name && !strcmp(f->name, s->name))) &&
	       (!f->kind || (s->kind && !strcmp(f->kind, s->kind))) &&
	       (!f->tenant || !strcmp(f->tenant, s->tenant)) &&
	       flow_may_see(who, s->tenant);
}

void api_task_list(struct api_call *c)
{
	struct flow *flow = c->api->flow;
	const struct task *t;
	struct filter f;
	struct buf *b;
	uint64_t next;
	int64_t n = 0;
	unsigned visits = 0;

	if (read_filter(c, &f))
		return;
	b = reply_begin(c, 200);
	buf_str(b, "{\"tasks\":[");
	next = f.below;
	while ((t = flow_task_before(flow, next)) && t->no >= f.sub) {
		if (n == f.limit || visits++ == VISIT_MAX)
			break;
		next = t->no;
		if (!passes(&f, &c->who, t))
			continue;
		if (n++)
			buf_str(b, ",");
		put_task(b, flow, t, NULL);
	}
	if (t && t->no >= f.sub)
		buf_printf(b, "],\"next\":\"%llu\"}", (unsigned long long)next);
	else
		buf_str(b, "],\"next\":null}");
	reply_send(c);
}

/* ---- one ---- */

static void show(struct api_call *c, const struct found *found)
{
	const struct task_spec *s = found->task->spec;
	struct task_extra extra = { .spec = true, .hide = !flow_owns(&c->who, s->tenant, s->owner),
				    .by_state = found->by_state };

	put_task(reply_begin(c, 200), c->api->flow, found->task, &extra);
	reply_send(c);
}

void api_task_get(struct api_call *c)
{
	find_task(c, true, show);
}

static void cancel(struct api_call *c, const struct found *found)
{
	struct flow *f = c->api->flow;
	struct err err = { 0 };
	const struct task *t;
	struct buf *b;
	uint64_t sub;
	int64_t index;
	int r;

	if (found->past || task_id_parse(c->param, &sub, &index)) {
		reply_no(c, NO_CONFLICT, NULL, "it is over already", NULL);
		return;
	}
	r = flow_cancel(f, sub, index, &c->who, &err);
	if (r) {
		reply_err(c, r, &err);
		return;
	}
	t = flow_task_by_id(f, sub, index);
	b = reply_begin(c, 202);
	buf_str(b, "{\"id\":");
	put_text(b, c->param);
	buf_printf(b, ",\"state\":\"%s\"}", task_state_name(t ? t->state : TASK_CANCELLED));
	reply_send(c);
}

void api_task_cancel(struct api_call *c)
{
	find_task(c, false, cancel);
}
