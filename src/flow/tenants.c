/* tenants.c - make, change and remove tenants */

#include "flow/state.h"

#include "base/clock.h"

#include <string.h>

static struct tenant_entry *listed(const struct flow *f, const char *name)
{
	struct tenant_entry *t = tenant_find(f, name);

	return t && t->listed && !t->t.removed ? t : NULL;
}

const struct tenant *flow_tenant_find(const struct flow *f, const char *name)
{
	const struct tenant_entry *t = listed(f, name);

	return t ? &t->t : NULL;
}

uint32_t flow_ntenants(const struct flow *f)
{
	return f->who.ntenants;
}

const struct tenant *flow_tenant_at(const struct flow *f, uint32_t i)
{
	const struct tenant *t = i < f->who.ntenants ? &f->who.tenant_list[i]->t : NULL;

	return t && !t->removed ? t : NULL;
}

uint32_t flow_tenant_index(const struct flow *f, const struct tenant *t)
{
	return tenant_find(f, t->name)->index;
}

int tenant_check(const struct flow *f, const char *name, struct err *err)
{
	const struct tenant_entry *t = listed(f, name);

	if (!t) {
		err_field(err, "tenant", "there is no tenant \"%s\"", name);
		err_hint(err, "an admin makes one: suanlu tenant new %s", name);
		return ERR_E_INPUT;
	}
	return t->t.disabled ? err_field(err, "tenant", "the tenant is disabled") : 0;
}

int tenant_known(const struct flow *f, const char *name, struct err *err)
{
	if (listed(f, name))
		return 0;
	err_set(err, FLOW_E_NOT_FOUND, "there is no tenant of this name");
	err_hint(err, "an admin makes one: suanlu tenant new");
	return FLOW_E_NOT_FOUND;
}

int flow_tenant_new(struct flow *f, const json_t *doc, const struct token *who,
		    const struct tenant **ret, struct err *err)
{
	const struct tenant_entry *old;
	struct tenant t;
	int e = flow_busy(f, err);

	if (!e)
		e = tenant_decode(doc, &t, err);
	if (e)
		return e;
	old = tenant_find(f, t.name);
	if (old && old->t.removed)
		return err_set(err, FLOW_E_CONFLICT, "the name was that of a tenant that is gone; "
			       "what it did stays under it, so take another");
	if (old && old->listed)
		return err_set(err, FLOW_E_CONFLICT, "the name is taken");
	if (f->who.ntenants >= TENANTS_MAX)
		return err_set(err, FLOW_E_LIMIT, "there are %d tenants already", TENANTS_MAX);
	t.created_ms = clock_now_ms();
	identity_commit(f, RECORD_TENANT, tenant_record_json(&t), who);
	*ret = flow_tenant_find(f, t.name);
	return 0;
}

int flow_tenant_change(struct flow *f, const char *name, const json_t *doc,
		       const struct token *who, const struct tenant **ret, struct err *err)
{
	const struct tenant_entry *old = listed(f, name);
	struct tenant t;
	int e = flow_busy(f, err);

	if (e)
		return e;
	if (!old)
		return err_set(err, FLOW_E_NOT_FOUND, "there is no tenant of this name");
	t = old->t;
	e = tenant_change(doc, &t, err);
	if (e)
		return e;
	identity_commit(f, RECORD_TENANT, tenant_record_json(&t), who);
	*ret = &old->t;
	return 0;
}

/* What of it is still alive, in words, or NULL. */
static const char *in_use(const struct flow *f, const struct tenant_entry *t)
{
	const char *name = t->t.name;

	if (t->waiting || t->alive)
		return "tasks that are not over";
	for (uint32_t i = 0; i < f->who.nusers; i++) {
		const struct user *u = &f->who.user_list[i]->u;

		if (!u->removed && !strcmp(u->tenant, name))
			return "accounts";
	}
	for (uint32_t i = 0; i < f->who.ntokens; i++) {
		const struct token *k = &f->who.token_list[i]->t;

		if (!k->revoked && !strcmp(k->tenant, name))
			return "tokens that are not revoked";
	}
	for (uint32_t i = 0; i < flow_ndatasets(f); i++) {
		const struct dataset *d = flow_dataset_at(f, i);

		if (d && !strcmp(d->tenant, name))
			return "data sets";
	}
	return NULL;
}

int flow_tenant_remove(struct flow *f, const char *name, const struct token *who, struct err *err)
{
	const struct tenant_entry *old = listed(f, name);
	const char *has;
	struct tenant t;
	int e = flow_busy(f, err);

	if (e)
		return e;
	if (!old)
		return err_set(err, FLOW_E_NOT_FOUND, "there is no tenant of this name");
	has = in_use(f, old);
	if (has) {
		err_set(err, FLOW_E_CONFLICT, "the tenant still has %s", has);
		err_hint(err, "disable it: nothing new is taken, what runs ends by itself");
		return FLOW_E_CONFLICT;
	}
	t = old->t;
	t.removed = true;
	identity_commit(f, RECORD_TENANT, tenant_record_json(&t), who);
	return 0;
}
