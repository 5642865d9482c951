/* slurm_poll.c - the connection to a cluster: version, nodes, listings, and whether it is up
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
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	VERSION_MS = 15000,
	REPLY_MS = 30000,               /* slurmrestd itself gives up after 9 to 18 s */
	LISTING_SHARE = 10,             /* the next listing waits so many times what the last took */
	INTERVAL_MAX_MS = 10000,
	IDLE_MS = 3000,                 /* no run of ours is there */
	SILENT_MS = 2000,               /* another try while it does not answer */
	NODES_MS = 3000,
	OTHERS_MAX = 100000,
	FILES_MS = 3000,                /* looks for ends in the shared directory while silent */
	FILES_MAX = 256,                /* runs looked at between two listings */
	ORPHAN_MS = 15000,              /* a run may be over for us before its job is for Slurm */
	QUEUE_MIN = 2,
	BUSY_MAX = 2000,                /* pieces of others' work that a forecast looks at */
};

enum step { STEP_REST, STEP_VERSION, STEP_NODES, STEP_JOBS, STEP_READ, STEP_PROBE };

static void ask_nodes(struct slurm *s);
static void ask_jobs(struct slurm *s);

/* ---- is it up? ---- */

static void tell_pool(struct slurm *s, bool up, const struct pool_seen *seen)
{
	struct engine_event ev = { .kind = ENGINE_EV_POOL, .run_id = "", .up = up, .seen = seen };

	if (!up) {
		ev.text = s->why;
		ev.text_zh = s->why_zh;
	}
	strcpy(s->told_why, up ? "" : s->why);

	s->host.event(s->host.arg, s->pool, &ev);
}

