/* spec.c - options of `submit` become the document of a task */

#include "cmd/spec.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "domain/level.h"
#include "domain/task.h"
#include "http/client.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	S_NAME = SPEC_FIRST, S_KIND, S_CPUS, S_MEM, S_WALLTIME, S_NODES, S_ACCEL, S_INPUT, S_OUTPUT,
	S_LEVEL, S_WITHIN, S_DATA_REGION, S_NEAR, S_LATENCY, S_ARRAY, S_AFTER, S_DEADLINE, S_BUDGET,
	S_PREFER, S_POOL, S_ENV, S_RETRIES, S_KEY, S_IMAGE, S_SCRIPT,
};

const struct opt spec_opts[] = {
	{ S_NAME, "name", "NAME", "what to call it", "任务名称" },
	{ S_KIND, "kind", "KIND", "kind of work: compute, train, render, infer …",
	  "任务类型：compute、train、render、infer 等" },
	{ S_CPUS, "cpus", "N", "cpus on each node, like 1.5", "每节点 CPU 数，如 1.5" },
	{ S_MEM, "mem", "SIZE", "memory on each node, like 4G", "每节点内存，如 4G" },
	{ S_WALLTIME, "walltime", "TIME", "longest run, like 2h or 1h30m", "最长运行时间，如 2h、1h30m" },
	{ S_NODES, "nodes", "N", "nodes at once, all or none", "同时占用的节点数（全有或全无）" },
	{ S_ACCEL, "accel", "[MODEL,…:]COUNT", "accelerators on each node; 0.5 shares one; or "
	  "fp16_tflops=N,memory_gb=N", "每节点加速卡；0.5 表示共享；或 fp16_tflops=N,memory_gb=N" },
	{ S_INPUT, "input", "URL=PATH", "fetch before; URL, file or dataset:NAME",
	  "运行前取数：URL、文件或 dataset:名称" },
	{ S_OUTPUT, "output", "PATH=URL", "store afterwards", "运行后存放结果" },
	{ S_LEVEL, "level", "LEVEL", "data level: 1 to 4, important, core",
	  "数据级别：1 到 4、important（重要）、core（核心）" },
	{ S_WITHIN, "within", "REGION", "never leave this region", "不得离开此区域" },
	{ S_DATA_REGION, "data-region", "REGION", "where undeclared inputs are", "未登记输入数据所在区域" },
	{ S_NEAR, "near", "REGION", "where its users are, with --latency",
	  "用户所在区域，与 --latency 合用" },
	{ S_LATENCY, "latency", "MS", "at most so far from them", "与用户之间的最大时延（毫秒）" },
	{ S_ARRAY, "array", "0-9:2%4", "one task per index, 4 at once", "每个序号一个任务，%4 为同时数量上限" },
	{ S_AFTER, "after", "ID[:done|ended|failed]", "begin when that one is over", "在另一任务结束后开始" },
	{ S_DEADLINE, "deadline", "TIME", "RFC 3339, or +90m from now", "截止时间：RFC 3339，或 +90m" },
	{ S_BUDGET, "budget", "YUAN", "cost at most, like 3.50", "费用上限（元），如 3.50" },
	{ S_PREFER, "prefer", "PROFILE", "fastest, cheapest, greenest, balanced; or "
	  "money=1,time=0.001,carbon=0.01", "偏好名称，或 money=1,time=0.001,carbon=0.01" },
	{ S_POOL, "pool", "NAME,…", "on one of these pools only", "仅限这些算力池" },
	{ S_ENV, "env", "K=V", "one variable", "一个环境变量" },
	{ S_RETRIES, "retries", "N", "try again after a failure", "失败后重试次数" },
	{ S_KEY, "key", "TEXT", "the same key submits once only", "幂等键：相同的键只提交一次" },
	{ S_IMAGE, "image", "IMAGE", "container image", "容器镜像" },
	{ S_SCRIPT, "script", "FILE", "a shell script instead of a command", "用脚本文件代替命令" },
	{ 0, NULL, NULL, NULL, NULL },
};

static const char *name_of(int key)
{
	for (const struct opt *o = spec_opts; o->name; o++)
		if (o->key == key)
			return o->name;
	return "?";
}

