/* test_live.c - tasks that leave again: who waits, who may go first, what it costs */

#include "sim/live.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NODES = 6, TASKS = 400 };

static struct trace t;
static struct bill bill;
static struct live_result res;
static struct err err;
static struct catalogue none;

static void add_node(uint32_t cpu_milli, uint32_t gpus)
{
	struct node *n = &t.nodes[t.nnodes];

	*n = (struct node){ .cpu_milli = cpu_milli, .cpu_free_milli = cpu_milli, .memory_mb = 4096,
			    .memory_free_mb = 4096, .naccels = (uint8_t)gpus,
			    .model = gpus ? 0 : ACCEL_NONE };
	for (uint32_t i = 0; i < gpus; i++)
		n->accel_free_milli[i] = DEVICE_MILLI;
	t.node_names[t.nnodes] = arena_printf(&t.arena, "%u", t.nnodes);
	t.nnodes++;
	t.capacity_milli += gpus * DEVICE_MILLI;
}

static void add_task(uint32_t cpu_milli, uint32_t gpus, uint32_t milli, uint32_t at_s, uint32_t run_s)
{
	struct trace_task *x = &t.tasks[t.ntasks];

	memset(x, 0, sizeof(*x));
	x->name = arena_printf(&t.arena, "%u", t.ntasks++);
	x->devices = gpus;
	x->ask.cpu_milli = cpu_milli;
	x->ask.memory_mb = 16;
	x->ask.share_milli = gpus ? milli : 0;
	x->ask.devices[0] = (uint8_t)gpus;
	x->submit_s = at_s;
	x->run_s = run_s;
}

static int begin(void **state)
{
	memset(&t, 0, sizeof(t));
	arena_init(&t.arena);
	t.nodes = calloc(NODES, sizeof(*t.nodes));
	t.node_names = calloc(NODES, sizeof(*t.node_names));
	t.tasks = calloc(TASKS, sizeof(*t.tasks));
	t.models[0] = "X1";
	t.tdp_w[0] = 300;
	t.timed = true;
	return 0;
}

static int end(void **state)
{
	trace_done(&t);
	return 0;
}

static void run(enum baseline_kind kind, uint32_t faster, FILE *log)
{
	struct live l = { .trace = &t, .baseline = kind, .seed = 3, .faster = faster, .bill = &bill,
			  .log = log };

	assert_int_equal(node_kinds_of(t.nnodes, t.nodes, &t.kinds), 0);
	bill_init(&bill, &t, &none);
	bill.site.cpu_hour_micro = 100000;
	bill.site.accel_hour_micro = 8000000;
	assert_int_equal(live_run(&l, &res, &err), 0);
}

static void a_task_waits_until_another_leaves(void **state)
{
	add_node(8000, 1);
	add_task(1000, 1, 1000, 0, 100);
	add_task(1000, 1, 1000, 10, 50);
	run(BASELINE_NONE, 1, NULL);
	assert_int_equal(res.started, 2);
	assert_int_equal(res.waited, 1);
	assert_int_equal(res.max_wait_s, 90);
	assert_int_equal(res.span_s, 150);
	assert_true(res.mean_wait_s == 45);
	assert_true(res.device_percent == 100);
}

static void what_no_empty_node_could_hold_is_refused_and_the_rest_goes_on(void **state)
{
	add_node(8000, 1);
	add_task(9000, 0, 0, 0, 10);
	add_task(1000, 2, 1000, 0, 10);
	add_task(1000, 0, 0, 1, 10);
	run(BASELINE_NONE, 1, NULL);
	assert_int_equal(res.refused, 2);
	assert_int_equal(res.started, 1);
	assert_int_equal(res.waited, 0);
}

static void a_small_task_may_overtake_a_large_one(void **state)
{
	add_node(8000, 0);
	add_task(6000, 0, 0, 0, 100);
	add_task(8000, 0, 0, 1, 10);
	add_task(2000, 0, 0, 2, 10);
	run(BASELINE_NONE, 1, NULL);
	assert_int_equal(res.waited, 1);
	assert_int_equal(res.max_wait_s, 99);
}

static void equal_tasks_start_in_the_order_they_came(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *log = open_memstream(&text, &size);

	add_node(1000, 0);
	for (uint32_t i = 0; i < 4; i++)
		add_task(1000, 0, 0, i, 10);
	run(BASELINE_NONE, 1, log);
	fclose(log);
	assert_string_equal(text, "task,submit_s,start_s,end_s,node,devices\n"
				  "0,0,0,10,0,\n1,1,10,20,0,\n2,2,20,30,0,\n3,3,30,40,0,\n");
	free(text);
}

static void arrivals_can_be_hurried_and_runs_are_not(void **state)
{
	add_node(1000, 0);
	add_task(1000, 0, 0, 1000, 60);
	add_task(1000, 0, 0, 1600, 60);
	run(BASELINE_NONE, 100, NULL);
	assert_int_equal(res.arrive_s, 6);
	assert_int_equal(res.span_s, 120);
	assert_int_equal(res.max_wait_s, 54);
}

static void the_bill_is_that_of_the_meter(void **state)
{
	add_node(8000, 2);
	add_task(4000, 1, 500, 0, 3600);
	run(BASELINE_NONE, 1, NULL);
	/* 4 cpus at 0.1 and half a device at 8 yuan, for an hour */
	assert_int_equal(res.bill.cost_micro, 4400000);
	/* (4 * 7 W + 0.5 * 300 W) * 1.5 * 3600 s */
	assert_int_equal(res.bill.energy_j, 961200);
	/* 0.267 kWh at 580 g */
	assert_int_equal(res.bill.carbon_mg, 154860);
}

