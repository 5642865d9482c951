/* role.h - what an account may do, and what nobody may do at once
 *
 * user (own tasks), operator (pools), admin (the system: tenants, accounts), security
 * (labels, clearances, who holds which role), auditor (reads all, writes nothing).
 *
 * 三员分立, after GB/T 22239-2019 (system, security and audit management are separate
 * posts): no account holds two of admin, security and auditor once a second person exists.
 */
#ifndef DOMAIN_ROLE_H
#define DOMAIN_ROLE_H

#include "base/json.h"

enum role {
	ROLE_USER = 1, ROLE_OPERATOR = 2, ROLE_ADMIN = 4, ROLE_SECURITY = 8, ROLE_AUDITOR = 16,

	ROLE_OFFICERS = ROLE_ADMIN | ROLE_SECURITY | ROLE_AUDITOR,
};

unsigned role_parse(const char *s);             /* 0: none of them */
bool roles_separate(unsigned roles);            /* at most one of the three */
/* What is left of a set that joins them: admin if it is there, else security, else auditor. */
unsigned roles_split(unsigned roles);

/* "roles": a list without doubles, not empty; 0 with DEC_OPT and absent. */
void dec_roles(struct dec *d, const char *key, enum dec_need need, unsigned *ret);
json_t *roles_json(unsigned roles);             /* new reference */

#endif
