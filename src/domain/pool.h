/* pool.h - compute of one owner behind one engine: what it is, and what is free
 *
 * The declared half comes from the configuration and does not change while we run, but for
 * the clearance, which the security role may change; the living half is kept by flow/ alone, on the loop thread.  select/ only reads.
 */
#ifndef DOMAIN_POOL_H
#define DOMAIN_POOL_H

#include "base/json.h"
#include "domain/accel.h"
#include "domain/level.h"
#include "domain/price.h"

#include <stdint.h>

enum {
	POOLS_MAX = 10000,              /* the national plan counts cities in hundreds */
	POOL_NODES_MAX = 200000,        /* of all groups of one pool */
	NODE_ACCELS_MAX = 16,           /* devices in one server; 8 is usual, 16 exists */
	POOL_ADMITS_MAX = 256,
	POOL_LINKS_MAX = 64,
	PLACE_NODES_MAX = 4096,         /* nodes of one task */
	PLACE_BARRED_MAX = 16,          /* nodes that it is told to keep off */
};

enum pool_tier { TIER_NONE, TIER_CENTRE, TIER_EDGE };
enum pool_images { IMAGES_NONE, IMAGES_HOST, IMAGES_RUN };   /* refused; ignored; run in a container */

struct node {
	uint32_t cpu_milli, memory_mb;                  /* what it has */
	uint32_t cpu_free_milli, memory_free_mb;
	uint16_t model;                                 /* of its accelerators, or ACCEL_NONE */
	uint8_t naccels;
	bool down;
	uint16_t accel_free_milli[NODE_ACCELS_MAX];     /* 1000: the device is free */
};

/* Where a run sits: the same share of cpu and memory on each node. */
struct place_node {
	uint32_t node;                  /* index in the pool */
	uint16_t accels;                /* bit i: device i */
};

struct placement {
	uint32_t n;
	struct place_node *nodes;       /* owned by whoever holds the placement */
	uint32_t cpu_milli, memory_mb, accel_milli;      /* on each node; milli of each device */
	bool ahead;                     /* sent before there is room, to wait in the engine's own
	                                 * queue: takes none yet, and its nodes are examples */
	uint32_t nbarred, barred[PLACE_BARRED_MAX];     /* nodes promised to others before its end: an
	                                 * engine that chooses nodes itself keeps off them.  Not in the
	                                 * journal: a promise lasts as long as a pass */
};

/* A run that occupies the pool. */
struct pool_hold {
	uint64_t task;
	int64_t end_p50_ms, end_p90_ms; /* when it is expected to be over */
	struct placement place;         /* nodes: mem_alloc()ed, owned by the hold */
};

/* Work of others on one node of a told pool. */
struct pool_busy {
	int64_t end_p50_ms, end_p90_ms;
	uint32_t node, cpu_milli, memory_mb;
	uint32_t accels;                /* how many devices */
};

struct pool_link {
	const char *region;             /* data or users there … */
	uint32_t latency_ms, mbps;      /* … are this far away */
};

struct pool {
	/* declared */
	struct arena arena;
	uint32_t id;                    /* index in the pool table */
	const char *name, *title, *title_zh;
	enum pool_tier tier;
	const char *region, *owner, *engine;
	enum level clearance;           /* that counts: see flow/label.c; may fall while we run */
	uint32_t nadmits;               /* 0: every tenant */
	const char *const *admits;
	enum pool_images images;
	int64_t cpu_hour_micro, accel_hour_micro;        /* as declared; ask price_at() for the price */
	uint32_t pue_milli;             /* total power / IT power, 1250 = 1.25 */
	uint32_t carbon_g_kwh[24];      /* by hour of the day, UTC */
	uint32_t green_milli;           /* share of renewable power, for reports */
	uint32_t cpu_milliwatt;         /* of one busy cpu; default 7000 (see pool.c) */
	uint32_t speed_milli;           /* of one cpu against the reference, 1000 = the same */
	uint32_t walltime_max_s;        /* 0: no limit */
	uint32_t fresh_s;               /* older news than this is stale; 0: never stale */
	uint32_t nlinks;
	const struct pool_link *links;
	const char *chip;               /* name for history: its accelerator model, else "cpu" */
	const char *options_json;       /* the engine's own section, "{}" when absent */

