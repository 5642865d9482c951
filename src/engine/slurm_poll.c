/* slurm_poll.c - the connection to a cluster: version, nodes and listings, and why one did not come
 *
 *   timer --> version (until known) --> nodes (every few seconds) --> jobs --> read by a worker
 *                                                                       --> runs and pool are told
 *   no answer --> DELETE job 0: is it the token, the controller, or slurmrestd?
 *
 * One listing per pool and interval, whatever the number of runs.  slurmrestd answers slowly with
 * many jobs (some 200 ms for 1,200), so the interval grows with what the last listing took.
 */

#include "engine/slurm.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	VERSION_MS = 15000,
	REPLY_MS = 30000,               /* slurmrestd itself gives up after 9 to 18 s */
	LISTING_SHARE = 10,             /* the next listing waits so many times what the last took … */
	LISTING_SHARE_DIR = 30,         /* … where ends are seen in the shared directory meanwhile */
	INTERVAL_MAX_MS = 10000,
	IDLE_MS = 3000,                 /* no run of ours is there */
	SILENT_MS = 2000,               /* another try while it does not answer */
	NODES_MS = 3000,
};

enum step { STEP_REST, STEP_VERSION, STEP_NODES, STEP_JOBS, STEP_READ, STEP_PROBE };

static void ask_nodes(struct slurm *s);
static void ask_jobs(struct slurm *s);

/* ---- when to look again ---- */

int64_t slurm_poll_interval_ms(const struct slurm *s)
{
	bool files = s->conf.dir && s->dir_ok;
	int64_t ms = s->list_took_ms * (files ? LISTING_SHARE_DIR : LISTING_SHARE);

	if (s->down || !s->api)
		return SILENT_MS;
	if (ms < s->conf.poll_ms)
		ms = s->conf.poll_ms;
	if (!s->runs && ms < IDLE_MS)
		ms = IDLE_MS;
	return ms > INTERVAL_MAX_MS ? INTERVAL_MAX_MS : ms;
}

/* At the listing's time, or before it for a look into the directory. */
static void arm(struct slurm *s, int64_t ms)
{
	bool files = s->runs && s->conf.dir && s->dir_ok && !s->down && ms > 2 * s->conf.poll_ms;

	timer_start(s->poll, (uint64_t)(files ? s->conf.poll_ms : ms), 0);
}

static void rest(struct slurm *s)
{
	int64_t ms = slurm_poll_interval_ms(s);

	s->step = STEP_REST;
	s->due_ms = clock_mono_ms() + ms;
	arm(s, ms);
}

/* However often it is wished: a slow slurmrestd gets at least twice the time of a listing. */
void slurm_poll_within(struct slurm *s, int64_t ms)
{
	int64_t now = clock_mono_ms();

	if (ms < 2 * s->list_took_ms)
		ms = 2 * s->list_took_ms;
	if (s->step != STEP_REST || now + ms >= s->due_ms)
		return;
	s->due_ms = now + ms;
	arm(s, ms);
}

/* ---- no answer: why? ---- */

/* Nothing was sent: there is no token to send. */
static void unasked(struct slurm *s, const struct err *err)
{
	slurm_unwell(s, true, err->text, s->conf.token_zh);
	rest(s);
}

static void on_probe(void *arg, const struct fetch_answer *a)
{
	struct slurm *s = arg;
	struct slurm_error e;
	json_t *json;
	enum slurm_reply r = slurm_reply_read(a, false, &json, &e);

	s->poll_call = NULL;
	if (r == SLURM_TOKEN)
		slurm_unwell(s, true, "the cluster does not accept our token: it expired, or is not "
			     "of this cluster", "集群不接受我们的令牌：已过期，或不属于该集群");
	else if (a->result == FETCH_E_TIME)
		slurm_unwell(s, false, "slurmrestd does not answer in time", "slurmrestd 没有及时应答");
	else if (!a->result && r == SLURM_SILENT)
		slurm_unwell(s, false, "slurmrestd is there, but its slurmctld does not answer",
			     "slurmrestd 有应答，但其 slurmctld 没有应答");
	else
		slurm_unwell(s, false, s->why, NULL);
	rest(s);
}

