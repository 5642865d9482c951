/* decide.c - how long one decision takes at many pools, with warm and with cold caches
 *
 *   decide [POOLS [SECONDS]]
 *
 * Pools and tasks are thrown with a fixed seed and decoded as the daemon decodes them; the
 * pools are then filled with runs.  Cold: between two decisions more memory is read than the
 * caches hold.  Prints one JSON object.
 */

#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "select/select.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TASKS = 512, RUNS = 256, COLD_BYTES = 96 << 20, COLD_TIMES = 400, SAMPLES_MAX = 1 << 20 };

extern const char accelerators_csv[];
extern const size_t accelerators_csv_len;

static const int64_t NOW = 1795424400000; /* 2026-11-23T09:00:00Z */
static struct rng dice = { 20261123 };
static struct catalogue catalogue;
static struct pool **pools;
static struct lane *lanes;
static uint32_t npools;
static struct task_spec *specs[TASKS];
static struct history *history;
static uint32_t *samples;
static char *cold;
static uint64_t outcomes[4];
static struct node_placer **placers;
static struct shortlists *shortlists;
static struct demand *demand;

static unsigned roll(unsigned n)
{
	return (unsigned)rng_below(&dice, n);
}

/* Of this thread alone: what else the machine does is not in it. */
static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void must(int r, const struct err *err, const char *text)
{
	if (!r)
		return;
	fprintf(stderr, "decide: %s: %s\n%s\n", err->field, err->text, text);
	exit(1);
}

static const char *model_after(unsigned first, unsigned i)
{
	return catalogue.models[(first + i) % catalogue.n].name;
}

static const char *model(void)
{
	return model_after(roll(catalogue.n), 0);
}

static json_t *parse(const char *text)
{
	struct err err = { 0 };
	json_t *json;

	must(json_parse(text, strlen(text), &json, &err), &err, text);
	return json;
}

/* Four in ten with accelerators, two in ten at the edge; 4 to 28 nodes in a centre. */
static struct pool *make_pool(uint32_t i)
{
	static const char *const levels[] = { "1", "2", "2", "3", "4", "\"important\"" };
	char text[2048], devices[128] = "";
	bool edge = roll(10) < 2;
	unsigned province = 11 + roll(50);
	struct err err = { 0 };
	struct pool *p;
	json_t *json;

	if (roll(10) < 4)
		snprintf(devices, sizeof(devices),
			 ",\"accelerators\":{\"model\":\"%s\",\"count\":%u}", model(),
			 1u << roll(4));
	snprintf(
		text, sizeof(text),
		"{\"name\":\"p%u\",\"region\":\"cn/%u/%u0100\",\"engine\":\"fake\",\"tier\":\"%s\","
		"\"clearance\":%s,\"owner\":\"o\",\"images\":\"%s\",\"price\":{\"cpu_hour\":\"0.%"
		"u\","
		"\"accelerator_hour\":\"%u.00\"},\"pue\":1.%u,\"carbon_g_kwh\":%u,\"speed\":%u.%u,"
		"\"links\":[{\"region\":\"cn/%u\",\"latency_ms\":%u,\"mbps\":1000},"
		"{\"region\":\"cn\",\"latency_ms\":%u,\"mbps\":200}],"
		"\"groups\":[{\"count\":%u,\"cpus\":%u,\"memory_mb\":%u%s}]%s}",
		i, province, province, edge ? "edge" : "centre", levels[roll(6)],
		roll(3) ? "run" : "none", 10 + roll(80), 2 + roll(20), 10 + roll(50),
		100 + roll(700), roll(2), 5 + roll(5), 11 + roll(50), 2 + roll(20), 20 + roll(50),
		edge ? 1 + roll(3) : 4 + roll(25), 8u << roll(5), 32768u << roll(4), devices,
		roll(10) ? "" : ",\"admits\":[\"bank\"]");
	json = parse(text);
	must(pool_decode(json, "", NULL, &catalogue, &p, &err), &err, text);
	json_decref(json);
	p->id = i;
	p->seen_ms = NOW - 1000;
	p->drained = roll(100) == 0;
	return p;
}

