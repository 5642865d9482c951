/* accel.h - the accelerator catalogue, and what a task may ask of it
 *
 * The catalogue is a CSV file (share/accelerators.csv): published, dense peak
 * figures with source and confidence; an empty field is "not known", 0 here.
 * A model is known by its index; index and name never change while we run.
 */
#ifndef DOMAIN_ACCEL_H
#define DOMAIN_ACCEL_H

#include "base/json.h"

#include <stdint.h>

enum {
	ACCEL_NONE = 0xffff,            /* "no model" in a model index */
	ACCEL_MODELS_MAX = 1024,
	ACCEL_ANY_MAX = 8,              /* models a request may name */
};

struct accel_model {
	const char *name;               /* "ascend-910b"; text_is_name() */
	const char *vendor, *kind;      /* kind: gpu, npu or cpu */
	uint32_t fp32_gflops, fp16_gflops, int8_gops;    /* dense */
	uint32_t memory_gb, bandwidth_gbs, tdp_w;
	bool domestic;
	const char *confidence, *source;
};

struct catalogue {
	struct arena arena;
	uint32_t n;
	struct accel_model *models;
};

/* Parse CSV with a header line.  Errors name the line and the column. */
int catalogue_parse(const char *csv, size_t n, struct catalogue *ret, struct err *err);
void catalogue_done(struct catalogue *c);
uint16_t catalogue_find(const struct catalogue *c, const char *name);   /* or ACCEL_NONE */

/* What a task asks for on each of its nodes.  Either a count of devices of any of
 * the named models (none named: any model), of which one may be shared
 * (share_milli < 1000 only with count 1); or a need, count 0. */
struct accel_need {
	uint32_t count;                 /* devices per node; 0 with a need, or none at all */
	uint32_t share_milli;           /* thousandths of each device, 1000: whole */
	uint32_t fp16_gflops;           /* a need: summed over the devices of a node */
	uint32_t memory_gb;             /* a need: likewise */
	uint16_t nmodels;
	uint16_t models[ACCEL_ANY_MAX];
};

/* Nothing asked at all? */
bool accel_need_empty(const struct accel_need *need);

/* Devices of `model` that satisfy the need on one node; 0: this model cannot
 * (not named, or a figure that the need asks for is not known). */
uint32_t accel_need_count(const struct accel_need *need, const struct catalogue *c,
			  uint16_t model);

/* {"models":["a100-80-sxm"],"count":2} | {"count":1,"share":0.5} | {"fp16_tflops":2000,"memory_gb":512} */
void dec_accel_need(struct dec *d, const char *key, const struct catalogue *c,
		    struct accel_need *ret);
json_t *accel_need_json(const struct accel_need *need, const struct catalogue *c);

#endif
