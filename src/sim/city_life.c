/* city_life.c - what becomes of a task in the replay of a city: where it starts and why there, when it
 * ends, and who waited for that */

#include "sim/city_part.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

const char city_gone[] = "gone", city_cheaper[] = "cheaper", city_sooner[] = "sooner",
	   city_greener[] = "greener", city_tie[] = "tie";

const char *city_reason_text(const char *code, int zh)
{
	return reason_text_of(code, zh);
}

/* ---- ends, earliest first ---- */

static bool sooner(const struct city_end *a, const struct city_end *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->task < b->task;
}

static void ends_push(struct town *t, struct city_end e)
{
	uint32_t i = t->nends++;

	for (; i && sooner(&e, &t->ends[(i - 1) / 2]); i = (i - 1) / 2)
		t->ends[i] = t->ends[(i - 1) / 2];
	t->ends[i] = e;
}

static struct city_end ends_pop(struct town *t)
{
	struct city_end top = t->ends[0], last = t->ends[--t->nends];
	uint32_t i = 0, k;

	while ((k = 2 * i + 1) < t->nends) {
		if (k + 1 < t->nends && sooner(&t->ends[k + 1], &t->ends[k]))
			k++;
		if (!sooner(&t->ends[k], &last))
			break;
		t->ends[i] = t->ends[k];
		i = k;
	}
	t->ends[i] = last;
	return top;
}

/* ---- why it moved ---- */

static const char *better_by(const struct task_spec *s, const struct terms *is,
			     const struct terms *was)
{
	const struct prefer *p = &s->prefer;
	double money = (double)(was->cost_micro - is->cost_micro) * p->money_milli / 1000.0;
	double carbon = (double)(was->carbon_mg - is->carbon_mg) *
			(double)p->carbon_micro_per_g / 1000.0;
	double seconds = (double)(was->transfer_s + was->wait_p50_s + was->run_p50_s) -
			 (double)(is->transfer_s + is->wait_p50_s + is->run_p50_s);
	double time = seconds * (double)p->time_micro_per_s;

	if (was->score_micro == is->score_micro)
		return city_tie;
	if (money >= time && money >= carbon)
		return city_cheaper;
	return time >= carbon ? city_sooner : city_greener;
}

/* Beside the other result: why is it not on the pool that it had there? */
static const char *why_moved(const struct town *t, uint32_t task, const struct decision *d)
{
	const struct city *c = t->c;
	const struct city_fate *was = c->beside ? &c->beside->fates[task] : NULL;
	const struct candidate *old;
	uint32_t i = 0;

	if (!was || was->pool == UINT32_MAX)
		return NULL;
	while (i < c->npools && strcmp(c->pools[i]->name, c->beside_pools[was->pool]->name))
		i++;
	if (i == d->best)
		return NULL;
	if (i == c->npools)
		return city_gone;
	old = &d->cand[i];
	if (old->reasons)
		return reason_code((enum reason)__builtin_ctz(old->reasons));
	return better_by(c->past->tasks[task].spec, &d->cand[d->best].terms, &old->terms);
}

/* ---- starting and ending ---- */

struct city_tenant *town_tenant(struct town *t, const char *name)
{
	struct city_tenant *x = NULL;

	HASH_FIND_STR(t->tenants, name, x);
	if (!x) {
		x = mem_alloc(sizeof(*x));
		x->name = name;
		HASH_ADD_KEYPTR(hh, t->tenants, x->name, strlen(x->name), x);
	}
	return x;
}

/* At the rate in force when it was chosen, as the ledger charges it. */
static void bill(struct town *t, const struct snapshot *s, const struct pool *p,
		 const struct placement *place, int64_t run_ms, struct city_pool *to)
{
	uint32_t accels = place->n ? (uint32_t)__builtin_popcount(place->nodes[0].accels) : 0;
	uint16_t model = accels ? p->nodes[place->nodes[0].node].model : ACCEL_NONE;
	int64_t joule = meter_energy_j(p, t->c->catalogue, place->n, place->cpu_milli, accels,
				       place->accel_milli, run_ms);
	struct tariff tariff;

	tariff_of(s, p, model, &tariff);
	to->cost_micro += meter_cost_micro(&tariff.rate, place->n, place->cpu_milli, accels,
					   place->accel_milli, run_ms);
	to->energy_j += joule;
	to->carbon_mg += meter_carbon_mg(p, joule, t->now_ms, run_ms);
	to->cpu_ms += (double)place->n * place->cpu_milli / 1000 * (double)run_ms;
	to->device_ms += (double)place->n * accels * place->accel_milli / 1000 * (double)run_ms;
}

void town_start(struct town *t, uint32_t task, const struct snapshot *s, const struct ask *a,
		const struct decision *d)
{
	struct pool *p = t->c->pools[d->best];
	const struct terms *terms = &d->cand[d->best].terms;
	struct city_pool *to = &t->result->pools[d->best];
	struct city_fate *fate = &t->result->fates[task];
	int64_t start = t->now_ms + (terms->wait_p50_s + terms->transfer_s) * 1000;
	enum city_basis basis;
	int64_t run_ms = town_run_ms(t, task, s, a, p, terms, &basis, &fate->cut);

	fate->state = TASK_RUNNING;
	fate->pool = d->best;
	fate->start_ms = t->now_ms;
	fate->end_ms = t->now_ms + run_ms;
	fate->why = why_moved(t, task, d);
	t->result->by_basis[basis]++;
	to->started++;
	to->wait_ms += t->now_ms - t->c->past->tasks[task].submitted_ms;
	bill(t, s, p, &d->place, run_ms, to);
	town_tenant(t, a->spec->tenant)->alive++;
	pool_hold(p, task + 1, start + terms->run_p50_s * 1000, start + terms->run_p90_s * 1000,
		  &d->place);
	history_add_wait(t->history, p->name, terms->wait_p50_s + terms->transfer_s, 0);
	ends_push(t, (struct city_end){ fate->end_ms, task });
}

