/* wrapper.c - the script that a run executes: fetch inputs, run, store outputs */

#include "engine/wrapper.h"

#include "base/mem.h"
#include "base/text.h"
#include "domain/host.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_MAX = 300 };               /* of a url in a message */

/* One input or output, made ready. */
struct item {
	const char *noun, *verb;        /* "input", "fetched" */
	uint32_t no, of;
	char *url, *path;               /* with the index in place */
	uint64_t size;                  /* of an input; 0: any */
	const char *sha256;             /* of an input; NULL: any */
};

/* TERM must not end the shell while the command still has its grace, so it is only noted.
 * $real ends in x within the substitution, because $( ) eats newlines at the end. */
static const char helpers[] =
	"suanlu_stop=\n"
	"trap 'suanlu_stop=1' TERM\n"
	"suanlu_phase() {\n"
	"	[ -z \"$suanlu_stop\" ] || exit 143\n"
	"	echo \"$1\" >../phase\n"
	"}\n"
	"suanlu_fail() {\n"
	"	why=$(printf '%s' \"$1\" | tr '\\n' ' ')\n"
	"	printf 'suanlu: %s\\n' \"$why\" >&2\n"
	"	printf '%s\\n' \"$why\" >../why\n"
	"	exit 1\n"
	"}\n"
	"suanlu_real() {\n"
	"	real=$(realpath -e -- \"$1\" 2>/dev/null && echo x) || return 1\n"
	"	real=${real%?x}\n"
	"}\n"
	"suanlu_below() {\n"
	"	at=$1; shift\n"
	"	for root; do\n"
	"		suanlu_real \"$root\" || continue\n"
	"		case $at/ in \"${real%/}\"/*) return 0 ;; esac\n"
	"	done\n"
	"	return 1\n"
	"}\n"
	"suanlu_parent() {\n"
	"	why=$(mkdir -p -- \"${1%/*}\" 2>&1) || suanlu_fail \"$what: $why\"\n"
	"}\n"
	/* Below: host_inner() of what a name, a redirect or a second answer of DNS led to. */
	"suanlu_inner() {\n"
	"	case $1 in\n"
	"	::ffff:*.*) suanlu_inner \"${1##*:}\" ;;\n"
	"	64:ff9b::*:*)\n"
	"		set -- \"${1%:*}\" \"0x${1##*:}\"; set -- \"0x${1##*:}\" \"$2\"\n"
	"		suanlu_inner $(($1 >> 8)).$(($1 & 255)).$(($2 >> 8)).$(($2 & 255)) ;;\n"
	"	2002:*) return 0 ;;\n"
	"	[23][0-9a-f][0-9a-f][0-9a-f]:*) return 1 ;;\n"
	"	*:*|0.*|10.*|127.*|168.63.129.16|169.254.*|192.0.0.*|192.168.*) return 0 ;;\n"
	"	172.1[6-9].*|172.2[0-9].*|172.3[01].*|198.1[89].*) return 0 ;;\n"
	"	100.6[4-9].*|100.[7-9][0-9].*|100.1[01][0-9].*|100.12[0-7].*) return 0 ;;\n"
	"	22[4-9].*|2[345][0-9].*) return 0 ;;\n"
	"	*) return 1 ;;\n"
	"	esac\n"
	"}\n"
	/* A proxy of the machine is the one that connects, and that judges. */
	"suanlu_outside() {\n"
	"	[ -z \"$http_proxy$https_proxy$HTTPS_PROXY$all_proxy$ALL_PROXY\" ] || return 0\n"
	"	! suanlu_inner \"$1\" || suanlu_fail \"$what: $1 is an address of an inner network\"\n"
	"}\n"
	"suanlu_curl() {\n"
	"	conf=$1; shift\n"
	"	why=$(printf '%s\\n' \"$conf\" | curl -q -K - --globoff --silent --show-error \\\n"
	"		--fail --proto =http,https --retry 0 --connect-timeout 30 \\\n"
	"		-w '=%{remote_ip} %{http_code} %{size_upload}' \"$@\" 2>&1)\n"
	"	code=$?\n"
	"	[ $code != 63 ] || suanlu_fail \"$what: more came than the expected $size bytes\"\n"
	"	said=\n"
	"	case $why in *=*) said=${why##*=} why=${why%?=*} ;; esac\n"
	"	[ $inner = yes ] || suanlu_outside \"${said%% *}\"\n"
	"	[ $code = 0 ] || suanlu_fail \"$what: curl ended with $code: ${why#curl: }\"\n"
	"}\n";

