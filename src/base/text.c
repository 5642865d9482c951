/* text.c - small words on strings: names, money, durations, sizes, languages */

#include "base/text.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool text_is_name(const char *s)
{
	size_t n = strnlen(s, 64);

	if (n < 1 || n > 63 || s[0] == '-' || s[n - 1] == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!(s[i] >= 'a' && s[i] <= 'z') && !is_digit(s[i]) && s[i] != '-')
			return false;
	return true;
}

/* Length of the valid character at p, 0 when it is not one (table 3-7 of Unicode). */
static size_t utf8_char(const unsigned char *p, size_t n)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t len;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (len > n)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

int text_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int text_escaped(const char *s)
{
	int high = *s == '%' ? text_hex(s[1]) : -1, low = high < 0 ? -1 : text_hex(s[2]);

	return low < 0 ? -1 : high << 4 | low;
}

bool text_is_utf8(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;

	while (n > 0) {
		size_t len = utf8_char(p, n);

		if (!len)
			return false;
		p += len;
		n -= len;
	}
	return true;
}

/* Digits at *p, moved past them.  1: none, or more than max. */
static int number(const char **p, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (!is_digit(**p))
		return 1;
	for (; is_digit(**p); (*p)++) {
		uint64_t d = (uint64_t)(**p - '0');

		if (d > max || v > (max - d) / 10)
			return 1;
		v = v * 10 + d;
	}
	*ret = v;
	return 0;
}

int text_yuan_parse(const char *s, int64_t *ret_micro)
{
	const uint64_t most = 9000000000000000000ULL;
	uint64_t yuan, micro = 0, scale = 100000;

	if (number(&s, most / 1000000, &yuan))
		return 1;
	if (*s == '.') {
		s++;
		if (!is_digit(*s))
			return 1;
		for (; is_digit(*s); s++, scale /= 10) {
			if (!scale)
				return 1;
			micro += (uint64_t)(*s - '0') * scale;
		}
	}
	if (*s || yuan * 1000000 + micro > most)
		return 1;
	*ret_micro = (int64_t)(yuan * 1000000 + micro);
	return 0;
}

/* The size of a number, for INT64_MIN too. */
static uint64_t size_of(int64_t v)
{
	return v < 0 ? -(uint64_t)v : (uint64_t)v;
}

char *text_yuan(int64_t micro, char out[32])
{
	uint64_t v = size_of(micro);
	int n = snprintf(out, 32, "%s%llu.%06llu", micro < 0 ? "-" : "",
			 (unsigned long long)(v / 1000000), (unsigned long long)(v % 1000000));

	for (int i = 0; i < 4 && out[n - 1] == '0'; i++)
		out[--n] = '\0';
	return out;
}

static const struct {
	char name;
	uint64_t s;
} units[] = { { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };

int text_duration_parse(const char *s, int64_t *ret_s)
{
	uint64_t v, total = 0;
	unsigned next = 0;      /* units go down, each at most once */

	if (number(&s, INT64_MAX, &v))
		return 1;
	if (!*s) {
		*ret_s = (int64_t)v;
		return 0;
	}
	for (;;) {
		while (next < 4 && units[next].name != *s)
			next++;
		if (next == 4 || v > (INT64_MAX - total) / units[next].s)
			return 1;
		total += v * units[next++].s;
		if (!*++s)
			break;
		if (number(&s, INT64_MAX, &v))
			return 1;
	}
	*ret_s = (int64_t)total;
	return 0;
}

char *text_duration(int64_t s, char out[32])
{
	uint64_t v = size_of(s);
	size_t n = 0;

	if (!v)
		return strcpy(out, "0s");
	if (s < 0)
		out[n++] = '-';
	for (unsigned i = 0; i < 4; i++) {
		if (v >= units[i].s)
			n += (size_t)snprintf(out + n, 32 - n, "%llu%c",
					      (unsigned long long)(v / units[i].s), units[i].name);
		v %= units[i].s;
	}
	return out;
}

int text_size_parse(const char *s, uint64_t *ret_mb)
{
	uint64_t v, scale = 1;

	if (number(&s, UINT64_MAX, &v))
		return 1;
	if (*s == 'G')
		scale = 1024;
	else if (*s == 'T')
		scale = 1024 * 1024;
	if (*s == 'M' || *s == 'G' || *s == 'T')
		s++;
	if (*s || v > UINT64_MAX / scale)
		return 1;
	*ret_mb = v * scale;
	return 0;
}

int text_i64(const char *s, int64_t min, int64_t max, int64_t *ret)
{
	bool neg = *s == '-';
	uint64_t v;
	int64_t n;

	if (neg)
		s++;
	if (number(&s, neg ? (uint64_t)INT64_MAX + 1 : INT64_MAX, &v) || *s)
		return 1;
	n = (int64_t)(neg ? -v : v);
	if (n < min || n > max)
		return 1;
	*ret = n;
	return 0;
}

bool text_equal_ct(const char *a, const char *b, size_t n)
{
	volatile unsigned char diff = 0;

	for (size_t i = 0; i < n; i++)
		diff |= (unsigned char)(a[i] ^ b[i]);
	return diff == 0;
}

static atomic_int lang = LANG_EN;

void lang_set(enum lang l)
{
	atomic_store(&lang, (int)l);
}

enum lang lang_get(void)
{
	return (enum lang)atomic_load(&lang);
}

void lang_from_env(void)
{
	static const char *const vars[] = { "SUANLU_LANG", "LC_ALL", "LC_MESSAGES", "LANG" };

	for (unsigned i = 0; i < sizeof(vars) / sizeof(vars[0]); i++) {
		const char *v = getenv(vars[i]);

		if (!v || !*v)
			continue;
		lang_set(!strncmp(v, "zh", 2) && strchr("_-.@", v[2]) ? LANG_ZH : LANG_EN);
		return;
	}
	lang_set(LANG_EN);
}

const char *tr(const char *en, const char *zh)
{
	return lang_get() == LANG_ZH ? zh : en;
}
