/* why.h - a decision in words, for `why` and for `submit --dry-run` */
#ifndef CMD_WHY_H
#define CMD_WHY_H

#include <jansson.h>

/* `id`: of the task, NULL for a dry run.  Returns CMD_OK, or CMD_REFUSED. */
int why_print(const json_t *decision, const char *id);

#endif