static int bad(struct err *err, int key, const char *value, const char *en, const char *zh)
{
	return err_set(err, ERR_E_INPUT, tr("--%s %s, not \"%.60s\"", "--%s %s，而不是 “%.60s”"),
		       name_of(key), tr(en, zh), value);
}

static int put(json_t *doc, const char *key, json_t *v, struct err *err)
{
	if (!v)
		return err_set(err, ERR_E_INPUT, tr("%s is not valid UTF-8", "%s 不是有效的 UTF-8"),
			       key);
	json_object_set_new(doc, key, v);
	return 0;
}

/* The list of that name, made when absent or something else. */
static json_t *list(json_t *doc, const char *key)
{
	json_t *a = json_object_get(doc, key);

	if (!json_is_array(a)) {
		json_object_set_new(doc, key, json_array());
		a = json_object_get(doc, key);
	}
	return a;
}

static int append(json_t *doc, const char *key, json_t *v, struct err *err)
{
	if (!v)
		return err_set(err, ERR_E_INPUT, tr("%s is not valid UTF-8", "%s 不是有效的 UTF-8"),
			       key);
	json_array_append_new(list(doc, key), v);
	return 0;
}

/* A decimal with at most `digits` places as a whole number of the smallest; 0 or 1. */
static int decimal(const char *s, unsigned digits, int64_t *ret)
{
	int64_t micro;

	if (text_yuan_parse(s, &micro) != 0)
		return 1;
	for (unsigned i = digits; i < 6; i++) {
		if (micro % 10)
			return 1;
		micro /= 10;
	}
	*ret = micro;
	return 0;
}

static json_t *milli(int64_t v)
{
	return v % 1000 ? json_real((double)v / 1000) : json_integer(v / 1000);
}

/* ---- values of one number ---- */

static int size(json_t *doc, int key, const char *value, struct err *err)
{
	int64_t n;
	uint64_t mb;

	switch (key) {
	case S_CPUS:
		if (decimal(value, 3, &n) != 0 || !n)
			return bad(err, key, value, "is a number like 2 or 0.5", "应为数字，如 2 或 0.5");
		return put(doc, "cpus", milli(n), err);
	case S_MEM:
		if (text_size_parse(value, &mb) != 0 || mb > INT64_MAX)
			return bad(err, key, value, "is a size like 512M or 4G",
				   "应为大小，如 512M 或 4G");
		return put(doc, "memory_mb", json_integer((json_int_t)mb), err);
	case S_WALLTIME:
		if (text_duration_parse(value, &n) != 0)
			return bad(err, key, value, "is a time like 90s, 15m or 1h30m",
				   "应为时长，如 90s、15m 或 1h30m");
		return put(doc, "walltime_s", json_integer(n), err);
	default:
		if (text_i64(value, 0, INT64_MAX, &n) != 0)
			return bad(err, key, value, "is a whole number", "应为整数");
		return put(doc,
			key == S_NODES ? "nodes" : key == S_LATENCY ? "max_latency_ms" : "retries",
			   json_integer(n), err);
	}
}

/* ---- accelerators ---- */

static json_t *words(const char *s, size_t n)
{
	json_t *a = json_array();

	for (size_t i = 0; i < n; i += 1) {
		size_t len = 0;

		while (i + len < n && s[i + len] != ',')
			len++;
		json_array_append_new(a, json_stringn(s + i, len));
		i += len;
	}
	return a;
}

/* "fp16_tflops=2000,memory_gb=512" */
static int accel_need(const char *value, json_t *a)
{
	_cleanup_(mem_freep) char *copy = mem_strdup(value);
	char *rest = copy, *part;
	int64_t n;

	while ((part = strsep(&rest, ","))) {
		char *v = strchr(part, '=');

		if (!v || decimal(v + 1, 3, &n) != 0)
			return 1;
		*v = '\0';
		if (!strcmp(part, "fp16_tflops"))
			json_object_set_new(a, part, milli(n));
		else if (!strcmp(part, "memory_gb") && n % 1000 == 0)
			json_object_set_new(a, part, json_integer(n / 1000));
		else
			return 1;
	}
	return 0;
}

