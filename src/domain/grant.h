/* grant.h - money put into a tenant's budget, or taken out of it */
#ifndef DOMAIN_GRANT_H
#define DOMAIN_GRANT_H

#include "base/json.h"

#define GRANT_MAX 1000000000000000LL    /* a billion yuan, as a voucher's face value */

struct grant {
	const char *tenant, *reason;    /* in the arena of the decoder */
	int64_t micro;                  /* -GRANT_MAX to GRANT_MAX; 0: only `limited` changes */
	bool limited;                   /* runs stop before the budget is overdrawn */
};

/* {"tenant":"acme","add_micro":5000000,"limited":true,"reason":"grant of May"} */
int grant_decode(const json_t *json, struct arena *arena, struct grant *ret, struct err *err);

#endif
