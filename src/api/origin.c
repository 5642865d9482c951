/* origin.c - whose is a submission and how are its tasks called, for events
 *
 * From memory while flow has it; else from a small cache that events.c fills from the
 * opening rows.  The cache is direct-mapped: an event stream that reads old history meets
 * the rows of one submission close together.
 */

#include "api/call.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SLOTS = 512,
	BYTES_MAX = 16 << 20,           /* of irregular index lists; above, all is forgotten */
};

/* Most arrays are regular: two numbers are enough then. */
static bool regular(const struct task_spec *s, uint32_t *ret_step)
{
	uint32_t step = s->array_n > 1 ? s->array[1] - s->array[0] : 1;

	for (uint32_t i = 1; i < s->array_n; i++)
		if (s->array[i] - s->array[i - 1] != step)
			return false;
	*ret_step = step;
	return true;
}

static void origin_clear(struct api *a, struct origin *o)
{
	if (o->indices)
		a->origins_bytes -= o->n * sizeof(*o->indices);
	free(o->tenant);
	free(o->indices);
	*o = (struct origin){ 0 };
}

static void clear_all(struct api *a)
{
	for (unsigned i = 0; a->origins && i < SLOTS; i++)
		origin_clear(a, &a->origins[i]);
}

void origins_done(struct api *a)
{
	clear_all(a);
	free(a->origins);
	a->origins = NULL;
}

const struct origin *origin_put(struct api *a, uint64_t sub, const struct task_spec *s)
{
	struct origin *o;

	if (!a->origins)
		a->origins = mem_array(SLOTS, sizeof(*a->origins));
	if (a->origins_bytes > BYTES_MAX)
		clear_all(a);
	o = &a->origins[sub % SLOTS];
	origin_clear(a, o);
	o->sub = sub;
	o->tenant = mem_strdup(s->tenant);
	o->array = s->array != NULL;
	o->n = s->array_n;
	if (!o->array)
		return o;
	o->first = s->array[0];
	if (!regular(s, &o->step)) {
		o->indices = mem_array(o->n, sizeof(*o->indices));
		memcpy(o->indices, s->array, o->n * sizeof(*o->indices));
		a->origins_bytes += o->n * sizeof(*o->indices);
	}
	return o;
}

const struct origin *origin_find(struct api *a, uint64_t sub)
{
	struct origin *o = a->origins ? &a->origins[sub % SLOTS] : NULL;
	const struct task *t;

	if (o && o->sub == sub)
		return o;
	t = flow_task_by_id(a->flow, sub, -1);
	return t ? origin_put(a, sub, t->spec) : NULL;
}

char *origin_id(const struct origin *o, uint64_t no, char out[TASK_ID_TEXT_MAX])
{
	unsigned long long sub = o->sub;
	uint32_t i = (uint32_t)(no - o->sub);

	if (!o->array || no < o->sub || i >= o->n)
		snprintf(out, TASK_ID_TEXT_MAX, "%llu", sub);
	else
		snprintf(out, TASK_ID_TEXT_MAX, "%llu_%u", sub,
			 o->indices ? o->indices[i] : o->first + i * o->step);
	return out;
}
