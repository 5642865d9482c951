/* run.c - runs on their engines: send, hear of them, find them again after a restart */

#include "flow/share.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "domain/pool_seen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	TRANSFER_RETRIES = 2,           /* a failed input or output is tried again so often at least */
	RETURNED_MS = 5 * 1000,
	SETTLE_AGAIN_MS = 3600 * 1000,
};

void flow_run_id(const struct flow *f, const struct task *t, uint32_t attempt, char out[RUN_ID_MAX])
{
	snprintf(out, RUN_ID_MAX, "%s-%llu-%u", f->node_id, (unsigned long long)t->no, attempt);
}

int run_id_parse(const struct flow *f, const char *run_id, uint64_t *ret_no, uint32_t *ret_attempt)
{
	unsigned long long no;
	unsigned attempt;
	char again[RUN_ID_MAX];
	size_t n = strlen(f->node_id);

	if (strncmp(run_id, f->node_id, n) ||
	    sscanf(run_id + n, "-%llu-%u", &no, &attempt) != 2)
		return -1;
	snprintf(again, sizeof(again), "%s-%llu-%u", f->node_id, no, attempt);
	if (strcmp(again, run_id))
		return -1;
	*ret_no = no;
	*ret_attempt = attempt;
	return 0;
}

bool run_ours(void *arg, const struct pool *p, const char *run_id)
{
	const struct task *t;
	uint32_t attempt;
	uint64_t no;

	if (run_id_parse(arg, run_id, &no, &attempt))
		return false;
	t = flow_task(arg, no);
	return !t || t->attempt != attempt || !task_state_on_pool(t->state) || t->pool == p->id;
}

static int64_t backoff_ms(uint32_t failures)
{
	return failures >= 6 ? BACKOFF_MAX_MS : 1000LL << failures;
}

static void over(struct flow *f, struct task *t)
{
	if (task_state_final(t->state))
		ready_after_end(f, t);
	else
		ready_check(f, t);
	schedule_want(f);
}

/* ---- the end of a run ---- */

static const char *end_reason(const struct engine_event *ev)
{
	switch (ev->end) {
	case RUN_END_EXIT:
		if (ev->exit_code == 0)
			return NULL;
		return ev->phase == PHASE_INPUT ? "input" : ev->phase == PHASE_OUTPUT ? "output" :
			"exit";
	case RUN_END_SIGNAL:
		return "signal";
	case RUN_END_WALLTIME:
		return "timeout";
	case RUN_END_MEMORY:
		return "out_of_memory";
	case RUN_END_STOPPED:
		return "stopped";
	default:
		return "not_started";
	}
}

static enum task_event end_event(const struct task *t, const struct engine_event *ev)
{
	uint32_t tries = t->spec->retries;

	if (ev->end == RUN_END_EXIT && ev->exit_code == 0)
		return TASK_EV_DONE;
	if (t->cancel_wanted)
		return TASK_EV_CANCELLED;
	if (t->recalled)
		return TASK_EV_RETRY;
	if (ev->phase == PHASE_INPUT || ev->phase == PHASE_OUTPUT)
		tries = tries > TRANSFER_RETRIES ? tries : TRANSFER_RETRIES;
	return t->failures < tries ? TASK_EV_RETRY : TASK_EV_FAIL;
}

/* What it cost and burned, from the measured time and what it held. */
static void meter(const struct flow *f, const struct task *t, struct record *r, struct money *paid)
{
	const struct pool *p = f->c.pools[t->pool];
	const struct placement *place = pool_held(p, t->no);
	uint32_t accels = 0;

	r->cost_micro = ledger_bill(f, t, r->usage.run_ms, paid);
	r->money = r->cost_micro ? paid : NULL;
	if (!place || !place->n)
		return;
	accels = (uint32_t)__builtin_popcount(place->nodes[0].accels);
	r->energy_j = meter_energy_j(p, f->c.catalogue, place->n, place->cpu_milli, accels,
				     place->accel_milli, r->usage.run_ms);
	r->carbon_mg = meter_carbon_mg(p, r->energy_j, r->at_ms - r->usage.run_ms, r->usage.run_ms);
}

