/* tes_spec.c - a TES document as a native task */

#include "api/tes.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES_MAX = 128 };

char *tes_url(struct arena *a, const char *url)
{
	bool path = *url == '/', file = path || !strncmp(url, "file://", 7);
	char *out = arena_alloc(a, 3 * strlen(url) + 8), *to = out;

	if (path)
		to = stpcpy(to, "file://");
	for (; *url; url++) {
		unsigned char ch = (unsigned char)*url;

		/* TES clients write file names as they are.  In a bare path, % is one too. */
		if (ch <= 0x20 || ch >= 0x7f || (file && strchr("?#", ch)) || (path && ch == '%'))
			to += sprintf(to, "%%%02X", ch);
		else
			*to++ = (char)ch;
	}
	while (file && to > out + 8 && to[-1] == '/')
		to--;
	*to = '\0';
	return out;
}

static char *native_path(const struct tes_doc *t, const char *path)
{
	return arena_printf(t->arena, "root%s", path);
}

static json_t *inputs(const struct tes_doc *t)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < t->ninputs; i++)
		if (t->inputs[i].url)
			json_array_append_new(list, json_pack("{s:s,s:s}",
				"url", tes_url(t->arena, t->inputs[i].url),
				"path", native_path(t, t->inputs[i].path)));
	return list;
}

static json_t *outputs(const struct tes_doc *t)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < t->noutputs; i++) {
		const struct tes_output *o = &t->outputs[i];

		json_array_append_new(list, json_pack("{s:s,s:s}",
			"url", tes_url(t->arena, o->url), "path",
			o->wild ? arena_printf(t->arena, "out/%u", i) : native_path(t, o->path)));
	}
	return list;
}

/* A name that the native task can have: the TES one is kept in meta. */
static json_t *name(const struct tes_doc *t)
{
	const char *s = t->name && *t->name ? t->name : "tes";
	char out[NAME_BYTES_MAX + 1];
	size_t n = 0;

	for (; s[n] && n < NAME_BYTES_MAX; n++)
		out[n] = (unsigned char)s[n] < 0x20 || s[n] == 0x7f ? '?' : s[n];
	while (n && !text_is_utf8(out, n))
		n--;
	return json_stringn(out, n);
}

static json_t *meta(const struct tes_doc *t, json_t *contents)
{
	json_t *shown = json_deep_copy(t->shown), *v;
	size_t i;

	json_array_foreach(json_object_get(shown, "inputs"), i, v)
		json_object_del(v, "content");
	return json_pack("{s:o,s:O,s:o}", "tes", shown, "notes", t->notes, "contents", contents);
}

int tes_native(const struct tes_doc *t, json_t **ret, struct err *err)
{
	json_t *doc = json_deep_copy(t->native), *contents = json_array();
	struct buf b;
	int r;

	buf_init(&b, TASK_SCRIPT_MAX);
	r = tes_script(t, &b, contents, err);
	if (r) {
		json_decref(contents);
		json_decref(doc);
		buf_done(&b);
		return r;
	}
	json_object_set_new(doc, "name", name(t));
	json_object_set_new(doc, "script", json_stringn(b.data, b.len));
	json_object_set_new(doc, "image", json_string(t->executors[0].image));
	json_object_set_new(doc, "inputs", inputs(t));
	json_object_set_new(doc, "outputs", outputs(t));
	json_object_set_new(doc, "meta", meta(t, contents));
	buf_done(&b);
	*ret = doc;
	return 0;
}

/* ---- refusals ---- */

/* inputs[n] of the native task are those with a url. */
static uint32_t input_of(const struct tes_doc *t, uint32_t n)
{
	for (uint32_t i = 0; i < t->ninputs; i++)
		if (t->inputs[i].url && !n--)
			return i;
	return 0;
}

void tes_blame(const struct tes_doc *t, struct err *err)
{
	static const char *const names[][2] = {
		{ "cpus", "resources.cpu_cores" }, { "memory_mb", "resources.ram_gb" },
		{ "image", "executors[0].image" }, { "script", "executors" }, { "meta", "" },
		{ "name", "name" },
	};
	char rest[sizeof(err->field)], was[sizeof(err->field)];
	unsigned n;

	memcpy(was, err->field, sizeof(was));
	if (!*was || !strncmp(was, "outputs", 7) || !strcmp(was, "inputs"))
		return;
	if (sscanf(was, "inputs[%u]%119s", &n, rest) == 2) {
		snprintf(err->field, sizeof(err->field), "inputs[%u]%.90s", input_of(t, n), rest);
		return;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(was, names[i][0])) {
			strcpy(err->field, names[i][1]);
			return;
		}
	snprintf(err->field, sizeof(err->field), "resources.backend_parameters.%.80s", was);
}
