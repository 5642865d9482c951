/* procs.h - find the processes of a run where no control group holds them
 *
 * Libc only, as the shim uses it.  Both walk /proc, which takes a few milliseconds
 * on a busy machine: for the end of a run that did not end by itself.
 */
#ifndef ENGINE_PROCS_H
#define ENGINE_PROCS_H

#include <sys/types.h>

/* Kill the children of a process.  Returns how many there were. */
int procs_kill_children(pid_t parent);

/* Kill every process that was started with SUANLU_GROUP=`group` in its environment. */
int procs_kill_marked(const char *group);

#endif
