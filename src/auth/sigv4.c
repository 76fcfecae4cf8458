/* sigv4.c - the key, the string to sign and the comparison. What a request looks like in canonical form is
 * sigv4_canonical.c. See sigv4.h. */
#include "auth/sigv4.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/limits.h"
#include "core/util.h"

#define CANONICAL_MAX (1u << 20)
#define PRESIGNED_MAX_SECONDS 604800 /* a week: the service's own bound */
#define UNSIGNED_PAYLOAD STR("UNSIGNED-PAYLOAD")
#define TERMINATOR "aws4_request"

static enum auth_problem PRINTF_LIKE(2, 3) incomplete(struct error *error, const char *format, ...)
{
    char message[ERROR_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    error_set(error, ERROR_INVALID, "%s", message);
    return AUTH_INCOMPLETE;
}

static enum auth_problem no_memory(struct error *error)
{
    error_no_memory(error);
    return AUTH_DENIED;
}

struct sigv4_rules sigv4_rules_of(struct str service)
{
    bool is_s3 = str_eq(service, STR("s3"));
    return (struct sigv4_rules){.is_s3 = is_s3, .keeps_path = is_s3};
}

/* --- time --- */

void sigv4_timestamp(uint64_t now_s, char out[SIGV4_TIMESTAMP_LEN + 1])
{
    struct tm tm;
    time_t seconds = (time_t)now_s;
    gmtime_r(&seconds, &tm);
    strftime(out, SIGV4_TIMESTAMP_LEN + 1, "%Y%m%dT%H%M%SZ", &tm);
}

static bool parse_digits(struct str text, size_t from, size_t len, int *value)
{
    uint64_t number;
    if (!str_to_u64(str_slice(text, from, from + len), &number))
        return false;
    *value = (int)number;
    return true;
}

static bool parse_timestamp(struct str text, uint64_t *seconds)
{
    struct tm tm = {0};
    if (text.len != SIGV4_TIMESTAMP_LEN || text.data[8] != 'T' || text.data[15] != 'Z')
        return false;
    if (!parse_digits(text, 0, 4, &tm.tm_year) || !parse_digits(text, 4, 2, &tm.tm_mon) ||
        !parse_digits(text, 6, 2, &tm.tm_mday) || !parse_digits(text, 9, 2, &tm.tm_hour) ||
        !parse_digits(text, 11, 2, &tm.tm_min) || !parse_digits(text, 13, 2, &tm.tm_sec))
        return false;
    if (tm.tm_year < 1970 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 ||
        tm.tm_min > 59 || tm.tm_sec > 60)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *seconds = (uint64_t)timegm(&tm);
    return true;
}

/* --- reading the claim --- */

static bool has_query_parameter(struct str query, struct str name)
{
    struct str pair;
    while (str_split(&query, '&', &pair)) {
        if (str_starts(pair, name) && (pair.len == name.len || pair.data[name.len] == '='))
            return true;
    }
    return false;
}

bool sigv4_is_signed(const struct http_request *request)
{
    struct str authorization = http_header_get(request, "authorization");
    if (authorization.data)
        return str_starts(authorization, STR("AWS"));
    return has_query_parameter(request->query, STR("X-Amz-Algorithm"));
}

/* KEY/DATE/REGION/SERVICE/aws4_request */
static enum auth_problem read_credential(struct str credential, struct sigv4_claim *claim, struct error *error)
{
    struct str rest = credential, terminator = {NULL, 0};
    if (!credential.data)
        return incomplete(error, "Authorization header requires 'Credential' parameter.");
    bool is_whole = str_split(&rest, '/', &claim->key_id) && str_split(&rest, '/', &claim->date) &&
                    str_split(&rest, '/', &claim->region) && str_split(&rest, '/', &claim->service) &&
                    str_split(&rest, '/', &terminator) && !rest.data;
    if (!is_whole || !str_eq(terminator, STR(TERMINATOR)) || claim->key_id.len == 0)
        return incomplete(error, "Credential must have exactly 5 slash-delimited elements, "
                                 "e.g. keyid/date/region/service/aws4_request, got: '%.100s'",
                          credential.len > 100 ? "(too long)" : credential.data);
    return AUTH_OK;
}

static enum auth_problem read_header_claim(const struct http_request *request, struct str authorization,
                                           struct arena *arena, struct sigv4_claim *claim, struct error *error)
{
    struct str rest = authorization, part, credential = {NULL, 0};
    if (!str_split(&rest, ' ', &part) || !str_eq(part, STR(SIGV4_ALGORITHM)))
        return incomplete(error, "Authorization: expected the algorithm " SIGV4_ALGORITHM);
    while (str_split(&rest, ',', &part)) {
        struct str name, value = str_trim(part);
        if (!str_split(&value, '=', &name) || !value.data)
            continue;
        if (str_eq(name, STR("Credential")))
            credential = value;
        else if (str_eq(name, STR("SignedHeaders")))
            claim->signed_headers = value;
        else if (str_eq(name, STR("Signature")))
            claim->signature = value;
    }
    claim->timestamp = http_header_get(request, "x-amz-date");
    if (credential.data) {
        credential.data = arena_strdup(arena, credential); /* ends with NUL, for messages */
        if (!credential.data)
            return no_memory(error);
    }
    return read_credential(credential, claim, error);
}

static enum auth_problem read_query_claim(const struct http_request *request, struct arena *arena,
                                          struct sigv4_claim *claim, struct error *error)
{
    enum { PARAMETERS = 6 };
    struct str query = request->query;
    char *room = arena_alloc(arena, query.len + PARAMETERS);
    if (!room)
        return no_memory(error);
    claim->is_presigned = true;
    if (!str_eq(sigv4_query_value(query, STR("X-Amz-Algorithm"), &room), STR(SIGV4_ALGORITHM)))
        return incomplete(error, "X-Amz-Algorithm: expected " SIGV4_ALGORITHM);
    claim->signed_headers = sigv4_query_value(query, STR("X-Amz-SignedHeaders"), &room);
    claim->signature = sigv4_query_value(query, STR("X-Amz-Signature"), &room);
    claim->timestamp = sigv4_query_value(query, STR("X-Amz-Date"), &room);
    claim->expires = sigv4_query_value(query, STR("X-Amz-Expires"), &room);
    return read_credential(sigv4_query_value(query, STR("X-Amz-Credential"), &room), claim, error);
}

enum auth_problem sigv4_read_claim(const struct http_request *request, struct arena *arena, struct sigv4_claim *claim,
                                   struct error *error)
{
    *claim = (struct sigv4_claim){0};
    struct str authorization = http_header_get(request, "authorization");
    if (authorization.data)
        return read_header_claim(request, authorization, arena, claim, error);
    return read_query_claim(request, arena, claim, error);
}

/* --- the signature --- */

static void hmac(const void *key, size_t key_len, struct str data, uint8_t out[SHA256_LEN])
{
    unsigned len = SHA256_LEN;
    HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)data.data, data.len, out, &len);
}

