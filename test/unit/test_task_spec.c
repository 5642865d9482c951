/* test_task_spec.c - a submission means what it says, or is refused with the field */

#include "../lib/domain.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

enum { NOW_S = 1763888400 };

static struct catalogue cat;
static struct task_world world = { .catalogue = &cat, .profiles = prefer_profiles,
				   .tenant = "works", .owner = "li", .now_ms = NOW_S * 1000LL };
static const struct task_world journal = { .catalogue = &cat, .profiles = prefer_profiles };

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

static struct task_spec *spec_of(const char *text)
{
	struct task_spec *s = NULL;
	json_t *v = json_of(text);
	struct err err;

	if (task_spec_decode(v, &world, &s, &err) != 0)
		fail_msg("%s: %s: %s", text, err.field, err.text);
	json_decref(v);
	return s;
}

static void refused_in(const struct task_world *w, const char *text, const char *field,
		       const char *words)
{
	struct task_spec *s = NULL;
	json_t *v = json_of(text);
	struct err err;

	if (task_spec_decode(v, w, &s, &err) != ERR_E_INPUT)
		fail_msg("taken: %s", text);
	assert_null(s);
	says(&err, field, words);
	assert_int_equal(task_spec_decode(v, w, &s, NULL), ERR_E_INPUT);
	json_decref(v);
}

/* The smallest task, with something more. */
static void refused(const char *more, const char *field, const char *words)
{
	char text[4096];

	snprintf(text, sizeof(text), "{'command':['true'],%s}", more);
	refused_in(&world, text, field, words);
}

static void the_smallest_task_gets_every_default(void **state)
{
	struct task_spec *s = spec_of("{'command':['/usr/bin/povray','-v']}");

	assert_string_equal(s->name, "povray");
	assert_string_equal(s->kind, "compute");
	assert_string_equal(s->tenant, "works");
	assert_string_equal(s->owner, "li");
	assert_int_equal(s->nodes, 1);
	assert_int_equal(s->cpu_milli, 1000);
	assert_int_equal(s->memory_mb, 512);
	assert_int_equal(s->walltime_s, 3600);
	assert_int_equal(s->level, LEVEL_1);
	assert_string_equal(s->prefer.profile, "balanced");
	assert_int_equal(s->array_n, 1);
	assert_null(s->array);
	assert_true(accel_need_empty(&s->accel));
	task_spec_unref(s);
}

static const char everything[] =
	"{'name':'渲染','kind':'render','command':['povray','+W640',''],"
	"'image':'docker.io/x/povray:3.7',"
	"'env':{'A':'1','_b2':'二'},'nodes':2,'cpus':0.1,'memory_mb':1024,"
	"'accelerators':{'models':['big'],'count':1,'share':0.25},'walltime_s':60,"
	"'inputs':[{'dataset':'scene','path':'in/scene.pov'},"
	"{'url':'https://[::1]:8443/a%20b?X-Sig=1','path':'in/b','size_mb':10,'size':9999999,"
	"'sha256':'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'}],"
	"'outputs':[{'path':'out.png','url':'file:///srv/out/%E7%AE%97.png'}],"
	"'data_level':'important','stay_within':'cn/50','data_region':'cn/50/a','near':'cn/50/b',"
	"'max_latency_ms':20,'array':'0-9:3%4','after':[{'task':'12','when':'ended'},"
	"{'task':'7_0','when':'done'}],'deadline':'2030-01-01T00:00:00.250Z',"
	"'budget_micro':5000000,"
	"'prefer':{'money_milli':1,'time_micro_per_s':2,'carbon_micro_per_g':3},'retries':3,"
	"'idempotency_key':'k-1','meta':{'x':{'y':[1,2.5,null]}},'tenant':'works','owner':'li'}";

