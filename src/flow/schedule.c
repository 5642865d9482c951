/* schedule.c - go through the waiting tasks and send those that a pool is free for
 *
 * Late binding: a task is bound when its best pool has room now, and not before.  Tasks
 * are asked in order of submission; one that waits is charged to the lane of the pool it
 * waits for, so later ones see the queue and may go elsewhere.  Of equal tasks only the
 * first is asked, and the last, which has the whole queue before it: if waiting is worth
 * it for the last one, it is for all of them.
 */

#include "flow/share.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"

#include <stdlib.h>
#include <string.h>

enum {
	PASS_BLOCKED_MAX = 1000,        /* kinds of task that wait for room, oldest first (cf. Slurm's
	                                 * bf_max_job_test, 500 by default) */
	PASS_LOOKED_MAX = PASS_KEPT_MAX,/* those that no pool can take now included: they must not
	                                 * keep the others from being looked at */
	PASS_MOVED_MAX = 2000,          /* sent or given up; then the loop gets a turn */
	TELL_EVERY_MS = 10 * 1000,      /* a wait whose reason changes to and fro is written so often */
	PASS_PART_MIN = 16,             /* of each tenant, however many there are */
	PASS_SHARE = 8,                 /* the next pass waits so many times the length of the last:
	                                 * under load at most a ninth of the time goes there */
	PASS_GAP_MAX_MS = 1000,
};

void schedule_want(struct flow *f)
{
	int64_t wait_ms = f->pass_next_ms - clock_mono_ms();

	if (f->pass_wanted || f->replaying)
		return;
	f->pass_wanted = true;
	timer_start(f->pass_timer, wait_ms > 0 ? (uint64_t)wait_ms : 0, 0);
}

static void pass_over(struct flow *f, uint64_t began_ns)
{
	uint64_t gap_ms = ((uv_hrtime() - began_ns) * PASS_SHARE + 999999) / 1000000;

	f->pass_next_ms = clock_mono_ms() +
		(int64_t)(gap_ms < PASS_GAP_MAX_MS ? gap_ms : PASS_GAP_MAX_MS);
}

void schedule_snapshot(const struct flow *f, struct lane *lanes, struct snapshot *ret)
{
	*ret = (struct snapshot){
		.now_ms = clock_now_ms(), .catalogue = f->c.catalogue, .history = f->history,
		.npools = f->c.npools, .pools = (const struct pool *const *)f->c.pools,
		.lanes = lanes, .demand = f->demand, .placers = f->placers,
		.shortlists = f->shortlists, .generation = f->generation,
	};
}

static void ask_data(struct ask *a, const char *region, uint64_t mb)
{
	uint32_t i = 0;

	if (!mb)
		return;
	for (; i < a->ndata; i++)
		if (a->data_from[i] == region ||
		    (region && a->data_from[i] && !strcmp(region, a->data_from[i])))
			break;
	if (i == ARRAY_LEN(a->data_mb))
		i--;            /* more places than we tell apart: counted with the last one */
	else if (i == a->ndata)
		a->data_from[a->ndata++] = region;
	a->data_mb[i] += mb;
}

void schedule_ask(const struct flow *f, const struct task_spec *s, uint64_t no, struct ask *ret)
{
	struct label l = { LEVEL_NONE, NULL };

	*ret = (struct ask){ .spec = s, .seed = rng_mix(f->c.seed, no),
			     .purse = ledger_purse(f, s->tenant, clock_now_ms()) };
	for (uint32_t i = 0; i < s->ninputs; i++) {
		const struct task_input *in = &s->inputs[i];
		struct input_data x;
		const struct dataset *d;

		/* A label that was raised since the task came counts at once. */
		input_data(f, in, NULL, &x);
		label_join(&l, x.label.level, x.label.within);
		d = x.d;
		ask_data(ret, d ? d->region : s->data_region,
			 in->dataset && d ? d->size_mb : in->size_mb);
	}
	ret->data_level = l.level;
	ret->data_within = l.within;
	ret->over_quota = share_over(f, s);
	if (f->c.limits.tenant_running_max) {
		const struct tenant_entry *t = tenant_find(f, s->tenant);

		ret->over_quota |= t && t->alive >= f->c.limits.tenant_running_max;
	}
}

