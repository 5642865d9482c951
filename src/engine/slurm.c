/* slurm.c - runs as jobs of a Slurm cluster, through its slurmrestd
 *
 * Calls only note what is wanted and send; the poll (slurm_poll.c) hears what became of it.
 */

#include "engine/slurm.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/run_dir.h"
#include "engine/slurm_script.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LISTING_MAX = 512 << 20,        /* 4 KB for each job */
	SCRIPT_MAX = (4 << 20) - 1024,  /* slurmctld refuses 4 MiB */
	BEGIN_BY_S = 86400,             /* without a shared directory: waits a day at most */
};

static struct slurm *slurm_of(const struct engine *e)
{
	assert(e->ops == &engine_slurm);
	return (struct slurm *)e;
}

static void on_now(void *arg)
{
	slurm_run_tell_all(arg);
}

/* ---- its life ---- */

static void release(struct slurm *s)
{
	slurm_conf_done(&s->conf);
	free(s);
}

/* A worker may still be reading for us; then the last one frees. */
void slurm_work_over(struct slurm *s)
{
	assert(s->works);
	if (--s->works == 0 && s->freed)
		release(s);
}

static struct engine *slurm_free(struct engine *e)
{
	struct slurm *s;
	struct slurm_run *r, *tmp;

	if (!e)
		return NULL;
	s = slurm_of(e);
	HASH_ITER(hh, s->runs, r, tmp)
		slurm_run_drop(r);
	s->submit = fetch_free(s->submit);
	s->control = fetch_free(s->control);
	slurm_poll_done(s);
	s->files = worker_free(s->files);
	s->logs = worker_free(s->logs);
	timer_free(s->now);
	s->freed = true;
	if (!s->works)
		release(s);
	return NULL;
}

static void clients(struct slurm *s)
{
	struct fetch_config c = {
		.unix_path = s->conf.socket, .ca_file = s->conf.ca_file, .agent = "suanlu",
		.conns_max = s->conf.connections,
	};

	s->submit = fetch_new(s->loop, &c);
	c.conns_max = 2;
	c.body_max = LISTING_MAX;
	s->control = fetch_new(s->loop, &c);
}

/* Neither the cluster need be there yet nor its token: the first listing tells what is wrong, and
 * both are asked for again until they are. */
static int slurm_open(uv_loop_t *loop, const struct pool *p, const json_t *options, const char *dir,
		      const struct engine_host *host, struct engine **ret, struct err *err)
{
	struct slurm *s = mem_alloc(sizeof(*s));
	int r = slurm_conf_read(options, &s->conf, err);

	if (r) {
		release(s);
		return r;
	}
	s->engine.ops = &engine_slurm;
	s->loop = loop;
	s->pool = p;
	s->host = *host;
	TAILQ_INIT(&s->news);
	clients(s);
	s->now = timer_new(loop, on_now, s);
	slurm_poll_start(s);
	*ret = &s->engine;
	return 0;
}

/* ---- start ---- */

static const char *partition_of(const struct slurm *s, const struct run_spec *r)
{
	uint32_t node = r->place->n ? r->place->nodes[0].node : UINT32_MAX;

	if (s->conf.npartitions == 1)
		return s->conf.partitions[0];
	return node < s->nnodes ? s->nodes[node].partition : "";
}

/* The nodes that were promised to others before it is over. */
static uint32_t exclude(const struct slurm *s, const struct placement *place,
			const char *ret[PLACE_BARRED_MAX])
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < place->nbarred; i++)
		if (place->barred[i] < s->nnodes)
			ret[n++] = s->nodes[place->barred[i]].name;
	return n;
}

/* ENGINE_E_FULL is not used here: what cannot be is refused for good. */
static int build(struct slurm *s, const struct run_spec *r, char **ret, struct err *err)
{
	const char *kept[PLACE_BARRED_MAX];
	struct slurm_terms t = {
		.account = s->conf.account, .qos = s->conf.qos, .constraint = s->conf.constraint,
		.exclude = kept, .nexclude = exclude(s, r->place, kept),
		.partition = partition_of(s, r), .gres = "",
		.dir = s->conf.dir ? s->conf.dir : "/tmp", .output = "/dev/null",
	};
	struct buf script;
	int e;

	if (r->accel)
		t.gres = slurm_conf_theirs(&s->conf, r->accel);
	if (!t.gres)
		return err_set(err, ERR_E_INPUT, "the pool's option gres does not name %s", r->accel);
	buf_init(&script, SCRIPT_MAX);
	e = slurm_script_write(r, s->conf.dir, clock_now_ms() / 1000 + BEGIN_BY_S, &script, err);
	if (e == -ENOBUFS)
		e = err_set(err, ERR_E_INPUT, "its batch script would be larger than the 4 MiB that Slurm "
			    "takes: the command, its environment and the list of its files, quoted");
	if (!e)
		*ret = slurm_job_encode(s->api, r, &t, script.data);
	buf_done(&script);
	if (!e && !*ret)
		e = err_set(err, ERR_E_INPUT, "its script is not valid UTF-8");
	return e;
}

