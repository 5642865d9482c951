/* host.h - the host of an http url: one spelling of it, and whether it is of an inner network
 *
 * Inner is what the public internet does not route: loopback, link-local (where clouds keep their
 * metadata), private, shared (RFC 1918, 4193, 6598), and what IANA reserves (RFC 6890); also
 * 168.63.129.16, public by number, which is Azure's own.
 */
#ifndef DOMAIN_HOST_H
#define DOMAIN_HOST_H

#include <stdbool.h>
#include <stddef.h>

enum { HOST_LONGER_MAX = 32 };          /* bytes by which one spelling may exceed another, with its 0 */

/* "Host." is "host", "0x7f.1" and "[::1]" are "localhost", "[0:0::A]" is "[::a]".  `n` bytes of `s`, without
 * a port; `out` has n + HOST_LONGER_MAX.  Its end. */
char *host_plain(const char *s, size_t n, char *out);

/* Names are not looked up: inner is "localhost" and what lies below it. */
bool host_inner(const char *url);

/* Is its host in this list (NULL-terminated, or NULL), as "host" or, for one port, as "host:port"?  False for
 * what is not http or https. */
bool host_listed(const char *const *list, const char *url);

/* Is it something that may stand in such a list? */
bool host_ok(const char *s);

#endif
