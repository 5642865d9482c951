/* fetch.c - HTTP out, on libcurl's multi interface and the loop
 *
 *   fetch_start --> queue --> curl (at most conns_max) --> answered: fn, freed
 *
 * curl says which sockets it waits for (on_socket) and until when (on_deadline); libuv tells us
 * when one is ready; curl_multi_socket_action() then does what can be done without waiting.
 */

#include "http/fetch.h"

#include "base/mem.h"
#include "loop/timer.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

enum {
	CONNS = 4, CONNECT_MS = 5000, TIMEOUT_MS = 30000, BODY_MAX = 1 << 20,
	IDLE_S = 20,                    /* an older idle connection is not used again: proxies close
	                                 * theirs after 60 s or more */
};

struct fetch_call {
	struct fetch *f;
	TAILQ_ENTRY(fetch_call) link;
	CURL *easy;                     /* NULL: still queued */
	struct curl_slist *headers;
	char *method, *url, *send;
	size_t send_len, sent;          /* once: bytes given to curl so far */
	bool once, has_body, given;
	unsigned timeout_ms;
	struct buf body;
	char words[CURL_ERROR_SIZE];
	fetch_fn fn;
	void *arg;
};

TAILQ_HEAD(calls, fetch_call);

struct fetch {
	uv_loop_t *loop;
	CURLM *multi;
	struct timer *deadline;
	char *unix_path, *ca_file, *agent;
	unsigned conns_max, connect_ms, timeout_ms;
	size_t body_max;
	struct calls queued, active;
	unsigned nqueued, nactive, nspare;
	CURL **spare;                   /* easy handles for reuse */
};

/* A socket that curl waits for. */
struct watch {
	uv_poll_t poll;
	struct fetch *f;
	curl_socket_t fd;
};

static void fill(struct fetch *f);

/* ---- calls ---- */

static void wipe_headers(struct curl_slist *h)
{
	for (struct curl_slist *p = h; p; p = p->next)
		explicit_bzero(p->data, strlen(p->data));
	curl_slist_free_all(h);
}

static void give_back(struct fetch *f, CURL *easy)
{
	if (f->nspare == f->conns_max) {
		curl_easy_cleanup(easy);
		return;
	}
	curl_easy_reset(easy);
	f->spare[f->nspare++] = easy;
}

static void drop(struct fetch_call *c)
{
	struct fetch *f = c->f;

	if (c->easy) {
		TAILQ_REMOVE(&f->active, c, link);
		f->nactive--;
		curl_multi_remove_handle(f->multi, c->easy);
		give_back(f, c->easy);
	} else {
		TAILQ_REMOVE(&f->queued, c, link);
		f->nqueued--;
	}
	wipe_headers(c->headers);
	buf_done(&c->body);
	free(c->method);
	free(c->url);
	free(c->send);
	free(c);
}

struct fetch_call *fetch_cancel(struct fetch_call *c)
{
	struct fetch *f;

	if (!c)
		return NULL;
	f = c->f;
	drop(c);
	fill(f);
	return NULL;
}

unsigned fetch_pending(const struct fetch *f)
{
	return f->nqueued + f->nactive;
}

/* ---- what curl calls for one transfer ---- */

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct fetch_call *c = arg;

	return buf_add(&c->body, p, size * n) == 0 ? size * n : 0;
}

/* The body leaves our hands once.  When a kept-alive connection proves dead, curl would send the
 * request again by itself; it then finds nothing to send, which ends the call instead. */
static size_t on_read(char *p, size_t size, size_t n, void *arg)
{
	struct fetch_call *c = arg;
	size_t room = size * n, left = c->send_len - c->sent;

	if (c->given)
		return CURL_READFUNC_ABORT;
	if (left > room)
		left = room;
	memcpy(p, c->send + c->sent, left);
	c->sent += left;
	c->given = left == 0;
	return left;
}

static void set_body(struct fetch_call *c)
{
	CURL *e = c->easy;

	if (!c->has_body)
		return;
	curl_easy_setopt(e, CURLOPT_POST, 1L);
	curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->send_len);
	if (c->once) {
		curl_easy_setopt(e, CURLOPT_READFUNCTION, on_read);
		curl_easy_setopt(e, CURLOPT_READDATA, c);
	} else {
		curl_easy_setopt(e, CURLOPT_POSTFIELDS, c->send);
	}
}

