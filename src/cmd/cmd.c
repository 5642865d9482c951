/* cmd.c - from main's arguments to a verb */

#include "cmd/cmd.h"

#include "base/text.h"
#include "cmd/opt.h"
#include "cmd/out.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#ifndef SUANLU_VERSION
#define SUANLU_VERSION "0.1.0"
#endif

const struct cmd cmds[] = {
	{ "serve", "[-c FILE] [--check-config]", "run the daemon", "运行守护进程", cmd_serve },
	{ "submit", "[OPTIONS] [--] COMMAND… | -f FILE | JOB.sbatch [ARG…]", "submit a task", "提交任务", cmd_submit },
	{ "ls", "[OPTIONS]", "list tasks", "列出任务", cmd_ls },
	{ "show", "TASK", "one task and its runs", "查看任务及其运行", cmd_show },
	{ "why", "TASK", "why a task went where it went, or waits",
	  "说明任务为何被派往某处，或为何等待", cmd_why },
	{ "logs", "[-f] TASK", "output of a task", "查看任务输出", cmd_logs },
	{ "cancel", "TASK…", "cancel tasks", "取消任务", cmd_cancel },
	{ "pools", "[ls | show NAME | drain NAME | resume NAME | lost NAME | clearance NAME | add NAME]", "pools of compute", "算力池",
	  cmd_pools },
	{ "dataset", "[ls | show NAME | add NAME | rm NAME]", "data sets", "数据集", cmd_dataset },
	{ "data", "", NULL, NULL, cmd_dataset },        /* its name until 0.1 */
	{ "tenant", "[ls | show NAME | new NAME | disable NAME | enable NAME | rm NAME]",
	  "tenants: for whom tasks are run", "租户", cmd_tenant },
	{ "user", "[ls | show NAME | new NAME | change NAME | disable NAME | enable NAME | rm NAME |\n"
	  "                   reset NAME | recover NAME | login NAME | passwd | logout]",
	  "accounts and their roles", "账号与角色", cmd_user },
	{ "token", "[ls | new | revoke ID]", "tokens", "令牌", cmd_token },
	{ "price", "[ls | set POOL]", "what an hour costs", "价格", cmd_price },
	{ "voucher", "[ls | show ID | new | withdraw ID]", "vouchers", "算力券", cmd_voucher },
	{ "budget", "[show TENANT | set TENANT | refund TASK]",
	  "what a tenant has left; refunds", "租户预算与退款", cmd_budget },
	{ "statement", "[OPTIONS]", "a month of a tenant, a pool owner or an issuer", "月度对账单",
	  cmd_statement },
	{ "quota", "[ls | show NAME | set NAME]", "what a tenant may take, and what it took",
	  "租户的限额与用量", cmd_quota },
	{ "audit", "[ls | export | head | verify [FILE] | dataset NAME]", "the audit log, and is it as it was",
	  "审计日志：查看、导出与校验", cmd_audit },
	{ "node", "", "the daemon: version, health, counts", "守护进程：版本、状态与计数", cmd_node },
	{ "export", "[OPTIONS]", "write what the node has seen to a file, for plan and simulate",
	  "导出历史，供 plan 与 simulate 使用", cmd_export },
	{ "plan", "--config FILE --history FILE [WISHES]",
	  "what if: a history on other pools, beside the present ones",
	  "假设分析：在另一组资源池上重放历史，并与现状比较", cmd_plan },
	{ "simulate", "--nodes CSV --tasks CSV [OPTIONS]",
	  "let tasks arrive at nodes, and see what fits", "模拟：任务依次到达节点，看能放下多少",
	  cmd_simulate },
	{ "completion", "bash | zsh | fish", "completion of the command line for a shell",
	  "命令行补全脚本", cmd_completion },
	{ "routes", "", NULL, NULL, cmd_routes },
	{ NULL, NULL, NULL, NULL, NULL },
};

