/* plan_json.c - two replays of one history, compared */

#include "cmd/plan.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

enum { ROUTES_SHOWN = 100 };           /* from, to, why: the most frequent */

static void put(json_t *obj, const char *key, json_t *v)
{
	json_object_set_new(obj, key, v);
}

static void count(json_t *obj, const char *key)
{
	json_t *n = json_object_get(obj, key);

	put(obj, key, json_integer(json_integer_value(n) + 1));
}

static json_t *waits_json(const struct city_waits *w)
{
	return json_pack("{s:f, s:f, s:f, s:f}", "mean", w->mean_s, "p50", w->p50_s, "p95",
			 w->p95_s, "max", w->max_s);
}

/* ---- as it was ---- */

struct recorded {
	uint64_t ran, refused, waiting, n;
	int64_t cost_micro, energy_j, carbon_mg;
	json_t *pools;                  /* name -> {started, cpu_s} */
	int64_t *waits;
};

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static struct city_waits waits_of(int64_t *ms, uint64_t n)
{
	double sum = 0;

	if (!n)
		return (struct city_waits){ 0 };
	qsort(ms, n, sizeof(*ms), by_size);
	for (uint64_t i = 0; i < n; i++)
		sum += (double)ms[i] / 1000;
	return (struct city_waits){ sum / (double)n, (double)ms[(n - 1) / 2] / 1000,
				    (double)ms[(n - 1) * 95 / 100] / 1000,
				    (double)ms[n - 1] / 1000 };
}

static void record(struct recorded *r, const struct past_task *t)
{
	r->refused += t->state == TASK_REFUSED;
	r->waiting += !task_state_final(t->state) && !t->started_ms;
	r->cost_micro += t->cost_micro;
	r->energy_j += t->energy_j;
	r->carbon_mg += t->carbon_mg;
	if (!t->pool)
		return;
	count(r->pools, t->pool);
	r->ran++;
	if (t->started_ms >= t->submitted_ms)
		r->waits[r->n++] = t->started_ms - t->submitted_ms;
}

static json_t *recorded_json(const struct past *p)
{
	struct recorded r = { .pools = json_object(), .waits = mem_array(p->n, sizeof(int64_t)) };
	struct city_waits w;
	json_t *doc;

	for (uint32_t i = 0; i < p->n; i++)
		record(&r, &p->tasks[i]);
	w = waits_of(r.waits, r.n);
	doc = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "done", (json_int_t)r.ran, "refused",
			(json_int_t)r.refused, "waiting", (json_int_t)r.waiting, "cost_micro",
			(json_int_t)r.cost_micro, "energy_j", (json_int_t)r.energy_j, "carbon_mg",
			(json_int_t)r.carbon_mg, "started", r.pools);
	put(doc, "wait_s", waits_json(&w));
	free(r.waits);
	return doc;
}

/* ---- one side ---- */

static double percent(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : 0;
}

/* Of the time that both sides together took, so that two percentages can be compared. */
static json_t *pool_json_of(const struct plan_side *s, uint32_t i, double span_ms)
{
	const struct city_pool *x = &s->result.pools[i];
	const struct pool *p = s->pools[i];
	json_t *o = json_pack("{s:s, s:I, s:f}", "name", p->name, "started", (json_int_t)x->started,
			      "cpu_percent", percent(x->cpu_ms, (double)x->cpu_milli / 1000 *
								       span_ms));

	put(o, "device_percent", x->devices ? json_real(percent(x->device_ms,
								(double)x->devices * span_ms))
					    : json_null());
	put(o, "mean_wait_s", json_real(x->started ? (double)x->wait_ms / 1000 /
							     (double)x->started : 0));
	put(o, "cost_micro", json_integer(x->cost_micro));
	put(o, "energy_j", json_integer(x->energy_j));
	put(o, "carbon_mg", json_integer(x->carbon_mg));
	put(o, "drained", json_boolean(p->drained));
	return o;
}

static json_t *why_json(const struct city_result *r, enum task_state state)
{
	json_t *o = json_object();

	for (uint32_t i = 0; i < r->n; i++)
		if (r->fates[i].state == state && r->fates[i].why)
			count(o, r->fates[i].why);
	return o;
}

