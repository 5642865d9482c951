/* tes_script.c - the shell script that a TES task runs as
 *
 * TES paths are those of a container.  Below the work directory, `root` holds the task's
 * own files at these paths.  With bubblewrap, an executor sees `root` as its root
 * directory and, wherever the task has nothing of its own, what the machine has there.
 * Without it the executor runs on the machine as it is and its paths are written as
 * $R/path: that is exact for arguments and values that are such a path or end in =path;
 * where a path stands elsewhere, the executor is refused.
 */

#include "api/tes.h"

#include <stdlib.h>
#include <string.h>

/* One directory of the task.  scratch: empty at the start, nothing of the machine's. */
struct dir {
	const char *path;               /* "" is the root */
	bool scratch;
	bool leaf;                      /* named by the task, so that paths below it are its own */
};

struct plan {
	const struct tes_doc *doc;
	uint32_t ndirs;
	struct dir *dirs;               /* parents before children */
};

static const char helpers[] =
	"suanlu_tell() { printf 'suanlu: %s: %s\\n' \"$SUANLU_RUN\" \"$1\" >&2; }\n"
	"suanlu_no() { suanlu_tell \"$1\"; exit 125; }\n"
	"suanlu_now() { date -u +%Y-%m-%dT%H:%M:%S.%3NZ; }\n"
	/* What the machine has in directory $1 and the task has not. */
	"suanlu_host() {\n"
	"	for e in \"$1\"/* \"$1\"/.[!.]* \"$1\"/..?*; do\n"
	"		if [ -e \"root$e\" ] || [ -L \"root$e\" ]; then continue\n"
	"		elif [ -L \"$e\" ]; then ln -s \"$(readlink \"$e\")\" \"root$e\"\n"
	"		elif [ -e \"$e\" ]; then printf '%s\\0' --dev-bind \"$e\" \"$e\" >>box\n"
	"		fi\n"
	"	done\n"
	"}\n"
	/* A file that is still to be written is the task's even if the machine has one. */
	"suanlu_claim() { for p; do [ -e \"root$p\" ] || mkdir \"root$p\"; done; }\n"
	"suanlu_unclaim() { for p; do rmdir \"root$p\" 2>/dev/null; done; }\n"
	"suanlu_box() {\n"
	"	box= R=$PWD/root\n"
	"	command -v bwrap >/dev/null || return 0\n"
	"	for try in '--die-with-parent' '--die-with-parent --unshare-user'; do\n"
	"		if bwrap $try --args 9 --chdir / -- /bin/sh -c : 9<box 2>box.err; then\n"
	"			box=$try R=\n"
	"			return 0\n"
	"		fi\n"
	"	done\n"
	"	why=$(head -c 200 box.err | tr '\\n' ' ')\n"
	"	suanlu_tell \"bubblewrap does not work here: $why\"\n"
	"}\n"
	"suanlu_boxed() {\n"
	"	[ -n \"$box\" ] || suanlu_no \"executor $1 names its files within its\"\\\n"
	"\" command or a script; that needs bubblewrap on this machine\"\n"
	"}\n"
	"suanlu_exec() {\n"
	"	wd=$1; shift\n"
	"	if [ -n \"$box\" ]; then\n"
	"		exec bwrap $box --args 9 --chdir \"$wd\" -- \\\n"
	"			/bin/sh -c 'exec \"$@\"' sh \"$@\" 9<box\n"
	"	fi\n"
	"	cd \"$wd\" && exec \"$@\"\n"
	"}\n"
	"suanlu_began() {\n"
	"	[ \"$1\" = 1 ] ||\n"
	"		printf 'suanlu: %s: executor %s began\\n' \"$SUANLU_RUN\" \"$1\"\n"
	"	suanlu_tell \"executor $1 began $(suanlu_now)\"\n"
	"}\n"
	/* 125 is for what is not the executor's fault: see tes_state(). */
	"suanlu_ended() {\n"
	"	suanlu_tell \"executor $1 ended $(suanlu_now) exit $2\"\n"
	"	[ \"$2\" != 0 ] && [ -z \"$3\" ] || return 0\n"
	"	[ \"$2\" != 125 ] || exit 1\n"
	"	exit \"$2\"\n"
	"}\n"
	"suanlu_shown() { [ ! -f \"$1\" ] || tail -c 65536 -- \"$1\"; }\n"
	"suanlu_pick() {\n"
	"	n=$1 prefix=$2; shift 2\n"
	"	for f; do\n"
	"		[ -e \"$f\" ] || continue\n"
	"		to=${f#\"root$prefix\"} to=${to#/}\n"
	"		to=out/$n/${to:-${f##*/}}\n"
	"		why=$(mkdir -p -- \"${to%/*}\" && cp -RHT -- \"$f\" \"$to\" 2>&1) ||\n"
	"			suanlu_no \"output $n could not be gathered: $why\"\n"
	"	done\n"
	"}\n"
	"suanlu_size() {\n"
	"	if [ -f \"$2\" ]; then suanlu_tell \"output $1 $(stat -Lc %s -- \"$2\") \"\n"
	"	elif [ -d \"$2\" ]; then\n"
	"		find \"$2/\" -type f -printf '%s %P\\n' | head -n 1000 |\n"
	"		while IFS= read -r line; do suanlu_tell \"output $1 $line\"; done\n"
	"	fi\n"
	"}\n";

