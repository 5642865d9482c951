/* audit.c - entries of the audit log as JSON, and the check that nothing of it was altered */

#include "domain/audit.h"

#include "base/clock.h"
#include "base/mem.h"
#include "domain/hide.h"
#include "domain/record.h"
#include "domain/wire.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- as JSON ---- */

/* What a document must not show, at any depth. */
static void redact(json_t *v)
{
	static const char *const secrets[] = { "hash", "password", "salt", "secret" };
	const char *key;
	json_t *child;
	size_t i;

	for (size_t k = 0; json_is_object(v) && k < ARRAY_LEN(secrets); k++)
		if (json_object_get(v, secrets[k]))
			json_object_set_new(v, secrets[k], json_string("***"));
	json_object_foreach(v, key, child)
		redact(child);
	json_array_foreach(v, i, child)
		redact(child);
}

static int add_bytes(const char *p, size_t n, void *arg)
{
	return buf_add(arg, p, n);
}

/* The body without what is not to be shown, or NULL: all of it may be. */
static json_t *hidden(const struct chain_entry *e)
{
	enum secret what = record_secret((enum record_kind)e->link.kind);
	struct err err;
	json_t *doc = NULL;

	if (!e->body || what == SECRET_NO ||
	    (what == SECRET_PRIVATE && !hide_may_be(e->body, e->body_len)))
		return NULL;
	if (json_parse(e->body, e->body_len, &doc, &err))
		return json_null();     /* who knows what it is */
	if (what == SECRET_HASHES)
		redact(doc);
	else if (!hide_private(doc)) {
		json_decref(doc);
		return NULL;
	}
	return doc;
}

static bool is_zero(const uint8_t h[DIGEST_LEN])
{
	static const uint8_t zero[DIGEST_LEN];

	return !memcmp(h, zero, DIGEST_LEN);
}

int audit_encode(const struct chain_entry *e, bool secrets, struct buf *out)
{
	const struct chain_link *l = &e->link;
	json_t *shown = secrets ? NULL : hidden(e);
	char at[CLOCK_TEXT_MAX], hex[DIGEST_HEX + 1];

	buf_printf(out, "{\"no\":%llu,\"at\":\"%s\",\"at_ms\":%lld,\"seq\":%llu,\"kind\":\"%s\","
		   "\"kind_no\":%u,\"subject\":%llu,\"task\":%llu,\"digest\":\"%s\",\"actor\":",
		   (unsigned long long)l->no, clock_format(l->at_ms, at), (long long)l->at_ms,
		   (unsigned long long)l->seq, record_kind_name((enum record_kind)l->kind), l->kind,
		   (unsigned long long)l->subject, (unsigned long long)l->task,
		   digest_name(l->digest));
	json_put_str(out, l->actor, strlen(l->actor));
	buf_str(out, ",\"body\":");
	if (e->body && !shown)
		json_put_str(out, e->body, e->body_len);
	else
		buf_str(out, "null");
	if (shown) {
		buf_str(out, ",\"shown\":");
		json_dump_callback(shown, add_bytes, out, JSON_COMPACT | JSON_ENCODE_ANY);
		json_decref(shown);
	}
	if (e->fault == CHAIN_CONTENT || e->fault == CHAIN_ROW)
		buf_printf(out, ",\"fault\":\"%s\"", e->fault == CHAIN_ROW ? "row" : "content");
	buf_printf(out, ",\"body_hash\":\"%s\"", digest_hex(l->body, hex));
	if (is_zero(e->prev) && l->no > 1)
		buf_str(out, ",\"prev\":null");
	else
		buf_printf(out, ",\"prev\":\"%s\"", digest_hex(e->prev, hex));
	buf_printf(out, ",\"hash\":\"%s\"}", digest_hex(l->hash, hex));
	return out->full ? -ENOBUFS : 0;
}

static void dec_hash(struct dec *d, const char *key, enum dec_need need, uint8_t out[DIGEST_LEN])
{
	const char *hex = NULL;

	dec_str(d, key, need, DIGEST_HEX, DIGEST_HEX, &hex);
	if (hex && digest_unhex(hex, out))
		dec_fail(d, key, "must be %d digits 0-9, a-f", DIGEST_HEX);
}

