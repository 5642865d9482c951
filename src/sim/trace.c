/* trace.c - nodes and tasks from CSV, and the order in which the tasks arrive */

#include "sim/trace.h"

#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include "sim/fragment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 32, FIELDS_MAX = 16 };

/* An open file, its columns that matter, and the fields of the line at hand. */
struct reader {
	FILE *file;
	const char *path;
	unsigned line;
	const char *const *names;       /* NULL ends; the last `optional` may be missing */
	int column[FIELDS_MAX];         /* -1: not there */
	char *field[FIELDS_MAX];
	char text[TRACE_LINE_MAX];
	struct err *err;
};

static void reader_close(struct reader *r)
{
	if (r->file)
		fclose(r->file);
}

static int reader_fail(const struct reader *r, const char *field, const char *what)
{
	err_field(r->err, field ? field : "", "%s:%u: %s", r->path, r->line, what);
	if (r->err)
		r->err->line = r->line;
	return ERR_E_INPUT;
}

/* 0: a line is in text, without its end; 1: no more; else the failure. */
static int reader_line(struct reader *r)
{
	size_t n;

	do {
		if (!fgets(r->text, sizeof(r->text), r->file)) {
			if (!ferror(r->file))
				return 1;
			return err_set(r->err, -EIO, "could not read %s", r->path);
		}
		r->line++;
		n = strlen(r->text);
		if (n + 1 == sizeof(r->text) && r->text[n - 1] != '\n')
			return reader_fail(r, NULL, "the line is too long") + 1;
		while (n && (r->text[n - 1] == '\n' || r->text[n - 1] == '\r'))
			r->text[--n] = 0;
	} while (!n);
	return 0;
}

static uint32_t split(char *text, char **columns)
{
	uint32_t n = 0;

	while (text && n < COLUMNS_MAX)
		columns[n++] = strsep(&text, ",");
	return n;
}

static int reader_header(struct reader *r, uint32_t optional)
{
	char *columns[COLUMNS_MAX];
	uint32_t n, count = 0;

	if (reader_line(r))
		return reader_fail(r, NULL, "a first line that names the columns is needed");
	n = split(r->text, columns);
	while (r->names[count])
		count++;
	for (uint32_t i = 0; i < count; i++) {
		r->column[i] = -1;
		for (uint32_t j = 0; j < n; j++)
			if (!strcmp(columns[j], r->names[i]))
				r->column[i] = (int)j;
		if (r->column[i] < 0 && i + optional < count)
			return reader_fail(r, r->names[i], "this column is missing");
	}
	return 0;
}

static int reader_open(struct reader *r, const char *path, const char *const *names,
		       uint32_t optional, struct err *err)
{
	r->path = path;
	r->names = names;
	r->err = err;
	r->line = 0;
	r->file = fopen(path, "re");
	if (!r->file)
		return err_set(err, -errno, "could not open %s: %s", path, strerror(errno));
	return reader_header(r, optional);
}

/* 0: the fields are filled in ("" where the column is not there); 1: no more; else fail + 1. */
static int reader_next(struct reader *r)
{
	static char none[1];
	char *columns[COLUMNS_MAX];
	int got = reader_line(r);
	uint32_t n;

	if (got)
		return got;
	n = split(r->text, columns);
	for (uint32_t i = 0; r->names[i]; i++) {
		r->field[i] = r->column[i] < 0 ? none : NULL;
		if (r->column[i] >= 0 && (uint32_t)r->column[i] < n)
			r->field[i] = columns[r->column[i]];
		if (!r->field[i])
			return reader_fail(r, r->names[i], "this line has too few columns") + 1;
	}
	return 0;
}

static int reader_number(const struct reader *r, uint32_t i, uint32_t max, uint32_t *ret)
{
	int64_t x;

	if (text_i64(r->field[i], 0, max, &x))
		return reader_fail(r, r->names[i], "a whole number within its limits is needed");
	*ret = (uint32_t)x;
	return 0;
}

/* ---- nodes ---- */

enum { NODE_NAME, NODE_CPU, NODE_MEMORY, NODE_GPUS, NODE_MODEL, NODE_TDP };
enum { TDP_MAX_W = 100000 };           /* a rack */
static const char *const node_columns[] = {
	"sn", "cpu_milli", "memory_mib", "gpu", "model", "tdp_w", NULL,
};

