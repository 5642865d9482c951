/* slurm_conf.c - the options of a Slurm pool, and its token */

#include "engine/slurm_conf.h"

#include "base/keyfile.h"
#include "base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static void check_address(struct dec *d, struct slurm_conf *c)
{
	if (!c->base && !c->socket)
		dec_fail(d, "url", "is needed, such as http://127.0.0.1:6820, or a socket");
	else if (c->base && c->socket)
		dec_fail(d, "socket", "goes without url");
	else if (c->socket && c->socket[0] != '/')
		dec_fail(d, "socket", "must be an absolute path");
	else if (c->base && strncasecmp(c->base, "http://", 7) &&
		 strncasecmp(c->base, "https://", 8))
		dec_fail(d, "url", "must begin with http:// or https://");
	else if (c->base && (strpbrk(c->base, " \t\"\\?#@") ||
			     strchr(strstr(c->base, "//") + 2, '/')))
		dec_fail(d, "url", "is host and port only, without a path");
	if (c->socket)
		c->base = "http://localhost";
}

static bool word_ok(const char *s)
{
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("-_.:", *s))
			return false;
	return true;
}

static void check_words(struct dec *d, const struct slurm_conf *c)
{
	if (!word_ok(c->user))
		dec_fail(d, "user", "is not the name of a user");
	if (c->dir && (c->dir[0] != '/' || strpbrk(c->dir, "'\"%\\\n")))
		dec_fail(d, "dir", "must be an absolute path without quotes and %%");
	for (uint32_t i = 0; i < c->npartitions; i++)
		if (!word_ok(c->partitions[i]))
			dec_fail(d, "partitions", "must be names of partitions");
	for (uint32_t i = 0; i < c->ngres; i++)
		if (!word_ok(c->gres[2 * i + 1]))
			dec_fail(d, "gres", "must map our names to such as \"gpu:a100\"");
}

static void decode(struct dec *d, struct slurm_conf *c)
{
	dec_str(d, "url", DEC_OPT, 8, 1000, &c->base);
	dec_str(d, "socket", DEC_OPT, 1, 107, &c->socket);
	dec_str(d, "user", DEC_NEED, 1, 63, &c->user);
	dec_str(d, "token_file", DEC_NEED, 1, 4000, &c->token_file);
	dec_strs(d, "partitions", DEC_OPT, SLURM_PARTITIONS_MAX, 63, &c->partitions,
		 &c->npartitions);
	dec_str(d, "account", DEC_OPT, 1, 127, &c->account);
	dec_str(d, "qos", DEC_OPT, 1, 127, &c->qos);
	dec_str(d, "constraint", DEC_OPT, 1, 500, &c->constraint);
	dec_pairs(d, "gres", DEC_OPT, SLURM_GRES_MAX, 127, &c->gres, &c->ngres);
	dec_str(d, "dir", DEC_OPT, 1, 3000, &c->dir);
	dec_str(d, "ca_file", DEC_OPT, 1, 4000, &c->ca_file);
	dec_u32(d, "poll_ms", DEC_OPT, 50, 60000, &c->poll_ms);
	dec_u32(d, "connections", DEC_OPT, 1, 64, &c->connections);
	dec_u32(d, "queue_max", DEC_OPT, 0, 100000, &c->queue_max);
	dec_u32(d, "ahead_s", DEC_OPT, 0, 30 * 86400, &c->ahead_s);
	dec_u32(d, "down_s", DEC_OPT, 1, 86400, &c->down_s);
	dec_u32(d, "fence_s", DEC_OPT, 0, 30 * 86400, &c->fence_s);
	dec_u32(d, "hold_s", DEC_OPT, 1, 30 * 86400, &c->hold_s);
	dec_i64(d, "keep_runs_s", DEC_OPT, 0, 10LL * 366 * 86400, &c->keep_runs_s);
	if (d->r)
		return;
	check_address(d, c);
	check_words(d, c);
}

/* The cluster's user has the same number here, or the shared directory would not work either. */
static uid_t uid_of(const char *user)
{
	const struct passwd *pw = geteuid() ? NULL : getpwnam(user);

	return pw ? pw->pw_uid : 0;
}

