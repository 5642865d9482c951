/* test_select_properties.c - what must hold for every city and every task
 *
 * Random cities, small and full of coincidences, and random tasks.  The rules are written
 * here a second time, in the plainest way, and the decision is held against them.
 *
 *	test_select_properties [SEED [CASES [FIRST]]]
 *
 * A failure prints the line to run it again.
 */

#include "base/mem.h"
#include "base/rng.h"
#include "select/select.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POOLS = 7, NODES = 6, HOLDS = 4, MODELS = 3, CASES = 50000, JSON_EVERY = 50 };

static const int64_t NOW = 1795424400000;

struct world {
	struct rng rng;
	struct arena arena;
	struct accel_model models[MODELS];
	struct catalogue catalogue;
	struct history *history;
	struct pool pool[POOLS];
	struct node node[POOLS][NODES];
	struct pool_hold hold[POOLS][HOLDS];
	struct place_node hold_node[POOLS][HOLDS];
	struct pool_link link[POOLS][2];
	const struct pool *list[POOLS];
	struct lane lane[POOLS];
	struct task_spec spec;
	struct snapshot s;
	struct ask a;
};

static uint64_t seed, number;
static unsigned outcomes[OUTCOME_REFUSED + 1], waits_checked, by_list, found_by_list;

#define must(cond, text) do { if (!(cond)) broken(text, #cond); } while (0)

static void broken(const char *text, const char *cond)
{
	fprintf(stderr, "broken: %s (%s)\n", text, cond);
	fprintf(stderr, "again: test_select_properties %" PRIu64 " 1 %" PRIu64 "\n", seed, number);
	exit(1);
}

/* ---- random things ---- */

static uint32_t below(struct world *w, uint32_t n)
{
	return (uint32_t)rng_below(&w->rng, n);
}

static bool chance(struct world *w, uint32_t percent)
{
	return below(w, 100) < percent;
}

static const char *const regions[] = {
	"cn", "cn/50", "cn/5", "cn/50/500106", "cn/50/500112/factory", "cn/65", "cn/65/650100",
};
static const char *const tenants[] = { "lab", "factory", "city" };
static const char *const chips[] = { "cpu", "m0", "m1", "m2" };
static const char *const names[] = { "p0", "p1", "p2", "p3", "p4", "p5", "p6" };

static const char *a_region(struct world *w)
{
	return regions[below(w, ARRAY_LEN(regions))];
}

static void make_node(struct world *w, struct node *n)
{
	n->cpu_milli = (1 + below(w, 8)) * 1000;
	n->cpu_free_milli = chance(w, 60) ? n->cpu_milli : below(w, n->cpu_milli + 1);
	n->memory_mb = (1 + below(w, 8)) * 1024;
	n->memory_free_mb = chance(w, 60) ? n->memory_mb : below(w, n->memory_mb + 1);
	n->naccels = chance(w, 50) ? (uint8_t)(1 + below(w, 4)) : 0;
	n->model = n->naccels ? (uint16_t)below(w, MODELS) : ACCEL_NONE;
	n->down = chance(w, 10);
	for (int i = 0; i < n->naccels; i++)
		n->accel_free_milli[i] = chance(w, 60) ? 1000 : (uint16_t)(below(w, 5) * 250);
}

static void make_promises(struct world *w, uint32_t k, int64_t now_ms)
{
	struct lane *l = &w->lane[k];

	l->nkept = 0;
	for (uint32_t n = below(w, 8); n < 3; n++)
		lane_keep(l, chance(w, 20) ? LANE_ANY : below(w, NODES),
			  now_ms + 1000 * below(w, 7200));
}

