/* sbatch_script.c - the script that a pool runs: Slurm's variables, then the batch file
 *
 * The file itself is carried as a here-document and run by its own interpreter.  On a
 * pool that is a Slurm cluster the real job's variables are there already and stay.
 */

#include "cmd/sbatch_part.h"

#include "base/mem.h"
#include "base/text.h"
#include "domain/task.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void quote(struct buf *b, const char *s, size_t n)
{
	buf_str(b, "'");
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\'')
			buf_str(b, "'\\''");
		else
			buf_add(b, &s[i], 1);
	}
	buf_str(b, "'");
}

static void word(struct buf *b, const char *s)
{
	quote(b, s, strlen(s));
}

static void export(struct buf *b, const char *name, const char *value)
{
	buf_printf(b, "export %s=", name);
	word(b, value);
	buf_str(b, "\n");
}

static void export_n(struct buf *b, const char *name, uint64_t n)
{
	buf_printf(b, "export %s=%" PRIu64 "\n", name, n);
}

/* ---- variables ---- */

/* The number of an element is that of the submission and its place among the indices: turned
 * round here for the runs of equal steps that they form. */
static int array_lines(struct sbatch_job *j, struct buf *b)
{
	const uint32_t *v;
	uint32_t n, limit, from = 0;

	if (array_parse(j->got[B_ARRAY].text, &j->arena, &v, &n, &limit, NULL) != 0)
		return 1;
	buf_str(b, "export SLURM_ARRAY_TASK_ID=$SUANLU_ARRAY_INDEX\n");
	while (from < n) {
		uint32_t step = from + 1 < n ? v[from + 1] - v[from] : 1, to = from;

		while (to + 1 < n && v[to + 1] - v[to] == step)
			to++;
		buf_printf(b, "%sif [ $SLURM_ARRAY_TASK_ID -le %u ]; then suanlu_at=$(("
			   "(SLURM_ARRAY_TASK_ID - %u) / %u + %u))\n", from ? "el" : "", v[to],
			   v[from], step, from);
		from = to + 1;
	}
	buf_str(b, "fi\nexport SLURM_ARRAY_JOB_ID=$((SUANLU_TASK - suanlu_at))\n");
	export_n(b, "SLURM_ARRAY_TASK_COUNT", n);
	export_n(b, "SLURM_ARRAY_TASK_MIN", v[0]);
	export_n(b, "SLURM_ARRAY_TASK_MAX", v[n - 1]);
	export_n(b, "SLURM_ARRAY_TASK_STEP", n > 1 ? v[1] - v[0] : 1);
	return 0;
}

static void optional(struct sbatch_job *j, struct buf *b, enum sbatch_what what, const char *name)
{
	if (j->got[what].text)
		export(b, name, j->got[what].text);
}

static void variables(struct sbatch_job *j, struct buf *b)
{
	buf_str(b, "suanlu_host=$(uname -n)\nsuanlu_host=${suanlu_host%%.*}\n"
		"if [ -z \"${SLURM_JOB_ID-}\" ]; then\n"
		"export SLURM_JOB_ID=$SUANLU_TASK SLURM_JOBID=$SUANLU_TASK\n"
		"export SLURM_JOB_NODELIST=$suanlu_host SLURM_NODELIST=$suanlu_host"
		" SLURMD_NODENAME=$suanlu_host\n"
		"export SLURM_NODEID=0 SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_TASK_PID=$$\n"
		"export SLURM_CPUS_ON_NODE=$SUANLU_CPUS SLURM_JOB_CPUS_PER_NODE=$SUANLU_CPUS\n"
		"if [ -n \"${SUANLU_ACCELS-}\" ]; then\n"
		"export SLURM_JOB_GPUS=$SUANLU_ACCELS\n"
		"export CUDA_VISIBLE_DEVICES=${CUDA_VISIBLE_DEVICES-$SUANLU_ACCELS}\nfi\n");
	export_n(b, "SLURM_NTASKS", j->ntasks);
	export_n(b, "SLURM_NPROCS", j->ntasks);
	export_n(b, "SLURM_JOB_NUM_NODES", j->nodes);
	export_n(b, "SLURM_NNODES", j->nodes);
	export_n(b, "SLURM_NTASKS_PER_NODE", j->tasks_per_node);
	export_n(b, "SLURM_CPUS_PER_TASK", j->cpus_per_task);
	if (j->mem_cpu)
		export_n(b, "SLURM_MEM_PER_CPU", j->mem_cpu);
	else if (j->mem_node)
		export_n(b, "SLURM_MEM_PER_NODE", j->mem_node);
	if (j->gpus)
		export_n(b, "SLURM_GPUS_ON_NODE", j->gpus);
	optional(j, b, B_PARTITION, "SLURM_JOB_PARTITION");
	optional(j, b, B_ACCOUNT, "SLURM_JOB_ACCOUNT");
	optional(j, b, B_QOS, "SLURM_JOB_QOS");
	buf_str(b, "fi\n");
	export(b, "SLURM_JOB_NAME", j->name);
	export(b, "SLURM_JOB_USER", j->in->user);
	export(b, "SLURM_SUBMIT_DIR", j->in->dir);
	export(b, "SLURM_SUBMIT_HOST", j->in->host);
	buf_str(b, "export SUANLU_WORK_DIR=\"$PWD\"\n");
}

