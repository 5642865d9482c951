/* dec.c - JSON values into C structs, the first failure kept */

#include "base/json.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PATH_MAX_LEN = sizeof(((struct err *)0)->field) };

/* "" + key, else path.key; what is longer than an error holds is cut there. */
static void join(char out[PATH_MAX_LEN], const char *path, const char *key)
{
	int n = snprintf(out, PATH_MAX_LEN, "%s%s", path, *path ? "." : "");

	if (n >= 0 && n < PATH_MAX_LEN)
		strncat(out, key, (size_t)(PATH_MAX_LEN - 1 - n));
}

static unsigned line_of(const struct dec *d, const char *key, const json_t *v)
{
	unsigned line;

	if (!d->lines)
		return 0;
	line = v ? json_line(d->lines, v) : 0;
	if (!line)
		line = json_line_key(d->lines, d->obj, key);
	return line ? line : json_line(d->lines, d->obj);
}

__attribute__((format(printf, 4, 5)))
static void fail(struct dec *d, const char *field, unsigned line, const char *fmt, ...)
{
	char words[sizeof(d->err->text)];
	va_list ap;

	if (d->r != 0)
		return;
	d->r = ERR_E_INPUT;
	if (!d->err)
		return;
	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	err_field(d->err, field, "%s", words);
	d->err->line = line;
}

void dec_fail(struct dec *d, const char *key, const char *fmt, ...)
{
	char words[sizeof(d->err->text)], field[PATH_MAX_LEN];
	va_list ap;

	if (d->r != 0)
		return;
	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	join(field, d->path, key);
	fail(d, field, line_of(d, key, NULL), "%s", words);
}

/* A dozen members are found sooner by looking along them than by hashing two dozen names; and
 * our own documents have them in the order in which they are asked for. */
static void list_members(struct dec *d)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)d->obj, key, v) {
		if (d->nmembers == DEC_KEYS_MAX)
			return;
		d->members[d->nmembers++] = (struct dec_member){ .key = key, .value = v };
	}
}

void dec_begin(struct dec *d, const json_t *obj, const char *path,
	       const struct json_lines *lines, struct arena *arena, struct err *err)
{
	d->obj = obj;
	d->path = path;
	d->lines = lines;
	d->arena = arena;
	d->err = err;
	d->r = 0;
	d->nseen = d->nmembers = d->at = 0;
	if (!json_is_object(obj))
		fail(d, path, json_line(lines, obj), "must be an object");
	else
		list_members(d);
}

static const json_t *member(struct dec *d, const char *key)
{
	for (unsigned n = 0, i = d->at; n < d->nmembers; n++, i++) {
		struct dec_member *m = &d->members[i < d->nmembers ? i : (i -= d->nmembers)];

		if (m->key[0] == key[0] && !strcmp(m->key, key)) {
			m->asked = true;
			d->at = i + 1;
			return m->value;
		}
	}
	return d->nmembers < DEC_KEYS_MAX ? NULL : json_object_get(d->obj, key);
}

/* Remember that `key` was asked for, and find it; null is absent. */
static const json_t *look(struct dec *d, const char *key)
{
	const json_t *v;

	if (d->r != 0)
		return NULL;
	if (!d->nseen || d->seen[d->nseen - 1] != key) {
		assert(d->nseen < DEC_KEYS_MAX);
		d->seen[d->nseen++] = key;
	}
	v = member(d, key);
	return json_is_null(v) ? NULL : v;
}

static const json_t *find(struct dec *d, const char *key, enum dec_need need)
{
	const json_t *v = look(d, key);

	if (!v && need == DEC_NEED)
		dec_fail(d, key, "is missing");
	return v;
}

bool dec_has(struct dec *d, const char *key)
{
	return look(d, key) != NULL;
}

const json_t *dec_any(struct dec *d, const char *key, enum dec_need need)
{
	return find(d, key, need);
}

/* A key that nobody asked for. */

enum { NEAR_MAX = 48 };         /* bytes; a longer key gets no suggestion */

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Edit distance (Levenshtein), one row at a time. */
static unsigned distance(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);
	unsigned row[NEAR_MAX + 1];

	if (na > NEAR_MAX || nb > NEAR_MAX)
		return NEAR_MAX;
	for (size_t j = 0; j <= nb; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned corner = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1, corner + (a[i - 1] != b[j - 1]));
			corner = above;
		}
	}
	return row[nb];
}

/* Keeps the nearest word so far; one in three letters may differ. */
static void nearer(const char *word, const char *other, const char **best, unsigned *best_d)
{
	unsigned dist = distance(word, other);

	if (dist < *best_d && dist <= 1 + strlen(word) / 3 && dist < strlen(other)) {
		*best = other;
		*best_d = dist;
	}
}

