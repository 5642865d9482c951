/* live.c - let tasks come when they came, wait, run as long as they ran, and leave */

#include "sim/live.h"

#include "base/mem.h"
#include "sim/fragment.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

enum { FREED_MAX = 1024 };             /* nodes that gave room back; more: all are asked */

/* Those that ask for the same, in the order in which they came. */
struct line {
	struct node_ask ask;
	bool never;                     /* no empty node could hold it */
	uint32_t head, tail, n;         /* by order of arrival; those between: run.after */
	struct line *before, *behind;   /* in the queue, by head */
	UT_hash_handle hh;
};

struct end {
	uint64_t at_s;
	uint32_t task;                  /* order of arrival: ties are ended in it */
};

struct run {
	const struct live *l;
	struct live_result *result;
	struct placer placer;
	struct fragment_mix typical;
	uint32_t n, *order;             /* arrivals: indexes into the trace's tasks */
	uint32_t *after;                /* by arrival: the next of its line */
	struct node_choice *at;         /* by arrival: where it runs */
	uint32_t nends;
	struct end *ends;               /* a heap, the earliest first */
	struct line *lines, *queue;
	uint64_t first_s, now_s, waiting, allocated_milli, cpu_milli;
	uint32_t *waits;
	uint32_t nfreed, freed[FREED_MAX];
	double device_seconds, cpu_seconds, busy_seconds;       /* thousandths x seconds */
	uint64_t next_point_s;
	double frag_sum, frag_idle;
};

static const struct trace_task *task_of(const struct run *x, uint32_t arrival)
{
	return &x->l->trace->tasks[x->order[arrival]];
}

static uint64_t milli_of(const struct trace_task *t)
{
	return (uint64_t)t->devices * t->ask.share_milli;
}

static uint64_t come_s(const struct run *x, const struct trace_task *t)
{
	return x->first_s + (t->submit_s - x->first_s) / x->l->faster;
}

/* ---- ends ---- */

static bool sooner(const struct end *a, const struct end *b)
{
	return a->at_s != b->at_s ? a->at_s < b->at_s : a->task < b->task;
}

static void ends_push(struct run *x, struct end e)
{
	uint32_t i = x->nends++;

	for (; i && sooner(&e, &x->ends[(i - 1) / 2]); i = (i - 1) / 2)
		x->ends[i] = x->ends[(i - 1) / 2];
	x->ends[i] = e;
}

static struct end ends_pop(struct run *x)
{
	struct end top = x->ends[0], last = x->ends[--x->nends];
	uint32_t i = 0, k;

	while ((k = 2 * i + 1) < x->nends) {
		if (k + 1 < x->nends && sooner(&x->ends[k + 1], &x->ends[k]))
			k++;
		if (!sooner(&x->ends[k], &last))
			break;
		x->ends[i] = x->ends[k];
		i = k;
	}
	x->ends[i] = last;
	return top;
}

/* ---- time, and what is measured in it ---- */

static void note_point(struct run *x)
{
	struct live_result *r = x->result;
	struct live_point *p;

	if (r->npoints == LIVE_POINTS)
		return;
	p = &r->points[r->npoints++];
	p->allocated_milli = x->allocated_milli;
	p->waiting = x->waiting;
	p->fragment_milli = fragment_sum(&x->typical, x->l->trace->nnodes, x->placer.nodes,
					 &x->l->trace->kinds);
	if (x->next_point_s > x->first_s + r->arrive_s)
		return;
	x->frag_sum += p->fragment_milli;
	x->frag_idle += (double)(r->capacity_milli - x->allocated_milli);
}

static void advance(struct run *x, uint64_t to_s)
{
	uint64_t last = x->first_s + x->result->arrive_s;
	uint64_t busy = to_s < last ? to_s : last;

	while (x->next_point_s < to_s && x->result->npoints < LIVE_POINTS) {
		note_point(x);
		x->next_point_s += x->result->step_s;
	}
	x->device_seconds += (double)x->allocated_milli * (double)(to_s - x->now_s);
	x->cpu_seconds += (double)x->cpu_milli * (double)(to_s - x->now_s);
	if (busy > x->now_s)
		x->busy_seconds += (double)x->allocated_milli * (double)(busy - x->now_s);
	x->now_s = to_s;
}

/* ---- starting ---- */

static void log_start(const struct run *x, uint32_t arrival, const struct node_choice *c)
{
	const struct trace_task *t = task_of(x, arrival);
	FILE *f = x->l->log;
	const char *plus = "";

	if (!f)
		return;
	if (!c) {
		fprintf(f, "%s,%llu,-,-,-,-\n", t->name, (unsigned long long)come_s(x, t));
		return;
	}
	fprintf(f, "%s,%llu,%llu,%llu,%s,", t->name, (unsigned long long)come_s(x, t),
		(unsigned long long)x->now_s, (unsigned long long)(x->now_s + t->run_s),
		x->l->trace->node_names[c->node]);
	for (uint32_t i = 0; i < NODE_ACCELS_MAX; i++)
		if (c->devices >> i & 1) {
			fprintf(f, "%s%u", plus, i);
			plus = "+";
		}
	putc('\n', f);
}

