/* store.h - the durable journal: append, replay, read; nothing else
 *
 * Everything the node knows is a sequence of rows (see domain/record.h for what
 * they mean; the store does not look inside a body).  State is what you get by
 * applying the rows in order, so a restart and the live path run the same code.
 *
 * A row belongs to a subject: a submission (its first task's number) or, with
 * subject 0, the node itself.  A subject that is closed is not replayed at the
 * next start, except the most recently closed ones and the one with the greatest
 * number, from which the owner counts on.
 *
 * What must outlive its submission (who paid what) is a row that lasts: it stays when its
 * subject is pruned.  So that a restart need not read all of them, the owner writes their sum
 * into a checkpoint now and then; replay gives those after the last checkpoint.
 *
 * Threads: calls come on the loop thread and do not block, except open, replay and
 * free, which do and say so.  Commits and reads happen on the store's own thread;
 * callbacks run on the loop thread.
 *
 * Order: rows become durable in the order of append.  `durable` reports never go
 * back.  A batch is one transaction: after a crash the journal ends at a batch
 * boundary.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/chain.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct store;

enum {
	STORE_BODY_MAX = 2 << 20,       /* bytes of a body: the largest request and its decision */
};

struct store_row {
	uint64_t seq;           /* 1, 2, 3 …; set by append, no gaps within one life */
	int64_t at_ms;
	uint64_t subject;       /* 0: the node */
	uint64_t task;          /* the task within the subject, or 0 */
	uint32_t kind;          /* enum record_kind */
	bool opens;             /* first row of its subject */
	bool closes;            /* last row of its subject: every task of it has ended */
	bool lasts;             /* outlives its subject: never pruned, and read by replay even
	                         * when its subject is not, if no checkpoint came after it */
	bool checkpoint;        /* what the lasting rows before it said is in this one */
	bool alone;             /* set by replay: of this closed subject only what lasts is read */
	bool audit;             /* a link of the audit chain is made of it, in the same transaction */
	bool only;              /* with audit: nothing but the link; it is never replayed or read */
	const char *actor;      /* with audit: who did it; NULL: the node itself */
	const char *body;       /* bytes, not NUL-terminated; owned by whoever made the row */
	size_t body_len;
};

/* One link of the audit chain; its body is NULL when it was pruned with its subject. */
typedef int (*store_audit_fn)(void *arg, const struct chain_entry *a);

/* Kinds of links that the store itself makes (domain/record.h keeps their numbers free). */
enum {
	STORE_KIND_PRUNED = 53,         /* {"before_ms":…}: closed subjects older than this may be gone */
	STORE_KIND_ANCHOR = 54,         /* {"up_to":no,"hash":"…"}: the links up to no are gone */
};

struct store_events {
	void *arg;

	/* Every row up to `seq` is durable.  Commits that end close together may be
	 * reported as one. */
	void (*durable)(void *arg, uint64_t seq);

	/* A commit fails; the rows are kept and tried again.  `failing_ms`: for how long
	 * already, at least 1.  0: it works again.  The owner decides when to give up.
	 * May be NULL. */
	void (*trouble)(void *arg, const char *text, int64_t failing_ms);
};

/* Called for each row; the row and its body are valid for the call only.
 * Non-zero stops the walk and is returned. */
typedef int (*store_row_fn)(void *arg, const struct store_row *row);

/* End of an asynchronous read: 0, -errno, or what the row function returned. */
typedef void (*store_end_fn)(void *arg, int r);

struct store_ops {
	const char *name;

	/* Read, blocking, before the loop runs and before the first append: all rows of the
	 * node and of open subjects, those of the `recent` subjects closed last (by the
	 * at_ms of their closing rows) and those of the greatest subject, and, marked `alone`,
	 * the lasting rows of other subjects after the last checkpoint; in order of seq.
	 * May be called several times. */
	int (*replay)(struct store *s, unsigned recent, store_row_fn fn, void *arg,
		      struct err *err);

	/* Take one row; row->seq is written, the body is copied.  Never blocks: the queue
	 * is bounded by flow (it stops accepting work while `pending` is high). */
	void (*append)(struct store *s, struct store_row *row);

