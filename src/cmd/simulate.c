/* simulate.c - `suanlu simulate`: what would fit, by the code that places */

#include "cmd/simulate.h"

#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/opt.h"
#include "cmd/out.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

enum { O_NODES = 256, O_TASKS, O_POLICY, O_SEED, O_PERCENT, O_LOG, O_HTML };

static const struct opt opts[] = {
	{ O_NODES, "nodes", "FILE", "the nodes, as CSV", "节点列表（CSV）" },
	{ O_TASKS, "tasks", "FILE", "the tasks, as CSV", "任务列表（CSV）" },
	{ O_POLICY, "policy", "suanlu|random|dot-product|gpu-clustering|gpu-packing|best-fit|fgd",
	  "who places; several apart by commas", "放置策略；多个用逗号分隔" },
	{ O_SEED, "seed", "N", "order of arrival (42)", "到达次序的随机种子（42）" },
	{ O_SEED, "seeds", "A-B", "several, averaged", "多个种子，取平均" },
	{ O_PERCENT, "percent", "N", "arrivals, of all devices (130)",
	  "到达需求占全部设备的百分比（130）" },
	{ O_LOG, "log", "FILE", "write every decision there", "写出每个决定" },
	{ O_HTML, "html", "FILE", "write a report with charts there", "写出带图表的报告" },
	{ 0, NULL, NULL, NULL, NULL },
};

struct wish {
	struct simulate s;
	struct trace trace;
	enum baseline_kind kinds[SIMULATE_POLICIES_MAX];
	const char *log, *html;
	FILE *log_file;
	bool bar;
	uint32_t run; /* of all policies and seeds, for the bar */
};

/* ---- options ---- */

static int add_policy(struct wish *w, const char *name)
{
	enum baseline_kind k;

	k = baseline_find_name(!strncmp(name, "gpu-", 4) ? name + 4 : name);
	if (k == BASELINE_NONE && strcmp(name, "suanlu"))
		return opt_usage("simulate", tr("there is no policy \"%.40s\"", "没有策略 “%.40s”"),
				 name);
	if (w->s.nrows == SIMULATE_POLICIES_MAX)
		return opt_usage("simulate", tr("at most %d policies", "最多 %d 个策略"),
				 SIMULATE_POLICIES_MAX);
	w->kinds[w->s.nrows] = k;
	w->s.rows[w->s.nrows++].policy = name;
	return 0;
}

static int set_policies(struct wish *w, char *names)
{
	int bad = 0;

	while (names && !bad)
		bad = add_policy(w, strsep(&names, ","));
	return bad;
}

static int set_seeds(struct wish *w, const char *text)
{
	const char *dash = strchr(text, '-');
	char first[24];
	int64_t a, b;

	snprintf(first, sizeof(first), "%.*s", dash ? (int)(dash - text) : 23, text);
	if (text_i64(first, 0, INT32_MAX, &a) ||
	    text_i64(dash ? dash + 1 : first, a, a + SIMULATE_SEEDS_MAX - 1, &b))
		return opt_usage(
			"simulate",
			tr("\"%.40s\" is neither a seed nor a range of at most %d, like 42-51",
			   "“%.40s” 既不是种子，也不是不超过 %d 个的范围（如 42-51）"),
			text, SIMULATE_SEEDS_MAX);
	w->s.seed_first = (uint64_t)a;
	w->s.seed_last = (uint64_t)b;
	return 0;
}

static int set_percent(struct wish *w, const char *text)
{
	int64_t x;

	if (text_i64(text, 1, REPLAY_PERCENT_MAX, &x))
		return opt_usage("simulate",
				 tr("--percent is from 1 to %d, not \"%.40s\"",
				    "--percent 应在 1 到 %d 之间，不能是 “%.40s”"),
				 REPLAY_PERCENT_MAX, text);
	w->s.percent = (uint32_t)x;
	return 0;
}

static int set(struct wish *w, int key, const char *value)
{
	switch (key) {
	case O_NODES:
		w->s.nodes_path = value;
		return 0;
	case O_TASKS:
		w->s.tasks_path = value;
		return 0;
	case O_POLICY:
		w->s.nrows = 0;
		return set_policies(w, (char *)value);
	case O_SEED:
		return set_seeds(w, value);
	case O_PERCENT:
		return set_percent(w, value);
	case O_LOG:
		w->log = value;
		return 0;
	default:
		w->html = value;
		return 0;
	}
}

static int whole(const struct wish *w)
{
	if (!w->s.nodes_path || !w->s.tasks_path)
		return opt_usage("simulate", tr("--nodes and --tasks are needed: two CSV files",
						"需要 --nodes 与 --tasks 两个 CSV 文件"));
	if (w->log && (w->s.nrows > 1 || w->s.seed_first != w->s.seed_last))
		return opt_usage("simulate", tr("--log is of one policy and one seed",
						"--log 只用于一个策略和一个种子"));
	return 0;
}

