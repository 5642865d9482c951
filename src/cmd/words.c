/* words.c - reason codes in the reader's language */

#include "cmd/words.h"

#include "base/mem.h"
#include "base/text.h"
#include "cmd/out.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *code, *en, *zh;             /* the rule, short */
	const char *en_text, *zh_text;          /* about the task */
} rules[] = {
	{ "clearance", "data level", "数据级别", "no pool is cleared for data of this level",
	  "没有资源池的安全等级可以处理此级别的数据" },
	{ "region", "region", "区域", "no pool lies within the region the data must not leave",
	  "数据不得离开的区域内没有资源池" },
	{ "not_admitted", "admission", "准入", "no suitable pool admits this tenant",
	  "没有合适的资源池准入该租户" },
	{ "not_named", "other pools", "指定其他池", "the task or its token names other pools",
	  "任务或其令牌指定了其他资源池" },
	{ "accelerator", "accelerators", "加速卡", "no pool has these accelerators on one node",
	  "没有资源池的单个节点具备所需加速卡" },
	{ "cpu", "cpus", "CPU", "no node of any pool has so many cpus",
	  "没有资源池的单个节点具备这么多 CPU" },
	{ "memory", "memory", "内存", "no node of any pool has so much memory",
	  "没有资源池的单个节点具备这么大的内存" },
	{ "nodes", "nodes", "节点数", "no pool has so many nodes that fit",
	  "没有资源池具备足够多的合适节点" },
	{ "image", "image", "镜像", "no suitable pool runs container images",
	  "没有合适的资源池可以运行容器镜像" },
	{ "walltime", "walltime", "最长时间", "no suitable pool allows runs that long",
	  "没有合适的资源池允许运行这么久" },
	{ "latency", "latency", "时延", "no suitable pool is near enough to the users",
	  "没有合适的资源池离用户足够近" },
	{ "deadline", "deadline", "截止时间", "no pool is expected to finish it in time",
	  "预计没有资源池能在截止时间前完成" },
	{ "budget", "budget", "预算", "every pool costs more than its own budget or its tenant's allows",
	  "所有资源池的费用都超出任务自身或租户的预算" },
	{ "quota", "quota", "配额", "its tenant has used up its quota for now",
	  "租户配额目前已用完" },
	{ "stale", "stale news", "状态过期", "there is no recent news from the pool",
	  "资源池近期没有状态上报" },
	{ "drained", "drained", "已排空", "the pool it may use takes no new work",
	  "可用的资源池已排空，不接收新任务" },
	{ "down", "down", "不可用", "the pool it may use is down", "可用的资源池目前不可用" },
	{ "full", "no room now", "暂无空闲", "there is no room at this moment", "目前没有空闲资源" },
	{ "behind", "promised", "已预留", "the room is promised to an earlier task",
	  "资源已预留给更早的任务" },
	{ "dependency", "dependency", "依赖", "it waits for other tasks to end", "正在等待其他任务结束" },
	{ "array_limit", "array limit", "数组上限", "as many of its array run as it allows",
	  "数组同时运行的数量已达上限" },
	{ "backoff", "retry", "重试", "its last run failed or was lost; it is tried again a little later",
	  "上次运行失败或丢失，稍后重试" },
	{ "held", "held", "保留", "it is held back until somebody releases it", "任务被保留，等待放行" },
};

/* How a run ended. */
static const struct {
	const char *code, *en, *zh;
} ends[] = {
	{ "exit", "its command failed", "命令执行失败" },
	{ "signal", "its command was killed by a signal", "命令被信号终止" },
	{ "input", "its inputs could not be fetched", "未能获取输入数据" },
	{ "output", "its outputs could not be stored", "未能存放输出结果" },
	{ "timeout", "it was stopped at its walltime", "达到最长运行时间，已停止" },
	{ "out_of_memory", "it needed more memory than it asked for", "使用的内存超过申请量" },
	{ "stopped", "it was stopped", "已被停止" },
	{ "not_started", "the engine could not start it", "引擎未能启动该任务" },
	{ "returned", "its pool could not start it and gave it back", "资源池未能启动该任务，已退回" },
	{ "recalled", "its pool may not see its data any more; it is chosen anew",
	  "资源池不再具备处理其数据的资格，将重新选择" },
	{ "lost", "it vanished with its pool", "随资源池一同丢失" },
	{ "cancelled", "it was cancelled", "已取消" },
};

const char *words_said(const char *en, char text[PHRASE_ZH_MAX])
{
	return lang_get() == LANG_ZH ? phrase_zh(en, text) : en;
}

const char *words_rule(const char *code)
{
	for (size_t i = 0; code && i < ARRAY_LEN(rules); i++)
		if (!strcmp(rules[i].code, code))
			return tr(rules[i].en, rules[i].zh);
	return code ? code : "?";
}

static const char *reason(const char *code)
{
	for (size_t i = 0; code && i < ARRAY_LEN(rules); i++)
		if (!strcmp(rules[i].code, code))
			return tr(rules[i].en_text, rules[i].zh_text);
	return NULL;
}

const char *words_reason(const char *code)
{
	const char *s = reason(code);

	return s ? s : code ? code : "?";
}

static const char *end(const char *code)
{
	for (size_t i = 0; code && i < ARRAY_LEN(ends); i++)
		if (!strcmp(ends[i].code, code))
			return tr(ends[i].en, ends[i].zh);
	return NULL;
}

const char *words_end(const char *code)
{
	const char *s = end(code);

	return s || !code ? s : out_state(code);
}

const char *words_among(const char *const (*zh)[2], size_t n, const char *code)
{
	for (size_t i = 0; code && i < n; i++)
		if (!strcmp(zh[i][0], code))
			return tr(code, zh[i][1]);
	return code;
}

const char *words_end_short(const char *code)
{
	static const char *const zh[][2] = {
		{ "exit", "退出" }, { "signal", "信号终止" }, { "walltime", "超时" }, { "memory", "内存不足" },
		{ "stopped", "已停止" }, { "not_started", "未启动" }, { "lost", "丢失" }, { "returned", "已退回" },
		{ "recalled", "已召回" },
	};

	return words_among(zh, ARRAY_LEN(zh), code);
}

const char *words_choice(const json_t *task, char text[WORDS_MAX])
{
	int64_t n = out_i(task, "choices", 0);

	if (n < 1)
		return NULL;
	if (n == 1)
		return tr("the only pool that may take it", "唯一可用的资源池");
	snprintf(text, WORDS_MAX, tr("the best of %lld pools", "%lld 个可用资源池中最优"), (long long)n);
	return text;
}

const char *words_task(const json_t *task)
{
	const json_t *r = json_object_get(task, "reason");
	const char *code = out_s(r, "code"), *state = out_s(task, "state"), *s;
	bool ran = state && (!strcmp(state, "failed") || !strcmp(state, "cancelled"));

	if (!code)
		return NULL;
	s = ran && out_i(task, "attempt", 0) ? end(code) : reason(code);
	if (!s)
		s = ran ? reason(code) : end(code);
	return s ? s : out_tr(r, "text");
}
