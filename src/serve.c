/* serve.c - the daemon: build every part in order, run the loop, tear down in reverse */

#include "api/api.h"
#include "base/log.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/words.h"
#include "config.h"
#include "flow/flow.h"
#include "http/server.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STOP_GRACE_MS = 5000 };

struct daemon {
	struct config config;
	uv_loop_t loop;
	uv_signal_t term, interrupt, hangup;
	struct store *store;
	struct flow *flow;
	struct api *api;
	struct http_server *http;
	struct http_tls *tls;           /* NULL: plain */
	bool stopping, failed;
};

static void http_stopped(void *arg)
{
	struct daemon *d = arg;

	uv_stop(&d->loop);
}

static void stop(struct daemon *d)
{
	if (d->stopping)
		return;
	d->stopping = true;
	api_stop(d->api);
	http_server_stop(d->http, STOP_GRACE_MS, http_stopped, d);
}

static void on_signal(uv_signal_t *s, int signum)
{
	struct daemon *d = s->data;

	log_info("serve", "%s: stopping; runs go on", strsignal(signum));
	stop(d);
}

/* New certificates, for connections from now on. */
static void on_hangup(uv_signal_t *s, int signum)
{
	struct daemon *d = s->data;
	struct err err = { 0 };

	if (!d->tls)
		log_info("serve", "%s: there is nothing to read again", strsignal(signum));
	else if (http_tls_reload(d->tls, &err))
		log_error("serve", "the certificates stay as they were: %s", err.text);
	else
		log_info("serve", "the certificates were read again");
}

static void on_fatal(void *arg, const char *why)
{
	struct daemon *d = arg;

	log_error("serve", "giving up: %s", why);
	d->failed = true;
	/* What was held back was told to nobody; the journal says what is true. */
	_exit(1);
}

static int write_state(const struct config *c, const char *name, const char *text, struct err *err)
{
	_cleanup_(mem_closep) int fd = -1;
	char path[256], fresh[264];
	size_t n = strlen(text);

	snprintf(path, sizeof(path), "%s/%s", c->state, name);
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || fchmod(fd, 0600) || write(fd, text, n) != (ssize_t)n || fsync(fd) ||
	    rename(fresh, path))
		return err_set(err, -errno, "could not write %s: %s", path, strerror(errno));
	return 0;
}

/* Also when we died between making the token and writing it down: only the default one exists
 * and nobody has its text. */
static bool first_token_wanted(const struct daemon *d)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/token", d->config.state);
	if (flow_nusers(d->flow))
		return false;
	for (uint32_t i = 0; i < flow_ntokens(d->flow); i++)
		if (strcmp(flow_token_at(d->flow, i)->name, "default"))
			return false;
	return flow_ntokens(d->flow) == 0 || access(path, F_OK) != 0;
}

/* The first token holds every role: a person alone with a node needs no ceremony. */
static int first_token(struct daemon *d, struct err *err)
{
	char text[TOKEN_TEXT_LEN + 1];
	const struct token *t;
	json_t *doc;
	int r;

	if (!first_token_wanted(d))
		return 0;
	doc = json_pack("{s:s, s:s, s:[s,s,s,s]}", "name", "default", "tenant", "default", "roles",
			"user", "operator", "admin", "security");
	r = flow_token_new(d->flow, doc, NULL, text, &t, err);
	json_decref(doc);
	if (!r)
		r = write_state(&d->config, "token", text, err);
	explicit_bzero(text, sizeof(text));
	if (!r)
		log_info("serve", "made the first token, with the roles user, operator, admin and "
			 "security at once, in %s/token; make accounts (suanlu user new) before a "
			 "second person uses this node", d->config.state);
	return r;
}

static int start_flow(struct daemon *d, struct err *err)
{
	struct config *c = &d->config;
	struct store_events events;
	struct flow_config fc = {
		.loop = &d->loop, .catalogue = &c->catalogue, .npools = c->npools,
		.pools = c->pools, .dir = arena_printf(&c->arena, "%s/runs", c->state),
		.read_roots = c->read_roots, .write_roots = c->write_roots,
		.inner_hosts = c->inner_hosts, .seed = c->seed, .separate = c->noidc > 0,
		.limits = c->limits, .fatal = on_fatal, .fatal_arg = d,
	};
	int r;

	flow_store_events(&d->flow, &events);
	r = store_sqlite_open(&d->loop, c->state, &events, &d->store, err);
	if (r)
		return r;
	if (mkdir(fc.dir, 0700) && errno != EEXIST)
		return err_set(err, -errno, "could not make %s: %s", fc.dir, strerror(errno));
	d->store->digest = c->digest;
	fc.store = d->store;
	c->npools = 0;          /* flow's from here on */
	return flow_new(&fc, &d->flow, err);
}