/* 0, or 1: no room now. */
static int start(struct run *x, uint32_t arrival)
{
	const struct trace_task *t = task_of(x, arrival);
	uint64_t begin = x->l->clock_ns ? x->l->clock_ns() : 0, wait_s;
	struct node_choice c;
	int no = placer_find(&x->placer, &t->ask, &c);

	if (!no)
		placer_take(&x->placer, &t->ask, &c);
	x->result->time_ns += x->l->clock_ns ? x->l->clock_ns() - begin : 0;
	x->result->decisions++;
	if (no)
		return 1;
	x->at[arrival] = c;
	wait_s = x->now_s - come_s(x, t);
	x->waits[x->result->started++] = wait_s < UINT32_MAX ? (uint32_t)wait_s : UINT32_MAX;
	x->allocated_milli += milli_of(t);
	x->cpu_milli += t->ask.cpu_milli;
	if (x->allocated_milli > x->result->peak_milli)
		x->result->peak_milli = x->allocated_milli;
	ends_push(x, (struct end){ x->now_s + t->run_s, arrival });
	bill_add(x->l->bill, t, c.node, (int64_t)x->now_s * 1000, (int64_t)t->run_s * 1000,
		 &x->result->bill);
	log_start(x, arrival, &c);
	return 0;
}

static void stop(struct run *x, uint32_t arrival)
{
	const struct trace_task *t = task_of(x, arrival);

	placer_give(&x->placer, &t->ask, &x->at[arrival]);
	x->allocated_milli -= milli_of(t);
	x->cpu_milli -= t->ask.cpu_milli;
	if (x->nfreed < FREED_MAX)
		x->freed[x->nfreed] = x->at[arrival].node;
	x->nfreed++;
}

/* ---- waiting ---- */

static bool fits(const struct node *n, const struct node_kinds *kinds, const struct node_ask *ask)
{
	struct node_state s;

	node_state_of(n, kinds, &s);
	return !n->down && node_state_fits(&s, ask);
}

static struct line *line_of(struct run *x, const struct node_ask *ask)
{
	const struct trace *t = x->l->trace;
	struct line *line = NULL;

	HASH_FIND(hh, x->lines, ask, sizeof(*ask), line);
	if (line)
		return line;
	line = mem_alloc(sizeof(*line));
	line->ask = *ask;
	line->never = true;
	for (uint32_t i = 0; i < t->nnodes && line->never; i++)
		line->never = !fits(&t->nodes[i], &t->kinds, ask);
	HASH_ADD(hh, x->lines, ask, sizeof(line->ask), line);
	return line;
}

/* To its place in the queue, which is ordered by the heads. */
static void line_insert(struct run *x, struct line *line, struct line *from)
{
	while (from && from->head < line->head)
		from = from->behind;
	if (from)
		DL_PREPEND_ELEM2(x->queue, from, line, before, behind);
	else
		DL_APPEND2(x->queue, line, before, behind);
}

static void line_add(struct run *x, struct line *line, uint32_t arrival)
{
	x->after[arrival] = UINT32_MAX;
	if (line->n++) {
		x->after[line->tail] = arrival;
		line->tail = arrival;
	} else {
		line->head = line->tail = arrival;
		DL_APPEND2(x->queue, line, before, behind);
	}
	x->result->waited++;
	if (++x->waiting > x->result->peak_waiting)
		x->result->peak_waiting = x->waiting;
}

/* The first of the line has started.  Returns the line to ask next. */
static struct line *line_shift(struct run *x, struct line *line)
{
	struct line *behind = line->behind;

	x->waiting--;
	DL_DELETE2(x->queue, line, before, behind);
	line->head = x->after[line->head];
	if (!--line->n)
		return behind;
	line_insert(x, line, behind);
	return behind && behind->head < line->head ? behind : line;
}

/* What did not fit before can only fit on a node that gave room back. */
static bool may_fit(const struct run *x, const struct node_ask *ask)
{
	if (x->nfreed > FREED_MAX)
		return true;
	for (uint32_t i = 0; i < x->nfreed; i++)
		if (fits(&x->placer.nodes[x->freed[i]], &x->l->trace->kinds, ask))
			return true;
	return false;
}

static void room_came(struct run *x)
{
	uint32_t looked = 0;
	struct line *line = x->queue;

	while (line && looked < LIVE_LOOK_MAX) {
		if (may_fit(x, &line->ask) && !start(x, line->head)) {
			line = line_shift(x, line);
		} else {
			line = line->behind;
			looked++;
		}
	}
	x->nfreed = line ? FREED_MAX + 1 : 0;   /* not all were asked: next time whoever may fit */
}

static void come(struct run *x, uint32_t arrival)
{
	const struct trace_task *t = task_of(x, arrival);
	struct line *line = line_of(x, &t->ask);

	placer_saw(&x->placer, &t->ask);
	x->result->arrived++;
	if (line->never) {
		x->result->refused++;
		log_start(x, arrival, NULL);
	} else if (line->n || start(x, arrival)) {
		line_add(x, line, arrival);
	}
}

