/* test_token.c - tokens have one spelling, and three roles stay apart */

#include "../lib/domain.h"

#include "domain/dataset.h"
#include "domain/token.h"

#include <stdio.h>

static void a_new_token_is_known_by_its_hash(void **state)
{
	char text[TOKEN_TEXT_LEN + 1], other[TOKEN_TEXT_LEN + 1];
	uint8_t hash[TOKEN_HASH_LEN], again[TOKEN_HASH_LEN];

	assert_int_equal(token_make(text, hash), 0);
	assert_int_equal(strlen(text), TOKEN_TEXT_LEN);
	assert_memory_equal(text, "sl_", 3);
	assert_int_equal(token_hash(text, again), 0);
	assert_memory_equal(hash, again, TOKEN_HASH_LEN);
	assert_int_equal(token_make(other, again), 0);
	assert_string_not_equal(text, other);
}

static void the_hash_is_sha256_of_the_text(void **state)
{
	/* printf sl_AAA…A | sha256sum */
	static const uint8_t want[4] = { 0x48, 0x1b, 0x57, 0xc1 };
	uint8_t hash[TOKEN_HASH_LEN];

	assert_int_equal(token_hash("sl_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", hash), 0);
	assert_memory_equal(hash, want, sizeof(want));
}

static void what_does_not_look_like_a_token_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "sl_", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"sl_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",   /* one short */
		"sl_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", /* one long */
		"sl_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"sl_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+",
		"sl_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB",  /* a second spelling */
		"SL_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	};
	uint8_t hash[TOKEN_HASH_LEN];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (token_hash(bad[i], hash) != 1)
			fail_msg("taken: %s", bad[i]);
}

static int decode(const char *text, bool first, struct token *t, struct err *err)
{
	json_t *v = json_of(text);
	static char pools[TOKEN_POOLS_LEN];
	int r = token_decode(v, first, pools, t, err);

	json_decref(v);
	return r;
}

static void a_token_holds_several_roles(void **state)
{
	struct token t;

	assert_int_equal(
		decode("{'name':'li','tenant':'works','roles':['user','operator','security']}",
		       false, &t, NULL),
		0);
	assert_int_equal(t.roles, ROLE_USER | ROLE_OPERATOR | ROLE_SECURITY);
	assert_string_equal(t.name, "li");
	assert_string_equal(t.tenant, "works");
	assert_false(t.revoked);
}

static void admin_security_and_auditor_stay_apart(void **state)
{
	static const char *const three[] = { "admin", "security", "auditor" };
	char text[200];
	struct token t = { .id = 5 };
	struct err err;

	for (int i = 0; i < 3; i++) {
		for (int k = 0; k < 3; k++) {
			if (i == k)
				continue;
			snprintf(text, sizeof(text),
				 "{'name':'a','tenant':'b','roles':['%s','%s']}", three[i],
				 three[k]);
			assert_int_equal(decode(text, false, &t, &err), ERR_E_INPUT);
			says(&err, "roles", "must not join");
			assert_int_equal(t.id, 5);
		}
	}
	assert_int_equal(
		decode("{'name':'a','tenant':'b','roles':['user','operator','admin','security']}",
		       true, &t, NULL),
		0);
}

