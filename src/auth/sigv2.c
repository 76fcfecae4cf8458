/* sigv2.c - Signature Version 2 of query strings, checked only: nothing here is ever signed with it. See sigv2.h. */
#include "auth/sigv2.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#include "core/limits.h"
#include "core/util.h"

#define TEXT_MAX (1u << 20)

struct pair {
    struct str name, value; /* value data NULL: a name alone */
};

/* --- the query --- */

static struct str find_raw(struct str query, const char *name)
{
    struct str pair, found;
    while (str_split(&query, '&', &pair)) {
        (void)str_split(&pair, '=', &found);
        if (str_eq(found, str_of(name)))
            return pair.data ? pair : STR("");
    }
    return (struct str){NULL, 0};
}

bool sigv2_is_presigned(const struct http_request *request)
{
    return !http_header_get(request, "authorization").data && find_raw(request->query, "AWSAccessKeyId").data;
}

enum auth_problem sigv2_read_claim(const struct http_request *request, struct arena *arena, struct sigv2_claim *claim,
                                   struct error *error)
{
    const struct {
        const char *name;
        struct str *value;
    } parts[] = {{"AWSAccessKeyId", &claim->key_id}, {"Expires", &claim->expires}, {"Signature", &claim->signature}};
    *claim = (struct sigv2_claim){0};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct str raw = find_raw(request->query, parts[i].name);
        if (raw.data && http_percent_decode(raw, arena, parts[i].value) && parts[i].value->len > 0)
            continue;
        error_set(error, ERROR_INVALID,
                  "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters: %s is "
                  "missing.",
                  parts[i].name);
        return AUTH_INCOMPLETE;
    }
    return AUTH_OK;
}

/* --- what is signed --- */

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    size_t len = x->name.len < y->name.len ? x->name.len : y->name.len;
    int order = len > 0 ? memcmp(x->name.data, y->name.data, len) : 0;
    return order != 0 ? order : (x->name.len > y->name.len) - (x->name.len < y->name.len);
}

static void sort_pairs(struct pair *pairs, size_t count)
{
    if (count > 1)
        qsort(pairs, count, sizeof(*pairs), compare_pairs);
}

static bool lower_copy(struct arena *arena, struct str text, struct str *lower)
{
    char *letters = arena_strdup(arena, text);
    *lower = (struct str){letters, text.len};
    for (size_t i = 0; letters && i < lower->len; i++)
        if (letters[i] >= 'A' && letters[i] <= 'Z')
            letters[i] = (char)(letters[i] + ('a' - 'A'));
    return letters != NULL;
}

static bool is_amz(struct str name)
{
    return str_eq_nocase(str_slice(name, 0, 6), STR("x-amz-"));
}

/* x-amz- headers of both places, those of the query where there is no header of the name. Repeated ones are joined by
 * commas, as they came. */
static bool append_amz_headers(struct buf *out, const struct http_request *request, struct arena *arena)
{
    struct str rest = request->query, each;
    size_t count = 0, most = request->header_count + 1;
    for (size_t i = 0; i < request->query.len; i++)
        most += request->query.data[i] == '&';
    struct pair *pairs = arena_array(arena, most + 1, sizeof(*pairs));
    if (!pairs)
        return false;
    for (size_t i = 0; i < request->header_count; i++)
        if (is_amz(request->headers[i].name))
            pairs[count++] = (struct pair){request->headers[i].name, request->headers[i].value};
    while (str_split(&rest, '&', &each)) {
        struct pair pair;
        struct str name;
        (void)str_split(&each, '=', &name);
        if (!is_amz(name))
            continue;
        if (!lower_copy(arena, name, &pair.name) ||
            !http_percent_decode(each.data ? each : STR(""), arena, &pair.value))
            return false;
        if (!http_header_get(request, pair.name.data).data)
            pairs[count++] = pair;
    }
    sort_pairs(pairs, count);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && str_eq(pairs[i - 1].name, pairs[i].name)) {
            out->len--; /* the line goes on */
            buf_append_char(out, ',');
        } else {
            buf_append_str(out, pairs[i].name);
            buf_append_char(out, ':');
        }
        buf_append_str(out, pairs[i].value);
        buf_append_char(out, '\n');
    }
    return !out->failed;
}

