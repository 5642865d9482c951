/* fuzz_trace.c - node lists, task lists and histories come from others: any bytes are a table
 * that can be replayed, or are refused in words
 *
 * The first byte says which of the three the rest is.
 */

#include "base/mem.h"
#include "sim/city.h"
#include "sim/live.h"
#include "sim/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

extern const char accelerators_csv[];
extern const size_t accelerators_csv_len;

enum { TASKS_RUN_MAX = 400 };

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_trace: %s\n", what);
	abort();
}

/* The readers take paths: a file in memory has one. */
static int memory_file(const uint8_t *data, size_t n, char path[64])
{
	int fd = memfd_create("fuzz", 0);

	must(fd >= 0 && write(fd, data, n) == (ssize_t)n, "no file in memory");
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

static void refused(int bad, const struct err *err)
{
	must(bad == ERR_E_INPUT && err->text[0], "a refusal without words");
}

static void fixed(struct trace *t, const char *text, bool nodes)
{
	struct err err;
	char path[64];
	int fd = memory_file((const uint8_t *)text, strlen(text), path);

	must(!(nodes ? trace_read_nodes(t, path, &err) : trace_read_tasks(t, path, &err)),
	     "a good table is refused");
	close(fd);
}

static void run(const struct trace *t)
{
	static struct replay_result replayed;
	static struct live_result lived;
	static struct catalogue none;
	static struct bill bill;
	struct replay r = { .trace = t, .seed = 1, .percent = 10, .bill = &bill };
	struct live l = { .trace = t, .seed = 1, .faster = 1, .bill = &bill };

	bill_init(&bill, t, &none);
	if (t->ntasks > TASKS_RUN_MAX || t->nnodes > TASKS_RUN_MAX)
		return;
	must(!replay_run(&r, &replayed, NULL), "a replay fails");
	must(replayed.placed + replayed.refused == replayed.arrived, "tasks are lost in a replay");
	if (!t->timed)
		return;
	must(!live_run(&l, &lived, NULL), "a run with departures fails");
	must(lived.started + lived.refused == t->ntasks, "tasks are lost");
}

static void table(const uint8_t *data, size_t n, bool nodes)
{
	struct trace t = { .nnodes = 0 };
	struct err err = { .text = "" };
	char path[64];
	int fd = memory_file(data, n, path), bad;

	if (!nodes)
		fixed(&t, "sn,cpu_milli,memory_mib,gpu,model\na,8000,8192,2,T4\nb,4000,9999,0,\n", true);
	bad = nodes ? trace_read_nodes(&t, path, &err) : trace_read_tasks(&t, path, &err);
	if (!bad && nodes)
		fixed(&t, "name,cpu_milli,memory_mib,num_gpu,gpu_milli\nx,1,1,1,500\ny,1,1,0,\n", false);
	if (bad)
		refused(bad, &err);
	else
		run(&t);
	close(fd);
	trace_done(&t);
}

static struct pool *pool(const struct catalogue *c)
{
	static const char text[] = "{\"name\":\"hub\",\"region\":\"cn\",\"engine\":\"fake\","
		"\"clearance\":4,\"images\":\"run\",\"groups\":[{\"count\":2,\"cpus\":8,\"memory_mb\":"
		"8192,\"accelerators\":{\"model\":\"h20\",\"count\":4}}]}";
	struct pool *p = NULL;
	struct err err;
	json_t *v = NULL;

	must(!json_parse(text, strlen(text), &v, &err) && !pool_decode(v, "", NULL, c, &p, &err),
	     "a good pool is refused");
	json_decref(v);
	return p;
}

static void history(const uint8_t *data, size_t n, const struct catalogue *c)
{
	struct past p = { .n = 0 };
	struct city_result r = { .n = 0 };
	struct err err = { .text = "" };
	FILE *f = n ? fmemopen((void *)data, n, "r") : NULL;
	int bad = f ? past_read(&p, f, "fuzz", c, &err) : 1;

	if (f && bad)
		refused(bad, &err);
	if (!bad && p.n <= TASKS_RUN_MAX) {
		struct pool *pools[] = { pool(c) };
		struct city city = { .past = &p, .catalogue = c, .npools = 1, .pools = pools };

		must(!city_run(&city, &r, &err), "a replay fails");
		must(r.done + r.refused + r.waiting == p.n, "tasks are lost");
		city_result_done(&r);
		pool_free(pools[0]);
	}
	if (f)
		fclose(f);
	past_done(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct catalogue c;

	if (!c.n)
		must(!catalogue_parse(accelerators_csv, accelerators_csv_len, &c, NULL),
		     "our own catalogue is refused");
	if (!n)
		return 0;
	if (*data % 3 == 2)
		history(data + 1, n - 1, &c);
	else
		table(data + 1, n - 1, *data % 3);
	return 0;
}
