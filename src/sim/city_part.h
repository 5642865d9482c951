/* city_part.h - what the files of the replay of a city share; nobody else includes it */
#ifndef SIM_CITY_PART_H
#define SIM_CITY_PART_H

#include "sim/city.h"

#include <uthash.h>

/* Tasks that ask for the same; if the first cannot go, none can. */
struct city_bucket {
	uint64_t shape;
	uint32_t head, tail, n;         /* indexes of the past; those between: town.after */
	const char *reason;             /* why the head waits, last time it was asked */
	struct city_bucket *before, *behind;    /* in the queue, by head */
	UT_hash_handle hh;
};

struct city_end {
	int64_t at_ms;
	uint32_t task;
};

/* A submission: who waits for it, and how many of an array may be alive. */
struct city_sub {
	uint64_t no;
	uint32_t left, active, limit;
	bool refused;
	bool by_element;                /* somebody waits for one of its elements, not for all */
	uint32_t nheld, held_cap, *held;        /* tasks that wait for it */
	uint32_t nturns, turns_cap, *turns;     /* its elements beyond the limit … */
	uint32_t turn;                          /* … from here on */
	UT_hash_handle hh;
};

struct city_tenant {
	const char *name;
	uint32_t alive;
	UT_hash_handle hh;
};

struct town {
	const struct city *c;
	struct city_result *result;
	struct history *history;        /* grows as the replay goes on */
	struct history *all;            /* everything the past knows: how long runs take elsewhere */
	struct lane *lanes;
	struct arena arena, tail_arena;
	int64_t now_ms;
	struct city_bucket *buckets, *queue;
	uint32_t waiting;               /* in buckets */
	uint32_t *before, *after;       /* neighbours in the bucket */
	uint64_t *no;                   /* the number that the task had: submission + place in the array */
	uint32_t nends;
	struct city_end *ends;          /* a heap */
	struct city_sub *subs;
	struct city_tenant *tenants;
};

/* city_pass.c */
void town_push(struct town *t, uint32_t task);
/* One pass over those that wait; how many left the queue. */
unsigned town_pass(struct town *t);
void town_ask(struct town *t, uint32_t task, struct ask *ret);
void town_pass_done(struct town *t);

/* city_life.c */
void town_come(struct town *t, uint32_t task);          /* submitted */
void town_end_all(struct town *t);                      /* what is over by now */
struct city_sub *town_sub(const struct town *t, uint64_t no);   /* or NULL */
void town_start(struct town *t, uint32_t task, const struct snapshot *s, const struct ask *a,
		const struct decision *d);
void town_refuse(struct town *t, uint32_t task, const char *why);

/* city_speed.c */
void town_learn_all(struct town *t);
int64_t town_run_ms(const struct town *t, uint32_t task, const struct snapshot *s,
		    const struct ask *a, const struct pool *p, const struct terms *terms,
		    enum city_basis *ret_basis, bool *ret_cut);

struct city_tenant *town_tenant(struct town *t, const char *name);

#endif
