/* record.c - journal bodies: written by hand because every run makes several, read with care
 *
 *	SUBMIT and those of the node   the document itself
 *	CHOOSE   {"attempt":1,"pool":"hub","wait_p50_s":3,…,"place":[[0,3],[1,3]],"why":{…}}
 *	         place: [node, bits of its devices] of each node of the gang
 *	END      {"event":"done","end":"exit","phase":"command","exit_code":0,…}
 *	         outputs: [number, bytes, sha256] of each file that was stored, [number] of a directory
 *	         both with "money" (money.h) where the run costs something
 *	others   {} with "reason", "text" and "why" where there are any
 */

#include "domain/record.h"

#include "domain/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One row for each kind.  `doc`: the body is a document that its maker knows; `audit`: changes of
 * who, where and what, and decisions.  What an engine merely reports on the way is not. */
static const struct kind {
	const char *name;
	bool doc;
	enum audit audit;
	enum secret secret;
} kinds[RECORD_KIND_END] = {
	[RECORD_NODE]      = { "node", true, AUDIT_YES },
	[RECORD_DEMAND]    = { "demand", true, AUDIT_NO },
	[RECORD_TOKEN]     = { "token", true, AUDIT_YES, SECRET_HASHES },
	[RECORD_POOL]      = { "pool", true, AUDIT_YES },
	[RECORD_DATASET]   = { "dataset", true, AUDIT_YES, SECRET_PRIVATE },
	[RECORD_SUBMIT]    = { "submit", true, AUDIT_YES, SECRET_PRIVATE },
	[RECORD_WAIT]      = { "wait", false, AUDIT_YES },
	[RECORD_REFUSE]    = { "refuse", false, AUDIT_YES },
	[RECORD_GIVE_UP]   = { "give_up", false, AUDIT_YES },
	[RECORD_CHOOSE]    = { "choose", false, AUDIT_YES },
	[RECORD_ACCEPT]    = { "accept", false, AUDIT_NO },
	[RECORD_START]     = { "start", false, AUDIT_NO },
	[RECORD_END]       = { "end", false, AUDIT_YES },
	[RECORD_LOST]      = { "lost", false, AUDIT_YES },
	[RECORD_CANCEL]    = { "cancel", false, AUDIT_YES },
	[RECORD_CLEARANCE] = { "clearance", true, AUDIT_YES },
	[RECORD_DECLARE]   = { "declare", true, AUDIT_YES },
	[RECORD_RECALL]    = { "recall", false, AUDIT_YES },
	[RECORD_PRICE]     = { "price", true, AUDIT_YES },
	[RECORD_VOUCHER]   = { "voucher", true, AUDIT_YES },
	[RECORD_BUDGET]    = { "budget", true, AUDIT_YES },
	[RECORD_REFUND]    = { "refund", true, AUDIT_YES },
	[RECORD_CHECKPOINT] = { "checkpoint", true, AUDIT_NO },      /* a sum of the others */
	[RECORD_TENANT]    = { "tenant", true, AUDIT_YES },
	[RECORD_USER]      = { "user", true, AUDIT_YES },
	[RECORD_PASSWORD]  = { "password", true, AUDIT_YES, SECRET_HASHES },
	[RECORD_SESSION]   = { "session", true, AUDIT_YES, SECRET_HASHES },
	[RECORD_TOKEN_USE] = { "token_use", true, AUDIT_NO },
	[RECORD_QUOTA]     = { "quota", true, AUDIT_YES },
	[RECORD_USAGE]     = { "usage", true, AUDIT_NO },            /* a sum of the others */
	[RECORD_PRUNED]    = { "pruned", true, AUDIT_YES },
	[RECORD_ANCHOR]    = { "anchor", true, AUDIT_YES },
	[RECORD_AUDIT_READ] = { "audit_read", true, AUDIT_YES },
};

