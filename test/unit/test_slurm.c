/* test_slurm.c - jobs, nodes and errors of every version of slurmrestd, on replies of our own
 * making in the shapes of its published OpenAPI documents; what only a real cluster can show is in
 * test/sys/test_slurm.py */

#include "../lib/domain.h"

#include "base/mem.h"
#include "engine/slurm_api.h"
#include "engine/slurm_conf.h"
#include "engine/slurm_job.h"
#include "engine/slurm_node.h"
#include "engine/slurm_script.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- versions ---- */

static unsigned chosen(const char *text)
{
	const struct slurm_api *a = slurm_api_choose(text, strlen(text), NULL);

	return a ? a->no : 0;
}

static void the_newest_version_that_both_know_is_chosen(void **state)
{
	unsigned offered;
	const char *future = "\"/slurm/v0.0.41/ping\" \"/slurm/v0.0.99/ping\"";

	assert_int_equal(chosen("{\"paths\":{\"\\/slurm\\/v0.0.37\\/ping\":{},"
				"\"\\/slurm\\/v0.0.38\\/ping\":{}}}"), 38);
	assert_int_equal(chosen("\"/slurm/v0.0.43/jobs\" \"/slurm/v0.0.40/jobs\""), 43);
	assert_int_equal(slurm_api_choose(future, strlen(future), &offered)->no, 41);
	assert_int_equal(offered, 99);
}

static void a_server_that_speaks_nothing_known_is_refused(void **state)
{
	assert_int_equal(chosen("\"/slurm/v0.0.35/ping\""), 0);
	assert_int_equal(chosen("\"/slurmdb/v0.0.38/jobs\""), 0);
	assert_int_equal(chosen("\"/other/v0.0.38/\" v0.0."), 0);
	assert_int_equal(chosen(""), 0);
	for (unsigned no = SLURM_API_OLDEST; no <= SLURM_API_NEWEST; no++)
		assert_non_null(slurm_api_find(no));
	assert_null(slurm_api_find(SLURM_API_OLDEST - 1));
	assert_null(slurm_api_find(SLURM_API_NEWEST + 1));
}

static bool number(const char *text, int64_t *ret)
{
	json_t *v = json_of(text);
	bool yes = slurm_num(json_object_get(v, "n"), ret);

	json_decref(v);
	return yes;
}

static void a_number_is_read_in_every_shape(void **state)
{
	int64_t n = 0;

	assert_true(number("{'n':5}", &n) && n == 5);
	assert_true(number("{'n':'6'}", &n) && n == 6);
	assert_true(number("{'n':{'set':true,'infinite':false,'number':7}}", &n) && n == 7);
	assert_true(number("{'n':{'number':8}}", &n) && n == 8);
	assert_false(number("{'n':{'set':false,'infinite':false,'number':9}}", &n));
	assert_false(number("{'n':{'set':true,'infinite':true,'number':9}}", &n));
	assert_false(number("{'n':null}", &n));
	assert_false(number("{'n':'x'}", &n));
	assert_false(number("{}", &n));
	assert_int_equal(n, 8);
}

/* ---- jobs ---- */

struct judged {
	struct slurm_job j;
	struct engine_event ev;
	enum slurm_verdict v;
	char text[200];
};

static struct judged judge(const char *text, bool stopping)
{
	json_t *v = json_of(text);
	struct judged r = { 0 };

	assert_true(slurm_job_decode(v, &r.j));
	r.v = slurm_job_verdict(&r.j, stopping, &r.ev, r.text, sizeof(r.text));
	json_decref(v);
	return r;
}

/* The same job, as three generations of the interface tell it. */
static void a_finished_job_reads_the_same_in_every_version(void **state)
{
	static const char *const jobs[] = {
		"{'job_id':7,'comment':'suanlu:n1-2-1','job_state':'FAILED','exit_code':768,"
		"'submit_time':100,'start_time':110,'end_time':115,'restart_cnt':0,'cpus':4,"
		"'node_count':1,'memory_per_node':500,'time_limit':5,'nodes':'a1',"
		"'gres_detail':['gpu:x:2(IDX:0-1)']}",
		"{'job_id':7,'comment':'suanlu:n1-2-1','job_state':'FAILED',"
		"'exit_code':{'status':'ERROR','return_code':3,'signal':{'signal_id':0,'name':''}},"
		"'submit_time':100,'start_time':110,'end_time':115,'restart_cnt':0,"
		"'cpus':{'set':true,'infinite':false,'number':4},"
		"'node_count':{'set':true,'infinite':false,'number':1},"
		"'memory_per_node':{'set':true,'infinite':false,'number':500},"
		"'time_limit':{'set':true,'infinite':false,'number':5},'nodes':'a1',"
		"'gres_detail':['gpu:x:2(IDX:0-1)']}",
		"{'job_id':7,'comment':'suanlu:n1-2-1','job_state':['FAILED'],"
		"'exit_code':{'status':['ERROR'],'return_code':{'set':true,'infinite':false,'number':3},"
		"'signal':{'id':{'set':false,'infinite':false,'number':0},'name':''}},"
		"'submit_time':{'set':true,'infinite':false,'number':100},"
		"'start_time':{'set':true,'infinite':false,'number':110},"
		"'end_time':{'set':true,'infinite':false,'number':115},'restart_cnt':0,"
		"'cpus':{'set':true,'infinite':false,'number':4},"
		"'node_count':{'set':true,'infinite':false,'number':1},"
		"'memory_per_node':{'set':true,'infinite':false,'number':500},"
		"'time_limit':{'set':true,'infinite':false,'number':5},'nodes':'a1',"
		"'gres_detail':[],'tres_per_node':'gres/gpu:x:2'}",
	};

	for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
		struct judged r = judge(jobs[i], false);

		assert_string_equal(r.j.run_id, "n1-2-1");
		assert_int_equal(r.j.id, 7);
		assert_int_equal(r.j.cpus, 4);
		assert_int_equal(r.j.memory_mb, 500);
		assert_int_equal(r.j.devices, 2);
		assert_int_equal(r.j.limit_s, 300);
		assert_int_equal(r.v, SLURM_ENDED);
		assert_int_equal(r.ev.kind, ENGINE_EV_ENDED);
		assert_int_equal(r.ev.end, RUN_END_EXIT);
		assert_int_equal(r.ev.exit_code, 3);
		assert_int_equal(r.ev.usage.run_ms, 5000);
		assert_int_equal(r.ev.at_ms, 115000);
	}
}

