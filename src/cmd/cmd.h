/* cmd.h - the command line: verbs, options that all of them share, exit codes
 *
 * One file per verb.  A verb reads its options with opt.h, asks the daemon with remote.h
 * and prints with out.h.  It returns one of the exit codes below; the man page lists them.
 */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include <stdbool.h>

enum {
	CMD_OK = 0,
	CMD_NO = 1,                     /* the task failed, the answer is no */
	CMD_USAGE = 2,
	CMD_REFUSED = 3,                /* no pool could ever take it */
	CMD_NOT_FOUND = 4,
	CMD_NOT_ALLOWED = 5,
	CMD_UNREACHABLE = 6,            /* no daemon, or it is not ready */
	CMD_CONFLICT = 7,               /* the state says no, or a limit */
	CMD_INTERNAL = 8,
	CMD_INTERRUPTED = 130,          /* by ^C while it watched */
};

struct cmd {
	const char *name, *args;
	const char *en, *zh;            /* one line of help; NULL: hidden */
	int (*run)(int argc, char **argv);      /* argv[0] is the verb */
};

extern const struct cmd cmds[];         /* ended by a NULL name */

/* Options before or after the verb. */
struct cmd_global {
	const char *server, *token_file;
	bool json, no_color;
};
extern struct cmd_global cmd_global;

/* All of it: locale, language, options, verb.  The result is the exit code. */
int cmd_main(int argc, char **argv);

/* Help of one verb for `-h`, from its row and its options. */
struct opt;
void cmd_help(const char *verb, const struct opt *opts);

/* The table that `VERB --help` would print; NULL when it prints by itself.  It lives until the
 * verb runs again. */
const struct opt *cmd_options(const struct cmd *c);

/* Written by main, which knows the configuration: the daemon, the table of routes for tests
 * (hidden), and the plan. */
int cmd_serve(int argc, char **argv);
int cmd_routes(int argc, char **argv);
int cmd_plan(int argc, char **argv);

/* Written by main, too: it asks the cluster itself. */
struct pool_ask {
	const char *name, *region, *url, *socket, *user, *jwt, *partitions, *account, *qos,
		*constraint, *dir, *ca;
};
int cmd_pools_add(const struct pool_ask *a);
/* Also main's: a one-time password for a security account of a state directory without a daemon. */
int cmd_user_recover(const char *state, const char *name, const char *reason);
/* Also main's: the audit log of a state directory.  `row` for each row of the journal beside it. */
struct chain_entry;
struct audit_row;
struct err;
int cmd_audit_walk(const char *dir, int (*entry)(void *arg, const struct chain_entry *e),
		   int (*row)(void *arg, const struct audit_row *row, const struct chain_entry *e),
		   void *arg, struct err *err);

int cmd_submit(int argc, char **argv);
int cmd_ls(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_why(int argc, char **argv);
int cmd_logs(int argc, char **argv);
int cmd_cancel(int argc, char **argv);
int cmd_pools(int argc, char **argv);
int cmd_dataset(int argc, char **argv);
int cmd_tenant(int argc, char **argv);
int cmd_user(int argc, char **argv);
int cmd_token(int argc, char **argv);
int cmd_price(int argc, char **argv);
int cmd_voucher(int argc, char **argv);
int cmd_budget(int argc, char **argv);
int cmd_statement(int argc, char **argv);
int cmd_quota(int argc, char **argv);
int cmd_audit(int argc, char **argv);
int cmd_node(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_simulate(int argc, char **argv);
int cmd_completion(int argc, char **argv);

#endif