/* ---- all of it ---- */

static int by_time(const void *a, const void *b, void *arg)
{
	const struct trace *t = arg;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;

	if (t->tasks[i].submit_s != t->tasks[j].submit_s)
		return t->tasks[i].submit_s < t->tasks[j].submit_s ? -1 : 1;
	return i < j ? -1 : i > j;      /* tasks are sorted by name */
}

static void run_init(struct run *x)
{
	const struct trace *t = x->l->trace;
	struct live_result *r = x->result;

	assert(t->timed && t->ntasks && x->l->faster);
	placer_init(&x->placer, t, x->l->baseline, x->l->learn, x->l->seed);
	x->n = t->ntasks;
	x->order = mem_array(x->n, sizeof(*x->order));
	x->after = mem_array(x->n, sizeof(*x->after));
	x->at = mem_array(x->n, sizeof(*x->at));
	x->ends = mem_array(x->n, sizeof(*x->ends));
	x->waits = mem_array(x->n, sizeof(*x->waits));
	for (uint32_t i = 0; i < x->n; i++)
		x->order[i] = i;
	qsort_r(x->order, x->n, sizeof(*x->order), by_time, (void *)t);
	x->first_s = x->now_s = x->next_point_s = task_of(x, 0)->submit_s;
	r->arrive_s = come_s(x, task_of(x, x->n - 1)) - x->first_s;
	r->step_s = r->arrive_s / (LIVE_POINTS * 3 / 4) + 1;
	r->capacity_milli = t->capacity_milli;
	for (uint32_t i = 0; i < t->nnodes; i++)
		r->cpu_milli += t->nodes[i].cpu_milli;
}

/* The shapes that fragments are measured by are those of the list, for every policy. */
static void run_typical(struct run *x)
{
	struct node_mix *mix = mem_alloc(sizeof(*mix));

	trace_mix(x->l->trace, mix);
	fragment_learn(mix, &x->typical);
	free(mix);
}

static void run_done(struct run *x)
{
	struct line *line, *tmp;

	HASH_ITER(hh, x->lines, line, tmp) {
		HASH_DEL(x->lines, line);
		free(line);
	}
	placer_done(&x->placer);
	free(x->order);
	free(x->after);
	free(x->at);
	free(x->ends);
	free(x->waits);
}

static void run_all(struct run *x)
{
	uint32_t i = 0;

	while (i < x->n || x->nends) {
		uint64_t next = i < x->n ? come_s(x, task_of(x, i)) : UINT64_MAX;

		if (x->nends && x->ends[0].at_s < next)
			next = x->ends[0].at_s;
		advance(x, next);
		/* What takes no time ends in its second, and those who wait are asked again. */
		while (x->nends && x->ends[0].at_s == next) {
			while (x->nends && x->ends[0].at_s == next)
				stop(x, ends_pop(x).task);
			room_came(x);
		}
		for (; i < x->n && come_s(x, task_of(x, i)) == next; i++) {
			if (x->l->progress && i % 1024 == 0)
				x->l->progress(x->l->progress_arg, i, x->n);
			come(x, i);
		}
	}
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double percent(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : 0;
}

static void sum_up(struct run *x)
{
	struct live_result *r = x->result;
	double sum = 0;

	r->span_s = x->now_s - x->first_s;
	qsort(x->waits, r->started, sizeof(*x->waits), by_number);
	for (uint64_t i = 0; i < r->started; i++)
		sum += x->waits[i];
	if (r->started) {
		r->mean_wait_s = sum / (double)r->started;
		r->p50_wait_s = x->waits[(r->started - 1) / 2];
		r->p95_wait_s = x->waits[(r->started - 1) * 95 / 100];
		r->max_wait_s = x->waits[r->started - 1];
	}
	r->device_percent = percent(x->device_seconds, (double)r->capacity_milli *
							       (double)r->span_s);
	r->busy_device_percent = percent(x->busy_seconds, (double)r->capacity_milli *
								  (double)r->arrive_s);
	r->cpu_percent = percent(x->cpu_seconds, (double)r->cpu_milli * (double)r->span_s);
	r->fragment_percent = percent(x->frag_sum, x->frag_idle);
}

int live_run(const struct live *l, struct live_result *ret, struct err *err)
{
	struct run *x = mem_alloc(sizeof(*x));
	bool bad = false;

	memset(ret, 0, sizeof(*ret));
	x->l = l;
	x->result = ret;
	run_init(x);
	run_typical(x);
	if (l->log)
		fputs("task,submit_s,start_s,end_s,node,devices\n", l->log);
	run_all(x);
	assert(!x->waiting && ret->started + ret->refused == ret->arrived);
	sum_up(x);
	if (l->log)
		bad = fflush(l->log) || ferror(l->log);
	run_done(x);
	free(x);
	return bad ? err_set(err, -EIO, "could not write the decision log") : 0;
}