/* ---- file name patterns ---- */

/* What stands for one letter in a word of sh between double quotes; NULL: not possible. */
static const char *symbol(const struct sbatch_job *j, char c)
{
	bool array = j->got[B_ARRAY].text;

	switch (c) {
	case 'A':
		return array ? "$SLURM_ARRAY_JOB_ID" : "$SLURM_JOB_ID";
	case 'a':               /* sbatch's own figure for "no array" */
		return array ? "$SLURM_ARRAY_TASK_ID" : "4294967294";
	case 'b':
		return array ? "$((SLURM_ARRAY_TASK_ID % 10))" : "4";
	case 'j':
	case 'J':
		return "$SLURM_JOB_ID";
	case 'N':
		return "$suanlu_host";
	case 'n':
	case 't':
		return "0";
	case 'u':
		return "$SLURM_JOB_USER";
	case 'x':
		return "$SLURM_JOB_NAME";
	default:
		return NULL;
	}
}

/* At a '%' that stands for something: "%%", "%j", "%4a".  The number of characters, 0: wrong. */
static size_t replacement(const struct sbatch_job *j, const char *p, struct buf *b)
{
	const char *s, *at = p + 1;
	unsigned width = 0;

	if (*at == '%') {
		buf_str(b, "'%'");
		return 2;
	}
	while (isdigit((unsigned char)*at) && width < 100)
		width = width * 10 + (unsigned)(*at++ - '0');
	s = symbol(j, *at);
	if (!s)
		return 0;
	width = width > 10 ? 10 : width;
	if (width && strchr("AajJbnt", *at))
		buf_printf(b, "\"$(printf %%0%ud \"%s\")\"", width, s);
	else
		buf_printf(b, "\"%s\"", s);
	return (size_t)(at - p) + 1;
}

/* suanlu_NAME=… from a pattern.  A backslash in it switches the symbols off, as in sbatch. */
static int file_line(struct sbatch_job *j, enum sbatch_what what, struct buf *b, struct err *err)
{
	const char *p = j->got[what].text;
	bool plain = strchr(p, '\\');

	if (!*p || !strcasecmp(p, "none"))
		p = "/dev/null";
	buf_printf(b, "suanlu_%s=", sbatch_name(what));
	if (*p != '/')
		buf_str(b, "\"$suanlu_dir\"/");
	while (*p) {
		size_t n = plain ? strcspn(p, "\\") : strcspn(p, "%");

		if (n)
			quote(b, p, n);
		p += n;
		if (!*p)
			break;
		n = plain ? 1 : replacement(j, p, b);
		if (!n)
			return sbatch_bad(j, what, err, tr("has a % that stands for nothing here",
							   "中的 % 符号此处不支持"),
					  tr("possible are %j %A %a %b %x %u %N %n %t, and %% for one %",
					     "支持 %j %A %a %b %x %u %N %n %t，以及 %% 表示百分号"));
		p += n;
	}
	buf_str(b, "\n");
	return 0;
}

static void open_lines(const struct sbatch_job *j, enum sbatch_what what, struct buf *b)
{
	const char *name = sbatch_name(what);
	const char *mode = j->got[B_MODE].text;

	buf_printf(b, "[ ! -d \"$suanlu_%s\" ] && { true %s\"$suanlu_%s\"; } 2>/dev/null ||\n"
		   "\tsuanlu_fail \"--%s: $suanlu_%s cannot be written on this pool: its directory "
		   "must be there, and the run may write into it\"\n", name,
		   mode && mode[0] == 'a' ? ">>" : ">", name, name, name);
}

/* ---- where it runs ---- */

static bool has_files(const struct sbatch_job *j)
{
	return json_object_get(j->out->doc, "inputs") || json_object_get(j->out->doc, "outputs");
}

static void directory(struct sbatch_job *j, struct buf *b)
{
	const char *to = j->got[B_CHDIR].text;

	buf_str(b, "suanlu_dir=");
	if (to && *to == '/') {
		word(b, to);
	} else {
		buf_str(b, "\"$SLURM_SUBMIT_DIR\"");
		if (to) {
			buf_str(b, "/");
			word(b, to);
		}
	}
	buf_str(b, "\n");
	if (to)
		buf_str(b, "cd -- \"$suanlu_dir\" 2>/dev/null || suanlu_fail \"--chdir: $suanlu_dir "
			"cannot be entered on this pool\"\n");
	else if (!has_files(j))
		buf_str(b, "cd -- \"$suanlu_dir\" 2>/dev/null ||\n"
			"\tsuanlu_say \"$suanlu_dir, where it was submitted, cannot be entered on this pool; "
			"the job runs in its work directory\"\n");
}

