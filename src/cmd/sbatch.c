/* sbatch.c - the directives of a batch file, read as sbatch reads them */

#include "cmd/sbatch_part.h"

#include "base/mem.h"
#include "base/text.h"
#include "cmd/spec.h"
#include "domain/task.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define NO_PLACE "Suanlu does not place work within a node; remove it, the cpus are yours", \
		 "算路不安排节点内部的布局；请删除该指令"
#define NO_NODES "say where it may run with `#SUANLU --within=REGION`", \
		 "请用 `#SUANLU --within=区域` 限定运行位置"

const struct sbatch_row sbatch_rows[] = {
	{ "job-name", 'J', '=', B_NAME, NULL, NULL },
	{ "ntasks", 'n', '=', B_NTASKS, NULL, NULL },
	{ "nodes", 'N', '=', B_NODES, NULL, NULL },
	{ "ntasks-per-node", 0, '=', B_TASKS_PER_NODE, NULL, NULL },
	{ "tasks-per-node", 0, '=', B_TASKS_PER_NODE, NULL, NULL },
	{ "cpus-per-task", 'c', '=', B_CPUS, NULL, NULL },
	{ "mem", 0, '=', B_MEM, NULL, NULL },
	{ "mem-per-cpu", 0, '=', B_MEM_CPU, NULL, NULL },
	{ "mem-per-gpu", 0, '=', B_MEM_GPU, NULL, NULL },
	{ "gres", 0, '=', B_GRES, NULL, NULL },
	{ "gpus", 'G', '=', B_GPUS, NULL, NULL },
	{ "gpus-per-node", 0, '=', B_GPUS_NODE, NULL, NULL },
	{ "gpus-per-task", 0, '=', B_GPUS_TASK, NULL, NULL },
	{ "time", 't', '=', B_TIME, NULL, NULL },
	{ "array", 'a', '=', B_ARRAY, NULL, NULL },
	{ "dependency", 'd', '=', B_AFTER, NULL, NULL },
	{ "output", 'o', '=', B_OUTPUT, NULL, NULL },
	{ "error", 'e', '=', B_ERROR, NULL, NULL },
	{ "open-mode", 0, '=', B_MODE, NULL, NULL },
	{ "chdir", 'D', '=', B_CHDIR, NULL, NULL },
	{ "workdir", 0, '=', B_CHDIR, NULL, NULL },
	{ "export", 0, '=', B_EXPORT, NULL, NULL },
	{ "partition", 'p', '=', B_PARTITION, NULL, NULL },
	{ "account", 'A', '=', B_ACCOUNT, NULL, NULL },
	{ "qos", 'q', '=', B_QOS, NULL, NULL },
	{ "constraint", 'C', '=', B_CONSTRAINT, NULL, NULL },
	{ "comment", 0, '=', B_COMMENT, NULL, NULL },
	{ "input", 'i', '=', B_INPUT, NULL, NULL },
	{ "deadline", 0, '=', B_DEADLINE, NULL, NULL },
	{ "begin", 'b', '=', B_BEGIN, NULL, NULL },
	{ "kill-on-invalid-dep", 0, '=', B_INVALID_DEP, NULL, NULL },
	{ "wait", 'W', '-', B_WAIT, NULL, NULL },
	{ "test-only", 0, '-', B_TEST, NULL, NULL },

	{ "parsable", 0, '-', B_SILENT, NULL, NULL },
	{ "quiet", 'Q', '-', B_SILENT, NULL, NULL },
	{ "verbose", 'v', '-', B_SILENT, NULL, NULL },
	{ "ignore-pbs", 0, '-', B_SILENT, NULL, NULL },
	{ "requeue", 0, '-', B_SILENT, NULL, NULL },
	{ "mail-type", 0, '=', B_NOTE, "no mail is sent; `suanlu submit --wait` waits for the end",
	  "不发送邮件；可用 `suanlu submit --wait` 等待结束" },
	{ "mail-user", 0, '=', B_NOTE, "no mail is sent", "不发送邮件" },
	{ "wckey", 0, '=', B_NOTE, "is not kept", "不保存" },

	{ "no-requeue", 0, '-', B_REFUSED,
	  "a run that is lost with its machine starts again; remove it when the job bears that",
	  "随机器丢失的运行会重新开始；如作业允许，请删除该指令" },
	{ "exclusive", 0, '?', B_REFUSED,
	  "ask for all cpus and the memory of such a node instead: -c, --mem",
	  "请改用 -c 与 --mem 申请该节点的全部 CPU 和内存" },
	{ "licenses", 'L', '=', B_REFUSED, "licences are not counted here; limit an array with %N",
	  "此处不管理许可证；可用数组的 %N 限制并发" },
	{ "hold", 'H', '-', B_REFUSED, "submit it when it may run, or after a task: -d afterok:ID",
	  "请在可以运行时提交，或用 -d afterok:ID" },
	{ "nice", 0, '?', B_REFUSED, "tasks have no priority; a deadline is `#SUANLU --deadline=+2h`",
	  "任务没有优先级；截止时间用 `#SUANLU --deadline=+2h`" },
	{ "priority", 0, '=', B_REFUSED, "tasks have no priority", "任务没有优先级" },
	{ "signal", 0, '=', B_REFUSED, "at the end of its time a run gets TERM and some grace; trap that",
	  "到时限时运行会收到 TERM 并有宽限；请在脚本中捕获" },
	{ "time-min", 0, '=', B_REFUSED, "give one time: --time", "请只给出 --time" },
	{ "nodelist", 'w', '=', B_REFUSED, NO_NODES },
	{ "nodefile", 'F', '=', B_REFUSED, NO_NODES },
	{ "exclude", 'x', '=', B_REFUSED, NO_NODES },
	{ "reservation", 0, '=', B_REFUSED, "there are no reservations", "不支持预留" },
	{ "clusters", 'M', '=', B_REFUSED, "Suanlu chooses the cluster; `#SUANLU --within` bounds it",
	  "由算路选择集群；可用 `#SUANLU --within` 限定" },
	{ "cluster", 0, '=', B_REFUSED, "Suanlu chooses the cluster; `#SUANLU --within` bounds it",
	  "由算路选择集群；可用 `#SUANLU --within` 限定" },
	{ "wrap", 0, '=', B_REFUSED, "write `suanlu submit sh -c 'COMMAND'`",
	  "请写成 `suanlu submit sh -c '命令'`" },
	{ "cpus-per-gpu", 0, '=', B_REFUSED, "say --cpus-per-task", "请用 --cpus-per-task" },
	{ "mincpus", 0, '=', B_REFUSED, "say --cpus-per-task", "请用 --cpus-per-task" },
	{ "ntasks-per-gpu", 0, '=', B_REFUSED, "say --ntasks and --gpus-per-node",
	  "请用 --ntasks 与 --gpus-per-node" },
	{ "gpus-per-socket", 0, '=', B_REFUSED, "say --gpus-per-node", "请用 --gpus-per-node" },
	{ "gpu-bind", 0, '=', B_REFUSED, NO_PLACE },
	{ "gpu-freq", 0, '=', B_REFUSED, "clocks cannot be set", "不能设置频率" },
	{ "cpu-freq", 0, '=', B_REFUSED, "clocks cannot be set", "不能设置频率" },
	{ "gres-flags", 0, '=', B_REFUSED, NO_PLACE },
	{ "tres-per-task", 0, '=', B_REFUSED, "say --cpus-per-task and --gpus-per-task",
	  "请用 --cpus-per-task 与 --gpus-per-task" },
	{ "ntasks-per-core", 0, '=', B_REFUSED, NO_PLACE },
	{ "ntasks-per-socket", 0, '=', B_REFUSED, NO_PLACE },
	{ "cores-per-socket", 0, '=', B_REFUSED, NO_PLACE },
	{ "sockets-per-node", 0, '=', B_REFUSED, NO_PLACE },
	{ "threads-per-core", 0, '=', B_REFUSED, NO_PLACE },
	{ "extra-node-info", 'B', '=', B_REFUSED, NO_PLACE },
	{ "hint", 0, '=', B_REFUSED, NO_PLACE },
	{ "distribution", 'm', '=', B_REFUSED, NO_PLACE },
	{ "mem-bind", 0, '=', B_REFUSED, NO_PLACE },
	{ "core-spec", 'S', '=', B_REFUSED, NO_PLACE },
	{ "thread-spec", 0, '=', B_REFUSED, NO_PLACE },
	{ "contiguous", 0, '-', B_REFUSED, NO_NODES },
	{ "switches", 0, '=', B_REFUSED, NO_NODES },
	{ "spread-job", 0, '-', B_REFUSED, "say --nodes and --ntasks", "请用 --nodes 与 --ntasks" },
	{ "use-min-nodes", 0, '-', B_REFUSED, "say --nodes", "请用 --nodes" },
	{ "overcommit", 'O', '-', B_REFUSED, "ask for a part of a cpu: `suanlu submit --cpus 0.5`",
	  "可申请部分 CPU：`suanlu submit --cpus 0.5`" },
	{ "oversubscribe", 's', '-', B_REFUSED, "nodes are always shared, cpus never; remove it",
	  "节点总是共享，CPU 从不共享；请删除" },
	{ "tmp", 0, '=', B_REFUSED, "disks are not counted; remove it", "不统计磁盘；请删除" },
	{ "prefer", 0, '=', B_REFUSED, "features are not known; `#SUANLU --prefer=cheapest` is another"
	  " thing", "不识别节点特性；`#SUANLU --prefer=cheapest` 含义不同" },
	{ "cluster-constraint", 0, '=', B_REFUSED, NO_NODES },
	{ "no-kill", 'k', '?', B_REFUSED, "a run that loses a node starts again; remove it",
	  "失去节点的运行会重新开始；请删除" },
	{ "reboot", 0, '-', B_REFUSED, "nodes are not rebooted", "不会重启节点" },
	{ "uid", 0, '=', B_REFUSED, "the token says who you are", "身份由令牌决定" },
	{ "gid", 0, '=', B_REFUSED, "the token says who you are", "身份由令牌决定" },
	{ "get-user-env", 0, '?', B_REFUSED, "say which variables: --export=NAME,NAME=VALUE",
	  "请说明变量：--export=NAME,NAME=VALUE" },
	{ "export-file", 0, '=', B_REFUSED, "say which variables: --export=NAME,NAME=VALUE",
	  "请说明变量：--export=NAME,NAME=VALUE" },
	{ "propagate", 0, '?', B_REFUSED, "limits are the pool's; call ulimit in the script",
	  "限制由资源池决定；可在脚本中调用 ulimit" },
	{ "container", 0, '=', B_REFUSED, "name an image: `#SUANLU --image=IMAGE`",
	  "请指定镜像：`#SUANLU --image=镜像`" },
	{ "container-id", 0, '=', B_REFUSED, "name an image: `#SUANLU --image=IMAGE`",
	  "请指定镜像：`#SUANLU --image=镜像`" },
	{ "bb", 0, '=', B_REFUSED, "stage files with `#SUANLU --input` and `--output`",
	  "请用 `#SUANLU --input` 与 `--output` 传送文件" },
	{ "bbf", 0, '=', B_REFUSED, "stage files with `#SUANLU --input` and `--output`",
	  "请用 `#SUANLU --input` 与 `--output` 传送文件" },
	{ "profile", 0, '=', B_REFUSED, "`suanlu show` tells what a run used; remove it",
	  "`suanlu show` 显示用量；请删除" },
	{ "acctg-freq", 0, '=', B_REFUSED, "`suanlu show` tells what a run used; remove it",
	  "`suanlu show` 显示用量；请删除" },
	{ "power", 0, '=', B_REFUSED, "power is not managed; remove it", "不管理功耗；请删除" },
	{ "delay-boot", 0, '=', B_REFUSED, "nodes are not booted; remove it", "不启动节点；请删除" },
	{ "mcs-label", 0, '=', B_REFUSED, "say `#SUANLU --level=LEVEL`",
	  "请用 `#SUANLU --level=级别`" },
	{ NULL, 0, 0, B_REFUSED, NULL, NULL },
};