static void make_holds(struct world *w, struct pool *p, uint32_t k)
{
	int64_t end = NOW - (chance(w, 50) ? 100000 : 0);

	p->nholds = below(w, HOLDS + 1);
	for (uint32_t i = 0; i < p->nholds; i++) {
		end += below(w, 200000);
		w->hold_node[k][i].node = below(w, p->nnodes + 1);
		w->hold_node[k][i].accels = (uint16_t)below(w, 16);
		p->holds[i] = (struct pool_hold){ .task = i + 1, .end_p50_ms = end,
			.end_p90_ms = end + below(w, 100000), .place = { .n = 1,
				.nodes = &w->hold_node[k][i], .cpu_milli = below(w, 5) * 1000,
				.memory_mb = below(w, 4096), .accel_milli = 250 * below(w, 5) } };
	}
}

static void make_pool(struct world *w, uint32_t k)
{
	struct pool *p = &w->pool[k];

	*p = (struct pool){
		.id = k, .name = names[k], .region = chance(w, 95) ? a_region(w) : NULL,
		.clearance = (enum level)below(w, LEVEL_COUNT), .nadmits = chance(w, 30),
		.admits = &tenants[below(w, ARRAY_LEN(tenants))],
		.images = (enum pool_images)below(w, 3), .chip = chips[below(w, ARRAY_LEN(chips))],
		.cpu_hour_micro = below(w, 3) * 100000, .accel_hour_micro = below(w, 3) * 10000000,
		.pue_milli = 1200, .cpu_milliwatt = 7000, .speed_milli = 500 + 500 * below(w, 3),
		.walltime_max_s = chance(w, 20) ? 1800 : 0, .fresh_s = chance(w, 50) ? 60 : 0,
		.seen_ms = NOW - (chance(w, 90) ? 1000 : 61000),
		.drained = chance(w, 8), .down = chance(w, 8),
		.nodes = w->node[k], .holds = w->hold[k], .links = w->link[k],
		.nnodes = below(w, NODES + 1), .nlinks = below(w, 3),
	};
	for (int h = 0; h < 24; h++)
		p->carbon_g_kwh[h] = 100 * below(w, 8);
	for (uint32_t i = 0; i < p->nlinks; i++)
		w->link[k][i] = (struct pool_link){ a_region(w), below(w, 50), below(w, 3) * 100 };
	for (uint32_t i = 0; i < p->nnodes; i++)
		make_node(w, &p->nodes[i]);
	make_holds(w, p, k);
	w->lane[k].ahead_cpu_ms = chance(w, 20) ? below(w, 1000000) : 0;
	make_promises(w, k, NOW);
	w->list[k] = p;
}

static void make_accel(struct world *w, struct accel_need *n)
{
	*n = (struct accel_need){ 0 };
	if (chance(w, 50))
		return;
	if (chance(w, 30)) {
		n->fp16_gflops = below(w, 500000);
		n->memory_gb = below(w, 200);
		return;
	}
	n->count = 1 + below(w, 3);
	n->share_milli = n->count == 1 && chance(w, 50) ? 250 * (1 + below(w, 3)) : 1000;
	n->nmodels = (uint16_t)below(w, 3);
	for (int i = 0; i < n->nmodels; i++)
		n->models[i] = (uint16_t)below(w, MODELS);
}

static void make_ask(struct world *w)
{
	struct task_spec *t = &w->spec;

	*t = (struct task_spec){
		.name = names[below(w, 4)], .kind = "train", .tenant = tenants[below(w, 3)],
		.owner = "ann", .image = chance(w, 20) ? "image" : NULL,
		.nodes = chance(w, 75) ? 1 : 1 + below(w, 4),
		.cpu_milli = chance(w, 90) ? below(w, 5) * 1000 : below(w, 10) * 1000,
		.memory_mb = below(w, 5) * 1024, .walltime_s = 600 * (1 + below(w, 12)),
		.level = (enum level)(chance(w, 97) ? LEVEL_1 + below(w, 4)
						    : below(w, LEVEL_COUNT)),
		.stay_within = chance(w, 40) ? a_region(w) : NULL,
		.near = chance(w, 20) ? a_region(w) : NULL,
		.deadline_ms = chance(w, 20) ? NOW + 1000 * below(w, 7200) : 0,
		.budget_micro = chance(w, 20) ? below(w, 2000000) : 0,
		.prefer = prefer_profiles[below(w, 4)], .array_n = 1,
	};
	t->max_latency_ms = t->near ? below(w, 50) : 0;
	make_accel(w, &t->accel);
	w->a = (struct ask){ .spec = t, .over_quota = chance(w, 3), .seed = rng_next(&w->rng),
		.ndata = below(w, 3) };
	for (uint32_t i = 0; i < w->a.ndata; i++) {
		w->a.data_mb[i] = below(w, 10000);
		w->a.data_from[i] = chance(w, 80) ? a_region(w) : NULL;
	}
}

