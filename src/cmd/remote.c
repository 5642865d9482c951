/* remote.c - find the daemon, ask it, and say what went wrong */

#include "cmd/remote.h"

#include "base/json.h"
#include "base/keyfile.h"
#include "base/mem.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/out.h"
#include "cmd/words.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FILE_MAX = 12 << 10,            /* a provider's token is some kilobytes long */
	PATIENCE_S = 60,
	LIST_MAX = 100000,              /* things shown by one `ls` */
};

#define SERVER_DEFAULT "127.0.0.1:7070"

struct remote {
	struct http_client *client, *stream;    /* a stream's handle is busy while it lasts */
	char *server, *token;
};

void remote_say(const struct err *err)
{
	char text[PHRASE_ZH_MAX];

	out_safe(stderr, "suanlu: %s\n", words_said(err->text, text));
	if (err->hint[0])
		out_safe(stderr, tr("  hint: %s\n", "  提示：%s\n"), words_said(err->hint, text));
}

/* ---- where, and with what ---- */

/* The first line of a small file, without blanks around it. */
static int read_line(int fd, char **ret)
{
	char text[FILE_MAX + 1];
	ssize_t n = read(fd, text, FILE_MAX);
	char *from = text;
	size_t len;

	if (n < 0)
		return -errno;
	text[n] = '\0';
	from += strspn(from, " \t\r\n");
	len = strcspn(from, " \t\r\n");
	from[len] = '\0';
	*ret = mem_strdup(from);
	explicit_bzero(text, sizeof(text));
	return 0;
}

static int token_open_failed(const char *path, int e, struct err *err)
{
	err_set(err, CMD_NOT_ALLOWED, tr("could not read the token file %.120s: %s",
					 "无法读取令牌文件 %.120s：%s"), path, strerror(e));
	if (e == EACCES)
		err_hint(err, "%s",
			 tr("it belongs to the daemon's user; ask its operator for a token "
				       "of your own (suanlu token new)",
				       "它属于守护进程的用户；请向运维人员申请自己的令牌（suanlu token new）"));
	else
		err_hint(err, "%s",
			 tr("the daemon writes one at its first start; another one is named "
				       "with --token-file or SUANLU_TOKEN",
				       "守护进程首次启动时会写入令牌；也可用 --token-file 或 SUANLU_TOKEN 指定"));
	return CMD_NOT_ALLOWED;
}

/* keyfile_open() said no: the same in words for the person at the terminal. */
static int token_refused(const char *path, int why, const struct stat *st, struct err *err)
{
	switch (why) {
	case KEYFILE_E_NAME:
		err_set(err, CMD_NOT_ALLOWED, tr("there is no credential of systemd for %.120s",
						 "没有 %.120s 对应的 systemd 凭据"), path);
		err_hint(err, "%s", tr("CREDENTIALS_DIRECTORY is set within a unit with LoadCredential=",
				       "只有设置了 LoadCredential= 的单元才有 CREDENTIALS_DIRECTORY"));
		return CMD_NOT_ALLOWED;
	case KEYFILE_E_KIND:
		return err_set(err, CMD_NOT_ALLOWED, tr("%.160s is not a plain file",
							"%.160s 不是普通文件"), path);
	case KEYFILE_E_OWNER:
		return err_set(err, CMD_NOT_ALLOWED,
			       tr("the token file %.120s belongs to another user, so it is not used",
				  "令牌文件 %.120s 属于其他用户，因此拒绝使用"), path);
	default:
		err_set(err, CMD_NOT_ALLOWED,
			tr("the token file %.120s can be read by others (mode %03o), "
						 "so it is not used",
						 "令牌文件 %.120s 可被他人读取（权限 %03o），因此拒绝使用"),
			path, (unsigned)(st->st_mode & 0777));
		err_hint(err, tr("run: chmod 600 %.150s", "请执行：chmod 600 %.150s"), path);
		return CMD_NOT_ALLOWED;
	}
}

