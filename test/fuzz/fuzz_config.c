/* fuzz_config.c - any text is a configuration that can be started, or is refused in words */

#include "config.h"

#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_config: %s\n", what);
	abort();
}

static void pools(const struct config *c)
{
	must(c->npools > 0 && c->npools <= POOLS_MAX, "the number of pools is out of bounds");
	for (uint32_t i = 0; i < c->npools; i++) {
		const struct pool *p = c->pools[i];
		json_t *shown;

		must(p->name && p->name[0] && engine_find(p->engine), "a pool lacks something");
		must(p->nnodes > 0 && p->nnodes <= POOL_NODES_MAX, "a pool without machines");
		for (uint32_t k = 0; k < i; k++)
			must(strcmp(p->name, c->pools[k]->name) != 0, "two pools of one name");
		shown = pool_json(p, &c->catalogue);
		must(shown != NULL, "a pool cannot be shown");
		json_decref(shown);
	}
}

static void roots(const char *const *list)
{
	must(list != NULL, "no list of directories");
	for (; *list; list++)
		must((*list)[0] == '/', "a directory that is not absolute");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct config c;
	struct err err = { 0 };
	int r = config_parse((const char *)data, n, &c, &err);

	if (r) {
		must(err.text[0], "a refusal without words");
		must(r == ERR_E_INPUT || strstr(err.text, "could not"), "broken, it says");
	} else {
		must(c.state && c.state[0], "no directory for the state");
		must(c.open_listen || !strncmp(c.listen, "127.", 4) ||
		     !strncmp(c.listen, "[::1]", 5) || !strncmp(c.listen, "localhost:", 10),
		     "open to the network without having been told");
		must(c.http.conns_max > 0 && c.http.head_ms > 0, "a limit that is none");
		pools(&c);
		roots(c.read_roots);
		roots(c.write_roots);
	}
	config_done(&c);
	return 0;
}
