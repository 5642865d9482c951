/* dataset.h - data that tasks name as inputs: where, how much, how sensitive */
#ifndef DOMAIN_DATASET_H
#define DOMAIN_DATASET_H

#include "base/json.h"
#include "domain/level.h"

struct dataset {
	struct arena arena;
	const char *name, *url, *region, *tenant;       /* tenant: who registered it */
	enum level level;
	uint64_t size_mb;
	bool removed;
};

int dataset_decode(const json_t *json, const char *tenant, struct dataset **ret, struct err *err);
json_t *dataset_json(const struct dataset *d);
struct dataset *dataset_free(struct dataset *d);

#endif
