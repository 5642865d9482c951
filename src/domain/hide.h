/* hide.h - what of a task or a data set is shown to its owner alone
 *
 * Values of environments, and what stands behind the `?` of an address, which may be a signature.
 * Both are hidden at any depth, also in what a border kept of its own (TES); a script that was made
 * from such a document has its environment in it, so it is hidden whole.
 */
#ifndef DOMAIN_HIDE_H
#define DOMAIN_HIDE_H

#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>

/* Replace them by "***" in place; true: there was something to hide. */
bool hide_private(json_t *doc);

/* May a document with this text, as we write them, have something to hide?  Cheap; no false no. */
bool hide_may_be(const char *text, size_t n);

#endif