static int start_http(struct daemon *d, struct err *err)
{
	struct http_handler handler;
	const char *listen = d->config.listen;
	char address[300];
	int r;

	d->api = api_new(&d->loop, d->flow, SUANLU_VERSION);
	r = api_oidc(d->api, d->config.oidc, d->config.noidc, err);
	if (r)
		return r;
	api_handler(d->api, &handler);
	d->http = http_server_new(&d->loop, &d->config.http, &handler);
	api_http(d->api, d->http);
	if (d->config.tls) {
		r = http_tls_new(&d->config.tls_files, &d->tls, err);
		if (r)
			return r;
		http_server_tls(d->http, d->tls);
		api_certificates(d->api, &d->config.clients);
		api_https(d->api);
	}
	r = http_server_listen(d->http, listen, err);
	if (r)
		return r;
	snprintf(address, sizeof(address), "%s%.*s:%u", d->tls ? "https://" : "",
		 (int)(strrchr(listen, ':') - listen), listen, http_server_port(d->http));
	r = write_state(&d->config, "address", address, err);
	if (!r)
		log_info("serve", "node %s listens on %s%s", flow_node_id(d->flow),
			 d->tls ? "" : "http://", address);
	return r;
}

static void watch_signal(struct daemon *d, uv_signal_t *s, int signum)
{
	uv_signal_init(&d->loop, s);
	s->data = d;
	uv_signal_start(s, on_signal, signum);
}

static void run_out(uv_loop_t *loop)
{
	/* Handles close on a later turn; what does not close within this many is a leak. */
	for (int i = 0; i < 1000 && uv_run(loop, UV_RUN_NOWAIT); i++)
		;
	if (uv_loop_close(loop))
		log_debug("serve", "some handles were still open");
}

static void tear_down(struct daemon *d)
{
	http_server_free(d->http);
	http_tls_free(d->tls);
	api_free(d->api);
	if (d->store)
		d->store = d->store->ops->free(d->store);
	d->flow = flow_free(d->flow);
	run_out(&d->loop);
	config_done(&d->config);
}

static int serve(struct daemon *d, struct err *err)
{
	int r = start_flow(d, err);

	if (!r)
		r = first_token(d, err);
	if (!r)
		r = start_http(d, err);
	if (r)
		return r;
	watch_signal(d, &d->term, SIGTERM);
	watch_signal(d, &d->interrupt, SIGINT);
	uv_signal_init(&d->loop, &d->hangup);
	d->hangup.data = d;
	uv_signal_start(&d->hangup, on_hangup, SIGHUP);
	uv_run(&d->loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&d->term, NULL);
	uv_close((uv_handle_t *)&d->interrupt, NULL);
	uv_close((uv_handle_t *)&d->hangup, NULL);
	return 0;
}

static void complain(const char *path, const struct err *err)
{
	char said[PHRASE_ZH_MAX];

	fprintf(stderr, "suanlu: %s", path);
	if (err->line)
		fprintf(stderr, ":%u", err->line);
	if (err->field[0])
		fprintf(stderr, ": %s", err->field);
	fprintf(stderr, ": %s\n", words_said(err->text, said));
	if (err->hint[0])
		fprintf(stderr, "        %s\n", words_said(err->hint, said));
}

static int usage(FILE *out)
{
	fprintf(out, "usage: suanlu serve --config FILE [--check-config]\n");
	return out == stderr ? 2 : 0;
}

/* Hidden: what test/sys/test_openapi.py compares with doc/openapi.yaml. */
int cmd_routes(int argc, char **argv)
{
	api_routes_print(stdout);
	return 0;
}

int cmd_serve(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check-config", no_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static struct daemon d;         /* one per process; too large for comfort on a stack */
	const char *path = NULL;
	enum log_level level;
	struct err err = { 0 };
	bool check = false;
	int o, r;

	optind = 1;
	while ((o = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		if (o == 'c')
			path = optarg;
		else if (o == 'k')
			check = true;
		else
			return usage(o == 'h' ? stdout : stderr);
	}
	if (!path || optind < argc)
		return usage(stderr);
	signal(SIGPIPE, SIG_IGN);
	umask(077);
	r = config_load(path, &d.config, &err);
	if (r || check) {
		if (r)
			complain(path, &err);
		else
			printf("%s: %u pool%s, all well\n", path, d.config.npools,
			       d.config.npools == 1 ? "" : "s");
		config_done(&d.config);
		return r ? 2 : 0;
	}
	log_level_parse(d.config.log, &level);
	log_set_level(level);
	uv_loop_init(&d.loop);
	r = serve(&d, &err);
	if (r)
		complain(path, &err);
	tear_down(&d);
	return r ? 1 : 0;
}
