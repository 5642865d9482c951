/* submit.c - take a task in, or say why not */

#include "flow/share.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A token that names pools keeps its tasks to them. */
static int narrow(struct task_spec *s, const struct token *who, struct err *err)
{
	char *names, *save = NULL;
	const char **list;

	for (uint32_t i = 0; who->pools && i < s->npools; i++)
		if (!token_has_pool(who, s->pools[i]))
			return err_field(err, "pools", "names \"%s\", which the token leaves out",
					 s->pools[i]);
	if (!who->pools || s->npools)
		return 0;
	names = arena_strdup(&s->arena, who->pools);
	list = arena_array(&s->arena, TOKEN_POOLS_MAX, sizeof(*list));
	for (char *p = strtok_r(names, ",", &save); p; p = strtok_r(NULL, ",", &save))
		list[s->npools++] = p;
	s->pools = list;
	return 0;
}

static int decode(const struct flow *f, const json_t *doc, const struct token *who, int64_t now_ms,
		  struct task_spec **ret, struct err *err)
{
	struct task_world w = { f->c.catalogue, prefer_profiles, who->tenant, token_by(who),
				now_ms };

	struct task_spec *s;
	int e = task_spec_decode(doc, &w, &s, err);

	if (e)
		return e;
	e = narrow(s, who, err);
	if (e)
		task_spec_unref(s);
	else
		*ret = s;
	return e;
}

/* Reads only what is wanted of the world; nothing is changed before everything is checked. */
static int decode_new(struct flow *f, const json_t *doc, const struct token *who,
		      struct task_spec **ret, struct err *err)
{
	struct task_spec *s;
	int e = decode(f, doc, who, clock_now_ms(), &s, err);

	if (e)
		return e;
	for (uint32_t i = 0; !e && i < s->npools; i++)
		if (!flow_pool_find(f, s->pools[i]))
			e = err_field(err, "pools", "there is no pool \"%s\"", s->pools[i]);
	if (!e)
		e = inputs_check(f, s, who, err);
	if (!e)
		e = share_fits(f, s, err);
	if (e)
		task_spec_unref(s);
	else
		*ret = s;
	return e;
}

static int room_check(const struct flow *f, const char *tenant, uint64_t n, struct err *err)
{
	const struct tenant_entry *t = tenant_find(f, tenant);
	uint64_t waiting = f->counts.by_state[TASK_WAITING], mine = t ? t->waiting : 0;

	if (f->trouble || f->c.store->ops->pending(f->c.store) > f->c.limits.pending_max)
		return err_set(err, FLOW_E_BUSY, "the store cannot keep up; try again");
	if (t && (t->t.disabled || t->t.removed))
		return err_set(err, FLOW_E_FORBIDDEN, "the tenant %s is disabled: it takes nothing new",
			       tenant);
	if (waiting + n > f->c.limits.waiting_max)
		return err_set(err, FLOW_E_LIMIT, "%llu tasks wait already, the limit is %u",
			       (unsigned long long)waiting, f->c.limits.waiting_max);
	if (mine + n > f->c.limits.tenant_waiting_max)
		return err_set(err, FLOW_E_LIMIT, "%llu tasks of %s wait already, the limit is %u",
			       (unsigned long long)mine, tenant, f->c.limits.tenant_waiting_max);
	return share_check(f, tenant, n, mine, err);
}

/* The submission whose idempotency key this document repeats, or NULL. */
static const struct key *key_of(const struct flow *f, const json_t *doc, const struct token *who)
{
	const char *key = json_string_value(json_object_get(doc, "idempotency_key"));

	return key && *key ? key_find(f, who->tenant, key) : NULL;
}

/* The key was used before: the same task is an echo, another one a mistake.  Asked before all
 * else: what was accepted once must not be refused when it is said again, although its deadline
 * has passed or the node is full by now. */
