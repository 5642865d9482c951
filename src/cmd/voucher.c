/* voucher.c - `suanlu voucher`: 算力券, issued from a file of their rules */

#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/out.h"
#include "cmd/spec.h"
#include "cmd/verb.h"

#include <string.h>

enum { O_TENANT = 256, O_FACE, O_UNTIL, O_FROM, O_REASON };

static const struct opt opts[] = {
	{ 'f', "file", "FILE", "new: the rules as YAML or JSON (examples/vouchers/)",
	  "new：规则文件，YAML 或 JSON（见 examples/vouchers/）" },
	{ O_TENANT, "tenant", "TENANT", "new: whom it helps", "new：受益租户" },
	{ O_FACE, "face", "YUAN", "new: how much it pays at most", "new：面额（元）" },
	{ O_FROM, "from", "TIME", "new: good since; default: now", "new：生效时间，默认立即生效" },
	{ O_UNTIL, "until", "TIME", "new: good until", "new：失效时间" },
	{ O_REASON, "reason", "TEXT", "withdraw: why", "withdraw：原因" },
	{ 0, NULL, NULL, NULL, NULL },
};

static int option(json_t *doc, int key, const char *value)
{
	struct err err = { 0 };
	json_t *file;
	int64_t micro;
	int r;

	if (key == 'f') {
		r = spec_file(value, &file, &err);
		if (r) {
			remote_say(&err);
			return CMD_USAGE;
		}
		json_object_update_missing(doc, file);
		json_decref(file);
		return 0;
	}
	if (key == O_FACE) {
		if (text_yuan_parse(value, &micro))
			return opt_usage("voucher", tr("--face is yuan like 5000 or 12.50, not \"%.40s\"",
						       "--face 应为金额（元），如 5000，而不是 “%.40s”"),
					 value);
		json_object_set_new(doc, "face_micro", json_integer(micro));
		return 0;
	}
	json_object_set_new(doc, key == O_TENANT ? "tenant" : key == O_FROM ? "valid_from" :
			    key == O_UNTIL ? "valid_until" : "reason", json_string(value));
	return 0;
}

static void put_rate(const json_t *v, char out[OUT_TEXT_MAX])
{
	const json_t *rate = json_object_get(v, "rate");

	if (out_f(rate, "domestic") == out_f(rate, "other"))
		snprintf(out, OUT_TEXT_MAX, "%g%%", 100 * out_f(rate, "other"));
	else
		snprintf(out, OUT_TEXT_MAX, tr("%g%% domestic, %g%%", "国产 %g%%，其他 %g%%"),
			 100 * out_f(rate, "domestic"), 100 * out_f(rate, "other"));
}

static void list(const json_t *all)
{
	struct out_table *t = out_table_new();
	char text[OUT_TEXT_MAX];
	const json_t *v;
	size_t i;

	out_column(t, tr("ID", "编号"), OUT_RIGHT);
	out_column(t, tr("ISSUER", "发放方"), OUT_LEFT);
	out_column(t, tr("TENANT", "租户"), OUT_LEFT);
	out_column(t, tr("PAYS", "抵扣比例"), OUT_LEFT);
	out_column(t, tr("FACE", "面额"), OUT_RIGHT);
	out_column(t, tr("LEFT", "剩余"), OUT_RIGHT);
	out_column(t, tr("RESERVED", "已预留"), OUT_RIGHT);
	out_column(t, tr("UNTIL", "失效"), OUT_LEFT);
	json_array_foreach(all, i, v) {
		bool gone = json_is_true(json_object_get(v, "withdrawn"));

		out_row(t);
		out_cell_f(t, "%lld", (long long)out_i(v, "id", 0));
		out_cell(t, out_s(v, "issuer"));
		out_cell(t, out_s(v, "tenant"));
		put_rate(v, text);
		out_cell(t, text);
		out_cell(t, out_yuan(out_i(v, "face_micro", 0), text));
		out_cell(t, out_yuan(out_i(v, "left_micro", 0), text));
		out_cell(t, out_yuan(out_i(v, "held_micro", 0), text));
		out_cell_style(t, gone ? tr("withdrawn", "已撤回")
				       : out_time(out_s(v, "valid_until"), text),
			       gone ? OUT_DIM : OUT_PLAIN);
	}
	out_table_print(t);
}

static void names(const json_t *v, const char *key, const char *title)
{
	const json_t *name;
	size_t i;

	json_array_foreach(json_object_get(v, key), i, name)
		out_pair_s(i ? "" : title, json_string_value(name));
}

