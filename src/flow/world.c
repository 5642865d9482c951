/* world.c - what tasks refer to: pools, datasets, files */

#include "flow/state.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "domain/hide.h"
#include "domain/url_place.h"
#include "domain/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEES_ALL = ROLE_OPERATOR | ROLE_ADMIN | ROLE_SECURITY | ROLE_AUDITOR };

bool flow_may_see(const struct token *who, const char *tenant)
{
	return who->roles & SEES_ALL || !strcmp(who->tenant, tenant);
}

bool flow_owns(const struct token *who, const char *tenant, const char *owner)
{
	return owner && !strcmp(who->tenant, tenant) && !strcmp(token_by(who), owner);
}

bool flow_may_change(const struct token *who, const char *tenant)
{
	return who->roles & (ROLE_OPERATOR | ROLE_ADMIN | ROLE_SECURITY) ||
		(who->roles & ROLE_USER && !strcmp(who->tenant, tenant));
}

int flow_busy(const struct flow *f, struct err *err)
{
	return f->trouble ? err_set(err, FLOW_E_BUSY, "the store cannot keep up; try again") : 0;
}

/* ---- files and inputs ---- */

const struct dataset *dataset_known(const struct flow *f, const char *name)
{
	struct dataset_entry *e = NULL;

	HASH_FIND(hh, f->datasets, name, strlen(name), e);
	return e ? e->d : NULL;
}

enum { LOOKED_MAX = 4096 };             /* data sets below one input */

/* A data set protects its place however it is named: by its name or by a bare URL. */
static int input_check(const struct flow *f, struct task_spec *s, uint32_t i,
		       const struct token *who, struct err *err)
{
	const struct task_input *in = &s->inputs[i];
	const char *unclear = in->dataset ? NULL : url_place_unclear(in->url);
	const struct dataset *d;
	struct input_data x;
	char field[48];

	input_data(f, in, who, &x);
	d = x.d;
	snprintf(field, sizeof(field), "inputs[%u].%s", i, in->dataset ? "dataset" : "url");
	if (in->dataset && (!d || d->removed || !flow_may_see(who, d->tenant)))
		return err_field(err, field, "there is no dataset of this name");
	if (unclear)
		return err_field(err, field, "%s", unclear);
	if (!roots_allow(f->c.read_roots, s->tenant, d && in->dataset ? d->url : in->url)) {
		err_field(err, field, "lies outside the directories that tasks may read");
		err_hint(err, "the operator lists them under files.read in the configuration");
		return ERR_E_INPUT;
	}
	if (roots_web(f, d && in->dataset ? d->url : in->url, field, err))
		return ERR_E_INPUT;
	if (d && !flow_may_see(who, d->tenant))
		return err_field(err, field, "belongs to a data set of another tenant");
	if (x.foreign)
		return err_field(err, field, "has a data set of another tenant in it");
	if (x.looked > LOOKED_MAX)
		return err_field(err, field, "has too many data sets in it; name them one by one");
	if (x.label.level > s->level)
		s->level = x.label.level;       /* 就高: the highest of all inputs counts */
	return 0;
}

static int output_check(const struct flow *f, const struct task_spec *s, uint32_t i, struct err *err)
{
	char field[48];

	snprintf(field, sizeof(field), "outputs[%u].url", i);
	if (roots_allow(f->c.write_roots, s->tenant, s->outputs[i].url))
		return roots_web(f, s->outputs[i].url, field, err);
	err_field(err, field, "lies outside the directories that tasks may write");
	err_hint(err, "the operator lists them under files.write in the configuration");
	return ERR_E_INPUT;
}

static int after_check(const struct flow *f, const struct task_spec *s, uint32_t i,
		       const struct token *who, struct err *err)
{
	const struct sub *on = sub_find(f, s->after[i].sub);
	char field[48];

	snprintf(field, sizeof(field), "after[%u].task", i);
	if (!on || !flow_may_see(who, on->spec->tenant) ||
	    (s->after[i].task && !task_after_no(&s->after[i], on->spec)))
		return err_field(err, field, "there is no such task, or it ended long ago");
	return 0;
}

int inputs_check(const struct flow *f, struct task_spec *s, const struct token *who,
		 struct err *err)
{
	int r = 0;

	for (uint32_t i = 0; !r && i < s->ninputs; i++)
		r = input_check(f, s, i, who, err);
	for (uint32_t i = 0; !r && i < s->noutputs; i++)
		r = output_check(f, s, i, err);
	for (uint32_t i = 0; !r && i < s->nafter; i++)
		r = after_check(f, s, i, who, err);
	return r;
}

