/* out.c - figures in words, pairs, and nothing that moves the cursor */

#include "cmd/out.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"

#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

void out_init(void)
{
	setlocale(LC_ALL, "");
	setlocale(LC_NUMERIC, "C");
	if (strcmp(nl_langinfo(CODESET), "UTF-8"))
		setlocale(LC_CTYPE, "C.UTF-8");
}

bool out_tty(FILE *f)
{
	return isatty(fileno(f));
}

/* NO_COLOR counts when it is set and not empty (no-color.org). */
bool out_color(FILE *f)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return !cmd_global.no_color && !(no && *no) && out_tty(f) && term && strcmp(term, "dumb");
}

static const char *const styles[] = {
	[OUT_PLAIN] = "", [OUT_BOLD] = "\033[1m", [OUT_DIM] = "\033[2m",
	[OUT_GREEN] = "\033[32m", [OUT_YELLOW] = "\033[33m", [OUT_RED] = "\033[31m",
	[OUT_CYAN] = "\033[36m",
};

const char *out_on(FILE *f, enum out_style s)
{
	return out_color(f) ? styles[s] : "";
}

const char *out_off(FILE *f)
{
	return out_color(f) ? "\033[0m" : "";
}

/* C0 and DEL, and C1 as UTF-8 writes it. */
static void clean(char *s)
{
	for (unsigned char *p = (unsigned char *)s; *p; p++) {
		if ((*p < 0x20 && *p != '\n' && *p != '\t') || *p == 0x7f)
			*p = '?';
		else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			p[0] = p[1] = '?';
	}
}

__attribute__((format(printf, 1, 0)))
static char *text_of(const char *fmt, va_list ap)
{
	char *s;

	if (vasprintf(&s, fmt, ap) < 0)
		abort();
	clean(s);
	return s;
}

void out_safe(FILE *f, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = text_of(fmt, ap);
	va_end(ap);
	fputs(s, f);
	free(s);
}

size_t out_width(const char *s)
{
	size_t n = 0;
	mbstate_t st = { 0 };

	while (*s) {
		wchar_t wc;
		size_t len = mbrtowc(&wc, s, MB_CUR_MAX, &st);
		int w;

		if (len == 0 || len > MB_CUR_MAX) {
			memset(&st, 0, sizeof(st));
			s++;
			n++;
			continue;
		}
		w = wcwidth(wc);
		n += w > 0 ? (size_t)w : 0;
		s += len;
	}
	return n;
}

void out_pair(const char *key, const char *fmt, ...)
{
	enum { KEY_WIDTH = 14 };
	size_t w = out_width(key);
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = text_of(fmt, ap);
	va_end(ap);
	printf("%s%s%s%*s %s\n", out_on(stdout, OUT_DIM), key, out_off(stdout),
	       w < KEY_WIDTH ? (int)(KEY_WIDTH - w) : 0, "", s);
	free(s);
}

void out_pair_s(const char *key, const char *value)
{
	if (value && *value)
		out_pair(key, "%s", value);
}

/* ---- figures ---- */

const char *out_s(const json_t *obj, const char *key)
{
	return json_string_value(json_object_get(obj, key));
}

int64_t out_i(const json_t *obj, const char *key, int64_t none)
{
	const json_t *v = json_object_get(obj, key);

	if (json_is_real(v))
		return (int64_t)json_real_value(v);
	return json_is_integer(v) ? json_integer_value(v) : none;
}

double out_f(const json_t *obj, const char *key)
{
	return json_number_value(json_object_get(obj, key));
}

const char *out_tr(const json_t *obj, const char *key)
{
	char zh[64];
	const char *s = NULL;

	snprintf(zh, sizeof(zh), "%s_zh", key);
	if (lang_get() == LANG_ZH)
		s = out_s(obj, zh);
	return s && *s ? s : out_s(obj, key);
}

/* From one yuan on, to the fen; below, what is there. */
char *out_yuan(int64_t micro, char out[OUT_TEXT_MAX])
{
	char v[32];

	if (micro >= 1000000)
		micro = (micro + 5000) / 10000 * 10000;
	else if (micro >= 10000)
		micro = (micro + 50) / 100 * 100;
	snprintf(out, OUT_TEXT_MAX, "¥%s", text_yuan(micro, v));
	return out;
}

/* Three figures at most, without a trailing ".0". */
static char *figure(double v, const char *unit, char out[OUT_TEXT_MAX])
{
	int n = snprintf(out, OUT_TEXT_MAX, v < 10 ? "%.2f" : v < 100 ? "%.1f" : "%.0f", v);

	if (strchr(out, '.')) {
		while (out[n - 1] == '0')
			out[--n] = '\0';
		if (out[n - 1] == '.')
			out[--n] = '\0';
	}
	snprintf(out + n, (size_t)(OUT_TEXT_MAX - n), " %s", unit);
	return out;
}

