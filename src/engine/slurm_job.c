/* slurm_job.c - a run as a Slurm job: what is asked, what is read back, and what it means */

#include "engine/slurm_job.h"

#include "base/buf.h"
#include "base/mem.h"
#include "engine/slurm_script.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>

enum {
	/* Errors of Slurm (slurm_errno.h) that do not say the job is at fault. */
	E_AGAIN = 11,                   /* MaxJobCount is reached */
	E_NOT_YET = 2036,               /* the controller is a standby */
	E_PARSE = 9001,
	E_LIMITS = 2015,                /* accepted, but can never start */

	EXCLUDE_MAX = 8192,             /* names of nodes in a request */
};

/* ---- asking ---- */

static void put(json_t *obj, const char *key, json_t *value)
{
	json_object_set_new(obj, key, value);
}

static void put_text(json_t *obj, const char *key, const char *value)
{
	if (value && *value)
		put(obj, key, json_string(value));
}

static void put_number(json_t *obj, const char *key, int64_t n, bool as_set)
{
	put(obj, key, as_set ? slurm_number_set(n) : json_integer(n));
}

/* Never empty, or the request is refused.  The run's own variables are set by its script. */
static json_t *environment(const struct slurm_api *api)
{
	static const char path[] = "/usr/local/bin:/usr/bin:/bin";

	return api->env_list ? json_pack("[o]", json_sprintf("PATH=%s", path))
			     : json_pack("{s:s}", "PATH", path);
}

static void put_nodes(json_t *job, const struct slurm_api *api, uint32_t n)
{
	put(job, "nodes", api->nodes_text ? json_sprintf("%" PRIu32, n) : json_integer(n));
	put(job, "tasks", json_integer(n));
}

static void put_gres(json_t *job, const struct slurm_api *api, const struct run_spec *r,
		     const struct slurm_terms *t)
{
	unsigned n = r->place->n ? (unsigned)__builtin_popcount(r->place->nodes[0].accels) : 0;

	if (n && *t->gres)
		put(job, api->gres_key, json_sprintf("%s%s:%u", api->gres_prefix, t->gres, n));
}

static json_t *names_list(const char *const *names, uint32_t n)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < n; i++)
		json_array_append_new(list, json_string(names[i]));
	return list;
}

static void put_exclude(json_t *job, const struct slurm_api *api, const struct slurm_terms *t)
{
	struct buf names;

	if (!t->nexclude)
		return;
	if (api->exclude_list) {
		put(job, "excluded_nodes", names_list(t->exclude, t->nexclude));
		return;
	}
	buf_init(&names, EXCLUDE_MAX);
	for (uint32_t i = 0; i < t->nexclude; i++)
		buf_printf(&names, "%s%s", i ? "," : "", t->exclude[i]);
	if (!names.full)
		put(job, "exclude_nodes", json_string(names.data));
	buf_done(&names);
}

static json_t *job_of(const struct slurm_api *api, const struct run_spec *r,
		      const struct slurm_terms *t)
{
	json_t *job = json_object();

	put(job, "name", json_string(r->run_id));
	put(job, "comment", json_sprintf(SLURM_COMMENT "%s", r->run_id));
	put_text(job, "account", t->account);
	put_text(job, "qos", t->qos);
	put_text(job, "constraints", t->constraint);
	put_text(job, "partition", t->partition);
	put_nodes(job, api, r->place->n ? r->place->n : 1);
	put(job, "cpus_per_task", json_integer((r->place->cpu_milli + 999) / 1000));
	put_number(job, "memory_per_node", r->place->memory_mb, api->set_numbers);
	put_number(job, "time_limit", (r->spec->walltime_s + 59) / 60, api->set_numbers);
	put_gres(job, api, r, t);
	put_exclude(job, api, t);
	put_text(job, "current_working_directory", t->dir);
	put_text(job, "standard_output", t->output);
	put_text(job, "standard_error", t->output);
	if (api->requeue)               /* else the script sees to it */
		put(job, "requeue", json_false());
	put(job, "environment", environment(api));
	return job;
}

