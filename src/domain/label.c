/* label.c - levels and regions, compared; every doubt is a no */

#include "domain/label.h"

#include "base/region.h"

#include <string.h>

static bool known(enum level l)
{
	return l > LEVEL_NONE && l < LEVEL_COUNT;
}

void label_join(struct label *l, enum level level, const char *within)
{
	if (level > l->level)
		l->level = level;
	if (!within)
		return;
	if (!l->within || region_within(within, l->within))
		l->within = within;
	else if (!region_within(l->within, within))
		l->within = LABEL_NOWHERE;
}

/* Above the levels we know is not "very trusted". */
bool label_level_ok(enum level data, enum level clearance)
{
	return known(data) && known(clearance) && data <= clearance;
}

bool label_region_ok(const char *within, const struct pool *p)
{
	const char *where = p->rule_region ? p->rule_region : p->region;

	return !within || (where && region_within(where, within));
}

bool label_allows(const struct label *l, const struct pool *p)
{
	return label_level_ok(l->level, p->clearance) && label_region_ok(l->within, p);
}

bool label_weaker(const struct label *now, const struct label *before)
{
	if (now->level < before->level)
		return true;
	return before->within && !(now->within && region_within(now->within, before->within));
}

void label_common(const char *a, const char *b, char out[LABEL_REGION_MAX])
{
	unsigned parts = region_common(a, b);
	size_t n = 0;

	for (; parts && a[n] && n < LABEL_REGION_MAX - 1; n++) {
		if (a[n] == '/' && --parts == 0)
			break;
		out[n] = a[n];
	}
	out[n] = '\0';
}
