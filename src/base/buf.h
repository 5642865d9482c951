/* buf.h - a growing byte buffer with a ceiling
 *
 * A write that would pass `max` adds nothing, sets `full` and returns -ENOBUFS;
 * later writes fail too, so a caller may check once at the end.  `data` is
 * always NUL-terminated (the NUL is not counted in `len`) and is "" when empty.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *data;
	size_t len, cap, max;
	bool full;
};

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);           /* takes a zeroed buf */
void buf_reset(struct buf *b);          /* empty, memory kept, full cleared */
/* Make room for n more bytes at once, where the size is known before. */
int buf_reserve(struct buf *b, size_t n);
int buf_add(struct buf *b, const void *p, size_t n);
int buf_str(struct buf *b, const char *s);
int buf_num(struct buf *b, int64_t v);    /* in decimal; a tenth of what buf_printf takes */
int buf_printf(struct buf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void buf_eat(struct buf *b, size_t n);  /* drop the first n bytes, n <= len */

#endif
