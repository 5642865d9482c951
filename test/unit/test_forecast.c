/* test_forecast.c - what a pool would take: transfer, wait, run and money */

#include "../lib/city.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct terms on(struct city *c, uint32_t pool)
{
	struct terms t;

	forecast_terms(&c->s, &c->a, &c->pool[pool], &c->lane[pool], &t);
	return t;
}

static void data(struct city *c, uint64_t mb, const char *from)
{
	c->a.data_mb[c->a.ndata] = mb;
	c->a.data_from[c->a.ndata++] = from;
}

static void data_in_the_pool_s_region_are_there_already(void **state)
{
	struct city *c = *state;

	data(c, 100000, "cn/50/500106");
	assert_int_equal(on(c, HUB).transfer_s, 0);
	assert_true(on(c, WEST).transfer_s > 0);
}

static void a_link_carries_megabits_and_data_are_megabytes(void **state)
{
	struct city *c = *state;

	data(c, 1000, "cn/50");
	assert_int_equal(on(c, WEST).transfer_s, 84);   /* 8388.6 Mbit at 100, and 40 ms */
	assert_int_equal(on(c, EDGE).transfer_s, 9);
	data(c, 1000, "cn/50");
	assert_int_equal(on(c, WEST).transfer_s, 168);
}

static void data_from_an_unknown_place_take_the_usual_road(void **state)
{
	struct city *c = *state;

	data(c, 1000, NULL);
	assert_int_equal(on(c, HUB).transfer_s, 84);
	assert_int_equal(on(c, EDGE).transfer_s, 84);
	c->link[HUB][0].mbps = 0;
	c->a.data_from[0] = "cn/65";
	assert_int_equal(on(c, HUB).transfer_s, 84);
}

static void absurd_sizes_end_at_a_century(void **state)
{
	struct city *c = *state;

	for (int i = 0; i < 8; i++)
		data(c, UINT64_MAX, NULL);
	assert_true(on(c, HUB).transfer_s > 0);
	assert_true(on(c, HUB).transfer_s <= 100LL * 366 * 86400);
	c->spec.deadline_ms = CITY_NOW + 1000;
	assert_true(on(c, HUB).score_micro > 0);
}

static void a_free_pool_does_not_let_wait(void **state)
{
	struct city *c = *state;

	c->lane[HUB].ahead_cpu_ms = 1000000000;         /* there is room all the same */
	assert_int_equal(on(c, HUB).wait_p50_s, 0);
	assert_int_equal(on(c, HUB).wait_p90_s, 0);
}

static void a_full_pool_is_waited_for_until_a_run_should_end(void **state)
{
	struct city *c = *state;

	city_hold(c, EDGE, 0, 1, 100, 150);
	city_hold(c, EDGE, 0, 1, 200, 900);
	assert_int_equal(on(c, EDGE).wait_p50_s, 100);
	assert_int_equal(on(c, EDGE).wait_p90_s, 150);
	c->spec.cpu_milli = 2000;
	assert_int_equal(on(c, EDGE).wait_p50_s, 200);
	assert_int_equal(on(c, EDGE).wait_p90_s, 900);
}

static void a_gang_waits_for_its_last_node(void **state)
{
	struct city *c = *state;

	city_hold(c, WEST, 0, 16, 100, 100);
	city_hold(c, WEST, 1, 16, 300, 400);
	assert_int_equal(on(c, WEST).wait_p50_s, 100);
	c->spec.nodes = 2;
	assert_int_equal(on(c, WEST).wait_p50_s, 300);
	assert_int_equal(on(c, WEST).wait_p90_s, 400);
}

static void a_run_that_is_late_is_expected_soon(void **state)
{
	struct city *c = *state;

	city_hold(c, EDGE, 0, 2, -100, 60);
	assert_int_equal(on(c, EDGE).wait_p50_s, 30);   /* halfway to its p90 */
	assert_int_equal(on(c, EDGE).wait_p90_s, 60);
	c->hold[EDGE][0].end_p90_ms = CITY_NOW - 50000;
	assert_int_equal(on(c, EDGE).wait_p50_s, 10);   /* a tenth of its delay */
	assert_int_equal(on(c, EDGE).wait_p90_s, 100);
	c->hold[EDGE][0].end_p50_ms = c->hold[EDGE][0].end_p90_ms = CITY_NOW;
	assert_int_equal(on(c, EDGE).wait_p50_s, 1);
}

static void nodes_that_are_down_are_back_in_an_hour(void **state)
{
	struct city *c = *state;

	c->node[EDGE][0].down = true;
	assert_int_equal(on(c, EDGE).wait_p50_s, 3600);
	city_hold(c, EDGE, 0, 1, 10, 20);
	assert_int_equal(on(c, EDGE).wait_p50_s, 3600);
}