static int accel(json_t *doc, const char *value, struct err *err)
{
	const char *colon = strrchr(value, ':'), *count = colon ? colon + 1 : value;
	json_t *a = json_object();
	int64_t n = 0;
	int wrong = 0;

	if (strchr(value, '='))
		wrong = accel_need(value, a);
	else if (decimal(count, 3, &n) != 0 || !n || (n > 1000 && n % 1000))
		wrong = 1;
	if (!wrong && n) {
		json_object_set_new(a, "count", json_integer(n < 1000 ? 1 : n / 1000));
		if (n < 1000)
			json_object_set_new(a, "share", milli(n));
		if (colon)
			json_object_set_new(a, "models", words(value, (size_t)(colon - value)));
	}
	if (wrong) {
		json_decref(a);
		return bad(err, S_ACCEL, value, "is like 2, a100-80-sxm:2, 910b,h20:0.5 or "
			   "fp16_tflops=2000,memory_gb=512",
			   "应形如 2、a100-80-sxm:2、910b,h20:0.5 或 fp16_tflops=2000,memory_gb=512");
	}
	return put(doc, "accelerators", a, err);
}

/* ---- inputs and outputs ---- */

/* A url as it is; anything else is a file of this machine.  Both kinds are to be freed. */
static char *url_of(const char *s)
{
	char path[PATH_MAX], *whole = NULL, *text;
	struct buf b;

	if (strstr(s, "://") || !strncmp(s, "file:", 5))
		return mem_strdup(s);
	if (s[0] != '/' && getcwd(path, sizeof(path))) {
		while (!strncmp(s, "./", 2))
			s += 2;
		if (asprintf(&whole, "%s/%s", strcmp(path, "/") ? path : "", s) < 0)
			abort();
		s = whole;
	}
	buf_init(&b, TASK_URL_MAX * 4);
	buf_str(&b, "file://");
	for (size_t n; *s; s += n) {
		char part[PATH_MAX];

		n = strcspn(s, "/");
		if (!n) {
			n = 1;
			buf_str(&b, "/");
			continue;
		}
		snprintf(part, sizeof(part), "%.*s", (int)n, s);
		http_put_part(&b, part);
	}
	text = mem_strdup(b.data);
	buf_done(&b);
	free(whole);
	return text;
}

static int input(json_t *doc, const char *value, struct err *err)
{
	const char *eq = strrchr(value, '=');
	_cleanup_(mem_freep) char *from = eq ? strndup(value, (size_t)(eq - value)) : NULL;
	_cleanup_(mem_freep) char *url = NULL;

	if (!eq || eq == value || !eq[1])
		return bad(err, S_INPUT, value, "is URL=PATH, FILE=PATH or dataset:NAME=PATH",
			   "应为 URL=PATH、FILE=PATH 或 dataset:NAME=PATH");
	if (!strncmp(from, "dataset:", 8))
		return append(doc, "inputs", json_pack("{s:s, s:s}", "dataset", from + 8, "path",
						       eq + 1),
			      err);
	url = url_of(from);
	return append(doc, "inputs", json_pack("{s:s, s:s}", "url", url, "path", eq + 1), err);
}

static int output(json_t *doc, const char *value, struct err *err)
{
	const char *eq = strchr(value, '=');
	_cleanup_(mem_freep) char *path = eq ? strndup(value, (size_t)(eq - value)) : NULL;
	_cleanup_(mem_freep) char *url = NULL;

	if (!eq || eq == value || !eq[1])
		return bad(err, S_OUTPUT, value, "is PATH=URL or PATH=FILE",
			   "应为 PATH=URL 或 PATH=FILE");
	url = url_of(eq + 1);
	return append(doc, "outputs", json_pack("{s:s, s:s}", "path", path, "url", url), err);
}

/* ---- the rest ---- */

static int level(json_t *doc, const char *value, struct err *err)
{
	enum level l;

	if (level_parse(value, &l) != 0)
		return bad(err, S_LEVEL, value, "is 1 to 4, important or core",
			   "应为 1 到 4、important 或 core");
	return put(doc, "data_level", level_json(l), err);
}

static int after(json_t *doc, const char *value, struct err *err)
{
	const char *colon = strchr(value, ':');
	_cleanup_(mem_freep) char *id = strndup(value, strcspn(value, ":"));
	const char *when = colon ? colon + 1 : "done";
	uint64_t sub;
	int64_t index;

	if (task_id_parse(id, &sub, &index) != 0 ||
	    (strcmp(when, "done") && strcmp(when, "ended") && strcmp(when, "failed")))
		return bad(err, S_AFTER, value, "is like 12, 12_3:done, 12:ended or 12:failed",
			   "应形如 12、12_3:done、12:ended 或 12:failed");
	return append(doc, "after", json_pack("{s:s, s:s}", "task", id, "when", when), err);
}

