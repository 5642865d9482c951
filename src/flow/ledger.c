/* ledger.c - the money of runs: reserved, released and charged by the records of their lives
 *
 * A row that lasts (END with money, and the node's rows of money) moves accounts for good; what
 * is held follows the runs alive.  See doc/ledger.md.
 */

#include "flow/books.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	CHECKPOINT_EVERY = 10000,       /* movements, or … */
	CHECKPOINT_RATIO = 10,          /* … so many for each account: writing them stays cheap */
};

void ledger_open(struct flow *f)
{
	f->books = mem_alloc(sizeof(*f->books));
	f->books->ledger = ledger_new();
}

static void payers_done(struct books *b)
{
	struct payer *p, *tmp;

	HASH_ITER(hh, b->payers, p, tmp) {
		HASH_DELETE(hh, b->payers, p);
		free(p->vouchers);
		free(p->name);
		free(p);
	}
}

static void booking_free(struct books *b, struct booking *k)
{
	HASH_DELETE(hh, b->bookings, k);
	arena_done(&k->arena);
	free(k);
}

void ledger_done(struct flow *f)
{
	struct books *b = f->books;
	struct booking *k, *ktmp;
	struct refunded *r, *rtmp;

	if (!b)
		return;
	payers_done(b);
	HASH_ITER(hh, b->bookings, k, ktmp)
		booking_free(b, k);
	HASH_ITER(hh, b->refunds, r, rtmp) {
		HASH_DELETE(hh, b->refunds, r);
		arena_done(&r->arena);
		free(r);
	}
	for (uint32_t i = 0; i < b->nvouchers; i++)
		voucher_free(b->vouchers[i]);
	free(b->vouchers);
	free(b->prices);
	ledger_free(b->ledger);
	free(b);
	f->books = NULL;
}

const struct ledger *flow_ledger(const struct flow *f)
{
	return f->books->ledger;
}

/* ---- runs ---- */

static struct booking *booking_of(const struct books *b, uint64_t task)
{
	struct booking *k = NULL;

	HASH_FIND(hh, b->bookings, &task, sizeof(task), k);
	return k;
}

static void money_copy(struct arena *a, const struct money *m, struct money *ret)
{
	*ret = *m;
	ret->tenant = arena_strdup(a, m->tenant);
	ret->owner = arena_strdup(a, m->owner);
	ret->pool = arena_strdup(a, m->pool);
	ret->chip = arena_strdup(a, m->chip);
	for (uint32_t i = 0; i < m->n; i++)
		ret->part[i].issuer = arena_strdup(a, m->part[i].issuer);
}

static void hold(struct books *b, const struct record *r)
{
	struct booking *k = mem_alloc(sizeof(*k));
	const struct placement *p = &r->place;

	*k = (struct booking){
		.task = r->task, .nodes = p->n, .cpu_milli = p->cpu_milli,
		.accels = p->n ? (uint32_t)__builtin_popcount(p->nodes[0].accels) : 0,
		.accel_milli = p->accel_milli,
	};
	arena_init_small(&k->arena, 256);
	money_copy(&k->arena, r->money, &k->money);
	HASH_ADD(hh, b->bookings, task, sizeof(k->task), k);
	ledger_hold(b->ledger, r->money);
}

/* r->money of an END may point into the booking: it goes last. */
void ledger_follow(struct flow *f, const struct task *t, const struct record *r)
{
	struct books *b = f->books;
	struct booking *k = r->kind == RECORD_CHOOSE ? NULL : booking_of(b, t->no);
	bool over = k && !task_state_on_pool(t->state);

	if (r->kind == RECORD_CHOOSE && r->money)
		hold(b, r);
	if (over)
		ledger_release(b->ledger, &k->money);
	if (r->kind == RECORD_END && r->money)
		ledger_charge(b->ledger, r->money);
	b->since += record_lasts(r);
	if (over)
		booking_free(b, k);
}

void ledger_follow_alone(struct flow *f, const struct record *r)
{
	if (r->kind == RECORD_END && r->money)
		ledger_charge(f->books->ledger, r->money);
	f->books->since += record_lasts(r);
}

/* The first node stands for all of a gang: each holds the same. */
static uint16_t model_of(const struct pool *p, const struct placement *place)
{
	return place->n && place->nodes[0].accels ? p->nodes[place->nodes[0].node].model
						  : ACCEL_NONE;
}

