/* test_task_state.c - the table allows what the drawing in task.h shows and nothing else */

#include "../lib/domain.h"

#define BIT(s) (1u << (s))
#define BEFORE (BIT(TASK_SUBMITTED) | BIT(TASK_WAITING))
#define ON_POOL (BIT(TASK_SENDING) | BIT(TASK_QUEUED) | BIT(TASK_RUNNING))
#define STAYS TASK_STATE_COUNT

/* The drawing, line by line: from which states, to which. */
static const struct {
	enum task_event ev;
	unsigned from;
	enum task_state to;
} drawing[] = {
	{ TASK_EV_WAIT, BEFORE, TASK_WAITING },
	{ TASK_EV_REFUSE, BEFORE, TASK_REFUSED },
	{ TASK_EV_GIVE_UP, BEFORE, TASK_FAILED },
	{ TASK_EV_CHOOSE, BIT(TASK_WAITING), TASK_SENDING },
	{ TASK_EV_ACCEPT, BIT(TASK_SENDING), TASK_QUEUED },
	{ TASK_EV_START, BIT(TASK_SENDING) | BIT(TASK_QUEUED), TASK_RUNNING },
	{ TASK_EV_DONE, ON_POOL, TASK_DONE },
	{ TASK_EV_FAIL, ON_POOL, TASK_FAILED },
	{ TASK_EV_RETRY, ON_POOL, TASK_WAITING },
	{ TASK_EV_LOST, ON_POOL, TASK_WAITING },
	{ TASK_EV_CANCEL, BEFORE, TASK_CANCELLED },
	{ TASK_EV_CANCEL, ON_POOL, STAYS },
	{ TASK_EV_CANCELLED, ON_POOL, TASK_CANCELLED },
};

static enum task_state drawn(enum task_state s, enum task_event ev)
{
	for (size_t i = 0; i < sizeof(drawing) / sizeof(drawing[0]); i++)
		if (drawing[i].ev == ev && drawing[i].from & BIT(s))
			return drawing[i].to == STAYS ? s : drawing[i].to;
	return TASK_NONE;
}

static void every_pair_is_in_the_drawing_or_refused(void **state)
{
	int legal = 0, refused = 0;

	for (int s = TASK_SUBMITTED; s < TASK_STATE_COUNT; s++) {
		for (int ev = 0; ev < TASK_EV_COUNT; ev++) {
			enum task_state to = task_next((enum task_state)s, (enum task_event)ev);

			assert_int_equal(to, drawn((enum task_state)s, (enum task_event)ev));
			legal += to != TASK_NONE;
			refused += to == TASK_NONE;
		}
	}
	assert_int_equal(legal, 30);
	assert_int_equal(refused, 9 * 12 - 30);
}

static void a_final_state_has_no_way_out(void **state)
{
	int finals = 0;

	for (int s = TASK_SUBMITTED; s < TASK_STATE_COUNT; s++) {
		if (!task_state_final((enum task_state)s))
			continue;
		finals++;
		for (int ev = 0; ev < TASK_EV_COUNT; ev++)
			assert_int_equal(task_next((enum task_state)s, (enum task_event)ev),
					 TASK_NONE);
	}
	assert_int_equal(finals, 4);
}

static void every_state_can_be_reached(void **state)
{
	unsigned seen = BIT(TASK_SUBMITTED), before;

	do {
		before = seen;
		for (int s = TASK_SUBMITTED; s < TASK_STATE_COUNT; s++)
			for (int ev = 0; seen & BIT(s) && ev < TASK_EV_COUNT; ev++)
				seen |= BIT(task_next((enum task_state)s, (enum task_event)ev));
	} while (seen != before);
	assert_int_equal(seen & ~BIT(TASK_NONE), BIT(TASK_STATE_COUNT) - 2);
}

