/* test_flow.c - tasks live as the drawing says, on the fake engine and a memory store */

#include "../lib/flow_world.h"

/* ---- choosing ---- */

static void a_public_task_runs_on_the_cheapest_pool(void **state)
{
	struct world *w = *state;
	uint64_t no;

	start(w, hub, edge, NULL);
	no = submit(w, "{\"command\":[\"true\"],\"prefer\":\"cheapest\"}");
	until(w, no, TASK_DONE);
	assert_string_equal(flow_task_pool(w->flow, task(w, no)), "hub");
	assert_int_equal(task(w, no)->attempt, 1);
}

static void an_important_task_runs_only_where_it_may(void **state)
{
	struct world *w = *state;
	uint64_t no;

	start(w, hub, edge, NULL);
	no = submit(w, "{\"command\":[\"true\"],\"data_level\":\"important\",\"prefer\":\"cheapest\"}");
	until(w, no, TASK_DONE);
	assert_string_equal(flow_task_pool(w->flow, task(w, no)), "edge");
}

static void a_task_above_every_clearance_is_refused(void **state)
{
	struct world *w = *state;
	struct flow_submitted s;

	start(w, hub, edge, NULL);
	assert_int_equal(try_submit(w, "{\"command\":[\"true\"],\"data_level\":\"core\"}", &s), 0);
	assert_string_equal(s.refused, "clearance");
	assert_int_equal(task(w, s.sub)->state, TASK_REFUSED);
}

static void a_task_waits_while_its_pool_is_drained_and_never_goes_elsewhere(void **state)
{
	struct world *w = *state;
	uint64_t no;

	start(w, hub, edge, NULL);
	assert_int_equal(flow_pool_drain(w->flow, "edge", true, "repair", &w->who, &w->err), 0);
	no = submit(w, "{\"command\":[\"true\"],\"data_level\":\"important\"}");
	turn(w, 50);
	assert_int_equal(task(w, no)->state, TASK_WAITING);
	reason_is(w, no, "drained");
	assert_int_equal(flow_pool_drain(w->flow, "edge", false, NULL, &w->who, &w->err), 0);
	until(w, no, TASK_DONE);
	assert_string_equal(flow_task_pool(w->flow, task(w, no)), "edge");
}

static void the_tail_of_a_long_queue_goes_to_the_dearer_pool(void **state)
{
	struct world *w = *state;
	unsigned on_edge = 0;
	uint64_t no;

	start(w, hub, edge, NULL);
	no = submit(w, "{\"command\":[\"sleep\",\"5\"],\"array\":\"0-29\",\"walltime_s\":600,"
		       "\"memory_mb\":100,\"prefer\":\"fastest\"}");
	for (unsigned i = 0; i < 30; i++) {
		until(w, no + i, TASK_DONE);
		on_edge += !strcmp(flow_task_pool(w->flow, task(w, no + i)), "edge");
	}
	assert_in_range(on_edge, 1, 15);
}

static void a_gang_takes_all_its_nodes_or_none(void **state)
{
	struct world *w = *state;
	struct flow_submitted s;
	uint64_t no;

	start(w, hub, NULL, NULL);
	no = submit(w, "{\"command\":[\"true\"],\"nodes\":2,\"cpus\":2}");
	until(w, no, TASK_DONE);
	assert_int_equal(try_submit(w, "{\"command\":[\"true\"],\"nodes\":3,\"cpus\":1}", &s), 0);
	assert_string_equal(s.refused, "nodes");
}

static void a_deadline_that_passes_while_waiting_ends_the_task(void **state)
{
	struct world *w = *state;
	char text[256], at[CLOCK_TEXT_MAX];
	uint64_t no;

	start(w, edge, NULL, NULL);
	assert_int_equal(flow_pool_drain(w->flow, "edge", true, "", &w->who, &w->err), 0);
	snprintf(text, sizeof(text), "{\"command\":[\"true\"],\"walltime_s\":1,\"deadline\":\"%s\"}",
		 clock_format(clock_now_ms() + 1500, at));
	no = submit(w, text);
	turn(w, 20);
	assert_int_equal(task(w, no)->state, TASK_WAITING);
	until(w, no, TASK_FAILED);
	assert_string_equal(task(w, no)->reason, "deadline");
	assert_int_equal(task(w, no)->attempt, 0);
}

/* ---- waiting for others ---- */

