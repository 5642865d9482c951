/* plan.h - `suanlu plan`: a history on the pools of today, and on those of a wish, side by side
 *
 * src/plan.c reads configuration, wishes and history and has both replayed; here the two are
 * compared.  Everything that is said, on the terminal, in --json and in the report, comes from
 * one JSON document.
 */
#ifndef CMD_PLAN_H
#define CMD_PLAN_H

#include "sim/city.h"

#include <jansson.h>

enum { PLAN_CHANGES_MAX = 64, PLAN_POINTS = 200 };

struct plan_side {
	uint32_t npools;
	struct pool **pools;
	struct city_result result;
};

struct plan {
	const char *config_path, *history_path;
	const struct past *past;
	uint32_t nchanges;
	const char *changes[PLAN_CHANGES_MAX];  /* "add west", "drain hub" */
	struct plan_side base, what;            /* what: only with changes */
};

json_t *plan_json(const struct plan *p);
void plan_print(const json_t *doc);

/* 0, or -errno. */
int plan_html(const json_t *doc, const char *path);
/* One line per task: where, when and why, on both sides.  0, or -errno. */
int plan_log(const struct plan *p, const char *path);

/* A reason of a task that moved, waits or was refused, in the reader's language or in both. */
const char *plan_reason(const char *code, int zh);

#endif
