/* cookie.c - cookies read strictly, and written in one place */

#include "api/cookie.h"

#include <string.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-";

const char *cookie_name(enum cookie which, bool https)
{
	static const char *const names[2][2] = {
		{ "suanlu", "__Host-suanlu" }, { "suanlu-login", "__Host-suanlu-login" },
	};

	return names[which][https];
}

/* One "name=value" of n bytes, blanks around it: is it this one? */
static bool named(const char *s, size_t n, const char *name, const char **ret, size_t *ret_n)
{
	size_t len = strlen(name);

	while (n && (*s == ' ' || *s == '\t')) {
		s++;
		n--;
	}
	while (n && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		n--;
	if (n <= len || strncmp(s, name, len) || s[len] != '=')
		return false;
	*ret = s + len + 1;
	*ret_n = n - len - 1;
	return true;
}

const char *cookie_read(const char *header, const char *name, struct arena *a)
{
	const char *found = NULL;
	size_t nfound = 0;

	for (const char *s = header; s; s = strchr(s, ';')) {
		const char *value;
		size_t n;

		s += *s == ';';
		if (!named(s, strcspn(s, ";"), name, &value, &n))
			continue;
		if (found)
			return NULL;
		found = value;
		nfound = n;
	}
	if (!nfound || strspn(found, letters) < nfound)
		return NULL;
	return arena_strndup(a, found, nfound);
}

const char *cookie_get(struct api_call *c, enum cookie which)
{
	return cookie_read(http_header(c->req, "cookie"), cookie_name(which, c->api->https),
			   &c->req->arena);
}

const char *cookie_text(struct arena *a, enum cookie which, bool https, const char *value,
			int64_t seconds)
{
	const char *text = arena_printf(a, "%s=%s; HttpOnly; SameSite=%s; Path=/%s",
					cookie_name(which, https), value,
					which == COOKIE_BEARER ? "Strict" : "Lax",
					https ? "; Secure" : "");

	if (seconds >= 0)
		text = arena_printf(a, "%s; Max-Age=%lld", text, (long long)seconds);
	return strlen(text) > COOKIE_MAX ? NULL : text;
}

int cookie_set(struct api_call *c, enum cookie which, const char *value, int64_t seconds)
{
	const char *text = cookie_text(&c->req->arena, which, c->api->https, value, seconds);

	if (!text)
		return 1;
	http_reply_header(c->req, "Set-Cookie", text);
	return 0;
}

void cookie_clear(struct api_call *c, enum cookie which)
{
	cookie_set(c, which, "", 0);
}
