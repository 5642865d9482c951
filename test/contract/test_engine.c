/* test_engine.c - what every engine promises, asked of each of them; then what only the
 * engine of this machine can show */

#include "../lib/engine_bed.h"

#include "engine/run_dir.h"

#include <sys/wait.h>
#include <time.h>

static int set_up_fake(void **state)
{
	struct bed *b = bed_new(&engine_fake);

	bed_open(b, "");
	*state = b;
	return 0;
}

static int set_up_local(void **state)
{
	struct bed *b;

	*state = NULL;
	if (!bed_shim())
		return 0;
	b = bed_new(&engine_local);
	bed_open(b, "");
	*state = b;
	return 0;
}

/* ---- a rig of real clusters, once for all tests; without Slurm they are skipped ---- */

static char rig[64], rig_base[300];

static int rig_call(const char *words)
{
	const char *source = getenv("SUANLU_SOURCE");
	char cmd[400];

	snprintf(cmd, sizeof(cmd), "%s/test/rigs/slurm-rig %s >/dev/null 2>&1", source ? source : ".",
		 words);
	return system(cmd);
}

/* "url":…: with a token of its own. */
static int rig_up(void **state)
{
	char words[200];
	FILE *f;
	unsigned port = 0;

	strcpy(rig, "/tmp/suanlu-rig-XXXXXX");
	if (system("command -v slurmrestd >/dev/null 2>&1") != 0 || !mkdtemp(rig)) {
		rig[0] = '\0';
		return 0;
	}
	snprintf(words, sizeof(words), "up %s", rig);
	if (rig_call(words) != 0)
		return -1;
	snprintf(words, sizeof(words), "umask 077; ${SUANLU_SOURCE:-.}/test/rigs/slurm-rig token %s "
		 "east root 3600 >%s/jwt", rig, rig);
	if (system(words) != 0)
		return -1;
	snprintf(words, sizeof(words), "sed -n \"s/.*SLURM_RIG_URL='.*:\\([0-9]*\\)'/\\1/p\" %s/east/env",
		 rig);
	f = popen(words, "r");
	if (!f || fscanf(f, "%u", &port) != 1)
		return -1;
	pclose(f);
	snprintf(rig_base, sizeof(rig_base), "'url':'http://127.0.0.1:%u','user':'root',"
		 "'token_file':'%s/jwt','partitions':['cpu','npu'],'poll_ms':200", port, rig);
	return 0;
}

static int rig_down(void **state)
{
	char words[100];

	if (!rig[0])
		return 0;
	snprintf(words, sizeof(words), "wipe %s", rig);
	rig_call(words);
	snprintf(words, sizeof(words), "rm -rf '%s'", rig);
	return system(words);
}

static int set_up_slurm(void **state)
{
	struct bed *b;
	char path[256];
	char *base;

	*state = NULL;
	if (!rig[0])
		return 0;
	b = bed_new(&engine_slurm);
	base = mem_alloc(sizeof(rig_base) + sizeof(path) + 16);
	sprintf(base, "%s,'dir':'%s'", rig_base, bed_path(b, "shared", path));
	assert_int_equal(mkdir(path, 0700), 0);
	b->base = base;
	bed_open(b, "");
	for (int i = 0; i < 100 && !b->up; i++)
		bed_turn(b, 100);
	assert_true(b->up);
	*state = b;
	return 0;
}

static int tear_down_slurm(void **state)
{
	struct bed *b = *state;
	void *base = b ? (void *)b->base : NULL;

	if (b)
		bed_free(b);
	free(base);
	return 0;
}

static int tear_down(void **state)
{
	if (*state)
		bed_free(*state);
	return 0;
}

static struct bed *bed_of(void **state)
{
	if (!*state) {
		print_message("no Slurm here (./dev test installs it), or no suanlu-shim was built "
			      "beside this test (set SUANLU_SHIM)\n");
		skip();
	}
	return *state;
}

static unsigned count(const struct bed *b, const char *id, enum engine_event_kind k)
{
	unsigned n = 0;

	for (unsigned i = 0; i < b->n; i++)
		n += strcmp(b->events[i].run_id, id) == 0 && b->events[i].ev.kind == k;
	return n;
}

/* ---- asked of all ---- */

static void a_command_runs_and_its_end_is_reported(void **state)
{
	struct bed *b = bed_of(state);
	const struct bed_event *e;

	bed_run(b, "n-1-1", "true");
	e = bed_end(b, "n-1-1");
	assert_int_equal(e->ev.kind, ENGINE_EV_ENDED);
	assert_int_equal(e->ev.end, RUN_END_EXIT);
	assert_int_equal(e->ev.exit_code, 0);
	assert_int_equal(e->ev.phase, PHASE_COMMAND);
}

static void nothing_is_reported_from_within_a_call(void **state)
{
	struct bed *b = bed_of(state);

	bed_run(b, "n-1-1", "true");
	assert_int_equal(b->n, 0);
	bed_end(b, "n-1-1");
	b->n = 0;
	assert_int_equal(b->ops->adopt(b->engine, "n-1-1", NULL), 0);
	assert_int_equal(b->ops->stop(b->engine, "n-1-1", 0, NULL), 0);
	assert_int_equal(b->n, 0);
}

static void a_failing_command_reports_its_code(void **state)
{
	struct bed *b = bed_of(state);
	const struct bed_event *e;

	if (b->ops == &engine_fake)
		bed_run(b, "n-1-1", "exit", "3");
	else
		bed_run(b, "n-1-1", "sh", "-c", "exit 3");
	e = bed_end(b, "n-1-1");
	assert_int_equal(e->ev.end, RUN_END_EXIT);
	assert_int_equal(e->ev.exit_code, 3);
}