static void more_runs_than_are_looked_at_end_with_the_last(void **state)
{
	struct city *c = *state;
	struct pool_hold *many = mem_array(300, sizeof(*many));

	c->node[EDGE][0].cpu_free_milli = 0;
	for (int i = 0; i < 300; i++)
		many[i] = (struct pool_hold){ .end_p50_ms = CITY_NOW + 1000 * (i + 1),
			.end_p90_ms = CITY_NOW + 1000 * (i + 1) };
	many[299].place = (struct placement){ .n = 1, .nodes = c->hold_node[EDGE],
		.cpu_milli = 2000 };
	c->pool[EDGE].holds = many;
	c->pool[EDGE].nholds = 300;
	assert_int_equal(on(c, EDGE).wait_p50_s, 300);
	free(many);
}

static void tasks_ahead_make_the_wait_longer(void **state)
{
	struct city *c = *state;

	city_fill(c, EDGE, 100);
	c->lane[EDGE].ahead_cpu_ms = 20000;             /* on two cpus */
	assert_int_equal(on(c, EDGE).wait_p50_s, 110);
	assert_int_equal(on(c, EDGE).wait_p90_s, 210);
}

/* The edge has 2 cpus; somebody else uses them until 100 s from now, at the latest 200. */
static void busy_edge(struct city *c, struct pool_busy *b)
{
	*b = (struct pool_busy){ .end_p50_ms = CITY_NOW + 100000, .end_p90_ms = CITY_NOW + 200000,
				 .cpu_milli = 2000, .memory_mb = 100 };
	c->node[EDGE][0].cpu_free_milli = 0;
	c->pool[EDGE].busy = b;
	c->pool[EDGE].nbusy = 1;
}

static void work_of_others_is_waited_for_like_our_own(void **state)
{
	struct city *c = *state;
	struct pool_busy b;

	busy_edge(c, &b);
	assert_int_equal(on(c, EDGE).wait_p50_s, 100);
	assert_int_equal(on(c, EDGE).wait_p90_s, 200);
	b.node = 7;                     /* elsewhere: nobody knows when ours comes free */
	assert_int_equal(on(c, EDGE).wait_p50_s, 3600);
}

/* Which devices a cluster gave a run is not known, only how many: two runs may stand under the
 * same ones. */
static void devices_of_runs_in_a_cluster_come_free_by_their_number(void **state)
{
	struct city *c = *state;

	c->pool[HUB].told = true;
	c->spec.accel = (struct accel_need){ .count = 4, .share_milli = 1000 };
	city_hold(c, HUB, 2, 1, 100, 150);
	city_hold(c, HUB, 2, 1, 200, 400);
	for (int i = 0; i < 4; i++)
		c->node[HUB][2].accel_free_milli[i] = 0;
	for (int i = 0; i < 2; i++) {
		c->hold[HUB][i].place.accel_milli = 1000;
		c->hold_node[HUB][i].accels = 3;
	}
	assert_int_equal(on(c, HUB).wait_p50_s, 200);
	assert_int_equal(on(c, HUB).wait_p90_s, 400);
	c->hold_node[HUB][1].accels = 1;                /* one of them is used by somebody unknown */
	assert_int_equal(on(c, HUB).wait_p50_s, 3600);
}

static void what_waits_in_the_cluster_s_own_queue_comes_first(void **state)
{
	struct city *c = *state;
	struct pool_busy b;

	busy_edge(c, &b);
	c->pool[EDGE].queue_cpu_ms = 60000;     /* 60 cpu seconds on 2 cpus */
	assert_int_equal(on(c, EDGE).wait_p50_s, 130);
	c->pool[EDGE].queue_start_ms = CITY_NOW + 500000;
	assert_int_equal(on(c, EDGE).wait_p50_s, 130);
	assert_int_equal(on(c, EDGE).wait_p90_s, 530);
	c->node[EDGE][0].cpu_free_milli = 2000; /* room now: nothing of it counts */
	assert_int_equal(on(c, EDGE).wait_p90_s, 0);
}

static void a_run_that_was_sent_ahead_gives_no_room_when_it_ends(void **state)
{
	struct city *c = *state;
	struct pool_busy b;

	busy_edge(c, &b);
	c->hold[EDGE][0] = (struct pool_hold){ .task = 1, .end_p50_ms = CITY_NOW + 10000,
		.end_p90_ms = CITY_NOW + 10000, .place = { .n = 1, .nodes = c->hold_node[EDGE],
		.cpu_milli = 2000, .ahead = true } };
	c->pool[EDGE].nholds = c->pool[EDGE].nahead = 1;
	assert_int_equal(on(c, EDGE).wait_p50_s, 105);  /* and its own work stands before ours */
}

static void devices_that_are_waited_for_make_the_wait_longer(void **state)
{
	struct city *c = *state;

	city_fill(c, HUB, 60);
	c->lane[HUB].ahead_cpu_ms = 32000;              /* a second on 32 cpus … */
	c->lane[HUB].ahead_accel_ms = 400 * 1000;       /* … and 100 on four devices */
	assert_int_equal(on(c, HUB).wait_p50_s, 160);
}

