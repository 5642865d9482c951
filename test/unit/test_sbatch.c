/* test_sbatch.c - a batch file for Slurm becomes the document of a task */

#include "cmd/sbatch.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *environment[] = { (char *)"HOME=/home/me", (char *)"A=1", (char *)"B=two words",
			       (char *)"SUANLU_TOKEN=secret", (char *)"BASH_FUNC_f%%=() {", NULL };

struct bed {
	const char *map;
	struct sbatch_given given[8];
	size_t ngiven;
	char *argv[4];
	int argc;
};

static int read_text(const char *text, const struct bed *bed, struct sbatch_out *out,
		     struct err *err)
{
	json_t *map = bed->map ? json_loads(bed->map, 0, NULL) : NULL;
	int r;

	assert_true(!bed->map || map);
	memset(err, 0, sizeof(*err));
	r = sbatch_task(&(struct sbatch_in){
		.path = "dir/job.sbatch", .text = text, .len = strlen(text), .given = bed->given,
		.ngiven = bed->ngiven, .argc = bed->argc, .argv = (char **)bed->argv,
		.dir = "/home/me", .user = "me", .host = "login", .environ = environment,
		.map = map, .now_ms = 1000,
	}, out, err);
	json_decref(map);
	return r;
}

static int key_of(const char *name)
{
	struct opt rows[SBATCH_OPTS_MAX];

	sbatch_options(rows);
	for (const struct opt *o = rows; o->name; o++)
		if (!strcmp(o->name, name))
			return o->key;
	fail_msg("sbatch has no --%s", name);
	return 0;
}

