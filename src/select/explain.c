/* explain.c - a decision as JSON: every pool, why not, or what it would take
 *
 * Written straight into the buffer: with 1,000 pools this is most of what a decision
 * costs, and a document tree would be most of that.  Pools with a rank come first, in the
 * order of the rank; the refused follow in the order of the snapshot.  What a pool has is
 * told only as far as the asker's own question goes: never the names of other tenants.
 */

#include "select/part.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "domain/label.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 256 };       /* of need and have: a region or an image name and some words */

struct words {
	char text[WORDS_MAX];
};

struct explain {
	struct pass pass;
	const struct decision *d;
	struct buf *out;
};

/* ---- JSON ---- */

/* `lead` is everything up to the value, key and comma included. */
static void put_num(struct buf *b, const char *lead, int64_t v)
{
	buf_str(b, lead);
	buf_num(b, v);
}

static void put_text(struct buf *b, const char *lead, const char *text)
{
	buf_str(b, lead);
	if (text)
		json_put_str(b, text, strlen(text));
	else
		buf_str(b, "null");
}

/* ---- figures as short words ---- */

static void say(struct words *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct words *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->text, sizeof(w->text), fmt, ap);
	va_end(ap);
}

/* 1500 -> "1.5" */
static char *milli(uint64_t v, char out[32])
{
	int n = snprintf(out, 32, "%" PRIu64 ".%03u", v / 1000, (unsigned)(v % 1000));

	while (out[n - 1] == '0')
		out[--n] = '\0';
	if (out[n - 1] == '.')
		out[--n] = '\0';
	return out;
}

static const char *level_text(enum level l)
{
	return l > LEVEL_NONE && l < LEVEL_COUNT ? level_name(l) : "not known";
}

static const char *text_or(const char *s, const char *otherwise)
{
	return s && *s ? s : otherwise;
}

static const char *model_name(const struct catalogue *c, uint16_t model)
{
	return c && model < c->n ? c->models[model].name : "unknown";
}

static void say_accel(const struct explain *x, struct words *w)
{
	const struct accel_need *a = x->pass.want.need;
	char tflops[32], share[32];
	size_t n;

	if (!a->count) {
		say(w, "%s fp16 tflops, %" PRIu32 " GB", milli(a->fp16_gflops, tflops),
		    a->memory_gb);
		return;
	}
	say(w, "%s x ", x->pass.want.share_milli < 1000 ? milli(x->pass.want.share_milli, share)
							: milli(a->count * 1000ull, share));
	n = strlen(w->text);
	for (uint32_t i = 0; i < a->nmodels && i < ACCEL_ANY_MAX && n < WORDS_MAX; i++)
		n += (size_t)snprintf(w->text + n, WORDS_MAX - n, "%s%s", i ? " or " : "",
				      model_name(x->pass.s->catalogue, a->models[i]));
	if (!a->nmodels)
		say(w, "%s x any model", share);
}

/* The most that one node has, now or when empty. */
static void say_most(const struct pool *p, bool empty, struct words *w)
{
	uint32_t cpu = 0, memory = 0;
	char text[32];

	for (uint32_t i = 0; i < p->nnodes; i++) {
		const struct node *n = &p->nodes[i];
		uint32_t c = empty ? n->cpu_milli : n->down ? 0 : n->cpu_free_milli;
		uint32_t m = empty ? n->memory_mb : n->down ? 0 : n->memory_free_mb;

		cpu = c > cpu ? c : cpu;
		memory = m > memory ? m : memory;
	}
	say(w, "at most %s cpus, %" PRIu32 " MB on one node", milli(cpu, text), memory);
}

static uint32_t nodes_that_fit(struct explain *x, const struct pool *p)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < p->nnodes; i++)
		k += want_fits_empty(&x->pass.want, &p->nodes[i]);
	return k;
}

