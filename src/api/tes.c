/* tes.c - GA4GH TES 1.1: service-info, create, list, get, cancel
 *
 * TES names no shape for errors, so they are those of the native interface.
 */

#include "api/tes.h"

#include "base/mem.h"

#include <string.h>

enum {
	PAGE_DEFAULT = 256,
	PAGE_MAX = 2047,                /* "less than 2048", says TES */
	VISIT_MAX = 50000,              /* tasks looked at for one page */
	LIST_BYTES = 4 << 20,           /* of an answer; then next_page_token goes on */
	TAGS_ASKED_MAX = 16,
};

/* ---- service-info ---- */

static json_t *keys(void)
{
	json_t *list = json_array();

	for (size_t i = 0; tes_keys[i]; i++)
		json_array_append_new(list, json_string(tes_keys[i]));
	return list;
}

void api_tes_info(struct api_call *c)
{
	const char *node = flow_node_id(c->api->flow), *host = http_header(c->req, "host");
	char started[CLOCK_TEXT_MAX];
	struct arena *a = &c->req->arena;

	clock_format(c->api->started_ms, started);
	/* A node knows no address of its operator; its own is the one that was asked. */
	reply_json(c, 200, json_pack(
		"{s:s,s:s,s:{s:s,s:s,s:s},s:s,s:{s:s,s:s},s:s,s:s,s:[s,s,s],s:o}",
		"id", arena_printf(a, "suanlu.%s.tes", node),
		"name", arena_printf(a, "Suanlu %s", node),
		"type", "group", "org.ga4gh", "artifact", "tes", "version", "1.1.0",
		"description", "Tasks of a city's compute network; the node chooses the pools.",
		"organization", "name", arena_printf(a, "operator of %s", node),
		"url", arena_printf(a, "http://%s/", host && *host ? host : "localhost"),
		"version", c->api->version, "createdAt", started,
		"storage", "file:///", "http://", "https://",
		"tesResources_backend_parameters", keys()));
}

/* ---- create ---- */

static int idempotency(struct api_call *c, struct tes_doc *t)
{
	const char *header = http_header(c->req, "idempotency-key");

	if (header && !json_object_get(t->native, "idempotency_key") &&
	    json_object_set_new(t->native, "idempotency_key", json_string(header))) {
		reply_no(c, NO_BAD_REQUEST, "Idempotency-Key", "is not valid UTF-8", NULL);
		return 1;
	}
	return 0;
}

static void submit(struct api_call *c, const struct tes_doc *t)
{
	struct flow_submitted s = { 0 };
	struct err err = { 0 };
	json_t *doc;
	int r = tes_native(t, &doc, &err);

	if (!r) {
		r = flow_submit(c->api->flow, doc, &c->who, &s, &err);
		json_decref(doc);
		if (r == FLOW_E_INPUT)
			tes_blame(t, &err);
	}
	if (r)
		reply_err(c, r, &err);
	else
		reply_json(c, 200, json_pack("{s:o}", "id", json_sprintf("%llu",
					     (unsigned long long)s.sub)));
}

void api_tes_create(struct api_call *c)
{
	struct err err = { 0 };
	struct tes_doc t;
	int r;

	if (call_json(c))
		return;
	if (!json_is_object(c->body)) {
		reply_no(c, NO_BAD_REQUEST, NULL, "a task is an object", NULL);
		return;
	}
	r = tes_doc_read(c->body, &c->req->arena, &t, &err);
	if (r)
		reply_err(c, r, &err);
	else if (!idempotency(c, &t))
		submit(c, &t);
	tes_doc_done(&t);
}

/* ---- get ---- */

static int read_view(struct api_call *c, enum tes_view *ret)
{
	static const char *const names[] = { "MINIMAL", "BASIC", "FULL" };
	const char *s = query_str(c, "view");

	*ret = TES_MINIMAL;
	for (unsigned i = 0; s && *s && i < ARRAY_LEN(names); i++) {
		if (!strcmp(s, names[i])) {
			*ret = (enum tes_view)i;
			return 0;
		}
	}
	if (!s || !*s)
		return 0;
	reply_no(c, NO_BAD_REQUEST, "view", "must be MINIMAL, BASIC or FULL", NULL);
	return 1;
}

static void show(struct api_call *c, const struct task *t, const struct run *runs, uint32_t n)
{
	enum tes_view view;

	if (read_view(c, &view))
		return;
	tes_put_task(reply_begin(c, 200), c->api->flow, &c->who, t, view, runs, n);
	reply_send(c);
}

/* A native task is not TES's to show. */
static bool is_ours(struct api_call *c, const struct found *found)
{
	if (tes_is(found->task))
		return true;
	reply_no(c, NO_NOT_FOUND, NULL, "the task did not come through TES",
		 arena_printf(&c->req->arena, "it is at /v1/tasks/%.31s", c->param));
	return false;
}

static void get(struct api_call *c, const struct found *found)
{
	enum tes_view view;

	if (!is_ours(c, found) || read_view(c, &view))
		return;
	if (view == TES_MINIMAL || !found->task->attempt)
		show(c, found->task, NULL, 0);
	else
		runs_read(c, found->task, show);
}

/* An id that cannot be one is of no task. */
static bool id_ok(struct api_call *c)
{
	int64_t index;
	uint64_t sub;

	if (!task_id_parse(c->param, &sub, &index))
		return true;
	reply_no(c, NO_NOT_FOUND, NULL, "there is no such task", NULL);
	return false;
}

void api_tes_get(struct api_call *c)
{
	/* Where TES 0.x had it; its clients are still about. */
	if (!strcmp(c->param, "service-info"))
		api_tes_info(c);
	else if (id_ok(c))
		find_task(c, false, get);
}

