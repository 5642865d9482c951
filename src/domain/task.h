/* task.h - work somebody wants done, and its life
 *
 *   SUBMITTED --wait--> WAITING --choose--> SENDING --accept--> QUEUED --start--> RUNNING
 *
 *   refuse:   SUBMITTED | WAITING -> REFUSED        no pool could ever take it
 *   give_up:  SUBMITTED | WAITING -> FAILED         deadline passed, dependency failed, lost too often
 *   start:    SENDING | QUEUED -> RUNNING           engines may skip a step
 *   done, fail:  SENDING | QUEUED | RUNNING -> DONE, FAILED
 *   retry, lost: SENDING | QUEUED | RUNNING -> WAITING
 *   cancel:   SUBMITTED | WAITING -> CANCELLED at once; SENDING | QUEUED | RUNNING stay
 *             (the wish is noted, the engine is asked) until `cancelled` is reported
 *   cancelled: SENDING | QUEUED | RUNNING -> CANCELLED
 *
 * A submission of an array makes several tasks that share one spec.  Numbers are
 * dense: the submission has the number of its first task.  A task is written "12", an
 * element of an array "12_3" (number of the submission, array index).
 */
#ifndef DOMAIN_TASK_H
#define DOMAIN_TASK_H

#include "base/json.h"
#include "domain/accel.h"
#include "domain/level.h"
#include "domain/pool.h"

#include <stdint.h>

enum task_state {
	TASK_NONE,              /* zero is never a valid state */
	TASK_SUBMITTED,
	TASK_WAITING,
	TASK_SENDING,
	TASK_QUEUED,
	TASK_RUNNING,
	TASK_DONE,
	TASK_FAILED,
	TASK_CANCELLED,
	TASK_REFUSED,
	TASK_STATE_COUNT
};

enum task_event {
	TASK_EV_WAIT, TASK_EV_REFUSE, TASK_EV_GIVE_UP, TASK_EV_CHOOSE, TASK_EV_ACCEPT,
	TASK_EV_START, TASK_EV_DONE, TASK_EV_FAIL, TASK_EV_RETRY, TASK_EV_LOST,
	TASK_EV_CANCEL, TASK_EV_CANCELLED,
	TASK_EV_COUNT
};

const char *task_state_name(enum task_state s);
int task_state_parse(const char *s, enum task_state *ret);      /* 0 or 1 */
bool task_state_final(enum task_state s);
bool task_state_on_pool(enum task_state s);             /* SENDING, QUEUED, RUNNING */

/* The state after `ev`, or TASK_NONE if `ev` cannot happen in state `s`. */
enum task_state task_next(enum task_state s, enum task_event ev);

enum {
	TASK_ARGS_MAX = 1024, TASK_ARG_LEN_MAX = 128 << 10, TASK_SCRIPT_MAX = 512 << 10,
	TASK_ENV_MAX = 256, TASK_IO_MAX = 256, TASK_AFTER_MAX = 64,
	TASK_POOLS_MAX = 16,
	TASK_ARRAY_MAX = 100000, TASK_RETRIES_MAX = 10, TASK_LOST_MAX = 8,
	TASK_URL_MAX = 2048, TASK_WALLTIME_MAX_S = 30 * 86400,
	TASK_ID_TEXT_MAX = 32,
	TASK_META_MAX = 64 << 10, TASK_META_DEPTH_MAX = 16,     /* the journal nests it deeper */
};

#define TASK_BYTES_MAX (1ULL << 60)     /* of one input */

struct task_input {
	const char *dataset;            /* name, or NULL: the url below */
	const char *url;                /* file:///…, http://…, https://… */
	const char *path;               /* relative, inside the work directory */
	uint64_t size_mb;               /* declared, for forecasts only; 0: not known */
	uint64_t size;                  /* bytes that must arrive; 0: any (or the data set's) */
	const char *sha256;             /* of what must arrive, 64 hex digits; NULL: any (same) */
};

struct task_output {
	const char *path, *url;         /* url: file:///… or http(s) PUT */
};

