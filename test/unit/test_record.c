/* test_record.c - what the journal says is what happened, and moves a task the same way twice */

#include "../lib/domain.h"

#include "base/mem.h"
#include "base/rng.h"
#include "domain/record.h"

#include <errno.h>
#include <stdio.h>

static void encode(const struct record *r, struct buf *b)
{
	buf_init(b, 1 << 20);
	assert_int_equal(record_encode(r, b), 0);
}

/* There and back, and the same bytes again. */
static void round_trip(const struct record *r, struct record *ret)
{
	struct buf first, second;
	struct err err;

	encode(r, &first);
	if (record_decode(r->kind, r->at_ms, r->sub, r->task, first.data, first.len, ret, &err))
		fail_msg("%s", err.text);
	assert_int_equal(ret->kind, r->kind);
	assert_int_equal(ret->at_ms, r->at_ms);
	assert_int_equal(ret->task, r->task);
	encode(ret, &second);
	assert_string_equal(first.data, second.data);
	buf_done(&first);
	buf_done(&second);
}

static struct place_node nodes[] = { { 0, 3 }, { 199999, 65535 } };

static const struct record choose = {
	.kind = RECORD_CHOOSE,
	.at_ms = 5,
	.sub = 1,
	.task = 2,
	.attempt = 3,
	.pool = "hub",
	.wait_p50_s = 4,
	.run_p50_s = 50,
	.run_p90_s = 90,
	.why = "{\"seed\":7,\"x\":0.1}",
	.place = { .n = 2,
		   .nodes = nodes,
		   .cpu_milli = 1500,
		   .memory_mb = 512,
		   .accel_milli = 250 },
};

static const struct record end = {
	.kind = RECORD_END,
	.at_ms = 9,
	.sub = 1,
	.task = 2,
	.event = TASK_EV_RETRY,
	.end = RUN_END_SIGNAL,
	.phase = PHASE_COMMAND,
	.exit_code = 137,
	.reason = "exit",
	.text = "line one\n\"quoted\" \xff 算",
	.cost_micro = INT64_MAX,
	.energy_j = 2,
	.carbon_mg = 3,
	.retry_ms = 77,
	.usage = { .run_ms = 1,
		   .cpu_ms = 2,
		   .memory_peak_mb = 3,
		   .out_bytes = 4,
		   .out_dropped = 5 },
};

static void a_choice_comes_back_with_its_place_and_reasons(void **state)
{
	struct record r;

	round_trip(&choose, &r);
	assert_int_equal(r.attempt, 3);
	assert_string_equal(r.pool, "hub");
	assert_int_equal(r.run_p90_s, 90);
	assert_int_equal(r.place.n, 2);
	assert_int_equal(r.place.nodes[1].node, 199999);
	assert_int_equal(r.place.nodes[1].accels, 65535);
	assert_int_equal(r.place.accel_milli, 250);
	assert_string_equal(r.why, "{\"seed\":7,\"x\":0.1}");
	record_done(&r);
}

#define SUM "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"

static void an_end_comes_back_with_what_was_stored(void **state)
{
	static const struct run_output stored[] = {
		{ .no = 0, .size = TASK_BYTES_MAX, .sha256 = SUM },
		{ .no = 255, .tree = true },
	};
	struct record r = end, back;

	r.noutputs = 2;
	r.outputs = stored;
	round_trip(&r, &back);
	assert_int_equal(back.noutputs, 2);
	assert_true(back.outputs[0].size == TASK_BYTES_MAX && !back.outputs[0].tree);
	assert_string_equal(back.outputs[0].sha256, SUM);
	assert_int_equal(back.outputs[1].no, 255);
	assert_true(back.outputs[1].tree);
	record_done(&back);
}

static void an_end_comes_back_with_its_figures(void **state)
{
	struct record r;

	round_trip(&end, &r);
	assert_int_equal(r.event, TASK_EV_RETRY);
	assert_int_equal(r.end, RUN_END_SIGNAL);
	assert_int_equal(r.phase, PHASE_COMMAND);
	assert_int_equal(r.exit_code, 137);
	assert_true(r.cost_micro == INT64_MAX);
	assert_int_equal(r.usage.out_dropped, 5);
	assert_string_equal(r.text, "line one\n\"quoted\" \xef\xbf\xbd 算");
	record_done(&r);
}

