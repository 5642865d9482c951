/* city.c - a history replayed on pools that may be others: the course of time, and the sums */

#include "sim/city_part.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	PASS_GAP_MS = 1000,             /* as a busy daemon; what happens between is decided together … */
	PASS_LARGE = 100,               /* … and after a pass of more decisions for that many times as
	                                 * long, … */
	PASS_GAP_MAX_MS = 30 * 1000,    /* … up to this: a year in which thousands wait takes hours
	                                 * then, not days */
	TICK_MAX_MS = 600 * 1000,       /* while nothing happens those that wait are asked again after
	                                 * 1, 2, 4 … seconds, at most this */
};

/* ---- all of it ---- */

static int town_init(struct town *t, const struct city *c, struct city_result *r, struct err *err)
{
	const struct past *p = c->past;

	t->c = c;
	t->result = r;
	r->n = p->n;
	r->npools = c->npools;
	r->fates = mem_array(p->n, sizeof(*r->fates));
	r->pools = mem_array(c->npools, sizeof(*r->pools));
	r->from_ms = r->to_ms = p->tasks[0].submitted_ms;
	t->history = history_new();
	t->all = history_new();
	t->lanes = mem_array(c->npools, sizeof(*t->lanes));
	t->before = mem_array(p->n, sizeof(*t->before));
	t->after = mem_array(p->n, sizeof(*t->after));
	t->no = mem_array(p->n, sizeof(*t->no));
	t->ends = mem_array(2 * (size_t)p->n, sizeof(*t->ends));
	arena_init(&t->arena);
	arena_init(&t->tail_arena);
	for (uint32_t i = 0; i < c->npools; i++) {
		struct pool_totals sum;

		c->pools[i]->id = i;
		c->pools[i]->fresh_s = 0;       /* its news is never old: there is none */
		pool_totals(c->pools[i], &sum);
		r->pools[i].cpu_milli = sum.cpu_milli;
		r->pools[i].devices = sum.accels;
		if (!c->pools[i]->nnodes)
			return err_set(err, ERR_E_INPUT, "pool %s has no nodes, neither declared "
				       "nor in the history",
				       c->pools[i]->name);
	}
	return 0;
}

static void add_subs(struct town *t)
{
	const struct past *p = t->c->past;

	/* Numbers are dense within an array, also where its indices have gaps. */
	for (uint32_t i = 0, rank = 0; i < p->n; i++) {
		uint64_t sub = p->tasks[p->by_id[i]].sub;

		rank = i && p->tasks[p->by_id[i - 1]].sub == sub ? rank + 1 : 0;
		t->no[p->by_id[i]] = sub + rank;
	}
	for (uint32_t i = 0; i < p->n; i++) {
		struct city_sub *s = town_sub(t, p->tasks[i].sub);

		t->result->fates[i].pool = UINT32_MAX;
		t->result->fates[i].state = TASK_SUBMITTED;
		if (!s) {
			s = mem_alloc(sizeof(*s));
			s->no = p->tasks[i].sub;
			s->limit = p->tasks[i].array_limit;
			HASH_ADD(hh, t->subs, no, sizeof(s->no), s);
		}
		s->left++;
	}
}

