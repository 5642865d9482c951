/* fragment.c - how much of what is idle the usual tasks could not use */

#include "sim/fragment.h"

#include <stdlib.h>
#include <string.h>

#define TYPICAL_SHARE 0.95

static int by_count(const void *a, const void *b)
{
	const struct fragment_mix *of = NULL;
	const __typeof__(of->shapes[0]) *x = a, *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return memcmp(&x->ask, &y->ask, sizeof(x->ask));
}

void fragment_learn(const struct node_mix *mix, struct fragment_mix *ret)
{
	uint64_t covered = 0;
	uint32_t n = 0, k = 0;

	memset(ret, 0, sizeof(*ret));
	for (uint32_t i = 0; i < mix->n; i++) {
		struct node_ask ask = mix->shapes[i].ask;
		uint32_t j = 0;

		ask.memory_mb = 0;
		while (j < n && memcmp(&ret->shapes[j].ask, &ask, sizeof(ask)))
			j++;
		if (j == n)
			ret->shapes[n++].ask = ask;
		ret->shapes[j].count += mix->shapes[i].count;
	}
	qsort(ret->shapes, n, sizeof(ret->shapes[0]), by_count);
	while (k < n && (double)covered < TYPICAL_SHARE * (double)mix->total)
		covered += ret->shapes[k++].count;
	for (uint32_t i = 0; i < k; i++)
		ret->shapes[i].share = (double)ret->shapes[i].count / (double)covered;
	ret->n = k;
}

double fragment_of(const struct fragment_mix *mix, const struct node *n, uint32_t kind)
{
	uint32_t idle = 0;
	double sum = 0;

	for (uint32_t i = 0; i < n->naccels; i++)
		idle += n->accel_free_milli[i];
	for (uint32_t m = 0; m < mix->n; m++) {
		const struct node_ask *t = &mix->shapes[m].ask;
		uint32_t want = kind < NODE_KINDS_MAX ? t->devices[kind] : 0;
		uint32_t fit = 0, small = 0;

		for (uint32_t i = 0; i < n->naccels; i++) {
			bool room = n->accel_free_milli[i] >= t->share_milli;

			fit += room;
			small += room ? 0 : n->accel_free_milli[i];
		}
		if (!t->share_milli || !want || fit < want || n->cpu_free_milli < t->cpu_milli)
			small = idle;
		sum += mix->shapes[m].share * small;
	}
	return sum;
}

double fragment_sum(const struct fragment_mix *mix, uint32_t nnodes, const struct node *nodes,
		    const struct node_kinds *kinds)
{
	double sum = 0;

	for (uint32_t i = 0; i < nnodes; i++)
		if (nodes[i].naccels)
			sum += fragment_of(mix, &nodes[i], node_kind(kinds, nodes[i].model));
	return sum;
}
