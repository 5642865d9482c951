/* pools_add.c - `suanlu pools add`: is there a cluster behind these options, what is it, and how is
 * it written into the configuration?
 *
 * Asks the cluster itself, from this machine, as the daemon will; the daemon is not asked.  The
 * findings go to standard error, the YAML to standard output.
 */

#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/opt.h"
#include "cmd/out.h"
#include "cmd/words.h"
#include "domain/accel.h"
#include "engine/slurm_probe.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const char accelerators_csv[];
extern const size_t accelerators_csv_len;

static void put(json_t *obj, const char *key, const char *value)
{
	if (value)
		json_object_set_new(obj, key, json_string(value));
}

/* "a,b" */
static json_t *list_of(const char *text)
{
	json_t *list = json_array();

	while (text && *text) {
		size_t n = strcspn(text, ",");

		json_array_append_new(list, json_stringn(text, n));
		text += n + (text[n] == ',');
	}
	return list;
}

static json_t *options_of(const struct pool_ask *a)
{
	_cleanup_(mem_freep) char *real = realpath(a->jwt, NULL);
	json_t *o = json_object();

	put(o, "url", a->url);
	put(o, "socket", a->socket);
	put(o, "user", a->user);
	put(o, "token_file", real ? real : a->jwt);      /* the daemon may start elsewhere */
	if (a->partitions)
		json_object_set_new(o, "partitions", list_of(a->partitions));
	put(o, "account", a->account);
	put(o, "qos", a->qos);
	put(o, "constraint", a->constraint);
	put(o, "dir", a->dir);
	put(o, "ca_file", a->ca);
	return o;
}

/* ---- names of devices ---- */

/* "gpu:Ascend_910B" and "ascend-910b" have the same letters and digits. */
static void letters(const char *s, char *out, size_t size)
{
	size_t n = 0;

	for (; *s && n + 1 < size; s++)
		if (isalnum((unsigned char)*s))
			out[n++] = (char)tolower((unsigned char)*s);
	out[n] = '\0';
}

/* The model that a gres type means: the same letters, else one that begins so.  *ret_many: there
 * are several of these, and the first was taken. */
static const char *model_of(const struct catalogue *c, const char *gres, bool *ret_many)
{
	const char *type = strchr(gres, ':'), *found = NULL;
	char want[80], have[80];

	*ret_many = false;
	if (!type)
		return NULL;
	letters(type + 1, want, sizeof(want));
	for (uint32_t i = 0; i < c->n && *want; i++) {
		letters(c->models[i].name, have, sizeof(have));
		if (!strcmp(have, want)) {
			*ret_many = false;
			return c->models[i].name;
		}
		if (strncmp(have, want, strlen(want)))
			continue;
		*ret_many |= found != NULL;
		if (!found)
			found = c->models[i].name;
	}
	return found;
}

static json_t *map_gres(json_t *found, const struct catalogue *c)
{
	json_t *map = json_object(), *g, *problems = json_object_get(found, "problems");
	size_t i;

	json_array_foreach(json_object_get(found, "gres"), i, g) {
		const char *theirs = json_string_value(json_object_get(g, "name"));
		bool many;
		const char *ours = model_of(c, theirs, &many);

		if (!ours) {
			json_array_append_new(problems, json_sprintf(
				tr("%s is no model of the catalogue: write it into gres by hand, or its "
				   "devices are not used", "%s 不在加速卡目录中：请手动写入 gres，否则不会使用"),
				theirs));
			continue;
		}
		if (many)
			json_array_append_new(problems, json_sprintf(
				tr("%s may be several models; %s was assumed: check gres",
				   "%s 可能对应多个型号，暂按 %s 处理：请核对 gres"), theirs, ours));
		json_object_set_new(map, ours, json_string(theirs));
	}
	return map;
}

/* ---- what people read ---- */

