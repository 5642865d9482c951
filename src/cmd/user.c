/* user.c - `suanlu user`: accounts, their roles and their passwords */

#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/opt.h"
#include "cmd/out.h"
#include "cmd/remote.h"
#include "cmd/roles.h"
#include "cmd/secret.h"
#include "domain/wire.h"

#include <string.h>

enum { O_TENANT = 256, O_ROLE, O_TITLE, O_STATE, O_REASON };

static const struct opt opts[] = {
	{ O_TENANT, "tenant", "TENANT", "new: for which tenant", "new：所属租户" },
	{ O_ROLE, "role", "R,R", "new, change: user, operator, admin, security, auditor",
	  "new、change：角色 user、operator、admin、security、auditor" },
	{ O_TITLE, "title", "TEXT", "new, change: the person's name", "new、change：姓名" },
	{ O_STATE, "state", "DIR", "recover: of this directory, whose daemon is stopped",
	  "recover：状态目录，其守护进程须已停止" },
	{ O_REASON, "reason", "TEXT", "recover: why, for the audit log", "recover：原因，写入审计日志" },
	{ 0, NULL, NULL, NULL, NULL },
};

static void list(const json_t *all)
{
	struct out_table *t = out_table_new();
	char text[OUT_TEXT_MAX];
	const json_t *d;
	struct buf b;
	size_t i;

	buf_init(&b, 4096);
	out_column(t, tr("NAME", "名称"), OUT_LEFT);
	out_column(t, tr("PERSON", "姓名"), OUT_TRUNC);
	out_column(t, tr("TENANT", "租户"), OUT_LEFT);
	out_column(t, tr("ROLES", "角色"), OUT_LEFT);
	out_column(t, tr("MADE", "创建时间"), OUT_LEFT);
	out_column(t, tr("STATE", "状态"), OUT_LEFT);
	json_array_foreach(all, i, d) {
		bool off = json_is_true(json_object_get(d, "disabled"));

		buf_reset(&b);
		roles_put(&b, json_object_get(d, "roles"));
		out_row(t);
		out_cell(t, out_s(d, "name"));
		out_cell(t, out_s(d, "title"));
		out_cell(t, out_s(d, "tenant"));
		out_cell(t, b.data);
		out_cell(t, out_time(out_s(d, "created"), text));
		out_cell_style(t, off ? tr("disabled", "已停用") : tr("good", "有效"),
			       off ? OUT_YELLOW : OUT_GREEN);
	}
	buf_done(&b);
	out_table_print(t);
}

static void show(const json_t *d)
{
	char text[OUT_TEXT_MAX];
	bool off = json_is_true(json_object_get(d, "disabled"));
	struct buf b;

	buf_init(&b, 4096);
	roles_put(&b, json_object_get(d, "roles"));
	out_pair_s(tr("name", "名称"), out_s(d, "name"));
	out_pair_s(tr("person", "姓名"), out_s(d, "title"));
	out_pair_s(tr("tenant", "租户"), out_s(d, "tenant"));
	out_pair_s(tr("roles", "角色"), b.data);
	out_pair_s(tr("made", "创建时间"), out_time(out_s(d, "created"), text));
	out_pair_s(tr("state", "状态"), off ? tr("disabled", "已停用") : tr("good", "有效"));
	buf_done(&b);
}

static int remove_one(struct remote *r, const char *name, const char *path)
{
	json_t *got;
	int res = remote_ask(r, "DELETE", path, NULL, &got);

	if (res == 0 && !cmd_global.json)
		out_safe(stdout, tr("%s is removed; its tokens are dead\n", "%s 已删除，其令牌即刻失效\n"),
			 name);
	json_decref(got);
	return res;
}

/* The token alone goes to standard output, as that of `token new`. */
static int login(struct remote *r, const char *name)
{
	char password[257];
	json_t *doc, *got = NULL;
	int res = secret_read(tr("password: ", "密码："), password, sizeof(password));

	if (res)
		return res;
	doc = json_pack("{s:s, s:s}", "user", name, "password", password);
	explicit_bzero(password, sizeof(password));
	res = remote_ask(r, "POST", "/v1/session", doc, &got);
	json_decref(doc);
	if (res || !got)
		return res;
	out_safe(stderr, tr("session of %s until %s; keep its token in a file of mode 0600:\n",
			    "%s 的会话，有效期至 %s；请将令牌存入权限为 0600 的文件：\n"), name,
		 out_s(got, "expires"));
	if (json_is_true(json_object_get(got, "change_password")))
		out_safe(stderr, "%s\n",
			 tr("the password is for one time: change it with `suanlu user passwd`",
					    "此密码为一次性密码：请用 `suanlu user passwd` 修改"));
	out_safe(stdout, "%s\n", out_s(got, "token"));
	json_decref(got);
	return 0;
}

static int passwd(struct remote *r)
{
	char old[257], fresh[257];
	json_t *doc, *got = NULL;
	int res = secret_read(tr("old password: ", "旧密码："), old, sizeof(old));

	if (!res)
		res = secret_read(tr("new password: ", "新密码："), fresh, sizeof(fresh));
	if (res)
		return res;
	doc = json_pack("{s:s, s:s}", "old", old, "new", fresh);
	explicit_bzero(old, sizeof(old));
	explicit_bzero(fresh, sizeof(fresh));
	res = remote_ask(r, "POST", "/v1/session/password", doc, &got);
	json_decref(doc);
	json_decref(got);
	if (res == 0 && !cmd_global.json)
		puts(tr("the password is changed", "密码已修改"));
	return res;
}