static void run_ended(struct flow *f, struct task *t, const struct engine_event *ev)
{
	struct record r = {
		.kind = RECORD_END, .sub = t->sub, .task = t->no, .at_ms = clock_now_ms(),
		.event = end_event(t, ev), .exit_code = ev->exit_code, .end = ev->end,
		.phase = ev->phase, .usage = ev->usage, .text = ev->text,
		.reason = end_reason(ev), .noutputs = ev->noutputs, .outputs = ev->outputs,
	};
	struct money paid;

	if (r.event == TASK_EV_CANCELLED)
		r.reason = "cancelled";
	if (r.event == TASK_EV_RETRY && t->recalled)
		r.reason = "recalled";
	else if (r.event == TASK_EV_RETRY)
		r.retry_ms = r.at_ms + backoff_ms(t->failures);
	meter(f, t, &r, &paid);
	share_settle(f, t, r.usage.run_ms, &r);
	flow_commit(f, &r);
	over(f, t);
}

/* It vanished.  That is nobody's failure, so it does not use up the task's retries, but a
 * task that takes its pool down each time must not go round for ever. */
static void run_lost(struct flow *f, struct task *t, const char *text)
{
	struct record r = { .kind = RECORD_LOST, .sub = t->sub, .task = t->no, .reason = "lost",
			    .text = text,
			    .retry_ms = clock_now_ms() + backoff_ms(t->lost) };
	int64_t ran_ms = t->started_ms ? clock_now_ms() - t->started_ms : 0;
	int64_t most_ms = (int64_t)t->spec->walltime_s * 1000;
	struct record stop = { .kind = RECORD_GIVE_UP, .sub = t->sub, .task = t->no,
			       .reason = "lost" };

	share_settle(f, t, ran_ms < 0 ? 0 : ran_ms > most_ms ? most_ms : ran_ms, &r);
	flow_commit(f, &r);
	if (!t->cancel_wanted && t->lost >= TASK_LOST_MAX)
		flow_commit(f, &stop);
	over(f, t);
}

/* By order: the engine does not know.  It lets go of the run once that is durable. */
static void declare_lost(struct flow *f, struct task *t, const struct flow_lost *l,
			 const struct token *who)
{
	uint32_t pool = t->pool, attempt = t->attempt;
	char text[RUN_TEXT_MAX];

	snprintf(text, sizeof(text), "declared lost by %s: %s", token_by(who), l->reason);
	log_warn("flow", "run %u of task %llu on pool %s: %s", attempt, (unsigned long long)t->no,
		 f->c.pools[pool]->name, text);
	run_lost(f, t, text);
	flow_after_settle(f, pool, t->no, attempt);
}

static int may_declare(const struct flow *f, const struct pool *p, const char *name,
		       const struct token *who, struct err *err)
{
	if (!p)
		return err_set(err, FLOW_E_NOT_FOUND, "there is no pool of this name");
	if (!(who->roles & ROLE_OPERATOR) || !token_has_pool(who, name))
		return err_set(err, FLOW_E_FORBIDDEN, "the token is for other pools");
	if (!f->engines[p->id]->ops->may_be_silent)
		return err_set(err, FLOW_E_CONFLICT, "an engine %s always knows of its runs",
			       f->engines[p->id]->ops->name);
	if (!p->down)
		return err_set(err, FLOW_E_CONFLICT, "the pool is not down: its engine knows of its "
			       "runs; cancel them instead");
	return 0;
}

int flow_pool_lost(struct flow *f, const char *name, const struct flow_lost *l,
		   const struct token *who, uint32_t *ret_lost, uint32_t *ret_left, struct err *err)
{
	const struct pool *p = flow_pool_find(f, name);
	const struct task *one = l->sub && l->index >= 0 ? flow_task_by_id(f, l->sub, l->index) : NULL;
	const struct task *t;
	uint32_t lost = 0, left = 0;
	int e = flow_busy(f, err);

	if (!e)
		e = may_declare(f, p, name, who, err);
	if (e)
		return e;
	for (uint64_t no = UINT64_MAX; (t = flow_task_before(f, no)); ) {
		no = t->no;             /* it may be gone below: lost too often */
		if (!task_state_on_pool(t->state) || t->pool != p->id ||
		    (l->sub && (l->index >= 0 ? t != one : t->sub != l->sub)))
			continue;
		if (lost == FLOW_LOST_MAX)
			left++;
		else if (++lost)
			declare_lost(f, table_get(f, no), l, who);
	}
	if (l->sub && !lost)
		return err_set(err, FLOW_E_CONFLICT, "it has no run on this pool");
	*ret_lost = lost;
	*ret_left = left;
	return 0;
}

