/* call.h - one request on its way through api/; private to this folder
 *
 * A call lives in the arena of its http_request: from head() until its answer was handed
 * over, or gone().  Whoever keeps a call for later (a journal walk, a stream) sets
 * `gone` and `arg`, and forgets the call when gone(arg) is called.
 */
#ifndef API_CALL_H
#define API_CALL_H

#include "api/api.h"

#include "base/buf.h"

struct api_call;
struct stream;
struct walk;
struct origin;
struct oidc;
struct logins;
struct guard;
struct work;
typedef void (*api_fn)(struct api_call *c);

enum {
	ROLE_PUBLIC = 0x100,            /* no token needed */
	ROLE_ANY = ROLE_USER | ROLE_OPERATOR | ROLE_ADMIN | ROLE_SECURITY | ROLE_AUDITOR,

	API_PARAMS_MAX = 1,             /* {…} in a path */
	API_BODY_TASK = 1 << 20,        /* with its decision below STORE_BODY_MAX */
	API_BODY_BATCH = 8 << 20,       /* of at most FLOW_BATCH_MAX tasks */
	API_BODY_SMALL = 16 << 10,
	API_OUT_MAX = 32 << 20,         /* an answer; the largest list is 10,000 pools of ~2 KB */
	API_PAGE_MAX = 1000,            /* items of a list */
	API_STREAMS_MAX = 1000,         /* on this node: each holds a connection and a queue */
	API_TOKEN_STREAMS_MAX = 200,    /* of one token, so that one client cannot take them all */
	API_PASSWORDS = 2,              /* hashed at once: 64 MiB and a core each … */
	API_PASSWORDS_WAIT = 32,        /* … and waiting for it: some seconds of work */
	API_STATEMENTS_WAIT = 8,        /* beside the one that is being made; each holds its lines */
	API_WALKS_MAX = 256,            /* reads of the journal under way */
	API_PAST_MAX = 400000,          /* tasks being rebuilt from it, ~120 MB */
};

struct api_route {
	const char *method;
	const char *path;               /* "/v1/tasks/{id}/cancel" */
	unsigned roles;                 /* any of these, or ROLE_PUBLIC */
	size_t body_max;                /* bytes; 0: a body is refused */
	const char *query;              /* names that may be asked, blanks between; name+: often; *: any */
	api_fn fn;
	unsigned scope;                 /* the one that a narrowed token needs; 0: public */
};

extern const struct api_route api_routes[];     /* ends with a NULL method */

/* Match a path against the rows.  Found: the row, *param written (in `a`).  NULL: *allow is
 * NULL (no such path) or the methods that the path has, "GET, POST". */
const struct api_route *route_find(const char *method, const char *path, struct arena *a,
				   const char **param, const char **allow);

struct api {
	uv_loop_t *loop;
	struct flow *flow;
	const char *version;
	const struct http_server *http; /* NULL: nobody told us */
	int64_t started_ms;
	bool stopping;
	bool https;                     /* cookies are for https only */

	struct stream *streams;         /* stream.c */
	unsigned nstreams;
	const struct api_clients *clients;      /* NULL: none */
	struct oidc *oidc;              /* NULL: no provider is configured */
	struct logins *logins;          /* login.c; NULL: with none of them */
	struct guard *guard;            /* guard.c: wrong tokens and passwords */
	struct work *work;              /* hashes of passwords */
	struct work *statements;        /* documents of many lines */
	uint32_t identities;            /* their version when the streams were last looked at */
	struct timer *tick;
	struct flow_watch *watch;       /* events.c: while an event stream is open */
	unsigned nwatchers;

	struct walk *walks;             /* walk.c */
	unsigned nwalks, npast;
	struct origin *origins;         /* origin.c */
	size_t origins_bytes;
};

struct api_call {
	struct api *api;
	struct http_request *req;
	const struct api_route *route;
	struct token who;               /* a copy: tokens may change while we wait */
	bool by_cookie;                 /* … and it came in a cookie */
	const char *param;              /* the {…} of the path */
	json_t *body;                   /* of call_json() */
	unsigned status;
	const char *type;
	struct buf out;
	api_fn then;                    /* call_hold() */
	void (*gone)(void *arg);
	void *arg;
};