static int reset(struct remote *r, const char *name)
{
	_cleanup_(mem_freep) char *path = remote_path("/v1/users/", name, "/password");
	json_t *got = NULL;
	int res = remote_ask(r, "POST", path, NULL, &got);

	if (res || !got)
		return res;
	out_safe(stderr, tr("a password for %s, good for one login; it is shown this once:\n",
			    "%s 的一次性登录密码，仅显示这一次：\n"), name);
	out_safe(stdout, "%s\n", out_s(got, "password"));
	json_decref(got);
	return 0;
}

static int logout(struct remote *r)
{
	json_t *got;
	int res = remote_ask(r, "DELETE", "/v1/session", NULL, &got);

	if (res == 0 && !cmd_global.json)
		puts(tr("the session is over", "会话已结束"));
	json_decref(got);
	return res;
}

static int run(struct remote *r, const struct opt_part *p, json_t *doc)
{
	_cleanup_(mem_freep) char *one = p->name ? remote_path("/v1/users/", p->name, "") : NULL;
	json_t *got = NULL;
	int res;

	if (!strcmp(p->part, "rm"))
		return remove_one(r, p->name, one);
	if (!strcmp(p->part, "login"))
		return login(r, p->name);
	if (!strcmp(p->part, "reset"))
		return reset(r, p->name);
	if (!strcmp(p->part, "passwd"))
		return passwd(r);
	if (!strcmp(p->part, "logout"))
		return logout(r);
	if (!strcmp(p->part, "new")) {
		json_object_set_new(doc, "name", json_string(p->name));
		res = remote_ask(r, "POST", "/v1/users", doc, &got);
	} else if (!strcmp(p->part, "disable") || !strcmp(p->part, "enable")) {
		json_object_set_new(doc, "disabled", json_boolean(p->part[0] == 'd'));
		res = remote_ask(r, "POST", one, doc, &got);
	} else if (!strcmp(p->part, "change")) {
		res = remote_ask(r, "POST", one, doc, &got);
	} else {
		res = one ? remote_get(r, one, &got) : remote_list(r, "/v1/users", "users", &got);
	}
	if (res == 0 && got && !p->name)
		list(json_object_get(got, "users"));
	else if (res == 0 && got)
		show(got);
	json_decref(got);
	return res;
}

/* Without a daemon: both options, and nothing else. */
static int recover(const struct opt_part *p, const json_t *doc)
{
	const char *state = out_s(doc, "state"), *reason = out_s(doc, "reason"), *wrong;

	if (!state || !reason || json_object_size(doc) != 2)
		return opt_usage("user", "%s", tr("`user recover` wants --state and --reason",
						  "`user recover` 需要 --state 和 --reason"));
	wrong = !*reason ? tr("is empty", "为空") : strlen(reason) > WIRE_REASON_MAX ? tr("is too long", "过长") :
		wire_printable(reason);
	if (wrong)
		return opt_usage("user", tr("--reason %s", "--reason %s"), wrong);
	return cmd_user_recover(state, p->name, reason);
}

static int check(const struct opt_part *p, const json_t *doc)
{
	bool new = !strcmp(p->part, "new"), change = !strcmp(p->part, "change");

	if (!p->name && strcmp(p->part, "ls") && strcmp(p->part, "passwd") &&
	    strcmp(p->part, "logout"))
		return opt_usage("user", tr("there is no \"user %.40s\"", "没有 “user %.40s”"), p->part);
	if (json_object_get(doc, "state") || json_object_get(doc, "reason"))
		return opt_usage("user", "%s", tr("--state and --reason go with `user recover`",
						  "--state 和 --reason 只用于 `user recover`"));
	if (json_object_size(doc) && !new && !change)
		return opt_usage("user", "%s", tr("these options go with `user new` and `user change`",
						  "这些选项只用于 `user new` 和 `user change`"));
	if (new && (!json_object_get(doc, "tenant") || !json_object_get(doc, "roles")))
		return opt_usage("user", "%s", tr("`user new` wants --tenant and --role",
						  "`user new` 需要 --tenant 和 --role"));
	if (change && !json_object_size(doc))
		return opt_usage("user", "%s", tr("`user change` wants --role or --title",
						  "`user change` 需要 --role 或 --title"));
	return 0;
}

int cmd_user(int argc, char **argv)
{
	static const char *const keys[] = { "tenant", "roles", "title", "state", "reason" };
	struct opt_scan s = { .verb = "user", .opts = opts, .argc = argc, .argv = argv };
	_cleanup_(remote_freep) struct remote *r = NULL;
	json_t *doc = json_object();
	struct opt_part p;
	int key, res;

	while ((key = opt_next(&s)) >= 0)
		json_object_set_new(doc, keys[key - O_TENANT],
				    key == O_ROLE ? list_json(s.value) : json_string(s.value));
	res = key == OPT_END ? 0 : key == OPT_HELP ? -1 : CMD_USAGE;
	if (res == 0)
		res = opt_part(&s, "ls", "new|show|change|disable|enable|rm|login|reset|recover", &p);
	if (res == 0 && !strcmp(p.part, "recover")) {
		res = recover(&p, doc);
		json_decref(doc);
		return res;
	}
	if (res == 0)
		res = check(&p, doc);
	if (res == 0)
		res = remote_new(&r);
	if (res == 0)
		res = run(r, &p, doc);
	json_decref(doc);
	return res < 0 ? CMD_OK : res;
}