/* The engine did not start it, and it is nobody's fault: the task goes back, uncounted, and
 * the pool is left alone for a while.  `p` NULL: only this task does not fit there. */
static void run_returned(struct flow *f, struct task *t, struct pool *p, const char *text)
{
	struct record r = { .kind = RECORD_LOST, .sub = t->sub, .task = t->no,
			    .reason = "returned", .text = text,
			    .retry_ms = clock_now_ms() + RETURNED_MS };

	if (p && !p->down) {
		p->down = p->gave_back = true;
		p->seen_ms = clock_now_ms();
		pool_because(p, text, NULL);
	}
	flow_commit(f, &r);
	over(f, t);
}

/* ---- sending ---- */

/* What a task says of an input counts; what it leaves open, its data set may say. */
static const struct run_input *run_inputs(const struct flow *f, const struct task_spec *s,
					  struct arena *a)
{
	struct run_input *list = arena_array(a, s->ninputs, sizeof(*list));

	for (uint32_t i = 0; i < s->ninputs; i++) {
		const char *name = s->inputs[i].dataset;
		const struct dataset *d = name ? flow_dataset_find(f, name) : NULL;

		list[i].url = d ? d->url : s->inputs[i].url;
		list[i].size = s->inputs[i].size ? s->inputs[i].size : d ? d->size : 0;
		list[i].sha256 = s->inputs[i].sha256 ? s->inputs[i].sha256
						     : d ? d->sha256 : NULL;
		if (!list[i].url)
			return NULL;
	}
	return list;
}

static void not_started(struct flow *f, struct task *t, const char *why)
{
	run_ended(f, t, &(struct engine_event){ .kind = ENGINE_EV_ENDED, .text = why,
						.end = RUN_END_NOT_STARTED });
}

/* The rule is checked once more at the border: since the choice a label may have been raised, or
 * the pool may have lost its clearance. */
static const char *forbidden(const struct flow *f, const struct task *t, struct ask *a)
{
	const struct pool *p = f->c.pools[t->pool];
	struct snapshot s;

	schedule_snapshot(f, NULL, &s);
	schedule_ask(f, t->spec, t->no, a);
	if (eligible_reasons(&s, a, p) & (REASON_BIT(REASON_CLEARANCE) | REASON_BIT(REASON_REGION) |
					  REASON_BIT(REASON_NOT_ADMITTED) |
					  REASON_BIT(REASON_NOT_NAMED)))
		return "the pool may not see this task any more";
	return NULL;
}

/* What the devices of its place are called. */
static const char *accel_of(const struct flow *f, const struct pool *p, const struct placement *at)
{
	uint32_t node = at && at->n && at->nodes[0].accels ? at->nodes[0].node : UINT32_MAX;

	return node < p->nnodes && p->nodes[node].model != ACCEL_NONE
		? f->c.catalogue->models[p->nodes[node].model].name : NULL;
}

static void ask_engine(struct flow *f, struct task *t, const struct run_spec *spec)
{
	struct engine *e = f->engines[t->pool];
	struct pool *p = f->c.pools[t->pool];
	struct err err = { 0 };
	int r = e->ops->start(e, spec, &err);

	if (!r)
		return;
	log_warn("flow", "could not start run %s on %s: %s", spec->run_id, p->name, err.text);
	/* What is wrong with this run is no reason to leave the pool alone. */
	run_returned(f, t, r == ENGINE_E_FORBIDDEN ? NULL : p, err.text);
}

