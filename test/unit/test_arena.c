/* test_arena.c - pieces are apart, aligned and zero, and go together */

#include "base/arena.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void pieces_are_zero_aligned_and_apart(void **state)
{
	struct arena a;
	char *last = NULL;

	arena_init(&a);
	for (size_t n = 0; n < 300; n++) {
		char *p = arena_alloc(&a, n * 7);

		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		assert_ptr_not_equal(p, last);
		for (size_t i = 0; i < n * 7; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, n * 7);
		last = p;
	}
	assert_true(a.used >= 300 * 299 / 2 * 7);
	arena_done(&a);
	arena_done(&a);
}

static void memory_after_a_reset_is_zero_again(void **state)
{
	struct arena a = { 0 };

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 50; i++) {
			char *p = arena_alloc(&a, 1000);

			for (int k = 0; k < 1000; k++)
				assert_int_equal(p[k], 0);
			memset(p, 0x5a, 1000);
		}
		arena_reset(&a);
		assert_int_equal(a.used, 0);
	}
	arena_done(&a);
}

static void a_large_piece_is_not_kept(void **state)
{
	struct arena a = { 0 };

	memset(arena_alloc(&a, 1000 * 1000), 1, 1000 * 1000);
	arena_reset(&a);
	assert_null(a.head);
	arena_reset(&a);
	arena_done(&a);
}

static void strings_are_copied(void **state)
{
	struct arena a = { 0 };

	assert_null(arena_strdup(&a, NULL));
	assert_string_equal(arena_strdup(&a, "hub"), "hub");
	assert_string_equal(arena_strndup(&a, "factory", 4), "fact");
	assert_string_equal(arena_strndup(&a, "hub", 40), "hub");
	assert_string_equal(arena_printf(&a, "%s[%d]", "pools", 3), "pools[3]");
	assert_string_equal(arena_printf(&a, "%5000s", "x") + 4999, "x");
	assert_non_null(arena_array(&a, 0, 8));
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_zero_aligned_and_apart),
		cmocka_unit_test(memory_after_a_reset_is_zero_again),
		cmocka_unit_test(a_large_piece_is_not_kept),
		cmocka_unit_test(strings_are_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
