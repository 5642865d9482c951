/* quota.c - `suanlu quota`: what a tenant may take, what it took, its part when pools are full */

#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/out.h"
#include "cmd/quota.h"
#include "cmd/verb.h"

#include <stdlib.h>
#include <string.h>

enum { O_RUNNING = 256, O_WAITING, O_HOURS, O_WEIGHT };

static const struct opt opts[] = {
	{ O_RUNNING, "running", "N", "set: tasks on pools at once", "set：同时运行的任务数" },
	{ O_WAITING, "waiting", "N", "set: tasks in the queue", "set：排队的任务数" },
	{ O_HOURS, "accelerator-hours", "N", "set: in a month", "set：每月卡时" },
	{ O_WEIGHT, "weight", "X", "set: its part when pools are full; 1 unless given",
	  "set：资源紧张时的份额权重，默认 1" },
	{ 0, NULL, NULL, NULL, NULL },
};

static int option(json_t *doc, int key, const char *value)
{
	static const char *const keys[] = { "running", "waiting", "accelerator_hours" };
	int64_t n;
	char *end;
	double x;

	if (key == O_WEIGHT) {
		x = strtod(value, &end);
		if (end == value || *end || x <= 0)
			return opt_usage("quota", tr("--weight is a number above 0, not \"%.40s\"",
						     "--weight 应为大于 0 的数，而不是 “%.40s”"), value);
		json_object_set_new(doc, "weight", json_real(x));
		return 0;
	}
	if (text_i64(value, 0, INT64_MAX, &n))
		return opt_usage("quota", tr("a limit is a whole number, not \"%.40s\"",
					     "限额应为整数，而不是 “%.40s”"), value);
	json_object_set_new(doc, keys[key - O_RUNNING], json_integer(n));
	return 0;
}

/* "3 of 8", or "3, no limit". */
static void used(const char *title, const char *is, const json_t *limits, const char *key)
{
	int64_t max = out_i(limits, key, -1);

	if (max < 0)
		out_pair(title, tr("%s, no limit", "%s，无限额"), is);
	else
		out_pair(title, tr("%s of %lld", "%s / %lld"), is, (long long)max);
}

static void used_tasks(const char *title, const json_t *q, const char *key)
{
	char text[OUT_TEXT_MAX];

	snprintf(text, sizeof(text), "%lld", (long long)out_i(q, key, 0));
	used(title, text, json_object_get(q, "limits"), key);
}

void quota_print(const json_t *q)
{
	const json_t *l = json_object_get(q, "limits");
	char text[OUT_TEXT_MAX];

	used_tasks(tr("running", "运行中"), q, "running");
	used_tasks(tr("waiting", "排队中"), q, "waiting");
	snprintf(text, sizeof(text), "%.1f", out_f(q, "accelerator_hours"));
	used(tr("accelerator-hours this month", "本月卡时"), text, l, "accelerator_hours");
	out_pair(tr("weight", "权重"), "%g", out_f(l, "weight"));
	out_pair(tr("used lately", "近期用量"), tr("%.1f %% of what all tenants used", "占全部租户的 %.1f%%"),
		 out_f(q, "usage_part") * 100);
}

static void show(const json_t *q)
{
	out_pair_s(tr("tenant", "租户"), out_s(q, "tenant"));
	quota_print(q);
}

static void limit_cell(struct out_table *t, const json_t *l, const char *key)
{
	if (out_i(l, key, -1) < 0)
		out_cell(t, NULL);
	else
		out_cell_f(t, "%lld", (long long)out_i(l, key, 0));
}

static void list(const json_t *all)
{
	struct out_table *t = out_table_new();
	const json_t *q;
	size_t i;

	out_column(t, tr("TENANT", "租户"), OUT_LEFT);
	out_column(t, tr("RUNNING", "运行中"), OUT_RIGHT);
	out_column(t, tr("MAX", "上限"), OUT_RIGHT);
	out_column(t, tr("WAITING", "排队中"), OUT_RIGHT);
	out_column(t, tr("MAX", "上限"), OUT_RIGHT);
	out_column(t, tr("ACCEL-HOURS", "本月卡时"), OUT_RIGHT);
	out_column(t, tr("MAX", "上限"), OUT_RIGHT);
	out_column(t, tr("WEIGHT", "权重"), OUT_RIGHT);
	out_column(t, tr("USED LATELY", "近期用量"), OUT_RIGHT);
	json_array_foreach(all, i, q) {
		const json_t *l = json_object_get(q, "limits");

		out_row(t);
		out_cell(t, out_s(q, "tenant"));
		out_cell_f(t, "%lld", (long long)out_i(q, "running", 0));
		limit_cell(t, l, "running");
		out_cell_f(t, "%lld", (long long)out_i(q, "waiting", 0));
		limit_cell(t, l, "waiting");
		out_cell_f(t, "%.1f", out_f(q, "accelerator_hours"));
		limit_cell(t, l, "accelerator_hours");
		out_cell_f(t, "%g", out_f(l, "weight"));
		out_cell_f(t, "%.1f %%", out_f(q, "usage_part") * 100);
	}
	out_table_print(t);
}

static int run(struct remote *r, const struct opt_part *p, json_t *doc)
{
	_cleanup_(mem_freep) char *path = p->name ? remote_path("/v1/quotas/", p->name, "") : NULL;
	json_t *got = NULL;
	int res;

	if (!strcmp(p->part, "set"))
		res = remote_ask(r, "POST", path, doc, &got);
	else if (!strcmp(p->part, "ls"))
		res = remote_list(r, "/v1/quotas", "quotas", &got);
	else
		res = remote_get(r, path ? path : "/v1/quota", &got);
	if (res == 0 && got && !strcmp(p->part, "ls"))
		list(json_object_get(got, "quotas"));
	else if (res == 0 && got)
		show(got);
	json_decref(got);
	return res;
}

int cmd_quota(int argc, char **argv)
{
	static const struct verb v = {
		.name = "quota", .opts = opts, .dflt = "own", .alone = "own|ls", .named = "show|set",
		.takes = "set", .option = option, .run = run,
	};

	return verb_run(&v, argc, argv);
}
