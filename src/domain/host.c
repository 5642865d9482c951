/* host.c - the host of an http url: one spelling of it, and whether it is of an inner network */

#include "domain/host.h"

#include "base/mem.h"
#include "domain/wire.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ADDRESS_MAX = 64 };              /* what is longer is a name */

struct address {
	bool v6;
	uint32_t v4;
	struct in6_addr six;
};

/* An address of version 4 in one of version 6: mapped, or for NAT64. */
static bool holds_v4(const unsigned char b[16], uint32_t *ret)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	static const unsigned char nat64[12] = { 0, 0x64, 0xff, 0x9b };

	if (memcmp(b, mapped, 12) && memcmp(b, nat64, 12))
		return false;
	*ret = (uint32_t)b[12] << 24 | (uint32_t)b[13] << 16 | (uint32_t)b[14] << 8 | b[15];
	return true;
}

/* As curl and the C library read it: 127.1, 2130706433 and 0x7f000001 are addresses, too. */
static bool address(const char *host, struct address *ret)
{
	char text[ADDRESS_MAX];
	size_t n = strlen(host);
	struct in_addr four;

	*ret = (struct address){ 0 };
	if (n >= sizeof(text))
		return false;
	if (host[0] == '[') {
		snprintf(text, sizeof(text), "%.*s", n > 2 ? (int)n - 2 : 0, host + 1);
		ret->v6 = inet_pton(AF_INET6, text, &ret->six) == 1;
		return ret->v6;
	}
	if (!inet_aton(host, &four))
		return false;
	ret->v4 = ntohl(four.s_addr);
	return true;
}

static bool loopback(const struct address *a)
{
	static const unsigned char one[16] = { [15] = 1 }, none[16];
	uint32_t v4 = a->v4;

	if (a->v6 && !holds_v4(a->six.s6_addr, &v4))
		return !memcmp(a->six.s6_addr, one, 16) || !memcmp(a->six.s6_addr, none, 16);
	return v4 >> 24 == 127 || !v4;
}

char *host_plain(const char *s, size_t n, char *out)
{
	struct address a;
	uint32_t v4;
	char *end = out;

	for (size_t i = 0; i < n; i++)
		*end++ = s[i] >= 'A' && s[i] <= 'Z' ? (char)(s[i] | 0x20) : s[i];
	while (end > out && end[-1] == '.')
		end--;
	*end = '\0';
	if (!address(out, &a))
		return end;
	if (loopback(&a))
		return stpcpy(out, "localhost");
	v4 = a.v4;
	if (a.v6 && !holds_v4(a.six.s6_addr, &v4)) {
		*out = '[';
		inet_ntop(AF_INET6, &a.six, out + 1, INET6_ADDRSTRLEN);
		return stpcpy(out + strlen(out), "]");
	}
	return out + sprintf(out, "%u.%u.%u.%u", v4 >> 24, v4 >> 16 & 255, v4 >> 8 & 255, v4 & 255);
}

static bool inner_v4(uint32_t a)
{
	static const struct {
		uint32_t net;
		unsigned bits;
	} nets[] = {
		{ 0x00000000, 8 }, { 0x0a000000, 8 }, { 0x64400000, 10 }, { 0x7f000000, 8 },
		{ 0xa83f8110, 32 }, { 0xa9fe0000, 16 }, { 0xac100000, 12 }, { 0xc0000000, 24 },
		{ 0xc0a80000, 16 }, { 0xc6120000, 15 }, { 0xe0000000, 3 },
	};

	for (size_t i = 0; i < sizeof(nets) / sizeof(*nets); i++)
		if ((a ^ nets[i].net) >> (32 - nets[i].bits) == 0)
			return true;
	return false;
}

/* "host" and "host:port" of a url, both plain; NULL: it has none. */
static char *split(const char *url, char **ret_port)
{
	const char *s = !strncmp(url, "http://", 7) ? url + 7 : !strncmp(url, "https://", 8) ? url + 8 :
		NULL;
	size_t n = s ? strcspn(s, "/?#") : 0, host;
	const char *bracket = n ? memchr(s, ']', n) : NULL, *from = bracket ? bracket : s, *colon;
	char *out;

	if (!n)
		return NULL;
	colon = memchr(from, ':', n - (size_t)(from - s));
	host = colon ? (size_t)(colon - s) : n;
	out = mem_alloc(2 * (n + HOST_LONGER_MAX) + 8);
	*ret_port = host_plain(s, host, out) + 1;
	sprintf(*ret_port, "%s:%ld", out, colon ? strtol(colon + 1, NULL, 10) : url[4] == 's' ? 443 : 80);
	return out;
}

bool host_inner(const char *url)
{
	char *port;
	_cleanup_(mem_freep) char *host = split(url, &port);
	struct address a;
	size_t n = host ? strlen(host) : 0;
	uint32_t v4;

	if (!n)
		return false;
	if (!address(host, &a))
		return !strcmp(host, "localhost") || (n > 10 && !strcmp(host + n - 10, ".localhost"));
	v4 = a.v4;
	if (a.v6 && !holds_v4(a.six.s6_addr, &v4))
		return a.six.s6_addr[0] >> 5 != 1 ||    /* 2000::/3 is what is routed … */
		       (a.six.s6_addr[0] == 0x20 && a.six.s6_addr[1] == 2);     /* … but 6to4 */
	return inner_v4(v4);
}

/* A host of a list has no scheme of its own. */
static char *as_url(const char *host)
{
	static const char scheme[] = "http://";
	size_t n = sizeof(scheme) - 1, len = strlen(host) + 1;
	char *url = mem_alloc(n + len);

	memcpy(url, scheme, n);
	memcpy(url + n, host, len);
	return url;
}

bool host_listed(const char *const *list, const char *url)
{
	char *port, *port2;
	_cleanup_(mem_freep) char *host = split(url, &port);
	bool found = false;

	for (; host && list && *list && !found; list++) {
		_cleanup_(mem_freep) char *listed = as_url(*list);
		const char *after = strrchr(*list, ']');
		char *one = split(listed, &port2);

		found = one && (strchr(after ? after : *list, ':') ? !strcmp(port2, port) :
				!strcmp(one, host));
		free(one);
	}
	return found;
}

bool host_ok(const char *s)
{
	_cleanup_(mem_freep) char *url = as_url(s);

	return !strpbrk(s, "/?#") && !wire_url(url);
}
