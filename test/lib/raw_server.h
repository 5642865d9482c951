/* raw_server.h - a server of bytes in a thread of its own: it says exactly what a test wants, also
 * what no proper server would */
#ifndef TEST_LIB_RAW_SERVER_H
#define TEST_LIB_RAW_SERVER_H

#include <arpa/inet.h>
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define RAW_UNUSED __attribute__((unused))

struct raw_server {
	int fd;
	unsigned port;
	char path[108];                 /* of a Unix socket, or "" */
	pthread_t thread;
	/* One connection, the nth; return to have it closed. */
	void (*serve)(struct raw_server *s, int fd, unsigned nth);
	void *arg;
	atomic_uint conns, requests;
	char last[1 << 16];             /* the request read last */
};

/* Read one request, its body by Content-Length.  0 when the peer is gone. */
RAW_UNUSED static size_t raw_read(struct raw_server *s, int fd)
{
	size_t n = 0, want = 0;

	for (;;) {
		char *end, *len;
		ssize_t r;

		s->last[n] = '\0';
		end = strstr(s->last, "\r\n\r\n");
		if (end) {
			len = strcasestr(s->last, "content-length:");
			want = (size_t)(end + 4 - s->last) +
				(len && len < end ? strtoul(len + 15, NULL, 10) : 0);
		}
		if (end && n >= want)
			break;
		r = read(fd, s->last + n, sizeof(s->last) - 1 - n);
		if (r <= 0)
			return 0;
		n += (size_t)r;
	}
	atomic_fetch_add(&s->requests, 1);
	return n;
}

RAW_UNUSED static void raw_write(int fd, const char *text)
{
	size_t n = strlen(text);

	while (n) {
		ssize_t w = send(fd, text, n, MSG_NOSIGNAL);

		if (w <= 0)
			return;
		text += w;
		n -= (size_t)w;
	}
}

/* A whole answer; extra: more header lines, or "". */
RAW_UNUSED static void raw_answer(int fd, unsigned status, const char *extra, const char *body)
{
	char head[512];

	snprintf(head, sizeof(head), "HTTP/1.1 %u X\r\nContent-Length: %zu\r\n%s\r\n", status,
		 strlen(body), extra);
	raw_write(fd, head);
	raw_write(fd, body);
}

static void *raw_main(void *arg)
{
	struct raw_server *s = arg;

	for (;;) {
		int fd = accept(s->fd, NULL, NULL);

		if (fd < 0)
			return NULL;
		s->serve(s, fd, atomic_fetch_add(&s->conns, 1));
		close(fd);
	}
}

RAW_UNUSED static void raw_start(struct raw_server *s, const char *unix_path,
				 void (*serve)(struct raw_server *s, int fd, unsigned nth))
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(in);
	int r;

	memset(s, 0, sizeof(*s));
	s->serve = serve;
	s->fd = socket(unix_path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert(s->fd >= 0);
	if (unix_path) {
		snprintf(s->path, sizeof(s->path), "%s", unix_path);
		memcpy(un.sun_path, s->path, sizeof(s->path));
		r = bind(s->fd, (struct sockaddr *)&un, sizeof(un));
	} else {
		r = bind(s->fd, (struct sockaddr *)&in, sizeof(in));
	}
	assert(r == 0);
	r = listen(s->fd, 64);
	assert(r == 0);
	if (!unix_path) {
		getsockname(s->fd, (struct sockaddr *)&in, &len);
		s->port = ntohs(in.sin_port);
	}
	r = pthread_create(&s->thread, NULL, raw_main, s);
	assert(r == 0);
	(void)r;
}

/* Only when no connection is open any more: `serve` runs to its end. */
RAW_UNUSED static void raw_stop(struct raw_server *s)
{
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
	if (s->path[0])
		unlink(s->path);
}

#endif
