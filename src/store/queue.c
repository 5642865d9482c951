/* queue.c - copies of rows that wait, in order */

#include "store/queue.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static void push_item(struct store_queue *q, struct store_item *item)
{
	item->next = NULL;
	if (q->last)
		q->last->next = item;
	else
		q->head = item;
	q->last = item;
	q->rows++;
	q->bytes += store_item_size(&item->row);
}

size_t store_item_size(const struct store_row *row)
{
	return sizeof(struct store_item) + row->body_len +
	       (row->actor ? strlen(row->actor) + 1 : 0);
}

void store_queue_push(struct store_queue *q, const struct store_row *row)
{
	struct store_item *item = mem_alloc(store_item_size(row));

	item->row = *row;
	item->row.body = item->body;
	if (row->body_len)
		memcpy(item->body, row->body, row->body_len);
	if (row->actor)
		item->row.actor = strcpy(item->body + row->body_len, row->actor);
	push_item(q, item);
}

struct store_item *store_queue_pop(struct store_queue *q)
{
	struct store_item *item = q->head;

	if (!item)
		return NULL;
	q->head = item->next;
	if (!q->head)
		q->last = NULL;
	q->rows--;
	q->bytes -= store_item_size(&item->row);
	return item;
}

void store_queue_take(struct store_queue *q, struct store_queue *to, unsigned rows_max,
		      size_t bytes_max)
{
	unsigned rows = 0;
	size_t bytes = 0;

	while (q->head) {
		bytes += store_item_size(&q->head->row);
		if (rows && (rows >= rows_max || bytes > bytes_max))
			return;
		push_item(to, store_queue_pop(q));
		rows++;
	}
}

void store_queue_done(struct store_queue *q)
{
	for (struct store_item *item; (item = store_queue_pop(q)) != NULL; )
		free(item);
}
