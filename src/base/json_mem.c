/* json_mem.c - blocks of freed JSON values wait for the next document
 *
 * A document of a dozen members is forty small blocks, made and freed thousands of times a second; the
 * allocator's own cache holds seven of each size.  The blocks are malloc()'s all the same, so free()
 * may have them.  Under the address sanitizer there is no cache: it would hide mistakes.
 */

#include "base/json.h"

#include <malloc.h>
#include <stdlib.h>

enum {
	STEP = 16, CLASSES = 16,        /* up to 256 bytes */
	KEEP_MAX = 4096,                /* blocks of a class: a batch of a hundred tasks, 9 MB at the worst */
};

struct block {
	struct block *next;
};

static __thread struct {
	struct block *head;
	unsigned n;
} kept[CLASSES + 1];

static void *take(size_t n)
{
	size_t c = (n + STEP - 1) / STEP;
	struct block *b;

	if (!n || c > CLASSES)
		return malloc(n);
	b = kept[c].head;
	if (!b)
		return malloc(c * STEP);
	kept[c].head = b->next;
	kept[c].n--;
	return b;
}

static void give(void *p)
{
	size_t c = p ? malloc_usable_size(p) / STEP : 0;
	struct block *b = p;

	if (!c || c > CLASSES || kept[c].n == KEEP_MAX) {
		free(p);
		return;
	}
	b->next = kept[c].head;
	kept[c].head = b;
	kept[c].n++;
}

void json_mem_init(void)
{
#ifndef __SANITIZE_ADDRESS__
	json_set_alloc_funcs(take, give);
#else
	(void)take;
	(void)give;
#endif
}

void json_mem_trim(void)
{
	for (unsigned c = 1; c <= CLASSES; c++)
		while (kept[c].head) {
			struct block *b = kept[c].head;

			kept[c].head = b->next;
			kept[c].n--;
			free(b);
		}
}
