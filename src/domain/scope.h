/* scope.h - what a token was narrowed to: groups of routes, for reading or writing
 *
 * A scope never gives what a role does not; it takes away.  No scopes: all that the roles
 * allow.  Each route has exactly one (api/routes.c).
 */
#ifndef DOMAIN_SCOPE_H
#define DOMAIN_SCOPE_H

#include "base/json.h"

enum scope {
	SCOPE_TASKS_READ = 1 << 0, SCOPE_TASKS_WRITE = 1 << 1,
	SCOPE_POOLS_READ = 1 << 2, SCOPE_POOLS_WRITE = 1 << 3,
	SCOPE_DATA_READ = 1 << 4, SCOPE_DATA_WRITE = 1 << 5,
	SCOPE_IDENTITY_READ = 1 << 6, SCOPE_IDENTITY_WRITE = 1 << 7,
	SCOPE_LEDGER_READ = 1 << 8, SCOPE_LEDGER_WRITE = 1 << 9,
	SCOPE_AUDIT_READ = 1 << 10, SCOPE_AUDIT_WRITE = 1 << 11,
	SCOPE_NODE_READ = 1 << 12,      /* the node itself: health, figures, accelerators */
	SCOPE_SELF = 1 << 13,           /* the caller's own session, password and tokens */

	SCOPE_ANY = (1 << 14) - 1,
};

unsigned scope_parse(const char *s);            /* "tasks:read" …; 0: none of them */
const char *scope_name(unsigned one);           /* NULL: not exactly one of them */

/* A list of names without doubles; absent: *ret stays.  An empty list is refused. */
void dec_scopes(struct dec *d, const char *key, unsigned *ret);
json_t *scopes_json(unsigned set);              /* new reference */

#endif
