/* queue.c - the waiting tasks: equal ones in a bucket, buckets in order of submission */

#include "flow/state.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void heap_set(struct flow *f, uint32_t i, struct bucket *b)
{
	f->heap[i] = b;
	b->slot = i;
}

static void heap_up(struct flow *f, uint32_t i)
{
	struct bucket *b = f->heap[i];

	for (; i > 0 && f->heap[(i - 1) / 2]->head->no > b->head->no; i = (i - 1) / 2)
		heap_set(f, i, f->heap[(i - 1) / 2]);
	heap_set(f, i, b);
}

static void heap_down(struct flow *f, uint32_t i)
{
	struct bucket *b = f->heap[i];

	for (;;) {
		uint32_t k = 2 * i + 1;

		if (k >= f->nheap)
			break;
		if (k + 1 < f->nheap && f->heap[k + 1]->head->no < f->heap[k]->head->no)
			k++;
		if (f->heap[k]->head->no >= b->head->no)
			break;
		heap_set(f, i, f->heap[k]);
		i = k;
	}
	heap_set(f, i, b);
}

static void heap_add(struct flow *f, struct bucket *b)
{
	if (f->nheap == f->heap_cap) {
		f->heap_cap = f->heap_cap ? 2 * f->heap_cap : 64;
		f->heap = mem_grow(f->heap, f->heap_cap, sizeof(*f->heap));
	}
	heap_set(f, f->nheap++, b);
	heap_up(f, b->slot);
}

static void heap_remove(struct flow *f, struct bucket *b)
{
	uint32_t i = b->slot;

	assert(i < f->nheap && f->heap[i] == b);
	b->slot = UINT32_MAX;
	if (i == --f->nheap)
		return;
	heap_set(f, i, f->heap[f->nheap]);
	heap_up(f, i);
	heap_down(f, f->heap[i]->slot);
}

struct bucket *queue_find(const struct flow *f, uint64_t shape)
{
	struct bucket *b = NULL;

	HASH_FIND(hh, f->buckets, &shape, sizeof(shape), b);
	return b;
}

static struct bucket *bucket_of(struct flow *f, uint64_t shape)
{
	struct bucket *b = queue_find(f, shape);

	if (!b) {
		b = mem_alloc(sizeof(*b));
		b->shape = shape;
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

void queue_push(struct flow *f, struct task *t)
{
	const struct sub *s = t->home;
	struct bucket *b = bucket_of(f, s->shape);

	assert(!t->bucket && t->state == TASK_WAITING);
	bucket_insert(b, t);
	if (b->slot == UINT32_MAX)
		heap_add(f, b);
	else if (b->head == t)
		heap_up(f, b->slot);
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
		heap_down(f, b->slot);
		return;
	}
	heap_remove(f, b);
	bucket_free(f, b);
}

struct bucket *queue_top(const struct flow *f)
{
	return f->nheap ? f->heap[0] : NULL;
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
	free(f->heap);
}
