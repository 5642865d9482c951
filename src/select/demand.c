/* demand.c - which shapes of tasks are asked for in this city, and how often */

#include "select/demand.h"

#include "base/mem.h"
#include "select/part.h"

#include <stdlib.h>
#include <string.h>

struct demand *demand_new(void)
{
	struct demand *d = mem_alloc(sizeof(*d));

	d->next = node_mix_next(0);
	return d;
}

struct demand *demand_free(struct demand *d)
{
	free(d);
	return NULL;
}

static bool same_need(const struct accel_need *a, const struct accel_need *b)
{
	return a->count == b->count && a->share_milli == b->share_milli &&
	       a->fp16_gflops == b->fp16_gflops && a->memory_gb == b->memory_gb &&
	       a->nmodels == b->nmodels &&
	       !memcmp(a->models, b->models, a->nmodels * sizeof(*a->models));
}

static bool same_shape(const struct demand_shape *a, const struct demand_shape *b)
{
	return a->cpu_milli == b->cpu_milli && a->memory_mb == b->memory_mb &&
	       same_need(&a->accel, &b->accel);
}

/* "Space saving", as node_mix_add() does it. */
static void table_add(struct demand_table *t, const struct demand_shape *s)
{
	uint32_t rarest = 0;

	t->total += s->count;
	for (uint32_t i = 0; i < t->n; i++) {
		if (same_shape(&t->shapes[i], s)) {
			t->shapes[i].count += s->count;
			return;
		}
		if (t->shapes[i].count < t->shapes[rarest].count)
			rarest = i;
	}
	if (t->n < NODE_MIX_MAX) {
		t->shapes[t->n++] = *s;
		return;
	}
	t->shapes[rarest] = (struct demand_shape){ s->cpu_milli, s->memory_mb, s->accel,
						   t->shapes[rarest].count + s->count };
}

void demand_add(struct demand *d, const struct task_spec *spec)
{
	struct demand_shape s = {
		.cpu_milli = spec->cpu_milli, .memory_mb = spec->memory_mb, .accel = spec->accel,
		.count = (uint64_t)spec->array_n * (spec->nodes ? spec->nodes : 1),
	};

	table_add(&d->now, &s);
}

bool demand_due(const struct demand *d)
{
	return d->now.total >= d->next;
}

void demand_lesson(const struct demand *d, struct demand_table *ret)
{
	*ret = d->now;
	while (ret->total >= LESSON_FADE) {     /* an array may have come all at once */
		ret->total = 0;
		for (uint32_t i = 0; i < ret->n; i++) {
			ret->shapes[i].count = (ret->shapes[i].count + 1) / 2;
			ret->total += ret->shapes[i].count;
		}
	}
}

void demand_teach(struct demand *d, const struct demand_table *t)
{
	d->now = *t;
	d->taught = *t;
	d->lesson++;
	d->next = node_mix_next(t->total);
}

void demand_mix(const struct demand *d, const struct catalogue *c, const struct node_kinds *k,
		struct node_mix *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (uint32_t i = 0; i < d->taught.n; i++) {
		const struct demand_shape *s = &d->taught.shapes[i];
		struct node_ask ask;
		struct want w;

		want_init_one(&w, &s->accel, s->cpu_milli, s->memory_mb, c);
		if (!want_ask(&w, k, &ask))
			continue;
		ret->shapes[ret->n].ask = ask;
		ret->shapes[ret->n++].count = s->count;
		ret->total += s->count;
	}
}
