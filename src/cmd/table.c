/* table.c - tables for people, on libsmartcols */

#include "cmd/out.h"

#include "base/mem.h"

#include <libsmartcols.h>
#include <stdarg.h>
#include <stdlib.h>

struct out_table {
	struct libscols_table *tb;
	struct libscols_line *line;
	size_t next;
};

/* What has no answer in our tables: an allocation failure. */
static void must(int r)
{
	if (r < 0)
		abort();
}

struct out_table *out_table_new(void)
{
	struct out_table *t = mem_alloc(sizeof(*t));

	t->tb = scols_new_table();
	if (!t->tb)
		abort();
	must(scols_table_set_column_separator(t->tb, "  "));
	must(scols_table_enable_colors(t->tb, out_color(stdout)));
	if (!out_tty(stdout))
		must(scols_table_set_termforce(t->tb, SCOLS_TERMFORCE_NEVER));
	return t;
}

void out_column(struct out_table *t, const char *title, int flags)
{
	int f = 0;

	if (flags & OUT_RIGHT)
		f |= SCOLS_FL_RIGHT;
	if (flags & OUT_TRUNC && out_tty(stdout))
		f |= SCOLS_FL_TRUNC;
	if (flags & OUT_WRAP && out_tty(stdout))
		f |= SCOLS_FL_WRAP;
	if (!scols_table_new_column(t->tb, title, 0, f))
		abort();
}

void out_row(struct out_table *t)
{
	t->line = scols_table_new_line(t->tb, NULL);
	if (!t->line)
		abort();
	t->next = 0;
}

void out_cell_style(struct out_table *t, const char *text, enum out_style s)
{
	out_cell_f(t, "%s", text && *text ? text : "-");
	if (s != OUT_PLAIN && out_color(stdout))
		must(scols_cell_set_color(scols_line_get_cell(t->line, t->next - 1),
					  out_on(stdout, s)));
}

void out_cell(struct out_table *t, const char *text)
{
	out_cell_style(t, text, OUT_PLAIN);
}

/* libsmartcols writes control characters as \x.. itself. */
void out_cell_f(struct out_table *t, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		abort();
	va_end(ap);
	must(scols_line_refer_data(t->line, t->next++, s));
}

struct out_table *out_table_free(struct out_table *t)
{
	if (t)
		scols_unref_table(t->tb);
	free(t);
	return NULL;
}

struct out_table *out_table_print(struct out_table *t)
{
	must(scols_print_table(t->tb));
	return out_table_free(t);
}
