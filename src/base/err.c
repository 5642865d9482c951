/* err.c - fill in a struct err */

#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A cut through the middle of a character would make the whole answer invalid UTF-8. */
static size_t cut_at_char(const char *s, size_t n)
{
	size_t i = n;

	while (i > 0 && n - i < 3 && ((unsigned char)s[i - 1] & 0xc0) == 0x80)
		i--;
	if (i > 0 && (unsigned char)s[i - 1] >= 0xc0) {
		unsigned char lead = (unsigned char)s[i - 1];
		size_t want = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;

		if (n - (i - 1) < want)
			return i - 1;
	}
	return n;
}

static void put(char *out, size_t size, const char *s)
{
	size_t n = strnlen(s, size);

	if (n >= size - 1)              /* full: the caller may have cut it, too */
		n = cut_at_char(s, size - 1);
	memcpy(out, s, n);
	out[n] = '\0';
}

/* Twice the largest member: what is longer is cut by put(), at a character.
 * Formatting goes through it because an argument may point into the struct
 * that is being written. */
enum { WORDS_MAX = 2 * sizeof(((struct err *)0)->text) };

static void set_text(struct err *err, const char *words)
{
	put(err->text, sizeof(err->text), words);
	err->field[0] = '\0';
	err->hint[0] = '\0';
	err->line = 0;
}

int err_set(struct err *err, int r, const char *fmt, ...)
{
	char words[WORDS_MAX];
	va_list ap;

	if (!err)
		return r;
	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	set_text(err, words);
	return r;
}

int err_field(struct err *err, const char *field, const char *fmt, ...)
{
	char words[WORDS_MAX], name[sizeof(err->field)];
	va_list ap;

	if (!err)
		return ERR_E_INPUT;
	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	put(name, sizeof(name), field);
	set_text(err, words);
	memcpy(err->field, name, sizeof(name));
	return ERR_E_INPUT;
}

void err_hint(struct err *err, const char *fmt, ...)
{
	char words[WORDS_MAX];
	va_list ap;

	if (!err)
		return;
	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	put(err->hint, sizeof(err->hint), words);
}

int err_prefix(struct err *err, int r, const char *fmt, ...)
{
	char words[WORDS_MAX];
	va_list ap;
	size_t n;

	if (!err)
		return r;
	va_start(ap, fmt);
	vsnprintf(words, sizeof(words) - sizeof(err->text), fmt, ap);
	va_end(ap);
	n = strlen(words);
	memcpy(words + n, err->text, strlen(err->text) + 1);
	put(err->text, sizeof(err->text), words);
	return r;
}