static int slurm_start(struct engine *e, const struct run_spec *spec, struct err *err)
{
	struct slurm *s = slurm_of(e);
	struct slurm_run *r = slurm_run_find(s, spec->run_id);
	char *body = NULL;
	struct err why;

	if (!run_id_ok(spec->run_id))
		return err_set(err, -EINVAL, "\"%s\" is not the id of a run", spec->run_id);
	if (r) {
		slurm_run_report(r);
		return 0;
	}
	if (engine_permit(spec, err))
		return ENGINE_E_FORBIDDEN;
	if (!s->api || s->down)
		return err_set(err, ENGINE_E_FULL, "%s", *s->why ? s->why :
			       "the cluster has not answered yet");
	if (slurm_files_hang(s))
		return err_set(err, ENGINE_E_FULL, "the shared directory does not answer");
	r = slurm_run_add(s, spec->run_id, RUN_SENDING);
	if (build(s, spec, &body, &why)) {
		slurm_run_over(r, &(struct engine_event){ .kind = ENGINE_EV_ENDED,
							  .end = RUN_END_NOT_STARTED }, why.text);
		return 0;
	}
	r->body = body;
	slurm_run_send(r);
	return 0;
}

static int slurm_adopt(struct engine *e, const char *run_id, struct err *err)
{
	struct slurm *s = slurm_of(e);
	struct slurm_run *r;

	if (!run_id_ok(run_id))
		return err_set(err, -EINVAL, "\"%s\" is not the id of a run", run_id);
	r = slurm_run_find(s, run_id);
	if (r) {
		slurm_run_report(r);
		return 0;
	}
	r = slurm_run_add(s, run_id, RUN_LOOKING);
	r->adopted = true;
	slurm_poll_within(s, 0);
	return 0;
}

/* grace_ms is the cluster's affair: its KillWait lies between TERM and KILL. */
static int slurm_stop(struct engine *e, const char *run_id, unsigned grace_ms, struct err *err)
{
	struct slurm_run *r = slurm_run_find(slurm_of(e), run_id);

	if (!r)
		return err_set(err, ENGINE_E_GONE, "run %s is not known here", run_id);
	slurm_run_stop(r);
	return 0;
}

static void slurm_settle(struct engine *e, const char *run_id)
{
	struct slurm *s = slurm_of(e);
	struct slurm_run *r = slurm_run_find(s, run_id);

	bool over = !r || r->state == RUN_OVER;

	if (r)
		slurm_run_drop(r);
	slurm_files_settled(s, run_id, over);
}

static int slurm_log(struct engine *e, const char *run_id, int stream, uint64_t offset,
		     struct buf *out, uint64_t *ret_size, struct err *err)
{
	return slurm_log_read(slurm_of(e), run_id, stream, offset, out, ret_size, err);
}

static json_t *slurm_describe(const struct engine *e)
{
	const struct slurm *s = slurm_of(e);
	json_t *j = json_pack("{s:s,s:s,s:s,s:s,s:s}", "cpu", "by the cluster", "memory",
			      "by the cluster", "pids", "by the cluster", "walltime",
			      "by the cluster, in minutes", "logs", s->conf.dir ?
			      "in the shared directory" : "stay on the cluster");

	if (s->api)
		json_object_set_new(j, "api", json_sprintf("v0.0.%u", s->api->no));
	if (s->release[0])
		json_object_set_new(j, "slurm", json_string(s->release));
	return j;
}

const struct engine_ops engine_slurm = {
	.name = "slurm",
	.may_be_silent = true,
	.tells_nodes = true,
	.open = slurm_open,
	.start = slurm_start,
	.adopt = slurm_adopt,
	.stop = slurm_stop,
	.settle = slurm_settle,
	.log = slurm_log,
	.describe = slurm_describe,
	.free = slurm_free,
};
