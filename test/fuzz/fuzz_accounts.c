/* fuzz_accounts.c - whatever is taken as a tenant, an account, a token, a quota or a data set comes
 * back from the journal as the same */

#include "domain/dataset.h"
#include "domain/quota.h"
#include "domain/tenant.h"
#include "domain/token.h"
#include "domain/user.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1800000000000LL     /* 2027-01-15 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_accounts: %s\n", what);
	abort();
}

/* The record's bytes and back. */
static json_t *through_text(json_t *doc)
{
	char *text = json_dumps(doc, JSON_COMPACT | JSON_REAL_PRECISION(15));
	json_t *back = NULL;

	must(text && json_parse(text, strlen(text), &back, NULL) == 0, "a record is no JSON");
	must(json_equal(doc, back), "a record changes in its text");
	free(text);
	json_decref(doc);
	return back;
}

static void same(json_t *doc, json_t *again, const char *what)
{
	must(json_equal(doc, again), what);
	json_decref(doc);
	json_decref(again);
}

static void tenant(const json_t *json)
{
	struct tenant t, copy;
	struct err err = { 0 };
	json_t *doc;

	if (tenant_decode(json, &t, &err)) {
		must(err.text[0], "a tenant is refused without words");
		return;
	}
	t.created_ms = NOW;
	doc = through_text(tenant_record_json(&t));
	must(!tenant_record_decode(doc, &copy, &err), "a tenant cannot be read back");
	same(doc, tenant_record_json(&copy), "a tenant is another one after a restart");
	json_decref(tenant_json(&t));
}

static void change(const json_t *json)
{
	struct tenant t = { .name = "lab", .created_ms = NOW };
	struct user u = { .name = "ada", .tenant = "lab", .roles = ROLE_USER, .created_ms = NOW };

	tenant_change(json, &t, NULL);
	must(!strcmp(t.name, "lab") && t.created_ms == NOW && !t.removed, "a change changes more than it may");
	user_change(json, &u, NULL);
	must(!strcmp(u.name, "ada") && !strcmp(u.tenant, "lab") && !u.removed && u.roles &&
	     roles_separate(u.roles), "a change joins what is kept apart");
}

static void user(const json_t *json)
{
	struct user u, copy;
	struct err err = { 0 };
	json_t *doc;

	if (user_decode(json, &u, &err)) {
		must(err.text[0], "an account is refused without words");
		return;
	}
	must(u.roles && roles_separate(u.roles), "an account joins what is kept apart");
	u.created_ms = NOW;
	doc = through_text(user_record_json(&u));
	must(!user_record_decode(doc, &copy, &err), "an account cannot be read back");
	same(doc, user_record_json(&copy), "an account is another one after a restart");
	json_decref(user_json(&u));
}

static void recorded(struct token *t)
{
	char pools[TOKEN_POOLS_LEN];
	struct token copy;
	struct err err = { 0 };
	json_t *doc;

	t->id = 7;
	t->created_ms = NOW;
	doc = through_text(token_record_json(t));
	if (token_record_decode(doc, pools, &copy, &err)) {
		fprintf(stderr, "%s: %s\n", err.field, err.text);
		must(false, "a token cannot be read back");
	}
	same(doc, token_record_json(&copy), "a token is another one after a restart");
	json_decref(token_json(t));
}

static void token(const json_t *json)
{
	const struct token owner = { .name = "ada", .user = "ada", .tenant = "lab", .roles = ROLE_USER,
				     .scopes = SCOPE_TASKS_READ | SCOPE_SELF, .pools = "east" };
	char pools[TOKEN_POOLS_LEN];
	struct token t;
	struct err err = { 0 };

	if (!token_decode(json, false, pools, &t, &err)) {
		must(t.roles && roles_separate(t.roles), "a token joins what is kept apart");
		recorded(&t);
	} else {
		must(err.text[0], "a token is refused without words");
	}
	if (!token_decode_own(json, &owner, pools, &t, NULL)) {
		must(!(t.roles & ~owner.roles) && !strcmp(t.tenant, "lab"), "a token is more than its owner");
		recorded(&t);
	}
}

static void quota(const json_t *json)
{
	struct quota q, copy;
	struct err err = { 0 };
	json_t *doc;

	if (quota_decode(json, &q, &err)) {
		must(err.text[0], "a quota is refused without words");
		return;
	}
	must(q.weight_milli >= 1 && q.weight_milli <= QUOTA_WEIGHT_MAX, "a weight that divides by nothing");
	doc = through_text(quota_json(&q));
	must(!quota_decode(doc, &copy, &err), "a quota cannot be read back");
	same(doc, quota_json(&copy), "a quota is another one after a restart");
}

static void dataset(const json_t *json)
{
	struct dataset *d = NULL, *copy = NULL;
	struct err err = { 0 };
	json_t *doc;

	if (dataset_decode(json, "lab", &d, &err)) {
		must(err.text[0], "a data set is refused without words");
		return;
	}
	must(d->level > LEVEL_NONE && d->level < LEVEL_COUNT, "a data set without a level");
	doc = through_text(dataset_json(d));
	if (dataset_decode(doc, NULL, &copy, &err)) {
		fprintf(stderr, "%s: %s\n", err.field, err.text);
		must(false, "a data set cannot be read back");
	}
	json_decref(doc);
	same(dataset_json(d), dataset_json(copy), "a data set is another one after a restart");
	dataset_free(d);
	dataset_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	json_t *json = NULL;

	if (json_parse((const char *)data, n, &json, NULL))
		return 0;
	tenant(json);
	user(json);
	change(json);
	token(json);
	quota(json);
	dataset(json);
	json_decref(json);
	return 0;
}
