/* eval_run.c - sends the rows of an evaluation, several at once, and keeps the answers. What they are worth is
 * distill/score.c's. See eval_run.h. */
#include "cmd/eval_run.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/json.h"
#include "core/util.h"

#define CONFIDENCE_HEADER "x-fulcrum-confidence"
#define REPLY_BYTES_MAX ((size_t)16 << 20)
#define TRIES_MAX 8
#define FIRST_PAUSE_US 100000 /* doubles with every try */
#define REQUEST_TIMEOUT_S 900L

enum slot_state { SLOT_IDLE, SLOT_RUNNING, SLOT_PAUSED };

struct slot {
    CURL *curl;
    struct buf body, reply;
    size_t row;
    unsigned tries;
    enum slot_state state;
    uint64_t resume_us; /* of SLOT_PAUSED */
};

struct driver {
    const struct eval_target *target;
    struct eval_run *run;
    CURLM *multi;
    struct curl_slist *headers;
    char *url;
    struct slot slots[EVAL_IN_FLIGHT];
    size_t next_row, done_count, right_count;
    uint64_t progress_us; /* of the last line */
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

static enum error_code start_row(struct driver *driver, struct slot *slot, struct error *error)
{
    slot->row = driver->next_row++;
    slot->tries = 0;
    buf_clear(&slot->body);
    eval_row_append_request(&driver->target->data->rows[slot->row], &slot->body);
    return slot->body.failed ? error_no_memory(error) : start_request(driver, slot, error);
}

/* --- one reply --- */

static struct price_usage read_usage(yyjson_val *usage)
{
    static const char *const keys[PRICE_CLASSES] = {
        [PRICE_INPUT] = "inputTokens",
        [PRICE_CACHE_READ] = "cacheReadInputTokens",
        [PRICE_CACHE_WRITE_5M] = "cacheWriteInputTokens",
        [PRICE_OUTPUT] = "outputTokens",
    };
    struct price_usage counts = {{0}};
    for (size_t i = 0; i < PRICE_CLASSES; i++)
        counts.tokens[i] = keys[i] ? yyjson_get_uint(yyjson_obj_get(usage, keys[i])) : 0;
    size_t idx, max;
    yyjson_val *detail;
    yyjson_arr_foreach(yyjson_obj_get(usage, "cacheDetails"), idx, max, detail)
    {
        uint64_t written = yyjson_get_uint(yyjson_obj_get(detail, "inputTokens"));
        struct str ttl = json_str(yyjson_obj_get(detail, "ttl"));
        if (!str_eq(ttl, STR("1h")) || written > counts.tokens[PRICE_CACHE_WRITE_5M])
            continue;
        counts.tokens[PRICE_CACHE_WRITE_5M] -= written;
        counts.tokens[PRICE_CACHE_WRITE_1H] += written;
    }
    return counts;
}

/* Text blocks joined into *text, the first tool use as it is. */
static void read_content(yyjson_val *content, struct buf *text, struct score_reply *reply)
{
    size_t idx, max;
    yyjson_val *block;
    yyjson_arr_foreach(content, idx, max, block)
    {
        yyjson_val *use = yyjson_obj_get(block, "toolUse");
        buf_append_str(text, json_str(yyjson_obj_get(block, "text")));
        if (yyjson_is_obj(use) && !reply->tool_name.data) {
            reply->tool_name = json_str(yyjson_obj_get(use, "name"));
            reply->tool_input = yyjson_obj_get(use, "input");
        }
    }
    reply->text = buf_str(text);
}

static enum error_code score_slot(struct driver *driver, const struct slot *slot, struct error *error)
{
    const struct eval_row *row = &driver->target->data->rows[slot->row];
    yyjson_doc *doc;
    if (json_parse(buf_str(&slot->reply), &doc, error))
        return error_prefix(error, "the reply is no JSON");
    yyjson_val *root = yyjson_doc_get_root(doc);
    yyjson_val *content = yyjson_obj_get(yyjson_obj_get(yyjson_obj_get(root, "output"), "message"), "content");
    struct score_reply reply = {0};
    struct buf text;
    buf_init(&text, REPLY_BYTES_MAX);
    read_content(content, &text, &reply);
    struct eval_outcome *outcome = &driver->run->outcomes[slot->row];
    outcome->usage = read_usage(yyjson_obj_get(root, "usage"));
    outcome->result = score_reply(row->kind, row->expected, &reply);
    driver->run->output_tokens += outcome->usage.tokens[PRICE_OUTPUT];
    bool has_content = yyjson_is_arr(content);
    buf_deinit(&text);
    json_free(doc);
    return has_content ? OK : error_set(error, ERROR_MODEL, "the reply has no output.message.content");
}

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

static void fail_row(struct driver *driver, size_t row, const struct error *failure)
{
    if (!driver->run->failed_count++)
        driver->run->first_failure = *failure;
    driver->run->outcomes[row].has_failed = true;
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

/* Connection errors end the run, for every other row would meet them too. */
static enum error_code end_request(struct driver *driver, struct slot *slot, CURLcode code, struct error *error)
{
    curl_multi_remove_handle(driver->multi, slot->curl);
    if (code)
        return error_set(error, ERROR_UNAVAILABLE, "%s: %s", driver->target->endpoint, curl_easy_strerror(code));
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
    else if (score_slot(driver, slot, &failure))
        failure.code = ERROR_MODEL;
    if (failure.code)
        fail_row(driver, slot->row, &failure);
    driver->run->outcomes[slot->row].confidence = read_confidence(slot->curl);
    driver->right_count += driver->run->outcomes[slot->row].result.is_right;
    driver->done_count++;
    slot->state = SLOT_IDLE;
    return OK;
}

/* --- the loop --- */

static enum error_code resume_slots(struct driver *driver, struct error *error)
{
    uint64_t now = clock_now_us();
    for (size_t i = 0; i < EVAL_IN_FLIGHT; i++) {
        struct slot *slot = &driver->slots[i];
        if (slot->state == SLOT_IDLE && driver->next_row < driver->target->data->count) {
            if (start_row(driver, slot, error))
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

/* A line that renews itself on a terminal, one every ten seconds elsewhere. */
static void show_progress(struct driver *driver, bool is_last)
{
    bool is_terminal = isatty(STDERR_FILENO);
    uint64_t now = clock_now_us(), every = is_terminal ? 200000 : 10000000;
    if (!driver->target->shows_progress || (now - driver->progress_us < every && !(is_last && is_terminal)))
        return;
    driver->progress_us = now;
    size_t count = driver->target->data->count;
    fprintf(stderr, "%s%s: %zu of %zu rows, %.1f%% right%s", is_terminal ? "\r" : "", driver->target->model,
            driver->done_count, count,
            driver->done_count ? 100.0 * (double)driver->right_count / (double)driver->done_count : 0.0,
            is_terminal && !is_last ? "\033[K" : "\n");
}

/* Some failures are a row's own, a whole first round of them is the model's. */
static bool has_only_failures(const struct driver *driver)
{
    size_t count = driver->target->data->count;
    return driver->run->failed_count && driver->run->failed_count == driver->done_count &&
           (driver->done_count >= 2 * EVAL_IN_FLIGHT || driver->done_count == count);
}

static enum error_code drive(struct driver *driver, struct error *error)
{
    while (driver->done_count < driver->target->data->count) {
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
            *error = driver->run->first_failure;
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
    char *id = curl_easy_escape(NULL, driver->target->model, 0);
    struct str endpoint = str_of(driver->target->endpoint);
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
    if (list && driver->target->wants_confidence)
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
    driver->run->outcomes = mem_calloc(driver->target->data->count, sizeof(*driver->run->outcomes));
    if (!driver->multi || !driver->run->outcomes)
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

enum error_code eval_run(const struct eval_target *target, struct eval_run *run, struct error *error)
{
    struct driver driver = {.target = target, .run = run, .progress_us = clock_now_us()};
    *run = (struct eval_run){0};
    uint64_t start = clock_now_us();
    enum error_code code = open_driver(&driver, error);
    if (!code)
        code = drive(&driver, error);
    run->seconds = (double)(clock_now_us() - start) / 1e6;
    close_driver(&driver);
    if (code)
        eval_run_deinit(run);
    return code;
}

void eval_run_deinit(struct eval_run *run)
{
    mem_free(run->outcomes);
    run->outcomes = NULL;
}
