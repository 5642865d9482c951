/* pools.c - `suanlu pools`: what there is, what is free, what it costs; drain and resume */

#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/opt.h"
#include "cmd/out.h"
#include "cmd/remote.h"
#include "cmd/words.h"

#include <string.h>

enum { O_REASON = 256, O_TASK, O_LEVEL, O_REGION, O_ENGINE, O_URL, O_SOCKET, O_USER, O_JWT, O_PARTITION,
       O_ACCOUNT, O_QOS, O_CONSTRAINT, O_DIR, O_CA, O_LAST };

static const struct opt opts[] = {
	{ O_REASON, "reason", "TEXT", "drain, lost, clearance: why, for everybody to read",
	  "drain、lost、clearance：原因，所有人可见" },
	{ O_TASK, "task", "TASK", "lost: give up the run of this task only", "lost：只放弃该任务的运行" },
	{ O_LEVEL, "level", "LEVEL", "clearance: the highest data level it may see",
	  "clearance：可处理的最高数据级别" },
	{ O_REGION, "region", "REGION", "clearance: where it lies, as confirmed; add: where it lies",
	  "clearance：经确认的所在区域；add：所在区域" },
	{ O_ENGINE, "engine", "slurm", "add: what it is", "add：引擎类型" },
	{ O_URL, "url", "URL", "add: its slurmrestd, like http://10.0.0.1:6820", "add：slurmrestd 地址" },
	{ O_SOCKET, "socket", "FILE", "add: the same, as a Unix socket", "add：slurmrestd 的 Unix 套接字" },
	{ O_USER, "user", "NAME", "add: the user of the cluster that its token belongs to",
	  "add：令牌所属的集群用户" },
	{ O_JWT, "jwt", "FILE", "add: the file that holds the cluster's token", "add：存放集群令牌的文件" },
	{ O_PARTITION, "partition", "NAME,…", "add: use these partitions only", "add：只使用这些分区" },
	{ O_ACCOUNT, "account", "NAME", "add: charge this account", "add：计入该账户" },
	{ O_QOS, "qos", "NAME", "add: with this quality of service", "add：使用该 QOS" },
	{ O_CONSTRAINT, "constraint", "TEXT", "add: on nodes with these features", "add：节点特性要求" },
	{ O_DIR, "dir", "DIR", "add: a directory that all nodes and the daemon share",
	  "add：节点与守护进程共享的目录" },
	{ O_CA, "ca", "FILE", "add: certificates that sign its https", "add：https 的 CA 证书" },
	{ 0, NULL, NULL, NULL, NULL },
};

static const char *tier(const json_t *p)
{
	const char *s = out_s(p, "tier");

	return s && !strcmp(s, "edge") ? tr("edge", "边缘") :
	       s && !strcmp(s, "centre") ? tr("centre", "中心") : s ? s : "-";
}

static const char *state(const json_t *p, enum out_style *ret)
{
	const json_t *s = json_object_get(p, "state");

	*ret = OUT_RED;
	if (json_is_true(json_object_get(s, "down")))
		return tr("down", "不可用");
	*ret = OUT_YELLOW;
	if (json_is_true(json_object_get(s, "drained")))
		return tr("drained", "已排空");
	if (json_is_true(json_object_get(s, "stale")))
		return tr("stale", "状态过期");
	*ret = OUT_GREEN;
	return tr("up", "正常");
}

/* "12.5/16" */
static void of(struct out_table *t, const json_t *s, const char *free, const char *all)
{
	if (out_i(s, all, 0))
		out_cell_f(t, "%g/%g", out_f(s, free), out_f(s, all));
	else
		out_cell(t, NULL);
}

/* A constant, or the range of a day. */
static void carbon(const json_t *p, char out[OUT_TEXT_MAX])
{
	const json_t *c = json_object_get(p, "carbon_g_kwh"), *v;
	json_int_t low = 0, high = 0;
	size_t i;

	json_array_foreach(c, i, v) {
		json_int_t g = json_integer_value(v);

		low = !i || g < low ? g : low;
		high = g > high ? g : high;
	}
	if (json_array_size(c))
		snprintf(out, OUT_TEXT_MAX, "%lld–%lld", (long long)low, (long long)high);
	else
		snprintf(out, OUT_TEXT_MAX, "%lld", (long long)json_integer_value(c));
}

/* How far off the forecasts of the wait were, on average. */
static const char *error_of(const json_t *p, char out[OUT_TEXT_MAX])
{
	const json_t *f = json_object_get(p, "forecast");

	return out_i(f, "samples", 0) ? out_seconds(out_i(f, "wait_error_s", 0), out) : NULL;
}

