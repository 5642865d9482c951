/* refunds.c - give back what a run was charged: its END is read from the journal */

#include "api/call.h"

#include "base/mem.h"
#include "domain/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 256 };

struct refund {
	struct walk walk;               /* first */
	struct api_call *call;          /* NULL: the client is gone */
	uint64_t sub, no;
	uint32_t attempt;               /* 0: the last one that was charged */
	int64_t micro;                  /* 0: all that is left */
	const char *reason;             /* in the arena of the request */
	bool found;
	struct record end;              /* the row that has the charge; owned */
	struct err err;
};

static void refund_free(struct refund *x)
{
	if (x->found)
		record_done(&x->end);
	free(x);
}

static void refund_gone(void *arg)
{
	struct refund *x = arg;

	x->call = NULL;
}

static void gone_before(void *arg)
{
	refund_free(arg);
}

static int refund_row(struct walk *w, const struct store_row *row)
{
	struct refund *x = (struct refund *)w;
	struct record r = { 0 };
	int res;

	if (!x->call)
		return 1;
	if (row->kind != RECORD_END || row->task != x->no)
		return 0;
	res = record_decode(row->kind, row->at_ms, row->subject, row->task, row->body,
			    row->body_len, &r, &x->err);
	if (res)
		return res > 0 ? -EPROTO : res;
	if (!r.money || (x->attempt && r.money->attempt != x->attempt)) {
		record_done(&r);
		return 0;
	}
	if (x->found)
		record_done(&x->end);
	x->end = r;
	x->found = true;
	return 0;
}

static void answer(struct refund *x, struct api_call *c)
{
	struct money back;
	struct err err = { 0 };
	int64_t vouchers = 0;
	struct buf *b;
	int r;

	if (!x->found) {
		err_set(&err, FLOW_E_CONFLICT, "no such run of it was charged anything");
		reply_err(c, FLOW_E_CONFLICT, &err);
		return;
	}
	r = flow_refund(c->api->flow, x->sub, x->no, x->end.money, x->micro, x->reason, &c->who,
			&back, &err);
	if (r) {
		reply_err(c, r, &err);
		return;
	}
	for (uint32_t i = 0; i < back.n; i++)
		vouchers += back.part[i].micro;
	b = reply_begin(c, 200);
	buf_printf(b, "{\"attempt\":%u,\"refunded_micro\":%lld,\"tenant_micro\":%lld,"
		   "\"voucher_micro\":%lld}", back.attempt, (long long)money_total(&back),
		   (long long)back.own_micro, (long long)vouchers);
	reply_send(c);
}

static void refund_done(struct walk *w, int r)
{
	struct refund *x = (struct refund *)w;
	struct api_call *c = x->call;

	if (c && !r && walk_more(w)) {
		walk_page(w, w->api, x->sub, x->no, w->last, PAGE);
		return;
	}
	if (c) {
		c->gone = NULL;
		x->call = NULL;
		if (r)
			reply_err(c, r, &x->err);
		else
			answer(x, c);
	}
	refund_free(x);
}

static void first_page(struct api_call *c)
{
	struct refund *x = c->arg;

	c->gone = refund_gone;
	walk_page(&x->walk, c->api, x->sub, x->no, 0, PAGE);
}

/* 1: answered. */
static int read_body(struct api_call *c, struct refund *x)
{
	struct err err = { 0 };
	struct dec d;

	if (call_json(c))
		return 1;
	dec_begin(&d, c->body, "", NULL, &c->req->arena, &err);
	dec_u32(&d, "attempt", DEC_OPT, 1, UINT32_MAX, &x->attempt);
	dec_i64(&d, "micro", DEC_OPT, 1, MONEY_RUN_MAX, &x->micro);
	wire_str(&d, "reason", DEC_NEED, WIRE_REASON_MAX, wire_printable, &x->reason);
	if (!dec_end(&d))
		return 0;
	reply_err(c, d.r, &err);
	return 1;
}

static void found_task(struct api_call *c, const struct found *found)
{
	struct refund *x;

	if (!walk_room(c->api)) {
		reply_no(c, NO_UNAVAILABLE, NULL, "too many reads of the journal are under way",
			 NULL);
		return;
	}
	x = mem_alloc(sizeof(*x));
	if (read_body(c, x)) {
		free(x);
		return;
	}
	x->call = c;
	x->sub = found->task->sub;
	x->no = found->task->no;
	x->walk.row = refund_row;
	x->walk.done = refund_done;
	c->gone = gone_before;
	c->arg = x;
	call_hold(c, first_page);
}

void api_task_refund(struct api_call *c)
{
	find_task(c, false, found_task);
}
