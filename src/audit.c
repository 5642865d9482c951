/* audit.c - the audit log of a state directory, for the command line */

#include "cmd/cmd.h"
#include "domain/audit.h"
#include "store/store.h"

struct hands {
	int (*entry)(void *arg, const struct chain_entry *e);
	int (*row)(void *arg, const struct audit_row *row, const struct chain_entry *e);
	void *arg;
};

static int on_entry(void *arg, const struct chain_entry *e)
{
	const struct hands *h = arg;

	return h->entry(h->arg, e);
}

static int on_row(void *arg, const struct store_row *row, const struct chain_entry *e)
{
	const struct hands *h = arg;
	struct audit_row r = { .seq = row->seq, .subject = row->subject, .task = row->task,
			       .at_ms = row->at_ms, .kind = row->kind };

	return h->row ? h->row(h->arg, &r, e) : 0;
}

int cmd_audit_walk(const char *dir, int (*entry)(void *arg, const struct chain_entry *e),
		   int (*row)(void *arg, const struct audit_row *row, const struct chain_entry *e),
		   void *arg, struct err *err)
{
	struct hands h = { entry, row, arg };

	return store_sqlite_audit_walk(dir, on_entry, on_row, &h, err);
}
