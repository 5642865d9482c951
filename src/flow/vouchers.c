/* vouchers.c - prices, vouchers, budgets and refunds: what may be changed, as records */

#include "flow/books.h"

#include "base/clock.h"
#include "domain/grant.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* After the decoder: what it took from the client, and who and when. */
static void commit(struct flow *f, enum record_kind kind, int64_t at_ms, json_t *doc)
{
	struct record r = { .kind = kind, .at_ms = at_ms, .doc = doc };

	flow_commit(f, &r);
	json_decref(doc);
	schedule_want(f);
}

/* ---- prices ---- */

static int price_allowed(const struct flow *f, const struct price *p, const struct token *who,
			 struct err *err)
{
	const struct pool *pool = flow_pool_find(f, p->pool);

	if (!pool)
		return err_field(err, "pool", "there is no pool of this name");
	if (!token_has_pool(who, p->pool))
		return err_set(err, FLOW_E_FORBIDDEN, "the token is for other pools");
	if (p->chip[0] && strcmp(p->chip, "cpu") != 0 &&
	    catalogue_find(f->c.catalogue, p->chip) == ACCEL_NONE)
		return err_field(err, "chip", "is neither \"cpu\" nor a model of the catalogue");
	if (f->books->nprices >= PRICES_MAX || pool->nprices >= POOL_PRICES_MAX)
		return err_set(err, FLOW_E_LIMIT, "there are too many prices already");
	return 0;
}

int flow_price_set(struct flow *f, const json_t *doc, const struct token *who,
		   const struct price **ret, struct err *err)
{
	int64_t now = clock_now_ms();
	struct price p;
	int e = flow_busy(f, err);

	if (!e)
		e = price_decode(doc, now, &p, err);
	if (!e)
		e = price_allowed(f, &p, who, err);
	if (e)
		return e;
	p.id = f->books->nprices + 1;
	snprintf(p.by, sizeof(p.by), "%s", token_by(who));
	commit(f, RECORD_PRICE, now, price_json(&p));
	*ret = flow_price(f, p.id);
	return 0;
}

uint32_t flow_nprices(const struct flow *f)
{
	return f->books->nprices;
}

const struct price *flow_price(const struct flow *f, uint32_t id)
{
	return id && id <= f->books->nprices ? &f->books->prices[id - 1] : NULL;
}

/* ---- vouchers ---- */

static int voucher_allowed(const struct flow *f, const struct voucher *v, int64_t now,
			   struct err *err)
{
	const struct payer *p = payer_find(f->books, v->tenant);
	uint32_t usable = 0;
	int e = tenant_known(f, v->tenant, err);

	if (e)
		return e;
	for (uint32_t i = 0; p && i < p->n; i++)
		usable += !p->vouchers[i]->withdrawn && p->vouchers[i]->until_ms > now;
	if (usable >= VOUCHERS_TENANT_MAX)
		return err_set(err, FLOW_E_LIMIT, "%s has %u vouchers already that are good",
			       v->tenant, usable);
	if (f->books->nvouchers >= VOUCHERS_MAX || ledger_full(f->books->ledger))
		return err_set(err, FLOW_E_LIMIT, "there are too many vouchers already");
	return 0;
}

int flow_voucher_issue(struct flow *f, const json_t *doc, const struct token *who,
		       const struct voucher **ret, struct err *err)
{
	int64_t now = clock_now_ms();
	struct voucher *v;
	int e = flow_busy(f, err);

	if (!e)
		e = voucher_decode(doc, now, false, &v, err);
	if (e)
		return e;
	e = voucher_allowed(f, v, now, err);
	if (!e) {
		v->id = f->books->nvouchers + 1;
		v->by = token_by(who);
		commit(f, RECORD_VOUCHER, now, voucher_json(v));
		*ret = flow_voucher(f, f->books->nvouchers);
	}
	voucher_free(v);
	return e;
}

int flow_voucher_withdraw(struct flow *f, uint32_t id, const char *reason, const struct token *who,
			  struct err *err)
{
	const struct voucher *v = flow_voucher(f, id);
	int e = flow_busy(f, err);

