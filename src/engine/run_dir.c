/* run_dir.c - the directory of one run on this machine, as the daemon sees it
 *
 * Nothing is synced here.  The journal knew of the run before we were asked, and after
 * a crash of the machine no process of it is left: a directory that is missing, empty
 * or half written then means "not started", which is true.  Only `started` and
 * `exit.json` must survive, and these the shim writes.
 */

#include "engine/run_dir.h"

#include "base/mem.h"
#include "domain/wire.h"
#include "engine/wrapper.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef int (*put_fn)(int fd, const char *name, const char *text, size_t n,
		      const struct limits *owner);

enum {
	EXIT_JSON_MAX = 4096, PATH_LEN = RUN_ID_MAX + 32,
	LOG_READ_MAX = 1 << 20,
	OUTPUTS_MAX = TASK_IO_MAX * 96,         /* of a line: 3 + 19 + 64 digits, blanks */
};

bool run_id_ok(const char *run_id)
{
	size_t n = strspn(run_id, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 0 && n <= RUN_ID_MAX && !run_id[n];
}

static const char *path_of(char out[PATH_LEN], const char *run_id, const char *file)
{
	snprintf(out, PATH_LEN, "%s/%s", run_id, file);
	return out;
}

static int write_all(int f, const char *text, size_t n)
{
	for (ssize_t w; n; text += w, n -= (size_t)w) {
		w = write(f, text, n);
		if (w <= 0)
			return w < 0 ? -errno : -ENOSPC;
	}
	return 0;
}

/* Owned by the run's user where there is one and `owner` is given. */
static int put(int fd, const char *name, const char *text, size_t n, const struct limits *owner)
{
	_cleanup_(mem_closep) int f =
		openat(fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int r = f < 0 ? -errno : write_all(f, text, n);

	if (r == 0 && owner && owner->uid >= 0 &&
	    fchown(f, (uid_t)owner->uid, (gid_t)owner->gid) < 0)
		r = -errno;
	return r;
}

/* By a new name and rename, for a directory that was there before: a shim that an earlier
 * life of ours has just started may be reading the same file. */
static int put_again(int fd, const char *name, const char *text, size_t n,
		     const struct limits *owner)
{
	char tmp[32];
	int r;

	snprintf(tmp, sizeof(tmp), "%s.new", name);
	r = put(fd, tmp, text, n, owner);
	if (r == 0 && renameat(fd, tmp, fd, name) < 0)
		r = -errno;
	return r;
}

static int put_job(int fd, put_fn put_file, const struct run_spec *r, const struct limits *l,
		   struct err *err)
{
	struct buf b;
	int e;

	buf_init(&b, WRAPPER_MAX);
	e = wrapper_write(r, &b, err);
	if (e == 0) {
		e = put_file(fd, "job.sh", b.data, b.len, l);
		if (e < 0)
			err_set(err, e, "could not write job.sh: %s", strerror(-e));
	}
	buf_done(&b);
	return e;
}

static int put_limits(int fd, put_fn put_file, const struct limits *l)
{
	char text[LIMITS_TEXT_MAX];
	int r = limits_format(l, text, sizeof(text));

	return r < 0 ? r : put_file(fd, "limits", text, strlen(text), NULL);
}

/* With a user of its own the job may pass through the run's directory to work/, and write
 * there and to what it tells of transfers only: its end is the shim's to tell. */
static int make_dirs(int dirfd, const char *run_id, const struct limits *l, int *ret,
		     put_fn *ret_put)
{
	static const char *const theirs[] = { "phase", "why", "outputs" };
	bool other = l->uid >= 0;
	int fd;

	*ret_put = put;
	if (mkdirat(dirfd, run_id, other ? 0711 : 0700) < 0) {
		if (errno != EEXIST)
			return -errno;
		*ret_put = put_again;
	}
	fd = openat(dirfd, run_id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret = fd;
	if (mkdirat(fd, "work", 0700) < 0 && errno != EEXIST)
		return -errno;
	if (!other)
		return 0;
	if (fchmod(fd, 0711) < 0 || fchownat(fd, "work", (uid_t)l->uid, (gid_t)l->gid, 0) < 0)
		return -errno;
	for (unsigned i = 0; i < ARRAY_LEN(theirs); i++) {
		int r = (*ret_put)(fd, theirs[i], "", 0, l);

		if (r < 0)
			return r;
	}
	return 0;
}

int run_dir_write(int dirfd, const struct run_spec *r, const struct limits *l, struct err *err)
{
	_cleanup_(mem_closep) int fd = -1;
	put_fn put_file;
	int e = make_dirs(dirfd, r->run_id, l, &fd, &put_file);

	if (e == 0 && r->spec->script)
		e = put_file(fd, "script", r->spec->script, strlen(r->spec->script), l);
	if (e == 0)
		e = put_limits(fd, put_file, l);
	if (e < 0)
		return err_set(err, e, "could not write the directory of the run: %s",
			       strerror(-e));
	return put_job(fd, put_file, r, l, err);
}

/* Who holds the lock; 0: nobody, -1: a process that we cannot see (of another container). */
static pid_t holder(int dirfd, const char *run_id)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[PATH_LEN];
	_cleanup_(mem_closep) int fd =
		openat(dirfd, path_of(path, run_id, "lock"), O_RDWR | O_CLOEXEC);

	if (fd < 0 || fcntl(fd, F_GETLK, &fl) < 0 || fl.l_type == F_UNLCK)
		return 0;
	return fl.l_pid > 0 ? fl.l_pid : -1;
}

static bool have(int dirfd, const char *run_id, const char *file)
{
	char path[PATH_LEN];

	return faccessat(dirfd, path_of(path, run_id, file), F_OK, 0) == 0;
}

/* The lock is asked first: a shim writes exit.json before it lets go. */
enum run_dir_state run_dir_look(int dirfd, const char *run_id, pid_t *ret_holder)
{
	*ret_holder = 0;
	if (!run_id_ok(run_id) || !have(dirfd, run_id, "."))
		return RUN_DIR_ABSENT;
	*ret_holder = holder(dirfd, run_id);
	if (*ret_holder)
		return RUN_DIR_HELD;
	if (have(dirfd, run_id, "exit.json"))
		return RUN_DIR_ENDED;
	return have(dirfd, run_id, "started") ? RUN_DIR_LOST : RUN_DIR_NEW;
}

int run_dir_text(int dirfd, const char *run_id, const char *file, char *out, size_t size)
{
	char path[PATH_LEN];
	_cleanup_(mem_closep) int fd =
		openat(dirfd, path_of(path, run_id, file), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		return -EINVAL; /* a pipe that a job put there would let us wait for ever */
	n = read(fd, out, size - 1);
	if (n < 0)
		return -errno;
	out[n] = '\0';
	return 0;
}

int run_dir_started(int dirfd, const char *run_id, int64_t *ret_ms)
{
	char text[64];
	int r = run_dir_text(dirfd, run_id, "started", text, sizeof(text));

	if (r < 0)
		return r;
	if (sscanf(text, "%*d %" SCNd64, ret_ms) != 1)
		*ret_ms = 0;
	return 0;
}

static const char *const end_names[] = {
	[RUN_END_NONE] = "", [RUN_END_EXIT] = "exit", [RUN_END_SIGNAL] = "signal",
	[RUN_END_WALLTIME] = "walltime",
	[RUN_END_MEMORY] = "memory", [RUN_END_STOPPED] = "stopped",
	[RUN_END_NOT_STARTED] = "not_started", NULL
};

static const char *const phase_names[] = {
	[PHASE_NONE] = "none", [PHASE_INPUT] = "input", [PHASE_COMMAND] = "command",
	[PHASE_OUTPUT] = "output", NULL
};

static int decode(const json_t *json, struct engine_event *ev, const char **text,
		  struct arena *arena, struct err *err)
{
	unsigned end = 0, phase = 0;
	int64_t code = 0, started = 0;
	uint64_t peak = 0;
	struct dec d;

	dec_begin(&d, json, "", NULL, arena, err);
	dec_enum(&d, "end", DEC_NEED, end_names, &end);
	dec_enum(&d, "phase", DEC_NEED, phase_names, &phase);
	dec_i64(&d, "exit_code", DEC_NEED, 0, 255, &code);
	dec_i64(&d, "ended_ms", DEC_NEED, 0, INT64_MAX, &ev->at_ms);
	dec_i64(&d, "started_ms", DEC_OPT, 0, INT64_MAX, &started);
	dec_i64(&d, "run_ms", DEC_OPT, 0, INT64_MAX, &ev->usage.run_ms);
	dec_i64(&d, "cpu_ms", DEC_OPT, 0, INT64_MAX, &ev->usage.cpu_ms);
	dec_u64(&d, "memory_peak", DEC_OPT, 0, INT64_MAX, &peak);
	dec_u64(&d, "out_bytes", DEC_OPT, 0, INT64_MAX, &ev->usage.out_bytes);
	dec_u64(&d, "out_dropped", DEC_OPT, 0, INT64_MAX, &ev->usage.out_dropped);
	dec_str(&d, "text", DEC_OPT, 0, 512, text);
	ev->end = (enum run_end)end;
	ev->phase = (enum run_phase)phase;
	ev->exit_code = (int)code;
	ev->usage.memory_peak_mb = (peak + (1 << 20) - 1) >> 20;
	return dec_end(&d);
}

/* A file that belongs to the job's user, who may have put anything there: only a plain one counts. */
static void get_theirs(int dirfd, const char *run_id, const char *file, char *text, size_t size)
{
	_cleanup_(mem_closep) int dir =
		openat(dirfd, run_id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_(mem_closep) int fd = dir < 0 ? -1 :
		openat(dir, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	ssize_t n = -1;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1)
		n = read(fd, text, size - 1);
	text[n > 0 ? n : 0] = '\0';
}

/* Why a transfer failed, in the words of job.sh, if it is words. */
static void get_why(int dirfd, const char *run_id, char *text, size_t size)
{
	get_theirs(dirfd, run_id, "why", text, size);
	text[strcspn(text, "\n")] = '\0';
	if (wire_printable(text))
		text[0] = '\0';
}

/* "3 1024 <sha256>", or "3  " of a directory; NULL: neither.  The rest of the text. */
static const char *parse_output(const char *p, struct run_output *ret)
{
	uint64_t no = 0, size = 0;

	*ret = (struct run_output){ .tree = true };
	for (; *p >= '0' && *p <= '9' && no <= TASK_IO_MAX; p++)
		no = no * 10 + (uint64_t)(*p - '0');
	if (no < 1 || no > TASK_IO_MAX || *p++ != ' ')
		return NULL;
	ret->no = (uint32_t)no - 1;
	if (!strncmp(p, " \n", 2))
		return p + 2;
	if (*p < '0' || *p > '9')
		return NULL;
	for (; *p >= '0' && *p <= '9' && size < TASK_BYTES_MAX; p++)
		size = size * 10 + (uint64_t)(*p - '0');
	if (size > TASK_BYTES_MAX || *p++ != ' ' || strcspn(p, "\n") != 64 || p[64] != '\n')
		return NULL;
	memcpy(ret->sha256, p, 64);
	ret->size = size;
	ret->tree = false;
	return wire_sha256(ret->sha256) ? NULL : p + 65;
}

int run_outputs_parse(const char *text, struct run_output **ret, uint32_t *ret_n)
{
	struct run_output *list = mem_array(TASK_IO_MAX, sizeof(*list));
	uint32_t n = 0;

	while (text && *text && n < TASK_IO_MAX) {
		text = parse_output(text, &list[n]);
		if (text && n && list[n].no <= list[n - 1].no)
			text = NULL;
		n++;
	}
	if (!text || *text) {
		free(list);
		return 1;
	}
	*ret = list;
	*ret_n = n;
	return 0;
}

static void get_outputs(int dirfd, const char *run_id, struct engine_event *ev)
{
	_cleanup_(mem_freep) char *text = mem_alloc(OUTPUTS_MAX);
	struct run_output *list;

	get_theirs(dirfd, run_id, "outputs", text, OUTPUTS_MAX);
	if (*text && run_outputs_parse(text, &list, &ev->noutputs) == 0)
		ev->outputs = list;
}

int run_dir_result(int dirfd, const char *run_id, struct engine_event *ev, char *text,
		   size_t size, struct err *err)
{
	char raw[EXIT_JSON_MAX], *begin;
	const char *words = "";
	struct arena arena;
	json_t *json = NULL;
	int r = run_dir_text(dirfd, run_id, "exit.json", raw, sizeof(raw));

	if (r < 0)
		return err_set(err, r, "could not read exit.json: %s", strerror(-r));
	begin = strchr(raw, '{');       /* a batch script's `times` stands before it */
	if (!begin)
		begin = raw;
	r = json_parse(begin, strlen(begin), &json, err);
	if (r)
		return r;
	arena_init(&arena);
	r = decode(json, ev, &words, &arena, err);
	if (r == 0)
		snprintf(text, size, "%s", words);
	if (r == 0 && ev->exit_code && !*text &&
	    (ev->phase == PHASE_INPUT || ev->phase == PHASE_OUTPUT))
		get_why(dirfd, run_id, text, size);
	if (r == 0 && ev->phase == PHASE_OUTPUT)
		get_outputs(dirfd, run_id, ev);
	arena_done(&arena);
	json_decref(json);
	return r;
}

int run_log_read(int fd, uint64_t offset, uint64_t size, struct buf *out)
{
	uint64_t want = offset < size ? size - offset : 0;
	char *data;
	ssize_t n;

	if (want > out->max - out->len)
		want = out->max - out->len;
	if (want > LOG_READ_MAX)
		want = LOG_READ_MAX;
	if (!want)
		return 0;
	data = mem_alloc(want);
	n = pread(fd, data, want, (off_t)offset);
	if (n > 0)
		buf_add(out, data, (size_t)n);
	free(data);
	return n < 0 ? -EIO : 0;
}

int run_dir_limits(int dirfd, const char *run_id, struct limits *ret)
{
	_cleanup_(mem_closep) int fd =
		openat(dirfd, run_id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : limits_load(fd, ret);
}

static int put_small(int dirfd, const char *run_id, const char *name, const char *text)
{
	char path[PATH_LEN];

	return put(dirfd, path_of(path, run_id, name), text, strlen(text), NULL);
}

int run_dir_put_stop(int dirfd, const char *run_id, unsigned grace_ms)
{
	char text[16];

	snprintf(text, sizeof(text), "%u\n", grace_ms);
	return put_small(dirfd, run_id, "stop", text);
}

int run_dir_put_settled(int dirfd, const char *run_id)
{
	return put_small(dirfd, run_id, "settled", "");
}
