/* slurm_run.c - the life of a run on a Slurm cluster
 *
 * A submission whose answer is lost may have been accepted, now or in a while; sending it again
 * on a guess would run it twice.  So it is looked for: two listings that do not have it, some
 * seconds apart, settle that it is not there.
 *
 *              answer lost            found
 *   SENDING ---------------> LOOKING ------> WAITING --> RUNNING --> CHECKING --> OVER
 *      |  ^                     |               ^            |   its end in the     ^
 *      |  +---- not there ------+               |            |   directory, too     |
 *      +------------- accepted -----------------+            |                      |
 *                                                            v                      |
 *      LOOKING, WAITING or RUNNING on a silent cluster --> FENCING -----------------+
 *                                                   `started` taken, or its end is there
 *
 * Three hands move it: answers to what was asked (on_…), listings (slurm_run_seen, _missing), and
 * looks into the shared directory (slurm_run_file).
 */

#include "engine/slurm.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/run_dir.h"
#include "engine/slurm_script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SUBMIT_MS = 30000,              /* slurmrestd answers for a frozen slurmctld after 10 s */
	CANCEL_MS = 20000,
	FORGOTTEN_MS = 30000,           /* until a node has ended a job that its slurmctld forgot */
};

/* ---- the table ---- */

struct slurm_run *slurm_run_find(struct slurm *s, const char *run_id)
{
	struct slurm_run *r;

	HASH_FIND_STR(s->runs, run_id, r);
	return r;
}

struct slurm_run *slurm_run_add(struct slurm *s, const char *run_id, enum slurm_run_state state)
{
	struct slurm_run *r = mem_alloc(sizeof(*r));

	strcpy(r->id, run_id);
	r->s = s;
	r->state = state;
	r->look_from_ms = clock_mono_ms();
	HASH_ADD_STR(s->runs, id, r);
	return r;
}

void slurm_run_drop(struct slurm_run *r)
{
	fetch_cancel(r->call);
	fetch_cancel(r->cancel);
	if (r->queued)
		TAILQ_REMOVE(&r->s->news, r, link);
	HASH_DEL(r->s->runs, r);
	free(r->body);
	free(r->hosts);
	free((void *)r->end.outputs);
	free(r);
}

/* ---- over ---- */

void slurm_run_over(struct slurm_run *r, const struct engine_event *ev, const char *text)
{
	r->call = fetch_cancel(r->call);
	r->cancel = fetch_cancel(r->cancel);
	r->state = RUN_OVER;
	r->end = *ev;
	engine_outputs_copy(&r->end);   /* its own from here on, freed with it */
	snprintf(r->text, sizeof(r->text), "%s", text ? text : "");
	free(r->body);
	r->body = NULL;
	slurm_count_end(r->s);
	slurm_run_report(r);
}

/* Nothing began: as its end, when an end was wanted. */
static void returned(struct slurm_run *r, const char *text)
{
	struct engine_event ev = { .kind = ENGINE_EV_RETURNED };

	if (r->stop_wanted)
		ev = (struct engine_event){ .kind = ENGINE_EV_ENDED, .end = RUN_END_STOPPED };
	slurm_run_over(r, &ev, r->stop_wanted ? NULL : text);
}

static void refused(struct slurm_run *r, const char *text)
{
	slurm_run_over(r, &(struct engine_event){ .kind = ENGINE_EV_ENDED,
						  .end = RUN_END_NOT_STARTED }, text);
}

static void lost(struct slurm_run *r, const char *text)
{
	slurm_run_over(r, &(struct engine_event){ .kind = ENGINE_EV_LOST }, text);
}

/* ---- ending a job ---- */

static void on_cancel(void *arg, const struct fetch_answer *a)
{
	struct slurm_run *r = arg;
	struct slurm_error e;
	json_t *json;
	enum slurm_reply reply = slurm_reply_read(a, false, &json, &e);

	r->cancel = NULL;
	json_decref(json);
	/* "No such job" and "already over": the next listing says so, too. */
	r->cancel_sent = reply == SLURM_OK || reply == SLURM_NO;
	if (reply == SLURM_NO)
		log_debug("slurm", "run %s: %s", r->id, e.text);
	slurm_poll_within(r->s, 200);
}

