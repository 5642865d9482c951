/* test_placer.c - few nodes, many nodes, several nodes: one policy */

#include "base/mem.h"
#include "base/rng.h"
#include "select/select.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NODES = 96, SHAPES = 12, MODELS = 3 };

struct yard {
	struct rng dice;
	struct node nodes[NODES];
	struct node_kinds kinds;
	struct node_mix mix;
	struct node_ask shapes[SHAPES];
	struct node_placer *placer;
};

static uint32_t roll(struct yard *y, uint32_t n)
{
	return (uint32_t)rng_below(&y->dice, n);
}

static void make_node(struct yard *y, struct node *n)
{
	*n = (struct node){ .cpu_milli = 32000, .memory_mb = 65536, .model = ACCEL_NONE };
	if (roll(y, 4)) {
		n->model = (uint16_t)roll(y, MODELS);
		n->naccels = (uint8_t)(1 + roll(y, 4));
	}
	n->cpu_free_milli = 1000 * (1 + roll(y, 32));
	n->memory_free_mb = 1024 * (1 + roll(y, 64));
	for (unsigned i = 0; i < n->naccels; i++)
		n->accel_free_milli[i] = (uint16_t)(roll(y, 2) ? 1000 : 100 * roll(y, 11));
	n->down = roll(y, 12) == 0;
}

static void make_shape(struct yard *y, struct node_ask *a)
{
	uint8_t devices = (uint8_t)(1 + roll(y, 2));

	memset(a, 0, sizeof(*a));
	a->cpu_milli = 1000 * (1 + roll(y, 8));
	a->memory_mb = 1024 * (1 + roll(y, 16));
	if (!roll(y, 4))
		return;
	a->share_milli = devices > 1 ? 1000 : 100 * (1 + roll(y, 10));
	for (unsigned k = 0; k < y->kinds.n; k++)
		a->devices[k] = roll(y, 3) ? devices : 0;
}

static int setup(void **state)
{
	struct yard *y = mem_alloc(sizeof(*y));

	y->dice.s = 4;
	for (unsigned i = 0; i < NODES; i++)
		make_node(y, &y->nodes[i]);
	assert_int_equal(node_kinds_of(NODES, y->nodes, &y->kinds), 0);
	for (unsigned i = 0; i < SHAPES; i++) {
		make_shape(y, &y->shapes[i]);
		for (unsigned n = roll(y, 20); n; n--)
			node_mix_add(&y->mix, &y->shapes[i]);
	}
	y->placer = node_placer_new(NODES, y->nodes);
	node_placer_learn(y->placer, &y->mix, 1);
	*state = y;
	return 0;
}

static int teardown(void **state)
{
	struct yard *y = *state;

	node_placer_free(y->placer);
	free(y);
	return 0;
}

static unsigned that_fit(const struct yard *y, const struct node_ask *a)
{
	unsigned n = 0;

	for (unsigned i = 0; i < NODES; i++)
		n += node_rank(&y->nodes[i], &y->kinds, NULL, a) != NODE_RANK_NEVER;
	return n;
}

/* The nodes of a gang are those with the n least ranks; a node left out is no better. */
static void a_gang_gets_the_best_nodes_in_their_order(void **state)
{
	struct yard *y = *state;
	struct node_value *value = node_value_new(&y->kinds, &y->mix);
	struct node_choice c[8];
	unsigned found = 0;

	for (unsigned i = 0; i < SHAPES; i++) {
		const struct node_ask *a = &y->shapes[i];
		uint64_t worst = 0;
		bool in[NODES] = { false };

		if (that_fit(y, a) < 8) {
			assert_int_equal(node_placer_find(y->placer, a, 8, c), 1);
			continue;
		}
		assert_int_equal(node_placer_find(y->placer, a, 8, c), 0);
		for (unsigned k = 0; k < 8; k++) {
			uint64_t rank = node_rank(&y->nodes[c[k].node], &y->kinds, value, a);

			assert_true(rank != NODE_RANK_NEVER);
			assert_true(!k || c[k].node > c[k - 1].node);
			worst = rank > worst ? rank : worst;
			in[c[k].node] = true;
		}
		for (unsigned k = 0; k < NODES; k++)
			assert_true(in[k] || node_rank(&y->nodes[k], &y->kinds, value, a) >= worst);
		found++;
	}
	assert_true(found > SHAPES / 3);
	node_value_free(value);
}

