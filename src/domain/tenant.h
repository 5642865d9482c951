/* tenant.h - for whom tasks are run and paid: a group, a firm, an office
 *
 * A tenant is made before anything names it.  Disabled: no new tasks; what was accepted is
 * carried out, and its people may look and cancel.  Removed: only when nothing of it is
 * alive; its name stays taken, because what it did stays in the journal under that name.
 */
#ifndef DOMAIN_TENANT_H
#define DOMAIN_TENANT_H

#include "base/json.h"

enum { TENANTS_MAX = 10000, TENANT_TITLE_MAX = 127 };

struct tenant {
	char name[64];
	char title[TENANT_TITLE_MAX + 1];       /* for people, any script; "" when none */
	bool disabled, removed;
	int64_t created_ms;
};

/* {"name","title"?}; the rest is zero. */
int tenant_decode(const json_t *json, struct tenant *ret, struct err *err);
/* {"title"?,"disabled"?} onto an existing one. */
int tenant_change(const json_t *json, struct tenant *t, struct err *err);
json_t *tenant_json(const struct tenant *t);            /* as the API shows it */

json_t *tenant_record_json(const struct tenant *t);     /* as the journal keeps it */
int tenant_record_decode(const json_t *json, struct tenant *ret, struct err *err);

#endif
