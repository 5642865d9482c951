/* dataset_report.c - where has this data set been: a walk through the journal
 *
 * Its labels and who changed them, every submission that reads it (by its name, or by a URL that
 * it covers), every decision for these, every pool that was refused and why, every run.  The data
 * were there before they were registered, so the node's own rows are read first for their places.
 */

#include "api/call.h"

#include "base/clock.h"
#include "base/mem.h"
#include "domain/hide.h"
#include "domain/url_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

enum {
	PAGE = 1000,
	RUNS_MAX = 2000,        /* listed one by one; all are counted */
	DECIDED_MAX = 2000,     /* the same of decisions */
	REFUSED_MAX = 50000,    /* reasons in these: a decision may refuse a thousand pools */
	LABELS_MAX = 1000,
	URLS_MAX = 64,          /* places where it was */
};

struct reader {                 /* a submission that reads it */
	uint64_t sub;
	char tenant[64];
	bool before;            /* submitted before the data set was registered there */
	UT_hash_handle hh;
};

struct report {
	struct walk walk;               /* first: a walk is the report */
	struct api_call *call;          /* NULL: the client is gone */
	char name[64];
	char *urls[URLS_MAX];           /* its places, as url_place() writes them */
	unsigned nurls, nknown;         /* nknown: those that it had by this row */
	struct reader *readers;
	json_t *places;                 /* of all data sets, by name, as they are at this row */
	json_t *labels, *pools, *decided, *runs, *last; /* last: task -> its run in the list */
	uint64_t tasks, nbefore, nruns, decisions, nrefused;
};

static void report_free(struct report *p)
{
	struct reader *r, *tmp;

	HASH_ITER(hh, p->readers, r, tmp) {
		HASH_DELETE(hh, p->readers, r);
		free(r);
	}
	for (unsigned i = 0; i < p->nurls; i++)
		free(p->urls[i]);
	json_decref(p->places);
	json_decref(p->labels);
	json_decref(p->pools);
	json_decref(p->decided);
	json_decref(p->runs);
	json_decref(p->last);
	free(p);
}

static void gone(void *arg)
{
	((struct report *)arg)->call = NULL;
}

static json_t *time_json(int64_t ms)
{
	char at[CLOCK_TEXT_MAX];

	return json_string(clock_format(ms, at));
}

static void count(json_t *obj, const char *key)
{
	json_object_set_new(obj, key, json_integer(json_integer_value(json_object_get(obj, key)) + 1));
}

/* ---- its labels ---- */

/* Its places, to be freed; NULL for a row that has none. */
static char *place_of(const json_t *d, const char **ret_name)
{
	const char *url = json_string_value(json_object_get(d, "url"));

	*ret_name = json_string_value(json_object_get(d, "name"));
	return *ret_name && url ? url_place(url) : NULL;
}

/* Is this a new place of our data set, which has `n` of the list so far? */
static bool moves(const struct report *p, const char *name, const char *place, unsigned n)
{
	return !strcmp(name, p->name) && n < URLS_MAX && (!n || strcmp(p->urls[n - 1], place));
}

static int on_place(struct walk *w, const struct store_row *row)
{
	struct report *p = (struct report *)w;
	_cleanup_(mem_freep) char *place = NULL;
	struct err err;
	const char *name;
	json_t *doc;

	if (!p->call || row->kind != RECORD_DATASET)
		return !p->call;
	if (json_parse(row->body, row->body_len, &doc, &err))
		return -1;
	place = place_of(json_object_get(doc, "dataset"), &name);
	if (place && moves(p, name, place, p->nurls))
		p->urls[p->nurls++] = mem_strdup(place);
	json_decref(doc);
	return 0;
}

static void place_row(struct report *p, const json_t *d)
{
	const char *name;
	_cleanup_(mem_freep) char *place = place_of(d, &name);

	if (!place)
		return;
	json_object_set_new(p->places, name, json_string(place));
	if (p->nknown < p->nurls && moves(p, name, place, p->nknown))
		p->nknown++;
}

static void label_row(struct report *p, const struct store_row *row, const json_t *doc)
{
	const json_t *d = json_object_get(doc, "dataset");
	const char *removed = json_string_value(json_object_get(doc, "removed"));
	const char *name = json_string_value(json_object_get(d, "name"));
	json_t *l;

	place_row(p, d);
	if (strcmp(removed ? removed : name ? name : "", p->name) ||
	    json_array_size(p->labels) >= LABELS_MAX)
		return;
	l = json_pack("{s:o, s:O*, s:O*, s:b}", "at", time_json(row->at_ms), "by",
		      json_object_get(doc, "by"), "reason", json_object_get(doc, "reason"), "removed",
		      removed != NULL);
	if (d) {
		json_object_set_new(l, "data", json_deep_copy(d));
		hide_private(l);
	}
	json_array_append_new(p->labels, l);
}