const char *sbatch_name(enum sbatch_what what)
{
	for (const struct sbatch_row *r = sbatch_rows; r->name; r++)
		if (r->what == what)
			return r->name;
	return "?";
}

static int wrong(const struct sbatch_job *j, unsigned line, const char *name, struct err *err,
		 const char *words, const char *hint)
{
	if (line)
		err_set(err, ERR_E_INPUT, "%.80s:%u: %s%.40s%s%s", j->in->path, line,
			name ? "--" : "", name ? name : "", name ? " " : "", words);
	else
		err_set(err, ERR_E_INPUT, "%s%.40s%s%s", name ? "--" : "", name ? name : "",
			name ? " " : "", words);
	if (err)
		err->line = line;
	if (hint)
		err_hint(err, "%s", hint);
	return ERR_E_INPUT;
}

int sbatch_bad(const struct sbatch_job *j, enum sbatch_what what, struct err *err,
	       const char *words, const char *hint)
{
	return wrong(j, j->got[what].line, sbatch_name(what), err, words, hint);
}

/* ---- rows ---- */

static const struct sbatch_row *row_named(const char *name, size_t n)
{
	for (const struct sbatch_row *r = sbatch_rows; r->name; r++)
		if (strlen(r->name) == n && !strncmp(r->name, name, n))
			return r;
	return NULL;
}