static void choose(struct flow *f, struct task *t, const struct decision *d,
		   const struct snapshot *s, const struct ask *a, const struct money *m)
{
	const struct terms *c = &d->top.terms;
	struct buf why;
	struct record r = {
		.kind = RECORD_CHOOSE, .sub = t->sub, .task = t->no, .at_ms = s->now_ms,
		.attempt = t->attempt + 1, .pool = f->c.pools[d->best]->name, .place = d->place,
		.money = money_total(m) ? m : NULL,
	};

	for (uint32_t i = 0; i < d->n; i++)
		r.choices += d->cand[i].has_terms;
	r.wait_p50_s = c->wait_p50_s + c->transfer_s;
	r.run_p50_s = c->run_p50_s;
	r.run_p90_s = c->run_p90_s;
	share_charge(f, t, &d->place, &r);
	buf_init(&why, STORE_BODY_MAX / 2);
	decision_encode(s, a, d, &why);
	r.why = why.full ? NULL : why.data;
	queue_remove(f, t);
	flow_commit(f, &r);
	flow_after_start(f, t->no, t->attempt);
	buf_done(&why);
}

/* Of many equal tasks that are given up together the first keeps the whole decision. */
static void give_up(struct flow *f, struct bucket *b, enum reason reason, const struct decision *d,
		    const struct snapshot *s, const struct ask *a)
{
	struct task *t = b->head;
	struct buf why;
	struct record r = { .kind = RECORD_GIVE_UP, .sub = t->sub, .task = t->no,
			    .at_ms = s->now_ms, .reason = reason_code(reason) };

	buf_init(&why, STORE_BODY_MAX / 2);
	if (!b->gave_up) {
		decision_encode(s, a, d, &why);
		r.why = why.full ? NULL : why.data;
	}
	b->gave_up = true;
	queue_remove(f, t);
	flow_commit(f, &r);
	buf_done(&why);
	ready_after_end(f, t);
}

/* Said in the journal when it is news: another reason, or another pool. */
static void tell_wait(struct flow *f, struct bucket *b, const struct decision *d,
		      const struct snapshot *s, const struct ask *a)
{
	const char *reason = reason_code(decision_reason(d));
	struct record r = { .kind = RECORD_WAIT, .sub = b->head->sub, .task = b->head->no,
			    .at_ms = s->now_ms, .reason = reason };
	struct buf why;

	b->reason = reason;
	b->best = d->best;
	if (b->told_reason && ((b->told_reason == reason && b->told_best == d->best) ||
			       llabs(s->now_ms - b->told_ms) < TELL_EVERY_MS))
		return;
	b->told_reason = reason;
	b->told_best = d->best;
	b->told_ms = s->now_ms;
	buf_init(&why, STORE_BODY_MAX / 2);
	decision_encode(s, a, d, &why);
	r.why = why.full ? NULL : why.data;
	flow_commit(f, &r);
	buf_done(&why);
}

static struct lane *lane_of(struct flow *f, const struct decision *d)
{
	return d->best < f->c.npools ? &f->lanes[d->best] : NULL;
}

static void charge(struct flow *f, const struct snapshot *s, const struct ask *a,
		   const struct decision *d, uint32_t times)
{
	struct lane *l = lane_of(f, d);

	if (l)
		lane_charge(l, s, a, &d->top, times);
}

/* The devices that were found may cost more than those that were forecast, where a pool has
 * several models: then the tenant may not have the money after all, and the task waits. */
static void check_money(struct flow *f, const struct snapshot *s, const struct task *t,
			struct arena *arena, const struct ask *a, struct decision *d,
			struct money *m)
{
	enum reason why = REASON_BUDGET;

