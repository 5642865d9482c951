/* bill.c - what running a task of a trace costs: money, energy, carbon */

#include "sim/bill.h"

#include "domain/task.h"

#include <ctype.h>
#include <string.h>

/* As for a pool that declares nothing: domain/pool_decode.c has the sources. */
enum { PUE_MILLI = 1500, CARBON_G_KWH = 580, CPU_MILLIWATT = 7000 };

static uint32_t known_w(const struct catalogue *known, const char *model)
{
	char name[64];
	size_t n = 0;
	uint16_t i;

	for (; model[n] && n + 1 < sizeof(name); n++)
		name[n] = (char)tolower((unsigned char)model[n]);
	name[n] = '\0';
	i = catalogue_find(known, name);
	return i == ACCEL_NONE ? 0 : known->models[i].tdp_w;
}

void bill_init(struct bill *b, const struct trace *t, const struct catalogue *known)
{
	memset(b, 0, sizeof(*b));
	b->trace = t;
	b->site.pue_milli = PUE_MILLI;
	b->site.cpu_milliwatt = CPU_MILLIWATT;
	for (int h = 0; h < 24; h++)
		b->site.carbon_g_kwh[h] = CARBON_G_KWH;
	b->power.models = b->models;
	for (uint32_t i = 0; i < NODE_KINDS_MAX && t->models[i]; i++) {
		struct accel_model *m = &b->models[b->power.n++];

		m->name = t->models[i];
		m->tdp_w = t->tdp_w[i] ? t->tdp_w[i] : known_w(known, t->models[i]);
		b->assumed += !m->tdp_w;
	}
}

static int64_t add(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

void bill_add(const struct bill *b, const struct trace_task *t, uint32_t node, int64_t start_ms,
	      int64_t run_ms, struct bill_sum *sum)
{
	struct pool site = b->site;
	uint16_t model = b->trace->nodes[node].model;
	uint32_t cpu = t->ask.cpu_milli, share = t->ask.share_milli;
	struct rate rate;
	int64_t joule;

	site.chip = model < NODE_KINDS_MAX ? b->trace->models[model] : NULL;
	price_at(&site, t->devices ? site.chip : NULL, start_ms, &rate);
	joule = meter_energy_j(&site, &b->power, 1, cpu, t->devices, share, run_ms);
	sum->cost_micro = add(sum->cost_micro,
			      meter_cost_micro(&rate, 1, cpu, t->devices, share, run_ms));
	sum->energy_j = add(sum->energy_j, joule);
	sum->carbon_mg = add(sum->carbon_mg, meter_carbon_mg(&site, joule, start_ms, run_ms));
}
