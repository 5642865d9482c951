/* share.c - what tenants may take, what they took, and who is next */

#include "flow/share.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHECKPOINT_TENANTS = 2000 };     /* in one row: far below STORE_BODY_MAX */

const struct share *share_find(const struct flow *f, const char *name)
{
	struct share *s = NULL;

	HASH_FIND_STR(f->shares, name, s);
	return s;
}

struct share *share_get(struct flow *f, const char *name)
{
	struct share *s = (struct share *)share_find(f, name);

	if (s)
		return s;
	s = mem_alloc(sizeof(*s));
	s->name = mem_strdup(name);
	s->slot = UINT32_MAX;
	quota_default(&s->quota);
	HASH_ADD_KEYPTR(hh, f->shares, s->name, strlen(s->name), s);
	return s;
}

/* Least usage by weight first; equal ones by their oldest task. */
bool share_before(const struct share *a, const struct share *b)
{
	double x = a->usage * b->quota.weight_milli, y = b->usage * a->quota.weight_milli;

	return x != y ? x < y : a->heap[0]->head->no < b->heap[0]->head->no;
}

static struct share_run *run_of(const struct flow *f, uint64_t task)
{
	struct share_run *r = NULL;

	HASH_FIND(hh, f->share_runs, &task, sizeof(task), r);
	return r;
}

/* ---- on the way into a record ---- */

static int64_t accel_used(const struct share *s, int64_t at_ms)
{
	return s && s->month == quota_month(at_ms) ? s->accel_ms : 0;
}

/* The most it can take: it is killed at its walltime. */
static int64_t reserve(const struct task_spec *t, const struct placement *p)
{
	return quota_accel_milli(p) * t->walltime_s;
}

bool share_has_room(const struct flow *f, const struct task_spec *t, const struct placement *p,
		    int64_t at_ms)
{
	const struct share *s = share_find(f, t->tenant);
	int64_t ms = reserve(t, p);

	return !s || s->quota.accel_ms < 0 || !ms ||
	       accel_used(s, at_ms) + ms <= s->quota.accel_ms;
}

void share_charge(struct flow *f, const struct task *t, const struct placement *p, struct record *r)
{
	r->ppb = quota_share_ppb(&f->whole, p);
	r->charge = r->ppb * (r->run_p50_s > 0 ? r->run_p50_s : 1);
	r->accel_milli = quota_accel_milli(p);
	r->accel_ms = reserve(t->spec, p);
}

void share_settle(const struct flow *f, const struct task *t, int64_t run_ms, struct record *r)
{
	const struct share_run *k = run_of(f, t->no);

	if (!k)
		return;
	r->charge = (int64_t)((__int128)k->ppb * run_ms / 1000);
	r->accel_ms = (int64_t)((__int128)k->accel_milli * run_ms / 1000);
}

/* ---- out of a record ---- */

static void set_usage(struct flow *f, struct share *s, double usage)
{
	f->usage_all += usage - s->usage;
	s->usage = usage;
}

static void moved(struct flow *f, struct share *s, int64_t at_ms, double charge)
{
	double usage = s->usage + charge * quota_grow(at_ms);

	set_usage(f, s, usage < 0 ? 0 : usage);
	s->dirty = true;
	queue_turn(f, s);
}

static void take(struct flow *f, struct share *s, const struct record *r)
{
	struct share_run *k = mem_alloc(sizeof(*k));
	int64_t month = quota_month(r->at_ms);

	*k = (struct share_run){ .task = r->task, .ppb = r->ppb, .charge = r->charge,
				 .accel_milli = r->accel_milli, .accel_ms = r->accel_ms };
	HASH_ADD(hh, f->share_runs, task, sizeof(k->task), k);
	if (s->month != month) {
		s->month = month;
		s->accel_ms = 0;
	}
	s->accel_ms += r->accel_ms;
	s->alive++;
	moved(f, s, r->at_ms, (double)r->charge);
}

