/* commits.c - what the disk and SQLite alone allow: the journal's rows, in groups, nothing else
 *
 *   commits DIRECTORY GROUP SECONDS ROWS BYTES
 *
 * Tasks are written as the daemon writes them: ROWS rows of the table `record` with bodies of
 * BYTES each, and one row of `subject`.  GROUP tasks make one transaction.  Same schema, WAL,
 * synchronous FULL, same checkpoints.  Prints tasks per second.
 */

#include <sqlite3.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

extern const char schema_001[];

static sqlite3 *db;
static sqlite3_stmt *begin, *commit, *insert, *open_subject;
static int64_t seq = 1, tasks;

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(int r)
{
	if (r == SQLITE_OK || r == SQLITE_DONE || r == SQLITE_ROW)
		return;
	fprintf(stderr, "commits: %s\n", sqlite3_errmsg(db));
	exit(1);
}

static sqlite3_stmt *prepare(const char *sql)
{
	sqlite3_stmt *s;

	must(sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL));
	return s;
}

static void step(sqlite3_stmt *s)
{
	must(sqlite3_step(s));
	must(sqlite3_reset(s));
}

static void create(const char *dir)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/commits.db", dir);
	must(sqlite3_open(path, &db));
	must(sqlite3_exec(db,
			  "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
			  "PRAGMA wal_autocheckpoint = 4096; PRAGMA journal_size_limit = 67108864;",
			  NULL, NULL, NULL));
	must(sqlite3_exec(db, schema_001, NULL, NULL, NULL));
	begin = prepare("BEGIN IMMEDIATE");
	commit = prepare("COMMIT");
	insert = prepare("INSERT INTO record (seq, at_ms, subject, task, kind, flags, body) "
			 "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
	open_subject = prepare("INSERT INTO subject (no, opened_seq) VALUES (?1, ?2)");
}

static void write_task(int rows, const char *body, int bytes)
{
	int64_t no = ++tasks;

	sqlite3_bind_int64(open_subject, 1, no);
	sqlite3_bind_int64(open_subject, 2, seq);
	step(open_subject);
	for (int k = 0; k < rows; k++) {
		sqlite3_bind_int64(insert, 1, seq++);
		sqlite3_bind_int64(insert, 2, INT64_C(1795424400000) + tasks / 8);
		sqlite3_bind_int64(insert, 3, no);
		sqlite3_bind_int64(insert, 4, k ? no : 0);
		sqlite3_bind_int(insert, 5, k + 1);
		sqlite3_bind_int(insert, 6, k == 0);
		sqlite3_bind_blob(insert, 7, body, bytes, SQLITE_STATIC);
		step(insert);
	}
}

int main(int argc, char **argv)
{
	double began, over;
	int group, rows, bytes;
	char *body;

	if (argc != 6) {
		fprintf(stderr, "usage: commits DIRECTORY GROUP SECONDS ROWS BYTES\n");
		return 2;
	}
	group = atoi(argv[2]);
	rows = atoi(argv[4]);
	bytes = atoi(argv[5]);
	body = malloc((size_t)bytes + 1);
	memset(body, 'x', (size_t)bytes);
	create(argv[1]);
	began = over = now_s();
	for (double end = began + atof(argv[3]); over < end; over = now_s()) {
		step(begin);
		for (int i = 0; i < group; i++)
			write_task(rows, body, bytes);
		step(commit);
	}
	printf("{\"tasks\":%lld,\"per_s\":%.1f}\n", (long long)tasks,
	       (double)tasks / (over - began));
	return 0;
}
