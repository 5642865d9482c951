/* test_cmd_client.c - event streams, tokens, exit codes and figures of the command line */

#include "cmd/cmd.h"
#include "cmd/out.h"
#include "cmd/remote.h"
#include "cmd/words.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- server-sent events ---- */

struct heard {
	char log[400];
	unsigned n, stop_at;
};

static bool hear(void *arg, const struct http_event *ev)
{
	struct heard *h = arg;
	size_t at = strlen(h->log);

	snprintf(h->log + at, sizeof(h->log) - at, "[%s|%s|%s]", ev->id, ev->kind, ev->data);
	return ++h->n == h->stop_at;
}

static void feed_in_pieces(const char *text, size_t piece, struct heard *h)
{
	struct http_sse s;
	size_t n = strlen(text);

	http_sse_init(&s);
	for (size_t i = 0; i < n; i += piece)
		if (http_sse_feed(&s, text + i, n - i < piece ? n - i : piece, hear, h))
			break;
	http_sse_done(&s);
}

static void events_are_the_same_however_the_bytes_come(void **state)
{
	static const char text[] = ": ping\n\nid: 7\nevent: log\ndata: a\ndata:b\n\n"
		"data: c\r\n\r\nid\nretry: 5\ndata\n\n";
	const char *want = "[7|log|a\nb][7|message|c][|message|]";

	for (size_t piece = 1; piece < sizeof(text); piece++) {
		struct heard h = { "", 0, 0 };

		feed_in_pieces(text, piece, &h);
		assert_string_equal(h.log, want);
	}
}

static void an_event_without_its_blank_line_is_not_told(void **state)
{
	struct heard h = { "", 0, 0 };

	feed_in_pieces("id: 1\ndata: whole\n\nid: 2\ndata: half\n", 5, &h);
	assert_string_equal(h.log, "[1|message|whole]");
}

static void a_listener_can_end_the_stream(void **state)
{
	struct heard h = { "", 0, 1 };

	feed_in_pieces("data: 1\n\ndata: 2\n\n", 100, &h);
	assert_string_equal(h.log, "[|message|1]");
}

static void an_event_without_end_is_refused(void **state)
{
	static char big[1 << 16];
	struct heard h = { "", 0, 0 };
	struct http_sse s;

	memset(big, 'x', sizeof(big));
	http_sse_init(&s);
	for (int i = 0; i < 100; i++)
		http_sse_feed(&s, big, sizeof(big), hear, &h);
	http_sse_feed(&s, "\n\n", 2, hear, &h);
	assert_true(s.over);
	assert_int_equal(h.n, 0);
	http_sse_done(&s);
}

/* ---- addresses and parts of paths ---- */

static void an_address_with_a_path_or_blanks_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "a b", "h:1/x", "http://", "ftp://h", "u@h:1", "h:1?x", "h:1#x", "h\n:1",
	};
	struct http_client *c = NULL;
	struct err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct http_client_config cfg = { .server = bad[i] };

		assert_int_equal(http_client_new(&cfg, &c, &err), ERR_E_INPUT);
		assert_null(c);
	}
}

static void an_address_needs_no_scheme(void **state)
{
	static const char *const good[] = { "127.0.0.1:7070", "http://[::1]:7070", "https://a.b/" };
	struct http_client *c;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct http_client_config cfg = { .server = good[i] };

		assert_int_equal(http_client_new(&cfg, &c, NULL), 0);
		assert_null(strchr(http_client_server(c), '/'));
		http_client_free(c);
	}
}

static void a_name_cannot_leave_its_part_of_the_path(void **state)
{
	char *path = remote_path("/v1/pools/", "../tokens?a=b#", "/drain");

	assert_string_equal(path, "/v1/pools/..%2Ftokens%3Fa%3Db%23/drain");
	free(path);
}

static void only_loopback_is_local(void **state)
{
	assert_true(remote_is_local("127.0.0.1:7070"));
	assert_true(remote_is_local("http://localhost:1"));
	assert_true(remote_is_local("[::1]:7070"));
	assert_false(remote_is_local("localhost.evil.example:1"));
	assert_false(remote_is_local("10.0.0.1:7070"));
	assert_false(remote_is_local("https://127.evil.example"));
	assert_false(remote_is_local("127.evil.example:7070"));
}

/* ---- the token ---- */

struct file {
	char path[40];
};

static struct file token_file(const char *text, mode_t mode)
{
	struct file f = { "/tmp/suanlu-token-XXXXXX" };
	int fd = mkstemp(f.path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	return f;
}

static void a_token_is_the_first_word_of_its_file(void **state)
{
	struct file f = token_file("sl_abc\n", 0600);
	char *token = NULL;

	assert_int_equal(remote_read_token(f.path, &token, NULL), 0);
	assert_string_equal(token, "sl_abc");
	free(token);
	unlink(f.path);
}

static void a_token_that_others_can_read_is_refused(void **state)
{
	static const mode_t modes[] = { 0640, 0604, 0620, 0601, 0777 };

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct file f = token_file("sl_abc\n", modes[i]);
		char *token = NULL;
		struct err err;

		assert_int_equal(remote_read_token(f.path, &token, &err), CMD_NOT_ALLOWED);
		assert_null(token);
		assert_non_null(strstr(err.hint, "chmod 600"));
		assert_null(strstr(err.text, "sl_abc"));
		unlink(f.path);
	}
}