/* ---- quoting ---- */

static void quote(struct buf *b, const char *s, size_t n)
{
	const char *end = s + n, *q;

	buf_str(b, "'");
	while ((q = memchr(s, '\'', (size_t)(end - s)))) {
		buf_add(b, s, (size_t)(q - s));
		buf_str(b, "'\\''");
		s = q + 1;
	}
	buf_add(b, s, (size_t)(end - s));
	buf_str(b, "'");
}

static void word(struct buf *b, const char *s)
{
	buf_str(b, " ");
	quote(b, s, strlen(s));
}

/* A file of the task, as the script itself sees it. */
static void file_word(struct buf *b, const char *path)
{
	buf_str(b, " root");
	quote(b, path, strlen(path));
}

json_t *tes_unquote(const char *script, int64_t offset, int64_t n)
{
	int64_t len = script ? (int64_t)strlen(script) : 0;
	const char *s, *end;
	struct buf b;
	json_t *v;

	if (offset < 0 || n < 2 || offset > len || n > len - offset)
		return NULL;
	s = script + offset + 1;
	end = script + offset + n - 1;
	buf_init(&b, (size_t)n + 1);
	while (s < end) {
		const char *q = memchr(s, '\'', (size_t)(end - s));

		buf_add(&b, s, (size_t)((q ? q : end) - s));
		if (!q)
			break;
		buf_str(&b, "'");
		s = q + 4;              /* '\'' */
	}
	v = json_stringn(b.data, b.len);
	buf_done(&b);
	return v;
}

/* ---- directories ---- */

static struct dir *dir_find(struct plan *p, const char *path)
{
	for (uint32_t i = 0; i < p->ndirs; i++)
		if (!strcmp(p->dirs[i].path, path))
			return &p->dirs[i];
	return NULL;
}

/* One more, if there is room, after its parents.  "/" and "" are the root. */
static void dir_add(struct plan *p, const char *path, bool scratch)
{
	struct arena *a = p->doc->arena;
	struct dir *d;

	if (!strcmp(path, "/"))
		return;
	for (const char *s = strchr(path + 1, '/'); ; s = strchr(s + 1, '/')) {
		const char *part = s ? arena_strndup(a, path, (size_t)(s - path)) : path;

		if (!dir_find(p, part) && p->ndirs < TES_DIRS_MAX)
			p->dirs[p->ndirs++] = (struct dir){ .path = part };
		if (!s)
			break;
	}
	d = dir_find(p, path);
	if (d) {
		d->scratch |= scratch;
		d->leaf = true;
	}
}

