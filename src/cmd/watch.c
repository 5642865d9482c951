/* watch.c - follow a submission until all of it is over
 *
 * Events only say that something has moved; the figures come from the task itself, asked
 * for at most a few times a second.  Without events (an older proxy between, say) it is
 * asked every few seconds all the same.
 */

#include "cmd/watch.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/out.h"
#include "cmd/words.h"
#include "domain/task.h"

#include <signal.h>
#include <string.h>

enum { ASK_MS = 250, ASK_ANYWAY_MS = 5000, BAR = 24 };

struct watch {
	struct remote *remote;
	const char *id;
	char *path;
	bool moved, over, tty;
	int res;
	int64_t asked_ms, begun_ms;
	int64_t total, by_state[TASK_STATE_COUNT];
	char what[200];         /* of a single task: its pool or its reason */
	char last[600];
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig)
{
	interrupted = 1;
}

static void add(struct watch *w, const char *state, int64_t n)
{
	enum task_state s;

	if (state && task_state_parse(state, &s) == 0)
		w->by_state[s] += n;
}

static void count(struct watch *w, const json_t *t)
{
	const json_t *array = json_object_get(t, "array"), *v;
	const char *state, *words = NULL;

	memset(w->by_state, 0, sizeof(w->by_state));
	w->total = 1;
	w->what[0] = '\0';
	if (json_is_object(array)) {
		w->total = out_i(array, "tasks", 0);
		json_object_foreach(json_object_get(array, "states"), state, v)
			add(w, state, json_integer_value(v));
		return;
	}
	state = out_s(t, "state");
	add(w, state, 1);
	words = words_task(t);
	if (words)
		snprintf(w->what, sizeof(w->what), ": %s", words);
	else if (out_s(t, "pool"))
		snprintf(w->what, sizeof(w->what), tr(" on %s", "，%s"), out_s(t, "pool"));
}

static int64_t ended(const struct watch *w)
{
	int64_t n = 0;

	for (int s = TASK_NONE + 1; s < TASK_STATE_COUNT; s++)
		if (task_state_final((enum task_state)s))
			n += w->by_state[s];
	return n;
}

/* "3 done, 1 running, 1 waiting", or of a single task its state and why. */
static void sum_up(const struct watch *w, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	for (int s = TASK_STATE_COUNT - 1; s > TASK_NONE && n < size; s--) {
		const char *name = out_state(task_state_name((enum task_state)s));

		if (!w->by_state[s])
			continue;
		if (w->total == 1)
			n += (size_t)snprintf(out + n, size - n, "%s%s", name, w->what);
		else
			n += (size_t)snprintf(out + n, size - n, tr("%s%lld %s", "%s%lld 个%s"),
					      n ? tr(", ", "，") : "",
					      (long long)w->by_state[s], name);
	}
}

static void draw(struct watch *w)
{
	char line[500], time[OUT_TEXT_MAX], bar[BAR + 1];
	int64_t full = w->total ? ended(w) * BAR / w->total : 0;

	sum_up(w, line, sizeof(line));
	if (!w->tty) {
		if (strcmp(line, w->last))
			out_safe(stderr, "%s %s\n", w->id, line);
		snprintf(w->last, sizeof(w->last), "%s", line);
		return;
	}
	for (int64_t i = 0; i < BAR; i++)
		bar[i] = i < full ? '#' : '-';
	bar[BAR] = '\0';
	out_seconds((clock_mono_ms() - w->begun_ms) / 1000, time);
	fprintf(stderr, "\r\033[K");
	out_safe(stderr, "%s [%s] %lld/%lld  %s  %s", w->id, bar, (long long)ended(w),
		 (long long)w->total, line, time);
	fflush(stderr);
}

static void ask(struct watch *w)
{
	json_t *t = NULL;

	w->asked_ms = clock_mono_ms();
	w->moved = false;
	w->res = remote_call(w->remote, "GET", w->path, NULL, &t, NULL);
	if (w->res == 0 && t) {
		count(w, t);
		w->over = w->total > 0 && ended(w) >= w->total;
	}
	json_decref(t);
}

static bool on_event(void *arg, const struct http_event *ev)
{
	struct watch *w = arg;
	int64_t age = clock_mono_ms() - w->asked_ms;

	w->moved |= ev != NULL;
	if (interrupted)
		return true;
	if ((w->moved && age >= ASK_MS) || age >= ASK_ANYWAY_MS) {
		ask(w);
		draw(w);
	} else if (!ev && w->tty) {
		draw(w);
	}
	return w->over || w->res != 0;
}

static int outcome(const struct watch *w)
{
	if (w->by_state[TASK_DONE] == w->total)
		return CMD_OK;
	return w->by_state[TASK_REFUSED] == w->total ? CMD_REFUSED : CMD_NO;
}

static int finish(struct watch *w, int res)
{
	if (w->tty)
		fputc('\n', stderr);
	if (interrupted) {
		out_safe(stderr, tr("task %s goes on; `suanlu cancel %s` stops it\n",
				    "任务 %s 继续运行；`suanlu cancel %s` 可停止\n"), w->id, w->id);
		return CMD_INTERRUPTED;
	}
	if (w->res != 0)
		return w->res;
	return res != 0 ? res : outcome(w);
}

int watch_task(struct remote *r, const char *id)
{
	_cleanup_(mem_freep) char *path = remote_path("/v1/tasks/", id, "");
	_cleanup_(mem_freep) char *events = remote_path("/v1/tasks/", id, "/events");
	struct watch w = { .remote = r, .id = id, .path = path, .tty = out_tty(stderr) };
	struct sigaction sa = { .sa_handler = on_interrupt }, old;
	int res = 0;

	w.begun_ms = clock_mono_ms();
	sigaction(SIGINT, &sa, &old);
	ask(&w);
	if (w.res == 0)
		draw(&w);
	if (w.res == 0 && !w.over)
		res = remote_stream(r, events, on_event, &w);
	sigaction(SIGINT, &old, NULL);
	return finish(&w, res);
}
