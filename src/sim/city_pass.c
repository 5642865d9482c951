/* city_pass.c - those that wait, in buckets, and a pass over them in virtual time
 *
 * The same rules as flow/queue.c and flow/schedule.c, without a journal: what they say about
 * why, holds here.
 */

#include "sim/city_part.h"

#include "base/mem.h"
#include "base/rng.h"
#include "select/shape.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* The bounds of flow/schedule.c. */
enum { PASS_BLOCKED_MAX = 1000, PASS_LOOKED_MAX = 10000, PASS_MOVED_MAX = 2000 };

static const struct task_spec *spec_of(const struct town *t, uint32_t task)
{
	return t->c->past->tasks[task].spec;
}

/* ---- buckets ---- */

static uint64_t mix_text(uint64_t h, const char *s)
{
	for (; s && *s; s++)
		h = rng_mix(h, (unsigned char)*s);
	return rng_mix(h, 0x7e);
}

static uint64_t shape_of(const struct town *t, uint32_t task)
{
	const struct past_task *x = &t->c->past->tasks[task];
	uint64_t h = mix_text(spec_shape(x->spec), x->data_within);

	for (uint32_t i = 0; i < x->ndata; i++)
		h = rng_mix(mix_text(h, x->data[i].from), x->data[i].mb);
	return h;
}

/* To its place in the queue, which is ordered by the heads. */
static void queue_insert(struct town *t, struct city_bucket *b, struct city_bucket *from)
{
	while (from && from->head < b->head)
		from = from->behind;
	if (from)
		DL_PREPEND_ELEM2(t->queue, from, b, before, behind);
	else
		DL_APPEND2(t->queue, b, before, behind);
}

static void bucket_insert(struct town *t, struct city_bucket *b, uint32_t task)
{
	uint32_t after = b->n ? b->tail : UINT32_MAX;

	while (after != UINT32_MAX && after > task)
		after = t->before[after];
	t->before[task] = after;
	t->after[task] = after != UINT32_MAX ? t->after[after] : b->n ? b->head : UINT32_MAX;
	*(after != UINT32_MAX ? &t->after[after] : &b->head) = task;
	*(t->after[task] != UINT32_MAX ? &t->before[t->after[task]] : &b->tail) = task;
	b->n++;
	t->waiting++;
}

void town_push(struct town *t, uint32_t task)
{
	uint64_t shape = shape_of(t, task);
	struct city_bucket *b = NULL;
	uint32_t head;

	HASH_FIND(hh, t->buckets, &shape, sizeof(shape), b);
	if (!b) {
		b = mem_alloc(sizeof(*b));
		b->shape = shape;
		HASH_ADD(hh, t->buckets, shape, sizeof(b->shape), b);
	}
	head = b->n ? b->head : UINT32_MAX;
	bucket_insert(t, b, task);
	if (b->head == head)
		return;
	if (b->n > 1)
		DL_DELETE2(t->queue, b, before, behind);
	queue_insert(t, b, t->queue);
}

static void bucket_remove(struct town *t, struct city_bucket *b, uint32_t task)
{
	uint32_t before = t->before[task], after = t->after[task];

	*(before != UINT32_MAX ? &t->after[before] : &b->head) = after;
	*(after != UINT32_MAX ? &t->before[after] : &b->tail) = before;
	b->n--;
	t->waiting--;
}

/* Its head has gone.  Returns the bucket to look at next. */
static struct city_bucket *bucket_moved_on(struct town *t, struct city_bucket *b)
{
	struct city_bucket *behind = b->behind;

	DL_DELETE2(t->queue, b, before, behind);
	if (!b->n) {
		HASH_DELETE(hh, t->buckets, b);
		free(b);
		return behind;
	}
	queue_insert(t, b, behind);
	return behind && behind->head < b->head ? behind : b;
}

void town_pass_done(struct town *t)
{
	struct city_bucket *b, *tmp;

	HASH_ITER(hh, t->buckets, b, tmp) {
		HASH_DELETE(hh, t->buckets, b);
		free(b);
	}
}

/* ---- deciding ---- */

