/* state.h - what flow keeps in memory; private to this folder
 *
 * Everything here can be rebuilt from the journal.  Who changes what:
 *   apply.c      tasks, submissions, holds, datasets: by records, live and on replay
 *   identity.c   tenants, accounts, tokens: likewise
 *   queue.c      the waiting tasks in their order
 *   placement.c  placers and demand
 *   commit.c     the queue of what is to be done once a row is durable
 */
#ifndef FLOW_STATE_H
#define FLOW_STATE_H

#include "flow/flow.h"
#include "flow/identity.h"

#include "base/digest.h"
#include "domain/label.h"
#include "base/clock.h"
#include "domain/quota.h"
#include "loop/timer.h"

#include <uthash.h>

enum {
	PAGE = 1024,                    /* tasks per page of the table */
	BACKOFF_MAX_MS = 60 * 1000,     /* the longest pause before another try */
	PASS_KEPT_MAX = 10000,          /* kinds of task that one pass looks at */
};

/* A submission: one task, or the tasks of an array.  Found through its first task. */
struct sub {
	uint64_t no;
	struct task_spec *spec;
	struct tenant_entry *tenant;
	struct key *key;                /* NULL: it came without an idempotency key */
	uint64_t shape;                 /* of the spec, for the queue */
	uint32_t by_state[TASK_STATE_COUNT];
	uint32_t left;                  /* tasks that are not over */
	uint32_t next;                  /* elements from here on are held back by the array limit */
	uint32_t active;                /* elements before `next` that are not over */
	uint32_t nwaiters, waiters_cap;
	uint64_t *waiters;              /* submissions with an `after` on this one */
	struct sub *older, *newer;      /* list of the ended ones, for forgetting */
};

struct key {
	char *text;                     /* tenant '\n' idempotency key */
	uint64_t doc_hash;              /* of the spec as it stands in the journal */
	struct sub *sub;
	UT_hash_handle hh;
};

/* Tasks that ask for the same: if the first cannot go, none can. */
struct bucket {
	uint64_t shape;
	struct task *head, *tail;       /* ascending numbers */
	uint32_t n;
	struct share *share;            /* its tenant */
	uint32_t slot;                  /* in the tenant's heap; UINT32_MAX: popped */
	const char *reason;             /* why the head waits, last time it was asked … */
	uint32_t best;                  /* … and for which pool, UINT32_MAX: none is usable now */
	const char *told_reason;        /* what the journal says of it */
	uint32_t told_best;
	int64_t told_ms;
	bool gave_up;                   /* and why it did is in the journal */
	UT_hash_handle hh;
};

/* A removed data set stays as a mark: its name may not come back with a lower level. */
struct dataset_entry {
	char *name;
	char *place;                    /* its url as url_place() writes it */
	struct dataset *d;
	UT_hash_handle hh;
};

/* What a pool may see, as security confirmed it and as the configuration last declared it; kept by
 * name, also while the pool is out of the configuration. */
struct pool_label {
	char *name;
	enum level confirmed, declared;
	char confirmed_region[LABEL_REGION_MAX], declared_region[LABEL_REGION_MAX];
	char rule_region[LABEL_REGION_MAX];     /* what both regions have in common */
	uint8_t digest[DIGEST_LEN];             /* of the last declaration */
	UT_hash_handle hh;
};

struct share;
struct share_run;

/* To be done once `seq` is durable. */
enum after_what { AFTER_CALL, AFTER_SEND, AFTER_SETTLE };

struct after {
	uint64_t seq;
	enum after_what what;
	uint32_t pool, attempt;
	uint64_t task;
	void (*fn)(void *arg);          /* an answer */
	void *arg;
};

struct held_row {                       /* for watchers, until durable */
	struct store_row row;
	char *tenant;
	struct held_row *next;
};

struct flow_watch {
	struct flow *f;
	flow_watch_fn fn;
	void *arg;
	struct flow_watch *next;
};

struct flow {
	struct flow_config c;
	char node_id[16];
	bool replaying, trouble, ready;

	struct task ***pages;           /* [no / PAGE][no % PAGE] */
	uint64_t npages;
	uint64_t next_no;
	uint64_t nsubs;
	struct key *keys;
	struct sub *oldest, *newest;    /* ended submissions, by end */
	uint64_t nfinished;             /* tasks of these */

