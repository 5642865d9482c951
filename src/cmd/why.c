/* why.c - `suanlu why`: the decision behind a task, in the reader's language */

#include "cmd/why.h"

#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/opt.h"
#include "cmd/out.h"
#include "cmd/remote.h"
#include "cmd/words.h"

#include <string.h>

/* ---- the sentence ---- */

static const json_t *find_pool(const json_t *d, const char *name)
{
	const json_t *p;
	size_t i;

	json_array_foreach(json_object_get(d, "pools"), i, p)
		if (name && out_s(p, "pool") && !strcmp(out_s(p, "pool"), name))
			return p;
	return NULL;
}

static size_t ranked(const json_t *d)
{
	const json_t *p;
	size_t i, n = 0;

	json_array_foreach(json_object_get(d, "pools"), i, p)
		n += out_i(p, "rank", 0) > 0;
	return n;
}

static void say_chosen(const json_t *d, const char *who, const char *pool, bool dry)
{
	size_t n = ranked(d);

	out_safe(stdout, dry ? tr("%s would go to %s: ", "%s将派往 %s：")
			     : tr("%s was sent to %s: ", "%s已派往 %s："), who, pool);
	if (n <= 1)
		puts(tr("it is the only pool that may take it", "这是唯一可以承接的资源池"));
	else if (out_i(find_pool(d, pool), "rank", 0) == 1)
		printf(tr("it has the lowest score of the %zu pools that may take it\n",
			  "在 %zu 个可承接的资源池中得分最低（最优）\n"), n);
	else
		printf(tr("it is the best of the %zu candidates that has room now\n",
			  "在 %zu 个候选资源池中，它是目前有空闲且最优的\n"), n);
}

static void say_waiting(const json_t *d, const char *who, const char *pool, bool dry)
{
	const json_t *terms = json_object_get(find_pool(d, pool), "terms");
	char text[OUT_TEXT_MAX];

	out_safe(stdout, dry ? tr("%s would wait: %s\n", "%s需要等待：%s\n")
			     : tr("%s waits: %s\n", "%s在等待：%s\n"),
		 who, words_reason(out_s(d, "reason")));
	if (terms)
		out_safe(stdout, tr("as things stand it goes to %s, in about %s\n",
				    "按目前情况将派往 %s，约需再等 %s\n"), pool,
			 out_range(out_i(terms, "wait_p50_s", 0), out_i(terms, "wait_p90_s", 0),
				   text));
}

static int sentence(const json_t *d, const char *id)
{
	/* "now": nothing is in the journal yet, this is what would be decided. */
	bool dry = !id || (out_s(d, "event") && !strcmp(out_s(d, "event"), "now"));
	const char *outcome = out_s(d, "outcome"), *pool = out_s(d, "pool");
	char who[80];

	if (id)
		snprintf(who, sizeof(who), tr("task %.40s", "任务 %.40s "), id);
	else
		snprintf(who, sizeof(who), "%s", tr("it", "该任务"));
	printf("%s", out_on(stdout, OUT_BOLD));
	if (outcome && !strcmp(outcome, "chosen"))
		say_chosen(d, who, pool ? pool : "?", dry);
	else if (outcome && !strcmp(outcome, "waiting"))
		say_waiting(d, who, pool, dry);
	else
		out_safe(stdout, tr("no pool could ever take %s: %s\n", "没有资源池可以承接%s：%s\n"), who,
			 words_reason(out_s(d, "reason")));
	printf("%s", out_off(stdout));
	return outcome && !strcmp(outcome, "refused") ? CMD_REFUSED : CMD_OK;
}

/* ---- the pools that may take it ---- */

static void basis(struct out_table *t, const json_t *terms)
{
	const char *b = out_s(terms, "run_basis");
	long long n = out_i(terms, "run_samples", 0);

	if (b && !strcmp(b, "history"))
		out_cell_f(t, tr("%lld runs", "%lld 次历史运行"), n);
	else if (b && !strcmp(b, "other_chip"))
		out_cell_f(t, tr("%lld runs on another chip", "其他芯片上 %lld 次"), n);
	else if (b && !strcmp(b, "kind"))
		out_cell_f(t, tr("%lld runs of this kind", "同类任务 %lld 次"), n);
	else
		out_cell(t, tr("walltime", "声明的最长时间"));
}

static void now_cell(struct out_table *t, const json_t *p, bool chosen)
{
	const json_t *first = json_array_get(json_object_get(p, "reasons"), 0);

	if (chosen)
		out_cell_style(t, tr("chosen", "选中"), OUT_GREEN);
	else if (json_is_true(json_object_get(p, "now")))
		out_cell(t, tr("room", "有空闲"));
	else
		out_cell_style(t, words_rule(out_s(first, "reason")), OUT_YELLOW);
}

