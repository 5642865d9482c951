/* simulate.c - `suanlu simulate`: what would fit, by the code that places */

#include "cmd/simulate.h"

#include "base/mem.h"
#include "base/text.h"
#include "domain/accel.h"
#include "cmd/cmd.h"
#include "cmd/opt.h"
#include "cmd/out.h"
#include "cmd/words.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

enum {
	O_NODES = 256, O_TASKS, O_POLICY, O_SEED, O_PERCENT, O_DEPARTURES, O_FASTER, O_CPU_HOUR,
	O_ACCEL_HOUR, O_PUE, O_CARBON, O_LOG, O_HTML,
};

static const struct opt opts[] = {
	{ O_NODES, "nodes", "FILE", "the nodes, as CSV", "节点列表（CSV）" },
	{ O_TASKS, "tasks", "FILE", "the tasks, as CSV", "任务列表（CSV）" },
	{ O_POLICY, "policy", "suanlu|random|dot-product|gpu-clustering|gpu-packing|best-fit|fgd",
	  "who places; several apart by commas", "放置策略；多个用逗号分隔" },
	{ O_SEED, "seed", "N", "order of arrival, and of ties (42)", "到达次序与平局的随机种子（42）" },
	{ O_SEED, "seeds", "A-B", "several, averaged", "多个种子，取平均" },
	{ O_PERCENT, "percent", "N", "arrivals, of all devices (130)",
	  "到达需求占全部设备的百分比（130）" },
	{ O_DEPARTURES, "departures", NULL, "tasks come at their time, wait, run and leave",
	  "任务按时到达、等待、运行并离开" },
	{ O_FASTER, "faster", "N", "with departures: they come N times as fast (1)",
	  "配合 --departures：到达加快 N 倍（1）" },
	{ O_CPU_HOUR, "cpu-hour", "YUAN", "price of a cpu for an hour", "每核时价格（元）" },
	{ O_ACCEL_HOUR, "accelerator-hour", "YUAN", "price of a device for an hour",
	  "每卡时价格（元）" },
	{ O_PUE, "pue", "N", "power of the site by that of its machines (1.5)",
	  "电能利用效率 PUE（1.5）" },
	{ O_CARBON, "carbon", "G", "grams of CO2 for a kWh (580)", "每千瓦时碳排放克数（580）" },
	{ O_LOG, "log", "FILE", "write every decision there", "写出每个决定" },
	{ O_HTML, "html", "FILE", "write a report with charts there", "写出带图表的报告" },
	{ 0, NULL, NULL, NULL, NULL },
};

extern const char accelerators_csv[];
extern const size_t accelerators_csv_len;

struct wish {
	struct simulate s;
	int64_t cpu_hour_micro, accel_hour_micro;
	uint32_t pue_milli, carbon_g; /* 0: the default; carbon: UINT32_MAX */
	const char *log, *html;
	FILE *log_file;
	bool bar, percent_given;
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
	w->s.rows[w->s.nrows].kind = k;
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

static int set_price(const char *name, const char *text, int64_t *ret)
{
	if (text_yuan_parse(text, ret) || *ret > 1000000 * 1000000LL)
		return opt_usage("simulate",
				 tr("--%s is yuan, such as 0.12, not \"%.40s\"",
				    "--%s 的单位是元，如 0.12，不能是 “%.40s”"),
				 name, text);
	return 0;
}

/* "1.25" -> 1250, as money is read. */
static int set_pue(struct wish *w, const char *text)
{
	int64_t micro;

	if (text_yuan_parse(text, &micro) || micro < 1000000 || micro > 5000000)
		return opt_usage("simulate",
				 tr("--pue is from 1 to 5, not \"%.40s\"",
				    "--pue 应在 1 到 5 之间，不能是 “%.40s”"),
				 text);
	w->pue_milli = (uint32_t)(micro / 1000);
	return 0;
}

static int set_number(const char *name, const char *text, int64_t min, int64_t max, uint32_t *ret)
{
	int64_t x;

	if (text_i64(text, min, max, &x))
		return opt_usage("simulate",
				 tr("--%s is from %lld to %lld, not \"%.40s\"",
				    "--%s 应在 %lld 到 %lld 之间，不能是 “%.40s”"),
				 name, (long long)min, (long long)max, text);
	*ret = (uint32_t)x;
	return 0;
}

static int set_figure(struct wish *w, int key, const char *value)
{
	switch (key) {
	case O_PERCENT:
		w->percent_given = true;
		return set_number("percent", value, 1, REPLAY_PERCENT_MAX, &w->s.percent);
	case O_FASTER:
		return set_number("faster", value, 1, LIVE_FASTER_MAX, &w->s.faster);
	case O_CPU_HOUR:
		return set_price("cpu-hour", value, &w->cpu_hour_micro);
	case O_ACCEL_HOUR:
		return set_price("accelerator-hour", value, &w->accel_hour_micro);
	case O_PUE:
		return set_pue(w, value);
	default:
		return set_number("carbon", value, 0, 2000, &w->carbon_g);
	}
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
	case O_DEPARTURES:
		w->s.departures = true;
		return 0;
	case O_LOG:
		w->log = value;
		return 0;
	case O_HTML:
		w->html = value;
		return 0;
	default:
		return set_figure(w, key, value);
	}
}

