/* share.h - tenants as the queue sees them: limits, usage, and whose turn it is; private to flow
 *
 * Usage is moved by records alone (share_follow, in apply): CHOOSE charges what the run is expected
 * to take, the record that ends it puts the measured time in its place.  A restart reads only
 * lately closed submissions, so now and then a row of the node (RECORD_USAGE) keeps the sums.
 */
#ifndef FLOW_SHARE_H
#define FLOW_SHARE_H

#include "domain/quota.h"
#include "flow/state.h"

struct share {
	char *name;
	struct quota quota;
	double usage;                   /* with forward decay, in billionths of the whole x seconds */
	int64_t month, accel_ms;        /* used and reserved in this month */
	int64_t alive;                  /* runs on pools */
	bool dirty;                     /* not in the last checkpoint */

	struct bucket **heap;           /* its waiting tasks, by number of the first */
	uint32_t nheap, heap_cap;
	uint32_t slot;                  /* among the tenants; UINT32_MAX: not there */
	uint64_t pass;                  /* the pass in which … */
	uint32_t blocked, looked;       /* … so many of its buckets had to wait, were looked at */
	bool aside;                     /* it had its part of the pass */
	struct share *next_aside;
	UT_hash_handle hh;
};

/* A run that is out, as it was charged. */
struct share_run {
	uint64_t task;
	int64_t ppb, charge, accel_milli, accel_ms;
	UT_hash_handle hh;
};

struct share *share_get(struct flow *f, const char *name);      /* made when it is new */
const struct share *share_find(const struct flow *f, const char *name);
bool share_before(const struct share *a, const struct share *b);        /* is a's turn before b's? */

/* Do the accelerator hours of the month suffice for this place? */
bool share_has_room(const struct flow *f, const struct task_spec *t, const struct placement *p,
		    int64_t at_ms);
/* Fill the record of a choice. */
void share_charge(struct flow *f, const struct task *t, const struct placement *p, struct record *r);
/* Fill the record of an end: so long it really ran. */
void share_settle(const struct flow *f, const struct task *t, int64_t run_ms, struct record *r);

void share_follow(struct flow *f, const struct task *t, enum task_state before,
		  const struct record *r);
int share_apply(struct flow *f, const struct record *r, struct err *err);       /* QUOTA, USAGE */
void share_closed(struct flow *f);              /* a submission is over: is a checkpoint due? */
bool share_over(const struct flow *f, const struct task_spec *s);       /* may nothing start now? */
/* At submission: may n more wait, and could the month ever hold it? */
int share_check(const struct flow *f, const char *tenant, uint64_t n, uint64_t waiting,
		struct err *err);
int share_fits(const struct flow *f, const struct task_spec *s, struct err *err);
void share_count_pools(struct flow *f);         /* what there is in all; engines tell of nodes late */
void share_done(struct flow *f);

#endif
