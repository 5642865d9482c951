/* log.c - one line per event on standard error, for journald and people */

#include "base/log.h"

#include "base/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Below PIPE_BUF, so that lines of several threads do not mix in a pipe. */
enum { LINE_LEN_MAX = 2048 };

static atomic_int level = LOG_INFO;

static const char *const names[] = { "debug", "info", "warn", "error" };

void log_set_level(enum log_level l)
{
	atomic_store(&level, (int)l);
}

int log_level_parse(const char *s, enum log_level *ret)
{
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(s, names[i])) {
			*ret = (enum log_level)i;
			return 0;
		}
	}
	return 1;
}

/* C0, DEL and the two-byte C1 controls: some terminals act on each of them. */
static void defuse(char *s)
{
	unsigned char *p = (unsigned char *)s;

	for (; *p; p++) {
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
		else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			p[0] = p[1] = '?';
	}
}

static void write_all(const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(STDERR_FILENO, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return;         /* nowhere is left to say so */
		p += done;
		n -= (size_t)done;
	}
}

void log_line(enum log_level l, const char *area, const char *fmt, ...)
{
	char line[LINE_LEN_MAX + 1], when[CLOCK_TEXT_MAX];
	int saved = errno;
	size_t n;
	va_list ap;

	if ((int)l < atomic_load(&level))
		return;
	n = (size_t)snprintf(line, 128, "%s %-5s %.40s: ", clock_format(clock_now_ms(), when),
			     names[l], area);
	va_start(ap, fmt);
	vsnprintf(line + n, LINE_LEN_MAX - n, fmt, ap);
	va_end(ap);
	defuse(line);
	n = strlen(line);
	line[n] = '\n';
	write_all(line, n + 1);
	errno = saved;
}