static void a_task_waits_for_the_one_before_it(void **state)
{
	struct world *w = *state;
	uint64_t a, b;
	char text[128];

	start(w, hub, NULL, NULL);
	a = submit(w, "{\"command\":[\"sleep\",\"5\"]}");
	snprintf(text, sizeof(text), "{\"command\":[\"true\"],\"after\":[{\"task\":\"%d\"}]}", (int)a);
	b = submit(w, text);
	turn(w, 10);
	assert_int_equal(task(w, b)->state, TASK_WAITING);
	reason_is(w, b, "dependency");
	until(w, b, TASK_DONE);
	assert_int_equal(task(w, a)->state, TASK_DONE);
}

static void a_long_chain_fails_when_its_first_task_does(void **state)
{
	struct world *w = *state;
	uint64_t no, last = 0;
	char text[160];

	start(w, hub, NULL, NULL);
	no = submit(w, "{\"command\":[\"false\"]}");
	for (int i = 0; i < 3000; i++) {
		snprintf(text, sizeof(text),
			 "{\"command\":[\"true\"],\"after\":[{\"task\":\"%d\",\"when\":\"done\"}]}",
			 (int)(last ? last : no));
		last = submit(w, text);
	}
	until(w, last, TASK_FAILED);
	assert_string_equal(task(w, last)->reason, "dependency");
	assert_int_equal(task(w, last)->attempt, 0);
}

static void an_unknown_predecessor_is_refused(void **state)
{
	struct world *w = *state;
	struct flow_submitted s;

	start(w, hub, NULL, NULL);
	assert_int_equal(try_submit(w, "{\"command\":[\"true\"],\"after\":[{\"task\":\"99\"}]}", &s),
			 FLOW_E_INPUT);
	assert_string_equal(w->err.field, "after[0].task");
	assert_null(flow_task_before(w->flow, UINT64_MAX));
}

static void one_element_of_an_array_with_gaps_can_be_waited_for(void **state)
{
	struct world *w = *state;
	struct flow_submitted s;
	char text[128];
	uint64_t a, b;

	start(w, hub, NULL, NULL);
	a = submit(w, "{\"command\":[\"sleep\",\"2\"],\"array\":\"0-9:3\",\"memory_mb\":10}");
	snprintf(text, sizeof(text), "{\"command\":[\"true\"],\"after\":[{\"task\":\"%d_9\"}]}", (int)a);
	b = submit(w, text);
	until(w, b, TASK_DONE);
	assert_int_equal(task(w, a + 3)->index, 9);
	assert_int_equal(task(w, a + 3)->state, TASK_DONE);
	snprintf(text, sizeof(text), "{\"command\":[\"true\"],\"after\":[{\"task\":\"%d_4\"}]}", (int)a);
	assert_int_equal(try_submit(w, text, &s), FLOW_E_INPUT);
}

static void an_array_limit_bounds_what_is_alive(void **state)
{
	struct world *w = *state;
	uint32_t by[TASK_STATE_COUNT];
	uint64_t no;

	start(w, hub, NULL, NULL);
	no = submit(w, "{\"command\":[\"sleep\",\"1\"],\"array\":\"0-11%2\",\"memory_mb\":10}");
	for (int i = 0; i < 5000 && task(w, no + 11)->state != TASK_DONE; i++) {
		turn(w, 1);
		assert_int_equal(flow_sub_states(w->flow, no, by), 12);
		assert_in_range(by[TASK_SENDING] + by[TASK_RUNNING], 0, 2);
	}
	until(w, no + 11, TASK_DONE);
}

/* ---- ends ---- */

static void a_failed_task_is_tried_again_as_often_as_it_said(void **state)
{
	struct world *w = *state;
	uint64_t no;

	start(w, hub, NULL, NULL);
	no = submit(w, "{\"command\":[\"exit\",\"3\"],\"retries\":1}");
	until(w, no, TASK_FAILED);
	assert_int_equal(task(w, no)->attempt, 2);
	assert_int_equal(task(w, no)->exit_code, 3);
	assert_string_equal(task(w, no)->reason, "exit");
}

static void a_running_task_can_be_cancelled(void **state)
{
	struct world *w = *state;
	uint64_t no;

	start(w, hub, NULL, NULL);
	no = submit(w, "{\"command\":[\"sleep\",\"3000\"]}");
	until(w, no, TASK_RUNNING);
	assert_int_equal(flow_cancel(w->flow, no, -1, &w->who, &w->err), 0);
	until(w, no, TASK_CANCELLED);
	assert_int_equal(flow_cancel(w->flow, no, -1, &w->who, &w->err), FLOW_E_CONFLICT);
}

