/* roles.h - lists of words, as options give them and tables show them */
#ifndef CMD_ROLES_H
#define CMD_ROLES_H

#include "base/buf.h"

#include <jansson.h>

/* "user,operator" -> ["user","operator"]; the daemon knows which ones exist. */
json_t *list_json(const char *text);
/* ["user","operator"] -> "user,operator" */
void roles_put(struct buf *b, const json_t *list);

#endif
