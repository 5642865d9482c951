/* fake.c - an engine without machines: runs are timers, faults are options
 *
 * In the product, for tests and for trying policies.  A run lasts as its command says:
 * ["sleep","2"] two seconds, ["true"], ["false"] and ["exit","3"] no time, anything
 * else run_ms; all of it times time_scale.  It has as many nodes as its pool declares,
 * and gangs run.  Nothing survives a restart: adopt knows only what this instance started.
 *
 *   run_ms: 100            time_scale: 1.0         start_delay_ms: 0
 *   seed: 1                fail_per_mille: 0       lose_per_mille: 0
 *   refuse_start: false    down_after_ms: 0 (never)  down_for_ms: 1000
 */

#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include "engine/engine.h"
#include "loop/timer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

enum { MS_MAX = 24 * 86400 * 1000, RUNS_MAX = 1000000, FAIL_CODE = 13 };

enum state { STARTING = 1, RUNNING, OVER };

struct options {
	uint32_t run_ms, scale_milli, start_delay_ms, fail_per_mille, lose_per_mille;
	uint32_t down_after_ms, down_for_ms;
	uint64_t seed;
	bool refuse_start;
};

struct run {
	char id[RUN_ID_MAX + 1];
	struct fake *f;
	enum state state;
	struct timer *timer;
	uint64_t lasts_ms, due_ms;      /* due: by the loop's clock */
	bool lose;
	struct engine_event end;        /* what will be reported */
	const char *text;
	char log[160];
	UT_hash_handle hh;
};

struct fake {
	struct engine engine;
	uv_loop_t *loop;
	const struct pool *pool;
	struct engine_host host;
	struct options o;
	struct run *runs;
	struct timer *weather;          /* takes the pool down, and up again */
	bool down;
};

static struct fake *fake_of(const struct engine *e)
{
	assert(e->ops == &engine_fake);
	return (struct fake *)e;
}

static struct run *find(struct fake *f, const char *run_id)
{
	struct run *r;

	HASH_FIND_STR(f->runs, run_id, r);
	return r;
}

static void drop(struct run *r)
{
	timer_free(r->timer);
	HASH_DEL(r->f->runs, r);
	free(r);
}

/* ---- what a command means ---- */

static uint64_t scaled(const struct fake *f, uint64_t ms)
{
	return ms * f->o.scale_milli / 1000;
}

/* "2", "0.25" */
static uint64_t sleep_ms(const char *arg)
{
	char *end;
	double s = strtod(arg, &end);

	return end != arg && s >= 0 && s <= MS_MAX / 1000 ? (uint64_t)(s * 1000) : 0;
}

static void foretell(const struct fake *f, const struct task_spec *t, struct run *r)
{
	const char *verb = t->script || !t->ncommand ? "" : t->command[0];
	const char *arg = t->ncommand > 1 ? t->command[1] : "";
	int64_t n = 0;

	if (strcmp(verb, "sleep") == 0) {
		r->lasts_ms = sleep_ms(arg);
	} else if (strcmp(verb, "false") == 0) {
		r->end.exit_code = 1;
	} else if (strcmp(verb, "exit") == 0) {
		r->end.exit_code = text_i64(arg, 0, 255, &n) == 0 ? (int)n : 2;
	} else if (strcmp(verb, "true") != 0) {
		r->lasts_ms = f->o.run_ms;
	}
	r->lasts_ms = scaled(f, r->lasts_ms);
	r->end.end = RUN_END_EXIT;
	if (r->lasts_ms > (uint64_t)t->walltime_s * 1000) {
		r->lasts_ms = (uint64_t)t->walltime_s * 1000;
		r->end.end = RUN_END_WALLTIME;
		r->end.exit_code = 143;
	}
}

/* The dice: the same run id has the same fate with the same seed. */
static void fate(const struct fake *f, struct run *r)
{
	uint64_t h = f->o.seed;

	for (const char *p = r->id; *p; p++)
		h = rng_mix(h, (unsigned char)*p);
	if (rng_mix(h, 1) % 1000 < f->o.lose_per_mille) {
		r->lose = true;
	} else if (rng_mix(h, 2) % 1000 < f->o.fail_per_mille) {
		r->end.end = RUN_END_EXIT;
		r->end.exit_code = FAIL_CODE;
	}
}

/* ---- the life of a run ---- */

