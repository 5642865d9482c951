/* test_slurm_run.c - what becomes of a run whose submission was repeated, by the order in which its jobs
 * and its directory are heard of: recorded replies, a directory of our own, and a clock by hand */

#include "../lib/domain.h"
#include "../lib/file.h"

#include "base/clock.h"
#include "base/mem.h"
#include "engine/slurm.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ASKED_MAX = 32, EVENTS_MAX = 16 };

static struct world {
	struct slurm s;
	uv_loop_t loop;
	struct pool pool;
	char top[64];
	int64_t now_ms;
	unsigned nasked, nevents;
	char asked[ASKED_MAX][80];      /* "DELETE 7", "POST submit" */
	char body[200];                 /* of the latest POST */
	fetch_fn fn[ASKED_MAX];
	void *arg[ASKED_MAX];
	struct engine_event events[EVENTS_MAX];
	struct run_output output;       /* the first of the latest that has any */
	char text[EVENTS_MAX][RUN_TEXT_MAX];
	int64_t queue_cpu_ms, queue_start_ms;   /* of the pool, as told last */
} *w;

/* ---- instead of the network and the clock ---- */

int64_t __wrap_clock_mono_ms(void);
int64_t __wrap_clock_mono_ms(void)
{
	return w->now_ms;
}

struct fetch_call *__wrap_fetch_cancel(struct fetch_call *c);
struct fetch_call *__wrap_fetch_cancel(struct fetch_call *c)
{
	return NULL;
}

int __wrap_slurm_ask(struct slurm *s, bool once, const char *method, const char *path,
		     const char *body, unsigned timeout_ms, fetch_fn fn, void *arg,
		     struct fetch_call **ret, struct err *err);
int __wrap_slurm_ask(struct slurm *s, bool once, const char *method, const char *path,
		     const char *body, unsigned timeout_ms, fetch_fn fn, void *arg,
		     struct fetch_call **ret, struct err *err)
{
	assert_true(w->nasked < ASKED_MAX);
	snprintf(w->asked[w->nasked], sizeof(w->asked[0]), "%s %s", method, strrchr(path, '/') + 1);
	if (body)
		snprintf(w->body, sizeof(w->body), "%s", body);
	w->fn[w->nasked] = fn;
	w->arg[w->nasked++] = arg;
	if (ret)
		*ret = (struct fetch_call *)w;
	return 0;
}

/* ---- the world ---- */

static void hear(void *arg, const struct pool *p, const struct engine_event *ev)
{
	if (ev->kind == ENGINE_EV_POOL && ev->seen) {
		w->queue_cpu_ms = ev->seen->queue_cpu_ms;
		w->queue_start_ms = ev->seen->queue_start_ms;
	}
	if (ev->kind == ENGINE_EV_POOL || ev->kind == ENGINE_EV_ACCEPTED)
		return;
	assert_true(w->nevents < EVENTS_MAX);
	snprintf(w->text[w->nevents], sizeof(w->text[0]), "%s", ev->text ? ev->text : "");
	if (ev->noutputs)
		w->output = ev->outputs[0];
	w->events[w->nevents++] = *ev;
}

static bool ours(void *arg, const struct pool *p, const char *run_id)
{
	return !strncmp(run_id, "n-", 2);
}

static void tell(void *arg)
{
	slurm_run_tell_all(arg);
}

static int set_up(void **state)
{
	struct slurm *s;

	w = mem_alloc(sizeof(*w));
	s = &w->s;
	uv_loop_init(&w->loop);
	strcpy(w->top, "/tmp/suanlu-slurm-run-XXXXXX");
	assert_non_null(mkdtemp(w->top));
	w->now_ms = 1000000;
	w->pool.name = "east";
	s->loop = &w->loop;
	s->pool = &w->pool;
	s->host = (struct engine_host){ .event = hear, .ours = ours };
	s->conf.dir = w->top;
	s->conf.hold_s = 1;
	s->api = slurm_api_find(38);
	s->dir_ok = s->told_up = true;
	TAILQ_INIT(&s->news);
	s->now = timer_new(&w->loop, tell, s);
	return 0;
}

