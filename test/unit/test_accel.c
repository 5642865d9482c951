/* test_accel.c - the catalogue, and what may be asked of it */

#include "../lib/domain.h"

#include <stdio.h>

static void not_a_catalogue(const char *csv, unsigned line, const char *words)
{
	struct catalogue c = { .n = 7 };
	struct err err;

	if (catalogue_parse(csv, strlen(csv), &c, &err) != ERR_E_INPUT)
		fail_msg("taken: %s", csv);
	assert_int_equal(c.n, 7);
	assert_int_equal(err.line, line);
	if (!strstr(err.text, words))
		fail_msg("\"%s\" does not say \"%s\"", err.text, words);
}

static void figures_are_read_in_their_units(void **state)
{
	struct catalogue c;
	const struct accel_model *m;

	chips(&c);
	assert_int_equal(c.n, 3);
	m = &c.models[catalogue_find(&c, "small")];
	assert_int_equal(m->fp16_gflops, 100500);
	assert_int_equal(m->memory_gb, 32);
	assert_int_equal(m->tdp_w, 150);
	assert_true(m->domestic);
	m = &c.models[catalogue_find(&c, "silent")];
	assert_int_equal(m->fp16_gflops, 0);
	assert_int_equal(catalogue_find(&c, "smal"), ACCEL_NONE);
	catalogue_done(&c);
}

static void columns_stand_in_any_order_and_fields_in_quotes(void **state)
{
	static const char csv[] = "# a remark\r\n\r\nkind,source,model,vendor\r\n"
				  "gpu,\"one, \"\"two\"\"\",x-1,V\r\nnpu,,x-2,W";
	struct catalogue c;

	assert_int_equal(catalogue_parse(csv, strlen(csv), &c, NULL), 0);
	assert_int_equal(c.n, 2);
	assert_string_equal(c.models[0].source, "one, \"two\"");
	assert_string_equal(c.models[1].vendor, "W");
	catalogue_done(&c);
}