struct scope {
    struct str date, region, service;
};

bool sigv4_signing_key(struct str secret, struct str date, struct str region, struct str service, uint8_t key[32])
{
    struct buf text;
    buf_init(&text, 8192);
    buf_append_text(&text, "AWS4");
    buf_append_str(&text, secret);
    bool is_done = !text.failed;
    if (is_done) {
        hmac(text.data, text.len, date, key);
        hmac(key, SHA256_LEN, region, key);
        hmac(key, SHA256_LEN, service, key);
        hmac(key, SHA256_LEN, STR(TERMINATOR), key);
    }
    if (text.data)
        OPENSSL_cleanse(text.data, text.len);
    buf_deinit(&text);
    return is_done;
}

/* What stands before the canonical request's hash in the text that is signed. */
static bool append_scope(struct buf *out, struct scope scope, struct str timestamp)
{
    return buf_appendf(out, SIGV4_ALGORITHM "\n" STR_FMT "\n" STR_FMT "/" STR_FMT "/" STR_FMT "/" TERMINATOR "\n",
                       STR_ARG(timestamp), STR_ARG(scope.date), STR_ARG(scope.region), STR_ARG(scope.service));
}

/* Appends the 64 hex digits that sign `canonical`. */
static bool append_signature(struct buf *out, struct str secret, struct scope scope, struct str timestamp,
                             struct str canonical)
{
    uint8_t key[SHA256_LEN], digest[SHA256_LEN];
    char hex[SIGV4_HEX_LEN + 1];
    struct buf text;
    bool is_done = sigv4_signing_key(secret, scope.date, scope.region, scope.service, key);
    buf_init(&text, 8192);
    sha256(canonical, digest);
    hex_encode(digest, sizeof(digest), hex);
    append_scope(&text, scope, timestamp);
    buf_append(&text, hex, SIGV4_HEX_LEN);
    is_done = is_done && !text.failed;
    if (is_done) {
        hmac(key, sizeof(key), buf_str(&text), digest);
        hex_encode(digest, sizeof(digest), hex);
        is_done = buf_append(out, hex, SIGV4_HEX_LEN);
    }
    buf_deinit(&text);
    OPENSSL_cleanse(key, sizeof(key));
    return is_done;
}

