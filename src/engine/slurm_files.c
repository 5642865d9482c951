/* slurm_files.c - the shared directory of a Slurm pool, from a thread of its own
 *
 * A network file system may hang, so the loop never touches it.
 */

#include "engine/slurm.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/run_dir.h"
#include "engine/slurm_script.h"
#include "engine/sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PROBE_MS = 2000,
	HANG_MS = 5000,                 /* an answer of the shared directory may take so long */
	SWEEP_EVERY_MS = 60 * 1000,
	SWEEP_CALLS = 2000,             /* of the file system, in one go */
	UNSETTLED_MAX = 32,             /* likewise: directories that are asked about */
};

enum job_kind { JOB_LOOK = 1, JOB_MAKE, JOB_CLAIM, JOB_TAKE, JOB_SETTLED, JOB_GIVEN_UP, JOB_PROBE };

/* In a `started` that the daemon made, where a job writes its number. */
static const char by_daemon[] = "taken\n";

/* Filled in by the loop, answered by the thread, read by the loop. */
struct job {
	struct worker_job worker;
	struct slurm *s;                /* only for the loop: a thread that hangs may outlive it */
	enum job_kind kind;
	char *dir;
	int64_t keep_s;
	uid_t uid;                      /* whose its directory is to be; 0: ours */
	long sweep_at;                  /* where the walk goes on */
	bool sweep;
	unsigned nunsettled;
	char (*unsettled)[RUN_ID_MAX + 1];
	char run_id[RUN_ID_MAX + 1];
	enum slurm_file what;
	uint64_t holder;
	struct engine_event ev;
	char text[RUN_TEXT_MAX];
};

/* ---- on the thread ---- */

static bool mtime_of(int dirfd, const char *run_id, const char *file, int64_t *ret_ms)
{
	char path[RUN_ID_MAX + 32];
	struct stat st;

	snprintf(path, sizeof(path), "%.64s/%.16s", run_id, file);
	if (fstatat(dirfd, path, &st, 0))
		return false;
	*ret_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
	return true;
}

/* "0m1.25s" */
static int64_t minutes_ms(const char *s)
{
	double min = 0, sec = 0;

	return sscanf(s, "%lfm%lfs", &min, &sec) == 2 && min >= 0 && min < 1e9
		? (int64_t)((min * 60 + sec) * 1000) : 0;
}

/* The second line of `times`, before the JSON: user and system time of what the script started. */
static int64_t cpu_ms(int dirfd, const char *run_id)
{
	char text[200], user[40] = "", sys[40] = "", *line;

	if (run_dir_text(dirfd, run_id, "exit.json", text, sizeof(text)))
		return 0;
	line = strchr(text, '\n');
	if (!line || sscanf(line, "%39s %39s", user, sys) != 2)
		return 0;
	return minutes_ms(user) + minutes_ms(sys);
}

static uint64_t size_of(int dirfd, const char *run_id, const char *file)
{
	char path[RUN_ID_MAX + 32];
	struct stat st;

	snprintf(path, sizeof(path), "%.64s/%.16s", run_id, file);
	return fstatat(dirfd, path, &st, 0) ? 0 : (uint64_t)st.st_size;
}

static void measure(struct job *j, int dirfd)
{
	int64_t from = 0, to = 0;

	if (mtime_of(dirfd, j->run_id, "started", &from) &&
	    mtime_of(dirfd, j->run_id, "exit.json", &to) && to >= from)
		j->ev.usage.run_ms = to - from;
	j->ev.usage.cpu_ms = cpu_ms(dirfd, j->run_id);
	j->ev.usage.out_bytes = size_of(dirfd, j->run_id, "stdout") +
		size_of(dirfd, j->run_id, "stderr");
	j->ev.at_ms = to;
}

static void look(struct job *j, int dirfd)
{
	char path[RUN_ID_MAX + 32], started[32] = "";
	struct stat st;
	struct err err;

	j->what = SLURM_FILE_NONE;
	snprintf(path, sizeof(path), "%.64s/started", j->run_id);
	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW)) {
		if (errno != ENOENT)
			j->what = SLURM_FILE_ERROR;
		return;
	}
	j->what = SLURM_FILE_BEGUN;
	if (S_ISREG(st.st_mode) &&
	    run_dir_text(dirfd, j->run_id, "started", started, sizeof(started)) == 0)
		j->holder = strtoull(started, NULL, 10);
	if (!j->holder && st.st_uid == geteuid() && !strcmp(started, by_daemon)) {
		j->what = SLURM_FILE_TAKEN;
		return;
	}
	if (run_dir_result(dirfd, j->run_id, &j->ev, j->text, sizeof(j->text), &err))
		return;         /* not there, or not whole yet */
	j->ev.kind = ENGINE_EV_ENDED;
	j->what = SLURM_FILE_ENDED;
	measure(j, dirfd);
}