static void put_accelerators(char *at, size_t size)
{
	unsigned first = roll(catalogue.n);

	switch (roll(8)) {
	case 0:
		snprintf(at, size, ",\"accelerators\":{\"models\":[\"%s\"],\"count\":%u}", model(),
			 1u << roll(4));
		break;
	case 1:
		snprintf(at, size,
			 ",\"accelerators\":{\"models\":[\"%s\",\"%s\",\"%s\"],\"count\":1,"
			 "\"share\":0.5}",
			 model_after(first, 0), model_after(first, 1), model_after(first, 2));
		break;
	case 2:
		snprintf(at, size, ",\"accelerators\":{\"fp16_tflops\":%u,\"memory_gb\":%u}",
			 200 + roll(1500), 32 + roll(200));
		break;
	default:
		*at = 0;
	}
}

static struct task_spec *make_spec(unsigned i)
{
	static const char *const profiles[] = { "balanced", "cheapest", "fastest", "greenest" };
	struct task_world world = { .catalogue = &catalogue,
				    .profiles = prefer_profiles,
				    .tenant = i % 16 ? "lab" : "bank",
				    .owner = "ann",
				    .now_ms = NOW };
	char text[2048], devices[256], more[256] = "";
	struct task_spec *spec;
	struct err err = { 0 };
	json_t *json;

	put_accelerators(devices, sizeof(devices));
	if (roll(8) == 0)
		snprintf(more, sizeof(more), ",\"near\":\"cn/%u\",\"max_latency_ms\":%u",
			 11 + roll(50), 10 + roll(50));
	else if (roll(8) == 0)
		snprintf(more, sizeof(more), ",\"deadline\":\"2026-11-24T09:00:00Z\"");
	else if (roll(8) == 0)
		snprintf(more, sizeof(more), ",\"budget_micro\":%u", 100000 + roll(5000000));
	else if (roll(8) == 0)
		snprintf(more, sizeof(more), ",\"stay_within\":\"cn/%u\"", 11 + roll(50));
	snprintf(text, sizeof(text),
		 "{\"name\":\"n%u\",\"kind\":\"k%u\",\"command\":[\"true\"],\"cpus\":%u,"
		 "\"memory_mb\":%u,\"nodes\":%u,\"walltime_s\":%u,\"data_level\":%u,"
		 "\"data_region\":\"cn/%u\",\"prefer\":\"%s\"%s%s}",
		 i % 100, i % 10, 1u << roll(5), 1024u << roll(5), roll(10) ? 1 : 2 + roll(6),
		 600 + roll(20000), 1 + roll(3), 11 + roll(50), profiles[roll(4)], devices, more);
	json = parse(text);
	must(task_spec_decode(json, &world, &spec, &err), &err, text);
	json_decref(json);
	return spec;
}

/* Nine pools of ten are busy, a third of them full. */
static void fill(struct pool *p)
{
	unsigned tries = roll(10) ? roll(3) ? 1 + roll(12) : 200 : 0;
	struct arena arena;

	arena_init(&arena);
	for (unsigned i = 0; i < tries; i++) {
		const struct task_spec *s = specs[roll(TASKS)];
		int64_t end = NOW + (60 + roll(20000)) * 1000;
		struct placement place;

		if (!place_never(s, &catalogue, p) &&
		    !place_find(s, &catalogue, p->nnodes, p->nodes, &arena, &place))
			pool_hold(p, i + 1, end, end + 600000, &place);
	}
	arena_done(&arena);
}

