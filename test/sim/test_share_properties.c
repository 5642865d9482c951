/* test_share_properties.c - tenants in virtual time: nobody above a limit, shares as the weights say
 *
 * A pool that is always full, tenants who always have more to do, tasks of random size and
 * length.  A bookkeeper of its own adds up what each of them got, from the durable rows.
 */

#include "../lib/virtual_time.h"

#include "base/log.h"
#include "base/rng.h"
#include "flow/flow.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { TENANTS = 4, CPUS = 16, DEVICES = 8, HOUR_MS = 3600 * 1000,
       HOURS = 8, LONGEST_S = 600 };

struct book {
	double cpu_s;                   /* got, of runs that are over */
	int64_t alive, most_alive, runs;
	int64_t waits_since_ms, longest_wait_ms;
};

struct world {
	uv_loop_t loop;
	struct catalogue catalogue;
	struct store *store;
	struct flow *flow;
	struct flow_watch *watch;
	struct rng rng;
	uint64_t seed;
	char dir[64];
	uint32_t finished_max;
	struct book books[TENANTS];
	int64_t limit[TENANTS];
	bool over;                      /* a limit was passed */
};

static struct world *here;

static unsigned dice(unsigned n)
{
	return (unsigned)rng_below(&here->rng, n);
}

static void on_row(void *arg, const struct store_row *row, const char *tenant)
{
	unsigned i = tenant[0] == 't' ? (unsigned)(tenant[1] - '0') : TENANTS;
	struct record r = { 0 };
	struct book *b;

	if (i >= TENANTS || (row->kind != RECORD_CHOOSE && row->kind != RECORD_END &&
			     row->kind != RECORD_LOST))
		return;
	b = &here->books[i];
	assert_int_equal(record_decode(row->kind, row->at_ms, row->subject, row->task, row->body,
				       row->body_len, &r, NULL), 0);
	if (row->kind == RECORD_CHOOSE) {
		b->alive++;
		b->runs++;
		here->over |= here->limit[i] >= 0 && b->alive > here->limit[i];
		if (b->alive > b->most_alive)
			b->most_alive = b->alive;
	} else {
		b->alive--;
		if (row->kind == RECORD_END)
			b->cpu_s += (double)r.usage.cpu_ms / 1000;
	}
	record_done(&r);
}

static void on_fatal(void *arg, const char *why)
{
	fail_msg("fatal: %s", why);
}

static void begin(struct world *w)
{
	static const char *const no_roots[] = { NULL };
	static const char chips[] = "model,vendor,kind,domestic,fp16_tflops,memory_gb,tdp_w\n"
				    "big,Maker,gpu,no,300,80,400\n";
	char text[600];
	struct store_events ev;
	struct pool *pool = NULL;
	struct err err = { 0 };
	json_t *doc;
	struct flow_config c = { .loop = &w->loop, .catalogue = &w->catalogue, .pools = &pool,
				 .npools = 1, .dir = w->dir, .read_roots = no_roots,
				 .write_roots = no_roots, .seed = 7, .fatal = on_fatal };

	if (!w->catalogue.n)
		assert_int_equal(catalogue_parse(chips, strlen(chips), &w->catalogue, &err), 0);
	snprintf(text, sizeof(text), "{\"name\":\"p\",\"tier\":\"centre\",\"region\":\"cn\",\"owner\":\"o\","
		 "\"engine\":\"fake\",\"clearance\":4,\"groups\":[{\"count\":2,\"cpus\":%d,"
		 "\"memory_mb\":1000000,\"accelerators\":{\"model\":\"big\",\"count\":%d}}]}", CPUS / 2,
		 DEVICES / 2);
	doc = json_loads(text, 0, NULL);
	if (pool_decode(doc, "", NULL, &w->catalogue, &pool, &err))
		fail_msg("%s: %s", err.field, err.text);
	json_decref(doc);
	flow_limits_default(&c.limits);
	if (w->finished_max)
		c.limits.finished_max = w->finished_max;
	flow_store_events(&w->flow, &ev);
	if (!w->store)
		assert_int_equal(store_memory_open(&w->loop, &ev, &w->store, &err), 0);
	c.store = w->store;
	if (flow_new(&c, &w->flow, &err))
		fail_msg("%s", err.text);
	w->watch = flow_watch_new(w->flow, on_row, NULL);
}