int remote_read_token(const char *path, char **ret, struct err *err)
{
	_cleanup_(mem_closep) int fd = -1;
	struct stat st;
	int r = keyfile_open(path, &fd, &st, err);

	if (r < 0)
		return token_open_failed(path, -r, err);
	if (r > 0)
		return token_refused(path, r, &st, err);
	r = read_line(fd, ret);
	if (r)
		return token_open_failed(path, -r, err);
	/* One of ours, or a JWT of a provider. */
	if (strncmp(*ret, "sl_", 3) && (strncmp(*ret, "ey", 2) || !strchr(*ret, '.'))) {
		free(*ret);
		*ret = NULL;
		return err_set(err, CMD_NOT_ALLOWED, tr("there is no token (sl_…) in %.160s",
							"%.160s 中没有令牌（sl_…）"), path);
	}
	return 0;
}

/* A name that only begins like a loopback address is somebody else's. */
bool remote_is_local(const char *server)
{
	char host[HTTP_CLIENT_SERVER_MAX];
	struct in_addr addr;
	const char *from = strstr(server, "://");

	from = from ? from + 3 : server;
	if (!strncmp(from, "[::1]", 5))
		return from[5] == ':' || !from[5];
	snprintf(host, sizeof(host), "%.*s", (int)strcspn(from, ":/"), from);
	if (!strcmp(host, "localhost"))
		return true;
	return inet_pton(AF_INET, host, &addr) == 1 && ntohl(addr.s_addr) >> 24 == 127;
}

/* Directory number i, NULL when that one does not exist for this user; i = 4: no more. */
static char *state_dir(int i)
{
	static const char *const vars[] = { "SUANLU_STATE", "XDG_STATE_HOME", "HOME" };
	static const char *const tails[] = { "", "/suanlu", "/.local/state/suanlu" };
	const char *base;
	char *dir;

	if (i == 3)
		return mem_strdup("/var/lib/suanlu");
	base = getenv(vars[i]);
	if (!base || !*base)
		return NULL;
	if (asprintf(&dir, "%s%s", base, tails[i]) < 0)
		abort();
	return dir;
}

/* The first state directory with an address; NULL: none. */
static char *find_state(char **ret_address)
{
	for (int i = 0; i < 4; i++) {
		_cleanup_(mem_freep) char *dir = state_dir(i);
		_cleanup_(mem_freep) char *path = NULL;
		_cleanup_(mem_closep) int fd = -1;

		if (!dir)
			continue;
		if (asprintf(&path, "%s/address", dir) < 0)
			abort();
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (fd < 0 || read_line(fd, ret_address) != 0)
			continue;
		if (**ret_address)
			return mem_strdup(dir);
		free(*ret_address);
		*ret_address = NULL;
	}
	return NULL;
}

static int find_token(struct remote *r, const char *dir, const char *address, struct err *err)
{
	const char *env = getenv("SUANLU_TOKEN");
	_cleanup_(mem_freep) char *path = NULL;

	if (cmd_global.token_file)
		return remote_read_token(cmd_global.token_file, &r->token, err);
	if (env && *env) {
		r->token = mem_strdup(env);
		return 0;
	}
	if (dir && (!strcmp(address, r->server) || remote_is_local(r->server))) {
		if (asprintf(&path, "%s/token", dir) < 0)
			abort();
		return remote_read_token(path, &r->token, err);
	}
	return 0;       /* the daemon will say 401, and we say what to do */
}

static int find(struct remote *r, struct err *err)
{
	const char *env = getenv("SUANLU_SERVER");
	_cleanup_(mem_freep) char *address = NULL;
	_cleanup_(mem_freep) char *dir = find_state(&address);

	if (cmd_global.server)
		r->server = mem_strdup(cmd_global.server);
	else if (env && *env)
		r->server = mem_strdup(env);
	else
		r->server = mem_strdup(address ? address : SERVER_DEFAULT);
	return find_token(r, dir, address, err);
}

static int bad_address(const char *server, struct err *err)
{
	err_set(err, CMD_USAGE, tr("\"%.100s\" is not an address", "“%.100s” 不是有效地址"), server);
	err_hint(err, "%s", tr("write it like 127.0.0.1:7070 or https://node.example:7070",
			       "应形如 127.0.0.1:7070 或 https://node.example:7070"));
	return CMD_USAGE;
}

/* The key of our certificate, where curl finds it; one that others can read is not used. */
static int find_key(const char *name, char path[KEYFILE_PATH_MAX], struct err *err)
{
	_cleanup_(mem_closep) int fd = -1;
	int r = name ? keyfile_open(name, &fd, NULL, err) : 0;

	if (name && !r)
		r = keyfile_path(name, path, err);
	return r ? err_prefix(err, CMD_NOT_ALLOWED, "SUANLU_KEY: ") : 0;
}