int slurm_conf_read(const json_t *options, struct slurm_conf *c, struct err *err)
{
	json_t *none = json_object();
	struct dec d;
	int r;

	*c = (struct slurm_conf){
		.account = "", .qos = "", .constraint = "", .poll_ms = 1000, .connections = 4,
		.queue_max = 500, .ahead_s = 3, .down_s = 15, .fence_s = 60, .hold_s = 60,
		.keep_runs_s = 7 * 86400,
	};
	arena_init(&c->arena);
	dec_begin(&d, options ? options : none, "", NULL, &c->arena, err);
	decode(&d, c);
	r = dec_end(&d);
	if (!r)
		c->uid = uid_of(c->user);
	json_decref(none);
	return r;
}

void slurm_conf_done(struct slurm_conf *c)
{
	explicit_bzero(c->token, sizeof(c->token));
	arena_done(&c->arena);
}

/* ---- the token ---- */

static const char *zh_of(int r)
{
	switch (r) {
	case -ENOENT:
		return "令牌文件（token_file）不存在";
	case KEYFILE_E_NAME:
		return "令牌文件（token_file）的名称无效，或没有可用的凭据目录";
	case KEYFILE_E_KIND:
		return "令牌文件（token_file）不是普通文件";
	case KEYFILE_E_OPEN:
		return "令牌文件（token_file）可被他人读取或修改：请改为属于守护进程用户并 chmod 600";
	case KEYFILE_E_OWNER:
		return "令牌文件（token_file）属于其他用户：请改为属于守护进程用户并 chmod 600";
	default:
		return "无法打开令牌文件（token_file）";
	}
}

/* "eyJ…", or as scontrol prints it: "SLURM_JWT=eyJ…".  A blank, and anything that could end a
 * header line, is no part of a token. */
static int take(struct slurm_conf *c, char *text, struct err *err)
{
	char *p = text;
	size_t n;

	if (!strncmp(p, "SLURM_JWT=", 10))
		p += 10;
	n = strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/");
	c->token_zh = "令牌文件（token_file）中没有有效的令牌";
	if (!n || p[n + strspn(p + n, " \t\r\n")])
		return err_field(err, "token_file", "%s does not hold a token", c->token_file);
	p[n] = '\0';
	memmove(c->token, p, n + 1);
	return 0;
}

int slurm_conf_token(struct slurm_conf *c, struct err *err)
{
	_cleanup_(mem_closep) int fd = -1;
	char text[SLURM_TOKEN_MAX];
	int64_t mtime_ns;
	struct stat st;
	struct err why;
	ssize_t n;
	int r = keyfile_open(c->token_file, &fd, &st, &why);

	if (r) {
		c->token_zh = zh_of(r);
		err_field(err, "token_file", "%s", why.text);
		err_hint(err, "%s", why.hint);
		return r < 0 ? r : ERR_E_INPUT;
	}
	c->token_zh = NULL;
	mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	if (c->token[0] && st.st_dev == c->dev && st.st_ino == c->ino && st.st_size == c->size &&
	    mtime_ns == c->mtime_ns)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	r = take(c, text, err);
	explicit_bzero(text, sizeof(text));
	if (r)
		return r;
	c->token_zh = NULL;
	c->dev = st.st_dev;
	c->ino = st.st_ino;
	c->size = st.st_size;
	c->mtime_ns = mtime_ns;
	return 0;
}

/* ---- names of devices ---- */

const char *slurm_conf_theirs(const struct slurm_conf *c, const char *ours)
{
	for (uint32_t i = 0; i < c->ngres; i++)
		if (!strcmp(c->gres[2 * i], ours))
			return c->gres[2 * i + 1];
	return NULL;
}

const char *slurm_conf_ours(const struct slurm_conf *c, const char *theirs)
{
	for (uint32_t i = 0; i < c->ngres; i++)
		if (!strcasecmp(c->gres[2 * i + 1], theirs))
			return c->gres[2 * i];
	return NULL;
}
