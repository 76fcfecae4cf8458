/* tenant.c - from credentials of any kind to a tenant. Whether a tenant may do what it asks for is for whoever is
 * asked. See tenant.h. */
#include "auth/tenant.h"

#include <openssl/crypto.h>
#include <stdio.h>

#include "auth/cookie.h"
#include "auth/sigv2.h"
#include "core/util.h"

#define SCRATCH_MAX (4u << 20)
#define KEY_NAME_DIGITS 12 /* of the hash, in the tenant name of an API key */

static enum auth_problem refuse(enum auth_problem problem, struct error *error, const char *message)
{
    error_set(error, problem == AUTH_INCOMPLETE ? ERROR_INVALID : ERROR_DENIED, "%s", message);
    return problem;
}

/* Names go into ledgers, logs and ARNs: no separators, nothing invisible. */
static bool copy_name(struct str from, char *to, size_t max)
{
    for (size_t i = 0; i < from.len; i++) {
        if (from.data[i] <= ' ' || from.data[i] >= 0x7f || strchr("/:,;\"'\\=", from.data[i]))
            return false;
    }
    if (from.len == 0 || from.len > max)
        return false;
    memcpy(to, from.data, from.len);
    to[from.len] = 0;
    return true;
}

static void be_tenant(const struct config_tenant *tenant, enum config_role role, struct auth_identity *identity)
{
    identity->is_admin = role == ROLE_ADMIN;
    snprintf(identity->tenant, sizeof(identity->tenant), "%s", tenant->name);
    snprintf(identity->account, sizeof(identity->account), "%s", tenant->account);
}

static const struct config_tenant *find_tenant(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->tenant_count; i++)
        if (!strcmp(config->tenants[i].name, name))
            return &config->tenants[i];
    return NULL;
}

/* --- virtual keys --- */

/* Whose the key is, if it is good. A key of a tenant that fulcrum.yaml has no more lets nobody in. */
static enum auth_problem be_key(const struct config *config, enum auth_key_state state, const struct auth_key *key,
                                struct auth_identity *identity, struct error *error)
{
    if (state == AUTH_KEY_MISSING)
        return refuse(AUTH_DENIED, error, "This API key is not known here: `fulcrum keys list` says which are.");
    if (state == AUTH_KEY_REVOKED)
        return refuse(AUTH_DENIED, error, "This API key was revoked.");
    if (state == AUTH_KEY_EXPIRED)
        return refuse(AUTH_DENIED, error, "This API key has expired.");
    const struct config_tenant *tenant = find_tenant(config, key->tenant);
    if (!tenant && config->tenant_count > 0)
        return refuse(AUTH_DENIED, error, "This API key is of a tenant that is not in fulcrum.yaml.");
    if (tenant)
        be_tenant(tenant, ROLE_VIEWER, identity);
    identity->is_admin = false;
    memcpy(identity->tenant, key->tenant, sizeof(identity->tenant));
    memcpy(identity->key_id, key->id, sizeof(identity->key_id));
    return AUTH_OK;
}

/* True: the token is that of a virtual key, and *problem is what follows. */
static bool identify_key(const struct auth_question *question, struct str token, struct auth_identity *identity,
                         enum auth_problem *problem, struct error *error)
{
    struct auth_key key;
    if (!question->keys)
        return false;
    const enum auth_key_state state = question->keys->by_token(question->keys->ctx, token, question->now_us, &key);
    if (state == AUTH_KEY_UNKNOWN)
        return false;
    *problem = be_key(question->config, state, &key, identity, error);
    return true;
}

/* --- signatures --- */

static const struct config_tenant *find_key(const struct config *config, struct str id, const struct config_key **key)
{
    for (size_t i = 0; i < config->tenant_count; i++) {
        const struct config_tenant *tenant = &config->tenants[i];
        for (size_t j = 0; j < tenant->key_count; j++) {
            if (str_eq(id, str_of(tenant->keys[j].id))) {
                *key = &tenant->keys[j];
                return tenant;
            }
        }
    }
    return NULL;
}

static uint64_t seconds(const struct auth_question *question)
{
    return question->now_us / 1000000;
}

/* Whom a signature is by: what it has to be checked with, and who that is. */
struct signer {
    struct str secret; /* data NULL: nobody checks it */
    const struct config_key *key;
    struct auth_key virtual_key;
};

