/* domain.h - small things that the tests of domain/ share */
#ifndef TEST_LIB_DOMAIN_H
#define TEST_LIB_DOMAIN_H

#include "domain/task.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define UNUSED __attribute__((unused))

/* JSON with ' for ", so that it reads well in C. */
UNUSED static json_t *json_of(const char *text)
{
	char *s = strdup(text);
	struct err err;
	json_t *v = NULL;

	for (char *p = s; *p; p++)
		if (*p == '\'')
			*p = '"';
	if (json_parse(s, strlen(s), &v, &err) != 0)
		fail_msg("%s: %s", text, err.text);
	free(s);
	return v;
}

static const char chips_csv[] UNUSED =
	"model,vendor,kind,domestic,fp16_tflops,memory_gb,tdp_w\n"
	"big,Maker,gpu,no,300,80,400\n"
	"small,Maker,npu,yes,100.5,32,150\n"
	"silent,Maker,npu,yes,,,\n";

UNUSED static void chips(struct catalogue *ret)
{
	struct err err;

	if (catalogue_parse(chips_csv, strlen(chips_csv), ret, &err) != 0)
		fail_msg("%s", err.text);
}

UNUSED static void says(const struct err *err, const char *field, const char *words)
{
	if (strcmp(err->field, field) != 0)
		fail_msg("field is \"%s\", not \"%s\": %s", err->field, field, err->text);
	if (!strstr(err->text, words))
		fail_msg("\"%s\" does not say \"%s\"", err->text, words);
}

UNUSED static bool same_json(json_t *a, json_t *b)
{
	bool same = json_equal(a, b);

	json_decref(a);
	json_decref(b);
	return same;
}

#endif