/* A state and an exit code, in the old shape and in the new one. */
static struct judged by_state(const char *state, int status, const char *more)
{
	char text[500];

	snprintf(text, sizeof(text), "{'job_id':1,'job_state':%s,'exit_code':%d,'start_time':5,"
		 "'end_time':9,'nodes':'a1'%s%s}", state, status, *more ? "," : "", more);
	return judge(text, false);
}

static void success_is_completed_and_nothing_else(void **state)
{
	struct judged r = by_state("'COMPLETED'", 0, "");

	assert_int_equal(r.v, SLURM_ENDED);
	assert_int_equal(r.ev.end, RUN_END_EXIT);
	assert_int_equal(r.ev.exit_code, 0);
}

/* The trap: the exit code of a job whose node failed is 0. */
static void exit_code_0_of_a_failed_node_is_no_success(void **state)
{
	struct judged r = by_state("['NODE_FAIL']", 0, "");

	assert_int_equal(r.v, SLURM_LOST);
	assert_int_equal(r.ev.kind, ENGINE_EV_LOST);
	assert_non_null(strstr(r.text, "a1"));
	assert_non_null(strstr(r.text, "failed"));
	assert_int_equal(by_state("'CANCELLED'", 0, "").ev.end, RUN_END_STOPPED);
	assert_int_equal(by_state("'BOOT_FAIL'", 0, "").v, SLURM_LOST);
}

static void a_signal_and_a_segmentation_fault_are_told(void **state)
{
	struct judged kill = by_state("'FAILED'", 9, "'state_reason':'JobLaunchFailure'");
	struct judged segv = by_state("'FAILED'", 139 << 8, "");
	struct judged news = judge("{'job_id':1,'job_state':['FAILED'],'exit_code':{'status':"
		"['SIGNALED'],'return_code':{'set':false,'infinite':false,'number':0},'signal':{'id':"
		"{'set':true,'infinite':false,'number':9},'name':'Killed'}}}", false);

	assert_int_equal(kill.ev.end, RUN_END_SIGNAL);
	assert_int_equal(kill.ev.exit_code, 137);
	assert_int_equal(segv.ev.end, RUN_END_SIGNAL);
	assert_int_equal(segv.ev.exit_code, 139);
	assert_int_equal(news.ev.end, RUN_END_SIGNAL);
	assert_int_equal(news.ev.exit_code, 137);
}

static void a_job_that_could_not_be_set_up_was_not_started(void **state)
{
	assert_int_equal(by_state("'FAILED'", 4021, "'state_reason':'JobLaunchFailure'").ev.end,
			 RUN_END_NOT_STARTED);
	assert_int_equal(by_state("'FAILED'", 0, "'state_reason':'BadConstraints'").ev.end,
			 RUN_END_NOT_STARTED);
}

static void the_limits_of_time_and_memory_have_their_ends(void **state)
{
	assert_int_equal(by_state("'TIMEOUT'", 0, "").ev.end, RUN_END_WALLTIME);
	assert_int_equal(by_state("'DEADLINE'", 0, "").ev.end, RUN_END_WALLTIME);
	assert_int_equal(by_state("'OUT_OF_MEMORY'", 32256, "").ev.end, RUN_END_MEMORY);
	assert_int_equal(by_state("['OUT_OF_MEMORY']", 32256, "").ev.end, RUN_END_MEMORY);
}

static void a_preempted_job_is_lost_and_says_why(void **state)
{
	struct judged r = by_state("['PREEMPTED']", 0, "");

	assert_int_equal(r.v, SLURM_LOST);
	assert_non_null(strstr(r.text, "preempted"));
}

/* Its twin runs on another cluster of the federation, where we cannot see it. */
static void a_revoked_job_is_lost_and_says_so(void **state)
{
	static const char *const shapes[] = { "'REVOKED'", "['REVOKED']" };

	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		struct judged r = by_state(shapes[i], 0, "");

		assert_int_equal(r.v, SLURM_LOST);
		assert_int_equal(r.ev.kind, ENGINE_EV_LOST);
		assert_non_null(strstr(r.text, "REVOKED"));
	}
}

static void a_job_that_is_being_ended_is_not_over(void **state)
{
	assert_int_equal(by_state("'COMPLETING'", 0, "").v, SLURM_RUNS);
	assert_int_equal(by_state("['COMPLETED','COMPLETING']", 0, "").v, SLURM_RUNS);
	assert_int_equal(by_state("'SUSPENDED'", 0, "").v, SLURM_RUNS);
	assert_int_equal(by_state("['RUNNING','CONFIGURING']", 0, "").v, SLURM_WAITS);
}

