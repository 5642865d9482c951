/* record_apply.c - move a task by one record: the live path and the replay after a restart
 *
 * A reason code outlives the record that brought it, so codes are kept in a small table.
 * There are a few dozen; a full table (a damaged journal) calls the rest "other".  The
 * table belongs to the loop thread, as tasks do.
 */

#include "domain/record.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum { CODES_MAX = 128, CODE_LEN_MAX = 31 };

static const char *intern(const char *code)
{
	static char codes[CODES_MAX][CODE_LEN_MAX + 1];
	static unsigned n;

	if (!code)
		return NULL;
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(codes[i], code))
			return codes[i];
	if (n == CODES_MAX || strlen(code) > CODE_LEN_MAX)
		return "other";
	strcpy(codes[n], code);
	return codes[n++];
}

/* 0, or 1 when the record is not one of a task. */
static int event_of(const struct record *r, enum task_event *ret)
{
	static const enum task_event events[] = {
		[RECORD_WAIT] = TASK_EV_WAIT,
		[RECORD_REFUSE] = TASK_EV_REFUSE,
		[RECORD_GIVE_UP] = TASK_EV_GIVE_UP,
		[RECORD_CHOOSE] = TASK_EV_CHOOSE,
		[RECORD_ACCEPT] = TASK_EV_ACCEPT,
		[RECORD_START] = TASK_EV_START,
		[RECORD_LOST] = TASK_EV_LOST,
		[RECORD_CANCEL] = TASK_EV_CANCEL,
	};

	if (r->kind == RECORD_END) {
		*ret = r->event;
		return r->event != TASK_EV_DONE && r->event != TASK_EV_FAIL &&
		       r->event != TASK_EV_RETRY && r->event != TASK_EV_CANCELLED;
	}
	if (r->kind < RECORD_WAIT || r->kind > RECORD_CANCEL)
		return 1;
	*ret = events[r->kind];
	return 0;
}

static void apply_choose(struct task *t, const struct record *r, uint32_t pool_id)
{
	t->pool = pool_id;
	t->attempt = r->attempt;
	t->choices = r->choices;
	t->chosen_ms = r->at_ms;
	t->started_ms = 0;
	t->reason = NULL;
	t->retry_ms = 0;
	t->recalled = false;
	t->wait_p50_s = r->wait_p50_s;
	t->run_p50_s = r->run_p50_s;
}

static int64_t add(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static void apply_end(struct task *t, const struct record *r)
{
	t->exit_code = r->exit_code;
	t->end = r->end;
	t->phase = r->phase;
	t->usage = r->usage;
	t->cost_micro = add(t->cost_micro, r->cost_micro);
	t->energy_j = add(t->energy_j, r->energy_j);
	t->carbon_mg = add(t->carbon_mg, r->carbon_mg);
	/* A quick run is over before anyone saw it start; no run starts before it is chosen. */
	if (!t->started_ms && r->end != RUN_END_NOT_STARTED) {
		t->started_ms = r->at_ms - r->usage.run_ms;
		if (t->started_ms < t->chosen_ms)
			t->started_ms = t->chosen_ms;
	}
	t->reason = intern(r->reason);
	/* A run that was stopped because its pool may not see it any more is nobody's failure. */
	t->failures += r->event == TASK_EV_FAIL || (r->event == TASK_EV_RETRY && !t->recalled);
	if (r->event == TASK_EV_RETRY)
		t->retry_ms = r->retry_ms;
}

static int apply_recall(struct task *t, const struct record *r, struct err *err)
{
	if (!task_state_on_pool(t->state))
		return err_set(err, -EPROTO, "task %llu, which is %s, cannot be recalled",
			       (unsigned long long)t->no, task_state_name(t->state));
	t->recalled = true;
	t->reason = intern(r->reason);
	return 0;
}

int task_apply(struct task *t, const struct record *r, uint32_t pool_id, struct err *err)
{
	enum task_state to = TASK_NONE;
	enum task_event ev;

	if (r->kind == RECORD_RECALL)
		return apply_recall(t, r, err);
	if (event_of(r, &ev) == 0)
		to = task_next(t->state, ev);
	if (to == TASK_NONE)
		return err_set(err, -EPROTO,
			       "a record %s cannot follow in the life of task %llu, which is %s",
			       record_kind_name(r->kind), (unsigned long long)t->no,
			       task_state_name(t->state));
	if (r->kind == RECORD_CHOOSE)
		apply_choose(t, r, pool_id);
	else if (r->kind == RECORD_START)
		t->started_ms = r->at_ms;
	else if (r->kind == RECORD_END)
		apply_end(t, r);
	else if (r->reason)
		t->reason = intern(r->reason);
	if (r->kind == RECORD_LOST) {
		t->lost += !r->reason || strcmp(r->reason, "returned") != 0;
		t->retry_ms = r->retry_ms;
	}
	if (r->kind == RECORD_CANCEL && task_state_on_pool(to))
		t->cancel_wanted = true;
	if (task_state_final(to))
		t->ended_ms = r->at_ms;
	t->state = to;
	return 0;
}

void task_begin(struct task *t, struct task_spec *spec, uint64_t sub, uint32_t i, int64_t at_ms)
{
	assert(i < spec->array_n);
	*t = (struct task){
		.no = sub + i,
		.spec = task_spec_ref(spec),
		.sub = sub,
		.index = spec->array ? spec->array[i] : 0,
		.state = TASK_SUBMITTED,
		.pool = UINT32_MAX,
		.submitted_ms = at_ms,
	};
}
