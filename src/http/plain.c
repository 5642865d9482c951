/* plain.c - one HTTP/1.1 exchange over a loopback socket; llhttp reads the answer */

#include "http/plain.h"

#include "base/clock.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <llhttp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	PORT_DEFAULT = 80, TICK_MS = 400,
	FIELD_MAX = 8 << 10,            /* name or value of one field of the head */
	HEAD_MAX = 64 << 10,            /* all of it; ours are below 1 KB */
};

struct exchange {
	const struct plain_call *c;
	llhttp_t ll;
	struct buf name, value;
	size_t head_bytes;
	int64_t end_ms;                 /* INT64_MAX: none */
	bool stopped, over, bad;
};

/* ---- where ---- */

struct place {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a;
	socklen_t len;
};

static bool port_of(const char *s, in_port_t *ret)
{
	char *end;
	unsigned long n = PORT_DEFAULT;

	if (*s == ':') {
		n = strtoul(s + 1, &end, 10);
		if (end == s + 1 || *end || n > 65535)
			return false;
	} else if (*s) {
		return false;
	}
	*ret = htons((uint16_t)n);
	return true;
}

static bool place_of(const char *server, struct place *ret)
{
	struct place p = { .len = sizeof(p.a.v4) };
	char host[64];
	size_t n = strcspn(server, ":");

	if (!strncmp(server, "[::1]", 5)) {
		p.a.v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
		p.len = sizeof(p.a.v6);
		*ret = p;
		return port_of(server + 5, &ret->a.v6.sin6_port);
	}
	if (n >= sizeof(host))
		return false;
	memcpy(host, server, n);
	host[n] = '\0';
	p.a.v4.sin_family = AF_INET;
	if (!strcmp(host, "localhost"))
		p.a.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else if (inet_pton(AF_INET, host, &p.a.v4.sin_addr) != 1 ||
		 ntohl(p.a.v4.sin_addr.s_addr) >> 24 != 127)
		return false;
	*ret = p;
	return port_of(server + n, &ret->a.v4.sin_port);
}

bool plain_can(const char *server)
{
	struct place p;

	return place_of(server, &p);
}

/* ---- what llhttp tells ---- */

static int keep(struct exchange *x, struct buf *b, const char *at, size_t n)
{
	x->head_bytes += n;
	return x->head_bytes > HEAD_MAX || buf_add(b, at, n) ? HPE_USER : 0;
}

static int on_name(llhttp_t *ll, const char *at, size_t n)
{
	struct exchange *x = ll->data;

	return keep(x, &x->name, at, n);
}

static int on_value(llhttp_t *ll, const char *at, size_t n)
{
	struct exchange *x = ll->data;

	return keep(x, &x->value, at, n);
}

static int on_field(llhttp_t *ll)
{
	struct exchange *x = ll->data;

	x->stopped = x->c->head(x->c->arg, x->name.len ? x->name.data : "",
				x->value.len ? x->value.data : "");
	buf_reset(&x->name);
	buf_reset(&x->value);
	return x->stopped ? HPE_USER : 0;
}

static int on_head(llhttp_t *ll)
{
	struct exchange *x = ll->data;

	x->stopped = x->c->status(x->c->arg, ll->status_code);
	return x->stopped ? -1 : 0;
}

static int on_body(llhttp_t *ll, const char *at, size_t n)
{
	struct exchange *x = ll->data;

	x->stopped = x->c->body(x->c->arg, at, n);
	return x->stopped ? HPE_USER : 0;
}

static int on_end(llhttp_t *ll)
{
	struct exchange *x = ll->data;

	x->over = true;
	return HPE_PAUSED;              /* one answer, nothing behind it */
}

static const llhttp_settings_t settings = {
	.on_header_field = on_name,
	.on_header_value = on_value,
	.on_header_value_complete = on_field,
	.on_headers_complete = on_head,
	.on_body = on_body,
	.on_message_complete = on_end,
};

/* ---- the socket ---- */