static void make_world(struct world *w)
{
	static const char *const model[MODELS] = { "m0", "m1", "m2" };
	char kind[HISTORY_KIND_MAX];

	w->rng.s = rng_mix(seed, number);
	for (uint32_t i = 0; i < MODELS; i++)
		w->models[i] = (struct accel_model){ .name = model[i], .fp16_gflops = i * 100000,
			.memory_gb = 40 * (1 + i), .tdp_w = 300 };
	w->catalogue.n = MODELS;
	w->catalogue.models = w->models;
	w->s = (struct snapshot){ .now_ms = NOW, .catalogue = &w->catalogue, .history = w->history,
		.npools = 1 + below(w, POOLS), .pools = w->list,
		.lanes = chance(w, 80) ? w->lane : NULL };
	for (uint32_t k = 0; k < POOLS; k++)
		make_pool(w, k);
	make_ask(w);
	if (chance(w, 10))
		history_add_on(w->history, history_kind(w->spec.tenant, "train", kind),
			       w->spec.name, chips[below(w, 4)],
			       500 + 500 * below(w, 3), below(w, 4000000), w->spec.walltime_s);
}

/* ---- the rules once more ---- */

static bool inside(const char *where, const char *outer)
{
	char a[64], b[64];

	if (!where)
		return false;
	snprintf(a, sizeof(a), "%s/", where);
	snprintf(b, sizeof(b), "%s/", outer);
	return !strncmp(a, b, strlen(b));
}

static void check_rules(struct world *w, const struct pool *p)
{
	const struct task_spec *t = &w->spec;

	must(t->level != LEVEL_NONE, "data of no level go nowhere");
	must(p->clearance >= t->level, "never below the clearance");
	must(!t->stay_within || inside(p->region, t->stay_within), "never outside the region");
	must(!p->nadmits || !strcmp(p->admits[0], t->tenant), "never to who refuses the tenant");
	must(!p->drained, "never to a drained pool");
	must(!p->down, "never to a pool that is down");
	must(!p->fresh_s || NOW - p->seen_ms <= p->fresh_s * 1000, "never on stale news");
	must(!t->image || p->images != IMAGES_NONE, "never an image where none is run");
	must(!p->walltime_max_s || t->walltime_s <= p->walltime_max_s, "never too long");
	must(!w->a.over_quota, "never over quota");
}

static void check_devices(struct world *w, const struct node *n, const struct placement *pl,
			  uint16_t bits)
{
	const struct accel_need *need = &w->spec.accel;
	const struct accel_model *m = n->model < MODELS ? &w->models[n->model] : NULL;
	uint64_t k = 0;
	bool named = !need->nmodels;

	if (!need->count && !need->fp16_gflops && !need->memory_gb) {
		must(!bits, "no devices for who wants none");
		return;
	}
	must(m, "devices have a model");
	must(!(bits >> n->naccels), "only devices that exist");
	for (uint32_t i = 0; i < n->naccels; i++) {
		if (!(bits & 1u << i))
			continue;
		must(n->accel_free_milli[i] >= pl->accel_milli, "no more of a device than is free");
		k++;
	}
	for (int i = 0; i < need->nmodels; i++)
		named |= need->models[i] == n->model;
	must(named, "only models that were named");
	must(!need->count || (k == need->count && pl->accel_milli == need->share_milli),
	     "the count");
	must(need->count || (k * m->fp16_gflops >= need->fp16_gflops &&
			     k * m->memory_gb >= need->memory_gb), "the need");
}

