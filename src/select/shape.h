/* shape.h - tasks that ask for the same are decided alike
 *
 * A hash of what selection looks at, but for the name, which only colours a forecast.  Two
 * shapes with the same hash would only queue behind each other: each task is still decided by
 * its own spec.
 */
#ifndef SELECT_SHAPE_H
#define SELECT_SHAPE_H

#include "domain/task.h"

uint64_t spec_shape(const struct task_spec *s);

#endif