/* Canonical request and signature in one; appends the signature. */
static bool append_request_signature(struct buf *out, const struct http_request *request, struct str query,
                                     struct str signed_headers, struct str payload_hash, struct sigv4_rules rules,
                                     struct str secret, struct scope scope, struct str timestamp, struct arena *arena)
{
    struct buf canonical;
    buf_init(&canonical, CANONICAL_MAX);
    bool is_done =
        sigv4_canonical_request(request, query, signed_headers, payload_hash, rules, arena, &canonical) &&
        append_signature(out, secret, scope, timestamp, buf_str(&canonical));
    buf_deinit(&canonical);
    return is_done;
}

static struct str hash_payload(struct str body, char hex[SIGV4_HEX_LEN + 1])
{
    uint8_t digest[SHA256_LEN];
    sha256(body, digest);
    hex_encode(digest, sizeof(digest), hex);
    return (struct str){hex, SIGV4_HEX_LEN};
}

/* --- checking --- */

static enum auth_problem wrong_signature(struct error *error)
{
    error_set(error, ERROR_DENIED, "The request signature we calculated does not match the signature you provided. "
                                   "Check your AWS Secret Access Key and signing method.");
    return AUTH_BAD_SIGNATURE;
}

static enum auth_problem wrong_hash(struct error *error)
{
    error_set(error, ERROR_DENIED, "The body does not have the hash that x-amz-content-sha256 states.");
    return AUTH_BAD_SIGNATURE;
}

static bool has_signed(struct str signed_headers, struct str name)
{
    struct str signed_name;
    while (str_split(&signed_headers, ';', &signed_name)) {
        if (str_eq(signed_name, name))
            return true;
    }
    return false;
}

/* Headers that say what is to be done, for what price, and apart from whom: nobody on the way may add or change one. So
 * every header of the server's own begins with one of these. The session token may be added after signing, as some
 * services ask. */
static bool must_be_signed(struct str name)
{
    static const char *const meaningful[] = {"x-amz-", "x-amzn-bedrock-", "x-fulcrum-"};
    for (size_t i = 0; i < sizeof(meaningful) / sizeof(meaningful[0]); i++)
        if (str_starts(name, str_of(meaningful[i])))
            return !str_eq(name, STR("x-amz-security-token"));
    return false;
}

