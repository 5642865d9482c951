/* sbatch.h - a batch file for Slurm becomes the document of a task
 *
 * Directives are read as sbatch reads them (sbatch(1), "#SBATCH" lines): at the start of a line,
 * before the first line that is neither empty nor a comment; several on a line; quotes,
 * backslashes and # as there; the later wins, and the command line over the file.  What Suanlu
 * cannot do is refused with the line, never passed over.  `#SUANLU --level=2` lines
 * hold options of `suanlu submit` that sbatch lacks.  doc/sbatch.md says what each becomes.
 *
 * Nothing here does I/O or reads the environment: both are arguments.
 */
#ifndef CMD_SBATCH_H
#define CMD_SBATCH_H

#include "base/buf.h"
#include "base/err.h"
#include "cmd/opt.h"

#include <jansson.h>
#include <stdint.h>

enum {
	SBATCH_FIRST = 1000,            /* keys of options without a letter */
	SBATCH_WORDS_MAX = 512,         /* directives of one file and command line together */
	SBATCH_OPTS_MAX = 160,
};

struct sbatch_given {
	int key;                        /* of sbatch_options() */
	const char *value;              /* NULL: it takes none */
};

struct sbatch_in {
	const char *path;               /* for messages and the name of the task */
	const char *text;               /* the file, `len` bytes and a NUL */
	size_t len;
	const struct sbatch_given *given;       /* from the command line */
	size_t ngiven;
	int argc;                       /* what follows the file: arguments of the script */
	char **argv;
	const char *dir, *user, *host;  /* where it is submitted, and by whom */
	char **environ;                 /* for --export, ended by NULL */
	const json_t *map;              /* doc/sbatch.md, "Mapping"; NULL: none */
	int64_t now_ms;
};

struct sbatch_out {
	json_t *doc;                    /* a new reference */
	struct buf notes;               /* lines for people: what was taken but has no effect */
	bool wait, dry;                 /* --wait, --test-only */
};

/* By its name, or: it begins with #! and has a line that begins with #SBATCH. */
bool sbatch_named(const char *path);
bool sbatch_is(const char *text, size_t len);

/* 0, or ERR_E_INPUT with words ("job.sbatch:7: …") in the reader's language and err->line.
 * *ret is to be freed by sbatch_done() in every case. */
int sbatch_task(const struct sbatch_in *in, struct sbatch_out *ret, struct err *err);
void sbatch_done(struct sbatch_out *o);

/* Every option of sbatch as rows for opt.h, hidden from help; written to `out`, which has
 * room for SBATCH_OPTS_MAX, and ended.  The number of rows. */
size_t sbatch_options(struct opt *out);
bool sbatch_has(const char *name);

/* What sbatch calls an option of `suanlu submit` that a batch file may not have
 * ("cpus": "cpus-per-task"), or NULL: it may. */
const char *sbatch_instead(const char *name);

#endif
