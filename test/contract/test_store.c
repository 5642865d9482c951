/* test_store.c - what every store promises, asked of each of them */

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

enum { SEEN_MAX = 20000, GUARD_MS = 20000, CUTS = 20 };

struct seen {
	uint64_t seq, subject, task;
	int64_t at_ms;
	uint32_t kind;
	bool opens, closes, lasts, checkpoint, alone;
	size_t len;
	char head[64];
};

static const char *const files[] = { "suanlu.db", "suanlu.db-wal", "suanlu.db-shm", "lock" };

struct box {
	uv_loop_t loop;
	struct store *store;
	bool on_disk;
	char dir[128];
	uint64_t durable;
	unsigned reports, troubles, recoveries;
	int64_t failing_ms;
	bool went_back;
	struct seen *seen;
	unsigned nseen, stop_after;
	int ends, end_r;
};

/* ---- the box ---- */

/* While `on`, no file may be written: every write of this process gives EFBIG. */
static void forbid_writes(bool on)
{
	static struct rlimit before;
	static bool is_on;
	struct rlimit none;

	if (on == is_on)
		return;
	is_on = on;
	if (on) {
		signal(SIGXFSZ, SIG_IGN);
		getrlimit(RLIMIT_FSIZE, &before);
		none = (struct rlimit){ 0, before.rlim_max };
		setrlimit(RLIMIT_FSIZE, &none);
	} else {
		setrlimit(RLIMIT_FSIZE, &before);
	}
}

static void fail_commits(struct box *b, bool on)
{
	if (b->on_disk)
		forbid_writes(on);
	else
		store_memory_fail(b->store, on ? UINT32_MAX : 0);
}

static void on_durable(void *arg, uint64_t seq)
{
	struct box *b = arg;

	b->went_back |= seq <= b->durable;
	b->durable = seq;
	b->reports++;
}

static void on_trouble(void *arg, const char *text, int64_t failing_ms)
{
	struct box *b = arg;

	assert_true(text[0] != '\0');
	if (failing_ms)
		b->troubles++;
	else
		b->recoveries++;
	b->failing_ms = failing_ms;
}

static int open_in(struct box *b, struct store **ret, struct err *err)
{
	struct store_events ev = { .arg = b, .durable = on_durable, .trouble = on_trouble };

	if (b->on_disk)
		return store_sqlite_open(&b->loop, b->dir, &ev, ret, err);
	return store_memory_open(&b->loop, &ev, ret, err);
}

static void open_store(struct box *b)
{
	struct err err = { .text = "" };
	int r = open_in(b, &b->store, &err);

	if (r)
		fail_msg("open: %d, %s", r, err.text);
}

static int box_new(void **state, bool on_disk)
{
	struct box *b = mem_alloc(sizeof(*b));

	b->on_disk = on_disk;
	b->seen = mem_array(SEEN_MAX, sizeof(*b->seen));
	uv_loop_init(&b->loop);
	snprintf(b->dir, sizeof(b->dir), "/tmp/suanlu-store-XXXXXX");
	if (!mkdtemp(b->dir))
		return -1;
	*state = b;
	open_store(b);
	return 0;
}

static int box_memory(void **state)
{
	return box_new(state, false);
}

static int box_sqlite(void **state)
{
	return box_new(state, true);
}

static const char *in_dir(const struct box *b, const char *name)
{
	static char path[160];

	snprintf(path, sizeof(path), "%s/%s", b->dir, name);
	return path;
}

static void close_store(struct box *b)
{
	if (b->store)
		b->store = b->store->ops->free(b->store);
	uv_run(&b->loop, UV_RUN_DEFAULT);
}

static int box_free(void **state)
{
	struct box *b = *state;
	int r;

	forbid_writes(false);
	close_store(b);
	umount2(b->dir, MNT_DETACH);    /* fails where nothing is mounted */
	r = uv_loop_close(&b->loop);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		unlink(in_dir(b, files[i]));
	rmdir(b->dir);
	free(b->seen);
	free(b);
	return r;
}

/* A memory store cannot be opened again; it replays what it has. */
static void reopen(struct box *b)
{
	if (!b->on_disk)
		return;
	close_store(b);
	open_store(b);
}

/* Not UV_RUN_ONCE: it may run the timer we wait for and then sleep for something else. */
static void turn(struct box *b)
{
	if (!uv_run(&b->loop, UV_RUN_NOWAIT))
		fail_msg("the loop has nothing to wait for");
	usleep(500);
}

#define turn_while(b, cond) do { \
	int64_t until_ = clock_mono_ms() + GUARD_MS; \
	while (cond) { \
		if (clock_mono_ms() > until_) \
			fail_msg("still so after %d s: %s", GUARD_MS / 1000, #cond); \
		turn(b); \
	} \
} while (0)

static void turn_until_durable(struct box *b, uint64_t seq)
{
	turn_while(b, b->durable < seq);
}

static void turn_for(struct box *b, int64_t ms)
{
	for (int64_t until = clock_mono_ms() + ms; clock_mono_ms() < until; )
		turn(b);
}

static uint64_t put(struct box *b, struct store_row row)
{
	if (!row.body)
		row.body = "";
	b->store->ops->append(b->store, &row);
	return row.seq;
}

static uint64_t put_node(struct box *b, const char *body)
{
	return put(b, (struct store_row){ .at_ms = 5, .kind = 1, .body = body,
					  .body_len = strlen(body) });
}

static uint64_t put_open(struct box *b, uint64_t no)
{
	return put(b, (struct store_row){ .at_ms = 10, .subject = no, .kind = 2, .opens = true,
					  .body = "open", .body_len = 4 });
}

static uint64_t put_task(struct box *b, uint64_t no, uint64_t task)
{
	return put(b, (struct store_row){ .at_ms = 11, .subject = no, .task = task, .kind = 3 });
}

