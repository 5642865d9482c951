/* sbatch_part.h - what the files sbatch*.c share */
#ifndef CMD_SBATCH_PART_H
#define CMD_SBATCH_PART_H

#include "base/arena.h"
#include "cmd/sbatch.h"

enum sbatch_what {
	B_NAME, B_NTASKS, B_NODES, B_TASKS_PER_NODE, B_CPUS, B_MEM, B_MEM_CPU, B_MEM_GPU, B_GRES,
	B_GPUS, B_GPUS_NODE, B_GPUS_TASK, B_TIME, B_ARRAY, B_AFTER, B_OUTPUT, B_ERROR, B_MODE,
	B_CHDIR, B_EXPORT, B_PARTITION, B_ACCOUNT, B_QOS, B_CONSTRAINT, B_COMMENT, B_INPUT,
	B_DEADLINE, B_BEGIN, B_INVALID_DEP, B_WAIT, B_TEST,
	B_COUNT,
	B_SILENT = B_COUNT,             /* changes nothing that anybody could miss */
	B_NOTE,                         /* taken, has no effect, and that is said */
	B_REFUSED,
};

struct sbatch_row {
	const char *name;
	char letter;                    /* or 0 */
	char arg;                       /* '-' none, '=' needed, '?' may follow "=" */
	enum sbatch_what what;
	const char *en, *zh;            /* B_NOTE, B_REFUSED: what becomes of it, or what to do */
};

extern const struct sbatch_row sbatch_rows[];   /* ended by a NULL name */

struct sbatch_value {
	const char *text;               /* NULL: not given; "" for one without a value */
	unsigned line;                  /* 0: on the command line */
};

struct sbatch_job {
	const struct sbatch_in *in;
	struct sbatch_out *out;
	struct arena arena;
	struct sbatch_value got[B_COUNT];
	json_t *suanlu;                 /* [key, value, line] of #SUANLU lines */
	uint32_t ntasks, nodes, tasks_per_node, cpus_per_task;
	uint64_t mem_node, mem_cpu;     /* MB; 0: not given */
	uint32_t gpus;                  /* on each node */
	const char *name, *shebang;     /* "/bin/bash -l" */
};

/* Words about one directive, with its place.  The hint may be NULL. */
int sbatch_bad(const struct sbatch_job *j, enum sbatch_what what, struct err *err,
	       const char *words, const char *hint);
const char *sbatch_name(enum sbatch_what what);

int sbatch_read(struct sbatch_job *j, struct err *err);         /* file and options -> got */
int sbatch_fill(struct sbatch_job *j, struct err *err);         /* got -> out->doc, figures */
int sbatch_mapped(struct sbatch_job *j, struct err *err);       /* partition … -> out->doc */
int sbatch_script(struct sbatch_job *j, struct buf *b, struct err *err);
/* A type of GPU as the models it stands for (new reference). */
json_t *sbatch_models(const struct sbatch_job *j, const char *type);

#endif
