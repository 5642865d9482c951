/* test_past.c - a history is read whole and strictly, or not at all */

#include "../lib/past.h"

#define HEAD "{'suanlu_history':1,'node':'n1','exported_at':'2026-11-24T00:00:00Z'}\n"
#define TASK(id) \
	"{'id':'" id "','name':'t','tenant':'lab','kind':'compute','state':'waiting'," \
	"'submitted_at':'2026-11-23T09:00:00.5Z','nodes':1,'cpus':1.5,'memory_mb':64," \
	"'walltime_s':60,'image':false,'data_level':2,'prefer':'cheapest'}\n"
#define GROUP "{'pool':'hub','groups':[{'cpus':1,'memory_mb':1}]}\n"
#define TAIL(n) "{'end':true,'tasks':" #n "}\n"

static struct catalogue cat;
static struct past p;
static struct err err;

static int begin(void **state)
{
	chips(&cat);
	return 0;
}

static int end(void **state)
{
	past_done(&p);
	catalogue_done(&cat);
	return 0;
}

static int read_text(const char *text)
{
	return past_of(text, strlen(text), &cat, &p, &err);
}

static void tasks_come_in_order_of_submission(void **state)
{
	struct lines l;

	lines_begin(&l);
	lines_task(&l, 9, 50, 1, "");
	lines_task(&l, 7, 10, 2, ran("hub", "big", 30));
	assert_int_equal(lines_read(&l, &cat, &p, &err), 0);
	assert_int_equal(p.n, 2);
	assert_int_equal(p.tasks[0].sub, 7);
	assert_int_equal(p.tasks[0].run_ms, 30000);
	assert_string_equal(p.tasks[0].pool, "hub");
	assert_int_equal(p.tasks[0].spec->cpu_milli, 2000);
	assert_int_equal(p.tasks[1].run_ms, -1);
	assert_null(p.tasks[1].pool);
	assert_string_equal(p.node, "n1");
}

static void equal_asks_share_their_memory(void **state)
{
	assert_int_equal(read_text(HEAD TASK("1") TASK("2") TAIL(2)), 0);
	assert_ptr_equal(p.tasks[0].spec, p.tasks[1].spec);
	assert_string_equal(p.tasks[0].spec->tenant, "lab");
	assert_int_equal(p.tasks[0].submitted_ms % 1000, 500);
}

static void an_element_is_found_by_its_submission_and_index(void **state)
{
	assert_int_equal(read_text(HEAD TASK("4_7") TASK("4_2") TASK("3") TAIL(3)), 0);
	assert_int_equal(p.tasks[p.by_id[past_find(&p, 4, 0)]].index, 2);
	assert_int_equal(p.tasks[p.by_id[past_find(&p, 4, 7)]].index, 7);
	assert_int_equal(past_find(&p, 4, 8), UINT32_MAX);
	assert_int_equal(past_find(&p, 5, 0), UINT32_MAX);
}

static void what_is_not_a_history_is_said(void **state)
{
	assert_int_equal(read_text("name,cpu\nx,1\n"), ERR_E_INPUT);
	says(&err, "", "not a history");
	past_done(&p);
	assert_int_equal(read_text(""), ERR_E_INPUT);
	says(&err, "", "not a history");
	past_done(&p);
	assert_int_equal(read_text("{'tasks':[]}\n"), ERR_E_INPUT);
	says(&err, "", "not a history");
}

static void a_later_format_is_refused_by_its_number(void **state)
{
	assert_int_equal(read_text("{'suanlu_history':2}\n"), ERR_E_INPUT);
	says(&err, "suanlu_history", "format 2");
}

static void a_file_that_is_cut_off_is_refused(void **state)
{
	assert_int_equal(read_text(HEAD TASK("1")), ERR_E_INPUT);
	says(&err, "", "cut off");
	past_done(&p);
	assert_int_equal(read_text(HEAD TASK("1") TAIL(2)), ERR_E_INPUT);
	says(&err, "tasks", "there are 1");
}

static void pools_are_read_with_their_nodes(void **state)
{
	const struct pool *hub;

	assert_int_equal(read_text(HEAD "{'pool':'hub','groups':[{'count':3,'cpus':4,'memory_mb':9,"
				   "'accelerators':{'model':'big','count':2}}]}\n" TASK("1") TAIL(1)), 0);
	hub = past_pool(&p, "hub");
	assert_int_equal(hub->nnodes, 3);
	assert_int_equal(hub->nodes[2].accel_free_milli[1], 1000);
	assert_string_equal(hub->chip, "big");
	assert_null(past_pool(&p, "west"));
}

