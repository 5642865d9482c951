/* statement_out.c - a statement as CSV, JSON and xlsx, in Chinese or English */

#include "api/statement.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xlsxwriter.h>

static const char *const titles[][2] = {
	[PARTY_NONE] = { "", "" },
	[PARTY_TENANT] = { "Statement of a tenant", "租户对账单" },
	[PARTY_OWNER] = { "Statement of a pool owner", "算力提供方对账单" },
	[PARTY_ISSUER] = { "Statement of a voucher issuer", "算力券发放方对账单" },
};

static const char *const columns[COLUMNS][2] = {
	[COL_TIME] = { "Time (UTC+8)", "时间（北京）" },
	[COL_KIND] = { "Entry", "类别" },
	[COL_RUNS] = { "Runs", "运行次数" },
	[COL_RUN] = { "Run", "运行编号" },
	[COL_TENANT] = { "Tenant", "租户" },
	[COL_OWNER] = { "Pool owner", "算力提供方" },
	[COL_POOL] = { "Pool", "资源池" },
	[COL_CHIP] = { "Chip", "芯片" },
	[COL_SECONDS] = { "Seconds", "时长（秒）" },
	[COL_TOTAL] = { "Amount (yuan)", "金额（元）" },
	[COL_OWN] = { "Paid by tenant (yuan)", "租户自付（元）" },
	[COL_VOUCHER] = { "Paid by vouchers (yuan)", "算力券抵扣（元）" },
	[COL_IN] = { "Put in or issued (yuan)", "充值或发放（元）" },
	[COL_NOTE] = { "Note", "备注" },
};

static const char *const kinds[LINE_KINDS][3] = {
	[LINE_NONE] = { "Sum", "合计", "sum" },
	[LINE_RUN] = { "Run", "运行", "run" },
	[LINE_REFUND] = { "Refund", "退款", "refund" },
	[LINE_BUDGET] = { "Budget", "预算", "budget" },
	[LINE_VOUCHER] = { "Voucher", "算力券", "voucher" },
	[LINE_WITHDRAWAL] = { "Withdrawal", "算力券撤回", "withdrawal" },
};

const char *statement_title(const struct statement *s)
{
	return titles[s->party][s->zh];
}

const char *statement_column(const struct statement *s, enum column c)
{
	return columns[c][s->zh];
}

const char *statement_kind(const struct statement *s, enum line_kind k)
{
	return kinds[k][s->zh];
}

bool statement_is_money(enum column c)
{
	return c >= COL_TOTAL && c <= COL_IN;
}

int64_t statement_micro(const struct line *l, enum column c)
{
	return c == COL_TOTAL ? l->total_micro : c == COL_OWN ? l->own_micro :
	       c == COL_VOUCHER ? l->voucher_micro : l->in_micro;
}

/* Six decimals always: every micro-yuan is to be seen. */
static const char *yuan(int64_t micro, char text[48])
{
	uint64_t u = micro < 0 ? -(uint64_t)micro : (uint64_t)micro;

	snprintf(text, 48, "%s%llu.%06llu", micro < 0 ? "-" : "", (unsigned long long)(u / 1000000),
		 (unsigned long long)(u % 1000000));
	return text;
}

/* "2026-11-26 20:15:02" in Beijing; the day alone when lines are days. */
static const char *time_text(const struct statement *s, int64_t ms, char text[48])
{
	char utc[CLOCK_TEXT_MAX];

	if (!ms)
		return "";
	clock_format(ms + 8 * 3600000, utc);
	snprintf(text, 48, s->by_day ? "%.10s" : "%.10s %.8s", utc, utc + 11);
	return text;
}

const char *statement_cell(const struct statement *s, const struct line *l, enum column c,
			   char text[48])
{
	const char *const of[COLUMNS] = {
		[COL_RUN] = l->run, [COL_TENANT] = l->tenant, [COL_OWNER] = l->owner,
		[COL_POOL] = l->pool, [COL_CHIP] = l->chip, [COL_NOTE] = l->note,
	};

	if (statement_is_money(c))
		return yuan(statement_micro(l, c), text);
	switch (c) {
	case COL_TIME:
		return time_text(s, l->at_ms, text);
	case COL_KIND:
		return statement_kind(s, l->kind);
	case COL_RUNS:
		snprintf(text, 48, "%u", l->runs);
		return text;
	case COL_SECONDS:
		snprintf(text, 48, "%lld.%03lld", (long long)(l->run_ms / 1000),
			 (long long)(l->run_ms % 1000));
		return text;
	default:
		return of[c] ? of[c] : "";
	}
}

/* ---- CSV: RFC 4180, UTF-8 with the mark that spreadsheets want ---- */

/* A text that a spreadsheet would take for a formula gets an apostrophe in front. */
static void csv_text(struct buf *b, const char *s, bool formula)
{
	buf_str(b, formula && *s && strchr("=+-@\t", *s) ? "\"'" : "\"");
	for (const char *quote; (quote = strchr(s, '"')) != NULL; s = quote + 1) {
		buf_add(b, s, (size_t)(quote - s));
		buf_str(b, "\"\"");
	}
	buf_str(b, s);
	buf_str(b, "\"");
}

static void csv_line(const struct statement *s, const struct line *l, struct buf *out)
{
	char text[48];

	for (unsigned c = 0; c < COLUMNS; c++) {
		const char *cell = statement_cell(s, l, (enum column)c, text);

		buf_str(out, c ? "," : "");
		if (statement_is_money((enum column)c) || c == COL_RUNS || c == COL_SECONDS)
			buf_str(out, cell);
		else
			csv_text(out, cell, true);
	}
	buf_str(out, "\r\n");
}