static void every_kind_comes_back(void **state)
{
	static const enum record_kind plain[] = {
		RECORD_WAIT,  RECORD_REFUSE, RECORD_GIVE_UP, RECORD_ACCEPT,
		RECORD_START, RECORD_LOST,   RECORD_CANCEL,  RECORD_RECALL,
	};
	static const enum record_kind documents[] = {
		RECORD_NODE, RECORD_TOKEN, RECORD_POOL, RECORD_DATASET, RECORD_SUBMIT,
		RECORD_CLEARANCE, RECORD_DECLARE, RECORD_DEMAND, RECORD_QUOTA, RECORD_USAGE,
		 RECORD_PRUNED, RECORD_ANCHOR,
		RECORD_AUDIT_READ,
	};
	struct record back;

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		struct record r = { .kind = plain[i], .at_ms = 1, .sub = 2, .task = 3 };

		round_trip(&r, &back);
		assert_null(back.reason);
		record_done(&back);
		r.reason = "full";
		r.text = "words";
		r.why = "{}";
		round_trip(&r, &back);
		assert_string_equal(back.reason, "full");
		assert_string_equal(back.text, "words");
		assert_string_equal(back.why, "{}");
		record_done(&back);
	}
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		struct record r = { .kind = documents[i], .doc = json_of("{'a':[1,0.1,'算']}") };

		round_trip(&r, &back);
		assert_true(json_equal(r.doc, back.doc));
		record_done(&back);
		json_decref(r.doc);
	}
}

static void a_cancel_says_whether_it_was_the_end(void **state)
{
	struct record r = { .kind = RECORD_CANCEL, .at_ms = 1, .sub = 2, .task = 3 }, back;

	round_trip(&r, &back);
	assert_false(back.at_once);
	record_done(&back);
	r.at_once = true;
	round_trip(&r, &back);
	assert_true(back.at_once);
	record_done(&back);
}

static void every_kind_has_its_own_name(void **state)
{
	unsigned named = 0;

	for (int k = 0; k < RECORD_KIND_END; k++) {
		const char *name = record_kind_name((enum record_kind)k);

		named += strcmp(name, "none") != 0;
		for (int j = 0; j < k; j++)
			assert_true(!strcmp(name, "none") ||
				    strcmp(name, record_kind_name((enum record_kind)j)) != 0);
	}
	assert_in_range(named, 18, RECORD_KIND_END);
	assert_string_equal(record_kind_name((enum record_kind)RECORD_KIND_END), "none");
}

/* Whoever adds a kind has to think about it. */
static void every_kind_says_whether_it_is_audited(void **state)
{
	for (int k = 0; k < RECORD_KIND_END; k++) {
		enum audit a = record_audit((enum record_kind)k);

		if (!strcmp(record_kind_name((enum record_kind)k), "none"))
			assert_int_equal(a, AUDIT_UNSAID);
		else if (a == AUDIT_UNSAID)
			fail_msg("kind %s does not say whether it belongs into the audit log",
				 record_kind_name((enum record_kind)k));
	}
	assert_int_equal(record_audit(RECORD_CHOOSE), AUDIT_YES);
	assert_int_equal(record_audit((enum record_kind)RECORD_KIND_END), AUDIT_UNSAID);
}

static void damaged(enum record_kind kind, const char *text)
{
	struct record r = { .at_ms = 99 };
	struct err err;

	if (record_decode(kind, 1, 2, 3, text, strlen(text), &r, &err) != -EBADMSG)
		fail_msg("taken: %s", text);
	assert_int_equal(r.at_ms, 99);
	assert_non_null(strstr(err.text, "journal"));
	assert_true(record_decode(kind, 1, 2, 3, text, strlen(text), &r, NULL) < 0);
}

