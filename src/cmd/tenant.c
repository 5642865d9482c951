/* tenant.c - `suanlu tenant`: for whom tasks are run */

#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/out.h"
#include "cmd/quota.h"
#include "cmd/verb.h"

#include <string.h>

enum { O_TITLE = 256 };

static const struct opt opts[] = {
	{ O_TITLE, "title", "TEXT", "new: how people call it", "new：显示名称" },
	{ 0, NULL, NULL, NULL, NULL },
};

static int option(json_t *doc, int key, const char *value)
{
	json_object_set_new(doc, "title", json_string(value));
	return 0;
}

static void list(const json_t *all)
{
	struct out_table *t = out_table_new();
	char text[OUT_TEXT_MAX];
	const json_t *d;
	size_t i;

	out_column(t, tr("NAME", "名称"), OUT_LEFT);
	out_column(t, tr("TITLE", "显示名称"), OUT_TRUNC);
	out_column(t, tr("MADE", "创建时间"), OUT_LEFT);
	out_column(t, tr("STATE", "状态"), OUT_LEFT);
	json_array_foreach(all, i, d) {
		bool off = json_is_true(json_object_get(d, "disabled"));

		out_row(t);
		out_cell(t, out_s(d, "name"));
		out_cell(t, out_s(d, "title"));
		out_cell(t, out_time(out_s(d, "created"), text));
		out_cell_style(t, off ? tr("disabled", "已停用") : tr("good", "有效"),
			       off ? OUT_YELLOW : OUT_GREEN);
	}
	out_table_print(t);
}

static void show(const json_t *d)
{
	char text[OUT_TEXT_MAX];
	bool off = json_is_true(json_object_get(d, "disabled"));

	out_pair_s(tr("name", "名称"), out_s(d, "name"));
	out_pair_s(tr("title", "显示名称"), out_s(d, "title"));
	out_pair_s(tr("made", "创建时间"), out_time(out_s(d, "created"), text));
	out_pair_s(tr("state", "状态"), off ? tr("disabled", "已停用") : tr("good", "有效"));
	quota_print(json_object_get(d, "quota"));
}

static int remove_one(struct remote *r, const char *name, const char *path)
{
	json_t *got;
	int res = remote_ask(r, "DELETE", path, NULL, &got);

	if (res == 0 && !cmd_global.json)
		out_safe(stdout, tr("%s is removed\n", "%s 已删除\n"), name);
	json_decref(got);
	return res;
}

static int run(struct remote *r, const struct opt_part *p, json_t *doc)
{
	_cleanup_(mem_freep) char *one = p->name ? remote_path("/v1/tenants/", p->name, "") : NULL;
	json_t *got = NULL;
	int res;

	if (!strcmp(p->part, "rm"))
		return remove_one(r, p->name, one);
	if (!strcmp(p->part, "new")) {
		json_object_set_new(doc, "name", json_string(p->name));
		res = remote_ask(r, "POST", "/v1/tenants", doc, &got);
	} else if (!strcmp(p->part, "disable") || !strcmp(p->part, "enable")) {
		json_object_set_new(doc, "disabled", json_boolean(p->part[0] == 'd'));
		res = remote_ask(r, "POST", one, doc, &got);
	} else {
		res = one ? remote_get(r, one, &got) : remote_list(r, "/v1/tenants", "tenants", &got);
	}
	if (res == 0 && got && !p->name)
		list(json_object_get(got, "tenants"));
	else if (res == 0 && got)
		show(got);
	json_decref(got);
	return res;
}

int cmd_tenant(int argc, char **argv)
{
	static const struct verb v = {
		.name = "tenant", .opts = opts, .dflt = "ls", .alone = "ls", .named = "new|show|disable|enable|rm",
		.takes = "new", .option = option, .run = run,
	};

	return verb_run(&v, argc, argv);
}