static int repeated(const struct flow *f, const struct key *k, const json_t *doc,
		    const struct token *who, struct flow_submitted *ret, struct err *err)
{
	const struct task *t = table_get(f, k->sub->no);
	struct task_spec *spec;
	json_t *full;
	bool same;
	int e = decode(f, doc, who, 0, &spec, err);

	if (e)
		return e;
	full = task_spec_json(spec, f->c.catalogue);
	same = doc_hash(full) == k->doc_hash;
	json_decref(full);
	task_spec_unref(spec);
	if (!same) {
		err_field(err, "idempotency_key", "was used for another task, %llu",
			  (unsigned long long)k->sub->no);
		return FLOW_E_CONFLICT;
	}
	*ret = (struct flow_submitted){ .sub = k->sub->no, .n = k->sub->spec->array_n,
					.again = true, .task = t,
					.refused = t && t->state == TASK_REFUSED ? t->reason : NULL };
	return 0;
}

static void refuse_all(struct flow *f, const struct sub *s, const struct decision *d,
		       const struct snapshot *snap, const struct ask *a)
{
	struct buf why;

	buf_init(&why, STORE_BODY_MAX / 2);
	decision_encode(snap, a, d, &why);
	for (uint32_t i = 0; i < s->spec->array_n; i++) {
		struct record r = { .kind = RECORD_REFUSE, .sub = s->no, .task = s->no + i,
				    .at_ms = snap->now_ms,
				    .reason = reason_code(decision_reason(d)),
				    .why = i == 0 && !why.full ? why.data : NULL };

		flow_commit(f, &r);
	}
	buf_done(&why);
}

/* Refused at once when no pool could ever take it, else queued. */
static void begin(struct flow *f, struct sub *s, struct flow_submitted *ret)
{
	const struct task *t = table_get(f, s->no);
	const struct bucket *equal = queue_find(f, s->shape);
	struct arena arena;
	struct snapshot snap;
	struct decision d;
	struct ask a;

	if (equal && equal->n) {        /* what its equals wait for is not refused to it */
		ready_sub(f, s);
		return;
	}
	arena_init(&arena);
	schedule_snapshot(f, NULL, &snap);
	schedule_ask(f, s->spec, s->no, &a);
	select_decide(&snap, &a, &arena, &d);
	f->counts.decisions++;
	if (d.outcome == OUTCOME_REFUSED) {
		s->next = s->active = s->spec->array_n;
		refuse_all(f, s, &d, &snap, &a);
		ret->refused = t->reason;
		for (uint32_t i = 0; i < s->spec->array_n; i++)
			ready_after_end(f, table_get(f, s->no + i));
	} else {
		ready_sub(f, s);
	}
	arena_done(&arena);
}

/* Accepted: in the journal, in memory, and in the queue or refused. */
static void keep(struct flow *f, struct task_spec *spec, struct flow_submitted *ret)
{
	struct record r = { .kind = RECORD_SUBMIT, .spec = spec, .sub = f->next_no,
			    .task = f->next_no };

	r.doc = task_spec_json(spec, f->c.catalogue);
	flow_commit(f, &r);
	json_decref(r.doc);
	placement_lesson(f);
	*ret = (struct flow_submitted){ .sub = r.sub, .n = spec->array_n,
					.task = table_get(f, r.sub) };
	begin(f, sub_find(f, r.sub), ret);
}

int flow_submit(struct flow *f, const json_t *doc, const struct token *who,
		struct flow_submitted *ret, struct err *err)
{
	const struct key *k = key_of(f, doc, who);
	struct task_spec *spec;
	int e;

	if (k)
		return repeated(f, k, doc, who, ret, err);
	e = decode_new(f, doc, who, &spec, err);
	if (e)
		return e;
	e = room_check(f, spec->tenant, spec->array_n, err);
	if (!e)
		keep(f, spec, ret);
	task_spec_unref(spec);
	return e;
}

/* ---- many at once ---- */

static void at_item(struct err *err, size_t i)
{
	char field[sizeof(err->field)];

	snprintf(field, sizeof(field), "tasks[%zu]%s%.80s", i, err->field[0] ? "." : "",
		 err->field);
	memcpy(err->field, field, sizeof(field));
}