static void a_waiting_job_waits(void **state)
{
	static const char *const reasons[] = { "None", "Priority", "Resources", "BeginTime",
					       "Dependency", "QOSMaxJobsPerUserLimit" };
	char more[80];

	for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
		snprintf(more, sizeof(more), "'state_reason':'%s'", reasons[i]);
		assert_int_equal(by_state("'PENDING'", 0, more).v, SLURM_WAITS);
	}
	assert_int_equal(by_state("'SOMETHING_NEW'", 0, "").v, SLURM_WAITS);
}

static void a_job_that_can_never_start_is_ended(void **state)
{
	static const char *const reasons[] = { "PartitionConfig", "PartitionNodeLimit",
					       "PartitionTimeLimit", "BadConstraints" };
	char more[80];

	for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
		struct judged r;

		snprintf(more, sizeof(more), "'state_reason':'%s'", reasons[i]);
		r = by_state("'PENDING'", 0, more);
		assert_int_equal(r.v, SLURM_STUCK);
		assert_int_equal(r.ev.end, RUN_END_NOT_STARTED);
		assert_non_null(strstr(r.text, reasons[i]));
	}
}

static void a_held_job_is_told_apart(void **state)
{
	assert_int_equal(by_state("'PENDING'", 0, "'state_reason':'JobHeldUser'").v, SLURM_HELD);
	assert_int_equal(by_state("'PENDING'", 0, "'state_reason':'JobHeldAdmin'").v, SLURM_HELD);
}

static void launch_failed_requeued_held_never_moves_again(void **state)
{
	struct judged r = by_state("'PENDING'", 0, "'state_reason':'JobHeldUser',"
				   "'state_description':'launch failed requeued held'");

	assert_int_equal(r.v, SLURM_STUCK);
	assert_int_equal(r.ev.kind, ENGINE_EV_LOST);
}

static void a_job_that_was_queued_again_is_taken_back(void **state)
{
	assert_int_equal(by_state("'PENDING'", 0, "'restart_cnt':1,'state_reason':'BeginTime'").v,
			 SLURM_STUCK);
	assert_int_equal(by_state("'RUNNING'", 0, "'restart_cnt':1").v, SLURM_STUCK);
	assert_int_equal(by_state("['PENDING','REQUEUED']", 0, "").v, SLURM_STUCK);
	assert_int_equal(by_state("['PENDING','SPECIAL_EXIT']", 0, "").v, SLURM_STUCK);
}

static void who_cancelled_is_part_of_the_words(void **state)
{
	struct judged they = judge("{'job_id':1,'job_state':'CANCELLED'}", false);
	struct judged we = judge("{'job_id':1,'job_state':'CANCELLED'}", true);

	assert_int_equal(they.ev.end, RUN_END_STOPPED);
	assert_non_null(strstr(they.text, "somebody cancelled"));
	assert_null(we.ev.text);
}

static void other_peoples_jobs_have_no_run_id(void **state)
{
	static const char *const comments[] = { "'router:task-1'", "'suanlu'", "null", "5", "''",
		"'suanlu:0123456789012345678901234567890123456789012345678901234567890123456789'" };
	char text[200];

	for (size_t i = 0; i < ARRAY_LEN(comments); i++) {
		snprintf(text, sizeof(text), "{'job_id':1,'job_state':'RUNNING','comment':%s}",
			 comments[i]);
		assert_string_equal(judge(text, false).j.run_id, "");
	}
	assert_string_equal(judge("{'job_id':1,'comment':{'administrator':'','job':'suanlu:a-1-1',"
				  "'system':''}}", false).j.run_id, "a-1-1");
}

static void what_is_no_job_is_not_read(void **state)
{
	static const char *const bad[] = { "{}", "{'job_id':0}", "{'job_id':-4}", "{'job_id':'x'}",
					   "{'job_id':null,'job_state':'RUNNING'}" };
	struct slurm_job j;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		json_t *v = json_of(bad[i]);

		assert_false(slurm_job_decode(v, &j));
		json_decref(v);
	}
	assert_false(slurm_job_decode(NULL, &j));
}

/* ---- what came of a submission ---- */

static enum slurm_submitted submitted(unsigned status, const char *body, uint64_t *ret_job)
{
	char *s = mem_strdup(body), text[200];
	enum slurm_submitted r;

	for (char *p = s; *p; p++)
		if (*p == '\'')
			*p = '"';
	r = slurm_job_submitted(status, "application/json", s, strlen(s), ret_job, text,
				sizeof(text));
	free(s);
	return r;
}

static void an_accepted_job_has_a_number(void **state)
{
	uint64_t job = 0;

	assert_int_equal(submitted(200, "{'errors':[],'job_id':12,'step_id':'BATCH'}", &job),
			 SLURM_ACCEPTED);
	assert_int_equal(job, 12);
	assert_int_equal(submitted(200, "{'result':{'job_id':13,'error_code':0},'job_id':13,"
				   "'errors':[],'warnings':[]}", &job), SLURM_ACCEPTED);
	assert_int_equal(job, 13);
}

static void an_error_beside_a_job_means_that_it_waits_for_ever(void **state)
{
	uint64_t job = 0;

	assert_int_equal(submitted(200, "{'errors':[{'error_code':2015,'error':'Requested partition "
				   "configuration not available now'}],'job_id':2}", &job),
			 SLURM_REFUSED_HAS_JOB);
	assert_int_equal(job, 2);
}

