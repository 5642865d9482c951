/* simulate_out.c - what `suanlu simulate` found, as a table and as JSON */

#include "cmd/simulate.h"

#include "base/text.h"
#include "cmd/out.h"

static double percent_of(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : 0;
}

double simulate_at(const struct simulate_row *r, uint32_t percent)
{
	return percent_of((double)r->sum.at_milli[percent], (double)r->sum.capacity_milli);
}

double simulate_devices(const struct simulate_row *r, uint64_t milli)
{
	return (double)milli / DEVICE_MILLI / r->seeds;
}

double simulate_allocation(const struct simulate_row *r)
{
	return percent_of((double)r->sum.allocated_milli, (double)r->sum.capacity_milli);
}

double simulate_fragments(const struct simulate_row *r)
{
	return percent_of(r->sum.fragment_milli, (double)r->sum.idle_milli);
}

double simulate_per_second(const struct simulate_row *r)
{
	uint64_t n = r->live ? r->live->decisions : r->sum.arrived;
	uint64_t ns = r->live ? r->live->time_ns : r->sum.time_ns;

	return ns ? 1e9 * (double)n / (double)ns : 0;
}

static uint64_t other_milli(const struct replay_result *r)
{
	return r->idle_milli - r->partly_milli - r->starved_milli;
}

/* ---- JSON ---- */

static void put(json_t *obj, const char *key, json_t *v)
{
	json_object_set_new(obj, key, v);
}

static json_t *idle_json(const struct simulate_row *r)
{
	return json_pack("{s:f, s:f, s:f}", /* in devices */
			 "shared_rest", simulate_devices(r, r->sum.partly_milli),
			 "beside_little_cpu", simulate_devices(r, r->sum.starved_milli), /* whole */
			 "other", simulate_devices(r, other_milli(&r->sum)));
}

static json_t *time_json(const struct simulate_row *r)
{
	double n = r->sum.arrived ? (double)r->sum.arrived : 1;

	return json_pack("{s:f, s:f, s:f}",                        /* microseconds */
			 "mean", (double)r->sum.time_ns / 1e3 / n, /* all seeds */
			 "p99", (double)r->sum.p99_ns / 1e3,       /* of the worst seed */
			 "max", (double)r->sum.max_ns / 1e3);
}

/* Without a declared price there is no cost, rather than a cost of nothing. */
static void put_bill(json_t *obj, const struct simulate *s, const struct bill_sum *b, int64_t div)
{
	put(obj, "cost_micro", s->priced ? json_integer(b->cost_micro / div) : json_null());
	put(obj, "energy_j", json_integer(b->energy_j / div));
	put(obj, "carbon_mg", json_integer(b->carbon_mg / div));
}

static json_t *replay_json(const struct simulate *s, const struct simulate_row *r)
{
	json_t *doc = json_pack("{s:s, s:i, s:I, s:I, s:I}", /* sums over the seeds */
				"policy", r->policy, "seeds", (int)r->seeds, "arrived",
				(json_int_t)r->sum.arrived, "placed", (json_int_t)r->sum.placed,
				"refused", (json_int_t)r->sum.refused);
	json_t *curve = json_array(), *hour = json_object();

	put(doc, "allocation_percent", json_real(simulate_allocation(r)));
	put(doc, "allocation_least", json_real(r->least));
	put(doc, "allocation_most", json_real(r->most));
	put(doc, "fragmentation_percent", json_real(simulate_fragments(r)));
	put(doc, "idle_devices", idle_json(r));
	put(doc, "idle_cpus", json_real(simulate_devices(r, r->sum.idle_cpu_milli)));
	put_bill(hour, s, &r->sum.hour, r->seeds);
	put(doc, "hour", hour);
	put(doc, "decisions_per_s", json_real(simulate_per_second(r)));
	put(doc, "decision_us", time_json(r));
	put(doc, "index_bytes", json_integer((json_int_t)r->sum.index.bytes));
	for (uint32_t i = 0; i <= s->percent && r->sum.capacity_milli; i++)
		json_array_append_new(curve, json_real(simulate_at(r, i)));
	put(doc, "curve", curve);
	return doc;
}

static json_t *curve_json(const struct live_result *r)
{
	json_t *devices = json_array(), *waiting = json_array();

	for (uint32_t i = 0; i < r->npoints; i++) {
		const struct live_point *p = &r->points[i];

		json_array_append_new(devices,
				      json_real(percent_of((double)p->allocated_milli,
							   (double)r->capacity_milli)));
		json_array_append_new(waiting, json_integer((json_int_t)p->waiting));
	}
	return json_pack("{s:I, s:o, s:o}", "step_s", (json_int_t)r->step_s, "allocated_percent",
			 devices, "waiting", waiting);
}

