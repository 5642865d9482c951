/* test_identity.c - tenants, accounts and tokens: who may do what, at this very moment */

#include "flow/state.h"

#include "base/clock.h"
#include "base/mem.h"
#include "../lib/domain.h"

#include <stdio.h>
#include <unistd.h>

struct world {
	uv_loop_t loop;
	struct catalogue catalogue;
	struct store *store;
	struct flow *flow;
	struct token root;              /* as the first token is now */
	char dir[64], text[TOKEN_TEXT_LEN + 1];
	struct err err;
};

static const char *const no_roots[] = { NULL };

static struct pool *pool_named(struct world *w, const char *name)
{
	char text[400];
	struct pool *p = NULL;
	json_t *json;

	snprintf(text, sizeof(text), "{'name':'%s','tier':'centre','region':'cn/62','owner':'o',"
		 "'engine':'fake','clearance':2,'price':{'cpu_hour':'0.10'},"
		 "'groups':[{'count':1,'cpus':2,'memory_mb':4096}],"
		 "'options':{'time_scale':1,'run_ms':5}}", name);
	json = json_of(text);
	if (pool_decode(json, "", NULL, &w->catalogue, &p, &w->err))
		fail_msg("%s: %s", w->err.field, w->err.text);
	json_decref(json);
	return p;
}

static void on_fatal(void *arg, const char *why)
{
	fail_msg("fatal: %s", why);
}

static void start(struct world *w)
{
	struct pool *pools[] = { pool_named(w, "east"), pool_named(w, "west") };
	struct store_events ev;
	struct flow_config c = { .loop = &w->loop, .catalogue = &w->catalogue, .pools = pools,
				 .npools = 2, .dir = w->dir, .read_roots = no_roots,
				 .write_roots = no_roots, .seed = 7, .fatal = on_fatal };

	flow_limits_default(&c.limits);
	flow_store_events(&w->flow, &ev);
	if (!w->store)
		assert_int_equal(store_memory_open(&w->loop, &ev, &w->store, &w->err), 0);
	c.store = w->store;
	if (flow_new(&c, &w->flow, &w->err))
		fail_msg("%s", w->err.text);
}

static void stop(struct world *w)
{
	w->flow = flow_free(w->flow);
	for (int i = 0; i < 100 && uv_run(&w->loop, UV_RUN_NOWAIT); i++)
		;
}

static const struct token *find(struct world *w, const char *text)
{
	return flow_token_find(w->flow, text);
}

static void look_again(struct world *w)
{
	const struct token *t = find(w, w->text);

	assert_non_null(t);
	w->root = *t;
}

