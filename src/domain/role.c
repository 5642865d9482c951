/* role.c - roles by name, and which of them exclude each other */

#include "domain/role.h"

#include "base/mem.h"
#include "domain/wire.h"

#include <string.h>

static const struct {
	enum role role;
	const char *name;
} roles[] = {
	{ ROLE_USER, "user" },
	{ ROLE_OPERATOR, "operator" },
	{ ROLE_ADMIN, "admin" },
	{ ROLE_SECURITY, "security" },
	{ ROLE_AUDITOR, "auditor" },
};

unsigned role_parse(const char *s)
{
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (!strcmp(roles[i].name, s))
			return roles[i].role;
	return 0;
}

bool roles_separate(unsigned r)
{
	unsigned three = r & ROLE_OFFICERS;

	return (three & (three - 1)) == 0;
}

unsigned roles_split(unsigned r)
{
	static const unsigned order[] = { ROLE_ADMIN, ROLE_SECURITY, ROLE_AUDITOR };

	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		if (r & order[i])
			return (r & ~(unsigned)ROLE_OFFICERS) | order[i];
	return r;
}

void dec_roles(struct dec *d, const char *key, enum dec_need need, unsigned *ret)
{
	const char *const *names = NULL;
	unsigned set = 0;
	uint32_t n = 0;

	dec_strs(d, key, need, ARRAY_LEN(roles), 16, &names, &n);
	if (!names)
		return;
	if (!n)
		dec_fail(d, key, "must have at least one role");
	for (uint32_t i = 0; i < n; i++) {
		unsigned r = role_parse(names[i]);

		if (!r || set & r)
			dec_fail(d, key,
				 "must be user, operator, admin, security or auditor, each once");
		set |= r;
	}
	*ret = set;
}

json_t *roles_json(unsigned set)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (set & roles[i].role)
			wire_append(list, json_string(roles[i].name));
	return list;
}
