/* local.c - runs as processes of this machine, each under a shim of its own
 *
 * What a run is lives in its directory (run_dir.h) and in its shim, so that this file
 * may vanish with the daemon at any instant and find everything again.  All calls do a
 * few operations on small local files, which is why they may be made on the loop
 * thread: what would wait - removing trees, killing what is left - is done in steps.
 *
 *   start, adopt --> STARTING --> RUNNING --> OVER --> settled, forgotten
 *                        |           |          ^
 *                        +-----------+--> REAPING  (its shim is gone: kill the rest, then LOST)
 */

#include "base/clock.h"
#include "base/fnv.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "engine/local_conf.h"
#include "engine/procs.h"
#include "engine/run_dir.h"
#include "engine/sweep.h"
#include "loop/child.h"
#include "loop/timer.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uthash.h>

enum {
	TICK_MS = 100,                  /* how late STARTED may be; only while somebody waits */
	REAP_MS = 10000,                /* then the rest hangs in the kernel, and runs no more */
};

enum state { STARTING = 1, RUNNING, REAPING, OVER };

struct run {
	char id[RUN_ID_MAX + 1];
	struct local *l;
	enum state state;
	struct child *child;            /* its shim; NULL: nobody watches it, the tick looks */
	bool shim_said_no;              /* ended by itself; else it was killed, or nobody knows */
	bool stop_wanted;
	int64_t reap_until_ms;
	struct engine_event end;        /* OVER: what to report */
	char text[RUN_TEXT_MAX];
	bool queued;                    /* for report() */
	TAILQ_ENTRY(run) link;
	UT_hash_handle hh;
};

struct local {
	struct engine engine;
	uv_loop_t *loop;
	const struct pool *pool;
	struct engine_host host;
	struct local_conf conf;
	int dirfd;
	uint32_t mark;                  /* of the directory: two daemons may use the same ids */
	struct run *runs;
	TAILQ_HEAD(, run) news;         /* runs whose state is to be reported */
	struct timer *now, *tick;
	bool ticking;
	struct sweep *sweep;
};

static void look_again(struct run *r);

/* ---- telling ---- */

/* Never from within a call of ours: the caller would be called back while it still works
 * on what it asked for. */
static void report(struct run *r)
{
	if (r->queued)
		return;
	r->queued = true;
	TAILQ_INSERT_TAIL(&r->l->news, r, link);
	timer_start(r->l->now, 0, 0);
}

static void tell(struct local *l, const struct run *r)
{
	struct engine_event ev = { .kind = ENGINE_EV_STARTED };
	_cleanup_(mem_freep) struct run_output *outputs = NULL;
	char id[RUN_ID_MAX + 1], text[sizeof(r->text)];

	if (r->state == RUNNING) {
		if (run_dir_started(l->dirfd, r->id, &ev.at_ms) < 0)
			return;
	} else if (r->state == OVER) {
		ev = r->end;
	} else {
		return;
	}
	strcpy(id, r->id);              /* the listener may settle the run, and it is gone */
	strcpy(text, r->text);
	outputs = engine_outputs_copy(&ev);
	ev.run_id = id;
	ev.text = *text ? text : NULL;
	l->host.event(l->host.arg, l->pool, &ev);
}

static void on_now(void *arg)
{
	struct local *l = arg;
	struct run *r;

	while ((r = TAILQ_FIRST(&l->news))) {
		TAILQ_REMOVE(&l->news, r, link);
		r->queued = false;
		tell(l, r);
	}
}

static void start_tick(struct local *l)
{
	if (!l->ticking)
		timer_start(l->tick, TICK_MS, TICK_MS);
	l->ticking = true;
}

/* ---- the table ---- */

static struct run *find(struct local *l, const char *run_id)
{
	struct run *r;

	HASH_FIND_STR(l->runs, run_id, r);
	return r;
}

static struct run *add(struct local *l, const char *run_id)
{
	struct run *r = mem_alloc(sizeof(*r));

	strcpy(r->id, run_id);
	r->l = l;
	r->state = STARTING;
	HASH_ADD_STR(l->runs, id, r);
	return r;
}

static void drop(struct run *r)
{
	child_forget(r->child);
	if (r->queued)
		TAILQ_REMOVE(&r->l->news, r, link);
	HASH_DEL(r->l->runs, r);
	free((void *)r->end.outputs);
	free(r);
}

