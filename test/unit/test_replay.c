/* test_replay.c - every policy keeps to what fits, and what it does is written down */

#include "sim/replay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct err err;

static void add_node(struct trace *t, uint32_t cpu_milli, uint32_t gpus)
{
	struct node *n = &t->nodes[t->nnodes];

	*n = (struct node){ .cpu_milli = cpu_milli, .cpu_free_milli = cpu_milli,
			    .memory_mb = 4096, .memory_free_mb = 4096, .naccels = (uint8_t)gpus };
	for (uint32_t i = 0; i < gpus; i++)
		n->accel_free_milli[i] = DEVICE_MILLI;
	t->node_names[t->nnodes] = arena_printf(&t->arena, "node-%u", t->nnodes);
	t->nnodes++;
	t->capacity_milli += gpus * DEVICE_MILLI;
}

static void add_task(struct trace *t, uint32_t cpu_milli, uint32_t gpus, uint32_t milli)
{
	struct trace_task *x = &t->tasks[t->ntasks];

	memset(x, 0, sizeof(*x));
	x->name = arena_printf(&t->arena, "task-%u", t->ntasks);
	t->ntasks++;
	x->devices = gpus;
	x->ask.cpu_milli = cpu_milli;
	x->ask.memory_mb = 16;
	x->ask.share_milli = gpus ? milli : 0;
	x->ask.devices[0] = (uint8_t)gpus;
}

static int small_town(void **state)
{
	static struct trace t;

	memset(&t, 0, sizeof(t));
	t.nodes = calloc(8, sizeof(*t.nodes));
	t.node_names = calloc(8, sizeof(*t.node_names));
	t.tasks = calloc(8, sizeof(*t.tasks));
	add_node(&t, 32000, 4);
	add_node(&t, 16000, 4);
	add_node(&t, 64000, 2);
	add_node(&t, 8000, 1);
	assert_int_equal(node_kinds_of(t.nnodes, t.nodes, &t.kinds), 0);
	add_task(&t, 4000, 1, 1000);
	add_task(&t, 2000, 1, 500);
	add_task(&t, 2000, 1, 300);
	add_task(&t, 8000, 2, 1000);
	add_task(&t, 8000, 0, 0);
	*state = &t;
	return 0;
}

static int leave_town(void **state)
{
	trace_done(*state);
	return 0;
}

static void run(struct trace *t, enum baseline_kind kind, FILE *log, struct replay_result *ret)
{
	struct replay r = { .trace = t, .baseline = kind, .seed = 3, .percent = 130, .log = log };

	assert_int_equal(replay_run(&r, ret, &err), 0);
}

static void every_policy_places_what_fits_and_counts_it(void **state)
{
	static struct replay_result a;
	struct trace *t = *state;

	for (int kind = BASELINE_NONE; kind < BASELINE_COUNT; kind++) {
		run(t, (enum baseline_kind)kind, NULL, &a);
		assert_int_equal(a.placed + a.refused, a.arrived);
		assert_int_equal(a.allocated_milli + a.idle_milli, a.capacity_milli);
		assert_true(a.allocated_milli > a.capacity_milli / 2);
		assert_int_equal(a.at_milli[130], a.allocated_milli);
		assert_true(a.at_milli[50] <= a.at_milli[100]);
	}
}

static void the_same_seed_gives_the_same_log(void **state)
{
	static struct replay_result a;
	struct trace *t = *state;

	for (int kind = BASELINE_NONE; kind < BASELINE_COUNT; kind++) {
		char *text[2];
		size_t n[2];

		for (int i = 0; i < 2; i++) {
			FILE *f = open_memstream(&text[i], &n[i]);

			run(t, (enum baseline_kind)kind, f, &a);
			fclose(f);
		}
		assert_string_equal(text[0], text[1]);
		assert_non_null(strstr(text[0], "arrival,task,node,devices\n0,task-"));
		free(text[0]);
		free(text[1]);
	}
}

static void a_refused_task_is_in_the_log_too(void **state)
{
	static struct replay_result a;
	struct trace *t = *state;
	char *text;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	for (uint32_t i = 0; i < t->nnodes; i++)
		t->nodes[i].cpu_free_milli = 0;
	run(t, BASELINE_NONE, f, &a);
	fclose(f);
	assert_int_equal(a.placed, 0);
	assert_int_equal(a.refused, a.arrived);
	assert_non_null(strstr(text, ",-,-\n"));
	free(text);
}

static void a_log_that_cannot_be_written_is_an_error(void **state)
{
	static struct replay_result a;
	struct replay r = { .trace = *state, .seed = 3, .percent = 130 };

	r.log = fopen("/dev/full", "w");
	assert_non_null(r.log);
	assert_true(replay_run(&r, &a, &err) < 0);
	fclose(r.log);
}

static void a_policy_that_begins_without_a_mix_learns_one(void **state)
{
	static struct replay_result a;
	struct replay r = { .trace = *state, .seed = 3, .percent = 400, .learn = true };

	assert_int_equal(trace_tile(*state, 40, &err), 0);
	assert_int_equal(replay_run(&r, &a, &err), 0);
	assert_true(a.allocated_milli * 10 > a.capacity_milli * 8);
}

static void baselines_are_known_by_name(void **state)
{
	for (int i = BASELINE_NONE + 1; i < BASELINE_COUNT; i++)
		assert_int_equal(baseline_find_name(baseline_name((enum baseline_kind)i)), i);
	assert_int_equal(baseline_find_name("none"), BASELINE_NONE);
	assert_int_equal(baseline_find_name("fdg"), BASELINE_NONE);
}

/* One ask on two nodes; which one does the policy take? */
static uint32_t chosen(enum baseline_kind kind, struct trace *t, const struct node_ask *ask)
{
	struct node_choice c = { .node = NODE_NONE };
	struct node_mix *mix = calloc(1, sizeof(*mix));
	struct baseline *b;

	trace_mix(t, mix);
	b = baseline_new(kind, 2, t->nodes, &t->kinds, mix, 1);
	if (kind == BASELINE_CLUSTERING)
		baseline_placed(b, ask, 1);
	assert_int_equal(baseline_find(b, ask, &c), 0);
	baseline_free(b);
	free(mix);
	return c.node;
}

static void each_baseline_follows_its_own_rule(void **state)
{
	struct trace *t = *state;
	struct node_ask half = t->tasks[1].ask;

	assert_int_equal(chosen(BASELINE_BEST_FIT, t, &half), 1);       /* fewer cpus left */
	assert_int_equal(chosen(BASELINE_DOT_PRODUCT, t, &half), 1);
	assert_int_equal(chosen(BASELINE_CLUSTERING, t, &half), 1);     /* its like is there */
	t->nodes[0].accel_free_milli[2] = 500;
	assert_int_equal(chosen(BASELINE_PACKING, t, &half), 0);        /* a device in use */
	t->nodes[1].accel_free_milli[0] = 800;
	assert_int_equal(chosen(BASELINE_FGD, t, &half), 0);            /* leaves no rest */
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, small_town, leave_town)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(every_policy_places_what_fits_and_counts_it),
		CASE(the_same_seed_gives_the_same_log), CASE(a_refused_task_is_in_the_log_too),
		CASE(a_log_that_cannot_be_written_is_an_error),
		CASE(a_policy_that_begins_without_a_mix_learns_one),
		CASE(baselines_are_known_by_name), CASE(each_baseline_follows_its_own_rule),
	};

	return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
