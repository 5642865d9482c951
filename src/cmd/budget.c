/* budget.c - `suanlu budget`: what a tenant has left; put money in, take it out, give it back */

#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/out.h"
#include "cmd/verb.h"

#include <string.h>

enum { O_ADD = 256, O_TAKE, O_OPEN, O_REASON, O_ATTEMPT, O_AMOUNT };

static const struct opt opts[] = {
	{ O_ADD, "add", "YUAN", "set: put in; the tenant is limited to it from now on",
	  "set：充值；此后租户的支出以预算为限" },
	{ O_TAKE, "take", "YUAN", "set: take out what is not used", "set：取回未使用的部分" },
	{ O_OPEN, "unlimited", NULL, "set: the tenant pays afterwards", "set：改为后付费，不设上限" },
	{ O_ATTEMPT, "attempt", "N", "refund: of this run; default: the last that was charged",
	  "refund：第几次运行，默认最近一次计费的运行" },
	{ O_AMOUNT, "amount", "YUAN", "refund: so much; default: all", "refund：金额，默认全部" },
	{ O_REASON, "reason", "TEXT", "set, refund: why", "set、refund：原因" },
	{ 0, NULL, NULL, NULL, NULL },
};

static int option(json_t *doc, int key, const char *value)
{
	int64_t n;

	if (key == O_OPEN) {
		json_object_set_new(doc, "limited", json_false());
	} else if (key == O_REASON) {
		json_object_set_new(doc, "reason", json_string(value));
	} else if (key == O_ATTEMPT) {
		if (text_i64(value, 1, UINT32_MAX, &n))
			return opt_usage("budget", tr("--attempt is a number from 1 on, not \"%.40s\"",
						      "--attempt 应为从 1 起的整数，而不是 “%.40s”"),
					 value);
		json_object_set_new(doc, "attempt", json_integer(n));
	} else {
		if (text_yuan_parse(value, &n))
			return opt_usage("budget", tr("an amount is yuan like 5000 or 12.50, not \"%.40s\"",
						      "金额应以元为单位，如 5000 或 12.50，而不是 “%.40s”"),
					 value);
		json_object_set_new(doc, key == O_AMOUNT ? "micro" : "add_micro",
				    json_integer(key == O_TAKE ? -n : n));
	}
	return 0;
}

static void show(const json_t *b)
{
	int64_t left = out_i(b, "available_micro", 0);
	char text[OUT_TEXT_MAX];
	bool limited = json_is_true(json_object_get(b, "limited"));

	out_pair_s(tr("tenant", "租户"), out_s(b, "tenant"));
	if (left >= 0)
		out_pair_s(tr("left", "可用余额"), out_yuan(left, text));
	else
		out_pair_s(tr("owed", "应付"), out_yuan(-left, text));
	out_pair_s(tr("reserved", "已预留"), out_yuan(out_i(b, "held_micro", 0), text));
	out_pair_s(tr("limit", "限额"), limited ? tr("its budget", "以预算为限")
					       : tr("none: it pays afterwards", "无：后付费"));
}

static int refund(struct remote *r, const char *task, const json_t *doc)
{
	_cleanup_(mem_freep) char *path = remote_path("/v1/tasks/", task, "/refund");
	char a[OUT_TEXT_MAX], b[OUT_TEXT_MAX];
	json_t *got;
	int res = remote_ask(r, "POST", path, doc, &got);

	if (res == 0 && got)
		out_safe(stdout, tr("%s came back to the tenant, %s to vouchers\n",
				    "已退还租户 %s，退回算力券 %s\n"),
			 out_yuan(out_i(got, "tenant_micro", 0), a),
			 out_yuan(out_i(got, "voucher_micro", 0), b));
	json_decref(got);
	return res;
}

static int run(struct remote *r, const struct opt_part *p, json_t *doc)
{
	_cleanup_(mem_freep) char *path = p->name ? remote_path("/v1/budgets?tenant=", p->name, "")
						  : NULL;
	json_t *got = NULL;
	int res;

	if (!strcmp(p->part, "refund"))
		return refund(r, p->name, doc);
	if (!strcmp(p->part, "set")) {
		json_object_set_new(doc, "tenant", json_string(p->name));
		res = remote_ask(r, "POST", "/v1/budgets", doc, &got);
	} else {
		res = remote_get(r, path ? path : "/v1/budgets", &got);
	}
	if (res == 0 && got)
		show(got);
	json_decref(got);
	return res;
}

static int check(const struct opt_part *p, const json_t *doc)
{
	if (opt_listed("set|refund", p->part) && !out_s(doc, "reason"))
		return opt_usage("budget", tr("`budget %.10s` wants --reason", "`budget %.10s` 需要 --reason"),
				 p->part);
	return 0;
}

int cmd_budget(int argc, char **argv)
{
	static const struct verb v = {
		.name = "budget", .opts = opts, .dflt = "mine", .alone = "mine", .named = "show|set|refund",
		.takes = "set|refund", .option = option, .check = check, .run = run,
	};

	return verb_run(&v, argc, argv);
}
