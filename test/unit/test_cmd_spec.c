/* test_cmd_spec.c - options of `submit` become the document that the API reads */

#include "cmd/spec.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int key_of(const char *name)
{
	for (const struct opt *o = spec_opts; o->name; o++)
		if (!strcmp(o->name, name))
			return o->key;
	fail_msg("no option --%s", name);
	return 0;
}

/* One option into an empty document: it must become `want`. */
static void becomes(const char *name, const char *value, const char *want)
{
	json_t *doc = json_object();
	struct err err = { 0 };
	char *text;

	if (spec_option(doc, key_of(name), value, 1000, &err) != 0)
		fail_msg("--%s %s: %s", name, value, err.text);
	text = json_dumps(doc, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(15));
	assert_string_equal(text, want);
	free(text);
	json_decref(doc);
}

static void is_refused(const char *name, const char *value)
{
	json_t *doc = json_object();
	struct err err = { 0 };

	if (spec_option(doc, key_of(name), value, 1000, &err) != ERR_E_INPUT)
		fail_msg("--%s %s was taken", name, value);
	assert_true(strlen(err.text) > 0);
	assert_int_equal(json_object_size(doc), 0);
	json_decref(doc);
}

static void sizes_and_times_become_numbers(void **state)
{
	becomes("cpus", "2", "{\"cpus\":2}");
	becomes("cpus", "1.1", "{\"cpus\":1.1}");
	becomes("mem", "4G", "{\"memory_mb\":4096}");
	becomes("walltime", "1h30m", "{\"walltime_s\":5400}");
	becomes("nodes", "3", "{\"nodes\":3}");
	becomes("latency", "20", "{\"max_latency_ms\":20}");
	becomes("retries", "2", "{\"retries\":2}");
	becomes("budget", "3.50", "{\"budget_micro\":3500000}");
}

static void sizes_that_are_not_numbers_are_refused(void **state)
{
	is_refused("cpus", "");
	is_refused("cpus", "0");
	is_refused("cpus", "-1");
	is_refused("cpus", "1.0001");
	is_refused("mem", "4GB");
	is_refused("mem", "-4G");
	is_refused("walltime", "soon");
	is_refused("nodes", "1e3");
	is_refused("retries", "-1");
	is_refused("budget", "3,50");
	is_refused("budget", "0.0000001");
}

static void accelerators_are_counted_shared_or_needed(void **state)
{
	becomes("accel", "2", "{\"accelerators\":{\"count\":2}}");
	becomes("accel", "a100:2", "{\"accelerators\":{\"count\":2,\"models\":[\"a100\"]}}");
	becomes("accel", "910b,h20:0.5",
		"{\"accelerators\":{\"count\":1,\"models\":[\"910b\",\"h20\"],\"share\":0.5}}");
	becomes("accel", "fp16_tflops=2000,memory_gb=512",
		"{\"accelerators\":{\"fp16_tflops\":2000,\"memory_gb\":512}}");
}

static void an_accelerator_without_a_count_is_refused(void **state)
{
	is_refused("accel", "a100");
	is_refused("accel", "a100:");
	is_refused("accel", "a100:0");
	is_refused("accel", "1.5");
	is_refused("accel", "tflops=3");
	is_refused("accel", "memory_gb=1.5");
}

static void an_input_splits_at_the_last_equals_sign(void **state)
{
	becomes("input", "https://h/a?b=c=in/a",
		"{\"inputs\":[{\"path\":\"in/a\",\"url\":\"https://h/a?b=c\"}]}");
	becomes("input", "dataset:frames=f",
		"{\"inputs\":[{\"dataset\":\"frames\",\"path\":\"f\"}]}");
}

static void a_file_becomes_a_url_with_its_odd_characters_encoded(void **state)
{
	becomes("input", "/srv/a b#c=x",
		"{\"inputs\":[{\"path\":\"x\",\"url\":\"file:///srv/a%20b%23c\"}]}");
	becomes("output", "out.png=/srv/o.png",
		"{\"outputs\":[{\"path\":\"out.png\",\"url\":\"file:///srv/o.png\"}]}");
	assert_int_equal(chdir("/"), 0);
	becomes("output", "o=./tmp/o",
		"{\"outputs\":[{\"path\":\"o\",\"url\":\"file:///tmp/o\"}]}");
}