static uint64_t put_close(struct box *b, uint64_t no, int64_t at_ms)
{
	return put(b, (struct store_row){ .at_ms = at_ms, .subject = no, .kind = 4,
					  .closes = true });
}

static int see(void *arg, const struct store_row *row)
{
	struct box *b = arg;
	struct seen *s = &b->seen[b->nseen];

	assert_true(b->nseen < SEEN_MAX);
	*s = (struct seen){
		.seq = row->seq, .subject = row->subject, .task = row->task, .at_ms = row->at_ms,
		.kind = row->kind, .opens = row->opens, .closes = row->closes, .lasts = row->lasts,
		.checkpoint = row->checkpoint, .alone = row->alone, .len = row->body_len,
	};
	memcpy(s->head, row->body, row->body_len < 64 ? row->body_len : 64);
	b->nseen++;
	return b->stop_after && b->nseen == b->stop_after ? 77 : 0;
}

static void ended(void *arg, int r)
{
	struct box *b = arg;

	b->ends++;
	b->end_r = r;
}

static unsigned replay(struct box *b, unsigned recent)
{
	struct err err = { .text = "" };

	b->nseen = 0;
	assert_int_equal(b->store->ops->replay(b->store, recent, see, b, &err), 0);
	return b->nseen;
}

static unsigned read_rows(struct box *b, uint64_t subject, uint64_t task, uint64_t after,
			  unsigned max)
{
	b->nseen = 0;
	b->ends = 0;
	b->store->ops->read(b->store, subject, task, after, max, see, ended, b);
	assert_int_equal(b->ends, 0);
	turn_while(b, !b->ends);
	assert_int_equal(b->ends, 1);
	return b->nseen;
}

/* Which subjects the rows seen belong to, as a string of digits. */
static const char *subjects(const struct box *b)
{
	static char text[64];
	size_t n = 0;

	for (unsigned i = 0; i < b->nseen && n < sizeof(text) - 1; i++)
		text[n++] = (char)('0' + b->seen[i].subject);
	text[n] = '\0';
	return text;
}

/* ---- for every store ---- */

static void an_empty_store_replays_nothing(void **state)
{
	struct box *b = *state;

	assert_int_equal(replay(b, 10), 0);
	assert_int_equal(b->store->ops->subject_of(b->store, 5), 0);
	assert_int_equal(b->store->ops->pending(b->store), 0);
	assert_int_equal(read_rows(b, UINT64_MAX, 0, 0, 10), 0);
	assert_int_equal(b->end_r, 0);
}

static void rows_come_back_in_order_after_reopen(void **state)
{
	struct box *b = *state;

	for (uint64_t no = 1; no <= 500; no++) {
		assert_int_equal(put_open(b, no), 2 * no - 1);
		assert_int_equal(put_task(b, (no + 1) / 2, no), 2 * no);
	}
	turn_until_durable(b, 1000);
	reopen(b);
	assert_int_equal(replay(b, 0), 1000);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(b->seen[i].seq, i + 1);
}

static void numbers_go_on_where_they_ended(void **state)
{
	struct box *b = *state;

	turn_until_durable(b, put_node(b, "a"));
	reopen(b);
	assert_int_equal(put_node(b, "b"), 2);
	turn_until_durable(b, 2);
	reopen(b);
	assert_int_equal(replay(b, 0), 2);
}

static void a_row_keeps_every_field_and_every_byte(void **state)
{
	struct box *b = *state;
	static const char body[] = "nul\0in\377the\0middle";
	struct store_row row = {
		.at_ms = 1795425302120, .subject = 1ull << 40, .task = (1ull << 40) + 7,
		.kind = UINT32_MAX, .opens = true, .closes = true, .body = body,
		.body_len = sizeof(body),
	};

	turn_until_durable(b, put(b, row));
	reopen(b);
	assert_int_equal(replay(b, 1), 1);
	assert_int_equal(b->seen[0].at_ms, row.at_ms);
	assert_int_equal(b->seen[0].subject, row.subject);
	assert_int_equal(b->seen[0].task, row.task);
	assert_int_equal(b->seen[0].kind, row.kind);
	assert_true(b->seen[0].opens && b->seen[0].closes);
	assert_int_equal(b->seen[0].len, sizeof(body));
	assert_memory_equal(b->seen[0].head, body, sizeof(body));
}

static void an_empty_body_and_the_largest_body_are_kept(void **state)
{
	struct box *b = *state;
	char *body = mem_alloc(STORE_BODY_MAX);

	memset(body, 'x', STORE_BODY_MAX);
	put_node(b, "");
	put(b, (struct store_row){ .body = body, .body_len = STORE_BODY_MAX });
	memset(body, 'y', STORE_BODY_MAX);      /* the store has its own copy */
	free(body);
	turn_until_durable(b, 2);
	assert_int_equal(read_rows(b, UINT64_MAX, 0, 0, 9), 2);
	assert_int_equal(b->seen[0].len, 0);
	assert_int_equal(b->seen[1].len, STORE_BODY_MAX);
	assert_int_equal(b->seen[1].head[63], 'x');
}

static void a_closed_subject_is_not_replayed(void **state)
{
	struct box *b = *state;

	put_node(b, "n");
	put_open(b, 1);
	put_open(b, 2);
	put_open(b, 3);
	put_close(b, 1, 100);
	turn_until_durable(b, put_node(b, "n"));
	reopen(b);
	replay(b, 0);
	assert_string_equal(subjects(b), "0230");
}

static void only_the_subjects_closed_last_are_replayed(void **state)
{
	struct box *b = *state;

	for (uint64_t no = 1; no <= 5; no++)
		put_open(b, no);
	put_close(b, 3, 100);
	put_close(b, 1, 200);
	put_close(b, 2, 300);
	turn_until_durable(b, 8);
	reopen(b);
	replay(b, 2);
	assert_string_equal(subjects(b), "124512");
	replay(b, 9);
	assert_string_equal(subjects(b), "12345312");
}

