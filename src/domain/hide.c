/* hide.c - what of a task or a data set is shown to its owner alone */

#include "domain/hide.h"

#include <stdint.h>
#include <string.h>

#define HIDDEN "***"

static bool is_hidden(const json_t *v)
{
	return json_is_string(v) && !strcmp(json_string_value(v), HIDDEN);
}

static bool hide_env(json_t *env)
{
	bool found = false;
	const char *key;
	json_t *v;

	json_object_foreach(env, key, v) {
		found |= !is_hidden(v);
		json_object_set_new(env, key, json_string(HIDDEN));
	}
	return found;
}

static bool hide_query(json_t *obj)
{
	const char *url = json_string_value(json_object_get(obj, "url"));
	const char *query = url ? strchr(url, '?') : NULL;

	if (!query || !strcmp(query + 1, HIDDEN))
		return false;
	json_object_set_new(obj, "url", json_sprintf("%.*s?" HIDDEN, (int)(query - url), url));
	return true;
}

static bool has_env(const json_t *v)
{
	const json_t *child;
	const char *key;
	size_t i;

	if (json_object_size(json_object_get(v, "env")))
		return true;
	json_object_foreach((json_t *)(uintptr_t)v, key, child)
		if (has_env(child))
			return true;
	json_array_foreach(v, i, child)
		if (has_env(child))
			return true;
	return false;
}

static bool hide_script(json_t *doc)
{
	const json_t *script = json_object_get(doc, "script");

	if (!json_is_string(script) || is_hidden(script) || !has_env(json_object_get(doc, "meta")))
		return false;
	json_object_set_new(doc, "script", json_string(HIDDEN));
	return true;
}

bool hide_private(json_t *doc)
{
	bool found = false;
	const char *key;
	json_t *child;
	size_t i;

	if (json_is_object(doc)) {
		found = hide_env(json_object_get(doc, "env"));
		found |= hide_query(doc);
		found |= hide_script(doc);
	}
	json_object_foreach(doc, key, child)
		found |= hide_private(child);
	json_array_foreach(doc, i, child)
		found |= hide_private(child);
	return found;
}

bool hide_may_be(const char *text, size_t n)
{
	return memmem(text, n, "\"env\"", 5) || memchr(text, '?', n);
}
