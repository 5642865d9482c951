/* simulate.h - what the files of `suanlu simulate` share
 *
 * simulate.c reads the wish and runs it; simulate_out.c says what came out, as a table or as
 * JSON; simulate_html.c writes the report.
 */
#ifndef CMD_SIMULATE_H
#define CMD_SIMULATE_H

#include "sim/live.h"
#include "sim/replay.h"

#include <jansson.h>

enum { SIMULATE_POLICIES_MAX = 8, SIMULATE_SEEDS_MAX = 1000 };

struct simulate_row {
	const char *policy;
	enum baseline_kind kind;
	uint32_t seeds;
	struct replay_result sum; /* over the seeds; max_ns and p99_ns are the largest */
	double least, most;       /* allocation of single seeds, in percent */
	struct live_result *live; /* with departures, instead: mem_alloc()ed */
};

struct simulate {
	const char *nodes_path, *tasks_path;
	struct trace trace;
	struct bill bill;
	bool priced;
	bool departures;
	uint32_t faster;
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
/* Of what is idle at the end, what a usual task could not use. */
double simulate_fragments(const struct simulate_row *r);
double simulate_per_second(const struct simulate_row *r);

json_t *simulate_json(const struct simulate *s);
void simulate_print(const struct simulate *s);

/* 0, or -errno. */
int simulate_html(const struct simulate *s, const char *path);

#endif
