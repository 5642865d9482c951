/* plan_html.c - the report of `suanlu plan` */

#include "cmd/plan.h"

#include "base/mem.h"
#include "cmd/chart.h"
#include "cmd/out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const sides[] = { "recorded", "base", "what_if" };

static bool compared(const json_t *doc)
{
	return json_is_object(json_object_get(doc, "what_if"));
}

static const json_t *at(const json_t *doc, const char *side, const char *key)
{
	return json_object_get(json_object_get(doc, side), key);
}

static const char *text_of(const json_t *doc, const char *side, const char *key)
{
	const char *s = json_string_value(at(doc, side, key));

	return s ? s : "";
}

/* ---- head ---- */

static void head(FILE *f, const json_t *doc)
{
	const json_t *changes = json_object_get(doc, "changes"), *c;
	size_t i;

	page_begin(f, "容量规划", "capacity plan");
	fputs("<p>", f);
	page_safe(f, json_string_value(json_object_get(doc, "config")));
	fputs(" · ", f);
	page_safe(f, text_of(doc, "history", "file"));
	fputs("<br>", f);
	page_safe(f, text_of(doc, "history", "from"));
	fputs(" – ", f);
	page_safe(f, text_of(doc, "history", "to"));
	fputs("</p>", f);
	json_array_foreach(changes, i, c) {
		fputs("<p><b>假设 what if:</b> ", f);
		page_safe(f, json_string_value(c));
		fputs("</p>", f);
	}
	fputs("</header>\n", f);
}

static void tiles(FILE *f, const json_t *doc)
{
	const char *side = compared(doc) ? "what_if" : "base";
	char path[64];

	page_tiles(f);
	page_tile(f, "任务", "tasks", "history.tasks", "%lld",
		  (long long)json_integer_value(at(doc, "history", "tasks")));
	snprintf(path, sizeof(path), "%s.done", side);
	page_tile(f, "运行", "run", path, "%lld", (long long)json_integer_value(at(doc, side, "done")));
	snprintf(path, sizeof(path), "%s.refused", side);
	page_tile(f, "拒绝", "refused", path, "%lld",
		  (long long)json_integer_value(at(doc, side, "refused")));
	snprintf(path, sizeof(path), "%s.waiting", side);
	page_tile(f, "仍在等待", "still waiting", path, "%lld",
		  (long long)json_integer_value(at(doc, side, "waiting")));
	if (compared(doc))
		page_tile(f, "换了去处", "go elsewhere", "moved.tasks", "%lld",
			  (long long)json_integer_value(at(doc, "moved", "tasks")));
	page_tiles_end(f);
}

/* ---- sums ---- */

typedef char *(*text_fn)(int64_t v, char out[OUT_TEXT_MAX]);

/* A figure as it stands in the JSON is written when `text` is NULL, in words else. */
static void sum_row(FILE *f, const json_t *doc, const char *zh, const char *en, const char *key,
		    const char *part, text_fn text)
{
	double v[3] = { 0 };
	char path[64], out[OUT_TEXT_MAX];

	fprintf(f, "<tr><td>%s <small>%s</small>", zh, en);
	for (int i = 0; i < (compared(doc) ? 3 : 2); i++) {
		const json_t *x = at(doc, sides[i], key);

		v[i] = json_number_value(part ? json_object_get(x, part) : x);
		fputs("<td>", f);
		snprintf(path, sizeof(path), "%s.%s%s%s", sides[i], key, part ? "." : "",
			 part ? part : "");
		if (text)
			fputs(text((int64_t)v[i], out), f);
		else
			page_figure(f, path, part ? "%.1f" : "%.0f", v[i]);
	}
	if (compared(doc)) {
		double by = v[2] - v[1];

		fprintf(f, "<td class=\"%s\">", by < 0 ? "less" : by > 0 ? "more" : "");
		if (by == 0)
			fputs("=", f);
		else if (v[1] > 0)
			fprintf(f, "%+.1f%%", 100 * by / v[1]);
		else
			fprintf(f, "%+.4g", by);
	}
	fputs("</tr>\n", f);
}

