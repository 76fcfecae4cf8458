/* eval_ask.c - sends requests of an evaluation, several at once, and hands the replies on. What they are worth is
 * others'. See eval_ask.h. */
#include "cmd/eval_ask.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/json.h"
#include "core/mem.h"
#include "core/util.h"

#define CONFIDENCE_HEADER "x-fulcrum-confidence"
#define REPLY_BYTES_MAX ((size_t)16 << 20)
#define TRIES_MAX 8
#define FIRST_PAUSE_US 100000 /* doubles with every try */
#define REQUEST_TIMEOUT_S 900L
#define TERMINAL_EVERY_US 200000
#define LOG_EVERY_US 10000000

enum slot_state { SLOT_IDLE, SLOT_RUNNING, SLOT_PAUSED };

struct slot {
    CURL *curl;
    struct buf body, reply;
    size_t index;
    unsigned tries;
    enum slot_state state;
    uint64_t resume_us; /* of SLOT_PAUSED */
};

struct driver {
    const struct ask *ask;
    CURLM *multi;
    struct curl_slist *headers;
    char *url;
    struct slot slots[EVAL_IN_FLIGHT];
    size_t next, done, failed;
    struct error first_failure; /* with failed > 0 */
};

/* --- one request --- */

static size_t take_reply(char *data, size_t size, size_t count, void *ctx)
{
    struct slot *slot = ctx;
    return buf_append(&slot->reply, data, size * count) ? size * count : 0;
}

static enum error_code start_request(struct driver *driver, struct slot *slot, struct error *error)
{
    buf_clear(&slot->reply);
    curl_easy_setopt(slot->curl, CURLOPT_POSTFIELDS, slot->body.data);
    curl_easy_setopt(slot->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)slot->body.len);
    CURLMcode code = curl_multi_add_handle(driver->multi, slot->curl);
    if (code)
        return error_set(error, ERROR_INTERNAL, "libcurl: %s", curl_multi_strerror(code));
    slot->state = SLOT_RUNNING;
    slot->tries++;
    return OK;
}

static enum error_code start_next(struct driver *driver, struct slot *slot, struct error *error)
{
    slot->index = driver->next++;
    slot->tries = 0;
    buf_clear(&slot->body);
    if (!driver->ask->append_body(driver->ask->ctx, slot->index, &slot->body))
        return error_no_memory(error);
    return start_request(driver, slot, error);
}

/* --- one reply --- */

/* The server's own words about a failed request. */
static void describe_failure(const struct slot *slot, long status, struct error *error)
{
    yyjson_doc *doc;
    struct error ignored;
    struct str message = buf_str(&slot->reply);
    if (json_parse(message, &doc, &ignored)) {
        error_set(error, ERROR_MODEL, "HTTP %ld: " STR_FMT, status, STR_ARG(str_slice(message, 0, 200)));
        return;
    }
    yyjson_val *root = yyjson_doc_get_root(doc);
    message = json_str(yyjson_obj_get(root, "message"));
    error_set(error, status == 404 || status == 400 ? ERROR_INVALID : ERROR_MODEL, "HTTP %ld: " STR_FMT, status,
              STR_ARG(message));
    json_free(doc);
}

static bool is_worth_another_try(const struct slot *slot, long status)
{
    return (status == 429 || status == 503 || status == 424) && slot->tries < TRIES_MAX;
}

/* What the header says; a server of another kind has none. */
static double read_confidence(CURL *curl)
{
    struct curl_header *header;
    double value;
    if (curl_easy_header(curl, CONFIDENCE_HEADER, 0, CURLH_HEADER, -1, &header) != CURLHE_OK ||
        !str_to_double(str_of(header->value), &value) || !(value >= 0 && value <= 1))
        return -1;
    return value;
}

static void fail_request(struct driver *driver, struct slot *slot, const struct error *failure)
{
    if (!driver->failed++)
        driver->first_failure = *failure;
    driver->ask->fail(driver->ask->ctx, slot->index, failure);
}

