/* test_run_dir.c - what job.sh says of the outputs it stored, also when somebody else wrote that */

#include "base/mem.h"
#include "engine/run_dir.h"
#include "engine/wrapper.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SUM "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"         /* of "foo" */

static void outputs_are_read_with_size_and_sum(void **state)
{
	struct run_output *o;
	uint32_t n;

	assert_int_equal(run_outputs_parse("1 0 " SUM "\n3  \n256 1152921504606846976 " SUM "\n",
					   &o, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(o[0].no, 0);
	assert_string_equal(o[0].sha256, SUM);
	assert_false(o[0].tree);
	assert_true(o[1].tree);
	assert_int_equal(o[2].no, 255);
	assert_true(o[2].size == TASK_BYTES_MAX);
	free(o);
}

static void what_job_sh_does_not_write_is_no_list_of_outputs(void **state)
{
	static const char *const bad[] = {
		"x", "1", "1 ", "1 3 \n", "1 3 " SUM, "1 3 " SUM "0\n", "0 3 " SUM "\n", "257  \n",
		"-1  \n", "1 -3 " SUM "\n", "1 99999999999999999999999 " SUM "\n",
		"1 1152921504606846977 " SUM "\n", "1 3  " SUM "\n", "1  \n1  \n", "2  \n1  \n", "\n",
		"1 3 2C26B46B68FFC68FF99B453C1D30413413422D706483BFA0F98A5E886266E7AE\n",
	};
	struct run_output *o;
	uint32_t n;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (run_outputs_parse(bad[i], &o, &n) != 1)
			fail_msg("taken: \"%s\"", bad[i]);
}

/* ---- the script itself, with a cp of its own ---- */

static int make(void **state)
{
	static char dir[64];
	char cmd[200];

	strcpy(dir, "/tmp/run-dir-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(cmd, sizeof(cmd), "cd %s && mkdir -p n-1-1/work bin store", dir);
	*state = dir;
	return system(cmd);
}

static int clear(void **state)
{
	char cmd[200];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", (char *)*state);
	return system(cmd);
}

static void put(const char *dir, const char *name, const char *text, mode_t mode)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(path, mode);
}

static bool have(const char *dir, const char *name)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

/* Run `script` in DIR/n-1-1 with DIR/store/x as the only output; its end in *ev and text. */
static int run(const char *dir, const char *script, struct engine_event *ev, char text[600])
{
	static struct place_node node;
	const struct placement place = { .n = 1, .nodes = &node, .cpu_milli = 1000, .memory_mb = 64 };
	char url[200], cmd[400];
	const char *const roots[] = { dir, NULL };
	const struct task_output out = { .path = "x", .url = url };
	const struct task_spec t = { .script = script, .walltime_s = 60, .noutputs = 1,
				     .outputs = &out };
	const struct run_spec r = { .run_id = "n-1-1", .spec = &t, .task = 1, .place = &place,
				    .write_roots = roots };
	struct err err;
	struct buf b;
	int code, fd;

	snprintf(url, sizeof(url), "file://%s/store/x", dir);
	buf_init(&b, WRAPPER_MAX);
	assert_int_equal(wrapper_write(&r, &b, &err), 0);
	put(dir, "n-1-1/job.sh", b.data, 0644);
	put(dir, "n-1-1/script", script, 0644);
	buf_done(&b);
	snprintf(cmd, sizeof(cmd), "cd %s/n-1-1/work && PATH=%s/bin:$PATH sh ../job.sh 2>/dev/null", dir, dir);
	code = WEXITSTATUS(system(cmd));
	snprintf(cmd, sizeof(cmd), "{\"end\":\"exit\",\"exit_code\":%d,\"phase\":\"output\",\"ended_ms\":1}", code);
	put(dir, "n-1-1/exit.json", cmd, 0644);
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	*ev = (struct engine_event){ 0 };
	if (run_dir_result(fd, "n-1-1", ev, text, 600, &err))
		fail_msg("%s", err.text);
	close(fd);
	return code;
}

static void what_was_stored_is_told_with_size_and_sum(void **state)
{
	struct engine_event ev;
	char text[600];

	assert_int_equal(run(*state, "printf foo >x", &ev, text), 0);
	assert_int_equal(ev.noutputs, 1);
	assert_int_equal(ev.outputs[0].size, 3);
	assert_string_equal(ev.outputs[0].sha256, SUM);
	assert_true(have(*state, "store/x"));
	free((void *)ev.outputs);
}

static void of_a_directory_only_that_it_was_stored_is_told(void **state)
{
	struct engine_event ev;
	char text[600];

	assert_int_equal(run(*state, "mkdir x; echo >x/y", &ev, text), 0);
	assert_int_equal(ev.noutputs, 1);
	assert_true(ev.outputs[0].tree);
	free((void *)ev.outputs);
}

static void a_copy_that_is_shorter_is_not_stored(void **state)
{
	struct engine_event ev;
	char text[600];

	put(*state, "bin/cp", "#!/bin/sh\nfor to; do :; done\nprintf fo >\"$to\"\n", 0755);
	assert_int_equal(run(*state, "printf foo >x", &ev, text), 1);
	assert_non_null(strstr(text, "output 1 of 1 could not be stored"));
	assert_non_null(strstr(text, "2 of 3 bytes arrived"));
	assert_int_equal(ev.noutputs, 0);
	assert_false(have(*state, "store/x"));
}

static void a_copy_with_other_bytes_is_not_stored(void **state)
{
	struct engine_event ev;
	char text[600];

	put(*state, "bin/cp", "#!/bin/sh\nfor to; do :; done\nprintf fop >\"$to\"\n", 0755);
	assert_int_equal(run(*state, "printf foo >x", &ev, text), 1);
	assert_non_null(strstr(text, "arrived, " SUM " was stored"));
	assert_int_equal(ev.noutputs, 0);
	assert_false(have(*state, "store/x"));
}

static void an_output_that_still_changes_is_no_result(void **state)
{
	struct engine_event ev;
	char text[600];

	put(*state, "bin/sync", "#!/bin/sh\nprintf more >>x\n", 0755);
	assert_int_equal(run(*state, "printf foo >x", &ev, text), 1);
	assert_non_null(strstr(text, "it changed while it was stored"));
	assert_int_equal(ev.noutputs, 0);
}

static void a_list_that_the_task_put_a_link_to_is_not_read(void **state)
{
	struct engine_event ev;
	char text[600];

	put(*state, "list", "1 3 " SUM "\n", 0644);
	assert_int_equal(run(*state, "rm -f ../outputs; ln -s ../list ../outputs; printf foo >x", &ev, text), 0);
	assert_int_equal(ev.noutputs, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outputs_are_read_with_size_and_sum),
		cmocka_unit_test(what_job_sh_does_not_write_is_no_list_of_outputs),
		cmocka_unit_test_setup_teardown(what_was_stored_is_told_with_size_and_sum, make, clear),
		cmocka_unit_test_setup_teardown(of_a_directory_only_that_it_was_stored_is_told, make, clear),
		cmocka_unit_test_setup_teardown(a_copy_that_is_shorter_is_not_stored, make, clear),
		cmocka_unit_test_setup_teardown(a_copy_with_other_bytes_is_not_stored, make, clear),
		cmocka_unit_test_setup_teardown(an_output_that_still_changes_is_no_result, make, clear),
		cmocka_unit_test_setup_teardown(a_list_that_the_task_put_a_link_to_is_not_read, make, clear),
	};

	return cmocka_run_group_tests_name("run_dir", tests, NULL, NULL);
}
