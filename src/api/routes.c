/* routes.c - every endpoint, one row each; role, limits, query and scope are columns */

#include "api/call.h"

#include <string.h>

enum {
	WRITERS = ROLE_USER | ROLE_OPERATOR,
	KEEPERS = ROLE_ADMIN | ROLE_SECURITY,           /* of accounts */
	READERS = KEEPERS | ROLE_AUDITOR,
};

const struct api_route api_routes[] = {
	{ "GET", "/healthz", ROLE_PUBLIC, 0, "", api_health, 0 },
	{ "GET", "/readyz", ROLE_PUBLIC, 0, "", api_ready, 0 },
	{ "GET", "/metrics", ROLE_ANY, 0, "", api_metrics, SCOPE_NODE_READ },

	{ "GET", "/", ROLE_PUBLIC, 0, "", api_home, 0 },
	{ "GET", "/console/", ROLE_PUBLIC, 0, "", api_console, 0 },
	{ "GET", "/console/{file}", ROLE_PUBLIC, 0, "", api_console, 0 },

	{ "GET", "/v1/node", ROLE_ANY, 0, "", api_node, SCOPE_NODE_READ },
	{ "GET", "/v1/accelerators", ROLE_ANY, 0, "", api_accelerators, SCOPE_NODE_READ },

	{ "POST", "/v1/tasks", ROLE_USER, API_BODY_TASK, "", api_task_submit, SCOPE_TASKS_WRITE },
	{ "POST", "/v1/batches", ROLE_USER, API_BODY_BATCH, "",
	  api_task_submit_many, SCOPE_TASKS_WRITE },
	{ "GET", "/v1/tasks", ROLE_ANY, 0, "state name kind pool array tenant limit before",
	  api_task_list, SCOPE_TASKS_READ },
	{ "GET", "/v1/tasks/{id}", ROLE_ANY, 0, "", api_task_get, SCOPE_TASKS_READ },
	{ "POST", "/v1/tasks/{id}/cancel", WRITERS, 0, "", api_task_cancel, SCOPE_TASKS_WRITE },
	{ "GET", "/v1/tasks/{id}/runs", ROLE_ANY, 0, "", api_task_runs, SCOPE_TASKS_READ },
	{ "GET", "/v1/tasks/{id}/decisions", ROLE_ANY, 0, "limit after",
	  api_task_decisions, SCOPE_TASKS_READ },
	{ "GET", "/v1/tasks/{id}/logs", ROLE_ANY, 0, "stream attempt offset limit follow",
	  api_task_logs, SCOPE_TASKS_READ },
	{ "GET", "/v1/tasks/{id}/events", ROLE_ANY, 0, "after", api_task_events, SCOPE_TASKS_READ },
	{ "GET", "/v1/events", ROLE_ANY, 0, "after", api_events, SCOPE_TASKS_READ },
	{ "GET", "/v1/history", ROLE_ANY, 0, "limit before", api_history, SCOPE_TASKS_READ },
	{ "POST", "/v1/decisions", WRITERS, API_BODY_TASK, "", api_decide, SCOPE_TASKS_READ },

	{ "GET", "/v1/pools", ROLE_ANY, 0, "limit after", api_pool_list, SCOPE_POOLS_READ },
	{ "GET", "/v1/pools/{name}", ROLE_ANY, 0, "", api_pool_get, SCOPE_POOLS_READ },
	{ "POST", "/v1/pools/{name}/drain", ROLE_OPERATOR, API_BODY_SMALL, "",
	  api_pool_drain, SCOPE_POOLS_WRITE },
	{ "POST", "/v1/pools/{name}/resume", ROLE_OPERATOR, 0, "",
	  api_pool_resume, SCOPE_POOLS_WRITE },
	{ "POST", "/v1/pools/{name}/lost", ROLE_OPERATOR, API_BODY_SMALL, "",
	  api_pool_lost, SCOPE_POOLS_WRITE },
	{ "POST", "/v1/pools/{name}/clearance", ROLE_SECURITY, API_BODY_SMALL, "",
	  api_pool_clearance, SCOPE_POOLS_WRITE },

	{ "GET", "/v1/datasets", ROLE_ANY, 0, "limit after", api_dataset_list, SCOPE_DATA_READ },
	{ "POST", "/v1/datasets", ROLE_USER | ROLE_SECURITY, API_BODY_SMALL, "",
	  api_dataset_put, SCOPE_DATA_WRITE },
	{ "GET", "/v1/datasets/{name}", ROLE_ANY, 0, "", api_dataset_get, SCOPE_DATA_READ },
	{ "DELETE", "/v1/datasets/{name}", ROLE_USER | ROLE_SECURITY, 0, "",
	  api_dataset_remove, SCOPE_DATA_WRITE },

	{ "GET", "/v1/tenants", READERS, 0, "limit after", api_tenant_list, SCOPE_IDENTITY_READ },
	{ "POST", "/v1/tenants", ROLE_ADMIN, API_BODY_SMALL, "", api_tenant_new,
	  SCOPE_IDENTITY_WRITE },
	{ "GET", "/v1/tenants/{name}", READERS, 0, "", api_tenant_get, SCOPE_IDENTITY_READ },
	{ "POST", "/v1/tenants/{name}", ROLE_ADMIN, API_BODY_SMALL, "", api_tenant_change,
	  SCOPE_IDENTITY_WRITE },
	{ "DELETE", "/v1/tenants/{name}", ROLE_ADMIN, 0, "", api_tenant_remove,
	  SCOPE_IDENTITY_WRITE },

	{ "GET", "/v1/users", READERS, 0, "limit after", api_user_list, SCOPE_IDENTITY_READ },
	{ "POST", "/v1/users", ROLE_ADMIN, API_BODY_SMALL, "", api_user_new,
	  SCOPE_IDENTITY_WRITE },
	{ "GET", "/v1/users/{name}", READERS, 0, "", api_user_get, SCOPE_IDENTITY_READ },
	{ "POST", "/v1/users/{name}", KEEPERS, API_BODY_SMALL, "", api_user_change,
	  SCOPE_IDENTITY_WRITE },
	{ "DELETE", "/v1/users/{name}", KEEPERS, 0, "", api_user_remove, SCOPE_IDENTITY_WRITE },

	{ "POST", "/v1/users/{name}/password", KEEPERS, 0, "", api_password_reset,
	  SCOPE_IDENTITY_WRITE },

	{ "POST", "/v1/session", ROLE_PUBLIC, API_BODY_SMALL, "", api_session_open, 0 },
	{ "DELETE", "/v1/session", ROLE_ANY, 0, "", api_session_close, SCOPE_SELF },
	{ "GET", "/v1/session/providers", ROLE_PUBLIC, 0, "", api_provider_list, 0 },
	{ "GET", "/v1/session/providers/{name}", ROLE_PUBLIC, 0, "", api_provider_login, 0 },
	/* A provider may add what it likes, and it is to be ignored (RFC 6749, 4.1.2). */
	{ "GET", "/v1/session/callback", ROLE_PUBLIC, 0, "state code iss error *",
	  api_login_callback, 0 },
	{ "POST", "/v1/session/password", ROLE_ANY, API_BODY_SMALL, "", api_password_change,
	  SCOPE_SELF },
	{ "GET", "/v1/session", ROLE_ANY, 0, "", api_session_get, SCOPE_SELF },
	{ "GET", "/v1/session/tokens", ROLE_ANY, 0, "limit after", api_own_token_list,
	  SCOPE_SELF },
	{ "POST", "/v1/session/tokens", ROLE_ANY, API_BODY_SMALL, "", api_own_token_new,
	  SCOPE_SELF },
	{ "DELETE", "/v1/session/tokens/{id}", ROLE_ANY, 0, "", api_own_token_revoke,
	  SCOPE_SELF },

	{ "GET", "/v1/prices", ROLE_ANY, 0, "pool limit after", api_price_list, SCOPE_LEDGER_READ },
	{ "POST", "/v1/prices", ROLE_OPERATOR, API_BODY_SMALL, "", api_price_set,
	  SCOPE_LEDGER_WRITE },
	{ "GET", "/v1/vouchers", ROLE_ANY, 0, "tenant issuer limit after", api_voucher_list,
	  SCOPE_LEDGER_READ },
	{ "POST", "/v1/vouchers", ROLE_OPERATOR, API_BODY_SMALL, "", api_voucher_issue,
	  SCOPE_LEDGER_WRITE },
	{ "GET", "/v1/vouchers/{id}", ROLE_ANY, 0, "", api_voucher_get, SCOPE_LEDGER_READ },
	{ "POST", "/v1/vouchers/{id}/withdraw", ROLE_OPERATOR, API_BODY_SMALL, "",
	  api_voucher_withdraw, SCOPE_LEDGER_WRITE },
	{ "GET", "/v1/budgets", ROLE_ANY, 0, "tenant", api_budget_get, SCOPE_LEDGER_READ },
	{ "POST", "/v1/budgets", ROLE_OPERATOR, API_BODY_SMALL, "", api_budget_change,
	  SCOPE_LEDGER_WRITE },
	{ "POST", "/v1/tasks/{id}/refund", ROLE_OPERATOR, API_BODY_SMALL, "", api_task_refund,
	  SCOPE_LEDGER_WRITE },
	{ "GET", "/v1/ledger", ROLE_OPERATOR | ROLE_ADMIN | ROLE_AUDITOR, 0, "limit after",
	  api_ledger, SCOPE_LEDGER_READ },
	{ "GET", "/v1/statements", ROLE_ANY, 0, "month tenant owner issuer by format lang",
	  api_statement, SCOPE_LEDGER_READ },

	{ "GET", "/v1/tokens", READERS, 0, "limit after",
	  api_token_list, SCOPE_IDENTITY_READ },
	{ "POST", "/v1/tokens", ROLE_ADMIN, API_BODY_SMALL, "",
	  api_token_new, SCOPE_IDENTITY_WRITE },
	{ "DELETE", "/v1/tokens/{id}", KEEPERS, 0, "", api_token_revoke, SCOPE_IDENTITY_WRITE },

	{ "GET", "/v1/quota", ROLE_ANY, 0, "", api_quota_own, SCOPE_TASKS_READ },
	{ "GET", "/v1/quotas", READERS | ROLE_OPERATOR, 0, "limit after", api_quota_list,
	  SCOPE_IDENTITY_READ },
	{ "GET", "/v1/quotas/{name}", ROLE_ANY, 0, "", api_quota_get, SCOPE_TASKS_READ },
	{ "POST", "/v1/quotas/{name}", ROLE_ADMIN, API_BODY_SMALL, "", api_quota_set,
	  SCOPE_IDENTITY_WRITE },

	{ "GET", "/v1/datasets/{name}/report", ROLE_SECURITY | ROLE_AUDITOR, 0, "", api_audit_dataset,
	  SCOPE_AUDIT_READ },
	{ "GET", "/v1/audit", ROLE_AUDITOR, 0, "limit after", api_audit_list, SCOPE_AUDIT_READ },
	{ "GET", "/v1/audit/head", ROLE_AUDITOR, 0, "", api_audit_head, SCOPE_AUDIT_READ },

	{ "GET", "/ga4gh/tes/v1/service-info", ROLE_ANY, 0, "", api_tes_info, SCOPE_TASKS_READ },
	{ "POST", "/ga4gh/tes/v1/tasks", ROLE_USER, API_BODY_TASK, "",
	  api_tes_create, SCOPE_TASKS_WRITE },
	{ "GET", "/ga4gh/tes/v1/tasks", ROLE_ANY, 0, "name_prefix state tag_key+ tag_value+ page_size page_token view",
	  api_tes_list, SCOPE_TASKS_READ },
	{ "GET", "/ga4gh/tes/v1/tasks/{id}", ROLE_ANY, 0, "view", api_tes_get, SCOPE_TASKS_READ },
	{ "POST", "/ga4gh/tes/v1/tasks/{id}:cancel", WRITERS, 0, "",
	  api_tes_cancel, SCOPE_TASKS_WRITE },

	{ NULL, NULL, 0, 0, NULL, NULL, 0 },
};

