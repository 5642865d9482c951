/* flow.c - build the conductor: read the journal, open the engines, take up the thread */

#include "flow/share.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	TICK_MS = 1000,                 /* deadlines, back-off and freshness are told in seconds */
	PRUNE_EVERY_MS = 10 * 60 * 1000,
	PRUNE_CALM_MS = 60 * 60 * 1000, /* so long the clock has to be undisturbed before */
	PRUNE_MAX = 10000,
	AUDIT_PRUNE_EVERY_MS = 24 * 3600 * 1000,        /* each time leaves an anchor behind */
	GAVE_BACK_MS = 10 * 1000,
	FRESH_S = 30,                   /* three times the longest pause between two listings */
};

void flow_limits_default(struct flow_limits *l)
{
	*l = (struct flow_limits){
		.waiting_max = 2000000, .tenant_waiting_max = 1000000, .finished_max = 50000,
		.history_days = 190, .audit_days = 190, .pending_max = 64 << 20, .commit_fail_s = 30,
		.stop_grace_ms = 5000,
	};
}

static int identify(struct flow *f, struct err *err)
{
	struct record r = { .kind = RECORD_NODE };
	uint32_t id;
	char text[16];
	int e;

	if (f->node_id[0])
		return 0;
	e = rng_secret(&id, sizeof(id));
	if (e)
		return err_set(err, e, "the kernel gave no random bits");
	snprintf(text, sizeof(text), "n%08x", id);
	r.doc = json_pack("{s:s}", "node", text);
	flow_commit(f, &r);
	json_decref(r.doc);
	return 0;
}

static int open_engine(struct flow *f, struct pool *p, struct err *err)
{
	const struct engine_ops *ops = engine_find(p->engine);
	struct engine_host host = { f, run_event, run_ours };
	_cleanup_(mem_freep) char *dir = mem_alloc(strlen(f->c.dir) + strlen(p->name) + 2);
	json_t *options = NULL;
	int r;

	if (!ops)
		return err_set(err, -EINVAL, "pool %s: there is no engine \"%s\"", p->name,
			       p->engine);
	sprintf(dir, "%s/%s", f->c.dir, p->name);
	if (mkdir(dir, 0700) && errno != EEXIST)
		return err_set(err, -errno, "could not make %s: %s", dir, strerror(errno));
	r = json_parse(p->options_json, strlen(p->options_json), &options, err);
	if (!r)
		r = ops->open(f->c.loop, p, options, dir, &host, &f->engines[p->id], err);
	json_decref(options);
	if (r)
		return err_prefix(err, r < 0 ? r : -EINVAL, "pool %s: ", p->name);
	/* Of a cluster nothing is known before it told its nodes; without a word for so long as
	 * nobody else said, its news is stale. */
	if (!ops->tells_nodes)
		p->seen_ms = clock_now_ms();
	else if (!p->fresh_s)
		p->fresh_s = FRESH_S;
	p->stale = pool_stale(p, clock_now_ms());
	return 0;
}

/* What is pruned does not come back.  A clock that jumps a year ahead, or is wrong until the network
 * sets it after a start, must not cost a year of history. */
static void prune(struct flow *f, int64_t now)
{
	int64_t mono = clock_mono_ms();

	if (clock_calm_ms(&f->calm, now, mono) < PRUNE_CALM_MS || mono < f->prune_next_ms)
		return;
	f->prune_next_ms = mono + PRUNE_EVERY_MS;
	if (mono >= f->audit_prune_next_ms) {
		f->audit_prune_next_ms = mono + AUDIT_PRUNE_EVERY_MS;
		f->c.store->ops->audit_prune(f->c.store,
					     now - (int64_t)f->c.limits.audit_days * 86400 * 1000);
	}
	f->c.store->ops->prune(f->c.store, now - (int64_t)f->c.limits.history_days * 86400 * 1000,
			       PRUNE_MAX);
}

/* A pool that gave a run back is asked again after a while, unless its engine says itself when
 * it is up. */
static void pool_tick(struct pool *p, const struct engine *e, int64_t now)
{
	if (!p->down && e->ops->in_process)
		p->seen_ms = now;
	if (p->down && p->gave_back && llabs(now - p->seen_ms) > GAVE_BACK_MS) {
		p->down = p->gave_back = false;
		pool_because(p, NULL, NULL);
	}
	run_pool_fresh(p, now);
}

static void tick(void *arg)
{
	struct flow *f = arg;
	int64_t now = clock_now_ms();

	for (uint32_t i = 0; i < f->c.npools; i++)
		pool_tick(f->c.pools[i], f->engines[i], now);
	ready_backoff(f, now);
	label_tick(f, now);
	if (f->npasses != f->counted_pass) {    /* engines tell of nodes when they like */
		f->counted_pass = f->npasses;
		share_count_pools(f);
	}
	table_forget(f);
	prune(f, now);
	ledger_tick(f);
	identity_tick(f, now);
	if (queue_top(f))
		schedule_want(f);
}

