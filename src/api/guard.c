/* guard.c - wrong tokens and passwords are counted, in memory that does not grow */

#include "api/guard.h"

#include "base/mem.h"
#include "base/rng.h"

#include <stdlib.h>
#include <string.h>

enum { WAYS = 4 };      /* slots in which one source may stand */

struct source {
	uint64_t tag;                   /* 0: free */
	uint32_t used_milli;            /* of the bucket */
	int64_t at_ms;
};

struct name {
	uint32_t tries;                 /* in a row */
	int64_t last_ms, until_ms;
};

struct guard {
	uint64_t key;
	uint64_t wrongs;
	struct source sources[GUARD_SOURCES];
	struct name names[GUARD_NAMES];
};

struct guard *guard_new(void)
{
	struct guard *g = mem_alloc(sizeof(*g));

	if (rng_secret(&g->key, sizeof(g->key)))
		abort();
	return g;
}

struct guard *guard_free(struct guard *g)
{
	free(g);
	return NULL;
}

/* ---- sources ---- */

static uint64_t tag_of(const struct guard *g, const uint8_t addr[16])
{
	static const uint8_t v4[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	uint64_t high, low = 0;
	uint64_t tag;

	memcpy(&high, addr, 8);
	if (!memcmp(addr, v4, sizeof(v4)))
		memcpy(&low, addr + 8, 8);
	tag = rng_mix(rng_mix(g->key, high), low);
	return tag ? tag : 1;
}

static uint32_t used(const struct source *s, int64_t now_ms)
{
	int64_t back = now_ms > s->at_ms ? (now_ms - s->at_ms) * GUARD_PER_S : 0;

	return back >= s->used_milli ? 0 : s->used_milli - (uint32_t)back;
}

static const struct source *find(const struct guard *g, uint64_t tag)
{
	const struct source *set = &g->sources[tag % (GUARD_SOURCES / WAYS) * WAYS];

	for (int i = 0; i < WAYS; i++)
		if (set[i].tag == tag)
			return &set[i];
	return NULL;
}

/* Its slot, or that of whoever has used least of its bucket. */
static struct source *take(struct guard *g, uint64_t tag, int64_t now_ms)
{
	struct source *s = (struct source *)find(g, tag);
	struct source *set = &g->sources[tag % (GUARD_SOURCES / WAYS) * WAYS];

	if (s)
		return s;
	s = set;
	for (int i = 1; i < WAYS; i++)
		if (used(&set[i], now_ms) < used(s, now_ms))
			s = &set[i];
	*s = (struct source){ .tag = tag, .at_ms = now_ms };
	return s;
}

static unsigned wait_s(uint32_t used_milli)
{
	uint32_t over = used_milli > GUARD_BURST * 1000 ? used_milli - GUARD_BURST * 1000 : 0;

	return over ? 1 + over / (1000 * GUARD_PER_S) : 0;
}

unsigned guard_wrong(struct guard *g, const uint8_t addr[16], int64_t now_ms)
{
	struct source *s = take(g, tag_of(g, addr), now_ms);
	const uint32_t full = (GUARD_BURST + GUARD_PER_S) * 1000;

	g->wrongs++;
	s->used_milli = used(s, now_ms) + 1000;
	s->at_ms = now_ms;
	if (s->used_milli > full)       /* a flood is not remembered longer than a second */
		s->used_milli = full;
	return wait_s(s->used_milli);
}

unsigned guard_wait(const struct guard *g, const uint8_t addr[16], int64_t now_ms)
{
	const struct source *s = find(g, tag_of(g, addr));

	return s ? wait_s(used(s, now_ms) + 1000) : 0;
}

uint64_t guard_wrongs(const struct guard *g)
{
	return g->wrongs;
}

uint32_t guard_sources(const struct guard *g)
{
	uint32_t n = 0;

	for (int i = 0; i < GUARD_SOURCES; i++)
		n += g->sources[i].tag != 0;
	return n;
}

/* ---- names ---- */

static struct name *name_of(struct guard *g, const char *name)
{
	uint64_t h = g->key;

	for (; *name; name++)
		h = rng_mix(h, (unsigned char)*name);
	return &g->names[h % GUARD_NAMES];
}

static int64_t lock_ms(uint32_t tries)
{
	uint32_t doubled = tries - GUARD_TRIES;
	int64_t s = doubled > 10 ? GUARD_LOCK_MAX_S : (int64_t)GUARD_LOCK_S << doubled;

	return (s > GUARD_LOCK_MAX_S ? GUARD_LOCK_MAX_S : s) * 1000;
}

unsigned guard_try(struct guard *g, const char *name, int64_t now_ms)
{
	struct name *n = name_of(g, name);

	if (n->until_ms > now_ms)
		return 1 + (unsigned)((n->until_ms - now_ms) / 1000);
	if (now_ms - n->last_ms > GUARD_FORGET_S * 1000)
		n->tries = 0;
	n->last_ms = now_ms;
	if (++n->tries >= GUARD_TRIES)
		n->until_ms = now_ms + lock_ms(n->tries);
	return 0;
}

void guard_right(struct guard *g, const char *name)
{
	*name_of(g, name) = (struct name){ .tries = 0 };
}
