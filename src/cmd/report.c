/* report.c - `suanlu audit dataset NAME`: where a data set has been, on one page */

#include "cmd/report.h"

#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/out.h"
#include "cmd/words.h"

#include <stdio.h>
#include <string.h>

static bool markdown;

static void head(const char *text)
{
	if (markdown)
		out_safe(stdout, "\n## %s\n\n", text);
	else
		out_safe(stdout, "\n%s\n", text);
}

/* A cell of Markdown ends at a bar. */
static const char *cell(const char *s, char out[160])
{
	size_t n = 0;

	for (; s && *s && n < 158; s++)
		out[n++] = *s == '|' ? '/' : *s;
	out[n] = '\0';
	return n ? out : "-";
}

static void columns(struct out_table *t, const char *const *names)
{
	if (markdown) {
		for (const char *const *n = names; *n; n++)
			printf("| %s ", *n);
		printf("|\n");
		for (const char *const *n = names; *n; n++)
			printf("|---");
		printf("|\n");
		return;
	}
	for (const char *const *n = names; *n; n++)
		out_column(t, *n, OUT_LEFT);
}

static void row(struct out_table *t, const char *const *cells, unsigned n)
{
	char text[160];

	if (!markdown)
		out_row(t);
	for (unsigned i = 0; i < n; i++) {
		if (markdown)
			out_safe(stdout, "| %s ", cell(cells[i], text));
		else
			out_cell(t, cells[i]);
	}
	if (markdown)
		printf("|\n");
}

static void labels(const json_t *list)
{
	struct out_table *t = markdown ? NULL : out_table_new();
	const char *const names[] = { tr("AT", "时间"), tr("BY", "操作者"), tr("LEVEL", "级别"),
				      tr("STAYS WITHIN", "不得离开"), tr("REASON", "原因"), NULL };
	char at[OUT_TEXT_MAX], level[OUT_TEXT_MAX];
	const json_t *l;
	size_t i;

	columns(t, names);
	json_array_foreach(list, i, l) {
		const json_t *d = json_object_get(l, "data");
		const char *cells[] = { out_time(out_s(l, "at"), at), out_s(l, "by"),
			json_is_true(json_object_get(l, "removed")) ? tr("removed", "已删除") :
			out_level(json_object_get(d, "level"), level), out_s(d, "stay_within"),
			out_s(l, "reason") };

		row(t, cells, ARRAY_LEN(cells));
	}
	if (t)
		out_table_print(t);
}

static void pools(const json_t *list)
{
	struct out_table *t = markdown ? NULL : out_table_new();
	const char *const names[] = { tr("POOL", "资源池"), tr("RUNS", "运行"),
				      tr("REFUSED, AND WHY", "被拒次数与原因"), NULL };
	const json_t *p, *n;
	size_t i;

	columns(t, names);
	json_array_foreach(list, i, p) {
		char runs[24], why[400] = "";
		const char *code, *cells[] = { out_s(p, "pool"), runs, why };
		json_t *refused = json_object_get(p, "refused");

		snprintf(runs, sizeof(runs), "%lld", (long long)out_i(p, "runs", 0));
		json_object_foreach(refused, code, n) {
			size_t used = strlen(why);

			snprintf(why + used, sizeof(why) - used, "%s%s %lld×", used ? ", " : "",
				 words_rule(code), (long long)json_integer_value(n));
		}
		row(t, cells, ARRAY_LEN(cells));
	}
	if (t)
		out_table_print(t);
}

static void runs(const json_t *list)
{
	struct out_table *t = markdown ? NULL : out_table_new();
	const char *const names[] = { tr("TASK", "任务"), tr("TENANT", "租户"), tr("POOL", "资源池"),
				      tr("FROM", "开始"), tr("UNTIL", "结束"), tr("END", "结果"), NULL };
	char at[OUT_TEXT_MAX], until[OUT_TEXT_MAX];
	const json_t *r;
	size_t i;

	columns(t, names);
	json_array_foreach(list, i, r) {
		char no[24];
		const char *cells[] = { no, out_s(r, "tenant"), out_s(r, "pool"),
			out_time(out_s(r, "at"), at),
			out_s(r, "ended") ? out_time(out_s(r, "ended"), until) : NULL, out_s(r, "how") };

		snprintf(no, sizeof(no), "%lld", (long long)out_i(r, "task", 0));
		row(t, cells, ARRAY_LEN(cells));
	}
	if (t)
		out_table_print(t);
}

void report_print(const json_t *doc, bool as_markdown)
{
	int64_t all = out_i(doc, "runs_in_all", 0);
	size_t shown = json_array_size(json_object_get(doc, "runs"));

	markdown = as_markdown;
	out_safe(stdout, tr("%sWhere has the data set %s been?\n", "%s数据集 %s 去过哪里？\n"),
		 markdown ? "# " : "", out_s(doc, "dataset"));
	printf(tr("%s%lld submissions read it; %lld decisions, %lld runs.\n",
		  "%s%lld 个提交读取过它；决策 %lld 次，运行 %lld 次。\n"), markdown ? "\n" : "",
	       (long long)out_i(doc, "submissions", 0), (long long)out_i(doc, "decisions", 0),
	       (long long)all);
	head(tr("Labels", "标签"));
	labels(json_object_get(doc, "labels"));
	head(tr("Pools", "资源池"));
	pools(json_object_get(doc, "pools"));
	head(tr("Runs", "运行"));
	runs(json_object_get(doc, "runs"));
	if ((int64_t)shown < all)
		printf(tr("\n… and %lld more\n", "\n……另有 %lld 次\n"), (long long)(all - (int64_t)shown));
}
