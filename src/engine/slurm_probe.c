/* slurm_probe.c - what stands behind the options of a Slurm pool, asked once before it is one
 *
 * Blocks, on a loop of its own: for `suanlu pools add`, never in the daemon.
 */

#include "engine/slurm_probe.h"

#include "base/clock.h"
#include "base/mem.h"
#include "engine/slurm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ASK_MS = 20000, TOKEN_SOON_S = 7 * 86400 };

struct probe {
	struct slurm s;                 /* only what calls need */
	uv_loop_t loop;
	json_t *found, *problems;
	enum slurm_reply reply;
	struct slurm_error error;
	json_t *json;
	struct buf text;
	int result;
};

static void on_answer(void *arg, const struct fetch_answer *a)
{
	struct probe *p = arg;

	p->result = a->result;
	p->reply = slurm_reply_read(a, false, &p->json, &p->error);
	p->text = *a->body;
	buf_init(a->body, a->body->max);
	uv_stop(&p->loop);
}

/* The answer is in p->text and p->reply. */
static int ask(struct probe *p, const char *method, const char *path, struct err *err)
{
	int r;

	buf_done(&p->text);
	p->text = (struct buf){ 0 };
	p->reply = SLURM_SILENT;
	r = slurm_ask(&p->s, false, method, path, NULL, ASK_MS, on_answer, p, NULL, err);
	if (r)
		return r;
	uv_run(&p->loop, UV_RUN_DEFAULT);
	json_decref(p->json);
	p->json = NULL;
	return 0;
}

static int get(struct probe *p, const char *what, json_t **ret, struct err *err)
{
	char path[80];
	int r;

	snprintf(path, sizeof(path), "/slurm/v0.0.%u/%s", p->s.api->no, what);
	r = ask(p, "GET", path, err);
	if (r)
		return r;
	*ret = p->reply == SLURM_OK ? json_loadb(p->text.data, p->text.len, 0, NULL) : NULL;
	if (*ret)
		return 0;
	return err_set(err, 1, "the cluster did not tell its %s: %.120s", what, p->error.text);
}

static void problem(struct probe *p, const char *fmt, const char *what)
{
	json_array_append_new(p->problems, json_sprintf(fmt, what));
}

/* ---- the door ---- */

static int version(struct probe *p, struct err *err)
{
	unsigned offered = 0;
	int r = ask(p, "GET", "/openapi/v3", err);

	if (r)
		return r;
	if (p->result)
		return err_set(err, 1, "could not reach slurmrestd at %.80s: %.100s",
			       p->s.conf.socket ? p->s.conf.socket : p->s.conf.base, p->error.text);
	if (p->reply != SLURM_OK)
		return err_set(err, 1, "slurmrestd refused: %.150s", p->error.text);
	p->s.api = slurm_api_choose(p->text.data, p->text.len, &offered);
	if (!p->s.api)
		return err_set(err, 1, "slurmrestd offers no API version that is known here (it has "
			       "v0.0.%u)", offered);
	json_object_set_new(p->found, "api", json_sprintf("v0.0.%u", p->s.api->no));
	json_object_set_new(p->found, "offered", json_sprintf("v0.0.%u", offered));
	return 0;
}

/* To end job 0 is refused in a way that shows who is there. */
static int token(struct probe *p, struct err *err)
{
	char path[80];
	int r;

	snprintf(path, sizeof(path), "/slurm/v0.0.%u/job/0", p->s.api->no);
	r = ask(p, "DELETE", path, err);
	if (r)
		return r;
	if (p->reply == SLURM_TOKEN) {
		err_set(err, 1, "the cluster does not accept this token for user %s", p->s.conf.user);
		err_hint(err, "make a new one there: scontrol token username=%s lifespan=…",
			 p->s.conf.user);
		return 1;
	}
	if (p->reply == SLURM_SILENT)
		return err_set(err, 1, "slurmrestd answers, but its slurmctld does not");
	return 0;
}

static int base64url(char c)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *at = strchr(set, c);

	return c && at ? (int)(at - set) : -1;
}