/* The listener may settle the run: nothing of it is touched afterwards. */
static void tell(struct fake *f, const struct run *r)
{
	struct engine_event ev = { .kind = ENGINE_EV_STARTED };
	char id[RUN_ID_MAX + 1];

	if (r->state == OVER) {
		ev = r->end;
		ev.text = r->text;
	}
	strcpy(id, r->id);
	ev.run_id = id;
	f->host.event(f->host.arg, f->pool, &ev);
}

static void over(struct run *r, enum engine_event_kind kind)
{
	r->end.kind = kind;
	r->state = OVER;
	timer_stop(r->timer);
}

static void on_timer(void *arg)
{
	struct run *r = arg;
	uint64_t now = uv_now(r->f->loop);

	if (r->state == STARTING) {
		r->state = RUNNING;
		r->due_ms = now + r->lasts_ms;
		timer_start(r->timer, r->lasts_ms, 0);
	} else if (r->state == RUNNING && now < r->due_ms) {
		timer_start(r->timer, r->due_ms - now, 0);      /* woken by repeat() */
	} else if (r->state == RUNNING) {
		over(r, r->lose ? ENGINE_EV_LOST : ENGINE_EV_ENDED);
		if (r->lose)
			r->text = "lost, as the options of this engine ask";
	}
	tell(r->f, r);
}

/* Tell it again, from the loop and not from within the call that asks. */
static void repeat(struct run *r)
{
	if (r->state != STARTING)
		timer_start(r->timer, 0, 0);
}

static void begin(struct fake *f, const struct run_spec *spec)
{
	struct run *r = mem_alloc(sizeof(*r));

	strcpy(r->id, spec->run_id);
	r->f = f;
	r->state = STARTING;
	r->timer = timer_new(f->loop, on_timer, r);
	r->end.phase = PHASE_COMMAND;
	foretell(f, spec->spec, r);
	fate(f, r);
	r->end.usage.run_ms = (int64_t)r->lasts_ms;
	r->end.usage.cpu_ms = (int64_t)(r->lasts_ms * spec->place->cpu_milli / 1000 *
					spec->place->n);
	r->end.usage.memory_peak_mb = spec->place->memory_mb / 2;
	snprintf(r->log, sizeof(r->log), "fake: run %s on %" PRIu32 " node%s of %.40s\n", r->id,
		 spec->place->n, spec->place->n == 1 ? "" : "s", f->pool->name);
	r->end.usage.out_bytes = strlen(r->log);
	HASH_ADD_STR(f->runs, id, r);
	timer_start(r->timer, f->o.start_delay_ms, 0);
}

/* ---- the pool ---- */

static void tell_pool(struct fake *f, bool up, const char *text)
{
	struct engine_event ev = { .kind = ENGINE_EV_POOL, .run_id = "", .up = up, .text = text };

	f->down = !up;
	f->host.event(f->host.arg, f->pool, &ev);
}

/* All nodes at once lose power: each run tells so by its own timer, as the listener may
 * settle what it hears of. */
static void on_weather(void *arg)
{
	struct fake *f = arg;
	struct run *r, *tmp;

	if (f->down) {
		tell_pool(f, true, "up again");
		return;
	}
	HASH_ITER(hh, f->runs, r, tmp) {
		if (r->state == OVER)
			continue;
		over(r, ENGINE_EV_LOST);
		r->text = "the pool went down";
		timer_start(r->timer, 0, 0);
	}
	timer_start(f->weather, f->o.down_for_ms, 0);
	tell_pool(f, false, "down, as the options of this engine ask");
}

/* ---- the engine ---- */

static int decode(const json_t *json, struct options *o, struct err *err)
{
	json_t *none = json_object();
	struct arena arena;
	struct dec d;
	int r;

	arena_init(&arena);
	dec_begin(&d, json ? json : none, "", NULL, &arena, err);
	dec_u32(&d, "run_ms", DEC_OPT, 0, MS_MAX, &o->run_ms);
	dec_milli(&d, "time_scale", DEC_OPT, 0, 1000000, &o->scale_milli);
	dec_u32(&d, "start_delay_ms", DEC_OPT, 0, MS_MAX, &o->start_delay_ms);
	dec_u32(&d, "fail_per_mille", DEC_OPT, 0, 1000, &o->fail_per_mille);
	dec_u32(&d, "lose_per_mille", DEC_OPT, 0, 1000, &o->lose_per_mille);
	dec_u32(&d, "down_after_ms", DEC_OPT, 0, MS_MAX, &o->down_after_ms);
	dec_u32(&d, "down_for_ms", DEC_OPT, 0, MS_MAX, &o->down_for_ms);
	dec_u64(&d, "seed", DEC_OPT, 0, INT64_MAX, &o->seed);
	dec_bool(&d, "refuse_start", DEC_OPT, &o->refuse_start);
	r = dec_end(&d);
	arena_done(&arena);
	json_decref(none);
	return r;
}