static void started_comes_before_ended_and_once(void **state)
{
	struct bed *b = bed_of(state);

	bed_run(b, "n-1-1", "sleep", "0.4");
	bed_end(b, "n-1-1");
	assert_int_equal(b->n, 2);
	assert_int_equal(b->events[0].ev.kind, ENGINE_EV_STARTED);
	assert_int_equal(b->events[1].ev.kind, ENGINE_EV_ENDED);
	assert_true(b->events[1].ev.usage.run_ms >= 390);
	assert_true(b->events[1].ev.usage.run_ms < 5000);
}

static void starting_twice_is_one_run(void **state)
{
	struct bed *b = bed_of(state);

	bed_run(b, "n-1-1", "sleep", "0.3");
	assert_int_equal(bed_start(b, "n-1-1", NULL), 0);
	bed_began(b, "n-1-1");
	assert_int_equal(bed_start(b, "n-1-1", NULL), 0);
	bed_end(b, "n-1-1");
	bed_turn(b, 200);
	assert_int_equal(count(b, "n-1-1", ENGINE_EV_ENDED), 1);
}

static void starting_a_run_that_is_over_repeats_its_end(void **state)
{
	struct bed *b = bed_of(state);
	unsigned n;

	bed_run(b, "n-1-1", "true");
	bed_end(b, "n-1-1");
	n = b->n;
	assert_int_equal(bed_start(b, "n-1-1", NULL), 0);
	assert_int_equal(bed_wait(b, "n-1-1", n, true)->ev.exit_code, 0);
}

static void an_unknown_run_cannot_be_adopted(void **state)
{
	struct bed *b = bed_of(state);
	struct err err;

	if (b->ops->adopt(b->engine, "n-9-1", &err) == 0) {
		/* It has to look first, and sees to it that none of it begins any more. */
		for (int i = 0; i < 200 && !b->n; i++)
			bed_turn(b, 100);
		assert_int_equal(b->n, 1);
		assert_int_equal(b->events[0].ev.kind, ENGINE_EV_RETURNED);
		b->ops->settle(b->engine, "n-9-1");
		assert_int_equal(b->ops->stop(b->engine, "n-9-1", 0, &err), ENGINE_E_GONE);
		return;
	}
	assert_non_null(strstr(err.text, "n-9-1"));
}

static void an_unknown_run_cannot_be_stopped(void **state)
{
	struct bed *b = bed_of(state);

	assert_int_equal(b->ops->stop(b->engine, "n-9-1", 100, NULL), ENGINE_E_GONE);
}

static void an_unknown_run_has_no_log(void **state)
{
	struct bed *b = bed_of(state);
	uint64_t size = 77;
	struct buf out;

	buf_init(&out, 100);
	assert_int_equal(b->ops->log(b->engine, "n-9-1", 1, 0, &out, &size, NULL), ENGINE_E_GONE);
	assert_int_equal(size, 77);
	buf_done(&out);
}

static void stop_ends_with_stopped(void **state)
{
	struct bed *b = bed_of(state);
	const struct bed_event *e;

	bed_run(b, "n-1-1", "sleep", "30");
	bed_began(b, "n-1-1");
	assert_int_equal(b->ops->stop(b->engine, "n-1-1", 5000, NULL), 0);
	e = bed_end(b, "n-1-1");
	assert_int_equal(e->ev.kind, ENGINE_EV_ENDED);
	assert_int_equal(e->ev.end, RUN_END_STOPPED);
	assert_true(e->ev.usage.run_ms < 4000 || b->ops == &engine_fake);
}

static void a_stop_right_after_the_start_ends_with_stopped(void **state)
{
	struct bed *b = bed_of(state);

	bed_run(b, "n-1-1", "sleep", "30");
	assert_int_equal(b->ops->stop(b->engine, "n-1-1", 5000, NULL), 0);
	assert_int_equal(bed_end(b, "n-1-1")->ev.end, RUN_END_STOPPED);
}

static void a_stop_after_the_end_repeats_the_end(void **state)
{
	struct bed *b = bed_of(state);
	unsigned n;

	bed_run(b, "n-1-1", "true");
	bed_end(b, "n-1-1");
	n = b->n;
	assert_int_equal(b->ops->stop(b->engine, "n-1-1", 100, NULL), 0);
	assert_int_equal(bed_wait(b, "n-1-1", n, true)->ev.end, n ? RUN_END_EXIT : 0);
}

static void many_runs_at_once_all_end(void **state)
{
	struct bed *b = bed_of(state);
	char id[32];

	for (int i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "n-%d-1", i);
		bed_run(b, id, "true");
	}
	for (int i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "n-%d-1", i);
		assert_int_equal(bed_end(b, id)->ev.exit_code, 0);
		b->ops->settle(b->engine, id);
	}
}

static void a_log_can_be_read_from_an_offset_and_after_the_end(void **state)
{
	struct bed *b = bed_of(state);
	char whole[200];
	uint64_t size = 0;
	struct buf out;

	bed_run(b, "n-1-1", "echo", "one line for the log");
	bed_end(b, "n-1-1");
	snprintf(whole, sizeof(whole), "%s", bed_log(b, "n-1-1", 1));
	assert_true(strlen(whole) > 10);
	buf_init(&out, 5);
	assert_int_equal(b->ops->log(b->engine, "n-1-1", 1, 4, &out, &size, NULL), 0);
	assert_int_equal(out.len, 5);
	assert_memory_equal(out.data, whole + 4, 5);
	assert_int_equal(size, strlen(whole));
	buf_reset(&out);
	assert_int_equal(b->ops->log(b->engine, "n-1-1", 1, 1 << 20, &out, &size, NULL), 0);
	assert_int_equal(out.len, 0);
	buf_done(&out);
}

