/* rng.h - a small seeded generator, the same on every machine
 *
 * splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
 * generators", OOPSLA 2014).  For ties, simulation and tests; secrets come from
 * rng_secret(), the kernel's generator.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng { uint64_t s; };

uint64_t rng_next(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t n);          /* uniform in [0, n), n > 0 */
uint64_t rng_mix(uint64_t a, uint64_t b);               /* stateless: a hash of both */

int rng_secret(void *p, size_t n);                      /* 0 or -errno */

#endif
