/* verb.c - options, part, check, daemon: the way of most verbs */

#include "cmd/verb.h"

#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"

static int read_options(const struct verb *v, struct opt_scan *s, json_t *doc)
{
	int key = OPT_END, res = 0;

	while (res == 0 && (key = opt_next(s)) >= 0)
		res = v->option(doc, key, s->value);
	if (res != 0)
		return res;
	return key == OPT_END ? 0 : key == OPT_HELP ? -1 : CMD_USAGE;
}

static int check(const struct verb *v, const struct opt_part *p, const json_t *doc)
{
	if (!p->name && !opt_listed(v->alone, p->part))
		return opt_usage(v->name, tr("there is no \"%s %.40s\"", "没有 “%s %.40s”"), v->name,
				 p->part);
	if (json_object_size(doc) && !opt_listed(v->takes, p->part))
		return opt_usage(v->name, tr("these options go with `%s %s`", "这些选项只用于 `%s %s`"),
				 v->name, v->takes);
	return v->check ? v->check(p, doc) : 0;
}

int verb_run(const struct verb *v, int argc, char **argv)
{
	struct opt_scan s = { .verb = v->name, .opts = v->opts, .argc = argc, .argv = argv };
	_cleanup_(remote_freep) struct remote *r = NULL;
	json_t *doc = json_object();
	struct opt_part p;
	int res = read_options(v, &s, doc);

	if (res == 0)
		res = opt_part(&s, v->dflt, v->named, &p);
	if (res == 0)
		res = check(v, &p, doc);
	if (res == 0)
		res = remote_new(&r);
	if (res == 0)
		res = v->run(r, &p, doc);
	json_decref(doc);
	return res < 0 ? CMD_OK : res;
}