/* ---- how a run ends ---- */

static void over(struct run *r, enum engine_event_kind kind, enum run_end end)
{
	r->state = OVER;
	r->end.kind = kind;
	r->end.end = end;
	report(r);
}

static void ended(struct run *r)
{
	struct err err = { .text = "" };
	enum run_end end;

	if (run_dir_result(r->l->dirfd, r->id, &r->end, r->text, sizeof(r->text), &err) != 0) {
		snprintf(r->text, sizeof(r->text), "its exit.json is damaged: %.150s", err.text);
		over(r, ENGINE_EV_LOST, RUN_END_NONE);
		return;
	}
	end = r->end.end;
	over(r, ENGINE_EV_ENDED, end);
}

/* Kill what is left and see whether that was all.  A run that is reported lost will be
 * started again, and must not then be running twice. */
static bool reaped(struct run *r)
{
	struct limits lim;
	int left;

	if (run_dir_limits(r->l->dirfd, r->id, &lim) < 0)
		return true;
	if (!lim.cgroup.version)
		return procs_kill_marked(lim.group) == 0;
	left = cgroup_kill(&lim.cgroup, lim.group);
	if (left > 0)
		return false;
	return cgroup_remove(&lim.cgroup, lim.group) != -EBUSY;
}

static void reap(struct run *r)
{
	bool all = reaped(r);

	if (!all && clock_mono_ms() < r->reap_until_ms)
		return;
	snprintf(r->text, sizeof(r->text), "its shim was killed%s",
		 all ? "" : ", and processes of it do not die");
	over(r, ENGINE_EV_LOST, RUN_END_NONE);
}

static void lost(struct run *r)
{
	log_warn("local", "run %s: its shim is gone, killing what is left of it", r->id);
	r->state = REAPING;
	r->reap_until_ms = clock_mono_ms() + REAP_MS;
	start_tick(r->l);
	reap(r);
}

/* Its shim ended before it made itself known: the run has not begun. */
static void never_began(struct run *r)
{
	if (!r->stop_wanted && !r->shim_said_no) {
		snprintf(r->text, sizeof(r->text), "its shim was killed before it began");
		over(r, ENGINE_EV_LOST, RUN_END_NONE);
		return;
	}
	if (!r->stop_wanted)
		snprintf(r->text, sizeof(r->text), "its shim could not begin");
	over(r, ENGINE_EV_ENDED, r->stop_wanted ? RUN_END_STOPPED : RUN_END_NOT_STARTED);
}

static void on_shim_end(void *arg, int status)
{
	struct run *r = arg;

	r->child = NULL;
	r->shim_said_no = status >= 0 && WIFEXITED(status);
	look_again(r);
}

/* Somebody holds the run: watch that process, and make sure afterwards that it was still
 * the holder when the watch began. */
static void follow(struct run *r, pid_t pid)
{
	pid_t still;

	if (!r->child && child_watch(r->l->loop, pid, on_shim_end, r, &r->child, NULL) == 0 &&
	    (run_dir_look(r->l->dirfd, r->id, &still) != RUN_DIR_HELD || still != pid))
		r->child = child_forget(r->child);
	if (!r->child)
		start_tick(r->l);
}

static void see_start(struct run *r)
{
	int64_t at;

	if (r->state != STARTING)
		return;
	if (run_dir_started(r->l->dirfd, r->id, &at) < 0) {
		start_tick(r->l);
		return;
	}
	r->state = RUNNING;
	report(r);
}

/* Read the state of a run that is not over from its directory. */
static void look_again(struct run *r)
{
	pid_t pid;

	switch (run_dir_look(r->l->dirfd, r->id, &pid)) {
	case RUN_DIR_HELD:
		follow(r, pid);
		see_start(r);
		return;
	case RUN_DIR_ENDED:
		r->child = child_forget(r->child);
		ended(r);
		return;
	case RUN_DIR_LOST:
		if (!r->child)          /* else it is about to write its lock, or to end */
			lost(r);
		return;
	case RUN_DIR_NEW:
		if (!r->child)
			never_began(r);
		return;
	case RUN_DIR_ABSENT:
		break;
	}
	r->child = child_forget(r->child);
	snprintf(r->text, sizeof(r->text), "its directory was removed");
	over(r, ENGINE_EV_LOST, RUN_END_NONE);
}

