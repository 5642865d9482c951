/* sqlite_file.c - the directory, the lock, the connections and the schema of a SQLite store */

#include "store/sqlite_file.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

enum {
	BUSY_MS = 5000,                 /* only a foreign tool (backup, sqlite3) can make us wait */
	GHOST_MS = 10000, GHOST_STEP_MS = 10,   /* for a child of a dead daemon; on a busy machine */
};

/* src/store/schema/NNN.sql, put into the binary by tools/embed-text. */
extern const char schema_001[], schema_002[], schema_003[];

static const char *const schemas[] = { schema_001, schema_002, schema_003 };

/* The write-ahead log is copied back into the file every 4096 pages (16 MiB): at a
 * thousand pages the checkpoint's own fsyncs show in the commit latency, and much
 * more would be read again at each restart after a crash.  A log that grew while a
 * reader held it is cut back to 64 MiB instead of keeping its largest size for ever. */
static const char settings[] =
	"PRAGMA synchronous = FULL;"
	"PRAGMA wal_autocheckpoint = 4096;"
	"PRAGMA journal_size_limit = 67108864;"
	"PRAGMA temp_store = MEMORY;"
	"PRAGMA trusted_schema = OFF;";

static int join(const char *dir, const char *name, char out[PATH_MAX], struct err *err)
{
	int n = snprintf(out, PATH_MAX, "%s/%s", dir, name);

	if (n < 0 || n >= PATH_MAX)
		return err_set(err, -ENAMETOOLONG, "the path of the store is too long");
	return 0;
}

static int sync_dir(const char *dir, struct err *err)
{
	_cleanup_(mem_closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0) {
		int r = -errno;

		return err_set(err, r, "could not sync directory %s: %s", dir, uv_strerror(r));
	}
	return 0;
}

/* The name of a new directory is durable only once its parent is synced. */
static int sync_parent(const char *dir, struct err *err)
{
	char path[PATH_MAX];
	int r = join(dir, "..", path, err);

	return r ? r : sync_dir(path, err);
}

static int check_dir(const char *dir, struct err *err)
{
	struct stat st;

	if (stat(dir, &st) < 0) {
		int r = -errno;

		return err_set(err, r, "could not look at %s: %s", dir, uv_strerror(r));
	}
	if (!S_ISDIR(st.st_mode))
		return err_set(err, -ENOTDIR, "%s is not a directory", dir);
	if (st.st_uid != geteuid())
		return err_set(err, -EPERM, "directory %s belongs to user %u, not to us (%u)", dir,
			       (unsigned)st.st_uid, (unsigned)geteuid());
	if (st.st_mode & (S_IWGRP | S_IWOTH)) {
		err_set(err, -EPERM, "others may write in directory %s (mode %04o)", dir,
			(unsigned)(st.st_mode & 07777));
		err_hint(err, "chmod 0700 %.180s", dir);
		return -EPERM;
	}
	return 0;
}

static int make_dir(const char *dir, struct err *err)
{
	if (mkdir(dir, 0700) == 0)
		return sync_parent(dir, err);
	if (errno != EEXIST) {
		int r = -errno;

		return err_set(err, r, "could not create directory %s: %s", dir, uv_strerror(r));
	}
	return check_dir(dir, err);
}

int sqlite_file_prepare(const char *dir, struct err *err)
{
	_cleanup_(mem_closep) int fd = -1;
	char path[PATH_MAX];
	int r = make_dir(dir, err);

	if (!r)
		r = join(dir, "suanlu.db", path, err);
	if (r)
		return r;
	/* Made by us and not by SQLite, so that it is never readable by others, not even
	 * for a moment; SQLite gives the -wal and -shm files the same mode. */
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		r = -errno;
		return err_set(err, r, "could not open %s: %s", path, uv_strerror(r));
	}
	return sync_dir(dir, err);
}

static long holder(int fd)
{
	char text[24] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	return n > 0 ? strtol(text, NULL, 10) : 0;
}

/* A daemon that was killed while it started a program may leave that child behind between fork and
 * exec, with the lock.  It is gone in a moment; only a lock of the living is refused at once. */
static int lock_after(int fd)
{
	for (int left_ms = GHOST_MS;; left_ms -= GHOST_STEP_MS) {
		long pid;

		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK)
			return -errno;
		pid = holder(fd);
		if (left_ms <= 0 || pid <= 0 || pid > INT_MAX || kill((pid_t)pid, 0) == 0 ||
		    errno != ESRCH)
			return -EWOULDBLOCK;
		usleep(GHOST_STEP_MS * 1000);
	}
}

static int busy(int fd, const char *dir, struct err *err)
{
	long pid = holder(fd);

	if (pid > 0)
		err_set(err, -EBUSY, "the store in %s is in use by process %ld", dir, pid);
	else
		err_set(err, -EBUSY, "the store in %s is in use by another process", dir);
	err_hint(err, "stop that process first, or give this one a directory of its own");
	return -EBUSY;
}

