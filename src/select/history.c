/* history.c - what runs took, and how fast chips are for a kind of work
 *
 * A family is one (kind, name); its entries, one per chip, hold the samples.  Whenever a
 * family has run on two chips, the ratio of their medians is one voice, of that name, in the
 * ring of (kind, chip, chip); the median voice is the learned speed.  One voice per name,
 * so a name that runs a thousand times does not shout the others down.
 */

#include "select/history.h"

#include "base/fnv.h"
#include "base/mem.h"
#include "base/rng.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define uthash_fatal(msg) abort()
#include <uthash.h>
#include <utlist.h>

enum {
	KEY_MAX = 512,                  /* kind, name and chip; longer ones are not kept */
	FAMILY_CHIPS_MAX = 16,          /* more kinds of chip than a city has */
	KINDS_MAX = 4096, PAIRS_MAX = 4096, POOLS_KEPT_MAX = 10000,
	FEW = 5,                        /* samples: below, the largest of them is no p90 */
	SPEED_NONE = 1000,
	SPEED_MAX = 1000 * 1000,        /* a thousand times: beyond it something was mismeasured */
};

struct range {
	int64_t p50, p90;
};

struct sample {
	int64_t run_ms;
	uint32_t speed_milli;           /* of the pool's cpus; 0: not known */
};

struct entry {
	struct family *family;
	struct entry *sibling;          /* next of the family */
	struct entry *prev, *next;      /* by last use, of all */
	uint64_t chip_hash;
	uint32_t n, at;
	bool scales;                    /* a cpu whose every sample knows its speed */
	struct range usual;             /* kept: forecasts ask far more often than runs end */
	struct sample ring[HISTORY_RING];
	char chip[];
};

struct family {
	UT_hash_handle hh;
	struct entry *entries;
	char key[];
};

/* A ring of numbers with a key: the used share of the walltime of a kind, or the voices
 * on two chips. */
struct series {
	UT_hash_handle hh;
	uint32_t n, at;
	struct range range;             /* kept */
	int64_t value[HISTORY_RING];
	uint32_t voice[HISTORY_RING];
	char key[];
};

struct waits {
	UT_hash_handle hh;
	uint64_t n;
	int64_t sum_s, forecast_s, actual_s;     /* sums */
	char pool[];
};

struct history {
	struct family *families;
	struct entry *used;             /* head: least recently used */
	uint32_t nentries;
	struct series *kinds, *pairs;
	struct waits *waits;
};

struct key {
	size_t n;                       /* 0: too long */
	char text[KEY_MAX];
};

static void key_make(struct key *k, const char *a, const char *b, const char *c)
{
	const char *part[] = { a ? a : "", b, c };

	k->n = 0;
	for (int i = 0; i < 3 && part[i]; i++) {
		size_t len = strlen(part[i]) + 1;

		if (len > sizeof(k->text) - k->n) {
			k->n = 0;
			return;
		}
		memcpy(k->text + k->n, part[i], len);
		k->n += len;
	}
}

uint64_t history_hash(const char *text)
{
	return fnv64(FNV64, text);
}

/* Pairs are looked up far more often than anything else, so their key is short.  Two pairs
 * with one hash would share a figure; of 2^64 that will not be seen. */
static void key_pair(struct key *k, uint64_t kind, uint64_t lo, uint64_t hi)
{
	uint64_t h = rng_mix(rng_mix(kind, lo), hi);

	k->n = sizeof(h);
	memcpy(k->text, &h, sizeof(h));
}

/* Names have no slash. */
const char *history_kind(const char *tenant, const char *kind, char out[HISTORY_KIND_MAX])
{
	snprintf(out, HISTORY_KIND_MAX, "%s%s%s", tenant ? tenant : "", tenant ? "/" : "",
		 kind ? kind : "");
	return out;
}

struct history *history_new(void)
{
	return mem_alloc(sizeof(struct history));
}

static void series_clear(struct series **table)
{
	struct series *s, *next;

	HASH_ITER(hh, *table, s, next) {
		HASH_DEL(*table, s);
		free(s);
	}
}

struct history *history_free(struct history *h)
{
	struct entry *e, *enext;
	struct family *f, *fnext;
	struct waits *w, *wnext;

