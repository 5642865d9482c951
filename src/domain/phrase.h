/* phrase.h - what we say of a refusal, in Chinese
 *
 * Errors and explanations are made in English, where the figures are known.  Whoever speaks
 * to a person who reads Chinese turns the finished sentence into the other language: it is found
 * by the format it was made of, and its figures are put into the Chinese one.
 */
#ifndef DOMAIN_PHRASE_H
#define DOMAIN_PHRASE_H

#include <stddef.h>

struct phrase {
	const char *en;                 /* as the code has it, a format of printf or a text; one that
					 * ends with a space is put before another sentence … */
	const char *zh;                 /* … and that one is its last figure, %1 being the first */
};

extern const struct phrase phrases[];
extern const size_t phrases_n;

enum {
	PHRASE_FIGURES_MAX = 6,         /* conversions of one format */
	PHRASE_ZH_MAX = 1024,           /* bytes; a struct err has 240 of English */
};

/* The sentence in Chinese, in `out`; `en` itself (NULL, too) when it is none of ours. */
const char *phrase_zh(const char *en, char out[PHRASE_ZH_MAX]);

#endif
