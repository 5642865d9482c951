/* remote.h - the daemon, as the verbs see it
 *
 * Where it is and which token opens it: --server and --token-file, SUANLU_SERVER and
 * SUANLU_TOKEN, else the first state directory that has a file `address`: $SUANLU_STATE,
 * $XDG_STATE_HOME/suanlu, ~/.local/state/suanlu, /var/lib/suanlu.  The token of a state
 * directory is sent to the address of that directory, or to this machine, and nowhere else.
 *
 * For https, SUANLU_CA names the certificates to trust instead of the system's, SUANLU_CERT and
 * SUANLU_KEY a certificate of one's own.
 *
 * Every function returns an exit code, 0 or what was said on standard error.
 */
#ifndef CMD_REMOTE_H
#define CMD_REMOTE_H

#include "base/buf.h"
#include "http/client.h"

#include <jansson.h>

struct remote;

int remote_new(struct remote **ret);
struct remote *remote_free(struct remote *r);   /* takes NULL; NULL back */
void remote_freep(struct remote **r);
const char *remote_server(const struct remote *r);

/* Ask; a status of 400 and above is said and becomes an exit code.  *ret: a new reference,
 * NULL for an answer without a body.  ret_text (may be NULL): the bytes as they came, to
 * be freed. */
int remote_call(struct remote *r, const char *method, const char *path, const json_t *body,
		json_t **ret, char **ret_text);

/* The same for bytes that are not JSON; *a to be freed by http_answer_done() in every case. */
int remote_raw(struct remote *r, const char *path, struct http_answer *a);

/* Events until `fn` says so. */
int remote_stream(struct remote *r, const char *path, http_event_fn fn, void *arg);

/* GET, and with --json print the answer unchanged: then *ret is NULL and the result 0. */
int remote_get(struct remote *r, const char *path, json_t **ret);
/* The same for a list: all pages are in the array `key` of *ret, 100,000 things at most; beyond, it is
 * said that there are more.  With --json the first page is printed: its `next` leads on. */
int remote_list(struct remote *r, const char *path, const char *key, json_t **ret);
/* The same as remote_get for any method. */
int remote_ask(struct remote *r, const char *method, const char *path, const json_t *body,
	       json_t **ret);

/* "suanlu: " + words + hint on standard error. */
void remote_say(const struct err *err);

/* Path of one thing: "/v1/pools/" + name + "/drain", the name encoded. */
char *remote_path(const char *before, const char *name, const char *after);

/* ---- apart for the tests ---- */

/* The token in a file, or an exit code and words: not there, readable by others, not a token. */
int remote_read_token(const char *path, char **ret, struct err *err);
int remote_exit_of(unsigned status, const char *code);
bool remote_is_local(const char *server);

#endif
