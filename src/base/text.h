/* text.h - small words on strings: names, money, durations, sizes, languages */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A name people type: 1-63 of [a-z0-9-], starting and ending with a letter or
 * digit (RFC 1123 label). */
bool text_is_name(const char *s);

bool text_is_utf8(const char *s, size_t n);     /* RFC 3629: no surrogates, no overlong */

int text_hex(char c);                   /* of one digit; -1: it is none */
int text_escaped(const char *s);        /* the byte that stands at `s` as %XX; -1: none does */

/* Decimal yuan <-> micro-yuan.  "3.50" -> 3500000; at most 6 decimals, not
 * negative, at most 9e12 yuan.  0 or 1.  Format: "3.50", "0.000123", at least two decimals. */
int text_yuan_parse(const char *s, int64_t *ret_micro);
char *text_yuan(int64_t micro, char out[32]);

/* "90", "90s", "15m", "2h", "1d", "1h30m" -> seconds; 0 or 1.  Format "1h30m", "45s", "0s". */
int text_duration_parse(const char *s, int64_t *ret_s);
char *text_duration(int64_t s, char out[32]);

/* "512", "512M", "16G", "1T" (powers of 1024; a bare number is MB) -> MB; 0 or 1. */
int text_size_parse(const char *s, uint64_t *ret_mb);

/* Strict decimal, whole string, within [min, max]; 0 or 1. */
int text_i64(const char *s, int64_t min, int64_t max, int64_t *ret);

/* Are n bytes equal, in a time that does not tell where they differ? */
bool text_equal_ct(const char *a, const char *b, size_t n);

/* The reader's language: from --lang, else SUANLU_LANG, LC_ALL, LC_MESSAGES, LANG.
 * Messages carry both languages where they are used: tr("waiting", "等待中"). */
enum lang { LANG_EN, LANG_ZH };
void lang_set(enum lang l);
enum lang lang_get(void);
void lang_from_env(void);
const char *tr(const char *en, const char *zh);

#endif