static void wrong_pools_are_refused_with_their_line(void **state)
{
	static const char *const bad[] = {
		"{'pool':'hub'}\n", "{'pool':'hub','groups':[],'more':1}\n",
		"{'pool':'no name','groups':[{'cpus':1,'memory_mb':1}]}\n",
		"{'pool':'hub','groups':[{'cpus':1}]}\n",
	};
	char text[600];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), HEAD "%s" TASK("1") TAIL(1), bad[i]);
		assert_int_equal(read_text(text), ERR_E_INPUT);
		assert_non_null(strstr(err.text, "past.jsonl:2"));
		past_done(&p);
	}
	snprintf(text, sizeof(text), HEAD "%s%s" TASK("1") TAIL(1), GROUP, GROUP);
	assert_int_equal(read_text(text), ERR_E_INPUT);
	says(&err, "pool", "twice");
}

static void nothing_may_follow_the_end(void **state)
{
	assert_int_equal(read_text(HEAD TASK("1") TAIL(1) TASK("2")), ERR_E_INPUT);
	says(&err, "", "past.jsonl:4");
}

static void a_key_that_nobody_knows_is_refused_with_its_line(void **state)
{
	assert_int_equal(read_text(HEAD TASK("1")
				   "{'id':'2','state':'done','submitted_at':'2026-11-23T09:00:00Z',"
				   "'tenant':'x','colour':'red'}\n" TAIL(2)), ERR_E_INPUT);
	says(&err, "colour", "past.jsonl:3");
	assert_int_equal(err.line, 3);
}

static void a_shape_that_the_api_would_refuse_is_refused(void **state)
{
	assert_int_equal(read_text(HEAD "{'id':'2','state':'done','tenant':'x','cpus':-1,"
				   "'submitted_at':'2026-11-23T09:00:00Z'}\n" TAIL(1)), ERR_E_INPUT);
	says(&err, "cpus", "past.jsonl:2");
	past_done(&p);
	assert_int_equal(read_text(HEAD "{'id':'2','state':'done','tenant':'x','accelerators':"
				   "{'models':['huge'],'count':1},'submitted_at':"
				   "'2026-11-23T09:00:00Z'}\n" TAIL(1)), ERR_E_INPUT);
	says(&err, "accelerators.models", "huge");
}

static void a_task_that_is_there_twice_is_refused(void **state)
{
	assert_int_equal(read_text(HEAD TASK("1") TASK("1") TAIL(2)), ERR_E_INPUT);
	says(&err, "id", "twice");
}

static void a_history_without_tasks_is_refused(void **state)
{
	assert_int_equal(read_text(HEAD TAIL(0)), ERR_E_INPUT);
	says(&err, "", "no task");
}

static void wrong_times_states_and_ids_are_named(void **state)
{
	static const char *const bad[][2] = {
		{ "id", "'id':'x','state':'done','submitted_at':'2026-11-23T09:00:00Z'" },
		{ "state", "'id':'1','state':'odd','submitted_at':'2026-11-23T09:00:00Z'" },
		{ "submitted_at", "'id':'1','state':'done','submitted_at':'yesterday'" },
		{ "submitted_at", "'id':'1','state':'done'" },
		{ "tenant", "'id':'1','state':'done','submitted_at':'2026-11-23T09:00:00Z'" },
		{ "data", "'id':'1','state':'done','submitted_at':'2026-11-23T09:00:00Z','tenant':"
		  "'x','data':[1,2,3,4,5,6,7,8,9]" },
		{ "run.speed", "'id':'1','state':'done','submitted_at':'2026-11-23T09:00:00Z',"
		  "'tenant':'x','run':{'pool':'a','chip':'cpu','speed':0,'attempts':1,"
		  "'cost_micro':0,'energy_j':0,'carbon_mg':0}" },
	};
	char text[600];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), HEAD "{%s}\n" TAIL(1), bad[i][1]);
		assert_int_equal(read_text(text), ERR_E_INPUT);
		says(&err, bad[i][0], "past.jsonl:2");
		past_done(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
		T(tasks_come_in_order_of_submission),
		T(equal_asks_share_their_memory),
		T(an_element_is_found_by_its_submission_and_index),
		T(what_is_not_a_history_is_said),
		T(a_later_format_is_refused_by_its_number),
		T(a_file_that_is_cut_off_is_refused),
		T(pools_are_read_with_their_nodes),
		T(wrong_pools_are_refused_with_their_line),
		T(nothing_may_follow_the_end),
		T(a_key_that_nobody_knows_is_refused_with_its_line),
		T(a_shape_that_the_api_would_refuse_is_refused),
		T(a_task_that_is_there_twice_is_refused),
		T(a_history_without_tasks_is_refused),
		T(wrong_times_states_and_ids_are_named),
	};

	return cmocka_run_group_tests_name("past", tests, NULL, NULL);
}