/* "exp" of the middle part of a JWT, which is no secret; 0: none. */
static int64_t expires_s(const char *jwt)
{
	const char *p = strchr(jwt, '.');
	char text[2048];
	size_t n = 0;
	unsigned bits = 0, have = 0;
	json_t *json;
	int64_t at;

	for (p = p ? p + 1 : ""; *p && *p != '.' && n < sizeof(text); p++) {
		int v = base64url(*p);

		if (v < 0)
			return 0;
		bits = (bits << 6 | (unsigned)v) & 0xffff;
		have += 6;
		if (have >= 8)
			text[n++] = (char)(bits >> (have -= 8) & 255);
	}
	json = json_loadb(text, n, 0, NULL);
	at = slurm_num_or(json_object_get(json, "exp"), 0);
	json_decref(json);
	return at;
}

static void token_end(struct probe *p)
{
	int64_t at = expires_s(p->s.conf.token), left = at - clock_now_ms() / 1000;
	char text[CLOCK_TEXT_MAX];

	if (!at)
		return;
	json_object_set_new(p->found, "token_ends", json_string(clock_format(at * 1000, text)));
	if (left < TOKEN_SOON_S)
		problem(p, "the token ends at %s: have a new one written to its file before", text);
}

/* ---- what is there ---- */

static void release(struct probe *p, const json_t *json)
{
	const json_t *meta = json_object_get(json, "meta"), *slurm = json_object_get(meta, "Slurm");

	if (!slurm)
		slurm = json_object_get(meta, "slurm");
	json_object_set_new(p->found, "slurm", json_string(slurm_str(slurm, "release")));
}

static void add_gres(json_t *list, const char *name, uint32_t devices)
{
	json_t *one = NULL, *v;
	size_t i;

	json_array_foreach(list, i, v)
		if (!strcmp(slurm_str(v, "name"), name))
			one = v;
	if (!one) {
		one = json_pack("{s:s,s:i,s:i}", "name", name, "nodes", 0, "devices", 0);
		json_array_append_new(list, one);
	}
	json_object_set_new(one, "nodes", json_integer(
		json_integer_value(json_object_get(one, "nodes")) + 1));
	json_object_set_new(one, "devices", json_integer(
		json_integer_value(json_object_get(one, "devices")) + devices));
}

static int nodes(struct probe *p, struct err *err)
{
	json_t *json = NULL, *gres = json_array();
	uint64_t cpus = 0, memory = 0;
	struct slurm_node *list;
	uint32_t n = 0, down = 0;
	struct arena a;
	int r = get(p, "nodes", &json, err);

	json_object_set_new(p->found, "gres", gres);
	if (r)
		return r;
	release(p, json);
	arena_init(&a);
	slurm_nodes_decode(json, p->s.conf.partitions, p->s.conf.npartitions, &a, &list, &n);
	for (uint32_t i = 0; i < n; i++) {
		cpus += list[i].cpus;
		memory += list[i].memory_mb;
		down += list[i].down;
		if (*list[i].gres)
			add_gres(gres, list[i].gres, list[i].devices);
		if (list[i].down && down <= 5)
			json_array_append_new(p->problems, json_sprintf("node %s takes no work: %s",
				list[i].name, list[i].state));
	}
	arena_done(&a);
	json_decref(json);
	json_object_set_new(p->found, "nodes", json_integer(n));
	json_object_set_new(p->found, "nodes_down", json_integer(down));
	json_object_set_new(p->found, "cpus", json_integer((json_int_t)cpus));
	json_object_set_new(p->found, "memory_mb", json_integer((json_int_t)memory));
	return n ? 0 : err_set(err, 1, "the cluster shows no node in these partitions");
}

static bool wanted(const struct probe *p, const char *name)
{
	for (uint32_t i = 0; i < p->s.conf.npartitions; i++)
		if (!strcmp(p->s.conf.partitions[i], name))
			return true;
	return p->s.conf.npartitions == 0;
}

