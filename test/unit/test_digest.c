/* test_digest.c - the published examples, and text that is not a fingerprint */

#include "base/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void gives(enum digest_kind k, const char *text, const char *hex)
{
	uint8_t out[DIGEST_LEN];
	char is[DIGEST_HEX + 1];

	digest_of(k, text, strlen(text), out);
	assert_string_equal(digest_hex(out, is), hex);
}

/* GB/T 32905-2016, A.1 and A.2. */
static void sm3_gives_what_the_standard_prints(void **state)
{
	char long_text[65] = "";

	for (int i = 0; i < 16; i++)
		strcat(long_text, "abcd");
	gives(DIGEST_SM3, "abc",
	      "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
	gives(DIGEST_SM3, long_text,
	      "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732");
}

/* FIPS 180-4, the example of one block. */
static void sha256_gives_what_the_standard_prints(void **state)
{
	gives(DIGEST_SHA256, "abc",
	      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void in_pieces_is_the_same_as_at_once(void **state)
{
	uint8_t once[DIGEST_LEN], pieces[DIGEST_LEN];
	struct digest *d = digest_new();

	for (enum digest_kind k = DIGEST_SM3; k <= DIGEST_SHA256; k++) {
		digest_of(k, "the whole text", 14, once);
		digest_begin(d, k);
		digest_add(d, "the ", 4);
		digest_add(d, "", 0);
		digest_add(d, "whole text", 10);
		digest_end(d, pieces);
		assert_memory_equal(once, pieces, DIGEST_LEN);
	}
	digest_free(d);
}

static void a_text_that_is_not_a_fingerprint_is_refused(void **state)
{
	char hex[DIGEST_HEX + 2];
	uint8_t out[DIGEST_LEN], in[DIGEST_LEN] = { 1, 0xab, 0xff };

	digest_hex(in, hex);
	assert_int_equal(digest_unhex(hex, out), 0);
	assert_memory_equal(in, out, DIGEST_LEN);
	hex[5] = 'g';
	assert_int_equal(digest_unhex(hex, out), 1);
	hex[5] = 'A';
	assert_int_equal(digest_unhex(hex, out), 1);
	assert_int_equal(digest_unhex("", out), 1);
	assert_int_equal(digest_unhex(NULL, out), 1);
}

static void an_unknown_name_is_no_digest(void **state)
{
	assert_int_equal(digest_parse("sm3"), DIGEST_SM3);
	assert_int_equal(digest_parse("sha256"), DIGEST_SHA256);
	assert_int_equal(digest_parse("md5"), DIGEST_NONE);
	assert_int_equal(digest_parse("none"), DIGEST_NONE);
	assert_int_equal(digest_parse(NULL), DIGEST_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sm3_gives_what_the_standard_prints),
		cmocka_unit_test(sha256_gives_what_the_standard_prints),
		cmocka_unit_test(in_pieces_is_the_same_as_at_once),
		cmocka_unit_test(a_text_that_is_not_a_fingerprint_is_refused),
		cmocka_unit_test(an_unknown_name_is_no_digest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
