/* past.h - a history for tests, line by line, with ' for " */
#ifndef TEST_LIB_PAST_H
#define TEST_LIB_PAST_H

#include "../lib/domain.h"

#include "sim/past.h"

#include <stdarg.h>

struct lines {
	char *text;
	size_t n;
	FILE *f;
	unsigned tasks;
};

UNUSED static void lines_begin(struct lines *l)
{
	l->f = open_memstream(&l->text, &l->n);
	l->tasks = 0;
	fputs("{'suanlu_history':1,'node':'n1'}\n", l->f);
}

/* A task as asked for; `more` begins with a comma or is empty. */
UNUSED static void lines_task(struct lines *l, unsigned id, unsigned at_s, unsigned cpus,
			      const char *more)
{
	fprintf(l->f, "{'id':'%u','name':'t','tenant':'lab','kind':'compute','state':'done',"
		"'submitted_at':'2026-11-23T%02u:%02u:%02uZ','nodes':1,'cpus':%u,'memory_mb':64,"
		"'walltime_s':3600,'image':false,'data_level':1,'prefer':'balanced'%s}\n", id,
		at_s / 3600, at_s / 60 % 60, at_s % 60, cpus, more);
	l->tasks++;
}

/* Its run, as more of a task. */
UNUSED static const char *ran(const char *pool, const char *chip, unsigned run_s)
{
	static char text[400];

	snprintf(text, sizeof(text), ",'started_at':'2026-11-23T00:00:00Z',"
		 "'ended_at':'2026-11-23T00:00:00Z','run':{'pool':'%s','chip':'%s','speed':1,"
		 "'attempts':1,'run_ms':%u000,'cost_micro':5,'energy_j':6,'carbon_mg':7}", pool,
		 chip, run_s);
	return text;
}

UNUSED static int past_of(const char *text, size_t n, const struct catalogue *c,
			  struct past *ret, struct err *err)
{
	char *copy = malloc(n + 1);
	FILE *f;
	int bad;

	memcpy(copy, text, n);
	for (size_t i = 0; i < n; i++)
		if (copy[i] == '\'')
			copy[i] = '"';
	f = fmemopen(copy, n, "r");
	memset(ret, 0, sizeof(*ret));
	memset(err, 0, sizeof(*err));
	bad = past_read(ret, f, "past.jsonl", c, err);
	fclose(f);
	free(copy);
	return bad;
}

UNUSED static int lines_read(struct lines *l, const struct catalogue *c, struct past *ret,
			     struct err *err)
{
	int bad;

	fprintf(l->f, "{'end':true,'tasks':%u}\n", l->tasks);
	fclose(l->f);
	bad = past_of(l->text, l->n, c, ret, err);
	free(l->text);
	return bad;
}

#endif