int ledger_book(const struct flow *f, const struct task *t, const struct snapshot *s,
		const struct ask *a, const struct decision *d, struct money *ret)
{
	const struct pool *p = f->c.pools[d->best];
	const struct placement *q = &d->place;
	uint32_t accels = q->n ? (uint32_t)__builtin_popcount(q->nodes[0].accels) : 0;
	int64_t most_ms = (int64_t)t->spec->walltime_s * 1000;
	struct tariff tariff;

	tariff_of(s, p, model_of(p, q), &tariff);
	*ret = (struct money){
		.tenant = t->spec->tenant, .owner = pool_payee(p), .pool = p->name,
		.chip = tariff.chip, .attempt = t->attempt + 1, .year = voucher_year(s->now_ms),
		.rate = tariff.rate,
	};
	if (meter_over(&tariff.rate, q->n, q->cpu_milli, accels, q->accel_milli, most_ms,
		       MONEY_RUN_MAX))
		return 1;
	money_split(a->purse, p, tariff.domestic, t->spec->kind, s->now_ms,
		    meter_cost_micro(&tariff.rate, q->n, q->cpu_milli, accels, q->accel_milli,
				     most_ms), ret);
	return a->purse && a->purse->limited && ret->own_micro &&
	       ret->own_micro > a->purse->available_micro;
}

int64_t ledger_bill(const struct flow *f, const struct task *t, int64_t run_ms, struct money *ret)
{
	const struct booking *k = booking_of(f->books, t->no);

	if (!k)
		return 0;
	money_charge(&k->money, meter_cost_micro(&k->money.rate, k->nodes, k->cpu_milli, k->accels,
						 k->accel_milli, run_ms), ret);
	return money_total(ret);
}

/* ---- what a tenant can pay with ---- */

struct payer *payer_find(const struct books *b, const char *tenant)
{
	struct payer *p = NULL;

	if (b->payers)
		HASH_FIND(hh, b->payers, tenant, strlen(tenant), p);
	return p;
}

static struct payer *payer_get(struct books *b, const char *tenant)
{
	struct payer *p = payer_find(b, tenant);

	if (p)
		return p;
	p = mem_alloc(sizeof(*p));
	p->name = mem_strdup(tenant);
	HASH_ADD_KEYPTR(hh, b->payers, p->name, strlen(p->name), p);
	return p;
}

static void purse_add(const struct books *b, const struct voucher *v, int64_t now_ms,
		      struct purse *to)
{
	int64_t left = ledger_voucher(b->ledger, ACCOUNT_VOUCHER, v->id), cap = INT64_MAX;

	if (v->withdrawn || now_ms < v->from_ms || now_ms >= v->until_ms || left <= 0)
		return;
	if (v->year_cap_micro)
		cap = v->year_cap_micro - ledger_use(b->ledger, v->issuer, v->tenant,
						     voucher_year(now_ms));
	if (cap > 0)
		to->voucher[to->n++] = (struct purse_voucher){ v, left, cap };
}

const struct purse *ledger_purse(const struct flow *f, const char *tenant, int64_t now_ms)
{
	struct books *b = f->books;
	const struct payer *p = payer_find(b, tenant);
	struct purse *to = &b->purse;

	if (!p && !ledger_full(b->ledger))
		return NULL;
	to->n = 0;
	to->limited = p && p->limited;
	to->available_micro = ledger_balance(b->ledger, ACCOUNT_TENANT, tenant);
	if (ledger_full(b->ledger))
		*to = (struct purse){ .limited = true };
	for (uint32_t i = 0; p && i < p->n && to->n < VOUCHERS_TENANT_MAX; i++)
		purse_add(b, p->vouchers[i], now_ms, to);
	return to->limited || to->n ? to : NULL;
}

/* ---- the node's records ---- */

static struct pool *pool_of(const struct flow *f, const char *name)
{
	for (uint32_t i = 0; i < f->c.npools; i++)
		if (!strcmp(f->c.pools[i]->name, name))
			return f->c.pools[i];
	return NULL;
}

/* Does `e`, set at `at_ms`, leave nothing of `old` from then on? */
static bool overtaken(const struct price *old, const struct price *e, int64_t at_ms)
{
	if (old->until_ms && old->until_ms <= at_ms)
		return true;
	return !strcmp(old->chip, e->chip) && !e->until_ms && e->from_ms <= at_ms &&
	       old->from_ms <= e->from_ms;
}

static void pool_price(struct pool *p, const struct price *e, int64_t at_ms)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->nprices; i++)
		if (!overtaken(&p->prices[i], e, at_ms))
			p->prices[n++] = p->prices[i];
	p->prices = mem_grow(p->prices, n + 1, sizeof(*p->prices));
	p->prices[n++] = *e;
	p->nprices = n;
}

static int apply_price(struct flow *f, const struct record *r, struct err *err)
{
	struct books *b = f->books;
	struct price e;
	struct pool *p;

	if (price_record_decode(r->doc, &e, err))
		return -EPROTO;
	b->prices = mem_grow(b->prices, b->nprices + 1, sizeof(*b->prices));
	b->prices[b->nprices++] = e;
	p = pool_of(f, e.pool);
	if (p) {
		pool_price(p, &e, r->at_ms);
		placement_pool_changed(f, p);
	}
	return 0;
}

static bool goes_before(const struct voucher *a, const struct voucher *b)
{
	return a->until_ms != b->until_ms ? a->until_ms < b->until_ms : a->id < b->id;
}

