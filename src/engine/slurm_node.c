/* slurm_node.c - the nodes of a Slurm cluster as a listing shows them */

#include "engine/slurm_node.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* "gpu:a100:4(S:0-1)": where the count begins, NULL when there is none. */
static const char *count_of(const char *p, const char *end, uint32_t *ret)
{
	const char *paren = memchr(p, '(', (size_t)(end - p)), *colon;
	char *stop;
	unsigned long n;

	end = paren ? paren : end;
	colon = memrchr(p, ':', (size_t)(end - p));
	if (!colon)
		return NULL;
	n = strtoul(colon + 1, &stop, 10);
	if (stop != end || n > 65535)
		return NULL;
	*ret = (uint32_t)n;
	return colon;
}

static bool begins(const char *p, size_t n, const char *name)
{
	size_t len = strlen(name);

	return n >= len && !strncasecmp(p, name, len) && (n == len || p[len] == ':');
}

const char *slurm_gres(const char *text, const char *name, struct arena *a, uint32_t *ret_n)
{
	const char *end;

	*ret_n = 0;
	if (!strncmp(text, "gres/", 5))
		text += 5;
	for (; *text; text = *end ? end + 1 : end) {
		const char *colon;
		uint32_t n;
		int depth = 0;

		for (end = text; *end && (depth || *end != ','); end++)
			depth += *end == '(' ? 1 : *end == ')' ? -1 : 0;
		colon = count_of(text, end, &n);
		if (!colon || (name && !begins(text, (size_t)(colon - text), name)))
			continue;
		*ret_n = n;
		return arena_printf(a, "%.*s", (int)(colon - text), text);
	}
	return "";
}

static bool is_down(const json_t *state, const json_t *flags)
{
	static const char *const words[] = {
		"DOWN", "DRAIN", "DRAINED", "DRAINING", "FAIL", "FAILING", "ERROR", "FUTURE",
		"UNKNOWN", "INVALID", "INVALID_REG", "NOT_RESPONDING", "MAINTENANCE", "MAINT",
		"REBOOT_ISSUED", "REBOOT_REQUESTED", "POWERING_DOWN", "PLANNED_DOWN", "RESERVED",
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (slurm_has(state, words[i]) || slurm_has(flags, words[i]))
			return true;
	return false;
}

static const char *state_text(const json_t *state, const json_t *flags, struct arena *a)
{
	const json_t *const both[] = { state, flags };
	const char *text = "";

	for (unsigned k = 0; k < 2; k++) {
		const json_t *one;
		size_t i;

		if (json_is_string(both[k]))
			text = arena_strdup(a, json_string_value(both[k]));
		json_array_foreach(both[k], i, one)
			if (json_is_string(one))
				text = arena_printf(a, "%s%s%s", text, *text ? "+" : "",
						    json_string_value(one));
	}
	return text;
}

/* NULL: in none of them. */
static const char *partition_of(const json_t *list, const char *const *partitions, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (slurm_has(list, partitions[i]))
			return partitions[i];
	return n ? NULL : "";
}

static uint32_t small(const json_t *obj, const char *key)
{
	int64_t n = slurm_num_or(json_object_get(obj, key), 0);

	return n < 0 ? 0 : n > INT32_MAX ? INT32_MAX : (uint32_t)n;
}

static bool decode_one(const json_t *j, const char *const *partitions, uint32_t n,
		       struct arena *a, struct slurm_node *ret)
{
	const json_t *state = json_object_get(j, "state");
	const json_t *flags = json_object_get(j, "state_flags");
	const char *partition = partition_of(json_object_get(j, "partitions"), partitions, n);
	uint32_t devices;

	if (!partition || !*slurm_str(j, "name"))
		return false;
	*ret = (struct slurm_node){
		.name = arena_strdup(a, slurm_str(j, "name")), .partition = partition,
		.cpus = small(j, "cpus"), .cpus_used = small(j, "alloc_cpus"),
		.memory_mb = small(j, "real_memory"), .memory_used_mb = small(j, "alloc_memory"),
		.down = is_down(state, flags), .state = state_text(state, flags, a),
	};
	/* What slurmd keeps for itself cannot be asked for. */
	devices = small(j, "effective_cpus");
	if (devices && devices < ret->cpus)
		ret->cpus = devices;
	ret->gres = slurm_gres(slurm_str(j, "gres"), "gpu", a, &ret->devices);
	if (!*ret->gres)
		ret->gres = slurm_gres(slurm_str(j, "gres"), NULL, a, &ret->devices);
	if (*ret->gres)
		slurm_gres(slurm_str(j, "gres_used"), ret->gres, a, &ret->devices_used);
	return true;
}

static int by_name(const void *a, const void *b)
{
	const struct slurm_node *x = a, *y = b;
	int r = strcmp(x->partition, y->partition);

	return r ? r : strcmp(x->name, y->name);
}

void slurm_nodes_decode(const json_t *reply, const char *const *partitions, uint32_t n,
			struct arena *a, struct slurm_node **ret, uint32_t *ret_n)
{
	const json_t *list = json_object_get(reply, "nodes"), *j;
	size_t i, max = json_array_size(list);

	*ret_n = 0;
	if (max > SLURM_NODES_MAX)
		max = SLURM_NODES_MAX;
	*ret = arena_array(a, max + 1, sizeof(**ret));
	json_array_foreach(list, i, j)
		if (*ret_n < max && decode_one(j, partitions, n, a, &(*ret)[*ret_n]))
			++*ret_n;
	qsort(*ret, *ret_n, sizeof(**ret), by_name);
}