/* ---- those that wait for others ---- */

struct city_sub *town_sub(const struct town *t, uint64_t no)
{
	struct city_sub *s = NULL;

	HASH_FIND(hh, t->subs, &no, sizeof(no), s);
	return s;
}

static void add(uint32_t **list, uint32_t *n, uint32_t *cap, uint32_t task)
{
	if (*n == *cap) {
		*cap = *cap ? 2 * *cap : 4;
		*list = mem_grow(*list, *cap, sizeof(**list));
	}
	(*list)[(*n)++] = task;
}

static bool over(const struct city_fate *f)
{
	return f->state == TASK_DONE || f->state == TASK_REFUSED;
}

/* The submission that a predecessor belongs to when it is not over; NULL: it is, or the past
 * does not have it.  *ret_refused: it will never run. */
static struct city_sub *unmet(const struct town *t, const struct task_after *a, bool *ret_refused)
{
	const struct past *p = t->c->past;
	struct city_sub *s = town_sub(t, a->sub);
	const struct city_fate *f;
	uint32_t at;

	if (!s || !a->task) {
		*ret_refused |= s && s->refused;
		return s && s->left ? s : NULL;
	}
	at = past_find(p, a->sub, (uint32_t)(a->task - a->sub));
	if (at == UINT32_MAX || p->tasks[p->by_id[at]].index != a->task - a->sub)
		return NULL;
	f = &t->result->fates[p->by_id[at]];
	*ret_refused |= f->state == TASK_REFUSED;
	return over(f) ? NULL : s;
}

/* Its turn has come: into a bucket, or held by what it waits for. */
static void ready(struct town *t, uint32_t task)
{
	const struct past_task *x = &t->c->past->tasks[task];
	bool refused = false;

	for (uint32_t i = 0; i < x->spec->nafter; i++) {
		const struct task_after *a = &x->spec->after[i];
		struct city_sub *on = unmet(t, a, &refused);

		if (!on || refused)
			continue;
		t->result->fates[task].why = reason_code(REASON_DEPENDENCY);
		on->by_element |= a->task != 0;
		add(&on->held, &on->nheld, &on->held_cap, task);
		return;
	}
	if (refused)
		town_refuse(t, task, reason_code(REASON_DEPENDENCY));
	else
		town_push(t, task);
}

void town_come(struct town *t, uint32_t task)
{
	struct city_sub *own = town_sub(t, t->c->past->tasks[task].sub);

	if (own->limit && own->active >= own->limit) {
		t->result->fates[task].why = reason_code(REASON_ARRAY_LIMIT);
		add(&own->turns, &own->nturns, &own->turns_cap, task);
		return;
	}
	own->active++;
	ready(t, task);
}

/* A task of this submission is over: the next has its turn, and who waited is asked again. */
static void release(struct town *t, struct city_sub *s)
{
	uint32_t n = s->nheld, *held = s->held;

	if (s->turn < s->nturns && s->active < s->limit) {
		s->active++;
		ready(t, s->turns[s->turn++]);
	}
	if (!n || (s->left && !s->by_element))
		return;
	s->held = NULL;
	s->nheld = s->held_cap = 0;
	s->by_element = false;
	for (uint32_t i = 0; i < n; i++)
		ready(t, held[i]);
	free(held);
}

/* Told later, in a loop: in a pass nobody may come to a bucket. */
static void note_over(struct town *t, uint32_t task)
{
	ends_push(t, (struct city_end){ t->now_ms, task });
}

void town_refuse(struct town *t, uint32_t task, const char *why)
{
	t->result->fates[task].state = TASK_REFUSED;
	t->result->fates[task].why = why;
	note_over(t, task);
}

static void stop(struct town *t, uint32_t task)
{
	const struct past_task *x = &t->c->past->tasks[task];
	struct city_fate *f = &t->result->fates[task];
	struct city_sub *s = town_sub(t, x->sub);
	char kind[HISTORY_KIND_MAX];

	if (f->state == TASK_RUNNING) {
		struct pool *p = t->c->pools[f->pool];

		pool_release(p, task + 1);
		f->state = TASK_DONE;
		town_tenant(t, x->spec->tenant)->alive--;
		if (x->state == TASK_DONE)
			history_add_on(t->history, history_kind(x->spec->tenant, x->spec->kind, kind),
				       x->spec->name, p->chip,
				       p->speed_milli, f->end_ms - f->start_ms, x->spec->walltime_s);
		t->result->to_ms = f->end_ms > t->result->to_ms ? f->end_ms : t->result->to_ms;
	} else {
		s->refused = true;
	}
	s->left--;
	s->active--;
	release(t, s);
}

void town_end_all(struct town *t)
{
	while (t->nends && t->ends[0].at_ms <= t->now_ms)
		stop(t, ends_pop(t).task);
}
