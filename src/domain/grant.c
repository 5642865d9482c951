/* grant.c - money put into a tenant's budget, or taken out of it */

#include "domain/grant.h"

#include "domain/wire.h"

int grant_decode(const json_t *json, struct arena *arena, struct grant *ret, struct err *err)
{
	struct grant g = { .limited = true };
	struct dec d;
	int r;

	dec_begin(&d, json, "", NULL, arena, err);
	wire_str(&d, "tenant", DEC_NEED, 63, wire_name, &g.tenant);
	dec_i64(&d, "add_micro", DEC_OPT, -GRANT_MAX, GRANT_MAX, &g.micro);
	dec_bool(&d, "limited", DEC_OPT, &g.limited);
	wire_str(&d, "reason", DEC_NEED, WIRE_REASON_MAX, wire_printable, &g.reason);
	r = dec_end(&d);
	if (!r)
		*ret = g;
	return r;
}
