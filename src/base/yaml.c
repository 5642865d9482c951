/* yaml.c - a careful subset of YAML as JSON values that remember their lines */

#include "base/json.h"

#include "base/mem.h"
#include "base/text.h"

#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define uthash_malloc(n) mem_alloc(n)
#define uthash_fatal(words) abort()
#include <uthash.h>

/* A city of thousands of pools is some 100,000 values. */
enum { NODES_MAX = 200 * 1000 };

/* Keyed by the address of a value, or of a key inside its object: true, false
 * and null are single values in jansson, so only their keys have lines. */
struct entry {
	const void *at;
	unsigned line;
	UT_hash_handle hh;
};

struct json_lines {
	struct entry *table;
	struct arena arena;
};

static void lines_add(struct json_lines *l, const void *at, unsigned line)
{
	struct entry *e = arena_alloc(&l->arena, sizeof(*e));

	e->at = at;
	e->line = line;
	HASH_ADD_PTR(l->table, at, e);
}

static unsigned lines_find(const struct json_lines *l, const void *at)
{
	struct entry *e = NULL;

	if (l && at)
		HASH_FIND_PTR(l->table, &at, e);
	return e ? e->line : 0;
}

struct json_lines *json_lines_free(struct json_lines *l)
{
	if (l) {
		HASH_CLEAR(hh, l->table);
		arena_done(&l->arena);
		free(l);
	}
	return NULL;
}

unsigned json_line(const struct json_lines *l, const json_t *v)
{
	return lines_find(l, v);
}

/* The address of the key as the object stores it; it stays while the key does. */
static const char *stored_key(const json_t *obj, const char *key)
{
	void *iter = json_object_iter_at((json_t *)obj, key);

	return iter ? json_object_iter_key(iter) : NULL;
}

unsigned json_line_key(const struct json_lines *l, const json_t *obj, const char *key)
{
	return l ? lines_find(l, stored_key(obj, key)) : 0;
}

struct reader {
	yaml_parser_t parser;
	yaml_event_t event;     /* the current one; deleted by next() */
	struct json_lines *lines;
	struct err *err;
	size_t nodes;
	const char *text;
	size_t n;
};

static unsigned line_at(const struct reader *y, size_t offset)
{
	unsigned line = 1;

	for (size_t i = 0; i < offset && i < y->n; i++)
		line += y->text[i] == '\n';
	return line;
}

static unsigned here(const struct reader *y)
{
	return (unsigned)y->event.start_mark.line + 1;
}

