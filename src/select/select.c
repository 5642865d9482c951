/* select.c - weigh all pools and take the best, now or when it has room */

#include "select/part.h"

#include "base/rng.h"

#define REASONS_NO_ROOM (REASON_BIT(REASON_FULL) | REASON_BIT(REASON_BEHIND))

/* Equal scores: the order of a hash of the seed and the pool's id.  It spreads equal tasks
 * over equal pools, does not depend on the order of the snapshot, and can be repeated. */
bool candidate_better(const struct candidate *a, const struct candidate *b, uint64_t seed)
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
	return candidate_better(&d->cand[i], &d->cand[j], d->seed);
}

bool decision_candidate(const struct candidate *c)
{
	return c->has_terms && !(c->reasons & ~REASONS_NO_ROOM);
}

struct node_placer *pass_placer(const struct snapshot *s, uint32_t i)
{
	struct node_placer *pl = s->placers ? s->placers[i] : NULL;
	const struct pool *p = s->pools[i];

	if (pl)
		node_placer_follow(pl, p->generation, p->nnodes, p->nodes);
	return pl;
}

/* Only the pool that is chosen needs the lesson: whether there is room does not depend on it. */
static void learn(const struct snapshot *s, struct node_placer *pl)
{
	struct node_mix mix;

	if (!s->demand || s->demand->lesson == node_placer_lesson(pl) || !node_placer_kinds(pl))
		return;
	demand_mix(s->demand, s->catalogue, node_placer_kinds(pl), &mix);
	node_placer_learn(pl, &mix, s->demand->lesson);
}

/* A copy of the snapshot may come without placers. */
static int place_any(struct pass *x, uint32_t i, struct arena *arena, struct placement *ret)
{
	const struct pool *p = x->s->pools[i];
	struct node_placer *pl = pass_placer(x->s, i);

	if (!pl)
		return place_find(x->a->spec, x->s->catalogue, p->nnodes, p->nodes, arena, ret);
	learn(x->s, pl);
	return place_want(&x->want, pl, p->nnodes, p->nodes, arena, ret);
}

static bool on_kept(const struct lane *l, int64_t over_ms, const struct placement *at)
{
	for (uint32_t i = 0; i < at->n; i++)
		if (lane_bars(l, at->nodes[i].node, over_ms))
			return true;
	return false;
}

/* Where it would go by itself, unless that is kept for others: then beside. */
static int place(struct pass *x, uint32_t i, const struct terms *t, struct arena *arena,
		 struct placement *ret)
{
	const struct lane *l = x->s->lanes ? &x->s->lanes[i] : NULL;
	int64_t over_ms = wait_over_ms(x->s, x->a->spec, t);
	const struct pool *p = x->s->pools[i];
	int none = place_any(x, i, arena, ret);

	if (!none && l && on_kept(l, over_ms, ret)) {
		struct node *beside = arena_array(arena, p->nnodes, sizeof(*beside));

		for (uint32_t k = 0; k < p->nnodes; k++) {
			beside[k] = p->nodes[k];
			beside[k].down |= lane_bars(l, k, over_ms);
		}
		none = place_find(x->a->spec, x->s->catalogue, p->nnodes, beside, arena, ret);
	}
	if (!none && l)
		lane_tell(l, over_ms, ret);
	return none;
}

void candidate_terms(struct pass *x, uint32_t i, struct candidate *c)
{
	const struct pool *p = x->s->pools[i];

	*c = (struct candidate){ .pool = p->id, .has_terms = true };
	c->reasons = forecast_pass(x, p, x->s->lanes ? &x->s->lanes[i] : NULL,
				   pass_placer(x->s, i), &c->terms);
}

static void weigh(struct pass *x, uint32_t i, struct candidate *c)
{
	uint32_t why = eligible_pass(x, x->s->pools[i]);

	if (why)
		*c = (struct candidate){ .pool = x->s->pools[i]->id, .reasons = why };
	else
		candidate_terms(x, i, c);
}

static void weigh_all(struct pass *x, struct arena *arena, struct decision *d)
{
	d->cand = arena_array(arena, x->s->npools, sizeof(*d->cand));
	for (uint32_t i = 0; i < x->s->npools; i++)
		weigh(x, i, &d->cand[i]);
}