static int tear_down(void **state)
{
	struct slurm_run *r, *tmp;
	char cmd[100];

	HASH_ITER(hh, w->s.runs, r, tmp)
		slurm_run_drop(r);
	worker_free(w->s.files);
	worker_free(w->s.logs);
	slurm_orphans_forget(&w->s, INT64_MAX);
	slurm_listing_free(w->s.seen);
	timer_free(w->s.now);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", w->top);
	assert_int_equal(system(cmd), 0);
	free(w);
	return 0;
}

static void turn(void)
{
	uv_run(&w->loop, UV_RUN_DEFAULT);
}

/* A reply of slurmrestd 22.05, cut down to what is read; ' for ". */
static void listing(const char *jobs)
{
	char text[2000];

	snprintf(text, sizeof(text), "{'meta':{},'errors':[],'jobs':[%s]}", jobs);
	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	slurm_listing_free(w->s.seen);
	w->s.seen = slurm_listing_read(text, strlen(text));
	assert_int_equal(w->s.seen->r, 0);
	w->now_ms += 1000;
	w->s.list_begun_ms = w->now_ms;
	slurm_listing_apply(&w->s);
	turn();
}

static void listings(unsigned n, const char *jobs)
{
	while (n--)
		listing(jobs);
}

#define JOB(id, state, status, more) "{'job_id':" #id ",'comment':'suanlu:n-1-1','job_state':'" state \
	"','exit_code':" #status ",'submit_time':100,'nodes':'a1','restart_cnt':0," more "}"
#define PENDING(id) JOB(id, "PENDING", 0, "'state_reason':'Resources'")
#define RUNNING(id) JOB(id, "RUNNING", 0, "'start_time':110,'end_time':710")
#define ENDED(id, status) JOB(id, "FAILED", status, "'start_time':110,'end_time':115")
#define TAKEN(id) ENDED(id, 30976)              /* exit 121 */

static void reply(unsigned status, const char *body)
{
	struct buf b;
	char text[200];
	struct fetch_answer a = { .status = status, .type = "application/json", .body = &b };
	unsigned n = w->nasked - 1;

	snprintf(text, sizeof(text), "%s", body);
	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	buf_init(&b, sizeof(text));
	buf_str(&b, text);
	assert_string_equal(w->asked[n], "POST submit");
	w->fn[n](w->arg[n], &a);
	buf_done(&b);
	turn();
}

static void lose_the_reply(void)
{
	reply(500, "{'errors':[{'error':'x','error_code':5004}]}");
}

static struct slurm_run *run(void)
{
	return slurm_run_find(&w->s, "n-1-1");
}

static void start(void)
{
	struct slurm_run *r = slurm_run_add(&w->s, "n-1-1", RUN_SENDING);

	r->body = mem_strdup("{\"job\":{}}");
	slurm_run_send(r);
	turn();
}

static void accepted(const char *number)
{
	char text[100];

	snprintf(text, sizeof(text), "{'errors':[],'job_id':%s}", number);
	reply(200, text);
}

/* Two jobs of the run, 7 and 8; only of 8 we got an answer. */
static void two_jobs(void)
{
	start();
	lose_the_reply();
	listing("");
	w->now_ms += SLURM_LOOK_MS;
	listing("");
	accepted("8");
	assert_int_equal(w->nevents, 0);
}

static void put(const char *file, const char *text)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/n-1-1", w->top);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/n-1-1/%s", w->top, file);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static char *path_of(const char *name)
{
	static char path[200];

	snprintf(path, sizeof(path), "%s/%s", w->top, name);
	return path;
}

static bool there(const char *name)
{
	return access(path_of(name), F_OK) == 0;
}

static void age(const char *name)
{
	struct timespec t[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };

	assert_int_equal(utimensat(AT_FDCWD, path_of(name), t, 0), 0);
}

static void sweep(void)
{
	w->s.conf.keep_runs_s = 86400;
	w->now_ms += 100000;
	slurm_files_tick(&w->s);
	turn();
}

