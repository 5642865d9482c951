/* completion.c - `suanlu completion bash|zsh|fish`: made from the tables of verbs and options */

#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/opt.h"
#include "cmd/out.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const struct opt opts[] = {
	{ 0, NULL, NULL, NULL, NULL },
};

/* The daemon reads its options before there are tables. */
static const struct opt serve_opts[] = {
	{ 'c', "config", "FILE", "the configuration", "配置文件" },
	{ 256, "check-config", NULL, "only check it", "只检查配置" },
	{ 0, NULL, NULL, NULL, NULL },
};

static const struct opt *table_of(const struct cmd *c)
{
	const struct opt *o = cmd_options(c);

	return o ? o : serve_opts;
}

/* ---- what may follow an option, or a verb ---- */

static bool is_file(const struct opt *o)
{
	return o->arg && !strcmp(o->arg, "FILE");
}

/* "en|zh" as "en zh"; NULL: anything. */
static const char *choices(const struct opt *o, char *out, size_t max)
{
	static const struct {
		const char *arg, *words;
	} known[] = {
		{ "PROFILE", "fastest cheapest greenest balanced" },
		{ "LEVEL", "1 2 3 4 important core" },
		{ "A,B", "submitted waiting sending queued running done failed cancelled refused" },
		{ "R,R", "user operator admin security auditor" },
	};

	for (size_t i = 0; o->arg && i < ARRAY_LEN(known); i++)
		if (!strcmp(o->arg, known[i].arg))
			return known[i].words;
	if (!o->arg || !strchr(o->arg, '|') || strchr(o->arg, '['))
		return NULL;
	snprintf(out, max, "%s", o->arg);
	for (char *p = out; *p; p++)
		if (*p == '|')
			*p = ' ';
	return out;
}

/* The small words of "[ls | show NAME | drain NAME]": the parts of a verb. */
static const char *parts(const struct cmd *c, char *out, size_t max)
{
	size_t n = 0;

	if (!strchr(c->args, '|') || strchr(c->args, '-'))
		return "";
	for (const char *p = c->args; *p; p++) {
		bool begins = p == c->args || p[-1] == ' ' || p[-1] == '[';

		if (!begins || !islower((unsigned char)*p))
			continue;
		if (n && n + 1 < max)
			out[n++] = ' ';
		while (islower((unsigned char)*p) && n + 1 < max)
			out[n++] = *p++;
		p--;
	}
	out[n] = '\0';
	return out;
}

/* After `submit` a file may follow: a batch file. */
static bool takes_files(const struct cmd *c)
{
	return c->run == cmd_submit;
}

/* ---- bash ---- */

static void bash_words(const struct opt *o)
{
	for (; o->name; o++) {
		if (!o->en)
			continue;
		if (o->key <= 255)
			printf(" -%c", o->key);
		printf(" --%s", o->name);
	}
}

/* "ls:-s|ls:--state) …" */
static void bash_values(const char *verb, const struct opt *o)
{
	char room[200];
	const char *words;

	for (; o->name; o++) {
		if (!o->en || !o->arg)
			continue;
		printf("\t");
		if (o->key <= 255)
			printf("%s:-%c|", verb, o->key);
		printf("%s:--%s) ", verb, o->name);
		words = choices(o, room, sizeof(room));
		if (is_file(o))
			printf("compopt -o default; COMPREPLY=()");
		else if (words)
			printf("COMPREPLY=($(compgen -W '%s' -- \"$cur\"))", words);
		else
			printf("COMPREPLY=()");
		printf("; return ;;\n");
	}
}

static void bash_verb(const struct cmd *c)
{
	char room[200];

	printf("\t%s)", c->name);
	if (takes_files(c))
		printf(" [[ $cur == -* ]] || { compopt -o default; COMPREPLY=(); return; };");
	printf(" words='%s", parts(c, room, sizeof(room)));
	bash_words(table_of(c));
	printf("' ;;\n");
}

static void bash(void)
{
	printf("# bash completion for suanlu; made by `suanlu completion bash`\n"
	       "_suanlu()\n{\n"
	       "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	       "\tlocal verb= words= i\n"
	       "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	       "\t\tcase ${COMP_WORDS[i]} in\n"
	       "\t\t--server|--token-file|--lang) i=$((i + 1)) ;;\n"
	       "\t\t-*|=) ;;\n"
	       "\t\t*) verb=${COMP_WORDS[i]}; break ;;\n"
	       "\t\tesac\n\tdone\n"
	       "\tif [[ $cur == = ]]; then cur=\n"
	       "\telif [[ $prev == = && $COMP_CWORD -gt 1 ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}\n"
	       "\tfi\n"
	       "\tcase $verb:$prev in\n");
	bash_values("*", opt_globals);
	for (const struct cmd *c = cmds; c->name; c++)
		if (c->en)
			bash_values(c->name, table_of(c));
	printf("\tesac\n\tcase $verb in\n\t'') words='");
	for (const struct cmd *c = cmds; c->name; c++)
		if (c->en)
			printf("%s ", c->name);
	printf("-V --version' ;;\n");
	for (const struct cmd *c = cmds; c->name; c++)
		if (c->en)
			bash_verb(c);
	printf("\tesac\n\twords=\"$words");
	bash_words(opt_globals);
	printf("\"\n\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\n"
	       "complete -F _suanlu suanlu\n");
}

/* ---- zsh and fish: with the words of help ---- */