static void everything_that_can_be_said_comes_back(void **state)
{
	struct task_spec *s = NULL, *again = NULL;
	json_t *v = json_of(everything), *out;
	struct err err;

	if (task_spec_decode(v, &journal, &s, &err) != 0)
		fail_msg("%s: %s", err.field, err.text);
	assert_int_equal(s->array_n, 4);
	assert_int_equal(s->array_limit, 4);
	assert_int_equal(s->after[0].task, 0);
	assert_int_equal(s->after[1].sub, 7);
	assert_int_equal(s->after[1].task, 7);
	out = task_spec_json(s, &cat);
	assert_true(json_equal(v, out));
	assert_int_equal(task_spec_decode(out, &journal, &again, &err), 0);
	assert_true(same_json(out, task_spec_json(again, &cat)));
	task_spec_unref(s);
	task_spec_unref(again);
	json_decref(v);
}

static void the_journal_gets_every_default_written_out(void **state)
{
	struct task_spec *s = spec_of("{'script':'echo hi'}");

	assert_true(same_json(
		task_spec_json(s, &cat),
		json_of("{'name':'script','tenant':'works','owner':'li','kind':'compute',"
			"'script':'echo hi',"
			"'nodes':1,'cpus':1,'memory_mb':512,'walltime_s':3600,'data_level':1,"
			"'prefer':'balanced','retries':0}")));
	task_spec_unref(s);
}

static void a_raised_level_is_what_the_journal_gets(void **state)
{
	struct task_spec *s = spec_of("{'script':'x','data_level':2}");
	json_t *out;

	s->level = LEVEL_CORE;
	out = task_spec_json(s, &cat);
	assert_string_equal(json_string_value(json_object_get(out, "data_level")), "core");
	json_decref(out);
	task_spec_unref(s);
}

static void a_client_cannot_say_who_it_is(void **state)
{
	refused("'tenant':'other'", "tenant", "not known");
	refused("'owner':'other'", "owner", "not known");
	refused_in(&journal, "{'script':'x'}", "tenant", "is missing");
}

static void a_command_and_a_script_exclude_each_other(void **state)
{
	refused("'script':'x'", "script", "must not stand beside");
	refused_in(&world, "{}", "command", "is missing");
	refused_in(&world, "{'command':[]}", "command", "must begin with the program");
	refused_in(&world, "{'command':['']}", "command", "must begin with the program");
	refused_in(&world, "{'command':'true'}", "command", "must be a list");
	refused_in(&world, "{'command':[1]}", "command[0]", "must be text");
	refused_in(&world, "{'script':''}", "script", "must not be empty");
	refused_in(&world, "[]", "", "must be an object");
}

static void a_name_is_made_from_the_command_when_it_can_be_one(void **state)
{
	struct task_spec *s = spec_of("{'command':['a/']}");

	assert_string_equal(s->name, "command");
	task_spec_unref(s);
	s = spec_of("{'command':['/bin/a\\nb']}");
	assert_string_equal(s->name, "command");
	task_spec_unref(s);
}

static void text_that_would_fool_a_reader_is_refused(void **state)
{
	refused("'name':''", "name", "must not be empty");
	refused("'name':'a\\u0007'", "name", "control characters");
	refused("'name':'a\\u0085'", "name", "control characters");
	refused("'name':'a\\u202etxt'", "name", "control characters");
	refused("'kind':'Render!'", "kind", "must be 1-63");
	refused("'image':'-v'", "image", "must be an image name");
	refused("'image':'a b'", "image", "must be an image name");
	refused("'env':{'1A':'x'}", "env", "no digit first");
	refused("'env':{'A=B':'x'}", "env", "letters, digits");
	refused("'env':{'':'x'}", "env", "empty name");
	refused("'env':{'A':1}", "env.A", "must be text");
	refused("'idempotency_key':'\\n'", "idempotency_key", "control characters");
}

