/* test_trace.c - traces are read strictly, and tasks arrive in an order a seed decides */

#include "sim/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define NODE_HEAD "sn,cpu_milli,memory_mib,gpu,model\n"
#define TASK_HEAD "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos\n"

static char path[64];
static struct err err;

static int open_case(void **state)
{
	static struct trace t;
	int fd;

	memset(&t, 0, sizeof(t));
	strcpy(path, "/tmp/test_trace.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	*state = &t;
	return 0;
}

static int close_case(void **state)
{
	trace_done(*state);
	unlink(path);
	return 0;
}

static void write_file(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int nodes(struct trace *t, const char *text)
{
	write_file(text);
	return trace_read_nodes(t, path, &err);
}

static int tasks(struct trace *t, const char *text)
{
	write_file(text);
	return trace_read_tasks(t, path, &err);
}

static void two_kinds(struct trace *t)
{
	assert_int_equal(nodes(t, NODE_HEAD "a,64000,262144,2,P100\nb,96000,393216,8,G2\n"
				  "c,32000,65536,0,\n"), 0);
}

static void nodes_are_read_with_their_models(void **state)
{
	struct trace *t = *state;

	two_kinds(t);
	assert_int_equal(t->nnodes, 3);
	assert_int_equal(t->kinds.n, 2);
	assert_string_equal(t->models[1], "G2");
	assert_int_equal(t->nodes[1].accel_free_milli[7], 1000);
	assert_int_equal(t->nodes[2].model, ACCEL_NONE);
	assert_int_equal(t->capacity_milli, 10000);
}

static void tasks_are_read_and_sorted_by_name(void **state)
{
	struct trace *t = *state;

	two_kinds(t);
	assert_int_equal(tasks(t, TASK_HEAD "z,4000,100,1,470,,LS\n"
				  "a,0,100,4,1000,G2|V100,BE\r\nm,1000,1,0,0,,BE\n"), 0);
	assert_int_equal(t->ntasks, 3);
	assert_string_equal(t->tasks[0].name, "a");
	assert_int_equal(t->tasks[0].ask.cpu_milli, 100);
	assert_int_equal(t->tasks[0].ask.devices[0], 0);
	assert_int_equal(t->tasks[0].ask.devices[1], 4);
	assert_int_equal(t->tasks[1].ask.share_milli, 0);
	assert_int_equal(t->tasks[2].ask.share_milli, 470);
	assert_int_equal(t->tasks[2].ask.devices[0], 1);
}

static void a_list_without_models_allows_all_of_them(void **state)
{
	struct trace *t = *state;

	two_kinds(t);
	assert_int_equal(tasks(t, "name,cpu_milli,memory_mib,num_gpu,gpu_milli\n"
				  "a,1,1,1,1000\n"), 0);
	assert_int_equal(t->tasks[0].ask.devices[0], 1);
	assert_int_equal(t->tasks[0].ask.devices[1], 1);
}

static void times_are_read_in_both_spellings(void **state)
{
	struct trace *t = *state;

	two_kinds(t);
	assert_int_equal(tasks(t, "name,cpu_milli,memory_mib,num_gpu,gpu_milli,submit_s,run_s\n"
				  "a,1,1,1,1000,5,60\n"), 0);
	assert_true(t->timed);
	assert_int_equal(t->tasks[0].submit_s, 5);
	assert_int_equal(t->tasks[0].run_s, 60);
	t->ntasks = 0;
	assert_int_equal(tasks(t, "name,cpu_milli,memory_mib,num_gpu,gpu_milli,creation_time,"
				  "deletion_time,scheduled_time\n"
				  "a,1,1,1,1000,5,60,20\nb,1,1,1,1000,5,60,\nc,1,1,1,1000,5,9,20\n"),
			 0);
	assert_true(t->timed);
	assert_int_equal(t->tasks[0].run_s, 40);
	assert_int_equal(t->tasks[1].run_s, 55);
	assert_int_equal(t->tasks[2].run_s, 0);
}

static void a_list_with_half_of_the_times_has_none(void **state)
{
	struct trace *t = *state;

	two_kinds(t);
	assert_int_equal(tasks(t, "name,cpu_milli,memory_mib,num_gpu,gpu_milli,submit_s\n"
				  "a,1,1,1,1000,x\n"), 0);
	assert_false(t->timed);
}

static void a_time_that_is_none_is_named(void **state)
{
	struct trace *t = *state;

	two_kinds(t);
	assert_int_equal(tasks(t, "name,cpu_milli,memory_mib,num_gpu,gpu_milli,submit_s,run_s\n"
				  "a,1,1,1,1000,5,-1\n"), ERR_E_INPUT);
	assert_string_equal(err.field, "run_s");
	assert_int_equal(err.line, 2);
}

static void a_power_that_is_none_is_named(void **state)
{
	assert_int_equal(nodes(*state, "sn,cpu_milli,memory_mib,gpu,model,tdp_w\na,1,1,1,T4,hot\n"),
			 ERR_E_INPUT);
	assert_string_equal(err.field, "tdp_w");
}

static void a_file_that_is_not_there_is_named(void **state)
{
	assert_true(trace_read_nodes(*state, "/nonexistent.csv", &err) < 0);
	assert_non_null(strstr(err.text, "/nonexistent.csv"));
}

static void a_missing_column_is_named(void **state)
{
	assert_int_equal(nodes(*state, "sn,cpu_milli,gpu,model\n"), ERR_E_INPUT);
	assert_string_equal(err.field, "memory_mib");
}

static void an_empty_file_is_refused(void **state)
{
	assert_int_equal(nodes(*state, ""), ERR_E_INPUT);
	assert_int_equal(nodes(*state, NODE_HEAD), ERR_E_INPUT);
}

static void a_number_that_is_none_is_refused_with_its_line(void **state)
{
	assert_int_equal(nodes(*state, NODE_HEAD "a,1,1,1,X\nb,many,1,1,X\n"), ERR_E_INPUT);
	assert_int_equal(err.line, 3);
	assert_string_equal(err.field, "cpu_milli");
}

static void more_devices_than_a_server_has_are_refused(void **state)
{
	assert_int_equal(nodes(*state, NODE_HEAD "a,1,1,17,X\n"), ERR_E_INPUT);
	assert_string_equal(err.field, "gpu");
}

static void a_line_that_is_cut_off_is_refused(void **state)
{
	assert_int_equal(nodes(*state, NODE_HEAD "a,1,1\n"), ERR_E_INPUT);
	assert_string_equal(err.field, "gpu");
}

static void a_line_without_end_is_refused(void **state)
{
	char *text = malloc(2 * TRACE_LINE_MAX);

	memset(text, 'x', 2 * TRACE_LINE_MAX);
	memcpy(text, NODE_HEAD, strlen(NODE_HEAD));
	text[2 * TRACE_LINE_MAX - 1] = 0;
	assert_int_equal(nodes(*state, text), ERR_E_INPUT);
	free(text);
}

static void devices_without_a_share_are_refused(void **state)
{
	two_kinds(*state);
	assert_int_equal(tasks(*state, TASK_HEAD "a,1,1,1,0,,\n"), ERR_E_INPUT);
	assert_int_equal(tasks(*state, TASK_HEAD "a,1,1,1,1001,,\n"), ERR_E_INPUT);
	assert_string_equal(err.field, "gpu_milli");
}

static void arrivals_end_when_enough_was_asked_for(void **state)
{
	struct trace *t = *state;
	uint32_t *list, n;

	two_kinds(t);
	assert_int_equal(tasks(t, TASK_HEAD "a,1,1,1,500,,\nb,1,1,1,500,,\nc,1,1,0,0,,\n"), 0);
	n = trace_arrivals(t, 42, 130, &list);
	for (uint32_t i = 0, milli = 0; i < n; i++) {
		assert_true(milli < 13000);
		milli += list[i] < 2 ? 500 : 0;
		assert_true(i + 1 < n || milli == 13000);
	}
	free(list);
	n = trace_arrivals(t, 42, 5, &list);    /* less than the list asks for */
	assert_true(n <= 2);
	free(list);
}

static void the_same_seed_is_the_same_order(void **state)
{
	struct trace *t = *state;
	uint32_t *a, *b, *c, n;

	two_kinds(t);
	assert_int_equal(tasks(t, TASK_HEAD "a,1,1,1,500,,\nb,1,1,1,300,,\nc,1,1,1,100,,\n"), 0);
	n = trace_arrivals(t, 7, 130, &a);
	assert_int_equal(trace_arrivals(t, 7, 130, &b), n);
	assert_memory_equal(a, b, n * sizeof(*a));
	trace_arrivals(t, 8, 130, &c);
	assert_memory_not_equal(a, c, 16 * sizeof(*a));
	free(a);
	free(b);
	free(c);
}

static void tasks_without_devices_arrive_once(void **state)
{
	struct trace *t = *state;
	uint32_t *list;

	two_kinds(t);
	assert_int_equal(tasks(t, TASK_HEAD "a,1,1,0,0,,\nb,1,1,0,0,,\n"), 0);
	assert_int_equal(trace_arrivals(t, 1, 130, &list), 2);
	free(list);
}

static void a_tiled_list_has_all_nodes_again(void **state)
{
	struct trace *t = *state;

	two_kinds(t);
	assert_int_equal(trace_tile(t, 3, &err), 0);
	assert_int_equal(t->nnodes, 9);
	assert_string_equal(t->node_names[4], "b.1");
	assert_int_equal(t->capacity_milli, 30000);
	assert_int_equal(t->kinds.devices[1], 24);
	assert_int_equal(trace_tile(t, 0, &err), ERR_E_INPUT);
	assert_int_equal(trace_tile(t, POOL_NODES_MAX, &err), ERR_E_INPUT);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, open_case, close_case)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(nodes_are_read_with_their_models), CASE(tasks_are_read_and_sorted_by_name),
		CASE(a_list_without_models_allows_all_of_them),
		CASE(times_are_read_in_both_spellings),
		CASE(a_list_with_half_of_the_times_has_none),
		CASE(a_time_that_is_none_is_named),
		CASE(a_power_that_is_none_is_named),
		CASE(a_file_that_is_not_there_is_named), CASE(a_missing_column_is_named),
		CASE(an_empty_file_is_refused),
		CASE(a_number_that_is_none_is_refused_with_its_line),
		CASE(more_devices_than_a_server_has_are_refused),
		CASE(a_line_that_is_cut_off_is_refused), CASE(a_line_without_end_is_refused),
		CASE(devices_without_a_share_are_refused),
		CASE(arrivals_end_when_enough_was_asked_for), CASE(the_same_seed_is_the_same_order),
		CASE(tasks_without_devices_arrive_once), CASE(a_tiled_list_has_all_nodes_again),
	};

	return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
