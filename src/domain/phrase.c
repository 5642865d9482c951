/* phrase.c - a finished sentence is recognised by its format, and said in Chinese */

#include "domain/phrase.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdbool.h>
#include <string.h>

enum { DEPTH_MAX = 3 };         /* a figure may be a sentence of ours, too: "pool a: …" */

struct figure {
	const char *s;
	size_t n;
};

struct found {
	const struct phrase *phrase;
	struct figure figures[PHRASE_FIGURES_MAX];
	size_t literal;                 /* bytes of the sentence that the format itself has */
};

/* Length of the conversion at `fmt`, 0: none.  *ret: the last letter of it. */
static size_t conversion(const char *fmt, char *ret)
{
	size_t n = 1 + strspn(fmt + 1, "0123456789.");

	n += strspn(fmt + n, "lz");
	*ret = fmt[n];
	return fmt[n] && strchr("sduogx%", fmt[n]) ? n + 1 : 0;
}

enum match { MATCH_NO, MATCH_YES, MATCH_NEVER };

/* As with the * of a shell's pattern: when nothing fits after a later %s, moving an earlier one
 * does not help, so the work is bounded by the lengths and not by their powers. */
static enum match match(const char *fmt, const char *s, struct figure *figures, unsigned n)
{
	char before = 0;

	for (; *fmt; before = *fmt++, s++) {
		char kind = 0;
		size_t len = *fmt == '%' ? conversion(fmt, &kind) : 0, max;

		if (len && kind != '%') {
			if (n == PHRASE_FIGURES_MAX)
				return MATCH_NEVER;
			max = kind == 's' ? strlen(s) : strspn(s, "-+.0123456789e");
			for (size_t k = kind == 's' ? 1 : max; k && k <= max; k++) {
				enum match m = match(fmt + len, s + k, figures, n + 1);

				if (m == MATCH_YES)
					figures[n] = (struct figure){ s, k };
				if (m != MATCH_NO)
					return m;
			}
			return kind == 's' ? MATCH_NEVER : MATCH_NO;
		}
		if (*fmt != *s)
			return MATCH_NO;
		fmt += len ? len - 1 : 0;
	}
	if (*s && (before != ' ' || n == PHRASE_FIGURES_MAX))
		return MATCH_NO;
	if (*s)         /* put before another sentence */
		figures[n] = (struct figure){ s, strlen(s) };
	return MATCH_YES;
}

/* The format that says most of the sentence itself; the whole sentence when it is a text. */
static bool find(const char *en, struct found *best)
{
	best->phrase = NULL;
	best->literal = 0;
	for (size_t i = 0; i < phrases_n; i++) {
		struct found f = { .phrase = &phrases[i], .literal = strlen(en) };

		if (!strcmp(phrases[i].en, en)) {
			*best = f;
			return true;
		}
		if (match(phrases[i].en, en, f.figures, 0) != MATCH_YES)
			continue;
		for (unsigned k = 0; k < PHRASE_FIGURES_MAX; k++)
			f.literal -= f.figures[k].n;
		if (!best->phrase || f.literal > best->literal)
			*best = f;
	}
	return best->phrase != NULL;
}

static bool say(struct buf *b, const char *en, unsigned depth);

/* What somebody typed stands in quotes or is one word, and stays as it is. */
static void put_figure(struct buf *b, const char *en, const struct figure *f, unsigned depth)
{
	char text[PHRASE_ZH_MAX];

	if (depth < DEPTH_MAX && f->n < sizeof(text) && memchr(f->s, ' ', f->n) &&
	    (f->s == en || f->s[-1] != '"')) {
		memcpy(text, f->s, f->n);
		text[f->n] = '\0';
		if (say(b, text, depth + 1))
			return;
	}
	buf_add(b, f->s, f->n);
}

static bool say(struct buf *b, const char *en, unsigned depth)
{
	struct found f;

	if (!find(en, &f))
		return false;
	for (const char *p = f.phrase->zh; *p; p++) {
		unsigned k = (unsigned)(p[1] - '1');

		if (*p == '%' && k < PHRASE_FIGURES_MAX && f.figures[k].s) {
			put_figure(b, en, &f.figures[k], depth);
			p++;
		} else {
			buf_add(b, p, 1);
		}
	}
	return true;
}

const char *phrase_zh(const char *en, char out[PHRASE_ZH_MAX])
{
	struct buf b;
	bool said;

	if (!en)
		return NULL;
	buf_init(&b, PHRASE_ZH_MAX);
	said = say(&b, en, 0) && !b.full && b.len < PHRASE_ZH_MAX;
	if (said)
		memcpy(out, b.data, b.len + 1);
	buf_done(&b);
	return said ? out : en;
}
