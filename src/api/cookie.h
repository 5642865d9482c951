/* cookie.h - the two cookies: the bearer text of a browser, and its login under way (RFC 6265bis)
 *
 *	suanlu         a text that could stand behind "Authorization: Bearer".  Nothing of it is kept
 *	               here: it opens what the text opens, and ends with it.  SameSite=Strict
 *	suanlu-login   state, nonce and verifier while the browser is at its provider.  SameSite=Lax,
 *	               for it comes back from another site
 *
 * Both HttpOnly, for the whole host.  Where browsers come by https both are called __Host-…, which
 * no neighbour in the domain and nobody on the way can set (RFC 6265bis, 4.1.3.2).  Cookies know no
 * ports: another service of the same host name can, and gets ours.
 */
#ifndef API_COOKIE_H
#define API_COOKIE_H

#include "api/call.h"

enum { COOKIE_MAX = 4000 };             /* with its attributes; browsers keep 4,096 bytes */

enum cookie { COOKIE_BEARER, COOKIE_LOGIN };

const char *cookie_name(enum cookie which, bool https);

/* The value in a Cookie header, in the arena.  NULL: it is not there, there twice (one of them is
 * somebody else's, and which is not said), or is not of A-Z a-z 0-9 . _ ~ and -. */
const char *cookie_read(const char *header, const char *name, struct arena *a);
const char *cookie_get(struct api_call *c, enum cookie which);

/* A header of the answer to come.  seconds < 0: until the browser ends.  1: it would be larger than
 * COOKIE_MAX, and nothing was done. */
int cookie_set(struct api_call *c, enum cookie which, const char *value, int64_t seconds);
void cookie_clear(struct api_call *c, enum cookie which);

/* The whole value of Set-Cookie, in the arena; NULL: too large. */
const char *cookie_text(struct arena *a, enum cookie which, bool https, const char *value,
			int64_t seconds);

#endif
