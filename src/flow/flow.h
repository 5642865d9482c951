/* flow.h - the conductor: take an event, make it durable, then act
 *
 * One struct, one loop thread.  Every change is a record (domain/record.h): decided,
 * applied to the nouns, appended to the store; once durable, the client is answered, the
 * engine is asked and watchers are told.  See doc/flow.md.
 *
 * Answers: a caller reads what it wants to say at once, but holds the words back until
 * flow_when_durable() calls it, so that nobody is ever told what a crash could undo.
 */
#ifndef FLOW_FLOW_H
#define FLOW_FLOW_H

#include "base/buf.h"
#include "base/json.h"
#include "domain/dataset.h"
#include "domain/ledger.h"
#include "domain/pool.h"
#include "domain/quota.h"
#include "domain/record.h"
#include "domain/task.h"
#include "domain/tenant.h"
#include "domain/token.h"
#include "domain/user.h"
#include "engine/engine.h"
#include "select/select.h"
#include "store/store.h"

#include <uv.h>

struct flow;

/* The answer is no: result codes of the verbs below, each with words in `err`. */
enum {
	FLOW_E_INPUT = ERR_E_INPUT,     /* 400: a field is wrong (err.field) */
	FLOW_E_NOT_FOUND,               /* 404 */
	FLOW_E_CONFLICT,                /* 409: state or idempotency key says no */
	FLOW_E_LIMIT,                   /* 429: too much is waiting; try later */
	FLOW_E_FORBIDDEN,               /* 403 */
	FLOW_E_BUSY,                    /* 503: the store, or the directory of a log, is in trouble; nothing was changed */
};

struct flow_limits {
	uint32_t waiting_max;           /* tasks waiting in the node; default 2,000,000 */
	uint32_t tenant_waiting_max;    /* of one tenant; default 1,000,000 */
	uint32_t tenant_running_max;    /* 0: no limit.  Gives reason `quota` */
	uint32_t finished_max;          /* ended tasks kept in memory for ls; default 50,000 */
	uint32_t history_days;          /* closed submissions are kept so long; default 190 */
	uint32_t audit_days;            /* the audit log is kept so long; default 190, AUDIT_DAYS_MIN */
	size_t pending_max;             /* bytes not durable before FLOW_E_BUSY; default 64 MiB */
	uint32_t commit_fail_s;         /* a store in trouble stops the daemon after; default 30 */
	uint32_t stop_grace_ms;         /* between TERM and KILL of a cancelled run; default 5,000 */
};

/* In a directory of the configuration, a whole part of it: the name of a task's tenant. */
#define FLOW_ROOT_TENANT "{tenant}"

struct flow_config {
	uv_loop_t *loop;
	struct store *store;            /* owned by main */
	const struct catalogue *catalogue;
	uint32_t npools;
	struct pool **pools;            /* the pools are flow's from flow_new on; the array is copied */
	const char *dir;                /* for engines */
	const char *const *read_roots, *const *write_roots;      /* NULL-terminated */
	const char *const *inner_hosts; /* of inner networks, that tasks may ask (domain/host.h); or NULL */
	uint64_t seed;
	bool separate;                  /* several people from the start: 三员分立 holds */
	struct flow_limits limits;
	void (*fatal)(void *arg, const char *why);       /* the store gave up: stop the daemon */
	void *fatal_arg;
};

/* Six months, the longest there are: what the law asks of logs (网络安全法, article 21). */
enum { AUDIT_DAYS_MIN = 184 };

void flow_limits_default(struct flow_limits *l);

/* Build, replay the journal (blocking), open the engines, adopt what runs.  The store's
 * events must already point to flow_store_events(). */
int flow_new(const struct flow_config *c, struct flow **ret, struct err *err);
struct flow *flow_free(struct flow *f);         /* runs go on without us */

/* For store_*_open(): its `arg` is the address of a struct flow * that is set later. */
void flow_store_events(struct flow **slot, struct store_events *ret);

const char *flow_node_id(const struct flow *f);         /* "n" + 8 hex digits */
bool flow_ready(const struct flow *f);                  /* replay done, store healthy */

/* ---- who ---- */

/* The token behind a bearer text as it counts now, or NULL: not known, revoked, expired, or its
 * owner is disabled.  Notes the use.  Looked up by hash.  Valid until the loop turns. */
const struct token *flow_token_find(struct flow *f, const char *text);
/* Is a token that was found before still good for the same? */
bool flow_token_holds(const struct flow *f, const struct token *who);
uint32_t flow_identity_version(const struct flow *f);   /* another one: ask the above again */

/* An account that proved itself in another way than by a token of ours: 0, or 1 when there is none, or
 * it is disabled. */
