/* child.c - start processes that may outlive us, and learn of their end
 *
 * The end is seen through a pidfd in the loop, the same for our own children and
 * for those of an earlier life: SIGCHLD is left alone, and a pid that is used
 * again cannot be mistaken.
 */

#include "loop/child.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

struct child {
	uv_poll_t poll;
	pid_t pid;
	int pidfd;
	bool ours;                      /* we must take its exit status, or it stays a zombie */
	child_done_fn done;
	void *arg;
};

/* Our own children that nobody watches any more; children belong to the whole
 * process, so does this.  At most one entry per child that is alive. */
static struct {
	pid_t *pid;
	size_t n;
} forgotten;

static void reap_forgotten(void)
{
	size_t kept = 0;

	for (size_t i = 0; i < forgotten.n; i++)
		if (!waitpid(forgotten.pid[i], NULL, WNOHANG))
			forgotten.pid[kept++] = forgotten.pid[i];
	forgotten.n = kept;
	if (!kept) {
		free(forgotten.pid);
		forgotten.pid = NULL;
	}
}

static void forget_later(pid_t pid)
{
	forgotten.pid = mem_grow(forgotten.pid, forgotten.n + 1, sizeof(pid_t));
	forgotten.pid[forgotten.n++] = pid;
	reap_forgotten();
}

static void release(uv_handle_t *h)
{
	struct child *c = h->data;

	close(c->pidfd);
	free(c);
}

static void shut(struct child *c)
{
	c->done = NULL;
	uv_poll_stop(&c->poll);
	uv_close((uv_handle_t *)&c->poll, release);
}

static void ended(uv_poll_t *poll, int status, int events)
{
	struct child *c = poll->data;
	child_done_fn done = c->done;
	void *arg = c->arg;
	int how = -1;

	if (c->ours && !waitpid(c->pid, &how, WNOHANG))
		return;
	shut(c);
	done(arg, how);
}

/* Takes `pidfd` over, also on failure. */
static int watch(uv_loop_t *loop, pid_t pid, int pidfd, bool ours, child_done_fn done,
		 void *arg, struct child **ret, struct err *err)
{
	struct child *c = mem_alloc(sizeof(*c));
	int r = uv_poll_init(loop, &c->poll, pidfd);

	if (r < 0) {
		close(pidfd);
		free(c);
		return err_set(err, r, "could not watch process %d: %s", (int)pid, uv_strerror(r));
	}
	c->poll.data = c;
	c->pid = pid;
	c->pidfd = pidfd;
	c->ours = ours;
	c->done = done;
	c->arg = arg;
	r = uv_poll_start(&c->poll, UV_READABLE, ended);
	if (r < 0) {
		uv_close((uv_handle_t *)&c->poll, release);
		return err_set(err, r, "could not watch process %d: %s", (int)pid, uv_strerror(r));
	}
	*ret = c;
	return 0;
}

/* ---- starting ---- */

static int set_attributes(posix_spawnattr_t *a)
{
	sigset_t all, none;
	int r;

	sigfillset(&all);
	sigemptyset(&none);
	r = posix_spawnattr_setsigdefault(a, &all);
	if (!r)
		r = posix_spawnattr_setsigmask(a, &none);
	if (!r)
		r = posix_spawnattr_setflags(a, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF |
					     POSIX_SPAWN_SETSIGMASK);
	return r;
}

static int set_actions(posix_spawn_file_actions_t *f, const struct child_spec *s)
{
	int r = s->stdout_fd >= 0 ?
		posix_spawn_file_actions_adddup2(f, s->stdout_fd, STDOUT_FILENO) :
		posix_spawn_file_actions_addopen(f, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);

	if (!r)
		r = posix_spawn_file_actions_adddup2(f, STDOUT_FILENO, STDERR_FILENO);
	/* Standard input last: stdout_fd may be descriptor 0. */
	if (!r)
		r = posix_spawn_file_actions_addopen(f, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (!r)
		r = posix_spawn_file_actions_addclosefrom_np(f, STDERR_FILENO + 1);
	if (!r && s->cwd)
		r = posix_spawn_file_actions_addchdir_np(f, s->cwd);
	return r;
}

static int spawn(const struct child_spec *s, pid_t *ret)
{
	static const char *const no_env[] = { NULL };
	const char *const *env = s->env ? s->env : no_env;
	posix_spawn_file_actions_t f;
	posix_spawnattr_t a;
	int r = posix_spawn_file_actions_init(&f);

	if (r)
		return r;
	r = posix_spawnattr_init(&a);
	if (!r) {
		r = set_actions(&f, s);
		if (!r)
			r = set_attributes(&a);
		if (!r)
			r = posix_spawn(ret, s->file, &f, &a, (char *const *)s->argv,
					(char *const *)env);
		posix_spawnattr_destroy(&a);
	}
	posix_spawn_file_actions_destroy(&f);
	return r;
}

static int start_failed(const struct child_spec *s, int r, struct err *err)
{
	if (s->cwd && access(s->cwd, X_OK))
		return err_set(err, -r, "could not enter directory \"%s\": %s", s->cwd,
			       strerror(errno));
	return err_set(err, -r, "could not start \"%s\": %s", s->file, strerror(r));
}

int child_start(uv_loop_t *loop, const struct child_spec *spec, child_done_fn done, void *arg,
		struct child **ret, struct err *err)
{
	pid_t pid;
	int fd, r;

	reap_forgotten();
	r = spawn(spec, &pid);
	if (r)
		return start_failed(spec, r, err);
	/* Until waitpid() the pid stays its own, so this cannot catch another process. */
	fd = pidfd_open(pid, 0);
	r = fd < 0 ? -errno : 0;
	if (fd >= 0)
		r = watch(loop, pid, fd, true, done, arg, ret, err);
	else
		err_set(err, r, "could not watch \"%s\": %s", spec->file, strerror(-r));
	if (r < 0) {
		/* A process that nobody knows of must not go on. */
		kill(-pid, SIGKILL);
		forget_later(pid);
	}
	return r;
}

int child_watch(uv_loop_t *loop, pid_t pid, child_done_fn done, void *arg,
		struct child **ret, struct err *err)
{
	int fd = pid > 0 ? pidfd_open(pid, 0) : -1;

	if (pid <= 0)
		errno = ESRCH;
	if (fd < 0)
		return err_set(err, -errno, "could not watch process %d: %s", (int)pid,
			       strerror(errno));
	return watch(loop, pid, fd, false, done, arg, ret, err);
}

pid_t child_pid(const struct child *c)
{
	return c->pid;
}

struct child *child_forget(struct child *c)
{
	if (c && !uv_is_closing((uv_handle_t *)&c->poll)) {
		if (c->ours)
			forget_later(c->pid);
		shut(c);
	}
	return NULL;
}