static void payer_voucher(struct payer *p, struct voucher *v)
{
	uint32_t i = p->n;

	if (p->n == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 4;
		p->vouchers = mem_grow(p->vouchers, p->cap, sizeof(struct voucher *));
	}
	for (p->n++; i && goes_before(v, p->vouchers[i - 1]); i--)
		p->vouchers[i] = p->vouchers[i - 1];
	p->vouchers[i] = v;
}

static int apply_voucher(struct flow *f, const struct record *r, struct err *err)
{
	json_int_t gone = json_integer_value(json_object_get(r->doc, "withdrawn"));
	struct books *b = f->books;
	struct voucher *v;

	if (gone) {
		if (gone < 1 || gone > b->nvouchers)
			return err_set(err, -EPROTO, "voucher %lld was never issued",
				       (long long)gone);
		b->vouchers[gone - 1]->withdrawn = true;
		return 0;
	}
	if (voucher_decode(r->doc, r->at_ms, true, &v, err))
		return -EPROTO;
	b->vouchers = mem_grow(b->vouchers, b->nvouchers + 1, sizeof(struct voucher *));
	b->vouchers[b->nvouchers++] = v;
	payer_voucher(payer_get(b, v->tenant), v);
	ledger_issue(b->ledger, v);
	return 0;
}

static int apply_budget(struct flow *f, const struct record *r, struct err *err)
{
	const char *tenant = json_string_value(json_object_get(r->doc, "tenant"));
	int64_t micro = json_integer_value(json_object_get(r->doc, "add_micro"));

	if (!tenant)
		return err_set(err, -EPROTO, "a budget without a tenant");
	payer_get(f->books, tenant)->limited = json_is_true(json_object_get(r->doc, "limited"));
	ledger_grant(f->books->ledger, tenant, micro);
	return 0;
}

struct refunded *refunded_find(const struct books *b, uint64_t task, uint32_t attempt)
{
	struct refunded *x = NULL, want;

	memset(&want, 0, sizeof(want));
	want.key.task = task;
	want.key.attempt = attempt;
	HASH_FIND(hh, b->refunds, &want.key, sizeof(want.key), x);
	return x;
}

static void refund_note(struct books *b, uint64_t task, const struct money *m)
{
	struct refunded *x = refunded_find(b, task, m->attempt);

	if (!x) {
		x = mem_alloc(sizeof(*x));
		x->key.task = task;
		x->key.attempt = m->attempt;
		arena_init_small(&x->arena, 256);
		money_copy(&x->arena, m, &x->back);
		HASH_ADD(hh, b->refunds, key, sizeof(x->key), x);
		return;
	}
	x->back.own_micro += m->own_micro;
	for (uint32_t i = 0; i < m->n; i++)
		x->back.part[i].micro += m->part[i].micro;
}

static int apply_refund(struct flow *f, const struct record *r, struct err *err)
{
	struct arena arena;
	struct money m = { 0 };
	struct dec d;
	int e;

	arena_init(&arena);
	dec_begin(&d, r->doc, "", NULL, &arena, err);
	dec_money(&d, "money", &m);
	e = d.r;
	if (!e) {
		refund_note(f->books, (uint64_t)json_integer_value(json_object_get(r->doc, "task")),
			    &m);
		ledger_refund(f->books->ledger, &m);
	}
	arena_done(&arena);
	return e ? -EPROTO : 0;
}

static int apply_checkpoint(struct flow *f, const struct record *r, struct err *err)
{
	bool whole;
	int e = ledger_restore(f->books->ledger, r->doc, &whole, err);

	if (!e && whole)
		f->books->since = 0;
	return e;
}

int ledger_apply(struct flow *f, const struct record *r, struct err *err)
{
	f->books->since += record_lasts(r);
	switch (r->kind) {
	case RECORD_PRICE:
		return apply_price(f, r, err);
	case RECORD_VOUCHER:
		return apply_voucher(f, r, err);
	case RECORD_BUDGET:
		return apply_budget(f, r, err);
	case RECORD_REFUND:
		return apply_refund(f, r, err);
	default:
		return apply_checkpoint(f, r, err);
	}
}

/* ---- checkpoints ---- */

void ledger_checkpoint(struct flow *f)
{
	uint32_t parts = ledger_parts(f->books->ledger);
	int64_t now = clock_now_ms();
	json_t **docs = mem_array(parts, sizeof(*docs));

	/* All before the first is applied: with the last one another ledger is in place. */
	for (uint32_t i = 0; i < parts; i++)
		docs[i] = ledger_part(f->books->ledger, i);
	for (uint32_t i = 0; i < parts; i++) {
		struct record r = { .kind = RECORD_CHECKPOINT, .at_ms = now, .doc = docs[i] };

		flow_commit(f, &r);
		json_decref(docs[i]);
	}
	free(docs);
	assert(!f->books->since);
}

void ledger_tick(struct flow *f)
{
	struct account last;
	const struct books *b = f->books;

	if (b->since >= CHECKPOINT_EVERY && !f->trouble &&
	    !ledger_at(b->ledger, b->since / CHECKPOINT_RATIO, &last))
		ledger_checkpoint(f);
}