/* Without an index the same: the first nodes only, so few that they are scanned. */
static void few_nodes_are_judged_as_many_are(void **state)
{
	struct yard *y = *state;
	struct node_placer *many, *few;
	struct node_choice a[3], b[3];
	unsigned found = 0;

	for (unsigned i = NODE_PLACER_INDEX_MIN - 1; i < NODES; i++)
		y->nodes[i].down = true;
	many = node_placer_new(NODES, y->nodes);
	few = node_placer_new(NODE_PLACER_INDEX_MIN - 1, y->nodes);
	assert_memory_equal(node_placer_kinds(many)->model, node_placer_kinds(few)->model,
			    MODELS * sizeof(uint16_t));
	for (unsigned i = 0; i < SHAPES; i++)
		for (unsigned n = 1; n <= 3; n += 2) {
			int none = node_placer_find(many, &y->shapes[i], n, a);

			assert_int_equal(node_placer_find(few, &y->shapes[i], n, b), none);
			assert_int_equal(node_placer_room(few, &y->shapes[i]),
					 that_fit(y, &y->shapes[i]) > 0);
			assert_int_equal(node_placer_room(many, &y->shapes[i]),
					 node_placer_room(few, &y->shapes[i]));
			for (unsigned k = 0; !none && k < n; k++) {
				assert_int_equal(a[k].node, b[k].node);
				assert_int_equal(a[k].devices, b[k].devices);
				found++;
			}
		}
	assert_true(found > SHAPES);
	node_placer_free(many);
	node_placer_free(few);
}

static void nodes_that_changed_without_a_word_are_seen_with_the_next_generation(void **state)
{
	struct yard *y = *state;
	struct node_ask a = { .cpu_milli = 1000, .memory_mb = 1024 };
	struct node_choice c;

	assert_int_equal(node_placer_find(y->placer, &a, 1, &c), 0);
	for (unsigned i = 0; i < NODES; i++)
		y->nodes[i].down = i != 77;
	y->nodes[77] = (struct node){ .cpu_milli = 2000, .cpu_free_milli = 2000,
				      .memory_mb = 2048, .memory_free_mb = 2048,
				      .model = ACCEL_NONE };
	node_placer_follow(y->placer, 1, NODES, y->nodes);
	assert_int_equal(node_placer_find(y->placer, &a, 1, &c), 0);
	assert_int_equal(c.node, 77);
	y->nodes[77].cpu_free_milli = 500;      /* neither told nor of another generation */
	node_placer_forget(y->placer);
	assert_int_equal(node_placer_find(y->placer, &a, 1, &c), 1);
	y->nodes[77].cpu_free_milli = 2000;
	y->nodes[77].down = true;
	node_placer_touch(y->placer, 77);
	assert_int_equal(node_placer_find(y->placer, &a, 1, &c), 1);
	assert_false(node_placer_room(y->placer, &a));
}

static void a_pool_of_too_many_models_still_takes_tasks(void **state)
{
	struct yard *y = *state;
	struct accel_model models[NODE_KINDS_MAX + 1];
	struct catalogue c = { .n = NODE_KINDS_MAX + 1, .models = models };
	struct task_spec spec = { .nodes = 1, .cpu_milli = 1000, .memory_mb = 1024,
				  .accel = { .count = 1, .share_milli = 400, .nmodels = 1,
					     .models = { NODE_KINDS_MAX } } };
	struct arena arena;
	struct placement place;

	arena_init(&arena);
	memset(models, 0, sizeof(models));
	for (unsigned i = 0; i <= NODE_KINDS_MAX; i++) {
		make_node(y, &y->nodes[i]);
		y->nodes[i].model = (uint16_t)i;
		y->nodes[i].naccels = 2;
		y->nodes[i].accel_free_milli[0] = 300;
		y->nodes[i].accel_free_milli[1] = 500;
		y->nodes[i].down = false;
	}
	assert_int_equal(place_find(&spec, &c, NODE_KINDS_MAX + 1, y->nodes, &arena, &place), 0);
	assert_int_equal(place.nodes[0].node, NODE_KINDS_MAX);
	assert_int_equal(place.nodes[0].accels, 2);
	y->nodes[NODE_KINDS_MAX].down = true;
	assert_int_equal(place_find(&spec, &c, NODE_KINDS_MAX + 1, y->nodes, &arena, &place), 1);
	arena_done(&arena);
}

