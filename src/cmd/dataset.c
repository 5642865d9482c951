/* dataset.c - `suanlu dataset`: the data sets that tasks name as inputs */

#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/out.h"
#include "cmd/verb.h"
#include "domain/task.h"

#include <stdlib.h>
#include <string.h>

enum { O_URL = 256, O_LEVEL, O_REGION, O_WITHIN, O_OWNER, O_REASON, O_SIZE, O_SHA256 };

static const struct opt opts[] = {
	{ O_URL, "url", "URL", "add: where it is (file:///…, https://…)",
	  "add：数据地址（file:///…、https://…）" },
	{ O_LEVEL, "level", "LEVEL", "add: 1 to 4, important or core",
	  "add：级别，1 到 4、important（重要）或 core（核心）" },
	{ O_REGION, "region", "REGION", "add: where it lies, cn/50/500106",
	  "add：所在区域，如 cn/50/500106" },
	{ O_WITHIN, "stay-within", "REGION", "add: the region it must not leave",
	  "add：数据不得离开的区域" },
	{ O_OWNER, "owner", "NAME", "add: who answers for it; default: you", "add：责任人，默认为你自己" },
	{ O_REASON, "reason", "TEXT", "add: why a label is lowered (security role)",
	  "add：降低标签的原因（security 角色）" },
	{ O_SIZE, "size", "BYTES", "add: its exact size in bytes, checked when a run fetches it; "
	  "512M or 20G: about how large, for forecasts only",
	  "add：准确大小（字节），任务取用时核对；写作 512M、20G 则为大致大小，仅用于预测" },
	{ O_SHA256, "sha256", "SUM", "add: sha256 of the file, checked when a run fetches it",
	  "add：文件的 sha256，任务取用时核对" },
	{ 0, NULL, NULL, NULL, NULL },
};

static const char *const keys[] = {
	"url", "level", "region", "stay_within", "owner", "reason",
};

/* Digits alone: bytes, to be checked. */
static int bytes(json_t *doc, const char *value)
{
	char *end;
	unsigned long long n = strtoull(value, &end, 10);

	if (!n || n > TASK_BYTES_MAX || strlen(value) > 19)
		return opt_usage("dataset", tr("--size is a number of bytes above 0, not \"%.40s\"",
					    "--size 应为大于 0 的字节数，而不是 “%.40s”"), value);
	json_object_set_new(doc, "size", json_integer((json_int_t)n));
	json_object_set_new(doc, "size_mb", json_integer((json_int_t)((n + (1 << 20) - 1) >> 20)));
	return 0;
}

static int option(json_t *doc, int key, const char *value)
{
	uint64_t mb;

	if (key == O_SIZE && *value && !value[strspn(value, "0123456789")])
		return bytes(doc, value);
	if (key == O_SHA256) {
		json_object_set_new(doc, "sha256", json_string(value));
	} else if (key == O_SIZE) {
		if (text_size_parse(value, &mb) != 0 || mb > INT64_MAX)
			return opt_usage("dataset", tr("--size is a number of bytes, or like 512M or 20G, not \"%.40s\"",
						    "--size 应为字节数，或形如 512M、20G，而不是 “%.40s”"), value);
		json_object_set_new(doc, "size_mb", json_integer((json_int_t)mb));
	} else if (key == O_LEVEL && value[0] >= '0' && value[0] <= '9' && !value[1]) {
		json_object_set_new(doc, "level", json_integer(value[0] - '0'));
	} else {
		json_object_set_new(doc, keys[key - O_URL], json_string(value));
	}
	return 0;
}

static void show(const json_t *d)
{
	char text[OUT_TEXT_MAX];

	out_pair_s(tr("name", "名称"), out_s(d, "name"));
	out_pair(tr("level", "级别"), "%s", out_level(json_object_get(d, "level"), text));
	out_pair_s(tr("region", "区域"), out_s(d, "region"));
	out_pair_s(tr("address", "地址"), out_s(d, "url"));
	if (out_i(d, "size", 0))
		out_pair(tr("size", "大小"), tr("%lld bytes, checked", "%lld 字节，取用时核对"),
			 (long long)out_i(d, "size", 0));
	else
		out_pair(tr("size", "大小"), tr("about %s, not checked", "约 %s，不核对"),
			 out_size_mb((uint64_t)out_i(d, "size_mb", 0), text));
	out_pair_s("sha256", out_s(d, "sha256"));
	out_pair_s(tr("stays within", "不得离开"), out_s(d, "stay_within"));
	out_pair_s(tr("owner", "责任人"), out_s(d, "owner"));
	out_pair_s(tr("tenant", "租户"), out_s(d, "tenant"));
}

static void list(const json_t *all)
{
	struct out_table *t = out_table_new();
	char text[OUT_TEXT_MAX];
	const json_t *d;
	size_t i;

	out_column(t, tr("NAME", "名称"), OUT_LEFT);
	out_column(t, tr("LEVEL", "级别"), OUT_LEFT);
	out_column(t, tr("REGION", "区域"), OUT_LEFT);
	out_column(t, tr("SIZE", "大小"), OUT_RIGHT);
	out_column(t, tr("TENANT", "租户"), OUT_LEFT);
	out_column(t, tr("ADDRESS", "地址"), OUT_TRUNC);
	json_array_foreach(all, i, d) {
		out_row(t);
		out_cell(t, out_s(d, "name"));
		out_cell(t, out_level(json_object_get(d, "level"), text));
		out_cell(t, out_s(d, "region"));
		out_cell(t, out_size_mb((uint64_t)out_i(d, "size_mb", 0), text));
		out_cell(t, out_s(d, "tenant"));
		out_cell(t, out_s(d, "url"));
	}
	out_table_print(t);
}

static int run(struct remote *r, const struct opt_part *p, json_t *doc)
{
	_cleanup_(mem_freep) char *path = p->name ? remote_path("/v1/datasets/", p->name,
								"") : NULL;
	json_t *got = NULL;
	int res;

	if (!strcmp(p->part, "add")) {
		json_object_set_new(doc, "name", json_string(p->name));
		res = remote_ask(r, "POST", "/v1/datasets", doc, &got);
	} else if (!strcmp(p->part, "rm")) {
		res = remote_ask(r, "DELETE", path, NULL, &got);
		if (res == 0 && !cmd_global.json)
			out_safe(stdout, tr("%s is removed; tasks that have it go on\n",
					    "%s 已删除；已在使用它的任务不受影响\n"), p->name);
		json_decref(got);
		return res;
	} else {
		res = path ? remote_get(r, path, &got) : remote_list(r, "/v1/datasets", "datasets", &got);
	}
	if (res == 0 && got && !p->name && json_array_size(json_object_get(got, "datasets")))
		list(json_object_get(got, "datasets"));
	else if (res == 0 && got && !p->name)
		puts(tr("there are no data sets (suanlu dataset add NAME --url … --level …)",
			"还没有数据集（suanlu dataset add 名称 --url … --level …）"));
	else if (res == 0 && got)
		show(got);
	json_decref(got);
	return res;
}

int cmd_dataset(int argc, char **argv)
{
	static const struct verb v = {
		.name = "dataset", .opts = opts, .dflt = "ls", .alone = "ls", .named = "show|add|rm",
		.takes = "add", .option = option, .run = run,
	};

	return verb_run(&v, argc, argv);
}