static void say_task(struct explain *x, struct words *w)
{
	const struct want *t = &x->pass.want;
	const char *where = t->nodes > 1 ? "each node" : "one node";
	struct words accel = { "" };
	char cpus[32];

	if (t->share_milli)
		say_accel(x, &accel);
	if (t->share_milli)
		say(w, "%s cpus, %" PRIu32 " MB, %s on %s", milli(t->cpu_milli, cpus),
		    t->memory_mb, accel.text, where);
	else
		say(w, "%s cpus, %" PRIu32 " MB on %s", milli(t->cpu_milli, cpus), t->memory_mb,
		    where);
}

static void say_room(struct explain *x, const struct pool *p, struct words *have)
{
	struct want *t = &x->pass.want;

	if (t->nodes > 1 || t->share_milli)
		say(have, "room on %" PRIu32 " of %" PRIu32 " nodes",
		    want_room(t, p->nnodes, p->nodes), t->nodes);
	else
		say_most(p, false, have);
}

static void say_latency(const struct task_spec *t, const struct pool *p, struct words *need,
			struct words *have)
{
	uint32_t ms;

	say(need, "%" PRIu32 " ms to %s", t->max_latency_ms, text_or(t->near, "not known"));
	if (eligible_latency(p, t->near, &ms))
		say(have, "%" PRIu32 " ms", ms);
	else
		say(have, "no link");
}

static void say_fresh(const struct snapshot *s, const struct pool *p, struct words *need,
		      struct words *have)
{
	char a[32], b[32];

	say(need, "news within %s", text_duration(p->fresh_s, a));
	if (p->seen_ms)
		say(have, "%s old", text_duration((s->now_ms - p->seen_ms) / 1000, b));
	else
		say(have, "never heard of");
}

static void say_walltime(const struct task_spec *t, const struct pool *p, struct words *need,
			 struct words *have)
{
	char a[32], b[32];

	say(need, "%s", text_duration(t->walltime_s, a));
	say(have, "%s", text_duration(p->walltime_max_s, b));
}

static void say_deadline(const struct snapshot *s, const struct task_spec *t,
			 const struct terms *m, struct words *need, struct words *have)
{
	int64_t takes_s = m->transfer_s + m->wait_p50_s + m->run_p50_s;
	char a[CLOCK_TEXT_MAX], b[CLOCK_TEXT_MAX];

	say(need, "%s", clock_format(t->deadline_ms, a));
	say(have, "%s", clock_format(sat_add(s->now_ms, sat_mul(takes_s, 1000)), b));
}

/* The task's own budget against the forecast, or the tenant's against what has to be reserved. */
static void say_budget(const struct ask *a, const struct terms *m, struct words *need,
		       struct words *have)
{
	const struct purse *purse = a->purse;
	int64_t left = purse && purse->available_micro > 0 ? purse->available_micro : 0;
	char x[32], y[32];

	if (a->spec->budget_micro && m->cost_micro > a->spec->budget_micro) {
		say(need, "%s yuan", text_yuan(a->spec->budget_micro, x));
		say(have, "%s yuan", text_yuan(m->cost_micro, y));
		return;
	}
	if (!purse || !m->reserve_micro) {
		say(need, "more than any run may cost");
		say(have, "at most %s yuan", text_yuan(MONEY_RUN_MAX, y));
		return;
	}
	say(need, "%s yuan to be reserved", text_yuan(m->reserve_micro, x));
	say(have, "%s yuan left of the budget of %s", text_yuan(left, y),
	    text_or(a->spec->tenant, "the tenant"));
}

static void say_behind(const struct snapshot *s, const struct task_spec *t, const struct terms *m,
		       const struct lane *l, struct words *need, struct words *have)
{
	char a[CLOCK_TEXT_MAX], b[CLOCK_TEXT_MAX];

	say(need, "over before %s", clock_format(l ? lane_shadow_ms(l) : 0, a));
	say(have, "up to %s", clock_format(wait_over_ms(s, t, m), b));
}

static void say_node(struct explain *x, const struct pool *p, enum reason r, struct words *need,
		     struct words *have)
{
	const struct want *t = &x->pass.want;
	char text[32];