int remote_new(struct remote **ret)
{
	struct remote *r = mem_alloc(sizeof(*r));
	struct http_client_config c = { .agent = "suanlu-cli", .ca_file = getenv("SUANLU_CA"),
					.cert_file = getenv("SUANLU_CERT") };
	char key[KEYFILE_PATH_MAX];
	struct err err;
	int res = find(r, &err);

	if (res == 0)
		res = find_key(getenv("SUANLU_KEY"), key, &err);
	c.key_file = getenv("SUANLU_KEY") ? key : NULL;

	c.server = r->server;
	c.token = r->token;
	/* What programs read is the same in every language. */
	c.language = lang_get() == LANG_ZH && !cmd_global.json ? "zh" : NULL;
	if (res == 0 && (http_client_new(&c, &r->client, &err) != 0 ||
			 http_client_new(&c, &r->stream, &err) != 0))
		res = bad_address(r->server, &err);
	if (res != 0) {
		remote_say(&err);
		remote_free(r);
		return res;
	}
	*ret = r;
	return 0;
}

struct remote *remote_free(struct remote *r)
{
	if (!r)
		return NULL;
	http_client_free(r->client);
	http_client_free(r->stream);
	if (r->token)
		explicit_bzero(r->token, strlen(r->token));
	free(r->token);
	free(r->server);
	free(r);
	return NULL;
}

void remote_freep(struct remote **r)
{
	*r = remote_free(*r);
}

const char *remote_server(const struct remote *r)
{
	return http_client_server(r->client);
}

char *remote_path(const char *before, const char *name, const char *after)
{
	struct buf b;
	char *s;

	buf_init(&b, 16 << 10);
	buf_str(&b, before);
	http_put_part(&b, name);
	buf_str(&b, after);
	s = mem_strdup(b.full ? before : b.data);
	buf_done(&b);
	return s;
}

/* ---- asking ---- */

int remote_exit_of(unsigned status, const char *code)
{
	if (code && !strcmp(code, "refused"))
		return CMD_REFUSED;
	switch (status) {
	case 400:
	case 413:
	case 414:
	case 415:
	case 422:
		return CMD_USAGE;
	case 401:
	case 403:
		return CMD_NOT_ALLOWED;
	case 404:
		return CMD_NOT_FOUND;
	case 409:
	case 429:
		return CMD_CONFLICT;
	case 502:
	case 503:
	case 504:
		return CMD_UNREACHABLE;
	default:
		return CMD_INTERNAL;
	}
}

static void say_unauthorized(const struct remote *r)
{
	if (r->token)
		fputs(tr("  hint: the token is not known there; was the state directory replaced, "
			 "or the token revoked?\n",
			 "  提示：对方不认识该令牌；是否更换过状态目录，或令牌已被吊销？\n"), stderr);
	else
		fputs(tr("  hint: no token was found; name one with --token-file or SUANLU_TOKEN\n",
			 "  提示：未找到令牌；请用 --token-file 或 SUANLU_TOKEN 指定\n"), stderr);
}

/* {"code","message","message_zh","detail","hint","field"?}: `message` is what the code says
 * anyway, `detail` is about this call. */
static void say_error(const struct remote *r, const json_t *doc, unsigned status)
{
	const char *message = out_tr(doc, "message"), *detail = out_s(doc, "detail");
	const char *hint = out_s(doc, "hint"), *field = out_s(doc, "field");

	if (detail && *detail)
		message = detail;
	out_safe(stderr, "suanlu: %s%s%s\n", field && *field ? field : "",
		 field && *field ? tr(": ", "：") : "", message ? message : out_s(doc, "code"));
	if (hint && *hint)
		out_safe(stderr, tr("  hint: %s\n", "  提示：%s\n"), hint);
	if (status == 401)
		say_unauthorized(r);
}