static void figures_have_bounds(void **state)
{
	refused("'nodes':0", "nodes", "between 1 and 4096");
	refused("'nodes':-1", "nodes", "between 1 and 4096");
	refused("'nodes':1.5", "nodes", "must be a whole number");
	refused("'cpus':0", "cpus", "between");
	refused("'cpus':1.0001", "cpus", "three decimals");
	refused("'cpus':1e9", "cpus", "between");
	refused("'cpus':'2'", "cpus", "must be a number");
	refused("'memory_mb':9223372036854775807", "memory_mb", "between");
	refused("'walltime_s':2592001", "walltime_s", "between");
	refused("'retries':11", "retries", "between 0 and 10");
	refused("'budget_micro':0", "budget_micro", "between");
	refused("'data_level':0", "data_level", "must be 1, 2");
	refused("'array':'0-100000'", "array", "at most 100000");
	refused("'array':''", "array", "must not be empty");
}

static void a_path_stays_below_the_work_directory(void **state)
{
	static const char *const bad[] = {
		"/etc/passwd", "..",  "../x",  "a/../b",   "a//b",  "a/",
		".",           "./a", "a/./b", "a\\u0001", "a\\nb",
	};
	char more[200];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(more, sizeof(more), "'inputs':[{'dataset':'d','path':'%s'}]", bad[i]);
		refused(more, "inputs[0].path", "must");
		snprintf(more, sizeof(more), "'outputs':[{'url':'file:///x','path':'%s'}]", bad[i]);
		refused(more, "outputs[0].path", "must");
	}
	task_spec_unref(spec_of("{'script':'x','inputs':[{'dataset':'d','path':'..a/...'}]}"));
}

static void an_address_is_of_a_known_kind_and_holds_no_secrets(void **state)
{
	static const char *const bad[] = {
		"ftp://h/x",          "HTTP://h/x",       "/x",
		"file://host/x",      "file:/x",          "file:///",
		"file:////x",         "file:///a/../b",   "file:///a/%2e%2e/b",
		"file:///a%2f..%2fb", "file:///a/%2E./b", "file:///a/",
		"file:///a?b",        "file:///a#b",      "file:///a%0",
		"file:///a%zz",       "file:///a%00",     "file:///a%0a",
		"file:///%ff",        "http://",          "http:///x",
		"http://user@h/x",    "http://u:p@h/x",   "https://h:0/x",
		"https://h:65536/x",  "https://h:/x",     "https://h:80a/x",
		"https://[::1/x",     "https://[]/x",     "https://[::1]x/",
		"http://h\\\\@e/x",   "http://h/a b",     "http://h/算",
		"http://?x",          "http://h_x/",      "http://h/\\u0009",
	};
	char more[300];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(more, sizeof(more), "'inputs':[{'url':'%s','path':'p'}]", bad[i]);
		refused(more, "inputs[0].url", "must");
	}
}

static void usual_addresses_are_taken(void **state)
{
	static const char *const good[] = {
		"file:///a",
		"file:///a/b.c/..d",
		"file:///%E7%AE%97",
		"file:///数据/算.csv",
		"http://h",
		"http://h/",
		"https://h.example:8443/a/b?x=@y#z",
		"http://127.0.0.1:1/x",
		"http://[fe80::1]/",
	};
	char text[300];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(text, sizeof(text), "{'script':'x','inputs':[{'url':'%s','path':'p'}]}",
			 good[i]);
		task_spec_unref(spec_of(text));
	}
}

static void inputs_and_outputs_are_whole(void **state)
{
	refused("'inputs':[{'path':'p'}]", "inputs[0].url", "is missing");
	refused("'inputs':[{'dataset':'d'}]", "inputs[0].path", "is missing");
	refused("'inputs':[{'dataset':'d','url':'file:///x','path':'p'}]", "inputs[0].url",
		"must not stand beside");
	refused("'inputs':[{'dataset':'d','path':'p','size_mb':1}]", "inputs[0].size_mb",
		"must not stand beside");
	refused("'inputs':[{'dataset':'d','path':'p'},{'dataset':'e','path':'p'}]",
		"inputs[1].path", "path of another");
	refused("'outputs':[{'path':'p','url':'file:///a'},{'path':'p','url':'file:///b'}]",
		"outputs[1].path", "path of another");
	refused("'outputs':[{'path':'p'}]", "outputs[0].url", "is missing");
	refused("'outputs':[{'path':'p','url':'file:///a','mode':1}]", "outputs[0].mode",
		"not known");
	refused("'inputs':['x']", "inputs[0]", "must be an object");
	refused("'inputs':{}", "inputs", "must be a list");
}

