/* digest.c - SM3 and SHA-256 through EVP, fetched once */

#include "base/digest.h"

#include "base/mem.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct digest {
	EVP_MD_CTX *ctx;
	EVP_MD *methods[DIGEST_SHA256 + 1];     /* NULL: not used yet */
	enum digest_kind last;                  /* the context is set up for this one */
};

static const char *const names[] = { [DIGEST_SM3] = "sm3", [DIGEST_SHA256] = "sha256" };

const char *digest_name(enum digest_kind k)
{
	return k == DIGEST_SM3 || k == DIGEST_SHA256 ? names[k] : "none";
}

enum digest_kind digest_parse(const char *s)
{
	for (enum digest_kind k = DIGEST_SM3; s && k <= DIGEST_SHA256; k++)
		if (!strcmp(s, names[k]))
			return k;
	return DIGEST_NONE;
}

/* EVP_sm3() looks its provider up at every use, which costs more than a short text does. */
static const EVP_MD *method(struct digest *d, enum digest_kind k)
{
	if (k != DIGEST_SM3 && k != DIGEST_SHA256)
		abort();
	if (!d->methods[k])
		d->methods[k] = EVP_MD_fetch(NULL, k == DIGEST_SM3 ? "SM3" : "SHA256", NULL);
	return d->methods[k];
}

struct digest *digest_new(void)
{
	struct digest *d = mem_alloc(sizeof(*d));

	d->ctx = EVP_MD_CTX_new();
	if (!d->ctx)
		abort();
	return d;
}

struct digest *digest_free(struct digest *d)
{
	if (!d)
		return NULL;
	EVP_MD_CTX_free(d->ctx);
	for (enum digest_kind k = DIGEST_SM3; k <= DIGEST_SHA256; k++)
		EVP_MD_free(d->methods[k]);
	free(d);
	return NULL;
}

void digest_begin(struct digest *d, enum digest_kind k)
{
	/* The same again costs a third. */
	if (EVP_DigestInit_ex2(d->ctx, k == d->last ? NULL : method(d, k), NULL) != 1)
		abort();
	d->last = k;
}

void digest_add(struct digest *d, const void *p, size_t n)
{
	if (EVP_DigestUpdate(d->ctx, p, n) != 1)
		abort();
}

void digest_end(struct digest *d, uint8_t out[DIGEST_LEN])
{
	unsigned n = 0;

	if (EVP_DigestFinal_ex(d->ctx, out, &n) != 1 || n != DIGEST_LEN)
		abort();
}

void digest_of(enum digest_kind k, const void *p, size_t n, uint8_t out[DIGEST_LEN])
{
	struct digest *d = digest_new();

	digest_begin(d, k);
	digest_add(d, p, n);
	digest_end(d, out);
	digest_free(d);
}

char *digest_hex(const uint8_t in[DIGEST_LEN], char out[DIGEST_HEX + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned i = 0; i < DIGEST_LEN; i++) {
		out[2 * i] = digits[in[i] >> 4];
		out[2 * i + 1] = digits[in[i] & 15];
	}
	out[DIGEST_HEX] = '\0';
	return out;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int digest_unhex(const char *s, uint8_t out[DIGEST_LEN])
{
	if (!s || strlen(s) != DIGEST_HEX)
		return 1;
	for (unsigned i = 0; i < DIGEST_LEN; i++) {
		int hi = nibble(s[2 * i]), lo = nibble(s[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return 1;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return 0;
}