char *out_carbon(int64_t mg, char out[OUT_TEXT_MAX])
{
	if (mg < 1000)
		return figure((double)mg, "mg", out);
	if (mg < 1000000)
		return figure((double)mg / 1e3, "g", out);
	return mg < 1000000000 ? figure((double)mg / 1e6, "kg", out)
			       : figure((double)mg / 1e9, "t", out);
}

char *out_energy(int64_t joule, char out[OUT_TEXT_MAX])
{
	if (joule < 3600)
		return figure((double)joule, "J", out);
	return joule < 3600000 ? figure((double)joule / 3600, "Wh", out)
			       : figure((double)joule / 3.6e6, "kWh", out);
}

char *out_seconds(int64_t s, char out[OUT_TEXT_MAX])
{
	int64_t unit = s >= 86400 ? 3600 : s >= 3600 ? 60 : 1;
	char v[32];

	snprintf(out, OUT_TEXT_MAX, "%s", text_duration((s + unit / 2) / unit * unit, v));
	return out;
}

char *out_range(int64_t a, int64_t b, char out[OUT_TEXT_MAX])
{
	char from[OUT_TEXT_MAX], to[OUT_TEXT_MAX];

	out_seconds(a, from);
	out_seconds(b, to);
	if (!strcmp(from, to))
		snprintf(out, OUT_TEXT_MAX, "%s", from);
	else
		snprintf(out, OUT_TEXT_MAX, "%.25s–%.25s", from, to);
	return out;
}

char *out_size_mb(uint64_t mb, char out[OUT_TEXT_MAX])
{
	if (mb < 1024)
		return figure((double)mb, "MB", out);
	return mb < 1024 * 1024 ? figure((double)mb / 1024, "GB", out)
				: figure((double)mb / (1024 * 1024), "TB", out);
}

char *out_bytes(uint64_t n, char out[OUT_TEXT_MAX])
{
	if (n < 1024)
		return figure((double)n, "B", out);
	if (n < 1024 * 1024)
		return figure((double)n / 1024, "KB", out);
	return out_size_mb(n >> 20, out);
}

char *out_time(const char *rfc3339, char out[OUT_TEXT_MAX])
{
	int64_t ms;
	struct tm tm;
	time_t t;

	if (!rfc3339 || clock_parse(rfc3339, &ms) != 0) {
		snprintf(out, OUT_TEXT_MAX, "%s", rfc3339 ? "?" : "-");
		return out;
	}
	t = (time_t)(ms / 1000);
	localtime_r(&t, &tm);
	strftime(out, OUT_TEXT_MAX, "%Y-%m-%d %H:%M:%S", &tm);
	return out;
}

char *out_level(const json_t *v, char out[OUT_TEXT_MAX])
{
	const char *s = json_string_value(v);

	if (json_is_integer(v))
		snprintf(out, OUT_TEXT_MAX, "%lld", (long long)json_integer_value(v));
	else if (s && !strcmp(s, "important"))
		snprintf(out, OUT_TEXT_MAX, "%s", tr("important", "重要"));
	else if (s && !strcmp(s, "core"))
		snprintf(out, OUT_TEXT_MAX, "%s", tr("core", "核心"));
	else
		snprintf(out, OUT_TEXT_MAX, "%s", s ? s : "-");
	return out;
}

/* ---- states ---- */

static const struct {
	const char *name, *zh;
	enum out_style style;
} states[] = {
	{ "submitted", "已提交", OUT_DIM },
	{ "waiting", "等待中", OUT_YELLOW },
	{ "sending", "派发中", OUT_CYAN },
	{ "queued", "已入队", OUT_CYAN },
	{ "running", "运行中", OUT_CYAN },
	{ "done", "已完成", OUT_GREEN },
	{ "failed", "失败", OUT_RED },
	{ "cancelled", "已取消", OUT_DIM },
	{ "refused", "已拒绝", OUT_RED },
};

const char *out_state(const char *state)
{
	for (size_t i = 0; state && i < ARRAY_LEN(states); i++)
		if (!strcmp(states[i].name, state))
			return tr(states[i].name, states[i].zh);
	return state ? state : "-";
}

enum out_style out_state_style(const char *state)
{
	for (size_t i = 0; state && i < ARRAY_LEN(states); i++)
		if (!strcmp(states[i].name, state))
			return states[i].style;
	return OUT_PLAIN;
}
