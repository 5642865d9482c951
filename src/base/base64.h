/* base64.h - bytes as letters (RFC 4648) */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stddef.h>

#define BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1)          /* with the NUL */

char *base64(const void *p, size_t n, char *out);       /* padded */
char *base64url(const void *p, size_t n, char *out);    /* - and _, not padded */

#endif
