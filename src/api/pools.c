/* pools.c - pools as declared, as they are now, and as their engines enforce */

#include "api/call.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/region.h"
#include "base/text.h"
#include "domain/wire.h"

#include <string.h>

/* `clearance` is what counts; here is who said what. */
static json_t *label_view(struct flow *f, const struct pool *p)
{
	const char *region;
	enum level confirmed = flow_pool_confirmed(f, p->name, &region);

	return json_pack("{s:{s:o, s:s}, s:{s:o, s:s}}", "declared", "clearance",
			 level_json(p->declared_clearance), "region", p->region, "confirmed",
			 "clearance", level_json(confirmed), "region", region);
}

/* The one in force for its chip, whether declared or set since. */
static json_t *price_now(const struct pool *p)
{
	char cpu[32], accel[32];
	struct rate r;

	price_at(p, p->chip, clock_now_ms(), &r);
	return json_pack("{s:s, s:s}", "cpu_hour", text_yuan(r.cpu_hour_micro, cpu),
			 "accelerator_hour", text_yuan(r.accel_hour_micro, accel));
}

static json_t *pool_view(struct flow *f, const struct pool *p)
{
	json_t *doc = pool_json(p, flow_catalogue(f));
	json_t *enforced = flow_pool_describe(f, p);
	struct wait_score w;

	history_waits(flow_history(f), p->name, &w);
	json_object_set_new(doc, "enforced", enforced ? enforced : json_object());
	json_object_set_new(doc, "forecast",
			    json_pack("{s:I,s:I,s:I,s:I}", "wait_error_s", (json_int_t)w.error_s,
				      "wait_forecast_s", (json_int_t)w.forecast_s, "wait_actual_s",
				      (json_int_t)w.actual_s, "samples", (json_int_t)w.n));
	json_object_set_new(doc, "running", json_integer(p->nholds));
	json_object_set_new(doc, "label", label_view(f, p));
	json_object_set_new(doc, "price", price_now(p));
	return doc;
}

static json_t *item(const struct api_call *c, uint32_t i, const char **ret_name)
{
	const struct pool *p = flow_pool(c->api->flow, i);

	*ret_name = p->name;
	return pool_view(c->api->flow, p);
}

static int64_t place(const struct api_call *c, const char *name)
{
	const struct pool *p = flow_pool_find(c->api->flow, name);

	return p ? (int64_t)p->id : -1;
}

void api_pool_list(struct api_call *c)
{
	static const struct page p = { "pools", "there is no such pool", place, item };

	reply_page(c, &p, flow_npools(c->api->flow));
}

/* The pool of {name}, or NULL and answered. */
static const struct pool *pool_of(struct api_call *c)
{
	const struct pool *p = flow_pool_find(c->api->flow, c->param);

	if (!p)
		reply_no(c, NO_NOT_FOUND, NULL, "there is no such pool",
			 "GET /v1/pools lists them");
	return p;
}

void api_pool_get(struct api_call *c)
{
	const struct pool *p = pool_of(c);

	if (p)
		reply_json(c, 200, pool_view(c->api->flow, p));
}

static void drain(struct api_call *c, bool on, const char *reason)
{
	struct flow *f = c->api->flow;
	const struct pool *p = pool_of(c);
	struct err err = { 0 };
	int r;

	if (!p)
		return;
	r = flow_pool_drain(f, p->name, on, reason, &c->who, &err);
	if (r)
		reply_err(c, r, &err);
	else
		reply_json(c, 200, pool_view(f, p));
}

void api_pool_drain(struct api_call *c)
{
	const char *reason = "";
	struct err err = { 0 };
	struct dec d;
	int r;

	if (c->req->has_body) {
		if (call_json(c))
			return;
		dec_begin(&d, c->body, "", NULL, &c->req->arena, &err);
		dec_str(&d, "reason", DEC_OPT, 0, 150, &reason);
		r = dec_end(&d);
		if (r) {
			reply_err(c, r, &err);
			return;
		}
	}
	drain(c, true, reason);
}

void api_pool_resume(struct api_call *c)
{
	drain(c, false, "");
}

void api_pool_lost(struct api_call *c)
{
	const struct pool *p = pool_of(c);
	struct flow_lost l = { .index = -1 };
	uint32_t lost = 0, left = 0;
	const char *task = NULL;
	struct err err = { 0 };
	struct dec d;
	int r;

	if (!p || call_json(c))
		return;
	dec_begin(&d, c->body, "", NULL, &c->req->arena, &err);
	wire_str(&d, "reason", DEC_NEED, WIRE_REASON_MAX, wire_printable, &l.reason);
	dec_str(&d, "task", DEC_OPT, 1, TASK_ID_TEXT_MAX, &task);
	if (d.r == 0 && task && task_id_parse(task, &l.sub, &l.index))
		dec_fail(&d, "task", "must be the id of a task, such as 12 or 12_3");
	r = dec_end(&d);
	if (!r)
		r = flow_pool_lost(c->api->flow, p->name, &l, &c->who, &lost, &left, &err);
	if (r)
		reply_err(c, r, &err);
	else
		reply_json(c, 200, json_pack("{s:i, s:i}", "lost", (int)lost, "left", (int)left));
}

void api_pool_clearance(struct api_call *c)
{
	struct flow_clearance want = { 0 };
	const struct pool *p = pool_of(c);
	struct err err = { 0 };
	struct dec d;
	int r;

	if (!p || call_json(c))
		return;
	dec_begin(&d, c->body, "", NULL, &c->req->arena, &err);
	dec_level(&d, "clearance", DEC_OPT, &want.clearance);
	wire_str(&d, "region", DEC_OPT, REGION_LEN_MAX, wire_region, &want.region);
	wire_str(&d, "reason", DEC_NEED, WIRE_REASON_MAX, wire_printable, &want.reason);
	if (d.r == 0 && !want.clearance && !want.region)
		dec_fail(&d, "clearance", "or a region is needed: there is nothing to change");
	r = dec_end(&d);
	if (!r)
		r = flow_pool_clearance(c->api->flow, p->name, &want, &c->who, &err);
	if (r)
		reply_err(c, r, &err);
	else
		reply_json(c, 200, pool_view(c->api->flow, p));
}