static int64_t sum_ms(int64_t now, unsigned ms)
{
	return ms ? now + ms : INT64_MAX;
}

/* 1: ready; 0: stopped by the tick; -1: too late. */
static int await(struct exchange *x, int fd, short what, int64_t end_ms)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = what };
		int64_t left = end_ms - clock_mono_ms();

		if (left <= 0)
			return -1;
		if (poll(&p, 1, left < TICK_MS ? (int)left : TICK_MS) > 0)
			return 1;
		if (x->c->tick(x->c->arg)) {
			x->stopped = true;
			return 0;
		}
	}
}

static enum plain_result open_socket(struct exchange *x, int *ret)
{
	int64_t end = sum_ms(clock_mono_ms(), x->c->connect_ms);
	_cleanup_(mem_closep) int fd = -1;
	int e = 0, one = 1, r;
	socklen_t len = sizeof(e);
	struct place p;

	if (!place_of(x->c->server, &p))
		return PLAIN_REFUSED;
	fd = socket(p.a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return PLAIN_BROKEN;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, &p.a.any, p.len) && errno != EINPROGRESS)
		return PLAIN_REFUSED;
	r = await(x, fd, POLLOUT, end);
	if (r <= 0)
		return r ? PLAIN_TIMEOUT : PLAIN_STOPPED;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) || e)
		return PLAIN_REFUSED;
	*ret = fd;
	fd = -1;
	return PLAIN_OK;
}

/* An answer may come, and the other side close, before all was read there: a body above its limit.
 * Then the answer counts. */
static enum plain_result send_all(struct exchange *x, int fd, const struct buf *request)
{
	for (size_t at = 0; at < request->len;) {
		ssize_t n = send(fd, request->data + at, request->len - at, MSG_NOSIGNAL);
		int r;

		if (n >= 0) {
			at += (size_t)n;
			continue;
		}
		if (errno == EPIPE || errno == ECONNRESET)
			return PLAIN_OK;
		if (errno != EAGAIN && errno != EINTR)
			return PLAIN_BROKEN;
		r = await(x, fd, POLLOUT, x->end_ms);
		if (r <= 0)
			return r ? PLAIN_TIMEOUT : PLAIN_STOPPED;
	}
	return PLAIN_OK;
}

static void read_bytes(struct exchange *x, const char *p, size_t n)
{
	enum llhttp_errno e = n ? llhttp_execute(&x->ll, p, n) : llhttp_finish(&x->ll);

	x->bad = e != HPE_OK && !x->over && !x->stopped;
}

static enum plain_result receive(struct exchange *x, int fd)
{
	char chunk[64 << 10];

	while (!x->over && !x->stopped) {
		ssize_t n = recv(fd, chunk, sizeof(chunk), 0);
		int r;

		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			r = await(x, fd, POLLIN, x->end_ms);
			if (r <= 0)
				return r ? PLAIN_TIMEOUT : PLAIN_STOPPED;
			continue;
		}
		if (n < 0)
			return PLAIN_BROKEN;
		read_bytes(x, chunk, (size_t)n);
		if (x->bad)
			return n ? PLAIN_BAD : PLAIN_BROKEN;
		if (!n && !x->over)
			return PLAIN_BROKEN;
	}
	return x->stopped ? PLAIN_STOPPED : PLAIN_OK;
}

enum plain_result plain_exchange(const struct plain_call *c, const struct buf *request)
{
	struct exchange x = { .c = c, .end_ms = sum_ms(clock_mono_ms(), c->timeout_ms) };
	_cleanup_(mem_closep) int fd = -1;
	enum plain_result r;

	llhttp_init(&x.ll, HTTP_RESPONSE, &settings);
	x.ll.data = &x;
	buf_init(&x.name, FIELD_MAX);
	buf_init(&x.value, FIELD_MAX);
	r = open_socket(&x, &fd);
	if (r == PLAIN_OK)
		r = send_all(&x, fd, request);
	if (r == PLAIN_OK)
		r = receive(&x, fd);
	buf_done(&x.name);
	buf_done(&x.value);
	return r;
}
