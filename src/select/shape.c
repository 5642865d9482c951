/* shape.c - tasks that ask for the same are decided alike */

#include "select/shape.h"

#include "base/fnv.h"
#include "base/rng.h"

static uint64_t mix_text(uint64_t h, const char *s)
{
	return rng_mix(fnv64(h, s), 0x7e);
}

uint64_t spec_shape(const struct task_spec *s)
{
	uint64_t h = FNV64;

	h = mix_text(h, s->tenant);
	h = mix_text(h, s->kind);
	h = mix_text(h, s->image);
	h = mix_text(h, s->stay_within);
	h = mix_text(h, s->data_region);
	h = mix_text(h, s->near);
	for (uint32_t i = 0; i < s->npools; i++)
		h = mix_text(h, s->pools[i]);
	for (uint32_t i = 0; i < s->ninputs; i++)
		h = rng_mix(mix_text(h, s->inputs[i].dataset), s->inputs[i].size_mb);
	h = rng_mix(h, s->nodes | (uint64_t)s->cpu_milli << 32);
	h = rng_mix(h, s->memory_mb | (uint64_t)s->walltime_s << 32);
	h = rng_mix(h, s->accel.count | (uint64_t)s->accel.share_milli << 32);
	h = rng_mix(h, s->accel.fp16_gflops | (uint64_t)s->accel.memory_gb << 32);
	for (unsigned i = 0; i < s->accel.nmodels; i++)
		h = rng_mix(h, s->accel.models[i]);
	h = rng_mix(h, (uint64_t)s->level | (uint64_t)s->max_latency_ms << 32);
	h = rng_mix(h, (uint64_t)s->deadline_ms);
	h = rng_mix(h, (uint64_t)s->budget_micro);
	h = rng_mix(h, s->prefer.money_milli);
	h = rng_mix(h, (uint64_t)s->prefer.time_micro_per_s);
	return rng_mix(h, (uint64_t)s->prefer.carbon_micro_per_g);
}
