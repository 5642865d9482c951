/* json.c - strict, bounded JSON in; string literals out */

#include "base/json.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* jansson allows 2048 levels, each one a frame on our stack, so the depth is
 * counted before it starts.  Brackets that do not match are its business. */
struct scan {
	unsigned depth, line;
	bool reals;             /* a number with a fraction or an exponent was seen */
};

static const char *skip_string(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p;
}

static int scan(struct scan *s, const char *text, const char *end)
{
	for (const char *p = text; p < end; p++) {
		switch (*p) {
		case '"':
			p = skip_string(p, end);
			break;
		case '{':
		case '[':
			if (++s->depth > JSON_DEPTH_MAX)
				return ERR_E_INPUT;
			break;
		case '}':
		case ']':
			s->depth -= s->depth > 0;
			break;
		case '\n':
			s->line++;
			break;
		case 'e':
		case 'E':
			s->reals |= p > text && p[-1] >= '0' && p[-1] <= '9';
			break;
		case '.':
			s->reals = true;
			break;
		}
	}
	return 0;
}

/* Whole numbers are checked by jansson, reals only against the range of double. */
static bool reals_fit(const json_t *v)
{
	const double limit = 9223372036854775808.0;     /* 2^63 */
	const char *key;
	const json_t *child;
	size_t i;

	if (json_is_real(v))
		return json_real_value(v) >= -limit && json_real_value(v) < limit;
	json_array_foreach(v, i, child)
		if (!reals_fit(child))
			return false;
	json_object_foreach((json_t *)v, key, child)
		if (!reals_fit(child))
			return false;
	return true;
}

static int fail_at(struct err *err, unsigned line, const char *text)
{
	int r = err_set(err, ERR_E_INPUT, "%s", text);

	if (err)
		err->line = line;
	return r;
}

static int fail_syntax(struct err *err, const json_error_t *je)
{
	unsigned line = je->line > 0 ? (unsigned)je->line : 1;
	int r = err_set(err, ERR_E_INPUT, "not valid JSON at line %u, column %d: %s", line,
			je->column > 0 ? je->column : 1, je->text);

	if (err)
		err->line = line;
	return r;
}

int json_parse(const char *text, size_t n, json_t **ret, struct err *err)
{
	struct scan s = { .line = 1 };
	json_error_t je;
	json_t *v;

	if (!n)
		return fail_at(err, 1, "is empty, JSON was expected");
	if (scan(&s, text, text + n) != 0)
		return fail_at(err, s.line, "nested too deeply, at most 32 levels are read");
	v = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &je);
	if (!v && json_error_code(&je) == json_error_out_of_memory)
		abort();
	if (!v)
		return fail_syntax(err, &je);
	if (s.reals && !reals_fit(v)) {
		json_decref(v);
		return fail_at(err, 0, "a number is larger than 64 bits can hold");
	}
	*ret = v;
	return 0;
}

_Static_assert(JSON_DEPTH_MAX == 32, "the text about nesting names it");

/* Length of the valid character at s, 0 when it is not one. */
static size_t char_len(const char *s, size_t n)
{
	unsigned char c = (unsigned char)*s;
	size_t len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;

	return len <= n && text_is_utf8(s, len) ? len : 0;
}

static void put_escaped(struct buf *b, unsigned char c)
{
	static const char *const escapes[] = {
		['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f",
		['\r'] = "\\r", ['"'] = "\\\"", ['\\'] = "\\\\",
	};

	if (escapes[c])
		buf_str(b, escapes[c]);
	else
		buf_printf(b, "\\u%04x", c);
}

/* Bytes that need no change are added in runs. */
int json_put_str(struct buf *b, const char *s, size_t n)
{
	size_t from = 0, i = 0;

	buf_add(b, "\"", 1);
	while (i < n) {
		unsigned char c = (unsigned char)s[i];
		size_t len = c < 0x80 ? 1 : char_len(s + i, n - i);

		if (len && c >= 0x20 && c != '"' && c != '\\') {
			i += len;
			continue;
		}
		buf_add(b, s + from, i - from);
		if (len)
			put_escaped(b, c);
		else
			buf_str(b, "\xef\xbf\xbd");
		from = ++i;
	}
	buf_add(b, s + from, n - from);
	return buf_add(b, "\"", 1);
}