static const char *get(const char *file)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/n-1-1/%s", w->top, file);
	return file_text(path);
}

static unsigned asked(const char *what)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->nasked; i++)
		n += !strcmp(w->asked[i], what);
	return n;
}

#define END(code) "{\"end\":\"exit\",\"phase\":\"command\",\"exit_code\":" #code ",\"ended_ms\":0}\n"

static const struct engine_event *last(enum engine_event_kind kind)
{
	assert_true(w->nevents > 0);
	assert_int_equal(w->events[w->nevents - 1].kind, kind);
	return &w->events[w->nevents - 1];
}

/* Only news that it began. */
static void it_lives(void)
{
	for (unsigned i = 0; i < w->nevents; i++)
		assert_int_equal(w->events[i].kind, ENGINE_EV_STARTED);
	assert_null(get("stop"));
}

/* ---- both were accepted ---- */

static void while_neither_has_begun_none_is_ended(void **state)
{
	two_jobs();
	listings(3, PENDING(7) "," PENDING(8));
	it_lives();
	assert_int_equal(asked("DELETE 7") + asked("DELETE 8"), 0);
}

static void the_one_that_began_is_never_ended_for_the_one_we_know(void **state)
{
	two_jobs();
	put("started", "7\n");
	listings(3, RUNNING(7) "," PENDING(8));
	assert_int_equal(asked("DELETE 7"), 0);
	assert_true(asked("DELETE 8") > 0);     /* it could do nothing any more */
	put("exit.json", END(3));
	listings(2, ENDED(7, 768) "," JOB(8, "CANCELLED", 0, "'start_time':116,'end_time':116"));
	assert_int_equal(last(ENGINE_EV_ENDED)->exit_code, 3);
	assert_int_equal(last(ENGINE_EV_ENDED)->end, RUN_END_EXIT);
}

static void the_one_we_know_began_and_the_other_is_ended(void **state)
{
	two_jobs();
	put("started", "8\n");
	listings(3, PENDING(7) "," RUNNING(8));
	assert_int_equal(asked("DELETE 8"), 0);
	assert_true(asked("DELETE 7") > 0);
	put("exit.json", END(0));
	listing(ENDED(8, 0));
	assert_int_equal(last(ENGINE_EV_ENDED)->exit_code, 0);
}

static void an_exit_of_121_says_nothing_while_the_other_runs(void **state)
{
	two_jobs();
	put("started", "7\n");
	listing(TAKEN(8));
	listings(3, RUNNING(7) "," TAKEN(8));
	it_lives();
	put("exit.json", END(0));
	listing(ENDED(7, 0) "," TAKEN(8));
	assert_int_equal(last(ENGINE_EV_ENDED)->exit_code, 0);
	assert_int_equal(asked("DELETE 7"), 0);
}

static void an_exit_of_121_says_nothing_after_the_other_ended(void **state)
{
	two_jobs();
	put("started", "7\n");
	put("exit.json", END(5));
	listings(3, ENDED(7, 1280) "," TAKEN(8));
	assert_int_equal(last(ENGINE_EV_ENDED)->exit_code, 5);
	assert_int_equal(last(ENGINE_EV_ENDED)->end, RUN_END_EXIT);
}

static void what_the_cluster_did_to_the_one_that_began_is_heard(void **state)
{
	two_jobs();
	put("started", "7\n");
	listing(RUNNING(7) "," TAKEN(8));
	listings(2, TAKEN(8) "," JOB(7, "TIMEOUT", 0, "'start_time':110,'end_time':715"));
	assert_int_equal(last(ENGINE_EV_ENDED)->end, RUN_END_WALLTIME);
}

static void who_began_need_not_be_readable(void **state)
{
	two_jobs();
	put("started", "");             /* its disk was full */
	listing(TAKEN(8));
	listings(3, RUNNING(7) "," TAKEN(8));
	it_lives();
	put("exit.json", END(4));
	listing(ENDED(7, 1024) "," TAKEN(8));
	assert_int_equal(last(ENGINE_EV_ENDED)->exit_code, 4);
}

