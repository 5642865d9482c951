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
	returned(r, text);
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
		refused(r, text);
		return;
	case SLURM_REFUSED_HAS_JOB:
		accepted(r, job);
		set_fate(r, &(struct engine_event){ .kind = ENGINE_EV_ENDED,
						    .end = RUN_END_NOT_STARTED }, text);
		return;
	case SLURM_TURNED_AWAY:
		returned(r, text);
		return;
	case SLURM_BAD_TOKEN:
		returned(r, "the cluster does not accept our token");
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
		returned(r, "the cluster does not answer");
		return;
	}
	snprintf(path, sizeof(path), "/slurm/v0.0.%u/job/submit", r->s->api->no);
	e = slurm_ask(r->s, true, "POST", path, r->body, SUBMIT_MS, on_submitted, r, &r->call, &err);
	if (e)
		returned(r, err.text);
}

/* Its directory is made first.  Where that fails, its node will say so, too, and better. */
void slurm_run_send(struct slurm_run *r)
{
	r->state = RUN_SENDING;
	r->sends++;
	if (r->s->conf.dir)
		slurm_files_make(r);
	else
		post(r);
}

/* The cluster said that it does not take our token: it did not take that job either. */
void slurm_run_bad_token(struct slurm_run *r)
{
	if (r->state == RUN_LOOKING && r->maybe_token)
		returned(r, "the cluster does not accept our token");
}

/* ---- hearing of its job ---- */

/* How it ended is written in its directory, too, and that is closer to the truth. */
static void ended(struct slurm_run *r, const struct engine_event *ev, const char *text)
{
	r->state = RUN_CHECKING;
	r->end = *ev;
	snprintf(r->text, sizeof(r->text), "%s", text ? text : "");
	if (r->s->conf.dir)
		slurm_files_look(r);
	else
		slurm_run_file(r, SLURM_FILE_ERROR, NULL, NULL);
}

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

static void act(struct slurm_run *r, const struct slurm_job *listed)
{
	struct slurm_job copy = *listed, *j = &copy;
	struct engine_event ev = { 0 };
	char text[SLURM_TEXT_MAX];
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

void slurm_run_seen(struct slurm_run *r, const struct slurm_job *j, int64_t begun_ms)
{
	bool known = r->state == RUN_WAITING || r->state == RUN_RUNNING;

	if (known && r->job != j->id) {
		/* A second job of the same run, which its script would not let begin. */
		if (!slurm_state_over(j->state) && !j->completing)
			slurm_job_end(r->s, j->id, r->id);
		return;
	}
	r->seen_ms = begun_ms;
	r->missing_ms = 0;
	if (r->state == RUN_LOOKING) {
		found(r, j);
	} else if (known) {
		r->submit_s = j->submit_s;
		act(r, j);
	} else if (r->state == RUN_FENCING) {
		found_fenced(r, j);
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
	} else if (!r->adopted) {
		returned(r, "the cluster did not take it in");
	} else {
		r->absent = true;
		ended(r, &(struct engine_event){ .kind = ENGINE_EV_ABSENT }, NULL);
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
		if (!r->call && slurm_files_hang(r->s))
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
		slurm_files_look(r);
		return;
	default:
		return;
	}
}

/* ---- what its directory says ---- */

/* The script itself tells by these when it did nothing. */
static bool did_nothing(struct slurm_run *r)
{
	if (r->end.kind != ENGINE_EV_ENDED || r->end.end != RUN_END_EXIT)
		return false;
	switch (r->end.exit_code) {
	case SLURM_EXIT_TAKEN:
		lost(r, "another job of the same run had begun before, and did not end well");
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

/* Slurm's word, without the directory's. */
static void by_cluster(struct slurm_run *r)
{
	struct engine_event ev = r->has_fate ? r->fate : r->end;
	char text[sizeof(r->text)];

	if (!r->has_fate && did_nothing(r))
		return;
	strcpy(text, r->has_fate ? r->fate_text : r->text);
	if (ev.kind == ENGINE_EV_RETURNED)
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
		by_cluster(r);
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

static void checked_file(struct slurm_run *r, enum slurm_file what, const struct engine_event *ev,
			 const char *text)
{
	if (what == SLURM_FILE_ENDED && r->absent)
		slurm_run_over(r, ev, text);
	else if (what == SLURM_FILE_ENDED)
		by_both(r, ev, text);
	else if (r->absent && what == SLURM_FILE_BEGUN)
		fence(r);
	else if (r->absent && what == SLURM_FILE_ERROR && r->s->conf.dir)
		return;                 /* asked again with the next listing */
	else
		by_cluster(r);
}

/* Without the cluster's word: work that was done is done; of a command that failed the cluster may
 * know more (a limit, an admin), so that counts only while it is silent, and a signal never. */
static bool certain(const struct slurm_run *r, const struct engine_event *file)
{
	return (r->state == RUN_WAITING || r->state == RUN_RUNNING) && !r->has_fate &&
	       file->end == RUN_END_EXIT && (file->exit_code == 0 || r->s->down);
}

void slurm_run_file(struct slurm_run *r, enum slurm_file what, const struct engine_event *ev,
		    const char *text)
{
	/* Of a short run no listing told that it began. */
	if (what == SLURM_FILE_ENDED && !r->start_ms && ev->at_ms)
		r->start_ms = ev->at_ms - ev->usage.run_ms;
	if (r->state == RUN_SENDING && !r->call)
		post(r);
	else if (r->state == RUN_FENCING)
		fenced_file(r, what, ev, text);
	else if (r->state == RUN_CHECKING)
		checked_file(r, what, ev, text);
	else if (what == SLURM_FILE_ENDED && certain(r, ev))
		slurm_run_over(r, ev, text);
}