	if (!h)
		return NULL;
	DL_FOREACH_SAFE(h->used, e, enext)
		free(e);
	HASH_ITER(hh, h->families, f, fnext) {
		HASH_DEL(h->families, f);
		free(f);
	}
	HASH_ITER(hh, h->waits, w, wnext) {
		HASH_DEL(h->waits, w);
		free(w);
	}
	series_clear(&h->kinds);
	series_clear(&h->pairs);
	free(h);
	return NULL;
}

/* ---- figures ---- */

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static int64_t scale(int64_t v, int64_t mul, int64_t div)
{
	__int128 x = (__int128)v * mul / (div ? div : 1);

	return x > INT64_MAX ? INT64_MAX : (int64_t)x;
}

/* Nearest rank. */
static int64_t rank_of(const int64_t *sorted, uint32_t n, uint32_t percent)
{
	return sorted[(n * percent + 99) / 100 - 1];
}

static struct range range_of(int64_t *v, uint32_t n)
{
	struct range r;

	qsort(v, n, sizeof(*v), by_value);
	r.p50 = rank_of(v, n, 50);
	r.p90 = n < FEW ? scale(v[n - 1], 3, 2) : rank_of(v, n, 90);
	return r;
}

static uint32_t speed_or_none(uint32_t speed_milli)
{
	return speed_milli ? speed_milli : SPEED_NONE;
}

/* At the reference speed, if the samples can be brought there, else as measured. */
static void entry_usual(struct entry *e)
{
	int64_t v[HISTORY_RING];

	e->scales = !strcmp(e->chip, "cpu");
	for (uint32_t i = 0; i < e->n; i++)
		e->scales = e->scales && e->ring[i].speed_milli;
	for (uint32_t i = 0; i < e->n; i++)
		v[i] = e->scales ? scale(e->ring[i].run_ms, e->ring[i].speed_milli, SPEED_NONE)
				 : e->ring[i].run_ms;
	e->usual = range_of(v, e->n);
}

/* Times of an entry as a pool of that chip with speed_milli would take. */
static struct range entry_range(const struct entry *e, uint32_t speed_milli)
{
	if (!e->scales || speed_milli == SPEED_NONE)
		return e->usual;
	return (struct range){ scale(e->usual.p50, SPEED_NONE, speed_milli),
			       scale(e->usual.p90, SPEED_NONE, speed_milli) };
}

/* ---- tables ---- */

static struct series *series_find(struct series *table, const struct key *k)
{
	struct series *s;

	HASH_FIND(hh, table, k->text, k->n, s);
	return s;
}

/* Find or make, and move to the end of the table: its head is what goes first. */
static struct series *series_use(struct series **table, uint32_t max, const struct key *k)
{
	struct series *s = series_find(*table, k), *old;

	if (s) {
		HASH_DEL(*table, s);
	} else {
		if (HASH_COUNT(*table) >= max) {
			old = *table;
			HASH_DEL(*table, old);
			free(old);
		}
		s = mem_alloc(sizeof(*s) + k->n);
		memcpy(s->key, k->text, k->n);
	}
	HASH_ADD_KEYPTR(hh, *table, s->key, k->n, s);
	return s;
}

static void series_put(struct series *s, int64_t value, uint32_t voice)
{
	for (uint32_t i = 0; voice && i < s->n; i++) {
		if (s->voice[i] == voice) {
			s->value[i] = value;
			return;
		}
	}
	s->value[s->at] = value;
	s->voice[s->at] = voice;
	s->at = (s->at + 1) % HISTORY_RING;
	if (s->n < HISTORY_RING)
		s->n++;
}

static void series_push(struct series *s, int64_t value, uint32_t voice)
{
	int64_t v[HISTORY_RING];

	series_put(s, value, voice);
	memcpy(v, s->value, s->n * sizeof(*v));
	s->range = range_of(v, s->n);
}

static struct family *family_find(const struct history *h, const struct key *k)
{
	struct family *f;

	HASH_FIND(hh, h->families, k->text, k->n, f);
	return f;
}

static void entry_drop(struct history *h, struct entry *e)
{
	struct family *f = e->family;

	LL_DELETE2(f->entries, e, sibling);
	DL_DELETE(h->used, e);
	h->nentries--;
	free(e);
	if (!f->entries) {
		HASH_DEL(h->families, f);
		free(f);
	}
}