/* Events that an END may carry, and the words for them. */
static const char *const event_names[] = { "done", "fail", "retry", "cancelled", NULL };
static const enum task_event events[] = {
	TASK_EV_DONE, TASK_EV_FAIL, TASK_EV_RETRY, TASK_EV_CANCELLED,
};

static const char *const end_names[] = {
	"none", "exit", "signal", "walltime", "memory", "stopped", "not_started", NULL,
};
static const char *const phase_names[] = { "none", "input", "command", "output", NULL };

static bool is_kind(enum record_kind k)
{
	return (unsigned)k < RECORD_KIND_END && kinds[k].name;
}

const char *record_kind_name(enum record_kind k)
{
	return is_kind(k) ? kinds[k].name : "none";
}

enum audit record_audit(enum record_kind k)
{
	return is_kind(k) ? kinds[k].audit : AUDIT_UNSAID;
}

enum secret record_secret(enum record_kind k)
{
	return is_kind(k) ? kinds[k].secret : SECRET_NO;
}

enum record_kind record_kind_parse(const char *name)
{
	for (int k = 0; name && k < RECORD_KIND_END; k++)
		if (kinds[k].name && !strcmp(kinds[k].name, name))
			return (enum record_kind)k;
	return RECORD_NONE;
}

static bool has_document(enum record_kind k)
{
	return is_kind(k) && kinds[k].doc;
}

bool record_lasts(const struct record *r)
{
	return (r->kind == RECORD_END && r->money) || r->kind == RECORD_BUDGET ||
	       r->kind == RECORD_REFUND || r->kind == RECORD_VOUCHER;
}

/* Writing. */

static void put_str(struct buf *b, const char *key, const char *s)
{
	if (!s)
		return;
	buf_printf(b, ",\"%s\":", key);
	json_put_str(b, s, strlen(s));
}

static void put_int(struct buf *b, const char *key, int64_t v)
{
	buf_printf(b, ",\"%s\":%lld", key, (long long)v);
}

/* Every member begins with a comma, so the first one makes room for the brace. */
static int close_body(struct buf *b, size_t from)
{
	if (b->full)
		return -ENOBUFS;
	if (b->len == from)
		return buf_str(b, "{}");
	b->data[from] = '{';
	return buf_str(b, "}");
}

static void put_place(struct buf *b, const struct placement *p)
{
	put_int(b, "cpu_milli", p->cpu_milli);
	put_int(b, "memory_mb", p->memory_mb);
	put_int(b, "accel_milli", p->accel_milli);
	buf_str(b, ",\"place\":[");
	for (uint32_t i = 0; i < p->n; i++)
		buf_printf(b, "%s[%u,%u]", i ? "," : "", p->nodes[i].node, p->nodes[i].accels);
	buf_str(b, "]");
	if (p->ahead)
		buf_str(b, ",\"ahead\":true");
}

static void put_choose(struct buf *b, const struct record *r)
{
	put_int(b, "attempt", r->attempt);
	put_int(b, "choices", r->choices);
	put_str(b, "pool", r->pool);
	put_int(b, "wait_p50_s", r->wait_p50_s);
	put_int(b, "run_p50_s", r->run_p50_s);
	put_int(b, "run_p90_s", r->run_p90_s);
	put_place(b, &r->place);
}

static void put_share(struct buf *b, const struct record *r)
{
	if (r->ppb)
		put_int(b, "ppb", r->ppb);
	if (r->charge)
		put_int(b, "charge", r->charge);
	if (r->accel_milli)
		put_int(b, "accel_milli_held", r->accel_milli);
	if (r->accel_ms)
		put_int(b, "accel_ms", r->accel_ms);
}

static void decode_share(struct dec *d, struct record *r)
{
	dec_i64(d, "ppb", DEC_OPT, 0, INT64_MAX, &r->ppb);
	dec_i64(d, "charge", DEC_OPT, 0, INT64_MAX, &r->charge);
	dec_i64(d, "accel_milli_held", DEC_OPT, 0, INT64_MAX, &r->accel_milli);
	dec_i64(d, "accel_ms", DEC_OPT, 0, INT64_MAX, &r->accel_ms);
}