static void wrong_tokens_are_refused_by_field(void **state)
{
	static const struct { const char *text, *field; } bad[] = {
		{ "{'tenant':'b','roles':['user']}", "name" },
		{ "{'name':'A','tenant':'b','roles':['user']}", "name" },
		{ "{'name':'a','tenant':'','roles':['user']}", "tenant" },
		{ "{'name':'a','tenant':'b'}", "roles" },
		{ "{'name':'a','tenant':'b','roles':[]}", "roles" },
		{ "{'name':'a','tenant':'b','roles':['root']}", "roles" },
		{ "{'name':'a','tenant':'b','roles':['user','user']}", "roles" },
		{ "{'name':'a','tenant':'b','roles':'user'}", "roles" },
		{ "{'name':'a','tenant':'b','roles':['user'],'hash':'00'}", "hash" },
		{ "{'name':'a','tenant':'b','roles':['user'],'id':1}", "id" },
		{ "{'name':'a','tenant':'b','roles':['user'],'user':'c'}", "user" },
		{ "{'name':'a','tenant':'b','roles':['user'],'scopes':[]}", "scopes" },
		{ "{'name':'a','tenant':'b','roles':['user'],'scopes':['tasks']}", "scopes" },
		{ "{'name':'a','tenant':'b','roles':['user'],'scopes':['self','self']}", "scopes" },
		{ "{'name':'a','tenant':'b','roles':['user'],'pools':[]}", "pools" },
		{ "{'name':'a','tenant':'b','roles':['user'],'pools':['a,b']}", "pools" },
		{ "{'name':'a','tenant':'b','roles':['user'],'expires':'tomorrow'}", "expires" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct token t;
		struct err err;

		assert_int_equal(decode(bad[i].text, false, &t, &err), ERR_E_INPUT);
		says(&err, bad[i].field, "");
	}
}

static int decode_own(const char *text, struct token *t, struct err *err)
{
	static const struct token owner = { .name = "li", .tenant = "works", .user = "li",
					    .roles = ROLE_USER | ROLE_OPERATOR };
	static char pools[TOKEN_POOLS_LEN];
	json_t *v = json_of(text);
	int r = token_decode_own(v, &owner, pools, t, err);

	json_decref(v);
	return r;
}

static void a_token_of_ones_own_is_for_ones_own_tenant(void **state)
{
	struct token t;
	struct err err;

	assert_int_equal(decode_own("{'name':'laptop'}", &t, &err), 0);
	assert_string_equal(t.tenant, "works");
	assert_string_equal(t.user, "li");
	assert_int_equal(t.roles, ROLE_USER | ROLE_OPERATOR);
	assert_int_equal(decode_own("{'name':'a','roles':['user']}", &t, &err), 0);
	assert_int_equal(t.roles, ROLE_USER);
	assert_int_equal(decode_own("{'name':'a','tenant':'other'}", &t, &err), ERR_E_INPUT);
	says(&err, "tenant", "");
	assert_int_equal(decode_own("{'name':'a','roles':['admin']}", &t, &err), ERR_E_INPUT);
	says(&err, "roles", "among those of the account");
}

static void pools_of_a_token_match_whole_names(void **state)
{
	struct token t = { .pools = "east,west-2" };

	assert_true(token_has_pool(&t, "east"));
	assert_true(token_has_pool(&t, "west-2"));
	assert_false(token_has_pool(&t, "west"));
	assert_false(token_has_pool(&t, "as"));
	assert_false(token_has_pool(&t, ""));
	t.pools = NULL;
	assert_true(token_has_pool(&t, "any"));
}

static void every_scope_has_one_name(void **state)
{
	for (unsigned bit = 1; bit < SCOPE_ANY; bit <<= 1) {
		assert_non_null(scope_name(bit));
		assert_int_equal(scope_parse(scope_name(bit)), bit);
	}
	assert_int_equal(scope_parse("tasks"), 0);
	assert_null(scope_name(SCOPE_TASKS_READ | SCOPE_TASKS_WRITE));
}

static void of_joined_roles_one_is_left(void **state)
{
	assert_int_equal(roles_split(ROLE_USER | ROLE_OPERATOR | ROLE_ADMIN | ROLE_SECURITY),
			 ROLE_USER | ROLE_OPERATOR | ROLE_ADMIN);
	assert_int_equal(roles_split(ROLE_SECURITY | ROLE_AUDITOR), ROLE_SECURITY);
	assert_int_equal(roles_split(ROLE_USER), ROLE_USER);
	for (unsigned set = 0; set < 32; set++)
		assert_true(roles_separate(roles_split(set)));
}

static void roles_are_known_by_their_names(void **state)
{
	assert_int_equal(role_parse("user"), ROLE_USER);
	assert_int_equal(role_parse("auditor"), ROLE_AUDITOR);
	assert_int_equal(role_parse(""), 0);
	assert_int_equal(role_parse("Admin"), 0);
}

static struct token made(void)
{
	struct token t = { .id = 7,
			   .name = "li",
			   .tenant = "works",
			   .user = "li",
			   .scopes = SCOPE_TASKS_READ | SCOPE_POOLS_READ,
			   .pools = "east,west",
			   .revoked = true,
			   .roles = ROLE_USER | ROLE_ADMIN | ROLE_SECURITY,
			   .created_ms = 1763888400000,
			   .expires_ms = 1763892000000 };

	for (int i = 0; i < TOKEN_HASH_LEN; i++)
		t.hash[i] = (uint8_t)(i * 9);
	return t;
}

static void the_journal_keeps_all_of_a_token(void **state)
{
	struct token t = made(), back;
	json_t *v = token_record_json(&t);
	char pools[TOKEN_POOLS_LEN];

	assert_int_equal(token_record_decode(v, pools, &back, NULL), 0);
	assert_true(same_json(v, token_record_json(&back)));
	assert_memory_equal(t.hash, back.hash, TOKEN_HASH_LEN);
	assert_true(back.revoked);
	assert_int_equal(back.id, 7);
	assert_string_equal(back.user, "li");
	assert_string_equal(back.pools, "east,west");
	assert_int_equal(back.scopes, SCOPE_TASKS_READ | SCOPE_POOLS_READ);
	assert_int_equal(back.expires_ms, t.expires_ms);
}

static void the_api_shows_no_hash(void **state)
{
	struct token t = made();

	assert_true(same_json(token_json(&t), json_of(
		"{'id':7,'name':'li','tenant':'works','user':'li','roles':['user','admin','security'],"
		"'scopes':['tasks:read','pools:read'],'pools':['east','west'],'revoked':true,"
		"'created':'2025-11-23T09:00:00.000Z','expires':'2025-11-23T10:00:00.000Z',"
		"'used':null}")));
}

static void a_damaged_record_of_a_token_is_refused(void **state)
{
	static const char *const keys[] = { "id", "name", "tenant", "roles", "hash", "revoked",
					    "created_ms" };
	struct token t = made(), back;
	char pools[TOKEN_POOLS_LEN];

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		json_t *v = token_record_json(&t);
		struct err err;

		json_object_del(v, keys[i]);
		assert_int_equal(token_record_decode(v, pools, &back, &err), ERR_E_INPUT);
		says(&err, keys[i], "is missing");
		json_object_set_new(v, keys[i], json_string("zz"));
		assert_int_equal(token_record_decode(v, pools, &back, &err), !strcmp(keys[i], "name") ||
				 !strcmp(keys[i], "tenant") ? 0 : ERR_E_INPUT);
		json_decref(v);
	}
}

