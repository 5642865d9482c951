/* engine.c - the table of engines, and the rule that each of them asks before it starts a run */

#include "engine/engine.h"

#include "base/mem.h"

#include <string.h>

const struct engine_ops *const engines[] = { &engine_local, &engine_slurm, &engine_fake, NULL };

int engine_permit(const struct run_spec *r, struct err *err)
{
	struct label l = r->label;
	struct pool then = *r->pool;

	label_join(&l, r->spec->level, r->spec->stay_within);
	then.clearance = r->clearance;
	if (r->label.level == LEVEL_NONE || !label_allows(&l, r->pool) || !label_allows(&l, &then))
		return err_set(err, ENGINE_E_FORBIDDEN,
			       "pool %s may not see the data of run %s", r->pool->name, r->run_id);
	return 0;
}

struct run_output *engine_outputs_copy(struct engine_event *ev)
{
	struct run_output *copy;

	if (!ev->noutputs)
		return NULL;
	copy = mem_array(ev->noutputs, sizeof(*copy));
	memcpy(copy, ev->outputs, ev->noutputs * sizeof(*copy));
	ev->outputs = copy;
	return copy;
}

const struct engine_ops *engine_find(const char *name)
{
	for (const struct engine_ops *const *e = engines; *e; e++)
		if (strcmp((*e)->name, name) == 0)
			return *e;
	return NULL;
}
