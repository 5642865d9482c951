/* export.c - `suanlu export`: what a node has seen, to be replayed by `suanlu plan`
 *
 * A client of GET /v1/history like any other: it gets what its token may see.  The file is
 * whole or not there: it is written beside its place and renamed.  JSONL begins with a line
 * that says the format and ends with one that says how many tasks there are.
 */

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/opt.h"
#include "cmd/out.h"
#include "cmd/remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAGE = 500, FORMAT = 1, GROUPS_MAX = 256,  O_SINCE = 256, O_UNTIL, O_CSV };

static const struct opt opts[] = {
	{ 'o', "output", "FILE", "write there (standard output)", "写入此文件（默认标准输出）" },
	{ O_SINCE, "since", "TIME", "submitted at this time or later, 2026-11-23T09:00:00+08:00",
	  "只含此时刻及之后提交的任务，如 2026-11-23T09:00:00+08:00" },
	{ O_UNTIL, "until", "TIME", "submitted before this time", "只含此时刻之前提交的任务" },
	{ O_CSV, "csv", NULL, "a task list for `suanlu simulate`: only tasks that ran",
	  "供 `suanlu simulate` 使用的任务列表：只含运行过的任务" },
	{ 0, NULL, NULL, NULL, NULL },
};

struct export {
	const char *path;
	char *part;             /* where it is written until it is whole */
	FILE *file;
	int64_t since_ms, until_ms;
	bool csv, bar;
	bool early;             /* all of this page was submitted before since_ms */
	uint64_t written, left_out;
};

/* ---- options ---- */

static int set_time(const char *name, const char *text, int64_t *ret)
{
	if (clock_parse(text, ret))
		return opt_usage("export",
				 tr("--%s is a time such as 2026-11-23T09:00:00+08:00, not \"%.40s\"",
				    "--%s 应为 2026-11-23T09:00:00+08:00 这样的时刻，不能是 “%.40s”"),
				 name, text);
	return 0;
}

static int read_options(struct export *x, int argc, char **argv)
{
	struct opt_scan s = { .verb = "export", .opts = opts, .argc = argc, .argv = argv };
	int key, res = 0;

	while (!res && (key = opt_next(&s)) != OPT_END) {
		if (key == OPT_BAD || key == OPT_HELP)
			return key == OPT_HELP ? -1 : CMD_USAGE;
		if (key == 'o')
			x->path = s.value;
		else if (key == O_CSV)
			x->csv = true;
		else
			res = key == O_SINCE ? set_time("since", s.value, &x->since_ms)
					     : set_time("until", s.value, &x->until_ms);
	}
	if (!res && s.at < argc)
		return opt_usage("export", tr("\"%.40s\" is too much", "多余的参数 “%.40s”"),
				 argv[s.at]);
	return res;
}

/* ---- the file ---- */

static int could_not_write(const struct export *x)
{
	out_safe(stderr,
		 tr("suanlu export: could not write %s: %s\n", "suanlu export：无法写出 %s：%s\n"),
		 x->path ? x->path : tr("the output", "结果"), strerror(errno));
	return CMD_INTERNAL;
}

static int begin(struct export *x)
{
	struct buf b;

	x->file = stdout;
	if (!x->path)
		return 0;
	buf_init(&b, 8192);
	buf_printf(&b, "%s.part", x->path);
	x->part = mem_strdup(b.data);
	buf_done(&b);
	x->file = fopen(x->part, "we");
	return x->file ? 0 : could_not_write(x);
}

static int finish(struct export *x, int res)
{
	bool bad;

	if (!x->path || !x->file)
		return res;
	bad = ferror(x->file) || fflush(x->file) || fsync(fileno(x->file));
	bad |= fclose(x->file) != 0;
	if (!res && (bad || rename(x->part, x->path)))
		res = could_not_write(x);
	if (res)
		unlink(x->part);
	return res;
}

/* ---- lines ---- */

static void put_line(struct export *x, const json_t *v)
{
	json_dumpf(v, x->file, JSON_COMPACT | JSON_REAL_PRECISION(15));
	putc('\n', x->file);
}

