/* test_audit.c - a log that was altered anywhere is found, and the place is named */

#include "domain/audit.h"

#include "domain/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 12 };

struct log {
	struct chain_entry e[N];
	char body[N][160];
	struct chain c;
};

static void fill(struct log *l, unsigned i, uint32_t kind, uint64_t subject, int64_t at_ms)
{
	struct chain_entry *e = &l->e[i];

	memcpy(e->prev, l->c.head, DIGEST_LEN);
	e->link = (struct chain_link){ .at_ms = at_ms, .kind = kind, .subject = subject,
				       .seq = i + 1 };
	chain_actor(e->link.actor, "ann of lab");
	e->body = l->body[i];
	e->body_len = strlen(l->body[i]);
	chain_add(&l->c, &e->link, e->body, e->body_len);
}

static int setup(void **state)
{
	struct log *l = calloc(1, sizeof(*l));

	chain_init(&l->c);
	for (unsigned i = 0; i < N; i++) {
		snprintf(l->body[i], sizeof(l->body[i]), "{\"n\":%u}", i);
		l->c.kind = i < 6 ? DIGEST_SM3 : DIGEST_SHA256;
		fill(l, i, RECORD_CHOOSE, 1 + i / 3, 1000 + i);
	}
	*state = l;
	return 0;
}

static int teardown(void **state)
{
	struct log *l = *state;

	chain_done(&l->c);
	free(l);
	return 0;
}

/* The number of the first altered one, 0: none. */
static uint64_t check(const struct log *l, unsigned from, unsigned to, enum audit_scope scope,
		      char why[AUDIT_WHY_MAX])
{
	struct audit_check c;
	uint64_t no;
	int r = 0;

	audit_check_begin(&c, scope);
	for (unsigned i = from; i < to && !r; i++)
		r = audit_check_add(&c, &l->e[i]);
	if (!r)
		audit_check_end(&c);
	no = c.bad_no;
	if (why)
		snprintf(why, AUDIT_WHY_MAX, "%s", c.why);
	audit_check_done(&c);
	return no;
}

static void a_log_as_it_was_written_is_verified(void **state)
{
	assert_int_equal(check(*state, 0, N, AUDIT_LOG, NULL), 0);
	assert_int_equal(check(*state, 0, N, AUDIT_HERE, NULL), 0);
	assert_int_equal(check(*state, 0, 0, AUDIT_LOG, NULL), 0);
}

static void a_changed_content_is_named(void **state)
{
	struct log *l = *state;
	char why[AUDIT_WHY_MAX];

	l->body[4][5] ^= 1;
	assert_int_equal(check(l, 0, N, AUDIT_LOG, why), 5);
	assert_non_null(strstr(why, "content"));
}

static void every_single_bit_of_an_entry_counts(void **state)
{
	struct log *l = *state;
	unsigned char *p = (unsigned char *)&l->e[3].link;

	for (size_t i = 0; i < sizeof(l->e[3].link); i++) {
		bool actor_tail = i > offsetof(struct chain_link, actor) + 10 &&
				  i < offsetof(struct chain_link, body);
		bool padding = (i >= offsetof(struct chain_link, kind) + 4 &&
				i < offsetof(struct chain_link, subject)) ||
			       i >= offsetof(struct chain_link, hash) + DIGEST_LEN;

		if (actor_tail || padding)
			continue;
		p[i] ^= 0x10;
		if (!check(l, 0, N, AUDIT_LOG, NULL))
			fail_msg("byte %zu of an entry can be changed", i);
		p[i] ^= 0x10;
	}
	assert_int_equal(check(l, 0, N, AUDIT_LOG, NULL), 0);
}

static void a_missing_entry_is_named(void **state)
{
	struct log *l = *state;

	memmove(&l->e[4], &l->e[5], (N - 5) * sizeof(l->e[0]));
	assert_int_equal(check(l, 0, N - 1, AUDIT_LOG, NULL), 5);
}

static void entries_that_changed_places_are_named(void **state)
{
	struct log *l = *state;
	struct chain_entry e = l->e[4];

	l->e[4] = l->e[5];
	l->e[5] = e;
	assert_int_equal(check(l, 0, N, AUDIT_LOG, NULL), 5);
}

/* Somebody who computes the hash of the entry he changed is found at the next one. */
static void a_rewritten_hash_is_found_at_the_next_entry(void **state)
{
	struct log *l = *state;
	struct digest *d = digest_new();

	strcpy(l->e[4].link.actor, "somebody else");
	chain_hash(d, l->e[3].link.hash, &l->e[4].link, l->e[4].link.hash);
	digest_free(d);
	assert_int_equal(check(l, 0, N, AUDIT_LOG, NULL), 6);
}

static void a_beginning_that_is_cut_off_is_named(void **state)
{
	assert_int_equal(check(*state, 3, N, AUDIT_LOG, NULL), 1);
	assert_int_equal(check(*state, 3, N, AUDIT_PART, NULL), 0);
}

