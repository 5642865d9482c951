/* clock.h - wall clock, and RFC 3339 text
 *
 * Only loop/, flow/ and main read the clock; domain/ and select/ are given it.
 * All times are UTC milliseconds since 1970, 0 meaning "not set".
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

int64_t clock_now_ms(void);
int64_t clock_mono_ms(void);            /* never goes back; for durations */

/* Has the wall clock gone as evenly as the monotonic one, for how long?  Zeroed at first.  What
 * cannot be undone, such as forgetting old things, waits until a clock that was set has had its time
 * to be set right.  Call it once a second or so. */
struct clock_calm {
	int64_t off_ms, since_ms;       /* wall less monotonic, and since when (monotonic) */
	bool begun;
};
int64_t clock_calm_ms(struct clock_calm *c, int64_t now_ms, int64_t mono_ms);

enum {
	CLOCK_TEXT_MAX = 32,
	CLOCK_JUMP_MS = 60 * 1000,      /* a clock that is slewed moves less within a look */
};

/* "2026-11-23T09:15:02.120Z"; returns `text`. */
char *clock_format(int64_t ms, char text[CLOCK_TEXT_MAX]);

/* RFC 3339 with offset or Z, fraction optional, years 1970-9999.  0, or 1 when
 * it is not such a time. */
int clock_parse(const char *text, int64_t *ret_ms);

#endif