static void what_slurm_refuses_is_refused(void **state)
{
	static const int codes[] = { 2000, 2002, 2009, 2012, 2014, 2029 };
	char text[120];
	uint64_t job;

	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		snprintf(text, sizeof(text), "{'errors':[{'error':'no','error_code':%d}]}", codes[i]);
		assert_int_equal(submitted(500, text, &job), SLURM_REFUSED);
		snprintf(text, sizeof(text), "{'errors':[{'error':'no','error_number':%d,'source':'s',"
			 "'description':'d'}]}", codes[i]);
		assert_int_equal(submitted(500, text, &job), SLURM_REFUSED);
	}
	assert_int_equal(submitted(400, "{'errors':[{'error_code':-1,'error':'x'},{'error_code':9001,"
				   "'error':'Failure during parsing'}]}", &job), SLURM_REFUSED);
	assert_int_equal(submitted(400, "Unable to parse query.", &job), SLURM_REFUSED);
	assert_int_equal(submitted(405, "Method not allowed", &job), SLURM_REFUSED);
}

static void what_may_have_been_accepted_is_not_called_refused(void **state)
{
	uint64_t job;

	assert_int_equal(submitted(500, "{'errors':[{'error':'x','error_code':5004}]}", &job),
			 SLURM_UNSURE);
	assert_int_equal(submitted(500, "{'errors':[{'error':'x','error_code':1800}]}", &job),
			 SLURM_UNSURE);
	assert_int_equal(submitted(500, "{'errors':[{'error':'x','error_code':-1}]}", &job),
			 SLURM_UNSURE);
	assert_int_equal(submitted(511, "{'errors':[{'error':'Authentication','error_number':1007}]}", &job),
			 SLURM_BAD_TOKEN);
	assert_int_equal(submitted(500, "{'errors':[{'error':'Zero Bytes','error_code':5005}]}", &job),
			 SLURM_UNSURE_TOKEN);
	assert_int_equal(submitted(502, "Bad Gateway", &job), SLURM_UNSURE);
	assert_int_equal(submitted(200, "{'errors':[]}", &job), SLURM_UNSURE);
	assert_int_equal(submitted(200, "", &job), SLURM_UNSURE);
}

static void a_full_cluster_and_a_bad_token_are_no_fault_of_the_job(void **state)
{
	uint64_t job;

	assert_int_equal(submitted(401, "Authentication failure", &job), SLURM_BAD_TOKEN);
	assert_int_equal(submitted(500, "{'errors':[{'error':'retry','error_code':11}]}", &job),
			 SLURM_TURNED_AWAY);
	assert_int_equal(submitted(503, "busy", &job), SLURM_TURNED_AWAY);
	assert_int_equal(submitted(404, "Unable find requested URL.", &job), SLURM_TURNED_AWAY);
}

/* ---- asking ---- */

static json_t *asked(unsigned api, const char *qos)
{
	static const char *const kept[] = { "n7", "n9" };
	struct place_node nodes[2] = { { 0, 3 }, { 1, 3 } };
	struct placement place = { .n = 2, .nodes = nodes, .cpu_milli = 2500, .memory_mb = 700 };
	struct task_spec spec = { .walltime_s = 61, .nodes = 2 };
	struct run_spec r = { .run_id = "n1-5-2", .spec = &spec, .place = &place };
	struct slurm_terms t = { .account = "acct", .qos = qos, .constraint = "fast&new",
				 .partition = "gpu", .gres = "gpu:a100", .dir = "/shared",
				 .output = "/dev/null", .exclude = kept, .nexclude = 2 };
	char *text = slurm_job_encode(slurm_api_find(api), &r, &t, "#!/bin/sh\nexit 0\n");
	json_t *v = json_loads(text, 0, NULL);

	assert_non_null(v);
	free(text);
	return v;
}

static void a_job_is_asked_for_in_the_words_of_38(void **state)
{
	json_t *v = asked(38, ""), *j = json_object_get(v, "job");

	assert_string_equal(json_string_value(json_object_get(v, "script")), "#!/bin/sh\nexit 0\n");
	assert_string_equal(json_string_value(json_object_get(j, "comment")), "suanlu:n1-5-2");
	assert_string_equal(json_string_value(json_object_get(j, "name")), "n1-5-2");
	assert_string_equal(json_string_value(json_object_get(j, "gres")), "gpu:a100:2");
	assert_string_equal(json_string_value(json_object_get(j, "constraints")), "fast&new");
	assert_null(json_object_get(j, "qos"));
	assert_int_equal(json_integer_value(json_object_get(j, "nodes")), 2);
	assert_int_equal(json_integer_value(json_object_get(j, "tasks")), 2);
	assert_int_equal(json_integer_value(json_object_get(j, "cpus_per_task")), 3);
	assert_int_equal(json_integer_value(json_object_get(j, "memory_per_node")), 700);
	assert_int_equal(json_integer_value(json_object_get(j, "time_limit")), 2);
	assert_true(json_is_object(json_object_get(j, "environment")));
	assert_true(json_object_size(json_object_get(j, "environment")) > 0);
	assert_string_equal(json_string_value(json_object_get(j, "exclude_nodes")), "n7,n9");
	assert_null(json_object_get(j, "argv"));        /* it crashes slurmrestd 22.05 */
	assert_null(json_object_get(j, "requeue"));     /* "requeue":false means true there */
	json_decref(v);
}

