/* console.c - the web console's files; what they may do is said in the headers */

#include "api/call.h"

#include "api/console.h"

#include <string.h>

/* Nothing from elsewhere, no frame around it.  Ant Design writes style elements as it goes, so styles
 * may stand in the page; scripts may not. */
static const char policy[] =
	"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
	"font-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

void api_home(struct api_call *c)
{
	http_reply_header(c->req, "Location", "/console/");
	http_reply(c->req, 302, "text/plain", "", 0);
}

void api_console(struct api_call *c)
{
	const char *name = *c->param ? c->param : "index.html";
	bool page = !strcmp(name, "index.html");
	const struct console_file *f = console_files;

	while (f->name && strcmp(f->name, name))
		f++;
	if (!f->name) {
		reply_no(c, NO_NOT_FOUND, NULL, console_files[0].name ? "the console has no such file" :
			 "this program was built without its console", NULL);
		return;
	}
	http_reply_header(c->req, "Content-Encoding", "gzip");
	/* The names of all but the page change with their content. */
	http_reply_header(c->req, "Cache-Control", page ? "no-cache" : "public, max-age=31536000, immutable");
	http_reply_header(c->req, "Content-Security-Policy", policy);
	http_reply_header(c->req, "Cross-Origin-Opener-Policy", "same-origin");
	http_reply_header(c->req, "Referrer-Policy", "no-referrer");
	http_reply(c->req, 200, f->type, f->data, (size_t)(f->end - f->data));
}
