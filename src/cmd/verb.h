/* verb.h - a verb with parts that makes a document of its options and asks the daemon once or
 * more: `suanlu voucher new --face 500` */
#ifndef CMD_VERB_H
#define CMD_VERB_H

#include "cmd/opt.h"
#include "cmd/remote.h"

struct verb {
	const char *name;
	const struct opt *opts;
	const char *dflt;               /* the part when none is given … */
	const char *alone;              /* … the parts without a name, and those with one: "ls|own" */
	const char *named;
	const char *takes;              /* those that take options */
	/* An option into the document; 0, or CMD_USAGE and said. */
	int (*option)(json_t *doc, int key, const char *value);
	/* Is it whole?  As above; may be NULL. */
	int (*check)(const struct opt_part *p, const json_t *doc);
	int (*run)(struct remote *r, const struct opt_part *p, json_t *doc);    /* the exit code */
};

int verb_run(const struct verb *v, int argc, char **argv);

#endif
