/* slurm_log.c - the logs of runs in the shared directory
 *
 * The loop waits for a read, but not for a directory that hangs: a thread does it, and while one has
 * not come back none is tried.
 */

#include "engine/slurm.h"

#include "base/buf.h"
#include "base/mem.h"
#include "engine/run_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LOG_WAIT_MS = 1000,             /* of the loop, once for each time that it hangs */
};

struct log_job {
	struct worker_job worker;
	struct slurm *s;                /* only for the loop */
	char *dir;                      /* of the run */
	const char *file;
	uint64_t offset, size;
	struct buf data;
	int r;                          /* 0, -ENOENT: no such log, else -errno */
};

/* ---- on the thread ---- */

/* Both belong to the job's user, who may have put something else in their place. */
static void work(struct worker_job *l)
{
	struct log_job *j = (struct log_job *)l;
	_cleanup_(mem_closep) int dir = open(j->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_(mem_closep) int fd = dir < 0 ? -1 :
		openat(dir, j->file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		j->r = -errno;
		return;
	}
	if (!S_ISREG(st.st_mode) || st.st_nlink > 1) {
		j->r = -EINVAL;
		return;
	}
	j->size = (uint64_t)st.st_size;
	j->r = run_log_read(fd, j->offset, j->size, &j->data);
}

static void drop(struct worker_job *l)
{
	struct log_job *j = (struct log_job *)l;

	free(j->dir);
	buf_done(&j->data);
	free(j);
}

/* ---- on the loop ---- */

/* Nobody waits for it any more, but it came back. */
static void over(struct worker_job *l)
{
	((struct log_job *)l)->s->log_hangs = false;
	drop(l);
}

static int answer(const struct log_job *j, bool known, const char *run_id, struct buf *out,
		  uint64_t *ret_size, struct err *err)
{
	if (j->r == -EIO)
		return err_set(err, -EIO, "could not read the log");
	if (j->r && known) {
		*ret_size = 0;          /* it has not begun */
		return 0;
	}
	if (j->r)
		return err_set(err, ENGINE_E_GONE, "the log of run %s is not kept any more", run_id);
	buf_add(out, j->data.data, j->data.len);
	*ret_size = j->size;
	return 0;
}

int slurm_log_read(struct slurm *s, const char *run_id, int stream, uint64_t offset,
		    struct buf *out, uint64_t *ret_size, struct err *err)
{
	static const char hangs[] = "the shared directory does not answer";
	struct log_job *j;
	int r;

	if (!s->conf.dir)
		return err_set(err, ENGINE_E_GONE, "pool %s has no shared directory, so its logs "
			       "stay on the cluster", s->pool->name);
	if (!run_id_ok(run_id))
		return err_set(err, ENGINE_E_GONE, "the log of run %s is not kept any more", run_id);
	if (s->log_hangs || slurm_files_hang(s))
		return err_set(err, ENGINE_E_SILENT, "%s", hangs);
	if (!s->logs)
		s->logs = worker_new(s->loop);
	j = mem_alloc(sizeof(*j));
	*j = (struct log_job){ .worker = { .do_it = work, .done = over, .drop = drop }, .s = s,
			       .dir = mem_alloc(strlen(s->conf.dir) + RUN_ID_MAX + 2),
			       .file = stream == 1 ? "stdout" : "stderr", .offset = offset };
	buf_init(&j->data, out->max - out->len);
	sprintf(j->dir, "%s/%s", s->conf.dir, run_id);
	s->log_hangs = !worker_add_wait(s->logs, &j->worker, LOG_WAIT_MS);
	if (s->log_hangs)
		return err_set(err, ENGINE_E_SILENT, "%s", hangs);
	r = answer(j, slurm_run_find(s, run_id) != NULL, run_id, out, ret_size, err);
	drop(&j->worker);
	return r;
}
