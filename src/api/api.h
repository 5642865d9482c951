/* api.h - the native REST interface: /healthz, /readyz, /metrics and /v1/…
 *
 * Sits between http/ and flow/: finds the row of a request (routes.c), checks token, role,
 * query and body, calls the row's function and encodes what flow says.  Holds no state of
 * its own except open streams and reads of the journal under way.  Loop thread only.
 * The contract with clients is doc/openapi.yaml; test_routes.c and test_openapi.py compare.
 */
#ifndef API_API_H
#define API_API_H

#include "flow/flow.h"
#include "http/server.h"

#include <stdio.h>

struct api;

/* `version` and `f` outlive the api. */
struct api *api_new(uv_loop_t *loop, struct flow *f, const char *version);

/* Which account a machine with a client certificate is: by the subject as RFC 2253 writes it, or
 * by an alternative name.  Counts only for a request without Authorization. */
enum { API_CLIENTS_MAX = 1000 };
struct api_client {
	const char *subject, *name;     /* one of the two */
	const char *user;
};
struct api_clients {
	uint32_t n;
	const struct api_client *all;
};
void api_certificates(struct api *a, const struct api_clients *c);     /* borrowed */

/* Callers of OpenID providers, and logins there; the configurations outlive the api. */
struct oidc_config;
int api_oidc(struct api *a, const struct oidc_config *c, uint32_t n, struct err *err);

/* Browsers come by https, here or at a proxy before us: their cookies are for https only. */
void api_https(struct api *a);

/* For http_server_new(). */
void api_handler(struct api *a, struct http_handler *ret);

/* Whose connections /metrics counts; it outlives the calls. */
void api_http(struct api *a, const struct http_server *s);

/* End all streams and refuse new ones with 503; other requests are still answered. */
void api_stop(struct api *a);

/* After the http server is gone, before flow_free().  Takes NULL; returns NULL.  Reads of
 * the journal under way end on their own when the store is freed. */
struct api *api_free(struct api *a);

/* One line per row, "METHOD PATH ROLES BODY_MAX SCOPE", for the test that compares with
 * doc/openapi.yaml.  ROLES: "public" or names joined by ','. */
void api_routes_print(FILE *out);

#endif
