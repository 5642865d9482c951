/* clock.c - wall clock, and RFC 3339 text */

#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t read_ms(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_now_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

int64_t clock_mono_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

int64_t clock_calm_ms(struct clock_calm *c, int64_t now_ms, int64_t mono_ms)
{
	int64_t off = now_ms - mono_ms;

	if (!c->begun || llabs(off - c->off_ms) > CLOCK_JUMP_MS)
		*c = (struct clock_calm){ .off_ms = off, .since_ms = mono_ms, .begun = true };
	c->off_ms = off;                /* slewing adds up and is no jump */
	return mono_ms - c->since_ms;
}

char *clock_format(int64_t ms, char text[CLOCK_TEXT_MAX])
{
	int part = (int)(ms % 1000);
	time_t s = ms / 1000;
	struct tm tm;

	if (part < 0) {
		part += 1000;
		s--;
	}
	gmtime_r(&s, &tm);
	strftime(text, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + 19, CLOCK_TEXT_MAX - 19, ".%03dZ", part);
	return text;
}

/* Exactly n digits as a number, -1 when they are not all digits. */
static int digits(const char **p, unsigned n)
{
	int v = 0;

	while (n--) {
		if (**p < '0' || **p > '9')
			return -1;
		v = v * 10 + (*(*p)++ - '0');
	}
	return v;
}

static bool skip(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

static bool parse_date(const char **p, struct tm *tm)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int y, m, d, max;

	y = digits(p, 4);
	if (y < 1970 || !skip(p, '-'))
		return false;
	m = digits(p, 2);
	if (m < 1 || m > 12 || !skip(p, '-'))
		return false;
	d = digits(p, 2);
	max = days[m - 1] + (m == 2 && y % 4 == 0 && (y % 100 != 0 || y % 400 == 0));
	if (d < 1 || d > max)
		return false;
	tm->tm_year = y - 1900;
	tm->tm_mon = m - 1;
	tm->tm_mday = d;
	return true;
}

/* hh:mm[:ss[.fraction]]; what is finer than a millisecond is dropped. */
static bool parse_time(const char **p, struct tm *tm, int *ret_ms)
{
	int h, m, s, ms = 0, scale = 100;

	h = digits(p, 2);
	if (h < 0 || h > 23 || !skip(p, ':'))
		return false;
	m = digits(p, 2);
	if (m < 0 || m > 59 || !skip(p, ':'))
		return false;
	s = digits(p, 2);
	if (s < 0 || s > 60)
		return false;
	if (skip(p, '.')) {
		if (**p < '0' || **p > '9')
			return false;
		for (; **p >= '0' && **p <= '9'; (*p)++, scale /= 10)
			ms += (**p - '0') * scale;
	}
	tm->tm_hour = h;
	tm->tm_min = m;
	tm->tm_sec = s;
	*ret_ms = ms;
	return true;
}

static bool parse_offset(const char **p, int *ret_s)
{
	int sign, h, m;

	*ret_s = 0;
	if (skip(p, 'Z') || skip(p, 'z'))
		return true;
	sign = **p == '+' ? 1 : **p == '-' ? -1 : 0;
	if (!sign)
		return false;
	(*p)++;
	h = digits(p, 2);
	if (h < 0 || h > 23 || !skip(p, ':'))
		return false;
	m = digits(p, 2);
	if (m < 0 || m > 59)
		return false;
	*ret_s = sign * (h * 3600 + m * 60);
	return true;
}

int clock_parse(const char *text, int64_t *ret_ms)
{
	const int64_t last = 253402300799;      /* 9999-12-31T23:59:59Z */
	struct tm tm = { 0 };
	int ms, offset;
	bool leap;
	int64_t s;

	if (!parse_date(&text, &tm) || (!skip(&text, 'T') && !skip(&text, 't')))
		return 1;
	if (!parse_time(&text, &tm, &ms) || !parse_offset(&text, &offset) || *text)
		return 1;
	leap = tm.tm_sec == 60;         /* timegm() carries it over */
	s = (int64_t)timegm(&tm) - offset;
	/* A leap second exists at the end of a UTC day only. */
	if (leap && s % 86400 != 0)
		return 1;
	/* 0 means "not set", so the very first instant cannot be said. */
	if (s < 0 || s > last || (s == 0 && ms == 0))
		return 1;
	*ret_ms = s * 1000 + ms;
	return 0;
}