/* A key of fulcrum.yaml, a virtual key, or without tenants anybody who gives a name. `unknown`: what else is said. */
static enum auth_problem find_signer(const struct auth_question *question, struct str id, const char *unknown,
                                     struct signer *signer, struct auth_identity *identity, struct error *error)
{
    const struct config *config = question->config;
    enum auth_key_state state = AUTH_KEY_UNKNOWN;
    *signer = (struct signer){.secret = {NULL, 0}};
    const struct config_tenant *tenant = find_key(config, id, &signer->key);
    if (tenant) {
        be_tenant(tenant, signer->key->role, identity);
        signer->secret = str_of(signer->key->secret);
        return AUTH_OK;
    }
    if (question->keys)
        state = question->keys->by_id(question->keys->ctx, id, question->now_us, &signer->virtual_key);
    if (state != AUTH_KEY_UNKNOWN) {
        signer->secret = str_of(signer->virtual_key.secret);
        return be_key(config, state, &signer->virtual_key, identity, error);
    }
    return config->tenant_count == 0 ? AUTH_OK : refuse(AUTH_UNKNOWN_KEY, error, unknown);
}

/* The signature fits. */
static void be_signer(const struct signer *signer, struct auth_identity *identity)
{
    identity->key = signer->key;
    memcpy(identity->key_secret, signer->virtual_key.secret, sizeof(identity->key_secret));
}

struct str auth_secret(const struct auth_identity *identity)
{
    if (identity->key)
        return str_of(identity->key->secret);
    return identity->key_secret[0] ? str_of(identity->key_secret) : (struct str){NULL, 0};
}

static enum auth_problem identify_signed(const struct auth_question *question, const struct http_request *request,
                                         struct arena *arena, struct auth_identity *identity,
                                         struct sigv4_proof *proof, struct error *error)
{
    struct sigv4_claim claim;
    struct signer signer;
    enum auth_problem problem = AUTH_OK;
    if (question->claim)
        claim = *question->claim;
    else
        problem = sigv4_read_claim(request, arena, &claim, error);
    if (problem)
        return problem;
    if (!copy_name(claim.region, identity->region, AUTH_SCOPE_MAX) ||
        !copy_name(claim.service, identity->service, AUTH_SCOPE_MAX))
        return refuse(AUTH_INCOMPLETE, error, "Credential should be scoped to a valid region and service.");
    problem = find_signer(question, claim.key_id, "The security token included in the request is invalid.", &signer,
                          identity, error);
    if (!problem && !signer.secret.data) {
        if (copy_name(claim.key_id, identity->tenant, AUTH_TENANT_MAX))
            return AUTH_OK;
        return refuse(AUTH_INCOMPLETE, error, "Credential: the access key ID is too long or has odd characters.");
    }
    if (!problem)
        problem = sigv4_verify_head(request, &claim, signer.secret, sigv4_rules_of(claim.service), seconds(question),
                                    arena, proof, error);
    if (!problem)
        be_signer(&signer, identity);
    return problem;
}

/* An old link names no region, and is S3's alone. */
static enum auth_problem identify_old_link(const struct auth_question *question, const struct http_request *request,
                                           struct arena *arena, struct auth_identity *identity, struct error *error)
{
    struct sigv2_claim claim;
    struct signer signer;
    enum auth_problem problem = sigv2_read_claim(request, arena, &claim, error);
    if (problem)
        return problem;
    (void)snprintf(identity->service, sizeof(identity->service), "s3");
    problem = find_signer(question, claim.key_id, "The AWS Access Key Id you provided does not exist in our records.",
                          &signer, identity, error);
    if (!problem && !signer.secret.data) {
        if (copy_name(claim.key_id, identity->tenant, AUTH_TENANT_MAX))
            return AUTH_OK;
        return refuse(AUTH_INCOMPLETE, error, "AWSAccessKeyId: it is too long or has odd characters.");
    }
    if (!problem)
        problem = sigv2_verify(request, &claim, signer.secret, seconds(question), arena, error);
    if (!problem)
        be_signer(&signer, identity);
    return problem;
}

/* --- API keys --- */

