/* child.h - start processes that may outlive us, and learn of their end
 *
 * A detached child leads its own session, inherits only the three descriptors it
 * is given, default signal dispositions and an empty signal mask.
 */
#ifndef LOOP_CHILD_H
#define LOOP_CHILD_H

#include "base/err.h"

#include <sys/types.h>
#include <uv.h>

struct child;

struct child_spec {
	const char *file;               /* path of the program */
	const char *const *argv;        /* NULL-terminated */
	const char *const *env;         /* NULL-terminated; NULL: an empty environment */
	const char *cwd;                /* NULL: ours */
	int stdout_fd;                  /* -1: /dev/null; used for standard error too */
};

/* It has ended.  `status` as of waitpid(2); -1: it was not our child, nobody knows. */
typedef void (*child_done_fn)(void *arg, int status);

/* Start it; done runs on the loop thread once it has ended.  The child is freed after done, or by
 * child_forget(). */
int child_start(uv_loop_t *loop, const struct child_spec *spec, child_done_fn done, void *arg,
		struct child **ret, struct err *err);

/* Watch a process that an earlier life of ours started.  -ESRCH: there is none. */
int child_watch(uv_loop_t *loop, pid_t pid, child_done_fn done, void *arg,
		struct child **ret, struct err *err);

pid_t child_pid(const struct child *c);

/* No more calls to done; the process goes on.  Takes NULL; returns NULL. */
struct child *child_forget(struct child *c);

#endif
