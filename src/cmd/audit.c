/* audit.c - `suanlu audit`: who did what and what was decided, and is it still as it was written
 *
 * Three sources: a running node (role auditor), a state directory of this machine (--state), or
 * the lines that `audit export` wrote (verify FILE).  Each is walked entry by entry.
 */

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/opt.h"
#include "cmd/out.h"
#include "cmd/remote.h"
#include "cmd/report.h"
#include "cmd/words.h"
#include "domain/audit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { O_STATE = 256, O_AFTER, O_LIMIT, O_KIND, O_EXPECT, O_PART, O_MARKDOWN, O_HTML };
enum { LIST_DEFAULT = 50, LIST_MAX = 1000000, LINE_MAX_BYTES = 8 << 20, PAGE = 1000 };

static const struct opt opts[] = {
	{ O_STATE, "state", "DIR", "of this directory, without a daemon", "直接读取状态目录，无需守护进程" },
	{ O_AFTER, "after", "NO", "ls, export: only entries after this number", "ls、export：仅此编号之后的条目" },
	{ O_LIMIT, "limit", "N", "ls: the last N; default 50", "ls：最后 N 条，默认 50" },
	{ O_KIND, "kind", "KIND", "ls: of this kind alone (choose, dataset, clearance …)",
	  "ls：仅此类条目（choose、dataset、clearance 等）" },
	{ O_EXPECT, "expect", "NO:HASH", "verify: this entry, noted earlier, must still be there",
	  "verify：先前记下的条目必须仍然存在" },
	{ O_PART, "part", NULL, "verify: the file may begin in the middle", "verify：文件可以不从头开始" },
	{ O_MARKDOWN, "markdown", NULL, "dataset: as a page of Markdown", "dataset：输出 Markdown" },
	{ O_HTML, "html", "FILE", "dataset: write a page to be printed there", "dataset：写出可打印的网页" },
	{ 0, NULL, NULL, NULL, NULL },
};

struct audit_cmd {
	const char *state, *kind, *file, *html;
	uint64_t after, limit;
	bool after_given, part, markdown;
	uint64_t expect_no;             /* 0: nothing is expected */
	uint8_t expect[DIGEST_LEN];
	bool expected;                  /* and was there */
	struct remote *r;

	struct audit_check check;
	struct out_table *table;
	const json_t *doc;              /* the entry as the node gave it, or NULL */
	struct buf line;
};

typedef int (*entry_fn)(void *arg, const struct chain_entry *e);

/* ---- the sources ---- */

static int walk_state(struct audit_cmd *a, entry_fn fn,
		      int (*row)(void *arg, const struct audit_row *row, const struct chain_entry *e))
{
	struct err err = { 0 };
	int r = cmd_audit_walk(a->state, fn, row, a, &err);

	if (r < 0) {
		remote_say(&err);
		return r == -ENOENT ? CMD_NOT_FOUND : CMD_INTERNAL;
	}
	return 0;
}

static int take_line(struct audit_cmd *a, entry_fn fn, const json_t *doc, const char *where,
		     uint64_t n, bool *ret_end)
{
	struct chain_entry e;
	struct arena arena;
	struct err err = { 0 };
	char said[PHRASE_ZH_MAX];
	int r;

	arena_init(&arena);
	r = audit_decode(doc, &arena, &e, &err);
	if (r)
		fprintf(stderr, tr("suanlu: %s, entry %llu is none: %s %s\n",
				   "suanlu: %s 的第 %llu 条不是审计条目：%s %s\n"), where,
			(unsigned long long)n, err.field, words_said(err.text, said));
	a->doc = doc;
	if (!r)
		*ret_end = fn(a, &e) != 0;
	a->doc = NULL;
	arena_done(&arena);
	return r ? CMD_NO : 0;
}