static void check_place(struct world *w, const struct pool *p, const struct placement *pl)
{
	must(pl->n == w->spec.nodes, "all of a gang");
	must(pl->cpu_milli == w->spec.cpu_milli, "the cpus that were asked for");
	must(pl->memory_mb == w->spec.memory_mb, "the memory that was asked for");
	for (uint32_t i = 0; i < pl->n; i++) {
		const struct node *n = &p->nodes[pl->nodes[i].node];

		must(pl->nodes[i].node < p->nnodes, "only nodes that exist");
		must(!i || pl->nodes[i].node > pl->nodes[i - 1].node, "distinct nodes in order");
		must(!n->down, "never on a node that is down");
		must(n->cpu_free_milli >= pl->cpu_milli, "never more cpus than are free");
		must(n->memory_free_mb >= pl->memory_mb, "never more memory than is free");
		check_devices(w, n, pl, pl->nodes[i].accels);
	}
}

/* ---- what a decision must be ---- */

static bool promised_to_another(struct world *w, const struct decision *d, uint32_t node)
{
	const struct terms *t = &d->cand[d->best].terms;
	const struct lane *l = &w->lane[d->best];
	int64_t s = w->spec.walltime_s;

	if (t->run.samples && t->transfer_s + t->run_p90_s < s)
		s = t->transfer_s + t->run_p90_s;
	for (uint32_t i = 0; w->s.lanes && i < l->nkept; i++)
		if ((l->kept[i].node == node || l->kept[i].node == LANE_ANY) &&
		    NOW + s * 1000 > l->kept[i].start_ms)
			return true;
	return false;
}

/* Is there room on nodes that nobody was promised? */
static bool room_beside(struct world *w, const struct decision *d)
{
	const struct pool *p = &w->pool[d->best];
	struct node copy[NODES];
	struct placement pl;

	for (uint32_t i = 0; i < p->nnodes; i++) {
		copy[i] = p->nodes[i];
		copy[i].down |= promised_to_another(w, d, i);
	}
	return !place_find(&w->spec, &w->catalogue, p->nnodes, copy, &w->arena, &pl);
}

static bool takes_too_long(const struct world *w, int64_t s)
{
	return w->spec.deadline_ms && NOW + s * 1000 > w->spec.deadline_ms;
}

static void check_best(struct world *w, const struct decision *d)
{
	const uint32_t no_room = REASON_BIT(REASON_FULL) | REASON_BIT(REASON_BEHIND);
	const struct candidate *best = &d->cand[d->best];
	const struct terms *t = &best->terms;

	check_rules(w, &w->pool[d->best]);
	must(best->has_terms, "the best has terms");
	must(!takes_too_long(w, t->transfer_s + t->wait_p50_s + t->run_p50_s),
	     "the deadline holds");
	must(!w->spec.budget_micro || t->cost_micro <= w->spec.budget_micro, "the budget holds");
	must(t->wait_p90_s >= t->wait_p50_s && t->run_p90_s >= t->run_p50_s, "ranges are in order");
	must(t->run_p90_s <= w->spec.walltime_s, "no run beyond its walltime");
	for (uint32_t i = 0; i < d->n; i++) {
		const struct candidate *c = &d->cand[i];

		if (c->has_terms && !(c->reasons & ~no_room))
			must(c->terms.score_micro >= t->score_micro, "the lowest score is best");
	}
}

static void check_refused(struct world *w, const struct decision *d)
{
	for (uint32_t i = 0; i < d->n; i++) {
		const struct terms *t = &d->cand[i].terms;

		must(d->cand[i].reasons, "a refusal has a reason for every pool");
		if (!d->cand[i].has_terms)
			must(d->cand[i].reasons & REASONS_NEVER, "what passes is no refusal");
		else
			must(takes_too_long(w, t->transfer_s + t->run_p50_s) ||
			     (w->spec.budget_micro && t->cost_micro > w->spec.budget_micro),
			     "what a shorter wait would mend is no refusal");
	}
}