char *slurm_job_encode(const struct slurm_api *api, const struct run_spec *r,
		       const struct slurm_terms *t, const char *script)
{
	json_t *doc = json_object(), *job = job_of(api, r, t);
	char *text;

	put(api->script_inside ? job : doc, "script", json_string(script));
	put(doc, "job", job);
	text = json_dumps(doc, JSON_COMPACT);
	json_decref(doc);
	return text;
}

/* It waits for the job of the same name that was asked for before, should there be one. */
char *slurm_job_again(const char *body)
{
	json_t *doc = json_loads(body, 0, NULL);
	char *text;

	put(json_object_get(doc, "job"), "dependency", json_string("singleton"));
	text = json_dumps(doc, JSON_COMPACT);
	json_decref(doc);
	return text;
}

/* ---- what came of asking ---- */

static enum slurm_submitted judge(unsigned status, const struct slurm_error *e, bool has_job)
{
	if (has_job)
		return SLURM_REFUSED_HAS_JOB;
	if (e->code == SLURM_E_ZERO_BYTES)
		return SLURM_UNSURE_TOKEN;
	if (e->code == SLURM_E_AUTH)
		return SLURM_BAD_TOKEN;
	if (e->code == E_AGAIN || e->code == E_NOT_YET)
		return SLURM_TURNED_AWAY;
	if (slurm_error_silent(e))
		return status == 400 ? SLURM_REFUSED : SLURM_UNSURE;
	return SLURM_REFUSED;
}

/* Not slurmrestd's JSON: its plain words for a bad head, or a proxy before it. */
static enum slurm_submitted judge_plain(unsigned status, const char *body, size_t n, char *text,
					size_t size)
{
	snprintf(text, size, "the server answered %u: %.*s", status, n > 80 ? 80 : (int)n, body);
	if (status == 401 || status == 403)
		return SLURM_BAD_TOKEN;
	if (status == 404 || status == 429 || status == 503)
		return SLURM_TURNED_AWAY;
	return status >= 400 && status < 500 ? SLURM_REFUSED : SLURM_UNSURE;
}

enum slurm_submitted slurm_job_submitted(unsigned status, const char *type, const char *body,
					 size_t n, uint64_t *ret_job, char *text, size_t size)
{
	struct slurm_error e = { 0 };
	enum slurm_submitted r;
	int64_t id = 0;
	json_t *json = NULL;

	*text = '\0';
	if (status == 401 || !(json = json_loadb(body, n, 0, NULL)) || !json_is_object(json)) {
		json_decref(json);
		return judge_plain(status, body, n, text, size);
	}
	id = slurm_num_or(json_object_get(json, "job_id"), 0);
	if (!id)                        /* from 0.0.39 on also in a result */
		id = slurm_num_or(json_object_get(json_object_get(json, "result"), "job_id"), 0);
	*ret_job = id > 0 ? (uint64_t)id : 0;
	if (slurm_error_of(json, &e)) {
		snprintf(text, size, "%.150s", e.text);
		r = judge(status, &e, id > 0);
	} else {
		r = status == 200 && id > 0 ? SLURM_ACCEPTED : SLURM_UNSURE;
	}
	json_decref(json);
	return r;
}

/* ---- reading back ---- */

static const struct {
	const char *word;
	enum slurm_state state;
} words[] = {
	{ "PENDING", SLURM_PENDING }, { "CONFIGURING", SLURM_PENDING },
	{ "RUNNING", SLURM_RUNNING }, { "RESIZING", SLURM_RUNNING }, { "SIGNALING", SLURM_RUNNING },
	{ "STAGE_OUT", SLURM_RUNNING }, { "SUSPENDED", SLURM_SUSPENDED },
	{ "STOPPED", SLURM_SUSPENDED }, { "COMPLETED", SLURM_COMPLETED },
	{ "CANCELLED", SLURM_CANCELLED }, { "FAILED", SLURM_FAILED }, { "TIMEOUT", SLURM_TIMEOUT },
	{ "NODE_FAIL", SLURM_NODE_FAIL }, { "PREEMPTED", SLURM_PREEMPTED },
	{ "BOOT_FAIL", SLURM_BOOT_FAIL }, { "DEADLINE", SLURM_DEADLINE },
	{ "OUT_OF_MEMORY", SLURM_OUT_OF_MEMORY }, { "REVOKED", SLURM_REVOKED },
	/* These come as flags beside a base state, in older versions instead of it. */
	{ "REQUEUED", SLURM_REQUEUED }, { "REQUEUE_FED", SLURM_REQUEUED },
	{ "REQUEUE_HOLD", SLURM_REQUEUED }, { "SPECIAL_EXIT", SLURM_REQUEUED },
	{ "LAUNCH_FAILED", SLURM_REQUEUED },
};

