/* guard.h - wrong tokens and passwords are counted, in memory that does not grow
 *
 * Two counts, both forgotten at a restart:
 *   by source   an IPv4 address or an IPv6 /64: a bucket of GUARD_BURST wrong ones that fills up
 *               by GUARD_PER_S.  Empty: the next wrong ones are told 429 instead of 401, and
 *               no password is looked at.  A right token is always served, also from there.
 *   by account  after GUARD_TRIES wrong passwords in a row the name is locked for a while, which
 *               doubles each time, from GUARD_LOCK_S to GUARD_LOCK_MAX_S.  Names that do not exist
 *               are counted in the same slots, so that nothing tells them from those that do.
 *
 * A slot is found by a hash under a secret key; two names in one slot share their lock.
 */
#ifndef API_GUARD_H
#define API_GUARD_H

#include <stdbool.h>
#include <stdint.h>

enum {
	GUARD_SOURCES = 4096,           /* 24 bytes each */
	GUARD_NAMES = 16384,            /* 24 bytes each */
	GUARD_BURST = 100, GUARD_PER_S = 10,
	GUARD_TRIES = 5, GUARD_LOCK_S = 30, GUARD_LOCK_MAX_S = 900,
	GUARD_FORGET_S = 3600,          /* tries older than this do not count */
};

struct guard;

struct guard *guard_new(void);
struct guard *guard_free(struct guard *g);      /* takes NULL; NULL back */

/* One more wrong one from there: seconds to wait, 0: within the bucket. */
unsigned guard_wrong(struct guard *g, const uint8_t addr[16], int64_t now_ms);
/* The same without counting. */
unsigned guard_wait(const struct guard *g, const uint8_t addr[16], int64_t now_ms);

/* A password for this name is about to be tried: counted now, so that many at once do not get
 * more tries.  Seconds to wait, 0: go on.  Taken back when it was right. */
unsigned guard_try(struct guard *g, const char *name, int64_t now_ms);
void guard_right(struct guard *g, const char *name);

uint64_t guard_wrongs(const struct guard *g);   /* in all, for /metrics */
uint32_t guard_sources(const struct guard *g);  /* remembered, at most GUARD_SOURCES; for /metrics */

#endif