int flow_caller(const struct flow *f, const char *user, struct token *ret);

/* In order of their ids, revoked ones too; roles as they count now. */
uint32_t flow_ntokens(const struct flow *f);
const struct token *flow_token_at(const struct flow *f, uint32_t i);    /* i < flow_ntokens */
/* Make one for a machine.  `who` NULL: the node itself makes its first one, which may hold what a
 * later one may not.  *ret_text (TOKEN_TEXT_LEN + 1) is the only time its text is seen. */
int flow_token_new(struct flow *f, const json_t *doc, const struct token *who, char *ret_text,
		   const struct token **ret, struct err *err);
/* Make one that belongs to the caller's account. */
int flow_token_new_own(struct flow *f, const json_t *doc, const struct token *who, char *ret_text,
		       const struct token **ret, struct err *err);
int flow_token_revoke(struct flow *f, uint32_t id, const struct token *who, struct err *err);
int flow_token_revoke_own(struct flow *f, uint32_t id, const struct token *who, struct err *err);

/* Tenants, places in the list with removed ones (NULL); see domain/tenant.h. */
uint32_t flow_ntenants(const struct flow *f);
const struct tenant *flow_tenant_at(const struct flow *f, uint32_t i);
uint32_t flow_tenant_index(const struct flow *f, const struct tenant *t);
const struct tenant *flow_tenant_find(const struct flow *f, const char *name);
int flow_tenant_new(struct flow *f, const json_t *doc, const struct token *who,
		    const struct tenant **ret, struct err *err);
int flow_tenant_change(struct flow *f, const char *name, const json_t *doc,
		       const struct token *who, const struct tenant **ret, struct err *err);
/* FLOW_E_CONFLICT while it has live tasks, accounts, tokens or data sets. */
int flow_tenant_remove(struct flow *f, const char *name, const struct token *who, struct err *err);

/* Accounts, likewise; who may do what to whom: users.c. */
uint32_t flow_nusers(const struct flow *f);
const struct user *flow_user_at(const struct flow *f, uint32_t i);
uint32_t flow_user_index(const struct flow *f, const struct user *u);
const struct user *flow_user_find(const struct flow *f, const char *name);
int flow_user_new(struct flow *f, const json_t *doc, const struct token *who,
		  const struct user **ret, struct err *err);
int flow_user_change(struct flow *f, const char *name, const json_t *doc, const struct token *who,
		     const struct user **ret, struct err *err);
int flow_user_remove(struct flow *f, const char *name, const struct token *who, struct err *err);

/* Passwords (domain/password.h) are hashed by the caller, on a thread: take the hash, compare or
 * make one, come back with it.  NULL: no such account, disabled, or without a password. */
const char *flow_password_of(const struct flow *f, const char *user);
bool flow_password_once(const struct flow *f, const char *user);        /* to be changed first */
/* Open a session of 12 hours, whose password was right for `hash`; FLOW_E_CONFLICT when that is not
 * the hash any more.  At 20 of one account its oldest one is closed. */
int flow_session_open(struct flow *f, const char *user, const char *hash, char *ret_text,
		      struct token *ret, struct err *err);
int flow_session_close(struct flow *f, const struct token *who, struct err *err);
/* May the caller give this account a new password, for one time?  Their own: with the old one. */
int flow_password_reset_check(const struct flow *f, const char *user, const struct token *who,
			      struct err *err);
/* Set it; all other sessions of the account end.  `old`: the hash that the caller's own password was
 * right for; NULL: a reset, for one time.  FLOW_E_CONFLICT when it is not the hash any more, or when
 * the caller may no longer do what it could at the beginning. */
int flow_password_set(struct flow *f, const char *user, const char *old, const char *hash,
		      const struct token *who, struct err *err);

/* ---- tasks ---- */

struct flow_submitted {
	uint64_t sub;
	uint32_t n;
	bool again;             /* the idempotency key was known: nothing new was made */
	const struct task *task;        /* the first one; NULL when `again` and long gone */
	const char *refused;    /* reason code when no pool could ever take it, else NULL */
};

int flow_submit(struct flow *f, const json_t *doc, const struct token *who,
		struct flow_submitted *ret, struct err *err);

/* Many at once, all or none: `list` is an array of at most FLOW_BATCH_MAX documents, `ret` as
 * many places.  err.field begins with "tasks[17]". */
enum { FLOW_BATCH_MAX = 1000 };
int flow_submit_many(struct flow *f, const json_t *list, const struct token *who,
		     struct flow_submitted *ret, struct err *err);

/* Decide without running: the Decision object is appended to `out`. */
int flow_dry_run(struct flow *f, const json_t *doc, const struct token *who, struct buf *out,
		 struct err *err);

