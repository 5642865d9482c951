/* token.c - `suanlu token`: who may call; a new token's text is seen once */

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/opt.h"
#include "cmd/out.h"
#include "cmd/remote.h"
#include "cmd/roles.h"

#include <string.h>

enum { O_NAME = 256, O_TENANT, O_ROLE, O_SCOPE, O_POOL, O_EXPIRES, O_OWN };

static const struct opt opts[] = {
	{ O_NAME, "name", "NAME", "new: which machine, or which use", "new：用于哪台机器或何种用途" },
	{ O_TENANT, "tenant", "TENANT", "new: for which tenant", "new：所属租户" },
	{ O_ROLE, "role", "R,R", "new: user, operator, admin, security, auditor",
	  "new：角色 user、operator、admin、security、auditor" },
	{ O_SCOPE, "scope", "S,S", "new: only for these, tasks:read, tasks:write, pools:read …",
	  "new：仅限这些范围，如 tasks:read、tasks:write、pools:read …" },
	{ O_POOL, "pool", "P,P", "new: only for these pools", "new：仅限这些资源池" },
	{ O_EXPIRES, "expires", "TIME", "new: good until then, 2027-01-31T00:00:00+08:00",
	  "new：有效期至，如 2027-01-31T00:00:00+08:00" },
	{ O_OWN, "own", NULL, "ls, new, revoke: those of my own account",
	  "ls、new、revoke：本人账号的令牌" },
	{ 0, NULL, NULL, NULL, NULL },
};

static void state(struct out_table *t, const json_t *d)
{
	const char *expires = out_s(d, "expires");
	int64_t ms;

	if (json_is_true(json_object_get(d, "revoked")))
		out_cell_style(t, tr("revoked", "已吊销"), OUT_DIM);
	else if (expires && !clock_parse(expires, &ms) && ms <= clock_now_ms())
		out_cell_style(t, tr("expired", "已过期"), OUT_DIM);
	else
		out_cell_style(t, tr("good", "有效"), OUT_GREEN);
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
	out_column(t, tr("ACCOUNT", "账号"), OUT_LEFT);
	out_column(t, tr("LAST USE", "最近使用"), OUT_LEFT);
	out_column(t, tr("EXPIRES", "有效期至"), OUT_LEFT);
	out_column(t, tr("STATE", "状态"), OUT_LEFT);
	json_array_foreach(all, i, d) {
		buf_reset(&b);
		roles_put(&b, json_object_get(d, "roles"));
		out_row(t);
		out_cell_f(t, "%lld", (long long)out_i(d, "id", 0));
		out_cell(t, out_s(d, "name"));
		out_cell(t, out_s(d, "tenant"));
		out_cell(t, b.data);
		out_cell(t, out_s(d, "user"));
		out_cell(t, out_time(out_s(d, "used"), text));
		out_cell(t, out_time(out_s(d, "expires"), text));
		state(t, d);
	}
	buf_done(&b);
	out_table_print(t);
}

/* The text alone goes to standard output: `suanlu token new … > file` under umask 077. */
static int make(struct remote *r, const char *path, const json_t *doc)
{
	json_t *got;
	int res = remote_ask(r, "POST", path, doc, &got);

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

static int revoke(struct remote *r, const char *all, const char *id)
{
	_cleanup_(mem_freep) char *path = remote_path(all, id, "");
	json_t *got;
	int res = remote_ask(r, "DELETE", path, NULL, &got);

	if (res == 0 && !cmd_global.json)
		out_safe(stdout, tr("token %s is revoked\n", "令牌 %s 已吊销\n"), id);
	json_decref(got);
	return res;
}

static int run(struct remote *r, const struct opt_part *p, bool own, const json_t *doc)
{
	json_t *got;
	int res;

	if (!strcmp(p->part, "new"))
		return make(r, own ? "/v1/session/tokens" : "/v1/tokens", doc);
	if (!strcmp(p->part, "revoke"))
		return revoke(r, own ? "/v1/session/tokens/" : "/v1/tokens/", p->name);
	res = remote_list(r, own ? "/v1/session/tokens" : "/v1/tokens", "tokens", &got);
	if (res == 0 && got)
		list(json_object_get(got, "tokens"));
	json_decref(got);
	return res;
}

static int check_new(const json_t *doc, bool own)
{
	bool tenant = json_object_get(doc, "tenant"), role = json_object_get(doc, "roles");

	if (!json_object_get(doc, "name") || (!own && (!tenant || !role)))
		return opt_usage("token", "%s", own ?
				 tr("`token new --own` wants --name", "`token new --own` 需要 --name") :
				 tr("`token new` wants --name, --tenant and --role",
				    "`token new` 需要 --name、--tenant 和 --role"));
	if (own && tenant)
		return opt_usage("token", "%s", tr("--own is for the account's own tenant",
						   "--own 的令牌属于账号自己的租户"));
	return 0;
}

static int check(const struct opt_part *p, const json_t *doc, bool own)
{
	bool new = !strcmp(p->part, "new");
	int64_t id;

	if (strcmp(p->part, "ls") && !new && strcmp(p->part, "revoke"))
		return opt_usage("token", tr("there is no \"token %.40s\"", "没有 “token %.40s”"),
				 p->part);
	if (json_object_size(doc) && !new)
		return opt_usage("token", "%s", tr("these options go with `token new`",
						   "这些选项只用于 `token new`"));
	if (p->name && text_i64(p->name, 1, UINT32_MAX, &id) != 0)
		return opt_usage("token", tr("\"%.40s\" is not the id of a token (suanlu token ls)",
					     "“%.40s” 不是令牌编号（见 suanlu token ls）"), p->name);
	return new ? check_new(doc, own) : 0;
}

int cmd_token(int argc, char **argv)
{
	static const char *const keys[] = { "name", "tenant", "roles", "scopes", "pools", "expires" };
	struct opt_scan s = { .verb = "token", .opts = opts, .argc = argc, .argv = argv };
	_cleanup_(remote_freep) struct remote *r = NULL;
	json_t *doc = json_object();
	struct opt_part p;
	bool own = false;
	int key, res;

	while ((key = opt_next(&s)) >= 0) {
		bool words = key == O_ROLE || key == O_SCOPE || key == O_POOL;

		if (key == O_OWN)
			own = true;
		else
			json_object_set_new(doc, keys[key - O_NAME],
					    words ? list_json(s.value) : json_string(s.value));
	}
	res = key == OPT_END ? opt_part(&s, "ls", "revoke", &p) : key == OPT_HELP ? -1 : CMD_USAGE;
	if (res == 0)
		res = check(&p, doc, own);
	if (res == 0)
		res = remote_new(&r);
	if (res == 0)
		res = run(r, &p, own, doc);
	json_decref(doc);
	return res < 0 ? CMD_OK : res;
}