static void a_run_known_to_be_short_goes_before_a_promise_whatever_its_walltime(void **state)
{
	struct city *c = *state;

	lane_keep(&c->lane[HUB], LANE_ANY, CITY_NOW + 600 * 1000);
	assert_int_equal(on(c, HUB).wait_p50_s, 600);
	for (int i = 0; i < 8; i++)
		history_add(c->history, "lab/render", "frame", "cpu", 60 * 1000, 3600);
	assert_int_equal(on(c, HUB).wait_p50_s, 0);
	for (int i = 0; i < 2; i++)                     /* one in five takes too long */
		history_add(c->history, "lab/render", "frame", "cpu", 700 * 1000, 3600);
	assert_int_equal(on(c, HUB).wait_p50_s, 600);
}

static void a_promise_to_another_is_waited_for(void **state)
{
	struct city *c = *state;

	lane_keep(&c->lane[HUB], LANE_ANY, CITY_NOW + 3600 * 1000);
	assert_int_equal(on(c, HUB).wait_p50_s, 0);     /* over just in time */
	lane_keep(&c->lane[HUB], LANE_ANY, CITY_NOW + 600 * 1000);
	assert_int_equal(on(c, HUB).wait_p50_s, 600);
}

static void the_range_is_at_least_as_wide_as_past_errors(void **state)
{
	struct city *c = *state;

	city_hold(c, EDGE, 0, 2, 100, 110);
	for (int i = 0; i < 4; i++)
		history_add_wait(c->history, "edge", 10, 60);
	assert_int_equal(on(c, EDGE).wait_p90_s, 110);
	history_add_wait(c->history, "edge", 10, 60);
	assert_int_equal(on(c, EDGE).wait_p90_s, 150);
}

static void money_and_energy_come_from_the_run_forecast(void **state)
{
	struct city *c = *state;
	struct terms t = on(c, HUB);

	assert_int_equal(t.run_p50_s, 1800);
	assert_int_equal(t.cost_micro, 200000);         /* half an hour of one cpu at 0.40 */
	assert_int_equal(t.energy_j, 7 * 1800 * 12 / 10);
	assert_int_equal(t.carbon_mg, t.energy_j * 500 / 3600);
}

static void devices_are_paid_for(void **state)
{
	struct city *c = *state;

	c->spec.accel = (struct accel_need){ .count = 2, .share_milli = 1000 };
	assert_int_equal(on(c, HUB).cost_micro, 200000 + 2 * 20000000);
	c->spec.accel = (struct accel_need){ .count = 1, .share_milli = 250 };
	assert_int_equal(on(c, HUB).cost_micro, 200000 + 5000000);
}

static void pools_of_one_chip_and_other_speed_take_other_time(void **state)
{
	struct city *c = *state;

	c->pool[WEST].speed_milli = 2000;
	city_decide(c);
	assert_int_equal(c->d.cand[HUB].terms.run_p50_s, 1800);
	assert_int_equal(c->d.cand[WEST].terms.run_p50_s, 900);
	assert_int_equal(c->d.cand[EDGE].terms.run_p50_s, 1800);
}

static void without_history_nothing_breaks(void **state)
{
	struct city *c = *state;

	c->s.history = NULL;
	city_fill(c, HUB, 10);
	assert_string_equal(on(c, HUB).run.basis, "walltime");
	assert_int_equal(on(c, HUB).wait_p50_s, 10);
}

#define CITY_TEST(f) cmocka_unit_test_setup_teardown(f, city_setup, city_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CITY_TEST(data_in_the_pool_s_region_are_there_already),
		CITY_TEST(a_link_carries_megabits_and_data_are_megabytes),
		CITY_TEST(data_from_an_unknown_place_take_the_usual_road),
		CITY_TEST(absurd_sizes_end_at_a_century),
		CITY_TEST(a_free_pool_does_not_let_wait),
		CITY_TEST(a_full_pool_is_waited_for_until_a_run_should_end),
		CITY_TEST(work_of_others_is_waited_for_like_our_own),
		CITY_TEST(devices_of_runs_in_a_cluster_come_free_by_their_number),
		CITY_TEST(what_waits_in_the_cluster_s_own_queue_comes_first),
		CITY_TEST(a_run_that_was_sent_ahead_gives_no_room_when_it_ends),
		CITY_TEST(a_gang_waits_for_its_last_node),
		CITY_TEST(a_run_that_is_late_is_expected_soon),
		CITY_TEST(nodes_that_are_down_are_back_in_an_hour),
		CITY_TEST(more_runs_than_are_looked_at_end_with_the_last),
		CITY_TEST(tasks_ahead_make_the_wait_longer),
		CITY_TEST(devices_that_are_waited_for_make_the_wait_longer),
		CITY_TEST(a_run_known_to_be_short_goes_before_a_promise_whatever_its_walltime),
		CITY_TEST(a_promise_to_another_is_waited_for),
		CITY_TEST(the_range_is_at_least_as_wide_as_past_errors),
		CITY_TEST(money_and_energy_come_from_the_run_forecast),
		CITY_TEST(devices_are_paid_for),
		CITY_TEST(pools_of_one_chip_and_other_speed_take_other_time),
		CITY_TEST(without_history_nothing_breaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
