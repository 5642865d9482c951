/* engine_bed.h - an engine on a loop of its own, and the events it reports */
#ifndef TEST_LIB_ENGINE_BED_H
#define TEST_LIB_ENGINE_BED_H

#include "file.h"

#include "base/mem.h"
#include "engine/engine.h"
#include "loop/timer.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define UNUSED __attribute__((unused))

enum { BED_EVENTS_MAX = 64, BED_WAIT_MS = 20000 };

struct bed_event {
	struct engine_event ev;
	char run_id[RUN_ID_MAX + 1], text[200];
};

struct bed {
	uv_loop_t loop;
	const struct engine_ops *ops;
	struct engine *engine;
	struct pool pool;
	char top[64], dir[80], options[512];
	unsigned n;
	struct bed_event events[BED_EVENTS_MAX];
	bool late, up;
	const char *base;               /* options that every opening has, or NULL */
	/* what bed_start() asks for; reset by bed_fresh() */
	struct task_spec spec;
	struct placement place;
	struct place_node nodes[2];
	const char *roots[2];
	struct run_input inputs[8];
	uint32_t index;
};

UNUSED static void bed_hear(void *arg, const struct pool *p, const struct engine_event *ev)
{
	struct bed *b = arg;
	struct bed_event *e;

	assert_ptr_equal(p, &b->pool);
	if (b->ops->tells_nodes && (ev->kind == ENGINE_EV_POOL || ev->kind == ENGINE_EV_ACCEPTED)) {
		b->up |= ev->kind == ENGINE_EV_POOL && ev->up;
		return;
	}
	e = &b->events[b->n++];
	assert_true(b->n < BED_EVENTS_MAX);
	e->ev = *ev;
	snprintf(e->run_id, sizeof(e->run_id), "%s", ev->run_id);
	snprintf(e->text, sizeof(e->text), "%s", ev->text ? ev->text : "");
	uv_stop(&b->loop);              /* else one turn waits for the next timer, too */
}

/* The shim of this build: SUANLU_SHIM, or in SUANLU_BUILD, or beside the test or above. */
UNUSED static const char *bed_shim(void)
{
	static char path[PATH_MAX + 32];
	const char *env = getenv("SUANLU_SHIM"), *build = getenv("SUANLU_BUILD");
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (env)
		return env;
	if (build) {
		snprintf(path, sizeof(path), "%s/suanlu-shim", build);
		if (access(path, X_OK) == 0)
			return path;
	}
	self[n > 0 ? n : 0] = '\0';
	for (unsigned up = 0; up < 3; up++) {
		char *slash = strrchr(self, '/');

		if (!slash)
			break;
		*slash = '\0';
		snprintf(path, sizeof(path), "%s/suanlu-shim", self);
		if (access(path, X_OK) == 0)
			return path;
	}
	return NULL;
}

/* Options as JSON without braces, ' for ". */
UNUSED static int bed_open_err(struct bed *b, const char *more, struct err *err)
{
	const struct engine_host host = { .arg = b, .event = bed_hear };
	json_t *json;
	int r;

	if (b->ops == &engine_local)
		snprintf(b->options, sizeof(b->options), "{'shim':'%s'%s%s}", bed_shim(),
			 *more ? "," : "", more);
	else
		snprintf(b->options, sizeof(b->options), "{%s%s%s}", b->base ? b->base : "",
			 b->base && *more ? "," : "", more);
	for (char *p = b->options; *p; p++)
		if (*p == '\'')
			*p = '"';
	json = json_loads(b->options, 0, NULL);
	assert_non_null(json);
	r = b->ops->open(&b->loop, &b->pool, json, b->dir, &host, &b->engine, err);
	json_decref(json);
	return r;
}

UNUSED static void bed_open(struct bed *b, const char *more)
{
	struct err err;

	if (bed_open_err(b, more, &err) != 0)
		fail_msg("%s %s", err.field, err.text);
}

UNUSED static void bed_close(struct bed *b)
{
	if (b->engine)
		b->engine = b->ops->free(b->engine);
	uv_run(&b->loop, UV_RUN_DEFAULT);
}

/* What a task looks like before a test says more. */
UNUSED static void bed_fresh(struct bed *b)
{
	memset(&b->spec, 0, sizeof(b->spec));
	b->spec.nodes = 1;
	b->spec.walltime_s = 60;
	b->spec.level = LEVEL_1;
	b->spec.array_n = 1;
	b->nodes[0] = (struct place_node){ .node = 0 };
	b->place = (struct placement){ .n = 1, .nodes = b->nodes, .cpu_milli = 1000,
				       .memory_mb = 64 };
	b->roots[0] = NULL;
	b->roots[1] = NULL;
	b->index = 0;
}

UNUSED static struct bed *bed_new(const struct engine_ops *ops)
{
	struct bed *b = mem_alloc(sizeof(*b));

	uv_loop_init(&b->loop);
	b->ops = ops;
	b->pool.name = "here";
	b->pool.region = "cn/50";
	b->pool.clearance = LEVEL_4;
	strcpy(b->top, "/tmp/suanlu-engine-XXXXXX");
	assert_non_null(mkdtemp(b->top));
	chmod(b->top, 0711);
	snprintf(b->dir, sizeof(b->dir), "%s/runs", b->top);
	bed_fresh(b);
	return b;
}

