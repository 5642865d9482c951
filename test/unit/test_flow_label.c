/* test_flow_label.c - who may say what a pool sees, and what becomes of the runs on it */

#include "../lib/engine_bed.h"
#include "../lib/flow_world.h"

#include "flow/state.h"

static void security(struct world *w)
{
	w->who.roles = ROLE_SECURITY | ROLE_USER;
}

static int confirm(struct world *w, const char *pool, enum level l, const char *region)
{
	struct flow_clearance c = { l, region, "an inspection" };

	return flow_pool_clearance(w->flow, pool, &c, &w->who, &w->err);
}

static enum level clearance(struct world *w, const char *pool)
{
	return flow_pool_find(w->flow, pool)->clearance;
}

static void restart(struct world *w, const char *a, const char *b)
{
	turn(w, 20);
	w->flow = flow_free(w->flow);
	turn(w, 10);
	start(w, a, b, NULL);
}

static int put(struct world *w, const char *text)
{
	const struct dataset *d;
	json_t *doc = json_loads(text, 0, NULL);
	int r = flow_dataset_put(w->flow, doc, &w->who, &d, &w->err);

	assert_non_null(doc);
	json_decref(doc);
	return r;
}

#define HUB(level, region, options)                                                            \
	"{\"name\":\"hub\",\"tier\":\"centre\",\"region\":\"" region "\",\"owner\":\"o\","      \
	"\"engine\":\"fake\",\"clearance\":" level ",\"price\":{\"cpu_hour\":\"0.10\"},"        \
	"\"groups\":[{\"count\":2,\"cpus\":2,\"memory_mb\":4096}],\"options\":" options "}"
#define SLOW "{\"run_ms\":60000}"

/* ---- clearances ---- */

static void only_security_changes_a_clearance(void **state)
{
	static const unsigned others[] = { ROLE_USER, ROLE_OPERATOR, ROLE_ADMIN, ROLE_AUDITOR };
	struct world *w = *state;

	start(w, hub, edge, NULL);
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		w->who.roles = others[i];
		assert_int_equal(confirm(w, "hub", LEVEL_1, NULL), FLOW_E_FORBIDDEN);
		assert_int_equal(clearance(w, "hub"), LEVEL_2);
	}
	security(w);
	assert_int_equal(confirm(w, "nowhere", LEVEL_1, NULL), FLOW_E_NOT_FOUND);
	assert_int_equal(confirm(w, "hub", LEVEL_1, NULL), 0);
	assert_int_equal(clearance(w, "hub"), LEVEL_1);
}

static void a_changed_clearance_survives_a_restart(void **state)
{
	struct world *w = *state;

	start(w, hub, edge, NULL);
	security(w);
	assert_int_equal(confirm(w, "hub", LEVEL_1, NULL), 0);
	restart(w, hub, edge);
	assert_int_equal(clearance(w, "hub"), LEVEL_1);
	assert_int_equal(clearance(w, "edge"), LEVEL_IMPORTANT);
}

static void the_lower_of_declared_and_confirmed_counts(void **state)
{
	struct world *w = *state;
	const char *region;

	start(w, HUB("2", "cn/62", "{}"), NULL, NULL);
	security(w);
	assert_int_equal(confirm(w, "hub", LEVEL_CORE, NULL), 0);
	assert_int_equal(clearance(w, "hub"), LEVEL_2);
	assert_int_equal(flow_pool_confirmed(w->flow, "hub", &region), LEVEL_CORE);
	restart(w, HUB("4", "cn/62", "{}"), NULL);
	assert_int_equal(clearance(w, "hub"), LEVEL_4);
}

static void whoever_edits_the_configuration_alone_raises_nothing(void **state)
{
	struct world *w = *state;

	start(w, HUB("2", "cn/62", "{}"), NULL, NULL);
	restart(w, HUB("\"core\"", "cn/62", "{}"), NULL);
	assert_int_equal(clearance(w, "hub"), LEVEL_2);
	/* Nor by taking it out and putting it in again. */
	restart(w, edge, NULL);
	restart(w, HUB("\"core\"", "cn/62", "{}"), NULL);
	assert_int_equal(clearance(w, "hub"), LEVEL_2);
	restart(w, HUB("1", "cn/62", "{}"), NULL);
	assert_int_equal(clearance(w, "hub"), LEVEL_1);
}

