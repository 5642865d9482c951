/* test_placement.c - the daemon places where the simulator says
 *
 * A stream of random tasks is submitted to a real conductor over one fake pool, and the same
 * stream is replayed by sim/: node by node and device by device the answers must be equal,
 * the mix being learned from arrivals in both.  What neither may do is checked apart, from
 * the holds alone, with rules written here once more.
 */

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "flow/state.h"
#include "sim/replay.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SHAPES = 24, TASKS = 150, MODELS = 2 };

static const char chips_csv[] = "model,vendor,kind,domestic,fp16_tflops,memory_gb,tdp_w\n"
				"big,Maker,gpu,no,300,80,400\n"
				"small,Maker,npu,yes,100.5,32,150\n";

struct shape {
	char doc[256];
	struct node_ask ask;
	uint32_t devices;
	int model;                      /* -1: any */
};

struct world {
	uv_loop_t loop;
	struct catalogue catalogue;
	struct store *store;
	struct flow *flow;
	struct token who;
	char dir[64];
	struct err err;
	struct rng dice;
	struct shape shapes[SHAPES];
	struct trace trace;
	char *log;
	size_t log_len;
};

static const char *const no_roots[] = { NULL };

static void on_fatal(void *arg, const char *why)
{
	fail_msg("fatal: %s", why);
}

/* `times` times ten nodes: four with big ones, four with small ones, two without. */
static struct pool *make_pool(struct world *w, unsigned times)
{
	struct pool *p = NULL;
	char text[1024];
	json_t *json;

	snprintf(text, sizeof(text),
		 "{\"name\":\"hub\",\"tier\":\"centre\",\"region\":\"cn/62\",\"owner\":\"o\","
		 "\"engine\":\"fake\",\"clearance\":2,\"price\":{\"cpu_hour\":\"0.10\"},\"groups\":["
		 "{\"count\":%u,\"cpus\":64,\"memory_mb\":262144,\"accelerators\":{\"model\":\"big\","
		 "\"count\":4}},{\"count\":%u,\"cpus\":32,\"memory_mb\":131072,\"accelerators\":"
		 "{\"model\":\"small\",\"count\":2}},{\"count\":%u,\"cpus\":48,\"memory_mb\":65536}],"
		 "\"options\":{\"run_ms\":100000000}}", 4 * times, 4 * times, 2 * times);
	json = json_loads(text, 0, NULL);
	assert_non_null(json);
	if (pool_decode(json, "", NULL, &w->catalogue, &p, &w->err))
		fail_msg("%s: %s", w->err.field, w->err.text);
	json_decref(json);
	return p;
}

static void start(struct world *w, unsigned times)
{
	struct store_events ev;
	struct pool *pool = make_pool(w, times);
	struct flow_config c = { .loop = &w->loop, .catalogue = &w->catalogue, .pools = &pool,
				 .npools = 1, .dir = w->dir, .read_roots = no_roots,
				 .write_roots = no_roots, .seed = 7, .fatal = on_fatal };

	flow_limits_default(&c.limits);
	flow_store_events(&w->flow, &ev);
	if (!w->store)
		assert_int_equal(store_memory_open(&w->loop, &ev, &w->store, &w->err), 0);
	c.store = w->store;
	if (flow_new(&c, &w->flow, &w->err))
		fail_msg("%s", w->err.text);
}

