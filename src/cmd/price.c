/* price.c - `suanlu price`: what an hour costs, on which pool and chip, and since when */

#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/out.h"
#include "cmd/verb.h"

#include <string.h>

enum { O_CHIP = 256, O_CPU, O_ACCEL, O_FROM, O_UNTIL };

static const struct opt opts[] = {
	{ O_CHIP, "chip", "MODEL", "set: for this model, or cpu; default: for all",
	  "set：只用于该型号或 cpu，默认用于全部" },
	{ O_CPU, "cpu-hour", "YUAN", "set: of one cpu for an hour", "set：每 CPU 每小时的价格（元）" },
	{ O_ACCEL, "accelerator-hour", "YUAN", "set: of one accelerator for an hour",
	  "set：每加速卡每小时的价格（元）" },
	{ O_FROM, "from", "TIME", "set: since when; default: now", "set：生效时间，默认立即生效" },
	{ O_UNTIL, "until", "TIME", "set: until when; default: open", "set：失效时间，默认长期有效" },
	{ 0, NULL, NULL, NULL, NULL },
};

static int option(json_t *doc, int key, const char *value)
{
	json_t *rate = json_object_get(doc, "price");

	if (key == O_CPU || key == O_ACCEL) {
		if (!rate) {
			rate = json_object();
			json_object_set_new(doc, "price", rate);
		}
		json_object_set_new(rate, key == O_CPU ? "cpu_hour" : "accelerator_hour",
				    json_string(value));
		return 0;
	}
	json_object_set_new(doc, key == O_CHIP ? "chip" : key == O_FROM ? "valid_from" : "valid_until",
			    json_string(value));
	return 0;
}

static void list(const json_t *all)
{
	struct out_table *t = out_table_new();
	char text[OUT_TEXT_MAX];
	const json_t *p;
	size_t i;

	out_column(t, tr("ID", "编号"), OUT_RIGHT);
	out_column(t, tr("POOL", "资源池"), OUT_LEFT);
	out_column(t, tr("CHIP", "芯片"), OUT_LEFT);
	out_column(t, tr("CPU HOUR", "CPU 每小时"), OUT_RIGHT);
	out_column(t, tr("ACCELERATOR HOUR", "加速卡每小时"), OUT_RIGHT);
	out_column(t, tr("FROM", "生效"), OUT_LEFT);
	out_column(t, tr("UNTIL", "失效"), OUT_LEFT);
	out_column(t, tr("BY", "设置人"), OUT_LEFT);
	json_array_foreach(all, i, p) {
		const json_t *rate = json_object_get(p, "price");

		out_row(t);
		out_cell_f(t, "%lld", (long long)out_i(p, "id", 0));
		out_cell(t, out_s(p, "pool"));
		out_cell(t, out_s(p, "chip") ? out_s(p, "chip") : tr("all", "全部"));
		out_cell_f(t, "¥%s", out_s(rate, "cpu_hour"));
		out_cell_f(t, "¥%s", out_s(rate, "accelerator_hour"));
		out_cell(t, out_time(out_s(p, "valid_from"), text));
		out_cell(t, out_s(p, "valid_until") ? out_time(out_s(p, "valid_until"), text) : NULL);
		out_cell(t, out_s(p, "by"));
	}
	out_table_print(t);
}

static int run(struct remote *r, const struct opt_part *p, json_t *doc)
{
	json_t *got = NULL, *all;
	int res;

	if (!strcmp(p->part, "set")) {
		json_object_set_new(doc, "pool", json_string(p->name));
		res = remote_ask(r, "POST", "/v1/prices", doc, &got);
		if (res == 0 && got)
			out_safe(stdout, tr("price %lld is set; runs chosen from then on are charged it\n",
					    "价格 %lld 已设置；自生效时起选定的运行按此计费\n"),
				 (long long)out_i(got, "id", 0));
		json_decref(got);
		return res;
	}
	res = remote_list(r, "/v1/prices", "prices", &got);
	all = json_object_get(got, "prices");
	if (res == 0 && got && json_array_size(all))
		list(all);
	else if (res == 0 && got)
		puts(tr("no price was set: what the pools declare counts (suanlu pools)",
			"尚未设置价格：按资源池声明的价格计费（见 suanlu pools）"));
	json_decref(got);
	return res;
}

static int check(const struct opt_part *p, const json_t *doc)
{
	if (!strcmp(p->part, "set") && !json_object_get(doc, "price"))
		return opt_usage("price", "%s",
				 tr("`price set` wants --cpu-hour, --accelerator-hour or both",
				    "`price set` 需要 --cpu-hour 或 --accelerator-hour"));
	return 0;
}

int cmd_price(int argc, char **argv)
{
	static const struct verb v = {
		.name = "price", .opts = opts, .dflt = "ls", .alone = "ls", .named = "set",
		.takes = "set", .option = option, .check = check, .run = run,
	};

	return verb_run(&v, argc, argv);
}