/* A walk over all runs, but only while one of them is in between: normally for the few
 * milliseconds that a shim takes to begin. */
static void on_tick(void *arg)
{
	struct local *l = arg;
	struct run *r, *tmp;
	bool more = false;

	HASH_ITER(hh, l->runs, r, tmp) {        /* nothing is told, so nothing is dropped */
		if (r->state == REAPING)
			reap(r);
		else if (r->state == STARTING || (r->state == RUNNING && !r->child))
			look_again(r);
		more = more || r->state == STARTING || r->state == REAPING ||
		       (r->state == RUNNING && !r->child);
	}
	if (!more) {
		timer_stop(l->tick);
		l->ticking = false;
	}
}

/* ---- the engine ---- */

static struct local *local_of(const struct engine *e)
{
	assert(e->ops == &engine_local);
	return (struct local *)e;
}

static struct engine *local_free(struct engine *e)
{
	struct local *l;
	struct run *r, *tmp;

	if (!e)
		return NULL;
	l = local_of(e);
	HASH_ITER(hh, l->runs, r, tmp)
		drop(r);
	timer_free(l->now);
	timer_free(l->tick);
	sweep_free(l->sweep);
	if (l->dirfd >= 0)
		close(l->dirfd);
	free(l);
	return NULL;
}

static int local_open(uv_loop_t *loop, const struct pool *p, const json_t *options,
		      const char *dir, const struct engine_host *host, struct engine **ret,
		      struct err *err)
{
	struct local *l = mem_alloc(sizeof(*l));
	int r;