static void check_decision(struct world *w, const struct decision *d)
{

	must(d->outcome != OUTCOME_NONE, "there is an outcome");
	if (d->best != UINT32_MAX)
		check_best(w, d);
	if (d->outcome == OUTCOME_CHOSEN) {
		must(!d->cand[d->best].reasons, "room now");
		must(!d->cand[d->best].terms.wait_p50_s, "no wait where there is room");
		for (uint32_t i = 0; i < d->place.n; i++)
			must(!promised_to_another(w, d, d->place.nodes[i].node),
			     "what was promised is kept");
		check_place(w, &w->pool[d->best], &d->place);
	} else if (d->best != UINT32_MAX) {
		must(!room_beside(w, d), "nobody waits for a free pool");
		must(d->cand[d->best].terms.wait_p50_s > 0, "a wait takes time");
	}
	if (d->outcome == OUTCOME_REFUSED) {
		must(d->best == UINT32_MAX, "a refusal has no pool");
		check_refused(w, d);
	}
	must((decision_reason(d) == REASON_COUNT) == (d->outcome == OUTCOME_CHOSEN),
	     "a no has a reason");
}

static void give_back(struct node *n, const struct placement *pl)
{
	uint32_t cpu = n->cpu_free_milli + pl->cpu_milli;
	uint32_t memory = n->memory_free_mb + pl->memory_mb;

	n->cpu_free_milli = cpu < n->cpu_milli ? cpu : n->cpu_milli;
	n->memory_free_mb = memory < n->memory_mb ? memory : n->memory_mb;
	for (uint32_t i = 0; i < n->naccels; i++) {
		uint32_t v = n->accel_free_milli[i] + pl->accel_milli;

		if (pl->nodes[0].accels & 1u << i)
			n->accel_free_milli[i] = (uint16_t)(v < 1000 ? v : 1000);
	}
}

/* The forecast of a full pool, by ending its runs one by one on a copy of all nodes. */
static void check_wait(struct world *w, const struct pool *p, const struct candidate *c)
{
	struct node copy[NODES];
	struct placement pl;

	if (c->reasons != REASON_BIT(REASON_FULL) || w->s.lanes || !p->nholds ||
	    p->holds[0].end_p50_ms <= NOW)
		return;
	memcpy(copy, p->nodes, p->nnodes * sizeof(*copy));
	for (uint32_t i = 0; i < p->nholds; i++) {
		int64_t ms = p->holds[i].end_p50_ms - NOW;

		if (p->holds[i].place.nodes[0].node < p->nnodes)
			give_back(&copy[p->holds[i].place.nodes[0].node], &p->holds[i].place);
		if (place_find(&w->spec, &w->catalogue, p->nnodes, copy, &w->arena, &pl))
			continue;
		must(c->terms.wait_p50_s == (ms + 999) / 1000, "the wait ends with the right run");
		waits_checked++;
		return;
	}
	must(c->terms.wait_p50_s >= 3600, "nobody knows when it ends");
}

/* ---- what must not matter ---- */

static void check_order(struct world *w, const struct decision *d)
{
	uint32_t n = w->s.npools, by = below(w, n);
	const struct pool *list[POOLS];
	struct lane lane[POOLS];
	struct snapshot s = w->s;
	struct decision e;

	for (uint32_t i = 0; i < n; i++) {
		list[i] = w->list[(n + by - i) % n];
		lane[i] = w->lane[(n + by - i) % n];
	}
	s.pools = list;
	s.lanes = s.lanes ? lane : NULL;
	select_decide(&s, &w->a, &w->arena, &e);
	must(e.outcome == d->outcome && e.best == d->best, "the order of pools does not matter");
}