static void the_newest_subject_is_replayed_even_when_long_closed(void **state)
{
	struct box *b = *state;

	for (uint64_t no = 1; no <= 4; no++)
		put_open(b, no);
	put_close(b, 4, 100);
	put_close(b, 1, 200);
	turn_until_durable(b, put_close(b, 2, 300));
	reopen(b);
	replay(b, 1);
	assert_string_equal(subjects(b), "23442");
}

static void rows_of_the_node_from_before_the_oldest_open_subject_are_replayed(void **state)
{
	struct box *b = *state;

	put_node(b, "early");
	put_open(b, 1);
	put_close(b, 1, 20);
	put_node(b, "middle");
	put_open(b, 2);
	turn_until_durable(b, put_node(b, "late"));
	reopen(b);
	replay(b, 0);
	assert_string_equal(subjects(b), "0020");
	assert_memory_equal(b->seen[0].head, "early", 5);
	assert_memory_equal(b->seen[3].head, "late", 4);
}

static void a_walk_stops_when_the_caller_says_so(void **state)
{
	struct box *b = *state;

	put_node(b, "1");
	put_node(b, "2");
	turn_until_durable(b, put_node(b, "3"));
	b->stop_after = 2;
	assert_int_equal(b->store->ops->replay(b->store, 0, see, b, NULL), 77);
	assert_int_equal(b->nseen, 2);
	assert_int_equal(read_rows(b, UINT64_MAX, 0, 0, 9), 2);
	assert_int_equal(b->end_r, 77);
}

static void a_read_gives_one_subject_only(void **state)
{
	struct box *b = *state;

	put_node(b, "n");
	put_open(b, 1);
	put_open(b, 2);
	put_task(b, 1, 1);
	turn_until_durable(b, put_task(b, 2, 2));
	assert_int_equal(read_rows(b, 1, 0, 0, 9), 2);
	assert_string_equal(subjects(b), "11");
	assert_int_equal(read_rows(b, 0, 0, 0, 9), 1);
	assert_int_equal(read_rows(b, 7, 0, 0, 9), 0);
	assert_int_equal(read_rows(b, UINT64_MAX - 1, 0, 0, 9), 0);
}

static void a_read_narrows_to_a_task_and_the_opening_row(void **state)
{
	struct box *b = *state;

	put_open(b, 1);
	put_task(b, 1, 1);
	put_task(b, 1, 2);
	put_task(b, 1, 3);
	turn_until_durable(b, put_task(b, 1, 2));
	assert_int_equal(read_rows(b, 1, 2, 0, 9), 3);
	assert_true(b->seen[0].opens);
	assert_int_equal(b->seen[1].seq, 3);
	assert_int_equal(b->seen[2].seq, 5);
	assert_int_equal(read_rows(b, 1, 2, 3, 9), 1);
}

static void a_read_starts_after_a_number_and_ends_at_a_limit(void **state)
{
	struct box *b = *state;

	for (unsigned i = 0; i < 1500; i++)
		put_node(b, "row");
	turn_until_durable(b, 1500);
	assert_int_equal(read_rows(b, UINT64_MAX, 0, 0, 1000), 1000);
	assert_int_equal(b->seen[999].seq, 1000);
	assert_int_equal(read_rows(b, UINT64_MAX, 0, 1000, 1000), 500);
	assert_int_equal(b->seen[0].seq, 1001);
	assert_int_equal(read_rows(b, UINT64_MAX, 0, 1500, 1000), 0);
	assert_int_equal(read_rows(b, UINT64_MAX, 0, 0, 0), 0);
	assert_int_equal(read_rows(b, UINT64_MAX, 0, 0, 256), 256);
	assert_int_equal(read_rows(b, UINT64_MAX, 0, UINT64_MAX, 9), 0);
}

static void a_read_does_not_show_what_is_not_durable(void **state)
{
	struct box *b = *state;

	put_node(b, "n");
	read_rows(b, UINT64_MAX, 0, 0, 9);
	for (unsigned i = 0; i < b->nseen; i++)
		assert_true(b->seen[i].seq <= b->durable || b->on_disk);
	turn_until_durable(b, 1);
	assert_int_equal(read_rows(b, UINT64_MAX, 0, 0, 9), 1);
}

static void reads_under_way_are_cancelled_by_free(void **state)
{
	struct box *b = *state;

	turn_until_durable(b, put_node(b, "n"));
	b->store->ops->read(b->store, UINT64_MAX, 0, 0, 9, see, ended, b);
	b->store->ops->read(b->store, 0, 0, 0, 9, see, ended, b);
	b->nseen = 0;
	b->store = b->store->ops->free(b->store);
	assert_null(b->store);
	assert_int_equal(b->ends, 2);
	assert_int_equal(b->end_r, -ECANCELED);
	assert_int_equal(b->nseen, 0);
}

static void durable_never_goes_back(void **state)
{
	struct box *b = *state;

	for (unsigned i = 0; i < 3000; i++) {
		put_node(b, "row");
		if (i % 7 == 0)
			uv_run(&b->loop, UV_RUN_NOWAIT);
		assert_true(b->durable <= i + 1);
	}
	assert_true(b->store->ops->pending(b->store) > 0 || b->durable == 3000);
	turn_until_durable(b, 3000);
	assert_int_equal(b->durable, 3000);
	assert_false(b->went_back);
	assert_int_equal(b->store->ops->pending(b->store), 0);
}

static void nothing_is_durable_before_the_loop_turns(void **state)
{
	struct box *b = *state;

	put_node(b, "n");
	usleep(20000);
	assert_int_equal(b->reports, 0);
	assert_true(b->store->ops->pending(b->store) > 0);
	turn_until_durable(b, 1);
	assert_int_equal(b->reports, 1);
}

