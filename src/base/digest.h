/* digest.h - fingerprints: SM3 (GB/T 32905-2016) and SHA-256 (FIPS 180-4), by OpenSSL
 *
 * Both give 32 bytes.  A digest that cannot be had (OpenSSL built without it) is our own
 * broken installation and ends the process.  Any thread, each with a struct of its own.
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

enum { DIGEST_LEN = 32, DIGEST_HEX = 64 };

enum digest_kind { DIGEST_NONE, DIGEST_SM3 = 1, DIGEST_SHA256 = 2 };    /* kept in files: never renumber */

const char *digest_name(enum digest_kind k);            /* "sm3", "sha256" */
enum digest_kind digest_parse(const char *s);           /* DIGEST_NONE: neither */

/* A worker that is used again and again; _new never fails. */
struct digest;
struct digest *digest_new(void);
struct digest *digest_free(struct digest *d);           /* takes NULL; NULL back */
void digest_begin(struct digest *d, enum digest_kind k);
void digest_add(struct digest *d, const void *p, size_t n);
void digest_end(struct digest *d, uint8_t out[DIGEST_LEN]);

/* All at once. */
void digest_of(enum digest_kind k, const void *p, size_t n, uint8_t out[DIGEST_LEN]);

char *digest_hex(const uint8_t in[DIGEST_LEN], char out[DIGEST_HEX + 1]);       /* lower case */
int digest_unhex(const char *s, uint8_t out[DIGEST_LEN]);                       /* 0 or 1 */

#endif