/* ---- who reads it ---- */

/* As the rule of flow has it: by its name, or by a place that it is at, around or inside.
 * *ret_before: only by a place where it was registered later. */
static bool reads(const struct report *p, const json_t *spec, bool *ret_before)
{
	unsigned first = p->nurls;      /* of its places */
	bool named = false;
	const json_t *in;
	size_t i;

	json_array_foreach(json_object_get(spec, "inputs"), i, in) {
		const char *name = json_string_value(json_object_get(in, "dataset"));
		const char *url = json_string_value(json_object_get(in, "url"));
		const char *other = name ? json_string_value(json_object_get(p->places, name)) : NULL;
		_cleanup_(mem_freep) char *at = other ? mem_strdup(other) : url ? url_place(url) : NULL;

		if (name && !strcmp(name, p->name))
			named = true;
		for (unsigned k = 0; at && k < first; k++)
			if (url_place_meets(at, p->urls[k]))
				first = k;
	}
	*ret_before = !named && first >= p->nknown;
	return named || first < p->nurls;
}

static void submit_row(struct report *p, const struct store_row *row, const json_t *spec)
{
	const char *tenant = json_string_value(json_object_get(spec, "tenant"));
	struct reader *r;
	bool before;

	if (!reads(p, spec, &before))
		return;
	r = mem_alloc(sizeof(*r));
	r->sub = row->subject;
	r->before = before;
	p->nbefore += before;
	snprintf(r->tenant, sizeof(r->tenant), "%s", tenant ? tenant : "");
	HASH_ADD(hh, p->readers, sub, sizeof(r->sub), r);
	p->tasks++;
}

/* ---- what was decided for them ---- */

static json_t *pool_of(struct report *p, const char *name)
{
	json_t *pool = json_object_get(p->pools, name);

	if (!pool) {
		pool = json_pack("{s:s, s:i, s:{}}", "pool", name, "runs", 0, "refused");
		json_object_set_new(p->pools, name, pool);
	}
	return pool;
}

/* The reasons of one pool, counted; a list of them for the decision. */
static json_t *reasons_of(struct report *p, const char *name, const json_t *reasons)
{
	json_t *codes = json_array(), *pool = pool_of(p, name);
	const json_t *reason;
	size_t i;

	json_array_foreach(reasons, i, reason) {
		const char *code = json_string_value(json_object_get(reason, "reason"));

		if (!code)
			continue;
		count(json_object_get(pool, "refused"), code);
		json_array_append_new(codes, json_string(code));
	}
	return codes;
}

static json_t *refusals(struct report *p, const json_t *why)
{
	json_t *all = json_object();
	const json_t *pool;
	size_t i;

	json_array_foreach(json_object_get(why, "pools"), i, pool) {
		const char *name = json_string_value(json_object_get(pool, "pool"));

		if (name && !json_object_get(pool, "rank"))
			json_object_set_new(all, name,
					    reasons_of(p, name, json_object_get(pool, "reasons")));
	}
	return all;
}

static void decision(struct report *p, const struct store_row *row, const struct reader *r,
		     const json_t *doc)
{
	json_t *refused = refusals(p, json_object_get(doc, "why"));
	const json_t *codes;
	const char *name;
	bool room = p->decisions++ == json_array_size(p->decided) &&
		    json_array_size(p->decided) < DECIDED_MAX && p->nrefused < REFUSED_MAX;

	json_object_foreach(refused, name, codes)
		p->nrefused += json_array_size(codes);
	if (room)
		json_array_append_new(p->decided,
			json_pack("{s:o, s:I, s:b, s:s, s:O*, s:O}", "at", time_json(row->at_ms), "task",
				  (json_int_t)row->task, "before", r->before, "what",
				  record_kind_name(row->kind), "pool", json_object_get(doc, "pool"),
				  "refused", refused));
	json_decref(refused);
}

static void run_begins(struct report *p, const struct store_row *row, const struct reader *r,
		       const json_t *doc)
{
	const char *pool = json_string_value(json_object_get(doc, "pool"));
	char key[24];
	json_t *run;

	if (!pool)
		return;
	count(pool_of(p, pool), "runs");
	if (p->nruns++ >= RUNS_MAX)
		return;
	run = json_pack("{s:I, s:b, s:s, s:s, s:o, s:n, s:n}", "task", (json_int_t)row->task, "before",
			r->before, "tenant", r->tenant, "pool", pool, "at", time_json(row->at_ms),
			"ended", "how");
	json_array_append(p->runs, run);
	snprintf(key, sizeof(key), "%llu", (unsigned long long)row->task);
	json_object_set_new(p->last, key, run);
}

