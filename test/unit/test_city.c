/* test_city.c - a history on other pools: who goes where, when, for how much, and why */

#include "../lib/past.h"

#include "base/mem.h"
#include "sim/city.h"

enum { POOLS_MOST = 4 };

static struct catalogue cat;
static struct past p;
static struct err err;
static struct lines l;

static int begin(void **state)
{
	chips(&cat);
	lines_begin(&l);
	return 0;
}

static int end(void **state)
{
	past_done(&p);
	catalogue_done(&cat);
	return 0;
}

struct side {
	uint32_t n;
	struct pool *pools[POOLS_MOST];
	struct city_result r;
};

/* "name cpus accel-model(or -) price": one node each. */
static void add_pool(struct side *s, const char *name, unsigned cpus, const char *accel,
		     const char *cpu_hour, const char *more)
{
	char text[600];
	json_t *v;

	snprintf(text, sizeof(text), "{'name':'%s','region':'cn','engine':'fake','clearance':2,"
		 "'price':{'cpu_hour':'%s','accelerator_hour':'1.00'},'groups':[{'count':1,"
		 "'cpus':%u,'memory_mb':4096%s%s%s}]%s}", name, cpu_hour, cpus,
		 *accel == '-' ? "" : ",'accelerators':{'count':2,'model':'",
		 *accel == '-' ? "" : accel, *accel == '-' ? "" : "'}", more);
	v = json_of(text);
	if (pool_decode(v, "", NULL, &cat, &s->pools[s->n++], &err))
		fail_msg("%s %s", err.field, err.text);
	json_decref(v);
}

static void run_beside(struct side *s, const struct side *beside, uint32_t tenant_max)
{
	struct city c = { .past = &p, .catalogue = &cat, .npools = s->n, .pools = s->pools,
			  .seed = 1, .tenant_running_max = tenant_max,
			  .beside = beside ? &beside->r : NULL,
			  .beside_pools = beside ? beside->pools : NULL };

	assert_int_equal(city_run(&c, &s->r, &err), 0);
}

static void run(struct side *s)
{
	assert_int_equal(lines_read(&l, &cat, &p, &err), 0);
	run_beside(s, NULL, 0);
}

static void side_done(struct side *s)
{
	city_result_done(&s->r);
	for (uint32_t i = 0; i < s->n; i++)
		pool_free(s->pools[i]);
}

static int64_t start_s(const struct side *s, uint32_t task)
{
	return (s->r.fates[task].start_ms - p.tasks[0].submitted_ms) / 1000;
}

static void a_task_starts_at_once_where_there_is_room(void **state)
{
	struct side s = { 0 };

	add_pool(&s, "hub", 4, "-", "3.60", "");
	lines_task(&l, 1, 0, 2, ran("hub", "cpu", 100));
	run(&s);
	assert_int_equal(s.r.done, 1);
	assert_int_equal(start_s(&s, 0), 0);
	assert_int_equal(s.r.fates[0].end_ms - s.r.fates[0].start_ms, 100000);
	/* two cpus for 100 s at a thousandth of a yuan a second */
	assert_int_equal(s.r.cost_micro, 200000);
	assert_true(s.r.pools[0].cpu_ms == 200000);
	side_done(&s);
}

static void the_next_waits_until_the_first_ends(void **state)
{
	struct side s = { 0 };

	add_pool(&s, "hub", 4, "-", "0.10", "");
	lines_task(&l, 1, 0, 4, ran("hub", "cpu", 100));
	lines_task(&l, 2, 10, 4, ran("hub", "cpu", 50));
	run(&s);
	assert_int_equal(s.r.done, 2);
	assert_int_equal(start_s(&s, 1), 100);
	assert_true(s.r.waits.max_s == 90);
	side_done(&s);
}

static void a_pool_that_is_added_takes_those_that_waited_and_says_why(void **state)
{
	struct side base = { 0 }, more = { 0 };

	add_pool(&base, "hub", 4, "-", "0.10", "");
	lines_task(&l, 1, 0, 4, ran("hub", "cpu", 1000));
	lines_task(&l, 2, 10, 4, ran("hub", "cpu", 50));
	run(&base);
	add_pool(&more, "hub", 4, "-", "0.10", "");
	add_pool(&more, "new", 4, "-", "0.10", "");
	run_beside(&more, &base, 0);
	assert_true(base.r.waits.max_s > 900);
	assert_true(more.r.waits.max_s == 0);
	/* the first had a choice between equals, the second had not */
	assert_true(more.r.fates[0].pool != more.r.fates[1].pool);
	for (uint32_t i = 0; i < 2; i++)
		if (more.r.fates[i].pool == 1)
			assert_true(!strcmp(more.r.fates[i].why, i ? "full" : "tie"));
		else
			assert_null(more.r.fates[i].why);
	side_done(&base);
	side_done(&more);
}