static void send_run(struct flow *f, struct task *t)
{
	char id[RUN_ID_MAX];
	struct arena arena;
	struct ask a;
	struct run_spec spec = {
		.run_id = id, .spec = t->spec, .task = t->no, .index = t->index,
		.attempt = t->attempt, .pool = f->c.pools[t->pool],
		.place = pool_held(f->c.pools[t->pool], t->no), .ninputs = t->spec->ninputs,
	};
	const char *no = forbidden(f, t, &a);

	spec.accel = accel_of(f, spec.pool, spec.place);
	if (!spec.place)
		no = "the pool is smaller than it was when it was chosen";
	if (no) {
		run_returned(f, t, NULL, no);
		return;
	}
	arena_init(&arena);
	flow_run_id(f, t, t->attempt, id);
	label_of(&a, &spec.label);
	spec.clearance = spec.pool->clearance;
	spec.inputs = run_inputs(f, t->spec, &arena);
	spec.read_roots = roots_of(f->c.read_roots, t->spec->tenant, &arena);
	spec.write_roots = roots_of(f->c.write_roots, t->spec->tenant, &arena);
	spec.inner_hosts = f->c.inner_hosts;
	if (!spec.inputs)
		not_started(f, t, "a dataset among its inputs was removed");
	else
		ask_engine(f, t, &spec);
	arena_done(&arena);
}

/* The wish to cancel may have come before or after the engine was asked. */
static void stop_run(struct flow *f, struct task *t)
{
	struct engine *e = f->engines[t->pool];
	char id[RUN_ID_MAX];
	struct err err = { 0 };
	int r;

	flow_run_id(f, t, t->attempt, id);
	r = e->ops->stop(e, id, f->c.limits.stop_grace_ms, &err);
	if (r == ENGINE_E_GONE && t->state == TASK_SENDING)
		not_started(f, t, "stopped before it was sent");
	else if (r == ENGINE_E_GONE)
		run_lost(f, t, "it was gone before it could be stopped");
	else if (r)
		log_warn("flow", "could not stop run %s: %s", id, err.text);
}

/* The choice, or the wish to cancel, is durable. */
void run_send(struct flow *f, uint64_t no, uint32_t attempt)
{
	struct task *t = table_get(f, no);

	if (!t || t->attempt != attempt || !task_state_on_pool(t->state))
		return;         /* over, or on its next run, in the meantime */
	if (t->cancel_wanted || t->recalled)
		stop_run(f, t);
	else
		send_run(f, t);
}

/* The end is durable: the engine need not remember it for us any more. */
void run_settle(struct flow *f, uint32_t pool, uint64_t no, uint32_t attempt)
{
	char id[RUN_ID_MAX];

	snprintf(id, sizeof(id), "%s-%llu-%u", f->node_id, (unsigned long long)no, attempt);
	f->engines[pool]->ops->settle(f->engines[pool], id);
}

/* ---- hearing ---- */

void run_pool_fresh(struct pool *p, int64_t now)
{
	bool stale = pool_stale(p, now);

	if (stale == p->stale)
		return;
	p->stale = stale;
	if (stale)
		log_warn("flow", "pool %s is stale: no news within %u s, so it gets nothing new",
			 p->name, (unsigned)p->fresh_s);
	else
		log_info("flow", "pool %s is not stale any more", p->name);
}

static void pool_news(struct flow *f, struct pool *p, const struct engine_event *ev)
{
	if (ev->up)
		p->seen_ms = clock_now_ms();
	if (ev->seen) {
		unsigned unknown = pool_see(p, ev->seen, f->c.catalogue);

		placement_nodes_told(f, p);
		if (unknown)
			log_debug("flow", "pool %s: %u nodes have accelerators that are not in the "
				  "catalogue", p->name, unknown);
		if (!p->drained)
			schedule_want(f);
	}
	run_pool_fresh(p, clock_now_ms());
	if (p->down == !ev->up && (ev->up || !ev->text || !strcmp(ev->text, p->why)))
		return;
	p->down = !ev->up;
	p->gave_back = false;
	if (!p->drained)
		pool_because(p, p->down ? ev->text : NULL, p->down ? ev->text_zh : NULL);
	log_info("flow", "pool %s is %s%s%s", p->name, ev->up ? "up" : "down", ev->text ? ": " : "",
		 ev->text ? ev->text : "");
	schedule_want(f);
}

/* The engine has never started it, or has no trace of it. */
static void run_absent(struct flow *f, struct task *t, const char *text)
{
	if (t->state == TASK_SENDING)
		run_send(f, t->no, t->attempt);         /* the choice still stands */
	else
		run_lost(f, t, text);
}

