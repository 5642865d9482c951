/* slurm_job.h - a run as a Slurm job: what is asked, what is read back, and what it means
 *
 * The run's id travels as the job's comment ("suanlu:<run id>") and name.  A job is known by
 * comment, number and time of submission together: numbers start again at 1 in every cluster
 * and are given twice when slurmctld is killed.  Pure: any thread.
 */
#ifndef ENGINE_SLURM_JOB_H
#define ENGINE_SLURM_JOB_H

#include "engine/engine.h"
#include "engine/slurm_api.h"

#define SLURM_COMMENT "suanlu:"

enum slurm_state {
	SLURM_UNKNOWN = 1,              /* a word of a version we do not know: waits */
	SLURM_PENDING, SLURM_RUNNING, SLURM_SUSPENDED, SLURM_COMPLETED, SLURM_CANCELLED,
	SLURM_FAILED, SLURM_TIMEOUT, SLURM_NODE_FAIL, SLURM_PREEMPTED, SLURM_BOOT_FAIL,
	SLURM_DEADLINE, SLURM_OUT_OF_MEMORY, SLURM_REVOKED, SLURM_REQUEUED,
};

/* A job as a listing shows it, cut down to what counts. */
struct slurm_job {
	char run_id[RUN_ID_MAX + 1];    /* "": not one of ours */
	const char *told;               /* by its script, after that in the comment; NULL: nothing.  Lies
	                                 * in what it was decoded from */
	uint64_t id;
	enum slurm_state state;
	bool completing;                /* its processes are being ended: not over yet */
	bool has_exit;
	int exit_code, signal;          /* taken apart */
	uint32_t restarts;
	int64_t submit_s, start_s, end_s;        /* by the cluster's clock; 0: not yet.  end_s of a
	                                          * running job is the latest end */
	int64_t limit_s;                /* its walltime limit, 0: not known */
	uint32_t cpus, nodes;           /* cpus of all nodes together */
	uint64_t memory_mb;             /* on each node */
	uint32_t devices;               /* likewise */
	char reason[48], words[120];    /* state_reason, state_description */
	char hosts[200];                /* as Slurm writes it; cut off when longer */
};

/* False: no job at all. */
bool slurm_job_decode(const json_t *j, struct slurm_job *ret);
bool slurm_state_over(enum slurm_state s);
const char *slurm_state_name(enum slurm_state s);

enum slurm_verdict {
	SLURM_WAITS = 1,                /* queued in the cluster */
	SLURM_HELD,                     /* queued, but somebody holds it back */
	SLURM_RUNS,
	SLURM_ENDED,                    /* over: the event says how */
	SLURM_LOST,                     /* over, through no fault of its own */
	SLURM_STUCK,                    /* not over, but must be ended: then the event is true */
};

/* What the state of a job means for its run.  `stopping`: we asked for its end.  For ENDED,
 * LOST and STUCK *ev says what to report (its text points into `text`). */
enum slurm_verdict slurm_job_verdict(const struct slurm_job *j, bool stopping,
				     struct engine_event *ev, char *text, size_t size);

/* How jobs are asked for on one pool. */
struct slurm_terms {
	const char *account, *qos, *constraint, *partition;     /* "": none */
	const char *gres;               /* "gpu:ascend910b", or "": no devices */
	const char *dir;                /* where the job's shell begins */
	const char *const *exclude;     /* nodes that it must not take */
	uint32_t nexclude;
	const char *output;             /* its standard output, should the script not even begin */
};

/* The request body; `script` is the batch script.  Owned by the caller (free). */
char *slurm_job_encode(const struct slurm_api *api, const struct run_spec *r,
		       const struct slurm_terms *t, const char *script);

/* The same for a submission that is repeated, though the first may still be accepted: two jobs of its name
 * never run side by side, where no shared directory keeps the second from beginning. */
char *slurm_job_again(const char *body);

/* What slurmrestd answered to a submission. */
enum slurm_submitted {
	SLURM_ACCEPTED = 1,
	SLURM_REFUSED,                  /* this job, for good: words say why */
	SLURM_REFUSED_HAS_JOB,          /* the same, yet a job is there that will wait for ever */
	SLURM_TURNED_AWAY,              /* not now: nothing was accepted, and it is not the job */
	SLURM_BAD_TOKEN,                /* nothing was accepted */
	SLURM_UNSURE,                   /* it may have been accepted */
	SLURM_UNSURE_TOKEN,             /* the token is bad, or the controller died meanwhile */
};
enum slurm_submitted slurm_job_submitted(unsigned status, const char *type, const char *body,
					 size_t n, uint64_t *ret_job, char *text, size_t size);

#endif