static int deadline(json_t *doc, const char *value, int64_t now_ms, struct err *err)
{
	char text[CLOCK_TEXT_MAX];
	int64_t ms, s;

	if (value[0] == '+' && text_duration_parse(value + 1, &s) == 0 && s < INT32_MAX)
		return put(doc, "deadline", json_string(clock_format(now_ms + s * 1000, text)),
			   err);
	if (clock_parse(value, &ms) != 0)
		return bad(err, S_DEADLINE, value, "is like +90m or 2026-11-23T18:00:00+08:00",
			   "应形如 +90m 或 2026-11-23T18:00:00+08:00");
	return put(doc, "deadline", json_string(value), err);
}

static int budget(json_t *doc, const char *value, struct err *err)
{
	int64_t micro;

	if (text_yuan_parse(value, &micro) != 0)
		return bad(err, S_BUDGET, value, "is an amount of yuan like 3.50",
			   "应为金额（元），如 3.50");
	return put(doc, "budget_micro", json_integer(micro), err);
}

/* "money=1,time=0.001,carbon=0.01": yuan per yuan, per second, per gram. */
static int weights(const char *value, json_t *w)
{
	_cleanup_(mem_freep) char *copy = mem_strdup(value);
	char *rest = copy, *part;
	int64_t n;

	while ((part = strsep(&rest, ","))) {
		char *v = strchr(part, '=');
		bool money = !strncmp(part, "money=", 6);

		if (!v || decimal(v + 1, money ? 3 : 6, &n) != 0)
			return 1;
		*v = '\0';
		if (money)
			json_object_set_new(w, "money_milli", json_integer(n));
		else if (!strcmp(part, "time"))
			json_object_set_new(w, "time_micro_per_s", json_integer(n));
		else if (!strcmp(part, "carbon"))
			json_object_set_new(w, "carbon_micro_per_g", json_integer(n));
		else
			return 1;
	}
	return 0;
}

static int prefer(json_t *doc, const char *value, struct err *err)
{
	json_t *w;

	if (!strchr(value, '='))
		return put(doc, "prefer", json_string(value), err);
	w = json_object();
	if (weights(value, w) != 0) {
		json_decref(w);
		return bad(err, S_PREFER, value,
			   "is a profile or like money=1,time=0.001,carbon=0.01",
			   "应为偏好名称，或形如 money=1,time=0.001,carbon=0.01");
	}
	return put(doc, "prefer", w, err);
}

static int pools(json_t *doc, const char *value, struct err *err)
{
	_cleanup_(mem_freep) char *copy = mem_strdup(value);
	char *rest = copy, *part;
	int r = put(doc, "pools", json_array(), err);

	while (r == 0 && (part = strsep(&rest, ",")))
		r = append(doc, "pools", json_string(part), err);
	return r;
}

static int env(json_t *doc, const char *value, struct err *err)
{
	const char *eq = strchr(value, '=');
	_cleanup_(mem_freep) char *key = eq ? strndup(value, (size_t)(eq - value)) : NULL;
	json_t *obj = json_object_get(doc, "env");

	if (!eq || eq == value)
		return bad(err, S_ENV, value, "is NAME=VALUE", "应为 NAME=VALUE");
	if (!json_is_object(obj)) {
		json_object_set_new(doc, "env", json_object());
		obj = json_object_get(doc, "env");
	}
	return put(obj, key, json_string(eq + 1), err);
}

/* ---- files ---- */

static int read_all(const char *path, size_t max, struct buf *b, struct err *err)
{
	_cleanup_(mem_closep) int fd = strcmp(path, "-") ? open(path,
								O_RDONLY | O_CLOEXEC) : dup(0);
	char chunk[16384];
	ssize_t n;

	if (fd < 0)
		return err_set(err, ERR_E_INPUT, tr("could not open %.150s: %s", "无法打开 %.150s：%s"),
			       path,
			       strerror(errno));
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		if (b->len + (size_t)n > max || buf_add(b, chunk, (size_t)n) != 0)
			return err_set(err, ERR_E_INPUT, tr("%.150s is larger than %zu KB",
							    "%.150s 超过 %zu KB"), path, max >> 10);
	if (n < 0)
		return err_set(err, ERR_E_INPUT, tr("could not read %.150s: %s", "无法读取 %.150s：%s"),
			       path,
			       strerror(errno));
	return 0;
}

