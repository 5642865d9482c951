/* region.c - where something is: a path such as cn/50/500106/park-a */

#include "base/region.h"

#include <stddef.h>
#include <string.h>

enum { PARTS_MAX = 8, PART_LEN_MAX = 32 };

static bool part_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

bool region_ok(const char *s)
{
	unsigned parts = 1, len = 0;
	size_t i;

	for (i = 0; s[i]; i++) {
		if (i >= REGION_LEN_MAX)
			return false;
		if (s[i] == '/') {
			if (!len || ++parts > PARTS_MAX)
				return false;
			len = 0;
		} else if (!part_char(s[i]) || ++len > PART_LEN_MAX) {
			return false;
		}
	}
	return len > 0;
}

/* An empty `outer` is not a region, so nothing is within it: the rule fails closed. */
bool region_within(const char *where, const char *outer)
{
	size_t n = strlen(outer);

	return n > 0 && !strncmp(where, outer, n) && (where[n] == '\0' || where[n] == '/');
}

unsigned region_common(const char *a, const char *b)
{
	unsigned parts = 0;

	for (;;) {
		size_t na = strcspn(a, "/"), nb = strcspn(b, "/");

		if (!na || na != nb || memcmp(a, b, na) != 0)
			return parts;
		parts++;
		if (!a[na] || !b[nb])
			return parts;
		a += na + 1;
		b += nb + 1;
	}
}
