/* room.c - when a pool has room for a task, and on which nodes
 *
 * The runs that hold the pool are taken away in the order in which they should end, on copies of the
 * nodes they touch, until the task would fit.  Of a cluster that others use, too, their work is taken
 * away likewise.
 *
 * A run that should have ended by now: before its p90 it is expected halfway between now
 * and then; after its p90 it lasts another tenth of its delay (p90: as long as its delay
 * again), never less than a second, for what is late tends to stay so.
 */

#include "select/part.h"

#include <string.h>

enum {
	HOLDS_MAX = 256,                /* runs looked at: further ones say little about now */
	TOUCHED_MAX = 512,              /* nodes copied; 56 bytes each on the stack */
	SLOTS = 2 * TOUCHED_MAX,        /* of the hash; a power of two, half empty */
	SECOND_MS = 1000,
};

/* Copies of the nodes that ending runs touch. */
struct scratch {
	uint32_t n;
	uint16_t slot[SLOTS];           /* 0: empty, else 1 + index below */
	uint32_t node[TOUCHED_MAX];
	bool fits[TOUCHED_MAX];
	struct node copy[TOUCHED_MAX];
};

static int64_t max64(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static struct room_ends hold_ends(const struct pool_hold *h, int64_t now)
{
	int64_t late = now - h->end_p50_ms, p90 = max64(h->end_p90_ms, h->end_p50_ms);

	if (late < 0)
		return (struct room_ends){ h->end_p50_ms, p90 };
	if (p90 > now)
		return (struct room_ends){ now + max64(SECOND_MS, (p90 - now) / 2),
				      now + max64(SECOND_MS, p90 - now) };
	return (struct room_ends){ now + max64(SECOND_MS, late / 10), now + max64(SECOND_MS, late) };
}

/* Index of the node's copy, or -1 when the scratch is full. */
static int touch(struct scratch *sc, struct want *w, const struct pool *p, uint32_t node)
{
	uint32_t i = node * 2654435761u >> 16;

	for (;; i++) {
		uint16_t at = sc->slot[i % SLOTS];

		if (at && sc->node[at - 1] == node)
			return at - 1;
		if (!at)
			break;
	}
	if (sc->n == TOUCHED_MAX)
		return -1;
	sc->node[sc->n] = node;
	sc->copy[sc->n] = p->nodes[node];
	sc->fits[sc->n] = want_fits(w, &p->nodes[node]);
	sc->slot[i % SLOTS] = (uint16_t)++sc->n;
	return (int)sc->n - 1;
}

static uint32_t add_capped(uint32_t a, uint32_t b, uint32_t max)
{
	uint64_t sum = (uint64_t)a + b;

	return sum > max ? max : (uint32_t)sum;
}

static void node_give_back(struct node *n, const struct placement *pl, uint16_t accels)
{
	n->cpu_free_milli = add_capped(n->cpu_free_milli, pl->cpu_milli, n->cpu_milli);
	n->memory_free_mb = add_capped(n->memory_free_mb, pl->memory_mb, n->memory_mb);
	for (uint32_t i = 0; i < n->naccels; i++)
		if (accels & 1u << i)
			n->accel_free_milli[i] = (uint16_t)add_capped(n->accel_free_milli[i],
								      pl->accel_milli, 1000);
}

/* Of a cluster only the number of devices is known that a run has on a node (pool_seen.c): as many
 * of those that are taken. */
static uint16_t taken_devices(const struct node *n, uint32_t count)
{
	uint16_t bits = 0;

	for (uint32_t i = 0; i < n->naccels && count; i++)
		if (n->accel_free_milli[i] < 1000) {
			bits |= (uint16_t)(1u << i);
			count--;
		}
	return bits;
}

/* What `pl` has of one node ends; `accels`: which devices, or of a cluster how many bits.  1: the
 * node fits now and did not before; -1: scratch full. */
static int end_on_node(struct scratch *sc, struct want *w, const struct pool *p, uint32_t node,
		       const struct placement *pl, uint16_t accels)
{
	int at;

	if (node >= p->nnodes)
		return 0;
	at = touch(sc, w, p, node);
	if (at < 0)
		return -1;
	if (p->told)
		accels = taken_devices(&sc->copy[at], (uint32_t)__builtin_popcount(accels));
	node_give_back(&sc->copy[at], pl, accels);
	if (sc->fits[at] || !want_fits(w, &sc->copy[at]))
		return 0;
	sc->fits[at] = true;
	return 1;
}

/* Take one run away.  Returns how many nodes fit now that did not before; -1: scratch full. */
static int end_hold(struct scratch *sc, struct want *w, const struct pool *p,
		    const struct placement *pl)
{
	int more = 0;

	for (uint32_t i = 0; i < pl->n; i++) {
		int one = end_on_node(sc, w, p, pl->nodes[i].node, pl, pl->nodes[i].accels);

		if (one < 0)
			return -1;
		more += one;
	}
	return more;
}

/* The same for work of others; of its devices only the number is known. */
static int end_busy(struct scratch *sc, struct want *w, const struct pool *p,
		    const struct pool_busy *b)
{
	struct placement pl = { .cpu_milli = b->cpu_milli, .memory_mb = b->memory_mb,
				.accel_milli = 1000 };

	return end_on_node(sc, w, p, b->node, &pl,
			   (uint16_t)((1u << (b->accels < 16 ? b->accels : 16)) - 1));
}

/* What ends next: a run of ours that holds room, or work of others; NULL and NULL: nothing. */
struct walk {
	const struct pool *p;
	int64_t now;
	uint32_t i, k;
	const struct pool_hold *hold;
	const struct pool_busy *busy;
	struct room_ends e;
};

static bool walk_next(struct walk *w)
{
	const struct pool *p = w->p;
	struct pool_hold like = { 0 };

	w->hold = NULL;
	w->busy = NULL;
	while (w->i < p->nholds && p->holds[w->i].place.ahead)
		w->i++;
	if (w->i < p->nholds && (w->k >= p->nbusy ||
				 p->holds[w->i].end_p50_ms <= p->busy[w->k].end_p50_ms)) {
		w->hold = &p->holds[w->i++];
		w->e = hold_ends(w->hold, w->now);
	} else if (w->k < p->nbusy) {
		w->busy = &p->busy[w->k++];
		like.end_p50_ms = w->busy->end_p50_ms;
		like.end_p90_ms = w->busy->end_p90_ms;
		w->e = hold_ends(&like, w->now);
	}
	return w->hold || w->busy;
}

/* `room` nodes fit now, which is too few.  When do enough, and *sc: on which?  Past the bounds: when
 * the last run of the pool ends. */
static struct room_ends comes(struct pass *x, const struct pool *p, uint32_t room,
			      struct scratch *sc)
{
	struct walk w = { .p = p, .now = x->s->now_ms };
	struct room_ends when = { w.now, w.now };
	unsigned seen = 0;

	sc->n = 0;
	memset(sc->slot, 0, sizeof(sc->slot));
	while (walk_next(&w)) {
		int more = 0;

		when.p50_ms = max64(when.p50_ms, w.e.p50_ms);
		when.p90_ms = max64(when.p90_ms, w.e.p90_ms);
		if (seen <= HOLDS_MAX)
			more = seen++ == HOLDS_MAX ? -1 : w.hold
				? end_hold(sc, &x->want, p, &w.hold->place)
				: end_busy(sc, &x->want, p, w.busy);
		if (more < 0)
			seen = HOLDS_MAX + 1;   /* only how long the rest takes */
		else
			room += (uint32_t)more;
		if (room >= x->want.nodes)
			return when;
	}
	if (seen <= HOLDS_MAX) {
		when.p50_ms = max64(when.p50_ms, w.now + ROOM_UNKNOWN_MS);
		when.p90_ms = max64(when.p90_ms, w.now + ROOM_UNKNOWN_MS);
	}
	return when;
}

/* Nodes that fit now, as far as they are wanted.  Of many nodes the index knows at once. */
uint32_t room_now(struct pass *x, const struct pool *p, struct node_placer *pl)
{
	struct node_ask ask;

	if (!pl || x->want.nodes > 1 || p->nnodes < NODE_PLACER_INDEX_MIN || !node_placer_kinds(pl))
		return want_room(&x->want, p->nnodes, p->nodes);
	return want_ask(&x->want, node_placer_kinds(pl), &ask) && node_placer_room(pl, &ask);
}

bool room_enough(struct pass *x, const struct pool *p, struct node_placer *pl)
{
	return room_now(x, p, pl) >= x->want.nodes;
}

struct room_ends room_comes(struct pass *x, const struct pool *p, uint32_t room)
{
	struct scratch sc;

	return comes(x, p, room, &sc);
}

uint32_t room_nodes(struct pass *x, const struct pool *p, uint32_t *ret)
{
	uint32_t n = 0;
	struct scratch sc;

	for (uint32_t i = 0; i < p->nnodes && n < x->want.nodes; i++)
		if (want_fits(&x->want, &p->nodes[i]))
			ret[n++] = i;
	if (n == x->want.nodes)
		return n;
	comes(x, p, n, &sc);
	for (uint32_t i = 0; i < sc.n && n < x->want.nodes; i++)
		if (sc.fits[i] && !want_fits(&x->want, &p->nodes[sc.node[i]]))
			ret[n++] = sc.node[i];
	return n;
}
