/* sbatch_job.c - the values of directives become the document of a task */

#include "cmd/sbatch_part.h"

#include "base/mem.h"
#include "base/text.h"
#include "cmd/spec.h"
#include "domain/task.h"
#include "domain/wire.h"

#include <stdlib.h>
#include <string.h>

enum { MB_MAX = 64 << 20, COUNT_MAX = 1000000 };

static const char *got(const struct sbatch_job *j, enum sbatch_what what)
{
	return j->got[what].text;
}

static void set(struct sbatch_job *j, const char *key, json_t *v)
{
	json_object_set_new(j->out->doc, key, v);
}

/* Digits up to `stop` (or the end), in [0, max]; moved past them.  0 or 1. */
static int digits(const char **p, uint64_t max, uint64_t *ret)
{
	uint64_t n = 0;

	if (**p < '0' || **p > '9')
		return 1;
	for (; **p >= '0' && **p <= '9'; (*p)++) {
		n = n * 10 + (uint64_t)(**p - '0');
		if (n > max)
			return 1;
	}
	*ret = n;
	return 0;
}

static int count(struct sbatch_job *j, enum sbatch_what what, uint32_t *ret, struct err *err)
{
	const char *p = got(j, what);
	uint64_t n;

	if (!p)
		return 0;
	if (digits(&p, COUNT_MAX, &n) != 0 || *p || !n)
		return sbatch_bad(j, what, err, tr("is a whole number from 1", "应为不小于 1 的整数"),
				  NULL);
	*ret = (uint32_t)n;
	return 0;
}

/* ---- nodes and tasks ---- */

static int nodes(struct sbatch_job *j, struct err *err)
{
	const char *p = got(j, B_NODES);
	uint64_t a, b;

	if (!p)
		return 0;
	if (digits(&p, COUNT_MAX, &a) != 0 || !a)
		return sbatch_bad(j, B_NODES, err, tr("is a whole number from 1",
						      "应为不小于 1 的整数"), NULL);
	b = a;
	if (*p == '-') {
		p++;
		if (digits(&p, COUNT_MAX, &b) != 0)
			b = 0;
	}
	if (*p || b != a)
		return sbatch_bad(j, B_NODES, err, tr("has a range", "给出了范围"),
				  tr("a task has all of its nodes or none; give one number",
				     "任务的节点全有或全无；请只给一个数"));
	j->nodes = (uint32_t)a;
	return 0;
}

static uint32_t over(uint32_t n, uint32_t by)
{
	return n / by + (n % by != 0);
}

static int tasks(struct sbatch_job *j, struct err *err)
{
	uint32_t per = 0;

	if (nodes(j, err) || count(j, B_NTASKS, &j->ntasks, err) ||
	    count(j, B_TASKS_PER_NODE, &per, err) || count(j, B_CPUS, &j->cpus_per_task, err))
		return ERR_E_INPUT;
	if (!j->cpus_per_task)
		j->cpus_per_task = 1;
	if (!j->nodes)
		j->nodes = j->ntasks && per ? over(j->ntasks, per) : 1;
	if (!j->ntasks)
		j->ntasks = j->nodes * (per ? per : 1);
	if (j->ntasks < j->nodes)
		return sbatch_bad(j, B_NODES, err, tr("is more than --ntasks", "大于 --ntasks"),
				  NULL);
	j->tasks_per_node = over(j->ntasks, j->nodes);
	if (per && j->tasks_per_node > per)
		return sbatch_bad(j, B_TASKS_PER_NODE, err,
				  tr("times --nodes is less than --ntasks",
				     "与 --nodes 的乘积小于 --ntasks"), NULL);
	set(j, "nodes", json_integer(j->nodes));
	set(j, "cpus", json_integer((json_int_t)j->tasks_per_node * j->cpus_per_task));
	return 0;
}

/* ---- memory ---- */

static int size(struct sbatch_job *j, enum sbatch_what what, uint64_t *ret, struct err *err)
{
	static const char units[] = "KMGT";
	const char *p = got(j, what), *unit;
	uint64_t n;

	if (!p)
		return 0;
	if (digits(&p, (uint64_t)MB_MAX << 10, &n) != 0)
		goto bad;
	unit = *p ? strchr(units, *p & ~0x20) : NULL;
	if (unit) {
		p++;
		p += (*p == 'B' || *p == 'b');
		n = unit == units ? (n + 1023) >> 10 : n << (10 * (unit - units - 1));
	}
	if (*p || n > MB_MAX)
		goto bad;
	if (!n)
		return sbatch_bad(j, what, err,
				  tr("0 would be all memory of a node", "0 表示节点的全部内存"),
				  tr("say how much it needs, like --mem=16G",
				     "请给出所需大小，如 --mem=16G"));
	*ret = n;
	return 0;
bad:
	return sbatch_bad(j, what, err, tr("is a size like 4000 (MB), 512M or 16G",
					   "应为大小，如 4000（MB）、512M 或 16G"), NULL);
}

