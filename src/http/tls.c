/* tls.c - TLS under the server's connections, by OpenSSL on buffers in memory */

#include "http/tls.h"

#include "base/keyfile.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUBJECT_MAX = 512, KEY_MAX = 64 << 10 };

/* Mozilla, server side TLS 5.7, "intermediate"; the suites of TLS 1.3 are all of that kind. */
static const char suites[] =
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

struct http_tls {
	const struct http_tls_config *c;
	SSL_CTX *ctx;
};

struct http_tls_conn {
	SSL *ssl;
	BIO *in, *out;                  /* owned by ssl */
	char subject[SUBJECT_MAX];
};

/* ---- files ---- */

static int broken(struct err *err, const char *what, const char *path)
{
	char words[120] = "unreadable";
	unsigned long e = ERR_get_error();

	if (e)
		ERR_error_string_n(e, words, sizeof(words));
	ERR_clear_error();
	return err_set(err, -EINVAL, "%s %.80s cannot be used: %s", what, path, words);
}

/* Nobody is there to type one. */
static int no_passphrase(char *out, int size, int rwflag, void *arg)
{
	return 0;
}

static int load_key(SSL_CTX *ctx, const char *name, struct err *err)
{
	char pem[KEY_MAX];
	EVP_PKEY *key = NULL;
	BIO *bio;
	size_t n;
	int r = keyfile_read(name, pem, sizeof(pem), &n, err);

	if (r)
		return err_prefix(err, r < 0 ? r : -EACCES, "the key ");
	bio = BIO_new_mem_buf(pem, (int)n);
	if (bio)
		key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	r = key && SSL_CTX_use_PrivateKey(ctx, key) == 1 ? 0 : broken(err, "the key", name);
	EVP_PKEY_free(key);
	BIO_free(bio);
	explicit_bzero(pem, sizeof(pem));
	return r;
}

static int load_clients(SSL_CTX *ctx, const struct http_tls_config *c, struct err *err)
{
	int mode = SSL_VERIFY_PEER;

	if (!c->client_ca)
		return 0;
	if (SSL_CTX_load_verify_locations(ctx, c->client_ca, NULL) != 1)
		return broken(err, "the authority of clients", c->client_ca);
	SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(c->client_ca));
	if (c->client_required)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_CTX_set_verify(ctx, mode, NULL);
	return 0;
}

static int load(const struct http_tls_config *c, SSL_CTX *ctx, struct err *err)
{
	int r;

	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
			    SSL_OP_CIPHER_SERVER_PREFERENCE);
	/* An idle connection gives its buffers back. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"suanlu", 6);
	if (SSL_CTX_set_cipher_list(ctx, suites) != 1)
		return broken(err, "the list of suites", "");
	if (SSL_CTX_use_certificate_chain_file(ctx, c->certificate) != 1)
		return broken(err, "the certificate", c->certificate);
	r = load_key(ctx, c->key, err);
	if (r)
		return r;
	if (SSL_CTX_check_private_key(ctx) != 1)
		return broken(err, "the key, which is not that of the certificate,", c->key);
	return load_clients(ctx, c, err);
}

int http_tls_reload(struct http_tls *t, struct err *err)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int r;

	if (!ctx)
		return err_set(err, -ENOMEM, "TLS cannot be used here");
	r = load(t->c, ctx, err);
	if (r) {
		SSL_CTX_free(ctx);
		return r;
	}
	SSL_CTX_free(t->ctx);           /* open connections hold the old one */
	t->ctx = ctx;
	return 0;
}

int http_tls_new(const struct http_tls_config *c, struct http_tls **ret, struct err *err)
{
	struct http_tls *t = mem_alloc(sizeof(*t));
	int r;

	t->c = c;
	r = http_tls_reload(t, err);
	if (r)
		http_tls_free(t);
	else
		*ret = t;
	return r;
}

struct http_tls *http_tls_free(struct http_tls *t)
{
	if (t)
		SSL_CTX_free(t->ctx);
	free(t);
	return NULL;
}

/* ---- a connection ---- */

struct http_tls_conn *tls_conn_new(struct http_tls *t)
{
	struct http_tls_conn *c = mem_alloc(sizeof(*c));

