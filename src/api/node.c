/* node.c - the node itself: health, figures, the accelerators it knows */

#include "api/call.h"

#include "base/clock.h"

void api_health(struct api_call *c)
{
	buf_str(reply_begin(c, 200), "{\"status\":\"ok\"}");
	reply_send_now(c);
}

void api_ready(struct api_call *c)
{
	if (!flow_ready(c->api->flow) || c->api->stopping) {
		reply_no(c, NO_UNAVAILABLE, NULL,
			 "the store is in trouble, or the node is stopping", NULL);
		return;
	}
	buf_str(reply_begin(c, 200), "{\"status\":\"ok\"}");
	reply_send_now(c);
}

/* Does one token hold what three people should share?  So it is on a desk, and it says so. */
static bool single_user(const struct flow *f)
{
	for (uint32_t i = 0; i < flow_ntokens(f); i++) {
		const struct token *t = flow_token_at(f, i);

		if (!t->revoked && t->roles & ROLE_ADMIN && t->roles & ROLE_SECURITY)
			return true;
	}
	return false;
}

static void put_counts(struct buf *b, const struct flow_counts *n)
{
	buf_str(b, "{");
	for (unsigned s = TASK_NONE + 1; s < TASK_STATE_COUNT; s++)
		buf_printf(b, "\"%s\":%llu,", task_state_name(s),
			   (unsigned long long)n->by_state[s]);
	buf_printf(b, "\"decisions\":%llu,\"lost\":%llu,\"retries\":%llu}",
		   (unsigned long long)n->decisions, (unsigned long long)n->lost,
		   (unsigned long long)n->retries);
}

/* Answered at once: these are figures, and an operator wants them most while the store is
 * in trouble. */
void api_node(struct api_call *c)
{
	struct flow *f = c->api->flow;
	struct buf *b = reply_begin(c, 200);
	struct flow_counts n;

	flow_counts(f, &n);
	buf_str(b, "{\"node\":");
	put_text(b, flow_node_id(f));
	buf_str(b, ",\"version\":");
	put_text(b, c->api->version);
	buf_str(b, ",\"time\":");
	put_time(b, clock_now_ms());
	buf_str(b, ",\"started_at\":");
	put_time(b, c->api->started_ms);
	buf_printf(b, ",\"policy\":%d,\"counts\":", SELECT_POLICY);
	put_counts(b, &n);
	buf_printf(b, ",\"store\":{\"durable\":%llu,\"appended\":%llu},\"single_user\":%s}",
		   (unsigned long long)n.durable_seq, (unsigned long long)n.appended_seq,
		   single_user(f) ? "true" : "false");
	reply_send_now(c);
}

static void put_figure(struct buf *b, const char *key, uint32_t v)
{
	if (v)
		buf_printf(b, ",\"%s\":%u", key, v);
	else
		buf_printf(b, ",\"%s\":null", key);
}

static void put_model(struct buf *b, const struct accel_model *m)
{
	buf_str(b, "{\"name\":");
	put_text(b, m->name);
	buf_str(b, ",\"vendor\":");
	put_text(b, m->vendor);
	buf_str(b, ",\"kind\":");
	put_text(b, m->kind);
	put_figure(b, "fp32_gflops", m->fp32_gflops);
	put_figure(b, "fp16_gflops", m->fp16_gflops);
	put_figure(b, "int8_gops", m->int8_gops);
	put_figure(b, "memory_gb", m->memory_gb);
	put_figure(b, "bandwidth_gbs", m->bandwidth_gbs);
	put_figure(b, "tdp_w", m->tdp_w);
	buf_printf(b, ",\"domestic\":%s,\"confidence\":", m->domestic ? "true" : "false");
	put_text(b, m->confidence);
	buf_str(b, ",\"source\":");
	put_text(b, m->source);
	buf_str(b, "}");
}

void api_accelerators(struct api_call *c)
{
	const struct catalogue *cat = flow_catalogue(c->api->flow);
	struct buf *b = reply_begin(c, 200);

	buf_str(b, "{\"accelerators\":[");
	for (uint32_t i = 0; i < cat->n; i++) {
		if (i)
			buf_str(b, ",");
		put_model(b, &cat->models[i]);
	}
	buf_str(b, "]}");
	reply_send(c);
}