/* Cancel one task, or with index -1 every task of the submission that is not over. */
int flow_cancel(struct flow *f, uint64_t sub, int64_t index, const struct token *who,
		struct err *err);

/* In memory: all that are not over and the latest finished ones.  NULL otherwise. */
const struct task *flow_task(const struct flow *f, uint64_t no);
/* The task of a parsed id, or NULL.  index -1: the first element. */
const struct task *flow_task_by_id(const struct flow *f, uint64_t sub, int64_t index);
/* Walk downwards: the greatest number < `below` (start with UINT64_MAX). */
const struct task *flow_task_before(const struct flow *f, uint64_t below);

/* May this token see it?  Own tenant, or a role that sees all (operator, admin, security,
 * auditor). */
bool flow_may_see(const struct token *who, const char *tenant);
/* Is it theirs: may they see what is shown to nobody else (domain/hide.h)? */
bool flow_owns(const struct token *who, const char *tenant, const char *owner);
/* May it change it?  Own tenant with the role user; operator, admin and security everywhere. */
bool flow_may_change(const struct token *who, const char *tenant);

/* Why a task is not running, a code, or NULL: its own reason, or that of the equal tasks it
 * queues with. */
const char *flow_task_reason(const struct flow *f, const struct task *t);

/* What would be decided at this moment for a waiting task (a Decision object), for tasks
 * that have no decision of their own yet.  FLOW_E_CONFLICT: it is not waiting for a pool. */
int flow_task_decide(struct flow *f, const struct task *t, struct buf *out, struct err *err);

/* What selection would be asked for it now: its data with their places and sizes.  Valid until
 * the loop turns. */
void flow_task_ask(const struct flow *f, const struct task *t, struct ask *ret);

/* All tasks of a submission, counted by state; 0 when it is not in memory. */
uint32_t flow_sub_states(const struct flow *f, uint64_t sub, uint32_t by_state[TASK_STATE_COUNT]);

/* Pool name of a task's current or last run, NULL when it had none; run id likewise. */
const char *flow_task_pool(const struct flow *f, const struct task *t);
void flow_run_id(const struct flow *f, const struct task *t, uint32_t attempt, char out[RUN_ID_MAX]);

/* Bytes of a run's log; see engine_ops.log.  attempt 0: the last run. */
int flow_log(struct flow *f, const struct task *t, uint32_t attempt, int stream, uint64_t offset,
	     struct buf *out, uint64_t *ret_size, struct err *err);

/* ---- pools, datasets, world ---- */

uint32_t flow_npools(const struct flow *f);
const struct pool *flow_pool(const struct flow *f, uint32_t i);
const struct pool *flow_pool_find(const struct flow *f, const char *name);
json_t *flow_pool_describe(const struct flow *f, const struct pool *p);  /* what its engine enforces */
/* What a pool may see, confirmed by the security role.  What counts is the lower of this and of
 * the configuration, and for the region what both have in common.  Runs above it are recalled. */
struct flow_clearance {
	enum level clearance;           /* LEVEL_NONE: as it is */
	const char *region;             /* NULL: as it is */
	const char *reason;             /* never empty */
};
int flow_pool_clearance(struct flow *f, const char *name, const struct flow_clearance *c,
			const struct token *who, struct err *err);
/* The confirmed half, for showing; *ret_region is valid until the loop turns. */
enum level flow_pool_confirmed(const struct flow *f, const char *name, const char **ret_region);
int flow_pool_drain(struct flow *f, const char *name, bool drain, const char *reason,
		    const struct token *who, struct err *err);

/* Runs of a pool that is down and may stay so are given up by order of an operator, for no engine
 * can say what became of them: they wait again, and what is found of them later is ended.  All of
 * them, FLOW_LOST_MAX at a time with *ret_left still to go, or the one of a task (sub 0: all).
 * FLOW_E_CONFLICT: the pool answers, is of this machine, or has no such run. */
enum { FLOW_LOST_MAX = 1000 };          /* some 50 ms of the loop */
struct flow_lost {
	const char *reason;             /* never empty */
	uint64_t sub;
	int64_t index;                  /* as of task_id_parse() */
};
int flow_pool_lost(struct flow *f, const char *name, const struct flow_lost *l,
		   const struct token *who, uint32_t *ret_lost, uint32_t *ret_left, struct err *err);

/* A level may be raised by its tenant; a label is lowered (level, region, place) by the security
 * role alone, with a `reason` in the document. */
int flow_dataset_put(struct flow *f, const json_t *doc, const struct token *who,
		     const struct dataset **ret, struct err *err);
int flow_dataset_remove(struct flow *f, const char *name, const struct token *who,
			struct err *err);
