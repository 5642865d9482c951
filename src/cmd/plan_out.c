/* plan_out.c - what `suanlu plan` found, for people on a terminal */

#include "cmd/plan.h"

#include "base/text.h"
#include "cmd/out.h"

#include <string.h>

const char *plan_reason(const char *code, int zh)
{
	static const struct { const char *code, *en, *zh; } own[] = {
		{ "room", "there is room for it now", "现在有空间" },
		{ city_gone, "its pool is not there any more", "原资源池已不存在" },
		{ city_cheaper, "the other is cheaper", "新池更便宜" },
		{ city_sooner, "the other is sooner done", "新池更早完成" },
		{ city_greener, "the other emits less", "新池碳排放更低" },
		{ city_tie, "both are equally good", "两者相当" },
	};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (!strcmp(own[i].code, code))
			return zh ? own[i].zh : own[i].en;
	return city_reason_text(code, zh);
}

static const json_t *at(const json_t *doc, const char *side, const char *key)
{
	return json_object_get(json_object_get(doc, side), key);
}

static bool compared(const json_t *doc)
{
	return json_is_object(json_object_get(doc, "what_if"));
}

/* ---- the sums ---- */

typedef char *(*text_fn)(int64_t v, char out[OUT_TEXT_MAX]);

static char *number(int64_t v, char out[OUT_TEXT_MAX])
{
	snprintf(out, OUT_TEXT_MAX, "%lld", (long long)v);
	return out;
}

static void difference(struct out_table *t, double before, double after, text_fn text)
{
	double by = after - before;
	char out[OUT_TEXT_MAX];
	int64_t v = (int64_t)(by < 0 ? -by : by);

	if (!v)
		out_cell(t, "=");
	else if (before > 0)
		out_cell_f(t, "%s%s (%+.0f %%)", by < 0 ? "-" : "+", text(v, out), 100 * by / before);
	else
		out_cell_f(t, "%s%s", by < 0 ? "-" : "+", text(v, out));
}

static void sum_row(struct out_table *t, const json_t *doc, const char *title, const char *key,
		    const char *part, text_fn text)
{
	static const char *const sides[] = { "recorded", "base", "what_if" };
	double v[3] = { 0 };
	char out[OUT_TEXT_MAX];

	out_row(t);
	out_cell(t, title);
	for (int i = 0; i < (compared(doc) ? 3 : 2); i++) {
		const json_t *x = at(doc, sides[i], key);

		v[i] = json_number_value(part ? json_object_get(x, part) : x);
		out_cell(t, x ? text((int64_t)v[i], out) : NULL);
	}
	if (compared(doc))
		difference(t, v[1], v[2], text);
}

static void print_sums(const json_t *doc)
{
	struct out_table *t = out_table_new();

	out_column(t, "", OUT_LEFT);
	out_column(t, tr("as it was", "实际"), OUT_RIGHT);
	out_column(t, tr("replayed", "重放"), OUT_RIGHT);
	if (compared(doc)) {
		out_column(t, tr("what if", "假设"), OUT_RIGHT);
		out_column(t, tr("change", "变化"), OUT_RIGHT);
	}
	sum_row(t, doc, tr("tasks run", "已运行任务"), "done", NULL, number);
	sum_row(t, doc, tr("refused", "拒绝"), "refused", NULL, number);
	sum_row(t, doc, tr("waiting at the end", "结束时仍在等待"), "waiting", NULL, number);
	sum_row(t, doc, tr("wait: mean", "等待：平均"), "wait_s", "mean", out_seconds);
	sum_row(t, doc, tr("wait: p50", "等待：p50"), "wait_s", "p50", out_seconds);
	sum_row(t, doc, tr("wait: p95", "等待：p95"), "wait_s", "p95", out_seconds);
	sum_row(t, doc, tr("wait: longest", "等待：最长"), "wait_s", "max", out_seconds);
	sum_row(t, doc, tr("cost", "费用"), "cost_micro", NULL, out_yuan);
	sum_row(t, doc, tr("energy", "能耗"), "energy_j", NULL, out_energy);
	sum_row(t, doc, tr("carbon", "碳排放"), "carbon_mg", NULL, out_carbon);
	out_table_print(t);
}

/* ---- pools ---- */

static const json_t *pool_named(const json_t *doc, const char *side, const char *name)
{
	const json_t *list = at(doc, side, "pools"), *p;
	size_t i;

	json_array_foreach(list, i, p)
		if (!strcmp(out_s(p, "name"), name))
			return p;
	return NULL;
}

static void both(struct out_table *t, const json_t *a, const json_t *b, const char *key,
		 const char *fmt, bool two)
{
	const json_t *x = json_object_get(a, key), *y = json_object_get(b, key);
	char left[OUT_TEXT_MAX] = "-", right[OUT_TEXT_MAX] = "-";

	if (json_is_number(x))
		snprintf(left, sizeof(left), fmt, json_number_value(x));
	if (json_is_number(y))
		snprintf(right, sizeof(right), fmt, json_number_value(y));
	if (two)
		out_cell_f(t, "%s → %s", left, right);
	else
		out_cell(t, left);
}