static void a_job_is_asked_for_in_the_words_of_later_versions(void **state)
{
	for (unsigned no = 39; no <= SLURM_API_NEWEST; no++) {
		json_t *v = asked(no, ""), *j = json_object_get(v, "job");
		int64_t n = 0;

		assert_int_equal(json_object_get(v, "script") != NULL, no == 39);
		assert_int_equal(json_object_get(j, "script") != NULL, no > 39);
		assert_true(json_is_array(json_object_get(j, "environment")));
		assert_string_equal(json_string_value(json_object_get(j, "tres_per_node")),
				    "gres/gpu:a100:2");
		assert_null(json_object_get(j, "gres"));
		assert_null(json_object_get(j, "exclude_nodes"));
		assert_int_equal(json_array_size(json_object_get(j, "excluded_nodes")), 2);
		assert_true(json_is_false(json_object_get(j, "requeue")));
		assert_string_equal(json_string_value(json_object_get(j, "nodes")), "2");
		assert_true(json_is_object(json_object_get(j, "memory_per_node")));
		assert_true(slurm_num(json_object_get(j, "memory_per_node"), &n) && n == 700);
		assert_true(slurm_num(json_object_get(j, "time_limit"), &n) && n == 2);
		json_decref(v);
	}
}

static void account_qos_partition_and_constraint_of_the_pool_are_asked_for(void **state)
{
	static const char *const terms[][2] = { { "account", "acct" }, { "qos", "night" },
						{ "partition", "gpu" }, { "constraints", "fast&new" } };

	for (unsigned no = SLURM_API_OLDEST; no <= SLURM_API_NEWEST; no++) {
		json_t *v = asked(no, "night"), *j = json_object_get(v, "job");

		for (size_t i = 0; i < ARRAY_LEN(terms); i++) {
			assert_non_null(json_object_get(j, terms[i][0]));
			assert_string_equal(json_string_value(json_object_get(j, terms[i][0])),
					    terms[i][1]);
		}
		json_decref(v);
	}
}

/* ---- nodes ---- */

static void nodes_read_the_same_in_every_version(void **state)
{
	static const char *const replies[] = {
		"{'nodes':[{'name':'b','cpus':8,'real_memory':100,'alloc_cpus':2,'alloc_memory':10,"
		"'gres':'gpu:x:4(S:0-1)','gres_used':'gpu:x:1(IDX:0)','state':'mixed','state_flags':[],"
		"'partitions':['p']},{'name':'a','cpus':8,'real_memory':100,'gres':'','gres_used':'gpu:0',"
		"'state':'idle','state_flags':['DRAIN'],'partitions':['q','p']},"
		"{'name':'c','cpus':1,'state':'idle','partitions':['other']}]}",
		"{'nodes':[{'name':'b','cpus':8,'real_memory':100,'alloc_cpus':2,'alloc_memory':10,"
		"'gres':'gpu:x:4(S:0-1)','gres_used':'gpu:x:1(IDX:0)','state':['MIXED'],"
		"'partitions':['p']},{'name':'a','cpus':8,'real_memory':100,'gres':'','gres_used':'gpu:0',"
		"'state':['IDLE','DRAIN'],'partitions':['q','p']},"
		"{'name':'c','cpus':1,'state':['IDLE'],'partitions':['other']}]}",
	};
	const char *const partitions[] = { "p" };

	for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
		json_t *v = json_of(replies[i]);
		struct slurm_node *n;
		struct arena a;
		uint32_t count;

		arena_init(&a);
		slurm_nodes_decode(v, partitions, 1, &a, &n, &count);
		assert_int_equal(count, 2);
		assert_string_equal(n[0].name, "a");
		assert_true(n[0].down);
		assert_int_equal(n[0].devices, 0);
		assert_string_equal(n[1].name, "b");
		assert_false(n[1].down);
		assert_string_equal(n[1].gres, "gpu:x");
		assert_int_equal(n[1].devices, 4);
		assert_int_equal(n[1].devices_used, 1);
		assert_int_equal(n[1].cpus_used, 2);
		assert_string_equal(n[1].partition, "p");
		arena_done(&a);
		json_decref(v);
	}
}

static void a_node_that_cannot_take_work_is_down(void **state)
{
	static const char *const states[] = { "down", "drained", "draining", "fail", "unknown",
					      "future", "error", "maint", "reserved" };
	struct slurm_node *n;
	struct arena a;
	uint32_t count;
	char text[200];

	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		json_t *v;

		snprintf(text, sizeof(text), "{'nodes':[{'name':'a','cpus':1,'state':'%s'}]}", states[i]);
		v = json_of(text);
		slurm_nodes_decode(v, NULL, 0, &a, &n, &count);
		assert_int_equal(count, 1);
		assert_true(n[0].down);
		json_decref(v);
	}
	arena_done(&a);
}

static void note(void *arg, const char *name)
{
	strcat(strcat(arg, name), " ");
}

static const char *hosts(const char *list, unsigned max, int *ret)
{
	static char out[400];

	out[0] = '\0';
	*ret = slurm_hosts(list, max, note, out);
	return out;
}

static void a_list_of_hosts_is_taken_apart(void **state)
{
	int n;

	assert_string_equal(hosts("east-c[1-2],x", 9, &n), "east-c1 east-c2 x ");
	assert_int_equal(n, 3);
	assert_string_equal(hosts("n[08-10,3]-ib", 9, &n), "n08-ib n09-ib n10-ib n3-ib ");
	assert_string_equal(hosts("a", 9, &n), "a ");
	assert_string_equal(hosts("", 9, &n), "");
	assert_int_equal(n, 0);
	assert_string_equal(hosts("a[1-1000000]", 2, &n), "a1 a2 ");
	hosts("a[1-", 9, &n);
	assert_int_equal(n, -1);
	hosts("a[x-y]", 9, &n);
	assert_int_equal(n, -1);
	hosts("a[9-1]", 9, &n);
	assert_int_equal(n, -1);
}