static void fail_unknown(struct dec *d, const char *key)
{
	const char *best = NULL;
	unsigned best_d = NEAR_MAX;

	for (unsigned i = 0; i < d->nseen; i++)
		nearer(key, d->seen[i], &best, &best_d);
	dec_fail(d, key, "is not known here");
	if (best)
		err_hint(d->err, "did you mean \"%s\"?", best);
}

static bool was_asked(const struct dec *d, const char *key)
{
	for (unsigned i = 0; i < d->nseen; i++)
		if (d->seen[i][0] == key[0] && !strcmp(d->seen[i], key))
			return true;
	return false;
}

int dec_end(struct dec *d)
{
	const char *key;
	json_t *v;

	for (unsigned i = 0; d->r == 0 && i < d->nmembers; i++)
		if (!d->members[i].asked)
			fail_unknown(d, d->members[i].key);
	if (d->r != 0 || d->nmembers < DEC_KEYS_MAX)
		return d->r;
	json_object_foreach((json_t *)d->obj, key, v) {
		if (!was_asked(d, key)) {
			fail_unknown(d, key);
			break;
		}
	}
	return d->r;
}

/* Text. */

/* In YAML a bare 12 or true is no text; say how it becomes one. */
static void fail_text(struct dec *d, const char *field, unsigned line, const json_t *v)
{
	fail(d, field, line, "must be text");
	if (d->lines && (json_is_number(v) || json_is_boolean(v)))
		err_hint(d->err, "write it in quotes");
}

static const char *text_in(struct dec *d, const char *field, unsigned line, const json_t *v,
			   size_t min, size_t max)
{
	size_t n = json_string_length(v);

	if (!json_is_string(v))
		fail_text(d, field, line, v);
	else if (n < min && min == 1)
		fail(d, field, line, "must not be empty");
	else if (n < min)
		fail(d, field, line, "must be at least %zu bytes long, not %zu", min, n);
	else if (n > max)
		fail(d, field, line, "must be at most %zu bytes long, not %zu", max, n);
	if (d->r != 0)
		return NULL;
	return arena_strndup(d->arena, json_string_value(v), n);
}

void dec_str(struct dec *d, const char *key, enum dec_need need, size_t min, size_t max,
	     const char **ret)
{
	const json_t *v = find(d, key, need);
	char field[PATH_MAX_LEN];

	if (!v)
		return;
	if (json_is_string(v) && json_string_length(v) >= min && json_string_length(v) <= max) {
		*ret = arena_strndup(d->arena, json_string_value(v), max);
		return;
	}
	join(field, d->path, key);
	text_in(d, field, line_of(d, key, v), v, min, max);
}

/* Numbers. */

/* True when *ret was written. */
static bool whole(struct dec *d, const char *key, enum dec_need need, int64_t min, int64_t max,
		  int64_t *ret)
{
	const json_t *v = find(d, key, need);
	int64_t n = 0;

	if (!v)
		return false;
	n = json_integer_value(v);
	if (!json_is_integer(v))
		dec_fail(d, key, "must be a whole number");
	else if (n < min && max == INT64_MAX)
		dec_fail(d, key, "must be at least %lld, not %lld", (long long)min, (long long)n);
	else if (n < min || n > max)
		dec_fail(d, key, "must be between %lld and %lld, not %lld", (long long)min,
			 (long long)max, (long long)n);
	else
		*ret = n;
	return d->r == 0;
}

void dec_i64(struct dec *d, const char *key, enum dec_need need, int64_t min, int64_t max,
	     int64_t *ret)
{
	whole(d, key, need, min, max, ret);
}

void dec_u32(struct dec *d, const char *key, enum dec_need need, uint32_t min, uint32_t max,
	     uint32_t *ret)
{
	int64_t n = 0;

	if (whole(d, key, need, min, max, &n))
		*ret = (uint32_t)n;
}

void dec_u64(struct dec *d, const char *key, enum dec_need need, uint64_t min, uint64_t max,
	     uint64_t *ret)
{
	int64_t n = 0;

	assert(max <= INT64_MAX);
	if (whole(d, key, need, (int64_t)min, (int64_t)max, &n))
		*ret = (uint64_t)n;
}

void dec_bool(struct dec *d, const char *key, enum dec_need need, bool *ret)
{
	const json_t *v = find(d, key, need);

	if (!v)
		return;
	if (!json_is_boolean(v))
		dec_fail(d, key, "must be true or false");
	else
		*ret = json_is_true(v);
}

/* 1500 -> "1.5" */
static const char *milli_text(uint32_t v, char out[16])
{
	int n = snprintf(out, 16, "%u.%03u", v / 1000, v % 1000);

	while (out[n - 1] == '0')
		out[--n] = '\0';
	if (out[n - 1] == '.')
		out[n - 1] = '\0';
	return out;
}

/* A decimal with three places and its nearest thousandth divided by 1000 are the
 * same double, both being rounded correctly; any finer decimal is another one. */
