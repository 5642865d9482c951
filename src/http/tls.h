/* tls.h - TLS under the server's connections: memory in, memory out, libuv moves the bytes
 *
 * TLS 1.2 and 1.3; for 1.2 only suites with forward secrecy and authenticated encryption, as
 * Mozilla's "intermediate" profile (5.7) lists them.  No renegotiation, no compression.
 * A client may be asked for a certificate of a given authority.
 *
 * State of a connection is made by its first byte, so a client that only connects costs
 * what it costs without TLS.  The first byte and the handshake have the time of a head each, and there
 * are at most HTTP_HELLO_MAX handshakes at once: beyond, the oldest makes room.
 */
#ifndef HTTP_TLS_H
#define HTTP_TLS_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct http_tls;
struct http_tls_conn;

struct http_tls_config {
	const char *certificate;        /* PEM, with the chain */
	const char *key;                /* PEM; readable by its owner alone, and that is us or root */
	const char *client_ca;          /* PEM; NULL: clients are not asked for a certificate */
	bool client_required;
};

/* Borrows the configuration.  Negative: a file cannot be used, and the words say which. */
int http_tls_new(const struct http_tls_config *c, struct http_tls **ret, struct err *err);
struct http_tls *http_tls_free(struct http_tls *t);     /* takes NULL; NULL back */
/* Read the files again, for connections from now on; on failure all stays as it is. */
int http_tls_reload(struct http_tls *t, struct err *err);

/* ---- for conn.c ---- */

struct http_tls_conn *tls_conn_new(struct http_tls *t);
struct http_tls_conn *tls_conn_free(struct http_tls_conn *c);   /* takes NULL; NULL back */

/* Bytes from the network.  Negative: they are no TLS we speak. */
int tls_take(struct http_tls_conn *c, const void *p, size_t n);
/* Go on with the handshake: 1 done, 0 more bytes are needed, negative: it failed. */
int tls_shake(struct http_tls_conn *c);
/* Plain bytes that have come: their number, 0 none now, negative: an end or an error. */
int tls_read(struct http_tls_conn *c, void *p, size_t max);
/* Plain bytes to go: what is to be sent for them is found by tls_give(). */
int tls_write(struct http_tls_conn *c, const void *p, size_t n);
/* "This was all" is to be sent. */
void tls_bye(struct http_tls_conn *c);

/* What waits to be sent; valid until the next call.  tls_given() forgets it. */
size_t tls_give(struct http_tls_conn *c, char **ret);
void tls_given(struct http_tls_conn *c);

/* The verified certificate of the client: its subject as RFC 2253 writes it, "" without one. */
const char *tls_subject(const struct http_tls_conn *c);
/* Is this one of its alternative names, "DNS:edge-1.city" or "URI:…"? */
bool tls_has_name(const struct http_tls_conn *c, const char *name);

#endif
