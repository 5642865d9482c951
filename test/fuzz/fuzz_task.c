/* fuzz_task.c - whatever is taken as a task comes back from the journal as the same task */

#include "domain/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char chips[] = "model,vendor,kind,fp16_tflops,memory_gb\n"
			    "big,Maker,gpu,300,80\n"
			    "small,Maker,npu,100.5,\n";

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_task: %s\n", what);
	abort();
}

/* The way through the journal's bytes, as record.c writes them. */
static json_t *through_text(const json_t *v)
{
	char *text = json_dumps(v, JSON_COMPACT | JSON_REAL_PRECISION(15));
	json_t *back = NULL;

	must(text && json_parse(text, strlen(text), &back, NULL) == 0, "the document is no JSON");
	free(text);
	return back;
}

static void round_trip(const struct task_spec *s, const struct catalogue *c)
{
	const struct task_world journal = { .catalogue = c, .profiles = prefer_profiles };
	json_t *out = task_spec_json(s, c), *back = through_text(out), *again;
	struct task_spec *copy = NULL;
	struct err err;

	must(json_equal(out, back), "the document changes in its text");
	if (task_spec_decode(back, &journal, &copy, &err) != 0) {
		fprintf(stderr, "%s: %s\n", err.field, err.text);
		must(false, "the journal cannot be read back");
	}
	again = task_spec_json(copy, c);
	must(json_equal(out, again), "the document is another one after a restart");
	must(copy->array_n == s->array_n && copy->level == s->level, "figures differ");
	task_spec_unref(copy);
	json_decref(out);
	json_decref(back);
	json_decref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct catalogue c;
	struct task_world w = { .profiles = prefer_profiles, .catalogue = &c, .tenant = "t",
				.owner = "o", .now_ms = 1 };
	struct task_spec *s = NULL;
	struct err err;
	json_t *v;

	if (!c.n)
		must(catalogue_parse(chips, strlen(chips), &c, NULL) == 0, "the catalogue");
	if (json_parse((const char *)data, n, &v, &err) != 0)
		return 0;
	if (task_spec_decode(v, &w, &s, &err) == 0) {
		round_trip(s, &c);
		task_spec_unref(s);
	} else {
		must(err.text[0], "a refusal without words");
	}
	json_decref(v);
	return 0;
}
