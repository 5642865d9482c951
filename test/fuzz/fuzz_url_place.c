/* fuzz_url_place.c - one place has one spelling, a place lies in itself, and what lies in it lies in
 * what it lies in: else a label is passed by */

#include "domain/url_place.h"

#include "base/mem.h"
#include "base/text.h"
#include "domain/task.h"
#include "domain/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok, const char *what, const char *a, const char *b)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_url_place: %s: \"%s\" \"%s\"\n", what, a, b);
	abort();
}

/* As tasks and data sets are taken. */
static bool taken(const char *url)
{
	return strlen(url) <= TASK_URL_MAX && !wire_url(url) && !url_place_unclear(url);
}

static void same_place(const char *url, const char *other, const char *what)
{
	char *a = url_place(url), *b = url_place(other);

	if (taken(other))
		must(!strcmp(a, b), what, url, other);
	free(a);
	free(b);
}

/* ---- other spellings ---- */

static bool is_file(const char *url)
{
	return !strncmp(url, "file:", 5);
}

/* Where the path begins and ends. */
static const char *path_of(const char *url, size_t *ret_n)
{
	const char *s = strstr(url, "//") + 2;

	s += strcspn(s, "/?#");
	*ret_n = is_file(url) ? strlen(s) : strcspn(s, "?#");
	return s;
}

/* Every byte of the path escaped, but for slashes; what is escaped stays. */
static void escaped(const char *url)
{
	static const char digits[] = "0123456789aBcDeF";
	char other[4 * TASK_URL_MAX], *out = other;
	size_t n;
	const char *s = path_of(url, &n), *end = s + n;

	memcpy(out, url, (size_t)(s - url));
	out += s - url;
	for (; s < end; s++) {
		if (*s == '%' && text_escaped(s) > 0) {
			memcpy(out, s, 3);
			s += 2;
			out += 3;
		} else if (*s == '/') {
			*out++ = *s;
		} else {
			out += sprintf(out, "%%%c%c", digits[(unsigned char)*s >> 4],
				       digits[(unsigned char)*s & 15]);
		}
	}
	strcpy(out, end);
	same_place(url, other, "escapes lead elsewhere");
}

static void slashes(const char *url)
{
	char other[2 * TASK_URL_MAX + 2];
	size_t n, head;
	const char *s = path_of(url, &n);

	head = (size_t)(s - url);
	sprintf(other, "%.*s//%.*s/%s", (int)head, url, (int)n, s, s + n);
	same_place(url, other, "slashes lead elsewhere");
}

static void host(const char *url)
{
	char other[TASK_URL_MAX + 16];
	const char *s = strstr(url, "//") + 2;
	size_t head = (size_t)(s - url), n = strcspn(s, "/?#");
	bool bare = !memchr(s, ':', n);         /* no port, no IPv6 address */

	strcpy(other, url);
	for (size_t i = head; i < head + n; i++)
		if ((other[i] | 0x20) >= 'a' && (other[i] | 0x20) <= 'z')
			other[i] ^= 0x20;
	same_place(url, other, "capitals of a host lead elsewhere");
	if (!bare)
		return;
	sprintf(other, "%.*s.:%s%s", (int)(head + n), url, head == 8 ? "443" : "0080", s + n);
	same_place(url, other, "a dot and the usual port lead elsewhere");
	sprintf(other, "%s//%s", head == 8 ? "http:" : "https:", s);
	same_place(url, other, "the other scheme leads elsewhere");
	sprintf(other, "%s%s", url, strchr(url, '?') || strchr(url, '#') ? "" : "?a=/../b#/c");
	same_place(url, other, "a query leads elsewhere");
}

/* ---- one in another ---- */

static bool inside(const char *at, const char *place)
{
	return strlen(at) >= strlen(place) && url_place_meets(at, place);
}

static bool marked(const char *s)
{
	return strstr(s, TASK_INDEX_MARK) != NULL;
}

static void deeper(const char *url)
{
	char other[TASK_URL_MAX + 16], *at, *place = url_place(url);
	size_t n;
	const char *s = path_of(url, &n);

	sprintf(other, "%.*s/x", (int)(s + n - url), url);
	at = url_place(other);
	if (taken(other)) {
		must(url_place_meets(at, place), "a part is not inside", at, place);
		must(url_place_meets(place, at) == url_place_is_file(place) || marked(place),
		     "a directory of files, and no other, is read with its parts", place, at);
	}
	free(at);
	free(place);
}

static void one(const char *url)
{
	char *place = url_place(url);

	must(url_place_meets(place, place), "a place is not in itself", place, url);
	must(url_place_is_file(place) == is_file(url), "a file is taken for another thing", place, url);
	free(place);
	escaped(url);
	slashes(url);
	if (!is_file(url))
		host(url);
	deeper(url);
}

/* The same place, or behind a slash of it. */
static bool below(const char *at, const char *place)
{
	size_t n = strlen(place);

	return !strncmp(at, place, n) && (!at[n] || at[n] == '/');
}

static void two(const char *at, const char *place)
{
	bool whole = url_place_is_file(at) && below(place, at);

	if (!marked(at) && !marked(place))
		must(url_place_meets(at, place) == (below(at, place) || whole),
		     "what is met is neither there nor inside, or the reverse", at, place);
}

/* Of data sets, whose places have no {index}; the first may be an input. */
static void three(const char *const url[3])
{
	char *p[3] = { url_place(url[0]), url_place(url[1]), url_place(url[2]) };

	two(p[0], p[1]);
	if (!marked(p[1]) && !marked(p[2])) {
		if (inside(p[1], p[2]) && url_place_meets(p[0], p[1]) &&
		    (marked(p[0]) || inside(p[0], p[1])))
			must(url_place_meets(p[0], p[2]), "inside is not transitive", p[0], p[2]);
		if (inside(p[1], p[2]) && inside(p[2], p[1]))
			must(!strcmp(p[1], p[2]), "two places lie in each other", p[1], p[2]);
	}
	for (int i = 0; i < 3; i++)
		free(p[i]);
}

static void all_orders(char *const url[3])
{
	static const uint8_t order[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					     { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

	for (unsigned i = 0; i < 6; i++)
		three((const char *const[3]){ url[order[i][0]], url[order[i][1]], url[order[i][2]] });
}

/* The next line as a url; after a plus it goes on from the first, so that places nest. */
static char *next_url(char **text, const char *first)
{
	char *line = strsep(text, "\n"), *url;

	if (!line || *line != '+' || !first)
		return line ? mem_strdup(line) : NULL;
	url = mem_alloc(strlen(first) + strlen(line));
	sprintf(url, "%s%s", first, line + 1);
	return url;
}

/* Up to three urls, a line each. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = mem_alloc(n + 1), *rest = text, *url[3] = { NULL };
	unsigned ntaken = 0;

	memcpy(text, data, n);
	text[n] = '\0';
	for (unsigned i = 0; i < 3; i++) {
		url[i] = next_url(&rest, url[0]);
		if (url[i] && taken(url[i])) {
			ntaken++;
			one(url[i]);
		}
	}
	if (ntaken == 3)
		all_orders(url);
	for (unsigned i = 0; i < 3; i++)
		free(url[i]);
	free(text);
	return 0;
}
