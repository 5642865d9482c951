/* statement.c - a month's account of one party: rows into lines and sums */

#include "api/statement.h"

#include "base/clock.h"
#include "base/mem.h"
#include "domain/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY_MS = 86400000, BEIJING_MS = 8 * 3600000 };

struct statement *statement_new(enum party party, const char *name, const char *month)
{
	struct statement *s = mem_alloc(sizeof(*s));
	int year = atoi(month), of_year = atoi(month + 5);
	char text[40];

	arena_init(&s->arena);
	s->party = party;
	s->name = arena_strdup(&s->arena, name);
	snprintf(s->month, sizeof(s->month), "%.7s", month);
	snprintf(text, sizeof(text), "%04d-%02d-01T00:00:00+08:00", year, of_year);
	if (clock_parse(text, &s->from_ms))
		return statement_free(s);
	snprintf(text, sizeof(text), "%04d-%02d-01T00:00:00+08:00", year + of_year / 12,
		 of_year % 12 + 1);
	if (clock_parse(text, &s->until_ms))
		return statement_free(s);
	return s;
}

struct statement *statement_free(struct statement *s)
{
	if (!s)
		return NULL;
	HASH_CLEAR(hh, s->days);
	arena_done(&s->arena);
	free(s->lines);
	free(s);
	return NULL;
}

/* ---- lines ---- */

static void add_to(struct line *to, const struct line *l)
{
	to->runs += l->runs;
	to->run_ms += l->run_ms;
	to->total_micro += l->total_micro;
	to->own_micro += l->own_micro;
	to->voucher_micro += l->voucher_micro;
	to->in_micro += l->in_micro;
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static const char *word(const char *s)
{
	return s ? s : "";
}

/* The line of the day that this one belongs to; the first of its kind is `next`. */
static uint32_t line_of_day(struct statement *s, const struct line *l, uint32_t next)
{
	struct day *day = NULL;
	char key[512];
	int n = snprintf(key, sizeof(key), "%lld\n%d\n%s\n%s\n%s\n%s", (long long)l->at_ms,
			 (int)l->kind, word(l->tenant), word(l->owner), word(l->pool),
			 word(l->chip));

	if (n >= (int)sizeof(key))
		n = sizeof(key) - 1;
	HASH_FIND(hh, s->days, key, n, day);
	if (day)
		return day->line;
	day = arena_alloc(&s->arena, sizeof(*day));
	day->line = next;
	day->key = arena_strndup(&s->arena, key, (size_t)n);
	HASH_ADD_KEYPTR(hh, s->days, day->key, (size_t)n, day);
	return next;
}

static int64_t day_of(int64_t ms)
{
	int64_t t = ms + BEIJING_MS;

	return t - t % DAY_MS - (t % DAY_MS < 0 ? DAY_MS : 0) - BEIJING_MS;
}

static int line_add(struct statement *s, struct line *l)
{
	const char **texts[] = { &l->run, &l->tenant, &l->owner, &l->pool, &l->chip, &l->note };
	uint32_t at = s->n;

	add_to(&s->sum, l);
	if (s->by_day) {
		l->at_ms = day_of(l->at_ms);
		l->run = l->note = NULL;
		at = line_of_day(s, l, s->n);
	}
	if (at < s->n) {
		add_to(&s->lines[at], l);
		return 0;
	}
	if (s->n == STATEMENT_LINES_MAX)
		return STATEMENT_E_FULL;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		*texts[i] = arena_strdup(&s->arena, *texts[i]);
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 256;
		s->lines = mem_grow(s->lines, s->cap, sizeof(*s->lines));
	}
	s->lines[s->n++] = *l;
	return 0;
}

/* ---- rows ---- */

/* "3: 0.000300; 5: 0.000100": what each voucher paid. */
static const char *parts_text(struct statement *s, const struct money *m, int64_t *ret_micro,
			      bool *ret_mine)
{
	char text[MONEY_PARTS_MAX * 48];
	size_t n = 0;

	*ret_micro = 0;
	*ret_mine = false;
	for (uint32_t i = 0; i < m->n; i++) {
		const struct money_part *p = &m->part[i];

		if (s->party == PARTY_ISSUER && strcmp(p->issuer, s->name) != 0)
			continue;
		*ret_mine = true;
		*ret_micro += p->micro;
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s#%u %lld.%06lld", n ? "; " : "",
				      p->voucher, (long long)(p->micro / 1000000),
				      (long long)(p->micro % 1000000));
	}
	return n ? arena_strdup(&s->arena, text) : NULL;
}

