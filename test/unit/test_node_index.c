/* test_node_index.c - the index answers what a scan of all nodes answers */

#include "select/node_index.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { NODES = 60, SHAPES = 40 };

struct yard {
	struct node nodes[NODES];
	struct node_kinds kinds;
	struct node_mix mix;
	struct node_ask shapes[SHAPES];
	struct node_value *value;
	struct node_index *index;
	struct rng rng;
};

static uint32_t any(struct yard *y, uint32_t n)
{
	return (uint32_t)rng_below(&y->rng, n);
}

static struct node_ask any_ask(struct yard *y)
{
	static const uint32_t shares[] = { 0, 110, 320, 470, 810, 1000, 1000, 1000 };
	struct node_ask a;
	uint32_t devices;

	memset(&a, 0, sizeof(a));
	a.cpu_milli = 500 * (1 + any(y, 40));
	a.memory_mb = 1024 * (1 + any(y, 64));
	a.share_milli = shares[any(y, 8)];
	if (!a.share_milli)
		return a;
	devices = a.share_milli == 1000 && !any(y, 4) ? 1u << any(y, 4) : 1;
	for (uint32_t k = 0; k < y->kinds.n; k++)
		a.devices[k] = any(y, 5) ? (uint8_t)devices : 0;
	return a;
}

static void any_node(struct yard *y, struct node *n)
{
	static const uint8_t devices[] = { 0, 1, 2, 8 };
	uint32_t kind = any(y, 4);

	memset(n, 0, sizeof(*n));
	n->cpu_milli = n->cpu_free_milli = 16000 * (1 + kind);
	n->memory_mb = n->memory_free_mb = 65536 * (1 + kind);
	n->naccels = devices[kind];
	n->model = kind ? (uint16_t)(10 + kind) : ACCEL_NONE;
	for (uint32_t i = 0; i < n->naccels; i++)
		n->accel_free_milli[i] = DEVICE_MILLI;
}

static int yard_open(void **state)
{
	static struct yard yard;
	struct yard *y = &yard;

	memset(y, 0, sizeof(*y));
	y->rng.s = 4;
	for (uint32_t i = 0; i < NODES; i++)
		any_node(y, &y->nodes[i]);
	assert_int_equal(node_kinds_of(NODES, y->nodes, &y->kinds), 0);
	for (uint32_t i = 0; i < SHAPES; i++) {
		y->shapes[i] = any_ask(y);
		for (uint32_t k = any(y, 30); k; k--)
			node_mix_add(&y->mix, &y->shapes[i]);
	}
	y->value = node_value_new(&y->kinds, &y->mix);
	y->index = node_index_new(NODES, y->nodes, &y->kinds, y->value);
	*state = y;
	return 0;
}

static int yard_close(void **state)
{
	struct yard *y = *state;

	y->index = node_index_free(y->index);
	y->value = node_value_free(y->value);
	return 0;
}

static int find(struct yard *y, const struct node_ask *ask, struct node_choice *ret)
{
	struct node_choice scanned;
	int no = node_index_find(y->index, ask, ret);

	assert_int_equal(no, node_scan(NODES, y->nodes, &y->kinds, y->value, ask, &scanned));
	if (no)
		return no;
	assert_int_equal(ret->node, scanned.node);
	assert_int_equal(ret->devices, scanned.devices);
	assert_int_equal(ret->loss, scanned.loss);
	return 0;
}

/* Give or take; a choice that does not fit would show here. */
static void move(struct yard *y, const struct node_ask *a, const struct node_choice *c, int sign)
{
	struct node *n = &y->nodes[c->node];

	if (sign < 0)
		assert_true(n->cpu_free_milli >= a->cpu_milli && n->memory_free_mb >= a->memory_mb);
	n->cpu_free_milli += (uint32_t)(sign * (int32_t)a->cpu_milli);
	n->memory_free_mb += (uint32_t)(sign * (int32_t)a->memory_mb);
	for (uint32_t i = 0; i < n->naccels; i++) {
		if (!(c->devices >> i & 1))
			continue;
		if (sign < 0)
			assert_true(n->accel_free_milli[i] >= a->share_milli);
		n->accel_free_milli[i] = (uint16_t)(n->accel_free_milli[i] +
						    sign * (int32_t)a->share_milli);
	}
	node_index_update(y->index, c->node);
}

static void the_index_finds_what_a_scan_finds(void **state)
{
	struct { struct node_ask ask; struct node_choice at; } running[4000];
	struct yard *y = *state;
	uint32_t n = 0, refused = 0;

	for (uint32_t i = 0; i < 4000; i++) {
		struct node_ask a = y->shapes[any(y, SHAPES)];

		if (n && !any(y, 3)) {
			uint32_t k = any(y, n);

			move(y, &running[k].ask, &running[k].at, 1);
			running[k] = running[--n];
		} else if (!find(y, &a, &running[n].at)) {
			running[n].ask = a;
			move(y, &a, &running[n++].at, -1);
		} else {
			refused++;
		}
	}
	assert_true(refused > 100 && n > 20);
	while (n--)
		move(y, &running[n].ask, &running[n].at, 1);
	for (uint32_t i = 0; i < NODES; i++)
		assert_int_equal(y->nodes[i].cpu_free_milli, y->nodes[i].cpu_milli);
}

