/* plan.c - `suanlu plan`: the operator's own configuration, a history, and what if */

#include "config.h"

#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/opt.h"
#include "cmd/out.h"
#include "cmd/plan.h"
#include "cmd/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { O_HISTORY = 256, O_ADD, O_REPLACE, O_DRAIN, O_REMOVE, O_CHIPS, O_LOG, O_HTML };

static const struct opt opts[] = {
	{ 'c', "config", "FILE", "the configuration, as for serve", "配置文件，与 serve 相同" },
	{ O_HISTORY, "history", "FILE", "what `suanlu export` wrote", "`suanlu export` 导出的历史" },
	{ O_ADD, "add", "FILE", "what if these pools came (YAML)", "假设新增这些资源池（YAML）" },
	{ O_REPLACE, "replace", "FILE", "what if pools were these instead",
	  "假设同名资源池换成文件中的" },
	{ O_DRAIN, "drain", "POOL", "what if this pool took no more tasks", "假设此资源池停止接收任务" },
	{ O_REMOVE, "remove", "POOL", "what if this pool were not there", "假设没有此资源池" },
	{ O_CHIPS, "chips", "POOL=MODEL[:N]", "what if its devices were these, N on a node",
	  "假设其加速器换成此型号，每节点 N 个" },
	{ O_LOG, "log", "FILE", "write there where each task went (CSV)",
	  "写出每个任务的去处（CSV）" },
	{ O_HTML, "html", "FILE", "write a report with charts there", "写出带图表的报告" },
	{ 0, NULL, NULL, NULL, NULL },
};

struct wish {
	struct plan plan;
	struct { int key; char *value; } changes[PLAN_CHANGES_MAX];
	const char *log, *html;
	struct config base, what;
	struct past past;
	bool bar;
	unsigned run, runs;
};

/* ---- words ---- */

static int complain(const char *path, const struct err *err)
{
	char said[PHRASE_ZH_MAX];

	out_safe(stderr, "suanlu plan: %s%s%s%s%s\n", path ? path : "", path ? ": " : "", err->field,
		 *err->field ? ": " : "", words_said(err->text, said));
	if (*err->hint)
		out_safe(stderr, "  %s\n", words_said(err->hint, said));
	return CMD_USAGE;
}

/* The line belongs to the file, so it stands beside its name. */
static int complain_file(const char *path, const struct err *err)
{
	char at[4200];

	if (!err->line)
		return complain(path, err);
	snprintf(at, sizeof(at), "%.4096s:%u", path, err->line);
	return complain(at, err);
}

static int could_not_write(const char *path, int bad)
{
	out_safe(stderr,
		 tr("suanlu plan: could not write %s: %s\n", "suanlu plan：无法写出 %s：%s\n"), path,
		 strerror(-bad));
	return CMD_INTERNAL;
}

/* ---- the wishes ---- */

static struct pool *find(const struct config *c, const char *name, uint32_t *ret)
{
	for (uint32_t i = 0; i < c->npools; i++)
		if (!strcmp(c->pools[i]->name, name)) {
			*ret = i;
			return c->pools[i];
		}
	return NULL;
}

static int no_pool(const char *option, const char *name)
{
	return opt_usage("plan",
			 tr("--%s: there is no pool \"%.80s\" in the configuration",
			    "--%s：配置中没有资源池 “%.80s”"),
			 option, name);
}

static void note(struct wish *w, const char *verb, const char *what)
{
	w->plan.changes[w->plan.nchanges++] = arena_printf(&w->what.arena, "%s %s", verb, what);
}

/* Pools of a file take the place of those with their name, or are new. */
static int take_pools(struct wish *w, const char *path, bool replace)
{
	struct config *c = &w->what;
	struct pool **pools = NULL;
	struct err err = { 0 };
	uint32_t n = 0, at = 0;
	int res = 0;

	if (config_pools(path, &c->catalogue, &pools, &n, &err))
		return complain_file(path, &err);
	for (uint32_t i = 0; i < n; i++) {
		bool there = find(c, pools[i]->name, &at);

		if (res || there != replace) {
			if (!res)
				res = opt_usage("plan", there
					? tr("--add: pool \"%.80s\" is there already; --replace changes it",
					     "--add：已有资源池 “%.80s”；更换请用 --replace")
					: tr("--replace: there is no pool \"%.80s\"; --add brings it",
					     "--replace：没有资源池 “%.80s”；新增请用 --add"),
					pools[i]->name);
			pool_free(pools[i]);
			continue;
		}
		note(w, replace ? "replace" : "add", pools[i]->name);
		if (replace) {
			pool_free(c->pools[at]);
			c->pools[at] = pools[i];
		} else {
			c->pools = mem_grow(c->pools, c->npools + 1, sizeof(*c->pools));
			c->pools[c->npools++] = pools[i];
		}
	}
	free(pools);
	return res;
}