static void an_engine_says_what_it_enforces(void **state)
{
	struct bed *b = bed_of(state);
	json_t *j = b->ops->describe(b->engine);

	assert_true(json_is_string(json_object_get(j, "cpu")));
	assert_true(json_is_string(json_object_get(j, "memory")));
	assert_true(json_is_string(json_object_get(j, "pids")));
	json_decref(j);
}

static void an_unknown_option_is_refused(void **state)
{
	struct bed *b = bed_of(state);
	struct err err;

	b->engine = b->ops->free(b->engine);
	assert_int_equal(bed_open_err(b, "'colour':'blue'", &err), ERR_E_INPUT);
	assert_string_equal(err.field, "colour");
	assert_null(b->engine);
}

static void freeing_while_runs_go_on_is_harmless(void **state)
{
	struct bed *b = bed_of(state);

	bed_run(b, "n-1-1", "sleep", "0.2");
	bed_run(b, "n-2-1", "true");
	b->engine = b->ops->free(b->engine);
	assert_null(b->ops->free(NULL));
	bed_turn(b, 500);
	assert_int_equal(b->n, 0);
}

/* ---- only the fake ---- */

static void reopen(struct bed *b, const char *options)
{
	b->engine = b->ops->free(b->engine);
	b->n = 0;
	bed_open(b, options);
}

static void a_fake_gang_runs_on_its_nodes(void **state)
{
	struct bed *b = bed_of(state);

	b->place.n = 2;
	bed_run(b, "n-1-1", "true");
	assert_int_equal(bed_end(b, "n-1-1")->ev.end, RUN_END_EXIT);
	assert_non_null(strstr(bed_log(b, "n-1-1", 1), "2 nodes"));
}

static void a_fake_forgets_at_a_restart(void **state)
{
	struct bed *b = bed_of(state);

	bed_run(b, "n-1-1", "true");
	bed_end(b, "n-1-1");
	reopen(b, "");
	assert_int_equal(b->ops->adopt(b->engine, "n-1-1", NULL), ENGINE_E_GONE);
}

static void a_fake_can_refuse(void **state)
{
	struct bed *b = bed_of(state);

	reopen(b, "'refuse_start':true");
	assert_int_equal(bed_start(b, "n-1-1", NULL), ENGINE_E_FULL);
}

static void a_fake_can_fail_and_lose(void **state)
{
	struct bed *b = bed_of(state);

	reopen(b, "'fail_per_mille':1000");
	bed_run(b, "n-1-1", "true");
	assert_int_equal(bed_end(b, "n-1-1")->ev.exit_code, 13);
	reopen(b, "'lose_per_mille':1000");
	bed_run(b, "n-1-1", "true");
	assert_int_equal(bed_end(b, "n-1-1")->ev.kind, ENGINE_EV_LOST);
}

static void a_fake_goes_down_loses_its_runs_and_comes_back(void **state)
{
	struct bed *b = bed_of(state);

	reopen(b, "'down_after_ms':50,'down_for_ms':50");
	bed_run(b, "n-1-1", "sleep", "30");
	assert_int_equal(bed_end(b, "n-1-1")->ev.kind, ENGINE_EV_LOST);
	assert_int_equal(bed_start(b, "n-2-1", NULL), ENGINE_E_FULL);
	bed_turn(b, 150);
	assert_int_equal(count(b, "", ENGINE_EV_POOL), 2);
	assert_int_equal(bed_start(b, "n-2-1", NULL), 0);
}

/* ---- only local: restart ---- */

static void a_new_instance_adopts_a_run_and_hears_its_end(void **state)
{
	struct bed *b = bed_of(state);

	bed_run(b, "n-1-1", "sh", "-c", "sleep 0.5; echo late; exit 4");
	bed_began(b, "n-1-1");
	reopen(b, "");
	assert_int_equal(b->ops->adopt(b->engine, "n-1-1", NULL), 0);
	bed_began(b, "n-1-1");
	assert_int_equal(bed_end(b, "n-1-1")->ev.exit_code, 4);
	assert_string_equal(bed_log(b, "n-1-1", 1), "late\n");
}

static void a_result_from_before_the_restart_is_not_lost(void **state)
{
	struct bed *b = bed_of(state);

	bed_run(b, "n-1-1", "sh", "-c", "exit 5");
	bed_end(b, "n-1-1");
	reopen(b, "");
	assert_int_equal(b->ops->adopt(b->engine, "n-1-1", NULL), 0);
	assert_int_equal(bed_end(b, "n-1-1")->ev.exit_code, 5);
}

static void a_start_after_a_restart_is_still_one_run(void **state)
{
	struct bed *b = bed_of(state);

	bed_sh(b, "n-1-1", "echo x >>../count; sleep 0.4");
	reopen(b, "");
	bed_sh(b, "n-1-1", "echo x >>../count; sleep 0.4");
	bed_end(b, "n-1-1");
	assert_string_equal(bed_get(b, "runs/n-1-1/count"), "x\n");
}

static void a_directory_that_was_never_started_can_be_started(void **state)
{
	struct bed *b = bed_of(state);
	char path[256];

	assert_int_equal(mkdir(bed_path(b, "runs/n-1-1", path), 0700), 0);
	assert_int_equal(b->ops->adopt(b->engine, "n-1-1", NULL), ENGINE_E_GONE);
	bed_run(b, "n-1-1", "true");
	assert_int_equal(bed_end(b, "n-1-1")->ev.end, RUN_END_EXIT);
}

