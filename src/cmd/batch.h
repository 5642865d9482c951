/* batch.h - `suanlu submit job.sbatch`: the command line around sbatch.h */
#ifndef CMD_BATCH_H
#define CMD_BATCH_H

#include "cmd/sbatch.h"

enum { BATCH_GIVEN_MAX = 256 };

struct batch {
	const char *path, *map;         /* map: NULL for $SUANLU_SBATCH_MAP, or none */
	struct sbatch_given given[BATCH_GIVEN_MAX];
	size_t ngiven;
	struct buf text;
};

/* Is the first operand of `submit` a batch file?  The three tables say which options take a
 * value.  It is one when it begins with #! and has an #SBATCH line, or by its name when it
 * is not a program.  Then it is read into `ret` (batch_done() in every case), or `err` says
 * why it cannot be. */
bool batch_find(int argc, char **argv, const struct opt *own, struct batch *ret, int *ret_r,
		struct err *err);
void batch_done(struct batch *b);

/* argv: what follows the file.  As sbatch_task(). */
int batch_task(const struct batch *b, int argc, char **argv, struct sbatch_out *ret,
	       struct err *err);

#endif