/* ---- the batch file ---- */

static bool has_line(const char *text, size_t len, const char *line)
{
	size_t n = strlen(line);
	const char *end = text + len, *next;

	for (const char *p = text; p < end; p = next + 1) {
		if ((size_t)(end - p) >= n && !memcmp(p, line, n) && (p + n == end || p[n] == '\n'))
			return true;
		next = memchr(p, '\n', (size_t)(end - p));
		if (!next)
			return false;
	}
	return false;
}

static void carry(struct sbatch_job *j, struct buf *b)
{
	const struct sbatch_in *in = j->in;
	char mark[40];
	unsigned n = 0;

	do
		snprintf(mark, sizeof(mark), "END_OF_BATCH_FILE_%u", n++);
	while (has_line(in->text, in->len, mark));
	buf_str(b, "suanlu_own=$SUANLU_WORK_DIR/.suanlu\n"
		"mkdir -p -- \"$suanlu_own\" || exit 1\n");
	buf_printf(b, "cat >\"$suanlu_own/slurm_script\" <<'%s' || exit 1\n", mark);
	buf_add(b, in->text, in->len);
	buf_printf(b, "%s%s\n", in->text[in->len - 1] == '\n' ? "" : "\n", mark);
}

/* As the kernel reads it: the path, and what follows as one argument. */
static void interpreter(struct sbatch_job *j, struct buf *b)
{
	const char *s = j->shebang;
	size_t n = strcspn(s, " \t"), end = strlen(s);

	while (end > n && isspace((unsigned char)s[end - 1]))
		end--;
	quote(b, s, n);
	n += strspn(s + n, " \t");
	if (n < end) {
		buf_str(b, " ");
		quote(b, s + n, end - n);
	}
	buf_str(b, " \"$suanlu_own/slurm_script\"");
	for (int i = 0; i < j->in->argc; i++) {
		buf_str(b, " ");
		word(b, j->in->argv[i]);
	}
}

/* The file is written while the job runs, and the node's own log as well.  TERM comes to the
 * whole group: the copies outlive it, so that a job's last words arrive.  What a job
 * leaves behind may hold a pipe open, so their end is awaited for ten seconds only. */
static const char copies[] =
	"trap : TERM\n"
	"mkfifo -- \"$suanlu_own/out\" \"$suanlu_own/err\" || exit 1\n"
	"(trap '' TERM; exec tee -a -- \"$suanlu_output\") <\"$suanlu_own/out\" &\n"
	"suanlu_t1=$!\n"
	"(trap '' TERM; exec tee -a -- \"$suanlu_error\" >&2) <\"$suanlu_own/err\" &\n"
	"suanlu_t2=$!\n";

static const char copied[] =
	"suanlu_code=$? suanlu_n=0\n"
	"while [ $suanlu_n -lt 500 ] && { kill -0 $suanlu_t1 || kill -0 $suanlu_t2; } 2>/dev/null\n"
	"do\n"
	"	sleep 0.02\n"
	"	suanlu_n=$((suanlu_n + 1))\n"
	"done\n"
	"exit $suanlu_code\n";

static int run(struct sbatch_job *j, struct buf *b, struct err *err)
{
	bool out = j->got[B_OUTPUT].text, error = j->got[B_ERROR].text;

	if (!out && !error) {
		buf_str(b, "exec ");
		interpreter(j, b);
		buf_str(b, "\n");
		return 0;
	}
	buf_str(b, "suanlu_output=/dev/null\n");
	if (out && file_line(j, B_OUTPUT, b, err) != 0)
		return ERR_E_INPUT;
	if (error && file_line(j, B_ERROR, b, err) != 0)
		return ERR_E_INPUT;
	if (out)
		open_lines(j, B_OUTPUT, b);
	if (error)
		open_lines(j, B_ERROR, b);
	else
		buf_str(b, "suanlu_error=$suanlu_output\n");
	buf_str(b, copies);
	interpreter(j, b);
	buf_str(b, " >\"$suanlu_own/out\" 2>\"$suanlu_own/err\"\n");
	buf_str(b, copied);
	return 0;
}

int sbatch_script(struct sbatch_job *j, struct buf *b, struct err *err)
{
	buf_str(b, "# made by suanlu from a batch file, which follows below\n"
		"suanlu_say() {\n\tprintf 'suanlu: %s\\n' \"$1\" >&2\n}\n"
		"suanlu_fail() {\n\tsuanlu_say \"$1\"\n\texit 1\n}\n");
	if (j->got[B_ARRAY].text && array_lines(j, b) != 0)
		return sbatch_bad(j, B_ARRAY, err, tr("is not an array", "不是数组"), NULL);
	variables(j, b);
	carry(j, b);
	directory(j, b);
	return run(j, b, err);
}
