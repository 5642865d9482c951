/* shortlist.c - which pools a task may go to, remembered between decisions */

#include "select/shortlist.h"

#include "base/mem.h"
#include "select/part.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	BLOCK = 32,                     /* floors that share one minimum */
	BUCKETS = 4096,
	CHIPS_MAX = 65535,
};

/* Floors are single floats: they are lowered by more than rounding can raise them. */
static const float SAFE = 1 - 1e-5f;
/* Scores are cut at INT64_MAX, so floors and their parts are cut a little lower. */
static const float CUT = 9e18f;

struct list {
	struct scope scope;
	struct arena arena;             /* of the scope's texts */
	uint64_t hash, used;
	struct list *next;              /* in its bucket */
	uint64_t bytes;

	uint32_t n;                     /* pools on it, in the order of the snapshot */
	uint32_t *pool;
	struct floor *floor;
	uint16_t *chip;                 /* index into chips[] */
	uint32_t nchips;
	uint16_t *chips;
	float carbon_slack_mg;          /* the largest of them */

	/* of the pools that are not on it, for the words of a refusal */
	uint32_t shared[REASON_COUNT];
	uint32_t fewest, bits, first;   /* least number of reasons, those of the first such pool */
};

/* What a decision finds out about a pool on the list. */
struct look {
	uint32_t reasons;
	bool has_terms, hopeless;
	bool full;                      /* its floor has the wait in it already */
};

struct shortlists {
	uint64_t generation;
	uint32_t npools;
	const struct pool *const *pools;
	const struct catalogue *catalogue;

	const char **chip_names;
	uint64_t *chip_hashes;
	uint32_t nchips;
	uint16_t *chip_of;              /* by pool */

	struct list *buckets[BUCKETS];
	struct shortlists_size size;

	/* of the decision at hand */
	float *least, *block;           /* per entry, per block of entries */
	struct look *look;
	float *base_s, *each_s;         /* per chip: seconds, whatever the speed or at speed 1 */
};

/* ---- chips ---- */

static uint16_t chip_index(struct shortlists *s, const char *name)
{
	uint64_t hash = history_hash(name);

	for (uint32_t i = 0; i < s->nchips; i++)
		if (s->chip_hashes[i] == hash && !strcmp(s->chip_names[i], name))
			return (uint16_t)i;
	s->chip_names = mem_grow(s->chip_names, s->nchips + 1, sizeof(*s->chip_names));
	s->chip_hashes = mem_grow(s->chip_hashes, s->nchips + 1, sizeof(*s->chip_hashes));
	s->chip_names[s->nchips] = name;
	s->chip_hashes[s->nchips] = hash;
	assert(s->nchips < CHIPS_MAX);          /* there are at most POOLS_MAX pools */
	return (uint16_t)s->nchips++;
}

/* ---- lists, their life ---- */

static void list_free(struct shortlists *s, struct list *l)
{
	s->size.lists--;
	s->size.bytes -= l->bytes;
	arena_done(&l->arena);
	free(l->pool);
	free(l->floor);
	free(l->chip);
	free(l->chips);
	free(l);
}

static void drop_all(struct shortlists *s)
{
	for (uint32_t i = 0; i < BUCKETS; i++)
		while (s->buckets[i]) {
			struct list *l = s->buckets[i];

			s->buckets[i] = l->next;
			list_free(s, l);
		}
	free(s->chip_names);
	free(s->chip_hashes);
	free(s->chip_of);
	free(s->least);
	free(s->block);
	free(s->look);
	free(s->base_s);
	free(s->each_s);
	s->chip_names = NULL;
	s->chip_hashes = NULL;
	s->chip_of = NULL;
	s->least = s->block = s->base_s = s->each_s = NULL;
	s->look = NULL;
	s->nchips = 0;
}

struct shortlists *shortlists_new(void)
{
	return mem_alloc(sizeof(struct shortlists));
}

struct shortlists *shortlists_free(struct shortlists *s)
{
	if (!s)
		return NULL;
	drop_all(s);
	free(s);
	return NULL;
}

void shortlists_size(const struct shortlists *s, struct shortlists_size *ret)
{
	*ret = s->size;
}

