/* password.h - passwords: which are good enough, how they are kept, one for the first time
 *
 * Kept as argon2id (RFC 9106), 64 MiB and 3 passes as in its second recommended choice, in one
 * lane so that a login takes one core; OWASP's Password Storage Cheat Sheet asks for at least
 * 19 MiB and 2 passes in one lane.  Salt 128 bits, tag 256 bits.  The figures stand in each hash,
 * so a later change of them leaves old ones good.
 *
 * Length after NIST SP 800-63B-4 (3.1.1.2): no rules on kinds of characters; at least 12
 * characters, a maximum far above 64.
 */
#ifndef DOMAIN_PASSWORD_H
#define DOMAIN_PASSWORD_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	PASSWORD_MIN = 12, PASSWORD_MAX = 256,  /* bytes: what is hashed has an end */
	PASSWORD_HASH_MAX = 160,                /* text of a hash, with its NUL */
	PASSWORD_ONCE_LEN = 24,                 /* of 32 letters and digits: 120 bits */
	PASSWORD_MEMORY_KIB = 64 << 10, PASSWORD_PASSES = 3,
};

/* 0, or ERR_E_INPUT on `field`: too short, too long, all but the name, one letter again and again. */
int password_check(const char *text, const char *user, const char *field, struct err *err);

/* These two take about 0.1 s of one core and 64 MiB: never on the loop.  Negative: no memory. */
int password_hash(const char *text, char ret[PASSWORD_HASH_MAX]);
bool password_is(const char *hash, const char *text);

/* One to begin with.  0 or -errno. */
int password_once(char ret[PASSWORD_ONCE_LEN + 1]);

#endif
