/* fuzz_sbatch.c - whatever is taken as a batch file becomes a task that the daemon understands
 *
 * The first byte chooses the mapping and the arguments, the rest is the file.
 */

#include "cmd/sbatch.h"
#include "domain/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char chips[] = "model,vendor,kind,fp16_tflops,memory_gb\nbig,Maker,gpu,300,80\n";
static const char mapping[] = "{\"partitions\":{\"p\":{\"stay_within\":\"cn/50\"}},\"qos\":{\"q\":{}},"
			      "\"constraints\":{\"c\":null},\"accelerators\":{\"gpu\":[\"big\"]}}";

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_sbatch: %s\n", what);
	abort();
}

/* What we send is JSON that the daemon reads; it may still refuse a value, with a field. */
static void is_a_task(const json_t *doc, const struct catalogue *c)
{
	const struct task_world w = { .profiles = prefer_profiles, .catalogue = c, .tenant = "t",
				      .owner = "o", .now_ms = 1 };
	char *text = json_dumps(doc, JSON_COMPACT);
	struct task_spec *s = NULL;
	json_t *back = NULL;
	struct err err = { 0 };

	must(text && json_parse(text, strlen(text), &back, NULL) == 0, "the document is no JSON");
	must(json_object_get(back, "script") && json_object_get(back, "name"), "parts are missing");
	if (task_spec_decode(back, &w, &s, &err) != 0)
		must(err.text[0], "a refusal without words");
	task_spec_unref(s);
	json_decref(back);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static char *const environment[] = { (char *)"A=1", (char *)"B", (char *)"C=x=y", NULL };
	static struct catalogue c;
	static json_t *map;
	char *text, *argv[] = { (char *)"it's", (char *)"" };
	struct sbatch_out out;
	struct err err = { 0 };

	if (!map) {
		map = json_loads(mapping, 0, NULL);
		must(map && catalogue_parse(chips, strlen(chips), &c, NULL) == 0, "the figures");
	}
	if (!n)
		return 0;
	text = malloc(n);
	memcpy(text, data + 1, n - 1);
	text[n - 1] = '\0';
	sbatch_is(text, n - 1);
	if (sbatch_task(&(struct sbatch_in){
		.path = "f.job", .text = text, .len = n - 1, .argc = data[0] & 2, .argv = argv,
		.dir = "/d", .user = "u", .host = "h", .environ = (char **)environment,
		.map = data[0] & 1 ? map : NULL, .now_ms = 1,
	}, &out, &err) == 0)
		is_a_task(out.doc, &c);
	else
		must(err.text[0], "a refusal without words");
	sbatch_done(&out);
	free(text);
	return 0;
}