/* ---- caller.c: into c->who; 0, or 1 and the call is answered ---- */
/* No page of another site changes anything. */
int caller_site(struct api_call *c);
/* Authorization counts before a cookie, a cookie before a certificate; a public row needs none. */
int caller_find(struct api_call *c);
/* A text of ours or of a provider, wherever it came from. */
int caller_text(struct api_call *c, const char *text);
/* Too many wrong ones from its address: 1, and answered with 429. */
int caller_flooded(struct api_call *c);
/* Somebody of a provider is of a tenant that is here: 0, or OIDC_E_FORBIDDEN. */
int caller_has_tenant(const struct api_call *c, struct err *err);
/* A page of ours, or none at all: who sets a cookie must not do so from elsewhere. */
int caller_not_a_foreign_page(struct api_call *c);
bool caller_same_host(const char *origin, const char *host);    /* https://h:1 and h:1; NULL: no */

/* ---- language.c: English, or Chinese when the header Accept-Language prefers it ---- */
bool call_wants_zh(const struct api_call *c);
/* A decision's text with the figures of its reasons in that language, in the arena. */
char *decision_said(struct api_call *c, const char *text);

/* ---- query.c: strict parameters; 0, or 1 and the call is answered with 400 ---- */
int query_check(struct api_call *c);            /* names, doubles, escapes */
int query_i64(struct api_call *c, const char *name, int64_t min, int64_t max, int64_t *ret);
int query_flag(struct api_call *c, const char *name, bool *ret);        /* 0 or 1 */
const char *query_str(struct api_call *c, const char *name);    /* NULL: absent */

/* ---- reply.c: every answer ends a call ---- */
enum no {
	NO_BAD_REQUEST, NO_UNAUTHORIZED, NO_FORBIDDEN, NO_NOT_FOUND, NO_METHOD, NO_CONFLICT,
	NO_TOO_LARGE, NO_TYPE, NO_TOO_MANY, NO_UNAVAILABLE, NO_INTERNAL,
};

/* Once everything decided so far is durable: fn(c). */
void call_hold(struct api_call *c, api_fn fn);

/* Begin a JSON answer; write into the buffer, then send: it leaves when all is durable. */
struct buf *reply_begin(struct api_call *c, unsigned status);
void reply_send(struct api_call *c);
void reply_send_now(struct api_call *c);                /* for what no crash can undo */
void reply_json(struct api_call *c, unsigned status, json_t *json);     /* steals json */
void reply_empty(struct api_call *c);                   /* 204 */
/* {"KEY":[…],"next":…}: of `n` items those behind the one that after= names, as many as limit= says. */
struct page {
	const char *key, *none;         /* none: what is said when after= names nothing … */
	int64_t (*place)(const struct api_call *c, const char *name);   /* … for then this is below 0 */
	/* Of a place, with the name by which the next page is asked for; NULL: none that the caller
	 * may see. */
	json_t *(*item)(const struct api_call *c, uint32_t i, const char **ret_name);
};
void reply_page(struct api_call *c, const struct page *p, uint32_t n);

/* Refuse at once, in both languages; `detail` says what in particular is wrong. */
void reply_no(struct api_call *c, enum no no, const char *field, const char *detail,
	      const char *hint);
/* 429, to be asked again after so many seconds. */
void reply_wait(struct api_call *c, unsigned wait_s, const char *detail);
/* 401 for a wrong token or password, which is counted; too many: 429. */
void reply_wrong(struct api_call *c, const char *detail, const char *hint);
/* Whatever flow or a decoder answered: positive becomes a 4xx, negative a 500. */
void reply_err(struct api_call *c, int r, const struct err *err);
int call_json(struct api_call *c);              /* body -> c->body; 1: answered with 400 */
void call_done(struct api_call *c);             /* give back what is not in the arena */

/* ---- small writers (task_json.c) ---- */
void put_json(struct buf *b, const json_t *json);
void put_new(struct buf *b, json_t *json);              /* the same; steals json */
void put_text(struct buf *b, const char *s);            /* a string, or null */
void put_time(struct buf *b, int64_t ms);               /* RFC 3339, or null for 0 */
void put_reason(struct buf *b, const char *code);       /* {"code","text","text_zh"}, or null */
void put_end(struct buf *b, enum run_end e);            /* "exit" …, or null */
void put_phase(struct buf *b, enum run_phase p);

