/* array.c - "0-9,20-100:10%4": which elements an array has */

#include "domain/task.h"

#include <stdlib.h>
#include <string.h>

enum { INDEX_MAX = 99999999 };  /* 8 digits: file names made from it sort and stay short */

/* Digits at *p, moved past them; at most `max`. */
static int number(const char **p, uint32_t max, uint32_t *ret)
{
	uint64_t v = 0;

	if (**p < '0' || **p > '9')
		return 1;
	for (; **p >= '0' && **p <= '9'; (*p)++) {
		v = v * 10 + (uint64_t)(**p - '0');
		if (v > max)
			return 1;
	}
	*ret = (uint32_t)v;
	return 0;
}

struct range { uint32_t from, to, step; };

static int range_at(const char **p, struct range *r, struct err *err)
{
	if (number(p, INDEX_MAX, &r->from))
		return err_set(err, ERR_E_INPUT,
			       "must have indices from 0 to %u, such as 0-9 or 1,3,5-7", INDEX_MAX);
	r->to = r->from;
	r->step = 1;
	if (**p == '-') {
		(*p)++;
		if (number(p, INDEX_MAX, &r->to) || r->to < r->from)
			return err_set(err, ERR_E_INPUT,
				       "must have ranges whose end is not below their start");
		if (**p != ':')
			return 0;
		(*p)++;
		if (number(p, INDEX_MAX, &r->step) || !r->step)
			return err_set(err, ERR_E_INPUT, "must have a step of at least 1 after :");
	}
	return 0;
}

static int limit_at(const char *p, uint32_t *ret, struct err *err)
{
	*ret = 0;
	if (!*p)
		return 0;
	if (*p++ != '%' || number(&p, TASK_ARRAY_MAX, ret) || !*ret || *p)
		return err_set(err, ERR_E_INPUT,
			       "must end after the indices, or with %% and a limit from 1 to %u",
			       TASK_ARRAY_MAX);
	return 0;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static uint32_t sort_unique(uint32_t *v, uint32_t n)
{
	uint32_t kept = 1;

	qsort(v, n, sizeof(*v), compare);
	for (uint32_t i = 1; i < n; i++)
		if (v[i] != v[kept - 1])
			v[kept++] = v[i];
	return kept;
}

/* Walk the ranges: count them (out NULL), or write their indices. */
static int walk(const char **p, uint32_t *out, uint32_t *ret_n, struct err *err)
{
	uint64_t n = 0;

	for (;; (*p)++) {
		struct range r = { 0, 0, 1 };
		int bad = range_at(p, &r, err);

		if (bad)
			return bad;
		for (uint32_t i = r.from; out && i <= r.to; i += r.step)
			out[n++] = i;
		if (!out)
			n += (r.to - r.from) / r.step + 1;
		/* Doubles count: the limit is on what we hold before they are dropped. */
		if (n > TASK_ARRAY_MAX)
			return err_set(err, ERR_E_INPUT, "must have at most %u elements",
				       TASK_ARRAY_MAX);
		if (**p != ',')
			break;
	}
	*ret_n = (uint32_t)n;
	return 0;
}

int array_parse(const char *s, struct arena *a, const uint32_t **ret, uint32_t *ret_n,
		uint32_t *ret_limit, struct err *err)
{
	const char *p = s;
	uint32_t n = 0, limit = 0, *out;
	int r = walk(&p, NULL, &n, err);

	if (r == 0)
		r = limit_at(p, &limit, err);
	if (r != 0)
		return r;
	out = arena_array(a, n, sizeof(*out));
	p = s;
	walk(&p, out, &n, NULL);
	*ret = out;
	*ret_n = sort_unique(out, n);
	*ret_limit = limit;
	return 0;
}
