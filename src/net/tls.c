/* tls.c - OpenSSL's engine of memory buffers, and the files of a certificate. Which protocol is spoken inside is
 * protocol.c's. See tls.h. */
#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "core/mem.h"

struct tls_context {
    SSL_CTX *ctx;
};

struct tls_session {
    SSL *ssl;
    BIO *in, *out; /* owned by ssl */
};

static enum error_code fail(struct error *error, const char *what, const char *file)
{
    unsigned long code = ERR_get_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return error_set(error, ERROR_INVALID, "%s: %s%s%s", file, what, reason ? ": " : "", reason ? reason : "");
}

/* h2 before http/1.1, whatever the client's order: the AWS SDK for JavaScript needs it and others are glad of it. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                           unsigned in_len, void *user)
{
    static const unsigned char ours[] = "\x02h2\x08http/1.1";
    (void)ssl;
    (void)user;
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, out_len, ours, sizeof(ours) - 1, in, in_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static enum error_code load_files(SSL_CTX *ctx, const char *cert, const char *key, struct error *error)
{
    if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
        return fail(error, "cannot use the certificate chain (PEM expected)", cert);
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        return fail(error, "cannot use the private key (PEM expected)", key);
    if (SSL_CTX_check_private_key(ctx) != 1)
        return fail(error, "the private key does not belong to the certificate", key);
    return OK;
}

enum error_code tls_context_new(const char *cert, const char *key, struct tls_context **context, struct error *error)
{
    ERR_clear_error();
    struct tls_context *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    made->ctx = SSL_CTX_new(TLS_server_method());
    if (!made->ctx) {
        mem_free(made);
        return error_no_memory(error);
    }
    enum error_code code = load_files(made->ctx, cert, key, error);
    if (code != OK) {
        tls_context_free(made);
        return code;
    }
    (void)SSL_CTX_set_min_proto_version(made->ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(made->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(made->ctx, SSL_MODE_RELEASE_BUFFERS);
    /* Resumption by tickets only: a cache of sessions would be a lock shared by all threads. */
    SSL_CTX_set_session_cache_mode(made->ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(made->ctx, choose_protocol, NULL);
    *context = made;
    return OK;
}

void tls_context_free(struct tls_context *context)
{
    if (!context)
        return;
    SSL_CTX_free(context->ctx);
    mem_free(context);
}

struct tls_session *tls_session_new(struct tls_context *context)
{
    struct tls_session *session = mem_calloc(1, sizeof(*session));
    if (!session)
        return NULL;
    session->ssl = SSL_new(context->ctx);
    session->in = BIO_new(BIO_s_mem());
    session->out = BIO_new(BIO_s_mem());
    if (!session->ssl || !session->in || !session->out) {
        BIO_free(session->in);
        BIO_free(session->out);
        SSL_free(session->ssl);
        mem_free(session);
        return NULL;
    }
    SSL_set_bio(session->ssl, session->in, session->out);
    SSL_set_accept_state(session->ssl);
    return session;
}

void tls_session_free(struct tls_session *session)
{
    if (!session)
        return;
    SSL_free(session->ssl);
    mem_free(session);
}

bool tls_session_feed(struct tls_session *session, struct str ciphertext)
{
    return ciphertext.len == 0 || BIO_write(session->in, ciphertext.data, (int)ciphertext.len) == (int)ciphertext.len;
}

enum tls_result tls_session_read(struct tls_session *session, char *to, size_t cap, size_t *len)
{
    ERR_clear_error();
    int got = SSL_read(session->ssl, to, (int)cap);
    if (got > 0) {
        *len = (size_t)got;
        return TLS_DATA;
    }
    switch (SSL_get_error(session->ssl, got)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return TLS_WAIT;
    case SSL_ERROR_ZERO_RETURN: return TLS_CLOSED;
    default: ERR_clear_error(); return TLS_FAILED;
    }
}

bool tls_session_write(struct tls_session *session, struct str plaintext)
{
    while (plaintext.len > 0) {
        ERR_clear_error();
        size_t step = plaintext.len < 1048576 ? plaintext.len : 1048576;
        int put = SSL_write(session->ssl, plaintext.data, (int)step);
        if (put <= 0) /* memory takes everything, so this is an error, never a wait */
            return false;
        plaintext = str_slice(plaintext, (size_t)put, plaintext.len);
    }
    return true;
}

bool tls_session_take(struct tls_session *session, struct buf *out)
{
    char *data;
    long len = BIO_get_mem_data(session->out, &data);
    if (len <= 0)
        return true;
    bool ok = buf_append(out, data, (size_t)len);
    (void)BIO_reset(session->out);
    return ok;
}

void tls_session_shut(struct tls_session *session)
{
    ERR_clear_error();
    (void)SSL_shutdown(session->ssl);
    ERR_clear_error();
}

bool tls_session_is_established(const struct tls_session *session)
{
    return SSL_is_init_finished(session->ssl);
}