static void init(struct flow *f, const struct flow_config *c)
{
	f->c = *c;
	f->c.pools = mem_array(c->npools, sizeof(*f->c.pools));
	f->next_no = 1;
	f->held_end = &f->held;
	f->history = history_new();
	ledger_open(f);
	identity_init(&f->who, c->separate);
	f->engines = mem_array(c->npools, sizeof(*f->engines));
	f->lanes = mem_array(c->npools, sizeof(*f->lanes));
	arena_init(&f->pass_arena);
	arena_init(&f->tail_arena);
	buf_init(&f->body, STORE_BODY_MAX);
	f->pass_timer = timer_new(c->loop, schedule_run, f);
	f->tick_timer = timer_new(c->loop, tick, f);
	for (uint32_t i = 0; i < c->npools; i++) {
		const struct engine_ops *ops = engine_find(c->pools[i]->engine);

		f->c.pools[i] = c->pools[i];
		c->pools[i]->id = i;
		c->pools[i]->told = ops && ops->tells_nodes;
	}
	placement_init(f);
}

static bool is_audited(uint32_t kind)
{
	return record_audit((enum record_kind)kind) == AUDIT_YES;
}

int flow_new(const struct flow_config *c, struct flow **ret, struct err *err)
{
	struct flow *f = mem_alloc(sizeof(*f));
	int r;

	init(f, c);
	*ret = f;       /* the store's events find us from here on */
	c->store->audited = is_audited;
	r = replay_journal(f, err);
	if (!r)
		r = identify(f, err);
	if (!r)
		r = run_check(f, err);
	if (!r)
		label_declare(f);
	share_count_pools(f);
	for (uint32_t i = 0; !r && i < c->npools; i++)
		r = open_engine(f, f->c.pools[i], err);
	if (r) {
		*ret = flow_free(f);
		return r;
	}
	run_resume(f);
	timer_start(f->tick_timer, TICK_MS, TICK_MS);
	f->ready = true;
	return 0;
}

static void world_done(struct flow *f)
{
	struct dataset_entry *d, *dtmp;

	HASH_ITER(hh, f->datasets, d, dtmp) {
		HASH_DELETE(hh, f->datasets, d);
		dataset_free(d->d);
		free(d->place);
		free(d->name);
		free(d);
	}
	free(f->dataset_list);
	free(f->places);
	identity_done(&f->who);
}

struct flow *flow_free(struct flow *f)
{
	if (!f)
		return NULL;
	timer_free(f->pass_timer);
	timer_free(f->tick_timer);
	for (uint32_t i = 0; i < f->c.npools; i++)
		if (f->engines[i])
			f->engines[i]->ops->free(f->engines[i]);
	queue_done(f);
	ready_done(f);
	table_done(f);
	commit_done(f);
	world_done(f);
	label_done(f);
	share_done(f);
	ledger_done(f);
	placement_done(f);
	for (uint32_t i = 0; i < f->c.npools; i++)
		pool_free(f->c.pools[i]);
	free(f->c.pools);
	history_free(f->history);
	arena_done(&f->pass_arena);
	arena_done(&f->tail_arena);
	free(f->engines);
	free(f->lanes);
	free(f);
	return NULL;
}

const char *flow_node_id(const struct flow *f)
{
	return f->node_id;
}

bool flow_ready(const struct flow *f)
{
	return f->ready && !f->trouble;
}

const struct catalogue *flow_catalogue(const struct flow *f)
{
	return f->c.catalogue;
}

const struct history *flow_history(const struct flow *f)
{
	return f->history;
}

struct store *flow_store(const struct flow *f)
{
	return f->c.store;
}

void flow_counts(const struct flow *f, struct flow_counts *ret)
{
	*ret = f->counts;
	ret->durable_seq = f->durable;
	ret->appended_seq = f->appended;
}

/* The last run is on the task's pool; an earlier one may have been on any. */
int flow_log(struct flow *f, const struct task *t, uint32_t attempt, int stream, uint64_t offset,
	     struct buf *out, uint64_t *ret_size, struct err *err)
{
	char id[RUN_ID_MAX];
	uint32_t n = f->c.npools;
	bool silent = false;
	struct err why;
	int r;

	if (!t->attempt || attempt > t->attempt)
		return err_set(err, FLOW_E_NOT_FOUND, "it has not run yet");
	flow_run_id(f, t, attempt ? attempt : t->attempt, id);
	for (uint32_t i = 0; t->pool < n && i < n; i++) {
		struct engine *e = f->engines[(t->pool + i) % n];

		r = e->ops->log(e, id, stream, offset, out, ret_size, silent ? NULL : &why);
		if (!r)
			return 0;
		silent |= r == ENGINE_E_SILENT;
		if (attempt == 0 || attempt == t->attempt)
			break;
	}
	if (silent)
		return err_set(err, FLOW_E_BUSY, "%s", why.text);
	return err_set(err, FLOW_E_NOT_FOUND, "the log is no longer kept, or not there yet");
}