static void cancel(struct slurm_run *r)
{
	char path[80];
	struct err err;

	if (r->cancel_sent || r->cancel || !r->job || !r->s->api)
		return;
	snprintf(path, sizeof(path), "/slurm/v0.0.%u/job/%llu", r->s->api->no,
		 (unsigned long long)r->job);
	slurm_ask(r->s, false, "DELETE", path, NULL, CANCEL_MS, on_cancel, r, &r->cancel, &err);
}

static void on_nobodys(void *arg, const struct fetch_answer *a)
{
}

void slurm_job_end(struct slurm *s, uint64_t job, const char *run_id)
{
	char path[80];
	struct err err;

	log_warn("slurm", "pool %s: ending job %llu of run %s, which is over or runs elsewhere",
		 s->pool->name, (unsigned long long)job, run_id);
	snprintf(path, sizeof(path), "/slurm/v0.0.%u/job/%llu", s->api->no, (unsigned long long)job);
	slurm_ask(s, false, "DELETE", path, NULL, CANCEL_MS, on_nobodys, s, NULL, &err);
}

static void set_fate(struct slurm_run *r, const struct engine_event *ev, const char *text)
{
	if (!r->has_fate) {
		r->fate = *ev;
		snprintf(r->fate_text, sizeof(r->fate_text), "%s", text);
	}
	r->has_fate = true;
	cancel(r);
}

void slurm_run_stop(struct slurm_run *r)
{
	r->stop_wanted = true;
	if (r->state == RUN_OVER)
		slurm_run_report(r);
	else if (r->state == RUN_WAITING || r->state == RUN_RUNNING)
		cancel(r);
}

/* ---- ending a run ---- */

/* How it ended is written in its directory, too, and that is closer to the truth.  Where nothing began
 * there, nothing shall from now on: another job of its name may still wait. */
static void ended(struct slurm_run *r, const struct engine_event *ev, const char *text)
{
	r->state = RUN_CHECKING;
	r->end = *ev;
	snprintf(r->text, sizeof(r->text), "%s", text ? text : "");
	if (r->s->conf.dir)
		slurm_files_claim(r);
	else
		slurm_run_file(r, SLURM_FILE_ERROR, 0, NULL, NULL);
}

/* No job of it is known.  Where a submission before this one was not answered, one may come yet. */
static void not_there(struct slurm_run *r, const struct engine_event *ev, const char *text)
{
	if (r->s->conf.dir && (r->adopted || r->sends > 1))
		ended(r, ev, text);
	else if (ev->kind == ENGINE_EV_RETURNED)
		returned(r, text);
	else
		slurm_run_over(r, ev, text);
}

static void give_back(struct slurm_run *r, const char *text)
{
	not_there(r, &(struct engine_event){ .kind = ENGINE_EV_RETURNED }, text);
}

/* ---- sending ---- */

static void look_for(struct slurm_run *r)
{
	r->state = RUN_LOOKING;
	r->looks = 0;
	r->look_from_ms = clock_mono_ms();
	slurm_poll_within(r->s, 500);
}

static void accepted(struct slurm_run *r, uint64_t job)
{
	r->state = RUN_WAITING;
	r->job = job;
	r->look_from_ms = clock_mono_ms();
	free(r->body);
	r->body = NULL;
	slurm_poll_within(r->s, r->s->conf.poll_ms);
	if (r->stop_wanted)
		cancel(r);
	slurm_run_report(r);
}

static void not_sent(struct slurm_run *r, const char *text)
{
	slurm_unwell(r->s, false, text, NULL);
	give_back(r, text);
}

static void on_submitted(void *arg, const struct fetch_answer *a)
{
	struct slurm_run *r = arg;
	struct slurm *s = r->s;
	char text[SLURM_TEXT_MAX] = "";
	uint64_t job = 0;

	r->call = NULL;
	if (a->result) {
		snprintf(text, sizeof(text), "slurmrestd: %.150s", a->text);
		if (a->sent)
			look_for(r);
		else
			not_sent(r, text);
		return;
	}
	switch (slurm_job_submitted(a->status, a->type, a->body->data, a->body->len, &job, text,
				    sizeof(text))) {
	case SLURM_ACCEPTED:
		accepted(r, job);
		return;
	case SLURM_REFUSED:
		not_there(r, &(struct engine_event){ .kind = ENGINE_EV_ENDED,
						     .end = RUN_END_NOT_STARTED }, text);
		return;
	case SLURM_REFUSED_HAS_JOB:
		accepted(r, job);
		set_fate(r, &(struct engine_event){ .kind = ENGINE_EV_ENDED,
						    .end = RUN_END_NOT_STARTED }, text);
		return;
	case SLURM_TURNED_AWAY:
		give_back(r, text);
		return;
	case SLURM_BAD_TOKEN:
		give_back(r, "the cluster does not accept our token");
		slurm_unwell(s, true, "slurmrestd does not accept our user or token",
			     "slurmrestd 不接受我们的用户或令牌");
		return;
	case SLURM_UNSURE_TOKEN:
		r->maybe_token = true;
		look_for(r);
		slurm_poll_within(s, 0);
		return;
	case SLURM_UNSURE:
		look_for(r);
		return;
	}
}