int audit_decode(const json_t *line, struct arena *a, struct chain_entry *ret, struct err *err)
{
	static const char *const faults[] = { "sound", "content", "row", NULL };
	const char *actor = "", *digest = "", *skip = NULL;
	unsigned fault = CHAIN_SOUND;
	struct chain_entry e = { 0 };
	struct chain_link *l = &e.link;
	struct dec d;

	dec_begin(&d, line, "", NULL, a, err);
	dec_u64(&d, "no", DEC_NEED, 1, INT64_MAX, &l->no);
	dec_str(&d, "at", DEC_NEED, 1, CLOCK_TEXT_MAX, &skip);
	dec_i64(&d, "at_ms", DEC_NEED, INT64_MIN, INT64_MAX, &l->at_ms);
	dec_u64(&d, "seq", DEC_NEED, 0, INT64_MAX, &l->seq);
	dec_str(&d, "kind", DEC_NEED, 1, 64, &skip);
	dec_u32(&d, "kind_no", DEC_NEED, 0, UINT32_MAX, &l->kind);
	dec_u64(&d, "subject", DEC_NEED, 0, INT64_MAX, &l->subject);
	dec_u64(&d, "task", DEC_NEED, 0, INT64_MAX, &l->task);
	dec_str(&d, "digest", DEC_NEED, 1, 16, &digest);
	dec_str(&d, "actor", DEC_NEED, 0, CHAIN_ACTOR_MAX - 1, &actor);
	dec_str(&d, "body", DEC_OPT, 0, SIZE_MAX, &e.body);
	e.hidden = dec_any(&d, "shown", DEC_OPT) != NULL;
	dec_enum(&d, "fault", DEC_OPT, faults, &fault);
	dec_hash(&d, "body_hash", DEC_NEED, l->body);
	dec_hash(&d, "prev", DEC_OPT, e.prev);
	dec_hash(&d, "hash", DEC_NEED, l->hash);
	l->digest = digest_parse(digest);
	if (d.r == 0 && l->digest == DIGEST_NONE)
		dec_fail(&d, "digest", "must be sm3 or sha256");
	if (dec_end(&d))
		return d.r;
	snprintf(l->actor, sizeof(l->actor), "%s", actor);
	e.body_len = e.body ? strlen(e.body) : 0;
	e.fault = (enum chain_fault)fault;
	*ret = e;
	return 0;
}

/* ---- the check ---- */

void audit_check_begin(struct audit_check *c, enum audit_scope scope)
{
	*c = (struct audit_check){ .d = digest_new(), .scope = scope, .pruned_ms = INT64_MIN };
}

void audit_check_done(struct audit_check *c)
{
	c->d = digest_free(c->d);
	free(c->gone);
	c->gone = NULL;
}

__attribute__((format(printf, 3, 4)))
static int bad(struct audit_check *c, uint64_t no, const char *fmt, ...)
{
	va_list ap;

	c->bad_no = no;
	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
	return 1;
}

static bool follows(struct audit_check *c, const uint8_t prev[DIGEST_LEN],
		    const struct chain_link *l)
{
	uint8_t hash[DIGEST_LEN];

	chain_hash(c->d, prev, l, hash);
	return !memcmp(hash, l->hash, DIGEST_LEN);
}

static int check_body(struct audit_check *c, const struct chain_entry *e)
{
	static const char *const faults[] = {
		[CHAIN_CONTENT] = "its content was changed",
		[CHAIN_ROW] = "kind, time or task of its row in the journal were changed",
	};
	const struct chain_link *l = &e->link;

	if (e->fault == CHAIN_CONTENT || e->fault == CHAIN_ROW)
		return bad(c, l->no, "%s", faults[e->fault]);
	if (e->body)
		return chain_body_is_sound(c->d, e) ? 0 : bad(c, l->no, faults[CHAIN_CONTENT]);
	c->unseen++;
	if (c->scope != AUDIT_HERE && e->hidden && record_secret((enum record_kind)l->kind))
		return 0;       /* not shown to others */
	if (c->ngone == c->gone_cap) {
		c->gone_cap = c->gone_cap ? 2 * c->gone_cap : 256;
		c->gone = mem_grow(c->gone, c->gone_cap, sizeof(*c->gone));
	}
	c->gone[c->ngone++] = (struct audit_gone){ l->no, l->subject ? l->at_ms : INT64_MAX };
	return 0;
}

