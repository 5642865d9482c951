/* history.h - what runs took, and how fast chips are for a kind of work
 *
 * Samples are kept per (kind, name, chip): the last HISTORY_RING run times.  From names
 * that ran on two chips the relative speed of these chips for that kind is learned.
 * Bounded: the least recently used entry goes first.  Pure; owned by flow.
 *
 * A node keeps each tenant's history apart, or one tenant could spoil the forecasts of another by
 * runs of false length: the kind is then that of history_kind().
 */
#ifndef SELECT_HISTORY_H
#define SELECT_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

enum { HISTORY_RING = 32, HISTORY_ENTRIES_MAX = 8192 };

enum { HISTORY_KIND_MAX = 64 + 64 };    /* two names, with their 0 */

struct history;

/* A kind of one tenant's work; `tenant` NULL: of everybody's.  Gives `out` back. */
const char *history_kind(const char *tenant, const char *kind, char out[HISTORY_KIND_MAX]);

struct history *history_new(void);
struct history *history_free(struct history *h);

/* A run of this kind and name took run_ms on that chip, with work declared as walltime_s. */
void history_add(struct history *h, const char *kind, const char *name, const char *chip,
		 int64_t run_ms, uint32_t walltime_s);
/* The same, on a pool whose cpus have speed_milli: between pools of chip "cpu" the samples
 * are then scaled by their speeds (an accelerator's are not: the chip does the work).
 * history_add() says that the speed is not known (0): such samples are used as they are. */
void history_add_on(struct history *h, const char *kind, const char *name, const char *chip,
		    uint32_t speed_milli, int64_t run_ms, uint32_t walltime_s);
/* The wait that was forecast (p50) and the wait that came. */
void history_add_wait(struct history *h, const char *pool, int64_t forecast_s, int64_t actual_s);

struct run_forecast {
	int64_t p50_s, p90_s;
	uint32_t samples;               /* behind it; 0: from the declared walltime */
	uint32_t speed_milli;           /* relative speed applied, 1000 = none */
	const char *basis;              /* static: "history", "other_chip", "kind", "walltime" */
};

/* Run time on a pool whose chip is `chip` and whose cpus have speed_milli:
 * same chip's samples; else another chip's, scaled by the learned (else the declared)
 * relative speed; else the walltime times what runs of this kind have used of theirs;
 * else p90 = walltime and p50 = half of it, by the pool's speed.  Never above walltime.
 * `h` may be NULL: nothing is known.  Of few samples p90 is their largest and half again. */
void history_forecast(const struct history *h, const char *kind, const char *name,
		      const char *chip, uint32_t speed_milli, uint32_t walltime_s,
		      struct run_forecast *ret);

/* How much faster `to` is than `from` for this kind of work, in thousandths; 0: never seen.
 * Learned from names that ran on both. */
uint32_t history_speed(const struct history *h, const char *kind, const char *from,
		       const char *to);

/* The same for many pools: what they have in common is looked up once.  Valid until the
 * history changes; borrows kind. */
struct history_view {
	const struct history *h;
	const char *kind;
	uint64_t kind_hash;
	uint32_t walltime_s;
	const void *family, *series;    /* the history's own */
};
void history_look(const struct history *h, const char *kind, const char *name,
		  uint32_t walltime_s, struct history_view *ret);
void history_forecast_at(const struct history_view *v, const char *chip, uint32_t speed_milli,
			 struct run_forecast *ret);

/* A floor under the p50 of all pools with this chip, in milliseconds before it is cut to
 * [1 s, walltime] and less than 2 ms too high: the result, where *ret_by_speed times
 * 1000 / speed_milli.  chip_hash: history_hash() of chip. */
double history_floor_ms(const struct history_view *v, const char *chip, uint64_t chip_hash,
			bool *ret_by_speed);
uint64_t history_hash(const char *text);

/* Mean absolute error of the wait forecasts of a pool in seconds, and how many. */
void history_wait_error(const struct history *h, const char *pool, int64_t *ret_mean_s,
			uint64_t *ret_n);

/* The same, with the means of what was forecast and of what came.  n 0: nothing is known. */
struct wait_score {
	uint64_t n;
	int64_t error_s, forecast_s, actual_s;
};
void history_waits(const struct history *h, const char *pool, struct wait_score *ret);

#endif