void dec_milli(struct dec *d, const char *key, enum dec_need need, uint32_t min, uint32_t max,
	       uint32_t *ret)
{
	const json_t *v = find(d, key, need);
	char low[16], high[16];
	double x, milli;

	if (!v)
		return;
	x = json_number_value(v);
	milli = round(x * 1000);
	if (!json_is_number(v))
		dec_fail(d, key, "must be a number");
	else if (milli < min || milli > max)
		dec_fail(d, key, "must be between %s and %s, not %.10g", milli_text(min, low),
			 milli_text(max, high), x);
	else if (milli / 1000 != x)
		dec_fail(d, key, "must have at most three decimals");
	else
		*ret = (uint32_t)milli;
}

void dec_enum(struct dec *d, const char *key, enum dec_need need, const char *const *names,
	      unsigned *ret)
{
	const json_t *v = find(d, key, need);
	const char *s, *best = NULL;
	unsigned best_d = NEAR_MAX;
	char list[160] = "";
	size_t n = 0;

	if (!v)
		return;
	s = json_string_value(v);
	if (!s) {
		dec_fail(d, key, "must be text");
		return;
	}
	for (unsigned i = 0; names[i]; i++) {
		if (names[i][0] && !strcmp(names[i], s)) {
			*ret = i;
			return;
		}
	}
	for (unsigned i = 0; names[i]; i++) {
		if (!names[i][0])
			continue;
		nearer(s, names[i], &best, &best_d);
		if (n < sizeof(list))
			n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "",
					      names[i]);
	}
	dec_fail(d, key, "must be one of %s", list);
	if (best)
		err_hint(d->err, "did you mean \"%s\"?", best);
}

/* Children. */

const json_t *dec_array(struct dec *d, const char *key, enum dec_need need, size_t max)
{
	const json_t *v = find(d, key, need);

	if (!v)
		return NULL;
	if (!json_is_array(v))
		dec_fail(d, key, "must be a list");
	else if (json_array_size(v) > max)
		dec_fail(d, key, "must have at most %zu items, not %zu", max, json_array_size(v));
	return d->r == 0 ? v : NULL;
}

const json_t *dec_object(struct dec *d, const char *key, enum dec_need need)
{
	const json_t *v = find(d, key, need);

	if (!v)
		return NULL;
	if (!json_is_object(v))
		dec_fail(d, key, "must be an object");
	return d->r == 0 ? v : NULL;
}

void dec_strs(struct dec *d, const char *key, enum dec_need need, size_t max_items,
	      size_t max_len, const char *const **ret, uint32_t *ret_n)
{
	const json_t *list = dec_array(d, key, need, max_items), *v;
	char field[PATH_MAX_LEN], name[PATH_MAX_LEN];
	const char **out;
	size_t i;

	if (!list)
		return;
	out = arena_array(d->arena, json_array_size(list), sizeof(*out));
	join(name, d->path, key);
	json_array_foreach(list, i, v) {
		if (json_is_string(v) && json_string_length(v) <= max_len) {
			out[i] = arena_strndup(d->arena, json_string_value(v), max_len);
			continue;
		}
		snprintf(field, sizeof(field), "%.90s[%zu]", name, i);
		text_in(d, field, line_of(d, key, v), v, 0, max_len);
		return;
	}
	*ret = out;
	*ret_n = (uint32_t)json_array_size(list);
}

void dec_pairs(struct dec *d, const char *key, enum dec_need need, size_t max_items,
	       size_t max_len, const char *const **ret, uint32_t *ret_npairs)
{
	const json_t *obj = dec_object(d, key, need);
	char field[PATH_MAX_LEN], name[PATH_MAX_LEN];
	const char **out, *k;
	size_t n = 0;
	json_t *v;

	if (!obj)
		return;
	if (json_object_size(obj) > max_items) {
		dec_fail(d, key, "must have at most %zu entries, not %zu", max_items,
			 json_object_size(obj));
		return;
	}
	out = arena_array(d->arena, json_object_size(obj), 2 * sizeof(*out));
	join(name, d->path, key);
	json_object_foreach((json_t *)obj, k, v) {
		unsigned line = json_line_key(d->lines, obj, k);

		join(field, name, k);
		if (strlen(k) > max_len)
			fail(d, field, line, "the name must be at most %zu bytes long", max_len);
		out[n++] = arena_strdup(d->arena, k);
		out[n++] = d->r == 0 ? text_in(d, field, line, v, 0, max_len) : NULL;
		if (d->r != 0)
			return;
	}
	*ret = out;
	*ret_npairs = (uint32_t)(n / 2);
}

const char *dec_path(struct dec *d, const char *key)
{
	return arena_printf(d->arena, "%s%s%s", d->path, *d->path ? "." : "", key);
}

const char *dec_path_at(struct dec *d, const char *key, size_t i)
{
	return arena_printf(d->arena, "%s%s%s[%zu]", d->path, *d->path ? "." : "", key, i);
}
