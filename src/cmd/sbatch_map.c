/* sbatch_map.c - partition, account, qos and features, as a mapping file explains them */

#include "cmd/sbatch_part.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* What a mapping may say of a task; all else is the script's. */
static const char *const fields[] = {
	"kind", "image", "data_level", "stay_within", "data_region", "near", "max_latency_ms",
	"prefer", "walltime_s", "memory_mb", "budget_micro", "retries",
};

static bool is_field(const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (!strcmp(fields[i], key))
			return true;
	return false;
}

static int map_bad(const char *section, const char *entry, const char *key, struct err *err,
		   const char *words)
{
	return err_set(err, ERR_E_INPUT, "%s: %.30s.%.60s%s%.40s %s", tr("the mapping", "映射文件"),
		       section, entry, *key ? "." : "", key, words);
}

static void set_models(json_t *doc, const json_t *models)
{
	json_t *a = json_object_get(doc, "accelerators");

	if (a && !json_object_get(a, "models"))
		json_object_set(a, "models", (json_t *)models);
}

/* Directives win over a mapping; two entries that differ do not agree. */
static int put(struct sbatch_job *j, json_t *mapped, const char *section, const char *entry,
	       const json_t *fields_of, struct err *err)
{
	const char *key;
	json_t *v, *there;

	json_object_foreach((json_t *)fields_of, key, v) {
		if (!strcmp(key, "models") && json_is_array(v)) {
			set_models(j->out->doc, v);
			continue;
		}
		if (!is_field(key))
			return map_bad(section, entry, key, err,
				       tr("is not a field that a mapping may set",
					  "不是映射文件可以设置的字段"));
		there = json_object_get(mapped, key);
		if (there && !json_equal(there, v))
			return map_bad(section, entry, key, err,
				       tr("differs from what another directive maps to",
					  "与另一条指令的映射不一致"));
		json_object_set(mapped, key, v);
		if (!json_object_get(j->out->doc, key))
			json_object_set(j->out->doc, key, v);
	}
	return 0;
}

static int unknown(struct sbatch_job *j, enum sbatch_what what, const char *section,
		   const char *entry, struct err *err)
{
	char words[160], hint[190];

	snprintf(words, sizeof(words), tr("\"%.60s\" is not in a mapping", "“%.60s” 不在映射文件中"),
		 entry);
	snprintf(hint, sizeof(hint), tr("give --map FILE with `%s: {%.60s: {}}`, or with fields such as "
					"stay_within or prefer",
					"请用 --map 文件 给出 `%s: {%.60s: {}}`，或附 stay_within、prefer 等字段"),
		 section, entry);
	return sbatch_bad(j, what, err, words, hint);
}

static int entry(struct sbatch_job *j, enum sbatch_what what, const char *section, json_t *mapped,
		 const char *name, struct err *err)
{
	const json_t *all = json_object_get(j->in->map, section);
	const json_t *e = json_object_get(all, name);

	if (!e)
		return unknown(j, what, section, name, err);
	if (!json_is_object(e) && !json_is_null(e))
		return map_bad(section, name, "", err, tr("must hold fields, or {}",
							  "应包含字段，或为 {}"));
	return json_is_null(e) ? 0 : put(j, mapped, section, name, e, err);
}

/* "a&b": each of them. */
static int features(struct sbatch_job *j, json_t *mapped, struct err *err)
{
	char *rest = arena_strdup(&j->arena, j->got[B_CONSTRAINT].text), *one;
	int r = 0;

	if (rest && strpbrk(rest, "|[]()*"))
		return sbatch_bad(j, B_CONSTRAINT, err,
				  tr("is more than names with & between", "只支持以 & 连接的名称"),
				  tr("alternatives are what Suanlu chooses among by itself",
				     "多种可能由算路自行选择"));
	while (r == 0 && rest && (one = strsep(&rest, "&,")))
		r = entry(j, B_CONSTRAINT, "constraints", mapped, one, err);
	return r;
}

static int check_map(const struct sbatch_job *j, struct err *err)
{
	static const char *const sections[] = { "partitions", "accounts", "qos", "constraints",
						"accelerators" };
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)j->in->map, key, v) {
		bool known = false;

		for (size_t i = 0; i < ARRAY_LEN(sections); i++)
			known |= !strcmp(sections[i], key);
		if (!known || !json_is_object(v))
			return err_set(err, ERR_E_INPUT, tr(
				"the mapping: \"%.40s\" must be partitions, accounts, qos, constraints "
				"or accelerators, and hold entries",
				"映射文件：“%.40s” 应为 partitions、accounts、qos、constraints 或 "
				"accelerators，且包含条目"), key);
	}
	return 0;
}

int sbatch_mapped(struct sbatch_job *j, struct err *err)
{
	static const struct {
		enum sbatch_what what;
		const char *section;
	} of[] = {
		{ B_PARTITION, "partitions" }, { B_ACCOUNT, "accounts" }, { B_QOS, "qos" },
	};
	json_t *mapped = json_object();
	int r = j->in->map ? check_map(j, err) : 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(of); i++) {
		const char *name = j->got[of[i].what].text;

		if (!name)
			continue;
		/* The token says whose task it is; a site that cares lists its accounts. */
		if (of[i].what == B_ACCOUNT && !json_object_get(j->in->map, "accounts"))
			buf_printf(&j->out->notes, "--account: %s\n",
				   tr("is not used; the token says whose task it is",
				      "未使用；任务归属由令牌决定"));
		else
			r = entry(j, of[i].what, of[i].section, mapped, name, err);
	}
	if (r == 0)
		r = features(j, mapped, err);
	json_decref(mapped);
	return r;
}

json_t *sbatch_models(const struct sbatch_job *j, const char *type)
{
	json_t *m = json_object_get(json_object_get(j->in->map, "accelerators"), type);

	if (json_is_array(m))
		return json_incref(m);
	return json_pack("[s]", json_is_string(m) ? json_string_value(m) : type);
}
