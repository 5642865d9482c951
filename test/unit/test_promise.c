/* test_promise.c - what those that wait were promised, and what later ones may take meanwhile */

#include "../lib/city.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { MINUTE_MS = 60 * 1000 };

/* Only WEST is left: two nodes of 16 cpus.  The task takes its walltime, an hour. */
static int west_only(void **state)
{
	struct city *c;

	city_setup(state);
	c = *state;
	c->pool[HUB].drained = c->pool[EDGE].drained = true;
	return 0;
}

static void a_later_task_takes_the_node_that_nobody_was_promised(void **state)
{
	struct city *c = *state;

	lane_keep(&c->lane[WEST], 0, CITY_NOW + MINUTE_MS);
	city_decide(c);
	assert_int_equal(c->d.outcome, OUTCOME_CHOSEN);
	assert_int_equal(c->d.place.nodes[0].node, 1);
	assert_int_equal(c->d.place.nbarred, 1);
	assert_int_equal(c->d.place.barred[0], 0);
}

static void where_all_nodes_are_promised_it_waits(void **state)
{
	struct city *c = *state;

	lane_keep(&c->lane[WEST], 0, CITY_NOW + MINUTE_MS);
	lane_keep(&c->lane[WEST], 1, CITY_NOW + 2 * MINUTE_MS);
	city_decide(c);
	assert_int_equal(c->d.outcome, OUTCOME_WAIT);
	assert_int_equal(decision_reason(&c->d), REASON_BEHIND);
}

static void it_takes_a_promised_node_if_it_is_over_by_then(void **state)
{
	struct city *c = *state;

	lane_keep(&c->lane[WEST], 0, CITY_NOW + MINUTE_MS);
	lane_keep(&c->lane[WEST], 1, CITY_NOW + 2 * MINUTE_MS);
	c->spec.walltime_s = 120;
	city_decide(c);
	assert_int_equal(c->d.outcome, OUTCOME_CHOSEN);
	assert_int_equal(c->d.place.nodes[0].node, 1);
	c->spec.walltime_s = 121;
	city_decide(c);
	assert_int_equal(c->d.outcome, OUTCOME_WAIT);
}

static void a_gang_needs_as_many_nodes_beside_the_promised(void **state)
{
	struct city *c = *state;

	c->spec.nodes = 2;
	city_decide(c);
	assert_int_equal(c->d.outcome, OUTCOME_CHOSEN);
	assert_int_equal(c->d.place.nbarred, 0);
	lane_keep(&c->lane[WEST], 1, CITY_NOW + MINUTE_MS);
	city_decide(c);
	assert_int_equal(c->d.outcome, OUTCOME_WAIT);
	assert_int_equal(decision_reason(&c->d), REASON_BEHIND);
}

static void who_waits_is_promised_the_node_that_comes_free_first(void **state)
{
	struct city *c = *state;
	struct lane *l = &c->lane[WEST];

	city_hold(c, WEST, 1, 16, 60, 60);
	city_hold(c, WEST, 0, 16, 300, 300);
	city_decide(c);
	lane_charge(l, &c->s, &c->a, &c->d.cand[WEST], 1);
	assert_int_equal(l->nkept, 1);
	assert_int_equal(l->kept[0].node, 1);
	assert_int_equal(l->kept[0].start_ms, CITY_NOW + MINUTE_MS);
}

static void a_gang_is_promised_the_free_nodes_too_that_it_waits_with(void **state)
{
	struct city *c = *state;
	struct lane *l = &c->lane[WEST];

	city_hold(c, WEST, 0, 16, 60, 60);
	c->spec.nodes = 2;
	city_decide(c);
	lane_charge(l, &c->s, &c->a, &c->d.cand[WEST], 1);
	assert_int_equal(l->nkept, 2);
	assert_int_equal(l->kept[0].node, 1);
	assert_int_equal(l->kept[1].node, 0);
	assert_int_equal(lane_shadow_ms(l), CITY_NOW + MINUTE_MS);
}

static void of_one_that_nobody_knows_the_nodes_of_the_whole_pool_is_kept(void **state)
{
	struct city *c = *state;
	struct lane *l = &c->lane[WEST];

	c->node[WEST][0].down = c->node[WEST][1].down = true;
	city_decide(c);
	lane_charge(l, &c->s, &c->a, &c->d.cand[WEST], 1);
	assert_int_equal(l->nkept, 1);
	assert_true(l->kept[0].node == LANE_ANY);
	c->node[WEST][0].down = c->node[WEST][1].down = false;
	city_decide(c);
	assert_int_equal(c->d.outcome, OUTCOME_CHOSEN);         /* over in an hour, as was promised */
	c->spec.walltime_s = 3601;
	city_decide(c);
	assert_int_equal(decision_reason(&c->d), REASON_BEHIND);
}

static void later_ones_are_promised_only_what_the_list_has_left(void **state)
{
	struct city *c = *state;
	struct lane *l = &c->lane[WEST];

	city_fill(c, WEST, 60);
	city_decide(c);
	for (int i = 0; i < LANE_KEPT_MAX + 3; i++)
		lane_charge(l, &c->s, &c->a, &c->d.cand[WEST], 1);
	assert_int_equal(l->nkept, LANE_KEPT_MAX);
	assert_int_equal(l->kept[0].node, 0);
	assert_int_equal(lane_shadow_ms(l), CITY_NOW + 2 * MINUTE_MS);
}

#define WEST_TEST(f) cmocka_unit_test_setup_teardown(f, west_only, city_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WEST_TEST(a_later_task_takes_the_node_that_nobody_was_promised),
		WEST_TEST(where_all_nodes_are_promised_it_waits),
		WEST_TEST(it_takes_a_promised_node_if_it_is_over_by_then),
		WEST_TEST(a_gang_needs_as_many_nodes_beside_the_promised),
		WEST_TEST(who_waits_is_promised_the_node_that_comes_free_first),
		WEST_TEST(a_gang_is_promised_the_free_nodes_too_that_it_waits_with),
		WEST_TEST(of_one_that_nobody_knows_the_nodes_of_the_whole_pool_is_kept),
		WEST_TEST(later_ones_are_promised_only_what_the_list_has_left),
	};

	return cmocka_run_group_tests_name("promise", tests, NULL, NULL);
}
