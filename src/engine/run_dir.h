/* run_dir.h - the directory of one run on this machine, as the daemon sees it
 *
 * DIR/<run_id>/: work (the job's own), job.sh, script, limits, stop and settled are the
 * daemon's; lock, started, stdout, stderr and exit.json are the shim's; phase and
 * why (of a failed transfer, in words) and outputs (what was stored) are job.sh's.  Calls do a few small local file operations and return 0 or -errno
 * unless said.
 */
#ifndef ENGINE_RUN_DIR_H
#define ENGINE_RUN_DIR_H

#include "engine/engine.h"
#include "engine/run_limits.h"

#include <stdbool.h>

enum run_dir_state {
	RUN_DIR_ABSENT = 1,
	RUN_DIR_NEW,                    /* never started, nobody about to */
	RUN_DIR_HELD,                   /* a shim stands over it */
	RUN_DIR_ENDED,                  /* exit.json is there */
	RUN_DIR_LOST,                   /* started, but its shim is gone */
};

/* A run id that may become part of a path. */
bool run_id_ok(const char *run_id);

/* Make the directory with all the shim needs; one that is there is filled in again.
 * Also ERR_E_INPUT, from wrapper_write(). */
int run_dir_write(int dirfd, const struct run_spec *r, const struct limits *l, struct err *err);

/* *ret_holder: the shim's pid when held, -1 when that cannot be seen from here, else 0. */
enum run_dir_state run_dir_look(int dirfd, const char *run_id, pid_t *ret_holder);

/* Up to size-1 bytes of a small plain file of a run, as a string; does not wait.  0 or -errno. */
int run_dir_text(int dirfd, const char *run_id, const char *file, char *out, size_t size);

/* *ret_ms: when it started, by the wall clock.  -ENOENT: it has not. */
int run_dir_started(int dirfd, const char *run_id, int64_t *ret_ms);

/* What job.sh wrote of the outputs that it stored: 0, or 1 if that is not what job.sh writes.
 * *ret is to be freed. */
int run_outputs_parse(const char *text, struct run_output **ret, uint32_t *ret_n);

/* Fill in `ev` from exit.json; its text is put into `text`, and ev->outputs is to be freed. */
int run_dir_result(int dirfd, const char *run_id, struct engine_event *ev, char *text,
		   size_t size, struct err *err);

/* Of an open log of `size` bytes what lies behind `offset`, a megabyte or what `out` has room for at
 * most.  0 or -EIO. */
int run_log_read(int fd, uint64_t offset, uint64_t size, struct buf *out);

int run_dir_limits(int dirfd, const char *run_id, struct limits *ret);
int run_dir_put_stop(int dirfd, const char *run_id, unsigned grace_ms);
int run_dir_put_settled(int dirfd, const char *run_id);

#endif