	l->engine.ops = &engine_local;
	l->loop = loop;
	l->pool = p;
	l->host = *host;
	l->dirfd = -1;
	TAILQ_INIT(&l->news);
	r = local_conf_read(options, dir, &l->conf, err);
	if (r == 0) {
		l->dirfd = open(l->conf.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (l->dirfd < 0)
			r = err_set(err, -errno, "could not open %s: %s", dir, strerror(errno));
	}
	if (r) {
		local_free(&l->engine);
		return r;
	}
	if (!geteuid() && l->conf.limits.uid <= 0)
		log_warn("local", "jobs of pool %s are root: they can read all of this machine and leave "
			 "their limits; give the pool options.user", p->name);
	l->mark = fnv32(l->conf.dir);
	l->now = timer_new(loop, on_now, l);
	l->tick = timer_new(loop, on_tick, l);
	l->sweep = sweep_new(loop, l->dirfd, l->conf.keep_s);
	*ret = &l->engine;
	return 0;
}

static void fill_limits(const struct local *l, const struct run_spec *spec, struct limits *ret)
{
	*ret = l->conf.limits;
	ret->walltime_ms = (int64_t)spec->spec->walltime_s * 1000;
	ret->cpu_milli = spec->place->cpu_milli;
	ret->memory_mb = spec->place->memory_mb;
	snprintf(ret->group, sizeof(ret->group), "%s.%08x", spec->run_id, l->mark);
}

static int start_shim(struct run *r, struct err *err)
{
	char dir[PATH_MAX + RUN_ID_MAX + 2];
	const char *const argv[] = { "suanlu-shim", dir, NULL };
	struct child_spec c = { .file = r->l->conf.shim, .argv = argv, .stdout_fd = -1 };

	snprintf(dir, sizeof(dir), "%s/%s", r->l->conf.dir, r->id);
	return child_start(r->l->loop, &c, on_shim_end, r, &r->child, err);
}

/* What this task asks for cannot be done here: that is the end of the run, not of us. */
static void refuse(struct local *l, const char *run_id, const char *why)
{
	struct run *r = add(l, run_id);

	snprintf(r->text, sizeof(r->text), "%.*s", (int)sizeof(r->text) - 1, why);
	over(r, ENGINE_EV_ENDED, RUN_END_NOT_STARTED);
}

static int begin(struct local *l, const struct run_spec *spec, struct err *err)
{
	struct limits lim;
	struct err why;
	struct run *r;
	int e;

	if (spec->place->n > 1) {
		refuse(l, spec->run_id, "this pool runs a task on one node only");
		return 0;
	}
	fill_limits(l, spec, &lim);
	e = run_dir_write(l->dirfd, spec, &lim, &why);
	if (e > 0 || e == -ENOBUFS) {
		refuse(l, spec->run_id, why.text);
		return 0;
	}
	if (e < 0)
		return err_set(err, e, "%s", why.text);
	r = add(l, spec->run_id);
	e = start_shim(r, err);
	if (e < 0) {
		drop(r);
		return e;
	}
	start_tick(l);
	return 0;
}

static int local_start(struct engine *e, const struct run_spec *spec, struct err *err)
{
	struct local *l = local_of(e);
	struct run *r = find(l, spec->run_id);
	pid_t pid;

	if (!run_id_ok(spec->run_id))
		return err_set(err, -EINVAL, "\"%s\" is not the id of a run", spec->run_id);
	if (r) {
		report(r);
		return 0;
	}
	switch (run_dir_look(l->dirfd, spec->run_id, &pid)) {
	case RUN_DIR_ABSENT:
	case RUN_DIR_NEW:
		return engine_permit(spec, err) ? ENGINE_E_FORBIDDEN : begin(l, spec, err);
	default:
		look_again(add(l, spec->run_id));
		return 0;
	}
}

static int local_adopt(struct engine *e, const char *run_id, struct err *err)
{
	struct local *l = local_of(e);
	struct run *r = run_id_ok(run_id) ? find(l, run_id) : NULL;
	enum run_dir_state state;
	pid_t pid;

	if (r) {
		report(r);
		return 0;
	}
	state = run_dir_look(l->dirfd, run_id, &pid);
	if (state == RUN_DIR_ABSENT || state == RUN_DIR_NEW)
		return err_set(err, ENGINE_E_GONE, "run %s was never started here", run_id);
	look_again(add(l, run_id));
	return 0;
}

/* The wish is on disk before the signal: a shim that begins only now finds it.  One that is there hears
 * the signal alone, too: a job that filled the disk must not be safe from its end. */
static int local_stop(struct engine *e, const char *run_id, unsigned grace_ms, struct err *err)
{
	struct local *l = local_of(e);
	struct run *r = find(l, run_id);
	pid_t pid = 0;
	int s;

	if (!r)
		return err_set(err, ENGINE_E_GONE, "run %s is not known here", run_id);
	r->stop_wanted = true;
	if (r->state == OVER)
		report(r);
	if (r->state == OVER || r->state == REAPING)
		return 0;
	s = run_dir_put_stop(l->dirfd, run_id, grace_ms);
	run_dir_look(l->dirfd, run_id, &pid);
	if (!pid && r->child)
		pid = child_pid(r->child);
	if (pid > 0)
		kill(pid, SIGTERM);
	else if (s < 0)
		return err_set(err, s, "could not write the wish to stop run %s: %s", run_id,
			       strerror(-s));
	return 0;
}

static void local_settle(struct engine *e, const char *run_id)
{
	struct local *l = local_of(e);
	struct run *r = find(l, run_id);

	if (r && r->state != OVER)
		return;                 /* its end cannot be in the journal */
	if (r)
		drop(r);
	if (run_id_ok(run_id))
		run_dir_put_settled(l->dirfd, run_id);
}

static int local_log(struct engine *e, const char *run_id, int stream, uint64_t offset,
		     struct buf *out, uint64_t *ret_size, struct err *err)
{
	struct local *l = local_of(e);
	char path[RUN_ID_MAX + 16];
	_cleanup_(mem_closep) int fd = -1;
	struct stat st;
	pid_t pid;

	if (run_dir_look(l->dirfd, run_id, &pid) == RUN_DIR_ABSENT)
		return err_set(err, ENGINE_E_GONE, "the log of run %s is not kept any more", run_id);
	snprintf(path, sizeof(path), "%s/%s", run_id, stream == 1 ? "stdout" : "stderr");
	fd = openat(l->dirfd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		*ret_size = 0;          /* it has not begun */
		return 0;
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, -errno, "could not read the log: %s", strerror(errno));
	if (run_log_read(fd, offset, (uint64_t)st.st_size, out))
		return err_set(err, -EIO, "could not read the log");
	*ret_size = (uint64_t)st.st_size;
	return 0;
}

static json_t *local_describe(const struct engine *e)
{
	return local_conf_describe(&local_of(e)->conf);
}

const struct engine_ops engine_local = {
	.name = "local",
	.open = local_open,
	.start = local_start,
	.adopt = local_adopt,
	.stop = local_stop,
	.settle = local_settle,
	.log = local_log,
	.describe = local_describe,
	.free = local_free,
};