static void a_task_cancelled_before_it_is_sent_never_runs(void **state)
{
	struct world *w = *state;
	uint64_t no;

	start(w, hub, NULL, NULL);
	no = submit(w, "{\"command\":[\"sleep\",\"3000\"]}");
	for (int i = 0; i < 100 && task(w, no)->state == TASK_WAITING; i++)
		uv_run(&w->loop, UV_RUN_NOWAIT);
	assert_int_equal(flow_cancel(w->flow, no, -1, &w->who, &w->err), 0);
	until(w, no, TASK_CANCELLED);
}

static void nobody_cancels_the_task_of_another_tenant(void **state)
{
	struct world *w = *state;
	struct token eve = { .id = 2, .roles = ROLE_USER, .name = "eve", .tenant = "other" };
	uint64_t no;

	start(w, hub, NULL, NULL);
	no = submit(w, "{\"command\":[\"sleep\",\"100\"]}");
	assert_int_equal(flow_cancel(w->flow, no, -1, &eve, &w->err), FLOW_E_NOT_FOUND);
	assert_false(task(w, no)->cancel_wanted);
}

static void cancelling_an_array_leaves_no_element_behind(void **state)
{
	struct world *w = *state;
	uint64_t no;

	start(w, hub, NULL, NULL);
	no = submit(w, "{\"command\":[\"sleep\",\"3000\"],\"array\":\"0-99%10\",\"memory_mb\":10}");
	turn(w, 30);
	assert_int_equal(flow_cancel(w->flow, no, -1, &w->who, &w->err), 0);
	for (unsigned i = 0; i < 100; i++)
		until(w, no + i, TASK_CANCELLED);
}

/* ---- keys and limits ---- */

static void the_same_key_and_task_is_one_task(void **state)
{
	struct world *w = *state;
	struct flow_submitted a, b;

	start(w, hub, NULL, NULL);
	assert_int_equal(try_submit(w, "{\"command\":[\"true\"],\"idempotency_key\":\"k\"}", &a), 0);
	assert_int_equal(try_submit(w, "{\"command\":[\"true\"],\"idempotency_key\":\"k\"}", &b), 0);
	assert_false(a.again);
	assert_true(b.again);
	assert_int_equal(a.sub, b.sub);
}

static void the_same_key_for_another_task_is_a_conflict(void **state)
{
	struct world *w = *state;
	struct flow_submitted s;

	start(w, hub, NULL, NULL);
	submit(w, "{\"command\":[\"true\"],\"idempotency_key\":\"k\"}");
	assert_int_equal(try_submit(w, "{\"command\":[\"false\"],\"idempotency_key\":\"k\"}", &s),
			 FLOW_E_CONFLICT);
}

static void too_many_waiting_tasks_are_refused(void **state)
{
	struct world *w = *state;
	struct flow_limits l;
	struct flow_submitted s;

	flow_limits_default(&l);
	l.waiting_max = 10;
	start(w, hub, NULL, &l);
	assert_int_equal(try_submit(w, "{\"command\":[\"true\"],\"array\":\"0-10\"}", &s),
			 FLOW_E_LIMIT);
	assert_null(flow_task_before(w->flow, UINT64_MAX));
}

static void a_tenant_over_its_quota_waits(void **state)
{
	struct world *w = *state;
	struct flow_limits l;
	uint64_t a, b;

	flow_limits_default(&l);
	l.tenant_running_max = 1;
	start(w, hub, NULL, &l);
	a = submit(w, "{\"command\":[\"sleep\",\"20\"]}");
	b = submit(w, "{\"command\":[\"true\"]}");
	until(w, a, TASK_RUNNING);
	turn(w, 20);
	reason_is(w, b, "quota");
	until(w, b, TASK_DONE);
}

static void old_ended_tasks_are_forgotten(void **state)
{
	struct world *w = *state;
	struct flow_limits l;
	uint64_t a, b = 0;

	flow_limits_default(&l);
	l.finished_max = 3;
	start(w, hub, NULL, &l);
	a = submit(w, "{\"command\":[\"true\"]}");
	until(w, a, TASK_DONE);
	for (int i = 0; i < 5; i++) {
		b = submit(w, "{\"command\":[\"true\"]}");
		until(w, b, TASK_DONE);
	}
	turn(w, 1200);
	assert_null(flow_task(w->flow, a));
	assert_non_null(flow_task(w->flow, b));
}