static void check_removal(struct world *w, const struct decision *d)
{
	uint32_t out = below(w, w->s.npools), n = 0;
	const struct pool *list[POOLS];
	struct lane lane[POOLS];
	struct snapshot s = w->s;
	struct decision e;

	if (d->best == UINT32_MAX || out == d->best)
		return;
	for (uint32_t i = 0; i < s.npools; i++) {
		list[n] = w->list[i];
		lane[n] = w->lane[i];
		n += i != out;
	}
	s.npools = n;
	s.pools = list;
	s.lanes = s.lanes ? lane : NULL;
	select_decide(&s, &w->a, &w->arena, &e);
	must(e.outcome == d->outcome && e.best == d->best, "a pool not taken does not matter");
}

static void check_level(struct world *w)
{
	uint32_t before[POOLS];
	enum level old = w->spec.level;

	if (old == LEVEL_NONE || old == LEVEL_CORE)
		return;
	for (uint32_t i = 0; i < w->s.npools; i++)
		before[i] = eligible_reasons(&w->s, &w->a, w->list[i]);
	w->spec.level++;
	for (uint32_t i = 0; i < w->s.npools; i++)
		must((eligible_reasons(&w->s, &w->a, w->list[i]) & before[i]) == before[i],
		     "a higher level opens no pool");
	w->spec.level = old;
}

static void check_same(struct world *w, const struct decision *d)
{
	struct decision e;
	struct buf a, b;

	buf_init(&a, 1 << 20);
	buf_init(&b, 1 << 20);
	select_decide(&w->s, &w->a, &w->arena, &e);
	must(!decision_encode(&w->s, &w->a, d, &a) && !decision_encode(&w->s, &w->a, &e, &b),
	     "a decision can be written");
	must(a.len == b.len && !memcmp(a.data, b.data, a.len), "the same again is the same");
	if (number % JSON_EVERY == 0) {
		json_t *j = json_loadb(a.data, a.len, JSON_REJECT_DUPLICATES, NULL);

		must(j && json_array_size(json_object_get(j, "pools")) == d->n, "it is JSON");
		json_decref(j);
	}
	buf_done(&a);
	buf_done(&b);
}

/* ---- the shortlist ---- */

static bool same_place(const struct placement *a, const struct placement *b)
{
	return a->n == b->n && (!a->n || !memcmp(a->nodes, b->nodes, a->n * sizeof(*a->nodes)));
}

/* By way of the shortlist and by weighing every pool: the same to the last letter. */
static void check_lists(struct world *w, struct shortlists *lists)
{
	struct snapshot quick = w->s;
	struct decision d, e;
	struct buf a, b;

	quick.shortlists = lists;
	buf_init(&a, 1 << 20);
	buf_init(&b, 1 << 20);
	select_decide(&w->s, &w->a, &w->arena, &d);
	select_decide(&quick, &w->a, &w->arena, &e);
	must(e.outcome == d.outcome, "a shortlist gives the same outcome");
	must(e.best == d.best, "a shortlist gives the same pool");
	must(decision_reason(&e) == decision_reason(&d), "a shortlist gives the same reason");
	must(e.best == UINT32_MAX || (e.top.reasons == d.top.reasons &&
	     !memcmp(&e.top.terms, &d.top.terms, offsetof(struct terms, run))),
	     "a shortlist gives the same terms");
	must(same_place(&e.place, &d.place), "a shortlist gives the same nodes");
	if (number % 8 == 0) {
		must(!decision_encode(&w->s, &w->a, &d, &a) &&
		     !decision_encode(&quick, &w->a, &e, &b), "a decision can be written");
		must(a.len == b.len && !memcmp(a.data, b.data, a.len),
		     "a shortlist leaves no pool unexplained");
	}
	by_list += !e.cand;
	found_by_list += !e.cand && e.best != UINT32_MAX;
	buf_done(&a);
	buf_done(&b);
}

