/* wait.c - how long a pool keeps a task waiting
 *
 * Until it has room (room.c), and if that was promised to earlier tasks (lane.c) until after them.  To
 * that comes the work of tasks that wait for the same pool before this one, and of a cluster that
 * others use what waits in its own queue.
 */

#include "select/part.h"

enum {
	ERROR_RUNS_MIN = 5,             /* before the published error widens a forecast */
	SECOND_MS = 1000,
};

static int64_t max64(int64_t a, int64_t b)
{
	return a > b ? a : b;
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

/* Holds stand by their expected end, and none of them is expected to end before now.  Of a
 * cluster that others use nothing is promised here but the second that every wait has. */
int64_t wait_floor_s(const struct snapshot *s, const struct pool *p)
{
	int64_t first_ms;

	if (p->told || p->nbusy)
		return 1;
	if (!p->nholds)
		return ROOM_UNKNOWN_MS / SECOND_MS;
	first_ms = p->holds[0].end_p50_ms - s->now_ms;
	return first_ms > SECOND_MS ? first_ms / SECOND_MS : 1;
}

/* Do promises to earlier tasks stand against it?  If it is to wait anyhow, by time alone. */
static bool behind(struct pass *x, const struct pool *p, const struct lane *l,
		   const struct terms *t, bool full)
{
	int64_t over_ms = wait_over_ms(x->s, x->a->spec, t);

	if (!l || !l->nkept || over_ms <= lane_shadow_ms(l))
		return false;
	return full || !lane_leaves_room(l, &x->want, p, over_ms);
}

uint32_t wait_pass(struct pass *x, const struct pool *p, const struct lane *l,
		   struct node_placer *pl, struct terms *ret)
{
	struct room_ends when = { x->s->now_ms, x->s->now_ms };
	uint32_t room = room_now(x, p, pl), why = 0;
	int64_t ahead;

	if (room < x->want.nodes) {
		why = REASON_BIT(REASON_FULL);
		when = room_comes(x, p, room);
	}
	if (behind(x, p, l, ret, why))
		why |= REASON_BIT(REASON_BEHIND);
	ret->wait_p50_s = ret->wait_p90_s = 0;
	if (!why)
		return 0;
	if (why & REASON_BIT(REASON_BEHIND)) {
		if (!(why & REASON_BIT(REASON_FULL)))   /* else its own room is what it waits for */
			when.p50_ms = max64(when.p50_ms, lane_shadow_ms(l));
		when.p90_ms = max64(when.p90_ms, lane_shadow_ms(l));
	}
	if (p->queue_start_ms > when.p90_ms)    /* the cluster's own word */
		when.p90_ms = p->queue_start_ms;
	ahead = ahead_ms(p, l, x->s->now_ms);
	ret->wait_p50_s = to_s(sat_add(when.p50_ms - x->s->now_ms, ahead));
	ret->wait_p90_s = widen(x, p, ret->wait_p50_s,
				to_s(sat_add(when.p90_ms - x->s->now_ms, ahead)));
	return why;
}