/* ---- pools ---- */

uint32_t flow_npools(const struct flow *f)
{
	return f->c.npools;
}

const struct pool *flow_pool(const struct flow *f, uint32_t i)
{
	return i < f->c.npools ? f->c.pools[i] : NULL;
}

const struct pool *flow_pool_find(const struct flow *f, const char *name)
{
	for (uint32_t i = 0; i < f->c.npools; i++)
		if (!strcmp(f->c.pools[i]->name, name))
			return f->c.pools[i];
	return NULL;
}

const char *flow_task_pool(const struct flow *f, const struct task *t)
{
	return t->pool < f->c.npools ? f->c.pools[t->pool]->name : NULL;
}

json_t *flow_pool_describe(const struct flow *f, const struct pool *p)
{
	const struct engine *e = f->engines[p->id];

	return e->ops->describe ? e->ops->describe(e) : json_object();
}

int flow_pool_drain(struct flow *f, const char *name, bool drain, const char *reason,
		    const struct token *who, struct err *err)
{
	struct record r = { .kind = RECORD_POOL };
	int e = flow_busy(f, err);

	if (e)
		return e;
	if (!flow_pool_find(f, name))
		return err_set(err, FLOW_E_NOT_FOUND, "there is no pool of this name");
	if (!token_has_pool(who, name))
		return err_set(err, FLOW_E_FORBIDDEN, "the token is for other pools");
	r.doc = json_pack("{s:s, s:b, s:s, s:s}", "pool", name, "drained", drain, "reason",
			  reason ? reason : "", "by", token_by(who));
	flow_commit(f, &r);
	json_decref(r.doc);
	schedule_want(f);
	return 0;
}

/* ---- datasets ---- */

const struct dataset *flow_dataset_find(const struct flow *f, const char *name)
{
	const struct dataset *d = dataset_known(f, name);

	return d && !d->removed ? d : NULL;
}

uint32_t flow_ndatasets(const struct flow *f)
{
	return f->ndatasets;
}

const struct dataset *flow_dataset_at(const struct flow *f, uint32_t i)
{
	const struct dataset *d = i < f->ndatasets ? f->dataset_list[i]->d : NULL;

	return d && !d->removed ? d : NULL;
}

enum { DATASETS_MAX = 100000 };

/* A lower level, a wider region, or another place: whoever names the old place by its URL would
 * find it without a label. */
static bool weaker(const struct dataset *old, const struct dataset *now)
{
	_cleanup_(mem_freep) char *was = url_place(old->url), *is = url_place(now->url);

	return strcmp(was, is) || label_weaker(&(struct label){ now->level, now->stay_within },
					       &(struct label){ old->level, old->stay_within });
}

struct neighbours {
	const struct dataset *d;        /* that is to be */
	const char *place;              /* its own */
	const struct token *who;
	bool taken, foreign;            /* its very place; one around it or in it is another tenant's */
};

static void neighbour(void *arg, const struct dataset *there, bool covers)
{
	struct neighbours *n = arg;
	_cleanup_(mem_freep) char *place = url_place(there->url);

	if (!strcmp(there->name, n->d->name))
		return;
	n->taken |= !strcmp(place, n->place);
	n->foreign |= !flow_may_change(n->who, there->tenant);
}

/* Whoever puts one into another's, or around it, takes a part of it for himself.  Removed ones
 * count, too.  One that stays where it is may be raised whatever is near it. */
static int place_allowed(const struct flow *f, const struct dataset *d, const struct dataset *old,
			 const struct token *who, struct err *err)
{
	const char *unclear = url_place_unclear(d->url);
	_cleanup_(mem_freep) char *place = url_place(d->url);
	struct neighbours n = { .d = d, .place = place, .who = who };

	if (old && !old->removed && !strcmp(old->url, d->url))
		return 0;
	if (unclear)
		return err_field(err, "url", "%s", unclear);
	places_near(f, d->url, neighbour, &n);
	if (n.taken)
		return err_set(err, FLOW_E_CONFLICT, "this url is a data set already");
	if (n.foreign)
		return err_set(err, FLOW_E_CONFLICT, "this url lies in a data set of another "
			       "tenant, or has one in it");
	return 0;
}