/* ---- options and the token ---- */

static char top[64];

static int set_up(void **state)
{
	strcpy(top, "/tmp/suanlu-slurm-XXXXXX");
	return mkdtemp(top) ? 0 : -1;
}

static int tear_down(void **state)
{
	char cmd[100];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", top);
	return system(cmd);
}

static const char *token_file(const char *text, mode_t mode)
{
	static char path[100];
	FILE *f;

	snprintf(path, sizeof(path), "%s/token", top);
	unlink(path);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
	return path;
}

static int read_conf(const char *more, struct slurm_conf *c, struct err *err)
{
	char text[600];
	json_t *v;
	int r;

	snprintf(text, sizeof(text), "{'user':'root','token_file':'%s/token'%s%s}", top,
		 *more ? "," : "", more);
	v = json_of(text);
	r = slurm_conf_read(v, c, err);
	json_decref(v);
	return r;
}

static void options_are_checked(void **state)
{
	static const struct { const char *more, *field; } bad[] = {
		{ "", "url" }, { "'url':'ftp://x/'", "url" }, { "'url':'http://x/slurm'", "url" },
		{ "'url':'http://user@x'", "url" }, { "'socket':'relative'", "socket" },
		{ "'url':'http://x:1','socket':'/s'", "socket" },
		{ "'url':'http://x:1','dir':'shared'", "dir" },
		{ "'url':'http://x:1','gres':{'a':'gpu:x y'}", "gres" },
		{ "'url':'http://x:1','partitions':['a b']", "partitions" },
		{ "'url':'http://x:1','poll_ms':1", "poll_ms" },
		{ "'url':'http://x:1','colour':1", "colour" },
	};
	struct slurm_conf c;
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(read_conf(bad[i].more, &c, &err), ERR_E_INPUT);
		assert_string_equal(err.field, bad[i].field);
		slurm_conf_done(&c);
	}
	assert_int_equal(read_conf("'socket':'/run/s','gres':{'big':'gpu:x'}", &c, &err), 0);
	assert_string_equal(slurm_conf_theirs(&c, "big"), "gpu:x");
	assert_string_equal(slurm_conf_ours(&c, "GPU:X"), "big");
	assert_null(slurm_conf_ours(&c, "gpu:y"));
	slurm_conf_done(&c);
}

static int token(const char *text, mode_t mode, struct slurm_conf *c, struct err *err)
{
	token_file(text, mode);
	assert_int_equal(read_conf("'url':'http://x:1'", c, err), 0);
	return slurm_conf_token(c, err);
}

static void a_token_that_others_can_read_is_refused(void **state)
{
	static const mode_t modes[] = { 0644, 0640, 0604, 0660, 0602 };
	struct slurm_conf c;
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		assert_int_equal(token("eyJx.y.z\n", modes[i], &c, &err), ERR_E_INPUT);
		assert_string_equal(err.field, "token_file");
		assert_null(strstr(err.text, "eyJ"));
		assert_string_equal(c.token, "");
		slurm_conf_done(&c);
	}
}

static void what_is_no_token_is_refused_without_showing_it(void **state)
{
	static const char *const bad[] = { "", "\n", "two words", "a\nX-Other: b", "tok\"en", "\x01" };
	struct slurm_conf c;
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(token(bad[i], 0600, &c, &err), ERR_E_INPUT);
		assert_null(strstr(err.text, "words"));
		slurm_conf_done(&c);
	}
}

static void a_token_is_read_as_scontrol_prints_it_and_again_when_it_changes(void **state)
{
	struct slurm_conf c;
	struct err err;

	assert_int_equal(token("SLURM_JWT=eyJ1.a.b\n", 0600, &c, &err), 0);
	assert_string_equal(c.token, "eyJ1.a.b");
	token_file("eyJ22.a.b", 0600);
	assert_int_equal(slurm_conf_token(&c, &err), 0);
	assert_string_equal(c.token, "eyJ22.a.b");
	token_file("eyJ33.a.b", 0644);
	assert_int_equal(slurm_conf_token(&c, &err), ERR_E_INPUT);
	unlink(c.token_file);
	assert_int_equal(slurm_conf_token(&c, &err), -ENOENT);
	slurm_conf_done(&c);
}

/* ---- the script ---- */

static int run_script(const struct run_spec *r, const char *dir, const char *env, int64_t begin_by_s)
{
	char path[100], cmd[300];
	struct buf b;
	FILE *f;
	int s;

	buf_init(&b, 1 << 20);
	assert_int_equal(slurm_script_write(r, dir, begin_by_s, &b, NULL), 0);
	snprintf(path, sizeof(path), "%s/job.sh", top);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(b.data, f);
	fclose(f);
	buf_done(&b);
	snprintf(cmd, sizeof(cmd), "cd / && %s setsid -w sh %s", env, path);
	s = system(cmd);
	assert_true(WIFEXITED(s));
	return WEXITSTATUS(s);
}

static char *text_of(const char *name)
{
	static char text[500];
	char path[200];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", top, name);
	f = fopen(path, "r");
	if (f) {
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
	}
	text[n] = '\0';
	return text;
}

