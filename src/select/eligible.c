/* eligible.c - the hard rules: every one of them is looked at, none can be bought off
 *
 * They fail closed: what is not known, a level that was never set, a pool without a
 * region, a distance nobody declared, counts as "no".
 */

#include "select/part.h"

#include "base/region.h"
#include "domain/label.h"

#include <string.h>

static bool cleared(const struct scope *t, const struct pool *p)
{
	return t->declared && label_level_ok(t->level, p->clearance);
}

enum level eligible_level(const struct ask *a)
{
	return a->data_level > a->spec->level ? a->data_level : a->spec->level;
}

static bool region_allowed(const struct scope *t, const struct pool *p)
{
	return label_region_ok(t->within, p) && label_region_ok(t->data_within, p);
}

static bool admitted(const struct scope *t, const struct pool *p)
{
	return !p->nadmits || (t->tenant && pool_admits(p, t->tenant));
}

static bool named(const struct scope *t, const struct pool *p)
{
	for (uint32_t i = 0; i < t->npools; i++)
		if (!strcmp(t->pools[i], p->name))
			return true;
	return !t->npools;
}

static bool walltime_allowed(const struct scope *t, const struct pool *p)
{
	return !p->walltime_max_s || (t->walltime_s && t->walltime_s <= p->walltime_max_s);
}

/* What was declared wins; else a pool that stands in the users' region is with them. */
bool eligible_latency(const struct pool *p, const char *near, uint32_t *ret_ms)
{
	const struct pool_link *l;

	if (!near || !p->region)
		return false;
	l = pool_link_to(p, near);
	*ret_ms = l ? l->latency_ms : 0;
	return l || region_within(p->region, near);
}

static bool near_enough(const struct scope *t, const struct pool *p)
{
	uint32_t ms;

	return !t->max_latency_ms ||
	       (eligible_latency(p, t->near, &ms) && ms <= t->max_latency_ms);
}

static uint32_t bit(bool is, enum reason r)
{
	return is ? REASON_BIT(r) : 0;
}

/* What a rule here needs to know of the task has to be in struct scope. */
uint32_t eligible_fixed(const struct scope *t, struct want *w, const struct pool *p)
{
	uint32_t why;

	why = bit(!cleared(t, p), REASON_CLEARANCE) |
	      bit(t->image && p->images == IMAGES_NONE, REASON_IMAGE) |
	      bit(!walltime_allowed(t, p), REASON_WALLTIME) |
	      bit(!admitted(t, p), REASON_NOT_ADMITTED) |
	      bit(!named(t, p), REASON_NOT_NAMED) |
	      bit(!region_allowed(t, p), REASON_REGION) |
	      bit(!near_enough(t, p), REASON_LATENCY);
	if (p->nnodes || p->seen_ms)
		why |= place_never_want(w, p);
	return why;
}

uint32_t eligible_pass(struct pass *x, const struct pool *p)
{
	return eligible_fixed(&x->scope, &x->want, p) |
	       bit(x->a->over_quota, REASON_QUOTA) |
	       bit(pool_stale(p, x->s->now_ms), REASON_STALE) |
	       bit(p->drained, REASON_DRAINED) |
	       bit(p->down, REASON_DOWN);
}

uint32_t eligible_reasons(const struct snapshot *s, const struct ask *a, const struct pool *p)
{
	struct pass x;

	pass_init(&x, s, a);
	return eligible_pass(&x, p);
}