static void devices(struct node *n, uint16_t model, uint32_t count)
{
	n->model = model;
	n->naccels = (uint8_t)(count ? count : n->naccels);
	for (uint32_t i = 0; i < n->naccels; i++)
		n->accel_free_milli[i] = 1000;
}

/* POOL=MODEL or POOL=MODEL:N.  Nodes without devices get some only when N is said. */
static int take_chips(struct wish *w, const char *text)
{
	char *copy = arena_strdup(&w->what.arena, text), *model = strchr(copy, '='), *many;
	int64_t n = 0;
	uint32_t at, touched = 0;
	struct pool *p;
	uint16_t m;

	if (model)
		*model++ = '\0';
	many = model ? strchr(model, ':') : NULL;
	if (many)
		*many++ = '\0';
	if (!model || (many && text_i64(many, 1, NODE_ACCELS_MAX, &n)))
		return opt_usage("plan",
				 tr("--chips is POOL=MODEL or POOL=MODEL:N, not \"%.80s\"",
				    "--chips 的写法是 池=型号 或 池=型号:N，不能是 “%.80s”"),
				 text);
	p = find(&w->what, copy, &at);
	if (!p)
		return no_pool("chips", copy);
	m = catalogue_find(&w->what.catalogue, model);
	if (m == ACCEL_NONE)
		return opt_usage("plan", tr("--chips: \"%.80s\" is not in the accelerator catalogue",
					    "--chips：加速器目录中没有 “%.80s”"), model);
	for (uint32_t i = 0; i < p->nnodes; i++)
		if (n || p->nodes[i].naccels) {
			devices(&p->nodes[i], m, (uint32_t)n);
			touched++;
		}
	if (!touched)
		return opt_usage("plan", tr("--chips: pool \"%.80s\" has no devices; say how many a "
					    "node gets, as in %.80s:8",
					    "--chips：资源池 “%.80s” 没有加速器；请写明每节点数量，如 "
					    "%.80s:8"), copy, model);
	p->chip = w->what.catalogue.models[m].name;
	note(w, "chips", text);
	return 0;
}

static int take_away(struct wish *w, const char *name, bool remove)
{
	struct config *c = &w->what;
	uint32_t at;
	struct pool *p = find(c, name, &at);

	if (!p)
		return no_pool(remove ? "remove" : "drain", name);
	note(w, remove ? "remove" : "drain", name);
	if (!remove) {
		p->drained = true;
		return 0;
	}
	pool_free(p);
	memmove(&c->pools[at], &c->pools[at + 1], (c->npools - at - 1) * sizeof(*c->pools));
	c->npools--;
	return 0;
}

static int take(struct wish *w, int key, char *value)
{
	switch (key) {
	case O_ADD:
	case O_REPLACE:
		return take_pools(w, value, key == O_REPLACE);
	case O_CHIPS:
		return take_chips(w, value);
	default:
		return take_away(w, value, key == O_REMOVE);
	}
}

/* ---- options ---- */

static int set(struct wish *w, int key, char *value, unsigned *nchanges)
{
	switch (key) {
	case 'c':
		w->plan.config_path = value;
		return 0;
	case O_HISTORY:
		w->plan.history_path = value;
		return 0;
	case O_LOG:
		w->log = value;
		return 0;
	case O_HTML:
		w->html = value;
		return 0;
	}
	if (*nchanges == PLAN_CHANGES_MAX)
		return opt_usage("plan", tr("at most %d changes", "最多 %d 项改动"), PLAN_CHANGES_MAX);
	w->changes[*nchanges].key = key;
	w->changes[(*nchanges)++].value = value;
	return 0;
}

static int read_options(struct wish *w, int argc, char **argv, unsigned *nchanges)
{
	struct opt_scan s = { .verb = "plan", .opts = opts, .argc = argc, .argv = argv };
	int key, res = 0;

	while (!res && (key = opt_next(&s)) != OPT_END) {
		if (key == OPT_BAD || key == OPT_HELP)
			return key == OPT_HELP ? -1 : CMD_USAGE;
		res = set(w, key, (char *)s.value, nchanges);
	}
	if (res)
		return res;
	if (s.at < argc)
		return opt_usage("plan", tr("\"%.40s\" is too much", "多余的参数 “%.40s”"),
				 argv[s.at]);
	if (!w->plan.config_path || !w->plan.history_path)
		return opt_usage("plan", tr("--config and --history are needed: the file that serve "
					    "has, and what `suanlu export` wrote",
					    "需要 --config 与 --history：serve 的配置文件，以及 `suanlu "
					    "export` 导出的历史"));
	return 0;
}

/* ---- running ---- */

