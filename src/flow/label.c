/* label.c - what a pool may see: declared by the configuration, confirmed by security
 *
 * Two people have a say, and neither alone can raise: the lower clearance counts, and the region
 * that both have in common.  The first declaration of a pool counts as confirmed, since there
 * was nothing before it.  A run that is out on a pool which may not see it any more is recalled:
 * stopped, uncounted, and chosen anew.  Letting it end would be simpler, but whoever takes a
 * clearance away says that the data must not be there.
 */

#include "flow/state.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AGAIN_MS = 10 * 1000 };          /* an engine that does not stop a recalled run is asked again */

static struct pool_label *label_find(const struct flow *f, const char *name)
{
	struct pool_label *l = NULL;

	HASH_FIND_STR(f->labels, name, l);
	return l;
}

static struct pool_label *label_entry(struct flow *f, const char *name)
{
	struct pool_label *l = label_find(f, name);

	if (l)
		return l;
	l = mem_alloc(sizeof(*l));
	l->name = mem_strdup(name);
	HASH_ADD_KEYPTR(hh, f->labels, l->name, strlen(l->name), l);
	return l;
}

static struct pool *pool_named(const struct flow *f, const char *name)
{
	const struct pool *p = flow_pool_find(f, name);

	return p ? f->c.pools[p->id] : NULL;
}

/* What counts from now on: the stricter of both. */
static void settle(struct flow *f, struct pool_label *l)
{
	struct pool *p = pool_named(f, l->name);

	if (!p)
		return;         /* not in the configuration; its label is kept */
	p->clearance = p->declared_clearance < l->confirmed ? p->declared_clearance : l->confirmed;
	label_common(p->region, l->confirmed_region, l->rule_region);
	p->rule_region = l->rule_region;
	placement_pool_changed(f, p);
}

/* ---- the records ---- */

struct label_doc {
	const char *pool, *region, *digest;
	enum level level;
};

static int read_doc(const struct record *r, struct arena *a, struct label_doc *ret, struct err *err)
{
	struct json_lines *none = NULL;
	struct dec d;

	dec_begin(&d, r->doc, "", none, a, err);
	dec_str(&d, "pool", DEC_NEED, 1, 63, &ret->pool);
	dec_level(&d, "clearance", DEC_NEED, &ret->level);
	dec_str(&d, "region", DEC_NEED, 1, LABEL_REGION_MAX - 1, &ret->region);
	dec_str(&d, "digest", DEC_OPT, DIGEST_HEX, DIGEST_HEX, &ret->digest);
	return d.r;     /* not dec_end(): the document says more, for people */
}

static void copy(char out[LABEL_REGION_MAX], const char *s)
{
	snprintf(out, LABEL_REGION_MAX, "%s", s);
}

int label_apply(struct flow *f, const struct record *r, struct err *err)
{
	struct label_doc doc = { 0 };
	struct pool_label *l;
	struct arena a;
	int e;

	arena_init(&a);
	e = read_doc(r, &a, &doc, err);
	if (!e) {
		l = label_entry(f, doc.pool);
		if (r->kind == RECORD_CLEARANCE || l->confirmed == LEVEL_NONE) {
			l->confirmed = doc.level;
			copy(l->confirmed_region, doc.region);
		}
		if (r->kind == RECORD_DECLARE) {
			l->declared = doc.level;
			copy(l->declared_region, doc.region);
			if (digest_unhex(doc.digest, l->digest))
				memset(l->digest, 0, sizeof(l->digest));
		}
		settle(f, l);
	}
	arena_done(&a);
	return e ? -EPROTO : 0;
}

/* ---- the configuration ---- */

/* As the API shows it, without what changes while we run and with the clearance as declared. */
static json_t *declaration(const struct flow *f, const struct pool *p)
{
	json_t *doc = pool_json(p, f->c.catalogue);

	json_object_del(doc, "state");
	json_object_set_new(doc, "clearance", level_json(p->declared_clearance));
	return doc;
}

static void declare(struct flow *f, const struct pool *p)
{
	const struct pool_label *l = label_find(f, p->name);
	json_t *doc = declaration(f, p);
	char *text = json_dumps(doc, JSON_COMPACT | JSON_SORT_KEYS), hex[DIGEST_HEX + 1];
	struct record r = { .kind = RECORD_DECLARE };
	uint8_t digest[DIGEST_LEN];

	digest_of(DIGEST_SM3, text, strlen(text), digest);
	free(text);
	if (l && !memcmp(l->digest, digest, DIGEST_LEN)) {
		json_decref(doc);
		return;
	}
	r.doc = json_pack("{s:s, s:o, s:s, s:s, s:s, s:o}", "pool", p->name, "clearance",
			  level_json(p->declared_clearance), "region", p->region, "by",
			  "configuration", "digest", digest_hex(digest, hex), "declaration", doc);
	flow_commit(f, &r);
	json_decref(r.doc);
}

static void by_configuration(void *arg, char out[CHAIN_ACTOR_MAX])
{
	chain_actor(out, "configuration");
}

