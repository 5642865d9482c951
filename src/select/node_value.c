/* node_value.c - what the room left on a node is worth to the tasks that usually come */

#include "select/node_value.h"

#include "base/mem.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Set on nine of the seventeen openb lists, checked on the other eight; doc/placement.md. */
static const double CHANCES = 40;       /* K: arrivals that look at a device while it has room */
static const double CHOICE = 25;        /* THETA: how picky they can be about what they leave */
static const double SCARCITY = 0.1;     /* E: how much more room is worth that few can offer */

/* Shapes are looped over in fours: plain vectors that every compiler we use has. */
enum { LANES = 4, CURVE = 4096 };
typedef float lanes __attribute__((vector_size(16)));
typedef int32_t lanes_int __attribute__((vector_size(16)));

struct block {                          /* four shapes of one step; unused ones weigh 0 */
	lanes cpu_inv, memory_inv, weight;
};

struct step {                           /* all shapes that take this much of one device */
	uint32_t milli, first, n;       /* blocks */
};

struct gang {                           /* a shape of several whole devices */
	uint32_t cpu_milli, memory_mb, devices;
	double weight;
};

struct kind {
	uint32_t nsteps, ngangs;
	struct step *steps;             /* ascending */
	struct block *blocks;
	struct gang *gangs;
};

struct node_value {
	uint32_t nkinds;
	struct kind kinds[NODE_KINDS_MAX];
	float fill[DEVICE_MILLI + 1];           /* of r thousandths, once takers come */
	float ample_inv[DEVICE_MILLI + 1];      /* 1 / a(r) */
	const struct curves *curves;
};

/* The two factors, tabulated: the same for every mix. */
struct curves {
	float taken[CURVE + 1], scarce[CURVE + 1];
};

/* ---- kinds and mix ---- */

uint32_t node_kind(const struct node_kinds *k, uint16_t model)
{
	for (uint32_t i = 0; i < k->n; i++)
		if (k->model[i] == model)
			return i;
	return UINT32_MAX;
}

int node_kinds_of(uint32_t nnodes, const struct node *nodes, struct node_kinds *ret)
{
	struct node_kinds k = { .n = 0 };

	for (uint32_t i = 0; i < nnodes; i++) {
		uint32_t kind;

		if (nodes[i].model == ACCEL_NONE || !nodes[i].naccels)
			continue;
		kind = node_kind(&k, nodes[i].model);
		if (kind == UINT32_MAX) {
			if (k.n == NODE_KINDS_MAX)
				return 1;
			kind = k.n++;
			k.model[kind] = nodes[i].model;
		}
		k.devices[kind] += nodes[i].naccels;
	}
	*ret = k;
	return 0;
}

void node_mix_add(struct node_mix *mix, const struct node_ask *ask)
{
	uint32_t rarest = 0;

	mix->total++;
	for (uint32_t i = 0; i < mix->n; i++) {
		if (!memcmp(&mix->shapes[i].ask, ask, sizeof(*ask))) {
			mix->shapes[i].count++;
			return;
		}
		if (mix->shapes[i].count < mix->shapes[rarest].count)
			rarest = i;
	}
	if (mix->n < NODE_MIX_MAX)
		rarest = mix->n++;
	mix->shapes[rarest].ask = *ask;
	mix->shapes[rarest].count++;
}

uint64_t node_mix_next(uint64_t total)
{
	uint64_t next = LESSON_FIRST;

	while (next <= total && next < LESSON_FADE)
		next *= 2;
	return next;
}

void node_mix_fade(struct node_mix *mix)
{
	if (mix->total < LESSON_FADE)
		return;
	mix->total = 0;
	for (uint32_t i = 0; i < mix->n; i++) {
		mix->shapes[i].count = (mix->shapes[i].count + 1) / 2;
		mix->total += mix->shapes[i].count;
	}
}

/* ---- states ---- */

void node_state_of(const struct node *n, const struct node_kinds *k, struct node_state *ret)
{
	uint32_t kind = node_kind(k, n->model);

	memset(ret, 0, sizeof(*ret));   /* compared byte by byte */
	ret->cpu_milli = n->cpu_free_milli;
	ret->memory_mb = n->memory_free_mb;
	ret->kind = NODE_KINDS_MAX;
	if (kind == UINT32_MAX)
		return;
	ret->kind = (uint16_t)kind;
	ret->ndevices = n->naccels;
	for (uint32_t i = 0; i < n->naccels; i++) {
		uint16_t x = n->accel_free_milli[i];
		uint32_t j = i;

		for (; j && ret->free_milli[j - 1] > x; j--)
			ret->free_milli[j] = ret->free_milli[j - 1];
		ret->free_milli[j] = x;
	}
}