/* ---- durability ---- */

static void set(void *arg)
{
	*(bool *)arg = true;
}

static void nothing_is_said_before_it_is_durable(void **state)
{
	struct world *w = *state;
	bool told = false;
	uint64_t no;

	start(w, hub, NULL, NULL);
	turn(w, 20);
	store_memory_fail(w->store, 3);
	no = submit(w, "{\"command\":[\"true\"]}");
	flow_when_durable(w->flow, set, &told);
	assert_false(told);
	uv_run(&w->loop, UV_RUN_NOWAIT);
	assert_false(told);
	until(w, no, TASK_DONE);
	assert_true(told);
}

static void a_restart_finds_every_task_as_it_was(void **state)
{
	struct world *w = *state;
	uint64_t done, waits, array;

	start(w, hub, edge, NULL);
	done = submit(w, "{\"command\":[\"true\"],\"name\":\"one\"}");
	until(w, done, TASK_DONE);
	assert_int_equal(flow_pool_drain(w->flow, "edge", true, "repair", &w->who, &w->err), 0);
	waits = submit(w, "{\"command\":[\"true\"],\"data_level\":\"important\"}");
	array = submit(w, "{\"command\":[\"sleep\",\"3000\"],\"array\":\"0-9\"}");
	until(w, array, TASK_RUNNING);
	turn(w, 30);
	w->flow = flow_free(w->flow);
	turn(w, 10);
	start(w, hub, edge, NULL);
	assert_int_equal(task(w, done)->state, TASK_DONE);
	assert_string_equal(task(w, done)->spec->name, "one");
	assert_int_equal(task(w, waits)->state, TASK_WAITING);
	assert_true(flow_pool_find(w->flow, "edge")->drained);
	/* The fake engine forgets; what ran there is lost, and runs again. */
	assert_int_equal(task(w, array)->lost, 1);
	assert_int_equal(flow_cancel(w->flow, array, -1, &w->who, &w->err), 0);
	for (unsigned i = 0; i < 10; i++)
		until(w, array + i, TASK_CANCELLED);
	assert_true(submit(w, "{\"command\":[\"true\"]}") > array + 9);
}

/* More rows than travel from the reader at once. */
static void a_long_journal_is_applied_in_its_order(void **state)
{
	struct world *w = *state;
	enum { N = 700 };
	uint64_t no[N];
	char text[64], name[16];

	start(w, hub, edge, NULL);
	assert_int_equal(flow_pool_drain(w->flow, "hub", true, "", &w->who, &w->err), 0);
	assert_int_equal(flow_pool_drain(w->flow, "edge", true, "", &w->who, &w->err), 0);
	for (int i = 0; i < N; i++) {
		snprintf(text, sizeof(text), "{\"command\":[\"true\"],\"name\":\"n-%d\"}", i);
		no[i] = submit(w, text);
	}
	for (int i = 0; i < N; i += 7)
		assert_int_equal(flow_cancel(w->flow, no[i], -1, &w->who, &w->err), 0);
	turn(w, 30);
	w->flow = flow_free(w->flow);
	turn(w, 10);
	start(w, hub, edge, NULL);
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "n-%d", i);
		assert_string_equal(task(w, no[i])->spec->name, name);
		assert_int_equal(task(w, no[i])->state, i % 7 ? TASK_WAITING : TASK_CANCELLED);
	}
	assert_int_equal(submit(w, "{\"command\":[\"true\"]}"), no[N - 1] + 1);
}

/* Submit so many, put a row behind them that is not ours, and start again. */
static void damaged_after(struct world *w, int rows, struct store_row bad, const char *words)
{
	char seq[32];

	start(w, hub, edge, NULL);
	assert_int_equal(flow_pool_drain(w->flow, "hub", true, "", &w->who, &w->err), 0);
	assert_int_equal(flow_pool_drain(w->flow, "edge", true, "", &w->who, &w->err), 0);
	for (int i = 0; i < rows; i++)
		bad.subject = bad.task = submit(w, "{\"command\":[\"true\"]}");
	turn(w, 30);
	bad.at_ms = 1;
	w->store->ops->append(w->store, &bad);
	turn(w, 30);
	w->flow = flow_free(w->flow);
	turn(w, 10);
	assert_true(try_start(w, hub, edge, NULL) < 0);
	assert_null(w->flow);
	assert_non_null(strstr(w->err.text, words));
	snprintf(seq, sizeof(seq), "row %llu", (unsigned long long)bad.seq);
	assert_non_null(strstr(w->err.text, seq));
}