static void set_options(struct fetch_call *c)
{
	const struct fetch *f = c->f;
	CURL *e = c->easy;

	curl_easy_setopt(e, CURLOPT_URL, c->url);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, (long)IDLE_S);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)f->connect_ms);
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)c->timeout_ms);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, c->words);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, c);
	curl_easy_setopt(e, CURLOPT_PRIVATE, c);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, c->headers);
	if (f->unix_path)
		curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, f->unix_path);
	if (f->ca_file)
		curl_easy_setopt(e, CURLOPT_CAINFO, f->ca_file);
	if (f->agent)
		curl_easy_setopt(e, CURLOPT_USERAGENT, f->agent);
	set_body(c);
	curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, c->method);
}

static void begin(struct fetch_call *c)
{
	struct fetch *f = c->f;

	TAILQ_REMOVE(&f->queued, c, link);
	f->nqueued--;
	c->easy = f->nspare ? f->spare[--f->nspare] : curl_easy_init();
	if (!c->easy)
		abort();                /* no memory */
	TAILQ_INSERT_TAIL(&f->active, c, link);
	f->nactive++;
	set_options(c);
	curl_multi_add_handle(f->multi, c->easy);
}

/* ---- how a call ends ---- */

static int result_of(CURLcode code, bool sent)
{
	switch (code) {
	case CURLE_OK:
		return 0;
	case CURLE_OPERATION_TIMEDOUT:
		return sent ? FETCH_E_TIME : FETCH_E_REACH;
	case CURLE_WRITE_ERROR:
		return FETCH_E_LARGE;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CACERT_BADFILE:
		return sent ? FETCH_E_BROKEN : FETCH_E_TLS;
	default:
		return sent ? FETCH_E_BROKEN : FETCH_E_REACH;
	}
}

static const char *text_of(const struct fetch_call *c, CURLcode code, int result)
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
	case CURLE_WRITE_ERROR:
		return "the answer is larger than expected";
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CACERT_BADFILE:
		return c->words[0] ? c->words : curl_easy_strerror(code);
	default:
		return result == FETCH_E_BROKEN ? "the connection broke"
			: c->words[0] ? c->words : curl_easy_strerror(code);
	}
}

static void finish(struct fetch_call *c, CURLcode code)
{
	struct fetch_answer a = { .body = &c->body, .type = "" };
	const char *type = NULL;
	long status = 0, bytes = 0;
	curl_off_t total_us = 0;

	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(c->easy, CURLINFO_REQUEST_SIZE, &bytes);
	curl_easy_getinfo(c->easy, CURLINFO_CONTENT_TYPE, &type);
	curl_easy_getinfo(c->easy, CURLINFO_TOTAL_TIME_T, &total_us);
	a.sent = bytes > 0;
	a.result = result_of(code, a.sent);
	a.status = (unsigned)status;
	a.took_ms = (unsigned)(total_us / 1000);
	if (type)
		a.type = type;
	if (a.result)
		a.text = text_of(c, code, a.result);
	c->fn(c->arg, &a);
	drop(c);
}

static void collect(struct fetch *f)
{
	struct fetch_call *c;
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(f->multi, &left))) {
		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&c);
		finish(c, m->data.result);
	}
}

static void fill(struct fetch *f)
{
	while (f->nqueued && f->nactive < f->conns_max)
		begin(TAILQ_FIRST(&f->queued));
}

/* ---- curl and the loop ---- */

static void act(struct fetch *f, curl_socket_t fd, int events)
{
	int running;

	curl_multi_socket_action(f->multi, fd, events, &running);
	collect(f);
	fill(f);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	const struct watch *w = poll->data;
	int what = status < 0 ? CURL_CSELECT_ERR : 0;

	if (events & UV_READABLE)
		what |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		what |= CURL_CSELECT_OUT;
	act(w->f, w->fd, what);
}

static void release(uv_handle_t *h)
{
	free(h->data);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *mine)
{
	struct fetch *f = arg;
	struct watch *w = mine;
	int events = 0;

	if (what == CURL_POLL_REMOVE) {
		if (w) {
			uv_poll_stop(&w->poll);
			uv_close((uv_handle_t *)&w->poll, release);
			curl_multi_assign(f->multi, fd, NULL);
		}
		return 0;
	}
	if (!w) {
		w = mem_alloc(sizeof(*w));
		w->f = f;
		w->fd = fd;
		w->poll.data = w;
		if (uv_poll_init_socket(f->loop, &w->poll, fd)) {
			free(w);
			return -1;
		}
		curl_multi_assign(f->multi, fd, w);
	}
	if (what != CURL_POLL_OUT)
		events |= UV_READABLE;
	if (what != CURL_POLL_IN)
		events |= UV_WRITABLE;
	uv_poll_start(&w->poll, events, on_ready);
	return 0;
}

