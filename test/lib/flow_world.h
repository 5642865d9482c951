/* flow_world.h - flow on the fake engine and a memory store, for the tests of flow/ */
#ifndef TEST_LIB_FLOW_WORLD_H
#define TEST_LIB_FLOW_WORLD_H

#include "flow/flow.h"

#include "base/clock.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define UNUSED __attribute__((unused))

struct world {
	uv_loop_t loop;
	struct catalogue catalogue;
	struct store *store;
	struct flow *flow;
	struct token who;
	char dir[64];
	struct err err;
	const char *const *roots;       /* below which tasks read; NULL: nowhere */
};

UNUSED static const char *const no_roots[] = { NULL };

/* Two pools: `hub` is cheap and sees level 2, `edge` is dear, small and sees important data. */
UNUSED static const char hub[] = "{\"name\":\"hub\",\"tier\":\"centre\",\"region\":\"cn/62\","
	"\"owner\":\"o\",\"engine\":\"fake\",\"clearance\":2,\"price\":{\"cpu_hour\":\"0.10\"},"
	"\"groups\":[{\"count\":2,\"cpus\":2,\"memory_mb\":4096}],"
	"\"options\":{\"time_scale\":0.01,\"run_ms\":5}}";
UNUSED static const char edge[] = "{\"name\":\"edge\",\"tier\":\"edge\",\"region\":\"cn/50/500106/f\","
	"\"owner\":\"o\",\"engine\":\"fake\",\"clearance\":\"important\",\"price\":{\"cpu_hour\":\"0.50\"},"
	"\"groups\":[{\"count\":1,\"cpus\":1,\"memory_mb\":1024}],"
	"\"options\":{\"time_scale\":0.01,\"run_ms\":5}}";

UNUSED static struct pool *pool_of(struct world *w, const char *text)
{
	struct pool *p = NULL;
	json_t *json = json_loads(text, 0, NULL);

	assert_non_null(json);
	if (pool_decode(json, "", NULL, &w->catalogue, &p, &w->err))
		fail_msg("%s: %s", w->err.field, w->err.text);
	json_decref(json);
	return p;
}

UNUSED static void on_fatal(void *arg, const char *why)
{
	fail_msg("fatal: %s", why);
}

UNUSED static int try_start(struct world *w, const char *a, const char *b, const struct flow_limits *l)
{
	int r;
	struct store_events ev;
	struct pool **pools = mem_array(2, sizeof(*pools));
	struct flow_config c = { .loop = &w->loop, .catalogue = &w->catalogue, .pools = pools,
				 .dir = w->dir, .read_roots = w->roots ? w->roots : no_roots,
				 .write_roots = no_roots,
				 .seed = 7, .fatal = on_fatal };

	flow_limits_default(&c.limits);
	if (l)
		c.limits = *l;
	pools[c.npools++] = pool_of(w, a);
	if (b)
		pools[c.npools++] = pool_of(w, b);
	flow_store_events(&w->flow, &ev);
	if (!w->store)
		assert_int_equal(store_memory_open(&w->loop, &ev, &w->store, &w->err), 0);
	c.store = w->store;
	r = flow_new(&c, &w->flow, &w->err);
	free(pools);
	return r;
}

UNUSED static void start(struct world *w, const char *a, const char *b, const struct flow_limits *l)
{
	if (try_start(w, a, b, l))
		fail_msg("%s", w->err.text);
}

UNUSED static void start_in(struct world *w, const char *const *roots)
{
	w->roots = roots;
	start(w, hub, edge, NULL);
}

UNUSED static int setup(void **state)
{
	struct world *w = mem_alloc(sizeof(*w));

	uv_loop_init(&w->loop);
	assert_int_equal(catalogue_parse("", 0, &w->catalogue, &w->err) > 0 ? 0 : 0, 0);
	w->who = (struct token){ .id = 1, .roles = ROLE_USER };
	strcpy(w->who.name, "alice");
	strcpy(w->who.tenant, "lab");
	strcpy(w->dir, "/tmp/test_flow.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	*state = w;
	return 0;
}

UNUSED static int teardown(void **state)
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
	snprintf(cmd, sizeof(cmd), "rm -r %s", w->dir);
	if (system(cmd))
		print_message("%s is left\n", w->dir);
	free(w);
	return 0;
}

UNUSED static int try_submit(struct world *w, const char *text, struct flow_submitted *ret)
{
	json_t *doc = NULL;
	int r = json_parse(text, strlen(text), &doc, &w->err);

	assert_int_equal(r, 0);
	r = flow_submit(w->flow, doc, &w->who, ret, &w->err);
	json_decref(doc);
	return r;
}

UNUSED static uint64_t submit(struct world *w, const char *text)
{
	struct flow_submitted s;

	if (try_submit(w, text, &s))
		fail_msg("%s: %s", w->err.field, w->err.text);
	return s.sub;
}

UNUSED static const struct task *task(struct world *w, uint64_t no)
{
	const struct task *t = flow_task(w->flow, no);

	assert_non_null(t);
	return t;
}

UNUSED static void turn(struct world *w, int ms)
{
	int64_t end = clock_mono_ms() + ms;

	do {
		uv_run(&w->loop, UV_RUN_NOWAIT);
		usleep(500);
	} while (clock_mono_ms() < end);
}

UNUSED static void until(struct world *w, uint64_t no, enum task_state s)
{
	for (int i = 0; i < 10000 && task(w, no)->state != s; i++) {
		uv_run(&w->loop, UV_RUN_NOWAIT);
		usleep(500);
	}
	if (task(w, no)->state != s)
		fail_msg("task %d is %s, not %s", (int)no, task_state_name(task(w, no)->state),
			 task_state_name(s));
}

UNUSED static void reason_is(struct world *w, uint64_t no, const char *code)
{
	const char *is = flow_task_reason(w->flow, task(w, no));

	assert_string_equal(is ? is : "none", code);
}

#endif
