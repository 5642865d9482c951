/* select.c - weigh all pools and take the best, now or when it has room */

#include "select/part.h"

#include "base/rng.h"

#define REASONS_NO_ROOM (REASON_BIT(REASON_FULL) | REASON_BIT(REASON_BEHIND))
#define REASONS_FORECAST (REASON_BIT(REASON_DEADLINE) | REASON_BIT(REASON_BUDGET))

/* Equal scores: the order of a hash of the seed and the pool's id.  It spreads equal tasks
 * over equal pools, does not depend on the order of the snapshot, and can be repeated. */
static bool better(const struct candidate *a, const struct candidate *b, uint64_t seed)
{
	uint64_t ta, tb;

	if (a->terms.score_micro != b->terms.score_micro)
		return a->terms.score_micro < b->terms.score_micro;
	ta = rng_mix(seed, a->pool);
	tb = rng_mix(seed, b->pool);
	return ta != tb ? ta < tb : a->pool < b->pool;
}

bool decision_better(const struct decision *d, uint32_t i, uint32_t j)
{
	return better(&d->cand[i], &d->cand[j], d->seed);
}

bool decision_candidate(const struct candidate *c)
{
	return c->has_terms && !(c->reasons & ~REASONS_NO_ROOM);
}

struct node_placer *pass_placer(const struct snapshot *s, uint32_t i)
{
	struct node_placer *pl = s->placers ? s->placers[i] : NULL;
	const struct pool *p = s->pools[i];
	struct node_mix mix;

	if (!pl)
		return NULL;
	node_placer_follow(pl, p->generation, p->nnodes, p->nodes);
	if (s->demand && s->demand->lesson != node_placer_lesson(pl) && node_placer_kinds(pl)) {
		demand_mix(s->demand, s->catalogue, node_placer_kinds(pl), &mix);
		node_placer_learn(pl, &mix, s->demand->lesson);
	}
	return pl;
}

/* A copy of the snapshot may come without placers. */
static int place(struct pass *x, uint32_t i, struct arena *arena, struct placement *ret)
{
	const struct pool *p = x->s->pools[i];
	struct node_placer *pl = pass_placer(x->s, i);

	if (!pl)
		return place_find(x->a->spec, x->s->catalogue, p->nnodes, p->nodes, arena, ret);
	return place_want(&x->want, pl, p->nnodes, p->nodes, arena, ret);
}

static void weigh(struct pass *x, uint32_t i, struct candidate *c)
{
	const struct pool *p = x->s->pools[i];

	c->pool = p->id;
	c->reasons = eligible_pass(x, p);
	if (c->reasons)
		return;
	c->has_terms = true;
	c->reasons = forecast_pass(x, p, x->s->lanes ? &x->s->lanes[i] : NULL,
				   pass_placer(x->s, i), &c->terms);
}

/* No pool can be chosen.  Is there one that could take it later? */
static enum outcome none_left(const struct snapshot *s, const struct ask *a,
			      const struct decision *d)
{
	for (uint32_t i = 0; i < d->n; i++) {
		const struct candidate *c = &d->cand[i];

		if (c->has_terms ? !forecast_hopeless(s, a, &c->terms)
				 : !(c->reasons & REASONS_NEVER))
			return OUTCOME_WAIT;
	}
	return OUTCOME_REFUSED;
}

void select_decide(const struct snapshot *s, const struct ask *a, struct arena *arena,
		   struct decision *ret)
{
	uint32_t best = UINT32_MAX;
	struct pass x;
	int r;

	*ret = (struct decision){ .best = UINT32_MAX, .n = s->npools, .seed = a->seed };
	ret->cand = arena_array(arena, s->npools, sizeof(*ret->cand));
	pass_init(&x, s, a);
	for (uint32_t i = 0; i < s->npools; i++) {
		weigh(&x, i, &ret->cand[i]);
		if (decision_candidate(&ret->cand[i]) &&
		    (best == UINT32_MAX || decision_better(ret, i, best)))
			best = i;
	}
	if (best == UINT32_MAX) {
		ret->outcome = none_left(s, a, ret);
		return;
	}
	ret->best = s->pools[best]->id;
	ret->outcome = OUTCOME_WAIT;
	if (ret->cand[best].reasons)
		return;
	r = place(&x, best, arena, &ret->place);
	if (!r)                         /* else what wait.c was told of the room was old: it waits */
		ret->outcome = OUTCOME_CHOSEN;
}

void lane_charge(struct lane *l, const struct snapshot *s, const struct ask *a,
		 const struct candidate *c)
{
	const struct task_spec *t = a->spec;
	int64_t cpu_milli = sat_mul(t->nodes ? t->nodes : 1, t->cpu_milli ? t->cpu_milli : 1);
	int64_t start_ms = sat_add(s->now_ms, sat_mul(c->terms.wait_p50_s, 1000));

	/* thousandths of a cpu x seconds = cpus x milliseconds */
	l->ahead_cpu_ms = sat_add(l->ahead_cpu_ms, sat_mul(cpu_milli, c->terms.run_p50_s));
	if (!l->shadow_ms || start_ms < l->shadow_ms)
		l->shadow_ms = start_ms;
}

/* ---- the most telling reason ---- */

/* Of several, the one that a person should hear first: what only others can change, then
 * what passes by itself. */
static enum reason telling_not_now(uint32_t bits)
{
	static const enum reason order[] = {
		REASON_DOWN, REASON_DRAINED, REASON_STALE, REASON_QUOTA, REASON_DEADLINE,
		REASON_BUDGET, REASON_FULL, REASON_BEHIND,
	};

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (bits & REASON_BIT(order[i]))
			return order[i];
	return REASON_FULL;
}

static enum reason reason_waiting(const struct decision *d)
{
	uint32_t closest = UINT32_MAX, fewest = UINT32_MAX;

	for (uint32_t i = 0; i < d->n; i++) {
		const struct candidate *c = &d->cand[i];
		uint32_t k = (uint32_t)__builtin_popcount(c->reasons);

		if (d->best != UINT32_MAX && c->pool == d->best)
			return c->reasons & REASON_BIT(REASON_FULL) ? REASON_FULL : REASON_BEHIND;
		if (c->reasons & REASONS_NEVER || k >= fewest)
			continue;
		fewest = k;
		closest = i;
	}
	return telling_not_now(closest == UINT32_MAX ? 0 : d->cand[closest].reasons);
}

static enum reason reason_refused(const struct decision *d)
{
	const uint32_t mask = REASONS_NEVER | REASONS_FORECAST;
	uint32_t shared[REASON_COUNT] = { 0 }, bits = 0, fewest = UINT32_MAX;
	enum reason best = REASON_COUNT;

	for (uint32_t i = 0; i < d->n; i++) {
		uint32_t why = d->cand[i].reasons & mask;
		uint32_t k = (uint32_t)__builtin_popcount(why);

		for (uint32_t b = why; b; b &= b - 1)
			shared[__builtin_ctz(b)]++;
		if (k < fewest) {
			fewest = k;
			bits = why;
		}
	}
	for (uint32_t b = bits; b; b &= b - 1) {
		enum reason r = (enum reason)__builtin_ctz(b);

		if (best == REASON_COUNT || shared[r] > shared[best])
			best = r;
	}
	return best == REASON_COUNT ? REASON_NODES : best;      /* there are no pools at all */
}

enum reason decision_reason(const struct decision *d)
{
	if (d->outcome == OUTCOME_CHOSEN)
		return REASON_COUNT;
	return d->outcome == OUTCOME_WAIT ? reason_waiting(d) : reason_refused(d);
}
