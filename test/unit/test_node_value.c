/* test_node_value.c - what room is worth, and to whom */

#include "select/node_value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { BIG = 0, SMALL = 1 };            /* two kinds: 8 devices of one, 2 of the other */

static const struct node_kinds kinds = { .n = 2, .model = { 7, 9 }, .devices = { 8, 2 } };
static struct node_mix mix;

static struct node_ask ask_of(uint32_t cpu_milli, uint32_t devices, uint32_t share_milli)
{
	struct node_ask a;

	memset(&a, 0, sizeof(a));
	a.cpu_milli = cpu_milli;
	a.memory_mb = 1024;
	a.share_milli = share_milli;
	a.devices[BIG] = a.devices[SMALL] = (uint8_t)devices;
	return a;
}

static void often(uint32_t times, struct node_ask a)
{
	while (times--)
		node_mix_add(&mix, &a);
}

static struct node node_of(uint32_t cpu_milli, uint32_t naccels)
{
	struct node n = { .cpu_milli = cpu_milli, .cpu_free_milli = cpu_milli, .memory_mb = 65536,
			  .memory_free_mb = 65536, .model = naccels ? 7 : ACCEL_NONE,
			  .naccels = (uint8_t)naccels };

	for (uint32_t i = 0; i < naccels; i++)
		n.accel_free_milli[i] = DEVICE_MILLI;
	return n;
}

static int32_t worth(const struct node *n)
{
	struct node_value *v = node_value_new(&kinds, &mix);
	struct node_state s;
	int32_t x;

	node_state_of(n, &kinds, &s);
	x = node_value_of(v, &s);
	node_value_free(v);
	return x;
}

static int32_t loss(const struct node *n, struct node_ask a, uint32_t *ret_milli)
{
	struct node_value *v = node_value_new(&kinds, &mix);
	struct node_state s;
	int32_t x;

	node_state_of(n, &kinds, &s);
	assert_true(node_state_fits(&s, &a));
	x = node_value_loss(v, &s, node_value_of(v, &s), &a, ret_milli);
	node_value_free(v);
	return x;
}

static int fresh(void **state)
{
	memset(&mix, 0, sizeof(mix));
	return 0;
}

static void devices_are_worth_what_the_mix_can_use_of_them(void **state)
{
	struct node n = node_of(64000, 2);

	often(10, ask_of(4000, 1, 1000));
	assert_in_range(worth(&n), 1990 * NODE_VALUE_SCALE, 2000 * NODE_VALUE_SCALE);
}

static void a_device_without_cpu_is_worth_nothing(void **state)
{
	struct node n = node_of(3999, 2);

	often(10, ask_of(4000, 1, 1000));
	assert_int_equal(worth(&n), 0);
}

static void cpu_for_one_of_two_devices_is_worth_less_than_for_both(void **state)
{
	struct node one = node_of(7999, 2), both = node_of(8000, 2);

	often(1, ask_of(4000, 1, 1000));
	assert_true(worth(&one) < worth(&both));
}

static void a_rest_that_nobody_asks_for_is_worth_nothing(void **state)
{
	struct node n = node_of(64000, 1);

	often(10, ask_of(4000, 1, 810));
	n.accel_free_milli[0] = 190;
	assert_int_equal(worth(&n), 0);
}

static void a_node_without_devices_is_worth_nothing(void **state)
{
	struct node n = node_of(64000, 0);

	often(10, ask_of(4000, 1, 1000));
	assert_int_equal(worth(&n), 0);
	assert_int_equal(loss(&n, ask_of(1000, 0, 0), NULL), 0);
}

static void nothing_is_worth_anything_without_a_mix(void **state)
{
	struct node n = node_of(64000, 2);

	assert_int_equal(worth(&n), 0);
	assert_int_equal(loss(&n, ask_of(4000, 1, 500), NULL), 0);
}

static void a_share_goes_where_its_rest_is_of_use(void **state)
{
	struct node n = node_of(64000, 2);
	uint32_t milli = 0;

	often(10, ask_of(1000, 1, 400));
	often(10, ask_of(1000, 1, 600));
	n.accel_free_milli[0] = 600;
	n.accel_free_milli[1] = 400;
	loss(&n, ask_of(1000, 1, 400), &milli);
	assert_int_equal(milli, 400);
}

static void room_of_a_rare_kind_is_worth_more_when_some_need_it(void **state)
{
	struct node_ask only = ask_of(1000, 1, 1000);
	struct node common = node_of(64000, 1), rare = common;

	only.devices[BIG] = 0;
	rare.model = 9;
	often(10, ask_of(1000, 1, 1000));
	often(10, only);
	assert_true(worth(&rare) > worth(&common));
}