static void a_drained_pool_sends_its_tasks_elsewhere(void **state)
{
	struct side base = { 0 }, other = { 0 };

	add_pool(&base, "hub", 4, "-", "0.10", "");
	add_pool(&base, "dear", 4, "-", "9.00", "");
	lines_task(&l, 1, 0, 1, ran("hub", "cpu", 10));
	run(&base);
	assert_int_equal(base.r.fates[0].pool, 0);
	add_pool(&other, "hub", 4, "-", "0.10", "");
	add_pool(&other, "dear", 4, "-", "9.00", "");
	other.pools[0]->drained = true;
	run_beside(&other, &base, 0);
	assert_int_equal(other.r.fates[0].pool, 1);
	assert_string_equal(other.r.fates[0].why, "drained");
	assert_true(other.r.cost_micro > base.r.cost_micro);
	side_done(&base);
	side_done(&other);
}

static void what_only_a_drained_pool_could_take_waits_to_the_end(void **state)
{
	struct side s = { 0 };

	add_pool(&s, "hub", 4, "-", "0.10", "");
	s.pools[0]->drained = true;
	lines_task(&l, 1, 0, 1, ran("hub", "cpu", 10));
	run(&s);
	assert_int_equal(s.r.waiting, 1);
	assert_string_equal(s.r.fates[0].why, "drained");
	side_done(&s);
}

static void what_no_pool_could_ever_take_is_refused(void **state)
{
	struct side s = { 0 };

	add_pool(&s, "hub", 4, "-", "0.10", "");
	lines_task(&l, 1, 0, 5, "");
	lines_task(&l, 2, 0, 1, ",'accelerators':{'count':1}");
	run(&s);
	assert_int_equal(s.r.refused, 2);
	assert_string_equal(s.r.fates[0].why, "cpu");
	assert_string_equal(s.r.fates[1].why, "accelerator");
	side_done(&s);
}

static void a_higher_level_is_never_sent_below_it(void **state)
{
	struct side s = { 0 };

	add_pool(&s, "hub", 4, "-", "0.10", "");
	fputs("{'id':'1','tenant':'lab','state':'done','data_level':'core',"
	      "'submitted_at':'2026-11-23T00:00:00Z'}\n", l.f);
	l.tasks = 1;
	run(&s);
	assert_int_equal(s.r.refused, 1);
	assert_string_equal(s.r.fates[0].why, "clearance");
	side_done(&s);
}

static void another_chip_takes_as_long_as_its_peak_says(void **state)
{
	struct side s = { 0 };

	add_pool(&s, "hub", 4, "small", "0.10", "");
	lines_task(&l, 1, 0, 1, "");
	lines_task(&l, 2, 0, 1, ",'accelerators':{'count':1},'started_at':'2026-11-23T00:00:00Z',"
		   "'ended_at':'2026-11-23T00:00:00Z','run':{'pool':'old','chip':'big','speed':1,"
		   "'attempts':1,'run_ms':100500,'cost_micro':5,'energy_j':6,'carbon_mg':7}");
	run(&s);
	/* 300 against 100.5 TFLOPS */
	assert_int_equal(s.r.fates[1].end_ms - s.r.fates[1].start_ms, 300000);
	assert_int_equal(s.r.by_basis[CITY_PEAK], 1);
	assert_int_equal(s.r.by_basis[CITY_GUESSED], 1);
	side_done(&s);
}

static void what_was_learned_counts_more_than_a_peak(void **state)
{
	struct side s = { 0 };
	const char *gpu = ",'accelerators':{'count':1},'started_at':'2026-11-23T00:00:00Z',"
			  "'ended_at':'2026-11-23T00:00:00Z','run':{'pool':'%s','chip':'%s',"
			  "'speed':1,'attempts':1,'run_ms':%u,'cost_micro':5,'energy_j':6,"
			  "'carbon_mg':7}";
	char more[400];

	add_pool(&s, "hub", 4, "small", "0.10", "");
	snprintf(more, sizeof(more), gpu, "old", "big", 100000u);
	lines_task(&l, 1, 0, 1, more);
	snprintf(more, sizeof(more), gpu, "hub", "small", 150000u);
	lines_task(&l, 2, 0, 1, more);
	run(&s);
	assert_int_equal(s.r.by_basis[CITY_LEARNED], 1);
	assert_int_equal(s.r.by_basis[CITY_AS_RUN], 1);
	assert_in_range(s.r.fates[0].end_ms - s.r.fates[0].start_ms, 149000, 151000);
	side_done(&s);
}

static void a_run_is_cut_at_its_walltime(void **state)
{
	struct side s = { 0 };

	add_pool(&s, "slow", 4, "-", "0.10", ",'speed':0.1");
	lines_task(&l, 1, 0, 1, ran("hub", "cpu", 1000));
	run(&s);
	assert_true(s.r.fates[0].cut);
	assert_int_equal(s.r.cut, 1);
	assert_int_equal(s.r.fates[0].end_ms - s.r.fates[0].start_ms, 3600000);
	side_done(&s);
}

