/* audit.c - the audit log, for the auditor alone; what was read of it stands in it */

#include "api/call.h"

#include "base/mem.h"
#include "base/text.h"
#include "domain/audit.h"
#include "domain/record.h"

#include <stdlib.h>

enum {
	PAGE_BYTES = 8 << 20,           /* of a page; then the client asks for the next */
	EXTRA_BYTES = 1 << 20,          /* a page is some slices of the store, of a thousand each */
};

/* A read that outlives a client who leaves. */
struct reading {
	struct api_call *call;          /* NULL: gone */
	struct buf *out;
	struct buf extra;               /* rows of the journal that no entry is about */
	unsigned n, limit;
	uint64_t last;
	bool head;
};

static void reading_gone(void *arg)
{
	((struct reading *)arg)->call = NULL;
}

static void put_extra(struct buf *b, const struct chain_link *row)
{
	buf_printf(b, "%s{\"after\":%llu,\"seq\":%llu,\"at_ms\":%lld,\"kind\":\"%s\",\"kind_no\":%u,"
		   "\"subject\":%llu,\"task\":%llu}", b->len ? "," : "",
		   (unsigned long long)row->no, (unsigned long long)row->seq,
		   (long long)row->at_ms, record_kind_name((enum record_kind)row->kind), row->kind,
		   (unsigned long long)row->subject, (unsigned long long)row->task);
}

static int on_entry(void *arg, const struct chain_entry *e)
{
	struct reading *rd = arg;

	if (!rd->call)
		return 1;
	if (e->fault == CHAIN_EXTRA) {
		if (e->link.no <= rd->last)
			put_extra(&rd->extra, &e->link);
		return 0;
	}
	/* Full: as if no more had been asked for, but for the rows between those that were. */
	if (rd->n && rd->out->len + 2 * e->body_len > PAGE_BYTES)
		rd->limit = rd->n;
	if (rd->n == rd->limit)
		return 0;
	if (rd->n++)
		buf_str(rd->out, ",");
	audit_encode(e, false, rd->out);
	rd->last = e->link.no;
	return 0;
}

static void put_head(struct buf *b, const struct chain_entry *e)
{
	char hex[DIGEST_HEX + 1];

	buf_printf(b, "{\"no\":%llu,\"hash\":\"%s\",\"digest\":\"%s\"}",
		   (unsigned long long)e->link.no, digest_hex(e->link.hash, hex),
		   digest_name(e->link.digest));
}

static int on_head(void *arg, const struct chain_entry *e)
{
	struct reading *rd = arg;

	if (!rd->call)
		return 1;
	put_head(rd->out, e);
	rd->n++;
	return 0;
}

static void on_end(void *arg, int r)
{
	struct reading *rd = arg;
	struct api_call *c = rd->call;

	if (c) {
		c->gone = NULL;
		c->arg = NULL;
	}
	if (c && r < 0) {
		reply_no(c, NO_INTERNAL, NULL, "the audit log could not be read", NULL);
	} else if (c && rd->head) {
		if (!rd->n)
			buf_str(rd->out, "{\"no\":0,\"hash\":null,\"digest\":null}");
		reply_send(c);
	} else if (c) {
		buf_printf(rd->out, "],\"extra\":[%s],\"next\":", rd->extra.len ? rd->extra.data : "");
		if (rd->n == rd->limit)
			buf_printf(rd->out, "%llu}", (unsigned long long)rd->last);
		else
			buf_str(rd->out, "null}");
		reply_send(c);
	}
	buf_done(&rd->extra);
	free(rd);
}

static void read_log(struct api_call *c, uint64_t after, unsigned limit, bool head)
{
	struct store *s = flow_store(c->api->flow);
	struct reading *rd = mem_alloc(sizeof(*rd));

	*rd = (struct reading){ .call = c, .out = reply_begin(c, 200), .limit = limit, .head = head };
	buf_init(&rd->extra, EXTRA_BYTES);
	c->gone = reading_gone;
	c->arg = rd;
	if (!head)
		buf_str(rd->out, "{\"entries\":[");
	s->ops->audit_read(s, after, limit, head ? on_head : on_entry, on_end, rd);
}

void api_audit_list(struct api_call *c)
{
	int64_t limit = API_PAGE_MAX, after = 0;

	if (query_i64(c, "limit", 1, API_PAGE_MAX, &limit) ||
	    query_i64(c, "after", 0, INT64_MAX, &after))
		return;
	flow_audit_note_read(c->api->flow, (uint64_t)after, (unsigned)limit);
	read_log(c, (uint64_t)after, (unsigned)limit, false);
}

/* What no data set can be called is not looked for, so nothing is noted. */
void api_audit_dataset(struct api_call *c)
{
	if (text_is_name(c->param))
		flow_audit_note_report(c->api->flow, c->param);
	api_dataset_report(c);
}

/* The end of the chain, to be kept elsewhere: it tells nothing of what is in the log. */
void api_audit_head(struct api_call *c)
{
	read_log(c, UINT64_MAX, 1, true);
}
