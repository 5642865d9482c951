/* apply.c - one record moves the nouns: the same code live and after a restart */

#include "flow/share.h"

#include "base/log.h"
#include "base/mem.h"
#include "domain/url_place.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void waits_for(struct sub *on, uint64_t who)
{
	if (on->nwaiters == on->waiters_cap) {
		on->waiters_cap = on->waiters_cap ? 2 * on->waiters_cap : 4;
		on->waiters = mem_grow(on->waiters, on->waiters_cap, sizeof(*on->waiters));
	}
	on->waiters[on->nwaiters++] = who;
}

static int apply_submit(struct flow *f, const struct record *r, struct err *err)
{
	struct task_world w = { f->c.catalogue, prefer_profiles, NULL, NULL, 0 };
	struct task_spec *spec = r->spec ? task_spec_ref(r->spec) : NULL;
	struct sub *s;

	if (!spec && task_spec_decode(r->doc, &w, &spec, err))
		return err_prefix(err, -EPROTO, "submission %llu: ", (unsigned long long)r->sub);
	s = sub_add(f, r->sub, spec, r->at_ms);
	demand_add(f->demand, spec);
	if (spec->idempotency_key)
		sub_key(f, s, r->doc);
	for (uint32_t i = 0; i < spec->nafter; i++) {
		struct sub *on = sub_find(f, spec->after[i].sub);

		if (on && on->left)
			waits_for(on, r->sub);
	}
	task_spec_unref(spec);
	return 0;
}

static struct pool *pool_named(const struct flow *f, const char *name)
{
	for (uint32_t i = 0; name && i < f->c.npools; i++)
		if (!strcmp(f->c.pools[i]->name, name))
			return f->c.pools[i];
	return NULL;
}

static int apply_pool(struct flow *f, const struct record *r)
{
	struct pool *p = pool_named(f, json_string_value(json_object_get(r->doc, "pool")));
	const char *why = json_string_value(json_object_get(r->doc, "reason"));

	if (!p)
		return 0;       /* taken out of the configuration since */
	p->drained = json_is_true(json_object_get(r->doc, "drained"));
	pool_because(p, p->drained ? why : NULL, NULL);
	return 0;
}

static struct dataset_entry *dataset_entry(struct flow *f, const char *name)
{
	struct dataset_entry *e = NULL;

	HASH_FIND(hh, f->datasets, name, strlen(name), e);
	if (e)
		return e;
	e = mem_alloc(sizeof(*e));
	e->name = mem_strdup(name);
	HASH_ADD_KEYPTR(hh, f->datasets, e->name, strlen(e->name), e);
	f->dataset_list = mem_grow(f->dataset_list, f->ndatasets + 1, sizeof(*f->dataset_list));
	f->dataset_list[f->ndatasets++] = e;
	return e;
}

static int apply_dataset(struct flow *f, const struct record *r, struct err *err)
{
	const char *gone = json_string_value(json_object_get(r->doc, "removed"));
	const char *tenant = json_string_value(json_object_get(r->doc, "tenant"));
	struct dataset_entry *e;
	struct dataset *d;

	if (gone) {
		e = dataset_entry(f, gone);
		if (e->d)
			e->d->removed = true;
		return 0;
	}
	if (dataset_decode(json_object_get(r->doc, "dataset"), tenant ? tenant : "", &d, err))
		return -EPROTO;
	e = dataset_entry(f, d->name);
	dataset_free(e->d);
	e->d = d;
	places_move(f, e, url_place(d->url));
	return 0;
}

static int apply_node(struct flow *f, const struct record *r)
{
	const char *id = json_string_value(json_object_get(r->doc, "node"));

	if (!id)
		return -EPROTO;
	snprintf(f->node_id, sizeof(f->node_id), "%s", id);
	return 0;
}

/* The room of a run follows the task: taken when it is sent, given back when it leaves.  After
 * a restart the operator may have declared the pool smaller than it was: a run that is out
 * there then holds no room, rather than keeping us from starting. */
static void follow_hold(struct flow *f, const struct task *t, enum task_state before,
			const struct record *r)
{
	struct pool *p = t->pool < f->c.npools ? f->c.pools[t->pool] : NULL;
	int64_t start = r->at_ms + r->wait_p50_s * 1000;

	if (!p)
		return;
	if (r->kind == RECORD_CHOOSE && pool_can_hold(p, &r->place))
		placement_hold(f, p, t->no, start + r->run_p50_s * 1000,
			       start + r->run_p90_s * 1000, &r->place);
	else if (task_state_on_pool(before) && !task_state_on_pool(t->state))
		placement_release(f, p, t->no);
}

static void learn(struct flow *f, const struct task *t, const struct record *r)
{
	const struct pool *p = t->pool < f->c.npools ? f->c.pools[t->pool] : NULL;
	char kind[HISTORY_KIND_MAX];

	if (p && r->kind == RECORD_END && r->event == TASK_EV_DONE)
		history_add_on(f->history, history_kind(t->spec->tenant, t->spec->kind, kind),
			       t->spec->name, p->chip,
			       p->speed_milli, r->usage.run_ms, t->spec->walltime_s);
	if (p && r->kind == RECORD_START && t->chosen_ms)
		history_add_wait(f->history, p->name, t->wait_p50_s,
				 (r->at_ms - t->chosen_ms) / 1000);
}

static int apply_task(struct flow *f, const struct record *r, struct err *err)
{
	struct task *t = table_get(f, r->task);
	const struct pool *p = pool_named(f, r->pool);
	enum task_state before;
	int e;

	if (!t)
		return err_set(err, -EPROTO, "record %s names task %llu, which does not exist",
			       record_kind_name(r->kind), (unsigned long long)r->task);
	before = t->state;
	e = task_apply(t, r, p ? p->id : UINT32_MAX, err);
	if (e)
		return e;
	follow_hold(f, t, before, r);
	ledger_follow(f, t, r);
	share_follow(f, t, before, r);
	learn(f, t, r);
	f->counts.lost += r->kind == RECORD_LOST;
	f->counts.retries += r->kind == RECORD_END && r->event == TASK_EV_RETRY;
	sub_count(f, t->home, before, t->state);
	return 0;
}

int flow_apply(struct flow *f, const struct record *r, struct err *err)
{
	switch (r->kind) {
	case RECORD_NODE:
		return apply_node(f, r);
	case RECORD_TOKEN:
	case RECORD_TENANT:
	case RECORD_USER:
	case RECORD_PASSWORD:
	case RECORD_SESSION:
	case RECORD_TOKEN_USE:
		return identity_apply(f, r, err);
	case RECORD_POOL:
		return apply_pool(f, r);
	case RECORD_DATASET:
		return apply_dataset(f, r, err);
	case RECORD_CLEARANCE:
	case RECORD_DECLARE:
		return label_apply(f, r, err);
	case RECORD_DEMAND:
		return placement_apply(f, r);
	case RECORD_QUOTA:
	case RECORD_USAGE:
		return share_apply(f, r, err);
	case RECORD_PRUNED:
	case RECORD_ANCHOR:
	case RECORD_AUDIT_READ:
		return err_set(err, -EPROTO, "a record %s does not belong into the journal",
			       record_kind_name(r->kind));
	case RECORD_SUBMIT:
		return apply_submit(f, r, err);
	case RECORD_PRICE: case RECORD_VOUCHER: case RECORD_BUDGET: case RECORD_REFUND:
	case RECORD_CHECKPOINT:
		return ledger_apply(f, r, err);
	default:
		return apply_task(f, r, err);
	}
}
