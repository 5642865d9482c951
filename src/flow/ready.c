/* ready.c - what a task waits for before it may wait for a pool: others, time, its array */

#include "flow/state.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum need { NEED_NOTHING, NEED_OTHERS, NEED_NEVER };

static void push(uint64_t **list, uint32_t *n, uint32_t *cap, uint64_t no)
{
	if (*n == *cap) {
		*cap = *cap ? 2 * *cap : 64;
		*list = mem_grow(*list, *cap, sizeof(**list));
	}
	(*list)[(*n)++] = no;
}

static enum need one_met(enum after_when when, uint32_t left, uint32_t bad)
{
	switch (when) {
	case AFTER_ENDED:
		return left ? NEED_OTHERS : NEED_NOTHING;
	case AFTER_DONE:
		return bad ? NEED_NEVER : left ? NEED_OTHERS : NEED_NOTHING;
	case AFTER_FAILED:
		return bad ? NEED_NOTHING : left ? NEED_OTHERS : NEED_NEVER;
	}
	return NEED_NEVER;
}

/* A task that is no longer in memory ended long ago, and its end was told at once to those
 * that waited for it: whoever still waits for something else was not disappointed by it. */
static enum need after_met(const struct flow *f, const struct task_after *a)
{
	const struct sub *s = sub_find(f, a->sub);
	const struct task *t;

	if (!s)
		return NEED_NOTHING;
	t = a->task ? table_get(f, task_after_no(a, s->spec)) : NULL;
	if (t)
		return one_met(a->when, !task_state_final(t->state),
			       task_state_final(t->state) && t->state != TASK_DONE);
	return one_met(a->when, s->left, s->spec->array_n - s->left - s->by_state[TASK_DONE]);
}

static enum need others_met(const struct flow *f, const struct task_spec *s)
{
	enum need worst = NEED_NOTHING;

	for (uint32_t i = 0; i < s->nafter; i++) {
		enum need n = after_met(f, &s->after[i]);

		worst = n > worst ? n : worst;
	}
	return worst;
}

enum reason ready_reason(const struct flow *f, const struct task *t)
{
	const struct sub *s = t->home;

	if (t->no - t->sub >= s->next)
		return REASON_ARRAY_LIMIT;
	if (others_met(f, t->spec) != NEED_NOTHING)
		return REASON_DEPENDENCY;
	return t->retry_ms ? REASON_BACKOFF : REASON_COUNT;
}

/* Once for a submission: the elements of an array wait for the same. */
static void note_wait(struct flow *f, const struct task *t, enum reason why)
{
	struct record r = { .kind = RECORD_WAIT, .sub = t->sub, .task = t->no,
			    .reason = reason_code(why) };

	if (t->no == t->sub && (!t->reason || strcmp(t->reason, r.reason)))
		flow_commit(f, &r);
}

static void give_up(struct flow *f, const struct task *t)
{
	struct record r = { .kind = RECORD_GIVE_UP, .sub = t->sub, .task = t->no,
			    .reason = reason_code(REASON_DEPENDENCY) };

	flow_commit(f, &r);
	ready_after_end(f, t);
}

static void cancelled(struct flow *f, const struct task *t)
{
	struct record r = { .kind = RECORD_CANCEL, .sub = t->sub, .task = t->no,
			    .reason = "cancelled", .at_once = true };

	flow_commit(f, &r);
	ready_after_end(f, t);
}

void ready_check(struct flow *f, struct task *t)
{
	enum need n;

	if (t->state != TASK_WAITING || t->bucket)
		return;
	if (t->cancel_wanted) {
		cancelled(f, t);        /* the wish outlived the run it was meant for */
		return;
	}
	n = others_met(f, t->spec);
	if (n == NEED_NEVER) {
		give_up(f, t);
	} else if (n == NEED_OTHERS) {
		note_wait(f, t, REASON_DEPENDENCY);
	} else if (t->retry_ms) {
		if (!t->backing_off)
			push(&f->backoff, &f->nbackoff, &f->backoff_cap, t->no);
		t->backing_off = true;
		note_wait(f, t, REASON_BACKOFF);
	} else {
		queue_push(f, t);
		schedule_want(f);
	}
}

void ready_sub(struct flow *f, struct sub *s)
{
	uint32_t limit = s->spec->array_limit ? s->spec->array_limit : s->spec->array_n;

	while (s->next < s->spec->array_n && s->active < limit) {
		struct task *t = table_get(f, s->no + s->next++);

		if (task_state_final(t->state))
			continue;       /* cancelled before it came so far */
		s->active++;
		ready_check(f, t);
	}
}

static void tell(struct flow *f, uint64_t no)
{
	struct sub *s = table_get(f, no)->home;

	if (no - s->no < s->next)
		s->active--;
	ready_sub(f, s);
	for (uint32_t i = 0; i < s->nwaiters; i++) {
		struct sub *w = sub_find(f, s->waiters[i]);

		/* All elements of a submission wait for the same. */
		if (!w || !w->left || others_met(f, w->spec) == NEED_OTHERS)
			continue;
		for (uint32_t k = 0; k < w->next; k++)
			ready_check(f, table_get(f, w->no + k));
	}
}

/* A chain of tasks may end one after the other (a dependency that failed): told in a loop,
 * not by recursion, since a client chooses how long the chain is. */
void ready_after_end(struct flow *f, const struct task *t)
{
	assert(task_state_final(t->state));
	push(&f->ended, &f->nended, &f->ended_cap, t->no);
	if (!f->telling)
		ready_tell(f);
}

void ready_tell(struct flow *f)
{
	bool any = f->nended > 0;

	f->telling = true;
	for (uint32_t i = 0; i < f->nended; i++)
		tell(f, f->ended[i]);
	f->nended = 0;
	f->telling = false;
	if (any)        /* else a pass would always ask for the next one */
		schedule_want(f);
}

void ready_backoff(struct flow *f, int64_t now)
{
	uint32_t n = f->nbackoff;

	f->nbackoff = 0;        /* ready_check() puts those back that are not due */
	for (uint32_t i = 0; i < n; i++) {
		struct task *t = table_get(f, f->backoff[i]);

		if (!t)
			continue;
		t->backing_off = false;
		if (t->state != TASK_WAITING)
			continue;
		/* Further away than any pause: the clock was set back. */
		if (t->retry_ms <= now || t->retry_ms - now > BACKOFF_MAX_MS)
			t->retry_ms = 0;
		ready_check(f, t);
	}
}

void ready_done(struct flow *f)
{
	free(f->backoff);
	free(f->ended);
}
