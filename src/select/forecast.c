/* forecast.c - what it would take on this pool: transfer, wait, run, money, energy, carbon */

#include "select/part.h"

#include "base/region.h"

#include <string.h>

enum { MBIT_PER_MB_E6 = 8388608 };      /* a MB here is 2^20 bytes; a Mbit 10^6 bits */

/* Forecasts are cut at a century: sums of what clients declare stay in range. */
static const int64_t FOREVER_S = 100LL * 366 * 86400;

void pass_init(struct pass *x, const struct snapshot *s, const struct ask *a)
{
	x->s = s;
	x->a = a;
	x->nruns = 0;
	scope_init(&x->scope, a);
	want_init(&x->want, a->spec, s->catalogue);
	history_look(s->history, history_kind(a->spec->tenant, a->spec->kind, x->kind), a->spec->name,
		     a->spec->walltime_s, &x->history);
}

/* Nothing is moved within the pool's own region, unless a link as specific was declared. */
static bool there_already(const struct pool *p, const struct pool_link *l, const char *from)
{
	return region_within(from, p->region) &&
	       (!l || strlen(l->region) < strlen(p->region));
}

/* From a place nobody named, or without a link, POOL_MBPS_DEFAULT is assumed. */
static int64_t origin_ms(const struct pool *p, uint64_t mb, const char *from)
{
	const struct pool_link *l = NULL;
	int64_t mbps = POOL_MBPS_DEFAULT;

	if (!mb)
		return 0;
	if (from && p->region) {
		l = pool_link_to(p, from);
		if (there_already(p, l, from))
			return 0;
	}
	if (l && l->mbps)
		mbps = l->mbps;
	return sat_add(sat_muldiv(mb > INT64_MAX ? INT64_MAX : (int64_t)mb, MBIT_PER_MB_E6,
				  mbps * 1000), l ? l->latency_ms : 0);
}

/* Inputs are fetched one after the other. */
static int64_t transfer_s(const struct ask *a, const struct pool *p)
{
	int64_t ms = 0;

	for (uint32_t i = 0; i < a->ndata; i++)
		ms = sat_add(ms, origin_ms(p, a->data_mb[i], a->data_from[i]));
	ms = ms / 1000 + (ms % 1000 != 0);
	return ms < FOREVER_S ? ms : FOREVER_S;
}

/* Pools of one chip and speed share one answer of the history. */
static void run_of(struct pass *x, const struct pool *p, struct run_forecast *ret)
{
	const char *chip = p->chip ? p->chip : "cpu";
	struct pass_run *r;

	for (uint32_t i = 0; i < x->nruns; i++) {
		r = &x->runs[i];
		if (r->speed_milli == p->speed_milli &&
		    (r->chip == chip || !strcmp(r->chip, chip))) {
			*ret = r->f;
			return;
		}
	}
	history_forecast_at(&x->history, chip, p->speed_milli, ret);
	if (x->nruns < PASS_RUNS_MAX)
		x->runs[x->nruns++] = (struct pass_run){ chip, p->speed_milli, *ret };
}

/* Devices per node that would be paid for: those of the first node that could serve. */
static uint32_t devices_of(struct pass *x, const struct pool *p, uint16_t *ret_model)
{
	*ret_model = ACCEL_NONE;
	if (!x->want.share_milli)
		return 0;
	for (uint32_t i = 0; i < p->nnodes; i++)
		if (want_fits_empty(&x->want, &p->nodes[i])) {
			*ret_model = p->nodes[i].model;
			return want_devices(&x->want, *ret_model);
		}
	return 0;
}

void tariff_of(const struct snapshot *s, const struct pool *p, uint16_t model, struct tariff *ret)
{
	const struct accel_model *m = s->catalogue && model < s->catalogue->n ?
		&s->catalogue->models[model] : NULL;

	ret->chip = m ? m->name : "cpu";
	ret->domestic = m && m->domestic;
	price_at(p, ret->chip, s->now_ms, &ret->rate);
}

/* The tenant's part of the most it can cost, which will be reserved, is more than it has left; or
 * it is beyond what any run may cost. */
static bool unfunded(const struct pass *x, const struct pool *p, const struct tariff *f,
		     uint32_t accels, struct terms *t)
{
	const struct purse *purse = x->a->purse;
	const struct want *w = &x->want;
	int64_t most_ms = (int64_t)x->a->spec->walltime_s * 1000;
	struct money m;

	t->reserve_micro = 0;
	if (meter_over(&f->rate, w->nodes, w->cpu_milli, accels, w->share_milli, most_ms,
		       MONEY_RUN_MAX))
		return true;
	if (!purse || !purse->limited)
		return false;
	money_split(purse, p, f->domestic, x->a->spec->kind, x->s->now_ms,
		    meter_cost_micro(&f->rate, w->nodes, w->cpu_milli, accels, w->share_milli,
				     most_ms), &m);
	t->reserve_micro = m.own_micro;
	return m.own_micro && m.own_micro > purse->available_micro;
}