__attribute__((format(printf, 3, 4)))
static int fail(struct reader *y, unsigned line, const char *fmt, ...)
{
	char words[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	err_set(y->err, ERR_E_INPUT, "%s", words);
	if (y->err)
		y->err->line = line;
	return ERR_E_INPUT;
}

static int fail_syntax(struct reader *y)
{
	const yaml_parser_t *p = &y->parser;
	unsigned line = (unsigned)p->problem_mark.line + 1;

	if (p->error == YAML_MEMORY_ERROR)
		abort();
	if (p->error == YAML_READER_ERROR)
		return fail(y, line_at(y, p->problem_offset), "not valid YAML: %s", p->problem);
	return fail(y, line, "not valid YAML at line %u, column %zu: %s", line,
		    p->problem_mark.column + 1, p->problem ? p->problem : "not understood");
}

static int next(struct reader *y)
{
	yaml_event_delete(&y->event);
	return yaml_parser_parse(&y->parser, &y->event) ? 0 : fail_syntax(y);
}

/* Plain scalars after the core schema of YAML 1.2 ("yes" and "no" are text). */

static bool one_of(const char *s, const char *a, const char *b, const char *c)
{
	return !strcmp(s, a) || !strcmp(s, b) || !strcmp(s, c);
}

enum shape { SHAPE_TEXT, SHAPE_INT, SHAPE_REAL, SHAPE_ODD };

static size_t count_digits(const char *s)
{
	return strspn(s, "0123456789");
}

static bool only(const char *s, const char *set)
{
	return *s && !s[strspn(s, set)];
}

/* What a reader may take for different numbers (010, 0x1f, 1_000 is text anyway,
 * .inf) is SHAPE_ODD and refused. */
static enum shape shape_of(const char *s)
{
	size_t whole, part = 0;
	bool real = false, padded;

	s += *s == '-' || *s == '+';
	if (one_of(s, ".inf", ".Inf", ".INF") || one_of(s, ".nan", ".NaN", ".NAN"))
		return SHAPE_ODD;
	if (s[0] == '0' && ((s[1] == 'x' && only(s + 2, "0123456789abcdefABCDEF")) ||
			    (s[1] == 'o' && only(s + 2, "01234567"))))
		return SHAPE_ODD;
	whole = count_digits(s);
	if (s[whole] == '.') {
		real = true;
		part = count_digits(s + whole + 1);
	}
	if (whole + part == 0)
		return SHAPE_TEXT;
	padded = whole > 1 && s[0] == '0';
	s += whole + part + real;
	if (*s == 'e' || *s == 'E') {
		s += 1 + (s[1] == '-' || s[1] == '+');
		if (!count_digits(s))
			return SHAPE_TEXT;
		s += count_digits(s);
		real = true;
	}
	if (*s)
		return SHAPE_TEXT;
	return padded ? SHAPE_ODD : real ? SHAPE_REAL : SHAPE_INT;
}

/* strtod() reads the decimal sign of the person's language. */
static double read_real(const char *s)
{
	locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	double v;

	if (!c)
		abort();
	v = strtod_l(s, NULL, c);
	freelocale(c);
	return v;
}

static int number(struct reader *y, const char *s, enum shape shape, json_t **ret)
{
	const double limit = 9223372036854775808.0;     /* 2^63 */
	int64_t i;
	double d;

	if (shape == SHAPE_ODD)
		return fail(y, here(y), "%.40s is not a plain decimal number, quote it as text",
			    s);
	if (shape == SHAPE_INT) {
		if (text_i64(s + (*s == '+'), INT64_MIN, INT64_MAX, &i) != 0)
			return fail(y, here(y), "%.40s is larger than 64 bits can hold", s);
		*ret = json_integer(i);
		return 0;
	}
	d = read_real(s);
	if (!(d >= -limit && d < limit))
		return fail(y, here(y), "%.40s is larger than 64 bits can hold", s);
	*ret = json_real(d);
	return 0;
}

static int plain(struct reader *y, const char *s, size_t n, json_t **ret)
{
	enum shape shape;

	if (!*s || !strcmp(s, "~") || one_of(s, "null", "Null", "NULL"))
		*ret = json_null();
	else if (one_of(s, "true", "True", "TRUE"))
		*ret = json_true();
	else if (one_of(s, "false", "False", "FALSE"))
		*ret = json_false();
	else if ((shape = shape_of(s)) != SHAPE_TEXT)
		return number(y, s, shape, ret);
	else
		*ret = json_stringn(s, n);
	return 0;
}

/* The name of a core tag ("str"), NULL for any other. */
static const char *core_tag(const char *tag)
{
	static const char prefix[] = "tag:yaml.org,2002:";
	size_t n = sizeof(prefix) - 1;

	return strncmp(tag, prefix, n) ? NULL : tag + n;
}

static bool tag_fits(const char *tag, const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return !strcmp(tag, "map");
	case JSON_ARRAY:
		return !strcmp(tag, "seq");
	case JSON_STRING:
		return !strcmp(tag, "str");
	case JSON_INTEGER:
		return !strcmp(tag, "int");
	case JSON_REAL:
		return !strcmp(tag, "float");
	case JSON_NULL:
		return !strcmp(tag, "null");
	default:
		return !strcmp(tag, "bool");
	}
}

static int check_tag(struct reader *y, const char *tag, const json_t *v, unsigned line)
{
	const char *core = tag ? core_tag(tag) : NULL;

	if (!tag || (core && tag_fits(core, v)))
		return 0;
	return fail(y, line, "the tag %.40s does not fit here, remove it", tag);
}

static int scalar(struct reader *y, json_t **ret)
{
	const char *s = (const char *)y->event.data.scalar.value;
	const char *tag = (const char *)y->event.data.scalar.tag;
	size_t n = y->event.data.scalar.length;
	const char *core = tag ? core_tag(tag) : NULL;
	json_t *v = NULL;
	int r = 0;

	if (memchr(s, '\0', n))
		return fail(y, here(y), "the character U+0000 is not allowed");
	if (core ? !strcmp(core, "str") : y->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		v = json_stringn(s, n);
	else
		r = plain(y, s, n, &v);
	if (r == 0 && !v)
		abort();                /* the bytes were checked, so it is memory */
	if (r == 0)
		r = check_tag(y, tag, v, here(y));
	if (r == 0)
		*ret = v;
	else
		json_decref(v);
	return r;
}

static int node(struct reader *y, unsigned depth, json_t **ret);

static int sequence(struct reader *y, unsigned depth, json_t *list)
{
	json_t *item;
	int r;

	while ((r = next(y)) == 0 && y->event.type != YAML_SEQUENCE_END_EVENT) {
		item = NULL;
		r = node(y, depth, &item);
		if (r != 0)
			return r;
		if (json_array_append_new(list, item) != 0)
			abort();
	}
	return r;
}

static bool has_anchor(const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_ALIAS_EVENT:
		return true;
	case YAML_SCALAR_EVENT:
		return e->data.scalar.anchor;
	case YAML_SEQUENCE_START_EVENT:
		return e->data.sequence_start.anchor;
	default:
		return e->data.mapping_start.anchor;
	}
}

/* What holds for every value and key. */
static int admit(struct reader *y)
{
	if (has_anchor(&y->event))
		return fail(y, here(y), "anchors and aliases are not read, write the value out");
	if (++y->nodes > NODES_MAX)
		return fail(y, here(y), "more than %d values, split the file", NODES_MAX);
	return 0;
}

