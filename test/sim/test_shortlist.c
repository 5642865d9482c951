/* test_shortlist.c - many pools, few of them weighed, and the answer of weighing all
 *
 * A city of two hundred pools lives on between decisions: runs begin and end, pools fill,
 * drain, go silent, learn. Each decision is made by way of the shortlist and by weighing
 * every pool, and both must be equal.  The small worlds of test_select_properties.c do the
 * same with more coincidences.
 */

#include "base/mem.h"
#include "base/rng.h"
#include "select/select.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { POOLS = 200, NODES = 12, HOLDS = 6, MODELS = 4, SPECS = 24, ROUNDS = 600 };

static const int64_t NOW = 1795424400000;
static const char *const chips[] = { "cpu", "m0", "m1", "m2", "m3" };
static const char *const regions[] = { "cn/50", "cn/50/500106", "cn/65", "cn/31/310100" };

struct city {
	struct rng dice;
	struct arena arena;
	struct accel_model models[MODELS];
	struct catalogue catalogue;
	struct history *history;
	struct shortlists *lists;
	struct pool pool[POOLS];
	const struct pool *list[POOLS];
	struct node node[POOLS][NODES];
	struct pool_hold hold[POOLS][HOLDS];
	struct place_node hold_node[POOLS][HOLDS];
	struct pool_link link[POOLS];
	struct lane lane[POOLS];
	char name[POOLS][8];
	struct task_spec specs[SPECS];
	struct snapshot s;
};

static uint32_t roll(struct city *c, uint32_t n)
{
	return (uint32_t)rng_below(&c->dice, n);
}

static void make_nodes(struct city *c, struct pool *p)
{
	uint16_t model = roll(c, 3) ? ACCEL_NONE : (uint16_t)roll(c, MODELS);
	struct node n = { .cpu_milli = 8000u << roll(c, 4), .memory_mb = 16384u << roll(c, 4),
			  .model = model, .naccels = model == ACCEL_NONE ? 0 : 4 };

	p->chip = model == ACCEL_NONE ? "cpu" : c->models[model].name;
	p->nnodes = 1 + roll(c, NODES);
	for (uint32_t i = 0; i < p->nnodes; i++) {
		p->nodes[i] = n;
		p->nodes[i].cpu_free_milli = roll(c, 3) ? roll(c, n.cpu_milli + 1) : 0;
		p->nodes[i].memory_free_mb = n.memory_mb;
		for (unsigned k = 0; k < n.naccels; k++)
			p->nodes[i].accel_free_milli[k] = roll(c, 2) ? 1000 : 300;
	}
}

static void make_pool(struct city *c, uint32_t k)
{
	struct pool *p = &c->pool[k];

	snprintf(c->name[k], sizeof(c->name[k]), "p%u", k);
	*p = (struct pool){
		.id = k, .name = c->name[k], .region = regions[roll(c, 4)],
		.clearance = LEVEL_1 + roll(c, 4), .images = IMAGES_RUN, .pue_milli = 1000 + roll(c, 900),
		.cpu_hour_micro = 100000 + roll(c, 900000), .accel_hour_micro = 2000000 + roll(c, 20000000),
		.cpu_milliwatt = 7000, .speed_milli = 500 + 100 * roll(c, 10), .fresh_s = 600,
		.seen_ms = NOW, .nodes = c->node[k], .holds = c->hold[k], .links = &c->link[k],
		.nlinks = 1,
	};
	c->link[k] = (struct pool_link){ "cn", 5 + roll(c, 60), 50 + roll(c, 1000) };
	for (int h = 0; h < 24; h++)
		p->carbon_g_kwh[h] = 50 + roll(c, 800);
	make_nodes(c, p);
	p->nholds = roll(c, HOLDS + 1);
	for (uint32_t i = 0; i < p->nholds; i++) {
		c->hold_node[k][i].node = roll(c, p->nnodes);
		p->holds[i] = (struct pool_hold){ .task = i + 1,
			.end_p50_ms = NOW + 60000 * (i + 1), .end_p90_ms = NOW + 90000 * (i + 1),
			.place = { .n = 1, .nodes = &c->hold_node[k][i], .cpu_milli = 8000 } };
	}
	c->list[k] = p;
}

