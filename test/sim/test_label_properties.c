/* test_label_properties.c - a search for a run that breaks the rule about data
 *
 * The whole of flow on fake engines, in virtual time: labels, clearances, drains, failures,
 * losses, retries, restarts with another configuration and commits that fail, in random order.
 * A second bookkeeper, written apart, says of every run that an engine lets begin, and after
 * each step of every run that is out, whether it may be where it is.
 *
 *	SUANLU_TEST_STEPS=1000000 SUANLU_TEST_SEED=7 test_label_properties
 *
 * Clocks and timers of the program are replaced (-Wl,--wrap), so a step costs microseconds.
 */

#include "../lib/virtual_time.h"

#include "flow/flow.h"

#include "base/mem.h"
#include "base/rng.h"
#include "base/log.h"
#include "engine/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { POOLS = 5, SETS = 6, EPISODE = 2500, STEPS = 6000, ALIVE_MAX = 4096 };

int __wrap_engine_permit(const struct run_spec *r, struct err *err);
int __real_engine_permit(const struct run_spec *r, struct err *err);

/* ---- the second bookkeeper ---- */

struct set {
	bool known, removed;
	int level;
	char url[40], stay[40];         /* "": no bound */
};

struct place {
	int declared, confirmed;        /* 0: never declared */
	char declared_region[40], confirmed_region[40];
};

struct world {
	uv_loop_t loop;
	struct catalogue catalogue;
	struct store *store;
	struct flow *flow;
	struct flow_watch *watch;
	struct token who;
	char dir[64];
	struct rng rng;
	uint64_t seed, step;
	struct place pools[POOLS];
	struct set sets[SETS];
	uint64_t permitted, stopped_at_the_last_door, recalled, restarts, moved;
};

static struct world *here;

static bool inside(const char *where, const char *outer)
{
	size_t n = strlen(outer);

	return !n || (!strncmp(where, outer, n) && (!where[n] || where[n] == '/'));
}

static bool reads(const struct world *w, const struct task_input *in, const struct set *s, unsigned i)
{
	const char *at = in->url;
	char name[16];

	snprintf(name, sizeof(name), "d%u", i);
	if (!s->known)
		return false;
	if (in->dataset && !strcmp(in->dataset, name))
		return true;
	for (unsigned k = 0; in->dataset && k < SETS; k++) {
		snprintf(name, sizeof(name), "d%u", k);
		if (!strcmp(in->dataset, name))
			at = w->sets[k].url;
	}
	/* It lies around what is read, or in a directory that is. */
	return inside(at, s->url) || (!strncmp(at, "file:", 5) && inside(s->url, at));
}

/* In words of its own: 0 when the rule allows it, else why not. */
static const char *breach(const struct world *w, const struct task_spec *s, unsigned pool)
{
	const struct place *p = &w->pools[pool];
	int level = (int)s->level, top = p->declared < p->confirmed ? p->declared : p->confirmed;

	if (s->stay_within && !(inside(p->declared_region, s->stay_within) &&
				inside(p->confirmed_region, s->stay_within)))
		return "it leaves the region of its task";
	for (uint32_t k = 0; k < s->ninputs; k++)
		for (unsigned i = 0; i < SETS; i++) {
			const struct set *d = &w->sets[i];

			if (!reads(w, &s->inputs[k], d, i))
				continue;
			level = d->level > level ? d->level : level;
			if (!inside(p->declared_region, d->stay) || !inside(p->confirmed_region, d->stay))
				return "it leaves the region of its data";
		}
	return level > top ? "its data are above the clearance" : NULL;
}

__attribute__((noreturn)) static void broken(const struct world *w, const char *what, const char *why)
{
	fail_msg("step %llu: %s: %s; SUANLU_TEST_SEED=%llu", (unsigned long long)w->step, what, why,
		 (unsigned long long)w->seed);
	abort();
}

int __wrap_engine_permit(const struct run_spec *r, struct err *err)
{
	const char *why = breach(here, r->spec, (unsigned)(r->pool->name[1] - '0'));
	int no = __real_engine_permit(r, err);

	if (!no && why)
		broken(here, "a run begins", why);
	here->permitted += !no;
	here->stopped_at_the_last_door += no != 0;
	return no;
}

/* ---- the world ---- */

static const char *const regions[] = {
	"cn", "cn/50", "cn/50/500106", "cn/50/500107", "cn/62", "cn/62/620102",
};
static const char *const levels[] = { "", "1", "2", "3", "4", "\"important\"", "\"core\"" };

/* They nest. */
static const char *const urls[] = {
	"http://h/0", "http://h/0/1", "http://h/0/1/2", "http://h/3", "http://h/3/part",
	"file:///srv/0", "file:///srv/0/1", "file:///srv/0/1/2", "file:///srv/3",
};