static int script(json_t *doc, const char *path, struct err *err)
{
	struct buf b;
	int r;

	buf_init(&b, SPEC_FILE_MAX);
	r = read_all(path, TASK_SCRIPT_MAX, &b, err);
	if (r == 0 && (memchr(b.data, '\0', b.len) || !text_is_utf8(b.data, b.len)))
		r = err_set(err, ERR_E_INPUT,
			    tr("%.150s is not a script: it holds bytes that are not UTF-8 text",
						 "%.150s 不是脚本：包含非 UTF-8 文本"), path);
	if (r == 0) {
		json_object_del(doc, "command");
		r = put(doc, "script", json_stringn(b.data, b.len), err);
	}
	buf_done(&b);
	return r;
}

int spec_option(json_t *doc, int key, const char *value, int64_t now_ms, struct err *err)
{
	static const char *const texts[] = {
		[S_NAME - SPEC_FIRST] = "name", [S_KIND - SPEC_FIRST] = "kind",
		[S_WITHIN - SPEC_FIRST] = "stay_within",
		[S_DATA_REGION - SPEC_FIRST] = "data_region",
		[S_NEAR - SPEC_FIRST] = "near", [S_ARRAY - SPEC_FIRST] = "array",
		[S_KEY - SPEC_FIRST] = "idempotency_key", [S_IMAGE - SPEC_FIRST] = "image",
		[S_SCRIPT - SPEC_FIRST] = NULL,
	};

	if (texts[key - SPEC_FIRST])
		return put(doc, texts[key - SPEC_FIRST], json_string(value), err);
	switch (key) {
	case S_ACCEL:
		return accel(doc, value, err);
	case S_INPUT:
		return input(doc, value, err);
	case S_OUTPUT:
		return output(doc, value, err);
	case S_LEVEL:
		return level(doc, value, err);
	case S_AFTER:
		return after(doc, value, err);
	case S_DEADLINE:
		return deadline(doc, value, now_ms, err);
	case S_BUDGET:
		return budget(doc, value, err);
	case S_PREFER:
		return prefer(doc, value, err);
	case S_POOL:
		return pools(doc, value, err);
	case S_ENV:
		return env(doc, value, err);
	case S_SCRIPT:
		return script(doc, value, err);
	default:
		return size(doc, key, value, err);
	}
}

void spec_command(json_t *doc, int argc, char **argv)
{
	json_t *a = json_array();

	for (int i = 0; i < argc; i++)
		json_array_append_new(a, json_string(argv[i]));
	json_object_del(doc, "script");
	json_object_set_new(doc, "command", a);
}

static bool ends_in(const char *s, const char *tail)
{
	size_t n = strlen(s), t = strlen(tail);

	return n >= t && !strcmp(s + n - t, tail);
}

int spec_file(const char *path, json_t **ret, struct err *err)
{
	bool json = ends_in(path, ".json");
	struct json_lines *lines = NULL;
	json_t *doc = NULL;
	struct buf b;
	int r;

	buf_init(&b, SPEC_FILE_MAX);
	r = read_all(path, SPEC_FILE_MAX, &b, err);
	if (r == 0) {
		json |= !strcmp(path, "-") && b.data[strspn(b.data, " \t\r\n")] == '{';
		r = json ? json_parse(b.data, b.len, &doc, err)
			 : yaml_parse(b.data, b.len, &doc, &lines, err);
		if (r != 0)
			err_prefix(err, r, "%s:%u: ", path, err->line);
	}
	if (r == 0 && !json_is_object(doc))
		r = err_set(err, ERR_E_INPUT, tr("%.150s does not describe a task",
						 "%.150s 没有描述任务"), path);
	if (r == 0)
		*ret = json_incref(doc);
	json_decref(doc);
	json_lines_free(lines);
	buf_done(&b);
	return r;
}