static void make_spec(struct city *c, struct task_spec *t)
{
	static const char *const names[] = { "a", "b", "c" };
	static const char *const some[] = { "p3", "p17", "p18", "p60", "p61", "p99", "p150" };

	*t = (struct task_spec){
		.name = names[roll(c, 3)], .tenant = "lab", .owner = "ann", .kind = names[roll(c, 3)],
		.nodes = roll(c, 6) ? 1 : 2, .cpu_milli = 1000u << roll(c, 5),
		.memory_mb = 1024u << roll(c, 5), .walltime_s = 600 + roll(c, 20000),
		.level = LEVEL_1 + roll(c, 4), .prefer = prefer_profiles[roll(c, 4)], .array_n = 1,
		.stay_within = roll(c, 5) ? NULL : regions[roll(c, 4)],
		.budget_micro = roll(c, 5) ? 0 : 50000 + roll(c, 2000000),
		.deadline_ms = roll(c, 5) ? 0 : NOW + 1000 * (600 + roll(c, 20000)),
	};
	if (roll(c, 8) == 0) {
		t->npools = 1 + roll(c, 7);
		t->pools = some;
	}
	if (roll(c, 3) == 0)
		t->accel = (struct accel_need){ .count = 1 + roll(c, 2), .share_milli = 1000,
						.nmodels = 1, .models = { (uint16_t)roll(c, MODELS) } };
}

static int setup(void **state)
{
	struct city *c = mem_alloc(sizeof(*c));
	const char *seed = getenv("SUANLU_TEST_SEED");

	c->dice.s = seed ? strtoull(seed, NULL, 10) : 20261126;
	print_message("seed %" PRIu64 "\n", c->dice.s);
	for (uint32_t i = 0; i < MODELS; i++)
		c->models[i] = (struct accel_model){ .name = chips[i + 1], .tdp_w = 300,
			.fp16_gflops = 100000, .memory_gb = 40 };
	c->catalogue = (struct catalogue){ .n = MODELS, .models = c->models };
	c->history = history_new();
	c->lists = shortlists_new();
	for (uint32_t k = 0; k < POOLS; k++)
		make_pool(c, k);
	for (uint32_t i = 0; i < SPECS; i++)
		make_spec(c, &c->specs[i]);
	c->s = (struct snapshot){ .now_ms = NOW, .catalogue = &c->catalogue, .history = c->history,
		.npools = POOLS, .pools = c->list, .lanes = c->lane };
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	struct city *c = *state;

	history_free(c->history);
	shortlists_free(c->lists);
	arena_done(&c->arena);
	free(c);
	return 0;
}

static void live_on(struct city *c)
{
	char kind[HISTORY_KIND_MAX];
	struct pool *p = &c->pool[roll(c, POOLS)];

	c->s.now_ms += 1000 * roll(c, 30);
	p->drained = roll(c, 4) == 0;
	p->down = roll(c, 4) == 0;
	c->pool[roll(c, POOLS)].seen_ms = c->s.now_ms;
	for (uint32_t i = 0; i < p->nnodes; i++)
		p->nodes[i].cpu_free_milli = roll(c, 2) ? roll(c, p->nodes[i].cpu_milli + 1) : 0;
	c->lane[p->id] = (struct lane){ .ahead_cpu_ms = roll(c, 2) ? roll(c, 100000000) : 0 };
	for (uint32_t n = roll(c, 4); n < 3; n++)
		lane_keep(&c->lane[p->id], roll(c, 3) ? roll(c, p->nnodes + 1) : LANE_ANY,
			  c->s.now_ms + 1000 * roll(c, 7200));
	history_add_on(c->history, history_kind("lab", c->specs[roll(c, SPECS)].kind, kind),
		       c->specs[roll(c, SPECS)].name,
		       chips[roll(c, 5)], roll(c, 2) ? 0 : 500 + 500 * roll(c, 3),
		       1000 + roll(c, 4000000), 3600);
}

static struct ask ask_of(struct city *c, unsigned i)
{
	struct ask a = { .spec = &c->specs[roll(c, SPECS)], .seed = i, .ndata = 1,
			 .data_mb = { 100u * (i % 3) }, .data_from = { regions[i % 4] } };

	return a;
}

/* Without a list every pool has its terms or its reasons at once; with one, only the best. */
static void compare(struct city *c, const struct ask *a, unsigned outcomes[4])
{
	struct snapshot quick = c->s;
	struct decision d, e;
	struct buf x, y;

	quick.shortlists = c->lists;
	select_decide(&c->s, a, &c->arena, &d);
	select_decide(&quick, a, &c->arena, &e);
	assert_null(e.cand);
	assert_int_equal(e.outcome, d.outcome);
	assert_int_equal(e.best, d.best);
	assert_int_equal(decision_reason(&e), decision_reason(&d));
	assert_int_equal(e.top.terms.score_micro, d.top.terms.score_micro);
	assert_int_equal(e.place.n, d.place.n);
	for (uint32_t i = 0; i < e.place.n; i++)
		assert_int_equal(e.place.nodes[i].node, d.place.nodes[i].node);
	buf_init(&x, 4 << 20);
	buf_init(&y, 4 << 20);
	assert_int_equal(decision_encode(&c->s, a, &d, &x), 0);
	assert_int_equal(decision_encode(&quick, a, &e, &y), 0);
	assert_int_equal(x.len, y.len);
	assert_memory_equal(x.data, y.data, x.len);
	buf_done(&x);
	buf_done(&y);
	outcomes[d.outcome]++;
}

