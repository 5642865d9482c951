/* test_wrapper.c - what a script says, before any shell reads it; and what sh makes of a quote */

#include "base/mem.h"
#include "base/rng.h"
#include "engine/wrapper.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const roots[] = { "/data", NULL };
static const char *const command[] = { "true" };
static struct place_node node;
static const struct placement place = { .n = 1, .nodes = &node, .cpu_milli = 1500,
					.memory_mb = 64 };

static struct task_spec plain(void)
{
	return (struct task_spec){ .command = command, .ncommand = 1, .walltime_s = 60 };
}

/* The script as a string that the next call overwrites. */
static const char *write_of(const struct task_spec *t, const char *in_url)
{
	static char text[64 << 10];
	const struct run_input in = { .url = in_url,
				      .size = t->ninputs ? t->inputs[0].size : 0,
				      .sha256 = t->ninputs ? t->inputs[0].sha256 : NULL };
	struct run_spec r = {
		.run_id = "n-1-1", .spec = t, .task = 1, .index = 4, .place = &place,
		.ninputs = t->ninputs, .inputs = &in, .read_roots = roots,
		.write_roots = roots,
	};
	struct err err;
	struct buf b;

	buf_init(&b, sizeof(text) - 1);
	if (wrapper_write(&r, &b, &err) != 0)
		fail_msg("%s", err.text);
	memcpy(text, b.data, b.len + 1);
	buf_done(&b);
	return text;
}

static const char *of_input(const char *url, const char *path)
{
	struct task_input in = { .url = url, .path = path };
	struct task_spec t = plain();

	t.ninputs = 1;
	t.inputs = &in;
	return write_of(&t, url);
}

static const char *of_output(const char *url, const char *path)
{
	struct task_output out = { .url = url, .path = path };
	struct task_spec t = plain();

	t.noutputs = 1;
	t.outputs = &out;
	return write_of(&t, NULL);
}

#define HAS(text, words) do {                                                           \
		const char *text_ = (text);                                             \
		if (!strstr(text_, words))                                              \
			fail_msg("\"%s\" is not in:\n%s", words, text_);                \
	} while (0)

static void check_quote(const char *s)
{
	struct buf b;
	char got[512];
	FILE *f;
	size_t n;

	buf_init(&b, 4096);
	buf_str(&b, "printf %s ");
	sh_quote(&b, s);
	f = popen(b.data, "r");
	n = fread(got, 1, sizeof(got) - 1, f);
	got[n] = '\0';
	assert_int_equal(pclose(f), 0);
	assert_string_equal(got, s);
	buf_done(&b);
}

