/* wire.c - rules for text that clients choose, and small helpers around JSON */

#include "domain/wire.h"

#include "domain/task.h"

#include "base/clock.h"
#include "base/region.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

const char *wire_name(const char *s)
{
	return text_is_name(s) ? NULL : "must be 1-63 of a-z, 0-9 and -, not at the ends";
}

const char *wire_sha256(const char *s)
{
	return strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64
		       ? NULL
		       : "must be 64 hexadecimal digits in lower case, as sha256sum writes them";
}

const char *wire_region(const char *s)
{
	return region_ok(s) ? NULL : "must be a region such as cn/50/500106/park-a";
}

/* A character that people cannot see, or that reorders others on the screen:
 * C0, DEL, C1 (c2 80-9f), U+2028-202E (e2 80 a8-ae), U+2066-2069 (e2 81 a6-a9). */
static bool is_control(const unsigned char *p)
{
	if (p[0] < 0x20 || p[0] == 0x7f)
		return true;
	if (p[0] == 0xc2)
		return p[1] >= 0x80 && p[1] <= 0x9f;
	if (p[0] == 0xe2 && p[1] == 0x80)
		return p[2] >= 0xa8 && p[2] <= 0xae;
	return p[0] == 0xe2 && p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9;
}

static bool has_control(const char *s)
{
	for (const unsigned char *p = (const unsigned char *)s; *p; p++)
		if (is_control(p))
			return true;
	return false;
}

const char *wire_printable(const char *s)
{
	if (!text_is_utf8(s, strlen(s)))
		return "must be valid UTF-8";
	return has_control(s) ? "must not contain control characters" : NULL;
}

/* "." is refused with "..": two spellings of one path would hide that they are the same. */
const char *wire_path(const char *s)
{
	if (has_control(s))
		return "must not contain control characters";
	if (*s == '/')
		return "must be relative to the work directory, without a leading /";
	for (const char *p = s;; p++) {
		size_t n = strcspn(p, "/");

		if (!n)
			return "must not have empty parts";
		if ((n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return "must not have parts that are . or ..";
		p += n;
		if (!*p)
			return NULL;
	}
}

/* Undo percent-encoding.  NULL, or what is wrong. */
static const char *decode_path(const char *s, char *out, size_t size)
{
	size_t n = 0;

	for (; *s; s++) {
		int c;

		if (*s == '?' || *s == '#')
			return "must have ? and # of a file name written as %3F and %23";
		if (n + 1 >= size)
			return "is too long";
		if (*s != '%') {
			out[n++] = *s;
			continue;
		}
		c = text_escaped(s);
		if (c <= 0)
			return "must have two hexadecimal digits, not 00, after each %";
		out[n++] = (char)c;
		s += 2;
	}
	out[n] = '\0';
	return text_is_utf8(out, n) ? NULL : "must be valid UTF-8";
}

/* The path is judged as it will be opened, that is after percent-decoding. */
static const char *file_url(const char *s)
{
	char path[TASK_URL_MAX + 1];
	const char *wrong = decode_path(s, path, sizeof(path));

	if (wrong)
		return wrong;
	return wire_path(path) ? "must be file:/// and a path without empty, . or .. parts"
			       : NULL;
}

int file_url_path(const char *url, char *out, size_t size)
{
	const size_t n = strlen("file://");

	return strncmp(url, "file:///", n + 1) || decode_path(url + n, out, size) != NULL;
}

static bool host_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '-';
}

/* host, host:port or [v6]:port; nothing else may stand before the path. */
static const char *http_url(const char *s)
{
	size_t n = strcspn(s, "/?#"), i = 0;
	int64_t port = 0;

	for (const char *p = s; *p; p++)
		if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f || *p == '\\')
			return "must be printable ASCII; write other characters as %XX";
	if (memchr(s, '@', n))
		return "must not contain a user name or a password";
	if (*s == '[') {
		for (i = 1; i < n && (text_hex(s[i]) >= 0 || s[i] == ':' || s[i] == '.'); i++)
			;
		if (i < 3 || i >= n || s[i++] != ']')
			return "must have a valid address between [ and ]";
	} else {
		while (i < n && host_char(s[i]))
			i++;
	}
	if (!i)
		return "must name a host";
	if (i == n)
		return NULL;
	if (s[i] != ':' || ++i == n || n - i > 5)
		return "must name a host, then an optional port";
	for (; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return "must have digits as its port";
		port = port * 10 + s[i] - '0';
	}
	return port > 0 && port < 65536 ? NULL : "must have a port from 1 to 65535";
}