enum after_when { AFTER_DONE, AFTER_ENDED, AFTER_FAILED };      /* afterok, afterany, afternotok */

struct task_after {
	uint64_t sub;                   /* submission */
	uint64_t task;                  /* 0: all of it; else sub + the array index of one element,
	                                 * whose number only task_after_no() can tell */
	enum after_when when;
};

/* What matters, in one unit: money x money_milli/1000 + seconds x time + grams x carbon. */
struct prefer {
	uint32_t money_milli;
	int64_t time_micro_per_s;
	int64_t carbon_micro_per_g;
	const char *profile;            /* "balanced" …, or "custom" */
};

struct task_spec {
	struct arena arena;
	uint32_t refs;
	const char *name, *tenant, *owner, *kind;        /* owner: the token's name */
	uint32_t ncommand;
	const char *const *command;     /* argv; or */
	const char *script;             /* a /bin/sh script; exactly one of the two */
	const char *image;              /* NULL: none */
	uint32_t nenv;                  /* pairs */
	const char *const *env;
	uint32_t nodes;                 /* gang: all or none */
	uint32_t cpu_milli, memory_mb;  /* on each node */
	struct accel_need accel;        /* on each node */
	uint32_t walltime_s;            /* hard limit of a run; default 3600 */
	uint32_t ninputs, noutputs, nafter;
	const struct task_input *inputs;
	const struct task_output *outputs;
	const struct task_after *after;
	enum level level;               /* declared, raised to the highest input */
	const char *stay_within;        /* region, or NULL */
	const char *data_region;        /* where the undeclared inputs are, or NULL */
	const char *near;               /* the region of its users, with … */
	uint32_t max_latency_ms;        /* … this bound; 0: none */
	uint32_t npools;                /* 0: any pool; else only these */
	const char *const *pools;
	int64_t deadline_ms;            /* 0: none */
	int64_t budget_micro;           /* of one task; 0: none */
	struct prefer prefer;
	uint32_t retries;
	const char *idempotency_key;    /* NULL: none */
	uint32_t array_n;               /* elements; 1 when it is not an array */
	uint32_t array_limit;           /* alive at once; 0: no limit */
	const uint32_t *array;          /* indices, NULL when it is not an array */
	const char *array_text;         /* as given, "0-9:2%4" */
	const char *meta;               /* compact JSON object of a border (TES), or NULL; not ours
	                                 * to read */
};

/* What a run used, as the engine measured it. */
struct usage {
	int64_t run_ms;                 /* wall time on the pool, inputs and outputs included */
	int64_t cpu_ms;
	uint64_t memory_peak_mb;
	uint64_t out_bytes, out_dropped;        /* of stdout and stderr */
};

/* An output that was stored, as it was where it was made. */
struct run_output {
	uint32_t no;                    /* of spec->outputs */
	bool tree;                      /* a directory: it has neither of these */
	uint64_t size;                  /* bytes */
	char sha256[65];
};

/* How a run ended.  NONE while it has not. */
enum run_phase { PHASE_NONE, PHASE_INPUT, PHASE_COMMAND, PHASE_OUTPUT };
enum run_end {
	RUN_END_NONE, RUN_END_EXIT, RUN_END_SIGNAL, RUN_END_WALLTIME, RUN_END_MEMORY,
	RUN_END_STOPPED, RUN_END_NOT_STARTED,
};
const char *run_end_name(enum run_end e);               /* "exit" …, "none" */
const char *run_phase_name(enum run_phase p);           /* "command" …, "none" */

