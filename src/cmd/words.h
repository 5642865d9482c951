/* words.h - reason codes in the reader's language
 *
 * The API's sentences are about a pool and a rule; these are about the task.
 */
#ifndef CMD_WORDS_H
#define CMD_WORDS_H

#include "domain/phrase.h"

#include <jansson.h>

/* A sentence of an error. */
const char *words_said(const char *en, char text[PHRASE_ZH_MAX]);

const char *words_rule(const char *code);       /* a few words for a table; the code when unknown */
const char *words_reason(const char *code);     /* a sentence; the code when unknown */
const char *words_end(const char *code);        /* how a run ended; the code when unknown, NULL for NULL */
/* Of pairs of a code and its Chinese: the word in the reader's language; the code when unknown, NULL for NULL. */
const char *words_among(const char *const (*zh)[2], size_t n, const char *code);
const char *words_end_short(const char *code);  /* the same for a table */

/* Why it went to its pool, in a few words; NULL when it was sent to none yet. */
enum { WORDS_MAX = 80 };
const char *words_choice(const json_t *task, char text[WORDS_MAX]);

/* Why a task waits, was refused or failed; NULL when there is nothing to say. */
const char *words_task(const json_t *task);

#endif
