/* dataset.c - data that tasks name as inputs
 *
 *	{ "name": "frames", "url": "file:///srv/frames.tar", "region": "cn/50/500106",
 *	  "level": 2, "size_mb": 120, "owner": "zhang", "stay_within": "cn/50" }
 *
 * The journal's form has the tenant too, and "removed": true once it is.
 */

#include "domain/dataset.h"

#include "base/mem.h"
#include "base/region.h"
#include "domain/task.h"
#include "domain/wire.h"

#include <stdlib.h>

int dataset_decode(const json_t *json, const char *tenant, struct dataset **ret, struct err *err)
{
	struct dataset *s = mem_alloc(sizeof(*s));
	struct dec d;
	int r;

	arena_init(&s->arena);
	dec_begin(&d, json, "", NULL, &s->arena, err);
	wire_str(&d, "name", DEC_NEED, 63, wire_name, &s->name);
	wire_str(&d, "url", DEC_NEED, 2048, wire_url, &s->url);
	wire_str(&d, "region", DEC_NEED, 120, wire_region, &s->region);
	/* No default: whoever registers data must have thought about it. */
	dec_level(&d, "level", DEC_NEED, &s->level);
	dec_u64(&d, "size_mb", DEC_OPT, 0, 1ULL << 40, &s->size_mb);
	dec_u64(&d, "size", DEC_OPT, 1, TASK_BYTES_MAX, &s->size);
	wire_str(&d, "sha256", DEC_OPT, 64, wire_sha256, &s->sha256);
	wire_str(&d, "owner", DEC_OPT, 63, wire_name, &s->owner);
	wire_str(&d, "stay_within", DEC_OPT, 120, wire_region, &s->stay_within);
	if (d.r == 0 && s->stay_within && !region_within(s->region, s->stay_within))
		dec_fail(&d, "stay_within", "does not contain the region where the data are, %s",
			 s->region);
	s->tenant = arena_strdup(&s->arena, tenant);
	if (!tenant) {
		wire_str(&d, "tenant", DEC_NEED, 63, wire_name, &s->tenant);
		dec_bool(&d, "removed", DEC_OPT, &s->removed);
	}
	r = dec_end(&d);
	if (r != 0) {
		dataset_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

json_t *dataset_json(const struct dataset *s)
{
	json_t *obj = json_object();

	wire_put_str(obj, "name", s->name);
	wire_put_str(obj, "url", s->url);
	wire_put_str(obj, "region", s->region);
	wire_put(obj, "level", level_json(s->level));
	wire_put_int(obj, "size_mb", (int64_t)s->size_mb);
	if (s->size)
		wire_put_int(obj, "size", (int64_t)s->size);
	wire_put_str(obj, "sha256", s->sha256);
	wire_put_str(obj, "owner", s->owner);
	wire_put_str(obj, "stay_within", s->stay_within);
	wire_put_str(obj, "tenant", s->tenant);
	if (s->removed)
		wire_put(obj, "removed", json_true());
	return obj;
}

struct dataset *dataset_free(struct dataset *s)
{
	if (!s)
		return NULL;
	arena_done(&s->arena);
	free(s);
	return NULL;
}
