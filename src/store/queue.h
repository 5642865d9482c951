/* queue.h - copies of rows that wait, in order; shared by the stores
 *
 * Not thread-safe: the owner guards it.  A zeroed queue is an empty one.
 */
#ifndef STORE_QUEUE_H
#define STORE_QUEUE_H

#include "store/store.h"

struct store_item {
	struct store_item *next;
	struct store_row row;           /* row.body points at body */
	char body[];                    /* and the actor */
};

struct store_queue {
	struct store_item *head, *last;
	unsigned rows;
	size_t bytes;                   /* sum of store_item_size() */
};

/* What a row costs while it waits: its body and the bookkeeping around it. */
size_t store_item_size(const struct store_row *row);

void store_queue_push(struct store_queue *q, const struct store_row *row);      /* copies */
struct store_item *store_queue_pop(struct store_queue *q);      /* NULL when empty; free() it */

/* Move rows from the front of `q` to the end of `to`, until one more would pass a
 * bound; the first is always moved, however large. */
void store_queue_take(struct store_queue *q, struct store_queue *to, unsigned rows_max,
		      size_t bytes_max);

void store_queue_done(struct store_queue *q);   /* empty again, reusable */

#endif