static json_t *alike(const json_t *list, const json_t *like)
{
	json_t *known;
	size_t i;

	json_array_foreach(list, i, known)
		if (json_equal(json_object_get(known, "like"), like))
			return known;
	return NULL;
}

/* Of nodes that are alike, wherever they stand, one group. */
static json_t *merged(const json_t *groups)
{
	json_t *out = json_array(), *g, *known;
	size_t i;

	json_array_foreach(groups, i, g) {
		json_t *like = json_copy(g);

		json_object_del(like, "count");
		known = alike(out, like);
		if (!known) {
			known = json_pack("{s:O, s:I}", "like", like, "count", (json_int_t)0);
			json_array_append_new(out, known);
		}
		json_object_set_new(known, "count", json_integer(out_i(known, "count", 0) +
								 out_i(g, "count", 1)));
		json_decref(like);
	}
	json_array_foreach(out, i, known) {
		json_object_update(known, json_object_get(known, "like"));
		json_object_del(known, "like");
	}
	return out;
}

/* Some engines tell what nodes a pool has; then no configuration does. */
static int put_pools(struct export *x, struct remote *r)
{
	_cleanup_(mem_freep) char *path = mem_strdup("/v1/pools?limit=100");
	json_t *page = NULL, *p;
	int res = 0;
	size_t i;

	while (!res && path && !x->csv) {
		res = remote_call(r, "GET", path, NULL, &page, NULL);
		json_array_foreach(json_object_get(page, "pools"), i, p) {
			json_t *groups = merged(json_object_get(p, "groups"));
			json_t *line = json_pack("{s:s, s:o}", "pool", out_s(p, "name"), "groups",
						 groups);

			if (json_array_size(groups) && json_array_size(groups) <= GROUPS_MAX)
				put_line(x, line);
			json_decref(line);
		}
		free(path);
		path = out_s(page, "next") ? remote_path("/v1/pools?limit=100&after=",
							 out_s(page, "next"), "") : NULL;
		json_decref(page);
		page = NULL;
	}
	return res;
}

static void put_head(struct export *x, const json_t *page)
{
	char now[CLOCK_TEXT_MAX];
	json_t *head;

	if (x->csv) {
		fputs("name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,submit_s,run_s\n",
		      x->file);
		return;
	}
	head = json_pack("{s:i, s:s*, s:s}", "suanlu_history", FORMAT, "node", out_s(page, "node"),
			 "exported_at", clock_format(clock_now_ms(), now));
	put_line(x, head);
	json_decref(head);
}