static void post(struct slurm_run *r)
{
	char path[80];
	struct err err;
	int e;

	if (r->stop_wanted || !r->s->api) {     /* meanwhile; it was restarted */
		give_back(r, "the cluster does not answer");
		return;
	}
	snprintf(path, sizeof(path), "/slurm/v0.0.%u/job/submit", r->s->api->no);
	e = slurm_ask(r->s, true, "POST", path, r->body, SUBMIT_MS, on_submitted, r, &r->call, &err);
	if (e)
		give_back(r, err.text);
}

/* Its directory is made first.  Where that fails, its node will say so, too, and better. */
void slurm_run_send(struct slurm_run *r)
{
	char *first = r->body;

	r->state = RUN_SENDING;
	if (r->sends++ && !r->s->conf.dir) {
		r->body = slurm_job_again(first);
		free(first);
	}
	if (r->s->conf.dir)
		slurm_files_make(r);
	else
		post(r);
}

/* The cluster said that it does not take our token: it did not take that job either. */
void slurm_run_bad_token(struct slurm_run *r)
{
	if (r->state == RUN_LOOKING && r->maybe_token)
		give_back(r, "the cluster does not accept our token");
}

/* ---- hearing of its job ---- */

static void held(struct slurm_run *r, const struct slurm_job *j)
{
	int64_t now = clock_mono_ms();
	char text[SLURM_TEXT_MAX];

	if (!r->held_ms)
		r->held_ms = now;
	if (now - r->held_ms < (int64_t)r->s->conf.hold_s * 1000)
		return;
	snprintf(text, sizeof(text), "somebody holds it back in the cluster (%s)", j->reason);
	set_fate(r, &(struct engine_event){ .kind = ENGINE_EV_RETURNED }, text);
}

static void move(struct slurm_run *r, enum slurm_run_state to)
{
	bool news = r->state != to;

	r->state = to;
	if (news)
		slurm_run_report(r);
	if (r->stop_wanted || r->has_fate)
		cancel(r);
}

/* What its script says that it stored, where no directory tells it.  To be freed. */
static struct run_output *told_outputs(const struct slurm_run *r, const struct slurm_job *j,
				       struct engine_event *ev)
{
	_cleanup_(mem_freep) char *text = NULL;
	struct run_output *list;

	if (r->s->conf.dir || !j->told || ev->kind != ENGINE_EV_ENDED)
		return NULL;
	text = mem_strdup(j->told);
	for (char *p = text; *p; p++)
		if (*p == ';')
			*p = '\n';
	if (run_outputs_parse(text, &list, &ev->noutputs))
		return NULL;
	ev->outputs = list;
	return list;
}

static void act(struct slurm_run *r, const struct slurm_job *listed)
{
	struct slurm_job copy = *listed, *j = &copy;
	struct engine_event ev = { 0 };
	char text[SLURM_TEXT_MAX];
	_cleanup_(mem_freep) struct run_output *outputs = NULL;
	enum slurm_verdict v;

	if (!*j->hosts && r->hosts)     /* of a failed node Slurm takes the name away */
		snprintf(j->hosts, sizeof(j->hosts), "%s", r->hosts);
	v = slurm_job_verdict(j, r->stop_wanted || r->cancel_sent, &ev, text, sizeof(text));
	if (j->start_s && j->state != SLURM_PENDING)
		r->start_ms = j->start_s * 1000;
	if (!r->hosts && j->state == SLURM_RUNNING && *j->hosts)
		r->hosts = mem_strdup(j->hosts);
	if (v != SLURM_HELD)
		r->held_ms = 0;
	switch (v) {
	case SLURM_HELD:
		move(r, RUN_WAITING);
		held(r, j);
		return;
	case SLURM_WAITS:
		move(r, RUN_WAITING);
		return;
	case SLURM_RUNS:
		move(r, RUN_RUNNING);
		return;
	case SLURM_STUCK:
		move(r, RUN_WAITING);
		set_fate(r, &ev, text);
		return;
	case SLURM_ENDED:
	case SLURM_LOST:
		outputs = told_outputs(r, j, &ev);
		ended(r, &ev, text);
		return;
	}
}

