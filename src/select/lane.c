/* lane.c - what those that wait for a pool were promised, and what later ones may take meanwhile
 *
 * EASY backfill (Lifka, "The ANL/IBM SP scheduling system", JSSPP 1995): the first task that waits
 * is promised the nodes where room comes first, and a later one may go before it on other nodes, or
 * on those if it is over by then.  Both by what holds nine times out of ten: a start by the p90 of the
 * wait, an end by the p90 of the run (decision 0006 has the figures of other choices).
 */

#include "select/part.h"

void lane_keep(struct lane *l, uint32_t node, int64_t start_ms)
{
	if (l->nkept == LANE_KEPT_MAX)
		return;
	l->kept[l->nkept++] = (struct lane_kept){ node, start_ms };
}

int64_t lane_shadow_ms(const struct lane *l)
{
	int64_t first_ms = 0;

	for (uint32_t i = 0; i < l->nkept; i++)
		if (!i || l->kept[i].start_ms < first_ms)
			first_ms = l->kept[i].start_ms;
	return first_ms;
}

bool lane_bars(const struct lane *l, uint32_t node, int64_t over_ms)
{
	for (uint32_t i = 0; i < l->nkept; i++)
		if ((l->kept[i].node == node || l->kept[i].node == LANE_ANY) &&
		    over_ms > l->kept[i].start_ms)
			return true;
	return false;
}

bool lane_leaves_room(const struct lane *l, struct want *w, const struct pool *p, int64_t over_ms)
{
	uint32_t room = 0;

	for (uint32_t i = 0; i < p->nnodes && room < w->nodes; i++)
		room += want_fits(w, &p->nodes[i]) && !lane_bars(l, i, over_ms);
	return room >= w->nodes;
}

void lane_tell(const struct lane *l, int64_t over_ms, struct placement *ret)
{
	ret->nbarred = 0;
	for (uint32_t i = 0; i < l->nkept; i++)
		if (l->kept[i].node != LANE_ANY && over_ms > l->kept[i].start_ms)
			ret->barred[ret->nbarred++] = l->kept[i].node;
}

/* The first has its nodes, or all of the pool if they are too many or not known; those behind it
 * what the list has left. */
static void promise(struct lane *l, struct pass *x, const struct pool *p, int64_t start_ms)
{
	bool first = !l->nkept, fits = x->want.nodes <= LANE_KEPT_MAX - l->nkept;
	uint32_t nodes[LANE_KEPT_MAX], n = fits ? room_nodes(x, p, nodes) : 0;

	if (first && n < x->want.nodes)
		lane_keep(l, LANE_ANY, start_ms);
	for (uint32_t i = 0; n == x->want.nodes && i < n; i++)
		lane_keep(l, nodes[i], start_ms);
}

void lane_charge(struct lane *l, const struct snapshot *s, const struct ask *a,
		 const struct candidate *c, uint32_t times)
{
	const struct task_spec *t = a->spec;
	int64_t run_s = sat_mul(sat_mul(c->terms.run_p50_s, t->nodes ? t->nodes : 1), times);
	int64_t start_ms = sat_add(s->now_ms, sat_mul(c->terms.wait_p90_s, 1000));
	struct pass x = { .s = s, .a = a };

	if (!times)
		return;
	want_init(&x.want, t, s->catalogue);
	promise(l, &x, s->pools[c->pool], start_ms);
	/* thousandths of a cpu x seconds = cpus x milliseconds */
	l->ahead_cpu_ms = sat_add(l->ahead_cpu_ms, sat_mul(t->cpu_milli ? t->cpu_milli : 1, run_s));
	l->ahead_accel_ms = sat_add(l->ahead_accel_ms, sat_mul(c->terms.accel_milli, run_s));
}
