/* submit.c - `suanlu submit`: a task from options or a file; or what would become of it */

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "cmd/batch.h"
#include "cmd/cmd.h"
#include "cmd/opt.h"
#include "cmd/out.h"
#include "cmd/remote.h"
#include "cmd/spec.h"
#include "cmd/watch.h"
#include "cmd/why.h"
#include "cmd/words.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { O_DRY_RUN = 256, O_WAIT, O_MAP, O_FILE = 'f', OWN = 4 };

static struct opt opts[OPT_MAX] = {
	{ O_FILE, "file", "FILE", "a task in JSON or YAML; options win over it",
	  "JSON 或 YAML 任务文件；选项优先于文件" },
	{ O_DRY_RUN, "dry-run", NULL, "only say where it would go, and why", "只说明将派往何处及原因" },
	{ O_MAP, "map", "FILE", "for a batch file: what partitions mean here; its other options are "
	  "sbatch's", "用于作业文件：说明分区等的含义；其余选项同 sbatch" },
	{ O_WAIT, "wait", NULL, "follow it to its end", "跟踪直到结束" },
};

struct want {
	const char *file;
	bool dry, wait, batched;
	struct batch batch;
	json_t *options;        /* [key, value] pairs: the file is read before they are applied */
};

static bool ends_in(const char *s, const char *tail)
{
	size_t n = strlen(s), t = strlen(tail);

	return n >= t && !strcmp(s + n - t, tail);
}

/* One operand that is a task file: meant as -f. */
static int check_operand(int argc, char **argv)
{
	static const char *const task[] = { ".yaml", ".yml", ".json" };

	if (argc != 1)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(task); i++)
		if (ends_in(argv[0], task[i]) && access(argv[0], X_OK) != 0)
			return opt_usage("submit",
					 tr("%.150s is not a command; was -f %.150s meant?",
						      "%.150s 不是命令；是否想用 -f %.150s？"),
					 argv[0], argv[0]);
	return 0;
}

/* In front of a batch file an option means what sbatch means by it. */
static void build_options(bool batched)
{
	size_t n = OWN;

	if (batched) {
		n--;            /* sbatch has --wait */
		n += sbatch_options(opts + n);
	}
	for (const struct opt *o = spec_opts; o->name; o++)
		if (!batched || (!sbatch_has(o->name) && !sbatch_instead(o->name)))
			opts[n++] = *o;
	opts[n] = (struct opt){ 0, NULL, NULL, NULL, NULL };
}

static int take(struct want *w, int key, const char *value)
{
	json_t *text = value ? json_string(value) : NULL;

	if (value && !text)
		return opt_usage("submit", "%s", tr("an option is not valid UTF-8",
						    "有选项不是有效的 UTF-8"));
	if (key >= SPEC_FIRST && key < SBATCH_FIRST) {
		json_array_append_new(w->options, json_pack("[i, o]", key, text));
		return 0;
	}
	json_decref(text);
	if (key == O_FILE)
		w->file = value;
	else if (key == O_MAP)
		w->batch.map = value;
	else if (key == O_DRY_RUN)
		w->dry = true;
	else if (key == O_WAIT)
		w->wait = true;
	else if (w->batch.ngiven == BATCH_GIVEN_MAX)
		return opt_usage("submit", "%s", tr("there are too many options", "选项过多"));
	else
		w->batch.given[w->batch.ngiven++] = (struct sbatch_given){ key, value };
	return 0;
}

static int read_options(struct opt_scan *s, struct want *w)
{
	int key;

	build_options(w->batched);
	while ((key = opt_next(s)) >= 0)
		if (take(w, key, s->value) != 0)
			return CMD_USAGE;
	return key == OPT_END ? 0 : key == OPT_HELP ? -1 : CMD_USAGE;
}

static int fail(const struct err *err)
{
	remote_say(err);
	return CMD_USAGE;
}

static int apply(json_t *doc, const struct want *w)
{
	const json_t *pair;
	struct err err;
	size_t i;

	json_array_foreach(w->options, i, pair) {
		int key = (int)json_integer_value(json_array_get(pair, 0));
		const char *value = json_string_value(json_array_get(pair, 1));

		if (spec_option(doc, key, value, clock_now_ms(), &err) != 0)
			return fail(&err);
	}
	return 0;
}

