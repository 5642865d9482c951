/* tes.h - the GA4GH TES 1.1 border; private to api/tes*.c
 *
 * A TES task becomes a native task: its executors, inputs by value and output patterns a
 * script (tes_script.c), its inputs and outputs by url native ones, its resources native
 * fields.  The document itself rides along as `meta`:
 *
 *	{"tes": {…no contents}, "notes": ["…"], "contents": [[offset, length], null, …]}
 *
 * contents: where in the script the content of each input is, quoted for the shell.
 * A client of the native API can write a meta of its own, so readers trust nothing in it.
 * What the script reports, it reports on standard error, in lines that begin with
 * "suanlu: RUN-ID: "; tes_log.c reads them back.  See doc/tes.md.
 */
#ifndef API_TES_H
#define API_TES_H

#include "api/call.h"

#include "base/clock.h"

enum {
	TES_EXECUTORS_MAX = 64,         /* each is a process after the other; engines send one */
	TES_IO_MAX = TASK_IO_MAX,
	TES_VOLUMES_MAX = 64,
	TES_TAGS_MAX = 256,
	TES_PATH_MAX = 1000,            /* with "root" in front it is a native path */
	TES_DIRS_MAX = 2048,            /* directories made for the paths of one task */
	TES_SHOWN_MAX = 64 << 10,       /* of a stdout or stderr in the FULL view: its end */
	TES_OUTPUTS_MAX = 1000,         /* files listed of one output */
};

enum tes_view { TES_MINIMAL, TES_BASIC, TES_FULL };

/* Paths are absolute, without empty, . and .. parts and without a slash at the end. */
struct tes_input {
	const char *path, *url, *content;       /* content: NULL, or url is */
	bool dir;
};

struct tes_output {
	const char *path, *url, *prefix;
	bool dir, wild;                 /* wild: the path is a pattern, prefix is not NULL */
};

struct tes_executor {
	const char *image;
	uint32_t ncommand, nenv;
	const char *const *command;
	const char *const *env;         /* pairs */
	const char *workdir;            /* NULL: "/" */
	const char *in, *out, *err;     /* paths, or NULL */
	bool ignore_error;
};

/* A TES document, checked; everything is in the arena. */
struct tes_doc {
	struct arena *arena;
	const char *name;
	uint32_t ninputs, noutputs, nexecutors, nvolumes;
	struct tes_input *inputs;
	struct tes_output *outputs;
	struct tes_executor *executors;
	const char **volumes;
	json_t *shown;                  /* as it is given back; owned by the caller */
	json_t *native;                 /* fields that resources became; owned by the caller */
	json_t *notes;                  /* list of texts; owned by the caller */
};

/* ---- tes_doc.c: read ---- */
int tes_doc_read(const json_t *json, struct arena *a, struct tes_doc *ret, struct err *err);
void tes_doc_done(struct tes_doc *d);           /* takes a zeroed one */
extern const char *const tes_keys[];            /* of backend_parameters, NULL-terminated */

/* ---- tes_spec.c: the native task ---- */
int tes_native(const struct tes_doc *d, json_t **ret, struct err *err);
/* Make a refusal of the native decoder speak of the TES document. */
void tes_blame(const struct tes_doc *d, struct err *err);
/* The same url for a native task: paths become file:, odd characters %XX. */
char *tes_url(struct arena *a, const char *url);

/* ---- tes_script.c ---- */
/* contents: a list of ninputs items to be filled as in `meta`. */
int tes_script(const struct tes_doc *d, struct buf *b, json_t *contents, struct err *err);
/* The value behind `n` quoted bytes at `offset` of a script, or NULL. */
json_t *tes_unquote(const char *script, int64_t offset, int64_t n);

/* ---- tes_log.c: what a run reported ---- */
struct tes_part {                       /* of one executor */
	bool began, ended;
	int code;
	char began_at[CLOCK_TEXT_MAX], ended_at[CLOCK_TEXT_MAX];
	size_t out, out_len, err, err_len;      /* in the texts below */
};

struct tes_log {
	struct buf out, err;            /* the end of them, when they are long */
	uint32_t nparts;
	struct tes_part parts[TES_EXECUTORS_MAX];
};
void tes_log_read(struct flow *f, const struct task *t, uint32_t attempt, uint32_t nexecutors,
		  bool out, struct tes_log *ret);
void tes_log_done(struct tes_log *l);
/* The files of output `i`: fn gets sizes and paths below it ("" for a file). */
void tes_log_files(const struct tes_log *l, const char *run_id, uint32_t i,
		   void (*fn)(void *arg, int64_t size, const char *path, size_t n), void *arg);

/* ---- tes_json.c: show ---- */
const char *tes_state(const struct task *t);
bool tes_is(const struct task *t);              /* came through this border */
json_t *tes_meta(const struct task *t);         /* new reference, or NULL */
/* For `who`.  runs: all of them, or NULL: the latest, as memory knows it. */
void tes_put_task(struct buf *b, struct flow *f, const struct token *who, const struct task *t,
		  enum tes_view view, const struct run *runs, uint32_t nruns);

#endif
