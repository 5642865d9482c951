/* fnv.c - FNV-1a */

#include "base/fnv.h"

uint64_t fnv64(uint64_t h, const char *s)
{
	for (; s && *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3ULL;
	return h;
}

uint32_t fnv32(const char *s)
{
	uint32_t h = 0x811c9dc5U;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x01000193U;
	return h;
}
