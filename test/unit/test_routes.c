/* test_routes.c - the table of endpoints: complete rows, closed by default, found strictly */

#include "api/call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct api_route *find(const char *method, const char *path, struct arena *a,
				    const char **param, const char **allow)
{
	*param = "";
	return route_find(method, path, a, param, allow);
}

static void every_row_is_complete(void **state)
{
	for (const struct api_route *r = api_routes; r->method; r++) {
		assert_non_null(r->fn);
		assert_non_null(r->query);
		assert_int_equal(r->path[0], '/');
		/* A batch is many rows of the journal; each task in it has a limit of its own. */
		assert_true(r->body_max < STORE_BODY_MAX || r->body_max == API_BODY_BATCH);
	}
}

static void every_row_is_unique(void **state)
{
	for (const struct api_route *r = api_routes; r->method; r++)
		for (const struct api_route *s = r + 1; s->method; s++)
			assert_false(!strcmp(r->method, s->method) && !strcmp(r->path, s->path));
}

static void every_row_asks_for_a_role_or_says_public(void **state)
{
	for (const struct api_route *r = api_routes; r->method; r++) {
		assert_true(r->roles != 0);
		assert_int_equal(r->roles & ~(unsigned)(ROLE_ANY | ROLE_PUBLIC), 0);
		assert_true(!(r->roles & ROLE_PUBLIC) || r->roles == ROLE_PUBLIC);
	}
}

static void only_health_login_and_the_console_are_public(void **state)
{
	for (const struct api_route *r = api_routes; r->method; r++)
		if (r->roles & ROLE_PUBLIC)
			assert_true(!strcmp(r->path, "/") || !strncmp(r->path, "/console/", 9) ||
				    !strcmp(r->path, "/healthz") || !strcmp(r->path, "/readyz") ||
				    (!strcmp(r->path, "/v1/session") && !strcmp(r->method, "POST")) ||
				    !strcmp(r->path, "/v1/session/callback") ||
				    !strncmp(r->path, "/v1/session/providers", 21));
}

/* But for its own session, password and tokens. */
static void an_auditor_cannot_change_anything(void **state)
{
	for (const struct api_route *r = api_routes; r->method; r++)
		if (r->roles & ROLE_AUDITOR && r->scope != SCOPE_SELF)
			assert_string_equal(r->method, "GET");
}

static void every_row_has_one_scope_or_is_public(void **state)
{
	for (const struct api_route *r = api_routes; r->method; r++) {
		if (!(r->roles & ROLE_PUBLIC) && !scope_name(r->scope))
			fail_msg("%s %s has no scope: which token may be narrowed to it?", r->method,
				 r->path);
		assert_true(!(r->roles & ROLE_PUBLIC) || !r->scope);
	}
}

static void a_get_takes_no_body(void **state)
{
	for (const struct api_route *r = api_routes; r->method; r++)
		if (!strcmp(r->method, "GET") || !strcmp(r->method, "DELETE"))
			assert_int_equal(r->body_max, 0);
}

/* query_check() keeps what it has seen as bits of one word. */
static void names_of_a_query_fit_in_one_word(void **state)
{
	for (const struct api_route *r = api_routes; r->method; r++)
		assert_true(strlen(r->query) <= 64);
}

static void every_row_is_found_by_its_own_path(void **state)
{
	for (const struct api_route *r = api_routes; r->method; r++) {
		const char *param, *allow, *open = strchr(r->path, '{');
		char path[128];
		struct arena a;

		arena_init(&a);
		if (open)
			snprintf(path, sizeof(path), "%.*s%s%s", (int)(open - r->path), r->path,
				 "some-12_3", strchr(open, '}') + 1);
		else
			snprintf(path, sizeof(path), "%s", r->path);
		assert_ptr_equal(find(r->method, path, &a, &param, &allow), r);
		assert_string_equal(param, open ? "some-12_3" : "");
		arena_done(&a);
	}
}

static void a_path_that_does_not_match_wholly_is_unknown(void **state)
{
	static const char *const paths[] = {
		"", "/console", "/console//", "/console/a/b", "/v1", "/v1/tasks/", "/v1/tasks//runs", "/v1/tasks/1/", "/v1/tasks/1/run",
		"/v1/tasks/1/runs/2", "/v1/tasks1", "/V1/tasks", "//v1/tasks", "/v1/pools//drain",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const char *param, *allow;
		struct arena a;

		arena_init(&a);
		assert_null(find("GET", paths[i], &a, &param, &allow));
		assert_null(allow);
		arena_done(&a);
	}
}

static void a_wrong_method_learns_the_right_ones(void **state)
{
	const char *param, *allow;
	struct arena a;

	arena_init(&a);
	assert_null(find("DELETE", "/v1/tasks", &a, &param, &allow));
	assert_string_equal(allow, "POST, GET");
	assert_null(find("get", "/v1/node", &a, &param, &allow));
	assert_string_equal(allow, "GET");
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_complete),
		cmocka_unit_test(every_row_is_unique),
		cmocka_unit_test(every_row_asks_for_a_role_or_says_public),
		cmocka_unit_test(only_health_login_and_the_console_are_public),
		cmocka_unit_test(every_row_has_one_scope_or_is_public),
		cmocka_unit_test(an_auditor_cannot_change_anything),
		cmocka_unit_test(a_get_takes_no_body),
		cmocka_unit_test(names_of_a_query_fit_in_one_word),
		cmocka_unit_test(every_row_is_found_by_its_own_path),
		cmocka_unit_test(a_path_that_does_not_match_wholly_is_unknown),
		cmocka_unit_test(a_wrong_method_learns_the_right_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
