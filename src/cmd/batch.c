/* batch.c - `suanlu submit job.sbatch`: the command line around sbatch.h */

#include "cmd/batch.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "cmd/spec.h"
#include "domain/task.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct opt *named(const struct opt *table, const char *name, size_t n)
{
	for (; table->name; table++)
		if (strlen(table->name) == n && !strncmp(table->name, name, n))
			return table;
	return NULL;
}

static const struct opt *lettered(const struct opt *table, char c)
{
	for (; table->name; table++)
		if (table->key == c)
			return table;
	return NULL;
}

/* Does the option in `word` take the next word as its value? */
static bool takes_next(const char *word, const struct opt *const *tables)
{
	const struct opt *o = NULL;

	if (word[1] == '-') {
		if (strchr(word, '='))
			return false;
		for (; !o && *tables; tables++)
			o = named(*tables, word + 2, strlen(word + 2));
		return o && o->arg;
	}
	for (const char *p = word + 1; *p; p++) {
		o = NULL;
		for (size_t i = 0; !o && tables[i]; i++)
			o = lettered(tables[i], *p);
		if (o && o->arg)
			return !p[1];
	}
	return false;
}

static char *operand(int argc, char **argv, const struct opt *own)
{
	struct opt rows[SBATCH_OPTS_MAX];
	const struct opt *const tables[] = { own, spec_opts, opt_globals, rows, NULL };

	sbatch_options(rows);
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--"))
			return NULL;
		if (argv[i][0] != '-' || !argv[i][1])
			return argv[i];
		i += takes_next(argv[i], tables);
	}
	return NULL;
}

/* Regular files only: a fifo would wait. */
static int read_file(const char *path, struct buf *b, struct err *err)
{
	_cleanup_(mem_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char chunk[16384];
	struct stat st;
	ssize_t n = 0;

	if (fd < 0 || fstat(fd, &st) != 0)
		return err_set(err, ERR_E_INPUT, tr("could not open %.150s: %s", "无法打开 %.150s：%s"),
			       path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_E_INPUT, tr("%.150s is not a file", "%.150s 不是文件"), path);
	while (!b->full && (n = read(fd, chunk, sizeof(chunk))) > 0)
		buf_add(b, chunk, (size_t)n);
	if (b->full)
		return err_set(err, ERR_E_INPUT, tr("%.150s is larger than %d KB", "%.150s 超过 %d KB"),
			       path, TASK_SCRIPT_MAX >> 10);
	if (n < 0)
		return err_set(err, ERR_E_INPUT, tr("could not read %.150s: %s", "无法读取 %.150s：%s"),
			       path, strerror(errno));
	return 0;
}

bool batch_find(int argc, char **argv, const struct opt *own, struct batch *ret, int *ret_r,
		struct err *err)
{
	memset(ret, 0, sizeof(*ret));
	buf_init(&ret->text, TASK_SCRIPT_MAX);
	ret->path = operand(argc, argv, own);
	*ret_r = 0;
	if (!ret->path)
		return false;
	*ret_r = read_file(ret->path, &ret->text, err);
	if (*ret_r == 0 && sbatch_is(ret->text.data, ret->text.len))
		return true;
	return sbatch_named(ret->path) && access(ret->path, X_OK) != 0;
}

void batch_done(struct batch *b)
{
	buf_done(&b->text);
}

static const char *user_name(void)
{
	const struct passwd *pw = getpwuid(getuid());

	return pw ? pw->pw_name : "nobody";
}

int batch_task(const struct batch *b, int argc, char **argv, struct sbatch_out *ret,
	       struct err *err)
{
	const char *map = b->map ? b->map : getenv("SUANLU_SBATCH_MAP");
	char dir[PATH_MAX] = "/", host[HOST_NAME_MAX + 1] = "";
	json_t *doc = NULL;
	int r;

	*ret = (struct sbatch_out){ .doc = NULL };
	if (!getcwd(dir, sizeof(dir)))
		return err_set(err, ERR_E_INPUT, tr("the current directory is gone: %s",
						    "当前目录已不存在：%s"), strerror(errno));
	gethostname(host, sizeof(host) - 1);
	if (map && *map && spec_file(map, &doc, err) != 0)
		return ERR_E_INPUT;
	r = sbatch_task(&(struct sbatch_in){
		.path = b->path, .text = b->text.data, .len = b->text.len, .given = b->given,
		.ngiven = b->ngiven, .argc = argc, .argv = argv, .dir = dir, .user = user_name(),
		.host = host, .environ = environ, .map = doc, .now_ms = clock_now_ms(),
	}, ret, err);
	json_decref(doc);
	return r;
}