/* Connection errors end the run, for every other request would meet them too. */
static enum error_code end_request(struct driver *driver, struct slot *slot, CURLcode code, struct error *error)
{
    const struct ask *ask = driver->ask;
    curl_multi_remove_handle(driver->multi, slot->curl);
    if (code)
        return error_set(error, ERROR_UNAVAILABLE, "%s: %s", ask->endpoint, curl_easy_strerror(code));
    long status = 0;
    curl_easy_getinfo(slot->curl, CURLINFO_RESPONSE_CODE, &status);
    if (is_worth_another_try(slot, status)) {
        slot->state = SLOT_PAUSED;
        slot->resume_us = clock_now_us() + ((uint64_t)FIRST_PAUSE_US << slot->tries);
        return OK;
    }
    struct error failure = {.code = OK};
    if (status != 200)
        describe_failure(slot, status, &failure);
    else if (ask->take(ask->ctx, slot->index, buf_str(&slot->reply), read_confidence(slot->curl), &failure))
        failure.code = failure.code == ERROR_IO ? ERROR_IO : ERROR_MODEL;
    if (failure.code == ERROR_IO) {
        *error = failure;
        return error->code;
    }
    if (failure.code)
        fail_request(driver, slot, &failure);
    driver->done++;
    slot->state = SLOT_IDLE;
    return OK;
}

/* --- progress --- */

void ask_print_progress(uint64_t *printed_us, bool is_last, const char *format, ...)
{
    const bool is_terminal = isatty(STDERR_FILENO);
    const uint64_t now = clock_now_us(), every = is_terminal ? TERMINAL_EVERY_US : LOG_EVERY_US;
    va_list args;
    if (now - *printed_us < every && !(is_last && is_terminal))
        return;
    *printed_us = now;
    fputs(is_terminal ? "\r" : "", stderr);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    fputs(is_terminal && !is_last ? "\033[K" : "\n", stderr);
}

/* --- the loop --- */

static enum error_code resume_slots(struct driver *driver, struct error *error)
{
    uint64_t now = clock_now_us();
    for (size_t i = 0; i < EVAL_IN_FLIGHT; i++) {
        struct slot *slot = &driver->slots[i];
        if (slot->state == SLOT_IDLE && driver->next < driver->ask->count) {
            if (start_next(driver, slot, error))
                return error->code;
        } else if (slot->state == SLOT_PAUSED && now >= slot->resume_us && start_request(driver, slot, error)) {
            return error->code;
        }
    }
    return OK;
}

static enum error_code reap_slots(struct driver *driver, struct error *error)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(driver->multi, &left));) {
        if (message->msg != CURLMSG_DONE)
            continue;
        char *slot;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot);
        if (end_request(driver, (struct slot *)(void *)slot, message->data.result, error))
            return error->code;
    }
    return OK;
}

/* Some failures are a request's own, a whole first round of them is the model's. */
static bool has_only_failures(const struct driver *driver)
{
    return !driver->ask->may_all_fail && driver->failed && driver->failed == driver->done &&
           (driver->done >= 2 * EVAL_IN_FLIGHT || driver->done == driver->ask->count);
}

static void show_progress(const struct driver *driver, bool is_last)
{
    if (driver->ask->progress)
        driver->ask->progress(driver->ask->ctx, driver->done, is_last);
}

static enum error_code drive(struct driver *driver, struct error *error)
{
    while (driver->done < driver->ask->count) {
        int running;
        if (resume_slots(driver, error))
            return error->code;
        CURLMcode code = curl_multi_perform(driver->multi, &running);
        if (!code)
            code = curl_multi_poll(driver->multi, NULL, 0, 100, NULL);
        if (code)
            return error_set(error, ERROR_INTERNAL, "libcurl: %s", curl_multi_strerror(code));
        if (reap_slots(driver, error))
            return error->code;
        if (has_only_failures(driver)) {
            *error = driver->first_failure;
            return error_prefix(error, "every request failed, the first with");
        }
        show_progress(driver, false);
    }
    show_progress(driver, true);
    return OK;
}