/* The correction is of the time of the choice: there it was charged. */
static void give_back(struct flow *f, struct share *s, const struct task *t, const struct record *r)
{
	struct share_run *k = run_of(f, t->no);

	if (!k)
		return;
	s->alive--;
	if (s->month == quota_month(t->chosen_ms))
		s->accel_ms += r->accel_ms - k->accel_ms;
	moved(f, s, t->chosen_ms, (double)(r->charge - k->charge));
	HASH_DELETE(hh, f->share_runs, k);
	free(k);
}

void share_follow(struct flow *f, const struct task *t, enum task_state before,
		  const struct record *r)
{
	if (r->kind == RECORD_CHOOSE)
		take(f, share_get(f, t->spec->tenant), r);
	else if (task_state_on_pool(before) && !task_state_on_pool(t->state))
		give_back(f, share_get(f, t->spec->tenant), t, r);
}

/* ---- rows of the node ---- */

static int apply_quota(struct flow *f, const struct record *r, struct err *err)
{
	const char *name = json_string_value(json_object_get(r->doc, "tenant"));
	struct quota q;

	if (!name || quota_decode(json_object_get(r->doc, "quota"), &q, err))
		return -EPROTO;
	share_get(f, name)->quota = q;
	queue_turn(f, share_get(f, name));
	return 0;
}

/* A number with all its bits, which JSON does not promise. */
static json_t *exact(double v)
{
	char text[40];

	snprintf(text, sizeof(text), "%a", v);
	return json_string(text);
}

static int apply_usage(struct flow *f, const struct record *r)
{
	const json_t *list = json_object_get(r->doc, "tenants"), *v;
	size_t i;

	json_array_foreach(list, i, v) {
		const char *name = json_string_value(json_object_get(v, "tenant"));
		const char *usage = json_string_value(json_object_get(v, "usage"));
		struct share *s;

		if (!name || !usage)
			return -EPROTO;
		s = share_get(f, name);
		set_usage(f, s, strtod(usage, NULL));
		s->month = json_integer_value(json_object_get(v, "month"));
		s->accel_ms = json_integer_value(json_object_get(v, "accel_ms"));
		s->dirty = false;
		queue_turn(f, s);
	}
	return 0;
}

int share_apply(struct flow *f, const struct record *r, struct err *err)
{
	return r->kind == RECORD_QUOTA ? apply_quota(f, r, err) : apply_usage(f, r);
}

static json_t *dirty_ones(const struct flow *f)
{
	const struct share *s, *tmp;
	json_t *list = json_array();

	HASH_ITER(hh, f->shares, s, tmp)
		if (s->dirty && json_array_size(list) < CHECKPOINT_TENANTS)
			json_array_append_new(list, json_pack("{s:s, s:o, s:I, s:I}", "tenant", s->name,
							      "usage", exact(s->usage), "month",
							      (json_int_t)s->month, "accel_ms",
							      (json_int_t)s->accel_ms));
	return list;
}

/* Applying a row makes the tenants in it clean. */
static void checkpoint(struct flow *f)
{
	for (;;) {
		json_t *list = dirty_ones(f);
		struct record r = { .kind = RECORD_USAGE };

		if (!json_array_size(list)) {
			json_decref(list);
			return;
		}
		r.doc = json_pack("{s:o}", "tenants", list);
		flow_commit(f, &r);
		json_decref(r.doc);
	}
}

/* A restart reads the finished_max submissions that were closed last: a checkpoint must come well
 * before one that moved usage falls out. */
void share_closed(struct flow *f)
{
	uint32_t every = f->c.limits.finished_max / 4;

	if (++f->closed_since <= (every ? every : 1))
		return;
	f->closed_since = 0;
	checkpoint(f);
}

/* ---- asked ---- */