/* Not through node(): a key's value is freed at once and must not have a line. */
static int key(struct reader *y, const json_t *map, json_t **ret)
{
	json_t *k = NULL;
	int r;

	r = admit(y);
	if (r == 0 && y->event.type != YAML_SCALAR_EVENT)
		r = fail(y, here(y), "a key must be text");
	if (r == 0)
		r = scalar(y, &k);
	if (r == 0 && !json_is_string(k))
		r = fail(y, here(y), "a key must be text, write it in quotes");
	if (r == 0 && json_object_get(map, json_string_value(k)))
		r = fail(y, here(y), "the key %.60s appears twice", json_string_value(k));
	if (r == 0)
		*ret = k;
	else
		json_decref(k);
	return r;
}

static int mapping(struct reader *y, unsigned depth, json_t *map)
{
	unsigned line;
	json_t *k, *v;
	int r;

	while ((r = next(y)) == 0 && y->event.type != YAML_MAPPING_END_EVENT) {
		line = here(y);
		k = v = NULL;
		r = key(y, map, &k);
		if (r == 0)
			r = next(y);
		if (r == 0)
			r = node(y, depth, &v);
		if (r == 0) {
			if (json_object_set_new(map, json_string_value(k), v) != 0)
				abort();
			lines_add(y->lines, stored_key(map, json_string_value(k)), line);
		}
		json_decref(k);
		if (r != 0)
			return r;
	}
	return r;
}

/* The tag and the anchor die with the event, so both are looked at first. */
static int collection(struct reader *y, unsigned depth, json_t **ret)
{
	bool is_map = y->event.type == YAML_MAPPING_START_EVENT;
	const yaml_char_t *tag = is_map ? y->event.data.mapping_start.tag
					: y->event.data.sequence_start.tag;
	json_t *v = is_map ? json_object() : json_array();
	int r;

	if (!v)
		abort();
	r = check_tag(y, (const char *)tag, v, here(y));
	if (r == 0 && depth >= JSON_DEPTH_MAX)
		r = fail(y, here(y), "nested too deeply, at most %d levels are read",
			 JSON_DEPTH_MAX);
	if (r == 0)
		r = is_map ? mapping(y, depth + 1, v) : sequence(y, depth + 1, v);
	if (r == 0)
		*ret = v;
	else
		json_decref(v);
	return r;
}

/* The value that begins with the current event. */
static int node(struct reader *y, unsigned depth, json_t **ret)
{
	unsigned line = here(y);
	int r = admit(y);

	if (r != 0)
		return r;
	r = y->event.type == YAML_SCALAR_EVENT ? scalar(y, ret) : collection(y, depth, ret);
	if (r == 0 && (json_is_object(*ret) || json_is_array(*ret) || json_is_string(*ret) ||
		       json_is_number(*ret)))
		lines_add(y->lines, *ret, line);
	return r;
}

static int document(struct reader *y, json_t **ret)
{
	int r = next(y);        /* stream start */

	if (r == 0)
		r = next(y);
	if (r == 0 && y->event.type == YAML_STREAM_END_EVENT)
		return fail(y, 1, "is empty, YAML was expected");
	if (r == 0)
		r = next(y);
	if (r == 0)
		r = node(y, 0, ret);
	if (r == 0)
		r = next(y);    /* document end */
	if (r == 0)
		r = next(y);
	if (r == 0 && y->event.type != YAML_STREAM_END_EVENT)
		r = fail(y, here(y), "a second document begins, only one is read");
	return r;
}

/* libyaml would find these as well, but names neither well. */
static int check_bytes(struct reader *y)
{
	size_t good = 0, bad = y->n;
	const char *nul = memchr(y->text, '\0', y->n);

	if (nul)
		return fail(y, line_at(y, (size_t)(nul - y->text)),
			    "the character U+0000 is not allowed");
	if (text_is_utf8(y->text, y->n))
		return 0;
	/* The first line that is not valid: a line break is never inside a character. */
	while (good < bad) {
		const char *end = memchr(y->text + good, '\n', y->n - good);
		size_t len = end ? (size_t)(end - y->text) + 1 - good : y->n - good;

		if (!text_is_utf8(y->text + good, len))
			break;
		good += len;
	}
	return fail(y, line_at(y, good), "the text is not valid UTF-8");
}

int yaml_parse(const char *text, size_t n, json_t **ret, struct json_lines **ret_lines,
	       struct err *err)
{
	struct reader y = { .err = err, .text = n ? text : "", .n = n };
	json_t *v = NULL;
	int r = check_bytes(&y);

	if (r != 0)
		return r;
	if (!yaml_parser_initialize(&y.parser))
		abort();
	y.lines = mem_alloc(sizeof(*y.lines));
	arena_init(&y.lines->arena);
	yaml_parser_set_encoding(&y.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&y.parser, (const unsigned char *)y.text, n);
	r = document(&y, &v);
	yaml_event_delete(&y.event);
	yaml_parser_delete(&y.parser);
	if (r != 0) {
		json_decref(v);
		json_lines_free(y.lines);
		return r;
	}
	*ret = v;
	*ret_lines = y.lines;
	return 0;
}
