/* tes_doc.c - a TES document, read and checked
 *
 * TES clients send more than TES knows, and null where nothing is meant.  So a document is
 * first reduced to what TES 1.1 names; what was left out is noted and told in system_logs.
 * What remains is decoded strictly.
 */

#include "api/tes.h"

#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What backend_parameters may say, and the native field it becomes. */
static const struct param {
	const char *key;
	enum { TEXT, NUMBER, JSON } kind;       /* JSON: an object as text, else a text or number */
} params[] = {
	{ "accelerators", JSON }, { "budget_micro", NUMBER }, { "data_level", JSON },
	{ "data_region", TEXT }, { "deadline", TEXT }, { "idempotency_key", TEXT },
	{ "kind", TEXT }, { "max_latency_ms", NUMBER }, { "near", TEXT }, { "prefer", JSON },
	{ "retries", NUMBER }, { "stay_within", TEXT }, { "walltime_s", NUMBER },
};

const char *const tes_keys[] = {
	"accelerators", "budget_micro", "data_level", "data_region", "deadline",
	"idempotency_key", "kind", "max_latency_ms", "near", "prefer", "retries", "stay_within",
	"walltime_s", NULL
};

static void note(struct tes_doc *d, const char *text)
{
	if (json_array_size(d->notes) < 100)
		json_array_append_new(d->notes, json_string(text));
}

/* ---- reduce ---- */

static bool one_of(const char *names, const char *key)
{
	size_t n = strlen(key);

	while (*names) {
		size_t len = strcspn(names, " ");

		if (len == n && !memcmp(names, key, n))
			return true;
		names += len + (names[len] == ' ');
	}
	return false;
}

/* A copy of an object with those keys only; anything else is copied as it is. */
static json_t *reduce(struct tes_doc *d, const json_t *obj, const char *names, const char *at)
{
	json_t *copy, *v;
	const char *key;

	if (!json_is_object(obj))
		return json_copy((json_t *)obj);
	copy = json_object();
	json_object_foreach((json_t *)obj, key, v) {
		if (json_is_null(v))
			continue;
		if (one_of(names, key))
			json_object_set(copy, key, v);
		else
			note(d, arena_printf(d->arena, "%s%.100s is not known to TES 1.1 and was "
					     "ignored", at, key));
	}
	return copy;
}

static void reduce_list(struct tes_doc *d, const char *key, const char *names)
{
	json_t *list = json_object_get(d->shown, key), *copy, *v;
	size_t i;

	if (!json_is_array(list))
		return;
	copy = json_array();
	json_array_foreach(list, i, v)
		json_array_append_new(copy, reduce(d, v, names,
						   arena_printf(d->arena, "%s[%zu].", key, i)));
	json_object_set_new(d->shown, key, copy);
}

static void reduce_all(struct tes_doc *d, const json_t *json)
{
	static const char *const ours[] = { "id", "state", "logs", "creation_time", NULL };
	json_t *resources;

	d->shown = reduce(d, json, "id state logs creation_time name description inputs outputs "
			  "resources executors volumes tags", "");
	for (size_t i = 0; ours[i]; i++)
		json_object_del(d->shown, ours[i]);
	reduce_list(d, "inputs", "name description url path type content streamable");
	reduce_list(d, "outputs", "name description url path path_prefix type");
	reduce_list(d, "executors", "image command workdir stdin stdout stderr env ignore_error");
	resources = json_object_get(d->shown, "resources");
	if (resources)
		json_object_set_new(d->shown, "resources",
				    reduce(d, resources, "cpu_cores preemptible ram_gb disk_gb "
					   "zones backend_parameters backend_parameters_strict",
					   "resources."));
}

/* ---- paths ---- */

/* NULL: `what` says why not. */
static char *clean_path(struct arena *a, const char *s, const char **what)
{
	char *out = arena_alloc(a, strlen(s) + 2), *to = out;

	*what = "must be an absolute path";
	if (*s != '/')
		return NULL;
	*what = "must not be longer than 1000 bytes";
	if (strlen(s) > TES_PATH_MAX)
		return NULL;
	*what = "must not contain control characters";
	for (const char *p = s; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return NULL;
	*what = "must not have parts that are ..";
	while (*s) {
		size_t n;

		s += strspn(s, "/");
		n = strcspn(s, "/");
		if (n == 2 && !memcmp(s, "..", 2))
			return NULL;
		if (n && !(n == 1 && *s == '.')) {
			*to++ = '/';
			memcpy(to, s, n);
			to += n;
		}
		s += n;
	}
	if (to == out)
		*to++ = '/';
	*to = '\0';
	return out;
}

static bool below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && (!path[n] || path[n] == '/');
}

