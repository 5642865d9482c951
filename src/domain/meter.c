/* meter.c - what a run cost and burned
 *
 * One set of formulas for forecasts and for bills.  Times are whole milliseconds, the
 * smallest unit that is billed; products are kept in 128 bits and rounded once, at the end.
 */

#include "domain/task.h"

#include <string.h>

enum {
	HOUR_MS = 3600000,
	DAY_MS = 24 * HOUR_MS,

	/* For a chip whose power nobody published: the middle of our catalogue.  Zero would
	 * make the unknown chip the greenest one.  An assumption; the catalogue wins. */
	TDP_ASSUMED_W = 400,
};

/* Ten years: longer figures are damage, and would leave the 128 bits. */
#define RUN_MAX_MS (3650LL * DAY_MS)

static int64_t billed_ms(int64_t run_ms)
{
	return run_ms < 0 ? 0 : run_ms > RUN_MAX_MS ? RUN_MAX_MS : run_ms;
}

/* a / b to the nearest, halves up; a >= 0, b > 0; at most INT64_MAX. */
static int64_t nearest(__int128 a, __int128 b)
{
	__int128 q = (a + b / 2) / b;

	return q > INT64_MAX ? INT64_MAX : (int64_t)q;
}

/* In COST_UNITs of a micro-yuan. */
#define COST_UNIT ((__int128)1000 * HOUR_MS)

static __int128 cost_units(const struct rate *r, uint32_t nodes, uint32_t cpu_milli,
			   uint32_t accels, uint32_t accel_milli, int64_t run_ms)
{
	__int128 rate;          /* thousandths of a micro-yuan per hour */

	rate = (__int128)cpu_milli * r->cpu_hour_micro +
	       (__int128)accels * accel_milli * r->accel_hour_micro;
	return rate * nodes * billed_ms(run_ms);
}

/* cost = nodes * (cpus * cpu_hour + accels * share * accel_hour) * hours */
int64_t meter_cost_micro(const struct rate *r, uint32_t nodes, uint32_t cpu_milli,
			 uint32_t accels, uint32_t accel_milli, int64_t run_ms)
{
	return nearest(cost_units(r, nodes, cpu_milli, accels, accel_milli, run_ms), COST_UNIT);
}

bool meter_over(const struct rate *r, uint32_t nodes, uint32_t cpu_milli, uint32_t accels,
		uint32_t accel_milli, int64_t run_ms, int64_t max_micro)
{
	return cost_units(r, nodes, cpu_milli, accels, accel_milli, run_ms) > max_micro * COST_UNIT;
}

/* TDP of the pool's chip.  A pool of several models is charged as its first: a run does not
 * keep which devices it had once it is over. */
static uint32_t tdp_w(const struct pool *p, const struct catalogue *c)
{
	uint16_t m = p->chip ? catalogue_find(c, p->chip) : ACCEL_NONE;

	return m != ACCEL_NONE && c->models[m].tdp_w ? c->models[m].tdp_w : TDP_ASSUMED_W;
}

/* energy = nodes * (cpus * watts per busy cpu + accels * share * TDP) * PUE * seconds
 *
 * PUE as ISO/IEC 30134-2 defines it: all the energy of the site by that of its IT equipment.
 * TDP is an upper bound of what a device draws; nothing better is known without meters. */
int64_t meter_energy_j(const struct pool *p, const struct catalogue *c, uint32_t nodes,
			uint32_t cpu_milli, uint32_t accels, uint32_t accel_milli, int64_t run_ms)
{
	__int128 power;         /* microwatts of one node */

	run_ms = billed_ms(run_ms);
	power = (__int128)cpu_milli * p->cpu_milliwatt;
	if (accels)
		power += (__int128)accels * accel_milli * tdp_w(p, c) * 1000;
	/* uW * ms = nJ; PUE in thousandths */
	return nearest(power * nodes * run_ms * p->pue_milli, (__int128)1000000000 * 1000);
}

/* carbon = energy * mean intensity over the hours (UTC) of the run, power taken as even. */
int64_t meter_carbon_mg(const struct pool *p, int64_t energy_j, int64_t start_ms, int64_t run_ms)
{
	__int128 sum = 0;       /* g/kWh * ms */
	int64_t at = start_ms % DAY_MS, left;

	run_ms = billed_ms(run_ms);
	left = run_ms % DAY_MS;
	if (run_ms == 0 || energy_j <= 0)
		return 0;
	for (int h = 0; run_ms >= DAY_MS && h < 24; h++)
		sum += (__int128)p->carbon_g_kwh[h] * HOUR_MS * (run_ms / DAY_MS);
	if (at < 0)
		at += DAY_MS;
	while (left > 0) {
		int64_t hour = at / HOUR_MS, part = (hour + 1) * HOUR_MS - at;

		if (part > left)
			part = left;
		sum += (__int128)p->carbon_g_kwh[hour % 24] * part;
		at += part;
		left -= part;
	}
	/* g/kWh = mg per 3,600 J */
	return nearest(sum * energy_j, (__int128)run_ms * 3600);
}