/* --- set-up --- */

/* ENDPOINT/model/ID/converse, the ID percent-encoded. */
static enum error_code build_url(struct driver *driver, struct error *error)
{
    char *id = curl_easy_escape(NULL, driver->ask->model, 0);
    struct str endpoint = str_of(driver->ask->endpoint);
    while (endpoint.len && endpoint.data[endpoint.len - 1] == '/')
        endpoint.len--;
    struct buf url;
    buf_init(&url, 8192);
    if (id)
        buf_appendf(&url, STR_FMT "/model/%s/converse", STR_ARG(endpoint), id);
    if (id && !url.failed)
        driver->url = mem_strdup(buf_str(&url));
    curl_free(id);
    buf_deinit(&url);
    return driver->url ? OK : error_no_memory(error);
}

static enum error_code build_headers(struct driver *driver, struct error *error)
{
    const char *token = getenv("AWS_BEARER_TOKEN_BEDROCK");
    struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");
    if (list)
        driver->headers = list;
    if (list && driver->ask->wants_confidence)
        list = curl_slist_append(driver->headers, CONFIDENCE_HEADER ": true");
    if (list && token && *token) {
        char line[4096];
        int len = snprintf(line, sizeof(line), "Authorization: Bearer %s", token);
        if (len >= (int)sizeof(line))
            return error_set(error, ERROR_INVALID, "AWS_BEARER_TOKEN_BEDROCK: longer than a key can be");
        list = curl_slist_append(driver->headers, line);
    }
    return list ? OK : error_no_memory(error);
}

static enum error_code open_slot(struct driver *driver, struct slot *slot, struct error *error)
{
    buf_init(&slot->body, REPLY_BYTES_MAX);
    buf_init(&slot->reply, REPLY_BYTES_MAX);
    slot->curl = curl_easy_init();
    if (!slot->curl)
        return error_no_memory(error);
    curl_easy_setopt(slot->curl, CURLOPT_URL, driver->url);
    curl_easy_setopt(slot->curl, CURLOPT_HTTPHEADER, driver->headers);
    curl_easy_setopt(slot->curl, CURLOPT_WRITEFUNCTION, take_reply);
    curl_easy_setopt(slot->curl, CURLOPT_WRITEDATA, slot);
    curl_easy_setopt(slot->curl, CURLOPT_PRIVATE, slot);
    curl_easy_setopt(slot->curl, CURLOPT_TIMEOUT, REQUEST_TIMEOUT_S);
    curl_easy_setopt(slot->curl, CURLOPT_NOSIGNAL, 1L);
    return OK;
}

static enum error_code open_driver(struct driver *driver, struct error *error)
{
    if (build_url(driver, error) || build_headers(driver, error))
        return error->code;
    driver->multi = curl_multi_init();
    if (!driver->multi)
        return error_no_memory(error);
    for (size_t i = 0; i < EVAL_IN_FLIGHT; i++) {
        if (open_slot(driver, &driver->slots[i], error))
            return error->code;
    }
    return OK;
}

static void close_driver(struct driver *driver)
{
    for (size_t i = 0; i < EVAL_IN_FLIGHT; i++) {
        struct slot *slot = &driver->slots[i];
        if (slot->state == SLOT_RUNNING)
            curl_multi_remove_handle(driver->multi, slot->curl);
        curl_easy_cleanup(slot->curl);
        buf_deinit(&slot->body);
        buf_deinit(&slot->reply);
    }
    curl_multi_cleanup(driver->multi);
    curl_slist_free_all(driver->headers);
    mem_free(driver->url);
}

enum error_code ask_all(const struct ask *ask, struct error *error)
{
    struct driver driver = {.ask = ask};
    enum error_code code = open_driver(&driver, error);
    if (!code)
        code = drive(&driver, error);
    close_driver(&driver);
    return code;
}
