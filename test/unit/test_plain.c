/* test_plain.c - a daemon on this machine is asked without libcurl, and a bad answer is none */

#include "http/plain.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

/* A server that takes one connection, reads a little, says `text` in pieces, and closes. */
struct peer {
	const char *text;
	size_t piece;
	bool silent;                    /* says nothing and does not close, until `done` is posted */
	int fd;
	char server[32], got[512];
	uv_thread_t thread;
	uv_sem_t done;
};

static void serve(void *arg)
{
	struct peer *p = arg;
	int fd = accept(p->fd, NULL, NULL);
	size_t len = strlen(p->text);
	ssize_t n = read(fd, p->got, sizeof(p->got) - 1);

	p->got[n > 0 ? n : 0] = '\0';
	for (size_t at = 0; at < len; at += p->piece) {
		size_t left = len - at;

		if (send(fd, p->text + at, left < p->piece ? left : p->piece, MSG_NOSIGNAL) < 0)
			break;
	}
	if (p->silent)
		uv_sem_wait(&p->done);
	close(fd);
}

static void peer_start(struct peer *p, const char *text, size_t piece)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p->text = text;
	p->piece = piece;
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(p->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(p->fd, 1), 0);
	assert_int_equal(getsockname(p->fd, (struct sockaddr *)&a, &len), 0);
	snprintf(p->server, sizeof(p->server), "127.0.0.1:%u", ntohs(a.sin_port));
	uv_sem_init(&p->done, 0);
	uv_thread_create(&p->thread, serve, p);
}

static void peer_stop(struct peer *p)
{
	uv_sem_post(&p->done);
	uv_thread_join(&p->thread);
	uv_sem_destroy(&p->done);
	close(p->fd);
}

struct heard {
	unsigned status, ticks, stop_after_ticks;
	char type[64], body[256];
	size_t n;
	bool stop;                      /* at the first byte of the body */
};

static bool on_status(void *arg, unsigned status)
{
	((struct heard *)arg)->status = status;
	return false;
}

static bool on_head(void *arg, const char *name, const char *value)
{
	struct heard *h = arg;

	if (!strcmp(name, "Content-Type"))
		snprintf(h->type, sizeof(h->type), "%s", value);
	return false;
}

static bool on_body(void *arg, const char *p, size_t n)
{
	struct heard *h = arg;

	assert_true(h->n + n < sizeof(h->body));
	memcpy(h->body + h->n, p, n);
	h->n += n;
	return h->stop;
}

static bool on_tick(void *arg)
{
	struct heard *h = arg;

	return ++h->ticks == h->stop_after_ticks;
}

static enum plain_result call(const char *server, unsigned timeout_ms, struct heard *h)
{
	struct plain_call c = { .server = server, .connect_ms = 2000, .timeout_ms = timeout_ms,
				.arg = h, .status = on_status, .head = on_head, .body = on_body,
				.tick = on_tick };
	enum plain_result r;
	struct buf b;

	buf_init(&b, 1000);
	buf_str(&b, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	r = plain_exchange(&c, &b);
	buf_done(&b);
	return r;
}

static enum plain_result ask(const char *text, size_t piece, struct heard *h)
{
	struct peer p = { 0 };
	enum plain_result r;