static void show(const json_t *v)
{
	char text[OUT_TEXT_MAX];

	out_pair(tr("voucher", "算力券"), "%lld", (long long)out_i(v, "id", 0));
	out_pair_s(tr("title", "名称"), out_s(v, "title"));
	out_pair_s(tr("issuer", "发放方"), out_s(v, "issuer"));
	out_pair_s(tr("tenant", "租户"), out_s(v, "tenant"));
	put_rate(v, text);
	out_pair_s(tr("pays", "抵扣比例"), text);
	out_pair_s(tr("face value", "面额"), out_yuan(out_i(v, "face_micro", 0), text));
	out_pair_s(tr("used", "已用"), out_yuan(out_i(v, "used_micro", 0), text));
	out_pair_s(tr("reserved", "已预留"), out_yuan(out_i(v, "held_micro", 0), text));
	out_pair_s(tr("left", "剩余"), out_yuan(out_i(v, "left_micro", 0), text));
	if (out_i(v, "year_cap_micro", 0))
		out_pair_s(tr("cap of a year", "年度上限"),
			   out_yuan(out_i(v, "year_cap_micro", 0), text));
	out_pair_s(tr("from", "生效"), out_time(out_s(v, "valid_from"), text));
	out_pair_s(tr("until", "失效"), out_time(out_s(v, "valid_until"), text));
	names(v, "pools", tr("pools", "资源池"));
	names(v, "owners", tr("pool owners", "算力提供方"));
	names(v, "kinds", tr("kinds", "任务类型"));
	if (json_is_true(json_object_get(v, "exclusive")))
		out_pair_s(tr("exclusive", "排他"), tr("goes with no other voucher", "不与其他算力券叠加"));
	if (json_is_true(json_object_get(v, "withdrawn")))
		out_pair_s(tr("state", "状态"), tr("withdrawn", "已撤回"));
	out_pair_s(tr("source", "依据"), out_s(v, "source"));
}

static int issue(struct remote *r, const json_t *doc)
{
	json_t *got;
	int res = remote_ask(r, "POST", "/v1/vouchers", doc, &got);

	if (res == 0 && got)
		out_safe(stdout, tr("voucher %lld is issued to %s\n", "算力券 %lld 已发放给 %s\n"),
			 (long long)out_i(got, "id", 0), out_s(got, "tenant"));
	json_decref(got);
	return res;
}

static int withdraw(struct remote *r, const char *id, const json_t *doc)
{
	_cleanup_(mem_freep) char *path = remote_path("/v1/vouchers/", id, "/withdraw");
	json_t *got;
	int res = remote_ask(r, "POST", path, doc, &got);

	if (res == 0 && got)
		out_safe(stdout, tr("voucher %s is withdrawn; what runs have reserved of it stays\n",
				    "算力券 %s 已撤回；运行中任务已预留的部分仍然有效\n"), id);
	json_decref(got);
	return res;
}

static int run(struct remote *r, const struct opt_part *p, json_t *doc)
{
	_cleanup_(mem_freep) char *path = p->name ? remote_path("/v1/vouchers/", p->name, "") : NULL;
	json_t *got;
	int res;

	if (!strcmp(p->part, "new"))
		return issue(r, doc);
	if (!strcmp(p->part, "withdraw"))
		return withdraw(r, p->name, doc);
	res = path ? remote_get(r, path, &got) : remote_list(r, "/v1/vouchers", "vouchers", &got);
	if (res == 0 && got && p->name)
		show(got);
	else if (res == 0 && got && json_array_size(json_object_get(got, "vouchers")))
		list(json_object_get(got, "vouchers"));
	else if (res == 0 && got)
		puts(tr("there are no vouchers", "还没有算力券"));
	json_decref(got);
	return res;
}

static int check(const struct opt_part *p, const json_t *doc)
{
	int64_t id;

	if (p->name && text_i64(p->name, 1, UINT32_MAX, &id) != 0)
		return opt_usage("voucher", tr("\"%.40s\" is not the id of a voucher (suanlu voucher ls)",
					       "“%.40s” 不是算力券编号（见 suanlu voucher ls）"), p->name);
	if (!strcmp(p->part, "withdraw") && (json_object_size(doc) != 1 || !out_s(doc, "reason")))
		return opt_usage("voucher", "%s", tr("`voucher withdraw` wants --reason and nothing else",
						     "`voucher withdraw` 需要且只需要 --reason"));
	return 0;
}

int cmd_voucher(int argc, char **argv)
{
	static const struct verb v = {
		.name = "voucher", .opts = opts, .dflt = "ls", .alone = "ls|new", .named = "show|withdraw",
		.takes = "new|withdraw", .option = option, .check = check, .run = run,
	};

	return verb_run(&v, argc, argv);
}