/* A file arrives under another name and is looked at there: what changes at its source
 * meanwhile changes nothing any more, and what is wrong never has the name that was asked for. */
static const char helpers_in[] =
	"suanlu_part=./.suanlu-part\n"
	"suanlu_wrong() {\n"
	"	rm -f -- \"$suanlu_part\"\n"
	"	suanlu_fail \"$what: $1\"\n"
	"}\n"
	"suanlu_arrived() {\n"
	"	if [ -n \"$size\" ]; then\n"
	"		came=$(stat -c %s -- \"$suanlu_part\" 2>&1)\n"
	"		[ \"$came\" = \"$size\" ] || suanlu_wrong \"$came bytes came, $size were expected\"\n"
	"	fi\n"
	"	if [ -n \"$sum\" ]; then\n"
	"		came=$(sha256sum <\"$suanlu_part\" 2>&1)\n"
	"		came=${came%% *}\n"
	"		[ \"$came\" = \"$sum\" ] ||\n"
	"			suanlu_wrong \"data with sha256 $came came, $sum was expected\"\n"
	"	fi\n"
	"	why=$(mv -fT -- \"$suanlu_part\" \"$dest\" 2>&1) || suanlu_wrong \"$why\"\n"
	"}\n"
	"suanlu_in_file() {\n"
	"	what=$1 dest=$2 size=$3 sum=$4 src=$5; shift 5\n"
	"	suanlu_real \"$src\" || suanlu_fail \"$what: no such file, or it cannot be read\"\n"
	"	src=$real\n"
	"	suanlu_below \"$src\" \"$@\" ||\n"
	"		suanlu_fail \"$what: not below a directory this pool may read\"\n"
	"	[ -f \"$src\" ] || [ -d \"$src\" ] ||\n"
	"		suanlu_fail \"$what: neither a file nor a directory\"\n"
	"	suanlu_parent \"$dest\"\n"
	"	if [ -d \"$src\" ]; then\n"
	"		[ -z \"$size$sum\" ] ||\n"
	"			suanlu_fail \"$what: a directory has no size and sha256 to be checked\"\n"
	"		why=$(cp -RPT -- \"$src\" \"$dest\" 2>&1) || suanlu_fail \"$what: $why\"\n"
	"		return\n"
	"	fi\n"
	"	why=$(cp -PT -- \"$src\" \"$suanlu_part\" 2>&1) || suanlu_wrong \"$why\"\n"
	"	suanlu_arrived\n"
	"}\n"
	"suanlu_in_http() {\n"
	"	what=$1 dest=$2 size=$3 sum=$4; suanlu_parent \"$dest\"\n"
	"	suanlu_curl \"$5\" --location --max-redirs 5 --proto-redir =http,https \\\n"
	"		--max-time \"$6\" ${size:+--max-filesize \"$size\"} -o \"$suanlu_part\"\n"
	"	suanlu_arrived\n"
	"}\n";

/* What is stored is measured where it was made, and must be the same when it is there: a line in
 * RUNDIR/outputs for each, number, size and sum, the latter two empty for a directory.
 *
 * A directory that is to be made may not be looked at before it exists, so its deepest
 * ancestor that does is checked first, and itself once it is there. */