static enum auth_problem check_signed_headers(const struct http_request *request, const struct sigv4_claim *claim,
                                              struct error *error)
{
    uint64_t count = 1;
    for (size_t i = 0; i < claim->signed_headers.len; i++)
        count += claim->signed_headers.data[i] == ';';
    if (count > limit(header_count) + 1)
        return incomplete(error, "SignedHeaders names more than %" PRIu64 " headers.", limit(header_count));
    if (!has_signed(claim->signed_headers, STR("host")) && !has_signed(claim->signed_headers, STR(":authority")))
        return incomplete(error, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
    for (size_t i = 0; i < request->header_count; i++) {
        struct str name = request->headers[i].name;
        if (!must_be_signed(name) || has_signed(claim->signed_headers, name))
            continue;
        error_set(error, ERROR_DENIED, "The header '" STR_FMT "' must be among the signed headers.", STR_ARG(name));
        return AUTH_BAD_SIGNATURE;
    }
    return AUTH_OK;
}

static enum auth_problem check_parts(const struct http_request *request, const struct sigv4_claim *claim,
                                     struct error *error)
{
    if (claim->signature.len == 0)
        return incomplete(error, "Authorization header requires 'Signature' parameter.");
    if (claim->signed_headers.len == 0)
        return incomplete(error, "Authorization header requires 'SignedHeaders' parameter.");
    if (claim->timestamp.len == 0)
        return incomplete(error, "Authorization header requires existence of an 'X-Amz-Date' header.");
    return check_signed_headers(request, claim, error);
}

static enum auth_problem expired(struct error *error, const struct sigv4_claim *claim, uint64_t now_s, const char *how)
{
    char now[SIGV4_TIMESTAMP_LEN + 1];
    sigv4_timestamp(now_s, now);
    error_set(error, ERROR_INVALID, "Signature %s: " STR_FMT " is more than 15 minutes from the server's time %s.", how,
              STR_ARG(claim->timestamp), now);
    return AUTH_EXPIRED;
}

static enum auth_problem check_time(const struct sigv4_claim *claim, uint64_t now_s, struct error *error)
{
    uint64_t signed_s, lasts_s = SIGV4_SKEW_SECONDS;
    if (!parse_timestamp(claim->timestamp, &signed_s))
        return incomplete(error, "Date must be in ISO-8601 'basic format', e.g. 20150830T123600Z.");
    if (!str_eq(claim->date, str_slice(claim->timestamp, 0, 8)))
        return incomplete(error, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date.");
    if (claim->is_presigned &&
        (!str_to_u64(claim->expires, &lasts_s) || lasts_s == 0 || lasts_s > PRESIGNED_MAX_SECONDS))
        return incomplete(error, "X-Amz-Expires: expected 1 to %d seconds.", PRESIGNED_MAX_SECONDS);
    if (signed_s > now_s + SIGV4_SKEW_SECONDS)
        return expired(error, claim, now_s, "not yet current");
    if (now_s <= signed_s + lasts_s)
        return AUTH_OK;
    if (!claim->is_presigned)
        return expired(error, claim, now_s, "expired");
    error_set(error, ERROR_INVALID, "Request has expired: it was good for %" PRIu64 " seconds.", lasts_s);
    return AUTH_EXPIRED;
}

/* The payload hash that was signed, as far as the headers tell it; data NULL: the body has to come first. What they
 * say is compared with the body then, except with S3: there the body may go unsigned or be signed chunk by chunk, and
 * whoever takes it looks at that. */
static enum auth_problem stated_hash(const struct http_request *request, const struct sigv4_claim *claim,
                                     struct sigv4_rules rules, struct str *stated, struct error *error)
{
    *stated = http_header_get(request, "x-amz-content-sha256");
    if (rules.is_s3 && claim->is_presigned && !stated->data)
        *stated = UNSIGNED_PAYLOAD;
    if (rules.is_s3)
        return stated->data ? AUTH_OK
                            : incomplete(error, "Missing required header for this request: x-amz-content-sha256");
    bool is_no_hash = stated->data && stated->len != SIGV4_HEX_LEN;
    return is_no_hash ? wrong_hash(error) : AUTH_OK;
}

static enum auth_problem compare_signature(const struct sigv4_proof *proof, struct str payload_hash,
                                           struct error *error)
{
    uint8_t digest[SHA256_LEN];
    char hex[SIGV4_HEX_LEN + 1];
    struct buf text;
    buf_init(&text, CANONICAL_MAX);
    buf_append_str(&text, proof->canonical);
    buf_append_str(&text, payload_hash);
    sha256(buf_str(&text), digest);
    hex_encode(digest, sizeof(digest), hex);
    bool is_done = !text.failed;
    buf_clear(&text);
    buf_append_str(&text, proof->scope);
    buf_append(&text, hex, SIGV4_HEX_LEN);
    hmac(proof->key, sizeof(proof->key), buf_str(&text), digest);
    hex_encode(digest, sizeof(digest), hex);
    is_done = is_done && !text.failed;
    buf_deinit(&text);
    if (!is_done)
        return no_memory(error);
    if (CRYPTO_memcmp(hex, proof->signature, SIGV4_HEX_LEN) == 0)
        return AUTH_OK;
    return wrong_signature(error);
}

/* Gathers what the signature is made of. False: no memory. */
static bool prepare_proof(const struct http_request *request, const struct sigv4_claim *claim, struct str secret,
                          struct sigv4_rules rules, struct arena *arena, struct sigv4_proof *proof)
{
    const struct scope scope = {claim->date, claim->region, claim->service};
    struct buf text;
    buf_init(&text, CANONICAL_MAX);
    bool is_done =
        sigv4_canonical_request(request, request->query, claim->signed_headers, STR(""), rules, arena, &text) &&
        arena_str(arena, buf_str(&text), &proof->canonical);
    buf_clear(&text);
    is_done = is_done && append_scope(&text, scope, claim->timestamp) &&
              arena_str(arena, buf_str(&text), &proof->scope) &&
              sigv4_signing_key(secret, claim->date, claim->region, claim->service, proof->key);
    buf_deinit(&text);
    return is_done;
}

enum auth_problem sigv4_verify_head(const struct http_request *request, const struct sigv4_claim *claim,
                                    struct str secret, struct sigv4_rules rules, uint64_t now_s, struct arena *arena,
                                    struct sigv4_proof *proof, struct error *error)
{
    struct str stated = {NULL, 0};
    *proof = (struct sigv4_proof){.owed = SIGV4_SIGNATURE_OWED};
    enum auth_problem problem = check_parts(request, claim, error);
    if (!problem)
        problem = check_time(claim, now_s, error);
    if (!problem && claim->signature.len != SIGV4_HEX_LEN)
        problem = wrong_signature(error);
    if (!problem)
        problem = stated_hash(request, claim, rules, &stated, error);
    if (problem)
        return problem;
    memcpy(proof->signature, claim->signature.data, SIGV4_HEX_LEN);
    if (!prepare_proof(request, claim, secret, rules, arena, proof))
        return no_memory(error);
    if (!stated.data)
        return AUTH_OK;
    proof->owed = rules.is_s3 ? SIGV4_PROVEN : SIGV4_HASH_OWED;
    if (!arena_str(arena, stated, &proof->stated))
        return no_memory(error);
    return compare_signature(proof, stated, error);
}

enum auth_problem sigv4_verify_body(const struct sigv4_proof *proof, struct str body, struct error *error)
{
    char hex[SIGV4_HEX_LEN + 1];
    if (proof->owed == SIGV4_PROVEN)
        return AUTH_OK;
    struct str payload_hash = hash_payload(body, hex);
    if (proof->owed == SIGV4_SIGNATURE_OWED)
        return compare_signature(proof, payload_hash, error);
    return str_eq(proof->stated, payload_hash) ? AUTH_OK : wrong_hash(error);
}

enum auth_problem sigv4_verify(const struct http_request *request, const struct sigv4_claim *claim, struct str secret,
                               struct sigv4_rules rules, uint64_t now_s, struct arena *arena, struct error *error)
{
    struct sigv4_proof proof;
    enum auth_problem problem = sigv4_verify_head(request, claim, secret, rules, now_s, arena, &proof, error);
    return problem ? problem : sigv4_verify_body(&proof, request->body, error);
}

/* --- signing --- */

static int compare_names(const void *left, const void *right)
{
    const struct str *a = left, *b = right;
    size_t shorter = a->len < b->len ? a->len : b->len;
    int order = shorter ? memcmp(a->data, b->data, shorter) : 0;
    return order ? order : (a->len > b->len) - (a->len < b->len);
}

/* "host;x-amz-date": the names of all headers, each once, sorted. */
static bool append_header_names(struct buf *out, const struct http_request *request, struct arena *arena)
{
    struct str *names = ARENA_ARRAY(arena, struct str, request->header_count + 1);
    if (!names)
        return false;
    for (size_t i = 0; i < request->header_count; i++)
        names[i] = request->headers[i].name;
    qsort(names, request->header_count, sizeof(*names), compare_names);
    for (size_t i = 0; i < request->header_count; i++) {
        if (i && str_eq(names[i - 1], names[i]))
            continue;
        if (i)
            buf_append_char(out, ';');
        buf_append_str(out, names[i]);
    }
    return !out->failed;
}

static bool append_credential(struct buf *out, const struct sigv4_signer *signer, struct scope scope)
{
    return buf_appendf(out, STR_FMT "/" STR_FMT "/" STR_FMT "/" STR_FMT "/" TERMINATOR, STR_ARG(signer->key_id),
                       STR_ARG(scope.date), STR_ARG(scope.region), STR_ARG(scope.service));
}

enum error_code sigv4_sign(const struct http_request *request, const struct sigv4_signer *signer, struct arena *arena,
                           struct buf *authorization, struct error *error)
{
    char timestamp[SIGV4_TIMESTAMP_LEN + 1], hex[SIGV4_HEX_LEN + 1];
    sigv4_timestamp(signer->now_s, timestamp);
    struct scope scope = {{timestamp, 8}, signer->region, signer->service};
    struct str payload_hash = http_header_get(request, "x-amz-content-sha256");
    if (!payload_hash.data)
        payload_hash = hash_payload(request->body, hex);
    struct buf names;
    buf_init(&names, CANONICAL_MAX);
    bool is_done = append_header_names(&names, request, arena);
    buf_append_text(authorization, SIGV4_ALGORITHM " Credential=");
    append_credential(authorization, signer, scope);
    buf_appendf(authorization, ", SignedHeaders=" STR_FMT ", Signature=", STR_ARG(buf_str(&names)));
    is_done = is_done && append_request_signature(authorization, request, request->query, buf_str(&names), payload_hash,
                                                  signer->rules, signer->secret, scope, str_of(timestamp), arena);
    buf_deinit(&names);
    return is_done && !authorization->failed ? OK : error_no_memory(error);
}

static void append_presigned_parameters(struct buf *query, const struct sigv4_signer *signer, struct scope scope,
                                        const char *timestamp, uint64_t expires_s, struct str names)
{
    struct buf credential;
    buf_init(&credential, 4096);
    append_credential(&credential, signer, scope);
    buf_append_text(query, "X-Amz-Algorithm=" SIGV4_ALGORITHM "&X-Amz-Credential=");
    sigv4_append_encoded(query, buf_str(&credential), false);
    buf_appendf(query, "&X-Amz-Date=%s&X-Amz-Expires=%" PRIu64 "&X-Amz-SignedHeaders=", timestamp, expires_s);
    sigv4_append_encoded(query, names, false);
    if (signer->session_token.len) {
        buf_append_text(query, "&X-Amz-Security-Token=");
        sigv4_append_encoded(query, signer->session_token, false);
    }
    query->failed = query->failed || credential.failed;
    buf_deinit(&credential);
}

enum error_code sigv4_presign(const struct http_request *request, const struct sigv4_signer *signer, uint64_t expires_s,
                              struct arena *arena, struct buf *query, struct error *error)
{
    char timestamp[SIGV4_TIMESTAMP_LEN + 1], hex[SIGV4_HEX_LEN + 1];
    sigv4_timestamp(signer->now_s, timestamp);
    struct scope scope = {{timestamp, 8}, signer->region, signer->service};
    struct str payload_hash = signer->rules.is_s3 ? UNSIGNED_PAYLOAD : hash_payload(request->body, hex);
    size_t start = query->len;
    buf_append_str(query, request->query);
    if (request->query.len)
        buf_append_char(query, '&');
    struct buf names, signature;
    buf_init(&names, CANONICAL_MAX);
    buf_init(&signature, SIGV4_HEX_LEN);
    bool is_done = append_header_names(&names, request, arena);
    append_presigned_parameters(query, signer, scope, timestamp, expires_s, buf_str(&names));
    is_done = is_done && !query->failed &&
              append_request_signature(&signature, request, str_slice(buf_str(query), start, query->len),
                                       buf_str(&names), payload_hash, signer->rules, signer->secret, scope,
                                       str_of(timestamp), arena);
    buf_appendf(query, "&X-Amz-Signature=" STR_FMT, STR_ARG(buf_str(&signature)));
    buf_deinit(&signature);
    buf_deinit(&names);
    return is_done && !query->failed ? OK : error_no_memory(error);
}
