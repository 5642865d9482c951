/* level.c - names of the data levels, in text and in JSON */

#include "domain/level.h"

#include <assert.h>
#include <string.h>

static const char *const names[LEVEL_COUNT] = {
	[LEVEL_NONE] = "",
	[LEVEL_1] = "1",
	[LEVEL_2] = "2",
	[LEVEL_3] = "3",
	[LEVEL_4] = "4",
	[LEVEL_IMPORTANT] = "important",
	[LEVEL_CORE] = "core",
};

const char *level_name(enum level l)
{
	assert(l > LEVEL_NONE && l < LEVEL_COUNT);
	return names[l];
}

int level_parse(const char *s, enum level *ret)
{
	for (int l = LEVEL_1; l < LEVEL_COUNT; l++) {
		if (!strcmp(s, names[l])) {
			*ret = (enum level)l;
			return 0;
		}
	}
	return 1;
}

/* "2" in quotes is refused: one value has one spelling, and a filter on the JSON finds it. */
void dec_level(struct dec *d, const char *key, enum dec_need need, enum level *ret)
{
	const json_t *v = dec_any(d, key, need);
	enum level l;

	if (!v)
		return;
	if (json_is_integer(v) && json_integer_value(v) >= 1 && json_integer_value(v) <= 4)
		*ret = (enum level)(LEVEL_1 + json_integer_value(v) - 1);
	else if (json_is_string(v) && !level_parse(json_string_value(v), &l) &&
		 l >= LEVEL_IMPORTANT)
		*ret = l;
	else
		dec_fail(d, key, "must be 1, 2, 3, 4, \"important\" or \"core\"");
}

json_t *level_json(enum level l)
{
	assert(l > LEVEL_NONE && l < LEVEL_COUNT);
	return l <= LEVEL_4 ? json_integer(l - LEVEL_1 + 1) : json_string(names[l]);
}
