/* fuzz_jwt.c - tokens and key sets of a provider: any bytes; nothing but a right signature holds
 *
 * The input is a set of keys, a zero byte, and a token.  The key of the corpus is one whose
 * private half nobody has, so a token that holds is a finding.
 */

#include "domain/jwt.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct jwt_rules rules = { "https://id.city", "suanlu", 60, 1800000000000 };
	const uint8_t *zero = memchr(data, 0, n);
	size_t nset = zero ? (size_t)(zero - data) : n;
	struct jwks *set = NULL;
	json_t *claims = NULL;
	char *text, issuer[256];

	if (jwks_parse((const char *)data, nset, &set, NULL))
		set = NULL;
	text = zero ? strndup((const char *)zero + 1, n - nset - 1) : strdup("");
	jwt_issuer(text, issuer, sizeof(issuer));
	if (set) {
		jwks_count(set);
		if (!jwt_verify(text, set, &rules, &claims, NULL))
			json_decref(claims);
	}
	jwks_free(set);
	free(text);
	return 0;
}
