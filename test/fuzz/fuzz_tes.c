/* fuzz_tes.c - whatever TES document is taken becomes a native task, and its contents come back */

#include "api/tes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_tes: %s\n", what);
	abort();
}

static int64_t number(const json_t *pair, size_t i)
{
	return json_integer_value(json_array_get(pair, i));
}

static void contents(const struct tes_doc *d, const json_t *native)
{
	const char *script = json_string_value(json_object_get(native, "script"));
	const json_t *list = json_object_get(json_object_get(native, "meta"), "contents");

	must(script && json_array_size(list) == d->ninputs, "contents are not those of the inputs");
	for (uint32_t i = 0; i < d->ninputs; i++) {
		const json_t *at = json_array_get(list, i);
		json_t *v = tes_unquote(script, number(at, 0), number(at, 1));

		if (d->inputs[i].content)
			must(v && !strcmp(json_string_value(v), d->inputs[i].content),
			     "a content is another one");
		json_decref(v);
	}
}

/* The native decoder may still refuse it, by a field of the document. */
static void decode(const struct tes_doc *d, const json_t *native)
{
	static struct catalogue none;
	struct task_world w = { .profiles = prefer_profiles, .catalogue = &none, .tenant = "t",
				.owner = "o", .now_ms = 1 };
	struct task_spec *s = NULL;
	struct err err = { 0 };

	if (task_spec_decode(native, &w, &s, &err)) {
		must(err.text[0], "a refusal without words");
		tes_blame(d, &err);
		return;
	}
	must(s->meta && !strncmp(s->meta, "{\"tes\":{", 8), "the document is not in meta");
	task_spec_unref(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	json_t *v, *native;
	struct arena arena;
	struct tes_doc d;
	struct err err = { 0 };

	if (json_parse((const char *)data, n, &v, NULL))
		return 0;
	arena_init(&arena);
	if (tes_doc_read(v, &arena, &d, &err)) {
		must(err.text[0], "a refusal without words");
	} else if (!tes_native(&d, &native, &err)) {
		contents(&d, native);
		decode(&d, native);
		json_decref(native);
	}
	tes_doc_done(&d);
	arena_done(&arena);
	json_decref(v);
	return 0;
}