static unsigned dice(struct world *w, unsigned n)
{
	return (unsigned)rng_below(&w->rng, n);
}

static const char *where(struct world *w)
{
	return dice(w, 9) ? urls[dice(w, ARRAY_LEN(urls))] : dice(w, 2) ? "file:///srv" : "http://h/0/1/2/a";
}

static const char *region(struct world *w)
{
	return regions[dice(w, ARRAY_LEN(regions))];
}

static struct pool *pool_new(struct world *w, unsigned i)
{
	struct place *p = &w->pools[i];
	struct pool *pool = NULL;
	struct err err = { 0 };
	char text[700];
	json_t *doc;

	snprintf(text, sizeof(text), "{\"name\":\"p%u\",\"tier\":\"centre\",\"region\":\"%s\",\"owner\":\"o\","
		 "\"engine\":\"fake\",\"clearance\":%s,\"price\":{\"cpu_hour\":\"0.%u\"},"
		 "\"groups\":[{\"count\":2,\"cpus\":4,\"memory_mb\":8192}],\"options\":{\"run_ms\":%u,"
		 "\"fail_per_mille\":150,\"lose_per_mille\":80,\"start_delay_ms\":%u,"
		 "\"down_after_ms\":%u,\"down_for_ms\":3000,\"seed\":%u}}", i, p->declared_region,
		 levels[p->declared], i + 1, 500 + dice(w, 20000), dice(w, 3) * 40,
		 dice(w, 3) ? 0 : 1 + dice(w, 60000), 1 + dice(w, 100000));
	doc = json_loads(text, 0, NULL);
	assert_non_null(doc);
	if (pool_decode(doc, "", NULL, &w->catalogue, &pool, &err))
		fail_msg("%s: %s", err.field, err.text);
	json_decref(doc);
	return pool;
}

static void on_fatal(void *arg, const char *why)
{
	fail_msg("fatal: %s", why);
}

/* A configuration that may say something else than the last one. */
static void declare(struct world *w, bool all)
{
	for (unsigned i = 0; i < POOLS; i++) {
		struct place *p = &w->pools[i];

		if (all || dice(w, 3) == 0)
			p->declared = 1 + (int)dice(w, 6);
		if (all || dice(w, 8) == 0)
			strcpy(p->declared_region, region(w));
		if (!p->confirmed) {
			p->confirmed = p->declared;
			strcpy(p->confirmed_region, p->declared_region);
		}
	}
}

static void on_row(void *arg, const struct store_row *row, const char *tenant)
{
	here->recalled += row->kind == RECORD_RECALL;
}

static void begin(struct world *w)
{
	static const char *const no_roots[] = { NULL }, *const srv[] = { "/srv", NULL };
	struct store_events ev;
	struct pool *pools[POOLS];
	struct err err = { 0 };
	struct flow_config c = { .loop = &w->loop, .catalogue = &w->catalogue, .pools = pools,
				 .npools = POOLS, .dir = w->dir, .read_roots = srv,
				 .write_roots = no_roots, .seed = 7, .fatal = on_fatal };

	flow_limits_default(&c.limits);
	c.limits.finished_max = 1000;
	c.limits.commit_fail_s = 1000000;
	for (unsigned i = 0; i < POOLS; i++)
		pools[i] = pool_new(w, i);
	flow_store_events(&w->flow, &ev);
	if (!w->store)
		assert_int_equal(store_memory_open(&w->loop, &ev, &w->store, &err), 0);
	c.store = w->store;
	if (flow_new(&c, &w->flow, &err))
		fail_msg("%s", err.text);
	w->watch = flow_watch_new(w->flow, on_row, NULL);
}

static void end(struct world *w)
{
	for (int i = 0; i < 3; i++) {
		now_ms += 50;
		settle(&w->loop);
	}
	w->watch = flow_watch_free(w->watch);
	w->flow = flow_free(w->flow);
	uv_run(&w->loop, UV_RUN_NOWAIT);
}

/* ---- what may happen ---- */