static void candidate(struct out_table *t, const json_t *p, bool chosen)
{
	const json_t *m = json_object_get(p, "terms");
	char text[OUT_TEXT_MAX];

	out_row(t);
	out_cell_f(t, "%lld", (long long)out_i(p, "rank", 0));
	out_cell_style(t, out_s(p, "pool"), chosen ? OUT_BOLD : OUT_PLAIN);
	now_cell(t, p, chosen);
	out_cell(t, out_seconds(out_i(m, "transfer_s", 0), text));
	out_cell(t, out_range(out_i(m, "wait_p50_s", 0), out_i(m, "wait_p90_s", 0), text));
	out_cell(t, out_range(out_i(m, "run_p50_s", 0), out_i(m, "run_p90_s", 0), text));
	basis(t, m);
	out_cell(t, out_yuan(out_i(m, "cost_micro", 0), text));
	out_cell(t, out_carbon(out_i(m, "carbon_mg", 0), text));
	out_cell(t, text_yuan(out_i(m, "score_micro", 0), text));
}

static void candidates(const json_t *d)
{
	const char *outcome = out_s(d, "outcome"), *pool = out_s(d, "pool");
	bool sent = outcome && pool && !strcmp(outcome, "chosen");
	struct out_table *t = out_table_new();
	const json_t *p;
	size_t i;

	out_column(t, tr("RANK", "排名"), OUT_RIGHT);
	out_column(t, tr("POOL", "资源池"), OUT_LEFT);
	out_column(t, tr("NOW", "目前"), OUT_LEFT);
	out_column(t, tr("TRANSFER", "传输"), OUT_RIGHT);
	out_column(t, tr("WAIT", "等待"), OUT_RIGHT);
	out_column(t, tr("RUN", "运行"), OUT_RIGHT);
	out_column(t, tr("RUN FROM", "运行依据"), OUT_TRUNC);
	out_column(t, tr("COST", "费用"), OUT_RIGHT);
	out_column(t, tr("CARBON", "碳排放"), OUT_RIGHT);
	out_column(t, tr("SCORE", "得分"), OUT_RIGHT);
	json_array_foreach(json_object_get(d, "pools"), i, p)
		if (out_i(p, "rank", 0) > 0)
			candidate(t, p, sent && out_s(p, "pool") && !strcmp(out_s(p, "pool"),
									    pool));
	putchar('\n');
	out_table_print(t);
}

/* ---- the pools that were refused, a row for each rule ---- */

static void refused(const json_t *d)
{
	struct out_table *t = out_table_new();
	const json_t *p, *r;
	size_t i, k;

	out_column(t, tr("REFUSED", "未入选"), OUT_LEFT);
	out_column(t, tr("RULE", "规则"), OUT_LEFT);
	out_column(t, tr("NEEDED", "要求"), OUT_WRAP);
	out_column(t, tr("THERE", "实际"), OUT_WRAP);
	json_array_foreach(json_object_get(d, "pools"), i, p) {
		if (out_i(p, "rank", 0) > 0)
			continue;
		json_array_foreach(json_object_get(p, "reasons"), k, r) {
			out_row(t);
			out_cell_style(t, k ? " " : out_s(p, "pool"), OUT_RED);
			out_cell(t, words_rule(out_s(r, "reason")));
			out_cell(t, out_tr(r, "need"));
			out_cell(t, out_tr(r, "have"));
		}
	}
	putchar('\n');
	out_table_print(t);
}

static const char *profile(const json_t *w)
{
	const char *p = out_s(w, "profile");

	if (!p)
		return "?";
	return !strcmp(p, "fastest") ? tr("fastest", "最快") :
	       !strcmp(p, "cheapest") ? tr("cheapest", "最省钱") :
	       !strcmp(p, "greenest") ? tr("greenest", "最绿色") :
	       !strcmp(p, "balanced") ? tr("balanced", "均衡") :
	       !strcmp(p, "custom") ? tr("own weights", "自定义权重") : p;
}