static void what_must_arrive_is_a_size_and_a_sum(void **state)
{
	static const char *const bad[] = {
		"", "e3b0", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85g",
		"E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8555",
	};
	char more[200];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(more, sizeof(more), "'inputs':[{'dataset':'d','path':'p','sha256':'%s'}]",
			 bad[i]);
		refused(more, "inputs[0].sha256", "must");
	}
	refused("'inputs':[{'dataset':'d','path':'p','sha256':7}]", "inputs[0].sha256", "must");
	refused("'inputs':[{'dataset':'d','path':'p','size':0}]", "inputs[0].size", "must");
	refused("'inputs':[{'dataset':'d','path':'p','size':-1}]", "inputs[0].size", "must");
	refused("'inputs':[{'dataset':'d','path':'p','size':1.5}]", "inputs[0].size", "must");
	refused("'inputs':[{'dataset':'d','path':'p','size':1152921504606846977}]",
		"inputs[0].size", "must");
}

static void a_latency_is_counted_from_somewhere(void **state)
{
	refused("'max_latency_ms':5", "near", "is missing");
	refused("'near':'cn/50'", "max_latency_ms", "is missing");
	refused("'near':'cn/50','max_latency_ms':0", "max_latency_ms", "between 1");
	refused("'near':'CN','max_latency_ms':5", "near", "must be a region");
	refused("'stay_within':''", "stay_within", "must not be empty");
	refused("'stay_within':'cn/'", "stay_within", "must be a region");
}

static void a_deadline_lies_ahead_except_in_the_journal(void **state)
{
	struct task_spec *s = NULL;
	char past[CLOCK_TEXT_MAX], more[100];
	json_t *v;

	clock_format(world.now_ms, past);
	snprintf(more, sizeof(more), "'deadline':'%s'", past);
	refused(more, "deadline", "in the future");
	refused("'deadline':'tomorrow'", "deadline", "must be a time");
	refused("'deadline':'1970-01-01T00:00:00Z'", "deadline", "must be a time");
	refused("'deadline':1763888400", "deadline", "must be text");
	v = json_of("{'script':'x','tenant':'t','owner':'o','deadline':'2001-01-01T00:00:00Z'}");
	assert_int_equal(task_spec_decode(v, &journal, &s, NULL), 0);
	task_spec_unref(s);
	json_decref(v);
}

static void weights_say_something(void **state)
{
	refused("'prefer':'nicest'", "prefer", "must be fastest");
	refused("'prefer':1", "prefer", "must be fastest");
	refused("'prefer':{}", "prefer", "a weight above 0");
	refused("'prefer':{'money_milli':-1}", "prefer.money_milli", "between 0");
	refused("'prefer':{'time_micro_per_s':1000000001}", "prefer.time_micro_per_s", "between 0");
	refused("'prefer':{'profile':'x','money_milli':1}", "prefer.profile", "not known");
}

static void a_dependency_names_a_task(void **state)
{
	refused("'after':[{'task':'x'}]", "after[0].task", "must be the number");
	refused("'after':[{'task':12}]", "after[0].task", "must be text");
	refused("'after':[{'task':'0'}]", "after[0].task", "must be the number");
	refused("'after':[{'task':'1','when':'ok'}]", "after[0].when", "must be one of done");
	refused("'after':[{}]", "after[0].task", "is missing");
}

static void an_unknown_field_is_refused_with_a_guess(void **state)
{
	json_t *v = json_of("{'command':['true'],'cpu':2}");
	struct task_spec *s = NULL;
	struct err err;

	assert_int_equal(task_spec_decode(v, &world, &s, &err), ERR_E_INPUT);
	says(&err, "cpu", "not known");
	assert_non_null(strstr(err.hint, "cpus"));
	json_decref(v);
}