static void sums(FILE *f, const json_t *doc)
{
	page_heading(f, "结果", "figures");
	fputs("<div class=\"wide\"><table><tr><th><th>实际<small>as it was</small><th>重放"
	      "<small>replayed</small>", f);
	if (compared(doc))
		fputs("<th>假设<small>what if</small><th>变化<small>change</small>", f);
	fputs("</tr>\n", f);
	sum_row(f, doc, "已运行任务", "tasks run", "done", NULL, NULL);
	sum_row(f, doc, "拒绝", "refused", "refused", NULL, NULL);
	sum_row(f, doc, "结束时仍在等待", "waiting at the end", "waiting", NULL, NULL);
	sum_row(f, doc, "平均等待（秒）", "mean wait, s", "wait_s", "mean", NULL);
	sum_row(f, doc, "等待 p50（秒）", "p50, s", "wait_s", "p50", NULL);
	sum_row(f, doc, "等待 p95（秒）", "p95, s", "wait_s", "p95", NULL);
	sum_row(f, doc, "最长等待（秒）", "longest, s", "wait_s", "max", NULL);
	sum_row(f, doc, "费用", "cost", "cost_micro", NULL, out_yuan);
	sum_row(f, doc, "能耗", "energy", "energy_j", NULL, out_energy);
	sum_row(f, doc, "碳排放", "carbon", "carbon_mg", NULL, out_carbon);
	fputs("</table></div>\n", f);
}

/* ---- curves and bars ---- */

static double most(const json_t *doc, const char *key)
{
	double m = 1;

	for (int i = 1; i < 3; i++) {
		const json_t *list = json_object_get(at(doc, "curve", sides[i]), key), *v;
		size_t k;

		json_array_foreach(list, k, v)
			m = json_number_value(v) > m ? json_number_value(v) : m;
	}
	return m;
}

static void curve(FILE *f, const json_t *doc, const char *zh, const char *en, const char *key)
{
	double step = json_number_value(at(doc, "curve", "step_s")), y[PLAN_POINTS];
	struct chart c = { zh, en, "时间 · time", 0, step * PLAN_POINTS, 0,
			   chart_above(most(doc, key)), chart_time, chart_number };

	chart_begin(f, &c);
	for (int i = 1; i < 3; i++) {
		const json_t *list = json_object_get(at(doc, "curve", sides[i]), key), *v;
		uint32_t n = 0;
		size_t k;

		json_array_foreach(list, k, v)
			if (n < PLAN_POINTS)
				y[n++] = json_number_value(v);
		if (n)
			chart_line(f, &c, chart_colors[i == 1 ? 7 : 0], 0, step, n, y);
	}
	chart_end(f, &c);
	chart_keys(f);
	chart_key(f, chart_colors[7], "重放 · replayed");
	if (compared(doc))
		chart_key(f, chart_colors[0], "假设 · what if");
	chart_keys_end(f);
}

enum { BARS_MOST = 24 };

static double figure_of(const json_t *doc, const char *side, const char *name, const char *key)
{
	const json_t *list = at(doc, side, "pools"), *p;
	size_t i;

	json_array_foreach(list, i, p)
		if (!strcmp(out_s(p, "name"), name))
			return json_number_value(json_object_get(p, key));
	return 0;
}

static void pool_bars(FILE *f, const json_t *doc, const char *zh, const char *en, const char *key,
		      double full, void (*text)(double, char[32]))
{
	const json_t *list = at(doc, compared(doc) ? "what_if" : "base", "pools"), *p;
	const char *names[BARS_MOST];
	double a[BARS_MOST], b[BARS_MOST], top = full;
	uint32_t n = 0;
	size_t i;

	json_array_foreach(list, i, p) {
		if (n == BARS_MOST)
			break;
		names[n] = out_s(p, "name");
		a[n] = figure_of(doc, "base", names[n], key);
		b[n] = figure_of(doc, "what_if", names[n], key);
		top = !full && a[n] > top ? a[n] : top;
		top = !full && b[n] > top ? b[n] : top;
		n++;
	}
	chart_bars(f, &(struct bars){ zh, en, "重放 · replayed", "假设 · what if", n, names, a,
				      compared(doc) ? b : NULL, top, text });
}