static int batch_document(int argc, char **argv, struct want *w, json_t **ret)
{
	struct sbatch_out out = { .doc = NULL };
	struct err err;
	char *rest;
	int res = 0;

	if (w->file)
		return opt_usage("submit", tr("%.100s is a batch file: it goes without -f",
					      "%.100s 是作业文件，不能与 -f 同用"), w->batch.path);
	if (batch_task(&w->batch, argc - 1, argv + 1, &out, &err) != 0)
		res = fail(&err);
	else
		*ret = json_incref(out.doc);
	rest = res == 0 && out.notes.len ? out.notes.data : NULL;
	for (char *line; rest && (line = strsep(&rest, "\n")) && *line;)
		out_safe(stderr, "suanlu: %s\n", line);
	w->wait |= out.wait;
	w->dry |= out.dry;
	sbatch_done(&out);
	return res ? res : apply(*ret, w);
}

static int file_document(int argc, char **argv, const struct want *w, json_t **ret)
{
	int res = check_operand(w->file ? 0 : argc, argv);
	struct err err;

	if (res != 0)
		return res;
	if (w->batch.map)
		return opt_usage("submit", "%s", tr("--map belongs to a batch file",
						    "--map 只用于作业文件"));
	if (w->file && sbatch_named(w->file))
		return opt_usage("submit", tr("%.100s is a batch file: say `suanlu submit %.100s`",
					      "%.100s 是作业文件：请用 `suanlu submit %.100s`"),
				 w->file, w->file);
	if (w->file && spec_file(w->file, ret, &err) != 0)
		return fail(&err);
	if (!w->file)
		*ret = json_object();
	res = apply(*ret, w);
	if (res == 0 && argc)
		spec_command(*ret, argc, argv);
	if (res == 0 && !w->file && !argc && !json_object_get(*ret, "script"))
		res = opt_usage("submit", "%s", tr("what shall run? give a command, --script or -f",
						   "请给出要运行的命令、--script 或 -f"));
	return res;
}

static int document(const struct opt_scan *s, struct want *w, json_t **ret)
{
	int argc = s->argc - s->at;
	char **argv = s->argv + s->at;

	return w->batched ? batch_document(argc, argv, w, ret) : file_document(argc, argv, w, ret);
}

static int dry_run(struct remote *r, const json_t *doc)
{
	_cleanup_(mem_freep) char *text = NULL;
	const char *outcome;
	json_t *got;
	int res = remote_call(r, "POST", "/v1/decisions", doc, &got, &text);

	if (res != 0)
		return res;
	outcome = out_s(got, "outcome");
	if (cmd_global.json) {
		puts(text);
		res = outcome && !strcmp(outcome, "refused") ? CMD_REFUSED : CMD_OK;
	} else {
		res = why_print(got, NULL);
	}
	json_decref(got);
	return res;
}

static int refused(const json_t *got, const char *id)
{
	const char *state = out_s(got, "state");

	if (!state || strcmp(state, "refused"))
		return CMD_OK;
	if (cmd_global.json)
		return CMD_REFUSED;
	out_safe(stderr, tr("suanlu: task %s is refused: %s\n", "suanlu: 任务 %s 被拒绝：%s\n"), id,
		 words_reason(out_s(json_object_get(got, "reason"), "code")));
	out_safe(stderr, tr("  hint: `suanlu why %s` says which rule, pool by pool\n",
			    "  提示：`suanlu why %s` 逐个资源池说明原因\n"), id);
	return CMD_REFUSED;
}

static int submit(struct remote *r, const json_t *doc, bool wait)
{
	_cleanup_(mem_freep) char *text = NULL;
	json_t *got;
	const char *id;
	int res = remote_call(r, "POST", "/v1/tasks", doc, &got, &text);

	if (res != 0)
		return res;
	id = out_s(got, "id") ? out_s(got, "id") : "?";
	if (cmd_global.json)
		puts(text);
	else
		out_safe(stdout, "%s\n", id);
	fflush(stdout);
	res = refused(got, id);
	if (res == 0 && wait)
		res = watch_task(r, id);
	json_decref(got);
	return res;
}

int cmd_submit(int argc, char **argv)
{
	struct opt_scan s = { .verb = "submit", .opts = opts, .argc = argc, .argv = argv,
			     .strict = true };
	_cleanup_(remote_freep) struct remote *r = NULL;
	struct want w = { .options = json_array() };
	json_t *doc = NULL;
	struct err err;
	int res;

	w.batched = batch_find(argc, argv, opts, &w.batch, &res, &err);
	res = w.batched && res != 0 ? fail(&err) : read_options(&s, &w);
	if (res == 0)
		res = document(&s, &w, &doc);
	if (res == 0)
		res = remote_new(&r);
	if (res == 0)
		res = w.dry ? dry_run(r, doc) : submit(r, doc, w.wait);
	json_decref(doc);
	json_decref(w.options);
	batch_done(&w.batch);
	return res < 0 ? CMD_OK : res;
}
