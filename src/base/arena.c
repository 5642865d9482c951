/* arena.c - memory that dies all at once */

#include "base/arena.h"

#include "base/mem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CHUNK_FIRST = 4 * 1024,         /* a task of the usual size fits in one */
	CHUNK_MAX = 64 * 1024,          /* larger ones would be kept for nothing by reset */
	ALIGN = _Alignof(max_align_t),
};

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, cap;
	_Alignas(max_align_t) char data[];
};

static struct arena_chunk *chunk_new(size_t cap)
{
	/* Not mem_alloc(): arena_alloc() clears what it hands out, no more. */
	struct arena_chunk *c = mem_grow(NULL, sizeof(*c) + cap, 1);

	c->next = NULL;
	c->used = 0;
	c->cap = cap;
	return c;
}

static void chunks_free(struct arena_chunk *c)
{
	while (c) {
		struct arena_chunk *next = c->next;

		free(c);
		c = next;
	}
}

void arena_init(struct arena *a)
{
	*a = (struct arena){ 0 };
}

void arena_init_small(struct arena *a, size_t first)
{
	*a = (struct arena){ .first = first };
}

void arena_done(struct arena *a)
{
	chunks_free(a->head);
	*a = (struct arena){ 0 };
}

void arena_reset(struct arena *a)
{
	struct arena_chunk *keep = a->head;

	a->used = 0;
	if (!keep)
		return;
	chunks_free(keep->next);
	keep->next = NULL;
	keep->used = 0;
	if (keep->cap > CHUNK_MAX) {
		free(keep);
		a->head = NULL;
	}
}

/* Does the head have n bytes left, beginning at a multiple of `align`? */
static bool fits(const struct arena_chunk *c, size_t n, size_t align)
{
	size_t at = c ? (c->used + align - 1) / align * align : 0;

	return c && at <= c->cap && c->cap - at >= n;
}

/* A chunk with room for n bytes.  A large piece gets a chunk of its own behind
 * the head, so that the rest of the head stays in use. */
static struct arena_chunk *chunk_for(struct arena *a, size_t n, size_t align)
{
	struct arena_chunk *c;
	size_t cap = a->first ? a->first : CHUNK_FIRST;

	if (fits(a->head, n, align))
		return a->head;
	if (a->head && n > CHUNK_FIRST) {
		c = chunk_new(n);
		c->next = a->head->next;
		a->head->next = c;
		return c;
	}
	if (a->head)
		cap = a->head->cap >= CHUNK_MAX / 2 ? CHUNK_MAX : a->head->cap * 2;
	c = chunk_new(n > cap ? n : cap);
	c->next = a->head;
	a->head = c;
	return c;
}

static void *take(struct arena *a, size_t n, size_t align)
{
	struct arena_chunk *c;
	size_t at;

	if (n > SIZE_MAX / 2)
		abort();
	n = n ? n : 1;
	c = chunk_for(a, n, align);
	at = (c->used + align - 1) / align * align;
	c->used = at + n;
	a->used += n;
	return memset(c->data + at, 0, n);
}

void *arena_alloc(struct arena *a, size_t n)
{
	return take(a, n, ALIGN);
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
	size_t n;

	if (__builtin_mul_overflow(count, size, &n))
		abort();
	return arena_alloc(a, n);
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	size_t len;
	char *copy;

	if (!s)
		return NULL;
	len = strnlen(s, n);
	copy = take(a, len + 1, 1);
	memcpy(copy, s, len);
	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return s ? arena_strndup(a, s, strlen(s)) : NULL;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *out;
	int n;

	assert(fmt);    /* gcc warns of what the sanitizer asks otherwise */
	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	out = take(a, (size_t)n + 1, 1);
	va_start(ap, fmt);
	vsnprintf(out, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return out;
}