static const struct sbatch_row *row_letter(char c)
{
	for (const struct sbatch_row *r = sbatch_rows; r->name; r++)
		if (r->letter && r->letter == c)
			return r;
	return NULL;
}

static const struct sbatch_row *row_key(int key)
{
	return key >= SBATCH_FIRST ? &sbatch_rows[key - SBATCH_FIRST] : row_letter((char)key);
}

/* On the command line an option that can only be refused makes way for ours of that name. */
static bool is_ours(const struct sbatch_row *r)
{
	for (const struct opt *o = spec_opts; r->what == B_REFUSED && o->name; o++)
		if (!strcmp(o->name, r->name))
			return true;
	return false;
}

size_t sbatch_options(struct opt *out)
{
	size_t n = 0;

	for (const struct sbatch_row *r = sbatch_rows; r->name; r++)
		if (!is_ours(r))
			out[n++] = (struct opt){
				r->letter ? r->letter : SBATCH_FIRST + (int)(r - sbatch_rows), r->name,
				r->arg == '=' ? "VALUE" : NULL, NULL, NULL
			};
	out[n] = (struct opt){ 0, NULL, NULL, NULL, NULL };
	return n;
}

bool sbatch_has(const char *name)
{
	const struct sbatch_row *r = row_named(name, strlen(name));

	return r && !is_ours(r);
}

