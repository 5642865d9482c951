/* shim.c - suanlu-shim RUNDIR: stands over one run on this machine, daemon or no daemon
 *
 * Its own small program, libc only.  What it reads and leaves in RUNDIR, and why
 * it exists at all, is in doc/decision/0004-shim.md.  Ends with 0 when exit.json
 * is written, 2 when it could not begin, 3 when the run is or was somebody else's.
 */

#include "engine/procs.h"
#include "engine/run_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	COPY_MAX = 64 << 10,            /* the size of a pipe */
	REST_MS = 10000,                /* for killed processes to vanish; then they hang in the kernel */
	EXIT_TEXT_MAX = 1024,
	SHORT_MS = 1000,                /* a run that is cheaper to repeat than its end is to sync */
	DRAIN_MAX = 1024,               /* reads in a row: who cannot be killed must not keep us */
};

struct stream {
	const char *name;
	int in, out;                    /* in: -1 when it is over */
	uint64_t kept, dropped;
};

struct shim {
	const char *path;               /* RUNDIR, absolute */
	int dir, sig, lock;             /* the lock is held for life */
	struct limits lim;
	struct stream streams[2];
	pid_t parent;                   /* the daemon, while it lives */
	pid_t job;
	bool over;                      /* the job's first process has ended, with … */
	int status;
	const char *cause;              /* "stopped", "walltime": we ended it; NULL: we did not */
	bool termed, killed;
	int64_t kill_ms;                /* when TERM becomes KILL, once it is sent */
	int64_t begin_wall_ms, begin_ms, end_ms;
	const char *failed;             /* what the child could not do, and its errno */
	int failed_errno;
};

static int64_t now_ms(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* An fcntl lock and not flock(): asking who holds it does not take it, so the daemon's
 * question cannot make a shim that is just starting believe it is the second one. */
static int take_lock(struct shim *s)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	s->lock = openat(s->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock < 0 || fcntl(s->lock, F_SETLK, &fl) < 0)
		return -errno;
	return 0;
}

static bool have_file(const struct shim *s, const char *name)
{
	return faccessat(s->dir, name, F_OK, 0) == 0;
}

static int put_file(const struct shim *s, const char *name, const char *text, bool sync)
{
	int fd = openat(s->dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t n = strlen(text);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, n) != (ssize_t)n || (sync && fsync(fd) < 0))
		r = errno ? -errno : -ENOSPC;
	close(fd);
	return r;
}

static int sync_names(const struct shim *s)
{
	return fsync(s->dir) < 0 ? -errno : 0;
}

/* Nobody sees half of it.  A daemon that stands beside us writes the end into its journal within
 * milliseconds, for many runs at once, so ours is synced only where that cannot be relied upon:
 * when it is gone, or when the run was long enough to be a loss.  Otherwise a power cut in between
 * leaves no file, or a damaged one, and the run is lost and runs again. */
static int put_exit(const struct shim *s, const char *text, int64_t run_ms)
{
	bool sync = run_ms >= SHORT_MS || s->parent <= 1 || getppid() != s->parent;
	int r = put_file(s, "exit.tmp", text, sync);

	if (r == 0 && renameat(s->dir, "exit.tmp", s->dir, "exit.json") < 0)
		r = -errno;
	return r == 0 && sync ? sync_names(s) : r;
}