static void price(struct out_table *t, const json_t *p, const char *key)
{
	const char *s = out_s(json_object_get(p, "price"), key);

	if (s)
		out_cell_f(t, "¥%s", s);
	else
		out_cell(t, NULL);
}

static struct out_table *table(void)
{
	struct out_table *t = out_table_new();

	out_column(t, tr("POOL", "资源池"), OUT_LEFT);
	out_column(t, tr("TIER", "层级"), OUT_LEFT);
	out_column(t, tr("REGION", "区域"), OUT_TRUNC);
	out_column(t, tr("CLEARANCE", "安全等级"), OUT_LEFT);
	out_column(t, tr("ENGINE", "引擎"), OUT_LEFT);
	out_column(t, tr("STATE", "状态"), OUT_LEFT);
	out_column(t, tr("CPU FREE", "空闲 CPU"), OUT_RIGHT);
	out_column(t, tr("ACC FREE", "空闲加速卡"), OUT_RIGHT);
	out_column(t, tr("RUNNING", "运行中"), OUT_RIGHT);
	out_column(t, tr("¥/CPU·H", "元/CPU·时"), OUT_RIGHT);
	out_column(t, tr("¥/ACC·H", "元/卡·时"), OUT_RIGHT);
	out_column(t, "PUE", OUT_RIGHT);
	out_column(t, tr("gCO₂/kWh", "gCO₂/kWh"), OUT_RIGHT);
	out_column(t, tr("WAIT ERR", "等待误差"), OUT_RIGHT);
	return t;
}

static void list(const json_t *all)
{
	struct out_table *t = table();
	char text[OUT_TEXT_MAX];
	enum out_style style;
	const json_t *p;
	size_t i;

	json_array_foreach(all, i, p) {
		const json_t *s = json_object_get(p, "state");
		const char *word = state(p, &style);

		out_row(t);
		out_cell(t, out_s(p, "name"));
		out_cell(t, tier(p));
		out_cell(t, out_s(p, "region"));
		out_cell(t, out_level(json_object_get(p, "clearance"), text));
		out_cell(t, out_s(p, "engine"));
		out_cell_style(t, word, style);
		of(t, s, "cpus_free", "cpus");
		of(t, s, "accelerators_free", "accelerators");
		out_cell_f(t, "%lld", (long long)out_i(p, "running", out_i(s, "runs", 0)));
		price(t, p, "cpu_hour");
		price(t, p, "accelerator_hour");
		out_cell_f(t, "%.2f", out_f(p, "pue"));
		carbon(p, text);
		out_cell(t, text);
		out_cell(t, error_of(p, text));
	}
	out_table_print(t);
}

/* ---- one pool ---- */

static const char *limit_name(const char *key)
{
	static const char *const zh[][2] = {
		{ "cpu", "CPU" }, { "memory", "内存" }, { "pids", "进程数" }, { "walltime", "运行时间" },
		{ "output", "输出" }, { "user", "用户" }, { "logs", "日志" }, { "api", "接口" },
	};

	return words_among(zh, ARRAY_LEN(zh), key);
}

static void enforced(const json_t *e)
{
	char said[PHRASE_ZH_MAX];
	const char *key;
	const json_t *v;

	if (!json_object_size(e))
		return;
	puts(tr("enforced here:", "本池的限制手段："));
	json_object_foreach((json_t *)e, key, v) {
		_cleanup_(mem_freep) char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
		char label[40];

		snprintf(label, sizeof(label), "  %.30s", limit_name(key));
		out_pair(label, "%s", json_is_string(v) ? words_said(json_string_value(v), said) :
			 text ? text : "?");
	}
}

static void groups(const json_t *p)
{
	const json_t *g, *a;
	char text[OUT_TEXT_MAX];
	size_t i;

	json_array_foreach(json_object_get(p, "groups"), i, g) {
		a = json_object_get(g, "accelerators");
		out_pair(i ? "" : tr("nodes", "节点"), tr("%lld × %g cpu, %s", "%lld × %g CPU，%s"),
			 (long long)out_i(g, "count", 0), out_f(g, "cpus"),
			 out_size_mb((uint64_t)out_i(g, "memory_mb", 0), text));
		if (a)
			out_pair("", tr("  with %lld × %s each", "  每节点 %lld × %s"),
				 (long long)out_i(a, "count", 0), out_s(a, "model") ? out_s(a,
					 "model") : "?");
	}
}

