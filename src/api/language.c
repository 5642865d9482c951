/* language.c - the language that a client asks for, and what is said in it */

#include "api/call.h"

#include "domain/phrase.h"
#include "domain/wire.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The weight of one range of the header, "zh-CN;q=0.8", in thousandths (RFC 9110, 12.4.2). */
static unsigned weight(const char *s, size_t n)
{
	const char *q = memmem(s, n, "q=", 2);
	unsigned milli = 0, digit = 1000;

	if (!q)
		return 1000;
	for (const char *p = q + 2; p < s + n && digit; p++) {
		if (*p == '.')
			continue;
		if (*p < '0' || *p > '9')
			break;
		milli += (unsigned)(*p - '0') * digit;
		digit /= 10;
	}
	return milli < 1000 ? milli : 1000;
}

bool call_wants_zh(const struct api_call *c)
{
	const char *s = http_header(c->req, "accept-language");
	unsigned best = 0;
	bool zh = false;

	while (s && *s) {
		size_t n, tag;

		s += strspn(s, ", \t");
		n = strcspn(s, ",");
		tag = strcspn(s, "-; \t,");
		if (tag == 2 && (!strncasecmp(s, "zh", 2) || !strncasecmp(s, "en", 2)) &&
		    weight(s, n) > best) {
			best = weight(s, n);
			zh = !strncasecmp(s, "zh", 2);
		}
		s += n;
	}
	return zh;
}

static void translate(json_t *reason, const char *key)
{
	char text[PHRASE_ZH_MAX];
	const char *en = json_string_value(json_object_get(reason, key));

	if (en)
		wire_put_str(reason, key, phrase_zh(en, text));
}

char *decision_said(struct api_call *c, const char *text)
{
	json_t *doc = call_wants_zh(c) ? json_loads(text, 0, NULL) : NULL, *pool, *reason;
	char *said;
	size_t i, k;

	if (!doc)
		return arena_strdup(&c->req->arena, text);
	json_array_foreach(json_object_get(doc, "pools"), i, pool) {
		json_array_foreach(json_object_get(pool, "reasons"), k, reason) {
			translate(reason, "need");
			translate(reason, "have");
		}
	}
	said = wire_dump(&c->req->arena, doc);
	json_decref(doc);
	return said;
}