static void dec_path_abs(struct dec *d, const char *key, enum dec_need need, const char **ret)
{
	const char *s = NULL, *what;
	char *path;

	dec_str(d, key, need, 1, TES_PATH_MAX, &s);
	if (!s)
		return;
	path = clean_path(d->arena, s, &what);
	if (!path)
		dec_fail(d, key, "%s", what);
	else if (below(path, "/proc") || below(path, "/sys") || below(path, "/dev"))
		dec_fail(d, key, "must not lie below /proc, /sys or /dev");
	else
		*ret = path;
}

/* Of a file or a directory of the task: not the root itself. */
static void dec_place(struct dec *d, const char *key, enum dec_need need, const char **ret)
{
	dec_path_abs(d, key, need, ret);
	if (d->r == 0 && *ret && !strcmp(*ret, "/"))
		dec_fail(d, key, "must not be the root directory");
}

static void dec_type(struct dec *d, json_t *obj, bool *ret_dir)
{
	static const char *const names[] = { "FILE", "DIRECTORY", NULL };
	unsigned type = 0;

	dec_enum(d, "type", DEC_OPT, names, &type);
	*ret_dir = type == 1;
	/* The server fills it in, says TES. */
	if (d->r == 0)
		json_object_set_new(obj, "type", json_string(names[type]));
}

static void ignored_text(struct dec *d, const char *key)
{
	const char *s = NULL;

	dec_str(d, key, DEC_OPT, 0, 16384, &s);
}

static bool is_http(const char *url)
{
	return !strncmp(url, "http://", 7) || !strncmp(url, "https://", 8);
}

/* ---- lists ---- */

static int read_input(struct tes_doc *t, struct dec *up, json_t *obj, size_t i)
{
	struct tes_input *in = &t->inputs[i];
	bool streamable;
	struct dec d;

	dec_begin(&d, obj, dec_path_at(up, "inputs", i), NULL, t->arena, up->err);
	ignored_text(&d, "name");
	ignored_text(&d, "description");
	dec_bool(&d, "streamable", DEC_OPT, &streamable);
	dec_place(&d, "path", DEC_NEED, &in->path);
	dec_str(&d, "content", DEC_OPT, 0, TASK_SCRIPT_MAX, &in->content);
	dec_str(&d, "url", DEC_OPT, 0, TASK_URL_MAX, &in->url);
	dec_type(&d, obj, &in->dir);
	if (in->url && !*in->url)
		in->url = NULL;
	if (in->content && (*in->content || !in->url))
		in->url = NULL;
	else
		in->content = NULL;
	if (!in->url && !in->content)
		dec_fail(&d, "url", "is missing; send url or content");
	else if (in->content && in->dir)
		dec_fail(&d, "content", "is that of a file, not of a directory");
	else if (in->url && in->dir && is_http(in->url))
		dec_fail(&d, "url", "of a directory must be a file: url");
	return dec_end(&d);
}

static int read_output(struct tes_doc *t, struct dec *up, json_t *obj, size_t i)
{
	struct tes_output *out = &t->outputs[i];
	const char *star, *dir = NULL;
	struct dec d;

	dec_begin(&d, obj, dec_path_at(up, "outputs", i), NULL, t->arena, up->err);
	ignored_text(&d, "name");
	ignored_text(&d, "description");
	dec_place(&d, "path", DEC_NEED, &out->path);
	dec_str(&d, "url", DEC_NEED, 1, TASK_URL_MAX, &out->url);
	dec_str(&d, "path_prefix", DEC_OPT, 0, TES_PATH_MAX, &out->prefix);
	dec_type(&d, obj, &out->dir);
	star = out->path ? strpbrk(out->path, "*?[") : NULL;
	out->wild = star != NULL;
	if (out->wild && !out->prefix)
		dec_fail(&d, "path_prefix", "is missing: path contains wildcards");
	else if (out->wild)
		dec_path_abs(&d, "path_prefix", DEC_OPT, &dir);
	if (d.r == 0 && out->wild && !memchr(out->path + 1, '/', (size_t)(star - out->path - 1)))
		dec_fail(&d, "path", "must not have wildcards right below the root directory");
	if (d.r == 0 && (out->dir || out->wild) && is_http(out->url))
		dec_fail(&d, "url", "of several files must be a file: url");
	out->prefix = out->wild ? dir : NULL;
	return dec_end(&d);
}

static void read_env(struct dec *d, struct tes_executor *x)
{
	dec_pairs(d, "env", DEC_OPT, TASK_ENV_MAX, TASK_ARG_LEN_MAX, &x->env, &x->nenv);
	for (uint32_t i = 0; d->r == 0 && i < x->nenv; i++) {
		const char *k = x->env[2 * i];

		if (!*k || strspn(k, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
				  "0123456789") != strlen(k) || (*k >= '0' && *k <= '9'))
			dec_fail(d, "env", "must have names of letters, digits and _, no digit "
				 "first");
	}
}

