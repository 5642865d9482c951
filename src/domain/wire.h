/* wire.h - rules for text that clients choose, and small helpers around JSON
 *
 * A rule returns NULL when the text is fine, else what is wrong with it, in words
 * that follow the name of the field.  For domain/ and the readers of foreign formats in cmd/.
 */
#ifndef DOMAIN_WIRE_H
#define DOMAIN_WIRE_H

#include "base/json.h"

enum { WIRE_REASON_MAX = 400 };         /* bytes of the reason that somebody gives for a change */

typedef const char *(*wire_rule_fn)(const char *s);

const char *wire_name(const char *s);           /* text_is_name() */
const char *wire_region(const char *s);
const char *wire_printable(const char *s);      /* no control or direction characters */
const char *wire_path(const char *s);           /* relative, stays below where it starts */
const char *wire_url(const char *s);            /* file:///, http://, https://; no secrets */
const char *wire_image(const char *s);          /* a container image reference */
const char *wire_env_key(const char *s);
const char *wire_sha256(const char *s);         /* as sha256sum writes it */

/* A text of 1 to `max` bytes under a rule. */
void wire_str(struct dec *d, const char *key, enum dec_need need, size_t max, wire_rule_fn rule,
	      const char **ret);

/* The same into `out`, which has room for `max` bytes and a NUL; absent, it stays as it was. */
void wire_text(struct dec *d, const char *key, enum dec_need need, size_t max, wire_rule_fn rule,
	       char *out);

/* RFC 3339 text into milliseconds. */
void wire_time(struct dec *d, const char *key, enum dec_need need, int64_t *ret_ms);

/* Start on a child object of `d`, and end it: its failure becomes that of `d`. */
void wire_begin(struct dec *child, struct dec *d, const json_t *obj, const char *path);
void wire_end(struct dec *child, struct dec *d);

/* 1500 -> 1.5, 2000 -> 2 (new reference).  Dump with JSON_REAL_PRECISION(15), else 0.1
 * is written with 17 digits. */
json_t *wire_milli(uint32_t milli);

/* Set a key, add to a list; they steal `v` and abort when out of memory.  The text form
 * leaves NULL out. */
void wire_append(json_t *list, json_t *v);
void wire_put(json_t *obj, const char *key, json_t *v);
void wire_put_str(json_t *obj, const char *key, const char *s);
void wire_put_int(json_t *obj, const char *key, int64_t v);
void wire_put_time(json_t *obj, const char *key, int64_t ms);   /* RFC 3339; 0 is left out */

/* Compact text of a value, in the arena. */
char *wire_dump(struct arena *a, const json_t *v);

#endif