static uint32_t model_find(const struct trace *t, const char *name, size_t n)
{
	for (uint32_t i = 0; i < NODE_KINDS_MAX && t->models[i]; i++)
		if (strlen(t->models[i]) == n && !memcmp(t->models[i], name, n))
			return i;
	return NODE_KINDS_MAX;
}

static int model_index(struct trace *t, const struct reader *r, uint16_t *ret)
{
	const char *name = r->field[NODE_MODEL];
	uint32_t i = model_find(t, name, strlen(name)), n = 0;

	while (n < NODE_KINDS_MAX && t->models[n])
		n++;
	if (i == NODE_KINDS_MAX) {
		if (n == NODE_KINDS_MAX)
			return reader_fail(r, "model", "there are too many models");
		i = n;
		t->models[i] = arena_strdup(&t->arena, name);
	}
	*ret = (uint16_t)i;
	return 0;
}

static int node_read(struct trace *t, const struct reader *r, struct node *n)
{
	uint32_t gpus = 0;
	int bad = reader_number(r, NODE_CPU, UINT32_MAX, &n->cpu_milli);

	bad = bad ? bad : reader_number(r, NODE_MEMORY, UINT32_MAX, &n->memory_mb);
	bad = bad ? bad : reader_number(r, NODE_GPUS, NODE_ACCELS_MAX, &gpus);
	n->model = ACCEL_NONE;
	if (!bad && gpus)
		bad = model_index(t, r, &n->model);
	if (!bad && gpus && *r->field[NODE_TDP])
		bad = reader_number(r, NODE_TDP, TDP_MAX_W, &t->tdp_w[n->model]);
	n->cpu_free_milli = n->cpu_milli;
	n->memory_free_mb = n->memory_mb;
	n->naccels = (uint8_t)gpus;
	for (uint32_t i = 0; i < gpus && !bad; i++)
		n->accel_free_milli[i] = DEVICE_MILLI;
	return bad;
}

static int nodes_read(struct trace *t, struct reader *r)
{
	uint32_t cap = 0;
	int got;

	while (!(got = reader_next(r))) {
		struct node n = { .cpu_milli = 0 };
		int bad = node_read(t, r, &n);

		if (bad)
			return bad;
		if (t->nnodes == POOL_NODES_MAX)
			return reader_fail(r, NULL, "there are too many nodes");
		if (t->nnodes == cap) {
			cap = cap ? cap * 2 : 1024;
			t->nodes = mem_grow(t->nodes, cap, sizeof(*t->nodes));
			t->node_names = mem_grow(t->node_names, cap, sizeof(*t->node_names));
		}
		t->node_names[t->nnodes] = arena_strdup(&t->arena, r->field[NODE_NAME]);
		t->nodes[t->nnodes++] = n;
		t->capacity_milli += (uint64_t)n.naccels * DEVICE_MILLI;
	}
	return got == 1 ? 0 : got > 1 ? ERR_E_INPUT : got;
}

int trace_read_nodes(struct trace *ret, const char *path, struct err *err)
{
	struct reader r = { .file = NULL };
	int bad = reader_open(&r, path, node_columns, 1, err);

	if (!bad)
		bad = nodes_read(ret, &r);
	if (!bad && !ret->nnodes)
		bad = reader_fail(&r, NULL, "there is no node");
	if (!bad)
		node_kinds_of(ret->nnodes, ret->nodes, &ret->kinds);
	reader_close(&r);
	return bad;
}

int trace_tile(struct trace *t, uint32_t times, struct err *err)
{
	uint32_t n = t->nnodes;

	if (!times || (uint64_t)n * times > POOL_NODES_MAX)
		return err_set(err, ERR_E_INPUT, "at most %d nodes, and at least one copy",
			       POOL_NODES_MAX);
	t->nodes = mem_grow(t->nodes, (size_t)n * times, sizeof(*t->nodes));
	t->node_names = mem_grow(t->node_names, (size_t)n * times, sizeof(*t->node_names));
	for (uint32_t i = n; i < n * times; i++) {
		t->nodes[i] = t->nodes[i % n];
		t->node_names[i] = arena_printf(&t->arena, "%s.%u", t->node_names[i % n], i / n);
	}
	t->nnodes = n * times;
	t->capacity_milli *= times;
	node_kinds_of(t->nnodes, t->nodes, &t->kinds);
	return 0;
}

