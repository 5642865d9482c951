/* queue.c - the waiting tasks: equal ones in a bucket, a tenant's buckets in order of submission,
 * tenants by whose turn it is */

#include "flow/share.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- the buckets of one tenant: by number of the head ---- */

static void heap_set(struct share *s, uint32_t i, struct bucket *b)
{
	s->heap[i] = b;
	b->slot = i;
}

static void heap_up(struct share *s, uint32_t i)
{
	struct bucket *b = s->heap[i];

	for (; i > 0 && s->heap[(i - 1) / 2]->head->no > b->head->no; i = (i - 1) / 2)
		heap_set(s, i, s->heap[(i - 1) / 2]);
	heap_set(s, i, b);
}

static void heap_down(struct share *s, uint32_t i)
{
	struct bucket *b = s->heap[i];

	for (;;) {
		uint32_t k = 2 * i + 1;

		if (k >= s->nheap)
			break;
		if (k + 1 < s->nheap && s->heap[k + 1]->head->no < s->heap[k]->head->no)
			k++;
		if (s->heap[k]->head->no >= b->head->no)
			break;
		heap_set(s, i, s->heap[k]);
		i = k;
	}
	heap_set(s, i, b);
}

/* ---- the tenants: by whose turn it is ---- */

static void turn_set(struct flow *f, uint32_t i, struct share *s)
{
	f->turns[i] = s;
	s->slot = i;
}

static void turn_up(struct flow *f, uint32_t i)
{
	struct share *s = f->turns[i];

	for (; i > 0 && share_before(s, f->turns[(i - 1) / 2]); i = (i - 1) / 2)
		turn_set(f, i, f->turns[(i - 1) / 2]);
	turn_set(f, i, s);
}

static void turn_down(struct flow *f, uint32_t i)
{
	struct share *s = f->turns[i];

	for (;;) {
		uint32_t k = 2 * i + 1;

		if (k >= f->nturns)
			break;
		if (k + 1 < f->nturns && share_before(f->turns[k + 1], f->turns[k]))
			k++;
		if (!share_before(f->turns[k], s))
			break;
		turn_set(f, i, f->turns[k]);
		i = k;
	}
	turn_set(f, i, s);
}

static void turn_remove(struct flow *f, struct share *s)
{
	uint32_t i = s->slot;

	s->slot = UINT32_MAX;
	if (i == UINT32_MAX || i == --f->nturns)
		return;
	turn_set(f, i, f->turns[f->nturns]);
	turn_up(f, i);
	turn_down(f, f->turns[i]->slot);
}

/* Its usage, its weight or its oldest task changed, or it has something to ask at all. */
void queue_turn(struct flow *f, struct share *s)
{
	if (!s->nheap) {
		turn_remove(f, s);
		return;
	}
	if (s->slot == UINT32_MAX) {
		if (s->aside)
			return;         /* until the pass is over */
		if (f->nturns == f->turns_cap) {
			f->turns_cap = f->turns_cap ? 2 * f->turns_cap : 64;
			f->turns = mem_grow(f->turns, f->turns_cap, sizeof(*f->turns));
		}
		turn_set(f, f->nturns++, s);
	}
	turn_up(f, s->slot);
	turn_down(f, s->slot);
}

void queue_aside(struct flow *f, struct share *s)
{
	turn_remove(f, s);
	s->aside = true;
	s->next_aside = f->aside;
	f->aside = s;
}

void queue_rejoin(struct flow *f)
{
	while (f->aside) {
		struct share *s = f->aside;

		f->aside = s->next_aside;
		s->aside = false;
		queue_turn(f, s);
	}
}

static void heap_add(struct flow *f, struct bucket *b)
{
	struct share *s = b->share;

	if (s->nheap == s->heap_cap) {
		s->heap_cap = s->heap_cap ? 2 * s->heap_cap : 8;
		s->heap = mem_grow(s->heap, s->heap_cap, sizeof(*s->heap));
	}
	heap_set(s, s->nheap++, b);
	heap_up(s, b->slot);
	queue_turn(f, s);
}