static void pictures(FILE *f, const json_t *doc)
{
	page_heading(f, "随时间", "over time");
	page_charts(f);
	curve(f, doc, "等待的任务", "tasks waiting", "waiting");
	curve(f, doc, "在用 CPU", "cpus in use", "cpus");
	page_charts_end(f);
	page_heading(f, "各资源池", "by pool");
	page_charts(f);
	pool_bars(f, doc, "任务数", "tasks", "started", 0, chart_number);
	pool_bars(f, doc, "CPU 利用率", "cpus used", "cpu_percent", 100, chart_percent);
	pool_bars(f, doc, "设备利用率", "devices used", "device_percent", 100, chart_percent);
	pool_bars(f, doc, "平均等待", "mean wait", "mean_wait_s", 0, chart_time);
	page_charts_end(f);
}

/* ---- moves ---- */

static void route(FILE *f, const json_t *r, size_t i)
{
	char path[64];

	fputs("<tr><td>", f);
	page_safe(f, out_s(r, "from"));
	fputs("<td style=\"text-align:left\">→ ", f);
	page_safe(f, out_s(r, "to"));
	fputs("<td>", f);
	snprintf(path, sizeof(path), "moved.routes.%zu.tasks", i);
	page_figure(f, path, "%lld", (long long)out_i(r, "tasks", 0));
	fputs("<td style=\"text-align:left\">", f);
	page_safe(f, plan_reason(out_s(r, "why"), 1));
	fputs(" · ", f);
	page_safe(f, plan_reason(out_s(r, "why"), 0));
	fputs("</tr>\n", f);
}

static void moves(FILE *f, const json_t *doc)
{
	const json_t *list = at(doc, "moved", "routes"), *r;
	size_t i;

	if (!json_array_size(list))
		return;
	page_heading(f, "换了去处的任务", "tasks that go elsewhere");
	fputs("<div class=\"wide\"><table><tr><th>从<small>from</small><th style=\"text-align:left\">"
	      "到<small>to</small><th>任务<small>tasks</small><th style=\"text-align:left\">"
	      "不再去原处的原因<small>why not where they were</small></tr>\n", f);
	json_array_foreach(list, i, r)
		route(f, r, i);
	fputs("</table></div>\n", f);
}

static void notes(FILE *f, const json_t *doc)
{
	const json_t *b = at(doc, compared(doc) ? "what_if" : "base", "run_times");

	fprintf(f, "<ul class=\"note\"><li>“重放”是在今日配置上重放历史，它与“实际”的差距说明这些数字可"
		"信几分；“假设”应与“重放”相比。 · “Replayed” is the history on today's configuration: how "
		"far it is from “as it was” says how far to trust the rest. Compare “what if” with "
		"“replayed”.</li>\n<li>运行时长 · run times: %lld 按实际 as they ran, %lld 按已知相对速度 "
		"by known relative speed, %lld 按峰值 by peak, %lld 不变 unchanged, %lld 估计 guessed."
		"</li>\n<li>利用率按两次重放中较长者的时段计。 · Percentages are of the longer of both "
		"replays.</li></ul>\n", (long long)out_i(b, "as_run", 0),
		(long long)out_i(b, "learned", 0), (long long)out_i(b, "peak", 0),
		(long long)out_i(b, "unknown", 0), (long long)out_i(b, "guessed", 0));
}

int plan_html(const json_t *doc, const char *path)
{
	FILE *f = fopen(path, "we");
	bool bad;

	if (!f)
		return -errno;
	head(f, doc);
	tiles(f, doc);
	sums(f, doc);
	pictures(f, doc);
	moves(f, doc);
	notes(f, doc);
	page_end(f);
	bad = ferror(f);
	return fclose(f) || bad ? -EIO : 0;
}
