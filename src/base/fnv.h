/* fnv.h - FNV-1a (draft-eastlake-fnv): a short hash of a text, the same on every machine
 *
 * For marks and keys of our own making. It has no secret: where strangers choose the texts of a table,
 * they choose its collisions.
 */
#ifndef BASE_FNV_H
#define BASE_FNV_H

#include <stdint.h>

#define FNV64 0xcbf29ce484222325ULL     /* to begin with */

uint64_t fnv64(uint64_t h, const char *s);      /* goes on from `h`; s NULL: "" */
uint32_t fnv32(const char *s);

#endif