static int walk_file(struct audit_cmd *a, entry_fn fn)
{
	FILE *f = !strcmp(a->file, "-") ? stdin : fopen(a->file, "re");
	char *text = NULL;
	size_t size = 0;
	bool end = false;
	ssize_t len;
	int r = 0;

	if (!f)
		return opt_usage("audit", tr("could not open %.200s: %s", "无法打开 %.200s：%s"), a->file,
				 strerror(errno));
	for (uint64_t n = 1; !r && !end && (len = getline(&text, &size, f)) > 0; n++) {
		struct err err = { 0 };
		char said[PHRASE_ZH_MAX];
		json_t *doc = NULL;

		if (len > LINE_MAX_BYTES || json_parse(text, (size_t)len, &doc, &err)) {
			fprintf(stderr, tr("suanlu: line %llu is not a JSON document: %s\n",
					   "suanlu: 第 %llu 行不是 JSON：%s\n"), (unsigned long long)n,
				words_said(err.text, said));
			r = CMD_NO;
		} else {
			r = take_line(a, fn, doc, a->file, n, &end);
		}
		json_decref(doc);
	}
	free(text);
	if (f != stdin)
		fclose(f);
	return r;
}

static int head_of(struct audit_cmd *a, uint64_t *ret_no, json_t **ret)
{
	int r = remote_call(a->r, "GET", "/v1/audit/head", NULL, ret, NULL);

	if (!r)
		*ret_no = (uint64_t)out_i(*ret, "no", 0);
	return r;
}

typedef int (*row_fn)(void *arg, const struct audit_row *row, const struct chain_entry *e);

/* Rows of the journal right after entry `no` that no entry is about. */
static bool take_extra(struct audit_cmd *a, row_fn fn, const json_t *page, uint64_t no)
{
	const json_t *x;
	bool end = false;
	size_t i;

	json_array_foreach(json_object_get(page, "extra"), i, x) {
		struct audit_row row = { .seq = (uint64_t)out_i(x, "seq", 0),
					 .kind = (uint32_t)out_i(x, "kind_no", 0) };

		if (!end && fn && (uint64_t)out_i(x, "after", 0) == no)
			end = fn(a, &row, NULL) != 0;
	}
	return end;
}

/* Up to where the log ended when we began: reading makes it longer. */
static int walk_node(struct audit_cmd *a, entry_fn fn, row_fn row, uint64_t after, uint64_t last)
{
	bool end = after >= last;
	int r = 0;

	while (!r && !end) {
		json_t *page = NULL;
		const json_t *e;
		char path[96];
		size_t i;

		snprintf(path, sizeof(path), "/v1/audit?after=%llu&limit=%u",
			 (unsigned long long)after, last - after < PAGE ? (unsigned)(last - after) :
			 (unsigned)PAGE);
		r = remote_call(a->r, "GET", path, NULL, &page, NULL);
		if (!r && !json_array_size(json_object_get(page, "entries")))
			end = true;
		json_array_foreach(json_object_get(page, "entries"), i, e) {
			if (r || end)
				break;
			after = (uint64_t)out_i(e, "no", INT64_MAX);
			r = take_line(a, fn, e, remote_server(a->r), after, &end);
			if (!r && !end)
				end = take_extra(a, row, page, after);
		}
		end |= after >= last;
		json_decref(page);
	}
	return r;
}

static int walk(struct audit_cmd *a, entry_fn fn, row_fn row)
{
	json_t *head = NULL;
	uint64_t last = 0;
	int r;

	if (a->file)
		return walk_file(a, fn);
	if (a->state)
		return walk_state(a, fn, row);
	r = head_of(a, &last, &head);
	json_decref(head);
	if (!r && !a->after_given && a->limit && last > a->limit)
		a->after = last - a->limit;
	return r ? r : walk_node(a, fn, row, a->after, last);
}

/* ---- verify ---- */

static int check_entry(void *arg, const struct chain_entry *e)
{
	struct audit_cmd *a = arg;
	int r = audit_check_add(&a->check, e);

	if (!r && e->link.no == a->expect_no) {
		a->expected = !memcmp(e->link.hash, a->expect, DIGEST_LEN);
		if (!a->expected) {
			a->check.bad_no = a->expect_no;
			snprintf(a->check.why, sizeof(a->check.why), "its hash is not the one that was "
				 "noted: the log was written anew");
			r = 1;
		}
	}
	return r;
}

