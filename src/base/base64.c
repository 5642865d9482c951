/* base64.c - bytes as letters (RFC 4648) */

#include "base/base64.h"

#include <stdint.h>

static char *encode(const uint8_t *in, size_t n, const char *letters, char pad, char *out)
{
	char *to = out;
	uint32_t bits = 0;
	unsigned have = 0;

	for (size_t i = 0; i < n; i++) {
		bits = bits << 8 | in[i];
		for (have += 8; have >= 6; have -= 6)
			*to++ = letters[bits >> (have - 6) & 63];
	}
	if (have)
		*to++ = letters[bits << (6 - have) & 63];
	while (pad && (to - out) % 4)
		*to++ = pad;
	*to = '\0';
	return out;
}

char *base64(const void *p, size_t n, char *out)
{
	return encode(p, n, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", '=',
		      out);
}

char *base64url(const void *p, size_t n, char *out)
{
	return encode(p, n, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", '\0',
		      out);
}
