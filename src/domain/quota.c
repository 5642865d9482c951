/* quota.c - limits of a tenant, and the arithmetic of shares */

#include "domain/quota.h"

#include "domain/wire.h"

#include <math.h>

enum { PPB = 1000000000 };

void quota_default(struct quota *q)
{
	*q = (struct quota){ .running = -1, .waiting = -1, .accel_ms = -1, .weight_milli = 1000 };
}

int quota_decode(const json_t *json, struct quota *ret, struct err *err)
{
	struct quota q;
	struct arena a;
	struct dec d;
	int64_t hours = -1;
	int r;

	quota_default(&q);
	arena_init(&a);
	dec_begin(&d, json, "", NULL, &a, err);
	dec_i64(&d, "running", DEC_OPT, 0, QUOTA_COUNT_MAX, &q.running);
	dec_i64(&d, "waiting", DEC_OPT, 0, QUOTA_COUNT_MAX, &q.waiting);
	dec_i64(&d, "accelerator_hours", DEC_OPT, 0, QUOTA_COUNT_MAX, &hours);
	dec_milli(&d, "weight", DEC_OPT, 1, QUOTA_WEIGHT_MAX, &q.weight_milli);
	q.accel_ms = hours < 0 ? -1 : hours * 3600 * 1000;
	r = dec_end(&d);
	arena_done(&a);
	if (!r)
		*ret = q;
	return r;
}

json_t *quota_json(const struct quota *q)
{
	json_t *doc = json_object();

	if (q->running >= 0)
		wire_put_int(doc, "running", q->running);
	if (q->waiting >= 0)
		wire_put_int(doc, "waiting", q->waiting);
	if (q->accel_ms >= 0)
		wire_put_int(doc, "accelerator_hours", q->accel_ms / 3600000);
	wire_put(doc, "weight", wire_milli(q->weight_milli));
	return doc;
}

/* Days to a date: Howard Hinnant, chrono-compatible low-level date algorithms, civil_from_days. */
int64_t quota_month(int64_t at_ms)
{
	int64_t local_ms = at_ms + 8 * 3600 * 1000;
	int64_t days = local_ms / 86400000 - (local_ms % 86400000 < 0);
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	int64_t month = mp < 10 ? mp + 3 : mp - 9, year = yoe + era * 400 + (month <= 2);

	return (year - 1970) * 12 + month - 1;
}

void quota_whole_add(struct quota_whole *w, const struct pool *p)
{
	for (uint32_t i = 0; i < p->nnodes; i++) {
		w->cpu_milli += p->nodes[i].cpu_milli;
		w->memory_mb += p->nodes[i].memory_mb;
		w->accel_milli += p->nodes[i].naccels * 1000ull;
	}
}

int64_t quota_accel_milli(const struct placement *p)
{
	int64_t sum = 0;

	for (uint32_t i = 0; i < p->n; i++)
		sum += __builtin_popcount(p->nodes[i].accels) * (int64_t)p->accel_milli;
	return sum;
}

static int64_t ppb(uint64_t part, uint64_t whole)
{
	return whole ? (int64_t)((__uint128_t)part * PPB / whole) : 0;
}

int64_t quota_share_ppb(const struct quota_whole *w, const struct placement *p)
{
	int64_t cpu = ppb((uint64_t)p->cpu_milli * p->n, w->cpu_milli);
	int64_t memory = ppb((uint64_t)p->memory_mb * p->n, w->memory_mb);
	int64_t accel = ppb((uint64_t)quota_accel_milli(p), w->accel_milli);
	int64_t most = cpu > memory ? cpu : memory;

	return most > accel ? most : accel;
}

/* Half-lives since 2026; a clock that is centuries off must not make it infinite or zero. */
static double half_lives(int64_t at_ms)
{
	double n = ((double)at_ms - 1767225600000.0) / (QUOTA_HALF_LIFE_S * 1000.0);

	return n < 0 ? 0 : n > 900 ? 900 : n;
}

double quota_grow(int64_t at_ms)
{
	return exp2(half_lives(at_ms));
}

double quota_now(double usage, int64_t now_ms)
{
	return usage / quota_grow(now_ms);
}
