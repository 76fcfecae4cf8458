/* hook.c - see hook.h. */
#include "alarm/hook.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

#include "core/buf.h"
#include "core/limits.h"
#include "core/util.h"

#define CONNECT_TIMEOUT_S 10L
#define TIMEOUT_S 30L
#define HEADER_MAX 160

void hook_sign(struct str secret, uint64_t timestamp_s, struct str body, char out[HOOK_SIGNATURE_LEN + 1])
{
    uint8_t digest[SHA256_LEN];
    unsigned len = sizeof(digest);
    struct buf text;
    buf_init(&text, body.len + 32);
    buf_append_u64(&text, timestamp_s);
    buf_append_char(&text, '.');
    buf_append_str(&text, body);
    memcpy(out, "v1=", 4);
    if (!text.failed && HMAC(EVP_sha256(), secret.data, (int)secret.len, (const unsigned char *)text.data, text.len,
                             digest, &len))
        hex_encode(digest, sizeof(digest), out + 3);
    buf_deinit(&text);
}

/* What the receiver answers is of no interest but for its status. */
static size_t on_reply(char *data, size_t size, size_t count, void *ctx)
{
    size_t *left = ctx;
    (void)data;
    if (size * count > *left)
        return 0;
    *left -= size * count;
    return size * count;
}

/* libcurl asks now and then, also while nothing moves. */
static int on_progress(void *ctx, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
    (void)down_total, (void)down, (void)up_total, (void)up;
    return atomic_load((const atomic_bool *)ctx);
}

static bool append_header(struct curl_slist **headers, const char *text)
{
    struct curl_slist *more = curl_slist_append(*headers, text);
    *headers = more ? more : *headers;
    return more;
}

static bool make_headers(struct str secret, struct str body, struct curl_slist **headers)
{
    char line[HEADER_MAX], signature[HOOK_SIGNATURE_LEN + 1];
    const uint64_t now_s = clock_wall_us() / 1000000;
    (void)snprintf(line, sizeof(line), "x-fulcrum-timestamp: %" PRIu64, now_s);
    bool is_made = append_header(headers, "content-type: application/json") && append_header(headers, "expect:") &&
                   append_header(headers, line);
    if (secret.len == 0)
        return is_made;
    hook_sign(secret, now_s, body, signature);
    (void)snprintf(line, sizeof(line), "x-fulcrum-signature: %s", signature);
    return append_header(headers, line) && is_made;
}

static void set_up(CURL *curl, const char *url, struct str body, const struct curl_slist *headers, size_t *left,
                   const atomic_bool *is_over)
{
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "fulcrum/" FULCRUM_VERSION);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_reply);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, left);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, is_over);
}

static enum error_code perform(CURL *curl, struct error *error)
{
    long status = 0;
    const CURLcode result = curl_easy_perform(curl);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (result != CURLE_OK && status == 0)
        return error_set(error, ERROR_UNAVAILABLE, "%s", curl_easy_strerror(result));
    if (status < 200 || status > 299)
        return error_set(error, ERROR_UNAVAILABLE, "it answered with status %ld", status);
    return OK;
}

enum error_code hook_post(const char *url, struct str secret, struct str body, const atomic_bool *is_over,
                          struct error *error)
{
    struct curl_slist *headers = NULL;
    size_t left = LIMIT_ALARM_HOOK_REPLY;
    CURL *curl = curl_easy_init();
    enum error_code code = curl && make_headers(secret, body, &headers) ? OK : error_no_memory(error);
    if (code == OK) {
        set_up(curl, url, body, headers, &left, is_over);
        code = perform(curl, error);
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return code;
}
