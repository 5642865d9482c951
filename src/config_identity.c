/* config_identity.c - the configuration's parts `identity` and `tls`: who may be who, and how it is proved */

#include "config.h"

#include "base/text.h"
#include "domain/wire.h"

#include <string.h>

static const char *const role_names[] = { "user", "operator", "admin", "security", "auditor" };

static void url(struct dec *d, const char *key, enum dec_need need, const char **ret)
{
	dec_str(d, key, need, 1, 1024, ret);
	if (*ret && oidc_url_check(*ret))
		dec_fail(d, key, "%s", oidc_url_check(*ret));
}

static void end(struct dec *d, struct dec *x)
{
	if (dec_end(x) && !d->r)
		d->r = x->r;
}

static void roles(struct dec *d, const json_t *json, struct oidc_config *o)
{
	struct dec x;
	uint32_t n = 0;

	if (!json)
		return;
	dec_begin(&x, json, dec_path(d, "roles"), d->lines, d->arena, d->err);
	for (unsigned i = 0; i < 5; i++) {
		dec_strs(&x, role_names[i], DEC_OPT, OIDC_VALUES_MAX, 256, &o->values[i],
			 &o->nvalues[i]);
		n += o->nvalues[i];
		for (uint32_t k = 0; k < o->nvalues[i]; k++)
			if (i > 1 && !strcmp(o->values[i][k], "*"))
				dec_fail(&x, role_names[i], "must not be given to everybody");
	}
	if (!x.r && !n)
		dec_fail(d, "roles", "must give at least one role");
	end(d, &x);
}

/* Its host is the one that people type; the path is that of the row. */
static const char *redirect_check(const char *s)
{
	static const char path[] = "/v1/session/callback";
	const char *host = strstr(s, "://");
	const char *rest = host ? strchr(host + 3, '/') : NULL;

	if (!rest || strcmp(rest, path) || strpbrk(s, " ?#@\\\"") || wire_printable(s))
		return "must be https://HOST/v1/session/callback";
	return oidc_url_check(s);
}

/* Words with a blank between, as RFC 6749, 3.3 spells them. */
static bool scope_ok(const char *s)
{
	bool openid = false;

	for (;;) {
		size_t n = strcspn(s, " ");

		for (size_t i = 0; i < n; i++)
			if (s[i] <= ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\')
				return false;
		openid |= n == 6 && !strncmp(s, "openid", 6);
		if (!n || !s[n])
			return n && openid;
		s += n + 1;
	}
}

static bool visible(const char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s > '~')
			return false;
	return true;
}

static void login(struct dec *d, struct oidc_config *o)
{
	dec_str(d, "client_id", DEC_OPT, 1, 256, &o->client_id);
	dec_str(d, "client_secret", DEC_OPT, 1, 4096, &o->client_secret);
	dec_str(d, "redirect", DEC_OPT, 1, 300, &o->redirect);
	dec_str(d, "scope", DEC_OPT, 1, 256, &o->scope);
	wire_str(d, "title", DEC_OPT, 60, wire_printable, &o->title);
	wire_str(d, "title_zh", DEC_OPT, 60, wire_printable, &o->title_zh);
	if (d->r)
		return;
	if (!o->client_id && (o->client_secret || o->redirect || o->scope || o->title || o->title_zh))
		dec_fail(d, "client_id", "is missing: without it nobody logs in there");
	else if (o->client_id && !visible(o->client_id))
		dec_fail(d, "client_id", "must not contain control characters");
	else if (o->client_id && !o->redirect)
		dec_fail(d, "redirect", "is missing");
	else if (o->redirect && redirect_check(o->redirect))
		dec_fail(d, "redirect", "%s", redirect_check(o->redirect));
	else if (o->scope && !scope_ok(o->scope))
		dec_fail(d, "scope", "must be words with a blank between, one of them openid");
}