static void asks_beyond_the_rows_are_answered_too(void **state)
{
	struct yard *y = *state;
	struct node_index_size size;
	struct node_choice c;

	for (uint32_t i = 0; i < 3 * NODE_ROWS_MAX; i++) {
		struct node_ask a = y->shapes[i % SHAPES];

		a.memory_mb = 1 + i % (2 * NODE_ROWS_MAX);
		if (!find(y, &a, &c) && any(y, 2))
			move(y, &a, &c, -1);
	}
	node_index_size(y->index, &size);
	assert_int_equal(size.rows, NODE_ROWS_MAX);
}

static void equal_nodes_are_taken_from_the_lowest(void **state)
{
	struct yard *y = *state;
	struct node_ask a = y->shapes[0];
	struct node_choice c;

	memset(&a, 0, sizeof(a));
	a.cpu_milli = 1000;
	for (uint32_t i = 0; i < NODES; i++) {
		y->nodes[i] = y->nodes[0];
		y->nodes[i].naccels = 0;
		y->nodes[i].model = ACCEL_NONE;
		node_index_update(y->index, i);
	}
	assert_int_equal(find(y, &a, &c), 0);
	assert_int_equal(c.node, 0);
	assert_int_equal(c.devices, 0);
	move(y, &a, &c, -1);
	assert_int_equal(find(y, &a, &c), 0);
	assert_int_equal(c.node, 0);            /* now the tightest */
}

static void a_node_that_is_down_is_never_chosen(void **state)
{
	struct yard *y = *state;
	struct node_choice c;

	for (uint32_t i = 0; i < NODES; i++) {
		y->nodes[i].down = true;
		node_index_update(y->index, i);
	}
	for (uint32_t i = 0; i < SHAPES; i++)
		assert_int_equal(find(y, &y->shapes[i], &c), 1);
	y->nodes[17].down = false;
	node_index_update(y->index, 17);
	for (uint32_t i = 0; i < SHAPES; i++)
		if (!find(y, &y->shapes[i], &c))
			assert_int_equal(c.node, 17);
}

static void an_ask_that_fits_nowhere_is_refused(void **state)
{
	struct yard *y = *state;
	struct node_ask a = y->shapes[0];
	struct node_choice c;

	a.cpu_milli = 1000000;
	assert_int_equal(find(y, &a, &c), 1);
	a.cpu_milli = 1;
	a.share_milli = 1000;
	memset(a.devices, 9, sizeof(a.devices));
	assert_int_equal(find(y, &a, &c), 1);
}

static void another_mix_changes_the_answers_at_once(void **state)
{
	struct yard *y = *state;
	struct node_value *old = y->value;
	struct node_choice c;

	for (uint32_t i = 0; i < SHAPES; i++)
		find(y, &y->shapes[i], &c);
	memset(&y->mix, 0, sizeof(y->mix));
	for (uint32_t i = 0; i < 3; i++)
		node_mix_add(&y->mix, &y->shapes[i]);
	y->value = node_value_new(&y->kinds, &y->mix);
	node_index_learn(y->index, y->value);
	node_value_free(old);
	for (uint32_t i = 0; i < SHAPES; i++)
		find(y, &y->shapes[i], &c);     /* compared with a scan by the new value */
}

static void no_nodes_is_no_room(void **state)
{
	struct yard *y = *state;
	struct node_index *x = node_index_new(0, y->nodes, &y->kinds, y->value);
	struct node_choice c;

	assert_int_equal(node_index_find(x, &y->shapes[0], &c), 1);
	node_index_free(x);
	assert_null(node_index_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_index_finds_what_a_scan_finds, yard_open, yard_close),
		cmocka_unit_test_setup_teardown(asks_beyond_the_rows_are_answered_too,
						yard_open, yard_close),
		cmocka_unit_test_setup_teardown(equal_nodes_are_taken_from_the_lowest,
						yard_open, yard_close),
		cmocka_unit_test_setup_teardown(a_node_that_is_down_is_never_chosen,
						yard_open, yard_close),
		cmocka_unit_test_setup_teardown(an_ask_that_fits_nowhere_is_refused,
						yard_open, yard_close),
		cmocka_unit_test_setup_teardown(another_mix_changes_the_answers_at_once,
						yard_open, yard_close),
		cmocka_unit_test_setup_teardown(no_nodes_is_no_room, yard_open, yard_close),
	};

	return cmocka_run_group_tests_name("node_index", tests, NULL, NULL);
}
