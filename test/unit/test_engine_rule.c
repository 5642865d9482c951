/* test_engine_rule.c - every engine of the table asks the rule about data before it starts a run */

#include "../lib/engine_bed.h"

/* Before it speaks to a cluster: there is none at this address. */
static char *nowhere(struct bed *b)
{
	char jwt[256], shared[256], *base = mem_alloc(700);

	bed_put(b, "jwt", "a.b.c");
	assert_int_equal(chmod(bed_path(b, "jwt", jwt), 0600), 0);
	assert_int_equal(mkdir(bed_path(b, "shared", shared), 0700), 0);
	sprintf(base, "'url':'http://127.0.0.1:1','user':'root','token_file':'%s','dir':'%s'", jwt,
		shared);
	return base;
}

static struct bed *bed_at(const struct engine_ops *ops)
{
	struct bed *b = bed_new(ops);

	if (ops == &engine_slurm)
		b->base = nowhere(b);
	bed_open(b, "");
	return b;
}

static void done(struct bed *b)
{
	char *base = (char *)(uintptr_t)b->base;

	bed_free(b);
	free(base);
}

static void nothing_began(struct bed *b)
{
	bed_turn(b, 100);
	assert_int_equal(b->n, 0);
	assert_int_equal(b->ops->stop(b->engine, "n-1-1", 0, NULL), ENGINE_E_GONE);
}

static void refused(struct bed *b)
{
	static const char *const command[] = { "true", NULL };
	struct err err = { 0 };

	b->spec.command = command;
	b->spec.ncommand = 1;
	assert_int_equal(bed_start(b, "n-1-1", &err), ENGINE_E_FORBIDDEN);
	assert_string_equal(err.text, "pool here may not see the data of run n-1-1");
	nothing_began(b);
}

static void no_engine_starts_a_run_whose_data_are_above_its_pool(void **state)
{
	for (const struct engine_ops *const *e = engines; *e; e++) {
		struct bed *b = bed_at(*e);

		print_message("# %s\n", (*e)->name);
		b->spec.level = LEVEL_CORE;
		refused(b);
		b->spec.level = LEVEL_1;
		b->pool.clearance = LEVEL_NONE;
		refused(b);
		done(b);
	}
}

static void no_engine_starts_a_run_whose_data_may_not_go_to_its_pool(void **state)
{
	for (const struct engine_ops *const *e = engines; *e; e++) {
		struct bed *b = bed_at(*e);

		print_message("# %s\n", (*e)->name);
		b->spec.stay_within = "cn/62";
		refused(b);
		b->spec.stay_within = "cn/50";
		b->pool.rule_region = "cn";
		refused(b);
		done(b);
	}
}

static int needs_shim(void **state)
{
	if (!bed_shim())
		print_message("no suanlu-shim was built beside this test (set SUANLU_SHIM)\n");
	return bed_shim() ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_engine_starts_a_run_whose_data_are_above_its_pool),
		cmocka_unit_test(no_engine_starts_a_run_whose_data_may_not_go_to_its_pool),
	};

	return cmocka_run_group_tests(tests, needs_shim, NULL);
}
