/* show.c - `suanlu show`: one task in pairs, and its runs */

#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/opt.h"
#include "cmd/out.h"
#include "cmd/remote.h"
#include "cmd/words.h"

#include <string.h>

static const struct opt opts[] = {
	{ 0, NULL, NULL, NULL, NULL },
};

static void pair_time(const char *key, const json_t *t, const char *field)
{
	char text[OUT_TEXT_MAX];

	if (out_s(t, field))
		out_pair(key, "%s", out_time(out_s(t, field), text));
}

/* "12s (4s–9s was expected)" */
static void pair_seconds(const char *key, const json_t *t, const char *field, const char *forecast)
{
	int64_t s = out_i(t, field, -1), f = out_i(t, forecast, -1);
	char text[OUT_TEXT_MAX], want[OUT_TEXT_MAX];

	if (s < 0)
		return;
	if (f < 0 || !out_s(t, "chosen_at"))
		out_pair(key, "%s", out_seconds(s, text));
	else
		out_pair(key, tr("%s (forecast %s)", "%s（预测 %s）"), out_seconds(s, text),
			 out_seconds(f, want));
}

static void put_words(struct buf *b, const json_t *list)
{
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v) {
		const char *s = json_string_value(v);
		bool plain = s && *s && !strpbrk(s, " \t\n'\"\\$`&|;<>()*?#~");

		buf_printf(b, plain ? "%s%s" : "%s'%s'", i ? " " : "", s ? s : "?");
	}
}

static void command(const json_t *spec)
{
	const char *script = out_s(spec, "script");
	struct buf b;

	buf_init(&b, 2 << 20);
	put_words(&b, json_object_get(spec, "command"));
	if (b.len)
		out_pair(tr("command", "命令"), "%s", b.data);
	else if (script)
		out_pair(tr("script", "脚本"), tr("%zu bytes", "%zu 字节"), strlen(script));
	buf_done(&b);
}

static void asked(const json_t *spec)
{
	char text[OUT_TEXT_MAX];
	int64_t nodes = out_i(spec, "nodes", 1);
	_cleanup_(mem_freep) char *accel = NULL;
	const json_t *a = json_object_get(spec, "accelerators");

	if (!spec)
		return;
	command(spec);
	out_pair(tr("asks for", "资源需求"), tr("%lld × (%g cpu, %s), at most %s",
						"%lld ×（%g CPU，%s），最长 %s"), (long long)nodes,
		 out_f(spec, "cpus"), out_size_mb((uint64_t)out_i(spec, "memory_mb", 0), text),
		 out_seconds(out_i(spec, "walltime_s", 0), (char[OUT_TEXT_MAX]){ 0 }));
	if (json_object_size(a)) {
		accel = json_dumps(a, JSON_COMPACT | JSON_REAL_PRECISION(6));
		out_pair_s(tr("accelerators", "加速卡"), accel);
	}
	out_pair_s(tr("image", "镜像"), out_s(spec, "image"));
	out_pair(tr("data level", "数据级别"), "%s", out_level(json_object_get(spec, "data_level"),
							   text));
	out_pair_s(tr("stays within", "不出区域"), out_s(spec, "stay_within"));
	out_pair_s(tr("near", "靠近用户"), out_s(spec, "near"));
	pair_time(tr("deadline", "截止时间"), spec, "deadline");
	if (out_i(spec, "budget_micro", 0))
		out_pair(tr("budget", "预算"), "%s", out_yuan(out_i(spec, "budget_micro", 0), text));
	else
		out_pair_s(tr("budget", "预算"), out_s(spec, "budget"));
}

static void array_line(const json_t *a)
{
	const json_t *v;
	const char *state;
	struct buf b;

	if (!a)
		return;
	buf_init(&b, 4096);
	json_object_foreach(json_object_get(a, "states"), state, v)
		if (json_integer_value(v))
			buf_printf(&b, "%s %s %lld", b.len ? "," : "", out_state(state),
				   (long long)json_integer_value(v));
	out_pair(tr("array", "数组"), tr("%s, %lld tasks:%s", "%s，%lld 个任务：%s"),
		 out_s(a, "text") ? out_s(a, "text") : "", (long long)out_i(a, "tasks", 0), b.data);
	buf_done(&b);
}

