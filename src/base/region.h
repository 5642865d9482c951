/* region.h - where something is: a path such as cn/50/500106/park-a
 *
 * Parts after the country follow GB/T 2260 where a code exists (50 Chongqing,
 * 500106 Shapingba).  "Stay within R" is a prefix test on whole parts.
 */
#ifndef BASE_REGION_H
#define BASE_REGION_H

#include <stdbool.h>

enum { REGION_LEN_MAX = 120 };

/* 1-8 parts of [a-z0-9-]{1,32} joined by '/'. */
bool region_ok(const char *s);

/* cn/50/500106 is within cn/50 and within itself, not within cn/5. */
bool region_within(const char *where, const char *outer);

/* Number of leading parts that both share; 0 when none. */
unsigned region_common(const char *a, const char *b);

#endif