const char *wire_url(const char *s)
{
	if (has_control(s))
		return "must not contain control characters";
	if (!strncmp(s, "file:///", 8))
		return file_url(s + 8);
	if (!strncmp(s, "http://", 7))
		return http_url(s + 7);
	if (!strncmp(s, "https://", 8))
		return http_url(s + 8);
	return "must begin with file:///, http:// or https://";
}

/* It becomes an argument of a container engine: it may not look like an option. */
const char *wire_image(const char *s)
{
	if (*s == '-' || *s == '/' || *s == '.')
		return "must be an image name such as docker.io/library/debian:12";
	for (const char *p = s; *p; p++)
		if (!host_char(*p) && !strchr("_/:@", *p))
			return "must be an image name such as docker.io/library/debian:12";
	return NULL;
}

const char *wire_env_key(const char *s)
{
	for (const char *p = s; *p; p++) {
		bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_';

		if (!letter && (p == s || *p < '0' || *p > '9'))
			return "must have names of letters, digits and _, no digit first";
	}
	return *s ? NULL : "must not have an empty name";
}

void wire_str(struct dec *d, const char *key, enum dec_need need, size_t max, wire_rule_fn rule,
	      const char **ret)
{
	const char *s = NULL, *wrong;

	dec_str(d, key, need, 1, max, &s);
	if (!s)
		return;
	wrong = rule(s);
	if (wrong)
		dec_fail(d, key, "%s", wrong);
	else
		*ret = s;
}

void wire_text(struct dec *d, const char *key, enum dec_need need, size_t max, wire_rule_fn rule,
	       char *out)
{
	const char *s = NULL;

	wire_str(d, key, need, max, rule, &s);
	if (s)
		memcpy(out, s, strlen(s) + 1);
}

void wire_time(struct dec *d, const char *key, enum dec_need need, int64_t *ret_ms)
{
	const char *s = NULL;

	dec_str(d, key, need, 1, 64, &s);
	if (s && clock_parse(s, ret_ms))
		dec_fail(d, key, "must be a time such as 2026-12-01T00:00:00+08:00");
}

void wire_begin(struct dec *child, struct dec *d, const json_t *obj, const char *path)
{
	dec_begin(child, obj, path, d->lines, d->arena, d->err);
}

void wire_end(struct dec *child, struct dec *d)
{
	int r = dec_end(child);

	if (d->r == 0)
		d->r = r;
}

json_t *wire_milli(uint32_t milli)
{
	return milli % 1000 ? json_real(milli / 1000.0) : json_integer(milli / 1000);
}

void wire_put(json_t *obj, const char *key, json_t *v)
{
	if (json_object_set_new(obj, key, v) != 0)
		abort();
}

void wire_append(json_t *list, json_t *v)
{
	if (json_array_append_new(list, v) != 0)
		abort();
}

void wire_put_str(json_t *obj, const char *key, const char *s)
{
	if (s)
		wire_put(obj, key, json_string(s));
}

void wire_put_int(json_t *obj, const char *key, int64_t v)
{
	wire_put(obj, key, json_integer(v));
}

char *wire_dump(struct arena *a, const json_t *v)
{
	const size_t flags = JSON_COMPACT | JSON_REAL_PRECISION(15) | JSON_ENCODE_ANY;
	size_t n = json_dumpb(v, NULL, 0, flags);
	char *out = arena_alloc(a, n + 1);

	if (!n || json_dumpb(v, out, n, flags) != n)
		abort();
	return out;
}

void wire_put_time(json_t *obj, const char *key, int64_t ms)
{
	char text[CLOCK_TEXT_MAX];

	if (ms)
		wire_put_str(obj, key, clock_format(ms, text));
}