static int check_row(void *arg, const struct audit_row *row, const struct chain_entry *e)
{
	struct audit_cmd *a = arg;

	return audit_check_row(&a->check, row, e);
}

static void say_verified(const struct audit_cmd *a)
{
	const struct audit_check *c = &a->check;
	char hex[DIGEST_HEX + 1];

	digest_hex(c->last.hash, hex);
	if (cmd_global.json) {
		printf("{\"verified\":true,\"entries\":%llu,\"first\":%llu,\"last\":%llu,"
		       "\"hash\":\"%s\",\"without_body\":%llu}\n", (unsigned long long)c->entries,
		       (unsigned long long)c->first.no, (unsigned long long)c->last.no, hex,
		       (unsigned long long)c->unseen);
		return;
	}
	printf(tr("%llu entries, %llu to %llu, are as they were written\n",
		  "%llu 条记录（%llu 至 %llu）与写入时一致\n"), (unsigned long long)c->entries,
	       (unsigned long long)c->first.no, (unsigned long long)c->last.no);
	if (c->unseen)
		printf(tr("%llu of them without their content: pruned, or not shown\n",
			  "其中 %llu 条没有内容：已清理，或不予显示\n"), (unsigned long long)c->unseen);
	if (c->entries)
		printf("%llu:%s\n", (unsigned long long)c->last.no, hex);
}