const char *slurm_state_name(enum slurm_state s)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (words[i].state == s)
			return words[i].word;
	return "UNKNOWN";
}

bool slurm_state_over(enum slurm_state s)
{
	return s == SLURM_COMPLETED || s == SLURM_CANCELLED || s == SLURM_FAILED ||
	       s == SLURM_TIMEOUT || s == SLURM_NODE_FAIL || s == SLURM_PREEMPTED ||
	       s == SLURM_BOOT_FAIL || s == SLURM_DEADLINE || s == SLURM_OUT_OF_MEMORY ||
	       s == SLURM_REVOKED;
}

/* A flag (further down in the table) says more than the state beside it. */
static void read_state(const json_t *v, struct slurm_job *ret)
{
	ret->state = SLURM_UNKNOWN;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (slurm_has(v, words[i].word))
			ret->state = words[i].state;
	ret->completing = slurm_has(v, "COMPLETING");
	if (slurm_has(v, "CONFIGURING"))
		ret->state = SLURM_PENDING;
	/* Alone, as older versions write it, it hides how the job ended. */
	if (ret->completing && ret->state == SLURM_UNKNOWN)
		ret->state = SLURM_RUNNING;
}

static void read_exit(const json_t *v, struct slurm_job *ret)
{
	const json_t *sig = json_object_get(v, "signal");
	int64_t n;

	if (json_is_object(v) && json_object_get(v, "return_code")) {
		ret->has_exit = slurm_num(json_object_get(v, "return_code"), &n);
		ret->exit_code = ret->has_exit ? (int)(n & 255) : 0;
		n = slurm_num_or(json_object_get(sig, "id"), 0);
		n = n ? n : slurm_num_or(json_object_get(sig, "signal_id"), 0);
		ret->signal = (int)(n & 127);
		ret->has_exit |= ret->signal != 0;
	} else if (slurm_num(v, &n)) {
		ret->has_exit = true;
		ret->exit_code = (int)(n >> 8 & 255);
		ret->signal = (int)(n & 127);
	}
}

static void read_times(const json_t *j, struct slurm_job *ret)
{
	int64_t min;

	ret->submit_s = slurm_num_or(json_object_get(j, "submit_time"), 0);
	ret->start_s = slurm_num_or(json_object_get(j, "start_time"), 0);
	ret->end_s = slurm_num_or(json_object_get(j, "end_time"), 0);
	if (slurm_num(json_object_get(j, "time_limit"), &min) && min > 0 && min < INT32_MAX)
		ret->limit_s = min * 60;
}

/* "gpu:a100:2(IDX:0-1)", "gres/gpu:a100=2", "cpu=4,mem=1G,gres/gpu:a100=2": the number after the
 * first gpu. */
static uint32_t devices_of(const char *s)
{
	const char *p = strstr(s, "gpu");

	for (; p && *p && *p != ',' && *p != '('; p++)
		if ((*p == ':' || *p == '=') && isdigit((unsigned char)p[1])) {
			unsigned long n = strtoul(p + 1, NULL, 10);

			return n > 65535 ? 0 : (uint32_t)n;
		}
	return 0;
}

static void read_size(const json_t *j, struct slurm_job *ret)
{
	int64_t mb;

	ret->devices = devices_of(slurm_str(j, "gres_detail"));
	if (!ret->devices)
		ret->devices = devices_of(slurm_str(j, "tres_per_node"));

	ret->cpus = (uint32_t)(slurm_num_or(json_object_get(j, "cpus"), 0) & 0x7fffffff);
	ret->nodes = (uint32_t)(slurm_num_or(json_object_get(j, "node_count"), 0) & 0x7fffffff);
	if (slurm_num(json_object_get(j, "memory_per_node"), &mb) && mb > 0)
		ret->memory_mb = (uint64_t)mb;
	else if (slurm_num(json_object_get(j, "memory_per_cpu"), &mb) && mb > 0)
		ret->memory_mb = (uint64_t)mb * ret->cpus / (ret->nodes ? ret->nodes : 1);
}

