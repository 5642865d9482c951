/* ledger.c - double entry: money is moved between accounts, and never made or lost
 *
 * Accounts and yearly uses are in two hash tables by a text key.  While the parts of a
 * checkpoint come in, they gather in a second ledger; the last part puts it in place.
 */

#include "domain/ledger.h"

#include "base/mem.h"
#include "domain/wire.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

enum { KEY_MAX = 256 };         /* a kind, and a name of at most 128 bytes or two names */

struct line {
	enum account_kind kind;
	const char *name;               /* in key */
	int64_t micro;
	UT_hash_handle hh;
	char key[];
};

struct use {
	int64_t micro, held;
	int year;
	UT_hash_handle hh;
	char key[];                     /* issuer '\n' tenant '\n' year */
};

struct ledger {
	struct line *lines;             /* in order of their making */
	struct use *uses;
	struct line **list;
	uint32_t n, cap;
	int64_t volume;
	struct ledger *coming;          /* a checkpoint under way */
	uint32_t next_part;
};

static const char *const kind_names[] = {
	[ACCOUNT_NONE] = "none", [ACCOUNT_OUTSIDE] = "outside", [ACCOUNT_TENANT] = "tenant",
	[ACCOUNT_HELD] = "held", [ACCOUNT_ISSUER] = "issuer", [ACCOUNT_VOUCHER] = "voucher",
	[ACCOUNT_VOUCHER_HELD] = "voucher-held", [ACCOUNT_OWNER] = "owner",
};

const char *account_kind_name(enum account_kind k)
{
	return k < ACCOUNT_KINDS ? kind_names[k] : "none";
}

static enum account_kind kind_of(const char *name)
{
	for (unsigned k = ACCOUNT_OUTSIDE; name && k < ACCOUNT_KINDS; k++)
		if (!strcmp(kind_names[k], name))
			return (enum account_kind)k;
	return ACCOUNT_NONE;
}

static bool is_held(enum account_kind k)
{
	return k == ACCOUNT_HELD || k == ACCOUNT_VOUCHER_HELD;
}

/* The account that a held one belongs to. */
static enum account_kind home_of(enum account_kind k)
{
	return k == ACCOUNT_HELD ? ACCOUNT_TENANT : ACCOUNT_VOUCHER;
}

struct ledger *ledger_new(void)
{
	return mem_alloc(sizeof(struct ledger));
}

struct ledger *ledger_free(struct ledger *l)
{
	struct use *u, *tmp;

	if (!l)
		return NULL;
	HASH_CLEAR(hh, l->lines);
	for (uint32_t i = 0; i < l->n; i++)
		free(l->list[i]);
	free(l->list);
	HASH_ITER(hh, l->uses, u, tmp) {
		HASH_DELETE(hh, l->uses, u);
		free(u);
	}
	ledger_free(l->coming);
	free(l);
	return NULL;
}

/* ---- accounts ---- */

static size_t line_key(char out[KEY_MAX], enum account_kind kind, const char *name)
{
	int n = snprintf(out, KEY_MAX, "%c%s", 'a' + (char)kind, name);

	assert(n > 0 && n < KEY_MAX);
	return (size_t)n;
}

static struct line *line_find(const struct ledger *l, enum account_kind kind, const char *name)
{
	struct line *line = NULL;
	char key[KEY_MAX];
	size_t n = line_key(key, kind, name);

	HASH_FIND(hh, l->lines, key, n, line);
	return line;
}

static struct line *line_get(struct ledger *l, enum account_kind kind, const char *name)
{
	struct line *line = line_find(l, kind, name);
	char key[KEY_MAX];
	size_t n;

	if (line)
		return line;
	n = line_key(key, kind, name);
	line = mem_alloc(sizeof(*line) + n + 1);
	memcpy(line->key, key, n + 1);
	line->kind = kind;
	line->name = line->key + 1;
	HASH_ADD_KEYPTR(hh, l->lines, line->key, n, line);
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		l->list = mem_grow(l->list, l->cap, sizeof(*l->list));
	}
	l->list[l->n++] = line;
	return line;
}