/* What lies there belongs to the job's user, who may have put links or pipes in our way. */
static int put(int dirfd, const char *run_id, const char *file, int flags, const char *text)
{
	_cleanup_(mem_closep) int dir =
		openat(dirfd, run_id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_(mem_closep) int fd = -1;

	if (dir < 0)
		return -errno;
	fd = openat(dir, file, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags,
		    0640);
	if (fd < 0)
		return -errno;
	return *text && write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* A directory for the job's user and us: one user, or two in the group that the one above it is for, which
 * is also the group of what they put there; a daemon that is root gives it away.  Also one that was left
 * half made.  The job's user may have put a link in its place.  Its descriptor, or -1. */
static int make_dir(const struct job *j, int above, const char *name)
{
	struct stat up, st;
	int fd;

	if (mkdirat(above, name, 0700) && errno != EEXIST)
		return -1;
	fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(above, &up) || fstat(fd, &st) || st.st_uid != geteuid())
		return fd;
	if (up.st_mode & 020 && st.st_gid != up.st_gid && fchown(fd, (uid_t)-1, up.st_gid))
		log_warn("slurm", "run %s: its directory could not be given to group %u: %s", j->run_id,
			 (unsigned)up.st_gid, strerror(errno));
	if (up.st_mode & 020)
		fchmod(fd, 02770);
	if (j->uid && fchown(fd, j->uid, (gid_t)-1))
		log_warn("slurm", "run %s: its directory could not be given to user %u: %s", j->run_id,
			 (unsigned)j->uid, strerror(errno));
	return fd;
}

static void make(struct job *j, int dirfd)
{
	_cleanup_(mem_closep) int run = make_dir(j, dirfd, j->run_id);
	_cleanup_(mem_closep) int work = run < 0 ? -1 : make_dir(j, run, "work");

	j->what = work < 0 ? SLURM_FILE_ERROR : SLURM_FILE_MADE;
}

/* To make `started` is the right to begin: when we make it, no job can any more, however late it comes.
 * That no file is there yet is believed to nobody but O_EXCL: what a network file system remembers may be
 * old. */
static void claim(struct job *j, int dirfd)
{
	int r;

	look(j, dirfd);
	if (j->what != SLURM_FILE_NONE)
		return;
	make(j, dirfd);
	if (j->what == SLURM_FILE_ERROR)
		return;
	r = put(dirfd, j->run_id, "started", O_EXCL, by_daemon);
	if (r == 0)
		j->what = SLURM_FILE_TAKEN;
	else if (r == -EEXIST)
		look(j, dirfd);
	else
		j->what = SLURM_FILE_ERROR;
	if (r == 0)
		put(dirfd, j->run_id, "settled", 0, "");
}

static void take(struct job *j, int dirfd)
{
	claim(j, dirfd);
	if (j->what == SLURM_FILE_BEGUN && put(dirfd, j->run_id, "stop", 0, ""))
		j->what = SLURM_FILE_ERROR;
}

/* A run's directory in which nothing came or went for long; its run may still be going on. */
static bool is_unsettled(int dirfd, const char *name, int64_t before_ms)
{
	struct stat st;
	int64_t at;

	return run_id_ok(name) && fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode) && (int64_t)st.st_mtim.tv_sec * 1000 < before_ms &&
	       !mtime_of(dirfd, name, "settled", &at);
}

/* False: no more, for now. */
static bool ask_about(struct job *j, const char *run_id)
{
	if (!j->unsettled)
		j->unsettled = mem_alloc(UNSETTLED_MAX * sizeof(*j->unsettled));
	snprintf(j->unsettled[j->nunsettled++], sizeof(*j->unsettled), "%.64s", run_id);
	return j->nunsettled < UNSETTLED_MAX;
}

static void remove_gone(int dirfd, const char *name, unsigned *budget, bool first)
{
	int r = sweep_tree(dirfd, name, budget);

	if (r && r != -EAGAIN && first)
		log_warn("slurm", "could not remove %s: %s", name, strerror(-r));
}

static void sweep(struct job *j, int dirfd)
{
	unsigned budget = SWEEP_CALLS;
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	int64_t old = clock_now_ms() - j->keep_s * 1000;
	struct dirent *e = NULL;
	char gone[SWEEP_NAME_MAX];

	if (!d && fd >= 0)
		close(fd);
	if (d && j->sweep_at)
		seekdir(d, j->sweep_at);
	while (d && budget && (e = readdir(d))) {
		budget--;
		if (sweep_condemn(dirfd, e->d_name, old, gone))
			remove_gone(dirfd, gone, &budget, *e->d_name != '.');
		else if (is_unsettled(dirfd, e->d_name, old) && !ask_about(j, e->d_name))
			break;
	}
	if (!d)
		return;
	j->sweep_at = e ? telldir(d) : 0;
	closedir(d);
}