static int say_answer(const struct remote *r, const struct http_answer *a)
{
	json_t *doc = NULL;
	int res;

	if (json_parse(a->body.data, a->body.len, &doc, NULL) != 0 || !out_s(doc, "code")) {
		out_safe(stderr, tr("suanlu: %s answered with status %u and no explanation\n",
				    "suanlu: %s 返回状态 %u，未作说明\n"), remote_server(r), a->status);
		json_decref(doc);
		return remote_exit_of(a->status, NULL);
	}
	res = remote_exit_of(a->status, out_s(doc, "code"));
	if (cmd_global.json)
		fprintf(stderr, "%s\n", a->body.data);
	else
		say_error(r, doc, a->status);
	json_decref(doc);
	return res;
}

static int ask(struct remote *r, const char *method, const char *path, const json_t *body,
	       struct http_answer *a)
{
	struct err err;
	int res = http_client_call(r->client, method, path, body, a, &err);

	if (res) {
		remote_say(&err);
		return res > 0 ? CMD_UNREACHABLE : CMD_INTERNAL;
	}
	return a->status >= 300 ? say_answer(r, a) : 0;
}

int remote_raw(struct remote *r, const char *path, struct http_answer *a)
{
	return ask(r, "GET", path, NULL, a);
}

int remote_call(struct remote *r, const char *method, const char *path, const json_t *body,
		json_t **ret, char **ret_text)
{
	struct http_answer a;
	json_t *doc = NULL;
	struct err err;
	int res = ask(r, method, path, body, &a);

	if (res == 0 && a.body.len && json_parse(a.body.data, a.body.len, &doc, &err) != 0) {
		out_safe(stderr,
			 tr("suanlu: %s did not answer with JSON (%s); is it a suanlu daemon?\n",
				    "suanlu: %s 的应答不是 JSON（%s）；它是 suanlu 守护进程吗？\n"),
			 remote_server(r), err.text);
		res = CMD_INTERNAL;
	}
	if (res == 0) {
		if (ret_text)
			*ret_text = mem_strdup(a.body.data);
		*ret = doc;
	}
	http_answer_done(&a);
	return res;
}

int remote_ask(struct remote *r, const char *method, const char *path, const json_t *body,
	       json_t **ret)
{
	_cleanup_(mem_freep) char *text = NULL;
	int res;

	*ret = NULL;
	res = remote_call(r, method, path, body, ret, &text);
	if (res == 0 && cmd_global.json) {
		fputs(text, stdout);
		if (*text && text[strlen(text) - 1] != '\n')
			putchar('\n');
		json_decref(*ret);
		*ret = NULL;
	}
	return res;
}

int remote_get(struct remote *r, const char *path, json_t **ret)
{
	return remote_ask(r, "GET", path, NULL, ret);
}

/* The page after `page`, or NULL when that was the last one. */
static char *next_path(const char *path, const json_t *page)
{
	const json_t *next = json_object_get(page, "next");
	char number[24];

	if (json_is_integer(next))
		snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(next));
	else if (!json_is_string(next))
		return NULL;
	return remote_path(path, json_is_string(next) ? json_string_value(next) : number, "");
}

int remote_list(struct remote *r, const char *path, const char *key, json_t **ret)
{
	_cleanup_(mem_freep) char *begin = remote_path(path, "", "?after="), *at = NULL;
	int res = remote_get(r, path, ret);
	json_t *all = json_object_get(*ret, key), *page = json_incref(*ret);
	size_t n = 1;

	while (res == 0 && n && json_array_size(all) < LIST_MAX && (at = next_path(begin, page))) {
		json_decref(page);
		page = NULL;
		res = remote_call(r, "GET", at, NULL, &page, NULL);
		free(at);
		at = NULL;
		n = json_array_size(json_object_get(page, key));
		json_array_extend(all, json_object_get(page, key));
	}
	if (res == 0 && n && (at = next_path(begin, page)))
		fprintf(stderr, tr("there are more than these %zu; the API has them all\n",
				   "不止这 %zu 项；其余请通过 API 读取\n"), json_array_size(all));
	json_decref(page);
	return res;
}

int remote_stream(struct remote *r, const char *path, http_event_fn fn, void *arg)
{
	struct http_answer a;
	struct err err;
	int res = http_client_stream(r->stream, path, PATIENCE_S, fn, arg, &a, &err);

	if (res == HTTP_CLIENT_E_STATUS)
		res = say_answer(r, &a);
	else if (res) {
		remote_say(&err);
		res = res > 0 ? CMD_UNREACHABLE : CMD_INTERNAL;
	}
	http_answer_done(&a);
	return res;
}