/* Entry 10 says that what stood before 4 was pruned. */
static void anchor(struct log *l, unsigned up_to, const uint8_t hash[DIGEST_LEN])
{
	char hex[DIGEST_HEX + 1];

	l->c.no = 9;
	memcpy(l->c.head, l->e[8].link.hash, DIGEST_LEN);
	snprintf(l->body[9], sizeof(l->body[9]), "{\"up_to\":%u,\"hash\":\"%s\"}", up_to,
		 digest_hex(hash, hex));
	fill(l, 9, RECORD_ANCHOR, 0, 2000);
}

static void after_pruning_the_anchor_vouches_for_the_beginning(void **state)
{
	struct log *l = *state;

	anchor(l, 3, l->e[2].link.hash);
	assert_int_equal(check(l, 3, 10, AUDIT_LOG, NULL), 0);
	/* As the file has it: what was before is not known. */
	memset(l->e[3].prev, 0, DIGEST_LEN);
	assert_int_equal(check(l, 3, 10, AUDIT_LOG, NULL), 0);
	assert_int_equal(check(l, 4, 10, AUDIT_LOG, NULL), 1);
}

static void an_anchor_that_does_not_fit_is_named(void **state)
{
	struct log *l = *state;

	anchor(l, 3, l->e[1].link.hash);
	assert_int_equal(check(l, 3, 10, AUDIT_LOG, NULL), 4);
	memset(l->e[3].prev, 0, DIGEST_LEN);
	assert_int_equal(check(l, 3, 10, AUDIT_LOG, NULL), 4);
	anchor(l, 2, l->e[1].link.hash);
	assert_int_equal(check(l, 3, 10, AUDIT_LOG, NULL), 1);
}

static void a_content_may_be_gone_only_when_it_was_pruned(void **state)
{
	struct log *l = *state;
	char why[AUDIT_WHY_MAX];

	l->e[1].body = NULL;
	assert_int_equal(check(l, 0, N, AUDIT_LOG, why), 2);
	assert_non_null(strstr(why, "gone"));
	l->c.no = 9;
	memcpy(l->c.head, l->e[8].link.hash, DIGEST_LEN);
	strcpy(l->body[9], "{\"before_ms\":1002}");
	fill(l, 9, RECORD_PRUNED, 0, 2000);
	assert_int_equal(check(l, 0, 10, AUDIT_LOG, NULL), 0);
	l->e[2].body = NULL;
	assert_int_equal(check(l, 0, 10, AUDIT_LOG, NULL), 3);
}

static void a_row_of_the_node_is_never_gone(void **state)
{
	struct log *l = *state;

	l->c.no = 9;
	memcpy(l->c.head, l->e[8].link.hash, DIGEST_LEN);
	strcpy(l->body[9], "{\"node\":1}");
	fill(l, 9, RECORD_DATASET, 0, 5);
	strcpy(l->body[10], "{\"before_ms\":99999}");
	fill(l, 10, RECORD_PRUNED, 0, 2000);
	assert_int_equal(check(l, 0, 11, AUDIT_LOG, NULL), 0);
	l->e[9].body = NULL;
	assert_int_equal(check(l, 0, 11, AUDIT_LOG, NULL), 10);
}

static void a_row_without_an_entry_is_named(void **state)
{
	struct log *l = *state;
	struct audit_row row = { .seq = 7, .kind = RECORD_TOKEN };
	struct audit_check c;

	audit_check_begin(&c, AUDIT_HERE);
	audit_check_add(&c, &l->e[0]);
	assert_int_equal(audit_check_row(&c, &(struct audit_row){ .seq = 6, .kind = RECORD_START }, NULL),
			 0);
	assert_int_equal(audit_check_row(&c, &row, NULL), 1);
	assert_int_equal(c.bad_no, 2);
	row = (struct audit_row){ .seq = 1, .subject = 1, .at_ms = 1000, .kind = RECORD_CHOOSE };
	assert_int_equal(audit_check_row(&c, &row, &l->e[0]), 0);
	row.kind = RECORD_REFUSE;
	assert_int_equal(audit_check_row(&c, &row, &l->e[0]), 1);
	audit_check_done(&c);
}

/* ---- as JSON ---- */

static json_t *line_of(const struct chain_entry *e, bool secrets)
{
	struct buf b;
	json_t *doc;

	buf_init(&b, 1 << 20);
	assert_int_equal(audit_encode(e, secrets, &b), 0);
	doc = json_loads(b.data, 0, NULL);
	assert_non_null(doc);
	assert_null(strchr(b.data, '\n'));
	buf_done(&b);
	return doc;
}

