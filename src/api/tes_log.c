/* tes_log.c - what the script of a TES task reported of its executors and outputs */

#include "api/tes.h"

#include <stdlib.h>
#include <string.h>

enum { READ_MAX = 1 << 20 };            /* of a long stream, the last of it */

static void read_end(struct flow *f, const struct task *t, uint32_t attempt, int stream,
		     struct buf *b)
{
	uint64_t size = 0;

	buf_init(b, READ_MAX);
	if (flow_log(f, t, attempt, stream, 0, b, &size, NULL) || size <= READ_MAX)
		return;
	buf_reset(b);
	flow_log(f, t, attempt, stream, size - READ_MAX, b, &size, NULL);
}

/* The next "suanlu: RUN: " from `at` on; *ret_text is behind it, *ret_end its line's end. */
static const char *line_next(const struct buf *b, const char *at, const char *mark,
			     const char **ret_text, const char **ret_end)
{
	const char *end = b->data + b->len, *p;

	p = at ? memmem(at, (size_t)(end - at), mark, strlen(mark)) : NULL;
	if (!p)
		return NULL;
	*ret_text = p + strlen(mark);
	*ret_end = memchr(*ret_text, '\n', (size_t)(end - *ret_text));
	return *ret_end ? p : NULL;
}

static void make_mark(const char *run_id, char mark[RUN_ID_MAX + 16])
{
	snprintf(mark, RUN_ID_MAX + 16, "suanlu: %s: ", run_id);
}

/* "executor 2 began TIME" or "executor 2 ended TIME exit 0"; true: it was such a line. */
static bool part_line(struct tes_log *l, uint32_t n, const char *text, size_t from, size_t to)
{
	char what[8], at[CLOCK_TEXT_MAX];
	struct tes_part *p;
	unsigned no;
	int code = 0;
	int got = sscanf(text, "executor %u %7s %30s exit %d", &no, what, at, &code);
	int64_t ms;

	if (got < 3 || !no || no > n || clock_parse(at, &ms))
		return false;
	p = &l->parts[no - 1];
	if (!strcmp(what, "began")) {
		p->began = true;
		strcpy(p->began_at, at);
		p->err = to;
	} else if (!strcmp(what, "ended") && got == 4) {
		p->ended = true;
		strcpy(p->ended_at, at);
		p->code = code;
		p->err_len = from >= p->err ? from - p->err : 0;
	}
	if (l->nparts < no)
		l->nparts = no;
	return true;
}

static void read_parts(struct tes_log *l, uint32_t n, const char *mark)
{
	const char *at = l->err.data, *p, *text, *end;

	while ((p = line_next(&l->err, at, mark, &text, &end))) {
		part_line(l, n, text, (size_t)(p - l->err.data), (size_t)(end + 1 - l->err.data));
		at = end + 1;
	}
	if (l->nparts && !l->parts[l->nparts - 1].ended)
		l->parts[l->nparts - 1].err_len = l->err.len - l->parts[l->nparts - 1].err;
}

/* On standard output only a line between two executors tells them apart. */
static void split_out(struct tes_log *l, uint32_t n, const char *mark)
{
	const char *at = l->out.data, *p, *text, *end;
	uint32_t i = 0;
	unsigned no;

	while ((p = line_next(&l->out, at, mark, &text, &end))) {
		at = end + 1;
		if (sscanf(text, "executor %u began", &no) != 1 || no > n || no <= i + 1)
			continue;
		l->parts[i].out_len = (size_t)(p - l->out.data) - l->parts[i].out;
		i = no - 1;
		l->parts[i].out = (size_t)(at - l->out.data);
	}
	l->parts[i].out_len = l->out.len - l->parts[i].out;
}

void tes_log_read(struct flow *f, const struct task *t, uint32_t attempt, uint32_t nexecutors,
		  bool out, struct tes_log *ret)
{
	char run_id[RUN_ID_MAX], mark[RUN_ID_MAX + 16];

	memset(ret, 0, sizeof(*ret));
	flow_run_id(f, t, attempt, run_id);
	make_mark(run_id, mark);
	read_end(f, t, attempt, 2, &ret->err);
	read_parts(ret, nexecutors, mark);
	buf_init(&ret->out, READ_MAX);
	if (out) {
		read_end(f, t, attempt, 1, &ret->out);
		split_out(ret, nexecutors, mark);
	}
}

void tes_log_done(struct tes_log *l)
{
	buf_done(&l->out);
	buf_done(&l->err);
}

void tes_log_files(const struct tes_log *l, const char *run_id, uint32_t i,
		   void (*fn)(void *arg, int64_t size, const char *path, size_t n), void *arg)
{
	const char *at = l->err.data, *p, *text, *end;
	char mark[RUN_ID_MAX + 16];
	unsigned no, files = 0;
	long long size;
	int used = 0;

	make_mark(run_id, mark);
	while (files < TES_OUTPUTS_MAX && (p = line_next(&l->err, at, mark, &text, &end))) {
		at = end + 1;
		/* %n behind the blank that ends the size; the path may hold any other. */
		if (sscanf(text, "output %u %lld%n", &no, &size, &used) != 2 || no != i ||
		    size < 0 || text + used > end)
			continue;
		text += used + (text[used] == ' ');
		fn(arg, size, text, text < end ? (size_t)(end - text) : 0);
		files++;
	}
}