/* ---- running ---- */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void bar(void *arg, uint64_t done, uint64_t all)
{
	enum { WIDTH = 30 };
	const struct wish *w = arg;
	uint64_t seeds = w->s.seed_last - w->s.seed_first + 1, runs = seeds * w->s.nrows;
	double part = ((double)w->run + (all ? (double)done / (double)all : 1)) / (double)runs;
	int full = (int)(part * WIDTH);

	fprintf(stderr, "\r\033[K[%.*s%*s] %3.0f %%  %s", full, "##############################",
		WIDTH - full, "", part * 100, w->s.rows[w->run / seeds].policy);
}

static double percent_of(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void add(struct simulate_row *row, const struct replay_result *r)
{
	double got = percent_of(r->allocated_milli, r->capacity_milli);
	struct replay_result *s = &row->sum;

	row->least = row->seeds && row->least < got ? row->least : got;
	row->most = row->seeds && row->most > got ? row->most : got;
	row->seeds++;
	s->arrived += r->arrived;
	s->placed += r->placed;
	s->refused += r->refused;
	s->capacity_milli += r->capacity_milli;
	s->allocated_milli += r->allocated_milli;
	for (uint32_t i = 0; i <= REPLAY_PERCENT_MAX; i++)
		s->at_milli[i] += r->at_milli[i];
	s->partly_milli += r->partly_milli;
	s->starved_milli += r->starved_milli;
	s->idle_milli += r->idle_milli;
	s->idle_cpu_milli += r->idle_cpu_milli;
	s->time_ns += r->time_ns;
	s->p99_ns = s->p99_ns > r->p99_ns ? s->p99_ns : r->p99_ns;
	s->max_ns = s->max_ns > r->max_ns ? s->max_ns : r->max_ns;
	if (r->index.bytes > s->index.bytes)
		s->index = r->index;
}

double simulate_at(const struct simulate_row *r, uint32_t percent)
{
	return percent_of(r->sum.at_milli[percent], r->sum.capacity_milli);
}

double simulate_devices(const struct simulate_row *r, uint64_t milli)
{
	return (double)milli / DEVICE_MILLI / r->seeds;
}

double simulate_allocation(const struct simulate_row *r)
{
	return percent_of(r->sum.allocated_milli, r->sum.capacity_milli);
}

static int run_all(struct wish *w, struct err *err)
{
	_cleanup_(mem_freep) struct replay_result *got = mem_alloc(sizeof(*got));
	struct replay r = { .trace = &w->trace,
			    .percent = w->s.percent,
			    .log = w->log_file,
			    .clock_ns = now_ns,
			    .progress = w->bar ? bar : NULL,
			    .progress_arg = w };
	int bad = 0;

	for (uint32_t i = 0; i < w->s.nrows; i++) {
		r.baseline = w->kinds[i];
		for (r.seed = w->s.seed_first; r.seed <= w->s.seed_last && !bad; r.seed++) {
			bad = replay_run(&r, got, err);
			add(&w->s.rows[i], got);
			w->run++;
		}
	}
	if (w->bar)
		fputs("\r\033[K", stderr);
	return bad;
}

/* ---- what came out ---- */

static double per_second(const struct simulate_row *r)
{
	return r->sum.time_ns ? 1e9 * (double)r->sum.arrived / (double)r->sum.time_ns : 0;
}

static uint64_t other_milli(const struct replay_result *r)
{
	return r->idle_milli - r->partly_milli - r->starved_milli;
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

static json_t *curve_json(const struct simulate *s, const struct simulate_row *r)
{
	json_t *curve = json_array();

	for (uint32_t i = 0; i <= s->percent && r->sum.capacity_milli; i++)
		json_array_append_new(curve, json_real(simulate_at(r, i)));
	return curve;
}

static json_t *row_json(const struct simulate *s, const struct simulate_row *r)
{
	json_t *doc = json_pack("{s:s, s:i, s:I, s:I, s:I}", /* sums over the seeds */
				"policy", r->policy, "seeds", (int)r->seeds, "arrived",
				(json_int_t)r->sum.arrived, "placed", (json_int_t)r->sum.placed,
				"refused", (json_int_t)r->sum.refused);

	json_object_set_new(doc, "allocation_percent", json_real(simulate_allocation(r)));
	json_object_set_new(doc, "allocation_least", json_real(r->least));
	json_object_set_new(doc, "allocation_most", json_real(r->most));
	json_object_set_new(doc, "idle_devices", idle_json(r));
	json_object_set_new(doc, "idle_cpus",
			    json_real(simulate_devices(r, r->sum.idle_cpu_milli)));
	json_object_set_new(doc, "decisions_per_s", json_real(per_second(r)));
	json_object_set_new(doc, "decision_us", time_json(r));
	json_object_set_new(doc, "index_bytes", json_integer((json_int_t)r->sum.index.bytes));
	json_object_set_new(doc, "curve", curve_json(s, r));
	return doc;
}

static void print_json(const struct simulate *s)
{
	json_t *rows = json_array(), *doc;

	for (uint32_t i = 0; i < s->nrows; i++)
		json_array_append_new(rows, row_json(s, &s->rows[i]));
	doc = json_pack("{s:i, s:I, s:i, s:i, s:[I, I], s:o}", "nodes", (int)s->trace->nnodes,
			"devices", (json_int_t)(s->trace->capacity_milli / DEVICE_MILLI), "tasks",
			(int)s->trace->ntasks, "percent", (int)s->percent, "seeds",
			(json_int_t)s->seed_first, (json_int_t)s->seed_last, "policies", rows);
	json_dumpf(doc, stdout, JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(doc);
}

static void print_row(struct out_table *t, const struct simulate_row *r)
{
	const struct replay_result *x = &r->sum;

	out_row(t);
	out_cell(t, r->policy);
	out_cell_f(t, "%.2f %%", simulate_allocation(r));
	out_cell_f(t, "%.0f", (double)x->refused / r->seeds);
	out_cell_f(t, "%.1f", simulate_devices(r, x->partly_milli));
	out_cell_f(t, "%.1f", simulate_devices(r, x->starved_milli));
	out_cell_f(t, "%.1f", simulate_devices(r, other_milli(x)));
	out_cell_f(t, "%.0f", simulate_devices(r, x->idle_cpu_milli));
	out_cell_f(t, "%.0f", per_second(r));
	out_cell_f(t, "%.1f µs", (double)x->p99_ns / 1e3);
}

static void print(const struct simulate *s)
{
	struct out_table *t = out_table_new();

	out_safe(stdout,
		 tr("%u nodes, %.0f devices, %u tasks; arrivals of %u %%\n\n",
		    "%u 个节点，%.0f 个设备，%u 个任务；到达需求 %u %%\n\n"),
		 s->trace->nnodes, (double)s->trace->capacity_milli / DEVICE_MILLI,
		 s->trace->ntasks, s->percent);
	out_column(t, tr("policy", "策略"), OUT_LEFT);
	out_column(t, tr("allocated", "已分配"), OUT_RIGHT);
	out_column(t, tr("refused", "拒绝"), OUT_RIGHT);
	out_column(t, tr("idle: shared rest", "空闲：共享余量"), OUT_RIGHT);
	out_column(t, tr("little cpu", "CPU 不足"), OUT_RIGHT);
	out_column(t, tr("other", "其他"), OUT_RIGHT);
	out_column(t, tr("idle cpus", "空闲 CPU"), OUT_RIGHT);
	out_column(t, tr("decisions/s", "决定/秒"), OUT_RIGHT);
	out_column(t, "p99", OUT_RIGHT);
	for (uint32_t i = 0; i < s->nrows; i++)
		print_row(t, &s->rows[i]);
	out_table_print(t);
}

static int could_not_write(const char *path, int bad)
{
	out_safe(stderr,
		 tr("suanlu simulate: could not write %s: %s\n",
		    "suanlu simulate：无法写出 %s：%s\n"),
		 path, strerror(-bad));
	return CMD_INTERNAL;
}

static int show(const struct wish *w)
{
	int bad = w->html ? simulate_html(&w->s, w->html) : 0;

	if (cmd_global.json)
		print_json(&w->s);
	else
		print(&w->s);
	return bad ? could_not_write(w->html, bad) : CMD_OK;
}

static int simulate(struct wish *w)
{
	struct err err = { 0 };
	int bad;

	bad = trace_read_nodes(&w->trace, w->s.nodes_path, &err);
	bad = bad ? bad : trace_read_tasks(&w->trace, w->s.tasks_path, &err);
	if (bad) {
		out_safe(stderr, "suanlu simulate: %s%s%s%s\n", err.text, *err.field ? " (" : "",
			 err.field, *err.field ? ")" : "");
		return CMD_USAGE;
	}
	w->log_file = w->log ? fopen(w->log, "we") : NULL;
	if (w->log && !w->log_file)
		return could_not_write(w->log, -errno);
	bad = run_all(w, &err);
	if (w->log_file && fclose(w->log_file) && !bad)
		bad = -EIO;
	return bad ? could_not_write(w->log, bad) : show(w);
}

int cmd_simulate(int argc, char **argv)
{
	struct opt_scan s = { .verb = "simulate", .opts = opts, .argc = argc, .argv = argv };
	_cleanup_(mem_freep) struct wish *w = mem_alloc(sizeof(*w));
	int key, res = 0;

	w->s.trace = &w->trace;
	w->s.percent = 130;
	w->s.seed_first = w->s.seed_last = 42;
	w->s.nrows = 1;
	w->s.rows[0].policy = "suanlu";
	while (!res && (key = opt_next(&s)) != OPT_END) {
		if (key == OPT_BAD || key == OPT_HELP)
			return key == OPT_HELP ? CMD_OK : CMD_USAGE;
		res = set(w, key, s.value);
	}
	if (res)
		return res;
	if (s.at < argc)
		return opt_usage("simulate", tr("\"%.40s\" is too much", "多余的参数 “%.40s”"),
				 argv[s.at]);
	res = whole(w);
	if (res)
		return res;
	w->bar = out_tty(stderr);
	res = simulate(w);
	trace_done(&w->trace);
	return res;
}
