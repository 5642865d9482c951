/* label.h - may data with this label be at this pool?  The one place that says so
 *
 * A label is a level and a region that the data must not leave.  Asked three times for each
 * run: at the choice (select/eligible.c), when it is sent (flow/run.c) and by the engine
 * before it begins (engine/engine.c).  What is not known counts as no.
 */
#ifndef DOMAIN_LABEL_H
#define DOMAIN_LABEL_H

#include "domain/level.h"
#include "domain/pool.h"

/* A region that nothing lies in: what two regions have in common that do not nest. */
#define LABEL_NOWHERE "!"

struct label {
	enum level level;
	const char *within;             /* must not leave it; NULL: no bound */
};

/* The stricter of both: the higher level (就高), the inner region. */
void label_join(struct label *l, enum level level, const char *within);

bool label_level_ok(enum level data, enum level clearance);
bool label_region_ok(const char *within, const struct pool *p);
bool label_allows(const struct label *l, const struct pool *p);

/* Is `now` a weaker label than `before`?  Only the security role may make it so. */
bool label_weaker(const struct label *now, const struct label *before);

/* What two regions have in common, for a pool that two people place differently: the parts
 * that both begin with, "" when there is none. */
enum { LABEL_REGION_MAX = 128 };
void label_common(const char *a, const char *b, char out[LABEL_REGION_MAX]);

#endif