static void found(struct slurm_run *r, const struct slurm_job *j)
{
	r->job = j->id;
	r->submit_s = j->submit_s;
	r->maybe_token = false;
	free(r->body);
	r->body = NULL;
	act(r, j);
}

/* Taken back while the cluster was silent; it is back, and has it still. */
static void found_fenced(struct slurm_run *r, const struct slurm_job *j)
{
	r->job = j->id;
	if (slurm_state_over(j->state) && !j->completing)
		act(r, j);
	else
		cancel(r);
}

/* ---- more than one job of a run: a submission was repeated, and both were accepted ---- */

/* All that we know is of a job that is not the run; which one is, listings and directory tell. */
static void forget_job(struct slurm_run *r)
{
	r->job = 0;
	r->cancel = fetch_cancel(r->cancel);
	r->cancel_sent = r->has_fate = false;
	r->held_ms = r->missing_ms = r->start_ms = 0;
	free(r->hosts);
	r->hosts = NULL;
	r->look_from_ms = clock_mono_ms();
	if (r->state == RUN_CHECKING)
		r->state = r->told_started ? RUN_RUNNING : RUN_WAITING;
	slurm_poll_within(r->s, 0);
}

static bool is_over(const struct slurm_job *j)
{
	return slurm_state_over(j->state) && !j->completing;
}

static bool has_begun(const struct slurm_job *j)
{
	return j->state == SLURM_RUNNING || j->state == SLURM_SUSPENDED || j->completing ||
	       j->state == SLURM_COMPLETED || (is_over(j) && j->end_s > j->start_s) ||
	       (j->state == SLURM_FAILED && (j->exit_code || j->signal));
}

/* Without a directory nothing keeps both from beginning: the one that was seen to begin first is the
 * run, and the other is ended. */
static bool is_later(struct slurm_run *r, const struct slurm_job *j)
{
	if (r->state == RUN_WAITING && has_begun(j)) {
		slurm_job_end(r->s, r->job, r->id);
		forget_job(r);
		return false;
	}
	if (!is_over(j))
		slurm_job_end(r->s, j->id, r->id);
	return true;
}

/* A job of this run's name that is not the run.  While nobody knows which of them made `started`, none is
 * ended: that might be the one. */
static bool is_another(struct slurm_run *r, const struct slurm_job *j)
{
	bool known = r->state == RUN_WAITING || r->state == RUN_RUNNING;

	if (r->holder && j->id != r->holder) {
		if (!is_over(j))
			slurm_job_end(r->s, j->id, r->id);
		return true;
	}
	if (is_over(j) && j->exit_code == SLURM_EXIT_TAKEN &&
	    (r->idle_job || r->state == RUN_FENCING))
		return true;
	if (!known || !r->job || r->job == j->id)
		return false;
	if (!r->s->conf.dir)
		return is_later(r, j);
	slurm_files_look(r);
	return true;
}

void slurm_run_seen(struct slurm_run *r, const struct slurm_job *j, int64_t begun_ms)
{
	if (is_another(r, j))
		return;
	r->seen_ms = begun_ms;
	r->missing_ms = 0;
	switch (r->state) {
	case RUN_SENDING:
		if (!r->call)           /* to be sent again, and here it is */
			found(r, j);
		return;
	case RUN_LOOKING:
		found(r, j);
		return;
	case RUN_WAITING:
	case RUN_RUNNING:
		r->job = j->id;
		r->submit_s = j->submit_s;
		act(r, j);
		return;
	case RUN_FENCING:
		found_fenced(r, j);
		return;
	case RUN_CHECKING:
		if (!r->checking)
			slurm_files_claim(r);
		return;
	default:
		return;
	}
}

/* ---- not hearing of it ---- */

