/* sweep.h - remove the directories of settled runs, a few files at a time */
#ifndef ENGINE_SWEEP_H
#define ENGINE_SWEEP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct sweep;

/* Directories in `dirfd` whose file `settled` is older than keep_s are removed; so are
 * names that begin with ".gone-", left over from a removal.  `dirfd` stays the caller's
 * and must outlive the sweep. */
struct sweep *sweep_new(uv_loop_t *loop, int dirfd, int64_t keep_s);
struct sweep *sweep_free(struct sweep *s);      /* takes NULL; NULL back */

/* Is `name` in dirfd to be removed: left over from a removal, or settled before before_ms?  Then it has
 * another name by now, put into `gone`: nobody finds half of a run, or writes into it. */
enum { SWEEP_NAME_MAX = 272 };
bool sweep_condemn(int dirfd, const char *name, int64_t before_ms, char gone[SWEEP_NAME_MAX]);

/* Remove what lies under `name` in dirfd, and `name`, with at most *budget calls to the
 * file system.  0; -EAGAIN: the budget is used up, call again; else -errno. */
int sweep_tree(int dirfd, const char *name, unsigned *budget);

#endif
