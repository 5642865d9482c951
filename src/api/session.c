/* session.c - the caller about itself */

#include "api/call.h"

#include "domain/wire.h"

void api_session_get(struct api_call *c)
{
	json_t *doc = token_json(&c->who);

	json_object_del(doc, "revoked");
	json_object_del(doc, "used");
	wire_put(doc, "session", json_boolean(c->who.session));
	reply_json(c, 200, doc);
}
