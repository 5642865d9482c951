/* engine.c - the table of engines */

#include "engine/engine.h"

#include <string.h>

const struct engine_ops *const engines[] = { &engine_local, &engine_fake, NULL };

const struct engine_ops *engine_find(const char *name)
{
	for (const struct engine_ops *const *e = engines; *e; e++)
		if (strcmp((*e)->name, name) == 0)
			return *e;
	return NULL;
}
