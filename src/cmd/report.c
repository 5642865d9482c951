/* report.c - `suanlu audit dataset NAME`: where a data set has been, on one page */

#include "cmd/report.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "cmd/chart.h"
#include "cmd/cmd.h"
#include "cmd/out.h"
#include "cmd/words.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { REFUSALS_MAX = 1 << 20 };        /* of one decision: 10,000 pools, a line each */

struct sheet {
	enum { SHEET_TEXT, SHEET_MARKDOWN, SHEET_HTML } form;
	FILE *f;
	struct out_table *table;        /* of SHEET_TEXT, between part() and part_end() */
};

struct name {
	const char *en, *zh;
};

/* A cell of Markdown ends at a bar. */
static const char *cell(const char *s, char out[400])
{
	size_t n = 0;

	for (; s && *s && n < 398; s++)
		out[n++] = *s == '|' ? '/' : *s;
	out[n] = '\0';
	return n ? out : "-";
}

/* A heading and the heads of its columns, up to one without a name. */
static void part(struct sheet *s, struct name title, const struct name *columns)
{
	if (s->form == SHEET_HTML) {
		page_heading(s->f, title.zh, title.en);
		fputs("<div class=\"wide\"><table class=\"text\"><thead><tr>", s->f);
		for (; columns->en; columns++)
			fprintf(s->f, "<th>%s<small>%s</small>", columns->zh, columns->en);
		fputs("</tr></thead>\n", s->f);
	} else if (s->form == SHEET_MARKDOWN) {
		fprintf(s->f, "\n## %s\n\n", tr(title.en, title.zh));
		for (const struct name *c = columns; c->en; c++)
			fprintf(s->f, "| %s ", tr(c->en, c->zh));
		fputs("|\n", s->f);
		for (const struct name *c = columns; c->en; c++)
			fputs("|---", s->f);
		fputs("|\n", s->f);
	} else {
		fprintf(s->f, "\n%s\n", tr(title.en, title.zh));
		s->table = out_table_new();
		for (; columns->en; columns++)
			out_column(s->table, tr(columns->en, columns->zh), OUT_LEFT);
	}
}

static void row(struct sheet *s, const char *const *cells, unsigned n)
{
	char text[400];

	if (s->form == SHEET_TEXT)
		out_row(s->table);
	else if (s->form == SHEET_HTML)
		fputs("<tr>", s->f);
	for (unsigned i = 0; i < n; i++) {
		if (s->form == SHEET_TEXT) {
			out_cell(s->table, cells[i]);
		} else if (s->form == SHEET_MARKDOWN) {
			out_safe(s->f, "| %s ", cell(cells[i], text));
		} else {
			fputs("<td>", s->f);
			page_safe(s->f, cells[i] && *cells[i] ? cells[i] : "–");
		}
	}
	if (s->form != SHEET_TEXT)
		fputs(s->form == SHEET_HTML ? "</tr>\n" : "|\n", s->f);
}

static void part_end(struct sheet *s, int64_t more)
{
	char text[80];

	if (s->form == SHEET_HTML)
		fputs("</table></div>\n", s->f);
	else if (s->form == SHEET_TEXT)
		s->table = out_table_print(s->table);
	if (more <= 0)
		return;
	snprintf(text, sizeof(text), tr("… and %lld more", "……另有 %lld 次"), (long long)more);
	fprintf(s->f, s->form == SHEET_HTML ? "<p class=\"note\">%s</p>\n" : "\n%s\n", text);
}

/* ---- the parts ---- */

static void labels(struct sheet *s, const json_t *list)
{
	static const struct name columns[] = { { "AT", "时间" }, { "BY", "操作者" },
					       { "LEVEL", "级别" }, { "STAYS WITHIN", "不得离开" },
					       { "REASON", "原因" }, { NULL, NULL } };
	char at[OUT_TEXT_MAX], level[OUT_TEXT_MAX];
	const json_t *l;
	size_t i;

	part(s, (struct name){ "Labels", "标签" }, columns);
	json_array_foreach(list, i, l) {
		const json_t *d = json_object_get(l, "data");
		const char *cells[] = { out_time(out_s(l, "at"), at), out_s(l, "by"),
			json_is_true(json_object_get(l, "removed")) ? tr("removed", "已删除") :
			out_level(json_object_get(d, "level"), level), out_s(d, "stay_within"),
			out_s(l, "reason") };

		row(s, cells, ARRAY_LEN(cells));
	}
	part_end(s, 0);
}

static void pools(struct sheet *s, const json_t *list)
{
	static const struct name columns[] = { { "POOL", "资源池" }, { "RUNS", "运行" },
					       { "REFUSED, AND WHY", "被拒次数与原因" },
					       { NULL, NULL } };
	const json_t *p, *n;
	size_t i;

	part(s, (struct name){ "Pools", "资源池" }, columns);
	json_array_foreach(list, i, p) {
		char runs[24], why[400] = "";
		const char *code, *cells[] = { out_s(p, "pool"), runs, why };
		size_t used = 0;

		snprintf(runs, sizeof(runs), "%lld", (long long)out_i(p, "runs", 0));
		json_object_foreach(json_object_get(p, "refused"), code, n) {
			snprintf(why + used, sizeof(why) - used, "%s%s %lld×", used ? ", " : "",
				 words_rule(code), (long long)json_integer_value(n));
			used = strlen(why);
		}
		row(s, cells, ARRAY_LEN(cells));
	}
	part_end(s, 0);
}

/* "12", or "12*" for a task that was there first. */
static const char *task_no(const json_t *of, char out[32])
{
	snprintf(out, 32, "%lld%s", (long long)out_i(of, "task", 0),
		 json_is_true(json_object_get(of, "before")) ? "*" : "");
	return out;
}