/* A pool whose engine tells its nodes declares none: those of the history are taken. */
static void borrow_nodes(const struct past *past, struct config *c)
{
	for (uint32_t i = 0; i < c->npools; i++) {
		struct pool *p = c->pools[i];
		const struct pool *seen = p->nnodes ? NULL : past_pool(past, p->name);

		if (!seen)
			continue;
		p->nodes = mem_grow(NULL, seen->nnodes, sizeof(*p->nodes));
		memcpy(p->nodes, seen->nodes, seen->nnodes * sizeof(*p->nodes));
		p->nnodes = seen->nnodes;
		p->chip = seen->chip;
	}
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void bar(void *arg, uint64_t done, uint64_t all)
{
	enum { WIDTH = 30 };
	const struct wish *w = arg;
	double part = (w->run + (all ? (double)done / (double)all : 1)) / w->runs;
	int full = (int)(part * WIDTH);

	fprintf(stderr, "\r\033[K[%.*s%*s] %3.0f %%  %s", full, "##############################",
		WIDTH - full, "", part * 100, w->run ? tr("what if", "假设") : tr("replay", "重放"));
}

static int run(struct wish *w, struct config *c, struct plan_side *side,
	       const struct plan_side *beside)
{
	struct err err = { 0 };
	struct city city = { .past = &w->past,
			     .catalogue = &w->base.catalogue,
			     .npools = c->npools,
			     .pools = c->pools,
			     .seed = w->base.seed,
			     .tenant_running_max = w->base.limits.tenant_running_max,
			     .beside = beside ? &beside->result : NULL,
			     .beside_pools = beside ? beside->pools : NULL,
			     .clock_ns = now_ns,
			     .progress = w->bar ? bar : NULL,
			     .progress_arg = w };

	side->npools = c->npools;
	side->pools = c->pools;
	if (city_run(&city, &side->result, &err))
		return complain(NULL, &err);
	w->run++;
	return 0;
}

static int run_both(struct wish *w)
{
	int res;

	w->runs = w->plan.nchanges ? 2 : 1;
	w->bar = out_tty(stderr);
	res = run(w, &w->base, &w->plan.base, NULL);
	if (!res && w->plan.nchanges)
		res = run(w, &w->what, &w->plan.what, &w->plan.base);
	if (w->bar)
		fputs("\r\033[K", stderr);
	return res;
}

static int read_history(struct wish *w)
{
	const char *path = w->plan.history_path;
	struct err err = { 0 };
	FILE *f = fopen(path, "re");
	int bad;

	if (!f) {
		out_safe(stderr, tr("suanlu plan: could not open %s: %s\n",
				    "suanlu plan：无法打开 %s：%s\n"), path, strerror(errno));
		return CMD_USAGE;
	}
	bad = past_read(&w->past, f, path, &w->base.catalogue, &err);
	fclose(f);
	return bad ? complain(NULL, &err) : 0;
}

static int show(struct wish *w)
{
	json_t *doc = plan_json(&w->plan);
	int bad = w->html ? plan_html(doc, w->html) : 0;
	const char *path = w->html;

	if (!bad && w->log) {
		bad = plan_log(&w->plan, w->log);
		path = w->log;
	}
	if (cmd_global.json) {
		json_dumpf(doc, stdout, JSON_REAL_PRECISION(10));
		putchar('\n');
	} else {
		plan_print(doc);
	}
	json_decref(doc);
	return bad ? could_not_write(path, bad) : CMD_OK;
}

/* Two readings of one file: a replay uses its pools up. */
static int load(struct wish *w, struct config *c)
{
	struct err err = { 0 };

	return config_load(w->plan.config_path, c, &err) ? complain_file(w->plan.config_path, &err)
							 : 0;
}

static int plan(struct wish *w, unsigned nchanges)
{
	int res = load(w, &w->base);

	if (!res)
		res = load(w, &w->what);
	if (!res)
		res = read_history(w);
	if (!res) {
		borrow_nodes(&w->past, &w->base);
		borrow_nodes(&w->past, &w->what);
	}
	for (unsigned i = 0; i < nchanges && !res; i++)
		res = take(w, w->changes[i].key, w->changes[i].value);
	if (!res && !w->what.npools)
		res = opt_usage("plan", tr("no pool is left", "没有资源池了"));
	if (!res)
		res = run_both(w);
	return res ? res : show(w);
}

int cmd_plan(int argc, char **argv)
{
	struct wish *w = mem_alloc(sizeof(*w));
	unsigned nchanges = 0;
	int res;

	w->plan.past = &w->past;
	res = read_options(w, argc, argv, &nchanges);
	if (!res)
		res = plan(w, nchanges);
	city_result_done(&w->plan.base.result);
	city_result_done(&w->plan.what.result);
	past_done(&w->past);
	config_done(&w->base);
	config_done(&w->what);
	free(w);
	return res < 0 ? CMD_OK : res;
}