static void an_input_without_a_path_is_refused(void **state)
{
	is_refused("input", "https://h/a");
	is_refused("input", "https://h/a=");
	is_refused("input", "=a");
	is_refused("output", "out.png");
	is_refused("output", "=file:///a");
}

static void a_relative_deadline_counts_from_now(void **state)
{
	becomes("deadline", "+90s", "{\"deadline\":\"1970-01-01T00:01:31.000Z\"}");
	becomes("deadline", "2026-11-23T18:00:00+08:00",
		"{\"deadline\":\"2026-11-23T18:00:00+08:00\"}");
	is_refused("deadline", "tomorrow");
	is_refused("deadline", "+soon");
	is_refused("deadline", "90m");
}

static void a_dependency_says_when(void **state)
{
	becomes("after", "12", "{\"after\":[{\"task\":\"12\",\"when\":\"done\"}]}");
	becomes("after", "12_3:failed", "{\"after\":[{\"task\":\"12_3\",\"when\":\"failed\"}]}");
	is_refused("after", "twelve");
	is_refused("after", "12:never");
	is_refused("after", "0");
}

static void levels_have_names_and_numbers(void **state)
{
	becomes("level", "3", "{\"data_level\":3}");
	becomes("level", "core", "{\"data_level\":\"core\"}");
	is_refused("level", "5");
	is_refused("level", "secret");
}

static void weights_are_yuan_per_second_and_per_gram(void **state)
{
	becomes("pool", "west,east", "{\"pools\":[\"west\",\"east\"]}");
	becomes("prefer", "greenest", "{\"prefer\":\"greenest\"}");
	becomes("prefer", "money=1,time=0.001,carbon=0.01",
		"{\"prefer\":{\"carbon_micro_per_g\":10000,\"money_milli\":1000,"
		"\"time_micro_per_s\":1000}}");
	is_refused("prefer", "money=1,speed=2");
	is_refused("prefer", "money=");
}

static void a_variable_keeps_later_equals_signs(void **state)
{
	becomes("env", "A=B=C", "{\"env\":{\"A\":\"B=C\"}}");
	becomes("env", "A=", "{\"env\":{\"A\":\"\"}}");
	is_refused("env", "A");
	is_refused("env", "=B");
}

static void text_that_is_not_utf8_is_refused(void **state)
{
	is_refused("name", "a\xff");
	is_refused("input", "dataset:\xff=a");
}

static void a_command_takes_the_place_of_a_script(void **state)
{
	char *argv[] = { (char *)"echo", (char *)"hi" };
	json_t *doc = json_pack("{s:s}", "script", "true");

	spec_command(doc, 2, argv);
	assert_null(json_object_get(doc, "script"));
	assert_int_equal(json_array_size(json_object_get(doc, "command")), 2);
	json_decref(doc);
}

static void a_file_that_is_not_a_task_is_refused(void **state)
{
	char path[] = "/tmp/suanlu-test-XXXXXX";
	int fd = mkstemp(path);
	json_t *doc = NULL;
	struct err err;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "- a\n", 4), 4);
	close(fd);
	assert_int_equal(spec_file(path, &doc, &err), ERR_E_INPUT);
	unlink(path);
	assert_int_equal(spec_file(path, &doc, &err), ERR_E_INPUT);
	assert_null(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_and_times_become_numbers),
		cmocka_unit_test(sizes_that_are_not_numbers_are_refused),
		cmocka_unit_test(accelerators_are_counted_shared_or_needed),
		cmocka_unit_test(an_accelerator_without_a_count_is_refused),
		cmocka_unit_test(an_input_splits_at_the_last_equals_sign),
		cmocka_unit_test(a_file_becomes_a_url_with_its_odd_characters_encoded),
		cmocka_unit_test(an_input_without_a_path_is_refused),
		cmocka_unit_test(a_relative_deadline_counts_from_now),
		cmocka_unit_test(a_dependency_says_when),
		cmocka_unit_test(levels_have_names_and_numbers),
		cmocka_unit_test(weights_are_yuan_per_second_and_per_gram),
		cmocka_unit_test(a_variable_keeps_later_equals_signs),
		cmocka_unit_test(text_that_is_not_utf8_is_refused),
		cmocka_unit_test(a_command_takes_the_place_of_a_script),
		cmocka_unit_test(a_file_that_is_not_a_task_is_refused),
	};

	lang_set(LANG_EN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
