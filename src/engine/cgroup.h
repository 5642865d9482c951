/* cgroup.h - a control group per run: limits, use, and the end of everything in it
 *
 * Libc only: the shim uses it as well as the daemon.  A run's group is
 * ROOT/suanlu/NAME with cgroup v2, ROOT/CONTROLLER/suanlu/NAME with v1, where a
 * machine may have any of the controllers.  Return: 0 or -errno unless said.
 */
#ifndef ENGINE_CGROUP_H
#define ENGINE_CGROUP_H

#include <stdint.h>

enum {
	CGROUP_CPU = 1,
	CGROUP_CPUACCT = 2,
	CGROUP_MEMORY = 4,
	CGROUP_PIDS = 8,
	CGROUP_ROOT_MAX = 200,
	CGROUP_NAME_MAX = 96,
	CGROUP_WHY_MAX = 200,
};

struct cgroup_set {
	unsigned version;               /* 0: none, 1, 2 */
	unsigned have;                  /* of the four bits above: what really works */
	char root[CGROUP_ROOT_MAX];     /* usually /sys/fs/cgroup */
};

struct cgroup_limits {                  /* 0: no limit */
	uint32_t cpu_milli;
	uint64_t memory_bytes;          /* memory and swap together */
	uint32_t pids;                  /* processes and threads */
};

struct cgroup_usage {
	int64_t cpu_ms;                 /* -1: not measured */
	uint64_t memory_peak;           /* bytes, page cache included; 0: not measured */
	uint64_t oom_kills;
};

/* Find out what works by making, filling in and removing a group.  1: nothing
 * does, and `why` says it in words. */
int cgroup_probe(const char *root, struct cgroup_set *ret, char why[CGROUP_WHY_MAX]);

/* An existing group of that name is taken over with new limits. */
int cgroup_make(const struct cgroup_set *s, const char *name, const struct cgroup_limits *l);

/* Move the calling process.  Safe between vfork() and exec. */
int cgroup_join(const struct cgroup_set *s, const char *name);

/* Send `sig` to every process in it.  Returns how many there were; 0: it is empty. */
int cgroup_signal(const struct cgroup_set *s, const char *name, int sig);

/* Kill every process and let no new one begin.  Returns like cgroup_signal(); call it
 * again until it says 0. */
int cgroup_kill(const struct cgroup_set *s, const char *name);

void cgroup_read(const struct cgroup_set *s, const char *name, struct cgroup_usage *ret);

/* -EBUSY: a process is still in it.  A group that is not there is removed. */
int cgroup_remove(const struct cgroup_set *s, const char *name);

#endif