static struct entry *entry_find(const struct family *f, const char *chip, uint64_t chip_hash)
{
	struct entry *e;

	LL_FOREACH2(f->entries, e, sibling)
		if (e->chip_hash == chip_hash && !strcmp(e->chip, chip))
			return e;
	return NULL;
}

/* The oldest entry of a family is the last in its list. */
static void family_trim(struct history *h, struct family *f)
{
	struct entry *e, *last = NULL;
	int n = 0;

	LL_FOREACH2(f->entries, e, sibling) {
		last = e;
		n++;
	}
	if (n > FAMILY_CHIPS_MAX)
		entry_drop(h, last);
}

static struct entry *entry_new(struct history *h, struct family *f, const char *chip)
{
	size_t len = strlen(chip) + 1;
	struct entry *e = mem_alloc(sizeof(*e) + len);

	memcpy(e->chip, chip, len);
	e->chip_hash = history_hash(chip);
	e->family = f;
	LL_PREPEND2(f->entries, e, sibling);
	DL_APPEND(h->used, e);
	h->nentries++;
	family_trim(h, f);
	return e;
}

static struct entry *entry_use(struct history *h, const struct key *k, const char *chip)
{
	struct family *f = family_find(h, k);
	struct entry *e = f ? entry_find(f, chip, history_hash(chip)) : NULL;

	if (e) {
		DL_DELETE(h->used, e);
		DL_APPEND(h->used, e);
		return e;
	}
	if (!f) {
		f = mem_alloc(sizeof(*f) + k->n);
		memcpy(f->key, k->text, k->n);
		HASH_ADD_KEYPTR(hh, h->families, f->key, k->n, f);
	}
	e = entry_new(h, f, chip);
	if (h->nentries > HISTORY_ENTRIES_MAX)
		entry_drop(h, h->used);
	return e;
}

/* ---- learning ---- */

static uint32_t learned_speed(const struct history *h, uint64_t kind_hash, const char *from,
			      uint64_t from_hash, const char *to, uint64_t to_hash)
{
	bool swap = strcmp(from, to) > 0;
	const struct series *s;
	struct key k;
	int64_t v;

	key_pair(&k, kind_hash, swap ? to_hash : from_hash, swap ? from_hash : to_hash);
	s = series_find(h->pairs, &k);
	if (!s)
		return 0;
	v = s->range.p50;
	if (swap)
		v = v ? (int64_t)SPEED_NONE * SPEED_NONE / v : SPEED_MAX;
	return v < 1 ? 1 : v > SPEED_MAX ? SPEED_MAX : (uint32_t)v;
}

uint32_t history_speed(const struct history *h, const char *kind, const char *from,
		       const char *to)
{
	return learned_speed(h, history_hash(kind), from, history_hash(from), to,
			     history_hash(to));
}

/* The series of a pair says how much faster the later name of the alphabet is. */
static void learn_pair(struct history *h, const char *kind, const struct entry *a,
		       const struct entry *b)
{
	bool swap = strcmp(a->chip, b->chip) > 0;
	const struct entry *lo = swap ? b : a, *hi = swap ? a : b;
	int64_t v = scale(entry_range(lo, SPEED_NONE).p50, SPEED_NONE,
			  entry_range(hi, SPEED_NONE).p50);
	struct key k;

	key_pair(&k, history_hash(kind), lo->chip_hash, hi->chip_hash);
	series_push(series_use(&h->pairs, PAIRS_MAX, &k), v < 1 ? 1 : v > SPEED_MAX ? SPEED_MAX : v,
		    a->family->hh.hashv | 1);
}

static void learn_kind(struct history *h, const char *kind, int64_t run_ms, uint32_t speed_milli,
		       uint32_t walltime_s)
{
	struct key k;

	key_make(&k, kind, NULL, NULL);
	if (!k.n || !walltime_s)
		return;
	run_ms = scale(run_ms, speed_or_none(speed_milli), SPEED_NONE);
	/* millionths: a second of a day is 11 of them */
	series_push(series_use(&h->kinds, KINDS_MAX, &k), scale(run_ms, 1000, walltime_s), 0);
}