static void equal_losses_are_ranked_by_what_is_left(void **state)
{
	struct node a = node_of(8000, 2), b = node_of(16000, 2), c = node_of(8000, 3);
	struct node_state x, y, z;

	node_state_of(&a, &kinds, &x);
	node_state_of(&b, &kinds, &y);
	node_state_of(&c, &kinds, &z);
	assert_true(node_state_rank(&x, 5) < node_state_rank(&y, 5));
	assert_true(node_state_rank(&y, 5) < node_state_rank(&z, 5));
	assert_true(node_state_rank(&z, -5) < node_state_rank(&x, 5));
}

static void a_kind_that_is_not_allowed_does_not_fit(void **state)
{
	struct node n = node_of(64000, 2);
	struct node_ask a = ask_of(1000, 1, 1000);
	struct node_state s;

	a.devices[BIG] = 0;
	node_state_of(&n, &kinds, &s);
	assert_false(node_state_fits(&s, &a));
}

static void two_halves_are_not_a_whole_device(void **state)
{
	struct node n = node_of(64000, 2);
	struct node_ask a = ask_of(1000, 1, 1000);
	struct node_state s;

	n.accel_free_milli[0] = n.accel_free_milli[1] = 500;
	node_state_of(&n, &kinds, &s);
	assert_false(node_state_fits(&s, &a));
}

static void more_kinds_than_there_is_room_for_are_refused(void **state)
{
	struct node nodes[NODE_KINDS_MAX + 1];
	struct node_kinds k;

	for (uint32_t i = 0; i <= NODE_KINDS_MAX; i++) {
		nodes[i] = node_of(1000, 1);
		nodes[i].model = (uint16_t)i;
	}
	assert_int_equal(node_kinds_of(NODE_KINDS_MAX, nodes, &k), 0);
	assert_int_equal(k.n, NODE_KINDS_MAX);
	assert_int_equal(node_kinds_of(NODE_KINDS_MAX + 1, nodes, &k), 1);
}

static void a_full_mix_forgets_the_rarest_shape(void **state)
{
	often(3, ask_of(1, 1, 1000));
	for (uint32_t i = 2; i <= NODE_MIX_MAX + 50; i++)
		often(1, ask_of(i, 1, 1000));
	assert_int_equal(mix.n, NODE_MIX_MAX);
	assert_int_equal(mix.total, NODE_MIX_MAX + 52);
	assert_int_equal(mix.shapes[0].ask.cpu_milli, 1);
	assert_int_equal(mix.shapes[0].count, 3);
}

static void a_share_takes_the_device_that_was_meant(void **state)
{
	struct node n = node_of(64000, 3);
	struct node_ask share = ask_of(1000, 1, 300), whole = ask_of(1000, 2, 1000);

	n.accel_free_milli[0] = 400;
	assert_int_equal(node_pick_devices(&n, BIG, &share, 1000), 2);
	assert_int_equal(node_pick_devices(&n, BIG, &share, 400), 1);
	assert_int_equal(node_pick_devices(&n, BIG, &whole, 0), 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(devices_are_worth_what_the_mix_can_use_of_them, fresh),
		cmocka_unit_test_setup(a_device_without_cpu_is_worth_nothing, fresh),
		cmocka_unit_test_setup(cpu_for_one_of_two_devices_is_worth_less_than_for_both,
				       fresh),
		cmocka_unit_test_setup(a_rest_that_nobody_asks_for_is_worth_nothing, fresh),
		cmocka_unit_test_setup(a_node_without_devices_is_worth_nothing, fresh),
		cmocka_unit_test_setup(nothing_is_worth_anything_without_a_mix, fresh),
		cmocka_unit_test_setup(a_share_goes_where_its_rest_is_of_use, fresh),
		cmocka_unit_test_setup(room_of_a_rare_kind_is_worth_more_when_some_need_it, fresh),
		cmocka_unit_test_setup(equal_losses_are_ranked_by_what_is_left, fresh),
		cmocka_unit_test_setup(a_kind_that_is_not_allowed_does_not_fit, fresh),
		cmocka_unit_test_setup(two_halves_are_not_a_whole_device, fresh),
		cmocka_unit_test_setup(more_kinds_than_there_is_room_for_are_refused, fresh),
		cmocka_unit_test_setup(a_full_mix_forgets_the_rarest_shape, fresh),
		cmocka_unit_test_setup(a_share_takes_the_device_that_was_meant, fresh),
	};

	return cmocka_run_group_tests_name("node_value", tests, NULL, NULL);
}
