/* accel.c - what a task may ask of accelerators, and how many of a model that takes */

#include "domain/accel.h"

#include "domain/pool.h"
#include "domain/wire.h"

#include <assert.h>

bool accel_need_empty(const struct accel_need *need)
{
	return !need->count && !need->fp16_gflops && !need->memory_gb;
}

static bool named(const struct accel_need *need, uint16_t model)
{
	for (unsigned i = 0; i < need->nmodels; i++)
		if (need->models[i] == model)
			return true;
	return need->nmodels == 0;
}

/* Devices whose figures add up to `asked`; 0 asked: none; a figure not known: never. */
static uint32_t devices_for(uint32_t asked, uint32_t each)
{
	if (!asked)
		return 0;
	return each ? asked / each + (asked % each != 0) : UINT32_MAX;
}

uint32_t accel_need_count(const struct accel_need *need, const struct catalogue *c, uint16_t model)
{
	uint32_t by_speed, by_memory, n;

	if (model == ACCEL_NONE || !named(need, model))
		return 0;
	assert(model < c->n);
	if (need->count)
		return need->count;
	by_speed = devices_for(need->fp16_gflops, c->models[model].fp16_gflops);
	by_memory = devices_for(need->memory_gb, c->models[model].memory_gb);
	n = by_speed > by_memory ? by_speed : by_memory;
	return n == UINT32_MAX ? 0 : n;
}

static void decode_models(struct dec *d, const struct catalogue *c, struct accel_need *need)
{
	const char *const *names = NULL;
	uint32_t n = 0;

	dec_strs(d, "models", DEC_OPT, ACCEL_ANY_MAX, 63, &names, &n);
	for (uint32_t i = 0; i < n; i++) {
		uint16_t m = catalogue_find(c, names[i]);

		if (m == ACCEL_NONE)
			dec_fail(d, "models", "the model \"%s\" is not in the catalogue",
				 names[i]);
		else if (need->nmodels && named(need, m))
			dec_fail(d, "models", "the model \"%s\" is there twice", names[i]);
		if (d->r != 0)
			return;
		need->models[need->nmodels++] = m;
	}
	if (names && !n)
		dec_fail(d, "models", "must name a model; leave it out to take any");
}

/* A count of devices, or a need that decides the count: never both, for one would be ignored. */
static void decode_amount(struct dec *d, struct accel_need *need)
{
	bool wants = dec_has(d, "fp16_tflops") || dec_has(d, "memory_gb");

	dec_u32(d, "count", DEC_OPT, 1, NODE_ACCELS_MAX, &need->count);
	dec_milli(d, "share", DEC_OPT, 1, 1000, &need->share_milli);
	dec_milli(d, "fp16_tflops", DEC_OPT, 1, 1000000000, &need->fp16_gflops);
	dec_u32(d, "memory_gb", DEC_OPT, 1, 1 << 20, &need->memory_gb);
	if (wants && need->count)
		dec_fail(d, "count", "must not stand beside fp16_tflops or memory_gb");
	else if (wants && need->share_milli < 1000)
		dec_fail(d, "share", "must not stand beside fp16_tflops or memory_gb");
	else if (need->share_milli < 1000 && need->count > 1)
		dec_fail(d, "share", "must be 1 when the count is above 1");
	if (!wants && !need->count)
		need->count = 1;
}

void dec_accel_need(struct dec *d, const char *key, const struct catalogue *c,
		    struct accel_need *ret)
{
	const json_t *obj = dec_object(d, key, DEC_OPT);
	struct accel_need need = { .share_milli = 1000 };
	struct dec child;

	if (!obj)
		return;
	wire_begin(&child, d, obj, dec_path(d, key));
	decode_models(&child, c, &need);
	decode_amount(&child, &need);
	wire_end(&child, d);
	if (d->r == 0 && json_object_size(obj) == 0)
		dec_fail(d, key, "must have a count, models, fp16_tflops or memory_gb");
	if (d->r == 0)
		*ret = need;
}

static json_t *models_json(const struct accel_need *need, const struct catalogue *c)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < need->nmodels; i++)
		wire_append(list, json_string(c->models[need->models[i]].name));
	return list;
}

json_t *accel_need_json(const struct accel_need *need, const struct catalogue *c)
{
	json_t *obj = json_object();

	if (need->nmodels)
		wire_put(obj, "models", models_json(need, c));
	if (need->count)
		wire_put_int(obj, "count", need->count);
	if (need->count && need->share_milli != 1000)
		wire_put(obj, "share", wire_milli(need->share_milli));
	if (need->fp16_gflops)
		wire_put(obj, "fp16_tflops", wire_milli(need->fp16_gflops));
	if (need->memory_gb)
		wire_put_int(obj, "memory_gb", need->memory_gb);
	return obj;
}
