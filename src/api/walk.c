/* walk.c - one page of the journal; survives the client and the api, not the store */

#include "api/call.h"

#include "base/mem.h"

#include <utlist.h>

bool walk_room(const struct api *a)
{
	return a->nwalks < API_WALKS_MAX;
}

static int on_row(void *arg, const struct store_row *row)
{
	struct walk *w = arg;
	int r;

	w->got++;
	w->last = row->seq;
	if (!w->api)
		return 1;
	r = w->row(w, row);
	w->enough = r > 0;
	return r;
}

static void on_end(void *arg, int r)
{
	struct walk *w = arg;

	if (w->api) {
		DL_DELETE(w->api->walks, w);
		w->api->nwalks--;
	}
	w->done(w, r > 0 ? 0 : r);
}

static void begin(struct walk *w, struct api *a, unsigned max)
{
	w->api = a;
	w->got = 0;
	w->max = max;
	w->enough = false;
	DL_APPEND(a->walks, w);
	a->nwalks++;
}

void walk_lasting(struct walk *w, struct api *a, int64_t from_ms, int64_t until_ms,
		  uint64_t after_seq, unsigned max)
{
	struct store *s = flow_store(a->flow);

	begin(w, a, max);
	s->ops->read_lasting(s, from_ms, until_ms, after_seq, max, on_row, on_end, w);
}

void walk_page(struct walk *w, struct api *a, uint64_t subject, uint64_t task,
	       uint64_t after_seq, unsigned max)
{
	struct store *s = flow_store(a->flow);

	begin(w, a, max);
	s->ops->read(s, subject, task, after_seq, max, on_row, on_end, w);
}
