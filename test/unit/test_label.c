/* test_label.c - levels and regions compared, and the engine's own look at them */

#include "domain/label.h"

#include "engine/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void the_stricter_of_two_labels_counts(void **state)
{
	struct label l = { LEVEL_2, NULL };

	label_join(&l, LEVEL_1, NULL);
	assert_int_equal(l.level, LEVEL_2);
	assert_null(l.within);
	label_join(&l, LEVEL_IMPORTANT, "cn/50");
	assert_int_equal(l.level, LEVEL_IMPORTANT);
	assert_string_equal(l.within, "cn/50");
	label_join(&l, LEVEL_1, "cn");
	assert_string_equal(l.within, "cn/50");
	label_join(&l, LEVEL_1, "cn/50/500106");
	assert_string_equal(l.within, "cn/50/500106");
}

static void regions_that_do_not_nest_leave_no_place(void **state)
{
	struct pool p = { .region = "cn/50", .clearance = LEVEL_CORE };
	struct label l = { LEVEL_1, "cn/50" };

	assert_true(label_allows(&l, &p));
	label_join(&l, LEVEL_1, "cn/62");
	assert_false(label_allows(&l, &p));
	label_join(&l, LEVEL_1, "cn/50");
	assert_false(label_allows(&l, &p));
}

static void what_is_not_known_counts_as_no(void **state)
{
	struct pool p = { .region = "cn/50", .clearance = LEVEL_CORE };
	struct label l = { LEVEL_NONE, NULL };

	assert_false(label_allows(&l, &p));
	l.level = LEVEL_COUNT;
	assert_false(label_allows(&l, &p));
	l = (struct label){ LEVEL_1, "cn/50" };
	p.clearance = LEVEL_NONE;
	assert_false(label_allows(&l, &p));
	p.clearance = LEVEL_COUNT;
	assert_false(label_allows(&l, &p));
	p.clearance = LEVEL_CORE;
	p.region = NULL;
	assert_false(label_allows(&l, &p));
	p.region = "cn/50";
	p.rule_region = "";
	assert_false(label_allows(&l, &p));
}

static void two_people_place_a_pool_and_what_they_share_counts(void **state)
{
	static const char *const rows[][3] = {
		{ "cn/50/500106", "cn/50/500106", "cn/50/500106" },
		{ "cn/50/500106", "cn/50", "cn/50" },
		{ "cn/50", "cn/50/500106/a", "cn/50" },
		{ "cn/50/500106", "cn/50/500107", "cn/50" },
		{ "cn/50", "cn/500", "cn" },
		{ "cn/50", "de/50", "" },
	};
	char out[LABEL_REGION_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		label_common(rows[i][0], rows[i][1], out);
		assert_string_equal(out, rows[i][2]);
	}
}

static void a_label_is_weaker_by_level_or_by_region(void **state)
{
	struct label a = { LEVEL_3, "cn/50" };

	assert_false(label_weaker(&a, &a));
	assert_true(label_weaker(&(struct label){ LEVEL_2, "cn/50" }, &a));
	assert_true(label_weaker(&(struct label){ LEVEL_CORE, NULL }, &a));
	assert_true(label_weaker(&(struct label){ LEVEL_3, "cn" }, &a));
	assert_true(label_weaker(&(struct label){ LEVEL_3, "cn/62" }, &a));
	assert_false(label_weaker(&(struct label){ LEVEL_4, "cn/50/500106" }, &a));
	assert_false(label_weaker(&(struct label){ LEVEL_1, "cn" }, &(struct label){ LEVEL_1, NULL }));
}

/* ---- the last door ---- */

static int permit(enum level label, enum level own, enum level then, enum level now,
		  const char *own_within, const char *label_within)
{
	struct pool p = { .name = "here", .region = "cn/50", .clearance = now };
	struct task_spec s = { .level = own, .stay_within = own_within };
	struct run_spec r = { .run_id = "n-1-1", .spec = &s, .pool = &p, .clearance = then,
			      .label = { label, label_within } };
	struct err err = { 0 };
	int e = engine_permit(&r, &err);

	assert_true(!e || e == ENGINE_E_FORBIDDEN);
	return e;
}

static void an_engine_starts_what_its_pool_may_see(void **state)
{
	assert_int_equal(permit(LEVEL_2, LEVEL_2, LEVEL_2, LEVEL_2, NULL, NULL), 0);
	assert_int_equal(permit(LEVEL_1, LEVEL_1, LEVEL_CORE, LEVEL_CORE, "cn", "cn/50"), 0);
}

static void an_engine_refuses_by_each_of_what_it_was_told(void **state)
{
	assert_int_not_equal(permit(LEVEL_3, LEVEL_1, LEVEL_2, LEVEL_2, NULL, NULL), 0);
	assert_int_not_equal(permit(LEVEL_1, LEVEL_3, LEVEL_2, LEVEL_2, NULL, NULL), 0);
	assert_int_not_equal(permit(LEVEL_2, LEVEL_2, LEVEL_1, LEVEL_2, NULL, NULL), 0);
	assert_int_not_equal(permit(LEVEL_2, LEVEL_2, LEVEL_2, LEVEL_1, NULL, NULL), 0);
	assert_int_not_equal(permit(LEVEL_1, LEVEL_1, LEVEL_2, LEVEL_2, "cn/62", NULL), 0);
	assert_int_not_equal(permit(LEVEL_1, LEVEL_1, LEVEL_2, LEVEL_2, NULL, "cn/62"), 0);
}

static void an_engine_refuses_what_nobody_labelled(void **state)
{
	assert_int_not_equal(permit(LEVEL_NONE, LEVEL_1, LEVEL_2, LEVEL_2, NULL, NULL), 0);
	assert_int_not_equal(permit(LEVEL_1, LEVEL_1, LEVEL_NONE, LEVEL_2, NULL, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_stricter_of_two_labels_counts),
		cmocka_unit_test(regions_that_do_not_nest_leave_no_place),
		cmocka_unit_test(what_is_not_known_counts_as_no),
		cmocka_unit_test(two_people_place_a_pool_and_what_they_share_counts),
		cmocka_unit_test(a_label_is_weaker_by_level_or_by_region),
		cmocka_unit_test(an_engine_starts_what_its_pool_may_see),
		cmocka_unit_test(an_engine_refuses_by_each_of_what_it_was_told),
		cmocka_unit_test(an_engine_refuses_what_nobody_labelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
