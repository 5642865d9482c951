/* password.c - passwords: which are good enough, how they are kept, one for the first time */

#include "domain/password.h"

#include "base/rng.h"
#include "domain/wire.h"

#include <argon2.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdint.h>
#include <string.h>

enum { LANES = 1, SALT_LEN = 16, TAG_LEN = 32, LETTERS_MIN = 5 };

static unsigned different(const char *s)
{
	bool seen[256] = { false };
	unsigned n = 0;

	for (; *s; s++) {
		n += !seen[(unsigned char)*s];
		seen[(unsigned char)*s] = true;
	}
	return n;
}

int password_check(const char *text, const char *user, const char *field, struct err *err)
{
	size_t n = strlen(text);

	if (n < PASSWORD_MIN || n > PASSWORD_MAX)
		return err_field(err, field, "must have %d to %d bytes; a sentence is easy to keep in mind",
				 PASSWORD_MIN, PASSWORD_MAX);
	if (wire_printable(text))
		return err_field(err, field, "%s", wire_printable(text));
	if (different(text) < LETTERS_MIN)
		return err_field(err, field, "must have at least %d different characters", LETTERS_MIN);
	if (strcasestr(text, user) && n < strlen(user) + PASSWORD_MIN)
		return err_field(err, field, "must have %d bytes beside the name of the account",
				 PASSWORD_MIN);
	return 0;
}

int password_hash(const char *text, char ret[PASSWORD_HASH_MAX])
{
	uint8_t salt[SALT_LEN];
	int r = rng_secret(salt, sizeof(salt));

	if (r < 0)
		return r;
	r = argon2id_hash_encoded(PASSWORD_PASSES, PASSWORD_MEMORY_KIB, LANES, text, strlen(text),
				  salt, sizeof(salt), TAG_LEN, ret, PASSWORD_HASH_MAX);
	return r == ARGON2_OK ? 0 : -ENOMEM;
}

bool password_is(const char *hash, const char *text)
{
	return argon2id_verify(hash, text, strlen(text)) == ARGON2_OK;
}

/* Without 0, 1, i and l, which are read for others. */
int password_once(char ret[PASSWORD_ONCE_LEN + 1])
{
	static const char letters[] = "abcdefghjkmnopqrstuvwxyz23456789";
	uint8_t secret[PASSWORD_ONCE_LEN];
	int r = rng_secret(secret, sizeof(secret));

	if (r < 0)
		return r;
	for (unsigned i = 0; i < PASSWORD_ONCE_LEN; i++)
		ret[i] = letters[secret[i] & 31];
	ret[PASSWORD_ONCE_LEN] = '\0';
	OPENSSL_cleanse(secret, sizeof(secret));
	return 0;
}