static void submit(struct world *w)
{
	struct flow_submitted s;
	struct err err = { 0 };
	char text[900], inputs[400] = "", stay[60] = "";
	unsigned n = dice(w, 3);
	json_t *doc;
	int r;

	for (unsigned i = 0; i < n; i++) {
		unsigned k = dice(w, SETS);
		size_t at = strlen(inputs);

		if (dice(w, 2) && w->sets[k].known && !w->sets[k].removed)
			snprintf(inputs + at, sizeof(inputs) - at, "%s{\"dataset\":\"d%u\",\"path\":\"i%u\"}",
				 i ? "," : "", k, i);
		else
			snprintf(inputs + at, sizeof(inputs) - at, "%s{\"url\":\"%s\",\"path\":\"i%u\"}",
				 i ? "," : "", where(w), i);
	}
	if (dice(w, 4) == 0)
		snprintf(stay, sizeof(stay), ",\"stay_within\":\"%s\"", region(w));
	snprintf(text, sizeof(text), "{\"command\":[\"x\"],\"data_level\":%s,\"cpus\":%u,\"retries\":%u,"
		 "\"walltime_s\":%u,\"array\":\"0-%u\",\"prefer\":\"%s\",\"inputs\":[%s]%s}",
		 levels[1 + dice(w, dice(w, 3) ? 3 : 6)], 1 + dice(w, 3), dice(w, 3), 5 + dice(w, 600),
		 dice(w, 4), dice(w, 2) ? "cheapest" : "fastest", inputs, stay);
	doc = json_loads(text, 0, NULL);
	assert_non_null(doc);
	w->who.roles = ROLE_USER;
	r = flow_submit(w->flow, doc, &w->who, &s, &err);
	json_decref(doc);
	if (r && r != FLOW_E_INPUT && r != FLOW_E_BUSY && r != FLOW_E_LIMIT)
		broken(w, "a task is not taken", err.text);
}

static void put_set(struct world *w)
{
	unsigned i = dice(w, SETS), home = dice(w, ARRAY_LEN(regions)), level = 1 + dice(w, 6);
	bool security = dice(w, 2), reason = dice(w, 4) != 0;
	struct set *s = &w->sets[i], next = *s;
	const struct dataset *d;
	struct err err = { 0 };
	char text[400];
	json_t *doc;

	if (!s->known || dice(w, 12) == 0)
		strcpy(next.url, urls[dice(w, ARRAY_LEN(urls))]);
	strcpy(next.stay, dice(w, 3) ? "" : regions[home]);
	snprintf(text, sizeof(text), "{\"name\":\"d%u\",\"url\":\"%s\",\"region\":\"%s\",\"level\":%s%s%s%s%s}",
		 i, next.url, regions[home], levels[level], next.stay[0] ? ",\"stay_within\":\"" : "",
		 next.stay, next.stay[0] ? "\"" : "", reason ? ",\"reason\":\"so\"" : "");
	doc = json_loads(text, 0, NULL);
	assert_non_null(doc);
	w->who.roles = security ? ROLE_SECURITY : ROLE_USER;
	if (!flow_dataset_put(w->flow, doc, &w->who, &d, &err)) {
		bool lower = s->known && ((int)level < s->level || strcmp(next.url, s->url) ||
					  (s->stay[0] && !(next.stay[0] && inside(next.stay, s->stay))));

		if (lower && !(security && reason))
			broken(w, "a label is lowered", "without the role or without a reason");
		next.known = true;
		next.removed = false;
		next.level = (int)level;
		w->moved += strcmp(next.url, s->url) != 0;
		*s = next;
	}
	json_decref(doc);
}

static void remove_set(struct world *w)
{
	unsigned i = dice(w, SETS);
	struct err err = { 0 };
	char name[8];

	snprintf(name, sizeof(name), "d%u", i);
	w->who.roles = ROLE_USER;
	if (!flow_dataset_remove(w->flow, name, &w->who, &err))
		w->sets[i].removed = true;
}

static void confirm(struct world *w)
{
	unsigned i = dice(w, POOLS), level = dice(w, 7);
	struct flow_clearance c = { (enum level)level, dice(w, 4) || !level ? NULL : region(w), "so" };
	struct err err = { 0 };
	char name[8];

	if (!level)
		c.region = region(w);
	snprintf(name, sizeof(name), "p%u", i);
	w->who.roles = dice(w, 8) ? ROLE_SECURITY : ROLE_OPERATOR | ROLE_ADMIN | ROLE_USER;
	if (flow_pool_clearance(w->flow, name, &c, &w->who, &err))
		return;
	if (!(w->who.roles & ROLE_SECURITY))
		broken(w, "a clearance is changed", "by another role");
	if (level)
		w->pools[i].confirmed = (int)level;
	if (c.region)
		strcpy(w->pools[i].confirmed_region, c.region);
}

static void drain(struct world *w)
{
	struct err err = { 0 };
	char name[8];

	snprintf(name, sizeof(name), "p%u", dice(w, POOLS));
	w->who.roles = ROLE_OPERATOR;
	flow_pool_drain(w->flow, name, dice(w, 3) == 0, "so", &w->who, &err);
}

