/* api_client.c - a request of a subcommand to a running server, over libcurl, signed. Says what was answered and
 * judges nothing. See api_client.h. */
#include "cmd/api_client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/json.h"

#define DEFAULT_ENDPOINT "http://127.0.0.1:8080"
#define REQUEST_TIMEOUT_S 60L
#define HEADER_BYTES 8192

struct api_client {
    CURL *curl;
    struct curl_slist *headers;
    char *endpoint;
};

static const char *setting(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static bool add_header(struct api_client *client, const char *name, const char *value)
{
    char line[HEADER_BYTES];
    int len = snprintf(line, sizeof(line), "%s: %s", name, value);
    struct curl_slist *list = len < (int)sizeof(line) ? curl_slist_append(client->headers, line) : NULL;
    if (list)
        client->headers = list;
    return list != NULL;
}

static bool set_credentials(struct api_client *client)
{
    char text[HEADER_BYTES];
    const char *bearer = setting("AWS_BEARER_TOKEN_BEDROCK"), *token = setting("AWS_SESSION_TOKEN");
    const char *key = setting("AWS_ACCESS_KEY_ID"), *secret = setting("AWS_SECRET_ACCESS_KEY");
    const char *region = setting("AWS_REGION");
    if (bearer) {
        int len = snprintf(text, sizeof(text), "Bearer %s", bearer);
        return len < (int)sizeof(text) && add_header(client, "Authorization", text);
    }
    if (!key || !secret)
        return true;
    if (!region)
        region = setting("AWS_DEFAULT_REGION");
    snprintf(text, sizeof(text), "aws:amz:%.64s:bedrock", region ? region : "us-east-1");
    return (!token || add_header(client, "X-Amz-Security-Token", token)) &&
           curl_easy_setopt(client->curl, CURLOPT_USERNAME, key) == CURLE_OK &&
           curl_easy_setopt(client->curl, CURLOPT_PASSWORD, secret) == CURLE_OK &&
           curl_easy_setopt(client->curl, CURLOPT_AWS_SIGV4, text) == CURLE_OK;
}

static size_t take(char *data, size_t size, size_t count, void *ctx)
{
    return buf_append(ctx, data, size * count) ? size * count : 0;
}

enum error_code api_client_new(const char *endpoint, struct api_client **client, struct error *error)
{
    if (!endpoint)
        endpoint = setting("FULCRUM_ENDPOINT");
    if (!endpoint)
        endpoint = DEFAULT_ENDPOINT;
    struct str url = str_of(endpoint);
    while (str_ends(url, STR("/")))
        url.len--;
    struct api_client *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    made->curl = curl_easy_init();
    made->endpoint = mem_strdup(url);
    if (!made->curl || !made->endpoint || !add_header(made, "Content-Type", "application/json") ||
        !set_credentials(made)) {
        api_client_free(made);
        return error_no_memory(error);
    }
    curl_easy_setopt(made->curl, CURLOPT_HTTPHEADER, made->headers);
    curl_easy_setopt(made->curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(made->curl, CURLOPT_TIMEOUT, REQUEST_TIMEOUT_S);
    curl_easy_setopt(made->curl, CURLOPT_NOSIGNAL, 1L);
    *client = made;
    return OK;
}

void api_client_free(struct api_client *client)
{
    if (!client)
        return;
    curl_easy_cleanup(client->curl);
    curl_slist_free_all(client->headers);
    mem_free(client->endpoint);
    mem_free(client);
}

/* The service's errors have it at their root, those below /fulcrum in `error`. */
static struct str message_of(yyjson_val *root)
{
    yyjson_val *error = yyjson_obj_get(root, "error");
    return json_str(yyjson_obj_get(yyjson_is_obj(error) ? error : root, "message"));
}

static enum error_code describe(const struct api_client *client, long status, const struct buf *reply,
                                struct error *error)
{
    yyjson_doc *doc = NULL;
    struct error ignored;
    struct str message = {0};
    enum error_code code = status >= 500 ? ERROR_MODEL : ERROR_INVALID;
    if (json_parse(buf_str(reply), &doc, &ignored) == OK)
        message = message_of(yyjson_doc_get_root(doc));
    if (message.data)
        (void)error_set(error, code, STR_FMT, STR_ARG(message));
    else
        (void)error_set(error, code, "%s answered with HTTP status %ld", client->endpoint, status);
    json_free(doc);
    return code;
}

static enum error_code perform(struct api_client *client, const char *method, const char *target, struct str body,
                               struct buf *reply, struct error *error)
{
    struct buf url;
    long status = 0;
    buf_clear(reply);
    buf_init(&url, HEADER_BYTES);
    buf_appendf(&url, "%s%s", client->endpoint, target);
    if (!buf_append_char(&url, '\0')) {
        buf_deinit(&url);
        return error_set(error, ERROR_INVALID, "the endpoint is too long");
    }
    curl_easy_setopt(client->curl, CURLOPT_URL, url.data);
    curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, reply);
    if (body.data) {
        curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, body.data);
        curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    } else {
        curl_easy_setopt(client->curl, CURLOPT_HTTPGET, 1L);
    }
    curl_easy_setopt(client->curl, CURLOPT_CUSTOMREQUEST, method);
    CURLcode result = curl_easy_perform(client->curl);
    buf_deinit(&url);
    if (result)
        return error_set(error, ERROR_UNAVAILABLE, "%s: %s", client->endpoint, curl_easy_strerror(result));
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    return status >= 200 && status < 300 ? OK : describe(client, status, reply, error);
}

enum error_code api_client_call(struct api_client *client, const char *target, struct str body, struct buf *reply,
                                struct error *error)
{
    return perform(client, body.data ? "POST" : "GET", target, body, reply, error);
}

enum error_code api_client_put(struct api_client *client, const char *target, struct str body, struct buf *reply,
                               struct error *error)
{
    return perform(client, "PUT", target, body, reply, error);
}

enum error_code api_client_delete(struct api_client *client, const char *target, struct buf *reply, struct error *error)
{
    return perform(client, "DELETE", target, (struct str){NULL, 0}, reply, error);
}