	struct bucket *buckets;
	struct share **turns;           /* tenants who have something in the queue: share.h */
	uint32_t nturns, turns_cap;
	struct share *aside;            /* who had their part of this pass */
	struct share *shares;           /* all tenants, by name */
	double usage_all;               /* the sum of theirs */
	struct share_run *share_runs;   /* by task */
	struct quota_whole whole;
	uint32_t closed_since;          /* submissions that ended since the last checkpoint of usage */
	uint64_t npasses, counted_pass;
	uint64_t *backoff;              /* tasks waiting for their retry_ms */
	uint32_t nbackoff, backoff_cap;
	uint64_t *ended;                /* tasks whose end others have not been told yet */
	uint32_t nended, ended_cap;
	bool telling;
	bool pass_wanted, pass_cut;
	int64_t pass_next_ms;           /* by the monotonic clock: not before */
	struct timer *pass_timer, *tick_timer;
	struct lane *lanes;
	struct demand *demand;
	struct node_placer **placers;   /* by pool id */
	struct shortlists *shortlists;
	uint64_t *makes;                /* by pool id: a hash of its nodes, as last told */
	uint64_t generation;            /* of the pools: see placement_pool_changed() */
	struct arena pass_arena, tail_arena;
	struct bucket *kept[PASS_KEPT_MAX];     /* out of the heap during a pass */

	struct engine **engines;        /* by pool id */
	struct history *history;
	struct identity who;
	struct dataset_entry *datasets; /* by name */
	struct dataset_entry **places;  /* in order of their places */
	uint32_t nplaces;
	struct dataset_entry **dataset_list;
	uint32_t ndatasets;

	struct pool_label *labels;      /* by name of the pool */
	bool label_look;                /* a label changed: look at the runs that are out */
	bool label_unheld;              /* some of them hold no room after a restart */
	int64_t label_again_ms;

	struct after *after;            /* ring of what waits for durability */
	uint32_t after_head, nafter, after_cap;
	struct held_row *held, **held_end;
	struct flow_watch *watches;
	void (*actor_fn)(void *arg, char out[CHAIN_ACTOR_MAX]);         /* NULL: the node itself */
	void *actor_arg;
	char actor[CHAIN_ACTOR_MAX];    /* "": not asked yet */
	uint64_t appended, durable;
	struct buf body;                /* scratch of the encoder */
	struct flow_counts counts;
	struct clock_calm calm;
	int64_t prune_next_ms;          /* by the monotonic clock */
	int64_t audit_prune_next_ms;    /* by the monotonic clock */
	struct books *books;            /* money: books.h */
};

/* table.c */
struct task *table_get(const struct flow *f, uint64_t no);
void table_put(struct flow *f, struct task *t);
struct sub *sub_find(const struct flow *f, uint64_t no);
struct sub *sub_add(struct flow *f, uint64_t no, struct task_spec *spec, int64_t at_ms);
void sub_key(struct flow *f, struct sub *s, const json_t *doc);
struct key *key_find(const struct flow *f, const char *tenant, const char *text);
uint64_t doc_hash(const json_t *doc);
void sub_count(struct flow *f, struct sub *s, enum task_state from, enum task_state to);
void table_forget(struct flow *f);              /* down to finished_max */
void table_done(struct flow *f);

/* apply.c: one record moves the nouns; the only place that does, live and on replay. */
int flow_apply(struct flow *f, const struct record *r, struct err *err);

/* replay.c: read the journal, before anything else happens; blocks. */
int replay_journal(struct flow *f, struct err *err);

/* commit.c */
void flow_commit(struct flow *f, struct record *r);     /* apply and append; asserts the life allows it */
void flow_commit_body(struct flow *f, struct record *r, const char *body, size_t n);
void flow_after_start(struct flow *f, uint64_t task, uint32_t attempt);
void flow_after_settle(struct flow *f, uint32_t pool, uint64_t task, uint32_t attempt);
void flow_durable(void *arg, uint64_t seq);
void flow_trouble(void *arg, const char *text, int64_t failing_ms);
void commit_done(struct flow *f);

/* placement.c */
void placement_init(struct flow *f);
void placement_done(struct flow *f);
void placement_hold(struct flow *f, struct pool *p, uint64_t task, int64_t end_p50_ms,
		    int64_t end_p90_ms, const struct placement *place);
void placement_release(struct flow *f, struct pool *p, uint64_t task);
/* To be called after any change of what a pool declares (clearance, region, price, links …) or
 * of its nodes, other than by a hold: whatever was remembered of it is void.  Not needed for
 * `down`, `drained` and `seen_ms`, which are read afresh each time. */
void placement_pool_changed(struct flow *f, struct pool *p);
/* After an engine told the nodes of a pool: void only if they are others. */
void placement_nodes_told(struct flow *f, struct pool *p);
int placement_apply(struct flow *f, const struct record *r);    /* DEMAND */
void placement_lesson(struct flow *f);                          /* commit one, if it is due */

/* queue.c */
void queue_push(struct flow *f, struct task *t);
void queue_remove(struct flow *f, struct task *t);      /* takes one that is not queued */
struct bucket *queue_find(const struct flow *f, uint64_t shape);
struct bucket *queue_top(const struct flow *f);
struct bucket *queue_pop(struct flow *f);               /* the bucket leaves the heap … */
void queue_return(struct flow *f, struct bucket *b);    /* … and comes back, or goes when empty */
void queue_turn(struct flow *f, struct share *s);       /* whose turn it is may have changed */
void queue_aside(struct flow *f, struct share *s);      /* not again in this pass … */
void queue_rejoin(struct flow *f);                      /* … which is over */
void queue_done(struct flow *f);