static void a_damaged_body_is_our_failure_not_the_clients(void **state)
{
	struct buf b;

	damaged(RECORD_START, "");
	damaged(RECORD_START, "{");
	damaged(RECORD_START, "[]");
	damaged(RECORD_SUBMIT, "[]");
	damaged(RECORD_START, "{\"colour\":1}");
	damaged(RECORD_WAIT, "{\"why\":\"text\"}");
	damaged(RECORD_END, "{}");
	damaged(RECORD_CHOOSE, "{}");
	damaged((enum record_kind)5, "{}");
	damaged((enum record_kind)1000, "{}");
	damaged((enum record_kind)-1, "{}");
	encode(&choose, &b);
	for (size_t n = 0; n < b.len; n++) {    /* a body that was cut anywhere */
		struct record r;

		assert_int_equal(record_decode(RECORD_CHOOSE, 1, 2, 3, b.data, n, &r, NULL),
				 -EBADMSG);
	}
	buf_done(&b);
}

static void a_choice_with_an_impossible_place_is_damaged(void **state)
{
	static const char *const places[] = {
		"[[0]]",        "[[0,1,2]]",   "[0]",         "[[-1,0]]",
		"[[200000,0]]", "[[0,65536]]", "[[0,\"1\"]]", "{}",
	};
	char body[300];

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(body, sizeof(body), "{\"attempt\":1,\"pool\":\"a\",\"wait_p50_s\":0,"
			 "\"run_p50_s\":0,\"run_p90_s\":0,\"cpu_milli\":1,\"memory_mb\":1,"
			 "\"accel_milli\":0,\"place\":%s}", places[i]);
		damaged(RECORD_CHOOSE, body);
	}
}

static void an_end_with_impossible_outputs_is_damaged(void **state)
{
	static const char *const bad[] = {
		"1", "[1]", "[[]]", "[[-1]]", "[[256]]", "[[0,1]]", "[[0,-1,\"" SUM "\"]]",
		"[[0,1,\"ab\"]]", "[[0,\"1\",\"" SUM "\"]]", "[[0,1,\"" SUM "\",2]]",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct buf b;

		encode(&end, &b);
		b.data[--b.len] = '\0';         /* its brace */
		buf_printf(&b, ",\"outputs\":%s}", bad[i]);
		damaged(RECORD_END, b.data);
		buf_done(&b);
	}
}

static void a_full_buffer_is_reported(void **state)
{
	for (size_t max = 0; max < 100; max += 7) {
		struct record doc = { .kind = RECORD_NODE, .doc = json_of("{'a':'0123456789'}") };
		struct buf b;

		buf_init(&b, max);
		assert_int_equal(record_encode(&choose, &b), -ENOBUFS);
		buf_reset(&b);
		if (max < 18)
			assert_int_equal(record_encode(&doc, &b), -ENOBUFS);
		buf_done(&b);
		json_decref(doc.doc);
	}
}

/* Applying. */

static struct task_spec *spec_of(const char *array)
{
	static struct catalogue none;
	struct task_world w = { .catalogue = &none, .profiles = prefer_profiles, .tenant = "t" };
	json_t *v = json_of("{'script':'x'}");
	struct task_spec *s = NULL;

	if (array)
		json_object_set_new(v, "array", json_string(array));
	assert_int_equal(task_spec_decode(v, &w, &s, NULL), 0);
	json_decref(v);
	return s;
}

static void apply(struct task *t, struct record r, int64_t at_ms)
{
	struct err err;

	r.at_ms = at_ms;
	if (task_apply(t, &r, 4, &err) != 0)
		fail_msg("%s", err.text);
}

static void fresh(struct task *t)
{
	struct task_spec *s = spec_of(NULL);

	task_begin(t, s, 12, 0, 100);
	task_spec_unref(s);
}

static void elements_of_an_array_have_dense_numbers_and_their_indices(void **state)
{
	struct task_spec *s = spec_of("3,5,9");
	struct task t;

	assert_int_equal(s->array_n, 3);
	task_begin(&t, s, 12, 1, 100);
	assert_int_equal(t.no, 13);
	assert_int_equal(t.sub, 12);
	assert_int_equal(t.index, 5);
	assert_int_equal(t.state, TASK_SUBMITTED);
	assert_true(t.pool == UINT32_MAX);
	assert_int_equal(s->refs, 2);
	task_spec_unref(t.spec);
	task_spec_unref(s);
}