static void read_id(const json_t *j, struct slurm_job *ret)
{
	const char *comment = slurm_str(j, "comment");
	json_t *obj = json_object_get(j, "comment");
	size_t n = sizeof(SLURM_COMMENT) - 1;

	if (json_is_object(obj))        /* 0.0.39 to 0.0.41 have three kinds of comment */
		comment = slurm_str(obj, "job");
	if (strncmp(comment, SLURM_COMMENT, n))
		return;
	comment += n;
	n = strcspn(comment, " ");
	if (n > RUN_ID_MAX)
		return;
	memcpy(ret->run_id, comment, n);
	ret->told = comment[n] ? comment + n + 1 : NULL;
}

bool slurm_job_decode(const json_t *j, struct slurm_job *ret)
{
	int64_t id;

	*ret = (struct slurm_job){ 0 };
	if (!json_is_object(j) || !slurm_num(json_object_get(j, "job_id"), &id) || id <= 0)
		return false;
	ret->id = (uint64_t)id;
	read_id(j, ret);
	read_state(json_object_get(j, "job_state"), ret);
	read_exit(json_object_get(j, "exit_code"), ret);
	read_times(j, ret);
	read_size(j, ret);
	ret->restarts = (uint32_t)(slurm_num_or(json_object_get(j, "restart_cnt"), 0) & 0xffff);
	snprintf(ret->reason, sizeof(ret->reason), "%s", slurm_str(j, "state_reason"));
	snprintf(ret->words, sizeof(ret->words), "%s", slurm_str(j, "state_description"));
	snprintf(ret->hosts, sizeof(ret->hosts), "%s", slurm_str(j, "nodes"));
	return true;
}

/* ---- what it means ---- */

/* Reasons with which a job waits for ever, whatever happens in the cluster. */
static bool hopeless(const struct slurm_job *j)
{
	static const char *const reasons[] = {
		"PartitionNodeLimit", "PartitionTimeLimit", "PartitionConfig", "BadConstraints",
		"InvalidAccount", "InvalidQOS", "DependencyNeverSatisfied", "QOSNotAllowed",
		"AccountNotAllowed", "ReservationDeleted",
	};

	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (!strcasecmp(j->reason, reasons[i]))
			return true;
	return false;
}

static bool held(const struct slurm_job *j)
{
	return !strncasecmp(j->reason, "JobHeld", 7);
}

static bool says(const struct slurm_job *j, const char *what)
{
	return strcasestr(j->words, what) != NULL;
}

static enum slurm_verdict stuck(struct engine_event *ev, enum engine_event_kind kind)
{
	*ev = (struct engine_event){ .kind = kind };
	if (kind == ENGINE_EV_ENDED)
		ev->end = RUN_END_NOT_STARTED;
	return SLURM_STUCK;
}

static enum slurm_verdict waiting(const struct slurm_job *j, struct engine_event *ev, char *text,
				  size_t size)
{
	if (says(j, "launch failed")) {
		snprintf(text, size, "the cluster could not launch it (%s)", j->words);
		return stuck(ev, ENGINE_EV_LOST);
	}
	if (j->restarts || j->state == SLURM_REQUEUED) {
		snprintf(text, size, "its node failed or could not start it (is its user known there?), and "
			 "the cluster queued it again; it was taken back, to be chosen anew");
		return stuck(ev, ENGINE_EV_LOST);
	}
	if (hopeless(j)) {
		snprintf(text, size, "the cluster would never start it (%s)", j->reason);
		return stuck(ev, ENGINE_EV_ENDED);
	}
	return held(j) ? SLURM_HELD : SLURM_WAITS;
}