static void a_list_without_end_is_refused(void **state)
{
	json_t *v = json_object(), *list = json_array();
	struct task_spec *s = NULL;
	struct err err;

	for (int i = 0; i < 1000000; i++)
		json_array_append_new(list, json_integer(1));
	json_object_set_new(v, "command", list);
	assert_int_equal(task_spec_decode(v, &world, &s, &err), ERR_E_INPUT);
	says(&err, "command", "at most 1024 items");
	json_decref(v);
}

/* {'a':{'a':…1}} */
static json_t *nested(unsigned levels)
{
	json_t *v = json_integer(1), *outer;

	while (levels--) {
		outer = json_object();
		json_object_set_new(outer, "a", v);
		v = outer;
	}
	return v;
}

static int decode_meta(json_t *meta, struct err *err)
{
	json_t *v = json_of("{'script':'x'}");
	struct task_spec *s = NULL;
	int r;

	json_object_set_new(v, "meta", meta);
	r = task_spec_decode(v, &world, &s, err);
	task_spec_unref(s);
	json_decref(v);
	return r;
}

static void what_a_border_adds_is_an_object(void **state)
{
	refused("'meta':'text'", "meta", "must be an object");
	refused("'meta':[1]", "meta", "must be an object");
}

static void what_a_border_adds_is_bounded(void **state)
{
	char *text = mem_alloc(TASK_META_MAX + 1);
	struct err err;

	memset(text, 'x', TASK_META_MAX - 8);
	assert_int_equal(decode_meta(json_pack("{s:s}", "a", text), &err), 0);
	memset(text, 'x', TASK_META_MAX - 7);
	assert_int_equal(decode_meta(json_pack("{s:s}", "a", text), &err), ERR_E_INPUT);
	says(&err, "meta", "must not be larger");
	assert_int_equal(decode_meta(nested(TASK_META_DEPTH_MAX), &err), 0);
	assert_int_equal(decode_meta(nested(TASK_META_DEPTH_MAX + 1), &err), ERR_E_INPUT);
	says(&err, "meta", "nested deeper");
	free(text);
}

static void the_last_reference_frees_a_spec(void **state)
{
	struct task_spec *s = spec_of("{'script':'x'}");

	assert_ptr_equal(task_spec_ref(s), s);
	assert_null(task_spec_unref(s));
	assert_string_equal(s->script, "x");
	assert_null(task_spec_unref(s));
	assert_null(task_spec_unref(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_smallest_task_gets_every_default),
		cmocka_unit_test(everything_that_can_be_said_comes_back),
		cmocka_unit_test(the_journal_gets_every_default_written_out),
		cmocka_unit_test(a_raised_level_is_what_the_journal_gets),
		cmocka_unit_test(a_client_cannot_say_who_it_is),
		cmocka_unit_test(a_command_and_a_script_exclude_each_other),
		cmocka_unit_test(a_name_is_made_from_the_command_when_it_can_be_one),
		cmocka_unit_test(text_that_would_fool_a_reader_is_refused),
		cmocka_unit_test(figures_have_bounds),
		cmocka_unit_test(a_path_stays_below_the_work_directory),
		cmocka_unit_test(an_address_is_of_a_known_kind_and_holds_no_secrets),
		cmocka_unit_test(usual_addresses_are_taken),
		cmocka_unit_test(inputs_and_outputs_are_whole),
		cmocka_unit_test(what_must_arrive_is_a_size_and_a_sum),
		cmocka_unit_test(a_latency_is_counted_from_somewhere),
		cmocka_unit_test(a_deadline_lies_ahead_except_in_the_journal),
		cmocka_unit_test(weights_say_something),
		cmocka_unit_test(a_dependency_names_a_task),
		cmocka_unit_test(an_unknown_field_is_refused_with_a_guess),
		cmocka_unit_test(a_list_without_end_is_refused),
		cmocka_unit_test(what_a_border_adds_is_an_object),
		cmocka_unit_test(what_a_border_adds_is_bounded),
		cmocka_unit_test(the_last_reference_frees_a_spec),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