/* A small file of the run as a string, without the end of its last line; "" if there is none. */
static const char *get_word(const struct shim *s, const char *name, char *out, size_t size)
{
	int fd = openat(s->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n = -1;

	if (fd >= 0) {
		n = read(fd, out, size - 1);
		close(fd);
	}
	out[n > 0 ? n : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	return out;
}

/* ---- the end of the run, written down ---- */

static const char *phase(const struct shim *s)
{
	static const char *const names[] = { "input", "command", "output" };
	char word[16];

	get_word(s, "phase", word, sizeof(word));
	for (unsigned i = 0; i < 3; i++)
		if (strcmp(word, names[i]) == 0)
			return names[i];
	return "command";               /* a run without inputs and outputs writes no phase */
}

/* What ended it.  Our own decision comes first, then the kernel's, then the job's. */
static const char *end_name(const struct shim *s, const struct cgroup_usage *u)
{
	bool failed = s->status != 0;

	if (s->cause)
		return s->cause;
	if (failed && u->oom_kills)
		return "memory";
	return WIFSIGNALED(s->status) ? "signal" : "exit";
}

static void measure(const struct shim *s, struct cgroup_usage *u)
{
	struct rusage ru;

	cgroup_read(&s->lim.cgroup, s->lim.group, u);
	getrusage(RUSAGE_CHILDREN, &ru);
	if (u->cpu_ms < 0)
		u->cpu_ms = (ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000 +
			    (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1000;
	if (!u->memory_peak)
		u->memory_peak = (uint64_t)ru.ru_maxrss * 1024;
}

static int write_exit(const struct shim *s)
{
	const struct stream *o = &s->streams[0], *e = &s->streams[1];
	struct cgroup_usage u;
	char text[EXIT_TEXT_MAX];
	int code;

	measure(s, &u);
	code = WIFSIGNALED(s->status) ? 128 + WTERMSIG(s->status) : WEXITSTATUS(s->status);
	snprintf(text, sizeof(text),
		 "{\"end\":\"%s\",\"exit_code\":%d,\"phase\":\"%s\",\"started_ms\":%" PRId64
		 ",\"ended_ms\":%" PRId64 ",\"run_ms\":%" PRId64 ",\"cpu_ms\":%" PRId64
		 ",\"memory_peak\":%" PRIu64 ",\"out_bytes\":%" PRIu64 ",\"out_dropped\":%" PRIu64
		 "}\n",
		 end_name(s, &u), code, phase(s), s->begin_wall_ms, now_ms(CLOCK_REALTIME),
		 s->end_ms - s->begin_ms, u.cpu_ms, u.memory_peak, o->kept + e->kept,
		 o->dropped + e->dropped);
	return put_exit(s, text, s->end_ms - s->begin_ms);
}

/* The job never ran.  `why` is ours: no character in it needs escaping. */
static int write_not_started(const struct shim *s, const char *end, const char *why)
{
	char text[EXIT_TEXT_MAX];

	cgroup_remove(&s->lim.cgroup, s->lim.group);
	snprintf(text, sizeof(text),
		 "{\"end\":\"%s\",\"exit_code\":0,\"phase\":\"none\",\"ended_ms\":%" PRId64
		 ",\"text\":\"%s\"}\n", end, now_ms(CLOCK_REALTIME), why);
	return put_exit(s, text, 0) < 0 ? 2 : 0;
}

static int not_started(const struct shim *s, const char *what, int error)
{
	char why[256];

	snprintf(why, sizeof(why), "could not %s: %s", what, strerror(error));
	return write_not_started(s, "not_started", why);
}

/* ---- the job's first process ---- */

static void limit(int what, uint64_t value)
{
	struct rlimit rl = { value, value };

	setrlimit(what, &rl);           /* can only fail where less is allowed already */
}

static void set_rlimits(const struct limits *l)
{
	uint64_t cpus = ((uint64_t)l->cpu_milli + 999) / 1000;

	if ((l->rlimits & CGROUP_MEMORY) && l->memory_mb)
		limit(RLIMIT_AS, l->memory_mb << 20);
	if ((l->rlimits & CGROUP_PIDS) && l->pids)
		limit(RLIMIT_NPROC, l->pids);
	if ((l->rlimits & CGROUP_CPU) && cpus)
		limit(RLIMIT_CPU, ((uint64_t)l->walltime_ms + 999) / 1000 * cpus);
}

static int become(const struct limits *l)
{
	if (l->uid < 0)
		return 0;
	if (setgroups(l->ngroups, l->groups) < 0 || setgid((gid_t)l->gid) < 0 ||
	    setuid((uid_t)l->uid) < 0)
		return -errno;
	return 0;
}

/* The shim itself stays outside, so that the run's use is the job's alone. */
static int enter_group(const struct shim *s)
{
	return s->lim.cgroup.version ? cgroup_join(&s->lim.cgroup, s->lim.group) : 0;
}

static const char *prepare(const struct shim *s, int *ret_errno)
{
	sigset_t none;
	int r;

	setpgid(0, 0);
	r = enter_group(s);
	*ret_errno = -r;
	if (r < 0)
		return "join the control group";
	if (dup2(s->streams[0].out, 1) < 0 || dup2(s->streams[1].out, 2) < 0) {
		*ret_errno = errno;
		return "open stdout and stderr";
	}
	if (fchdir(s->dir) < 0 || chdir("work") < 0) {
		*ret_errno = errno;
		return "enter the work directory";
	}
	set_rlimits(&s->lim);
	r = become(&s->lim);
	*ret_errno = -r;
	if (r < 0)
		return "become the user of the run";
	/* Should somebody kill the shim, the job does not outlive it by much; the daemon
	 * finds the rest.  Set last: a change of user clears it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	umask(022);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	return NULL;
}

/* vfork(): the child borrows our memory until exec, so its failure is a plain variable
 * and no page tables are copied. */
static int launch(struct shim *s)
{
	char home[PATH_MAX + 16], group[CGROUP_NAME_MAX + 16];
	char *const argv[] = { (char *)"sh", (char *)"../job.sh", NULL };
	char *const env[] = {
		(char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		(char *)"LANG=C.UTF-8", home, group, NULL
	};
	volatile pid_t pid;

	snprintf(home, sizeof(home), "HOME=%s/work", s->path);
	snprintf(group, sizeof(group), "SUANLU_GROUP=%s", s->lim.group);
	pid = vfork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		s->failed = prepare(s, &s->failed_errno);
		if (!s->failed) {
			execve("/bin/sh", argv, env);
			s->failed_errno = errno;
			s->failed = "run /bin/sh";
		}
		_exit(127);
	}
	s->job = pid;
	return 0;
}

/* ---- output ---- */

static int open_stream(struct shim *s, struct stream *st, const char *name, int *ret_file)
{
	int fds[2];

	st->name = name;
	*ret_file = openat(s->dir, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (*ret_file < 0 || pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	st->in = fds[0];
	st->out = fds[1];               /* the job's end, until launch() is over */
	fcntl(st->in, F_SETFL, O_NONBLOCK);
	return 0;
}

/* What the disk does not take is dropped and counted: the job must never wait for us. */
static void keep(const struct shim *s, struct stream *st, const char *p, size_t n)
{
	size_t room = st->kept < s->lim.out_max ? (size_t)(s->lim.out_max - st->kept) : 0;
	size_t want = n < room ? n : room;
	ssize_t w;

	while (want) {
		w = write(st->out, p, want);
		if (w <= 0)
			break;
		p += w;
		n -= (size_t)w;
		want -= (size_t)w;
		st->kept += (uint64_t)w;
	}
	st->dropped += n;
}

/* One read; false when there is nothing (more) to read now. */
static bool copy(const struct shim *s, struct stream *st)
{
	static char data[COPY_MAX];
	ssize_t n;

	if (st->in < 0)
		return false;
	n = read(st->in, data, sizeof(data));
	if (n > 0) {
		keep(s, st, data, (size_t)n);
		return true;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close(st->in);
		st->in = -1;
	}
	return false;
}

/* ---- ending it ---- */

static void signal_all(const struct shim *s, int sig)
{
	kill(-s->job, sig);             /* not reaped yet, so the number is still its own */
	if (!s->lim.cgroup.version)
		return;
	if (sig == SIGKILL)
		cgroup_kill(&s->lim.cgroup, s->lim.group);
	else
		cgroup_signal(&s->lim.cgroup, s->lim.group, sig);
}

/* The first cause stays; a later one may only shorten the grace. */
static void end_job(struct shim *s, const char *cause, int64_t grace_ms)
{
	int64_t at = now_ms(CLOCK_MONOTONIC) + grace_ms;

	if (!s->cause)
		s->cause = cause;
	if (!s->termed) {
		s->termed = true;
		s->kill_ms = at;
		/* A stopped process could not hear TERM. */
		signal_all(s, SIGTERM);
		signal_all(s, SIGCONT);
	} else if (at < s->kill_ms) {
		s->kill_ms = at;
	}
}

static int64_t stop_grace(const struct shim *s)
{
	char word[24], *end;
	long long v;

	get_word(s, "stop", word, sizeof(word));
	v = strtoll(word, &end, 10);
	return end != word && !*end && v >= 0 && v < INT32_MAX ? v : s->lim.grace_ms;
}

/* Collect whoever has ended.  False when no child is left at all. */
static bool reap(struct shim *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == s->job) {
			s->over = true;
			s->status = status;
			s->end_ms = now_ms(CLOCK_MONOTONIC);
		}
	return pid == 0;
}

static void read_signals(struct shim *s)
{
	struct signalfd_siginfo si;

	while (read(s->sig, &si, sizeof(si)) == (ssize_t)sizeof(si))
		if (si.ssi_signo == SIGTERM)
			end_job(s, "stopped", stop_grace(s));
}

/* Do what is due; returns the milliseconds until there is more to do. */
static int deadlines(struct shim *s)
{
	int64_t now = now_ms(CLOCK_MONOTONIC), at = s->begin_ms + s->lim.walltime_ms;

	if (!s->termed && now >= at)
		end_job(s, "walltime", s->lim.grace_ms);
	if (s->termed) {
		at = s->kill_ms;
		if (now >= at) {
			signal_all(s, SIGKILL);
			at = now + 100;         /* again: a fork may have slipped through */
		}
	}
	return at - now > INT32_MAX ? INT32_MAX : at > now ? (int)(at - now) : 0;
}

static void watch(struct shim *s)
{
	while (!s->over) {
		struct pollfd fds[3] = {
			{ .fd = s->sig, .events = POLLIN },
			{ .fd = s->streams[0].in, .events = POLLIN },
			{ .fd = s->streams[1].in, .events = POLLIN },
		};

		poll(fds, 3, deadlines(s));
		for (unsigned i = 0; i < 2; i++)
			if (fds[i + 1].revents)
				copy(s, &s->streams[i]);
		if (fds[0].revents)
			read_signals(s);
		reap(s);
	}
}

/* Whatever the job left behind ends with it.  Without a control group it is found as our
 * children: whatever session or group they made for themselves, we are their subreaper. */
static void kill_rest(struct shim *s)
{
	int64_t until = now_ms(CLOCK_MONOTONIC) + REST_MS;
	struct timespec nap = { 0, 200000 };

	while (reap(s) && now_ms(CLOCK_MONOTONIC) < until) {
		if (cgroup_kill(&s->lim.cgroup, s->lim.group) <= 0)
			procs_kill_children(getpid());
		for (unsigned i = 0; i < DRAIN_MAX; i++)
			if (!copy(s, &s->streams[0]) & !copy(s, &s->streams[1]))
				break;
		nanosleep(&nap, NULL);
		if (nap.tv_nsec < 20000000)
			nap.tv_nsec *= 2;
	}
	/* No writer is left, unless one hangs in the kernel: what can be read now is all. */
	for (unsigned i = 0; i < DRAIN_MAX; i++)
		if (!copy(s, &s->streams[0]) & !copy(s, &s->streams[1]))
			break;
}

/* ---- the whole run ---- */

static int block_signals(struct shim *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);        /* these three only so that they do not end us */
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->sig = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->sig < 0 ? -errno : 0;
}

static int make_group(const struct shim *s)
{
	struct cgroup_limits l = {
		.cpu_milli = s->lim.cpu_milli,
		.memory_bytes = s->lim.memory_mb << 20,
		.pids = s->lim.pids,
	};

	return s->lim.cgroup.version ? cgroup_make(&s->lim.cgroup, s->lim.group, &l) : 0;
}

/* From here on the run counts as started, whatever happens: that this file is there keeps it from
 * ever being started twice, so its name is synced; of its text nothing depends. */
static int write_started(struct shim *s)
{
	char text[64];
	int r;

	s->begin_wall_ms = now_ms(CLOCK_REALTIME);
	snprintf(text, sizeof(text), "%d %" PRId64 "\n", (int)getpid(), s->begin_wall_ms);
	r = put_file(s, "started", text, false);
	return r < 0 ? r : sync_names(s);
}

static int begin_job(struct shim *s)
{
	static const char *const names[] = { "stdout", "stderr" };
	int file[2], r;

	for (unsigned i = 0; i < 2; i++) {
		r = open_stream(s, &s->streams[i], names[i], &file[i]);
		if (r < 0)
			return not_started(s, "open stdout and stderr", -r);
	}
	r = make_group(s);
	if (r < 0)
		return not_started(s, "make the control group", -r);
	r = write_started(s);
	if (r < 0)
		return not_started(s, "write the file started", -r);
	s->begin_ms = now_ms(CLOCK_MONOTONIC);
	r = launch(s);
	for (unsigned i = 0; i < 2; i++) {
		close(s->streams[i].out);
		s->streams[i].out = file[i];
	}
	if (r < 0)
		return not_started(s, "make a process", -r);
	if (s->failed) {
		waitpid(s->job, NULL, 0);
		return not_started(s, s->failed, s->failed_errno);
	}
	return -1;
}

/* -1 while all is well, else the shim's own exit code. */
static int begin(struct shim *s)
{
	int r;

	close_range(3, ~0U, 0);         /* nothing of whoever started us */
	if (s->path[0] != '/' || chdir(s->path) < 0)
		return 2;
	s->dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0 || block_signals(s) < 0)
		return 2;
	if (take_lock(s) < 0 || have_file(s, "exit.json") || have_file(s, "started"))
		return 3;
	r = limits_load(s->dir, &s->lim);
	if (r < 0)
		return not_started(s, "read the file limits", -r);
	if (have_file(s, "stop"))
		return write_not_started(s, "stopped", "stopped before it began");
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return not_started(s, "adopt stray processes", errno);
	return begin_job(s);
}

int main(int argc, char **argv)
{
	static struct shim s;
	int r;

	if (argc != 2) {
		fprintf(stderr, "usage: suanlu-shim RUNDIR\n");
		return 2;
	}
	s.path = argv[1];
	s.parent = getppid();
	r = begin(&s);
	if (r >= 0)
		return r;
	watch(&s);
	kill_rest(&s);
	r = write_exit(&s);
	cgroup_remove(&s.lim.cgroup, s.lim.group);
	return r < 0 ? 2 : 0;
}
