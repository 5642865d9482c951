/* roles.c - lists of words, as options give them and tables show them */

#include "cmd/roles.h"

#include <string.h>

enum { WORDS_MAX = 32 };

json_t *list_json(const char *text)
{
	json_t *a = json_array();

	while (*text && json_array_size(a) < WORDS_MAX) {
		size_t n = strcspn(text, ",");

		json_array_append_new(a, json_stringn(text, n));
		text += n + (text[n] == ',');
	}
	return a;
}

void roles_put(struct buf *b, const json_t *list)
{
	const json_t *word;
	size_t i;

	json_array_foreach(list, i, word)
		buf_printf(b, "%s%s", i ? "," : "",
			   json_string_value(word) ? json_string_value(word) : "?");
}