static void a_row_that_is_no_document_keeps_the_node_from_starting(void **state)
{
	damaged_after(*state, 3, (struct store_row){ .kind = RECORD_START, .body = "{\"a\":",
						     .body_len = 5 }, "is damaged");
}

static void a_damaged_row_late_in_a_long_journal_is_found(void **state)
{
	damaged_after(*state, 500, (struct store_row){ .kind = RECORD_WAIT, .body = "\x01",
						       .body_len = 1 }, "is damaged");
}

static void a_row_that_the_life_of_its_task_forbids_keeps_the_node_from_starting(void **state)
{
	damaged_after(*state, 100, (struct store_row){ .kind = RECORD_START, .body = "{}",
						       .body_len = 2 }, "cannot follow");
}

/* ---- once found, never again ---- */

static const char one_cpu[] = "{\"name\":\"hub\",\"tier\":\"centre\",\"region\":\"cn/62\","
	"\"owner\":\"o\",\"engine\":\"fake\",\"clearance\":2,\"price\":{\"cpu_hour\":\"0.10\"},"
	"\"groups\":[{\"count\":1,\"cpus\":1,\"memory_mb\":4096}],"
	"\"options\":{\"run_ms\":60000}}";
static const char dear[] = "{\"name\":\"dear\",\"tier\":\"centre\",\"region\":\"cn/50\","
	"\"owner\":\"o\",\"engine\":\"fake\",\"clearance\":2,\"price\":{\"cpu_hour\":\"0.50\"},"
	"\"groups\":[{\"count\":1,\"cpus\":2,\"memory_mb\":4096}],"
	"\"options\":{\"run_ms\":60000}}";

static void a_bucket_that_comes_back_in_a_pass_is_not_used_after_free(void **state)
{
	struct world *w = *state;
	char text[512], at[CLOCK_TEXT_MAX];
	uint64_t b, c;

	start(w, one_cpu, dear, NULL);
	submit(w, "{\"command\":[\"sleep\",\"3000\"],\"stay_within\":\"cn/62\",\"walltime_s\":600}");
	turn(w, 50);
	b = submit(w, "{\"command\":[\"sleep\",\"3000\"],\"walltime_s\":3600,\"prefer\":\"cheapest\"}");
	submit(w, "{\"command\":[\"sleep\",\"3000\"],\"stay_within\":\"cn/62\",\"array\":\"0-999\","
		  "\"walltime_s\":2592000}");
	assert_int_equal(flow_pool_drain(w->flow, "dear", true, "", &w->who, &w->err), 0);
	snprintf(text, sizeof(text), "{\"command\":[\"sleep\",\"3000\"],\"stay_within\":\"cn/50\","
		 "\"cpus\":2,\"memory_mb\":4096,\"walltime_s\":1,\"deadline\":\"%s\"}",
		 clock_format(clock_now_ms() + 1000, at));
	c = submit(w, text);
	snprintf(text, sizeof(text), "{\"command\":[\"sleep\",\"3000\"],\"walltime_s\":3600,"
		 "\"prefer\":\"cheapest\",\"after\":[{\"task\":\"%d\",\"when\":\"ended\"}]}", (int)c);
	submit(w, text);
	/* Resumed when the deadline has just passed: c is given up in a pass with room on dear. */
	turn(w, 950);
	while (clock_now_ms() < task(w, c)->spec->deadline_ms)
		usleep(200);
	assert_int_equal(flow_pool_drain(w->flow, "dear", false, NULL, &w->who, &w->err), 0);
	turn(w, 100);
	assert_int_equal(task(w, c)->state, TASK_FAILED);
	assert_true(task(w, b)->state == TASK_RUNNING || task(w, b)->state == TASK_WAITING);
}

static void a_pool_that_shrank_is_survived(void **state)
{
	struct world *w = *state;
	uint64_t no;

	start(w, hub, NULL, NULL);
	no = submit(w, "{\"command\":[\"sleep\",\"3000\"],\"memory_mb\":2048,\"cpus\":2}");
	for (int i = 0; i < 100 && task(w, no)->state != TASK_SENDING; i++)
		uv_run(&w->loop, UV_RUN_NOWAIT);
	assert_int_equal(task(w, no)->state, TASK_SENDING);
	w->flow = flow_free(w->flow);
	turn(w, 10);
	start(w, one_cpu, NULL, NULL);
	assert_int_equal(task(w, no)->state, TASK_WAITING);
	assert_int_equal(task(w, no)->lost, 0);
}

