/* city_speed.c - how long a run would take where it did not run */

#include "sim/city_part.h"

#include <string.h>

/* Relative speeds of chips are learned from all of the past at once: a what-if asks what is
 * known today, not what was known then. */
void town_learn_all(struct town *t)
{
	const struct past *p = t->c->past;

	for (uint32_t i = 0; i < p->n; i++) {
		const struct past_task *x = &p->tasks[i];

		if (x->state == TASK_DONE && x->pool && x->run_ms >= 0)
			history_add_on(t->all, x->spec->kind, x->spec->name, x->chip, x->speed_milli,
				       x->run_ms, x->spec->walltime_s);
	}
}

static int64_t scaled(int64_t ms, uint64_t mul, uint64_t div)
{
	__int128 x = (__int128)ms * mul / (div ? div : 1);

	return x > INT64_MAX / 4 ? INT64_MAX / 4 : (int64_t)x;
}

/* Peak of the devices that a task gets of one model; 0: not known. */
static uint64_t peak(const struct town *t, const struct accel_need *need, const char *chip)
{
	const struct catalogue *c = t->c->catalogue;
	uint16_t m = catalogue_find(c, chip);

	if (m == ACCEL_NONE)
		return 0;
	return (uint64_t)accel_need_count(need, c, m) * c->models[m].fp16_gflops;
}

static int64_t elsewhere(const struct town *t, const struct past_task *x, const struct pool *p,
			 enum city_basis *ret_basis)
{
	const struct accel_need *need = &x->spec->accel;
	uint32_t learned;
	uint64_t then, now;

	*ret_basis = CITY_AS_RUN;
	if (accel_need_empty(need))
		return scaled(x->run_ms, x->speed_milli, p->speed_milli);
	if (!strcmp(x->chip, p->chip))
		return x->run_ms;
	learned = history_speed(t->all, x->spec->kind, x->chip, p->chip);
	*ret_basis = CITY_LEARNED;
	if (learned)
		return scaled(x->run_ms, 1000, learned);
	then = peak(t, need, x->chip);
	now = peak(t, need, p->chip);
	*ret_basis = then && now ? CITY_PEAK : CITY_UNKNOWN;
	return then && now ? scaled(x->run_ms, then, now) : x->run_ms;
}

/* Seconds that its data would have taken to the pool where it ran; -1: that pool is not here. */
static int64_t transfer_then_s(const struct snapshot *s, const struct ask *a,
			       const struct past_task *x)
{
	struct terms terms;

	for (uint32_t i = 0; i < s->npools; i++)
		if (!strcmp(s->pools[i]->name, x->pool)) {
			forecast_terms(s, a, s->pools[i], NULL, &terms);
			return terms.transfer_s;
		}
	return -1;
}

int64_t town_run_ms(const struct town *t, uint32_t task, const struct snapshot *s,
		    const struct ask *a, const struct pool *p, const struct terms *terms,
		    enum city_basis *ret_basis, bool *ret_cut)
{
	const struct past_task *x = &t->c->past->tasks[task];
	int64_t walltime_ms = (int64_t)x->spec->walltime_s * 1000, ms, then_s;

	*ret_basis = CITY_GUESSED;
	*ret_cut = false;
	if (!x->pool || x->run_ms < 0 || !task_state_final(x->state))
		return walltime_ms / 2;
	ms = elsewhere(t, x, p, ret_basis);
	if (strcmp(x->pool, p->name) && a->ndata) {
		then_s = transfer_then_s(s, a, x);
		if (then_s >= 0 && ms + (terms->transfer_s - then_s) * 1000 > ms / 10)
			ms += (terms->transfer_s - then_s) * 1000;
		else if (then_s >= 0)
			ms /= 10;
	}
	/* What ran longer than its walltime in the past (its end took a while) is left alone. */
	if (ms > walltime_ms && ms > x->run_ms) {
		*ret_cut = true;
		return walltime_ms > x->run_ms ? walltime_ms : x->run_ms;
	}
	return ms;
}