static int whole(const struct wish *w)
{
	bool one = w->s.seed_first == w->s.seed_last;

	if (!w->s.nodes_path || !w->s.tasks_path)
		return opt_usage("simulate", tr("--nodes and --tasks are needed: two CSV files",
						"需要 --nodes 与 --tasks 两个 CSV 文件"));
	if (w->log && (w->s.nrows > 1 || !one))
		return opt_usage("simulate", tr("--log is of one policy and one seed",
						"--log 只用于一个策略和一个种子"));
	if (w->s.departures && !one)
		return opt_usage("simulate", tr("--departures is of one seed: the list says when "
						"tasks come",
						"--departures 只用于一个种子：到达时间由列表给出"));
	if (w->s.departures && w->percent_given)
		return opt_usage("simulate",
				 tr("--percent does not go with --departures; see --faster",
				    "--percent 不能与 --departures 同用；请用 --faster"));
	if (!w->s.departures && w->s.faster > 1)
		return opt_usage("simulate", tr("--faster goes with --departures",
						"--faster 需与 --departures 同用"));
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
	uint32_t seeds = (uint32_t)(w->s.seed_last - w->s.seed_first + 1);
	uint32_t runs = w->s.nrows * seeds;
	double part = ((double)w->run + (all ? (double)done / (double)all : 1)) / (double)runs;
	int full = (int)(part * WIDTH);

	fprintf(stderr, "\r\033[K[%.*s%*s] %3.0f %%  %s", full, "##############################",
		WIDTH - full, "", part * 100, w->s.rows[w->run / seeds].policy);
}

static void add(struct simulate_row *row, const struct replay_result *r)
{
	double got = r->capacity_milli ? 100.0 * (double)r->allocated_milli /
						 (double)r->capacity_milli : 0;
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
	s->fragment_milli += r->fragment_milli;
	s->hour.cost_micro += r->hour.cost_micro;
	s->hour.energy_j += r->hour.energy_j;
	s->hour.carbon_mg += r->hour.carbon_mg;
	s->time_ns += r->time_ns;
	s->p99_ns = s->p99_ns > r->p99_ns ? s->p99_ns : r->p99_ns;
	s->max_ns = s->max_ns > r->max_ns ? s->max_ns : r->max_ns;
	if (r->index.bytes > s->index.bytes)
		s->index = r->index;
}

static int run_replays(struct wish *w, struct simulate_row *row, struct err *err)
{
	_cleanup_(mem_freep) struct replay_result *got = mem_alloc(sizeof(*got));
	struct replay r = { .trace = &w->s.trace,
			    .baseline = row->kind,
			    .percent = w->s.percent,
			    .bill = &w->s.bill,
			    .log = w->log_file,
			    .clock_ns = now_ns,
			    .progress = w->bar ? bar : NULL,
			    .progress_arg = w };
	int bad = 0;

	for (r.seed = w->s.seed_first; r.seed <= w->s.seed_last && !bad; r.seed++) {
		bad = replay_run(&r, got, err);
		add(row, got);
		w->run++;
	}
	return bad;
}

static int run_live(struct wish *w, struct simulate_row *row, struct err *err)
{
	struct live l = { .trace = &w->s.trace,
			  .baseline = row->kind,
			  .seed = w->s.seed_first,
			  .faster = w->s.faster,
			  .bill = &w->s.bill,
			  .log = w->log_file,
			  .clock_ns = now_ns,
			  .progress = w->bar ? bar : NULL,
			  .progress_arg = w };
	int bad;

	row->seeds = 1;
	row->live = mem_alloc(sizeof(*row->live));
	bad = live_run(&l, row->live, err);
	w->run++;
	return bad;
}