int sqlite_file_lock(const char *dir, int *ret_fd, struct err *err)
{
	_cleanup_(mem_closep) int fd = -1;
	char path[PATH_MAX];
	int r = join(dir, "lock", path, err);

	if (r)
		return r;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		r = -errno;
		return err_set(err, r, "could not open %s: %s", path, uv_strerror(r));
	}
	r = lock_after(fd);
	if (r == -EWOULDBLOCK)
		return busy(fd, dir, err);
	if (r)
		return err_set(err, r, "could not lock %s: %s", path, uv_strerror(r));
	/* The lock counts, the number is for people: a failure to write it is no reason
	 * to refuse.  The file stays behind; removing it would race with the next opener. */
	if (ftruncate(fd, 0) == 0)
		dprintf(fd, "%ld\n", (long)getpid());
	*ret_fd = fd;
	fd = -1;
	return 0;
}

int sqlite_file_error(sqlite3 *db, const char *what, struct err *err)
{
	int code = sqlite3_extended_errcode(db), sys = sqlite3_system_errno(db);
	const char *why = sqlite3_errmsg(db);
	int r = -EIO;

	switch (code & 0xff) {
	case SQLITE_FULL:
		r = -ENOSPC;
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		r = -EBUSY;
		break;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		/* "disk I/O error" helps nobody when the kernel said which one. */
		if (sys)
			why = uv_strerror(-sys);
		break;
	}
	return err_set(err, r, "could not %s: %s", what, why);
}

static int connect_failed(sqlite3 *db, const char *dir, struct err *err)
{
	int r = sqlite_file_error(db, "read it", err);

	sqlite3_close(db);
	return err_prefix(err, r, "the store %s/suanlu.db is not usable: ", dir);
}

int sqlite_file_connect(const char *dir, sqlite3 **ret, struct err *err)
{
	char path[PATH_MAX];
	sqlite3 *db = NULL;
	int r = join(dir, "suanlu.db", path, err);

	if (r)
		return r;
	r = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (!db)
		return err_set(err, -ENOMEM, "out of memory");
	sqlite3_extended_result_codes(db, 1);
	sqlite3_busy_timeout(db, BUSY_MS);
	if (r == SQLITE_OK)
		r = sqlite3_exec(db, settings, NULL, NULL, NULL);
	if (r != SQLITE_OK)
		return connect_failed(db, dir, err);
	*ret = db;
	return 0;
}

/* The first column of the only row, as text of at most 15 bytes. */
static int ask(sqlite3 *db, const char *sql, char out[16], struct err *err)
{
	sqlite3_stmt *st = NULL;
	int r = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

	if (r == SQLITE_OK)
		r = sqlite3_step(st);
	if (r == SQLITE_ROW)
		snprintf(out, 16, "%s", (const char *)sqlite3_column_text(st, 0));
	r = r == SQLITE_ROW ? 0 : sqlite_file_error(db, "read the schema of the store", err);
	sqlite3_finalize(st);
	return r;
}

/* All of one script and its number, or nothing. */
static int apply(sqlite3 *db, unsigned number, struct err *err)
{
	char head[] = "BEGIN EXCLUSIVE", tail[64], what[64];
	int r = sqlite3_exec(db, head, NULL, NULL, NULL);

	snprintf(tail, sizeof(tail), "PRAGMA user_version = %u; COMMIT", number);
	snprintf(what, sizeof(what), "bring the store to schema %u", number);
	if (r == SQLITE_OK)
		r = sqlite3_exec(db, schemas[number - 1], NULL, NULL, NULL);
	if (r == SQLITE_OK)
		r = sqlite3_exec(db, tail, NULL, NULL, NULL);
	if (r == SQLITE_OK)
		return 0;
	r = sqlite_file_error(db, what, err);
	if (!sqlite3_get_autocommit(db))
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

int sqlite_file_migrate(sqlite3 *db, const char *dir, struct err *err)
{
	char text[16];
	long have;
	int r = ask(db, "PRAGMA user_version", text, err);

	if (r)
		return err_prefix(err, r, "the store %s/suanlu.db is not usable: ", dir);
	have = strtol(text, NULL, 10);
	/* Before anything is changed: the newer program must find its file as it left it. */
	if (have < 0 || have > (long)ARRAY_LEN(schemas)) {
		err_set(err, -ENOTSUP, "the store in %s has schema %ld, newer than ours (%zu)",
			dir, have, ARRAY_LEN(schemas));
		err_hint(err, "install the version that made it, or use another directory");
		return -ENOTSUP;
	}
	r = ask(db, "PRAGMA journal_mode = WAL", text, err);
	if (r)
		return r;
	if (strcmp(text, "wal") != 0)
		return err_set(err, -ENOTSUP, "the file system of %s cannot hold a write-ahead log",
			       dir);
	for (unsigned n = (unsigned)have + 1; n <= ARRAY_LEN(schemas) && !r; n++)
		r = apply(db, n, err);
	return r;
}
