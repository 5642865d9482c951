/* token.c - `suanlu token`: who may call; a new token's text is seen once */

#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/opt.h"
#include "cmd/out.h"
#include "cmd/remote.h"

#include <string.h>

enum { O_NAME = 256, O_TENANT, O_ROLE, ROLES_MAX = 8 };

static const struct opt opts[] = {
	{ O_NAME, "name", "NAME", "new: whose it is", "new：令牌归谁使用" },
	{ O_TENANT, "tenant", "TENANT", "new: for which tenant", "new：所属租户" },
	{ O_ROLE, "role", "R,R", "new: user, operator, admin, security, auditor",
	  "new：角色 user、operator、admin、security、auditor" },
	{ 0, NULL, NULL, NULL, NULL },
};

/* "user,operator" -> ["user","operator"]; the daemon knows which ones exist. */
static json_t *roles(const char *list)
{
	json_t *a = json_array();

	while (*list && json_array_size(a) < ROLES_MAX) {
		size_t n = strcspn(list, ",");

		json_array_append_new(a, json_stringn(list, n));
		list += n + (list[n] == ',');
	}
	return a;
}

static void put_roles(struct buf *b, const json_t *token)
{
	const json_t *role;
	size_t i;

	json_array_foreach(json_object_get(token, "roles"), i, role)
		buf_printf(b, "%s%s", i ? "," : "",
			   json_string_value(role) ? json_string_value(role) : "?");
}

static void list(const json_t *all)
{
	struct out_table *t = out_table_new();
	char text[OUT_TEXT_MAX];
	const json_t *d;
	struct buf b;
	size_t i;

	buf_init(&b, 4096);
	out_column(t, tr("ID", "编号"), OUT_RIGHT);
	out_column(t, tr("NAME", "名称"), OUT_LEFT);
	out_column(t, tr("TENANT", "租户"), OUT_LEFT);
	out_column(t, tr("ROLES", "角色"), OUT_LEFT);
	out_column(t, tr("MADE", "创建时间"), OUT_LEFT);
	out_column(t, tr("STATE", "状态"), OUT_LEFT);
	json_array_foreach(all, i, d) {
		bool revoked = json_is_true(json_object_get(d, "revoked"));

		buf_reset(&b);
		put_roles(&b, d);
		out_row(t);
		out_cell_f(t, "%lld", (long long)out_i(d, "id", 0));
		out_cell(t, out_s(d, "name"));
		out_cell(t, out_s(d, "tenant"));
		out_cell(t, b.data);
		out_cell(t, out_time(out_s(d, "created"), text));
		out_cell_style(t, revoked ? tr("revoked", "已吊销") : tr("good", "有效"),
			       revoked ? OUT_DIM : OUT_GREEN);
	}
	buf_done(&b);
	out_table_print(t);
}

/* The text alone goes to standard output: `suanlu token new … > file` under umask 077. */
static int make(struct remote *r, const json_t *doc)
{
	json_t *got;
	int res = remote_ask(r, "POST", "/v1/tokens", doc, &got);

	if (res != 0 || !got)
		return res;
	out_safe(stderr,
		 tr("token %lld for %s; it is shown this once, keep it in a file of mode 0600:\n",
			    "令牌 %lld，使用者 %s；仅显示这一次，请存入权限为 0600 的文件：\n"),
		 (long long)out_i(got, "id", 0), out_s(got, "name") ? out_s(got, "name") : "-");
	out_safe(stdout, "%s\n", out_s(got, "token") ? out_s(got, "token") : "");
	json_decref(got);
	return 0;
}

static int revoke(struct remote *r, const char *id)
{
	_cleanup_(mem_freep) char *path = remote_path("/v1/tokens/", id, "");
	json_t *got;
	int res = remote_ask(r, "DELETE", path, NULL, &got);

	if (res == 0 && !cmd_global.json)
		out_safe(stdout, tr("token %s is revoked\n", "令牌 %s 已吊销\n"), id);
	json_decref(got);
	return res;
}

static int run(struct remote *r, const struct opt_part *p, const json_t *doc)
{
	json_t *got;
	int res;

	if (!strcmp(p->part, "new"))
		return make(r, doc);
	if (!strcmp(p->part, "revoke"))
		return revoke(r, p->name);
	res = remote_get(r, "/v1/tokens", &got);
	if (res == 0 && got)
		list(json_object_get(got, "tokens"));
	json_decref(got);
	return res;
}

static int check(const struct opt_part *p, const json_t *doc)
{
	int64_t id;

	if (strcmp(p->part, "ls") && strcmp(p->part, "new") && strcmp(p->part, "revoke"))
		return opt_usage("token", tr("there is no \"token %.40s\"", "没有 “token %.40s”"),
				 p->part);
	if (json_object_size(doc) && strcmp(p->part, "new"))
		return opt_usage("token", "%s", tr("these options go with `token new`",
						   "这些选项只用于 `token new`"));
	if (!strcmp(p->part, "new") && json_object_size(doc) != 3)
		return opt_usage("token", "%s", tr("`token new` wants --name, --tenant and --role",
						   "`token new` 需要 --name、--tenant 和 --role"));
	if (p->name && text_i64(p->name, 1, UINT32_MAX, &id) != 0)
		return opt_usage("token", tr("\"%.40s\" is not the id of a token (suanlu token ls)",
					     "“%.40s” 不是令牌编号（见 suanlu token ls）"), p->name);
	return 0;
}

int cmd_token(int argc, char **argv)
{
	struct opt_scan s = { .verb = "token", .opts = opts, .argc = argc, .argv = argv };
	_cleanup_(remote_freep) struct remote *r = NULL;
	json_t *doc = json_object();
	struct opt_part p;
	int key, res;

	while ((key = opt_next(&s)) >= 0)
		json_object_set_new(doc,
				    key == O_NAME ? "name" : key == O_TENANT ? "tenant" : "roles",
				    key == O_ROLE ? roles(s.value) : json_string(s.value));
	res = key == OPT_END ? opt_part(&s, "ls", "revoke", &p) : key == OPT_HELP ? -1 : CMD_USAGE;
	if (res == 0)
		res = check(&p, doc);
	if (res == 0)
		res = remote_new(&r);
	if (res == 0)
		res = run(r, &p, doc);
	json_decref(doc);
	return res < 0 ? CMD_OK : res;
}