static void one_that_began_and_is_nowhere_is_fenced_before_it_is_lost(void **state)
{
	two_jobs();
	put("started", "7\n");
	listings(SLURM_GONE_MS / 1000, TAKEN(8));
	it_lives();
	listings(4, TAKEN(8));
	assert_non_null(get("stop"));
	assert_int_equal(w->nevents, 0);
	listings(40, TAKEN(8));
	last(ENGINE_EV_LOST);
}

static void one_that_began_and_is_nowhere_may_still_tell_its_end(void **state)
{
	two_jobs();
	put("started", "7\n");
	listings(12, TAKEN(8));
	put("exit.json", END(6));
	listings(2, TAKEN(8));
	assert_int_equal(last(ENGINE_EV_ENDED)->exit_code, 6);
}

static void an_admin_who_cancels_the_idle_one_ends_nothing(void **state)
{
	two_jobs();
	put("started", "7\n");
	listings(3, RUNNING(7) "," JOB(8, "CANCELLED", 0, "'start_time':116,'end_time':116"));
	it_lives();
	listings(3, RUNNING(7));
	it_lives();
}

static void when_the_known_one_never_begins_the_other_cannot_begin_later(void **state)
{
	two_jobs();
	listing(PENDING(7) "," JOB(8, "CANCELLED", 0, "'start_time':116,'end_time':116"));
	assert_int_equal(last(ENGINE_EV_ENDED)->end, RUN_END_STOPPED);
	assert_string_equal(get("started"), "taken\n");
}

static void a_wish_to_end_goes_to_the_one_that_began(void **state)
{
	two_jobs();
	put("started", "7\n");
	listings(2, RUNNING(7) "," TAKEN(8));
	slurm_run_stop(run());
	turn();
	assert_int_equal(asked("DELETE 7"), 1);
	assert_int_equal(asked("DELETE 8"), 0);
}

/* `started` lies in the job's own directory: it could name a job of somebody else. */
static void a_number_that_no_listing_shows_as_ours_is_never_ended(void **state)
{
	start();
	accepted("8");
	put("started", "99\n");
	listing(RUNNING(8));
	put("exit.json", END(1));
	slurm_files_look(run());
	turn();
	slurm_run_stop(run());
	listings(3, "{'job_id':99,'comment':'suanlu:n-2-1','job_state':'RUNNING','exit_code':0},"
		    RUNNING(8));
	assert_int_equal(asked("DELETE 99"), 0);
}

static void a_link_in_place_of_started_names_nobody(void **state)
{
	two_jobs();
	put("elsewhere", "taken\n");
	assert_int_equal(symlink("elsewhere", path_of("n-1-1/started")), 0);
	listing(TAKEN(8));
	it_lives();
	listings(2, RUNNING(7) "," TAKEN(8));
	it_lives();
}

static void log_is(const char *text)
{
	uint64_t size = 99;
	struct buf out;

	buf_init(&out, 100);
	assert_int_equal(slurm_log_read(&w->s, "n-1-1", 1, 0, &out, &size, NULL), 0);
	assert_int_equal(size, strlen(text));
	assert_string_equal(out.len ? out.data : "", text);
	buf_done(&out);
}

static void a_link_in_place_of_a_log_or_of_its_directory_is_not_read(void **state)
{
	char theirs[200];

	start();
	accepted("8");
	put("stdout", "mine");
	log_is("mine");
	snprintf(theirs, sizeof(theirs), "%s", path_of("theirs"));
	assert_int_equal(rename(path_of("n-1-1"), theirs), 0);
	assert_int_equal(symlink("theirs", path_of("n-1-1")), 0);
	log_is("");
	assert_int_equal(unlink(path_of("n-1-1")), 0);
	put("other", "");
	strcat(theirs, "/stdout");
	assert_int_equal(symlink(theirs, path_of("n-1-1/stdout")), 0);
	log_is("");
	assert_int_equal(unlink(path_of("n-1-1/stdout")), 0);
	assert_int_equal(link(theirs, path_of("n-1-1/stdout")), 0);
	log_is("");
	assert_int_equal(unlink(path_of("n-1-1/stdout")), 0);
	put("stdout", "mine");
	log_is("mine");
}

