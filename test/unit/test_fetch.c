/* test_fetch.c - HTTP out on the loop, against servers that behave and servers that do not */

#include "../lib/raw_server.h"

#include "base/mem.h"
#include "http/fetch.h"
#include "loop/timer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct bed {
	uv_loop_t loop;
	struct fetch *f;
	struct raw_server server;
	bool up, late;
	unsigned n;
	int result;
	unsigned status;
	bool sent;
	char body[4096], type[64], text[200];
};

static void on_late(void *arg)
{
	((struct bed *)arg)->late = true;
}

static void on_answer(void *arg, const struct fetch_answer *a)
{
	struct bed *b = arg;

	b->n++;
	b->result = a->result;
	b->status = a->status;
	b->sent = a->sent;
	snprintf(b->body, sizeof(b->body), "%s", a->body->data);
	snprintf(b->type, sizeof(b->type), "%s", a->type);
	snprintf(b->text, sizeof(b->text), "%s", a->text ? a->text : "");
	uv_stop(&b->loop);
}

static struct bed *bed(void (*serve)(struct raw_server *, int, unsigned), const char *unix_path,
		       struct fetch_config c)
{
	struct bed *b = mem_alloc(sizeof(*b));

	uv_loop_init(&b->loop);
	if (serve)
		raw_start(&b->server, unix_path, serve);
	b->up = serve != NULL;
	b->f = fetch_new(&b->loop, &c);
	return b;
}

static void ask_with(struct bed *b, struct fetch_request r, const char *path)
{
	char url[200];
	struct err err = { 0 };

	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", b->up && b->server.port ? b->server.port : 1,
		 path);
	r.url = url;
	if (fetch_start(b->f, &r, on_answer, b, NULL, &err))
		fail_msg("%s", err.text);
}

static void ask(struct bed *b, const char *method, const char *path, const char *body)
{
	ask_with(b, (struct fetch_request){ .method = method, .body = body,
					    .body_len = body ? strlen(body) : 0, .once = true }, path);
}

static void wait_for(struct bed *b, unsigned n)
{
	struct timer *t = timer_new(&b->loop, on_late, b);

	b->late = false;
	timer_start(t, 10000, 0);
	while (b->n < n && !b->late)
		uv_run(&b->loop, UV_RUN_ONCE);
	timer_free(t);
	assert_int_equal(b->n, n);
}

static void end(struct bed *b)
{
	fetch_free(b->f);
	uv_run(&b->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&b->loop), 0);
	if (b->up)
		raw_stop(&b->server);
	free(b);
}

/* ---- servers ---- */

static void serve_echo(struct raw_server *s, int fd, unsigned nth)
{
	while (raw_read(s, fd))
		raw_answer(fd, 200, "Content-Type: text/x\r\n", s->last);
}

/* The first request of a connection is answered; at the second one it dies, having read it. */
static void serve_once(struct raw_server *s, int fd, unsigned nth)
{
	if (raw_read(s, fd))
		raw_answer(fd, 200, "", "one");
	raw_read(s, fd);
}

static void serve_silence(struct raw_server *s, int fd, unsigned nth)
{
	raw_read(s, fd);
	raw_read(s, fd);
}

static void serve_half(struct raw_server *s, int fd, unsigned nth)
{
	if (raw_read(s, fd))
		raw_write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
}

/* As slurmrestd does: words after the body that belong to nobody. */
static void serve_trailing(struct raw_server *s, int fd, unsigned nth)
{
	if (raw_read(s, fd))
		raw_write(fd, "HTTP/1.1 500 X\r\nConnection: Close\r\nContent-Length: 4\r\n"
			  "\r\nbodyConnection: Close\r\n");
}

static void serve_304(struct raw_server *s, int fd, unsigned nth)
{
	while (raw_read(s, fd))
		raw_write(fd, "HTTP/1.1 304 NOT MODIFIED\r\n\r\n");
}

static void serve_redirect(struct raw_server *s, int fd, unsigned nth)
{
	while (raw_read(s, fd))
		raw_answer(fd, 302, "Location: http://127.0.0.1:1/\r\n", "");
}