static void run_ends(struct report *p, const struct store_row *row, const json_t *doc)
{
	const char *reason = json_string_value(json_object_get(doc, "reason"));
	char key[24];
	json_t *run;

	snprintf(key, sizeof(key), "%llu", (unsigned long long)row->task);
	run = json_object_get(p->last, key);
	if (!run)
		return;
	json_object_set_new(run, "ended", time_json(row->at_ms));
	json_object_set_new(run, "how", json_string(reason ? reason : "done"));
	json_object_del(p->last, key);
}

static void task_row(struct report *p, const struct store_row *row, const json_t *doc)
{
	const struct reader *r = NULL;

	HASH_FIND(hh, p->readers, &row->subject, sizeof(row->subject), r);
	if (!r)
		return;
	if (json_object_get(doc, "why"))
		decision(p, row, r, doc);
	if (row->kind == RECORD_CHOOSE)
		run_begins(p, row, r, doc);
	else if (row->kind == RECORD_END || row->kind == RECORD_LOST)
		run_ends(p, row, doc);
}

static int on_row(struct walk *w, const struct store_row *row)
{
	struct report *p = (struct report *)w;
	struct err err;
	json_t *doc;

	if (!p->call)
		return 1;
	if (row->kind != RECORD_DATASET && (row->kind < RECORD_SUBMIT || row->kind > RECORD_CANCEL))
		return 0;
	if (json_parse(row->body, row->body_len, &doc, &err))
		return -1;
	if (row->kind == RECORD_DATASET)
		label_row(p, row, doc);
	else if (row->kind == RECORD_SUBMIT)
		submit_row(p, row, doc);
	else
		task_row(p, row, doc);
	json_decref(doc);
	return 0;
}

static void answer(struct report *p)
{
	struct api_call *c = p->call;
	json_t *pools = json_array(), *pool;
	const char *name;

	json_object_foreach(p->pools, name, pool)
		json_array_append(pools, pool);
	reply_json(c, 200, json_pack("{s:s, s:O, s:I, s:I, s:I, s:O, s:o, s:I, s:O}", "dataset",
				     p->name, "labels", p->labels, "submissions", (json_int_t)p->tasks,
				     "submissions_before", (json_int_t)p->nbefore, "decisions",
				     (json_int_t)p->decisions, "decided", p->decided, "pools", pools,
				     "runs_in_all", (json_int_t)p->nruns, "runs", p->runs));
}

static void on_done(struct walk *w, int r)
{
	struct report *p = (struct report *)w;
	struct api_call *c = p->call;

	if (c && !r && walk_more(w)) {
		walk_page(w, w->api, UINT64_MAX, 0, w->last, PAGE);
		return;
	}
	if (c)
		c->gone = NULL;
	if (c && r)
		reply_no(c, NO_INTERNAL, NULL, "the journal could not be read", NULL);
	else if (c && !json_array_size(p->labels))
		reply_no(c, NO_NOT_FOUND, NULL, "there never was such a data set", NULL);
	else if (c)
		answer(p);
	report_free(p);
}

static void on_places(struct walk *w, int r)
{
	struct report *p = (struct report *)w;
	bool more = walk_more(w);

	if (!p->call || r) {
		on_done(w, r);
		return;
	}
	if (!more) {
		w->row = on_row;
		w->done = on_done;
	}
	walk_page(w, w->api, more ? 0 : UINT64_MAX, 0, more ? w->last : 0, PAGE);
}

void api_dataset_report(struct api_call *c)
{
	struct report *p;

	if (!walk_room(c->api)) {
		reply_no(c, NO_UNAVAILABLE, NULL, "too many reads of the journal are under way", NULL);
		return;
	}
	p = mem_alloc(sizeof(*p));
	p->call = c;
	snprintf(p->name, sizeof(p->name), "%s", c->param);
	p->places = json_object();
	p->labels = json_array();
	p->pools = json_object();
	p->decided = json_array();
	p->runs = json_array();
	p->last = json_object();
	p->walk.row = on_place;
	p->walk.done = on_places;
	c->gone = gone;
	c->arg = p;
	walk_page(&p->walk, c->api, 0, 0, 0, PAGE);
}
