/* record.h - what can happen, as rows of the journal
 *
 * A record is made by a decision on the live path, applied to the nouns by one pure
 * function, encoded and appended; a restart decodes the same bytes and applies them by
 * the same function.  Bodies are JSON: people can read the journal with sqlite3.
 */
#ifndef DOMAIN_RECORD_H
#define DOMAIN_RECORD_H

#include "base/buf.h"
#include "domain/money.h"
#include "domain/task.h"

enum record_kind {
	RECORD_NONE,            /* numbers are in journals: never reuse or renumber one */

	/* of the node (subject 0) */
	RECORD_NODE = 1,        /* identity of this node, once */
	RECORD_TOKEN = 2,       /* made or revoked */
	RECORD_POOL = 3,        /* drained or resumed */
	RECORD_DATASET = 4,     /* put or removed */

	/* of the node: money.  The task rows CHOOSE and END carry what a run costs */
	RECORD_PRICE = 40,      /* a price was set */
	RECORD_VOUCHER = 41,    /* issued, or {"withdrawn": id} with what was left of it */
	RECORD_BUDGET = 42,     /* a tenant's budget: money in or out, limited or not */
	RECORD_REFUND = 43,     /* of a run's charge */
	RECORD_CHECKPOINT = 44, /* a part of the ledger as it stands: see ledger_part() */

	/* of a task */
	RECORD_SUBMIT = 10,     /* opens a submission */
	RECORD_WAIT = 11,       /* waits, with a new reason or decision */
	RECORD_REFUSE = 12,
	RECORD_GIVE_UP = 13,
	RECORD_CHOOSE = 14,     /* a pool was chosen: the run has an id and a place */
	RECORD_ACCEPT = 15,     /* the engine has it */
	RECORD_START = 16,
	RECORD_END = 17,        /* the run is over: done, fail, retry or cancelled */
	RECORD_LOST = 18,       /* the run vanished with its engine, or (reason `returned`, which is not
	                         * counted) was never started by it */
	RECORD_CANCEL = 19,     /* somebody wants it cancelled */

	/* identities, of the node (flow/identity.c) */
	RECORD_TENANT = 30,     /* made, changed or removed */
	RECORD_USER = 31,       /* the same of an account */
	RECORD_PASSWORD = 32,   /* set: its hash, never shown */
	RECORD_SESSION = 33,    /* opened by a password, or closed */
	RECORD_TOKEN_USE = 34,  /* when some tokens were last used */

	/* labels (flow/label.c) */
	RECORD_CLEARANCE = 50,  /* of the node: security confirms what a pool may see */
	RECORD_DECLARE = 51,    /* of the node: the configuration declares a pool anew */
	RECORD_RECALL = 52,     /* of a task: its pool may not see it any more, the run is stopped */

	/* of the node, too */
	RECORD_DEMAND = 70,     /* a lesson: the mix of tasks that placement goes by from here on */
	/* tenants (flow/share.c), of the node */
	RECORD_QUOTA = 56,      /* limits and weight of a tenant */
	RECORD_USAGE = 57,      /* what tenants took so far: a checkpoint, a sum of the others */

	/* of the audit log alone: never in the journal, never applied */
	RECORD_PRUNED = 53,     /* the store: closed submissions older than this may be gone */
	RECORD_ANCHOR = 54,     /* the store: older entries of the log are gone, up to this one */
	RECORD_AUDIT_READ = 55, /* somebody read the audit log, or where a data set has been */
};

/* Does a row of this kind belong into the audit log?  Every kind says so, in one table. */
enum audit { AUDIT_UNSAID, AUDIT_YES, AUDIT_NO };
enum audit record_audit(enum record_kind k);
/* Has its body what is not shown to everybody who may read the log? */
enum secret {
	SECRET_NO,
	SECRET_HASHES,          /* what nobody may be shown */
	SECRET_PRIVATE,         /* perhaps what is its owner's alone (domain/hide.h) */
};
enum secret record_secret(enum record_kind k);
enum record_kind record_kind_parse(const char *name);           /* RECORD_NONE: there is no such kind */
enum { RECORD_KIND_END = 100 };         /* beyond the largest */

/* One struct for all kinds; fields that a kind does not use are zero. */
struct record {
	enum record_kind kind;
	int64_t at_ms;
	uint64_t sub, task;

	json_t *doc;            /* SUBMIT: task_spec_json; of the node: their document.
	                         * Borrowed by the maker's reference, owned after decode. */
	struct task_spec *spec; /* SUBMIT: `doc` decoded, if the maker has it; borrowed */
	const char *why;        /* WAIT, REFUSE, GIVE_UP, CHOOSE: the decision, a JSON object, or NULL */
	const char *reason;     /* WAIT, REFUSE, GIVE_UP, END, LOST, CANCEL: a code, static or in `arena` */
	const char *text;       /* END, LOST, CANCEL: words for people, or NULL */
	enum task_event event;  /* END: DONE, FAIL, RETRY or CANCELLED */

	/* CHOOSE */
	uint32_t attempt;
	uint32_t choices;       /* pools that could have had it */
	const char *pool;
	int64_t wait_p50_s, run_p50_s, run_p90_s;
	struct placement place; /* nodes owned by the maker, or in `arena` */

	const struct money *money;      /* CHOOSE: reserved; END: charged; NULL: it costs nothing */

	/* CHOOSE: how much of the whole it holds, and what it is charged and reserves for that;
	 * END, LOST: charge and accel_ms as they really were (flow/share.h) */
	int64_t ppb, charge, accel_milli, accel_ms;

	/* END */
	int exit_code;
	enum run_end end;
	enum run_phase phase;
	struct usage usage;
	uint32_t noutputs;              /* that were stored, by ascending number */
	const struct run_output *outputs;        /* of the maker, or in `arena` */
	int64_t cost_micro, energy_j, carbon_mg;         /* of this run */
	int64_t retry_ms;       /* LOST too */

	bool at_once;           /* CANCEL: it had no run and is over; else only the wish is noted */

	struct arena arena;     /* after decode */
};

const char *record_kind_name(enum record_kind k);       /* "submit" …: event names of the API */

/* Money for good: such a row outlives its submission (store_row.lasts). */
bool record_lasts(const struct record *r);

/* Append the body to `out`. */
int record_encode(const struct record *r, struct buf *out);

/* Read a body back; record_done() afterwards.  Negative: the journal is damaged or from
 * a newer version, and the words say which record. */
int record_decode(enum record_kind kind, int64_t at_ms, uint64_t sub, uint64_t task,
		  const char *body, size_t n, struct record *ret, struct err *err);
void record_done(struct record *r);

/* The same in two steps.  The first is thread-safe and may be done elsewhere; the second takes
 * a reference of its own to `doc`. */
int record_parse(enum record_kind kind, uint64_t sub, uint64_t task, const char *body, size_t n,
		 json_t **ret, struct err *err);
int record_decode_doc(enum record_kind kind, int64_t at_ms, uint64_t sub, uint64_t task,
		      json_t *doc, struct record *ret, struct err *err);

/* Move a task by one record (kinds 11-19 and RECALL).  Pure: only *t changes.  `pool_id` is the id of
 * r->pool (CHOOSE), else ignored.  -EPROTO when the life of a task does not allow it. */
int task_apply(struct task *t, const struct record *r, uint32_t pool_id, struct err *err);

/* Fresh tasks of a submission: element i of the array.  Takes a reference to the spec,
 * given back with task_spec_unref() by whoever frees the task. */
void task_begin(struct task *t, struct task_spec *spec, uint64_t sub, uint32_t i, int64_t at_ms);

#endif