/* The document of this file without its script. */
static void file_becomes(const char *text, const struct bed *bed, const char *want)
{
	struct sbatch_out out;
	struct err err;
	char *got;

	if (read_text(text, bed, &out, &err) != 0)
		fail_msg("%s: %s", text, err.text);
	assert_non_null(json_object_get(out.doc, "script"));
	json_object_del(out.doc, "script");
	got = json_dumps(out.doc, JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(got, want);
	free(got);
	sbatch_done(&out);
}

static char *with(const char *directives)
{
	static char text[8192];

	snprintf(text, sizeof(text), "#!/bin/bash\n#SBATCH -J x %s\ntrue\n", directives);
	return text;
}

#define REST "\"name\":\"x\",\"nodes\":1}"

static void becomes(const char *directives, const char *want)
{
	file_becomes(with(directives), &(struct bed){ 0 }, want);
}

static void refused(const char *text, const struct bed *bed, const char *words)
{
	struct sbatch_out out;
	struct err err;

	if (read_text(text, bed, &out, &err) != ERR_E_INPUT)
		fail_msg("taken: %s", text);
	if (!strstr(err.text, words))
		fail_msg("\"%s\" does not say \"%s\"", err.text, words);
	sbatch_done(&out);
}

static void is_refused(const char *directives, const char *words)
{
	refused(with(directives), &(struct bed){ 0 }, words);
}

static void script_holds(const char *directives, const char *words)
{
	struct sbatch_out out;
	struct err err;
	const char *script;

	if (read_text(with(directives), &(struct bed){ 0 }, &out, &err) != 0)
		fail_msg("%s: %s", directives, err.text);
	script = json_string_value(json_object_get(out.doc, "script"));
	if (!strstr(script, words))
		fail_msg("no \"%s\" in:\n%s", words, script);
	sbatch_done(&out);
}

/* ---- reading ---- */

static void a_file_is_known_by_its_name_or_its_lines(void **state)
{
	static const char batch[] = "#!/bin/sh\n\n#SBATCH -n 1\n", plain[] = "#!/bin/sh\n# SBATCH\n";

	assert_true(sbatch_named("a/job.sbatch") && sbatch_named("x.slurm") && sbatch_named("x.job"));
	assert_false(sbatch_named("job.sh") || sbatch_named(".job") || sbatch_named("sbatch"));
	assert_true(sbatch_is(batch, strlen(batch)));
	assert_false(sbatch_is(plain, strlen(plain)));
	assert_false(sbatch_is(batch + 2, strlen(batch) - 2));
	assert_false(sbatch_is("", 0));
}

static void directives_stand_before_the_first_command(void **state)
{
	file_becomes("#!/bin/sh\n\n# words\n  # more\n#SBATCH -c2\n #SBATCH -c3\n##SBATCH -c4\necho\n"
		     "#SBATCH -c 5 --what\n", &(struct bed){ 0 },
		     "{\"cpus\":2,\"name\":\"job.sbatch\",\"nodes\":1}");
}

static void a_directive_after_it_is_noted(void **state)
{
	struct sbatch_out out;
	struct err err;

	assert_int_equal(read_text("#!/bin/sh\ntrue\n#SBATCH -c 5\n", &(struct bed){ 0 }, &out, &err), 0);
	assert_non_null(strstr(out.notes.data, "dir/job.sbatch:3"));
	sbatch_done(&out);
}

static void options_are_long_short_glued_and_several_on_a_line(void **state)
{
	becomes("-c 2 --time=5", "{\"cpus\":2,\"name\":\"x\",\"nodes\":1,\"walltime_s\":300}");
	becomes("-c2 --time 5 # -c 9", "{\"cpus\":2,\"name\":\"x\",\"nodes\":1,\"walltime_s\":300}");
	becomes("-Qc2", "{\"cpus\":2," REST);
	becomes("-c 2\n#SBATCH -c 3", "{\"cpus\":3," REST);
}

static void quotes_and_backslashes_are_read_as_by_sbatch(void **state)
{
	becomes("--job-name=\"two words\"", "{\"cpus\":1,\"name\":\"two words\",\"nodes\":1}");
	becomes("--job-name='a\"b'", "{\"cpus\":1,\"name\":\"a\\\"b\",\"nodes\":1}");
	becomes("-J a\\ b\\#c", "{\"cpus\":1,\"name\":\"a b#c\",\"nodes\":1}");
	becomes("-J a#b -c 7", "{\"cpus\":1,\"name\":\"a\",\"nodes\":1}");
	becomes("-J \"a#b\"", "{\"cpus\":1,\"name\":\"a#b\",\"nodes\":1}");
	is_refused("-J \"a", "dir/job.sbatch:2: a quote");
}

static void the_command_line_wins_over_the_file(void **state)
{
	struct bed bed = { .given = { { key_of("cpus-per-task"), "8" }, { key_of("mem"), "1G" } },
			   .ngiven = 2 };

	file_becomes(with("-c 2 --mem-per-cpu=4G"), &bed,
		     "{\"cpus\":8,\"memory_mb\":1024," REST);
}

static void what_is_unknown_is_refused_with_its_line(void **state)
{
	struct sbatch_out out;
	struct err err;

	is_refused("--taks=3", "job.sbatch:2: sbatch has no directive --taks=3");
	is_refused("-Z", "-Z");
	is_refused("fish", "fish");
	is_refused("--", "--");
	is_refused("-", "-");
	is_refused("--parsable=1", "takes no value");
	is_refused("--time", "wants a value");
	is_refused("-n", "wants a value");
	is_refused(": -n 2", "several parts");
	is_refused("hetjob", "several parts");
	assert_int_equal(read_text(with("--ntask=3"), &(struct bed){ 0 }, &out, &err), ERR_E_INPUT);
	assert_int_equal(err.line, 2);
	assert_string_equal(err.hint, "did you mean --ntasks?");
	sbatch_done(&out);
}

static void what_suanlu_cannot_do_is_refused_with_what_to_do(void **state)
{
	static const char *const rows[] = {
		"--exclusive", "--exclusive=user", "-L matlab:1", "--hold", "--nice", "--nice=5",
		"--signal=B:USR1@60", "-w node1", "-x node1", "--reservation=r", "-M other",
		"--wrap=true", "--no-requeue", "--hint=nomultithread", "--threads-per-core=1",
		"--uid=0", "--get-user-env", "--container=/x", "--tmp=1G", "-k", "--overcommit",
		"--prefer=big", "--begin=tomorrow", "--input=words.txt", "--kill-on-invalid-dep=no",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sbatch_out out;
		struct err err;

		if (read_text(with(rows[i]), &(struct bed){ 0 }, &out, &err) != ERR_E_INPUT)
			fail_msg("%s was taken", rows[i]);
		assert_non_null(strstr(err.text, "not possible here"));
		assert_true(err.hint[0] && err.line == 2);
		sbatch_done(&out);
	}
}

static void a_file_without_an_interpreter_is_refused(void **state)
{
	refused("", &(struct bed){ 0 }, ":1:");
	refused("echo\n#SBATCH -n 1\n", &(struct bed){ 0 }, "begins with #!");
	refused("#!\n#SBATCH -n 1\n", &(struct bed){ 0 }, "begins with #!");
	refused("#!/bin/sh\r\n#SBATCH -n 1\r\n", &(struct bed){ 0 }, "Windows");
	refused("#!/bin/sh\n#SBATCH -J \xff\n", &(struct bed){ 0 }, "not a text");
}

/* ---- sizes ---- */

static void tasks_and_nodes_become_cpus_on_each_node(void **state)
{
	becomes("-n 4", "{\"cpus\":4," REST);
	becomes("-n 4 -c 2", "{\"cpus\":8," REST);
	becomes("-N 2", "{\"cpus\":1,\"name\":\"x\",\"nodes\":2}");
	becomes("-N 2-2 -n 3 -c 2", "{\"cpus\":4,\"name\":\"x\",\"nodes\":2}");
	becomes("-N 2 --ntasks-per-node=4", "{\"cpus\":4,\"name\":\"x\",\"nodes\":2}");
	becomes("-n 8 --ntasks-per-node=4", "{\"cpus\":4,\"name\":\"x\",\"nodes\":2}");
}

static void counts_that_do_not_fit_are_refused(void **state)
{
	is_refused("-N 1-4", "range");
	is_refused("-N 4 -n 2", "more than --ntasks");
	is_refused("-N 2 -n 9 --ntasks-per-node=4", "less than --ntasks");
	is_refused("-n 0", "whole number");
	is_refused("-n two", "whole number");
	is_refused("-N 1k", "range");
	is_refused("-c 99999999999999999999", "whole number");
}

static void memory_is_per_node_cpu_or_gpu(void **state)
{
	becomes("--mem=4000", "{\"cpus\":1,\"memory_mb\":4000," REST);
	becomes("--mem=4G", "{\"cpus\":1,\"memory_mb\":4096," REST);
	becomes("--mem=4gb", "{\"cpus\":1,\"memory_mb\":4096," REST);
	becomes("--mem=1500K", "{\"cpus\":1,\"memory_mb\":2," REST);
	becomes("-n 2 -c 2 --mem-per-cpu=1G", "{\"cpus\":4,\"memory_mb\":4096," REST);
	becomes("-G 2 --mem-per-gpu=1G",
		"{\"accelerators\":{\"count\":2},\"cpus\":1,\"memory_mb\":2048," REST);
}

static void memory_that_is_not_bounded_or_twice_is_refused(void **state)
{
	is_refused("--mem=0", "all memory");
	is_refused("--mem=4X", "size");
	is_refused("--mem=4Gi", "size");
	is_refused("--mem=1.5G", "size");
	is_refused("--mem=-1", "size");
	is_refused("--mem=99999999T", "size");
	is_refused("--mem=1G --mem-per-cpu=1G", "beside");
	is_refused("--mem-per-gpu=1G", "without GPUs");
}

static void gpus_are_asked_for_in_four_ways(void **state)
{
	becomes("--gres=gpu", "{\"accelerators\":{\"count\":1},\"cpus\":1," REST);
	becomes("--gres=gpu:2", "{\"accelerators\":{\"count\":2},\"cpus\":1," REST);
	becomes("--gres=gpu:h20:2",
		"{\"accelerators\":{\"count\":2,\"models\":[\"h20\"]},\"cpus\":1," REST);
	becomes("--gres=gpu:h20",
		"{\"accelerators\":{\"count\":1,\"models\":[\"h20\"]},\"cpus\":1," REST);
	becomes("-N 2 --gpus=h20:4",
		"{\"accelerators\":{\"count\":2,\"models\":[\"h20\"]},\"cpus\":1,\"name\":\"x\",\"nodes\":2}");
	becomes("--gpus-per-node=2 --gres=gpu:2",
		"{\"accelerators\":{\"count\":2},\"cpus\":1," REST);
	becomes("-n 4 --gpus-per-task=1", "{\"accelerators\":{\"count\":4},\"cpus\":4," REST);
	becomes("--gpus=0", "{\"cpus\":1," REST);
}

static void gpus_that_make_no_sense_are_refused(void **state)
{
	is_refused("--gres=fpga:1", "else than gpu");
	is_refused("--gres=gpu:", "gpu:2");
	is_refused("--gres=gpu:a:b:2", "gpu:2");
	is_refused("--gres=gpu:a:1,gpu:b:1", "several kinds");
	is_refused("--gpus=a", "TYPE:2");
	is_refused("--gpus=:2", "TYPE:2");
	is_refused("-N 2 --gpus=3", "divided");
	is_refused("--gres=gpu:2 --gpus-per-node=3", "agree");
}

/* ---- time ---- */

static void every_form_of_time_is_read(void **state)
{
	static const struct {
		const char *text;
		int s;
	} rows[] = {
		{ "90", 5400 }, { "90:30", 5430 }, { "2:00:00", 7200 }, { "1-12", 129600 },
		{ "1-12:30", 131400 }, { "1-00:00:01", 86401 }, { "30-0", 2592000 }, { "0:1", 1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char directive[60], want[120];

		snprintf(directive, sizeof(directive), "-t %s", rows[i].text);
		snprintf(want, sizeof(want), "{\"cpus\":1,\"name\":\"x\",\"nodes\":1,\"walltime_s\":%d}",
			 rows[i].s);
		becomes(directive, want);
	}
}

static void a_time_without_bound_or_form_is_refused(void **state)
{
	static const char *const rows[] = {
		"0", "UNLIMITED", "infinite", "-1", "31-0", "1:2:3:4", "1-", "-5", "1h", "1-2-3", ":5", "5:",
		"99999999999999999999", "1-12:30:00:00",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char directive[60];

		snprintf(directive, sizeof(directive), "--time=%s", rows[i]);
		is_refused(directive, "--time");
	}
}

/* ---- arrays, dependencies, environment ---- */

static void arrays_have_steps_and_a_limit(void **state)
{
	becomes("-a 0-15:4%2", "{\"array\":\"0-15:4%2\",\"cpus\":1," REST);
	becomes("--array=1,3,5-7", "{\"array\":\"1,3,5-7\",\"cpus\":1," REST);
	is_refused("--array=", "--array");
	is_refused("--array=5-1", "--array");
	is_refused("--array=0-9%0", "--array");
	is_refused("--array=0-9:0", "--array");
	is_refused("--array=0-100000", "--array");
}

static void an_element_finds_the_number_of_its_array(void **state)
{
	script_holds("-a 1,3-9:3,20", "-le 3 ]; then suanlu_at=$(((SLURM_ARRAY_TASK_ID - 1) / 2");
	script_holds("-a 4-6", "suanlu_at=$(((SLURM_ARRAY_TASK_ID - 4) / 1 + 0))");
	script_holds("-a 0-9:3,11", "suanlu_at=$(((SLURM_ARRAY_TASK_ID - 11) / 1 + 4))");
}

static void dependencies_name_tasks_and_how_they_end(void **state)
{
	becomes("-d afterok:12:13_4,afterany:15,afternotok:16",
		"{\"after\":[{\"task\":\"12\",\"when\":\"done\"},{\"task\":\"13_4\",\"when\":\"done\"},"
		"{\"task\":\"15\",\"when\":\"ended\"},{\"task\":\"16\",\"when\":\"failed\"}],\"cpus\":1,"
		REST);
}

static void dependencies_that_cannot_be_are_refused(void **state)
{
	is_refused("-d afterok:1?afterok:2", "?");
	is_refused("-d after:1", "kind");
	is_refused("-d aftercorr:1", "kind");
	is_refused("-d singleton", "kind");
	is_refused("-d 12", "kind");
	is_refused("-d afterok", "names no task");
	is_refused("-d afterok:", "id");
	is_refused("-d afterok:x", "id");
	is_refused("-d afterok:1,", "kind");
	is_refused("-d afterok:1+5", "id");
}

static void only_variables_that_are_asked_for_are_sent(void **state)
{
	becomes("", "{\"cpus\":1," REST);
	becomes("--export=NONE", "{\"cpus\":1," REST);
	becomes("--export=ALL", "{\"cpus\":1,\"env\":{\"A\":\"1\",\"B\":\"two words\"}," REST);
	becomes("--export=A,C=3,D=\\\"x,y\\\",HOME,NO",
		"{\"cpus\":1,\"env\":{\"A\":\"1\",\"C\":\"3\",\"D\":\"x,y\",\"HOME\":\"/home/me\"}," REST);
	is_refused("--export=1A=2", "--export");
	is_refused("--export==", "--export");
	is_refused("--export=A,,B", "--export");
}

/* ---- mapping ---- */

static void a_partition_means_what_the_mapping_says(void **state)
{
	struct bed bed = { .map = "{\"partitions\":{\"gpu\":{\"stay_within\":\"cn/50\",\"walltime_s\":60,"
				  "\"models\":[\"h20\"]}},\"accounts\":{\"lab\":{}},"
				  "\"qos\":{\"high\":{\"prefer\":\"fastest\"}},\"constraints\":{\"big\":null},"
				  "\"accelerators\":{\"ampere\":[\"a100-40-sxm\",\"a100-80-sxm\"]}}" };

	file_becomes(with("-p gpu -A lab --qos=high -C big -t 5 --gres=gpu:1"), &bed,
		     "{\"accelerators\":{\"count\":1,\"models\":[\"h20\"]},\"cpus\":1,\"name\":\"x\","
		     "\"nodes\":1,\"prefer\":\"fastest\",\"stay_within\":\"cn/50\",\"walltime_s\":300}");
	file_becomes(with("--gpus=ampere:1"), &bed,
		     "{\"accelerators\":{\"count\":1,\"models\":[\"a100-40-sxm\",\"a100-80-sxm\"]},"
		     "\"cpus\":1," REST);
	refused(with("-p cpu"), &bed, "\"cpu\" is not in a mapping");
	refused(with("-A other"), &bed, "\"other\"");
	refused(with("-C big|small"), &bed, "&");
	refused(with("-C small"), &bed, "small");
}

static void without_a_mapping_an_account_is_noted_and_a_partition_refused(void **state)
{
	struct sbatch_out out;
	struct err err;

	assert_int_equal(read_text(with("-A lab"), &(struct bed){ 0 }, &out, &err), 0);
	assert_non_null(strstr(out.notes.data, "--account"));
	sbatch_done(&out);
	is_refused("-p gpu", "mapping");
	is_refused("--qos=high", "mapping");
	is_refused("-C big", "mapping");
}

static void a_mapping_that_says_too_much_is_refused(void **state)
{
	refused(with("-p a"), &(struct bed){ .map = "{\"partitions\":{\"a\":{\"script\":\"x\"}}}" },
		"partitions.a.script");
	refused(with("-p a"), &(struct bed){ .map = "{\"partitions\":{\"a\":3}}" }, "partitions.a");
	refused(with(""), &(struct bed){ .map = "{\"pools\":{}}" }, "pools");
	refused(with("-p a -q b"), &(struct bed){ .map = "{\"partitions\":{\"a\":{\"prefer\":\"x\"}},"
		"\"qos\":{\"b\":{\"prefer\":\"y\"}}}" }, "differs");
}

/* ---- Suanlu's own lines ---- */

static void suanlu_lines_say_what_sbatch_lacks(void **state)
{
	becomes("\n#SUANLU --data-level=2 --within cn/50\n#SUANLU --prefer=cheapest",
		"{\"cpus\":1,\"data_level\":2,\"name\":\"x\",\"nodes\":1,\"prefer\":\"cheapest\","
		"\"stay_within\":\"cn/50\"}");
	is_refused("\n#SUANLU --cpus=2", "job.sbatch:3: #SUANLU has no --cpus");
	is_refused("\n#SUANLU --script=x", "#SUANLU has no");
	is_refused("\n#SUANLU --what=2", "job.sbatch:3: suanlu submit has no option --what");
	is_refused("\n#SUANLU fish", "fish");
	is_refused("\n#SUANLU --level", "wants a value");
	is_refused("\n#SUANLU --level=9", "job.sbatch:3: --level");
}

/* ---- the script ---- */

static void patterns_become_words_of_the_shell(void **state)
{
	script_holds("-o /d/%x-%j.out", "suanlu_output='/d/'\"$SLURM_JOB_NAME\"'-'\"$SLURM_JOB_ID\"'.out'");
	script_holds("-o a%4j", "suanlu_output=\"$suanlu_dir\"/'a'\"$(printf %04d \"$SLURM_JOB_ID\")\"");
	script_holds("-a 0-3 -e %A_%a", "suanlu_error=\"$suanlu_dir\"/\"$SLURM_ARRAY_JOB_ID\"'_'"
		     "\"$SLURM_ARRAY_TASK_ID\"");
	script_holds("-o 100%%", "'100''%'");
	script_holds("-o \"a\\\\\\\\%j\"", "'a''%j'");
	script_holds("-o \"it's\"", "'it'\\''s'");
	script_holds("-o a --open-mode=append", "true >>\"$suanlu_output\"");
	is_refused("-o a%q", "--output has a %");
	is_refused("-e a%", "--error has a %");
	is_refused("-o a --open-mode=sometimes", "append or truncate");
}

static void the_file_is_carried_whole_and_run_by_its_interpreter(void **state)
{
	static const char text[] = "#! /usr/bin/env  bash \n#SBATCH -J x\nEND_OF_BATCH_FILE_0\necho \"$1\"";
	struct bed bed = { .argv = { (char *)"it's" }, .argc = 1 };
	struct sbatch_out out;
	struct err err;
	const char *script;

	assert_int_equal(read_text(text, &bed, &out, &err), 0);
	script = json_string_value(json_object_get(out.doc, "script"));
	assert_non_null(strstr(script, text));
	assert_non_null(strstr(script, "\necho \"$1\"\nEND_OF_BATCH_FILE_1\n"));
	assert_non_null(strstr(script, "exec '/usr/bin/env' 'bash' \"$suanlu_own/slurm_script\" "
				       "'it'\\''s'\n"));
	sbatch_done(&out);
}

/* Found by the fuzzer: behind a last line without its end there is no next one to look at. */
static void a_last_line_without_its_end_is_looked_at_and_is_the_last(void **state)
{
	static const char text[] = "#!/bin/sh\n#SBATCH -J x\nEND_OF_BATCH_FILE_0";
	struct bed bed = { 0 };
	struct sbatch_out out;
	struct err err;

	assert_int_equal(read_text(text, &bed, &out, &err), 0);
	assert_non_null(strstr(json_string_value(json_object_get(out.doc, "script")),
			       "\nEND_OF_BATCH_FILE_0\nEND_OF_BATCH_FILE_1\n"));
	sbatch_done(&out);
}

static void a_name_cannot_break_out_of_the_script(void **state)
{
	script_holds("-J \"';touch x;'\"", "export SLURM_JOB_NAME=''\\'';touch x;'\\'''");
	is_refused("-J \"\"", "--job-name");
}

static void a_job_with_files_begins_in_its_work_directory(void **state)
{
	script_holds("", "cd -- \"$suanlu_dir\"");
	script_holds("-D /srv/x", "suanlu_dir='/srv/x'\ncd --");
	script_holds("-D sub", "suanlu_dir=\"$SLURM_SUBMIT_DIR\"/'sub'\ncd --");
	script_holds("\n#SUANLU --input=/etc/passwd=p", "suanlu_dir=\"$SLURM_SUBMIT_DIR\"\nexec");
}

static void a_file_that_grows_too_large_is_refused(void **state)
{
	size_t n = (512 << 10) - 100;
	char *text = malloc(n + 1);

	memset(text, '#', n);
	memcpy(text, "#!/bin/sh\n", 10);
	text[n] = '\0';
	refused(text, &(struct bed){ 0 }, "too large");
	free(text);
}

static void waiting_and_trying_are_handed_on(void **state)
{
	struct sbatch_out out;
	struct err err;

	assert_int_equal(read_text(with("-W --test-only --mail-type=END --requeue"), &(struct bed){ 0 },
				   &out, &err), 0);
	assert_true(out.wait && out.dry);
	assert_string_equal(out.notes.data, "dir/job.sbatch:2: --mail-type: no mail is sent; "
			    "`suanlu submit --wait` waits for the end\n");
	sbatch_done(&out);
}

static void words_come_in_chinese_as_well(void **state)
{
	lang_set(LANG_ZH);
	is_refused("--licenses=x", "此处不支持");
	lang_set(LANG_EN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_known_by_its_name_or_its_lines),
		cmocka_unit_test(directives_stand_before_the_first_command),
		cmocka_unit_test(a_directive_after_it_is_noted),
		cmocka_unit_test(options_are_long_short_glued_and_several_on_a_line),
		cmocka_unit_test(quotes_and_backslashes_are_read_as_by_sbatch),
		cmocka_unit_test(the_command_line_wins_over_the_file),
		cmocka_unit_test(what_is_unknown_is_refused_with_its_line),
		cmocka_unit_test(what_suanlu_cannot_do_is_refused_with_what_to_do),
		cmocka_unit_test(a_file_without_an_interpreter_is_refused),
		cmocka_unit_test(tasks_and_nodes_become_cpus_on_each_node),
		cmocka_unit_test(counts_that_do_not_fit_are_refused),
		cmocka_unit_test(memory_is_per_node_cpu_or_gpu),
		cmocka_unit_test(memory_that_is_not_bounded_or_twice_is_refused),
		cmocka_unit_test(gpus_are_asked_for_in_four_ways),
		cmocka_unit_test(gpus_that_make_no_sense_are_refused),
		cmocka_unit_test(every_form_of_time_is_read),
		cmocka_unit_test(a_time_without_bound_or_form_is_refused),
		cmocka_unit_test(arrays_have_steps_and_a_limit),
		cmocka_unit_test(an_element_finds_the_number_of_its_array),
		cmocka_unit_test(dependencies_name_tasks_and_how_they_end),
		cmocka_unit_test(dependencies_that_cannot_be_are_refused),
		cmocka_unit_test(only_variables_that_are_asked_for_are_sent),
		cmocka_unit_test(a_partition_means_what_the_mapping_says),
		cmocka_unit_test(without_a_mapping_an_account_is_noted_and_a_partition_refused),
		cmocka_unit_test(a_mapping_that_says_too_much_is_refused),
		cmocka_unit_test(suanlu_lines_say_what_sbatch_lacks),
		cmocka_unit_test(patterns_become_words_of_the_shell),
		cmocka_unit_test(the_file_is_carried_whole_and_run_by_its_interpreter),
		cmocka_unit_test(a_last_line_without_its_end_is_looked_at_and_is_the_last),
		cmocka_unit_test(a_name_cannot_break_out_of_the_script),
		cmocka_unit_test(a_job_with_files_begins_in_its_work_directory),
		cmocka_unit_test(a_file_that_grows_too_large_is_refused),
		cmocka_unit_test(waiting_and_trying_are_handed_on),
		cmocka_unit_test(words_come_in_chinese_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