static int read_executor(struct tes_doc *t, struct dec *up, json_t *obj, size_t i)
{
	struct tes_executor *x = &t->executors[i];
	struct dec d;

	dec_begin(&d, obj, dec_path_at(up, "executors", i), NULL, t->arena, up->err);
	dec_str(&d, "image", DEC_NEED, 1, 512, &x->image);
	dec_strs(&d, "command", DEC_NEED, TASK_ARGS_MAX, TASK_ARG_LEN_MAX, &x->command,
		 &x->ncommand);
	if (d.r == 0 && (!x->ncommand || !*x->command[0]))
		dec_fail(&d, "command", "must begin with the program to run");
	dec_path_abs(&d, "workdir", DEC_OPT, &x->workdir);
	dec_place(&d, "stdin", DEC_OPT, &x->in);
	dec_place(&d, "stdout", DEC_OPT, &x->out);
	dec_place(&d, "stderr", DEC_OPT, &x->err);
	read_env(&d, x);
	dec_bool(&d, "ignore_error", DEC_OPT, &x->ignore_error);
	return dec_end(&d);
}

typedef int (*item_fn)(struct tes_doc *t, struct dec *up, json_t *obj, size_t i);

static void *read_list(struct tes_doc *t, struct dec *d, const char *key, enum dec_need need,
		       size_t max, size_t size, uint32_t *ret_n)
{
	const json_t *list = dec_array(d, key, need, max);

	*ret_n = list ? (uint32_t)json_array_size(list) : 0;
	return arena_array(t->arena, *ret_n + 1, size);
}

static void each(struct tes_doc *t, struct dec *d, const char *key, item_fn fn)
{
	json_t *v;
	size_t i;

	if (d->r != 0)
		return;
	json_array_foreach(json_object_get(d->obj, key), i, v) {
		d->r = fn(t, d, v, i);
		if (d->r != 0)
			return;
	}
}

static void read_volumes(struct tes_doc *t, struct dec *d)
{
	const char *const *list = NULL;
	const char *what;

	dec_strs(d, "volumes", DEC_OPT, TES_VOLUMES_MAX, TES_PATH_MAX, &list, &t->nvolumes);
	t->volumes = arena_array(t->arena, t->nvolumes + 1, sizeof(*t->volumes));
	for (uint32_t i = 0; d->r == 0 && i < t->nvolumes; i++) {
		t->volumes[i] = clean_path(t->arena, list[i], &what);
		if (!t->volumes[i])
			dec_fail(d, "volumes", "%s", what);
		else if (!t->volumes[i][1] || below(t->volumes[i], "/proc") ||
			 below(t->volumes[i], "/sys") || below(t->volumes[i], "/dev"))
			dec_fail(d, "volumes", "must not be /, /proc, /sys or /dev");
	}
}

/* ---- resources ---- */

static const struct param *param_find(const char *key)
{
	for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++)
		if (!strcasecmp(params[i].key, key))
			return &params[i];
	return NULL;
}

/* "model" or "model:2" -> {"models": ["model"], "count": 2} */
static json_t *accelerators(const char *s)
{
	const char *colon = strrchr(s, ':');
	int64_t n = 1;

	if (colon && text_i64(colon + 1, 1, 1024, &n))
		colon = NULL;
	return json_pack("{s:[s%],s:I}", "models", s, colon ? (size_t)(colon - s) : strlen(s),
			 "count", (json_int_t)n);
}

/* TES has texts only; the native decoder judges what they became. */
static json_t *param_value(const struct param *p, const json_t *v)
{
	const char *s = json_string_value(v);
	json_t *out = NULL;
	int64_t n;

	if (!s)
		return json_incref((json_t *)v);
	if (p->kind == TEXT)
		return json_string(s);
	if (!text_i64(s, INT64_MIN / 2, INT64_MAX / 2, &n))
		return json_integer(n);
	if (p->kind == JSON && *s == '{' && !json_parse(s, strlen(s), &out, NULL))
		return out;
	return !strcmp(p->key, "accelerators") ? accelerators(s) : json_string(s);
}

static void read_params(struct tes_doc *t, struct dec *d, const json_t *obj, bool strict)
{
	json_t *kept = json_object(), *v;
	const char *key;

	json_object_foreach((json_t *)obj, key, v) {
		const struct param *p = param_find(key);

		if (p) {
			json_object_set_new(t->native, p->key, param_value(p, v));
			json_object_set(kept, key, v);
		} else if (strict) {
			dec_fail(d, "backend_parameters", "%.60s is not known here", key);
			err_hint(d->err, "service-info lists the keys; or set "
				 "backend_parameters_strict to false");
			break;
		} else {
			note(t, arena_printf(t->arena, "backend parameter %.100s is not known here "
					     "and was ignored", key));
		}
	}
	/* Unsupported keys are neither kept nor given back, says TES. */
	json_object_set_new((json_t *)d->obj, "backend_parameters", kept);
}