static int memory(struct sbatch_job *j, struct err *err)
{
	uint64_t node = 0, cpu = 0, gpu = 0;

	if (size(j, B_MEM, &node, err) || size(j, B_MEM_CPU, &cpu, err) ||
	    size(j, B_MEM_GPU, &gpu, err))
		return ERR_E_INPUT;
	if (!!node + !!cpu + !!gpu > 1)
		return sbatch_bad(j, node ? B_MEM : B_MEM_CPU, err,
				  tr("stands beside another of --mem, --mem-per-cpu and "
				     "--mem-per-gpu", "与 --mem、--mem-per-cpu、--mem-per-gpu 中的另一项并存"),
				  tr("give one of them", "请只给出其中一项"));
	if (gpu && !j->gpus)
		return sbatch_bad(j, B_MEM_GPU, err, tr("without GPUs", "未申请 GPU"), NULL);
	j->mem_cpu = cpu;
	if (cpu)
		node = cpu * j->tasks_per_node * j->cpus_per_task;
	if (gpu)
		node = gpu * j->gpus;
	j->mem_node = node;
	if (node > MB_MAX)
		return sbatch_bad(j, cpu ? B_MEM_CPU : B_MEM_GPU, err,
				  tr("makes more memory than any node has", "合计内存超过任何节点"),
				  NULL);
	if (node)
		set(j, "memory_mb", json_integer((json_int_t)node));
	return 0;
}

/* ---- accelerators ---- */

struct gpus {
	const char *type;               /* NULL: any */
	uint32_t n;                     /* on each node */
};

static int gpu_form(struct sbatch_job *j, enum sbatch_what what, struct err *err)
{
	if (what == B_GRES)
		return sbatch_bad(j, what, err, tr("is like gpu:2 or gpu:TYPE:2",
						   "应形如 gpu:2 或 gpu:型号:2"), NULL);
	return sbatch_bad(j, what, err, tr("is like 2 or TYPE:2", "应形如 2 或 型号:2"), NULL);
}

/* "2", "a100:2"; for gres also "", "a100". */
static int gpu_count(struct sbatch_job *j, enum sbatch_what what, const char *s, struct gpus *ret,
		     struct err *err)
{
	size_t n = strcspn(s, ":=");
	const char *p = s[n] ? s + n + 1 : s;
	uint64_t v;

	if (strchr(s, ','))
		return sbatch_bad(j, what, err, tr("names several kinds", "列出了多种类型"),
				  tr("a task has one kind; several models of which any will do: "
				     "`#SUANLU --accel=A,B:2`",
				     "任务只能用一种；多个型号任选其一：`#SUANLU --accel=A,B:2`"));
	if (what == B_GRES && (!*s || (!s[n] && (*s < '0' || *s > '9')))) {
		*ret = (struct gpus){ *s ? s : NULL, 1 };
		return 0;
	}
	if (digits(&p, COUNT_MAX, &v) != 0 || *p || s[0] == ':')
		return gpu_form(j, what, err);
	*ret = (struct gpus){ s[n] ? arena_strndup(&j->arena, s, n) : NULL, (uint32_t)v };
	return 0;
}

static int gres(struct sbatch_job *j, struct gpus *ret, struct err *err)
{
	const char *s = got(j, B_GRES);

	if (!strncmp(s, "gres:", 5) || !strncmp(s, "gres/", 5))
		s += 5;
	if (!strcasecmp(s, "none"))
		return 0;
	if (strncmp(s, "gpu", 3) || (s[3] && s[3] != ':' && s[3] != '='))
		return sbatch_bad(j, B_GRES, err, tr("asks for something else than gpu",
						     "申请了 gpu 以外的资源"),
				  tr("of generic resources only gpu is known here",
				     "通用资源中此处仅支持 gpu"));
	if (s[3] && !s[4])
		return gpu_form(j, B_GRES, err);
	return gpu_count(j, B_GRES, s[3] ? s + 4 : s + 3, ret, err);
}