/* ---- tests ---- */

static void a_call_is_answered(void **state)
{
	const char *const headers[] = { "X-Token: secret", NULL };
	struct bed *b = bed(serve_echo, NULL, (struct fetch_config){ .agent = "tester" });

	ask_with(b, (struct fetch_request){ .method = "POST", .headers = headers, .body = "hello",
					    .body_len = 5, .once = true }, "/a?b=c");
	wait_for(b, 1);
	assert_int_equal(b->result, 0);
	assert_int_equal(b->status, 200);
	assert_string_equal(b->type, "text/x");
	assert_non_null(strstr(b->body, "POST /a?b=c HTTP/1.1\r\n"));
	assert_non_null(strstr(b->body, "\r\nX-Token: secret\r\n"));
	assert_non_null(strstr(b->body, "\r\nUser-Agent: tester\r\n"));
	assert_non_null(strstr(b->body, "\r\nContent-Length: 5\r\n"));
	assert_null(strstr(b->body, "chunked"));
	assert_null(strstr(b->body, "Expect"));
	assert_non_null(strstr(b->body, "\r\n\r\nhello"));
	end(b);
}

static void nothing_is_answered_from_within_the_call(void **state)
{
	struct bed *b = bed(serve_echo, NULL, (struct fetch_config){ .conns_max = 1 });

	ask(b, "GET", "/", NULL);
	assert_int_equal(b->n, 0);
	wait_for(b, 1);
	end(b);
}

static void many_calls_share_few_connections(void **state)
{
	struct bed *b = bed(serve_echo, NULL, (struct fetch_config){ .conns_max = 1 });

	for (int i = 0; i < 200; i++)
		ask(b, "POST", "/", "x");
	assert_int_equal(fetch_pending(b->f), 200);
	wait_for(b, 200);
	assert_int_equal(b->server.conns, 1);
	assert_int_equal(b->server.requests, 200);
	assert_int_equal(fetch_pending(b->f), 0);
	end(b);
}

static void a_unix_socket_is_spoken_to(void **state)
{
	char path[64];
	struct bed *b;

	snprintf(path, sizeof(path), "/tmp/suanlu-fetch-%d", (int)getpid());
	b = bed(serve_echo, path, (struct fetch_config){ .unix_path = path });
	ask(b, "GET", "/here", NULL);
	wait_for(b, 1);
	assert_non_null(strstr(b->body, "GET /here"));
	end(b);
}

static void a_refused_connection_means_that_nothing_was_sent(void **state)
{
	struct bed *b = bed(NULL, NULL, (struct fetch_config){ 0 });

	ask(b, "POST", "/", "x");
	wait_for(b, 1);
	assert_int_equal(b->result, FETCH_E_REACH);
	assert_false(b->sent);
	assert_string_equal(b->text, "connection refused");
	end(b);
}

/* The trap: curl sends a request again by itself when the connection that it kept alive dies. */
static void a_request_that_may_go_out_once_is_not_repeated_by_curl(void **state)
{
	struct bed *b = bed(serve_once, NULL, (struct fetch_config){ .conns_max = 1 });

	ask(b, "POST", "/", "first");
	wait_for(b, 1);
	assert_int_equal(b->result, 0);
	ask(b, "POST", "/", "second");
	wait_for(b, 2);
	assert_int_equal(b->result, FETCH_E_BROKEN);
	assert_true(b->sent);
	assert_int_equal(b->server.requests, 2);
	end(b);
}

static void a_silent_server_ends_the_call_in_time(void **state)
{
	struct bed *b = bed(serve_silence, NULL, (struct fetch_config){ .timeout_ms = 100 });

	ask(b, "POST", "/", "x");
	wait_for(b, 1);
	assert_int_equal(b->result, FETCH_E_TIME);
	assert_true(b->sent);
	end(b);
}

static void half_an_answer_is_no_answer(void **state)
{
	struct bed *b = bed(serve_half, NULL, (struct fetch_config){ 0 });

	ask(b, "GET", "/", NULL);
	wait_for(b, 1);
	assert_int_equal(b->result, FETCH_E_BROKEN);
	end(b);
}

