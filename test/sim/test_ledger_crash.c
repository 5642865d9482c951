/* test_ledger_crash.c - money after a crash at any point: the ledger balances, and each run is
 * charged exactly once
 *
 * A random life on the real flow and the fake engine: tasks, cancels, prices, vouchers that expire
 * while runs are on them, budgets, refunds, checkpoints, a clock that jumps.  Then the journal is
 * cut after each of its rows; from there a new node goes on until all is over.  What its ledger
 * says must be what a second, simpler book-keeping reads out of its journal.
 *
 *	SUANLU_TEST_SEED=7 SUANLU_LEDGER_SEEDS=10 SUANLU_LEDGER_STEPS=120 SUANLU_LEDGER_CUTS=100000
 *
 * are ten longer lives, cut after each of their rows: the default is a sample of cuts.
 *
 * Time runs faster here: both clocks are ours.
 */

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "flow/books.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { FASTER = 500, ROWS_MAX = 40000, ACCOUNTS_MAX = 64, STEPS = 60, CUTS = 30, SEEDS = 3 };

static uint64_t from_env(const char *name, uint64_t dflt)
{
	const char *s = getenv(name);

	return s ? strtoull(s, NULL, 10) : dflt;
}

/* ---- time ---- */

static int64_t jumped_ms;

int clock_gettime(clockid_t id, struct timespec *ts)
{
	static int64_t base[2];
	int which = id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE;
	int64_t ns;

	syscall(SYS_clock_gettime, which ? CLOCK_REALTIME : CLOCK_MONOTONIC, ts);
	ns = (int64_t)ts->tv_sec * 1000000000 + ts->tv_nsec;
	if (!base[which])
		base[which] = ns;
	ns = base[which] + (ns - base[which]) * FASTER + (which ? jumped_ms * 1000000 : 0);
	ts->tv_sec = ns / 1000000000;
	ts->tv_nsec = ns % 1000000000;
	return 0;
}

/* ---- a node ---- */

struct world {
	uv_loop_t loop;
	struct catalogue catalogue;
	struct store *store;
	struct flow *flow;
	struct token who;
	char dir[64];
	struct err err;
	uint64_t dice;
};

static const char *const no_roots[] = { NULL };

static const char hub[] = "{\"name\":\"hub\",\"region\":\"cn/62\",\"owner\":\"city\",\"engine\":\"fake\","
	"\"price\":{\"cpu_hour\":\"3600.00\"},\"groups\":[{\"count\":2,\"cpus\":2,\"memory_mb\":4096}],"
	"\"options\":{\"lose_per_mille\":80,\"fail_per_mille\":80}}";
static const char edge[] = "{\"name\":\"edge\",\"region\":\"cn/50\",\"engine\":\"fake\","
	"\"price\":{\"cpu_hour\":\"7200.00\"},\"groups\":[{\"count\":1,\"cpus\":2,\"memory_mb\":4096}],"
	"\"options\":{\"fail_per_mille\":100}}";

static uint64_t roll(struct world *w, uint64_t n)
{
	return rng_mix(3, w->dice++) % n;
}

static struct pool *pool_of(struct world *w, const char *text)
{
	struct pool *p = NULL;
	json_t *json = json_loads(text, 0, NULL);

	if (pool_decode(json, "", NULL, &w->catalogue, &p, &w->err))
		fail_msg("%s: %s", w->err.field, w->err.text);
	json_decref(json);
	return p;
}

static void on_fatal(void *arg, const char *why)
{
	fail_msg("fatal: %s", why);
}

