/* metrics.c - figures for Prometheus, in its text format 0.0.4
 *
 * Labels are the names of states and of pools, which the operator chose: nothing that a tenant
 * wrote becomes a label, so the number of series is bounded by the configuration.
 */

#include "api/call.h"

#include "api/guard.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* One row per figure of a pool.  Figures come in thousandths, so that shares need no floats. */
struct pool_row {
	const char *name, *help;
	const char *kind[2];            /* values of the label `kind`; none: no such label */
	void (*read)(const struct flow *f, const struct pool *p, const struct pool_totals *t,
		     uint64_t milli[2]);
};

static void put_head(struct buf *b, const char *name, const char *type, const char *help)
{
	buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_one(struct buf *b, const char *name, const char *type, const char *help, uint64_t v)
{
	put_head(b, name, type, help);
	buf_printf(b, "%s %" PRIu64 "\n", name, v);
}

static void put_milli(struct buf *b, uint64_t milli)
{
	buf_printf(b, "%" PRIu64, milli / 1000);
	if (milli % 1000)
		buf_printf(b, ".%03u", (unsigned)(milli % 1000));
	buf_str(b, "\n");
}

/* Names of pools need no escaping today; an exposition that breaks is not how to find out
 * that they do. */
static void put_label(struct buf *b, const char *s)
{
	for (; *s; s++) {
		if (*s == '\n')
			buf_str(b, "\\n");
		else if (*s == '"' || *s == '\\')
			buf_printf(b, "\\%c", *s);
		else
			buf_add(b, s, 1);
	}
}

/* ---- pools ---- */

static void read_up(const struct flow *f, const struct pool *p, const struct pool_totals *t,
		    uint64_t milli[2])
{
	milli[0] = p->down ? 0 : 1000;
}

static void read_stale(const struct flow *f, const struct pool *p, const struct pool_totals *t,
		       uint64_t milli[2])
{
	milli[0] = p->stale ? 1000 : 0;
}

static void read_drained(const struct flow *f, const struct pool *p, const struct pool_totals *t,
			 uint64_t milli[2])
{
	milli[0] = p->drained ? 1000 : 0;
}

static void read_running(const struct flow *f, const struct pool *p, const struct pool_totals *t,
			 uint64_t milli[2])
{
	milli[0] = (uint64_t)p->nholds * 1000;
}

static void read_nodes(const struct flow *f, const struct pool *p, const struct pool_totals *t,
		       uint64_t milli[2])
{
	milli[0] = (uint64_t)t->nodes * 1000;
	milli[1] = (uint64_t)t->nodes_down * 1000;
}

static void read_cpus(const struct flow *f, const struct pool *p, const struct pool_totals *t,
		      uint64_t milli[2])
{
	milli[0] = t->cpu_milli;
	milli[1] = t->cpu_free_milli;
}

static void read_memory(const struct flow *f, const struct pool *p, const struct pool_totals *t,
			uint64_t milli[2])
{
	milli[0] = (t->memory_mb << 20) * 1000;
	milli[1] = (t->memory_free_mb << 20) * 1000;
}

static void read_accels(const struct flow *f, const struct pool *p, const struct pool_totals *t,
			uint64_t milli[2])
{
	milli[0] = (uint64_t)t->accels * 1000;
	milli[1] = (uint64_t)t->accels_free * 1000;
}

static void read_seen(const struct flow *f, const struct pool *p, const struct pool_totals *t,
		      uint64_t milli[2])
{
	milli[0] = p->seen_ms > 0 ? (uint64_t)p->seen_ms : 0;
}

static void read_wait_error(const struct flow *f, const struct pool *p,
			    const struct pool_totals *t, uint64_t milli[2])
{
	int64_t error_s = 0;
	uint64_t samples = 0;

	history_wait_error(flow_history(f), p->name, &error_s, &samples);
	milli[0] = error_s > 0 ? (uint64_t)error_s * 1000 : 0;
}

/* What forecasts said and what came, so that a bias is seen which the error alone does not show. */
static void read_waits(const struct flow *f, const struct pool *p, const struct pool_totals *t,
		       uint64_t milli[2])
{
	struct wait_score w;

	history_waits(flow_history(f), p->name, &w);
	milli[0] = w.forecast_s > 0 ? (uint64_t)w.forecast_s * 1000 : 0;
	milli[1] = w.actual_s > 0 ? (uint64_t)w.actual_s * 1000 : 0;
}

static const struct pool_row pool_rows[] = {
	{ "suanlu_pool_up", "1 if the engine of the pool can start runs.", { NULL }, read_up },
	{ "suanlu_pool_stale", "1 if there is no recent news of the pool: it gets nothing new.", { NULL },
	  read_stale },
	{ "suanlu_pool_drained", "1 if an operator drained the pool.", { NULL }, read_drained },
	{ "suanlu_pool_last_seen_timestamp_seconds",
	  "When the engine of the pool was last heard of.", { NULL }, read_seen },
	{ "suanlu_pool_running_tasks", "Tasks that occupy a part of the pool.", { NULL },
	  read_running },
	{ "suanlu_pool_nodes", "Machines of the pool.", { "total", "down" }, read_nodes },
	{ "suanlu_pool_cpus", "Processor cores of the pool.", { "total", "free" }, read_cpus },
	{ "suanlu_pool_memory_bytes", "Memory of the pool.", { "total", "free" }, read_memory },
	{ "suanlu_pool_accelerators", "Devices of the pool; free: wholly.", { "total", "free" },
	  read_accels },
	{ "suanlu_pool_wait_forecast_error_seconds",
	  "Mean absolute error of the forecasts of waiting times.", { NULL }, read_wait_error },
	{ "suanlu_pool_wait_seconds", "Mean waiting time between choice and start.",
	  { "forecast", "actual" }, read_waits },
};

static void put_pool(struct buf *b, const struct pool_row *row, const struct flow *f,
		     const struct pool *p, const struct pool_totals *t)
{
	uint64_t milli[2] = { 0, 0 };

	row->read(f, p, t, milli);
	for (unsigned k = 0; k < 2 && (k == 0 || row->kind[k]); k++) {
		buf_printf(b, "%s{pool=\"", row->name);
		put_label(b, p->name);
		if (row->kind[k])
			buf_printf(b, "\",kind=\"%s", row->kind[k]);
		buf_str(b, "\"} ");
		put_milli(b, milli[k]);
	}
}

/* All series of a name have to stand together, so the pools are walked once per row. */
static void put_pools(struct buf *b, const struct flow *f, struct arena *a)
{
	uint32_t n = flow_npools(f);
	struct pool_totals *t = arena_array(a, n + 1, sizeof(*t));

	for (uint32_t i = 0; i < n; i++)
		pool_totals(flow_pool(f, i), &t[i]);
	for (size_t r = 0; r < sizeof(pool_rows) / sizeof(pool_rows[0]); r++) {
		put_head(b, pool_rows[r].name, "gauge", pool_rows[r].help);
		for (uint32_t i = 0; i < n; i++)
			put_pool(b, &pool_rows[r], f, flow_pool(f, i), &t[i]);
	}
}

/* ---- the node ---- */

static void put_tasks(struct buf *b, const struct flow_counts *n)
{
	put_head(b, "suanlu_tasks", "gauge",
		 "Tasks in memory: all that are not over, and the latest that are.");
	for (unsigned s = TASK_NONE + 1; s < TASK_STATE_COUNT; s++)
		buf_printf(b, "suanlu_tasks{state=\"%s\"} %" PRIu64 "\n", task_state_name(s),
			   n->by_state[s]);
}

static void put_journal(struct buf *b, const struct flow *f, const struct flow_counts *n)
{
	struct store *s = flow_store(f);

	put_one(b, "suanlu_journal_appended_total", "counter",
		"Number of the latest row of the journal.", n->appended_seq);
	put_one(b, "suanlu_journal_durable_total", "counter",
		"Number of the latest row of the journal that no crash can undo.",
		n->durable_seq);
	put_one(b, "suanlu_store_pending_bytes", "gauge",
		"Rows of the journal that are not durable yet.", s->ops->pending(s));
}

static uint64_t resident_bytes(void)
{
	unsigned long long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (!f)
		return 0;
	if (fscanf(f, "%*u %llu", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void put_process(struct buf *b, const struct api *a)
{
	if (a->http)
		put_one(b, "suanlu_http_connections", "gauge", "Open connections of clients.",
			http_server_conns(a->http));
	put_one(b, "suanlu_wrong_tokens_total", "counter",
		"Tokens and passwords that were wrong.", guard_wrongs(a->guard));
	put_one(b, "suanlu_wrong_token_sources", "gauge",
		"Addresses whose wrong tokens and passwords are remembered.",
		guard_sources(a->guard));
	put_one(b, "process_resident_memory_bytes", "gauge", "Resident memory of the daemon.",
		resident_bytes());
	put_head(b, "process_start_time_seconds", "gauge",
		 "When the daemon, its journal read, began to serve.");
	buf_str(b, "process_start_time_seconds ");
	put_milli(b, (uint64_t)a->started_ms);
}

/* Answered at once: a store in trouble is what somebody wants to be told of. */
void api_metrics(struct api_call *c)
{
	struct flow *f = c->api->flow;
	struct buf *b = reply_begin(c, 200);
	struct flow_counts n;

	c->type = "text/plain; version=0.0.4; charset=utf-8";
	flow_counts(f, &n);
	put_head(b, "suanlu_build_info", "gauge", "What runs here; always 1.");
	buf_printf(b, "suanlu_build_info{version=\"%s\",policy=\"%d\"} 1\n", c->api->version,
		   SELECT_POLICY);
	put_one(b, "suanlu_ready", "gauge", "1 if the node takes work, as /readyz says.",
		flow_ready(f) && !c->api->stopping);
	put_tasks(b, &n);
	put_one(b, "suanlu_decisions_total", "counter", "Choices of a pool.", n.decisions);
	put_one(b, "suanlu_runs_lost_total", "counter", "Runs whose end nobody knows.", n.lost);
	put_one(b, "suanlu_retries_total", "counter", "Further tries after a run failed.",
		n.retries);
	put_journal(b, f, &n);
	put_pools(b, f, &c->req->arena);
	put_process(b, c->api);
	reply_send_now(c);
}