static int setup(void **state)
{
	struct world *w = mem_alloc(sizeof(*w));
	const struct token *t;
	json_t *doc = json_of("{'name':'default','tenant':'default','roles':['user','operator',"
			      "'admin','security']}");

	uv_loop_init(&w->loop);
	chips(&w->catalogue);
	strcpy(w->dir, "/tmp/test_identity.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	start(w);
	assert_int_equal(flow_token_new(w->flow, doc, NULL, w->text, &t, &w->err), 0);
	json_decref(doc);
	look_again(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	char cmd[96];

	w->store->ops->free(w->store);
	stop(w);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	catalogue_done(&w->catalogue);
	snprintf(cmd, sizeof(cmd), "rm -r %s", w->dir);
	if (system(cmd))
		print_message("%s is left\n", w->dir);
	free(w);
	return 0;
}

/* ---- doing things, as somebody ---- */

static int tenant_new(struct world *w, const char *name, const struct token *who)
{
	const struct tenant *t;
	json_t *doc = json_pack("{s:s}", "name", name);
	int r = flow_tenant_new(w->flow, doc, who, &t, &w->err);

	json_decref(doc);
	return r;
}

static int alter_tenant(struct world *w, const char *name, const char *text)
{
	const struct tenant *t;
	json_t *doc = json_of(text);
	int r = flow_tenant_change(w->flow, name, doc, &w->root, &t, &w->err);

	json_decref(doc);
	return r;
}

static int user_new(struct world *w, const char *text, const struct token *who)
{
	const struct user *u;
	json_t *doc = json_of(text);
	int r = flow_user_new(w->flow, doc, who, &u, &w->err);

	json_decref(doc);
	return r;
}

static int alter_user(struct world *w, const char *name, const char *text,
		       const struct token *who)
{
	const struct user *u;
	json_t *doc = json_of(text);
	int r = flow_user_change(w->flow, name, doc, who, &u, &w->err);

	json_decref(doc);
	return r;
}

static int token_new(struct world *w, const char *text, const struct token *who, char *ret)
{
	const struct token *t;
	json_t *doc = json_of(text);
	int r = flow_token_new(w->flow, doc, who, ret, &t, &w->err);

	json_decref(doc);
	return r;
}

static int own_new(struct world *w, const char *text, const struct token *who, char *ret)
{
	const struct token *t;
	json_t *doc = json_of(text);
	int r = flow_token_new_own(w->flow, doc, who, ret, &t, &w->err);

	json_decref(doc);
	return r;
}

static int submit(struct world *w, const char *text, const struct token *who,
		  struct flow_submitted *ret)
{
	json_t *doc = json_of(text);
	int r = flow_submit(w->flow, doc, who, ret, &w->err);

	json_decref(doc);
	return r;
}

static void no(struct world *w, int got, int want, const char *words)
{
	assert_int_equal(got, want);
	if (!strstr(w->err.text, words))
		fail_msg("\"%s\" does not say \"%s\"", w->err.text, words);
}

/* The token of a session of this account, as far as its rights go. */
static struct token as(struct world *w, const char *name)
{
	const struct user *u = flow_user_find(w->flow, name);
	struct token t = { .id = 99, .foreign = true };

	assert_non_null(u);
	t.roles = u->roles;
	strcpy(t.name, u->name);
	strcpy(t.user, u->name);
	strcpy(t.tenant, u->tenant);
	return t;
}

static void three_people(struct world *w)
{
	struct token sec;

	assert_int_equal(user_new(w, "{'name':'sun','tenant':'default','roles':['security']}",
				  &w->root), 0);
	look_again(w);
	sec = as(w, "sun");
	assert_int_equal(user_new(w, "{'name':'an','tenant':'default','roles':['user']}",
				  &w->root), 0);
	assert_int_equal(user_new(w, "{'name':'wu','tenant':'default','roles':['user']}",
				  &w->root), 0);
	assert_int_equal(alter_user(w, "an", "{'roles':['admin']}", &sec), 0);
	assert_int_equal(alter_user(w, "wu", "{'roles':['auditor']}", &sec), 0);
}

/* ---- tenants ---- */

static void a_token_for_an_unknown_tenant_is_refused(void **state)
{
	struct world *w = *state;
	char text[TOKEN_TEXT_LEN + 1];
	const char *doc = "{'name':'a','tenant':'lab','roles':['user']}";

	no(w, token_new(w, doc, &w->root, text), FLOW_E_INPUT, "no tenant \"lab\"");
	assert_string_equal(w->err.field, "tenant");
	assert_int_equal(tenant_new(w, "lab", &w->root), 0);
	assert_int_equal(token_new(w, doc, &w->root, text), 0);
	no(w, tenant_new(w, "lab", &w->root), FLOW_E_CONFLICT, "taken");
}

static void a_disabled_tenant_takes_nothing_new_and_ends_what_it_took(void **state)
{
	struct world *w = *state;
	char text[TOKEN_TEXT_LEN + 1];
	struct flow_submitted s;
	struct token who;

	tenant_new(w, "lab", &w->root);
	token_new(w, "{'name':'a','tenant':'lab','roles':['user']}", &w->root, text);
	who = *find(w, text);
	assert_int_equal(submit(w, "{'script':'true'}", &who, &s), 0);
	assert_int_equal(alter_tenant(w, "lab", "{'disabled':true}"), 0);
	no(w, submit(w, "{'script':'true'}", &who, &s), FLOW_E_FORBIDDEN, "disabled");
	assert_non_null(find(w, text));         /* it may still look, and cancel */
	for (int i = 0; i < 20000 && flow_task(w->flow, 1)->state != TASK_DONE; i++) {
		uv_run(&w->loop, UV_RUN_NOWAIT);
		usleep(200);
	}
	assert_int_equal(flow_task(w->flow, 1)->state, TASK_DONE);
	assert_int_equal(alter_tenant(w, "lab", "{'disabled':false}"), 0);
	assert_int_equal(submit(w, "{'script':'true'}", &who, &s), 0);
}

static void a_tenant_with_live_tasks_is_not_removed(void **state)
{
	struct world *w = *state;
	char text[TOKEN_TEXT_LEN + 1];
	struct flow_submitted s;
	struct token who;

	tenant_new(w, "lab", &w->root);
	no(w, flow_tenant_remove(w->flow, "none", &w->root, &w->err), FLOW_E_NOT_FOUND, "no tenant");
	token_new(w, "{'name':'a','tenant':'lab','roles':['user']}", &w->root, text);
	who = *find(w, text);
	submit(w, "{'script':'true'}", &who, &s);
	no(w, flow_tenant_remove(w->flow, "lab", &w->root, &w->err), FLOW_E_CONFLICT, "tasks");
	flow_cancel(w->flow, s.sub, -1, &who, &w->err);
	for (int i = 0; i < 20000 && !flow_task(w->flow, s.sub)->ended_ms; i++) {
		uv_run(&w->loop, UV_RUN_NOWAIT);
		usleep(200);
	}
	no(w, flow_tenant_remove(w->flow, "lab", &w->root, &w->err), FLOW_E_CONFLICT, "tokens");
	assert_int_equal(flow_token_revoke(w->flow, who.id, &w->root, &w->err), 0);
	assert_int_equal(flow_tenant_remove(w->flow, "lab", &w->root, &w->err), 0);
	assert_null(flow_tenant_find(w->flow, "lab"));
	no(w, tenant_new(w, "lab", &w->root), FLOW_E_CONFLICT, "is gone");
}

/* ---- three roles, three people ---- */

static void the_first_account_must_take_over_security(void **state)
{
	struct world *w = *state;

	no(w, user_new(w, "{'name':'li','tenant':'default','roles':['user']}", &w->root),
	   FLOW_E_CONFLICT, "must have the role security");
	no(w, user_new(w, "{'name':'li','tenant':'default','roles':['admin']}", &w->root),
	   FLOW_E_CONFLICT, "must have the role security");
	assert_int_equal(w->root.roles & ROLE_OFFICERS, ROLE_ADMIN | ROLE_SECURITY);
	assert_int_equal(user_new(w, "{'name':'li','tenant':'default','roles':['security']}",
				  &w->root), 0);
}

static void with_a_second_person_the_first_token_loses_security_at_once(void **state)
{
	struct world *w = *state;

	three_people(w);
	assert_int_equal(w->root.roles, ROLE_USER | ROLE_OPERATOR | ROLE_ADMIN);
	stop(w);
	start(w);
	look_again(w);
	assert_int_equal(w->root.roles, ROLE_USER | ROLE_OPERATOR | ROLE_ADMIN);
}

static void an_admin_gives_no_role_of_the_three(void **state)
{
	static const char *const three[] = { "admin", "security", "auditor" };
	struct world *w = *state;
	struct token an;
	char text[100];

	three_people(w);
	an = as(w, "an");
	for (int i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "{'name':'x%d','tenant':'default','roles':['%s']}", i,
			 three[i]);
		no(w, user_new(w, text, &an), FLOW_E_FORBIDDEN, "only security");
		no(w, user_new(w, text, &w->root), FLOW_E_FORBIDDEN, "only security");
	}
	assert_int_equal(user_new(w, "{'name':'x','tenant':'default','roles':['user']}", &an), 0);
	no(w, alter_user(w, "x", "{'roles':['auditor']}", &an), FLOW_E_FORBIDDEN, "only security");
	no(w, alter_user(w, "wu", "{'roles':['user']}", &an), FLOW_E_FORBIDDEN, "only security");
	assert_int_equal(alter_user(w, "x", "{'roles':['user','operator']}", &an), 0);
}

static void no_account_joins_two_of_the_three(void **state)
{
	struct world *w = *state;
	struct token sun;

	three_people(w);
	sun = as(w, "sun");
	assert_int_equal(alter_user(w, "an", "{'roles':['admin','auditor']}", &sun), FLOW_E_INPUT);
	assert_string_equal(w->err.field, "roles");
	assert_int_equal(flow_user_find(w->flow, "an")->roles, ROLE_ADMIN);
}

static void nobody_changes_their_own_account(void **state)
{
	struct world *w = *state;
	struct token sun, an;

	three_people(w);
	sun = as(w, "sun");
	an = as(w, "an");
	no(w, alter_user(w, "sun", "{'roles':['admin']}", &sun), FLOW_E_FORBIDDEN, "their own");
	no(w, alter_user(w, "an", "{'roles':['admin','operator']}", &an), FLOW_E_FORBIDDEN,
	   "their own");
	no(w, alter_user(w, "an", "{'disabled':true}", &an), FLOW_E_FORBIDDEN, "their own");
	no(w, flow_user_remove(w->flow, "an", &an, &w->err), FLOW_E_FORBIDDEN, "their own");
	assert_int_equal(alter_user(w, "an", "{'title':'安'}", &an), 0);
}

static void the_last_security_and_the_last_admin_stay(void **state)
{
	struct world *w = *state;
	struct token sun, an;

	three_people(w);
	sun = as(w, "sun");
	an = as(w, "an");
	no(w, alter_user(w, "sun", "{'disabled':true}", &an), FLOW_E_CONFLICT, "role security");
	no(w, flow_user_remove(w->flow, "sun", &an, &w->err), FLOW_E_CONFLICT, "role security");
	assert_int_equal(flow_token_revoke(w->flow, w->root.id, &an, &w->err), 0);
	no(w, alter_user(w, "an", "{'roles':['user']}", &sun), FLOW_E_CONFLICT, "role admin");
	no(w, alter_user(w, "an", "{'disabled':true}", &sun), FLOW_E_CONFLICT, "role admin");
}

static void the_last_admin_token_is_not_revoked(void **state)
{
	struct world *w = *state;

	no(w, flow_token_revoke(w->flow, w->root.id, &w->root, &w->err), FLOW_E_CONFLICT,
	   "last token with the admin role");
	three_people(w);
	assert_int_equal(flow_token_revoke(w->flow, w->root.id, &w->root, &w->err), 0);
	assert_null(find(w, w->text));
}

static void machines_get_neither_admin_nor_security_once_there_are_people(void **state)
{
	struct world *w = *state;
	char text[TOKEN_TEXT_LEN + 1];
	struct token sun;

	assert_int_equal(token_new(w, "{'name':'a','tenant':'default','roles':['admin']}", &w->root,
				   text), 0);
	three_people(w);
	sun = as(w, "sun");
	no(w, token_new(w, "{'name':'b','tenant':'default','roles':['security']}", &w->root, text),
	   FLOW_E_FORBIDDEN, "belong to people");
	no(w, token_new(w, "{'name':'b','tenant':'default','roles':['admin']}", &sun, text),
	   FLOW_E_FORBIDDEN, "belong to people");
	assert_int_equal(token_new(w, "{'name':'prometheus','tenant':'default','roles':['auditor']}",
				   &w->root, text), 0);
}

static void random_changes_never_join_two_of_the_three(void **state)
{
	static const char *const roles[] = { "user", "operator", "admin", "security", "auditor" };
	struct world *w = *state;
	const char *env = getenv("SEED");
	unsigned seed = env ? (unsigned)atoi(env) : (unsigned)clock_now_ms();
	char text[160], own[TOKEN_TEXT_LEN + 1];

	three_people(w);
	srand(seed);
	for (int i = 0; i < 3000; i++) {
		const struct user *by = flow_user_at(w->flow, (uint32_t)rand() % flow_nusers(w->flow));
		struct token who = !by || rand() % 4 == 0 ? *find(w, w->text) : as(w, by->name);
		const struct user *of = flow_user_at(w->flow, (uint32_t)rand() % flow_nusers(w->flow));
		const char *a = roles[rand() % 5], *b = roles[rand() % 5];

		snprintf(text, sizeof(text), "{'name':'u%d','tenant':'default','roles':['%s','%s']}",
			 rand() % 40, a, b);
		switch (rand() % 4) {
		case 0:
			user_new(w, text, &who);
			break;
		case 1:
			snprintf(text, sizeof(text), "{'roles':['%s','%s'],'disabled':%s}", a, b,
				 rand() % 5 ? "false" : "true");
			if (of)
				alter_user(w, of->name, text, &who);
			break;
		case 2:
			own_new(w, "{'name':'o'}", &who, own);
			break;
		default:
			token_new(w, text, &who, own);
		}
		for (uint32_t k = 0; k < flow_nusers(w->flow); k++)
			if (flow_user_at(w->flow, k) &&
			    !roles_separate(flow_user_at(w->flow, k)->roles))
				fail_msg("SEED=%u, step %d: an account joins two", seed, i);
		for (uint32_t k = 0; k < flow_ntokens(w->flow); k++)
			if (!roles_separate(flow_token_at(w->flow, k)->roles))
				fail_msg("SEED=%u, step %d: a token joins two", seed, i);
	}
}

/* ---- tokens follow their owner ---- */

static void a_role_removed_while_its_token_is_in_use_is_gone_with_the_next_request(void **state)
{
	struct world *w = *state;
	char text[TOKEN_TEXT_LEN + 1];
	struct token sun, an;

	three_people(w);
	sun = as(w, "sun");
	an = as(w, "an");
	assert_int_equal(own_new(w, "{'name':'laptop'}", &an, text), 0);
	an = *find(w, text);
	assert_int_equal(an.roles, ROLE_ADMIN);
	assert_true(flow_token_holds(w->flow, &an));
	assert_int_equal(alter_user(w, "an", "{'roles':['user']}", &sun), 0);
	assert_int_equal(find(w, text)->roles, 0);
	assert_false(flow_token_holds(w->flow, &an));
	assert_int_equal(alter_user(w, "an", "{'roles':['user','admin']}", &sun), 0);
	assert_int_equal(find(w, text)->roles, ROLE_ADMIN);
}

static void tokens_of_a_disabled_account_are_dead_at_once(void **state)
{
	struct world *w = *state;
	char text[TOKEN_TEXT_LEN + 1];
	struct token sun, an;

	three_people(w);
	sun = as(w, "sun");
	an = as(w, "an");
	own_new(w, "{'name':'laptop'}", &an, text);
	assert_non_null(find(w, text));
	assert_int_equal(alter_user(w, "an", "{'disabled':true}", &sun), 0);
	assert_null(find(w, text));
	assert_int_equal(alter_user(w, "an", "{'disabled':false}", &sun), 0);
	assert_non_null(find(w, text));
	assert_int_equal(flow_user_remove(w->flow, "an", &sun, &w->err), 0);
	assert_null(find(w, text));
	no(w, user_new(w, "{'name':'an','tenant':'default','roles':['user']}", &w->root),
	   FLOW_E_CONFLICT, "is gone");
}

static void nobody_revokes_the_token_of_another_account(void **state)
{
	struct world *w = *state;
	char text[TOKEN_TEXT_LEN + 1];
	struct token an, wu;
	uint32_t id;

	three_people(w);
	an = as(w, "an");
	wu = as(w, "wu");
	own_new(w, "{'name':'laptop'}", &an, text);
	id = find(w, text)->id;
	no(w, flow_token_revoke_own(w->flow, id, &wu, &w->err), FLOW_E_NOT_FOUND, "no such token");
	no(w, flow_token_revoke_own(w->flow, id, &w->root, &w->err), FLOW_E_NOT_FOUND, "no such");
	assert_int_equal(flow_token_revoke_own(w->flow, id, &an, &w->err), 0);
	assert_null(find(w, text));
	no(w, own_new(w, "{'name':'laptop'}", &w->root, text), FLOW_E_CONFLICT, "machine");
}

static void an_account_has_so_many_tokens_and_no_more(void **state)
{
	struct world *w = *state;
	char text[TOKEN_TEXT_LEN + 1];
	struct token an;

	three_people(w);
	an = as(w, "an");
	for (int i = 0; i < 100; i++)
		assert_int_equal(own_new(w, "{'name':'laptop'}", &an, text), 0);
	no(w, own_new(w, "{'name':'laptop'}", &an, text), FLOW_E_LIMIT, "revoke one");
	assert_int_equal(flow_token_revoke_own(w->flow, find(w, text)->id, &an, &w->err), 0);
	assert_int_equal(own_new(w, "{'name':'laptop'}", &an, text), 0);
}

/* As if it had been revoked two days ago. */
static void revoked_before(struct world *w, uint32_t id)
{
	struct token t = token_id(w->flow, id)->t;
	struct record r = { .kind = RECORD_TOKEN, .at_ms = clock_now_ms() - 2 * TOKEN_KEPT_MS };

	t.revoked = true;
	r.doc = token_record_json(&t);
	flow_commit(w->flow, &r);
	json_decref(r.doc);
}

static void tokens_that_are_long_over_are_forgotten_and_their_ids_stay_taken(void **state)
{
	struct world *w = *state;
	char text[TOKEN_TEXT_LEN + 1], last[TOKEN_TEXT_LEN + 1];
	uint32_t before, id;
	struct token an;

	three_people(w);
	an = as(w, "an");
	before = flow_ntokens(w->flow);
	for (int i = 0; i < 5; i++) {
		own_new(w, "{'name':'laptop','pools':['east']}", &an, text);
		id = find(w, text)->id;
		revoked_before(w, id);
	}
	assert_int_equal(own_new(w, "{'name':'last'}", &an, last), 0);
	assert_int_equal(flow_ntokens(w->flow), before + 1);
	assert_int_equal(find(w, last)->id, id + 1);
	assert_null(find(w, text));
	assert_int_equal(flow_token_revoke_own(w->flow, id, &an, &w->err), FLOW_E_NOT_FOUND);
	stop(w);
	start(w);
	assert_int_equal(flow_ntokens(w->flow), before + 1);
	assert_int_equal(find(w, last)->id, id + 1);
	assert_null(find(w, text));
}

/* Or one account ends the making of tokens for all. */
static void whoever_makes_and_revokes_tokens_without_end_is_stopped(void **state)
{
	struct world *w = *state;
	char text[TOKEN_TEXT_LEN + 1];
	struct token an, wu;

	three_people(w);
	an = as(w, "an");
	wu = as(w, "wu");
	for (int i = 0; i < USER_KNOWN_MAX; i++) {
		assert_int_equal(own_new(w, "{'name':'x'}", &an, text), 0);
		assert_int_equal(flow_token_revoke_own(w->flow, find(w, text)->id, &an, &w->err), 0);
	}
	no(w, own_new(w, "{'name':'x'}", &an, text), FLOW_E_LIMIT, "within a day");
	assert_int_equal(own_new(w, "{'name':'x'}", &wu, text), 0);
	/* A day later. */
	for (uint32_t i = 0; i < flow_ntokens(w->flow); i++)
		w->flow->who.token_list[i]->over_ms -= TOKEN_KEPT_MS;
	assert_int_equal(own_new(w, "{'name':'x'}", &an, text), 0);
}

/* ---- limits of a token ---- */

static void an_expired_token_is_not_known(void **state)
{
	struct world *w = *state;
	char text[TOKEN_TEXT_LEN + 1], doc[160], when[CLOCK_TEXT_MAX];

	no(w, token_new(w, "{'name':'a','tenant':'default','roles':['user'],"
			"'expires':'2020-01-01T00:00:00Z'}", &w->root, text), FLOW_E_INPUT, "future");
	snprintf(doc, sizeof(doc), "{'name':'a','tenant':'default','roles':['user'],'expires':'%s'}",
		 clock_format(clock_now_ms() + 150, when));
	assert_int_equal(token_new(w, doc, &w->root, text), 0);
	assert_non_null(find(w, text));
	usleep(200 * 1000);
	assert_null(find(w, text));
}

static void a_narrowed_token_makes_narrower_ones_only(void **state)
{
	struct world *w = *state;
	char text[TOKEN_TEXT_LEN + 1], next[TOKEN_TEXT_LEN + 1];
	struct token t;

	assert_int_equal(token_new(w, "{'name':'a','tenant':'default','roles':['admin'],"
				   "'scopes':['identity:write','tasks:read'],'pools':['west']}",
				   &w->root, text), 0);
	t = *find(w, text);
	no(w, token_new(w, "{'name':'b','tenant':'default','roles':['user']}", &t, next),
	   FLOW_E_INPUT, "among those of your own");
	no(w, token_new(w, "{'name':'b','tenant':'default','roles':['user'],"
			"'scopes':['tasks:write']}", &t, next), FLOW_E_INPUT, "among those");
	no(w, token_new(w, "{'name':'b','tenant':'default','roles':['user'],"
			"'scopes':['tasks:read']}", &t, next), FLOW_E_INPUT, "names pools");
	no(w, token_new(w, "{'name':'b','tenant':'default','roles':['user'],"
			"'scopes':['tasks:read'],'pools':['east']}", &t, next), FLOW_E_INPUT,
	   "leaves out");
	assert_int_equal(token_new(w, "{'name':'b','tenant':'default','roles':['user'],"
				   "'scopes':['tasks:read'],'pools':['west']}", &t, next), 0);
}

static void a_token_for_a_pool_sends_its_tasks_there_and_nowhere_else(void **state)
{
	struct world *w = *state;
	char text[TOKEN_TEXT_LEN + 1];
	struct flow_submitted s;
	struct token t;

	no(w, token_new(w, "{'name':'a','tenant':'default','roles':['user'],'pools':['moon']}",
			&w->root, text), FLOW_E_INPUT, "no pool \"moon\"");
	assert_int_equal(token_new(w, "{'name':'a','tenant':'default','roles':['user','operator'],"
				   "'pools':['west']}", &w->root, text), 0);
	t = *find(w, text);
	assert_int_equal(submit(w, "{'script':'true','idempotency_key':'k'}", &t, &s), 0);
	for (int i = 0; i < 20000 && flow_task(w->flow, s.sub)->state != TASK_DONE; i++) {
		uv_run(&w->loop, UV_RUN_NOWAIT);
		usleep(200);
	}
	assert_string_equal(flow_task_pool(w->flow, flow_task(w->flow, s.sub)), "west");
	assert_int_equal(submit(w, "{'script':'true','idempotency_key':'k'}", &t, &s), 0);
	assert_true(s.again);
	no(w, submit(w, "{'script':'true','pools':['east']}", &t, &s), FLOW_E_INPUT, "leaves out");
	no(w, submit(w, "{'script':'true','pools':['moon']}", &w->root, &s), FLOW_E_INPUT, "no pool");
	no(w, flow_pool_drain(w->flow, "east", true, "", &t, &w->err), FLOW_E_FORBIDDEN, "other pools");
	assert_int_equal(flow_pool_drain(w->flow, "west", true, "", &t, &w->err), 0);
	/* With `west` drained it waits, though `east` is free. */
	assert_int_equal(submit(w, "{'script':'true'}", &t, &s), 0);
	for (int i = 0; i < 50; i++) {
		uv_run(&w->loop, UV_RUN_NOWAIT);
		usleep(200);
	}
	assert_int_equal(flow_task(w->flow, s.sub)->state, TASK_WAITING);
}

static void the_last_use_is_shown(void **state)
{
	struct world *w = *state;
	char text[TOKEN_TEXT_LEN + 1];

	token_new(w, "{'name':'a','tenant':'default','roles':['user']}", &w->root, text);
	assert_int_equal(flow_token_at(w->flow, 1)->used_ms, 0);
	find(w, text);
	assert_true(flow_token_at(w->flow, 1)->used_ms > clock_now_ms() - 60000);
	assert_string_equal(flow_token_at(w->flow, 1)->name, "a");
}

static void the_last_use_is_written_down_now_and_then(void **state)
{
	struct world *w = *state;
	int64_t used, now = clock_now_ms();
	struct flow_counts before, after;

	find(w, w->text);
	used = flow_token_at(w->flow, 0)->used_ms;
	flow_counts(w->flow, &before);
	identity_tick(w->flow, now + 61 * 1000);
	flow_counts(w->flow, &after);
	assert_int_equal(after.appended_seq, before.appended_seq + 1);
	/* Used again a little later: not worth a row yet. */
	find(w, w->text);
	identity_tick(w->flow, now + 122 * 1000);
	flow_counts(w->flow, &before);
	assert_int_equal(after.appended_seq, before.appended_seq);
	stop(w);
	start(w);
	assert_true(flow_token_at(w->flow, 0)->used_ms >= used);
}

/* ---- sessions ---- */

static int open_session(struct world *w, const char *user, const char *hash, char *text)
{
	struct token t;

	return flow_session_open(w->flow, user, hash, text, &t, &w->err);
}

static void a_password_for_one_time_opens_its_change_only(void **state)
{
	struct world *w = *state;
	char text[TOKEN_TEXT_LEN + 1];
	struct token an, sun;

	three_people(w);
	sun = as(w, "sun");
	assert_null(flow_password_of(w->flow, "an"));
	assert_int_equal(flow_password_set(w->flow, "an", NULL, "one", &sun, &w->err), 0);
	assert_true(flow_password_once(w->flow, "an"));
	assert_int_equal(open_session(w, "an", "one", text), 0);
	an = *find(w, text);
	assert_int_equal(an.scopes, SCOPE_SELF);
	assert_int_equal(flow_password_set(w->flow, "an", "one", "two", &an, &w->err), 0);
	assert_int_equal(find(w, text)->scopes, 0);
	assert_int_equal(find(w, text)->roles, ROLE_ADMIN);
	no(w, open_session(w, "an", "one", text), FLOW_E_CONFLICT, "changed meanwhile");
	no(w, open_session(w, "wu", "one", text), FLOW_E_CONFLICT, "changed meanwhile");
}

static void a_session_has_the_roles_of_its_account_now(void **state)
{
	struct world *w = *state;
	char text[TOKEN_TEXT_LEN + 1];
	struct token an, sun;

	three_people(w);
	sun = as(w, "sun");
	flow_password_set(w->flow, "an", NULL, "one", &sun, &w->err);
	an = as(w, "an");
	flow_password_set(w->flow, "an", "one", "two", &an, &w->err);
	open_session(w, "an", "two", text);
	assert_int_equal(alter_user(w, "an", "{'roles':['admin','operator']}", &sun), 0);
	assert_int_equal(find(w, text)->roles, ROLE_ADMIN | ROLE_OPERATOR);
	assert_int_equal(alter_user(w, "an", "{'roles':['user']}", &sun), 0);
	assert_int_equal(find(w, text)->roles, ROLE_USER);
	stop(w);
	start(w);
	assert_int_equal(find(w, text)->roles, ROLE_USER);
	an = *find(w, text);
	assert_int_equal(flow_session_close(w->flow, &an, &w->err), 0);
	assert_null(find(w, text));
	no(w, flow_session_close(w->flow, &an, &w->err), FLOW_E_CONFLICT, "not a session");
}

static void the_oldest_session_of_an_account_makes_room(void **state)
{
	struct world *w = *state;
	char first[TOKEN_TEXT_LEN + 1], second[TOKEN_TEXT_LEN + 1], text[TOKEN_TEXT_LEN + 1];
	struct token sun;

	three_people(w);
	sun = as(w, "sun");
	flow_password_set(w->flow, "an", NULL, "one", &sun, &w->err);
	assert_int_equal(open_session(w, "an", "one", first), 0);
	assert_int_equal(open_session(w, "an", "one", second), 0);
	for (int i = 2; i < USER_SESSIONS_MAX; i++)
		assert_int_equal(open_session(w, "an", "one", text), 0);
	assert_non_null(find(w, first));
	assert_int_equal(open_session(w, "an", "one", text), 0);
	assert_null(find(w, first));
	assert_non_null(find(w, second));
}

static void a_session_is_swept_away_when_it_is_over(void **state)
{
	struct world *w = *state;
	char text[TOKEN_TEXT_LEN + 1];
	struct token sun;

	three_people(w);
	sun = as(w, "sun");
	flow_password_set(w->flow, "an", NULL, "one", &sun, &w->err);
	open_session(w, "an", "one", text);
	assert_int_equal(w->flow->who.nsessions, 1);
	identity_tick(w->flow, clock_now_ms() + SESSION_MS + 1);
	assert_int_equal(w->flow->who.nsessions, 0);
	assert_null(find(w, text));
}

static void security_resets_the_passwords_of_officers_and_nobody_their_own(void **state)
{
	struct world *w = *state;
	struct token an, sun;

	three_people(w);
	an = as(w, "an");
	sun = as(w, "sun");
	/* The first one may come from whoever made the account. */
	assert_int_equal(flow_password_set(w->flow, "wu", NULL, "one", &an, &w->err), 0);
	no(w, flow_password_set(w->flow, "wu", NULL, "two", &an, &w->err), FLOW_E_FORBIDDEN,
	   "only security");
	assert_int_equal(flow_password_set(w->flow, "wu", NULL, "two", &sun, &w->err), 0);
	no(w, flow_password_set(w->flow, "sun", NULL, "one", &sun, &w->err), FLOW_E_FORBIDDEN,
	   "your own");
	no(w, flow_password_set(w->flow, "nobody", NULL, "one", &sun, &w->err), FLOW_E_NOT_FOUND,
	   "no account");
}

/* Both were hashed at the same time; what ends last must not win. */
static void a_change_begun_before_a_reset_does_not_undo_it(void **state)
{
	struct world *w = *state;
	char text[TOKEN_TEXT_LEN + 1];
	struct token an, sun;

	three_people(w);
	sun = as(w, "sun");
	flow_password_set(w->flow, "an", NULL, "known", &sun, &w->err);
	an = as(w, "an");
	assert_int_equal(flow_password_set(w->flow, "an", NULL, "reset", &sun, &w->err), 0);
	no(w, flow_password_set(w->flow, "an", "known", "mine", &an, &w->err), FLOW_E_CONFLICT,
	   "changed meanwhile");
	assert_string_equal(flow_password_of(w->flow, "an"), "reset");
	assert_true(flow_password_once(w->flow, "an"));
	assert_int_equal(open_session(w, "an", "reset", text), 0);
}

static void a_change_whose_session_ended_meanwhile_is_refused(void **state)
{
	struct world *w = *state;
	char text[TOKEN_TEXT_LEN + 1];
	struct token an, sun;

	three_people(w);
	sun = as(w, "sun");
	flow_password_set(w->flow, "an", NULL, "one", &sun, &w->err);
	assert_int_equal(open_session(w, "an", "one", text), 0);
	an = *find(w, text);
	assert_int_equal(flow_session_close(w->flow, &an, &w->err), 0);
	no(w, flow_password_set(w->flow, "an", "one", "two", &an, &w->err), FLOW_E_CONFLICT,
	   "ended meanwhile");
	assert_string_equal(flow_password_of(w->flow, "an"), "one");
	assert_true(flow_password_once(w->flow, "an"));
}

static void a_reset_by_whoever_lost_the_role_meanwhile_is_refused(void **state)
{
	struct world *w = *state;
	struct token sun;

	three_people(w);
	sun = as(w, "sun");
	assert_int_equal(flow_password_set(w->flow, "wu", NULL, "one", &sun, &w->err), 0);
	sun.roles |= ROLE_OPERATOR;     /* as it was; it is security alone now */
	no(w, flow_password_set(w->flow, "wu", NULL, "two", &sun, &w->err), FLOW_E_CONFLICT,
	   "ended meanwhile");
	assert_string_equal(flow_password_of(w->flow, "wu"), "one");
}

static void no_machine_has_the_name_of_an_account(void **state)
{
	struct world *w = *state;
	char text[TOKEN_TEXT_LEN + 1];

	assert_int_equal(token_new(w, "{'name':'li','tenant':'default','roles':['user']}", &w->root,
				   text), 0);
	three_people(w);
	no(w, token_new(w, "{'name':'an','tenant':'default','roles':['user']}", &w->root, text),
	   FLOW_E_CONFLICT, "account");
	no(w, user_new(w, "{'name':'li','tenant':'default','roles':['user']}", &w->root),
	   FLOW_E_CONFLICT, "machine");
	/* Nor that of one who is gone; a token that is revoked owns nothing any more. */
	assert_int_equal(user_new(w, "{'name':'bo','tenant':'default','roles':['user']}", &w->root), 0);
	assert_int_equal(flow_user_remove(w->flow, "bo", &w->root, &w->err), 0);
	no(w, token_new(w, "{'name':'bo','tenant':'default','roles':['user']}", &w->root, text),
	   FLOW_E_CONFLICT, "account");
	assert_int_equal(flow_token_revoke(w->flow, 2, &w->root, &w->err), 0);
	assert_int_equal(user_new(w, "{'name':'li','tenant':'default','roles':['user']}", &w->root), 0);
}

static void an_account_proved_by_a_certificate_follows_its_roles(void **state)
{
	struct world *w = *state;
	struct token sun, machine;

	three_people(w);
	sun = as(w, "sun");
	assert_int_equal(flow_caller(w->flow, "an", &machine), 0);
	assert_true(flow_token_holds(w->flow, &machine));
	assert_int_equal(alter_user(w, "an", "{'roles':['user']}", &sun), 0);
	assert_false(flow_token_holds(w->flow, &machine));
	assert_int_equal(alter_user(w, "an", "{'disabled':true}", &sun), 0);
	assert_int_equal(flow_caller(w->flow, "an", &machine), 1);
	assert_int_equal(flow_caller(w->flow, "nobody", &machine), 1);
}

/* ---- a restart ---- */

static void everything_is_there_after_a_restart(void **state)
{
	struct world *w = *state;
	char text[TOKEN_TEXT_LEN + 1];
	struct token an;
	uint32_t tenants;

	three_people(w);
	tenant_new(w, "lab", &w->root);
	alter_tenant(w, "lab", "{'disabled':true,'title':'实验室'}");
	an = as(w, "an");
	own_new(w, "{'name':'laptop','scopes':['tasks:read'],'pools':['west']}", &an, text);
	an = *find(w, text);
	tenants = flow_ntenants(w->flow);
	stop(w);
	start(w);
	assert_int_equal(flow_ntenants(w->flow), tenants);
	assert_true(flow_tenant_find(w->flow, "lab")->disabled);
	assert_string_equal(flow_tenant_find(w->flow, "lab")->title, "实验室");
	assert_int_equal(flow_nusers(w->flow), 3);
	assert_int_equal(flow_user_find(w->flow, "wu")->roles, ROLE_AUDITOR);
	assert_true(flow_token_holds(w->flow, &an));
	assert_string_equal(find(w, text)->user, "an");
	assert_string_equal(find(w, text)->pools, "west");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_token_for_an_unknown_tenant_is_refused),
		TEST(a_disabled_tenant_takes_nothing_new_and_ends_what_it_took),
		TEST(a_tenant_with_live_tasks_is_not_removed),
		TEST(the_first_account_must_take_over_security),
		TEST(with_a_second_person_the_first_token_loses_security_at_once),
		TEST(an_admin_gives_no_role_of_the_three),
		TEST(no_account_joins_two_of_the_three),
		TEST(nobody_changes_their_own_account),
		TEST(the_last_security_and_the_last_admin_stay),
		TEST(the_last_admin_token_is_not_revoked),
		TEST(machines_get_neither_admin_nor_security_once_there_are_people),
		TEST(random_changes_never_join_two_of_the_three),
		TEST(a_role_removed_while_its_token_is_in_use_is_gone_with_the_next_request),
		TEST(tokens_of_a_disabled_account_are_dead_at_once),
		TEST(nobody_revokes_the_token_of_another_account),
		TEST(an_account_has_so_many_tokens_and_no_more),
		TEST(tokens_that_are_long_over_are_forgotten_and_their_ids_stay_taken),
		TEST(whoever_makes_and_revokes_tokens_without_end_is_stopped),
		TEST(an_expired_token_is_not_known),
		TEST(a_narrowed_token_makes_narrower_ones_only),
		TEST(a_token_for_a_pool_sends_its_tasks_there_and_nowhere_else),
		TEST(the_last_use_is_shown),
		TEST(the_last_use_is_written_down_now_and_then),
		TEST(a_password_for_one_time_opens_its_change_only),
		TEST(a_session_has_the_roles_of_its_account_now),
		TEST(the_oldest_session_of_an_account_makes_room),
		TEST(a_session_is_swept_away_when_it_is_over),
		TEST(security_resets_the_passwords_of_officers_and_nobody_their_own),
		TEST(a_change_begun_before_a_reset_does_not_undo_it),
		TEST(a_change_whose_session_ended_meanwhile_is_refused),
		TEST(a_reset_by_whoever_lost_the_role_meanwhile_is_refused),
		TEST(no_machine_has_the_name_of_an_account),
		TEST(an_account_proved_by_a_certificate_follows_its_roles),
		TEST(everything_is_there_after_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
