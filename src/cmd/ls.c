/* ls.c - `suanlu ls`: tasks as a table, newest first */

#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/opt.h"
#include "cmd/out.h"
#include "cmd/remote.h"
#include "cmd/words.h"

#include <stdlib.h>
#include <string.h>

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 100000, PAGE = 1000, O_ARRAY = 256, O_NAME, O_KIND, O_POOL };

static const char alive[] = "submitted,waiting,sending,queued,running";

static const struct opt opts[] = {
	{ 'a', "all", NULL, "ended tasks too", "包括已结束的任务" },
	{ 's', "state", "A,B", "only tasks in these states", "只列出这些状态的任务" },
	{ O_ARRAY, "array", "ID", "the elements of one array", "只列出某个数组的成员" },
	{ O_NAME, "name", "NAME", "only tasks of this name", "只列出此名称的任务" },
	{ O_KIND, "kind", "KIND", "only tasks of this kind", "只列出此类任务" },
	{ O_POOL, "pool", "POOL", "only tasks of this pool", "只列出此资源池的任务" },
	{ 'n', "limit", "N", "at most so many, default 50", "最多列出多少个，默认 50" },
	{ 0, NULL, NULL, NULL, NULL },
};

struct filter {
	struct buf query;       /* without limit and before */
	int64_t limit;
};

static void add(struct filter *f, const char *key, const char *value)
{
	buf_printf(&f->query, "&%s=", key);
	http_put_part(&f->query, value);
}

/* Without a word about states, what is over is left out. */
static int read_options(int argc, char **argv, struct filter *f)
{
	struct opt_scan s = { .verb = "ls", .opts = opts, .argc = argc, .argv = argv };
	bool stated = false;
	int key;

	while ((key = opt_next(&s)) >= 0) {
		stated |= key == 'a' || key == 's' || key == O_ARRAY;
		if (key == 'n' && text_i64(s.value, 1, LIMIT_MAX, &f->limit) != 0)
			return opt_usage("ls", tr("--limit is a number from 1 to %d",
						  "--limit 应为 1 到 %d 的数字"), LIMIT_MAX);
		if (key == 's')
			add(f, "state", s.value);
		else if (key >= O_ARRAY)
			add(f, key == O_ARRAY ? "array" : key == O_NAME ? "name" :
			    key == O_KIND ? "kind" : "pool", s.value);
	}
	if (key != OPT_END)
		return key == OPT_HELP ? -1 : CMD_USAGE;
	if (s.at < argc)
		return opt_usage("ls",
				 tr("\"%.40s\" is too much; one task is shown by `suanlu show`",
					  "多余的参数 “%.40s”；查看单个任务请用 `suanlu show`"),
				 argv[s.at]);
	if (!stated)
		add(f, "state", alive);
	return 0;
}

static struct out_table *table(void)
{
	struct out_table *t = out_table_new();

	out_column(t, tr("ID", "编号"), OUT_RIGHT);
	out_column(t, tr("NAME", "名称"), OUT_TRUNC);
	out_column(t, tr("STATE", "状态"), OUT_LEFT);
	out_column(t, tr("POOL", "资源池"), OUT_LEFT);
	out_column(t, tr("WHY", "原因"), OUT_TRUNC);
	out_column(t, tr("WAIT", "等待"), OUT_RIGHT);
	out_column(t, tr("RUN", "运行"), OUT_RIGHT);
	out_column(t, tr("COST", "费用"), OUT_RIGHT);
	out_column(t, tr("CARBON", "碳排放"), OUT_RIGHT);
	return t;
}

static void seconds(struct out_table *t, const json_t *task, const char *key)
{
	char text[OUT_TEXT_MAX];
	int64_t s = out_i(task, key, -1);

	out_cell(t, s < 0 ? NULL : out_seconds(s, text));
}

static void row(struct out_table *t, const json_t *task)
{
	const char *state = out_s(task, "state"), *why = words_task(task);
	char text[OUT_TEXT_MAX], choice[WORDS_MAX];

	out_row(t);
	out_cell(t, out_s(task, "id"));
	out_cell(t, out_s(task, "name"));
	out_cell_style(t, out_state(state), out_state_style(state));
	out_cell(t, out_s(task, "pool"));
	out_cell(t, why ? why : words_choice(task, choice));
	seconds(t, task, "wait_s");
	seconds(t, task, "run_s");
	out_cell(t, out_i(task, "attempt", 0) ? out_yuan(out_i(task, "cost_micro", 0),
							 text) : NULL);
	out_cell(t, out_i(task, "attempt", 0) ? out_carbon(out_i(task, "carbon_mg", 0),
							   text) : NULL);
}

/* The tasks before (older than) one of them; NULL: the newest. */
static int page(struct remote *r, const struct filter *f, int64_t n, const char *before,
		json_t **ret)
{
	_cleanup_(mem_freep) char *path = NULL;
	struct buf b;

	buf_init(&b, 64 << 10);
	buf_printf(&b, "/v1/tasks?limit=%lld", (long long)n);
	buf_add(&b, f->query.data, f->query.len);
	if (before) {
		buf_str(&b, "&before=");
		http_put_part(&b, before);
	}
	path = mem_strdup(b.data);
	buf_done(&b);
	return remote_get(r, path, ret);
}

static void nothing(const struct filter *f)
{
	puts(strstr(f->query.data, "state=submitted%2C")
	     ? tr("no task is waiting or running (suanlu ls --all lists ended ones)",
		  "没有等待或运行中的任务（suanlu ls --all 列出已结束的任务）")
	     : tr("no such task", "没有符合条件的任务"));
}

/* With --json the first page is printed, at most PAGE tasks: its `next` leads on. */
static int list(struct remote *r, const struct filter *f)
{
	struct out_table *t = cmd_global.json ? NULL : table();
	_cleanup_(mem_freep) char *before = NULL;
	int64_t left = f->limit, rows = 0;
	int res = 0;

	while (left > 0) {
		json_t *doc = NULL, *tasks, *task;
		size_t i;

		res = page(r, f, left < PAGE ? left : PAGE, before, &doc);
		if (res != 0 || !doc)
			break;
		tasks = json_object_get(doc, "tasks");
		json_array_foreach(tasks, i, task)
			row(t, task);
		rows += (int64_t)json_array_size(tasks);
		left -= (int64_t)json_array_size(tasks);
		free(before);
		before = mem_strdup(out_s(doc, "next"));
		if (!json_array_size(tasks))
			left = 0;
		json_decref(doc);
		if (!before)
			break;
	}
	if (t && rows)
		t = out_table_print(t);
	else if (t && res == 0)
		nothing(f);
	out_table_free(t);
	if (res == 0 && rows && before && !cmd_global.json)
		fprintf(stderr, tr("there are more: --limit N lists them\n",
				   "还有更多任务：用 --limit N 列出\n"));
	return res;
}

int cmd_ls(int argc, char **argv)
{
	_cleanup_(remote_freep) struct remote *r = NULL;
	struct filter f = { .limit = LIMIT_DEFAULT };
	int res;

	buf_init(&f.query, 32 << 10);
	res = read_options(argc, argv, &f);
	if (res == 0)
		res = remote_new(&r);
	if (res == 0)
		res = list(r, &f);
	buf_done(&f.query);
	return res < 0 ? CMD_OK : res;
}
