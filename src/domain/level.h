/* level.h - how sensitive data are, and what a pool may see
 *
 * GB/T 43697-2024 grades data as core, important and general; general is split
 * into 1-4 as cities do.  Of several inputs the highest counts (就高, MIIT
 * 工信部网安〔2022〕166号).  In JSON: 1 to 4, "important" or "core".
 */
#ifndef DOMAIN_LEVEL_H
#define DOMAIN_LEVEL_H

#include "base/json.h"

enum level {
	LEVEL_NONE,             /* never valid */
	LEVEL_1, LEVEL_2, LEVEL_3, LEVEL_4,
	LEVEL_IMPORTANT,
	LEVEL_CORE,
	LEVEL_COUNT
};

const char *level_name(enum level l);                   /* "1" … "4", "important", "core" */
int level_parse(const char *s, enum level *ret);        /* 0 or 1 */
void dec_level(struct dec *d, const char *key, enum dec_need need, enum level *ret);
json_t *level_json(enum level l);                       /* as it is written in JSON */

#endif