static void dir_of(struct plan *p, const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	if (slash && slash != path)
		dir_add(p, arena_strndup(p->doc->arena, path, (size_t)(slash - path)), false);
}

/* The part of a pattern before its first wildcard, up to a slash. */
static const char *fixed_dir(struct arena *a, const char *pattern)
{
	size_t n = strcspn(pattern, "*?[");

	while (n > 1 && pattern[n - 1] != '/')
		n--;
	return arena_strndup(a, pattern, n > 1 ? n - 1 : 1);
}

static void dirs_collect(struct plan *p)
{
	const struct tes_doc *t = p->doc;

	p->dirs = arena_array(t->arena, TES_DIRS_MAX, sizeof(*p->dirs));
	p->dirs[p->ndirs++] = (struct dir){ .path = "" };
	dir_add(p, "/tmp", true);
	for (uint32_t i = 0; i < t->nvolumes; i++)
		dir_add(p, t->volumes[i], true);
	for (uint32_t i = 0; i < t->ninputs; i++)
		t->inputs[i].dir ? dir_add(p, t->inputs[i].path, true)
				 : dir_of(p, t->inputs[i].path);
	for (uint32_t i = 0; i < t->noutputs; i++) {
		const struct tes_output *o = &t->outputs[i];

		if (o->wild)
			dir_add(p, fixed_dir(t->arena, o->path), true);
		else if (o->dir)
			dir_add(p, o->path, true);
		else
			dir_of(p, o->path);
	}
	for (uint32_t i = 0; i < t->nexecutors; i++) {
		const struct tes_executor *x = &t->executors[i];

		if (x->workdir)
			dir_add(p, x->workdir, false);
		dir_of(p, x->in);
		dir_of(p, x->out);
		dir_of(p, x->err);
	}
}

static bool inside(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && (path[n] == '/' || !path[n]);
}

static bool in_scratch(const struct plan *p, const char *path)
{
	for (uint32_t i = 0; i < p->ndirs; i++)
		if (p->dirs[i].scratch && inside(path, p->dirs[i].path))
			return true;
	return false;
}

static bool is_own(const struct plan *p, const char *s)
{
	for (uint32_t i = 0; i < p->ndirs; i++)
		if (p->dirs[i].leaf && inside(s, p->dirs[i].path))
			return true;
	return false;
}

/* Where in `s` a path of the task's own begins: at the start, or after "=". */
static const char *own_path(const struct plan *p, const char *s)
{
	const char *equals = strchr(s, '=');

	if (is_own(p, s))
		return s;
	return equals && is_own(p, equals + 1) ? equals + 1 : NULL;
}

