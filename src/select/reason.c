/* reason.c - why not: codes for programs, sentences for people in two languages */

#include "select/select.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

struct words {
	const char *code, *en, *zh;
};

static const struct words words[] = {
	[REASON_CLEARANCE] = { "clearance",
		"The pool is not cleared for data of this level.",
		"该资源池的安全等级不足以处理此级别的数据。" },
	[REASON_REGION] = { "region",
		"The pool lies outside the region that the data must not leave.",
		"该资源池位于数据不得离开的区域之外。" },
	[REASON_NOT_ADMITTED] = { "not_admitted",
		"The pool does not admit this tenant.",
		"该资源池未准入此租户。" },
	[REASON_NOT_NAMED] = { "not_named",
		"The task, or the token it came with, names other pools.",
		"任务或其令牌指定了其他资源池。" },
	[REASON_ACCELERATOR] = { "accelerator",
		"No node of the pool has the accelerators that are asked for.",
		"该资源池没有节点具备所需的加速卡。" },
	[REASON_CPU] = { "cpu",
		"No suitable node of the pool has so many cpus.",
		"该资源池没有节点具备这么多 CPU。" },
	[REASON_MEMORY] = { "memory",
		"No suitable node of the pool has so much memory.",
		"该资源池没有节点具备这么大的内存。" },
	[REASON_NODES] = { "nodes",
		"The pool has too few nodes that each fit.",
		"该资源池满足要求的节点数量不足。" },
	[REASON_IMAGE] = { "image",
		"The pool cannot run container images.",
		"该资源池不能运行容器镜像。" },
	[REASON_WALLTIME] = { "walltime",
		"The pool does not allow runs that long.",
		"该资源池不允许运行这么长时间。" },
	[REASON_LATENCY] = { "latency",
		"The pool is too far from the users, or its distance is not known.",
		"该资源池离用户太远，或其时延未知。" },
	[REASON_DEADLINE] = { "deadline",
		"It is not expected to finish there before the deadline.",
		"预计无法在截止时间前完成。" },
	[REASON_BUDGET] = { "budget",
		"It would cost more there than its own budget or its tenant's allows.",
		"费用将超出任务自身或租户的预算。" },
	[REASON_QUOTA] = { "quota",
		"The tenant has used up its quota for now.",
		"租户的配额目前已用完。" },
	[REASON_STALE] = { "stale",
		"There is no recent news from the pool.",
		"近期没有收到该资源池的状态。" },
	[REASON_DRAINED] = { "drained",
		"The pool takes no new work: an operator has drained it.",
		"该资源池已被运维人员排空，暂不接收新任务。" },
	[REASON_DOWN] = { "down",
		"The pool is down.",
		"该资源池不可用。" },
	[REASON_FULL] = { "full",
		"No room is free at this moment.",
		"目前没有空闲资源。" },
	[REASON_BEHIND] = { "behind",
		"Starting now would delay an earlier task that was promised the room.",
		"现在启动会推迟已获承诺的更早任务。" },
	[REASON_DEPENDENCY] = { "dependency",
		"It waits for other tasks to end.",
		"正在等待其他任务结束。" },
	[REASON_ARRAY_LIMIT] = { "array_limit",
		"As many elements of its array are running as it allows.",
		"数组任务同时运行的数量已达上限。" },
	[REASON_BACKOFF] = { "backoff",
		"The last run failed or was lost; it is tried again a little later.",
		"上次运行失败或丢失，稍后重试。" },
	[REASON_HELD] = { "held",
		"It is held back until somebody releases it.",
		"任务被保留，等待放行。" },
};

/* How a run ended: not reasons of a choice, but shown in the same place. */
static const struct words ends[] = {
	{ "exit", "Its command failed.", "命令执行失败。" },
	{ "signal", "Its command was killed by a signal.", "命令被信号终止。" },
	{ "timeout", "It was stopped at its walltime.", "达到最长运行时间，已停止。" },
	{ "out_of_memory", "It needed more memory than it asked for.", "使用的内存超过申请量。" },
	{ "input", "Its inputs could not be fetched.", "未能获取输入数据。" },
	{ "output", "Its outputs could not be stored.", "未能存放输出结果。" },
	{ "stopped", "It was stopped on its pool, by somebody else.", "已在资源池上被他人停止。" },
	{ "not_started", "The engine could not start it.", "引擎未能启动该任务。" },
	{ "returned", "Its pool could not start it and gave it back.", "资源池未能启动该任务，已退回。" },
	{ "recalled", "Its pool may not see its data any more, so the run was stopped.",
	  "资源池不再具备处理其数据的资格，运行已停止。" },
	{ "lost", "It vanished with its engine.", "随引擎一同丢失。" },
	{ "cancelled", "It was cancelled.", "已取消。" },
};

_Static_assert(ARRAY_LEN(words) == REASON_COUNT, "every reason has its words");

const char *reason_code(enum reason r)
{
	assert(r < REASON_COUNT);
	return words[r].code;
}

const char *reason_text(enum reason r, int zh)
{
	assert(r < REASON_COUNT);
	return zh ? words[r].zh : words[r].en;
}

const char *reason_text_of(const char *code, int zh)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (!strcmp(words[i].code, code))
			return reason_text((enum reason)i, zh);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (!strcmp(ends[i].code, code))
			return zh ? ends[i].zh : ends[i].en;
	return code;
}