struct task {
	uint64_t no;
	struct task_spec *spec;         /* shared, counted */
	uint64_t sub;                   /* number of the submission */
	uint32_t index;                 /* array index, 0 when not an array */
	enum task_state state;
	uint32_t attempt;               /* runs so far */
	uint32_t lost, failures;        /* of them */
	uint32_t choices;               /* pools that could have had the last run */
	bool cancel_wanted, backing_off;
	bool recalled;                  /* its pool may not see it any more: the run is being stopped */
	const char *reason;             /* code of the last refusal, wait or failure; static, or NULL */
	uint32_t pool;                  /* of the current or last run; UINT32_MAX: none yet */
	int64_t submitted_ms, chosen_ms, started_ms, ended_ms;
	int64_t retry_ms;               /* not before this time */
	int64_t wait_p50_s, run_p50_s;  /* forecast at the choice, to be scored */
	int exit_code;                  /* of the last ended run */
	enum run_end end;
	enum run_phase phase;           /* in which it ended */
	struct usage usage;             /* of the last ended run */
	int64_t cost_micro;             /* of all runs together */
	int64_t energy_j, carbon_mg;    /* likewise; joules, milligrams: short runs count too */
	struct task *next, *prev;       /* for lists kept by flow */
	void *bucket, *home;            /* flow's own: the queue it stands in, its submission */
};

/* What decoding needs to know of the world. */
struct task_world {
	const struct catalogue *catalogue;
	const struct prefer *profiles;  /* table ended by a NULL profile */
	const char *tenant, *owner;     /* of the token */
	int64_t now_ms;
};

/* Decode a submission.  *ret has one reference (task_spec_unref). */
int task_spec_decode(const json_t *json, const struct task_world *w, struct task_spec **ret,
		     struct err *err);
struct task_spec *task_spec_ref(struct task_spec *s);
struct task_spec *task_spec_unref(struct task_spec *s);  /* takes NULL; NULL back */

/* The same document again, every default written out (new reference).  Decoding it
 * gives an equal spec: this is what the journal keeps. */
json_t *task_spec_json(const struct task_spec *s, const struct catalogue *c);

/* The four profiles with their weights and where these come from: see prefer.c. */
extern const struct prefer prefer_profiles[];

/* The path that a file:/// URL means, percent-decoded, into `out`: 0, or 1 (not such a URL, too long). */
int file_url_path(const char *url, char *out, size_t size);

/* `text` with every {index} replaced by an element's (of an array only), to be freed. */
#define TASK_INDEX_MARK "{index}"
char *task_put_index(const struct task_spec *s, uint32_t index, const char *text);

/* "12" or "12_3".  parse: *ret_index is -1 for the first form. */
int task_id_parse(const char *s, uint64_t *ret_sub, int64_t *ret_index);        /* 0 or 1 */
/* The number of the one task that `a` names (a->task not 0), `of` being the spec of the
 * submission a->sub; 0 when it has no such element.  Indices have gaps: "1-9:4". */
uint64_t task_after_no(const struct task_after *a, const struct task_spec *of);
char *task_id_text(uint64_t sub, const struct task_spec *s, uint32_t index,
		   char out[TASK_ID_TEXT_MAX]);

/* "0-9", "1,3,5-7", "0-100:10", each with "%4": indices ascending, without doubles. */
int array_parse(const char *s, struct arena *a, const uint32_t **ret, uint32_t *ret_n,
		uint32_t *ret_limit, struct err *err);

/* What a run cost and burned.  Formulas and their sources stand above the functions in
 * meter.c; shared by forecasts and bills.
 *
 * What is billed: the share that was reserved for the run on each node (cpus, and share of
 * each device), used or not, for the wall time that its engine measured (usage.run_ms, inputs
 * and outputs included), at the rate of price_at() when the pool was chosen. */
int64_t meter_cost_micro(const struct rate *r, uint32_t nodes, uint32_t cpu_milli,
			 uint32_t accels, uint32_t accel_milli, int64_t run_ms);
/* Would it be more than max_micro?  Quicker than the cost, and never wrong by rounding down. */
bool meter_over(const struct rate *r, uint32_t nodes, uint32_t cpu_milli, uint32_t accels,
		uint32_t accel_milli, int64_t run_ms, int64_t max_micro);
int64_t meter_energy_j(const struct pool *p, const struct catalogue *c, uint32_t nodes,
			uint32_t cpu_milli, uint32_t accels, uint32_t accel_milli, int64_t run_ms);
int64_t meter_carbon_mg(const struct pool *p, int64_t energy_j, int64_t start_ms, int64_t run_ms);

#endif
