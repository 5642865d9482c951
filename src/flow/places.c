/* places.c - which data sets an input reads from, however it is named
 *
 * Data sets may nest, so several may have one input inside: all their labels bind it.  Removed
 * ones stay in the list, and their labels stand.
 */

#include "flow/state.h"

#include "base/mem.h"

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

void places_near(const struct flow *f, const char *url, places_fn fn, void *arg)
{
	_cleanup_(mem_freep) char *place = f->nplaces ? place_of_url(url) : NULL;

	while (place && *place) {
		char *slash = strrchr(place, '/');

		look_at(f, place, fn, arg);
		if (!slash)
			break;
		*slash = '\0';
	}
}

static void join(void *arg, const struct dataset *d, bool covers)
{
	struct input_data *x = arg;

	label_join(&x->label, d->level, d->stay_within);
	if (!x->d && covers)
		x->d = d;       /* from the inside out */
}

void input_data(const struct flow *f, const struct task_input *in, struct input_data *ret)
{
	*ret = (struct input_data){ .d = in->dataset ? dataset_known(f, in->dataset) : NULL };
	if (!in->dataset)
		places_near(f, in->url, join, ret);
	else if (ret->d)
		places_near(f, ret->d->url, join, ret);
}