/* What came before the first entry, when it was pruned: an anchor says so. */
static int check_anchor(struct audit_check *c, const struct chain_entry *e)
{
	uint8_t hash[DIGEST_LEN];
	struct err err;
	json_t *doc;
	int r = 0;

	if (!e->body || json_parse(e->body, e->body_len, &doc, &err))
		return 0;
	if (e->link.kind == RECORD_PRUNED &&
	    json_integer_value(json_object_get(doc, "before_ms")) > c->pruned_ms)
		c->pruned_ms = json_integer_value(json_object_get(doc, "before_ms"));
	if (e->link.kind == RECORD_ANCHOR &&
	    json_integer_value(json_object_get(doc, "up_to")) + 1 == (json_int_t)c->first.no &&
	    !digest_unhex(json_string_value(json_object_get(doc, "hash")), hash)) {
		if (c->before_known && memcmp(hash, c->before, DIGEST_LEN))
			r = bad(c, c->first.no, "what stood before it was exchanged");
		memcpy(c->before, hash, DIGEST_LEN);
		c->before_known = true;
		c->anchored = true;
	}
	json_decref(doc);
	return r;
}

static int check_first(struct audit_check *c, const struct chain_entry *e)
{
	c->begun = true;
	c->first = e->link;
	if (e->link.no == 1) {
		c->before_known = c->anchored = true;
		return 0;
	}
	memcpy(c->before, e->prev, DIGEST_LEN);
	c->before_known = !is_zero(e->prev);
	return 0;
}

int audit_check_add(struct audit_check *c, const struct chain_entry *e)
{
	const struct chain_link *l = &e->link;
	int r;

	if (l->digest != DIGEST_SM3 && l->digest != DIGEST_SHA256)
		return bad(c, l->no, "its digest is none that we know");
	if (!c->begun) {
		check_first(c, e);
		if (c->before_known && !follows(c, c->before, l))
			return bad(c, l->no, "its fields or its hash were changed");
	} else if (l->no != c->last.no + 1) {
		return l->no > c->last.no + 1 ?
			bad(c, c->last.no + 1, "it is missing, up to %llu",
			    (unsigned long long)l->no - 1) :
			bad(c, l->no, "it stands after %llu", (unsigned long long)c->last.no);
	} else if (!follows(c, c->last.hash, l)) {
		return bad(c, l->no, "its fields or its hash were changed, or the hash of the entry "
			   "before it");
	}
	r = check_body(c, e);
	if (!r && (l->kind == RECORD_ANCHOR || l->kind == RECORD_PRUNED))
		r = check_anchor(c, e);
	c->last = *l;
	c->entries++;
	return r;
}

int audit_check_end(struct audit_check *c)
{
	if (!c->begun)
		return 0;
	if (!c->anchored && c->scope != AUDIT_PART)
		return bad(c, 1, "it is missing, up to %llu: nothing says that they were pruned",
			   (unsigned long long)c->first.no - 1);
	if (c->before_known && !follows(c, c->before, &c->first))
		return bad(c, c->first.no, "its fields or its hash were changed");
	for (size_t i = 0; i < c->ngone; i++)
		if (c->gone[i].at_ms >= c->pruned_ms)
			return bad(c, c->gone[i].no, "its content is gone from the journal, and nothing "
				   "says that it was pruned");
	return 0;
}

int audit_check_row(struct audit_check *c, const struct audit_row *row,
		    const struct chain_entry *e)
{
	if (!e && record_audit((enum record_kind)row->kind) != AUDIT_YES)
		return 0;
	if (!e)
		return bad(c, c->last.no + 1, "the journal has a row %llu (%s) that the log does not "
			   "have", (unsigned long long)row->seq,
			   record_kind_name((enum record_kind)row->kind));
	if (row->kind != e->link.kind || row->at_ms != e->link.at_ms ||
	    row->subject != e->link.subject || row->task != e->link.task)
		return bad(c, e->link.no, "kind, time or task of its row in the journal were changed");
	return 0;
}