static void a_pool_that_is_moved_keeps_only_what_both_regions_share(void **state)
{
	struct world *w = *state;
	struct flow_submitted s;

	start(w, HUB("2", "cn/62", "{}"), NULL, NULL);
	restart(w, HUB("2", "cn/50", "{}"), NULL);
	assert_int_equal(try_submit(w, "{\"command\":[\"true\"],\"stay_within\":\"cn/50\"}", &s), 0);
	assert_string_equal(s.refused, "region");
	assert_int_equal(try_submit(w, "{\"command\":[\"true\"],\"stay_within\":\"cn/62\"}", &s), 0);
	assert_string_equal(s.refused, "region");
	until(w, submit(w, "{\"command\":[\"true\"],\"stay_within\":\"cn\"}"), TASK_DONE);
	security(w);
	assert_int_equal(confirm(w, "hub", LEVEL_NONE, "cn/50"), 0);
	until(w, submit(w, "{\"command\":[\"true\"],\"stay_within\":\"cn/50\"}"), TASK_DONE);
}

/* ---- runs that are out ---- */

static void a_run_above_the_new_clearance_is_stopped_and_goes_elsewhere(void **state)
{
	struct world *w = *state;
	uint64_t no, low;

	start(w, HUB("2", "cn/62", SLOW), edge, NULL);
	security(w);
	no = submit(w, "{\"command\":[\"x\"],\"data_level\":2,\"prefer\":\"cheapest\"}");
	low = submit(w, "{\"command\":[\"x\"],\"data_level\":1,\"prefer\":\"cheapest\"}");
	until(w, no, TASK_RUNNING);
	until(w, low, TASK_RUNNING);
	assert_string_equal(flow_task_pool(w->flow, task(w, no)), "hub");
	assert_int_equal(confirm(w, "hub", LEVEL_1, NULL), 0);
	until(w, no, TASK_DONE);
	assert_string_equal(flow_task_pool(w->flow, task(w, no)), "edge");
	assert_int_equal(task(w, no)->attempt, 2);
	/* Neither its retries nor its losses are used up, and the other one was let be. */
	assert_int_equal(task(w, no)->failures, 0);
	assert_int_equal(task(w, no)->lost, 0);
	assert_int_equal(task(w, low)->state, TASK_RUNNING);
	assert_int_equal(task(w, low)->attempt, 1);
}

static void a_recalled_run_that_no_pool_may_have_is_given_up(void **state)
{
	struct world *w = *state;
	uint64_t no;

	start(w, HUB("2", "cn/62", SLOW), NULL, NULL);
	security(w);
	no = submit(w, "{\"command\":[\"x\"],\"data_level\":2}");
	until(w, no, TASK_RUNNING);
	assert_int_equal(confirm(w, "hub", LEVEL_1, NULL), 0);
	until(w, no, TASK_FAILED);
	reason_is(w, no, "clearance");
}

static void a_raised_data_set_recalls_the_runs_that_read_it(void **state)
{
	struct world *w = *state;
	uint64_t no;

	start(w, HUB("2", "cn/62", SLOW), edge, NULL);
	assert_int_equal(put(w, "{\"name\":\"d\",\"url\":\"http://h/x\",\"level\":1,\"region\":\"cn/50\"}"),
			 0);
	no = submit(w, "{\"command\":[\"x\"],\"prefer\":\"cheapest\","
		       "\"inputs\":[{\"dataset\":\"d\",\"path\":\"i\"}]}");
	until(w, no, TASK_RUNNING);
	assert_int_equal(put(w, "{\"name\":\"d\",\"url\":\"http://h/x\",\"level\":4,\"region\":\"cn/50\"}"),
			 0);
	until(w, no, TASK_DONE);
	assert_string_equal(flow_task_pool(w->flow, task(w, no)), "edge");
}

static void data_that_may_not_leave_their_region_recall_a_run_outside(void **state)
{
	struct world *w = *state;
	uint64_t no;

	start(w, HUB("2", "cn/62", SLOW), edge, NULL);
	assert_int_equal(put(w, "{\"name\":\"d\",\"url\":\"http://h/x\",\"level\":1,\"region\":\"cn/50\"}"),
			 0);
	no = submit(w, "{\"command\":[\"x\"],\"prefer\":\"cheapest\","
		       "\"inputs\":[{\"url\":\"http://h/x/part\",\"path\":\"i\"}]}");
	until(w, no, TASK_RUNNING);
	assert_string_equal(flow_task_pool(w->flow, task(w, no)), "hub");
	assert_int_equal(put(w, "{\"name\":\"d\",\"url\":\"http://h/x\",\"level\":1,\"region\":\"cn/50\","
				"\"stay_within\":\"cn/50\"}"), 0);
	until(w, no, TASK_DONE);
	assert_string_equal(flow_task_pool(w->flow, task(w, no)), "edge");
}

static void a_restart_between_the_change_and_the_stop_recalls_too(void **state)
{
	struct world *w = *state;
	uint64_t no;

	start(w, HUB("2", "cn/62", SLOW), edge, NULL);
	security(w);
	no = submit(w, "{\"command\":[\"x\"],\"data_level\":2,\"prefer\":\"cheapest\"}");
	until(w, no, TASK_RUNNING);
	restart(w, HUB("1", "cn/62", SLOW), edge);
	until(w, no, TASK_DONE);
	assert_string_equal(flow_task_pool(w->flow, task(w, no)), "edge");
}

