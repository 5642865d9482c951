/* opt.h - options of a verb as a table: read, checked and explained from one place */
#ifndef CMD_OPT_H
#define CMD_OPT_H

#include <stdbool.h>

enum {
	OPT_END = -1,           /* no more; argv[scan.at …] are the operands */
	OPT_BAD = -2,           /* said so on standard error: return CMD_USAGE */
	OPT_HELP = -3,          /* printed: return CMD_OK */
	OPT_MAX = 224,          /* our own and all of sbatch's */
};

/* `key` is the letter of the short form, or a number from 256 on. */
struct opt {
	int key;
	const char *name;
	const char *arg;        /* "N", or NULL: takes none */
	const char *en, *zh;    /* NULL: not shown in help */
};

struct opt_scan {
	const char *verb;
	const struct opt *opts; /* ended by a NULL name */
	int argc;
	char **argv;
	bool strict;            /* the first operand ends the options (a command follows) */
	bool begun, help;       /* our own */
	int at;
	const char *value;      /* of the option just returned */
};

/* The key of the next option.  The global options are dealt with here. */
int opt_next(struct opt_scan *s);

/* The operands of a verb with parts, `suanlu pools show NAME`: the part (`dflt` when none is
 * given) and at most one name, which `named` parts (a list of words apart by '|') need and
 * the others may not have.  0, or CMD_USAGE, said. */
struct opt_part {
	const char *part, *name;
};
bool opt_listed(const char *list, const char *word);
int opt_part(const struct opt_scan *s, const char *dflt, const char *named, struct opt_part *ret);

/* For the part before the verb. */
extern const struct opt opt_globals[];
void opt_print(const struct opt *opts);         /* aligned help lines */

/* "suanlu VERB: " + words, and where help is.  Returns CMD_USAGE. */
int opt_usage(const char *verb, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