const char *sbatch_instead(const char *name)
{
	static const char *const of[][2] = {
		{ "name", "job-name" }, { "cpus", "cpus-per-task" }, { "walltime", "time" },
		{ "nodes", "nodes" }, { "mem", "mem" }, { "array", "array" },
		{ "after", "dependency" }, { "deadline", "deadline" },
		{ "script", "file itself" },
	};

	for (size_t i = 0; i < ARRAY_LEN(of); i++)
		if (!strcmp(of[i][0], name))
			return of[i][1];
	return NULL;
}

/* ---- values ---- */

static int take(struct sbatch_job *j, const struct sbatch_row *r, const char *value,
		unsigned line, struct err *err)
{
	char place[100] = "";

	if (r->what == B_REFUSED)
		return wrong(j, line, r->name, err, tr("is not possible here", "此处不支持"),
			     tr(r->en, r->zh));
	if (r->what == B_NOTE) {
		if (line)
			snprintf(place, sizeof(place), "%.80s:%u: ", j->in->path, line);
		buf_printf(&j->out->notes, "%s--%s: %s\n", place, r->name, tr(r->en, r->zh));
	}
	if (r->what < B_COUNT)
		j->got[r->what] = (struct sbatch_value){ value ? value : "", line };
	return 0;
}

/* Words of a directive line, quotes resolved. */
struct words {
	char *at[SBATCH_WORDS_MAX];
	size_t n;
};

