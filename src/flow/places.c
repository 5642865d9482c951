/* places.c - which data sets an input reads from, however it is named
 *
 * Data sets may nest, so several may have one input inside: all their labels bind it, and those of
 * what lies inside a directory that is read.  Removed ones stay in the list, and their labels stand.
 */

#include "flow/state.h"

#include "base/mem.h"
#include "domain/url_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first entry whose place is not before this one. */
static uint32_t lower(const struct flow *f, const char *place)
{
	uint32_t low = 0, high = f->nplaces;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (strcmp(f->places[mid]->place, place) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void take_out(struct flow *f, const struct dataset_entry *e)
{
	uint32_t i = lower(f, e->place);

	while (f->places[i] != e)
		i++;
	f->nplaces--;
	memmove(f->places + i, f->places + i + 1, (f->nplaces - i) * sizeof(struct dataset_entry *));
}

void places_move(struct flow *f, struct dataset_entry *e, char *place)
{
	uint32_t i;

	if (e->place)
		take_out(f, e);
	free(e->place);
	e->place = place;
	i = lower(f, place);
	f->places = mem_grow(f->places, f->nplaces + 1, sizeof(struct dataset_entry *));
	memmove(f->places + i + 1, f->places + i, (f->nplaces - i) * sizeof(struct dataset_entry *));
	f->places[i] = e;
	f->nplaces++;
}

/* Those at exactly this place: one, or more in a journal from before places were compared so. */
static void look_at(const struct flow *f, const char *place, places_fn fn, void *arg)
{
	for (uint32_t i = lower(f, place); i < f->nplaces && !strcmp(f->places[i]->place, place); i++)
		fn(arg, f->places[i]->d, true);
}

/* Those that begin with `stem`, a part of the place that is read. */
static uint32_t look_inside(const struct flow *f, const char *at, const char *stem, places_fn fn,
			    void *arg)
{
	uint32_t from = lower(f, stem), i;

	for (i = from; i < f->nplaces && !strncmp(f->places[i]->place, stem, strlen(stem)); i++)
		if (url_place_meets(at, f->places[i]->place))
			fn(arg, f->places[i]->d, false);
	return i - from;
}

uint32_t places_near(const struct flow *f, const char *url, places_fn fn, void *arg)
{
	_cleanup_(mem_freep) char *at = f->nplaces ? url_place(url) : NULL;
	_cleanup_(mem_freep) char *stem = at ? mem_alloc(strlen(at) + 2) : NULL;
	char *index, *slash;
	uint32_t looked = 0;

	if (!at)
		return 0;
	sprintf(stem, "%s/", at);
	index = strstr(stem, TASK_INDEX_MARK);
	if (index)
		*index = '\0';
	if (index || url_place_is_file(at))
		looked = look_inside(f, at, stem, fn, arg);
	while ((slash = strrchr(stem, '/'))) {
		*slash = '\0';
		if (*stem)
			look_at(f, stem, fn, arg);
	}
	return looked;
}

struct joining {
	struct input_data *x;
	const struct token *who;
};

static void join(void *arg, const struct dataset *d, bool covers)
{
	const struct joining *j = arg;
	struct input_data *x = j->x;

	x->foreign |= !covers && j->who && !flow_may_see(j->who, d->tenant);
	label_join(&x->label, d->level, d->stay_within);
	if (!x->d && covers)
		x->d = d;       /* from the inside out */
}

void input_data(const struct flow *f, const struct task_input *in, const struct token *who,
		struct input_data *ret)
{
	struct joining j = { ret, who };

	*ret = (struct input_data){ .d = in->dataset ? dataset_known(f, in->dataset) : NULL };
	if (!in->dataset)
		ret->looked = places_near(f, in->url, join, &j);
	else if (ret->d)
		ret->looked = places_near(f, ret->d->url, join, &j);
}