static void a_subject_is_found_by_any_task_it_covers(void **state)
{
	struct box *b = *state;

	put_open(b, 10);
	turn_until_durable(b, put_open(b, 20));
	assert_int_equal(b->store->ops->subject_of(b->store, 9), 0);
	assert_int_equal(b->store->ops->subject_of(b->store, 10), 10);
	assert_int_equal(b->store->ops->subject_of(b->store, 19), 10);
	assert_int_equal(b->store->ops->subject_of(b->store, UINT64_MAX), 20);
}

static void prune_forgets_closed_old_subjects_and_nothing_else(void **state)
{
	struct box *b = *state;

	for (uint64_t no = 1; no <= 4; no++)
		put_open(b, no);
	put_close(b, 1, 100);
	put_close(b, 3, 900);
	put_close(b, 4, 100);           /* the newest stays: the next number follows from it */
	turn_until_durable(b, put_node(b, "n"));
	b->store->ops->prune(b->store, 500, 100);
	turn_while(b, read_rows(b, 1, 0, 0, 9));
	turn_for(b, 20);
	assert_int_equal(read_rows(b, UINT64_MAX, 0, 0, 99), 6);
	assert_string_equal(subjects(b), "234340");
	assert_int_equal(b->store->ops->subject_of(b->store, 1), 0);
}

/* ---- rows that last ---- */

/* A submission that opens, pays at `at_ms` with its last row, and is over. */
static uint64_t put_paid(struct box *b, uint64_t no, int64_t at_ms)
{
	put_open(b, no);
	return put(b, (struct store_row){ .at_ms = at_ms, .subject = no, .task = no, .kind = 4,
					  .closes = true, .lasts = true, .body = "paid",
					  .body_len = 4 });
}

static uint64_t put_checkpoint(struct box *b)
{
	return put(b, (struct store_row){ .at_ms = 5, .kind = 5, .checkpoint = true });
}

static unsigned read_month(struct box *b, int64_t from_ms, int64_t until_ms, uint64_t after,
			   unsigned max)
{
	b->nseen = 0;
	b->ends = 0;
	b->store->ops->read_lasting(b->store, from_ms, until_ms, after, max, see, ended, b);
	turn_while(b, !b->ends);
	return b->nseen;
}

static void a_lasting_row_of_a_forgotten_subject_is_replayed_alone(void **state)
{
	struct box *b = *state;

	put_paid(b, 1, 100);
	put_open(b, 2);
	put_paid(b, 3, 50);
	turn_until_durable(b, put_node(b, "n"));
	reopen(b);
	replay(b, 0);                   /* 3 is the newest: it comes whole */
	assert_string_equal(subjects(b), "12330");
	assert_true(b->seen[0].alone && b->seen[0].lasts);
	assert_memory_equal(b->seen[0].head, "paid", 4);
	for (unsigned i = 1; i < b->nseen; i++)
		assert_false(b->seen[i].alone);
}

static void a_checkpoint_spares_replay_the_lasting_rows_before_it(void **state)
{
	struct box *b = *state;

	put_paid(b, 1, 100);
	put_checkpoint(b);
	put_paid(b, 2, 100);
	put_checkpoint(b);
	put_paid(b, 3, 100);
	turn_until_durable(b, put_open(b, 4));
	reopen(b);
	replay(b, 0);
	assert_string_equal(subjects(b), "0034");
	assert_true(b->seen[0].checkpoint && b->seen[1].checkpoint && b->seen[2].alone);
}

static void a_lasting_row_before_all_that_is_wanted_is_found_in_order(void **state)
{
	struct box *b = *state;

	put_node(b, "a");
	put_paid(b, 1, 100);
	put_node(b, "b");
	put_paid(b, 2, 100);
	turn_until_durable(b, put_open(b, 3));
	reopen(b);
	replay(b, 0);
	assert_string_equal(subjects(b), "01023");
	for (unsigned i = 1; i < b->nseen; i++)
		assert_true(b->seen[i].seq > b->seen[i - 1].seq);
}

static void pruning_leaves_what_lasts(void **state)
{
	struct box *b = *state;

	put_paid(b, 1, 100);
	put_open(b, 2);
	turn_until_durable(b, put_node(b, "n"));
	b->store->ops->prune(b->store, 500, 100);
	turn_while(b, read_rows(b, 1, 0, 0, 9) > 1);
	assert_string_equal(subjects(b), "1");
	assert_int_equal(b->store->ops->subject_of(b->store, 1), 0);
	reopen(b);
	replay(b, 10);
	assert_string_equal(subjects(b), "120");
	assert_true(b->seen[0].alone);
}

static void lasting_rows_are_read_by_their_time(void **state)
{
	struct box *b = *state;

	put_paid(b, 1, 100);
	put_paid(b, 2, 300);
	put_paid(b, 3, 200);            /* the clock went back */
	put_paid(b, 4, 199);
	put_open(b, 5);
	turn_until_durable(b, put_close(b, 5, 150));
	assert_int_equal(read_month(b, 100, 300, 0, 9), 3);
	assert_string_equal(subjects(b), "134");
	assert_int_equal(read_month(b, 100, 300, b->seen[0].seq, 1), 1);
	assert_string_equal(subjects(b), "3");
	assert_int_equal(read_month(b, 301, 400, 0, 9), 0);
	assert_int_equal(b->end_r, 0);
}

static void prune_takes_no_more_than_it_may(void **state)
{
	struct box *b = *state;

	for (uint64_t no = 1; no <= 6; no++) {
		put_open(b, no);
		put_close(b, no, (int64_t)no);
	}
	turn_until_durable(b, put_node(b, "n"));
	b->store->ops->prune(b->store, 1000, 2);
	turn_while(b, read_rows(b, 2, 0, 0, 9));
	turn_for(b, 20);
	assert_int_equal(read_rows(b, UINT64_MAX, 0, 0, 99), 9);
	assert_int_equal(b->seen[0].subject, 3);
}