	switch (r) {
	case REASON_ACCELERATOR:
		say_accel(x, need);
		say(have, "%s", p->chip && strcmp(p->chip, "cpu") ? p->chip : "none");
		break;
	case REASON_CPU:
		say(need, "%s cpus on one node", milli(t->cpu_milli, text));
		say_most(p, true, have);
		break;
	case REASON_MEMORY:
		say(need, "%" PRIu32 " MB on one node", t->memory_mb);
		say_most(p, true, have);
		break;
	case REASON_NODES:
		say(need, "%" PRIu32 " nodes that each fit", t->nodes);
		say(have, "%" PRIu32, nodes_that_fit(x, p));
		break;
	default:
		say_task(x, need);
		say_room(x, p, have);
	}
}

/* Rules about who, where and what: words against words. */
static void say_rule(struct explain *x, const struct pool *p, enum reason r, struct words *need,
		     struct words *have)
{
	const struct task_spec *t = x->pass.a->spec;

	switch (r) {
	case REASON_CLEARANCE:
		say(need, "%s", level_text(eligible_level(x->pass.a)));
		say(have, "%s", level_text(p->clearance));
		break;
	case REASON_REGION:
		say(need, "%s", text_or(label_region_ok(t->stay_within, p) ?
					x->pass.a->data_within : t->stay_within, "not known"));
		say(have, "%s", text_or(p->rule_region ? p->rule_region : p->region, "not known"));
		break;
	case REASON_NOT_ADMITTED:
		say(need, "%s", text_or(t->tenant, "not known"));
		say(have, "other tenants only");
		break;
	case REASON_NOT_NAMED:
		say(need, t->npools > 1 ? "%s or others" : "%s", t->npools ? t->pools[0] : "");
		say(have, "%s", p->name);
		break;
	case REASON_IMAGE:
		say(need, "%s", text_or(t->image, "an image"));
		say(have, "images are not run");
		break;
	case REASON_QUOTA:
		say(need, "quota of %s", text_or(t->tenant, "the tenant"));
		say(have, "used up");
		break;
	default:
		say(need, "in service");
		say(have, "%s", text_or(p->why, reason_code(r)));
	}
}

static void say_both(struct explain *x, uint32_t i, enum reason r, struct words *need,
		     struct words *have)
{
	const struct snapshot *s = x->pass.s;
	const struct task_spec *t = x->pass.a->spec;
	const struct pool *p = s->pools[i];
	const struct terms *m = &x->d->cand[i].terms;

	switch (r) {
	case REASON_LATENCY:
		say_latency(t, p, need, have);
		break;
	case REASON_WALLTIME:
		say_walltime(t, p, need, have);
		break;
	case REASON_STALE:
		say_fresh(s, p, need, have);
		break;
	case REASON_DEADLINE:
		say_deadline(s, t, m, need, have);
		break;
	case REASON_BUDGET:
		say_budget(x->pass.a, m, need, have);
		break;
	case REASON_BEHIND:
		say_behind(s, t, m, s->lanes ? &s->lanes[i] : NULL, need, have);
		break;
	case REASON_ACCELERATOR: case REASON_CPU: case REASON_MEMORY: case REASON_NODES:
	case REASON_FULL:
		say_node(x, p, r, need, have);
		break;
	default:
		say_rule(x, p, r, need, have);
	}
}

/* ---- the document ---- */

static void put_reasons(struct explain *x, uint32_t i)
{
	struct words need, have;
	const char *lead = "{\"reason\":";

	buf_str(x->out, ",\"reasons\":[");
	for (uint32_t b = x->d->cand[i].reasons; b; b &= b - 1) {
		enum reason r = (enum reason)__builtin_ctz(b);

		say_both(x, i, r, &need, &have);
		put_text(x->out, lead, reason_code(r));
		put_text(x->out, ",\"need\":", need.text);
		put_text(x->out, ",\"have\":", have.text);
		buf_str(x->out, "}");
		lead = ",{\"reason\":";
	}
	buf_str(x->out, "]");
}