static void a_list_finds_what_weighing_all_pools_finds(void **state)
{
	struct city *c = *state;
	struct shortlists_size size;
	unsigned outcomes[4] = { 0 };

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct ask a = ask_of(c, i);

		compare(c, &a, outcomes);
		live_on(c);
		if (i % 100 == 99) {
			make_pool(c, roll(c, POOLS));
			c->s.generation++;
		}
		arena_reset(&c->arena);
	}
	shortlists_size(c->lists, &size);
	print_message("%u chosen, %u wait, %u refused; %.1f of %d pools weighed\n",
		      outcomes[OUTCOME_CHOSEN], outcomes[OUTCOME_WAIT], outcomes[OUTCOME_REFUSED],
		      (double)size.weighed / (double)size.asked, POOLS);
	assert_true(outcomes[OUTCOME_CHOSEN] > ROUNDS / 10 && outcomes[OUTCOME_WAIT]);
	assert_true(size.weighed < size.asked * POOLS / 4);
}

/* Somebody forgot to say that the pools declare something else: nothing may go where it may not. */
static void an_old_list_sends_nothing_to_a_pool_that_may_not_see_it(void **state)
{
	struct city *c = *state;
	unsigned sent = 0;

	c->s.shortlists = c->lists;
	for (unsigned i = 0; i < 200; i++) {
		struct ask a = ask_of(c, i);
		struct decision d;

		select_decide(&c->s, &a, &c->arena, &d);
		for (uint32_t k = 0; k < POOLS; k++)
			c->pool[k].clearance = (enum level)(LEVEL_1 + roll(c, 2));
		select_decide(&c->s, &a, &c->arena, &d);
		if (d.best == UINT32_MAX)
			continue;
		assert_false(eligible_reasons(&c->s, &a, c->list[d.best]));
		assert_true(c->pool[d.best].clearance >= a.spec->level);
		sent++;
	}
	assert_true(sent > 10);
}

/* A pool that becomes the best one is found with the next generation, and not by luck. */
static void a_pool_that_declares_anew_is_seen_with_the_next_generation(void **state)
{
	struct city *c = *state;
	struct ask a = { .spec = &c->specs[0], .seed = 1 };
	struct pool *p = &c->pool[17];
	struct decision d;

	c->specs[0] = (struct task_spec){ .name = "a", .kind = "a", .tenant = "lab", .nodes = 1,
		.cpu_milli = 1000, .memory_mb = 1024, .walltime_s = 3600, .level = LEVEL_3,
		.prefer = prefer_profiles[1] };
	c->s.shortlists = c->lists;
	p->clearance = LEVEL_1;
	select_decide(&c->s, &a, &c->arena, &d);
	assert_int_not_equal(d.best, 17);
	p->clearance = LEVEL_4;
	p->cpu_hour_micro = p->accel_hour_micro = 0;
	p->cpu_milliwatt = 0;
	p->speed_milli = 100000;
	p->nodes[0].cpu_free_milli = p->nodes[0].cpu_milli;
	c->s.generation++;
	select_decide(&c->s, &a, &c->arena, &d);
	assert_int_equal(d.best, 17);
	assert_int_equal(d.outcome, OUTCOME_CHOSEN);
}

static void no_more_lists_are_kept_than_there_is_room_for(void **state)
{
	struct city *c = *state;
	struct shortlists_size size;
	struct decision d;

	c->s.shortlists = c->lists;
	for (unsigned i = 0; i < SHORTLISTS_MAX + 50; i++) {
		struct ask a = { .spec = &c->specs[i % SPECS], .ndata = 1, .data_mb = { i },
				 .data_from = { "cn/50" } };

		select_decide(&c->s, &a, &c->arena, &d);
	}
	shortlists_size(c->lists, &size);
	assert_int_equal(size.lists, SHORTLISTS_MAX);
	assert_true(size.bytes <= SHORTLIST_BYTES_MAX);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_list_finds_what_weighing_all_pools_finds),
		T(an_old_list_sends_nothing_to_a_pool_that_may_not_see_it),
		T(a_pool_that_declares_anew_is_seen_with_the_next_generation),
		T(no_more_lists_are_kept_than_there_is_room_for),
	};

	return cmocka_run_group_tests_name("shortlist", tests, NULL, NULL);
}