static void town_done(struct town *t)
{
	struct city_sub *s, *stmp;
	struct city_tenant *x, *xtmp;

	HASH_ITER(hh, t->subs, s, stmp) {
		HASH_DELETE(hh, t->subs, s);
		free(s->held);
		free(s->turns);
		free(s);
	}
	HASH_ITER(hh, t->tenants, x, xtmp) {
		HASH_DELETE(hh, t->tenants, x);
		free(x);
	}
	town_pass_done(t);
	history_free(t->history);
	history_free(t->all);
	free(t->lanes);
	free(t->before);
	free(t->after);
	free(t->no);
	free(t->ends);
	arena_done(&t->arena);
	arena_done(&t->tail_arena);
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void take_arrivals(struct town *t, uint32_t *next)
{
	const struct past *p = t->c->past;

	for (; *next < p->n && p->tasks[*next].submitted_ms <= t->now_ms; ++*next) {
		if (t->c->progress && *next % 256 == 0)
			t->c->progress(t->c->progress_arg, *next, p->n);
		town_come(t, *next);
	}
}

static int64_t gap_after(uint64_t decisions)
{
	uint64_t times = decisions / PASS_LARGE;

	return least((int64_t)(times ? times : 1) * PASS_GAP_MS, PASS_GAP_MAX_MS);
}

/* Arrivals and ends are taken when they happen; a pass follows at once, but not within the gap
 * after the last one. */
static void go(struct town *t)
{
	const struct past *p = t->c->past;
	int64_t pass_ms = INT64_MIN, tick_ms = PASS_GAP_MS, gap_ms = PASS_GAP_MS;
	uint32_t next = 0;

	while (next < p->n || t->nends || (t->waiting && tick_ms < TICK_MAX_MS)) {
		int64_t at = next < p->n ? p->tasks[next].submitted_ms : INT64_MAX;
		uint64_t decisions = t->result->decisions;
		bool news;

		at = t->nends ? least(at, t->ends[0].at_ms) : at;
		news = !t->waiting || at <= pass_ms + tick_ms;
		if (!news)
			at = pass_ms + tick_ms;
		if (t->waiting && at < pass_ms + gap_ms)
			at = pass_ms + gap_ms;
		t->now_ms = at > t->now_ms ? at : t->now_ms;
		town_end_all(t);
		take_arrivals(t, &next);
		tick_ms = town_pass(t) || news ? PASS_GAP_MS : least(2 * tick_ms, TICK_MAX_MS);
		pass_ms = t->now_ms;
		gap_ms = gap_after(t->result->decisions - decisions);
	}
}

/* ---- sums ---- */

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void sum_waits(const struct past *p, struct city_result *r)
{
	int64_t *waits = mem_array(r->n, sizeof(*waits));
	uint64_t n = 0;
	double sum = 0;

	for (uint32_t i = 0; i < r->n; i++)
		if (r->fates[i].pool != UINT32_MAX) {
			waits[n] = r->fates[i].start_ms - p->tasks[i].submitted_ms;
			sum += (double)waits[n++];
		}
	qsort(waits, n, sizeof(*waits), by_size);
	if (n)
		r->waits = (struct city_waits){ sum / (double)n / 1000,
						(double)waits[(n - 1) / 2] / 1000,
						(double)waits[(n - 1) * 95 / 100] / 1000,
						(double)waits[n - 1] / 1000 };
	free(waits);
}

static void sum_up(struct town *t)
{
	struct city_result *r = t->result;
	struct city_bucket *b;

	for (b = t->queue; b; b = b->behind)
		for (uint32_t i = b->head; i != UINT32_MAX; i = t->after[i])
			r->fates[i].why = b->reason;
	for (uint32_t i = 0; i < r->n; i++) {
		struct city_fate *f = &r->fates[i];

		if (f->state == TASK_SUBMITTED)
			f->state = TASK_WAITING;
		r->done += f->state == TASK_DONE;
		r->refused += f->state == TASK_REFUSED;
		r->waiting += f->state == TASK_WAITING;
		r->cut += f->cut;
	}
	for (uint32_t i = 0; i < r->npools; i++) {
		r->cost_micro += r->pools[i].cost_micro;
		r->energy_j += r->pools[i].energy_j;
		r->carbon_mg += r->pools[i].carbon_mg;
	}
	sum_waits(t->c->past, r);
	assert(r->done + r->refused + r->waiting == r->n);
}

int city_run(const struct city *c, struct city_result *ret, struct err *err)
{
	struct town t = { .c = c };
	int bad;

	*ret = (struct city_result){ .n = 0 };
	bad = town_init(&t, c, ret, err);
	if (!bad) {
		add_subs(&t);
		town_learn_all(&t);
		go(&t);
		sum_up(&t);
	}
	town_done(&t);
	return bad;
}

void city_result_done(struct city_result *r)
{
	free(r->fates);
	free(r->pools);
	*r = (struct city_result){ .n = 0 };
}