struct task_extra {
	bool spec;                      /* write the spec too … */
	bool hide;                      /* … for somebody else than its owner */
	const uint32_t *by_state;       /* write the array member; TASK_STATE_COUNT counts */
};
void put_task(struct buf *b, const struct flow *f, const struct task *t,
	      const struct task_extra *extra);

/* ---- walk.c: one page of the journal, asynchronously ---- */
struct walk {
	struct walk *prev, *next;
	struct api *api;                /* NULL: the api is gone */
	/* 0: go on; 1: enough; negative: the journal is damaged. */
	int (*row)(struct walk *w, const struct store_row *row);
	/* Always called, once per page; may start the next page or free the walk's owner. */
	void (*done)(struct walk *w, int r);
	unsigned got, max;
	uint64_t last;                  /* seq of the last row */
	bool enough;
};
bool walk_room(const struct api *a);
/* Set row and done before.  Row and done get the walk back. */
void walk_page(struct walk *w, struct api *a, uint64_t subject, uint64_t task,
	       uint64_t after_seq, unsigned max);
/* The same for lasting rows of a time: from_ms <= at_ms < until_ms. */
void walk_lasting(struct walk *w, struct api *a, int64_t from_ms, int64_t until_ms,
		  uint64_t after_seq, unsigned max);
static inline bool walk_more(const struct walk *w)
{
	return !w->enough && w->got == w->max;
}

/* ---- find.c: the task of {id}, from memory or, older ones, from the journal ---- */
struct found {
	const struct task *task;        /* valid for the call of fn only */
	const uint32_t *by_state;       /* of the whole submission when it is an array and `all` */
	bool past;                      /* rebuilt from the journal: it ended long ago */
};
typedef void (*found_fn)(struct api_call *c, const struct found *found);
/* Not there, or not to be seen by this token: 404 and fn is not called. */
void find_task(struct api_call *c, bool all, found_fn fn);
int spec_from_journal(const struct api *a, const struct record *submit, struct task_spec **ret,
		      struct err *err);

/* ---- runs.c: the runs of a task, from the journal ---- */
struct run {
	uint32_t attempt;
	char pool[64];
	int64_t chosen_ms, started_ms, ended_ms;
	bool lost;
	enum run_end end;
	enum run_phase phase;
	int exit_code;
	char text[RUN_TEXT_MAX];
	struct usage usage;
	uint32_t noutputs;
	struct run_output *outputs;     /* stored ones that its engine told of */
	int64_t cost_micro, energy_j, carbon_mg, wait_p50_s, run_p50_s;
};
typedef void (*runs_fn)(struct api_call *c, const struct task *t, const struct run *runs,
			uint32_t n);
/* fn gets the latest 64, oldest first, and answers; else the call is answered. */
void runs_read(struct api_call *c, const struct task *t, runs_fn fn);

/* ---- origin.c: whose is a submission, and how are its tasks called ---- */
struct origin {
	uint64_t sub;
	char *tenant;
	bool array;
	uint32_t n, first, step;        /* indices first + i * step, or … */
	uint32_t *indices;
};
const struct origin *origin_find(struct api *a, uint64_t sub);  /* valid until the loop turns */
const struct origin *origin_put(struct api *a, uint64_t sub, const struct task_spec *spec);
void origins_done(struct api *a);
/* "12" or "12_3"; no == 0: the submission. */
char *origin_id(const struct origin *o, uint64_t no, char out[TASK_ID_TEXT_MAX]);

