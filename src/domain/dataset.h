/* dataset.h - data that tasks name as inputs: where, how much, how sensitive */
#ifndef DOMAIN_DATASET_H
#define DOMAIN_DATASET_H

#include "base/json.h"
#include "domain/level.h"

struct dataset {
	struct arena arena;
	const char *name, *url, *region, *tenant;       /* tenant: whose token registered it */
	const char *owner;              /* who answers for it, a name; NULL in old journals */
	enum level level;
	const char *stay_within;        /* the region it must not leave, or NULL */
	uint64_t size_mb;               /* for forecasts */
	uint64_t size;                  /* bytes that must arrive; 0: any */
	const char *sha256;             /* of what must arrive, or NULL */
	bool removed;
};

int dataset_decode(const json_t *json, const char *tenant, struct dataset **ret, struct err *err);
json_t *dataset_json(const struct dataset *d);
struct dataset *dataset_free(struct dataset *d);

#endif
