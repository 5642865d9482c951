/* user.h - people: accounts with a tenant and roles
 *
 * What an account may do is what its roles say at this moment: its sessions and tokens
 * follow at once.  A removed account keeps its name, for the journal's sake.
 */
#ifndef DOMAIN_USER_H
#define DOMAIN_USER_H

#include "domain/role.h"

enum { USERS_MAX = 100000, USER_TITLE_MAX = 127 };

struct user {
	char name[64], tenant[64];
	char title[USER_TITLE_MAX + 1]; /* how the person is called; "" when nothing was said */
	unsigned roles;
	bool disabled, removed;
	int64_t created_ms;
};

/* {"name","tenant","roles","title"?}; refuses unions of admin, security and auditor. */
int user_decode(const json_t *json, struct user *ret, struct err *err);
/* {"roles"?,"title"?,"disabled"?} onto an existing one. */
int user_change(const json_t *json, struct user *u, struct err *err);
json_t *user_json(const struct user *u);                /* as the API shows it */

json_t *user_record_json(const struct user *u);         /* as the journal keeps it */
int user_record_decode(const json_t *json, struct user *ret, struct err *err);

#endif
