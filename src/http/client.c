/* client.c - HTTP out, on a libcurl easy handle; on this machine over a plain socket */

#include "http/client.h"

#include "base/clock.h"
#include "base/mem.h"
#include "http/plain.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
	CONNECT_MS = 5000, CALL_MS = 60000, SILENCE_S = 45, RETRY_FIRST_MS = 250,
	RETRY_MAX_MS = 3000,
	REQUEST_MAX = 64 << 20,         /* the daemon takes 8 MB at most, and says so itself */
};

struct http_client {
	bool plain;                     /* no libcurl: a loopback address without TLS */
	CURL *easy;                     /* made when first needed, reused with its connection */
	char *base, *token, *agent;     /* base: "http://host:port" */
	const char *language;
	char *ca_file, *cert_file, *key_file;
	const char *server;             /* inside base */
	unsigned connect_ms, timeout_ms;
	char words[CURL_ERROR_SIZE];
};

/* What one transfer writes to. */
struct transfer {
	struct http_client *c;
	struct http_answer *answer;
	struct http_sse *sse;           /* NULL: not a stream */
	http_event_fn fn;
	void *arg;
	int64_t tick_ms, heard_ms;
	const char *why;                /* it failed: in words … */
	bool refused;                   /* … because nobody listens there */
	bool stop;
};

static bool address_ok(const char *s)
{
	size_t n = strlen(s);

	if (!n || n > HTTP_CLIENT_SERVER_MAX)
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr(".-:[]_", *s))
			return false;
	return true;
}

int http_client_new(const struct http_client_config *c, struct http_client **ret, struct err *err)
{
	const char *host = c->server, *scheme = "http://";
	struct http_client *n;
	size_t len;

	if (!strncmp(host, "https://", 8))
		scheme = "https://";
	if (!strncmp(host, scheme, strlen(scheme)))
		host += strlen(scheme);
	len = strlen(host);
	n = mem_alloc(sizeof(*n));
	n->base = mem_alloc(strlen(scheme) + len + 1);
	sprintf(n->base, "%s%s", scheme, host);
	if (len && n->base[strlen(n->base) - 1] == '/')
		n->base[strlen(n->base) - 1] = '\0';
	n->server = n->base + strlen(scheme);
	if (!address_ok(n->server)) {
		http_client_free(n);
		err_set(err, ERR_E_INPUT, "\"%.100s\" is not an address", c->server);
		err_hint(err, "write it like 127.0.0.1:7070 or https://node.example:7070");
		return ERR_E_INPUT;
	}
	n->plain = !strncmp(n->base, "http://", 7) && plain_can(n->server);
	n->token = mem_strdup(c->token);
	n->agent = mem_strdup(c->agent);
	n->language = c->language;
	n->ca_file = mem_strdup(c->ca_file);
	n->cert_file = mem_strdup(c->cert_file);
	n->key_file = mem_strdup(c->key_file);
	n->connect_ms = c->connect_ms ? c->connect_ms : CONNECT_MS;
	n->timeout_ms = c->timeout_ms ? c->timeout_ms : CALL_MS;
	*ret = n;
	return 0;
}

struct http_client *http_client_free(struct http_client *c)
{
	if (!c)
		return NULL;
	if (c->easy)
		curl_easy_cleanup(c->easy);
	if (c->token)
		explicit_bzero(c->token, strlen(c->token));
	free(c->token);
	free(c->agent);
	free(c->ca_file);
	free(c->cert_file);
	free(c->key_file);
	free(c->base);
	free(c);
	return NULL;
}

const char *http_client_server(const struct http_client *c)
{
	return c->server;
}

void http_answer_done(struct http_answer *a)
{
	buf_done(&a->body);
}

static void answer_begin(struct http_answer *a)
{
	memset(a, 0, sizeof(*a));
	a->log_offset = a->log_size = -1;
	buf_init(&a->body, HTTP_CLIENT_BODY_MAX);
}

/* ---- what comes in ---- */