/* One of the four ways to ask, as a number on each node. */
static int gpus_of(struct sbatch_job *j, enum sbatch_what what, struct gpus *ret, struct err *err)
{
	int r = what == B_GRES ? gres(j, ret, err) : gpu_count(j, what, got(j, what), ret, err);

	if (r != 0)
		return r;
	if (what == B_GPUS_TASK && ret->n)
		ret->n *= j->tasks_per_node;
	if (what != B_GPUS)
		return 0;
	if (ret->n % j->nodes)
		return sbatch_bad(j, what, err,
				  tr("cannot be divided by --nodes", "不能被 --nodes 整除"),
				  tr("say --gpus-per-node", "请用 --gpus-per-node"));
	ret->n /= j->nodes;
	return 0;
}

static int gpus(struct sbatch_job *j, struct err *err)
{
	static const enum sbatch_what ways[] = { B_GRES, B_GPUS, B_GPUS_NODE, B_GPUS_TASK };
	struct gpus all = { NULL, 0 };
	bool any = false;
	json_t *a;

	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct gpus one = { NULL, 0 };

		if (!got(j, ways[i]))
			continue;
		if (gpus_of(j, ways[i], &one, err) != 0)
			return ERR_E_INPUT;
		if (any && (one.n != all.n || (one.type && all.type && strcmp(one.type, all.type))))
			return sbatch_bad(j, ways[i], err,
					  tr("does not agree with the other directive for GPUs",
					     "与另一条 GPU 指令不一致"), NULL);
		all.type = one.type ? one.type : all.type;
		all.n = one.n;
		any = true;
	}
	j->gpus = all.n;
	if (!all.n)
		return 0;
	a = json_pack("{s:i}", "count", (int)all.n);
	if (all.type)
		json_object_set_new(a, "models", sbatch_models(j, all.type));
	set(j, "accelerators", a);
	return 0;
}

/* ---- time ---- */

/* minutes, minutes:seconds, hours:minutes:seconds, days-hours[:minutes[:seconds]] */
static int seconds(const char *p, uint64_t *ret)
{
	uint64_t days = 0, part[3] = { 0 };
	const char *dash = strchr(p, '-');
	size_t n = 0;

	if (dash && (digits(&p, 100000, &days) != 0 || *p++ != '-'))
		return 1;
	for (;; p++) {
		if (n == 3 || digits(&p, 100000000, &part[n++]) != 0)
			return 1;
		if (*p != ':')
			break;
	}
	if (*p)
		return 1;
	if (dash || n == 3)
		*ret = days * 86400 + part[0] * 3600 + part[1] * 60 + part[2];
	else
		*ret = part[0] * 60 + part[1];
	return 0;
}

static int time_limit(struct sbatch_job *j, struct err *err)
{
	const char *p = got(j, B_TIME);
	uint64_t s;

	if (!p)
		return 0;
	if (!strcasecmp(p, "unlimited") || !strcasecmp(p, "infinite") || !strcmp(p, "-1"))
		s = 0;
	else if (seconds(p, &s) != 0)
		return sbatch_bad(j, B_TIME, err,
				  tr("is like 30, 30:00, 2:00:00, 1-12 or 1-12:30:00",
				     "应形如 30、30:00、2:00:00、1-12 或 1-12:30:00"),
				  tr("a bare number is minutes", "单独的数字表示分钟"));
	if (!s || s > TASK_WALLTIME_MAX_S)
		return sbatch_bad(j, B_TIME, err, tr("must be bounded", "必须有上限"),
				  tr("a run may take up to 30 days", "运行最长 30 天"));
	set(j, "walltime_s", json_integer((json_int_t)s));
	return 0;
}

/* ---- array and dependencies ---- */

static int array(struct sbatch_job *j, struct err *err)
{
	const char *p = got(j, B_ARRAY);
	const uint32_t *index;
	uint32_t n, limit;
	struct err why;

	if (!p)
		return 0;
	if (array_parse(p, &j->arena, &index, &n, &limit, &why) != 0)
		return sbatch_bad(j, B_ARRAY, err, why.text, NULL);
	set(j, "array", json_string(p));
	return 0;
}