static void footer(const json_t *d)
{
	const json_t *w = json_object_get(d, "prefer");
	char s[32], g[32], at[OUT_TEXT_MAX];

	out_safe(stdout, tr("\nprefers %s: score = %.3f × cost + %s yuan per second + "
			    "%s yuan per gram of CO₂\n",
			    "\n偏好%s：得分 = %.3f × 费用 + 每秒 %s 元 + 每克二氧化碳 %s 元\n"),
		 profile(w), out_f(w, "money_milli") / 1000,
		 text_yuan(out_i(w, "time_micro_per_s", 0), s),
		 text_yuan(out_i(w, "carbon_micro_per_g", 0), g));
	out_safe(stdout, tr("decided %s, policy %lld, seed %s\n", "决策时间 %s，策略版本 %lld，随机种子 %s\n"),
		 out_time(out_s(d, "at"), at), (long long)out_i(d, "policy", 0),
		 out_s(d, "seed") ? out_s(d, "seed") : "-");
}

int why_print(const json_t *d, const char *id)
{
	size_t all = json_array_size(json_object_get(d, "pools")), n = ranked(d);
	int res = sentence(d, id);

	if (n)
		candidates(d);
	if (n < all)
		refused(d);
	footer(d);
	return res;
}

/* ---- the verb ---- */

static const struct opt opts[] = {
	{ 'a', "all", NULL, "every decision about it, the oldest first", "按时间顺序列出全部决策" },
	{ 0, NULL, NULL, NULL, NULL },
};

/* What the decision cannot know: the state now, and a reason that came without one. */
static void say_state(const json_t *task)
{
	const char *text = words_task(task), *state = out_s(task, "state");

	if (text && state && strcmp(state, "done"))
		out_safe(stdout, tr("now: %s: %s\n", "当前：%s，%s\n"), out_state(state), text);
	else
		out_safe(stdout, tr("now: %s\n", "当前：%s\n"), out_state(state));
}

static void print_all(const json_t *list, const char *id)
{
	const json_t *d;
	size_t i;

	json_array_foreach(list, i, d) {
		if (i)
			printf("\n%s────%s\n\n", out_on(stdout, OUT_DIM), out_off(stdout));
		why_print(d, id);
	}
}

/* All of them, or the latest only: the API gives pages, the oldest first.  *ret: a list;
 * NULL when the first page was printed as it is. */
static int decisions(struct remote *r, const char *id, bool all, json_t **ret, int64_t *ret_n)
{
	int64_t after = 0;
	int res = 0;

	*ret = json_array();
	*ret_n = 0;
	while (after >= 0 && res == 0) {
		_cleanup_(mem_freep) char *path = NULL;
		json_t *doc, *page;
		char tail[64];

		snprintf(tail, sizeof(tail), "/decisions?after=%lld", (long long)after);
		path = remote_path("/v1/tasks/", id, tail);
		res = remote_get(r, path, &doc);
		page = json_object_get(doc, "decisions");
		if (res != 0 || !doc) {
			json_decref(*ret);
			*ret = NULL;
			return res;
		}
		*ret_n += (int64_t)json_array_size(page);
		if (!all && json_array_size(page))
			json_array_clear(*ret);
		json_array_extend(*ret, page);
		after = out_i(doc, "next", -1) > after ? out_i(doc, "next", -1) : -1;
		json_decref(doc);
	}
	return res;
}

static int why(struct remote *r, const char *id, bool all)
{
	_cleanup_(mem_freep) char *path = remote_path("/v1/tasks/", id, "");
	json_t *list, *task = NULL;
	int64_t n;
	int res = decisions(r, id, all, &list, &n);

	if (res != 0 || !list)
		return res;
	res = remote_get(r, path, &task);
	if (res == 0 && all)
		print_all(list, id);
	else if (res == 0 && n)
		why_print(json_array_get(list, json_array_size(list) - 1), id);
	if (res == 0)
		say_state(task);
	if (res == 0 && n > 1 && !all)
		out_safe(stdout, tr("earlier decisions: %lld (suanlu why --all %s)\n",
				    "更早的决策：%lld 次（suanlu why --all %s）\n"), (long long)n - 1, id);
	json_decref(task);
	json_decref(list);
	return res;
}

int cmd_why(int argc, char **argv)
{
	struct opt_scan s = { .verb = "why", .opts = opts, .argc = argc, .argv = argv };
	_cleanup_(remote_freep) struct remote *r = NULL;
	bool all = false;
	int key, res;

	while ((key = opt_next(&s)) >= 0)
		all = true;
	if (key != OPT_END)
		return key == OPT_HELP ? CMD_OK : CMD_USAGE;
	if (argc - s.at != 1)
		return opt_usage("why", "%s", tr("give the id of one task", "请给出一个任务编号"));
	res = remote_new(&r);
	return res == 0 ? why(r, argv[s.at], all) : res;
}