void town_ask(struct town *t, uint32_t task, struct ask *ret)
{
	const struct past_task *x = &t->c->past->tasks[task];

	/* The number that it had, so that ties are decided as they were. */
	*ret = (struct ask){ .spec = x->spec, .seed = rng_mix(t->c->seed, t->no[task]) };
	for (uint32_t i = 0; i < x->ndata; i++) {
		ret->data_from[i] = x->data[i].from;
		ret->data_mb[i] = x->data[i].mb;
	}
	ret->ndata = x->ndata;
	ret->data_within = x->data_within;
	if (t->c->tenant_running_max)
		ret->over_quota = town_tenant(t, x->spec->tenant)->alive >= t->c->tenant_running_max;
}

static void decide(struct town *t, const struct snapshot *s, uint32_t task, struct arena *arena,
		   struct ask *a, struct decision *d)
{
	uint64_t begin = t->c->clock_ns ? t->c->clock_ns() : 0;

	town_ask(t, task, a);
	select_decide(s, a, arena, d);
	t->result->time_ns += t->c->clock_ns ? t->c->clock_ns() - begin : 0;
	t->result->decisions++;
}

static void charge(struct town *t, const struct snapshot *s, const struct ask *a,
		   const struct decision *d, uint32_t times)
{
	if (d->best < t->c->npools)
		lane_charge(&t->lanes[d->best], s, a, &d->cand[d->best], times);
}

/* The head waits.  Would the last one, with all the others before it, go elsewhere? */
static unsigned overflow(struct town *t, const struct snapshot *s, struct city_bucket *b,
			 const struct ask *head_ask, const struct decision *head)
{
	unsigned sent = 0;

	while (b->n > 1 && head->best < t->c->npools && sent < PASS_MOVED_MAX) {
		struct lane kept = t->lanes[head->best];
		uint32_t task = b->tail;
		struct decision d;
		struct ask a;

		charge(t, s, head_ask, head, b->n - 1);
		arena_reset(&t->tail_arena);
		decide(t, s, task, &t->tail_arena, &a, &d);
		t->lanes[head->best] = kept;
		if (d.outcome != OUTCOME_CHOSEN)
			break;
		bucket_remove(t, b, task);
		town_start(t, task, s, &a, &d);
		sent++;
	}
	charge(t, s, head_ask, head, b->n);
	return sent;
}

/* Ask the head.  True: it is gone, and the bucket is to be looked at again. */
static bool ask_head(struct town *t, const struct snapshot *s, struct city_bucket *b,
		     unsigned *moved, bool *ret_blocked)
{
	uint32_t task = b->head;
	const struct task_spec *spec = spec_of(t, task);
	bool late = spec->deadline_ms && s->now_ms >= spec->deadline_ms;
	struct decision d;
	struct ask a;

	arena_reset(&t->arena);
	decide(t, s, task, &t->arena, &a, &d);
	if (!late && d.outcome == OUTCOME_WAIT) {
		b->reason = reason_code(decision_reason(&d));
		*ret_blocked = d.best != UINT32_MAX;
		*moved += overflow(t, s, b, &a, &d);
		return false;
	}
	bucket_remove(t, b, task);
	++*moved;
	if (late || d.outcome == OUTCOME_REFUSED)
		town_refuse(t, task, reason_code(late ? REASON_DEADLINE : decision_reason(&d)));
	else
		town_start(t, task, s, &a, &d);
	return true;
}

unsigned town_pass(struct town *t)
{
	struct snapshot s = {
		.now_ms = t->now_ms, .catalogue = t->c->catalogue, .history = t->history,
		.npools = t->c->npools, .pools = (const struct pool *const *)t->c->pools,
		.lanes = t->lanes,
	};
	unsigned moved = 0, looked = 0, blocked = 0;
	struct city_bucket *b = t->queue;

	memset(t->lanes, 0, t->c->npools * sizeof(*t->lanes));
	t->result->passes++;
	while (b && moved < PASS_MOVED_MAX && looked < PASS_LOOKED_MAX &&
	       blocked < PASS_BLOCKED_MAX) {
		bool waits_for_room = false;

		if (ask_head(t, &s, b, &moved, &waits_for_room)) {
			b = bucket_moved_on(t, b);
			continue;
		}
		looked++;
		blocked += waits_for_room;
		b = b->behind;
	}
	return moved;
}