	/* Bytes of appended rows that are not durable yet. */
	size_t (*pending)(const struct store *s);

	/* Read durable rows in order of seq, asynchronously: of one subject (task != 0
	 * narrows it to one task and the subject's opening row), or, with subject
	 * UINT64_MAX, of everything; only rows after `after_seq`, at most `max`.  fn and end
	 * run on the loop thread; end gets what fn stopped the walk with. */
	void (*read)(struct store *s, uint64_t subject, uint64_t task, uint64_t after_seq,
		     unsigned max, store_row_fn fn, store_end_fn end, void *arg);

	/* The same for the lasting rows with from_ms <= at_ms < until_ms, of all subjects. */
	void (*read_lasting)(struct store *s, int64_t from_ms, int64_t until_ms,
			     uint64_t after_seq, unsigned max, store_row_fn fn, store_end_fn end,
			     void *arg);

	/* Subject that covers task `no` (the greatest subject <= no), asynchronously
	 * unnecessary: 0 when there is none.  Blocking, one index look-up (< 1 ms). */
	uint64_t (*subject_of)(struct store *s, uint64_t no);

	/* Forget closed subjects whose last row is older than `before_ms`, but not their rows
	 * that last, at most `max` of them per call; never the greatest one, nor that of the last row, so that no number
	 * is given twice.  Asynchronous, a new call replaces one under way; the history limit
	 * of the configuration. */
	void (*prune)(struct store *s, int64_t before_ms, unsigned max);

	/* Read durable links after `after_no` (UINT64_MAX: the newest one alone), at most `max`, as
	 * `read` does.  Where a journal can be altered from outside, each comes with its `fault`, and
	 * rows that have no link but should (`audited`) come as CHAIN_EXTRA after the links between
	 * which they stand; the first thousand of a few hundred links. */
	void (*audit_read)(struct store *s, uint64_t after_no, unsigned max, store_audit_fn fn,
			   store_end_fn end, void *arg);

	/* Forget the oldest links, all older than `before_ms`, and append an anchor that has the
	 * hash of the last of them: what remains can still be verified.  Asynchronous. */
	void (*audit_prune)(struct store *s, int64_t before_ms);

	/* Commit what was appended (one last try if that keeps failing), then stop the
	 * threads.  Blocks.  Pending reads end with -ECANCELED; no other callback.  Not from
	 * a callback of this store.  Takes NULL; returns NULL. */
	struct store *(*free)(struct store *s);
};

/* An implementation puts this first in its own struct. */
struct store {
	const struct store_ops *ops;
	enum digest_kind digest;        /* of new links; the owner sets it before the first append */
	bool (*audited)(uint32_t kind); /* must rows of this kind have a link?  NULL: not looked at */
};

/* Open or create.  `path`: a directory of ours with mode 0700; the file suanlu.db is
 * made in it.  Takes an exclusive lock: a second daemon gets -EBUSY and is told who
 * holds it.  A schema newer than ours is refused, an older one migrated. */
int store_sqlite_open(uv_loop_t *loop, const char *path, const struct store_events *ev,
		      struct store **ret, struct err *err);

/* The audit log of a state directory, whether a daemon runs on it or not: each entry, and each row
 * of the journal that could have one (`e` NULL: it has none; the body is not loaded), in order.
 * Blocking; nothing is written.  Non-zero from a function ends the walk and is returned. */
typedef int (*store_audit_row_fn)(void *arg, const struct store_row *row,
				  const struct chain_entry *e);
int store_sqlite_audit_walk(const char *dir, store_audit_fn entry, store_audit_row_fn row,
			    void *arg, struct err *err);

/* In memory, for tests and simulation; durable is reported on the next turn of the
 * loop, like the real thing. */
int store_memory_open(uv_loop_t *loop, const struct store_events *ev, struct store **ret,
		      struct err *err);

/* For the contract suite: the next `n` commits of a memory store fail. */
void store_memory_fail(struct store *s, unsigned n);

#endif
