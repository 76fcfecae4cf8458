/* eval_run.c - asks a model every row of an evaluation, and keeps what the replies are worth by distill/score.c. See
 * eval_run.h. */
#include "cmd/eval_run.h"

#include "cmd/eval_ask.h"
#include "core/json.h"
#include "core/util.h"

#define TEXT_BYTES_MAX ((size_t)16 << 20)

struct driver {
    const struct eval_target *target;
    struct eval_run *run;
    size_t right_count;
    uint64_t progress_us; /* of the last line */
};

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

static bool append_body(void *ctx, size_t row, struct buf *body)
{
    const struct driver *driver = ctx;
    eval_row_append_request(&driver->target->data->rows[row], body);
    return !body->failed;
}

static enum error_code take_reply(void *ctx, size_t index, struct str body, double confidence, struct error *error)
{
    struct driver *driver = ctx;
    const struct eval_row *row = &driver->target->data->rows[index];
    yyjson_doc *doc;
    struct eval_outcome *outcome = &driver->run->outcomes[index];
    outcome->confidence = confidence;
    if (json_parse(body, &doc, error))
        return error_prefix(error, "the reply is no JSON");
    yyjson_val *root = yyjson_doc_get_root(doc);
    yyjson_val *content = yyjson_obj_get(yyjson_obj_get(yyjson_obj_get(root, "output"), "message"), "content");
    struct score_reply reply = {0};
    struct buf text;
    buf_init(&text, TEXT_BYTES_MAX);
    read_content(content, &text, &reply);
    outcome->usage = read_usage(yyjson_obj_get(root, "usage"));
    outcome->result = score_reply(row->kind, row->expected, &reply);
    driver->run->output_tokens += outcome->usage.tokens[PRICE_OUTPUT];
    driver->right_count += outcome->result.is_right;
    bool has_content = yyjson_is_arr(content);
    buf_deinit(&text);
    json_free(doc);
    return has_content ? OK : error_set(error, ERROR_MODEL, "the reply has no output.message.content");
}

static void fail_row(void *ctx, size_t index, const struct error *failure)
{
    struct driver *driver = ctx;
    if (!driver->run->failed_count++)
        driver->run->first_failure = *failure;
    driver->run->outcomes[index].has_failed = true;
}

static void show_progress(void *ctx, size_t done, bool is_last)
{
    struct driver *driver = ctx;
    if (driver->target->shows_progress)
        ask_print_progress(&driver->progress_us, is_last, "%s: %zu of %zu rows, %.1f%% right", driver->target->model,
                           done, driver->target->data->count,
                           done ? 100.0 * (double)driver->right_count / (double)done : 0.0);
}

enum error_code eval_run(const struct eval_target *target, struct eval_run *run, struct error *error)
{
    struct driver driver = {.target = target, .run = run, .progress_us = clock_now_us()};
    const struct ask ask = {
        .endpoint = target->endpoint,
        .model = target->model,
        .count = target->data->count,
        .wants_confidence = target->wants_confidence,
        .ctx = &driver,
        .append_body = append_body,
        .take = take_reply,
        .fail = fail_row,
        .progress = show_progress,
    };
    *run = (struct eval_run){.outcomes = mem_calloc(target->data->count, sizeof(*run->outcomes))};
    if (!run->outcomes)
        return error_no_memory(error);
    for (size_t i = 0; i < target->data->count; i++)
        run->outcomes[i].confidence = -1;
    uint64_t start = clock_now_us();
    enum error_code code = ask_all(&ask, error);
    run->seconds = (double)(clock_now_us() - start) / 1e6;
    if (code)
        eval_run_deinit(run);
    return code;
}

void eval_run_deinit(struct eval_run *run)
{
    mem_free(run->outcomes);
    run->outcomes = NULL;
}