/* What may happen between two decisions without another generation. */
static void live_on(struct world *w)
{
	char kind[HISTORY_KIND_MAX];
	uint32_t k = below(w, w->s.npools);
	struct pool *p = &w->pool[k];

	w->s.now_ms += 1000 * below(w, 90);
	p->drained ^= chance(w, 20);
	p->down ^= chance(w, 20);
	p->seen_ms = chance(w, 60) ? w->s.now_ms : p->seen_ms;
	for (uint32_t i = 0; i < p->nnodes; i++)
		if (chance(w, 40))
			p->nodes[i].cpu_free_milli = below(w, p->nodes[i].cpu_milli + 1);
	if (p->nholds && chance(w, 30))
		p->nholds--;
	make_promises(w, k, w->s.now_ms);
	w->lane[k].ahead_cpu_ms = chance(w, 20) ? below(w, 1000000) : 0;
	if (chance(w, 40))
		history_add_on(w->history, history_kind(w->spec.tenant, "train", kind),
			       names[below(w, 4)], chips[below(w, 4)],
			       500 + 500 * below(w, 3), below(w, 4000000), 600);
}

/* … and what may not. */
static void declare_anew(struct world *w)
{
	make_pool(w, below(w, w->s.npools));
	w->s.generation++;
}

/* Tasks of equal scope that differ in all else. */
static void ask_alike(struct world *w)
{
	struct task_spec *t = &w->spec;

	t->name = names[below(w, 4)];
	t->deadline_ms = chance(w, 30) ? w->s.now_ms + 1000 * below(w, 7200) : 0;
	t->budget_micro = chance(w, 30) ? below(w, 2000000) : 0;
	t->prefer = prefer_profiles[below(w, 4)];
	w->a.seed = rng_next(&w->rng);
	w->a.over_quota = chance(w, 3);
}

static void check_shortlists(struct world *w)
{
	struct shortlists *lists = shortlists_new();

	for (int i = 0; i < 6; i++) {
		check_lists(w, lists);
		live_on(w);
		if (chance(w, 20))
			declare_anew(w);
		if (chance(w, 60))
			ask_alike(w);
		else
			make_ask(w);
	}
	shortlists_free(lists);
}

static void one_case(struct world *w)
{
	struct decision d;

	make_world(w);
	select_decide(&w->s, &w->a, &w->arena, &d);
	outcomes[d.outcome] += d.best == UINT32_MAX || d.outcome == OUTCOME_CHOSEN;
	check_decision(w, &d);
	for (uint32_t i = 0; i < d.n; i++)
		check_wait(w, w->list[i], &d.cand[i]);
	check_same(w, &d);
	check_order(w, &d);
	check_removal(w, &d);
	check_level(w);
	check_shortlists(w);
	arena_reset(&w->arena);
}

int main(int argc, char **argv)
{
	struct world *w = mem_alloc(sizeof(*w));
	uint64_t cases = argc > 2 ? strtoull(argv[2], NULL, 10) : CASES;
	uint64_t first = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
	bool bad;

	seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 20261123;
	for (number = first; number < first + cases; number++) {
		/* A history per case, so that a case can be run again alone. */
		w->history = history_new();
		one_case(w);
		w->history = history_free(w->history);
	}
	/* A test that never chooses, or never refuses, tests nothing. */
	bad = cases >= 1000 && (outcomes[OUTCOME_CHOSEN] < cases / 10 ||
				outcomes[OUTCOME_REFUSED] < cases / 20 || !waits_checked ||
				by_list < 4 * cases || found_by_list < cases / 2);
	printf("%sok 1 - no rule breaks in %" PRIu64 " cases, seed %" PRIu64 ": %u chosen, "
	       "%u refused, %u wait for any, %u waits, %u by a shortlist, %u of them with a pool\n1..1\n", bad ? "not " : "", cases, seed,
	       outcomes[OUTCOME_CHOSEN], outcomes[OUTCOME_REFUSED], outcomes[OUTCOME_WAIT],
	       waits_checked, by_list, found_by_list);
	arena_done(&w->arena);
	free(w);
	return bad;
}