static void outcome(const json_t *t)
{
	const json_t *u = json_object_get(t, "usage");
	char a[OUT_TEXT_MAX], b[OUT_TEXT_MAX], c[OUT_TEXT_MAX];

	if (out_i(t, "exit_code", -1) >= 0)
		out_pair(tr("exit code", "退出码"), "%lld", (long long)out_i(t, "exit_code", -1));
	if (!out_i(t, "attempt", 0))
		return;
	out_pair(tr("cost", "费用"), tr("%s, %s, %s of CO₂", "%s，%s，二氧化碳 %s"),
		 out_yuan(out_i(t, "cost_micro", 0), a), out_energy(out_i(t, "energy_j", 0), b),
		 out_carbon(out_i(t, "carbon_mg", 0), c));
	if (out_i(u, "run_ms", 0) && !out_i(u, "memory_peak_mb", 0))
		out_pair(tr("used", "实际使用"), tr("%.2f s of cpu; memory was not measured",
						    "CPU %.2f 秒；内存未测量"), out_f(u, "cpu_ms") / 1000);
	else if (out_i(u, "run_ms", 0))
		out_pair(tr("used", "实际使用"), tr("%.2f s of cpu, %s of memory at most",
						    "CPU %.2f 秒，内存峰值 %s"),
			 out_f(u, "cpu_ms") / 1000,
			 out_size_mb((uint64_t)out_i(u, "memory_peak_mb", 0), a));
	if (out_i(u, "out_dropped", 0))
		out_pair(tr("output", "输出"), tr("%s kept, %s beyond the limit were dropped",
						  "保留 %s，超限丢弃 %s"),
			 out_bytes((uint64_t)out_i(u, "out_bytes", 0), a),
			 out_bytes((uint64_t)out_i(u, "out_dropped", 0), b));
}

static void task(const json_t *t)
{
	const char *state = out_s(t, "state");

	out_pair(tr("task", "任务"), tr("%s  %s (%s)", "%s  %s（%s）"), out_s(t, "id") ? out_s(t,
		"id") : "?",
		 out_s(t, "name") ? out_s(t, "name") : "", out_s(t, "kind") ? out_s(t,
										    "kind") : "");
	/* Colour is ours, so it does not go through out_pair(). */
	printf("%s", out_on(stdout, out_state_style(state)));
	out_pair(tr("state", "状态"), "%s%s", out_state(state),
		 json_is_true(json_object_get(t, "cancel_wanted")) && out_s(t, "ended_at") == NULL
		 ? tr(" (being cancelled)", "（正在取消）") : "");
	printf("%s", out_off(stdout));
	out_pair_s(tr("reason", "原因"), words_task(t));
	array_line(json_object_get(t, "array"));
	out_pair_s(tr("pool", "资源池"), out_s(t, "pool"));
	out_pair(tr("owner", "提交者"), tr("%s of %s", "%s（租户 %s）"),
		 out_s(t, "owner") ? out_s(t, "owner") : "-", out_s(t, "tenant") ? out_s(t,
			 "tenant") : "-");
	asked(json_object_get(t, "spec"));
	pair_time(tr("submitted", "提交"), t, "submitted_at");
	pair_time(tr("started", "开始"), t, "started_at");
	pair_time(tr("ended", "结束"), t, "ended_at");
	pair_seconds(tr("waited", "等待"), t, "wait_s", "wait_forecast_s");
	pair_seconds(tr("ran", "运行"), t, "run_s", "run_forecast_s");
	outcome(t);
}