static void work(struct worker_job *l)
{
	struct job *j = (struct job *)l;
	int dirfd = open(j->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	j->what = SLURM_FILE_ERROR;
	if (dirfd < 0)
		return;
	if (j->kind == JOB_LOOK)
		look(j, dirfd);
	else if (j->kind == JOB_MAKE)
		make(j, dirfd);
	else if (j->kind == JOB_CLAIM)
		claim(j, dirfd);
	else if (j->kind == JOB_TAKE || j->kind == JOB_GIVEN_UP)
		take(j, dirfd);
	if (j->kind == JOB_SETTLED || j->kind == JOB_GIVEN_UP)
		put(dirfd, j->run_id, "settled", 0, "");
	if (j->kind == JOB_PROBE)
		j->what = SLURM_FILE_NONE;
	if (j->sweep)
		sweep(j, dirfd);
	close(dirfd);
}

/* ---- on the loop ---- */

static void drop(struct worker_job *l)
{
	struct job *j = (struct job *)l;

	free((void *)j->ev.outputs);
	free(j->unsettled);
	free(j->dir);
	free(j);
}

/* Of runs that nobody here has any more: a settling that a crash cut off, or that its directory did not
 * hear.  None of them may begin now; they go when they have been settled for long. */
static void settle_left(struct slurm *s, const struct job *j)
{
	for (unsigned i = 0; i < j->nunsettled; i++)
		if (!slurm_run_find(s, j->unsettled[i]) && s->host.ours &&
		    s->host.ours(s->host.arg, s->pool, j->unsettled[i]))
			slurm_files_settled(s, j->unsettled[i], false);
}

static void over(struct worker_job *l)
{
	struct job *j = (struct job *)l;
	struct slurm *s = j->s;
	struct slurm_run *r;

	if (j->kind == JOB_PROBE) {
		s->dir_busy = false;
		s->dir_ok = j->what != SLURM_FILE_ERROR;
		if (j->sweep)
			s->sweep_at = j->sweep_at;
		settle_left(s, j);
	} else if (j->kind != JOB_SETTLED && j->kind != JOB_GIVEN_UP) {
		r = slurm_run_find(s, j->run_id);
		if (r && r->checking) {
			r->checking = false;
			if (r->look_again && r->state == RUN_CHECKING)
				slurm_files_claim(r);
			else
				slurm_run_file(r, j->what, j->holder, &j->ev, j->text);
		}
	}
	drop(l);
}

static struct job *queue(struct slurm *s, enum job_kind kind, const char *run_id)
{
	struct job *j = mem_alloc(sizeof(*j));

	*j = (struct job){ .worker = { work, over, drop }, .s = s, .kind = kind,
			    .dir = mem_strdup(s->conf.dir), .keep_s = s->conf.keep_runs_s,
			    .uid = s->conf.uid };
	snprintf(j->run_id, sizeof(j->run_id), "%s", run_id);
	return j;
}

/* Whether the directory is alive is asked before all that waits. */
static void go(struct job *j)
{
	struct slurm *s = j->s;

	if (!s->files)
		s->files = worker_new(s->loop);
	worker_add(s->files, &j->worker, j->kind == JOB_PROBE);
}

/* One look at a time into the directory of a run. */
static void ask(struct slurm_run *r, enum job_kind kind)
{
	if (r->checking)
		return;
	r->checking = true;
	go(queue(r->s, kind, r->id));
}

/* What the thread sees now may be older than what made us ask. */
static void ask_now(struct slurm_run *r, enum job_kind kind)
{
	r->look_again = r->checking;
	ask(r, kind);
}

void slurm_files_look(struct slurm_run *r)
{
	ask_now(r, JOB_LOOK);
}

void slurm_files_claim(struct slurm_run *r)
{
	ask_now(r, JOB_CLAIM);
}

void slurm_files_make(struct slurm_run *r)
{
	ask(r, JOB_MAKE);
}

void slurm_files_take(struct slurm_run *r)
{
	ask(r, JOB_TAKE);
}

void slurm_files_settled(struct slurm *s, const char *run_id, bool over)
{
	if (s->conf.dir && run_id_ok(run_id))
		go(queue(s, over ? JOB_SETTLED : JOB_GIVEN_UP, run_id));
}

bool slurm_files_hang(const struct slurm *s)
{
	return s->dir_busy && clock_mono_ms() - s->dir_asked_ms > HANG_MS;
}

void slurm_files_tick(struct slurm *s)
{
	int64_t now = clock_mono_ms();
	struct job *j;

	if (!s->conf.dir || s->dir_busy || (s->dir_ok && now - s->dir_asked_ms < PROBE_MS))
		return;
	s->dir_busy = true;
	s->dir_asked_ms = now;
	j = queue(s, JOB_PROBE, "");
	j->sweep = now - s->sweep_ms > SWEEP_EVERY_MS;
	j->sweep_at = s->sweep_at;
	if (j->sweep)
		s->sweep_ms = now;
	go(j);
}