static void a_number_is_never_given_twice_after_pruning(void **state)
{
	struct box *b = *state;

	put_open(b, 1);
	put_open(b, 2);
	turn_until_durable(b, put_close(b, 1, 5));      /* the newest row is of an old subject */
	b->store->ops->prune(b->store, 1000, 10);
	turn_for(b, 50);
	reopen(b);
	assert_int_equal(put_node(b, "n"), 4);
}

static void free_takes_nothing(void **state)
{
	struct box *b = *state;

	assert_null(b->store->ops->free(NULL));
}

/* ---- commits that fail ---- */

static void failing_commits_hold_everything_and_recover_in_order(void **state)
{
	struct box *b = *state;

	turn_until_durable(b, put_node(b, "before"));
	fail_commits(b, true);
	for (unsigned i = 0; i < 50; i++)
		put_open(b, i + 1);
	turn_while(b, b->troubles < 3);
	put_node(b, "late");
	turn_for(b, 20);
	fail_commits(b, false);
	assert_int_equal(b->durable, 1);
	assert_true(b->failing_ms > 0);
	assert_true(b->store->ops->pending(b->store) > 0);
	assert_int_equal(b->recoveries, 0);

	turn_until_durable(b, 52);
	assert_int_equal(b->recoveries, 1);
	assert_int_equal(b->failing_ms, 0);
	assert_int_equal(b->store->ops->pending(b->store), 0);
	reopen(b);
	assert_int_equal(replay(b, 0), 52);
	for (unsigned i = 0; i < 52; i++)
		assert_int_equal(b->seen[i].seq, i + 1);
}

static void free_gives_up_on_a_commit_that_keeps_failing(void **state)
{
	struct box *b = *state;
	int64_t before;

	turn_until_durable(b, put_node(b, "kept"));
	fail_commits(b, true);
	put_node(b, "lost");
	turn_while(b, !b->troubles);
	before = clock_mono_ms();
	b->store = b->store->ops->free(b->store);
	forbid_writes(false);
	assert_true(clock_mono_ms() - before < 5000);
	assert_int_equal(b->durable, 1);
}

/* ---- only where there is a disk ---- */

static void a_full_disk_holds_rows_until_there_is_room(void **state)
{
	struct box *b = *state;
	char *body = mem_alloc(64 << 10);

	close_store(b);
	if (mount("suanlu-test", b->dir, "tmpfs", 0, "size=1m,mode=0700") < 0) {
		print_message("skipped: run as root, who may mount a small tmpfs\n");
		free(body);
		skip();
	}
	open_store(b);
	for (unsigned i = 0; i < 64; i++) {
		put(b, (struct store_row){ .body = body, .body_len = 64 << 10 });
		turn(b);
	}
	free(body);
	turn_while(b, b->troubles < 2);
	assert_true(b->durable < 64);
	assert_int_equal(mount("", b->dir, "tmpfs", MS_REMOUNT, "size=64m,mode=0700"), 0);
	turn_until_durable(b, 64);
	assert_int_equal(b->recoveries, 1);
	reopen(b);
	assert_int_equal(replay(b, 0), 64);
}

static void free_commits_what_was_appended(void **state)
{
	struct box *b = *state;

	for (unsigned i = 0; i < 10000; i++)
		put_node(b, "row");
	reopen(b);
	assert_int_equal(replay(b, 0), 10000);
}

static void a_second_daemon_is_refused_and_told_who_holds_it(void **state)
{
	struct box *b = *state;
	struct store *other = NULL;
	struct err err = { .text = "" };
	char pid[32];

	snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
	assert_int_equal(open_in(b, &other, &err), -EBUSY);
	assert_null(other);
	assert_non_null(strstr(err.text, pid));
	assert_non_null(strstr(err.text, b->dir));
}

/* A child takes the lock as a daemon does, leaves it to a child of its own, and is gone. */
static void die_with_a_child_that_holds_the_lock(const char *lock, unsigned ms)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		int fd = open(lock, O_RDWR);

		if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) || ftruncate(fd, 0) ||
		    dprintf(fd, "%ld\n", (long)getpid()) < 0)
			_exit(1);
		if (fork() == 0)
			usleep(ms * 1000);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void a_child_of_a_killed_daemon_does_not_keep_the_next_from_starting(void **state)
{
	struct box *b = *state;

	close_store(b);
	die_with_a_child_that_holds_the_lock(in_dir(b, "lock"), 300);
	open_store(b);
}