static void links(const json_t *p)
{
	const json_t *l;
	size_t i;

	json_array_foreach(json_object_get(p, "links"), i, l)
		out_pair(i ? "" : tr("links", "链路"), "%s: %lld ms, %lld Mbit/s",
			 out_s(l, "region") ? out_s(l, "region") : "?",
			 (long long)out_i(l, "latency_ms", 0), (long long)out_i(l, "mbps", 0));
}

static void free_now(const json_t *s)
{
	char a[OUT_TEXT_MAX], b[OUT_TEXT_MAX];

	out_pair(tr("free", "空闲"), tr("%g of %g cpus, %s of %s", "CPU %g / %g，内存 %s / %s"),
		 out_f(s, "cpus_free"), out_f(s, "cpus"),
		 out_size_mb((uint64_t)out_i(s, "memory_free_mb", 0), a),
		 out_size_mb((uint64_t)out_i(s, "memory_mb", 0), b));
	if (out_i(s, "accelerators", 0))
		out_pair("", tr("%lld of %lld accelerators", "加速卡 %lld / %lld"),
			 (long long)out_i(s, "accelerators_free", 0), (long long)out_i(s,
				 "accelerators", 0));
	if (out_i(s, "nodes_down", 0))
		out_pair("", tr("%lld nodes are down", "%lld 个节点不可用"), (long long)out_i(s,
			"nodes_down", 0));
}

static void money(const json_t *p)
{
	const json_t *price_of = json_object_get(p, "price");
	char text[OUT_TEXT_MAX];

	carbon(p, text);
	out_pair(tr("price", "价格"), tr("¥%s per cpu-hour, ¥%s per accelerator-hour",
					 "每 CPU·时 ¥%s，每卡·时 ¥%s"),
		 out_s(price_of, "cpu_hour") ? out_s(price_of, "cpu_hour") : "?",
		 out_s(price_of, "accelerator_hour") ? out_s(price_of, "accelerator_hour") : "?");
	out_pair(tr("energy", "能源"), tr("PUE %.2f, %s g of CO₂ per kWh, %.0f %% green",
					  "PUE %.2f，每千瓦时 %s 克二氧化碳，绿电 %.0f%%"),
		 out_f(p, "pue"), text, out_f(p, "green_share") * 100);
}

/* Who said what, when it is not the same. */
static void label(const json_t *p)
{
	const json_t *l = json_object_get(p, "label"), *d = json_object_get(l, "declared"),
		     *c = json_object_get(l, "confirmed");
	char a[OUT_TEXT_MAX], b[OUT_TEXT_MAX];

	if (json_equal(d, c))
		return;
	out_pair(tr("declared", "配置声明"), tr("level %s in %s", "级别 %s，区域 %s"),
		 out_level(json_object_get(d, "clearance"), a), out_s(d, "region"));
	out_pair(tr("confirmed", "安全确认"), tr("level %s in %s; the stricter of both counts",
						"级别 %s，区域 %s；以较严者为准"),
		 out_level(json_object_get(c, "clearance"), b), out_s(c, "region"));
}

static void show(const json_t *p)
{
	const json_t *s = json_object_get(p, "state"), *f = json_object_get(p, "forecast");
	enum out_style style;
	const char *word = state(p, &style);
	char text[OUT_TEXT_MAX], said[OUT_TEXT_MAX], came[OUT_TEXT_MAX];

	out_pair_s(tr("pool", "资源池"), out_s(p, "name"));
	out_pair_s(tr("title", "名称"), out_tr(p, "title"));
	out_pair(tr("state", "状态"), "%s%s%s", word, out_s(s, "why") ? ": " : "",
		 out_s(s, "why") ? out_tr(s, "why") : "");
	out_pair(tr("tier", "层级"), "%s", tier(p));
	out_pair_s(tr("region", "区域"), out_s(p, "region"));
	out_pair_s(tr("owner", "所有者"), out_s(p, "owner"));
	out_pair_s(tr("engine", "引擎"), out_s(p, "engine"));
	out_pair(tr("clearance", "安全等级"), "%s", out_level(json_object_get(p, "clearance"), text));
	label(p);
	groups(p);
	free_now(s);
	out_pair(tr("tasks", "任务"), tr("%lld running, %lld waiting for it", "运行中 %lld，等待该池 %lld"),
		 (long long)out_i(p, "running", 0), (long long)out_i(p, "waiting", 0));
	money(p);
	links(p);
	out_pair_s(tr("longest run", "最长运行"), out_s(p, "walltime_max"));
	if (error_of(p, text))
		out_pair(tr("forecasts", "预测"),
			 tr("of the wait: %s, %s came; off by %s on average, over %lld runs",
			    "等待时间：平均预测 %s，实际 %s，平均误差 %s（%lld 次运行）"),
			 out_seconds(out_i(f, "wait_forecast_s", 0), said),
			 out_seconds(out_i(f, "wait_actual_s", 0), came), text,
			 (long long)out_i(f, "samples", 0));
	if (out_s(s, "seen"))
		out_pair(tr("last heard", "最近上报"), "%s", out_time(out_s(s, "seen"), text));
	enforced(json_object_get(p, "enforced"));
}