static void probe(struct slurm *s)
{
	struct err err;
	char path[80];

	s->step = STEP_PROBE;
	snprintf(path, sizeof(path), "/slurm/v0.0.%u/job/0", s->api ? s->api->no : 38);
	if (slurm_ask(s, false, "DELETE", path, NULL, REPLY_MS, on_probe, s, &s->poll_call, &err)) {
		unasked(s, &err);
	}
}

/* A listing did not come. */
static void failed(struct slurm *s, const struct fetch_answer *a, enum slurm_reply r,
		   const struct slurm_error *e)
{
	char why[SLURM_TEXT_MAX];

	if (!a->result && a->status == 404)
		s->api = NULL;          /* it was upgraded: ask again what it speaks */
	if (a->result == FETCH_E_REACH || a->result == FETCH_E_TLS) {
		snprintf(why, sizeof(why), "could not reach slurmrestd at %.80s: %.80s",
			 s->conf.socket ? s->conf.socket : s->conf.base, e->text);
		slurm_unwell(s, false, why, "无法连接 slurmrestd");
		rest(s);
		return;
	}
	snprintf(s->why, sizeof(s->why), "slurmrestd said: %.150s", e->text);
	s->why_zh = NULL;
	if (r == SLURM_TOKEN) {
		slurm_unwell(s, true, "slurmrestd does not accept our user or token",
			     "slurmrestd 不接受我们的用户或令牌");
		rest(s);
		return;
	}
	probe(s);
}

/* ---- version ---- */

static void on_version(void *arg, const struct fetch_answer *a)
{
	struct slurm *s = arg;
	struct slurm_error e;
	json_t *json;
	unsigned offered = 0;
	char why[SLURM_TEXT_MAX];
	enum slurm_reply r = slurm_reply_read(a, false, &json, &e);

	s->poll_call = NULL;
	json_decref(json);
	if (r != SLURM_OK) {
		failed(s, a, r, &e);
		return;
	}
	s->api = slurm_api_choose(a->body->data, a->body->len, &offered);
	if (!s->api) {
		snprintf(why, sizeof(why), "slurmrestd offers no API version that is understood here "
			 "(v0.0.%d to v0.0.%d; it has v0.0.%u)", SLURM_API_OLDEST,
			 SLURM_API_NEWEST, offered);
		slurm_unwell(s, true, why, "slurmrestd 提供的 API 版本此处均不支持");
		rest(s);
		return;
	}
	s->nodes_ms = 0;
	ask_nodes(s);
}

static void ask_version(struct slurm *s)
{
	struct err err;

	s->step = STEP_VERSION;
	if (slurm_ask(s, false, "GET", "/openapi/v3", NULL, VERSION_MS, on_version, s, &s->poll_call,
		      &err)) {
		unasked(s, &err);
	}
}

/* ---- nodes ---- */

static void read_release(struct slurm *s, const json_t *json)
{
	const json_t *meta = json_object_get(json, "meta");
	const json_t *slurm = json_object_get(meta, "Slurm");

	if (!slurm)
		slurm = json_object_get(meta, "slurm");
	snprintf(s->release, sizeof(s->release), "%s", slurm_str(slurm, "release"));
}

static void on_nodes(void *arg, const struct fetch_answer *a)
{
	struct slurm *s = arg;
	struct slurm_error e;
	json_t *json;
	enum slurm_reply r = slurm_reply_read(a, true, &json, &e);

	s->poll_call = NULL;
	if (r != SLURM_OK) {
		failed(s, a, r, &e);
		return;
	}
	read_release(s, json);
	arena_reset(&s->nodes_arena);
	slurm_nodes_decode(json, s->conf.partitions, s->conf.npartitions, &s->nodes_arena, &s->nodes,
			   &s->nnodes);
	json_decref(json);
	s->nodes_ms = clock_mono_ms();
	ask_jobs(s);
}

