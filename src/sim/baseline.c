/* baseline.c - placement policies of others, to compare with */

#include "sim/baseline.h"

#include "base/mem.h"
#include "base/rng.h"
#include "sim/fragment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The largest node of the trace, as the artefact normalises. */
#define MOST_CPU_MILLI 128000.0
#define MOST_DEVICE_MILLI 8000.0

enum { TAGS = NODE_ACCELS_MAX + 1 };

struct baseline {
	enum baseline_kind kind;
	uint32_t nnodes;
	const struct node *nodes;
	const struct node_kinds *kinds;
	struct rng rng;
	uint32_t *order;
	uint16_t (*tags)[TAGS];         /* per node, tasks there that ask for n devices; 0: shared */
	double *before;                 /* per node: fragment_of() as it is now; NAN: not known */
	struct fragment_mix typical;
};

static const char *const names[BASELINE_COUNT] = {
	"none", "random", "dot-product", "clustering", "packing", "best-fit", "fgd",
};

const char *baseline_name(enum baseline_kind kind)
{
	return names[kind];
}

enum baseline_kind baseline_find_name(const char *name)
{
	for (int i = BASELINE_NONE + 1; i < BASELINE_COUNT; i++)
		if (!strcmp(names[i], name))
			return (enum baseline_kind)i;
	return BASELINE_NONE;
}

/* ---- what a node has, as the scores see it ---- */

struct view {
	const struct node *node;
	uint32_t kind, want;            /* devices asked for of this kind */
	uint32_t free_milli, whole;
};

static void view_of(const struct baseline *b, const struct node *n, const struct node_ask *ask,
		    struct view *ret)
{
	*ret = (struct view){ .node = n, .kind = node_kind(b->kinds, n->model) };
	for (uint32_t i = 0; i < n->naccels; i++) {
		ret->free_milli += n->accel_free_milli[i];
		ret->whole += n->accel_free_milli[i] == DEVICE_MILLI;
	}
	if (ask->share_milli && ret->kind != UINT32_MAX)
		ret->want = ask->devices[ret->kind];
}

static bool view_fits(const struct view *v, const struct node_ask *ask)
{
	const struct node *n = v->node;
	uint32_t k = 0;

	if (n->down || n->cpu_free_milli < ask->cpu_milli || n->memory_free_mb < ask->memory_mb)
		return false;
	if (!ask->share_milli)
		return true;
	for (uint32_t i = 0; i < n->naccels; i++)
		k += n->accel_free_milli[i] >= ask->share_milli;
	return v->want && k >= v->want;
}

/* The fullest devices that have the room; the lowest first among equals. */
static uint16_t tightest(const struct view *v, const struct node_ask *ask)
{
	const struct node *n = v->node;
	uint16_t bits = 0;

	for (uint32_t k = 0; k < v->want; k++) {
		int best = -1;

		for (int i = 0; i < n->naccels; i++)
			if (!(bits >> i & 1) && n->accel_free_milli[i] >= ask->share_milli &&
			    (best < 0 || n->accel_free_milli[i] < n->accel_free_milli[best]))
				best = i;
		bits |= (uint16_t)(1u << best);
	}
	return bits;
}

/* ---- scores: larger is better ---- */

static int score_dot_product(const struct view *v, const struct node_ask *ask)
{
	double cpu = v->node->cpu_free_milli / MOST_CPU_MILLI * (ask->cpu_milli / MOST_CPU_MILLI);
	double devices = v->free_milli / MOST_DEVICE_MILLI *
			 (v->want * ask->share_milli / MOST_DEVICE_MILLI);

	return (int)(100 * (1 - (cpu + devices) / 2));
}

static int score_best_fit(const struct view *v, const struct node_ask *ask)
{
	double cpu = (v->node->cpu_free_milli - ask->cpu_milli) / MOST_CPU_MILLI;
	double devices = (v->free_milli - v->want * ask->share_milli) / MOST_DEVICE_MILLI;

	return (int)(100 * (1 - (cpu + devices) / 2));
}

static uint32_t tag_of(const struct node_ask *ask, uint32_t devices)
{
	return ask->share_milli < DEVICE_MILLI ? 0 : devices;
}

/* Four steps of 25: other tasks only, nobody, same and others, same only; the fuller the
 * higher within a step. */
static int score_clustering(const struct view *v, const struct node_ask *ask, const uint16_t *tags)
{
	uint32_t tag = tag_of(ask, v->want);
	int full = (int)(25 * (MOST_DEVICE_MILLI - v->free_milli) / MOST_DEVICE_MILLI);
	bool others = false;

	if (!ask->share_milli)
		return 0;
	for (uint32_t i = 0; i < TAGS; i++)
		others |= i != tag && tags[i];
	if (tags[tag])
		return full + (others ? 50 : 75);
	return full + (others ? 0 : 25);
}

/* Above 50: on used devices, the fuller the better.  From 33 to 50: on a used node, the fewer
 * idle devices it takes the better.  Below: on an idle node, a small one first. */
static int score_packing(const struct view *v, const struct node_ask *ask)
{
	uint32_t idle = 0, percent = 0;
	uint16_t bits;
	int score;

	if (!ask->share_milli)
		return 0;
	if (v->whole == v->node->naccels)
		return 33 - (int)v->whole;
	bits = tightest(v, ask);
	for (uint32_t i = 0; i < v->node->naccels; i++)
		if (bits >> i & 1) {
			idle += v->node->accel_free_milli[i] == DEVICE_MILLI;
			percent += v->node->accel_free_milli[i] / 10;
		}
	score = idle ? 50 - (int)idle : 100 - (int)percent / 10;
	if (idle)
		return score > 33 ? score : 33;
	return score > 50 ? score : 50;
}

