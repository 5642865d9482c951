/* openb.c - one run of the openb experiment: a list, a policy, a seed
 *
 *   openb NODES.csv TASKS.csv POLICY SEED TILE [LOG]
 *
 * POLICY: ours, learn (ours without declared history), or a baseline's name.  TILE: how many
 * times over the node list is taken.  Prints one JSON object; LOG gets every decision.
 * Time is cpu time of this thread, decision and effect together.
 */

#include "base/err.h"
#include "base/text.h"
#include "sim/replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { PERCENT = 130 };

static struct trace trace;
static struct replay_result result;

static void die(const struct err *err)
{
	fprintf(stderr, "openb: %s %s\n", err->field, err->text);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint32_t number(const char *text, int64_t min, int64_t max)
{
	int64_t x;

	if (text_i64(text, min, max, &x)) {
		fprintf(stderr, "openb: %s is not a number that fits here\n", text);
		exit(2);
	}
	return (uint32_t)x;
}

static void policy(const char *name, struct replay *r)
{
	r->learn = !strcmp(name, "learn");
	r->baseline = baseline_find_name(name);
	if (r->baseline == BASELINE_NONE && !r->learn && strcmp(name, "ours")) {
		fprintf(stderr, "openb: there is no policy %s\n", name);
		exit(2);
	}
}

static void print(void)
{
	const struct replay_result *r = &result;
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	printf("{\"arrived\":%" PRIu64 ",\"placed\":%" PRIu64 ",\"refused\":%" PRIu64
	       ",\"capacity_milli\":%" PRIu64 ",\"allocated_milli\":%" PRIu64
	       ",\"at_100_milli\":%" PRIu64 ",\"time_ns\":%" PRIu64 ",\"p50_ns\":%" PRIu64
	       ",\"p99_ns\":%" PRIu64 ",\"max_ns\":%" PRIu64 ",\"index_bytes\":%" PRIu64
	       ",\"classes_max\":%" PRIu32 ",\"nodes\":%" PRIu32 ",\"rss_bytes\":%ld}\n",
	       r->arrived, r->placed, r->refused, r->capacity_milli, r->allocated_milli,
	       r->at_milli[100], r->time_ns, r->p50_ns, r->p99_ns, r->max_ns, r->index.bytes,
	       r->index.classes_max, trace.nnodes, used.ru_maxrss * 1024);
}

int main(int argc, char **argv)
{
	struct replay r = { .trace = &trace, .percent = PERCENT, .clock_ns = now_ns };
	struct err err = { 0 };

	if (argc < 6 || argc > 7) {
		fprintf(stderr, "usage: openb NODES.csv TASKS.csv POLICY SEED TILE [LOG]\n");
		return 2;
	}
	policy(argv[3], &r);
	r.seed = number(argv[4], 0, UINT32_MAX);
	if (trace_read_nodes(&trace, argv[1], &err) ||
	    trace_tile(&trace, number(argv[5], 1, 1000), &err) ||
	    trace_read_tasks(&trace, argv[2], &err))
		die(&err);
	if (argc > 6) {
		r.log = fopen(argv[6], "we");
		if (!r.log) {
			perror(argv[6]);
			return 1;
		}
	}
	if (replay_run(&r, &result, &err))
		die(&err);
	if (r.log)
		fclose(r.log);
	print();
	trace_done(&trace);
	return 0;
}