/* As sbatch: a backslash keeps the next character, also within quotes; '#' outside of them
 * ends the line, also within a word. */
static const char *next_word(struct sbatch_job *j, const char *p, const char *end, char **ret,
			     bool *ret_open)
{
	char *out = arena_alloc(&j->arena, (size_t)(end - p) + 1), quote = 0;
	size_t n = 0;

	for (; p < end && (quote || !isspace((unsigned char)*p)); p++) {
		if (*p == '\\') {
			if (++p == end)
				break;
		} else if (quote && *p == quote) {
			quote = 0;
			continue;
		} else if (!quote && (*p == '"' || *p == '\'')) {
			quote = *p;
			continue;
		} else if (!quote && *p == '#') {
			p = end;
			break;
		}
		out[n++] = *p;
	}
	*ret = out;
	*ret_open = quote != 0;
	return p;
}

static int split(struct sbatch_job *j, const char *p, const char *end, unsigned line,
		 struct words *w, struct err *err)
{
	bool open = false;

	w->n = 0;
	for (;;) {
		while (p < end && isspace((unsigned char)*p))
			p++;
		if (p == end || *p == '#')
			return 0;
		if (*p == ':')
			return wrong(j, line, NULL, err,
				     tr("jobs of several parts are not possible here",
					"此处不支持异构作业"),
				     tr("submit the parts as tasks of their own",
					"请将各部分作为单独任务提交"));
		if (w->n == SBATCH_WORDS_MAX)
			return wrong(j, line, NULL, err, tr("too many words", "内容过多"), NULL);
		p = next_word(j, p, end, &w->at[w->n++], &open);
		if (open)
			return wrong(j, line, NULL, err, tr("a quote is not closed", "引号未闭合"),
				     NULL);
	}
}

static int unknown(const struct sbatch_job *j, const char *word, unsigned line, struct err *err)
{
	char words[120], hint[120] = "";
	size_t n = strcspn(word, "=");

	snprintf(words, sizeof(words), tr("sbatch has no directive %.60s", "sbatch 没有指令 %.60s"),
		 word);
	for (const struct sbatch_row *r = sbatch_rows; n > 3 && r->name; r++)
		if (!strncmp(r->name, word + 2, n - 2)) {
			snprintf(hint, sizeof(hint), tr("did you mean --%s?", "是否想用 --%s？"),
				 r->name);
			break;
		}
	return wrong(j, line, NULL, err, words, *hint ? hint : tr(
		     "doc/sbatch.md lists all; remove it, or write `##SBATCH` to switch it off",
		     "doc/sbatch.md 列出全部指令；请删除，或写成 `##SBATCH` 以停用"));
}

/* The value of words[*i], "--name=value", or the following word. */
static int value_of(const struct sbatch_job *j, const struct sbatch_row *r, const char *glued,
		    const struct words *w, size_t *i, unsigned line, const char **ret,
		    struct err *err)
{
	*ret = glued;
	if (r->arg == '-' && glued)
		return wrong(j, line, r->name, err, tr("takes no value", "不带取值"), NULL);
	if (r->arg != '=')
		return 0;
	if (!glued && *i + 1 < w->n)
		*ret = w->at[++*i];
	if (!*ret)
		return wrong(j, line, r->name, err, tr("wants a value", "缺少取值"), NULL);
	return 0;
}

