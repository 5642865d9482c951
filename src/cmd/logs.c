/* logs.c - `suanlu logs`: what a task wrote, and what it is writing */

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/opt.h"
#include "cmd/out.h"
#include "cmd/remote.h"

#include <string.h>

enum { O_STDERR = 256, O_ATTEMPT, PIECE = 1 << 20 };

static const struct opt opts[] = {
	{ 'f', "follow", NULL, "go on until the task is over", "持续输出直到任务结束" },
	{ O_STDERR, "stderr", NULL, "standard error instead of output", "显示标准错误而非标准输出" },
	{ O_ATTEMPT, "attempt", "N", "of an earlier run, 1 is the first", "查看较早的运行，1 为第一次" },
	{ 0, NULL, NULL, NULL, NULL },
};

struct want {
	const char *id;
	bool follow, err;
	int64_t attempt;        /* 0: the last */
};

static char *path_of(const struct want *w, int64_t attempt, const char *tail)
{
	char after[160], number[40] = "";

	if (attempt)
		snprintf(number, sizeof(number), "&attempt=%lld", (long long)attempt);
	snprintf(after, sizeof(after), "/logs?stream=%s%s%s", w->err ? "stderr" : "stdout", number,
		 tail);
	return remote_path("/v1/tasks/", w->id, after);
}

/* Piece by piece from *offset until there is no more now. */
static int print(struct remote *r, const struct want *w, int64_t attempt, int64_t *offset)
{
	bool more = true;
	int res = 0;

	while (res == 0 && more) {
		_cleanup_(mem_freep) char *path = NULL;
		struct http_answer a;
		char tail[64];

		snprintf(tail, sizeof(tail), "&offset=%lld&limit=%d", (long long)*offset, PIECE);
		path = path_of(w, attempt, tail);
		res = remote_raw(r, path, &a);
		more = res == 0 && a.body.len && a.log_offset > *offset &&
		       a.log_offset < a.log_size;
		if (res == 0 && fwrite(a.body.data, 1, a.body.len, stdout) != a.body.len)
			more = false;
		if (res == 0 && a.log_offset > *offset)
			*offset = a.log_offset;
		http_answer_done(&a);
	}
	fflush(stdout);
	return res;
}

/* Events say that something was written; the bytes are asked for by offset, so that they
 * come once and unchanged, also when the connection breaks and begins again. */
struct follow {
	struct remote *remote;
	const struct want *want;
	int64_t attempt, offset;        /* the run that is printed, and how far */
	int res;
};

static void news(struct follow *f, const json_t *doc)
{
	int64_t attempt = out_i(doc, "attempt", 0), offset = out_i(doc, "offset", 0);

	if (attempt < f->attempt || (attempt == f->attempt && offset < f->offset))
		return;
	if (attempt > f->attempt && f->attempt)
		f->res = print(f->remote, f->want, f->attempt, &f->offset);
	if (attempt > f->attempt)
		f->offset = 0;
	f->attempt = attempt;
	if (f->res == 0)
		f->res = print(f->remote, f->want, attempt, &f->offset);
}

static bool on_event(void *arg, const struct http_event *ev)
{
	struct follow *f = arg;
	json_t *doc;

	if (!ev)
		return ferror(stdout);
	if (!strcmp(ev->kind, "end")) {
		f->res = print(f->remote, f->want, f->attempt, &f->offset);
		return true;
	}
	if (!strcmp(ev->kind, "log") && json_parse(ev->data, ev->len, &doc, NULL) == 0) {
		news(f, doc);
		json_decref(doc);
	}
	return f->res != 0 || ferror(stdout);
}

static int follow(struct remote *r, const struct want *w)
{
	struct follow f = { .remote = r, .want = w, .attempt = w->attempt };
	_cleanup_(mem_freep) char *path = path_of(w, w->attempt, "&follow=1");
	int res = remote_stream(r, path, on_event, &f);

	return res != 0 ? res : f.res;
}

int cmd_logs(int argc, char **argv)
{
	struct opt_scan s = { .verb = "logs", .opts = opts, .argc = argc, .argv = argv };
	_cleanup_(remote_freep) struct remote *r = NULL;
	struct want w = { .id = NULL };
	int64_t offset = 0;
	int key, res;

	while ((key = opt_next(&s)) >= 0) {
		w.follow |= key == 'f';
		w.err |= key == O_STDERR;
		if (key == O_ATTEMPT && text_i64(s.value, 1, 1000, &w.attempt) != 0)
			return opt_usage("logs", "%s", tr("--attempt is a number from 1 on",
							  "--attempt 应为从 1 开始的数字"));
	}
	if (key != OPT_END)
		return key == OPT_HELP ? CMD_OK : CMD_USAGE;
	if (argc - s.at != 1)
		return opt_usage("logs", "%s", tr("give the id of one task", "请给出一个任务编号"));
	w.id = argv[s.at];
	res = remote_new(&r);
	if (res != 0)
		return res;
	return w.follow ? follow(r, &w) : print(r, &w, w.attempt, &offset);
}