bool node_state_fits(const struct node_state *s, const struct node_ask *ask)
{
	uint32_t k;

	if (s->cpu_milli < ask->cpu_milli || s->memory_mb < ask->memory_mb)
		return false;
	if (!ask->share_milli)
		return true;
	k = s->kind < NODE_KINDS_MAX ? ask->devices[s->kind] : 0;
	return k && k <= s->ndevices && s->free_milli[s->ndevices - k] >= ask->share_milli;
}

uint64_t node_state_rank(const struct node_state *s, int32_t loss)
{
	const uint64_t most = (1u << 18) - 1;
	uint64_t devices = 0, rest = s->cpu_milli / 8;

	for (uint32_t i = 0; i < s->ndevices; i++)
		devices += s->free_milli[i];            /* at most 16,000: 14 bits */
	if (!s->ndevices)       /* a cpu weighs as much as 4000 MB, as most servers are built */
		rest = (4ull * s->cpu_milli + s->memory_mb) / 32;
	if (rest > most)
		rest = most;
	return (uint64_t)((int64_t)loss - INT32_MIN) << 32 | devices << 18 | rest;
}

uint16_t node_pick_devices(const struct node *n, uint32_t kind, const struct node_ask *ask,
			   uint32_t milli)
{
	bool shared = ask->share_milli < DEVICE_MILLI;
	uint32_t k = 0;
	uint16_t bits = 0;

	if (ask->share_milli && kind < NODE_KINDS_MAX)
		k = ask->devices[kind];
	for (uint32_t i = 0; i < n->naccels && k; i++)
		if (shared && k == 1 ? n->accel_free_milli[i] == milli
				     : n->accel_free_milli[i] >= ask->share_milli) {
			bits |= (uint16_t)(1u << i);
			k--;
		}
	return bits;
}

/* ---- learning: tables from a mix, once per mix ---- */

struct learn {
	const struct node_kinds *kinds;
	const struct node_mix *mix;
	double share[DEVICE_MILLI + 1]; /* of the mix that asks for one device, by size */
};

/* Devices of all kinds over devices that this ask may use: 1 for a task that is not choosy. */
static double scarcity_of(const struct learn *l, const struct node_ask *ask)
{
	uint64_t all = 0, may = 0;

	for (uint32_t i = 0; i < l->kinds->n; i++) {
		all += l->kinds->devices[i];
		may += ask->devices[i] ? l->kinds->devices[i] : 0;
	}
	return may ? (double)all / (double)may : 0;
}

/* A whole or shared single device; which kind it is for does not matter here. */
static bool asks_single(const struct node_ask *ask)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < NODE_KINDS_MAX; i++)
		most = ask->devices[i] > most ? ask->devices[i] : most;
	return ask->share_milli && ask->share_milli <= DEVICE_MILLI && most == 1;
}

/* fill(r): the average over the sizes that fit, of the size and what becomes of its rest, a
 * size that leaves less being chosen more often.  What becomes of a rest of r: fill(r), if
 * anybody comes for it. */
static void learn_fill(const struct learn *l, struct node_value *v)
{
	double used[DEVICE_MILLI + 1] = { 0 };

	for (uint32_t r = 1; r <= DEVICE_MILLI; r++) {
		double weights = 0, sum = 0, ample = 0;

		for (uint32_t g = 1; g <= r; g++) {
			double x = g + used[r - g], w;

			if (l->share[g] <= 0)
				continue;
			w = l->share[g] * exp(CHOICE * (x - r) / DEVICE_MILLI);
			weights += w;
			sum += w * x;
			ample += l->share[g];
		}
		if (weights <= 0)
			continue;
		v->fill[r] = (float)(sum / weights);
		v->ample_inv[r] = (float)(1 / ample);
		used[r] = sum / weights * (1 - exp(-CHANCES * ample));
	}
}

/* Both curves over their argument as a fraction of CURVE: 1 - exp(-K x), and x ^ E.  Made at
 * the first lesson and kept: a city has a value for each pool. */
static const struct curves *curves_get(void)
{
	static struct curves c;

	for (uint32_t i = 0; !c.scarce[CURVE] && i <= CURVE; i++) {
		double x = (double)i / CURVE;

		c.taken[i] = (float)(1 - exp(-CHANCES * x));
		c.scarce[i] = (float)pow(x, SCARCITY);
	}
	return &c;
}

struct sized {
	uint32_t milli, shape;
};

static int by_size(const void *a, const void *b)
{
	const struct sized *x = a, *y = b;

	if (x->milli != y->milli)
		return x->milli < y->milli ? -1 : 1;
	return x->shape < y->shape ? -1 : x->shape > y->shape;
}

/* A little more than 1 / x, so that n * x / x does not come out below n. */
static float inverse(uint32_t x)
{
	return 1.0f / (float)(x ? x : 1) * (1.0f + 4e-7f);
}

