/* slurm_api.h - the dialects of slurmrestd, and reading any of them
 *
 * Between data models 0.0.36 and 0.0.43 the same figure changed its shape more than once.
 * Readers here take every shape that was published; only what we write has to match, and that
 * is one row of a table per version.  Shapes are those of Slurm's published OpenAPI documents
 * (slurm.schedmd.com/rest_api.html and its archive).  Pure: any thread.
 */
#ifndef ENGINE_SLURM_API_H
#define ENGINE_SLURM_API_H

#include "base/json.h"

#include <stdint.h>

/* How requests are written in one version. */
struct slurm_api {
	unsigned no;                    /* 38: /slurm/v0.0.38/ */
	bool env_list;                  /* environment: ["A=b"], before: {"A":"b"} */
	bool set_numbers;               /* {"set":true,"infinite":false,"number":5}, before: 5 */
	bool script_inside;             /* the script is a field of the job, before: beside it */
	bool nodes_text;                /* nodes: "2", before: 2 */
	bool requeue;                   /* "requeue":false is understood; before, the mere name of the
	                                 * field means true */
	bool exclude_list;              /* excluded_nodes: ["a","b"], before: exclude_nodes: "a,b", which
	                                 * its document does not name but its parser takes */
	const char *gres_key;           /* "gres" … */
	const char *gres_prefix;        /* "" … "gres/" */
};

enum { SLURM_API_OLDEST = 36, SLURM_API_NEWEST = 43 };

/* The row of a version; NULL when there is none. */
const struct slurm_api *slurm_api_find(unsigned no);

/* The newest version that both the server and we know, from the text of GET /openapi/v3 (or
 * /openapi); NULL when there is none.  *ret_offered (may be NULL): the newest offered at all. */
const struct slurm_api *slurm_api_choose(const char *text, size_t n, unsigned *ret_offered);

/* 5, "5", {"set":true,"number":5}.  False: absent, not set, infinite, or no number. */
bool slurm_num(const json_t *v, int64_t *ret);
int64_t slurm_num_or(const json_t *v, int64_t none);

/* "RUNNING" or ["RUNNING","COMPLETING"]: is the word there?  Without regard to case. */
bool slurm_has(const json_t *v, const char *word);
const char *slurm_str(const json_t *obj, const char *key);      /* "" when absent; also the
	                                                                 * first of a list */

/* A list, or the values of an object. */
#define slurm_number_set(n) json_pack("{s:b,s:b,s:I}", "set", 1, "infinite", 0, "number", (json_int_t)(n))

/* What a reply complains of. */
struct slurm_error {
	int64_t code;                   /* of Slurm, 0: none; -1: it does not say */
	char text[160];
};

/* A bad token: so newer versions say, and so a controller that hangs up on it. */
enum { SLURM_E_AUTH = 1007, SLURM_E_ZERO_BYTES = 5005 };
/* No controller answered, or not in full. */
bool slurm_error_silent(const struct slurm_error *e);

/* The error that says most, of any of the shapes.  False: there is none. */
bool slurm_error_of(const json_t *reply, struct slurm_error *ret);

/* "east-c[1-3,07-09],x": each name in turn; at most `max`.  Returns how many were told, -1
 * when it is no such list. */
typedef void (*slurm_host_fn)(void *arg, const char *name);
int slurm_hosts(const char *list, unsigned max, slurm_host_fn fn, void *arg);

#endif