static void a_task_that_is_retried_adds_up_what_it_cost(void **state)
{
	struct record wait = { .kind = RECORD_WAIT, .reason = "full" },
		      start = { .kind = RECORD_START };
	struct record last = end;
	struct task t;

	fresh(&t);
	apply(&t, wait, 101);
	assert_int_equal(t.state, TASK_WAITING);
	assert_string_equal(t.reason, "full");
	apply(&t, choose, 102);
	assert_int_equal(t.state, TASK_SENDING);
	assert_int_equal(t.pool, 4);
	assert_int_equal(t.attempt, 3);
	assert_int_equal(t.chosen_ms, 102);
	assert_int_equal(t.run_p50_s, 50);
	assert_null(t.reason);
	apply(&t, start, 103);
	assert_int_equal(t.started_ms, 103);
	last.cost_micro = 10;
	apply(&t, last, 104);
	assert_int_equal(t.state, TASK_WAITING);
	assert_int_equal(t.retry_ms, 77);
	assert_int_equal(t.failures, 1);
	assert_int_equal(t.exit_code, 137);
	assert_int_equal(t.ended_ms, 0);
	apply(&t, choose, 105);
	assert_int_equal(t.started_ms, 0);
	assert_int_equal(t.retry_ms, 0);
	last.event = TASK_EV_DONE;
	last.reason = NULL;
	last.exit_code = 0;
	apply(&t, last, 106);
	assert_int_equal(t.state, TASK_DONE);
	assert_int_equal(t.ended_ms, 106);
	assert_int_equal(t.cost_micro, 20);
	assert_int_equal(t.energy_j, 4);
	assert_int_equal(t.failures, 1);
	assert_null(t.reason);
	task_spec_unref(t.spec);
}

static void a_lost_run_starts_again_and_is_counted(void **state)
{
	struct record wait = { .kind = RECORD_WAIT },
		      lost = { .kind = RECORD_LOST, .reason = "down" };
	struct task t;

	fresh(&t);
	apply(&t, wait, 1);
	for (int i = 0; i < 3; i++) {
		apply(&t, choose, 2);
		apply(&t, lost, 3);
	}
	assert_int_equal(t.state, TASK_WAITING);
	assert_int_equal(t.lost, 3);
	assert_int_equal(t.failures, 0);
	assert_string_equal(t.reason, "down");
	task_spec_unref(t.spec);
}

static void a_wish_to_cancel_is_noted_while_a_pool_has_the_task(void **state)
{
	struct record wait = { .kind = RECORD_WAIT };
	struct record cancel = { .kind = RECORD_CANCEL, .reason = "user" }, over = end;
	struct task t;

	fresh(&t);
	apply(&t, wait, 1);
	apply(&t, choose, 2);
	apply(&t, cancel, 3);
	assert_int_equal(t.state, TASK_SENDING);
	assert_true(t.cancel_wanted);
	over.event = TASK_EV_CANCELLED;
	apply(&t, over, 4);
	assert_int_equal(t.state, TASK_CANCELLED);
	assert_int_equal(t.ended_ms, 4);
	task_spec_unref(t.spec);
	fresh(&t);
	apply(&t, cancel, 5);
	assert_int_equal(t.state, TASK_CANCELLED);
	assert_int_equal(t.ended_ms, 5);
	assert_false(t.cancel_wanted);
	task_spec_unref(t.spec);
}

static void a_reason_outlives_the_record_that_brought_it(void **state)
{
	char code[] = "clearance";
	struct record refuse = { .kind = RECORD_REFUSE, .reason = code };
	struct task t;

	fresh(&t);
	apply(&t, refuse, 1);
	memset(code, 'x', sizeof(code) - 1);
	assert_string_equal(t.reason, "clearance");
	assert_int_equal(t.state, TASK_REFUSED);
	task_spec_unref(t.spec);
}