static void a_task_waits_for_its_predecessor(void **state)
{
	struct side s = { 0 };

	add_pool(&s, "hub", 4, "-", "0.10", "");
	lines_task(&l, 1, 0, 1, ran("hub", "cpu", 100));
	lines_task(&l, 2, 0, 1, ",'after':[{'task':'1','when':'done'}]");
	lines_task(&l, 3, 0, 1, ",'after':[{'task':'77'}]");
	run(&s);
	assert_int_equal(start_s(&s, 1), 100);
	assert_int_equal(start_s(&s, 2), 0);    /* nothing is known of 77: it was over */
	side_done(&s);
}

static void those_behind_a_refused_one_are_refused(void **state)
{
	struct side s = { 0 };

	add_pool(&s, "hub", 4, "-", "0.10", "");
	lines_task(&l, 1, 0, 9, "");
	lines_task(&l, 2, 0, 1, ",'after':[{'task':'1'}]");
	lines_task(&l, 3, 0, 1, ",'after':[{'task':'2'}]");
	run(&s);
	assert_int_equal(s.r.refused, 3);
	assert_string_equal(s.r.fates[2].why, "dependency");
	side_done(&s);
}

static void an_array_keeps_its_limit(void **state)
{
	struct side s = { 0 };
	char line[400];

	add_pool(&s, "hub", 8, "-", "0.10", "");
	for (int i = 0; i < 4; i++) {
		snprintf(line, sizeof(line), "{'id':'5_%d','tenant':'lab','state':'done','cpus':1,"
			 "'array_limit':2,'walltime_s':200,"
			 "'submitted_at':'2026-11-23T00:00:00Z'}\n", i);
		fputs(line, l.f);
		l.tasks++;
	}
	run(&s);
	assert_int_equal(start_s(&s, 1), 0);
	assert_int_equal(start_s(&s, 2), 100);
	assert_int_equal(start_s(&s, 3), 100);
	side_done(&s);
}

static void a_tenant_at_its_limit_waits(void **state)
{
	struct side s = { 0 };

	add_pool(&s, "hub", 8, "-", "0.10", "");
	lines_task(&l, 1, 0, 1, ran("hub", "cpu", 100));
	lines_task(&l, 2, 0, 1, ran("hub", "cpu", 100));
	assert_int_equal(lines_read(&l, &cat, &p, &err), 0);
	run_beside(&s, NULL, 1);
	assert_int_equal(start_s(&s, 1), 100);
	side_done(&s);
}

static void the_same_input_gives_the_same_fates(void **state)
{
	struct side a = { 0 }, b = { 0 };

	for (unsigned i = 1; i <= 200; i++)
		lines_task(&l, i, i * 7 % 300, 1 + i % 4, ran("x", "cpu", 20 + i % 90));
	assert_int_equal(lines_read(&l, &cat, &p, &err), 0);
	for (int k = 0; k < 2; k++) {
		struct side *s = k ? &b : &a;

		add_pool(s, "x", 6, "-", "0.10", "");
		add_pool(s, "y", 5, "-", "0.10", "");
		run_beside(s, NULL, 0);
	}
	assert_int_equal(a.r.done, 200);
	for (uint32_t i = 0; i < 200; i++) {
		assert_int_equal(a.r.fates[i].start_ms, b.r.fates[i].start_ms);
		assert_int_equal(a.r.fates[i].pool, b.r.fates[i].pool);
		assert_true(a.r.fates[i].start_ms >= p.tasks[i].submitted_ms);
	}
	side_done(&a);
	side_done(&b);
}

static void a_pool_without_nodes_is_refused_by_its_name(void **state)
{
	struct side s = { 0 };
	struct city c = { .past = &p, .catalogue = &cat, .pools = s.pools, .seed = 1 };

	add_pool(&s, "hub", 8, "-", "0.10", "");
	s.pools[0]->nnodes = 0;
	c.npools = s.n;
	lines_task(&l, 1, 0, 1, "");
	assert_int_equal(lines_read(&l, &cat, &p, &err), 0);
	assert_int_equal(city_run(&c, &s.r, &err), ERR_E_INPUT);
	says(&err, "", "pool hub has no nodes");
	side_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
		T(a_task_starts_at_once_where_there_is_room),
		T(the_next_waits_until_the_first_ends),
		T(a_pool_that_is_added_takes_those_that_waited_and_says_why),
		T(a_drained_pool_sends_its_tasks_elsewhere),
		T(what_only_a_drained_pool_could_take_waits_to_the_end),
		T(what_no_pool_could_ever_take_is_refused),
		T(a_higher_level_is_never_sent_below_it),
		T(another_chip_takes_as_long_as_its_peak_says),
		T(what_was_learned_counts_more_than_a_peak),
		T(a_run_is_cut_at_its_walltime),
		T(a_task_waits_for_its_predecessor),
		T(those_behind_a_refused_one_are_refused),
		T(an_array_keeps_its_limit),
		T(a_tenant_at_its_limit_waits),
		T(the_same_input_gives_the_same_fates),
		T(a_pool_without_nodes_is_refused_by_its_name),
	};

	return cmocka_run_group_tests_name("city", tests, NULL, NULL);
}
