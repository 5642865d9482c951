/* slurm.h - what the files of the Slurm engine share; nobody else includes it
 *
 *   slurm.c        the operations of an engine
 *   slurm_run.c    the life of a run
 *   slurm_tell.c   what is heard of it
 *   slurm_poll.c   the connection: version, nodes, listings
 *   slurm_listing.c  a listing: jobs of ours, and of nobody
 *   slurm_seen.c   what its pool is told of a listing
 *   slurm_silent.c  is the cluster up?  Runs of one that is not
 *   slurm_files.c  the shared directory, from a thread of its own
 *   slurm_log.c    logs there
 *   slurm_rest.c   one call to slurmrestd
 * Without state: slurm_conf, slurm_api (versions), slurm_job, slurm_node, slurm_script.
 *
 * The life of a run (docs of what each state of a job means: doc/engines/slurm.md):
 *
 *   start --> SENDING --accepted--> WAITING --> RUNNING --> CHECKING --> OVER --settle--> gone
 *                |  ^                  |           |            ^
 *         unsure |  | not there        +-- its pool is silent --+   FENCING: take it back in the
 *                v  |                              |            |   shared directory, or wait for
 *   adopt --> LOOKING ------ found ----------------+            |   its end there
 *                |                             FENCING ---------+
 *                +-- adopted, not there --> CHECKING --> given back, once no job can begin any more
 */
#ifndef ENGINE_SLURM_H
#define ENGINE_SLURM_H

#include "domain/pool_seen.h"
#include "engine/engine.h"
#include "engine/slurm_api.h"
#include "engine/slurm_conf.h"
#include "engine/slurm_job.h"
#include "engine/slurm_node.h"
#include "http/fetch.h"
#include "loop/worker.h"
#include "loop/timer.h"

#include <sys/queue.h>
#include <uthash.h>

enum {
	SLURM_LOOK_MS = 3000,           /* between the two listings that say a job is not there: a
	                                 * frozen slurmctld takes a waiting request in when it thaws */
	SLURM_GONE_MS = 5000,           /* a job missing from listings for so long is gone */
	SLURM_SENDS_MAX = 3,
	SLURM_WATCH_MS = 500,
	SLURM_TEXT_MAX = 200,
};

enum slurm_run_state {
	RUN_SENDING = 1,                /* to be asked, or being asked */
	RUN_LOOKING,                    /* is there a job of it?  The next listings tell */
	RUN_WAITING, RUN_RUNNING,       /* its job is known */
	RUN_FENCING,                    /* taken back, its end not certain yet */
	RUN_CHECKING,                   /* over; what does the shared directory say? */
	RUN_OVER,
};

struct slurm;

struct slurm_run {
	char id[RUN_ID_MAX + 1];
	struct slurm *s;
	enum slurm_run_state state;
	char *body;                     /* the request; kept while it may have to be sent again */
	struct fetch_call *call;        /* the submission under way */
	struct fetch_call *cancel;      /* a DELETE under way */
	uint64_t job;                   /* 0: not known */
	uint64_t holder;                /* the job that made `started`; 0: none, or not known */
	bool idle_job;                  /* a job of it did nothing, as another had begun: such end as 121 */
	int64_t submit_s;
	bool adopted;                   /* from an earlier life: not ours to send */
	bool stop_wanted;
	bool cancel_sent;
	bool maybe_token;               /* LOOKING: perhaps only because of a bad token */
	bool told_started;
	bool checking;                  /* somebody looks into its directory */
	bool look_again;                /* asked for meanwhile */
	unsigned looks, sends;
	int64_t look_from_ms;           /* listings begun before this say nothing about it */
	int64_t seen_ms;                /* the listing that it was in: when that one was begun */
	int64_t missing_ms;             /* not in the listings since; 0: it is */
	int64_t held_ms;                /* held back since; 0: it is not */
	int64_t start_ms;               /* by the cluster's clock */
	char *hosts;                    /* where it runs, as Slurm writes it; NULL: not known */
	bool has_fate;                  /* to be reported instead of "cancelled" once it is over */
	struct engine_event fate, end;
	char fate_text[SLURM_TEXT_MAX], text[RUN_TEXT_MAX];
	bool queued;                    /* for report() */
	TAILQ_ENTRY(slurm_run) link;
	UT_hash_handle hh;
};

