/* opt.c - options of a verb as a table */

#include "cmd/opt.h"

#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/out.h"

#include <assert.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { G_SERVER = 900, G_TOKEN_FILE, G_JSON, G_LANG, G_NO_COLOR, G_HELP = 'h' };

const struct opt opt_globals[] = {
	{ G_SERVER, "server", "HOST:PORT", "the daemon to ask", "要访问的守护进程" },
	{ G_TOKEN_FILE, "token-file", "FILE", "file that holds the token", "存放令牌的文件" },
	{ G_JSON, "json", NULL, "print the API's JSON as it is", "原样输出 API 的 JSON" },
	{ G_LANG, "lang", "en|zh", "language of messages", "消息语言" },
	{ G_NO_COLOR, "no-color", NULL, "never use colour", "不使用颜色" },
	{ G_HELP, "help", NULL, "this help", "显示本帮助" },
	{ 0, NULL, NULL, NULL, NULL },
};

int opt_usage(const char *verb, const char *fmt, ...)
{
	char words[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	out_safe(stderr, *verb ? "suanlu %s: " : "suanlu%s: ", verb);
	out_safe(stderr, "%s\n", words);
	fprintf(stderr, tr("  hint: suanlu %s%s--help lists what is possible\n",
			   "  提示：suanlu %s%s--help 列出全部用法\n"), verb, *verb ? " " : "");
	return CMD_USAGE;
}

/* What getopt_long() wants.  The letters of the short forms are behind the two marks:
 * '+' (stop at the first operand) and ':' (tell a missing value apart). */
struct tables {
	struct option longs[OPT_MAX];
	char shorts[3 * OPT_MAX];
	int n;
	size_t nshorts;
};

static void add(struct tables *t, const struct opt *opts)
{
	for (const struct opt *o = opts; o->name; o++) {
		assert(t->n < OPT_MAX - 1);
		t->longs[t->n++] = (struct option){
			.name = o->name, .has_arg = o->arg ? required_argument : no_argument,
			.val = o->key,
		};
		if (o->key > 255)
			continue;
		t->shorts[t->nshorts++] = (char)o->key;
		if (o->arg)
			t->shorts[t->nshorts++] = ':';
	}
}

static const struct opt *find(const struct opt *opts, int key)
{
	for (; opts->name; opts++)
		if (opts->key == key)
			return opts;
	return NULL;
}

static int set_lang(const char *verb, const char *value)
{
	if (strcmp(value, "en") && strcmp(value, "zh")) {
		opt_usage(verb, tr("--lang is en or zh, not \"%.40s\"",
				   "--lang 只能是 en 或 zh，不能是 “%.40s”"), value);
		return OPT_BAD;
	}
	lang_set(!strcmp(value, "zh") ? LANG_ZH : LANG_EN);
	return 0;
}

/* 0: it was a global option and is done. */
static int global(struct opt_scan *s, int key)
{
	switch (key) {
	case G_SERVER:
		cmd_global.server = optarg;
		return 0;
	case G_TOKEN_FILE:
		cmd_global.token_file = optarg;
		return 0;
	case G_JSON:
		cmd_global.json = true;
		return 0;
	case G_NO_COLOR:
		cmd_global.no_color = true;
		return 0;
	case G_LANG:
		return set_lang(s->verb, optarg);
	case G_HELP:
		s->help = true;         /* printed at the end, when the language is known */
		return 0;
	default:
		return key;
	}
}

static int complain(const struct opt_scan *s, int c)
{
	const char *word = s->argv[optind - 1];
	char letter[3] = { '-', (char)optopt, '\0' };
	const struct opt *o = find(s->opts, optopt);

	if (!o)
		o = find(opt_globals, optopt);
	if (strncmp(word, "--", 2))
		word = letter;
	if (c == ':')
		opt_usage(s->verb, tr("%.60s wants a value (%s)", "%.60s 缺少取值（%s）"), word,
			  o ? o->arg : "");
	else if (o && !o->arg)
		opt_usage(s->verb, tr("--%s takes no value", "--%s 不带取值"), o->name);
	else
		opt_usage(s->verb, tr("there is no option %.60s", "没有选项 %.60s"), word);
	return OPT_BAD;
}

int opt_next(struct opt_scan *s)
{
	struct tables t = { .n = 0 };
	int c;

	t.shorts[t.nshorts++] = s->strict ? '+' : ':';
	if (s->strict)
		t.shorts[t.nshorts++] = ':';
	add(&t, s->opts);
	add(&t, opt_globals);
	if (!s->begun)
		optind = 0;             /* start anew, also glibc's own state */
	s->begun = true;
	do {
		opterr = 0;
		optopt = 0;
		c = getopt_long(s->argc, s->argv, t.shorts, t.longs, NULL);
		s->value = optarg;
		if (c == '?' || c == ':')
			return complain(s, c);
		if (c == -1)
			break;
		c = global(s, c);
	} while (c == 0);
	s->at = optind;
	if (c == -1 && s->help) {
		cmd_help(s->verb, s->opts);
		return OPT_HELP;
	}
	return c == -1 ? OPT_END : c;
}

bool opt_listed(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; *p; p += strcspn(p, "|"), p += *p == '|')
		if (!strncmp(p, word, n) && (p[n] == '|' || !p[n]))
			return true;
	return false;
}

int opt_part(const struct opt_scan *s, const char *dflt, const char *named, struct opt_part *ret)
{
	int left = s->argc - s->at;
	char **at = s->argv + s->at;
	bool wants;

	ret->part = left > 0 ? at[0] : dflt;
	ret->name = left > 1 ? at[1] : NULL;
	wants = opt_listed(named, ret->part);
	if (wants && !ret->name)
		return opt_usage(s->verb, tr("\"%.40s\" wants a name", "“%.40s” 需要给出名称"),
				 ret->part);
	if (left > 2 || (!wants && ret->name))
		return opt_usage(s->verb, tr("\"%.40s\" is too much", "多余的参数 “%.40s”"),
				 at[wants ? 2 : 1]);
	return 0;
}

void opt_print(const struct opt *opts)
{
	enum { LEFT = 29 };
	char left[100];

	for (const struct opt *o = opts; o->name; o++) {
		size_t w;

		if (!o->en)
			continue;
		snprintf(left, sizeof(left), "--%s%s%s", o->name, o->arg ? " " : "",
			 o->arg ? o->arg : "");
		w = out_width(left);
		if (o->key <= 255)
			printf("  -%c, %s", o->key, left);
		else
			printf("      %s", left);
		if (w > LEFT)
			printf("\n%*s%s\n", LEFT + 7, "", tr(o->en, o->zh));
		else
			printf("%*s %s\n", (int)(LEFT - w), "", tr(o->en, o->zh));
	}
}