void slurm_well(struct slurm *s)
{
	s->ok_ms = clock_mono_ms();
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
		tell_pool(s, false, NULL);
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

/* Listings are far apart where they are slow: in between the shared directory tells of ends. */
static void between_listings(struct slurm *s)
{
	struct slurm_run *r, *tmp;
	unsigned n = 0;

	HASH_ITER(hh, s->runs, r, tmp)
		if (r->state == RUN_RUNNING || r->state == RUN_WAITING) {
			if (++n > FILES_MAX)
				return;
			slurm_files_look(r);
		}
}

/* ---- when to look again ---- */

static int64_t interval_ms(const struct slurm *s)
{
	int64_t ms = s->list_took_ms * LISTING_SHARE;

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
	int64_t ms = interval_ms(s);

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

/* ---- what the pool is told ---- */

struct usage_of {
	uint64_t *cpu, *memory, *devices;       /* by node */
	const struct slurm *s;
	const struct slurm_job *j;
};


static void add_use(void *arg, const char *host)
{
	struct usage_of *u = arg;
	uint32_t n = u->j->nodes ? u->j->nodes : 1;

	/* Sorted by partition first: few enough partitions to look at each node. */
	for (uint32_t i = 0; i < u->s->nnodes; i++)
		if (!strcmp(u->s->nodes[i].name, host)) {
			u->cpu[i] += u->j->cpus / n;
			u->memory[i] += u->j->memory_mb;
			u->devices[i] += u->j->devices;
			return;
		}
}

static void use_of(const struct slurm *s, const struct slurm_job *jobs, uint32_t n, struct arena *a,
		   struct usage_of *ret)
{
	ret->cpu = arena_array(a, s->nnodes + 1, sizeof(*ret->cpu));
	ret->memory = arena_array(a, s->nnodes + 1, sizeof(*ret->memory));
	ret->devices = arena_array(a, s->nnodes + 1, sizeof(*ret->devices));
	ret->s = s;
	for (uint32_t i = 0; i < n; i++) {
		if (jobs[i].state != SLURM_RUNNING && jobs[i].state != SLURM_SUSPENDED)
			continue;
		ret->j = &jobs[i];
		slurm_hosts(jobs[i].hosts, 10000, add_use, ret);
	}
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* What the nodes give away beyond the jobs we see belongs to jobs we may not see (PrivateData),
 * unless it is ours and began after the listing: `slack` cpus may be. */
static void hidden(const struct slurm *s, const struct usage_of *ours, struct usage_of *others)
{
	uint64_t slack = 0;
	const struct slurm_run *r;

	for (r = s->runs; r; r = r->hh.next)
		slack += r->state == RUN_WAITING || r->state == RUN_SENDING;
	for (uint32_t i = 0; i < s->nnodes; i++) {
		const struct slurm_node *n = &s->nodes[i];
		uint64_t more = less(n->cpus_used, ours->cpu[i] + others->cpu[i]);
		uint64_t mine = more < slack ? more : slack;

		slack -= mine;
		if (more == mine)
			continue;
		others->cpu[i] += more - mine;
		others->memory[i] += less(n->memory_used_mb, ours->memory[i] + others->memory[i]);
		others->devices[i] += less(n->devices_used, ours->devices[i] + others->devices[i]);
	}
}

static uint32_t cap32(uint64_t n, uint64_t max)
{
	return (uint32_t)(n > max ? max : n);
}

static void fill_node(const struct slurm *s, const struct slurm_node *n, uint64_t cpu,
		      uint64_t memory, uint64_t devices, struct pool_seen_node *ret)
{
	const char *ours = *n->gres ? slurm_conf_ours(&s->conf, n->gres) : NULL;

	*ret = (struct pool_seen_node){
		.cpu_milli = n->cpus * 1000, .memory_mb = n->memory_mb,
		.cpu_used_milli = cap32(cpu, n->cpus) * 1000,
		.memory_used_mb = cap32(memory, n->memory_mb), .down = n->down,
	};
	if (!ours)
		return;
	ret->accel = ours;
	ret->naccels = (uint8_t)cap32(n->devices, NODE_ACCELS_MAX);
	ret->accels_used = (uint8_t)cap32(devices, ret->naccels);
}

/* So many may wait in the cluster that it does not run dry until we have heard of an end and sent
 * the next: as many as end in that time, and a few. */
static uint32_t queue_max(const struct slurm *s)
{
	double hear_s = (double)interval_ms(s) / 1000 + 2.0;
	double n = QUEUE_MIN + s->ends_per_s * hear_s * 1.3;

	return n < s->conf.queue_max ? (uint32_t)n : s->conf.queue_max;
}

static void count_rate(struct slurm *s, int64_t now)
{
	int64_t ms = now - s->rate_ms;

	if (ms < 500)
		return;
	if (ms < 60000)
		s->ends_per_s = 0.6 * s->ends_per_s + 0.4 * s->ended * 1000.0 / (double)ms;
	else
		s->ends_per_s = 0;
	s->rate_ms = now;
	s->ended = 0;
}

void slurm_count_end(struct slurm *s)
{
	s->ended++;
}

/* Work of others that runs, node by node.  Its latest end is known, its end is not: half of what
 * is left is the guess. */
struct busy_list {
	const struct slurm *s;
	const struct slurm_job *j;
	struct pool_busy *list;
	uint32_t n;
	int64_t now;
};

static void add_busy(void *arg, const char *host)
{
	struct busy_list *b = arg;
	const struct slurm_job *j = b->j;
	int64_t left = j->end_s * 1000 - b->now;
	uint32_t k = j->nodes ? j->nodes : 1;

	for (uint32_t i = 0; b->n < BUSY_MAX && i < b->s->nnodes; i++)
		if (!strcmp(b->s->nodes[i].name, host)) {
			b->list[b->n++] = (struct pool_busy){
				.end_p50_ms = b->now + (left > 0 ? left / 2 : 0),
				.end_p90_ms = b->now + (left > 0 ? left : 0), .node = i,
				.cpu_milli = j->cpus / k * 1000, .accels = j->devices,
				.memory_mb = cap32(j->memory_mb, UINT32_MAX),
			};
			return;
		}
}

/* Waits for room and nothing else? */
static bool in_line(const struct slurm_job *j)
{
	return j->state == SLURM_PENDING && (!strcmp(j->reason, "Resources") ||
		!strcmp(j->reason, "Priority") || !strcmp(j->reason, "None"));
}

static void read_queue(const struct slurm *s, struct arena *a, struct pool_seen *seen)
{
	const struct slurm_listing *l = s->seen;
	struct busy_list b = { .s = s, .now = clock_now_ms(),
			       .list = arena_array(a, BUSY_MAX, sizeof(*b.list)) };

	for (uint32_t i = 0; i < l->nothers; i++) {
		b.j = &l->others[i];
		if (b.j->state == SLURM_RUNNING)
			slurm_hosts(b.j->hosts, BUSY_MAX, add_busy, &b);
		if (!in_line(b.j))
			continue;
		seen->queue_cpu_ms += (int64_t)b.j->cpus * b.j->limit_s * 1000 / 2;
		if (b.j->start_s * 1000 > seen->queue_start_ms)
			seen->queue_start_ms = b.j->start_s * 1000;
	}
	for (uint32_t i = 0; i < l->nours; i++)
		if (in_line(&l->ours[i]) && l->ours[i].start_s * 1000 > seen->queue_start_ms)
			seen->queue_start_ms = l->ours[i].start_s * 1000;
	seen->busy = b.list;
	seen->nbusy = b.n;
}

static void tell_seen(struct slurm *s)
{
	const struct slurm_listing *l = s->seen;
	struct usage_of ours, others;
	struct pool_seen seen = { .nnodes = s->nnodes };
	struct pool_seen_node *nodes;
	struct arena a;

	arena_init(&a);
	use_of(s, l->ours, l->nours, &a, &ours);
	use_of(s, l->others, l->nothers, &a, &others);
	hidden(s, &ours, &others);
	nodes = arena_array(&a, s->nnodes + 1, sizeof(*nodes));
	for (uint32_t i = 0; i < s->nnodes; i++)
		fill_node(s, &s->nodes[i], others.cpu[i], others.memory[i], others.devices[i],
			  &nodes[i]);
	seen.nodes = nodes;
	seen.queue_max = queue_max(s);
	seen.ahead_s = s->conf.ahead_s;
	read_queue(s, &a, &seen);
	s->told_up = true;
	tell_pool(s, true, &seen);
	arena_done(&a);
}

/* ---- jobs ---- */

struct reading {
	uv_work_t work;
	struct slurm *s;
	struct buf text;
	struct slurm_listing *l;
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
		if (j.run_id[0])
			l->ours[l->nours++] = j;
		else if (!slurm_state_over(j.state) && l->nothers < OTHERS_MAX)
			l->others[l->nothers++] = j;
	}
}

/* In a worker: some megabytes of JSON. */
static void read_listing(uv_work_t *w)
{
	struct reading *g = w->data;
	json_t *json = json_loadb(g->text.data, g->text.len, 0, NULL);
	struct slurm_error e;

	g->l = mem_alloc(sizeof(*g->l));
	arena_init(&g->l->arena);
	if (!json_is_array(json_object_get(json, "jobs")))
		g->l->r = err_set(&g->l->err, 1, "slurmrestd sent no list of jobs");
	else if (slurm_error_of(json, &e))
		g->l->r = err_set(&g->l->err, 1, "slurmrestd said: %.150s", e.text);
	else
		read_jobs(json_object_get(json, "jobs"), g->l);
	json_decref(json);
}

static void drop_listing(struct slurm_listing *l)
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

/* One that waits is ended at once; one that runs has perhaps just written its end, and Slurm does
 * not know yet. */
static bool ripe(struct slurm *s, const struct slurm_job *j)
{
	int64_t now = clock_mono_ms();
	struct slurm_orphan *o;

	if (j->state == SLURM_PENDING)
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

static void forget_orphans(struct slurm *s, int64_t before_ms)
{
	struct slurm_orphan *o, *tmp;

	HASH_ITER(hh, s->orphans, o, tmp)
		if (o->seen_ms < before_ms) {
			HASH_DEL(s->orphans, o);
			free(o);
		}
}

/* Runs of ours that are in it, and jobs that nobody here wants any more. */
static void apply(struct slurm *s, const struct slurm_listing *l)
{
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
	forget_orphans(s, s->list_begun_ms);
	HASH_ITER(hh, s->runs, r, tmp)
		slurm_run_missing(r, s->list_begun_ms);
}

static void listed(struct slurm *s)
{
	int64_t now = clock_mono_ms();

	slurm_well(s);
	apply(s, s->seen);
	count_rate(s, now);
	tell_seen(s);
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
		drop_listing(l);
	} else if (l->r) {
		snprintf(s->why, sizeof(s->why), "%.190s", l->err.text);
		drop_listing(l);
		probe(s);
	} else {
		drop_listing(s->seen);
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
	if (r == SLURM_NOT_MODIFIED && s->seen) {
		listed(s);
		return;
	}
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
	if (s->down)
		while_silent(s);
	if (early > 0 && s->step == STEP_REST) {
		between_listings(s);
		arm(s, early);
		return;
	}
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
}

void slurm_poll_done(struct slurm *s)
{
	timer_free(s->poll);
	forget_orphans(s, INT64_MAX);
	drop_listing(s->seen);
	arena_done(&s->nodes_arena);
}