static const char *outcome(const json_t *d)
{
	const char *what = out_s(d, "what");

	if (!what || !strcmp(what, "choose"))
		return tr("chosen", "选定");
	if (!strcmp(what, "wait"))
		return tr("waits", "等待");
	if (!strcmp(what, "refuse"))
		return tr("refused", "拒绝");
	return what;
}

/* "west: data level, region; north: full", to be freed; NULL for none. */
static char *refusals(const json_t *refused)
{
	struct buf text;
	const char *pool;
	const json_t *codes, *code;
	size_t i;

	if (!json_object_size(refused))
		return NULL;
	buf_init(&text, REFUSALS_MAX);
	json_object_foreach((json_t *)refused, pool, codes) {
		buf_str(&text, text.len ? "; " : "");
		buf_str(&text, pool);
		json_array_foreach(codes, i, code) {
			buf_str(&text, i ? ", " : ": ");
			buf_str(&text, words_rule(json_string_value(code)));
		}
	}
	return text.data;
}

static void decisions(struct sheet *s, const json_t *doc)
{
	static const struct name columns[] = { { "AT", "时间" }, { "TASK", "任务" },
					       { "DECISION", "决策" }, { "POOL", "资源池" },
					       { "REFUSED, AND WHY", "被拒资源池与原因" },
					       { NULL, NULL } };
	const json_t *list = json_object_get(doc, "decided"), *d;
	size_t i;

	part(s, (struct name){ "Decisions", "决策" }, columns);
	json_array_foreach(list, i, d) {
		_cleanup_(mem_freep) char *why = refusals(json_object_get(d, "refused"));
		char at[OUT_TEXT_MAX], no[32];
		const char *cells[] = { out_time(out_s(d, "at"), at), task_no(d, no), outcome(d),
			out_s(d, "pool"), why };

		row(s, cells, ARRAY_LEN(cells));
	}
	part_end(s, out_i(doc, "decisions", 0) - (int64_t)json_array_size(list));
}

static void runs(struct sheet *s, const json_t *doc)
{
	static const struct name columns[] = { { "TASK", "任务" }, { "TENANT", "租户" },
					       { "POOL", "资源池" }, { "FROM", "开始" },
					       { "UNTIL", "结束" }, { "END", "结果" }, { NULL, NULL } };
	const json_t *list = json_object_get(doc, "runs"), *r;
	size_t i;

	part(s, (struct name){ "Runs", "运行" }, columns);
	json_array_foreach(list, i, r) {
		char no[32], at[OUT_TEXT_MAX], until[OUT_TEXT_MAX];
		const char *cells[] = { task_no(r, no), out_s(r, "tenant"), out_s(r, "pool"),
			out_time(out_s(r, "at"), at),
			out_s(r, "ended") ? out_time(out_s(r, "ended"), until) : NULL,
			words_end(out_s(r, "how")) };

		row(s, cells, ARRAY_LEN(cells));
	}
	part_end(s, out_i(doc, "runs_in_all", 0) - (int64_t)json_array_size(list));
}

static void before(struct sheet *s, const json_t *doc)
{
	int64_t n = out_i(doc, "submissions_before", 0);

	if (n <= 0)
		return;
	fputs(s->form == SHEET_HTML ? "<p class=\"note\">" : "\n", s->f);
	fprintf(s->f, tr("* %lld submissions named its place before it was registered there.",
			 "* %lld 个提交在它登记之前就使用了该位置。"), (long long)n);
	fputs(s->form == SHEET_HTML ? "</p>\n" : "\n", s->f);
}

static void parts(struct sheet *s, const json_t *doc)
{
	labels(s, json_object_get(doc, "labels"));
	pools(s, json_object_get(doc, "pools"));
	decisions(s, doc);
	runs(s, doc);
	before(s, doc);
}

/* ---- the whole ---- */

void report_print(const json_t *doc, bool as_markdown)
{
	struct sheet s = { as_markdown ? SHEET_MARKDOWN : SHEET_TEXT, stdout, NULL };

	out_safe(stdout, tr("%sWhere has the data set %s been?\n", "%s数据集 %s 去过哪里？\n"),
		 as_markdown ? "# " : "", out_s(doc, "dataset"));
	printf(tr("%s%lld submissions read it; %lld decisions, %lld runs.\n",
		  "%s%lld 个提交读取过它；决策 %lld 次，运行 %lld 次。\n"), as_markdown ? "\n" : "",
	       (long long)out_i(doc, "submissions", 0), (long long)out_i(doc, "decisions", 0),
	       (long long)out_i(doc, "runs_in_all", 0));
	parts(&s, doc);
}

static void tile(FILE *f, const json_t *doc, const char *zh, const char *en, const char *key)
{
	page_tile(f, zh, en, key, "%lld", (long long)out_i(doc, key, 0));
}

int report_html(const json_t *doc, const char *file)
{
	FILE *f = fopen(file, "we");
	struct sheet s = { SHEET_HTML, f, NULL };
	const char *name = out_s(doc, "dataset");
	bool bad;

	if (!f)
		return -errno;
	page_begin(f, "数据去过哪里", "where data has been");
	fputs("<p>数据集 data set <b>", f);
	page_safe(f, name ? name : "");
	fputs("</b></p></header>\n", f);
	page_tiles(f);
	tile(f, doc, "读取它的提交", "submissions that read it", "submissions");
	tile(f, doc, "决策", "decisions", "decisions");
	tile(f, doc, "运行", "runs", "runs_in_all");
	page_tiles_end(f);
	parts(&s, doc);
	page_end(f);
	bad = ferror(f);
	return fclose(f) || bad ? -EIO : 0;
}