static void a_device_of_unknown_power_is_counted(void **state)
{
	t.tdp_w[0] = 0;
	add_node(8000, 1);
	add_task(1000, 1, 1000, 0, 1);
	run(BASELINE_NONE, 1, NULL);
	assert_int_equal(bill.assumed, 1);
	assert_true(res.bill.energy_j > 0);
}

static void runs_of_no_length_leave_at_once(void **state)
{
	add_node(1000, 0);
	for (uint32_t i = 0; i < 5; i++)
		add_task(1000, 0, 0, 7, 0);
	run(BASELINE_NONE, 1, NULL);
	assert_int_equal(res.started, 5);
	assert_int_equal(res.max_wait_s, 0);
}

/* ---- any list: nothing is overfilled, nobody waits who would fit ---- */

struct start {
	uint32_t task, come, at, end, node;
	unsigned devices;
};

static uint32_t read_log(const char *text, struct start *out)
{
	uint32_t n = 0;

	for (const char *line = strchr(text, '\n') + 1; *line; line = strchr(line, '\n') + 1) {
		struct start *s = &out[n];
		char *p;

		if (sscanf(line, "%u,%u,%u,%u,%u,", &s->task, &s->come, &s->at, &s->end,
			   &s->node) != 5)
			continue;       /* refused */
		n++;
		s->devices = 0;
		p = strrchr(line, '\0');
		for (p = (char *)line; *p != '\n'; p++)
			;
		while (p[-1] != ',') {
			s->devices |= 1u << strtoul(p - 1, NULL, 10);
			p -= p[-2] == '+' ? 2 : 1;
		}
	}
	return n;
}

/* The nodes as they are at the end of a second. */
static void nodes_at(const struct start *s, uint32_t n, uint32_t sec, struct node *out)
{
	memcpy(out, t.nodes, NODES * sizeof(*out));
	for (uint32_t i = 0; i < n; i++) {
		const struct node_ask *a = &t.tasks[s[i].task].ask;
		struct node *to = &out[s[i].node];

		if (s[i].at > sec || s[i].end <= sec)
			continue;
		assert_true(to->cpu_free_milli >= a->cpu_milli);
		to->cpu_free_milli -= a->cpu_milli;
		for (uint32_t d = 0; d < to->naccels; d++)
			if (s[i].devices >> d & 1) {
				assert_true(to->accel_free_milli[d] >= a->share_milli);
				to->accel_free_milli[d] -= (uint16_t)a->share_milli;
			}
	}
}

static bool fits_somewhere(const struct node *nodes, const struct node_ask *a)
{
	struct node_state s;

	for (uint32_t i = 0; i < t.nnodes; i++) {
		node_state_of(&nodes[i], &t.kinds, &s);
		if (node_state_fits(&s, a))
			return true;
	}
	return false;
}

static void check_log(const char *text)
{
	static struct start s[TASKS];
	struct node nodes[NODES];
	uint32_t n = read_log(text, s);

	assert_int_equal(n, res.started);
	for (uint32_t sec = 0; sec < res.span_s; sec++) {
		nodes_at(s, n, sec, nodes);
		for (uint32_t i = 0; i < n; i++)
			if (s[i].come <= sec && s[i].at > sec)
				assert_false(fits_somewhere(nodes, &t.tasks[s[i].task].ask));
	}
}

static void nothing_is_overfilled_and_nobody_waits_who_would_fit(void **state)
{
	const char *given = getenv("SUANLU_SEED");
	struct rng rng = { .s = given ? strtoull(given, NULL, 10) : 7 };

	print_message("# seed %llu\n", (unsigned long long)rng.s);
	for (uint32_t i = 0; i < NODES; i++)
		add_node(4000 + 4000 * (uint32_t)rng_below(&rng, 4), (uint32_t)rng_below(&rng, 4));
	for (uint32_t i = 0; i < TASKS / 2; i++) {
		uint32_t gpus = (uint32_t)rng_below(&rng, 3);

		add_task(500 + 500 * (uint32_t)rng_below(&rng, 6), gpus,
			 gpus == 1 ? 250 * (1 + (uint32_t)rng_below(&rng, 4)) : 1000,
			 (uint32_t)rng_below(&rng, 300), (uint32_t)rng_below(&rng, 40));
	}
	for (int kind = BASELINE_NONE; kind < BASELINE_COUNT; kind++) {
		char *text = NULL;
		size_t size;
		FILE *log = open_memstream(&text, &size);

		run((enum baseline_kind)kind, 1, log);
		fclose(log);
		check_log(text);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
		T(a_task_waits_until_another_leaves),
		T(what_no_empty_node_could_hold_is_refused_and_the_rest_goes_on),
		T(a_small_task_may_overtake_a_large_one),
		T(equal_tasks_start_in_the_order_they_came),
		T(arrivals_can_be_hurried_and_runs_are_not),
		T(the_bill_is_that_of_the_meter),
		T(a_device_of_unknown_power_is_counted),
		T(runs_of_no_length_leave_at_once),
		T(nothing_is_overfilled_and_nobody_waits_who_would_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