void decision_fill(const struct snapshot *s, const struct ask *a, struct arena *arena,
		   struct decision *d)
{
	struct pass x;

	if (d->cand)
		return;
	pass_init(&x, s, a);
	weigh_all(&x, arena, d);
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

static enum reason reason_waiting(const struct decision *d);
static enum reason reason_refused(const struct decision *d);

/* Sets outcome, best, top and reason of *d, and returns the best one's place in the snapshot. */
static uint32_t decide_all(struct pass *x, struct arena *arena, struct decision *d)
{
	uint32_t best = UINT32_MAX;

	weigh_all(x, arena, d);
	for (uint32_t i = 0; i < d->n; i++)
		if (decision_candidate(&d->cand[i]) &&
		    (best == UINT32_MAX || decision_better(d, i, best)))
			best = i;
	if (best == UINT32_MAX) {
		d->outcome = none_left(x->s, x->a, d);
		d->reason = d->outcome == OUTCOME_WAIT ? reason_waiting(d) : reason_refused(d);
		return best;
	}
	d->top = d->cand[best];
	d->best = d->top.pool;
	d->outcome = d->top.reasons ? OUTCOME_WAIT : OUTCOME_CHOSEN;
	return best;
}

void select_decide(const struct snapshot *s, const struct ask *a, struct arena *arena,
		   struct decision *ret)
{
	uint32_t best;
	struct pass x;

	*ret = (struct decision){ .best = UINT32_MAX, .n = s->npools, .seed = a->seed,
				  .reason = REASON_COUNT };
	pass_init(&x, s, a);
	if (!shortlist_decide(&x, ret, &best))
		best = decide_all(&x, arena, ret);
	if (best == UINT32_MAX)
		return;
	if (ret->outcome == OUTCOME_CHOSEN && place(&x, best, &ret->top.terms, arena, &ret->place))
		ret->outcome = OUTCOME_WAIT;    /* what room.c was told was old */
	if (ret->outcome == OUTCOME_WAIT)
		ret->reason = ret->top.reasons & REASON_BIT(REASON_BEHIND) &&
			!(ret->top.reasons & REASON_BIT(REASON_FULL)) ? REASON_BEHIND : REASON_FULL;
}

/* ---- the most telling reason ---- */

/* Of several, the one that a person should hear first: what only others can change, then
 * what passes by itself. */
enum reason reason_telling(uint32_t bits)
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

		if (c->reasons & REASONS_NEVER || k >= fewest)
			continue;
		fewest = k;
		closest = i;
	}
	return reason_telling(closest == UINT32_MAX ? 0 : d->cand[closest].reasons);
}

enum reason reason_shared(const uint32_t shared[REASON_COUNT], uint32_t bits)
{
	enum reason best = REASON_COUNT;

	for (uint32_t b = bits; b; b &= b - 1) {
		enum reason r = (enum reason)__builtin_ctz(b);

		if (best == REASON_COUNT || shared[r] > shared[best])
			best = r;
	}
	return best == REASON_COUNT ? REASON_NODES : best;      /* there are no pools at all */
}

static enum reason reason_refused(const struct decision *d)
{
	const uint32_t mask = REASONS_NEVER | REASONS_FORECAST;
	uint32_t shared[REASON_COUNT] = { 0 }, bits = 0, fewest = UINT32_MAX;

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
	return reason_shared(shared, bits);
}

void decision_bar(const struct snapshot *s, const struct ask *a, struct arena *arena,
		  struct decision *d, enum reason why)
{
	decision_fill(s, a, arena, d);
	for (uint32_t i = 0; i < d->n; i++)
		if (d->cand[i].pool == d->best)
			d->cand[i].reasons |= REASON_BIT(why);
	d->outcome = OUTCOME_WAIT;
	d->best = UINT32_MAX;
	d->reason = reason_waiting(d);
}

enum reason decision_reason(const struct decision *d)
{
	return d->outcome == OUTCOME_CHOSEN ? REASON_COUNT : d->reason;
}
