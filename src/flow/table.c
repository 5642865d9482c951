/* table.c - tasks by number, submissions, and forgetting the old ones */

#include "flow/state.h"

#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct task *table_get(const struct flow *f, uint64_t no)
{
	uint64_t page = no / PAGE;

	if (page >= f->npages || !f->pages[page])
		return NULL;
	return f->pages[page][no % PAGE];
}

void table_put(struct flow *f, struct task *t)
{
	uint64_t page = t->no / PAGE;

	if (page >= f->npages) {
		uint64_t n = page + 64;

		f->pages = mem_grow(f->pages, n, sizeof(*f->pages));
		memset(f->pages + f->npages, 0, (n - f->npages) * sizeof(*f->pages));
		f->npages = n;
	}
	if (!f->pages[page])
		f->pages[page] = mem_array(PAGE, sizeof(struct task *));
	assert(!f->pages[page][t->no % PAGE]);
	f->pages[page][t->no % PAGE] = t;
}

static void task_drop(struct flow *f, uint64_t no)
{
	struct task **slot = &f->pages[no / PAGE][no % PAGE];

	if (!*slot)
		return;
	f->counts.by_state[(*slot)->state]--;
	task_spec_unref((*slot)->spec);
	free(*slot);
	*slot = NULL;
	/* The last number of a page: all tasks before it are gone too, or will be. */
	for (unsigned i = 0; i < PAGE; i++)
		if (f->pages[no / PAGE][i])
			return;
	free(f->pages[no / PAGE]);
	f->pages[no / PAGE] = NULL;
}

struct sub *sub_find(const struct flow *f, uint64_t no)
{
	struct sub *s = NULL;

	HASH_FIND(hh, f->subs, &no, sizeof(no), s);
	return s;
}

static char *key_text(const char *tenant, const char *key)
{
	size_t n = strlen(tenant) + strlen(key) + 2;
	char *text = mem_alloc(n);

	snprintf(text, n, "%s\n%s", tenant, key);
	return text;
}

struct sub *sub_by_key(const struct flow *f, const char *tenant, const char *key)
{
	char *text = key_text(tenant, key);
	struct sub *s = NULL;

	HASH_FIND(hh_key, f->subs_by_key, text, strlen(text), s);
	free(text);
	return s;
}

struct sub *sub_add(struct flow *f, uint64_t no, struct task_spec *spec, uint64_t doc_hash,
		    int64_t at_ms)
{
	struct sub *s = mem_alloc(sizeof(*s));

	s->no = no;
	s->spec = task_spec_ref(spec);
	s->doc_hash = doc_hash;
	s->shape = queue_shape(spec);
	s->left = spec->array_n;
	HASH_ADD(hh, f->subs, no, sizeof(s->no), s);
	if (spec->idempotency_key) {
		s->key = key_text(spec->tenant, spec->idempotency_key);
		HASH_ADD_KEYPTR(hh_key, f->subs_by_key, s->key, strlen(s->key), s);
	}
	for (uint32_t i = 0; i < spec->array_n; i++) {
		struct task *t = mem_alloc(sizeof(*t));

		task_begin(t, spec, no, i, at_ms);
		t->state = task_next(t->state, TASK_EV_WAIT);
		table_put(f, t);
		s->by_state[t->state]++;
		f->counts.by_state[t->state]++;
	}
	if (f->next_no < no + spec->array_n)
		f->next_no = no + spec->array_n;
	return s;
}

/* Every task of it is over: it may be forgotten when newer ones crowd it out. */
void sub_ended(struct flow *f, struct sub *s)
{
	assert(!s->left);
	s->older = f->newest;
	if (f->newest)
		f->newest->newer = s;
	else
		f->oldest = s;
	f->newest = s;
	f->nfinished += s->spec->array_n;
}

static void sub_free(struct flow *f, struct sub *s)
{
	HASH_DELETE(hh, f->subs, s);
	if (s->key)
		HASH_DELETE(hh_key, f->subs_by_key, s);
	free(s->key);
	free(s->waiters);
	task_spec_unref(s->spec);
	free(s);
}

void table_forget(struct flow *f)
{
	while (f->oldest && f->nfinished > f->c.limits.finished_max) {
		struct sub *s = f->oldest;

		f->oldest = s->newer;
		if (f->oldest)
			f->oldest->older = NULL;
		else
			f->newest = NULL;
		f->nfinished -= s->spec->array_n;
		for (uint32_t i = 0; i < s->spec->array_n; i++)
			task_drop(f, s->no + i);
		sub_free(f, s);
	}
}

void table_done(struct flow *f)
{
	struct sub *s, *tmp;

	for (uint64_t page = 0; page < f->npages; page++) {
		for (unsigned i = 0; f->pages[page] && i < PAGE; i++) {
			struct task *t = f->pages[page][i];

			if (t) {
				task_spec_unref(t->spec);
				free(t);
			}
		}
		free(f->pages[page]);
	}
	free(f->pages);
	HASH_ITER(hh, f->subs, s, tmp)
		sub_free(f, s);
}

const struct task *flow_task(const struct flow *f, uint64_t no)
{
	return table_get(f, no);
}

const struct task *flow_task_by_id(const struct flow *f, uint64_t sub, int64_t index)
{
	const struct sub *s = sub_find(f, sub);
	uint64_t no;

	if (!s)
		return NULL;
	if (index < 0)
		return table_get(f, sub);
	no = task_after_no(&(struct task_after){ .sub = sub, .task = sub + (uint64_t)index },
			   s->spec);
	return no ? table_get(f, no) : NULL;
}

const struct task *flow_task_before(const struct flow *f, uint64_t below)
{
	uint64_t no = below < f->npages * PAGE ? below : f->npages * PAGE;

	while (no > 0) {
		no--;
		if (!f->pages[no / PAGE]) {
			no -= no % PAGE;
			continue;
		}
		if (f->pages[no / PAGE][no % PAGE])
			return f->pages[no / PAGE][no % PAGE];
	}
	return NULL;
}

uint32_t flow_sub_states(const struct flow *f, uint64_t sub, uint32_t by_state[TASK_STATE_COUNT])
{
	const struct sub *s = sub_find(f, sub);

	if (!s)
		return 0;
	memcpy(by_state, s->by_state, sizeof(s->by_state));
	return s->spec->array_n;
}