static int on_deadline(CURLM *multi, long ms, void *arg)
{
	struct fetch *f = arg;

	if (ms < 0)
		timer_stop(f->deadline);
	else
		timer_start(f->deadline, (uint64_t)ms, 0);
	return 0;
}

static void on_timer(void *arg)
{
	act(arg, CURL_SOCKET_TIMEOUT, 0);
}

/* ---- the client ---- */

struct fetch *fetch_new(uv_loop_t *loop, const struct fetch_config *c)
{
	struct fetch *f = mem_alloc(sizeof(*f));

	f->loop = loop;
	f->multi = curl_multi_init();
	if (!f->multi)
		abort();
	f->deadline = timer_new(loop, on_timer, f);
	f->unix_path = mem_strdup(c->unix_path);
	f->ca_file = mem_strdup(c->ca_file);
	f->agent = mem_strdup(c->agent);
	f->conns_max = c->conns_max ? c->conns_max : CONNS;
	f->connect_ms = c->connect_ms ? c->connect_ms : CONNECT_MS;
	f->timeout_ms = c->timeout_ms ? c->timeout_ms : TIMEOUT_MS;
	f->body_max = c->body_max ? c->body_max : BODY_MAX;
	f->spare = mem_array(f->conns_max, sizeof(*f->spare));
	TAILQ_INIT(&f->queued);
	TAILQ_INIT(&f->active);
	curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f);
	curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, on_deadline);
	curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f);
	curl_multi_setopt(f->multi, CURLMOPT_MAXCONNECTS, (long)f->conns_max);
	return f;
}

struct fetch *fetch_free(struct fetch *f)
{
	struct fetch_call *c;

	if (!f)
		return NULL;
	while ((c = TAILQ_FIRST(&f->queued)))
		drop(c);
	while ((c = TAILQ_FIRST(&f->active)))
		drop(c);
	while (f->nspare)
		curl_easy_cleanup(f->spare[--f->nspare]);
	curl_multi_cleanup(f->multi);
	timer_free(f->deadline);
	free(f->spare);
	free(f->unix_path);
	free(f->ca_file);
	free(f->agent);
	free(f);
	return NULL;
}

static bool url_ok(const char *url)
{
	return (!strncasecmp(url, "http://", 7) || !strncasecmp(url, "https://", 8)) &&
	       strlen(url) <= FETCH_URL_MAX;
}

/* No "Expect: 100-continue": it costs a round trip, and not every server knows it. */
static struct curl_slist *copy_headers(const char *const *h)
{
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");

	for (; h && *h; h++)
		list = curl_slist_append(list, *h);
	return list;
}

int fetch_start(struct fetch *f, const struct fetch_request *r, fetch_fn fn, void *arg,
		struct fetch_call **ret, struct err *err)
{
	struct fetch_call *c;

	if (!url_ok(r->url))
		return err_set(err, ERR_E_INPUT, "only http and https addresses can be fetched");
	if (f->nqueued >= FETCH_CALLS_MAX)
		return err_set(err, -ENOBUFS, "%d calls are waiting already", FETCH_CALLS_MAX);
	c = mem_alloc(sizeof(*c));
	c->f = f;
	c->method = mem_strdup(r->method);
	c->url = mem_strdup(r->url);
	c->headers = copy_headers(r->headers);
	c->has_body = r->body || !strcmp(r->method, "POST");
	c->send_len = r->body ? r->body_len : 0;
	c->send = mem_alloc(c->send_len + 1);
	if (c->send_len)
		memcpy(c->send, r->body, c->send_len);
	c->once = r->once;
	c->timeout_ms = r->timeout_ms ? r->timeout_ms : f->timeout_ms;
	c->fn = fn;
	c->arg = arg;
	buf_init(&c->body, f->body_max);
	TAILQ_INSERT_TAIL(&f->queued, c, link);
	f->nqueued++;
	fill(f);        /* the first byte leaves on a later turn: curl asks for a timeout of 0 */
	if (ret)
		*ret = c;
	return 0;
}