static void make(void)
{
	char name[16], kind[16];

	pools = mem_array(npools, sizeof(*pools));
	lanes = mem_array(npools, sizeof(*lanes));
	for (unsigned i = 0; i < TASKS; i++)
		specs[i] = make_spec(i);
	for (uint32_t i = 0; i < npools; i++) {
		pools[i] = make_pool(i);
		fill(pools[i]);
		if (roll(3) == 0)
			lanes[i] = (struct lane){ .ahead_cpu_ms = roll(100000000) };
	}
	history = history_new();
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "n%u", roll(60));
		snprintf(kind, sizeof(kind), "%s/k%u", roll(16) ? "lab" : "bank", roll(10));
		history_add(history, kind, name, roll(3) ? "cpu" : model(), 1000 + roll(600000),
			    3600);
	}
}

/* What the conductor keeps beside the pools. */
static void make_memory(void)
{
	struct demand_table *t = mem_alloc(sizeof(*t));

	demand = demand_new();
	for (unsigned i = 0; i < TASKS; i++)
		demand_add(demand, specs[i]);
	demand_lesson(demand, t);
	demand_teach(demand, t);
	free(t);
	placers = mem_array(npools, sizeof(*placers));
	for (uint32_t i = 0; i < npools; i++)
		placers[i] = node_placer_new(pools[i]->nnodes, pools[i]->nodes);
	shortlists = shortlists_new();
}

/* ---- what goes on between two decisions ---- */

static int64_t now_ms = 1795424400000;
static struct { struct pool *pool; uint64_t task; } ring[RUNS];
static uint64_t nruns;

static void touch(const struct pool *p, uint64_t task)
{
	const struct placement *at = pool_held(p, task);

	for (uint32_t i = 0; i < at->n; i++)
		node_placer_touch(placers[p->id], at->nodes[i].node);
}

static void run_ends(struct pool *p, uint64_t task)
{
	struct place_node nodes[PLACE_NODES_MAX];
	struct placement at = *pool_held(p, task);

	memcpy(nodes, at.nodes, at.n * sizeof(*nodes));
	pool_release(p, task);
	for (uint32_t i = 0; i < at.n; i++)
		node_placer_touch(placers[p->id], nodes[i].node);
}

/* The run that was chosen begins, an older one ends and its time is learned; a second goes by
 * with every sixteenth decision. */
static void live(unsigned i, const struct decision *d)
{
	const struct task_spec *s = specs[i % TASKS];
	char kind[HISTORY_KIND_MAX];
	unsigned at = nruns % RUNS;
	int64_t end_ms = now_ms + d->top.terms.run_p50_s * 1000;

	now_ms += i % 16 ? 0 : 1000;
	for (uint32_t k = 0; i % 16 == 0 && k < npools; k++)
		pools[k]->seen_ms = now_ms - 1000;
	history_add_on(history, history_kind(s->tenant, s->kind, kind), s->name, pools[i % npools]->chip, 1000,
		       1000 + roll(600000), s->walltime_s);
	if (d->outcome != OUTCOME_CHOSEN)
		return;
	if (ring[at].pool)
		run_ends(ring[at].pool, ring[at].task);
	ring[at].pool = pools[d->best];
	ring[at].task = 1000000 + nruns++;
	pool_hold(pools[d->best], ring[at].task, end_ms, end_ms + 600000, &d->place);
	touch(pools[d->best], ring[at].task);
}

/* ---- measuring ---- */

enum mode { STILL, LIVE, PLAIN, ENCODE };

static uint64_t encoded;

static void encode(const struct snapshot *s, const struct ask *a, const struct decision *d)
{
	struct buf b;

	buf_init(&b, 64 << 20);
	decision_encode(s, a, d, &b);
	encoded += b.len;
	buf_done(&b);
}

