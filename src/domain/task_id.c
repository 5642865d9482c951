/* task_id.c - how a task is written: "12", an element of an array "12_3" */

#include "domain/task.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

enum { INDEXED_MAX = 2 * TASK_URL_MAX };      /* an index has at most ten digits, its mark seven */

/* Digits without a leading zero, so that one task has one name. */
static const char *number(const char *s, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (*s < '0' || *s > '9' || (*s == '0' && s[1] >= '0' && s[1] <= '9'))
		return NULL;
	for (; *s >= '0' && *s <= '9'; s++) {
		uint64_t digit = (uint64_t)(*s - '0');

		if (v > (max - digit) / 10)
			return NULL;
		v = v * 10 + digit;
	}
	*ret = v;
	return s;
}

int task_id_parse(const char *s, uint64_t *ret_sub, int64_t *ret_index)
{
	uint64_t sub, index;

	s = number(s, INT64_MAX, &sub);
	if (!s || !sub || (*s && *s != '_'))
		return 1;
	if (*s == '_') {
		s = number(s + 1, UINT32_MAX, &index);
		if (!s || *s)
			return 1;
		*ret_index = (int64_t)index;
	} else {
		*ret_index = -1;
	}
	*ret_sub = sub;
	return 0;
}

uint64_t task_after_no(const struct task_after *a, const struct task_spec *of)
{
	uint64_t index = a->task - a->sub;
	uint32_t low = 0, high = of->array ? of->array_n : 0;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (of->array[mid] == index)
			return a->sub + mid;
		if (of->array[mid] < index)
			low = mid + 1;
		else
			high = mid;
	}
	return 0;
}

char *task_id_text(uint64_t sub, const struct task_spec *s, uint32_t index,
		   char out[TASK_ID_TEXT_MAX])
{
	if (s && s->array)
		snprintf(out, TASK_ID_TEXT_MAX, "%llu_%u", (unsigned long long)sub, index);
	else
		snprintf(out, TASK_ID_TEXT_MAX, "%llu", (unsigned long long)sub);
	return out;
}

char *task_put_index(const struct task_spec *s, uint32_t index, const char *text)
{
	static const char mark[] = TASK_INDEX_MARK;
	struct buf b;
	char *copy;
	const char *p;

	buf_init(&b, INDEXED_MAX);
	while (s->array && (p = strstr(text, mark))) {
		buf_add(&b, text, (size_t)(p - text));
		buf_printf(&b, "%u", index);
		text = p + sizeof(mark) - 1;
	}
	buf_str(&b, text);
	copy = mem_strdup(b.data);
	buf_done(&b);
	return copy;
}
