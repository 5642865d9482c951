/* scope.h - what of a task decides where it may ever go, and from where its data come
 *
 * Tasks of equal scope have equal answers to all rules that say "never" (eligible.c) as long
 * as the pools declare the same.  Deadline, budget, weights, kind and name are not in it.
 */
#ifndef SELECT_SCOPE_H
#define SELECT_SCOPE_H

#include "select/select.h"

struct scope {
	enum level level;               /* that counts, its data's included */
	bool declared;                  /* the task's own level is known at all */
	bool image;                     /* it wants one */
	uint32_t walltime_s, max_latency_ms;
	uint32_t nodes, cpu_milli, memory_mb;
	struct accel_need accel;
	const char *tenant, *within, *data_within, *near;       /* borrowed; NULL: none */
	uint32_t npools;                /* it may go to these alone; 0: to any */
	const char *const *pools;
	uint32_t ndata;
	uint64_t data_mb[8];
	const char *data_from[8];
};

void scope_init(struct scope *t, const struct ask *a);
uint64_t scope_hash(const struct scope *t);
bool scope_equal(const struct scope *a, const struct scope *b);
void scope_copy(struct scope *to, const struct scope *from, struct arena *arena);

#endif