/* ---- cancel ---- */

static void cancel(struct api_call *c, const struct found *found)
{
	const struct task *t = found->task;
	struct err err = { 0 };
	int r = 0;

	if (!is_ours(c, found))
		return;
	if (t->state != TASK_CANCELLED && !t->cancel_wanted) {
		if (task_state_final(t->state)) {
			reply_no(c, NO_CONFLICT, NULL, "it is over already", NULL);
			return;
		}
		r = flow_cancel(c->api->flow, t->sub, -1, &c->who, &err);
	}
	if (r)
		reply_err(c, r, &err);
	else
		reply_json(c, 200, json_object());
}

void api_tes_cancel(struct api_call *c)
{
	if (id_ok(c))
		find_task(c, false, cancel);
}

/* ---- list ---- */

struct filter {
	const char *prefix, *state;
	uint32_t ntags;
	const char *keys[TAGS_ASKED_MAX], *values[TAGS_ASKED_MAX];
	int64_t size, below;
	enum tes_view view;
};

static int bad(struct api_call *c, const char *name, const char *detail)
{
	reply_no(c, NO_BAD_REQUEST, name, detail, NULL);
	return 1;
}

/* All values of a parameter that may come often. */
static int read_all(struct api_call *c, const char *name, const char **ret, uint32_t *ret_n)
{
	const char *query = c->req->query, *s;
	size_t n = strlen(name);

	*ret_n = 0;
	for (const char *p = query; *p; p += strcspn(p, "&"), p += *p == '&') {
		if (strncmp(p, name, n) || (p[n] && !strchr("=&", p[n])))
			continue;
		if (*ret_n == TAGS_ASKED_MAX)
			return bad(c, name, "is given more than 16 times");
		c->req->query = p;      /* http_query() takes the first */
		s = http_query(c->req, name);
		c->req->query = query;
		if (!s)
			return bad(c, name, "the value has a broken %XX escape, a control byte or "
				   "invalid UTF-8");
		ret[(*ret_n)++] = s;
	}
	return 0;
}

/* keys and values are paired by their order; a value that is missing or empty is any. */
static int read_tags(struct api_call *c, struct filter *f)
{
	uint32_t n;

	if (read_all(c, "tag_key", f->keys, &f->ntags) || read_all(c, "tag_value", f->values, &n))
		return 1;
	if (n > f->ntags)
		return bad(c, "tag_value", "each needs a tag_key");
	for (; n < f->ntags; n++)
		f->values[n] = "";
	return 0;
}

static int read_state(struct api_call *c, struct filter *f)
{
	static const char *const states[] = {
		"UNKNOWN", "QUEUED", "INITIALIZING", "RUNNING", "PAUSED", "COMPLETE",
		"EXECUTOR_ERROR", "SYSTEM_ERROR", "CANCELED", "CANCELING", "PREEMPTED",
	};

	f->state = query_str(c, "state");
	if (!f->state || !*f->state) {
		f->state = NULL;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (!strcmp(f->state, states[i]))
			return 0;
	return bad(c, "state", "there is no such state");
}

static int read_filter(struct api_call *c, struct filter *f)
{
	const char *token = query_str(c, "page_token"), *size = query_str(c, "page_size");

	*f = (struct filter){ .size = PAGE_DEFAULT, .below = INT64_MAX };
	f->prefix = query_str(c, "name_prefix");
	if (size && *size && query_i64(c, "page_size", 1, PAGE_MAX, &f->size))
		return 1;
	if (token && *token && query_i64(c, "page_token", 1, INT64_MAX, &f->below))
		return 1;
	return read_view(c, &f->view) || read_state(c, f) || read_tags(c, f);
}

static bool document_passes(const struct filter *f, const struct task *t)
{
	json_t *meta = tes_meta(t), *doc = json_object_get(meta, "tes");
	const char *name = json_string_value(json_object_get(doc, "name"));
	const json_t *tags = json_object_get(doc, "tags");
	bool yes = !f->prefix || !strncmp(name ? name : "", f->prefix, strlen(f->prefix));

	for (uint32_t i = 0; yes && i < f->ntags; i++) {
		const char *v = json_string_value(json_object_get(tags, f->keys[i]));

		yes = v && (!*f->values[i] || !strcmp(v, f->values[i]));
	}
	json_decref(meta);
	return yes;
}

static bool passes(const struct filter *f, const struct token *who, const struct task *t)
{
	if (!tes_is(t) || !flow_may_see(who, t->spec->tenant) ||
	    (f->state && strcmp(f->state, tes_state(t))))
		return false;
	return (!f->prefix && !f->ntags) || document_passes(f, t);
}

/* Parsing a document costs as much as looking at so many tasks. */
static unsigned visit_cost(const struct filter *f, const struct task *t)
{
	return tes_is(t) && (f->prefix || f->ntags) ? 25 : 1;
}

void api_tes_list(struct api_call *c)
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
	next = (uint64_t)f.below;
	while ((t = flow_task_before(flow, next))) {
		if (n == f.size || visits > VISIT_MAX || b->len > LIST_BYTES)
			break;
		next = t->no;
		visits += visit_cost(&f, t);
		if (!passes(&f, &c->who, t))
			continue;
		if (n++)
			buf_str(b, ",");
		tes_put_task(b, flow, &c->who, t, f.view, NULL, 0);
	}
	buf_str(b, "]");
	if (t)
		buf_printf(b, ",\"next_page_token\":\"%llu\"", (unsigned long long)next);
	buf_str(b, "}");
	reply_send(c);
}