static void words_behind_the_answer_are_not_read(void **state)
{
	struct bed *b = bed(serve_trailing, NULL, (struct fetch_config){ 0 });

	for (unsigned i = 1; i <= 3; i++) {
		ask(b, "GET", "/", NULL);
		wait_for(b, i);
		assert_int_equal(b->result, 0);
		assert_int_equal(b->status, 500);
		assert_string_equal(b->body, "body");
	}
	end(b);
}

static void an_answer_without_a_body_is_one(void **state)
{
	struct bed *b = bed(serve_304, NULL, (struct fetch_config){ 0 });

	ask(b, "GET", "/", NULL);
	wait_for(b, 1);
	assert_int_equal(b->result, 0);
	assert_int_equal(b->status, 304);
	assert_string_equal(b->body, "");
	end(b);
}

static void an_answer_that_is_too_large_is_refused(void **state)
{
	struct bed *b = bed(serve_echo, NULL, (struct fetch_config){ .body_max = 50 });

	ask(b, "GET", "/0123456789012345678901234567890123456789", NULL);
	wait_for(b, 1);
	assert_int_equal(b->result, FETCH_E_LARGE);
	end(b);
}

static void a_redirect_is_not_followed(void **state)
{
	struct bed *b = bed(serve_redirect, NULL, (struct fetch_config){ 0 });

	ask(b, "GET", "/", NULL);
	wait_for(b, 1);
	assert_int_equal(b->result, 0);
	assert_int_equal(b->status, 302);
	end(b);
}

static void other_schemes_are_refused(void **state)
{
	static const char *const urls[] = { "file:///etc/passwd", "ftp://x/", "gopher://x", "" };
	struct bed *b = bed(NULL, NULL, (struct fetch_config){ 0 });
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		struct fetch_request r = { .method = "GET", .url = urls[i] };

		assert_int_equal(fetch_start(b->f, &r, on_answer, b, NULL, &err), ERR_E_INPUT);
	}
	end(b);
}

static void a_cancelled_call_is_not_answered(void **state)
{
	struct bed *b = bed(serve_echo, NULL, (struct fetch_config){ .conns_max = 1 });
	struct fetch_request r = { .method = "GET" };
	struct fetch_call *first, *second;
	char url[80];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u/", b->server.port);
	r.url = url;
	assert_int_equal(fetch_start(b->f, &r, on_answer, b, &first, NULL), 0);
	assert_int_equal(fetch_start(b->f, &r, on_answer, b, &second, NULL), 0);
	assert_null(fetch_cancel(second));
	assert_null(fetch_cancel(first));
	assert_null(fetch_cancel(NULL));
	ask(b, "GET", "/third", NULL);
	wait_for(b, 1);
	assert_non_null(strstr(b->body, "/third"));
	end(b);
}

static void freeing_with_calls_under_way_is_harmless(void **state)
{
	struct bed *b = bed(serve_silence, NULL, (struct fetch_config){ .conns_max = 2 });

	for (int i = 0; i < 5; i++)
		ask(b, "GET", "/", NULL);
	uv_run(&b->loop, UV_RUN_NOWAIT);
	end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_is_answered),
		cmocka_unit_test(nothing_is_answered_from_within_the_call),
		cmocka_unit_test(many_calls_share_few_connections),
		cmocka_unit_test(a_unix_socket_is_spoken_to),
		cmocka_unit_test(a_refused_connection_means_that_nothing_was_sent),
		cmocka_unit_test(a_request_that_may_go_out_once_is_not_repeated_by_curl),
		cmocka_unit_test(a_silent_server_ends_the_call_in_time),
		cmocka_unit_test(half_an_answer_is_no_answer),
		cmocka_unit_test(words_behind_the_answer_are_not_read),
		cmocka_unit_test(an_answer_without_a_body_is_one),
		cmocka_unit_test(an_answer_that_is_too_large_is_refused),
		cmocka_unit_test(a_redirect_is_not_followed),
		cmocka_unit_test(other_schemes_are_refused),
		cmocka_unit_test(a_cancelled_call_is_not_answered),
		cmocka_unit_test(freeing_with_calls_under_way_is_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