/* ---- the verb ---- */

static int change(struct remote *r, const struct opt_part *p, const char *reason)
{
	bool drain = !strcmp(p->part, "drain");
	_cleanup_(mem_freep) char *path = remote_path("/v1/pools/", p->name,
						      drain ? "/drain" : "/resume");
	json_t *body = drain ? json_pack("{s:s}", "reason", reason) : NULL, *got = NULL;
	int res;

	if (drain && !body)
		return opt_usage("pools", "%s", tr("the reason is not valid UTF-8",
						   "排空原因不是有效的 UTF-8"));
	res = remote_ask(r, "POST", path, body, &got);
	json_decref(body);
	if (res == 0 && got && drain)
		out_safe(stdout, tr("%s is drained: what runs there ends, nothing new begins\n",
				    "%s 已排空：运行中的任务继续至结束，不再接收新任务\n"), p->name);
	else if (res == 0 && got)
		out_safe(stdout, tr("%s takes work again\n", "%s 恢复接收任务\n"), p->name);
	json_decref(got);
	return res;
}

/* What the options of this verb said. */
struct given {
	const char *reason, *task, *level, *region;
	const char *more[O_LAST - O_ENGINE];    /* of add, by key */
};

static int clearance(struct remote *r, const struct opt_part *p, const struct given *g)
{
	_cleanup_(mem_freep) char *path = remote_path("/v1/pools/", p->name, "/clearance");
	json_t *body = json_pack("{s:s}", "reason", g->reason), *got = NULL;
	char text[OUT_TEXT_MAX];
	int res;

	if (!body)
		return opt_usage("pools", "%s", tr("the reason is not valid UTF-8", "原因不是有效的 UTF-8"));
	if (g->level && g->level[0] >= '0' && g->level[0] <= '9' && !g->level[1])
		json_object_set_new(body, "clearance", json_integer(g->level[0] - '0'));
	else if (g->level)
		json_object_set_new(body, "clearance", json_string(g->level));
	if (g->region)
		json_object_set_new(body, "region", json_string(g->region));
	res = remote_ask(r, "POST", path, body, &got);
	json_decref(body);
	if (res == 0 && got)
		out_safe(stdout, tr("%s may see level %s now\n", "%s 现可处理级别：%s\n"), p->name,
			 out_level(json_object_get(got, "clearance"), text));
	if (res == 0 && got)
		label(got);
	json_decref(got);
	return res;
}

/* The daemon does some at a time. */
static int lost(struct remote *r, const struct opt_part *p, const struct given *g)
{
	_cleanup_(mem_freep) char *path = remote_path("/v1/pools/", p->name, "/lost");
	json_t *body = json_pack("{s:s, s:s*}", "reason", g->reason, "task", g->task), *got = NULL;
	int64_t n = 0, left = 1;
	int res = 0;

	if (!body)
		return opt_usage("pools", "%s", tr("the reason is not valid UTF-8", "原因不是有效的 UTF-8"));
	while (res == 0 && left > 0) {
		res = remote_ask(r, "POST", path, body, &got);
		left = got && out_i(got, "lost", 0) ? out_i(got, "left", 0) : 0;
		n += got ? out_i(got, "lost", 0) : 0;
		json_decref(got);
		got = NULL;
	}
	json_decref(body);
	if (res == 0 && !cmd_global.json)
		out_safe(stdout, tr("%lld runs on %s are given up and will run elsewhere; what is found of them "
				    "later is ended\n", "已放弃 %lld 个运行（资源池 %s），将在别处重新运行；"
				    "日后发现的旧运行会被终止\n"), (long long)n, p->name);
	return res;
}