static enum slurm_verdict by_exit(const struct slurm_job *j, struct engine_event *ev, char *text,
				  size_t size)
{
	/* No process ends with both: slurmd could not set the job up. */
	bool never = (j->signal && j->exit_code) ||
		(j->state == SLURM_FAILED && !j->signal && !j->exit_code);

	ev->kind = ENGINE_EV_ENDED;
	ev->phase = PHASE_COMMAND;
	ev->exit_code = j->signal ? 128 + j->signal : j->exit_code;
	ev->end = ev->exit_code > 128 && ev->exit_code <= 128 + 64 ? RUN_END_SIGNAL : RUN_END_EXIT;
	if (never) {
		ev->end = RUN_END_NOT_STARTED;
		ev->phase = PHASE_NONE;
		snprintf(text, size, "the cluster could not start it (%s)", *j->reason ? j->reason :
			 "its directory or output file cannot be used");
	}
	return SLURM_ENDED;
}

/* Its own fault is ENDED; what the cluster did to it is LOST and does not use up its tries. */
static enum slurm_verdict over(const struct slurm_job *j, bool stopping, struct engine_event *ev,
			       char *text, size_t size)
{
	*ev = (struct engine_event){ .kind = ENGINE_EV_LOST };
	switch (j->state) {
	case SLURM_COMPLETED:
	case SLURM_FAILED:
		if (j->restarts && j->exit_code == SLURM_EXIT_TAKEN) {
			snprintf(text, size, "its node failed, and the cluster began it a second time");
			return SLURM_LOST;
		}
		return by_exit(j, ev, text, size);
	case SLURM_CANCELLED:
		ev->kind = ENGINE_EV_ENDED;
		ev->end = RUN_END_STOPPED;
		ev->exit_code = 128 + 15;
		if (!stopping)
			snprintf(text, size, "somebody cancelled it in the cluster%s", j->start_s ?
				 "" : " before it began");
		return SLURM_ENDED;
	case SLURM_TIMEOUT:
	case SLURM_DEADLINE:
		ev->kind = ENGINE_EV_ENDED;
		ev->end = RUN_END_WALLTIME;
		ev->phase = PHASE_COMMAND;
		ev->exit_code = 128 + 15;
		return SLURM_ENDED;
	case SLURM_OUT_OF_MEMORY:
		ev->kind = ENGINE_EV_ENDED;
		ev->end = RUN_END_MEMORY;
		ev->phase = PHASE_COMMAND;
		ev->exit_code = 128 + 9;
		return SLURM_ENDED;
	case SLURM_PREEMPTED:
		snprintf(text, size, "the cluster preempted it for a job of higher priority");
		return SLURM_LOST;
	case SLURM_NODE_FAIL:
	case SLURM_BOOT_FAIL:
		snprintf(text, size, "its node%s%.60s failed", *j->hosts ? " " : "", j->hosts);
		return SLURM_LOST;
	default:
		snprintf(text, size, "the cluster gave it up (%s)", slurm_state_name(j->state));
		return SLURM_LOST;
	}
}

enum slurm_verdict slurm_job_verdict(const struct slurm_job *j, bool stopping,
				     struct engine_event *ev, char *text, size_t size)
{
	enum slurm_verdict v;

	*text = '\0';
	if (slurm_state_over(j->state)) {
		if (j->completing)
			return SLURM_RUNS;
		v = over(j, stopping, ev, text, size);
	} else if (j->state == SLURM_PENDING || j->state == SLURM_REQUEUED) {
		v = waiting(j, ev, text, size);
	} else if (j->restarts) {
		snprintf(text, size, "the cluster began it a second time after a node failed; "
			 "it was taken back, to be chosen anew");
		v = stuck(ev, ENGINE_EV_LOST);
	} else {
		return j->state == SLURM_UNKNOWN ? SLURM_WAITS : SLURM_RUNS;
	}
	if (v == SLURM_ENDED || v == SLURM_LOST || v == SLURM_STUCK) {
		ev->text = *text ? text : NULL;
		if (j->end_s && slurm_state_over(j->state))
			ev->at_ms = j->end_s * 1000;
		if (j->start_s && j->end_s > j->start_s && slurm_state_over(j->state))
			ev->usage.run_ms = (j->end_s - j->start_s) * 1000;
	}
	return v;
}