static const struct cmd *find(const char *name)
{
	for (const struct cmd *c = cmds; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

static const struct opt main_opts[] = {
	{ 'V', "version", NULL, "print the version", "显示版本" },
	{ 0, NULL, NULL, NULL, NULL },
};

static void usage(void)
{
	printf(tr("usage: suanlu [OPTIONS] VERB …\n"
		  "Suanlu finds, for every task, the compute that fits it.\n\n",
		  "用法：suanlu [选项] 命令 …\n"
		  "算路：为每个任务找到适配的算力。\n\n"));
	for (const struct cmd *c = cmds; c->name; c++)
		if (c->en)
			printf("  %-10s %s\n", c->name, tr(c->en, c->zh));
	printf("\n%s\n", tr("Options:", "选项："));
	opt_print(opt_globals);
	opt_print(main_opts);
	printf("\n%s\n", tr("`suanlu VERB --help` explains a verb, `man suanlu` everything.",
			    "`suanlu 命令 --help` 说明单个命令，`man suanlu` 说明全部。"));
}

/* Set while somebody wants the table and not the words. */
static const struct opt **asked;

void cmd_help(const char *verb, const struct opt *opts)
{
	const struct cmd *c = find(verb);

	if (asked) {
		*asked = opts;
		return;
	}
	if (!*verb) {
		usage();
		return;
	}
	if (c && c->en) {
		printf(tr("usage: suanlu %s %s\n", "用法：suanlu %s %s\n"), c->name, c->args);
		printf("%s\n", tr(c->en, c->zh));
	}
	if (opts->name) {
		printf("\n%s\n", tr("Options:", "选项："));
		opt_print(opts);
	}
	printf("\n%s\n", tr("Options of every verb:", "通用选项："));
	opt_print(opt_globals);
}

const struct opt *cmd_options(const struct cmd *c)
{
	char *argv[] = { (char *)c->name, (char *)"--help", NULL };
	const struct opt *opts = NULL;

	if (c->run == cmd_serve || c->run == cmd_routes)
		return NULL;
	asked = &opts;
	c->run(2, argv);
	asked = NULL;
	return opts;
}

/* A verb nobody knows: is one of ours meant? */
static int unknown(const char *verb)
{
	static const char *const alias[][2] = {
		{ "list", "ls" }, { "ps", "ls" }, { "status", "show" }, { "log", "logs" },
		{ "run", "submit" }, { "sbatch", "submit" }, { "kill", "cancel" }, { "rm",
		  "cancel" },
		{ "pool", "pools" }, { "squeue", "ls" }, { "scancel", "cancel" }, { "tokens",
		  "token" },
		{ "explain", "why" }, { "start", "serve" }, { "help", "--help" }, { "info",
		  "node" },
		{ "users", "user" }, { "tenants", "tenant" },
	};

	for (size_t i = 0; i < sizeof(alias) / sizeof(alias[0]); i++)
		if (!strcmp(alias[i][0], verb))
			return opt_usage("",
				tr("there is no verb \"%.40s\"; did you mean \"suanlu %s\"?",
						"没有命令 “%.40s”；是否想用 “suanlu %s”？"),
					 verb, alias[i][1]);
	return opt_usage("", tr("there is no verb \"%.40s\"", "没有命令 “%.40s”"), verb);
}

/* The terminal may be gone, or `head` may have read enough: that is not our failure, but
 * words that did not reach a full disk are. */
static int finish(int r)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "suanlu: %s\n", tr("could not write the output", "无法写出结果"));
		return r ? r : CMD_INTERNAL;
	}
	return r;
}

int cmd_main(int argc, char **argv)
{
	struct opt_scan s = { .verb = "", .opts = main_opts, .argc = argc, .argv = argv,
			     .strict = true };
	const struct cmd *c;
	int key;

	out_init();
	lang_from_env();
	key = opt_next(&s);
	if (key == 'V') {
		printf("suanlu %s\n", SUANLU_VERSION);
		return finish(CMD_OK);
	}
	if (key != OPT_END)
		return key == OPT_HELP ? finish(CMD_OK) : CMD_USAGE;
	if (s.at >= argc) {
		usage();
		return finish(CMD_USAGE);
	}
	c = find(argv[s.at]);
	if (!c)
		return unknown(argv[s.at]);
	optind = 0;             /* a verb that uses getopt itself starts anew */
	return finish(c->run(argc - s.at, argv + s.at));
}
