/* cancel.c - `suanlu cancel`: one task after the other; the worst answer is the exit code */

#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/opt.h"
#include "cmd/out.h"
#include "cmd/remote.h"

#include <string.h>

static const struct opt opts[] = {
	{ 0, NULL, NULL, NULL, NULL },
};

static int cancel(struct remote *r, const char *id)
{
	_cleanup_(mem_freep) char *path = remote_path("/v1/tasks/", id, "/cancel");
	const char *state;
	json_t *doc;
	int res = remote_ask(r, "POST", path, NULL, &doc);

	if (res != 0 || !doc)
		return res;
	state = out_s(doc, "state");
	if (state && !strcmp(state, "cancelled"))
		out_safe(stdout, tr("%s is cancelled\n", "%s 已取消\n"), id);
	else
		out_safe(stdout, tr("%s is being stopped (now: %s)\n", "%s 正在停止（当前：%s）\n"), id,
			 out_state(state));
	json_decref(doc);
	return 0;
}

int cmd_cancel(int argc, char **argv)
{
	struct opt_scan s = { .verb = "cancel", .opts = opts, .argc = argc, .argv = argv };
	_cleanup_(remote_freep) struct remote *r = NULL;
	int key = opt_next(&s), res;

	if (key != OPT_END)
		return key == OPT_HELP ? CMD_OK : CMD_USAGE;
	if (s.at == argc)
		return opt_usage("cancel", "%s", tr("which task? give its id", "请给出任务编号"));
	res = remote_new(&r);
	if (res != 0)
		return res;
	for (int i = s.at; i < argc && res != CMD_UNREACHABLE; i++) {
		int one = cancel(r, argv[i]);

		res = one > res ? one : res;
	}
	return res;
}