static void a_task_on_a_pool_is_not_cancelled_before_its_engine_says_so(void **state)
{
	assert_int_equal(task_next(TASK_RUNNING, TASK_EV_CANCEL), TASK_RUNNING);
	assert_int_equal(task_next(TASK_RUNNING, TASK_EV_CANCELLED), TASK_CANCELLED);
	assert_int_equal(task_next(TASK_WAITING, TASK_EV_CANCELLED), TASK_NONE);
}

static void states_are_known_by_their_names(void **state)
{
	for (int s = TASK_SUBMITTED; s < TASK_STATE_COUNT; s++) {
		enum task_state back = TASK_NONE;

		assert_int_equal(task_state_parse(task_state_name((enum task_state)s), &back), 0);
		assert_int_equal(back, s);
	}
}

static void other_words_are_no_states(void **state)
{
	enum task_state s = TASK_NONE;

	assert_int_equal(task_state_parse("none", &s), 1);
	assert_int_equal(task_state_parse("", &s), 1);
	assert_int_equal(task_state_parse("Running", &s), 1);
	assert_int_equal(s, TASK_NONE);
}

static void three_states_occupy_a_pool(void **state)
{
	unsigned on = 0;

	for (int s = TASK_SUBMITTED; s < TASK_STATE_COUNT; s++)
		on |= task_state_on_pool((enum task_state)s) ? BIT(s) : 0;
	assert_int_equal(on, ON_POOL);
}

static void the_number_of_a_task_is_read_back(void **state)
{
	static const uint32_t array[] = { 3 };
	struct task_spec plain = { .array_n = 1 }, many = { .array_n = 1, .array = array };
	char text[TASK_ID_TEXT_MAX];
	uint64_t sub;
	int64_t index;

	assert_string_equal(task_id_text(12, &plain, 0, text), "12");
	assert_int_equal(task_id_parse(text, &sub, &index), 0);
	assert_int_equal(sub, 12);
	assert_int_equal(index, -1);
	assert_string_equal(task_id_text(12, &many, 3, text), "12_3");
	assert_int_equal(task_id_parse(text, &sub, &index), 0);
	assert_int_equal(sub, 12);
	assert_int_equal(index, 3);
	task_id_text(INT64_MAX, &many, UINT32_MAX, text);
	assert_int_equal(task_id_parse(text, &sub, &index), 0);
	assert_true(sub == INT64_MAX && index == UINT32_MAX);
}

static void a_second_spelling_of_a_number_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "0", "012", "+1", "-1", " 1", "1 ", "1_", "_1", "1_01", "1_-1", "1_2_3", "1.5",
		"x", "9223372036854775808", "1_4294967296", "99999999999999999999999999",
	};
	uint64_t sub;
	int64_t index;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (task_id_parse(bad[i], &sub, &index) != 1)
			fail_msg("\"%s\" was taken", bad[i]);
}

static void an_element_is_found_by_its_index_and_no_other_is(void **state)
{
	static const uint32_t array[] = { 1, 5, 9 };
	struct task_spec many = { .array_n = 3, .array = array }, plain = { .array_n = 1 };

	for (uint32_t i = 0; i < 12; i++) {
		struct task_after a = { .sub = 100, .task = 100 + i };
		uint64_t want = i == 1 ? 100 : i == 5 ? 101 : i == 9 ? 102 : 0;

		assert_int_equal(task_after_no(&a, &many), want);
		assert_int_equal(task_after_no(&a, &plain), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair_is_in_the_drawing_or_refused),
		cmocka_unit_test(a_final_state_has_no_way_out),
		cmocka_unit_test(every_state_can_be_reached),
		cmocka_unit_test(a_task_on_a_pool_is_not_cancelled_before_its_engine_says_so),
		cmocka_unit_test(states_are_known_by_their_names),
		cmocka_unit_test(other_words_are_no_states),
		cmocka_unit_test(three_states_occupy_a_pool),
		cmocka_unit_test(the_number_of_a_task_is_read_back),
		cmocka_unit_test(an_element_is_found_by_its_index_and_no_other_is),
		cmocka_unit_test(a_second_spelling_of_a_number_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
