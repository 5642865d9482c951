/* slurm_api.c - the dialects of slurmrestd, and reading any of them */

#include "engine/slurm_api.h"

#include "base/mem.h"
#include "base/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* One row each, so that a new version of Slurm is a new row. */
static const struct slurm_api rows[] = {
	/* no  list   set    inside nodes  requeue exclude gres key        prefix */
	{ 36, false, false, false, false, false, false, "gres", "" },
	{ 37, false, false, false, false, false, false, "gres", "" },
	{ 38, false, false, false, false, false, false, "gres", "" },
	{ 39, true, true, false, true, true, true, "tres_per_node", "gres/" },
	{ 40, true, true, true, true, true, true, "tres_per_node", "gres/" },
	{ 41, true, true, true, true, true, true, "tres_per_node", "gres/" },
	{ 42, true, true, true, true, true, true, "tres_per_node", "gres/" },
	{ 43, true, true, true, true, true, true, "tres_per_node", "gres/" },
};

const struct slurm_api *slurm_api_find(unsigned no)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].no == no)
			return &rows[i];
	return NULL;
}

/* The document is 150 KB and more, with "/" as "\/": paths are looked for, not parsed. */
const struct slurm_api *slurm_api_choose(const char *text, size_t n, unsigned *ret_offered)
{
	static const char mark[] = "/v0.0.";
	const char *p = text, *end = text + n;
	const struct slurm_api *best = NULL;
	unsigned offered = 0;

	while ((p = memmem(p, (size_t)(end - p), mark, sizeof(mark) - 1))) {
		bool ours = p - text >= 6 && (!memcmp(p - 5, "slurm", 5) ||
					      !memcmp(p - 6, "slurm\\", 6));
		unsigned no = 0;

		for (p += sizeof(mark) - 1; p < end && isdigit((unsigned char)*p) && no < 1000; p++)
			no = 10 * no + (unsigned)(*p - '0');
		if (!ours)
			continue;
		if (no > offered)
			offered = no;
		if (slurm_api_find(no) && (!best || no > best->no))
			best = slurm_api_find(no);
	}
	if (ret_offered)
		*ret_offered = offered;
	return best;
}

bool slurm_num(const json_t *v, int64_t *ret)
{
	if (json_is_object(v)) {
		const json_t *set = json_object_get(v, "set");

		if ((set && !json_is_true(set)) || json_is_true(json_object_get(v, "infinite")))
			return false;
		return slurm_num(json_object_get(v, "number"), ret);
	}
	if (json_is_string(v))
		return text_i64(json_string_value(v), INT64_MIN, INT64_MAX, ret) == 0;
	if (json_is_real(v) && json_real_value(v) > -9e18 && json_real_value(v) < 9e18) {
		*ret = (int64_t)json_real_value(v);
		return true;
	}
	if (!json_is_integer(v))
		return false;
	*ret = json_integer_value(v);
	return true;
}

int64_t slurm_num_or(const json_t *v, int64_t none)
{
	int64_t n;

	return slurm_num(v, &n) ? n : none;
}

bool slurm_has(const json_t *v, const char *word)
{
	const json_t *one;
	size_t i;

	if (json_is_string(v))
		return !strcasecmp(json_string_value(v), word);
	json_array_foreach(v, i, one)
		if (json_is_string(one) && !strcasecmp(json_string_value(one), word))
			return true;
	return false;
}

const char *slurm_str(const json_t *obj, const char *key)
{
	const json_t *v = json_object_get(obj, key);
	const char *s = json_string_value(json_is_array(v) ? json_array_get(v, 0) : v);

	return s ? s : "";
}

/* ---- errors ---- */

static bool one_error(const json_t *e, struct slurm_error *ret)
{
	static const char *const keys[] = { "error_number", "error_code", "errno" };
	const char *words = slurm_str(e, "error"), *more = slurm_str(e, "description");
	int64_t code = 0;

	if (!json_is_object(e))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(keys) && !code; i++)
		code = slurm_num_or(json_object_get(e, keys[i]), 0);
	if (!code && !*words && !*more)
		return false;
	ret->code = code ? code : -1;
	snprintf(ret->text, sizeof(ret->text), "%s", *more && (!*words || code == -1) ? more : words);
	return true;
}

bool slurm_error_silent(const struct slurm_error *e)
{
	return e->code == -1 ||
	       e->code / 100 == 18 ||           /* 1800: the controller could not be reached … */
	       e->code / 1000 == 5;             /* 5004, 5005: its reply was lost */
}

/* Of several the last that has a number of its own: the first ones say "parsing failed". */
bool slurm_error_of(const json_t *reply, struct slurm_error *ret)
{
	const json_t *list = json_object_get(reply, "errors"), *e;
	struct slurm_error one;
	bool found = false;
	size_t i;

	json_array_foreach(list, i, e)
		if (one_error(e, &one) && (!found || one.code != -1)) {
			*ret = one;
			found = true;
		}
	return found;
}

/* ---- lists of hosts ---- */

struct hosts {
	slurm_host_fn fn;
	void *arg;
	unsigned max, n;
};

static bool tell(struct hosts *h, const char *name)
{
	if (h->n == h->max)
		return false;
	h->n++;
	h->fn(h->arg, name);
	return true;
}

/* "1-3,07": the numbers between the brackets, with their zeros, around `tail`. */
static bool ranges(struct hosts *h, const char *head, int head_len, const char *in, const char *end,
		   const char *tail, int tail_len)
{
	while (in < end) {
		char name[256], *stop;
		unsigned long long from, to;
		int width;

		if (!isdigit((unsigned char)*in))
			return false;
		from = to = strtoull(in, &stop, 10);
		width = (int)(stop - in);
		if (*stop == '-')
			to = strtoull(stop + 1, &stop, 10);
		if (to < from || to - from > 1000000 || (*stop != ',' && stop != end))
			return false;
		for (; from <= to; from++) {
			snprintf(name, sizeof(name), "%.*s%0*llu%.*s", head_len, head, width, from,
				 tail_len, tail);
			if (!tell(h, name))
				return true;
		}
		in = stop + (stop != end);
	}
	return true;
}

/* One part: "x", or "x[1-3]y". */
static bool part(struct hosts *h, const char *p, const char *end)
{
	const char *open = memchr(p, '[', (size_t)(end - p));
	const char *close = open ? memchr(open, ']', (size_t)(end - open)) : NULL;
	char name[256];

	if (open && !close)
		return false;
	if (open)
		return ranges(h, p, (int)(open - p), open + 1, close, close + 1,
			      (int)(end - close - 1));
	snprintf(name, sizeof(name), "%.*s", (int)(end - p), p);
	tell(h, name);
	return *name != '\0';
}

int slurm_hosts(const char *list, unsigned max, slurm_host_fn fn, void *arg)
{
	struct hosts h = { fn, arg, max, 0 };

	while (*list) {
		const char *end = list;
		bool inside = false;

		for (; *end && (inside || *end != ','); end++)
			inside = *end == '[' || (inside && *end != ']');
		if (!part(&h, list, end))
			return -1;
		list = *end ? end + 1 : end;
	}
	return (int)h.n;
}