static void a_cancelled_run_stays_cancelled_when_it_is_recalled(void **state)
{
	struct world *w = *state;
	uint64_t no;

	start(w, HUB("2", "cn/62", SLOW), edge, NULL);
	security(w);
	no = submit(w, "{\"command\":[\"x\"],\"data_level\":2,\"prefer\":\"cheapest\"}");
	until(w, no, TASK_RUNNING);
	assert_int_equal(confirm(w, "hub", LEVEL_1, NULL), 0);
	assert_int_equal(flow_cancel(w->flow, no, -1, &w->who, &w->err), 0);
	until(w, no, TASK_CANCELLED);
}

/* ---- each look by itself: what is changed here is told to nobody, and the engines ask nothing ---- */

void __real_run_send(struct flow *f, uint64_t no, uint32_t attempt);
void __wrap_run_send(struct flow *f, uint64_t no, uint32_t attempt);
int __real_engine_permit(const struct run_spec *r, struct err *err);
int __wrap_engine_permit(const struct run_spec *r, struct err *err);

static void (*between)(struct pool *p);       /* the choice and the sending of the first run */
static bool door_open;
static unsigned reached_hub;

void __wrap_run_send(struct flow *f, uint64_t no, uint32_t attempt)
{
	if (between)
		between(f->c.pools[0]);
	between = NULL;
	__real_run_send(f, no, attempt);
}

int __wrap_engine_permit(const struct run_spec *r, struct err *err)
{
	reached_hub += !strcmp(r->pool->name, "hub");
	return door_open ? 0 : __real_engine_permit(r, err);
}

/* It has been chosen for hub and goes back: hub's engine never hears of it. */
static void is_not_sent(struct world *w, void (*change)(struct pool *p))
{
	uint64_t no;

	start(w, HUB("2", "cn/62", SLOW), NULL, NULL);
	between = change;
	door_open = true;
	reached_hub = 0;
	no = submit(w, "{\"command\":[\"x\"],\"data_level\":2,\"stay_within\":\"cn\"}");
	while (between)
		turn(w, 1);
	turn(w, 30);
	door_open = false;
	assert_int_equal(reached_hub, 0);
	assert_int_equal(task(w, no)->state, TASK_WAITING);
	assert_int_equal(task(w, no)->attempt, 1);
	assert_int_equal(task(w, no)->failures, 0);
}

static void lower(struct pool *p)
{
	p->clearance = LEVEL_1;
}

static void move(struct pool *p)
{
	p->rule_region = "jp";
}

static void admit_others(struct pool *p)
{
	static const char *const others[] = { "others" };

	p->admits = others;
	p->nadmits = 1;
}

static void a_pool_whose_clearance_fell_after_the_choice_is_not_sent_the_run(void **state)
{
	is_not_sent(*state, lower);
}

static void a_pool_that_was_moved_after_the_choice_is_not_sent_the_run(void **state)
{
	is_not_sent(*state, move);
}

static void a_pool_that_shuts_the_tenant_out_after_the_choice_is_not_sent_the_run(void **state)
{
	is_not_sent(*state, admit_others);
}

/* Only an engine whose runs go on without us has something to find again. */
static void a_run_that_is_found_again_after_a_restart_is_looked_at(void **state)
{
	struct world *w = *state;
	char high[600], low[600];
	uint64_t no;

	if (!bed_shim())
		skip();
	for (int is_low = 0; is_low < 2; is_low++)
		snprintf(is_low ? low : high, sizeof(low),
			 "{\"name\":\"hub\",\"tier\":\"centre\",\"region\":\"cn/62\",\"owner\":\"o\","
			 "\"engine\":\"local\",\"clearance\":%d,\"price\":{\"cpu_hour\":\"0.10\"},"
			 "\"groups\":[{\"count\":1,\"cpus\":2,\"memory_mb\":4096}],"
			 "\"options\":{\"shim\":\"%s\"}}", is_low ? 1 : 2, bed_shim());
	start(w, high, edge, NULL);
	no = submit(w, "{\"command\":[\"sleep\",\"60\"],\"data_level\":2,\"prefer\":\"cheapest\"}");
	until(w, no, TASK_RUNNING);
	restart(w, low, edge);
	until(w, no, TASK_DONE);
	assert_string_equal(flow_task_pool(w->flow, task(w, no)), "edge");
	assert_int_equal(task(w, no)->lost, 0);
}

/* ---- data sets ---- */

#define D(level, more)                                                                         \
	"{\"name\":\"d\",\"url\":\"http://h/x\",\"region\":\"cn/50\",\"level\":" level more "}"