	if (d->outcome == OUTCOME_CHOSEN && !share_has_room(f, t->spec, &d->place, s->now_ms))
		why = REASON_QUOTA;
	else if (d->outcome != OUTCOME_CHOSEN || !ledger_book(f, t, s, a, d, m))
		return;
	decision_bar(s, a, arena, d, why);
}

/* A cluster with a queue of its own must not run dry between an end and our hearing of it: a few
 * may be sent before there is room, if it should be there by then and nobody was promised it.
 * Sent earlier, a task would be bound to a queue while other pools come free. */
static bool may_go_ahead(const struct flow *f, const struct decision *d)
{
	const struct pool *p = d->best < f->c.npools ? f->c.pools[d->best] : NULL;

	if (d->outcome != OUTCOME_WAIT || !p || p->nahead >= p->queue_max)
		return false;
	return d->top.reasons == REASON_BIT(REASON_FULL) && d->top.terms.wait_p50_s <= p->ahead_s;
}

/* *m is what is to be reserved when the outcome is CHOSEN. */
static void decide(struct flow *f, const struct snapshot *s, struct task *t, struct arena *arena,
		   struct ask *a, struct decision *d, struct money *m)
{
	schedule_ask(f, t->spec, t->no, a);
	select_decide(s, a, arena, d);
	if (may_go_ahead(f, d) && !place_ahead(t->spec, f->c.catalogue, f->c.pools[d->best], arena,
					       &d->place))
		d->outcome = OUTCOME_CHOSEN;
	check_money(f, s, t, arena, a, d, m);
	if (d->outcome == OUTCOME_CHOSEN)       /* it is written down with all pools, as they are now */
		decision_fill(s, a, arena, d);
	f->counts.decisions++;
}

/* What was sent so far counts: is somebody else to be asked before the rest?  They come soon, in
 * the next pass. */
static bool others_turn(const struct flow *f, const struct bucket *b)
{
	const struct bucket *top = queue_top(f);

	return top && top->share != b->share && b->share->usage * top->share->quota.weight_milli >
						top->share->usage * b->share->quota.weight_milli;
}

/* The head waits.  Would the last one, with all the others before it, go elsewhere? */
static unsigned overflow(struct flow *f, const struct snapshot *s, struct bucket *b,
			 const struct ask *head_ask, const struct decision *head)
{
	unsigned sent = 0;

	while (b->n > 1 && lane_of(f, head) && sent < PASS_MOVED_MAX) {
		struct lane kept = *lane_of(f, head);
		struct decision d;
		struct money m;
		struct ask a;

		if (sent && others_turn(f, b)) {
			f->pass_cut = true;
			break;
		}
		charge(f, s, head_ask, head, b->n - 1);
		arena_reset(&f->tail_arena);
		decide(f, s, b->tail, &f->tail_arena, &a, &d, &m);
		*lane_of(f, head) = kept;
		if (d.outcome != OUTCOME_CHOSEN)
			break;
		choose(f, b->tail, &d, s, &a, &m);
		sent++;
	}
	charge(f, s, head_ask, head, b->n);
	return sent;
}

/* Ask the head of a bucket, and move it if it can be.  Returns how many tasks left; if the
 * rest has to wait, *ret_blocked says so, and b->best for which pool. */
static unsigned pass_bucket(struct flow *f, const struct snapshot *s, struct bucket *b,
			    bool *ret_blocked)
{
	struct task *t = b->head;
	struct decision d;
	struct money m;
	struct ask a;
	bool late = t->spec->deadline_ms && s->now_ms >= t->spec->deadline_ms;

	*ret_blocked = false;
	decide(f, s, t, &f->pass_arena, &a, &d, &m);
	if (late || d.outcome == OUTCOME_REFUSED) {
		/* It was possible when it came: a deadline or budget is out of reach now. */
		give_up(f, b, late ? REASON_DEADLINE : decision_reason(&d), &d, s, &a);
		return 1;
	}
	if (d.outcome == OUTCOME_CHOSEN) {
		choose(f, t, &d, s, &a, &m);
		return 1;
	}
	tell_wait(f, b, &d, s, &a);
	*ret_blocked = true;
	return overflow(f, s, b, &a, &d);
}