/* One part of a path: up to the next '/', or ':' where the pattern goes on with one, as in
 * "{id}:cancel".  Empty parts match nothing. */
static bool match(const char *pattern, const char *path, const char **param, size_t *param_len)
{
	while (*pattern && *path) {
		if (*pattern == '{') {
			*param = path;
			pattern = strchr(pattern, '}') + 1;
			*param_len = strcspn(path, *pattern == ':' ? "/:" : "/");
			if (!*param_len)
				return false;
			path += *param_len;
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	return !*pattern && !*path;
}

const struct api_route *route_find(const char *method, const char *path, struct arena *a,
				   const char **param, const char **allow)
{
	*allow = NULL;
	for (const struct api_route *r = api_routes; r->method; r++) {
		const char *p = NULL;
		size_t n = 0;

		if (!match(r->path, path, &p, &n))
			continue;
		if (!strcmp(r->method, method)) {
			*param = arena_strndup(a, p ? p : "", n);
			return r;
		}
		*allow = *allow ? arena_printf(a, "%s, %s", *allow, r->method) : r->method;
	}
	return NULL;
}

void api_routes_print(FILE *out)
{
	static const struct { unsigned role; const char *name; } names[] = {
		{ ROLE_USER, "user" }, { ROLE_OPERATOR, "operator" }, { ROLE_ADMIN, "admin" },
		{ ROLE_SECURITY, "security" }, { ROLE_AUDITOR, "auditor" },
		{ ROLE_PUBLIC, "public" },
	};

	for (const struct api_route *r = api_routes; r->method; r++) {
		const char *comma = "";

		fprintf(out, "%s %s ", r->method, r->path);
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			if (r->roles & names[i].role) {
				fprintf(out, "%s%s", comma, names[i].name);
				comma = ",";
			}
		}
		fprintf(out, " %zu %s\n", r->body_max, r->scope ? scope_name(r->scope) : "-");
	}
}