static int setup(void **state)
{
	struct world *w = mem_alloc(sizeof(*w));
	const char *seed = getenv("SUANLU_TEST_SEED");

	w->dice.s = seed ? strtoull(seed, NULL, 10) : 20261126;
	print_message("seed %" PRIu64 "\n", w->dice.s);
	uv_loop_init(&w->loop);
	assert_int_equal(catalogue_parse(chips_csv, strlen(chips_csv), &w->catalogue, &w->err), 0);
	w->who = (struct token){ .id = 1, .roles = ROLE_USER };
	strcpy(w->who.name, "alice");
	strcpy(w->who.tenant, "lab");
	strcpy(w->dir, "/tmp/test_placement.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	char cmd[96];

	if (w->store)
		w->store->ops->free(w->store);
	flow_free(w->flow);
	for (int i = 0; i < 100 && uv_run(&w->loop, UV_RUN_NOWAIT); i++)
		;
	assert_int_equal(uv_loop_close(&w->loop), 0);
	catalogue_done(&w->catalogue);
	trace_done(&w->trace);
	free(w->log);
	snprintf(cmd, sizeof(cmd), "rm -r %s", w->dir);
	if (system(cmd))
		print_message("%s is left\n", w->dir);
	free(w);
	return 0;
}

/* ---- the stream ---- */

static uint32_t roll(struct world *w, uint32_t n)
{
	return (uint32_t)rng_below(&w->dice, n);
}

static void make_shape(struct world *w, struct shape *s)
{
	static const char *const names[MODELS] = { "big", "small" };
	static const uint32_t milli[] = { 160, 320, 470, 500, 650, 810, 1000, 1000, 1000 };
	char devices[96] = "", model[32] = "";

	*s = (struct shape){ .model = -1 };
	s->ask.cpu_milli = 1000 * (1 + roll(w, 16));
	s->ask.memory_mb = 1024 * (1 + roll(w, 48));
	if (roll(w, 10) < 8) {
		s->devices = roll(w, 3) ? 1 : 2;
		s->ask.share_milli = s->devices == 1 ? milli[roll(w, 9)] : 1000;
		if (roll(w, 3) == 0)
			s->model = (int)roll(w, MODELS);
		if (s->model >= 0)
			snprintf(model, sizeof(model), "\"models\":[\"%s\"],", names[s->model]);
		snprintf(devices, sizeof(devices), ",\"accelerators\":{%s\"count\":%u,\"share\":%g}",
			 model, s->devices, s->ask.share_milli / 1000.0);
	}
	snprintf(s->doc, sizeof(s->doc), "{\"command\":[\"work\"],\"cpus\":%u,\"memory_mb\":%u%s}",
		 s->ask.cpu_milli / 1000, s->ask.memory_mb, devices);
}

/* Kind k of the pool is the k-th model that its nodes name: big, then small. */
static void make_trace(struct world *w)
{
	const struct pool *p = flow_pool(w->flow, 0);
	struct trace *t = &w->trace;

	t->nnodes = p->nnodes;
	t->nodes = mem_array(t->nnodes, sizeof(*t->nodes));
	t->node_names = mem_array(t->nnodes, sizeof(*t->node_names));
	for (uint32_t i = 0; i < t->nnodes; i++) {
		t->nodes[i] = p->nodes[i];
		t->node_names[i] = arena_printf(&t->arena, "%u", i);
		t->capacity_milli += t->nodes[i].naccels * 1000ull;
	}
	assert_int_equal(node_kinds_of(t->nnodes, t->nodes, &t->kinds), 0);
	for (unsigned i = 0; i < SHAPES; i++) {
		struct shape *s = &w->shapes[i];

		make_shape(w, s);
		for (int k = 0; s->devices && k < MODELS; k++)
			if (s->model < 0 || s->model == k)
				s->ask.devices[k] = (uint8_t)s->devices;
	}
	t->ntasks = TASKS;
	t->tasks = mem_array(TASKS, sizeof(*t->tasks));
	for (unsigned i = 0; i < TASKS; i++) {
		unsigned shape = roll(w, SHAPES) * roll(w, SHAPES) / SHAPES;    /* some are usual */

		t->tasks[i] = (struct trace_task){ .name = arena_printf(&t->arena, "%u", shape),
			.ask = w->shapes[shape].ask, .devices = w->shapes[shape].devices };
	}
}

static void simulate(struct world *w, uint64_t seed, uint32_t percent)
{
	FILE *f = open_memstream(&w->log, &w->log_len);
	struct replay r = { .trace = &w->trace, .learn = true, .seed = seed, .percent = percent,
			    .log = f };
	struct replay_result result;

	assert_int_equal(replay_run(&r, &result, &w->err), 0);
	fclose(f);
	print_message("%" PRIu64 " tasks, %" PRIu64 " refused, %u shapes\n", result.arrived,
		      result.refused, SHAPES);
	assert_true(result.arrived >= 128 && result.refused && result.placed > 64);
}

/* ---- the daemon ---- */

static uint64_t submit(struct world *w, const char *text)
{
	struct flow_submitted s = { 0 };
	json_t *doc = NULL;

	assert_int_equal(json_parse(text, strlen(text), &doc, &w->err), 0);
	if (flow_submit(w->flow, doc, &w->who, &s, &w->err))
		fail_msg("%s: %s", w->err.field, w->err.text);
	json_decref(doc);
	assert_null(s.refused);
	return s.sub;
}

/* Sent, or a pass has said why not. */
static const struct task *decided(struct world *w, uint64_t no)
{
	const struct task *t = flow_task(w->flow, no);
	int64_t end = clock_mono_ms() + 10000;

	while (t->state == TASK_WAITING && !flow_task_reason(w->flow, t) &&
	       clock_mono_ms() < end)
		uv_run(&w->loop, UV_RUN_ONCE);
	assert_true(t->state != TASK_WAITING || flow_task_reason(w->flow, t));
	return t;
}

/* "node,devices" as the log of the simulator has it. */
static void answer_of(struct world *w, uint64_t no, char *ret, size_t size)
{
	const struct placement *place = pool_held(flow_pool(w->flow, 0), no);
	int n;

	if (!place) {
		snprintf(ret, size, "-,-");
		return;
	}
	assert_int_equal(place->n, 1);
	n = snprintf(ret, size, "%u,", place->nodes[0].node);
	for (unsigned i = 0; i < NODE_ACCELS_MAX; i++)
		if (place->nodes[0].accels >> i & 1)
			n += snprintf(ret + n, size - (size_t)n, "%s%u",
				      ret[n - 1] == ',' ? "" : "+", i);
}

/* By looking at every node, in other words than select/ has. */
static bool some_node_fits(const struct pool *p, const struct shape *s)
{
	for (uint32_t i = 0; i < p->nnodes; i++) {
		const struct node *n = &p->nodes[i];
		uint32_t free = 0;

		if (n->cpu_free_milli < s->ask.cpu_milli || n->memory_free_mb < s->ask.memory_mb)
			continue;
		if (s->model >= 0 && n->model != s->model)
			continue;
		for (unsigned k = 0; k < n->naccels; k++)
			free += n->accel_free_milli[k] >= s->ask.share_milli;
		if (free >= s->devices)
			return true;
	}
	return false;
}

static void check_kept(struct world *w, uint64_t no, const struct shape *s)
{
	const struct pool *p = flow_pool(w->flow, 0);
	const struct placement *place = pool_held(p, no);
	const struct node *n;

	if (!place) {
		assert_false(some_node_fits(p, s));
		return;
	}
	n = &p->nodes[place->nodes[0].node];
	assert_int_equal(place->cpu_milli, s->ask.cpu_milli);
	assert_int_equal(place->memory_mb, s->ask.memory_mb);
	assert_int_equal(place->accel_milli, s->ask.share_milli);
	assert_int_equal(__builtin_popcount(place->nodes[0].accels), s->devices);
	assert_true(!s->devices || s->model < 0 || n->model == s->model);
}

/* What is free and what is held make what there is, on every node and device. */
static void check_capacity(const struct pool *p)
{
	for (uint32_t i = 0; i < p->nnodes; i++) {
		const struct node *n = &p->nodes[i];
		uint64_t cpu = n->cpu_free_milli, memory = n->memory_free_mb;
		uint32_t device[NODE_ACCELS_MAX];

		for (unsigned k = 0; k < n->naccels; k++)
			device[k] = n->accel_free_milli[k];
		for (uint32_t h = 0; h < p->nholds; h++) {
			const struct placement *place = &p->holds[h].place;

			if (place->nodes[0].node != i)
				continue;
			cpu += place->cpu_milli;
			memory += place->memory_mb;
			for (unsigned k = 0; k < n->naccels; k++)
				device[k] += place->nodes[0].accels >> k & 1 ? place->accel_milli : 0;
		}
		assert_int_equal(cpu, n->cpu_milli);
		assert_int_equal(memory, n->memory_mb);
		for (unsigned k = 0; k < n->naccels; k++)
			assert_int_equal(device[k], 1000);
	}
}

static void compare(struct world *w)
{
	char *line = strtok(w->log, "\n"), want[64], got[64];
	unsigned arrival, shape;

	for (line = strtok(NULL, "\n"); line; line = strtok(NULL, "\n")) {
		uint64_t no;

		assert_int_equal(sscanf(line, "%u,%u,%63s", &arrival, &shape, want), 3);
		no = submit(w, w->shapes[shape].doc);
		decided(w, no);
		answer_of(w, no, got, sizeof(got));
		if (strcmp(got, want))
			fail_msg("arrival %u, %s: the simulator says %s, the daemon %s", arrival,
				 w->shapes[shape].doc, want, got);
		check_kept(w, no, &w->shapes[shape]);
		if (!pool_held(flow_pool(w->flow, 0), no))
			assert_int_equal(flow_cancel(w->flow, no, -1, &w->who, &w->err), 0);
	}
	check_capacity(flow_pool(w->flow, 0));
	assert_true(w->flow->demand->lesson >= 2);
}

static void many_nodes_get_what_the_simulator_gives_them(void **state)
{
	struct world *w = *state;

	start(w, 10);
	make_trace(w);
	simulate(w, 42, 160);
	assert_true(flow_pool(w->flow, 0)->nnodes >= NODE_PLACER_INDEX_MIN);
	compare(w);
}

static void few_nodes_get_what_the_simulator_gives_them(void **state)
{
	struct world *w = *state;

	start(w, 5);
	make_trace(w);
	simulate(w, 43, 220);
	assert_true(flow_pool(w->flow, 0)->nnodes < NODE_PLACER_INDEX_MIN);
	compare(w);
}

/* ---- the mix ---- */

static void the_mix_is_the_same_after_a_restart(void **state)
{
	struct world *w = *state;
	struct demand_table now, taught;

	start(w, 10);
	make_trace(w);
	for (unsigned i = 0; i < 200; i++)
		submit(w, w->shapes[roll(w, SHAPES)].doc);
	for (int i = 0; i < 100; i++)
		uv_run(&w->loop, UV_RUN_NOWAIT);
	now = w->flow->demand->now;
	taught = w->flow->demand->taught;
	assert_int_equal(taught.total, 128);
	assert_int_equal(now.total, 200);
	w->flow = flow_free(w->flow);
	start(w, 10);
	assert_memory_equal(&w->flow->demand->now, &now, sizeof(now));
	assert_memory_equal(&w->flow->demand->taught, &taught, sizeof(taught));
	assert_int_equal(w->flow->demand->next, 256);
}

static void an_array_and_a_gang_count_for_what_they_are(void **state)
{
	struct world *w = *state;

	start(w, 10);
	submit(w, "{\"command\":[\"work\"],\"array\":\"0-9\",\"cpus\":1}");
	submit(w, "{\"command\":[\"work\"],\"nodes\":3,\"cpus\":1}");
	assert_int_equal(w->flow->demand->now.total, 13);
	assert_int_equal(w->flow->demand->now.n, 1);
	assert_int_equal(w->flow->demand->lesson, 0);
	submit(w, "{\"command\":[\"work\"],\"array\":\"0-199\",\"cpus\":1,\"memory_mb\":512}");
	assert_int_equal(w->flow->demand->lesson, 1);
	assert_int_equal(w->flow->demand->next, 256);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(many_nodes_get_what_the_simulator_gives_them),
		T(few_nodes_get_what_the_simulator_gives_them),
		T(the_mix_is_the_same_after_a_restart),
		T(an_array_and_a_gang_count_for_what_they_are),
	};

	return cmocka_run_group_tests_name("placement", tests, NULL, NULL);
}
