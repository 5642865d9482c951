/* config.c - read and check the configuration file */

#include "config.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/region.h"
#include "domain/host.h"
#include "domain/wire.h"
#include "engine/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CONFIG_MAX = 16 << 20,          /* a few thousand pools */
	HOSTS_MAX = 256,                /* each is compared at each submission */
};

extern const char accelerators_csv[];
extern const size_t accelerators_csv_len;

static int read_file(const char *path, struct buf *out, struct err *err)
{
	FILE *f = fopen(path, "re");
	char chunk[65536];
	size_t n;
	int r;

	if (!f)
		return err_set(err, -errno, "could not open %.120s: %s", path, strerror(errno));
	buf_init(out, CONFIG_MAX);
	while (!out->full && (n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(out, chunk, n);
	r = ferror(f) ? -errno : 0;     /* half a file may well be a valid one */
	fclose(f);
	if (r)
		return err_set(err, r, "could not read %.120s: %s", path, strerror(-r));
	if (out->full)
		return err_set(err, ERR_E_INPUT, "%.120s is larger than %d bytes", path, CONFIG_MAX);
	return 0;
}

static int load_catalogue(const char *path, struct catalogue *ret, struct err *err)
{
	struct buf text = { 0 };
	int r;

	if (!path)
		return catalogue_parse(accelerators_csv, accelerators_csv_len, ret, err);
	r = read_file(path, &text, err);
	if (!r && (r = catalogue_parse(text.data, text.len, ret, err)))
		err_prefix(err, r, "%.120s: ", path);   /* its line is of that file */
	buf_done(&text);
	return r;
}

/* "0.0.0.0:80" opens the node to the network without TLS: it has to be said twice. */
static bool is_loopback(const char *listen)
{
	return !strncmp(listen, "127.", 4) || !strncmp(listen, "[::1]", 5) ||
		!strncmp(listen, "localhost:", 10);
}

static void dec_limits(struct dec *d, const json_t *json, struct flow_limits *l)
{
	struct dec x;
	uint32_t mb = (uint32_t)(l->pending_max >> 20);

	if (!json)
		return;
	dec_begin(&x, json, dec_path(d, "limits"), d->lines, d->arena, d->err);
	dec_u32(&x, "waiting", DEC_OPT, 1, 100000000, &l->waiting_max);
	dec_u32(&x, "tenant_waiting", DEC_OPT, 1, 100000000, &l->tenant_waiting_max);
	dec_u32(&x, "tenant_running", DEC_OPT, 0, 10000000, &l->tenant_running_max);
	dec_u32(&x, "finished", DEC_OPT, 1000, 10000000, &l->finished_max);
	dec_u32(&x, "history_days", DEC_OPT, 1, 3650, &l->history_days);
	dec_u32(&x, "commit_fail_s", DEC_OPT, 1, 3600, &l->commit_fail_s);
	dec_u32(&x, "stop_grace_ms", DEC_OPT, 0, 600000, &l->stop_grace_ms);
	dec_u32(&x, "pending_mb", DEC_OPT, 1, 4096, &mb);
	l->pending_max = (size_t)mb << 20;
	if (dec_end(&x) && !d->r)
		d->r = x.r;
}

static void dec_audit(struct dec *d, const json_t *json, struct config *c)
{
	static const char *const digests[] = { "sm3", "sha256", NULL };
	unsigned which = 0;
	struct dec x;

	if (!json)
		return;
	dec_begin(&x, json, dec_path(d, "audit"), d->lines, d->arena, d->err);
	dec_enum(&x, "digest", DEC_OPT, digests, &which);
	dec_u32(&x, "days", DEC_OPT, AUDIT_DAYS_MIN, 36500, &c->limits.audit_days);
	c->digest = which ? DIGEST_SHA256 : DIGEST_SM3;
	if (dec_end(&x) && !d->r)
		d->r = x.r;
}

static void dec_http(struct dec *d, const json_t *json, struct http_limits *l)
{
	struct dec x;

	if (!json)
		return;
	dec_begin(&x, json, dec_path(d, "http"), d->lines, d->arena, d->err);
	dec_u32(&x, "connections", DEC_OPT, 1, 1000000, &l->conns_max);
	dec_u32(&x, "head_ms", DEC_OPT, 10, 600000, &l->head_ms);
	dec_u32(&x, "body_ms", DEC_OPT, 10, 3600000, &l->body_ms);
	dec_u32(&x, "idle_ms", DEC_OPT, 10, 3600000, &l->idle_ms);
	dec_u32(&x, "write_ms", DEC_OPT, 10, 3600000, &l->write_ms);
	if (dec_end(&x) && !d->r)
		d->r = x.r;
}

/* Links are resolved once, here, so that what is compared later is real; but not behind the part
 * that stands for a tenant.  NULL: why in *ret_why. */
static char *real_root(const char *given, const char **ret_why)
{
	_cleanup_(mem_freep) char *copy = mem_strdup(given), *real = NULL;
	char *part = strstr(copy, FLOW_ROOT_TENANT), *root = NULL;
	const char *rest = part ? part + strlen(FLOW_ROOT_TENANT) : "";

	if (part && (part == copy || part[-1] != '/' || strstr(rest, FLOW_ROOT_TENANT) ||
		     (*rest && (*rest != '/' || wire_path(rest + 1))))) {
		*ret_why = FLOW_ROOT_TENANT " must be one whole part of a path, and plain names behind it";
		return NULL;
	}
	if (part)
		part[-1] = '\0';
	real = realpath(*copy ? copy : "/", NULL);
	if (!real)
		*ret_why = strerror(errno);
	else if (asprintf(&root, "%s%s%s%s", real, part && real[1] ? "/" : "",
			  part ? FLOW_ROOT_TENANT : "", rest) < 0)
		abort();
	return root;
}

/* Of its length: what is the same for all tenants, without the slash behind it. */
static size_t common(const char *root)
{
	const char *part = strstr(root, FLOW_ROOT_TENANT);

	return !part ? strlen(root) : part - root > 1 ? (size_t)(part - root) - 1 : 1;
}

/* Would whoever has `wide` have what `own` gives to each tenant alone?  Also as a tenant by the name
 * of a directory on the way. */
static bool opens(const char *wide, const char *own)
{
	size_t n = common(wide), m = common(own);

	return strstr(own, FLOW_ROOT_TENANT) && n <= m && !strncmp(wide, own, n) &&
	       (n == 1 || own[n] == '/') && !(n == m && strstr(wide, FLOW_ROOT_TENANT));
}

static void check_roots(struct dec *d, const char *key, const char *const *list)
{
	for (uint32_t i = 0; list[i]; i++)
		for (uint32_t k = 0; list[k]; k++)
			if (opens(list[k], list[i]))
				dec_fail(d, key, "%s opens %s to others", list[k], list[i]);
}

static void dec_roots(struct dec *d, const char *key, const char *const **ret)
{
	const char *const *given = NULL;
	const char **list;
	uint32_t n = 0;

	dec_strs(d, key, DEC_OPT, 64, 4096, &given, &n);
	list = arena_array(d->arena, n + 1, sizeof(*list));
	for (uint32_t i = 0; i < n && !d->r; i++) {
		const char *why = NULL;
		_cleanup_(mem_freep) char *real = real_root(given[i], &why);

		if (!real)
			dec_fail(d, key, "%s: %s", given[i], why);
		list[i] = arena_strdup(d->arena, real);
	}
	if (!d->r)
		check_roots(d, key, list);
	*ret = list;
}

static void dec_hosts(struct dec *d, const char *key, const char *const **ret)
{
	const char *const *given = NULL;
	const char **list;
	uint32_t n = 0;

	dec_strs(d, key, DEC_OPT, HOSTS_MAX, 255, &given, &n);
	list = arena_array(d->arena, n + 1, sizeof(*list));
	for (uint32_t i = 0; i < n && !d->r; i++) {
		if (!host_ok(given[i]))
			dec_fail(d, key, "\"%s\" is not a host such as 10.1.2.3 or store.example:9000",
				 given[i]);
		list[i] = given[i];
	}
	*ret = list;
}

static void dec_files(struct dec *d, const json_t *json, struct config *c)
{
	struct dec x;
	const char *const none[] = { NULL };

	c->read_roots = c->write_roots = memcpy(arena_alloc(&c->arena, sizeof(none)), none,
						sizeof(none));
	if (!json)
		return;
	dec_begin(&x, json, dec_path(d, "files"), d->lines, d->arena, d->err);
	dec_roots(&x, "read", &c->read_roots);
	dec_roots(&x, "write", &c->write_roots);
	dec_hosts(&x, "inner", &c->inner_hosts);
	if (dec_end(&x) && !d->r)
		d->r = x.r;
}

static int add_pool(struct dec *d, const json_t *json, size_t i, struct config *c)
{
	const struct engine_ops *ops;
	struct pool *p = NULL;
	const char *path = dec_path_at(d, "pools", i);
	int r = pool_decode(json, path, d->lines, &c->catalogue, &p, d->err);

	if (r)
		return r;
	c->pools[c->npools++] = p;
	for (uint32_t k = 0; k + 1 < c->npools; k++)
		if (!strcmp(c->pools[k]->name, p->name)) {
			r = err_field(d->err, arena_printf(d->arena, "%s.name", path),
				      "\"%s\" is the name of two pools", p->name);
			d->err->line = json_line(d->lines, json);
			return r;
		}
	ops = engine_find(p->engine);
	if (ops && ops->tells_nodes == !p->nnodes)
		return 0;
	if (ops) {
		r = err_field(d->err, arena_printf(d->arena, "%s.groups", path), ops->tells_nodes ?
			      "a %s pool has the nodes that its engine tells" :
			      "is needed: a %s pool has the nodes that are declared", p->engine);
	} else {
		r = err_field(d->err, arena_printf(d->arena, "%s.engine", path),
			      "there is no engine \"%s\"", p->engine);
		err_hint(d->err, "known are local, slurm and fake");
	}
	d->err->line = json_line(d->lines, json_object_get(json, "engine"));
	return r;
}

static void dec_pools(struct dec *d, struct config *c)
{
	const json_t *list = dec_array(d, "pools", DEC_NEED, POOLS_MAX);

	if (!list || d->r)
		return;
	if (!json_array_size(list)) {
		dec_fail(d, "pools", "must name at least one pool");
		return;
	}
	c->pools = mem_array(json_array_size(list), sizeof(*c->pools));
	for (size_t i = 0; !d->r && i < json_array_size(list); i++)
		d->r = add_pool(d, json_array_get(list, i), i, c);
}

static int decode(const json_t *json, const struct json_lines *lines, struct config *c,
		  struct err *err)
{
	struct dec d;
	enum log_level level;
	const char *catalogue = NULL;

	dec_begin(&d, json, "", lines, &c->arena, err);
	dec_str(&d, "listen", DEC_OPT, 3, 255, &c->listen);
	dec_bool(&d, "listen_beyond_loopback", DEC_OPT, &c->open_listen);
	dec_str(&d, "state", DEC_NEED, 1, 80, &c->state);
	dec_str(&d, "region", DEC_OPT, 1, REGION_LEN_MAX, &c->region);
	dec_str(&d, "log", DEC_OPT, 1, 8, &c->log);
	dec_u64(&d, "seed", DEC_OPT, 0, INT64_MAX, &c->seed);
	dec_str(&d, "catalogue", DEC_OPT, 1, 4096, &catalogue);
	dec_limits(&d, dec_object(&d, "limits", DEC_OPT), &c->limits);
	dec_audit(&d, dec_object(&d, "audit", DEC_OPT), c);
	dec_http(&d, dec_object(&d, "http", DEC_OPT), &c->http);
	dec_files(&d, dec_object(&d, "files", DEC_OPT), c);
	config_tls(&d, dec_object(&d, "tls", DEC_OPT), c);
	config_identity(&d, dec_object(&d, "identity", DEC_OPT), c);
	if (!d.r && !is_loopback(c->listen) && !c->open_listen && !c->tls)
		dec_fail(&d, "listen", "is beyond this machine, where anyone on the network can "
			 "read along; give it tls, or say listen_beyond_loopback: true if a TLS "
			 "proxy protects it");
	if (!d.r && log_level_parse(c->log, &level))
		dec_fail(&d, "log", "must be debug, info, warn or error");
	if (!d.r && !region_ok(c->region))
		dec_fail(&d, "region", "is not a region such as cn/50/500106");
	if (!d.r)
		d.r = load_catalogue(catalogue, &c->catalogue, err);
	dec_pools(&d, c);
	return dec_end(&d);
}

int config_parse(const char *text, size_t n, struct config *ret, struct err *err)
{
	struct json_lines *lines = NULL;
	json_t *json = NULL;
	int r;

	*ret = (struct config){ .listen = "127.0.0.1:7070", .region = "cn", .log = "info",
				.seed = 1, .digest = DIGEST_SM3 };
	arena_init(&ret->arena);
	flow_limits_default(&ret->limits);
	http_limits_default(&ret->http);
	r = yaml_parse(text, n, &json, &lines, err);
	if (!r)
		r = decode(json, lines, ret, err);
	json_lines_free(lines);
	json_decref(json);
	return r;
}

int config_load(const char *path, struct config *ret, struct err *err)
{
	struct buf text = { 0 };
	int r;

	*ret = (struct config){ 0 };
	r = read_file(path, &text, err);
	if (!r)
		r = config_parse(text.data, text.len, ret, err);
	buf_done(&text);
	return r;
}

void config_done(struct config *c)
{
	for (uint32_t i = 0; i < c->npools; i++)
		pool_free(c->pools[i]);
	free(c->pools);
	catalogue_done(&c->catalogue);
	arena_done(&c->arena);
}

static int pools_of(const json_t *json, const struct json_lines *lines, const struct catalogue *c,
		    struct pool **out, uint32_t *n, struct err *err)
{
	const json_t *list = json_object_get(json, "pools"), *v;
	char path[32];
	size_t i;
	int r = 0;

	if (!list)
		return pool_decode(json, "", lines, c, &out[(*n)++], err);
	json_array_foreach(list, i, v) {
		snprintf(path, sizeof(path), "pools[%zu]", i);
		r = pool_decode(v, path, lines, c, &out[*n], err);
		if (r)
			return r;
		++*n;
	}
	return *n ? 0 : err_field(err, "pools", "must name at least one pool");
}

int config_pools(const char *path, const struct catalogue *c, struct pool ***ret, uint32_t *ret_n,
		 struct err *err)
{
	struct buf text = { 0 };
	struct json_lines *lines = NULL;
	struct pool **pools = NULL;
	json_t *json = NULL;
	uint32_t n = 0;
	int r = read_file(path, &text, err);

	if (!r)
		r = yaml_parse(text.data, text.len, &json, &lines, err);
	if (!r && json_array_size(json_object_get(json, "pools")) > POOLS_MAX)
		r = err_field(err, "pools", "has more than %d pools", POOLS_MAX);
	if (!r) {
		pools = mem_array(json_array_size(json_object_get(json, "pools")) + 1,
				  sizeof(*pools));
		r = pools_of(json, lines, c, pools, &n, err);
	}
	for (uint32_t i = 0; r && i < n; i++)
		pool_free(pools[i]);
	if (r)
		free(pools);
	json_lines_free(lines);
	json_decref(json);
	buf_done(&text);
	if (r)
		return r;
	*ret = pools;
	*ret_n = n;
	return 0;
}