bool share_over(const struct flow *f, const struct task_spec *t)
{
	const struct share *s = share_find(f, t->tenant);

	if (!s)
		return false;
	if (s->quota.running >= 0 && s->alive >= s->quota.running)
		return true;
	return s->quota.accel_ms >= 0 && t->accel.count &&
	       accel_used(s, clock_now_ms()) >= s->quota.accel_ms;
}

/* Devices that it asks for: at least so many, whatever pool it gets. */
static int64_t least_accel_ms(const struct task_spec *t)
{
	int64_t milli = t->accel.share_milli ? t->accel.share_milli : 1000;

	return (int64_t)t->nodes * t->accel.count * milli * t->walltime_s;
}

int share_check(const struct flow *f, const char *tenant, uint64_t n, uint64_t waiting,
		struct err *err)
{
	const struct share *s = share_find(f, tenant);

	if (!s || s->quota.waiting < 0 || waiting + n <= (uint64_t)s->quota.waiting)
		return 0;
	return err_set(err, FLOW_E_LIMIT, "%llu tasks of %s wait already, its quota is %lld",
		       (unsigned long long)waiting, tenant, (long long)s->quota.waiting);
}

int share_fits(const struct flow *f, const struct task_spec *t, struct err *err)
{
	const struct share *s = share_find(f, t->tenant);

	if (!s || s->quota.accel_ms < 0 || least_accel_ms(t) <= s->quota.accel_ms)
		return 0;
	return err_set(err, FLOW_E_LIMIT, "it could take more accelerator-hours than %s has in a month, "
		       "%lld; a shorter walltime helps", t->tenant,
		       (long long)(s->quota.accel_ms / 3600000));
}

int flow_quota_set(struct flow *f, const char *tenant, const json_t *doc, const struct token *who,
		   struct err *err)
{
	struct record r = { .kind = RECORD_QUOTA };
	struct quota q;
	int e = flow_busy(f, err);

	if (!e)
		e = quota_decode(doc, &q, err);
	if (!e)
		e = tenant_known(f, tenant, err);
	if (e)
		return e;
	r.doc = json_pack("{s:s, s:o, s:s}", "tenant", tenant, "quota", quota_json(&q), "by", who->name);
	flow_commit(f, &r);
	json_decref(r.doc);
	schedule_want(f);
	return 0;
}

void flow_quota(const struct flow *f, const char *tenant, struct flow_quota *ret)
{
	const struct share *s = share_find(f, tenant);
	const struct tenant_entry *t = tenant_find(f, tenant);
	int64_t now = clock_now_ms();

	*ret = (struct flow_quota){ .waiting = t ? (int64_t)t->waiting : 0 };
	quota_default(&ret->quota);
	if (!s)
		return;
	ret->quota = s->quota;
	ret->running = s->alive;
	ret->accel_ms = accel_used(s, now);
	ret->usage_hours = quota_now(s->usage, now) / 1e9 / 3600;
	/* The sum is carried along and may have lost its last digits. */
	if (s->usage > 0)
		ret->usage_part = f->usage_all > s->usage ? s->usage / f->usage_all : 1;
}

const char *flow_quota_next(const struct flow *f, const char *after)
{
	const struct share *s = after ? share_find(f, after) : NULL;

	s = after ? (s ? s->hh.next : NULL) : f->shares;
	return s ? s->name : NULL;
}

/* ---- life ---- */

void share_count_pools(struct flow *f)
{
	f->whole = (struct quota_whole){ 0 };
	for (uint32_t i = 0; i < f->c.npools; i++)
		quota_whole_add(&f->whole, f->c.pools[i]);
}

void share_done(struct flow *f)
{
	struct share *s, *tmp;
	struct share_run *r, *rtmp;

	HASH_ITER(hh, f->shares, s, tmp) {
		HASH_DELETE(hh, f->shares, s);
		free(s->heap);
		free(s->name);
		free(s);
	}
	HASH_ITER(hh, f->share_runs, r, rtmp) {
		HASH_DELETE(hh, f->share_runs, r);
		free(r);
	}
}
