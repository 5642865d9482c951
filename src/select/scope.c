/* scope.c - what of a task decides where it may ever go, and from where its data come */

#include "select/scope.h"

#include "base/rng.h"
#include "select/part.h"

#include <string.h>

void scope_init(struct scope *t, const struct ask *a)
{
	const struct task_spec *s = a->spec;

	*t = (struct scope){
		.level = eligible_level(a), .declared = s->level > LEVEL_NONE, .image = s->image,
		.walltime_s = s->walltime_s, .max_latency_ms = s->max_latency_ms,
		.nodes = s->nodes, .cpu_milli = s->cpu_milli, .memory_mb = s->memory_mb,
		.accel = s->accel, .tenant = s->tenant, .within = s->stay_within,
		.data_within = a->data_within, .near = s->near,
		.npools = s->npools, .pools = s->pools, .ndata = a->ndata,
	};
	for (uint32_t i = 0; i < a->ndata; i++) {
		t->data_mb[i] = a->data_mb[i];
		t->data_from[i] = a->data_from[i];
	}
}

static uint64_t mix_text(uint64_t h, const char *text)
{
	return rng_mix(h, text ? history_hash(text) : 0);
}

static uint64_t mix_need(uint64_t h, const struct accel_need *n)
{
	h = rng_mix(h, (uint64_t)n->count << 32 | n->share_milli);
	h = rng_mix(h, (uint64_t)n->fp16_gflops << 32 | n->memory_gb);
	for (uint32_t i = 0; i < n->nmodels; i++)
		h = rng_mix(h, n->models[i]);
	return h;
}

uint64_t scope_hash(const struct scope *t)
{
	uint64_t h = (uint64_t)t->level << 2 | (unsigned)t->declared << 1 | t->image;

	h = rng_mix(h, (uint64_t)t->walltime_s << 32 | t->max_latency_ms);
	h = rng_mix(h, (uint64_t)t->nodes << 32 | t->cpu_milli);
	h = mix_need(rng_mix(h, t->memory_mb), &t->accel);
	h = mix_text(mix_text(h, t->tenant), t->within);
	h = mix_text(mix_text(h, t->data_within), t->near);
	for (uint32_t i = 0; i < t->npools; i++)
		h = mix_text(h, t->pools[i]);
	for (uint32_t i = 0; i < t->ndata; i++)
		h = mix_text(rng_mix(h, t->data_mb[i]), t->data_from[i]);
	return h;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool same_need(const struct accel_need *a, const struct accel_need *b)
{
	return a->count == b->count && a->share_milli == b->share_milli &&
	       a->fp16_gflops == b->fp16_gflops && a->memory_gb == b->memory_gb &&
	       a->nmodels == b->nmodels &&
	       !memcmp(a->models, b->models, a->nmodels * sizeof(*a->models));
}

bool scope_equal(const struct scope *a, const struct scope *b)
{
	if (a->level != b->level || a->declared != b->declared || a->image != b->image ||
	    a->walltime_s != b->walltime_s || a->max_latency_ms != b->max_latency_ms ||
	    a->nodes != b->nodes || a->cpu_milli != b->cpu_milli ||
	    a->memory_mb != b->memory_mb || a->npools != b->npools || a->ndata != b->ndata)
		return false;
	for (uint32_t i = 0; i < a->npools; i++)
		if (strcmp(a->pools[i], b->pools[i]))
			return false;
	for (uint32_t i = 0; i < a->ndata; i++)
		if (a->data_mb[i] != b->data_mb[i] || !same_text(a->data_from[i], b->data_from[i]))
			return false;
	return same_need(&a->accel, &b->accel) && same_text(a->tenant, b->tenant) &&
	       same_text(a->within, b->within) && same_text(a->data_within, b->data_within) &&
	       same_text(a->near, b->near);
}

static const char *keep(struct arena *arena, const char *text)
{
	return text ? arena_strdup(arena, text) : NULL;
}

void scope_copy(struct scope *to, const struct scope *from, struct arena *arena)
{
	const char **pools = arena_array(arena, from->npools, sizeof(*pools));

	*to = *from;
	for (uint32_t i = 0; i < from->npools; i++)
		pools[i] = keep(arena, from->pools[i]);
	to->pools = pools;
	to->tenant = keep(arena, from->tenant);
	to->within = keep(arena, from->within);
	to->data_within = keep(arena, from->data_within);
	to->near = keep(arena, from->near);
	for (uint32_t i = 0; i < from->ndata; i++)
		to->data_from[i] = keep(arena, from->data_from[i]);
}