static struct run_spec spec_of(struct task_spec *t, struct placement *place, const char *script)
{
	static struct place_node node;

	*t = (struct task_spec){ .walltime_s = 60, .script = script };
	*place = (struct placement){ .n = 1, .nodes = &node, .cpu_milli = 1000,
				      .memory_mb = 10 };
	return (struct run_spec){ .run_id = "n-1-1", .spec = t, .place = place };
}

/* What the daemon does before it asks for the job. */
static void make_run_dir(void)
{
	char path[100];

	snprintf(path, sizeof(path), "%s/n-1-1", top);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/n-1-1/work", top);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void a_run_leaves_its_output_and_its_end(void **state)
{
	struct placement place;
	struct task_spec t;
	struct run_spec r = spec_of(&t, &place, "echo \"it's $SUANLU_RUN\"; echo no >&2; exit 3");

	make_run_dir();
	assert_int_equal(run_script(&r, top, "", 0), 3);
	assert_string_equal(text_of("n-1-1/stdout"), "it's n-1-1\n");
	assert_string_equal(text_of("n-1-1/stderr"), "no\n");
	assert_non_null(strstr(text_of("n-1-1/exit.json"), "\"exit_code\":3"));
}

static void a_second_job_of_the_same_run_does_nothing(void **state)
{
	struct placement place;
	struct task_spec t;
	struct run_spec r = spec_of(&t, &place, "echo x >>../../count");

	make_run_dir();
	assert_int_equal(run_script(&r, top, "", 0), 0);
	assert_int_equal(run_script(&r, top, "", 0), SLURM_EXIT_TAKEN);
	assert_string_equal(text_of("count"), "x\n");
}

static void a_job_that_was_queued_again_does_nothing(void **state)
{
	struct placement place;
	struct task_spec t;
	struct run_spec r = spec_of(&t, &place, "echo x >>../../count");

	make_run_dir();
	assert_int_equal(run_script(&r, top, "SLURM_RESTART_COUNT=1", 0), SLURM_EXIT_TAKEN);
	assert_string_equal(text_of("count"), "");
}

static void a_run_that_was_taken_back_does_nothing(void **state)
{
	struct placement place;
	struct task_spec t;
	struct run_spec r = spec_of(&t, &place, "echo x >>../../count");
	char path[100];
	FILE *f;

	make_run_dir();
	snprintf(path, sizeof(path), "%s/n-1-1/started", top);
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(run_script(&r, top, "", 0), SLURM_EXIT_TAKEN);
	assert_string_equal(text_of("count"), "");
}

static mode_t mode_of(const char *name)
{
	char path[200];
	struct stat st;

	snprintf(path, sizeof(path), "%s/n-1-1/%s", top, name);
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 0777;
}

/* By the owner of the run's directory the script knows. */
static void what_a_job_of_another_user_leaves_is_its_groups_to_remove(void **state)
{
	struct placement place;
	struct task_spec t;
	struct run_spec r = spec_of(&t, &place, "mkdir d; echo x >d/f; mkdir -m 700 own");
	char path[100];

	if (geteuid()) {
		print_message("only root can give a directory to another user\n");
		skip();
	}
	make_run_dir();
	snprintf(path, sizeof(path), "%s/n-1-1", top);
	assert_int_equal(chown(path, 65534, (gid_t)-1), 0);
	assert_int_equal(run_script(&r, top, "", 0), 0);
	assert_int_equal(mode_of("work/d"), 0770);
	assert_int_equal(mode_of("work/d/f"), 0660);
	assert_int_equal(mode_of("work/own"), 0770);
	assert_int_equal(mode_of("stdout"), 0660);
}

static void what_a_job_of_our_own_user_leaves_is_no_groups(void **state)
{
	struct placement place;
	struct task_spec t;
	struct run_spec r = spec_of(&t, &place, "mkdir -m 700 own; echo x >f");

	make_run_dir();
	assert_int_equal(run_script(&r, top, "", 0), 0);
	assert_int_equal(mode_of("work/own"), 0700);
	assert_int_equal(mode_of("work/f"), 0640);
}

static void a_directory_that_cannot_be_used_is_told(void **state)
{
	struct placement place;
	struct task_spec t;
	struct run_spec r = spec_of(&t, &place, "true");

	assert_int_equal(run_script(&r, "/nonexistent/dir", "", 0), SLURM_EXIT_DIR);
	assert_int_equal(run_script(&r, top, "", 0), SLURM_EXIT_DIR);   /* nobody made the run's */
}

static void without_a_shared_directory_it_begins_in_time_or_not_at_all(void **state)
{
	struct placement place;
	struct task_spec t;
	char script[200], env[100];
	struct run_spec r = spec_of(&t, &place, script);

	snprintf(script, sizeof(script), "echo x >>%s/count; exit 5", top);
	snprintf(env, sizeof(env), "TMPDIR=%s", top);
	assert_int_equal(run_script(&r, NULL, env, 1), SLURM_EXIT_LATE);
	assert_string_equal(text_of("count"), "");
	assert_int_equal(run_script(&r, NULL, env, INT64_C(1) << 40), 5);
	assert_string_equal(text_of("count"), "x\n");
}

/* scontrol as it would be called, in a file beside it. */
static void put_scontrol(void)
{
	char path[100];
	FILE *f;

	snprintf(path, sizeof(path), "%s/scontrol", top);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\nfor a; do echo \"$a\"; done >%s/said\nexit 1\n", top);
	fclose(f);
	assert_int_equal(chmod(path, 0700), 0);
}