static void set_version(struct box *b, const char *sql)
{
	sqlite3 *db;

	close_store(b);
	assert_int_equal(sqlite3_open(in_dir(b, "suanlu.db"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void a_newer_schema_is_refused(void **state)
{
	struct box *b = *state;
	struct err err = { .text = "" };

	set_version(b, "PRAGMA user_version = 99");
	assert_int_equal(open_in(b, &b->store, &err), -ENOTSUP);
	assert_null(b->store);
	assert_non_null(strstr(err.text, "schema 99"));
	assert_true(err.hint[0] != '\0');
	set_version(b, "PRAGMA user_version = 3");
	open_store(b);
}

static void a_migration_that_fails_leaves_nothing_behind(void **state)
{
	struct box *b = *state;
	struct err err = { .text = "" };

	/* The last object of 001.sql is in the way; the ones before it must vanish again. */
	set_version(b, "DROP TABLE record; DROP TABLE subject; DROP TABLE audit; CREATE TABLE subject_closed (x);"
		    "PRAGMA user_version = 0");
	assert_true(open_in(b, &b->store, &err) < 0);
	assert_non_null(strstr(err.text, "schema 1"));
	set_version(b, "DROP TABLE subject_closed");
	open_store(b);
	turn_until_durable(b, put_node(b, "n"));
}

static void a_file_that_is_no_database_is_refused(void **state)
{
	struct box *b = *state;
	struct err err = { .text = "" };
	int fd;

	close_store(b);
	fd = open(in_dir(b, "suanlu.db"), O_WRONLY | O_TRUNC);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(write(fd, "this is a letter to my aunt\n", 28), 28);
	close(fd);
	assert_true(open_in(b, &b->store, &err) < 0);
	assert_non_null(strstr(err.text, "not a database"));
}

static void a_directory_that_others_may_write_is_refused(void **state)
{
	struct box *b = *state;
	struct err err = { .text = "" };

	close_store(b);
	chmod(b->dir, 0770);
	assert_int_equal(open_in(b, &b->store, &err), -EPERM);
	assert_non_null(strstr(err.text, "others may write"));
	chmod(b->dir, 0702);
	assert_int_equal(open_in(b, &b->store, &err), -EPERM);
	chmod(b->dir, 0700);
}

static void a_path_that_cannot_be_a_directory_is_refused(void **state)
{
	struct box *b = *state;
	struct err err = { .text = "" };
	struct box other = { .on_disk = true };

	snprintf(other.dir, sizeof(other.dir), "%.60s/no/such", b->dir);
	assert_int_equal(open_in(&other, &other.store, &err), -ENOENT);
	snprintf(other.dir, sizeof(other.dir), "%.60s/lock", b->dir);
	assert_int_equal(open_in(&other, &other.store, &err), -ENOTDIR);
	assert_non_null(strstr(err.text, "is not a directory"));
}

static void nobody_else_can_read_a_new_store(void **state)
{
	struct box *b = *state;
	struct box other = { .on_disk = true };
	struct stat st;
	mode_t mask = umask(0);

	snprintf(other.dir, sizeof(other.dir), "%.60s/new", b->dir);
	uv_loop_init(&other.loop);
	open_store(&other);
	umask(mask);
	put_node(&other, "n");
	turn_until_durable(&other, 1);
	assert_int_equal(stat(other.dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		assert_int_equal(stat(in_dir(&other, files[i]), &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
	}
	close_store(&other);
	uv_loop_close(&other.loop);
	unlink(in_dir(&other, "suanlu.db"));
	unlink(in_dir(&other, "lock"));
	rmdir(other.dir);
}

/* ---- kill -9 ---- */

/* A body that follows from its number alone. */
static size_t body_of(uint64_t seq, char body[64])
{
	for (unsigned i = 0; i < 8; i++) {
		uint64_t x = rng_mix(seq, i);

		memcpy(body + 8 * i, &x, 8);
	}
	return 1 + rng_mix(seq, 99) % 64;
}

struct victim {
	struct store *store;
	struct rng rng;
	uint64_t next;
	int fd;
};

static void victim_append(struct victim *v)
{
	for (uint64_t n = 1 + rng_below(&v->rng, 40); n; n--) {
		char body[64];
		struct store_row row = { .kind = 1, .body = body };

		row.body_len = body_of(v->next, body);
		v->store->ops->append(v->store, &row);
		if (row.seq != v->next++)
			_exit(3);
	}
}

static void victim_durable(void *arg, uint64_t seq)
{
	struct victim *v = arg;

	if (write(v->fd, &seq, sizeof(seq)) != sizeof(seq))
		_exit(4);
	victim_append(v);
}

/* Runs until it is killed. */
static void victim_main(const char *dir, uint64_t next, uint64_t seed, int fd)
{
	struct victim v = { .rng = { seed }, .next = next, .fd = fd };
	struct store_events ev = { .arg = &v, .durable = victim_durable };
	uv_loop_t loop;

	uv_loop_init(&loop);
	if (store_sqlite_open(&loop, dir, &ev, &v.store, NULL))
		_exit(5);
	victim_append(&v);
	uv_run(&loop, UV_RUN_DEFAULT);
	_exit(6);
}

/* Start a victim, kill it after wait_us; the last number that it was told is durable. */
static uint64_t cut(struct box *b, uint64_t next, uint64_t seed, unsigned wait_us)
{
	uint64_t seq, told = 0;
	int p[2], status;
	pid_t pid;

	assert_int_equal(pipe(p), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		victim_main(b->dir, next, seed, p[1]);
	close(p[1]);
	usleep(wait_us);
	kill(pid, SIGKILL);
	while (read(p[0], &seq, sizeof(seq)) == sizeof(seq)) {
		assert_true(seq > told);
		told = seq;
	}
	close(p[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return told;
}

static int check_row(void *arg, const struct store_row *row)
{
	uint64_t *last = arg;
	char body[64];

	assert_int_equal(row->seq, *last + 1);
	assert_int_equal(row->body_len, body_of(row->seq, body));
	assert_memory_equal(row->body, body, row->body_len);
	*last = row->seq;
	return 0;
}

static void nothing_reported_is_lost_when_killed_at_any_moment(void **state)
{
	struct box *b = *state;
	const char *given = getenv("SUANLU_TEST_SEED");
	struct rng rng = { given ? strtoull(given, NULL, 0) : (uint64_t)clock_now_ms() };
	uint64_t last = 0;

	print_message("seed: SUANLU_TEST_SEED=%" PRIu64 "\n", rng.s);
	for (unsigned i = 0; i < CUTS; i++) {
		uint64_t told, seed = rng_next(&rng);

		close_store(b);
		told = cut(b, last + 1, seed, (unsigned)rng_below(&rng, 120000));
		open_store(b);
		last = 0;
		assert_int_equal(b->store->ops->replay(b->store, 0, check_row, &last, NULL), 0);
		if (last < told)
			fail_msg("cut %u: row %" PRIu64 " was reported, %" PRIu64 " is the last",
				 i, told, last);
	}
	print_message("%u cuts, %" PRIu64 " rows\n", CUTS, last);
	assert_true(last > 0);
}

/* ---- the audit chain ---- */

static uint64_t put_audited(struct box *b, int64_t at_ms, const char *body, const char *actor)
{
	return put(b, (struct store_row){ .at_ms = at_ms, .kind = 4, .audit = true, .actor = actor,
					  .body = body, .body_len = strlen(body) });
}

static uint64_t put_only(struct box *b, int64_t at_ms, const char *body)
{
	return put(b, (struct store_row){ .at_ms = at_ms, .kind = 55, .audit = true, .only = true,
					  .body = body, .body_len = strlen(body) });
}

struct links {
	struct box *b;
	struct chain_entry e[64];
	char bodies[64][160];
	unsigned n, stop_after;
	uint64_t audited;
	struct digest *d;
};

static int see_link(void *arg, const struct chain_entry *e)
{
	struct links *l = arg;

	assert_true(l->n < ARRAY_LEN(l->e));
	l->e[l->n] = *e;
	snprintf(l->bodies[l->n], sizeof(l->bodies[0]), "%.*s", e->body ? (int)e->body_len : 1,
		 e->body ? e->body : "-");
	l->n++;
	return l->stop_after && l->n == l->stop_after;
}

static void links_end(void *arg, int r)
{
	struct links *l = arg;

	l->b->ends++;
	l->b->end_r = r;
}

static unsigned read_links(struct box *b, uint64_t after, unsigned max, struct links *l)
{
	memset(l, 0, sizeof(*l));
	l->b = b;
	b->ends = 0;
	b->store->ops->audit_read(b->store, after, max, see_link, links_end, l);
	assert_int_equal(b->ends, 0);
	turn_while(b, !b->ends);
	return l->n;
}

/* Each follows the one before it, whatever store made it. */
static void chained(const struct links *l, const uint8_t *prev)
{
	struct digest *d = digest_new();
	uint8_t hash[DIGEST_LEN];

	for (unsigned i = 0; i < l->n; i++) {
		chain_hash(d, prev, &l->e[i].link, hash);
		assert_memory_equal(hash, l->e[i].link.hash, DIGEST_LEN);
		prev = l->e[i].link.hash;
	}
	digest_free(d);
}

static const uint8_t zero[DIGEST_LEN];

static void audited_rows_become_a_chain_and_others_do_not(void **state)
{
	struct box *b = *state;
	struct links *l = mem_alloc(sizeof(*l));

	put_node(b, "not this");
	put_audited(b, 7, "{\"a\":1}", "ann of lab");
	put_node(b, "nor this");
	turn_until_durable(b, put_audited(b, 8, "{\"b\":2}", NULL));
	assert_int_equal(read_links(b, 0, 100, l), 2);
	assert_int_equal(l->e[0].link.no, 1);
	assert_int_equal(l->e[0].link.seq, 2);
	assert_int_equal(l->e[1].link.seq, 4);
	assert_string_equal(l->e[0].link.actor, "ann of lab");
	assert_string_equal(l->e[1].link.actor, "node");
	assert_string_equal(l->bodies[0], "{\"a\":1}");
	assert_int_equal(l->e[0].link.digest, DIGEST_SM3);
	chained(l, zero);
	free(l);
}

static void a_link_alone_is_not_replayed(void **state)
{
	struct box *b = *state;
	struct links *l = mem_alloc(sizeof(*l));

	turn_until_durable(b, put_only(b, 7, "{\"read\":1}"));
	put_node(b, "row");
	turn_until_durable(b, put_only(b, 8, "{\"read\":2}"));
	reopen(b);
	assert_int_equal(replay(b, 10), 1);
	assert_int_equal(read_rows(b, UINT64_MAX, 0, 0, 100), 1);
	assert_int_equal(read_links(b, 0, 100, l), 2);
	assert_string_equal(l->bodies[1], "{\"read\":2}");
	assert_int_equal(l->e[1].link.seq, 0);
	chained(l, zero);
	free(l);
}

static void the_chain_goes_on_after_reopen_and_with_another_digest(void **state)
{
	struct box *b = *state;
	struct links *l = mem_alloc(sizeof(*l));

	turn_until_durable(b, put_audited(b, 1, "one", NULL));
	reopen(b);
	b->store->digest = DIGEST_SHA256;
	turn_until_durable(b, put_audited(b, 2, "two", NULL));
	assert_int_equal(read_links(b, 0, 100, l), 2);
	assert_int_equal(l->e[1].link.digest, DIGEST_SHA256);
	chained(l, zero);
	assert_int_equal(read_links(b, 1, 100, l), 1);
	assert_int_equal(l->e[0].link.no, 2);
	assert_int_equal(read_links(b, UINT64_MAX, 1, l), 1);
	assert_int_equal(l->e[0].link.no, 2);
	assert_int_equal(read_links(b, 0, 1, l), 1);
	assert_int_equal(l->e[0].link.no, 1);
	free(l);
}

static void an_empty_chain_has_no_end(void **state)
{
	struct box *b = *state;
	struct links *l = mem_alloc(sizeof(*l));

	assert_int_equal(read_links(b, UINT64_MAX, 1, l), 0);
	assert_int_equal(read_links(b, 0, 10, l), 0);
	free(l);
}

static void a_commit_that_fails_leaves_no_link_behind(void **state)
{
	struct box *b = *state;
	struct links *l = mem_alloc(sizeof(*l));

	turn_until_durable(b, put_audited(b, 1, "one", NULL));
	fail_commits(b, true);
	put_audited(b, 2, "two", NULL);
	turn_for(b, 250);
	fail_commits(b, false);
	turn_until_durable(b, put_audited(b, 3, "three", NULL));
	assert_int_equal(read_links(b, 0, 100, l), 3);
	chained(l, zero);
	free(l);
}

static void old_links_go_and_an_anchor_stays(void **state)
{
	struct box *b = *state;
	struct links *l = mem_alloc(sizeof(*l));
	uint8_t third[DIGEST_LEN];
	char want[200], hex[DIGEST_HEX + 1];

	for (int i = 1; i <= 5; i++)
		put_audited(b, i * 100, "x", NULL);
	turn_until_durable(b, put_audited(b, 250, "a clock that went back", NULL));
	read_links(b, 0, 100, l);
	memcpy(third, l->e[2].link.hash, DIGEST_LEN);
	b->store->ops->audit_prune(b->store, 400);
	turn_while(b, read_links(b, 0, 100, l) != 4);
	assert_int_equal(l->e[0].link.no, 4);
	assert_int_equal(l->e[3].link.kind, STORE_KIND_ANCHOR);
	snprintf(want, sizeof(want), "{\"up_to\":3,\"hash\":\"%s\"}", digest_hex(third, hex));
	assert_string_equal(l->bodies[3], want);
	chained(l, third);
	/* The last one never goes: what comes after follows it. */
	b->store->ops->audit_prune(b->store, INT64_MAX);
	turn_while(b, read_links(b, 0, 100, l) != 2);
	assert_int_equal(l->e[0].link.no, 7);
	reopen(b);
	turn_until_durable(b, put_audited(b, 900, "y", NULL));
	assert_int_equal(read_links(b, 0, 100, l), 3);
	assert_int_equal(l->e[2].link.no, 9);
	free(l);
}

static void what_is_pruned_from_the_journal_keeps_its_link(void **state)
{
	struct box *b = *state;
	struct links *l = mem_alloc(sizeof(*l));

	put(b, (struct store_row){ .at_ms = 10, .subject = 1, .kind = 10, .opens = true, .audit = true,
				   .body = "task", .body_len = 4 });
	put_close(b, 1, 11);
	put_open(b, 2);
	turn_until_durable(b, put_node(b, "n"));
	b->store->ops->prune(b->store, 100, 10);
	turn_while(b, read_links(b, 0, 100, l) != 2);
	assert_string_equal(l->bodies[0], "-");
	assert_int_equal(l->e[1].link.kind, STORE_KIND_PRUNED);
	assert_string_equal(l->bodies[1], "{\"before_ms\":100}");
	chained(l, zero);
	free(l);
}

#define ROW(test, setup) cmocka_unit_test_setup_teardown(test, setup, box_free)

#define BOTH(setup) \
	ROW(an_empty_store_replays_nothing, setup), \
	ROW(rows_come_back_in_order_after_reopen, setup), \
	ROW(numbers_go_on_where_they_ended, setup), \
	ROW(a_row_keeps_every_field_and_every_byte, setup), \
	ROW(an_empty_body_and_the_largest_body_are_kept, setup), \
	ROW(a_closed_subject_is_not_replayed, setup), \
	ROW(only_the_subjects_closed_last_are_replayed, setup), \
	ROW(the_newest_subject_is_replayed_even_when_long_closed, setup), \
	ROW(rows_of_the_node_from_before_the_oldest_open_subject_are_replayed, setup), \
	ROW(a_walk_stops_when_the_caller_says_so, setup), \
	ROW(a_read_gives_one_subject_only, setup), \
	ROW(a_read_narrows_to_a_task_and_the_opening_row, setup), \
	ROW(a_read_starts_after_a_number_and_ends_at_a_limit, setup), \
	ROW(a_read_does_not_show_what_is_not_durable, setup), \
	ROW(reads_under_way_are_cancelled_by_free, setup), \
	ROW(durable_never_goes_back, setup), \
	ROW(nothing_is_durable_before_the_loop_turns, setup), \
	ROW(a_subject_is_found_by_any_task_it_covers, setup), \
	ROW(prune_forgets_closed_old_subjects_and_nothing_else, setup), \
	ROW(prune_takes_no_more_than_it_may, setup), \
	ROW(a_lasting_row_of_a_forgotten_subject_is_replayed_alone, setup), \
	ROW(a_checkpoint_spares_replay_the_lasting_rows_before_it, setup), \
	ROW(a_lasting_row_before_all_that_is_wanted_is_found_in_order, setup), \
	ROW(pruning_leaves_what_lasts, setup), \
	ROW(lasting_rows_are_read_by_their_time, setup), \
	ROW(a_number_is_never_given_twice_after_pruning, setup), \
	ROW(free_takes_nothing, setup), \
	ROW(failing_commits_hold_everything_and_recover_in_order, setup), \
	ROW(audited_rows_become_a_chain_and_others_do_not, setup), \
	ROW(a_link_alone_is_not_replayed, setup), \
	ROW(the_chain_goes_on_after_reopen_and_with_another_digest, setup), \
	ROW(an_empty_chain_has_no_end, setup), \
	ROW(a_commit_that_fails_leaves_no_link_behind, setup), \
	ROW(old_links_go_and_an_anchor_stays, setup), \
	ROW(what_is_pruned_from_the_journal_keeps_its_link, setup), \
	ROW(free_gives_up_on_a_commit_that_keeps_failing, setup)

#define DISK(test) ROW(test, box_sqlite)

int main(void)
{
	const struct CMUnitTest memory[] = { BOTH(box_memory) };
	const struct CMUnitTest sqlite[] = {
		BOTH(box_sqlite),
		DISK(a_full_disk_holds_rows_until_there_is_room),
		DISK(free_commits_what_was_appended),
		DISK(a_second_daemon_is_refused_and_told_who_holds_it),
		DISK(a_child_of_a_killed_daemon_does_not_keep_the_next_from_starting),
		DISK(a_newer_schema_is_refused),
		DISK(a_migration_that_fails_leaves_nothing_behind),
		DISK(a_file_that_is_no_database_is_refused),
		DISK(a_directory_that_others_may_write_is_refused),
		DISK(a_path_that_cannot_be_a_directory_is_refused),
		DISK(nobody_else_can_read_a_new_store),
		DISK(nothing_reported_is_lost_when_killed_at_any_moment),
	};
	int bad = cmocka_run_group_tests_name("memory", memory, NULL, NULL);

	return bad + cmocka_run_group_tests_name("sqlite", sqlite, NULL, NULL);
}