static void a_pool_that_is_gone_with_runs_on_it_keeps_the_node_from_starting(void **state)
{
	struct world *w = *state;
	struct flow *kept;
	uint64_t no;

	start(w, hub, edge, NULL);
	no = submit(w, "{\"command\":[\"sleep\",\"3000\"],\"data_level\":\"important\"}");
	until(w, no, TASK_RUNNING);
	turn(w, 20);
	w->flow = flow_free(w->flow);
	turn(w, 10);
	assert_true(try_start(w, hub, NULL, NULL) < 0);
	kept = w->flow;
	assert_null(kept);
	turn(w, 10);
	start(w, hub, edge, NULL);
}

static void a_repeated_submission_is_known_although_its_deadline_has_passed(void **state)
{
	struct world *w = *state;
	struct flow_submitted a, b;
	char text[200], at[CLOCK_TEXT_MAX];

	start(w, hub, NULL, NULL);
	snprintf(text, sizeof(text), "{\"command\":[\"true\"],\"walltime_s\":1,\"deadline\":\"%s\","
		 "\"idempotency_key\":\"k\"}", clock_format(clock_now_ms() + 700, at));
	assert_int_equal(try_submit(w, text, &a), 0);
	turn(w, 800);
	assert_int_equal(try_submit(w, text, &b), 0);
	assert_true(b.again);
	assert_int_equal(a.sub, b.sub);
}

/* ---- data sets ---- */

static int put_dataset(struct world *w, const char *text)
{
	const struct dataset *d;
	json_t *doc = json_loads(text, 0, NULL);
	int r = flow_dataset_put(w->flow, doc, &w->who, &d, &w->err);

	json_decref(doc);
	return r;
}

static void a_task_has_the_level_of_its_data_however_they_are_named(void **state)
{
	struct world *w = *state;
	uint64_t a, b;

	start(w, hub, edge, NULL);
	assert_int_equal(put_dataset(w, "{\"name\":\"d\",\"url\":\"http://h/x/\",\"level\":\"important\","
					"\"region\":\"cn/50\",\"size_mb\":1}"), 0);
	a = submit(w, "{\"command\":[\"true\"],\"inputs\":[{\"dataset\":\"d\",\"path\":\"i\"}]}");
	b = submit(w, "{\"command\":[\"true\"],\"inputs\":[{\"url\":\"http://h/x/y?z\",\"path\":\"i\"}]}");
	assert_int_equal(task(w, a)->spec->level, LEVEL_IMPORTANT);
	assert_int_equal(task(w, b)->spec->level, LEVEL_IMPORTANT);
}

static void a_level_is_not_lowered_by_removing_the_data_set_first(void **state)
{
	struct world *w = *state;

	start(w, hub, edge, NULL);
	assert_int_equal(put_dataset(w, "{\"name\":\"d\",\"url\":\"http://h/x\",\"level\":4,"
					"\"region\":\"cn/50\",\"size_mb\":1}"), 0);
	assert_int_equal(flow_dataset_remove(w->flow, "d", &w->who, &w->err), 0);
	assert_int_equal(put_dataset(w, "{\"name\":\"d\",\"url\":\"http://h/x\",\"level\":1,"
					"\"region\":\"cn/50\",\"size_mb\":1}"), FLOW_E_FORBIDDEN);
	assert_int_equal(put_dataset(w, "{\"name\":\"e\",\"url\":\"http://h/x\",\"level\":1,"
					"\"region\":\"cn/50\",\"size_mb\":1}"), FLOW_E_CONFLICT);
}

static void be(struct world *w, const char *tenant)
{
	strcpy(w->who.tenant, tenant);
}

#define INPUT(url) "{\"command\":[\"true\"],\"inputs\":[{\"url\":\"" url "\",\"path\":\"i\"}]}"
#define SET(name, url, level)                                                                  \
	"{\"name\":\"" name "\",\"url\":\"" url "\",\"level\":" level ",\"region\":\"cn/50\"}"

static enum level level_of(struct world *w, const char *text)
{
	return task(w, submit(w, text))->spec->level;
}

