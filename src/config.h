/* config.h - the configuration file: YAML in, one struct out (man suanlu.conf)
 *
 * Every key is checked; an error names line and field.  Nothing is read lazily: what is
 * wrong is wrong at start, or with --check-config.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include "base/digest.h"
#include "domain/accel.h"
#include "domain/pool.h"
#include "flow/flow.h"
#include "api/api.h"
#include "api/oidc.h"
#include "http/server.h"
#include "http/tls.h"

struct config {
	struct arena arena;
	const char *listen;             /* "127.0.0.1:7070" */
	const char *state;              /* directory */
	const char *region;             /* of this node */
	const char *log;                /* level */
	bool open_listen;               /* listen beyond loopback was asked for in words */
	uint64_t seed;
	struct catalogue catalogue;
	uint32_t npools;
	struct pool **pools;            /* flow takes them over: npools is then 0 */
	const char *const *read_roots, *const *write_roots, *const *inner_hosts;
	enum digest_kind digest;        /* of the audit log */
	struct flow_limits limits;
	struct http_limits http;
	bool tls;                       /* the next two hold */
	struct http_tls_config tls_files;
	struct api_clients clients;     /* accounts of client certificates */
	uint32_t noidc;
	struct oidc_config *oidc;       /* in the arena */
};

/* config_identity.c: the parts `identity` and `tls` */
void config_identity(struct dec *d, const json_t *json, struct config *c);
void config_tls(struct dec *d, const json_t *json, struct config *c);

/* Read and check a file, or its text.  `ret` is done with config_done(), also after a failure. */
int config_parse(const char *text, size_t n, struct config *ret, struct err *err);
int config_load(const char *path, struct config *ret, struct err *err);
void config_done(struct config *c);

/* Pools in a file of their own, for plan.c: one declaration, or `pools: […]`, engines unchecked.
 * *ret is malloc()ed, and each pool the caller's; models are looked up in `c`. */
int config_pools(const char *path, const struct catalogue *c, struct pool ***ret, uint32_t *ret_n,
		 struct err *err);

#endif
