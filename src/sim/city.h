/* city.h - a history replayed on pools that may be others, by the code that serves
 *
 * The tasks of a past come when they came.  Which pool each one gets, and when, is decided by
 * select_decide() in virtual time, in passes like those of flow/schedule.c: equal tasks stand
 * in one bucket, tasks are bound late, those that wait are charged to the lane of their pool,
 * a bucket's last task may go elsewhere.  Runs hold room on nodes until they end, and what they
 * took is learned, as in the daemon.  Nothing is read from a clock; the same input gives the
 * same result.
 *
 * How long a run takes on a pool where it did not run, in this order:
 *   the same chip, or no device asked for: the speeds of the cpus decide (`speed`)
 *   another chip, whose relative speed for that kind of work the past shows (history.h)
 *   another chip: peak fp16 of the devices it gets there, by those that it had
 *   nothing known: as long as it took
 * plus the difference of the transfers, never below a tenth; cut at the walltime.  A task that
 * never ran, or has not ended: half of its walltime.  doc/simulate.md says what else is assumed.
 */
#ifndef SIM_CITY_H
#define SIM_CITY_H

#include "select/select.h"
#include "sim/past.h"

enum city_basis {
	CITY_AS_RUN,            /* same chip, or only cpus */
	CITY_LEARNED, CITY_PEAK, CITY_UNKNOWN,
	CITY_GUESSED,           /* it never ran, or has not ended: half of the walltime */
	CITY_BASIS_COUNT
};

struct city_fate {
	enum task_state state;          /* DONE: it started and ended; REFUSED; or WAITING, at the end */
	uint32_t pool;                  /* UINT32_MAX: none */
	int64_t start_ms, end_ms;
	const char *why;                /* REFUSED, WAITING: reason code.  Else, beside another result:
	                                 * why not its pool of then (city.moved), or NULL */
	bool cut;                       /* ended by its walltime */
};

struct city_pool {
	uint64_t started;
	double cpu_ms, device_ms;       /* used: cpus, devices x milliseconds */
	uint64_t cpu_milli, devices;    /* it has */
	int64_t cost_micro, energy_j, carbon_mg;
	int64_t wait_ms;                /* of those that started here, summed */
};

struct city_waits {
	double mean_s, p50_s, p95_s, max_s;
};

struct city_result {
	uint32_t n, npools;
	struct city_fate *fates;        /* by index of the past's tasks */
	struct city_pool *pools;
	uint64_t done, refused, waiting, cut;
	struct city_waits waits;        /* of those that started */
	int64_t from_ms, to_ms;         /* first submission, last end */
	int64_t cost_micro, energy_j, carbon_mg;
	uint64_t by_basis[CITY_BASIS_COUNT];
	uint64_t decisions, passes, time_ns;
};

struct city {
	const struct past *past;
	const struct catalogue *catalogue;
	uint32_t npools;
	struct pool **pools;            /* empty; used up by the run: nothing else may follow on them */
	uint64_t seed;
	uint32_t tenant_running_max;    /* 0: no limit */
	/* The same past with other pools: a task that went to one of them is compared, by name. */
	const struct city_result *beside;
	struct pool *const *beside_pools;
	uint64_t (*clock_ns)(void);     /* NULL: decisions are not timed */
	void (*progress)(void *arg, uint64_t done, uint64_t all);
	void *progress_arg;
};

/* 0, or ERR_E_INPUT: a pool has no nodes.  city_result_done() in any case. */
int city_run(const struct city *c, struct city_result *ret, struct err *err);
void city_result_done(struct city_result *r);

/* The words of enum reason, for those who may not use select/. */
const char *city_reason_text(const char *code, int zh);

/* Codes that `why` may have for a task that moved, beside those of enum reason. */
extern const char city_gone[], city_cheaper[], city_sooner[], city_greener[], city_tie[];

#endif
