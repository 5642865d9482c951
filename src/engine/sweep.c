/* sweep.c - remove the directories of settled runs, a few files at a time */

#include "engine/sweep.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/timer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	STEP_MS = 20,                   /* between steps of a walk … */
	STEP_CALLS = 256,               /* … of so many calls: about a millisecond */
	PAUSE_MS = 600000,              /* between walks */
	DEPTH_MAX = 24,                 /* deeper trees are flattened: each level holds a descriptor */
};

#define GONE ".gone-"

struct sweep {
	int dirfd;
	int64_t keep_s;
	struct timer *timer;
	DIR *walk;                      /* NULL between walks */
	char name[SWEEP_NAME_MAX];      /* being removed; "" none */
};

struct tree {
	int top;                        /* where deep directories are moved to */
	unsigned *budget;
	unsigned moved;
};

static bool spend(struct tree *t)
{
	if (!*t->budget)
		return false;
	(*t->budget)--;
	return true;
}

static int remove_dir(struct tree *t, int dirfd, const char *name, unsigned depth);

/* A directory too deep for us becomes one of the top, under a name that the job cannot
 * have taken: it no longer runs. */
static int flatten(struct tree *t, int dirfd, const char *name)
{
	char to[64];

	do
		snprintf(to, sizeof(to), ".deep-%u", t->moved++);
	while (faccessat(t->top, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
	return renameat(dirfd, name, t->top, to) < 0 ? -errno : 0;
}

static int remove_one(struct tree *t, int dirfd, const char *name, unsigned depth)
{
	if (!spend(t))
		return -EAGAIN;
	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (depth == DEPTH_MAX)
		return flatten(t, dirfd, name);
	return remove_dir(t, dirfd, name, depth + 1);
}

static int open_dir(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == EACCES && fchmodat(dirfd, name, 0700, 0) == 0)
		fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd;
}

static int remove_dir(struct tree *t, int dirfd, const char *name, unsigned depth)
{
	int fd = open_dir(dirfd, name), r = 0;
	struct dirent *e;
	DIR *d;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	fchmod(fd, 0700);               /* the job may have taken our right to write away */
	d = fdopendir(fd);
	if (!d) {
		close(fd);
		return -ENOMEM;
	}
	if (depth == 0)
		t->top = fd;
	while (r == 0 && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = remove_one(t, fd, e->d_name, depth);
	closedir(d);
	if (r == 0 && !spend(t))
		r = -EAGAIN;
	if (r == 0 && unlinkat(dirfd, name, AT_REMOVEDIR) < 0)
		r = errno == ENOTEMPTY ? -EAGAIN : -errno;      /* flattened into it meanwhile */
	return r;
}

int sweep_tree(int dirfd, const char *name, unsigned *budget)
{
	struct tree t = { .top = dirfd, .budget = budget };

	return remove_dir(&t, dirfd, name, 0);
}

bool sweep_condemn(int dirfd, const char *name, int64_t before_ms, char gone[SWEEP_NAME_MAX])
{
	struct stat st;
	char path[SWEEP_NAME_MAX];

	snprintf(gone, SWEEP_NAME_MAX, "%s", name);
	if (strncmp(name, GONE, strlen(GONE)) == 0)
		return true;
	if (name[0] == '.')
		return false;
	snprintf(path, sizeof(path), "%s/settled", name);
	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000 >= before_ms)
		return false;
	snprintf(gone, SWEEP_NAME_MAX, GONE "%s", name);
	return renameat(dirfd, name, dirfd, gone) == 0;
}

static void begin_walk(struct sweep *s)
{
	int fd = openat(s->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	s->walk = fd < 0 ? NULL : fdopendir(fd);
	if (fd >= 0 && !s->walk)
		close(fd);
}

/* False: this walk is over. */
static bool step(struct sweep *s)
{
	unsigned budget = STEP_CALLS;
	struct dirent *e;
	int r;

	while (budget) {
		if (s->name[0]) {
			r = sweep_tree(s->dirfd, s->name, &budget);
			if (r == -EAGAIN)
				return true;
			if (r < 0)
				log_warn("local", "could not remove %s: %s", s->name, strerror(-r));
			s->name[0] = '\0';
		}
		e = readdir(s->walk);
		if (!e)
			return false;
		if (!sweep_condemn(s->dirfd, e->d_name, clock_now_ms() - s->keep_s * 1000, s->name))
			s->name[0] = '\0';
		budget--;
	}
	return true;
}

static uint64_t pause_ms(const struct sweep *s)
{
	return s->keep_s * 1000 < PAUSE_MS ? (uint64_t)s->keep_s * 1000 + 1000 : PAUSE_MS;
}

static void on_timer(void *arg)
{
	struct sweep *s = arg;

	if (!s->walk)
		begin_walk(s);
	if (s->walk && step(s)) {
		timer_start(s->timer, STEP_MS, 0);
		return;
	}
	if (s->walk)
		closedir(s->walk);
	s->walk = NULL;
	timer_start(s->timer, pause_ms(s), 0);
}

struct sweep *sweep_new(uv_loop_t *loop, int dirfd, int64_t keep_s)
{
	struct sweep *s = mem_alloc(sizeof(*s));

	s->dirfd = dirfd;
	s->keep_s = keep_s;
	s->timer = timer_new(loop, on_timer, s);
	timer_start(s->timer, pause_ms(s), 0);
	return s;
}

struct sweep *sweep_free(struct sweep *s)
{
	if (!s)
		return NULL;
	timer_free(s->timer);
	if (s->walk)
		closedir(s->walk);
	mem_freep(&s);
	return NULL;
}