	/* living */
	enum level declared_clearance;  /* as the configuration says */
	const char *rule_region;        /* that counts for what may not leave a region; NULL: `region` */
	uint64_t generation;            /* one more whenever anything declared, or a node itself, has
	                                 * changed: what was remembered of the pool is void.  Not for
	                                 * holds, `down` of the pool, `drained`, `stale` and `seen_ms` */
	uint32_t nnodes;
	struct node *nodes;
	bool told;                      /* its nodes are told by its engine (pool_seen.h), and where a
	                                 * run sits is for the engine to say */
	struct pool_others *others;     /* told: what others use; owned */
	uint32_t queue_max, nahead;     /* runs that may be sent ahead; how many are */
	uint32_t ahead_s;               /* sent ahead only when room is expected within so long */
	uint32_t nbusy;
	struct pool_busy *busy;         /* told: of others, ascending end_p50_ms; owned */
	int64_t queue_cpu_ms;           /* told: expected work of others in the cluster's queue */
	int64_t queue_start_ms;         /* told: when the cluster expects to start the last that waits
	                                 * there, 0: it does not say */
	bool drained, down;
	bool stale;                     /* as flow saw it last, to show and to log; else ask pool_stale() */
	bool gave_back;                 /* down because it could not start a run; tried again soon */
	char why[240], why_zh[240];     /* why drained or down, for people; pool_because() */
	int64_t seen_ms;                /* when the engine was last heard of */
	uint32_t nholds, holds_cap;
	struct pool_hold *holds;        /* ascending end_p50_ms */
	uint32_t nprices;
	struct price *prices;           /* set for this pool; mem_grow()n, owned by the pool */
};

/* Decode one pool declaration.  *ret is owned by the caller (pool_free). */
int pool_decode(const json_t *json, const char *path, const struct json_lines *lines,
		const struct catalogue *c, struct pool **ret, struct err *err);
struct pool *pool_free(struct pool *p);

/* Why it is drained or down; NULL: no reason (in that language).  Cut off where it is too long. */
void pool_because(struct pool *p, const char *why, const char *why_zh);

/* Who is owed for what runs on it: its owner, else itself. */
static inline const char *pool_payee(const struct pool *p)
{
	return p->owner && p->owner[0] ? p->owner : p->name;
}

bool pool_admits(const struct pool *p, const char *tenant);

/* The link for a region: the most specific one whose region contains `region`; NULL when
 * the pool declares none (then the region is treated as unreachable within a latency bound,
 * and POOL_MBPS_DEFAULT is assumed for transfers).  Within the pool's own region: 0 ms. */
enum { POOL_MBPS_DEFAULT = 100 };
const struct pool_link *pool_link_to(const struct pool *p, const char *region);

/* Occupy and give back.  pool_hold() copies the placement; it must fit (asserted).
 * pool_release() takes an unknown task (nothing happens). */
void pool_hold(struct pool *p, uint64_t task, int64_t end_p50_ms, int64_t end_p90_ms,
	       const struct placement *place);
void pool_release(struct pool *p, uint64_t task);
const struct placement *pool_held(const struct pool *p, uint64_t task);         /* or NULL */

/* Would pool_hold() fit?  After a restart with another declaration it may not.  A pool whose
 * nodes are told takes all: what is too much shows as no room. */
bool pool_can_hold(const struct pool *p, const struct placement *place);

/* Of a told pool: the run has begun, on these nodes (n 0: not known). */
void pool_begun(struct pool *p, uint64_t task, const uint32_t *nodes, uint32_t n);

/* Totals, for tables. */
struct pool_totals {
	uint64_t cpu_milli, cpu_free_milli, memory_mb, memory_free_mb;
	uint32_t nodes, nodes_down, accels, accels_free;         /* free: wholly */
};
void pool_totals(const struct pool *p, struct pool_totals *ret);

/* Old news, or news from so far in the future that a clock must be wrong.  A pool that never told
 * its nodes is not a pool without nodes: the task waits for the first word. */
bool pool_stale(const struct pool *p, int64_t now_ms);

/* Declaration and state as the API shows them (new reference). */
json_t *pool_json(const struct pool *p, const struct catalogue *c);

#endif