/* What a listing said, made by a worker. */
struct slurm_listing {
	struct arena arena;
	uint32_t nours, nothers;
	struct slurm_job *ours, *others;        /* others: not over */
	struct err err;
	int r;
};

struct slurm {
	struct engine engine;
	uv_loop_t *loop;
	const struct pool *pool;
	struct engine_host host;
	struct slurm_conf conf;
	struct fetch *submit, *control; /* listings must not stand behind a thousand submissions */
	const struct slurm_api *api;    /* NULL: not connected */
	char release[32];
	struct slurm_run *runs;
	TAILQ_HEAD(, slurm_run) news;
	struct timer *now;
	unsigned works;                 /* workers that still point here */
	bool freed;

	/* slurm_poll.c */
	struct slurm_orphan *orphans;   /* running jobs of ours that nobody here wants */
	struct timer *poll, *watch;
	struct fetch_call *poll_call;
	int step;
	bool down, told_up, token_bad;
	char why[SLURM_TEXT_MAX], told_why[SLURM_TEXT_MAX];
	const char *why_zh;             /* static, or NULL */
	int64_t ok_ms, down_ms, due_ms, list_begun_ms, nodes_ms, list_took_ms;
	int64_t round_ms;               /* the latest round of questions: when it was begun */
	int64_t asked_ms;               /* the first without a listing since ok_ms; 0: none */
	int64_t slow_ms;                /* what a round takes: the longest, soon forgotten */
	int64_t looked_ms;              /* while silent, into the directory */
	struct slurm_listing *seen;     /* the latest */
	struct arena nodes_arena;
	uint32_t nnodes;
	struct slurm_node *nodes;
	double ends_per_s;              /* of our runs, lately */
	unsigned ended;                 /* since rate_ms */
	int64_t rate_ms;

	/* slurm_files.c */
	struct worker *files, *logs;    /* NULL: not needed yet */
	bool log_hangs;                 /* a read has not come back */
	bool dir_busy, dir_ok;          /* a probe is under way; the last one was well */
	int64_t dir_asked_ms, sweep_ms;
	long sweep_at;
	unsigned look_from;             /* the run that the next look between listings begins with */
};

/* ---- slurm.c ---- */

void slurm_work_over(struct slurm *s);          /* a worker is back; frees what waited for that */

/* ---- slurm_run.c ---- */

struct slurm_run *slurm_run_find(struct slurm *s, const char *run_id);
struct slurm_run *slurm_run_add(struct slurm *s, const char *run_id, enum slurm_run_state state);
void slurm_run_drop(struct slurm_run *r);
void slurm_run_send(struct slurm_run *r);       /* its body is set */
void slurm_run_stop(struct slurm_run *r);
/* It is over, or returned. */
void slurm_run_over(struct slurm_run *r, const struct engine_event *ev, const char *text);
/* A listing, begun at begun_ms, has a job of this run; afterwards each run is asked whether it was
 * in the listing. */
void slurm_run_seen(struct slurm_run *r, const struct slurm_job *j, int64_t begun_ms);
void slurm_run_missing(struct slurm_run *r, int64_t begun_ms);
void slurm_run_bad_token(struct slurm_run *r);
/* Everything still on the pool: it has not answered for too long. */
void slurm_run_fence(struct slurm_run *r);
/* What its directory said.  `holder`: as in a run. */
enum slurm_file { SLURM_FILE_NONE = 1, SLURM_FILE_MADE, SLURM_FILE_BEGUN, SLURM_FILE_ENDED,
		  SLURM_FILE_TAKEN, SLURM_FILE_ERROR };