/* A power cut may leave the file of an end that was not synced yet without its text, and the text
 * of `started` with it. */
static void an_end_that_a_power_cut_emptied_is_lost_and_not_believed(void **state)
{
	struct bed *b = bed_of(state);
	char path[256];
	const struct bed_event *e;

	bed_run(b, "n-1-1", "true");
	bed_end(b, "n-1-1");
	assert_int_equal(truncate(bed_path(b, "runs/n-1-1/exit.json", path), 0), 0);
	assert_int_equal(truncate(bed_path(b, "runs/n-1-1/started", path), 0), 0);
	reopen(b, "");
	assert_int_equal(b->ops->adopt(b->engine, "n-1-1", NULL), 0);
	e = bed_end(b, "n-1-1");
	assert_int_equal(e->ev.kind, ENGINE_EV_LOST);
	assert_non_null(strstr(e->text, "damaged"));
}

static void a_run_whose_end_a_power_cut_took_is_lost_and_not_started_again(void **state)
{
	struct bed *b = bed_of(state);
	char path[256];

	bed_run(b, "n-1-1", "true");
	bed_end(b, "n-1-1");
	assert_int_equal(unlink(bed_path(b, "runs/n-1-1/exit.json", path)), 0);
	reopen(b, "");
	assert_int_equal(b->ops->adopt(b->engine, "n-1-1", NULL), 0);
	assert_int_equal(bed_end(b, "n-1-1")->ev.kind, ENGINE_EV_LOST);
}

static pid_t holder(struct bed *b, const char *id)
{
	int fd = open(b->dir, O_RDONLY | O_DIRECTORY);
	pid_t pid;

	run_dir_look(fd, id, &pid);
	close(fd);
	return pid;
}

static void kill_the_shim(struct bed *b, const char *limits, bool adopted)
{
	const struct bed_event *e;

	reopen(b, limits);
	bed_sh(b, "n-1-1", "setsid sleep 7331 & sleep 7332 & sleep 7333");
	bed_began(b, "n-1-1");
	bed_turn(b, 200);
	assert_true(bed_alive("sleep 7331"));
	if (adopted) {
		reopen(b, limits);
		assert_int_equal(b->ops->adopt(b->engine, "n-1-1", NULL), 0);
	}
	assert_true(holder(b, "n-1-1") > 1);
	kill(holder(b, "n-1-1"), SIGKILL);
	e = bed_end(b, "n-1-1");
	assert_int_equal(e->ev.kind, ENGINE_EV_LOST);
	assert_false(bed_alive("sleep 733"));
}

static void a_killed_shim_means_lost_and_nothing_lives_on(void **state)
{
	kill_the_shim(bed_of(state), "", false);
}

static void the_same_for_an_adopted_run(void **state)
{
	kill_the_shim(bed_of(state), "", true);
}

static void the_same_without_control_groups(void **state)
{
	kill_the_shim(bed_of(state), "'limits':'rlimit'", false);
}

/* How a run ends under a shim of a few lines of shell. */
static const struct bed_event *end_with_shim(struct bed *b, const char *lines)
{
	char path[256], option[300];
	FILE *f = fopen(bed_path(b, "shim", path), "w");

	assert_non_null(f);
	fprintf(f, "#!/bin/sh\n%s\n", lines);
	fclose(f);
	assert_int_equal(chmod(path, 0700), 0);
	snprintf(option, sizeof(option), "'shim':'%s'", path);
	reopen(b, option);
	bed_sh(b, "n-1-1", "true");
	return bed_end(b, "n-1-1");
}

static void a_shim_killed_before_it_began_means_lost_and_not_failed(void **state)
{
	assert_int_equal(end_with_shim(bed_of(state), "kill -KILL $$")->ev.kind, ENGINE_EV_LOST);
}

static void a_shim_that_cannot_begin_fails_the_run(void **state)
{
	const struct bed_event *e = end_with_shim(bed_of(state), "exit 2");

	assert_int_equal(e->ev.kind, ENGINE_EV_ENDED);
	assert_int_equal(e->ev.end, RUN_END_NOT_STARTED);
}

static void a_shim_killed_while_we_were_away_means_lost(void **state)
{
	struct bed *b = bed_of(state);
	pid_t pid;

	bed_sh(b, "n-1-1", "sleep 7341 & sleep 7342");
	bed_began(b, "n-1-1");
	pid = holder(b, "n-1-1");
	b->engine = b->ops->free(b->engine);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	b->n = 0;
	bed_open(b, "");
	assert_int_equal(b->ops->adopt(b->engine, "n-1-1", NULL), 0);
	assert_int_equal(bed_end(b, "n-1-1")->ev.kind, ENGINE_EV_LOST);
	assert_false(bed_alive("sleep 734"));
}

/* ---- only local: limits ---- */

static void a_command_that_ignores_term_is_killed_at_its_walltime(void **state)
{
	struct bed *b = bed_of(state);
	const struct bed_event *e;

	reopen(b, "'grace_s':1");
	b->spec.walltime_s = 1;
	bed_sh(b, "n-1-1", "trap '' TERM; while :; do sleep 0.1; done");
	e = bed_end(b, "n-1-1");
	assert_int_equal(e->ev.end, RUN_END_WALLTIME);
	assert_int_equal(e->ev.exit_code, 128 + SIGKILL);
	assert_true(e->ev.usage.run_ms >= 2000 && e->ev.usage.run_ms < 6000);
}

