/* tenant.h - who is asking.
 *
 * Without tenants in fulcrum.yaml nobody is refused: the tenant is the access
 * key ID of the signature (not checked), or a name made from the API key's
 * hash, or "default". With tenants every request must carry a signature, an
 * API key of one of them, or the cookie and the token of a session (sessions.h).
 * The header x-fulcrum-tenant names another tenant to act for: without tenants
 * anybody's, else an administrator's session alone may.
 *
 * Beside all of these stand keys that are made while the server runs (virtual
 * keys): whoever keeps them answers through struct auth_keys. Such a key is its
 * tenant's, with tenants or without, and acts for no other. Any thread. */
#ifndef AUTH_TENANT_H
#define AUTH_TENANT_H

#include "auth/sessions.h"
#include "auth/sigv4.h"
#include "core/config.h"
#include "core/error.h"
#include "net/http.h"

#define AUTH_TENANT_MAX 128
#define AUTH_SCOPE_MAX 32
#define AUTH_ACCOUNT_LEN 12
#define AUTH_KEY_ID_MAX 20
#define AUTH_KEY_SECRET_MAX 40

/* A virtual key, as who keeps them knows it. */
enum auth_key_state {
    AUTH_KEY_UNKNOWN, /* it is no virtual key */
    AUTH_KEY_GOOD,
    AUTH_KEY_REVOKED,
    AUTH_KEY_EXPIRED,
    AUTH_KEY_MISSING, /* it looks like one, and is none of these here */
};
struct auth_key {
    char id[AUTH_KEY_ID_MAX + 1]; /* its access key ID, too */
    char secret[AUTH_KEY_SECRET_MAX + 1]; /* that its signatures are made with; by_id alone knows it */
    char tenant[AUTH_TENANT_MAX + 1];
};
struct auth_keys {
    void *ctx;
    /* By its token, and by its ID. Any thread, at once. */
    enum auth_key_state (*by_token)(void *ctx, struct str token, uint64_t now_us, struct auth_key *key);
    enum auth_key_state (*by_id)(void *ctx, struct str id, uint64_t now_us, struct auth_key *key);
};

struct auth_identity {
    enum auth_problem problem; /* why it is refused; AUTH_OK when it isn't */
    char tenant[AUTH_TENANT_MAX + 1];
    char account[AUTH_ACCOUNT_LEN + 1];
    char region[AUTH_SCOPE_MAX + 1];  /* of the signature, else us-east-1 */
    char service[AUTH_SCOPE_MAX + 1]; /* of the signature, else "": the path tells */
    bool is_admin;                    /* may see what is other tenants'; without tenants everybody may */
    bool has_session;                 /* by its cookie */
    char key_id[AUTH_KEY_ID_MAX + 1]; /* of the virtual key; empty: it was none */
    char key_secret[AUTH_KEY_SECRET_MAX + 1]; /* likewise, where it signed */
    const struct config_key *key;     /* of fulcrum.yaml that the signature was checked with; NULL when none was */
};

struct auth_question {
    const struct config *config;
    struct sessions *sessions;       /* NULL: there are none */
    const struct auth_keys *keys;    /* NULL: there are none */
    const struct sigv4_claim *claim; /* what its signature says, where that was read already, or NULL */
    uint64_t now_us;                 /* clock_wall_us() */
    /* It asks the console: the cookie alone does for what only reads, and a session of no tenant may, whose
     * identity's tenant is empty then. */
    bool is_console;
};

/* By the headers alone, before a body is taken. *proof, in the arena, is for
 * auth_identify_body, but for S3's body, which whoever takes it compares with
 * x-amz-content-sha256. On an error identity->problem
 * says which of the service's names it has; it stays AUTH_OK when memory is out,
 * which is not the caller's fault. */
enum error_code auth_identify_head(const struct auth_question *question, const struct http_request *request,
                                   struct arena *arena, struct auth_identity *identity, struct sigv4_proof *proof,
                                   struct error *error) WARN_UNUSED;

/* The rest of it, of a request whose headers were in order. */
enum error_code auth_identify_body(const struct sigv4_proof *proof, struct str body, struct auth_identity *identity,
                                   struct error *error) WARN_UNUSED;

/* What the signature was checked with; data NULL: none was checked. */
struct str auth_secret(const struct auth_identity *identity);

/* Both in one: all of the request must be there. */
enum error_code auth_identify(const struct auth_question *question, const struct http_request *request,
                              struct auth_identity *identity, struct error *error) WARN_UNUSED;

/* Whom a key that somebody types stands for: an API key, or an access key as ID:SECRET. False: for nobody. */
bool auth_find_key(const struct config *config, struct str key, struct session *session);

#endif