static void say(const char *key, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(const char *key, const char *fmt, ...)
{
	char text[400];
	va_list ap;
	int pad = 14 - (int)out_width(key);

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	out_safe(stderr, "%s%*s %s\n", key, pad > 0 ? pad : 0, "", text);
}

static void say_partitions(const json_t *found)
{
	const json_t *v;
	char limit[32];
	size_t i;

	json_array_foreach(json_object_get(found, "partitions"), i, v)
		say(i ? "" : tr("partitions", "分区"), "%s%s%s%s%s", out_s(v, "name"),
		    json_is_true(json_object_get(v, "up")) ? "" : tr(", down", "，不可用"),
		    out_i(v, "max_s", 0) ? tr(", at most ", "，最长 ") : "",
		    out_i(v, "max_s", 0) ? text_duration(out_i(v, "max_s", 0), limit) : "",
		    json_is_true(json_object_get(v, "used")) ? "" : tr(" (not used)", "（未使用）"));
}

static void report(const json_t *found, const struct pool_ask *a)
{
	const json_t *jobs = json_object_get(found, "jobs"), *v;
	char memory[OUT_TEXT_MAX], said[PHRASE_ZH_MAX];
	size_t i;

	say("slurmrestd", tr("%s, Slurm %s, API %s", "%s，Slurm %s，API %s"),
	    a->url ? a->url : a->socket, out_s(found, "slurm"), out_s(found, "api"));
	say(tr("user", "用户"), tr("%s: the cluster accepts its token%s%s", "%s：集群接受其令牌%s%s"), a->user,
	    out_s(found, "token_ends") ? tr(" until ", "，有效期至 ") : "",
	    out_s(found, "token_ends") ? out_s(found, "token_ends") : "");
	say_partitions(found);
	say(tr("nodes", "节点"), tr("%lld (%lld take no work), %lld cpus, %s", "%lld 个（%lld 个不可用），%lld CPU，%s"),
	    (long long)out_i(found, "nodes", 0), (long long)out_i(found, "nodes_down", 0),
	    (long long)out_i(found, "cpus", 0),
	    out_size_mb((uint64_t)out_i(found, "memory_mb", 0), memory));
	json_array_foreach(json_object_get(found, "gres"), i, v)
		say(i ? "" : tr("devices", "加速卡"), tr("%lld × %s on %lld nodes", "%lld × %s，分布于 %lld 个节点"),
		    (long long)out_i(v, "devices", 0), out_s(v, "name"),
		    (long long)out_i(v, "nodes", 0));
	say(tr("jobs", "作业"), tr("%lld running, %lld waiting; listing them took %lld ms",
				   "运行 %lld，等待 %lld；列出耗时 %lld 毫秒"), (long long)out_i(jobs, "running", 0),
	    (long long)out_i(jobs, "waiting", 0), (long long)out_i(jobs, "took_ms", 0));
	json_array_foreach(json_object_get(found, "problems"), i, v)
		say(i ? "" : tr("to be seen to", "需要处理"), "%s",
		    words_said(json_string_value(v), said));
}

/* ---- the configuration: JSON values are YAML, too ---- */

static void yaml_list(const json_t *obj)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)obj, key, v) {
		_cleanup_(mem_freep) char *text = json_dumps(v, JSON_ENCODE_ANY);

		printf("      %s: %s\n", key, text);
	}
}

/* The shortest limit of its partitions holds for the pool: the cluster would take a longer job in
 * and never start it. */
static int64_t walltime_max(const json_t *found)
{
	int64_t min = 0;
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(found, "partitions"), i, v) {
		int64_t s = json_is_true(json_object_get(v, "used")) ? out_i(v, "max_s", 0) : 0;

		if (s > 0 && (!min || s < min))
			min = s;
	}
	return min;
}

static void yaml(const struct pool_ask *a, const json_t *options, const json_t *found)
{
	int64_t max = walltime_max(found);
	char text[32];

	printf("  - name: %s\n    engine: slurm\n    region: %s\n"
	       "    clearance: 1            # %s\n", a->name, a->region,
	       tr("the highest data level it may see; the security role confirms it",
		  "可处理的最高数据级别，由安全管理员确认"));
	if (max)
		printf("    walltime_max: \"%s\"\n", text_duration(max, text));
	printf("    options:\n");
	yaml_list(options);
}

static int refuse(const struct err *err)
{
	char said[PHRASE_ZH_MAX];

	fprintf(stderr, "suanlu pools: %s%s%s\n", err->field, err->field[0] ? ": " : "",
		words_said(err->text, said));
	if (err->hint[0])
		fprintf(stderr, tr("  hint: %s\n", "  提示：%s\n"), words_said(err->hint, said));
	return CMD_NO;
}

int cmd_pools_add(const struct pool_ask *a)
{
	json_t *options, *found = NULL, *map;
	struct catalogue c;
	struct err err = { 0 };
	int r;

	if (!a->region || (!a->url && !a->socket) || !a->user || !a->jwt)
		return opt_usage("pools", "%s", tr("`pools add NAME --engine slurm` wants --url or --socket, "
			"--user, --jwt and --region", "`pools add 名称 --engine slurm` 需要 --url 或 --socket、"
			"--user、--jwt 和 --region"));
	r = catalogue_parse(accelerators_csv, accelerators_csv_len, &c, &err);
	if (r)
		return refuse(&err);
	options = options_of(a);
	r = slurm_probe(options, &found, &err);
	if (r == 0) {
		map = map_gres(found, &c);
		if (json_object_size(map))
			json_object_set(options, "gres", map);
		json_decref(map);
		if (cmd_global.json) {
			json_object_set(found, "options", options);
			json_dumpf(found, stdout, JSON_INDENT(2));
			printf("\n");
		} else {
			report(found, a);
			yaml(a, options, found);
		}
	}
	json_decref(found);
	json_decref(options);
	catalogue_done(&c);
	return r ? refuse(&err) : CMD_OK;
}
