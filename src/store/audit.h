/* audit.h - links of the audit chain on their way, and where a chain begins; shared by the stores */
#ifndef STORE_AUDIT_H
#define STORE_AUDIT_H

#include "store/store.h"

/* The link that a row becomes; completed by chain_add(). */
void audit_link(const struct store_row *row, struct chain_link *ret);

/* Bodies of the links that the store makes itself. */
enum { AUDIT_TEXT_MAX = 128 };
size_t audit_pruned_text(int64_t before_ms, char out[AUDIT_TEXT_MAX]);
size_t audit_anchor_text(uint64_t up_to, const uint8_t hash[DIGEST_LEN], char out[AUDIT_TEXT_MAX]);

/* Copies of links, in order.  A zeroed list is an empty one; not thread-safe. */
struct audit_item {
	struct audit_item *next;
	struct chain_entry a;           /* a.body points at body */
	char body[];
};

struct audit_list {
	struct audit_item *head, *last;
	unsigned n;
	size_t bytes;
};

void audit_list_push(struct audit_list *l, const struct chain_entry *a);        /* copies */
void audit_list_done(struct audit_list *l);

#endif