static int long_word(struct sbatch_job *j, const struct words *w, size_t *i, unsigned line,
		     struct err *err)
{
	const char *word = w->at[*i], *eq = strchr(word, '='), *value;
	const struct sbatch_row *r = row_named(word + 2, eq ? (size_t)(eq - word) - 2
							    : strlen(word + 2));

	if (!r)
		return unknown(j, word, line, err);
	if (value_of(j, r, eq ? eq + 1 : NULL, w, i, line, &value, err) != 0)
		return ERR_E_INPUT;
	return take(j, r, value, line, err);
}

/* "-n4", "-Wn4", "-n 4" */
static int short_word(struct sbatch_job *j, const struct words *w, size_t *i, unsigned line,
		      struct err *err)
{
	for (const char *p = w->at[*i] + 1; *p; p++) {
		const struct sbatch_row *r = row_letter(*p);
		const char *value, *glued = r && r->arg != '-' && p[1] ? p + 1 : NULL;

		if (!r)
			return unknown(j, w->at[*i], line, err);
		if (value_of(j, r, glued, w, i, line, &value, err) != 0 ||
		    take(j, r, value, line, err) != 0)
			return ERR_E_INPUT;
		if (r->arg != '-')
			break;
	}
	return 0;
}

static int directive(struct sbatch_job *j, const char *p, const char *end, unsigned line,
		     struct err *err)
{
	struct words w;
	int r = split(j, p, end, line, &w, err);

	for (size_t i = 0; r == 0 && i < w.n; i++) {
		if (!strncmp(w.at[i], "--", 2) && w.at[i][2])
			r = long_word(j, &w, &i, line, err);
		else if (w.at[i][0] == '-' && w.at[i][1] && w.at[i][1] != '-')
			r = short_word(j, &w, &i, line, err);
		else if (!strcasecmp(w.at[i], "hetjob") || !strcasecmp(w.at[i], "packjob"))
			r = wrong(j, line, NULL, err,
				  tr("jobs of several parts are not possible here",
				     "此处不支持异构作业"), NULL);
		else
			r = unknown(j, w.at[i], line, err);
	}
	return r;
}

/* ---- #SUANLU ---- */

static const struct opt *own_option(const char *name, size_t n)
{
	static const char *const alias[][2] = {
		{ "data-level", "level" }, { "stay-within", "within" },
		{ "max-latency-ms", "latency" }, { "idempotency-key", "key" },
	};

	for (size_t i = 0; i < ARRAY_LEN(alias); i++)
		if (strlen(alias[i][0]) == n && !strncmp(alias[i][0], name, n)) {
			name = alias[i][1];
			n = strlen(name);
		}
	for (const struct opt *o = spec_opts; o->name; o++)
		if (strlen(o->name) == n && !strncmp(o->name, name, n))
			return o;
	return NULL;
}

static int own_word(struct sbatch_job *j, const struct words *w, size_t *i, unsigned line,
		    struct err *err)
{
	const char *word = w->at[*i], *eq = strchr(word, '='), *value = eq ? eq + 1 : NULL;
	size_t n = eq ? (size_t)(eq - word) : strlen(word);
	const struct opt *o = strncmp(word, "--", 2) ? NULL : own_option(word + 2, n - 2);
	char words[160];
	json_t *text;