static int64_t number(const char *s)
{
	char *end;
	long long v = strtoll(s, &end, 10);

	return end == s || v < 0 ? -1 : v;
}

static bool take_field(void *arg, const char *name, const char *value)
{
	struct http_answer *a = ((struct transfer *)arg)->answer;

	if (!strcasecmp(name, "content-type"))
		snprintf(a->type, sizeof(a->type), "%.*s", (int)strcspn(value, "; \r\n"), value);
	else if (!strcasecmp(name, "x-log-offset"))
		a->log_offset = number(value);
	else if (!strcasecmp(name, "x-log-size"))
		a->log_size = number(value);
	return false;
}

static bool take_status(void *arg, unsigned status)
{
	((struct transfer *)arg)->answer->status = status;
	return false;
}

/* Of a stream, only a 200 is events; any other answer is an error object. */
static bool take_body(void *arg, const char *p, size_t n)
{
	struct transfer *t = arg;

	t->heard_ms = clock_mono_ms();
	if (!t->sse || t->answer->status != 200)
		return buf_add(&t->answer->body, p, n) != 0;
	if (http_sse_feed(t->sse, p, n, t->fn, t->arg))
		t->stop = true;
	return t->stop || t->sse->over;
}

/* At least once a second: the tick of a stream, and its silence limit. */
static bool take_tick(void *arg)
{
	struct transfer *t = arg;
	int64_t now = clock_mono_ms();

	if (!t->sse)
		return false;
	if (now - t->tick_ms >= 500) {
		t->tick_ms = now;
		t->stop = t->stop || t->fn(t->arg, NULL);
	}
	return t->stop || now - t->heard_ms > SILENCE_S * 1000;
}

/* ---- over a plain socket ---- */

static void put_request(struct buf *b, const struct http_client *c, const char *method,
			const char *path, const char *body, const struct transfer *t)
{
	buf_printf(b, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nAccept: %s\r\n", method,
		   path, c->server, t->sse ? "text/event-stream" : "application/json");
	if (c->agent)
		buf_printf(b, "User-Agent: %s\r\n", c->agent);
	if (c->language)
		buf_printf(b, "Accept-Language: %s\r\n", c->language);
	if (c->token)
		buf_printf(b, "Authorization: Bearer %s\r\n", c->token);
	if (t->sse && t->sse->id[0])
		buf_printf(b, "Last-Event-ID: %s\r\n", t->sse->id);
	if (body)
		buf_str(b, "Content-Type: application/json\r\n");
	if (body || !strcmp(method, "POST"))
		buf_printf(b, "Content-Length: %zu\r\n", body ? strlen(body) : 0);
	buf_str(b, "\r\n");
	buf_str(b, body ? body : "");
}

static int transfer_plain(struct http_client *c, const char *method, const char *path,
			  const char *body, struct transfer *t)
{
	static const char *const words[] = {
		[PLAIN_STOPPED] = "the answer is larger than this program reads",
		[PLAIN_REFUSED] = "connection refused",
		[PLAIN_TIMEOUT] = "no answer in time",
		[PLAIN_BROKEN] = "the connection broke",
		[PLAIN_BAD] = "the answer is not HTTP",
	};
	struct plain_call call = {
		.server = c->server, .connect_ms = c->connect_ms,
		.timeout_ms = t->sse ? 0 : c->timeout_ms, .arg = t, .status = take_status,
		.head = take_field, .body = take_body, .tick = take_tick,
	};
	enum plain_result r = PLAIN_BAD;
	struct buf request;

	buf_init(&request, REQUEST_MAX);
	put_request(&request, c, method, path, body, t);
	if (request.full)
		t->why = "the request is too large";
	else
		r = plain_exchange(&call, &request);
	if (request.data)
		explicit_bzero(request.data, request.len);
	buf_done(&request);
	t->why = r && !t->why ? words[r] : t->why;
	t->refused = r == PLAIN_REFUSED;
	return r ? -1 : 0;
}