static void runs(const json_t *all)
{
	struct out_table *t = out_table_new();
	char text[OUT_TEXT_MAX], said[PHRASE_ZH_MAX];
	const json_t *d;
	size_t i;

	out_column(t, tr("RUN", "运行"), OUT_RIGHT);
	out_column(t, tr("POOL", "资源池"), OUT_LEFT);
	out_column(t, tr("CHOSEN", "选定时间"), OUT_LEFT);
	out_column(t, tr("ENDED", "结束时间"), OUT_LEFT);
	out_column(t, tr("END", "结果"), OUT_LEFT);
	out_column(t, tr("CODE", "退出码"), OUT_RIGHT);
	out_column(t, tr("COST", "费用"), OUT_RIGHT);
	out_column(t, tr("CARBON", "碳排放"), OUT_RIGHT);
	out_column(t, tr("REMARK", "说明"), OUT_WRAP);
	json_array_foreach(all, i, d) {
		out_row(t);
		out_cell_f(t, "%lld", (long long)out_i(d, "attempt", 0));
		out_cell(t, out_s(d, "pool"));
		out_cell(t, out_time(out_s(d, "chosen_at"), text));
		out_cell(t, out_time(out_s(d, "ended_at"), text));
		out_cell(t, words_end_short(out_s(d, "end")));
		if (out_i(d, "exit_code", -1) >= 0)
			out_cell_f(t, "%lld", (long long)out_i(d, "exit_code", -1));
		else
			out_cell(t, NULL);
		out_cell(t, out_yuan(out_i(d, "cost_micro", 0), text));
		out_cell(t, out_carbon(out_i(d, "carbon_mg", 0), text));
		out_cell(t, words_said(out_s(d, "text"), said));
	}
	putchar('\n');
	out_table_print(t);
}

/* What the last run stored, as it was where it was made. */
static void outputs(const json_t *all)
{
	const json_t *last = json_array_get(all, json_array_size(all) - 1);
	const json_t *list = json_object_get(last, "outputs"), *d;
	struct out_table *t;
	size_t i;

	if (!json_array_size(list))
		return;
	t = out_table_new();
	out_column(t, tr("OUTPUT", "输出"), OUT_RIGHT);
	out_column(t, tr("PATH", "路径"), OUT_LEFT);
	out_column(t, tr("BYTES", "字节数"), OUT_RIGHT);
	out_column(t, "SHA256", OUT_LEFT);
	json_array_foreach(list, i, d) {
		out_row(t);
		out_cell_f(t, "%lld", (long long)out_i(d, "output", 0));
		out_cell(t, out_s(d, "path"));
		if (out_s(d, "sha256"))
			out_cell_f(t, "%lld", (long long)out_i(d, "size", 0));
		else
			out_cell(t, tr("directory", "目录"));
		out_cell(t, out_s(d, "sha256"));
	}
	putchar('\n');
	out_table_print(t);
}

int cmd_show(int argc, char **argv)
{
	struct opt_scan s = { .verb = "show", .opts = opts, .argc = argc, .argv = argv };
	_cleanup_(remote_freep) struct remote *r = NULL;
	_cleanup_(mem_freep) char *path = NULL, *runs_path = NULL;
	int key = opt_next(&s), res;
	json_t *doc;

	if (key != OPT_END)
		return key == OPT_HELP ? CMD_OK : CMD_USAGE;
	if (argc - s.at != 1)
		return opt_usage("show", "%s", tr("give the id of one task", "请给出一个任务编号"));
	path = remote_path("/v1/tasks/", argv[s.at], "");
	runs_path = remote_path("/v1/tasks/", argv[s.at], "/runs");
	res = remote_new(&r);
	if (res == 0)
		res = remote_get(r, path, &doc);
	if (res != 0 || !doc)
		return res;
	task(doc);
	json_decref(doc);
	res = remote_get(r, runs_path, &doc);
	if (res == 0 && json_array_size(json_object_get(doc, "runs")))
		runs(json_object_get(doc, "runs"));
	if (res == 0)
		outputs(json_object_get(doc, "runs"));
	json_decref(doc);
	return res;
}