static void cancel(struct world *w)
{
	const struct task *t = flow_task_before(w->flow, UINT64_MAX);
	struct err err = { 0 };

	for (unsigned back = dice(w, 30); t && back; back--)
		t = flow_task_before(w->flow, t->no);
	w->who.roles = ROLE_USER;
	if (t)
		flow_cancel(w->flow, t->sub, -1, &w->who, &err);
}

static void act(struct world *w)
{
	switch (dice(w, 40)) {
	case 0: case 1: case 2:
		put_set(w);
		break;
	case 3:
		remove_set(w);
		break;
	case 4: case 5: case 6:
		confirm(w);
		break;
	case 7:
		drain(w);
		break;
	case 8:
		cancel(w);
		break;
	case 9:
		store_memory_fail(w->store, 1 + dice(w, 4));
		break;
	case 10: case 11: case 12: case 13: case 14: case 15: case 16:
		submit(w);
		break;
	default:
		break;          /* time passes */
	}
}

/* Whoever is where he may not be any more is on his way out. */
static void look(struct world *w)
{
	const struct task *t = NULL;

	if (!flow_ready(w->flow))
		return;         /* the store is in trouble: nothing can be decided */
	while ((t = flow_task_before(w->flow, t ? t->no : UINT64_MAX))) {
		const char *why;

		if (t->state != TASK_QUEUED && t->state != TASK_RUNNING)
			continue;
		why = breach(w, t->spec, t->pool);
		if (why && !t->recalled && !t->cancel_wanted)
			broken(w, "a run stays", why);
	}
}

static void restart(struct world *w)
{
	store_memory_fail(w->store, 0);
	end(w);
	declare(w, false);
	begin(w);
	w->restarts++;
}

static void one_step(struct world *w)
{
	static const unsigned pauses[] = { 0, 0, 1, 5, 20, 100, 400, 2000, 9000, 70000 };

	w->step++;
	act(w);
	if (dice(w, 700) == 0)
		restart(w);
	now_ms += (int64_t)rng_below(&w->rng, pauses[dice(w, ARRAY_LEN(pauses))] + 1);
	settle(&w->loop);
	look(w);
}

static void episode(struct world *w, uint64_t steps)
{
	memset(w->pools, 0, sizeof(w->pools));
	memset(w->sets, 0, sizeof(w->sets));
	declare(w, true);
	begin(w);
	for (uint64_t i = 0; i < steps; i++)
		one_step(w);
	store_memory_fail(w->store, 0);
	end(w);
	w->store = w->store->ops->free(w->store);
	for (int i = 0; i < 20; i++)
		uv_run(&w->loop, UV_RUN_NOWAIT);
}

static uint64_t from_env(const char *name, uint64_t dflt)
{
	const char *s = getenv(name);

	return s ? strtoull(s, NULL, 0) : dflt;
}

static void no_run_breaks_the_rule_about_data(void **state)
{
	struct world *w = mem_alloc(sizeof(*w));
	uint64_t left = from_env("SUANLU_TEST_STEPS", STEPS);
	char cmd[96];

	here = w;
	log_set_level(LOG_ERROR);
	w->seed = from_env("SUANLU_TEST_SEED", (uint64_t)time(NULL));
	w->rng.s = w->seed;
	uv_loop_init(&w->loop);
	catalogue_parse("", 0, &w->catalogue, &(struct err){ 0 });
	strcpy(w->who.name, "alice");
	strcpy(w->who.tenant, "lab");
	strcpy(w->dir, "/tmp/test_label.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	print_message("seed: SUANLU_TEST_SEED=%llu\n", (unsigned long long)w->seed);
	while (left) {
		uint64_t n = left < EPISODE ? left : EPISODE;

		episode(w, n);
		left -= n;
	}
	print_message("%llu steps: %llu runs began, %llu were recalled, %llu restarts, "
		      "%llu moved data sets, %llu stopped at the engine's door\n",
		      (unsigned long long)w->step, (unsigned long long)w->permitted,
		      (unsigned long long)w->recalled, (unsigned long long)w->restarts,
		      (unsigned long long)w->moved,
		      (unsigned long long)w->stopped_at_the_last_door);
	/* A search that met nothing proves nothing. */
	assert_true(w->permitted > w->step / 20);
	assert_true(w->recalled > 0 && w->restarts > 0);
	/* The doors before the last one let nothing through. */
	assert_int_equal(w->stopped_at_the_last_door, 0);
	uv_loop_close(&w->loop);
	catalogue_done(&w->catalogue);
	snprintf(cmd, sizeof(cmd), "rm -r %s", w->dir);
	if (system(cmd))
		print_message("%s is left\n", w->dir);
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_run_breaks_the_rule_about_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