const struct dataset *flow_dataset_find(const struct flow *f, const char *name);
uint32_t flow_ndatasets(const struct flow *f);         /* places in the list, removed ones too */
const struct dataset *flow_dataset_at(const struct flow *f, uint32_t i);        /* NULL: removed */

const struct catalogue *flow_catalogue(const struct flow *f);
const struct history *flow_history(const struct flow *f);

struct flow_counts {
	uint64_t by_state[TASK_STATE_COUNT];    /* of the tasks in memory */
	uint64_t decisions, lost, retries;
	uint64_t durable_seq, appended_seq;
};
void flow_counts(const struct flow *f, struct flow_counts *ret);

/* ---- money (doc/ledger.md) ---- */

const struct ledger *flow_ledger(const struct flow *f);

/* price.h has the document; ids are 1 … flow_nprices(). */
int flow_price_set(struct flow *f, const json_t *doc, const struct token *who,
		   const struct price **ret, struct err *err);
uint32_t flow_nprices(const struct flow *f);
const struct price *flow_price(const struct flow *f, uint32_t id);      /* until the next is set */

/* voucher.h has the document; ids are 1 … flow_nvouchers(). */
int flow_voucher_issue(struct flow *f, const json_t *doc, const struct token *who,
		       const struct voucher **ret, struct err *err);
int flow_voucher_withdraw(struct flow *f, uint32_t id, const char *reason, const struct token *who,
			  struct err *err);
uint32_t flow_nvouchers(const struct flow *f);
const struct voucher *flow_voucher(const struct flow *f, uint32_t id);

/* A budget is money put in before: what runs reserve and cost is taken from it, and nothing
 * starts that it could not bear.  A tenant who never got one pays afterwards: its account goes
 * below zero. */
struct budget {
	bool limited;
	int64_t available_micro;        /* reservations taken off; < 0: owed */
	int64_t held_micro;             /* reserved for runs alive */
};
void flow_budget(const struct flow *f, const char *tenant, struct budget *ret);
/* {"tenant","add_micro","limited","reason"}; add_micro < 0 takes back what is not used. */
int flow_budget_change(struct flow *f, const json_t *doc, const struct token *who, struct err *err);

/* Give back `micro` (0: all that is left) of a run's charge, which the caller read from its END;
 * *ret is what came back to whom, with strings of `charge`. */
int flow_refund(struct flow *f, uint64_t sub, uint64_t task, const struct money *charge,
		int64_t micro, const char *reason, const struct token *who, struct money *ret,
		struct err *err);
/* ---- quotas and fair shares (domain/quota.h) ---- */

struct flow_quota {
	struct quota quota;
	int64_t running, waiting;       /* tasks: on pools; in the queue, or before it */
	int64_t accel_ms;               /* of this month, reservations of runs alive included */
	double usage_hours;             /* decayed: hours of the whole city */
	double usage_part;              /* of what all tenants used, 0 to 1 */
};
/* FLOW_E_NOT_FOUND: there is no such tenant, so nothing would be bound by it. */
int flow_quota_set(struct flow *f, const char *tenant, const json_t *doc, const struct token *who,
		   struct err *err);
void flow_quota(const struct flow *f, const char *tenant, struct flow_quota *ret);
const char *flow_quota_next(const struct flow *f, const char *after);   /* tenants; NULL: first, last */

/* ---- the audit log ---- */

/* Who causes what is recorded from now on, for the audit log: fn is asked at most once, when
 * something is.  NULL: the node itself.  The caller resets it before the loop turns. */
void flow_actor(struct flow *f, void (*fn)(void *arg, char out[CHAIN_ACTOR_MAX]), void *arg);

/* Somebody reads the audit log: that is recorded, before the answer leaves. */
void flow_audit_note_read(struct flow *f, uint64_t after, unsigned limit);
void flow_audit_note_report(struct flow *f, const char *dataset);       /* where it has been */

/* ---- durability and watching ---- */

/* Call fn(arg) once everything decided so far is durable: at once when it already is.
 * Never called if the commit never succeeds.  flow_forget_durable drops calls for arg. */
void flow_when_durable(struct flow *f, void (*fn)(void *arg), void *arg);
void flow_forget_durable(struct flow *f, void *arg);

/* Durable records as they come, in order of seq.  `row` is valid for the call.  `tenant` is
 * the submission's, "" for the node's own rows. */
struct flow_watch;
typedef void (*flow_watch_fn)(void *arg, const struct store_row *row, const char *tenant);
struct flow_watch *flow_watch_new(struct flow *f, flow_watch_fn fn, void *arg);
struct flow_watch *flow_watch_free(struct flow_watch *w);

/* The journal itself, for history, decisions and catching up after a seq (store_ops.read). */
struct store *flow_store(const struct flow *f);

#endif
