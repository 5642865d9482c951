/* slurm_listing.c - a listing of all jobs: which are ours, found again, gone, or wanted by nobody */

#include "engine/slurm.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdlib.h>

enum {
	OTHERS_MAX = 100000,
	ORPHAN_MS = 15000,              /* a run may be over for us before its job is for Slurm */
};

static void read_jobs(const json_t *list, struct slurm_listing *l)
{
	size_t n = json_array_size(list), i;
	const json_t *one;
	struct slurm_job j;

	l->ours = arena_array(&l->arena, n + 1, sizeof(*l->ours));
	l->others = arena_array(&l->arena, (n < OTHERS_MAX ? n : OTHERS_MAX) + 1, sizeof(*l->others));
	json_array_foreach(list, i, one) {
		if (!slurm_job_decode(one, &j))
			continue;
		if (j.told)
			j.told = arena_strdup(&l->arena, j.told);
		if (j.run_id[0])
			l->ours[l->nours++] = j;
		else if (!slurm_state_over(j.state) && l->nothers < OTHERS_MAX)
			l->others[l->nothers++] = j;
	}
}

struct slurm_listing *slurm_listing_read(const char *text, size_t n)
{
	struct slurm_listing *l = mem_alloc(sizeof(*l));
	json_t *json = json_loadb(text, n, 0, NULL);
	struct slurm_error e;

	arena_init(&l->arena);
	if (!json_is_array(json_object_get(json, "jobs")))
		l->r = err_set(&l->err, 1, "slurmrestd sent no list of jobs");
	else if (slurm_error_of(json, &e))
		l->r = err_set(&l->err, 1, "slurmrestd said: %.150s", e.text);
	else
		read_jobs(json_object_get(json, "jobs"), l);
	json_decref(json);
	return l;
}

void slurm_listing_free(struct slurm_listing *l)
{
	if (!l)
		return;
	arena_done(&l->arena);
	free(l);
}

struct slurm_orphan {
	uint64_t job;
	int64_t since_ms, seen_ms;
	UT_hash_handle hh;
};

/* One that waits is ended at once; one that runs has perhaps just written its end into the directory, and
 * Slurm does not know yet. */
static bool ripe(struct slurm *s, const struct slurm_job *j)
{
	int64_t now = clock_mono_ms();
	struct slurm_orphan *o;

	if (j->state == SLURM_PENDING || !s->conf.dir)
		return true;
	HASH_FIND(hh, s->orphans, &j->id, sizeof(j->id), o);
	if (!o) {
		o = mem_alloc(sizeof(*o));
		o->job = j->id;
		o->since_ms = now;
		HASH_ADD(hh, s->orphans, job, sizeof(o->job), o);
	}
	o->seen_ms = now;
	return now - o->since_ms > ORPHAN_MS;
}

void slurm_orphans_forget(struct slurm *s, int64_t before_ms)
{
	struct slurm_orphan *o, *tmp;

	HASH_ITER(hh, s->orphans, o, tmp)
		if (o->seen_ms < before_ms) {
			HASH_DEL(s->orphans, o);
			free(o);
		}
}

/* Runs of ours that are in it, and jobs that nobody here wants any more. */
void slurm_listing_apply(struct slurm *s)
{
	const struct slurm_listing *l = s->seen;
	struct slurm_run *r, *tmp;

	for (uint32_t i = 0; i < l->nours; i++) {
		const struct slurm_job *j = &l->ours[i];

		r = slurm_run_find(s, j->run_id);
		if (r)
			slurm_run_seen(r, j, s->list_begun_ms);
		else if (!slurm_state_over(j->state) && !j->completing && s->host.ours &&
			 s->host.ours(s->host.arg, s->pool, j->run_id) && ripe(s, j))
			slurm_job_end(s, j->id, j->run_id);
	}
	slurm_orphans_forget(s, s->list_begun_ms);
	HASH_ITER(hh, s->runs, r, tmp)
		slurm_run_missing(r, s->list_begun_ms);
}