static json_t *side_json(const struct plan_side *s, double span_ms)
{
	const struct city_result *r = &s->result;
	json_t *pools = json_array(), *doc;

	for (uint32_t i = 0; i < s->npools; i++)
		json_array_append_new(pools, pool_json_of(s, i, span_ms));
	doc = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "done", (json_int_t)r->done,
			"refused", (json_int_t)r->refused, "waiting", (json_int_t)r->waiting, "cut",
			(json_int_t)r->cut, "cost_micro", (json_int_t)r->cost_micro, "energy_j",
			(json_int_t)r->energy_j, "carbon_mg", (json_int_t)r->carbon_mg);
	put(doc, "wait_s", waits_json(&r->waits));
	put(doc, "span_s", json_real((double)(r->to_ms - r->from_ms) / 1000));
	put(doc, "refused_by", why_json(r, TASK_REFUSED));
	put(doc, "waiting_by", why_json(r, TASK_WAITING));
	put(doc, "decisions", json_integer((json_int_t)r->decisions));
	put(doc, "decisions_per_s",
	    json_real(r->time_ns ? 1e9 * (double)r->decisions / (double)r->time_ns : 0));
	put(doc, "run_times",
	    json_pack("{s:I, s:I, s:I, s:I, s:I}", "as_run", (json_int_t)r->by_basis[CITY_AS_RUN],
		      "learned", (json_int_t)r->by_basis[CITY_LEARNED], "peak",
		      (json_int_t)r->by_basis[CITY_PEAK], "unknown",
		      (json_int_t)r->by_basis[CITY_UNKNOWN], "guessed",
		      (json_int_t)r->by_basis[CITY_GUESSED]));
	put(doc, "pools", pools);
	return doc;
}

/* ---- over time ---- */

struct curve {
	double waiting[PLAN_POINTS + 1], cpus[PLAN_POINTS + 1];         /* differences, then sums */
};

static uint32_t point(double ms, double step_ms)
{
	double i = ms / step_ms;

	return i <= 0 ? 0 : i >= PLAN_POINTS ? PLAN_POINTS : (uint32_t)i;
}

static json_t *curve_json(const struct past *p, const struct city_result *r, double step_ms,
			  int64_t from_ms)
{
	struct curve *c = mem_alloc(sizeof(*c));
	json_t *waiting = json_array(), *cpus = json_array();

	for (uint32_t i = 0; i < r->n; i++) {
		const struct city_fate *f = &r->fates[i];
		const struct task_spec *s = p->tasks[i].spec;
		double used = (double)s->nodes * s->cpu_milli / 1000;
		bool ran = f->pool != UINT32_MAX;

		if (!ran && f->state != TASK_WAITING)
			continue;
		c->waiting[point((double)(p->tasks[i].submitted_ms - from_ms), step_ms)]++;
		if (!ran)
			continue;
		c->waiting[point((double)(f->start_ms - from_ms), step_ms)]--;
		c->cpus[point((double)(f->start_ms - from_ms), step_ms)] += used;
		c->cpus[point((double)(f->end_ms - from_ms), step_ms)] -= used;
	}
	for (uint32_t i = 0; i < PLAN_POINTS; i++) {
		c->waiting[i] += i ? c->waiting[i - 1] : 0;
		c->cpus[i] += i ? c->cpus[i - 1] : 0;
		json_array_append_new(waiting, json_integer((json_int_t)c->waiting[i]));
		json_array_append_new(cpus, json_real(c->cpus[i] > 1e-6 ? c->cpus[i] : 0));
	}
	free(c);
	return json_pack("{s:o, s:o}", "waiting", waiting, "cpus", cpus);
}

/* ---- who moved ---- */

struct route {
	const char *key[3];             /* from, to, why */
	uint64_t n;
	UT_hash_handle hh;
};

static const char *pool_of(const struct plan_side *s, uint32_t task)
{
	const struct city_fate *f = &s->result.fates[task];

	return f->pool == UINT32_MAX ? task_state_name(f->state) : s->pools[f->pool]->name;
}

static void route_add(struct route **all, const char *from, const char *to, const char *why)
{
	const char *key[3] = { from, to, why };
	struct route *r = NULL;

	HASH_FIND(hh, *all, key, sizeof(key), r);
	if (!r) {
		r = mem_alloc(sizeof(*r));
		memcpy(r->key, key, sizeof(key));
		HASH_ADD(hh, *all, key, sizeof(key), r);
	}
	r->n++;
}

static int by_count(struct route *a, struct route *b)
{
	int names = strcmp(a->key[0], b->key[0]);

	if (a->n != b->n)
		return a->n > b->n ? -1 : 1;
	names = names ? names : strcmp(a->key[1], b->key[1]);
	return names ? names : strcmp(a->key[2], b->key[2]);
}