static json_t *live_json(const struct simulate *s, const struct simulate_row *row)
{
	const struct live_result *r = row->live;
	json_t *doc = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "policy", row->policy, "arrived",
				(json_int_t)r->arrived, "started", (json_int_t)r->started,
				"refused", (json_int_t)r->refused, "waited", (json_int_t)r->waited,
				"span_s", (json_int_t)r->span_s);

	put(doc, "wait_s", json_pack("{s:f, s:I, s:I, s:I}", "mean", r->mean_wait_s, "p50",
				     (json_int_t)r->p50_wait_s, "p95", (json_int_t)r->p95_wait_s,
				     "max", (json_int_t)r->max_wait_s));
	put(doc, "used_percent",
	    json_pack("{s:f, s:f, s:f}", "devices", r->device_percent, "cpus", r->cpu_percent,
		      "devices_while_arriving", r->busy_device_percent));
	put(doc, "most", json_pack("{s:f, s:I}", "devices", (double)r->peak_milli / DEVICE_MILLI,
				   "waiting", (json_int_t)r->peak_waiting));
	put(doc, "fragmentation_percent", json_real(r->fragment_percent));
	put_bill(doc, s, &r->bill, 1);
	put(doc, "decisions", json_integer((json_int_t)r->decisions));
	put(doc, "decisions_per_s", json_real(simulate_per_second(row)));
	put(doc, "curve", curve_json(r));
	return doc;
}

static json_t *assumed_json(const struct simulate *s)
{
	const struct pool *p = &s->bill.site;
	json_t *watts = json_object();

	for (uint32_t i = 0; i < s->bill.power.n; i++) {
		const struct accel_model *m = &s->bill.models[i];

		json_object_set_new(watts, m->name, m->tdp_w ? json_integer(m->tdp_w) : json_null());
	}
	return json_pack("{s:I, s:I, s:f, s:i, s:f, s:o}", "cpu_hour_micro",
			 (json_int_t)p->cpu_hour_micro, "accelerator_hour_micro",
			 (json_int_t)p->accel_hour_micro, "pue", p->pue_milli / 1000.0,
			 "carbon_g_kwh", (int)p->carbon_g_kwh[0], "cpu_watts",
			 p->cpu_milliwatt / 1000.0, "device_watts", watts);
}

json_t *simulate_json(const struct simulate *s)
{
	json_t *rows = json_array(), *doc;

	for (uint32_t i = 0; i < s->nrows; i++)
		json_array_append_new(rows, s->departures ? live_json(s, &s->rows[i])
							  : replay_json(s, &s->rows[i]));
	doc = json_pack("{s:i, s:I, s:i, s:b}", "nodes", (int)s->trace.nnodes, "devices",
			(json_int_t)(s->trace.capacity_milli / DEVICE_MILLI), "tasks",
			(int)s->trace.ntasks, "departures", (int)s->departures);
	if (s->departures)
		put(doc, "faster", json_integer(s->faster));
	else
		put(doc, "percent", json_integer(s->percent));
	put(doc, "seeds", json_pack("[I, I]", (json_int_t)s->seed_first, (json_int_t)s->seed_last));
	put(doc, "assumed", assumed_json(s));
	put(doc, "policies", rows);
	return doc;
}

/* ---- tables ---- */

static void print_replay_row(struct out_table *t, const struct simulate_row *r)
{
	const struct replay_result *x = &r->sum;

	out_row(t);
	out_cell(t, r->policy);
	out_cell_f(t, "%.2f %%", simulate_allocation(r));
	out_cell_f(t, "%.0f", (double)x->refused / r->seeds);
	out_cell_f(t, "%.1f", simulate_devices(r, x->partly_milli));
	out_cell_f(t, "%.1f", simulate_devices(r, x->starved_milli));
	out_cell_f(t, "%.1f", simulate_devices(r, other_milli(x)));
	out_cell_f(t, "%.1f %%", simulate_fragments(r));
	out_cell_f(t, "%.0f", simulate_devices(r, x->idle_cpu_milli));
	out_cell_f(t, "%.0f", simulate_per_second(r));
	out_cell_f(t, "%.1f µs", (double)x->p99_ns / 1e3);
}

