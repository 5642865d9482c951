/* catalogue.c - the accelerator catalogue out of its CSV file */

#include "domain/accel.h"

#include "base/text.h"
#include "domain/wire.h"

#include <string.h>

/* One CSV text on its way through. */
struct csv {
	const char *p, *end;
	unsigned line;
	struct arena *arena;
	struct err *err;
};

enum column {
	COL_MODEL, COL_VENDOR, COL_KIND, COL_DOMESTIC, COL_FP32, COL_FP16, COL_INT8, COL_MEMORY,
	COL_BANDWIDTH, COL_TDP, COL_CONFIDENCE, COL_SOURCE, COL_COUNT
};

static const char *const column_names[COL_COUNT] = {
	"model", "vendor", "kind", "domestic", "fp32_tflops", "fp16_tflops", "int8_tops",
	"memory_gb", "bandwidth_gbs", "tdp_w", "confidence", "source",
};

/* One line of the file: a field per column, and which column stands where. */
struct row {
	unsigned n, line;
	char *fields[COL_COUNT];
};

static int fail(struct csv *c, unsigned line, const char *column, const char *words)
{
	int r = err_set(c->err, ERR_E_INPUT, "line %u, column %s: %s", line, column, words);

	if (c->err)
		c->err->line = line;
	return r;
}

/* A field in quotes may hold commas and line ends, and quotes written twice. */
static int quoted_field(struct csv *c, char **ret)
{
	char *out = arena_alloc(c->arena, (size_t)(c->end - c->p) + 1);
	unsigned line = c->line;
	size_t n = 0;

	for (c->p++; c->p < c->end; c->p++) {
		if (*c->p == '"' && (c->p + 1 == c->end || c->p[1] != '"')) {
			c->p++;
			*ret = out;
			return 0;
		}
		c->p += *c->p == '"';
		c->line += *c->p == '\n';
		out[n++] = *c->p;
	}
	return fail(c, line, "?", "a quoted field does not end");
}

static bool at_line_end(const struct csv *c)
{
	const char *p = c->p;

	return p == c->end || *p == '\n' || (*p == '\r' && p + 1 < c->end && p[1] == '\n');
}

static int next_field(struct csv *c, char **ret)
{
	const char *from = c->p;

	if (c->p < c->end && *c->p == '"')
		return quoted_field(c, ret);
	while (!at_line_end(c) && *c->p != ',')
		c->p++;
	*ret = arena_strndup(c->arena, from, (size_t)(c->p - from));
	return 0;
}

static void end_line(struct csv *c)
{
	while (c->p < c->end && *c->p != '\n')
		c->p++;
	if (c->p < c->end) {
		c->p++;
		c->line++;
	}
}

/* Empty lines and lines that begin with # say nothing. */
static bool skip_to_row(struct csv *c)
{
	while (c->p < c->end && (*c->p == '#' || at_line_end(c)))
		end_line(c);
	return c->p < c->end;
}

static int next_row(struct csv *c, struct row *row)
{
	row->n = 0;
	row->line = c->line;
	for (;; c->p++) {
		int r;

		if (row->n == COL_COUNT)
			return fail(c, row->line, "?", "there are more fields than columns");
		r = next_field(c, &row->fields[row->n++]);
		if (r != 0)
			return r;
		if (at_line_end(c))
			break;
		if (*c->p != ',')
			return fail(c, row->line, "?", "a comma must follow the closing quote");
	}
	end_line(c);
	return 0;
}

/* Which field is which column; a column that nobody knows is a typing error. */
static int read_header(struct csv *c, enum column order[COL_COUNT], unsigned *ret_n)
{
	unsigned seen = 0;
	struct row row;
	int r;

	if (!skip_to_row(c))
		return fail(c, c->line, "model", "the file has no header line");
	r = next_row(c, &row);
	if (r != 0)
		return r;
	for (unsigned i = 0; i < row.n; i++) {
		unsigned k = 0;

		while (k < COL_COUNT && strcmp(row.fields[i], column_names[k]) != 0)
			k++;
		if (k == COL_COUNT)
			return fail(c, row.line, row.fields[i], "this column is not known");
		if (seen & 1u << k)
			return fail(c, row.line, row.fields[i], "this column is there twice");
		seen |= 1u << k;
		order[i] = (enum column)k;
	}
	for (unsigned k = COL_MODEL; k <= COL_KIND; k++)
		if (!(seen & 1u << k))
			return fail(c, row.line, column_names[k], "this column is missing");
	*ret_n = row.n;
	return 0;
}

/* A decimal with at most three places, in thousandths; empty: 0, not known. */
static int milli_field(const char *s, uint32_t *ret)
{
	uint64_t v = 0;
	int places = -1;

	if (!*s) {
		*ret = 0;
		return 0;
	}
	if (*s == '.')
		return 1;
	for (; *s; s++) {
		if (*s == '.' && places < 0) {
			places = 0;
			continue;
		}
		if (*s < '0' || *s > '9' || (places >= 0 && ++places > 3))
			return 1;
		v = v * 10 + (uint64_t)(*s - '0');
		if (v > UINT32_MAX)
			return 1;
	}
	if (places == 0)
		return 1;
	for (int i = places < 0 ? 0 : places; i < 3; i++)
		v *= 10;
	*ret = (uint32_t)v;
	return v == 0 || v > UINT32_MAX;
}

