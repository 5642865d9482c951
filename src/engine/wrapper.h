/* wrapper.h - the script that a run executes: fetch inputs, run, store outputs
 *
 * POSIX sh with coreutils and curl.  It runs in RUNDIR/work and writes the phase it is
 * in to RUNDIR/phase, unless the task has neither inputs nor outputs, why a transfer failed
 * to RUNDIR/why, and what was stored to RUNDIR/outputs.  A task's own script is expected in RUNDIR/script.
 *
 * `{index}` in the url or path of an input or output of an array element becomes its
 * array index.  A file: url is percent-decoded, has no host but localhost, and must lie,
 * links resolved, below a root.
 */
#ifndef ENGINE_WRAPPER_H
#define ENGINE_WRAPPER_H

#include "base/buf.h"
#include "engine/engine.h"

enum { WRAPPER_MAX = 16 << 20 };        /* bytes: four times the largest request body */

/* Append the script.  An input or output that cannot be (a url of another scheme, a path
 * that leaves the work directory) makes a script that fails there, with the reason.
 * ERR_E_INPUT: no script can run this (a name that is no variable); -ENOBUFS: `b` is full. */
int wrapper_write(const struct run_spec *r, struct buf *b, struct err *err);

/* Append `s` as one word of sh, whatever it contains. */
void sh_quote(struct buf *b, const char *s);

#endif