static int run_all(struct wish *w, struct err *err)
{
	int bad = 0;

	for (uint32_t i = 0; i < w->s.nrows && !bad; i++)
		bad = w->s.departures ? run_live(w, &w->s.rows[i], err)
				      : run_replays(w, &w->s.rows[i], err);
	if (w->bar)
		fputs("\r\033[K", stderr);
	return bad;
}

/* ---- all of it ---- */

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

	if (cmd_global.json) {
		json_t *doc = simulate_json(&w->s);

		json_dumpf(doc, stdout, JSON_REAL_PRECISION(6));
		putchar('\n');
		json_decref(doc);
	} else {
		simulate_print(&w->s);
	}
	return bad ? could_not_write(w->html, bad) : CMD_OK;
}

static int read_tables(struct wish *w)
{
	struct trace *t = &w->s.trace;
	struct err err = { 0 };
	char said[PHRASE_ZH_MAX];
	int bad = trace_read_nodes(t, w->s.nodes_path, &err);

	bad = bad ? bad : trace_read_tasks(t, w->s.tasks_path, &err);
	if (bad) {
		out_safe(stderr, "suanlu simulate: %s%s%s%s\n", words_said(err.text, said),
			 *err.field ? " (" : "", err.field, *err.field ? ")" : "");
		return CMD_USAGE;
	}
	if (w->s.departures && !t->timed)
		return opt_usage("simulate",
				 tr("%.200s says neither submit_s and run_s nor creation_time and "
				    "deletion_time: --departures needs one of these pairs",
				    "%.200s 中既没有 submit_s 与 run_s，也没有 creation_time 与 "
				    "deletion_time；--departures 需要其中一对"),
				 w->s.tasks_path);
	return 0;
}

static void make_bill(struct wish *w, const struct catalogue *known)
{
	struct pool *site = &w->s.bill.site;

	bill_init(&w->s.bill, &w->s.trace, known);
	w->s.priced = w->cpu_hour_micro || w->accel_hour_micro;
	site->cpu_hour_micro = w->cpu_hour_micro;
	site->accel_hour_micro = w->accel_hour_micro;
	if (w->pue_milli)
		site->pue_milli = w->pue_milli;
	for (int h = 0; h < 24 && w->carbon_g != UINT32_MAX; h++)
		site->carbon_g_kwh[h] = w->carbon_g;
}

static int simulate(struct wish *w)
{
	struct catalogue known = { .n = 0 };
	struct err err = { 0 };
	int bad = read_tables(w);

	if (bad)
		return bad;
	if (catalogue_parse(accelerators_csv, accelerators_csv_len, &known, &err))
		return CMD_INTERNAL;
	make_bill(w, &known);
	catalogue_done(&known);
	w->log_file = w->log ? fopen(w->log, "we") : NULL;
	if (w->log && !w->log_file)
		return could_not_write(w->log, -errno);
	bad = run_all(w, &err);
	if (w->log_file && fclose(w->log_file) && !bad)
		bad = -EIO;
	return bad ? could_not_write(w->log, bad) : show(w);
}

static int read_options(struct wish *w, int argc, char **argv)
{
	struct opt_scan s = { .verb = "simulate", .opts = opts, .argc = argc, .argv = argv };
	int key, res = 0;

	while (!res && (key = opt_next(&s)) != OPT_END) {
		if (key == OPT_BAD || key == OPT_HELP)
			return key == OPT_HELP ? -1 : CMD_USAGE;
		res = set(w, key, s.value);
	}
	if (res)
		return res;
	if (s.at < argc)
		return opt_usage("simulate", tr("\"%.40s\" is too much", "多余的参数 “%.40s”"),
				 argv[s.at]);
	return whole(w);
}

int cmd_simulate(int argc, char **argv)
{
	_cleanup_(mem_freep) struct wish *w = mem_alloc(sizeof(*w));
	int res;

	w->s.percent = 130;
	w->s.faster = 1;
	w->s.seed_first = w->s.seed_last = 42;
	w->s.nrows = 1;
	w->s.rows[0].policy = "suanlu";
	w->carbon_g = UINT32_MAX;
	res = read_options(w, argc, argv);
	if (res)
		return res < 0 ? CMD_OK : res;
	w->bar = out_tty(stderr);
	res = simulate(w);
	trace_done(&w->s.trace);
	for (uint32_t i = 0; i < w->s.nrows; i++)
		mem_freep(&w->s.rows[i].live);
	return res;
}