	memset(h->body, 0, sizeof(h->body));
	h->n = 0;
	peer_start(&p, text, piece);
	r = call(p.server, 5000, h);
	peer_stop(&p);
	assert_string_equal(p.got, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	return r;
}

static void an_answer_is_read_however_its_bytes_come(void **state)
{
	static const char *const texts[] = {
		"HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
		"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
		"HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nhello",
		"HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
		"HTTP/1.1 500 What nobody asked for\r\n\r\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		for (size_t piece = 1; piece < 200; piece += 37) {
			struct heard h = { 0 };

			assert_int_equal(ask(texts[i], piece, &h), PLAIN_OK);
			assert_int_equal(h.status, 201);
			assert_string_equal(h.type, "text/plain");
			assert_string_equal(h.body, "hello");
		}
}

static void an_answer_without_a_body_ends_with_its_head(void **state)
{
	struct heard h = { 0 };

	assert_int_equal(ask("HTTP/1.1 204 No Content\r\n\r\n", 99, &h), PLAIN_OK);
	assert_int_equal(h.status, 204);
	assert_int_equal(h.n, 0);
}

static void an_answer_that_is_cut_off_is_none(void **state)
{
	static const char *const texts[] = {
		"", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct heard h = { 0 };

		assert_int_equal(ask(texts[i], 99, &h), PLAIN_BROKEN);
	}
}

static void what_is_not_http_is_refused(void **state)
{
	static const char *const texts[] = {
		"SSH-2.0-OpenSSH_9.2\r\n", "{\"code\":1}", "HTTP/1.1 999999 No\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
		"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct heard h = { 0 };

		assert_int_equal(ask(texts[i], 99, &h), PLAIN_BAD);
	}
}

static void a_head_without_end_is_refused(void **state)
{
	struct heard h = { 0 };
	size_t n = 200 << 10;
	char *text = malloc(n + 1);

	memset(text, 'a', n);
	memcpy(text, "HTTP/1.1 200 OK\r\nX-A: ", 22);
	text[n] = '\0';
	assert_int_equal(ask(text, 4096, &h), PLAIN_BAD);
	free(text);
}

static void the_reader_can_stop_in_the_middle(void **state)
{
	struct heard h = { .stop = true };

	assert_int_equal(ask("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 99, &h), PLAIN_STOPPED);
	assert_int_equal(h.n, 5);
}

static void silence_ends_at_its_time_or_at_a_tick(void **state)
{
	struct heard h = { .stop_after_ticks = 1000 };
	struct peer p = { .silent = true };

	peer_start(&p, "HTTP/1.1 200 OK\r\n\r\n", 99);
	assert_int_equal(call(p.server, 300, &h), PLAIN_TIMEOUT);
	peer_stop(&p);
	p = (struct peer){ .silent = true };
	h = (struct heard){ .stop_after_ticks = 2 };
	peer_start(&p, "HTTP/1.1 200 OK\r\n\r\n", 99);
	assert_int_equal(call(p.server, 0, &h), PLAIN_STOPPED);
	assert_int_equal(h.ticks, 2);
	peer_stop(&p);
}

static void nobody_there_is_said(void **state)
{
	struct peer p = { 0 };
	struct heard h = { 0 };

	peer_start(&p, "", 1);
	assert_int_equal(call(p.server, 1000, &h), PLAIN_BROKEN);
	peer_stop(&p);
	assert_int_equal(call(p.server, 1000, &h), PLAIN_REFUSED);
}

static void only_loopback_addresses_are_asked_this_way(void **state)
{
	static const char *const yes[] = { "127.0.0.1:7070", "127.1.2.3", "localhost:1", "[::1]:7070", "[::1]" };
	static const char *const no[] = {
		"10.0.0.1:7070", "node.example:7070", "localhost.evil:7070", "[::2]:1", "127.0.0.1:99999",
		"127.0.0.1:", "127.0.0.1.evil:80", "1270.0.0.1", "[::1]x", "", "127.0.0.1:7x",
	};

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		assert_true(plain_can(yes[i]));
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		assert_false(plain_can(no[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_read_however_its_bytes_come),
		cmocka_unit_test(an_answer_without_a_body_ends_with_its_head),
		cmocka_unit_test(an_answer_that_is_cut_off_is_none),
		cmocka_unit_test(what_is_not_http_is_refused),
		cmocka_unit_test(a_head_without_end_is_refused),
		cmocka_unit_test(the_reader_can_stop_in_the_middle),
		cmocka_unit_test(silence_ends_at_its_time_or_at_a_tick),
		cmocka_unit_test(nobody_there_is_said),
		cmocka_unit_test(only_loopback_addresses_are_asked_this_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