void history_add_on(struct history *h, const char *kind, const char *name, const char *chip,
		    uint32_t speed_milli, int64_t run_ms, uint32_t walltime_s)
{
	struct entry *e, *other;
	struct key k;

	if (run_ms < 0)
		return;
	kind = kind ? kind : "";
	chip = chip ? chip : "cpu";
	run_ms = run_ms ? run_ms : 1;
	learn_kind(h, kind, run_ms, speed_milli, walltime_s);
	key_make(&k, kind, name ? name : "", NULL);
	if (!k.n || strlen(chip) >= KEY_MAX)
		return;
	e = entry_use(h, &k, chip);
	e->ring[e->at] = (struct sample){ run_ms, speed_milli };
	e->at = (e->at + 1) % HISTORY_RING;
	if (e->n < HISTORY_RING)
		e->n++;
	entry_usual(e);
	LL_FOREACH2(e->family->entries, other, sibling)
		if (other != e)
			learn_pair(h, kind, e, other);
}

void history_add(struct history *h, const char *kind, const char *name, const char *chip,
		 int64_t run_ms, uint32_t walltime_s)
{
	history_add_on(h, kind, name, chip, 0, run_ms, walltime_s);
}

/* ---- forecasts ---- */

static int64_t to_s(int64_t ms, uint32_t walltime_s)
{
	int64_t s = ms / 1000 + (ms % 1000 != 0);

	if (s < 1)
		s = 1;
	return s < walltime_s ? s : walltime_s;
}

static void answer(struct run_forecast *ret, const char *basis, struct range ms,
		   uint32_t walltime_s, uint32_t samples, uint32_t speed_milli)
{
	*ret = (struct run_forecast){
		.p50_s = to_s(ms.p50, walltime_s),
		.p90_s = to_s(ms.p90, walltime_s),
		.samples = samples,
		.speed_milli = speed_milli,
		.basis = basis,
	};
}

static struct range faster(struct range r, uint32_t speed_milli)
{
	return (struct range){ scale(r.p50, SPEED_NONE, speed_milli),
			       scale(r.p90, SPEED_NONE, speed_milli) };
}

/* Of the other chips: one whose relative speed was learned, then the one with most samples. */
static const struct entry *other_chip(const struct history_view *v, const char *chip,
				      uint64_t chip_hash, uint32_t *ret_learned)
{
	const struct family *f = v->family;
	const struct entry *e, *best = NULL;

	*ret_learned = 0;
	LL_FOREACH2(f->entries, e, sibling) {
		uint32_t speed;

		if (best && *ret_learned && e->n <= best->n)
			continue;
		speed = learned_speed(v->h, v->kind_hash, e->chip, e->chip_hash, chip, chip_hash);
		if (best && !speed == !*ret_learned ? e->n <= best->n : best && !speed)
			continue;
		best = e;
		*ret_learned = speed;
	}
	return best;
}

static bool from_family(const struct history_view *v, const char *chip, uint32_t speed_milli,
			struct run_forecast *ret)
{
	uint64_t hash = history_hash(chip);
	const struct entry *e = entry_find(v->family, chip, hash);
	uint32_t speed = SPEED_NONE, ran_at;

	if (e) {
		ran_at = e->ring[(e->at + HISTORY_RING - 1) % HISTORY_RING].speed_milli;
		if (ran_at && !strcmp(chip, "cpu"))
			speed = (uint32_t)scale(speed_milli, SPEED_NONE, ran_at);
		answer(ret, "history", entry_range(e, speed_milli), v->walltime_s, e->n, speed);
		return true;
	}
	e = other_chip(v, chip, hash, &speed);
	if (!e)
		return false;
	/* What was learned is between chips at the reference speed; a cpu has its own on top. */
	if (!speed)
		speed = speed_milli;
	else if (!strcmp(chip, "cpu"))
		speed = (uint32_t)scale(speed, speed_milli, SPEED_NONE);
	speed = speed ? speed : 1;
	answer(ret, "other_chip", faster(entry_range(e, SPEED_NONE), speed), v->walltime_s, e->n,
	       speed);
	return true;
}

void history_look(const struct history *h, const char *kind, const char *name,
		  uint32_t walltime_s, struct history_view *ret)
{
	struct key k;

	kind = kind ? kind : "";
	*ret = (struct history_view){ .h = h, .kind = kind, .kind_hash = history_hash(kind),
				      .walltime_s = walltime_s };
	key_make(&k, kind, name ? name : "", NULL);
	if (h && k.n)
		ret->family = family_find(h, &k);
	key_make(&k, kind, NULL, NULL);
	if (h && k.n)
		ret->series = series_find(h->kinds, &k);
}