UNUSED static void bed_free(struct bed *b)
{
	char cmd[128];

	bed_close(b);
	assert_int_equal(uv_loop_close(&b->loop), 0);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", b->top);
	assert_int_equal(system(cmd), 0);
	free(b);
}

UNUSED static int bed_start(struct bed *b, const char *run_id, struct err *err)
{
	struct run_spec r = {
		.run_id = run_id, .spec = &b->spec, .task = 7, .index = b->index, .attempt = 1,
		.place = &b->place, .pool = &b->pool,
		.label = { .level = b->spec.level, .within = b->spec.stay_within },
		.clearance = b->pool.clearance, .ninputs = b->spec.ninputs,
		.inputs = b->inputs, .read_roots = b->roots, .write_roots = b->roots,
	};

	for (uint32_t i = 0; i < b->spec.ninputs; i++)
		b->inputs[i] = (struct run_input){ .url = b->spec.inputs[i].url,
						   .size = b->spec.inputs[i].size,
						   .sha256 = b->spec.inputs[i].sha256 };
	return b->ops->start(b->engine, &r, err);
}

/* Start a command given as NULL-terminated words. */
#define bed_run(b, id, ...) do {                                                        \
		static const char *const argv_[] = { __VA_ARGS__, NULL };               \
		struct err err_ = { .text = "" };                                       \
		(b)->spec.command = argv_;                                              \
		(b)->spec.ncommand = ARRAY_LEN(argv_) - 1;                              \
		if (bed_start(b, id, &err_) != 0)                                       \
			fail_msg("%s", err_.text);                                      \
	} while (0)

#define bed_sh(b, id, text) bed_run(b, id, "sh", "-c", text)

UNUSED static void bed_is_late(void *arg)
{
	((struct bed *)arg)->late = true;
}

UNUSED static const struct bed_event *bed_find(const struct bed *b, const char *run_id,
					       unsigned from, bool final)
{
	for (unsigned i = from; i < b->n; i++) {
		enum engine_event_kind k = b->events[i].ev.kind;

		if (strcmp(b->events[i].run_id, run_id) == 0 &&
		    (final ? k == ENGINE_EV_ENDED || k == ENGINE_EV_LOST : k == ENGINE_EV_STARTED))
			return &b->events[i];
	}
	return NULL;
}

/* Turn the loop until the event is there. */
UNUSED static const struct bed_event *bed_wait(struct bed *b, const char *run_id, unsigned from,
					       bool final)
{
	struct timer *t = timer_new(&b->loop, bed_is_late, b);
	const struct bed_event *e;

	b->late = false;
	timer_start(t, BED_WAIT_MS, 0);
	while (!(e = bed_find(b, run_id, from, final)) && !b->late)
		uv_run(&b->loop, UV_RUN_ONCE);
	timer_free(t);
	if (!e)
		fail_msg("run %s: no %s came", run_id, final ? "end" : "start");
	return e;
}

#define bed_end(b, id) bed_wait(b, id, 0, true)
#define bed_began(b, id) bed_wait(b, id, 0, false)

UNUSED static void bed_turn(struct bed *b, unsigned ms)
{
	struct timer *t = timer_new(&b->loop, bed_is_late, b);

	b->late = false;
	timer_start(t, ms, 0);
	while (!b->late)
		uv_run(&b->loop, UV_RUN_ONCE);
	timer_free(t);
}

/* A whole stream as a string that the next call overwrites. */
UNUSED static const char *bed_log(struct bed *b, const char *run_id, int stream)
{
	static char text[8192];
	struct buf out;
	uint64_t size = 0;
	struct err err;

	buf_init(&out, sizeof(text) - 1);
	if (b->ops->log(b->engine, run_id, stream, 0, &out, &size, &err) != 0)
		fail_msg("%s", err.text);
	memcpy(text, out.data, out.len + 1);
	buf_done(&out);
	return text;
}

/* A file below the bed's directory. */
UNUSED static char *bed_path(const struct bed *b, const char *name, char out[256])
{
	snprintf(out, 256, "%s/%s", b->top, name);
	return out;
}

UNUSED static void bed_put(const struct bed *b, const char *name, const char *text)
{
	char path[256];
	FILE *f = fopen(bed_path(b, name, path), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

UNUSED static const char *bed_get(const struct bed *b, const char *name)
{
	char path[256];

	return file_text(bed_path(b, name, path));
}

/* Is any process alive whose command line contains `mark`? */
UNUSED static bool bed_alive(const char *mark)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	bool found = false;

	while ((e = readdir(d)) && !found) {
		char path[300], text[512];
		FILE *f;
		size_t n;

		snprintf(path, sizeof(path), "/proc/%s/cmdline", e->d_name);
		f = e->d_name[0] >= '1' && e->d_name[0] <= '9' ? fopen(path, "r") : NULL;
		if (!f)
			continue;
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
		for (size_t i = 0; i < n; i++)
			if (!text[i])
				text[i] = ' ';
		text[n] = '\0';
		found = strstr(text, mark) && atoi(e->d_name) != getpid();
	}
	closedir(d);
	return found;
}

#endif