static const char helpers_out[] =
	"suanlu_no=0\n"
	"suanlu_state() { stat -Lc '%s %i %y %z' -- \"$src\" 2>&1; }\n"
	"suanlu_made() {\n"
	"	suanlu_no=$((suanlu_no + 1)) size= sum=\n"
	"	[ -e \"$src\" ] || suanlu_fail \"$what: the command did not make ${src#./}\"\n"
	"	[ -f \"$src\" ] || return 0\n"
	"	was=$(suanlu_state) || suanlu_fail \"$what: $was\"\n"
	"	sum=$(sha256sum <\"$src\") || suanlu_fail \"$what: it cannot be read\"\n"
	"	size=${was%% *} sum=${sum%% *}\n"
	"}\n"
	"suanlu_stored() {\n"
	"	[ -z \"$sum\" ] || [ \"$(suanlu_state)\" = \"$was\" ] ||\n"
	"		suanlu_fail \"$what: it changed while it was stored\"\n"
	"	echo \"$suanlu_no $size $sum\" >>../outputs\n"
	"}\n"
	"suanlu_whole() {\n"
	"	[ -n \"$sum\" ] || return 0\n"
	"	came=$(stat -c %s -- \"$to/$tmp\")\n"
	"	[ \"$came\" = \"$size\" ] || { echo \"$came of $size bytes arrived\"; return 1; }\n"
	"	came=$(sha256sum <\"$to/$tmp\")\n"
	"	[ \"${came%% *}\" = \"$sum\" ] && return\n"
	"	echo \"data with sha256 ${came%% *} arrived, $sum was stored\"\n"
	"	return 1\n"
	"}\n"
	"suanlu_out_file() {\n"
	"	what=$1 src=$2 dir=$3 name=$4 tmp=$5; shift 5\n"
	"	suanlu_made\n"
	"	up=$dir\n"
	"	until [ -d \"$up\" ]; do up=${up%/*}; [ -n \"$up\" ] || up=/; done\n"
	"	{ suanlu_real \"$up\" && suanlu_below \"$real\" \"$@\"; } ||\n"
	"		suanlu_fail \"$what: not below a directory this pool may write\"\n"
	"	why=$(mkdir -p -- \"$dir\" 2>&1) || suanlu_fail \"$what: $why\"\n"
	"	{ suanlu_real \"$dir\" && to=$real && suanlu_below \"$to\" \"$@\"; } ||\n"
	"		suanlu_fail \"$what: not below a directory this pool may write\"\n"
	"	why=$({ rm -rf -- \"$to/$tmp\" && cp -RHT -- \"$src\" \"$to/$tmp\" &&\n"
	"		suanlu_whole && sync -- \"$to/$tmp\" &&\n"
	"		mv -fT -- \"$to/$tmp\" \"$to/$name\"; } 2>&1) || {\n"
	"		rm -rf -- \"$to/$tmp\"\n"
	"		suanlu_fail \"$what: $why\"\n"
	"	}\n"
	"	suanlu_stored\n"
	"}\n"
	"suanlu_out_http() {\n"
	"	what=$1 src=$2; suanlu_made\n"
	"	[ -f \"$src\" ] || suanlu_fail \"$what: only a file can be sent by http\"\n"
	"	suanlu_curl \"$3\" --max-time \"$4\" -o /dev/null -T \"$src\"\n"
	"	why=${said#* }\n"
	"	case $why in\n"
	"	2[0-9][0-9]\\ \"$size\") ;;\n"
	"	2*) suanlu_fail \"$what: ${why#* } of $size bytes were taken\" ;;\n"
	"	*) suanlu_fail \"$what: the answer was ${why% *}, which does not mean stored\" ;;\n"
	"	esac\n"
	"	suanlu_stored\n"
	"}\n";

void sh_quote(struct buf *b, const char *s)
{
	const char *q;

	buf_add(b, "'", 1);
	while ((q = strchr(s, '\''))) {
		buf_add(b, s, (size_t)(q - s));
		buf_str(b, "'\\''");
		s = q + 1;
	}
	buf_str(b, s);
	buf_add(b, "'", 1);
}

static void word(struct buf *b, const char *s)
{
	buf_add(b, " ", 1);
	sh_quote(b, s);
}

static void word_list(struct buf *b, const char *const *list)
{
	for (; list && *list; list++)
		word(b, *list);
}

/* ---- urls and paths ---- */

/* The url for people: no query, which may hold a signature; no name and password; no
 * character that could forge a line. */