void statement_csv(const struct statement *s, struct buf *out)
{
	buf_str(out, "\xef\xbb\xbf");
	for (unsigned c = 0; c < COLUMNS; c++) {
		buf_str(out, c ? "," : "");
		csv_text(out, statement_column(s, (enum column)c), false);
	}
	buf_str(out, "\r\n");
	for (uint32_t i = 0; i < s->n; i++)
		csv_line(s, &s->lines[i], out);
	csv_line(s, &s->sum, out);
}

/* ---- JSON ---- */

static void json_figures(const struct line *l, struct buf *b)
{
	buf_printf(b, "\"runs\":%u,\"run_ms\":%lld,\"total_micro\":%lld,\"own_micro\":%lld,"
		   "\"voucher_micro\":%lld,\"in_micro\":%lld", l->runs, (long long)l->run_ms,
		   (long long)l->total_micro, (long long)l->own_micro, (long long)l->voucher_micro,
		   (long long)l->in_micro);
}

static void line_json(const struct line *l, struct buf *b)
{
	const struct { const char *key, *value; } texts[] = {
		{ "run_id", l->run }, { "tenant", l->tenant }, { "owner", l->owner },
		{ "pool", l->pool }, { "chip", l->chip }, { "note", l->note },
	};

	buf_printf(b, "{\"at\":");
	put_time(b, l->at_ms);
	buf_printf(b, ",\"entry\":\"%s\",", kinds[l->kind][2]);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		buf_printf(b, "\"%s\":", texts[i].key);
		put_text(b, texts[i].value);
		buf_str(b, ",");
	}
	json_figures(l, b);
	buf_str(b, "}");
}

void statement_json(const struct statement *s, struct buf *out)
{
	static const char *const parties[] = { "", "tenant", "owner", "issuer" };

	buf_printf(out, "{\"party\":\"%s\",\"name\":", parties[s->party]);
	put_text(out, s->name);
	buf_printf(out, ",\"month\":\"%s\",\"by\":\"%s\",\"lines\":[", s->month,
		   s->by_day ? "day" : "run");
	for (uint32_t i = 0; i < s->n; i++) {
		buf_str(out, i ? "," : "");
		line_json(&s->lines[i], out);
	}
	buf_str(out, "],\"sum\":{");
	json_figures(&s->sum, out);
	buf_str(out, "}}");
}

/* ---- xlsx ---- */

/* A double holds every micro-yuan up to nine billion yuan; beyond that the cell is text. */
static void xlsx_money(lxw_worksheet *w, uint32_t row, uint16_t col, int64_t micro, lxw_format *f)
{
	char text[48];

	if (micro < (1LL << 53) && micro > -(1LL << 53))
		worksheet_write_number(w, row, col, (double)micro / 1e6, f);
	else
		worksheet_write_string(w, row, col, yuan(micro, text), NULL);
}

static void xlsx_line(const struct statement *s, const struct line *l, uint32_t row,
		      lxw_worksheet *w, lxw_format *money)
{
	char text[48];

	for (uint16_t c = 0; c < COLUMNS; c++) {
		if (statement_is_money((enum column)c))
			xlsx_money(w, row, c, statement_micro(l, (enum column)c), money);
		else if (c == COL_RUNS)
			worksheet_write_number(w, row, c, l->runs, NULL);
		else if (c == COL_SECONDS)
			worksheet_write_number(w, row, c, (double)l->run_ms / 1e3, NULL);
		else
			worksheet_write_string(w, row, c,
					       statement_cell(s, l, (enum column)c, text), NULL);
	}
}

static void xlsx_fill(const struct statement *s, lxw_workbook *book)
{
	lxw_worksheet *w = workbook_add_worksheet(book, s->zh ? "对账单" : "Statement");
	lxw_format *bold = workbook_add_format(book), *money = workbook_add_format(book);
	uint32_t row = 3;

	format_set_bold(bold);
	format_set_num_format(money, "#,##0.000000");
	worksheet_write_string(w, 0, 0, statement_title(s), bold);
	worksheet_write_string(w, 1, 0, s->name, NULL);
	worksheet_write_string(w, 1, 1, s->month, NULL);
	for (uint16_t c = 0; c < COLUMNS; c++)
		worksheet_write_string(w, 2, c, statement_column(s, (enum column)c), bold);
	worksheet_set_column(w, 0, COLUMNS - 1, 18, NULL);
	worksheet_freeze_panes(w, 3, 0);
	for (uint32_t i = 0; i < s->n; i++)
		xlsx_line(s, &s->lines[i], row++, w, money);
	xlsx_line(s, &s->sum, row, w, money);
}

static int read_back(int fd, struct buf *out)
{
	char chunk[65536];
	off_t at = 0;
	ssize_t n;

	while ((n = pread(fd, chunk, sizeof(chunk), at)) > 0) {
		buf_add(out, chunk, (size_t)n);
		at += n;
	}
	return n < 0 ? -errno : 0;
}

/* The library writes to a path only: ours is a file in memory. */
int statement_xlsx(const struct statement *s, struct buf *out, struct err *err)
{
	_cleanup_(mem_closep) int fd = memfd_create("statement", MFD_CLOEXEC);
	char path[64];
	lxw_workbook *book;
	int r;

	if (fd < 0)
		return err_set(err, -errno, "no memory for a table: %s", strerror(errno));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	/* Rows go out as they come, else 100,000 lines are 1.4 million cells in memory. */
	book = workbook_new_opt(path, &(lxw_workbook_options){ .constant_memory = LXW_TRUE });
	xlsx_fill(s, book);
	r = workbook_close(book);
	if (r)
		return err_set(err, -EIO, "could not write a table: %s",
			       lxw_strerror((lxw_error)r));
	return read_back(fd, out);
}