static void a_data_set_in_another_does_not_lower_its_label(void **state)
{
	struct world *w = *state;

	start(w, hub, edge, NULL);
	assert_int_equal(put_dataset(w, SET("inner", "http://h/x/part", "1")), 0);
	assert_int_equal(put_dataset(w, SET("outer", "http://h/x", "4")), 0);
	assert_int_equal(put_dataset(w, SET("late", "http://h/x/late", "1")), 0);
	assert_int_equal(level_of(w, INPUT("http://h/x/part/a")), LEVEL_4);
	assert_int_equal(level_of(w, INPUT("http://h/x/late")), LEVEL_4);
	assert_int_equal(level_of(w, "{\"command\":[\"true\"],\"inputs\":[{\"dataset\":\"inner\","
				     "\"path\":\"i\"}]}"), LEVEL_4);
	assert_int_equal(level_of(w, INPUT("http://h/xy")), LEVEL_1);
	assert_int_equal(flow_dataset_remove(w->flow, "outer", &w->who, &w->err), 0);
	assert_int_equal(level_of(w, INPUT("http://h/x/part/a")), LEVEL_4);
}

static void nobody_puts_a_data_set_into_that_of_another_tenant(void **state)
{
	struct world *w = *state;

	start(w, hub, edge, NULL);
	assert_int_equal(put_dataset(w, SET("d", "http://h/x", "4")), 0);
	be(w, "other");
	assert_int_equal(put_dataset(w, SET("e", "http://h/x/part", "1")), FLOW_E_CONFLICT);
	assert_int_equal(put_dataset(w, SET("e", "http://h/x", "4")), FLOW_E_CONFLICT);
	be(w, "lab");
	assert_int_equal(flow_dataset_remove(w->flow, "d", &w->who, &w->err), 0);
	be(w, "other");
	assert_int_equal(put_dataset(w, SET("e", "http://h/x/part", "1")), FLOW_E_CONFLICT);
	assert_int_equal(put_dataset(w, SET("e", "http://h/xpart", "1")), 0);
}

static const char *const srv_roots[] = { "/srv", NULL };

static void a_directory_has_the_level_of_all_data_in_it(void **state)
{
	struct world *w = *state;

	start_in(w, srv_roots);
	assert_int_equal(put_dataset(w, SET("low", "file:///srv/all", "1")), 0);
	assert_int_equal(put_dataset(w, SET("high", "file:///srv/all/scans", "4")), 0);
	assert_int_equal(put_dataset(w, SET("web", "http://h/a/b", "4")), 0);
	assert_int_equal(level_of(w, INPUT("file:///srv")), LEVEL_4);
	assert_int_equal(level_of(w, "{\"command\":[\"true\"],\"inputs\":[{\"dataset\":\"low\","
				     "\"path\":\"i\"}]}"), LEVEL_4);
	assert_int_equal(level_of(w, INPUT("file:///srv/all/scan")), LEVEL_1);
	assert_int_equal(level_of(w, INPUT("http://h/a")), LEVEL_1);
}

static void a_directory_with_data_of_another_tenant_is_refused(void **state)
{
	struct flow_submitted s;
	struct world *w = *state;

	start_in(w, srv_roots);
	assert_int_equal(put_dataset(w, SET("d", "file:///srv/all/scans", "1")), 0);
	be(w, "other");
	assert_int_equal(try_submit(w, INPUT("file:///srv/all"), &s), FLOW_E_INPUT);
	assert_string_equal(w->err.field, "inputs[0].url");
	assert_int_equal(put_dataset(w, SET("e", "file:///srv/all", "1")), FLOW_E_CONFLICT);
	assert_int_equal(try_submit(w, INPUT("file:///srv/all/scan"), &s), 0);
}

static void an_index_does_not_lead_past_a_label(void **state)
{
	struct world *w = *state;

	start_in(w, srv_roots);
	assert_int_equal(put_dataset(w, SET("d", "file:///srv/s17", "4")), 0);
	assert_int_equal(put_dataset(w, SET("e", "http://h/17", "4")), 0);
	assert_int_equal(level_of(w, INPUT("file:///srv/s{index}/a")), LEVEL_4);
	assert_int_equal(level_of(w, INPUT("http://h/{index}/a")), LEVEL_4);
	assert_int_equal(level_of(w, INPUT("file:///srv/t{index}")), LEVEL_1);
}

