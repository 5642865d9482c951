/* slurm_rest.c - one call to slurmrestd */

#include "engine/slurm.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The token goes into a header and nowhere else; the line is wiped. */
int slurm_ask(struct slurm *s, bool once, const char *method, const char *path, const char *body,
	      unsigned timeout_ms, fetch_fn fn, void *arg, struct fetch_call **ret,
	      struct err *err)
{
	char url[FETCH_URL_MAX], user[96], token[SLURM_TOKEN_MAX + 32];
	const char *headers[] = { user, token, "Content-Type: application/json", NULL };
	struct fetch_request q = {
		.method = method, .url = url, .headers = headers, .body = body,
		.body_len = body ? strlen(body) : 0, .timeout_ms = timeout_ms, .once = once,
	};
	int r = slurm_conf_token(&s->conf, err);

	if (r)
		return r;
	snprintf(url, sizeof(url), "%s%s", s->conf.base, path);
	snprintf(user, sizeof(user), "X-SLURM-USER-NAME: %s", s->conf.user);
	snprintf(token, sizeof(token), "X-SLURM-USER-TOKEN: %s", s->conf.token);
	r = fetch_start(once ? s->submit : s->control, &q, fn, arg, ret, err);
	explicit_bzero(token, sizeof(token));
	return r;
}

static enum slurm_reply judge(const struct slurm_error *e)
{
	if (e->code == SLURM_E_ZERO_BYTES || e->code == SLURM_E_AUTH)
		return SLURM_TOKEN;
	return slurm_error_silent(e) ? SLURM_SILENT : SLURM_NO;
}

/* A bad token and a dead controller both come as 500 with -1 on a GET: SLURM_SILENT, and a
 * DELETE of job 0 tells them apart (see slurm_poll.c). */
enum slurm_reply slurm_reply_read(const struct fetch_answer *a, bool parse, json_t **ret_json,
				  struct slurm_error *ret_error)
{
	json_t *json = NULL;
	bool complains;

	*ret_error = (struct slurm_error){ 0 };
	*ret_json = NULL;
	if (a->result) {
		snprintf(ret_error->text, sizeof(ret_error->text), "%s", a->text);
		return SLURM_SILENT;
	}
	if (a->status == 200 && !parse)
		return SLURM_OK;
	if (a->status == 401 || a->status == 403) {
		snprintf(ret_error->text, sizeof(ret_error->text), "%.*s", 80, a->body->data);
		return SLURM_TOKEN;
	}
	if (!(json = json_loadb(a->body->data, a->body->len, 0, NULL)) || !json_is_object(json)) {
		snprintf(ret_error->text, sizeof(ret_error->text), "it answered %u: %.*s", a->status,
			 100, a->body->data);
		json_decref(json);
		return a->status >= 500 ? SLURM_SILENT : SLURM_NO;
	}
	complains = slurm_error_of(json, ret_error);
	if (a->status == 200 && !complains) {
		*ret_json = json;
		return SLURM_OK;
	}
	json_decref(json);
	return judge(ret_error);
}