static void a_line_says_all_that_is_checked(void **state)
{
	struct log *l = *state;
	struct chain_entry back;
	struct arena a;
	struct err err;
	json_t *doc;

	for (unsigned i = 0; i < N; i++) {
		arena_init(&a);
		doc = line_of(&l->e[i], false);
		assert_int_equal(audit_decode(doc, &a, &back, &err), 0);
		assert_memory_equal(back.link.hash, l->e[i].link.hash, DIGEST_LEN);
		assert_memory_equal(back.prev, l->e[i].prev, DIGEST_LEN);
		assert_string_equal(back.body, l->e[i].body);
		assert_string_equal(back.link.actor, l->e[i].link.actor);
		json_object_set_new(doc, "more", json_true());
		assert_int_equal(audit_decode(doc, &a, &back, &err), ERR_E_INPUT);
		json_object_del(doc, "more");
		json_object_set_new(doc, "hash", json_string("xyz"));
		assert_int_equal(audit_decode(doc, &a, &back, &err), ERR_E_INPUT);
		json_decref(doc);
		arena_done(&a);
	}
}

static void secrets_are_not_shown_and_the_rest_is(void **state)
{
	struct log *l = *state;
	json_t *doc, *shown;

	strcpy(l->body[0], "{\"name\":\"ann\",\"hash\":\"c0ffee\",\"in\":[{\"password\":\"p\"}]}");
	l->e[0].link.kind = RECORD_TOKEN;
	l->e[0].body_len = strlen(l->body[0]);
	doc = line_of(&l->e[0], false);
	assert_true(json_is_null(json_object_get(doc, "body")));
	shown = json_object_get(doc, "shown");
	assert_string_equal(json_string_value(json_object_get(shown, "name")), "ann");
	assert_string_equal(json_string_value(json_object_get(shown, "hash")), "***");
	assert_string_equal(json_string_value(json_object_get(json_array_get(
				json_object_get(shown, "in"), 0), "password")), "***");
	json_decref(doc);
	doc = line_of(&l->e[0], true);
	assert_string_equal(json_string_value(json_object_get(doc, "body")), l->body[0]);
	json_decref(doc);
}

static void a_submission_hides_only_what_is_its_owners(void **state)
{
	static const char private[] = "{\"env\":{\"KEY\":\"s3cret\"},\"name\":\"x\"}";
	struct log *l = *state;
	struct chain_entry back;
	struct arena a;
	struct err err;
	json_t *doc;

	arena_init(&a);
	l->e[0].link.kind = RECORD_SUBMIT;
	doc = line_of(&l->e[0], false);         /* nothing to hide: the body as it is */
	assert_string_equal(json_string_value(json_object_get(doc, "body")), l->body[0]);
	json_decref(doc);
	strcpy(l->body[0], private);
	l->e[0].body_len = strlen(private);
	doc = line_of(&l->e[0], false);
	assert_true(json_is_null(json_object_get(doc, "body")));
	assert_string_equal(json_string_value(json_object_get(json_object_get(json_object_get(
				doc, "shown"), "env"), "KEY")), "***");
	assert_int_equal(audit_decode(doc, &a, &back, &err), 0);
	assert_true(back.hidden);
	json_decref(doc);
	arena_done(&a);
}

/* `shown` beside a body of null is an excuse for the kinds that hide something, and for no other. */
static void only_what_may_be_hidden_may_lack_its_content(void **state)
{
	struct log *l = *state;
	char why[AUDIT_WHY_MAX];

	l->e[3].body = NULL;
	l->e[3].hidden = true;
	assert_int_equal(check(l, 0, N, AUDIT_LOG, why), 4);
	assert_non_null(strstr(why, "gone from the journal"));
}

static void what_the_node_found_is_named(void **state)
{
	struct log *l = *state;
	char why[AUDIT_WHY_MAX];

	l->e[7].fault = CHAIN_ROW;
	assert_int_equal(check(l, 0, N, AUDIT_LOG, why), 8);
	assert_non_null(strstr(why, "kind, time or task"));
	l->e[5].fault = CHAIN_CONTENT;
	assert_int_equal(check(l, 0, N, AUDIT_LOG, why), 6);
	assert_non_null(strstr(why, "content was changed"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(a_log_as_it_was_written_is_verified),
		T(a_changed_content_is_named),
		T(every_single_bit_of_an_entry_counts),
		T(a_missing_entry_is_named),
		T(entries_that_changed_places_are_named),
		T(a_rewritten_hash_is_found_at_the_next_entry),
		T(a_beginning_that_is_cut_off_is_named),
		T(after_pruning_the_anchor_vouches_for_the_beginning),
		T(an_anchor_that_does_not_fit_is_named),
		T(a_content_may_be_gone_only_when_it_was_pruned),
		T(a_row_of_the_node_is_never_gone),
		T(a_row_without_an_entry_is_named),
		T(a_line_says_all_that_is_checked),
		T(secrets_are_not_shown_and_the_rest_is),
		T(a_submission_hides_only_what_is_its_owners),
		T(only_what_may_be_hidden_may_lack_its_content),
		T(what_the_node_found_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