static void print_replay(const struct simulate *s)
{
	struct out_table *t = out_table_new();

	out_safe(stdout,
		 tr("%u nodes, %.0f devices, %u tasks; arrivals of %u %%\n\n",
		    "%u 个节点，%.0f 个设备，%u 个任务；到达需求 %u %%\n\n"),
		 s->trace.nnodes, (double)s->trace.capacity_milli / DEVICE_MILLI, s->trace.ntasks,
		 s->percent);
	out_column(t, tr("policy", "策略"), OUT_LEFT);
	out_column(t, tr("allocated", "已分配"), OUT_RIGHT);
	out_column(t, tr("refused", "拒绝"), OUT_RIGHT);
	out_column(t, tr("idle: shared rest", "空闲：共享余量"), OUT_RIGHT);
	out_column(t, tr("little cpu", "CPU 不足"), OUT_RIGHT);
	out_column(t, tr("other", "其他"), OUT_RIGHT);
	out_column(t, tr("fragments", "碎片"), OUT_RIGHT);
	out_column(t, tr("idle cpus", "空闲 CPU"), OUT_RIGHT);
	out_column(t, tr("decisions/s", "决定/秒"), OUT_RIGHT);
	out_column(t, "p99", OUT_RIGHT);
	for (uint32_t i = 0; i < s->nrows; i++)
		print_replay_row(t, &s->rows[i]);
	out_table_print(t);
}

static void print_live_row(struct out_table *t, const struct simulate *s,
			   const struct simulate_row *row)
{
	const struct live_result *r = row->live;
	char text[OUT_TEXT_MAX];

	out_row(t);
	out_cell(t, row->policy);
	out_cell_f(t, "%llu", (unsigned long long)r->waited);
	out_cell(t, out_seconds((int64_t)r->mean_wait_s, text));
	out_cell(t, out_seconds(r->p50_wait_s, text));
	out_cell(t, out_seconds(r->p95_wait_s, text));
	out_cell(t, out_seconds(r->max_wait_s, text));
	out_cell_f(t, "%.1f %%", r->busy_device_percent);
	out_cell_f(t, "%.1f %%", r->device_percent);
	out_cell_f(t, "%.1f %%", r->fragment_percent);
	out_cell(t, s->priced ? out_yuan(r->bill.cost_micro, text) : NULL);
	out_cell(t, out_carbon(r->bill.carbon_mg, text));
	out_cell_f(t, "%.0f", simulate_per_second(row));
}

static void print_live(const struct simulate *s)
{
	struct out_table *t = out_table_new();
	const struct live_result *r = s->rows[0].live;
	char span[OUT_TEXT_MAX];

	out_safe(stdout,
		 tr("%u nodes, %.0f devices; %llu tasks within %s, %llu of them refused: no node "
		    "could ever hold them\n\n",
		    "%u 个节点，%.0f 个设备；%llu 个任务在 %s 内到达，其中 %llu 个被拒绝：没有节点"
		    "放得下\n\n"),
		 s->trace.nnodes, (double)s->trace.capacity_milli / DEVICE_MILLI,
		 (unsigned long long)r->arrived, out_seconds((int64_t)r->arrive_s, span),
		 (unsigned long long)r->refused);
	out_column(t, tr("policy", "策略"), OUT_LEFT);
	out_column(t, tr("waited", "等待任务"), OUT_RIGHT);
	out_column(t, tr("wait: mean", "等待：平均"), OUT_RIGHT);
	out_column(t, "p50", OUT_RIGHT);
	out_column(t, "p95", OUT_RIGHT);
	out_column(t, tr("max", "最长"), OUT_RIGHT);
	out_column(t, tr("devices used", "设备利用率"), OUT_RIGHT);
	out_column(t, tr("to the end", "至结束"), OUT_RIGHT);
	out_column(t, tr("fragments", "碎片"), OUT_RIGHT);
	out_column(t, tr("cost", "费用"), OUT_RIGHT);
	out_column(t, tr("carbon", "碳排放"), OUT_RIGHT);
	out_column(t, tr("decisions/s", "决定/秒"), OUT_RIGHT);
	for (uint32_t i = 0; i < s->nrows; i++)
		print_live_row(t, s, &s->rows[i]);
	out_table_print(t);
	if (s->bill.assumed)
		out_safe(stdout,
			 tr("\nThe power of %u model(s) of device is not known: 400 W is assumed; "
			    "a column tdp_w in the node list says it.\n",
			    "\n有 %u 种设备型号的功率未知，按 400 W 计；可在节点列表中用 tdp_w 列"
			    "给出。\n"),
			 s->bill.assumed);
}

void simulate_print(const struct simulate *s)
{
	if (s->departures)
		print_live(s);
	else
		print_replay(s);
}