static int paid(struct statement *s, const char *node_id, const struct store_row *row,
		uint64_t task, const struct money *m, struct line *l)
{
	int sign = l->kind == LINE_REFUND ? -1 : 1;
	char run[RUN_ID_MAX];
	const char *parts;
	bool mine;

	if ((s->party == PARTY_TENANT && strcmp(m->tenant, s->name) != 0) ||
	    (s->party == PARTY_OWNER && strcmp(m->owner, s->name) != 0))
		return 1;
	parts = parts_text(s, m, &l->voucher_micro, &mine);
	if (s->party == PARTY_ISSUER && !mine)
		return 1;
	snprintf(run, sizeof(run), "%s-%llu-%u", node_id, (unsigned long long)task, m->attempt);
	l->at_ms = row->at_ms;
	l->runs = l->kind == LINE_RUN;
	l->run = run;
	l->tenant = m->tenant;
	l->owner = m->owner;
	l->pool = m->pool;
	l->chip = m->chip;
	l->note = l->note ? l->note : parts;
	l->voucher_micro *= sign;
	l->own_micro = s->party == PARTY_ISSUER ? 0 : sign * m->own_micro;
	l->total_micro = l->own_micro + l->voucher_micro;
	return line_add(s, l);
}

static int row_end(struct statement *s, const char *node_id, const struct store_row *row,
		   const struct record *r)
{
	struct line l = { .kind = LINE_RUN, .run_ms = r->usage.run_ms };

	return r->money ? paid(s, node_id, row, row->task, r->money, &l) : 1;
}

static int row_refund(struct statement *s, const char *node_id, const struct store_row *row,
		      const struct record *r, struct err *err)
{
	struct line l = { .kind = LINE_REFUND,
			  .note = json_string_value(json_object_get(r->doc, "reason")) };
	struct money m = { 0 };
	struct arena arena;
	struct dec d;
	int e;

	arena_init(&arena);
	dec_begin(&d, r->doc, "", NULL, &arena, err);
	dec_money(&d, "money", &m);
	e = d.r ? -EPROTO :
	    paid(s, node_id, row, (uint64_t)json_integer_value(json_object_get(r->doc, "task")), &m,
		 &l);
	arena_done(&arena);
	return e;
}

static int row_budget(struct statement *s, const struct store_row *row, const json_t *doc)
{
	struct line l = {
		.kind = LINE_BUDGET, .at_ms = row->at_ms,
		.tenant = json_string_value(json_object_get(doc, "tenant")),
		.note = json_string_value(json_object_get(doc, "reason")),
		.in_micro = json_integer_value(json_object_get(doc, "add_micro")),
	};

	return s->party == PARTY_TENANT && same(l.tenant, s->name) ? line_add(s, &l) : 1;
}

/* For its issuer and its tenant. */
static int row_voucher(struct statement *s, const struct store_row *row, const json_t *doc)
{
	bool withdrawn = json_object_get(doc, "withdrawn") != NULL;
	int64_t id = json_integer_value(json_object_get(doc, withdrawn ? "withdrawn" : "id"));
	int64_t micro = json_integer_value(json_object_get(doc, withdrawn ? "left_micro"
									  : "face_micro"));
	char note[WIRE_REASON_MAX + 64];
	struct line l = {
		.kind = withdrawn ? LINE_WITHDRAWAL : LINE_VOUCHER, .at_ms = row->at_ms,
		.tenant = json_string_value(json_object_get(doc, "tenant")), .note = note,
	};

	if (!same(json_string_value(json_object_get(doc, s->party == PARTY_ISSUER ? "issuer" :
						    "tenant")), s->name) ||
	    s->party == PARTY_OWNER)
		return 1;
	snprintf(note, sizeof(note), "#%lld %lld.%06lld %s", (long long)id,
		 (long long)(micro / 1000000), (long long)(micro % 1000000),
		 json_string_value(json_object_get(doc, withdrawn ? "reason" : "title")));
	/* A voucher is no money of the tenant's, and a withdrawal moves none: what is reserved is paid
	 * still.  Both are told, not counted. */
	l.in_micro = s->party == PARTY_ISSUER && !withdrawn ? micro : 0;
	return line_add(s, &l);
}

int statement_row(struct statement *s, const char *node_id, const struct store_row *row,
		  struct err *err)
{
	struct record r = { 0 };
	int e = record_decode(row->kind, row->at_ms, row->subject, row->task, row->body,
			      row->body_len, &r, err);

	if (e)
		return e > 0 ? -EPROTO : e;
	switch (r.kind) {
	case RECORD_END:
		e = row_end(s, node_id, row, &r);
		break;
	case RECORD_REFUND:
		e = row_refund(s, node_id, row, &r, err);
		break;
	case RECORD_BUDGET:
		e = row_budget(s, row, r.doc);
		break;
	case RECORD_VOUCHER:
		e = row_voucher(s, row, r.doc);
		break;
	default:
		e = 1;
	}
	record_done(&r);
	return e;
}