	if (!o || sbatch_instead(o->name)) {
		snprintf(words, sizeof(words), "%s %.60s",
			 o ? tr("#SUANLU has no", "#SUANLU 没有")
			   : tr("suanlu submit has no option", "suanlu submit 没有选项"), word);
		return wrong(j, line, NULL, err, words, o ? tr("use the #SBATCH directive for it",
							       "请用相应的 #SBATCH 指令")
			     : tr("see suanlu submit --help", "参见 suanlu submit --help"));
	}
	if (!value && *i + 1 < w->n)
		value = w->at[++*i];
	if (!value)
		return wrong(j, line, o->name, err, tr("wants a value", "缺少取值"), NULL);
	text = json_string(value);
	if (!text)
		return wrong(j, line, o->name, err, tr("is not valid UTF-8", "不是有效的 UTF-8"),
			     NULL);
	json_array_append_new(j->suanlu, json_pack("[i, o, i]", o->key, text, (int)line));
	return 0;
}

static int own_directive(struct sbatch_job *j, const char *p, const char *end, unsigned line,
			 struct err *err)
{
	struct words w;
	int r = split(j, p, end, line, &w, err);

	for (size_t i = 0; r == 0 && i < w.n; i++)
		r = own_word(j, &w, &i, line, err);
	return r;
}

/* ---- the file ---- */

static bool begins(const char *p, const char *end, const char *word)
{
	return (size_t)(end - p) >= strlen(word) && !memcmp(p, word, strlen(word));
}

static const char *line_end(const char *p, const char *end)
{
	const char *nl = memchr(p, '\n', (size_t)(end - p));

	return nl ? nl : end;
}

static bool is_command(const char *p, const char *end)
{
	while (p < end && isspace((unsigned char)*p))
		p++;
	return p < end && *p != '#';
}

static int file(struct sbatch_job *j, struct err *err)
{
	const char *p = j->in->text, *end = p + j->in->len, *next;
	unsigned line = 1;
	bool over = false;
	int r = 0;

	for (; r == 0 && p < end; p = next + 1, line++) {
		next = line_end(p, end);
		if (over && begins(p, next, "#SBATCH")) {
			buf_printf(&j->out->notes, tr(
				"%.80s:%u: #SBATCH after the first command is not read, as by sbatch\n",
				"%.80s:%u：首条命令之后的 #SBATCH 不会被读取（与 sbatch 相同）\n"),
				j->in->path, line);
			break;
		}
		over |= is_command(p, next);
		if (!over && begins(p, next, "#SBATCH"))
			r = directive(j, p + 7, next, line, err);
		else if (!over && begins(p, next, "#SUANLU"))
			r = own_directive(j, p + 7, next, line, err);
		if (next == end)
			break;
	}
	return r;
}

static int check_text(struct sbatch_job *j, struct err *err)
{
	const struct sbatch_in *in = j->in;
	const char *end = line_end(in->text, in->text + in->len), *p = in->text + 2;

	if (!in->len || memchr(in->text, '\0', in->len) || !text_is_utf8(in->text, in->len))
		return wrong(j, 1, NULL, err, tr("this is not a text", "不是文本文件"), NULL);
	if (!begins(in->text, end, "#!") || !is_command(p, end))
		return wrong(j, 1, NULL, err,
			     tr("a batch file begins with #! and the path of an interpreter",
				"作业文件首行须以 #! 和解释器路径开头"),
			     tr("write #!/bin/bash in the first line", "首行请写 #!/bin/bash"));
	if (memchr(in->text, '\r', in->len))
		return wrong(j, 1, NULL, err, tr("the lines end as on Windows", "换行符为 Windows 格式"),
			     tr("convert the file with dos2unix", "请用 dos2unix 转换"));
	while (isspace((unsigned char)*p))
		p++;
	j->shebang = arena_strndup(&j->arena, p, (size_t)(end - p));
	return 0;
}

/* Options for one amount may stand once in the file; one of the command line takes the place of
 * them all. */