static uint32_t part(uint32_t all, unsigned tenants)
{
	uint32_t n = all / tenants;

	return n > PASS_PART_MIN ? n : PASS_PART_MIN;
}

static bool pass_may_go_on(const struct flow *f, unsigned kept, unsigned blocked, unsigned moved)
{
	return queue_top(f) && kept < PASS_LOOKED_MAX && blocked < PASS_BLOCKED_MAX &&
		moved < PASS_MOVED_MAX &&
		f->c.store->ops->pending(f->c.store) <= f->c.limits.pending_max;
}

/* Of what a pass looks at each tenant has its part, so that one with many kinds of task does not
 * use it up. */
static void take_part(struct flow *f, const struct bucket *b, unsigned tenants)
{
	struct share *s = b->share;

	if (s->pass != f->npasses) {
		s->pass = f->npasses;
		s->blocked = s->looked = 0;
	}
	s->looked++;
	s->blocked += b->best != UINT32_MAX;
	if (tenants > 1 && !s->aside &&
	    (s->blocked >= part(PASS_BLOCKED_MAX, tenants) || s->looked >= part(PASS_LOOKED_MAX, tenants)))
		queue_aside(f, s);
}

static void pass(struct flow *f)
{
	struct snapshot s;
	unsigned kept = 0, blocked = 0, moved = 0;

	unsigned tenants = f->nturns ? f->nturns : 1;

	f->npasses++;
	f->pass_cut = false;
	memset(f->lanes, 0, f->c.npools * sizeof(*f->lanes));
	schedule_snapshot(f, f->lanes, &s);
	while (pass_may_go_on(f, kept, blocked, moved)) {
		struct bucket *b = queue_pop(f);
		bool wait;

		moved += pass_bucket(f, &s, b, &wait);
		arena_reset(&f->pass_arena);
		if (wait) {
			f->kept[kept++] = b;
			blocked += b->best != UINT32_MAX;
			take_part(f, b, tenants);
		} else {
			queue_return(f, b);
		}
	}
	while (kept)
		queue_return(f, f->kept[--kept]);
	queue_rejoin(f);
	f->pass_wanted = moved >= PASS_MOVED_MAX || f->pass_cut;
}

/* Those that wait for tasks given up in the pass are told after it: they may come back to a
 * bucket that is out of the heap. */
void schedule_run(void *arg)
{
	struct flow *f = arg;
	uint64_t began_ns = uv_hrtime();
	bool again;

	f->pass_wanted = false;
	if (f->trouble)
		return;
	label_look(f);
	if (!queue_top(f))
		return;
	f->telling = true;
	pass(f);
	again = f->pass_wanted;
	f->pass_wanted = false;
	pass_over(f, began_ns);
	ready_tell(f);
	if (again)
		schedule_want(f);
}

/* ---- asked by others ---- */

const char *flow_task_reason(const struct flow *f, const struct task *t)
{
	const struct bucket *b = t->bucket;
	enum reason r;

	if (t->state != TASK_WAITING)
		return t->reason;
	r = ready_reason(f, t);
	if (r != REASON_COUNT)
		return reason_code(r);
	return b && b->reason ? b->reason : t->reason;
}

void flow_task_ask(const struct flow *f, const struct task *t, struct ask *ret)
{
	schedule_ask(f, t->spec, t->no, ret);
}

int flow_task_decide(struct flow *f, const struct task *t, struct buf *out, struct err *err)
{
	struct decision d;
	struct snapshot s;
	struct arena arena;
	struct ask a;
	int e;

	if (t->state != TASK_WAITING || !t->bucket)
		return err_set(err, FLOW_E_CONFLICT, "task %llu does not wait for a pool",
			       (unsigned long long)t->no);
	arena_init(&arena);
	schedule_snapshot(f, f->lanes, &s);
	schedule_ask(f, t->spec, t->no, &a);
	select_decide(&s, &a, &arena, &d);
	e = decision_encode(&s, &a, &d, out);
	arena_done(&arena);
	return e;
}
