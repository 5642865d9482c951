/* fuzz_slurm.c - whatever a slurmrestd may answer: jobs, nodes, errors, lists of hosts, versions;
 * and what a job may write of its outputs */

#include "base/mem.h"
#include "engine/run_dir.h"
#include "engine/slurm_api.h"
#include "engine/slurm_job.h"
#include "engine/slurm_node.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void note(void *arg, const char *name)
{
	*(size_t *)arg += strlen(name);
}

static void read_jobs(const json_t *list)
{
	const json_t *v;
	size_t i, sum = 0;

	json_array_foreach(list, i, v) {
		struct engine_event ev = { 0 };
		struct slurm_job j;
		char text[200];

		if (!slurm_job_decode(v, &j))
			continue;
		slurm_job_verdict(&j, i & 1, &ev, text, sizeof(text));
		slurm_hosts(j.hosts, 100, note, &sum);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	json_t *json = json_loadb(text, size, 0, NULL);
	struct slurm_node *nodes;
	struct run_output *outputs;
	struct slurm_error e;
	uint64_t job;
	uint32_t n;
	struct arena a;
	char words[200], *copy = mem_alloc(size + 1);
	size_t sum = 0;

	memcpy(copy, data, size);
	if (run_outputs_parse(copy, &outputs, &n) == 0)
		free(outputs);
	slurm_api_choose(text, size, NULL);
	slurm_hosts(copy, 100, note, &sum);
	slurm_job_submitted(size & 1 ? 200 : 500, "", copy, size, &job, words, sizeof(words));
	arena_init(&a);
	slurm_gres(copy, size & 1 ? "gpu" : NULL, &a, &n);
	if (json) {
		slurm_error_of(json, &e);
		read_jobs(json_object_get(json, "jobs"));
		slurm_nodes_decode(json, NULL, 0, &a, &nodes, &n);
	}
	arena_done(&a);
	json_decref(json);
	free(copy);
	return 0;
}
