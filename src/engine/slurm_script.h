/* slurm_script.h - the batch script of a run on a Slurm cluster
 *
 * With a directory that all nodes share, DIR/<run id>/work is there before the job is asked for.  To
 * make DIR/<run id>/started is the right to begin: it is made at most once, by whoever comes first.  A
 * second job of the same run, a job that the cluster queued again, and a job of a run that was taken
 * back (by making that file before it) find it there and end with SLURM_EXIT_TAKEN.  In it stands the
 * number of the job that made it, or "taken" when it was the daemon.  Its time counts.
 * Beside it come, like those of a local run, script, stdout, stderr, phase and exit.json, in which the
 * output of `times` stands before the JSON.  A file `stop` put there ends the run within
 * SLURM_STOP_S, also when no slurmctld answers any more.
 *
 * Without one the script works in a temporary directory of the node, its output is lost, and it
 * begins only until `begin_by_s`.  What it stored it adds to the job's comment: the lines of the file
 * `outputs`, each ended by a semicolon.
 */
#ifndef ENGINE_SLURM_SCRIPT_H
#define ENGINE_SLURM_SCRIPT_H

#include "engine/engine.h"

enum {
	SLURM_EXIT_TAKEN = 121,         /* begun already, or taken back: nothing was done */
	SLURM_EXIT_DIR = 122,           /* the directory cannot be used: nothing was done */
	SLURM_EXIT_LATE = 123,          /* after begin_by_s: nothing was done */
	SLURM_STOP_S = 20,              /* looked for every 5 s, then TERM, 10 s, KILL */
	SLURM_WATCH_MIN_S = 120,        /* a run with a shorter walltime does not look */
};

/* Append it.  `dir`: the shared one, or NULL.  Errors as wrapper_write(). */
int slurm_script_write(const struct run_spec *r, const char *dir, int64_t begin_by_s, struct buf *b,
		       struct err *err);

#endif
