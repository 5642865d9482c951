/* audit.c - what becomes of a row in the audit chain */

#include "store/audit.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void audit_link(const struct store_row *row, struct chain_link *ret)
{
	*ret = (struct chain_link){
		.at_ms = row->at_ms, .seq = row->only ? 0 : row->seq, .kind = row->kind,
		.subject = row->subject, .task = row->task,
	};
	chain_actor(ret->actor, row->actor ? row->actor : "node");
}

size_t audit_pruned_text(int64_t before_ms, char out[AUDIT_TEXT_MAX])
{
	return (size_t)snprintf(out, AUDIT_TEXT_MAX, "{\"before_ms\":%lld}", (long long)before_ms);
}

size_t audit_anchor_text(uint64_t up_to, const uint8_t hash[DIGEST_LEN], char out[AUDIT_TEXT_MAX])
{
	char hex[DIGEST_HEX + 1];

	return (size_t)snprintf(out, AUDIT_TEXT_MAX, "{\"up_to\":%llu,\"hash\":\"%s\"}",
				(unsigned long long)up_to, digest_hex(hash, hex));
}

void audit_list_push(struct audit_list *l, const struct chain_entry *a)
{
	size_t n = a->body ? a->body_len : 0;
	struct audit_item *i = mem_alloc(sizeof(*i) + n + 1);

	i->a = *a;
	i->next = NULL;
	if (a->body) {
		memcpy(i->body, a->body, n);
		i->a.body = i->body;
	}
	*(l->last ? &l->last->next : &l->head) = i;
	l->last = i;
	l->n++;
	l->bytes += sizeof(*i) + n;
}

void audit_list_done(struct audit_list *l)
{
	for (struct audit_item *i = l->head, *next; i; i = next) {
		next = i->next;
		free(i);
	}
	*l = (struct audit_list){ 0 };
}