/* Looks at every hash, so that the time taken says nothing about any. */
static const struct config_tenant *find_token(const struct config *config, struct str token, enum config_role *role)
{
    uint8_t digest[SHA256_LEN];
    char hex[SIGV4_HEX_LEN + 1];
    const struct config_tenant *found = NULL;
    sha256(token, digest);
    hex_encode(digest, sizeof(digest), hex);
    for (size_t i = 0; i < config->tenant_count; i++) {
        const struct config_tenant *tenant = &config->tenants[i];
        for (size_t j = 0; j < tenant->bearer_count; j++) {
            if (CRYPTO_memcmp(tenant->bearer[j].sha256, hex, SIGV4_HEX_LEN) == 0) {
                found = tenant;
                *role = tenant->bearer[j].role;
            }
        }
    }
    return found;
}

static bool is_same_secret(struct str a, struct str b)
{
    uint8_t digests[2][SHA256_LEN];
    sha256(a, digests[0]);
    sha256(b, digests[1]);
    return CRYPTO_memcmp(digests[0], digests[1], SHA256_LEN) == 0;
}

bool auth_find_key(const struct config *config, struct str key, struct session *session)
{
    const struct config_key *access;
    struct str secret = key, id;
    *session = (struct session){.role = ROLE_VIEWER};
    session->tenant = find_token(config, key, &session->role);
    if (session->tenant)
        return true;
    const struct config_tenant *tenant = str_split(&secret, ':', &id) ? find_key(config, id, &access) : NULL;
    if (!tenant || !is_same_secret(secret, str_of(access->secret)))
        return false;
    session->tenant = tenant;
    session->role = access->role;
    return true;
}

static enum auth_problem identify_token(const struct auth_question *question, struct str token,
                                        struct auth_identity *identity, struct error *error)
{
    const struct config *config = question->config;
    enum config_role role = ROLE_VIEWER;
    enum auth_problem problem;
    if (identify_key(question, token, identity, &problem, error))
        return problem;
    if (config->tenant_count == 0) {
        uint8_t digest[SHA256_LEN];
        char hex[SIGV4_HEX_LEN + 1];
        sha256(token, digest);
        hex_encode(digest, sizeof(digest), hex);
        snprintf(identity->tenant, sizeof(identity->tenant), "key-%.*s", KEY_NAME_DIGITS, hex);
        return AUTH_OK;
    }
    const struct config_tenant *tenant = find_token(config, token, &role);
    if (!tenant)
        return refuse(AUTH_DENIED, error, "Authentication failed: Please make sure your API Key is valid.");
    be_tenant(tenant, role, identity);
    return AUTH_OK;
}

/* The token of "Authorization: Bearer TOKEN" or of x-api-key; data NULL without either. */
static struct str find_api_key(const struct http_request *request)
{
    struct str authorization = http_header_get(request, "authorization");
    if (str_eq_nocase(str_slice(authorization, 0, 7), STR("Bearer ")))
        return str_trim(str_slice(authorization, 7, authorization.len));
    return http_header_get(request, "x-api-key");
}

/* --- sessions --- */

static bool only_reads(const struct http_request *request)
{
    return str_eq(request->method, STR("GET")) || str_eq(request->method, STR("HEAD"));
}

static enum auth_problem identify_session(const struct auth_question *question, const struct http_request *request,
                                          struct str secret, struct auth_identity *identity, struct error *error)
{
    struct session session;
    const struct str token = http_header_get(request, SESSION_TOKEN_HEADER);
    if (!sessions_find(question->sessions, secret, question->now_us, &session))
        return refuse(AUTH_MISSING, error, "The session has ended: log in to the console again.");
    const bool needs_token = !question->is_console || !only_reads(request);
    if ((needs_token || token.data) && !session_token_fits(session.token, token))
        return refuse(AUTH_DENIED, error, "With a session's cookie the header " SESSION_TOKEN_HEADER
                                          " must carry the token of GET /fulcrum/session.");
    identity->has_session = true;
    if (session.tenant) {
        be_tenant(session.tenant, session.role, identity);
        return AUTH_OK;
    }
    identity->is_admin = true;
    identity->tenant[0] = '\0';
    return AUTH_OK;
}