static void one_partition(struct probe *p, const json_t *v, json_t *list)
{
	const json_t *state = json_object_get(v, "state");
	const json_t *limit = json_object_get(v, "max_time_limit");

	if (json_object_get(v, "partition"))    /* from 0.0.39 on one level deeper */
		state = json_object_get(json_object_get(v, "partition"), "state");
	if (!limit)
		limit = json_object_get(json_object_get(v, "maximums"), "time");
	json_array_append_new(list, json_pack("{s:s,s:b,s:b,s:I}", "name", slurm_str(v, "name"), "up",
		slurm_has(state, "UP"), "used", wanted(p, slurm_str(v, "name")), "max_s",
		(json_int_t)slurm_num_or(limit, 0) * 60));
}

static int partitions(struct probe *p, struct err *err)
{
	json_t *json = NULL, *list = json_array(), *v;
	int r = get(p, "partitions", &json, err);
	size_t i;

	json_object_set_new(p->found, "partitions", list);
	if (r)
		return r;
	json_array_foreach(json_object_get(json, "partitions"), i, v)
		one_partition(p, v, list);
	json_decref(json);
	for (uint32_t k = 0; k < p->s.conf.npartitions; k++) {
		const char *name = p->s.conf.partitions[k];
		bool there = false;

		json_array_foreach(list, i, v)
			there |= !strcmp(slurm_str(v, "name"), name);
		if (!there)
			return err_set(err, 1, "the cluster has no partition \"%s\"", name);
	}
	return 0;
}

static int jobs(struct probe *p, struct err *err)
{
	json_t *json = NULL, *v;
	int64_t before = clock_mono_ms(), running = 0, waiting = 0;
	struct slurm_job j;
	int r = get(p, "jobs", &json, err);
	size_t i;

	if (r)
		return r;
	json_array_foreach(json_object_get(json, "jobs"), i, v)
		if (slurm_job_decode(v, &j)) {
			running += j.state == SLURM_RUNNING;
			waiting += j.state == SLURM_PENDING;
		}
	json_object_set_new(p->found, "jobs", json_pack("{s:I,s:I,s:I,s:I}", "listed",
		(json_int_t)json_array_size(json_object_get(json, "jobs")), "running",
		(json_int_t)running, "waiting", (json_int_t)waiting, "took_ms",
		(json_int_t)(clock_mono_ms() - before)));
	json_decref(json);
	return 0;
}

/* What the daemon can see of it; whether the nodes see the same, the first run shows. */
static void directory(struct probe *p)
{
	const char *dir = p->s.conf.dir;

	if (!dir)
		problem(p, "%s", "without a shared directory (--dir) logs stay on the cluster, and runs of a "
			"cluster that is silent cannot be taken back");
	else if (access(dir, R_OK | W_OK | X_OK))
		problem(p, "this user cannot read and write %s", dir);
}

static int look(struct probe *p, struct err *err)
{
	int r = slurm_conf_token(&p->s.conf, err);

	if (!r)
		r = version(p, err);
	if (!r)
		r = token(p, err);
	if (!r)
		r = partitions(p, err);
	if (!r)
		r = nodes(p, err);
	if (!r)
		r = jobs(p, err);
	if (r)
		return r;
	token_end(p);
	directory(p);
	return 0;
}

int slurm_probe(const json_t *options, json_t **ret, struct err *err)
{
	struct probe *p = mem_alloc(sizeof(*p));
	struct fetch_config c = { .agent = "suanlu", .body_max = 512 << 20 };
	int r = slurm_conf_read(options, &p->s.conf, err);

	uv_loop_init(&p->loop);
	p->found = json_object();
	p->problems = json_array();
	json_object_set(p->found, "problems", p->problems);
	if (!r) {
		c.unix_path = p->s.conf.socket;
		c.ca_file = p->s.conf.ca_file;
		p->s.control = fetch_new(&p->loop, &c);
		r = look(p, err);
		fetch_free(p->s.control);
	}
	uv_run(&p->loop, UV_RUN_DEFAULT);
	uv_loop_close(&p->loop);
	buf_done(&p->text);
	slurm_conf_done(&p->s.conf);
	json_decref(p->problems);
	if (r)
		json_decref(p->found);
	else
		*ret = p->found;
	free(p);
	return r;
}