static void run_started(struct flow *f, struct task *t, const struct engine_event *ev,
			enum record_kind kind)
{
	struct record r = { .kind = kind, .sub = t->sub, .task = t->no,
			    .at_ms = ev->at_ms > t->chosen_ms ? ev->at_ms : clock_now_ms() };

	if (t->state == TASK_RUNNING || (kind == RECORD_ACCEPT && t->state == TASK_QUEUED))
		return;
	flow_commit(f, &r);
}

void run_event(void *arg, const struct pool *pool, const struct engine_event *ev)
{
	struct flow *f = arg;
	struct task *t;
	uint32_t attempt;
	uint64_t no;

	if (ev->kind == ENGINE_EV_POOL) {
		pool_news(f, f->c.pools[pool->id], ev);
		return;
	}
	if (run_id_parse(f, ev->run_id, &no, &attempt))
		return;         /* of another node that shares the engine */
	t = table_get(f, no);
	if (!t || t->attempt != attempt || t->pool != pool->id || !task_state_on_pool(t->state)) {
		flow_after_settle(f, pool->id, no, attempt);
		return;         /* told twice, which engines may do after a restart */
	}
	switch (ev->kind) {
	case ENGINE_EV_ACCEPTED:
		run_started(f, t, ev, RECORD_ACCEPT);
		break;
	case ENGINE_EV_STARTED:
		pool_begun(f->c.pools[t->pool], no, ev->nodes, ev->nnodes);
		run_started(f, t, ev, RECORD_START);
		break;
	case ENGINE_EV_ABSENT:
		run_absent(f, t, "the engine forgot it");
		break;
	case ENGINE_EV_RETURNED:
		run_returned(f, t, NULL, ev->text ? ev->text : "its pool gave it back");
		flow_after_settle(f, pool->id, no, attempt);
		break;
	case ENGINE_EV_ENDED:
		run_ended(f, t, ev);
		flow_after_settle(f, pool->id, no, attempt);
		break;
	case ENGINE_EV_LOST:
		run_lost(f, t, ev->text);
		flow_after_settle(f, pool->id, no, attempt);
		break;
	default:
		break;
	}
}

/* ---- after a restart ---- */

static void resume_run(struct flow *f, struct task *t)
{
	struct engine *e = f->engines[t->pool];
	char id[RUN_ID_MAX];
	struct err err = { 0 };
	int r;

	flow_run_id(f, t, t->attempt, id);
	r = e->ops->adopt(e, id, &err);
	if (r == ENGINE_E_GONE)
		run_absent(f, t, "the engine forgot it");
	else if (r)
		run_lost(f, t, err.text);
	else if (t->cancel_wanted || t->recalled)
		stop_run(f, t);
	else
		label_check_run(f, t);
}

/* A pool that is gone from the configuration may still have runs of ours: to choose again for
 * them would run them twice. */
int run_check(const struct flow *f, struct err *err)
{
	const struct task *t = NULL;

	while ((t = flow_task_before(f, t ? t->no : UINT64_MAX)))
		if (task_state_on_pool(t->state) && t->pool >= f->c.npools)
			return err_set(err, -EINVAL, "task %llu is still on a pool that is not in "
				       "the configuration any more; declare the pool again, "
				       "drain it, and take it out when it is empty",
				       (unsigned long long)t->no);
	return 0;
}

void run_resume(struct flow *f)
{
	int64_t lately = clock_now_ms() - SETTLE_AGAIN_MS;

	for (uint64_t no = 1; no < f->next_no; no++) {
		struct task *t = table_get(f, no);

		if (!t && no / PAGE < f->npages && !f->pages[no / PAGE])
			no += PAGE - 1 - no % PAGE;     /* a page of forgotten ones */
		if (!t)
			continue;
		if (t->no == t->sub && sub_find(f, t->sub)->left)
			ready_sub(f, sub_find(f, t->sub));
		if (task_state_on_pool(t->state)) {
			f->label_unheld |= !pool_held(f->c.pools[t->pool], t->no);
			resume_run(f, t);
		} else if (t->attempt && t->ended_ms > lately && t->pool < f->c.npools)
			run_settle(f, t->pool, t->no, t->attempt);      /* may have been cut off */
	}
}