static const char *when_of(const char *s, size_t n)
{
	static const char *const names[][2] = {
		{ "afterok", "done" }, { "afterany", "ended" }, { "afternotok", "failed" },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strlen(names[i][0]) == n && !strncmp(names[i][0], s, n))
			return names[i][1];
	return NULL;
}

/* "afterok:12:13_4" */
static int dependency(struct sbatch_job *j, char *s, json_t *list, struct err *err)
{
	size_t n = strcspn(s, ":");
	const char *when = when_of(s, n);
	char *id, *rest = s[n] ? s + n + 1 : NULL;
	uint64_t sub;
	int64_t index;

	if (!when)
		return sbatch_bad(j, B_AFTER, err,
				  tr("has a kind that is not possible here", "的类型此处不支持"),
				  tr("possible are afterok, afterany and afternotok, like "
				     "afterok:12:13", "支持 afterok、afterany、afternotok，如 afterok:12:13"));
	if (!rest)
		return sbatch_bad(j, B_AFTER, err, tr("names no task", "未给出任务编号"), NULL);
	while ((id = strsep(&rest, ":"))) {
		if (task_id_parse(id, &sub, &index) != 0)
			return sbatch_bad(j, B_AFTER, err,
					  tr("has an id that is not like 12 or 12_3",
					     "的编号应形如 12 或 12_3"),
					  tr("ids are those that `suanlu submit` printed",
					     "编号即 `suanlu submit` 输出的编号"));
		json_array_append_new(list, json_pack("{s:s, s:s}", "task", id, "when", when));
	}
	return 0;
}

static int dependencies(struct sbatch_job *j, struct err *err)
{
	char *rest = arena_strdup(&j->arena, got(j, B_AFTER)), *one;
	json_t *list;
	int r = 0;

	if (!rest)
		return 0;
	if (strchr(rest, '?'))
		return sbatch_bad(j, B_AFTER, err,
				  tr("with ? (any of them) is not possible", "不支持 ?（任一）"),
				  tr("write commas: all of them", "请用逗号：全部满足"));
	list = json_array();
	while (r == 0 && (one = strsep(&rest, ",")))
		r = dependency(j, one, list, err);
	if (r == 0 && json_array_size(list) > TASK_AFTER_MAX)
		r = sbatch_bad(j, B_AFTER, err, tr("names more than 64 tasks", "超过 64 个任务"),
			       NULL);
	if (r == 0)
		json_object_set(j->out->doc, "after", list);
	json_decref(list);
	return r;
}

/* ---- environment ---- */

/* Of this machine or of one login, or a secret of ours. */
static bool stays_here(const char *name)
{
	static const char *const names[] = { "PWD", "OLDPWD", "SHLVL", "_", "HOME", "TMPDIR" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strcmp(names[i], name))
			return true;
	return !strncmp(name, "SUANLU_", 7) || !strncmp(name, "SLURM_", 6) ||
	       !strncmp(name, "SBATCH_", 7);
}

/* One variable of the caller, or all (name NULL). */
static void copy_env(struct sbatch_job *j, json_t *env, const char *name)
{
	for (char **e = j->in->environ; e && *e; e++) {
		const char *eq = strchr(*e, '=');
		char *key = eq ? arena_strndup(&j->arena, *e, (size_t)(eq - *e)) : NULL;

		if (!key || wire_env_key(key) || (name ? strcmp(name, key) : stays_here(key)))
			continue;
		if (text_is_utf8(eq + 1, strlen(eq + 1)))
			json_object_set_new(env, key, json_string(eq + 1));
	}
}

/* The next part up to a comma outside of quotes, quotes taken away. */
static const char *export_part(struct sbatch_job *j, const char *p, char **ret)
{
	char *out = arena_alloc(&j->arena, strlen(p) + 1), quote = 0;
	size_t n = 0;

	for (; *p && (quote || *p != ','); p++) {
		if (quote ? *p == quote : *p == '"' || *p == '\'')
			quote = quote ? 0 : *p;
		else
			out[n++] = *p;
	}
	*ret = out;
	return p + (*p == ',');
}

