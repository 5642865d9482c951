/* slurm_seen.c - what a listing says of the cluster, as its pool is told: who uses what until when */

#include "engine/slurm.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

enum {
	QUEUE_MIN = 2,
	BUSY_MAX = 2000,                /* pieces of others' work that a forecast looks at */
};

struct usage_of {
	uint64_t *cpu, *memory, *devices;       /* by node */
	const struct slurm *s;
	const struct slurm_job *j;
};

static void add_use(void *arg, const char *host)
{
	struct usage_of *u = arg;
	uint32_t n = u->j->nodes ? u->j->nodes : 1;

	/* Sorted by partition first: few enough partitions to look at each node. */
	for (uint32_t i = 0; i < u->s->nnodes; i++)
		if (!strcmp(u->s->nodes[i].name, host)) {
			u->cpu[i] += u->j->cpus / n;
			u->memory[i] += u->j->memory_mb;
			u->devices[i] += u->j->devices;
			return;
		}
}

static void use_of(const struct slurm *s, const struct slurm_job *jobs, uint32_t n, struct arena *a,
		   struct usage_of *ret)
{
	ret->cpu = arena_array(a, s->nnodes + 1, sizeof(*ret->cpu));
	ret->memory = arena_array(a, s->nnodes + 1, sizeof(*ret->memory));
	ret->devices = arena_array(a, s->nnodes + 1, sizeof(*ret->devices));
	ret->s = s;
	for (uint32_t i = 0; i < n; i++) {
		if (jobs[i].state != SLURM_RUNNING && jobs[i].state != SLURM_SUSPENDED)
			continue;
		ret->j = &jobs[i];
		slurm_hosts(jobs[i].hosts, 10000, add_use, ret);
	}
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* What the nodes give away beyond the jobs we see belongs to jobs we may not see (PrivateData),
 * unless it is ours and began after the listing: `slack` cpus may be. */
static void hidden(const struct slurm *s, const struct usage_of *ours, struct usage_of *others)
{
	uint64_t slack = 0;
	const struct slurm_run *r;

	for (r = s->runs; r; r = r->hh.next)
		slack += r->state == RUN_WAITING || r->state == RUN_SENDING;
	for (uint32_t i = 0; i < s->nnodes; i++) {
		const struct slurm_node *n = &s->nodes[i];
		uint64_t more = less(n->cpus_used, ours->cpu[i] + others->cpu[i]);
		uint64_t mine = more < slack ? more : slack;

		slack -= mine;
		if (more == mine)
			continue;
		others->cpu[i] += more - mine;
		others->memory[i] += less(n->memory_used_mb, ours->memory[i] + others->memory[i]);
		others->devices[i] += less(n->devices_used, ours->devices[i] + others->devices[i]);
	}
}

static uint32_t cap32(uint64_t n, uint64_t max)
{
	return (uint32_t)(n > max ? max : n);
}

static void fill_node(const struct slurm *s, const struct slurm_node *n, uint64_t cpu,
		      uint64_t memory, uint64_t devices, struct pool_seen_node *ret)
{
	const char *ours = *n->gres ? slurm_conf_ours(&s->conf, n->gres) : NULL;

	*ret = (struct pool_seen_node){
		.cpu_milli = n->cpus * 1000, .memory_mb = n->memory_mb,
		.cpu_used_milli = cap32(cpu, n->cpus) * 1000,
		.memory_used_mb = cap32(memory, n->memory_mb), .down = n->down,
	};
	if (!ours)
		return;
	ret->accel = ours;
	ret->naccels = (uint8_t)cap32(n->devices, NODE_ACCELS_MAX);
	ret->accels_used = (uint8_t)cap32(devices, ret->naccels);
}

/* So many may wait in the cluster that it does not run dry until we have heard of an end and sent
 * the next: as many as end in that time, and a few. */
static uint32_t queue_max(const struct slurm *s)
{
	double hear_s = (double)slurm_poll_interval_ms(s) / 1000 + 2.0;
	double n = QUEUE_MIN + s->ends_per_s * hear_s * 1.3;

	return n < s->conf.queue_max ? (uint32_t)n : s->conf.queue_max;
}

void slurm_count_rate(struct slurm *s, int64_t now)
{
	int64_t ms = now - s->rate_ms;

	if (ms < 500)
		return;
	if (ms < 60000)
		s->ends_per_s = 0.6 * s->ends_per_s + 0.4 * s->ended * 1000.0 / (double)ms;
	else
		s->ends_per_s = 0;
	s->rate_ms = now;
	s->ended = 0;
}

void slurm_count_end(struct slurm *s)
{
	s->ended++;
}

/* Work of others that runs, node by node.  Its latest end is known, its end is not: half of what
 * is left is the guess. */
struct busy_list {
	const struct slurm *s;
	const struct slurm_job *j;
	struct pool_busy *list;
	uint32_t n;
	int64_t now;
};

static void add_busy(void *arg, const char *host)
{
	struct busy_list *b = arg;
	const struct slurm_job *j = b->j;
	int64_t left = j->end_s * 1000 - b->now;
	uint32_t k = j->nodes ? j->nodes : 1;

	for (uint32_t i = 0; b->n < BUSY_MAX && i < b->s->nnodes; i++)
		if (!strcmp(b->s->nodes[i].name, host)) {
			b->list[b->n++] = (struct pool_busy){
				.end_p50_ms = b->now + (left > 0 ? left / 2 : 0),
				.end_p90_ms = b->now + (left > 0 ? left : 0), .node = i,
				.cpu_milli = j->cpus / k * 1000, .accels = j->devices,
				.memory_mb = cap32(j->memory_mb, UINT32_MAX),
			};
			return;
		}
}

/* Waits for room and nothing else? */
static bool in_line(const struct slurm_job *j)
{
	return j->state == SLURM_PENDING && (!strcmp(j->reason, "Resources") ||
		!strcmp(j->reason, "Priority") || !strcmp(j->reason, "None"));
}

static void read_queue(const struct slurm *s, struct arena *a, struct pool_seen *seen)
{
	const struct slurm_listing *l = s->seen;
	struct busy_list b = { .s = s, .now = clock_now_ms(),
			       .list = arena_array(a, BUSY_MAX, sizeof(*b.list)) };

	for (uint32_t i = 0; i < l->nothers; i++) {
		b.j = &l->others[i];
		if (b.j->state == SLURM_RUNNING)
			slurm_hosts(b.j->hosts, BUSY_MAX, add_busy, &b);
		if (!in_line(b.j))
			continue;
		seen->queue_cpu_ms += (int64_t)b.j->cpus * b.j->limit_s * 1000 / 2;
		if (b.j->start_s * 1000 > seen->queue_start_ms)
			seen->queue_start_ms = b.j->start_s * 1000;
	}
	for (uint32_t i = 0; i < l->nours; i++)
		if (in_line(&l->ours[i]) && l->ours[i].start_s * 1000 > seen->queue_start_ms)
			seen->queue_start_ms = l->ours[i].start_s * 1000;
	seen->busy = b.list;
	seen->nbusy = b.n;
}

void slurm_tell_seen(struct slurm *s)
{
	const struct slurm_listing *l = s->seen;
	struct usage_of ours, others;
	struct pool_seen seen = { .nnodes = s->nnodes };
	struct pool_seen_node *nodes;
	struct arena a;

	arena_init(&a);
	use_of(s, l->ours, l->nours, &a, &ours);
	use_of(s, l->others, l->nothers, &a, &others);
	hidden(s, &ours, &others);
	nodes = arena_array(&a, s->nnodes + 1, sizeof(*nodes));
	for (uint32_t i = 0; i < s->nnodes; i++)
		fill_node(s, &s->nodes[i], others.cpu[i], others.memory[i], others.devices[i],
			  &nodes[i]);
	seen.nodes = nodes;
	seen.queue_max = queue_max(s);
	seen.ahead_s = s->conf.ahead_s;
	read_queue(s, &a, &seen);
	s->told_up = true;
	if (slurm_files_hang(s)) {              /* the cluster is well, but nothing new can begin */
		snprintf(s->why, sizeof(s->why), "the shared directory does not answer");
		s->why_zh = "共享目录没有应答";
	}
	slurm_tell_pool(s, !*s->why, &seen);
	arena_done(&a);
}