static bool is_signed_parameter(struct str name)
{
    static const char *const names[] = {
        "accelerate", "acl", "analytics", "cors", "defaultObjectAcl", "delete", "inventory", "lifecycle", "location",
        "logging", "metrics", "notification", "object-lock", "partNumber", "policy", "policyStatus",
        "publicAccessBlock", "replication", "requestPayment", "response-cache-control",
        "response-content-disposition", "response-content-encoding", "response-content-language",
        "response-content-type", "response-expires", "restore", "tagging", "torrent", "uploadId", "uploads",
        "versionId", "versioning", "versions", "website",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (str_eq(name, str_of(names[i])))
            return true;
    return false;
}

/* `slash`: put behind the path. */
static bool append_resource(struct buf *out, const struct http_request *request, const char *slash,
                            struct arena *arena)
{
    struct str rest = request->query, each;
    size_t count = 0, most = 1;
    for (size_t i = 0; i < request->query.len; i++)
        most += request->query.data[i] == '&';
    struct pair *pairs = arena_array(arena, most, sizeof(*pairs));
    if (!pairs)
        return false;
    while (str_split(&rest, '&', &each)) {
        struct pair pair;
        (void)str_split(&each, '=', &pair.name);
        if (!is_signed_parameter(pair.name))
            continue;
        pair.value = (struct str){NULL, 0};
        if (each.data && !http_percent_decode(each, arena, &pair.value))
            return false;
        pairs[count++] = pair;
    }
    sort_pairs(pairs, count);
    buf_append_str(out, request->path);
    buf_append_text(out, slash);
    for (size_t i = 0; i < count; i++) {
        buf_append_char(out, i == 0 ? '?' : '&');
        buf_append_str(out, pairs[i].name);
        if (pairs[i].value.len == 0)
            continue;
        buf_append_char(out, '=');
        buf_append_str(out, pairs[i].value);
    }
    return !out->failed;
}

/* Of a header, or a parameter of that name. */
static bool append_line(struct buf *out, const struct http_request *request, const char *name, struct arena *arena)
{
    struct str value = http_header_get(request, name);
    struct str raw = value.data ? (struct str){NULL, 0} : find_raw(request->query, name);
    if (raw.data && !http_percent_decode(raw, arena, &value))
        return false;
    buf_append_str(out, value);
    return buf_append_char(out, '\n');
}

static bool append_text(struct buf *out, const struct http_request *request, const struct sigv2_claim *claim,
                        const char *slash, struct arena *arena)
{
    buf_append_str(out, request->method);
    buf_append_char(out, '\n');
    if (!append_line(out, request, "content-md5", arena) || !append_line(out, request, "content-type", arena))
        return false;
    buf_append_str(out, claim->expires);
    buf_append_char(out, '\n');
    return append_amz_headers(out, request, arena) && append_resource(out, request, slash, arena);
}

/* --- checking --- */

/* Appends the base64 of the text's HMAC. */
static bool append_digest(struct buf *out, struct str text, struct str secret)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = sizeof(digest);
    HMAC(EVP_sha1(), secret.data, (int)secret.len, (const unsigned char *)text.data, text.len, digest, &len);
    return buf_append_base64(out, digest, len);
}

/* False: no memory. */
static bool check_signature(const struct http_request *request, const struct sigv2_claim *claim, const char *slash,
                            struct str secret, struct arena *arena, bool *is_good)
{
    struct buf text, wanted;
    buf_init(&text, TEXT_MAX);
    buf_init(&wanted, 2 * EVP_MAX_MD_SIZE);
    bool is_done = append_text(&text, request, claim, slash, arena) && append_digest(&wanted, buf_str(&text), secret);
    *is_good = is_done && wanted.len == claim->signature.len &&
               CRYPTO_memcmp(wanted.data, claim->signature.data, wanted.len) == 0;
    buf_deinit(&text);
    buf_deinit(&wanted);
    return is_done;
}

/* What is left to fail while the text is made is memory. */
static bool has_bad_escape(struct str query)
{
    for (size_t i = 0; i < query.len; i++)
        if (query.data[i] == '%' &&
            (query.len - i < 3 || hex_digit(query.data[i + 1]) < 0 || hex_digit(query.data[i + 2]) < 0))
            return true;
    return false;
}

enum auth_problem sigv2_verify(const struct http_request *request, const struct sigv2_claim *claim, struct str secret,
                               uint64_t now_s, struct arena *arena, struct error *error)
{
    uint64_t expires_s;
    if (!str_to_u64(claim->expires, &expires_s)) {
        error_set(error, ERROR_INVALID, "Expires: expected seconds since 1970.");
        return AUTH_INCOMPLETE;
    }
    if (expires_s < now_s) {
        error_set(error, ERROR_INVALID, "Request has expired.");
        return AUTH_EXPIRED;
    }
    if (has_bad_escape(request->query)) {
        error_set(error, ERROR_INVALID, "The query has a percent sign without two hexadecimal digits behind it.");
        return AUTH_INCOMPLETE;
    }
    bool is_good = false;
    bool is_done = check_signature(request, claim, "", secret, arena, &is_good);
    /* Some sign a bucket's path with a slash at its end and send it without. */
    if (is_done && !is_good && request->path.len > 1 && str_find_char(request->path, '/', 1) < 0)
        is_done = check_signature(request, claim, "/", secret, arena, &is_good);
    if (!is_done) {
        error_no_memory(error);
        return AUTH_DENIED;
    }
    if (is_good)
        return AUTH_OK;
    error_set(error, ERROR_DENIED, "The request signature we calculated does not match the signature you provided. "
                                   "Check your AWS Secret Access Key and signing method.");
    return AUTH_BAD_SIGNATURE;
}