/* Datasets are decoded by the same rules. */

static void a_dataset_comes_back_from_the_journal(void **state)
{
	json_t *v =
		json_of("{'name':'d','url':'file:///srv/d','region':'cn/50','level':'important',"
			"'size_mb':12}");
	struct dataset *d = NULL, *back = NULL;
	json_t *out;

	assert_int_equal(dataset_decode(v, "works", &d, NULL), 0);
	assert_string_equal(d->tenant, "works");
	assert_int_equal(d->level, LEVEL_IMPORTANT);
	d->removed = true;
	out = dataset_json(d);
	assert_int_equal(dataset_decode(out, NULL, &back, NULL), 0);
	assert_true(back->removed);
	assert_true(same_json(out, dataset_json(back)));
	dataset_free(d);
	dataset_free(back);
	assert_null(dataset_free(NULL));
	json_decref(v);
}

static void a_dataset_without_a_level_or_with_a_tenant_is_refused(void **state)
{
	static const struct { const char *text, *field; } bad[] = {
		{ "{'name':'d','url':'file:///srv/d','region':'cn/50'}", "level" },
		{ "{'name':'d','url':'file:///srv/d','level':1}", "region" },
		{ "{'name':'d','url':'s3://b/k','region':'cn','level':1}", "url" },
		{ "{'name':'D','url':'file:///srv/d','region':'cn','level':1}", "name" },
		{ "{'name':'d','url':'file:///d','region':'cn','level':1,'tenant':'x'}", "tenant" },
		{ "{'name':'d','url':'file:///d','region':'cn','level':1,'removed':true}",
		  "removed" },
		{ "{'name':'d','url':'file:///d','region':'cn','level':1,'size_mb':-1}",
		  "size_mb" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_t *v = json_of(bad[i].text);
		struct dataset *d = NULL;
		struct err err;

		assert_int_equal(dataset_decode(v, "works", &d, &err), ERR_E_INPUT);
		assert_null(d);
		says(&err, bad[i].field, "");
		json_decref(v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_token_is_known_by_its_hash),
		cmocka_unit_test(the_hash_is_sha256_of_the_text),
		cmocka_unit_test(what_does_not_look_like_a_token_is_refused),
		cmocka_unit_test(a_token_holds_several_roles),
		cmocka_unit_test(admin_security_and_auditor_stay_apart),
		cmocka_unit_test(wrong_tokens_are_refused_by_field),
		cmocka_unit_test(a_token_of_ones_own_is_for_ones_own_tenant),
		cmocka_unit_test(pools_of_a_token_match_whole_names),
		cmocka_unit_test(every_scope_has_one_name),
		cmocka_unit_test(of_joined_roles_one_is_left),
		cmocka_unit_test(roles_are_known_by_their_names),
		cmocka_unit_test(the_journal_keeps_all_of_a_token),
		cmocka_unit_test(the_api_shows_no_hash),
		cmocka_unit_test(a_damaged_record_of_a_token_is_refused),
		cmocka_unit_test(a_dataset_comes_back_from_the_journal),
		cmocka_unit_test(a_dataset_without_a_level_or_with_a_tenant_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
