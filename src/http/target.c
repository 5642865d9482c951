/* target.c - the request target: escapes, the path, the host */

#include "http/head.h"

#include "base/text.h"

#include <string.h>

char *http_unescape(struct arena *a, const char *s, size_t n, bool plus)
{
	char *out = arena_alloc(a, n + 1);
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		int c = (unsigned char)s[i];

		if (c == '%') {
			c = n - i < 3 ? -1 : text_escaped(s + i);
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		if (c < 0x20 || c == 0x7f)
			return NULL;
		out[len++] = (char)c;
	}
	out[len] = '\0';
	return text_is_utf8(out, len) ? out : NULL;
}

/* Is any part between slashes "." or ".."?  Looked at after decoding, so that
 * %2e%2e and ..%2f are seen too. */
static bool has_dots(const char *path)
{
	for (const char *p = path; p; p = strchr(p, '/')) {
		size_t n;

		p += *p == '/';
		n = strcspn(p, "/");
		if ((n == 1 || n == 2) && !strncmp(p, "..", n))
			return true;
	}
	return false;
}

int http_target_read(char *target, struct http_request *req, struct http_no *no)
{
	size_t n = strlen(target);
	char *question;

	if (n > HTTP_TARGET_MAX)
		return http_refuse(no, 414, "the request target is longer than 8192 bytes");
	/* Absolute form would bring a second host, which may differ from Host. */
	if (target[0] != '/')
		return http_refuse(no, 400, "the request target must begin with '/'");
	for (size_t i = 0; i < n; i++)
		if (target[i] <= 0x20 || target[i] >= 0x7f || target[i] == '#')
			return http_refuse(no, 400, "write such bytes of the target as %XX");
	question = strchr(target, '?');
	req->query = "";
	if (question) {
		*question = '\0';
		req->query = question + 1;
		n = (size_t)(question - target);
	}
	req->path = http_unescape(&req->arena, target, n, false);
	if (!req->path)
		return http_refuse(no, 400, "the path has a broken %XX escape, a control byte "
				   "or invalid UTF-8");
	if (has_dots(req->path))
		return http_refuse(no, 400, "the path must not have \".\" or \"..\" parts");
	return 0;
}

static size_t digits(const char *s)
{
	return strspn(s, "0123456789");
}

/* name, name:port, [v6] or [v6]:port; labels of a name are not empty. */
bool http_host_ok(const char *s)
{
	size_t n;

	if (*s == '[') {
		n = 1 + strspn(s + 1, "0123456789abcdefABCDEF:.");
		if (n == 1 || s[n] != ']')
			return false;
		n++;
	} else {
		n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			   "0123456789-._~");
		if (!n || *s == '.' || memmem(s, n, "..", 2))
			return false;
	}
	s += n;
	if (*s == ':' && digits(s + 1) && digits(s + 1) <= 5)
		s += 1 + digits(s + 1);
	return !*s;
}