static void a_command_that_hears_term_may_end_in_order(void **state)
{
	struct bed *b = bed_of(state);

	b->spec.walltime_s = 2;          /* its trap is set by then, also on a busy machine */
	bed_sh(b, "n-1-1", "trap 'echo bye; exit 9' TERM; while :; do sleep 0.1; done");
	assert_int_equal(bed_end(b, "n-1-1")->ev.end, RUN_END_WALLTIME);
	assert_string_equal(bed_log(b, "n-1-1", 1), "bye\n");
}

static bool enforced_by_cgroup(struct bed *b, const char *what)
{
	json_t *j = b->ops->describe(b->engine);
	const char *by = json_string_value(json_object_get(j, what));
	bool yes = strncmp(by, "cgroup", 6) == 0;

	json_decref(j);
	if (!yes) {
		print_message("%s is not limited by a control group here\n", what);
		skip();
	}
	return yes;
}

static void a_command_that_takes_too_much_memory_ends_with_memory(void **state)
{
	struct bed *b = bed_of(state);
	const struct bed_event *e;

	enforced_by_cgroup(b, "memory");
	b->place.memory_mb = 16;
	bed_sh(b, "n-1-1", "tail -c 200000000 /dev/zero | wc -c; tail /dev/zero");
	e = bed_end(b, "n-1-1");
	assert_int_equal(e->ev.end, RUN_END_MEMORY);
	assert_true(e->ev.usage.memory_peak_mb >= 8 && e->ev.usage.memory_peak_mb <= 16);
}

static void memory_is_limited_by_rlimit_too(void **state)
{
	struct bed *b = bed_of(state);

	reopen(b, "'limits':'rlimit'");
	b->place.memory_mb = 64;
	bed_sh(b, "n-1-1", "exec tail /dev/zero 2>/dev/null");
	assert_int_not_equal(bed_end(b, "n-1-1")->ev.exit_code, 0);
}

static void a_fork_bomb_stays_within_its_number_of_processes(void **state)
{
	struct bed *b = bed_of(state);

	enforced_by_cgroup(b, "pids");
	reopen(b, "'pids_max':16");
	bed_sh(b, "n-1-1", "for i in $(seq 40); do sleep 5 & done; echo all; exit 0");
	bed_end(b, "n-1-1");
	assert_non_null(strstr(bed_log(b, "n-1-1", 2), "fork"));
}

static void the_share_of_cpu_is_limited(void **state)
{
	struct bed *b = bed_of(state);
	const struct bed_event *e;

	enforced_by_cgroup(b, "cpu");
	b->place.cpu_milli = 200;
	b->spec.walltime_s = 2;
	bed_sh(b, "n-1-1", "while :; do :; done");
	e = bed_end(b, "n-1-1");
	assert_true(e->ev.usage.cpu_ms > 200 && e->ev.usage.cpu_ms < 900);
}

static void output_beyond_the_limit_is_dropped_and_counted(void **state)
{
	struct bed *b = bed_of(state);
	const struct bed_event *e;

	reopen(b, "'output_max_mb':1");
	bed_sh(b, "n-1-1", "head -c 3000000 /dev/zero; echo err >&2");
	e = bed_end(b, "n-1-1");
	assert_int_equal(e->ev.exit_code, 0);
	assert_int_equal(e->ev.usage.out_bytes, (1 << 20) + 4);
	assert_int_equal(e->ev.usage.out_dropped, 3000000 - (1 << 20));
}

static void what_a_command_leaves_behind_ends_with_it(void **state)
{
	struct bed *b = bed_of(state);
	const struct bed_event *e;

	bed_sh(b, "n-1-1", "(trap '' TERM HUP; setsid sleep 7351) & sleep 7352 & exit 0");
	e = bed_end(b, "n-1-1");
	assert_int_equal(e->ev.exit_code, 0);
	assert_false(bed_alive("sleep 735"));
}

static void also_without_control_groups(void **state)
{
	reopen(bed_of(state), "'limits':'rlimit'");
	what_a_command_leaves_behind_ends_with_it(state);
}

static void a_command_killed_by_a_signal_says_so(void **state)
{
	struct bed *b = bed_of(state);
	const struct bed_event *e;

	bed_sh(b, "n-1-1", "kill -SEGV $$");
	e = bed_end(b, "n-1-1");
	assert_int_equal(e->ev.end, RUN_END_SIGNAL);
	assert_int_equal(e->ev.exit_code, 128 + SIGSEGV);
}

static void a_command_that_does_not_exist_is_127(void **state)
{
	struct bed *b = bed_of(state);

	bed_run(b, "n-1-1", "suanlu-no-such-command");
	assert_int_equal(bed_end(b, "n-1-1")->ev.exit_code, 127);
	assert_non_null(strstr(bed_log(b, "n-1-1", 2), "suanlu-no-such-command"));
}

static void the_time_of_a_daemon_that_is_root_can_be_lent_to_a_user(void **state)
{
	struct bed *b = bed_of(state);

	if (geteuid() != 0) {
		print_message("only root can run tasks as another user\n");
		skip();
	}
	reopen(b, "'user':'nobody'");
	bed_sh(b, "n-1-1", "id -un; touch mine; touch ../exit.json; rm -f ../started");
	assert_int_equal(bed_end(b, "n-1-1")->ev.kind, ENGINE_EV_ENDED);
	assert_string_equal(bed_log(b, "n-1-1", 1), "nobody\n");
	assert_non_null(bed_get(b, "runs/n-1-1/started"));
	assert_non_null(bed_get(b, "runs/n-1-1/work/mine"));
}