/* What runs of this kind have used of their walltimes; of an unknown kind, half. */
static struct range usual_of_kind(const struct history_view *v)
{
	const struct series *s = v->series;

	if (!s)
		return (struct range){ v->walltime_s * (int64_t)500, v->walltime_s * (int64_t)1000 };
	return (struct range){ scale(s->range.p50, v->walltime_s, 1000),
			       scale(s->range.p90, v->walltime_s, 1000) };
}

void history_forecast_at(const struct history_view *v, const char *chip, uint32_t speed_milli,
			 struct run_forecast *ret)
{
	const struct series *s = v->series;

	chip = chip ? chip : "cpu";
	speed_milli = speed_or_none(speed_milli);
	if (v->family && from_family(v, chip, speed_milli, ret))
		return;
	answer(ret, s ? "kind" : "walltime", faster(usual_of_kind(v), speed_milli), v->walltime_s,
	       s ? s->n : 0, speed_milli);
}

double history_floor_ms(const struct history_view *v, const char *chip, uint64_t chip_hash,
			bool *ret_by_speed)
{
	const struct entry *e = v->family ? entry_find(v->family, chip, chip_hash) : NULL;
	uint32_t speed = 0;

	*ret_by_speed = true;
	if (e) {
		*ret_by_speed = e->scales;
		return (double)e->usual.p50;
	}
	e = v->family ? other_chip(v, chip, chip_hash, &speed) : NULL;
	if (!e)
		return (double)usual_of_kind(v).p50;
	if (!speed)
		return (double)e->usual.p50;
	*ret_by_speed = !strcmp(chip, "cpu");
	return (double)e->usual.p50 * SPEED_NONE / speed;
}

void history_forecast(const struct history *h, const char *kind, const char *name,
		      const char *chip, uint32_t speed_milli, uint32_t walltime_s,
		      struct run_forecast *ret)
{
	struct history_view v;

	history_look(h, kind, name, walltime_s, &v);
	history_forecast_at(&v, chip, speed_milli, ret);
}

/* ---- how good the wait forecasts were ---- */

void history_add_wait(struct history *h, const char *pool, int64_t forecast_s, int64_t actual_s)
{
	size_t len = strlen(pool);
	int64_t off;
	struct waits *w;

	if (__builtin_sub_overflow(forecast_s, actual_s, &off) || off == INT64_MIN)
		return;
	HASH_FIND(hh, h->waits, pool, len, w);
	if (!w) {
		if (HASH_COUNT(h->waits) >= POOLS_KEPT_MAX || len >= KEY_MAX)
			return;
		w = mem_alloc(sizeof(*w) + len + 1);
		memcpy(w->pool, pool, len);
		HASH_ADD_KEYPTR(hh, h->waits, w->pool, len, w);
	}
	if (__builtin_add_overflow(w->sum_s, off < 0 ? -off : off, &w->sum_s))
		w->sum_s = INT64_MAX;
	if (__builtin_add_overflow(w->forecast_s, forecast_s, &w->forecast_s))
		w->forecast_s = INT64_MAX;
	if (__builtin_add_overflow(w->actual_s, actual_s, &w->actual_s))
		w->actual_s = INT64_MAX;
	w->n++;
}

void history_waits(const struct history *h, const char *pool, struct wait_score *ret)
{
	struct waits *w;

	*ret = (struct wait_score){ 0 };
	HASH_FIND(hh, h->waits, pool, strlen(pool), w);
	if (w)
		*ret = (struct wait_score){ w->n, w->sum_s / (int64_t)w->n,
					    w->forecast_s / (int64_t)w->n,
					    w->actual_s / (int64_t)w->n };
}

void history_wait_error(const struct history *h, const char *pool, int64_t *ret_mean_s,
			uint64_t *ret_n)
{
	struct waits *w;

	HASH_FIND(hh, h->waits, pool, strlen(pool), w);
	*ret_n = w ? w->n : 0;
	*ret_mean_s = w ? w->sum_s / (int64_t)w->n : 0;
}
