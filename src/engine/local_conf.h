/* local_conf.h - the options of a local engine, and what this machine can enforce
 *
 *   limits: auto | cgroup | rlimit      default auto: cgroup where it works
 *   cgroup_root: /sys/fs/cgroup         where the control groups are mounted
 *   pids_max: 4096                      processes and threads of one run
 *   user: NAME                          run as this user (needs root)
 *   output_max_mb: 64                   kept of stdout, and of stderr
 *   grace_s: 10                         from TERM to KILL when the walltime is over
 *   keep_runs_s: 604800                 files of a run stay this long after its end
 *   shim: PATH                          default: suanlu-shim next to our own program
 */
#ifndef ENGINE_LOCAL_CONF_H
#define ENGINE_LOCAL_CONF_H

#include "base/json.h"
#include "engine/run_limits.h"

#include <limits.h>

struct local_conf {
	struct limits limits;           /* of every run; cpu, memory, walltime and group apart */
	char dir[PATH_MAX];             /* absolute */
	char shim[PATH_MAX];
	char user[64];                  /* "": our own */
	int64_t keep_s;
};

/* ERR_E_INPUT: an option is wrong, or asks for what this machine cannot do. */
int local_conf_read(const json_t *options, const char *dir, struct local_conf *ret,
		    struct err *err);

/* What is enforced, and by what (new reference). */
json_t *local_conf_describe(const struct local_conf *c);

#endif