static void the_shipped_catalogue_is_read(void **state)
{
	static const char *const places[] = { "share/accelerators.csv",
					      "../share/accelerators.csv" };
	const char *root = getenv("SUANLU_SOURCE");
	char path[4096], *text = NULL;
	struct catalogue c;
	struct err err;
	FILE *f = NULL;
	size_t n;

	snprintf(path, sizeof(path), "%s/share/accelerators.csv", root ? root : ".");
	f = fopen(path, "re");
	for (int i = 0; !f && i < 2; i++)
		f = fopen(places[i], "re");
	if (!f)
		skip();
	text = calloc(1, 1 << 20);
	n = fread(text, 1, 1 << 20, f);
	fclose(f);
	if (catalogue_parse(text, n, &c, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(c.models[catalogue_find(&c, "a100-80-sxm")].fp16_gflops, 312000);
	assert_int_equal(c.models[catalogue_find(&c, "mlu590")].fp16_gflops, 0);
	assert_true(c.models[catalogue_find(&c, "ascend-910b")].domestic);
	catalogue_done(&c);
	free(text);
}

static void a_bad_line_is_named_with_its_column(void **state)
{
	not_a_catalogue("", 1, "no header line");
	not_a_catalogue("model,vendor\nx,V\n", 1, "column kind: this column is missing");
	not_a_catalogue("model,vendor,kind,colour\n", 1, "column colour: this column is not known");
	not_a_catalogue("model,vendor,kind,kind\n", 1, "is there twice");
	not_a_catalogue("model,vendor,kind\nx,V,gpu\nx,V,gpu\n", 3, "this model is there twice");
	not_a_catalogue("model,vendor,kind\n\nX,V,gpu\n", 3, "column model");
	not_a_catalogue("model,vendor,kind\nx,V,tpu\n", 2, "must be gpu, npu or cpu");
	not_a_catalogue("model,vendor,kind\nx,V\n", 2, "number of fields");
	not_a_catalogue("model,vendor,kind\nx,V,gpu,1\n", 2, "number of fields");
	not_a_catalogue("model,vendor,kind\nx,\"V,gpu\n", 2, "does not end");
	not_a_catalogue("model,vendor,kind\nx,\"V\"W,gpu\n", 2, "a comma must follow");
	not_a_catalogue("model,vendor,kind\ncpu,V,cpu\n", 2, "having no accelerator");
}

static void a_figure_that_is_no_figure_is_refused(void **state)
{
	static const char *const bad[] = { "0", "-1", "1.2345", "1.", ".5", "1e3", "9999999", "x" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char csv[100];

		snprintf(csv, sizeof(csv), "model,vendor,kind,fp16_tflops\nx,V,gpu,%s\n", bad[i]);
		not_a_catalogue(csv, 2, "column fp16_tflops");
	}
	not_a_catalogue("model,vendor,kind,tdp_w\nx,V,gpu,1.5\n", 2, "column tdp_w");
}

static void too_many_models_are_refused(void **state)
{
	char *csv = malloc(100000), *p = csv;
	struct err err;
	struct catalogue c;

	p += sprintf(p, "model,vendor,kind\n");
	for (int i = 0; i <= ACCEL_MODELS_MAX; i++)
		p += sprintf(p, "m%d,V,gpu\n", i);
	assert_int_equal(catalogue_parse(csv, (size_t)(p - csv), &c, &err), ERR_E_INPUT);
	assert_non_null(strstr(err.text, "more than 1024"));
	free(csv);
}

static int ask(const struct catalogue *c, const char *text, struct accel_need *ret, struct err *err)
{
	json_t *v = json_of(text);
	struct arena a;
	struct dec d;
	int r;

	arena_init(&a);
	dec_begin(&d, v, "", NULL, &a, err);
	dec_accel_need(&d, "a", c, ret);
	r = dec_end(&d);
	arena_done(&a);
	json_decref(v);
	return r;
}

static void a_request_comes_back_as_it_was_written(void **state)
{
	static const char *const texts[] = {
		"{'a':{'models':['big','small'],'count':2}}",
		"{'a':{'count':1,'share':0.5}}",
		"{'a':{'fp16_tflops':600.5,'memory_gb':100}}",
		"{'a':{'models':['big'],'memory_gb':81}}",
	};
	struct catalogue c;

	chips(&c);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct accel_need need = { .count = 0 };

		assert_int_equal(ask(&c, texts[i], &need, NULL), 0);
		assert_true(same_json(json_of(texts[i]),
				      json_pack("{s:o}", "a", accel_need_json(&need, &c))));
	}
	catalogue_done(&c);
}

static void a_need_counts_devices_by_its_larger_figure(void **state)
{
	struct accel_need need = { .count = 0 };
	struct catalogue c;

	chips(&c);
	assert_true(accel_need_empty(&need));
	assert_int_equal(ask(&c, "{'a':{'fp16_tflops':300.001,'memory_gb':64}}", &need, NULL), 0);
	assert_int_equal(accel_need_count(&need, &c, 0), 2);    /* 300 each */
	assert_int_equal(accel_need_count(&need, &c, 1), 3);    /* 100.5 each */
	assert_int_equal(accel_need_count(&need, &c, 2), 0);    /* nobody knows */
	assert_int_equal(accel_need_count(&need, &c, ACCEL_NONE), 0);
	catalogue_done(&c);
}

static void a_named_model_excludes_the_others(void **state)
{
	struct accel_need need = { .count = 0 };
	struct catalogue c;

	chips(&c);
	assert_int_equal(ask(&c, "{'a':{'models':['silent']}}", &need, NULL), 0);
	assert_int_equal(accel_need_count(&need, &c, 2), 1);
	assert_int_equal(accel_need_count(&need, &c, 0), 0);
	assert_int_equal(ask(&c, "{'a':{'count':4}}", &need, NULL), 0);
	assert_int_equal(accel_need_count(&need, &c, 0), 4);
	catalogue_done(&c);
}

static void requests_that_contradict_themselves_are_refused(void **state)
{
	static const struct { const char *text, *field, *words; } bad[] = {
		{ "{'a':{}}", "a", "must have a count" },
		{ "{'a':1}", "a", "must be an object" },
		{ "{'a':{'count':0}}", "a.count", "between 1 and 16" },
		{ "{'a':{'count':17}}", "a.count", "between 1 and 16" },
		{ "{'a':{'count':2,'share':0.5}}", "a.share", "must be 1" },
		{ "{'a':{'share':0}}", "a.share", "between" },
		{ "{'a':{'share':1.5}}", "a.share", "between" },
		{ "{'a':{'count':1,'memory_gb':8}}", "a.count", "must not stand beside" },
		{ "{'a':{'share':0.5,'memory_gb':8}}", "a.share", "must not stand beside" },
		{ "{'a':{'models':[]}}", "a.models", "must name a model" },
		{ "{'a':{'models':['nope']}}", "a.models", "not in the catalogue" },
		{ "{'a':{'models':['big','big']}}", "a.models", "twice" },
		{ "{'a':{'models':[1]}}", "a.models[0]", "must be text" },
		{ "{'a':{'gpus':1}}", "a.gpus", "not known" },
	};
	struct catalogue c;

	chips(&c);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct accel_need need = { .count = 9 };
		struct err err;

		assert_int_equal(ask(&c, bad[i].text, &need, &err), ERR_E_INPUT);
		says(&err, bad[i].field, bad[i].words);
		assert_int_equal(need.count, 9);
	}
	catalogue_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_are_read_in_their_units),
		cmocka_unit_test(columns_stand_in_any_order_and_fields_in_quotes),
		cmocka_unit_test(the_shipped_catalogue_is_read),
		cmocka_unit_test(a_bad_line_is_named_with_its_column),
		cmocka_unit_test(a_figure_that_is_no_figure_is_refused),
		cmocka_unit_test(too_many_models_are_refused),
		cmocka_unit_test(a_request_comes_back_as_it_was_written),
		cmocka_unit_test(a_need_counts_devices_by_its_larger_figure),
		cmocka_unit_test(a_named_model_excludes_the_others),
		cmocka_unit_test(requests_that_contradict_themselves_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
