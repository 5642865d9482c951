/* score.c - money, time and carbon in one unit: micro-yuan */

#include "select/part.h"

static int64_t clamp(__int128 v)
{
	if (v > INT64_MAX)
		return INT64_MAX;
	return v < INT64_MIN ? INT64_MIN : (int64_t)v;
}

int64_t sat_add(int64_t a, int64_t b)
{
	return clamp((__int128)a + b);
}

int64_t sat_mul(int64_t a, int64_t b)
{
	return clamp((__int128)a * b);
}

int64_t sat_muldiv(int64_t a, int64_t b, int64_t div)
{
	return clamp((__int128)a * b / div);
}

/* A pool that is better but busy keeps the task waiting although a worse one is free:
 * the wait is in the sum, so it has already been weighed. */
int64_t score_terms(const struct prefer *w, const struct terms *t)
{
	int64_t time_s = sat_add(sat_add(t->transfer_s, t->wait_p50_s), t->run_p50_s);
	int64_t money = sat_muldiv(t->cost_micro, w->money_milli, 1000);
	int64_t time = sat_mul(w->time_micro_per_s, time_s);
	int64_t carbon = sat_muldiv(t->carbon_mg, w->carbon_micro_per_g, 1000);

	return sat_add(sat_add(money, time), carbon);
}
