/* schedule.c - go through the waiting tasks and send those that a pool is free for
 *
 * Late binding: a task is bound when its best pool has room now, and not before.  Tasks
 * are asked in order of submission; one that waits is charged to the lane of the pool it
 * waits for, so later ones see the queue and may go elsewhere.  Of equal tasks only the
 * first is asked, and the last, which has the whole queue before it: if waiting is worth
 * it for the last one, it is for all of them.
 */

#include "flow/state.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"

#include <string.h>

enum {
	PASS_BUCKETS_MAX = 1000,        /* looked at in one pass, oldest first (cf. Slurm's
	                                 * bf_max_job_test, 500 by default) */
	PASS_SENT_MAX = 2000,           /* then the loop gets a turn */
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
		.lanes = lanes,
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
	*ret = (struct ask){ .spec = s, .seed = rng_mix(f->c.seed, no) };
	for (uint32_t i = 0; i < s->ninputs; i++) {
		const struct task_input *in = &s->inputs[i];
		const struct dataset *d = in->dataset ? flow_dataset_find(f, in->dataset) : NULL;

		/* A level that was raised since the task came counts at once. */
		if (d && d->level > ret->data_level)
			ret->data_level = d->level;
		ask_data(ret, d ? d->region : s->data_region, d ? d->size_mb : in->size_mb);
	}
	if (f->c.limits.tenant_running_max) {
		const struct tenant *t = tenant_find(f, s->tenant);

		ret->over_quota = t && t->alive >= f->c.limits.tenant_running_max;
	}
}

static void choose(struct flow *f, struct task *t, const struct decision *d,
		   const struct snapshot *s, const struct ask *a)
{
	const struct candidate *c = NULL;
	struct buf why;
	struct record r = {
		.kind = RECORD_CHOOSE, .sub = t->sub, .task = t->no, .at_ms = s->now_ms,
		.attempt = t->attempt + 1, .pool = f->c.pools[d->best]->name, .place = d->place,
	};

	for (uint32_t i = 0; i < d->n; i++) {
		r.choices += d->cand[i].has_terms;
		if (d->cand[i].pool == d->best)
			c = &d->cand[i];
	}
	r.wait_p50_s = c->terms.wait_p50_s + c->terms.transfer_s;
	r.run_p50_s = c->terms.run_p50_s;
	r.run_p90_s = c->terms.run_p90_s;
	buf_init(&why, STORE_BODY_MAX / 2);
	decision_encode(s, a, d, &why);
	r.why = why.full ? NULL : why.data;
	queue_remove(f, t);
	flow_commit(f, &r);
	flow_after_start(f, t->no, t->attempt);
	buf_done(&why);
}

static void give_up(struct flow *f, struct task *t, enum reason reason, const struct decision *d,
		    const struct snapshot *s, const struct ask *a)
{
	struct buf why;
	struct record r = { .kind = RECORD_GIVE_UP, .sub = t->sub, .task = t->no,
			    .at_ms = s->now_ms, .reason = reason_code(reason) };

	buf_init(&why, STORE_BODY_MAX / 2);
	decision_encode(s, a, d, &why);
	r.why = why.full ? NULL : why.data;
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

	if (b->told && b->reason == reason && b->best == d->best)
		return;
	b->told = b->head->no;
	b->reason = reason;
	b->best = d->best;
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
	int64_t before, all;

	if (!l || !times)
		return;
	before = l->ahead_cpu_ms;
	for (uint32_t i = 0; i < d->n; i++)
		if (d->cand[i].pool == d->best)
			lane_charge(l, s, a, &d->cand[i]);
	if (__builtin_mul_overflow(l->ahead_cpu_ms - before, (int64_t)times, &all) ||
	    __builtin_add_overflow(before, all, &l->ahead_cpu_ms))
		l->ahead_cpu_ms = INT64_MAX;
}

static void decide(struct flow *f, const struct snapshot *s, struct task *t, struct ask *a,
		   struct decision *d)
{
	schedule_ask(f, t->spec, t->no, a);
	select_decide(s, a, &f->pass_arena, d);
	f->counts.decisions++;
}

/* The head waits.  Would the last one, with all the others before it, go elsewhere? */
static unsigned overflow(struct flow *f, const struct snapshot *s, struct bucket *b,
			 const struct ask *head_ask, const struct decision *head)
{
	unsigned sent = 0;

	while (b->n > 1 && lane_of(f, head) && sent < PASS_SENT_MAX) {
		struct lane kept = *lane_of(f, head);
		struct decision d;
		struct ask a;

		charge(f, s, head_ask, head, b->n - 1);
		decide(f, s, b->tail, &a, &d);
		*lane_of(f, head) = kept;
		if (d.outcome != OUTCOME_CHOSEN)
			break;
		choose(f, b->tail, &d, s, &a);
		sent++;
	}
	charge(f, s, head_ask, head, b->n);
	return sent;
}

/* Returns how many were sent; a bucket that still has tasks then has to wait. */
static unsigned pass_bucket(struct flow *f, const struct snapshot *s, struct bucket *b,
			    bool *ret_blocked)
{
	struct task *t = b->head;
	struct decision d;
	struct ask a;

	*ret_blocked = false;
	decide(f, s, t, &a, &d);
	if (t->spec->deadline_ms && s->now_ms >= t->spec->deadline_ms) {
		give_up(f, t, REASON_DEADLINE, &d, s, &a);
		return 0;
	}
	switch (d.outcome) {
	case OUTCOME_CHOSEN:
		choose(f, t, &d, s, &a);
		return 1;
	case OUTCOME_REFUSED:
		/* It was possible when it came: a deadline or budget is out of reach now. */
		give_up(f, t, decision_reason(&d), &d, s, &a);
		return 0;
	default:
		tell_wait(f, b, &d, s, &a);
		*ret_blocked = true;
		return overflow(f, s, b, &a, &d);
	}
}

void schedule_run(void *arg)
{
	struct flow *f = arg;
	struct bucket *blocked[PASS_BUCKETS_MAX];
	struct snapshot s;
	uint64_t began_ns = uv_hrtime();
	unsigned nblocked = 0, sent = 0;

	f->pass_wanted = false;
	if (f->trouble || !queue_top(f))
		return;
	memset(f->lanes, 0, f->c.npools * sizeof(*f->lanes));
	schedule_snapshot(f, f->lanes, &s);
	while (nblocked < PASS_BUCKETS_MAX && sent < PASS_SENT_MAX && queue_top(f)) {
		struct bucket *b = queue_pop(f);
		bool wait;

		sent += pass_bucket(f, &s, b, &wait);
		arena_reset(&f->pass_arena);
		if (wait)
			blocked[nblocked++] = b;
		else
			queue_return(f, b);
	}
	while (nblocked)
		queue_return(f, blocked[--nblocked]);
	pass_over(f, began_ns);
	if (sent >= PASS_SENT_MAX)
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