static void an_unknown_user_is_an_error_of_the_configuration(void **state)
{
	struct bed *b = bed_of(state);
	struct err err;

	b->engine = b->ops->free(b->engine);
	assert_int_equal(bed_open_err(b, "'user':'suanlu-nobody-here'", &err), ERR_E_INPUT);
	assert_string_equal(err.field, "user");
}

static void control_groups_that_are_not_there_cannot_be_demanded(void **state)
{
	struct bed *b = bed_of(state);
	struct err err;

	b->engine = b->ops->free(b->engine);
	assert_int_equal(bed_open_err(b, "'limits':'cgroup','cgroup_root':'/nonexistent'", &err),
			 ERR_E_INPUT);
	assert_string_equal(err.field, "limits");
}

static void a_shim_that_is_not_there_is_an_error_of_the_configuration(void **state)
{
	struct bed *b = bed_of(state);
	const struct engine_host host = { .arg = b, .event = bed_hear };
	json_t *j = json_pack("{s:s}", "shim", "/nonexistent/shim");
	struct err err;

	b->engine = b->ops->free(b->engine);
	assert_int_equal(b->ops->open(&b->loop, &b->pool, j, b->dir, &host, &b->engine, &err),
			 ERR_E_INPUT);
	assert_string_equal(err.field, "shim");
	json_decref(j);
}

static void a_gang_is_not_for_one_machine(void **state)
{
	struct bed *b = bed_of(state);
	const struct bed_event *e;

	b->place.n = 2;
	bed_run(b, "n-1-1", "true");
	e = bed_end(b, "n-1-1");
	assert_int_equal(e->ev.end, RUN_END_NOT_STARTED);
	assert_non_null(strstr(e->text, "one node"));
}

static void a_run_id_cannot_leave_the_directory(void **state)
{
	struct bed *b = bed_of(state);

	assert_true(bed_start(b, "../x", NULL) < 0);
	assert_int_equal(b->ops->adopt(b->engine, "../x", NULL), ENGINE_E_GONE);
}

static void a_settled_run_goes_after_its_time(void **state)
{
	struct bed *b = bed_of(state);
	uint64_t size;
	struct buf out;

	reopen(b, "'keep_runs_s':0");
	bed_sh(b, "n-1-1", "mkdir -p a/b/c; touch a/b/c/d; chmod 0 a/b; echo here");
	bed_end(b, "n-1-1");
	b->ops->settle(b->engine, "n-1-1");
	assert_string_equal(bed_log(b, "n-1-1", 1), "here\n");
	bed_turn(b, 1500);
	buf_init(&out, 100);
	assert_int_equal(b->ops->log(b->engine, "n-1-1", 1, 0, &out, &size, NULL), ENGINE_E_GONE);
	buf_done(&out);
	assert_null(bed_get(b, "runs/n-1-1/job.sh"));
}

/* ---- only local: inputs and outputs ---- */

static void with_io(struct bed *b, struct task_input *in, struct task_output *out)
{
	b->spec.ninputs = in ? 1 : 0;
	b->spec.inputs = in;
	b->spec.noutputs = out ? 1 : 0;
	b->spec.outputs = out;
	b->roots[0] = b->top;
}

static char *url_of(const struct bed *b, const char *name, char out[300])
{
	snprintf(out, 300, "file://%s/%s", b->top, name);
	return out;
}

static void files_come_and_go(void **state)
{
	struct bed *b = bed_of(state);
	char from[300], to[300];
	struct task_input in = { .url = url_of(b, "in%20put", from), .path = "data/in" };
	struct task_output out = { .url = url_of(b, "made/here/out", to), .path = "res/out" };

	bed_put(b, "in put", "hello\n");
	with_io(b, &in, &out);
	bed_sh(b, "n-1-1", "mkdir res; tr a-z A-Z <data/in >res/out");
	assert_int_equal(bed_end(b, "n-1-1")->ev.exit_code, 0);
	assert_string_equal(bed_log(b, "n-1-1", 2), "");
	assert_string_equal(bed_get(b, "made/here/out"), "HELLO\n");
}

static void expect_failure(struct bed *b, enum run_phase phase, const char *words)
{
	const struct bed_event *e;

	bed_sh(b, "n-1-1", "echo ran; echo x >out");
	e = bed_end(b, "n-1-1");
	assert_int_equal(e->ev.end, RUN_END_EXIT);
	assert_int_not_equal(e->ev.exit_code, 0);
	assert_int_equal(e->ev.phase, phase);
	if (!strstr(bed_log(b, "n-1-1", 2), words))
		fail_msg("\"%s\" is not in: %s", words, bed_log(b, "n-1-1", 2));
	if (phase == PHASE_INPUT)
		assert_string_equal(bed_log(b, "n-1-1", 1), "");
}

static void a_missing_input_fails_in_phase_input(void **state)
{
	struct bed *b = bed_of(state);
	char url[300];
	struct task_input in = { .url = url_of(b, "not-there", url), .path = "in" };

	with_io(b, &in, NULL);
	expect_failure(b, PHASE_INPUT, "suanlu: input 1 of 1 could not be fetched: file:///");
}

static void an_input_outside_the_roots_is_refused(void **state)
{
	struct bed *b = bed_of(state);
	struct task_input in = { .url = "file:///etc/passwd", .path = "in" };

	with_io(b, &in, NULL);
	expect_failure(b, PHASE_INPUT, "not below a directory this pool may read");
}

