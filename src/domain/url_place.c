/* url_place.c - one spelling for one place */

#include "domain/url_place.h"

#include "base/mem.h"
#include "base/text.h"
#include "domain/host.h"
#include "domain/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* RFC 3986, 5.2.4, and without empty parts and a slash at the end. */
static void plain_path(char *path)
{
	char *out = path, *p = path;

	while (*p) {
		size_t n;

		p += strspn(p, "/");
		n = strcspn(p, "/");
		if (n == 2 && p[0] == '.' && p[1] == '.') {
			while (out > path && *--out != '/')
				;
		} else if (n && !(n == 1 && *p == '.')) {
			*out++ = '/';
			memmove(out, p, n);
			out += n;
		}
		p += n;
	}
	*out = '\0';
}

/* `out` is not shorter than the path; NUL stays escaped. */
static void decode(const char *s, size_t n, char *out)
{
	for (const char *end = s + n; s < end; s++) {
		int c = end - s > 2 ? text_escaped(s) : -1;

		*out++ = c > 0 ? (char)c : *s;
		s += c > 0 ? 2 : 0;
	}
	*out = '\0';
}

/* "Host.:0080" is "host" */
static char *authority(const char *s, size_t n, long dflt, char *out)
{
	const char *end = s + n, *bracket = memchr(s, ']', n), *from = bracket ? bracket : s;
	const char *colon = memchr(from, ':', (size_t)(end - from));
	long port = colon ? strtol(colon + 1, NULL, 10) : dflt;

	out = host_plain(s, (size_t)((colon ? colon : end) - s), out);
	return port == dflt ? out : out + sprintf(out, ":%ld", port);
}

static const char *after_scheme(const char *url, long *ret_port)
{
	*ret_port = !strncmp(url, "https://", 8) ? 443 : 80;
	if (*ret_port == 443)
		return url + 8;
	return !strncmp(url, "http://", 7) ? url + 7 : NULL;
}

char *url_place(const char *url)
{
	char path[TASK_URL_MAX + 1], *place, *end;
	const char *s;
	long port;
	size_t n;

	if (!file_url_path(url, path, sizeof(path)))
		return mem_strdup(path);
	s = after_scheme(url, &port);
	if (!s)
		return mem_strdup(url);
	n = strcspn(s, "/?#");
	place = mem_alloc(strlen(s) + HOST_LONGER_MAX + 16);
	memcpy(place, "//", 2);
	end = authority(s, n, port, place + 2);
	decode(s + n, strcspn(s + n, "?#"), end);
	plain_path(end);
	return place;
}

bool url_place_is_file(const char *place)
{
	return place[0] == '/' && place[1] != '/';
}

/* `index`: what {index} is, `n` digits of it; 0: not known yet. */
static bool meets(const char *at, const char *place, bool above, const char *index, size_t n)
{
	const size_t mark = strlen(TASK_INDEX_MARK);

	for (; *at && *place; at++, place++) {
		bool here = !strncmp(at, TASK_INDEX_MARK, mark);

		if (here && n && !strncmp(place, index, n) && meets(at + mark, place + n, above, index, n))
			return true;
		for (size_t k = 1; here && !n && k <= strspn(place, "0123456789"); k++)
			if (meets(at + mark, place + k, above, place, k))
				return true;
		if (*at != *place)
			return false;
	}
	return *place ? above && *place == '/' : !*at || *at == '/';
}

bool url_place_meets(const char *at, const char *place)
{
	return meets(at, place, url_place_is_file(at), NULL, 0);
}

/* A server may undo percent signs before it looks for .., or after, or take \ for /. */
const char *url_place_unclear(const char *url)
{
	char path[TASK_URL_MAX + 1];
	long port;
	const char *s = after_scheme(url, &port);
	size_t n;

	if (!s)
		return NULL;
	s += strcspn(s, "/?#");
	n = strcspn(s, "?#");
	if (n >= sizeof(path))
		return "is too long";
	for (size_t i = 0; i < n; i++)
		if (s[i] == '%' && (i + 2 >= n || text_escaped(s + i) <= 0))
			return "must have two hexadecimal digits, not 00, after each % of its path";
	decode(s, n, path);
	for (const char *p = path; *p; p += n) {
		p += strspn(p, "/\\");
		n = strcspn(p, "/\\");
		if ((n == 1 && *p == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return "must have a path without . or .. parts";
	}
	return NULL;
}