static void no_spelling_of_a_url_leads_past_a_label(void **state)
{
	struct flow_submitted s;
	struct world *w = *state;

	start(w, hub, edge, NULL);
	assert_int_equal(put_dataset(w, SET("d", "http://data.example/x", "4")), 0);
	assert_int_equal(level_of(w, INPUT("http://DATA.example/x/y")), LEVEL_4);
	assert_int_equal(level_of(w, INPUT("http://data.example:80/x/y")), LEVEL_4);
	assert_int_equal(level_of(w, INPUT("https://data.example/x/y")), LEVEL_4);
	assert_int_equal(level_of(w, INPUT("http://data.example/%78/y")), LEVEL_4);
	assert_int_equal(level_of(w, INPUT("http://data.example//x/y")), LEVEL_4);
	assert_int_equal(level_of(w, INPUT("http://data.example/x#f")), LEVEL_4);
	assert_int_equal(try_submit(w, INPUT("http://data.example/a/../x/y"), &s), FLOW_E_INPUT);
	assert_int_equal(try_submit(w, INPUT("http://data.example/./x"), &s), FLOW_E_INPUT);
	assert_int_equal(try_submit(w, INPUT("http://data.example/%00"), &s), FLOW_E_INPUT);
	assert_int_equal(put_dataset(w, SET("e", "http://Data.example/%78", "1")), FLOW_E_CONFLICT);
	assert_int_equal(put_dataset(w, SET("e", "http://data.example/../z", "1")), FLOW_E_INPUT);
}

static void a_refusal_shows_no_signature(void **state)
{
	struct world *w = *state;

	start(w, hub, edge, NULL);
	assert_int_equal(put_dataset(w, SET("d", "http://h/x?sig=s3cret", "4")), 0);
	assert_int_equal(put_dataset(w, SET("d", "http://h/x?sig=s3cret", "1")), FLOW_E_FORBIDDEN);
	assert_non_null(strstr(w->err.text, "http://h/x"));
	assert_null(strstr(w->err.text, "s3cret"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(a_public_task_runs_on_the_cheapest_pool),
		T(an_important_task_runs_only_where_it_may),
		T(a_task_above_every_clearance_is_refused),
		T(a_task_waits_while_its_pool_is_drained_and_never_goes_elsewhere),
		T(the_tail_of_a_long_queue_goes_to_the_dearer_pool),
		T(a_gang_takes_all_its_nodes_or_none),
		T(a_deadline_that_passes_while_waiting_ends_the_task),
		T(a_task_waits_for_the_one_before_it),
		T(a_long_chain_fails_when_its_first_task_does),
		T(an_unknown_predecessor_is_refused),
		T(one_element_of_an_array_with_gaps_can_be_waited_for),
		T(an_array_limit_bounds_what_is_alive),
		T(a_failed_task_is_tried_again_as_often_as_it_said),
		T(a_running_task_can_be_cancelled),
		T(a_task_cancelled_before_it_is_sent_never_runs),
		T(nobody_cancels_the_task_of_another_tenant),
		T(cancelling_an_array_leaves_no_element_behind),
		T(the_same_key_and_task_is_one_task),
		T(the_same_key_for_another_task_is_a_conflict),
		T(too_many_waiting_tasks_are_refused),
		T(a_tenant_over_its_quota_waits),
		T(old_ended_tasks_are_forgotten),
		T(nothing_is_said_before_it_is_durable),
		T(a_restart_finds_every_task_as_it_was),
		T(a_long_journal_is_applied_in_its_order),
		T(a_row_that_is_no_document_keeps_the_node_from_starting),
		T(a_damaged_row_late_in_a_long_journal_is_found),
		T(a_row_that_the_life_of_its_task_forbids_keeps_the_node_from_starting),
		T(a_bucket_that_comes_back_in_a_pass_is_not_used_after_free),
		T(a_pool_that_shrank_is_survived),
		T(a_pool_that_is_gone_with_runs_on_it_keeps_the_node_from_starting),
		T(a_repeated_submission_is_known_although_its_deadline_has_passed),
		T(a_task_has_the_level_of_its_data_however_they_are_named),
		T(a_level_is_not_lowered_by_removing_the_data_set_first),
		T(a_data_set_in_another_does_not_lower_its_label),
		T(nobody_puts_a_data_set_into_that_of_another_tenant),
		T(a_directory_has_the_level_of_all_data_in_it),
		T(a_directory_with_data_of_another_tenant_is_refused),
		T(an_index_does_not_lead_past_a_label),
		T(no_spelling_of_a_url_leads_past_a_label),
		T(a_refusal_shows_no_signature),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