static void a_file_without_a_token_is_refused(void **state)
{
	struct file f = token_file("password\n", 0600);
	char *token = NULL;
	struct err err;

	assert_int_equal(remote_read_token(f.path, &token, &err), CMD_NOT_ALLOWED);
	assert_null(token);
	assert_null(strstr(err.text, "password"));
	unlink(f.path);
	assert_int_equal(remote_read_token(f.path, &token, &err), CMD_NOT_ALLOWED);
	assert_int_equal(remote_read_token("/tmp", &token, &err), CMD_NOT_ALLOWED);
}

static void every_refusal_has_its_exit_code(void **state)
{
	assert_int_equal(remote_exit_of(400, "bad_request"), CMD_USAGE);
	assert_int_equal(remote_exit_of(401, "unauthorized"), CMD_NOT_ALLOWED);
	assert_int_equal(remote_exit_of(403, "forbidden"), CMD_NOT_ALLOWED);
	assert_int_equal(remote_exit_of(404, "not_found"), CMD_NOT_FOUND);
	assert_int_equal(remote_exit_of(409, "conflict"), CMD_CONFLICT);
	assert_int_equal(remote_exit_of(429, "too_many"), CMD_CONFLICT);
	assert_int_equal(remote_exit_of(503, "unavailable"), CMD_UNREACHABLE);
	assert_int_equal(remote_exit_of(500, NULL), CMD_INTERNAL);
	assert_int_equal(remote_exit_of(302, NULL), CMD_INTERNAL);
}

/* ---- figures and words ---- */

static void figures_have_the_unit_that_fits(void **state)
{
	char t[OUT_TEXT_MAX];

	assert_string_equal(out_yuan(0, t), "¥0.00");
	assert_string_equal(out_yuan(300, t), "¥0.0003");
	assert_string_equal(out_yuan(2123450, t), "¥2.12");
	assert_string_equal(out_carbon(850, t), "850 mg");
	assert_string_equal(out_carbon(12340, t), "12.3 g");
	assert_string_equal(out_carbon(1000000, t), "1 kg");
	assert_string_equal(out_energy(7200, t), "2 Wh");
	assert_string_equal(out_seconds(45, t), "45s");
	assert_string_equal(out_seconds(3 * 3600 + 29, t), "3h");
	assert_string_equal(out_seconds(90061, t), "1d1h");
	assert_string_equal(out_range(60, 60, t), "1m");
	assert_string_equal(out_range(60, 90, t), "1m–1m30s");
	assert_string_equal(out_size_mb(512, t), "512 MB");
	assert_string_equal(out_time(NULL, t), "-");
	assert_string_equal(out_time("never", t), "?");
}

static void no_text_moves_the_cursor(void **state)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	out_safe(f, "%s", "a\033[2Jb\rc\x7f\xc2\x9b" "d\né");
	fclose(f);
	assert_string_equal(text, "a?[2Jb?c???d\né");
	free(text);
}

static void the_same_code_means_what_the_state_says(void **state)
{
	json_t *killed = json_pack("{s:s, s:i, s:{s:s}}", "state", "failed", "attempt", 1, "reason",
				   "code", "timeout");
	json_t *refused = json_pack("{s:s, s:i, s:{s:s}}", "state", "refused", "attempt", 0,
				    "reason",
				    "code", "walltime");
	json_t *fine = json_pack("{s:s, s:n}", "state", "done", "reason");

	lang_set(LANG_EN);
	assert_string_equal(words_task(killed), "it was stopped at its walltime");
	assert_string_equal(words_task(refused), "no suitable pool allows runs that long");
	assert_null(words_task(fine));
	assert_string_equal(words_reason("something_new"), "something_new");
	json_decref(killed);
	json_decref(refused);
	json_decref(fine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_are_the_same_however_the_bytes_come),
		cmocka_unit_test(an_event_without_its_blank_line_is_not_told),
		cmocka_unit_test(a_listener_can_end_the_stream),
		cmocka_unit_test(an_event_without_end_is_refused),
		cmocka_unit_test(an_address_with_a_path_or_blanks_is_refused),
		cmocka_unit_test(an_address_needs_no_scheme),
		cmocka_unit_test(a_name_cannot_leave_its_part_of_the_path),
		cmocka_unit_test(only_loopback_is_local),
		cmocka_unit_test(a_token_is_the_first_word_of_its_file),
		cmocka_unit_test(a_token_that_others_can_read_is_refused),
		cmocka_unit_test(a_file_without_a_token_is_refused),
		cmocka_unit_test(every_refusal_has_its_exit_code),
		cmocka_unit_test(figures_have_the_unit_that_fits),
		cmocka_unit_test(no_text_moves_the_cursor),
		cmocka_unit_test(the_same_code_means_what_the_state_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