static void provider(struct dec *d, const json_t *json, size_t i, struct oidc_config *o)
{
	struct dec x;

	*o = (struct oidc_config){ .user_claim = "sub", .skew_s = 60 };
	dec_begin(&x, json, dec_path_at(d, "oidc", i), d->lines, d->arena, d->err);
	dec_str(&x, "name", DEC_NEED, 1, OIDC_NAME_MAX, &o->name);
	if (o->name && !text_is_name(o->name))
		dec_fail(&x, "name", "must be 1-20 of a-z, 0-9 and -, not at the ends");
	url(&x, "issuer", DEC_NEED, &o->issuer);
	login(&x, o);
	dec_str(&x, "audience", o->client_id ? DEC_OPT : DEC_NEED, 1, 256, &o->audience);
	url(&x, "jwks", DEC_OPT, &o->jwks);
	dec_str(&x, "ca_file", DEC_OPT, 1, 4096, &o->ca_file);
	dec_str(&x, "user_claim", DEC_OPT, 1, 128, &o->user_claim);
	dec_str(&x, "tenant", DEC_OPT, 1, 63, &o->tenant);
	dec_str(&x, "tenant_claim", DEC_OPT, 1, 128, &o->tenant_claim);
	dec_str(&x, "roles_claim", DEC_OPT, 1, 128, &o->roles_claim);
	dec_u32(&x, "skew_s", DEC_OPT, 0, 300, &o->skew_s);
	roles(&x, dec_object(&x, "roles", DEC_NEED), o);
	if (!x.r && !o->tenant == !o->tenant_claim)
		dec_fail(&x, "tenant", "or tenant_claim must be there, one of the two");
	end(d, &x);
}

static void client(struct dec *d, const json_t *json, size_t i, struct api_client *ret)
{
	struct dec x;

	dec_begin(&x, json, dec_path_at(d, "clients", i), d->lines, d->arena, d->err);
	dec_str(&x, "subject", DEC_OPT, 1, 500, &ret->subject);
	dec_str(&x, "name", DEC_OPT, 5, 255, &ret->name);
	dec_str(&x, "user", DEC_NEED, 1, 63, &ret->user);
	if (!x.r && !ret->subject == !ret->name)
		dec_fail(&x, "subject", "or name must be there, one of the two");
	if (ret->name && strncmp(ret->name, "DNS:", 4) && strncmp(ret->name, "URI:", 4))
		dec_fail(&x, "name", "must begin with DNS: or URI:");
	if (ret->user && !text_is_name(ret->user))
		dec_fail(&x, "user", "must be the name of an account");
	end(d, &x);
}

void config_tls(struct dec *d, const json_t *json, struct config *c)
{
	struct http_tls_config *t = &c->tls_files;
	const json_t *list, *one;
	struct api_client *clients;
	struct dec x;
	size_t i;

	if (!json)
		return;
	c->tls = true;
	dec_begin(&x, json, dec_path(d, "tls"), d->lines, d->arena, d->err);
	dec_str(&x, "certificate", DEC_NEED, 1, 4096, &t->certificate);
	dec_str(&x, "key", DEC_NEED, 1, 4096, &t->key);
	dec_str(&x, "client_ca", DEC_OPT, 1, 4096, &t->client_ca);
	dec_bool(&x, "client_required", DEC_OPT, &t->client_required);
	list = dec_array(&x, "clients", DEC_OPT, API_CLIENTS_MAX);
	clients = arena_array(d->arena, json_array_size(list), sizeof(*clients));
	json_array_foreach(list, i, one)
		client(&x, one, i, &clients[i]);
	c->clients = (struct api_clients){ (uint32_t)json_array_size(list), clients };
	if ((t->client_required || c->clients.n) && !t->client_ca)
		dec_fail(&x, "client_ca", "is missing: whose certificates shall be believed?");
	end(d, &x);
}

void config_identity(struct dec *d, const json_t *json, struct config *c)
{
	const json_t *list, *one;
	struct dec x;
	size_t i;

	if (!json)
		return;
	dec_begin(&x, json, dec_path(d, "identity"), d->lines, d->arena, d->err);
	list = dec_array(&x, "oidc", DEC_OPT, OIDC_PROVIDERS_MAX);
	c->oidc = arena_array(d->arena, OIDC_PROVIDERS_MAX, sizeof(*c->oidc));
	json_array_foreach(list, i, one) {
		if (x.r)
			break;
		provider(&x, one, i, &c->oidc[i]);
		for (size_t k = 0; !x.r && k < i; k++)
			if (!strcmp(c->oidc[k].name, c->oidc[i].name) ||
			    !strcmp(c->oidc[k].issuer, c->oidc[i].issuer))
				dec_fail(&x, "oidc", "must have each name and each issuer once");
		c->noidc++;
	}
	end(d, &x);
}
