/* out.h - what people read: tables, pairs, figures in words
 *
 * Texts from the daemon may hold anything that somebody typed: control characters are
 * shown as '?' on every way to the terminal, so that no name can move the cursor.
 */
#ifndef CMD_OUT_H
#define CMD_OUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { OUT_TEXT_MAX = 64 };

/* Locale (UTF-8 in any case), so that wide characters have their width. */
void out_init(void);
bool out_color(FILE *f);                /* a terminal, and neither NO_COLOR nor --no-color */
bool out_tty(FILE *f);

enum out_style { OUT_PLAIN, OUT_BOLD, OUT_DIM, OUT_GREEN, OUT_YELLOW, OUT_RED, OUT_CYAN };
const char *out_on(FILE *f, enum out_style s);  /* "" without colour */
const char *out_off(FILE *f);

/* printf whose result has no control characters but newline and tab. */
void out_safe(FILE *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
size_t out_width(const char *s);        /* columns on a terminal */

/* ---- tables ---- */

struct out_table;
enum { OUT_LEFT = 0, OUT_RIGHT = 1, OUT_TRUNC = 2, OUT_WRAP = 4 };

struct out_table *out_table_new(void);
void out_column(struct out_table *t, const char *title, int flags);
void out_row(struct out_table *t);
void out_cell(struct out_table *t, const char *text);   /* the next of the row; NULL: "-" */
void out_cell_style(struct out_table *t, const char *text, enum out_style s);
void out_cell_f(struct out_table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Print and free; NULL back. */
struct out_table *out_table_print(struct out_table *t);
struct out_table *out_table_free(struct out_table *t);          /* takes NULL; NULL back */

/* ---- pairs ---- */

void out_pair(const char *key, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void out_pair_s(const char *key, const char *value);           /* nothing when NULL or "" */

/* ---- figures: "-" for a missing one ---- */

const char *out_s(const json_t *obj, const char *key);          /* text or NULL */
/* A whole number; `none` when absent or null. */
int64_t out_i(const json_t *obj, const char *key, int64_t none);
double out_f(const json_t *obj, const char *key);               /* for printing only */

char *out_yuan(int64_t micro, char out[OUT_TEXT_MAX]);          /* "¥1.25", "¥0.0003" */
char *out_carbon(int64_t mg, char out[OUT_TEXT_MAX]);           /* "850 mg", "12.3 g" */
char *out_energy(int64_t joule, char out[OUT_TEXT_MAX]);        /* "36 J", "1.2 Wh" */
char *out_seconds(int64_t s, char out[OUT_TEXT_MAX]);           /* two units at most: "1h30m" */
char *out_range(int64_t a, int64_t b, char out[OUT_TEXT_MAX]);  /* "4m–9m" */
char *out_size_mb(uint64_t mb, char out[OUT_TEXT_MAX]);         /* "512 MB", "1.5 GB" */
char *out_bytes(uint64_t n, char out[OUT_TEXT_MAX]);
char *out_time(const char *rfc3339, char out[OUT_TEXT_MAX]);    /* in local time */

/* A data level, 1 to 4, "important" or "core", in words. */
char *out_level(const json_t *v, char out[OUT_TEXT_MAX]);

/* Words for a state, and its colour. */
const char *out_state(const char *state);
enum out_style out_state_style(const char *state);

/* obj[key] in the reader's language: key_zh when it is Chinese and there. */
const char *out_tr(const json_t *obj, const char *key);

#endif
