/* rng.c - a small seeded generator, the same on every machine */

#include "base/rng.h"

#include <assert.h>
#include <errno.h>
#include <sys/random.h>

#define GOLDEN 0x9e3779b97f4a7c15ULL    /* 2^64 / golden ratio, made odd */

static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

uint64_t rng_next(struct rng *r)
{
	r->s += GOLDEN;
	return mix(r->s);
}

/* The few low values that would make some answers likelier are thrown again. */
uint64_t rng_below(struct rng *r, uint64_t n)
{
	uint64_t skip, x;

	assert(n > 0);
	skip = -n % n;          /* 2^64 mod n */
	do {
		x = rng_next(r);
	} while (x < skip);
	return x % n;
}

uint64_t rng_mix(uint64_t a, uint64_t b)
{
	return mix(mix(a + GOLDEN) + b + GOLDEN);
}

int rng_secret(void *p, size_t n)
{
	char *out = p;

	while (n > 0) {
		ssize_t got = getrandom(out, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		out += got;
		n -= (size_t)got;
	}
	return 0;
}
