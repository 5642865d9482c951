/* scope.c - scopes by name */

#include "domain/scope.h"

#include "base/mem.h"
#include "domain/wire.h"

#include <string.h>

static const struct {
	unsigned scope;
	const char *name;
} scopes[] = {
	{ SCOPE_TASKS_READ, "tasks:read" }, { SCOPE_TASKS_WRITE, "tasks:write" },
	{ SCOPE_POOLS_READ, "pools:read" }, { SCOPE_POOLS_WRITE, "pools:write" },
	{ SCOPE_DATA_READ, "data:read" }, { SCOPE_DATA_WRITE, "data:write" },
	{ SCOPE_IDENTITY_READ, "identity:read" }, { SCOPE_IDENTITY_WRITE, "identity:write" },
	{ SCOPE_LEDGER_READ, "ledger:read" }, { SCOPE_LEDGER_WRITE, "ledger:write" },
	{ SCOPE_AUDIT_READ, "audit:read" }, { SCOPE_AUDIT_WRITE, "audit:write" },
	{ SCOPE_NODE_READ, "node:read" }, { SCOPE_SELF, "self" },
};

unsigned scope_parse(const char *s)
{
	for (size_t i = 0; i < ARRAY_LEN(scopes); i++)
		if (!strcmp(scopes[i].name, s))
			return scopes[i].scope;
	return 0;
}

const char *scope_name(unsigned one)
{
	for (size_t i = 0; i < ARRAY_LEN(scopes); i++)
		if (scopes[i].scope == one)
			return scopes[i].name;
	return NULL;
}

void dec_scopes(struct dec *d, const char *key, unsigned *ret)
{
	const char *const *names = NULL;
	unsigned set = 0;
	uint32_t n = 0;

	dec_strs(d, key, DEC_OPT, ARRAY_LEN(scopes), 32, &names, &n);
	if (!names)
		return;
	if (!n)
		dec_fail(d, key, "must have at least one scope, or be left out");
	for (uint32_t i = 0; i < n; i++) {
		unsigned one = scope_parse(names[i]);

		if (!one || set & one)
			dec_fail(d, key, "must be scopes such as tasks:read, each once");
		set |= one;
	}
	*ret = set;
}

json_t *scopes_json(unsigned set)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ARRAY_LEN(scopes); i++)
		if (set & scopes[i].scope)
			wire_append(list, json_string(scopes[i].name));
	return list;
}