/* ---- stream.c: server-sent events ---- */
struct stream {
	struct stream *prev, *next;
	struct api *api;
	struct api_call *call;          /* NULL: over */
	uint64_t ping_at;
	struct token who;
	unsigned busy;                  /* not to be freed now */
	bool wants_rows;                /* events.c */
	bool (*step)(struct stream *s);         /* from the tick; true: more to do at once; or NULL */
	void (*free)(struct stream *s);
};
int stream_room(struct api_call *c);            /* 1: answered with 503 or 429 */
/* The answer begins.  step, free and wants_rows are set before; `s` is freed by s->free. */
void stream_open(struct api_call *c, struct stream *s);
/* Look at stream_unsent() before much is sent: the server drops a stream at its limit. */
void stream_send(struct stream *s, const char *event, uint64_t id, const char *data, size_t n);
size_t stream_unsent(const struct stream *s);   /* bytes the client has not taken yet */
void stream_end(struct stream *s);
static inline void stream_enter(struct stream *s)
{
	s->busy++;
}
void stream_leave(struct stream *s);            /* may free it */
void streams_end(struct api *a);

/* ---- events.c ---- */
void events_watch(struct api *a, int change);   /* +1, -1: streams that want rows */

/* ---- the rows' functions ---- */
void api_home(struct api_call *c);
void api_console(struct api_call *c);
void api_health(struct api_call *c);
void api_ready(struct api_call *c);
void api_metrics(struct api_call *c);
void api_node(struct api_call *c);
void api_accelerators(struct api_call *c);
void api_task_submit(struct api_call *c);
void api_task_submit_many(struct api_call *c);
void api_task_list(struct api_call *c);
void api_history(struct api_call *c);
void api_task_get(struct api_call *c);
void api_task_cancel(struct api_call *c);
void api_task_runs(struct api_call *c);
void api_task_decisions(struct api_call *c);
void api_task_logs(struct api_call *c);
void api_task_events(struct api_call *c);
void api_events(struct api_call *c);
void api_decide(struct api_call *c);
void api_pool_list(struct api_call *c);
void api_pool_get(struct api_call *c);
void api_pool_drain(struct api_call *c);
void api_pool_resume(struct api_call *c);
void api_pool_lost(struct api_call *c);
void api_pool_clearance(struct api_call *c);
void api_dataset_list(struct api_call *c);
void api_dataset_get(struct api_call *c);
void api_dataset_put(struct api_call *c);
void api_dataset_remove(struct api_call *c);
void api_price_list(struct api_call *c);
void api_price_set(struct api_call *c);
void api_voucher_list(struct api_call *c);
void api_voucher_issue(struct api_call *c);
void api_voucher_get(struct api_call *c);
void api_voucher_withdraw(struct api_call *c);
void api_budget_get(struct api_call *c);
void api_budget_change(struct api_call *c);
void api_task_refund(struct api_call *c);
void api_ledger(struct api_call *c);
void api_statement(struct api_call *c);
void api_token_list(struct api_call *c);
void api_token_new(struct api_call *c);
void api_token_revoke(struct api_call *c);
void api_tenant_list(struct api_call *c);
void api_tenant_get(struct api_call *c);
void api_tenant_new(struct api_call *c);
void api_tenant_change(struct api_call *c);
void api_tenant_remove(struct api_call *c);
void api_user_list(struct api_call *c);
void api_user_get(struct api_call *c);
void api_user_new(struct api_call *c);
void api_user_change(struct api_call *c);
void api_user_remove(struct api_call *c);
void api_session_get(struct api_call *c);
void api_session_open(struct api_call *c);
void api_session_close(struct api_call *c);
void api_provider_list(struct api_call *c);
void api_provider_login(struct api_call *c);
void api_login_callback(struct api_call *c);
void api_password_change(struct api_call *c);
void api_password_reset(struct api_call *c);
void api_own_token_list(struct api_call *c);
void api_own_token_new(struct api_call *c);
void api_own_token_revoke(struct api_call *c);
json_t *quota_view(const struct flow *f, const char *tenant);   /* limits and what is used of them */
void api_quota_own(struct api_call *c);
void api_quota_list(struct api_call *c);
void api_quota_get(struct api_call *c);
void api_quota_set(struct api_call *c);
void api_dataset_report(struct api_call *c);
void api_audit_list(struct api_call *c);
void api_audit_dataset(struct api_call *c);
void api_audit_head(struct api_call *c);
void api_tes_info(struct api_call *c);
void api_tes_create(struct api_call *c);
void api_tes_list(struct api_call *c);
void api_tes_get(struct api_call *c);
void api_tes_cancel(struct api_call *c);

#endif