static void a_lesson_comes_after_64_tasks_and_then_twice_as_many(void **state)
{
	assert_int_equal(node_mix_next(0), 64);
	assert_int_equal(node_mix_next(63), 64);
	assert_int_equal(node_mix_next(64), 128);
	assert_int_equal(node_mix_next(1000), 1024);
	assert_int_equal(node_mix_next(32768), 65536);
	assert_int_equal(node_mix_next(40000), 65536);
}

static void what_is_old_fades(void **state)
{
	struct demand *d = demand_new();
	struct demand_table *t = mem_alloc(sizeof(*t));
	struct task_spec old = { .cpu_milli = 1000, .array_n = 60000, .nodes = 1 };
	struct task_spec young = { .cpu_milli = 2000, .array_n = 10000, .nodes = 1 };

	demand_add(d, &old);
	demand_lesson(d, t);
	assert_int_equal(t->total, 60000);
	demand_add(d, &young);
	assert_true(demand_due(d));
	demand_lesson(d, t);
	assert_int_equal(t->total, 35000);
	assert_int_equal(t->shapes[0].count, 30000);
	demand_teach(d, t);
	assert_false(demand_due(d));
	assert_int_equal(d->next, 65536);
	demand_add(d, &young);
	demand_add(d, &young);
	demand_add(d, &young);
	demand_add(d, &young);
	assert_true(demand_due(d));
	demand_lesson(d, t);
	assert_true(t->shapes[1].count > t->shapes[0].count);
	demand_free(d);
	free(t);
}

/* The shape that is asked for most survives any number of others. */
static void a_usual_shape_is_never_crowded_out(void **state)
{
	struct demand *d = demand_new();
	struct task_spec usual = { .cpu_milli = 1000, .array_n = 1, .nodes = 1 };
	bool found = false;

	for (uint32_t i = 0; i < 4000; i++) {
		struct task_spec rare = { .cpu_milli = 5000 + i, .array_n = 1, .nodes = 1 };

		demand_add(d, &rare);
		demand_add(d, &usual);
	}
	assert_int_equal(d->now.n, NODE_MIX_MAX);
	assert_int_equal(d->now.total, 8000);
	for (uint32_t i = 0; i < d->now.n; i++)
		found |= d->now.shapes[i].cpu_milli == 1000 && d->now.shapes[i].count >= 4000;
	assert_true(found);
	demand_free(d);
}

static void a_pool_does_not_learn_from_tasks_it_cannot_serve(void **state)
{
	struct accel_model models[2] = { { .name = "a" }, { .name = "b" } };
	struct catalogue c = { .n = 2, .models = models };
	struct node_kinds kinds = { .n = 1, .model = { 1 }, .devices = { 4 } };
	struct task_spec here = { .cpu_milli = 1000, .array_n = 3, .nodes = 1,
				  .accel = { .count = 1, .share_milli = 1000, .nmodels = 1,
					     .models = { 1 } } };
	struct task_spec elsewhere = here, plain = { .cpu_milli = 1, .array_n = 2, .nodes = 1 };
	struct demand *d = demand_new();
	struct demand_table *t = mem_alloc(sizeof(*t));
	struct node_mix mix;

	elsewhere.accel.models[0] = 0;
	demand_add(d, &here);
	demand_add(d, &elsewhere);
	demand_add(d, &plain);
	demand_lesson(d, t);
	demand_teach(d, t);
	demand_mix(d, &c, &kinds, &mix);
	assert_int_equal(mix.n, 2);
	assert_int_equal(mix.total, 5);
	assert_int_equal(mix.shapes[0].ask.devices[0], 1);
	assert_int_equal(mix.shapes[1].ask.share_milli, 0);
	demand_free(d);
	free(t);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_gang_gets_the_best_nodes_in_their_order),
		T(few_nodes_are_judged_as_many_are),
		T(nodes_that_changed_without_a_word_are_seen_with_the_next_generation),
		T(a_pool_of_too_many_models_still_takes_tasks),
		cmocka_unit_test(a_lesson_comes_after_64_tasks_and_then_twice_as_many),
		cmocka_unit_test(what_is_old_fades),
		cmocka_unit_test(a_usual_shape_is_never_crowded_out),
		cmocka_unit_test(a_pool_does_not_learn_from_tasks_it_cannot_serve),
	};

	return cmocka_run_group_tests_name("placer", tests, NULL, NULL);
}