/* The tenant that x-fulcrum-tenant names. */
static enum auth_problem act_for(const struct auth_question *question, struct str wanted,
                                 struct auth_identity *identity, struct error *error)
{
    const struct config *config = question->config;
    if (str_eq(wanted, str_of(identity->tenant)))
        return AUTH_OK;
    if (identity->key_id[0])
        return refuse(AUTH_DENIED, error, SESSION_TENANT_HEADER ": a virtual key acts for its own tenant alone.");
    if (config->tenant_count == 0) {
        if (copy_name(wanted, identity->tenant, AUTH_TENANT_MAX))
            return AUTH_OK;
        return refuse(AUTH_DENIED, error, SESSION_TENANT_HEADER ": the name is too long or has odd characters.");
    }
    if (!identity->has_session || !identity->is_admin)
        return refuse(AUTH_DENIED, error,
                      SESSION_TENANT_HEADER ": only an administrator's session acts for another tenant.");
    for (size_t i = 0; i < config->tenant_count; i++) {
        if (!str_eq(wanted, str_of(config->tenants[i].name)))
            continue;
        be_tenant(&config->tenants[i], ROLE_ADMIN, identity);
        return AUTH_OK;
    }
    return refuse(AUTH_DENIED, error, SESSION_TENANT_HEADER ": there is no tenant of this name in fulcrum.yaml.");
}

static enum auth_problem identify_credentials(const struct auth_question *question, const struct http_request *request,
                                              struct arena *arena, struct auth_identity *identity,
                                              struct sigv4_proof *proof, struct error *error)
{
    const struct config *config = question->config;
    if (sigv2_is_presigned(request))
        return identify_old_link(question, request, arena, identity, error);
    if (sigv4_is_signed(request))
        return identify_signed(question, request, arena, identity, proof, error);
    const struct str token = find_api_key(request);
    if (token.len)
        return identify_token(question, token, identity, error);
    if (config->tenant_count == 0)
        return AUTH_OK;
    const struct str secret = question->sessions ? cookie_get(request, STR(SESSION_COOKIE)) : (struct str){NULL, 0};
    if (secret.data)
        return identify_session(question, request, secret, identity, error);
    return refuse(AUTH_MISSING, error, "Missing Authentication Token");
}

static enum auth_problem identify(const struct auth_question *question, const struct http_request *request,
                                  struct arena *arena, struct auth_identity *identity, struct sigv4_proof *proof,
                                  struct error *error)
{
    enum auth_problem problem = identify_credentials(question, request, arena, identity, proof, error);
    const struct str wanted = http_header_get(request, SESSION_TENANT_HEADER);
    if (problem == AUTH_OK && wanted.data)
        problem = act_for(question, wanted, identity, error);
    if (problem == AUTH_OK && !identity->tenant[0] && !question->is_console)
        return refuse(AUTH_DENIED, error,
                      "This session is of no tenant: name the one it acts for in " SESSION_TENANT_HEADER ".");
    return problem;
}

static const struct auth_identity nobody = {.tenant = "default", .account = "000000000000", .region = "us-east-1"};

static enum error_code refused(enum auth_problem problem, struct auth_identity *identity, const struct error *error)
{
    if (problem == AUTH_OK)
        return OK;
    *identity = nobody;
    if (error->code != ERROR_NO_MEMORY)
        identity->problem = problem;
    return error->code;
}

enum error_code auth_identify_head(const struct auth_question *question, const struct http_request *request,
                                   struct arena *arena, struct auth_identity *identity, struct sigv4_proof *proof,
                                   struct error *error)
{
    *identity = nobody;
    identity->is_admin = question->config->tenant_count == 0;
    *proof = (struct sigv4_proof){.owed = SIGV4_PROVEN};
    return refused(identify(question, request, arena, identity, proof, error), identity, error);
}

enum error_code auth_identify_body(const struct sigv4_proof *proof, struct str body, struct auth_identity *identity,
                                   struct error *error)
{
    return refused(sigv4_verify_body(proof, body, error), identity, error);
}

enum error_code auth_identify(const struct auth_question *question, const struct http_request *request,
                              struct auth_identity *identity, struct error *error)
{
    struct arena arena;
    struct sigv4_proof proof;
    arena_init(&arena, SCRATCH_MAX);
    enum error_code code = auth_identify_head(question, request, &arena, identity, &proof, error);
    if (code == OK)
        code = auth_identify_body(&proof, request->body, identity, error);
    arena_deinit(&arena);
    return code;
}
