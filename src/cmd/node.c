/* node.c - `suanlu node`: the daemon itself */

#include "base/clock.h"
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

static void counts(const json_t *c)
{
	const char *key;
	const json_t *v;

	json_object_foreach((json_t *)c, key, v) {
		if (json_is_object(v))
			counts(v);
		else if (json_is_integer(v) && json_integer_value(v))
			out_pair(out_state(key), "%lld", (long long)json_integer_value(v));
	}
}

static void show(const struct remote *r, const json_t *d)
{
	const json_t *store = json_object_get(d, "store");
	char text[OUT_TEXT_MAX];
	int64_t from, to;

	out_pair(tr("address", "地址"), "%s", remote_server(r));
	out_pair_s(tr("node", "节点"), out_s(d, "node"));
	out_pair_s(tr("version", "版本"), out_s(d, "version"));
	out_pair(tr("policy", "策略版本"), "%lld", (long long)out_i(d, "policy", 0));
	if (clock_parse(out_s(d, "started_at") ? out_s(d, "started_at") : "", &from) == 0 &&
	    clock_parse(out_s(d, "time") ? out_s(d, "time") : "", &to) == 0)
		out_pair(tr("up for", "已运行"), "%s", out_seconds((to - from) / 1000, text));
	out_pair(tr("journal", "日志"), tr("%lld of %lld records durable", "%lld / %lld 条已落盘"),
		 (long long)out_i(store, "durable", 0), (long long)out_i(store, "appended", 0));
	counts(json_object_get(d, "counts"));
	if (json_is_true(json_object_get(d, "single_user")))
		out_safe(stdout, "%s\n", tr("single-user node: its first token holds every role",
					    "单用户节点：首个令牌拥有全部角色"));
}

int cmd_node(int argc, char **argv)
{
	struct opt_scan s = { .verb = "node", .opts = opts, .argc = argc, .argv = argv };
	_cleanup_(remote_freep) struct remote *r = NULL;
	int key = opt_next(&s), res;
	json_t *doc;

	if (key != OPT_END)
		return key == OPT_HELP ? CMD_OK : CMD_USAGE;
	if (s.at < argc)
		return opt_usage("node", tr("\"%.40s\" is too much", "多余的参数 “%.40s”"), argv[s.at]);
	res = remote_new(&r);
	if (res == 0)
		res = remote_get(r, "/v1/node", &doc);
	if (res != 0 || !doc)
		return res;
	show(r, doc);
	json_decref(doc);
	return 0;
}
