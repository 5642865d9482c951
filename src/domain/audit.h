/* audit.h - entries of the audit log as lines of JSON, and the check of a whole log
 *
 *	{"no":7,"at":"2026-…","at_ms":…,"seq":9,"kind":"choose","kind_no":14,"subject":3,"task":3,
 *	 "digest":"sm3","actor":"node","body":"{…}","body_hash":"…","prev":"…","hash":"…"}
 *
 * body is a text, because its bytes are what is fingerprinted.  It is null when it was pruned,
 * or when it may not be shown: then `shown` is the document without its secrets.  prev is null
 * when the entry before was pruned.  base/chain.h says what hash is of.
 */
#ifndef DOMAIN_AUDIT_H
#define DOMAIN_AUDIT_H

#include "base/buf.h"
#include "base/chain.h"
#include "base/json.h"

/* Append one line, without the newline.  `secrets`: for a log that stays on its machine. */
int audit_encode(const struct chain_entry *e, bool secrets, struct buf *out);

/* Read it back; texts of *ret live in `a`. */
int audit_decode(const json_t *line, struct arena *a, struct chain_entry *ret, struct err *err);

enum { AUDIT_WHY_MAX = 240 };

enum audit_scope {
	AUDIT_LOG,              /* all of a log, as it was handed out: secrets may be missing */
	AUDIT_PART,             /* it may begin somewhere in the middle */
	AUDIT_HERE,             /* all of it on its own machine: nothing may be missing */
};

/* A log is checked entry by entry, in order.  The first that is not as it was ends it. */
struct audit_check {
	struct digest *d;
	enum audit_scope scope;
	bool begun, anchored;           /* anchored: it is known why it begins where it does */
	struct chain_link first, last;
	uint8_t before[DIGEST_LEN];     /* of the first, when it is known */
	bool before_known;
	uint64_t entries, unseen;       /* entries; those without a body */
	int64_t pruned_ms;              /* bodies of closed submissions older than this may be gone */
	struct audit_gone {
		uint64_t no;
		int64_t at_ms;
	} *gone;
	size_t ngone, gone_cap;
	uint64_t bad_no;                /* the first altered one … */
	char why[AUDIT_WHY_MAX];        /* … and what is wrong with it */
};

void audit_check_begin(struct audit_check *c, enum audit_scope scope);
void audit_check_done(struct audit_check *c);

/* 0, or 1: altered, see bad_no and why; later calls are not made. */
int audit_check_add(struct audit_check *c, const struct chain_entry *e);
int audit_check_end(struct audit_check *c);

/* The journal beside the log: a row of it, and the entry that should be about it (NULL: none). */
struct audit_row {
	uint64_t seq, subject, task;
	int64_t at_ms;
	uint32_t kind;
};
int audit_check_row(struct audit_check *c, const struct audit_row *row,
		    const struct chain_entry *e);

#endif