static void without_a_shared_directory_it_tells_its_outputs_in_its_comment(void **state)
{
	struct placement place;
	struct task_spec t;
	char env[200], url[100];
	struct task_output out = { .path = "a", .url = url };
	const char *const roots[] = { top, NULL };
	struct run_spec r = spec_of(&t, &place, "echo x >a");

	put_scontrol();
	snprintf(url, sizeof(url), "file://%s/stored", top);
	snprintf(env, sizeof(env), "SLURM_JOB_ID=7 TMPDIR=%s PATH=%s:$PATH", top, top);
	r.write_roots = roots;
	assert_int_equal(run_script(&r, NULL, env, INT64_C(1) << 40), 0);
	assert_string_equal(text_of("said"), "");       /* it has none */
	t.noutputs = 1;
	t.outputs = &out;
	assert_int_equal(run_script(&r, NULL, env, INT64_C(1) << 40), 0);
	assert_string_equal(text_of("said"), "update\njob=7\ncomment=suanlu:n-1-1 1 2 "
			    "73cb3858a687a8494ca3323053016282f3dad39d42cf62ca4e79dda2aac7d9ac;\n");
	assert_string_equal(text_of("stored"), "x\n");
}

static void a_comment_is_a_run_and_what_it_told(void **state)
{
	struct slurm_job j = judge("{'job_id':1,'comment':'suanlu:n-1-1 1 2 ab;','job_state':'RUNNING'}",
				   false).j;

	assert_string_equal(j.run_id, "n-1-1");
	j = judge("{'job_id':1,'comment':'suanlu:n-1-1','job_state':'RUNNING'}", false).j;
	assert_null(j.told);
}

static void a_stop_file_ends_the_run_without_the_cluster(void **state)
{
	struct placement place;
	struct task_spec t;
	struct run_spec r = spec_of(&t, &place, "touch ../stop; sleep 60 & sleep 60");

	make_run_dir();
	t.walltime_s = 3600;
	assert_int_not_equal(run_script(&r, top, "", 0), 0);
	assert_non_null(strstr(text_of("n-1-1/exit.json"), "\"end\":\"stopped\""));
}

#define row(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_version_that_both_know_is_chosen),
		cmocka_unit_test(a_server_that_speaks_nothing_known_is_refused),
		cmocka_unit_test(a_number_is_read_in_every_shape),
		cmocka_unit_test(a_finished_job_reads_the_same_in_every_version),
		cmocka_unit_test(success_is_completed_and_nothing_else),
		cmocka_unit_test(exit_code_0_of_a_failed_node_is_no_success),
		cmocka_unit_test(a_signal_and_a_segmentation_fault_are_told),
		cmocka_unit_test(a_job_that_could_not_be_set_up_was_not_started),
		cmocka_unit_test(the_limits_of_time_and_memory_have_their_ends),
		cmocka_unit_test(a_preempted_job_is_lost_and_says_why),
		cmocka_unit_test(a_job_that_is_being_ended_is_not_over),
		cmocka_unit_test(a_waiting_job_waits),
		cmocka_unit_test(a_job_that_can_never_start_is_ended),
		cmocka_unit_test(a_held_job_is_told_apart),
		cmocka_unit_test(launch_failed_requeued_held_never_moves_again),
		cmocka_unit_test(a_job_that_was_queued_again_is_taken_back),
		cmocka_unit_test(who_cancelled_is_part_of_the_words),
		cmocka_unit_test(other_peoples_jobs_have_no_run_id),
		cmocka_unit_test(what_is_no_job_is_not_read),
		cmocka_unit_test(an_accepted_job_has_a_number),
		cmocka_unit_test(an_error_beside_a_job_means_that_it_waits_for_ever),
		cmocka_unit_test(what_slurm_refuses_is_refused),
		cmocka_unit_test(what_may_have_been_accepted_is_not_called_refused),
		cmocka_unit_test(a_full_cluster_and_a_bad_token_are_no_fault_of_the_job),
		cmocka_unit_test(a_job_is_asked_for_in_the_words_of_38),
		cmocka_unit_test(a_job_is_asked_for_in_the_words_of_later_versions),
		cmocka_unit_test(account_qos_partition_and_constraint_of_the_pool_are_asked_for),
		cmocka_unit_test(a_revoked_job_is_lost_and_says_so),
		cmocka_unit_test(nodes_read_the_same_in_every_version),
		cmocka_unit_test(a_node_that_cannot_take_work_is_down),
		cmocka_unit_test(a_list_of_hosts_is_taken_apart),
		row(options_are_checked),
		row(a_token_that_others_can_read_is_refused),
		row(what_is_no_token_is_refused_without_showing_it),
		row(a_token_is_read_as_scontrol_prints_it_and_again_when_it_changes),
		row(a_run_leaves_its_output_and_its_end),
		row(a_second_job_of_the_same_run_does_nothing),
		row(a_job_that_was_queued_again_does_nothing),
		row(a_run_that_was_taken_back_does_nothing),
		row(what_a_job_of_another_user_leaves_is_its_groups_to_remove),
		row(what_a_job_of_our_own_user_leaves_is_no_groups),
		row(a_directory_that_cannot_be_used_is_told),
		row(without_a_shared_directory_it_begins_in_time_or_not_at_all),
		row(without_a_shared_directory_it_tells_its_outputs_in_its_comment),
		cmocka_unit_test(a_comment_is_a_run_and_what_it_told),
		row(a_stop_file_ends_the_run_without_the_cluster),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