static void what_a_life_does_not_allow_is_refused_and_changes_nothing(void **state)
{
	static const struct record bad[] = {
		{ .kind = RECORD_ACCEPT },
		{ .kind = RECORD_START },
		{ .kind = RECORD_LOST },
		{ .kind = RECORD_CHOOSE },
		{ .kind = RECORD_SUBMIT },
		{ .kind = RECORD_NODE },
		{ .kind = RECORD_END, .event = TASK_EV_DONE },
		{ .kind = RECORD_END, .event = TASK_EV_WAIT },
		{ .kind = (enum record_kind)20 },
		{ .kind = RECORD_NONE },
	};
	struct task t, before;
	struct err err;

	fresh(&t);
	memcpy(&before, &t, sizeof(t));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(task_apply(&t, &bad[i], 0, &err), -EPROTO);
		assert_non_null(strstr(err.text, "task 12"));
		assert_memory_equal(&t, &before, sizeof(t));
	}
	task_spec_unref(t.spec);
}

/* A random life, written and read back: the copy lives the same life. */
static struct record random_record(struct rng *rng)
{
	static const enum task_event ends[] = {
		TASK_EV_DONE, TASK_EV_FAIL, TASK_EV_RETRY, TASK_EV_CANCELLED,
	};
	static const char *const codes[] = { "full", "down", "exit" };
	struct record r = { .kind = (enum record_kind)(RECORD_WAIT + rng_below(rng, 9)) };

	if (r.kind == RECORD_CHOOSE)
		r = choose;
	if (r.kind == RECORD_END) {
		r = end;
		r.text = "words";
		r.event = ends[rng_below(rng, 12) < 9 ? 2 : rng_below(rng, 4)];
		r.cost_micro = (int64_t)rng_below(rng, 1000);
	} else if (rng_below(rng, 2) && r.kind != RECORD_CHOOSE) {
		r.reason = codes[rng_below(rng, 3)];
	}
	r.at_ms = 1 + (int64_t)rng_below(rng, 1000000);
	r.sub = r.task = 12;
	return r;
}

static void a_replayed_life_is_the_same_life(void **state)
{
	struct rng rng = { 12345 };
	unsigned finals = 0;

	for (int life = 0; life < 500; life++) {
		struct task live, copy;

		fresh(&live);
		fresh(&copy);
		for (int step = 0; step < 60; step++) {
			struct record r = random_record(&rng), back;
			int a = task_apply(&live, &r, 4, NULL), b;

			round_trip(&r, &back);
			b = task_apply(&copy, &back, 4, NULL);
			record_done(&back);
			assert_int_equal(a, b);
			task_spec_unref(copy.spec);
			copy.spec = task_spec_ref(live.spec);
			assert_memory_equal(&live, &copy, sizeof(live));
		}
		finals += task_state_final(live.state);
		task_spec_unref(live.spec);
		task_spec_unref(copy.spec);
	}
	assert_true(finals > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_choice_comes_back_with_its_place_and_reasons),
		cmocka_unit_test(an_end_comes_back_with_its_figures),
		cmocka_unit_test(an_end_comes_back_with_what_was_stored),
		cmocka_unit_test(an_end_with_impossible_outputs_is_damaged),
		cmocka_unit_test(every_kind_comes_back),
		cmocka_unit_test(a_cancel_says_whether_it_was_the_end),
		cmocka_unit_test(every_kind_has_its_own_name),
		cmocka_unit_test(every_kind_says_whether_it_is_audited),
		cmocka_unit_test(a_damaged_body_is_our_failure_not_the_clients),
		cmocka_unit_test(a_choice_with_an_impossible_place_is_damaged),
		cmocka_unit_test(a_full_buffer_is_reported),
		cmocka_unit_test(elements_of_an_array_have_dense_numbers_and_their_indices),
		cmocka_unit_test(a_task_that_is_retried_adds_up_what_it_cost),
		cmocka_unit_test(a_lost_run_starts_again_and_is_counted),
		cmocka_unit_test(a_wish_to_cancel_is_noted_while_a_pool_has_the_task),
		cmocka_unit_test(a_reason_outlives_the_record_that_brought_it),
		cmocka_unit_test(what_a_life_does_not_allow_is_refused_and_changes_nothing),
		cmocka_unit_test(a_replayed_life_is_the_same_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
