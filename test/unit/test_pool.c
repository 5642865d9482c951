/* test_pool.c - declarations are read, and room is taken and given back exactly */

#include "../lib/domain.h"

#include "base/rng.h"
#include "domain/pool_seen.h"

#include <stdio.h>

static const char small[] = "{'name':'hub','region':'cn/64/640500','engine':'fake',"
			    "'groups':[{'cpus':4,'memory_mb':8192}]}";

static struct catalogue cat;

static int setup(void **state)
{
	chips(&cat);
	return 0;
}

static int teardown(void **state)
{
	catalogue_done(&cat);
	return 0;
}

static struct pool *pool_of(const char *text)
{
	json_t *v = json_of(text);
	struct pool *p = NULL;
	struct err err;

	if (pool_decode(v, "", NULL, &cat, &p, &err) != 0)
		fail_msg("%s: %s", err.field, err.text);
	json_decref(v);
	return p;
}

static void defaults_are_filled_in_and_fail_closed(void **state)
{
	struct pool *p = pool_of(small);

	assert_string_equal(p->title, "hub");
	assert_string_equal(p->title_zh, "hub");
	assert_int_equal(p->tier, TIER_CENTRE);
	assert_int_equal(p->clearance, LEVEL_1);
	assert_int_equal(p->images, IMAGES_NONE);
	assert_int_equal(p->pue_milli, 1500);
	assert_int_equal(p->carbon_g_kwh[23], 580);
	assert_int_equal(p->cpu_milliwatt, 7000);
	assert_int_equal(p->speed_milli, 1000);
	assert_string_equal(p->chip, "cpu");
	assert_string_equal(p->options_json, "{}");
	assert_true(pool_admits(p, "anyone"));
	pool_free(p);
}

static const char full[] =
	"{'name':'edge','title':'Factory edge','title_zh':'工厂边缘','tier':'edge','region':'cn/50/a',"
	"'owner':'Works','engine':'local','clearance':'important','admits':['works','city'],"
	"'images':'host','price':{'cpu_hour':'0.12','accelerator_hour':'8.00'},'pue':1.25,"
	"'carbon_g_kwh':[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24],"
	"'green_share':0.6,'cpu_watts':6.75,'speed':1.1,'walltime_max':'1d','fresh_s':60,"
	"'links':[{'region':'cn/50','latency_ms':2,'mbps':1000}],"
	"'groups':[{'count':2,'cpus':1.5,'memory_mb':512},{'count':1,'cpus':64,'memory_mb':1024,"
	"'accelerators':{'model':'big','count':8}}]";

static void a_declaration_is_shown_in_its_own_words(void **state)
{
	char text[2048];
	struct pool *p;
	json_t *shown;

	snprintf(text, sizeof(text), "%s,'options':{'slots':[1,2]}}", full);
	p = pool_of(text);
	assert_int_equal(p->cpu_hour_micro, 120000);
	assert_int_equal(p->accel_hour_micro, 8000000);
	assert_int_equal(p->nnodes, 3);
	assert_int_equal(p->nodes[2].naccels, 8);
	assert_int_equal(p->walltime_max_s, 86400);
	assert_string_equal(p->chip, "big");
	assert_string_equal(p->options_json, "{\"slots\":[1,2]}");
	shown = pool_json(p, &cat);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(shown, "state"), "nodes")), 3);
	json_object_del(shown, "state");
	snprintf(text, sizeof(text), "%s}", full);
	assert_true(same_json(shown, json_of(text)));
	pool_free(p);
}

static void only_named_tenants_are_admitted(void **state)
{
	char text[2048];
	struct pool *p;

	snprintf(text, sizeof(text), "%s}", full);
	p = pool_of(text);
	assert_true(pool_admits(p, "works"));
	assert_false(pool_admits(p, "work"));
	assert_false(pool_admits(p, ""));
	pool_free(p);
}

