/* url_place.h - one spelling for one place, to find which data set a url reads from
 *
 * For comparison only; what is fetched is the url as it was written.  Doubt joins a label rather
 * than losing it: percent signs are undone, http and https of a host are one place, queries and
 * fragments do not count, and `{index}` may be any number.
 */
#ifndef DOMAIN_URL_PLACE_H
#define DOMAIN_URL_PLACE_H

#include <stdbool.h>

/* "/srv/x" of file:, "//host:port/x" of http and https; mem_alloc()ed. */
char *url_place(const char *url);
bool url_place_is_file(const char *place);

/* Does reading `at` read from what is at `place`?  It lies there or inside, or, since a directory
 * is read whole, a file: place lies inside it. */
bool url_place_meets(const char *at, const char *place);

/* NULL, or why servers may read an http url otherwise than we do. */
const char *url_place_unclear(const char *url);

#endif