/* Does one of them stand anywhere in `s`? */
static bool mentions(const struct plan *p, const char *s)
{
	for (uint32_t i = 0; i < p->ndirs; i++) {
		if (!p->dirs[i].leaf)
			continue;
		for (const char *at = strstr(s, p->dirs[i].path); at;
		     at = strstr(at + 1, p->dirs[i].path))
			if (!at[strlen(p->dirs[i].path)] ||
			    !strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_.-", at[strlen(p->dirs[i].path)]))
				return true;
	}
	return false;
}

/* A word of a command or a value of its environment. */
static void put_word(struct buf *b, const struct plan *p, const char *s)
{
	const char *at = own_path(p, s);

	if (at && at != s)
		quote(b, s, (size_t)(at - s));
	if (at)
		buf_str(b, "\"$R\"");
	quote(b, at ? at : s, strlen(at ? at : s));
}

static bool word_exact(const struct plan *p, const char *s)
{
	const char *at = own_path(p, s);

	/* After the path itself another one may follow: /in/a:/in/b. */
	return at ? !mentions(p, strpbrk(at, ":, ") ? strpbrk(at, ":, ") : "") : !mentions(p, s);
}

static bool exact(const struct plan *p, const struct tes_executor *x)
{
	for (uint32_t i = 0; i < x->ncommand; i++)
		if (!word_exact(p, x->command[i]))
			return false;
	for (uint32_t i = 0; i < x->nenv; i++)
		if (!word_exact(p, x->env[2 * i + 1]))
			return false;
	for (uint32_t i = 0; i < p->doc->ninputs; i++)
		if (p->doc->inputs[i].content && mentions(p, p->doc->inputs[i].content))
			return false;
	return true;
}

/* ---- parts of the script ---- */

static void put_dirs(struct buf *b, const struct plan *p)
{
	buf_str(b, "mkdir -p root");
	for (uint32_t i = 1; i < p->ndirs; i++)
		file_word(b, p->dirs[i].path);
	buf_str(b, " || suanlu_no 'the directories of the task could not be made'\n");
	for (uint32_t i = 1; i < p->ndirs; i++) {
		if (!p->dirs[i].scratch)
			continue;
		buf_str(b, "chmod 0777");       /* as in a container: any user of it writes */
		file_word(b, p->dirs[i].path);
		buf_str(b, "\n");
	}
}

static void put_contents(struct buf *b, const struct tes_doc *t, json_t *contents)
{
	for (uint32_t i = 0; i < t->ninputs; i++) {
		const struct tes_input *in = &t->inputs[i];
		size_t at;

		if (!in->content) {
			json_array_append_new(contents, json_null());
			continue;
		}
		buf_str(b, "printf %s ");
		at = b->len;
		quote(b, in->content, strlen(in->content));
		json_array_append_new(contents, json_pack("[I,I]", (json_int_t)at,
							  (json_int_t)(b->len - at)));
		buf_str(b, " >");
		buf_str(b, "root");
		quote(b, in->path, strlen(in->path));
		buf_printf(b, " || suanlu_no 'input %u could not be written'\n", i);
	}
}

static void put_claims(struct buf *b, const struct tes_doc *t, const char *fn)
{
	buf_str(b, fn);
	for (uint32_t i = 0; i < t->noutputs; i++)
		if (!t->outputs[i].wild && !t->outputs[i].dir)
			word(b, t->outputs[i].path);
	for (uint32_t i = 0; i < t->nexecutors; i++) {
		if (t->executors[i].out)
			word(b, t->executors[i].out);
		if (t->executors[i].err)
			word(b, t->executors[i].err);
	}
	buf_str(b, "\n");
}

static void put_box(struct buf *b, const struct plan *p)
{
	buf_str(b, "printf '%s\\0' --bind \"$PWD/root\" / >box\n");
	put_claims(b, p->doc, "suanlu_claim");
	for (uint32_t i = 0; i < p->ndirs; i++) {
		if (in_scratch(p, p->dirs[i].path))
			continue;
		buf_str(b, "suanlu_host");
		word(b, p->dirs[i].path);
		buf_str(b, "\n");
	}
	put_claims(b, p->doc, "suanlu_unclaim");
	buf_str(b, "suanlu_box\n");
}

static void put_redirect(struct buf *b, const char *op, const char *path)
{
	buf_printf(b, " %s", op);
	buf_str(b, "root");
	quote(b, path, strlen(path));
}

static void put_streams(struct buf *b, const struct tes_executor *x)
{
	if (x->in)
		put_redirect(b, "<", x->in);
	else
		buf_str(b, " </dev/null");
	if (x->out)
		put_redirect(b, ">", x->out);
	if (x->err && x->out && !strcmp(x->out, x->err))
		buf_str(b, " 2>&1");
	else if (x->err)
		put_redirect(b, "2>", x->err);
}

static void put_shown(struct buf *b, const struct tes_executor *x)
{
	if (x->out) {
		buf_str(b, "suanlu_shown");
		file_word(b, x->out);
		buf_str(b, "\n");
	}
	if (x->err && (!x->out || strcmp(x->out, x->err))) {
		buf_str(b, "suanlu_shown");
		file_word(b, x->err);
		buf_str(b, " >&2\n");
	}
}

static void put_executor(struct buf *b, const struct plan *p, uint32_t i)
{
	const struct tes_executor *x = &p->doc->executors[i];

	if (!exact(p, x))
		buf_printf(b, "suanlu_boxed %u\n", i + 1);
	buf_printf(b, "suanlu_began %u\n(\nexport HOME=\"$R/tmp\"\n", i + 1);
	for (uint32_t k = 0; k < x->nenv; k++) {
		buf_printf(b, "export %s=", x->env[2 * k]);
		put_word(b, p, x->env[2 * k + 1]);
		buf_str(b, "\n");
	}
	buf_str(b, "suanlu_exec \"$R\"");
	quote(b, x->workdir ? x->workdir : "/", x->workdir ? strlen(x->workdir) : 1);
	for (uint32_t k = 0; k < x->ncommand; k++) {
		buf_str(b, " ");
		put_word(b, p, x->command[k]);
	}
	buf_str(b, "\n)");
	put_streams(b, x);
	buf_str(b, "\ncode=$?\n");
	put_shown(b, x);
	buf_printf(b, "suanlu_ended %u $code%s\n", i + 1, x->ignore_error ? " ignore" : "");
}

/* The end of a bracket expression that begins at `s`, or NULL: an ordinary character. */
static const char *bracket(const char *s)
{
	const char *p = s + 1;

	p += *p == '!' || *p == '^';
	p += *p == ']';
	while (*p && *p != ']')
		p += p[0] == '[' && p[1] == ':' && strstr(p, ":]") ?
		     (size_t)(strstr(p, ":]") - p) + 2 : 1;
	if (*p != ']')
		return NULL;
	for (const char *q = s + 1; q < p; q++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			    "!^-_.,:[]", *q))
			return NULL;
	return p + 1;
}

