/* http_echo.c - our server with a handler that says what it understood
 *
 * For test/sys: prints its port, answers every request with "method path length",
 * ends when its standard input does.
 */

#include "http/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BODY_MAX = 1024 * 1024 };

static bool on_head(void *arg, struct http_request *req, size_t *ret_body_max)
{
	*ret_body_max = BODY_MAX;
	return true;
}

static void on_request(void *arg, struct http_request *req)
{
	char *s = arena_printf(&req->arena, "%s %s %zu\n", req->method, req->path, req->body_len);

	http_reply(req, 200, "text/plain", s, strlen(s));
}

static void on_stopped(void *arg)
{
	http_server_free(arg);
}

static void on_input(uv_poll_t *poll, int status, int events)
{
	char byte;

	if (read(STDIN_FILENO, &byte, 1) > 0)
		return;
	uv_close((uv_handle_t *)poll, NULL);
	http_server_stop(poll->data, 0, on_stopped, poll->data);
}

int main(void)
{
	static const struct http_handler handler = { .head = on_head, .request = on_request };
	struct http_limits limits;
	struct http_server *s;
	struct err err;
	uv_loop_t loop;
	uv_poll_t input;

	uv_loop_init(&loop);
	http_limits_default(&limits);
	s = http_server_new(&loop, &limits, &handler);
	if (http_server_listen(s, "127.0.0.1:0", &err)) {
		fprintf(stderr, "http_echo: %s\n", err.text);
		return EXIT_FAILURE;
	}
	if (uv_poll_init(&loop, &input, STDIN_FILENO)) {
		fprintf(stderr, "http_echo: standard input must be a pipe\n");
		return EXIT_FAILURE;
	}
	input.data = s;
	uv_poll_start(&input, UV_READABLE | UV_DISCONNECT, on_input);
	printf("%u\n", http_server_port(s));
	fflush(stdout);
	uv_run(&loop, UV_RUN_DEFAULT);
	return uv_loop_close(&loop) ? EXIT_FAILURE : EXIT_SUCCESS;
}