static void give_way(struct sbatch_job *j, enum sbatch_what what)
{
	static const enum sbatch_what groups[][5] = {
		{ B_MEM, B_MEM_CPU, B_MEM_GPU, B_COUNT, B_COUNT },
		{ B_GRES, B_GPUS, B_GPUS_NODE, B_GPUS_TASK, B_COUNT },
	};

	for (size_t g = 0; g < ARRAY_LEN(groups); g++)
		for (const enum sbatch_what *m = groups[g]; *m != B_COUNT; m++)
			for (const enum sbatch_what *o = groups[g]; *m == what && *o != B_COUNT; o++)
				if (j->got[*o].line)
					j->got[*o].text = NULL;
}

int sbatch_read(struct sbatch_job *j, struct err *err)
{
	int r = check_text(j, err);

	if (r == 0)
		r = file(j, err);
	for (size_t i = 0; r == 0 && i < j->in->ngiven; i++) {
		const struct sbatch_row *row = row_key(j->in->given[i].key);

		if (row->what < B_COUNT)
			give_way(j, row->what);
		r = take(j, row, j->in->given[i].value, 0, err);
	}
	return r;
}

bool sbatch_named(const char *path)
{
	static const char *const tails[] = { ".job", ".sbatch", ".slurm" };
	size_t n = strlen(path);

	for (size_t i = 0; i < ARRAY_LEN(tails); i++)
		if (n > strlen(tails[i]) && !strcmp(path + n - strlen(tails[i]), tails[i]))
			return true;
	return false;
}

bool sbatch_is(const char *text, size_t len)
{
	const char *end = text + len;

	if (!begins(text, end, "#!"))
		return false;
	for (const char *p = text; p < end; p = line_end(p, end) + 1)
		if (begins(p, end, "#SBATCH"))
			return true;
	return false;
}

/* ---- all of it ---- */

static int own_options(struct sbatch_job *j, struct err *err)
{
	const json_t *three;
	struct err why;
	size_t i;

	json_array_foreach(j->suanlu, i, three) {
		unsigned line = (unsigned)json_integer_value(json_array_get(three, 2));

		if (spec_option(j->out->doc, (int)json_integer_value(json_array_get(three, 0)),
				json_string_value(json_array_get(three, 1)), j->in->now_ms,
				&why) != 0)
			return wrong(j, line, NULL, err, why.text, why.hint[0] ? why.hint : NULL);
	}
	return 0;
}

static int script(struct sbatch_job *j, struct err *err)
{
	json_t *text;
	struct buf b;
	int r;

	buf_init(&b, TASK_SCRIPT_MAX);
	r = sbatch_script(j, &b, err);
	if (r == 0 && b.full)
		r = err_set(err, ERR_E_INPUT, tr("%.80s is too large: %d KB with what is added",
						 "%.80s 过大：连同附加内容超过 %d KB"),
			    j->in->path, TASK_SCRIPT_MAX >> 10);
	text = r == 0 ? json_stringn(b.data, b.len) : NULL;
	if (r == 0 && !text)
		r = err_set(err, ERR_E_INPUT, "%s", tr("an argument is not valid UTF-8",
						       "有参数不是有效的 UTF-8"));
	if (text)
		json_object_set_new(j->out->doc, "script", text);
	buf_done(&b);
	return r;
}

int sbatch_task(const struct sbatch_in *in, struct sbatch_out *ret, struct err *err)
{
	struct sbatch_job j = { .in = in, .out = ret, .suanlu = json_array() };
	int r;

	*ret = (struct sbatch_out){ .doc = json_object() };
	buf_init(&ret->notes, 64 << 10);
	arena_init(&j.arena);
	r = sbatch_read(&j, err);
	if (r == 0)
		r = sbatch_fill(&j, err);
	if (r == 0)
		r = sbatch_mapped(&j, err);
	if (r == 0)
		r = own_options(&j, err);
	if (r == 0)
		r = script(&j, err);
	json_decref(j.suanlu);
	arena_done(&j.arena);
	return r;
}

void sbatch_done(struct sbatch_out *o)
{
	json_decref(o->doc);
	o->doc = NULL;
	buf_done(&o->notes);
}
