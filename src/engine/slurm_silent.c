/* slurm_silent.c - does the cluster answer, and what becomes of its runs while it does not
 *
 *   well --no answer for down_s, or no token--> down --fence_s more--> its runs are taken back
 *
 * in the shared directory, which also tells of ends where listings do not come or are far apart.
 * A timer of its own judges it: a request to one who is frozen hangs for much longer than down_s.
 * A bad token takes nothing back: the cluster is well then, we are not.
 */

#include "engine/slurm.h"

#include "base/clock.h"
#include "base/log.h"

#include <string.h>

enum {
	FILES_MS = 3000,                /* looks for ends in the shared directory while silent */
	LOOK_MS = 2000,                 /* between them */
	ASKED_MS = 10000,               /* a question has so long, where listings are far apart */
	SLOW_SHARE = 8,                 /* a round that was quick again takes off so much of slow_ms */
	FILES_MAX = 256,                /* runs looked at between two listings */
};

void slurm_tell_pool(struct slurm *s, bool up, const struct pool_seen *seen)
{
	struct engine_event ev = { .kind = ENGINE_EV_POOL, .run_id = "", .up = up, .seen = seen };

	if (!up) {
		ev.text = s->why;
		ev.text_zh = s->why_zh;
	}
	strcpy(s->told_why, up ? "" : s->why);

	s->host.event(s->host.arg, s->pool, &ev);
}

void slurm_asking(struct slurm *s)
{
	s->round_ms = clock_mono_ms();
	if (!s->asked_ms)
		s->asked_ms = s->round_ms;
}

void slurm_well(struct slurm *s)
{
	int64_t took;

	s->ok_ms = clock_mono_ms();
	took = s->ok_ms - s->round_ms;
	s->slow_ms = took > s->slow_ms ? took : s->slow_ms - (s->slow_ms - took) / SLOW_SHARE;
	s->asked_ms = 0;
	s->token_bad = false;
	if (s->down || !s->told_up)
		log_info("slurm", "pool %s: the cluster answers (Slurm %s, API v0.0.%u)",
			 s->pool->name, s->release, s->api ? s->api->no : 0);
	s->down = false;
	s->why[0] = '\0';
	s->why_zh = NULL;
}

void slurm_unwell(struct slurm *s, bool token, const char *why, const char *why_zh)
{
	int64_t now = clock_mono_ms();
	struct slurm_run *r, *tmp;

	s->token_bad = token;
	memmove(s->why, why, strnlen(why, sizeof(s->why) - 1) + 1);
	s->why[sizeof(s->why) - 1] = '\0';
	s->why_zh = why_zh;
	if (token)
		HASH_ITER(hh, s->runs, r, tmp)
			slurm_run_bad_token(r);
	if (!s->down && !token && s->told_up && now - s->ok_ms < (int64_t)s->conf.down_s * 1000)
		return;
	if (!s->down)
		s->down_ms = now;
	s->down = true;
	s->told_up = false;
	if (strcmp(s->why, s->told_why))
		slurm_tell_pool(s, false, NULL);
}

/* A cluster that answers slowly is not silent: its questions have twice what its answers took. */
static int64_t silent_ms(const struct slurm *s)
{
	int64_t down = (int64_t)s->conf.down_s * 1000, asked = down < ASKED_MS ? down : ASKED_MS;

	if (asked < 2 * s->slow_ms)
		asked = 2 * s->slow_ms;
	return s->ok_ms + down > s->asked_ms + asked ? s->ok_ms + down : s->asked_ms + asked;
}

/* A run on a silent pool may have ended, or have to be taken back. */
static void while_silent(struct slurm *s)
{
	int64_t now = clock_mono_ms();
	struct slurm_run *r, *tmp;
	bool fence = s->conf.fence_s && !s->token_bad &&
		now - s->down_ms > (int64_t)s->conf.fence_s * 1000;

	if (!s->conf.dir || now - s->dir_asked_ms > FILES_MS)
		return;         /* nobody to ask: the cluster will tell when it is back */
	HASH_ITER(hh, s->runs, r, tmp) {
		if (fence)
			slurm_run_fence(r);
		else if (r->state == RUN_RUNNING || r->state == RUN_WAITING)
			slurm_files_look(r);
	}
}

void slurm_watch(void *arg)
{
	struct slurm *s = arg;
	int64_t now = clock_mono_ms();

	if (!s->down && s->asked_ms && now >= silent_ms(s)) {
		if (s->why[0])
			slurm_unwell(s, false, s->why, s->why_zh);
		else
			slurm_unwell(s, false, "the cluster does not answer", "集群没有应答");
	}
	if (!s->down || now - s->looked_ms < LOOK_MS)
		return;
	s->looked_ms = now;
	slurm_files_tick(s);
	while_silent(s);
}

/* Listings are far apart where they are slow: in between the shared directory tells of ends. */
void slurm_between_listings(struct slurm *s)
{
	struct slurm_run *r, *tmp;
	unsigned i = 0, n = 0, all = HASH_COUNT(s->runs);

	if (s->look_from >= all)
		s->look_from = 0;
	HASH_ITER(hh, s->runs, r, tmp) {
		if (i++ < s->look_from || (r->state != RUN_RUNNING && r->state != RUN_WAITING))
			continue;
		if (++n > FILES_MAX) {
			s->look_from = i - 1;
			return;
		}
		slurm_files_look(r);
	}
	s->look_from = 0;
}