static const char *event_name(enum task_event ev)
{
	for (size_t i = 0; event_names[i]; i++)
		if (events[i] == ev)
			return event_names[i];
	abort();        /* no other event ends a run */
}

static void put_outputs(struct buf *b, const struct record *r)
{
	if (!r->noutputs)
		return;
	buf_str(b, ",\"outputs\":[");
	for (uint32_t i = 0; i < r->noutputs; i++) {
		const struct run_output *o = &r->outputs[i];

		buf_printf(b, "%s[%u", i ? "," : "", o->no);
		if (!o->tree)
			buf_printf(b, ",%llu,\"%s\"", (unsigned long long)o->size, o->sha256);
		buf_str(b, "]");
	}
	buf_str(b, "]");
}

static void put_end(struct buf *b, const struct record *r)
{
	const struct usage *u = &r->usage;

	put_str(b, "event", event_name(r->event));
	put_str(b, "end", end_names[r->end]);
	put_str(b, "phase", phase_names[r->phase]);
	put_int(b, "exit_code", r->exit_code);
	put_int(b, "run_ms", u->run_ms);
	put_int(b, "cpu_ms", u->cpu_ms);
	put_int(b, "memory_peak_mb", (int64_t)u->memory_peak_mb);
	put_int(b, "out_bytes", (int64_t)u->out_bytes);
	put_int(b, "out_dropped", (int64_t)u->out_dropped);
	put_int(b, "cost_micro", r->cost_micro);
	put_int(b, "energy_j", r->energy_j);
	put_int(b, "carbon_mg", r->carbon_mg);
	put_int(b, "retry_ms", r->retry_ms);
	put_outputs(b, r);
}

static int add_bytes(const char *p, size_t n, void *arg)
{
	return buf_add(arg, p, n);
}

int record_encode(const struct record *r, struct buf *out)
{
	size_t from = out->len;

	if (has_document(r->kind)) {
		json_dump_callback(r->doc, add_bytes, out, JSON_COMPACT | JSON_REAL_PRECISION(15));
		return out->full ? -ENOBUFS : 0;
	}
	if (r->kind == RECORD_CHOOSE)
		put_choose(out, r);
	if (r->kind == RECORD_END)
		put_end(out, r);
	if (r->kind == RECORD_LOST)
		put_int(out, "retry_ms", r->retry_ms);
	if (r->kind == RECORD_CANCEL && r->at_once)
		buf_str(out, ",\"at_once\":true");
	if (r->kind == RECORD_CHOOSE || r->kind == RECORD_END || r->kind == RECORD_LOST)
		put_share(out, r);
	if (r->money) {
		buf_str(out, ",\"money\":");
		money_put(out, r->money);
	}
	put_str(out, "reason", r->reason);
	put_str(out, "text", r->text);
	if (r->why) {
		buf_str(out, ",\"why\":");
		buf_str(out, r->why);
	}
	return close_body(out, from);
}

/* Reading. */

static void decode_place_node(struct dec *d, const json_t *v, struct place_node *ret)
{
	const json_t *first = json_array_get(v, 0), *second = json_array_get(v, 1);
	json_int_t node = json_integer_value(first), accels = json_integer_value(second);

	if (json_array_size(v) != 2 || !json_is_integer(first) || !json_is_integer(second) ||
	    node < 0 || node >= POOL_NODES_MAX || accels < 0 || accels > UINT16_MAX)
		dec_fail(d, "place", "must be pairs of a node and its devices");
	*ret = (struct place_node){ .node = (uint32_t)node, .accels = (uint16_t)accels };
}

