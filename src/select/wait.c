/* wait.c - how long until a pool has room
 *
 * The runs that hold the pool are taken away in the order in which they should end, on
 * copies of the nodes they touch, until the task would fit.  To that comes the work of
 * tasks that wait for the same pool before this one.  Of a cluster that others use, too, their
 * work is taken away likewise, and what waits in its own queue is added.
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
	UNKNOWN_MS = 3600 * 1000,       /* nodes that are down, or used by somebody we do not
	                                 * know, come back in an hour: a guess */
	ERROR_RUNS_MIN = 5,             /* before the published error widens a forecast */
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

struct ends {
	int64_t p50_ms, p90_ms;
};

static int64_t max64(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static struct ends hold_ends(const struct pool_hold *h, int64_t now)
{
	int64_t late = now - h->end_p50_ms, p90 = max64(h->end_p90_ms, h->end_p50_ms);

	if (late < 0)
		return (struct ends){ h->end_p50_ms, p90 };
	if (p90 > now)
		return (struct ends){ now + max64(SECOND_MS, (p90 - now) / 2),
				      now + max64(SECOND_MS, p90 - now) };
	return (struct ends){ now + max64(SECOND_MS, late / 10), now + max64(SECOND_MS, late) };
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
	struct ends e;
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
static struct ends room_comes(struct pass *x, const struct pool *p, uint32_t room,
			      struct scratch *sc)
{
	struct walk w = { .p = p, .now = x->s->now_ms };
	struct ends when = { w.now, w.now };
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
		when.p50_ms = max64(when.p50_ms, w.now + UNKNOWN_MS);
		when.p90_ms = max64(when.p90_ms, w.now + UNKNOWN_MS);
	}
	return when;
}

/* What waits in the engine's own queue: of others, and runs that were sent ahead, of which about
 * half of the time until their end is work. */
static int64_t queued_cpu_ms(const struct pool *p, int64_t now)
{
	int64_t sum = p->queue_cpu_ms;

	for (uint32_t i = 0; p->nahead && i < p->nholds; i++) {
		const struct pool_hold *h = &p->holds[i];

		if (h->place.ahead && h->end_p50_ms > now)
			sum = sat_add(sum, sat_muldiv((h->end_p50_ms - now) / 2, (int64_t)
						      h->place.cpu_milli * h->place.n, 1000));
	}
	return sum;
}

/* Time the pool needs for the work ahead if it were spread over all its cpus and devices: the
 * scarcer of the two decides. */
static int64_t ahead_ms(const struct pool *p, const struct lane *l, int64_t now)
{
	int64_t cpu_ms = queued_cpu_ms(p, now), accel_ms = l ? l->ahead_accel_ms : 0;
	int64_t cpu_milli = 0, accel_milli = 0;

	if (l && l->ahead_cpu_ms > 0)
		cpu_ms = sat_add(cpu_ms, l->ahead_cpu_ms);
	if (cpu_ms <= 0 && accel_ms <= 0)
		return 0;
	for (uint32_t i = 0; i < p->nnodes; i++) {
		if (p->nodes[i].down)
			continue;
		cpu_milli += p->nodes[i].cpu_milli;
		accel_milli += p->nodes[i].naccels * 1000;
	}
	return max64(sat_muldiv(cpu_ms, 1000, cpu_milli ? cpu_milli : 1),
		     accel_milli ? sat_muldiv(accel_ms, 1000, accel_milli) : 0);
}

int64_t wait_over_ms(const struct snapshot *s, const struct task_spec *t, const struct terms *m)
{
	int64_t takes_s = sat_add(m->transfer_s, m->run_p90_s);

	if (!m->run.samples || takes_s > t->walltime_s)
		takes_s = t->walltime_s;
	return sat_add(s->now_ms, sat_mul(takes_s, 1000));
}

static int64_t to_s(int64_t ms)
{
	return ms <= SECOND_MS ? 1 : ms / 1000 + (ms % 1000 != 0);
}

/* The range may not be narrower than the error that its forecasts have had. */
static int64_t widen(const struct pass *x, const struct pool *p, int64_t p50_s, int64_t p90_s)
{
	int64_t mean_s = 0;
	uint64_t n = 0;

	if (x->s->history)
		history_wait_error(x->s->history, p->name, &mean_s, &n);
	if (n < ERROR_RUNS_MIN)
		return max64(p50_s, p90_s);
	return max64(sat_add(p50_s, mean_s), p90_s);
}

/* Nodes that fit now, as far as they are wanted.  Of many nodes the index knows at once. */
static uint32_t room_now(struct pass *x, const struct pool *p, struct node_placer *pl)
{
	struct node_ask ask;

	if (!pl || x->want.nodes > 1 || p->nnodes < NODE_PLACER_INDEX_MIN || !node_placer_kinds(pl))
		return want_room(&x->want, p->nnodes, p->nodes);
	return want_ask(&x->want, node_placer_kinds(pl), &ask) && node_placer_room(pl, &ask);
}

bool wait_room(struct pass *x, const struct pool *p, struct node_placer *pl)
{
	return room_now(x, p, pl) >= x->want.nodes;
}

/* Holds stand by their expected end, and none of them is expected to end before now.  Of a
 * cluster that others use nothing is promised here but the second that every wait has. */
int64_t wait_floor_s(const struct snapshot *s, const struct pool *p)
{
	int64_t first_ms;

	if (p->told || p->nbusy)
		return 1;
	if (!p->nholds)
		return UNKNOWN_MS / SECOND_MS;
	first_ms = p->holds[0].end_p50_ms - s->now_ms;
	return first_ms > SECOND_MS ? first_ms / SECOND_MS : 1;
}

uint32_t wait_nodes(struct pass *x, const struct pool *p, uint32_t *ret)
{
	uint32_t n = 0;
	struct scratch sc;

	for (uint32_t i = 0; i < p->nnodes && n < x->want.nodes; i++)
		if (want_fits(&x->want, &p->nodes[i]))
			ret[n++] = i;
	if (n == x->want.nodes)
		return n;
	room_comes(x, p, n, &sc);
	for (uint32_t i = 0; i < sc.n && n < x->want.nodes; i++)
		if (sc.fits[i] && !want_fits(&x->want, &p->nodes[sc.node[i]]))
			ret[n++] = sc.node[i];
	return n;
}

/* Is there room, or when, were there no promises? */
static uint32_t wait_own(struct pass *x, const struct pool *p, struct node_placer *pl,
			 struct ends *ret)
{
	uint32_t room = room_now(x, p, pl);
	struct scratch sc;

	if (room >= x->want.nodes)
		return 0;
	*ret = room_comes(x, p, room, &sc);
	return REASON_BIT(REASON_FULL);
}

/* Do promises to earlier tasks stand against it?  If it is to wait anyhow, by time alone. */
static bool behind(struct pass *x, const struct pool *p, const struct lane *l,
		   const struct terms *t, bool full)
{
	int64_t over_ms = wait_over_ms(x->s, x->a->spec, t);

	if (!l || !l->shadow_ms || over_ms <= l->shadow_ms)
		return false;
	return full || !lane_leaves_room(l, &x->want, p, over_ms);
}

uint32_t wait_pass(struct pass *x, const struct pool *p, const struct lane *l,
		   struct node_placer *pl, struct terms *ret)
{
	struct ends when = { x->s->now_ms, x->s->now_ms };
	uint32_t why = wait_own(x, p, pl, &when);
	int64_t ahead;

	if (behind(x, p, l, ret, why))
		why |= REASON_BIT(REASON_BEHIND);
	ret->wait_p50_s = ret->wait_p90_s = 0;
	if (!why)
		return 0;
	if (why & REASON_BIT(REASON_BEHIND)) {
		if (!(why & REASON_BIT(REASON_FULL)))   /* else its own room is what it waits for */
			when.p50_ms = max64(when.p50_ms, l->shadow_ms);
		when.p90_ms = max64(when.p90_ms, l->shadow_ms);
	}
	if (p->queue_start_ms > when.p90_ms)    /* the cluster's own word */
		when.p90_ms = p->queue_start_ms;
	ahead = ahead_ms(p, l, x->s->now_ms);
	ret->wait_p50_s = to_s(sat_add(when.p50_ms - x->s->now_ms, ahead));
	ret->wait_p90_s = widen(x, p, ret->wait_p50_s,
				to_s(sat_add(when.p90_ms - x->s->now_ms, ahead)));
	return why;
}