static void shown_url(const char *url, char out[SHOWN_MAX])
{
	const char *p = strstr(url, "://"), *at;
	size_t n = 0, host;

	if (p) {
		p += 3;
		host = strcspn(p, "/?#");
		at = memrchr(p, '@', host);
		for (const char *q = url; q < p; q++)
			out[n++] = *q;
		p = at ? at + 1 : p;
	} else {
		p = url;
	}
	for (; *p && *p != '?' && *p != '#' && n < SHOWN_MAX - 1; p++)
		out[n++] = (unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p;
	out[n] = '\0';
}

/* Relative, and it stays where it is. */
static bool path_ok(const char *p)
{
	if (!*p || *p == '/')
		return false;
	while (*p) {
		size_t n = strcspn(p, "/");

		if (n == 2 && memcmp(p, "..", 2) == 0)
			return false;
		p += n;
		p += strspn(p, "/");
	}
	return p[-1] != '/';
}

/* The path of a file: url, decoded in place, or NULL and `*why`. */
static char *file_path(char *url, const char **why)
{
	char *p = url + strlen("file:"), *in, *out;

	if (strncmp(p, "//localhost/", 12) == 0)
		p += 11;
	else if (strncmp(p, "///", 3) == 0)
		p += 2;
	*why = "a file url has the form file:///path";
	if (p[0] != '/' || p[1] == '/')
		return NULL;
	*why = "write %3F and %23 for ? and # in a file url";
	if (strpbrk(p, "?#"))
		return NULL;
	*why = "a % in a file url needs two hexadecimal digits, not 00";
	for (in = out = p; *in; out++) {
		int c;

		if (*in != '%') {
			*out = *in++;
			continue;
		}
		c = text_escaped(in);
		if (c <= 0)
			return NULL;
		*out = (char)c;
		in += 3;
	}
	*out = '\0';
	return p;
}

static bool is_http(const char *url)
{
	return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

/* The url goes to curl as a line of configuration on its standard input: on the command
 * line every user of the machine could read a signed url.  NULL: it cannot be a url. */
static char *curl_config(const char *url)
{
	struct buf b;
	char *copy = NULL;

	buf_init(&b, WRAPPER_MAX);
	buf_str(&b, "url = \"");
	for (; *url && (unsigned char)*url > 0x20 && *url != 0x7f; url++) {
		if (*url == '"' || *url == '\\')
			buf_add(&b, "\\", 1);
		buf_add(&b, url, 1);
	}
	buf_add(&b, "\"", 1);
	if (!*url)
		copy = mem_strdup(b.data);
	buf_done(&b);
	return copy;
}

/* ---- one line for each input and output ---- */

static void what(struct buf *b, const struct item *it, const char *why)
{
	char shown[SHOWN_MAX];
	struct buf text;

	shown_url(it->url, shown);
	buf_init(&text, 2 * SHOWN_MAX + 200);
	buf_printf(&text, "%s %" PRIu32 " of %" PRIu32 " could not be %s: %s%s%s", it->noun,
		   it->no, it->of, it->verb, shown, *why ? ": " : "", why);
	word(b, text.data);
	buf_done(&text);
}

static void fail(struct buf *b, const struct item *it, const char *why)
{
	buf_str(b, "suanlu_fail");
	what(b, it, why);
	buf_str(b, "\n");
}

static void local_word(struct buf *b, const char *path)
{
	_cleanup_(mem_freep) char *with = mem_alloc(strlen(path) + 3);

	strcpy(with, "./");             /* no path of ours begins with a dash */
	strcat(with, path);
	word(b, with);
}

/* The words that all ways of fetching begin with. */
static void in_words(struct buf *b, const struct item *it)
{
	what(b, it, "");
	local_word(b, it->path);
	if (it->size)
		buf_printf(b, " %" PRIu64, it->size);
	else
		word(b, "");
	word(b, it->sha256 ? it->sha256 : "");
}

static void http_line(struct buf *b, const struct run_spec *r, const struct item *it, bool in)
{
	_cleanup_(mem_freep) char *conf = curl_config(it->url);

	if (!conf) {
		fail(b, it, "blanks and control characters are not allowed in a url");
		return;
	}
	buf_str(b, host_listed(r->inner_hosts, it->url) ? "inner=yes\n" : "inner=no\n");
	buf_str(b, in ? "suanlu_in_http" : "suanlu_out_http");
	if (in) {
		in_words(b, it);
	} else {
		what(b, it, "");
		local_word(b, it->path);
	}
	word(b, conf);
	buf_printf(b, " %" PRIu32 "\n", r->spec->walltime_s);
}

static void in_file_line(struct buf *b, const struct run_spec *r, const struct item *it)
{
	_cleanup_(mem_freep) char *copy = mem_strdup(it->url);
	const char *why, *path = file_path(copy, &why);

	if (!path) {
		fail(b, it, why);
		return;
	}
	buf_str(b, "suanlu_in_file");
	in_words(b, it);
	word(b, path);
	word_list(b, r->read_roots);
	buf_str(b, "\n");
}

static void out_file_line(struct buf *b, const struct run_spec *r, const struct item *it)
{
	_cleanup_(mem_freep) char *copy = mem_strdup(it->url);
	const char *why;
	char *path = file_path(copy, &why), *name;

	if (path && !path_ok(path + 1)) {
		why = "the path of an output names a file, without ..";
		path = NULL;
	}
	if (!path) {
		fail(b, it, why);
		return;
	}
	name = strrchr(path, '/');
	*name++ = '\0';
	buf_str(b, "suanlu_out_file");
	what(b, it, "");
	local_word(b, it->path);
	word(b, *path ? path : "/");
	word(b, name);
	buf_printf(b, " '.suanlu-%s'", r->run_id);
	word_list(b, r->write_roots);
	buf_str(b, "\n");
}

static void item_line(struct buf *b, const struct run_spec *r, const struct item *it, bool in)
{
	if (!path_ok(it->path))
		fail(b, it, "its path leaves the work directory");
	else if (is_http(it->url))
		http_line(b, r, it, in);
	else if (strncmp(it->url, "file:", 5) != 0)
		fail(b, it, "only file, http and https urls are understood");
	else if (in)
		in_file_line(b, r, it);
	else
		out_file_line(b, r, it);
}

static void items(struct buf *b, const struct run_spec *r, bool in)
{
	uint32_t n = in ? r->ninputs : r->spec->noutputs;

	for (uint32_t i = 0; i < n; i++) {
		_cleanup_(mem_freep) char *url = task_put_index(r->spec, r->index,
			in ? r->inputs[i].url : r->spec->outputs[i].url);
		_cleanup_(mem_freep) char *path = task_put_index(r->spec, r->index,
			in ? r->spec->inputs[i].path : r->spec->outputs[i].path);
		struct item it = {
			.noun = in ? "input" : "output", .verb = in ? "fetched" : "stored",
			.no = i + 1, .of = n, .url = url, .path = path,
			.size = in ? r->inputs[i].size : 0,
			.sha256 = in ? r->inputs[i].sha256 : NULL,
		};

		item_line(b, r, &it, in);
	}
}

/* ---- the command ---- */

static bool is_variable(const char *s)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");

	return *s && strchr(first, *s) && !s[n];
}

static void export(struct buf *b, const char *name, const char *value)
{
	buf_printf(b, "export %s=", name);
	sh_quote(b, value);
	buf_str(b, "\n");
}

static void export_number(struct buf *b, const char *name, uint64_t n)
{
	buf_printf(b, "export %s=%" PRIu64 "\n", name, n);
}

/* "0,2": the devices of the node that the run may use. */
static void export_accels(struct buf *b, const struct placement *p)
{
	const char *comma = "";

	if (!p->n || !p->nodes[0].accels)
		return;
	buf_str(b, "export SUANLU_ACCELS=");
	for (unsigned i = 0; i < NODE_ACCELS_MAX; i++)
		if (p->nodes[0].accels & (1u << i)) {
			buf_printf(b, "%s%u", comma, i);
			comma = ",";
		}
	buf_str(b, "\n");
}

static int environment(struct buf *b, const struct run_spec *r, struct err *err)
{
	const struct task_spec *t = r->spec;

	for (uint32_t i = 0; i < t->nenv; i++) {
		if (!is_variable(t->env[2 * i]))
			return err_field(err, "env", "\"%s\" is not a name for a variable",
					 t->env[2 * i]);
		export(b, t->env[2 * i], t->env[2 * i + 1]);
	}
	export(b, "SUANLU_RUN", r->run_id);
	export_number(b, "SUANLU_TASK", r->task);
	export_number(b, "SUANLU_CPUS", (r->place->cpu_milli + 999) / 1000);
	export_number(b, "SUANLU_MEMORY_MB", r->place->memory_mb);
	if (t->array)
		export_number(b, "SUANLU_ARRAY_INDEX", r->index);
	export_accels(b, r->place);
	return 0;
}

/* Always by exec: a shell's own `exit` or `cd` is not a command one can run.  Not every sh
 * takes "exec --", so a name with a dash in front goes through env. */
static void command(struct buf *b, const struct task_spec *t)
{
	if (t->script) {
		buf_str(b, "exec /bin/sh ../script\n");
		return;
	}
	buf_str(b, t->command[0][0] == '-' ? "exec env --" : "exec");
	for (uint32_t i = 0; i < t->ncommand; i++)
		word(b, t->command[i]);
	buf_str(b, "\n");
}

int wrapper_write(const struct run_spec *r, struct buf *b, struct err *err)
{
	const struct task_spec *t = r->spec;
	bool in = r->ninputs, out = t->noutputs;
	int e;

	if (in || out)
		buf_str(b, helpers);
	if (in) {
		buf_str(b, helpers_in);
		buf_str(b, "suanlu_phase input\n");
		items(b, r, true);
	}
	if (in || out)
		buf_str(b, "suanlu_phase command\n");
	if (out)
		buf_str(b, "(\n");      /* its environment is not that of our curl */
	else if (in)
		buf_str(b, "trap - TERM\n");
	e = environment(b, r, err);
	if (e)
		return e;
	command(b, t);
	if (out) {
		buf_str(b, ")\ncode=$?\n[ $code = 0 ] || exit $code\nsuanlu_phase output\n");
		buf_str(b, helpers_out);
		items(b, r, false);
	}
	if (b->full)
		return err_set(err, -ENOBUFS, "the command and its environment are too large");
	return 0;
}