	if (e)
		return e;
	if (!v)
		return err_set(err, FLOW_E_NOT_FOUND, "there is no such voucher");
	if (v->withdrawn)
		return err_set(err, FLOW_E_CONFLICT, "it is withdrawn already");
	commit(f, RECORD_VOUCHER, clock_now_ms(),
	       json_pack("{s:I, s:s, s:s, s:s, s:s, s:I}", "withdrawn", (json_int_t)id, "reason",
			 reason, "by", token_by(who), "issuer", v->issuer, "tenant", v->tenant,
			 "left_micro",
			 (json_int_t)ledger_voucher(f->books->ledger, ACCOUNT_VOUCHER, id)));
	return 0;
}

uint32_t flow_nvouchers(const struct flow *f)
{
	return f->books->nvouchers;
}

const struct voucher *flow_voucher(const struct flow *f, uint32_t id)
{
	return id && id <= f->books->nvouchers ? f->books->vouchers[id - 1] : NULL;
}

/* ---- budgets ---- */

void flow_budget(const struct flow *f, const char *tenant, struct budget *ret)
{
	const struct payer *p = payer_find(f->books, tenant);

	*ret = (struct budget){
		.limited = p && p->limited,
		.available_micro = ledger_balance(f->books->ledger, ACCOUNT_TENANT, tenant),
		.held_micro = ledger_balance(f->books->ledger, ACCOUNT_HELD, tenant),
	};
}

static int budget_allowed(const struct flow *f, const char *tenant, int64_t micro, struct err *err)
{
	struct budget b;
	int e;

	flow_budget(f, tenant, &b);
	/* What a tenant that is gone had left can be taken back. */
	e = micro < 0 && b.available_micro > 0 ? 0 : tenant_known(f, tenant, err);
	if (e)
		return e;
	if (micro < 0 && b.available_micro + micro < 0)
		return err_set(err, FLOW_E_CONFLICT, "only %" PRId64 " micro-yuan are left of it",
			       b.available_micro > 0 ? b.available_micro : 0);
	if (micro > 0 && ledger_full(f->books->ledger))
		return err_set(err, FLOW_E_LIMIT, "the ledger is full");
	return 0;
}

int flow_budget_change(struct flow *f, const json_t *doc, const struct token *who, struct err *err)
{
	struct grant g;
	struct arena arena;
	int e = flow_busy(f, err);

	if (e)
		return e;
	arena_init(&arena);
	e = grant_decode(doc, &arena, &g, err);
	if (!e)
		e = budget_allowed(f, g.tenant, g.micro, err);
	if (!e)
		commit(f, RECORD_BUDGET, clock_now_ms(),
		       json_pack("{s:s, s:I, s:b, s:s, s:s}", "tenant", g.tenant, "add_micro",
				 (json_int_t)g.micro, "limited", g.limited, "reason", g.reason, "by",
				 token_by(who)));
	arena_done(&arena);
	return e;
}

/* ---- refunds ---- */

static json_t *money_doc(const struct money *m)
{
	struct buf b;
	json_t *doc = NULL;

	buf_init(&b, 64 << 10);
	money_put(&b, m);
	if (json_parse(b.data, b.len, &doc, NULL))
		doc = NULL;
	buf_done(&b);
	return doc;
}

int flow_refund(struct flow *f, uint64_t sub, uint64_t task, const struct money *charge,
		int64_t micro, const char *reason, const struct token *who, struct money *ret,
		struct err *err)
{
	static const struct money nothing = { 0 };
	const struct refunded *x = refunded_find(f->books, task, charge->attempt);
	const struct money *back = x ? &x->back : &nothing;
	int64_t left = money_total(charge) - money_total(back);
	int e = flow_busy(f, err);

	if (e)
		return e;
	if (left <= 0)
		return err_set(err, FLOW_E_CONFLICT, "nothing of its charge is left to be refunded");
	if (micro > left)
		return err_set(err, FLOW_E_CONFLICT, "only %" PRId64
			       " micro-yuan of its charge are left to be refunded", left);
	money_refund(charge, back, micro ? micro : left, ret);
	commit(f, RECORD_REFUND, clock_now_ms(),
	       json_pack("{s:I, s:I, s:o, s:s, s:s}", "sub", (json_int_t)sub, "task",
			 (json_int_t)task, "money", money_doc(ret), "reason", reason, "by",
			 token_by(who)));
	return 0;
}