static int setup(void **state)
{
	struct world *w = mem_alloc(sizeof(*w));
	const char *seed = getenv("SUANLU_TEST_SEED");

	here = w;
	log_set_level(LOG_ERROR);
	w->seed = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
	w->rng.s = w->seed;
	print_message("seed: SUANLU_TEST_SEED=%llu\n", (unsigned long long)w->seed);
	for (unsigned i = 0; i < TENANTS; i++)
		w->limit[i] = -1;
	uv_loop_init(&w->loop);
	strcpy(w->dir, "/tmp/test_share.XXXXXX");
	*state = w;
	return mkdtemp(w->dir) ? 0 : -1;
}

static int teardown(void **state)
{
	struct world *w = *state;
	char cmd[96];

	flow_watch_free(w->watch);
	flow_free(w->flow);
	w->store->ops->free(w->store);
	for (int i = 0; i < 20; i++)
		uv_run(&w->loop, UV_RUN_NOWAIT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	catalogue_done(&w->catalogue);
	snprintf(cmd, sizeof(cmd), "rm -r %s", w->dir);
	if (system(cmd))
		print_message("%s is left\n", w->dir);
	free(w);
	return 0;
}

static void restart(struct world *w)
{
	pass_ms(&w->loop, 50);
	w->watch = flow_watch_free(w->watch);
	w->flow = flow_free(w->flow);
	uv_run(&w->loop, UV_RUN_NOWAIT);
	begin(w);
	/* What was told while nobody watched. */
	for (unsigned i = 0; i < TENANTS; i++) {
		struct flow_quota q;
		char name[8];

		snprintf(name, sizeof(name), "t%u", i);
		flow_quota(w->flow, name, &q);
		w->books[i].alive = q.running;
	}
}

static struct token who(unsigned tenant)
{
	struct token t = { .id = 1, .roles = ROLE_USER };

	strcpy(t.name, "somebody");
	snprintf(t.tenant, sizeof(t.tenant), "t%u", tenant);
	return t;
}

static int submit(unsigned tenant, const char *text, uint64_t *ret)
{
	struct token t = who(tenant);
	struct flow_submitted s = { 0 };
	struct err err = { 0 };
	json_t *doc = json_loads(text, 0, NULL);
	int r;

	assert_non_null(doc);
	r = flow_submit(here->flow, doc, &t, &s, &err);
	json_decref(doc);
	if (ret)
		*ret = s.sub;
	return r;
}

/* So many tasks of one tenant, all alike. */
static void work_alike(unsigned tenant, unsigned n, unsigned cpus, unsigned s)
{
	char text[300];

	snprintf(text, sizeof(text), "{\"command\":[\"sleep\",\"%u\"],\"cpus\":%u,\"memory_mb\":10,"
		 "\"walltime_s\":%u,\"array\":\"0-%u\"}", s, cpus, s + 10, n - 1);
	assert_int_equal(submit(tenant, text, NULL), 0);
}

/* The same, of a size and a length that only this call knows. */
static void work(unsigned tenant, unsigned n, unsigned cpus_max, unsigned s_max)
{
	work_alike(tenant, n, 1 + dice(cpus_max), 10 + dice(s_max));
}

static void quota(unsigned tenant, const char *text)
{
	struct token t = who(tenant);
	struct err err = { 0 };
	json_t *doc = json_loads(text, 0, NULL);
	char name[8];

	snprintf(name, sizeof(name), "t%u", tenant);
	assert_non_null(doc);
	if (!flow_tenant_find(here->flow, name)) {
		const struct tenant *made;
		json_t *named = json_pack("{s:s}", "name", name);

		assert_int_equal(flow_tenant_new(here->flow, named, &t, &made, &err), 0);
		json_decref(named);
	}
	if (flow_quota_set(here->flow, name, doc, &t, &err))
		fail_msg("%s: %s", err.field, err.text);
	json_decref(doc);
}

static uint64_t waiting(unsigned tenant)
{
	const struct task *t = NULL;
	uint64_t n = 0;
	char name[8];

	snprintf(name, sizeof(name), "t%u", tenant);
	while ((t = flow_task_before(here->flow, t ? t->no : UINT64_MAX)))
		n += t->state == TASK_WAITING && !strcmp(t->spec->tenant, name);
	return n;
}

/* ---- the properties ---- */

static void shares_converge_to_the_weights(void **state)
{
	struct world *w = *state;
	double weight[TENANTS], least = 1e30, most = 0, sum = 0;
	/* One size for all: of a room that only small tasks fit into, whoever has small ones gets more
	 * than a share, and takes it from nobody. */
	unsigned size = 1U << dice(3);
	char text[60];

	begin(w);
	for (unsigned i = 0; i < TENANTS; i++) {
		weight[i] = 1 + dice(4);
		snprintf(text, sizeof(text), "{\"weight\":%g}", weight[i]);
		quota(i, text);
	}
	/* The first comes alone with a great deal of work, long before the others. */
	for (int k = 0; k < 4; k++)
		work_alike(0, 100, size, LONGEST_S);
	/* Nobody runs out of work: 30 of the shortest are more than a share of a quarter of an hour. */
	for (int part = 0; part < HOURS * 4; part++) {
		for (unsigned i = 0; i < TENANTS; i++)
			while (waiting(i) < 30)
				work_alike(i, 30, size, LONGEST_S / 2 + dice(LONGEST_S / 2));
		pass_ms(&w->loop, HOUR_MS / 4);
	}
	for (unsigned i = 0; i < TENANTS; i++)
		sum += w->books[i].cpu_s;
	for (unsigned i = 0; i < TENANTS; i++) {
		double x = w->books[i].cpu_s / weight[i];

		print_message("t%u: weight %g, %.0f cpu-seconds, %.1f %%\n", i, weight[i],
			      w->books[i].cpu_s, 100 * w->books[i].cpu_s / sum);
		least = x < least ? x : least;
		most = x > most ? x : most;
	}
	/* At most the runs that are out apart. */
	assert_true(most - least < 1.0 * CPUS * (LONGEST_S + 10));
	/* And the pool was not left idle for the sake of it. */
	assert_true(sum > 0.8 * CPUS * HOURS * 3600);
}

static void nobody_is_above_a_limit_whatever_happens(void **state)
{
	struct world *w = *state;
	char text[100];

	begin(w);
	for (int step = 0; step < 500; step++) {
		unsigned i = dice(TENANTS);

		if (dice(30) == 0)
			pass_ms(&w->loop, 50);
		if (dice(30) == 0 && w->books[i].alive <= 2) {
			w->limit[i] = 2 + (int64_t)dice(6);
			snprintf(text, sizeof(text), "{\"running\":%d,\"waiting\":60}", (int)w->limit[i]);
			quota(i, text);
		}
		if (waiting(i) < 30)
			work(i, 1 + dice(20), 3, 200);
		if (dice(150) == 0)
			restart(w);     /* what ran is lost: the engine forgets it */
		pass_ms(&w->loop, 1 + dice(20000));
		for (unsigned k = 0; k < TENANTS; k++)
			assert_true(waiting(k) <= 60 || w->limit[k] < 0);
	}
	assert_false(w->over);
	for (unsigned k = 0; k < TENANTS; k++)
		assert_true(w->books[k].runs > 20);
}

static void a_full_queue_takes_no_more_of_the_same_tenant(void **state)
{
	struct world *w = *state;

	begin(w);
	quota(1, "{\"waiting\":5,\"running\":0}");
	assert_int_equal(submit(1, "{\"command\":[\"x\"],\"array\":\"0-4\"}", NULL), 0);
	assert_int_equal(submit(1, "{\"command\":[\"x\"]}", NULL), FLOW_E_LIMIT);
	assert_int_equal(submit(2, "{\"command\":[\"x\"],\"array\":\"0-9\"}", NULL), 0);
}

enum { OUT_MAX = 64 };

struct charged {
	int64_t accel_ms;
	bool over;
	struct { uint64_t task; int64_t accel_milli, from_ms; } out[OUT_MAX];   /* task 0: free */
};

/* What a lost run held, from the rows of its choice and its start. */
static void follow_out(struct charged *c, const struct store_row *row, const struct record *r)
{
	for (unsigned i = 0; i < OUT_MAX; i++) {
		if (c->out[i].task != (row->kind == RECORD_CHOOSE ? 0 : row->task))
			continue;
		if (row->kind == RECORD_CHOOSE) {
			c->out[i].task = row->task;
			c->out[i].accel_milli = r->accel_milli;
			c->out[i].from_ms = 0;
			return;
		}
		if (row->kind == RECORD_START)
			c->out[i].from_ms = row->at_ms;
		if (row->kind == RECORD_LOST && c->out[i].from_ms)
			assert_true(llabs(r->accel_ms - c->out[i].accel_milli *
					  (row->at_ms - c->out[i].from_ms) / 1000) <= 1000);
		if (row->kind != RECORD_START)
			c->out[i].task = 0;
		return;
	}
	assert_true(row->kind != RECORD_CHOOSE);
}

/* A run that is lost has used its devices until then, and is charged like one that ended. */
static int add_charged(void *arg, const struct store_row *row)
{
	struct charged *c = arg;
	struct record r = { 0 };

	if (row->kind != RECORD_END && row->kind != RECORD_LOST && row->kind != RECORD_CHOOSE &&
	    row->kind != RECORD_START)
		return 0;
	assert_int_equal(record_decode(row->kind, row->at_ms, row->subject, row->task, row->body,
				       row->body_len, &r, NULL), 0);
	if (row->kind == RECORD_END || row->kind == RECORD_LOST)
		c->accel_ms += r.accel_ms;
	follow_out(c, row, &r);
	record_done(&r);
	return 0;
}

static void charged_end(void *arg, int r)
{
	struct charged *c = arg;

	assert_int_equal(r, 0);
	c->over = true;
}

/* From the journal, so that what was lost in a restart counts, though nobody watched. */
static int64_t charged_accel_ms(struct world *w)
{
	struct charged c = { 0 };

	w->store->ops->read(w->store, UINT64_MAX, 0, 0, UINT32_MAX, add_charged, charged_end, &c);
	while (!c.over)
		uv_run(&w->loop, UV_RUN_NOWAIT);
	return c.accel_ms;
}

static void accelerator_hours_of_a_month_are_never_exceeded(void **state)
{
	struct world *w = *state;
	struct flow_quota q;
	uint64_t no = 0;
	char text[200];

	begin(w);
	now_ms = 1795424400000;         /* in the midst of a month */
	quota(1, "{\"accelerator_hours\":10}");
	assert_int_equal(submit(1, "{\"command\":[\"x\"],\"accelerators\":{\"count\":2},\"walltime_s\":21600}",
				NULL), FLOW_E_LIMIT);
	for (int i = 0; i < 300; i++) {
		unsigned s = 60 + dice(3000);

		snprintf(text, sizeof(text), "{\"command\":[\"sleep\",\"%u\"],\"accelerators\":{\"count\":%u},"
			 "\"memory_mb\":10,\"walltime_s\":%u}", s, 1 + dice(2), s + dice(600));
		submit(1, text, &no);
		if (dice(40) == 0 || i == 20)   /* then some are out, surely */
			restart(w);
		pass_ms(&w->loop, 60 * 1000);
		flow_quota(w->flow, "t1", &q);
		assert_true(q.accel_ms <= 10ll * HOUR_MS);
		assert_true(charged_accel_ms(w) <= 10ll * HOUR_MS);
	}
	/* In the end nothing is held, and less is left than the next task may take. */
	for (int i = 0; q.running && i < 300; i++) {
		pass_ms(&w->loop, 60 * 1000);
		flow_quota(w->flow, "t1", &q);
	}
	assert_int_equal(charged_accel_ms(w), q.accel_ms);
	assert_true(q.accel_ms > 8ll * HOUR_MS);
	assert_int_equal(submit(1, "{\"command\":[\"x\"],\"accelerators\":{\"count\":2},\"memory_mb\":10,"
				   "\"walltime_s\":3600}", &no), 0);
	pass_ms(&w->loop, 5000);
	assert_string_equal(flow_task_reason(w->flow, flow_task(w->flow, no)), "quota");
	/* Others go on, and so does it next month. */
	assert_int_equal(submit(2, "{\"command\":[\"sleep\",\"5\"],\"accelerators\":{\"count\":1},"
				   "\"memory_mb\":10,\"walltime_s\":60}", &no), 0);
	pass_ms(&w->loop, 30 * 1000);
	assert_int_equal(flow_task(w->flow, no)->state, TASK_DONE);
	no = (uint64_t)w->books[1].runs;
	now_ms += 40ll * 24 * HOUR_MS;
	pass_ms(&w->loop, 60 * 1000);
	assert_true(w->books[1].runs > (int64_t)no);
	flow_quota(w->flow, "t1", &q);
	assert_true(q.accel_ms > 0);    /* counted in the new month */
}

static void whoever_comes_late_with_little_does_not_wait_for_all(void **state)
{
	struct world *w = *state;
	uint64_t no;

	begin(w);
	for (int k = 0; k < 5; k++)
		work(0, 400, 4, 100);
	pass_ms(&w->loop, HOUR_MS);
	assert_int_equal(submit(3, "{\"command\":[\"sleep\",\"5\"],\"cpus\":2,\"memory_mb\":10,"
				   "\"walltime_s\":60}", &no), 0);
	/* Longer than the longest run that was out it does not wait. */
	pass_ms(&w->loop, 150 * 1000);
	assert_int_equal(flow_task(w->flow, no)->state, TASK_DONE);
	assert_true(waiting(0) > 500);
}

static void many_kinds_of_task_of_one_tenant_do_not_hide_the_others(void **state)
{
	struct world *w = *state;
	char text[200];
	uint64_t no;

	begin(w);
	quota(0, "{\"weight\":100}");   /* its turn comes first, always */
	for (unsigned i = 0; i < 1200; i++) {
		snprintf(text, sizeof(text), "{\"command\":[\"sleep\",\"3000\"],\"cpus\":5,\"memory_mb\":%u,"
			 "\"walltime_s\":3600}", 1000 + i);
		assert_int_equal(submit(0, text, NULL), 0);
	}
	pass_ms(&w->loop, 5000);
	assert_int_equal(submit(1, "{\"command\":[\"sleep\",\"1\"],\"cpus\":2,"
				   "\"memory_mb\":10,\"walltime_s\":60}", &no), 0);
	pass_ms(&w->loop, HOUR_MS / 60);
	assert_true(flow_task(w->flow, no)->state == TASK_DONE);
}

/* Of all tenants: it is carried along, not added up for each. */
static void the_parts_are_one(const struct world *w)
{
	struct flow_quota q;
	double sum = 0;
	char name[8];

	for (unsigned i = 0; i < TENANTS; i++) {
		snprintf(name, sizeof(name), "t%u", i);
		flow_quota(w->flow, name, &q);
		sum += q.usage_part;
	}
	assert_true(fabs(sum - 1) < 1e-9);
}

static void usage_is_the_same_after_a_restart(void **state)
{
	struct world *w = *state;
	struct flow_quota before[TENANTS], after;
	char name[8];

	w->finished_max = 40;
	begin(w);
	for (int round = 0; round < 3; round++) {
		for (unsigned i = 0; i < TENANTS; i++)
			for (unsigned k = 0; k < 40; k++)
				work(i, 1, 2, 20);
		pass_ms(&w->loop, HOUR_MS);
		for (unsigned i = 0; i < TENANTS; i++) {
			snprintf(name, sizeof(name), "t%u", i);
			flow_quota(w->flow, name, &before[i]);
			assert_true(before[i].usage_hours > 0);
		}
		the_parts_are_one(w);
		restart(w);
		the_parts_are_one(w);
		for (unsigned i = 0; i < TENANTS; i++) {
			snprintf(name, sizeof(name), "t%u", i);
			flow_quota(w->flow, name, &after);
			assert_true(fabs(after.usage_hours - before[i].usage_hours) <
				    1e-6 * before[i].usage_hours);
			assert_int_equal(after.running, 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(shares_converge_to_the_weights),
		T(nobody_is_above_a_limit_whatever_happens),
		T(a_full_queue_takes_no_more_of_the_same_tenant),
		T(accelerator_hours_of_a_month_are_never_exceeded),
		T(whoever_comes_late_with_little_does_not_wait_for_all),
		T(many_kinds_of_task_of_one_tenant_do_not_hide_the_others),
		T(usage_is_the_same_after_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