/* ---- fgd ---- */

static double fragments_after(const struct baseline *b, const struct view *v,
			      const struct node_ask *ask, uint16_t bits)
{
	struct node n = *v->node;

	n.cpu_free_milli -= ask->cpu_milli;
	for (uint32_t i = 0; i < n.naccels; i++)
		if (bits >> i & 1)
			n.accel_free_milli[i] -= (uint16_t)ask->share_milli;
	return fragment_of(&b->typical, &n, v->kind);
}

static int score_fgd(const struct baseline *b, uint32_t node, const struct view *v,
		     const struct node_ask *ask, uint16_t *ret_bits)
{
	const struct node *n = v->node;
	bool shared = v->want == 1 && ask->share_milli < DEVICE_MILLI;
	double before;
	int best = -1;

	if (isnan(b->before[node]))
		b->before[node] = fragment_of(&b->typical, v->node, v->kind);
	before = b->before[node];
	for (uint32_t i = 0; i < (shared ? n->naccels : 1u); i++) {
		uint16_t bits = shared ? (uint16_t)(1u << i) : tightest(v, ask);
		int score;

		if (shared && n->accel_free_milli[i] < ask->share_milli)
			continue;
		score = (int)(100 / (1 + exp((fragments_after(b, v, ask, bits) - before) / 1000)));
		if (score > best) {
			best = score;
			*ret_bits = bits;
		}
	}
	return best;
}

/* ---- the choice ---- */

static int score_of(const struct baseline *b, uint32_t node, const struct view *v,
		    const struct node_ask *ask, uint16_t *ret_bits)
{
	switch (b->kind) {
	case BASELINE_DOT_PRODUCT:
		return score_dot_product(v, ask);
	case BASELINE_CLUSTERING:
		return score_clustering(v, ask, b->tags[node]);
	case BASELINE_PACKING:
		return score_packing(v, ask);
	case BASELINE_BEST_FIT:
		return score_best_fit(v, ask);
	case BASELINE_FGD:
		return score_fgd(b, node, v, ask, ret_bits);
	default:
		return 0;
	}
}

/* The k-th candidate replaces the ones before with a chance of 1 / k: all are equally likely. */
static bool draw(struct baseline *b, uint32_t k)
{
	return !rng_below(&b->rng, k);
}

static uint16_t random_device(struct baseline *b, const struct view *v, const struct node_ask *ask)
{
	uint16_t bits = 0;
	uint32_t k = 0;

	if (v->want != 1)
		return tightest(v, ask);
	for (uint32_t i = 0; i < v->node->naccels; i++)
		if (v->node->accel_free_milli[i] >= ask->share_milli && draw(b, ++k))
			bits = (uint16_t)(1u << i);
	return bits;
}

int baseline_find(struct baseline *b, const struct node_ask *ask, struct node_choice *ret)
{
	struct node_choice best = { .node = NODE_NONE };
	int best_score = -1;
	uint32_t k = 0;
	struct view v;

	for (uint32_t i = 0; i < b->nnodes; i++) {
		uint16_t bits = 0;
		int score;

		view_of(b, &b->nodes[b->order[i]], ask, &v);
		if (!view_fits(&v, ask))
			continue;
		score = score_of(b, b->order[i], &v, ask, &bits);
		if (b->kind == BASELINE_RANDOM ? !draw(b, ++k) : score <= best_score)
			continue;
		best_score = score;
		best.node = b->order[i];
		best.devices = bits;
	}
	if (best.node == NODE_NONE)
		return 1;
	view_of(b, &b->nodes[best.node], ask, &v);
	if (b->kind == BASELINE_RANDOM)
		best.devices = random_device(b, &v, ask);
	else if (b->kind != BASELINE_FGD)
		best.devices = tightest(&v, ask);
	*ret = best;
	return 0;
}

static void change(struct baseline *b, const struct node_ask *ask, uint32_t node, int by)
{
	struct view v;

	view_of(b, &b->nodes[node], ask, &v);
	b->before[node] = NAN;
	if (ask->share_milli)
		b->tags[node][tag_of(ask, v.want)] += (uint16_t)by;
}

void baseline_placed(struct baseline *b, const struct node_ask *ask, uint32_t node)
{
	change(b, ask, node, 1);
}

void baseline_left(struct baseline *b, const struct node_ask *ask, uint32_t node)
{
	change(b, ask, node, -1);
}

struct baseline *baseline_new(enum baseline_kind kind, uint32_t nnodes, const struct node *nodes,
			      const struct node_kinds *kinds, const struct node_mix *mix,
			      uint64_t seed)
{
	struct baseline *b = mem_alloc(sizeof(*b));

	b->kind = kind;
	b->nnodes = nnodes;
	b->nodes = nodes;
	b->kinds = kinds;
	b->rng.s = rng_mix(seed, 2);
	b->order = mem_array(nnodes + 1, sizeof(*b->order));
	b->tags = mem_array(nnodes + 1, sizeof(*b->tags));
	b->before = mem_array(nnodes + 1, sizeof(*b->before));
	for (uint32_t i = 0; i < nnodes; i++) {
		b->order[i] = i;
		b->before[i] = NAN;
	}
	for (uint32_t i = nnodes; i > 1; i--) {
		uint32_t j = (uint32_t)rng_below(&b->rng, i), x = b->order[i - 1];

		b->order[i - 1] = b->order[j];
		b->order[j] = x;
	}
	if (kind == BASELINE_FGD)
		fragment_learn(mix, &b->typical);
	return b;
}

struct baseline *baseline_free(struct baseline *b)
{
	if (!b)
		return NULL;
	free(b->order);
	free(b->tags);
	free(b->before);
	free(b);
	return NULL;
}