static void a_command_may_end_with_121_itself(void **state)
{
	start();
	accepted("8");
	put("started", "8\n");
	put("exit.json", END(121));
	listing(TAKEN(8));
	assert_int_equal(last(ENGINE_EV_ENDED)->exit_code, 121);
}

static void a_run_that_was_taken_back_is_given_back_and_not_lost(void **state)
{
	start();
	accepted("8");
	put("started", "taken\n");
	listing(TAKEN(8));
	last(ENGINE_EV_RETURNED);
}

static void what_began_is_not_given_back_but_lost(void **state)
{
	static const char held[] = JOB(8, "PENDING", 0, "'state_reason':'JobHeldUser'");

	start();
	accepted("8");
	listings(3, held);
	assert_int_equal(asked("DELETE 8"), 1);
	put("started", "8\n");          /* it was let go just before */
	listing(JOB(8, "CANCELLED", 0, "'start_time':110,'end_time':115"));
	last(ENGINE_EV_LOST);
}

static void a_job_that_shows_up_before_the_second_submission_is_the_run(void **state)
{
	start();
	lose_the_reply();
	listing("");
	w->now_ms += SLURM_LOOK_MS;
	run()->checking = true;         /* its directory takes long */
	listing("");
	assert_int_equal(run()->state, RUN_SENDING);
	listing(RUNNING(7));
	assert_int_equal(run()->job, 7);
	run()->checking = false;
	slurm_run_file(run(), SLURM_FILE_MADE, 0, NULL, NULL);
	assert_int_equal(asked("POST submit"), 1);
}

/* ---- without a shared directory ---- */

static void without_a_directory_the_one_that_began_first_is_the_run(void **state)
{
	w->s.conf.dir = NULL;
	two_jobs();
	listing(RUNNING(7) "," PENDING(8));
	assert_true(asked("DELETE 8") > 0);
	assert_int_equal(asked("DELETE 7"), 0);
	listing(ENDED(7, 512) "," JOB(8, "CANCELLED", 0, "'start_time':116,'end_time':116"));
	assert_int_equal(last(ENGINE_EV_ENDED)->exit_code, 2);
}

#define SUM "73cb3858a687a8494ca3323053016282f3dad39d42cf62ca4e79dda2aac7d9ac"
#define TOLD(what) "{'job_id':8,'comment':'suanlu:n-1-1 " what "','job_state':'COMPLETED','exit_code':0," \
	"'submit_time':100,'start_time':110,'end_time':115,'restart_cnt':0}"

static void without_a_directory_the_comment_tells_what_was_stored(void **state)
{
	w->s.conf.dir = NULL;
	start();
	accepted("8");
	listing(TOLD("1 2 " SUM ";3  ;"));
	assert_int_equal(last(ENGINE_EV_ENDED)->noutputs, 2);
	assert_int_equal(w->output.no, 0);
	assert_int_equal(w->output.size, 2);
}

static void what_is_no_list_of_outputs_in_a_comment_is_not_believed(void **state)
{
	w->s.conf.dir = NULL;
	start();
	accepted("8");
	listing(TOLD("1 2 " SUM ";1 x"));
	assert_int_equal(last(ENGINE_EV_ENDED)->noutputs, 0);
}

static void with_a_directory_a_comment_counts_for_nothing(void **state)
{
	start();
	accepted("8");
	put("started", "8\n");
	put("exit.json", END(0));
	listing(TOLD("1 2 " SUM ";"));
	assert_int_equal(last(ENGINE_EV_ENDED)->noutputs, 0);
}

static void without_a_directory_the_later_one_is_ended(void **state)
{
	w->s.conf.dir = NULL;
	two_jobs();
	listing(RUNNING(8));
	listing(RUNNING(8) "," RUNNING(7));
	assert_int_equal(asked("DELETE 7"), 1);
	assert_int_equal(asked("DELETE 8"), 0);
}