/* ---- tasks ---- */

enum {
	TASK_NAME, TASK_CPU, TASK_MEMORY, TASK_GPUS, TASK_MILLI, TASK_MODELS,
	TASK_SUBMIT, TASK_RUN, TASK_CREATED, TASK_DELETED, TASK_SCHEDULED, TASK_COLUMNS
};
static const char *const task_columns[] = {
	"name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli", "gpu_spec", "submit_s", "run_s",
	"creation_time", "deletion_time", "scheduled_time", NULL,
};

/* Models that no node has are of no use to the task, and no mistake. */
static void task_models(const struct trace *t, const char *spec, uint32_t devices,
			struct node_ask *ask)
{
	for (uint32_t k = 0; !*spec && k < t->kinds.n; k++)
		ask->devices[k] = (uint8_t)devices;
	while (*spec) {
		size_t n = strcspn(spec, "|");
		uint32_t model = model_find(t, spec, n), k;

		k = model < NODE_KINDS_MAX ? node_kind(&t->kinds, (uint16_t)model) : UINT32_MAX;
		if (k != UINT32_MAX)
			ask->devices[k] = (uint8_t)devices;
		spec += n + (spec[n] == '|');
	}
}

static bool has(const struct reader *r, uint32_t i)
{
	return r->column[i] >= 0;
}

static bool timed(const struct reader *r)
{
	return (has(r, TASK_SUBMIT) && has(r, TASK_RUN)) ||
	       (has(r, TASK_CREATED) && has(r, TASK_DELETED));
}

/* One task of openb was deleted before it was scheduled: it never ran. */
static int task_times(const struct reader *r, struct trace_task *task)
{
	uint32_t begin, end;
	int bad;

	if (has(r, TASK_SUBMIT) && has(r, TASK_RUN)) {
		bad = reader_number(r, TASK_SUBMIT, TRACE_SECONDS_MAX, &task->submit_s);
		return bad ? bad : reader_number(r, TASK_RUN, TRACE_SECONDS_MAX, &task->run_s);
	}
	bad = reader_number(r, TASK_CREATED, TRACE_SECONDS_MAX, &task->submit_s);
	bad = bad ? bad : reader_number(r, TASK_DELETED, TRACE_SECONDS_MAX, &end);
	if (bad)
		return bad;
	begin = task->submit_s;
	if (*r->field[TASK_SCHEDULED])
		bad = reader_number(r, TASK_SCHEDULED, TRACE_SECONDS_MAX, &begin);
	if (!bad)
		task->run_s = end > begin ? end - begin : 0;
	return bad;
}

static int task_read(struct trace *t, const struct reader *r, struct trace_task *task)
{
	struct node_ask *a = &task->ask;
	uint32_t milli = 0;
	int bad = reader_number(r, TASK_CPU, UINT32_MAX, &a->cpu_milli);

	bad = bad ? bad : reader_number(r, TASK_MEMORY, UINT32_MAX, &a->memory_mb);
	bad = bad ? bad : reader_number(r, TASK_GPUS, NODE_ACCELS_MAX, &task->devices);
	if (!bad && *r->field[TASK_MILLI])
		bad = reader_number(r, TASK_MILLI, DEVICE_MILLI, &milli);
	if (bad)
		return bad;
	if (!a->cpu_milli)
		a->cpu_milli = 100;     /* nothing runs on no cpu; as the trace's authors have it */
	if (task->devices && !milli)
		return reader_fail(r, "gpu_milli", "a task with devices needs a share of them");
	if (task->devices) {
		a->share_milli = task->devices > 1 ? DEVICE_MILLI : milli;
		task_models(t, r->field[TASK_MODELS], task->devices, a);
	}
	task->name = arena_strdup(&t->arena, r->field[TASK_NAME]);
	return t->timed ? task_times(r, task) : 0;
}