/* Wildcards stay bare, everything else is quoted. */
static void put_pattern(struct buf *b, const char *s)
{
	buf_str(b, " root");
	while (*s) {
		size_t n = strcspn(s, "*?[");
		const char *end;

		if (n)
			quote(b, s, n);
		s += n;
		if (!*s)
			break;
		end = *s == '[' ? bracket(s) : s + 1;
		if (end)
			buf_add(b, s, (size_t)(end - s));
		else
			quote(b, s, 1);
		s = end ? end : s + 1;
	}
}

static void put_outputs(struct buf *b, const struct tes_doc *t)
{
	for (uint32_t i = 0; i < t->noutputs; i++) {
		const struct tes_output *o = &t->outputs[i];

		if (o->wild) {
			buf_printf(b, "suanlu_pick %u", i);
			word(b, o->prefix);
			put_pattern(b, o->path);
			buf_printf(b, "\nsuanlu_size %u out/%u\n", i, i);
		} else {
			buf_printf(b, "suanlu_size %u", i);
			file_word(b, o->path);
			buf_str(b, "\n");
		}
	}
}

int tes_script(const struct tes_doc *d, struct buf *b, json_t *contents, struct err *err)
{
	struct plan p = { .doc = d };

	dirs_collect(&p);
	if (p.ndirs == TES_DIRS_MAX)
		return err_field(err, "inputs", "the paths of the task have more than %d "
				 "directories", TES_DIRS_MAX);
	buf_str(b, helpers);
	put_dirs(b, &p);
	put_contents(b, d, contents);
	put_box(b, &p);
	for (uint32_t i = 0; i < d->nexecutors; i++)
		put_executor(b, &p, i);
	put_outputs(b, d);
	buf_str(b, "exit 0\n");
	if (b->full)
		return err_field(err, "inputs", "contents and commands are larger than %d bytes "
				 "together", TASK_SCRIPT_MAX);
	return 0;
}