/* ready.c: is a waiting task ready to be decided?  If so it is queued. */
void ready_check(struct flow *f, struct task *t);
void ready_sub(struct flow *f, struct sub *s);          /* its tasks, as far as the array limit allows */
void ready_after_end(struct flow *f, const struct task *t);     /* those that wait for this one */
void ready_tell(struct flow *f);
void ready_backoff(struct flow *f, int64_t now);
enum reason ready_reason(const struct flow *f, const struct task *t);   /* REASON_COUNT: it is ready */
void ready_done(struct flow *f);

/* schedule.c */
void schedule_want(struct flow *f);                     /* soon, once for many wishes */
void schedule_run(void *arg);
void schedule_ask(const struct flow *f, const struct task_spec *s, uint64_t no, struct ask *ret);
void schedule_snapshot(const struct flow *f, struct lane *lanes, struct snapshot *ret);

/* label.c */
int label_apply(struct flow *f, const struct record *r, struct err *err);
void label_declare(struct flow *f);                     /* after replay: what is new in the configuration */
void label_changed(struct flow *f);                     /* look at the runs that are out, soon */
void label_look(struct flow *f);
void label_check_run(struct flow *f, struct task *t);   /* recall it if its pool may not see it */
void label_tick(struct flow *f, int64_t now);
void label_of(const struct ask *a, struct label *ret);
void label_done(struct flow *f);

/* run.c */
void run_send(struct flow *f, uint64_t task, uint32_t attempt);
void run_settle(struct flow *f, uint32_t pool, uint64_t task, uint32_t attempt);
void run_event(void *arg, const struct pool *p, const struct engine_event *ev);
bool run_ours(void *arg, const struct pool *p, const char *run_id);
void run_pool_fresh(struct pool *p, int64_t now);       /* or stale: kept, and logged when it changes */
int run_check(const struct flow *f, struct err *err);    /* may we start at all? */
void run_resume(struct flow *f);                        /* after a restart */
int run_id_parse(const struct flow *f, const char *run_id, uint64_t *ret_no, uint32_t *ret_attempt);

/* ledger.c: money.  follow: a task was moved by `r`; alone: its task is not in memory any more. */
void ledger_open(struct flow *f);
void ledger_done(struct flow *f);
int ledger_apply(struct flow *f, const struct record *r, struct err *err);      /* the node's */
void ledger_follow(struct flow *f, const struct task *t, const struct record *r);
void ledger_follow_alone(struct flow *f, const struct record *r);
/* What the tenant can pay with; NULL: nothing to look at.  Valid until the next call. */
const struct purse *ledger_purse(const struct flow *f, const char *tenant, int64_t now_ms);
/* What the run that `d` chose would reserve; 1: the tenant cannot pay it. */
int ledger_book(const struct flow *f, const struct task *t, const struct snapshot *s,
		const struct ask *a, const struct decision *d, struct money *ret);
/* What a run of so long is charged; *ret is written if that is above 0. */
int64_t ledger_bill(const struct flow *f, const struct task *t, int64_t run_ms, struct money *ret);
void ledger_checkpoint(struct flow *f);
void ledger_tick(struct flow *f);

/* roots.c: is a file: URL below one of the roots of this tenant (others always are)?  And those
 * roots, in the arena. */
bool roots_allow(const char *const *roots, const char *tenant, const char *url);
const char *const *roots_of(const char *const *roots, const char *tenant, struct arena *a);
/* Of `field`: 0, or ERR_E_INPUT when its host is of an inner network that the operator did not open. */
int roots_web(const struct flow *f, const char *url, const char *field, struct err *err);

/* places.c: the data sets by place */
struct input_data {
	const struct dataset *d;        /* that is named, or the innermost that has it inside; or NULL */
	struct label label;             /* of all that it reads from */
	bool foreign;                   /* it has data in it that are not for this reader */
	uint32_t looked;                /* at so many data sets below it */
};
typedef void (*places_fn)(void *arg, const struct dataset *d, bool covers);

void places_move(struct flow *f, struct dataset_entry *e, char *place);         /* takes `place` */
/* Each data set that reading this url meets: those inside (not `covers`), then the one at it or
 * around it, from the inside out.  Returns how many it looked at for the first. */
uint32_t places_near(const struct flow *f, const char *url, places_fn fn, void *arg);
/* Removed ones too: their labels still stand. */
void input_data(const struct flow *f, const struct task_input *in, const struct token *who,
		struct input_data *ret);

/* world.c */
const struct dataset *dataset_known(const struct flow *f, const char *name);    /* removed ones too */
int flow_busy(const struct flow *f, struct err *err);   /* FLOW_E_BUSY while the store is in trouble */
int inputs_check(const struct flow *f, struct task_spec *s, const struct token *who,
		 struct err *err);

#endif
