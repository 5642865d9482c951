/* sweep.h - remove the directories of settled runs, a few files at a time */
#ifndef ENGINE_SWEEP_H
#define ENGINE_SWEEP_H

#include <stdint.h>
#include <uv.h>

struct sweep;

/* Directories in `dirfd` whose file `settled` is older than keep_s are removed; so are
 * names that begin with ".gone-", left over from a removal.  `dirfd` stays the caller's
 * and must outlive the sweep. */
struct sweep *sweep_new(uv_loop_t *loop, int dirfd, int64_t keep_s);
struct sweep *sweep_free(struct sweep *s);      /* takes NULL; NULL back */

/* Remove what lies under `name` in dirfd, and `name`, with at most *budget calls to the
 * file system.  0; -EAGAIN: the budget is used up, call again; else -errno. */
int sweep_tree(int dirfd, const char *name, unsigned *budget);

#endif
