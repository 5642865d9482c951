/* json.h - bounded, strict decoding of JSON and YAML into C structs
 *
 * Both languages become jansson values, so a pool reads the same from a file
 * and from the API.  Refused with ERR_E_INPUT: invalid UTF-8, duplicate keys,
 * U+0000, nesting deeper than JSON_DEPTH_MAX, numbers outside int64, trailing
 * bytes.  For YAML, aliases, tags other than the core ones and several documents
 * are refused too, and each value remembers its line.
 *
 * Decoding is sticky: the first failure is kept in the decoder and later calls
 * do nothing, so a struct is read in one straight column and checked once:
 *
 *	struct dec d;
 *	dec_begin(&d, json, "", doc_lines, arena, err);
 *	dec_str(&d, "name", DEC_NEED, 1, 128, &t->name);
 *	dec_u32(&d, "cpus", DEC_OPT, 1, 4096, &t->cpus);
 *	return dec_end(&d);             // a key that nobody asked for fails here
 *
 * An absent optional field leaves the out-parameter as it was (the default).
 * null counts as absent.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	JSON_DEPTH_MAX = 32,            /* our deepest document has 6 levels */
	DEC_KEYS_MAX = 64,              /* keys of one object that a decoder may ask for */
};

struct json_lines;                      /* value -> line, for YAML */

/* Keep the blocks of freed values for the next ones, a few megabytes at most in each thread.  Once,
 * before any value is made; trim: the calling thread gives its blocks back, before it ends. */
void json_mem_init(void);
void json_mem_trim(void);

/* Parse `n` bytes.  *ret is a new reference (json_decref). */
int json_parse(const char *text, size_t n, json_t **ret, struct err *err);

/* Parse YAML.  *ret as above, *ret_lines is freed by json_lines_free(). */
int yaml_parse(const char *text, size_t n, json_t **ret, struct json_lines **ret_lines,
	       struct err *err);
struct json_lines *json_lines_free(struct json_lines *l);       /* takes NULL; NULL back */
unsigned json_line(const struct json_lines *l, const json_t *v);  /* 0: not known */
unsigned json_line_key(const struct json_lines *l, const json_t *obj, const char *key);

/* Append a compact JSON string literal, with quotes, of `n` bytes of valid or
 * invalid UTF-8 (each invalid byte becomes U+FFFD). */
int json_put_str(struct buf *b, const char *s, size_t n);

enum dec_need { DEC_OPT, DEC_NEED };

struct dec_member {
	const char *key;
	const json_t *value;
	bool asked;
};

struct dec {
	const json_t *obj;
	const char *path;               /* "" at the root, else "pools[0]" */
	const struct json_lines *lines;
	struct arena *arena;            /* strings and arrays are copied here */
	struct err *err;
	int r;                          /* the sticky result */
	unsigned nseen;
	const char *seen[DEC_KEYS_MAX];         /* keys that were asked for */
	unsigned nmembers;              /* of obj, in its order; the first ones when there are more */
	struct dec_member members[DEC_KEYS_MAX];
	unsigned at;                    /* the member where the next look-up begins */
};

/* Start on a JSON object; anything else is the first failure. */
void dec_begin(struct dec *d, const json_t *obj, const char *path,
	       const struct json_lines *lines, struct arena *arena, struct err *err);
int dec_end(struct dec *d);

bool dec_has(struct dec *d, const char *key);           /* present and not null */
void dec_str(struct dec *d, const char *key, enum dec_need need, size_t min, size_t max,
	     const char **ret);                         /* length in bytes */
void dec_i64(struct dec *d, const char *key, enum dec_need need, int64_t min, int64_t max,
	     int64_t *ret);
void dec_u32(struct dec *d, const char *key, enum dec_need need, uint32_t min, uint32_t max,
	     uint32_t *ret);
void dec_u64(struct dec *d, const char *key, enum dec_need need, uint64_t min, uint64_t max,
	     uint64_t *ret);                            /* max <= INT64_MAX */
void dec_bool(struct dec *d, const char *key, enum dec_need need, bool *ret);

/* A number with up to three decimals as thousandths: 1.5 -> 1500.  Bounds are
 * in thousandths. */
void dec_milli(struct dec *d, const char *key, enum dec_need need, uint32_t min, uint32_t max,
	       uint32_t *ret);

/* One of `names` (NULL-terminated, index = value; NULL holes are "" entries). */
void dec_enum(struct dec *d, const char *key, enum dec_need need, const char *const *names,
	      unsigned *ret);

/* A child value of any type, NULL when absent. */
const json_t *dec_any(struct dec *d, const char *key, enum dec_need need);

/* A child array of at most `max` items (NULL when absent), a child object. */
const json_t *dec_array(struct dec *d, const char *key, enum dec_need need, size_t max);
const json_t *dec_object(struct dec *d, const char *key, enum dec_need need);

/* An array of strings, or an object of string values flattened to k,v,k,v. */
void dec_strs(struct dec *d, const char *key, enum dec_need need, size_t max_items,
	      size_t max_len, const char *const **ret, uint32_t *ret_n);
void dec_pairs(struct dec *d, const char *key, enum dec_need need, size_t max_items,
	       size_t max_len, const char *const **ret, uint32_t *ret_npairs);

/* Record a failure of `key` that only the caller can see. */
void dec_fail(struct dec *d, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Path of a child: "pools[0]" + "price" -> "pools[0].price"; index form too.
 * The result lives in the decoder's arena. */
const char *dec_path(struct dec *d, const char *key);
const char *dec_path_at(struct dec *d, const char *key, size_t i);

#endif