static void a_quoted_word_arrives_as_it_is(void **state)
{
	static const char *const words[] = {
		"", "'", "''", "\\'", "a b", "$HOME", "`id`", "$(id)", "a\nb\n\n", "\"", "\\",
		"!", "*", "~", "#", ";", "&", "|", "-n", "\x01\x7f\xff", "'; id; '",
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		check_quote(words[i]);
}

static void so_do_hundred_words_of_noise(void **state)
{
	struct rng rng = { 20261123 };
	static const char hard[] = "'\"\\$`\n !*;&|<>(){}[]#~-a";

	for (int i = 0; i < 100; i++) {
		char word[24];
		size_t n = rng_below(&rng, sizeof(word));

		for (size_t k = 0; k < n; k++)
			word[k] = hard[rng_below(&rng, sizeof(hard) - 1)];
		word[n] = '\0';
		check_quote(word);
	}
}

static void a_plain_command_needs_no_shell_function(void **state)
{
	struct task_spec t = plain();
	const char *text = write_of(&t, NULL);

	HAS(text, "exec 'true'\n");
	HAS(text, "export SUANLU_CPUS=2\n");
	assert_null(strstr(text, "suanlu_"));
	assert_null(strstr(text, "SUANLU_ARRAY_INDEX"));
}

static void a_command_with_a_dash_is_not_an_option_of_exec(void **state)
{
	static const char *const dash[] = { "-c" };
	struct task_spec t = plain();

	t.command = dash;
	HAS(write_of(&t, NULL), "exec env -- '-c'\n");
}

static void devices_are_named(void **state)
{
	struct task_spec t = plain();

	node.accels = 5;
	HAS(write_of(&t, NULL), "export SUANLU_ACCELS=0,2\n");
	node.accels = 0;
}

static void a_file_url_is_decoded(void **state)
{
	HAS(of_input("file:///data/a%20b%27c", "in"), " './in' '' '' '/data/a b'\\''c' '/data'\n");
	HAS(of_input("file://localhost/data/x", "in"), " './in' '' '' '/data/x' '/data'");
	HAS(of_input("file:/data/x", "in"), " './in' '' '' '/data/x' '/data'");
}

static void what_must_arrive_is_told_to_the_one_who_fetches(void **state)
{
	struct task_input in = { .url = "http://h/x", .path = "in", .size = 12,
				 .sha256 = "ab" };
	struct task_spec t = plain();

	t.ninputs = 1;
	t.inputs = &in;
	HAS(write_of(&t, in.url), " './in' 12 'ab' 'url = ");
	HAS(write_of(&t, "file:///data/x"), " './in' 12 'ab' '/data/x' '/data'\n");
}

static void a_file_url_that_is_none_fails_there(void **state)
{
	static const char *const bad[] = {
		"file://host/data/x", "file:data/x", "file:////data/x", "file:///data/%00",
		"file:///data/%zz", "file:///data/%4", "file:///data/x?y", "file:///data/x#y",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		HAS(of_input(bad[i], "in"), "suanlu_fail 'input 1 of 1 could not be fetched: ");
}

static void another_scheme_fails_there(void **state)
{
	HAS(of_input("ftp://h/x", "in"), "only file, http and https urls");
	HAS(of_input("/data/x", "in"), "only file, http and https urls");
	HAS(of_output("s3://b/x", "out"), "only file, http and https urls");
}

static void a_path_that_leaves_the_work_directory_fails_there(void **state)
{
	static const char *const bad[] = { "/etc/x", "../x", "a/../../x", "a/..", "", "a/" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		HAS(of_input("file:///data/x", bad[i]), "leaves the work directory'\n");
		HAS(of_output("file:///data/x", bad[i]), "leaves the work directory'\n");
	}
	HAS(of_input("file:///data/x", "a/..b/...c"), "'./a/..b/...c'");
}

static void an_output_cannot_climb(void **state)
{
	HAS(of_output("file:///data/new/%2e%2e/x", "out"), "without ..'\n");
	HAS(of_output("file:///data/dir/", "out"), "names a file");
}

static void a_web_address_goes_to_curl_as_configuration(void **state)
{
	HAS(of_input("https://h/x?a=\"\\b&c", "in"),
	    " './in' '' '' 'url = \"https://h/x?a=\\\"\\\\b&c\"' 60\n");
	HAS(of_input("http://h/a b", "in"), "blanks and control characters");
	HAS(of_input("http://h/\noutput = x", "in"), "blanks and control characters");
}

static void messages_show_no_secret_and_no_second_line(void **state)
{
	const char *text = of_input("https://me:pw@h/x?sig=1#f", "in");

	HAS(text, "could not be fetched: https://h/x' ");
	text = of_input("ftp://h/a\nsuanlu: forged", "in");
	HAS(text, "ftp://h/a?suanlu: forged");
}

static void the_index_is_put_in_for_arrays_only(void **state)
{
	static const uint32_t array[] = { 4 };
	struct task_output out = { .url = "file:///data/f{index}-{index}", .path = "o{index}" };
	struct task_spec t = plain();

	t.noutputs = 1;
	t.outputs = &out;
	HAS(write_of(&t, NULL), "'f{index}-{index}'");
	t.array = array;
	HAS(write_of(&t, NULL), "'./o4' '/data' 'f4-4'");
	HAS(write_of(&t, NULL), "export SUANLU_ARRAY_INDEX=4\n");
}

static void the_environment_of_the_task_is_not_that_of_our_curl(void **state)
{
	static const char *const env[] = { "LD_PRELOAD", "x.so" };
	struct task_output out = { .url = "http://h/x", .path = "o" };
	struct task_spec t = plain();
	const char *text, *at;

	t.noutputs = 1;
	t.outputs = &out;
	t.nenv = 1;
	t.env = env;
	text = write_of(&t, NULL);
	at = strstr(text, "export LD_PRELOAD");
	assert_true(at > strstr(text, "\n(\n"));
	assert_true(at < strstr(text, "\n)\n"));
}

static void a_name_that_is_no_variable_is_refused(void **state)
{
	static const char *const bad[] = { "", "1A", "A-B", "A B", "A=B", "A\n", "\xc3\xa9" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const char *env[] = { bad[i], "x" };
		struct task_spec t = plain();
		struct run_spec r = { .run_id = "n", .spec = &t, .place = &place };
		struct err err;
		struct buf b;

		t.nenv = 1;
		t.env = env;
		buf_init(&b, 4096);
		assert_int_equal(wrapper_write(&r, &b, &err), ERR_E_INPUT);
		assert_string_equal(err.field, "env");
		buf_done(&b);
	}
}

static void a_script_that_is_too_long_is_refused(void **state)
{
	struct task_spec t = plain();
	struct run_spec r = { .run_id = "n", .spec = &t, .place = &place };
	struct buf b;

	buf_init(&b, 20);
	assert_int_equal(wrapper_write(&r, &b, NULL), -ENOBUFS);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quoted_word_arrives_as_it_is),
		cmocka_unit_test(so_do_hundred_words_of_noise),
		cmocka_unit_test(a_plain_command_needs_no_shell_function),
		cmocka_unit_test(a_command_with_a_dash_is_not_an_option_of_exec),
		cmocka_unit_test(devices_are_named),
		cmocka_unit_test(a_file_url_is_decoded),
		cmocka_unit_test(what_must_arrive_is_told_to_the_one_who_fetches),
		cmocka_unit_test(a_file_url_that_is_none_fails_there),
		cmocka_unit_test(another_scheme_fails_there),
		cmocka_unit_test(a_path_that_leaves_the_work_directory_fails_there),
		cmocka_unit_test(an_output_cannot_climb),
		cmocka_unit_test(a_web_address_goes_to_curl_as_configuration),
		cmocka_unit_test(messages_show_no_secret_and_no_second_line),
		cmocka_unit_test(the_index_is_put_in_for_arrays_only),
		cmocka_unit_test(the_environment_of_the_task_is_not_that_of_our_curl),
		cmocka_unit_test(a_name_that_is_no_variable_is_refused),
		cmocka_unit_test(a_script_that_is_too_long_is_refused),
	};

	return cmocka_run_group_tests_name("wrapper", tests, NULL, NULL);
}