/* ---- over libcurl ---- */

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	char line[200], *value;

	snprintf(line, sizeof(line), "%.*s", (int)(n < sizeof(line) ? n : sizeof(line) - 1), p);
	value = strchr(line, ':');
	if (!value)
		return size * n;
	*value++ = '\0';
	take_field(arg, line, value + strspn(value, " \t"));
	return size * n;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	long status = 0;

	curl_easy_getinfo(t->c->easy, CURLINFO_RESPONSE_CODE, &status);
	t->answer->status = (unsigned)status;
	return take_body(t, p, size * n) ? 0 : size * n;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	return take_tick(arg);
}

static struct curl_slist *headers(const struct http_client *c, const struct transfer *t,
				  bool body)
{
	struct curl_slist *h = NULL;
	char line[160];

	h = curl_slist_append(h, t->sse ? "Accept: text/event-stream" : "Accept: application/json");
	if (body)
		h = curl_slist_append(h, "Content-Type: application/json");
	h = curl_slist_append(h, "Expect:");    /* one round trip less */
	if (c->language) {
		snprintf(line, sizeof(line), "Accept-Language: %s", c->language);
		h = curl_slist_append(h, line);
	}
	if (c->token) {
		/* A provider's token is some kilobytes long. */
		size_t n = strlen(c->token) + 32;
		char *secret = mem_alloc(n);

		snprintf(secret, n, "Authorization: Bearer %s", c->token);
		h = curl_slist_append(h, secret);
		explicit_bzero(secret, n);
		free(secret);
	}
	if (t->sse && t->sse->id[0]) {
		snprintf(line, sizeof(line), "Last-Event-ID: %s", t->sse->id);
		h = curl_slist_append(h, line);
	}
	return h;
}

static void options(struct http_client *c, struct transfer *t, const char *url)
{
	CURL *e = c->easy;

	curl_easy_reset(e);
	curl_easy_setopt(e, CURLOPT_URL, url);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	if (c->ca_file)
		curl_easy_setopt(e, CURLOPT_CAINFO, c->ca_file);
	if (c->cert_file) {
		curl_easy_setopt(e, CURLOPT_SSLCERT, c->cert_file);
		curl_easy_setopt(e, CURLOPT_SSLKEY, c->key_file ? c->key_file : c->cert_file);
	}
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)c->connect_ms);
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, t->sse ? 0L : (long)c->timeout_ms);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, c->words);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(e, CURLOPT_XFERINFODATA, t);
	if (c->agent)
		curl_easy_setopt(e, CURLOPT_USERAGENT, c->agent);
	c->words[0] = '\0';
}

static const char *why(const struct http_client *c, CURLcode code)
{
	long os = 0;

	curl_easy_getinfo(c->easy, CURLINFO_OS_ERRNO, &os);
	switch (code) {
	case CURLE_COULDNT_CONNECT:
		return os == ECONNREFUSED ? "connection refused" : os ? strerror((int)os)
								     : "nobody answers";
	case CURLE_COULDNT_RESOLVE_HOST:
		return "no such host";
	case CURLE_OPERATION_TIMEDOUT:
		return "no answer in time";
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_PARTIAL_FILE:
		return "the connection broke";
	case CURLE_WRITE_ERROR:
		return "the answer is larger than this program reads";
	default:
		return c->words[0] ? c->words : curl_easy_strerror(code);
	}
}

static int transfer_curl(struct http_client *c, const char *method, const char *path,
			 const char *body, struct transfer *t)
{
	struct curl_slist *list;
	char *url = NULL;
	CURLcode code;
	long status = 0;

	if (!c->easy)
		c->easy = curl_easy_init();
	if (!c->easy) {
		t->why = "libcurl could not be loaded; install libcurl4";
		return -1;
	}
	list = headers(c, t, body != NULL);
	if (asprintf(&url, "%s%s", c->base, path) < 0)
		abort();
	options(c, t, url);
	curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, list);
	curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, method);
	if (body || !strcmp(method, "POST")) {
		curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, body ? body : "");
		curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE,
				 (curl_off_t)(body ? strlen(body) : 0));
	}
	code = curl_easy_perform(c->easy);
	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	t->answer->status = (unsigned)status;
	curl_slist_free_all(list);
	free(url);
	if (code == CURLE_OK)
		return 0;
	t->why = why(c, code);
	t->refused = code == CURLE_COULDNT_CONNECT;
	return -1;
}

