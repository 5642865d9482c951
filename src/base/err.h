/* err.h - the one way a failure travels with words
 *
 * Functions return int: 0 done; > 0 the answer is no (a documented FOO_E_* of
 * that module, the caller handles it); < 0 we are broken (-errno, passed on
 * unchanged).  `err` is optional (NULL: nobody reads the words), always the
 * last parameter, and written only when the result is not 0.
 *
 * text: lower case, no full stop, no function name, says what the person can do.
 * field: path of the offending field, `pools[0].price.cpu_hour_micro`, or "".
 * hint: one more sentence that helps, or "".  line: in a text file, or 0.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

struct err {
	char text[240];
	char field[120];
	char hint[200];
	unsigned line;
};

/* The answer is no because the input is wrong: shared by all decoders. */
enum { ERR_E_INPUT = 1 };

/* Write the text, clear the rest, return `r`: return err_set(err, -EIO, "..."). */
int err_set(struct err *err, int r, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same with the path of the field that is wrong; returns ERR_E_INPUT. */
int err_field(struct err *err, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Add a hint to an error that was already set. */
void err_hint(struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Put words before the text: "could not open the store: " + text. */
int err_prefix(struct err *err, int r, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