static int run(struct remote *r, const struct opt_part *p, const struct given *g)
{
	_cleanup_(mem_freep) char *path = p->name ? remote_path("/v1/pools/", p->name, "") : NULL;
	json_t *got;
	int res;

	if (!strcmp(p->part, "drain") || !strcmp(p->part, "resume"))
		return change(r, p, g->reason);
	if (!strcmp(p->part, "clearance"))
		return clearance(r, p, g);
	if (!strcmp(p->part, "lost"))
		return lost(r, p, g);
	res = remote_get(r, path ? path : "/v1/pools", &got);
	if (res == 0 && got && p->name)
		show(got);
	else if (res == 0 && got)
		list(json_object_get(got, "pools"));
	json_decref(got);
	return res;
}

static int add(const struct opt_part *p, const struct given *g)
{
	struct pool_ask a = {
		.name = p->name, .region = g->region, .url = g->more[O_URL - O_ENGINE],
		.socket = g->more[O_SOCKET - O_ENGINE], .user = g->more[O_USER - O_ENGINE],
		.jwt = g->more[O_JWT - O_ENGINE], .partitions = g->more[O_PARTITION - O_ENGINE],
		.account = g->more[O_ACCOUNT - O_ENGINE], .qos = g->more[O_QOS - O_ENGINE],
		.constraint = g->more[O_CONSTRAINT - O_ENGINE], .dir = g->more[O_DIR - O_ENGINE],
		.ca = g->more[O_CA - O_ENGINE],
	};

	if (!g->more[0] || strcmp(g->more[0], "slurm"))
		return opt_usage("pools", "%s", tr("`pools add` wants --engine slurm; a local pool needs no "
						   "look at what is there", "`pools add` 需要 --engine "
						   "slurm；本机资源池无需探测"));
	if (!text_is_name(p->name))
		return opt_usage("pools", tr("\"%.60s\" is not a name for a pool", "“%.60s” 不能作为资源池名称"),
				 p->name);
	return cmd_pools_add(&a);
}

static int check_others(const struct opt_part *p, const struct given *g)
{
	bool drain = !strcmp(p->part, "drain"), label = !strcmp(p->part, "clearance");
	bool lost = !strcmp(p->part, "lost");

	if (!p->name && strcmp(p->part, "ls"))
		return opt_usage("pools", tr("there is no \"pools %.40s\"", "没有 “pools %.40s”"),
				 p->part);
	if ((drain || label || lost) && !(g->reason && *g->reason))
		return opt_usage("pools", tr("`pools %s` wants --reason: people will ask",
					     "`pools %s` 需要 --reason 说明原因"), p->part);
	if (g->reason && !drain && !label && !lost)
		return opt_usage("pools", "%s", tr("--reason goes with `pools drain`, `lost` and `clearance`",
						   "--reason 只用于 `pools drain`、`lost` 和 `clearance`"));
	if (g->task && !lost)
		return opt_usage("pools", "%s", tr("--task goes with `pools lost`", "--task 只用于 `pools lost`"));
	if (label != (g->level || g->region))
		return opt_usage("pools", "%s", tr("--level and --region go with `pools clearance`, which "
						   "wants one of them", "--level 和 --region 用于 `pools "
						   "clearance`，且至少给出其一"));
	return 0;
}

static int check(const struct opt_part *p, const struct given *g)
{
	if (!strcmp(p->part, "add"))
		return 0;
	for (unsigned i = 0; i < O_LAST - O_ENGINE; i++)
		if (g->more[i])
			return opt_usage("pools", tr("--%s goes with `pools add`", "--%s 只用于 `pools add`"),
					 opts[O_ENGINE - O_REASON + i].name);
	return check_others(p, g);
}

int cmd_pools(int argc, char **argv)
{
	struct opt_scan s = { .verb = "pools", .opts = opts, .argc = argc, .argv = argv };
	_cleanup_(remote_freep) struct remote *r = NULL;
	struct given g = { 0 };
	struct opt_part p;
	int key, res;

	while ((key = opt_next(&s)) >= 0)
		*(key >= O_ENGINE ? &g.more[key - O_ENGINE] : key == O_LEVEL ? &g.level :
		  key == O_REGION ? &g.region : key == O_TASK ? &g.task : &g.reason) = s.value;
	if (key != OPT_END)
		return key == OPT_HELP ? CMD_OK : CMD_USAGE;
	res = opt_part(&s, "ls", "show|drain|resume|lost|clearance|add", &p);
	if (res == 0)
		res = check(&p, &g);
	if (res == 0 && !strcmp(p.part, "add"))
		return add(&p, &g);
	if (res == 0)
		res = remote_new(&r);
	return res == 0 ? run(r, &p, &g) : res;
}
