/* watch.h - follow a submission until all of it is over */
#ifndef CMD_WATCH_H
#define CMD_WATCH_H

#include "cmd/remote.h"

/* Progress on standard error: a bar on a terminal, a line per change elsewhere.  The exit
 * code is the submission's: all done, some not, all refused. */
int watch_task(struct remote *r, const char *id);

#endif