static void without_a_directory_a_repeated_submission_waits_for_the_first(void **state)
{
	w->s.conf.dir = NULL;
	start();
	assert_null(strstr(w->body, "singleton"));
	lose_the_reply();
	listing("");
	w->now_ms += SLURM_LOOK_MS;
	listing("");
	assert_non_null(strstr(w->body, "\"dependency\":\"singleton\""));
}

static void without_a_directory_a_job_of_nobody_is_ended_at_once(void **state)
{
	w->s.conf.dir = NULL;
	listing(RUNNING(7));
	assert_int_equal(asked("DELETE 7"), 1);
}

static void with_one_it_may_just_have_written_its_end(void **state)
{
	listing(RUNNING(7));
	assert_int_equal(asked("DELETE 7"), 0);
	listing(PENDING(7));
	assert_int_equal(asked("DELETE 7"), 1);
}

/* ---- none was accepted, or so it seems ---- */

static void never_taken_in(void)
{
	start();
	for (unsigned i = 0; i < SLURM_SENDS_MAX; i++) {
		lose_the_reply();
		listing("");
		w->now_ms += SLURM_LOOK_MS;
		listing("");
	}
}

static void what_was_never_seen_cannot_begin_once_it_is_given_back(void **state)
{
	never_taken_in();
	last(ENGINE_EV_RETURNED);
	assert_int_equal(asked("POST submit"), SLURM_SENDS_MAX);
	assert_string_equal(get("started"), "taken\n");
}

static void what_was_never_seen_but_has_begun_lives(void **state)
{
	start();
	put("started", "7\n");
	lose_the_reply();
	run()->sends = SLURM_SENDS_MAX;
	listing("");
	w->now_ms += SLURM_LOOK_MS;
	listing("");
	it_lives();
	listings(2, RUNNING(7));
	it_lives();
	put("exit.json", END(3));
	listing(ENDED(7, 768));
	assert_int_equal(last(ENGINE_EV_ENDED)->exit_code, 3);
}

static void adopt(void)
{
	slurm_run_add(&w->s, "n-1-1", RUN_LOOKING)->adopted = true;
	listing("");
	w->now_ms += SLURM_LOOK_MS;
	listing("");
}

static void after_a_restart_too(void **state)
{
	adopt();
	last(ENGINE_EV_RETURNED);
	assert_string_equal(get("started"), "taken\n");
	slurm_run_drop(run());          /* killed before that was written down */
	adopt();
	last(ENGINE_EV_RETURNED);
	assert_int_equal(w->nevents, 2);
}

static void while_the_directory_does_not_answer_nothing_is_given_back(void **state)
{
	w->s.conf.dir = "/nonexistent";
	adopt();
	listings(5, "");
	assert_int_equal(w->nevents, 0);
	w->s.conf.dir = w->top;
	listing("");
	last(ENGINE_EV_RETURNED);
}

static void a_refusal_of_the_second_submission_says_nothing_of_the_first(void **state)
{
	start();
	put("started", "7\n");
	lose_the_reply();
	listing("");
	w->now_ms += SLURM_LOOK_MS;
	listing("");
	reply(500, "{'errors':[{'error':'Invalid partition','error_code':2000}]}");
	it_lives();
	listings(2, RUNNING(7));
	it_lives();
}

static void without_a_directory_absent_is_said(void **state)
{
	w->s.conf.dir = NULL;
	adopt();
	last(ENGINE_EV_ABSENT);
	assert_null(run());
}

/* ---- old directories ---- */

static void a_settled_directory_goes_after_its_time_and_not_before(void **state)
{
	put("settled", "");
	sweep();
	assert_true(there("n-1-1"));
	age("n-1-1/settled");
	sweep();
	assert_false(there("n-1-1"));
}

static void a_directory_is_not_found_any_more_while_it_is_removed(void **state)
{
	char name[40];

	for (unsigned i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "%u", i);
		put(name, "");
	}
	put("settled", "");
	age("n-1-1/settled");
	sweep();
	assert_false(there("n-1-1"));
	assert_true(there(".gone-n-1-1"));
	for (unsigned i = 0; i < 10 && there(".gone-n-1-1"); i++)
		sweep();
	assert_false(there(".gone-n-1-1"));
}