static int say_altered(const struct audit_cmd *a)
{
	const struct audit_check *c = &a->check;
	char said[PHRASE_ZH_MAX];

	if (cmd_global.json) {
		json_t *doc = json_pack("{s:b, s:I, s:s}", "verified", false, "no",
					(json_int_t)c->bad_no, "why", c->why);

		json_dumpf(doc, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(doc);
	} else {
		out_safe(stdout, tr("altered: entry %llu: %s\n", "已被改动：第 %llu 条：%s\n"),
			 (unsigned long long)c->bad_no, words_said(c->why, said));
	}
	return CMD_NO;
}

static int verify(struct audit_cmd *a)
{
	struct audit_check *c = &a->check;
	int r;

	audit_check_begin(c, a->state ? AUDIT_HERE : a->part ? AUDIT_PART : AUDIT_LOG);
	a->limit = 0;
	r = walk(a, check_entry, check_row);
	if (!r && !c->bad_no)
		audit_check_end(c);
	if (!r && !c->bad_no && a->expect_no && !a->expected) {
		c->bad_no = a->expect_no;
		snprintf(c->why, sizeof(c->why), "it was noted, and is not there any more");
	}
	if (!r && c->bad_no)
		r = say_altered(a);
	else if (!r)
		say_verified(a);
	audit_check_done(c);
	return r;
}

/* ---- export, ls, head ---- */

static int export_entry(void *arg, const struct chain_entry *e)
{
	struct audit_cmd *a = arg;

	if (e->link.no <= a->after)
		return 0;
	/* Secrets stay behind: what is exported goes to other people. */
	buf_reset(&a->line);
	if (!a->doc && audit_encode(e, false, &a->line))
		return 1;
	if (a->doc)
		json_dumpf(a->doc, stdout, JSON_COMPACT);
	else
		fputs(a->line.data, stdout);
	putchar('\n');
	return ferror(stdout) != 0;
}

static int list_entry(void *arg, const struct chain_entry *e)
{
	struct audit_cmd *a = arg;
	const struct chain_link *l = &e->link;
	_cleanup_(mem_freep) char *shown = NULL;
	json_t *doc;
	char text[OUT_TEXT_MAX];
	const char *kind, *what;

	if (l->no <= a->after)
		return 0;
	buf_reset(&a->line);
	audit_encode(e, false, &a->line);
	doc = json_loads(a->line.data, 0, NULL);
	kind = out_s(doc, "kind");
	shown = json_dumps(json_object_get(a->doc ? a->doc : doc, "shown"), JSON_COMPACT);
	what = shown ? shown : out_s(doc, "body") ? out_s(doc, "body") : "";
	if (doc && (!a->kind || !strcmp(a->kind, kind))) {
		out_row(a->table);
		out_cell_f(a->table, "%llu", (unsigned long long)l->no);
		out_cell(a->table, out_time(out_s(doc, "at"), text));
		out_cell(a->table, kind);
		if (l->task)
			out_cell_f(a->table, "%llu", (unsigned long long)l->task);
		else
			out_cell(a->table, NULL);
		out_cell(a->table, l->actor);
		out_cell_f(a->table, "%.400s", what);
	}
	json_decref(doc);
	return 0;
}

static int note_last(void *arg, const struct chain_entry *e)
{
	((struct audit_cmd *)arg)->check.last = e->link;
	return 0;
}

/* Of a directory the end is found by looking; a node tells it. */
static int last_entries(struct audit_cmd *a)
{
	int r = a->state && !a->after_given ? walk_state(a, note_last, NULL) : 0;
	uint64_t last = a->check.last.no;

	if (last > a->limit)
		a->after = last - a->limit;
	return r;
}

static int list(struct audit_cmd *a)
{
	int r = last_entries(a);

	if (r)
		return r;
	a->table = out_table_new();
	out_column(a->table, "NO", OUT_RIGHT);
	out_column(a->table, tr("AT", "时间"), OUT_LEFT);
	out_column(a->table, tr("KIND", "类别"), OUT_LEFT);
	out_column(a->table, tr("TASK", "任务"), OUT_RIGHT);
	out_column(a->table, tr("WHO", "操作者"), OUT_LEFT);
	out_column(a->table, tr("WHAT", "内容"), OUT_TRUNC);
	r = walk(a, list_entry, NULL);
	if (r)
		out_table_free(a->table);
	else
		out_table_print(a->table);
	return r;
}

static int head(struct audit_cmd *a)
{
	json_t *doc = NULL;
	uint64_t no;
	int r = head_of(a, &no, &doc);

	if (!r && cmd_global.json)
		json_dumpf(doc, stdout, JSON_COMPACT);
	if (!r && cmd_global.json)
		putchar('\n');
	else if (!r)
		printf("%llu:%s\n", (unsigned long long)no, out_s(doc, "hash") ? out_s(doc, "hash") : "");
	json_decref(doc);
	return r;
}

/* ---- dataset ---- */

static int dataset_page(struct audit_cmd *a, const char *path)
{
	_cleanup_(mem_freep) char *text = NULL;
	json_t *doc = NULL;
	int r = remote_call(a->r, "GET", path, NULL, &doc, &text), bad = 0;

	if (!r)
		bad = report_html(doc, a->html);
	if (bad)
		out_safe(stderr, tr("suanlu audit: could not write %s: %s\n",
				    "suanlu audit：无法写出 %s：%s\n"), a->html, strerror(-bad));
	else if (!r && cmd_global.json)
		puts(text);
	json_decref(doc);
	return bad ? CMD_INTERNAL : r;
}

static int dataset(struct audit_cmd *a)
{
	_cleanup_(mem_freep) char *path = remote_path("/v1/datasets/", a->file, "/report");
	json_t *doc = NULL;
	int r;

	if (a->html)
		return dataset_page(a, path);
	r = remote_get(a->r, path, &doc);
	if (!r && doc)
		report_print(doc, a->markdown);
	json_decref(doc);
	return r;
}

/* ---- the verb ---- */

static int number(const char *value, const char *name, uint64_t max, uint64_t *ret)
{
	int64_t n;

	if (text_i64(value, 0, (int64_t)max, &n))
		return opt_usage("audit", tr("--%s wants a whole number, not \"%.40s\"",
					     "--%s 需要整数，而不是 “%.40s”"), name, value);
	*ret = (uint64_t)n;
	return 0;
}

/* "1234:66c7…", as verify and head print it. */
static int expect(struct audit_cmd *a, const char *value)
{
	const char *colon = strchr(value, ':');
	char no[24] = "";
	int64_t n = 0;

	if (colon && (size_t)(colon - value) < sizeof(no))
		memcpy(no, value, (size_t)(colon - value));
	if (!colon || text_i64(no, 1, INT64_MAX, &n) || digest_unhex(colon + 1, a->expect))
		return opt_usage("audit", tr("--expect is like 1234:66c7…, as `audit head` prints it",
					     "--expect 形如 1234:66c7…，见 `audit head` 的输出"));
	a->expect_no = (uint64_t)n;
	return 0;
}

static int option(struct audit_cmd *a, int key, const char *value)
{
	switch (key) {
	case O_STATE:
		a->state = value;
		return 0;
	case O_KIND:
		a->kind = value;
		return 0;
	case O_PART:
		a->part = true;
		return 0;
	case O_MARKDOWN:
		a->markdown = true;
		return 0;
	case O_HTML:
		a->html = value;
		return 0;
	case O_AFTER:
		a->after_given = true;
		return number(value, "after", INT64_MAX, &a->after);
	case O_LIMIT:
		return number(value, "limit", LIST_MAX, &a->limit);
	default:
		return expect(a, value);
	}
}

static int run(struct audit_cmd *a, const char *part)
{
	if (!strcmp(part, "verify"))
		return verify(a);
	if (!strcmp(part, "head"))
		return head(a);
	if (!strcmp(part, "dataset"))
		return dataset(a);
	if (!strcmp(part, "ls"))
		return list(a);
	a->limit = 0;
	return walk(a, export_entry, NULL);
}

/* The operands: a part, and a file that goes with `verify`. */
static int operands(const struct opt_scan *s, struct audit_cmd *a, const char **ret_part)
{
	static const char *const parts[] = { "ls", "export", "verify", "head", "dataset" };
	int n = s->argc - s->at;
	bool known = false;

	*ret_part = n > 0 ? s->argv[s->at] : "ls";
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		known |= !strcmp(*ret_part, parts[i]);
	if (!known)
		return opt_usage("audit", tr("there is no \"audit %.40s\"", "没有 “audit %.40s”"), *ret_part);
	a->file = n > 1 ? s->argv[s->at + 1] : NULL;
	if (!strcmp(*ret_part, "dataset")) {
		if (n != 2 || a->state)
			return opt_usage("audit", "%s", tr("`audit dataset` wants the name of a data set",
							   "`audit dataset` 需要数据集名称"));
		return 0;
	}
	if (a->html || a->markdown)
		return opt_usage("audit", "%s", tr("--html and --markdown go with `audit dataset`",
						   "--html 与 --markdown 只用于 `audit dataset`"));
	if (n > 2 || (a->file && strcmp(*ret_part, "verify")))
		return opt_usage("audit", tr("\"%.40s\" is too much", "多余的参数 “%.40s”"),
				 s->argv[s->at + (n > 2 ? 2 : 1)]);
	if (a->file && a->state)
		return opt_usage("audit", "%s", tr("a file or --state, not both",
						   "文件与 --state 只能给出其一"));
	if (a->state && !strcmp(*ret_part, "head"))
		return opt_usage("audit", "%s", tr("`audit verify --state` prints the end of the log",
						   "`audit verify --state` 会打印日志末端"));
	return 0;
}

int cmd_audit(int argc, char **argv)
{
	struct opt_scan s = { .verb = "audit", .opts = opts, .argc = argc, .argv = argv };
	struct audit_cmd a = { .limit = LIST_DEFAULT };
	const char *part = NULL;
	int key, res = 0;

	while (res == 0 && (key = opt_next(&s)) >= 0)
		res = option(&a, key, s.value);
	if (res == 0 && key != OPT_END)
		return key == OPT_HELP ? CMD_OK : CMD_USAGE;
	if (res == 0)
		res = operands(&s, &a, &part);
	if (res == 0 && !a.state && (!a.file || !strcmp(part, "dataset")))
		res = remote_new(&a.r);
	buf_init(&a.line, LINE_MAX_BYTES);
	if (res == 0)
		res = run(&a, part);
	buf_done(&a.line);
	remote_free(a.r);
	return res;
}
