/* tls.h - TLS by OpenSSL over memory: ciphertext in, plaintext out, and back.
 *
 * TLS 1.2 and 1.3, ALPN h2 before http/1.1, session tickets. The context is
 * shared by all threads and read-only after tls_context_new; a session belongs
 * to one I/O thread. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/str.h"

struct tls_context;
struct tls_session;

/* PEM files. Errors name the file. */
enum error_code tls_context_new(const char *cert, const char *key, struct tls_context **context,
                                struct error *error) WARN_UNUSED;
void tls_context_free(struct tls_context *context);

struct tls_session *tls_session_new(struct tls_context *context); /* server side; NULL: no memory */
void tls_session_free(struct tls_session *session);

bool tls_session_feed(struct tls_session *session, struct str ciphertext); /* false: no memory */

enum tls_result { TLS_DATA, TLS_WAIT, TLS_CLOSED, TLS_FAILED };

/* Plaintext of what was fed; also drives the handshake. TLS_DATA: *len bytes, call again. */
enum tls_result tls_session_read(struct tls_session *session, char *to, size_t cap, size_t *len);
bool tls_session_write(struct tls_session *session, struct str plaintext); /* false: failed */
bool tls_session_take(struct tls_session *session, struct buf *out);       /* appends what is to be sent */
void tls_session_shut(struct tls_session *session);                        /* close_notify */
bool tls_session_is_established(const struct tls_session *session);

#endif