static void add(int64_t *to, int64_t micro)
{
	bool over = __builtin_add_overflow(*to, micro, to);

	assert(!over && "LEDGER_VOLUME_MAX keeps sums in range");
	(void)over;
}

void ledger_post(struct ledger *l, const struct posting *p, uint32_t n)
{
	int64_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		add(&sum, p[i].micro);
	assert(sum == 0 && "an entry balances");
	for (uint32_t i = 0; i < n; i++)
		if (p[i].micro)
			add(&line_get(l, p[i].kind, p[i].name)->micro, p[i].micro);
}

int64_t ledger_balance(const struct ledger *l, enum account_kind kind, const char *name)
{
	const struct line *line = line_find(l, kind, name);

	return line ? line->micro : 0;
}

static char *id_text(uint32_t id, char out[16])
{
	snprintf(out, 16, "%u", id);
	return out;
}

int64_t ledger_voucher(const struct ledger *l, enum account_kind kind, uint32_t id)
{
	char text[16];

	return ledger_balance(l, kind, id_text(id, text));
}

int64_t ledger_sum(const struct ledger *l)
{
	__int128 sum = 0;

	for (uint32_t i = 0; i < l->n; i++)
		sum += l->list[i]->micro;
	return sum > INT64_MAX ? INT64_MAX : sum < INT64_MIN ? INT64_MIN : (int64_t)sum;
}

bool ledger_full(const struct ledger *l)
{
	return l->volume > LEDGER_VOLUME_MAX;
}

bool ledger_at(const struct ledger *l, uint32_t i, struct account *ret)
{
	if (i >= l->n)
		return false;
	*ret = (struct account){ l->list[i]->kind, l->list[i]->name, l->list[i]->micro };
	return true;
}

/* ---- the use of a year ---- */

static size_t use_key(char out[KEY_MAX], const char *issuer, const char *tenant, int year)
{
	int n = snprintf(out, KEY_MAX, "%s\n%s\n%d", issuer, tenant, year);

	assert(n > 0 && n < KEY_MAX);
	return (size_t)n;
}

static struct use *use_find(const struct ledger *l, const char *issuer, const char *tenant,
			    int year)
{
	struct use *u = NULL;
	char key[KEY_MAX];
	size_t n = use_key(key, issuer, tenant, year);

	HASH_FIND(hh, l->uses, key, n, u);
	return u;
}

static struct use *use_get(struct ledger *l, const char *issuer, const char *tenant, int year)
{
	struct use *u = use_find(l, issuer, tenant, year);
	char key[KEY_MAX];
	size_t n;

	if (u)
		return u;
	n = use_key(key, issuer, tenant, year);
	u = mem_alloc(sizeof(*u) + n + 1);
	memcpy(u->key, key, n + 1);
	u->year = year;
	HASH_ADD_KEYPTR(hh, l->uses, u->key, n, u);
	return u;
}

int64_t ledger_use(const struct ledger *l, const char *issuer, const char *tenant, int year)
{
	const struct use *u = use_find(l, issuer, tenant, year);

	return u ? u->micro + u->held : 0;
}

/* ---- movements ---- */

static void volume(struct ledger *l, int64_t micro)
{
	if (__builtin_add_overflow(l->volume, micro < 0 ? -micro : micro, &l->volume))
		l->volume = INT64_MAX;
}

/* Between the tenant and what is held of it, its vouchers likewise; sign 1 holds. */
static void move_held(struct ledger *l, const struct money *m, int sign)
{
	struct posting p[2 + 2 * MONEY_PARTS_MAX];
	char id[MONEY_PARTS_MAX][16];
	uint32_t n = 0;

	p[n++] = (struct posting){ ACCOUNT_TENANT, m->tenant, -sign * m->own_micro };
	p[n++] = (struct posting){ ACCOUNT_HELD, m->tenant, sign * m->own_micro };
	for (uint32_t i = 0; i < m->n; i++) {
		int64_t micro = sign * m->part[i].micro;

		id_text(m->part[i].voucher, id[i]);
		p[n++] = (struct posting){ ACCOUNT_VOUCHER, id[i], -micro };
		p[n++] = (struct posting){ ACCOUNT_VOUCHER_HELD, id[i], micro };
		add(&use_get(l, m->part[i].issuer, m->tenant, m->year)->held, micro);
	}
	ledger_post(l, p, n);
}