static void kind_add(struct kind *k, uint32_t at, const struct node_ask *ask, float weight)
{
	struct block *b = &k->blocks[at / LANES];

	b->cpu_inv[at % LANES] = inverse(ask->cpu_milli);
	b->memory_inv[at % LANES] = inverse(ask->memory_mb);
	b->weight[at % LANES] = weight;
}

static double weight_of(const struct learn *l, uint32_t shape)
{
	return (double)l->mix->shapes[shape].count / (double)l->mix->total *
	       scarcity_of(l, &l->mix->shapes[shape].ask);
}

/* Each step begins a new block. */
static void learn_steps(const struct learn *l, struct kind *k, uint32_t n, const struct sized *s)
{
	uint32_t at = 0;

	k->steps = mem_array(n + 1, sizeof(*k->steps));
	k->blocks = mem_array(n + 1, sizeof(*k->blocks));
	for (uint32_t i = 0; i < n; i++) {
		struct step *step;

		if (!i || s[i].milli != s[i - 1].milli) {
			at = (at + LANES - 1) / LANES * LANES;
			k->steps[k->nsteps++] = (struct step){ s[i].milli, at / LANES, 0 };
		}
		step = &k->steps[k->nsteps - 1];
		kind_add(k, at++, &l->mix->shapes[s[i].shape].ask, (float)weight_of(l, s[i].shape));
		step->n = (at + LANES - 1) / LANES - step->first;
	}
}

static void learn_kind(const struct learn *l, uint32_t kind, struct kind *k)
{
	struct sized single[NODE_MIX_MAX];
	uint32_t n = 0;

	k->gangs = mem_array(l->mix->n + 1, sizeof(*k->gangs));
	for (uint32_t i = 0; i < l->mix->n; i++) {
		const struct node_ask *a = &l->mix->shapes[i].ask;

		if (!a->share_milli || !a->devices[kind])
			continue;
		if (a->devices[kind] == 1)
			single[n++] = (struct sized){ a->share_milli, i };
		else
			k->gangs[k->ngangs++] = (struct gang){
				a->cpu_milli, a->memory_mb, a->devices[kind], weight_of(l, i) };
	}
	qsort(single, n, sizeof(*single), by_size);
	learn_steps(l, k, n, single);
}

struct node_value *node_value_new(const struct node_kinds *k, const struct node_mix *mix)
{
	struct node_value *v = mem_alloc(sizeof(*v));
	struct learn l = { .kinds = k, .mix = mix };

	v->nkinds = k->n;
	for (uint32_t i = 0; i < mix->n; i++)
		if (asks_single(&mix->shapes[i].ask))
			l.share[mix->shapes[i].ask.share_milli] +=
				(double)mix->shapes[i].count / (double)mix->total;
	learn_fill(&l, v);
	v->curves = curves_get();
	for (uint32_t i = 0; i < k->n; i++)
		learn_kind(&l, i, &v->kinds[i]);
	return v;
}

struct node_value *node_value_free(struct node_value *v)
{
	for (uint32_t i = 0; v && i < v->nkinds; i++) {
		free(v->kinds[i].steps);
		free(v->kinds[i].blocks);
		free(v->kinds[i].gangs);
	}
	free(v);
	return NULL;
}

/* ---- the value of a state ---- */

static float curve(const float *table, float x)
{
	float at = (x < 1 ? x : 1) * CURVE;
	uint32_t i = (uint32_t)at;

	return i >= CURVE ? table[CURVE] : table[i] + (table[i + 1] - table[i]) * (at - (float)i);
}

static lanes lanes_min(lanes x, lanes y)
{
	lanes_int less = x < y;

	return (lanes)((less & (lanes_int)x) | (~less & (lanes_int)y));
}

/* Weight of a step's shapes on a node with `count` devices that have the room: full for those
 * that its cpu and memory can feed on all of them, a part for those that run short. */
static float step_weight(const struct kind *k, const struct step *l, float cpu, float memory,
			  uint32_t count)
{
	const struct block *b = &k->blocks[l->first];
	const lanes c = (lanes){ 0 } + cpu, m = (lanes){ 0 } + memory;
	const lanes most = (lanes){ 0 } + (float)count;
	lanes sum = { 0 };

	for (uint32_t i = 0; i < l->n; i++) {
		lanes x = lanes_min(c * b[i].cpu_inv, m * b[i].memory_inv);

		x = lanes_min(x, most);
		x = __builtin_convertvector(__builtin_convertvector(x, lanes_int), lanes);
		sum += x * b[i].weight;
	}
	return (sum[0] + sum[1] + sum[2] + sum[3]) / (float)count;
}

