/* roots.c - below which directories the files of a tenant's tasks may lie, and at which hosts */

#include "flow/state.h"

#include "base/text.h"
#include "domain/host.h"

#include <stdio.h>
#include <string.h>

enum { ROOT_MAX = 4096 + 64 };          /* a path, and a name in it */

/* As it is for this tenant; false: not for it.  The name has no slash and no dot. */
static bool root_for(const char *root, const char *tenant, char out[ROOT_MAX])
{
	const char *at = strstr(root, FLOW_ROOT_TENANT);
	int n = at ? snprintf(out, ROOT_MAX, "%.*s%s%s", (int)(at - root), root, tenant,
			      at + strlen(FLOW_ROOT_TENANT)) :
		     snprintf(out, ROOT_MAX, "%s", root);

	return n > 0 && n < ROOT_MAX && (!at || text_is_name(tenant));
}

static bool below(const char *path, const char *root)
{
	size_t n = strlen(root);

	while (n > 1 && root[n - 1] == '/')
		n--;
	return !strncmp(path, root, n) && (path[n] == '/' || path[n] == '\0' || n == 1);
}

bool roots_allow(const char *const *roots, const char *tenant, const char *url)
{
	char path[TASK_URL_MAX + 1], root[ROOT_MAX];

	if (strncmp(url, "file:", strlen("file:")))
		return true;
	if (file_url_path(url, path, sizeof(path)))
		return false;
	for (; roots && *roots; roots++)
		if (root_for(*roots, tenant, root) && below(path, root))
			return true;
	return false;
}

const char *const *roots_of(const char *const *roots, const char *tenant, struct arena *a)
{
	const char **list;
	char root[ROOT_MAX];
	uint32_t n = 0, used = 0;

	while (roots && roots[n])
		n++;
	list = arena_array(a, n + 1, sizeof(*list));
	for (uint32_t i = 0; i < n; i++)
		if (root_for(roots[i], tenant, root))
			list[used++] = arena_strdup(a, root);
	list[used] = NULL;
	return list;
}

int roots_web(const struct flow *f, const char *url, const char *field, struct err *err)
{
	if (!host_inner(url) || host_listed(f->c.inner_hosts, url))
		return 0;
	err_field(err, field, "is at an address of an inner network");
	err_hint(err, "the operator lists hosts that tasks may ask under files.inner in the configuration");
	return ERR_E_INPUT;
}