static void an_input_outside_the_roots_is_refused_through_a_link(void **state)
{
	struct bed *b = bed_of(state);
	char url[300], path[256];
	struct task_input in = { .url = url_of(b, "link/passwd", url), .path = "in" };

	assert_int_equal(symlink("/etc", bed_path(b, "link", path)), 0);
	with_io(b, &in, NULL);
	expect_failure(b, PHASE_INPUT, "not below a directory this pool may read");
}

static void an_input_cannot_climb_out_of_the_roots(void **state)
{
	struct bed *b = bed_of(state);
	char url[300];
	struct task_input in = { .url = url_of(b, "%2e%2e/../etc/passwd", url), .path = "in" };

	with_io(b, &in, NULL);
	expect_failure(b, PHASE_INPUT, "not below a directory this pool may read");
}

static void an_output_outside_the_roots_is_refused_through_a_link(void **state)
{
	struct bed *b = bed_of(state);
	char url[300], path[256], other[] = "/tmp/suanlu-other-XXXXXX";
	struct task_output out = { .url = url_of(b, "link/new/file", url), .path = "out" };

	assert_non_null(mkdtemp(other));
	assert_int_equal(symlink(other, bed_path(b, "link", path)), 0);
	with_io(b, NULL, &out);
	expect_failure(b, PHASE_OUTPUT, "not below a directory this pool may write");
	assert_int_equal(rmdir(other), 0);      /* nothing was made in it */
}

static void a_missing_output_is_named(void **state)
{
	struct bed *b = bed_of(state);
	char url[300];
	struct task_output out = { .url = url_of(b, "o", url), .path = "res/not made" };

	with_io(b, NULL, &out);
	expect_failure(b, PHASE_OUTPUT, "the command did not make res/not made");
}

static void a_web_server_that_is_not_there_is_a_failed_input(void **state)
{
	struct bed *b = bed_of(state);
	struct task_input in = { .url = "http://u:pw@127.0.0.1:1/x?signature=secret", .path = "in" };
	const char *log;

	with_io(b, &in, NULL);
	expect_failure(b, PHASE_INPUT, "http://127.0.0.1:1/x: curl ended with 7");
	log = bed_log(b, "n-1-1", 2);
	assert_null(strstr(log, "secret"));
	assert_null(strstr(log, "pw"));
}

static void a_failed_command_stores_no_output(void **state)
{
	struct bed *b = bed_of(state);
	char url[300];
	struct task_output out = { .url = url_of(b, "o", url), .path = "out" };

	with_io(b, NULL, &out);
	bed_sh(b, "n-1-1", "echo x >out; exit 6");
	assert_int_equal(bed_end(b, "n-1-1")->ev.exit_code, 6);
	assert_int_equal(bed_end(b, "n-1-1")->ev.phase, PHASE_COMMAND);
	assert_null(bed_get(b, "o"));
}

static void a_stopped_command_with_outputs_has_its_grace_and_stores_nothing(void **state)
{
	struct bed *b = bed_of(state);
	char url[300];
	struct task_output out = { .url = url_of(b, "o", url), .path = "out" };

	with_io(b, NULL, &out);
	bed_sh(b, "n-1-1", "trap 'sleep 0.3; echo bye; exit 0' TERM; echo x >out; echo on; "
	       "while :; do sleep 0.05; done");
	bed_began(b, "n-1-1");
	bed_turn(b, 300);
	assert_int_equal(b->ops->stop(b->engine, "n-1-1", 5000, NULL), 0);
	assert_int_equal(bed_end(b, "n-1-1")->ev.end, RUN_END_STOPPED);
	assert_string_equal(bed_log(b, "n-1-1", 1), "on\nbye\n");
	assert_null(bed_get(b, "o"));
}

static void hostile_words_arrive_as_they_are(void **state)
{
	struct bed *b = bed_of(state);
	static const char *const env[] = { "EVIL", "'; touch ../../evil; '\n$(id)`id`\\" };

	b->spec.nenv = 1;
	b->spec.env = env;
	bed_run(b, "n-1-1", "printf", "%s|", "'", "a'b''c", "$(touch ../../evil)", "`id`", "\n\n",
		"\\", "\"", "-n", "--", "*", "~", "", "é\xff", "$EVIL");
	assert_int_equal(bed_end(b, "n-1-1")->ev.exit_code, 0);
	assert_string_equal(bed_log(b, "n-1-1", 1),
			    "'|a'b''c|$(touch ../../evil)|`id`|\n\n|\\|\"|-n|--|*|~||é\xff|$EVIL|");
	bed_run(b, "n-2-1", "printenv", "EVIL");
	bed_end(b, "n-2-1");
	assert_string_equal(bed_log(b, "n-2-1", 1), "'; touch ../../evil; '\n$(id)`id`\\\n");
	assert_null(bed_get(b, "runs/evil"));
	assert_null(bed_get(b, "evil"));
}

static void a_script_sees_its_place_in_the_array(void **state)
{
	struct bed *b = bed_of(state);
	static const uint32_t array[] = { 3, 5 };
	char from[300], to[300];
	struct task_input in = { .url = url_of(b, "in-{index}", from), .path = "f{index}" };
	struct task_output out = { .url = url_of(b, "out-{index}", to), .path = "o{index}" };

	bed_put(b, "in-5", "five");
	with_io(b, &in, &out);
	b->spec.array = array;
	b->spec.array_n = 2;
	b->index = 5;
	b->spec.script = "echo $SUANLU_RUN $SUANLU_TASK $SUANLU_CPUS >&2\n"
			 "cat f$SUANLU_ARRAY_INDEX >o5\n";
	assert_int_equal(bed_start(b, "n-1-1", NULL), 0);
	assert_int_equal(bed_end(b, "n-1-1")->ev.exit_code, 0);
	assert_string_equal(bed_log(b, "n-1-1", 2), "n-1-1 7 1\n");
	assert_string_equal(bed_get(b, "out-5"), "five");
}