static void pool_row(struct out_table *t, const json_t *doc, const char *name)
{
	const json_t *a = pool_named(doc, "base", name), *b = pool_named(doc, "what_if", name);
	bool two = compared(doc);

	out_row(t);
	out_cell(t, name);
	both(t, a, b, "started", "%.0f", two);
	both(t, a, b, "mean_wait_s", "%.0f", two);
	both(t, a, b, "cpu_percent", "%.1f %%", two);
	both(t, a, b, "device_percent", "%.1f %%", two);
}

static void print_pools(const json_t *doc)
{
	struct out_table *t = out_table_new();
	const json_t *p;
	size_t i;

	out_column(t, tr("pool", "资源池"), OUT_LEFT);
	out_column(t, tr("tasks", "任务"), OUT_RIGHT);
	out_column(t, tr("mean wait, s", "平均等待（秒）"), OUT_RIGHT);
	out_column(t, tr("cpus used", "CPU 利用率"), OUT_RIGHT);
	out_column(t, tr("devices used", "设备利用率"), OUT_RIGHT);
	json_array_foreach(at(doc, "base", "pools"), i, p)
		pool_row(t, doc, out_s(p, "name"));
	json_array_foreach(at(doc, "what_if", "pools"), i, p)
		if (!pool_named(doc, "base", out_s(p, "name")))
			pool_row(t, doc, out_s(p, "name"));
	putchar('\n');
	out_table_print(t);
}

/* ---- moves ---- */

static const char *state_or_pool(const char *name)
{
	const char *state = out_state(name);

	return state ? state : name;
}

static void print_moved(const json_t *doc)
{
	enum { SHOWN = 12 };
	const json_t *list = at(doc, "moved", "routes"), *r;
	struct out_table *t;
	size_t i;

	out_safe(stdout, tr("\n%lld of %lld tasks go elsewhere\n", "\n%lld / %lld 个任务换了去处\n"),
		 (long long)json_integer_value(at(doc, "moved", "tasks")),
		 (long long)json_integer_value(at(doc, "history", "tasks")));
	if (!json_array_size(list))
		return;
	t = out_table_new();
	out_column(t, tr("from", "从"), OUT_LEFT);
	out_column(t, tr("to", "到"), OUT_LEFT);
	out_column(t, tr("tasks", "任务"), OUT_RIGHT);
	out_column(t, tr("why not where they were", "不再去原处的原因"), OUT_LEFT);
	json_array_foreach(list, i, r) {
		if (i == SHOWN)
			break;
		out_row(t);
		out_cell(t, state_or_pool(out_s(r, "from")));
		out_cell(t, state_or_pool(out_s(r, "to")));
		out_cell_f(t, "%lld", (long long)out_i(r, "tasks", 0));
		out_cell(t, plan_reason(out_s(r, "why"), lang_get() == LANG_ZH));
	}
	out_table_print(t);
	if (json_array_size(list) > SHOWN)
		out_safe(stdout, tr("… and %zu more kinds (--json)\n", "…… 另有 %zu 种（--json）\n"),
			 json_array_size(list) - SHOWN);
}

/* Run times that are not the recorded ones: what the figures rest on. */
static void print_basis(const json_t *doc)
{
	const json_t *b = at(doc, compared(doc) ? "what_if" : "base", "run_times");

	out_safe(stdout,
		 tr("\nRun times: %lld as they ran, %lld by what is known of the chips, %lld by their "
		    "peaks, %lld unchanged for want of both, %lld guessed: these never ended.\n",
		    "\n运行时长依据：%lld 个按实际运行，%lld 个按已知芯片相对速度，%lld 个按峰值算力，"
		    "%lld 个因两者皆无而不变，%lld 个从未结束、为估计。\n"),
		 (long long)out_i(b, "as_run", 0), (long long)out_i(b, "learned", 0),
		 (long long)out_i(b, "peak", 0), (long long)out_i(b, "unknown", 0),
		 (long long)out_i(b, "guessed", 0));
}

void plan_print(const json_t *doc)
{
	const json_t *changes = json_object_get(doc, "changes"), *c;
	size_t i;

	out_safe(stdout, tr("%lld tasks, %s to %s\n", "%lld 个任务，%s 至 %s\n"),
		 (long long)json_integer_value(at(doc, "history", "tasks")),
		 json_string_value(at(doc, "history", "from")),
		 json_string_value(at(doc, "history", "to")));
	json_array_foreach(changes, i, c)
		out_safe(stdout, "%s %s\n", tr("what if:", "假设："), json_string_value(c));
	putchar('\n');
	print_sums(doc);
	print_pools(doc);
	if (compared(doc))
		print_moved(doc);
	print_basis(doc);
}