/* One zone that is a region binds like stay_within; what else a zone may be is unknown. */
static void read_zones(struct tes_doc *t, struct dec *d, bool strict)
{
	const char *const *zones = NULL;
	uint32_t n = 0;

	dec_strs(d, "zones", DEC_OPT, 64, 120, &zones, &n);
	if (d->r != 0 || !n)
		return;
	if (n == 1 && strchr(zones[0], '/') &&
	    strspn(zones[0], "abcdefghijklmnopqrstuvwxyz0123456789-/") == strlen(zones[0])) {
		if (!json_object_get(t->native, "stay_within"))
			json_object_set_new(t->native, "stay_within", json_string(zones[0]));
	} else if (strict) {
		dec_fail(d, "zones", "must be one region such as cn/50/500106");
	} else {
		note(t, "zones were ignored: only one region such as cn/50/500106 is understood");
	}
}

/* A number of GB, at least 0; -1 when absent or failed. */
static double read_gb(struct dec *d, const char *key)
{
	const json_t *v = dec_any(d, key, DEC_OPT);
	double gb = json_number_value(v);

	if (!v)
		return -1;
	if (json_is_number(v) && gb >= 0 && gb <= 1e6)
		return gb;
	dec_fail(d, key, "must be a number of gigabytes");
	return -1;
}

static void read_resources(struct tes_doc *t, struct dec *up)
{
	const json_t *obj = dec_object(up, "resources", DEC_OPT), *given;
	bool strict = false, preemptible = false;
	uint32_t cores = 0;
	double ram, disk;
	struct dec d;

	if (!obj)
		return;
	dec_begin(&d, obj, "resources", NULL, t->arena, up->err);
	dec_bool(&d, "backend_parameters_strict", DEC_OPT, &strict);
	dec_bool(&d, "preemptible", DEC_OPT, &preemptible);
	dec_u32(&d, "cpu_cores", DEC_OPT, 0, 4096, &cores);
	ram = read_gb(&d, "ram_gb");
	disk = read_gb(&d, "disk_gb");
	given = dec_object(&d, "backend_parameters", DEC_OPT);
	if (d.r == 0 && given)
		read_params(t, &d, given, strict);
	read_zones(t, &d, strict);
	if (cores)
		json_object_set_new(t->native, "cpus", json_integer(cores));
	/* 10^9 bytes are 954 of our MB; 1,000 of them are never less than was asked. */
	if (ram > 0)
		json_object_set_new(t->native, "memory_mb",
				    json_integer((json_int_t)ceil(ram * 1000)));
	if (disk > 0)
		note(t, "disk_gb is noted, but no pool enforces it");
	if (preemptible)
		note(t, "preemptible is noted; no pool here takes a run back for another");
	up->r = dec_end(&d);
}

/* ---- the whole ---- */

static void read_tags(struct dec *d)
{
	const char *const *pairs = NULL;
	uint32_t n;

	dec_pairs(d, "tags", DEC_OPT, TES_TAGS_MAX, 16384, &pairs, &n);
}

int tes_doc_read(const json_t *json, struct arena *a, struct tes_doc *ret, struct err *err)
{
	struct tes_doc *t = ret;
	struct dec d;

	*t = (struct tes_doc){ .arena = a, .native = json_object(), .notes = json_array() };
	reduce_all(t, json);
	dec_begin(&d, t->shown, "", NULL, a, err);
	dec_str(&d, "name", DEC_OPT, 0, 16384, &t->name);
	ignored_text(&d, "description");
	t->inputs = read_list(t, &d, "inputs", DEC_OPT, TES_IO_MAX, sizeof(*t->inputs),
			      &t->ninputs);
	t->outputs = read_list(t, &d, "outputs", DEC_OPT, TES_IO_MAX, sizeof(*t->outputs),
			       &t->noutputs);
	t->executors = read_list(t, &d, "executors", DEC_NEED, TES_EXECUTORS_MAX,
				 sizeof(*t->executors), &t->nexecutors);
	each(t, &d, "inputs", read_input);
	each(t, &d, "outputs", read_output);
	each(t, &d, "executors", read_executor);
	if (d.r == 0 && !t->nexecutors)
		dec_fail(&d, "executors", "must have at least one item");
	read_volumes(t, &d);
	read_tags(&d);
	if (d.r == 0)
		read_resources(t, &d);
	return dec_end(&d);
}

void tes_doc_done(struct tes_doc *d)
{
	json_decref(d->shown);
	json_decref(d->native);
	json_decref(d->notes);
	*d = (struct tes_doc){ 0 };
}
