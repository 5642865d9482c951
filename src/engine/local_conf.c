/* local_conf.c - the options of a local engine, and what this machine can enforce */

#include "engine/local_conf.h"

#include "base/mem.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LIMITS_AUTO, LIMITS_CGROUP, LIMITS_RLIMIT };
static const char *const limits_names[] = { "auto", "cgroup", "rlimit", NULL };

struct options {
	unsigned limits;
	const char *cgroup_root, *user, *shim;
	uint32_t pids_max, output_max_mb, grace_s;
	int64_t keep_runs_s;
};

static int decode(const json_t *json, struct arena *arena, struct options *o, struct err *err)
{
	json_t *none = json_object();
	struct dec d;
	int r;

	dec_begin(&d, json ? json : none, "", NULL, arena, err);
	dec_enum(&d, "limits", DEC_OPT, limits_names, &o->limits);
	dec_str(&d, "cgroup_root", DEC_OPT, 1, CGROUP_ROOT_MAX - 1, &o->cgroup_root);
	dec_str(&d, "user", DEC_OPT, 1, 63, &o->user);
	dec_str(&d, "shim", DEC_OPT, 1, PATH_MAX - 1, &o->shim);
	dec_u32(&d, "pids_max", DEC_OPT, 8, 4 << 20, &o->pids_max);
	dec_u32(&d, "output_max_mb", DEC_OPT, 0, 1 << 20, &o->output_max_mb);
	dec_u32(&d, "grace_s", DEC_OPT, 0, 3600, &o->grace_s);
	dec_i64(&d, "keep_runs_s", DEC_OPT, 0, 10LL * 366 * 86400, &o->keep_runs_s);
	r = dec_end(&d);
	json_decref(none);
	return r;
}

/* ---- limits ---- */

static int choose_limits(struct local_conf *c, const struct options *o, struct err *err)
{
	const unsigned all = CGROUP_CPU | CGROUP_MEMORY | CGROUP_PIDS;
	char why[CGROUP_WHY_MAX];

	if (o->limits != LIMITS_RLIMIT &&
	    cgroup_probe(o->cgroup_root, &c->limits.cgroup, why) != 0 &&
	    o->limits == LIMITS_CGROUP) {
		err_field(err, "limits", "%s", why);
		err_hint(err, "write limits: auto or rlimit, or give the daemon a control group");
		return ERR_E_INPUT;
	}
	c->limits.rlimits = all & ~c->limits.cgroup.have;
	if (o->limits == LIMITS_CGROUP && c->limits.rlimits)
		return err_field(err, "limits", "this machine has no control group for %s",
				 c->limits.rlimits & CGROUP_MEMORY ? "memory" :
				 c->limits.rlimits & CGROUP_CPU ? "cpu" : "processes");
	/* It counts all processes of the user, and root's are not limited. */
	if ((c->limits.uid < 0 ? geteuid() : (uid_t)c->limits.uid) == 0)
		c->limits.rlimits &= ~(unsigned)CGROUP_PIDS;
	return 0;
}

/* ---- user ---- */

static int find_groups(struct local_conf *c, const struct passwd *pw, struct err *err)
{
	int n = LIMITS_GROUPS_MAX;

	if (getgrouplist(pw->pw_name, pw->pw_gid, c->limits.groups, &n) < 0)
		return err_field(err, "user", "user \"%s\" is in more than %d groups",
				 pw->pw_name, LIMITS_GROUPS_MAX);
	c->limits.ngroups = (unsigned)n;
	return 0;
}

/* Start-up only: the lookup may go over the network. */
static int find_user(struct local_conf *c, const char *name, struct err *err)
{
	const struct passwd *pw;

	if (!name)
		return 0;
	pw = getpwnam(name);
	if (!pw)
		return err_field(err, "user", "there is no user \"%s\" on this machine", name);
	if (geteuid() != 0)
		return err_field(err, "user", "only root can run tasks as another user");
	c->limits.uid = pw->pw_uid;
	c->limits.gid = pw->pw_gid;
	snprintf(c->user, sizeof(c->user), "%s", name);
	return find_groups(c, pw, err);
}

/* Every directory on the way must let the user pass. */
static int check_way(const struct local_conf *c, struct err *err)
{
	char path[PATH_MAX];
	struct stat st;

	if (c->limits.uid <= 0)
		return 0;
	strcpy(path, c->dir);
	for (char *end = path + strlen(path); end > path; end = strrchr(path, '/')) {
		*end = '\0';
		if (stat(path, &st) == 0 && (st.st_mode & S_IXOTH) == 0 &&
		    st.st_uid != (uid_t)c->limits.uid) {
			err_field(err, "user", "user \"%s\" cannot enter %s", c->user, path);
			err_hint(err, "chmod 711 %s", path);
			return ERR_E_INPUT;
		}
	}
	return 0;
}