static int by_name(const void *a, const void *b)
{
	const struct trace_task *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int tasks_read(struct trace *t, struct reader *r)
{
	uint32_t cap = 0;
	int got;

	while (!(got = reader_next(r))) {
		int bad;

		if (t->ntasks == TRACE_TASKS_MAX)
			return reader_fail(r, NULL, "there are too many tasks");
		if (t->ntasks == cap) {
			cap = cap ? cap * 2 : 1024;
			t->tasks = mem_grow(t->tasks, cap, sizeof(*t->tasks));
		}
		memset(&t->tasks[t->ntasks], 0, sizeof(*t->tasks));
		bad = task_read(t, r, &t->tasks[t->ntasks]);
		if (bad)
			return bad;
		t->ntasks++;
	}
	return got == 1 ? 0 : got > 1 ? ERR_E_INPUT : got;
}

int trace_read_tasks(struct trace *ret, const char *path, struct err *err)
{
	struct reader r = { .file = NULL };
	int bad = reader_open(&r, path, task_columns, TASK_COLUMNS - TASK_MODELS, err);

	if (!bad) {
		ret->timed = timed(&r);
		bad = tasks_read(ret, &r);
	}
	if (!bad && !ret->ntasks)
		bad = reader_fail(&r, NULL, "there is no task");
	if (!bad)
		qsort(ret->tasks, ret->ntasks, sizeof(*ret->tasks), by_name);
	reader_close(&r);
	return bad;
}

void trace_done(struct trace *t)
{
	free(t->nodes);
	free(t->node_names);
	free(t->tasks);
	arena_done(&t->arena);
	*t = (struct trace){ .nnodes = 0 };
}

/* ---- arrivals ---- */

static uint64_t task_milli(const struct trace_task *task)
{
	return (uint64_t)task->devices * task->ask.share_milli;
}

struct arrivals {
	uint32_t n, cap, *list;
	uint64_t milli;
};

static void arrive(struct arrivals *a, const struct trace *t, uint32_t task)
{
	if (a->n == a->cap) {
		a->cap = a->cap ? a->cap * 2 : 4096;
		a->list = mem_grow(a->list, a->cap, sizeof(*a->list));
	}
	a->list[a->n++] = task;
	a->milli += task_milli(&t->tasks[task]);
}

static uint32_t *shuffled(uint32_t n, struct rng *rng)
{
	uint32_t *list = mem_array(n + 1, sizeof(*list));

	for (uint32_t i = 0; i < n; i++)
		list[i] = i;
	for (uint32_t i = n; i > 1; i--) {
		uint32_t j = (uint32_t)rng_below(rng, i), x = list[i - 1];

		list[i - 1] = list[j];
		list[j] = x;
	}
	return list;
}

uint32_t trace_arrivals(const struct trace *t, uint64_t seed, uint32_t percent, uint32_t **ret)
{
	struct rng rng = { .s = rng_mix(seed, 1) };
	struct arrivals a = { .n = 0 };
	uint64_t limit = t->capacity_milli * percent / 100, asked = 0;
	uint32_t *first = shuffled(t->ntasks, &rng);

	for (uint32_t i = 0; i < t->ntasks; i++)
		asked += task_milli(&t->tasks[i]);
	if (!asked || !t->capacity_milli)
		limit = UINT64_MAX;
	for (uint32_t i = 0; i < t->ntasks && a.milli < limit; i++)
		arrive(&a, t, first[i]);
	while (limit != UINT64_MAX && a.milli < limit)
		arrive(&a, t, (uint32_t)rng_below(&rng, t->ntasks));
	free(first);
	*ret = a.list;
	return a.n;
}

void trace_mix(const struct trace *t, struct node_mix *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (uint32_t i = 0; i < t->ntasks; i++)
		node_mix_add(ret, &t->tasks[i].ask);
}

double trace_fragment(const struct trace *t, const struct node *nodes)
{
	struct node_mix *mix = mem_alloc(sizeof(*mix));
	struct fragment_mix *typical = mem_alloc(sizeof(*typical));
	double sum;

	trace_mix(t, mix);
	fragment_learn(mix, typical);
	sum = fragment_sum(typical, t->nnodes, nodes, &t->kinds);
	free(mix);
	free(typical);
	return sum;
}