static void world_init(struct world *w, uint64_t dice)
{
	struct store_events ev;

	memset(w, 0, sizeof(*w));
	w->dice = dice;
	uv_loop_init(&w->loop);
	catalogue_parse("", 0, &w->catalogue, &w->err);
	w->who = (struct token){ .id = 1, .roles = ROLE_USER | ROLE_OPERATOR };
	strcpy(w->who.name, "alice");
	strcpy(w->who.tenant, "lab");
	strcpy(w->dir, "/tmp/test_ledger.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	flow_store_events(&w->flow, &ev);
	assert_int_equal(store_memory_open(&w->loop, &ev, &w->store, &w->err), 0);
}

static void node_start(struct world *w)
{
	struct pool *pools[] = { pool_of(w, hub), pool_of(w, edge) };
	struct flow_config c = { .loop = &w->loop, .store = w->store, .catalogue = &w->catalogue,
				 .npools = 2, .pools = pools, .dir = w->dir,
				 .read_roots = no_roots, .write_roots = no_roots, .seed = 7,
				 .fatal = on_fatal };

	flow_limits_default(&c.limits);
	c.limits.finished_max = 2;      /* most of what is over comes back as single rows that last */
	if (flow_new(&c, &w->flow, &w->err))
		fail_msg("%s", w->err.text);
}

static void turn(struct world *w, int n)
{
	while (n--) {
		uv_run(&w->loop, UV_RUN_NOWAIT);
		usleep(100);
	}
}

static void world_done(struct world *w)
{
	char cmd[96];

	w->store->ops->free(w->store);
	w->flow = flow_free(w->flow);
	for (int i = 0; i < 100 && uv_run(&w->loop, UV_RUN_NOWAIT); i++)
		;
	assert_int_equal(uv_loop_close(&w->loop), 0);
	catalogue_done(&w->catalogue);
	snprintf(cmd, sizeof(cmd), "rm -r %s", w->dir);
	if (system(cmd))
		print_message("%s is left\n", w->dir);
}

static uint64_t alive(const struct world *w)
{
	struct flow_counts c;

	flow_counts(w->flow, &c);
	return c.by_state[TASK_SENDING] + c.by_state[TASK_QUEUED] + c.by_state[TASK_RUNNING];
}

/* Until no run is alive and none of those that may still start does. */
static void settle(struct world *w)
{
	struct flow_counts c;
	int quiet = 0;

	for (int i = 0; i < 100000 && quiet < 50; i++) {
		turn(w, 1);
		flow_counts(w->flow, &c);
		quiet = alive(w) || c.durable_seq < c.appended_seq ||
			c.by_state[TASK_WAITING] ? 0 : quiet + 1;
	}
	if (quiet < 50)
		fail_msg("%d tasks wait, %d run", (int)c.by_state[TASK_WAITING], (int)alive(w));
}

/* ---- the second book-keeping ---- */

struct book {
	unsigned n;
	struct { char name[64]; int64_t micro; } line[ACCOUNTS_MAX];
	unsigned nruns, ncharges, nfree;
	struct { uint64_t task, attempt; } run[ROWS_MAX];
	unsigned nsubs, nheld, nvouchers;
	struct { uint64_t sub; int64_t walltime_s; } sub[ROWS_MAX];
	struct hold {                   /* what a choice reserved; task 0: it is over */
		uint64_t task;
		int64_t total, walltime_s;      /* 0: not known, its submission was pruned */
		json_t *money;
	} held[ROWS_MAX];
	struct paper {                  /* a voucher */
		char issuer[16], tenant[16];
		int64_t face, left, cap, until_ms;
		bool withdrawn;
	} voucher[ROWS_MAX];
};

static void post(struct book *b, const char *kind, const char *name, int64_t micro)
{
	char key[64];
	unsigned i = 0;

	snprintf(key, sizeof(key), "%s %s", kind, name);
	while (i < b->n && strcmp(b->line[i].name, key) != 0)
		i++;
	assert_true(i < ACCOUNTS_MAX);
	if (i == b->n)
		strcpy(b->line[b->n++].name, key);
	b->line[i].micro += micro;
}

static const char *s_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static int64_t i_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* What the vouchers of one issuer paid for one tenant or hold for it. */
static int64_t used(const struct book *b, const struct paper *of)
{
	int64_t sum = 0;

	for (unsigned i = 0; i < b->nvouchers; i++)
		if (!strcmp(b->voucher[i].issuer, of->issuer) &&
		    !strcmp(b->voucher[i].tenant, of->tenant))
			sum += b->voucher[i].face - b->voucher[i].left;
	return sum;
}

/* A voucher's part is taken, sign 1, or comes back. */
static const struct paper *take_part(struct book *b, const json_t *part, int sign)
{
	json_int_t id = json_integer_value(json_array_get(part, 0));

	assert_true(id >= 1 && id <= b->nvouchers);
	b->voucher[id - 1].left -= sign * json_integer_value(json_array_get(part, 3));
	return &b->voucher[id - 1];
}

static void take(struct book *b, const json_t *m, int sign)
{
	const json_t *part;
	size_t i;

	json_array_foreach(json_object_get(m, "parts"), i, part)
		take_part(b, part, sign);
}

static int64_t total(const json_t *m)
{
	int64_t sum = i_of(m, "own");
	const json_t *part;
	size_t i;

	json_array_foreach(json_object_get(m, "parts"), i, part)
		sum += json_integer_value(json_array_get(part, 3));
	return sum;
}

/* A choice takes of each voucher no more than it, and its issuer in a year, still gives. */
static void choose_row(struct book *b, const struct store_row *row, const json_t *doc)
{
	json_t *m = json_object_get(doc, "money");
	struct hold *h = &b->held[b->nheld++];
	const json_t *part;
	size_t i;

	assert_true(b->nheld < ROWS_MAX);
	*h = (struct hold){ .task = row->task, .total = total(m), .money = json_incref(m) };
	for (unsigned k = 0; k < b->nsubs; k++)
		if (b->sub[k].sub == row->subject)
			h->walltime_s = b->sub[k].walltime_s;
	json_array_foreach(json_object_get(m, "parts"), i, part) {
		const struct paper *v = take_part(b, part, 1);

		if (v->left < 0)
			fail_msg("a voucher is overdrawn by %lld", (long long)-v->left);
		if (used(b, v) > v->cap)
			fail_msg("a cap is passed by %lld", (long long)(used(b, v) - v->cap));
		if (v->withdrawn || row->at_ms >= v->until_ms)
			fail_msg("a voucher that is over pays");
	}
}

/* What was held comes back; a charge is what was measured, and within what was held. */
static void release(struct book *b, uint64_t task, const json_t *m, int64_t run_ms)
{
	for (unsigned i = 0; i < b->nheld; i++) {
		struct hold *h = &b->held[i];
		int64_t most_ms = h->walltime_s * 1000, want;

		if (h->task != task)
			continue;
		take(b, h->money, -1);
		want = most_ms ? (int64_t)((double)h->total * (double)(run_ms < most_ms ? run_ms : most_ms) /
					   (double)most_ms) : 0;
		if (m && most_ms && llabs(total(m) - want) > 2)
			fail_msg("a run of %lld ms is charged %lld, not %lld", (long long)run_ms,
				 (long long)total(m), (long long)want);
		if (m)
			assert_true(total(m) <= h->total && i_of(m, "own") <= i_of(h->money, "own"));
		json_decref(h->money);
		*h = (struct hold){ 0 };
	}
}

static int64_t pay(struct book *b, const json_t *m, int sign)
{
	int64_t sum = i_of(m, "own");
	const json_t *part;
	char id[16];
	size_t i;

	post(b, "tenant", s_of(m, "tenant"), -sign * sum);
	json_array_foreach(json_object_get(m, "parts"), i, part) {
		int64_t micro = json_integer_value(json_array_get(part, 3));

		snprintf(id, sizeof(id), "%d", (int)json_integer_value(json_array_get(part, 0)));
		post(b, "voucher", id, -sign * micro);
		sum += micro;
	}
	take(b, m, sign);
	post(b, "owner", s_of(m, "owner"), sign * sum);
	return sum;
}

/* A run that took time was charged, once, and what the task is told it cost is what was paid. */
static void end_row(struct book *b, const struct store_row *row, const json_t *doc)
{
	const json_t *m = json_object_get(doc, "money");
	int64_t attempt = i_of(m, "attempt");

	release(b, row->task, m, i_of(doc, "run_ms"));
	if (!m) {
		assert_int_equal(i_of(doc, "cost_micro"), 0);
		assert_int_equal(i_of(doc, "run_ms"), 0);
		b->nfree++;
		return;
	}
	for (unsigned i = 0; i < b->nruns; i++)
		if (b->run[i].task == row->task && b->run[i].attempt == (uint64_t)attempt)
			fail_msg("run %d of task %d is charged twice", (int)attempt, (int)row->task);
	assert_true(b->nruns < ROWS_MAX);
	b->run[b->nruns].task = row->task;
	b->run[b->nruns++].attempt = (uint64_t)attempt;
	assert_int_equal(pay(b, m, 1), i_of(doc, "cost_micro"));
	b->ncharges++;
}

static void voucher_row(struct book *b, const json_t *doc)
{
	int64_t gone = i_of(doc, "withdrawn");
	struct paper *v = &b->voucher[b->nvouchers];
	char id[16];

	if (gone) {
		b->voucher[gone - 1].withdrawn = true;
		return;
	}
	assert_true(++b->nvouchers < ROWS_MAX && i_of(doc, "id") == b->nvouchers);
	v->face = v->left = i_of(doc, "face_micro");
	v->cap = i_of(doc, "year_cap_micro");
	snprintf(v->issuer, sizeof(v->issuer), "%s", s_of(doc, "issuer"));
	snprintf(v->tenant, sizeof(v->tenant), "%s", s_of(doc, "tenant"));
	assert_int_equal(clock_parse(s_of(doc, "valid_until"), &v->until_ms), 0);
	snprintf(id, sizeof(id), "%d", (int)i_of(doc, "id"));
	post(b, "voucher", id, i_of(doc, "face_micro"));
	post(b, "issuer", s_of(doc, "issuer"), -i_of(doc, "face_micro"));
}

static int book_row(void *arg, const struct store_row *row)
{
	struct book *b = arg;
	json_t *doc = json_loadb(row->body, row->body_len, 0, NULL);

	if (row->kind == RECORD_SUBMIT) {
		b->sub[b->nsubs].sub = row->subject;
		b->sub[b->nsubs++].walltime_s = i_of(doc, "walltime_s");
	} else if (row->kind == RECORD_CHOOSE && json_object_get(doc, "money"))
		choose_row(b, row, doc);
	else if (row->kind == RECORD_LOST)
		release(b, row->task, NULL, 0);
	else if (row->kind == RECORD_END)
		end_row(b, row, doc);
	else if (row->kind == RECORD_VOUCHER)
		voucher_row(b, doc);
	else if (row->kind == RECORD_REFUND)
		pay(b, json_object_get(doc, "money"), -1);
	else if (row->kind == RECORD_BUDGET) {
		post(b, "tenant", s_of(doc, "tenant"), i_of(doc, "add_micro"));
		post(b, "outside", "", -i_of(doc, "add_micro"));
	}
	json_decref(doc);
	return 0;
}

static void on_end(void *arg, int r)
{
	*(int *)arg = 1;
}

static void read_all(struct world *w, store_row_fn fn, void *arg)
{
	struct both { int done; } x = { 0 };

	/* the end function gets the row function's arg: rows go through a box */
	w->store->ops->read(w->store, UINT64_MAX, 0, 0, ROWS_MAX, fn, NULL, arg);
	w->store->ops->read(w->store, UINT64_MAX, 0, 0, 0, fn, on_end, &x);
	while (!x.done)
		turn(w, 1);
}

/* The ledger says what the book says, balances, and holds nothing. */
static void check(struct world *w, struct book *b)
{
	const struct ledger *l = flow_ledger(w->flow);
	struct account a;
	char key[64];

	memset(b, 0, sizeof(*b));
	read_all(w, book_row, b);
	for (unsigned i = 0; i < b->nheld; i++)
		json_decref(b->held[i].money);
	assert_int_equal(ledger_sum(l), 0);
	for (uint32_t i = 0; ledger_at(l, i, &a); i++) {
		int64_t want = 0;

		snprintf(key, sizeof(key), "%s %s", account_kind_name(a.kind), a.name);
		for (unsigned k = 0; k < b->n; k++)
			if (!strcmp(b->line[k].name, key))
				want = b->line[k].micro;
		if (a.micro != want)
			fail_msg("%s has %lld, not %lld", key, (long long)a.micro, (long long)want);
		if (a.kind == ACCOUNT_VOUCHER)
			assert_true(a.micro >= 0);
	}
}

/* ---- a random life ---- */

static json_t *doc_of(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static json_t *doc_of(const char *fmt, ...)
{
	char text[600];
	json_t *doc;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	doc = json_loads(text, 0, NULL);
	if (!doc)
		fail_msg("%s", text);
	return doc;
}

static void submit(struct world *w)
{
	static const char *const commands[] = {
		"'sleep','3'", "'sleep','10'", "'sleep','40'", "'true'", "'false'", "'exit','3'",
	};
	struct flow_submitted got;
	json_t *doc = doc_of("{'command':[%s],'walltime_s':%d,'cpus':%s,'retries':%d,'prefer':'%s',"
			     "'kind':'%s'%s}", commands[roll(w, 6)], roll(w, 4) ? 60 : 7,
			     roll(w, 2) ? "0.5" : "1", (int)roll(w, 2),
			     roll(w, 2) ? "cheapest" : "fastest", roll(w, 2) ? "train" : "render",
			     roll(w, 4) ? "" : ",'array':'0-3'");

	strcpy(w->who.tenant, roll(w, 3) ? "poor" : "lab");
	if (flow_submit(w->flow, doc, &w->who, &got, &w->err))
		fail_msg("%s: %s", w->err.field, w->err.text);
	json_decref(doc);
}

static void cancel(struct world *w)
{
	const struct task *t = NULL;
	int n = (int)roll(w, 10);

	while (n-- >= 0 && (t = flow_task_before(w->flow, t ? t->no : UINT64_MAX)))
		if (!task_state_final(t->state))
			break;
	if (t)
		flow_cancel(w->flow, t->sub, -1, &w->who, &w->err);
}

static void issue(struct world *w)
{
	const struct voucher *v;
	bool brief = roll(w, 2);
	char until[CLOCK_TEXT_MAX];
	json_t *doc;
	int r;

	/* Some live for less than a run does, or are over before they are read: time is fast. */
	clock_format(clock_now_ms() + (brief ? 5000 : 36000000), until);
	doc = doc_of("{'issuer':'%s','tenant':'%s','face_micro':%d,'rate':0.%d,'exclusive':%s,"
		     "'year_cap_micro':%d,'valid_until':'%s'}", roll(w, 2) ? "sh" : "hz",
		     roll(w, 2) ? "poor" : "lab", 1 + (int)roll(w, roll(w, 2) ? 200000000 : 9000000),
		     1 + (int)roll(w, 999),
		     roll(w, 3) ? "false" : "true", 1 + (int)roll(w, 60000000), until);
	r = flow_voucher_issue(w->flow, doc, &w->who, &v, &w->err);
	if (r && !(brief && r == FLOW_E_INPUT))
		fail_msg("%s: %s", w->err.field, w->err.text);
	json_decref(doc);
}

static void set_price(struct world *w)
{
	const struct price *p;
	json_t *doc = doc_of("{'pool':'%s','price':{'cpu_hour':'%d.%02d'}}",
			     roll(w, 2) ? "hub" : "edge", (int)roll(w, 9000), (int)roll(w, 100));

	if (flow_price_set(w->flow, doc, &w->who, &p, &w->err))
		fail_msg("%s: %s", w->err.field, w->err.text);
	json_decref(doc);
}

/* Money is for tenants that are there. */
static void tenant(struct world *w, const char *name)
{
	json_t *doc = doc_of("{'name':'%s'}", name);
	const struct tenant *t;

	if (!flow_tenant_find(w->flow, name) && flow_tenant_new(w->flow, doc, &w->who, &t, &w->err))
		fail_msg("%s: %s", w->err.field, w->err.text);
	json_decref(doc);
}

static void grant(struct world *w, int64_t micro)
{
	json_t *doc = doc_of("{'tenant':'poor','add_micro':%lld,'reason':'test'}",
			     (long long)micro);

	if (flow_budget_change(w->flow, doc, &w->who, &w->err))
		fail_msg("%s: %s", w->err.field, w->err.text);
	json_decref(doc);
}

struct last { struct money m; struct arena arena; uint64_t sub, task; };

static int last_charge(void *arg, const struct store_row *row)
{
	struct last *x = arg;
	struct record r;
	struct err err;

	if (row->kind != RECORD_END)
		return 0;
	assert_int_equal(record_decode(RECORD_END, row->at_ms, row->subject, row->task, row->body,
				       row->body_len, &r, &err), 0);
	if (r.money) {
		x->m = *r.money;
		x->m.tenant = arena_strdup(&x->arena, r.money->tenant);
		x->m.owner = arena_strdup(&x->arena, r.money->owner);
		x->m.pool = arena_strdup(&x->arena, r.money->pool);
		x->m.chip = arena_strdup(&x->arena, r.money->chip);
		for (uint32_t i = 0; i < x->m.n; i++)
			x->m.part[i].issuer = arena_strdup(&x->arena, r.money->part[i].issuer);
		x->sub = row->subject;
		x->task = row->task;
	}
	record_done(&r);
	return 0;
}

/* Twice at once: the second finds less, or nothing. */
static void refund(struct world *w)
{
	struct last x = { .task = 0 };
	struct money back;

	arena_init(&x.arena);
	read_all(w, last_charge, &x);
	if (x.task) {
		flow_refund(w->flow, x.sub, x.task, &x.m, 1 + (int64_t)roll(w, 1000000), "wrong",
			    &w->who, &back, &w->err);
		if (roll(w, 2)) {
			flow_refund(w->flow, x.sub, x.task, &x.m, 0, "all", &w->who, &back, &w->err);
			assert_int_equal(flow_refund(w->flow, x.sub, x.task, &x.m, 1, "more",
						     &w->who, &back, &w->err), FLOW_E_CONFLICT);
		}
	}
	arena_done(&x.arena);
}

static void step(struct world *w)
{
	switch (roll(w, 14)) {
	case 0: cancel(w); break;
	case 1: case 2: issue(w); break;
	case 3: set_price(w); break;
	case 4: grant(w, 1 + (int64_t)roll(w, 60000000)); break;
	case 5: ledger_checkpoint(w->flow); break;
	case 6: jumped_ms += roll(w, 2) ? 30000 : -50000; break;
	case 7: refund(w); break;
	case 8:
		if (flow_nvouchers(w->flow))
			flow_voucher_withdraw(w->flow, 1 + (uint32_t)roll(w, flow_nvouchers(w->flow)),
					      "test", &w->who, &w->err);
		break;
	default: submit(w);
	}
	turn(w, (int)roll(w, 60));
}

/* Enough for all, so that nobody waits for ever. */
static void pay_in(struct world *w)
{
	tenant(w, "poor");
	grant(w, 1000000000000);
}

/* A budget of a hundred yuan, of which each run reserves up to sixty: never overdrawn, however
 * many runs are alive. */
static void live(struct world *w)
{
	uint64_t steps = from_env("SUANLU_LEDGER_STEPS", STEPS);
	struct budget b;

	node_start(w);
	tenant(w, "poor");
	tenant(w, "lab");
	grant(w, 100000000);
	for (uint64_t i = 0; i < steps; i++) {
		step(w);
		assert_int_equal(ledger_sum(flow_ledger(w->flow)), 0);
		flow_budget(w->flow, "poor", &b);
		assert_true(b.available_micro >= 0 && b.held_micro >= 0);
	}
}

/* ---- cut ---- */

struct tape {
	unsigned n;
	struct store_row row[ROWS_MAX];
};

static int tape_row(void *arg, const struct store_row *row)
{
	struct tape *t = arg;
	char *body = mem_alloc(row->body_len + 1);

	assert_true(t->n < ROWS_MAX);
	memcpy(body, row->body, row->body_len);
	t->row[t->n] = *row;
	t->row[t->n].actor = row->actor ? strdup(row->actor) : NULL;
	t->row[t->n++].body = body;
	return 0;
}

/* From the first n rows on, to the end of all tasks; then once more from what it wrote. */
static unsigned go_on(const struct tape *t, unsigned n, uint64_t dice, bool prune)
{
	struct book *b = mem_alloc(sizeof(*b));
	struct flow_counts c;
	struct world w;
	unsigned charges;

	world_init(&w, dice);
	for (unsigned i = 0; i < n; i++) {
		struct store_row row = t->row[i];

		w.store->ops->append(w.store, &row);
	}
	turn(&w, 2);
	node_start(&w);
	if (n > 2 && roll(&w, 2))
		ledger_checkpoint(w.flow);
	pay_in(&w);
	settle(&w);
	check(&w, b);
	charges = b->ncharges;
	if (prune) {
		w.store->ops->prune(w.store, INT64_MAX, UINT32_MAX);
		turn(&w, 2);
	}
	flow_counts(w.flow, &c);
	w.flow = flow_free(w.flow);
	turn(&w, 5);
	node_start(&w);
	settle(&w);
	check(&w, b);
	assert_int_equal(b->ncharges, charges);
	world_done(&w);
	free(b);
	return charges;
}

static void cut_everywhere(uint64_t seed)
{
	struct tape *t = mem_alloc(sizeof(*t));
	struct book *b = mem_alloc(sizeof(*b));
	struct world w;
	unsigned charges, apart, n, cuts = 0;

	world_init(&w, seed);
	live(&w);
	assert_int_equal(ledger_sum(flow_ledger(w.flow)), 0);
	pay_in(&w);
	settle(&w);
	check(&w, b);
	charges = b->ncharges;
	read_all(&w, tape_row, t);
	world_done(&w);
	apart = t->n / (unsigned)from_env("SUANLU_LEDGER_CUTS", CUTS) + 1;
	for (n = (unsigned)(seed % apart); n <= t->n; n += apart, cuts++)
		go_on(t, n, seed + n, n % 2);
	print_message("%u rows, %u charges, %u cuts\n", t->n, charges, cuts);
	assert_true(charges > 0);
	for (unsigned i = 0; i < t->n; i++) {
		free((char *)t->row[i].body);
		free((char *)t->row[i].actor);
	}
	free(t);
	free(b);
}

static void after_any_crash_the_ledger_balances_and_each_run_is_charged_once(void **state)
{
	uint64_t seed = from_env("SUANLU_TEST_SEED", (uint64_t)clock_now_ms());
	uint64_t seeds = from_env("SUANLU_LEDGER_SEEDS", SEEDS);

	for (uint64_t i = 0; i < seeds; i++) {
		print_message("seed: SUANLU_TEST_SEED=%llu\n", (unsigned long long)(seed + i));
		cut_everywhere(seed + i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(after_any_crash_the_ledger_balances_and_each_run_is_charged_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
