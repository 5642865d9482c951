/* spec.h - options of `submit` become the document of a task
 *
 * Only the form is checked here, so that a slip is answered at once; what a node allows is
 * the daemon's to say.  doc/openapi.yaml: TaskSpec.
 */
#ifndef CMD_SPEC_H
#define CMD_SPEC_H

#include "base/err.h"
#include "cmd/opt.h"

#include <jansson.h>
#include <stdint.h>

enum {
	SPEC_FILE_MAX = 4 << 20,        /* a task file; a script in it has at most 512 KB */
	SPEC_FIRST = 300,               /* keys of these options */
};

extern const struct opt spec_opts[];

/* Put one option into the document.  0, or ERR_E_INPUT with words in the reader's language.
 * `now_ms` is for "+90m". */
int spec_option(json_t *doc, int key, const char *value, int64_t now_ms, struct err *err);

/* The operands are the command: it takes the place of a command or script that is there. */
void spec_command(json_t *doc, int argc, char **argv);

/* A task file, JSON or YAML by its name ("-": standard input, by its first character). */
int spec_file(const char *path, json_t **ret, struct err *err);

#endif
