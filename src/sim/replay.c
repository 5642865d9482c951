/* replay.c - let tasks arrive at empty nodes, one by one, and see what fits */

#include "sim/replay.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct run {
	const struct replay *r;
	struct replay_result *result;
	struct placer placer;
	uint32_t *times;
	uint64_t asked_milli;
};

/* 0: placed, and the node shows it; 1: refused. */
static int decide(struct run *x, const struct node_ask *ask, struct node_choice *ret)
{
	placer_saw(&x->placer, ask);
	if (placer_find(&x->placer, ask, ret))
		return 1;
	placer_take(&x->placer, ask, ret);
	return 0;
}

static void log_decision(const struct run *x, uint32_t arrival, const struct trace_task *task,
			 const struct node_choice *c)
{
	FILE *f = x->r->log;
	const char *plus = "";

	if (!f)
		return;
	if (!c) {
		fprintf(f, "%u,%s,-,-\n", arrival, task->name);
		return;
	}
	fprintf(f, "%u,%s,%s,", arrival, task->name, x->r->trace->node_names[c->node]);
	for (uint32_t i = 0; i < NODE_ACCELS_MAX; i++)
		if (c->devices >> i & 1) {
			fprintf(f, "%s%u", plus, i);
			plus = "+";
		}
	putc('\n', f);
}

static void note_time(struct run *x, uint64_t ns)
{
	uint64_t step = ns / 100;

	x->result->time_ns += ns;
	if (ns > x->result->max_ns)
		x->result->max_ns = ns;
	x->times[step < REPLAY_TIMES ? step : REPLAY_TIMES]++;
}

/* What was allocated when the arrivals passed each whole percent. */
static void note_curve(struct run *x, uint64_t asked_milli)
{
	uint64_t cap = x->result->capacity_milli;
	uint64_t from, to;

	if (!cap)
		return;
	from = x->asked_milli * 100 / cap;
	x->asked_milli += asked_milli;
	to = x->asked_milli * 100 / cap;
	for (uint64_t i = from + 1; i <= to && i <= REPLAY_PERCENT_MAX; i++)
		x->result->at_milli[i] = x->result->allocated_milli;
}

static void arrive(struct run *x, uint32_t arrival, const struct trace_task *task)
{
	struct node_choice c = { .node = NODE_NONE };
	uint64_t begin = x->r->clock_ns ? x->r->clock_ns() : 0;
	uint64_t milli = (uint64_t)task->devices * task->ask.share_milli;
	int no = decide(x, &task->ask, &c);

	if (x->r->clock_ns)
		note_time(x, x->r->clock_ns() - begin);
	x->result->arrived++;
	if (no) {
		x->result->refused++;
	} else {
		x->result->placed++;
		x->result->allocated_milli += milli;
		if (x->r->bill)
			bill_add(x->r->bill, task, c.node, 0, 3600 * 1000, &x->result->hour);
	}
	note_curve(x, milli);
	log_decision(x, arrival, task, no ? NULL : &c);
}

static uint64_t percentile(const struct run *x, uint32_t per_mille)
{
	uint64_t at = x->result->arrived * per_mille / 1000, n = 0;

	for (uint32_t i = 0; i <= REPLAY_TIMES; i++) {
		n += x->times[i];
		if (n > at)
			return (uint64_t)(i + 1) * 100;
	}
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Half of the tasks with devices ask for less cpu, half for as much or more. */
static uint32_t middle_cpu(const struct trace *t)
{
	uint32_t *cpu = mem_array(t->ntasks + 1, sizeof(*cpu)), n = 0, middle;

	for (uint32_t i = 0; i < t->ntasks; i++)
		if (t->tasks[i].devices)
			cpu[n++] = t->tasks[i].ask.cpu_milli;
	qsort(cpu, n, sizeof(*cpu), by_number);
	middle = cpu[n / 2];
	free(cpu);
	return n ? middle : 0;
}

static void sum_up(struct run *x)
{
	uint32_t enough = middle_cpu(x->r->trace);

	for (uint32_t i = 0; i < x->r->trace->nnodes; i++) {
		const struct node *n = &x->placer.nodes[i];

		x->result->idle_cpu_milli += n->cpu_free_milli;
		for (uint32_t j = 0; j < n->naccels; j++) {
			uint32_t milli = n->accel_free_milli[j];

			x->result->idle_milli += milli;
			x->result->partly_milli += milli < DEVICE_MILLI ? milli : 0;
			if (milli == DEVICE_MILLI && n->cpu_free_milli < enough)
				x->result->starved_milli += milli;
		}
	}
	if (x->r->clock_ns) {
		x->result->p50_ns = percentile(x, 500);
		x->result->p99_ns = percentile(x, 990);
	}
	x->result->fragment_milli = trace_fragment(x->r->trace, x->placer.nodes);
	if (x->placer.ours)
		node_placer_size(x->placer.ours, &x->result->index);
}

int replay_run(const struct replay *r, struct replay_result *ret, struct err *err)
{
	struct run x = { .r = r, .result = ret };
	uint32_t *arrivals, n;
	bool bad = false;

	memset(ret, 0, sizeof(*ret));
	ret->capacity_milli = r->trace->capacity_milli;
	n = trace_arrivals(r->trace, r->seed, r->percent, &arrivals);
	placer_init(&x.placer, r->trace, r->baseline, r->learn, r->seed);
	x.times = mem_array(REPLAY_TIMES + 1, sizeof(*x.times));
	if (r->log)
		fputs("arrival,task,node,devices\n", r->log);
	for (uint32_t i = 0; i < n; i++) {
		if (r->progress && i % 1024 == 0)
			r->progress(r->progress_arg, i, n);
		arrive(&x, i, &r->trace->tasks[arrivals[i]]);
	}
	sum_up(&x);
	if (r->log)
		bad = fflush(r->log) || ferror(r->log);
	placer_done(&x.placer);
	free(x.times);
	free(arrivals);
	return bad ? err_set(err, -EIO, "could not write the decision log") : 0;
}