/* Its owner alone sees what stands behind the ? of its url. */
static int lower_refused(const struct dataset *old, struct err *err)
{
	json_t *shown = json_pack("{s:s}", "url", old->url);
	const char *url;

	hide_private(shown);
	url = json_string_value(json_object_get(shown, "url"));
	if (old->stay_within)
		err_set(err, FLOW_E_FORBIDDEN, "only the security role may lower a label: it is "
			"level %s within %s at %.80s", level_name(old->level), old->stay_within, url);
	else
		err_set(err, FLOW_E_FORBIDDEN, "only the security role may lower a label: it is "
			"level %s at %.80s", level_name(old->level), url);
	json_decref(shown);
	return FLOW_E_FORBIDDEN;
}

static int dataset_allowed(const struct flow *f, const struct dataset *d, const struct token *who,
			   const char *reason, struct err *err)
{
	const struct dataset *old = dataset_known(f, d->name);

	if (!roots_allow(f->c.read_roots, old && !old->removed ? old->tenant : who->tenant, d->url))
		return err_field(err, "url", "lies outside the directories that tasks may read");
	if (roots_web(f, d->url, "url", err))
		return ERR_E_INPUT;
	if (old && !old->removed && !flow_may_change(who, old->tenant))
		return err_set(err, FLOW_E_CONFLICT, "the name is taken");
	if (old && weaker(old, d)) {
		if (!(who->roles & ROLE_SECURITY))
			return lower_refused(old, err);
		if (!reason || !*reason)
			return err_field(err, "reason", "is needed to lower a label");
	}
	if (!old && flow_ndatasets(f) >= DATASETS_MAX)
		return err_set(err, FLOW_E_LIMIT, "there are %d datasets already", DATASETS_MAX);
	return place_allowed(f, d, old, who, err);
}

/* The document without `reason`, which is of the change and not of the data. */
static int dataset_read(const json_t *doc, const struct token *who, const char **ret_reason,
			struct dataset **ret, struct err *err)
{
	json_t *plain = json_copy((json_t *)doc), *reason = json_object_get(doc, "reason");
	int e = 0;

	*ret_reason = json_string_value(reason);
	if (reason && !(*ret_reason && strlen(*ret_reason) <= WIRE_REASON_MAX &&
			!wire_printable(*ret_reason)))
		e = err_field(err, "reason", "must be a line of at most %d bytes", WIRE_REASON_MAX);
	json_object_del(plain, "reason");
	if (!e)
		e = dataset_decode(plain, who->tenant, ret, err);
	json_decref(plain);
	return e;
}

static json_t *dataset_record(const struct dataset *d, const struct dataset *old,
			      const struct token *who, const char *reason)
{
	json_t *plain = dataset_json(d), *doc;

	json_object_del(plain, "tenant");
	if (!d->owner)
		json_object_set_new(plain, "owner",
				    json_string(old && old->owner ? old->owner : token_by(who)));
	doc = json_pack("{s:s, s:s, s:o}", "tenant", old && !old->removed ? old->tenant :
			who->tenant, "by", token_by(who), "dataset", plain);
	if (reason && *reason)
		json_object_set_new(doc, "reason", json_string(reason));
	return doc;
}

int flow_dataset_put(struct flow *f, const json_t *doc, const struct token *who,
		     const struct dataset **ret, struct err *err)
{
	struct record r = { .kind = RECORD_DATASET };
	struct dataset *d = NULL;
	const char *reason;
	int e = flow_busy(f, err);

	if (!e)
		e = dataset_read(doc, who, &reason, &d, err);
	if (!e)
		e = dataset_allowed(f, d, who, reason, err);
	if (!e) {
		r.doc = dataset_record(d, dataset_known(f, d->name), who, reason);
		flow_commit(f, &r);
		json_decref(r.doc);
		*ret = flow_dataset_find(f, d->name);
		label_changed(f);
	}
	dataset_free(d);
	return e;
}

int flow_dataset_remove(struct flow *f, const char *name, const struct token *who, struct err *err)
{
	const struct dataset *d = flow_dataset_find(f, name);
	struct record r = { .kind = RECORD_DATASET };
	int e = flow_busy(f, err);

	if (e)
		return e;
	if (!d || !flow_may_see(who, d->tenant))
		return err_set(err, FLOW_E_NOT_FOUND, "there is no dataset of this name");
	if (!flow_may_change(who, d->tenant))
		return err_set(err, FLOW_E_FORBIDDEN, "it is the dataset of another tenant");
	r.doc = json_pack("{s:s, s:s}", "removed", name, "by", token_by(who));
	flow_commit(f, &r);
	json_decref(r.doc);
	return 0;
}