void ledger_hold(struct ledger *l, const struct money *m)
{
	move_held(l, m, 1);
}

void ledger_release(struct ledger *l, const struct money *m)
{
	move_held(l, m, -1);
}

/* From those who pay to the owner; sign -1 gives it back. */
static void move_paid(struct ledger *l, const struct money *m, int sign)
{
	struct posting p[2 + MONEY_PARTS_MAX];
	char id[MONEY_PARTS_MAX][16];
	uint32_t n = 0;

	p[n++] = (struct posting){ ACCOUNT_TENANT, m->tenant, -sign * m->own_micro };
	p[n++] = (struct posting){ ACCOUNT_OWNER, m->owner, sign * money_total(m) };
	for (uint32_t i = 0; i < m->n; i++) {
		id_text(m->part[i].voucher, id[i]);
		p[n++] = (struct posting){ ACCOUNT_VOUCHER, id[i], -sign * m->part[i].micro };
		add(&use_get(l, m->part[i].issuer, m->tenant, m->year)->micro,
		    sign * m->part[i].micro);
	}
	ledger_post(l, p, n);
	volume(l, money_total(m));
}

void ledger_charge(struct ledger *l, const struct money *m)
{
	move_paid(l, m, 1);
}

void ledger_refund(struct ledger *l, const struct money *m)
{
	move_paid(l, m, -1);
}

void ledger_issue(struct ledger *l, const struct voucher *v)
{
	char id[16];
	const struct posting p[] = {
		{ ACCOUNT_ISSUER, v->issuer, -v->face_micro },
		{ ACCOUNT_VOUCHER, id_text(v->id, id), v->face_micro },
	};

	ledger_post(l, p, ARRAY_LEN(p));
	volume(l, v->face_micro);
}

void ledger_grant(struct ledger *l, const char *tenant, int64_t micro)
{
	const struct posting p[] = {
		{ ACCOUNT_OUTSIDE, "", -micro }, { ACCOUNT_TENANT, tenant, micro },
	};

	ledger_post(l, p, ARRAY_LEN(p));
	volume(l, micro);
}

/* ---- checkpoints ---- */

uint32_t ledger_parts(const struct ledger *l)
{
	uint32_t lines = (l->n + LEDGER_PART - 1) / LEDGER_PART;
	uint32_t uses = (HASH_COUNT(l->uses) + LEDGER_PART - 1) / LEDGER_PART;

	return lines > uses ? lines : uses ? uses : 1;
}

static json_t *good_line(const struct ledger *l, const struct line *line)
{
	int64_t micro = line->micro;

	if (line->kind == ACCOUNT_TENANT)
		micro += ledger_balance(l, ACCOUNT_HELD, line->name);
	else if (line->kind == ACCOUNT_VOUCHER)
		micro += ledger_balance(l, ACCOUNT_VOUCHER_HELD, line->name);
	return json_pack("[s, s, I]", account_kind_name(line->kind), line->name, (json_int_t)micro);
}

static json_t *good_use(const struct use *u)
{
	size_t issuer = strcspn(u->key, "\n"), tenant = strcspn(u->key + issuer + 1, "\n");

	return json_pack("[s%, s%, i, I]", u->key, issuer, u->key + issuer + 1, tenant, u->year,
			 (json_int_t)u->micro);
}

json_t *ledger_part(const struct ledger *l, uint32_t part)
{
	json_t *accounts = json_array(), *uses = json_array();
	uint32_t from = part * LEDGER_PART, i = 0;
	const struct use *u, *tmp;

	for (uint32_t k = from; k < l->n && k < from + LEDGER_PART; k++)
		if (!is_held(l->list[k]->kind))
			wire_append(accounts, good_line(l, l->list[k]));
	HASH_ITER(hh, l->uses, u, tmp) {
		if (i >= from && i < from + LEDGER_PART && u->micro)
			wire_append(uses, good_use(u));
		i++;
	}
	return json_pack("{s:I, s:I, s:I, s:o, s:o}", "part", (json_int_t)part, "parts",
			 (json_int_t)ledger_parts(l), "volume", (json_int_t)l->volume, "accounts",
			 accounts, "use", uses);
}