static void follow(struct shortlists *s, const struct snapshot *snap)
{
	if (s->pools == snap->pools && s->npools == snap->npools &&
	    s->generation == snap->generation && s->catalogue == snap->catalogue && s->chip_of)
		return;
	drop_all(s);
	s->pools = snap->pools;
	s->npools = snap->npools;
	s->generation = snap->generation;
	s->catalogue = snap->catalogue;
	s->chip_of = mem_array(s->npools + 1, sizeof(*s->chip_of));
	for (uint32_t i = 0; i < s->npools; i++)
		s->chip_of[i] = chip_index(s, snap->pools[i]->chip ? snap->pools[i]->chip : "cpu");
	s->least = mem_array(s->npools + BLOCK, sizeof(*s->least));
	s->block = mem_array(s->npools / BLOCK + 1, sizeof(*s->block));
	s->look = mem_array(s->npools + 1, sizeof(*s->look));
	s->base_s = mem_array(s->nchips + 1, sizeof(*s->base_s));
	s->each_s = mem_array(s->nchips + 1, sizeof(*s->each_s));
}

/* ---- making one ---- */

static void list_refuse(struct list *l, uint32_t pool, uint32_t never)
{
	uint32_t k = (uint32_t)__builtin_popcount(never);

	for (uint32_t b = never; b; b &= b - 1)
		l->shared[__builtin_ctz(b)]++;
	if (k >= l->fewest)
		return;
	l->fewest = k;
	l->bits = never;
	l->first = pool;
}

static uint16_t list_chip(struct list *l, uint16_t chip)
{
	for (uint32_t i = 0; i < l->nchips; i++)
		if (l->chips[i] == chip)
			return (uint16_t)i;
	l->chips[l->nchips] = chip;
	return (uint16_t)l->nchips++;
}

static void list_add(struct shortlists *s, struct list *l, struct pass *x, uint32_t pool)
{
	uint32_t i = l->n++;

	l->pool[i] = pool;
	l->chip[i] = list_chip(l, s->chip_of[pool]);
	forecast_floor(x, s->pools[pool], &l->floor[i]);
	if (l->floor[i].carbon_slack_mg > l->carbon_slack_mg)
		l->carbon_slack_mg = l->floor[i].carbon_slack_mg;
}

/* A pool that has not told its nodes may still turn out to be anything. */
static void list_fill(struct shortlists *s, struct list *l, struct pass *x)
{
	l->pool = mem_array(s->npools + 1, sizeof(*l->pool));
	l->floor = mem_array(s->npools + 1, sizeof(*l->floor));
	l->chip = mem_array(s->npools + 1, sizeof(*l->chip));
	l->chips = mem_array(s->nchips + 1, sizeof(*l->chips));
	l->fewest = UINT32_MAX;
	for (uint32_t i = 0; i < s->npools; i++) {
		uint32_t never = s->pools[i]->nnodes
			? eligible_fixed(&x->scope, &x->want, s->pools[i]) : 0;

		if (never)
			list_refuse(l, i, never);
		else
			list_add(s, l, x, i);
	}
	l->pool = mem_grow(l->pool, l->n + 1, sizeof(*l->pool));
	l->floor = mem_grow(l->floor, l->n + 1, sizeof(*l->floor));
	l->chip = mem_grow(l->chip, l->n + 1, sizeof(*l->chip));
	l->bytes = sizeof(*l) + l->n * (sizeof(*l->pool) + sizeof(*l->floor) + sizeof(*l->chip)) +
		   s->nchips * sizeof(*l->chips);
}

static void drop_oldest(struct shortlists *s)
{
	struct list **oldest = NULL, *l;

	for (uint32_t i = 0; i < BUCKETS; i++)
		for (struct list **at = &s->buckets[i]; *at; at = &(*at)->next)
			if (!oldest || (*at)->used < (*oldest)->used)
				oldest = at;
	l = *oldest;
	*oldest = l->next;
	list_free(s, l);
}

static struct list *list_of(struct shortlists *s, struct pass *x)
{
	uint64_t hash = scope_hash(&x->scope);
	struct list **at = &s->buckets[hash % BUCKETS], *l = *at;

	while (l && (l->hash != hash || !scope_equal(&l->scope, &x->scope)))
		l = l->next;
	if (!l) {
		while (s->size.lists && (s->size.lists >= SHORTLISTS_MAX ||
					 s->size.bytes >= SHORTLIST_BYTES_MAX))
			drop_oldest(s);
		l = mem_alloc(sizeof(*l));
		arena_init(&l->arena);
		scope_copy(&l->scope, &x->scope, &l->arena);
		l->hash = hash;
		list_fill(s, l, x);
		l->next = *at;
		*at = l;
		s->size.lists++;
		s->size.bytes += l->bytes;
		s->size.made++;
	}
	l->used = ++s->size.asked;
	return l;
}

