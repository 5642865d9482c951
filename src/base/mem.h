/* mem.h - allocation that aborts, and variables that clean themselves */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t n);                      /* zeroed; aborts when out of memory */
void *mem_array(size_t count, size_t size);     /* the same; aborts on overflow */
void *mem_grow(void *p, size_t count, size_t size);      /* realloc; not zeroed */
char *mem_strdup(const char *s);                /* NULL -> NULL */

/* Run fn(&variable) when the variable goes out of scope. */
#define _cleanup_(fn) __attribute__((cleanup(fn)))

void mem_freep(void *p);                        /* free(*(void **)p) */
void mem_closep(const int *fd);                 /* close(*fd) if >= 0 */

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