static int read_accounts(struct ledger *l, const json_t *list)
{
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v) {
		enum account_kind kind = kind_of(json_string_value(json_array_get(v, 0)));
		const char *name = json_string_value(json_array_get(v, 1));

		if (kind == ACCOUNT_NONE || is_held(kind) || !name || strlen(name) > 200 ||
		    !json_is_integer(json_array_get(v, 2)))
			return -EBADMSG;
		line_get(l, kind, name)->micro = json_integer_value(json_array_get(v, 2));
	}
	return 0;
}

static int read_uses(struct ledger *l, const json_t *list)
{
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v) {
		const char *issuer = json_string_value(json_array_get(v, 0));
		const char *tenant = json_string_value(json_array_get(v, 1));
		json_int_t year = json_integer_value(json_array_get(v, 2));

		if (!issuer || !tenant || strlen(issuer) > 100 || strlen(tenant) > 100 ||
		    !json_is_integer(json_array_get(v, 3)))
			return -EBADMSG;
		use_get(l, issuer, tenant, (int)year)->micro =
			json_integer_value(json_array_get(v, 3));
	}
	return 0;
}

/* What is held moves over to the ledger that takes our place. */
static void keep_held(const struct ledger *from, struct ledger *to)
{
	const struct use *u, *tmp;

	for (uint32_t i = 0; i < from->n; i++) {
		const struct line *line = from->list[i];
		const struct posting p[] = {
			{ line->kind, line->name, line->micro },
			{ home_of(line->kind), line->name, -line->micro },
		};

		if (is_held(line->kind))
			ledger_post(to, p, ARRAY_LEN(p));
	}
	HASH_ITER(hh, from->uses, u, tmp) {
		const char *tenant = u->key + strcspn(u->key, "\n") + 1;
		char issuer[KEY_MAX], name[KEY_MAX];

		if (!u->held)
			continue;
		snprintf(issuer, sizeof(issuer), "%.*s", (int)strcspn(u->key, "\n"), u->key);
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(tenant, "\n"), tenant);
		use_get(to, issuer, name, u->year)->held = u->held;
	}
}

static void take_place(struct ledger *l)
{
	struct ledger *c = l->coming, old = *l;

	keep_held(l, c);
	l->coming = NULL;
	old.coming = NULL;
	*l = *c;
	*c = old;
	ledger_free(c);
}

int ledger_restore(struct ledger *l, const json_t *doc, bool *ret_whole, struct err *err)
{
	json_int_t part = json_integer_value(json_object_get(doc, "part"));
	json_int_t parts = json_integer_value(json_object_get(doc, "parts"));

	*ret_whole = false;
	if (part == 0) {
		ledger_free(l->coming);
		l->coming = ledger_new();
		l->next_part = 0;
	}
	if (!l->coming || part != l->next_part)
		return 0;               /* the rest of one that a crash cut short */
	if (read_accounts(l->coming, json_object_get(doc, "accounts")) ||
	    read_uses(l->coming, json_object_get(doc, "use")) || parts < 1)
		return err_set(err, -EBADMSG, "a checkpoint of the ledger is damaged");
	l->coming->volume = json_integer_value(json_object_get(doc, "volume"));
	if (++l->next_part == parts) {
		take_place(l);
		*ret_whole = true;
	}
	return 0;
}

static bool lines_in(const struct ledger *a, const struct ledger *b)
{
	for (uint32_t i = 0; i < a->n; i++)
		if (a->list[i]->micro != ledger_balance(b, a->list[i]->kind, a->list[i]->name))
			return false;
	return true;
}

static bool uses_in(const struct ledger *a, const struct ledger *b)
{
	const struct use *u, *tmp, *other;

	HASH_ITER(hh, a->uses, u, tmp) {
		HASH_FIND(hh, b->uses, u->key, strlen(u->key), other);
		if (u->micro != (other ? other->micro : 0) || u->held != (other ? other->held : 0))
			return false;
	}
	return true;
}

bool ledger_equal(const struct ledger *a, const struct ledger *b)
{
	return lines_in(a, b) && lines_in(b, a) && uses_in(a, b) && uses_in(b, a);
}
