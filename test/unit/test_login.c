/* test_login.c - the texts of a login: where the browser is sent, what its cookie keeps, what is posted */

#include "api/login.h"

#include "base/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* 43 letters each; the verifier is that of RFC 7636, appendix B. */
#define STATE "sssssssssssssssssssssssssssssssssssssssssss"
#define NONCE "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
#define VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

static struct arena arena;
static const struct attempt begun = { "city", STATE, NONCE, VERIFIER };
static const struct oidc_config config = {
	.name = "city", .client_id = "a&b=c d", .redirect = "https://node.city/v1/session/callback",
};

static void bytes_become_letters(void **state)
{
	static const struct { const char *in, *padded, *url; } rows[] = {
		{ "", "", "" }, { "f", "Zg==", "Zg" }, { "fo", "Zm8=", "Zm8" }, { "foo", "Zm9v", "Zm9v" },
		{ "foob", "Zm9vYg==", "Zm9vYg" }, { "fooba", "Zm9vYmE=", "Zm9vYmE" },
		{ "foobar", "Zm9vYmFy", "Zm9vYmFy" }, { "\xfb\xff\xfe", "+//+", "-__-" },
	};
	char out[BASE64_SIZE(8)];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_string_equal(base64(rows[i].in, strlen(rows[i].in), out), rows[i].padded);
		assert_string_equal(base64url(rows[i].in, strlen(rows[i].in), out), rows[i].url);
	}
	memset(out, 0xff, sizeof(out));
	assert_int_equal(strlen(base64("\0\0\0\0\0\0\0", 8, out)) + 1, BASE64_SIZE(8));
}

static void the_browser_is_sent_with_all_that_the_standards_want(void **state)
{
	assert_string_equal(login_url(&arena, "https://id.city/auth", &config, &begun),
			    "https://id.city/auth?response_type=code&client_id=a%26b%3Dc%20d"
			    "&redirect_uri=https%3A%2F%2Fnode.city%2Fv1%2Fsession%2Fcallback"
			    "&scope=openid%20profile&state=" STATE "&nonce=" NONCE
			    "&code_challenge=" CHALLENGE "&code_challenge_method=S256");
}

static void an_endpoint_keeps_its_own_query(void **state)
{
	struct oidc_config c = config;
	const char *url;

	c.scope = "openid groups";
	url = login_url(&arena, "https://id.city/auth?realm=x", &c, &begun);
	assert_memory_equal(url, "https://id.city/auth?realm=x&response_type=code&", 48);
	assert_non_null(strstr(url, "&scope=openid%20groups&"));
	assert_null(strstr(url, VERIFIER));
}

static void a_client_proves_itself_by_its_secret_or_names_itself(void **state)
{
	struct oidc_config c = config;
	const char *form = login_form(&arena, &c, "c+/&=", &begun);

	assert_string_equal(form, "grant_type=authorization_code&code=c%2B%2F%26%3D"
			    "&redirect_uri=https%3A%2F%2Fnode.city%2Fv1%2Fsession%2Fcallback"
			    "&code_verifier=" VERIFIER "&client_id=a%26b%3Dc%20d");
	c.client_secret = "/etc/secret";
	form = login_form(&arena, &c, "x", &begun);
	assert_null(strstr(form, "client_id"));
	assert_null(strstr(form, "secret"));
	/* a:b and c%d, encoded as a form before they are put together (RFC 6749, 2.3.1) */
	assert_string_equal(login_basic(&arena, "a:b", "c%d"), "Authorization: Basic YSUzQWI6YyUyNWQ=");
}

static void a_cookie_goes_there_and_back(void **state)
{
	char text[LOGIN_COOKIE_MAX + 1];
	struct attempt back;

	assert_string_equal(attempt_text(&begun, text), "city." STATE "." NONCE "." VERIFIER);
	assert_int_equal(attempt_read(text, &back), 0);
	assert_string_equal(back.provider, "city");
	assert_string_equal(back.state, STATE);
	assert_string_equal(back.nonce, NONCE);
	assert_string_equal(back.verifier, VERIFIER);
}

static void a_cookie_of_another_shape_is_none(void **state)
{
	static const char *const bad[] = {
		"", ".", "city", "...", "....", "city." STATE "." NONCE, "city." STATE "." NONCE ".",
		"." STATE "." NONCE "." VERIFIER, "city." STATE "." NONCE "." VERIFIER ".",
		"city." STATE "." NONCE "." VERIFIER ".x", "city." STATE "x." NONCE "." VERIFIER,
		"city.." STATE "." NONCE, "city.s." NONCE "." VERIFIER,
		"a-name-of-twenty-one-x." STATE "." NONCE "." VERIFIER,
	};
	struct attempt t;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!attempt_read(bad[i], &t))
			fail_msg("\"%s\" was taken", bad[i]);
}

static void two_logins_share_no_secret(void **state)
{
	struct attempt a, b;

	assert_int_equal(attempt_new(&a, "city"), 0);
	assert_int_equal(attempt_new(&b, "city"), 0);
	assert_int_equal(strlen(a.state), LOGIN_SECRET);
	assert_int_equal(strlen(a.verifier), LOGIN_SECRET);
	assert_string_not_equal(a.state, b.state);
	assert_string_not_equal(a.nonce, b.nonce);
	assert_string_not_equal(a.verifier, b.verifier);
	assert_string_not_equal(a.state, a.nonce);
	assert_string_not_equal(a.nonce, a.verifier);
}

static void the_log_gets_no_words_of_strangers(void **state)
{
	assert_string_equal(login_tame("invalid_grant"), "invalid_grant");
	assert_string_equal(login_tame("a b"), "?");
	assert_string_equal(login_tame("a\nb"), "?");
	assert_string_equal(login_tame(""), "?");
	assert_string_equal(login_tame(NULL), "?");
	assert_string_equal(login_tame("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_become_letters),
		cmocka_unit_test(the_browser_is_sent_with_all_that_the_standards_want),
		cmocka_unit_test(an_endpoint_keeps_its_own_query),
		cmocka_unit_test(a_client_proves_itself_by_its_secret_or_names_itself),
		cmocka_unit_test(a_cookie_goes_there_and_back),
		cmocka_unit_test(a_cookie_of_another_shape_is_none),
		cmocka_unit_test(two_logins_share_no_secret),
		cmocka_unit_test(the_log_gets_no_words_of_strangers),
	};
	int r;

	arena_init(&arena);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	arena_done(&arena);
	return r;
}
