/* sessions.h - who has logged in to the console.
 *
 * A session is a secret in a cookie (SESSION_COOKIE) that stands for a tenant and a role, and a token beside it that a
 * page may read and has to send with whatever changes something (SESSION_TOKEN_HEADER): another site's page can make a
 * browser send the cookie, but can't read the token. Sessions live in memory only: after a restart everybody logs in
 * again. They end when nobody used them for limit(session_idle_ms), at the latest after limit(session_ms); of one
 * tenant there are LIMIT_TENANT_SESSIONS at most, the one that was used least recently goes.
 *
 * The link is a secret that begins one session of an administrator of no tenant: for the operator, who reads it in the
 * server's log. There is one at a time, good once, for LINK_MINUTES.
 *
 * Secrets are kept as their SHA-256 and compared in constant time. Any thread; one mutex, for requests with our cookie
 * alone. `now_us` is clock_wall_us(). */
#ifndef AUTH_SESSIONS_H
#define AUTH_SESSIONS_H

#include "core/config.h"
#include "core/error.h"

#define SESSION_COOKIE "fulcrum_session"
#define SESSION_TOKEN_HEADER "x-fulcrum-token"
#define SESSION_TENANT_HEADER "x-fulcrum-tenant"
#define SESSION_SECRET_LEN 64 /* hex digits */
#define LINK_MINUTES 15

struct session {
    const struct config_tenant *tenant; /* NULL: of none, an administrator by the link */
    enum config_role role;
    char token[SESSION_SECRET_LEN + 1];
};

struct sessions;
enum error_code sessions_new(struct sessions **sessions, struct error *error) WARN_UNUSED;
void sessions_free(struct sessions *sessions); /* NULL is legal */

/* Fills in the token, and the secret for the cookie. */
enum error_code sessions_begin(struct sessions *sessions, uint64_t now_us, struct session *session,
                               char secret[SESSION_SECRET_LEN + 1], struct error *error) WARN_UNUSED;
/* The session of that secret, which counts as used. False: there is none, or it has ended. */
bool sessions_find(struct sessions *sessions, struct str secret, uint64_t now_us, struct session *session);
void sessions_end(struct sessions *sessions, struct str secret);
bool session_token_fits(const char token[SESSION_SECRET_LEN + 1], struct str given);

/* What pages send as the token where nobody logs in: one for the life of the process. */
const char *sessions_open_token(const struct sessions *sessions);

/* A new link in the place of the last one; whether `given` is it, which it is once. */
void sessions_make_link(struct sessions *sessions, uint64_t now_us, char link[SESSION_SECRET_LEN + 1]);
bool sessions_take_link(struct sessions *sessions, struct str given, uint64_t now_us);

/* Of one client's address (http_request.peer): false after limit(login_failures) within a minute, and *retry_s tells
 * when to come back. */
bool sessions_may_try(struct sessions *sessions, uint64_t peer, uint64_t now_us, unsigned *retry_s);
void sessions_note_failure(struct sessions *sessions, uint64_t peer, uint64_t now_us);

#endif