static double number(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

/* The simulator knows one machine per task and counts of devices. */
static bool fits_csv(const json_t *t, const json_t *run, const json_t *accel)
{
	return out_i(run, "run_ms", -1) >= 0 && out_i(t, "nodes", 1) == 1 &&
	       (!accel || out_i(accel, "count", 0) > 0);
}

static void put_csv(struct export *x, const json_t *t, int64_t submitted_ms)
{
	const json_t *run = json_object_get(t, "run"), *accel = json_object_get(t, "accelerators");
	const json_t *models = json_object_get(accel, "models"), *share, *m;
	const char *bar = "";
	size_t i;

	if (!fits_csv(t, run, accel)) {
		x->left_out++;
		return;
	}
	share = json_object_get(accel, "share");
	fprintf(x->file, "%s,%.0f,%lld,%lld,", out_s(t, "id"), number(t, "cpus") * 1000,
		(long long)out_i(t, "memory_mb", 0), (long long)out_i(accel, "count", 0));
	fprintf(x->file, "%.0f,", !accel ? 0 : share ? json_number_value(share) * 1000 : 1000);
	json_array_foreach(models, i, m) {
		fprintf(x->file, "%s%s", bar, json_string_value(m));
		bar = "|";
	}
	fprintf(x->file, ",%lld,%lld\n", (long long)(submitted_ms / 1000),
		(long long)(out_i(run, "run_ms", 0) + 999) / 1000);
	x->written++;
}

static void put_task(struct export *x, const json_t *t)
{
	const char *at = out_s(t, "submitted_at");
	int64_t ms = 0;

	if (!at || clock_parse(at, &ms)) {
		x->left_out++;
		return;
	}
	x->early &= ms < x->since_ms;
	if (ms < x->since_ms || (x->until_ms && ms >= x->until_ms))
		return;
	if (x->csv) {
		put_csv(x, t, ms);
	} else {
		put_line(x, t);
		x->written++;
	}
}

static void put_tail(struct export *x)
{
	if (!x->csv)
		fprintf(x->file, "{\"end\":true,\"tasks\":%llu}\n", (unsigned long long)x->written);
}

/* ---- pages ---- */

static void bar(const struct export *x, int64_t next, int64_t first)
{
	enum { WIDTH = 30 };
	double part = first > 0 ? 1 - (double)next / (double)first : 1;
	int full = (int)(part * WIDTH);

	if (x->bar)
		fprintf(stderr, "\r\033[K[%.*s%*s] %3.0f %%  %llu", full,
			"##############################", WIDTH - full, "", part * 100,
			(unsigned long long)x->written);
}

static int known_format(const json_t *page)
{
	if (out_i(page, "format", 0) == FORMAT)
		return 0;
	out_safe(stderr, tr("suanlu export: the daemon speaks format %lld of the history, this "
			    "command knows %d; use the command of its version\n",
			    "suanlu export：守护进程的历史格式为 %lld，本命令只认识 %d；请使用与其"
			    "同版本的命令\n"),
		 (long long)out_i(page, "format", 0), FORMAT);
	return CMD_INTERNAL;
}

static int pages(struct export *x, struct remote *r)
{
	char path[128] = "";
	int64_t next = 0, first = 0;
	bool begun = false;
	int res = 0;

	while (!res && next >= 0 && !x->early) {
		json_t *page = NULL, *t;
		size_t i;

		snprintf(path, sizeof(path), "/v1/history?limit=%d", PAGE);
		if (begun)
			snprintf(path + strlen(path), sizeof(path) - strlen(path), "&before=%lld",
				 (long long)next);
		res = remote_call(r, "GET", path, NULL, &page, NULL);
		if (!res)
			res = known_format(page);
		if (!res && !begun) {
			put_head(x, page);
			res = put_pools(x, r);
		}
		begun = true;
		x->early = json_array_size(json_object_get(page, "tasks")) > 0;
		if (!res)
			json_array_foreach(json_object_get(page, "tasks"), i, t)
				put_task(x, t);
		next = out_i(page, "next", -1);
		first = first ? first : next + PAGE;
		json_decref(page);
		bar(x, next < 0 ? 0 : next, first);
	}
	if (x->bar)
		fputs("\r\033[K", stderr);
	return res;
}

static void say(const struct export *x)
{
	if (x->left_out)
		fprintf(stderr,
			tr("%llu task(s) left out: they did not run, need several nodes, or name a "
			   "need instead of devices\n",
			   "略去 %llu 个任务：未运行、需要多个节点，或只给出算力需求而非设备数\n"),
			(unsigned long long)x->left_out);
	if (x->path)
		fprintf(stderr, tr("%llu task(s) written to %s\n", "已将 %llu 个任务写入 %s\n"),
			(unsigned long long)x->written, x->path);
}

int cmd_export(int argc, char **argv)
{
	_cleanup_(remote_freep) struct remote *r = NULL;
	struct export x = { .path = NULL };
	int res = read_options(&x, argc, argv);

	if (res)
		return res < 0 ? CMD_OK : res;
	x.bar = out_tty(stderr) && (x.path || !out_tty(stdout));
	res = remote_new(&r);
	res = res ? res : begin(&x);
	if (!res)
		res = pages(&x, r);
	if (!res)
		put_tail(&x);
	res = finish(&x, res);
	if (!res)
		say(&x);
	free(x.part);
	return res;
}
