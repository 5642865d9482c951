/* demand.h - which shapes of tasks are asked for in this city, and how often
 *
 * Counted from submissions, each element of an array and each node of a gang by itself.  What a
 * placement goes by is not the running count but the last lesson: a copy taken when so many
 * tasks have come as node_mix_next() says.  Between two lessons equal asks on equal nodes get
 * equal answers.  Pure; owned by flow, which writes each lesson to the journal.
 */
#ifndef SELECT_DEMAND_H
#define SELECT_DEMAND_H

#include "domain/task.h"
#include "select/node_value.h"

struct demand_shape {
	uint32_t cpu_milli, memory_mb;
	struct accel_need accel;
	uint64_t count;
};

/* Bounded like a node_mix, and by the same rule: the rarest goes. */
struct demand_table {
	uint32_t n;
	uint64_t total;
	struct demand_shape shapes[NODE_MIX_MAX];
};

struct demand {
	struct demand_table now;        /* running */
	struct demand_table taught;     /* as of the last lesson */
	uint64_t lesson;                /* its number; 0: there was none */
	uint64_t next;                  /* of now.total, when the next one is due */
};

struct demand *demand_new(void);
struct demand *demand_free(struct demand *d);

void demand_add(struct demand *d, const struct task_spec *spec);
bool demand_due(const struct demand *d);

/* Make what was counted the lesson.  What is old fades first (node_mix_fade()); *ret is what
 * demand_teach() will be given, here or after a restart. */
void demand_lesson(const struct demand *d, struct demand_table *ret);
void demand_teach(struct demand *d, const struct demand_table *t);

/* The lesson as a pool with these kinds sees it: shapes whose devices it has not got are
 * left out, for they cannot come here. */
void demand_mix(const struct demand *d, const struct catalogue *c, const struct node_kinds *k,
		struct node_mix *ret);

#endif