/* Names and codes are one pointer each within a side, so routes are told apart by them. */
static json_t *moved_json(const struct plan *p)
{
	json_t *by = json_object(), *list = json_array();
	struct route *all = NULL, *r, *tmp;
	uint64_t n = 0;

	for (uint32_t i = 0; i < p->past->n; i++) {
		const struct city_fate *to = &p->what.result.fates[i];
		const char *from = pool_of(&p->base, i), *now = pool_of(&p->what, i);
		const char *why = to->why ? to->why : "room";

		if (!strcmp(from, now))
			continue;
		n++;
		count(by, why);
		route_add(&all, from, now, why);
	}
	HASH_SORT(all, by_count);
	HASH_ITER(hh, all, r, tmp) {
		if (json_array_size(list) < ROUTES_SHOWN)
			json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:I}", "from",
							      r->key[0], "to", r->key[1], "why",
							      r->key[2], "tasks",
							      (json_int_t)r->n));
		HASH_DEL(all, r);
		free(r);
	}
	return json_pack("{s:I, s:o, s:o}", "tasks", (json_int_t)n, "by_reason", by, "routes", list);
}

/* ---- all of it ---- */

static json_t *history_json(const struct plan *p)
{
	char from[CLOCK_TEXT_MAX], to[CLOCK_TEXT_MAX];
	const struct past *past = p->past;

	return json_pack("{s:s, s:s, s:I, s:s, s:s}", "file", p->history_path, "node", past->node,
			 "tasks", (json_int_t)past->n, "from",
			 clock_format(past->tasks[0].submitted_ms, from), "to",
			 clock_format(past->tasks[past->n - 1].submitted_ms, to));
}

json_t *plan_json(const struct plan *p)
{
	const struct city_result *a = &p->base.result, *b = &p->what.result;
	int64_t to_ms = p->nchanges && b->to_ms > a->to_ms ? b->to_ms : a->to_ms;
	double span_ms = (double)(to_ms - a->from_ms), step_ms = span_ms / PLAN_POINTS + 1;
	json_t *changes = json_array(), *curve, *doc;

	for (uint32_t i = 0; i < p->nchanges; i++)
		json_array_append_new(changes, json_string(p->changes[i]));
	doc = json_pack("{s:s, s:o, s:o, s:o, s:o}", "config", p->config_path, "history",
			history_json(p), "changes", changes, "recorded", recorded_json(p->past),
			"base", side_json(&p->base, span_ms));
	curve = json_pack("{s:f, s:o}", "step_s", step_ms / 1000, "base",
			  curve_json(p->past, a, step_ms, a->from_ms));
	put(doc, "what_if", p->nchanges ? side_json(&p->what, span_ms) : json_null());
	put(doc, "moved", p->nchanges ? moved_json(p) : json_null());
	put(curve, "what_if", p->nchanges ? curve_json(p->past, b, step_ms, a->from_ms)
					  : json_null());
	put(doc, "curve", curve);
	return doc;
}

/* ---- task by task ---- */

static void log_side(FILE *f, const struct plan_side *s, uint32_t i)
{
	const struct city_fate *x = &s->result.fates[i];
	char from[CLOCK_TEXT_MAX], to[CLOCK_TEXT_MAX];

	if (x->pool == UINT32_MAX)
		fprintf(f, ",%s,,,%s", task_state_name(x->state), x->why ? x->why : "");
	else
		fprintf(f, ",%s,%s,%s,%s", s->pools[x->pool]->name, clock_format(x->start_ms, from),
			clock_format(x->end_ms, to), x->cut ? "walltime" : x->why ? x->why : "");
}

int plan_log(const struct plan *p, const char *path)
{
	FILE *f = fopen(path, "we");
	bool bad;

	if (!f)
		return -errno;
	fprintf(f, "task,recorded_pool,pool,start,end,why%s\n",
		p->nchanges ? ",what_if_pool,what_if_start,what_if_end,what_if_why" : "");
	for (uint32_t i = 0; i < p->past->n; i++) {
		const struct past_task *t = &p->past->tasks[i];

		fprintf(f, t->element ? "%llu_%u,%s" : "%llu%.0u,%s", (unsigned long long)t->sub,
			t->index, t->pool ? t->pool : "");
		log_side(f, &p->base, i);
		if (p->nchanges)
			log_side(f, &p->what, i);
		putc('\n', f);
	}
	bad = ferror(f);
	return fclose(f) || bad ? -EIO : 0;
}