static void a_user_raises_a_label_but_does_not_lower_it(void **state)
{
	struct world *w = *state;

	start(w, hub, edge, NULL);
	assert_int_equal(put(w, D("2", "")), 0);
	assert_int_equal(put(w, D("3", "")), 0);
	assert_int_equal(put(w, D("3", ",\"stay_within\":\"cn/50\"")), 0);
	assert_int_equal(put(w, D("2", ",\"stay_within\":\"cn/50\"")), FLOW_E_FORBIDDEN);
	assert_int_equal(put(w, D("3", "")), FLOW_E_FORBIDDEN);
	assert_int_equal(put(w, D("3", ",\"stay_within\":\"cn\"")), FLOW_E_FORBIDDEN);
	w->who.roles = ROLE_OPERATOR | ROLE_ADMIN | ROLE_USER;
	assert_int_equal(put(w, D("2", ",\"reason\":\"because\"")), FLOW_E_FORBIDDEN);
	assert_int_equal(flow_dataset_find(w->flow, "d")->level, LEVEL_3);
}

static void a_label_is_not_lowered_without_a_reason(void **state)
{
	struct world *w = *state;

	start(w, hub, edge, NULL);
	assert_int_equal(put(w, D("3", "")), 0);
	security(w);
	assert_int_equal(put(w, D("2", "")), FLOW_E_INPUT);
	assert_string_equal(w->err.field, "reason");
	assert_int_equal(put(w, D("2", ",\"reason\":\"\"")), FLOW_E_INPUT);
	assert_int_equal(put(w, D("2", ",\"reason\":\"a\\nb\"")), FLOW_E_INPUT);
	assert_int_equal(flow_dataset_find(w->flow, "d")->level, LEVEL_3);
	assert_int_equal(put(w, D("2", ",\"reason\":\"names were taken out\"")), 0);
	assert_int_equal(flow_dataset_find(w->flow, "d")->level, LEVEL_2);
}

static void a_data_set_is_not_moved_away_from_under_its_label(void **state)
{
	struct world *w = *state;

	start(w, hub, edge, NULL);
	assert_int_equal(put(w, D("3", "")), 0);
	assert_int_equal(put(w, "{\"name\":\"d\",\"url\":\"http://h/y\",\"region\":\"cn/50\","
				"\"level\":3}"), FLOW_E_FORBIDDEN);
	assert_int_equal(put(w, D("3", ",\"size_mb\":7")), 0);
}

static void an_owner_is_kept_unless_another_is_named(void **state)
{
	struct world *w = *state;

	start(w, hub, edge, NULL);
	assert_int_equal(put(w, D("2", "")), 0);
	assert_string_equal(flow_dataset_find(w->flow, "d")->owner, "alice");
	assert_int_equal(put(w, D("2", ",\"owner\":\"clinic\"")), 0);
	assert_int_equal(put(w, D("3", "")), 0);
	assert_string_equal(flow_dataset_find(w->flow, "d")->owner, "clinic");
	restart(w, hub, edge);
	assert_string_equal(flow_dataset_find(w->flow, "d")->owner, "clinic");
}

static void data_are_not_declared_outside_their_own_region(void **state)
{
	struct world *w = *state;

	start(w, hub, edge, NULL);
	assert_int_equal(put(w, D("2", ",\"stay_within\":\"cn/62\"")), FLOW_E_INPUT);
	assert_string_equal(w->err.field, "stay_within");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(only_security_changes_a_clearance),
		T(a_changed_clearance_survives_a_restart),
		T(the_lower_of_declared_and_confirmed_counts),
		T(whoever_edits_the_configuration_alone_raises_nothing),
		T(a_pool_that_is_moved_keeps_only_what_both_regions_share),
		T(a_run_above_the_new_clearance_is_stopped_and_goes_elsewhere),
		T(a_recalled_run_that_no_pool_may_have_is_given_up),
		T(a_raised_data_set_recalls_the_runs_that_read_it),
		T(data_that_may_not_leave_their_region_recall_a_run_outside),
		T(a_restart_between_the_change_and_the_stop_recalls_too),
		T(a_cancelled_run_stays_cancelled_when_it_is_recalled),
		T(a_pool_whose_clearance_fell_after_the_choice_is_not_sent_the_run),
		T(a_pool_that_was_moved_after_the_choice_is_not_sent_the_run),
		T(a_pool_that_shuts_the_tenant_out_after_the_choice_is_not_sent_the_run),
		T(a_run_that_is_found_again_after_a_restart_is_looked_at),
		T(a_user_raises_a_label_but_does_not_lower_it),
		T(a_label_is_not_lowered_without_a_reason),
		T(a_data_set_is_not_moved_away_from_under_its_label),
		T(an_owner_is_kept_unless_another_is_named),
		T(data_are_not_declared_outside_their_own_region),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
