/* slurm_tell.c - what is heard of a run, on a later turn of the loop than it became known */

#include "engine/slurm.h"

#include "base/clock.h"
#include "base/mem.h"

#include <string.h>

void slurm_run_report(struct slurm_run *r)
{
	if (r->queued)
		return;
	r->queued = true;
	TAILQ_INSERT_TAIL(&r->s->news, r, link);
	timer_start(r->s->now, 0, 0);
}

struct where {
	const struct slurm *s;
	uint32_t n, nodes[PLACE_NODES_MAX];
};

static void add_node(void *arg, const char *name)
{
	struct where *w = arg;

	for (uint32_t i = 0; i < w->s->nnodes; i++)
		if (!strcmp(w->s->nodes[i].name, name)) {
			w->nodes[w->n++] = i;
			return;
		}
}

static int64_t past(int64_t at_ms)
{
	int64_t now = clock_now_ms();

	return at_ms && at_ms < now ? at_ms : 0;        /* clocks differ */
}

/* The listener may settle the run, or start one of the same id: it is not touched afterwards. */
static void tell(struct slurm *s, struct slurm_run *r)
{
	struct engine_event ev = { .kind = ENGINE_EV_ACCEPTED }, first = { 0 };
	char id[RUN_ID_MAX + 1], text[sizeof(r->text)];
	_cleanup_(mem_freep) struct run_output *outputs = NULL;
	struct where where = { .s = s };

	if (r->state == RUN_OVER) {
		ev = r->end;
		ev.at_ms = past(ev.at_ms);
		if (ev.kind == ENGINE_EV_ENDED && r->start_ms && !r->told_started)
			first = (struct engine_event){ .kind = ENGINE_EV_STARTED,
						       .at_ms = past(r->start_ms) };
	} else if (r->state == RUN_RUNNING) {
		if (r->hosts)
			slurm_hosts(r->hosts, PLACE_NODES_MAX, add_node, &where);
		ev = (struct engine_event){ .kind = ENGINE_EV_STARTED, .at_ms = past(r->start_ms),
					    .nnodes = where.n, .nodes = where.nodes };
		r->told_started = true;
	} else if (r->state != RUN_WAITING) {
		return;
	}
	strcpy(id, r->id);
	strcpy(text, r->text);
	outputs = engine_outputs_copy(&ev);
	ev.run_id = first.run_id = id;
	ev.text = *text ? text : NULL;
	if (first.kind)
		r->told_started = true;
	if (ev.kind == ENGINE_EV_ABSENT)
		slurm_run_drop(r);
	if (first.kind)
		s->host.event(s->host.arg, s->pool, &first);
	s->host.event(s->host.arg, s->pool, &ev);
}

void slurm_run_tell_all(struct slurm *s)
{
	struct slurm_run *r;

	while ((r = TAILQ_FIRST(&s->news))) {
		TAILQ_REMOVE(&s->news, r, link);
		r->queued = false;
		tell(s, r);
	}
}