/* Within single quotes; for zsh's _arguments also : [ ] \ have a meaning. */
static void quoted(const char *s, bool zsh)
{
	for (; *s; s++) {
		if (zsh && strchr(":[]\\", *s))
			putchar('\\');
		if (*s == '\'')
			fputs("'\\''", stdout);
		else if (!zsh && *s == '\\')
			fputs("\\\\", stdout);
		else
			putchar(*s);
	}
}

static void zsh_options(const struct opt *o)
{
	char room[200];
	const char *words;

	for (; o->name; o++) {
		if (!o->en)
			continue;
		for (int shape = o->key <= 255 ? 0 : 1; shape < 2; shape++) {
			if (shape)
				printf("\t\t'*--%s%s[", o->name, o->arg ? "=" : "");
			else
				printf("\t\t'*-%c%s[", o->key, o->arg ? "+" : "");
			quoted(tr(o->en, o->zh), true);
			printf("]");
			words = choices(o, room, sizeof(room));
			if (o->arg) {
				printf(":");
				quoted(o->arg, true);
				printf(":");
			}
			if (is_file(o))
				printf("_files");
			else if (words)
				printf("(%s)", words);
			printf("' \\\n");
		}
	}
}

static void zsh_verb(const struct cmd *c)
{
	char room[200];
	const char *p = parts(c, room, sizeof(room));

	printf("\t%s)\n\t\t_arguments \\\n", c->name);
	zsh_options(table_of(c));
	zsh_options(opt_globals);
	if (*p)
		printf("\t\t'1:part:(%s)' '*:name:' ;;\n", p);
	else
		printf("\t\t'*:%s:%s' ;;\n", takes_files(c) ? "file" : "task",
		       takes_files(c) ? "_files" : "");
}

static void zsh(void)
{
	printf("#compdef suanlu\n# made by `suanlu completion zsh`\n"
	       "_suanlu() {\n\tlocal context state line curcontext=$curcontext\n"
	       "\tlocal -a verbs\n\tlocal -A opt_args\n\tverbs=(\n");
	for (const struct cmd *c = cmds; c->name; c++)
		if (c->en) {
			printf("\t\t'%s:", c->name);
			quoted(tr(c->en, c->zh), true);
			printf("'\n");
		}
	printf("\t)\n\t_arguments -C \\\n");
	zsh_options(opt_globals);
	printf("\t\t'(-V --version)'{-V,--version}'[%s]' \\\n"
	       "\t\t'1:verb:->verb' '*::argument:->rest'\n"
	       "\tcase $state in\n\tverb) _describe verb verbs; return ;;\n\trest) ;;\n"
	       "\t*) return ;;\n\tesac\n\tcase $words[1] in\n", tr("print the version", "显示版本"));
	for (const struct cmd *c = cmds; c->name; c++)
		if (c->en)
			zsh_verb(c);
	printf("\tesac\n}\nif [ \"$funcstack[1]\" = _suanlu ]; then\n\t_suanlu \"$@\"\n"
	       "else\n\tcompdef _suanlu suanlu\nfi\n");
}

static void fish_options(const char *condition, const struct opt *o)
{
	char room[200];
	const char *words;

	for (; o->name; o++) {
		if (!o->en)
			continue;
		printf("complete -c suanlu%s -l %s", condition, o->name);
		if (o->key <= 255)
			printf(" -s %c", o->key);
		words = choices(o, room, sizeof(room));
		if (is_file(o))
			printf(" -r -F");
		else if (words)
			printf(" -x -a '%s'", words);
		else if (o->arg)
			printf(" -x");
		printf(" -d '");
		quoted(tr(o->en, o->zh), false);
		printf("'\n");
	}
}

static void fish_verb(const struct cmd *c)
{
	char condition[100], room[200];
	const char *p = parts(c, room, sizeof(room));

	printf("complete -c suanlu -n __fish_use_subcommand -a %s -d '", c->name);
	quoted(tr(c->en, c->zh), false);
	printf("'\n");
	snprintf(condition, sizeof(condition), " -n '__fish_seen_subcommand_from %s'", c->name);
	fish_options(condition, table_of(c));
	if (*p)
		printf("complete -c suanlu%s -a '%s'\n", condition, p);
	if (takes_files(c))
		printf("complete -c suanlu%s -F\n", condition);
}

static void fish(void)
{
	printf("# fish completion for suanlu; made by `suanlu completion fish`\n"
	       "complete -c suanlu -f\n");
	fish_options("", opt_globals);
	printf("complete -c suanlu -n __fish_use_subcommand -s V -l version -d '%s'\n",
	       tr("print the version", "显示版本"));
	for (const struct cmd *c = cmds; c->name; c++)
		if (c->en)
			fish_verb(c);
}

int cmd_completion(int argc, char **argv)
{
	struct opt_scan s = { .verb = "completion", .opts = opts, .argc = argc, .argv = argv };
	int key = opt_next(&s);

	if (key != OPT_END)
		return key == OPT_HELP ? CMD_OK : CMD_USAGE;
	if (s.argc - s.at != 1)
		return opt_usage("completion", "%s", tr("name one shell: bash, zsh or fish",
							"请给出一种 shell：bash、zsh 或 fish"));
	if (!strcmp(argv[s.at], "bash"))
		bash();
	else if (!strcmp(argv[s.at], "zsh"))
		zsh();
	else if (!strcmp(argv[s.at], "fish"))
		fish();
	else
		return opt_usage("completion", tr("there is no completion for \"%.40s\": bash, zsh, fish",
						  "没有 “%.40s” 的补全：bash、zsh、fish"), argv[s.at]);
	return CMD_OK;
}