static int export(struct sbatch_job *j, struct err *err)
{
	const char *p = got(j, B_EXPORT);
	json_t *env = json_object();

	while (p && *p) {
		char *part, *eq;

		p = export_part(j, p, &part);
		eq = strchr(part, '=');
		if (eq)
			*eq = '\0';
		if (!eq && !strcmp(part, "ALL"))
			copy_env(j, env, NULL);
		else if (!eq && (!strcmp(part, "NONE") || !strcmp(part, "NIL")))
			continue;
		else if (wire_env_key(part)) {
			json_decref(env);
			return sbatch_bad(j, B_EXPORT, err,
					  tr("is ALL, NONE, or NAME and NAME=VALUE with commas",
					     "应为 ALL、NONE，或以逗号分隔的 NAME、NAME=VALUE"), NULL);
		} else if (!eq)
			copy_env(j, env, part);
		else
			json_object_set_new(env, part, json_string(eq + 1));
	}
	if (json_object_size(env) > TASK_ENV_MAX) {
		json_decref(env);
		return sbatch_bad(j, B_EXPORT, err, tr("has more than 256 variables", "超过 256 个变量"),
				  tr("name those that the job needs", "请列出作业所需的变量"));
	}
	if (json_object_size(env))
		json_object_set(j->out->doc, "env", env);
	json_decref(env);
	return 0;
}

/* ---- the rest ---- */

static int name(struct sbatch_job *j, struct err *err)
{
	const char *given = got(j, B_NAME), *slash = strrchr(j->in->path, '/');

	j->name = given ? given : slash ? slash + 1 : j->in->path;
	if (wire_printable(j->name) || !*j->name || strlen(j->name) > 128)
		return given ? sbatch_bad(j, B_NAME, err, tr("is 1 to 128 printable characters",
							     "应为 1 至 128 个可打印字符"), NULL)
			     : err_set(err, ERR_E_INPUT, "%s", tr("say --job-name: the name of the "
				       "file is none", "请给出 --job-name：文件名不能用作名称"));
	set(j, "name", json_string(j->name));
	return 0;
}

static int odds(struct sbatch_job *j, struct err *err)
{
	const char *mode = got(j, B_MODE), *in = got(j, B_INPUT), *dep = got(j, B_INVALID_DEP);
	const char *begin = got(j, B_BEGIN);

	if (mode && mode[0] != 'a' && mode[0] != 't')
		return sbatch_bad(j, B_MODE, err, tr("is append or truncate", "应为 append 或 truncate"),
				  NULL);
	if (in && strcmp(in, "/dev/null") && strcasecmp(in, "none"))
		return sbatch_bad(j, B_INPUT, err, tr("is not possible here", "此处不支持"),
				  tr("write `<FILE` behind the command in the script, or fetch it: "
				     "`#SUANLU --input=FILE=PATH`",
				     "请在脚本命令后写 `<文件`，或取入：`#SUANLU --input=文件=路径`"));
	if (dep && strcasecmp(dep, "yes"))
		return sbatch_bad(j, B_INVALID_DEP, err, tr("no is not possible here", "此处不支持 no"),
				  tr("a task fails when what it waits for can no longer happen",
				     "当所等待的条件不可能满足时，任务失败"));
	if (begin && strcasecmp(begin, "now"))
		return sbatch_bad(j, B_BEGIN, err, tr("is not possible here", "此处不支持"),
				  tr("submit it then, by cron or at; or after a task: -d afterany:ID",
				     "请届时用 cron 或 at 提交；或排在某任务之后：-d afterany:ID"));
	if (got(j, B_COMMENT))
		set(j, "meta", json_pack("{s:{s:s}}", "sbatch", "comment", got(j, B_COMMENT)));
	j->out->wait = got(j, B_WAIT) != NULL;
	j->out->dry = got(j, B_TEST) != NULL;
	return 0;
}

static int deadline(struct sbatch_job *j, struct err *err)
{
	struct err why;

	if (!got(j, B_DEADLINE))
		return 0;
	for (const struct opt *o = spec_opts; o->name; o++)
		if (!strcmp(o->name, "deadline") &&
		    spec_option(j->out->doc, o->key, got(j, B_DEADLINE), j->in->now_ms, &why) != 0)
			return sbatch_bad(j, B_DEADLINE, err,
					  tr("is like +90m or 2026-11-23T18:00:00+08:00, with the zone",
					     "应形如 +90m 或 2026-11-23T18:00:00+08:00，须含时区"), NULL);
	return 0;
}

int sbatch_fill(struct sbatch_job *j, struct err *err)
{
	if (name(j, err) || tasks(j, err) || gpus(j, err) || memory(j, err) || time_limit(j, err) ||
	    array(j, err) || dependencies(j, err) || export(j, err) || deadline(j, err) ||
	    odds(j, err))
		return ERR_E_INPUT;
	return 0;
}
