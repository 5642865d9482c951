/* run_limits.h - what the daemon tells the shim about one run: the file `limits`
 *
 * Lines of "key value", so that the shim needs no parser to speak of.  Libc only.
 */
#ifndef ENGINE_RUN_LIMITS_H
#define ENGINE_RUN_LIMITS_H

#include "engine/cgroup.h"

#include <stddef.h>
#include <sys/types.h>

enum {
	LIMITS_GROUPS_MAX = 64,         /* supplementary groups of the run's user */
	LIMITS_TEXT_MAX = 4096,
};

struct limits {
	int64_t walltime_ms, grace_ms;
	uint32_t cpu_milli;             /* 0: no limit, of these three */
	uint64_t memory_mb;
	uint32_t pids;
	uint64_t out_max;               /* bytes kept, of stdout and of stderr each */
	struct cgroup_set cgroup;       /* version 0: none; what it has is limited by it … */
	char group[CGROUP_NAME_MAX];    /* … in this group; also marks the run's processes */
	unsigned rlimits;               /* CGROUP_* bits to be limited by setrlimit() instead */
	int64_t uid, gid;               /* -1: as the daemon */
	unsigned ngroups;
	gid_t groups[LIMITS_GROUPS_MAX];
};

/* Both return 0 or -EINVAL (text too long, unknown key, number out of range). */
int limits_format(const struct limits *l, char *out, size_t size);
int limits_parse(const char *text, struct limits *ret);

/* Read RUNDIR/limits, `dirfd` being RUNDIR.  0 or -errno. */
int limits_load(int dirfd, struct limits *ret);

#endif
