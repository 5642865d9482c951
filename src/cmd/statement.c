/* statement.c - `suanlu statement`: a month of a tenant, a pool owner or a voucher issuer */

#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/opt.h"
#include "cmd/out.h"
#include "cmd/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { O_MONTH = 256, O_TENANT, O_OWNER, O_ISSUER, O_BY };

static const struct opt opts[] = {
	{ O_MONTH, "month", "YYYY-MM", "which one; default: this one", "月份，默认本月" },
	{ O_TENANT, "tenant", "TENANT", "of this tenant; default: yours", "租户，默认为你所在的租户" },
	{ O_OWNER, "owner", "NAME", "of this owner of pools", "算力提供方" },
	{ O_ISSUER, "issuer", "NAME", "of this issuer of vouchers", "算力券发放方" },
	{ O_BY, "by", "run|day", "a line for each; default: run", "每次运行一行，或按天汇总；默认 run" },
	{ 'o', "output", "FILE", "write a table: NAME.csv or NAME.xlsx", "写入表格文件：.csv 或 .xlsx" },
	{ 0, NULL, NULL, NULL, NULL },
};

struct want {
	char query[512];
	const char *file;
};

static int option(struct want *w, int key, const char *value)
{
	static const char *const names[] = { "month", "tenant", "owner", "issuer", "by" };
	_cleanup_(mem_freep) char *pair = NULL;
	size_t n = strlen(w->query);

	if (key == 'o') {
		w->file = value;
		return 0;
	}
	pair = remote_path("=", value, "");
	if (strlen(pair) + n + 20 > sizeof(w->query))
		return opt_usage("statement", "%s", tr("a name is too long", "名称过长"));
	snprintf(w->query + n, sizeof(w->query) - n, "%c%s%s", n ? '&' : '?', names[key - O_MONTH], pair);
	return 0;
}

/* ---- a table on the terminal ---- */

static const char *entry(const char *e)
{
	static const char *const words[][2] = {
		{ "run", "运行" }, { "refund", "退款" }, { "budget", "预算" }, { "voucher", "算力券" },
		{ "withdrawal", "撤回" },
	};

	for (size_t i = 0; e && i < ARRAY_LEN(words); i++)
		if (!strcmp(words[i][0], e))
			return tr(words[i][0], words[i][1]);
	return e;
}

static void money(struct out_table *t, const json_t *l, const char *key)
{
	int64_t micro = out_i(l, key, 0);
	char text[32];

	out_cell_f(t, "%s%s", micro < 0 ? "-" : "", text_yuan(micro < 0 ? -micro : micro, text));
}

static void figures(struct out_table *t, const json_t *l)
{
	money(t, l, "total_micro");
	money(t, l, "own_micro");
	money(t, l, "voucher_micro");
	money(t, l, "in_micro");
}

static void show(const json_t *doc)
{
	struct out_table *t = out_table_new();
	char text[OUT_TEXT_MAX];
	const json_t *l;
	size_t i;

	out_column(t, tr("TIME", "时间"), OUT_LEFT);
	out_column(t, tr("ENTRY", "类别"), OUT_LEFT);
	out_column(t, tr("RUN", "运行"), OUT_LEFT);
	out_column(t, tr("TENANT", "租户"), OUT_LEFT);
	out_column(t, tr("POOL", "资源池"), OUT_LEFT);
	out_column(t, tr("YUAN", "金额"), OUT_RIGHT);
	out_column(t, tr("TENANT PAYS", "租户自付"), OUT_RIGHT);
	out_column(t, tr("VOUCHERS PAY", "算力券抵扣"), OUT_RIGHT);
	out_column(t, tr("PUT IN", "充值或发放"), OUT_RIGHT);
	json_array_foreach(json_object_get(doc, "lines"), i, l) {
		out_row(t);
		out_cell(t, out_time(out_s(l, "at"), text));
		out_cell(t, entry(out_s(l, "entry")));
		if (out_s(l, "run_id") || !out_i(l, "runs", 0))
			out_cell(t, out_s(l, "run_id"));
		else
			out_cell_f(t, tr("%lld runs", "%lld 次"), (long long)out_i(l, "runs", 0));
		out_cell(t, out_s(l, "tenant"));
		out_cell(t, out_s(l, "pool"));
		figures(t, l);
	}
	out_row(t);
	out_cell_style(t, tr("sum", "合计"), OUT_BOLD);
	for (int k = 0; k < 4; k++)
		out_cell(t, "");
	figures(t, json_object_get(doc, "sum"));
	out_table_print(t);
}

/* ---- a file ---- */

static int write_all(const char *path, const char *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : 0;

	while (!r && n) {
		ssize_t k = write(fd, p, n);

		if (k < 0 && errno != EINTR)
			r = -errno;
		else if (k > 0) {
			p += k;
			n -= (size_t)k;
		}
	}
	if (fd >= 0 && close(fd) && !r)
		r = -errno;
	return r;
}

static int save(struct remote *r, const struct want *w)
{
	const char *dot = strrchr(w->file, '.'), *format;
	struct http_answer a;
	char path[600];
	int res;

	format = dot && !strcmp(dot, ".csv") ? "csv" : dot && !strcmp(dot, ".xlsx") ? "xlsx" : NULL;
	if (!format)
		return opt_usage("statement", tr("the name of the file ends in .csv or .xlsx, not \"%.40s\"",
						 "文件名应以 .csv 或 .xlsx 结尾，而不是 “%.40s”"), w->file);
	snprintf(path, sizeof(path), "/v1/statements%s%cformat=%s&lang=%s", w->query,
		 w->query[0] ? '&' : '?', format, lang_get() == LANG_ZH ? "zh" : "en");
	res = remote_raw(r, path, &a);
	if (res == 0 && write_all(w->file, a.body.data, a.body.len)) {
		out_safe(stderr, tr("suanlu: could not write %s\n", "suanlu: 无法写入 %s\n"), w->file);
		res = CMD_INTERNAL;
	} else if (res == 0) {
		out_safe(stdout, tr("written to %s\n", "已写入 %s\n"), w->file);
	}
	http_answer_done(&a);
	return res;
}

static int print(struct remote *r, const struct want *w)
{
	char path[600];
	json_t *got;
	int res;

	snprintf(path, sizeof(path), "/v1/statements%s", w->query);
	res = remote_get(r, path, &got);
	if (res == 0 && got)
		show(got);
	json_decref(got);
	return res;
}

int cmd_statement(int argc, char **argv)
{
	struct opt_scan s = { .verb = "statement", .opts = opts, .argc = argc, .argv = argv };
	_cleanup_(remote_freep) struct remote *r = NULL;
	struct want w = { .file = NULL };
	int key, res = 0;

	while ((key = opt_next(&s)) >= 0 && res == 0)
		res = option(&w, key, s.value);
	if (res)
		return res;
	if (key != OPT_END)
		return key == OPT_HELP ? CMD_OK : CMD_USAGE;
	if (s.at < s.argc)
		return opt_usage("statement", tr("\"%.40s\" is too much", "多余的参数 “%.40s”"),
				 s.argv[s.at]);
	res = remote_new(&r);
	if (res)
		return res;
	return w.file ? save(r, &w) : print(r, &w);
}
