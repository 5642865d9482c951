/* plain.h - one HTTP/1.1 exchange with a daemon on this machine, without libcurl
 *
 * For loopback addresses without TLS, where names, proxies and certificates play no part: what a
 * person at a terminal does all day, and a quarter of the time that starting libcurl takes.
 * Blocking, one connection for each exchange.
 */
#ifndef HTTP_PLAIN_H
#define HTTP_PLAIN_H

#include "base/buf.h"

#include <stdbool.h>

enum plain_result {
	PLAIN_OK,               /* the whole answer came, or a callback ended it */
	PLAIN_STOPPED,
	PLAIN_REFUSED,          /* nobody listens there */
	PLAIN_TIMEOUT,
	PLAIN_BROKEN,           /* the connection ended before the answer did */
	PLAIN_BAD,              /* what came is not HTTP */
};

struct plain_call {
	const char *server;             /* "127.0.0.1:7070", "localhost", "[::1]:7070" */
	unsigned connect_ms, timeout_ms;        /* timeout 0: no end, the tick decides */
	void *arg;
	/* Each returns true to stop.  head: once per field.  tick: at least twice a second. */
	bool (*status)(void *arg, unsigned status);
	bool (*head)(void *arg, const char *name, const char *value);
	bool (*body)(void *arg, const char *p, size_t n);
	bool (*tick)(void *arg);
};

/* May this server be asked this way?  A loopback address; names other than localhost are not. */
bool plain_can(const char *server);

/* Send `request` (head and body, complete) and read the answer. */
enum plain_result plain_exchange(const struct plain_call *c, const struct buf *request);

#endif