void label_declare(struct flow *f)
{
	flow_actor(f, by_configuration, NULL);
	for (uint32_t i = 0; i < f->c.npools; i++) {
		const struct pool *p = f->c.pools[i];
		const struct pool_label *l;

		declare(f, p);
		l = label_find(f, p->name);
		if (p->clearance < p->declared_clearance || strcmp(l->rule_region, p->region))
			log_warn("flow", "pool %s is declared with clearance %s in %s, but the security "
				 "role confirmed %s in %s: the stricter counts", p->name,
				 level_name(p->declared_clearance), p->region,
				 level_name(l->confirmed), l->confirmed_region);
	}
	flow_actor(f, NULL, NULL);
}

/* ---- the security role ---- */

enum level flow_pool_confirmed(const struct flow *f, const char *name, const char **ret_region)
{
	const struct pool_label *l = label_find(f, name);

	*ret_region = l ? l->confirmed_region : NULL;
	return l ? l->confirmed : LEVEL_NONE;
}

int flow_pool_clearance(struct flow *f, const char *name, const struct flow_clearance *c,
			const struct token *who, struct err *err)
{
	const struct pool_label *l = label_find(f, name);
	struct record r = { .kind = RECORD_CLEARANCE };
	int e = flow_busy(f, err);

	if (e)
		return e;
	if (!(who->roles & ROLE_SECURITY))
		return err_set(err, FLOW_E_FORBIDDEN, "only the security role may do this");
	if (!l || !flow_pool_find(f, name))
		return err_set(err, FLOW_E_NOT_FOUND, "there is no pool of this name");
	if (!token_has_pool(who, name))
		return err_set(err, FLOW_E_FORBIDDEN, "the token is for other pools");
	r.doc = json_pack("{s:s, s:o, s:s, s:o, s:s, s:s, s:s}", "pool", name, "clearance",
			  level_json(c->clearance ? c->clearance : l->confirmed), "region",
			  c->region ? c->region : l->confirmed_region, "clearance_before",
			  level_json(l->confirmed), "region_before", l->confirmed_region, "reason",
			  c->reason, "by", token_by(who));
	flow_commit(f, &r);
	json_decref(r.doc);
	label_changed(f);
	return 0;
}

/* ---- the runs that are out ---- */

void label_of(const struct ask *a, struct label *ret)
{
	*ret = (struct label){ a->data_level, a->data_within };
	label_join(ret, a->spec->level, a->spec->stay_within);
}

static void recall(struct flow *f, const struct task *t)
{
	struct record r = { .kind = RECORD_RECALL, .sub = t->sub, .task = t->no,
			    .reason = "recalled" };

	log_info("flow", "run %u of task %llu is recalled: pool %s may not see its data any more",
		 t->attempt, (unsigned long long)t->no, flow_task_pool(f, t));
	flow_commit(f, &r);
	flow_after_start(f, t->no, t->attempt);         /* run_send() sees that it is recalled */
}

void label_check_run(struct flow *f, struct task *t)
{
	struct label l;
	struct ask a;

	if (!t || !task_state_on_pool(t->state) || t->recalled || t->cancel_wanted ||
	    t->pool >= f->c.npools)
		return;
	schedule_ask(f, t->spec, t->no, &a);
	label_of(&a, &l);
	if (!label_allows(&l, f->c.pools[t->pool]))
		recall(f, t);
}

void label_changed(struct flow *f)
{
	f->label_look = true;
	schedule_want(f);
}

/* From the end: a run that ends within the call leaves its place in the list to another. */
static void look_pool(struct flow *f, const struct pool *p)
{
	for (uint32_t i = p->nholds; i-- > 0; )
		if (i < p->nholds)
			label_check_run(f, table_get(f, p->holds[i].task));
}

void label_look(struct flow *f)
{
	const struct task *t = NULL;

	if (!f->label_look)
		return;
	f->label_look = false;
	for (uint32_t i = 0; i < f->c.npools; i++)
		look_pool(f, f->c.pools[i]);
	while (f->label_unheld && (t = flow_task_before(f, t ? t->no : UINT64_MAX)))
		label_check_run(f, table_get(f, t->no));
}

void label_tick(struct flow *f, int64_t now)
{
	if (llabs(now - f->label_again_ms) < AGAIN_MS)
		return;
	f->label_again_ms = now;
	for (uint32_t i = 0; i < f->c.npools; i++) {
		const struct pool *p = f->c.pools[i];

		for (uint32_t k = p->nholds; k-- > 0; ) {
			const struct task *t = k < p->nholds ? table_get(f, p->holds[k].task) : NULL;

			if (t && t->recalled)
				flow_after_start(f, t->no, t->attempt);
		}
	}
}

void label_done(struct flow *f)
{
	struct pool_label *l, *tmp;

	HASH_ITER(hh, f->labels, l, tmp) {
		HASH_DELETE(hh, f->labels, l);
		free(l->name);
		free(l);
	}
}
