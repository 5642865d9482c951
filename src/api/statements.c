/* statements.c - GET /v1/statements: read a month of what lasts, and answer in one of three forms
 *
 * Rows become lines on the loop, a page at a time; a thread makes the document of them, which may
 * take seconds.
 */

#include "api/statement.h"

#include "base/clock.h"
#include "base/mem.h"
#include "loop/work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 1024 };

enum format { FORMAT_JSON, FORMAT_CSV, FORMAT_XLSX };

struct asking {
	struct walk walk;               /* first */
	struct api_call *call;          /* NULL: the client is gone */
	struct statement *s;            /* NULL: the document is made */
	enum party party;
	char month[8];
	enum format format;
	bool full;
	struct buf out;                 /* the document, and what went wrong with it */
	int made;
	struct err err;
};

static void asking_free(struct asking *x)
{
	statement_free(x->s);
	buf_done(&x->out);
	free(x);
}

static void asking_gone(void *arg)
{
	struct asking *x = arg;

	x->call = NULL;
}

static void gone_before(void *arg)
{
	asking_free(arg);
}

static int on_row(struct walk *w, const struct store_row *row)
{
	struct asking *x = (struct asking *)w;
	int r;

	if (!x->call)
		return 1;
	r = statement_row(x->s, flow_node_id(w->api->flow), row, &x->err);
	x->full = r == STATEMENT_E_FULL;
	return r < 0 ? r : x->full;
}

/* On a thread: nothing but `x`. */
static void make(void *arg)
{
	struct asking *x = arg;

	if (x->format == FORMAT_CSV)
		statement_csv(x->s, &x->out);
	else if (x->format == FORMAT_XLSX)
		x->made = statement_xlsx(x->s, &x->out, &x->err);
	else
		statement_json(x->s, &x->out);
	x->s = statement_free(x->s);    /* a hundred thousand lines are not freed in no time */
}