void slurm_run_file(struct slurm_run *r, enum slurm_file what, uint64_t holder,
		    const struct engine_event *ev, const char *text);
void slurm_job_end(struct slurm *s, uint64_t job, const char *run_id);   /* a job of nobody */

/* ---- slurm_tell.c ---- */

void slurm_run_report(struct slurm_run *r);     /* what it is in, on a later turn of the loop */
void slurm_run_tell_all(struct slurm *s);       /* that turn */

/* ---- slurm_poll.c ---- */

void slurm_poll_start(struct slurm *s);
void slurm_poll_within(struct slurm *s, int64_t ms);    /* something was asked: look so soon */
void slurm_poll_done(struct slurm *s);
int64_t slurm_poll_interval_ms(const struct slurm *s);  /* from one listing to the next */

/* ---- slurm_listing.c ---- */

struct slurm_listing *slurm_listing_read(const char *text, size_t n);   /* any thread; l->r, l->err */
void slurm_listing_free(struct slurm_listing *l);
void slurm_listing_apply(struct slurm *s);      /* s->seen: tell our runs, end what nobody wants */
void slurm_orphans_forget(struct slurm *s, int64_t before_ms);

/* ---- slurm_seen.c ---- */

void slurm_tell_seen(struct slurm *s);          /* s->nodes and s->seen */
void slurm_count_end(struct slurm *s);
void slurm_count_rate(struct slurm *s, int64_t now);

/* ---- slurm_silent.c ---- */

/* Whether calls come through.  `token`: the cluster does not accept ours. */
void slurm_well(struct slurm *s);
void slurm_unwell(struct slurm *s, bool token, const char *why, const char *why_zh);
void slurm_tell_pool(struct slurm *s, bool up, const struct pool_seen *seen);
void slurm_asking(struct slurm *s);             /* a round begins */
void slurm_watch(void *arg);                    /* struct slurm: every SLURM_WATCH_MS, whatever hangs */
void slurm_between_listings(struct slurm *s);   /* ends there */

/* ---- slurm_rest.c ---- */

/* `path` with %u for the version, e.g. "/slurm/v0.0.%u/job/%llu".  fn as in fetch.h.  `once`: a
 * submission.  Errors: no token, no room in the queue; nothing was sent. */
int slurm_ask(struct slurm *s, bool once, const char *method, const char *path, const char *body,
	      unsigned timeout_ms, fetch_fn fn, void *arg, struct fetch_call **ret,
	      struct err *err);
/* Why an answer is none, for people; the JSON in *ret_json (json_decref) when it is one. */
enum slurm_reply { SLURM_OK, SLURM_NO, SLURM_TOKEN, SLURM_SILENT };
enum slurm_reply slurm_reply_read(const struct fetch_answer *a, bool parse, json_t **ret_json,
				  struct slurm_error *ret_error);

/* ---- slurm_files.c: each answers later by slurm_run_file(), or not at all ---- */

void slurm_files_make(struct slurm_run *r);     /* MADE: its directory is there */
void slurm_files_look(struct slurm_run *r);     /* NONE, BEGUN, ENDED, TAKEN */
void slurm_files_claim(struct slurm_run *r);    /* TAKEN: it cannot begin any more; BEGUN, ENDED */
void slurm_files_take(struct slurm_run *r);     /* the same; and what has begun is asked to stop */
/* `over`: else it was declared lost, and is kept from beginning and asked to stop, too. */
void slurm_files_settled(struct slurm *s, const char *run_id, bool over);
void slurm_files_tick(struct slurm *s);         /* is the directory alive?  Remove old ones */
bool slurm_files_hang(const struct slurm *s);   /* asked, and no answer for some seconds */

/* ---- slurm_log.c ---- */

int slurm_log_read(struct slurm *s, const char *run_id, int stream, uint64_t offset,
		    struct buf *out, uint64_t *ret_size, struct err *err);

#endif