static uint32_t decide(unsigned i, struct arena *arena, enum mode mode)
{
	struct snapshot s = { .now_ms = now_ms,
			      .catalogue = &catalogue,
			      .history = history,
			      .npools = npools,
			      .pools = (const struct pool *const *)pools,
			      .lanes = lanes,
			      .demand = demand,
			      .placers = placers,
			      .shortlists = mode == PLAIN ? NULL : shortlists };
	struct ask a = { .spec = specs[i % TASKS],
			 .seed = i,
			 .ndata = 1,
			 .data_mb = { 500 },
			 .data_from = { specs[i % TASKS]->data_region } };
	struct decision d;
	int64_t began = now_ns();

	select_decide(&s, &a, arena, &d);
	if (mode == ENCODE) {
		began = now_ns();
		encode(&s, &a, &d);
	}
	began = now_ns() - began;
	outcomes[d.outcome]++;
	if (mode == LIVE)
		live(i, &d);
	arena_reset(arena);
	return (uint32_t)began;
}

static void chill(void)
{
	volatile char *p = cold;

	for (size_t i = 0; i < COLD_BYTES; i += 64)
		p[i]++;
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void print(const char *name, unsigned n)
{
	double sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += samples[i];
	qsort(samples, n, sizeof(*samples), by_size);
	printf("\"%s\":{\"n\":%u,\"mean_us\":%.2f,\"p50_us\":%.2f,\"p99_us\":%.2f,\"max_us\":%.2f}"
	       ",",
	       name, n, sum / n / 1000, samples[n / 2] / 1000.0, samples[n * 99 / 100] / 1000.0,
	       samples[n - 1] / 1000.0);
}

/* Times of many decisions, or of `n` of them if it is not 0. */
static void measure(const char *name, enum mode mode, double seconds, unsigned n,
		    struct arena *arena)
{
	int64_t end = now_ns() + (int64_t)(seconds * 1e9);
	unsigned i = 0;

	memset(outcomes, 0, sizeof(outcomes));
	for (; n ? i < n : now_ns() < end && i < SAMPLES_MAX; i++)
		samples[i] = decide(i, arena, mode);
	print(name, i);
}

static void measure_cold(struct arena *arena)
{
	for (unsigned i = 0; i < COLD_TIMES; i++) {
		chill();
		samples[i] = decide(i, arena, STILL);
	}
	print("cold", COLD_TIMES);
}

static void print_rest(void)
{
	struct shortlists_size size;
	uint64_t nodes = 0, full = 0;

	shortlists_size(shortlists, &size);
	for (uint32_t i = 0; i < npools; i++) {
		nodes += pools[i]->nnodes;
		full += pools[i]->nholds;
	}
	printf("\"pools\":%u,\"nodes\":%llu,\"holds\":%llu,\"chosen\":%llu,\"wait\":%llu,"
	       "\"refused\":%llu,\"lists\":%u,\"lists_bytes\":%llu,\"weighed\":%.1f,"
	       "\"encoded_bytes\":%llu}\n",
	       npools, (unsigned long long)nodes, (unsigned long long)full,
	       (unsigned long long)outcomes[OUTCOME_CHOSEN],
	       (unsigned long long)outcomes[OUTCOME_WAIT],
	       (unsigned long long)outcomes[OUTCOME_REFUSED], size.lists,
	       (unsigned long long)size.bytes, (double)size.weighed / (double)size.asked,
	       (unsigned long long)encoded / COLD_TIMES);
}

int main(int argc, char **argv)
{
	double seconds = argc > 2 ? atof(argv[2]) : 3;
	struct arena arena;
	struct err err = { 0 };

	npools = argc > 1 ? (uint32_t)atoi(argv[1]) : 1000;
	must(catalogue_parse(accelerators_csv, accelerators_csv_len, &catalogue, &err), &err, "");
	samples = mem_array(SAMPLES_MAX, sizeof(*samples));
	cold = mem_array(COLD_BYTES, 1);
	make();
	make_memory();
	arena_init(&arena);
	printf("{");
	measure("new", STILL, 0, TASKS, &arena);
	measure("still", STILL, seconds, 0, &arena);
	measure_cold(&arena);
	measure("plain", PLAIN, 0, TASKS, &arena);
	measure("encode", ENCODE, 0, COLD_TIMES, &arena);
	measure("live", LIVE, seconds, 0, &arena);
	print_rest();
	return 0;
}
