/* slurm_conf.h - the options of a Slurm pool
 *
 *	url: http://127.0.0.1:6820    or  socket: /run/slurmrestd/socket
 *	user: suanlu                  whom the token belongs to
 *	token_file: /etc/suanlu/west.jwt          mode 0600, or credential:NAME of systemd; read again when it changes
 *	partitions: [gpu, cpu]        (absent: every node; the cluster's default partition)
 *	account, qos, constraint: text
 *	gres: { a100-80-sxm: "gpu:a100" }         our name -> the cluster's
 *	dir: /shared/suanlu           seen by this daemon and by every node under the same path
 *	ca_file: /etc/…               of https
 *	poll_ms: 1000                 between listings, more when they are slow
 *	connections: 4                for submissions
 *	queue_max: 500                runs that may wait in the cluster's queue at most
 *	ahead_s: 3                    sent there when room is expected within so long
 *	down_s: 15                    silent for so long: down
 *	fence_s: 60                   down for so long: its runs are taken back; 0: never
 *	hold_s: 60                    held back for so long: taken back
 *	keep_runs_s: 604800           then a settled run's directory is removed
 */
#ifndef ENGINE_SLURM_CONF_H
#define ENGINE_SLURM_CONF_H

#include "base/json.h"

#include <stdbool.h>
#include <sys/types.h>

enum { SLURM_GRES_MAX = 64, SLURM_PARTITIONS_MAX = 64, SLURM_TOKEN_MAX = 8192 };

struct slurm_conf {
	struct arena arena;
	const char *base;               /* "http://host:port" */
	const char *socket, *user, *token_file, *account, *qos, *constraint, *dir, *ca_file;
	uint32_t npartitions, ngres;
	const char *const *partitions;
	const char *const *gres;        /* pairs: ours, theirs */
	uint32_t poll_ms, connections, queue_max, ahead_s, down_s, fence_s, hold_s;
	int64_t keep_runs_s;
	uid_t uid;                      /* of `user` here, where we are root and it is not; else 0 */

	/* the token, as the file had it when it was last looked at; never in a message */
	char token[SLURM_TOKEN_MAX];
	dev_t dev;
	ino_t ino;
	off_t size;
	int64_t mtime_ns;
	const char *token_zh;           /* what slurm_conf_token() said last, in Chinese; NULL: nothing */
};

/* Decode; the token is not read yet. */
int slurm_conf_read(const json_t *options, struct slurm_conf *ret, struct err *err);
void slurm_conf_done(struct slurm_conf *c);

/* Read the token if the file is another one than last time.  0; or -errno or ERR_E_INPUT with
 * words: missing, readable by others, empty. */
int slurm_conf_token(struct slurm_conf *c, struct err *err);

/* "gpu:a100" of our "a100-80-sxm", and back; NULL: not mapped. */
const char *slurm_conf_theirs(const struct slurm_conf *c, const char *ours);
const char *slurm_conf_ours(const struct slurm_conf *c, const char *theirs);

#endif