static int fake_open(uv_loop_t *loop, const struct pool *p, const json_t *options,
		     const char *dir, const struct engine_host *host, struct engine **ret,
		     struct err *err)
{
	struct options o = { .run_ms = 100, .scale_milli = 1000, .down_for_ms = 1000, .seed = 1 };
	struct fake *f;
	int r = decode(options, &o, err);

	if (r)
		return r;
	f = mem_alloc(sizeof(*f));
	f->engine.ops = &engine_fake;
	f->loop = loop;
	f->pool = p;
	f->host = *host;
	f->o = o;
	f->weather = timer_new(loop, on_weather, f);
	if (o.down_after_ms)
		timer_start(f->weather, o.down_after_ms, 0);
	*ret = &f->engine;
	return 0;
}

static int fake_start(struct engine *e, const struct run_spec *spec, struct err *err)
{
	struct fake *f = fake_of(e);
	struct run *r = find(f, spec->run_id);

	if (r) {
		repeat(r);
		return 0;
	}
	if (engine_permit(spec, err))
		return ENGINE_E_FORBIDDEN;
	if (f->o.refuse_start || f->down)
		return err_set(err, ENGINE_E_FULL, f->down ? "the pool is down"
			       : "it refuses, as the options of this engine ask");
	if (HASH_COUNT(f->runs) >= RUNS_MAX)
		return err_set(err, ENGINE_E_FULL, "it holds %d runs already", RUNS_MAX);
	begin(f, spec);
	return 0;
}

static int fake_adopt(struct engine *e, const char *run_id, struct err *err)
{
	struct run *r = find(fake_of(e), run_id);

	if (!r)
		return err_set(err, ENGINE_E_GONE, "run %.64s was never started here", run_id);
	repeat(r);
	return 0;
}

/* A fake command hears TERM at once, so grace_ms is never used up. */
static int fake_stop(struct engine *e, const char *run_id, unsigned grace_ms, struct err *err)
{
	struct run *r = find(fake_of(e), run_id);

	if (!r)
		return err_set(err, ENGINE_E_GONE, "run %.64s is not known here", run_id);
	if (r->state != OVER) {
		over(r, ENGINE_EV_ENDED);
		r->end.end = RUN_END_STOPPED;
		r->end.exit_code = 143;
	}
	timer_start(r->timer, 0, 0);
	return 0;
}

static void fake_settle(struct engine *e, const char *run_id)
{
	struct run *r = find(fake_of(e), run_id);

	if (r && r->state == OVER)
		drop(r);
}

static int fake_log(struct engine *e, const char *run_id, int stream, uint64_t offset,
		    struct buf *out, uint64_t *ret_size, struct err *err)
{
	const struct run *r = find(fake_of(e), run_id);
	size_t size, n;

	if (!r)
		return err_set(err, ENGINE_E_GONE, "the log of run %.64s is not kept any more",
			       run_id);
	size = stream == 1 && r->state != STARTING ? strlen(r->log) : 0;
	n = offset < size ? size - (size_t)offset : 0;
	if (n > out->max - out->len)
		n = out->max - out->len;
	buf_add(out, r->log + (n ? offset : 0), n);
	*ret_size = size;
	return 0;
}

static json_t *fake_describe(const struct engine *e)
{
	return json_pack("{s:s, s:s, s:s, s:s}", "cpu", "pretended", "memory", "pretended",
			 "pids", "not enforced", "walltime", "pretended");
}

static struct engine *fake_free(struct engine *e)
{
	struct fake *f;
	struct run *r, *tmp;

	if (!e)
		return NULL;
	f = fake_of(e);
	HASH_ITER(hh, f->runs, r, tmp)
		drop(r);
	timer_free(f->weather);
	free(f);
	return NULL;
}

const struct engine_ops engine_fake = {
	.name = "fake",
	.open = fake_open,
	.start = fake_start,
	.adopt = fake_adopt,
	.stop = fake_stop,
	.settle = fake_settle,
	.log = fake_log,
	.describe = fake_describe,
	.free = fake_free,
};