static void what_nobody_settled_is_settled_after_its_time_and_goes_later(void **state)
{
	put("started", "7\n");
	sweep();
	assert_false(there("n-1-1/settled"));
	age("n-1-1");
	sweep();
	turn();
	assert_true(there("n-1-1/settled"));
	assert_true(there("n-1-1/stop"));       /* should a job of it still be there */
	age("n-1-1/settled");
	sweep();
	assert_false(there("n-1-1"));
}

static void what_never_began_cannot_begin_once_it_is_settled(void **state)
{
	assert_int_equal(mkdir(path_of("n-1-1"), 0700), 0);
	age("n-1-1");
	sweep();
	assert_string_equal(get("started"), "taken\n");
	assert_true(there("n-1-1/settled"));
}

static void a_run_that_goes_on_and_one_of_another_node_are_left_alone(void **state)
{
	start();
	accepted("8");
	put("started", "8\n");
	age("n-1-1");
	assert_int_equal(mkdir(path_of("other-1-1"), 0700), 0);
	age("other-1-1");
	assert_int_equal(mkdir(path_of("no run"), 0700), 0);
	age("no run");
	sweep();
	assert_false(there("n-1-1/settled"));
	assert_false(there("n-1-1/stop"));
	assert_false(there("other-1-1/settled"));
	assert_false(there("no run/settled"));
}

#define row(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

/* ---- a silent cluster ---- */

enum { SECOND = 1000 };

static void watched(unsigned down_s)
{
	w->s.conf.dir = NULL;
	w->s.conf.down_s = down_s;
	w->s.ok_ms = w->now_ms;
}

/* Time goes by while requests hang; true: it is down. */
static bool hangs(unsigned ms)
{
	for (unsigned i = 0; i < ms; i += SLURM_WATCH_MS) {
		w->now_ms += SLURM_WATCH_MS;
		slurm_watch(&w->s);
	}
	return w->s.down;
}

static void a_cluster_that_hangs_is_down_after_down_s_whatever_its_requests_may_take(void **state)
{
	watched(15);
	assert_false(hangs(1 * SECOND));
	slurm_asking(&w->s);
	assert_false(hangs(13 * SECOND));
	assert_true(hangs(1 * SECOND));
	assert_string_equal(w->s.why, "the cluster does not answer");
}

static void what_was_said_before_it_hung_is_told(void **state)
{
	watched(3);
	slurm_asking(&w->s);
	slurm_unwell(&w->s, false, "could not reach slurmrestd", NULL);
	assert_false(w->s.down);
	assert_true(hangs(3 * SECOND));
	assert_string_equal(w->s.why, "could not reach slurmrestd");
}

static void a_cluster_that_nobody_asked_is_not_silent(void **state)
{
	watched(3);
	assert_false(hangs(10 * SECOND));
	slurm_asking(&w->s);
	assert_false(hangs(2 * SECOND));
	assert_true(hangs(1 * SECOND));
}

static void round_of(unsigned ms, bool down)
{
	slurm_asking(&w->s);
	assert_int_equal(hangs(ms), down);
	slurm_well(&w->s);
	assert_false(hangs(10 * SECOND));
}

static void a_cluster_that_answers_slowly_is_down_at_most_once(void **state)
{
	watched(15);
	round_of(20 * SECOND, true);            /* nobody could know */
	for (unsigned i = 0; i < 5; i++) {
		round_of(28 * SECOND, false);
		round_of(1 * SECOND, false);
	}
	for (unsigned i = 0; i < 20; i++)
		round_of(1 * SECOND, false);
	round_of(15 * SECOND, true);            /* it was quick for long */
}

/* ---- what the pool is told of the cluster's queue ---- */

#define IN_LINE(id, why, start) "{'job_id':" #id ",'comment':'','job_state':'PENDING','state_reason':'" why \
	"','start_time':" #start ",'cpus':4,'time_limit':2,'restart_cnt':0}"