static void ask_nodes(struct slurm *s)
{
	struct err err;
	char path[80];

	s->step = STEP_NODES;
	snprintf(path, sizeof(path), "/slurm/v0.0.%u/nodes", s->api->no);
	if (slurm_ask(s, false, "GET", path, NULL, REPLY_MS, on_nodes, s, &s->poll_call, &err)) {
		unasked(s, &err);
	}
}

/* ---- jobs ---- */

struct reading {
	uv_work_t work;
	struct slurm *s;
	struct buf text;
	struct slurm_listing *l;
};

/* In a worker: some megabytes of JSON. */
static void read_listing(uv_work_t *w)
{
	struct reading *g = w->data;

	g->l = slurm_listing_read(g->text.data, g->text.len);
}

static void listed(struct slurm *s)
{
	int64_t now = clock_mono_ms();

	slurm_well(s);
	slurm_listing_apply(s);
	slurm_count_rate(s, now);
	slurm_tell_seen(s);
	if (now - s->nodes_ms > NODES_MS)
		s->nodes_ms = 0;        /* with the next round */
	rest(s);
}

static void on_read(uv_work_t *w, int status)
{
	struct reading *g = w->data;
	struct slurm *s = g->s;
	struct slurm_listing *l = g->l;

	buf_done(&g->text);
	free(g);
	if (s->freed) {
		slurm_listing_free(l);
	} else if (l->r) {
		snprintf(s->why, sizeof(s->why), "%.190s", l->err.text);
		slurm_listing_free(l);
		probe(s);
	} else {
		slurm_listing_free(s->seen);
		s->seen = l;
		s->list_took_ms = clock_mono_ms() - s->list_begun_ms;
		listed(s);
	}
	slurm_work_over(s);
}

static void on_jobs(void *arg, const struct fetch_answer *a)
{
	struct slurm *s = arg;
	struct slurm_error e;
	struct reading *g;
	json_t *json;
	enum slurm_reply r = slurm_reply_read(a, false, &json, &e);

	s->poll_call = NULL;
	json_decref(json);
	if (r != SLURM_OK) {
		failed(s, a, r, &e);
		return;
	}
	s->step = STEP_READ;
	g = mem_alloc(sizeof(*g));
	g->s = s;
	g->work.data = g;
	g->text = *a->body;             /* taken over */
	buf_init(a->body, a->body->max);
	s->works++;
	uv_queue_work(s->loop, &g->work, read_listing, on_read);
}

static void ask_jobs(struct slurm *s)
{
	struct err err;
	char path[80];

	s->step = STEP_JOBS;
	s->list_begun_ms = clock_mono_ms();
	snprintf(path, sizeof(path), "/slurm/v0.0.%u/jobs", s->api->no);
	if (slurm_ask(s, false, "GET", path, NULL, REPLY_MS, on_jobs, s, &s->poll_call, &err)) {
		unasked(s, &err);
	}
}

static void on_poll(void *arg)
{
	struct slurm *s = arg;

	int64_t early = s->due_ms - clock_mono_ms();

	slurm_files_tick(s);
	if (early > 0 && s->step == STEP_REST) {
		slurm_between_listings(s);
		arm(s, early);
		return;
	}
	slurm_asking(s);
	if (!s->api)
		ask_version(s);
	else if (!s->nodes_ms)
		ask_nodes(s);
	else
		ask_jobs(s);
}

void slurm_poll_start(struct slurm *s)
{
	arena_init(&s->nodes_arena);
	s->ok_ms = s->rate_ms = clock_mono_ms();
	s->poll = timer_new(s->loop, on_poll, s);
	timer_start(s->poll, 0, 0);
	s->watch = timer_new(s->loop, slurm_watch, s);
	timer_start(s->watch, SLURM_WATCH_MS, SLURM_WATCH_MS);
}

void slurm_poll_done(struct slurm *s)
{
	timer_free(s->poll);
	timer_free(s->watch);
	slurm_orphans_forget(s, INT64_MAX);
	slurm_listing_free(s->seen);
	arena_done(&s->nodes_arena);
}