static void decode_place(struct dec *d, struct placement *p)
{
	const json_t *list, *v;
	size_t i;

	dec_u32(d, "cpu_milli", DEC_NEED, 0, UINT32_MAX, &p->cpu_milli);
	dec_u32(d, "memory_mb", DEC_NEED, 0, UINT32_MAX, &p->memory_mb);
	dec_u32(d, "accel_milli", DEC_NEED, 0, 1000, &p->accel_milli);
	dec_bool(d, "ahead", DEC_OPT, &p->ahead);
	list = dec_array(d, "place", DEC_NEED, PLACE_NODES_MAX);
	if (!list)
		return;
	p->n = (uint32_t)json_array_size(list);
	p->nodes = arena_array(d->arena, p->n, sizeof(*p->nodes));
	json_array_foreach(list, i, v)
		decode_place_node(d, v, &p->nodes[i]);
}

static void decode_choose(struct dec *d, struct record *r)
{
	dec_u32(d, "attempt", DEC_NEED, 1, UINT32_MAX, &r->attempt);
	dec_u32(d, "choices", DEC_OPT, 0, UINT32_MAX, &r->choices);
	wire_str(d, "pool", DEC_NEED, 63, wire_name, &r->pool);
	dec_i64(d, "wait_p50_s", DEC_NEED, INT64_MIN, INT64_MAX, &r->wait_p50_s);
	dec_i64(d, "run_p50_s", DEC_NEED, INT64_MIN, INT64_MAX, &r->run_p50_s);
	dec_i64(d, "run_p90_s", DEC_NEED, INT64_MIN, INT64_MAX, &r->run_p90_s);
	decode_place(d, &r->place);
}

static void decode_output(struct dec *d, const json_t *v, struct run_output *ret)
{
	const json_t *no = json_array_get(v, 0), *size = json_array_get(v, 1);
	const char *sum = json_string_value(json_array_get(v, 2));
	bool tree = json_array_size(v) == 1;

	if (!json_is_integer(no) || json_integer_value(no) < 0 ||
	    json_integer_value(no) >= TASK_IO_MAX ||
	    (!tree && (json_array_size(v) != 3 || !json_is_integer(size) ||
		       json_integer_value(size) < 0 || !sum || wire_sha256(sum)))) {
		dec_fail(d, "outputs", "must be numbers, sizes and sums");
		return;
	}
	*ret = (struct run_output){ .no = (uint32_t)json_integer_value(no), .tree = tree };
	if (tree)
		return;
	ret->size = (uint64_t)json_integer_value(size);
	memcpy(ret->sha256, sum, sizeof(ret->sha256));
}

static void decode_outputs(struct dec *d, struct record *r)
{
	const json_t *list = dec_array(d, "outputs", DEC_OPT, TASK_IO_MAX), *v;
	struct run_output *o;
	size_t i;

	if (!list)
		return;
	r->noutputs = (uint32_t)json_array_size(list);
	r->outputs = o = arena_array(d->arena, r->noutputs, sizeof(*o));
	json_array_foreach(list, i, v)
		decode_output(d, v, &o[i]);
}

static void decode_end(struct dec *d, struct record *r)
{
	unsigned event = 0, end = 0, phase = 0;
	struct usage *u = &r->usage;
	int64_t exit_code = 0;

	dec_enum(d, "event", DEC_NEED, event_names, &event);
	dec_enum(d, "end", DEC_NEED, end_names, &end);
	dec_enum(d, "phase", DEC_NEED, phase_names, &phase);
	dec_i64(d, "exit_code", DEC_NEED, INT32_MIN, INT32_MAX, &exit_code);
	dec_i64(d, "run_ms", DEC_NEED, 0, INT64_MAX, &u->run_ms);
	dec_i64(d, "cpu_ms", DEC_NEED, 0, INT64_MAX, &u->cpu_ms);
	dec_u64(d, "memory_peak_mb", DEC_NEED, 0, INT64_MAX, &u->memory_peak_mb);
	dec_u64(d, "out_bytes", DEC_NEED, 0, INT64_MAX, &u->out_bytes);
	dec_u64(d, "out_dropped", DEC_NEED, 0, INT64_MAX, &u->out_dropped);
	dec_i64(d, "cost_micro", DEC_NEED, 0, INT64_MAX, &r->cost_micro);
	dec_i64(d, "energy_j", DEC_NEED, 0, INT64_MAX, &r->energy_j);
	dec_i64(d, "carbon_mg", DEC_NEED, 0, INT64_MAX, &r->carbon_mg);
	dec_i64(d, "retry_ms", DEC_NEED, 0, INT64_MAX, &r->retry_ms);
	decode_outputs(d, r);
	r->event = events[event];
	r->end = (enum run_end)end;
	r->phase = (enum run_phase)phase;
	r->exit_code = (int)exit_code;
}