static void heap_remove(struct flow *f, struct bucket *b)
{
	struct share *s = b->share;
	uint32_t i = b->slot;

	assert(i < s->nheap && s->heap[i] == b);
	b->slot = UINT32_MAX;
	if (i != --s->nheap) {
		heap_set(s, i, s->heap[s->nheap]);
		heap_up(s, i);
		heap_down(s, s->heap[i]->slot);
	}
	queue_turn(f, s);
}

struct bucket *queue_find(const struct flow *f, uint64_t shape)
{
	struct bucket *b = NULL;

	HASH_FIND(hh, f->buckets, &shape, sizeof(shape), b);
	return b;
}

static struct bucket *bucket_of(struct flow *f, uint64_t shape, const struct task_spec *spec)
{
	struct bucket *b = queue_find(f, shape);

	if (!b) {
		b = mem_alloc(sizeof(*b));
		b->shape = shape;
		b->share = share_get(f, spec->tenant);
		b->best = UINT32_MAX;
		b->slot = UINT32_MAX;
		HASH_ADD(hh, f->buckets, shape, sizeof(b->shape), b);
	}
	return b;
}

/* In ascending order; nearly always at the end, or (a retry) near the front. */
static void bucket_insert(struct bucket *b, struct task *t)
{
	struct task *after = b->tail;

	if (b->head && b->head->no > t->no)
		after = NULL;
	else
		while (after && after->no > t->no)
			after = after->prev;
	t->prev = after;
	t->next = after ? after->next : b->head;
	*(t->prev ? &t->prev->next : &b->head) = t;
	*(t->next ? &t->next->prev : &b->tail) = t;
	t->bucket = b;
	b->n++;
}

static void head_changed(struct flow *f, struct bucket *b)
{
	heap_up(b->share, b->slot);
	heap_down(b->share, b->slot);
	queue_turn(f, b->share);
}

void queue_push(struct flow *f, struct task *t)
{
	const struct sub *s = t->home;
	struct bucket *b = bucket_of(f, s->shape, s->spec);

	assert(!t->bucket && t->state == TASK_WAITING);
	bucket_insert(b, t);
	if (b->slot == UINT32_MAX)
		heap_add(f, b);
	else if (b->head == t)
		head_changed(f, b);
}

static void bucket_free(struct flow *f, struct bucket *b)
{
	HASH_DELETE(hh, f->buckets, b);
	free(b);
}

void queue_remove(struct flow *f, struct task *t)
{
	struct bucket *b = t->bucket;

	if (!b)
		return;
	*(t->prev ? &t->prev->next : &b->head) = t->next;
	*(t->next ? &t->next->prev : &b->tail) = t->prev;
	t->next = t->prev = NULL;
	t->bucket = NULL;
	b->n--;
	if (b->slot == UINT32_MAX)
		return;         /* popped: queue_return() will see to it */
	if (b->head) {
		head_changed(f, b);
		return;
	}
	heap_remove(f, b);
	bucket_free(f, b);
}

struct bucket *queue_top(const struct flow *f)
{
	return f->nturns ? f->turns[0]->heap[0] : NULL;
}

struct bucket *queue_pop(struct flow *f)
{
	struct bucket *b = queue_top(f);

	if (b)
		heap_remove(f, b);
	return b;
}

void queue_return(struct flow *f, struct bucket *b)
{
	if (b->slot != UINT32_MAX)
		return;         /* a task came back to it meanwhile */
	if (b->head)
		heap_add(f, b);
	else
		bucket_free(f, b);
}

void queue_done(struct flow *f)
{
	struct bucket *b, *tmp;

	HASH_ITER(hh, f->buckets, b, tmp)
		bucket_free(f, b);
	free(f->turns);
}