static void put_terms(struct buf *b, const struct terms *t)
{
	put_num(b, ",\"terms\":{\"transfer_s\":", t->transfer_s);
	put_num(b, ",\"wait_p50_s\":", t->wait_p50_s);
	put_num(b, ",\"wait_p90_s\":", t->wait_p90_s);
	put_num(b, ",\"run_p50_s\":", t->run_p50_s);
	put_num(b, ",\"run_p90_s\":", t->run_p90_s);
	put_text(b, ",\"run_basis\":", t->run.basis);
	put_num(b, ",\"run_samples\":", t->run.samples);
	put_num(b, ",\"speed_milli\":", t->run.speed_milli);
	put_num(b, ",\"cost_micro\":", t->cost_micro);
	put_num(b, ",\"energy_j\":", t->energy_j);
	put_num(b, ",\"carbon_mg\":", t->carbon_mg);
	put_num(b, ",\"score_micro\":", t->score_micro);
	buf_str(b, "}");
}

/* rank 0: none. */
static void put_pool(struct explain *x, uint32_t i, uint32_t rank, bool first)
{
	const struct candidate *c = &x->d->cand[i];

	put_text(x->out, first ? "{\"pool\":" : ",{\"pool\":", x->pass.s->pools[i]->name);
	if (rank) {
		put_num(x->out, ",\"rank\":", rank);
		buf_str(x->out, c->reasons ? ",\"now\":false" : ",\"now\":true");
	}
	put_reasons(x, i);
	if (c->has_terms)
		put_terms(x->out, &c->terms);
	buf_str(x->out, "}");
}

static int by_rank(const void *a, const void *b, void *arg)
{
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;

	return decision_better(arg, i, j) ? -1 : decision_better(arg, j, i);
}

static void put_pools(struct explain *x)
{
	const struct decision *d = x->d;
	_cleanup_(mem_freep) uint32_t *order = mem_array(d->n + 1, sizeof(*order));
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->n; i++)
		if (decision_candidate(&d->cand[i]))
			order[n++] = i;
	qsort_r(order, n, sizeof(*order), by_rank, (void *)d);
	buf_str(x->out, ",\"pools\":[");
	for (uint32_t i = 0; i < n; i++)
		put_pool(x, order[i], i + 1, !i);
	for (uint32_t i = 0; i < d->n; i++)
		if (!decision_candidate(&d->cand[i]))
			put_pool(x, i, 0, !n++);
	buf_str(x->out, "]");
}

static void put_prefer(struct buf *b, const struct prefer *w)
{
	put_text(b, ",\"prefer\":{\"profile\":", w->profile ? w->profile : "custom");
	put_num(b, ",\"money_milli\":", w->money_milli);
	put_num(b, ",\"time_micro_per_s\":", w->time_micro_per_s);
	put_num(b, ",\"carbon_micro_per_g\":", w->carbon_micro_per_g);
	buf_str(b, "}");
}

static const char *best_name(const struct snapshot *s, const struct decision *d)
{
	for (uint32_t i = 0; d->best != UINT32_MAX && i < s->npools; i++)
		if (s->pools[i]->id == d->best)
			return s->pools[i]->name;
	return NULL;
}

int decision_encode(const struct snapshot *s, const struct ask *a, const struct decision *d,
		    struct buf *out)
{
	static const char *const outcome[] = {
		[OUTCOME_NONE] = "none", [OUTCOME_CHOSEN] = "chosen",
		[OUTCOME_WAIT] = "waiting", [OUTCOME_REFUSED] = "refused",
	};
	enum reason why = decision_reason(d);
	struct decision full = *d;
	struct arena arena;
	char at[CLOCK_TEXT_MAX], seed[24];
	struct explain x = { .d = &full, .out = out };

	arena_init(&arena);
	decision_fill(s, a, &arena, &full);
	pass_init(&x.pass, s, a);
	snprintf(seed, sizeof(seed), "%016" PRIx64, d->seed);
	put_text(out, "{\"outcome\":", outcome[d->outcome]);
	put_text(out, ",\"pool\":", best_name(s, d));
	put_text(out, ",\"reason\":", why == REASON_COUNT ? NULL : reason_code(why));
	put_text(out, ",\"at\":", clock_format(s->now_ms, at));
	put_num(out, ",\"policy\":", SELECT_POLICY);
	put_text(out, ",\"seed\":", seed);
	put_prefer(out, &a->spec->prefer);
	put_pools(&x);
	arena_done(&arena);
	return buf_str(out, "}");
}
