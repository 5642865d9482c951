/* quota.h - what a tenant may take, and how much of the whole a run takes
 *
 * Fair shares: dominant resource usage with half-life decay.  A run costs its dominant share
 * (the largest of its shares of all cpus, memory and devices: Ghodsi et al., Dominant Resource
 * Fairness, NSDI 2011) times its length.  A tenant's usage is the sum, each part halved every
 * QUOTA_HALF_LIFE_S, as Slurm's fair tree does (PriorityDecayHalfLife).  Whoever has the least
 * usage by weight is asked first.  Two tenants who always have work that fits therefore never
 * differ in usage by weight by more than their largest run, and whoever waits is the least used
 * one in the end, since the others' usage grows: nobody starves.
 *
 * Usage is kept with forward decay (Cormode et al., ICDE 2009): what is added at time t is
 * multiplied by 2^(t / half-life) instead of the rest being divided.  The order of tenants
 * then changes only when something is added, never by time alone.
 */
#ifndef DOMAIN_QUOTA_H
#define DOMAIN_QUOTA_H

#include "base/json.h"
#include "domain/pool.h"

enum {
	QUOTA_HALF_LIFE_S = 7 * 86400,
	QUOTA_COUNT_MAX = 100000000,
	QUOTA_WEIGHT_MAX = 1000000,     /* thousandths */
};

struct quota {
	int64_t running, waiting;       /* tasks; -1: no limit of its own */
	int64_t accel_ms;               /* of devices, in a month; -1: no limit */
	uint32_t weight_milli;          /* 1000: as everybody */
};

void quota_default(struct quota *q);

/* {"running":8,"waiting":1000,"accelerator_hours":500,"weight":2}: what is absent has no limit. */
int quota_decode(const json_t *json, struct quota *ret, struct err *err);
json_t *quota_json(const struct quota *q);

/* The month of a time, counted from January 1970, in China Standard Time (UTC+8). */
int64_t quota_month(int64_t at_ms);

/* All there is, and what of it one run holds: billionths of the dominant share. */
struct quota_whole {
	uint64_t cpu_milli, memory_mb, accel_milli;
};
void quota_whole_add(struct quota_whole *w, const struct pool *p);
int64_t quota_share_ppb(const struct quota_whole *w, const struct placement *p);

/* Thousandths of devices that a placement holds. */
int64_t quota_accel_milli(const struct placement *p);

/* Forward decay: the factor of what is added at that time; and back. */
double quota_grow(int64_t at_ms);
double quota_now(double usage, int64_t now_ms);         /* as it is worth now */

#endif
