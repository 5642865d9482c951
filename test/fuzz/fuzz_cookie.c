/* fuzz_cookie.c - Cookie headers: any bytes; what is found stands there once and is harmless in a header */

#include "api/cookie.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_cookie: %s\n", what);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena a;
	char *header = strndup((const char *)data, n), *again;
	const char *value;

	arena_init(&a);
	value = cookie_read(header, "suanlu", &a);
	if (value) {
		must(*value && strlen(value) <= strlen(header), "it is empty, or grew");
		must(!strpbrk(value, " \t\r\n;,=\"\\%"), "it has letters that no value has");
		again = arena_printf(&a, "suanlu=%s", value);
		must(strstr(header, again) != NULL, "it does not stand there");
		must(!strcmp(cookie_read(again, "suanlu", &a), value), "alone it is another one");
		must(!cookie_read(arena_printf(&a, "%s; %s", header, again), "suanlu", &a), "twice it counts");
	}
	arena_done(&a);
	free(header);
	return 0;
}