static int whole_field(const char *s, uint32_t *ret)
{
	int64_t v = 0;

	if (*s && text_i64(s, 1, 1000000, &v))
		return 1;
	*ret = (uint32_t)v;
	return 0;
}

static bool one_of(const char *s, const char *a, const char *b, const char *c)
{
	return !strcmp(s, a) || !strcmp(s, b) || !strcmp(s, c);
}

static const char *set_figure(struct accel_model *m, enum column col, const char *s)
{
	int bad;

	switch (col) {
	case COL_FP32:
		bad = milli_field(s, &m->fp32_gflops);
		break;
	case COL_FP16:
		bad = milli_field(s, &m->fp16_gflops);
		break;
	case COL_INT8:
		bad = milli_field(s, &m->int8_gops);
		break;
	case COL_MEMORY:
		bad = whole_field(s, &m->memory_gb);
		break;
	case COL_BANDWIDTH:
		bad = whole_field(s, &m->bandwidth_gbs);
		break;
	default:
		bad = whole_field(s, &m->tdp_w);
	}
	if (!bad)
		return NULL;
	return col <= COL_INT8 ? "must be a number above 0 with at most three decimals, or empty"
			       : "must be a whole number above 0, or empty";
}

/* NULL, or what is wrong. */
static const char *set_column(struct accel_model *m, enum column col, const char *s)
{
	switch (col) {
	case COL_MODEL:
		m->name = s;
		return wire_name(s);
	case COL_VENDOR:
		m->vendor = s;
		return *s ? wire_printable(s) : "must not be empty";
	case COL_KIND:
		m->kind = s;
		return one_of(s, "gpu", "npu", "cpu") ? NULL : "must be gpu, npu or cpu";
	case COL_DOMESTIC:
		m->domestic = !strcmp(s, "yes");
		return one_of(s, "yes", "no", "") ? NULL : "must be yes or no";
	case COL_CONFIDENCE:
		m->confidence = s;
		return one_of(s, "high", "medium", "low") ? NULL : "must be high, medium or low";
	case COL_SOURCE:
		m->source = s;
		return wire_printable(s);
	default:
		return set_figure(m, col, s);
	}
}

static int read_model(struct csv *c, const enum column *order, unsigned ncols,
		      struct catalogue *cat)
{
	struct accel_model m = { .confidence = "low", .source = "" };
	struct row row;
	int r = next_row(c, &row);

	if (r != 0)
		return r;
	if (row.n != ncols)
		return fail(c, row.line, column_names[order[row.n < ncols ? row.n : ncols - 1]],
			    "the number of fields is not that of the header line");
	for (unsigned i = 0; i < ncols; i++) {
		const char *wrong = set_column(&m, order[i], row.fields[i]);

		if (wrong)
			return fail(c, row.line, column_names[order[i]], wrong);
	}
	if (!strcmp(m.name, "cpu"))
		return fail(c, row.line, "model", "cpu is the name of having no accelerator");
	if (catalogue_find(cat, m.name) != ACCEL_NONE)
		return fail(c, row.line, "model", "this model is there twice");
	if (cat->n == ACCEL_MODELS_MAX)
		return fail(c, row.line, "model", "there are more than 1024 models");
	cat->models[cat->n++] = m;
	return 0;
}

int catalogue_parse(const char *csv, size_t n, struct catalogue *ret, struct err *err)
{
	enum { BYTES_MAX = 1 << 20 };   /* 1,024 models of a kilobyte each */
	struct catalogue cat = { .n = 0 };
	struct csv c = { .p = csv, .end = csv + n, .line = 1, .arena = &cat.arena, .err = err };
	enum column order[COL_COUNT];
	unsigned ncols = 0;
	int r;

	if (n > BYTES_MAX)
		return err_set(err, ERR_E_INPUT, "the catalogue is larger than 1 MB");
	if (memchr(csv, 0, n) || !text_is_utf8(csv, n))
		return err_set(err, ERR_E_INPUT, "the catalogue is not UTF-8 text");
	arena_init(&cat.arena);
	cat.models = arena_array(&cat.arena, ACCEL_MODELS_MAX, sizeof(*cat.models));
	r = read_header(&c, order, &ncols);
	while (r == 0 && skip_to_row(&c))
		r = read_model(&c, order, ncols, &cat);
	if (r != 0) {
		arena_done(&cat.arena);
		return r;
	}
	*ret = cat;
	return 0;
}

void catalogue_done(struct catalogue *c)
{
	arena_done(&c->arena);
	*c = (struct catalogue){ .n = 0 };
}

uint16_t catalogue_find(const struct catalogue *c, const char *name)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (!strcmp(c->models[i].name, name))
			return (uint16_t)i;
	return ACCEL_NONE;
}
