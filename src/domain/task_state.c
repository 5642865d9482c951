/* task_state.c - the life of a task, as a table */

#include "domain/task.h"

#include <assert.h>
#include <string.h>

static const enum task_state next[TASK_STATE_COUNT][TASK_EV_COUNT] = {
	[TASK_SUBMITTED] = {
		[TASK_EV_WAIT]      = TASK_WAITING,
		[TASK_EV_REFUSE]    = TASK_REFUSED,
		[TASK_EV_GIVE_UP]   = TASK_FAILED,
		[TASK_EV_CANCEL]    = TASK_CANCELLED,
	},
	[TASK_WAITING] = {
		[TASK_EV_WAIT]      = TASK_WAITING,     /* for another reason */
		[TASK_EV_REFUSE]    = TASK_REFUSED,
		[TASK_EV_GIVE_UP]   = TASK_FAILED,
		[TASK_EV_CHOOSE]    = TASK_SENDING,
		[TASK_EV_CANCEL]    = TASK_CANCELLED,
	},
	[TASK_SENDING] = {
		[TASK_EV_ACCEPT]    = TASK_QUEUED,
		[TASK_EV_START]     = TASK_RUNNING,
		[TASK_EV_DONE]      = TASK_DONE,
		[TASK_EV_FAIL]      = TASK_FAILED,
		[TASK_EV_RETRY]     = TASK_WAITING,
		[TASK_EV_LOST]      = TASK_WAITING,
		[TASK_EV_CANCEL]    = TASK_SENDING,     /* noted; the engine is asked */
		[TASK_EV_CANCELLED] = TASK_CANCELLED,
	},
	[TASK_QUEUED] = {
		[TASK_EV_START]     = TASK_RUNNING,
		[TASK_EV_DONE]      = TASK_DONE,
		[TASK_EV_FAIL]      = TASK_FAILED,
		[TASK_EV_RETRY]     = TASK_WAITING,
		[TASK_EV_LOST]      = TASK_WAITING,
		[TASK_EV_CANCEL]    = TASK_QUEUED,
		[TASK_EV_CANCELLED] = TASK_CANCELLED,
	},
	[TASK_RUNNING] = {
		[TASK_EV_DONE]      = TASK_DONE,
		[TASK_EV_FAIL]      = TASK_FAILED,
		[TASK_EV_RETRY]     = TASK_WAITING,
		[TASK_EV_LOST]      = TASK_WAITING,
		[TASK_EV_CANCEL]    = TASK_RUNNING,
		[TASK_EV_CANCELLED] = TASK_CANCELLED,
	},
};

static const char *const names[TASK_STATE_COUNT] = {
	"none", "submitted", "waiting", "sending", "queued", "running",
	"done", "failed", "cancelled", "refused",
};

const char *task_state_name(enum task_state s)
{
	assert(s < TASK_STATE_COUNT);
	return names[s];
}

int task_state_parse(const char *s, enum task_state *ret)
{
	for (int i = TASK_SUBMITTED; i < TASK_STATE_COUNT; i++) {
		if (!strcmp(s, names[i])) {
			*ret = (enum task_state)i;
			return 0;
		}
	}
	return 1;
}

bool task_state_final(enum task_state s)
{
	return s >= TASK_DONE;
}

bool task_state_on_pool(enum task_state s)
{
	return s >= TASK_SENDING && s <= TASK_RUNNING;
}

enum task_state task_next(enum task_state s, enum task_event ev)
{
	assert(s > TASK_NONE && s < TASK_STATE_COUNT && ev < TASK_EV_COUNT);
	return next[s][ev];
}

const char *run_end_name(enum run_end e)
{
	static const char *const ends[] = {
		"none", "exit", "signal", "walltime", "memory", "stopped", "not_started",
	};

	assert(e <= RUN_END_NOT_STARTED);
	return ends[e];
}

const char *run_phase_name(enum run_phase p)
{
	static const char *const phases[] = { "none", "input", "command", "output" };

	assert(p <= PHASE_OUTPUT);
	return phases[p];
}