/* True: the tenant cannot pay for it. */
static bool meter(struct pass *x, const struct pool *p, struct terms *t)
{
	const struct want *w = &x->want;
	int64_t run_ms = sat_mul(t->run_p50_s, 1000);
	int64_t start_ms = sat_add(x->s->now_ms, sat_mul(t->wait_p50_s, 1000));
	uint16_t model;
	uint32_t accels = devices_of(x, p, &model);
	struct tariff f;

	t->accel_milli = accels * w->share_milli;
	tariff_of(x->s, p, model, &f);
	t->cost_micro = meter_cost_micro(&f.rate, w->nodes, w->cpu_milli, accels, w->share_milli, run_ms);
	t->energy_j = meter_energy_j(p, x->s->catalogue, w->nodes, w->cpu_milli, accels,
				     w->share_milli, run_ms);
	t->carbon_mg = meter_carbon_mg(p, t->energy_j, start_ms, run_ms);
	return unfunded(x, p, &f, accels, t);
}

/* The least of what is declared and of all price lists, whenever they begin. */
static struct rate least_rate(const struct pool *p)
{
	struct rate r = { p->cpu_hour_micro, p->accel_hour_micro };

	for (uint32_t i = 0; i < p->nprices; i++) {
		const struct rate *o = &p->prices[i].rate;

		if (o->cpu_hour_micro < r.cpu_hour_micro)
			r.cpu_hour_micro = o->cpu_hour_micro;
		if (o->accel_hour_micro < r.accel_hour_micro)
			r.accel_hour_micro = o->accel_hour_micro;
	}
	return r;
}

/* Cost and energy grow evenly with the run: what a long one takes, by its length. */
void forecast_floor(struct pass *x, const struct pool *p, struct floor *ret)
{
	const int64_t long_s = 1000000;
	const struct want *w = &x->want;
	struct rate r = least_rate(p);
	uint16_t model;
	uint32_t accels = devices_of(x, p, &model), least_g = p->carbon_g_kwh[0];
	int64_t cost = meter_cost_micro(&r, w->nodes, w->cpu_milli, accels, w->share_milli,
					long_s * 1000);
	int64_t energy_j = meter_energy_j(p, x->s->catalogue, w->nodes, w->cpu_milli, accels,
					  w->share_milli, long_s * 1000);

	for (int h = 1; h < 24; h++)
		if (p->carbon_g_kwh[h] < least_g)
			least_g = p->carbon_g_kwh[h];
	*ret = (struct floor){
		.transfer_s = (float)transfer_s(x->a, p),
		.slow = 1000.0f / (float)(p->speed_milli ? p->speed_milli : 1000),
		.cost_micro = (float)((double)cost / (double)long_s),
		.carbon_mg = (float)((double)energy_j / (double)long_s * least_g / 3600),
		.carbon_slack_mg = (float)(1 + (double)least_g / 3600),
	};
}

static bool too_late(const struct snapshot *s, const struct ask *a, int64_t takes_s)
{
	return a->spec->deadline_ms &&
	       sat_add(s->now_ms, sat_mul(takes_s, 1000)) > a->spec->deadline_ms;
}

static bool too_dear(const struct ask *a, const struct terms *t)
{
	return a->spec->budget_micro && t->cost_micro > a->spec->budget_micro;
}

bool forecast_hopeless(const struct snapshot *s, const struct ask *a, const struct terms *t)
{
	return too_dear(a, t) || too_late(s, a, t->transfer_s + t->run_p50_s);
}

uint32_t forecast_pass(struct pass *x, const struct pool *p, const struct lane *l,
		       struct node_placer *pl, struct terms *t)
{
	uint32_t why;
	bool poor;

	t->transfer_s = transfer_s(x->a, p);
	run_of(x, p, &t->run);
	t->run_p50_s = t->run.p50_s;
	t->run_p90_s = t->run.p90_s;
	why = wait_pass(x, p, l, pl, t);
	t->wait_p50_s = t->wait_p50_s < FOREVER_S ? t->wait_p50_s : FOREVER_S;
	t->wait_p90_s = t->wait_p90_s < FOREVER_S ? t->wait_p90_s : FOREVER_S;
	poor = meter(x, p, t);
	if (too_late(x->s, x->a, t->transfer_s + t->wait_p50_s + t->run_p50_s))
		why |= REASON_BIT(REASON_DEADLINE);
	if (poor || too_dear(x->a, t))
		why |= REASON_BIT(REASON_BUDGET);
	t->score_micro = score_terms(&x->a->spec->prefer, t);
	return why;
}

void forecast_terms(const struct snapshot *s, const struct ask *a, const struct pool *p,
		    const struct lane *l, struct terms *ret)
{
	struct pass x;

	pass_init(&x, s, a);
	*ret = (struct terms){ 0 };
	forecast_pass(&x, p, l, NULL, ret);
}