static void the_start_that_slurm_expects_of_the_last_in_its_queue_is_told(void **state)
{
	listing(IN_LINE(7, "Priority", 5000) "," IN_LINE(8, "Resources", 9000) ","
		IN_LINE(9, "Resources", 7000));
	slurm_tell_seen(&w->s);
	assert_int_equal(w->queue_start_ms, 9000 * 1000);
	assert_int_equal(w->queue_cpu_ms, 3 * 4 * 120 * 1000 / 2);
	listing(JOB(1, "PENDING", 0, "'state_reason':'Resources','start_time':9900"));
	slurm_tell_seen(&w->s);
	assert_int_equal(w->queue_start_ms, 9900 * 1000);       /* one of ours counts, too */
	assert_int_equal(w->queue_cpu_ms, 0);
}

static void what_is_held_in_the_cluster_is_not_in_its_queue(void **state)
{
	listing(IN_LINE(7, "JobHeldUser", 5000) "," IN_LINE(8, "Dependency", 9000));
	slurm_tell_seen(&w->s);
	assert_int_equal(w->queue_start_ms, 0);
	assert_int_equal(w->queue_cpu_ms, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		row(while_neither_has_begun_none_is_ended),
		row(the_one_that_began_is_never_ended_for_the_one_we_know),
		row(the_one_we_know_began_and_the_other_is_ended),
		row(an_exit_of_121_says_nothing_while_the_other_runs),
		row(an_exit_of_121_says_nothing_after_the_other_ended),
		row(what_the_cluster_did_to_the_one_that_began_is_heard),
		row(who_began_need_not_be_readable),
		row(one_that_began_and_is_nowhere_is_fenced_before_it_is_lost),
		row(one_that_began_and_is_nowhere_may_still_tell_its_end),
		row(an_admin_who_cancels_the_idle_one_ends_nothing),
		row(when_the_known_one_never_begins_the_other_cannot_begin_later),
		row(a_wish_to_end_goes_to_the_one_that_began),
		row(a_number_that_no_listing_shows_as_ours_is_never_ended),
		row(a_link_in_place_of_started_names_nobody),
		row(a_link_in_place_of_a_log_or_of_its_directory_is_not_read),
		row(a_command_may_end_with_121_itself),
		row(a_run_that_was_taken_back_is_given_back_and_not_lost),
		row(what_began_is_not_given_back_but_lost),
		row(a_job_that_shows_up_before_the_second_submission_is_the_run),
		row(without_a_directory_the_one_that_began_first_is_the_run),
		row(without_a_directory_the_comment_tells_what_was_stored),
		row(what_is_no_list_of_outputs_in_a_comment_is_not_believed),
		row(with_a_directory_a_comment_counts_for_nothing),
		row(without_a_directory_the_later_one_is_ended),
		row(without_a_directory_a_repeated_submission_waits_for_the_first),
		row(without_a_directory_a_job_of_nobody_is_ended_at_once),
		row(with_one_it_may_just_have_written_its_end),
		row(what_was_never_seen_cannot_begin_once_it_is_given_back),
		row(what_was_never_seen_but_has_begun_lives),
		row(after_a_restart_too),
		row(while_the_directory_does_not_answer_nothing_is_given_back),
		row(a_refusal_of_the_second_submission_says_nothing_of_the_first),
		row(without_a_directory_absent_is_said),
		row(a_settled_directory_goes_after_its_time_and_not_before),
		row(a_directory_is_not_found_any_more_while_it_is_removed),
		row(what_nobody_settled_is_settled_after_its_time_and_goes_later),
		row(what_never_began_cannot_begin_once_it_is_settled),
		row(a_run_that_goes_on_and_one_of_another_node_are_left_alone),
		row(a_cluster_that_hangs_is_down_after_down_s_whatever_its_requests_may_take),
		row(what_was_said_before_it_hung_is_told),
		row(a_cluster_that_nobody_asked_is_not_silent),
		row(a_cluster_that_answers_slowly_is_down_at_most_once),
		row(the_start_that_slurm_expects_of_the_last_in_its_queue_is_told),
		row(what_is_held_in_the_cluster_is_not_in_its_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