static void fence(struct slurm_run *r)
{
	r->state = RUN_FENCING;
	r->missing_ms = 0;
	r->call = fetch_cancel(r->call);
	slurm_files_take(r);
}

void slurm_run_fence(struct slurm_run *r)
{
	if (r->state == RUN_LOOKING || r->state == RUN_WAITING || r->state == RUN_RUNNING)
		fence(r);
	else if (r->state == RUN_FENCING)
		slurm_files_take(r);
}

static void absent(struct slurm_run *r)
{
	if (!r->adopted && r->sends < SLURM_SENDS_MAX && !r->stop_wanted) {
		log_info("slurm", "run %s: the cluster did not take it in; asking again", r->id);
		slurm_run_send(r);
	} else if (!r->adopted || r->s->conf.dir) {
		give_back(r, "the cluster did not take it in");
	} else {
		not_there(r, &(struct engine_event){ .kind = ENGINE_EV_ABSENT }, NULL);
	}
}

static void gone(struct slurm_run *r)
{
	static const char text[] = "the cluster does not know it any more: it was forgotten before "
		"its end was seen, or slurmctld was killed";

	if (r->s->conf.dir)
		fence(r);       /* it may have left its end there, or still be running */
	else
		lost(r, text);
}

/* The cluster answers and has no such job; its nodes end what their slurmctld does not know. */
static void still_fenced(struct slurm_run *r)
{
	int64_t now = clock_mono_ms();

	if (!r->missing_ms)             /* only now that it answers are its nodes told */
		r->missing_ms = now;
	if (now - r->missing_ms > FORGOTTEN_MS)
		lost(r, "the cluster does not know it any more");
	else
		slurm_files_take(r);
}

void slurm_run_missing(struct slurm_run *r, int64_t begun_ms)
{
	int64_t now = clock_mono_ms();

	if (r->seen_ms == begun_ms || begun_ms < r->look_from_ms)
		return;
	switch (r->state) {
	case RUN_SENDING:
		if (!r->call && r->sends == 1 && slurm_files_hang(r->s))
			returned(r, "the shared directory does not answer");
		return;
	case RUN_LOOKING:
		if (r->looks++) {
			absent(r);
		} else {
			r->look_from_ms = now + SLURM_LOOK_MS;
			slurm_poll_within(r->s, SLURM_LOOK_MS + 50);
		}
		return;
	case RUN_WAITING:
	case RUN_RUNNING:
		if (!r->missing_ms)
			r->missing_ms = now;
		else if (now - r->missing_ms > SLURM_GONE_MS)
			gone(r);
		return;
	case RUN_FENCING:
		still_fenced(r);
		return;
	case RUN_CHECKING:
		if (!r->checking)
			slurm_files_claim(r);
		return;
	default:
		return;
	}
}

/* ---- what its directory says ---- */

static bool did_nothing(const struct slurm_run *r)
{
	return r->end.kind == ENGINE_EV_ENDED && r->end.end == RUN_END_EXIT &&
	       r->end.exit_code == SLURM_EXIT_TAKEN;
}

/* The script itself tells by its code when it did nothing. */
static bool by_code(struct slurm_run *r, enum slurm_file what)
{
	if (r->end.kind != ENGINE_EV_ENDED || r->end.end != RUN_END_EXIT)
		return false;
	switch (r->end.exit_code) {
	case SLURM_EXIT_TAKEN:
		if (what == SLURM_FILE_TAKEN)
			returned(r, "it had been taken back before it began");
		else
			lost(r, "the cluster queued it again after it had begun");
		return true;
	case SLURM_EXIT_DIR:
		refused(r, "its node cannot use the directory that the pool's option dir names");
		return true;
	case SLURM_EXIT_LATE:
		returned(r, "it waited in the cluster for too long");
		return true;
	default:
		return false;
	}
}

/* Slurm's word, without the directory's.  What began is not given back: it is lost. */
static void by_cluster(struct slurm_run *r, enum slurm_file what)
{
	bool begun = what == SLURM_FILE_BEGUN || what == SLURM_FILE_ENDED;
	struct engine_event ev = r->has_fate ? r->fate : r->end;
	char text[sizeof(r->text)];

	if (!r->has_fate && by_code(r, what))
		return;
	strcpy(text, r->has_fate ? r->fate_text : r->text);
	if (ev.kind == ENGINE_EV_RETURNED && begun)
		lost(r, text);
	else if (ev.kind == ENGINE_EV_RETURNED)
		returned(r, text);
	else
		slurm_run_over(r, &ev, text);
}