/* ---- floors of a decision ---- */

struct weights {
	float time, cost, carbon, slack;        /* micro-yuan per second, micro-yuan, milligram */
	float most_s;                           /* no run takes longer */
};

static bool weights_of(const struct pass *x, const struct list *l, struct weights *ret)
{
	const struct prefer *p = &x->a->spec->prefer;

	if (p->time_micro_per_s < 0 || p->carbon_micro_per_g < 0)
		return false;
	*ret = (struct weights){
		.time = (float)p->time_micro_per_s,
		.cost = (float)p->money_milli / 1000,
		.carbon = (float)p->carbon_micro_per_g / 1000,
		.most_s = (float)x->a->spec->walltime_s,
	};
	ret->slack = 4 + ret->cost + ret->carbon * (l->carbon_slack_mg + 1);
	return true;
}

/* A run on a chip takes base_s + each_s * 1000 / speed at the least; one of the two is 0. */
static void floors_of_chips(struct shortlists *s, const struct list *l, const struct pass *x)
{
	for (uint32_t i = 0; i < l->nchips; i++) {
		uint16_t chip = l->chips[i];
		bool by_speed;
		float run_s = (float)(history_floor_ms(&x->history, s->chip_names[chip],
						       s->chip_hashes[chip], &by_speed) / 1000);

		s->each_s[i] = by_speed ? run_s : 0;
		s->base_s[i] = by_speed ? 0 : run_s;
	}
}

static float floor_of(const struct floor *f, const struct weights *w, float run_s)
{
	float cost, carbon, sum;

	run_s = run_s * SAFE - 0.002f;          /* whole milliseconds */
	run_s = run_s > 1 ? run_s : 1;
	run_s = run_s < w->most_s ? run_s : w->most_s;
	cost = f->cost_micro * run_s;
	carbon = f->carbon_mg * run_s;
	cost = cost < CUT ? cost : CUT;
	carbon = carbon < CUT ? carbon : CUT;
	sum = w->time * (f->transfer_s + run_s) + w->cost * cost + w->carbon * carbon;
	sum = sum * SAFE - w->slack;
	return sum < CUT ? sum : CUT;
}

static void floors_of_pools(struct shortlists *s, const struct list *l, const struct weights *w)
{
	for (uint32_t i = 0; i < l->n; i++) {
		const struct floor *f = &l->floor[i];
		uint32_t c = l->chip[i];

		s->least[i] = floor_of(f, w, s->base_s[c] + s->each_s[c] * f->slow);
	}
	for (uint32_t i = l->n; i % BLOCK; i++)
		s->least[i] = INFINITY;
}

static void block_min(struct shortlists *s, uint32_t b)
{
	const float *v = &s->least[b * BLOCK];
	float least = v[0];

	for (uint32_t i = 1; i < BLOCK; i++)
		least = v[i] < least ? v[i] : least;
	s->block[b] = least;
}

static void raise(struct shortlists *s, uint32_t i, float floor)
{
	s->least[i] = floor;
	block_min(s, i / BLOCK);
}

/* The entry with the lowest floor, or UINT32_MAX when all have been looked at. */
static uint32_t lowest(const struct shortlists *s, uint32_t n)
{
	uint32_t nblocks = (n + BLOCK - 1) / BLOCK, b = 0, i;

	if (!n)
		return UINT32_MAX;
	for (uint32_t k = 1; k < nblocks; k++)
		if (s->block[k] < s->block[b])
			b = k;
	if (s->block[b] == INFINITY)
		return UINT32_MAX;
	for (i = b * BLOCK; s->least[i] != s->block[b]; i++)
		;
	return i;
}

/* ---- the decision ---- */

struct search {
	struct shortlists *s;
	const struct list *l;
	struct pass *x;
	struct weights w;
	uint64_t seed;
	struct candidate best;
	uint32_t best_pool;             /* place in the snapshot, UINT32_MAX: none yet */
};

/* A full pool waits behind those whose floor is lower than its own with the wait. */
static bool put_off(struct search *q, uint32_t i, uint32_t pool)
{
	const struct pool *p = q->s->pools[pool];
	float floor;

	if (q->s->look[i].full || room_enough(q->x, p, pass_placer(q->x->s, pool)))
		return false;
	q->s->look[i].full = true;
	floor = q->s->least[i] + q->w.time * (float)wait_floor_s(q->x->s, p) * SAFE;
	raise(q->s, i, floor < CUT ? floor : CUT);
	return true;
}