/* The same of the shapes that take several whole devices, of `whole` there are. */
static float gang_weight(const struct kind *k, const struct node_state *s, uint32_t whole)
{
	double sum = 0;

	for (uint32_t i = 0; i < k->ngangs; i++) {
		const struct gang *g = &k->gangs[i];
		uint32_t n = whole / g->devices;

		while (n && ((uint64_t)n * g->cpu_milli > s->cpu_milli ||
			     (uint64_t)n * g->memory_mb > s->memory_mb))
			n--;
		sum += g->weight * (n * g->devices) / whole;
	}
	return (float)sum;
}

static float device_value(const struct node_value *v, uint32_t r, float weight)
{
	/* More than all of the mix, weighted by scarcity, is what x ^ E is not tabulated for. */
	float x = weight * v->ample_inv[r];
	float scarce = x <= 1 ? curve(v->curves->scarce, x) : powf(x, (float)SCARCITY);

	return v->fill[r] * curve(v->curves->taken, weight) * scarce;
}

static uint32_t whole_devices(const struct node_state *s)
{
	uint32_t n = 0;

	while (n < s->ndevices && s->free_milli[s->ndevices - 1 - n] >= DEVICE_MILLI)
		n++;
	return n;
}

/* Devices and steps ascend together: the weight at r is that of all steps up to r. */
int32_t node_value_of(const struct node_value *v, const struct node_state *s)
{
	float cpu = (float)s->cpu_milli, memory = (float)s->memory_mb, weight = 0, sum = 0;
	const struct kind *k;
	uint32_t l = 0, whole;

	if (!v || s->kind >= v->nkinds)
		return 0;
	k = &v->kinds[s->kind];
	whole = whole_devices(s);
	for (uint32_t i = 0; i < s->ndevices; i++) {
		uint32_t r = s->free_milli[i];

		if (i && r == s->free_milli[i - 1] && r < DEVICE_MILLI && weight > 0) {
			sum += device_value(v, r, weight);
			continue;
		}
		for (; l < k->nsteps && k->steps[l].milli <= r; l++)
			weight += step_weight(k, &k->steps[l], cpu, memory, s->ndevices - i);
		if (r >= DEVICE_MILLI) {        /* all further ones are whole too */
			weight += gang_weight(k, s, whole);
			sum += (float)whole * device_value(v, DEVICE_MILLI, weight);
			break;
		}
		if (weight > 0)
			sum += device_value(v, r, weight);
	}
	return (int32_t)lrintf(sum * NODE_VALUE_SCALE);
}

/* ---- the loss of a placement ---- */

/* Take `milli` of the device at `i`, and keep the order. */
static void state_take(struct node_state *s, uint32_t i, uint32_t milli)
{
	uint16_t x = (uint16_t)(s->free_milli[i] - milli);

	for (; i && s->free_milli[i - 1] > x; i--)
		s->free_milli[i] = s->free_milli[i - 1];
	s->free_milli[i] = x;
}

static void state_take_rest(struct node_state *s, const struct node_ask *ask)
{
	s->cpu_milli -= ask->cpu_milli;
	s->memory_mb -= ask->memory_mb;
}

/* Several devices, or a whole one: the fullest that have the room. */
static int32_t loss_whole(const struct node_value *v, const struct node_state *s, int32_t value,
			  const struct node_ask *ask, uint32_t k)
{
	struct node_state after = *s;
	uint32_t i = 0;

	state_take_rest(&after, ask);
	while (s->free_milli[i] < ask->share_milli)
		i++;
	for (uint32_t j = 0; j < k; j++)
		state_take(&after, i + j, ask->share_milli);
	return value - node_value_of(v, &after);
}

int32_t node_value_loss(const struct node_value *v, const struct node_state *s, int32_t value,
			const struct node_ask *ask, uint32_t *ret_milli)
{
	uint32_t k = ask->share_milli ? ask->devices[s->kind] : 0, best_milli = 0;
	int32_t best = INT32_MAX;

	if (!k) {
		struct node_state after = *s;

		state_take_rest(&after, ask);
		best = value - node_value_of(v, &after);
	} else if (k > 1 || ask->share_milli >= DEVICE_MILLI) {
		best = loss_whole(v, s, value, ask, k);
	}
	for (uint32_t i = 0; k == 1 && ask->share_milli < DEVICE_MILLI && i < s->ndevices; i++) {
		struct node_state after = *s;
		int32_t loss;

		if (s->free_milli[i] < ask->share_milli ||
		    (i && s->free_milli[i] == s->free_milli[i - 1]))
			continue;
		state_take_rest(&after, ask);
		state_take(&after, i, ask->share_milli);
		loss = value - node_value_of(v, &after);
		if (loss < best) {
			best = loss;
			best_milli = s->free_milli[i];
		}
	}
	if (ret_milli)
		*ret_milli = best_milli;
	return best;
}