/* ---- paths ---- */

static int find_dir(struct local_conf *c, const char *dir, struct err *err)
{
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_set(err, -errno, "could not make %s: %s", dir, strerror(errno));
	if (!realpath(dir, c->dir))
		return err_set(err, -errno, "could not use %s: %s", dir, strerror(errno));
	if (c->limits.uid >= 0 && chmod(c->dir, 0711) < 0)
		return err_set(err, -errno, "could not open %s to user \"%s\": %s", c->dir,
			       c->user, strerror(errno));
	return check_way(c, err);
}

static int find_shim(struct local_conf *c, const char *path, struct err *err)
{
	static const char name[] = "suanlu-shim";
	ssize_t n;
	char *end;

	if (path) {
		snprintf(c->shim, sizeof(c->shim), "%s", path);
	} else {
		n = readlink("/proc/self/exe", c->shim, sizeof(c->shim) - sizeof(name) - 1);
		if (n < 0)
			return err_set(err, -errno, "could not find our own program: %s",
				       strerror(errno));
		c->shim[n] = '\0';
		end = strrchr(c->shim, '/');
		strcpy(end ? end + 1 : c->shim, name);
	}
	if (access(c->shim, X_OK) < 0) {
		err_field(err, "shim", "could not use %s: %s", c->shim, strerror(errno));
		err_hint(err, "it is built and installed together with suanlu");
		return ERR_E_INPUT;
	}
	return 0;
}

static int settle(const struct options *o, const char *dir, struct local_conf *c,
		  struct err *err)
{
	int r = find_user(c, o->user, err);

	if (r == 0)
		r = choose_limits(c, o, err);
	if (r == 0)
		r = find_dir(c, dir, err);
	return r ? r : find_shim(c, o->shim, err);
}

int local_conf_read(const json_t *options, const char *dir, struct local_conf *ret,
		    struct err *err)
{
	struct options o = {
		.cgroup_root = "/sys/fs/cgroup", .pids_max = 4096, .output_max_mb = 64,
		.grace_s = 10, .keep_runs_s = 7 * 86400,
	};
	struct arena arena;
	int r;

	arena_init(&arena);
	r = decode(options, &arena, &o, err);
	if (r == 0) {
		*ret = (struct local_conf){ .keep_s = o.keep_runs_s };
		ret->limits = (struct limits){
			.uid = -1, .gid = -1, .pids = o.pids_max,
			.grace_ms = (int64_t)o.grace_s * 1000,
			.out_max = (uint64_t)o.output_max_mb << 20,
		};
		r = settle(&o, dir, ret, err);
	}
	arena_done(&arena);
	return r;
}

/* ---- what it comes to ---- */

static json_t *by(const struct limits *l, unsigned bit, const char *v1, const char *v2,
		  const char *rlimit)
{
	if (l->cgroup.have & bit)
		return l->cgroup.version == 1 ? json_sprintf("cgroup v1 (%s)", v1)
					      : json_sprintf("cgroup v2 (%s)", v2);
	if (l->rlimits & bit)
		return json_sprintf("rlimit (%s)", rlimit);
	return json_string("not enforced");
}

json_t *local_conf_describe(const struct local_conf *c)
{
	const struct limits *l = &c->limits;
	json_t *j = json_object();

	json_object_set_new(j, "cpu", by(l, CGROUP_CPU, "cpu.cfs_quota_us", "cpu.max",
					 "cpu seconds of each process, not its share"));
	json_object_set_new(j, "memory", by(l, CGROUP_MEMORY, "memory.limit_in_bytes",
					    "memory.max",
					    "address space of each process, not its memory"));
	json_object_set_new(j, "pids", by(l, CGROUP_PIDS, "pids.max", "pids.max",
					  "all processes of the user together"));
	json_object_set_new(j, "walltime", json_sprintf("TERM, then KILL after %" PRId64 " s",
							l->grace_ms / 1000));
	json_object_set_new(j, "output", json_sprintf("%" PRIu64 " MB of each stream kept",
						      l->out_max >> 20));
	json_object_set_new(j, "user", json_string(*c->user ? c->user : "the daemon's own"));
	return j;
}