static void wrong_declarations_are_refused_by_field(void **state)
{
	static const struct { const char *add, *field, *words; } bad[] = {
		{ "'name':'Hub'", "p.name", "must be 1-63" },
		{ "'region':'CN'", "p.region", "must be a region" },
		{ "'engine':''", "p.engine", "must not be empty" },
		{ "'clearance':7", "p.clearance", "must be 1, 2" },
		{ "'tier':'fog'", "p.tier", "must be one of centre, edge" },
		{ "'admits':[]", "p.admits", "leave it out to admit everyone" },
		{ "'admits':['A B']", "p.admits", "tenant names" },
		{ "'price':{'cpu_hour':0.12}", "p.price.cpu_hour", "must be text" },
		{ "'price':{'cpu_hour':'-1'}", "p.price.cpu_hour", "must be yuan" },
		{ "'price':{'cpu_hour':'1e3'}", "p.price.cpu_hour", "must be yuan" },
		{ "'price':{'cpu_hour':'1000000.01'}", "p.price.cpu_hour", "must be yuan" },
		{ "'price':{'hour':'1'}", "p.price.hour", "not known" },
		{ "'pue':0.9", "p.pue", "between 1 and 5" },
		{ "'carbon_g_kwh':[1,2]", "p.carbon_g_kwh", "24" },
		{ "'carbon_g_kwh':-1", "p.carbon_g_kwh", "24" },
		{ "'carbon_g_kwh':'580'", "p.carbon_g_kwh", "24" },
		{ "'green_share':1.1", "p.green_share", "between 0 and 1" },
		{ "'walltime_max':'soon'", "p.walltime_max", "must be a duration" },
		{ "'walltime_max':'0s'", "p.walltime_max", "must be a duration" },
		{ "'links':[{'region':'cn'}]", "p.links[0].latency_ms", "is missing" },
		{ "'links':[{'region':'cn','latency_ms':1},{'region':'cn','latency_ms':2}]",
		  "p.links", "twice" },
		{ "'groups':[]", "p.groups", "at least one group" },
		{ "'groups':[{'cpus':0,'memory_mb':1}]", "p.groups[0].cpus", "between" },
		{ "'groups':[{'count':200000,'cpus':1,'memory_mb':1},{'cpus':1,'memory_mb':1}]",
		  "p.groups[1].count", "above 200000 nodes" },
		{ "'groups':[{'cpus':1,'memory_mb':1,'accelerators':{'model':'nope'}}]",
		  "p.groups[0].accelerators.model", "not in the accelerator catalogue" },
		{ "'groups':[{'cpus':1,'memory_mb':1,'accelerators':{'model':'big','count':17}}]",
		  "p.groups[0].accelerators.count", "between 1 and 16" },
		{ "'options':[]", "p.options", "must be an object" },
		{ "'colour':1", "p.colour", "not known" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[512];
		json_t *v = json_of(small), *add;
		struct pool *p = NULL;
		struct err err;

		snprintf(text, sizeof(text), "{%s}", bad[i].add);
		add = json_of(text);
		json_object_update(v, add);
		if (pool_decode(v, "p", NULL, &cat, &p, &err) != ERR_E_INPUT)
			fail_msg("taken: %s", bad[i].add);
		assert_null(p);
		says(&err, bad[i].field, bad[i].words);
		json_decref(add);
		json_decref(v);
	}
}

static void the_most_specific_link_counts(void **state)
{
	struct pool *p = pool_of(
		"{'name':'hub','region':'cn/50/a','engine':'fake',"
		"'groups':[{'cpus':4,'memory_mb':8192}],'links':["
		"{'region':'cn','latency_ms':30},{'region':'cn/50','latency_ms':5,'mbps':900},"
		"{'region':'cn/50/a/x','latency_ms':1}]}");

	assert_int_equal(pool_link_to(p, "cn/11")->latency_ms, 30);
	assert_int_equal(pool_link_to(p, "cn/11")->mbps, POOL_MBPS_DEFAULT);
	assert_int_equal(pool_link_to(p, "cn/50/b")->latency_ms, 5);
	assert_int_equal(pool_link_to(p, "cn/50/a")->latency_ms, 0);
	assert_int_equal(pool_link_to(p, "cn/50/a/y")->latency_ms, 0);
	assert_int_equal(pool_link_to(p, "cn/50/a/x/z")->latency_ms, 1);
	assert_null(pool_link_to(p, "us/1"));
	assert_null(pool_link_to(p, NULL));
	pool_free(p);
}

/* Room. */

enum { NODES = 5, TASKS = 40 };

static struct pool *devices(void)
{
	return pool_of(
		"{'name':'hub','region':'cn','engine':'fake','groups':["
		"{'count':5,'cpus':8,'memory_mb':4096,'accelerators':{'model':'big','count':4}}]}");
}

static void random_place(struct rng *r, struct place_node *nodes, struct placement *ret)
{
	uint32_t n = 1 + (uint32_t)rng_below(r, 3), first = (uint32_t)rng_below(r, NODES);

	*ret = (struct placement){ .n = n, .nodes = nodes,
				   .cpu_milli = (uint32_t)rng_below(r, 3000),
				   .memory_mb = (uint32_t)rng_below(r, 1500),
				   .accel_milli = rng_below(r, 2) ? 1000 : 250 };
	for (uint32_t i = 0; i < n; i++)
		nodes[i] = (struct place_node){ .node = (first + i) % NODES,
						.accels = (uint16_t)rng_below(r, 16) };
}

static void holds_are_in_order(const struct pool *p)
{
	for (uint32_t i = 1; i < p->nholds; i++)
		assert_true(p->holds[i - 1].end_p50_ms <= p->holds[i].end_p50_ms);
}

static void what_was_taken_is_given_back_exactly(void **state)
{
	struct pool *p = devices(), *fresh = devices();
	struct rng r = { 20261123 };
	bool held[TASKS] = { false };
	unsigned taken = 0, full_up = 0;

	for (int step = 0; step < 20000; step++) {
		uint64_t task = rng_below(&r, TASKS);
		struct place_node nodes[NODES];
		struct placement place;

		random_place(&r, nodes, &place);
		if (held[task]) {
			pool_release(p, task + 1);
			held[task] = false;
		} else if (pool_can_hold(p, &place)) {
			pool_hold(p, task + 1, (int64_t)rng_below(&r, 1000), 2000, &place);
			held[task] = true;
			taken++;
		} else {
			full_up++;
		}
		holds_are_in_order(p);
	}
	for (uint64_t task = 0; task < TASKS; task++)
		pool_release(p, task + 1);
	assert_true(taken > 1000 && full_up > 1000);
	assert_int_equal(p->nholds, 0);
	assert_memory_equal(p->nodes, fresh->nodes, NODES * sizeof(*p->nodes));
	pool_free(p);
	pool_free(fresh);
}

static void a_question_about_room_changes_nothing(void **state)
{
	struct pool *p = devices(), *fresh = devices();
	struct place_node twice[] = { { 0, 1 }, { 0, 1 } }, once[] = { { 0, 1 }, { 0, 2 } };
	struct place_node beyond[] = { { 0, 1 }, { NODES, 0 } }, device[] = { { 1, 16 } };
	struct placement place = { .n = 2, .nodes = once, .cpu_milli = 4000, .accel_milli = 1000 };

	assert_true(pool_can_hold(p, &place));
	place.nodes = twice;            /* one device cannot be had twice */
	assert_false(pool_can_hold(p, &place));
	place.nodes = beyond;
	assert_false(pool_can_hold(p, &place));
	place = (struct placement){ .n = 1, .nodes = device, .accel_milli = 1000 };
	assert_false(pool_can_hold(p, &place));
	place.cpu_milli = 8001;
	assert_false(pool_can_hold(p, &place));
	assert_memory_equal(p->nodes, fresh->nodes, NODES * sizeof(*p->nodes));
	pool_free(p);
	pool_free(fresh);
}

static void an_unknown_task_gives_nothing_back(void **state)
{
	struct pool *p = devices();
	struct place_node at[] = { { 2, 3 } };
	struct placement place = { .n = 1, .nodes = at, .cpu_milli = 1000, .accel_milli = 1000 };
	struct pool_totals t;

	pool_hold(p, 1, 10, 20, &place);
	pool_release(p, 2);
	pool_totals(p, &t);
	assert_int_equal(t.cpu_free_milli, 39000);
	assert_int_equal(t.accels_free, 18);
	pool_release(p, 1);
	pool_release(p, 1);
	pool_totals(p, &t);
	assert_int_equal(t.cpu_free_milli, 40000);
	pool_free(p);
}

static void the_room_of_a_node_that_is_down_is_not_free(void **state)
{
	struct pool *p = devices();
	struct pool_totals t;

	p->nodes[3].down = true;
	pool_totals(p, &t);
	assert_int_equal(t.nodes_down, 1);
	assert_int_equal(t.cpu_milli, 40000);
	assert_int_equal(t.cpu_free_milli, 32000);
	assert_int_equal(t.accels_free, 16);
	pool_free(p);
}

/* ---- pools whose nodes are told ---- */

static const char told[] = "{'name':'west','region':'cn/64','engine':'slurm'}";

static struct pool *told_pool(uint32_t used)
{
	static const struct pool_seen_node like = { .cpu_milli = 8000, .memory_mb = 1000,
						    .accel = "big", .naccels = 4 };
	struct pool_seen_node nodes[2] = { like, like };
	struct pool_seen s = { .nnodes = 2, .nodes = nodes, .queue_max = 3 };
	struct pool *p = pool_of(told);

	p->told = true;
	nodes[0].cpu_used_milli = used * 1000;
	nodes[0].accels_used = (uint8_t)used;
	assert_int_equal(pool_see(p, &s, &cat), 0);
	return p;
}

static uint32_t free_devices(const struct node *n)
{
	uint32_t k = 0;

	for (unsigned i = 0; i < n->naccels; i++)
		k += n->accel_free_milli[i] == 1000;
	return k;
}

static void what_others_use_of_a_told_pool_is_not_free(void **state)
{
	struct pool *p = told_pool(3);

	assert_int_equal(p->nnodes, 2);
	assert_int_equal(p->nodes[0].cpu_free_milli, 5000);
	assert_int_equal(p->nodes[1].cpu_free_milli, 8000);
	assert_int_equal(free_devices(&p->nodes[0]), 1);
	assert_int_equal(free_devices(&p->nodes[1]), 4);
	assert_string_equal(p->chip, "big");
	pool_free(p);
}

static void a_run_moves_to_the_node_where_its_engine_put_it(void **state)
{
	struct place_node at = { .node = 0, .accels = 3 };
	struct placement place = { .n = 1, .nodes = &at, .cpu_milli = 2000, .memory_mb = 10,
				   .accel_milli = 1000 };
	struct pool *p = told_pool(0);
	const uint32_t there = 1;

	pool_hold(p, 7, 1, 2, &place);
	assert_int_equal(p->nodes[0].cpu_free_milli, 6000);
	assert_int_equal(free_devices(&p->nodes[0]), 2);
	pool_begun(p, 7, &there, 1);
	assert_int_equal(p->nodes[0].cpu_free_milli, 8000);
	assert_int_equal(p->nodes[1].cpu_free_milli, 6000);
	assert_int_equal(free_devices(&p->nodes[1]), 2);
	pool_release(p, 7);
	assert_int_equal(p->nodes[1].cpu_free_milli, 8000);
	assert_int_equal(free_devices(&p->nodes[1]), 4);
	pool_free(p);
}

static void a_run_that_was_sent_ahead_takes_room_when_it_begins(void **state)
{
	struct place_node at = { .node = 0 };
	struct placement place = { .n = 1, .nodes = &at, .cpu_milli = 2000, .memory_mb = 10,
				   .ahead = true };
	struct pool *p = told_pool(0);

	pool_hold(p, 7, 1, 2, &place);
	assert_int_equal(p->nahead, 1);
	assert_int_equal(p->nodes[0].cpu_free_milli, 8000);
	pool_begun(p, 7, NULL, 0);
	assert_int_equal(p->nahead, 0);
	assert_int_equal(p->nodes[0].cpu_free_milli, 6000);
	pool_hold(p, 8, 1, 2, &place);
	pool_release(p, 8);
	assert_int_equal(p->nahead, 0);
	pool_free(p);
}

/* The cluster decides where things run: what does not add up is no room, never a crash. */
static void more_than_a_told_node_has_is_no_room(void **state)
{
	struct place_node at = { .node = 0, .accels = 15 }, gone = { .node = 99 };
	struct placement place = { .n = 1, .nodes = &at, .cpu_milli = 7000, .memory_mb = 900,
				   .accel_milli = 1000 };
	struct placement lost = { .n = 1, .nodes = &gone, .cpu_milli = 1000 };
	struct pool *p = told_pool(3);

	assert_true(pool_can_hold(p, &place));
	pool_hold(p, 1, 1, 2, &place);
	pool_hold(p, 2, 1, 2, &place);
	pool_hold(p, 3, 1, 2, &lost);
	assert_int_equal(p->nodes[0].cpu_free_milli, 0);
	assert_int_equal(p->nodes[0].memory_free_mb, 0);
	assert_int_equal(free_devices(&p->nodes[0]), 0);
	pool_release(p, 1);
	pool_release(p, 2);
	pool_release(p, 3);
	assert_int_equal(p->nodes[0].cpu_free_milli, 5000);
	assert_int_equal(p->nodes[0].memory_free_mb, 1000);
	pool_free(p);
}

static void a_device_that_is_not_in_the_catalogue_is_counted_and_not_used(void **state)
{
	struct pool_seen_node n = { .cpu_milli = 1000, .memory_mb = 1, .accel = "nobody-knows",
				    .naccels = 2 };
	struct pool_seen s = { .nnodes = 1, .nodes = &n };
	struct pool *p = pool_of(told);

	p->told = true;
	assert_int_equal(pool_see(p, &s, &cat), 1);
	assert_int_equal(p->nodes[0].naccels, 0);
	assert_int_equal(p->nodes[0].model, ACCEL_NONE);
	pool_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_filled_in_and_fail_closed),
		cmocka_unit_test(a_declaration_is_shown_in_its_own_words),
		cmocka_unit_test(only_named_tenants_are_admitted),
		cmocka_unit_test(wrong_declarations_are_refused_by_field),
		cmocka_unit_test(the_most_specific_link_counts),
		cmocka_unit_test(what_was_taken_is_given_back_exactly),
		cmocka_unit_test(a_question_about_room_changes_nothing),
		cmocka_unit_test(an_unknown_task_gives_nothing_back),
		cmocka_unit_test(the_room_of_a_node_that_is_down_is_not_free),
		cmocka_unit_test(what_others_use_of_a_told_pool_is_not_free),
		cmocka_unit_test(a_run_moves_to_the_node_where_its_engine_put_it),
		cmocka_unit_test(a_run_that_was_sent_ahead_takes_room_when_it_begins),
		cmocka_unit_test(more_than_a_told_node_has_is_no_room),
		cmocka_unit_test(a_device_that_is_not_in_the_catalogue_is_counted_and_not_used),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
