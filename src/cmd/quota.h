/* quota.h - limits of a tenant and what is used of them, for people */
#ifndef CMD_QUOTA_H
#define CMD_QUOTA_H

#include <jansson.h>

/* The lines of a Quota of the API, without the tenant's name. */
void quota_print(const json_t *q);

#endif
