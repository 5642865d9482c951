/* clock.h - wall clock, and RFC 3339 text
 *
 * Only loop/, flow/ and main read the clock; domain/ and select/ are given it.
 * All times are UTC milliseconds since 1970, 0 meaning "not set".
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t clock_now_ms(void);
int64_t clock_mono_ms(void);            /* never goes back; for durations */

enum { CLOCK_TEXT_MAX = 32 };

/* "2026-11-23T09:15:02.120Z"; returns `text`. */
char *clock_format(int64_t ms, char text[CLOCK_TEXT_MAX]);

/* RFC 3339 with offset or Z, fraction optional, years 1970-9999.  0, or 1 when
 * it is not such a time. */
int clock_parse(const char *text, int64_t *ret_ms);

#endif