static void a_name_that_is_no_variable_ends_the_run_before_it_begins(void **state)
{
	struct bed *b = bed_of(state);
	static const char *const env[] = { "A=$(id); B", "x" };
	const struct bed_event *e;

	b->spec.nenv = 1;
	b->spec.env = env;
	bed_run(b, "n-1-1", "true");
	e = bed_end(b, "n-1-1");
	assert_int_equal(e->ev.end, RUN_END_NOT_STARTED);
}

#define FAKE(fn) { #fn " (fake)", fn, set_up_fake, tear_down, NULL }
#define LOCAL(fn) { #fn " (local)", fn, set_up_local, tear_down, NULL }
#define SLURM(fn) { #fn " (slurm)", fn, set_up_slurm, tear_down_slurm, NULL }
#define ALL(fn) FAKE(fn), LOCAL(fn), SLURM(fn)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALL(a_command_runs_and_its_end_is_reported),
		ALL(nothing_is_reported_from_within_a_call),
		ALL(a_failing_command_reports_its_code),
		ALL(started_comes_before_ended_and_once),
		ALL(starting_twice_is_one_run),
		ALL(starting_a_run_that_is_over_repeats_its_end),
		ALL(an_unknown_run_cannot_be_adopted),
		ALL(an_unknown_run_cannot_be_stopped),
		ALL(an_unknown_run_has_no_log),
		ALL(stop_ends_with_stopped),
		ALL(a_stop_right_after_the_start_ends_with_stopped),
		ALL(a_stop_after_the_end_repeats_the_end),
		ALL(many_runs_at_once_all_end),
		ALL(a_log_can_be_read_from_an_offset_and_after_the_end),
		ALL(an_engine_says_what_it_enforces),
		ALL(an_unknown_option_is_refused),
		ALL(freeing_while_runs_go_on_is_harmless),
		FAKE(a_fake_gang_runs_on_its_nodes),
		FAKE(a_fake_forgets_at_a_restart),
		FAKE(a_fake_can_refuse),
		FAKE(a_fake_can_fail_and_lose),
		FAKE(a_fake_goes_down_loses_its_runs_and_comes_back),
		LOCAL(a_new_instance_adopts_a_run_and_hears_its_end),
		LOCAL(a_result_from_before_the_restart_is_not_lost),
		LOCAL(a_start_after_a_restart_is_still_one_run),
		LOCAL(a_directory_that_was_never_started_can_be_started),
		LOCAL(an_end_that_a_power_cut_emptied_is_lost_and_not_believed),
		LOCAL(a_run_whose_end_a_power_cut_took_is_lost_and_not_started_again),
		LOCAL(a_killed_shim_means_lost_and_nothing_lives_on),
		LOCAL(a_shim_killed_before_it_began_means_lost_and_not_failed),
		LOCAL(a_shim_that_cannot_begin_fails_the_run),
		LOCAL(the_same_for_an_adopted_run),
		LOCAL(the_same_without_control_groups),
		LOCAL(a_shim_killed_while_we_were_away_means_lost),
		LOCAL(a_command_that_ignores_term_is_killed_at_its_walltime),
		LOCAL(a_command_that_hears_term_may_end_in_order),
		LOCAL(a_command_that_takes_too_much_memory_ends_with_memory),
		LOCAL(memory_is_limited_by_rlimit_too),
		LOCAL(a_fork_bomb_stays_within_its_number_of_processes),
		LOCAL(the_share_of_cpu_is_limited),
		LOCAL(output_beyond_the_limit_is_dropped_and_counted),
		LOCAL(what_a_command_leaves_behind_ends_with_it),
		LOCAL(also_without_control_groups),
		LOCAL(a_command_killed_by_a_signal_says_so),
		LOCAL(a_command_that_does_not_exist_is_127),
		LOCAL(the_time_of_a_daemon_that_is_root_can_be_lent_to_a_user),
		LOCAL(an_unknown_user_is_an_error_of_the_configuration),
		LOCAL(control_groups_that_are_not_there_cannot_be_demanded),
		LOCAL(a_shim_that_is_not_there_is_an_error_of_the_configuration),
		LOCAL(a_gang_is_not_for_one_machine),
		LOCAL(a_run_id_cannot_leave_the_directory),
		LOCAL(a_settled_run_goes_after_its_time),
		LOCAL(files_come_and_go),
		LOCAL(a_missing_input_fails_in_phase_input),
		LOCAL(an_input_outside_the_roots_is_refused),
		LOCAL(an_input_outside_the_roots_is_refused_through_a_link),
		LOCAL(an_input_cannot_climb_out_of_the_roots),
		LOCAL(an_output_outside_the_roots_is_refused_through_a_link),
		LOCAL(a_missing_output_is_named),
		LOCAL(a_web_server_that_is_not_there_is_a_failed_input),
		LOCAL(a_failed_command_stores_no_output),
		LOCAL(a_stopped_command_with_outputs_has_its_grace_and_stores_nothing),
		LOCAL(hostile_words_arrive_as_they_are),
		LOCAL(a_script_sees_its_place_in_the_array),
		LOCAL(a_name_that_is_no_variable_ends_the_run_before_it_begins),
	};

	return cmocka_run_group_tests_name("engine", tests, rig_up, rig_down);
}