	c->ssl = SSL_new(t->ctx);
	c->in = BIO_new(BIO_s_mem());
	c->out = BIO_new(BIO_s_mem());
	if (!c->ssl || !c->in || !c->out)
		abort();        /* no memory */
	BIO_set_mem_eof_return(c->in, -1);      /* empty means later, not never */
	SSL_set_bio(c->ssl, c->in, c->out);
	SSL_set_accept_state(c->ssl);
	return c;
}

struct http_tls_conn *tls_conn_free(struct http_tls_conn *c)
{
	if (c)
		SSL_free(c->ssl);
	free(c);
	return NULL;
}

int tls_take(struct http_tls_conn *c, const void *p, size_t n)
{
	assert(n <= INT_MAX);
	return BIO_write(c->in, p, (int)n) == (int)n ? 0 : -ENOMEM;
}

static void note_subject(struct http_tls_conn *c)
{
	X509 *cert = SSL_get0_peer_certificate(c->ssl);
	BIO *b = cert ? BIO_new(BIO_s_mem()) : NULL;
	int n;

	if (!b || SSL_get_verify_result(c->ssl) != X509_V_OK)
		goto out;
	X509_NAME_print_ex(b, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
	n = BIO_read(b, c->subject, SUBJECT_MAX - 1);
	/* One that does not fit is none: a cut name could be somebody else's. */
	c->subject[n > 0 && n < SUBJECT_MAX - 1 ? n : 0] = '\0';
out:
	BIO_free(b);
}

int tls_shake(struct http_tls_conn *c)
{
	int r = SSL_do_handshake(c->ssl), e;

	if (r == 1) {
		note_subject(c);
		return 1;
	}
	e = SSL_get_error(c->ssl, r);
	ERR_clear_error();
	return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE ? 0 : -EPROTO;
}

int tls_read(struct http_tls_conn *c, void *p, size_t max)
{
	int r = SSL_read(c->ssl, p, (int)max), e;

	if (r > 0)
		return r;
	e = SSL_get_error(c->ssl, r);
	ERR_clear_error();
	return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE ? 0 : -EPIPE;
}

int tls_write(struct http_tls_conn *c, const void *p, size_t n)
{
	size_t sent = 0;

	/* Into memory, so all of it or nothing. */
	if (n && SSL_write_ex(c->ssl, p, n, &sent) != 1) {
		ERR_clear_error();
		return -EPIPE;
	}
	return 0;
}

void tls_bye(struct http_tls_conn *c)
{
	if (SSL_is_init_finished(c->ssl))
		SSL_shutdown(c->ssl);
	ERR_clear_error();
}

size_t tls_give(struct http_tls_conn *c, char **ret)
{
	long n = BIO_get_mem_data(c->out, ret);

	return n > 0 ? (size_t)n : 0;
}

void tls_given(struct http_tls_conn *c)
{
	(void)BIO_reset(c->out);
}

/* ---- who ---- */

const char *tls_subject(const struct http_tls_conn *c)
{
	return c->subject;
}

static bool is_name(const GENERAL_NAME *g, int type, const char *value)
{
	const ASN1_IA5STRING *s = g->type == type ? g->d.ia5 : NULL;

	return s && (size_t)ASN1_STRING_length(s) == strlen(value) &&
	       !memcmp(ASN1_STRING_get0_data(s), value, strlen(value));
}

bool tls_has_name(const struct http_tls_conn *c, const char *name)
{
	int type = !strncmp(name, "DNS:", 4) ? GEN_DNS : !strncmp(name, "URI:", 4) ? GEN_URI : -1;
	X509 *cert = SSL_get0_peer_certificate(c->ssl);
	GENERAL_NAMES *all;
	bool found = false;

	if (!cert || type < 0 || SSL_get_verify_result(c->ssl) != X509_V_OK)
		return false;
	all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; all && i < sk_GENERAL_NAME_num(all); i++)
		found |= is_name(sk_GENERAL_NAME_value(all, i), type, name + 4);
	GENERAL_NAMES_free(all);
	return found;
}