/* Both words.  The command may have ended well just before the cluster ended the job; else the
 * cluster knows better why it ended. */
static void by_both(struct slurm_run *r, const struct engine_event *file, const char *text)
{
	struct engine_event ev = *file;
	char words[RUN_TEXT_MAX];
	bool cluster = r->end.kind == ENGINE_EV_ENDED && r->end.end != RUN_END_EXIT &&
		r->end.end != RUN_END_SIGNAL;

	if (file->end == RUN_END_EXIT && file->exit_code == 0) {
		slurm_run_over(r, &ev, NULL);
		return;
	}
	snprintf(words, sizeof(words), "%s", text);
	if (r->has_fate || r->end.kind == ENGINE_EV_LOST) {
		by_cluster(r, SLURM_FILE_ENDED);
		return;
	}
	if (cluster) {
		ev.end = r->end.end;
		ev.exit_code = r->end.exit_code;
		snprintf(words, sizeof(words), "%s", r->text);
	}
	slurm_run_over(r, &ev, words);
}

static void fenced_file(struct slurm_run *r, enum slurm_file what, const struct engine_event *ev,
			const char *text)
{
	static const char taken[] = "taken back from a pool that did not answer";

	if (what == SLURM_FILE_TAKEN)
		returned(r, taken);
	else if (what == SLURM_FILE_ENDED && ev->end == RUN_END_STOPPED && !r->stop_wanted)
		lost(r, taken);
	else if (what == SLURM_FILE_ENDED)
		slurm_run_over(r, ev, text);
}

/* No job of it was found: that one has begun all the same makes it alive, or over. */
static void unfound_file(struct slurm_run *r, enum slurm_file what, const struct engine_event *ev,
			 const char *text)
{
	if (what == SLURM_FILE_ENDED)
		slurm_run_over(r, ev, text);
	else if (what == SLURM_FILE_BEGUN)
		forget_job(r);
	else if (what == SLURM_FILE_TAKEN)
		by_cluster(r, what);
}                                       /* else asked again with the next listing */

/* A job of it is over. */
static void checked_file(struct slurm_run *r, enum slurm_file what, const struct engine_event *ev,
			 const char *text)
{
	bool done = what == SLURM_FILE_ENDED && ev->end == RUN_END_EXIT && ev->exit_code == 0;

	if (!done && r->holder && r->holder != r->job) {
		forget_job(r);
	} else if (what == SLURM_FILE_ENDED) {
		by_both(r, ev, text);
	} else if (did_nothing(r) && what == SLURM_FILE_BEGUN) {
		r->idle_job = true;
		forget_job(r);
	} else if (!did_nothing(r) || what != SLURM_FILE_ERROR || !r->s->conf.dir) {
		by_cluster(r, what);
	}
}

/* Without the cluster's word: work that was done is done; of a command that failed the cluster may
 * know more (a limit, an admin), so that counts only while it is silent, and a signal never. */
static bool certain(const struct slurm_run *r, const struct engine_event *file)
{
	return (r->state == RUN_WAITING || r->state == RUN_RUNNING) && !r->has_fate &&
	       file->end == RUN_END_EXIT && (file->exit_code == 0 || r->s->down);
}

void slurm_run_file(struct slurm_run *r, enum slurm_file what, uint64_t holder,
		    const struct engine_event *ev, const char *text)
{
	if (holder)
		r->holder = holder;
	/* Of a short run no listing told that it began. */
	if (what == SLURM_FILE_ENDED && !r->start_ms && ev->at_ms)
		r->start_ms = ev->at_ms - ev->usage.run_ms;
	if (r->state == RUN_SENDING && !r->call)
		post(r);
	else if (r->state == RUN_FENCING)
		fenced_file(r, what, ev, text);
	else if (r->state == RUN_CHECKING && !r->job)
		unfound_file(r, what, ev, text);
	else if (r->state == RUN_CHECKING)
		checked_file(r, what, ev, text);
	else if (what == SLURM_FILE_ENDED && certain(r, ev))
		slurm_run_over(r, ev, text);
	else if ((r->state == RUN_WAITING || r->state == RUN_RUNNING) && r->job && holder &&
		 holder != r->job)
		forget_job(r);
}
