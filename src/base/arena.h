/* arena.h - memory that dies all at once
 *
 * One request, one configuration or one task owns an arena; everything decoded
 * into it is freed by one call.  Not thread-safe.  Allocation failure aborts, so
 * no function returns NULL; sizes that a client chooses are capped before.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *head;
	size_t used;            /* bytes handed out since init or reset */
	size_t first;           /* bytes of the first chunk, 0: the usual */
};

void arena_init(struct arena *a);

/* For things of which there are millions: the first chunk is only so large. */
void arena_init_small(struct arena *a, size_t first);

void arena_done(struct arena *a);       /* takes a zeroed arena */
void arena_reset(struct arena *a);      /* forget everything, keep one chunk */

/* Zeroed, aligned for any type.  `n` may be 0 (a unique pointer). */
void *arena_alloc(struct arena *a, size_t n);
void *arena_array(struct arena *a, size_t count, size_t size);   /* aborts on overflow */
char *arena_strdup(struct arena *a, const char *s);              /* NULL -> NULL */
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
