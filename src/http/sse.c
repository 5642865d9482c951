/* sse.c - bytes of an event stream become events */

#include "http/client.h"

#include <stdio.h>
#include <string.h>

void http_sse_init(struct http_sse *s)
{
	memset(s, 0, sizeof(*s));
	buf_init(&s->line, HTTP_CLIENT_EVENT_MAX);
	buf_init(&s->data, HTTP_CLIENT_EVENT_MAX);
}

void http_sse_done(struct http_sse *s)
{
	buf_done(&s->line);
	buf_done(&s->data);
}

void http_sse_reset(struct http_sse *s)
{
	buf_reset(&s->line);
	buf_reset(&s->data);
	s->kind[0] = '\0';
	s->cr = false;
}

static bool dispatch(struct http_sse *s, http_event_fn fn, void *arg)
{
	struct http_event ev = { .id = s->id, .kind = s->kind[0] ? s->kind : "message" };
	bool stop = false;

	if (s->data.full || s->line.full)
		s->over = true;
	if (s->data.len) {
		s->data.data[s->data.len - 1] = '\0';   /* the newline after the last line */
		ev.data = s->data.data;
		ev.len = s->data.len - 1;
		stop = fn(arg, &ev);
	}
	buf_reset(&s->data);
	s->kind[0] = '\0';
	return stop;
}

/* An id with a NUL is ignored by the standard; ours are numbers, so a long one is too. */
static void field(struct http_sse *s, const char *name, const char *value)
{
	if (!strcmp(name, "data")) {
		buf_str(&s->data, value);
		buf_add(&s->data, "\n", 1);
	} else if (!strcmp(name, "event")) {
		snprintf(s->kind, sizeof(s->kind), "%s", value);
	} else if (!strcmp(name, "id") && strlen(value) < sizeof(s->id)) {
		snprintf(s->id, sizeof(s->id), "%s", value);
	}
}

static bool line_end(struct http_sse *s, http_event_fn fn, void *arg)
{
	char *colon, *value = NULL;
	bool stop = false;

	if (!s->line.len) {
		stop = dispatch(s, fn, arg);
	} else if (s->line.data[0] != ':') {
		colon = strchr(s->line.data, ':');
		if (colon) {
			*colon = '\0';
			value = colon + 1 + (colon[1] == ' ');
		}
		field(s, s->line.data, value ? value : "");
	}
	if (s->line.full)
		s->over = true;
	buf_reset(&s->line);
	return stop;
}

bool http_sse_feed(struct http_sse *s, const char *p, size_t n, http_event_fn fn, void *arg)
{
	const char *end = p + n;

	while (p < end) {
		size_t run = 0;

		while (p + run < end && p[run] != '\n' && p[run] != '\r')
			run++;
		buf_add(&s->line, p, run);
		if (run)
			s->cr = false;
		p += run;
		if (p == end)
			break;
		if (*p == '\n' && s->cr)
			s->cr = false;          /* the second half of CR LF */
		else if (line_end(s, fn, arg))
			return true;
		else
			s->cr = *p == '\r';
		p++;
	}
	return false;
}