/* Two tasks of one batch with one key: which of them is the echo? */
static int key_twice(struct task_spec *const *specs, size_t i, struct err *err)
{
	const char *key = specs[i]->idempotency_key;

	for (size_t k = 0; key && k < i; k++)
		if (specs[k] && specs[k]->idempotency_key &&
		    !strcmp(specs[k]->idempotency_key, key))
			return err_field(err, "idempotency_key", "is the key of tasks[%zu] too", k);
	return 0;
}

static int take_item(struct flow *f, const json_t *doc, const struct token *who, size_t i,
		     struct task_spec **specs, struct flow_submitted *ret, struct err *err)
{
	const struct key *k = key_of(f, doc, who);
	int e;

	if (k)
		return repeated(f, k, doc, who, &ret[i], err);
	e = decode_new(f, doc, who, &specs[i], err);
	return e ? e : key_twice(specs, i, err);
}

int flow_submit_many(struct flow *f, const json_t *list, const struct token *who,
		     struct flow_submitted *ret, struct err *err)
{
	size_t n = json_array_size(list);
	struct task_spec **specs = mem_array(n, sizeof(*specs));
	uint64_t tasks = 0;
	int e = 0;

	for (size_t i = 0; !e && i < n; i++) {
		e = take_item(f, json_array_get(list, i), who, i, specs, ret, err);
		if (e > 0)
			at_item(err, i);
		tasks += specs[i] ? specs[i]->array_n : 0;
	}
	if (!e)
		e = room_check(f, who->tenant, tasks, err);
	for (size_t i = 0; i < n; i++) {
		if (!e && specs[i])
			keep(f, specs[i], &ret[i]);
		task_spec_unref(specs[i]);
	}
	free(specs);
	return e;
}

int flow_dry_run(struct flow *f, const json_t *doc, const struct token *who, struct buf *out,
		 struct err *err)
{
	struct task_spec *spec;
	struct arena arena;
	struct snapshot snap;
	struct decision d;
	struct ask a;
	int e = decode_new(f, doc, who, &spec, err);

	if (e)
		return e;
	arena_init(&arena);
	schedule_snapshot(f, f->lanes, &snap);
	schedule_ask(f, spec, f->next_no, &a);
	select_decide(&snap, &a, &arena, &d);
	e = decision_encode(&snap, &a, &d, out);
	arena_done(&arena);
	task_spec_unref(spec);
	return e;
}

/* ---- cancel ---- */

static void cancel_one(struct flow *f, struct task *t, const struct token *who)
{
	struct record r = { .kind = RECORD_CANCEL, .sub = t->sub, .task = t->no,
			    .reason = "cancelled", .text = token_by(who),
			    .at_once = !task_state_on_pool(t->state) };

	if (task_state_final(t->state))
		return;
	if (t->cancel_wanted) {         /* said again: the engine is asked again */
		flow_after_start(f, t->no, t->attempt);
		return;
	}
	queue_remove(f, t);
	flow_commit(f, &r);
	if (task_state_final(t->state))
		ready_after_end(f, t);
	else
		flow_after_start(f, t->no, t->attempt);         /* run_send() sees the wish */
}

int flow_cancel(struct flow *f, uint64_t sub, int64_t index, const struct token *who,
		struct err *err)
{
	struct sub *s = sub_find(f, sub);
	const struct task *one = index >= 0 ? flow_task_by_id(f, sub, index) : NULL;

	if (!s || (index >= 0 && !one) || !flow_may_see(who, s->spec->tenant))
		return err_set(err, FLOW_E_NOT_FOUND, "there is no such task");
	if (!flow_may_change(who, s->spec->tenant))
		return err_set(err, FLOW_E_FORBIDDEN, "it is the task of another tenant");
	if (one ? task_state_final(one->state) : !s->left)
		return err_set(err, FLOW_E_CONFLICT, "it is over already");
	if (f->trouble)
		return err_set(err, FLOW_E_BUSY, "the store cannot keep up; try again");
	if (one) {
		cancel_one(f, table_get(f, one->no), who);
		return 0;
	}
	/* From the end, so that no element is started in place of one that goes. */
	for (uint32_t i = s->spec->array_n; i-- > 0; )
		cancel_one(f, table_get(f, s->no + i), who);
	return 0;
}