static const struct money *decode_money(struct dec *d)
{
	struct money *m = arena_alloc(d->arena, sizeof(*m));

	dec_money(d, "money", m);
	return m;
}

static int decode_body(const json_t *doc, struct record *r, struct err *err)
{
	const json_t *why;
	struct dec d;

	dec_begin(&d, doc, "", NULL, &r->arena, err);
	if (r->kind == RECORD_CHOOSE)
		decode_choose(&d, r);
	if (r->kind == RECORD_END)
		decode_end(&d, r);
	if (r->kind == RECORD_LOST)
		dec_i64(&d, "retry_ms", DEC_OPT, 0, INT64_MAX, &r->retry_ms);
	if (r->kind == RECORD_CANCEL)
		dec_bool(&d, "at_once", DEC_OPT, &r->at_once);
	if (r->kind == RECORD_CHOOSE || r->kind == RECORD_END || r->kind == RECORD_LOST)
		decode_share(&d, r);
	if ((r->kind == RECORD_CHOOSE || r->kind == RECORD_END) && dec_has(&d, "money"))
		r->money = decode_money(&d);
	dec_str(&d, "reason", DEC_OPT, 0, SIZE_MAX, &r->reason);
	dec_str(&d, "text", DEC_OPT, 0, SIZE_MAX, &r->text);
	why = dec_object(&d, "why", DEC_OPT);
	if (why)
		r->why = wire_dump(&r->arena, why);
	return dec_end(&d);
}

/* Our own journal cannot be wrong input: whatever is amiss, we are broken. */
static int damaged(enum record_kind kind, uint64_t sub, uint64_t task, struct err *err)
{
	return err_prefix(err, -EBADMSG,
			  "the journal's record %s of task %llu is damaged or of a newer program",
			  record_kind_name(kind), (unsigned long long)(task ? task : sub));
}

int record_parse(enum record_kind kind, uint64_t sub, uint64_t task, const char *body, size_t n,
		 json_t **ret, struct err *err)
{
	return json_parse(body, n, ret, err) ? damaged(kind, sub, task, err) : 0;
}

int record_decode_doc(enum record_kind kind, int64_t at_ms, uint64_t sub, uint64_t task,
		      json_t *doc, struct record *ret, struct err *err)
{
	struct record r = { .kind = kind, .at_ms = at_ms, .sub = sub, .task = task };

	if (!is_kind(kind))
		return err_set(err, -EBADMSG,
			       "the journal has a record of kind %d, damaged or of a newer program",
			       (int)kind);
	arena_init(&r.arena);
	if (has_document(kind) && json_is_object(doc)) {
		r.doc = json_incref(doc);
	} else if (decode_body(doc, &r, err)) {
		arena_done(&r.arena);
		return damaged(kind, sub, task, err);
	}
	*ret = r;
	return 0;
}

int record_decode(enum record_kind kind, int64_t at_ms, uint64_t sub, uint64_t task,
		  const char *body, size_t n, struct record *ret, struct err *err)
{
	json_t *doc;
	int r = record_parse(kind, sub, task, body, n, &doc, err);

	if (r)
		return r;
	r = record_decode_doc(kind, at_ms, sub, task, doc, ret, err);
	json_decref(doc);
	return r;
}

void record_done(struct record *r)
{
	json_decref(r->doc);
	arena_done(&r->arena);
	*r = (struct record){ .kind = RECORD_NONE };
}