/* ---- one transfer ---- */

static int transfer(struct http_client *c, const char *method, const char *path, const char *body,
		    struct transfer *t)
{
	t->why = NULL;
	t->answer->status = 0;
	return c->plain ? transfer_plain(c, method, path, body, t)
			: transfer_curl(c, method, path, body, t);
}

static int unreachable(const struct http_client *c, const struct transfer *t, struct err *err)
{
	err_set(err, HTTP_CLIENT_E_REACH, "could not reach suanlu at %s: %s", c->server, t->why);
	if (t->refused)
		err_hint(err, "is the daemon running? start it with `suanlu serve`, "
			      "or name another one with --server");
	return HTTP_CLIENT_E_REACH;
}

int http_client_call(struct http_client *c, const char *method, const char *path,
		     const json_t *body, struct http_answer *ret, struct err *err)
{
	struct transfer t = { .c = c, .answer = ret };
	char *text = body ? json_dumps(body,
		JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)) : NULL;
	int r;

	answer_begin(ret);
	if (body && !text)
		return err_set(err, -ENOMEM, "could not encode the request");
	r = transfer(c, method, path, text, &t);
	free(text);
	return r ? unreachable(c, &t, err) : 0;
}

/* Ticks go on while we wait for the next try. */
static bool pause_ms(struct transfer *t, unsigned ms)
{
	while (ms > 0 && !t->stop) {
		unsigned step = ms < 250 ? ms : 250;

		usleep(step * 1000);
		ms -= step;
		take_tick(t);
	}
	return t->stop;
}

int http_client_stream(struct http_client *c, const char *path, unsigned patience_s,
		       http_event_fn fn, void *arg, struct http_answer *ret, struct err *err)
{
	struct http_sse sse;
	struct transfer t = { .c = c, .answer = ret, .sse = &sse, .fn = fn, .arg = arg };
	int64_t good_ms = clock_mono_ms(), begun_ms;
	unsigned wait = RETRY_FIRST_MS;
	int r = 0;

	http_sse_init(&sse);
	answer_begin(ret);
	for (;;) {
		t.heard_ms = begun_ms = clock_mono_ms();
		transfer(c, "GET", path, NULL, &t);
		if (t.stop)
			break;
		if (sse.over) {
			r = err_set(err, -EMSGSIZE, "the daemon sent an event larger than %d MB",
				    HTTP_CLIENT_EVENT_MAX >> 20);
			break;
		}
		if (ret->status == 200) {
			good_ms = clock_mono_ms();
			if (good_ms - begun_ms > RETRY_MAX_MS)
				wait = RETRY_FIRST_MS;
		} else if (ret->status && ret->status != 503) {
			r = HTTP_CLIENT_E_STATUS;
			break;
		} else if (clock_mono_ms() - good_ms >= (int64_t)patience_s * 1000) {
			r = ret->status ? HTTP_CLIENT_E_STATUS : unreachable(c, &t, err);
			break;
		}
		http_sse_reset(&sse);
		buf_reset(&ret->body);
		if (pause_ms(&t, wait))
			break;
		wait = wait * 2 < RETRY_MAX_MS ? wait * 2 : RETRY_MAX_MS;
	}
	http_sse_done(&sse);
	return r;
}

void http_put_part(struct buf *out, const char *s)
{
	for (; *s; s++) {
		unsigned char ch = (unsigned char)*s;

		if (isalnum(ch) || strchr("-._~", ch))
			buf_add(out, s, 1);
		else
			buf_printf(out, "%%%02X", ch);
	}
}
