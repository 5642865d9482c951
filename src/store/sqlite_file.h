/* sqlite_file.h - the directory, the lock, the connections and the schema of a SQLite store
 *
 * All of it blocks; called while the store is opened.
 */
#ifndef STORE_SQLITE_FILE_H
#define STORE_SQLITE_FILE_H

#include "base/err.h"

#include <sqlite3.h>

/* Create `dir` (0700, its parent must exist) and suanlu.db (0600) in it where they
 * are missing, durably; refuse a directory that is not ours alone to write. */
int sqlite_file_prepare(const char *dir, struct err *err);

/* Hold DIR/lock until *ret_fd is closed.  -EBUSY names the process that holds it. */
int sqlite_file_lock(const char *dir, int *ret_fd, struct err *err);

/* A connection for one thread.  *ret is sqlite3_close()d by the caller. */
int sqlite_file_connect(const char *dir, sqlite3 **ret, struct err *err);

/* Bring the file to our schema; -ENOTSUP when it is newer than ours. */
int sqlite_file_migrate(sqlite3 *db, const char *dir, struct err *err);

/* After a failed call on `db`: the words for it, and a -errno. */
int sqlite_file_error(sqlite3 *db, const char *what, struct err *err);

#endif