static void answer(struct api_call *c, struct asking *x)
{
	static const char *const parties[] = { "", "tenant", "owner", "issuer" };
	static const char *const types[] = {
		"application/json", "text/csv; charset=utf-8",
		"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	};

	if (x->made) {
		reply_err(c, x->made, &x->err);
		return;
	}
	*reply_begin(c, 200) = x->out;
	x->out = (struct buf){ 0 };
	c->type = types[x->format];
	if (x->format != FORMAT_JSON)
		http_reply_header(c->req, "Content-Disposition",
				  arena_printf(&c->req->arena, "attachment; filename=\"%s-%s.%s\"",
					       parties[x->party], x->month,
					       x->format == FORMAT_CSV ? "csv" : "xlsx"));
	reply_send(c);
}

static void on_made(void *arg)
{
	struct asking *x = arg;

	if (x->call) {
		x->call->gone = NULL;
		answer(x->call, x);
	}
	asking_free(x);
}

/* All rows were read.  0: `x` goes on; 1: it was answered. */
static int make_it(struct api_call *c, struct asking *x)
{
	if (x->full) {
		reply_no(c, NO_BAD_REQUEST, "by", "that statement has too many lines",
			 "ask for it with by=day");
		return 1;
	}
	buf_init(&x->out, API_OUT_MAX);
	if (!work_start(c->api->statements, make, on_made, x))
		return 0;
	reply_no(c, NO_UNAVAILABLE, NULL, "too many statements are being made", NULL);
	return 1;
}

static void on_done(struct walk *w, int r)
{
	struct asking *x = (struct asking *)w;
	struct api_call *c = x->call;

	if (c && !r && walk_more(w)) {
		walk_lasting(w, w->api, x->s->from_ms, x->s->until_ms, w->last, PAGE);
		return;
	}
	if (c && !r && !make_it(c, x))
		return;
	if (c)
		c->gone = NULL;
	if (c && r)
		reply_err(c, r, &x->err);
	asking_free(x);
}

static void first_page(struct api_call *c)
{
	struct asking *x = c->arg;

	c->gone = asking_gone;
	walk_lasting(&x->walk, c->api, x->s->from_ms, x->s->until_ms, 0, PAGE);
}

/* ---- the question ---- */

/* One of the words, its index; absent: 0.  Negative: answered. */
static int word(struct api_call *c, const char *key, const char *const *words)
{
	const char *s = query_str(c, key);

	for (int i = 0; words[i]; i++)
		if (!s || !strcmp(s, words[i]))
			return i;
	reply_no(c, NO_BAD_REQUEST, key, arena_printf(&c->req->arena, "must be %s or %s", words[0],
						      words[1]), NULL);
	return -1;
}

/* Whose?  Nobody named: the token's own tenant. */
static enum party party_of(struct api_call *c, const char **ret_name)
{
	static const char *const keys[] = { NULL, "tenant", "owner", "issuer" };
	enum party found = PARTY_NONE;

	for (unsigned p = PARTY_TENANT; p <= PARTY_ISSUER; p++) {
		const char *s = query_str(c, keys[p]);

		if (!s)
			continue;
		if (found != PARTY_NONE) {
			reply_no(c, NO_BAD_REQUEST, keys[p],
				 "ask for one tenant, owner or issuer at a time", NULL);
			return PARTY_NONE;
		}
		found = (enum party)p;
		*ret_name = s;
	}
	if (found == PARTY_NONE) {
		*ret_name = c->who.tenant;
		found = PARTY_TENANT;
	}
	if (flow_may_see(&c->who, *ret_name) && strlen(*ret_name) <= 128)
		return found;
	reply_no(c, NO_FORBIDDEN, NULL, "a statement is for its own party, and for operator, admin, "
		 "security and auditor", NULL);
	return PARTY_NONE;
}

/* "2026-11"; absent: the present one in Beijing. */
static const char *month_of(struct api_call *c)
{
	const char *s = query_str(c, "month");
	char now[CLOCK_TEXT_MAX];

	if (!s) {
		clock_format(clock_now_ms() + 8 * 3600000, now);
		return arena_strndup(&c->req->arena, now, 7);
	}
	if (strlen(s) == 7 && strspn(s, "0123456789") == 4 && s[4] == '-' &&
	    strspn(s + 5, "0123456789") == 2 && atoi(s) >= 1970 && atoi(s + 5) >= 1 &&
	    atoi(s + 5) <= 12)
		return s;
	reply_no(c, NO_BAD_REQUEST, "month", "must be a month such as 2026-11", NULL);
	return NULL;
}

void api_statement(struct api_call *c)
{
	static const char *const formats[] = { "json", "csv", "xlsx", NULL };
	static const char *const bys[] = { "run", "day", NULL }, *const langs[] = { "en", "zh", NULL };
	const char *month = month_of(c), *name = NULL;
	int format = month ? word(c, "format", formats) : -1;
	int by = format >= 0 ? word(c, "by", bys) : -1;
	int lang = by >= 0 ? word(c, "lang", langs) : -1;
	enum party party = lang >= 0 ? party_of(c, &name) : PARTY_NONE;
	struct asking *x;

	if (party == PARTY_NONE)
		return;
	if (!walk_room(c->api)) {
		reply_no(c, NO_UNAVAILABLE, NULL, "too many reads of the journal are under way",
			 NULL);
		return;
	}
	x = mem_alloc(sizeof(*x));
	x->call = c;
	x->format = (enum format)format;
	x->s = statement_new(party, name, month);
	if (!x->s) {
		free(x);
		reply_no(c, NO_BAD_REQUEST, "month", "must be a month such as 2026-11", NULL);
		return;
	}
	x->party = party;
	snprintf(x->month, sizeof(x->month), "%s", x->s->month);
	x->s->by_day = by == 1;
	x->s->zh = lang == 1;
	x->walk.row = on_row;
	x->walk.done = on_done;
	c->gone = gone_before;
	c->arg = x;
	call_hold(c, first_page);
}