static void weigh(struct search *q, uint32_t i)
{
	uint32_t pool = q->l->pool[i];
	struct look *k = &q->s->look[i];
	struct candidate c;

	if (!k->full) {
		k->reasons = eligible_pass(q->x, q->s->pools[pool]);
		if (!k->reasons && put_off(q, i, pool))
			return;
	}
	raise(q->s, i, INFINITY);
	if (k->reasons)
		return;
	q->s->size.weighed++;
	candidate_terms(q->x, pool, &c);
	k->reasons = c.reasons;
	k->has_terms = true;
	k->hopeless = forecast_hopeless(q->x->s, q->x->a, &c.terms);
	if (decision_candidate(&c) &&
	    (q->best_pool == UINT32_MAX || candidate_better(&c, &q->best, q->seed))) {
		q->best = c;
		q->best_pool = pool;
	}
}

static void search(struct search *q)
{
	uint32_t i;

	while ((i = lowest(q->s, q->l->n)) != UINT32_MAX) {
		if (q->best_pool != UINT32_MAX &&
		    (double)q->s->least[i] > (double)q->best.terms.score_micro)
			return;
		weigh(q, i);
	}
}

/* No pool can be chosen, and each of them has been looked at: is there one that could take it
 * later?  As none_left() in select.c, for all that are not on the list can never. */
static enum outcome none_left(const struct search *q)
{
	for (uint32_t i = 0; i < q->l->n; i++) {
		const struct look *k = &q->s->look[i];

		if (k->has_terms ? !k->hopeless : !(k->reasons & REASONS_NEVER))
			return OUTCOME_WAIT;
	}
	return OUTCOME_REFUSED;
}

static enum reason why_wait(const struct search *q)
{
	uint32_t fewest = UINT32_MAX, bits = 0;

	for (uint32_t i = 0; i < q->l->n; i++) {
		uint32_t why = q->s->look[i].reasons, k = (uint32_t)__builtin_popcount(why);

		if (why & REASONS_NEVER || k >= fewest)
			continue;
		fewest = k;
		bits = why;
	}
	return reason_telling(bits);
}

/* Those on the list and those that are not, as one row of pools. */
static enum reason why_refused(const struct search *q)
{
	const struct list *l = q->l;
	uint32_t shared[REASON_COUNT], fewest = l->fewest, bits = l->bits, first = l->first;

	memcpy(shared, l->shared, sizeof(shared));
	for (uint32_t i = 0; i < l->n; i++) {
		uint32_t why = q->s->look[i].reasons & (REASONS_NEVER | REASONS_FORECAST);
		uint32_t k = (uint32_t)__builtin_popcount(why);

		for (uint32_t b = why; b; b &= b - 1)
			shared[__builtin_ctz(b)]++;
		if (k > fewest || (k == fewest && l->pool[i] > first))
			continue;
		fewest = k;
		bits = why;
		first = l->pool[i];
	}
	return reason_shared(shared, bits);
}

bool shortlist_decide(struct pass *x, struct decision *ret, uint32_t *ret_i)
{
	struct search q = { .s = x->s->shortlists, .x = x, .seed = ret->seed,
			    .best_pool = UINT32_MAX };

	if (!q.s || x->a->over_quota)
		return false;
	follow(q.s, x->s);
	q.l = list_of(q.s, x);
	if (!weights_of(x, q.l, &q.w))
		return false;
	floors_of_chips(q.s, q.l, x);
	floors_of_pools(q.s, q.l, &q.w);
	for (uint32_t b = 0; b * BLOCK < q.l->n; b++)
		block_min(q.s, b);
	memset(q.s->look, 0, q.l->n * sizeof(*q.s->look));
	search(&q);
	*ret_i = q.best_pool;
	if (q.best_pool != UINT32_MAX) {
		ret->best = q.best.pool;
		ret->top = q.best;
		ret->outcome = q.best.reasons ? OUTCOME_WAIT : OUTCOME_CHOSEN;
		return true;
	}
	ret->outcome = none_left(&q);
	ret->reason = ret->outcome == OUTCOME_WAIT ? why_wait(&q) : why_refused(&q);
	return true;
}
