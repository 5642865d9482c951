/* simulate.h - what `suanlu simulate` found, for its table and its report */
#ifndef CMD_SIMULATE_H
#define CMD_SIMULATE_H

#include "sim/replay.h"

enum { SIMULATE_POLICIES_MAX = 8, SIMULATE_SEEDS_MAX = 1000 };

struct simulate_row {
	const char *policy;
	uint32_t seeds;
	struct replay_result sum; /* over the seeds; max_ns and p99_ns are the largest */
	double least, most;       /* allocation of single seeds, in percent */
};

struct simulate {
	const char *nodes_path, *tasks_path;
	const struct trace *trace;
	uint32_t percent;
	uint64_t seed_first, seed_last;
	uint32_t nrows;
	struct simulate_row rows[SIMULATE_POLICIES_MAX];
};

/* Mean of the allocation over the seeds when arrivals passed `percent`. */
double simulate_at(const struct simulate_row *r, uint32_t percent);
/* Thousandths summed over the seeds, as devices of one run. */
double simulate_devices(const struct simulate_row *r, uint64_t milli);
double simulate_allocation(const struct simulate_row *r);

/* 0, or -errno. */
int simulate_html(const struct simulate *s, const char *path);

#endif
