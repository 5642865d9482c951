/* engine.h - what an engine can be asked to do, and what it reports
 *
 * An engine acts; it never decides.  One instance serves one pool.  Calls come on the
 * loop thread, do not block, and are answered later by an event.  A run id is the same
 * run everywhere: asking twice is harmless, because a restart asks again.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "base/err.h"
#include "base/json.h"
#include "domain/label.h"
#include "domain/pool.h"
#include "domain/task.h"

#include <uv.h>

struct engine;

enum {
	ENGINE_E_FULL = 1,      /* no room now; nothing was started */
	ENGINE_E_GONE,          /* this run is not known to the engine */
	ENGINE_E_FORBIDDEN,     /* the label of its data does not allow this pool; nothing was started */
	ENGINE_E_SILENT,        /* who knows it does not answer at the moment */
	RUN_ID_MAX = 64,        /* "<node>-<task>-<attempt>": [a-z0-9-] */
	RUN_TEXT_MAX = 600,     /* bytes with the 0 of what an engine says of an end */
};

struct run_input {
	const char *url;
	uint64_t size;                  /* bytes that must arrive; 0: any */
	const char *sha256;             /* of what must arrive, 64 hex digits; NULL: any */
};

/* Owned by flow, valid for the call only. */
struct run_spec {
	const char *run_id;
	const struct task_spec *spec;
	uint64_t task;
	uint32_t index, attempt;
	const struct placement *place;
	const struct pool *pool;
	struct label label;             /* of its data as they were when it was sent … */
	enum level clearance;           /* … and what the pool may see, as flow saw it then */
	uint32_t ninputs;               /* of spec->ninputs, datasets resolved */
	const struct run_input *inputs;
	const char *const *read_roots;  /* NULL-terminated: file: inputs must lie below one of them */
	const char *const *write_roots;
	const char *const *inner_hosts; /* NULL-terminated or NULL: of inner networks, these may be asked */
	const char *accel;              /* catalogue name of the devices it gets, NULL: none */
};

enum engine_event_kind {
	ENGINE_EV_ACCEPTED = 1, /* the engine has queued it */
	ENGINE_EV_STARTED,
	ENGINE_EV_ENDED,
	ENGINE_EV_LOST,         /* it vanished: it is over, and nobody knows how */
	ENGINE_EV_POOL,         /* news of the pool: `up` and `text`, perhaps `nodes`; of one that is
	                         * down already: it is for another reason now */
	ENGINE_EV_ABSENT,       /* the answer to adopt(), where that takes time: the engine has never
	                         * started it, and never will unless asked again */
	ENGINE_EV_RETURNED,     /* it has not begun and never will; not the task's fault: it may be
	                         * chosen anew */
};

struct engine_event {
	enum engine_event_kind kind;
	const char *run_id;
	int64_t at_ms;                  /* when it happened, 0: now */
	int exit_code;                  /* ENDED, END_EXIT; 128 + n for a signal */
	enum run_end end;
	enum run_phase phase;
	struct usage usage;
	uint32_t noutputs;              /* ENDED: stored so far, by ascending number; valid for the call */
	const struct run_output *outputs;
	bool up;
	const struct pool_seen *seen;   /* POOL: the machines as the engine sees them, or NULL */
	uint32_t nnodes;                /* STARTED: where it runs, if the engine chose that: … */
	const uint32_t *nodes;          /* … numbers in `seen` */
	const char *text;               /* words for people, or NULL */
	const char *text_zh;            /* POOL: the same in Chinese, or NULL */
};

struct engine_host {
	void *arg;
	void (*event)(void *arg, const struct pool *p, const struct engine_event *ev);
	/* May this pool end what it finds of a run that it knows nothing of?  Not if the run is of another
	 * node, for several may share a cluster; nor if it is on another pool, which may be another
	 * part of that cluster.  May be NULL: never. */
	bool (*ours)(void *arg, const struct pool *p, const char *run_id);
};

struct engine_ops {
	const char *name;       /* as written in the configuration file */
	bool in_process;        /* lives as long as we do: its news is never stale */
	bool may_be_silent;     /* its runs may go on where it cannot ask: they may be declared lost */
	bool tells_nodes;       /* the pool's nodes come from POOL events, not from its declaration */

	/* Make an instance.  `options` is the pool's own section.  `dir`: a directory for its
	 * files, below the daemon's.  May block (start-up only). */
	int (*open)(uv_loop_t *loop, const struct pool *p, const json_t *options, const char *dir,
		    const struct engine_host *host, struct engine **ret, struct err *err);

	/* Begin a run; engine_permit() is asked before anything of it leaves this process.
	 * 0: taken up; STARTED, then ENDED or LOST, will come (ENDED may come without STARTED), or
	 * RETURNED instead.  For a run id it already has: 0, and its events are repeated. */
	int (*start)(struct engine *e, const struct run_spec *spec, struct err *err);

	/* Find a run after a restart.  0: known, and its events are (re)posted; or still looked for,
	 * and ABSENT comes if it is not found; or RETURNED, if the engine has made sure that it will
	 * never begin under this id.  ENGINE_E_GONE: the engine has never started it, so
	 * it is safe to start it. */
	int (*adopt)(struct engine *e, const char *run_id, struct err *err);

	/* Ask for the end within grace_ms; ENDED (RUN_END_STOPPED) will come, or whatever it came to
	 * before. */
	int (*stop)(struct engine *e, const char *run_id, unsigned grace_ms, struct err *err);

	/* The end is in the journal: the engine may forget the run and, later, its files.  One that may
	 * be silent is also told so of a run that was declared lost: it lets go of it in whatever state,
	 * and ends what it finds of it later (host.ours). */
	void (*settle)(struct engine *e, const char *run_id);

	/* Read a log from `offset` (stream 1 stdout, 2 stderr): bytes put into `out`, at most
	 * out->max; *ret_size is the size so far.  ENGINE_E_GONE: no such log;
	 * ENGINE_E_SILENT: nobody can say now.  Blocks for one read of a file at most. */
	int (*log)(struct engine *e, const char *run_id, int stream, uint64_t offset,
		   struct buf *out, uint64_t *ret_size, struct err *err);

	/* What is enforced and how, e.g. {"cpu":"cgroup v1","memory":…,"pids":…} (new reference). */
	json_t *(*describe)(const struct engine *e);

	/* Let go of everything; runs go on.  NULL back. */
	struct engine *(*free)(struct engine *e);
};

/* An implementation puts this first in its own struct. */
struct engine {
	const struct engine_ops *ops;
};

/* The rule about data, once more, at the last door: by the label that was handed over, by the
 * task's own, and by the pool as it is at this moment.  0 or ENGINE_E_FORBIDDEN.  Every engine
 * calls it before it starts a run. */
int engine_permit(const struct run_spec *r, struct err *err);

/* Give `ev` outputs of its own, which are returned to be freed. */
struct run_output *engine_outputs_copy(struct engine_event *ev);

extern const struct engine_ops engine_local;
extern const struct engine_ops engine_fake;
extern const struct engine_ops engine_slurm;

/* NULL-terminated table of all of them. */
extern const struct engine_ops *const engines[];
const struct engine_ops *engine_find(const char *name);

#endif
